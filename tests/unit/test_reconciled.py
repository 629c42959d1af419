"""The proof of `judges/reconciled.py` has teeth: whatever word of a result is another, it says so."""

from __future__ import annotations

from array import array

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.emit import Frame
from btfkit.errors import BtfError
from btfkit.judges import reconciled
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import reconcile

POLICIES = {"distilled": "none", "by-value": "by-value", "full": "full"}


def kernel(order):
    b = Builder(order=order)
    integer, char = b.int("int", 4, encoding=spec.INT_SIGNED), b.int("char", 1)
    inner = b.struct("inner", 8, [("x", integer, 0), ("y", b.const(integer), 32)])
    nameless = b.union("", 8, [("deep", inner, 0), ("wide", b.array(char, integer, 8), 0)])
    held = b.struct("held", 32, [("in", inner, 0), ("", nameless, 64), ("far", b.ptr(b.next_id + 2), 128)])
    b.fwd("somewhere")
    far = b.struct("far", 16, [("back", b.ptr(held), 0), ("bits", integer, 64, 3)])
    state = b.enum("state", [("OFF", 0), ("ON", 1)])
    b.enum64("wide", [("LOW", 1), ("HIGH", 1 << 40)])
    b.float("double", 8)
    b.func("f", b.func_proto(integer, [("a", b.ptr(far)), ("s", state)]), 1)
    return b.build()


def module(base):
    """A module that has `held`, `state` and `wide` by value, and the others behind pointers."""
    b = Builder(base)
    at = {t.name: t.id for t in base if t.name}
    b.struct(
        "mine",
        64,
        [("h", at["held"], 0), ("s", at["state"], 256), ("w", at["wide"], 320), ("p", b.ptr(at["far"]), 384)],
    )
    b.var("v", b.volatile(at["double"]))
    proto = b.func_proto(at["int"], [("c", b.ptr(at["char"])), ("w", b.ptr(at["somewhere"]))])
    b.decl_tag("tag", b.func("g", proto), 0)
    b.datasec(".data", 8, [(b.next_id - 6, 0, 8)])
    return b.build()


def with_word(btf, base, at, value):
    """`btf` on `base` with one word of its types changed; None where that cannot be loaded."""
    words = array("I", bytes(btf.words))
    words[at] = value
    try:
        return Frame(btf.byte_order, base).emit(words, btf.strings)
    except BtfError:
        return None


def changed(btf, base):
    """(word position, BTF) of each change of a word of `btf` that can be loaded."""
    for at, word in enumerate(btf.words):
        for value in {word + 1, max(word - 1, 0), word ^ 1 << 31, word ^ 1 << 24, 0} - {word}:
            if value <= 0xFFFFFFFF and (other := with_word(btf, base, at, value)) is not None:
                yield at, other


def owner(btf, at):
    """The id of the type that a word belongs to, and which word of it that is."""
    index = max(i for i, position in enumerate(btf.positions) if position <= at)
    return btf.start_id + index, at - btf.positions[index]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_word_of_a_distilled_module_counts(policy):
    split = module(kernel("little"))
    done = distill(split, policy)
    how = {"contents": "none", "definitions": POLICIES[policy]}
    assert compare(split, done.btf, **how)
    tried = 0
    for at, after in changed(done.btf, done.base):
        tried += 1
        assert not compare(split, after, **how), f"word {at} of the split"
    for at, base in changed(done.base, None):
        try:
            after = Btf.from_bytes(done.btf.to_bytes(), base)
        except BtfError:
            continue
        tried += 1
        type_id, word = owner(done.base, at)
        bare = done.base.kind(type_id) in spec.COMPOSITES | spec.ENUMS and not done.base[type_id].vlen
        pointed = bare and done.base.name(type_id) == "far"  # its size does not matter behind a pointer
        plain = bare or done.base.kind(type_id) in (spec.INT, spec.FLOAT, spec.FWD)
        # vlen means nothing there, nor does kind_flag, but for a FWD
        idle = plain and base[type_id].kind == done.base.kind(type_id)
        if done.base.kind(type_id) == spec.FWD:
            idle = idle and base[type_id].kind_flag == done.base[type_id].kind_flag
        sizeless = pointed or done.base.kind(type_id) == spec.FWD
        if not (word == 2 and sizeless) and not (word == 1 and idle):
            assert not compare(split, after, **how), f"word {word} of {done.base[type_id]}"
    assert tried > 200


