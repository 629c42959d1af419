from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

JUDGE: int
MEET: int
INSIDE: int

class Side:
    def __init__(
        self,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        low_words: _Words,
        low_positions: _Words,
        low_strings: _Bytes,
    ) -> None: ...

class Notes:
    def __init__(self, levels: bytearray, mates: _Words, copies: _Words, nested: _Words, seen: list[int]) -> None: ...

def same_name(a: Side, a_off: int, b: Side, b_off: int, shared: int) -> bool: ...
def same_text(a: Side, a_off: int, b: Side, b_off: int) -> bool: ...
def equal(one: _Bytes, at: int, other: _Bytes, to: int) -> bool: ...
def stripped(side: Side, type_id: int) -> int: ...
def same_shape(a: Side, b: Side, a_id: int, b_id: int, notes: Notes) -> bool: ...
def is_enum(kind: int) -> bool: ...
def elements(a: Side, b: Side, a_id: int, b_id: int, notes: Notes) -> bool: ...
def passes_on(kind: int) -> bool: ...
def meet(a: Side, b: Side, x: int, y: int, child: int, notes: Notes) -> bool: ...
def same_record(
    a: Side, b: Side, at: int, to: int, a_own: bool, b_own: bool, table: _Bytes, level: int, notes: Notes
) -> bool: ...
def walk(
    a: Side,
    b: Side,
    table: _Bytes,
    shared: int,
    whole: int,
    told: int,
    own_levels: bytearray,
    notes: Notes,
    hard: list[tuple[int, int, int, int]],
) -> int: ...
def clear(seen: list[int], levels: bytearray, mates: _Words, copies: _Words, nested: _Words) -> None: ...
