"""Modules of one release of Debian's kernel on another: as they are, distilled, and reconciled.

BTFKIT_VM_MODULES says how many are tried (24; 0 is all of those that need no other module)."""

from __future__ import annotations

import os

import pytest
from distribution import harmless, modules
from judge import verdicts
from machine import require_kernel

from btfkit.cli import DONE, FAILED, main
from btfkit.file_ops.module_on_kernel import TAKES, WRONG, judge, read_module
from btfkit.judges.reconciled import compare
from btfkit.passes.reconcile import reconcile

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("BTFKIT_VM_MODULES", "24"))
ALWAYS = ("cuse",)  # holds a struct by value that has grown between 6.12.107 and 6.12.117


def test_modules_of_another_release(tmp_path) -> None:
    kernel, built = require_kernel("now"), require_kernel("before")
    old, new, plain = tmp_path / "old.btf", tmp_path / "new.btf", tmp_path / "plain"
    old.write_bytes(built.btf.to_bytes())
    new.write_bytes(kernel.btf.to_bytes())
    plain.mkdir()
    found = list(modules(built))
    step = max(1, len(found) // COUNT) if COUNT else 1
    for path in [path for i, path in enumerate(found) if i % step == 0 or path.name.startswith(ALWAYS)]:
        (plain / path.name.removesuffix(".xz")).write_bytes(harmless(path.read_bytes()))
    distilled, ready = tmp_path / "distilled", tmp_path / "ready"
    assert main(["distill", str(plain), "-B", str(old), "-o", str(distilled), "-q"]) == DONE
    assert main(["reconcile", str(distilled), "-B", str(new), "-o", str(ready), "-q"]) in (DONE, FAILED)
    files = {
        f"{path.stem}-{folder.name}": path.read_bytes()
        for folder in (plain, distilled, ready)
        for path in sorted(folder.glob("*.ko"))
    }
    there = verdicts(kernel, files, force=True, timeout=max(300, 3 * len(files)))
    taken = {name for name, verdict in there.items() if verdict.btf is not None}
    for name, verdict in there.items():
        if "Unknown symbol" in verdict.messages:  # of the kernel's code, and no matter of BTF
            continue
        assert verdict.loaded, (name, verdict)
        module, _, folder = name.rpartition("-")
        path = tmp_path / folder / f"{module}.ko"
        read = read_module(str(path))
        answer = judge(read, kernel.btf)
        assert (name in taken) == (answer.verdict in (TAKES, WRONG)), (name, answer.reason, verdict)
        if name not in taken:
            continue
        if folder == "distilled":
            assert read.split is not None
            assert reconcile(read.split, kernel.btf, rules="upstream").btf.to_bytes() == verdict.btf, name
            before = read_module(str(plain / path.name), built_with=str(old)).old
            assert before is not None
            same = compare(before, verdict.on(kernel.btf), contents="none")  # definitions are the kernels' own
            assert same, (name, same.differences[:3])
        elif folder == "ready":
            assert read.blob == verdict.btf, name
    fitting = {name.rpartition("-")[0] for name in taken if name.endswith("-ready")}
    assert fitting == {name.rpartition("-")[0] for name in taken if name.endswith("-distilled")}
    assert len(fitting) >= 0.8 * len(list(plain.iterdir()))
