"""What the fuzzer found stays found: its saved cases, some made in code, and a short run of its own."""

from __future__ import annotations

import glob
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import targets  # noqa: E402

import objects  # noqa: E402
from btfkit.btf.btf import Btf  # noqa: E402
from btfkit.btf.build import Builder  # noqa: E402
from btfkit.co_re import kinds  # noqa: E402
from btfkit.co_re.target import Target  # noqa: E402
from btfkit.errors import ChainError  # noqa: E402
from btfkit.passes.minimize import minimize  # noqa: E402

SAVED = sorted(glob.glob(os.path.join(HERE, "regressions", "*.bin")))


@pytest.mark.parametrize("path", SAVED, ids=os.path.basename)
def test_saved(path) -> None:
    """A result or a BtfError, and every law of `targets` holds."""
    with open(path, "rb") as file:
        targets.run(targets.Case.from_bytes(file.read()))


@pytest.mark.parametrize("name", targets.TARGETS)
def test_some_inputs(name) -> None:
    """The fuzzer runs, and finds nothing in its first inputs of each target."""
    results = [targets.run(targets.make(7, number, name)) for number in range(3 if name in ("kernel", "file") else 40)]
    assert name in ("kernel", "file") or any(results)


def test_a_case_is_saved_and_read() -> None:
    case = targets.Case("chain", [b"ab\n", "corpus:x", b""], what=1)
    again = targets.Case.from_bytes(case.to_bytes())
    assert (again.target, again.parts, again.options) == (case.target, case.parts, case.options)


def test_the_same_number_makes_the_same_input() -> None:
    assert [targets.make(3, n).to_bytes() for n in range(30)] == [targets.make(3, n).to_bytes() for n in range(30)]


def bush(order: str, name: str = "root") -> Btf:
    """A struct whose anonymous members hold each other: 2 to the power of 40 ways through them."""
    b = Builder(order=order)
    inner = b.struct("", 4, [("x", b.int("int", 4), 0)])
    for _ in range(40):
        inner = b.struct("", 8, [("", inner, 0), ("", inner, 32)])
    b.struct(name, 8, [("", inner, 0)])
    return b.build()


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("wanted", ["x", "y"])
def test_anonymous_members_without_number(order, wanted) -> None:
    """Looking for a member is not exponential in the depth of anonymous structs, found or not."""
    program = objects.Program(order)
    number = program.types.int("int", 4)
    root = program.types.struct("root", 4, [(wanted, number, 0)])
    program.relo(kinds.BYTE_OFFSET, root, "0:0")
    vmlinux = bush(order)
    result = minimize(vmlinux, [program.build()])
    assert result.outcomes[0][0].status == ("value" if wanted == "x" else "missing")


@pytest.mark.parametrize("access", ["0:9", "0:0:1", "0:1:0", "7", "0:0:0:0", "", "0:-1"])
@pytest.mark.parametrize("kind", range(14))
def test_expression_of_a_broken_record(kind, access) -> None:
    """An access that leads out of its type is shown as it stands."""
    program = objects.Program("little")
    b = program.types
    number = b.int("int", 4)
    for root in (
        b.struct("s", 8, [("a", number, 0), ("p", b.ptr(0), 32)]),
        b.enum("e", [("A", 0)]),
        b.typedef("t", 0),
        number,
    ):
        program.relo(kind, root, access)
    obj = program.build()
    for relocation in obj.relocations:
        obj.spec(relocation)
        assert obj.expression(relocation)


def cyclic(order: str) -> Btf:
    b = Builder(order=order)
    first = b.typedef("t", 2)
    b.typedef("u", first)
    b.struct("s", 4, [("x", first, 0)])
    return b.build()


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_cycle_of_typedefs(order) -> None:
    """An error for the one relocation, of a reason by which `btfkit min` refuses what no selection can keep up."""
    from btfkit.co_re.relocate import relocate

    program = objects.Program(order)
    root = program.types.struct("s", 4, [("x", program.types.int("int", 4), 0)])
    program.relo(kinds.BYTE_OFFSET, root, "0:0")
    program.relo(kinds.TYPE_EXISTS, root, "0")
    obj, vmlinux = program.build(), cyclic(order)
    assert [outcome.reason for outcome in relocate([obj], Target(vmlinux))[0]] == ["cycle", ""]
    assert minimize(vmlinux, [obj]).outcomes[0][1].value == 1


def test_a_base_in_place_of_a_split() -> None:
    """vmlinux on vmlinux has references in range and names at the starts of strings; it is no module all the same."""
    from btfkit.btf_file import load
    from btfkit.files.container import open_container

    vmlinux = bush("little")
    with pytest.raises(ChainError, match="a BTF of its own"):
        load(open_container(vmlinux.to_bytes(), "vmlinux"), vmlinux)
