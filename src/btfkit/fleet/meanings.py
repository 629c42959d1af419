"""Arguments that mean something else on some kernels: argument 4 of lsm/path_rename was the return value before 5.19.

A program finds the arguments of what it attaches to by their number, so the kernel accepts it if they were moved. The
newest kernel says what is expected; the programs that read another type, or the return value, on others get a warning
with both prototypes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.fleet.matrix import Matrix
    from btfkit.programs.arguments import Argument, ReadArgument


def add_meanings(matrix: Matrix) -> None:
    """Add the warnings to the verdicts of a matrix."""
    from btfkit.programs.attachments import WARNING
    from btfkit.programs.verdict import ProgramFinding

    newest_first = sorted(matrix.usable, key=lambda column: (matrix.columns[column].version, column), reverse=True)
    for number, row in enumerate(matrix.cells):
        expected: dict[int, tuple[ReadArgument, int]] = {}
        warned: set[int] = set()
        for column in newest_first:
            verdict = row[column]
            if verdict is None or verdict in warned:
                continue
            warned.add(verdict)
            cell = matrix.verdicts[verdict]
            for read in cell.arguments:
                start = read.argument.start
                other, newest = expected.setdefault(start, (read, column))
                if _meaning(other.argument) == _meaning(read.argument):
                    continue
                detail = (
                    f"word {read.argument.number} of the context is {_shown(read)}; on"
                    f" {matrix.columns[newest].name} it is {_shown(other)}"
                )
                subject = matrix.programs[number].section
                cell.findings += (ProgramFinding(WARNING, "argument-differs", detail, subject=subject),)


def _meaning(argument: Argument) -> tuple[object, ...]:
    """What has to be equal."""
    return argument.is_result, argument.kind, argument.of


def _shown(read: ReadArgument) -> str:
    return f"{read.argument} of {read.prototype}"
