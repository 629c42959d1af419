"""Results depend neither on the order in which jobs end nor on the number of workers (`work.jobs.run` yields what ends first)."""

from __future__ import annotations

import lzma

import pytest
from cli_inputs import fill, put, run

from bpf import cases
from btfkit.work import jobs

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]

COMMANDS = [
    "check fields.bpf.o module.bpf.o --kernels tree --json",
    "check fields.bpf.o module.bpf.o --kernels tree",
    "offset item.in absent.x --kernels tree --json",
    "history item.in --kernels tree --json",
    "history item --kernels tree",
    "diff tree/mine/1/x86_64/6.2 tree/mine/1/x86_64/6.3 --json",
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    for release in range(1, 12):
        blob = A if release % 3 else B
        put(f"debian/12/x86_64/6.1.0-{release}-amd64.btf.xz", lzma.compress(blob))
    for uname, blob in (("6.2", A), ("6.3", B)):
        put(f"mine/1/x86_64/{uname}/vmlinux", blob)
        for name, module in MODULES.items() if blob is A else ():
            put(f"mine/1/x86_64/{uname}/{name}.ko.xz", lzma.compress(module))
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS)
def test_jobs_may_end_in_any_order(capsys, monkeypatch, words):
    first = run(capsys, *words.split())
    assert first.out, first.err
    in_order = jobs.run
    monkeypatch.setattr(jobs, "run", lambda *args, **kwargs: reversed(list(in_order(*args, **kwargs))))
    again = run(capsys, *words.split())
    assert (again.status, again.out) == (first.status, first.out)
