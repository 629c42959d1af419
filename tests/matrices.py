"""Matrices of kernels and programs for tests, as large as one likes, without any BTF."""

from __future__ import annotations

import random

from btfkit.fleet.keys import Key
from btfkit.fleet.matrix import Column, Hint, Matrix, Program, ReadSite
from btfkit.programs.verdict import ProgramFinding, Verdict

SERIES = (
    ("amzn", "2", "x86_64"),
    ("debian", "12", "arm64"),
    ("debian", "12", "x86_64"),
    ("fedora", "34", "x86_64"),
    ("ubuntu", "20.04", "arm64"),
    ("ubuntu", "20.04", "x86_64"),
)
VERSIONS = ((4, 14), (4, 18), (4, 19), (5, 4), (5, 8), (5, 10), (5, 15), (6, 1), (6, 8))


def made(kernels: int, programs: int, seed: int = 1, names: tuple[str, ...] = ()) -> Matrix:
    """A matrix in which programs break on old kernels, are guarded there, or cannot attach here and there.

    `names` (hostile ones) are given to whatever has a name, in turn.
    """
    chance = random.Random(seed)
    columns = [_column(number, kernels, chance, names) for number in range(kernels)]
    rows = [_program(number, names) for number in range(programs)]
    matrix = Matrix(rows, columns, list(dict.fromkeys(row.object for row in rows)))
    for number, column in enumerate(columns):
        version = VERSIONS[number * len(VERSIONS) // kernels]
        matrix.put(number, [_verdict(row, version, chance, rows[row], column) for row in range(programs)])
    matrix.settle()
    for row in rows[:2]:
        hint = Hint(kernels // 2, kernels - 1, frozenset(("x86_64",)))
        hint.notes.append((0, f"struct task_struct has {names[0] if names else 'other'} (int) in its place"))
        matrix.hints[row.object, row.places[0].access] = hint
    return matrix


def _column(number: int, kernels: int, chance: random.Random, names: tuple[str, ...]) -> Column:
    distro, release, arch = SERIES[number % len(SERIES)]
    major, minor = VERSIONS[number * len(VERSIONS) // kernels]
    uname = f"{major}.{minor}.0-{number}-{distro}"
    if names and number % 3 == 0:
        uname = f"{major}.{minor}.0-{number}{names[number % len(names)]}"
        distro = names[(number + 1) % len(names)]
    return Column(Key(distro, release, arch, uname), uname, uname)


def _program(number: int, names: tuple[str, ...]) -> Program:
    hostile = names[number % len(names)] if names else ""
    places = {
        relocation: ReadSite(
            f"fn_{number}{hostile}",
            "tp_btf/x",
            relocation,
            f"((struct task_struct *)0)->member_{relocation}{hostile}",
            "byte_off",
            f"prog{number // 6}.bpf.c",
            100 + relocation,
            3,
            f"int value = BPF_CORE_READ(task, member_{relocation}); {hostile}",
        )
        for relocation in range(4)
    }
    name = f"handle_{number}{hostile}"
    return Program(f"prog{number // 6}{hostile}", name, f"tp_btf/event_{number}", number % 13 == 5, places)


def _verdict(row: int, version: tuple[int, int], chance: random.Random, program: Program, column: Column) -> Verdict:
    old = version < (5, row % 16)
    if old and row % 3 == 0:
        missing = range(1 + chance.randrange(2))
        return Verdict(
            tuple(
                ProgramFinding("breaks", "no-member", f"struct task_struct has no member 'member_{n}'", n)
                for n in missing
            )
        )
    if old and row % 3 == 1:
        return Verdict(
            (ProgramFinding("works, guarded", "no-member", "struct task_struct has no member 'member_0'", 0),)
        )
    if row % 3 == 2 and chance.random() < 0.02:
        detail = f"no tracepoint {program.section}"
        return Verdict((ProgramFinding("breaks", "no-attach-target", detail, subject=program.section),))
    return Verdict(())
