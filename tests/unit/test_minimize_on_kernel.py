"""The kernel of this machine takes what `minimize` writes (BPF_BTF_LOAD); skipped where it may not be asked."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.header import NATIVE
from btfkit.btf_file import load
from btfkit.co_re.program import load_objects
from btfkit.errors import UnsupportedError
from btfkit.judges.kernel import kernel_rules
from btfkit.judges.load_kernel import load_into_kernel
from btfkit.passes.minimize import minimize
from needs import lacks

DATA = Path(__file__).resolve().parent.parent / "data"
PROGRAMS = [[path] for path in sorted(DATA.glob("*.bpf.o"))] + [sorted(DATA.glob("*.bpf.o"))]


@functools.cache
def vmlinux():
    return load(DATA / "vmlinux-6.12.107+deb13-amd64.btf.xz")


@pytest.fixture(autouse=True)
def kernel_may_be_asked() -> None:
    b = Builder(order=NATIVE)
    b.int("int", 4)
    if vmlinux().byte_order != NATIVE:
        lacks("platform", "little-endian bytes, as the kernel of the tests has")
    try:
        load_into_kernel(b.to_bytes())
    except UnsupportedError:
        lacks("load", "to load BTF")


def is_taken(btf) -> None:
    verdict = load_into_kernel(btf.to_bytes())
    assert verdict.ok, verdict.log
    assert not [finding for finding in kernel_rules(btf) if finding.severity == "error"]


@pytest.mark.parametrize("paths", PROGRAMS, ids=lambda paths: "+".join(path.name for path in paths))
def test_what_programs_read(paths) -> None:
    objects = [obj for path in paths for obj in load_objects(str(path))]
    small = minimize(vmlinux(), objects).btf
    assert 1 < len(small) < 200
    is_taken(small)


@pytest.mark.parametrize("closure", ["direct", "by-value", "full"])
def test_what_is_asked_for_by_name(closure) -> None:
    small = minimize(vmlinux(), keep_types=["struct task_struct"], keep_funcs=["tcp_v4_connect"], closure=closure).btf
    assert small.find("struct task_struct").size == vmlinux().find("struct task_struct").size
    is_taken(small)
