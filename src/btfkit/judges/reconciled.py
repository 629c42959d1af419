"""Proof that a split BTF has the same meaning on its new base as on the old one.

Independent of `distill` and `reconcile`, without their maps of ids: it walks both graphs side by side, beginning with the
module's own types in order, and compares each pair.  Own, derived and anonymous types have to be equal word for word, except
that ids have to lead to types that correspond, and offsets of names to equal names.  A named type of the base has to keep its
name, and a kind that fits; if the module has it by value, also its size; the members or enumerators that the older base has
must still exist.

It proves either step and both together: original and distilled, distilled and reconciled, original and reconciled.
"""

from __future__ import annotations

from array import array
from math import prod

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.flat import Flat
from btfkit.btf.spelling import keyword, label
from btfkit.co_re.access import innermost
from btfkit.hot import side_by_side as _side_by_side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

MAX_DIFFERENCES = 100
MAX_MEMBERS = 10_000  # anonymous types within one type
MAX_DEPTH = 100  # of nested anonymous types
DEFINITIONS = ("none", "by-value", "full")
CONTENTS = ("none", "embedded", "all")

_PLAIN = frozenset((spec.INT, spec.FLOAT, spec.FWD, spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64))
_THROUGH = spec.MODS_AND_TYPEDEFS | {spec.ARRAY}  # by value if they are by value themselves
_ELEMENTS = spec.COMPOSITES | spec.ENUMS
_HOLDERS = spec.COMPOSITES | {spec.VAR, spec.FUNC_PROTO}  # they contain by value


class Difference:
    """A type that does not correspond: its ids `before` and `after`, and `what` differs."""

    __slots__ = ("after", "before", "what")

    def __init__(self, before: int, after: int, what: str) -> None:
        self.before = before
        self.after = after
        self.what = what

    def __str__(self) -> str:
        return f"type {self.before}, now {self.after}: {self.what}"


class Comparison:
    """The result: `total` pairs of types compared, `differences` between them (none: proven)."""

    __slots__ = ("differences", "total")

    def __init__(self) -> None:
        self.total = 0
        self.differences: list[Difference] = []

    def __bool__(self) -> bool:
        return not self.differences


def compare(before: Btf, after: Btf, *, contents: str = "embedded", definitions: str = "none") -> Comparison:
    """Compare `before` and `after`, split BTFs of one module on two bases, beginning with their own types.

    `contents`: which named types of the base must still have their members and enumerators: those contained by value
    ("embedded"), "all", or "none" (the newer base has fewer).  `definitions`: which ones of the newer base must be complete,
    to the word: those contained by value ("by-value"), all ("full"), or "none".
    """
    return _Walk(before, after, contents, definitions).run()


