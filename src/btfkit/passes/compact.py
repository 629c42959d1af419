"""`compact`: write a selection as a new BTF, or a chain of them, with an id map for each.

Kept types keep their order and get consecutive ids.  A reference to a modifier or typedef that is not kept goes to the type
that it modifies instead; a reference to any other type that is not kept becomes void.  Strings are stored once, in the order
of first use; a string that the new base has is referred to there.  Byte order and layout section are kept; sizes and member
offsets never change.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.emit import Frame, Strings
from btfkit.btf.spec import MAX_CHAIN
from btfkit.errors import UnsupportedError
from btfkit.hot import columns as _columns
from btfkit.hot.columns import Columns, zeros
from btfkit.passes.idmap import IdMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.passes.select import Selection


class Compacted:
    """One layer of a compacted selection: the new `btf`, and `ids`, the id map of its whole chain."""

    __slots__ = ("btf", "ids")

    def __init__(self, btf: Btf, ids: IdMap) -> None:
        self.btf = btf
        self.ids = ids


def compact(selection: Selection) -> dict[Btf, Compacted]:
    """The new BTF of each layer, lower layers first, each split on the new BTF of its base.

    Raises UnsupportedError for a layer with a kind whose references are unknown.
    """
    done: dict[Btf, Compacted] = {}
    for layer in selection.layers:
        base = done[layer.base] if layer.base is not None else None
        done[layer] = _layer(layer, selection.kept[layer], base)
    return done


def _layer(layer: Btf, kept: dict[int, set[int] | None], base: Compacted | None) -> Compacted:
    first = len(base.btf) if base is not None else 1
    own = sorted(kept)
    ids = dict(base.ids.items()) if base is not None else {}
    ids.update(zip(own, range(first, first + len(own)), strict=True))
    chosen = {
        type_id - layer.start_id: tuple(sorted(elements)) for type_id in own if (elements := kept[type_id]) is not None
    }
    _refuse_unknown(layer, own)
    indexes, starts = [type_id - layer.start_id for type_id in own], zeros(len(own))
    out = zeros(_columns.extent(layer.words, layer.positions, indexes))
    words = out[: _columns.copy(layer.words, layer.positions, layer.table, indexes, chosen, out, starts)]
    columns = Columns(words, starts, layer.table)
    _columns.look_up(words, columns.ids, ids, lambda old: _follow(layer, old, ids))
    strings = Strings(base.btf if base is not None else None)
    names: dict[int, int] = {}

    def renamed(old: int) -> int:
        names[old] = strings.add(layer.string(old))
        return names[old]

    _columns.look_up(words, columns.names, names, renamed)
    frame = Frame.of(layer, base.btf if base is not None else None)
    frame.source = None
    return Compacted(frame.emit(words, strings.to_bytes()), IdMap(ids))


def _follow(layer: Btf, old: int, ids: dict[int, int]) -> int:
    """The new id of the first kept type in a chain of modifiers and typedefs, or 0."""
    for _ in range(MAX_CHAIN):
        if old in ids:
            return ids[old]
        if layer.kind(old) not in spec.MODS_AND_TYPEDEFS:
            return 0
        old = layer.word(old, 2)
    return 0


def _refuse_unknown(layer: Btf, own: list[int]) -> None:
    if layer.table == spec.TABLE:
        return
    for type_id in own:
        kind = layer.kind(type_id)
        if not 0 < kind < len(spec.KINDS):
            raise UnsupportedError(
                f"unknown kind {kind}: its references cannot be renumbered",
                source=layer.source,
                type_id=type_id,
            )
