"""`btfkit relocs`: what each CO-RE relocation of an object yields on a kernel, or why there is no answer."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE
from btfkit.cli.options import JSON, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args


def run(args: Args) -> int:
    """Run the command."""
    from btfkit.btf_file import load, load_modules
    from btfkit.co_re.program import load_objects
    from btfkit.co_re.relocations import STATUSES, WITHOUT_ANSWER, Counts, relocation_lines, relocations

    if args.btf is None:
        raise UsageError("-b TARGET is missing: the vmlinux BTF to relocate against")
    objects = [obj for path in args.operands for obj in load_objects(path)]
    vmlinux = load(args.btf)
    rows = relocations(objects, vmlinux, load_modules(args.modules, vmlinux).modules)
    counts = Counts(row.outcome for row in rows)
    statuses = WITHOUT_ANSWER if args.missing else STATUSES
    if args.json:
        from json import dumps

        listed = [row.as_json() for row in rows if row.status in statuses]
        print(dumps({"schema": 1, "target": args.btf, "counts": counts.as_json(), "relocations": listed}, indent=2))
    else:
        for line in relocation_lines(rows, statuses):
            print(line)
        if not args.quiet:
            print(counts, file=sys.stderr)
    return DONE if counts.all_answered else DIFFERS


COMMAND = Command(
    "relocs",
    "what each CO-RE relocation of an object yields on a kernel",
    run,
    operands="OBJECT...",
    options=(
        Option("-b", "--btf", value="TARGET", help="the vmlinux to relocate against, in any container"),
        Option("-m", "--modules", value="FILE_OR_DIR", many=True, help="modules that are searched behind it"),
        Option("--missing", help="only relocations without an answer"),
        JSON,
    ),
    details="""Each line: function+instruction, kind, the access in C, the answer.
Exit status 1 if one is missing or ambiguous.""",
)
