from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class Abbreviations:
    at: int
    crosses: int

    def __init__(self, tags: _Bytes, slots: _Bytes, wanted: _Words, forms: _Bytes) -> None: ...
    def read(self, data: _Bytes, at: int) -> None: ...
