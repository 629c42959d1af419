from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def used_names(
    words: _Words, positions: _Words, table: _Bytes, kinds: _Bytes, used: bytearray | memoryview
) -> None: ...
def named(words: _Words, positions: _Words, table: _Bytes, kinds: _Bytes, marks: _Bytes, found: list[int]) -> None: ...
def mark_users(
    words: _Words,
    positions: _Words,
    ids: _Words,
    id_starts: _Words,
    first_id: int,
    marks: bytearray | memoryview,
    found: bytearray | memoryview,
) -> int: ...
def count_referrers(words: _Words, positions: _Words, ids: _Words, id_starts: _Words, counts: _Words) -> None: ...
def fill_referrers(
    words: _Words,
    positions: _Words,
    ids: _Words,
    id_starts: _Words,
    first_id: int,
    ends: _Words,
    referrers: _Words,
) -> None: ...
def to_rewrite(
    words: _Words,
    positions: _Words,
    names: _Words,
    name_starts: _Words,
    kinds: _Bytes,
    flags: _Bytes,
    nameless: _Bytes,
    vlens: _Words,
    odd: _Bytes,
    found: list[int],
) -> None: ...
