"""The rows for `layout`, `diff` and `find`, compared with pahole if it has a counterpart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from inputs import Missing
from measure import Cost, side_by_side
from rows import Row

if TYPE_CHECKING:
    from run import Bench

OLDER, OLD = "6.12.94+deb13-amd64", "6.1.0-47-amd64"
STRUCT = "task_struct"


def compare(bench: Bench, name: str, runs: int, ours: list[str], theirs: list[str]) -> dict[str, Cost]:
    """Runs btfkit and pahole alternately; there is no cost of pahole if it is missing."""
    root = bench.peer.root if bench.peer is not None else ""
    commands = {"ours": (bench.spawner, bench.ours(*ours))}
    program = "/usr/bin/pahole" if root and os.path.exists(root + "/usr/bin/pahole") else shutil.which("pahole")
    if program is not None and theirs:
        words = [word.removeprefix(root) for word in theirs] if root else theirs
        commands["peer"] = (bench.peers_spawner, [program, *words])
    costs = side_by_side(commands, runs, bench.outputs)
    bench.samples[name] = {side: cost.as_dict() for side, cost in costs.items()}
    return costs


def rows(work: str, costs: dict[str, Cost], limit: float | None) -> Iterator[Row]:
    """Wall and CPU time, and peak memory."""
    figures = (("wall", work, "ms", 1e3), ("cpu", "  its CPU time", "ms", 1e3), ("peak", "  its peak memory", "MiB", 1))
    for what, label, unit, factor in figures:
        other = factor * costs["peer"].median(what) if "peer" in costs else None
        note = "" if other is not None or limit is None else "no pahole"
        ratio = limit if what != "peak" else None
        yield Row(label, unit, factor * costs["ours"].median(what), other, ratio=ratio, note=note)


def layout_one(bench: Bench) -> Iterator[Row]:
    """One struct, a cold process."""
    path = bench.corpus.kernel()
    theirs = ["-F", "btf", "-C", STRUCT, path]
    costs = compare(bench, "layout-one", bench.runs, ["layout", path, STRUCT], theirs)
    yield from rows(f"layout of {STRUCT}, cold process (pahole)", costs, 0.4)


def layout_all(bench: Bench) -> Iterator[Row]:
    """Every struct and union of a kernel."""
    path = bench.corpus.kernel()
    costs = compare(bench, "layout-all", max(5, bench.runs // 4), ["layout", path], ["-F", "btf", path])
    yield from rows("layout of every struct (pahole)", costs, 1.0)


def layout_sizes(bench: Bench) -> Iterator[Row]:
    """Size and number of holes of every struct and union."""
    path = bench.corpus.kernel()
    words = ["layout", path, "--sizes"]
    costs = compare(bench, "layout-sizes", max(5, bench.runs // 4), words, ["-F", "btf", "--sizes", path])
    yield from rows("layout --sizes of every struct (pahole)", costs, 0.6)


def layout_names(bench: Bench) -> Iterator[Row]:
    """A thousand structs by name: their numbers."""
    import btfkit

    path = bench.corpus.kernel()
    names = list(dict.fromkeys(one.name for one in btfkit.load(path).types("STRUCT") if one.name))
    words = ["layout", "--sizes", path, *names[:: max(1, len(names) // 1000)][:1000]]
    yield from rows("layout --sizes of 1,000 names", compare(bench, "layout-names", bench.runs // 4, words, []), None)


def diff(bench: Bench) -> Iterator[Row]:
    """Two whole kernels; status 1 means that they differ, so the command runs in a shell."""
    new = bench.corpus.kernel()
    for label, other in (("two builds of one version", OLDER), ("6.1 and 6.12", OLD)):
        try:
            words = [*bench.ours("diff"), bench.corpus.kernel(other), new, "-o", "/dev/null"]
        except Missing as error:
            yield Row(f"diff of {label}", "ms", note=str(error))
            continue
        command = ["/bin/sh", "-c", '"$@"; test $? = 1', "sh", *words]
        costs = side_by_side({"ours": (bench.spawner, command)}, max(3, bench.runs // 8))
        bench.samples[f"diff {other}"] = {"ours": costs["ours"].as_dict()}
        yield from rows(f"diff of {label}", costs, None)


def find(bench: Bench) -> Iterator[Row]:
    """Finding a name among all types, members and enumerators; finding what uses a struct."""
    path = bench.corpus.kernel()
    for label, words in (
        ("find a name", ["find", path, "skc_family"]),
        ("find by a glob, all kinds", ["find", path, "tcp_*"]),
        ("find --users of sk_buff", ["find", path, "--users", "struct sk_buff"]),
        ("offset of a member", ["offset", path, "task_struct.pid"]),
    ):
        costs = compare(bench, label, max(5, bench.runs // 4), words, [])
        yield from list(rows(label, costs, None))[:2]


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "layout-one": layout_one,
    "layout-all": layout_all,
    "layout-sizes": layout_sizes,
    "layout-names": layout_names,
    "diff": diff,
    "find": find,
}
