from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

REFERRED: int
EMBEDDED: int
PASSED: int

def collect(
    words: _Words,
    ids: _Words,
    table: _Bytes,
    first_id: int,
    below_words: _Words,
    below_positions: _Words,
    below_strings: _Bytes,
    board: _Words,
    found: list[int],
) -> tuple[int, int]: ...
def part(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    found: list[int],
    board: _Words,
    bare: _Words,
    bare_start: _Words,
    others: _Words,
    moved: list[int],
    start: _Words,
    first_moved: int,
) -> int: ...
def of_kinds(words: _Words, positions: _Words, kinds_wanted: int, found: list[int]) -> None: ...
def clear(board: _Words, found: list[int]) -> None: ...
def is_leaf(kind: int) -> bool: ...
def tag_of(info: int) -> int: ...
def uses(words: _Words, positions: _Words, ids: _Words, id_starts: _Words, first_id: int, marks: bytearray) -> None: ...
def same(one: _Bytes, a: int, other: _Bytes, b: int) -> bool: ...

class Records:
    def __init__(self, words: _Words, positions: _Words, strings: _Bytes) -> None: ...

class Index:
    twins: _Words

    def __init__(
        self,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        buckets: _Words,
        chain: _Words,
        twins: _Words,
        hashes: _Words,
    ) -> None: ...
    def first(self, strings: _Bytes, start: int) -> int: ...
    def differing(self, own: Records, groups: _Words, doubtful: list[int]) -> int: ...
    def match(
        self,
        old: Records,
        marks: bytearray,
        upstream: bool,
        most: int,
        mapped: _Words,
        hard: list[int],
        full: list[int],
        crowded: list[int],
    ) -> None: ...

def spellings(
    d_words: _Words,
    d_positions: _Words,
    mapped: _Words,
    words: _Words,
    positions: _Words,
    offsets: _Words,
) -> None: ...
