"""Archives: `min --archive` compared with a shell loop of tar and bpftool on the same archive, with the same number of processes.

The archive is generated (bench/archive.py) and kept in $BTFKIT_ARCHIVE_CACHE or ~/.cache/btfkit-tests; $BTFKIT_FLEET_KERNELS
is the number of kernels (default: 400).  The loop is what people run on BTFHub: `xargs -P2`; for each archive, tar into a
scratch directory, `bpftool gen min_core_btf`, rm.  bpftool runs through its own dynamic loader, because the chroot has no
xz.  The CPU time of all processes of a side is compared, because the machine may be shared.
"""

from __future__ import annotations

import lzma
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from glob import escape, glob
from typing import TYPE_CHECKING

from archive import make_archive
from inputs import Missing
from rows import Row

if TYPE_CHECKING:
    from run import Bench

WORKERS = 2
HUB = 4306  # archives of BTFHub

LOOP = """
set -eu
tree=$1 out=$2 scratch=$3 bpftool=$4
shift 4
export out scratch bpftool objects="$*"
cd "$tree"
find . -name '*.btf.tar.xz' | sort | xargs -P@P -n1 sh -c '
  dir=$scratch/$$
  mkdir -p "$dir" "$out/$(dirname "$1")"
  tar xJf "$1" -C "$dir"
  $bpftool gen min_core_btf "$dir"/*.btf "$out/${1%.tar.xz}" $objects
  rm -r "$dir"
' sh
""".replace("@P", str(WORKERS))

LOOP_RAW = """
set -eu
tree=$1 out=$2 scratch=$3 bpftool=$4
shift 4
export out bpftool objects="$*"
cd "$tree"
find . -name '*.btf' | sort | xargs -P@P -n1 sh -c '
  mkdir -p "$out/$(dirname "$1")"
  $bpftool gen min_core_btf "$1" "$out/$1" $objects
' sh
""".replace("@P", str(WORKERS))


def kernels() -> int:
    return int(os.environ.get("BTFKIT_FLEET_KERNELS", "400"))


def archive(bench: Bench, *, raw: bool) -> str:
    """The archive, made if it does not exist; raises Missing without a corpus."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = os.environ.get("BTFKIT_ARCHIVE_CACHE") or os.path.join(home, "btfkit-tests")
    os.makedirs(place, exist_ok=True)
    try:
        return make_archive(place, bench.corpus.place, kernels(), raw=raw)
    except FileNotFoundError as error:
        raise Missing(str(error)) from None


def loader() -> str:
    """The words that run the chroot's bpftool on this machine's files, or the bpftool in $BTFKIT_BPFTOOL or PATH."""
    if chosen := os.environ.get("BTFKIT_BPFTOOL"):
        return chosen
    root = os.path.join(os.environ.get("PEERS") or os.path.expanduser("~/.cache/btfkit-peers"), "root")
    libraries = ":".join(sorted(glob(os.path.join(root, "usr", "lib", "*-linux-*"))))
    for ld in sorted(glob(os.path.join(root, "lib*", "ld-linux*.so.*"))):
        return f"{ld} --library-path {libraries} {root}/usr/sbin/bpftool"
    return shutil.which("bpftool") or ""


class Sides:
    """CPU and wall seconds of both sides, run `runs` times alternately; `peer` is empty if there is no bpftool."""

    def __init__(self, bench: Bench, name: str, tree: str, objects: list[str], loop: str, runs: int = 1) -> None:
        self.ours: list[tuple[float, float, float]] = []
        self.peer: list[tuple[float, float, float]] = []
        self.out = os.path.join(bench.folder, name)
        bpftool = loader() if all(map(shutil.which, ("sh", "xargs", "tar", "xz"))) else ""
        self.note = "" if bpftool else "bpftool, xargs, tar or xz is missing"
        command = bench.ours("min", "-q", "--archive", tree, "-o", self.out, "-j", str(WORKERS), *objects)
        scratch = os.path.join(bench.folder, "scratch")
        script = os.path.join(bench.folder, name + ".sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(loop)
        theirs = ["/bin/sh", script, tree, self.out + ".peer", scratch, bpftool, *objects]
        for number in range(runs):
            for side, words in sorted((("ours", command), ("peer", theirs)), reverse=bool(number % 2)):
                for folder in (self.out, self.out + ".peer", scratch):
                    shutil.rmtree(folder, ignore_errors=True)
                if side == "ours" or bpftool:
                    getattr(self, side).append(bench.spawner.run(words))
        if not os.path.isdir(self.out):
            bench.spawner.run(command)
        bench.samples[name] = {"ours": self.ours, "peer": self.peer}

    def median(self, side: str, what: int) -> float | None:
        found = getattr(self, side)
        return statistics.median(one[what] for one in found) if found else None

    def rows(self, work: str, ratio: float) -> Iterator[Row]:
        for what, label in ((0, work), (1, "  its CPU time, of all processes")):
            yield Row(label, "s", self.median("ours", what), self.median("peer", what), ratio=ratio, note=self.note)
        yield Row("  peak memory of its largest process", "MiB", self.median("ours", 2), most=100)


def xz_share(tree: str) -> float:
    """CPU seconds needed only to unpack the archive's files."""
    begin = time.process_time()
    for path in glob(os.path.join(escape(tree), "*", "*", "*", "*.btf.tar.xz")):
        with open(path, "rb") as file:
            lzma.decompress(file.read())
    return time.process_time() - begin


