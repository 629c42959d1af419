"""Objects and kernels that want to hang or crash the engine: bounded time, an outcome "error" or none, never an exception."""

from __future__ import annotations

import time

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.judges.answers import compare
from btfkit.passes.minimize import minimize
from objects import Program

SECONDS = 60  # of processor time, for what takes less than one: what grows without bound takes hours


def ask(program, vmlinux):
    """The outcomes, and the check that minimizing survives it as well."""
    obj = program.build()
    started = time.process_time()
    (outcomes,) = relocate([obj], Target(vmlinux))
    result = minimize(vmlinux, [obj])
    compare([obj], result.outcomes, result.target, Target(result.btf))
    assert time.process_time() - started < SECONDS
    return [(outcome.status, outcome.value) for outcome in outcomes]


def both(write):
    """The same types as the program's and as the kernel's; `write` adds them to a builder and returns what it likes."""
    kernel = Builder()
    write(kernel)
    program = Program()
    return program, write(program.types), kernel.build()


def cycle_of_typedefs(b):
    return b.typedef("a", b.next_id + 1), b.typedef("b", b.next_id - 1)


def cycle_of_arrays(b):
    number = b.int("int", 4)
    return b.typedef("a", b.next_id + 1), b.array(b.next_id - 1, number, 1)


def cycle_of_modifiers(b):
    return b.typedef("a", b.next_id + 1), b.const(b.next_id + 1), b.volatile(b.next_id - 1)


@pytest.mark.parametrize("write", [cycle_of_typedefs, cycle_of_arrays, cycle_of_modifiers])
@pytest.mark.parametrize("kind", range(13))
def test_cycles_by_value_are_errors(write, kind):
    program, (root, *_), kernel = both(write)
    program.relo(kind, root, "0:0" if kind < 6 else "0")
    (outcome,) = ask(program, kernel)
    assert outcome == (("value", root) if kind == k.TYPE_ID_LOCAL else ("error", None))


@pytest.mark.parametrize("write", [cycle_of_typedefs, cycle_of_arrays, cycle_of_modifiers])
@pytest.mark.parametrize("kind", [0, 1, 2, 4, 7, 8, 9, 12])
def test_cycles_in_the_kernel_only(write, kind):
    kernel = Builder()
    write(kernel)
    program = Program()
    number = program.types.int("int", 4)
    inner = program.types.struct("inner", 4, [("x", number, 0)])
    program.relo(kind, program.types.typedef("a", inner), "0:0" if kind < 6 else "0")
    (outcome,) = ask(program, kernel.build())
    assert outcome[0] in ("error", "missing", "value")
    assert outcome[1] in (0, None)


def nested(depth):
    def write(b):
        inner = b.struct("", 4, [("x", b.int("int", 4), 0)])
        for _ in range(depth):
            inner = b.struct("", 4, [("", inner, 0)])
        return b.struct("root", 4, [("", inner, 0)])

    return write


@pytest.mark.parametrize("depth", [10, 62, 63, 64, 500, 20000])
@pytest.mark.parametrize("kind", [0, 2])
def test_anonymous_nesting(depth, kind):
    kernel = Builder()
    nested(depth)(kernel)
    program = Program()
    program.relo(kind, program.types.struct("root", 4, [("x", program.types.int("int", 4), 0)]), "0:0")
    (outcome,) = ask(program, kernel.build())
    if depth <= 60:
        assert outcome == ("value", 0 if kind == 0 else 1)
    else:
        assert outcome[0] in ("error", "missing", "value")
        assert outcome[1] in (None, 0)


@pytest.mark.parametrize("depth", [10, 500, 20000])
def test_anonymous_nesting_and_types(depth):
    program, root, kernel = both(nested(depth))
    for kind in (k.TYPE_EXISTS, k.TYPE_SIZE, k.TYPE_MATCHES):
        program.relo(kind, root)
    exists, size, matches = ask(program, kernel)
    assert (exists, size) == (("value", 1), ("value", 4))
    assert matches == (("value", 1) if depth <= 20 else ("error", None))


