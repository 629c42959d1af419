"""Arrays of arrays in the style of the base.

`int a[5][3]` is two ARRAYs by pahole since 1.32 (5 of an ARRAY of 3), and one ARRAY of 15 by older ones.  If a module and its
base were written by different versions, all types of the base that contain such an array look different in the module, and so
do all types that lead to them: a module carries thousands of copies of the kernel's types.

Flat and nested arrays with equal totals and element types count as equivalent here, but two nested ones do not: `a[5][3]` is
not `a[3][5]`.  Only where an ARRAY is directly the element of another is it nested; a typedef in between is the same in
both styles.  A base is of the flat style if none of its arrays is nested.

- The base is flat and the split has nested arrays: they become flat, as an older pahole would have written them.
- The base has nested arrays and the split none: the split's types are compared with the base as an older pahole would have
  written it.

Either only if the split has a copy of a struct or union of the base that contains such an array (the same name, size and number
of members).  Otherwise nothing would be gained, and dimensions might be lost.

Rules: pahole 1.32 and earlier versions, array_type encoding; docs/differences.md (libbpf keeps them apart).
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.emit import Frame
from btfkit.btf.flat import Flat
from btfkit.hot import arrays as _arrays

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 0xFFFFFFFF  # elements of an array


class Style:
    """How a base has arrays of arrays: `nested` are the ids of its nested ARRAYs (none: it is flat), ascending."""

    __slots__ = ("_holders", "_names", "base", "flat", "nested")

    def __init__(self, base: Btf) -> None:
        self.base = base
        self.flat = Flat(base)
        self.nested: list[int] = []
        _arrays.nested(self.flat.words, self.flat.positions, _NONE, _NONE, self.nested)
        self._holders: bytes | None = None
        self._names: set[bytes] = set()

    def of(self, split: Btf) -> list[int]:
        """The ids of the own nested ARRAYs of `split`, which is split on the base."""
        found: list[int] = []
        _arrays.nested(split.words, split.positions, self.flat.words, self.flat.positions, found)
        return found

    def to_flatten(self, split: Btf) -> list[int]:
        """The own nested ARRAYs of `split` if the base would have them flat; else none."""
        nested = [] if self.nested else self.of(split)
        return nested if nested and self._copies(split, _holders(Flat(split), nested)) else []

    def is_nested_for(self, split: Btf) -> bool:
        """Whether the base has arrays nested that `split` has flat."""
        if not self.nested or self.of(split):
            return False
        found = list[int]()
        _arrays.namesakes(split.words, split.positions, self.holders, 0, found)
        # A module that was distilled before has names of its own where the base has them, too.
        _arrays.namesakes(split.words, split.positions, self._own_names(split), split.start_str_off, found)
        return self._copies(split, [split.start_id + index for index in found])

    def _copies(self, split: Btf, holders: list[int]) -> bool:
        """Whether one of the own structs and unions `holders` has the name, size and number of members of one of the base."""
        for type_id in holders:
            if type_id >= split.start_id:
                info, size = split.word(type_id, 1), split.word(type_id, 2)
                for other in self.base.find_ids(split.name(type_id), split.kind(type_id)):
                    if self.base.word(other, 1) == info and self.base.word(other, 2) == size:
                        return True
        return False

    @property
    def holders(self) -> bytes:
        """A byte for each offset of the base's strings: 1 if a struct or union of that name contains a nested array."""
        if self._holders is None:
            wanted = bytearray(len(self.flat.strings))
            self._names = {self.base.string(self.base.word(i, 0)) for i in _holders(self.flat, self.nested)}
            for name in self._names:
                for offset in self.base.string_offsets(name):
                    wanted[offset] = 1
            self._holders = bytes(wanted)
        return self._holders

    def _own_names(self, split: Btf) -> bytes:
        """The same for the own strings of `split`; `holders` was asked for before."""
        strings = bytes(split.strings)
        wanted = bytearray(len(strings))
        for name in self._names:
            at = strings.find(name + b"\0")
            while at >= 0:
                wanted[at] = 1
                at = strings.find(name + b"\0", at + 1)
        return bytes(wanted)


_NONE = memoryview(b"").cast("I")


def _holders(flat: Flat, nested: list[int]) -> list[int]:
    """The named structs and unions that contain one of the ARRAYs `nested` by value, other named ones not entered."""
    marks, found = bytearray(len(flat.positions) + 1), list[int]()
    for type_id in nested:
        marks[type_id] = 1
    while _arrays.holders(flat.words, flat.positions, marks, found):
        pass
    return found


