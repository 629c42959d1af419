"""A diff as a page that can be searched and filtered (`templates/diff.*`)."""

from __future__ import annotations

from btfkit.errors import printable
from btfkit.show.diff_text import effects, plural, type_lines
from btfkit.show.html import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from btfkit.show.diff_values import Diff, Entry


def diff_page(found: Diff, modules: Mapping[str, Diff] | None = None) -> bytes:
    """The page of a diff, and of those of `modules` by name; raises UnsupportedError without jinja2."""
    old, new = (printable(btf.source or side) for side, btf in (("old", found.old), ("new", found.new)))
    items = list(_items(found, ""))
    counts = dict(found.counts)
    for name, one in (modules or {}).items():
        items += _items(one, f" [{printable(name)}]")
        for kind, some in one.counts.items():
            before = counts.get(kind, (0, 0, 0, 0))
            counts[kind] = before[0] + some[0], before[1] + some[1], before[2] + some[2], before[3] + some[3]
    data = {
        "counts": [[plural(kind), kind, *some] for kind, some in counts.items()],
        "effects": effects(found),
        "items": items,
    }
    return page("diff", "Differences", data, old=old, new=new)


def _items(found: Diff, where: str) -> Iterator[list[Any]]:
    """What differs, with the module (`where`) after the name."""
    for change in found.changed:
        title, *lines = type_lines(change)
        yield ["changed", change.kind, printable(change.name) + where, title.partition(": ")[2], lines]
    for what, entries in (("removed", found.removed), ("added", found.added)):
        for entry in entries:
            item = _one_sided(what, entry)
            item[2] += where
            yield item


def _one_sided(what: str, entry: Entry) -> list[Any]:
    mark = "  + " if what == "added" else "  - "
    size = f"{entry.size} bytes" if entry.size is not None and entry.kind in ("struct", "union") else ""
    return [what, entry.kind, printable(entry.name), size, [mark + entry.text] if entry.text else []]
