"""Verdicts of kernels that share them, on their way to the matrix."""

from __future__ import annotations

import os
import pickle

from bpf import cases
from btfkit.btf.build import Builder
from btfkit.co_re.target import Target
from btfkit.fleet.pieces import Judge
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.constants import version_range

OBJECTS = [os.path.join(cases.HERE, "guards", "guards.el.bpf.o"), os.path.join(cases.HERE, "verdicts", "weak.bpf.o")]


def kernel(*members):
    b = Builder()
    number = b.int("int", 4, encoding=1)
    b.struct("task_struct", 64, [(name, number, 32 * at) for at, name in enumerate(members)])
    b.func("vfs_read", b.func_proto(number, []), linkage=1)
    return b.build()


def checks():
    return Checks([code for path in OBJECTS for code in load_code(path)])


def test_pieces_are_the_verdicts_of_each_kernel():
    judge = Judge(checks())
    seen = [(("pid",), "6.1"), (("pid", "tgid"), "6.1"), (("pid",), "6.1"), (("pid",), "5.4"), (("pid",), "6.1")]
    for members, version in [*seen, *seen]:
        pieces = judge.pieces(Target(kernel(*members)), version_range(version))
        found = [verdict for piece in pieces for verdict in pickle.loads(piece)]
        assert found == checks().verdicts(Target(kernel(*members)), version_range(version))


def test_an_identical_kernel_is_not_judged_again(monkeypatch):
    judge = Judge(checks())
    first = [judge.pieces(Target(kernel("pid")), version_range("6.1")) for _ in range(2)][-1]
    monkeypatch.setattr(judge.checks, "verdicts", None)
    assert judge.pieces(Target(kernel("pid")), version_range("6.1")) is first
