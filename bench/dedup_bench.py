"""dedup compared with libbpf's (btf-oracle): several kernels in one BTF, and modules of a kernel that repeat its types.

Whole processes are compared by CPU time and peak memory: both read raw files, combine them, dedup and serialize; btfkit
without the proof that the command adds.  libbpf's time includes btf__add_btf; a separate row compares only the dedup calls.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from distill_bench import inside, oracle
from inputs import KERNEL, Missing
from measure import side_by_side
from rows import Row

if TYPE_CHECKING:
    from run import Bench

SECOND = "6.12.94+deb13-amd64"
REPEATING = "7.2.13+deb14-amd64"  # its modules were encoded with libbpf 1.7, whose typedefs never match the base's
MODULES = 400
LIBBPF_18 = (8.9, 119_360)  # seconds and types of libbpf 1.8-dev for these modules; it is not packaged


def kernels(bench: Bench) -> Iterator[Row]:
    """The same kernel twice, two kernels, all kernels."""
    every = sorted(_all_kernels(bench))
    sets = [
        ("self", "a vmlinux and itself", [bench.corpus.kernel()] * 2, 0.25),
        (
            "two",
            f"{KERNEL.partition('+')[0]} + {SECOND.partition('+')[0]}",
            [bench.corpus.kernel(), bench.corpus.kernel(SECOND)],
            0.1,
        ),
        ("all", f"{len(every)} kernels", every, 0.06),
    ]
    call, note = oracle(bench)
    for name, what, paths, limit in sets:
        commands = {"ours": (bench.spawner, inside("dedup", *paths))}
        told = bench.inside("dedup", "1", *paths)
        theirs: dict[str, Any] = {}
        if call:
            root = bench.peer.root if bench.peer is not None else ""
            words = [*call, "dedup", "-", *(path.removeprefix(root) for path in paths)]
            commands["peer"] = bench.peers_spawner, words
            said = subprocess.run(["chroot", root, *words], capture_output=True, text=True, check=True).stdout
            theirs = json.loads(said.splitlines()[-1])
        costs = side_by_side(commands, 2 if name == "all" else 5)
        bench.samples[f"dedup-{name}"] = {side: cost.as_dict() for side, cost in costs.items()} | {"inside": told}
        for key, unit, most in (("cpu", "s", limit), ("peak", "MiB", 1.2)):
            peer = costs["peer"].median(key) if call else None
            label = f"dedup of {what}, CPU" if key == "cpu" else "  its peak memory"
            yield Row(label, unit, costs["ours"].median(key), peer, ratio=most, note=note)
        dedup = theirs["dedup_ms"] / 1e3 if theirs else None
        yield Row(
            "  dedup alone, after reading",
            "s",
            min(told["seconds"]),
            dedup,
            note=note or "libbpf: its dedup call only",
        )
        left = theirs["out"]["types"] if theirs else None
        yield Row("  types kept", "", told["types"], left, ratio=1.0, note=note)


def _all_kernels(bench: Bench) -> list[str]:
    from glob import glob

    found = glob(os.path.join(bench.corpus.place, "hub", "*", "*", "*", "*.btf.tar.xz"))
    if not found:
        raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
    return [bench.corpus.kernel(os.path.basename(path).removesuffix(".btf.tar.xz")) for path in found]


def modules(bench: Bench) -> Iterator[Row]:
    """Split dedup of the first modules of a kernel in one process; the base is read and analyzed once."""
    kernel, folder = bench.corpus.kernel(REPEATING), bench.corpus.modules(REPEATING)
    words = inside("dedup_split", kernel, folder, str(MODULES))
    told = bench.inside("dedup_split", "1", kernel, folder, str(MODULES))
    cost = side_by_side({"ours": (bench.spawner, words)}, 5)["ours"]
    bench.samples["dedup-split"] = cost.as_dict() | {"inside": told}
    note = "libbpf: 1.8-dev, measured on another machine"
    yield Row(
        f"split dedup of {told['modules']} modules, CPU", "s", cost.median("cpu"), LIBBPF_18[0], ratio=0.1, note=note
    )
    yield Row("  its peak memory", "MiB", cost.median("peak"))
    yield Row(f"  types kept of {told['before']:,}", "", told["types"], LIBBPF_18[1], ratio=1.0, note=note)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"dedup": kernels, "dedup-split": modules}
