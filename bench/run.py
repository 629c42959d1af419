"""Runs the benchmarks, btfkit side by side with bpftool and other peers: `make bench`, or

    .venv/bin/python bench/run.py [--only NAME]... [--runs N] [--json FILE] [--phases]

Measures the btfkit installed for the interpreter that runs this.  docs/performance.md describes the method and has the results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import atlas_bench
import check_bench
import dedup_bench
import distill_bench
import dump_bench
import encode_bench
import fleet_bench
import kernels_bench
import layout_bench
import merge_bench
import serve_bench
import values_bench
from inputs import KERNEL, Bpftool, Corpus, Missing, bpftool
from measure import Cost, Failed, Spawner, environment, side_by_side
from rows import Row

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SCRIPT = """import sys
from btfkit.cli import entry
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(entry())
"""


class Bench:
    """What the rows need: the spawner, the inputs, the peer (or None), the number of runs; `samples` keeps every run."""

    def __init__(self, folder: str, runs: int, peer: Bpftool | None) -> None:
        self.folder = folder
        self.runs = runs
        self.spawner = Spawner()
        self.peer = peer
        self.peers_spawner = Spawner(peer.root) if peer is not None and peer.root else self.spawner
        self.no_peer = "" if peer is not None else "bpftool 7.5 or later not found"
        self.corpus = Corpus(folder)
        self.samples: dict[str, Any] = {}
        self.outputs: set[str] = set()

    def ours(self, *args: str) -> list[str]:
        """The command, started by a script as pip 26.3 writes it; that of pip 23.2 imports `re`, for 4 ms."""
        path = os.path.join(self.folder, "btfkit")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!{sys.executable}\n{SCRIPT}")
            os.chmod(path, 0o755)
        return [path, *args]

    def before(self, *args: str) -> list[str]:
        """The command of the build in $BTFKIT_BEFORE ("/path/python -m btfkit"); [] without one."""
        words = shlex.split(os.environ.get("BTFKIT_BEFORE", ""))
        return [*words, *args] if words else []

    def out(self, name: str) -> str:
        """The path of an output file."""
        path = os.path.join(self.folder, name)
        self.outputs.add(path)
        return path

    def compare(self, name: str, runs: int, ours: list[str], theirs: list[str], **more: list[str]) -> dict[str, Cost]:
        """Runs both (and `more`) alternately; without a peer, the result lacks its cost."""
        commands = {side: (self.spawner, words) for side, words in ({"ours": ours} | more).items()}
        if self.peer is not None and theirs:
            commands["peer"] = self.peers_spawner, self.peer(*theirs)
        costs = side_by_side(commands, runs, self.outputs)
        self.samples[name] = {side: cost.as_dict() for side, cost in costs.items()}
        return costs

    def inside(self, *args: str, python: str = sys.executable, plain: bool = False) -> dict[str, Any]:
        """The output of inside.py in a new interpreter; `plain`: with the plain files of this repository."""
        env = environment() | ({"PYTHONPATH": os.path.join(ROOT, "src")} if plain else {})
        argv = [python, os.path.join(HERE, "inside.py"), *args]
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip()[-300:])
        return json.loads(done.stdout)


def trio(bench: Bench, work: str, costs: dict[str, Cost], wall: float | None, memory: float | None) -> Iterator[Row]:
    """Wall time, CPU time and peak memory of one pair; limits are ratios."""
    ours, peer = costs["ours"], costs.get("peer")
    for what, unit, factor, limit in (("wall", "ms", 1e3, wall), ("cpu", "ms", 1e3, wall), ("peak", "MiB", 1, memory)):
        label = {"wall": work, "cpu": "  its CPU time", "peak": "  its peak memory"}[what]
        other = None if peer is None else factor * peer.median(what)
        yield Row(label, unit, factor * ours.median(what), other, ratio=limit, note="" if peer else bench.no_peer)


# ---- the rows --------------------------------------------------------------------------------------------------


def min_one(bench: Bench) -> Iterator[Row]:
    """`min` for one program, cold."""
    paths = bench.corpus.kernel(), bench.out("one.btf"), bench.corpus.object()
    theirs = ["gen", "min_core_btf", paths[0], bench.out("one.peer.btf"), paths[2]]
    costs = bench.compare("min-one", bench.runs, bench.ours("min", *paths), theirs)
    yield from trio(bench, "min, 1 program, 5 MB vmlinux, cold process", costs, 1.0, 1.0)


def min_running(bench: Bench) -> Iterator[Row]:
    """The same for the running kernel, whose BTF the kernel itself provides, one page at a time."""
    vmlinux = "/sys/kernel/btf/vmlinux"
    if not os.access(vmlinux, os.R_OK):
        raise Missing(f"{vmlinux} does not exist")
    obj = bench.corpus.object()
    theirs = ["gen", "min_core_btf", vmlinux, bench.out("running.peer.btf"), obj]
    costs = bench.compare("min-running", bench.runs, bench.ours("min", vmlinux, bench.out("running.btf"), obj), theirs)
    yield from trio(bench, f"the same, {vmlinux}", costs, 1.0, 1.0)


def min_many(bench: Bench) -> Iterator[Row]:
    """`min` for all programs of libbpf-tools at once, cold."""
    objects = bench.corpus.objects()
    ours = bench.ours("min", bench.corpus.kernel(), bench.out("many.btf"), *objects)
    theirs = ["gen", "min_core_btf", bench.corpus.kernel(), bench.out("many.peer.btf"), *objects]
    costs = bench.compare("min-many", max(3, bench.runs // 2), ours, theirs)
    yield from trio(bench, f"min, {len(objects)} programs at once", costs, 0.3, 1.0)


def kernels(bench: Bench) -> Iterator[Row]:
    """One program on many kernels in one process; the peer starts once for each kernel."""
    paths, obj = bench.corpus.kernels(), bench.corpus.object()
    ours: dict[str, list[float]] = {"wall": [], "cpu": []}
    theirs: dict[str, list[float]] = {"wall": [], "cpu": []}
    for _ in range(3):  # alternately
        said = bench.inside("kernels", str(bench.runs), obj, bench.out("kernels.btf"), *paths)
        for what in ours:
            ours[what] += said[what]
        if bench.peer is not None:
            out = bench.out("kernels.peer.btf")
            commands = {p: (bench.peers_spawner, bench.peer("gen", "min_core_btf", p, out, obj)) for p in paths}
            costs = side_by_side(commands, max(2, bench.runs // 4), bench.outputs)
            theirs["wall"].append(statistics.fmean(cost.median("wall") for cost in costs.values()))
            theirs["cpu"].append(statistics.fmean(cost.median("cpu") for cost in costs.values()))
    bench.samples["kernels"] = {"ours": ours, "peer": theirs}
    for what, label in (
        ("wall", f"min, 1 program, {len(paths)} kernels in 1 process, each"),
        ("cpu", "  its CPU time"),
    ):
        other = 1e3 * statistics.median(theirs[what]) if theirs[what] else None
        yield Row(label, "ms", 1e3 * statistics.median(ours[what]), other, ratio=0.1, note=bench.no_peer)


def import_(bench: Bench) -> Iterator[Row]:
    """`import btfkit`, in addition to a bare start of the same interpreter."""
    commands = {
        "ours": [sys.executable, "-I", "-c", "import btfkit"],
        "bare": [sys.executable, "-I", "-c", "pass"],
        "help": bench.ours("--help"),
    }
    costs = side_by_side({name: (bench.spawner, words) for name, words in commands.items()}, 2 * bench.runs)
    bench.samples["import"] = {name: cost.as_dict() for name, cost in costs.items()}
    bare, ours, help_ = (1e3 * costs[name].median("wall") for name in ("bare", "ours", "help"))
    yield Row(
        "import btfkit, in addition to bare Python", "ms", max(0.0, ours - bare), most=5, note=f"bare {bare:.1f} ms"
    )
    yield Row(
        "  the command's own start (--help)", "ms", max(0.0, help_ - bare), note="also in addition to bare Python"
    )


def load(bench: Bench) -> Iterator[Row]:
    """Read, scan and check a vmlinux in a running process."""
    path = bench.corpus.kernel()
    for form, plain, most in (("compiled", False, 5.0), ("plain", True, 100.0)):
        said = bench.inside("load", str(bench.runs), path, plain=plain)
        bench.samples["load-" + form] = said
        note = f"first time {1e3 * said['first']:.1f} ms"
        if said["compiled"] is plain:
            note = f"the {form} form is not installed"
        yield Row(f"load and scan a vmlinux, {form}", "ms", 1e3 * statistics.median(said["wall"]), most=most, note=note)


def modules(bench: Bench) -> Iterator[Row]:
    """All modules of a kernel: extract them, and minimize vmlinux with all of them present."""
    folder = bench.corpus.modules()
    count = len(os.listdir(folder))
    runs = max(3, bench.runs // 6)
    costs = bench.compare("extract", runs, bench.ours("extract", folder, "-o", bench.folder + "/extracted"), [])
    yield Row(f"extract {count:,} modules", "s", costs["ours"].median("wall"), most=2)
    yield Row("  its CPU time", "s", costs["ours"].median("cpu"), note="of all its processes")
    command = bench.ours("min", "-m", folder, "-o", bench.folder + "/min", bench.corpus.kernel(), bench.corpus.object())
    cost = bench.compare("min-modules", runs, command, [])["ours"]
    yield Row(f"min with {count:,} modules present", "s", cost.median("wall"), most=2)
    yield Row("  its CPU time", "s", cost.median("cpu"))
    yield Row("  its peak memory", "MiB", cost.median("peak"))


def verify(bench: Bench) -> Iterator[Row]:
    """The cost of the proof."""
    for name, objects in (("1 program", [bench.corpus.object()]), ("all programs", bench.corpus.objects())):
        paths = [bench.corpus.kernel(), bench.out("verify.btf"), *objects]
        costs = bench.compare(
            f"verify-{len(objects)}",
            bench.runs,
            bench.ours("min", *paths),
            [],
            without=bench.ours("min", "--no-verify", *paths),
        )
        proof = 1e3 * (costs["ours"].median("cpu") - costs["without"].median("cpu"))
        yield Row(f"min's proof, {name}: CPU in addition to --no-verify", "ms", max(0.0, proof))


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "min-one": min_one,
    "min-running": min_running,
    "min-many": min_many,
    "kernels": kernels,
    "import": import_,
    "load": load,
    "modules": modules,
    "verify": verify,
    **check_bench.ROWS,
    **distill_bench.ROWS,
    **fleet_bench.ROWS,
    **atlas_bench.ROWS,
    **kernels_bench.ROWS,
    **serve_bench.ROWS,
    **dedup_bench.ROWS,
    **dump_bench.ROWS,
    **encode_bench.ROWS,
    **layout_bench.ROWS,
    **merge_bench.ROWS,
    **values_bench.ROWS,
}


# ---- the whole -------------------------------------------------------------------------------------------------


def machine(bench: Bench) -> list[str]:
    """The machine, the builds and the peers."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    said = subprocess.run(bench.ours("--version"), capture_output=True, text=True, env=environment(), check=False)
    peer = f"bpftool {bench.peer.version}, {bench.peer.how}" if bench.peer else bench.no_peer
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"machine: {model}, {os.cpu_count()} CPUs, load {load}, {platform.system()} {platform.release()}",
        f"ours: {said.stdout.strip() or said.stderr.strip()}; peer: {peer}",
        f"medians of interleaved runs after a warm-up round; vmlinux: {KERNEL}",
    ]


