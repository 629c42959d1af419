"""What commands on many kernels share: the options, and complaints about kernels that could not be read."""

from __future__ import annotations

import sys

from btfkit.cli.options import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.fleet.matrix import Column
    from btfkit.fleet.tree import Tree

KERNELS = Option(
    "--kernels",
    value="TREE",
    help="BTF files, kernel images, directories (also in BTFHub's layout), URLs, bundles",
    several=True,
)


def terminal_width() -> int | None:
    """The columns of the terminal; None if standard output is something else."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else None


def complain(columns: Sequence[Column], tree: Tree, *, quiet: bool) -> bool:
    """Print which kernels and modules could not be read; returns whether there were any."""
    from btfkit.errors import printable

    for column in columns:
        if column.error:
            where = printable(column.source)
            print(f"btfkit: {column.error if where in column.error else f'{where}: {column.error}'}", file=sys.stderr)
        for text in column.skipped:
            print(f"btfkit: module skipped: {text}", file=sys.stderr)
    if tree.marks and not quiet:
        count = len(tree.marks)
        print(
            f"btfkit: {count} kernel{'s have' if count > 1 else ' has'} only a marker (.hasbtf, .failed)",
            file=sys.stderr,
        )
    for path, problem in tree.problems:
        print(f"btfkit: {printable(path)}: {problem}", file=sys.stderr)
    return bool(tree.problems) or any(column.error or column.skipped for column in columns)
