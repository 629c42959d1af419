"""A history as text and as JSON; `history_page` has the picture."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.fleet.history_values import MEMBER, spans_by_series
from btfkit.fleet.offsets_text import kernels_json
from btfkit.fleet.series import run_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.fleet.history_values import History, Line, Span, State

SCHEMA = 1
WITH_PARTS = ("struct", "union", "enum", "typedef")


def history_lines(found: History) -> Iterator[str]:
    """The time lines: for each series its kernels in ranges, and below each range what it has and what changed."""
    for number, line in enumerate(found.lines):
        if number:
            yield ""
        yield f"{printable(found.name)}: {line.kind}"
        for names, spans in joined_series(line):
            yield f"  {', '.join(names)}"
            for span in spans:
                yield f"    {_kernels(found, span, len(names))}"
                yield f"        {state_text(span.state, line.kind)}"
                yield from (f"          {change}" for change in span.changes)
                yield from (f"          guess: {guess}" for guess in span.guesses)


def joined_series(line: Line) -> Iterator[tuple[list[str], list[Span]]]:
    """(names, spans) of the series; those that have one and the same state throughout are joined."""
    joined: dict[object, tuple[list[str], list[Span]]] = {}
    for number, (series, spans) in enumerate(spans_by_series(line)):
        key: object = number
        if len(spans) == 1:
            key = line.key(spans[0].columns[0]), tuple(spans[0].guesses)
        if key in joined:
            joined[key][0].append(series.name)
            joined[key][1][0].columns += spans[0].columns
        else:
            joined[key] = [series.name], [_copied(spans[0])] if len(spans) == 1 else spans
    yield from joined.values()


def _copied(span: Span) -> Span:
    from btfkit.fleet.history_values import Span

    copy = Span(span.series, list(span.columns), span.state)
    copy.changes, copy.guesses = span.changes, span.guesses
    return copy


def _kernels(found: History, span: Span, series: int) -> str:
    if series == 1:
        return run_text(found.columns, span.columns)
    names = [printable(found.columns[column].name) for column in span.columns]
    return ", ".join(names) if len(names) <= 3 else f"{counted(len(names), 'kernel')}"


def state_text(state: State, kind: str) -> str:
    """What a kernel has, in one line: "at 24, 4 bytes, unsigned int", "184 bytes, 20 members", "int f(int)", "absent: why"."""
    if not state:
        return f"absent: {printable(state.absent)}"
    words = []
    if kind == MEMBER:
        words.append(f"at {state.offset}")
        words.append(f"{counted(state.bits, 'bit')} from bit {state.bit}" if state.bits else _size(state))
    elif kind in WITH_PARTS:
        words.append(_size(state))
        if state.parts:
            words.append(counted(len(state.parts), "enumerator" if kind == "enum" else "member"))
    words += [state.text] if state.text else []
    words += ["kfunc"] if state.kfunc else []
    words += [f"in {printable(state.module)}"] if state.module else []
    words += [f"the first of {state.definitions} definitions"] if state.definitions > 1 else []
    return ", ".join(words)


def _size(state: State) -> str:
    return counted(state.size, "byte") if state.size >= 0 else "no size"


# ---- JSON ------------------------------------------------------------------------------------------------------------


def as_json(found: History) -> dict[str, object]:
    """The JSON document (schema 1); `kernels` of a span are numbers of the list `kernels`."""
    return {
        "schema": SCHEMA,
        "name": found.name,
        "kernels": kernels_json(found.columns),
        "lines": [
            {"kind": line.kind, "spans": [_span_json(span, line.kind) for span in line.spans]} for line in found.lines
        ],
    }


def _span_json(span: Span, kind: str) -> dict[str, Any]:
    series = span.series
    return {
        "series": {"distro": series.distro, "arch": series.arch, "flavor": series.flavor},
        "kernels": span.columns,
        "state": state_json(span.state, kind),
        "changes": span.changes,
        "guesses": span.guesses,
    }


def state_json(state: State, kind: str) -> dict[str, Any]:
    """What a kernel has: offsets and sizes in bytes, those of members in bits."""
    if not state:
        return {"absent": state.absent}
    document: dict[str, Any] = {"text": state.text} if state.text else {}
    if kind == MEMBER:
        document |= {"offset": state.offset}
        document |= {"bit": state.bit, "bits": state.bits} if state.bits else {}
    if kind == MEMBER or kind in WITH_PARTS:
        document["size"] = state.size if state.size >= 0 else None
    if kind == "enum":
        document["enumerators"] = {part.name: part.offset for part in state.parts}
    elif kind in WITH_PARTS and state.parts:
        document["members"] = [
            {"name": part.name, "bit_offset": part.offset, "type": part.type, "bits": part.bits or part.size}
            for part in state.parts
        ]
    document |= {"kfunc": True} if state.kfunc else {}
    document |= {"module": state.module} if state.module else {}
    return document | ({"definitions": state.definitions} if state.definitions > 1 else {})
