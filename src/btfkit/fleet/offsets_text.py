"""A table of offsets as text for a terminal, as CSV and as JSON; `offsets_code` has the languages."""

from __future__ import annotations

import itertools

from btfkit.errors import counted, printable
from btfkit.fleet.offsets_code import code_lines
from btfkit.fleet.series import run_text, series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from btfkit.fleet.matrix import Column
    from btfkit.fleet.offsets import Cell, OffsetTable, Question

SCHEMA = 1
WIDTH = 80  # columns of output that is not a terminal
ABSENT = "-"  # in a column of numbers


def table_lines(table: OffsetTable, width: int = WIDTH) -> Iterator[str]:
    """A row for each path and a column for each kernel if they fit into `width` columns; otherwise a block for each path, with a
    line for each range of kernels.  Reasons for what is absent follow."""
    wide = _wide(table)
    if wide and all(len(line) <= width for line in wide):
        yield from wide
        for question, row in zip(table.questions, table.cells, strict=True):
            for reason in dict.fromkeys(cell.reason for cell in row if cell is not None and not cell):
                yield f"{printable(question.label)}: {printable(reason)}"
        return
    for number, question in enumerate(table.questions):
        if number:
            yield ""
        yield from _block(table, question, table.cells[number])


def _wide(table: OffsetTable) -> list[str]:
    usable = table.usable
    if not usable:
        return []
    rows = [["", *(printable(table.columns[column].name) for column in usable)]]
    for question, row in zip(table.questions, table.cells, strict=True):
        rows.append([printable(str(question)), *(_number(question, row[column]) for column in usable)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _number(question: Question, cell: Cell | None) -> str:
    """The place in a few letters: "2432", "18 bit 3, 2 bits", with the alternative if it is not the first path."""
    if not cell:
        return ABSENT
    text = f"{cell.offset} bit {cell.bit}, {counted(cell.bits, 'bit')}" if cell.bits else str(cell.offset)
    text += f" ({printable(question.paths[cell.alternative])})" if cell.alternative else ""
    return text + (f" [{printable(cell.module)}]" if cell.module else "")


def _block(table: OffsetTable, question: Question, row: Sequence[Cell | None]) -> Iterator[str]:
    yield printable(" or ".join(question.paths))
    usable = table.usable
    if len(usable) > 1 and all(row[column] == row[usable[0]] for column in usable):
        yield f"  {'  '.join(_described(question, row[usable[0]]))}  all {len(usable):,} kernels"
        return
    for series in series_of(table.columns, table.usable):
        yield f"  {series.name}"
        runs = series.runs(lambda column: (row[column], "") if row[column] else row[column])
        lines = [(*_described(question, row[run[0]]), run_text(table.columns, run)) for run in runs]
        widths = [max(len(line[i]) for line in lines) for i in range(3)]
        for offset, size, kind, kernels in lines:
            yield f"    {offset.rjust(widths[0])}  {size.ljust(widths[1])}  {kind.ljust(widths[2])}  {kernels}"


def _described(question: Question, cell: Cell | None) -> tuple[str, str, str]:
    """Offset, size and type of a cell; for what is absent, the reason as the type."""
    if not cell:
        return ABSENT, "absent", printable(cell.reason) if cell is not None else ""
    size = f"{counted(cell.bits, 'bit')} from bit {cell.bit}" if cell.bits else counted(cell.size, "byte")
    size = "no size" if cell.size < 0 else size
    kind = cell.type + (f" ({printable(question.paths[cell.alternative])})" if cell.alternative else "")
    return str(cell.offset), size, kind + (f" [{printable(cell.module)}]" if cell.module else "")


# ---- for other programs ----------------------------------------------------------------------------------------------


def csv_lines(table: OffsetTable) -> Iterator[str]:
    """A row for each path and a column for each kernel: the offset, OFFSET:BIT:BITS for a bitfield, nothing if absent."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    usable = table.usable
    writer.writerow(["path", *(printable(table.columns[column].name) for column in usable)])
    for question, row in zip(table.questions, table.cells, strict=True):
        writer.writerow([printable(str(question)), *(_csv_cell(row[column]) for column in usable)])
    yield from out.getvalue().splitlines()


def _csv_cell(cell: Cell | None) -> str:
    if not cell:
        return ""
    return f"{cell.offset}:{cell.bit}:{cell.bits}" if cell.bits else str(cell.offset)


def kernels_json(columns: Sequence[Column]) -> list[dict[str, object]]:
    """The kernels in JSON: their names, files, and what could not be read."""
    kernels: list[dict[str, object]] = []
    for column in columns:
        names = ("distro", "release", "arch", "uname")
        kernel: dict[str, object] = {"name": column.name, **dict(zip(names, column.key.parts, strict=True))}
        kernel["source"] = column.source
        if column.error:
            kernel["error"] = column.error
        if column.skipped:
            kernel["skipped_modules"] = column.skipped
        kernels.append(kernel)
    return kernels


def as_json(table: OffsetTable) -> dict[str, object]:
    """The JSON document (schema 1): kernels, and for each path a list of places in the order of the kernels."""
    rows = [
        {"paths": question.paths, "places": [_as_json(question, cell) for cell in row]}
        for question, row in zip(table.questions, table.cells, strict=True)
    ]
    return {"schema": SCHEMA, "kernels": kernels_json(table.columns), "rows": rows}


def _as_json(question: Question, cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    if not cell:
        return {"absent": cell.reason}
    document: dict[str, Any] = {"path": question.paths[cell.alternative], "offset": cell.offset}
    document |= {"size": cell.size if cell.size >= 0 else None, "type": cell.type}
    if cell.bits:
        document |= {"bit": cell.bit, "bits": cell.bits}
    return document | ({"module": cell.module} if cell.module else {})


def _json_lines(table: OffsetTable) -> Iterator[str]:
    from json import dumps

    yield from dumps(as_json(table), indent=1).splitlines()


FORMATS: dict[str, Callable[[OffsetTable], Iterator[str]]] = {
    "table": table_lines,
    "csv": csv_lines,
    "json": _json_lines,
    "c": lambda table: code_lines(table, "c"),
    "go": lambda table: code_lines(table, "go"),
    "rust": lambda table: code_lines(table, "rust"),
}


def lines_of(table: OffsetTable, form: str, width: int = WIDTH) -> Iterator[str]:
    """The lines of a table in one of FORMATS."""
    return table_lines(table, width) if form == "table" else itertools.chain(FORMATS[form](table))
