"""The choice among functions, on DWARF of hostile shape: what is deep or shared takes linear work, and no recursion."""

import pytest

import dwarf_files as d
import growth
from btfkit.btf import spec
from btfkit.encoder.encode import encode
from btfkit.files.elf import Elf


def encoded(file):
    return encode(Elf(file.to_bytes(), "made.o"))


def functions(btf):
    return [view.name for view in btf if view.kind == spec.FUNC]


def passed_after_registers(file, unit, type_):
    """A function that gets a type on the stack: six registers are taken."""
    file.function(unit, "f", *((f"p{number}", unit.int) for number in range(6)), ("last", type_))


def nest(unit, n, innermost, *, twice=False):
    """n structures in each other; `twice`: unions that hold the one before twice."""
    last = innermost
    for number in range(n):
        if twice:
            last = unit.struct(f"s{number}", 8, ("a", last), ("b", last), tag=d.UNION)
            last.children[1].attributes[2] = (d.OFFSET, d.F_UDATA, 0)
        else:
            last = unit.struct(f"s{number}", 8, ("inner", last))
    return last


@pytest.mark.parametrize("twice", [False, True])
def test_structures_in_each_other_are_measured_once(twice) -> None:
    """60 unions that each hold the one before twice are 2**60 paths; 3,000 structures in each other exceed Python's stack."""

    def made(n, innermost, size):
        file = d.File()
        unit = file.unit()
        inner = nest(unit, n, unit.base("number", innermost, 5), twice=twice)
        passed_after_registers(file, unit, unit.struct("outer", size, ("x", inner)))
        return file

    assert functions(encoded(made(3000, 8, 8)).btf) == ["f"]
    done = encoded(made(3000, 8, 12))  # 12 bytes are no multiple of 8: the structure is packed
    assert functions(done.btf) == ["f"]
    assert done.report.omitted == {}
    packed = made(60, 8, 8)
    outer = next(die for die in packed.units[0].root.children if (d.NAME, d.F_STRP, "outer") in die.attributes)
    outer.children[0].attributes[2] = (d.OFFSET, d.F_UDATA, 0)
    outer.attributes[1] = (d.BYTE_SIZE, d.F_UDATA, 7)
    done = encoded(packed)
    assert functions(done.btf) == []
    assert done.report.omitted == {"uncertain": 1}

    def work(n):
        file = made(n, 8, 8)
        return lambda: encoded(file)

    assert growth.exponent(work, 64, "encoder") < 1.15


def test_a_structure_that_contains_itself_has_an_alignment() -> None:
    file = d.File()
    unit = file.unit()
    odd = unit.struct("odd", 8, ("x", unit.int))
    odd.children[0].attributes[1] = (d.TYPE, d.F_REF4, odd)
    passed_after_registers(file, unit, odd)
    assert functions(encoded(file).btf) == ["f"]


@pytest.mark.parametrize("same", [True, False])
def test_prototypes_with_long_chains_of_pointers_are_compared(same) -> None:
    file = d.File()
    unit = file.unit()
    for number in range(2):
        last = unit.base("end" if same else f"end{number}", 4 if same else 4 + number, 5)
        for _ in range(3000):
            last = unit.pointer(last)
        unit.function("one", d.TEXT, ("p", last))
    file.symbols.append(("one", d.TEXT, 2))
    done = encoded(file)
    assert functions(done.btf) == (["one"] if same else [])
    assert done.report.omitted == ({} if same else {"inconsistent": 1})


def test_many_functions_of_one_name_without_a_parameter() -> None:
    """The symbols of a name are looked at once, not for each function."""

    def work(n):
        file = d.File()
        unit = file.unit()
        for number in range(n):
            die = file.function(unit, "same", ("a", unit.int), ("b", unit.int))
            del die.children[0].attributes[2]  # nothing says where it is
            name, address, kind = file.symbols.pop()
            file.symbols += [(f"{name}.isra.{number}", address, kind), (f"{name}.x{number}", address, kind)]
        return lambda: encoded(file)

    assert growth.exponent(work, 32, "encoder") < 1.15


def test_one_structure_passed_to_many_functions_is_judged_once() -> None:
    def work(n):
        file = d.File()
        unit = file.unit()
        wide = unit.struct("wide", 8 * n, *((f"m{number}", unit.int) for number in range(n)))
        for number in range(n):
            file.function(unit, f"f{number}", *((f"p{at}", unit.int) for at in range(6)), ("last", wide))
        return lambda: encoded(file)

    assert growth.exponent(work, 32, "encoder") < 1.15
