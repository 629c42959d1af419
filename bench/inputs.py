"""Inputs of the benchmarks: the real kernels, modules and BPF objects of the corpus, and the real bpftool.

The corpus is `$BTFKIT_CORPUS` or what `make corpus` has made; its archives are unpacked into a temporary directory.
bpftool is `$BTFKIT_BPFTOOL`, the one in the chroot that `make peers` creates (`$PEERS` or ~/.cache/btfkit-peers),
or the one in PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from glob import glob

KERNEL = "6.12.107+deb13-amd64"
OBJECT = "opensnoop-libbpf.bpf.o"


class Missing(Exception):
    """An input or a peer is missing; the text names it."""


class Corpus:
    """The corpus; files are unpacked below `folder` on demand."""

    def __init__(self, folder: str) -> None:
        self.place = os.environ.get("BTFKIT_CORPUS") or os.path.expanduser("~/.cache/btfkit-corpus")
        self.folder = folder

    def kernel(self, name: str = KERNEL) -> str:
        """The path of a raw vmlinux BTF."""
        found = glob(os.path.join(self.place, "hub", "*", "*", "*", f"{name}.btf.tar.xz"))
        if not found:
            raise Missing(f"the corpus ($BTFKIT_CORPUS) has no {name}")
        path = os.path.join(self.folder, name + ".btf")
        if not os.path.exists(path):
            with tarfile.open(found[0]) as tar:
                stream = next(filter(None, (tar.extractfile(member) for member in tar)))
                with open(path, "wb") as out:
                    shutil.copyfileobj(stream, out)
        return path

    def kernels(self) -> list[str]:
        """The paths of all vmlinux BTFs for amd64."""
        found = sorted(glob(os.path.join(self.place, "hub", "*", "*", "x86_64", "*.btf.tar.xz")))
        if not found:
            raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
        return [self.kernel(os.path.basename(path).removesuffix(".btf.tar.xz")) for path in found]

    def object(self) -> str:
        """The path of the one BPF object."""
        return self._here(os.path.join(self.place, "objects", OBJECT))

    def objects(self) -> list[str]:
        """The paths of the objects of libbpf-tools, about sixty."""
        found = sorted(glob(os.path.join(self.place, "objects", "*-libbpf.bpf.o")))
        if not found:
            raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
        return [self._here(path) for path in found]

    def _here(self, source: str) -> str:
        """A copy of a file of the corpus that a peer in a chroot can read too."""
        path = os.path.join(self.folder, os.path.basename(source))
        if not os.path.exists(source):
            raise Missing(f"the corpus ($BTFKIT_CORPUS) has no {os.path.basename(source)}")
        if not os.path.exists(path):
            shutil.copyfile(source, path)
        return path

    def modules(self, name: str = KERNEL) -> str:
        """A directory with the raw split BTF of every module of a kernel."""
        archive = os.path.join(self.place, "modules", name + ".tar.xz")
        if not os.path.exists(archive):
            raise Missing(f"the corpus ($BTFKIT_CORPUS) has no modules of {name}")
        folder = os.path.join(self.folder, "modules-" + name)
        if not os.path.isdir(folder):
            os.mkdir(folder)
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.isfile():
                        with open(os.path.join(folder, os.path.basename(member.name)), "wb") as out:
                            shutil.copyfileobj(tar.extractfile(member), out)
        return folder


class Bpftool:
    """The `command` that runs bpftool, the chroot `root` it runs in (or empty), `how` it is started, and its `version`."""

    def __init__(self, command: list[str], how: str, root: str = "") -> None:
        self.command = command
        self.how = how
        self.root = root
        enter = ["chroot", root] if root else []
        said = subprocess.run([*enter, *command, "version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"bpftool v([\d.]+)", said)
        self.version = found[1] if found else ""

    def __call__(self, *args: str) -> list[str]:
        """The words of a call; paths below the chroot are translated to paths inside it."""
        return [*self.command, *(arg.removeprefix(self.root) for arg in args)]


def bpftool() -> Bpftool:
    """The real bpftool, 7.5 or later; raises Missing."""
    for arguments in _bpftools():
        try:
            tool = Bpftool(*arguments)
        except OSError:
            continue
        if tool.version and tuple(map(int, tool.version.split(".")[:2])) >= (7, 5):
            return tool
    raise Missing("bpftool 7.5 or later not found")


def _bpftools() -> Iterator[tuple[list[str], str, str]]:
    """Candidates: $BTFKIT_BPFTOOL, the chroot (entered if root, otherwise through its own dynamic loader), PATH."""
    if chosen := os.environ.get("BTFKIT_BPFTOOL"):
        yield [chosen], "from $BTFKIT_BPFTOOL", ""
    root = os.path.join(os.environ.get("PEERS") or os.path.expanduser("~/.cache/btfkit-peers"), "root")
    binary = os.path.join(root, "usr", "sbin", "bpftool")
    if os.path.exists(binary):
        if os.geteuid() == 0:
            yield ["/usr/sbin/bpftool"], "started inside its chroot", root
        libraries = ":".join(sorted(glob(os.path.join(root, "usr", "lib", "*-linux-*"))))
        for loader in sorted(glob(os.path.join(root, "lib*", "ld-linux*.so.*"))):
            yield [loader, "--library-path", libraries, binary], "through its own dynamic loader (costs 0.5 ms)", ""
    in_path = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if in_path:
        yield [in_path], "from PATH", ""
