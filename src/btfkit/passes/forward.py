"""What a forward declaration stands for.

Declarations are FWDs and enums without enumerators.  All own ones of one name and tag (struct, union or enum) stand for the same
thing: for a definition of that name and tag where

- all definitions are equivalent (*only*), or
- a struct, union or typedef that refers to the declaration would be equivalent to another one that refers to the definition in
  that place (*context*); among several the one with the most such witnesses, among these the lowest.

Otherwise they stay a declaration.  A definition never stands for a declaration, and what the base says never changes: a
declaration of its own stays one; an own declaration that says the same is that, unless one of the above makes it a definition.

It begins with the coarsest partition that could come out: the one where declaration and definitions of a name are a single type
that nobody looks into.  From there on every guess is an exact refinement, so that a wrong one is seen, and taken back.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.hot import refine as _refine
from btfkit.passes.rebase import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.passes.partition import Graph

    Pair = tuple[int, int]

STRUCT_TAG, UNION_TAG, ENUM_TAG, DEFINED = 1, 2, 4, 8
TAGS = {STRUCT_TAG: "struct", UNION_TAG: "union", ENUM_TAG: "enum"}
ROUNDS = 24  # of guessing by context; each tries every name that is still open once
CLIMB = 4096  # nodes that are looked at on the way from one declaration to what has it
WITNESSES = 64  # pairs that are kept as evidence for one guess
STEPS = 512  # nodes that are compared for one pair

_ROOTS = spec.COMPOSITES | {spec.TYPEDEF}
_THROUGH = spec.MODIFIERS | {spec.PTR, spec.ARRAY, spec.FUNC_PROTO}


class Name:
    """What is declared and defined under one name and tag: nodes, ascending.

    `chosen` is the definition that own declarations stand for (0: none), `how` says why: "only", "context", or "" for none.
    """

    __slots__ = ("chosen", "declared", "defined", "how", "name", "rejected", "tag", "witnesses")

    def __init__(self, name: int, tag: int) -> None:
        self.name = name
        self.tag = tag
        self.declared: list[int] = []
        self.defined: list[int] = []
        self.chosen = 0
        self.how = ""
        self.rejected: set[int] = set()
        self.witnesses: list[Pair] = []

    def unresolved(self) -> int:
        """The declaration that stays, if any does: the base's, or the first own one."""
        return self.declared[0]

    def choose(self, node: int, how: str, witnesses: Iterable[Pair] = ()) -> None:
        self.chosen, self.how, self.witnesses = node, how, list(witnesses)


def resolve(graph: Graph) -> tuple[array[int], list[Name]]:
    """Settle the classes of `graph` with declarations resolved: what each node stands for, and the names that it was about."""
    return _Resolution(graph).run()


