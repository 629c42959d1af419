"""`btfkit dedup`: merge equivalent types, in one file, in several that become one, or in all modules of a kernel."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE as EXIT_DONE
from btfkit.cli import file_work
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError, refuse_overwriting
from btfkit.file_ops.dedup import NAMES, DedupedFile, DedupFiles, dedup_files
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "unchanged": SAME, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Dedup one file, several as one, or many, and report what became of them."""
    if _as_one(args):
        return _join(args)
    operation = DedupFiles(
        args.base,
        distill=args.distill,
        nearly=args.report,
        strip_signature=args.strip_signature,
        prove=not args.no_verify,
    )
    plan = file_work.plan(args, operation)
    if args.distill and any(job.output == "-" for job in plan.jobs):
        raise UsageError("--distill: standard output has no place for the base as well, use -o FILE")
    tally = file_work.run(args, operation, plan, "deduplicating")
    head = {"schema": 1, "base": args.base}
    return file_work.report(
        args,
        plan,
        tally,
        lambda: head | file_work.records(tally, LISTS),
        _summary(tally) if plan.many else _lines(tally, args.report),
    )


def _as_one(args: Args) -> bool:
    """Whether several files are to become one."""
    if len(args.operands) < 2 or args.in_place or any(os.path.isdir(path) for path in args.operands):
        return False
    return bool(args.output) and not os.path.isdir(args.output) and not args.output.endswith(os.sep)


def _join(args: Args) -> int:
    """All inputs in one output, raw BTF."""
    from btfkit.errors import printable

    if args.distill:
        raise UsageError("--distill is for one module, or a directory of them")
    refuse_overwriting([args.output], [args.base, *args.operands])
    joined = dedup_files(args.operands, args.output, args.base, nearly=args.report, prove=not args.no_verify)
    record = joined.record
    if args.json:
        import json

        lists = {"files": [record.as_json()], "unchanged": [], "without_btf": [], "failed": []}
        report = {"schema": 1, "base": args.base, **lists}
        print(json.dumps(report, indent=2), file=sys.stderr if args.output == "-" else sys.stdout)
    elif not args.quiet:
        lines = [f"{args.output}: {len(args.operands)} inputs, {_merged(record)}"]
        lines += [f"{path}: its .BTF.ext is not in the result, which is BTF alone" for path in joined.without_ext]
        lines += _details(record) if args.report else ()
        for line in lines:
            print(printable(line), file=sys.stderr)
    return EXIT_DONE


# ---- what is printed -----------------------------------------------------------------------------------------------


def _merged(record: DedupedFile) -> str:
    gone = record.types_before - record.types
    return (
        f"{record.types_before:,} types, {gone:,} merged away, {record.types:,} left;"
        f" {record.bytes_before:,} bytes before, {record.bytes:,} now"
    )


def _lines(tally: Tally, details: bool) -> Iterator[str]:
    for result in tally.of(DONE):
        record = result.record
        assert isinstance(record, DedupedFile)
        where = file_work.where(record.output)
        if record.base_types is not None:
            yield (
                f"{where}: {sum(record.merged.values()):,} of {record.types_before:,} types merged away; its base is now"
                f" {record.base_types:,} types, {record.base_bytes:,} bytes in {record.base_output or '.BTF.base'}"
            )
        else:
            yield f"{where}: {_merged(record)}"
        yield from file_work.notes(record)
    for result in tally.of(SAME):
        yield result.text
    if details:
        for result in tally.of(DONE, SAME):
            assert isinstance(result.record, DedupedFile)
            yield from _details(result.record)


def _details(record: DedupedFile) -> Iterator[str]:
    """What was merged, and what nearly was."""
    if record.merged:
        ranked = sorted(record.merged.items(), key=lambda item: (-item[1], item[0]))
        yield "merged: " + ", ".join(f"{count:,} {kind}" for kind, count in ranked)
    shown = [one for one in record.declarations if one.how or one.left]
    for one in shown[:NAMES]:
        what = f"{one.tag} {one.name}, declared {one.declarations} times"
        if one.how == "only":
            yield f"{what}: became its definition"
        elif one.how:
            yield f"{what}, {one.definitions} definitions: became the one that its context shows ({one.left} left)"
        else:
            yield f"{what}: stays a declaration, for {one.definitions} definitions differ and nothing shows which is meant"
    if len(shown) > NAMES:
        yield f"... and {len(shown) - NAMES:,} more declarations (--json lists all)"
    if record.nearly is not None:
        yield from (str(one["text"]) for one in record.nearly.first)
        if record.nearly.names > len(record.nearly.first):
            yield f"... and {record.nearly.names - len(record.nearly.first):,} more names with several types"


def _summary(tally: Tally) -> Iterator[str]:
    first = f"{tally.count(DONE):,} files deduplicated"
    if tally.count(DONE):
        first += (
            f": {tally.sum('types_before'):,} types became {tally.sum('types'):,},"
            f" {tally.sum('bytes_before'):,} bytes {tally.sum('bytes'):,}"
        )
    if tally.count(SAME):
        first += f", {tally.count(SAME):,} with nothing to merge"
    yield file_work.counted(first, tally, {WITHOUT: "without BTF", FAILED: "failed, unchanged"})


COMMAND = Command(
    "dedup",
    "merge equivalent types",
    run,
    operands="INPUT...",
    options=(
        BASE,
        Option(
            "-o",
            "--output",
            value="OUT",
            help="the file to write ('-': standard output); several INPUTs become one; or a directory, and each stays a file",
        ),
        file_work.IN_PLACE,
        Option("--report", help="list what was merged, and what nearly was and why not"),
        Option("--distill", help="then give each module a small base of its own, as `btfkit distill` does"),
        file_work.STRIP,
        file_work.NO_VERIFY,
        JOBS,
        JSON,
    ),
    details="""INPUT is BTF in any container, or a directory of modules.  With -B the INPUTs are split on that base: what it
has is removed from them.  Raw BTF, BPF objects and modules come out as the same file with other BTF in it, .BTF.ext and .BTF_ids
following; of a kernel's file the raw BTF comes out.

  btfkit dedup one.btf two.btf -o both.btf              several as one
  btfkit dedup prog.bpf.o -o small.bpf.o                a BPF object, .BTF.ext along
  btfkit dedup my.ko -B vmlinux --distill -o out.ko     and then a base of its own
  btfkit dedup /lib/modules/R -B vmlinux --in-place     all modules of a kernel""",
)
