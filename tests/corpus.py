"""The corpus of real inputs, `$BTFKIT_CORPUS` or what `make corpus` has made: kernels, modules, BPF objects as distributed.

Archives are unpacked on first use into `$XDG_CACHE_HOME/btfkit-tests` (or ~/.cache/btfkit-tests, or a temporary
directory). If there is no corpus, every function except `corpus_dir` skips the calling test, with the reason."""

from __future__ import annotations

import functools
import os
import tarfile
import tempfile
from collections.abc import Iterable

from needs import lacks

DEFAULT = os.path.expanduser("~/.cache/btfkit-corpus")  # what `make corpus` makes


def corpus_dir() -> str:
    """The directory of the corpus, `$BTFKIT_CORPUS` or the one of `make corpus`, whether it exists or not."""
    return os.environ.get("BTFKIT_CORPUS") or DEFAULT


def has_corpus() -> bool:
    """Whether there is a corpus, for a skipif mark."""
    return os.path.isdir(os.path.join(corpus_dir(), "hub"))


def require_corpus() -> str:
    """The directory of the corpus; skips the calling test if there is none."""
    if not has_corpus():
        lacks("corpus")
    return corpus_dir()


@functools.cache
def cache_dir() -> str:
    """A directory that outlives the test run, created if it does not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(home, "btfkit-tests")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError:
        path = tempfile.mkdtemp(prefix="btfkit-tests-")
    return path


@functools.cache
def _hub() -> dict[str, str]:
    found = {}
    for folder, _, names in os.walk(os.path.join(corpus_dir(), "hub")):
        for name in names:
            if name.endswith(".btf.tar.xz"):
                found[name.removesuffix(".btf.tar.xz")] = os.path.join(folder, name)
    return dict(sorted(found.items()))


def kernels() -> list[str]:
    """The names of all kernels (`uname -r`), sorted; empty (no skip) without a corpus, for use in parametrize."""
    return list(_hub())


def some_kernels() -> list[str]:
    """`kernels`, but in the plain form, where a whole kernel takes long, only the newest and a big-endian one."""
    if not os.environ.get("BTFKIT_PURE") or os.environ.get("BTFKIT_EXHAUSTIVE"):
        return kernels()
    return [name for name in kernels() if name == kernels()[-1] or name.endswith("s390x")]


def kernel_arch(name: str) -> str:
    """The architecture of a kernel: x86_64, arm64, ppc64el, riscv64 or s390x (big-endian)."""
    return os.path.basename(os.path.dirname(_archive(name)))


def _archive(name: str) -> str:
    require_corpus()
    return _hub().get(name) or lacks("corpus-more", name)


def _publish(path: str, data: bytes) -> None:
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(fd, "wb") as f:
        f.write(data)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def kernel_path(name: str) -> str:
    """The unpacked vmlinux BTF of a kernel, as a file to read, not to write."""
    archive = _archive(name)
    stamp = os.stat(archive)
    path = os.path.join(cache_dir(), f"{name}.{stamp.st_size}.{int(stamp.st_mtime)}.btf")
    if not os.path.exists(path):
        with tarfile.open(archive) as tar:
            member = next(m for m in tar if m.isfile())
            stream = tar.extractfile(member)
            assert stream is not None
            _publish(path, stream.read())
    return path


@functools.lru_cache(maxsize=4)
def kernel_btf(name: str) -> bytes:
    """The vmlinux BTF of a kernel."""
    with open(kernel_path(name), "rb") as f:
        return f.read()


@functools.lru_cache(maxsize=1)
def modules(kernel: str) -> dict[str, bytes]:
    """The split BTF of each module of a kernel, by module name; skips where the corpus has none of that kernel."""
    archive = os.path.join(require_corpus(), "modules", kernel + ".tar.xz")
    if not os.path.exists(archive):
        lacks("corpus-more", f"modules of {kernel}")
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                found[os.path.basename(member.name).removesuffix(".btf")] = stream.read()
    return dict(sorted(found.items()))


def debug_modules() -> tuple[str, dict[str, str]]:
    """Modules with DWARF as a debug package has them: the path of their kernel's BTF, and those of the modules by name.

    From the corpus that `make corpus` has made if `$BTFKIT_CORPUS` has none.
    """
    places = (os.path.join(above, "debug") for above in (corpus_dir(), DEFAULT))
    folder = next(
        (folder for place in places for folder, _, names in os.walk(place) if "vmlinux.btf.xz" in names), None
    )
    if folder is None:
        lacks("debug")
    found = {name.removesuffix(".ko.xz"): os.path.join(folder, name) for name in sorted(os.listdir(folder))}
    return found.pop("vmlinux.btf.xz"), found


def objects() -> dict[str, str]:
    """The paths of the BPF objects, by file name."""
    folder = os.path.join(require_corpus(), "objects")
    return {name: os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".bpf.o")}


def some(names: Iterable[str], kernel: str) -> list[str]:
    """All of the names for the newest kernel, every third for another, each time others; all with $BTFKIT_EXHAUSTIVE."""
    number = (kernels()[::-1]).index(kernel)
    every = 1 if number == 0 or os.environ.get("BTFKIT_EXHAUSTIVE") else 3
    return sorted(names)[number % every :: every]


def object_bytes(name: str) -> bytes:
    """One BPF object."""
    with open(os.path.join(require_corpus(), "objects", name), "rb") as f:
        return f.read()