def table(rows: list[Row]) -> str:
    """The rows, aligned."""
    lines = [["work", "ours", "peer", "ratio", "target", "met", ""], *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = (1, 2, 3)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def measured(bench: Bench, names: list[str]) -> Iterator[Row]:
    """The rows of `names`; a row that cannot be measured shows the reason."""
    for name in names:
        if sys.stderr.isatty():
            print(f"{name} ...", file=sys.stderr)
        try:
            yield from ROWS[name](bench)
        except (Missing, Failed, OSError) as error:
            yield Row(name, "", note=str(error))


def main() -> int:
    """Measures, prints the table, and exits with 0 regardless of the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=ROWS, help=f"{', '.join(ROWS)}; can be repeated"
    )
    parser.add_argument("--runs", metavar="N", type=int, default=30, help="rounds of the short rows (default: 30)")
    parser.add_argument("--json", metavar="FILE", help="also write every measurement")
    parser.add_argument("--phases", action="store_true", help="only show the CPU time of each phase of min")
    args = parser.parse_args()
    try:
        peer = bpftool()
    except Missing:
        peer = None
    place = os.path.join(peer.root, "tmp") if peer is not None and peer.root else None  # where both see it
    with tempfile.TemporaryDirectory(prefix="btfkit-bench-", dir=place) as folder:
        bench = Bench(folder, args.runs, peer)
        if args.phases:
            return phases(bench)
        rows = list(measured(bench, args.only or list(ROWS)))
        print("\n".join([*machine(bench), "", table(rows)]))
        if args.json:
            report = {"machine": machine(bench), "rows": [row.as_dict() for row in rows], "samples": bench.samples}
            with open(args.json, "w", encoding="utf-8") as out:
                json.dump(report, out, indent=1)
    return 0


def phases(bench: Bench) -> int:
    """Prints where the time of `min` goes: imports at start-up, then the work itself."""
    one, many = [bench.corpus.object()], bench.corpus.objects()
    print("start-up: imports, ms (less without -X importtime)")
    for name, (count, value) in imports(bench, ["min", bench.corpus.kernel(), bench.out("phases.btf"), *one]).items():
        print(f"  {value:6.2f}  {name}" + (f", {count}" if count > 1 else ""))
    for title, objects in (("1 program", one), ("all programs", many)):
        print(f"{title}: CPU time, ms")
        for name, value in bench.inside("phases", str(bench.runs), bench.corpus.kernel(), *objects).items():
            print(f"  {value:6.2f}  {name}")
    return 0


def imports(bench: Bench, args: list[str]) -> dict[str, tuple[int, float]]:
    """The output of `-X importtime` for a run of the command: (modules, ms, median of the runs) for each group of modules."""
    code = "import sys; from btfkit.cli import entry; sys.argv[0] = 'btfkit'; sys.exit(entry())"
    argv = [sys.executable, "-X", "importtime", "-c", code, *args]
    said: list[dict[str, list[float]]] = []
    for _ in range(bench.runs):
        lines = subprocess.run(argv, capture_output=True, text=True, env=environment(), check=True).stderr.splitlines()
        found: dict[str, list[float]] = {}
        started = False
        for line in lines:
            if not line.startswith("import time:") or "|" not in line or "self" in line:
                continue
            own, _, name = line.removeprefix("import time:").split("|")
            found.setdefault(_sort(name.strip(), started), []).append(int(own) / 1000)
            started = started or name.strip() == "site"
        said.append(found)
    return {
        sort: (len(times), statistics.median(sum(one.get(sort, [])) for one in said))
        for sort, times in said[-1].items()
    }


def _sort(name: str, started: bool) -> str:
    if not started:
        return "imports of every Python start"
    if name.startswith("btfkit.hot."):
        return "the loops (btfkit.hot.*)"
    if name.partition(".")[0] == "btfkit":
        return "the rest of btfkit"
    return "the standard library: " + ("collections and what it needs" if name in COLLECTIONS else "the others")


COLLECTIONS = (
    "collections",
    "collections.abc",
    "_collections",
    "itertools",
    "keyword",
    "operator",
    "_operator",
    "reprlib",
)


if __name__ == "__main__":
    sys.exit(main())
