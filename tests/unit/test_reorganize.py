"""Smaller orders of members: never larger, by the compiler's rules, and the smallest where that is known."""

from __future__ import annotations

import itertools

import pytest

from btfkit.btf.build import Builder
from btfkit.show.layout import Layouts
from btfkit.show.reorganize import Block, Order, reorganized


@pytest.fixture(params=["little", "big"])
def b(request):
    """A builder with int (1), char (2), long (3), short (4)."""
    builder = Builder(order=request.param)
    builder.int("int", 4, encoding=1)
    builder.int("char", 1)
    builder.int("long", 8, encoding=1)
    builder.int("short", 2, encoding=1)
    return builder


def one(builder: Builder, type_id: int, *, steps: bool = False):
    new, (found,) = reorganized(Layouts(builder.build()), [type_id], steps=steps)
    assert found.after.size == new[found.after.type_id].size or found.after is found.before
    assert found.saved >= 0
    assert sorted(field.name for field in found.after.members) == sorted(field.name for field in found.before.members)
    return found


def test_a_hole_is_filled(b) -> None:
    s = b.struct("s", 24, [("a", 2, 0), ("l", 3, 64), ("c", 2, 128)])
    found = one(b, s)
    assert [(f.name, f.offset) for f in found.after.members] == [("a", 0), ("c", 1), ("l", 8)]
    assert (found.before.size, found.after.size, found.saved, found.is_smallest) == (24, 16, 8, True)
    assert found.comment() == "   /* saved 8 bytes! */"


def test_what_cannot_shrink_stays(b) -> None:
    packed = b.struct("packed", 5, [("a", 2, 0), ("i", 1, 8)])
    union = b.union("u", 8, [("a", 2, 0), ("l", 3, 0)])
    tight = b.struct("tight", 16, [("a", 2, 0), ("l", 3, 64)])
    overlapping = b.struct("over", 8, [("l", 3, 0), ("i", 1, 0)])
    for type_id in (packed, union, tight, overlapping):
        found = one(b, type_id)
        assert found.after is found.before
        assert (found.saved, found.comment()) == (0, "")


def test_bitfields_share_what_is_left(b) -> None:
    """Ten bits in three places: in one unit, they need no more than the byte after `c`."""
    members = [("f", 1, 0, 3), ("c", 2, 8, 0), ("x", 3, 64, 0), ("g", 1, 128, 5), ("d", 2, 136, 0), ("y", 3, 192, 0)]
    s = b.struct("s", 32, members)
    found = one(b, s)
    assert (found.after.size, found.is_smallest) == (24, True)
    assert {f.name: f.bits for f in found.after.members} == {"f": 3, "g": 5, "c": 0, "d": 0, "x": 0, "y": 0}


def test_pahole_leaves_a_hole_here(b) -> None:
    """{char; int[3]; char; short; long}: pahole finds no better than 32."""
    array = b.array(1, 1, 3)
    s = b.struct("s", 32, [("a", 2, 0), ("i", array, 32), ("c", 2, 128), ("h", 4, 144), ("l", 3, 192)])
    assert one(b, s).after.size == 24


def test_flexible_arrays_and_markers_keep_their_place(b) -> None:
    none = b.array(2, 1, 0)
    s = b.struct("s", 24, [("a", 2, 0), ("l", 3, 64), ("marker", none, 128), ("c", 2, 128), ("data", none, 136)])
    found = one(b, s)
    names = [field.name for field in found.after.members]
    assert found.after.size == 16
    assert names[-1] == "data"
    assert names[names.index("marker") + 1] == "c"


def test_alignment_of_a_member_is_kept(b) -> None:
    s = b.struct("s", 192, [("a", 2, 0), ("i", 1, 512), ("b", 2, 1024)])
    found = one(b, s)
    assert all(field.offset % 64 == 0 for field in found.after.members if field.name in ("i", "b"))


def test_steps_are_those_of_pahole(b) -> None:
    s = b.struct("s", 24, [("a", 2, 0), ("l", 3, 64), ("c", 2, 128)])
    found = one(b, s, steps=True)
    assert found.moves == ["Moving 'c' from after 'l' to after 'a'"]
    assert [picture.size for picture in found.pictures] == [16]


@pytest.mark.parametrize("seed", range(40))
def test_no_order_is_smaller(seed) -> None:
    """All orders of random members, placed by the same rule."""
    import random

    rng = random.Random(seed)
    b = Builder()
    for size in (1, 2, 4, 8):
        b.int(f"u{8 * size}", size)
    blocks, members = [], []
    for number in range(5):
        size = rng.choice((1, 2, 4, 8))
        bits = rng.randint(1, 8 * size) if rng.random() < 0.4 else 0
        blocks.append(Block([], bits or size, 1 if bits else size, size if bits else 0))
        members.append((f"m{number}", size.bit_length(), bits))
    alignment = max(block.unit or block.alignment for block in blocks)
    first = Order(blocks, alignment)
    has_bits = any(bits for _, _, bits in members)
    s = b.struct(
        "s",
        first.size,
        [
            (name, type_id, start, *([bits] if has_bits else []))
            for (name, type_id, bits), start in zip(members, first.starts, strict=True)
        ],
    )
    found = one(b, s)
    least = min(Order(order, alignment).size for order in itertools.permutations(blocks))
    assert found.after.size == least
