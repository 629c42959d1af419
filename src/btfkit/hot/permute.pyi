from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def keys(words: _Words, positions: _Words, low: _Bytes, high: _Bytes, first_offset: int, out: array[int]) -> None: ...
def follows(
    words: _Words, positions: _Words, low: _Bytes, high: _Bytes, first_offset: int, one: int, other: int
) -> bool: ...
def order(
    words: _Words,
    positions: _Words,
    low: _Bytes,
    high: _Bytes,
    first_offset: int,
    key: array[int],
    indexes: array[int],
    work: array[int],
) -> None: ...
def both_ways(order: _Words, first_id: int, indexes: array[int], new_ids: array[int]) -> int: ...
