"""The members of a struct or union as in C: members of anonymous members count as members of what contains them.

This is the one walk through anonymous members, with one limit of depth and one of work.  `judges/` has its own, to share no
code with what it judges, and so has CO-RE's matcher, which follows libbpf's order step by step.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf

MAX_DEPTH = 64  # composites within each other
MAX_MEMBERS = 20_000  # of anonymous members, within one type


class FlatMember:
    """A member of a type or of its anonymous members, with its `path` from the type ("lock.owner", usually just the name).

    It is member number `index` of the composite `owner`, which begins `start` bits into the type; the member begins at
    `bit_offset` bits.  `bits` is the width of a bitfield (0: none), `type_id` the member's type.
    """

    __slots__ = ("bit_offset", "bits", "index", "owner", "path", "start", "type_id")

    def __init__(self, path: str, type_id: int, bit_offset: int, bits: int, owner: int, index: int, start: int) -> None:
        self.path = path
        self.type_id = type_id
        self.bit_offset = bit_offset
        self.bits = bits
        self.owner = owner
        self.index = index
        self.start = start


class Among:
    """The types whose members are wanted: a byte for each type in `marks`.

    For many questions with few marks each, `marked` lists the marked types of `btf`: then a large composite is not read for each.
    """

    __slots__ = ("_btf", "_by_type", "marked", "marks")

    def __init__(self, marks: bytearray, btf: Btf | None = None) -> None:
        self.marks = marks
        self.marked: list[int] = []
        self._btf = btf
        self._by_type: dict[int, dict[int, list[int]]] = {}

    def indexes(self, owner: int, words: memoryview[int], first: int, count: int) -> Iterable[int]:
        """The indexes of the members with a marked type, in order; those of `owner` begin at `first` in `words`."""
        if self._btf is None or len(self.marked) >= count:
            marks = self.marks
            return [index for index in range(count) if marks[words[first + 3 * index + 1]]]
        by_type = self._by_type.get(owner)
        if by_type is None:
            by_type = self._by_type[owner] = {}
            for index in range(count):
                by_type.setdefault(words[first + 3 * index + 1], []).append(index)
        return sorted(index for type_id in self.marked for index in by_type.get(type_id, ()))


def flat_members(
    btf: Btf, type_id: int, *, open_named: bool = False, own_first: bool = False, among: Among | None = None
) -> Iterator[FlatMember]:
    """The members of a struct or union in order, with those of each anonymous member in its place.

    A nameless member that is not a struct or union (not valid in C) has the path "".  `open_named` also opens members whose
    type has no name: "headers.csum" for `headers`.  A type that contains itself is not opened again.  `own_first` yields the
    members of a composite before those of its anonymous members, and the last of these first.  With `among`, members
    whose type is not marked are skipped.  Raises FormatError for a damaged type: more than MAX_DEPTH levels,
    or MAX_MEMBERS members below the first level.
    """
    return _flat_members(btf, (type_id,), "", 0, open_named, own_first, [MAX_MEMBERS], among)


def flat_member(btf: Btf, type_id: int, name: str) -> FlatMember | None:
    """The member called `name`, of the type or of an anonymous member, or None; raises as `flat_members`."""
    return next((member for member in flat_members(btf, type_id) if member.path == name), None)


class FlatMembers:
    """The members of the types of one BTF by name, for many questions: a type is read once, from the second question on."""

    __slots__ = ("_btf", "_known")

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._known: dict[int, dict[str, FlatMember] | None] = {}

    def find(self, type_id: int, name: str) -> FlatMember | None:
        """As `flat_member`."""
        if type_id not in self._known:
            self._known[type_id] = None
            return flat_member(self._btf, type_id, name)
        known = self._all(type_id)
        return flat_member(self._btf, type_id, name) if known is None else known.get(name)

    def names(self, type_id: int) -> Iterable[str] | None:
        """The names (paths) of all members of a type; None if it is damaged: `find` finds what comes before the damage."""
        return self._all(type_id)

    def _all(self, type_id: int) -> dict[str, FlatMember] | None:
        found = self._known.get(type_id)
        if found is None:
            found = {}
            try:
                for member in flat_members(self._btf, type_id):
                    found.setdefault(member.path, member)
            except FormatError:
                return None
            self._known[type_id] = found
        return found


def _flat_members(
    btf: Btf,
    around: tuple[int, ...],
    path: str,
    start: int,
    open_named: bool,
    own_first: bool,
    left: list[int],
    among: Among | None,
) -> Iterator[FlatMember]:
    owner = around[-1]
    layer, at = btf.locate(owner)
    words = layer.words
    count, flag = words[at + 1] & spec.MAX_VLEN, words[at + 1] >> 31
    if len(around) > 1:
        left[0] -= count
        if len(around) > MAX_DEPTH or left[0] < 0:
            raise too_deep(btf, owner)
    later: list[Iterator[FlatMember]] = []
    for index in range(count) if among is None else among.indexes(owner, words, at + 3, count):
        name_off, type_id, where = words[at + 3 + 3 * index : at + 6 + 3 * index]
        offset, bits = (where & 0xFFFFFF, where >> 24) if flag else (where, 0)
        name = text(btf.string(name_off)) if name_off else ""
        inner = opened(btf, type_id, name, open_named)
        if inner:
            if inner in around:
                continue
            deeper = f"{path}{name}." if name else path
            members = _flat_members(btf, (*around, inner), deeper, start + offset, open_named, own_first, left, among)
            if own_first:
                later.append(members)
            else:
                yield from members
        else:
            yield FlatMember(path + name, type_id, start + offset, bits, owner, index, start)
    for members in reversed(later):
        yield from members


def too_deep(btf: Btf, type_id: int) -> FormatError:
    """The error for a composite that goes beyond the limits of `flat_members`."""
    what = "anonymous structs and unions are nested too deeply"
    return FormatError(what, source=btf.source, section="types", type_id=type_id)


def opened(btf: Btf, type_id: int, name: str, open_named: bool) -> int:
    """The composite whose members replace a member, or 0."""
    if name:
        return type_id if open_named and btf.kind(type_id) in spec.COMPOSITES and not btf.word(type_id, 0) else 0
    inner = btf.strip(type_id)
    return inner if btf.kind(inner) in spec.COMPOSITES else 0
