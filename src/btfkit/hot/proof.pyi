from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def prove(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    start: int,
    ids: _Words,
    shift: int,
    low: _Bytes,
    high: _Bytes,
    base_words: _Words,
    base_positions: _Words,
    new_words: _Words,
    new_positions: _Words,
    new_high: _Bytes,
    known: _Words,
    doubtful: list[int],
    arrays: list[int],
) -> int: ...
