"""`btfkit merge`: combine a vmlinux and its modules into one BTF."""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED, file_work, in_words
from btfkit.cli.options import (
    JSON,
    OUTPUT,
    Command,
    Option,
    UsageError,
    files_below,
    print_json,
    refuse_overwriting,
    warn_without_modules,
)
from btfkit.errors import counted, printable, some_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.file_ops.merge import MergedFiles
    from btfkit.passes.merge import Double, Merged

SCHEMA = 1
SHOWN = 6  # inputs of a type that are named


def run(args: Args) -> int:
    """Merge, write, and report the result."""
    from btfkit.file_ops.merge import merge_files

    if not args.output:
        raise UsageError("no output: use -o FILE ('-' for standard output)")
    refuse_overwriting([args.output], files_below(args.operands))
    skipped: list[str] = []
    on_error = (lambda error: skipped.append(in_words(error))) if args.keep_going else None
    vmlinux, *modules = args.operands
    done = merge_files(vmlinux, modules, args.output, prefer=args.prefer, dedup=not args.no_dedup, on_error=on_error)
    warn_without_modules(done.empty)
    for path, note in done.notes:
        print(f"btfkit: {printable(path)}: {printable(note)}", file=sys.stderr)
    for message in skipped:
        print(f"btfkit: skipped: {message}", file=sys.stderr)
    if args.json:
        _print_json(args, done, skipped)
    elif args.report:
        for line in report_lines(done.merged):
            print(line, file=sys.stderr)
    if not args.quiet and not args.json:
        for line in _summary(args, done):
            print(line, file=sys.stderr)
    return FAILED if skipped else DONE


def report_lines(merged: Merged) -> Iterator[str]:
    """The types that share a name, and where each comes from."""
    for double in merged.doubles:
        yield printable(f"{double.title}: {counted(len(double.types), 'type')}")
        for origin in double.types:
            yield printable(
                f"  {origin.type_id:>8}  {_described(merged.btf, origin.type_id)}; {some_of(origin.inputs, SHOWN)}"
            )
    for renamed in merged.renamed:
        yield printable(f"{renamed.name} of {some_of(renamed.inputs, SHOWN)} is now called {renamed.now}")


def _described(btf: Btf, type_id: int) -> str:
    from btfkit.btf import spec

    kind, size = btf.kind(type_id), btf.word(type_id, 2)
    if kind == spec.TYPEDEF:
        return f"of type {size}"
    count = btf.word(type_id, 1) & spec.MAX_VLEN
    what = {spec.INT: "", spec.FLOAT: ""}.get(kind, f", {counted(count, spec.KINDS[kind].vlen.removesuffix('s'))}")
    return f"{size:,} bytes{what}"


def _summary(args: Args, done: MergedFiles) -> Iterator[str]:
    merged, blob = done.merged, done.blob
    count = len(done.paths) - 1
    where = "standard output" if args.output == "-" else args.output
    before, after = sum(merged.before), len(merged.btf.positions)
    modules = counted(count, "module")
    of = f"of {before:,} of vmlinux and {modules}" if before != after else f"of vmlinux and {modules}"
    yield printable(f"{where}: {counted(after, 'type')} {of}, {len(blob):,} bytes")
    if done.without:
        yield printable(f"{counted(len(done.without), 'file')} without BTF skipped: {some_of(done.without)}")
    if merged.report is not None:
        yield from file_work.arrays_followed(merged.report.arrays)
    if merged.renamed:
        yield (
            f"{counted(len(merged.renamed), 'type')} renamed to NAME__MODULE, because {', '.join(args.prefer)}"
            f" {'has' if len(args.prefer) == 1 else 'have'} other types of these names"
        )
    yield from _warning(merged.doubles)


def _warning(doubles: tuple[Double, ...]) -> Iterator[str]:
    new = [double for double in doubles if not double.is_of_base]
    old = len(doubles) - len(new)
    if new:
        here = sum(1 for double in new if "vmlinux" in double.types[0].inputs)
        yield (
            f"{counted(len(new), 'name')} with several types (--report lists them), {here:,} of them names of vmlinux:"
            " CO-RE relocations"
            " that have one answer on vmlinux and modules may be ambiguous on this file (use --prefer vmlinux)"
        )
    if old:
        yield f"{counted(old, 'name')} with several types in vmlinux itself"


def _print_json(args: Args, done: MergedFiles, skipped: list[str]) -> None:
    merged = done.merged
    report = {
        "schema": SCHEMA,
        "output": args.output,
        "types": len(merged.btf.positions),
        "bytes": len(done.blob),
        "dedup": merged.report is not None,
        "inputs": [
            {"name": name, "path": path, "types": count}
            for name, path, count in zip(merged.names, done.paths, merged.before, strict=True)
        ],
        "duplicates": [
            {
                "kind": double.group,
                "name": double.name,
                "types": [{"id": origin.type_id, "inputs": list(origin.inputs)} for origin in double.types],
            }
            for double in merged.doubles
        ],
        "renamed": [
            {"id": one.type_id, "kind": one.group, "name": one.name, "now": one.now, "inputs": list(one.inputs)}
            for one in merged.renamed
        ],
        "arrays": (merged.report.arrays or None) if merged.report is not None else None,
        "without_btf": done.without,
        "notes": [{"path": path, "note": note} for path, note in done.notes],
        "left_out": skipped,
    }
    print_json(report, args.output)


COMMAND = Command(
    "merge",
    "combine a vmlinux and its modules into one BTF",
    run,
    operands="VMLINUX MODULE...",
    options=(
        OUTPUT,
        Option(
            "--prefer",
            value="NAME",
            many=True,
            help="if types of one name differ, those of this input (vmlinux or a module) keep it; may be repeated",
        ),
        Option("--no-dedup", help="do not merge equivalent types"),
        Option("--report", help="list names that have several types, and the inputs of each"),
        Option("--keep-going", help="skip bad modules, and exit with 3"),
        JSON,
    ),
    details="""VMLINUX is a kernel's BTF in any container, MODULE a .ko or raw split BTF, a directory of them, or a tar.

  btfkit merge vmlinux /lib/modules/R -o whole.btf
  btfkit merge vmlinux nf_conntrack.ko xfs.ko -o three.btf --prefer vmlinux

Equivalent types are merged; different types of one name are all kept.  CO-RE searches modules only for types that vmlinux does
not have, but in one file all types are candidates: --prefer vmlinux keeps the answers the same.  The other types of these names
are kept as NAME__MODULE, since their modules refer to them.""",
)
