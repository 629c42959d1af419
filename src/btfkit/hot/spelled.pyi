from array import array
from collections.abc import Callable
from typing import TypeAlias

from btfkit.hot.c_buffer import Buffer

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class Spelled(Buffer):
    def __init__(
        self,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        shown: Callable[[int], bytes],
        longest: int,
        levels: int,
        deepest: int,
        most: int,
    ) -> None: ...
