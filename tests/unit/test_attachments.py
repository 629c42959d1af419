"""What programs attach to and call, looked up in small kernels."""

from __future__ import annotations

import pytest

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.name_search import NameSearch
from btfkit.co_re.target import Target
from btfkit.fleet.hints import _close
from btfkit.programs.attachments import Scope, attached, attached_types, attachment, extern_answers, scope_of
from btfkit.programs.code import Extern, Function
from btfkit.programs.constants import version_range
from btfkit.programs.registers import RANGE
from btfkit.programs.struct_ops import operations, struct_ops
from btfkit.programs.verifier import NEWEST, verifier_of


def kernel(order="little"):
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    proto = b.func_proto(1, [("x", 1)])
    for name in (
        "do_unlinkat",
        "bpf_lsm_file_open",
        "bpf_iter_task",
        "__x64_sys_openat",
        "bpf_kfunc_here",
        "odd___name",
    ):
        b.func(name, proto, linkage=1)
    b.typedef("btf_trace_sched_switch", b.ptr(proto))
    b.var("here_var", 1)
    ops = b.struct("tcp_congestion_ops", 16, [("init", b.ptr(proto), 0), ("flags", 1, 64)])
    b.struct("bpf_struct_ops_tcp_congestion_ops", 32, [("data", ops, 64)])
    return b.build()


def module(base):
    b = Builder(base)
    b.func("in_module", b.func_proto(0), linkage=1)
    return Btf.from_bytes(b.to_bytes(), base, source="/lib/modules/x/some-mod.ko")


def said(section, *, modules=True, tracepoints=True, order="little"):
    base = kernel(order)
    target = Target(base, [module(base)] if modules else [])
    return attached(Function("prog", section, 0, []), target, Scope(tracepoints=tracepoints))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    "section",
    [
        "fentry/do_unlinkat",
        "fexit.s/do_unlinkat",
        "fmod_ret/do_unlinkat",
        "?fentry/do_unlinkat",
        "fentry/odd___name",
        "fentry/in_module",
        "fentry/some_mod:in_module",
        "fentry/vmlinux:do_unlinkat",
        "tp_btf/sched_switch",
        "raw_tp/sched_switch",
        "raw_tracepoint.w/sched_switch",
        "lsm/file_open",
        "lsm.s/file_open",
        "iter/task",
        "kprobe/do_unlinkat",
        "kprobe/do_unlinkat+0x10",
        "kprobe.multi/do_*",
        "tracepoint/sched/sched_switch",
        "tp/syscalls/sys_exit_openat",
        "tp/ftrace/print",
        "ksyscall/openat",
        "kretsyscall/openat",
        "fentry",
        "xdp",
        "cgroup/connect4",
        "uprobe//bin/sh:main",
    ],
)
def test_what_is_there(section, order):
    assert said(section, order=order) is None


@pytest.mark.parametrize(
    ("section", "effect", "words"),
    [
        ("fentry/gone", "breaks", "no function gone in the kernel's BTF to attach fentry to"),
        ("fentry/do_unlinkat___x", "breaks", "do_unlinkat___x"),
        ("fentry/other_mod:in_module", "breaks", "in module other_mod"),
        ("fentry/some_mod:do_unlinkat", "breaks", "in module some_mod"),
        ("tp_btf/gone", "breaks", "no tracepoint gone: no type btf_trace_gone"),
        ("raw_tp/gone", "breaks", "no tracepoint gone"),
        ("lsm/gone", "breaks", "bpf_lsm_gone"),
        ("iter/gone", "breaks", "bpf_iter_gone"),
        ("kprobe/gone", "warning", "which does not list every function"),
        ("ksyscall/gone", "warning", "__x64_sys_gone"),
        ("tracepoint/syscalls/sys_enter_open", "warning", "no function any of __x64_sys_open"),
        ("tp/sched/gone", "breaks", "no tracepoint sched/gone: no type btf_trace_gone"),
    ],
)
def test_what_is_not_there(section, effect, words):
    found = said(section)
    assert found[0] == effect
    assert words in found[2]


def test_modules_that_nobody_gave():
    assert "it may be in a module, but no modules were given" in said("fentry/in_module", modules=False)[2]
    assert "no modules were given" not in said("fentry/gone")[2]


def test_tracepoints_before_5_5():
    assert said("tp_btf/gone", tracepoints=False)[0] == "warning"


def test_a_minimized_btf_shows_no_functions():
    b = Builder()
    b.int("int", 4)
    cut = b.build()
    assert scope_of(Target(kernel())).functions
    assert scope_of(Target(kernel())).tracepoints
    scope = scope_of(Target(cut))
    assert not scope.functions
    for section in ("fentry/do_unlinkat", "tp_btf/sched_switch", "lsm/file_open", "kprobe/do_unlinkat"):
        effect, _, words = attached(Function("prog", section, 0, []), Target(cut), scope)
        assert effect == "warning"
        assert "it was minimized" in words


class Obj:
    """As much of a `Code` as externs and struct_ops need."""

    def __init__(self, btf):
        self.btf = btf
        self.object = self
        self.externs = {}
        self.struct_ops = {}
        self.struct_ops_data = {}
        self.struct_ops_variables = None
        self.places = {}


