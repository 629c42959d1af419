"""The verdict on an object as a whole: libbpf loads all its programs or none, unless user space leaves some out.

for part in object_ranges(matrix, "opensnoop"):
    print(part.columns, part.status)       # "works without trace_new (autoload)"
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.fleet.matrix import BREAKS, GUARDED, MISREADS, WORKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.fleet.matrix import Matrix, Range

SHOWN = 3  # names in a verdict
BREAKING = (BREAKS, MISREADS)


class ObjectVerdict(NamedTuple):
    """Whether libbpf loads an object on a kernel, and every program of it works.

    `status`: WORKS, GUARDED or BREAKS.  `programs` (names) and `maps` are what user space has to leave out for that
    (bpf_program__set_autoload, bpf_map__set_autocreate); both are empty if the object works as it is, or breaks in any case.
    """

    status: str
    programs: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.programs and not self.maps:
            return self.status
        left_out = []
        if self.programs:
            left_out.append(f"{_names(self.programs)} (autoload)")
        if self.maps:
            left_out.append(f"map{'s' if len(self.maps) > 1 else ''} {_names(self.maps)} (autocreate)")
        return f"{WORKS} without {' and '.join(left_out)}"


def _names(names: tuple[str, ...]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def object_verdict(matrix: Matrix, programs: list[int], column: int) -> ObjectVerdict | None:
    """The verdict on the object with these `programs` (rows) on a kernel; None if that could not be read.

    Optional programs (SEC("?...")) are not loaded unless user space asks for them.
    """
    broken: list[str] = []
    maps: dict[str, None] = {}
    statuses: set[str] = set()
    loaded = 0
    for number in programs:
        verdict = None if matrix.columns[column].error else matrix.cells[number][column]
        if verdict is None:
            return None
        cell, program = matrix.verdicts[verdict], matrix.programs[number]
        whole = [finding for finding in cell.findings if finding.whole]
        if any(not finding.map for finding in whole):
            return ObjectVerdict(BREAKS)
        maps |= dict.fromkeys(finding.map for finding in whole)
        if program.optional:
            continue
        loaded += 1
        of_maps = {finding.map for finding in whole}
        breaks = any(
            finding.effect in BREAKING and not finding.whole and finding.subject not in of_maps
            for finding in cell.findings
        )
        if breaks:
            broken.append(program.name)
        elif not whole:
            statuses.add(cell.status)
    if loaded and len(broken) == loaded:
        return ObjectVerdict(BREAKS)
    return ObjectVerdict(GUARDED if GUARDED in statuses else WORKS, tuple(broken), tuple(maps))


def object_grid(matrix: Matrix) -> tuple[list[ObjectVerdict], list[list[int | None]]]:
    """The verdicts on objects, and for each object the number of that on each kernel, None if it could not be read."""
    rows: dict[str, list[int]] = {}
    for number, program in enumerate(matrix.programs):
        rows.setdefault(program.object, []).append(number)
    numbers: dict[ObjectVerdict, int] = {}
    grid: list[list[int | None]] = []
    for name in matrix.objects:
        programs = rows.get(name, [])
        known: dict[tuple[int | None, ...], int | None] = {}  # kernels with the same verdicts on all programs
        row: list[int | None] = []
        for column in range(len(matrix.columns)):
            cells = tuple([matrix.cells[program][column] for program in programs])
            if cells not in known:
                found = object_verdict(matrix, programs, column)
                known[cells] = None if found is None else numbers.setdefault(found, len(numbers))
            row.append(None if matrix.columns[column].error else known[cells])
        grid.append(row)
    return list(numbers), grid


def object_ranges(matrix: Matrix, name: str) -> list[Range]:
    """The kernels of an object, folded: in each series those with the same verdict, as text, that follow each other."""
    programs = [number for number, program in enumerate(matrix.programs) if program.object == name]
    return matrix.ranges(programs[0], lambda column: str(object_verdict(matrix, programs, column)))
