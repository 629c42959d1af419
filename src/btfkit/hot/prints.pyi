from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def skeletons(
    norm: _Words,
    place: _Words,
    first: int,
    prints: _Words,
    prime: int,
) -> None: ...
def step(
    starts: _Words,
    refs: _Words,
    first: int,
    skeleton: _Words,
    below: _Words,
    before: _Words,
    after: _Words,
    prime: int,
) -> None: ...
def index_prints(
    prints: _Words,
    rep: _Words,
    buckets: _Words,
) -> bool: ...
def look_up(
    own: _Words,
    prints: _Words,
    buckets: _Words,
    match: _Words,
) -> None: ...
def verify(
    norm: _Words,
    place: _Words,
    starts: _Words,
    refs: _Words,
    first: int,
    match: _Words,
    b_norm: _Words,
    b_place: _Words,
    b_starts: _Words,
    b_refs: _Words,
    rep: _Words,
) -> int: ...
def remove_users(starts: _Words, refs: _Words, first: int, match: _Words, removed: _Words, wrong: int) -> int: ...
def gather(
    norm: _Words,
    place: _Words,
    starts: _Words,
    refs: _Words,
    hashes: _Words,
    first: int,
    match: _Words,
    local: _Words,
    board: _Words,
    g_norm: _Words,
    g_place: _Words,
    g_starts: _Words,
    g_refs: _Words,
    g_hashes: _Words,
    below: list[int],
) -> tuple[int, int]: ...
def classify(
    below: list[int],
    rep: _Words,
    board: _Words,
    label: _Words,
    size: _Words,
    first: int,
    classes: int,
) -> int: ...
def spread(
    match: _Words,
    local: _Words,
    ids: _Words,
    first: int,
    out: _Words,
) -> None: ...
