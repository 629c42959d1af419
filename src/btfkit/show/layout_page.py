"""Layouts as a page: the bytes of each struct drawn cache line by cache line (`templates/layout.*`)."""

from __future__ import annotations

from btfkit.errors import printable
from btfkit.show.html import page
from btfkit.show.layout_data import LayoutData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfkit.show.layout import Layouts
    from btfkit.show.layout_data import Body

EXPANDED = 400  # with no more types than this, their members' members travel with the page


def layout_page(layouts: Layouts, type_ids: Sequence[int], *, names: Mapping[int, str] | None = None) -> bytes:
    """The page of the structs and unions of `type_ids`; `names` is what nameless ones are called.

    Raises FormatError where their types are damaged, UnsupportedError without jinja2.
    """
    data = LayoutData(layouts, expand=len(type_ids) <= EXPANDED)
    types = []
    for type_id in type_ids:
        one = data.of(type_id)
        if not one["name"] and names:
            one["alias"] = names.get(type_id, "")
        types.append(one)
    source = printable(layouts.btf.source or "BTF in memory")
    what = _title(types[0]) if len(types) == 1 else f"{len(types):,} structs and unions"
    return page("layout", what, {"cacheline": layouts.cacheline, "types": types}, source=source, count=len(types))


def _title(one: Body) -> str:
    return f"{one['kind']} {one['name']}" if one["name"] else one.get("alias") or f"nameless {one['kind']}"
