"""What is measured within a process, with the btfkit that the interpreter running this finds; prints one JSON object.

inside.py load RUNS VMLINUX             load and scan
inside.py kernels RUNS OBJECT VMLINUX.. one program over many kernels
inside.py phases RUNS VMLINUX OBJECT..  where the time of `min` goes
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time


def load(runs: int, path: str) -> dict[str, object]:
    """Seconds (wall) to read and check a vmlinux: the first time, and each time after it."""
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
    """What `btfkit min` does for one kernel: read, cut, write, and the proof."""
    import btfkit
    from btfkit.files.write import write_atomic
    from btfkit.verify.answers import compare

    vmlinux = btfkit.load(path)
    result = btfkit.minimize(vmlinux, objects)
    blob = result.btf.to_bytes()
    after = btfkit.Target(btfkit.Btf.from_bytes(blob, pointer_size=vmlinux.given_pointer_size))
    if compare(objects, result.outcomes, result.target, after).differences:
        raise SystemExit("not proved")
    write_atomic(out, blob)


def kernels(runs: int, obj: str, out: str, *paths: str) -> dict[str, object]:
    """Seconds a kernel, one entry a round over all of them, each round in another order."""
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
    from btfkit.verify.answers import compare

    gc.set_threshold(100_000, 20, 20)  # as the command has it
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
        timed("  of it: scan", scan.scan, btf.words, spec.TABLE, room)
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


if __name__ == "__main__":
    command, runs, *rest = sys.argv[1:]
    try:
        print(json.dumps({"load": load, "kernels": kernels, "phases": phases}[command](int(runs), *rest)))
    except BrokenPipeError:
        os._exit(0)
