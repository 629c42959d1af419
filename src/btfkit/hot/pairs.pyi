from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

JUDGE: int
MEET: int
INSIDE: int

def same_text(
    a_strings: _Bytes, a_low_strings: _Bytes, a_off: int, b_strings: _Bytes, b_low_strings: _Bytes, b_off: int
) -> bool: ...
def stripped(words: _Words, positions: _Words, type_id: int) -> int: ...
def same_shape(
    a_words: _Words,
    a_positions: _Words,
    a_strings: _Bytes,
    b_words: _Words,
    b_positions: _Words,
    b_strings: _Bytes,
    a: int,
    b: int,
    nested: _Words,
    todo: list[int],
    seen: list[int],
) -> bool: ...
def elements(
    a_words: _Words,
    a_positions: _Words,
    a_strings: _Bytes,
    b_words: _Words,
    b_positions: _Words,
    b_strings: _Bytes,
    a: int,
    b: int,
    nested: _Words,
    todo: list[int],
    seen: list[int],
) -> bool: ...
def walk(
    a_words: _Words,
    a_positions: _Words,
    a_strings: _Bytes,
    a_low_words: _Words,
    a_low_positions: _Words,
    a_low_strings: _Bytes,
    b_words: _Words,
    b_positions: _Words,
    b_strings: _Bytes,
    b_low_words: _Words,
    b_low_positions: _Words,
    b_low_strings: _Bytes,
    table: bytes,
    shared: int,
    whole: int,
    told: int,
    own_levels: bytearray,
    levels: bytearray,
    mates: _Words,
    copies: _Words,
    nested: _Words,
    todo: list[int],
    seen: list[int],
    hard: list[tuple[int, int, int, int]],
) -> int: ...
def clear(seen: list[int], levels: bytearray, mates: _Words, copies: _Words, nested: _Words) -> None: ...
