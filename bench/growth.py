"""Doubles the work of every command and reports how its cost grows: `make growth`, or

    .venv/bin/python bench/growth.py [--only TEXT]... [--fast] [--all]

Each scenario is a command on an input of hostile or large shape and size n (`growth_shapes.py`).  n is doubled until a run
takes long enough to be measured; the exponent is the logarithm of the ratio of costs for four times the work, to base 4: 1 is
linear, 2 quadratic.  The cost is the CPU time of the whole process, without that of the smallest input.  What a command must
write counts as work: if its output grows faster than n, as n names of n characters do, its exponent is compared with that of the
output.  Exit status 1 if an exponent is above the limit.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator

import growth_shapes as shapes

from btfkit.btf.btf import Btf

LIMIT = 1.15
SMALLEST, LARGEST = 4, 1 << 16
MEASURABLE = 0.25  # seconds of CPU beyond those of the smallest input
SECONDS = 60  # of CPU, after which a command is stopped
MEMORY = 3 << 30

Words = list[str]


class Scenario:
    """`name`, and `make`: fills a directory for size n and returns the words of the command; OUT is where it writes."""

    def __init__(self, name: str, make: Callable[[str, int], Words], largest: int = LARGEST) -> None:
        self.name = name
        self.make = make
        self.largest = largest


class Point:
    """One run: `n`, the CPU time in seconds, the bytes that were written, the exit status (or that of a signal, negative)."""

    def __init__(self, n: int, cpu: float, written: int, status: int) -> None:
        self.n, self.cpu, self.written, self.status = n, cpu, written, status


def run(words: Words, folder: str) -> tuple[float, int, int]:
    """(CPU time, bytes written, exit status) of btfkit with these words; its text goes to a file."""
    program = os.path.join(sysconfig.get_path("scripts"), "btfkit")
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    text = os.path.join(folder, "text")
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            to = os.open(text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(to, 1)
            os.dup2(to, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.execv(program, [program, *words])
        finally:
            os._exit(127)  # it could not be started
    _, status, used = os.wait4(child, 0)
    written = os.path.getsize(text)
    for place, _, names in os.walk(out):
        written += sum(os.path.getsize(os.path.join(place, name)) for name in names)
    if os.path.isfile(out):
        written += os.path.getsize(out)
        os.unlink(out)
    return used.ru_utime + used.ru_stime, written, os.waitstatus_to_exitcode(status)


def measure(scenario: Scenario, n: int, times: int = 1) -> Point:
    """The cheapest of several runs."""
    with tempfile.TemporaryDirectory(prefix="btfkit-growth-") as folder:
        words = scenario.make(folder, n)
        runs = [run(words, folder) for _ in range(times)]
    cpu, written, status = min(runs)
    return Point(n, cpu, written, status)


class Growth:
    """How one scenario grows: the `points` and the exponents of the cost and of what is written."""

    def __init__(self, scenario: Scenario, fast: bool) -> None:
        self.floor = measure(scenario, SMALLEST, 2)
        n = 256
        while True:
            self.last = measure(scenario, n)
            cost = self.last.cpu - self.floor.cpu
            if cost > MEASURABLE or self.last.status < 0 or n >= scenario.largest:
                break
            n = min(n * (8 if cost < MEASURABLE / 16 else 2), scenario.largest)
        self.first = measure(scenario, n // 4, 2)
        self._settle()
        if not fast and self.excess > 0 and self.last.status >= 0:  # was it noise?
            self.first = measure(scenario, self.first.n, 5)
            self.last = measure(scenario, self.last.n, 3 if self.last.cpu < 3 else 1)
            self._settle()

    def _settle(self) -> None:
        base = math.log(self.last.n / self.first.n)
        first, last = (max(point.cpu - self.floor.cpu, 0.004) for point in (self.first, self.last))
        self.exponent = math.log(last / first) / base
        self.output = math.log(max(self.last.written, 1) / max(self.first.written, 1)) / base
        if last < MEASURABLE / 4:
            self.exponent = 0.0  # too quick to be measured at the largest size

    @property
    def excess(self) -> float:
        """By how much the exponent is above the limit."""
        return self.exponent - max(LIMIT, self.output + LIMIT - 1)

    def line(self, name: str) -> str:
        """One line of the table."""
        note = "" if self.last.status in (0, 1) else f"  status {self.last.status}"
        mark = "  <-- above the limit" if self.excess > 0 else ""
        exponent = f"{self.exponent:8.2f}" if self.exponent else "       -"
        cost = f"{self.last.n:7,} {self.last.cpu:8.2f} s {self.last.written:12,} B"
        return f"{name:46} {cost} {exponent} {self.output:8.2f}{note}{mark}"


# ---- scenarios -------------------------------------------------------------------------------------------------------


def put(folder: str, name: str, data: bytes) -> str:
    """Write a file below a directory; returns its name."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return name


