from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def candidates(
    words: _Words,
    positions: _Words,
    kinds: _Bytes,
    below: _Bytes,
    strings: _Bytes,
    first_offset: int,
    wanted: _Bytes,
    starts: _Words,
    heads: _Bytes,
    found: list[int],
) -> None: ...
