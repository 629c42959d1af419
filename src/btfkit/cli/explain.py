"""`btfkit explain`: whether a kernel accepts a module's BTF, and if not, why and what to do."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError, print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.file_ops.explain import Explanation

SCHEMA = 1
SHOWN = 6  # findings and signs of a kind without --all


def run(args: Args) -> int:
    """Explain, for one kernel (-B) or a tree of them (--kernels)."""
    if not args.base and not args.kernels:
        raise UsageError("no kernel: use -B with its vmlinux, or --kernels TREE for many")
    if args.kernels and not os.path.isdir(args.kernels):
        raise UsageError(f"--kernels {args.kernels}: not a directory")
    from btfkit.file_ops.explain import explain
    from btfkit.file_ops.module_on_kernel import TAKES, read_module

    (path,) = args.operands
    module = read_module(path, args.distilled_base, args.built_with)
    report: dict[str, object] = {"schema": SCHEMA, "module": path, "distilled": module.section or None}
    found: Explanation | None = None
    if args.base:
        found = explain(module, args.base)
        if args.json:
            report["kernel"] = found.as_json()
        elif not (args.quiet and found):
            _print(found.lines(None if args.all else SHOWN))
    status = DONE if found else DIFFERS
    if args.kernels:
        from btfkit.cli import file_work
        from btfkit.file_ops import operation
        from btfkit.fleet.explain import ALONE, SIZE, OnKernels, plan_kernels, table

        work = OnKernels((path, args.distilled_base, args.built_with), args.kernels)
        tally = file_work.run(args, work, plan_kernels(args.kernels), "kernels", size=SIZE, alone=ALONE)
        rows: list[Any] = [result.record for result in tally.of(operation.DONE)]
        report["kernels"] = [vars(row) for row in rows]
        if not args.json:
            _print(table(rows, args.kernels), wraps=False)
        if tally.count(operation.FAILED) or not rows:
            status = FAILED
        elif found is None and all(row.verdict == TAKES for row in rows):
            status = DONE
    if args.json:
        print_json(report)
    return status


def _print(lines: Iterable[str], *, wraps: bool = True) -> None:
    """Print the lines, in the width of the terminal if they are text."""
    from btfkit.cli.kernels import terminal_width
    from btfkit.errors import printable
    from btfkit.fleet.report_terminal import terminal_lines

    width = terminal_width() if wraps else None
    shown = terminal_lines(map(printable, lines), width=width, colours=False)
    sys.stdout.write("".join(line + "\n" for line in shown))


COMMAND = Command(
    "explain",
    "explain whether a kernel accepts a module's BTF, and if not, why",
    run,
    operands="MODULE",
    options=(
        BASE,
        Option("--kernels", value="TREE", help="judge every kernel in a directory tree (BTFHub's layout too)"),
        Option(
            "--built-with", value="FILE", help="the vmlinux that the module was built with, to show what changed since"
        ),
        Option("--distilled-base", value="FILE", help="the distilled base, if MODULE is raw BTF"),
        Option("--all", help=f"print all findings, not the first {SHOWN}"),
        JOBS,
        JSON,
    ),
    details="""Exit status: 0 accepted, 1 rejected (or accepted but wrong), 3 an input could not be read.

  btfkit explain my.ko -B /sys/kernel/btf/vmlinux
  btfkit explain my.ko --kernels btfhub-archive/debian --built-with vmlinux""",
)
