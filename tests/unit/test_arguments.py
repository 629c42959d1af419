"""Reads of the context by programs that the kernel types by BTF, on small kernels."""

from __future__ import annotations

import os

import pytest

from bpf import cases
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re.target import Target
from btfkit.programs import insns as i
from btfkit.programs.arguments import prototype_of, rejected
from btfkit.programs.checks import Checks
from btfkit.programs.code import Function, Linked, load_code
from btfkit.programs.origins import find_origins

VERDICTS = os.path.join(cases.HERE, "verdicts")
EXIT = (i.JMP | i.EXIT, 0, 0, 0, 0)
LOAD = i.LDX | i.MEM | 0x18


def kernel(*, second=False, result="int"):
    """A kernel with functions, and the tracepoints sys_enter and block_rq_issue, which has a `second` argument or not."""
    b = Builder()
    b.int("int", 4, encoding=1)
    b.int("long int", 8, encoding=1)
    wide = b.struct("pair", 16, [("a", 2, 0), ("b", 2, 64)])
    huge = b.struct("huge", 24, [("a", 2, 0)])
    regs = b.ptr(b.struct("pt_regs", 8, [("ip", 2, 0)]))
    results = {"int": 1, "void": 0, "pair": wide, "pointer": regs}
    b.func("plain", b.func_proto(results[result], [("regs", regs), ("id", 1)]), linkage=1)
    b.func("wide", b.func_proto(1, [("pair", wide), ("last", 1)]), linkage=1)
    b.func("huge", b.func_proto(1, [("huge", huge)]), linkage=1)
    b.func("varied", b.func_proto(1, [("format", regs), ("", 0)]), linkage=1)
    b.func("many", b.func_proto(1, [(f"a{n}", 1) for n in range(13)]), linkage=1)
    data = b.ptr(0)
    b.typedef("btf_trace_sys_enter", b.ptr(b.func_proto(0, [("__data", data), ("", regs), ("", 2)])))
    request = b.ptr(b.struct("request", 8, [("a", 1, 0)]))
    rows = [("__data", data), *([("q", regs)] if second else []), ("rq", request)]
    b.typedef("btf_trace_block_rq_issue", b.ptr(b.func_proto(0, rows)))
    meta = b.ptr(b.struct("bpf_iter_meta", 8, [("a", 2, 0)]))
    b.func("bpf_iter_task", b.func_proto(1, [("meta", meta), ("task", request)]), linkage=1)
    b.func("vfs_read", b.func_proto(1, []), linkage=1)
    b.typedef("btf_trace_sched_switch", b.ptr(b.func_proto(0, [("__data", data)])))
    return b.build()


def prototype(name, **options):
    btf = kernel(**options)
    kind = spec.TYPEDEF if name.startswith("btf_trace_") else spec.FUNC
    return prototype_of(btf, btf.find_id(name, kind), name)


def said(kind, name, offset, size=8, **options):
    found = rejected(kind, prototype(name, **options), offset, size)
    return found.reason if found is not None else ""


@pytest.mark.parametrize(
    ("kind", "name", "offset", "size", "reason"),
    [
        ("fentry", "plain", 8, 8, ""),
        ("fentry", "plain", 8, 4, ""),
        ("fentry", "plain", 8, 1, ""),
        ("fentry", "plain", 16, 8, "no-argument"),  # the result
        ("fentry", "plain", 12, 4, "no-argument"),
        ("fentry", "plain", -8, 8, "no-argument"),
        ("fentry", "plain", 96, 8, "no-argument"),
        ("fentry", "plain", 0, 4, "narrow-read"),
        ("fexit", "plain", 16, 8, ""),
        ("fexit", "plain", 24, 8, "no-argument"),
        ("fmod_ret", "plain", 16, 8, ""),
        ("lsm", "plain", 16, 8, ""),
        ("lsm_cgroup", "plain", 24, 8, "no-argument"),
        ("fentry", "wide", 8, 8, ""),  # the second half of the first argument
        ("fentry", "wide", 16, 8, ""),
        ("fentry", "wide", 24, 8, "no-argument"),
        ("fexit.s", "wide", 24, 8, ""),
        ("tp_btf", "btf_trace_sys_enter", 8, 8, ""),
        ("tp_btf", "btf_trace_sys_enter", 16, 8, "no-argument"),
        ("raw_tp", "btf_trace_sys_enter", 12, 4, ""),
        ("raw_tp", "btf_trace_sys_enter", 16, 8, "no-argument"),
        ("struct_ops", "plain", 16, 8, "no-argument"),
    ],
)
def test_what_may_be_read(kind, name, offset, size, reason):
    assert said(kind, name, offset, size) == reason


