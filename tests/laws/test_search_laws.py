"""Finding by name and finding users, against their slow twins, on any BTF."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.hot import search as _search
from btfkit.show import find
from btfkit.show.find import users, users_of_each
from reference import search as reference
from strategies import btfs, chains

KINDS = bytes((kind != spec.FUNC_PROTO) | 2 * (kind in spec.COMPOSITES | spec.ENUMS) for kind in range(128))


@given(btfs(), st.data())
def test_named(btf, data) -> None:
    names = sorted({view.name for view in btf.types()} | {n for view in btf.types() for n in reference.elements(view)})
    wanted = set(data.draw(st.lists(st.sampled_from(names), max_size=4))) if names else set()
    marks = bytearray(btf.start_str_off + len(btf.strings))
    used = bytearray(len(marks))
    _search.used_names(btf.words, btf.positions, btf.table, KINDS, used)
    for offset, is_used in enumerate(used):
        if is_used and btf.string(offset).decode("utf-8", "surrogateescape") in wanted:
            marks[offset] = 1
    found: list[int] = []
    _search.named(btf.words, btf.positions, btf.table, KINDS, marks, found)
    pairs = [(btf.start_id + index, number) for index, number in zip(found[::2], found[1::2], strict=True)]
    assert pairs == reference.named(btf, wanted, KINDS)


@given(btfs(), st.data())
def test_users(btf, data) -> None:
    if len(btf) < 2:
        return
    type_id = data.draw(st.integers(1, len(btf) - 1))
    expected = reference.users(btf, type_id)
    found = list(users(btf, type_id))
    assert {one.type_id for one in found} <= expected
    bare = [i for i in expected if btf.kind(i) not in spec.COMPOSITES]
    assert {one.type_id for one in found} >= set(bare)
    assert array("I", sorted(one.type_id for one in found)) == array("I", [one.type_id for one in found])


@given(btfs() | chains(), st.booleans())
def test_users_of_each(btf, own) -> None:
    """All references at once, and a pass for each type, find the same users in the same order."""
    ids = list(range(1, len(btf)))
    expected = [found.as_json() for type_id in ids for found in users(btf, type_id, own=own)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find, "FEW", 0)
        assert [found.as_json() for found in users_of_each(btf, ids, own=own)] == expected
