"""The real inputs (`../shared/corpus`, or `$BTFKIT_CORPUS`): kernels, their modules, BPF objects as shipped.

Archives are unpacked on first use into `$XDG_CACHE_HOME/btfkit-tests` (or ~/.cache/btfkit-tests, or a temporary
folder). Every function but `corpus_dir` skips the calling test, with the reason, where there is no corpus."""

from __future__ import annotations

import functools
import os
import tarfile
import tempfile

import pytest


def corpus_dir() -> str:
    """Where the corpus should be: `$BTFKIT_CORPUS`, or ../shared/corpus beside the repository's root."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ.get("BTFKIT_CORPUS") or os.path.join(os.path.dirname(root), "shared", "corpus")


def has_corpus() -> bool:
    """Whether the corpus is there, for a skipif mark."""
    return os.path.isdir(os.path.join(corpus_dir(), "hub"))


def require_corpus() -> str:
    """The corpus folder; skips the calling test where there is none."""
    if not has_corpus():
        pytest.skip(f"no corpus at {corpus_dir()} (set BTFKIT_CORPUS)")
    return corpus_dir()


@functools.cache
def cache_dir() -> str:
    """A folder that outlives the test run, made if need be."""
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


def kernel_arch(name: str) -> str:
    """The architecture folder of a kernel: x86_64, arm64, ppc64el, riscv64 or s390x (big-endian)."""
    require_corpus()
    return os.path.basename(os.path.dirname(_hub()[name]))


def _publish(path: str, data: bytes) -> None:
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(fd, "wb") as f:
        f.write(data)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def kernel_path(name: str) -> str:
    """The unpacked vmlinux BTF of a kernel, as a file to read, not to write."""
    require_corpus()
    archive = _hub()[name]
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
        pytest.skip(f"the corpus has no modules of {kernel}")
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                found[os.path.basename(member.name).removesuffix(".btf")] = stream.read()
    return dict(sorted(found.items()))


def objects() -> dict[str, str]:
    """The paths of the BPF objects, by file name."""
    folder = os.path.join(require_corpus(), "objects")
    return {name: os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".bpf.o")}


def object_bytes(name: str) -> bytes:
    """One BPF object."""
    with open(os.path.join(require_corpus(), "objects", name), "rb") as f:
        return f.read()