class _Resolution:
    """`to[node]` is what a node stands for; `owners`, `places` and `targets` are the references to all nodes of `names`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.to = array("I", range(len(graph)))
        self.names = names(graph)
        self.owners = self.places = self.targets = array("I")
        self.coarse = graph.label
        self.classes = 0

    def run(self) -> tuple[array[int], list[Name]]:
        graph = self.graph
        if not self.names:
            graph.refine()
            return self.to, []
        self.find_references()
        self.make_coarse()
        base_decides = [name for name in self.names if name.declared[0] < graph.first and name.defined]
        if base_decides:
            self.settle()
            base_decides = [name for name in base_decides if self.base_has(name)]
        closed = {id(name) for name in base_decides}
        for name in self.names:
            if name.defined and id(name) not in closed and self.one_class(name, self.coarse):
                name.choose(name.defined[0], "only")
        self.settle_sound()
        self.guess([name for name in self.names if name.defined and id(name) not in closed])
        return self.to, self.names

    # ---- classes ---------------------------------------------------------------------------------------------------

    def find_references(self) -> None:
        graph = self.graph
        keyed = bytearray(len(graph))
        for name in self.names:
            for node in (*name.declared, *name.defined):
                keyed[node] = 1
        count = _refine.count_keyed(graph.refs, len(graph.refs), keyed)
        self.owners, self.places, self.targets = words(count), words(count), words(count)
        _refine.keyed_edges(graph.starts, graph.refs, keyed, self.owners, self.places, self.targets)

    def make_coarse(self) -> None:
        """The partition in which what has one name and tag is one type."""
        graph, to = self.graph, self.to
        for name in self.names:
            for node in (*name.declared, *name.defined):
                to[node] = name.declared[0]
        _refine.patch(graph.refs, self.places, self.targets, to)
        graph.refine()
        self.coarse, self.classes = graph.label[:], graph.classes

    def settle(self) -> None:
        """The classes with what is chosen now."""
        graph, to = self.graph, self.to
        for name in self.names:
            for node in name.defined:
                to[node] = node
            for node in name.declared:
                to[node] = node if node < graph.first else name.chosen or name.unresolved()
        _refine.patch(graph.refs, self.places, self.targets, to)
        graph.label, graph.classes = self.coarse[:], self.classes
        graph.refine(self.owners)

    def settle_sound(self) -> None:
        """`settle`, taking back choices until all that was chosen as the only definition is."""
        while True:
            self.settle()
            wrong = [name for name in self.names if name.how == "only" and not self.one_class(name, self.graph.label)]
            if not wrong:
                return
            for name in wrong:
                name.choose(0, "")

    def one_class(self, name: Name, label: array[int]) -> bool:
        return all(label[node] == label[name.defined[0]] for node in name.defined)

    def base_has(self, name: Name) -> bool:
        """Whether an own type with the declaration is one that the base has with its own declaration."""
        label, heads = self.graph.label, self.graph.heads()
        return any(heads[label[root]] < self.graph.first for root in self.roots(name))

    # ---- context ---------------------------------------------------------------------------------------------------

    def guess(self, open_names: list[Name]) -> None:
        """Choose by context, as long as that gets anywhere."""
        for _ in range(ROUNDS):
            label = self.graph.label
            undecided = [name for name in open_names if not name.chosen]
            for name in undecided:
                if self.one_class(name, label):
                    name.choose(name.defined[0], "only")
            guesses = self.best_guesses([name for name in undecided if not name.chosen])
            if not guesses and not any(name.chosen for name in undecided):
                return
            self.settle_sound()
            self.take_back(guesses)
        # what is undecided now stays a declaration

    def take_back(self, guesses: list[Name]) -> None:
        """Undo the guesses that made nothing equivalent."""
        label = self.graph.label
        wrong = [name for name in guesses if not any(label[a] == label[b] for a, b in name.witnesses)]
        for name in wrong:
            name.rejected.add(name.chosen)
            name.choose(0, "")
        if wrong:
            self.settle_sound()

    def best_guesses(self, undecided: list[Name]) -> list[Name]:
        """Choose for each name the definition with the most witnesses; returns those that have one."""
        votes = self.votes(undecided)
        guesses = []
        for name in undecided:
            found = votes.get(name.unresolved(), {})
            ranked = sorted((*_rank(pairs), node) for node, pairs in found.items() if node not in name.rejected)
            if ranked:
                node = ranked[0][-1]
                name.choose(node, "context", found[node])
                guesses.append(name)
        return guesses

    def votes(self, undecided: list[Name]) -> dict[int, dict[int, list[Pair]]]:
        """By the declaration and a definition: pairs of types that may be equivalent if the one is the other."""
        graph, label = self.graph, self.graph.label
        lowest: dict[int, int] = {}  # the lowest definition of each class
        for name in undecided:
            for node in name.defined:
                lowest.setdefault(label[node], node)
        declared = {name.unresolved(): name for name in undecided}
        seeds: dict[int, int] = {}  # a root by its class
        for name in undecided:
            for root in self.roots(name):
                seeds.setdefault(label[root], root)
        wanted = bytearray(self.classes)
        for root in seeds.values():
            wanted[self.coarse[root]] = 1
        members = list[int]()
        _refine.members(self.coarse, label, wanted, bytearray(graph.classes), members)
        alike: dict[int, list[int]] = {}
        for node in members:
            alike.setdefault(self.coarse[node], []).append(node)
        found: dict[int, dict[int, list[Pair]]] = {}
        for root in sorted(seeds.values()):
            for other in alike[self.coarse[root]]:
                if label[other] == label[root]:
                    continue
                for a, b in self.meetings(root, other, declared):
                    if label[b] in lowest:
                        pairs = found.setdefault(a, {}).setdefault(lowest[label[b]], [])
                        if len(pairs) < WITNESSES:
                            pairs.append((root, other))
        return found

    def meetings(self, root: int, other: int, declared: dict[int, Name]) -> Iterator[Pair]:
        """Where a declaration that `root` has meets a definition that `other` has in the same place."""
        graph, label = self.graph, self.graph.label
        todo, seen = [(root, other)], {(root, other)}
        while todo:
            a, b = todo.pop()
            for x, y in zip(graph.targets(a), graph.targets(b), strict=True):
                if label[x] == label[y] or (x, y) in seen:
                    continue
                seen.add((x, y))
                if x in declared:
                    if y in declared[x].defined:
                        yield x, y
                elif graph.kind(x) in _THROUGH and len(seen) < STEPS:
                    todo.append((x, y))

    def roots(self, name: Name) -> list[int]:
        """The own structs, unions and typedefs that have an own declaration of `name`, one for each class."""
        graph = self.graph
        mine = {node for node in name.declared if node >= graph.first}
        todo = [owner for owner, target in zip(self.owners, self.targets, strict=True) if target in mine]
        seen, found = set(todo), dict[int, int]()
        while todo and len(seen) < CLIMB:
            node = todo.pop()
            kind = graph.kind(node)
            if kind in _ROOTS:
                found.setdefault(graph.label[node], node)
            elif kind in _THROUGH:
                for user in graph.users(node):
                    if user not in seen:
                        seen.add(user)
                        todo.append(user)
        return sorted(found.values())


def _rank(pairs: list[Pair]) -> tuple[int, bool, int]:
    """The best first: many roots, then a type before the root rather than behind it, then a near one."""
    behind, distance = min((other > root, abs(root - other)) for root, other in pairs)
    return -len({root for root, _ in pairs}), behind, distance


def names(graph: Graph) -> list[Name]:
    """What own declarations could stand for: names that have definitions too, and enums declared in several ways."""
    flags = bytearray(graph.pool_end)
    if not _refine.declared(graph.norm, graph.place, graph.first, flags):
        return []
    nodes, bits = list[int](), list[int]()
    _refine.tagged(graph.norm, graph.place, flags, nodes, bits)
    found: dict[Pair, Name] = {}
    for node, bit in zip(nodes, bits, strict=True):
        key = graph.norm[graph.place[node]], bit & ~DEFINED
        name = found.get(key)
        if name is None:
            name = found[key] = Name(*key)
        (name.defined if bit & DEFINED else name.declared).append(node)
    label = graph.label
    return [name for name in found.values() if name.defined or len({label[node] for node in name.declared}) > 1]