def test_results():
    assert said("fexit", "plain", 16, result="void") == "no-argument"
    assert said("lsm", "plain", 16, result="void") == "no-argument"
    assert said("fexit", "plain", 16, result="pointer") == ""
    assert said("fmod_ret", "plain", 16, result="pointer") == "no-argument"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("plain", ""),
        ("wide", ""),
        ("huge", "has argument huge of more than 16 bytes"),
        ("varied", "has variable arguments"),
        ("many", "has 13 arguments, the kernel allows 12"),
    ],
)
def test_functions_that_cannot_be_attached_to(name, problem):
    assert prototype(name).problem == problem


def test_prototypes_in_c():
    assert str(prototype("plain")) == "int plain(struct pt_regs *regs, int id)"
    assert str(prototype("btf_trace_sys_enter")) == "btf_trace_sys_enter(struct pt_regs *, long int)"
    assert str(prototype("plain").at(16)) == "the return value"
    assert prototype("plain", result="pair").problem == "returns a struct or union"


# ---- what a program reads ------------------------------------------------------------------------------------------


def reads(*insns):
    linked = Linked(Function("prog", "fentry/plain", 0, list(insns)))
    linked.add(linked.program)
    return find_origins(linked, []).context_reads


def test_reads_through_copies_and_constants():
    move = (i.ALU64 | i.MOV | i.X, 6, 1, 0, 0)
    add = (i.ALU64 | i.ADD, 6, 0, 0, 16)
    assert reads(move, add, (LOAD, 0, 6, 8, 0), EXIT) == {2: 16}
    call = (i.JMP | i.CALL, 0, 0, 0, 5)
    assert reads(call, (LOAD, 0, 1, 8, 0), EXIT) == {}  # r1 is lost by the call
    unknown = (i.ALU64 | i.ADD | i.X, 6, 0, 0, 0)
    assert reads(move, unknown, (LOAD, 0, 6, 8, 0), EXIT) == {}


def test_reads_after_the_stack():
    store = (i.STX | i.MEM | 0x18, 10, 1, -8, 0)
    reload = (LOAD, 2, 10, -8, 0)
    read = (LOAD, 0, 2, 8, 0)
    assert reads(store, reload, read, EXIT) == {2: 0}
    overwrite = (i.ST | i.MEM | 0x00, 10, 0, -4, 0)
    assert reads(store, overwrite, reload, read, EXIT) == {}


def test_reads_where_paths_meet():
    branch = (i.JMP | i.JEQ, 2, 0, 1, 0)
    same = (i.ALU64 | i.MOV, 3, 0, 0, 1)
    assert reads(branch, same, (LOAD, 0, 1, 8, 0), EXIT) == {2: 0}
    moved = (i.ALU64 | i.ADD, 1, 0, 0, 8)
    assert reads(branch, moved, (LOAD, 0, 1, 8, 0), EXIT) == {}


# ---- whole verdicts ------------------------------------------------------------------------------------------------


def test_verdicts_of_a_compiled_object():
    checks = Checks(load_code(os.path.join(VERDICTS, "arguments.bpf.o")))
    verdicts = checks.verdicts(Target(kernel()), 6 << 16 | 13 << 8)
    for check, verdict in zip(checks.programs, verdicts, strict=True):
        assert (verdict.status != "breaks") == check.name.startswith("ok_"), (check.name, verdict)
    by_name = dict(zip((check.name for check in checks.programs), verdicts, strict=True))
    assert by_name["ok_guarded"].status == "works, guarded"
    (read,) = by_name["ok_last"].arguments
    assert (read.argument.number, read.argument.of, read.argument.is_result) == (1, "8", False)
    assert read.prototype == "sys_enter(struct pt_regs *, long int)"


def test_kernels_differ():
    checks = Checks(load_code(os.path.join(VERDICTS, "arguments.bpf.o")))
    names = [check.name for check in checks.programs]
    old = dict(zip(names, checks.verdicts(Target(kernel(second=True)), 5 << 16 | 10 << 8), strict=True))
    assert old["bad_second"].status == "works"
    assert [f.effect for f in old["bad_half_of_a_pointer"].findings] == ["warning"]