ON_ONE: dict[str, Words] = {  # commands on one BTF
    "info": ["info", "v"],
    "verify": ["verify", "v", "--kernel", "--all"],
    "dump raw": ["dump", "v", "raw"],
    "dump json": ["dump", "v", "json"],
    "dump c": ["dump", "v", "c"],
    "dump c unsorted": ["dump", "v", "c", "--unsorted"],
    "dump c exact": ["dump", "v", "c", "--exact"],
    "find": ["find", "v", "*"],
    "find regex": ["find", "v", "/a.*b/"],
    "find users": ["find", "v", "--users", "*"],
    "layout": ["layout", "v", "-a"],
    "layout expand": ["layout", "v", "-a", "-E"],
    "layout json": ["layout", "v", "-a", "--json"],
    "layout html": ["layout", "v", "-a", "--html", "out"],
    "sort": ["sort", "v", "-o", "out"],
    "dedup": ["dedup", "v", "-o", "out"],
    "dedup report": ["dedup", "v", "-o", "out", "--report"],
    "merge": ["merge", "v", "m", "-o", "out"],
    "sanitize": ["sanitize", "v", "--for", "5.0", "-o", "out"],
    "sanitize names": ["sanitize", "v", "--no-names", "--no-dots", "-o", "out"],
    "extract": ["extract", "v", "-o", "out"],
    "diff same": ["diff", "v", "w"],
    "diff html": ["diff", "v", "w", "--html", "out"],
    "diff other": ["diff", "v", "x"],
    "distill": ["distill", "m", "-B", "v", "-o", "out/m", "--base-out", "out/b"],
    "distill by-value": ["distill", "m", "-B", "v", "-o", "out/m", "--base-out", "out/b", "--policy", "by-value"],
    "reconcile": ["reconcile", "d", "--distilled-base", "b", "-B", "v", "-o", "out"],
    "reconcile full": ["reconcile", "f", "--distilled-base", "g", "-B", "v", "-o", "out"],
    "explain": ["explain", "d", "--distilled-base", "b", "-B", "x"],
    "explain full": ["explain", "f", "--distilled-base", "g", "-B", "x", "--built-with", "v"],
    "min keep-refs": ["min", "-m", "m", "--keep-refs-of", "m", "-o", "out", "v", "names.o"],
    "dedup module": ["dedup", "m", "-B", "v", "-o", "out"],
    "verify module": ["verify", "m", "-B", "v", "--kernel"],
}


