"""distill and reconcile compared with libbpf's calls in one C process (btf-oracle), on all modules of a kernel, and on files.

Whole processes are compared by CPU time: both read the same raw files, parse the base once, and drop each result.
$BTFKIT_KO_TREE may name a directory of real `.ko.xz` files of the same kernel (unpacked from its package).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from inputs import Missing
from measure import side_by_side
from rows import Row

if TYPE_CHECKING:
    from run import Bench

ONTO = "6.12.94+deb13-amd64"
HERE = os.path.dirname(os.path.abspath(__file__))


def oracle(bench: Bench) -> tuple[list[str], str]:
    """(the words that run btf-oracle in the chroot, the reason why it cannot run)."""
    place = os.path.join(os.environ.get("PEERS") or os.path.expanduser("~/.cache/btfkit-peers"), "bin", "btf-oracle")
    if bench.peer is None or not bench.peer.root or not os.path.exists(place):
        return [], "the peers' chroot has no btf-oracle"
    return ["/lab/bin/btf-oracle"], ""


def inside(*words: str) -> list[str]:
    return [sys.executable, os.path.join(HERE, "inside.py"), words[0], "1", *words[1:]]


class Pair:
    """The CPU time of btfkit and of libbpf for the same work, and libbpf's output."""

    def __init__(self, bench: Bench, name: str, ours: list[str], theirs: list[str]) -> None:
        call, self.note = oracle(bench)
        commands = {"ours": (bench.spawner, ours)}
        self.events: list[dict[str, Any]] = []
        if call:
            root = bench.peer.root if bench.peer is not None else ""
            words = [*call, *(word.removeprefix(root) for word in theirs)]
            commands["peer"] = bench.peers_spawner, words
            said = subprocess.run(["chroot", root, *words], capture_output=True, text=True, check=True).stdout
            self.events = [json.loads(line) for line in said.splitlines()]
        costs = side_by_side(commands, max(3, bench.runs // 10))
        bench.samples[name] = {side: cost.as_dict() for side, cost in costs.items()}
        self.ours = costs["ours"].median("cpu")
        self.peer = costs["peer"].median("cpu") if call else None

    def row(self, work: str, ratio: float) -> Row:
        return Row(work, "s", self.ours, self.peer, ratio=ratio, note=self.note)


def in_memory(bench: Bench) -> Iterator[Row]:
    """distill and reconcile all modules in one process, without writing files."""
    kernel, onto, folder = bench.corpus.kernel(), bench.corpus.kernel(ONTO), bench.corpus.modules()
    small = os.path.join(bench.folder, "distilled")
    os.makedirs(small, exist_ok=True)
    told = bench.inside("distill", "1", kernel, folder, "distilled", small)
    count = told["modules"]
    pair = Pair(bench, "distill", inside("distill", kernel, folder), ["distill-batch", kernel, folder])
    yield pair.row(f"distill {count:,} modules, CPU", 0.5)
    total = pair.events[-1] if pair.events else {}
    for what, unit, key in (("types", "", "out_base_types"), ("bytes", "B", "out_base_bytes")):
        theirs = total[key] / count if total else None
        yield Row(f"  mean distilled base, {what}", unit, told[what], theirs, ratio=1.0, note=pair.note)
    both = [pair]
    for rules in ("strict", "upstream"):
        ours = inside("reconcile", onto, small, rules)
        pair = Pair(bench, f"reconcile-{rules}", ours, ["relocate-batch", small, onto])
        yield pair.row(f"reconcile them to {ONTO.partition('+')[0]}, {rules}", 0.2)
        both.append(pair)
    failed = set(bench.inside("reconcile", "1", onto, small, "upstream")["failed"])
    theirs_failed = {event["name"] for event in pair.events if event["ev"] == "relocate-failed"}
    same = "the same" if {name.removesuffix(".btf") for name in failed} == _plain(theirs_failed) else "NOT the same"
    note = pair.note or f"{same} as libbpf's"
    yield Row("  that do not fit, upstream", "", len(failed), len(theirs_failed) if pair.events else None, note=note)
    peers = [pair.peer for pair in both[:2]]
    peer = sum(filter(None, peers)) if all(peers) else None
    yield Row("distill and reconcile, strict", "s", both[0].ours + both[1].ours, peer, ratio=0.4, note=pair.note)
    costs = side_by_side({"ours": (bench.spawner, inside("onto", kernel, folder, onto))}, max(3, bench.runs // 10))
    bench.samples["onto"] = {"ours": costs["ours"].as_dict()}
    yield Row("  by one public call each", "s", costs["ours"].median("cpu"), peer, ratio=0.12, note=pair.note)


def _plain(names: set[str]) -> set[str]:
    return {name.removesuffix(".btf") for name in names}


def proof(bench: Bench) -> Iterator[Row]:
    """The cost of proving a result, compared with the work: the "peer" is the work itself."""
    kernel, onto, folder = bench.corpus.kernel(), bench.corpus.kernel(ONTO), bench.corpus.modules()
    told = bench.inside("proofs", "3", kernel, folder, onto)
    bench.samples["rebase-proof"] = told
    for work in ("distill", "reconcile"):
        ours, own = min(told[f"{work} proof"]), min(told[work])
        yield Row(f"the proof of {work}, all modules", "s", ours, own, ratio=1.0, note=f"compared with {work} itself")


def files(bench: Bench) -> Iterator[Row]:
    """The commands on files, including the proof, with one worker process per CPU."""
    kernel, onto = bench.corpus.kernel(), bench.corpus.kernel(ONTO)
    trees = [("raw files", bench.corpus.modules(), [])]
    if os.environ.get("BTFKIT_KO_TREE"):
        trees.append((".ko.xz", os.environ["BTFKIT_KO_TREE"], ["--strip-signature"]))
    for what, folder, more in trees:
        small = os.path.join(bench.folder, f"small-{what.strip('.')}".replace(" ", "-"))
        distill = bench.ours("distill", "-q", folder, "-B", kernel, "-o", small, *more)
        reconcile = bench.ours("reconcile", "-q", small, "-B", onto, "-o", small + "-there", *more)
        for name, words, right in (("distill", distill, (0,)), ("reconcile", reconcile, (0, 3))):
            cost = _run(bench, f"{name}-{what}", words, right)
            yield Row(f"{name} a kernel's modules, {what}", "s", cost[0], note="wall; reading, proof, writing")
            yield Row("  its CPU time", "s", cost[1], note="of all its processes")


def _run(bench: Bench, name: str, words: list[str], right: tuple[int, ...]) -> tuple[float, float]:
    """(wall, CPU) of one run; the exit status of reconcile is 3 if a few modules do not fit."""
    import time

    begin, before = time.perf_counter(), os.times()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begin, os.times()
    if done.returncode not in right:
        raise Missing(f"{name}: {done.stderr.strip()[-200:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    bench.samples[name] = {"wall_s": [wall], "cpu_s": [cpu]}
    return wall, cpu


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "distill": in_memory,
    "rebase-proof": proof,
    "rebase-files": files,
}
