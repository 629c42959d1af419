"""What a C header leaves to other headers."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.show.find import ENUMERATOR, KINDS, MEMBER, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf

_KINDS = tuple(kind for kind in KINDS if kind != MEMBER)
_UNTAGGED = frozenset((spec.FWD, spec.FUNC, spec.INT, spec.FLOAT))  # of which several may have one name


class Omitted:
    """What a header leaves to others: types and kfuncs called by `names`, as `find` takes them ("bpf_attr", "struct bpf_*"); an
    enum without a name is called by any of its enumerators.  Of several types of one name only the first is omitted, because
    the other header cannot declare more.

    `ids` are those of the types and functions, ascending; `unused` the names that nothing has.
    """

    __slots__ = ("ids", "unused")

    def __init__(self, btf: Btf, names: Iterable[str]) -> None:
        self.unused: list[str] = []
        called: set[int] = set()
        for name in dict.fromkeys(names):
            found = set(_called(btf, name))
            called |= found
            if not found:
                self.unused.append(name)
        self.ids = tuple(_firsts(btf, sorted(called)))


def _called(btf: Btf, name: str) -> Iterator[int]:
    is_tagged = name.partition(" ")[0] in spec.C_TAGS
    for found in find(btf, name, () if is_tagged else _KINDS):
        if found.kind != ENUMERATOR or not btf.word(found.type_id, 0):
            yield found.type_id


def _firsts(btf: Btf, ids: Iterable[int]) -> Iterator[int]:
    """Each of `ids` unless C cannot declare it beside one before it."""
    known: set[tuple[bytes, bool]] = set()
    for type_id in ids:
        kind, name = btf.kind(type_id), btf.string(btf.word(type_id, 0))
        key = (name, kind == spec.TYPEDEF)
        if not name or kind in _UNTAGGED:
            yield type_id
        elif key not in known:
            known.add(key)
            yield type_id
