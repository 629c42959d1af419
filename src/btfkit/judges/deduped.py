"""Proof that `dedup` changed no meaning, and that nothing equivalent is left.

Knows nothing of how classes are found.  `kept` takes the map of ids at its word and looks at every type of the input: the type
that it became has to say the same, word for word and name for name, and refer, place by place, to what the map says that the
referred types became; a declaration may have become a definition of its name and tag.  Such a map is a homomorphism onto the
result, which is what keeping the meaning is.  `leftovers` finds types of the result that are equivalent by striking off, in
rounds, what is not; Python's dictionaries compare whole keys, so no hash is trusted here either.
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

_THINGS = frozenset((spec.VAR, spec.DATASEC))


class Below:
    """A base as the proof looks at it, made once for all that are split on it."""

    __slots__ = ("btf", "flat", "strings")

    def __init__(self, btf: Btf | None) -> None:
        self.btf = btf
        self.flat = Flat(btf) if btf is not None else None
        self.strings: memoryview[int] | bytes = self.flat.strings if self.flat is not None else b""


def kept(
    before: Btf, after: Btf, ids: Sequence[int], first: int | None = None, below: Below | None = None
) -> str | None:
    """What is wrong with the first own type of `before` that did not keep its meaning in `after`; None where all did.

    `ids[id]` is the new id of each old one, a base's ones included; where several BTFs became one, `first` is the old id of the
    first own type of `before` there.  `below` is `Below(before.base)`, made once for many.
    """
    below = below or Below(before.base)
    flat = below.flat
    shift = (before.start_id if first is None else first) - before.start_id
    table = ids if isinstance(ids, array) else array("I", ids)
    doubtful = list[int]()
    none = memoryview(b"").cast("I")
    index = _proof.prove(
        before.words,
        before.positions,
        before.table,
        before.start_id,
        table,
        shift,
        below.strings,
        before.strings,
        flat.words if flat is not None else none,
        flat.positions if flat is not None else none,
        after.words,
        after.positions,
        after.strings,
        array("I", bytes(4 * (before.start_str_off + len(before.strings)))),
        doubtful,
    )
    if index < len(before.positions):
        old = before.start_id + index
        return f"{_title(before, old)} became {_title(after, table[old + shift])}"
    for a, b in zip(doubtful[::2], doubtful[1::2], strict=True):
        if not equivalent(before, a, b):
            return f"{_title(before, a)} of the base became {_title(before, b)}"
    return None


def equivalent(btf: Btf, a: int, b: int) -> bool:
    """Whether two types are equivalent: nothing that can be reached from both in the same way tells them apart."""
    todo, seen = [(a, b)], {(a, b)}
    while todo:
        a, b = todo.pop()
        if a == b:
            continue
        if not a or not b or btf.kind(a) in _THINGS:
            return False
        (own, refs), (other, others) = _parts(btf, a), _parts(btf, b)
        if own != other:
            return False
        for pair in zip(refs, others, strict=True):
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return True


def leftovers(btf: Btf) -> list[tuple[int, int]]:
    """Pairs (one, own) of types that are equivalent, own ones of `btf` with each other and with its base's: none, if it was
    deduped.  Slow: seconds for a kernel."""
    parts = [((), list[int]()), *(_parts(btf, type_id) for type_id in range(1, len(btf)))]
    label, count = _numbered([own for own, _ in parts])
    while True:
        label, now = _numbered([(label[i], *[label[ref] for ref in refs]) for i, (_, refs) in enumerate(parts)])
        if now == count:
            break
        count = now
    lowest: dict[int, int] = {}
    return [(one, i) for i in range(1, len(btf)) if (one := lowest.setdefault(label[i], i)) != i and i >= btf.start_id]


def _numbered(keys: Sequence[object]) -> tuple[list[int], int]:
    """A number for each of the different keys."""
    numbers: dict[object, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys], len(numbers)


def _parts(btf: Btf, type_id: int) -> tuple[tuple[object, ...], list[int]]:
    """What a type says itself (a VAR or DATASEC also which one it is), and what it refers to."""
    layer, at = btf.locate(type_id)
    words: list[object] = list(btf[type_id].words)
    refs = []
    for word, what in references(layer.words, at, layer.table):
        if what == "name":
            words[word - at] = layer.string(layer.words[word])
        else:
            refs.append(layer.words[word])
            words[word - at] = "type"
    if btf.kind(type_id) in _THINGS:
        words.append(type_id)
    return tuple(words), refs


def _title(btf: Btf, type_id: int) -> str:
    if not 0 < type_id < len(btf):
        return f"type {type_id}"
    short = label(btf, type_id)
    return f"{short} (type {type_id})" if btf.word(type_id, 0) else short
