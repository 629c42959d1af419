"""Every command that writes, killed at any of its steps or on a full disk: the old files are whole, the next run gives what one
complete run gives, and nothing else is left."""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import random
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from archive_inputs import deb
from cli_inputs import files, fill, run

import small_modules
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.cli import main
from check_inputs import GUARDS
from check_inputs import kernel as check_kernel
from needs import lacks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork; run on Linux")

MODULE = "module.bpf.o"
FIELDS = "fields.bpf.o"
DWARF = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "encode", "gcc-dwarf5.o.xz")
COMMANDS = {
    "min": ["min", "vmlinux", "out", FIELDS],
    "min -m": ["min", "-m", "mods", "-o", "out", "vmlinux", MODULE],
    "min -B": ["min", "-B", "vmlinux", "mods/mod_one", "out", "--base-out", "base", MODULE],
    "min --archive": ["min", "--archive", "k", "-o", "out", "guards.bpf.o", "-j1"],
    "merge": ["merge", "vmlinux", "mods", "-o", "out"],
    "min --merge": ["min", "-m", "mods", "--merge", "vmlinux", "out", MODULE],
    "dump": ["dump", "vmlinux", "c", "-o", "out"],
    "dump raw": ["dump", "vmlinux", "-o", "out"],
    "dump json": ["dump", "vmlinux", "json", "-o", "out"],
    "encode": ["encode", "dwarf.o.xz", "-o", "out"],
    "encode PACKAGES": ["encode", "packages", "-o", "out", "-j1"],
    "encode --in-place": ["encode", "dwarf.o.xz", "--in-place"],
    "encode --distill": ["encode", "dwarf.o.xz", "-B", "numbers", "--distill", "-o", "out"],
    "encode --distill --in-place": ["encode", "dwarf.o", "-B", "numbers", "--distill", "--in-place"],
    "pahole -J": ["pahole", "-J", "dwarf.o"],
    "pahole --btf_encode_detached": ["pahole", "-J", "--btf_encode_detached=out", "dwarf.o"],
    "layout": ["layout", "vmlinux", "-o", "out"],
    "layout --html": ["layout", "vmlinux", "--html", "out"],
    "diff": ["diff", "vmlinux", "other", "-o", "out"],
    "diff --html": ["diff", "vmlinux", "other", "--html", "out"],
    "check --html": ["check", "guards.bpf.o", "--kernels", "k", "--html", "out", "-j1"],
    "extract": ["extract", "vmlinux", "-o", "out"],
    "extract DIRECTORY": ["extract", "mods", "-o", "out"],
    "distill": ["distill", "mods", "-B", "vmlinux", "-o", "out"],
    "distill --base-out": ["distill", "mods/mod_one", "-B", "vmlinux", "-o", "out", "--base-out", "base"],
    "distill --in-place": ["distill", "mods", "-B", "vmlinux", "--in-place"],
    "distill --in-place X.ko": ["distill", "small.ko", "-B", "small", "--in-place"],
    "reconcile": ["reconcile", "done", "-B", "vmlinux", "-o", "out"],
    "reconcile --in-place": ["reconcile", "done", "-B", "vmlinux", "--in-place"],
    "dedup": ["dedup", "mods", "-B", "vmlinux", "-o", "out"],
    "dedup --distill": ["dedup", "mods/mod_one", "-B", "vmlinux", "--distill", "-o", "out"],
    "dedup A B": ["dedup", "vmlinux", "other", "-o", "out"],
    "dedup --in-place": ["dedup", "twice", "--in-place"],
    "sort": ["sort", "vmlinux", "-m", "mods", "-o", "out"],
    "sort --in-place": ["sort", "vmlinux", "--in-place"],
    "sanitize": ["sanitize", "mods", "-B", "vmlinux", "--for", "5.10", "-o", "out", "--base-out", "base"],
    "sanitize --in-place": ["sanitize", "vmlinux", "--for", "5.4", "--in-place"],
    "sanitize --base-out": [
        "sanitize",
        "mods/mod_one",
        "-B",
        "vmlinux",
        "--for",
        "5.10",
        "-o",
        "out",
        "--base-out",
        "base",
    ],
    "bpftool": ["bpftool", "gen", "min_core_btf", "vmlinux", "out", FIELDS],
    "bundle create": ["bundle", "create", "out", "k"],
    "bundle create --archive": ["bundle", "create", "out", "--archive", "k", "guards.bpf.o", "-j1"],
    "bundle get": ["bundle", "get", "bundle", "5.10", "-o", "out"],
    "bundle lookup": ["bundle", "lookup", "bundle", "--uname", "5.10", "-o", "out"],
}
STEPS = ("open", "write", "link", "rename", "replace", "unlink", "fchown", "chmod", "close")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with all inputs."""
    folder = tmp_path_factory.mktemp("made")
    fill(folder)
    (folder / "k").mkdir()
    (folder / "k" / "5.10.btf").write_bytes(check_kernel())
    (folder / "k" / "5.15.btf").write_bytes(check_kernel("one_more"))
    shutil.copyfile(GUARDS, folder / "guards.bpf.o")
    twice = Builder(order="little")
    for name in ("a", "b", "a"):
        twice.struct(name, 4, [("x", twice.int("int", 4), 0)])
    (folder / "twice").write_bytes(twice.to_bytes())
    numbers = Builder(order="little")
    numbers.int("int", 4, encoding=spec.INT_SIGNED)
    numbers.int("long unsigned int", 8)
    (folder / "numbers").write_bytes(numbers.to_bytes())
    small = small_modules.kernel()
    shutil.copyfile(DWARF, folder / "dwarf.o.xz")
    with lzma.open(DWARF) as packed:
        (folder / "dwarf.o").write_bytes(packed.read())
    (folder / "packages").mkdir()
    for uname in ("5.10.1", "5.10.2"):
        package = deb({f"boot/vmlinux-{uname}": lzma.decompress((folder / "dwarf.o.xz").read_bytes())})
        (folder / "packages" / f"{uname}.deb").write_bytes(package)
    (folder / "small").write_bytes(small.to_bytes())
    (folder / "small.ko").write_bytes(small_modules.elf({".BTF": small_modules.module(small)}))
    old = os.getcwd()
    os.chdir(folder)
    try:
        assert main(["bundle", "create", "bundle", "k"]) == 0
        shutil.copytree("mods", "done")
        assert main(["distill", "done", "-B", "vmlinux", "--in-place", "-q"]) == 0
    finally:
        os.chdir(old)
    return folder


@pytest.fixture
def fresh(made, tmp_path, monkeypatch):
    """Makes a copy of the inputs, and goes there."""

    def make(name):
        shutil.copytree(made, tmp_path / name)
        monkeypatch.chdir(tmp_path / name)
        return tmp_path / name

    return make


def in_child(prepare, words) -> tuple[int, str]:
    """(status, standard error) of a command in a process of its own, after `prepare()`; killed: the status is negative."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.setsid()
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(writer, 2)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            prepare()
            status = main(words)
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(writer)
    said = b"".join(iter(lambda: os.read(reader, 1 << 16), b""))
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()


