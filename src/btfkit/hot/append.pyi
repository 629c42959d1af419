from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def find(pool: _Bytes, buckets: _Words, strings: _Bytes, start: int, end: int, h: int) -> int: ...
def digest(strings: _Bytes, start: int, end: int, prime: int) -> int: ...
def index(pool: _Bytes, buckets: array[int], state: array[int], prime: int) -> None: ...
def grow(old: array[int], buckets: array[int]) -> None: ...
def add(
    pool: bytearray,
    buckets: array[int],
    state: array[int],
    prime: int,
    strings: _Bytes,
    used: bytearray,
    moved: array[int],
) -> None: ...
