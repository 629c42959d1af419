"""The walk through anonymous members."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.members import flat_member, flat_members
from btfkit.errors import FormatError


def shown(btf, type_id, **options) -> list[tuple[str, int, int]]:
    return [(member.path, member.bit_offset, member.bits) for member in flat_members(btf, type_id, **options)]


@pytest.mark.parametrize("order", ["little", "big"])
def test_in_order(order) -> None:
    b = Builder(order=order)
    i = b.int("int", 4)
    inner = b.struct("", 8, [("b", i, 0), ("c", i, 32)])
    choice = b.union("", 8, [("", b.const(inner), 0), ("d", i, 0)])
    headers = b.struct("", 4, [("e", i, 0)])
    outer = b.struct("outer", 20, [("a", i, 0), ("", choice, 32), ("headers", headers, 96), ("f", i, 128, 3)])
    btf = b.build()
    opened = [("a", 0, 0), ("b", 32, 0), ("c", 64, 0), ("d", 32, 0)]
    assert shown(btf, outer) == [*opened, ("headers", 96, 0), ("f", 128, 3)]
    assert shown(btf, outer, open_named=True) == [*opened, ("headers.e", 96, 0), ("f", 128, 3)]
    found = flat_member(btf, outer, "c")
    assert found is not None
    assert (found.owner, found.index, found.start, found.type_id) == (inner, 1, 32, i)
    assert flat_member(btf, outer, "e") is None


def test_damaged_types() -> None:
    b = Builder()
    i = b.int("int", 4)
    around = b.next_id
    b.struct("around", 4, [("", around, 0), ("x", i, 0)])
    leaf = b.struct("", 4, [("x", i, 0)])
    for _ in range(40):
        leaf = b.struct("", 4, [("", leaf, 0), ("", leaf, 0)])
    btf = b.build()
    assert shown(btf, around) == [("x", 0, 0)]
    with pytest.raises(FormatError, match="nested too deeply"):
        list(flat_members(btf, leaf))
