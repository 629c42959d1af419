"""The three output formats for a vmlinux compared with bpftool's, each written to a file by the shell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rows import Row

if TYPE_CHECKING:
    from run import Bench

TEXTS = (  # ours, bpftool's options and words, the target
    ("raw dump of a vmlinux to a file", ["raw"], [], [], 1.0),
    ("C dump", ["c"], [], ["format", "c"], 1.0),
    ("C dump, unsorted", ["c", "--unsorted"], [], ["format", "c", "unsorted"], 1.0),
    ("JSON dump", ["json"], ["-j"], [], 1.0),
    ("JSON dump, pretty", ["json", "--pretty"], ["-p"], [], 1.0),
)


def to_file(path: str, *words: str) -> list[str]:
    """A command whose output goes to a file."""
    return ["/bin/sh", "-c", 'out=$0; exec "$@" >"$out"', path, *words]


def dump(bench: Bench) -> Iterator[Row]:
    """raw, C and JSON, cold."""
    kernel = bench.corpus.kernel()
    root = bench.peer.root if bench.peer is not None else ""
    for work, ours, options, words, ratio in TEXTS:
        name = "-".join(["dump", *(word.strip("-") for word in ours)])
        theirs: list[str] = []
        if bench.peer is not None:
            command = bench.peer(*options, "btf", "dump", "file", kernel, *words)
            theirs = to_file(bench.out(f"{name}.peer").removeprefix(root), *command)
        costs = compare(bench, name, to_file(bench.out(name), *bench.ours("dump", kernel, *ours)), theirs)
        for what, unit, factor, limit in (
            ("wall", "ms", 1e3, ratio),
            ("cpu", "ms", 1e3, ratio),
            ("peak", "MiB", 1, None),
        ):
            label = {"wall": work, "cpu": "  its CPU time", "peak": "  its peak memory"}[what]
            peer = factor * costs["peer"].median(what) if "peer" in costs else None
            yield Row(label, unit, factor * costs["ours"].median(what), peer, ratio=limit, note=bench.no_peer)


def compare(bench: Bench, name: str, ours: list[str], theirs: list[str]):  # type: ignore[no-untyped-def]
    """Runs both alternately."""
    from measure import side_by_side

    commands = {"ours": (bench.spawner, ours)}
    if theirs:
        commands["peer"] = bench.peers_spawner, theirs
    costs = side_by_side(commands, max(5, bench.runs // 3), bench.outputs)
    bench.samples[name] = {side: cost.as_dict() for side, cost in costs.items()}
    return costs


def slim(bench: Bench) -> Iterator[Row]:
    """A header of a few types, and of a module."""
    kernel = bench.corpus.kernel()
    module = os.path.join(bench.corpus.modules(), sorted(os.listdir(bench.corpus.modules()))[0])
    for work, words in (
        ("slim header: task_struct, sk_buff", [kernel, "c", "--type", "task_struct", "--type", "sk_buff"]),
        ("slim header of a program", [kernel, "c", "--type-of", bench.corpus.object()]),
        ("C dump of a module with its base", [module, "c", "-B", kernel]),
    ):
        costs = compare(bench, work, to_file(bench.out("slim.h"), *bench.ours("dump", *words)), [])
        yield Row(work, "ms", 1e3 * costs["ours"].median("wall"))
        yield Row("  its CPU time", "ms", 1e3 * costs["ours"].median("cpu"))


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"dump": dump, "slim": slim}
