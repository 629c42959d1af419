"""Layouts as a page: the bytes of each struct drawn cache line by cache line (`templates/layout.*`)."""

from __future__ import annotations

from btfkit.errors import printable
from btfkit.show.html import page
from btfkit.show.layout_data import LayoutData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfkit.show.layout import Layouts

EXPANDED = 400  # with at most so many types, the page includes the members of their members


def layout_page(layouts: Layouts, type_ids: Sequence[int], *, names: Mapping[int, str] | None = None) -> bytes:
    """The page of the structs and unions with the ids `type_ids`; `names` has names to show for anonymous ones.

    Raises FormatError if their types are damaged, UnsupportedError without jinja2.
    """
    data = LayoutData(layouts, expand=len(type_ids) <= EXPANDED)
    types = [data.of(type_id) for type_id in type_ids]
    title = f"{len(types):,} structs and unions"
    for type_id, document in zip(type_ids, types, strict=True):
        found = layouts[type_id]
        alias = names.get(type_id, "") if names and not found.name else ""
        if alias:
            document["alias"] = alias
        if len(types) == 1:
            title = f"{found.keyword} {found.name}" if found.name else alias or f"anonymous {found.keyword}"
    source = printable(layouts.btf.source or "BTF in memory")
    return page("layout", title, {"cacheline": layouts.cacheline, "types": types}, source=source, count=len(types))
