from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def prototype(
    words: _Words,
    positions: _Words,
    strings: _Bytes,
    type_id: int,
    pending: _Words,
    out: bytearray | memoryview,
) -> int: ...
def composite(
    words: _Words,
    positions: _Words,
    strings: _Bytes,
    type_id: int,
    seen: _Words,
    start: int,
    pending: _Words,
    out: bytearray | memoryview,
) -> int: ...
def put(out: bytearray | memoryview, at: int, value: int) -> int: ...
def name(strings: _Bytes, start: int, out: bytearray | memoryview, at: int) -> int: ...
