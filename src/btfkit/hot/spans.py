"""Bytes that are looked at, compared or copied together.

Loops call these functions; `spans.pxd` has the same ones as C, which check bounds once for all bytes instead of for each.  This
file itself is not compiled.
"""

from __future__ import annotations

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
