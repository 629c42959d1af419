from array import array
from collections.abc import Collection
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview
_Grows: TypeAlias = list[int] | array[int]

HASH_SEED: int
HASH_PRIME: int

def name_hash(name: _Bytes) -> int: ...
def buckets_of(names: Collection[bytes]) -> memoryview[int]: ...
def find_hashes(
    words: _Words,
    positions: _Words,
    kinds: _Bytes,
    strings: _Bytes,
    first_offset: int,
    buckets: _Words,
    found: list[int],
) -> int: ...
def find_name(
    words: _Words,
    positions: _Words,
    strings: _Bytes,
    first_offset: int,
    name: _Bytes,
    below: _Words,
    kind: int,
    start: int,
) -> int: ...
def chain_names(
    words: _Words,
    positions: _Words,
    below: _Bytes,
    strings: _Bytes,
    first_offset: int,
    buckets: _Words,
    following: _Words,
) -> None: ...
def next_named(
    words: _Words,
    positions: _Words,
    below: _Bytes,
    strings: _Bytes,
    first_offset: int,
    buckets: _Words,
    following: _Words,
    name: _Bytes,
    last: int,
) -> int: ...
def first_not_below(
    words: _Words, positions: _Words, below: _Bytes, strings: _Bytes, first_offset: int, name: _Bytes, start: int
) -> int: ...
def next_member(
    words: _Words, at: int, count: int, strings: _Bytes, first_offset: int, name: _Bytes, start: int
) -> int: ...
def has_longer(strings: _Bytes, limit: int) -> bool: ...
def distinct_length(
    words: _Words, places: _Words, strings: _Bytes, first_offset: int, seen: bytearray, most: int
) -> int: ...
def named_below(
    words: _Words, positions: _Words, kinds: _Bytes, first_offset: int, indexes: _Grows, offsets: _Grows
) -> None: ...
def namesakes(
    words: _Words,
    positions: _Words,
    groups: _Bytes,
    strings: _Bytes,
    seed: int,
    buckets: _Words,
    lengths: _Words,
    leaders: list[int],
    followers: list[int],
) -> None: ...
