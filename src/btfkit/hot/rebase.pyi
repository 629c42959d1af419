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
def clear(board: _Words, found: list[int]) -> None: ...
def is_leaf(kind: int) -> bool: ...
def uses(words: _Words, positions: _Words, ids: _Words, id_starts: _Words, first_id: int, marks: bytearray) -> None: ...
def index_names(
    words: _Words, positions: _Words, strings: _Bytes, buckets: _Words, chain: _Words, hashes: _Words
) -> int: ...
def named(
    name: _Bytes,
    strings: _Bytes,
    words: _Words,
    positions: _Words,
    buckets: _Words,
    chain: _Words,
    hashes: _Words,
    found: list[int],
) -> None: ...
def match(
    d_words: _Words,
    d_positions: _Words,
    d_strings: _Bytes,
    marks: bytearray,
    words: _Words,
    positions: _Words,
    strings: _Bytes,
    buckets: _Words,
    chain: _Words,
    hashes: _Words,
    upstream: bool,
    mapped: _Words,
    hard: list[int],
    full: list[int],
) -> None: ...
def spellings(
    d_words: _Words,
    d_positions: _Words,
    mapped: _Words,
    words: _Words,
    positions: _Words,
    offsets: _Words,
) -> None: ...