def killing(step: int):
    """Makes a process kill itself, and its workers, before call number `step` of those that change files."""

    def prepare() -> None:
        left = [step]

        def counted(call):
            def instead(*args, **more):
                left[0] -= 1
                if left[0] == 0:
                    os.killpg(0, signal.SIGKILL)
                return call(*args, **more)

            return instead

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))

    return prepare


def steps_of(words) -> int:
    """The number of calls that a command makes."""
    reader, writer = os.pipe()

    def prepare() -> None:
        def counted(call):
            def instead(*args, **more):
                raw(writer, b".")
                return call(*args, **more)

            return instead

        raw = os.write
        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))

    in_child(prepare, words)
    os.close(writer)
    count = len(b"".join(iter(lambda: os.read(reader, 1 << 16), b"")))
    os.close(reader)
    return count


def failed(words, error: int) -> int:
    """The status of a command that fails with a system error: bpftool's is that error."""
    return -error & 0xFF if words[0] == "bpftool" else 3


def shown(folder) -> dict[str, bytes]:
    """The files that a user has, hidden ones too."""
    return {name: data for name, data in files(folder).items() if not name.endswith(".journal")}


@pytest.mark.parametrize("name", COMMANDS)
def test_killed(fresh, capsys, name) -> None:
    """After SIGKILL before any call that changes files, files are old or new, and the next run gives what one run gives."""
    words = COMMANDS[name]
    before = fresh("whole")
    old = shown(before)
    assert run(capsys, *words).status in (0, 1)
    whole = shown(before)
    fresh("counted")
    count = steps_of(words)
    assert count, "a command that changes no file"
    chosen = random.Random(name)
    for step in sorted(chosen.sample(range(1, count + 1), min(count, 5))):
        folder = fresh(f"at-{step}")
        status, _ = in_child(killing(step), words)
        assert status in (-signal.SIGKILL, 0, 1), step
        for path, data in shown(folder).items():
            if not path.rpartition("/")[2].startswith(".btfkit-"):
                assert data in (old.get(path), whole.get(path)), f"{path} is neither old nor new at step {step}"
        assert run(capsys, *words).status in (0, 1), step
        assert shown(folder) == whole, step
        shutil.rmtree(folder)


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("name", COMMANDS)
def test_disk_full(fresh, name, unnamed) -> None:
    """A file that cannot be written whole is named; the old one is whole, and nothing else is left."""
    words = COMMANDS[name]
    folder = fresh("full")
    if "--in-place" not in words and words != COMMANDS["pahole -J"]:
        target = folder / "out"
        if name in (
            "min -m",
            "min --archive",
            "encode PACKAGES",
            "extract DIRECTORY",
            "distill",
            "reconcile",
            "dedup",
            "sort",
            "sanitize",
        ):
            target.mkdir()
            target = target / "old"
        target.write_bytes(b"old")
    old = shown(folder)

    def prepare() -> None:
        if not unnamed and hasattr(os, "O_TMPFILE"):
            del os.O_TMPFILE
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    status, said = in_child(prepare, words)
    assert status == failed(words, errno.EFBIG), said
    assert "File too large" in said
    assert "Traceback" not in said
    assert ".tmp" not in said
    for line in said.splitlines():
        if "File too large" in line:
            assert any(part in line for part in ("out", "base", *words)), said
    assert shown(folder) == old


