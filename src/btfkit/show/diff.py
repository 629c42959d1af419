"""Differences between two kernels, or two modules: types added, removed and changed, and the effect on their layout.

Types are matched by kind and name, several with one name by their similarity; ids do not matter.  `identity` defines when two
types are identical.  A `Scope` limits the comparison to what a program reads.  `diff_text` and `diff_page` render.
"""

from __future__ import annotations

import itertools
from collections import deque

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.finders import own_ids_called
from btfkit.btf.spec import text
from btfkit.btf.spelling import Spelling
from btfkit.errors import refuse_others, refuse_text
from btfkit.show.diff_members import MemberDiff, enum_changes, prototype_changes
from btfkit.show.diff_values import KINDS, Change, Diff, Entry, TypeChange
from btfkit.show.identity import (
    CLASSES,
    ENUM,
    FLOAT,
    FUNC,
    INT,
    STRUCT,
    TYPEDEF,
    UNION,
    Identities,
    IdentityFrame,
    interner,
)
from btfkit.show.layout import CACHELINE, Layouts
from btfkit.show.used_by import SIZE as SIZE
from btfkit.show.used_by import prefixes, read_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject
    from btfkit.hot.identity import Interner
    from btfkit.show.diff_values import TypeFacts

    Key = tuple[str, bytes]
    Scope = Mapping[tuple[str, str], "frozenset[str] | None"]
    Known = dict[tuple[int | None, ...], tuple[TypeFacts, TypeFacts, list[Change]]]

UTF8 = "utf-8", "surrogateescape"
MOST_PAIRS = 1 << 18  # of types of one name that share a member: those of 512 types with 512 others


def diff(
    old: Btf,
    new: Btf,
    *,
    names: Iterable[str] = (),
    kinds: Sequence[str] = (),
    used_by: Sequence[BpfObject] = (),
    scope: Scope | None = None,
) -> Diff:
    """Compare the own types of two BTFs by name.

    `names` limits the comparison to types with these names ("sk_buff", "struct sk_buff"), `kinds` to some of KINDS, `used_by`
    to what the CO-RE relocations of these objects read on either side.  `scope` limits it to (kind, name) pairs, each with the
    paths of members or enumerators (and SIZE) that are read, or None for the whole type.  If a type is in one split BTF and
    in the base of the other, those two are compared.  Raises FormatError if a BTF is damaged.
    """
    demand_btf("old", old)
    demand_btf("new", new)
    refuse_text(names=names, kinds=kinds)
    refuse_others("kind", kinds, KINDS)
    if used_by:
        from btfkit.co_re.program import objects_list

        scope = read_types(objects_list("used_by", used_by), (old, new)) | dict(scope or {})
    numbers = interner()
    a, b = _Side(old, numbers), _Side(new, numbers)
    return _Comparison(a, b, frozenset(_wanted(names)), frozenset(kinds), scope).done()


class ModuleDiffs:
    """The diffs of many modules of two kernels, by `diff`'s rules; what they need of the kernels is prepared once."""

    __slots__ = ("_frames", "_known", "_numbers")

    def __init__(self, old: Btf, new: Btf) -> None:
        self._numbers = interner()
        self._frames = _Frame(old, self._numbers), _Frame(new, self._numbers)
        self._known: Known = {}

    def diff(self, old: Btf, new: Btf) -> Diff:
        """The differences between two modules; both are split on the vmlinux of their kernel."""
        frames = [
            frame if btf.base is frame.base else None for frame, btf in zip(self._frames, (old, new), strict=True)
        ]
        a, b = _Side(old, self._numbers, frames[0]), _Side(new, self._numbers, frames[1])
        return (
            _Comparison(a, b, frozenset(), frozenset(), None, self._known).done().settle()
        )  # the frames are for the next


