"""What a program can reach, on small programs written in instructions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.programs import insns as i
from btfkit.programs.code import Function, Linked, Reference
from btfkit.programs.reach import Doubt, Flow, Walk
from btfkit.programs.registers import MAYBE_STACK, RANGE, STACK, arithmetic, bounds, decided, join
from btfkit.programs.verifier import NEWEST, Verifier

OLDEST = Verifier(decides=False)
PLAIN = Verifier()
DW, W = 0x18, 0x00
EXIT = (i.JMP | i.EXIT, 0, 0, 0, 0)


def mov(dst, imm):
    return (i.ALU64 | i.MOV, dst, 0, 0, imm)


def copy(dst, src):
    return (i.ALU64 | i.MOV | i.X, dst, src, 0, 0)


def jump(op, dst, imm, off, wide=True):
    return ((i.JMP if wide else i.JMP32) | op, dst, 0, off, imm)


def go(off):
    return (i.JMP | i.JA, 0, 0, off, 0)


def call(helper):
    return (i.JMP | i.CALL, 0, 0, 0, helper)


def stx(off, src, size=DW, dst=10):
    return (i.STX | i.MEM | size, dst, src, off, 0)


def ldx(dst, off, size=DW, src=10):
    return (i.LDX | i.MEM | size, dst, src, off, 0)


def reached(insns, *marks, verifier=NEWEST, functions=(), targets=None, references=None, poison=True):
    """The slots of `marks` that are reached."""
    linked = Linked(Function("prog", "xdp", 0, list(insns)))
    linked.add(linked.program)
    for name, body, is_global in functions:
        function = Function(name, ".text", 0, list(body))
        function.is_global = is_global
        linked.add(function)
    linked.targets = dict(targets or {})
    linked.references = dict(references or {})
    walk = Walk(Flow(linked), linked.insns, dict.fromkeys(marks, poison), verifier, lambda *_: None, lambda name: None)
    return walk.run()


def test_a_branch_on_a_known_number():
    guarded = [mov(1, 0), jump(i.JEQ, 1, 0, 1), mov(2, 7), mov(0, 0), EXIT]
    assert reached(guarded, 2) == set()
    assert reached(guarded, 2, verifier=OLDEST) == set()
    assert reached([mov(1, 1), *guarded[1:]], 2) == {2}
    other = [mov(1, 0), jump(i.JGT, 1, 0, 1), go(1), mov(2, 7), mov(0, 0), EXIT]
    assert reached(other, 3) == set()
    assert reached(other, 3, verifier=OLDEST) == {3}


def test_stack_slots():
    def spilled(size):
        return [mov(1, 1), stx(-8, 1, size), ldx(2, -8, size), jump(i.JNE, 2, 0, 1), mov(3, 7), mov(0, 0), EXIT]

    assert reached(spilled(DW), 4, verifier=PLAIN) == set()
    assert reached(spilled(W), 4, verifier=NEWEST) == set()
    assert reached(spilled(W), 4, verifier=PLAIN) == {4}  # before 5.19 only zeros are kept in less than 64 bits
    assert reached(spilled(DW), 4, verifier=OLDEST) == {4}
    zero = [mov(1, 0), stx(-8, 1, W), ldx(2, -8, W), jump(i.JEQ, 2, 0, 1), mov(3, 7), mov(0, 0), EXIT]
    assert reached(zero, 4, verifier=PLAIN) == set()


@pytest.mark.parametrize(
    "between",
    [
        [stx(-8, 6, W)],  # half of it
        [copy(2, 10), (i.ALU64 | i.ADD, 2, 0, 0, -8), stx(0, 6, DW, dst=2)],  # through another register
        [copy(1, 10), (i.ALU64 | i.ADD, 1, 0, 0, -16), mov(2, 16), call(16)],  # by a helper
        [copy(1, 10), (i.ALU64 | i.ADD, 1, 0, 0, -16), mov(2, 4), call(67)],  # by a helper of which nothing is known
        [copy(2, 10), (i.ALU64 | i.ADD | i.X, 2, 6, 0, 0), stx(0, 6, DW, dst=2)],  # anywhere
        [(i.STX | i.ATOMIC | DW, 10, 6, -8, i.ADD)],
    ],
)
def test_what_overwrites_a_slot(between):
    start = [call(7), copy(6, 0), mov(3, 0), stx(-8, 3)]
    end = [ldx(4, -8), jump(i.JEQ, 4, 0, 1), mov(3, 7), mov(0, 0), EXIT]
    mark = len(start) + len(between) + 2
    assert reached([*start, *end], len(start) + 2) == set()
    assert reached([*start, *between, *end], mark) == {mark}


def test_what_leaves_a_slot_alone():
    start = [call(7), copy(6, 0), mov(3, 0), stx(-32, 3)]
    buffer = [copy(1, 10), (i.ALU64 | i.ADD, 1, 0, 0, -16), mov(2, 16), call(16), stx(-24, 6)]
    end = [ldx(4, -32), jump(i.JEQ, 4, 0, 1), mov(3, 7), mov(0, 0), EXIT]
    assert reached([*start, *buffer, *end], len(start) + len(buffer) + 2) == set()


def test_sub_programs_get_the_callers_values():
    main = [mov(1, 0), call(0), mov(0, 0), EXIT]
    body = [jump(i.JEQ, 1, 0, 1), mov(2, 7), mov(0, 0), EXIT]
    assert reached(main, 5, functions=[("f", body, False)], targets={1: 4}) == set()
    assert reached([mov(1, 3), *main[1:]], 5, functions=[("f", body, False)], targets={1: 4}) == {5}


def test_global_functions_are_on_their_own():
    main = [mov(1, 0), call(0), mov(0, 0), EXIT]
    body = [jump(i.JEQ, 1, 0, 1), mov(2, 7), mov(0, 0), EXIT]
    assert reached(main, 5, functions=[("f", body, True)], targets={1: 4}) == {5}
    dead = [mov(1, 0), jump(i.JEQ, 1, 0, 1), call(0), mov(0, 0), EXIT]
    functions, targets = [("f", body, True)], {2: 5}
    assert reached(dead, 6, functions=functions, targets=targets) == set()
    assert reached(dead, 6, functions=functions, targets=targets, verifier=PLAIN) == {6}  # eager before 6.8


def test_callbacks_are_reached_and_change_the_stack():
    address = (i.LDIMM64, 2, 4, 0, 0)  # BPF_PSEUDO_FUNC
    main = [mov(3, 0), stx(-8, 3), address, (0, 0, 0, 0, 0), call(181), ldx(4, -8), jump(i.JEQ, 4, 0, 1), mov(3, 7)]
    main += [mov(0, 0), EXIT]
    body = [mov(0, 0), mov(2, 7), EXIT]
    references = {2: Reference("func", "f")}
    found = reached(main, 7, 11, functions=[("f", body, False)], targets={2: 10}, references=references)
    assert found == {7, 11}


def test_loops_end():
    counting = [mov(1, 0), (i.ALU64 | i.ADD, 1, 0, 0, 1), jump(i.JLT, 1, 1000, -2), mov(2, 7), mov(0, 0), EXIT]
    assert reached(counting, 3) == {3}
    endless = [mov(1, 0), (i.ALU64 | i.ADD, 1, 0, 0, 1), go(-2)]
    assert reached(endless, 1, poison=False) == {1}


def test_doubt():
    with pytest.raises(Doubt):
        reached([mov(0, 0)], 0)  # runs out of its end
    with pytest.raises(Doubt):
        reached([call(0), EXIT], 1, targets={0: 0})  # calls itself for ever
    with pytest.raises(Doubt):
        reached([(i.JMP | i.JA | i.X, 1, 0, 0, 0), EXIT], 1)


def test_poison_is_passed_as_what_it_was():
    """A missing read yields something unknown, and what comes behind it is looked at too."""
    insns = [mov(1, 5), ldx(2, 0, DW, 1), jump(i.JEQ, 2, 0, 1), mov(3, 7), mov(0, 0), EXIT]
    assert reached(insns, 1, 3) == {1, 3}


numbers = st.one_of(
    st.integers(0, 8), st.integers(0, (1 << 64) - 1), st.sampled_from((0x7FFFFFFF, 0x80000000, 1 << 32, (1 << 63)))
)
OPS = (i.ADD, i.SUB, i.MUL, i.OR, i.AND, i.LSH, i.RSH, i.XOR, i.ARSH)
TESTS = (i.JEQ, i.JGT, i.JGE, i.JSET, i.JNE, i.JSGT, i.JSGE, i.JLT, i.JLE, i.JSLT, i.JSLE)


def execute(op, a, b, bits):
    """The instruction, done plainly."""
    mask = (1 << bits) - 1
    a, b = a & mask, b & mask
    sign = a - (1 << bits) if a >> (bits - 1) else a
    by = b & (bits - 1)
    table = {
        i.ADD: a + b,
        i.SUB: a - b,
        i.MUL: a * b,
        i.OR: a | b,
        i.AND: a & b,
        i.XOR: a ^ b,
        i.LSH: a << by,
        i.RSH: a >> by,
        i.ARSH: sign >> by,
    }
    return table[op] & mask


def holds(op, a, b, bits):
    """The comparison, done plainly."""
    mask = (1 << bits) - 1
    a, b = a & mask, b & mask
    x, y = (v - (1 << bits) if v >> (bits - 1) else v for v in (a, b))
    table = {
        i.JEQ: a == b,
        i.JNE: a != b,
        i.JGT: a > b,
        i.JGE: a >= b,
        i.JLT: a < b,
        i.JLE: a <= b,
        i.JSET: bool(a & b),
        i.JSGT: x > y,
        i.JSGE: x >= y,
        i.JSLT: x < y,
        i.JSLE: x <= y,
    }
    return table[op]


def within(value, low, high):
    return (RANGE, low, high) if low < high else low


@given(st.sampled_from(OPS), numbers, numbers, numbers, numbers, st.booleans(), st.data())
def test_arithmetic_covers_what_happens(op, a, b, c, d, wide, data):
    left, right = within(None, *sorted((a, b))), within(None, *sorted((c, d)))
    x, y = data.draw(st.integers(*bounds(left))), data.draw(st.integers(*bounds(right)))
    found = arithmetic(op, left, right, wide=wide, tracks_xor=True)
    known = bounds(found)
    if known is not None:
        assert known[0] <= execute(op, x, y, 64 if wide else 32) <= known[1]


@given(st.sampled_from(TESTS), numbers, numbers, numbers, st.booleans(), st.data())
def test_decisions_hold(op, a, b, c, wide, data):
    left = within(None, *sorted((a, b)))
    x = data.draw(st.integers(*bounds(left)))
    taken = decided(op, left, c, wide=wide, knows_pointers=True)
    if taken is not None:
        assert taken == holds(op, x, c, 64 if wide else 32)


def test_joining_never_forgets_a_pointer_into_the_stack():
    here, there = (STACK, 0, -8), (STACK, 0, -16)
    assert join(here, here) == here
    assert join(here, there) == (STACK, 0, None)
    assert join(here, (STACK, 1, -8)) == MAYBE_STACK
    assert join(here, 5) == join(None, here) == MAYBE_STACK
    assert join(5, 6) is None
