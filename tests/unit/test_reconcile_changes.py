"""Which incompatible changes of a kernel are detected at reconcile time, by policy: `DETECTED` is the table of the
docs."""

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import POLICIES, distill
from btfkit.passes.reconcile import ReconcileError, reconcile

# change: {use: (answer for "distilled", "by-value", "full")}; "upstream" is the same for all that upstream can read ("distilled")
FITS, REFUSED = ("fits",) * 3, ("refused",) * 3
CONTENT, NOTED = ("fits", "refused", "refused"), ("fits", "fits", "noted")
DETECTED = {
    "none": {"by value": FITS, "behind a pointer": FITS},
    "member added in padding": {"by value": FITS, "behind a pointer": FITS},
    "enumerator added": {"by value": FITS, "behind a pointer": FITS},
    "member moved": {"by value": CONTENT, "behind a pointer": NOTED},
    "member's type changed": {"by value": CONTENT, "behind a pointer": NOTED},
    "member removed": {"by value": CONTENT, "behind a pointer": NOTED},
    "inner member moved": {"by value": CONTENT, "behind a pointer": NOTED},
    "enum value changed": {"by value": CONTENT, "behind a pointer": NOTED},
    "struct grown": {"by value": REFUSED, "behind a pointer": FITS},
    "struct removed": {"by value": REFUSED, "behind a pointer": REFUSED},
    "struct became a union": {"by value": REFUSED, "behind a pointer": REFUSED},
    "enum grown": {"by value": REFUSED, "behind a pointer": REFUSED},
    "integer's sign changed": {"by value": REFUSED, "behind a pointer": REFUSED},
}


def kernel(order, change):
    b = Builder(order=order)
    sign = 0 if change == "integer's sign changed" else spec.INT_SIGNED
    integer = b.int("int", 4, encoding=sign)
    long = b.int("long", 8, encoding=spec.INT_SIGNED)
    values = [("OFF", 0), ("ON", 2 if change == "enum value changed" else 1)]
    if change == "enumerator added":
        values.append(("MAYBE", 5))
    state = b.enum("state", values, size=8 if change == "enum grown" else 4)
    inner = b.struct("inner", 8, [("x", integer, 32 if change == "inner member moved" else 0)])
    anonymous = b.struct("", 16, [("deep", inner, 0), ("y", integer, 64)])
    members = [
        ("a", integer, 32 if change == "member moved" else 0),
        ("", anonymous, 64),
        ("c", b.ptr(integer) if change == "member's type changed" else long, 192),
        ("d", integer, 256),
    ]
    if change == "member removed":
        del members[3]
    elif change == "member added in padding":
        members.append(("e", integer, 288))
    size = 48 if change == "struct grown" else 40
    if change != "struct removed":
        b.struct("thing", size, members, union=change == "struct became a union")
    return b.build(), state


def module(order, base, state, use):
    b = Builder(base)
    thing = base.find("thing").id
    if use == "by value":
        b.struct("mine", 56, [("t", thing, 0), ("s", state, 320), ("i", 1, 384)])
    else:
        b.struct("mine", 24, [("t", b.ptr(thing), 0), ("s", b.ptr(state), 64), ("i", b.ptr(1), 128)])
    return b.build()


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("use", ["by value", "behind a pointer"])
@pytest.mark.parametrize("change", list(DETECTED))
def test_what_is_detected(change, use, order):
    base, state = kernel(order, "none")
    new, _ = kernel(order, change)
    split = module(order, base, state, use)
    answers = []
    for policy in POLICIES:
        small = distill(split, policy).btf
        try:
            result = reconcile(small, new)
        except ReconcileError:
            answers.append("refused")
            continue
        assert compare(small, result.btf)
        answers.append("noted" if result.report.notes else "fits")
        if result.report.notes:
            assert not compare(small, result.btf, contents="all")
            with pytest.raises(ReconcileError):
                reconcile(small, new, contents="all")
    assert tuple(answers) == DETECTED[change][use]


def test_changes_are_told():
    base, state = kernel("little", "none")
    small = distill(module("little", base, state, "by value"), "by-value").btf
    told = {}
    for change in DETECTED:
        try:
            reconcile(small, kernel("little", change)[0])
        except ReconcileError as error:
            told[change] = str(error)
    assert "a: moved from 0 to 32 (bits)" in told["member moved"]
    assert "c: retyped from long to int *" in told["member's type changed"]
    assert "d is gone" in told["member removed"]
    assert "deep.x: moved from 0 to 32 (bits), held by value in struct mine.t" in told["inner member moved"]
    assert "enum state: ON: value from 1 to 2, held by value in struct mine.s" in told["enum value changed"]
    assert "struct thing: 40 bytes then, 48 now" in told["struct grown"]
    assert "struct thing: not in the new base" in told["struct removed"]
    assert "struct thing: a STRUCT then, UNION now" in told["struct became a union"]


FLAT, NESTED, TURNED = (15,), (5, 3), (3, 5)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(("then", "now"), [(FLAT, NESTED), (NESTED, FLAT), (NESTED, TURNED), (FLAT, (14,))])
@pytest.mark.parametrize("policy", ["by-value", "full"])
def test_arrays_of_arrays_of_either_style(order, policy, then, now):
    """Flat (pahole before 1.32) and nested are the same array; other dimensions and totals are not."""

    def built(dimensions):
        b = Builder(order=order)
        element = number = b.int("int", 4)
        for count in reversed(dimensions):
            element = b.array(element, number, count)
        grid = b.struct("grid", 64, [("m", element, 0)])
        return b.build(), grid

    old, grid = built(then)
    new, _ = built(now)
    b = Builder(old)
    b.struct("mine", 64, [("g", grid, 0)])
    split = b.build()
    small = distill(split, policy).btf
    if {then, now} == {FLAT, NESTED}:
        done = reconcile(small, new)
        assert compare(small, done.btf)
        assert compare(split, done.btf)
    else:
        with pytest.raises(ReconcileError, match="m: retyped from int"):
            reconcile(small, new)
        b = Builder(new)
        b.struct("mine", 64, [("g", new.find_id("grid"), 0)])
        assert "m has another type" in str(compare(split, b.build()).differences[0])


def test_each_enumerator_of_a_repeated_name_has_to_keep_its_value() -> None:
    """C forbids repeated names, BTF does not."""

    def kernel_with(first: int) -> Builder:
        b = Builder()
        b.enum("state", [("ON", first), ("OFF", 0), ("ON", 2)])
        return b

    b = Builder(kernel_with(1).build())
    b.struct("mine", 4, [("state", 1, 0)])
    done = distill(b.build(), policy="by-value")
    assert reconcile(done.btf, kernel_with(1).build()).btf.own_ids
    with pytest.raises(ReconcileError, match=r"state.*ON"):
        reconcile(done.btf, kernel_with(7).build())
