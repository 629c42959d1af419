from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def used_names(
    words: _Words, positions: _Words, table: _Bytes, kinds: _Bytes, used: bytearray | memoryview
) -> None: ...
def named(words: _Words, positions: _Words, table: _Bytes, kinds: _Bytes, names: _Bytes, found: list[int]) -> None: ...
def mark_users(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_id: int,
    marks: bytearray | memoryview,
    found: bytearray | memoryview,
) -> int: ...
