from array import array
from typing import TypeAlias

from btfkit.hot.strings import StringTable

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def mark_starts(strings: _Bytes, moved: _Words) -> None: ...
def spell(pool: _Bytes, here: int, text: bytearray | memoryview, at: int) -> int: ...
def declarations(norm: _Words, place: _Words, first: int, found: list[int]) -> None: ...
def mark(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_offset: int,
    moved: _Words,
    below: _Words,
    found: list[int],
) -> tuple[int, int]: ...
def mark_name(value: int, first_offset: int, moved: _Words, below: _Words, found: list[int]) -> int: ...
def clear(moved: _Words) -> None: ...
def take(
    norm: _Words,
    first_word: int,
    positions: _Words,
    table: _Bytes,
    first_offset: int,
    below: _Words,
    moved: _Words,
    first_id: int,
    shift: int,
    refs: _Words,
    first_edge: int,
    place: _Words,
    starts: _Words,
    hashes: _Words,
    prime: int,
    pool: StringTable,
    strings: _Bytes,
) -> int: ...
def new_name(
    value: int, first_offset: int, below: _Words, moved: _Words, pool: StringTable, strings: _Bytes
) -> int: ...
def new_reference(value: int, first_id: int, shift: int) -> int: ...
def share(norm: _Words, place: _Words, label: _Words, heads: _Words) -> int: ...
def write(
    norm: _Words,
    place: _Words,
    table: _Bytes,
    starts: _Words,
    refs: _Words,
    stays: _Bytes,
    first: int,
    ids: _Words,
    pool: _Bytes,
    first_offset: int,
    renamed: _Words,
    end: int,
    out: _Words,
    text: bytearray | memoryview,
    shift: int,
) -> int: ...
def rename(pool: _Bytes, name: int, renamed: _Words, end: int, text: bytearray | memoryview, shift: int) -> int: ...
