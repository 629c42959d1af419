"""Answers that libbpf accepts and that read something else, and arguments whose meaning changed."""

from __future__ import annotations

import os

import pytest

import btfkit
from bpf import cases
from btfkit.btf.build import Builder
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code

VERDICTS = os.path.join(cases.HERE, "verdicts")


def kernel(*, bitfield=False, narrow=False, cut=False, moved=False):
    """A kernel with `struct sock` and an enumeration as the object's, or with what reads something else."""
    b = Builder()
    b.int("int", 4, encoding=1)
    byte, word, long = b.int("unsigned char", 1), b.int("unsigned int", 4), b.int("long unsigned int", 8)
    first = [("skc_flags", word, 0, 8), ("sk_protocol", word, 8, 8)] if bitfield else [("sk_protocol", byte, 8)]
    b.struct("sock", 16, [*first, ("sk_state", word if narrow else long, 64)])
    if cut:
        b.enum("dsq_id_flags", [("DSQ_LOCAL", 2)], size=8)
    else:
        b.enum64("dsq_id_flags", [("DSQ_LOCAL", 1 << 63 | 2)])
    b.func("vfs_read", b.func_proto(1, []), linkage=1)
    data, regs = b.ptr(0), b.ptr(b.struct("pt_regs", 8, [("ip", long, 0)]))
    rows = [("", long), ("", regs)] if moved else [("", regs), ("", long)]
    b.typedef("btf_trace_sys_enter", b.ptr(b.func_proto(0, [("__data", data), *rows])))
    return b.build()


def statuses(**options):
    checks = Checks(load_code(os.path.join(VERDICTS, "misreads.bpf.o")))
    verdicts = checks.verdicts(Target(kernel(**options)), 6 << 16)
    return {
        check.name: [finding.detail for finding in verdict.findings if finding.effect == "reads something else"]
        for check, verdict in zip(checks.programs, verdicts, strict=True)
    }


def test_nothing_is_misread():
    assert set(statuses()) == {"protocol", "protocol_by_shifts", "state", "enumerator", "syscall"}
    assert not any(statuses().values())


@pytest.mark.parametrize(
    ("option", "program", "words"),
    [
        ("bitfield", "protocol", "is a bitfield of 8 bits on this kernel"),
        ("narrow", "state", "the program reads 8 bytes of ((struct sock *)0)->sk_state, which has 4 on this kernel"),
        ("cut", "enumerator", "only the lower 32 bits"),
    ],
)
def test_what_is_misread(option, program, words):
    found = statuses(**{option: True})
    assert [words in detail for detail in found.pop(program)] == [True]
    assert not any(found.values())


def test_a_misread_counts_as_a_failure(tmp_path):
    for name, options in (("5.4.0-1-amd64", {"bitfield": True, "moved": True}), ("6.1.0-1-amd64", {})):
        (tmp_path / f"{name}.btf").write_bytes(kernel(**options).to_bytes())
    matrix = btfkit.check([os.path.join(VERDICTS, "misreads.bpf.o")], [tmp_path])
    failures = {(matrix.programs[p].name, matrix.columns[c].name) for p, c in matrix.failures()}
    assert failures == {("protocol", "5.4.0-1-amd64")}
    (number,) = (n for n, program in enumerate(matrix.programs) if program.name == "syscall")
    old, new = (matrix.verdicts[matrix.cells[number][column]] for column in matrix.series)
    assert not new.findings
    (finding,) = old.findings
    assert (finding.effect, finding.reason) == ("warning", "argument-differs")
    assert "sys_enter(long unsigned int, struct pt_regs *)" in finding.detail
    assert "on 6.1.0-1-amd64 it is argument 1 of sys_enter(struct pt_regs *, long unsigned int)" in finding.detail
