"""Externs without a type, and the kernel's symbol table: what it says, and where it is found."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import btfkit
from bpf import cases
from btfkit.btf.build import Builder
from btfkit.co_re.loaders import AYA, CILIUM, LIBBPF
from btfkit.co_re.target import Target
from btfkit.errors import FormatError, NotFoundError
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.symbol_table import read_symbol_table

VERDICTS = os.path.join(cases.HERE, "verdicts")
MAP = b"ffffffff81000000 T _text\nffffffff82000000 T vfs_read\n"
KALLSYMS = MAP + b"ffffffffc0000000 t helper\t[nf_tables]\n"
STRONG, WEAK = "btfkit_no_such_symbol", "btfkit_weak_symbol"


def kernel():
    b = Builder()
    number = b.int("int", 4, encoding=1)
    pointer = b.ptr(number)
    b.func("vfs_read", b.func_proto(number, [("p", pointer)]), linkage=1)
    b.typedef("btf_trace_sys_enter", b.ptr(b.func_proto(0, [("__data", b.ptr(0)), ("id", number)])))
    return b.build()


def findings(name, table, loader=LIBBPF):
    """The findings about symbols, by program: (effect, whole, detail)."""
    checks = Checks(load_code(os.path.join(VERDICTS, name + ".bpf.o")), None, loader)
    symbols = read_symbol_table(table, checks.symbols, "K") if table else None
    verdicts = checks.verdicts(Target(kernel()), None, symbols)
    return {
        check.name: [(f.effect, f.whole, f.detail) for f in verdict.findings if "symbol" in f.subject or f.whole]
        for check, verdict in zip(checks.programs, verdicts, strict=True)
    }


def test_a_missing_symbol_makes_the_object_unusable():
    found = findings("symbol", KALLSYMS)
    detail = f"no symbol {STRONG} in K"
    assert found["bad_strong"] == [("breaks", False, detail)]
    whole = f"libbpf rejects the object: {detail} (needed whichever programs are loaded)"
    assert found["bad_beside"] == [("breaks", True, whole)]
    assert "which has no symbols of modules" in findings("symbol", MAP)["bad_strong"][0][2]


def test_a_symbol_in_the_table_is_found():
    assert findings("symbol", KALLSYMS + f"0 d {STRONG}\n".encode()) == {"bad_strong": [], "bad_beside": []}


def test_without_a_table_it_is_a_warning():
    (found,) = findings("symbol", b"")["bad_strong"]
    assert found[:2] == ("warning", False)
    assert "System.map" in found[2]


@pytest.mark.parametrize("exists", [False, True])
def test_a_weak_symbol_is_a_guard(exists):
    table = KALLSYMS + (f"0 d {WEAK}\n".encode() if exists else b"")
    checks = Checks(load_code(os.path.join(VERDICTS, "symbols.bpf.o")))
    (verdict,) = checks.verdicts(Target(kernel()), None, read_symbol_table(table, checks.symbols, "K"))
    assert verdict.status == ("breaks" if exists else "works, guarded")


def test_other_loaders():
    assert findings("symbol", KALLSYMS, CILIUM)["bad_strong"] == [("breaks", False, f"no symbol {STRONG} in K")]
    assert findings("symbol", KALLSYMS, CILIUM)["bad_beside"] == []
    assert "does not resolve" in findings("symbol", KALLSYMS, AYA)["bad_strong"][0][2]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"0 D init_task\n", True),
        (b"0xffffffff82000000 D init_task", True),
        (b"0 D init_task\t[module]\n", True),
        (b"0 D init_task_size\n", False),
        (b"0 D my_init_task\n", False),
        (b"0 d init_task.llvm.123\n", True),
        (b"0 t init_task.llvm.123\n", False),
        (b"0 D other\n", False),
    ],
)
def test_lines(line, found):
    assert ("init_task" in read_symbol_table(line, ["init_task"], "K").names) is found


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"init_task\n", b"0x1234\n", b"\n"])
def test_what_is_no_symbol_table(data):
    with pytest.raises(FormatError, match="expected a symbol table"):
        read_symbol_table(data, ["init_task"], "K")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uname in ("6.1.0-9-amd64", "6.12.9-amd64"):
        Path(uname).mkdir()
        Path(uname, "vmlinux").write_bytes(kernel().to_bytes())
    for name in ("symbol.bpf.o", "symbols.bpf.o"):
        shutil.copy(os.path.join(VERDICTS, name), name)
    return tmp_path


def statuses(*args, **options):
    """The status of the first program on each kernel."""
    matrix = btfkit.check(["symbol.bpf.o"], *args, workers=1, **options)
    assert not [column.error for column in matrix.columns if column.error]
    return [matrix.verdicts[cell].status for cell in matrix.cells[0]], matrix


def test_tables_beside_kernels(here):
    Path("6.12.9-amd64", "System.map").write_bytes(MAP)
    assert statuses(["."])[0] == ["works", "breaks"]
    Path("6.1.0-9-amd64", "kallsyms-6.1.0-9-amd64").write_bytes(KALLSYMS)
    assert statuses(["."])[0] == ["breaks", "breaks"]


def test_tables_by_name(here):
    Path("maps").mkdir()
    Path("maps", "System.map-6.1.0-9-amd64").write_bytes(MAP)
    Path("a-6.12.9-amd64").write_bytes(MAP + f"0 d {STRONG}\n".encode())
    assert statuses(["."], kallsyms=["maps", "a-6.12.9-amd64"])[0] == ["breaks", "works"]
    assert statuses(["6.12.9-amd64"], kallsyms=["maps/System.map-6.1.0-9-amd64"])[0] == ["breaks"]  # of the only kernel
    assert not statuses(["."], kallsyms=["maps"])[1].warnings


def test_tables_that_fit_no_kernel(here):
    Path("other").write_bytes(MAP)
    found, matrix = statuses(["."], kallsyms=["other"])
    assert found == ["works", "works"]
    assert [path for path, text in matrix.warnings if "no symbol table of these kernels" in text] == ["other"]
    with pytest.raises(NotFoundError, match="gone"):
        statuses(["."], kallsyms=["gone"])


def test_a_table_that_is_none(here):
    Path("bad").write_bytes(b"nothing\n")
    matrix = btfkit.check(["symbol.bpf.o"], ["6.12.9-amd64"], kallsyms=["bad"], workers=1)
    assert "bad: expected a symbol table" in matrix.columns[0].error
