"""`dedup`: merge equivalent types, and resolve forward declarations.

Types are equivalent if their own contents are equal and their references lead, place by place, to equivalent types.  Variables
and sections are objects, not types, and are equivalent only to themselves.  `passes/type_graph.py` finds the classes,
`passes/declarations.py` resolves declarations; docs/design/dedup.md defines equivalence and explains why the result has exactly
one type for each class.  This file writes the result: the lowest type of each class, in the old order.
A base never changes: own types that the base has too are removed, and references go to those of the base.

Rules: libbpf 1.8-dev, btf__dedup; its documentation where the code deviates from it (docs/differences.md).
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame, Room
from btfkit.errors import FormatError
from btfkit.hot import nodes as _nodes
from btfkit.hot import refine as _refine
from btfkit.hot.columns import zeros
from btfkit.passes.array_style import Style, flatten
from btfkit.passes.declarations import TAGS, resolve
from btfkit.passes.idmap import Dense
from btfkit.passes.rebase import words
from btfkit.passes.type_graph import Graph

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfkit.btf.ext import Ext
    from btfkit.passes.declarations import Name
    from btfkit.passes.idmap import IdMap
    from btfkit.passes.prepared_base import PreparedBase, Remainder


class Declared:
    """What became of the forward declarations of one name and tag ("struct", "union", "enum") that has definitions.

    `declarations` is the number of declarations, `definitions` that of inequivalent definitions.  `targets` are the new ids of
    the definitions that declarations resolved to.  `how` is the reason: "only" (there is one definition), "context" (the
    types that refer to the declaration otherwise match those that refer to the definition), "namesake" (as other declarations
    of the name), or "" for none.  `left` is the number of declarations that remain.
    """

    __slots__ = ("declarations", "definitions", "how", "left", "name", "tag", "targets")

    def __init__(self, name: str, tag: str, how: str, targets: tuple[int, ...], counts: tuple[int, int, int]) -> None:
        self.name = name
        self.tag = tag
        self.how = how
        self.targets = targets
        self.declarations, self.definitions, self.left = counts

    def moved(self, ids: IdMap) -> Declared:
        """The same, with the ids of a later pass."""
        counts = self.declarations, self.definitions, self.left
        return Declared(self.name, self.tag, self.how, tuple(sorted({ids[old] for old in self.targets})), counts)


class DedupReport:
    """What dedup did: numbers of own types `before` and `after`, by name of kind; `declarations` that have definitions; `bytes`
    of the output; `arrays`: "flat" or "nested" if that is the base's style of arrays of arrays and was not the input's, which
    was followed (`passes/array_style.py`), else ""."""

    __slots__ = ("after", "arrays", "before", "bytes", "declarations")

    def __init__(self, before: dict[str, int], after: dict[str, int], declarations: list[Declared], size: int) -> None:
        self.before = before
        self.after = after
        self.declarations = declarations
        self.bytes = size
        self.arrays = ""

    @property
    def types(self) -> tuple[int, int]:
        """The number of own types before and after."""
        return sum(self.before.values()), sum(self.after.values())


class Deduped:
    """The result: `btf`, split on the same base; `ids`, the map of all old ids (those of a base do not change); `report`; and
    `ext` with the new ids and string offsets, if one was given."""

    __slots__ = ("btf", "ext", "ids", "report")

    def __init__(self, btf: Btf, ids: Dense, report: DedupReport, ext: Ext | None = None) -> None:
        self.btf = btf
        self.ids = ids
        self.report = report
        self.ext = ext

    def __repr__(self) -> str:
        return f"<deduped: {self.btf!r}>"


def dedup(btf: Btf, *, ext: Ext | None = None, prepared: PreparedBase | None = None) -> Deduped:
    """Merge the equivalent own types of `btf` with each other, and with those of its base.

    `ext` is the `.BTF.ext` that refers to `btf`; it is translated.  `prepared`, made from the base of `btf`, saves repeating
    the work on the base if many BTFs are split on it.  Arrays of arrays follow the style of the base (`passes/array_style.py`).
    Raises UnsupportedError for a kind whose references are unknown, FormatError if `ext` refers beyond the types or strings.
    """
    demand_btf("btf", btf, file_function="dedup_file")
    if btf.base is None:
        return _dedup(btf, ext, prepared)
    style = _style_of(btf.base, prepared)
    if nested := style.to_flatten(btf):
        done = _dedup(flatten(btf, nested, ext.references()[0] if ext is not None else ()), ext, prepared)
        done.report.arrays = "flat"
        return done
    return _on_nested(btf, ext, prepared) if style.is_nested_for(btf) else _dedup(btf, ext, prepared)


def dedup_on(prepared: PreparedBase, btf: Btf) -> Deduped:
    """`dedup` on a base whose style of arrays `btf` has."""
    return _dedup(btf, None, prepared)


def _style_of(base: Btf, prepared: PreparedBase | None) -> Style:
    return prepared.style if prepared is not None and prepared.btf is base else Style(base)


def _on_nested(btf: Btf, ext: Ext | None, prepared: PreparedBase | None) -> Deduped:
    """Dedup against a base with nested arrays, which are flat in `btf`."""
    assert btf.base is not None
    if prepared is None or prepared.btf is not btf.base:
        from btfkit.passes.prepared_base import PreparedBase

        prepared = PreparedBase(btf.base)
    flat = prepared.flattened
    done = _dedup(Frame.keeping(btf, flat.btf).emit(btf.words, btf.strings), ext, flat)
    done.btf = Frame.keeping(done.btf, btf.base).emit(done.btf.words, done.btf.strings)
    done.report.arrays = "nested"
    return done


def _dedup(btf: Btf, ext: Ext | None, prepared: PreparedBase | None) -> Deduped:
    ids, strings = ext.references() if ext is not None else (set[int](), set[int]())
    for what, numbers, limit in (
        ("string offset", strings, btf.start_str_off + len(btf.strings)),
        ("type", ids, len(btf)),
    ):
        if numbers and max(numbers) >= limit:
            raise FormatError(f"refers to {what} {max(numbers)}, the limit is {limit}", section=".BTF.ext")
    known = prepared is not None and prepared.btf is btf.base
    nested = prepared.graph.nested if prepared is not None and known else ()
    new = (prepared and _on_prepared(prepared, btf, strings)) or _on_all(btf, strings, nested)
    done = Deduped(new.btf, Dense(new.ids), new.report)
    if ext is not None:
        names = new.graph.extra
        done.ext = ext.translated(done.ids.translate(), lambda old: new.offset(names[old]) if old else 0)
    return done


def dedup_all(inputs: Iterable[Btf], *, prepared: PreparedBase | None = None) -> tuple[Deduped, list[int]]:
    """`dedup` of several BTFs as if they were appended to each other; either none has a base or all are split on the same one.

    Each input is released as soon as it is read.  Returns the result, whose `ids` maps the ids that the types would have after
    `append`, and for each input the id that its first own type would have there.  Byte order, layout section and pointer size
    are those of the first input.
    """
    graph: Graph | None = None
    frame: Frame | None = None
    style: Style | None = None
    firsts = []
    for btf in inputs:
        if graph is None:
            graph, frame = Graph(btf.base), _alone(btf, btf.layout, btf.base)
            style = _style_of(btf.base, prepared) if btf.base is not None else None
        nested = style.to_flatten(btf) if style is not None else []
        firsts.append(graph.add(flatten(btf, nested) if nested else btf))
        del btf  # no longer needed, and may be large
    if graph is None or frame is None:
        raise ValueError("nothing to dedup")
    new = _Writing(graph, frame)
    done = Deduped(new.btf, Dense(new.ids), new.report)
    if style is not None and style.is_nested_for(done.btf):
        again = _on_nested(done.btf, None, prepared)
        again.ids = Dense(array("I", map(again.ids.__getitem__, done.ids.ids)))
        again.report.before = done.report.before
        again.report.declarations = [one.moved(again.ids) for one in done.report.declarations]
        return again, firsts
    return done, firsts


class Joined:
    """The result of `dedup_chain`: `btf`, which has no base, and dedup's `report`.

    `ids` has the new id of every type of the base (at its id), followed by those of the types of each split; `firsts` are the
    indexes at which the splits begin.  `heads` has, for each split in order, the id of the first type that it added; `declared`
    are the indexes in `ids` of declarations of types that are defined elsewhere.
    """

    __slots__ = ("btf", "declared", "firsts", "heads", "ids", "report")

    def __init__(
        self, btf: Btf, report: DedupReport, ids: array[int], firsts: list[int], heads: list[int], declared: list[int]
    ) -> None:
        self.btf = btf
        self.report = report
        self.ids = ids
        self.firsts = firsts
        self.heads = heads
        self.declared = declared


def dedup_chain(base: Btf, splits: Iterable[Btf]) -> Joined:
    """Combine `base` and the `splits` on it into one BTF without a base, and dedup it.

    Each split is released as soon as it is read.  Of equivalent types the one of the base stays, else the one of the earliest
    split.  Raises what `dedup` raises.
    """
    graph = Graph(base)
    graph.let_base_go()
    firsts = [graph.add(split) for split in splits]
    declared = list[int]()
    _nodes.declarations(graph.norm, graph.place, 1, declared)
    layout = next((layer.layout for layer in reversed(base.chain) if layer.layout), b"")
    new = _Writing(graph, Frame.of(base, None) if base.base is None else _alone(base, layout))
    heads, at, head = [], 1, 1
    for first in firsts:
        head += new.stays.count(1, at, first)
        heads.append(head)
        at = first
    declared = [node for node in declared if not new.stays[node]]
    return Joined(new.btf, new.report, new.ids, firsts, heads, declared)


def _alone(btf: Btf, layout: bytes, base: Btf | None = None) -> Frame:
    """A frame that states the pointer size even if it follows only from the types of `btf`, which may be released."""
    return Frame(btf.byte_order, base, layout=layout, pointer_size=btf.pointer_size, source=btf.source)


def _on_all(btf: Btf, strings: Iterable[int], nested: Sequence[int]) -> _Writing:
    """Dedup in one graph of all own types and all types of the base."""
    graph = Graph(btf.base, nested)
    graph.add(btf, strings)
    return _Writing(graph, Frame.of(btf, btf.base))


def _on_prepared(prepared: PreparedBase, btf: Btf, strings: Iterable[int]) -> _Writing | None:
    """Dedup the own types alone, against what is known of the base; None if that is not enough."""
    if not prepared.exact or btf.base is not prepared.btf:
        return None
    from btfkit.passes.prepared_base import Remainder

    graph = Remainder(prepared, btf, strings)
    if graph.declares(prepared):
        return None
    graph.find(prepared)
    return _WritingRemainder(graph, btf, prepared)


class _Writing:
    """Writes the result of a complete graph: new `ids` by node, `btf`, `report`."""

    ids: array[int]
    stays: bytearray

    def __init__(self, graph: Graph, frame: Frame) -> None:
        self.graph = graph
        graph.forget_names()
        graph.settle()
        graph.share_records()
        to, names = resolve(graph)
        count = len(graph)
        self.ids, self.stays = words(count), bytearray(count)
        heads, first = graph.heads(), graph.first
        _, total = _refine.number(
            graph.label, heads, to, first, graph.norm, graph.place, spec.TABLE, self.ids, self.stays
        )
        del to, heads
        graph.forget_classes()
        before, after = words(128), words(128)
        _refine.count_kinds(graph.norm, graph.place, self.stays, graph.first, before, after)
        declarations = [self._declared(name) for name in names if name.defined]
        self._write(graph, frame, self.ids, total, memoryview(graph.pool)[graph.first_offset : graph.pool_end])
        self.report = DedupReport(_by_name(before), _by_name(after), declarations, len(self.btf.blob))

    def _write(self, graph: Graph, frame: Frame, ids: array[int], total: int, pool: memoryview) -> None:
        """Write the BTF of the types that stay; `ids` are by node, `pool` has the names from `first_offset` on."""
        self._first = graph.first_offset
        self._shift = self._first if frame.base is not None else 0  # a split has the empty string in its base
        self._pool = pool
        self._renamed = zeros(len(pool) // 2 + 1)
        room = Room(frame, total, len(pool) + 1)
        self._text = room.strings
        self._end = _nodes.write(
            graph.norm,
            graph.place,
            spec.TABLE,
            graph.starts,
            graph.refs,
            self.stays,
            graph.first,
            ids,
            pool,
            self._first,
            self._renamed,
            self._first,
            room.words,
            self._text,
            self._shift,
        )
        for offset in graph.extra.values():
            self.offset(offset)
        graph.forget_types()
        del self._text
        self.btf = room.emit(self._end - self._shift)

    def offset(self, at: int) -> int:
        """The new offset of a name in the pool; the name is appended if no type has it."""
        if at < self._first:
            return at
        at -= self._first
        if not self._renamed[at // 2]:
            self._renamed[at // 2] = self._end
            self._end = _nodes.spell(self._pool, at, self._text, self._end - self._shift) + self._shift
        return self._renamed[at // 2]

    def _declared(self, name: Name) -> Declared:
        chosen = [one for one in name.own if one.chosen]
        return Declared(
            self.graph.name(name.declared[0]).decode("utf-8", "surrogateescape"),
            TAGS[name.tag],
            chosen[0].how if chosen else "",
            tuple(sorted({self.ids[one.chosen] for one in chosen})),
            (len(name.own), len({self.ids[node] for node in name.defined}), len(name.own) - len(chosen)),
        )


class _WritingRemainder(_Writing):
    """`_Writing` for a graph that has only the types that the base lacks."""

    def __init__(self, graph: Remainder, like: Btf, prepared: PreparedBase) -> None:
        self.graph = graph
        self.ids, local, self.stays, total = graph.number(prepared)
        before, after, none = words(128), words(128), words(128)
        own = len(like.positions)
        _refine.count_kinds(graph.own_norm, graph.own_place, bytearray(own + 1), 0, before, none)
        _refine.count_kinds(graph.norm, graph.place, self.stays, 1, none, after)
        self._write(graph, Frame.of(like, like.base), local, total, memoryview(graph.pool)[: graph.pool_end])
        self.report = DedupReport(_by_name(before), _by_name(after), [], len(self.btf.blob))


def _by_name(counts: array[int]) -> dict[str, int]:
    return {spec.kind_name(kind): count for kind, count in enumerate(counts) if count}
