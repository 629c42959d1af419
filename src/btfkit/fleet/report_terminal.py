"""The report of `check` for a terminal: lines broken at words, and colours.

for line in terminal_lines(text_lines(matrix), width=100, colours=True): print(line)
"""

from __future__ import annotations

import re

from btfkit.fleet.matrix import BREAKS, GUARDED, MISREADS, WORKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEAST = 40  # columns: what is narrower is not wrapped
INDENT = 4  # of the lines that continue one, beyond its own indent

_RED, _YELLOW, _GREEN, _CYAN, _BOLD, _DIM = (f"\x1b[{code}m" for code in ("31", "33", "32", "36", "1", "2"))
_PLAIN = "\x1b[0m"
_STATUS = re.compile(
    rf": (({re.escape(GUARDED)}|{re.escape(WORKS)} without|{re.escape(WORKS)}$|{re.escape(BREAKS)}$).*)"
)
_EFFECT = re.compile(rf": (breaks?|{re.escape(MISREADS)}|(?:is|are) guarded|warning|note) on ")
_STATUSES = {BREAKS: _RED, GUARDED: _YELLOW, WORKS: _GREEN}
_EFFECTS = {"break": _RED, "reads": _RED, "is gu": _YELLOW, "are g": _YELLOW, "warni": _YELLOW, "note": _DIM}


def terminal_lines(lines: Iterable[str], *, width: int | None, colours: bool) -> Iterator[str]:
    """`lines` of a report, wrapped to `width` columns (None: as they are), and coloured if `colours`."""
    for line in lines:
        parts = [line] if width is None or width < LEAST or len(line) <= width else wrapped(line, width)
        yield from (coloured(line, part) for part in parts) if colours else parts


def wrapped(line: str, width: int) -> list[str]:
    """A line as several of at most `width` columns, broken between words only; a longer word has a line of its own."""
    from textwrap import wrap

    indent = " " * (len(line) - len(line.lstrip()))
    return wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def coloured(line: str, part: str) -> str:
    """A `part` of a `line`, with colours by what the line is: a heading, a verdict, a reason, or source text."""
    if not line.strip():
        return part
    if line[0] == " " and (found := _STATUS.search(part)):
        return f"{part[: found.start(1)]}{_STATUSES.get(found[2], _YELLOW)}{found[1]}{_PLAIN}"
    if line[0] != " ":
        effect = _EFFECT.search(line)
        return f"{_BOLD}{_EFFECTS.get(effect[1][:5], _RED) if effect else ''}{part}{_PLAIN}"
    if line.startswith("    hint: "):
        return f"{_CYAN}{part}{_PLAIN}"
    if line.startswith(" " * 10):
        return f"{_DIM}{part}{_PLAIN}"
    return part
