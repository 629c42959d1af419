from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

ORDERED: int
REFERRED: int
DONE: int
CYCLE: int
STRANGE: int
TANGLED: int
FORWARD: int
EMITTED: int

def referred(
    words: _Words, positions: _Words, ids: _Words, id_starts: _Words, states: bytearray, returns: _Bytes
) -> None: ...
def returning(words: _Words, positions: _Words, shown: _Bytes, returns: bytearray) -> None: ...
def order(
    words: _Words,
    positions: _Words,
    roots: _Words,
    states: bytearray,
    queue: array[int] | memoryview,
    budget: int,
    stack: list[int],
) -> tuple[int, int]: ...
def plan(
    words: _Words,
    positions: _Words,
    queue: _Words,
    marks: bytearray,
    steps: array[int] | memoryview,
    budget: int,
) -> int: ...
