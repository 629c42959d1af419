from array import array
from collections.abc import Callable
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class Columns:
    ids: memoryview[int]
    id_starts: memoryview[int]
    names: memoryview[int]
    name_starts: memoryview[int]
    def __init__(self, words: _Words, positions: _Words, table: _Bytes) -> None: ...

def zeros(count: int) -> memoryview[int]: ...
def count(words: _Words, positions: _Words, table: _Bytes) -> tuple[int, int]: ...
def fill(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    ids: _Words,
    id_starts: _Words,
    names: _Words,
    name_starts: _Words,
) -> None: ...
def id_place(words: _Words, table: _Bytes, at: int, number: int) -> int: ...
def replace(words: _Words, places: _Words, low: int, board: _Words, high: int, new_high: int) -> None: ...
def look_up(words: _Words, places: _Words, known: dict[int, int], ask: Callable[[int], int]) -> None: ...
def mark(words: _Words, places: _Words, low: int, high: int, marks: bytearray) -> None: ...
def missing(words: _Words, places: _Words, high: int, board: array[int], found: list[int]) -> None: ...
def gather(words: _Words, positions: _Words, indexes: _Words, out: _Words, at: int) -> int: ...
def copy(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    indexes: _Words,
    chosen: dict[int, tuple[int, ...]],
    out: _Words,
    starts: _Words,
) -> int: ...
def first_from(words: _Words, places: _Words, limit: int) -> int: ...
