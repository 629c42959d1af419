"""A history as a page with a picture (`show/templates/history.*`): kernels across, the place in the struct down."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.fleet.history_text import state_text
from btfkit.fleet.history_values import MEMBER, spans_by_series
from btfkit.fleet.series import run_text
from btfkit.show.html import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.fleet.history_values import History, Line, Span, State

MOST = 80  # members that are drawn beside the one in question


def history_page(found: History) -> bytes:
    """The page, as UTF-8.  Raises UnsupportedError without jinja2."""
    lines = [{"kind": line.kind, "series": series_data(found, line)} for line in found.lines]
    name = printable(found.name)
    data = {"name": name, "member": name.rpartition(".")[2].partition("[")[0], "lines": lines}
    return page("history", f"History of {name}", data, kernels=counted(len(found.usable), "kernel"))


def series_data(found: History, line: Line) -> list[dict[str, Any]]:
    shown = []
    for series, spans in spans_by_series(line):
        columns = [column for span in spans for column in span.columns]
        position = {column: number for number, column in enumerate(columns)}
        shown.append(
            {
                "name": series.name,
                "kernels": [printable(found.columns[column].name) for column in columns],
                "layouts": _layouts(line, columns),
                "spans": [_span(found, line, span, position) for span in spans],
            }
        )
    return shown


def _span(found: History, line: Line, span: Span, position: dict[int, int]) -> dict[str, Any]:
    return {
        "from": position[span.columns[0]],
        "to": position[span.columns[-1]],
        "kernels": run_text(found.columns, span.columns),
        "absent": not span.state,
        "text": state_text(span.state, line.kind),
        "changes": span.changes,
        "guesses": span.guesses,
    }


def _layouts(line: Line, columns: list[int]) -> list[dict[str, Any]]:
    """What is drawn: runs of kernels (`from`, `to`) with one layout, its `size` in bytes and `boxes` of [name, offset and size in
    bits, type]."""
    runs: list[dict[str, Any]] = []
    for number, column in enumerate(columns):
        state = line.states[column]
        assert state is not None  # it was read
        layout = {"size": _size(line, state), "boxes": _boxes(line, state), "absent": not state}
        if runs and runs[-1]["layout"] == layout:
            runs[-1]["to"] = number
        else:
            runs.append({"from": number, "to": number, "layout": layout})
    return [{"from": run["from"], "to": run["to"], **run["layout"]} for run in runs]


def _size(line: Line, state: State) -> int:
    return max(state.holder_size if line.kind == MEMBER else state.size, 0)


def _boxes(line: Line, state: State) -> list[tuple[str, int, int, str]]:
    if line.kind == "enum":
        return []
    name = line.name.rpartition(".")[2].partition("[")[0]
    few = len(state.parts) <= MOST or line.kind != MEMBER
    return [
        (printable(part.name), part.offset, part.bits or part.size, part.type)
        for part in state.parts
        if few or part.name == name
    ]
