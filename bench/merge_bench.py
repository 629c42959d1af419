"""Merging a kernel with all its modules, and sorting one, compared with libbpf's calls in a C process inside the chroot.

libbpf has no merge.  Either btf-oracle combines everything into one BTF, with its own code, for libbpf to add and dedup,
because the result must not depend on a base; or merge_peer.c adds every module to a split on vmlinux and dedups that, and the
result stays split. All are whole processes, including reading and writing files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inputs import Missing
from rows import Row

if TYPE_CHECKING:
    from measure import Cost
    from run import Bench

HERE = os.path.dirname(os.path.abspath(__file__))


def merge(bench: Bench) -> Iterator[Row]:
    """vmlinux and all modules in one BTF."""
    from measure import side_by_side

    kernel, folder = bench.corpus.kernel(), bench.corpus.modules()
    count = len(os.listdir(folder))
    commands = {"ours": (bench.spawner, bench.ours("merge", kernel, folder, "-o", bench.out("merged.btf"), "-q"))}
    root = bench.peer.root if bench.peer is not None else ""
    for side, words in _peers(bench, root, kernel, folder).items() if root else ():
        commands[side] = bench.peers_spawner, [word.removeprefix(root) for word in words]
    costs = side_by_side(commands, max(3, bench.runs // 6), bench.outputs)
    bench.samples["merge"] = {side: cost.as_dict() for side, cost in costs.items()}
    work = f"merge of vmlinux and {count:,} modules, cold process"
    yield from _rows(costs, ("flatten", "dedup"), work, "libbpf: into one BTF, add, dedup", 0.5)
    yield from _rows(
        costs, ("split",), "  the same, compared with a split", "libbpf: add, dedup; stays split on vmlinux", None
    )


def _rows(costs: dict[str, Cost], peers: tuple[str, ...], work: str, note: str, ratio: float | None) -> Iterator[Row]:
    """btfkit compared with the sum of some processes of the peer."""
    there = all(side in costs for side in peers)
    for what, unit, factor, limit in (
        ("wall", "ms", 1e3, ratio),
        ("cpu", "ms", 1e3, ratio),
        ("peak", "MiB", 1, ratio and 1.5),
    ):
        total = max if what == "peak" else sum
        other = factor * total(costs[side].median(what) for side in peers) if there else None
        label = {"wall": work, "cpu": "  its CPU time", "peak": "  its peak memory"}[what]
        yield Row(
            label, unit, factor * costs["ours"].median(what), other, ratio=limit, note=note if there else "no libbpf"
        )


def _peers(bench: Bench, root: str, kernel: str, folder: str) -> dict[str, list[str]]:
    """libbpf's commands: one BTF without a base, by two calls of btf-oracle, and a split, by merge_peer.c."""
    found = {}
    flat, out = bench.out("merged.flat.btf"), bench.out("merged.peer.btf")
    if os.access(os.path.join(root, "lab", "bin", "btf-oracle"), os.X_OK):
        modules = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        found["flatten"] = ["/lab/bin/btf-oracle", "flatten", flat, kernel, *modules]
        found["dedup"] = ["/lab/bin/btf-oracle", "dedup", out, flat]
        bench.outputs.discard(flat)  # the second reads it
    if program := _peer(bench, root):
        found["split"] = [program, bench.out("merged.split.btf"), kernel, folder]
    return found


def _peer(bench: Bench, root: str) -> str:
    """The compiled merge_peer.c, or "" if the chroot has no compiler or no libbpf."""
    source, program = bench.out("merge_peer.c"), bench.out("merge_peer")
    shutil.copyfile(os.path.join(HERE, "merge_peer.c"), source)
    inside = [path.removeprefix(root) for path in (program, source)]
    done = subprocess.run(
        ["chroot", root, "cc", "-O2", "-o", inside[0], inside[1], "-lbpf"], capture_output=True, check=False
    )
    bench.outputs -= {source, program}
    return program if done.returncode == 0 else ""


def sort(bench: Bench) -> Iterator[Row]:
    """Sorting the types of a vmlinux by name."""
    from measure import side_by_side

    kernel = bench.corpus.kernel()
    commands = {"ours": (bench.spawner, bench.ours("sort", kernel, "-o", bench.out("sorted.btf"), "-q"))}
    root = bench.peer.root if bench.peer is not None else ""
    oracle = os.path.join(root, "lab", "bin", "btf-oracle")
    if root and os.access(oracle, os.X_OK):
        words = ["/lab/bin/btf-oracle", "permute-sort", bench.out("sorted.peer.btf"), kernel]
        commands["peer"] = bench.peers_spawner, [word.removeprefix(root) for word in words]
    elif not root:
        raise Missing("the chroot of the peers does not exist")
    costs = side_by_side(commands, max(3, bench.runs // 3), bench.outputs)
    bench.samples["sort"] = {side: cost.as_dict() for side, cost in costs.items()}
    peer = costs.get("peer")
    for what, label in (("wall", "sort of a vmlinux by name, cold process"), ("cpu", "  its CPU time")):
        other = None if peer is None else 1e3 * peer.median(what)
        yield Row(label, "ms", 1e3 * costs["ours"].median(what), other, note="libbpf: btf__permute")


ROWS = {"merge": merge, "sort": sort}
