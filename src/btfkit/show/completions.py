"""Names that begin with what somebody has typed: types, functions, and paths of members."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.errors import BtfError
from btfkit.show.find import names_beginning
from btfkit.show.offset import offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.btf.members import FlatMember

TYPES = ("struct", "union", "enum", "typedef")
COMPOSITES = ("struct", "union")


def names(btf: Btf, start: str, kinds: Sequence[str] = TYPES) -> list[str]:
    """The names that begin with `start` of types, functions and the like (`kinds` as those of `find`), sorted, each once."""
    return names_beginning(btf, start, kinds)


def member_paths(btf: Btf, start: str) -> list[str]:
    """The paths that continue `start`: "task_struct.thr" gives "task_struct.thread" and others.

    A path whose member has members itself ends with ".", and so does the name of a struct or union: there is more to come.
    Empty if there is no such type or member.
    """
    parent, dot, begun = start.rpartition(".")
    if not dot:
        return [name + "." for name in names(btf, start, COMPOSITES)]
    try:
        whole = btf.strip(offset(btf, parent).type_id)
        found = {
            member.path: btf.strip(member.type_id) for member in _members(btf, whole) if member.path.startswith(begun)
        }
        return [f"{parent}.{path}" + ("." if _has_members(btf, inner) else "") for path, inner in found.items() if path]
    except BtfError:
        return []


def _members(btf: Btf, type_id: int) -> Iterator[FlatMember]:
    return flat_members(btf, type_id) if btf.kind(type_id) in spec.COMPOSITES else iter(())


def _has_members(btf: Btf, type_id: int) -> bool:
    return btf.kind(type_id) in spec.COMPOSITES and bool(btf.word(type_id, 1) & spec.MAX_VLEN)
