from array import array
from collections.abc import Callable
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def compact(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    kept: _Words,
    chosen: dict[int, tuple[int, ...]],
    ids: dict[int, int],
    follow: Callable[[int], int],
    names: dict[int, int],
    rename: Callable[[int], int],
    out: array[int],
) -> None: ...