def test_a_struct_that_contains_itself_without_a_name():
    kernel = Builder()
    number = kernel.int("int", 4)
    kernel.struct("root", 4, [("", kernel.next_id, 0), ("", kernel.next_id, 0), ("y", number, 0)])
    program = Program()
    number = program.types.int("int", 4)
    root = program.types.struct("root", 4, [("x", number, 0), ("y", number, 0)])
    for member in (0, 1):
        program.relo(k.BYTE_OFFSET, root, f"0:{member}")
        program.relo(k.FIELD_EXISTS, root, f"0:{member}")
    assert all(status in ("error", "missing", "value") for status, _ in ask(program, kernel.build()))


def bush(width, depth):
    """A struct whose anonymous members double with each level: 2 ** depth ways to look for a name."""

    def write(b):
        inner = b.struct("", 4, [("y", b.int("int", 4), 0)])
        for _ in range(depth):
            inner = b.struct("", 4, [("", inner, 0)] * width)
        return b.struct("root", 4, [("", inner, 0)])

    return write


def test_anonymous_members_that_double():
    kernel = Builder()
    bush(2, 40)(kernel)
    program = Program()
    number = program.types.int("int", 4)
    root = program.types.struct("root", 4, [("x", number, 0), ("y", number, 0)])
    program.relo(k.BYTE_OFFSET, root, "0:0")
    program.relo(k.FIELD_EXISTS, root, "0:0")
    program.relo(k.BYTE_OFFSET, root, "0:1")
    outcomes = ask(program, kernel.build())
    assert outcomes[2] == ("value", 0)
    assert all(outcome in (("error", None), ("missing", None), ("value", 0)) for outcome in outcomes)


def test_type_matches_that_explodes():
    program, root, kernel = both(bush(3, 28))
    program.relo(k.TYPE_MATCHES, root)
    assert ask(program, kernel)[0][0] in ("value", "error")


def test_type_matches_that_explodes_and_fails():
    def write(last):
        def go(b):
            inner = b.struct("n0", 4, [(last, b.int("int", 4), 0)])
            for level in range(1, 29):
                inner = b.struct(f"n{level}", 4, [("m", inner, 0), ("m", inner, 0), ("m", inner, 0)])
            return inner

        return go

    kernel = Builder()
    write("x")(kernel)
    program = Program()
    program.relo(k.TYPE_MATCHES, write("y")(program.types))
    assert ask(program, kernel.build())[0][0] in ("value", "error")


def test_callbacks_that_take_callbacks():
    """struct S { struct S (*fn)(struct S); }: bpftool overflows its stack on these (FORMAT.md 4.6, 9)."""

    def write(b):
        struct = b.next_id
        b.struct("S", 8, [("fn", struct + 1, 0)])
        b.ptr(struct + 2)
        b.func_proto(struct, [("s", struct)])
        return struct

    program, root, kernel = both(write)
    program.relo(k.TYPE_MATCHES, root)
    program.relo(k.TYPE_EXISTS, root)
    assert ask(program, kernel) == [("value", 1), ("value", 1)]


def test_prototypes_that_explode():
    def write(b):
        inner = b.ptr(b.func_proto(0, []))
        for _ in range(30):
            inner = b.ptr(b.func_proto(inner, [("p", inner)] * 3))
        return b.typedef("fn_t", inner)

    program, root, kernel = both(write)
    for kind in (k.TYPE_EXISTS, k.TYPE_SIZE, k.TYPE_MATCHES):
        program.relo(kind, root)
    assert all(status in ("value", "error") for status, _ in ask(program, kernel))


def test_pointers_that_go_round():
    def write(b):
        return b.typedef("a", b.next_id + 1), b.ptr(b.next_id - 1)

    program, (root, _), kernel = both(write)
    for kind in (k.TYPE_EXISTS, k.TYPE_MATCHES, k.TYPE_SIZE):
        program.relo(kind, root)
    assert [status for status, _ in ask(program, kernel)] == ["error"] * 3


