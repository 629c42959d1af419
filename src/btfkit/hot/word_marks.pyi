from array import array
from typing import TypeAlias

_Bytes: TypeAlias = bytes | bytearray | memoryview

def mark(
    strings: _Bytes,
    tree: array[int],
    ends: _Bytes,
    found: bytearray,
) -> None: ...
