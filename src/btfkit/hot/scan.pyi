from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def scan(words: _Words, table: _Bytes, positions: _Words) -> tuple[int, int, int, int]: ...
def functions(words: _Words, positions: _Words, first_id: int) -> tuple[int, list[int]]: ...
def check(words: _Words, positions: _Words, table: _Bytes, type_count: int, string_count: int) -> int: ...
def is_sorted(words: _Words, positions: _Words, below: _Bytes, strings: _Bytes, first_offset: int) -> int: ...
def misfits(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_id: int,
    first_offset: int,
    base_words: _Words,
    base_positions: _Words,
    base_id: int,
    base_strings: _Bytes,
    base_offset: int,
) -> tuple[int, int, int, int]: ...
