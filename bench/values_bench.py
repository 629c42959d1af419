"""The rows for `decode`: a million records of a struct with 20 members, beside libbpf (`tests/peers/dump_values.c`)."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from measure import side_by_side
from rows import Row

if TYPE_CHECKING:
    from run import Bench

PEER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "peers", "dump_values.c")
COUNT = 1_000_000
DIFFERENT = 5_000  # records; the rest repeats them


def event() -> tuple[bytes, int, Callable[[random.Random], bytes]]:
    """BTF with `struct event`, its id, and what makes a record: 20 members in 96 bytes, of every common kind."""
    from btfkit.btf.build import Builder

    b = Builder(order="little")
    u8, u16, u32, u64 = (b.int(f"u{8 * size}", size) for size in (1, 2, 4, 8))
    s32, s64, char = b.int("int", 4, encoding=1), b.int("long", 8, encoding=1), b.int("char", 1, encoding=1)
    flag, pointer = b.int("_Bool", 1, encoding=4), b.ptr(0)
    state = b.enum("state", [("IDLE", 0), ("RUNNING", 1), ("DEAD", 2)])
    names = "time start task parent delta pid tgid uid result flags state cpu port peer family protocol ok kernel comm address"
    kinds = [u64, u64, pointer, pointer, s64, u32, u32, u32, s32, u32, state, u16, u16, u16, u8, u8, flag, flag]
    kinds += [b.array(char, u32, 16), b.array(u8, u32, 4)]
    sizes = [8] * 5 + [4] * 6 + [2] * 3 + [1] * 4 + [16, 4]
    members = [
        (name, kind, 8 * sum(sizes[:at])) for at, (name, kind) in enumerate(zip(names.split(), kinds, strict=True))
    ]
    struct = b.struct("event", 96, members)
    btf = b.build(pointer_size=8)

    def record(rng: random.Random) -> bytes:
        value = {
            name: rng.getrandbits(bits)
            for name, bits in (("time", 50), ("start", 50), ("pid", 22), ("tgid", 22), ("flags", 32))
        }
        value |= {name: 0xFFFF888000000000 + rng.getrandbits(30) for name in ("task", "parent")}
        value |= {name: rng.getrandbits(16) for name in ("port", "peer")} | {
            "cpu": rng.randint(0, 63),
            "state": rng.randint(0, 2),
        }
        value |= {
            "delta": rng.randint(-(10**9), 10**9),
            "result": rng.randint(-100, 5),
            "uid": 1000,
            "family": 2,
            "protocol": 6,
        }
        value |= {"ok": True, "comm": rng.choice(["bash", "sshd", "kworker/0:1", "nginx"]), "address": rng.randbytes(4)}
        return btf[struct].pack(value)

    return btf.to_bytes(), struct, record


def decode(bench: Bench) -> Iterator[Row]:
    """JSON lines beside libbpf's compact text of the same records, which is made and not written."""
    blob, struct, record = event()
    rng = random.Random(1)
    some = b"".join(record(rng) for _ in range(DIFFERENT))
    btf, data = bench.out("event.btf"), bench.out("event.bin")
    bench.outputs -= {btf, data}
    for path, content, times in ((btf, blob, 1), (data, some, COUNT // DIFFERENT)):
        with open(path, "wb") as file:
            for _ in range(times):
                file.write(content)
    commands = {"ours": (bench.spawner, bench.ours("decode", btf, "struct event", data, "--json"))}
    root = bench.peer.root if bench.peer is not None else ""
    if root:
        source, program = bench.out("dump_values.c"), bench.out("dump_values")
        shutil.copyfile(PEER, source)
        inside = [path.removeprefix(root) for path in (program, source, btf, data)]
        words = ["chroot", root, "cc", "-O2", "-o", inside[0], inside[1], "-lbpf"]
        bench.outputs -= {source, program}
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            peer = [inside[0], inside[2], str(struct), inside[3], "96", "compact", "emit_zeroes", "quiet"]
            commands["peer"] = (bench.peers_spawner, peer)
    costs = side_by_side(commands, max(3, bench.runs // 8), bench.outputs)
    bench.samples["decode"] = {side: cost.as_dict() for side, cost in costs.items()}
    for what, label, unit, factor in (
        ("wall", "decode 10^6 records to JSON lines (libbpf)", "ms", 1e3),
        ("cpu", "  its CPU time", "ms", 1e3),
        ("peak", "  its peak memory", "MiB", 1),
    ):
        other = factor * costs["peer"].median(what) if "peer" in costs else None
        note = "" if other is not None else "no libbpf"
        yield Row(
            label, unit, factor * costs["ours"].median(what), other, ratio=3.0 if what != "peak" else None, note=note
        )


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"decode": decode}
