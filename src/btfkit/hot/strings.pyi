from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

ALL_BITS: int

def random_prime() -> int: ...
def hash_of(strings: _Bytes, start: int, prime: int) -> int: ...

class StringTable:
    data: bytearray
    start: int
    end: int
    count: int
    prime: int
    limit: int

    def __init__(
        self, data: bytearray, start: int, prime: int, mask: int, limit: int, below: StringTable | None
    ) -> None: ...
    def index(self) -> None: ...
    def reserve(self, count: int) -> None: ...
    def settle(self, strings: _Bytes, moved: _Words) -> None: ...
    def finish(self) -> None: ...
    def rename(
        self, words: array[int], places: _Words, low: _Bytes, high: _Bytes, first_offset: int, known: _Words
    ) -> None: ...
    def add_used(self, strings: _Bytes, used: bytearray, moved: _Words) -> None: ...
