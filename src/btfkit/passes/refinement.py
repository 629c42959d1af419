"""The classes of equivalent types of a `Graph`: those of inner nodes in rounds, then those of outer ones (`hot/classes.py`).

docs/design/dedup.md explains why this finds exactly the equivalent types.
"""

from __future__ import annotations

from array import array

from btfkit.hot import classes as _classes
from btfkit.hot import refine as _refine
from btfkit.hot.columns import zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.passes.type_graph import Graph

    Words = memoryview[int] | array[int]

LARGE = 1 << 18  # words
DEPTH = 4  # references that hashes follow in the first round
NONE: memoryview[int] = memoryview(bytearray()).cast("I")


def refine(graph: Graph, mask: int) -> int:
    """Split the first classes of `graph` until no more can be split; returns the number of rounds."""
    count = len(graph)
    level = bytearray(count)
    passes, outer, edges = _classes.peel(graph.starts, graph.refs, level, bytearray(count), pages(count))
    inner = _Inner(graph, level, count - outer, len(graph.refs) - edges)
    order = zeros(outer)
    _classes.arrange(level, passes, order)
    rounds = inner.split(graph.prime, mask)
    before, graph.label = graph.label, array("I", graph.label)
    _classes.spread(inner.nodes, inner.label, graph.label)
    graph.classes = _classes.classify(
        graph.starts,
        graph.refs,
        order,
        before,
        graph.size,
        graph.label,
        inner.classes,
        inner.nodes,
        pages(count),
        pages(count),
        pages(power(count + 1)),
        graph.prime,
        mask,
    )
    return rounds


class _Inner:
    """The graph of the inner nodes; `nodes` are these, ascending."""

    def __init__(self, graph: Graph, level: bytearray, count: int, references: int) -> None:
        self.nodes = zeros(count)
        self.starts, self.refs, self.label = zeros(count + 1), zeros(references), zeros(count)
        self.classes = _classes.gather(
            graph.starts,
            graph.refs,
            level,
            graph.label,
            pages(len(graph)),
            self.nodes,
            self.starts,
            self.refs,
            self.label,
            zeros(graph.classes),
        )

    def split(self, prime: int, mask: int) -> int:
        """Split the classes until no more can be split; returns the number of rounds."""
        count = len(self.nodes)
        dirty, size = pages(count), zeros(count + 1)
        _refine.recount(self.label, size, NONE, dirty)
        number = _refine.all_dirty(self.starts, self.label, size, dirty)
        if not number:
            return 0
        back, back_starts = zeros(len(self.refs)), zeros(count + 2)
        _classes.reverse(self.starts, self.refs, NONE, back_starts, back)
        room = [pages(count) for _ in range(6)]
        users = back_starts, back, NONE, NONE
        self.classes, rounds = split(
            self.starts, self.refs, users, self.label, size, self.classes, dirty, number, room, prime, mask, DEPTH
        )
        return rounds


def split(
    starts: Words,
    refs: Words,
    users: tuple[Words, Words, Words, Words],
    label: Words,
    size: Words,
    classes: int,
    dirty: Words,
    number: int,
    room: Sequence[memoryview[int]],
    prime: int,
    mask: int,
    depth: int,
) -> tuple[int, int]:
    """`hot.classes.refine` with its work space, which is `room` (six arrays with a word for each node) and a table; `users` are
    its `back_starts`, `back`, `other_starts` and `other_back`."""
    count = len(starts) - 1
    group, heads, counts, fresh, touched, best = room
    return _classes.refine(
        starts,
        refs,
        *users,
        label,
        size,
        classes,
        dirty,
        number,
        group,
        heads,
        counts,
        fresh,
        touched,
        best,
        bytearray(count),
        pages(power(2 * count)),
        prime,
        mask,
        depth,
    )


def pages(count: int) -> memoryview[int]:
    """`count` words of 0, which take no memory until they are written, and return it at once when they are released.

    The memory of `zeros` may be that of something released before, which is written to be 0.
    """
    if count < LARGE:
        return zeros(count)
    import mmap

    flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    return memoryview(mmap.mmap(-1, 4 * count, **flags)).cast("I")


def power(count: int) -> int:
    """The lowest power of two that is at least `count` and at least 16."""
    return max(16, 1 << (count - 1).bit_length()) if count > 1 else 16
