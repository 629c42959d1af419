"""Names among others, compared with the obvious search."""

from __future__ import annotations

import random
from difflib import get_close_matches

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.btf.name_search import FEW, NameSearch, names_of_kind


def same(name, names):
    bare = name.lstrip("_")
    return next((each for each in names if bare and each != name and each.lstrip("_") == bare), "")


def continued(name, names):
    return next((each for each in names if each.startswith(name + "_")), "")


def close(name, names, most, likeness):
    if len(names) > FEW:
        slack = 1 + len(name) // 4
        names = [n for n in names if abs(len(n) - len(name)) <= slack and (n[0] == name[:1] or n[-3:] == name[-3:])]
    return get_close_matches(name, sorted({*names}), most, likeness)


@pytest.mark.parametrize("count", [1, 40, FEW, 3 * FEW])
def test_search(count):
    chance = random.Random(count)
    parts = ("", "_", "__", "io", "sk", "task", "i_", "time", "_sec", "state", "e", "q", "ä")
    names = ["".join(chance.choices(parts, k=chance.randint(1, 6))) for _ in range(count)]
    search = NameSearch(names)
    distinct = list(dict.fromkeys(filter(None, names)))
    assert search.names == distinct
    for name in ["", "_", "state", *chance.choices(names, k=30), *(n[1:] + "x" for n in chance.choices(names, k=30))]:
        assert search.same(name) == same(name, distinct)
        assert search.continued(name) == continued(name, distinct)
        for most, likeness in ((1, 0.85), (3, 0.7), (3, 0.5)):
            assert search.close(name, most, likeness) == close(name, distinct, most, likeness)


def test_prefixes():
    assert NameSearch(["bpf_lsm_file", "other", "bpf_lsm_"]).with_prefix("bpf_lsm_").names == ["file"]


def test_names_of_a_kind():
    base = Builder()
    number = base.int("int", 4)
    base.func("b", base.func_proto(number, []))
    split = Builder(base=base.build())
    for name in ("c", "a", "c"):
        split.func(name, split.func_proto(number, []))
    assert names_of_kind(split.build(), spec.FUNC).names == ["b", "c", "a"]
