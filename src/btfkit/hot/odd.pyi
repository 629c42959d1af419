from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def picked(
    words: _Words,
    positions: _Words,
    kinds: _Bytes,
    flags: _Bytes,
    bare: _Bytes,
    vlens: _Words,
    odd: _Bytes,
    first_offset: int,
    table: _Bytes,
    found: list[int],
) -> None: ...
