"""Measures whole processes side by side: wall time, CPU time and peak memory of each.

A machine is never idle, so each round runs every command once, in an order that changes from round to round, and medians
are compared; CPU time (user and system, of the finished process) is shown next to wall time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterable


class Failed(Exception):
    """A measured command failed; the text is its error message."""


class Cost:
    """The cost of the runs of one command: lists of `wall` and `cpu` (seconds) and `peak` (MiB), one entry per run."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.peak: list[float] = []

    def median(self, what: str) -> float:
        return statistics.median(getattr(self, what))

    def as_dict(self) -> dict[str, object]:
        return {"runs": len(self.wall), "wall_s": self.wall, "cpu_s": self.cpu, "peak_mib": self.peak}


def environment() -> dict[str, str]:
    """The environment without the variables that affect Python: in particular, .pyc files must be written and used."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Spawner:
    """The small process that starts and reaps the measured processes, in the chroot `root` if given.

    It enters the chroot itself, once, so that the processes it starts there cost what they cost without one.
    """

    def __init__(self, root: str = "") -> None:
        self.root = root
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", os.path.join(here, "spawn.py"), *filter(None, [root])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def run(self, argv: list[str], output: str = "") -> tuple[float, float, float]:
        """(wall, CPU, peak memory) of one run; raises Failed.

        `output`: the file it writes, removed first: overwriting a file makes ext4 flush the new one, which costs
        milliseconds.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\0".join([output, *argv]) + "\n")
        self.process.stdin.flush()
        status, wall, user, system, peak = self.process.stdout.readline().split()
        if status != "0":
            enter = ["chroot", self.root] if self.root else []
            again = subprocess.run([*enter, *argv], capture_output=True, env=environment(), check=False)
            raise Failed(f"status {status}: {again.stderr.decode(errors='replace').strip()[-300:]}")
        return float(wall), float(user) + float(system), int(peak) / 1024

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def side_by_side(
    commands: dict[str, tuple[Spawner, list[str]]], runs: int, outputs: Iterable[str] = ()
) -> dict[str, Cost]:
    """Runs `runs` rounds of all `commands` after one warm-up round; raises Failed.

    Each is a spawner and its words; a word that is one of `outputs` is the file that it writes.
    """
    costs = {name: Cost() for name in commands}
    names = list(commands)
    for number in range(-1, runs):
        at = number % len(names)
        for name in names[at:] + names[:at]:
            spawner, argv = commands[name]
            inside = {path.removeprefix(spawner.root) for path in outputs}
            wall, cpu, peak = spawner.run(argv, next((word for word in argv if word in inside), ""))
            if number >= 0:
                costs[name].wall.append(wall)
                costs[name].cpu.append(cpu)
                costs[name].peak.append(peak)
    return costs
