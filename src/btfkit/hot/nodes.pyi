from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def mark_starts(strings: _Bytes, moved: array[int]) -> None: ...
def spell(pool: _Bytes, here: int, text: bytearray, at: int) -> int: ...
def declarations(norm: _Words, place: _Words, first: int, found: list[int]) -> None: ...
def mark_names(words: _Words, names: _Words, first_offset: int, moved: _Words) -> None: ...
def settle(norm: _Words, names: _Words, first_offset: int, below: _Words, moved: _Words) -> None: ...
def take_ids(norm: _Words, ids: _Words, first_id: int, shift: int, refs: _Words) -> None: ...
def place_nodes(
    norm: _Words,
    first_word: int,
    positions: _Words,
    id_starts: _Words,
    first_edge: int,
    place: _Words,
    starts: _Words,
    hashes: _Words,
    prime: int,
) -> None: ...
def share(norm: _Words, place: _Words, label: _Words, heads: _Words) -> int: ...
def gather(
    norm: _Words,
    place: _Words,
    table: _Bytes,
    starts: _Words,
    refs: _Words,
    stays: _Bytes,
    first: int,
    ids: _Words,
    out: _Words,
    positions: _Words,
    targets: _Words,
) -> None: ...
def put(words: _Words, places: _Words, values: _Words) -> None: ...
def rename(
    words: _Words,
    names: _Words,
    pool: _Bytes,
    first_offset: int,
    renamed: _Words,
    end: int,
    text: bytearray,
    shift: int,
) -> int: ...
