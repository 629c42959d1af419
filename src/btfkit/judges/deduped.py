"""Proof that `dedup` kept the meaning of every type, and left no equivalent types.

Independent of how dedup finds equivalent types.  `kept` checks every type of the input with the given map of ids: the type that
it became has to be equal word for word and name for name, and has to refer, place by place, to what the map gives for the
original references; a declaration may have become a definition of its name and tag, and an array of arrays a flat one of as many
elements, or the reverse (`_Arrays`).  Such a map is a homomorphism onto the
result, which is what keeping the meaning is.  `leftovers` finds equivalent types in the result by partition refinement;
Python's dictionaries compare whole keys, so no hash is trusted here either.
"""

from __future__ import annotations

from array import array
from math import prod

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.flat import Flat
from btfkit.btf.spelling import label
from btfkit.errors import UnsupportedError
from btfkit.hot import proof as _proof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf

MAX_DIMENSIONS = 64  # of an array
MOST_PAIRS = 1 << 18  # of types that one proof compares one by one; modules of kernels need none
_OBJECTS = frozenset((spec.VAR, spec.DATASEC))  # each is only equivalent to itself


class Below:
    """A base in the form that the proof needs, made once for all BTFs that are split on it."""

    __slots__ = ("btf", "flat", "strings")

    def __init__(self, btf: Btf | None) -> None:
        self.btf = btf
        self.flat = Flat(btf) if btf is not None else None
        self.strings: memoryview[int] | bytes = self.flat.strings if self.flat is not None else b""


def kept(
    before: Btf, after: Btf, ids: Sequence[int], first: int | None = None, below: Below | None = None
) -> str | None:
    """A description of the first own type of `before` that did not keep its meaning in `after`; None if all did.

    `ids[id]` is the new id of each old one, including those of a base.  If several BTFs became one, `first` is the index in
    `ids` of the first own type of `before`.  `below` is `Below(before.base)`, made once for many.  Raises as `equivalent`.
    """
    below = below or Below(before.base)
    flat = below.flat
    shift = (before.start_id if first is None else first) - before.start_id
    table = ids if isinstance(ids, array) else array("I", ids)
    uncertain, arrays = list[int](), list[int]()
    empty = memoryview(b"").cast("I")
    index = _proof.prove(
        before.words,
        before.positions,
        before.table,
        before.start_id,
        table,
        shift,
        below.strings,
        before.strings,
        flat.words if flat is not None else empty,
        flat.positions if flat is not None else empty,
        after.words,
        after.positions,
        after.strings,
        array("I", bytes(4 * (before.start_str_off + len(before.strings)))),
        uncertain,
        arrays,
    )
    if index < len(before.positions):
        old = before.start_id + index
        return f"{_title(before, old)} became {_title(after, table[old + shift])}"
    known = Known()
    for a, b in zip(uncertain[::2], uncertain[1::2], strict=True):
        if not equivalent(before, a, b, known):
            return f"{_title(before, a)} of the base became {_title(before, b)}"
    if arrays:
        judge = _Arrays(before, after, table, shift, known)
        for index in arrays:
            old = before.start_id + index
            if not judge.fit(old):
                return f"{_title(before, old)} became {_title(after, table[old + shift])}"
    return None


class _Arrays:
    """The arrays of `before` that became other ones in `after`, by the map `ids` (of own types, `shift` added).  `known` is that
    of `equivalent`, for `before`."""

    def __init__(self, before: Btf, after: Btf, ids: Sequence[int], shift: int, known: Known) -> None:
        self.before = before
        self.after = after
        self.ids = ids
        self.shift = shift
        self.known = known
        self._users: dict[int, set[int]] | None = None

    def fit(self, old: int) -> bool:
        """Whether an array is what it was: the same, flat instead of nested or the reverse, or not needed by itself."""
        new = self.now(old)
        if _plain(self.before, old) != _plain(self.after, new):
            return False
        if not self.same(self.before.word(old, 4), self.after.word(new, 4)):
            return False
        same_length = self.before.word(old, 5) == self.after.word(new, 5)
        if same_length and self.same(self.before.word(old, 3), self.after.word(new, 3)):
            return True
        (then, element), (now, other) = _dimensions(self.before, old), _dimensions(self.after, new)
        if 1 in (len(then), len(now)) and prod(then) == prod(now) and self.same(element, other):
            return True
        return new in map(self.now, self.containers(old))

    def now(self, old: int) -> int:
        """What became of a type."""
        return self.ids[old + self.shift] if old >= self.before.start_id else old

    def same(self, old: int, new: int) -> bool:
        """Whether a type became `new`, or one of the base that is equivalent to it."""
        now = self.now(old)
        return now == new or (now < self.before.start_id > new and equivalent(self.before, now, new, self.known))

    def containers(self, old: int) -> set[int]:
        """The own arrays with this one as their element, if nothing else refers to it."""
        if self._users is None:
            self._users = {}
            before = self.before
            for user, at in zip(before.own_ids, before.positions, strict=True):
                is_array = before.kind(user) == spec.ARRAY
                for place, what in references(before.words, at, before.table):
                    if what == "type":
                        self._users.setdefault(before.words[place], set()).add(
                            user if is_array and place == at + 3 else 0
                        )
        users = self._users.get(old, set())
        return users if 0 not in users else set()


