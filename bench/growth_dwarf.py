"""Inputs of `growth.py`: files with DWARF 5 of hostile or large shape, by size n."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

from dwarf_files import (  # noqa: E402
    ARRAY,
    BLOCK,
    BYTE_SIZE,
    CONST,
    CONST_VALUE,
    ENUM,
    ENUMERATOR,
    F_ADDR,
    F_DATA1,
    F_EXPR,
    F_REF4,
    F_REF_ADDR,
    F_SEC,
    F_SIG,
    F_STRP,
    F_UDATA,
    IMPORT,
    IMPORTED,
    INLINE,
    INLINED,
    LOCATION,
    LOW_PC,
    MEMBER,
    NAME,
    OFFSET,
    ORIGIN,
    PARAMETER,
    PARTIAL_UNIT,
    PERCPU,
    POINTER,
    PROTO,
    STRUCT,
    SUBPROGRAM,
    SUBRANGE,
    TEXT,
    TYPE,
    TYPE_UNIT,
    UNION,
    UPPER,
    VARIABLE,
    Abbreviations,
    File,
    Unit,
    uleb,
)


def _one_unit(fill: Callable[[File, Unit, int], None]) -> Callable[[int], bytes]:
    def make(n: int) -> bytes:
        file = File()
        fill(file, file.unit(), n)
        return file.to_bytes()

    make.__name__ = fill.__name__
    return make


def _units(fill: Callable[[File, Unit, int, int], None]) -> Callable[[int], bytes]:
    def make(n: int) -> bytes:
        file = File()
        for number in range(n):
            fill(file, file.unit(), number, n)
        return file.to_bytes()

    make.__name__ = fill.__name__
    return make


@_one_unit
def structs(file: File, unit: Unit, n: int) -> None:
    """n structs, each with a pointer to the one before."""
    last = unit.int
    for number in range(n):
        last = unit.struct(f"s{number}", 16, ("x", unit.int), ("p", unit.pointer(last)))


@_one_unit
def structs_of_one_name(file: File, unit: Unit, n: int) -> None:
    """n different structs of one name in one unit, as in n functions."""
    for number in range(n):
        unit.struct("same", 8, (f"m{number}", unit.int))


@_one_unit
def typedefs(file: File, unit: Unit, n: int) -> None:
    """A chain of n typedefs, and a struct that holds its head."""
    last = unit.int
    for number in range(n):
        last = unit.typedef(f"t{number}", last)
    unit.struct("head", 8, ("x", last))


@_one_unit
def typedefs_of_one_name(file: File, unit: Unit, n: int) -> None:
    """n typedefs of one name, of as many pointers."""
    last = unit.int
    for _ in range(n):
        last = unit.typedef("same", unit.pointer(last))


@_one_unit
def pointers(file: File, unit: Unit, n: int) -> None:
    """A chain of n pointers, the parameter of a function."""
    last = unit.int
    for _ in range(n):
        last = unit.pointer(last)
    file.function(unit, "f", ("p", last))


@_one_unit
def modifiers(file: File, unit: Unit, n: int) -> None:
    """A chain of n const, the parameter of a function."""
    last = unit.int
    for _ in range(n):
        last = unit.pointer(last, CONST)
    file.function(unit, "f", ("p", last))


@_one_unit
def nested(file: File, unit: Unit, n: int) -> None:
    """n structs, each of which holds the one before, the parameter of a function with many."""
    last = unit.int
    for number in range(n):
        last = unit.struct(f"s{number}", 8, ("inner", last))
    file.function(unit, "f", *((f"p{number}", last if number == 7 else unit.int) for number in range(8)))


@_one_unit
def doubled(file: File, unit: Unit, n: int) -> None:
    """n structs, each of which holds the one before twice (as a union), the parameter of a function with many."""
    last = unit.int
    for number in range(n):
        last = unit.struct(f"s{number}", 8, ("a", last), ("b", last), tag=UNION)
        last.children[1].attributes[2] = (OFFSET, F_UDATA, 0)
    outer = unit.struct("outer", 8, ("x", last))
    file.function(unit, "f", *((f"p{number}", outer if number == 7 else unit.int) for number in range(8)))


@_one_unit
def members(file: File, unit: Unit, n: int) -> None:
    """One struct of n members."""
    unit.struct("wide", 8 * n, *((f"m{number}", unit.int) for number in range(n)))


@_one_unit
def enumerators(file: File, unit: Unit, n: int) -> None:
    """One enumeration of n enumerators."""
    die = unit.root.add(ENUM, (NAME, F_STRP, "many"), (BYTE_SIZE, F_DATA1, 4), (TYPE, F_REF4, unit.int))
    for number in range(n):
        die.add(ENUMERATOR, (NAME, F_STRP, f"A{number}"), (CONST_VALUE, F_UDATA, number))


@_one_unit
def dimensions(file: File, unit: Unit, n: int) -> None:
    """An array of n dimensions of one element."""
    die = unit.root.add(ARRAY, (TYPE, F_REF4, unit.int))
    for _ in range(n):
        die.add(SUBRANGE, (TYPE, F_REF4, unit.int), (UPPER, F_DATA1, 0))
    unit.struct("head", 8, ("x", die))


@_one_unit
def functions(file: File, unit: Unit, n: int) -> None:
    """n functions of two parameters."""
    for number in range(n):
        file.function(unit, f"f{number}", ("a", unit.int), ("b", unit.pointer(unit.int)))


@_one_unit
def parameters(file: File, unit: Unit, n: int) -> None:
    """A function of n parameters."""
    file.function(unit, "many", *((f"p{number}", unit.int) for number in range(n)))


@_one_unit
def functions_of_one_name(file: File, unit: Unit, n: int) -> None:
    """n functions of one name, each with another prototype."""
    last = unit.int
    for _ in range(n):
        last = unit.pointer(last)
        file.function(unit, "same", ("a", last))


@_one_unit
def optimized_functions_of_one_name(file: File, unit: Unit, n: int) -> None:
    """n functions of one name, each without its parameter, which the compiler has removed."""
    for number in range(n):
        die = file.function(unit, "same", ("a", unit.int), ("b", unit.int))
        del die.children[0].attributes[2]
        name, address, kind = file.symbols[-1]
        file.symbols[-1] = (f"{name}.isra.{number}", address + (1 << 20), kind)
        file.symbols.append((f"same.x{number}", address, kind))


@_one_unit
def instances(file: File, unit: Unit, n: int) -> None:
    """A function with n concrete instances, and n places where it was inlined."""
    abstract = unit.root.add(SUBPROGRAM, (NAME, F_STRP, "one"), (INLINE, F_DATA1, 1))
    parameter = abstract.add(PARAMETER, (NAME, F_STRP, "p"), (TYPE, F_REF4, unit.int))
    caller = file.function(unit, "caller", ("a", unit.int))
    for number in range(n):
        address = TEXT + 16 * len(file.symbols)
        file.symbols.append((f"one.isra.{number}" if number else "one", address, 2))
        die = unit.root.add(SUBPROGRAM, (ORIGIN, F_REF4, abstract), (LOW_PC, F_ADDR, address))
        die.add(PARAMETER, (ORIGIN, F_REF4, parameter), (LOCATION, F_EXPR, b"\x55"))
        caller.add(INLINED, (ORIGIN, F_REF4, abstract), (LOW_PC, F_ADDR, TEXT + 4))


@_one_unit
def origins(file: File, unit: Unit, n: int) -> None:
    """A chain of n functions, each of which is said to be the one before."""
    last = file.function(unit, "one", ("p", unit.int))
    for _ in range(n):
        last = unit.root.add(SUBPROGRAM, (ORIGIN, F_REF4, last), (LOW_PC, F_ADDR, TEXT))


@_one_unit
def long_pointers(file: File, unit: Unit, n: int) -> None:
    """Two functions of one name, whose parameters are chains of n pointers that end differently."""
    for number in range(2):
        last = unit.base(f"end{number}", 4, 5)
        for _ in range(n):
            last = unit.pointer(last)
        unit.function("same", TEXT, ("p", last))
    file.symbols.append(("same", TEXT, 2))


@_one_unit
def packed(file: File, unit: Unit, n: int) -> None:
    """n functions with a struct of n members as their seventh parameter."""
    wide = unit.struct("wide", 8 * n, *((f"m{number}", unit.int) for number in range(n)))
    for number in range(n):
        file.function(unit, f"f{number}", *((f"p{at}", wide if at == 6 else unit.int) for at in range(7)))


@_one_unit
def blocks(file: File, unit: Unit, n: int) -> None:
    """A function of n blocks, each with a label and a struct of its own."""
    function = file.function(unit, "f", ("p", unit.int))
    for number in range(n):
        block = function.add(BLOCK, (LOW_PC, F_ADDR, TEXT))
        die = block.add(STRUCT, (NAME, F_STRP, "local"), (BYTE_SIZE, F_DATA1, 4))
        die.add(MEMBER, (NAME, F_STRP, f"m{number}"), (TYPE, F_REF4, unit.int), (OFFSET, F_DATA1, 0))


@_one_unit
def deep_blocks(file: File, unit: Unit, n: int) -> None:
    """Blocks in each other, 200 deep, n of them."""
    function = file.function(unit, "f", ("p", unit.int))
    block = function
    for number in range(n):
        block = (
            block.add(BLOCK, (LOW_PC, F_ADDR, TEXT)) if number % 200 else function.add(BLOCK, (LOW_PC, F_ADDR, TEXT))
        )


@_one_unit
def location_lists(file: File, unit: Unit, n: int) -> None:
    """n functions, whose parameters have a list of 2 n places, each of which all use."""
    lists = bytearray(struct.pack("<IHBBI", 0, 5, 8, 0, 0))
    at = len(lists)
    for number in range(n):
        lists += b"\x04" + uleb(16 * number + 4) + uleb(16 * number + 16) + b"\x01\x55"
    lists += b"\0"
    file.sections[".debug_loclists"] = bytes(lists)
    for number in range(n):
        file.function(unit, f"f{number}", ("a", unit.int), location=(LOCATION, F_SEC, at))


@_one_unit
def own_location_lists(file: File, unit: Unit, n: int) -> None:
    """n functions, whose parameters have a list each, of two places."""
    lists = bytearray(struct.pack("<IHBBI", 0, 5, 8, 0, 0))
    for number in range(n):
        at = len(lists)
        lists += b"\x04\x00\x04\x01\x55" + b"\x04\x04\x08\x01\x50" + b"\0"
        file.function(unit, f"f{number}", ("a", unit.int), location=(LOCATION, F_SEC, at))
    file.sections[".debug_loclists"] = bytes(lists)


@_one_unit
def long_name(file: File, unit: Unit, n: int) -> None:
    """A name of n characters, of 20 structs and their members."""
    for number in range(20):
        unit.struct("a" * n, 8 + number, ("b" * n, unit.int))


@_one_unit
def prototypes(file: File, unit: Unit, n: int) -> None:
    """Function pointers, each with a parameter that is the one before."""
    last = unit.pointer(unit.int)
    for _ in range(n):
        proto = unit.root.add(PROTO)
        proto.add(PARAMETER, (TYPE, F_REF4, last))
        last = unit.pointer(proto)
    unit.struct("head", 8, ("call", last))


@_units
def equal_units(file: File, unit: Unit, number: int, n: int) -> None:
    """n units with equal types."""
    one = unit.struct("one", 16, ("x", unit.int), ("p", unit.pointer(unit.int)))
    unit.struct("two", 16, ("one", unit.pointer(one)), ("t", unit.typedef("number", unit.int)))


@_units
def units_of_one_name(file: File, unit: Unit, number: int, n: int) -> None:
    """n units with a struct of one name, different in each, that others reach."""
    same = unit.struct("same", 8, (f"m{number}", unit.int))
    unit.struct("holder", 8, ("same", unit.pointer(same)))


@_units
def declaring_units(file: File, unit: Unit, number: int, n: int) -> None:
    """n units that declare a struct and hold a pointer to it; two define it, differently."""
    same = unit.struct("same", 8, (f"m{number}", unit.int)) if number < 2 else unit.declared("same")
    unit.struct(f"holder{number % 7}", 8, ("same", unit.pointer(same)))


@_units
def ring_of_units(file: File, unit: Unit, number: int, n: int) -> None:
    """n units, each with a struct of its own name that points to that of the next; the last points to one of two definitions."""
    following = unit.declared(f"s{number + 1}") if number < n - 1 else unit.struct("last", 8, ("x", unit.int))
    unit.struct(f"s{number}", 8, ("next", unit.pointer(following)))
    if not number:
        unit.struct("last", 8, ("y", unit.int))


@_units
def declared_in_half(file: File, unit: Unit, number: int, n: int) -> None:
    """n units with two structs of one name in a typedef of a struct that holds both: declared in turns, different otherwise."""
    pair = []
    for which in range(2):
        defined = number % 3 == which
        pair.append(
            unit.struct(f"part{which}", 8, (f"m{number}", unit.int)) if defined else unit.declared(f"part{which}")
        )
    holder = unit.struct("holder", 16, *((f"p{which}", unit.pointer(one)) for which, one in enumerate(pair)))
    unit.typedef("held", holder)


def chain_in_two_units(n: int) -> bytes:
    """Two units with n structs, each of which points to the one before; the first is another in each."""
    file = File()
    for number in range(2):
        unit = file.unit()
        last = unit.struct("s0", 8, (f"m{number}", unit.int))
        for at in range(1, n):
            last = unit.struct(f"s{at}", 8, ("p", unit.pointer(last)))
    return file.to_bytes()


@_units
def functions_of_one_name_in_units(file: File, unit: Unit, number: int, n: int) -> None:
    """n units with a static function of one name at one address, whose parameter is a struct of one name."""
    same = unit.struct("same", 8, (f"m{number % 3}", unit.int))
    unit.function("same_function", TEXT, ("p", unit.pointer(same)))
    if not number:
        file.symbols.append(("same_function", TEXT, 2))


def abbreviations(n: int) -> bytes:
    """One table of n abbreviations, which all of n units use."""
    file = File(n)
    for number in range(n):
        file.unit().struct(f"s{number}", 8, ("x", file.units[-1].int))
    return file.to_bytes()


def own_abbreviations(n: int) -> bytes:
    """n units, each with a table of its own."""
    file = File()
    for number in range(n):
        unit = file.unit(Abbreviations(2))
        unit.struct(f"s{number}", 8, ("x", unit.int))
    return file.to_bytes()


def turns_of_abbreviations(n: int) -> bytes:
    """16 tables of n / 16 abbreviations, which n units use in turns."""
    file = File()
    tables = [Abbreviations(n // 16) for _ in range(16)]
    for number in range(n):
        unit = file.unit(tables[number % 16])
        unit.struct(f"s{number}", 8, ("x", unit.int))
    return file.to_bytes()


def type_units(n: int) -> bytes:
    """n type units, and a unit that uses them."""
    file = File()
    for number in range(n):
        unit = file.unit(kind=TYPE_UNIT)
        unit.type = unit.struct(f"s{number}", 8, ("x", unit.int))
        unit.signature = number + 1
    user = file.unit()
    for number in range(n):
        die = user.root.add(POINTER, (TYPE, F_SIG, number + 1))
        user.typedef(f"t{number}", die)
    return file.to_bytes()


def partial_units(n: int) -> bytes:
    """n partial units, each of which imports the one before; n units that import the last."""
    file = File()
    last: Unit | None = None
    for number in range(n):
        unit = file.unit(kind=PARTIAL_UNIT)
        if last is not None:
            unit.root.add(IMPORT, (IMPORTED, F_REF_ADDR, last.root))
        unit.struct(f"s{number}", 8, ("x", unit.int))
        last = unit
    assert last is not None
    for _ in range(n):
        file.unit().root.add(IMPORT, (IMPORTED, F_REF_ADDR, last.root))
    return file.to_bytes()


def variables(n: int) -> bytes:
    """n variables per CPU."""
    file = File()
    unit = file.unit()
    for number in range(n):
        unit.root.add(
            *(VARIABLE, (NAME, F_STRP, f"v{number}"), (TYPE, F_REF4, unit.int)),
            (LOCATION, F_EXPR, b"\x03" + struct.pack("<Q", PERCPU + 8 * number)),
        )
        file.symbols.append((f"v{number}", PERCPU + 8 * number, 1))
    file.percpu = 8 * n
    return file.to_bytes()


SHAPES: dict[str, Callable[[int], bytes]] = {
    shape.__name__.replace("_", "-"): shape
    for shape in (
        structs,
        structs_of_one_name,
        typedefs,
        typedefs_of_one_name,
        pointers,
        modifiers,
        nested,
        doubled,
        members,
        enumerators,
        dimensions,
        functions,
        parameters,
        functions_of_one_name,
        optimized_functions_of_one_name,
        instances,
        origins,
        long_pointers,
        packed,
        blocks,
        deep_blocks,
        location_lists,
        own_location_lists,
        long_name,
        prototypes,
        equal_units,
        units_of_one_name,
        declaring_units,
        ring_of_units,
        declared_in_half,
        chain_in_two_units,
        functions_of_one_name_in_units,
        abbreviations,
        own_abbreviations,
        turns_of_abbreviations,
        type_units,
        partial_units,
        variables,
    )
}
