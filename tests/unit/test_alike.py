"""What counts as the same by the rules of cilium/ebpf as by libbpf's (`alike`) is what all of its rules give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.alike import cilium_outcomes
from btfkit.co_re.loaders import CILIUM
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from objects import Choose, Program, scene


def shown(outcomes):
    return [
        (outcome.status, outcome.value, [(match.type_id, match.value) for match in outcome.matches])
        for outcome in outcomes
    ]


def both(objects, vmlinux, modules=()):
    """(outcomes by the short way, whether each is libbpf's itself), compared with those of all rules."""
    target = Target(vmlinux, modules)
    target.look_widely()
    known = relocate(objects, target)
    mine = cilium_outcomes(objects, known, target)
    theirs = relocate(objects, Target(vmlinux, modules), loader=CILIUM)
    assert [shown(outcomes) for outcomes in mine] == [shown(outcomes) for outcomes in theirs]
    return [
        (found, found is libbpf)
        for outcomes, olds in zip(mine, known, strict=True)
        for found, libbpf in zip(outcomes, olds, strict=True)
    ]


@given(st.composite(lambda draw: scene(Choose.drawn(draw)))())
def test_random_programs(scene):
    both(scene.objects, scene.vmlinux, scene.modules)


def one(members, access, kind):
    """(status, value, whether it is the same) for a struct of these members; the types are 1 int, 2 a struct of int `u`, 3 one of
    int `x`, 4 one of a bitfield `f`."""

    def types(b):
        number = b.int("int", 4, encoding=1)
        b.struct("", 4, [("u", number, 0)])
        b.struct("", 4, [("x", number, 0)])
        b.struct("", 8, [("f", number, 3, 4)])
        return b.struct("outer", 32, members)

    program = Program()
    program.relo(kind, types(program.types), access)
    kernel = Builder()
    types(kernel)
    ((found, same),) = both([program.build()], kernel.build())
    return found.status, found.value, same


@pytest.mark.parametrize(
    ("members", "access", "kind", "value", "same"),
    [
        ([("a", 1, 0), ("", 2, 32)], "0:1:0", k.BYTE_OFFSET, 4, True),
        ([("", 3, 0), ("x", 1, 32)], "0:1", k.BYTE_OFFSET, 4, False),  # libbpf enters the anonymous one first
        ([("", 4, 64)], "0:0:0", k.BYTE_OFFSET, 8, True),
        ([("", 4, 64)], "0:0:0", k.LSHIFT, 57, True),
        ([("s", 4, 48)], "0:0:0", k.BYTE_OFFSET, 6, False),  # at 4 for libbpf
        ([("a", 1, 0)], "0:0", k.SIGNED, 1, True),
    ],
)
def test_anonymous_members_and_bitfields(members, access, kind, value, same):
    assert one(members, access, kind) == ("value", value, same)


def test_no_member_among_anonymous_ones():
    program = Program()
    number = program.types.int("int", 4)
    program.relo(k.FIELD_EXISTS, program.types.struct("outer", 4, [("gone", number, 0)]), "0:0")
    kernel = Builder()
    inner = kernel.struct("", 4, [("u", kernel.int("int", 4), 0)])
    kernel.struct("outer", 8, [("", inner, 0), ("", inner, 32)])
    ((found, same),) = both([program.build()], kernel.build())
    assert (found.status, found.value, same) == ("value", 0, False)  # the same type twice: not worth a thought
    kernel = Builder()
    kernel.struct("outer", 8, [("", kernel.struct("", 4, [("u", kernel.int("int", 4), 0)]), 0)])
    ((found, same),) = both([program.build()], kernel.build())
    assert (found.status, found.value, same) == ("value", 0, True)
