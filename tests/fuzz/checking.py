"""Targets of the fuzzer: programs broken in their instructions, symbols, relocations and types, on a kernel.

The law, besides a result or a `BtfError`: every program has a verdict, its findings point at places that are there, and all of it
can be written as text, Markdown and JSON.
"""

from __future__ import annotations

import functools
import json
from random import Random

import mutate
import seeds
from case import Case

import check_inputs
from btfkit.btf.btf import Btf


@functools.cache
def programs() -> list[bytes]:
    """Whole objects."""
    with open(check_inputs.GUARDS, "rb") as file:
        guards = file.read()
    return [guards, *(data for _, data in seeds.programs())]


@functools.cache
def kernels() -> list[bytes]:
    """Small kernels, with and without what the programs look for, and what the scenes are about."""
    made = [check_inputs.kernel(*names) for names in ((), (check_inputs.MEMBER,), ("btfkit_other", "one_more"))]
    return made + [chain[0] for chain, _ in seeds.scenes()[:20] if isinstance(chain[0], bytes)]


def make_check(r: Random) -> Case:
    """A kernel and an object: whole, its types or records broken, or any bytes of it."""
    data = r.choice(programs())
    how = r.random()
    if how < 0.25:
        data = mutate.program(r, data)
    elif how < 0.9:
        data = mutate.elf(r, data) if r.random() < 0.3 else _bytes(r, data)
    kernel = r.choice(kernels())
    if r.random() < 0.3:
        kernel = mutate.btf(r, kernel)
    return Case("check", [kernel, data])


def _bytes(r: Random, data: bytes) -> bytes:
    """A few bytes changed, most of them within instructions."""
    out = bytearray(data)
    spots = _code(data) if r.random() < 0.8 else []
    for _ in range(r.randrange(1, 12)):
        start, size = r.choice(spots) if spots else (0, len(out))
        at = start + r.randrange(size)
        out[at] = r.choice((r.randrange(256), 0x85, 0x18, 0x05, 0x95, 0xBF, 0x7B, 0x79, out[at] ^ 1 << r.randrange(8)))
    return bytes(out)


def _code(data: bytes) -> list[tuple[int, int]]:
    """Where the instructions lie, and the relocations and symbols."""
    from btfkit.files.elf import Elf

    wanted = (1, 2, 9)  # PROGBITS, SYMTAB, REL
    sections = [
        s for s in Elf(data).sections if s.type in wanted and s.size and not s.name.startswith((".BTF", ".debug"))
    ]
    return [(section.offset, section.size) for section in sections]


def run_check(case: Case) -> None:
    from btfkit.co_re.target import Target
    from btfkit.files.container import read_objects
    from btfkit.fleet import report
    from btfkit.fleet.check import matrix_of
    from btfkit.fleet.keys import Key
    from btfkit.fleet.matrix import Column
    from btfkit.programs.checks import Checks
    from btfkit.programs.code import read_code
    from btfkit.programs.verdict import STATUSES

    kernel, data = case.parts
    target = Target(Btf.from_bytes(kernel, source="kernel"))
    codes = [read_code(found) for found in read_objects(data, "object")]
    checks = Checks(codes)
    verdicts = checks.verdicts(target)
    assert len(verdicts) == len(checks.programs), "a program without a verdict"
    for check, verdict in zip(checks.programs, verdicts, strict=True):
        assert verdict.status in STATUSES
        for finding in verdict.findings:
            assert finding.relocation < len(check.code.object.relocations), "a finding about no relocation"
    matrix = matrix_of(codes, [Column(Key("", "", "", "kernel"), "kernel", "kernel")])
    matrix.put(0, verdicts)
    matrix.settle()
    failures = list(matrix.failures())
    assert all(line.isprintable() for line in report.text_lines(matrix, every=True)), "a line that does not print"
    assert all("\n" not in line for line in report.markdown_lines(matrix, len(failures)))
    found = json.loads(json.dumps(report.as_dict(matrix, failures)))
    assert set(report.read_baseline(found).values()) <= set(STATUSES)


TARGETS = {"check": (8, make_check)}
RUN = {"check": run_check}