@pytest.mark.parametrize("policy", POLICIES)
def test_every_word_of_a_reconciled_module_counts(policy):
    base = kernel("little")
    small = distill(module(base), policy).btf
    there = reconcile(small, base).btf
    assert compare(small, there)
    for at, after in changed(there, base):
        assert not compare(small, after), f"word {at} of the split"


@pytest.mark.parametrize("order", ["little", "big"])
def test_definitions_that_are_not_there(order):
    """A base of names and sizes is no base of policy "by-value", nor this one of "full"."""
    split = module(kernel(order))
    bases = {policy: distill(split, policy).btf for policy in POLICIES}
    for number, policy in enumerate(POLICIES):
        for other, definitions in enumerate(POLICIES.values()):
            proven = compare(split, bases[policy], contents="none", definitions=definitions)
            assert bool(proven) == (other <= number), (policy, definitions)
    told = compare(split, bases["distilled"], contents="none", definitions="by-value").differences
    assert any("struct held had 3 members, has 0" in str(difference) for difference in told)
    assert compare(split, bases["distilled"], contents="none").total > 15


def test_a_copy_of_a_named_type_is_none():
    """The distilled base's type, and a second of the same name that the split brings itself: not both may stand for one."""
    base = Builder()
    base.struct("thing", 4)
    b = Builder(base.build())
    b.struct("one", 8, [("p", b.ptr(1), 0), ("q", b.ptr(1), 0)])
    split = b.build()
    b = Builder(base.build())
    p = b.ptr(1)
    b.struct("one", 8, [("p", p, 0), ("q", b.next_id + 1, 0)])
    b.ptr(b.next_id + 1)
    b.struct("thing", 4)
    assert not compare(split, b.build(), contents="none")


@pytest.mark.parametrize("judged", [False, True])
@pytest.mark.parametrize("order", ["little", "big"])
def test_elements_of_arrays_are_held_too(monkeypatch, order, judged):
    """What the loop leaves to the judge is judged as it would have been: a member that moved in an element of an array."""
    if judged:
        monkeypatch.setattr(reconciled._Walk, "_prove", lambda walk, below, above: walk._judge_all())
    kernels = []
    for at in (0, 32):
        b = Builder(order=order)
        integer = b.int("int", 4)
        element = b.struct("element", 8, [("x", integer, at)])
        b.struct("holder", 16, [("of", b.typedef("elements", b.array(b.const(element), integer, 2)), 0)])
        kernels.append(b.build())
    b = Builder(kernels[0])
    b.struct("mine", 16, [("h", kernels[0].find("holder").id, 0)])
    split = b.build()
    for kernel, same in zip(kernels, (True, False), strict=True):
        there = Btf.from_bytes(split.to_bytes(), kernel)
        assert bool(compare(split, there)) == same
        assert compare(split, there, contents="none")


def test_a_type_within_itself_is_read_once():
    """Damaged, but not for the reader: the pass and the proof see the same members, those outside it."""
    b = Builder()
    integer = b.int("int", 4)
    b.struct("c", 8, [("w", integer, 32)])
    small = Builder(b.build())
    small.ptr(2)
    new = Builder()
    integer = new.int("int", 4)
    new.struct("c", 8, [("", 2, 64), ("w", integer, 32)])
    split = small.build()
    result = reconcile(split, new.build())
    assert compare(split, result.btf).differences == []
