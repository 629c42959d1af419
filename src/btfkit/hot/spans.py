"""Bytes that are looked at, compared or copied together.

Loops call these functions; `spans.pxd` has the same ones as C, which check bounds once for all bytes instead of for each.  This
file itself is not compiled.
"""

from __future__ import annotations

from sys import byteorder

LONG = 0xFFFFFFFFFFFFFFFF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Bytes: TypeAlias = bytes | bytearray | memoryview


def end_of(strings: Bytes, start: int) -> int:
    """The position of the first NUL from `start` on, or the number of bytes if there is none."""
    end = start
    while end < len(strings) and strings[end]:
        end += 1
    return end


def hash_of(strings: Bytes, start: int, end: int, prime: int) -> int:
    """A hash of `strings[start:end]`, of 32 bits; the odd number `prime` decides which strings collide.

    Eight bytes are taken at once; the last eight may overlap those before.
    """
    prime |= prime << 32
    h = prime ^ (end - start)
    for at in (*range(start, end - 8, 8), max(start, end - 8)) if end > start else ():
        h = ((h ^ int.from_bytes(strings[at : min(at + 8, end)], byteorder)) * prime) & LONG
        h ^= h >> 32
    return h & 0xFFFFFFFF


def are_equal(one: Bytes, here: int, other: Bytes, there: int, count: int) -> bool:
    """Whether `count` bytes from `one[here]` and from `other[there]` on are equal; those beyond an end equal nothing."""
    if here + count > len(one) or there + count > len(other):
        return False
    return bytes(one[here : here + count]) == bytes(other[there : there + count])


def copy(to: bytearray | memoryview, here: int, strings: Bytes, start: int, count: int) -> None:
    """Copy `count` bytes from `strings[start]` to `to[here]` on.  Raises IndexError if these are not in both."""
    if here + count > len(to) or start + count > len(strings):
        raise IndexError("span beyond the end")
    to[here : here + count] = strings[start : start + count]