def _plain(btf: Btf, type_id: int) -> tuple[object, ...]:
    """What an array says apart from its elements; nothing for what is not an array."""
    is_array = bool(type_id) and btf.kind(type_id) == spec.ARRAY
    return (btf.string(btf.word(type_id, 0)), btf.word(type_id, 1), btf.word(type_id, 2)) if is_array else ()


def _dimensions(btf: Btf, type_id: int) -> tuple[list[int], int]:
    """The dimensions of an array, outermost first, and the type of its elements."""
    found: list[int] = []
    while type_id and btf.kind(type_id) == spec.ARRAY and len(found) < MAX_DIMENSIONS:
        found.append(btf.word(type_id, 5))
        type_id = btf.word(type_id, 3)
    return found, type_id


class Known:
    """What was found about pairs of types of one BTF, in `answers`, and how many may still be compared (`left`)."""

    __slots__ = ("answers", "left")

    def __init__(self) -> None:
        self.answers: dict[tuple[int, int], bool] = {}
        self.left = MOST_PAIRS


def equivalent(btf: Btf, a: int, b: int, known: Known | None = None) -> bool:
    """Whether two types are equivalent: everything that is reached from both in the same way is equal.

    `known` has what was found about types of `btf` before, and gets what is found now.  Raises UnsupportedError for more pairs
    than MOST_PAIRS: two long chains that are alike have one for each two of their parts.
    """
    known = known or Known()
    answers = known.answers
    todo = [(a, b)]
    reached_from: dict[tuple[int, int], tuple[int, int] | None] = {(a, b): None}
    while todo:
        pair = todo.pop()
        if pair[0] == pair[1] or answers.get(pair):
            continue
        known.left -= 1
        if known.left < 0:
            raise UnsupportedError(f"more than {MOST_PAIRS:,} pairs of types to compare", source=btf.source)
        reached = None if answers.get(pair) is False else _reached(btf, *pair)
        if reached is None:
            wrong: tuple[int, int] | None = pair
            while wrong is not None:  # and with it all that it was reached from
                answers[wrong] = False
                wrong = reached_from[wrong]
            return False
        for new in reached:
            if new not in reached_from:
                reached_from[new] = pair
                todo.append(new)
    answers.update(dict.fromkeys(reached_from, True))
    return True


def _reached(btf: Btf, a: int, b: int) -> list[tuple[int, int]] | None:
    """The pairs of types that two types refer to in the same place; None if the types themselves differ."""
    if not a or not b or btf.kind(a) in _OBJECTS:
        return None
    (a_content, a_references), (b_content, b_references) = _split(btf, a), _split(btf, b)
    (then, element), (now, other) = _dimensions(btf, a), _dimensions(btf, b)
    if then != now and 1 in (len(then), len(now)):  # one of them flat, or not an array
        if _plain(btf, a) != _plain(btf, b) or prod(then) != prod(now):
            return None
        a_references, b_references = [element, btf.word(a, 4)], [other, btf.word(b, 4)]
    elif a_content != b_content:
        return None
    return list(zip(a_references, b_references, strict=True))


def leftovers(btf: Btf) -> list[tuple[int, int]]:
    """Pairs (type, own type) that are equivalent, own types of `btf` with each other and with its base's: none after dedup.
    Slow: seconds for a kernel."""
    types = [((), list[int]()), *(_split(btf, type_id) for type_id in range(1, len(btf)))]
    classes, count = _numbered([content for content, _ in types])
    previous = 0
    while count != previous:
        keys = [(classes[i], *[classes[ref] for ref in references]) for i, (_, references) in enumerate(types)]
        previous = count
        classes, count = _numbered(keys)
    lowest = [0] * count
    for i in reversed(range(1, len(btf))):
        lowest[classes[i]] = i
    return [(lowest[classes[i]], i) for i in btf.own_ids if lowest[classes[i]] != i]


def _numbered(keys: Sequence[object]) -> tuple[list[int], int]:
    """The number of each key, and how many different keys there are."""
    numbers: dict[object, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys], len(numbers)


def _split(btf: Btf, type_id: int) -> tuple[tuple[object, ...], list[int]]:
    """The content of a type without references (for a VAR or DATASEC with its id), and its references."""
    layer, at = btf.locate(type_id)
    words: list[object] = list(btf[type_id].words)
    refs = []
    for word, what in references(layer.words, at, layer.table):
        if what == "name":
            words[word - at] = layer.string(layer.words[word])
        else:
            refs.append(layer.words[word])
            words[word - at] = "type"
    if btf.kind(type_id) in _OBJECTS:
        words.append(type_id)
    return tuple(words), refs


def _title(btf: Btf, type_id: int) -> str:
    if not 0 < type_id < len(btf):
        return f"type {type_id}"
    short = label(btf, type_id)
    return f"{short} (type {type_id})" if btf.word(type_id, 0) else short
