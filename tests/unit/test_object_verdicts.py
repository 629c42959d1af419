"""The verdict on an object as a whole, and what its architecture and the flags of its maps have to do with it."""

from __future__ import annotations

import os

import pytest

import btfkit
import check_inputs
from bpf import cases
from btfkit.btf.build import Builder
from btfkit.fleet.keys import Key
from btfkit.fleet.matrix import Column, Matrix, Program
from btfkit.fleet.object_verdicts import ObjectVerdict, object_ranges, object_verdict
from btfkit.fleet.report import as_dict, markdown_lines, text_lines
from btfkit.programs.verdict import ProgramFinding, Verdict

VERDICTS = os.path.join(cases.HERE, "verdicts")
X86 = ("r15", "r14", "bp", "bx", "ax", "cx", "dx", "si", "di", "orig_ax", "ip", "sp", "ss")
ARM64 = ("sp", "pc", "pstate", "orig_x0", "syscallno")


def finding(subject="", *, whole=False, of_map="", effect="breaks"):
    return ProgramFinding(effect, "reason", "detail", subject=subject, whole=whole, map=of_map)


FINE, BROKEN = Verdict(()), Verdict((finding("own"),))
GUARDED, MISREADS = Verdict((finding(effect="works, guarded"),)), Verdict((finding(effect="reads something else"),))
WHOLE, MAP = Verdict((finding("x", whole=True),)), Verdict((finding("m", whole=True, of_map="m"),))
USES_IT = Verdict((finding("map m"), finding("m", whole=True, of_map="m")))


@pytest.mark.parametrize(
    ("verdicts", "optional", "expected"),
    [
        ((FINE, FINE), "", ObjectVerdict("works")),
        ((FINE, GUARDED), "", ObjectVerdict("works, guarded")),
        ((FINE, BROKEN), "", ObjectVerdict("works", ("p1",))),
        ((GUARDED, MISREADS), "", ObjectVerdict("works, guarded", ("p1",))),
        ((BROKEN, BROKEN), "", ObjectVerdict("breaks")),
        ((FINE, BROKEN), "1", ObjectVerdict("works")),  # not loaded unless user space asks for it
        ((BROKEN, BROKEN), "1", ObjectVerdict("breaks")),
        ((WHOLE, WHOLE), "", ObjectVerdict("breaks")),
        ((FINE, WHOLE), "1", ObjectVerdict("breaks")),  # rejected whether it is loaded or not
        ((MAP, MAP), "", ObjectVerdict("works", (), ("m",))),
        ((MAP, USES_IT), "", ObjectVerdict("works", ("p1",), ("m",))),
        ((USES_IT, USES_IT), "", ObjectVerdict("breaks")),
    ],
)
def test_what_user_space_can_leave_out(verdicts, optional, expected):
    rows = [Program("o", f"p{number}", "xdp", str(number) in optional, {}) for number in range(len(verdicts))]
    columns = [Column(Key("", "", "", uname), uname, uname) for uname in ("5.1", "5.2")]
    columns[1].error = "damaged"
    matrix = Matrix(rows, columns, ["o"])
    matrix.put(0, verdicts)
    matrix.settle()
    assert object_verdict(matrix, [0, 1], 0) == expected
    assert object_verdict(matrix, [0, 1], 1) is None
    assert [(found.columns, found.status) for found in object_ranges(matrix, "o")] == [([0], str(expected))]
    left_out = {"programs": list(expected.programs), "maps": list(expected.maps)}
    assert as_dict(matrix, [])["object_verdicts"] == [{"status": expected.status, "leave_out": left_out}]
    assert as_dict(matrix, [])["object_matrix"] == [[0, None]]
    (line,) = [line for line in text_lines(matrix) if "(the object)" in line]
    assert line.endswith(f"5.1: {expected}")
    shown = [line for line in markdown_lines(matrix, 0) if "(the object)" in line]
    assert len(shown) == any(verdict is not FINE for verdict in verdicts)


