"""The judge of dedup: what it lets pass, and every way to be wrong that it has to see."""

from __future__ import annotations

from array import array

import pytest

from btfkit.btf.build import Builder
from btfkit.errors import UnsupportedError
from btfkit.judges import deduped
from btfkit.judges.deduped import Below, equivalent, kept, leftovers
from btfkit.passes.dedup import dedup


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def sample(order, base=None, *, fwd=False, name="s", second=32, tag="t"):
    b = Builder(base, order)
    number = b.int("int", 4)
    thing = b.fwd("thing") if fwd else b.struct("thing", 4, [("a", number, 0)])
    struct = b.struct(name, 16, [("x", number, 0), ("y", number, second), ("p", b.ptr(thing), 64)])
    b.decl_tag(tag, struct, 1)
    b.datasec(".data", 4, [(b.var("v", number), 0, 4)])
    b.enum("e", [] if fwd else [("A", 1)])
    return b


def same(btf):
    return array("I", range(len(btf)))


def test_what_dedup_does_passes(order):
    for base in (None, sample(order).build()):
        b = sample(order, base, fwd=True)
        before = b.build()
        done = dedup(before)
        assert kept(before, done.btf, done.ids.ids) is None
        assert kept(before, done.btf, done.ids.ids, below=Below(base)) is None
        assert not leftovers(done.btf)


def test_nothing_done_passes_and_leaves(order):
    b = Builder(order=order)
    for _ in range(2):
        b.ptr(b.int("int", 4))
    btf = b.build()
    assert kept(btf, btf, same(btf)) is None
    assert leftovers(btf) == [(1, 3), (2, 4)]
    assert equivalent(btf, 2, 4)
    assert not equivalent(btf, 1, 2)


@pytest.mark.parametrize("change", [{"name": "z"}, {"second": 40}, {"tag": "u"}])
def test_a_type_that_says_something_else(order, change):
    before, after = sample(order).build(), sample(order, **change).build()
    wrong = kept(before, after, same(before))
    assert wrong is not None
    assert "became" in wrong


def test_declarations_may_become_definitions_and_never_the_other_way(order):
    declared, defined = sample(order, fwd=True).build(), sample(order).build()
    assert kept(declared, defined, same(declared)) is None
    wrong = kept(defined, declared, same(declared))
    assert wrong == "struct thing (type 2) became declaration of struct thing (type 2)"


def test_of_another_name_or_flavour():
    for kind, name in (("struct", "other"), ("union", "thing")):
        b, c = Builder(), Builder()
        b.fwd("thing")
        getattr(c, kind)(name, 4)
        assert kept(b.build(), c.build(), array("I", (0, 1))) is not None


def test_references_have_to_be_what_the_map_says(order):
    before = sample(order).build()
    b = Builder(order=order)
    b.int("int", 4)
    b.int("int", 4)
    b.ptr(1)
    two = b.build()
    assert kept(before, before, same(before)) is None
    ids = same(two)
    ids[1] = 2  # equal words, but the pointer refers to 1
    assert kept(two, two, ids) == "pointer type 3 became pointer type 3"
    ids[1] = 0
    assert kept(two, two, ids) == "int (type 1) became type 0"
    ids[1] = 9
    assert kept(two, two, ids) == "int (type 1) became type 9"


def test_duplicates_in_a_base_are_equivalent_not_equal(order):
    b = Builder(order=order)
    b.int("int", 4)
    b.int("int", 4)
    b.int("long", 8)
    base = b.build()
    s = Builder(base)
    s.ptr(s.int("int", 4))
    s.ptr(2)
    before = s.build()
    done = dedup(before)
    assert kept(before, done.btf, done.ids.ids) is None
    t = Builder(base)
    t.ptr(3)
    assert kept(before, t.build(), array("I", (0, 1, 2, 3, 1, 4, 4))) is not None


def test_leftovers_in_cycles_and_in_the_base(order):
    b = Builder(order=order)
    b.struct("node", 8, [("next", 2, 0)])
    b.ptr(1)
    base = b.build()
    s = Builder(base)
    s.struct("node", 8, [("next", 4, 0)])
    s.ptr(3)
    s.var("v", 1)
    s.var("v", 1)
    assert leftovers(s.build()) == [(1, 3), (2, 4)]


@pytest.mark.parametrize("second", ["int", "long"])
def test_what_is_known_of_pairs_is_not_found_again(monkeypatch, second):
    b = Builder()
    ends = [b.int("int", 4), b.int(second, 4)]
    pairs = []
    for _ in range(100):
        ends = [b.const(end) for end in ends]
        pairs.append(ends)
    btf = b.build()
    asked = []
    reached = deduped._reached
    monkeypatch.setattr(deduped, "_reached", lambda btf, *pair: asked.append(pair) or reached(btf, *pair))
    known = deduped.Known()
    for one, other in reversed(pairs):
        assert equivalent(btf, one, other, known) == (second == "int")
    assert len(asked) == 101
    assert all(equivalent(btf, *pair) == same for pair, same in known.answers.items())


def test_a_proof_has_a_limit(monkeypatch):
    """Two chains of types that are alike, of which each part is compared with each."""
    monkeypatch.setattr(deduped, "MOST_PAIRS", 50)
    b = Builder()
    ends = [b.int("int", 4), b.int("int", 4)]
    for _ in range(60):
        ends = [b.const(end) for end in ends]
    with pytest.raises(UnsupportedError, match="more than 50 pairs of types"):
        equivalent(b.build(), *ends)
