"""The harness itself: what a script sees, what comes back of it."""

from __future__ import annotations

import hashlib
import subprocess

import machine
import pytest
from machine import boot, require_kernel

pytestmark = pytest.mark.slow

SCRIPT = """
uname -r
cat /in/deep/file
bpftool version | head -n 1
printf 'a\\000\\r\\n\\377' > /out/bytes
mkdir /out/folder; echo x > /out/folder/x
test -s /sys/kernel/btf/vmlinux && mount | grep -c -e tracefs -e 'type bpf'
cat /sys/kernel/btf/vmlinux | sha256sum | cut -d ' ' -f 1 > /out/sum
grep -o only.here /proc/cmdline
exit 3
"""


def test_a_boot() -> None:
    """Files go in and come out byte for byte; the vmlinux BTF taken from the vmlinuz is the one that the kernel shows."""
    kernel = require_kernel("old")
    run = boot(kernel, SCRIPT, {"deep/file": b"hello\n"}, tools=["bpftool"], arguments="only.here")
    lines = run.text.replace("\r", "").splitlines()
    assert lines[:2] == [kernel.release, "hello"], run
    assert lines[2].startswith("bpftool v")
    assert lines[3:] == ["2", "only.here"]
    assert run.status == 3
    assert run.out["bytes"] == b"a\0\r\n\xff"
    assert run.out["folder/x"] == b"x\n"
    assert run.out["sum"].decode().strip() == hashlib.sha256(kernel.btf.to_bytes()).hexdigest()
    assert "Linux version " + kernel.release in run.messages


def test_what_does_not_end_is_ended() -> None:
    kernel = require_kernel("old")
    with pytest.raises(subprocess.TimeoutExpired):
        boot(kernel, "sleep 1000", timeout=3)


def test_kernels_that_are_not_there_are_skipped(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("VM", str(tmp_path))
    machine.kernels.cache_clear()
    try:
        with pytest.raises(pytest.skip.Exception, match="make vm"):
            require_kernel("now")
    finally:
        monkeypatch.undo()
        machine.kernels.cache_clear()
