from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]

UNKNOWN: int
PACKED: int

def natural(
    words: _Words,
    positions: _Words,
    pointer_size: int,
    exact: bool,
    aligns: bytearray | memoryview,
    sizes: array[int] | memoryview,
    stack: array[int] | memoryview,
) -> None: ...
