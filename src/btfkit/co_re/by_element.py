"""Which of many candidates of one name may match, by the name of a member or enumerator: the others need not be asked.

A candidate without the first member that a field spec names, without a member called as the first of a type that has to match, or
without the enumerator asked for does not match, and what was read of it has no exception of `witness`: leaving it out changes
neither an answer nor what `min` keeps.  n relocations on n candidates of one name then take as many steps as there are matches.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re import kinds as k
from btfkit.co_re.access import essential
from btfkit.co_re.loaders import LIBBPF
from btfkit.co_re.match import enumerator_names
from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.access import Spec
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.match import ElementsByName
    from btfkit.co_re.target import Candidate

OFTEN = 4  # questions about one name, after which an index is worth its time

_FIELD = "field"  # members, with those of anonymous members, by exact name
_ELEMENT = "element"  # its own members or enumerators, by essential name
_MEMBER = "member"  # its own members, by exact name


class CandidatesByElement:
    """The indexes of one target, for candidates by kind and essential name."""

    __slots__ = ("_elements", "_indexes", "_questions")

    def __init__(self, elements: ElementsByName) -> None:
        self._elements = elements
        self._questions: dict[tuple[int, bytes, str, str], int] = {}
        self._indexes: dict[tuple[int, bytes, str, str], dict[bytes | None, list[int]]] = {}

    def to_ask(self, local: Btf, wanted: Spec, kind: int, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those of the `candidates` for a relocation of that kind that may match, and the first, which gives the reason if none
        does; in order."""
        sought = _sought(local, wanted, kind)
        loader = wanted.loader
        if sought is None or not (loader is LIBBPF or loader.by_levels):
            return candidates
        key = wanted.root_kind, wanted.name, sought[0], loader.name
        questions = self._questions[key] = self._questions.get(key, 0) + 1
        if questions < OFTEN:
            return candidates
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = {}
            for number, candidate in enumerate(candidates):
                for name in self._names(sought[0], *candidate, loader):
                    index.setdefault(name, []).append(number)
        return [candidates[number] for number in sorted({0, *index.get(sought[1], ()), *index.get(None, ())})]

    def _names(self, how: str, btf: Btf, type_id: int, loader: Loader) -> Collection[bytes | None]:
        """The names of the elements of a candidate; None: it has to be asked."""
        kind = btf.kind(type_id)
        if kind in spec.ENUMS and how == _ELEMENT:
            names = set(enumerator_names(btf, type_id, loader))
            return (None,) if loader.follows and b"" in names else names
        if kind not in spec.COMPOSITES:
            return (None,)
        if how == _FIELD:
            return self._names_by_level(btf, type_id) if loader.by_levels else self._names_within(btf, type_id)
        layer, at = btf.locate(type_id)
        end = at + 3 + 3 * (layer.words[at + 1] & spec.MAX_VLEN)
        own = [btf.string(layer.words[member]) for member in range(at + 3, end, 3)]
        return set(own) if how == _MEMBER else {essential(name) for name in own}

    def _names_within(self, btf: Btf, type_id: int) -> Collection[bytes | None]:
        try:
            names = self._elements.names(btf, type_id)
        except BtfError:
            names = None
        return (None,) if names is None else names

    def _names_by_level(self, btf: Btf, type_id: int) -> Collection[bytes | None]:
        from btfkit.co_re.levels import MembersByLevel

        try:
            members = self._elements.by_level(btf, type_id, MembersByLevel, at_once=True)
        except BtfError:
            members = None
        return set(members) if members is not None and members.is_whole else (None,)


def _sought(local: Btf, wanted: Spec, kind: int) -> tuple[str, bytes] | None:
    """What a candidate must have to match; None if that is not an element."""
    is_enum = wanted.root_kind in spec.ENUMS
    if not is_enum and wanted.root_kind not in spec.COMPOSITES:
        return None
    group = k.KINDS[kind].group
    if group == k.FIELD and not is_enum and wanted.steps and wanted.steps[0].__class__ is tuple:
        return _FIELD, wanted.steps[0][0]
    if group == k.ENUMVAL and is_enum:
        return _ELEMENT, wanted.enumerator
    if kind == k.TYPE_MATCHES:
        layer, at = local.locate(wanted.root_id)
        if layer.words[at + 1] & spec.MAX_VLEN:
            name = local.string(layer.words[at + 3])
            if wanted.loader is LIBBPF:
                return _ELEMENT, essential(name)
            if not is_enum:
                return _MEMBER, name
            return (_ELEMENT, wanted.loader.essential(name)) if name else None
    return None
