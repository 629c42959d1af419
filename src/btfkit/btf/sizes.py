"""Sizes and alignments of types."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf


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


def alignof(btf: Btf, type_id: int, known: dict[int, int | None], depth: int = 0) -> int | None:
    """See `Btf.alignof`; `known` caches the result for each composite."""
    if depth > MAX_CHAIN:
        raise btf.cycle(type_id)
    kind = btf.kind(type_id)
    pointer = btf.pointer_size or DEFAULT_POINTER_SIZE
    if kind == spec.PTR:
        return pointer
    if kind in (spec.INT, spec.ENUM, spec.ENUM64, spec.FLOAT):
        return min(pointer, btf.word(type_id, 2)) or None
    if kind == spec.ARRAY:
        return alignof(btf, btf.word(type_id, 3), known, depth + 1)
    if kind in spec.MODS_AND_TYPEDEFS:
        return alignof(btf, btf.word(type_id, 2), known, depth + 1)
    if kind not in spec.COMPOSITES:
        return None
    if type_id not in known:
        known[type_id] = _alignof_composite(btf, type_id, known, depth)
    return known[type_id]


def _alignof_composite(btf: Btf, type_id: int, known: dict[int, int | None], depth: int) -> int | None:
    widest = 1
    composite: Any = btf[type_id]
    for member in composite.members:
        align = alignof(btf, member.type_id, known, depth + 1)
        if align is None:
            return None
        if not member.bitfield_size and member.bit_offset % (8 * align):
            return 1
        widest = max(widest, align)
    return 1 if btf.word(type_id, 2) % widest else widest
