"""Verdicts on programs that read several types of one name: which are left depends on the programs that are loaded."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.target import Target
from btfkit.programs.code import load_code
from btfkit.programs.verdict import Checks
from objects import Program


def findings(tmp_path, reads):
    """[(effect, reason)] of programs in the sections of `reads`, which read those members of two structs s: one has x, one y."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0)])
    kernel.struct("s", 16, [("y", number, 64)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [("x", number, 0), ("y", number, 32)])
    program.sections, program.starts = [], []
    for section, members in reads.items():
        program.begin(section)
        for member in members:
            program.relo(k.BYTE_OFFSET, root, f"0:{'xy'.index(member)}")
    path = tmp_path / "made.bpf.o"
    path.write_bytes(program.elf())
    verdicts = Checks(load_code(str(path))).verdicts(Target(kernel.build()))
    return [[(finding.effect, finding.reason) for finding in verdict.findings] for verdict in verdicts]


BROKEN = [("breaks", "narrowed")]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ({"socket": "xy"}, [BROKEN]),
        ({"socket": "xx"}, [[]]),
        ({"socket": "x", "xdp": "y"}, [[], BROKEN]),  # libbpf has one list of candidates for an object
        ({"?socket": "x", "xdp": "y"}, [[], []]),  # the first program is not loaded
        ({"socket": "x", "?xdp": "y"}, [[], BROKEN]),
        ({"?socket": "x", "?xdp": "y"}, [[], BROKEN]),  # if both are
    ],
)
def test_candidates_that_are_left(tmp_path, reads, expected):
    assert findings(tmp_path, reads) == expected
