"""A diff as a page that can be searched and filtered (`templates/diff.*`)."""

from __future__ import annotations

from btfkit.errors import printable
from btfkit.show.diff_text import effects, plural, type_lines
from btfkit.show.html import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.show.diff_values import Diff, Entry


def diff_page(found: Diff) -> bytes:
    """The page of a diff; raises UnsupportedError without jinja2."""
    old, new = (printable(btf.source or side) for side, btf in (("old", found.old), ("new", found.new)))
    items = []
    for change in found.changed:
        title, *lines = type_lines(change)
        items.append(["changed", change.kind, printable(change.name), title.partition(": ")[2], lines])
    items += [_one_sided("removed", entry) for entry in found.removed]
    items += [_one_sided("added", entry) for entry in found.added]
    data = {
        "counts": [[plural(kind), kind, *counts] for kind, counts in found.counts.items()],
        "effects": effects(found),
        "items": items,
    }
    return page("diff", "Differences", data, old=old, new=new)


def _one_sided(what: str, entry: Entry) -> list[Any]:
    mark = "  + " if what == "added" else "  - "
    size = f"{entry.size} bytes" if entry.size is not None and entry.kind in ("struct", "union") else ""
    return [what, entry.kind, printable(entry.name), size, [mark + entry.text] if entry.text else []]
