from array import array
from collections.abc import Callable
from typing import TypeAlias

from btfkit.hot.c_buffer import Buffer

_Bytes: TypeAlias = bytes | bytearray | memoryview
_Numbers: TypeAlias = memoryview | array[int]

def lines(writer: Writer, data: _Bytes, at: int, size: int, count: int, has_rest: bool) -> None: ...

class Writer(Buffer):
    def __init__(
        self,
        rows: _Numbers,
        names: _Bytes,
        enums: _Numbers,
        others: list[Callable[[_Bytes, int, int, int], bytes]],
        escaped: Callable[[bytes], bytes],
        is_big: bool,
    ) -> None: ...
