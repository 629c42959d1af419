from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]

def choose(words: _Words, positions: _Words, kinds: bytes, ids: array[int] | memoryview) -> int: ...
def sort(
    words: _Words,
    positions: _Words,
    strings: bytes | memoryview,
    ids: array[int] | memoryview,
    room: array[int] | memoryview,
) -> None: ...
