"""Distil and reconcile all modules of a kernel in memory, beside libbpf's calls in one C process (btf-oracle).

    PYTHONPATH=<compiled btfkit> python bench/distill_bench.py [KERNEL [ONTO...]]

Prints one line a step: seconds of btfkit (parsing of input and output included), seconds of libbpf (parsing, the call and
serialising; reading of files in brackets), the quotient, and what came out.  Best of three runs each.
"""

from __future__ import annotations

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

import corpus  # noqa: E402
from btfkit.btf.btf import Btf  # noqa: E402
from btfkit.passes.distill import distill  # noqa: E402
from btfkit.passes.reconcile import NameIndex, ReconcileError, reconcile  # noqa: E402
from peer_tools import bench  # noqa: E402

RUNS = 3


def best(work):
    """(seconds of the fastest run, what it returned)."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def peer(tool, command, *keys):
    """(seconds of the fastest run without reading files, with it, the totals that it prints)."""
    totals = [json.loads(tool.run(command, 600).stdout.splitlines()[-1]) for _ in range(RUNS)]
    fastest = min(totals, key=lambda total: total["wall_ms"])
    return sum(fastest[key] for key in keys) / 1e3, fastest["wall_ms"] / 1e3, fastest


def line(what, ours, theirs, wall, told):
    print(
        f"{what}: btfkit {ours:.3f} s, libbpf {theirs:.3f} s ({wall:.3f} s with files), {ours / theirs:.2f} x; {told}"
    )


def main(kernel="6.12.107+deb13-amd64", *onto):
    raw, modules = corpus.kernel_btf(kernel), corpus.modules(kernel)

    ours, _ = best(lambda: all_distilled(raw, modules))
    base = Btf.from_bytes(raw)
    done = {name: distill(Btf.from_bytes(data, base)) for name, data in modules.items()}
    blobs = {name: (d.base.to_bytes(), d.btf.to_bytes()) for name, d in done.items()}
    count = len(done)
    types = sum(len(d.base) - 1 for d in done.values()) / count
    size = sum(len(base) for base, _ in blobs.values()) / count
    del done
    with bench("btf-oracle") as tool:
        base = tool.put("base.btf", corpus.kernel_path(kernel))
        folder = tool.put_all("modules", {f"{name}.btf": data for name, data in modules.items()})
        keys = ("base_parse_ms", "split_parse_ms", "distill_ms", "raw_ms")
        theirs, wall, total = peer(tool, ["distill-batch", base, folder], *keys)
        mean = total["out_base_types"] / count, total["out_base_bytes"] / count
        told = f"base of {types:.1f} types, {size:.0f} bytes; libbpf {mean[0]:.1f}, {mean[1]:.0f}"
        line(f"distill {count} of {kernel}", ours, theirs, wall, told)
        pieces = {f"{n}.{p}": b for n, two in blobs.items() for p, b in zip(("base", "split"), two, strict=True)}
        folder = tool.put_all("small", pieces)
        for target in onto or ("6.12.94+deb13-amd64",):
            new = corpus.kernel_btf(target)
            command = ["relocate-batch", folder, tool.put(f"{target}.btf", corpus.kernel_path(target))]
            keys = ("base_parse_ms", "distilled_parse_ms", "split_parse_ms", "relocate_ms", "raw_ms")
            theirs, wall, total = peer(tool, command, *keys)
            for rules in ("strict", "upstream"):
                ours, fit = best(lambda: all_reconciled(blobs, new, rules))  # noqa: B023
                told = f"{fit} fit, {count - fit} do not; libbpf {total['modules']}, {total['failed']}"
                line(f"reconcile to {target}, {rules}", ours, theirs, wall, told)


def all_distilled(raw, modules):
    """Distil one module after the other, and let go of the result, as libbpf's loop does."""
    base = Btf.from_bytes(raw)
    for data in modules.values():
        distill(Btf.from_bytes(data, base))


def all_reconciled(blobs, new, rules):
    """How many fit."""
    index = NameIndex(Btf.from_bytes(new))
    fit = 0
    for base, split in blobs.values():
        try:
            reconcile(Btf.from_bytes(split, Btf.from_bytes(base)), index, rules)
            fit += 1
        except ReconcileError:
            pass
    return fit


if __name__ == "__main__":
    main(*sys.argv[1:])
