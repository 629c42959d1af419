from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def mark_names(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_offset: int,
    moved: _Words,
) -> int: ...
def mark_starts(strings: _Bytes, moved: array[int]) -> int: ...
def not_settled(
    words: _Words, positions: _Words, table: _Bytes, limit: int, moved: array[int], found: list[int]
) -> None: ...
def index(
    pool: _Bytes,
    start: int,
    end: int,
    buckets: _Words,
    prime: int,
    mask: int,
) -> int: ...
def settle_names(
    strings: _Bytes,
    start: int,
    moved: _Words,
    below: _Bytes,
    below_buckets: _Words,
    pool: bytearray,
    pool_start: int,
    end: int,
    buckets: _Words,
    prime: int,
    mask: int,
) -> tuple[int, int]: ...
def take_apart(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first_offset: int,
    below: _Words,
    moved: _Words,
    first_id: int,
    shift: int,
    norm: _Words,
    at_word: int,
    place: _Words,
    starts: _Words,
    refs: _Words,
    edges: int,
    hashes: _Words,
    node: int,
    prime: int,
) -> tuple[int, int]: ...
def count_refs(
    words: _Words,
    positions: _Words,
    table: _Bytes,
) -> int: ...
def write(
    norm: _Words,
    place: _Words,
    table: _Bytes,
    starts: _Words,
    refs: _Words,
    stays: _Bytes,
    first: int,
    ids: _Words,
    pool: _Bytes,
    first_offset: int,
    renamed: _Words,
    end: int,
    out: _Words,
    order: list[int],
) -> int: ...
def spell(pool: _Bytes, start: int, order: list[int], out: bytearray, at: int) -> int: ...
def declarations(norm: _Words, place: _Words, first: int, found: list[int]) -> None: ...
