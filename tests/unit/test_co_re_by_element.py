"""Many candidates of one name: only those that may match are asked, with the same answers and the same result of `min`."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import by_element, relocate, target
from btfkit.co_re import kinds as k
from btfkit.passes.minimize import minimize
from objects import Program

N = 24
KINDS = (k.BYTE_OFFSET, k.BYTE_SIZE, k.FIELD_EXISTS, k.TYPE_EXISTS, k.TYPE_ID_TARGET, k.TYPE_SIZE, k.TYPE_MATCHES)


def kernel(ring: bool = False):
    """N structs of one name with members of their own, some in anonymous ones or of another type; `ring`: a const of itself."""
    b = Builder(order="little")
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    other = b.struct("other", 4, [("x", number, 0)])
    for at in range(N):
        inner = b.union("", 4, [(f"deep{at % 5}", number, 0), (f"hidden{at}", other, 0)])
        name = "same___flavor" if at % 7 == 3 else "same"
        b.struct(
            name, 16, [(f"a{at}", other if at % 6 == 5 else number, 0), ("", inner, 32), ("both", b.ptr(other), 64)]
        )
    b.struct("same", 8, [(f"a{at}", number, 0) for at in range(3)])
    b.struct("same", 8, [("a4", number, 0), ("a4", other, 32)])
    b.struct("same", 8, [("", b.next_id, 0)])
    if ring:
        b.struct("same", 8, [("", b.const(b.next_id), 0), ("a9", number, 0)])
    b.struct("same", 0, [])
    for at in range(N):
        b.enum("color", [(f"A{at}", at), (f"B{at % 4}___x", 1)])
    b.enum64("color", [("A3", 3), ("C", 1 << 40)])
    return b.build()


def program():
    p = Program("little")
    b = p.types
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    for at in range(N + 2):
        for member in (f"a{at}", f"deep{at}", f"hidden{at}", "both"):
            root = b.struct("same", 4, [(member, number, 0)])
            for kind in KINDS:
                p.relo(kind, root, "0:0" if kind in KINDS[:3] else "0")
        root = b.struct("same", 8, [(f"a{at}", number, 0), ("both", b.ptr(b.fwd("other")), 64)])
        p.relo(k.TYPE_MATCHES, root, "0")
        root = b.enum("color", [(f"B{at % 6}", 0), (f"A{at}", 0)])
        for kind in (k.ENUMVAL_EXISTS, k.ENUMVAL_VALUE):
            p.relo(kind, root, "0")
            p.relo(kind, root, "1")
        p.relo(k.TYPE_MATCHES, root, "0")
    return p.build()


def answers(outcomes):
    return [
        (one.status, one.value, one.reason, one.detail, one.load_size, one.candidates, matches(one)) for one in outcomes
    ]


def matches(outcome):
    return [(one.type_id, one.value, one.bit_offset, one.load, one.witness.types) for one in outcome.matches]


@pytest.fixture
def asked(monkeypatch):
    """How many candidates are asked, with the index and without."""
    ask = relocate._ask
    counts = {"n": 0}

    def counting(*args):
        counts["n"] += 1
        return ask(*args)

    def use(index: bool) -> dict[str, int]:
        monkeypatch.setattr(target, "MANY", 2 if index else 1 << 30)
        monkeypatch.setattr(by_element, "OFTEN", 1)
        counts["n"] = 0
        return counts

    monkeypatch.setattr(relocate, "_ask", counting)
    return use


@pytest.mark.parametrize("ring", [False, True])
def test_same_answers(asked, ring) -> None:
    btf, obj = kernel(ring), program()
    asked(False)
    (expected,) = relocate.relocate([obj], target.Target(btf))
    asked(True)
    (found,) = relocate.relocate([obj], target.Target(btf))
    assert answers(found) == answers(expected)
    assert {one.status for one in found} >= {"value", "missing", "ambiguous"}


def test_same_result_of_min(asked) -> None:
    btf, obj = kernel(), program()
    asked(False)
    expected = minimize(btf, [obj]).btf.to_bytes()
    asked(True)
    assert minimize(btf, [obj]).btf.to_bytes() == expected


def test_few_are_asked(asked) -> None:
    """n relocations on n candidates ask each candidate once, not n times."""
    b = Builder(order="little")
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    p = Program("little")
    local = p.types.int("int", 4, encoding=spec.INT_SIGNED)
    for at in range(64):
        b.struct("same", 4 * at + 4, [(f"a{at}", number, 0)])
        root = p.types.struct("same", 4, [(f"a{at}", local, 0)])
        p.relo(k.FIELD_EXISTS, root, "0:0")
        p.relo(k.TYPE_MATCHES, root, "0")
    counts = asked(True)
    (outcomes,) = relocate.relocate([p.build()], target.Target(b.build()))
    assert {(one.status, one.value) for one in outcomes} == {("value", 1)}
    assert counts["n"] <= 4 * 64
