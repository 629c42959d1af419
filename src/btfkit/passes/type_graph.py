"""Types as nodes of one graph, and their classes of equivalent types.

A `Graph` holds the types of a base, if there is one, followed by those of any number of inputs.  Each input is copied when it is
added and not needed afterwards.  `settle` and `refine` compute the classes; docs/design/dedup.md defines equivalence and
explains why this finds exactly the equivalent types.
"""

from __future__ import annotations

import os
from array import array

from btfkit.btf.btf import Btf
from btfkit.btf.refusal import OVERLAP, overlapping
from btfkit.errors import FormatError
from btfkit.hot import classes as _classes
from btfkit.hot import nodes as _nodes
from btfkit.hot import refine as _refine
from btfkit.hot.columns import zeros
from btfkit.hot.strings import StringTable
from btfkit.passes.rebase import refuse_unknown, refuse_unknown_in, words
from btfkit.passes.refinement import NONE, pages, power, refine, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Words = memoryview[int] | array[int]
    Reversed = tuple[Words, Words]

NAME = 16  # bytes of a string, more than kernels have on average
MOST = 0x7FFFFFFF  # types, and bytes of strings: libbpf's limits


_mask = 0xFFFFFFFF  # tests set it to 0 to make all hashes collide


class Graph:
    """Nodes 0 (void), then a base's types, then those of the inputs in their order.

    `first` is the first node after those of the base; `norm`, `place`, `starts` and `refs` hold the contents and references of
    each node (see `hot.nodes`), `label` its class once it is known.  `pool` has all names.  `nested` are ARRAYs of the base
    that stand for others only if there is no other ARRAY of their class (`passes/array_style.py`).  `moving` are the nodes that
    have references whose targets change between calls of `refine`, and the numbers of these references, both ascending.
    """

    def __init__(self, base: Btf | None = None, nested: Sequence[int] = ()) -> None:
        self.nested = nested
        self.prime = int.from_bytes(os.urandom(8), "little") | 1  # random, so that no input can be made to collide
        self.base = base
        self.first = 1
        self.norm, self.refs = array("I"), array("I")
        self.place, self.starts, self.hashes = words(2), words(2), words(1)
        self.label, self.size = words(1), zeros(2)
        self.classes = 1
        self.rounds = 0
        self.names = table(bytearray(1), self.prime)
        self.first_offset = 1
        self.below: Words = NONE  # 1 + offset in the pool, for each used name offset of the base
        self.extra: dict[int, int] = {}
        self._marks = NONE
        self._back_starts = self._back = self._moved_starts = self._moved_back = NONE
        self.moving: tuple[Words, Words] = NONE, NONE
        self._room: list[memoryview[int]] | None = None
        if base is not None:
            self._add_base(base)

    def __len__(self) -> int:
        return len(self.place) - 1

    # ---- adding inputs ---------------------------------------------------------------------------------------------

    def _add_base(self, base: Btf) -> None:
        """Add the types of a chain; its strings come first in the pool, at their own offsets."""
        strings = b"".join(bytes(layer.strings) for layer in base.chain)
        self.first_offset = len(strings)
        self.names = table(bytearray(strings), self.prime)
        self.names.reserve(strings.count(0))
        self.names.index()
        moved = zeros(len(strings))
        edges = [_nodes.mark(one.words, one.positions, one.table, 0, moved, NONE, [])[1] for one in base.chain]
        _nodes.mark_starts(strings, moved)  # a split may use strings that the types of the base do not
        self.settle_names(strings, moved, base.source)
        for layer, count in zip(base.chain, edges, strict=True):
            self._take(layer, 0, NONE, moved, strings, 1, 0, count)
        self.below = moved
        self.first = len(self)

    def let_base_go(self) -> None:
        """Treat the types of the base like those of inputs, for a result without a base."""
        if self.base is not None:
            refuse_unknown(self.base)
        self.base, self.first, self.first_offset = None, 1, 1

    def add(self, btf: Btf, extra: Iterable[int] = ()) -> int:
        """Add the own types of `btf`, which is split on the base of the graph or has no base; returns the node of the first.

        The strings at the offsets `extra` are added to the pool too; `self.extra` has their new offsets.
        """
        refuse_unknown_in(btf)
        first = len(self)
        if btf.start_str_off or extra:
            moved, edges = self.mark(btf)
            self.name_own(btf, moved, extra)
        else:
            moved, edges = self._room_for_names(len(btf.strings)), len(btf.words) // 2  # more than there can be
            if not self.names.count:
                self.names.reserve(len(btf.strings) // NAME)
            self.names.begin(btf.strings)
        shift = first - btf.start_id
        self._take(btf, btf.start_str_off, self.below, moved, btf.strings, btf.start_id, shift, edges)
        return first

    def _room_for_names(self, size: int) -> memoryview[int]:
        """`size` words of 0, which the next call uses again."""
        if len(self._marks) < size:
            self._marks = zeros(size)
        else:
            _nodes.clear(self._marks[:size])
        return self._marks[:size]

    def mark(self, btf: Btf) -> tuple[memoryview[int], int]:
        """Find the names that `btf` uses, which is split on the base of the graph or has no base.

        Those in its own strings become 1 in the words that are returned; others are added to the pool.  Also returns the number
        of its references.
        """
        size, found = len(btf.strings), list[int]()
        moved = self._room_for_names(size)
        marked, edges = _nodes.mark(btf.words, btf.positions, btf.table, btf.start_str_off, moved, self.below, found)
        if not self.names.count:
            self.names.reserve(marked)
        if found:
            self._name_below(btf, found)
        return moved, edges

    def name_own(self, btf: Btf, moved: memoryview[int], extra: Iterable[int]) -> None:
        """Add the names of `btf` in its own strings that are marked in `moved`, or at the offsets `extra`, to the pool; `moved`
        gets 1 + the offset in the pool."""
        start = btf.start_str_off
        for offset in extra:
            if offset >= start and offset:
                moved[offset - start] = 1
        self.settle_names(btf.strings, moved, btf.source)
        self.extra = {at: moved[at - start] - 1 if at >= start else at for at in extra if at}

    def _name_below(self, btf: Btf, found: list[int]) -> None:
        """Add the names at the offsets `found`, which are ends of strings of the base, to the pool."""
        texts = [btf.string(offset) + b"\0" for offset in found]
        moved, at = words(sum(map(len, texts))), 0
        for text in texts:
            moved[at] = 1
            at += len(text)
        self.settle_names(b"".join(texts), moved, btf.source)
        at = 0
        for offset, text in zip(found, texts, strict=True):
            self.below[offset] = moved[at]
            at += len(text)

    def settle_names(self, strings: memoryview | bytes, moved: Words, source: str | None) -> None:
        """Set each marked word of `moved` to the offset of its string in the pool, plus 1."""
        self._limit(strings)
        try:
            self.names.settle(strings, moved)
        except OverflowError:
            raise overlapping(source) from None

    def _limit(self, strings: memoryview | bytes) -> None:
        """Limit the names that a section `strings` may add."""
        self.names.limit = min(self.names.end + OVERLAP * len(strings) + (1 << 16), MOST)

    @property
    def pool(self) -> bytearray:
        """All names, each followed by a NUL, up to `pool_end`."""
        return self.names.data

    @property
    def pool_end(self) -> int:
        return self.names.end

    def _take(
        self,
        piece: Btf,
        start: int,
        below: Words,
        moved: Words,
        strings: memoryview | bytes,
        first_id: int,
        shift: int,
        references: int,
    ) -> None:
        """Add the nodes of `piece`, which has at most so many `references`."""
        node, at, edges = len(self), len(self.norm), len(self.refs)
        count = len(piece.positions)
        if node + count > MOST:
            raise FormatError(f"more than {MOST} types")
        room = piece.words.cast("B")  # what is in it does not matter
        self.norm.frombytes(room)
        self.refs.frombytes(room[: 4 * references])
        for column in (self.place, self.starts, self.hashes):
            column.frombytes(room[: 4 * count])
        self._limit(strings)
        try:
            end = _nodes.take(
                self.norm,
                at,
                piece.positions,
                piece.table,
                start,
                below,
                moved,
                first_id,
                shift,
                self.refs,
                edges,
                memoryview(self.place)[node:],
                memoryview(self.starts)[node:],
                memoryview(self.hashes)[node:],
                self.prime,
                self.names,
                strings,
            )
        except OverflowError:
            raise overlapping(piece.source) from None
        del self.refs[end:]

    # ---- classes ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Compute the first classes: nodes with equal contents, references aside."""
        count = len(self)
        self.label, self.size = words(count), zeros(count + 1)
        self.classes = _classes.seed(
            self.norm, self.place, self.hashes, self.label, self.size, zeros(power(2 * count)), zeros(count), _mask
        )
        self.hashes = array("I")

    def share_records(self) -> None:
        """Keep one record for all nodes of a first class; then, `place` does not state any more where a record ends."""
        heads = zeros(self.classes)
        _refine.lowest(self.label, heads)
        end = _nodes.share(self.norm, self.place, self.label, heads)
        del self.norm[end:]

    def refine(self, owners: array[int] | None = None) -> None:
        """Split the first classes until no more can be split; or those that this left, beginning with the nodes `owners`
        (ascending), some of whose references lead elsewhere now."""
        if owners is None:
            self.rounds += refine(self, _mask)
            return
        count = len(self)
        room = self._room or [pages(count) for _ in range(7)]
        self._room = room  # little of it is touched
        dirty, *others = room
        self.size = zeros(count + 1)
        number = _refine.recount(self.label, self.size, owners, dirty)
        if not number:
            return
        self._reverse()
        users = self._back_starts, self._back, self._moved_starts, self._moved_back
        self.classes, rounds = split(
            self.starts,
            self.refs,
            users,
            self.label,
            self.size,
            self.classes,
            dirty,
            number,
            others,
            self.prime,
            _mask,
            0,
        )
        self.rounds += rounds

    def _reverse(self) -> None:
        """Find the users of each node; of references that never move, only once."""
        owners, numbers = self.moving
        if not len(self._back_starts):
            self._back, self._back_starts = zeros(len(self.refs)), zeros(len(self) + 2)
            _classes.reverse(self.starts, self.refs, numbers, self._back_starts, self._back)
        if len(numbers):
            self._moved_back, self._moved_starts = zeros(len(numbers)), zeros(len(self) + 2)
            _classes.reverse_some(self.starts, self.refs, owners, numbers, self._moved_starts, self._moved_back)

    def users(self) -> tuple[Reversed, Reversed]:
        """The users of all nodes that refer to something themselves, as (where those of each node begin, the users): by
        references that never move, and by others."""
        if not len(self._back_starts):
            self._reverse()
        return (self._back_starts, self._back), (self._moved_starts, self._moved_back)

    def heads(self) -> memoryview[int]:
        """The lowest node of each class, except as for `nested`."""
        heads = zeros(self.classes)
        _refine.lowest(self.label, heads)
        if self.nested:
            self._prefer_others(heads)
        return heads

    def _prefer_others(self, heads: memoryview[int]) -> None:
        """Replace the ARRAYs `nested` among the heads by the lowest other ones of the base, if there are any."""
        avoided = set(self.nested)
        open_classes = {self.label[node] for node in avoided if heads[self.label[node]] == node}
        for node in range(1, self.first):
            if self.label[node] in open_classes and node not in avoided:
                heads[self.label[node]] = node
                open_classes.remove(self.label[node])

    def forget_names(self) -> None:
        """Release what only `add` needs."""
        self.names.finish()
        self.below = self._marks = NONE

    def forget_classes(self) -> None:
        """Release what only `refine` and `users` need."""
        self._back_starts = self._back = self._moved_starts = self._moved_back = self.size = NONE
        self.label = array("I")
        self._room = None

    def forget_types(self) -> None:
        """Release everything except the names."""
        self.norm, self.refs, self.place, self.starts = array("I"), array("I"), words(2), words(2)

    # ---- one node --------------------------------------------------------------------------------------------------

    def text(self, at: int) -> bytes:
        """The string at an offset of the pool, without NUL."""
        return bytes(self.pool[at : self.pool.index(0, at)])

    def name(self, node: int) -> bytes:
        """The name of a node, without NUL."""
        return self.text(self.norm[self.place[node]])

    def kind(self, node: int) -> int:
        """The kind number of a node; 0 for void."""
        return self.norm[self.place[node] + 1] >> 24 & 0x7F if node else 0

    def targets(self, node: int) -> array[int]:
        """The nodes that a node refers to, in order."""
        return self.refs[self.starts[node] : self.starts[node + 1]]


def table(data: bytearray, prime: int, start: int = 0, below: StringTable | None = None) -> StringTable:
    """A table of names: `data` has the existing ones, `start` is the offset of the first."""
    return StringTable(data, start, prime & 0xFFFFFFFF, _mask, MOST, below)
