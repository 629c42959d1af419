"""A base whose string section is one NUL is a base like any other: no pass takes a split on it for a BTF that stands alone."""

from __future__ import annotations

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.judges.deduped import kept
from btfkit.passes.dedup import dedup, dedup_all, dedup_chain
from btfkit.passes.prepared_base import PreparedBase

NAMES = ["f", "mine", "number", "which"]


def split_on(base):
    """A module's BTF that needs nothing of its base, with one duplicate."""
    b = Builder(base)
    number = b.int("number", 8)
    which = b.enum("which", [("FIRST", 1)])
    b.struct("mine", 16, [("p", b.ptr(which), 0), ("n", number, 64)])
    b.func("f", b.func_proto(number, [("a", number)]))
    b.int("number", 8)
    return b.build()


def names(btf):
    return sorted({t.name for t in btf if t.name})


def no_types():
    return Builder().build()


def one_pointer():
    b = Builder()
    b.ptr(0)
    return b.build()


PASSES = {
    "dedup": lambda base, split: dedup(split).btf,
    "prepared": lambda base, split: dedup(split, prepared=PreparedBase(base)).btf,
    "dedup_all": lambda base, split: dedup_all([split, split])[0].btf,
    "dedup_chain": lambda base, split: dedup_chain(base, [split]).btf,
    "sort": lambda base, split: btfkit.sort(split).btf,
    "sanitize": lambda base, split: btfkit.sanitize(split, ["func-linkage"]).btf,
    "distill": lambda base, split: btfkit.distill(split).btf,
    "reconcile": lambda base, split: btfkit.reconcile(btfkit.distill(split).btf, base).btf,
    "append": lambda base, split: btfkit.append(base, split)[0],
    "append split": lambda base, split: btfkit.append(split, split)[0],
    "merge": lambda base, split: btfkit.merge(base, [split]).btf,
    "minimize": lambda base, split: btfkit.minimize(base, modules=[split], keep_types=["mine"]).module(split),
}


@pytest.mark.parametrize("base", [no_types, one_pointer])
@pytest.mark.parametrize("name", PASSES)
def test_names_are_kept(name, base):
    base = base()
    assert len(base.strings) == 1
    found = PASSES[name](base, split_on(base))
    assert names(found) == [n for n in NAMES if n != "f" or name != "minimize"]


@pytest.mark.parametrize("base", [no_types, one_pointer])
def test_dedup_merges_there_and_is_proven(base):
    split = split_on(base())
    done = dedup(split)
    assert len(split.positions) - len(done.btf.positions) == 1
    assert kept(split, done.btf, done.ids.ids) is None
