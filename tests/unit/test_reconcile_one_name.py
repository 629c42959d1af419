"""Many types of one name in the new base: no candidate that fits is left out, and the work grows as the types do."""

import random

import pytest

import growth
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.errors import BtfError
from btfkit.passes.definition_changes import CandidatesByElement, DistinctDefinitions, changes
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import reconcile


def some_types(r):
    """Structs and enums called "same" of one size, whose members are ints, pointers, arrays and others in a few places."""
    b = Builder(order="little")
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    types = [number, b.typedef("number", number), b.const(number), b.ptr(number), b.ptr(b.const(number)), b.ptr(0)]
    types += [b.struct("other", 8, [("x", number, 0)]), b.fwd("other"), b.enum("color", [("RED", 0)])]
    types += [b.ptr(types[6]), b.ptr(types[7]), b.array(b.array(number, 1, 2), 1, 3), b.array(number, 1, 6)]
    types += [b.array(b.typedef("pair", b.array(number, 1, 2)), 1, 3), b.ptr(b.func_proto(number, [("", number)]))]
    for _ in range(12):
        if r.random() < 0.3:
            b.enum("same", [(name, r.randint(0, 1)) for name in r.sample("AB", r.randint(1, 2))])
            continue
        members = [(name, r.choice(types), 64 * r.randint(0, 1)) for name in r.sample("xyz", r.randint(1, 2))]
        if r.random() < 0.3:
            members.append(("", b.union("", 8, [("in", r.choice(types), 0)]), 64))
        b.struct("same", 24, members)
    return b.build()


def test_no_candidate_without_changes_is_left_out() -> None:
    equal = 0
    for seed in range(60):
        r = random.Random(seed)
        old, new = some_types(r), some_types(r)
        for kind in (spec.STRUCT, spec.ENUM):
            candidates = [view.id for view in new if view.kind == kind and view.name == "same"]
            index = CandidatesByElement(new, candidates)
            for view in old:
                if view.kind == kind and view.name == "same":
                    fitting = [c for c in candidates if not changes(old, view.id, new, c)]
                    equal += len(fitting)
                    may = index.that_may_have_all(old, view.id)
                    assert [c for c in may if c in fitting] == fitting
                    assert len(may) <= len(candidates)
    assert equal > 100


def test_types_of_one_content_have_equal_changes_and_none_between_them() -> None:
    left_out = 0
    for seed in range(60):
        r = random.Random(seed)
        old, new = some_types(r), some_types(r)
        candidates = [view.id for view in new if view.name == "same"]
        distinct = DistinctDefinitions(new)
        kept = distinct.of(candidates)
        for candidate in candidates:
            if candidate in kept:
                continue
            first = next(one for one in kept if distinct.of([one, candidate]) == [one])
            assert first < candidate
            assert not changes(new, first, new, candidate)
            assert not changes(new, candidate, new, first)
            for view in old:
                if view.name == "same":
                    found = [
                        [(each.path, each.what) for each in changes(old, view.id, new, one)]
                        for one in (first, candidate)
                    ]
                    assert found[0] == found[1]
            left_out += 1
    assert left_out > 30


def test_a_ring_of_types_of_one_name_takes_linear_work() -> None:
    def made(n):
        b = Builder(order="little")
        b.int("int", 4, encoding=spec.INT_SIGNED)
        for number in range(n):
            b.struct("node", 8, [("next", b.ptr(b.next_id + 3 if number < n - 1 else 1), 0)])
        return b.build()

    def work(n):
        base = made(n)
        b = Builder(base)
        nodes = [view.id for view in base if view.name == "node"]
        b.struct("mine", 8 * n, [(f"m{at}", type_id, 64 * at) for at, type_id in enumerate(nodes)])
        split = distill(b.build(), policy="full").btf
        return lambda: reconcile(split, made(n))

    assert growth.exponent(work, 32) < 1.15


@pytest.mark.parametrize("change", ["size", "member", "nothing"])
def test_n_types_of_one_name_take_linear_work(change) -> None:
    def made(n, size, offset):
        b = Builder(order="little")
        b.int("int", 4, encoding=spec.INT_SIGNED)
        for number in range(n):
            b.struct(f"t{number}", 4, [("x", 1, 0)])
            b.struct("same", size, [("x", 1, offset), ("p", b.ptr(b.next_id - 1), 64)])
        return b.build()

    def work(n):
        base = made(n, 16, 0)
        b = Builder(base)
        held = [view.id for view in base if view.name == "same"]
        b.struct("mine", 16 * n, [(f"m{at}", type_id, 128 * at) for at, type_id in enumerate(held)])
        split = distill(b.build(), policy="full").btf
        new = made(n, 24 if change == "size" else 16, 32 if change == "member" else 0)

        def judged():
            try:
                reconcile(split, new)
            except BtfError:
                assert change != "nothing"
            else:
                assert change == "nothing"

        return judged

    assert growth.exponent(work, 32) < 1.15
