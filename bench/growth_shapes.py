"""Inputs of `growth.py`: BTF of hostile or large shape, by size n, and BPF objects that ask for what they hold.

Each shape is a function of n that returns a `Builder`.  The work that a shape is for grows with n, and so should the time of
every command.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

from btfkit.btf import spec  # noqa: E402
from btfkit.btf.btf import Btf  # noqa: E402
from btfkit.btf.build import Builder  # noqa: E402
from objects import Program  # noqa: E402

Shape = Callable[[int], Builder]


def _start() -> Builder:
    """A builder with an int (1), an unsigned long (2) and a pointer to the int (3)."""
    b = Builder(order="little")
    b.int("int", 4, encoding=spec.INT_SIGNED)
    b.int("unsigned long", 8)
    b.ptr(1)
    return b


def plain(n: int) -> Builder:
    """n structs of distinct names, each with a pointer to the next and a pointer back, as in a kernel."""
    b = _start()
    first = b.next_id
    for number in range(n):
        b.struct(f"s{number}", 24, [("x", 1, 0), ("next", first + (2 * number + 3) % (2 * n), 64), ("p", 3, 128)])
        b.ptr(first + 2 * number)
    return b


def one_name(n: int) -> Builder:
    """n different structs of one name."""
    b = _start()
    for number in range(n):
        b.struct("same", 4 * number + 4, [(f"a{number}", 1, 32 * number % (1 << 20))])
    return b


def alike(n: int) -> Builder:
    """n structs of one name with equal members but for the last one's type, which differs in each."""
    b = _start()
    for number in range(n):
        pointer = b.ptr(b.next_id + 1)
        b.struct(f"t{number}", 4, [("x", 1, 0)])
        b.struct("same", 16, [("x", 1, 0), ("p", pointer, 64)])
    return b


def typedefs_of_one_name(n: int) -> Builder:
    """n typedefs of one name, each of another struct that holds the one before."""
    b = _start()
    last = 3
    for number in range(n):
        b.struct(f"u{number}", 8, [("p", b.ptr(last), 0)])
        last = b.typedef("same", b.next_id - 1)
    return b


def forwards(n: int) -> Builder:
    """n forward declarations of one name, a pointer to each, and two structs of that name."""
    b = _start()
    for _ in range(n):
        b.ptr(b.fwd("same"))
    b.struct("same", 4, [("x", 1, 0)])
    b.struct("same", 8, [("y", 2, 0)])
    return b


def forwards_and_structs(n: int) -> Builder:
    """n forward declarations and n different structs, all of one name."""
    b = _start()
    for number in range(n):
        b.ptr(b.fwd("same"))
        b.struct("same", 4 + 4 * number, [(f"x{number}", 1, 0)])
    return b


def ends(n: int) -> Builder:
    """n structs and n members whose names are the ends of one string of n characters."""
    b = _start()
    start = b.name("a" * n)
    for number in range(n):
        b.record(spec.STRUCT, "", 4, (start + number, 1, 0), vlen=1)
        b._words[-6] = start + number  # its name: an end of the string
    return b


def members(n: int) -> Builder:
    """One struct with n members."""
    b = _start()
    b.struct("wide", 4 * n, [(f"member_{number}", 1, 32 * number) for number in range(n)])
    return b


