"""`encode` compared with pahole, which reads the same files with the same features: a vmlinux and modules with DWARF.

They come from a debug package that was unpacked into the directory $BTFKIT_DEBUG_TREE (Debian's linux-image-6.12.*-dbg; 6 GB).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from inputs import Missing
from measure import Cost, side_by_side
from rows import Row

from btfkit.files.elf import Elf

if TYPE_CHECKING:
    from run import Bench

FEATURES = "encode_force,var,float,decl_tag,type_tag,enum64,optimized_func,consistent_func,decl_tag_kfuncs"
MODULES = 138  # of a tree in one call, every eighth by path
SEVERAL = 5  # runs


def peer(bench: Bench, *options: str) -> tuple[list[str], str]:
    """The words that start pahole, and the root of its paths."""
    root = bench.peer.root if bench.peer is not None else ""
    program = "/usr/bin/pahole" if root and os.path.exists(root + "/usr/bin/pahole") else shutil.which("pahole")
    if program is None:
        raise Missing("no pahole")
    return [program, "-J", "--lang_exclude=rust", *options], root


def tree(bench: Bench) -> str:
    """The directory with the unpacked package."""
    place = os.environ.get("BTFKIT_DEBUG_TREE", "")
    if not os.path.isdir(place):
        raise Missing("no debug package (set BTFKIT_DEBUG_TREE to a directory with an unpacked one)")
    return place


def here(bench: Bench, source: str) -> str:
    """A copy of a file that pahole can read too."""
    path = os.path.join(bench.folder, "debug-" + os.path.basename(source))
    if not os.path.exists(path):
        shutil.copyfile(source, path)
        if path.endswith(".ko"):
            unlink_ids(path)
    return path


def unlink_ids(path: str) -> None:
    """Make the ids of a module's `.BTF_ids` those of a linker, 0: they were filled in for another base than that of `base`."""
    section = Elf(Path(path).read_bytes(), path).section(".BTF_ids")
    if section is not None:
        with open(path, "r+b") as file:
            file.seek(section.offset)
            file.write(bytes(section.size))


def kernel(bench: Bench) -> str:
    """The vmlinux with DWARF."""
    found = sorted(glob(os.path.join(tree(bench), "**", "vmlinux-*"), recursive=True), key=os.path.getsize)
    if not found:
        raise Missing("no vmlinux in $BTFKIT_DEBUG_TREE")
    return here(bench, found[-1])


def base(bench: Bench) -> str:
    """The BTF of the kernel, by pahole, which both take as base."""
    path = os.path.join(bench.folder, "debug-base.btf")
    if not os.path.exists(path):
        words, root = peer(bench, f"--btf_features={FEATURES}")
        bench.peers_spawner.run(
            [*words, f"--btf_encode_detached={path.removeprefix(root)}", kernel(bench).removeprefix(root)]
        )
    return path


def compare(bench: Bench, name: str, runs: int, ours: list[str], theirs: list[str]) -> dict[str, Cost]:
    costs = side_by_side({"ours": (bench.spawner, ours), "peer": (bench.peers_spawner, theirs)}, runs, bench.outputs)
    bench.samples[name] = {side: cost.as_dict() for side, cost in costs.items()}
    return costs


def vmlinux(bench: Bench) -> Iterator[Row]:
    """A whole kernel, by one process and by two."""
    path = kernel(bench)
    for jobs, limit in ((1, 0.35), (2, 0.35)):
        words, root = peer(bench, f"--btf_features={FEATURES}", f"-j{jobs}")
        out, theirs = bench.out("vmlinux.btf"), bench.out("vmlinux-pahole.btf")
        costs = compare(
            bench,
            f"encode-vmlinux-{jobs}",
            3,
            bench.ours("encode", path, "-o", out, "-j", str(jobs)),
            [*words, f"--btf_encode_detached={theirs.removeprefix(root)}", path.removeprefix(root)],
        )
        if jobs == 1:
            a, b = costs["ours"], costs["peer"]
            yield Row("encode a vmlinux, CPU (pahole -j1)", "s", a.median("cpu"), b.median("cpu"), ratio=limit)
            yield Row("  its peak memory", "MiB", a.median("peak"), b.median("peak"), ratio=0.4)
        else:
            a, b = costs["ours"], costs["peer"]
            yield Row("  -j 2, wall (pahole -j2)", "s", a.median("wall"), b.median("wall"), ratio=limit)


def modules(bench: Bench) -> Iterator[Row]:
    """Single modules in cold processes."""
    for name, distill, limit in (
        ("nf_conntrack", False, 0.4),
        ("mlx5_core", False, 0.3),
        ("xfs", False, 0.35),
        ("ip_tables", False, 1.0),
        ("ip_tables", True, 0.5),
    ):
        found = glob(os.path.join(tree(bench), "**", name + ".ko"), recursive=True)
        if not found:
            raise Missing(f"no {name}.ko in $BTFKIT_DEBUG_TREE")
        path = here(bench, found[0])
        words, root = peer(bench, f"--btf_features={FEATURES}{',distilled_base' * distill}", "-j1")
        words.append(f"--btf_base={base(bench).removeprefix(root)}")
        out = bench.out(f"{name}.ko" if distill else f"{name}.btf")
        if distill:  # pahole writes a base of its own only into the module
            theirs = here(bench, shutil.copyfile(path, os.path.join(bench.folder, f"{name}-in-place.ko")))
            words.append(theirs.removeprefix(root))
        else:
            other = bench.out(f"{name}-pahole.btf")
            words += [f"--btf_encode_detached={other.removeprefix(root)}", path.removeprefix(root)]
        ours = bench.ours("encode", path, "-B", base(bench), "-o", out)
        ours += ["--distill"] * distill
        costs = compare(bench, f"encode-{name}{'-distill' * distill}", max(SEVERAL, bench.runs // 3), ours, words)
        a, b = costs["ours"], costs["peer"]
        label = f"encode {name}.ko{' --distill' * distill}, CPU, cold (pahole)"
        yield Row(label, "ms", 1e3 * a.median("cpu"), 1e3 * b.median("cpu"), ratio=limit)
        yield Row("  its peak memory", "MiB", a.median("peak"), b.median("peak"))


def many(bench: Bench) -> Iterator[Row]:
    """A tree of modules in one call; pahole in a loop."""
    found = sorted(glob(os.path.join(tree(bench), "**", "*.ko"), recursive=True))[::8][:MODULES]
    folder, out = os.path.join(bench.folder, "debug-modules"), os.path.join(bench.folder, "debug-out")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for path in found:
            unlink_ids(shutil.copyfile(path, os.path.join(folder, os.path.basename(path))))
    words, root = peer(bench, f"--btf_features={FEATURES}", "-j1")
    inside, other = folder.removeprefix(root), bench.out("many-pahole.btf").removeprefix(root)
    call = " ".join([*words, f"--btf_base={base(bench).removeprefix(root)}", f"--btf_encode_detached={other}", '"$m"'])
    costs = compare(
        bench,
        "encode-many",
        2,
        bench.ours("encode", folder, "-B", base(bench), "-o", out, "-j", "1"),
        ["/bin/sh", "-c", f"for m in {inside}/*.ko; do {call} || exit 1; done"],
    )
    a, b = costs["ours"], costs["peer"]
    label = f"encode {len(found)} modules in one call, CPU (pahole)"
    yield Row(label, "s", a.median("cpu"), b.median("cpu"), ratio=0.3)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "encode-vmlinux": vmlinux,
    "encode-modules": modules,
    "encode-many": many,
}