@pytest.fixture
def disk(made, tmp_path, monkeypatch):
    """A file system of its own with the inputs and no room for more: a copy of the inputs, and a file that takes what is left."""
    if os.geteuid() or not shutil.which("mount"):
        lacks("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    size = sum(-(-len(data) // 4096) for data in files(made).values()) + 64
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={4 * size}k", "none", str(folder)], capture_output=True
    ).returncode:
        lacks("mount")
    try:
        shutil.copytree(made, folder, dirs_exist_ok=True)
        with open(folder / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        monkeypatch.chdir(folder)
        yield folder
    finally:
        monkeypatch.chdir(tmp_path)
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_space_left(disk, capsys, name) -> None:
    """A file system that is full: the error names the file, nothing half-written is left, and with room the next run succeeds."""
    words = COMMANDS[name]
    old = shown(disk)
    status, said = in_child(lambda: None, words)
    assert status == failed(words, errno.ENOSPC), said
    lines = [line for line in said.splitlines() if "No space left on device" in line]
    assert lines, said
    assert "Traceback" not in said
    assert ".tmp" not in said
    for line in lines:
        assert any(part in line for part in ("out", "base", *words)), said
    assert shown(disk) == old
    (disk / "filler").unlink()
    assert run(capsys, *words).status in (0, 1)
