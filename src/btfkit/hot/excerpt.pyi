from array import array
from typing import TypeAlias

from btfkit.hot.strings import StringTable

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def are_whole(words: _Words, places: _Words, first: int, strings: _Bytes) -> bool: ...
def head_of(strings: _Bytes, start: int, prime: int) -> int: ...
def common_names(strings: _Bytes, own: _Bytes, names: StringTable, moved: _Words, offsets: _Words) -> None: ...
def form(name: int, info: int, third: int) -> int: ...
def note_forms(words: _Words, positions: _Words, table: _Bytes, shift: int, forms: bytearray) -> None: ...
def select(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    strings: _Bytes,
    moved: _Words,
    forms: _Bytes,
    state: bytearray,
    chosen: _Words,
) -> int: ...
def close(
    words: _Words, positions: _Words, table: _Bytes, state: bytearray, chosen: _Words, count: int
) -> tuple[int, int]: ...
def write(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    state: _Bytes,
    chosen: _Words,
    moved: _Words,
    opaque: _Words,
    ids: _Words,
    out: _Words,
) -> int: ...
def move(words: _Words, places: _Words, ids: _Words, first: int, new_first: int) -> bool: ...
def refers_out(words: _Words, at: int, table: _Bytes, state: _Bytes) -> bool: ...
def shift_names(words: _Words, places: _Words, by: int) -> None: ...
def rename(words: _Words, places: _Words, known: _Words, strings: _Bytes, first: int, out: bytearray) -> int: ...