def _wanted(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """(kind or "", name) of each name."""
    for name in names:
        tag, _, rest = name.partition(" ")
        kind, bare = (tag, rest) if rest and tag in KINDS else ("", name)
        yield kind, bare.encode(*UTF8)


class _Frame:
    """What is kept for many modules on one vmlinux."""

    __slots__ = ("base", "identities", "in_base", "layouts")

    def __init__(self, base: Btf, numbers: Interner) -> None:
        self.base = base
        self.identities = IdentityFrame(base, numbers)
        self.layouts: Layouts | None = None
        self.in_base: dict[Key, list[int]] = {}


class _Side:
    """One of the two sides: its BTF and what is derived from it."""

    __slots__ = ("_frame", "_layouts", "btf", "identities", "names", "types")

    def __init__(self, btf: Btf, numbers: Interner, frame: _Frame | None = None) -> None:
        self.btf = btf
        self._frame = frame
        self.identities = Identities(btf, numbers, frame.identities if frame is not None else None)
        self._layouts: Layouts | None = None
        self.names = Spelling(btf)
        self.types: dict[Key, list[int]] = {}

    @property
    def layouts(self) -> Layouts:
        """The layouts, for types that have changed: they take time to prepare."""
        if self._layouts is None:
            flat, frame = self.identities.flat, self._frame
            known = frame.layouts if frame is not None else None
            if known is not None and known.btf.pointer_size == self.btf.pointer_size:
                known.restart(self.btf, flat)
            else:
                known = Layouts(self.btf, CACHELINE, flat)
                if frame is not None:
                    frame.layouts = known
            self._layouts = known
        return self._layouts

    def add(self, type_id: int) -> None:
        """Add an own type to those that are compared, if it is of one of KINDS."""
        kind = CLASSES.get(self.btf.kind(type_id))
        if kind is not None:
            self.types.setdefault((kind, self.btf.string(self.btf.word(type_id, 0))), []).append(type_id)

    def in_base(self, key: Key) -> list[int]:
        """The types with that kind and name in the base."""
        base = self.btf.base
        if base is None:
            return []
        if self._frame is None:
            return self._ids_in(base, key)
        known = self._frame.in_base.get(key)
        if known is None:
            known = self._frame.in_base[key] = self._ids_in(base, key)
        return known

    def _ids_in(self, base: Btf, key: Key) -> list[int]:
        return [i for i in base.find_ids(text(key[1])) if CLASSES.get(base.kind(i)) == key[0]]

    def entry(self, key: Key, type_id: int) -> Entry:
        return Entry(key[0], text(key[1]), type_id, self.text, self.size(type_id))

    def size(self, type_id: int) -> int | None:
        return None if self.btf.kind(type_id) in (spec.FUNC, spec.VAR) else self.btf.sizeof(type_id)

    def text(self, type_id: int) -> str:
        """The declaration of a type, the bits of an INT; "" for a struct, union, enum or float."""
        if self.btf.kind(type_id) == spec.INT:
            view: Any = self.btf[type_id]
            signed = " signed" if view.encoding & spec.INT_SIGNED else ""
            rest = {0: "", 2: " char", 4: " bool"}.get(view.encoding & 6, "")
            return f"{view.bits} bits{signed}{rest}"
        return self.names.declared(type_id)


class _Comparison:
    def __init__(
        self,
        old: _Side,
        new: _Side,
        names: frozenset[tuple[str, bytes]],
        kinds: frozenset[str],
        scope: Scope | None,
        known: Known | None = None,
    ) -> None:
        self.old = old
        self.new = new
        self.names = names
        self.kinds = kinds
        self.scope = scope
        self.known = known  # for other modules, the composites that were compared before
        self.found = Diff(old.btf, new.btf)
        self.same = dict.fromkeys(KINDS, 0)

    def _gather(self) -> None:
        """Add the types that have to be compared to both sides: those with a name that is wanted, or all that differ."""
        if self.names or self.scope is not None:
            wanted = {name for _, name in self.names} or {name.encode(*UTF8) for _, name in self.scope or ()}
            for side in (self.old, self.new):
                for type_id in (i for name in wanted for i in own_ids_called(side.btf, name, ())):
                    side.add(type_id)
            return
        same, left, right = self.old.identities.differing(self.new.identities)
        self.same |= {kind: count for kind, count in same.items() if not self.kinds or kind in self.kinds}
        for side, ids in ((self.old, left), (self.new, right)):
            for type_id in ids:
                side.add(type_id)

    def done(self) -> Diff:
        """The result."""
        self._gather()
        rank = {kind: number for number, kind in enumerate(KINDS)}
        keys = [key for key in self.old.types.keys() | self.new.types.keys() if self._is_wanted(key)]
        keys.sort(key=lambda key: (rank[key[0]], key[1]))
        for key in keys:
            self._compare(key)
        self._count()
        return self.found

    def _is_wanted(self, key: Key) -> bool:
        if self.kinds and key[0] not in self.kinds:
            return False
        if self.scope is not None and (key[0], text(key[1])) not in self.scope:
            return False
        return not self.names or ("", key[1]) in self.names or key in self.names

    def _compare(self, key: Key) -> None:
        """Compare the types with one kind and name."""
        ours, theirs = self.old.types.get(key, []), self.new.types.get(key, [])
        ours = ours or self.old.in_base(key)
        theirs = theirs or self.new.in_base(key)
        if not ours or not theirs:
            self.found.removed += [self.old.entry(key, i) for i in ours]
            self.found.added += [self.new.entry(key, i) for i in theirs]
            return
        left, right = self._without_equals(key, ours, theirs)
        pairs = self._best_pairs(left, right)
        for a, b in pairs:
            change = self._change(key, a, b)
            if change is None:
                self.same[key[0]] += 1
            else:
                self.found.changed.append(change)
        if self.scope is None or not pairs:  # a reader by name has found its type
            olds, news = {a for a, _ in pairs}, {b for _, b in pairs}
            self.found.removed += [self.old.entry(key, i) for i in left if i not in olds]
            self.found.added += [self.new.entry(key, i) for i in right if i not in news]

    def _without_equals(self, key: Key, ours: list[int], theirs: list[int]) -> tuple[list[int], list[int]]:
        """Both lists without the pairs of identical types."""
        mine, other = self.old.identities.definition, self.new.identities.definition
        waiting: dict[int, deque[int]] = {}  # of those of `theirs` that were read, by their definition
        unread = iter(theirs)
        left, equal = [], set()
        for a in ours:
            wanted = mine(a)
            while not waiting.get(wanted):
                b = next(unread, None)
                if b is None:
                    left.append(a)
                    break
                waiting.setdefault(other(b), deque()).append(b)
            else:
                equal.add(waiting[wanted].popleft())
                self.same[key[0]] += 1
        return left, [b for b in theirs if b not in equal]

    def _best_pairs(self, left: list[int], right: list[int]) -> list[tuple[int, int]]:
        """Pairs of types with one name, the most similar first: those that share the most members or enumerators."""
        if len(left) == len(right) == 1:
            return [(left[0], right[0])]
        if not left or not right:
            return []
        scored = _similarities(
            {a: self._features(self.old, a) for a in left}, {b: self._features(self.new, b) for b in right}
        )
        pairs: list[tuple[int, int]] = []
        olds, news = dict.fromkeys(sorted(left)), dict.fromkeys(sorted(right))
        for a, b in sorted(scored, key=lambda pair: (-scored[pair], *pair)):
            if a in olds and b in news:
                del olds[a], news[b]
                pairs.append((a, b))
        pairs += zip(olds, news, strict=False)  # all that are left share as much
        return pairs

    def _features(self, side: _Side, type_id: int) -> set[object]:
        view: Any = side.btf[type_id]
        if view.kind in spec.COMPOSITES:
            refer = side.identities.reference
            return {(m.name, refer(m.type_id)) for m in view.members} | {m.name for m in view.members}
        if view.kind in spec.ENUMS:
            return {(each.name, each.value) for each in view.enumerators}
        return {side.identities.definition(type_id)}

    def _count(self) -> None:
        found = self.found
        counts = {kind: [same, 0, 0, 0] for kind, same in self.same.items()}
        lists: tuple[Sequence[TypeChange | Entry], ...] = found.changed, found.added, found.removed
        for column, things in enumerate(lists, 1):
            for one in things:
                counts[one.kind][column] += 1
        for kind in KINDS:
            if any(counts[kind]):
                same, changed, added, removed = counts[kind]
                found.counts[kind] = same, changed, added, removed

    # ---- one type ----------------------------------------------------------------------------------------------

    def _change(self, key: Key, a: int, b: int) -> TypeChange | None:
        """The change between two types; None if nothing within the scope has changed."""
        found = TypeChange(key[0], text(key[1]), a, b)
        if key[0] in (STRUCT, UNION):
            self._composite(found, a, b)
        elif key[0] == ENUM:
            self._enum(found, a, b)
        elif key[0] == TYPEDEF:
            self._typedef(found, a, b)
        else:
            found.spell(self.old.text, self.new.text)
            if key[0] in (INT, FLOAT):
                found.old["size"], found.new["size"] = self.old.btf.word(a, 2), self.new.btf.word(b, 2)
        if tags := self._tags(found):
            found.changes = [*(self._function(found) if key[0] == FUNC else found.changes), tags]
        elif key[0] == FUNC:
            found.find_changes(self._function)
        reads = self.scope[key[0], found.name] if self.scope is not None else None
        if reads is None:
            return found
        containing = {prefix for read in reads for prefix in prefixes(read)}
        found.changes = [change for change in found.changes if _is_read(change, reads, containing)]
        grown = SIZE in reads and found.old.get("size") != found.new.get("size")
        return found if found.changes or grown or key[0] not in (STRUCT, UNION, ENUM) else None

    def _composite(self, found: TypeChange, a: int, b: int) -> None:
        wholes = (self.old.identities.whole(a), self.new.identities.whole(b)) if self.known is not None else (0, 0)
        key = *wholes, self.old.btf.pointer_size, self.new.btf.pointer_size
        known = self.known.get(key) if self.known is not None and all(wholes) else None
        if known is None:
            facts = _facts(self.old.layouts, a), _facts(self.new.layouts, b)
            known = *facts, MemberDiff(self.old, a, self.new, b).changes()
            if self.known is not None and all(wholes):
                self.known[key] = known
        old, new, found.changes = known
        found.old, found.new = found.old | old, found.new | new

    def _enum(self, found: TypeChange, a: int, b: int) -> None:
        one: Any = self.old.btf[a]
        other: Any = self.new.btf[b]
        found.old |= {"size": one.size, "signed": one.signed}
        found.new |= {"size": other.size, "signed": other.signed}
        found.changes += enum_changes(one.values, other.values)

    def _typedef(self, found: TypeChange, a: int, b: int) -> None:
        one, other = self.old.btf.word(a, 2), self.new.btf.word(b, 2)
        kinds = self.old.btf.kind(one), self.new.btf.kind(other)
        anonymous = not self.old.btf.name(one) and not self.new.btf.name(other)
        found.old["text"], found.new["text"] = self.old.text(a), self.new.text(b)
        if anonymous and kinds[0] == kinds[1] and kinds[0] in spec.COMPOSITES:
            self._composite(found, one, other)
        elif anonymous and kinds[0] in spec.ENUMS and kinds[1] in spec.ENUMS:
            self._enum(found, one, other)
        else:
            found.old["size"], found.new["size"] = self.old.btf.sizeof(a), self.new.btf.sizeof(b)

    def _function(self, found: TypeChange) -> list[Change]:
        """The changes of a function, which a text does not show if those of its declaration do."""
        a, b = self.old.btf.word(found.old_id, 2), self.new.btf.word(found.new_id, 2)
        return prototype_changes(self.old, a, self.new, b)

    def _tags(self, found: TypeChange) -> Change | None:
        """The change of the declaration tags of a type, if there is one."""
        old = self.old.identities.tags.get(found.old_id, ())
        new = self.new.identities.tags.get(found.new_id, ())
        if old == new:
            return None
        part = "parameter" if found.kind == FUNC else "member"
        before, after = ([_tag(tag, part, number) for tag, number in tags] for tags in (old, new))
        return Change("tags", "", {"tags": before}, {"tags": after})


def _similarities(olds: dict[int, set[object]], news: dict[int, set[object]]) -> dict[tuple[int, int], int]:
    """How many features each pair of types shares, except those that all types share; no pairs that share no others.

    Features that many pairs share do not count if there are more than MOST_PAIRS (and a few for each type) of such pairs.
    """
    holders: dict[object, tuple[list[int], list[int]]] = {}
    for side, types in enumerate((olds, news)):
        for type_id, features in types.items():
            for feature in features:
                holders.setdefault(feature, ([], []))[side].append(type_id)
    count = len(olds) + len(news)
    by_pairs: dict[int, list[tuple[list[int], list[int]]]] = {}
    for some, others in holders.values():
        if len(some) + len(others) < count:
            by_pairs.setdefault(len(some) * len(others), []).append((some, others))
    left = MOST_PAIRS + 16 * count
    scored: dict[tuple[int, int], int] = {}
    for pairs, shared in sorted(by_pairs.items()):
        left -= pairs * len(shared)
        if left < 0:
            break
        for some, others in shared:
            for pair in itertools.product(some, others):
                scored[pair] = scored.get(pair, 0) + 1
    return scored


def _tag(tag: bytes, part: str, number: int) -> str:
    """A tag on a type (number 0xffffffff), or on one of its members or parameters."""
    return text(tag) if number == 0xFFFFFFFF else f"{text(tag)} ({part} {number + 1})"


def _is_read(change: Change, reads: frozenset[str], containing: set[str]) -> bool:
    """Whether a change affects a member that is read, one that contains it (`containing`) or one within it."""
    names = {change.path}
    if change.what == "renamed" and change.old is not None:
        names.add(change.old["name"])
    return any(name in containing or any(prefix in reads for prefix in prefixes(name)) for name in names)


def _facts(layouts: Layouts, type_id: int) -> TypeFacts:
    found = layouts[type_id]
    facts: TypeFacts = {"size": found.size, "cachelines": found.cachelines, "alignment": found.natural_alignment}
    if not found.is_union:
        facts |= {"holes": found.holes, "sum_holes": found.sum_holes, "padding": found.padding}
    return facts
