"""The types and members that BPF objects read in a kernel, by name: the scope of a diff."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import FlatMembers
from btfkit.btf.spec import text
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec, innermost
from btfkit.show.identity import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject

    Reads = dict[tuple[str, str], set[str] | None]
    Scope = dict[tuple[str, str], frozenset[str] | None]
    # type id, owner, path from the owner: "" or with a dot at its end
    Place = tuple[int, tuple[str, str], str]

SIZE = "<size>"  # in a scope: the program reads the size of the type
_WHOLE = (k.TYPE_ID_TARGET, k.TYPE_MATCHES)


def read_types(objects: Sequence[BpfObject], btfs: Sequence[Btf]) -> Scope:
    """By (kind, name), the paths that CO-RE relocations of `objects` read in each type of any of `btfs`; None: the whole type.

    A missing member counts for the struct in which it was searched.
    """
    found: Reads = {}
    readers = [_Reader(btf, found) for btf in btfs]
    for obj in objects:
        for relocation in obj.relocations:
            wanted = obj.spec(relocation)
            if isinstance(wanted, Spec) and wanted.name and relocation.kind != k.TYPE_ID_LOCAL:
                for reader in readers:
                    reader.note(wanted, relocation.kind)
    return {key: None if paths is None else frozenset(paths) for key, paths in found.items()}


class _Reader:
    """Adds to `found` what relocations read in one BTF.

    All types that an access may lead to are followed together, so that n accesses to n types of one name take n + n steps.
    """

    __slots__ = ("_found", "_members", "_roots", "btf")

    def __init__(self, btf: Btf, found: Reads) -> None:
        self.btf = btf
        self._found = found
        self._members = FlatMembers(btf)
        self._roots: dict[tuple[bytes, int], _Places] = {}

    def note(self, wanted: Spec, kind: int) -> None:
        """Add what a relocation of that kind reads."""
        key = wanted.name, wanted.root_kind
        places = self._roots.get(key)
        if places is None:
            places = self._roots[key] = _Places(self._root_places(wanted))
        if kind in _WHOLE:
            places.note_whole(self._found)
        elif k.KINDS[kind].group == k.ENUMVAL:
            places.note(self._found, text(wanted.enumerator))
        elif kind == k.TYPE_SIZE:
            places.note(self._found, SIZE)
        elif k.KINDS[kind].group == k.FIELD:
            if wanted.index:
                places.note(self._found, SIZE)
            for step in wanted.steps:
                if step.__class__ is tuple:  # for an array element, `places` are already those of the elements
                    places = self._step(places, text(step[0]))

    def _root_places(self, wanted: Spec) -> Iterator[Place]:
        """The types that may be the root of a relocation, with what they are followed to."""
        btf = self.btf
        for type_id in btf.find_ids(text(wanted.name)):
            kind = btf.kind(type_id)
            if (spec.ENUM if kind == spec.ENUM64 else kind) == wanted.root_kind and kind in CLASSES:
                owner = self._key(type_id)
                self._found.setdefault(owner, set())
                target = btf.strip(type_id)
                if target != type_id and btf.name(target):
                    owner = self._key(target)
                    self._found.setdefault(owner, set())
                yield target, owner, ""

    def _key(self, type_id: int) -> tuple[str, str]:
        return CLASSES.get(self.btf.kind(type_id), ""), self.btf.name(type_id)

    def _step(self, places: _Places, name: str) -> _Places:
        """Where a member called `name` leads; the first time, it is added to what is read."""
        after = places.after.get(name)
        if after is None:
            places.note(self._found, name)
            holders = [place for place in places.that_may_hold(name, self._names) if self._is_composite(place[0])]
            after = places.after[name] = _Places(self._inner_places(holders, name))
        return after

    def _inner_places(self, places: Iterable[Place], name: str) -> Iterator[Place]:
        btf = self.btf
        for holder, owner, prefix in places:
            inner = self._members.find(holder, name)
            if inner is not None:
                type_id = innermost(btf, inner.type_id)[0]
                named = self._is_composite(type_id) and btf.name(type_id)
                yield (type_id, self._key(type_id), "") if named else (type_id, owner, prefix + name + ".")

    def _is_composite(self, type_id: int) -> bool:
        return self.btf.kind(type_id) in spec.COMPOSITES

    def _names(self, type_id: int) -> Iterable[str] | None:
        """The names of the members of a type; None if it is damaged, so that each has to be searched."""
        return self._members.names(type_id) if self._is_composite(type_id) else ()


class _Places:
    """The types that one access may have led to, each with the named type that owns what is read there, and the path in it."""

    __slots__ = ("_by_name", "_places", "after", "owners")

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = list(dict.fromkeys(places))
        self._by_name: dict[str | None, list[int]] | None = None
        self.owners = list(dict.fromkeys((owner, prefix) for _, owner, prefix in self._places))
        self.after: dict[str, _Places] = {}

    def note(self, found: Reads, name: str) -> None:
        """`name` is read in all of them."""
        for owner, prefix in self.owners:
            paths = found.setdefault(owner, set())
            if paths is not None:
                paths.add(prefix + name)

    def note_whole(self, found: Reads) -> None:
        """All of their owners are read as a whole."""
        found.update((owner, None) for owner, _ in self.owners)

    def that_may_hold(self, name: str, names: Callable[[int], Iterable[str] | None]) -> Iterable[Place]:
        """Those that may have a member called `name`, in order; from the second question on, by an index."""
        if not self.after or len(self._places) == 1:
            return self._places
        if self._by_name is None:
            self._by_name = {}
            for number, (type_id, _, _) in enumerate(self._places):
                known = names(type_id)
                for each in (None,) if known is None else known:
                    self._by_name.setdefault(each, []).append(number)
        numbers = {*self._by_name.get(name, ()), *self._by_name.get(None, ())}
        return [self._places[number] for number in sorted(numbers)]


def prefixes(path: str) -> Iterator[str]:
    """The paths of what contains a member, and its own: "a", "a.b" and "a.b.c" of "a.b.c"."""
    at = path.find(".")
    while at >= 0:
        yield path[:at]
        at = path.find(".", at + 1)
    yield path
