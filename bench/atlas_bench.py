"""The rows for `atlas`: the bytes that a kernel adds to the store, and adding, getting and asking, compared with .tar.xz.

The store is the packs, without the tables.  Beside the corpus, kernels in `$BTFKIT_ATLAS_KERNELS` are measured: directories
OLDER,NEWER with vmlinux.btf and, if any, modules/NAME; pairs are separated by colons.
"""

from __future__ import annotations

import lzma
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from glob import glob
from typing import TYPE_CHECKING

from inputs import Missing
from measure import side_by_side
from rows import Row

if TYPE_CHECKING:
    from run import Bench

# Each kernel with the one that is in the atlas before it, and the target: a share of its `xz -9e`.
STORED = (
    ("an update, 6.12.107 after .94", "6.12.94+deb13-amd64", "6.12.107+deb13-amd64", 0.02),
    ("a new architecture, riscv64 after s390x", "6.12.107+deb13-s390x", "6.12.107+deb13-riscv64", 0.26),
    ("a new series, 7.2 after 6.12", "6.12.107+deb13-amd64", "7.2.13+deb14-amd64", 0.26),
    ("a new series, 6.1 after 5.10", "5.10.0-32-amd64", "6.1.0-47-amd64", 0.35),
)
MEMBER = "task_struct", "pid"


def stored(bench: Bench) -> Iterator[Row]:
    """The bytes of the packs of the second of two kernels, and of its modules."""
    from btfkit.btf.btf import Btf

    for what, older, newer, share in STORED:
        try:
            paths = [bench.corpus.kernel(name) for name in (older, newer)]
        except Missing as error:
            yield Row(f"store: {what}", "kB", note=str(error))
            continue
        blobs = [_read(path) for path in paths]
        added = _packs(bench, [(Btf.from_bytes(blob), None) for blob in blobs])
        yield _row(what, added[0], len(_xz(blobs[1])), share)
    for pair in filter(None, os.environ.get("BTFKIT_ATLAS_KERNELS", "").split(":")):
        kernels = []
        for folder in pair.split(","):
            base = Btf.from_bytes(_read(os.path.join(folder, "vmlinux.btf")))
            files = sorted(glob(os.path.join(folder, "modules", "*")))
            kernels.append((base, [(os.path.basename(f), Btf.from_bytes(_read(f), base)) for f in files] or None))
        added = _packs(bench, kernels)
        base, modules = kernels[1]
        name = " after ".join(os.path.basename(folder.rstrip("/")) for folder in reversed(pair.split(",")))
        yield _row(name, added[0], len(_xz(base.blob)), 0.03)
        if modules:
            data = _tar([(module_name, module.blob) for module_name, module in modules])
            yield _row(f"{name}, {len(modules)} modules", added[1], len(_xz(data)), 0.02)


def _row(what: str, ours: int, peer: int, share: float) -> Row:
    return Row(f"store: {what} (xz -9e)", "kB", ours / 1e3, peer / 1e3, ratio=share)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _tar(files: list[tuple[str, bytes]]) -> bytes:
    import io
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _packs(bench: Bench, kernels: list) -> list[int]:
    """The bytes of the packs of the last of `kernels`, part by part."""
    from btfkit.atlas.file import Atlas
    from btfkit.fleet.atlas import atlas_order

    path = os.path.join(bench.folder, "stored.atlas")
    with Atlas.open(path, write=True, create=True, tables=False) as atlas:
        for number, (base, modules) in enumerate(kernels):
            start = time.process_time()
            atlas.add(("", "", "", str(number)), base, modules, atlas_order)
            bench.samples[f"atlas-add-{number}"] = {"cpu_s": time.process_time() - start}
        rows = atlas.query(
            "SELECT length(columns) + length(texts) + length(recipe) + length(needs) + length(digest) + length(sketch)"
            " FROM packs WHERE kernel = (SELECT max(kernel) FROM packs) ORDER BY part"
        )
    os.remove(path)
    return [size for (size,) in rows]


def cold(bench: Bench) -> Iterator[Row]:
    """Adding an update, getting it and asking for a member, as processes, on an atlas of all kernels of the corpus."""
    atlas = os.path.join(bench.folder, "all.atlas")
    tree = os.path.join(bench.corpus.place, "hub")
    before = os.path.join(bench.folder, "before.atlas")
    newest = "6.12.107+deb13-amd64"
    others = [path for path in sorted(glob(f"{tree}/*/*/*/*.btf.tar.xz")) if newest not in path]
    if not others:
        raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
    from btfkit.fleet.atlas import add_to_atlas

    add_to_atlas(before, others)
    path = bench.corpus.kernel(newest)
    shutil.copy(before, atlas)
    add_to_atlas(atlas, [path])
    script = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2]);"
    script += "from btfkit.fleet.atlas import add_to_atlas; add_to_atlas(sys.argv[2], sys.argv[3:])"
    copy = os.path.join(bench.folder, "copy.atlas")
    costs = side_by_side({"ours": (bench.spawner, [sys.executable, "-c", script, before, copy, path])}, 5)
    bench.samples["atlas-add"] = costs["ours"].as_dict()
    yield Row("atlas add, an update, cold process, CPU", "s", costs["ours"].median("cpu"), most=0.5)
    yield Row("  its peak memory", "MiB", costs["ours"].median("peak"), most=120)
    (packed,) = glob(f"{tree}/*/*/*/{newest}.btf.tar.xz")
    out = os.path.join(bench.folder, "out.btf")
    commands = {
        "ours": (bench.spawner, bench.ours("atlas", "get", "-q", atlas, newest, "-o", out)),
        "peer": (bench.spawner, [shutil.which("tar") or "tar", "-xJf", packed, "-C", bench.folder]),
    }
    costs = side_by_side(commands, bench.runs)
    bench.samples["atlas-get"] = {side: cost.as_dict() for side, cost in costs.items()}
    ours, peer = costs["ours"], costs["peer"]
    yield Row("atlas get, cold process (tar -xJ)", "ms", 1e3 * ours.median("cpu"), 1e3 * peer.median("cpu"), ratio=1.0)
    query = (
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("
        "'SELECT k.key, m.bit_offset, m.type FROM member_history m"
        " JOIN kernels k ON k.pos >= m.lo AND k.pos < m.hi WHERE m.name = ? AND m.member = ?', sys.argv[2:]).fetchall())"
    )
    commands = {
        "ours": (bench.spawner, [sys.executable, "-c", query, atlas, *MEMBER]),
        "peer": (
            bench.spawner,
            bench.ours("history", "-q", "-j1", "--no-guesses", ".".join(MEMBER), "--kernels", tree),
        ),
    }
    costs = side_by_side(commands, 5)
    bench.samples["atlas-sql"] = {side: cost.as_dict() for side, cost in costs.items()}
    yield Row(
        f"{'.'.join(MEMBER)} on each kernel in SQL, cold process (history --kernels), CPU",
        "ms",
        1e3 * costs["ours"].median("cpu"),
        1e3 * costs["peer"].median("cpu"),
        most=40,
    )


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"atlas-store": stored, "atlas-cold": cold}