def copies_of(split: Btf, style: Style) -> list[str]:
    """The own structs and unions of `split`, which need not be split on the base of `style`, that are called as those of the base
    and contain an array of arrays that is nested in one of the two and flat in the other ("struct net"), in the order of ids."""
    flat = Flat(split)
    nested = list[int]()
    below = Flat(split.base) if split.base is not None else None
    _arrays.nested(
        split.words,
        split.positions,
        below.words if below is not None else _NONE,
        below.positions if below is not None else _NONE,
        nested,
    )
    if bool(nested) == bool(style.nested):
        return []
    if nested:
        holders = [i for i in _holders(flat, nested) if i >= split.start_id]
    else:
        names = {style.base.string(style.base.word(i, 0)) for i in _holders(style.flat, style.nested)}
        composites = (i for i in split.own_ids if split.kind(i) in spec.COMPOSITES and split.word(i, 1) & spec.MAX_VLEN)
        holders = [i for i in composites if split.string(split.word(i, 0)) in names]
    return [
        f"{spec.word(split.kind(i))} {split.name(i)}"
        for i in sorted(holders)
        if style.base.find_id(split.name(i), split.kind(i)) is not None
    ]


def flattened_base(btf: Btf) -> Btf:
    """A base as an older pahole would have written it: nested arrays made flat, ids unchanged."""
    below = flattened_base(btf.base) if btf.base is not None else None
    found: list[int] = []
    flat = Flat(btf.base) if btf.base is not None else None
    _arrays.nested(btf.words, btf.positions, flat.words if flat else _NONE, flat.positions if flat else _NONE, found)
    words = array("I", bytes(btf.words))
    for type_id in found:
        _write(words, btf, type_id, *innermost(btf, type_id))
    return Frame.keeping(btf, below).emit(words, btf.strings)


def flatten(split: Btf, nested: list[int], keep: Iterable[int] = ()) -> Btf:
    """`split` with its own ARRAYs `nested` made flat; ids do not change.

    An own ARRAY that only such arrays refer to is not needed any more, and becomes equal to the one that contained it, unless it
    is one of `keep`.
    """
    words = array("I", bytes(split.words))
    dead = _only_elements(split, nested) - set(keep)
    for type_id in nested:
        if type_id in dead:
            continue
        total, element = innermost(split, type_id)
        _write(words, split, type_id, total, element)
        inner = split.word(type_id, 3)
        while inner in dead:
            dead.remove(inner)
            _write(words, split, inner, total, element)
            words[_at(split, inner) + 4] = words[_at(split, type_id) + 4]
            inner = split.word(inner, 3)
    for type_id in sorted(dead):  # in cycles, or within arrays too large to be made flat
        _write(words, split, type_id, *innermost(split, type_id))
    return Frame.keeping(split, split.base).emit(words, split.strings)


def is_nested(btf: Btf, type_id: int) -> bool:
    """Whether the element of an ARRAY is itself an ARRAY."""
    element = btf.word(type_id, 3)
    return bool(element) and btf.kind(element) == spec.ARRAY


def innermost(btf: Btf, type_id: int) -> tuple[int, int]:
    """(number of elements, type of the element) of an ARRAY as a flat one; as it is if it contains itself or is too large."""
    total, element = btf.word(type_id, 5), btf.word(type_id, 3)
    seen = {type_id}
    while element and btf.kind(element) == spec.ARRAY:
        total *= btf.word(element, 5)
        if element in seen or total > MOST:
            return btf.word(type_id, 5), btf.word(type_id, 3)
        seen.add(element)
        element = btf.word(element, 3)
    return total, element


def _at(btf: Btf, type_id: int) -> int:
    return btf.positions[type_id - btf.start_id]


def _write(words: array[int], btf: Btf, type_id: int, total: int, element: int) -> None:
    at = _at(btf, type_id)
    words[at + 3], words[at + 5] = element, total


def _only_elements(split: Btf, nested: list[int]) -> set[int]:
    """The own ARRAYs to which nothing refers but the elements of `nested`."""
    inner = {split.word(type_id, 3) for type_id in nested}
    places = {_at(split, type_id) + 3 for type_id in nested}
    words = split.words
    for place in split.columns.ids:
        if words[place] in inner and place not in places:
            inner.discard(words[place])
    return {type_id for type_id in inner if type_id >= split.start_id}
