from array import array
from typing import TypeAlias

from btfkit.hot.leb128 import Leb128

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class Abbreviations(Leb128):
    crosses: int

    def __init__(self, tags: _Bytes, slots: _Bytes, wanted: _Words, forms: _Bytes) -> None: ...
    def read(self, data: _Bytes, at: int) -> None: ...
