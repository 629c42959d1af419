from array import array
from typing import TypeAlias

from btfkit.hot.c_buffer import Buffer

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

FORWARD: int

def write(writer: Writer, plan: _Words, first: int, enough: int) -> int: ...
def prototype(writer: Writer, proto: int, name: int) -> None: ...

class Writer(Buffer):
    def __init__(
        self,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        aligns: _Bytes,
        sizes: _Words,
        pointer_size: int,
        shown: _Bytes,
        spaced: _Bytes,
        attributed: _Bytes,
        literal: bool,
        inline: bool,
        marks: _Bytes,
        guards: _Bytes,
        guard: bytes,
        prefix: bytes,
        suffix: bytes,
        steps: int,
        most: int,
    ) -> None: ...
    def claim(self, type_id: int) -> None: ...
