"""Sizes and alignments of types."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf

CYCLE = -1  # in place of the alignment of a composite that contains itself, or a cycle of modifiers


def sizeof(btf: Btf, type_id: int) -> int | None:
    """See `Btf.sizeof`."""
    factor = 1
    for _ in range(MAX_CHAIN):
        kind = btf.kind(type_id)
        if kind == spec.PTR:
            return factor * (btf.pointer_size or DEFAULT_POINTER_SIZE)
        if kind == spec.ARRAY:
            factor *= btf.word(type_id, 5)
            type_id = btf.word(type_id, 3)
        elif kind in spec.MODS_AND_TYPEDEFS or kind in (spec.VAR, spec.DECL_TAG):
            type_id = btf.word(type_id, 2)
        elif kind < len(spec.KINDS) and spec.KINDS[kind].third == "size":
            return factor * btf.word(type_id, 2)
        else:
            return None
    raise btf.cycle(type_id)


def alignof(btf: Btf, type_id: int, known: dict[int, int | None]) -> int | None:
    """See `Btf.alignof`; `known` holds the result for each composite of `btf`."""
    type_id = _element(btf, type_id)
    if btf.kind(type_id) in spec.COMPOSITES and type_id not in known:
        _align(btf, type_id, known)
    found = _of_element(btf, type_id, known)
    if found == CYCLE:
        raise btf.cycle(type_id)
    return found


def _element(btf: Btf, type_id: int) -> int:
    """The type below modifiers, typedefs and arrays."""
    for _ in range(MAX_CHAIN):
        kind = btf.kind(type_id)
        if kind == spec.ARRAY:
            type_id = btf.word(type_id, 3)
        elif kind in spec.MODS_AND_TYPEDEFS:
            type_id = btf.word(type_id, 2)
        else:
            return type_id
    raise btf.cycle(type_id)


def _of_element(btf: Btf, type_id: int, known: dict[int, int | None]) -> int | None:
    """The alignment of a result of `_element`; a composite is known."""
    kind = btf.kind(type_id)
    pointer = btf.pointer_size or DEFAULT_POINTER_SIZE
    if kind == spec.PTR:
        return pointer
    if kind in (spec.INT, spec.ENUM, spec.ENUM64, spec.FLOAT):
        return min(pointer, btf.word(type_id, 2)) or None
    return known[type_id] if kind in spec.COMPOSITES else None


def _align(btf: Btf, type_id: int, known: dict[int, int | None]) -> None:
    """Make a composite known, and those that it contains as far as need be: each once, however deep they are nested."""
    under_way = {type_id: _Composite(btf, type_id)}
    while under_way:
        type_id, composite = next(reversed(under_way.items()))
        try:
            inside = composite.go_on(btf, known)
        except FormatError:  # a member's modifiers form a cycle
            known.update(dict.fromkeys(under_way, CYCLE))
            return
        if inside is None:
            known[type_id] = composite.result
            del under_way[type_id]
        elif inside in under_way or known.get(inside) == CYCLE:
            known.update(dict.fromkeys(under_way, CYCLE))
            return
        else:
            under_way[inside] = _Composite(btf, inside)


class _Composite:
    """A composite whose members are gone through; `result` is its alignment so far."""

    __slots__ = ("members", "result", "size", "waiting")

    def __init__(self, btf: Btf, type_id: int) -> None:
        composite: Any = btf[type_id]
        self.members: Iterator[Any] = iter(composite.members)
        self.size = btf.word(type_id, 2)
        self.result: int | None = 1
        self.waiting: Any = None

    def go_on(self, btf: Btf, known: dict[int, int | None]) -> int | None:
        """Go through members until one is of a composite that has to be known first (its id), or to the end (None)."""
        widest = self.result or 1
        while True:
            member = self.waiting or next(self.members, None)
            if member is None:
                self.result = 1 if self.size % widest else widest
                return None
            self.waiting = None
            inside = _element(btf, member.type_id)
            if btf.kind(inside) in spec.COMPOSITES and known.get(inside, CYCLE) == CYCLE:
                self.waiting, self.result = member, widest
                return inside
            align = _of_element(btf, inside, known)
            if align is None or (not member.bitfield_size and member.bit_offset % (8 * align)):
                self.result = None if align is None else 1
                return None
            widest = max(widest, align)
