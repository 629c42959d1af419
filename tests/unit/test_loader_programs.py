"""What loaders other than libbpf do with externs and sections, on small kernels."""

from __future__ import annotations

import os

import pytest

from bpf import cases
from btfkit.btf.build import Builder
from btfkit.co_re.loaders import AYA, CILIUM, LIBBPF
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code

VERDICTS = os.path.join(cases.HERE, "verdicts")


def kernel(*functions):
    """A kernel with those functions of one argument, and three tracepoints."""
    b = Builder()
    b.int("int", 4, encoding=1)
    pointer = b.ptr(b.struct("task_struct", 4, [("pid", 1, 0)]))
    for name in ("vfs_read", *functions):
        result = 0 if name.endswith("release") else pointer
        b.func(name, b.func_proto(result, [("p", pointer)]), linkage=1)
    for name in ("task_newtask", "sys_enter", "sched_switch"):
        b.typedef(f"btf_trace_{name}", b.ptr(b.func_proto(0, [("__data", b.ptr(0)), ("task", pointer)])))
    return b.build()


def findings(name, loader, *functions, target=None):
    """{program: {(effect, reason, whole)}} of an object, without notes and warnings."""
    checks = Checks(load_code(os.path.join(VERDICTS, name + ".bpf.o")), None, loader)
    verdicts = checks.verdicts(target or Target(kernel(*functions)))
    return {
        check.name: {(f.effect, f.reason, f.whole) for f in verdict.findings if f.effect not in ("note", "warning")}
        for check, verdict in zip(checks.programs, verdicts, strict=True)
    }


def test_a_missing_function_breaks_the_object_or_the_program():
    assert findings("extern", LIBBPF)["bad_other"] == {("breaks", "no-extern", True)}
    found = findings("extern", CILIUM)
    assert found["bad_other"] == set()
    assert found["bad_user"] == {("breaks", "no-extern", False)}


def test_aya_resolves_no_functions():
    found = findings("weak", AYA, "bpf_task_acquire", "bpf_task_release")
    assert found["ok_flavors"] == {("breaks", "no-extern", False)}
    assert findings("extern", AYA)["bad_other"] >= {("breaks", "no-extern", True)}


def test_functions_have_no_flavors_for_cilium():
    """Both weak functions count as absent for cilium/ebpf; for libbpf, one of them is there."""
    functions = ("bpf_task_acquire", "bpf_task_release")
    assert findings("weak", CILIUM, *functions)["ok_flavors"] == {("works, guarded", "no-extern", False)}
    checks = Checks(load_code(os.path.join(VERDICTS, "weak.bpf.o")))
    (verdict,) = checks.verdicts(Target(kernel(*functions)))
    assert not any("___new" in finding.detail for finding in verdict.findings)


@pytest.mark.parametrize(
    ("section", "known"),
    [
        ("tc", False),
        ("classifier", True),
        ("classifier/name", True),
        ("xdp", True),
        ("xdp/devmap", True),
        ("xdp/name", False),
        ("cgroup/sock_create", True),
        ("cgroup/other", False),
        ("cgroup", False),
        ("sk_skb", False),
        ("sk_skb/stream_verdict/name", True),
        ("kprobe/vfs_read", True),
        ("struct_ops/init", False),
        ("?xdp", False),
    ],
)
def test_sections_of_aya(section, known):
    assert AYA.knows(section) == known
    assert LIBBPF.knows(section)
    assert CILIUM.knows(section)


def test_aya_rejects_objects_with_other_sections():
    found = findings("contexts", AYA)
    assert all(("breaks", "no-program-type", True) in each for each in found.values())
    assert not any(whole for each in findings("contexts", LIBBPF).values() for _, _, whole in each)


def test_objects_that_share_a_target():
    """Each is judged by its own facts, in any order."""
    target = Target(kernel())
    names = ("extern", "contexts", "user_space", "extern")
    alone = [findings(name, LIBBPF) for name in names]
    assert [findings(name, LIBBPF, target=target) for name in names] == alone


def test_an_extern_in_no_section_breaks_the_object_or_the_program():
    assert findings("no_section", LIBBPF)["bad_call"] == {("breaks", "bad-object", True)}
    assert findings("no_section", CILIUM)["bad_call"] == {("breaks", "no-extern", False)}
    assert ("breaks", "no-extern", True) in findings("no_section", AYA)["bad_call"]


def test_static_functions_and_pinning():
    assert all(("breaks", "bad-object", True) in found for found in findings("static", LIBBPF).values())
    assert not any(whole for found in findings("static", CILIUM).values() for _, _, whole in found)
    assert all(("breaks", "bad-object", True) in found for found in findings("pinning", CILIUM).values())
    assert not any(found for found in findings("pinning", AYA).values())
