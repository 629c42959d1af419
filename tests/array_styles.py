"""Rewrites the arrays of arrays of a BTF to the other style, as the other version of pahole would have written them.

nested, ids = nest(btf)        one ARRAY of 6 becomes 2 of an ARRAY of 3 (pahole since 1.32)
flat = unnest(btf)             and the reverse (pahole up to 1.31); ids do not change, the inner ARRAYs stay
everything = copies(module)    the module with own copies of all types of its base: what pahole encodes before dedup
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, references
from btfkit.btf.build import Builder
from btfkit.btf.emit import Frame
from btfkit.passes.append import append
from btfkit.passes.merge import merge


def arrays(btf: Btf):
    """(id, position) of each own ARRAY."""
    for type_id, at in zip(btf.own_ids, btf.positions, strict=True):
        if btf.words[at + 1] >> 24 & spec.MAX_KIND == spec.ARRAY:
            yield type_id, at


def factor(count: int) -> int:
    """The smallest factor of a number of elements, 1 if there is none."""
    return next((f for f in (2, 3, 5, 7) if count > f and count % f == 0), 1)


def nest(btf: Btf, base: Btf | None = None, wanted=lambda type_id: True) -> Btf:
    """`btf` with the flat ARRAYs that are `wanted` and whose size has a factor as arrays of arrays.

    The inner ARRAYs follow all other types.  `base` is the base, nested too, with the same first ids.
    """
    shift = len(base) - len(btf.base) if base is not None and btf.base is not None else 0
    words, first = array("I", bytes(btf.words)), btf.start_id
    if shift:
        for at in btf.positions:
            for place, what in references(btf.words, at, btf.table):
                if what == "type" and words[place] >= first:
                    words[place] += shift
    following = len(btf) + shift
    for type_id, at in arrays(btf):
        count, element = words[at + 5], btf.words[at + 3]
        outer = factor(count)
        if outer == 1 or not wanted(type_id) or (element and btf.kind(element) == spec.ARRAY):
            continue
        words.extend((0, spec.ARRAY << 24, 0, words[at + 3], words[at + 4], count // outer))
        words[at + 3], words[at + 5] = following, outer
        following += 1
    return Frame.keeping(btf, base if base is not None else btf.base).emit(words, btf.strings)


def unnest(btf: Btf, base: Btf | None = None) -> Btf:
    """`btf` with every ARRAY of an ARRAY as one; `base` is the base, unnested too."""
    words = array("I", bytes(btf.words))
    for type_id, at in arrays(btf):
        count, element = btf.word(type_id, 5), btf.word(type_id, 3)
        while element and btf.kind(element) == spec.ARRAY:
            count, element = count * btf.word(element, 5), btf.word(element, 3)
        words[at + 3], words[at + 5] = element, count
    return Frame.keeping(btf, base if base is not None else btf.base).emit(words, btf.strings)


def copies(module: Btf) -> Btf:
    """A split on the module's base with all types of both as own ones, as an encoder has them before dedup."""
    return append(Builder(module.base).build(), merge(module.base, [module], dedup=False).btf)[0]