def on_one(shape: shapes.Shape, command: Words) -> Callable[[str, int], Words]:
    """A command on a BTF of one shape: `v`, its copy `w`, one more type in front `x`, a module `m` and that distilled."""

    def make(folder: str, n: int) -> Words:
        builder = shape(n)
        data = builder.to_bytes()
        put(folder, "v", data)
        if "w" in command:
            put(folder, "w", data)
        if "x" in command:
            smaller = shape(max(n - 1, 2)).to_bytes()
            put(folder, "x", smaller)
        if not {"m", "d", "f"}.isdisjoint(command):
            put(folder, "m", shapes.module(Btf.from_bytes(data), n))
        for split, base, policy in (("d", "b", "distilled"), ("f", "g", "full")):
            if split in command:
                run(
                    ["distill", "m", "-B", "v", "-o", split, "--base-out", base, "--policy", policy, "--no-verify"],
                    folder,
                )
        if "names.o" in command:
            put(folder, "names.o", shapes.asks_names(4))
        return command

    return make


def asked(shape: shapes.Shape, ask: Callable[[int], bytes], *command: str) -> Callable[[str, int], Words]:
    """A command on a BTF `v` and a BPF object `o`."""

    def make(folder: str, n: int) -> Words:
        put(folder, "v", shape(n).to_bytes())
        put(folder, "k/5.1.btf", shape(n).to_bytes())
        put(folder, "k/5.2.btf", shape(max(n // 2, 2)).to_bytes())
        put(folder, "o", ask(n))
        return list(command)

    return make


# "n types x n candidates" asks n different questions, each of which one candidate answers.  n different questions that all of n
# candidates answer (n types of one name that share n members) have n x n answers, each of which `min` keeps and compares, for any
# may differ: that is inherent, and no scenario here.
ASKED: dict[str, tuple[shapes.Shape, Callable[[int], bytes]]] = {
    "n members": (shapes.members, shapes.asks_members),
    "n offsets": (shapes.members, shapes.asks_offsets),
    "n missing members": (shapes.members, lambda n: shapes.asks_offsets(n, member="membre_%d")),
    "n missing members, others": (shapes.members, lambda n: shapes.asks_offsets(n, member="x%d_absent")),
    "n anonymous": (shapes.anonymous, lambda n: shapes.asks_offsets(n, "deep", "x%d")),
    "n anonymous unions": (shapes.anonymous_side_by_side, lambda n: shapes.asks_offsets(n, "wide", "b%d")),
    "n enumerators": (shapes.enumerators, shapes.asks_enumerators),
    "n missing enumerators": (lambda n: shapes.enumerators(max(n // 2, 2)), shapes.asks_enumerators),
    "n types x n candidates": (shapes.one_name, shapes.asks_types),
    "n names": (shapes.plain, shapes.asks_names),
    "n missing names": (shapes.one_name, shapes.asks_names),
}
ASKING: dict[str, Words] = {
    "min": ["min", "v", "out", "o"],
    "min report": ["min", "v", "out", "o", "--report", "all"],
    "relocs": ["relocs", "o", "-b", "v"],
    "check": ["check", "o", "--kernels", "k", "-j1"],
    "check html": ["check", "o", "--kernels", "k", "-j1", "--html", "out"],
    "dump type-of": ["dump", "v", "--type-of", "o", "c"],
    "diff used-by": ["diff", "v", "k/5.2.btf", "--used-by", "o"],
}


def many(*command: str) -> Callable[[str, int], Words]:
    """A command on n small modules `mods/N` of one kernel `v`, distilled in `dist`, and n kernels in `k`."""

    def make(folder: str, n: int) -> Words:
        kernel = shapes.plain(8)
        base = kernel.build()
        put(folder, "v", base.to_bytes())
        put(folder, "o", shapes.asks_names(4))
        put(folder, "names.o", shapes.asks_names(12))
        if "mods" in command or "dist" in command:
            for number in range(n):
                b = shapes.Builder(base)
                b.struct(f"own{number}", 16, [("s", b.ptr(4 + 2 * (number % 8)), 0), (f"x{number}", 1, 64)])
                put(folder, f"mods/m{number}.btf", b.to_bytes())
        if "dist" in command:
            run(["distill", "mods", "-B", "v", "-o", "dist", "-j1", "--no-verify"], folder)
        if not {"k", "bundle"}.isdisjoint(command):
            for number in range(n):
                b = shapes.plain(8)
                b.struct(f"k{number}", 4, [("x", 1, 0)])
                put(folder, f"k/debian/12/x86_64/5.{number // 50}.{number % 50}-amd64.btf", b.to_bytes())
        if "bundle" in command[1:]:
            run(["bundle", "create", "bundle", "k"], folder)
        return list(command)

    return make


MANY: dict[str, Callable[[str, int], Words]] = {
    "min -m": many("min", "-m", "mods", "-o", "out", "v", "o", "--all-modules"),
    "min --archive": many("min", "--archive", "k", "-o", "out", "o", "-j1"),
    "relocs -m": many("relocs", "o", "-b", "v", "-m", "mods"),
    "merge": many("merge", "v", "mods", "-o", "out"),
    "dedup": many("dedup", "mods", "-B", "v", "-o", "out", "-j1"),
    "sort -m": many("sort", "v", "-m", "mods", "-o", "out", "-j1"),
    "sanitize": many("sanitize", "mods", "-B", "v", "--for", "5.10", "-o", "out", "-j1"),
    "distill": many("distill", "mods", "-B", "v", "-o", "out", "-j1"),
    "reconcile": many("reconcile", "dist", "-B", "v", "-o", "out", "-j1"),
    "extract": many("extract", "mods", "-o", "out", "-j1"),
    "check": many("check", "names.o", "--kernels", "k", "-j1"),
    "check html": many("check", "names.o", "--kernels", "k", "-j1", "--html", "out"),
    "check json": many("check", "names.o", "--kernels", "k", "-j1", "--json"),
    "bundle create": many("bundle", "create", "out", "k"),
    "bundle create --archive": many("bundle", "create", "out", "--archive", "k", "o", "-j1"),
    "bundle list": many("bundle", "list", "bundle"),
    "bundle get": many("bundle", "get", "bundle", "5.0.1-amd64", "-o", "out"),
    "bundle lookup": many("bundle", "lookup", "bundle", "--uname", "5.0.1-amd64", "-o", "out"),
    "bundle verify": many("bundle", "verify", "bundle"),
}


def paths(folder: str, n: int) -> Words:
    put(folder, "v", shapes.members(n).to_bytes())
    return ["offset", "v", *(f"wide.member_{number}" for number in range(n))]


def scenarios() -> Iterator[Scenario]:
    """All of them; the names are "command: shape"."""
    for name, make in MANY.items():
        yield Scenario(f"{name}: many", make, 1 << 12)
    yield Scenario("offset: n members", paths, 1 << 13)
    for what, (shape, ask) in ASKED.items():
        for name, words in ASKING.items():
            yield Scenario(f"{name}: {what}", asked(shape, ask, *words), 1 << 14)
    for what, shape in shapes.SHAPES.items():
        for name, words in ON_ONE.items():
            yield Scenario(f"{name}: {what}", on_one(shape, words))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="How the cost of every command grows.")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="scenarios with this in their names"
    )
    parser.add_argument("--fast", action="store_true", help="measure once, and less")
    parser.add_argument("--all", action="store_true", help="print every scenario, not only those above the limit")
    args = parser.parse_args()
    chosen = [s for s in scenarios() if not args.only or any(text in s.name for text in args.only)]
    print(f"{'command: shape':46} {'n':>7} {'CPU':>10} {'written':>14} {'exponent':>8} {'written':>8}")
    began = time.monotonic()
    above = 0
    worst = 0.0
    for scenario in chosen:
        growth = Growth(scenario, args.fast)
        worst = max(worst, growth.exponent)
        above += growth.excess > 0
        if args.all or args.only or growth.excess > 0:
            print(growth.line(scenario.name), flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(chosen)} scenarios in {minutes:.0f} min: {above} above {LIMIT}, largest exponent {worst:.2f}")
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main())
