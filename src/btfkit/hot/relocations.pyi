from array import array
from typing import TypeAlias

_Bytes: TypeAlias = bytes | bytearray | memoryview
_Longs: TypeAlias = array[int] | memoryview

def apply(
    out: bytearray,
    table: _Longs,
    columns: int,
    values: _Longs,
    sections: _Longs,
    shift: int,
    bases: array[int],
    actions: _Bytes,
    word: int,
    big: bool,
) -> int: ...
def number(data: _Bytes, at: int, size: int, big: bool) -> int: ...
