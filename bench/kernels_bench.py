"""Questions over many kernels: `offset --kernels` and `history` compared with a shell loop of `offset`, and `diff` of two kernels
with thousands of modules, which no other tool compares.

The kernels are the corpus' real .btf.tar.xz, linked under as many names as $BTFKIT_FLEET_KERNELS says (default: 400); each link
is read.  The loop starts the build in $BTFKIT_BEFORE ("/path/python -m btfkit"; default: this one) for each file, one after the
other, as people do.  The CPU time of all processes of a side is compared, too, because the machine may be shared.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from glob import escape, glob
from typing import TYPE_CHECKING

from fleet_bench import WORKERS, kernels
from inputs import Missing
from rows import Row

if TYPE_CHECKING:
    from run import Bench

PATHS = ("task_struct.pid", "task_struct.mm")
OLD, NEW = "6.12.107+deb13-amd64", "7.2.13+deb14-amd64"
LOOP = """
tree=$1; shift
find "$tree" -name '*.btf.tar.xz' | sort | while read -r file; do "$@" offset "$file" PATHS >/dev/null || exit 1; done
""".replace("PATHS", " ".join(PATHS))


def linked(bench: Bench) -> str:
    """A tree in BTFHub's layout with links to the archives of the corpus."""
    found = sorted(glob(os.path.join(escape(bench.corpus.place), "hub", "*", "*", "*", "*.btf.tar.xz")))
    if not found:
        raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
    tree = os.path.join(bench.folder, "linked")
    for number in range(kernels() if not os.path.isdir(tree) else 0):
        path = found[number % len(found)]
        distro, release, arch, name = path.split(os.sep)[-4:]
        folder = os.path.join(tree, distro, release, arch)
        os.makedirs(folder, exist_ok=True)
        version, dash, rest = name.partition("-")
        os.symlink(path, os.path.join(folder, f"{version}.{number}{dash}{rest}"))
    return tree


def questions(bench: Bench) -> Iterator[Row]:
    """Two members, and the history of one."""
    tree, count = linked(bench), kernels()
    before = bench.before() or bench.ours()
    script = os.path.join(bench.folder, "offsets.sh")
    with open(script, "w", encoding="utf-8") as file:
        file.write(LOOP)
    loop = bench.spawner.run(["/bin/sh", script, tree, *before])
    for name, words in (
        (f"offset --kernels, {len(PATHS)} members", ["offset", *PATHS, "--kernels", tree, "--format", "csv"]),
        ("history of a member", ["history", PATHS[0], "--kernels", tree]),
    ):
        ours = bench.spawner.run(bench.ours(*words, "-q", "-j", str(WORKERS)))
        bench.samples[name] = {"ours": ours, "loop": loop}
        label = f"{name}, {count} .btf.tar.xz, {WORKERS} workers, and a loop of `offset`"
        yield Row(label, "s", ours[0], loop[0], ratio=0.3)
        yield Row("  its CPU time, of all processes", "s", ours[1], loop[1])
        yield Row("  peak memory of its largest process", "MiB", ours[2])


def directory(bench: Bench, name: str) -> str:
    """The directory of a kernel with its modules."""
    folder = bench.corpus.modules(name)
    vmlinux = os.path.join(folder, "vmlinux")
    if not os.path.exists(vmlinux):
        shutil.copyfile(bench.corpus.kernel(name), vmlinux)
    return folder


def diffs(bench: Bench) -> Iterator[Row]:
    """Two series, in which every module differs, and a kernel with itself."""
    old, new = directory(bench, OLD), directory(bench, NEW)
    count = len(os.listdir(old)) - 1
    for label, a, b in (("two series", old, new), ("equal kernels", old, old)):
        command = bench.ours("diff", "-q", "-j", str(WORKERS), a, b)
        wall, cpu, peak = bench.spawner.run(["/bin/sh", "-c", '"$@" || [ $? = 1 ]', "sh", *command])
        bench.samples["diff " + label] = {"ours": (wall, cpu, peak)}
        yield Row(f"diff of two kernels with {count:,} modules each, {label}, {WORKERS} workers", "s", wall, most=20)
        yield Row("  its CPU time, of all processes", "s", cpu)
        yield Row("  peak memory of its largest process", "MiB", peak)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"kernel-questions": questions, "kernel-diff": diffs}

if __name__ == "__main__":
    sys.exit("this is part of bench/run.py; run: make bench ARGS='--only kernel-questions'")
