"""Proof that a split BTF means on its new base what it meant on the old one.

Knows nothing of `distill` and `reconcile`, and takes no map of ids from them: it walks both graphs side by side from
the module's own types, the first of one being the first of the other, and compares what it meets.  Own, derived and
anonymous types have to be the same word for word but for ids and offsets of names, which have to lead to types that
correspond and to equal texts.  A named type of the base has to have its name and a kind that fits; where the module
has it by value its size; where the older base tells its members or enumerators, these too have to be there still.

It serves for either step, and for both: original and distilled, distilled and reconciled, original and reconciled.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import MAX_CHAIN, references
from btfkit.btf.flat import Flat
from btfkit.btf.spelling import keyword, label
from btfkit.hot import side_by_side as _side_by_side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

MAX_DIFFERENCES = 100
MAX_FIELDS = 10_000  # anonymous types within one type
MAX_DEPTH = 100  # of them in each other
DEFINITIONS = ("none", "by-value", "full")
CONTENTS = ("none", "embedded", "all")

_PLAIN = frozenset((spec.INT, spec.FLOAT, spec.FWD, spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64))
_THROUGH = spec.MODS_AND_TYPEDEFS | {spec.ARRAY}  # what is by value stays so
_ELEMENTS = spec.COMPOSITES | spec.ENUMS
_HOLDERS = spec.COMPOSITES | {spec.VAR, spec.FUNC_PROTO}  # what they refer to, they have by value


class Difference:
    """A type that does not correspond: its ids `before` and `after`, and `what` is wrong."""

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
    """Walk `before` and `after`, the same module's split BTF on two bases, from its own types on.

    `contents` tells for which named types of the base the members and enumerators that the older base tells have to be
    there still: those held by value ("embedded"), "all", or "none", where the newer base tells less.  `definitions` tells which
    of the newer base have to be complete, to the word: those held by value ("by-value"), all ("full"), or "none".
    """
    return _Walk(before, after, contents, definitions).run()


class _Board:
    """What the walk notes of the types below: all 0, but for the ids `seen`."""

    __slots__ = ("copies", "levels", "mates", "nested", "seen", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.levels = bytearray(size)
        self.mates, self.copies, self.nested = (array("I", bytes(4 * size)) for _ in range(3))
        self.seen: list[int] = []

    def clear(self) -> None:
        _side_by_side.clear(self.seen, self.levels, self.mates, self.copies, self.nested)
        self.seen.clear()


_spare: list[_Board] = []  # for the next walk: to make one anew would cost more than a small module


class _Walk:
    """The loop in hot/side_by_side.py proves nearly all pairs; those that it cannot are judged here, one by one and in words."""

    def __init__(self, before: Btf, after: Btf, contents: str, definitions: str) -> None:
        self.before = before
        self.after = after
        self.contents = contents
        self.definitions = definitions
        self.result = Comparison()
        self.board = _spare.pop() if _spare else _Board(0)
        if self.board.size < before.start_id:
            self.board = _Board(before.start_id)
        self._mates: dict[int, int] = {}
        self._levels: dict[tuple[int, int], int] = {}  # 1 behind a pointer, 2 by value: the highest that was looked at
        self._todo: list[tuple[int, int, int]] = []

    def run(self) -> Comparison:
        own, now = len(self.before.positions), len(self.after.positions)
        if now < own:
            self.differ(self.before.start_id, self.after.start_id, f"{own} own types before, {now} now")
            return self.result
        below, above = self.before.base, self.after.base
        if below is not None and above is not None and self.before.table == self.after.table == spec.TABLE:
            self._prove(Flat(below), Flat(above))
        else:  # types of unknown kinds, or no split BTF
            self._judge_all()
        while self._todo and len(self.result.differences) < MAX_DIFFERENCES:
            self.pair(*self._todo.pop())
        self.result.total += len(self._levels)
        self.board.clear()
        _spare[:] = [self.board]
        return self.result

    def _judge_all(self) -> None:
        for index in range(len(self.before.positions)):
            self.meet(self.before.start_id + index, self.after.start_id + index, 1)

    def _prove(self, below: Flat, above: Flat) -> None:
        """Walk all pairs in one loop, and judge those that it leaves."""
        before, after, board = self.before, self.after, self.board
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
            _side_by_side.Notes(board.levels, board.mates, board.copies, board.nested, board.seen),
            hard,
        )
        judge = {_side_by_side.JUDGE: self.pair, _side_by_side.MEET: self.meet, _side_by_side.INSIDE: self.judge_inside}
        for what, before_id, after_id, level in hard:
            if len(self.result.differences) < MAX_DIFFERENCES:
                judge[what](before_id, after_id, level)

    def differ(self, a: int, b: int, what: str) -> None:
        self.result.differences.append(Difference(a, b, what))

    def meet(self, a: int, b: int, level: int) -> None:
        """Types `a` and `b` have to correspond, at `level`."""
        if not a or not b:
            if a != b:
                self.differ(a, b, "void on one side only")
            return
        others = [mate for mate in self._mates_of(a) if mate not in (0, b)]
        self._mates.setdefault(a, b)
        if others and not self._alike_own(a):
            self.differ(a, b, f"corresponds to type {others[0]} elsewhere")
        if self.level(a, b) < level:
            self._levels[a, b] = level
            self._todo.append((a, b, level))

    def _mates_of(self, a: int) -> tuple[int, ...]:
        """What `a` corresponds to elsewhere."""
        if a >= self.before.start_id:
            return (a - self.before.start_id + self.after.start_id,)
        return (self.board.mates[a], self.board.copies[a], self._mates.get(a, 0))

    def level(self, a: int, b: int) -> int:
        """The level at which a pair has been looked at."""
        known = self._levels.get((a, b), 0)
        if a >= self.before.start_id:
            return known
        if b == self.board.copies[a]:
            return max(known, self.board.levels[a] >> 2)
        return max(known, self.board.levels[a] & 3) if b == self.board.mates[a] else known

    def _alike_own(self, a: int) -> bool:
        """Whether one type may have become two: a copy of a derived one, never a named one."""
        return self.before.kind(a) not in _PLAIN or not self.before.word(a, 0)

    def pair(self, a: int, b: int, level: int) -> None:
        before, after = self.before, self.after
        if before.string(before.word(a, 0)) != after.string(after.word(b, 0)):
            self.differ(a, b, f"{label(before, a)} has become {label(after, b)}")
            return
        if self._bare(a, b, level):
            self.named(a, b, level)
        else:
            self.records(a, b, level)

    def _bare(self, a: int, b: int, level: int) -> bool:
        """Whether the newer base may tell less of a type than the older: nothing but a name, a kind and a size."""
        if a >= self.before.start_id or self.before.kind(a) not in _PLAIN:
            return False
        if self.definitions == "none":
            return bool(self._named(a))
        below = b < self.after.start_id
        return self.definitions == "by-value" and level < 2 and (bool(self._named(a)) or below)

    def _named(self, a: int) -> bytes:
        return self.before.string(self.before.word(a, 0))

    def records(self, a: int, b: int, level: int) -> None:
        """Two records that have to be equal but for ids and offsets of names."""
        one, at = self.before.locate(a)
        other, _ = self.after.locate(b)
        words, news = one[a].words, other[b].words
        kind = words[1] >> 24 & spec.MAX_KIND
        if words[1] != news[1] or len(words) != len(news):
            told = f"has become {label(self.after, b)}"
            if (words[1] ^ news[1]) >> 24 == 0 and kind < len(spec.KINDS) and spec.KINDS[kind].vlen:
                counted = spec.KINDS[kind].vlen
                told = f"had {words[1] & spec.MAX_VLEN} {counted}, has {news[1] & spec.MAX_VLEN}"
            self.differ(a, b, f"{label(self.before, a)} {told}")
            return
        places = {place - at: what for place, what in references(one.words, at, one.table)}
        below = a < self.before.start_id and b < self.after.start_id  # a prototype there is behind a pointer
        holds = kind in _HOLDERS and not (below and kind == spec.FUNC_PROTO)
        child = 2 if holds else level if kind in _THROUGH else 1
        for slot in range(1, len(words)):
            old, new, what = words[slot], news[slot], places.get(slot)
            if what == "type":
                self.meet(old, new, 1 if kind == spec.ARRAY and slot == 4 else child)  # an index is nowhere held
            elif what == "name":
                if self.before.string(old) != self.after.string(new):
                    self.differ(a, b, f"{label(self.before, a)}: a name in it has changed")
            elif old != new:
                self.differ(a, b, f"{label(self.before, a)}: word {slot} was {old:#x}, is {new:#x}")

    def named(self, a: int, b: int, level: int) -> None:
        """A named type of the old base: name and kind, by value the size, and what the old base tells of its elements."""
        before, after = self.before, self.after
        one, other = before.kind(a), after.kind(b)
        if not self._kinds_fit(a, b, level):
            self.differ(a, b, f"{label(before, a)} has become {label(after, b)}")
            return
        sized = one in (spec.INT, spec.FLOAT, *spec.ENUMS) or (one in spec.COMPOSITES and level == 2)
        if sized and before.word(a, 2) != after.word(b, 2):
            self.differ(a, b, f"{label(before, a)} had {before.word(a, 2)} bytes, has {after.word(b, 2)}")
        if one == spec.INT and before.word(a, 3) != after.word(b, 3):
            self.differ(a, b, f"{label(before, a)} is encoded otherwise")
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
        """Every enumerator and every member that the old base tells is there still."""
        before, after = self.before, self.after
        if before.kind(a) in spec.ENUMS:
            missing = _values(before, a) - _values(after, b)
            if missing:
                self.differ(a, b, f"{label(before, a)}: {min(missing)[0]} is gone or has another value")
            return
        try:
            then, now = _Fields(before, a).found, _Fields(after, b).found
        except _TooMany:
            self.differ(a, b, f"{label(before, a)}: anonymous members without number")
            return
        for key, (place, type_id) in then.items():
            if key not in now:
                self.differ(a, b, f"{label(before, a)}: member {key[0]} is gone")
            elif now[key][0] != place:
                self.differ(a, b, f"{label(before, a)}: member {key[0]} has moved")
            elif _shape(before, type_id) != _shape(after, now[key][1]):
                self.differ(a, b, f"{label(before, a)}: member {key[0]} has another type")
            else:
                self.inner(_held(before, type_id), _held(after, now[key][1]))

    def inner(self, a: int, b: int) -> None:
        """What a member of a named type has by value: that type's elements count as well."""
        if self.before.kind(a) in _ELEMENTS and self.level(a, b) < 2:
            self._levels[a, b] = 2
            self.judge_inside(a, b, 2)

    def judge_inside(self, a: int, b: int, level: int) -> None:
        """A composite or enum within a definition."""
        if self._named(a):
            self.pair(a, b, level)
        elif self.before.word(a, 1) & spec.MAX_VLEN:
            self.elements(a, b)


