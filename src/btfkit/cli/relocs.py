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
    from btfkit.cli.summary import Counts, print_lines, relocation_lines
    from btfkit.co_re.program import load_objects
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target
    from btfkit.files.load import load, load_modules

    if args.btf is None:
        raise UsageError("-b TARGET is missing: the vmlinux BTF to relocate against")
    objects = [obj for path in args.operands for obj in load_objects(path)]
    vmlinux = load(args.btf)
    modules = load_modules(args.modules, vmlinux)
    outcomes = relocate(objects, Target(vmlinux, modules.btfs))
    counts = Counts(outcomes)
    if args.json:
        _print_json(args, objects, outcomes, counts)
    else:
        statuses = ("missing", "ambiguous", "error") if args.missing else ()
        print_lines(relocation_lines(objects, outcomes, statuses), to=sys.stdout)
        if not args.quiet:
            print(counts, file=sys.stderr)
    return DONE if counts.all_answered else DIFFERS


def _print_json(args: Args, objects: list, outcomes: list, counts: object) -> None:  # type: ignore[type-arg]
    from json import dumps

    from btfkit.cli.summary import Counts, relocation_objects

    assert isinstance(counts, Counts)
    statuses = ("missing", "ambiguous", "error") if args.missing else ()
    report = {
        "schema": 1,
        "target": args.btf,
        "counts": counts.as_dict(),
        "relocations": list(relocation_objects(objects, outcomes, statuses)),
    }
    print(dumps(report, indent=2))


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
