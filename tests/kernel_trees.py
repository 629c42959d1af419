"""Trees of small kernels whose structs change from version to version, for questions over many kernels."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder

AMD64 = ("5.10.0-8-amd64", "6.1.0-9-amd64", "6.1.0-47-amd64", "6.12.0-1-amd64")
KERNELS = (*((f"debian/{release}/x86_64", uname) for release, uname in zip((11, 12, 12, 13), AMD64, strict=True)),)
CLOUD = ("debian/12/x86_64", "6.1.0-47-cloud-amd64")
ARM = ("debian/12/arm64", "6.1.0-47-arm64")


def kernel(version: tuple[int, int], *, cloud: bool = False, arm: bool = False) -> Btf:
    """A kernel: task.state is task.__state from 6.1 on, task.pid moves, task.cpu moves into thread_info in 6.12, flags is a
    bitfield, and wake() gets a parameter in 6.12; `cloud` has more in front of pid, `arm` other integers."""
    b = Builder()
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    word = b.int("unsigned long", 8)
    later = version >= (6, 12)
    info = b.struct("thread_info", 16, [("flags", word, 0), *([("cpu", number, 64)] if later else [])])
    state = "__state" if version >= (6, 1) else "state"
    members = [("info", info, 0), (state, number, 128), ("low", number, 160, 3)]
    at = 192 + 64 * (version >= (6, 1)) + 128 * cloud + 64 * arm
    members += [("pid", number, at), *([] if later else [("cpu", number, at + 32)])]
    task = b.struct("task", at // 8 + 8, members)
    pointer = b.ptr(task)
    b.func("wake", b.func_proto(number, [("task", pointer), *([("how", number)] if later else [])]), 1)
    if version < (6, 12):
        b.struct("gone", 8, [("a", number, 0)])
    b.enum("mode", [("OFF", 0), ("ON", 1 + later)])
    return b.build()


def module(base: Btf) -> bytes:
    """A module with a struct and a function of its own."""
    b = Builder(base)
    conn = b.struct("conn", 24, [("mark", base.find_id("int"), 64), ("task", b.ptr(base.find_id("struct task")), 128)])
    b.func("conn_get", b.func_proto(b.ptr(conn), [("mark", base.find_id("int"))]), 1)
    return b.to_bytes()


def version_of(uname: str) -> tuple[int, int]:
    """(6, 12) of "6.12.0-1-amd64"."""
    major, minor = uname.split(".")[:2]
    return int(major), int(minor)


def fill(folder) -> None:
    """`hub/` in BTFHub's layout, and `tree/UNAME/` with a vmlinux and the modules `conn` and `other`."""
    for place, uname in (*KERNELS, CLOUD, ARM):
        btf = kernel(version_of(uname), cloud="cloud" in uname, arm="arm" in uname)
        (folder / "hub" / place).mkdir(parents=True, exist_ok=True)
        (folder / "hub" / place / f"{uname}.btf").write_bytes(btf.to_bytes())
    for uname in AMD64[1:]:
        fill_directory(folder / "tree" / uname, kernel(version_of(uname)))


def fill_directory(directory, btf: Btf) -> None:
    """A kernel with its modules, as in /sys/kernel/btf."""
    directory.mkdir(parents=True)
    (directory / "vmlinux").write_bytes(btf.to_bytes())
    (directory / "conn").write_bytes(module(btf))
    other = Builder(btf)
    other.struct("other", 8, [("a", btf.find_id("int"), 0)])
    (directory / "other").write_bytes(other.to_bytes())