def test_names_in_text():
    assert str(ObjectVerdict("works", ("a", "b", "c", "d", "e"), ("m", "n"))) == (
        "works without a, b, c and 2 more (autoload) and maps m, n (autocreate)"
    )


def kernel(registers, *functions, flags=()):
    """A kernel with `struct pt_regs` and functions, and the flags of maps if there are any."""
    b = Builder()
    number = b.int("long unsigned int", 8)
    b.struct("pt_regs", 8 * len(registers), [(name, number, 64 * at) for at, name in enumerate(registers)])
    proto = b.func_proto(0, [])
    for name in ("vfs_read", *functions):
        b.func(name, proto, linkage=1)
    b.typedef("btf_trace_sched_switch", b.ptr(proto))
    if flags:
        b.enum("", list(flags))
    return b.to_bytes()


def cells(tmp_path, name, *kernels):
    """{program: (status, findings)} for each of `kernels`."""
    paths = []
    for number, data in enumerate(kernels):
        (tmp_path / f"6.{number}.btf").write_bytes(data)
        paths.append(tmp_path / f"6.{number}.btf")
    matrix = btfkit.check([os.path.join(VERDICTS, name)], paths, hints=False)
    return [
        {
            program.name: matrix.verdicts[matrix.cells[row][column]]
            for row, program in enumerate(matrix.programs)
            if matrix.cells[row][column] is not None
        }
        for column in range(len(kernels))
    ]


def test_registers_of_another_architecture(tmp_path):
    x86, arm64, unknown = cells(
        tmp_path,
        "registers.bpf.o",
        kernel(X86, "__x64_sys_getpid"),
        kernel(ARM64, "__arm64_sys_getpid"),
        kernel(("a",)),
    )
    assert {cell.status for cell in x86.values()} == {"works"}
    assert not any(cell.findings for cell in x86.values())
    by_place, by_core, call = (arm64[name].findings[0] for name in ("ok_place", "ok_core", "ok_call"))
    assert (by_place.effect, by_place.reason) == ("reads something else", "architecture")
    assert "compiled for x86_64, by its struct pt_regs; this kernel is arm64" in by_place.detail
    assert by_core.reason == "no-member"
    assert by_core.detail.endswith("compiled for x86_64, by its struct pt_regs; this kernel is arm64")
    assert (call.effect, call.reason) == ("breaks", "no-attach-target")
    assert "__x64_sys_* are functions of x86_64, this kernel is arm64" in call.detail
    assert arm64["ok_neither"].status == "works"
    assert unknown["ok_place"].status == "works"  # what does not show is not held against it
    assert unknown["ok_call"].findings[0].effect == "warning"


def test_flags_of_maps(tmp_path):
    some = [("BPF_F_NO_PREALLOC", 1), ("BPF_F_MMAPABLE", 1 << 10)]
    before, without, having = cells(
        tmp_path,
        "flags.bpf.o",
        kernel(X86),
        kernel(X86, flags=some),
        kernel(X86, flags=[*some, ("BPF_F_NEW", 1 << 29)]),
    )
    assert {cell.status for cell in before.values()} == {"works"}  # no enumeration: nothing is known
    assert {cell.status for cell in having.values()} == {"works"}
    for cell in without.values():
        (whole,) = [found for found in cell.findings if found.whole]
        assert (whole.reason, whole.map, whole.subject) == ("no-map-flag", "unknown", "unknown")
        assert "map unknown has flags 0x20000000, which the kernel does not have" in whole.detail
    assert [found.reason for found in without["bad_uses_it"].findings] == ["no-map", "no-map-flag"]
    assert [found.reason for found in without["bad_does_not"].findings] == ["no-map-flag"]


def test_the_command_shows_the_object(tmp_path, capsys, monkeypatch):
    check_inputs.fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    from btfkit.cli import main

    assert main(["check", "guards.bpf.o", "--kernels", "hub", "--color", "always"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip() == "(the object)"
    assert lines[3] == (
        "      debian x86_64 6.1.0-1-amd64 ... 6.1.0-2-amd64: \x1b[33mworks without bad_enum_value, bad_kfunc (autoload)\x1b[0m"
    )
