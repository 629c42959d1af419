"""The part of a base that a split can have in common with it, as a base of its own.

To compare one module with its kernel, most of the kernel's types need not be looked at: a type of the base that is equivalent to
one of the split has names that the split has too, and all types that it refers to have an equivalent one as well.  The largest
set of the base's types for which both hold is closed, so the classes of its types, and the matches of the split among them, are
those that the whole base would give.  `PreparedBase` of the whole is worth its time only for several modules.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.emit import Frame
from btfkit.hot import excerpt as _excerpt
from btfkit.hot.columns import zeros
from btfkit.hot.strings import random_prime
from btfkit.passes.rebase import words
from btfkit.passes.type_graph import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from btfkit.btf.btf import Btf

IN, OPAQUE = 1, 2  # states of types, as in `hot.excerpt`
FORMS = 0x10000  # for hashes of records


class Excerpt:
    """The types of a base that can be those of a split: `btf` has them, as a base; `split` is the split on it.

    All names of the split are in its own strings, and `opaque` are types of the base of which nothing is asked but that they are
    what the split refers to.  `exact` is False if the question needs the whole base: then nothing else is there.
    """

    __slots__ = ("_ids", "_known", "_new_ids", "_strings", "base", "btf", "exact", "split")

    def __init__(self, split: Btf, opaque: Collection[int] = ()) -> None:
        base = split.base
        assert base is not None
        self.base = base
        self.exact = False
        start = split.start_str_off
        if base.base is not None or not _excerpt.are_whole(split.words, split.columns.names, start, split.strings):
            return
        own = b"\0" + bytes(split.strings)
        names = table(bytearray(own), random_prime())
        names.index()
        if names.count < own.count(0) - 1:  # equal strings
            return
        moved, self._known = _excerpt.CommonNames(len(base.strings), names.count, names.prime), zeros(len(own))
        if not _excerpt.common_names(base.strings, own, names, moved, self._known):
            return
        forms = bytearray(FORMS)
        _excerpt.note_forms(split.words, split.positions, spec.TABLE, start - 1, forms)
        state = bytearray(len(base))
        state[0] = IN
        for type_id in opaque:
            state[type_id] = OPAQUE
        chosen = zeros(len(base))
        count = _excerpt.select(base.words, base.positions, spec.TABLE, base.strings, moved, forms, state, chosen)
        if not count:
            return
        count, size = _excerpt.close(base.words, base.positions, spec.TABLE, state, chosen, count)
        self._ids = chosen[:count]
        out = words(size)
        self._new_ids = zeros(len(base))
        markers, more, size = array("I"), [own], len(own)
        for type_id in sorted(opaque):
            markers.append(size)
            more.append(b"\2%d\0" % type_id)
            size += len(more[-1])
        self._strings = b"".join(more)
        _excerpt.write(base.words, base.positions, spec.TABLE, state, self._ids, moved, markers, self._new_ids, out)
        self.btf = Frame(base.byte_order, pointer_size=base.pointer_size, source=base.source).emit(out, self._strings)
        shifted = array("I", bytes(split.words))
        columns = split.columns
        complete = _excerpt.move(shifted, columns.ids, self._new_ids, len(base), len(self.btf))
        _excerpt.shift_names(shifted, columns.names, start - 1)
        if complete:
            self.split = Frame.of(split, self.btf).emit(shifted, b"")
            self.exact = True

    def id_of(self, type_id: int) -> int:
        """The id here of a type of the base."""
        return self._new_ids[type_id]

    def name_of(self, offset: int) -> int:
        """The offset here of a name of the base that the split has too."""
        return self._strings.index(self.base.string(offset) + b"\0")

    def restored(self, done: Btf) -> Btf:
        """A BTF on `btf` as one on the whole base."""
        out = array("I", bytes(done.words))
        columns = done.columns
        _excerpt.move(out, columns.ids, self._ids, len(self.btf), len(self.base))
        room = bytearray(len(self._strings))
        first = len(self.base.strings)
        end = _excerpt.rename(out, columns.names, self._known, self._strings, first, room)
        return Frame.of(done, self.base).emit(out, bytes(memoryview(room)[:end]))
