"""Proof that `dedup` kept the meaning of every type, and left no equivalent types.

Independent of how dedup finds equivalent types.  `kept` checks every type of the input with the given map of ids: the type that
it became has to be equal word for word and name for name, and has to refer, place by place, to what the map gives for the
original references; a declaration may have become a definition of its name and tag.  Such a map is a homomorphism onto the
result, which is what keeping the meaning is.  `leftovers` finds equivalent types in the result by partition refinement;
Python's dictionaries compare whole keys, so no hash is trusted here either.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.flat import Flat
from btfkit.btf.spelling import label
from btfkit.hot import proof as _proof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf

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
    `ids` of the first own type of `before`.  `below` is `Below(before.base)`, made once for many.
    """
    below = below or Below(before.base)
    flat = below.flat
    shift = (before.start_id if first is None else first) - before.start_id
    table = ids if isinstance(ids, array) else array("I", ids)
    uncertain = list[int]()
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
    )
    if index < len(before.positions):
        old = before.start_id + index
        return f"{_title(before, old)} became {_title(after, table[old + shift])}"
    for a, b in zip(uncertain[::2], uncertain[1::2], strict=True):
        if not equivalent(before, a, b):
            return f"{_title(before, a)} of the base became {_title(before, b)}"
    return None


def equivalent(btf: Btf, a: int, b: int) -> bool:
    """Whether two types are equivalent: everything that is reached from both in the same way is equal."""
    todo, seen = [(a, b)], {(a, b)}
    while todo:
        a, b = todo.pop()
        if a == b:
            continue
        if not a or not b or btf.kind(a) in _OBJECTS:
            return False
        (a_content, a_references), (b_content, b_references) = _split(btf, a), _split(btf, b)
        if a_content != b_content:
            return False
        new = [pair for pair in zip(a_references, b_references, strict=True) if pair not in seen]
        seen.update(new)
        todo += new
    return True


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
