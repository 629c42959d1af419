"""Runs every command with two builds over a corpus and compares what they print and write, byte for byte.

    python tools/compare_builds.py OLD NEW [-k SUBSTRING] [--quick] [--text]

OLD and NEW are the `btfkit` programs of two installations.  The corpus is $BTFKIT_CORPUS (see `make corpus`).  Each case runs
in a directory of its own with the same relative names.  Compared are standard output, the exit status and all files
written; --text also compares standard error.  Exit status 1: something differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MODULES = 60  # of each set of modules
OBJECTS = 8  # that cases with several objects use


class Case(NamedTuple):
    """A command line, and the name that it goes by."""

    name: str
    argv: list[str]


class Outcome(NamedTuple):
    """What a command did: its status, what it printed, and digests of the files that it wrote, by path."""

    status: int
    stdout: bytes
    stderr: bytes
    files: dict[str, str]


def prepare(corpus: Path, inputs: Path, program: str, *, quick: bool) -> None:
    """Put the inputs of all cases into `inputs`: kernels, some modules of each set (also distilled), kernel files and objects."""
    kernels = inputs / "k"
    kernels.mkdir(parents=True)
    for packed in sorted((corpus / "hub").rglob("*.btf.tar.xz")):
        with tarfile.open(packed) as tar:
            member = next(m for m in tar.getmembers() if m.isfile())
            (kernels / (packed.name.removesuffix(".tar.xz"))).write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]
    for packed in sorted((corpus / "modules").glob("*.tar.xz")):
        target = inputs / "m" / packed.name.removesuffix(".tar.xz")
        target.mkdir(parents=True)
        with tarfile.open(packed) as tar:
            members = sorted((m for m in tar.getmembers() if m.isfile()), key=lambda m: m.name)
            for member in members[:: max(1, len(members) // (MODULES // 4 if quick else MODULES))]:
                (target / Path(member.name).name).write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]
        command = [program, "distill", "-q", "-B", f"k/{target.name}.btf", f"m/{target.name}", "-o", f"d/{target.name}"]
        subprocess.run(command, cwd=inputs, check=True)
    shutil.copytree(corpus / "kernel-files", inputs / "f")
    shutil.copytree(corpus / "objects", inputs / "o")
    (inputs / "hub").symlink_to(corpus / "hub")


def cases(inputs: Path, *, quick: bool) -> Iterator[Case]:
    """The command lines; paths are relative to a directory where `in` is the inputs."""
    kernels = sorted(str(Path("in/k") / p.name) for p in (inputs / "k").iterdir())
    if quick:
        kernels = [k for k in kernels if "6.12.107" in k and "amd64" in k]
    sets = sorted(p.name for p in (inputs / "m").iterdir())
    objects = sorted(str(Path("in/o") / p.name) for p in (inputs / "o").glob("*.o"))
    few = objects[:: max(1, len(objects) // OBJECTS)]
    files = sorted(str(Path("in/f") / p.name) for p in (inputs / "f").iterdir())
    for kernel in kernels:
        k = Path(kernel).name
        yield Case(f"min {k}", ["min", kernel, "out.btf", *few, "--report", "all", "--json"])
        yield Case(f"relocs {k}", ["relocs", "-b", kernel, "--json", *few])
        yield Case(f"check {k}", ["check", *few[:3], "--json", "--kernels", kernel])
        yield Case(f"info {k}", ["info", "--json", kernel])
        yield Case(f"verify {k}", ["verify", "--json", kernel])
        yield Case(f"verify kernel {k}", ["verify", kernel, "--kernel"])
        yield Case(f"layout {k}", ["layout", kernel, "task_struct", "sk_buff", "--json"])
        yield Case(f"layout text {k}", ["layout", kernel, "task_struct", "sk_buff", "page"])
        yield Case(
            f"offset {k}", ["offset", kernel, "task_struct.pid", "sk_buff.len", "task_struct.se.vruntime", "--json"]
        )
        yield Case(f"find {k}", ["find", kernel, "tcp_*", "--json"])
        yield Case(f"find users {k}", ["find", kernel, "sk_buff", "--users"])
        yield Case(f"dump raw {k}", ["dump", kernel, "raw"])
        yield Case(f"dump c {k}", ["dump", kernel, "c"])
        yield Case(f"dump json {k}", ["dump", kernel, "json"])
        yield Case(f"dump c type {k}", ["dump", kernel, "c", "--type", "struct task_struct"])
        yield Case(f"sort {k}", ["sort", kernel, "-o", "out.btf", "--json"])
        yield Case(f"sanitize {k}", ["sanitize", kernel, "-o", "out.btf", "--for", "5.10", "--json"])
        yield Case(f"dedup {k}", ["dedup", kernel, "-o", "out.btf", "--json"])
        if k.startswith("6.12") and not quick:
            yield Case(f"diff {k}", ["diff", kernels[1], kernel, "--json"])
    for name in sets:
        base = f"in/k/{name}.btf"
        directory = f"in/m/{name}"
        modules = sorted(str(Path(directory) / p.name) for p in (inputs / "m" / name).iterdir())
        yield Case(f"distill {name}", ["distill", "-B", base, directory, "-o", "out", "--json"])
        yield Case(f"distill by-value {name}", ["distill", "-B", base, directory, "-o", "out", "--policy", "by-value"])
        yield Case(f"distill full {name}", ["distill", "-B", base, directory, "-o", "out", "--policy", "full", "-j1"])
        yield Case(f"reconcile {name}", ["reconcile", "-B", base, f"in/d/{name}", "-o", "out", "--json"])
        yield Case(
            f"reconcile upstream {name}",
            ["reconcile", "-B", kernels[-1], f"in/d/{name}", "-o", "out", "--rules", "upstream"],
        )
        yield Case(f"sort -m {name}", ["sort", base, "-m", directory, "-o", "out"])
        yield Case(
            f"sanitize -B {name}",
            ["sanitize", "-B", base, directory, "-o", "out", "--for", "5.10", "--base-out", "b.btf"],
        )
        yield Case(f"dedup -B {name}", ["dedup", "-B", base, *modules[:12], "-o", "out"])
        yield Case(f"merge {name}", ["merge", base, *modules[:12], "-o", "out.btf", "--json"])
        yield Case(f"min -m {name}", ["min", base, "-m", directory, "-o", "out", *few])
        yield Case(f"min --merge {name}", ["min", base, "-m", directory, "--merge", "-o", "out.btf", *few])
        yield Case(f"min -B {name}", ["min", "-B", base, modules[0], "out.btf", *few])
        yield Case(f"relocs -m {name}", ["relocs", "-b", base, "-m", directory, *few])
        yield Case(f"check -m {name}", ["check", *few[:3], "--json", "--kernels", base, "-m", directory])
        yield Case(f"extract {name}", ["extract", directory, "-o", "out"])
        for module in modules[:3]:
            m = Path(module).name
            yield Case(f"explain {m}", ["explain", module, "-B", kernels[-1], "--built-with", base, "--json"])
            yield Case(f"dump -B {m}", ["dump", "-B", base, module, "c"])
            yield Case(f"dump raw -B {m}", ["dump", "-B", base, module])
            yield Case(f"verify -B {m}", ["verify", "-B", base, module])
            yield Case(f"layout -B {m}", ["layout", "-B", base, module])
            yield Case(f"info -B {m}", ["info", "-B", base, module])
            yield Case(f"find -B {m}", ["find", "-B", base, module, "*"])
    for file in files:
        yield Case(f"info {Path(file).name}", ["info", file])
        yield Case(f"extract {Path(file).name}", ["extract", file, "-o", "out.btf"])
    for obj in few:
        yield Case(f"dump object {Path(obj).name}", ["dump", obj, "c"])
        yield Case(f"sort object {Path(obj).name}", ["sort", obj, "-o", "out.o"])
        yield Case(f"dedup object {Path(obj).name}", ["dedup", obj, "-o", "out.o"])
        yield Case(f"sanitize object {Path(obj).name}", ["sanitize", obj, "-o", "out.o", "--for", "libbpf:0.6"])
    if not quick:
        yield Case("min --archive", ["min", "--archive", "in/hub", "-o", "out", *few, "-j2"])
        yield Case("bundle create", ["bundle", "create", "out.btfb", "in/hub"])
        yield Case("check hub", ["check", *few, "--kernels", "in/hub", "--json"])
        yield Case("dedup kernels", ["dedup", *kernels[:4], "-o", "out"])
        yield Case("diff text", ["diff", kernels[0], kernels[1]])


def run(program: str, case: Case, place: Path, inputs: Path) -> Outcome:
    """Run a case in the empty directory `place`."""
    place.mkdir(parents=True)
    (place / "in").symlink_to(inputs)
    done = subprocess.run(
        [program, *case.argv], cwd=place, capture_output=True, stdin=subprocess.DEVNULL, timeout=900, check=False
    )
    files = {}
    for directory, _, names in os.walk(place):
        for name in names:
            path = Path(directory) / name
            if not path.is_symlink():
                files[str(path.relative_to(place))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return Outcome(done.returncode, done.stdout, done.stderr, files)


def differences(old: Outcome, new: Outcome, *, text: bool) -> Iterator[str]:
    """What differs, a sentence each."""
    if old.status != new.status:
        yield f"exit status {old.status} -> {new.status}"
    if old.stdout != new.stdout:
        yield f"standard output: {_first(old.stdout, new.stdout)}"
    if text and sorted(old.stderr.splitlines()) != sorted(new.stderr.splitlines()):  # workers end in any order
        yield f"standard error: {_first(old.stderr, new.stderr)}"
    for path in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(path) != new.files.get(path):
            where = (
                "differs"
                if path in old.files and path in new.files
                else "only old"
                if path in old.files
                else "only new"
            )
            yield f"file {path}: {where}"


def _first(old: bytes, new: bytes) -> str:
    a, b = old.splitlines(), new.splitlines()
    for number, (x, y) in enumerate(zip(a, b, strict=False), 1):
        if x != y:
            return f"line {number}: {x[:160]!r} -> {y[:160]!r}"
    return f"{len(a)} -> {len(b)} lines"


def main() -> int:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("-k", default="", help="only cases whose name holds this")
    parser.add_argument("--quick", action="store_true", help="one kernel, fewer modules")
    parser.add_argument("--text", action="store_true", help="compare standard error too")
    args = parser.parse_args()
    corpus = os.environ.get("BTFKIT_CORPUS") or os.path.expanduser("~/.cache/btfkit-corpus")
    if not os.path.isdir(corpus):
        parser.error(
            "no corpus: run `make corpus`, or set BTFKIT_CORPUS to a directory of kernels, modules and objects"
        )
    differing = total = 0
    with tempfile.TemporaryDirectory(prefix="compare-") as top:
        inputs = Path(top) / "inputs"
        prepare(Path(corpus), inputs, os.path.abspath(args.old), quick=args.quick)
        for number, case in enumerate(cases(inputs, quick=args.quick)):
            if args.k not in case.name:
                continue
            total += 1
            outcomes = []
            for side, program in (("old", args.old), ("new", args.new)):
                place = Path(top) / str(number) / side
                outcomes.append(run(os.path.abspath(program), case, place, inputs))
            shutil.rmtree(Path(top) / str(number))
            found = list(differences(*outcomes, text=args.text))
            if found:
                differing += 1
                print(f"DIFFERS {case.name}: btfkit {' '.join(case.argv)[:200]}")
                for line in found[:6]:
                    print(f"    {line}")
                sys.stdout.flush()
            elif outcomes[0].status not in (0, 1):
                print(
                    f"note    {case.name}: exit {outcomes[0].status}: {outcomes[0].stderr.decode(errors='replace')[:200]}"
                )
    print(f"{total} cases, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