def test_externs():
    b = Builder()
    b.int("int", 4, encoding=1)
    same, other = b.func_proto(1, [("y", 1)]), b.func_proto(0, [("y", 1), ("z", 1)])
    ids = {
        "bpf_kfunc_here": b.func("bpf_kfunc_here", same, linkage=2),
        "bpf_kfunc_here___old": b.func("bpf_kfunc_here___old", other, linkage=2),
        "bpf_kfunc_gone": b.func("bpf_kfunc_gone", same, linkage=2),
        "here_var": b.var("here_var", b.const(1), linkage=2),
        "gone_var": b.var("gone_var", 1, linkage=2),
        "an_address": b.var("an_address", b.const(0), linkage=2),
    }
    code = Obj(b.build())
    code.externs = {name: Extern(name, ".ksyms", type_id, False) for name, type_id in ids.items()}
    found = {name: answer.status for name, answer in extern_answers(code, Target(kernel()), Scope()).items()}
    assert found == {
        "bpf_kfunc_here": "found",
        "bpf_kfunc_here___old": "incompatible",
        "bpf_kfunc_gone": "missing",
        "here_var": "found",
        "gone_var": "missing",
        "an_address": "unknown",
    }


def test_struct_ops():
    b = Builder()
    b.int("int", 4, encoding=1)
    pointer = b.ptr(b.func_proto(1, [("x", 1)]))
    mine = b.struct("tcp_congestion_ops", 32, [("init", pointer, 0), ("newer", pointer, 64), ("flags", pointer, 128)])
    lost = b.struct("lost_ops", 8, [("init", pointer, 0)])
    rows = [(b.var("one", mine), 0, 32), (b.var("two", lost), 0, 8)]
    b.datasec(".struct_ops", 40, rows)
    code = Obj(b.build())
    code.places = {(".struct_ops", "one"): 0, (".struct_ops", "two"): 32}
    code.struct_ops_data = {".struct_ops": bytes(40)}
    code.struct_ops = {
        (".struct_ops", 0): "init",
        (".struct_ops", 8): "newer",
        (".struct_ops", 16): "flags",
        (".struct_ops", 32): "lost",
    }
    assert [(ops.name, ops.programs) for ops in struct_ops(code)] == [
        (b"tcp_congestion_ops", {0: "init", 1: "newer", 2: "flags"}),
        (b"lost_ops", {0: "lost"}),
    ]
    answers = operations(code, Target(kernel()), Scope())
    found = {name: (effect, reason) for name, (effect, reason, _) in answers.problems.items()}
    assert found == {
        "newer": ("breaks", "no-member"),
        "flags": ("breaks", "kind-differs"),
        "lost": ("breaks", "no-struct-ops"),
    }


@pytest.mark.parametrize(
    ("uname", "low"),
    [
        ("6.1.0-47-amd64", 6 << 16 | 1 << 8),
        ("5.10.0-32-amd64", 5 << 16 | 10 << 8),
        ("4.18.0-193.el8.x86_64", 4 << 16 | 18 << 8),
        ("vmlinuz-6.12.107+deb13-amd64", 6 << 16 | 12 << 8),
        ("6.18", 6 << 16 | 18 << 8),
        ("vmlinux", None),
        ("kernel", None),
        ("", None),
        ("1.2.3.4", 1 << 16 | 2 << 8),
    ],
)
def test_versions_by_name(uname, low):
    assert version_range(uname) == (None if low is None else (RANGE, low, low | 0xFF))


def test_verifiers_describe_themselves():
    assert repr(NEWEST).startswith("<Verifier decides")
    assert verifier_of(Target(kernel())) == (True, False, False, False)  # shows nothing
    b = Builder()
    b.int("int", 4)
    b.struct("bpf_reg_state", 4, [("type", 1, 0)])
    assert not verifier_of(Target(b.build())).decides
    b.struct("bpf_func_info_aux", 4, [("verified", 1, 0)])
    b.enum("bpf_stack_slot_type", [("STACK_DYNPTR", 1), ("STACK_ITER", 2)])
    assert verifier_of(Target(b.build())) == (False, True, True, True)


@pytest.mark.parametrize(
    ("name", "names", "close"),
    [
        ("state", ["stack", "__state"], "__state"),
        ("i_atime", ["i_rdev", "i_atime_sec", "i_atime_nsec"], "i_atime_sec"),
        ("i_atime", ["i_rdev", "__i_atime", "i_mtime"], "__i_atime"),
        ("cap", ["val"], ""),
    ],
)
def test_names_that_are_almost_equal(name, names, close):
    assert _close(name, NameSearch(names)) == close


def test_functions_that_share_a_name():
    b = Builder()
    b.int("int", 4, encoding=1)
    for count in (1, 2):
        b.func("twice", b.func_proto(1, [(f"a{n}", 1) for n in range(count)]), linkage=1)
    found = attached_types(attachment(Function("prog", "fentry/twice", 0, [])), Target(b.build()))
    assert len(found) == 2
