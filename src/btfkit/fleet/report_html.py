"""A matrix as one self-contained page: the picture, filters, and for each cell why.

The data of the page is small: rows are run lengths over the kernels in the order of their series; verdicts, findings, places and
hints are numbered; names that many kernels share are stored once.
"""

from __future__ import annotations

from btfkit.errors import counted
from btfkit.fleet.matrix import BREAKS, GUARDED, MISREADS, STATUSES, WORKS, columns_text
from btfkit.fleet.object_verdicts import object_grid, object_ranges
from btfkit.fleet.report import EFFECTS, names_text, reasons, summary_line
from btfkit.show.html import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.fleet.matrix import Matrix
    from btfkit.fleet.object_verdicts import ObjectVerdict

ROWS_WITHOUT_SCRIPT = 300  # of the table for a browser that runs no script


def page_bytes(matrix: Matrix, failures: list[tuple[int, int]]) -> bytes:
    """The page, as UTF-8.  Raises UnsupportedError without jinja2."""
    title = counted(len(matrix.programs), "program")
    title += f" on {counted(len(matrix.usable), 'kernel')}"
    broken = reasons(matrix, (BREAKS, MISREADS))
    rest = len(broken) - ROWS_WITHOUT_SCRIPT
    return page(
        "check",
        title,
        page_data(matrix, failures),
        summary=summary_line(matrix, len(failures)),
        broken=[
            (
                matrix.programs[reason.programs[0]].object,
                names_text(matrix, reason.programs),
                columns_text(matrix, reason.columns),
                reason.first.detail,
            )
            for reason in broken[:ROWS_WITHOUT_SCRIPT]
        ],
        objects=_object_rows(matrix)[:ROWS_WITHOUT_SCRIPT],
        more=counted(rest, "more reason") if rest > 0 else "",
    )


class _Table:
    """Numbers for distinct things, in the order of their first use."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}

    def __call__(self, thing: Any) -> int:
        return self.numbers.setdefault(thing, len(self.numbers))

    @property
    def rows(self) -> list[Any]:
        return list(self.numbers)


def page_data(matrix: Matrix, failures: list[tuple[int, int]]) -> dict[str, object]:
    """The data of the page, which `templates/check.js` reads."""
    series = [column for column in matrix.series if not matrix.columns[column].error]
    position = {column: number for number, column in enumerate(series)}
    words, findings, places, hints = _Table(), _Table(), _Table(), _Table()
    verdicts = []
    for cell in matrix.verdicts:
        program = matrix.programs[cell.program]
        numbers = []
        for finding in cell.findings:
            place = program.place_of(finding)
            at, hint = -1, -1
            if place is not None:
                at = places((place.where, place.function, place.source, place.access, place.kind))
                known_hint = matrix.hints.get((program.object, place.access))
                if known_hint is not None:
                    notes = tuple((position[column], text) for column, text in known_hint.notes if column in position)
                    hint = hints((position.get(known_hint.first, -1), position.get(known_hint.last, -1), notes))
            effect = EFFECTS.index(finding.effect)
            numbers.append(findings((effect, finding.detail, finding.subject, finding.unless, at, hint)))
        verdicts.append([STATUSES.index(cell.status), numbers])
    of_objects, grid = object_grid(matrix)
    failing: dict[int, list[int]] = {}
    for number, column in failures:
        failing.setdefault(number, []).append(position[column])
    return {
        "statuses": STATUSES,
        "effects": EFFECTS,
        "kernels": [_kernel(matrix, column, words) for column in series],
        "unusable": [[column.name, column.error] for column in matrix.columns if column.error],
        "programs": [[p.object, p.name, p.section, int(p.optional), int(p.required)] for p in matrix.programs],
        "rows": [_runs([row[column] for column in series]) for row in matrix.cells],
        "objects": [
            [name, _runs([row[column] for column in series])] for name, row in zip(matrix.objects, grid, strict=True)
        ],
        "object_verdicts": [[_rank(each), str(each)] for each in of_objects],
        "counted": [len(failing.get(number, ())) for number in range(len(matrix.programs))],
        "verdicts": verdicts,
        "findings": findings.rows,
        "places": places.rows,
        "hints": hints.rows,
        "warnings": matrix.warnings,
        "words": words.rows,
    }


def _rank(verdict: ObjectVerdict) -> int:
    """The number of the status whose colour a verdict on an object has; "works without" is between the others."""
    return STATUSES.index(GUARDED if verdict.programs or verdict.maps else verdict.status)


def _object_rows(matrix: Matrix) -> list[tuple[str, str, str]]:
    """(object, kernels, verdict) of the objects that do not just work."""
    return [
        (name, columns_text(matrix, part.columns), part.status)
        for name in matrix.objects
        for part in object_ranges(matrix, name)
        if part.status not in (WORKS, GUARDED)
    ]


def _kernel(matrix: Matrix, column: int, words: _Table) -> list[Any]:
    key = matrix.columns[column].key
    return [words(key.distro), words(key.release), words(key.arch), key.uname]


def _runs(row: list[int | None]) -> list[int]:
    """[verdict, how often, verdict, how often...]."""
    runs: list[int] = []
    for number in row:
        value = -1 if number is None else number
        if runs and runs[-2] == value:
            runs[-1] += 1
        else:
            runs += (value, 1)
    return runs
