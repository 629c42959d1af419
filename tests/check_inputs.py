"""Small kernels for `check`, in BTFHub's layout, and the object tests/bpf/guards, whose programs read `struct task_struct`."""

from __future__ import annotations

import os

from bpf import cases
from btfkit.btf.build import Builder

GUARDS = os.path.join(cases.HERE, "guards", "guards.el.bpf.o")
MEMBER = "btfkit_no_such_member"  # what the programs look for


def kernel(*members: str, order: str = "little", tracepoints: bool = False) -> bytes:
    """A kernel with `struct task_struct { int pid; int tgid; MEMBERS...; struct task_struct *group_leader; }`."""
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    b.int("long unsigned int", 8)
    b.ptr(4)
    rows = [("pid", 1, 0), ("tgid", 1, 32)]
    at = 64
    for name in members:
        wide = name.endswith("_long")
        at = (at + 63) // 64 * 64 if wide else at
        rows.append((name, 2 if wide else 1, at))
        at += 64 if wide else 32
    at = (at + 63) // 64 * 64
    rows.append(("group_leader", 3, at))
    b.struct("task_struct", at // 8 + 8, rows)
    b.enum("pid_type", [("PIDTYPE_PID", 0)])
    b.func("bpf_rcu_read_lock", b.func_proto(0, []), linkage=1)
    b.func("bpf_rcu_read_unlock", b.func_proto(0, []), linkage=1)
    if tracepoints:
        proto = b.func_proto(0, [("data", 3)])
        b.typedef("btf_trace_sched_switch", b.ptr(proto))
    return b.to_bytes()


def fill(folder: str | os.PathLike[str]) -> None:
    """`hub/`: a kernel without the member (5.10), two that have it (6.1), one with another name (6.12); `guards.bpf.o`."""
    kernels = {
        "debian/11/x86_64/5.10.0-1-amd64": kernel(),
        "debian/12/x86_64/6.1.0-1-amd64": kernel(MEMBER, "btfkit_no_such_long"),
        "debian/12/x86_64/6.1.0-2-amd64": kernel(MEMBER, "btfkit_no_such_long", "one_more"),
        "debian/13/x86_64/6.12.0-1-amd64": kernel("btfkit_new_name", "btfkit_no_such_long", tracepoints=True),
        "ubuntu/22.04/arm64/5.15.0-1-generic": kernel(),
    }
    for name, data in kernels.items():
        path = os.path.join(folder, "hub", name + ".btf")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    with open(GUARDS, "rb") as source, open(os.path.join(folder, "guards.bpf.o"), "wb") as target:
        target.write(source.read())
