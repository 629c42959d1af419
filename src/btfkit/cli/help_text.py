"""Text of `--help` and of the manual, fitted into the width of a terminal.

The text is written for wide terminals: paragraphs, rows of a word and what it means, and command lines.  Only blocks with a line
that is too wide are arranged anew.
"""

from __future__ import annotations

import re
import textwrap

NARROW = 28  # columns that the right side of rows needs at least: otherwise it goes below the left side
MANUAL = 72  # columns of a page of the manual that is shown on 80
_ROW = re.compile(r"( +)(\S+(?: \S+)*)(?: {2,}(\S.*))?$")
_ENDS = (".", ":")
_OPTION = re.compile(r"( --?[\w-]+) (?=[^-\s])")


def for_terminal(text: str) -> str:
    """`text` in the width of the terminal, as argparse has it: $COLUMNS, or 80 if there is no terminal."""
    import shutil

    return fitted(text, shutil.get_terminal_size().columns)


def fitted(text: str, width: int) -> str:
    """`text` in lines of at most `width` columns, except for words that are longer."""
    lines: list[str] = []
    for block in _blocks(text):
        if all(len(line) <= width for line in block):
            lines += block
        elif block[0].startswith("usage:"):
            for line in block:
                lines += _filled(line, width, " " * 11)
        elif block[0].startswith(" "):
            lines += _rows(block, width)
        else:
            lines += _paragraph(block, width)
    return "\n".join(lines)


def _blocks(text: str) -> list[list[str]]:
    """Lines that belong together: up to an empty line, or to where indented lines begin or end."""
    blocks: list[list[str]] = []
    before = ""
    for line in text.splitlines():
        goes_on = (
            before and line and (before.startswith(" ") == line.startswith(" ") or blocks[-1][0].startswith("usage:"))
        )
        if goes_on:
            blocks[-1].append(line)
        else:
            blocks.append([line])
        before = line
    return blocks


def _paragraph(block: list[str], width: int) -> list[str]:
    """Lines whose sentence goes on in the next one are joined to it."""
    sentences: list[str] = []
    for line in block:
        if sentences and not sentences[-1].endswith(_ENDS):
            sentences[-1] += " " + line
        else:
            sentences.append(line)
    return [line for sentence in sentences for line in _filled(sentence, width)]


def _rows(block: list[str], width: int) -> list[str]:
    """Rows of two sides, or command lines, which a shell reads as one although they are several lines."""
    indent = block[0][: len(block[0]) - len(block[0].lstrip())]
    rows: list[list[str]] = []
    column = 0
    for line in block:
        found = _ROW.match(line)
        if rows and line.startswith(indent + " "):
            rows[-1][1] = f"{rows[-1][1]} {line.strip()}".lstrip()
        elif found:
            rows.append([found[2], found[3] or ""])
            column = max(column, found.start(3))
    beside = (
        column and width - column >= NARROW and all(len(indent + left) < column - 1 for left, right in rows if right)
    )
    lines: list[str] = []
    for left, right in rows:
        if right and beside:
            lines += _filled((indent + left).ljust(column) + right, width, " " * column)
            continue
        lines += _command(left, width, indent)
        lines += _filled(f"{indent}    {right}", width, f"{indent}    ") if right else []
    return lines


def _command(text: str, width: int, indent: str) -> list[str]:
    hanging = indent + " " * 8  # what a row means is by 4
    if not text.startswith("btfkit "):
        return _filled(indent + text, width, hanging)
    joined = _OPTION.sub("\\1\0", text)  # an option is not parted from its value
    lines = [line.replace("\0", " ") for line in _filled(indent + joined, width - 2, hanging)]
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def _filled(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
