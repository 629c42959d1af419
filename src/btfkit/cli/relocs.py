"""`btfkit relocs`: show the value of each CO-RE relocation on a kernel, or why it has none."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import (
    JSON,
    LOADER,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    print_json,
    warn_of_second,
    warn_without_modules,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args


def run(args: Args) -> int:
    """Run the command."""
    from btfkit.btf_file import load
    from btfkit.cli.kernels import terminal_width
    from btfkit.co_re.outcome import STATUSES, WITHOUT_ANSWER, Counts
    from btfkit.co_re.program import load_objects
    from btfkit.co_re.relocations import relocation_lines, relocations
    from btfkit.errors import BtfError, printable
    from btfkit.loaded_kernel import load_modules

    if args.btf is None:
        raise UsageError("no target: use -b with the vmlinux to relocate against")
    skipped: list[str] = []
    on_error = (lambda error: skipped.append(in_words(error))) if args.keep_going else None
    objects = []
    for path in args.operands:
        try:
            objects += load_objects(path)
        except (BtfError, OSError) as error:
            if on_error is None:
                raise
            on_error(error)
    for obj in objects:
        for note in obj.notes:
            print(f"btfkit: {printable(obj.source)}: {note}", file=sys.stderr)
    vmlinux = load(args.btf, pointer_size=args.pointer_size)
    found = load_modules(args.modules, vmlinux, on_error)
    warn_of_second(vmlinux, *found.modules)
    warn_without_modules(found.empty)
    rows = relocations(objects, vmlinux, found.modules, loader=args.loader or "libbpf")
    counts = Counts(row.outcome for row in rows)
    statuses = WITHOUT_ANSWER if args.missing else STATUSES
    if args.json:
        listed = [row.as_json() for row in rows if row.status in statuses or row.outcome.misread]
        print_json({"schema": 1, "target": args.btf, "counts": counts.as_json(), "relocations": listed})
    else:
        for line in relocation_lines(rows, statuses, terminal_width()):
            print(line)
        if not args.quiet:
            print(counts, file=sys.stderr)
    for text in skipped:
        print(f"btfkit: skipped: {text}", file=sys.stderr)
    return FAILED if skipped else DONE if counts.all_answered else DIFFERS


COMMAND = Command(
    "relocs",
    "show the value of each CO-RE relocation of an object on a kernel",
    run,
    operands="OBJECT...",
    options=(
        Option("-b", "-B", "--base", "--btf", value="TARGET", help="the vmlinux to relocate against, in any container"),
        Option("-m", "--modules", value="FILE_OR_DIR", many=True, help="modules to search after it; may be repeated"),
        LOADER,
        POINTER_SIZE,
        Option("--missing", help="print only relocations without an answer"),
        Option("--keep-going", help="skip bad objects and modules, and exit with status 3"),
        JSON,
    ),
    details="""Each line shows function+instruction, kind, the access in C, and the answer.
Exit status 1 if an answer is missing or ambiguous, 3 if an input could not be read.""",
)
