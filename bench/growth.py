"""Doubles the work of every command and reports how its cost grows: `make growth`, or

    .venv/bin/python bench/growth.py [--only TEXT]... [--skip TEXT]... [--fast] [--all]

Each scenario is a command on an input of hostile or large shape and size n (`growth_scenarios.py`).  n is doubled until a run
takes long enough to be measured; the exponent is the logarithm of the ratio of costs for four times the work, to base 4: 1 is
linear, 2 quadratic.  The costs are the CPU time and the peak memory of one process, without those of the smallest input; every
module has been imported when it starts.  CPU time also grows with what no longer fits the caches, and with other work on the
machine, so one measurement proves nothing: above the limit is what stays there when it is measured up to three times more, the
cheapest of several runs each time, first at the same sizes, then at larger ones.  If valgrind is there, it counts the
instructions of what is left, and these decide.  What a command must write counts as work: if its output grows faster than n, as
n names of n characters do, its exponents are compared with that of the output.  Exit status 1 if an exponent is above the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import math
import os
import pkgutil
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable

from growth_scenarios import Inputs, Scenario, scenarios

import btfkit
from btfkit import cli

LIMIT = 1.15
SMALLEST, FIRST, LARGEST = 4, 1 << 10, 1 << 16
MEASURABLE = 0.25  # seconds of CPU beyond those of the smallest input
MEASURABLE_PEAK = 48 << 10  # KiB beyond those of the smallest input; less may be memory that the process had free
AGAIN = 3  # how often a scenario above the limit is measured again
LONG = 3  # seconds of CPU above which a command is not run several times, nor on more
SECONDS = 60  # of CPU, after which a command is stopped
COUNTABLE = 1  # seconds of CPU up to which instructions are counted, which takes 40 times as long
MEMORY = 3 << 30


class Point:
    """One run: `n`, the CPU time in seconds, the peak memory in KiB, the bytes that were written, the exit status (or that of a
    signal, negative)."""

    def __init__(self, n: int, cpu: float, peak: int, written: int, status: int) -> None:
        self.n, self.cpu, self.peak, self.written, self.status = n, cpu, peak, written, status


def in_child(call: Callable[[], int], folder: str) -> tuple[int, resource.struct_rusage]:
    """Run a function in a child process, whose text goes to a file of that directory; returns its status and what it used."""
    child = os.fork()
    if child == 0:
        status = 127
        try:
            os.chdir(folder)
            to = os.open("text", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(to, 1)
            os.dup2(to, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            status = call()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used


def command(*words: str) -> int:
    """Run btfkit in this process as the program does."""
    sys.argv = ["btfkit", *words]
    return cli.entry()


def preload() -> None:
    """Import every module of btfkit, so that the runs do not."""
    for module in pkgutil.walk_packages(btfkit.__path__, "btfkit."):
        with contextlib.suppress(ImportError):  # an extra that is not installed
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _cpu(point: Point) -> float:
    return point.cpu


class Bench:
    """Runs scenarios; keeps the inputs of one group of scenarios, and what each command costs on the smallest input."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._group = ""
        self._floors: dict[tuple[str, ...], Point] = {}

    def run(self, scenario: Scenario, n: int, times: int = 1) -> Point:
        """The cheapest of several runs."""
        if scenario.group != self._group:
            for name in os.listdir(self.folder):
                shutil.rmtree(os.path.join(self.folder, name))
            self._group = scenario.group
        folder = os.path.join(self.folder, str(n))
        os.makedirs(folder, exist_ok=True)

        def make() -> int:
            scenario.inputs(Inputs(folder, n, lambda *words: cli.main(list(words))))
            return 0

        status, _ = in_child(make, folder)
        if status:
            with open(os.path.join(folder, "text"), encoding="utf-8", errors="replace") as file:
                sys.exit(f"{scenario.name}: the inputs for n = {n} could not be made:\n{file.read()[-2000:]}")
        words = scenario.words(n)
        points = [self._once(words, folder, n) for _ in range(times)]
        best = min(points, key=_cpu)
        best.peak = min(point.peak for point in points)
        return best

    def _once(self, words: list[str], folder: str, n: int) -> Point:
        out = self._room(words, folder)
        status, used = in_child(lambda: command(*words), folder)
        written = os.path.getsize(os.path.join(folder, "text"))
        for place, _, names in os.walk(out):
            written += sum(os.path.getsize(os.path.join(place, name)) for name in names)
        if os.path.isfile(out):
            written += os.path.getsize(out)
        return Point(n, used.ru_utime + used.ru_stime, used.ru_maxrss, written, status)

    @staticmethod
    def _room(words: list[str], folder: str) -> str:
        """Where the command writes, with nothing there."""
        out = os.path.join(folder, "out")
        if os.path.isfile(out):
            os.unlink(out)
        shutil.rmtree(out, ignore_errors=True)
        if any("out/" in word for word in words):
            os.mkdir(out)
        return out

    def instructions(self, scenario: Scenario, n: int) -> int:
        """The instructions of the whole process, counted by valgrind."""
        self.run(scenario, n)  # makes the inputs
        folder = os.path.join(self.folder, str(n))
        self._room(scenario.words(n), folder)
        counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        words = [*counter, sys.executable, "-m", "btfkit", *scenario.words(n)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        found = re.findall(r"I +refs: +([\d,]+)", done.stderr)
        return int(found[-1].replace(",", "")) if found else 0

    def floor(self, scenario: Scenario) -> Point:
        """What the command costs on the smallest input."""
        key = tuple(word for word in scenario.words(SMALLEST) if not word.startswith("wide."))
        if key not in self._floors:
            self._floors[key] = self.run(scenario, SMALLEST, 3)
        return self._floors[key]


class Growth:
    """How one scenario grows: the first and the `last` point, and the exponents of time, `memory` and `output`."""

    def __init__(self, bench: Bench, scenario: Scenario, fast: bool) -> None:
        self.floor = bench.floor(scenario)
        self.counted = 0.0  # exponent of the instructions
        self.largest = min(scenario.largest, LARGEST)
        n = min(FIRST, self.largest)
        while True:
            self.last = bench.run(scenario, n)
            cost = self.last.cpu - self.floor.cpu
            if cost > MEASURABLE or self.last.status < 0 or n >= self.largest:
                break
            wanted = MEASURABLE / max(cost, MEASURABLE / 16)
            n = min(n * (1 << max(1, math.ceil(math.log2(wanted)))), self.largest)
        self.first = bench.run(scenario, n // 4, 2)
        self._settle()
        if not fast:
            for turn in range(AGAIN):
                if self.excess <= 0 or not 0 <= self.last.status < 127:
                    return
                self._again(bench, scenario, larger=turn > 0)
            if self.excess > 0 and 0 <= self.last.status < 127:
                self._count(bench, scenario)

    def _again(self, bench: Bench, scenario: Scenario, larger: bool) -> None:
        """Measure once more, more thoroughly: the cheapest runs of these sizes, or, as far as that does not take long, sizes
        that are four times as large."""
        if larger and self.last.n < self.largest and self.last.cpu < LONG:
            self.first, self.last = self.last, bench.run(scenario, min(self.last.n * 4, self.largest), 2)
        else:
            few, many = self.first.n, self.last.n
            times = 3 if self.last.cpu < LONG else 1
            self.first = min(self.first, bench.run(scenario, few, 5), key=_cpu)
            self.last = min(self.last, bench.run(scenario, many, times), key=_cpu)
        self._settle()

    def _count(self, bench: Bench, scenario: Scenario) -> None:
        """Let the instructions decide: what does not grow is left out by comparing differences."""
        if not shutil.which("valgrind"):
            return
        n = self.last.n
        if self.last.cpu > COUNTABLE:
            n >>= math.ceil(math.log2(self.last.cpu / COUNTABLE))
        few, more, many = (bench.instructions(scenario, n // part) for part in (4, 2, 1))
        if few and few < more < many:
            self.counted = math.log2((many - more) / (more - few))

    def _settle(self) -> None:
        base = math.log(self.last.n / self.first.n)
        first, last = (max(point.cpu - self.floor.cpu, 0.004) for point in (self.first, self.last))
        self.time = math.log(last / first) / base
        self.output = math.log(max(self.last.written, 1) / max(self.first.written, 1)) / base
        if last < MEASURABLE / 4:
            self.time = 0.0  # too quick to be measured at the largest size
        few, many = (max(point.peak - self.floor.peak, 256) for point in (self.first, self.last))
        self.memory = math.log(many / few) / base if many > MEASURABLE_PEAK else 0.0

    @property
    def measured(self) -> bool:
        """Whether the command did its work: what ends with an error or a signal shows nothing."""
        return self.last.status in (0, 1)

    @property
    def excess(self) -> float:
        """By how much the larger exponent is above the limit."""
        return max(self.counted or self.time, self.memory) - max(LIMIT, self.output + LIMIT - 1)

    def line(self, name: str) -> str:
        """One line of the table."""
        note = "" if self.measured else f"  status {self.last.status}"
        note += f"  instructions {self.counted:.2f}" if self.counted else ""
        mark = "  <-- above the limit" if self.excess > 0 else ""
        time, memory = (f"{each:6.2f}" if each else "     -" for each in (self.time, self.memory))
        cost = f"{self.last.n:7,} {self.last.cpu:7.2f} s {self.last.peak / 1024:6.0f} MiB {self.last.written:12,} B"
        return f"{name:46} {cost} {time} {memory} {self.output:7.2f}{note}{mark}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="How the cost of every command grows.")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="scenarios with this in their names"
    )
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT", help="leave out those with this")
    parser.add_argument("--fast", action="store_true", help="measure once, and less")
    parser.add_argument("--all", action="store_true", help="print every scenario, not only those above the limit")
    args = parser.parse_args()
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    preload()
    chosen = [
        one
        for one in scenarios()
        if (not args.only or any(text in one.name for text in args.only))
        and not any(text in one.name for text in args.skip)
    ]
    print(f"{'':46} {'':7} {'':9} {'':10} {'':14} exponents")
    print(f"{'command: shape':46} {'n':>7} {'CPU':>9} {'peak':>10} {'written':>14} {'time':>6} memory written")
    began = time.monotonic()
    above = 0
    with tempfile.TemporaryDirectory(prefix="btfkit-growth-") as folder:
        bench = Bench(folder)
        largest = 0.0
        for scenario in chosen:
            growth = Growth(bench, scenario, args.fast)
            largest = max(largest, growth.counted or growth.time, growth.memory)
            above += growth.excess > 0
            if args.all or args.only or growth.excess > 0 or not growth.measured:
                print(growth.line(scenario.name), flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(chosen)} scenarios in {minutes:.0f} min: {above} above {LIMIT}, largest exponent {largest:.2f}")
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main())