def test_many_candidates():
    kernel = Builder()
    number = kernel.int("int", 4)
    for _ in range(3000):
        kernel.struct("s", 4, [("x", number, 0)])
    program = Program()
    root = program.types.struct("s", 4, [("x", program.types.int("int", 4), 0)])
    program.relo(k.BYTE_OFFSET, root, "0:0")
    program.relo(k.TYPE_ID_TARGET, root)
    assert ask(program, kernel.build()) == [("value", 0), ("ambiguous", None)]


@pytest.mark.parametrize("index", [0, 1, 0x7FFFFFFF, 0x80000000, 99999999999999999999])
def test_indexes_as_large_as_can_be(index):
    def write(b):
        number = b.int("int", 4)
        return b.struct("s", 0xFFFFFFFF, [("x", number, 32), ("a", b.array(number, number, 0xFFFFFFFF), 64)])

    program, root, kernel = both(write)
    program.relo(k.BYTE_OFFSET, root, f"{index}:0")
    program.relo(k.BYTE_SIZE, root, "0:1")
    program.relo(k.BYTE_OFFSET, root, f"0:1:{index}")
    first, second, third = ask(program, kernel)
    assert second == ("error", None)  # 4 * 0xffffffff bytes
    expected = (((index * 0xFFFFFFFF * 8 + 32) % 2**32) // 8, ((64 + 32 * index) % 2**32) // 8)
    if index <= 0x7FFFFFFF:
        assert (first, third) == (("value", expected[0]), ("value", expected[1]))
    else:
        assert (first, third) == (("error", None), ("error", None))


def test_bitfields_of_nothing():
    kernel = Builder()
    kernel.struct("s", 4, [("x", kernel.int("nothing", 0), 0, 3), ("y", kernel.int("int", 4), 30, 255)])
    program = Program()
    number = program.types.int("int", 4)
    root = program.types.struct("s", 4, [("x", number, 0, 3), ("y", number, 3, 3)])
    for member in (0, 1):
        for kind in (0, 1, 3, 4, 5):
            program.relo(kind, root, f"0:{member}")
    assert ask(program, kernel.build()) == [("error", None)] * 10


@pytest.mark.parametrize("kind", range(1, 20))
def test_roots_of_every_kind(kind):
    """Whatever the record says the root is."""

    def write(b):
        number = b.int("int", 4)
        proto = b.func_proto(number, [("a", number)])
        tail = {spec.INT: (32,), spec.ARRAY: (number, number, 2), spec.VAR: (1,), spec.DECL_TAG: (0xFFFFFFFF,)}.get(
            kind, ()
        )
        third = (
            proto
            if kind == spec.FUNC
            else 4
            if spec.KINDS[kind].third == "size"
            else number
            if spec.KINDS[kind].third
            else 0
        )
        return b.record(kind, "thing", third, tail)

    program, root, kernel = both(write)
    for relocation in range(16):
        for access in ("0", "0:0", "0:0:0", "1:1"):
            program.relo(relocation, root, access)
    outcomes = ask(program, kernel)
    assert all(status in ("value", "missing", "ambiguous", "error") for status, _ in outcomes)
    assert outcomes[13 * 4 :] == [("error", None)] * 12


def test_many_members_of_one_struct_are_read_once(monkeypatch):
    """n accesses to n members, half of them missing: the struct is searched a fixed number of times."""
    from btfkit.co_re import match

    searched = []
    plain = match.with_name
    monkeypatch.setattr(match, "with_name", lambda *args: searched.append(1) or plain(*args))
    kernel, program = Builder(), Program()
    for b, count in ((kernel, 500), (program.types, 1000)):
        number = b.int("int", 4, encoding=1)
        root = b.struct("s", 4 * count, [(f"m{at}", number, 32 * at) for at in range(count)])
    for at in range(1000):
        program.relo(k.FIELD_EXISTS, root, f"0:{at}")
    (outcomes,) = relocate([program.build()], Target(kernel.build()))
    assert [outcome.value for outcome in outcomes] == [1] * 500 + [0] * 500
    assert len(searched) <= match.OFTEN
