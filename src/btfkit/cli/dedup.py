"""`btfkit dedup`: merge equivalent types, in one file, in several that become one, or in all modules of a kernel."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE as EXIT_DONE
from btfkit.cli import file_work
from btfkit.cli.options import Command, Option, UsageError, print_json, refuse_overwriting
from btfkit.errors import counted
from btfkit.file_ops.dedup import NAMES, DedupedFile, DedupFiles, dedup_files
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "unchanged": SAME, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Dedup one file, several as one, or many, and report the results."""
    if _as_one(args):
        return _join(args)
    operation = DedupFiles(
        args.base,
        distill=args.distill,
        nearly=args.report,
        strip_signature=args.strip_signature,
        prove=not args.no_verify,
    )
    if args.distill and args.output == "-":
        raise UsageError("--distill writes two files for raw BTF, so not to standard output: use -o FILE")
    return file_work.perform(args, operation, "deduplicating", {"base": args.base}, LISTS, _lines, _summary)


def _as_one(args: Args) -> bool:
    """Whether several files become one."""
    if len(args.operands) < 2 or args.in_place or any(os.path.isdir(path) for path in args.operands):
        return False
    return bool(args.output) and not os.path.isdir(args.output) and not args.output.endswith(os.sep)


def _join(args: Args) -> int:
    """Join all inputs in one output, raw BTF."""
    from btfkit.errors import printable

    if args.distill:
        raise UsageError("--distill works on one module or a directory of modules, not on several files joined as one")
    refuse_overwriting([args.output], [args.base, *args.operands])
    joined = dedup_files(args.operands, args.output, args.base, nearly=args.report, prove=not args.no_verify)
    record = joined.record
    if args.json:
        notes = [{"path": path, "note": note} for path, note in joined.notes]
        lists = {"files": [record.as_json()], "unchanged": [], "without_btf": [], "failed": []}
        print_json({"schema": 1, "base": args.base, **lists, "notes": notes}, args.output)
    elif not args.quiet:
        lines = [
            f"{args.output}: {len(args.operands)} inputs, {_merged(record)}",
            *file_work.arrays_followed(record.arrays),
        ]
        lines += [f"{path}: .BTF.ext dropped (the result is raw BTF)" for path in joined.without_ext]
        lines += [f"{path}: {note}" for path, note in joined.notes]
        lines += _details(record) if args.report else ()
        for line in lines:
            print(printable(line), file=sys.stderr)
    return EXIT_DONE


# ---- what is printed -----------------------------------------------------------------------------------------------


def _merged(record: DedupedFile) -> str:
    gone = record.types_before - record.types
    return (
        f"{counted(record.types_before, 'type')}, {gone:,} merged, {record.types:,} left;"
        f" {record.bytes_before:,} bytes before, {record.bytes:,} now"
    )


def _lines(tally: Tally, operation: DedupFiles) -> Iterator[str]:
    for record in tally.records(DedupedFile):
        where = file_work.where(record.output)
        if record.base_types is not None:
            yield (
                f"{where}: {sum(record.merged.values()):,} of {counted(record.types_before, 'type')} merged; its base is now"
                f" {record.base_types:,} types, {record.base_bytes:,} bytes in {record.base_output or '.BTF.base'}"
            )
        else:
            yield f"{where}: {_merged(record)}"
        yield from file_work.arrays_followed(record.arrays)
        yield from file_work.notes(record)
    for result in tally.of(SAME):
        yield result.text
    if operation.nearly:
        for record in tally.records(DedupedFile, DONE, SAME):
            yield from _details(record)


def _details(record: DedupedFile) -> Iterator[str]:
    """What was merged, and what nearly was."""
    if record.merged:
        ranked = sorted(record.merged.items(), key=lambda item: (-item[1], item[0]))
        yield "merged: " + ", ".join(f"{count:,} {kind}" for kind, count in ranked)
    shown = [one for one in record.declarations if one.how or one.left]
    for one in shown[:NAMES]:
        what = f"{one.tag} {one.name}, declared {one.declarations} times"
        if one.how == "only":
            yield f"{what}: replaced by its definition"
        elif one.how:
            yield f"{what}, {one.definitions} definitions: replaced by the one that its context shows ({one.left} left)"
        else:
            yield f"{what}: kept, because {one.definitions} definitions differ and nothing shows which one applies"
    if len(shown) > NAMES:
        yield f"... and {len(shown) - NAMES:,} more declarations (--json lists all)"
    if record.nearly is not None:
        yield from (str(one["text"]) for one in record.nearly.first)
        if record.nearly.names > len(record.nearly.first):
            yield f"... and {record.nearly.names - len(record.nearly.first):,} more names with several types"


def _summary(tally: Tally, _: DedupFiles) -> Iterator[str]:
    first = f"{counted(tally.count(DONE), 'file')} deduplicated"
    if tally.count(DONE):
        first += (
            f": {counted(tally.sum('types_before'), 'type')} became {tally.sum('types'):,},"
            f" {tally.sum('bytes_before'):,} bytes became {tally.sum('bytes'):,}"
        )
    if tally.count(SAME):
        first += f", {tally.count(SAME):,} with nothing to merge"
    yield file_work.totals(first, tally, {WITHOUT: "without BTF", FAILED: "failed, unchanged"})


COMMAND = Command(
    "dedup",
    "merge equivalent types",
    run,
    operands="INPUT...",
    options=file_work.rewriting(
        Option("--report", help="list what was merged, and types that are nearly equivalent and how they differ"),
        Option("--distill", help="also give each module a small base of its own, as `btfkit distill` does"),
        output=Option(
            "-o",
            "--output",
            value="OUT",
            help="the file to write ('-': standard output; several INPUTs become one), or a directory for one file per INPUT",
        ),
    ),
    details="""\
INPUT is BTF in any container, or a directory of modules.  With -B, the INPUTs are split on that base, and types that it contains
are removed from them.  Raw BTF, BPF objects and modules are rewritten with the new BTF, and .BTF.ext and .BTF_ids are updated;
for a kernel file, the output is raw BTF.

  btfkit dedup one.btf two.btf -o both.btf              several as one
  btfkit dedup prog.bpf.o -o small.bpf.o                a BPF object with its .BTF.ext
  btfkit dedup my.ko -B vmlinux --distill -o out.ko     and give it a base of its own
  btfkit dedup /lib/modules/R -B vmlinux --in-place     all modules of a kernel""",
)
