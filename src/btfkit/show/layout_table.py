"""Layouts as tables: members for data frames (`tables`), and views for notebooks and terminals (rich)."""

from __future__ import annotations

from btfkit.btf.spelling import Spelling
from btfkit.errors import counted, printable
from btfkit.tables import table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from btfkit.show.layout import Layout
    from btfkit.tables import Table

COLUMNS = (
    *("owner", "owner_id", "kind", "member", "type", "type_id", "offset", "size", "hole"),
    *("bit_offset", "bits", "bit_hole"),
)


def members_table(layouts: Iterable[Layout]) -> Table:
    """A row for each member, by columns.

    `owner`, `owner_id` and `kind` ("struct" or "union"); `member`, `type` and `type_id`; `offset`, `size` and `hole` after it in
    bytes; `bit_offset`, `bits` (0: not a bitfield) and `bit_hole` in bits.
    """
    return table_of(COLUMNS, _members(layouts))


def _members(layouts: Iterable[Layout]) -> Iterator[tuple[Any, ...]]:
    names: dict[int, Spelling] = {}
    for found in layouts:
        spelling = names.setdefault(id(found.btf), Spelling(found.btf))
        for field in found.members:
            yield (
                *(found.name, found.type_id, found.keyword, field.name, spelling[field.type_id], field.type_id),
                *(field.offset, field.size, max(field.hole, 0), field.bit_offset, field.bits, field.bit_hole),
            )


def caption(found: Layout) -> str:
    """ "struct list_head: 16 bytes, 1 cache line, 2 members"."""
    name = f"{found.keyword} {printable(found.name)}" if found.name else f"anonymous {found.keyword}"
    parts = [
        counted(found.size, "byte"),
        counted(found.cachelines, "cache line"),
        counted(len(found.members), "member"),
    ]
    if found.holes:
        parts.append(f"{counted(found.holes, 'hole')} of {counted(found.sum_holes, 'byte')}")
    if found.padding > 0:
        parts.append(f"{counted(found.padding, 'byte')} of padding")
    return f"{name}: {', '.join(parts)}"


def rows(found: Layout) -> list[tuple[str, str, str, str]]:
    """The cells of a table for readers: offset, size, member and type; a gap has no member."""
    spelling = Spelling(found.btf)
    cells = [_gap(0, found.pre_hole, "hole")] if found.pre_hole > 0 else []
    for field in found.members:
        where, size = str(field.offset), str(field.size)
        if field.bits:
            where, size = f"{field.offset}:{field.first_bit}", counted(field.bits, "bit")
        cells.append((where, size, printable(field.name), printable(spelling[field.type_id])))
        if field.hole > 0:
            end = field.offset + field.size
            if field.bits:
                end = -(-(field.bit_offset + field.bits) // 8)
            cells.append(_gap(end, field.hole, "hole"))
    if found.padding > 0:
        cells.append(_gap(found.size - found.padding, found.padding, "padding"))
    return cells


def _gap(offset: int, size: int, what: str) -> tuple[str, str, str, str]:
    return str(offset), str(size), "", f"({what})"


def html_table(found: Layout) -> str:
    """A table for a notebook."""
    from html import escape

    head = "".join(f"<th>{name}</th>" for name in ("offset", "size", "member", "type"))
    lines = [
        f'<td style="text-align:right">{escape(where)}</td><td style="text-align:right">{escape(size)}</td>'
        f'<td style="text-align:left"><b>{escape(name)}</b></td><td style="text-align:left"><code>{escape(kind)}</code></td>'
        for where, size, name, kind in rows(found)
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f"<table><caption>{escape(caption(found))}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def rich_table(found: Layout) -> Any:
    """A table for `rich.print`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(caption(found)), title_justify="left")
    table.add_column("offset", justify="right")
    table.add_column("size", justify="right")
    table.add_column("member")
    table.add_column("type")
    for where, size, name, kind in rows(found):
        style = None if name or not kind.startswith("(") else "red"
        table.add_row(Text(where), Text(size), Text(name), Text(kind), style=style)
    return table
