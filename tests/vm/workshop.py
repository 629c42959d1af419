"""The module of tests/vm/module, built for a kernel by its own kbuild, and its BTF encoded by the real pahole on any vmlinux.

What gcc and pahole make is kept in $VM/made, by what it was made from: it takes seconds, and each test process wants it."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import machine
from machine import Kernel, inside, run_inside, workroom

SOURCE = Path(__file__).parent / "module"
NAME = "btfkit_demo"
FEATURES = (
    "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs"  # as kbuild's
)


def compiled(kernel: Kernel) -> bytes:
    """The module for `kernel`, with DWARF and without BTF."""
    return _made(f"{_key()}-{kernel.release}.ko", lambda room: _make(kernel, room, "CONFIG_DEBUG_INFO_BTF_MODULES="))


def resolved_by_the_kernels_tool(file: bytes, base: Kernel) -> bytes:
    """The module after 6.12's resolve_btfids, on the vmlinux of `base`."""
    with workroom() as room:
        (room / "m.ko").write_bytes(file)
        (room / "vmlinux").write_bytes(base.btf.to_bytes())
        _run(room, resolve_btfids(), "-b", "vmlinux", "m.ko")
        return (room / "m.ko").read_bytes()


def stripped(file: bytes) -> bytes:
    """The module without its DWARF, as it is installed."""
    with workroom() as room:
        (room / "m.ko").write_bytes(file)
        return _stripped(room / "m.ko").read_bytes()


def by_kbuild(kernel: Kernel) -> bytes:
    """The module as kbuild makes it, BTF and `.BTF.base` included, where the headers package brings a vmlinux; stripped."""
    assert (kernel.headers / "vmlinux").exists(), kernel
    return _made(f"{_key()}-{kernel.release}-kbuild.ko", lambda room: _stripped(_make(kernel, room)))


def by_kbuild_with(
    kernel: Kernel, pahole: Callable[[Path], str], *more: str, word: str = "", vmlinux: bool = True
) -> tuple[bytes, str]:
    """The module as kbuild makes it where the script `pahole(host)` is its pahole, called with `word`, and what kbuild printed;
    neither stripped nor kept.  `host` is where this machine's root is seen.

    Without `vmlinux` in its headers, kbuild finds there the raw BTF of the kernel.
    """
    with workroom() as room:
        binds = {room / "host": Path("/")}
        if not vmlinux:
            copy = Path(shutil.copytree(kernel.headers, room / "headers", symlinks=True))
            (copy / "vmlinux").write_bytes(kernel.btf.to_bytes())
            binds[kernel.headers] = copy
        (room / "host").mkdir()
        script = room / "pahole"
        script.write_text(pahole(Path(inside(room / "host"))))
        script.chmod(0o755)
        folder = room / "module"
        shutil.copytree(SOURCE, folder)
        command = [
            "make",
            "-C",
            inside(kernel.headers),
            f"M={inside(folder)}",
            f"PAHOLE={inside(script)} {word}".strip(),
            *more,
            "modules",
        ]
        done = run_inside(command, folder, binds=binds)
        text = done.stdout.decode(errors="replace")
        assert done.returncode == 0, text
        return (folder / f"{NAME}.ko").read_bytes(), text


def encoded(kernel: Kernel, base: Kernel) -> bytes:
    """The module for `kernel`, its BTF encoded on the vmlinux of `base`, as in-tree modules have it, and stripped."""
    source = compiled(kernel)  # not within _made: its lock is one for all
    return _made(f"{_key()}-{kernel.release}-on-{base.release}.ko", lambda room: _encode(source, base, room))


@functools.cache
def _key() -> str:
    texts = [path.read_bytes() for path in (*sorted(SOURCE.iterdir()), Path(__file__))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _made(name: str, make: Callable[[Path], Path]) -> bytes:
    """The file `name` of $VM/made, made in a folder of the chroot where it is not there."""
    folder = machine.folder() / "made"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            with workroom() as room:
                shutil.copy(make(room), folder / "part")
            os.replace(folder / "part", folder / name)
    return (folder / name).read_bytes()


def _run(room: Path, *command: str, **env: str) -> None:
    done = run_inside(command, room, **env)
    if done.returncode:
        raise subprocess.SubprocessError(f"{command}: {done.stdout.decode(errors='replace')[-4000:]}")


def _make(kernel: Kernel, room: Path, *more: str) -> Path:
    for path in SOURCE.iterdir():
        shutil.copy(path, room)
    _run(room, "make", "-C", inside(kernel.headers), f"M={inside(room)}", *more, "modules")
    return room / f"{NAME}.ko"


def _encode(source: bytes, base: Kernel, room: Path) -> Path:
    path = room / f"{NAME}.ko"
    path.write_bytes(source)
    (room / "vmlinux").write_bytes(base.btf.to_bytes())
    encode = ["pahole", "-J", f"--btf_features={FEATURES}", "--btf_base=vmlinux", path.name]
    _run(room, *encode, LLVM_OBJCOPY="objcopy")
    _run(room, resolve_btfids(), "-b", "vmlinux", path.name)
    return _stripped(path)


def resolve_btfids() -> str:
    """That of 6.12, as the chroot sees it: since 6.19 it does more than to resolve, and no kbuild package before 6.12 has one."""
    found = sorted((machine.root() / "usr" / "lib").glob("linux-kbuild-6.12*/tools/bpf/resolve_btfids/resolve_btfids"))
    return inside(found[-1])


def _stripped(path: Path) -> Path:
    _run(path.parent, "objcopy", "--strip-debug", path.name)
    return path
