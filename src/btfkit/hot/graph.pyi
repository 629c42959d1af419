from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def has_elements(kind: int) -> bool: ...
def reach(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_id: int,
    levels: bytearray,
    stack: list[int],
    below: list[int],
    policy: int,
) -> None: ...
def whole(
    words: _Words, positions: _Words, levels: bytearray, policy: int, kept: list[int], bare: list[int]
) -> None: ...