def bitfields(n: int) -> Builder:
    """One struct with n bitfields of one bit."""
    b = _start()
    b.struct("wide", (n + 31) // 32 * 4, [(f"bit_{number}", 1, number, 1) for number in range(n)])
    return b


def enumerators(n: int) -> Builder:
    """One enum with n enumerators."""
    b = _start()
    b.enum("many", [(f"A{number}", number) for number in range(n)])
    return b


def enums64(n: int) -> Builder:
    """One enum of 64 bits with n enumerators."""
    b = _start()
    b.enum64("many", [(f"A{number}", number << 20) for number in range(n)])
    return b


def enums_of_one_value_name(n: int) -> Builder:
    """n enums with an enumerator of one name."""
    b = _start()
    for number in range(n):
        b.enum(f"e{number}", [("SAME", number), (f"OTHER{number}", 1)])
    return b


def pointers(n: int) -> Builder:
    """A chain of n pointers, and a struct that holds its head."""
    b = _start()
    last = 1
    for _ in range(n):
        last = b.ptr(last)
    b.struct("head", 8, [("p", last, 0)])
    return b


def typedefs(n: int) -> Builder:
    """A chain of n typedefs, and a struct that holds its head."""
    b = _start()
    last = 1
    for number in range(n):
        last = b.typedef(f"t{number}", last)
    b.struct("head", 4, [("x", last, 0)])
    return b


def typedefs_held(n: int) -> Builder:
    """A chain of n typedefs; a struct with a member for each."""
    b = typedefs(n)
    b.struct("all", 4 * n, [(f"m{number}", 4 + number, 32 * number) for number in range(n)])
    return b


def modifiers(n: int) -> Builder:
    """A chain of n modifiers, and a struct that holds its head."""
    b = _start()
    last = 1
    for number in range(n):
        last = b.const(last) if number % 2 else b.volatile(last)
    b.struct("head", 4, [("x", last, 0)])
    return b


def arrays(n: int) -> Builder:
    """A chain of n arrays of one element, and a struct that holds its head."""
    b = _start()
    last = 1
    for _ in range(n):
        last = b.array(last, 1, 1)
    b.struct("head", 4, [("x", last, 0)])
    return b


def anonymous(n: int) -> Builder:
    """n anonymous structs in each other, each with a member of its own."""
    b = _start()
    last = b.struct("", 4, [("x0", 1, 0)])
    for number in range(1, n):
        last = b.struct("", 4 * number + 4, [(f"x{number}", 1, 0), ("", last, 32)])
    b.struct("deep", 4 * n + 4, [("first", 1, 0), ("", last, 32)])
    return b


def anonymous_side_by_side(n: int) -> Builder:
    """A struct with n anonymous unions of two members."""
    b = _start()
    first = b.next_id
    for number in range(n):
        b.union("", 4, [(f"a{number}", 1, 0), (f"b{number}", 1, 0)])
    b.struct("wide", 4 * n, [("", first + number, 32 * number) for number in range(n)])
    return b


def nested(n: int) -> Builder:
    """n named structs, each of which holds the one before."""
    b = _start()
    last = b.struct("n0", 4, [("x", 1, 0)])
    for number in range(1, n):
        last = b.struct(f"n{number}", 4, [("inner", last, 0)])
    return b


def ring(n: int) -> Builder:
    """n structs of one name in a list, which differ in the last only: dedup takes a round for each."""
    b = _start()
    for number in range(n):
        pointer = b.ptr(b.next_id + 3 if number < n - 1 else 3)
        b.struct("node", 8, [("next", pointer, 0)])
    return b


def functions(n: int) -> Builder:
    """n functions, each with a prototype of its own."""
    b = _start()
    for number in range(n):
        proto = b.func_proto(1, [(f"p{number}", 3), ("x", 1)])
        b.func(f"f{number}", proto, 1)
    return b


def functions_of_one_name(n: int) -> Builder:
    """n static functions of one name, each with a prototype of its own."""
    b = _start()
    for number in range(n):
        b.func("same", b.func_proto(1, [(f"p{number}", 3)]))
    return b


def parameters(n: int) -> Builder:
    """A function of n parameters."""
    b = _start()
    b.func("many", b.func_proto(0, [(f"p{number}", 3) for number in range(n)]), 1)
    return b


def callbacks(n: int) -> Builder:
    """Function pointers, each with a parameter that is the one before."""
    b = _start()
    last = 3
    for _ in range(n):
        last = b.ptr(b.func_proto(0, [("f", last)]))
    b.struct("head", 8, [("call", last, 0)])
    return b


def variables(n: int) -> Builder:
    """n variables in one section."""
    b = _start()
    first = b.next_id
    for number in range(n):
        b.var(f"v{number}", 1)
    b.datasec(".data", 4 * n, [(first + number, 4 * number, 4) for number in range(n)])
    return b


def tags(n: int) -> Builder:
    """A struct of n members, a tag on each, and n tags on the struct."""
    b = members(n)
    for number in range(n):
        b.decl_tag("tag", b.next_id - 1 - 2 * number, number)
        b.decl_tag(f"tag{number}", 4)
    return b


def long_name(n: int) -> Builder:
    """A name of n characters, used by a struct, its member and 20 other types."""
    b = _start()
    name = "a" * n
    for number in range(20):
        b.struct(name, 4 * number + 4, [(name, 1, 0)])
    return b


def not_names(n: int) -> Builder:
    """n structs whose names are not identifiers and become equal when they are mended."""
    b = _start()
    for number in range(n):
        b.struct("a" + "".join("-.+*"[number >> 2 * place & 3] for place in range(12)), 4, [("x", 1, 0)])
    return b


SHAPES: dict[str, Shape] = {
    shape.__name__.replace("_", "-"): shape
    for shape in (
        plain,
        one_name,
        alike,
        typedefs_of_one_name,
        forwards,
        forwards_and_structs,
        ends,
        members,
        bitfields,
        enumerators,
        enums64,
        enums_of_one_value_name,
        pointers,
        typedefs,
        typedefs_held,
        modifiers,
        arrays,
        anonymous,
        anonymous_side_by_side,
        nested,
        ring,
        functions,
        functions_of_one_name,
        parameters,
        callbacks,
        variables,
        tags,
        long_name,
        not_names,
    )
}

WIDE = (members, bitfields, parameters, anonymous_side_by_side, tags)
"""Those with n elements in one record: with more than 65,535, which kernels reject, commands do something else."""


def enlarged(btf: Btf) -> bytes:
    """The same, but each struct and union is 8 bytes larger, and the first value of each enum is another."""
    blob = bytearray(btf.to_bytes())
    header, size = struct.unpack_from("<4xI4xI", blob)
    words = memoryview(blob)[header : header + size].cast("I")
    first = btf.locate(1)[1]
    for type_id in range(1, len(btf)):
        at = btf.locate(type_id)[1] - first
        if btf.kind(type_id) in spec.COMPOSITES:
            words[at + 2] += 8
        elif btf.kind(type_id) in spec.ENUMS and words[at + 1] & spec.MAX_VLEN:
            words[at + 4] += 1 << 30
    return bytes(blob)


def module(base: Btf, n: int) -> bytes:
    """A module with a pointer to each of the last n types of its base, a struct that holds those, and a kfunc."""
    b = Builder(base)
    first = b.next_id
    count = min(n, len(base) - 1)
    pointable = (spec.FUNC, spec.VAR, spec.DATASEC, spec.DECL_TAG)
    for type_id in range(len(base) - count, len(base)):
        b.ptr(type_id if base.kind(type_id) not in pointable else 1)
    b.struct("held", 8 * count, [(f"m{number}", first + number, 64 * number) for number in range(count)])
    b.func("my_kfunc", b.func_proto(1, [("x", 3)]), 1)
    return b.to_bytes()


# ---- BPF objects ---------------------------------------------------------------------------------------------------


def _asks(fill: Callable[[Program], None]) -> bytes:
    program = Program("little")
    fill(program)
    return program.elf()


def asks_members(n: int, name: str = "wide", member: str = "member_%d") -> bytes:
    """Reads of n members of one struct, in one program."""

    def fill(program: Program) -> None:
        b = program.types
        number = b.int("int", 4, encoding=spec.INT_SIGNED)
        root = b.struct(name, 4 * n, [(member % at, number, 32 * at) for at in range(n)])
        for at in range(n):
            program.relo(2, root, f"0:{at}")  # does it exist

    return _asks(fill)


def asks_offsets(n: int, name: str = "wide", member: str = "member_%d") -> bytes:
    """Offsets of n members of one struct, in one program; a member that is not there breaks it."""

    def fill(program: Program) -> None:
        b = program.types
        number = b.int("int", 4, encoding=spec.INT_SIGNED)
        root = b.struct(name, 4 * n, [(member % at, number, 32 * at) for at in range(n)])
        for at in range(n):
            program.relo(0, root, f"0:{at}")

    return _asks(fill)


def asks_enumerators(n: int) -> bytes:
    """The values of n enumerators of one enum."""

    def fill(program: Program) -> None:
        root = program.types.enum("many", [(f"A{number}", 0) for number in range(n)])
        for at in range(n):
            program.relo(11, root, str(at))

    return _asks(fill)


def asks_types(n: int, name: str = "same") -> bytes:
    """n types of one name and distinct members: does a type like it exist, and where is its member."""

    def fill(program: Program) -> None:
        b = program.types
        number = b.int("int", 4, encoding=spec.INT_SIGNED)
        for at in range(n):
            root = b.struct(name, 4, [(f"a{at}", number, 0)])
            program.relo((8, 2, 12)[at % 3], root, "0:0" if at % 3 == 1 else "0")

    return _asks(fill)


def asks_names(n: int) -> bytes:
    """n structs by name, a member of each."""

    def fill(program: Program) -> None:
        b = program.types
        number = b.int("int", 4, encoding=spec.INT_SIGNED)
        for at in range(n):
            program.relo(0, b.struct(f"s{at}", 4, [("x", number, 0)]), "0:0")

    return _asks(fill)