class _Notes:
    """The notes of the loop about the types of the old base: all 0 except for the ids in `seen`."""

    __slots__ = ("copies", "levels", "mates", "nested", "seen", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.levels = bytearray(size)
        self.mates, self.copies, self.nested = (array("I", bytes(4 * size)) for _ in range(3))
        self.seen: list[int] = []

    def clear(self) -> None:
        _side_by_side.clear(self.seen, self.levels, self.mates, self.copies, self.nested)
        self.seen.clear()


_spare_notes: list[_Notes] = []  # for the next walk: making new ones costs more than a small module


class _Walk:
    """The loop in hot/side_by_side.py proves nearly all pairs; the others are judged here one by one."""

    def __init__(self, before: Btf, after: Btf, contents: str, definitions: str) -> None:
        self.before = before
        self.after = after
        self.contents = contents
        self.definitions = definitions
        self.result = Comparison()
        self.notes = _spare_notes.pop() if _spare_notes else _Notes(0)
        if self.notes.size < before.start_id:
            self.notes = _Notes(before.start_id)
        self._mates: dict[int, int] = {}
        self._levels: dict[tuple[int, int], int] = {}  # 1 through a pointer, 2 by value: the highest that was judged
        self._todo: list[tuple[int, int, int]] = []

    def run(self) -> Comparison:
        own, now = len(self.before.positions), len(self.after.positions)
        if now < own:
            self.differ(self.before.start_id, self.after.start_id, f"{own} own types before, {now} now")
            return self.result
        below, above = self.before.base, self.after.base
        if below is not None and above is not None and self.before.table == self.after.table == spec.TABLE:
            self._prove(Flat(below), Flat(above))
        else:  # types of unknown kinds, or not split BTF
            self._judge_all()
        while self._todo and len(self.result.differences) < MAX_DIFFERENCES:
            self.pair(*self._todo.pop())
        self.result.total += len(self._levels)
        self.notes.clear()
        _spare_notes[:] = [self.notes]
        return self.result

    def _judge_all(self) -> None:
        for index in range(len(self.before.positions)):
            self.meet(self.before.start_id + index, self.after.start_id + index, 1)

    def _prove(self, below: Flat, above: Flat) -> None:
        """Walk all pairs in one loop, and judge those that it cannot prove."""
        before, after, notes = self.before, self.after, self.notes
        hard: list[tuple[int, int, int, int]] = []
        a = _side_by_side.Side(
            before.words, before.positions, before.strings, below.words, below.positions, below.strings
        )
        b = _side_by_side.Side(after.words, after.positions, after.strings, above.words, above.positions, above.strings)
        self.result.total = _side_by_side.walk(
            a,
            b,
            spec.TABLE,
            _shared(before.strings, after.strings),
            DEFINITIONS.index(self.definitions),
            CONTENTS.index(self.contents),
            bytearray(len(before.positions)),
            _side_by_side.Notes(notes.levels, notes.mates, notes.copies, notes.nested, notes.seen),
            hard,
        )
        judge = {_side_by_side.JUDGE: self.pair, _side_by_side.MEET: self.meet, _side_by_side.INSIDE: self.inside}
        for what, before_id, after_id, level in hard:
            if len(self.result.differences) < MAX_DIFFERENCES:
                judge[what](before_id, after_id, level)

    def differ(self, a: int, b: int, what: str) -> None:
        self.result.differences.append(Difference(a, b, what))

    def meet(self, a: int, b: int, level: int) -> None:
        """Require that types `a` and `b` correspond, at `level`."""
        if not a or not b:
            if a != b:
                self.differ(a, b, "void on one side only")
            return
        others = [mate for mate in self._mates_of(a) if mate not in (0, b)]
        self._mates.setdefault(a, b)
        if others and not self._may_become_two(a):
            self.differ(a, b, f"corresponds to type {others[0]} elsewhere")
        if self.level(a, b) < level:
            self._levels[a, b] = level
            self._todo.append((a, b, level))

    def _mates_of(self, a: int) -> tuple[int, ...]:
        """The types that `a` corresponds to elsewhere."""
        if a >= self.before.start_id:
            return (a - self.before.start_id + self.after.start_id,)
        return (self.notes.mates[a], self.notes.copies[a], self._mates.get(a, 0))

    def level(self, a: int, b: int) -> int:
        """The level at which a pair was judged."""
        level = self._levels.get((a, b), 0)
        if a >= self.before.start_id:
            return level
        if b == self.notes.copies[a]:
            return max(level, self.notes.levels[a] >> 2)
        return max(level, self.notes.levels[a] & 3) if b == self.notes.mates[a] else level

    def _may_become_two(self, a: int) -> bool:
        """Whether one type may have become two: copies of a derived type, never of a named one."""
        return self.before.kind(a) not in _PLAIN or not self.before.word(a, 0)

    def pair(self, a: int, b: int, level: int) -> None:
        before, after = self.before, self.after
        if before.string(before.word(a, 0)) != after.string(after.word(b, 0)):
            self.differ(a, b, f"{label(before, a)} has become {label(after, b)}")
            return
        if self._may_be_reduced(a, b, level):
            self.named(a, b, level)
        else:
            self.records(a, b, level)

    def _may_be_reduced(self, a: int, b: int, level: int) -> bool:
        """Whether the newer base may reduce a type to a name, a kind and a size."""
        if a >= self.before.start_id or self.before.kind(a) not in _PLAIN:
            return False
        if self.definitions == "none":
            return bool(self._named(a))
        return self.definitions == "by-value" and level < 2 and (bool(self._named(a)) or b < self.after.start_id)

    def _named(self, a: int) -> bytes:
        return self.before.string(self.before.word(a, 0))

    def records(self, a: int, b: int, level: int) -> None:
        """Require that two records are equal except for ids and offsets of names."""
        layer, at = self.before.locate(a)
        words, new_words = layer[a].words, self.after.locate(b)[0][b].words
        kind = words[1] >> 24 & spec.MAX_KIND
        if words[1] != new_words[1] or len(words) != len(new_words):
            change = f"has become {label(self.after, b)}"
            if (words[1] ^ new_words[1]) >> 24 == 0 and kind < len(spec.KINDS) and spec.KINDS[kind].vlen:
                change = f"had {words[1] & spec.MAX_VLEN} {spec.KINDS[kind].vlen}, has {new_words[1] & spec.MAX_VLEN}"
            self.differ(a, b, f"{label(self.before, a)} {change}")
            return
        fields = {place - at: what for place, what in references(layer.words, at, layer.table)}
        # a prototype in the bases is reached through a pointer
        in_bases = a < self.before.start_id and b < self.after.start_id
        contains = kind in _HOLDERS and not (in_bases and kind == spec.FUNC_PROTO)
        child = 2 if contains else level if kind in _THROUGH else 1
        for slot in range(1, len(words)):
            old, new, what = words[slot], new_words[slot], fields.get(slot)
            if what == "type":
                self.meet(old, new, 1 if kind == spec.ARRAY and slot == 4 else child)  # nothing contains an index
            elif what == "name":
                if self.before.string(old) != self.after.string(new):
                    self.differ(a, b, f"{label(self.before, a)}: a name in it has changed")
            elif old != new:
                self.differ(a, b, f"{label(self.before, a)}: word {slot} was {old:#x}, is {new:#x}")

    def named(self, a: int, b: int, level: int) -> None:
        """A named type of the old base: its name and kind, by value its size, and its elements."""
        before, after = self.before, self.after
        one, other = before.kind(a), after.kind(b)
        if not self._kinds_fit(a, b, level):
            self.differ(a, b, f"{label(before, a)} has become {label(after, b)}")
            return
        sized = one in (spec.INT, spec.FLOAT, *spec.ENUMS) or (one in spec.COMPOSITES and level == 2)
        if sized and before.word(a, 2) != after.word(b, 2):
            self.differ(a, b, f"{label(before, a)} had {before.word(a, 2)} bytes, has {after.word(b, 2)}")
        if one == spec.INT and before.word(a, 3) != after.word(b, 3):
            self.differ(a, b, f"{label(before, a)} has another encoding")
        wanted = self.contents == "all" or (self.contents == "embedded" and level == 2)
        if wanted and one in _ELEMENTS and other != spec.FWD and before.word(a, 1) & spec.MAX_VLEN:
            self.elements(a, b)

    def _kinds_fit(self, a: int, b: int, level: int) -> bool:
        one, other = self.before.kind(a), self.after.kind(b)
        if one in spec.ENUMS:
            return other in spec.ENUMS
        if spec.FWD in (one, other):
            return (level < 2 or one == spec.FWD) and keyword(self.before, a) == keyword(self.after, b) != ""
        return one == other

    def elements(self, a: int, b: int) -> None:
        """Require every enumerator and every member of the old base."""
        before, after = self.before, self.after
        if before.kind(a) in spec.ENUMS:
            missing = _values(before, a) - _values(after, b)
            if missing:
                self.differ(a, b, f"{label(before, a)}: {min(missing)[0]} is gone or has another value")
            return
        try:
            then, now = _Members(before, a).found, _Members(after, b).found
        except _TooMany:
            self.differ(a, b, f"{label(before, a)}: too many anonymous members")
            return
        for key, (place, type_id) in then.items():
            if key not in now:
                self.differ(a, b, f"{label(before, a)}: member {key[0]} is gone")
            elif now[key][0] != place:
                self.differ(a, b, f"{label(before, a)}: member {key[0]} has moved")
            elif not _same_shape(_shape(before, type_id), _shape(after, now[key][1])):
                self.differ(a, b, f"{label(before, a)}: member {key[0]} has another type")
            else:
                self.inner(innermost(before, type_id)[0], innermost(after, now[key][1])[0])

    def inner(self, a: int, b: int) -> None:
        """What a member of a named type contains by value: its elements count as well."""
        if self.before.kind(a) in _ELEMENTS and self.level(a, b) < 2:
            self._levels[a, b] = 2
            self.inside(a, b, 2)

    def inside(self, a: int, b: int, level: int) -> None:
        """A composite or enum within a definition."""
        if self._named(a):
            self.pair(a, b, level)
        elif self.before.word(a, 1) & spec.MAX_VLEN:
            self.elements(a, b)


def _shared(one: memoryview[int], other: memoryview[int]) -> int:
    """The number of equal bytes at the beginning: all of `one`, or none."""
    return len(one) if bytes(other[: len(one)]) == bytes(one) else 0  # bytes: views are compared element by element


class _TooMany(Exception):
    """More than MAX_MEMBERS anonymous members."""


class _Members:
    """Each named member's (offset, bitfield size) in bits and its type id, by name and the number of that name; anonymous
    members' members included, but not those of a type within itself.  Raises _TooMany."""

    __slots__ = ("_btf", "_closed", "_count", "_left", "found")

    def __init__(self, btf: Btf, type_id: int) -> None:
        self.found: dict[tuple[str, int], tuple[tuple[int, int], int]] = {}
        self._btf = btf
        self._count: dict[str, int] = {}
        self._closed: set[int] = set()  # types without a named member, and those around the current one
        self._left = MAX_MEMBERS
        self._gather(type_id, 0, 0)

    def _gather(self, outer: int, start: int, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        btf, before = self._btf, len(self.found)
        self._closed.add(outer)
        for member in btf[outer].members:  # type: ignore[attr-defined]
            place = start + member.bit_offset
            if member.name:
                number = self._count[member.name] = self._count.get(member.name, -1) + 1
                self.found[member.name, number] = ((place, member.bitfield_size), member.type_id)
                continue
            inner = btf.strip(member.type_id)
            if btf.kind(inner) in spec.COMPOSITES and depth < MAX_DEPTH and inner not in self._closed:
                self._gather(inner, place, depth + 1)
        if len(self.found) > before:
            self._closed.discard(outer)


def _shape(btf: Btf, type_id: int) -> tuple[object, ...]:
    """The structure of a type down to a name: ("PTR", (4, 2), "struct", "file"); the dimensions of an array of arrays are one
    item, if no typedef is in between."""
    shape: list[object] = []
    dimensions: list[int] = []
    for _ in range(50):
        type_id = btf.strip(type_id)
        kind = btf.kind(type_id)
        if kind == spec.PTR:
            shape.append("PTR")
            type_id = btf.word(type_id, 2)
        elif kind == spec.ARRAY:
            dimensions.append(btf.word(type_id, 5))
            type_id = btf.word(type_id, 3)
            if btf.kind(type_id) != spec.ARRAY:
                shape.append(tuple(dimensions))
                dimensions = []
        else:
            break
    shape += dimensions
    name = btf.string(btf.word(type_id, 0)) if kind else b""
    tag = keyword(btf, type_id) or spec.kind_name(kind)
    sized = kind in (spec.INT, spec.FLOAT, *spec.ENUMS) or (kind in spec.COMPOSITES and "PTR" not in shape)
    return (*shape, tag, name, btf.word(type_id, 2) if sized and name else 0)


def _same_shape(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether two shapes are equal; an array of arrays (pahole since 1.32) equals a flat one of as many elements (before)."""
    return len(one) == len(other) and all(map(_same_part, one, other))


def _same_part(a: object, b: object) -> bool:
    if a == b or not isinstance(a, tuple) or not isinstance(b, tuple):
        return a == b
    return 1 in (len(a), len(b)) and prod(a) == prod(b)


def _values(btf: Btf, type_id: int) -> set[tuple[str, int]]:
    return {(each.name, each.value) for each in btf[type_id].enumerators}  # type: ignore[attr-defined]
