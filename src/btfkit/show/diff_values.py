"""The differences between two BTFs as values: what `diff` finds, and `diff_text` and `diff_page` render."""

from __future__ import annotations

from btfkit.show.identity import ENUM, FLOAT, FUNC, INT, STRUCT, TYPEDEF, UNION, VAR
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypedDict

    from btfkit.btf.btf import Btf
    from btfkit.tables import Table

    class Facts(TypedDict, total=False):
        """The facts about a member, enumerator, parameter or tags: in bytes, except where the name has "bit" in it."""

        type: str
        name: str
        offset: int
        size: int
        bit_offset: int
        bits: int
        value: int
        tags: list[str]

    class TypeFacts(TypedDict, total=False):
        """The facts about a type as a whole, in bytes."""

        text: str
        size: int | None
        signed: bool
        cachelines: int
        alignment: int
        holes: int
        sum_holes: int
        padding: int


SCHEMA = 1
KINDS = (STRUCT, UNION, ENUM, TYPEDEF, FUNC, VAR, INT, FLOAT)  # in the order of output
_FACTS = ("type", "name", "offset", "size", "bit_offset", "bits", "value", "tags")
DIFFERENCES = ("kind", "name", "what", "path", *(f"{side}_{fact}" for fact in _FACTS for side in ("old", "new")))


class Change:
    """One change within a type.

    `what` is "added", "removed", "renamed", "retyped", "grown" (or shrunk: the same type, another size), "moved",
    "width" (of a bitfield), "value" (of an enumerator) or "tags" (of a declaration).  `path` names the member ("lock.owner"),
    enumerator or parameter.  "renamed" is a guess (same type, same place), with the former name in `old["name"]`.  `old` and
    `new` describe both sides: "offset", "size" (bytes), "bit_offset", "bits" (bits), "type", "value", "name".  `within` has
    what differs if the text of both types is equal: the enumerators, members or parameters of a type without a name.
    """

    __slots__ = ("new", "old", "path", "what", "within")

    def __init__(self, what: str, path: str, old: Facts | None, new: Facts | None) -> None:
        self.what = what
        self.path = path
        self.old = old
        self.new = new
        self.within: Sequence[Change] = ()

    @property
    def guess(self) -> bool:
        """Whether this is inferred: BTF does not record that a member was renamed."""
        return self.what == "renamed"

    def as_json(self) -> dict[str, object]:
        """Its part of the JSON document."""
        document: dict[str, object] = {"what": self.what, "path": self.path, "old": self.old, "new": self.new}
        document |= {"within": [one.as_json() for one in self.within]} if self.within else {}
        return document | ({"guess": True} if self.guess else {})

    def __repr__(self) -> str:
        return f"<{self.path!r} {self.what}: {self.old} -> {self.new}>"


class TypeChange:
    """A type that both sides have: its `kind` and `name`, its ids, and the `changes` within.

    `old` and `new` describe the whole type: "text" (its declaration) or, for a struct or union, "size", "holes", "sum_holes",
    "cachelines", "alignment", "padding" (bytes).  What few outputs show is found when it is asked for.
    """

    __slots__ = ("_changes", "_later", "_new", "_old", "_texts", "kind", "name", "new_id", "old_id")

    def __init__(self, kind: str, name: str, old_id: int, new_id: int) -> None:
        self.kind = kind
        self.name = name
        self.old_id = old_id
        self.new_id = new_id
        self._changes: list[Change] = []
        self._later: Callable[[TypeChange], list[Change]] | None = None
        self._texts: tuple[Callable[[int], str], Callable[[int], str]] | None = None
        self._old: TypeFacts = {}
        self._new: TypeFacts = {}

    @property
    def old(self) -> TypeFacts:
        """The facts about the old type as a whole."""
        if self._texts is not None:
            self._spell()
        return self._old

    @old.setter
    def old(self, facts: TypeFacts) -> None:
        self._old = facts

    @property
    def new(self) -> TypeFacts:
        """The facts about the new type as a whole."""
        if self._texts is not None:
            self._spell()
        return self._new

    @new.setter
    def new(self, facts: TypeFacts) -> None:
        self._new = facts

    def spell(self, old: Callable[[int], str], new: Callable[[int], str]) -> None:
        """Have `old` and `new` make the texts of the types when they are asked for."""
        self._texts = old, new

    def _spell(self) -> None:
        assert self._texts is not None
        (old, new), self._texts = self._texts, None
        self._old["text"], self._new["text"] = old(self.old_id), new(self.new_id)

    @property
    def changes(self) -> list[Change]:
        """The changes within the type."""
        if self._later is not None:
            self.changes = self._later(self)
        return self._changes

    @changes.setter
    def changes(self, changes: list[Change]) -> None:
        self._later = None
        self._changes = changes

    @property
    def tags(self) -> list[Change]:
        """The change of the declaration tags, if there is one."""
        return [] if self._later is not None else [change for change in self._changes if change.what == "tags"]

    def find_changes(self, later: Callable[[TypeChange], list[Change]]) -> None:
        """Have `later` find the changes when they are asked for; none of them is one of tags."""
        self._later = later

    def __reduce__(self) -> tuple[object, ...]:
        return _type_change, (self.kind, self.name, self.old_id, self.new_id, self.changes, self.old, self.new)

    def as_json(self) -> dict[str, object]:
        """Its part of the JSON document."""
        return {
            "kind": self.kind,
            "name": self.name,
            "old_id": self.old_id,
            "new_id": self.new_id,
            "old": self.old,
            "new": self.new,
            "changes": [change.as_json() for change in self.changes],
        }

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}: {len(self.changes)} changes>"


