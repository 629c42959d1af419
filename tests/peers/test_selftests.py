"""`check` beside a real load of the BPF programs of the kernel's selftests (tools/selftests.sh), each of them alone.

No program "works" that is rejected for a reason that BTF shows, and none "breaks" that loads, except for those listed.  The
running kernel is asked about all of them, and Debian's in QEMU (`make vm`) about programs that this machine may not load.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from selftest_reasons import IN_BTF, TRAMPOLINES, reason_of
from test_check_peers import VMLINUX, judge

from btfkit import load
from btfkit.btf.btf import Btf
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.constants import version_range
from btfkit.programs.verdict import BREAKS, ProgramFinding
from needs import lacks
from peer_tools import bench, peers_dir, without_libbpf

pytestmark = pytest.mark.slow

FOLDER = os.path.join(peers_dir(), "selftests", "objects")
# Objects that are not loaded: what they do to the kernel.
NOT_LOADED = {"verifier_bounds.bpf.o": "the verifier of Linux 6.18 reports a bug of its own in the kernel's log"}
# Programs that load although they are said to break: why.
LOADED = {
    ("core_kern.bpf.o", "balancer_ingress"): "guarded by a constant that user space may set",
    (
        "test_core_extern.bpf.o",
        "handle_sys_enter",
    ): "guarded by CONFIG_MISSING, which only the kernel's configuration answers",
    ("timer_interrupt.bpf.o", "test_timer_interrupt"): "guarded by CONFIG_PREEMPT_RT, likewise",
}
# What these attach to is only looked up when they are attached, and they are loaded here.
ATTACHED_LATER = (
    "raw_tp",
    "raw_tracepoint",
    "raw_tp.w",
    "raw_tracepoint.w",
    "raw_tp.s",
    "raw_tracepoint.s",
    "tp",
    "tracepoint",
)
ON_ATTACHING = {"no-attach-target", "no-argument"}
TRAMPOLINE_PROGRAMS = ("fentry", "fexit", "fmod_ret", "lsm", "fsession")


class Row(NamedTuple):
    """A program of an object, the breaking findings of `check`, and what came of loading it."""

    object: str
    program: str
    section: str
    breaks: tuple[ProgramFinding, ...]
    said: dict[str, Any]

    @property
    def is_explained(self) -> bool:
        """Whether it may load although it is said to break."""
        later = self.section.partition("/")[0] in ATTACHED_LATER and {f.reason for f in self.breaks} <= ON_ATTACHING
        return later or (self.object, self.program) in LOADED

    def __str__(self) -> str:
        end = (self.said["last"] or self.said["libbpf"])[-160:]
        findings = [finding.detail for finding in self.breaks[:2]]
        return f"{self.object}: {self.program} ({self.section}): {findings}: {self.said['error']} {end}"


def objects() -> list[str]:
    """The paths of the objects."""
    if not os.path.isdir(FOLDER):
        lacks("selftests")
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".bpf.o") and name not in NOT_LOADED)
    return [os.path.join(FOLDER, name) for name in names]


def rows(paths: list[str], vmlinux: Btf, release: str, said: dict[tuple[str, str], dict[str, Any]]) -> Iterator[Row]:
    """A row for each program of the objects that has been loaded; `said` is by object and program."""
    target = Target(vmlinux)
    for path in paths:
        name = os.path.basename(path)
        checks = Checks(load_code(path))
        for check, verdict in zip(checks.programs, checks.verdicts(target, version_range(release)), strict=True):
            answer = said.get((name, check.name)) or said.get((name, ""))
            if answer is not None:
                breaks = tuple(finding for finding in verdict.findings if finding.effect == BREAKS)
                yield Row(name, check.name, check.program.attach, breaks, answer)


def compare(found: list[Row]) -> Counter[str]:
    """Fails where `check` is wrong; else how many programs there are of each reason."""
    wrong = [str(row) for row in found if not row.breaks and row.said["error"] and reason_of(row.said) == IN_BTF]
    wrong += [str(row) for row in found if row.breaks and not row.said["error"] and not row.is_explained]
    assert not wrong, "\n".join(wrong)
    tally: Counter[str] = Counter()
    for row in found:
        if row.breaks:
            tally["breaks, rejected" if row.said["error"] else "breaks, loaded: listed"] += 1
        else:
            tally[f"works, rejected: {reason_of(row.said)}" if row.said["error"] else "works, loaded"] += 1
    print("", *(f"{count:5} {what}" for what, count in tally.most_common()), sep="\n")
    return tally


@functools.cache
def loaded_here() -> list[Row]:
    """All programs on the kernel of this machine."""
    paths = objects()
    said = {}
    for start in range(0, len(paths), 50):
        part = paths[start : start + 50]
        lines = judge()(part)
        said.update(((os.path.basename(part[number]), program), line) for (number, program), line in lines.items())
    return list(rows(paths, load(VMLINUX), os.uname().release, said))


def test_verdicts_beside_the_running_kernel():
    tally = compare(loaded_here())
    assert tally["works, loaded"] > 1000
    assert tally["breaks, rejected"] > 200


def test_listed_programs_are_needed():
    """Each that is listed does load, and is said to break."""
    needed = {(row.object, row.program) for row in loaded_here() if row.breaks and not row.said["error"]}
    there = {(row.object, row.program) for row in loaded_here() if reason_of(row.said) != TRAMPOLINES}
    assert {place for place in LOADED if place in there} <= needed


@functools.cache
def static_loader() -> bytes:
    """load_programs.c as a program that needs no libraries."""
    with bench("gcc") as b:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load_programs.c")
        where = ["-O2", "-static", b.put("load_programs.c", source), "-o", b.path("load_programs")]
        without_libbpf(b.run([*where, "-lbpf", "-lelf", "-lz", "-lzstd"]))
        program = b.get("load_programs")
        assert program is not None
        return program


@pytest.mark.parametrize("role", ["old", "now", "new"])
def test_trampolines_beside_other_kernels(role):
    """Programs for fentry, fexit and LSM hooks, which the running kernel may not load, on Debian's 6.1, 6.12 and sid's."""
    from machine import boot, require_kernel, root

    kernel = require_kernel(role)
    chosen = []
    for path in objects():
        programs = [program for code in load_code(path) for program in code.programs]
        if any(program.attach.startswith(TRAMPOLINE_PROGRAMS) for program in programs):
            chosen.append(path)
    places = (kernel.modules / "config", root() / "boot" / f"config-{kernel.release}")
    config = next(place for place in places if place.exists())  # libbpf reads it
    files = {"load": static_loader(), "config": config.read_bytes()}
    for path in chosen:
        with open(path, "rb") as file:
            files[f"objects/{os.path.basename(path)}"] = file.read()
    sections = " ".join(TRAMPOLINE_PROGRAMS)
    script = "mkdir -p /boot && cp /in/config /boot/config-$(uname -r)\n"
    script += f"cd /in/objects && chmod +x /in/load && SECTIONS='{sections}' /in/load - *.bpf.o > /out/said"
    run = boot(kernel, script, files, memory=2048, timeout=3000)
    assert run.status == 0, run
    lines = [json.loads(line) for line in run.out["said"].decode().splitlines()]
    said = {(line["object"], line["program"]): line for line in lines}
    tally = compare(list(rows(chosen, kernel.btf, kernel.release, said)))
    assert tally["works, loaded"] > 100
    assert not tally[f"works, rejected: {TRAMPOLINES}"]
