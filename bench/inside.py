"""Measurements inside a process, with the btfkit that this interpreter imports; prints one JSON object.

inside.py load RUNS VMLINUX             load and scan
inside.py kernels RUNS OBJECT VMLINUX.. one program on many kernels
inside.py phases RUNS VMLINUX OBJECT..  where the time of `min` goes
inside.py distill 1 VMLINUX DIR [POLICY [OUT]]   all raw module BTF in a directory; writes NAME.base and NAME.split to OUT
inside.py reconcile 1 VMLINUX DIR RULES          reconcile what distill wrote to another kernel
inside.py onto 1 VMLINUX DIR ONTO                distill and reconcile each module through the public API, one call each
inside.py proofs RUNS VMLINUX DIR ONTO [POLICY]  the cost of the proofs, compared with the work
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time


def load(runs: int, path: str) -> dict[str, object]:
    """Seconds (wall) to read and check a vmlinux: the first time, and each later time."""
    import btfkit
    from btfkit.hot import compiled

    load = btfkit.load
    begin = time.perf_counter()
    load(path)
    first = time.perf_counter() - begin
    wall, cpu = [], []
    for _ in range(runs):
        begin, used = time.perf_counter(), time.process_time()
        load(path)
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    return {"compiled": compiled(), "first": first, "wall": wall, "cpu": cpu}


def _cut(objects, path: str, out: str) -> None:
    """What `btfkit min` does for one kernel: read, minimize, write, prove."""
    import btfkit
    from btfkit.files.write import write_atomic
    from btfkit.judges.answers import compare

    vmlinux = btfkit.load(path)
    result = btfkit.minimize(vmlinux, objects)
    blob = result.btf.to_bytes()
    after = btfkit.Target(btfkit.Btf.from_bytes(blob, pointer_size=vmlinux.given_pointer_size))
    if compare(objects, result.outcomes, result.target, after).differences:
        raise SystemExit("not proved")
    write_atomic(out, blob)


def kernels(runs: int, obj: str, out: str, *paths: str) -> dict[str, object]:
    """Seconds per kernel, one entry for each round over all kernels; the order changes every round."""
    import random

    import btfkit

    shuffle = random.Random(1).shuffle
    objects = btfkit.load_objects(obj)
    order = list(paths)
    wall, cpu = [], []
    for number in range(runs + 1):
        shuffle(order)
        begin, used = time.perf_counter(), time.process_time()
        for index, path in enumerate(order):
            _cut(objects, path, f"{out}.{index}")
        if number:
            wall.append((time.perf_counter() - begin) / len(order))
            cpu.append((time.process_time() - used) / len(order))
        for index in range(len(order)):
            os.unlink(f"{out}.{index}")
    return {"wall": wall, "cpu": cpu}


def phases(runs: int, path: str, *objects: str) -> dict[str, object]:
    """Milliseconds (CPU, median of `runs`) of each phase of a run of `min`."""
    from array import array
    from statistics import median

    import btfkit
    from btfkit.btf import spec
    from btfkit.btf.btf import Btf
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target
    from btfkit.hot import scan
    from btfkit.judges.answers import compare

    gc.set_threshold(100_000, 20, 20)  # as the command sets it
    taken: dict[str, list[float]] = {}

    def timed(name, call, *args, **kwargs):
        begin = time.process_time()
        result = call(*args, **kwargs)
        taken.setdefault(name, []).append(1000 * (time.process_time() - begin))
        return result

    def read() -> bytes:
        with open(path, "rb") as file:
            return file.read()

    for _ in range(runs):
        loaded = timed("objects", lambda: [one for name in objects for one in btfkit.load_objects(name)])
        data = timed("read", read)
        btf = timed("load (scan and check)", Btf.from_bytes, data)
        room = memoryview(array("I", bytes(4 * len(btf.positions))))
        timed("  of it: scan", scan.scan, btf.words, spec.TABLE, room, 1)
        timed("  of it: functions", scan.functions, btf.words, btf.positions, 1)
        target = Target(btf)
        roots = [
            (asked.root_kind, asked.name)
            for obj in loaded
            for relocation in obj.relocations
            if hasattr(asked := obj.spec(relocation), "root_kind")
        ]
        timed("search", target.prepare, roots)
        timed("evaluate", relocate, loaded, target)
        for obj in loaded:
            obj._specs.clear()
        result = timed("minimize (search, evaluate, select, compact)", btfkit.minimize, btf, loaded)
        blob = timed("to bytes", result.btf.to_bytes)
        after = timed("verify: load", Btf.from_bytes, blob, pointer_size=btf.given_pointer_size)
        timed("verify: compare", compare, loaded, result.outcomes, result.target, Target(after))
    return {name: median(values) for name, values in taken.items()}


def distill(runs: int, kernel: str, folder: str, policy: str = "distilled", out: str = "") -> dict[str, object]:
    """Distill every module and drop the result, as libbpf's loop does; `runs` is ignored, because the whole process is
    measured."""
    from btfkit.btf.btf import Btf
    from btfkit.passes.distill import distill

    with open(kernel, "rb") as file:
        base = Btf.from_bytes(file.read())
    types = size = 0
    names = sorted(os.listdir(folder))
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            done = distill(Btf.from_bytes(file.read(), base), policy)
        types += len(done.base) - 1
        size += len(done.base.blob)
        if out:
            for part, btf in (("base", done.base), ("split", done.btf)):
                with open(os.path.join(out, f"{name}.{part}"), "wb") as file:
                    file.write(btf.blob)
    return {"modules": len(names), "types": types / len(names), "bytes": size / len(names)}


def reconcile(runs: int, kernel: str, folder: str, rules: str) -> dict[str, object]:
    """Reconcile every distilled module; returns the names of those that do not fit."""
    from btfkit.btf.btf import Btf
    from btfkit.passes.reconcile import NameIndex, ReconcileError, reconcile

    with open(kernel, "rb") as file:
        index = NameIndex(Btf.from_bytes(file.read()))
    names = sorted(name.removesuffix(".base") for name in os.listdir(folder) if name.endswith(".base"))
    failed = []
    for name in names:
        blobs = []
        for part in ("base", "split"):
            with open(os.path.join(folder, f"{name}.{part}"), "rb") as file:
                blobs.append(file.read())
        try:
            reconcile(Btf.from_bytes(blobs[1], Btf.from_bytes(blobs[0])), index, rules)
        except ReconcileError:
            failed.append(name)
    return {"modules": len(names), "failed": failed}


def onto(runs: int, kernel: str, folder: str, other: str) -> dict[str, object]:
    """Distill every module and reconcile it to another kernel, with nothing but the public calls and BTFs."""
    import btfkit

    base, target = btfkit.load(kernel), btfkit.load(other)
    fit = 0
    names = sorted(os.listdir(folder))
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            split = btfkit.Btf.from_bytes(file.read(), base)
        try:
            btfkit.reconcile(btfkit.distill(split).btf, target)
            fit += 1
        except btfkit.ReconcileError:
            continue
    return {"modules": len(names), "fit": fit}


def dedup(runs: int, *paths: str) -> dict[str, object]:
    """Read BTFs, combine and dedup them; `seconds` is the CPU time without reading."""
    from btfkit.btf.btf import Btf
    from btfkit.passes.dedup import dedup_all

    def read(path: str) -> Btf:
        with open(path, "rb") as file:
            return Btf.from_bytes(file.read())

    reading = 0.0

    def inputs():
        nonlocal reading
        for path in paths:
            begin = time.process_time()
            btf = read(path)
            reading += time.process_time() - begin
            yield btf

    begin = time.process_time()
    done, _ = dedup_all(inputs())
    done.btf.to_bytes()
    return {
        "seconds": [time.process_time() - begin - reading],
        "types": len(done.btf.positions),
        "bytes": len(done.btf.blob),
    }


def dedup_split(runs: int, kernel: str, folder: str, most: str) -> dict[str, object]:
    """Dedup the first modules in a directory against their base."""
    from btfkit.btf.btf import Btf
    from btfkit.passes.dedup import dedup
    from btfkit.passes.prepared_base import PreparedBase

    with open(kernel, "rb") as file:
        base = Btf.from_bytes(file.read())
    prepared = PreparedBase(base)
    names = sorted(os.listdir(folder))[: int(most)]
    before = after = 0
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            done = dedup(Btf.from_bytes(file.read(), base), prepared=prepared)
        done.btf.to_bytes()
        before += done.report.types[0]
        after += done.report.types[1]
    return {"modules": len(names), "before": before, "types": after}


def proofs(runs: int, kernel: str, folder: str, onto: str, policy: str = "distilled") -> dict[str, list[float]]:
    """Seconds (CPU) to distill and reconcile every module and to prove each result, one entry for each round."""
    from btfkit.btf.btf import Btf
    from btfkit.judges.reconciled import compare
    from btfkit.passes.distill import distill
    from btfkit.passes.reconcile import NameIndex, ReconcileError, reconcile

    base, new = (Btf.from_bytes(open(path, "rb").read()) for path in (kernel, onto))  # noqa: SIM115
    index = NameIndex(new)
    blobs = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]  # noqa: SIM115
    definitions = "none" if policy == "distilled" else policy
    taken: dict[str, list[float]] = {"distill": [], "reconcile": [], "distill proof": [], "reconcile proof": []}
    for _ in range(runs):
        spent = dict.fromkeys(taken, 0.0)

        def timed(name, work, *args, spent=spent, **more):
            begin = time.process_time()
            try:
                return work(*args, **more)
            finally:
                spent[name] += time.process_time() - begin

        for blob in blobs:
            split = Btf.from_bytes(blob, base)
            small = timed("distill", distill, split, policy)
            assert timed("distill proof", compare, split, small.btf, contents="none", definitions=definitions)
            try:
                there = timed("reconcile", reconcile, small.btf, index)
            except ReconcileError:
                continue
            assert timed("reconcile proof", compare, small.btf, there.btf)
        for name, seconds in spent.items():
            taken[name].append(seconds)
    return taken


COMMANDS = {
    "load": load,
    "kernels": kernels,
    "phases": phases,
    "distill": distill,
    "reconcile": reconcile,
    "onto": onto,
    "proofs": proofs,
    "dedup": dedup,
    "dedup_split": dedup_split,
}

if __name__ == "__main__":
    command, runs, *rest = sys.argv[1:]
    try:
        print(json.dumps(COMMANDS[command](int(runs), *rest)))
    except BrokenPipeError:
        os._exit(0)