def packed(bench: Bench) -> Iterator[Row]:
    """One program, then all, on the archive of .btf.tar.xz; then bundles of the results."""
    tree = archive(bench, raw=False)
    count = kernels()
    unpacking = xz_share(tree)
    for name, objects, ratio in (("1 program", [bench.corpus.object()], 0.8), ("", bench.corpus.objects(), 0.6)):
        name = name or f"{len(objects)} programs"
        sides = Sides(bench, f"archive-{len(objects)}", tree, objects, LOOP)
        yield from sides.rows(f"min --archive, {name}, {count} .btf.tar.xz, {WORKERS} workers", ratio)
        cpu = sides.median("ours", 1) or 0.0
        yield Row("  of which unpacking xz", "s", unpacking, note=f"{100 * unpacking / cpu:.0f} % of its CPU time")
        hub = cpu / count * HUB
        note = f"{1e3 * cpu / count:.0f} ms of CPU a kernel; with 100 workers {hub / 100:.0f} s"
        yield Row(f"  BTFHub's {HUB:,} archives, {WORKERS} workers", "s", hub / WORKERS, note=note)
        yield from bundles(bench, sides.out, name)


def bundles(bench: Bench, out: str, name: str) -> Iterator[Row]:
    """The bundle, including its origin, compared with the .tar.xz of the same BTF files alone."""
    bench.spawner.run(bench.ours("bundle", "create", "-q", out + ".bundle", out))
    tar = out + ".tar.xz"
    bench.spawner.run(["/bin/sh", "-c", 'cd "$1" && tar cJf "$2" *', "tar", out, tar])
    ours, theirs = os.path.getsize(out + ".bundle"), os.path.getsize(tar)
    yield Row(f"  bundle of the results, compared with their .tar.xz, {name}", "B", ours, theirs, ratio=1.0)


def raw(bench: Bench) -> Iterator[Row]:
    """All programs on the same kernels, not compressed."""
    tree = archive(bench, raw=True)
    objects = bench.corpus.objects()
    sides = Sides(bench, "archive-raw", tree, objects, LOOP_RAW)
    yield from sides.rows(f"min --archive, {len(objects)} programs, {kernels()} raw .btf, {WORKERS} workers", 0.3)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"archive": packed, "archive-raw": raw}

if __name__ == "__main__":
    sys.exit("this is part of bench/run.py; run: make bench ARGS='--only archive'")
