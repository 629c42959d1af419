"""`btfkit extract`: extract the BTF from one file, in any container, or from a directory of modules."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE as EXIT_DONE
from btfkit.cli import file_work
from btfkit.cli.options import JOBS, JSON, OUTPUT, Command, Option, UsageError, print_json, refuse_overwriting
from btfkit.errors import printable
from btfkit.file_ops.extract import ExtractFiles, extract_file
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args

BATCH = 16  # files that a process takes at a time
ALONE = 2 * BATCH  # fewer files are not worth starting processes


def run(args: Args) -> int:
    """Extract from one file, or from every module in a directory."""
    if args.ext and args.section:
        raise UsageError("--ext and --section exclude each other (--ext is --section .BTF.ext)")
    section = ".BTF.ext" if args.ext else args.section or ".BTF"
    path, *more = args.operands
    if more:
        raise UsageError(f"expected one FILE or DIRECTORY, got {len(args.operands)} arguments")
    if not args.output:
        raise UsageError("no output: use -o FILE ('-' for standard output), or -o DIRECTORY for a directory of modules")
    if path != "-" and os.path.isdir(path):
        if args.output == "-":
            raise UsageError(f"{path} is a directory, so -o must name a directory")
        return _directory(path, args, section)
    refuse_overwriting([args.output], [path])
    record = extract_file(path, args.output, section)
    if record.note:
        print(f"btfkit: {printable(record.path)}: {record.note}", file=sys.stderr)
    if args.json and args.output != "-":
        print_json({"schema": 1} | record.as_json())
    return EXIT_DONE


def _directory(path: str, args: Args, section: str) -> int:
    from btfkit.work.files import plan_extraction

    plan = plan_extraction(path, args.output)
    file_work.refuse_plan(plan, [])
    tally = file_work.run(args, ExtractFiles(section), plan, "extracting", size=BATCH, alone=ALONE)
    written, size, without = tally.count(DONE), tally.sum("bytes"), tally.count(WITHOUT)

    head = {"path": path, "section": section, "output": args.output}
    head |= {"written": written, "bytes": size, "without": without}
    first = f"{written:,} written to {args.output} ({size / 1e6:,.1f} MB)"
    line = file_work.totals(first, tally, {WITHOUT: f"without {section}", FAILED: "failed"})
    return file_work.report(args, plan, tally, head, {}, [line])


COMMAND = Command(
    "extract",
    "extract BTF from any container",
    run,
    operands="FILE|DIRECTORY",
    options=(
        OUTPUT,
        JSON,
        Option("--ext", help="extract the section .BTF.ext instead of .BTF"),
        Option("--section", value="NAME", help="extract the section NAME of the ELF file instead of .BTF"),
        JOBS,
    ),
    details="The modules of a DIRECTORY (*.ko and *.btf, compressed or not, or raw BTF) go to OUTPUT/NAME as in /sys/kernel/btf.",
)
