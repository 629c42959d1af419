"""A base whose classes are computed once, so that dedup of each BTF split on it costs only the size of that BTF.

Types that a split shares with its base are found by *prints*: hashes of a type and of the types it reaches, in as many steps
as it takes to separate all classes of the base.  A type that is equivalent to one of the base has the same print, so no match
is missed.  Every match is then verified against the others, word for word, so no match is wrong.  The remaining types become a
graph of their own, in which types of the base are leaves.

If that is not exact (prints of the base collide, or need too many steps) or not complete (an own declaration has a definition),
`dedup` refines the base together with the split.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.hot import classes as _classes
from btfkit.hot import nodes as _nodes
from btfkit.hot import prints as _prints
from btfkit.hot import refine as _refine
from btfkit.hot.columns import zeros
from btfkit.passes import type_graph
from btfkit.passes.array_style import Style, flattened_base
from btfkit.passes.declarations import DEFINED, ENUM_TAG
from btfkit.passes.rebase import refuse_unknown_in, words
from btfkit.passes.refinement import NONE, power
from btfkit.passes.type_graph import Graph

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_STEPS = 48  # of computing prints


class PreparedBase:
    """The classes of the types of `btf`, for comparison with any number of BTFs split on it; `nested` is that of its `graph`."""

    __slots__ = (
        "_board",
        "_buckets",
        "_flattened",
        "_identity",
        "_rep",
        "_steps",
        "_style",
        "_tagged",
        "btf",
        "exact",
        "graph",
    )

    def __init__(self, btf: Btf, nested: Sequence[int] = ()) -> None:
        self.btf = btf
        graph = self.graph = Graph(btf, nested)
        graph.settle()
        graph.refine()
        heads, label = graph.heads(), graph.label
        self._rep = array("I", map(heads.__getitem__, label))
        self._board = words(len(graph))
        self._identity = array("I", range(len(graph))).tobytes()
        self._tagged: set[tuple[int, int]] | None = None
        self._style: Style | None = None
        self._flattened: PreparedBase | None = None
        self._steps: list[array[int]] = []
        self._buckets = words(power(2 * len(graph)))
        self.exact = type_graph._mask != 0 and self._print()
        graph.forget_classes()

    def _print(self) -> bool:
        """Add steps to the prints until they separate all classes; returns whether they do."""
        graph = self.graph
        prints = _longs(len(graph))
        _prints.skeletons(graph.norm, graph.place, 0, prints, graph.prime)
        self._steps.append(prints)
        while not _prints.index_prints(self._steps[-1], self._rep, self._buckets):
            if len(self._steps) > MOST_STEPS:
                return False
            following = _longs(len(graph))
            _prints.step(
                graph.starts,
                graph.refs,
                len(graph),
                self._steps[0],
                self._steps[-1],
                self._steps[-1],
                following,
                graph.prime,
            )
            self._steps.append(following)
            self._buckets = words(len(self._buckets))
        return True

    def ids(self) -> array[int]:
        """The identity map over the ids of the base."""
        ids = array("I")
        ids.frombytes(self._identity)
        return ids

    @property
    def style(self) -> Style:
        """How the base has arrays of arrays."""
        if self._style is None:
            self._style = Style(self.btf)
        return self._style

    @property
    def flattened(self) -> PreparedBase:
        """The base with flat arrays, with the same ids, prepared as well."""
        if self._flattened is None:
            self._flattened = PreparedBase(flattened_base(self.btf), self.style.nested)
        return self._flattened

    def has(self, name: int, bit: int) -> bool:
        """Whether the base has a type of that name (its offset in the pool) and tag (a declaration) or, with DEFINED added, a
        definition of it."""
        if self._tagged is None:
            nodes, bits = list[int](), list[int]()
            flags = b"\7" * self.graph.pool_end
            _refine.tagged(self.graph.norm, self.graph.place, 1, flags, nodes, bits)
            self._tagged = {
                (self.graph.norm[self.graph.place[node]], bit) for node, bit in zip(nodes, bits, strict=True)
            }
        return (name, bit) in self._tagged


class Remainder(Graph):
    """The types of a split that have no match in its base, as a graph.

    `match` has for each own type the id of the equivalent type of the base, or 0, and `local` its node if there is none;
    `below_ids` are the ids of the base's types that are nodes after the own ones.
    """

    def __init__(self, prepared: PreparedBase, btf: Btf, extra: Iterable[int] = ()) -> None:
        refuse_unknown_in(btf)
        below = prepared.graph
        moved, edges = below.mark(btf)
        self.nested = ()
        self.prime, self.base, self.first, self.rounds = below.prime, btf.base, 1, 0
        self.first_offset = below.first_offset
        self._back_starts = self._back = self._moved_starts = self._moved_back = NONE
        self.moving = NONE, NONE
        self._room = None
        self.names = type_graph.table(
            below.pool[below.first_offset : below.pool_end], self.prime, below.first_offset, below.names
        )
        self.name_own(btf, moved, extra)
        count = len(btf.positions)
        self.own_norm, self.own_place, self.own_starts = (
            array("I", bytes(btf.words)),
            words(count + 1),
            words(count + 1),
        )
        self.own_refs, self.own_hashes = words(edges), words(count)
        _nodes.take(
            self.own_norm,
            0,
            btf.positions,
            btf.table,
            btf.start_str_off,
            below.below,
            moved,
            btf.start_id,
            0,
            self.own_refs,
            0,
            self.own_place,
            self.own_starts,
            self.own_hashes,
            self.prime,
            self.names,
            btf.strings,
        )
        self.start = btf.start_id

    def declares(self, prepared: PreparedBase) -> bool:
        """Whether an own declaration has a definition, or may be equivalent to a declaration of another form."""
        flags = bytearray(self.first_offset + self.pool_end)
        if not _refine.declared(self.own_norm, self.own_place, 0, flags):
            return False
        nodes, bits = list[int](), list[int]()
        _refine.tagged(self.own_norm, self.own_place, 0, flags, nodes, bits)
        keys = [(self.own_norm[self.own_place[node]], bit) for node, bit in zip(nodes, bits, strict=True)]
        declared = [key for key in keys if not key[1] & DEFINED]
        own = {(name, bit & ~DEFINED) for name, bit in keys if bit & DEFINED}
        enums = [name for name, bit in declared if bit == ENUM_TAG]
        if len(set(enums)) < len(enums) or any(prepared.has(name, ENUM_TAG) for name in enums):
            return True
        return any(key in own or prepared.has(key[0], key[1] | DEFINED) for key in declared)

    def find(self, prepared: PreparedBase) -> None:
        """Find the matches and build the graph of the remaining types."""
        below, count = prepared.graph, len(self.own_hashes)
        skeleton, before, after = _longs(count), _longs(count), _longs(count)
        _prints.skeletons(self.own_norm, self.own_place, self.start, skeleton, self.prime)
        before[:] = skeleton
        for prints in prepared._steps[:-1]:
            _prints.step(self.own_starts, self.own_refs, self.start, skeleton, prints, before, after, self.prime)
            before, after = after, before
        self.match = words(count)
        _prints.look_up(before, prepared._steps[-1], prepared._buckets, self.match)
        _prints.verify(
            self.own_norm,
            self.own_place,
            self.own_starts,
            self.own_refs,
            self.start,
            self.match,
            below.norm,
            below.place,
            below.starts,
            below.refs,
            prepared._rep,
        )
        self._gather(prepared)

    def _gather(self, prepared: PreparedBase) -> None:
        left = self.match.count(0)
        self.local, self.below_ids = words(len(self.match)), list[int]()
        self.norm, self.refs = words(len(self.own_norm)), words(len(self.own_refs))
        self.place, self.hashes = words(left + 2), words(left + 1)
        self.starts = words(left + 3 + len(self.own_refs))
        used, edges = _prints.gather(
            self.own_norm,
            self.own_place,
            self.own_starts,
            self.own_refs,
            self.own_hashes,
            self.start,
            self.match,
            self.local,
            prepared._board,
            self.norm,
            self.place,
            self.starts,
            self.refs,
            self.hashes,
            self.below_ids,
        )
        del self.norm[used:], self.refs[edges:], self.starts[left + 2 + len(self.below_ids) :]
        nodes = left + 1 + len(self.below_ids)
        self.label, self.size = words(nodes), zeros(nodes + 1)
        self.classes = _classes.seed(
            self.norm,
            self.place,
            self.hashes,
            self.label,
            self.size,
            words(power(2 * left)),
            words(left + 1),
            type_graph._mask,
        )
        self.classes = _prints.classify(
            self.below_ids, prepared._rep, prepared._board, self.label, self.size, left + 1, self.classes
        )
        self.place.extend([used] * len(self.below_ids))
        self.refine()

    def number(self, prepared: PreparedBase) -> tuple[array[int], array[int], bytearray, int]:
        """(`ids` for all old ids, new id by node, which nodes stay, words of their records)."""
        nodes = len(self)
        left = nodes - len(self.below_ids)
        local, stays = words(nodes), bytearray(nodes)
        label, to = self.label[:left], array("I", range(left))
        _, total = _refine.number(label, self.heads(), to, 1, self.norm, self.place, spec.TABLE, local, stays)
        for node in range(1, left):
            local[node] += self.start - 1
        local[left:] = array("I", self.below_ids)
        ids = prepared.ids()
        ids.frombytes(bytes(4 * len(self.match)))
        _prints.spread(self.match, self.local, local, self.start, ids)
        return ids, local, stays, total


def _longs(count: int) -> array[int]:
    return array("Q", bytes(8 * count))
