"""`btfkit check`: on which kernels will which program break, where and why."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.options import JOBS, JSON, Command, Option, UsageError, refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.fleet.matrix import Matrix
    from btfkit.fleet.tree import Tree


def run(args: Args) -> int:
    """Run the command."""
    from btfkit.fleet.tree import find_kernels

    if not args.kernels:
        raise UsageError("--kernels PATH... is missing: BTF files, kernel images, folders or trees of them")
    if args.json and args.markdown:
        raise UsageError("--json and --markdown: which of them?")
    allowed = [_allowance(text) for text in args.allow]
    baseline = _baseline(args.baseline) if args.baseline else None
    refuse_overwriting([args.html], [*args.operands, args.baseline, *args.kernels, *args.modules])
    tree = find_kernels(args.kernels)
    matrix = _checked(args, tree)
    matrix.allowed = allowed
    matrix.baseline = baseline
    unknown = matrix.require(args.require)
    if unknown:
        raise UsageError(f"--require: no program {unknown[0]!r} in these objects")
    failures = list(matrix.failures())
    _write(args, matrix, failures)
    broken = _complain(matrix, tree, quiet=args.quiet)
    return FAILED if broken else DIFFERS if failures else DONE


def _checked(args: Args, tree: Tree) -> Matrix:
    from btfkit.errors import UnsupportedError
    from btfkit.fleet.check import check, parse_given
    from btfkit.work.progress import Progress

    try:
        given = parse_given(args.set)
    except UnsupportedError as error:
        raise UsageError(f"--set: {error.message}") from None
    with Progress(len(tree.kernels), "checking", wanted=not args.quiet) as progress:
        return check(
            args.operands,
            tree,
            args.modules,
            given=given,
            workers=args.jobs,
            observe=lambda done, total: progress.at(done),
        )


def _allowance(text: str) -> tuple[str, str]:
    program, mark, kernel = text.partition("@")
    if not mark or not program or not kernel:
        raise UsageError(f"--allow {text}: PROGRAM@KERNEL-GLOB is wanted, as in 'block_*@5.10.*'")
    return program, kernel


def _baseline(path: str) -> dict[tuple[str, str, str], str]:
    from json import loads

    from btfkit.errors import FormatError
    from btfkit.files.container import open_bytes
    from btfkit.fleet.report import read_baseline

    try:
        return read_baseline(loads(bytes(open_bytes(path))))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no baseline: {str(error)[:200]}", source=path) from None


def _write(args: Args, matrix: Matrix, failures: list[tuple[int, int]]) -> None:
    from btfkit.fleet.report import as_dict, markdown_lines, summary_line, text_lines

    if args.html:
        from btfkit.files.write import write_atomic
        from btfkit.fleet.report_html import page_bytes

        write_atomic(args.html, page_bytes(matrix, failures))
    if args.json:
        from json import dumps

        print(dumps(as_dict(matrix, failures), indent=1))
    elif args.markdown:
        sys.stdout.writelines(f"{line}\n" for line in markdown_lines(matrix, len(failures)))
    elif args.html != "-":
        sys.stdout.writelines(f"{line}\n" for line in text_lines(matrix, every=args.all))
    if not args.quiet:
        print(summary_line(matrix, len(failures)), file=sys.stderr)


def _complain(matrix: Matrix, tree: Tree, *, quiet: bool) -> bool:
    """Say what could not be read; whether there was something."""
    from btfkit.errors import printable

    for column in matrix.columns:
        if column.error:
            where = printable(column.source)
            print(f"btfkit: {column.error if where in column.error else f'{where}: {column.error}'}", file=sys.stderr)
    if tree.marks and not quiet:
        count = len(tree.marks)
        print(
            f"btfkit: {count} kernel{'s have' if count > 1 else ' has'} only a marker (.hasbtf, .failed)",
            file=sys.stderr,
        )
    for path, problem in tree.problems:
        print(f"btfkit: {printable(path)}: {problem}", file=sys.stderr)
    return bool(tree.problems) or any(column.error for column in matrix.columns)


COMMAND = Command(
    "check",
    "on which kernels programs will break, where and why",
    run,
    operands="OBJECT...",
    options=(
        Option(
            "--kernels", value="PATH", help="BTF files, kernel images, folders, trees in BTFHub's layout", several=True
        ),
        Option("-m", "--modules", value="FILE_OR_DIR", many=True, help="modules that are searched behind vmlinux"),
        Option(
            "--require",
            value="PROGRAM",
            many=True,
            help="it counts if this one breaks, and only such (a glob, OBJECT:NAME)",
        ),
        Option("--allow", value="PROGRAM@KERNEL-GLOB", many=True, help="it does not count if this one breaks there"),
        Option("--baseline", value="OLD.JSON", help="only what got worse since this report of --json counts"),
        Option(
            "--set",
            value="NAME=VALUE",
            many=True,
            help="what user space sets a const volatile variable or a kconfig extern to",
        ),
        Option("--all", help="also what is only worth a note"),
        JSON,
        Option("--markdown", help="print a table for a pull request"),
        Option("--html", value="FILE", help="also write a page to look through"),
        JOBS,
    ),
    details="""Exit status 1 if a program that counts breaks on some kernel; all count but optional ones (SEC("?...")).
docs/check.md says what "works", "works, guarded" and "breaks" mean, and what cannot be seen.""",
)