def _type_change(
    kind: str, name: str, old_id: int, new_id: int, changes: list[Change], old: TypeFacts, new: TypeFacts
) -> TypeChange:
    self = TypeChange(kind, name, old_id, new_id)
    self.changes, self.old, self.new = changes, old, new
    return self


class Entry:
    """A type that only one side has: its `kind`, `name` and `type_id`, its `text` (of a prototype or typedef) and `size`
    (bytes; None: no size).  `shown` is the text, or makes it of the id when it is asked for."""

    __slots__ = ("_shown", "kind", "name", "size", "type_id")

    def __init__(self, kind: str, name: str, type_id: int, shown: str | Callable[[int], str], size: int | None) -> None:
        self.kind = kind
        self.name = name
        self.type_id = type_id
        self._shown = shown
        self.size = size

    @property
    def text(self) -> str:
        """Its declaration."""
        if not isinstance(self._shown, str):
            self._shown = self._shown(self.type_id)
        return self._shown

    def __reduce__(self) -> tuple[object, ...]:
        return Entry, (self.kind, self.name, self.type_id, self.text, self.size)

    def as_json(self) -> dict[str, object]:
        """Its part of the JSON document."""
        document: dict[str, object] = {"kind": self.kind, "name": self.name, "id": self.type_id}
        document |= {"size": self.size} if self.size is not None else {}
        return document | ({"text": self.text} if self.text else {})

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}>"


class Diff(Tabular):
    """The differences from `old` to `new`: `added`, `removed` and `changed`, each in the order of KINDS, then by name.

    `counts[kind]` is (same, changed, added, removed).  True if anything differs.
    """

    __slots__ = ("added", "changed", "counts", "new", "old", "removed")

    def __init__(self, old: Btf, new: Btf) -> None:
        self.old = old
        self.new = new
        self.added: list[Entry] = []
        self.removed: list[Entry] = []
        self.changed: list[TypeChange] = []
        self.counts: dict[str, tuple[int, int, int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def table(self) -> Table:
        """A row for each difference (DIFFERENCES): a type that only one side has ("added", "removed"; its size is in bytes), or a
        change within a type that both have (`Change`; `path` names the member, enumerator or parameter)."""
        return table_of(DIFFERENCES, self.rows())

    def rows(self) -> Iterator[tuple[object, ...]]:
        """The rows of `table`."""
        for what, entries in ("removed", self.removed), ("added", self.added):
            for entry in entries:
                facts = {"size": entry.size, "type": entry.text}
                old, new = (facts, None) if what == "removed" else (None, facts)
                yield entry.kind, entry.name, what, "", *_pairs(old, new)
        for change in self.changed:
            whole = [name for name in ("size", "text") if change.old.get(name) != change.new.get(name)]
            if whole:
                sides = [{"size": side.get("size"), "type": side.get("text", "")} for side in (change.old, change.new)]
                yield change.kind, change.name, "changed", "", *_pairs(*sides)
            for one in change.changes:
                yield change.kind, change.name, one.what, one.path, *_pairs(one.old, one.new)

    def settle(self) -> Diff:
        """Find and make all that waits to be asked for; returns this diff, which then no longer needs what it was made of."""
        for change in self.changed:
            change.changes, change.old  # noqa: B018
        for entry in (*self.added, *self.removed):
            entry.text  # noqa: B018
        return self

    def without_btf(self) -> Diff:
        """This diff with a `Name` in place of each BTF: small, and pickles."""
        self.settle()
        copy = Diff(Name(self.old), Name(self.new))  # type: ignore[arg-type]
        copy.added, copy.removed, copy.changed, copy.counts = self.added, self.removed, self.changed, self.counts
        return copy

    def as_json(self) -> dict[str, object]:
        """The JSON document (schema 1)."""
        names = ("same", "changed", "added", "removed")
        return {
            "schema": SCHEMA,
            "old": {"path": self.old.source, "types": len(self.old) - 1},
            "new": {"path": self.new.source, "types": len(self.new) - 1},
            "differs": bool(self),
            "counts": {kind: dict(zip(names, counts, strict=True)) for kind, counts in self.counts.items()},
            "changed": [change.as_json() for change in self.changed],
            "added": [entry.as_json() for entry in self.added],
            "removed": [entry.as_json() for entry in self.removed],
        }

    def __repr__(self) -> str:
        return f"<diff: {len(self.changed)} changed, {len(self.added)} added, {len(self.removed)} removed>"


def _pairs(old: Mapping[str, object] | None, new: Mapping[str, object] | None) -> Iterator[object]:
    """Each fact of both sides, None if a side does not have it."""
    for fact in _FACTS:
        for side in (old, new):
            value = (side or {}).get(fact)
            yield ", ".join(value) if isinstance(value, list) else value


class Name:
    """What a report needs of a BTF: its `source`, and its length."""

    __slots__ = ("_length", "source")

    def __init__(self, btf: Btf) -> None:
        self.source = btf.source
        self._length = len(btf)

    def __len__(self) -> int:
        return self._length
