from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def scan(words: _Words, table: _Bytes, positions: _Words, first_id: int) -> tuple[int, int, int, int, int]: ...
def functions(words: _Words, positions: _Words, first_id: int) -> tuple[int, list[int]]: ...
def is_sorted(words: _Words, positions: _Words, below: _Bytes, strings: _Bytes, first_offset: int) -> int: ...
def targets(
    words: _Words,
    positions: _Words,
    ids: _Words,
    id_starts: _Words,
    low: int,
    high: int,
    below_words: _Words,
    below_positions: _Words,
) -> tuple[int, int]: ...
def inside(words: _Words, names: _Words, low: int, high: int, strings: _Bytes) -> tuple[int, int]: ...
