"""The parts of a struct or union, in the order of its bytes: members, runs of bit-fields, padding.

Languages that lay out types by themselves get every byte spelled out, so that they put each member where it is.
"""

from __future__ import annotations

from itertools import pairwise

from btfkit.values.shape import Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.values.shape import Composite

PACKINGS = (16, 8, 4, 2, 1)


class Part:
    """`size` bytes from `offset` on: the member number `index`, or the bit-fields whose numbers are in `bits`, or padding."""

    __slots__ = ("bits", "index", "offset", "size")

    def __init__(self, offset: int, size: int, index: int = -1, bits: tuple[int, ...] = ()) -> None:
        self.offset = offset
        self.size = size
        self.index = index
        self.bits = bits

    @property
    def is_padding(self) -> bool:
        """Whether no member is in it."""
        return self.index < 0 and not self.bits

    def __repr__(self) -> str:
        what = (
            "padding" if self.is_padding else f"member {self.index}" if self.index >= 0 else f"bit-fields {self.bits}"
        )
        return f"<{what}: {self.size} bytes at {self.offset}>"


def parts_of(shape: Composite) -> tuple[list[Part], list[int]]:
    """The parts of a struct, without gaps, or of a union, each of which begins at 0; and the numbers of the members that lie on
    others (in a union: that do not begin at 0), which no part has."""
    return _of_union(shape) if shape.is_union else _of_struct(shape)


def _of_struct(shape: Composite) -> tuple[list[Part], list[int]]:
    members = shape.members
    parts: list[Part] = []
    lost: list[int] = []
    at = 0
    numbers: list[int] | range = range(len(members))
    if any(one.bit_offset > other.bit_offset for one, other in pairwise(members)):
        numbers = sorted(numbers, key=lambda n: (members[n].bit_offset, members[n].shape.size > 0))
    for number in numbers:
        member = members[number]
        offset = member.bit_offset // 8
        if member.bits:
            end = (member.bit_offset + member.bits + 7) // 8
            last = parts[-1] if parts else None
            if last is not None and last.bits and last.offset <= offset <= at:
                last.bits += (number,)
                at = max(at, end)
                last.size = at - last.offset
                continue
        else:
            end = offset + member.shape.size
        if offset < at:
            lost.append(number)
            continue
        if offset > at:
            parts.append(Part(at, offset - at))
        parts.append(Part(offset, end - offset, bits=(number,)) if member.bits else Part(offset, end - offset, number))
        at = end
    if at < shape.size:
        parts.append(Part(at, shape.size - at))
    return parts, lost


def _of_union(shape: Composite) -> tuple[list[Part], list[int]]:
    parts: list[Part] = []
    lost: list[int] = []
    largest = 0
    for number, member in enumerate(shape.members):
        if member.bits:
            parts.append(Part(0, (member.bit_offset + member.bits + 7) // 8, bits=(number,)))
        elif member.bit_offset:
            lost.append(number)
            continue
        else:
            parts.append(Part(0, member.shape.size, number))
        largest = max(largest, parts[-1].size)
    if largest < shape.size:
        parts.append(Part(0, shape.size))
    return parts, lost


def packing(places: Iterable[tuple[int, int]], size: int) -> int:
    """0 if every (offset, alignment) of a type's parts and its size fit; otherwise the largest limit to the alignments with
    which they do."""
    wanted = {(offset & 15, align) for offset, align in places}
    widest = max((align for _, align in wanted), default=1)
    if not size % widest and not any(offset % align for offset, align in wanted):
        return 0
    for limit in PACKINGS:
        if limit < widest and not size % limit and not any(offset % min(align, limit) for offset, align in wanted):
            return limit
    return 1


def bits_alignment(shape: Composite) -> int:
    """The alignment in bytes that bit-fields give to a type that compilers do not pack: that of the widest declared type."""
    sizes = [f.shape.size for f in shape.members if f.bits and isinstance(f.shape, Scalar)]
    return max((size for size in sizes if size in PACKINGS), default=1)
