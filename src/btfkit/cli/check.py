"""`btfkit check`: find which kernels a program breaks on, and why."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.options import (
    COLOR,
    JOBS,
    JSON,
    LOADER,
    Command,
    Option,
    UsageError,
    files_below,
    has_colours,
    refuse_overwriting,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.fleet.matrix import Matrix
    from btfkit.fleet.tree import Tree


def run(args: Args) -> int:
    """Run the command."""
    from btfkit.fleet.check import UnknownProgram, check
    from btfkit.fleet.objects import object_files, told_apart
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.progress import Progress

    if args.json and args.markdown:
        raise UsageError("--json and --markdown do not go together")
    given = _parsed(args)
    several = len(args.kernels) > 1 and not args.operands
    objects, kernels = told_apart(args.kernels, directories=several)
    objects = [*args.operands, *objects]
    if not objects:
        raise UsageError("no objects: expected OBJECT... (files or directories)")
    if not kernels:
        raise UsageError(
            "no kernels: use --kernels PATH... (BTF files, kernel images, directories of them, or bundles)"
        )
    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    objects = object_files(objects)
    tree = find_kernels(kernels)
    inputs = [*objects, *kernels, args.baseline, *tree.files(), *files_below(args.modules), *args.kallsyms]
    refuse_overwriting([args.html, args.report], inputs)
    with Progress(
        len(tree.kernels), "checking", wanted=not args.quiet, unit="kernels", then=("comparing",)
    ) as progress:
        try:
            matrix = check(
                objects,
                tree,
                args.modules,
                given=given,
                require=args.require,
                allow=args.allow,
                baseline=args.baseline,
                loader=args.loader or "libbpf",
                kallsyms=args.kallsyms,
                workers=args.jobs,
                observe=progress.at,
            )
        except UnknownProgram as error:
            raise UsageError(f"--require: {error.message}") from None
    failures = list(matrix.failures())
    _write(args, matrix, failures)
    broken = _complain(matrix, tree, quiet=args.quiet)
    return FAILED if broken else DIFFERS if failures else DONE


def _parsed(args: Args) -> dict[str, int]:
    """The values of --set; raises UsageError if that or --allow is malformed."""
    from btfkit.errors import UnsupportedError
    from btfkit.fleet.check import parse_allowed, parse_given

    option = "--allow"
    try:
        for text in args.allow:
            parse_allowed(text)
        option = "--set"
        return parse_given(args.set)
    except UnsupportedError as error:
        raise UsageError(f"{option}: {error.message}") from None


def _write(args: Args, matrix: Matrix, failures: list[tuple[int, int]]) -> None:
    from btfkit.cli.kernels import terminal_width
    from btfkit.fleet.report import as_dict, markdown_lines, summary_line, text_lines

    if args.html is not None:
        from btfkit.files.write import write_atomic
        from btfkit.fleet.report_html import page_bytes

        write_atomic(args.html, page_bytes(matrix, failures))
    if args.report is not None or args.json:
        from btfkit.files.write import write_atomic
        from btfkit.fleet.json_pieces import json_pieces

        document = as_dict(matrix, failures)
        if args.report is not None:
            write_atomic(args.report, b"".join(piece.encode() for piece in json_pieces(document)))
        if args.json:
            sys.stdout.writelines(json_pieces(document))
    if args.markdown:
        sys.stdout.writelines(f"{line}\n" for line in markdown_lines(matrix, len(failures)))
    elif not args.json and "-" not in (args.html, args.report):
        from btfkit.fleet.report_terminal import terminal_lines

        lines = terminal_lines(
            text_lines(matrix, every=args.all), width=terminal_width(), colours=has_colours(args.color, None)
        )
        sys.stdout.writelines(f"{line}\n" for line in lines)
    if not args.quiet:
        print(summary_line(matrix, len(failures)), file=sys.stderr)


def _complain(matrix: Matrix, tree: Tree, *, quiet: bool) -> bool:
    """Print what could not be read; returns whether there was anything."""
    from btfkit.cli.kernels import complain

    for _, error in matrix.unread:
        print(f"btfkit: skipped: {error}", file=sys.stderr)
    return complain(matrix.columns, tree, quiet=quiet) or bool(matrix.unread)


COMMAND = Command(
    "check",
    "find which kernels a program breaks on, and why",
    run,
    operands="OBJECT...?",
    options=(
        Option(
            "--kernels",
            value="PATH",
            help="BTF files, kernel images, directories (also in BTFHub's layout), bundles; objects among them are OBJECTs",
            several=True,
        ),
        Option("-m", "--modules", value="FILE_OR_DIR", many=True, help="modules to search after the vmlinux"),
        Option(
            "--require",
            value="PROGRAM",
            many=True,
            help="fail only if this program breaks (a glob, or OBJECT:NAME)",
        ),
        Option(
            "--allow",
            value="PROGRAM@KERNEL-GLOB",
            many=True,
            help="do not fail if this program breaks on these kernels",
        ),
        Option("--baseline", value="OLD.JSON", help="fail only for what got worse since this --json report"),
        Option(
            "--set",
            value="NAME=VALUE",
            many=True,
            help="the value that user space gives a const volatile variable or a kconfig extern",
        ),
        Option(
            "--kallsyms",
            value="FILE_OR_DIR",
            many=True,
            help="symbol tables (System.map, /proc/kallsyms) for externs that BTF does not describe",
        ),
        LOADER,
        Option("--all", help="show notes too"),
        JSON,
        Option("--report", value="FILE", help="also write the JSON report to FILE, for a later --baseline"),
        Option("--markdown", help="print a table for a pull request"),
        Option("--html", value="FILE", help="also write an HTML page"),
        COLOR,
        JOBS,
    ),
    details="""Exit status 1 if a program breaks on a kernel; optional programs (SEC("?...")) do not count unless required.
The documentation explains "works", "works, guarded" and "breaks", and the limits of the analysis.""",
)
