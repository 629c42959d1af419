"""Select the types and members to keep: turn criteria into one `Selection`.

Criteria are CO-RE witnesses, type names, function names and the references of a split BTF.  The closure policies "direct",
"by-value" and "full" add types that the selected types reach.  All can be combined; `passes/compact.py` then writes the
selection as a new BTF.

A selection consists of *layers*: the BTFs of a chain (or of several chains on one base), each with its own types.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.spec import MAX_CHAIN
from btfkit.errors import NotFoundError, printable
from btfkit.hot import columns as _columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from btfkit.btf.btf import Btf
    from btfkit.btf.spec import MAX_CHAIN
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject
    from btfkit.co_re.target import Target
    from btfkit.co_re.witness import Witness

    Closure = Literal["direct", "by-value", "full"]

POLICIES: tuple[Closure, ...] = ("direct", "by-value", "full")
WHOLE = None  # in place of a set of elements

_ELEMENTS = spec.COMPOSITES | spec.ENUMS
_MAY_BE_VOID = spec.MODS_AND_TYPEDEFS | {spec.PTR}


class Selection:
    """The types to keep of each layer: `kept[layer]` maps an own id to the set of elements (member or enumerator
    numbers) to keep, or to WHOLE.

    The id of a type may be given with any BTF whose chain has the type; the layer that holds it is found.
    """

    __slots__ = ("_added", "kept", "layers")

    def __init__(self, layers: Sequence[Btf]) -> None:
        self.layers = tuple(layers)
        self.kept: dict[Btf, dict[int, set[int] | None]] = {layer: {} for layer in self.layers}
        self._added: list[tuple[Btf, int]] = []

    def add(self, btf: Btf, type_id: int) -> None:
        """Keep a type, with only those members or enumerators that are added separately."""
        if type_id:
            layer = self._layer(btf, type_id)
            if type_id not in self.kept[layer]:
                self.kept[layer][type_id] = set() if layer.kind(type_id) in _ELEMENTS else WHOLE
                self._added.append((layer, type_id))

    def add_element(self, btf: Btf, type_id: int, index: int) -> None:
        """Keep one member or enumerator, and its type."""
        self.add(btf, type_id)
        elements = self.kept[self._layer(btf, type_id)][type_id]
        if elements is not None and index not in elements:
            elements.add(index)
            self._add_member_type(btf, type_id, index)

    def _add_member_type(self, btf: Btf, type_id: int, index: int) -> None:
        layer, at = btf.locate(type_id)
        if layer.words[at + 1] >> 24 & spec.MAX_KIND in spec.COMPOSITES:
            self.add(btf, btf.strip(layer.words[at + 4 + 3 * index]))

    def has(self, btf: Btf, type_id: int) -> bool:
        """Whether the type is kept."""
        return type_id in self.kept[self._layer(btf, type_id)]

    def elements(self, btf: Btf, type_id: int) -> set[int] | None:
        """The elements of a kept type to keep, or WHOLE."""
        return self.kept[self._layer(btf, type_id)][type_id]

    def _layer(self, btf: Btf, type_id: int) -> Btf:
        while type_id < btf.start_id:
            assert btf.base is not None
            btf = btf.base
        return btf

    def complete(self) -> None:
        """Add the types that kept records require: those of kept members, array elements, prototypes and parameters.

        A pointer, a modifier, a typedef or a return value may refer to a type that is not kept; the reference becomes void.
        """
        while self._added:
            layer, type_id = self._added.pop()
            at = layer.positions[type_id - layer.start_id]
            kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
            elements = self.kept[layer][type_id]
            if kind in _MAY_BE_VOID or (kind in _ELEMENTS and elements is not WHOLE):
                continue
            for word, what in references(layer.words, at, layer.table):
                if what == "type" and not (kind == spec.FUNC_PROTO and word == at + 2):
                    self.add(layer, layer.strip(layer.words[word]))


# ---- criteria --------------------------------------------------------------------------------------------------


def by_type_name(btf: Btf, name: str) -> list[int]:
    """The ids of all types called `name` ("struct file", "pid_t"), except FUNCs and VARs; maybe none."""
    return [type_id for type_id in btf.find_ids(name) if btf.kind(type_id) not in (spec.FUNC, spec.VAR)]


def by_func_name(btf: Btf, name: str) -> list[int]:
    """The ids of all FUNCs called `name`, and of the DECL_TAGs on them; maybe none."""
    ids = list(btf.find_ids(name, spec.FUNC))
    if not ids:
        return []
    tags = [tag.id for tag in btf.types(spec.DECL_TAG) if btf.word(tag.id, 2) in ids]
    return ids + tags


def none_to_keep(btf: Btf, name: str, function: bool) -> NotFoundError:
    """The error for a name to keep that no type (or `function`) has, with close names (which take long to find)."""
    from btfkit.btf.suggest import did_you_mean_type

    what, kinds = ("function", (spec.FUNC,)) if function else ("type", ())
    hint = did_you_mean_type(btf, name, kinds)
    return NotFoundError(f"no {what} called {printable(name)!r} to keep{hint}", source=btf.source)


def by_references_of(split: Btf) -> list[int]:
    """The ids of all types below `split` that its own types refer to."""
    found = bytearray(split.start_id)
    _columns.mark(split.words, split.columns.ids, 0, split.start_id, found)
    return [type_id for type_id in range(1, split.start_id) if found[type_id]]


# ---- closure ---------------------------------------------------------------------------------------------------


def close(selection: Selection, roots: Iterable[tuple[Btf, int]], policy: str, *, asked: bool = True) -> None:
    """Add to `selection` the types `roots` and what they reach under `policy`.

    "direct": the types with their members, and name and size of the types that these refer to; "by-value": complete
    definitions of all types embedded or passed by value, name and size of those used through pointers; "full": all types that
    can be reached.  With `asked` the roots count as asked for by name (whole), without it as reached by value.
    """
    from btfkit.hot import graph

    levels = {layer: bytearray(len(layer.positions)) for layer in selection.layers}
    stacks: dict[Btf, list[int]] = {layer: [] for layer in selection.layers}
    for btf, type_id in roots:
        _raise(selection._layer(btf, type_id), type_id, 3 if asked else 2, levels, stacks)
    number = POLICIES.index(policy)
    for layer in reversed(selection.layers):
        below: list[int] = []
        graph.reach(
            layer.words, layer.positions, layer.table, layer.start_id, levels[layer], stacks[layer], below, number
        )
        for packed in below:
            _raise(selection._layer(layer, packed >> 2), packed >> 2, packed & 3, levels, stacks)
    for layer in selection.layers:
        _take(selection, layer, levels[layer], number)


def _raise(layer: Btf, type_id: int, level: int, levels: dict[Btf, bytearray], stacks: dict[Btf, list[int]]) -> None:
    index = type_id - layer.start_id
    if levels[layer][index] < level:
        levels[layer][index] = level
        stacks[layer].append(index)


def _take(selection: Selection, layer: Btf, levels: bytearray, policy: int) -> None:
    from btfkit.hot import graph

    kept: list[int] = []
    bare: list[int] = []
    graph.whole(layer.words, layer.positions, levels, policy, kept, bare)
    target, start = selection.kept[layer], layer.start_id
    for index in bare:
        target.setdefault(start + index, set())
    for index in kept:
        target[start + index] = WHOLE


# ---- witnesses -------------------------------------------------------------------------------------------------


class Witnesses:
    """Collects the witnesses of outcomes in a selection, then keeps what prevents dropped types from changing an outcome
    (the traps of `co_re/witness.py`)."""

    __slots__ = ("_elements", "_pointer_size", "_selection", "_shadows", "_traps", "_types")

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._types: dict[Btf, set[int]] = {}  # that were read, until they are in the selection
        self._elements: dict[Btf, set[tuple[int, int]]] = {}
        self._traps: list[tuple[Btf, Witness]] = []
        self._shadows: list[tuple[Sequence[tuple[Btf, int]], Sequence[tuple[Btf, int]]]] = []
        self._pointer_size = False

    def _note(self, outcome: Outcome) -> None:
        """Note what `outcome` was read from, also over all candidates: which ones are left depends on what is loaded."""
        if outcome.alone is not None:
            self._note(outcome.alone)
        for match in outcome.matches:
            self._take(match.btf, match.witness)
        self._traps += [(btf, witness) for btf, witness in outcome.refused if witness.has_traps]

    def take_all(
        self,
        objects: Sequence[BpfObject],
        outcomes: Sequence[Sequence[Outcome]],
        target: Target,
        taken: set[Outcome],
        loader: Loader,
    ) -> None:
        """Keep what `outcomes`, by the rules of `loader`, were read from, except those in `taken`."""
        seen: set[int] = set()
        for obj, answers in zip(objects, outcomes, strict=True):
            for relocation, outcome in zip(obj.relocations, answers, strict=True):
                if outcome in taken:  # equal relocations share one
                    continue
                taken.add(outcome)
                self._note(outcome)
                if target.modules and outcome.candidates and id(outcome.candidates) not in seen:
                    seen.add(id(outcome.candidates))
                    wanted = obj.spec(relocation, loader)
                    _, in_modules = target.named(wanted.root_kind, wanted.name)  # type: ignore[union-attr]
                    if in_modules and outcome.candidates[0][0] is target.vmlinux:
                        self.shadow(outcome.candidates, in_modules)
        for btf, types in self._types.items():
            for type_id in types:
                self._selection.add(btf, type_id)
        for btf, elements in self._elements.items():
            for type_id, index in elements:
                self._selection.add_element(btf, type_id, index)
        self._types, self._elements = {}, {}

    def _take(self, btf: Btf, witness: Witness) -> None:
        if btf not in self._types:
            self._types[btf], self._elements[btf] = set(), set()
        self._types[btf].update(witness.types)
        self._elements[btf].update(witness.members, witness.values)
        self._pointer_size = self._pointer_size or witness.pointer_size
        if witness.has_traps:
            self._traps.append((btf, witness))

    def shadow(self, candidates: Sequence[tuple[Btf, int]], in_modules: Sequence[tuple[Btf, int]]) -> None:
        """Candidates in vmlinux prevent a search of modules: if one of `in_modules` is kept, keep one too."""
        self._shadows.append((candidates, in_modules))

    def settle(self) -> None:
        """Add what prevents a negative answer from becoming positive, until nothing more is needed."""
        size = -1
        while size != (size := self._size()):
            self._selection.complete()
            for btf, witness in self._traps:
                self._set_right(btf, witness)
            for candidates, in_modules in self._shadows:
                if any(self._selection.has(*c) for c in in_modules) and not any(
                    self._selection.has(*c) for c in candidates
                ):
                    self._selection.add(*candidates[0])
        if self._pointer_size:  # last, because one that is kept anyway is the cheapest
            self._keep_pointer_size()

    def _size(self) -> int:
        return sum(1 + len(elements or ()) for layer in self._selection.kept.values() for elements in layer.values())

    def _set_right(self, btf: Btf, witness: Witness) -> None:
        selection = self._selection
        for parent, type_id in witness.pointers:
            if selection.has(btf, parent):
                selection.add(btf, type_id)
        for path in witness.hides:
            if selection.has(btf, path[0][0]) and self._is_hidden(btf, path):
                for composite, index in path:
                    selection.add_element(btf, composite, index)
        for composite, index in witness.not_last:
            self._keep_successor(btf, composite, index)
        for type_id, count in witness.at_least:
            self._keep_count(btf, type_id, count)

    def _is_hidden(self, btf: Btf, path: Sequence[tuple[int, int]]) -> bool:
        """Whether a search for the member at the end of `path` would end at another one that is kept."""
        layer, at = btf.locate(path[-1][0])
        return self._shows(btf, path[0][0], btf.string(layer.words[at + 3 + 3 * path[-1][1]]), path[-1], set())

    def _shows(self, btf: Btf, composite: int, name: bytes, but: tuple[int, int], seen: set[int]) -> bool:
        """Whether a member called `name` is kept (except `but`), or an unnamed one that is no struct or union, which is an error
        for cilium/ebpf."""
        composite = btf.strip(composite)
        if btf.kind(composite) not in spec.COMPOSITES:
            return True
        if composite in seen or not self._selection.has(btf, composite):
            return False
        seen.add(composite)
        if len(seen) > MAX_CHAIN:  # deeper than libbpf looks
            return False
        layer, at = btf.locate(composite)
        elements = self._selection.elements(btf, composite)
        for index in range(layer.words[at + 1] & spec.MAX_VLEN) if elements is WHOLE else elements:
            if (composite, index) == but:
                continue
            found = btf.string(layer.words[at + 3 + 3 * index])
            if found == name:
                return True
            if not found and self._shows(btf, layer.words[at + 4 + 3 * index], name, but, seen):
                return True
        return False

    def _keep_successor(self, btf: Btf, composite: int, index: int) -> None:
        """If member `index` is kept and would become the last, keep the cheapest of the members that follow it."""
        if not self._selection.has(btf, composite):
            return
        elements = self._selection.elements(btf, composite)
        if elements is WHOLE or index not in elements or max(elements) > index:
            return
        following = range(index + 1, btf.word(composite, 1) & spec.MAX_VLEN)
        self._selection.add_element(btf, composite, min(following, key=lambda i: self._cost(btf, composite, i)))

    def _keep_count(self, btf: Btf, type_id: int, count: int) -> None:
        """Keep at least `count` elements of a kept type, because a comparison counted them."""
        elements = self._selection.elements(btf, type_id) if self._selection.has(btf, type_id) else WHOLE
        if elements is WHOLE:
            return
        others = [i for i in range(btf.word(type_id, 1) & spec.MAX_VLEN) if i not in elements]
        if btf.kind(type_id) in spec.COMPOSITES:
            others.sort(key=lambda i: self._cost(btf, type_id, i))
        for index in others[: max(0, count - len(elements))]:
            self._selection.add_element(btf, type_id, index)

    def _cost(self, btf: Btf, composite: int, index: int) -> tuple[int, int]:
        """A sort key: about how many bytes keeping a member costs, then its number."""
        layer, at = btf.locate(composite)
        type_id = btf.strip(layer.words[at + 4 + 3 * index])
        cost = len(btf.string(layer.words[at + 3 + 3 * index]))
        if type_id and not self._selection.has(btf, type_id):
            cost += 64 if btf.kind(type_id) == spec.ARRAY else 12 + len(btf.string(btf.word(type_id, 0)))
        return cost, index

    def _keep_pointer_size(self) -> None:
        """Keep the cheapest INT that states the pointer size, if there is one."""
        for layer in self._selection.layers:
            carriers = layer.pointer_size_carriers()
            if not carriers:
                continue
            size = layer.word(carriers[0], 2)
            agree = all(layer.word(carrier, 2) == size for carrier in carriers)
            fit = carriers if agree else carriers[:1]
            self._selection.add(
                layer, min(fit, key=lambda c: (not self._selection.has(layer, c), self._name_len(layer, c), c))
            )
            return

    @staticmethod
    def _name_len(layer: Btf, type_id: int) -> int:
        return len(layer.string(layer.word(type_id, 0)))
