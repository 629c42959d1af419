from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def all_dirty(
    starts: _Words,
    label: _Words,
    size: _Words,
    dirty: _Words,
) -> int: ...
def count_keyed(
    refs: _Words,
    edges: int,
    keyed: _Bytes,
) -> int: ...
def keyed_edges(
    starts: _Words,
    refs: _Words,
    keyed: _Bytes,
    owners: _Words,
    places: _Words,
    targets: _Words,
) -> None: ...
def count_up(to: _Words) -> None: ...
def patch(
    refs: _Words,
    places: _Words,
    targets: _Words,
    to: _Words,
) -> None: ...
def recount(
    label: _Words,
    size: _Words,
    owners: _Words,
    dirty: _Words,
) -> int: ...
def lowest(
    label: _Words,
    heads: _Words,
) -> None: ...
def declared(
    norm: _Words,
    place: _Words,
    first: int,
    flags: bytearray,
) -> int: ...
def tagged(
    norm: _Words,
    place: _Words,
    first: int,
    flags: _Bytes,
    nodes: list[int],
    bits: list[int],
) -> None: ...
def meetings(
    starts: _Words,
    refs: _Words,
    label: _Words,
    coarse: _Words,
    opened: _Bytes,
    roots: _Words,
    ends: _Words,
    others: _Words,
    left: _Words,
    right: _Words,
    table: _Words,
    prime: int,
    budget: int,
    found: list[int],
) -> None: ...
def climb(
    norm: _Words,
    place: _Words,
    label: _Words,
    through: _Bytes,
    back_starts: _Words,
    back: _Words,
    moved_starts: _Words,
    moved: _Words,
    todo: _Words,
    count: int,
    most: int,
    seen: bytearray,
    met: bytearray,
    found: list[int],
) -> None: ...
def members(
    coarse: _Words,
    label: _Words,
    wanted: _Bytes,
    seen: bytearray,
    nodes: list[int],
) -> None: ...
def count_kinds(
    norm: _Words,
    place: _Words,
    stays: _Bytes,
    first: int,
    before: _Words,
    after: _Words,
) -> None: ...
def number(
    label: _Words,
    heads: _Words,
    to: _Words,
    first: int,
    norm: _Words,
    place: _Words,
    table: _Bytes,
    ids: _Words,
    stays: bytearray,
) -> tuple[int, int]: ...
