from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def seed(
    norm: _Words,
    place: _Words,
    hashes: _Words,
    label: _Words,
    size: _Words,
    buckets: _Words,
    heads: _Words,
    mask: int,
) -> int: ...
def have_same_words(norm: _Words, place: _Words, one: int, other: int) -> bool: ...
def reverse(
    starts: _Words,
    refs: _Words,
    omitted: _Words,
    back_starts: _Words,
    back: _Words,
) -> None: ...
def reverse_some(
    starts: _Words,
    refs: _Words,
    owners: _Words,
    numbers: _Words,
    back_starts: _Words,
    back: _Words,
) -> None: ...
def deepen(
    starts: _Words,
    refs: _Words,
    label: _Words,
    prime: int,
    before: _Words,
    after: _Words,
) -> None: ...
def users(
    nodes: _Words,
    number: int,
    back_starts: _Words,
    back: _Words,
    label: _Words,
    size: _Words,
    mark: _Words,
    found: _Words,
    count: int,
) -> int: ...
def lead_alike(starts: _Words, refs: _Words, own: _Words, label: _Words, one: int, other: int) -> bool: ...
def refine(
    starts: _Words,
    refs: _Words,
    back_starts: _Words,
    back: _Words,
    other_starts: _Words,
    other_back: _Words,
    label: _Words,
    size: _Words,
    classes: int,
    dirty: _Words,
    dirty_count: int,
    group: _Words,
    heads: _Words,
    counts: _Words,
    fresh: _Words,
    touched: _Words,
    best: _Words,
    mark: bytearray,
    buckets: _Words,
    prime: int,
    mask: int,
    depth: int,
) -> tuple[int, int]: ...
def peel(starts: _Words, refs: _Words, level: bytearray, used: bytearray, left: _Words) -> tuple[int, int, int]: ...
def arrange(level: _Bytes, passes: int, order: _Words) -> None: ...
def gather(
    starts: _Words,
    refs: _Words,
    level: _Bytes,
    label: _Words,
    numbers: _Words,
    nodes: _Words,
    inner_starts: _Words,
    inner_refs: _Words,
    inner_label: _Words,
    known: _Words,
) -> int: ...
def spread(nodes: _Words, inner_label: _Words, label: _Words) -> None: ...
def classify(
    starts: _Words,
    refs: _Words,
    order: _Words,
    before: _Words,
    size: _Words,
    label: _Words,
    classes: int,
    nodes: _Words,
    heads: _Words,
    keys: _Words,
    buckets: _Words,
    prime: int,
    mask: int,
) -> int: ...
