from array import array
from typing import TypeAlias

from btfkit.hot.strings import StringTable

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class FunctionNames:
    names: StringTable
    name_at: memoryview
    first_symbol: memoryview
    next_symbol: memoryview
    suffix_at: memoryview
    values: memoryview
    first_candidate: memoryview
    count: int
    def __init__(self, names: StringTable, symbols: int) -> None: ...
    def find(self, name: int) -> int: ...
    def add(self, strings: _Bytes, start: int, value: int) -> int: ...
    def take(self, strings: _Bytes, table: _Words, big: bool, addresses: _Words, clear: int) -> None: ...
    def candidates(self, functions: _Words, end: int, following: _Words) -> int: ...
    def decide(
        self, functions: _Words, following: _Words, flags: _Bytes, registers: int, clear: int, chosen: _Words
    ) -> None: ...

def prototypes(
    functions: _Words,
    places: _Words,
    first: int,
    special: _Bytes,
    pointers: _Bytes,
    names: _Bytes,
    longest: int,
    next_id: int,
    out: _Words,
) -> int: ...
def starts(strings: _Bytes, at: int, text: bytes) -> bool: ...
def same_types(functions: _Words, one: int, other: int) -> bool: ...
