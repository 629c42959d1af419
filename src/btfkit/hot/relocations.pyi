from array import array
from typing import TypeAlias

_Bytes: TypeAlias = bytes | bytearray | memoryview

def apply(
    out: bytearray,
    table: _Bytes,
    symbols: array[int],
    bases: array[int],
    actions: _Bytes,
    word: int,
    big: bool,
    addends: bool,
) -> int: ...
def number(data: _Bytes, at: int, size: int, big: bool) -> int: ...