def _shared(one: memoryview[int], other: memoryview[int]) -> int:
    """How many bytes at the beginning are the same: all of `one`, or none."""
    return len(one) if other[: len(one)] == one else 0


def _held(btf: Btf, type_id: int) -> int:
    """What a member of that type has by value: the element of an array."""
    for _ in range(MAX_CHAIN):
        type_id = btf.strip(type_id)
        if btf.kind(type_id) != spec.ARRAY:
            break
        type_id = btf.word(type_id, 3)
    return type_id


class _TooMany(Exception):
    """More than MAX_FIELDS: anonymous members in each other, again and again."""


class _Fields:
    """Each named member's (offset, bitfield size) in bits and its type id, by name and the number of that name; anonymous
    members' members included.  Raises _TooMany."""

    __slots__ = ("_btf", "_count", "_empty", "_left", "found")

    def __init__(self, btf: Btf, type_id: int) -> None:
        self.found: dict[tuple[str, int], tuple[tuple[int, int], int]] = {}
        self._btf = btf
        self._count: dict[str, int] = {}
        self._empty: set[int] = set()  # anonymous types without a named member
        self._left = MAX_FIELDS
        self._gather(type_id, 0, 0)

    def _gather(self, outer: int, start: int, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        btf, before = self._btf, len(self.found)
        for member in btf[outer].members:  # type: ignore[attr-defined]
            place = start + member.bit_offset
            if member.name:
                number = self._count[member.name] = self._count.get(member.name, -1) + 1
                self.found[member.name, number] = ((place, member.bitfield_size), member.type_id)
                continue
            inner = btf.strip(member.type_id)
            if btf.kind(inner) in spec.COMPOSITES and depth < MAX_DEPTH and inner not in self._empty:
                self._gather(inner, place, depth + 1)
        if len(self.found) == before:
            self._empty.add(outer)


def _shape(btf: Btf, type_id: int) -> tuple[object, ...]:
    """A type as a list of what it is made of, up to a name: ("PTR", "struct", "file")."""
    shape: list[object] = []
    for _ in range(50):
        type_id = btf.strip(type_id)
        kind = btf.kind(type_id)
        if kind == spec.PTR:
            shape.append("PTR")
            type_id = btf.word(type_id, 2)
        elif kind == spec.ARRAY:
            shape.append(btf.word(type_id, 5))
            type_id = btf.word(type_id, 3)
        else:
            break
    name = btf.string(btf.word(type_id, 0)) if kind else b""
    tag = keyword(btf, type_id) or spec.kind_name(kind)
    sized = kind in (spec.INT, spec.FLOAT, *spec.ENUMS) or (kind in spec.COMPOSITES and "PTR" not in shape)
    return (*shape, tag, name, btf.word(type_id, 2) if sized and name else 0)


def _values(btf: Btf, type_id: int) -> set[tuple[str, int]]:
    return {(each.name, each.value) for each in btf[type_id].enumerators}  # type: ignore[attr-defined]
