"""What commands on many kernels share: the options, and complaints about kernels that could not be read."""

from __future__ import annotations

import sys

from btfkit.cli.options import Option
from btfkit.files import sysfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfkit.fleet.matrix import Column
    from btfkit.fleet.tree import Tree

KERNELS = Option(
    "--kernels",
    value="TREE",
    help="BTF files, kernel images, directories (also in BTFHub's layout), URLs, bundles",
    several=True,
)


RUNNING = sysfs.BTF  # the running kernel: its vmlinux and its modules


def file_and_names(operands: list[str], root: Callable[[str], str] = str) -> tuple[str, list[str]]:
    """The file or directory that the operands begin with, and the names after it; without a file, that of the running kernel.

    The first operand is a file if there is one, or if it is a path; otherwise, it is a name if it is the only operand, or the
    running kernel has it (`root(operand)` is the name of the type in it).
    """
    import os

    first, *rest = operands
    if first == "-" or "/" in first or os.path.exists(first) or not os.path.exists(f"{RUNNING}/vmlinux"):
        return first, rest
    if not rest:
        return RUNNING, operands
    from btfkit.btf_file import load
    from btfkit.errors import BtfError

    try:
        is_name = load(f"{RUNNING}/vmlinux").find_id(root(first)) is not None
    except (BtfError, OSError):
        is_name = False
    return (RUNNING, operands) if is_name else (first, rest)


def demand_running() -> str:
    """RUNNING; raises NotFoundError if the running kernel has no BTF."""
    import os

    if not os.path.exists(f"{RUNNING}/vmlinux"):
        from btfkit.errors import NotFoundError

        raise NotFoundError(f"no FILE, and the running kernel has no BTF ({RUNNING}/vmlinux)")
    return RUNNING


def is_directory(path: str) -> bool:
    """Whether an operand is a directory: that of a kernel."""
    import os

    return path != "-" and os.path.isdir(path)


def complain_of_modules(errors: Sequence[str]) -> bool:
    """Print the errors of modules that were skipped; returns whether there were any."""
    for text in errors:
        print(f"btfkit: module skipped: {text}", file=sys.stderr)
    return bool(errors)


def terminal_width() -> int | None:
    """The columns of the terminal; None if standard output is something else."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def complain(columns: Sequence[Column], tree: Tree, *, quiet: bool) -> bool:
    """Print which kernels and modules could not be read; returns whether there were any."""
    from btfkit.errors import printable

    for column in columns:
        if column.error:
            where = printable(column.source)
            print(f"btfkit: {column.error if where in column.error else f'{where}: {column.error}'}", file=sys.stderr)
        complain_of_modules(column.skipped)
    if tree.marks and not quiet:
        count = len(tree.marks)
        print(
            f"btfkit: {count} kernel{'s have' if count > 1 else ' has'} only a marker (.hasbtf, .failed)",
            file=sys.stderr,
        )
    for path, problem in tree.problems:
        print(f"btfkit: {printable(path)}: {problem}", file=sys.stderr)
    return bool(tree.problems) or any(column.error or column.skipped for column in columns)
