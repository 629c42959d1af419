"""What libbpf leaves to user space, and what a kernel was built with, on small kernels."""

from __future__ import annotations

import os

import pytest

from bpf import cases
from btfkit.btf.build import Builder
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.sections import left_to_user_space, types_of

VERDICTS = os.path.join(cases.HERE, "verdicts")
BUILT = ("SOCKET_FILTER", "XDP", "SCHED_CLS", "CGROUP_SOCK", "STRUCT_OPS", "TRACING", "EXT", "RAW_TRACEPOINT")


def kernel(*, size=192, built=BUILT, map_types=(("BPF_MAP_TYPE_HASH", 1), ("BPF_MAP_TYPE_ARRAY", 2))):
    """A kernel with those types of maps, `built` with those types of programs, whose contexts have `size` bytes."""
    b = Builder()
    b.int("int", 4, encoding=1)
    b.int("__u64", 8)
    b.enum("bpf_map_type", list(map_types))
    context = b.struct("__sk_buff", size, [("len", 1, 0)])
    pointer = b.ptr(0)
    rows, at = [], 0
    for name in built:
        struct = name not in ("STRUCT_OPS", "TRACING", "EXT", "RAW_TRACEPOINT")
        for end, leaf, width in (("prog", context, size) if struct else ("prog", pointer, 8), ("kern", pointer, 8)):
            rows.append((f"BPF_PROG_TYPE_{name}_{end}", leaf, 8 * at))
            at += width
    b.struct("bpf_ctx_convert", at, rows)
    b.func("vfs_read", b.func_proto(1, []), linkage=1)
    b.typedef("btf_trace_sched_switch", b.ptr(b.func_proto(0, [("__data", pointer)])))
    return b.build()


def findings(name, types):
    """{program: [(effect, reason)]} of an object."""
    checks = Checks(load_code(os.path.join(VERDICTS, name + ".bpf.o")))
    verdicts = checks.verdicts(Target(types))
    return {
        check.name: [(finding.effect, finding.reason) for finding in verdict.findings]
        for check, verdict in zip(checks.programs, verdicts, strict=True)
    }


def test_what_user_space_sets():
    found = findings("user_space", kernel())
    assert found["type"] == found["target"] == found["replacing"] == [("warning", "user-space")]
    assert found["unreferenced"] == [("breaks", "bad-object")]


def test_jump_tables_need_maps_of_their_type():
    known = (("BPF_MAP_TYPE_ARRAY", 2), ("BPF_MAP_TYPE_INSN_ARRAY", 34))
    assert findings("user_space", kernel())["jump_table"] == [("breaks", "no-map-type")]
    assert findings("user_space", kernel(map_types=known))["jump_table"] == []


def test_pinning_that_libbpf_does_not_know():
    assert findings("pinning", kernel())["bad_all"] == [("breaks", "bad-object")]


@pytest.mark.parametrize(("size", "breaks"), [(192, True), (4099, True), (4100, False), (8192, False)])
def test_reads_beyond_the_context(size, breaks):
    found = findings("contexts", kernel(size=size))
    expected = [("breaks", "beyond-context")] if breaks else []
    assert found["ok_within"] == []
    assert found["bad_packet"] == found["bad_frame"] == found["bad_socket"] == expected
    assert ("breaks", "beyond-context") not in found["ok_asked"]


def test_programs_that_the_kernel_was_not_built_with():
    found = findings("contexts", kernel(built=[name for name in BUILT if name != "XDP"]))
    assert found["bad_frame"] == [("breaks", "no-program-type")]
    assert found["ok_within"] == []


def test_minimized_kernels_prove_nothing():
    b = Builder()
    b.int("int", 4)
    assert not [each for each in findings("contexts", b.build())["bad_packet"] if each[0] == "breaks"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("tc", ""),
        ("tp.s/syscalls/sys_enter_read", ""),
        ("fentry.multi/vfs_*", ""),
        ("fentry/vfs_read", ""),
        ("fexit", "bpf_program__set_attach_target"),
        ("freplace", "bpf_program__set_attach_target"),
        ("sk_skb1", "bpf_program__set_type"),
        ("struct_ops", ""),
        ("kprobe", ""),
    ],
)
def test_sections(section, said):
    assert said in left_to_user_space(section)
    assert bool(said) == bool(left_to_user_space(section))
    assert (types_of(section) is None) == ("set_type" in said)
