"""The programs of tests/bpf/verdicts as libbpf and the kernel of this machine see them; their names say what should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cases import HERE
from test_check_peers import VMLINUX, judge

from btfkit import load
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.constants import version_range
from btfkit.programs.symbol_table import read_symbol_table
from btfkit.programs.verdict import BREAKS
from needs import lacks

FOLDER = os.path.join(HERE, "verdicts")
READ_ONLY = ("misreads.bpf.o", "user_space.bpf.o")
NAMES = sorted(name for name in os.listdir(FOLDER) if name.endswith(".bpf.o") and name not in READ_ONLY)


@pytest.mark.parametrize("name", NAMES)
def test_programs_as_the_kernel_sees_them(name):
    path = os.path.join(FOLDER, name)
    said = judge()([path])
    checks = Checks(load_code(path))
    symbols = read_symbol_table(Path("/proc/kallsyms").read_bytes(), checks.symbols, "/proc/kallsyms")
    verdicts = checks.verdicts(Target(load(VMLINUX)), version_range(os.uname().release), symbols)
    for check, verdict in zip(checks.programs, verdicts, strict=True):
        breaks = verdict.status == BREAKS
        assert breaks == (not check.name.startswith("ok_")), (check.name, verdict)
        loads = said.get((0, check.name), {"error": -1})["error"] == 0  # an object that is not opened has no programs
        if check.name.startswith("ok_") and said[0, check.name]["error"] == -1 and name.startswith("trampolines"):
            lacks("load", "to load programs for fentry and fexit")
        assert loads == (not check.name.startswith(("bad_", "rarely"))), said.get((0, check.name))
