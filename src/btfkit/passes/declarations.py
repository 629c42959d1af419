"""Resolve forward declarations: find the definition that each stands for.

Declarations are FWDs and enums without enumerators.  An own declaration resolves to a definition of its name and tag (struct,
union or enum) if

- all definitions are equivalent (*only*), or
- a struct, union or typedef that refers to the declaration would be equivalent to another one that refers to the definition in
  that place (*context*); of several definitions the one is chosen that makes most of the nearby types equivalent to others; or
- it has no such context, but other declarations of its name have (*namesake*).

Otherwise it stays a declaration; there is one for each name and tag.  A definition never becomes a declaration, and the base
never changes: its declarations stay declarations.  An own declaration that equals one of the base is merged with it, unless one
of the rules above resolves it.

The search begins with the coarsest possible partition, in which all declarations and definitions of a name are a single opaque
type.  Each choice is then an exact refinement of it, so that a wrong choice is detected and undone.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.hot import refine as _refine
from btfkit.passes.rebase import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.passes.type_graph import Graph

    Pair = tuple[int, int]
    Columns = tuple[array[int], array[int]]

STRUCT_TAG, UNION_TAG, ENUM_TAG, DEFINED = 1, 2, 4, 8
TAGS = {STRUCT_TAG: "struct", UNION_TAG: "union", ENUM_TAG: "enum"}
ROUNDS = 24  # of guessing by context; each tries every unresolved name once
CLIMB = 128  # classes visited at most from a declaration to the types that contain it
NODES = 1024  # nodes visited at most on the same way
WITNESSES = 64  # pairs kept at most as evidence for one guess
STEPS = 1024  # pairs compared at most for one guess
TRIES = 256  # of other definitions for guessed declarations
WORK = 1 << 18  # nodes in all of these tries
BUDGET = 1 << 22  # pairs compared at most in one round of guessing, and not more than
SHARE = 64  # for each node of the graph
ALL_ROUNDS = 128  # for each node of the graph, in all rounds together (only those that were found to match are counted)
LEAST = 1 << 16  # pairs compared in small graphs
FEWEST = 64  # pairs compared for each type that contains a declaration, whatever the budget

_ROOTS = spec.COMPOSITES | {spec.TYPEDEF}
_THROUGH = bytearray(128)  # 1 for each kind that leads to what contains it
for _kind in _ROOTS | spec.MODIFIERS | {spec.PTR, spec.ARRAY, spec.FUNC_PROTO}:
    _THROUGH[_kind] = 1


class Declaration:
    """A declaration that may stand for a definition: its `node`, the definition `chosen` (0: none), and `how`: "only", "context",
    "namesake", or "" for none."""

    __slots__ = ("chosen", "how", "name", "node", "rejected", "witnesses")

    def __init__(self, node: int, name: Name) -> None:
        self.node = node
        self.name = name
        self.chosen = 0
        self.how = ""
        self.rejected: set[int] = set()
        self.witnesses: list[Pair] = []

    def choose(self, node: int, how: str, witnesses: Iterable[Pair] = ()) -> None:
        self.chosen, self.how, self.witnesses = node, how, list(witnesses)


class Name:
    """The declarations and definitions of one name and tag: nodes, ascending; `own` are the own declarations."""

    __slots__ = ("declared", "defined", "name", "own", "tag")

    def __init__(self, name: int, tag: int) -> None:
        self.name = name
        self.tag = tag
        self.declared: list[int] = []
        self.defined: list[int] = []
        self.own: list[Declaration] = []


def resolve(graph: Graph) -> tuple[array[int], list[Name]]:
    """Compute the classes of `graph` with declarations resolved; returns the node that each node stands for, and the names."""
    return _Resolution(graph).run()


class _Resolution:
    """`to[node]` is the node that a node stands for; `owners`, `places`, `targets` are the references to all nodes of `names`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.to = words(len(graph))
        _refine.count_up(self.to)
        self.names = names(graph)
        self.owners = self.places = self.targets = array("I")
        self.coarse = graph.label
        self.classes = 0
        self.left = max(LEAST, ALL_ROUNDS * len(graph))
        self._users: dict[int, list[int]] = {}
        self._todo, self._seen, self._met = words(NODES + 1), bytearray(len(graph)), bytearray(len(graph))

    def run(self) -> tuple[array[int], list[Name]]:
        graph = self.graph
        self.one_declaration_each()
        if not any(name.defined for name in self.names):
            graph.refine()
            return self.to, self.names
        self.find_references()
        self.make_coarse()
        opened = [one for name in self.names for one in name.own]
        unlike = [one for one in opened if one.name.declared[0] < graph.first]
        if unlike:
            self.settle()
            heads = self.graph.heads()
            closed = {one.node for one in unlike if self.base_has(one, heads)}
            opened = [one for one in opened if one.node not in closed]
        self.choose_only(opened, self.coarse)
        self.settle_sound()
        self.guess(opened)
        self.improve([one for one in opened if one.how in ("context", "namesake")])
        return self.to, self.names

    def one_declaration_each(self) -> None:
        """Put all declarations of a name in one class: enums are declared in several forms (other sizes, ENUM64)."""
        graph = self.graph
        for name in self.names:
            first = graph.label[name.declared[0]]
            for node in name.declared:
                if graph.label[node] != first:
                    graph.size[graph.label[node]] -= 1
                    graph.size[first] += 1
                    graph.label[node] = first

    # ---- classes ---------------------------------------------------------------------------------------------------

    def find_references(self) -> None:
        graph = self.graph
        keyed = bytearray(len(graph))
        for name in self.names:
            if name.defined:
                for node in (*name.declared, *name.defined):
                    keyed[node] = 1
        count = _refine.count_keyed(graph.refs, len(graph.refs), keyed)
        self.owners, self.places, self.targets = words(count), words(count), words(count)
        _refine.keyed_edges(graph.starts, graph.refs, keyed, self.owners, self.places, self.targets)
        graph.moving = self.owners, self.places

    def referrers(self, node: int) -> list[int]:
        """The nodes that refer to a declaration."""
        if not self._users:
            for owner, target in zip(self.owners, self.targets, strict=True):
                self._users.setdefault(target, []).append(owner)
        return list(dict.fromkeys(self._users.get(node, ())))

    def make_coarse(self) -> None:
        """Compute the partition in which all nodes of one name and tag are one type."""
        graph, to = self.graph, self.to
        for name in self.names:
            for node in (*name.declared, *name.defined):
                to[node] = name.declared[0]
        _refine.patch(graph.refs, self.places, self.targets, to)
        graph.refine()
        self.coarse, self.classes = graph.label[:], graph.classes

    def settle(self) -> None:
        """Compute the classes with the current choices."""
        graph, to = self.graph, self.to
        for name in self.names:
            for node in (*name.declared, *name.defined):
                to[node] = node
            for one in name.own:
                to[one.node] = one.chosen or one.node
        _refine.patch(graph.refs, self.places, self.targets, to)
        graph.label, graph.classes = self.coarse[:], self.classes
        graph.refine(self.owners)

    def settle_sound(self) -> None:
        """`settle`, undoing choices until each definition chosen as the only one is the only one."""
        while True:
            self.settle()
            wrong = {id(name) for name in self.names if not self.one_class(name, self.graph.label)}
            wrongs = [one for name in self.names if id(name) in wrong for one in name.own if one.how == "only"]
            if not wrongs:
                return
            for one in wrongs:
                one.choose(0, "")

    def one_class(self, name: Name, label: array[int]) -> bool:
        return bool(name.defined) and all(label[node] == label[name.defined[0]] for node in name.defined)

    def choose_only(self, undecided: Iterable[Declaration], label: array[int]) -> None:
        """Choose the only definition, for declarations of names that have only one."""
        single: dict[int, bool] = {}
        for one in undecided:
            name = one.name
            if id(name) not in single:
                single[id(name)] = self.one_class(name, label)
            if single[id(name)]:
                one.choose(name.defined[0], "only")

    def base_has(self, one: Declaration, heads: memoryview[int]) -> bool:
        """Whether an own type that contains the declaration equals one of the base that contains the declaration of the base."""
        graph = self.graph
        return any(
            graph.kind(root) in _ROOTS and heads[graph.label[root]] < graph.first for root in self.roots(one, CLIMB)
        )

    # ---- context ---------------------------------------------------------------------------------------------------

    def guess(self, opened: list[Declaration]) -> None:
        """Choose by context for as long as that makes progress; the undecided then stay declarations."""
        for _ in range(ROUNDS):
            undecided = [one for one in opened if not one.chosen]
            self.choose_only(undecided, self.graph.label)
            guesses = self.best_guesses([one for one in undecided if not one.chosen])
            if not guesses:
                self.follow_namesakes([one for one in undecided if not one.chosen])
            if not any(one.chosen for one in undecided):
                return
            self.settle_sound()
            self.take_back(guesses)

    def improve(self, guessed: list[Declaration]) -> None:
        """Try other definitions for guessed declarations and keep those that leave fewer types, if a try costs little."""
        graph = self.graph
        groups = [[one] for one in guessed]
        by_name: dict[int, list[Declaration]] = {}
        for one in guessed:
            by_name.setdefault(id(one.name), []).append(one)
        groups += [by_name[id(name)] for name in self.names if len(by_name.get(id(name), ())) > 1]
        tries = min(TRIES, WORK // len(graph)) if groups else 0
        if not tries:
            return
        best, better = graph.classes, True
        while better and tries > 0:
            better = False
            for group in groups:
                for node in self.others(group):
                    before = [one.chosen for one in group]
                    for one in group:
                        one.chosen = node
                    self.settle()
                    tries -= 1
                    if graph.classes < best and self.sound():
                        best, better = graph.classes, True
                        break
                    for one, chosen in zip(group, before, strict=True):
                        one.chosen = chosen
                    if tries <= 0:
                        break
                if tries <= 0:
                    break
        self.settle()

    def others(self, group: list[Declaration]) -> list[int]:
        """The definitions, one of each class, that not all of a group are resolved to."""
        label = self.graph.label
        lowest: dict[int, int] = {}
        for node in group[0].name.defined:
            lowest.setdefault(label[node], node)
        return [node for node in lowest.values() if any(label[one.chosen] != label[node] for one in group)]

    def sound(self) -> bool:
        """Whether each definition that was chosen as the only one is the only one."""
        label = self.graph.label
        return all(self.one_class(name, label) for name in self.names if any(one.how == "only" for one in name.own))

    def take_back(self, guesses: list[Declaration]) -> None:
        """Undo the guesses that made nothing equivalent."""
        label = self.graph.label
        wrong = [one for one in guesses if not any(label[a] == label[b] for a, b in one.witnesses)]
        for one in wrong:
            one.rejected.add(one.chosen)
            one.choose(0, "")
        if wrong:
            self.settle_sound()

    def best_guesses(self, undecided: list[Declaration]) -> list[Declaration]:
        """Choose for each declaration the definition with the most evidence; returns the declarations that have one."""
        votes = self.votes(undecided) if undecided else {}
        guesses = []
        for one in undecided:
            found = votes.get(one.node, {})
            ranked = sorted((v.rank, node) for node, v in found.items() if v.witnesses and node not in one.rejected)
            if ranked:
                node = ranked[0][1]
                one.choose(node, "context", found[node].witnesses)
                guesses.append(one)
        return guesses

    def follow_namesakes(self, undecided: list[Declaration]) -> None:
        """Resolve declarations without any context as most others of their name are resolved."""
        most: dict[int, int] = {}  # by name: what most are, the lowest of several
        for one in undecided:
            key = id(one.name)
            if key not in most:
                counts: dict[int, int] = {}
                for other in one.name.own:
                    if other.chosen:
                        counts[other.chosen] = counts.get(other.chosen, 0) + 1
                most[key] = min(counts, key=lambda node: (-counts[node], node), default=0)
            if most[key]:
                one.choose(most[key], "namesake")

    def votes(self, undecided: list[Declaration]) -> dict[int, dict[int, Votes]]:
        """By declaration and definition: the evidence that the first stands for the second."""
        graph, label = self.graph, self.graph.label
        lowest: dict[int, int] = {}  # the lowest definition of each class
        opened = bytearray(len(graph))
        seeds = set[int]()
        for name in {id(one.name): one.name for one in undecided}.values():
            for node in name.defined:
                lowest.setdefault(label[node], node)
        for one in undecided:
            opened[one.node] = 1
            seeds.update(self.roots(one, CLIMB))
        roots = array("I", sorted(seeds))
        budget = min(BUDGET, max(LEAST, SHARE * len(graph), FEWEST * len(roots)), self.left)
        if budget <= 0:
            return {}
        found = list[int]()
        _refine.meetings(
            graph.starts,
            graph.refs,
            label,
            self.coarse,
            opened,
            roots,
            *(alike := self.alike(roots, budget)),
            words(STEPS),
            words(STEPS),
            words(4 * STEPS),
            graph.prime,
            budget,
            found,
        )
        self.left -= max(len(found) // 4, len(alike[1]))
        votes: dict[int, dict[int, Votes]] = {}
        for root, other, a, b in zip(*[iter(found)] * 4, strict=True):
            if label[b] in lowest:
                these = votes.setdefault(a, {}).setdefault(lowest[label[b]], Votes())
                these.add(root, other, label[root], graph.kind(root) in _ROOTS)
        return votes

    def alike(self, roots: array[int], budget: int) -> Columns:
        """(`ends`, `others`): `others` has for each root a node of each class in its coarse class (the lowest ones, if that makes
        more than the budget), up to the index in `ends`."""
        most = max(FEWEST, budget // max(1, len(roots)))
        wanted = bytearray(self.classes)
        for root in roots:
            wanted[self.coarse[root]] = 1
        members = list[int]()
        _refine.members(self.coarse, self.graph.label, wanted, bytearray(self.graph.classes), members)
        classes: dict[int, list[int]] = {}
        for node in members:
            classes.setdefault(self.coarse[node], []).append(node)
        ends, others = array("I"), array("I")
        for root in roots:
            others.extend(classes[self.coarse[root]][:most])
            ends.append(len(others))
        return ends, others

    def roots(self, one: Declaration, most: int) -> list[int]:
        """The types that contain a declaration, nearest first: one node of each class, at most `most`."""
        graph, found = self.graph, list[int]()
        todo = self.referrers(one.node)
        if len(todo) <= NODES:
            self._todo[: len(todo)] = array("I", todo)
            users, moved = graph.users()
            _refine.climb(
                graph.norm,
                graph.place,
                graph.label,
                _THROUGH,
                *users,
                *moved,
                self._todo,
                len(todo),
                most,
                self._seen,
                self._met,
                found,
            )
        return found


class Votes:
    """The evidence that a declaration stands for a definition: `classes` that would merge with others, `witnesses` among them
    (structs, unions and typedefs, each with the one it would be equivalent to), and the `distance` to the nearest of these."""

    __slots__ = ("classes", "distance", "witnesses")

    def __init__(self) -> None:
        self.classes: set[int] = set()
        self.witnesses: list[Pair] = []
        self.distance = (True, 0)

    def add(self, root: int, other: int, label: int, counts: bool) -> None:
        self.classes.add(label)
        if counts:
            distance = other > root, abs(root - other)
            self.distance = min(self.distance, distance) if self.witnesses else distance
            if len(self.witnesses) < WITNESSES:
                self.witnesses.append((root, other))

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Sort key, best first: more classes, then a witness before its root rather than after it, then a nearer one."""
        return -len(self.classes), *self.distance


def names(graph: Graph) -> list[Name]:
    """The names of own declarations."""
    flags = bytearray(graph.pool_end)
    if not _refine.declared(graph.norm, graph.place, graph.first, flags):
        return []
    nodes, bits = list[int](), list[int]()
    _refine.tagged(graph.norm, graph.place, 1, flags, nodes, bits)
    found: dict[Pair, Name] = {}
    for node, bit in zip(nodes, bits, strict=True):
        key = graph.norm[graph.place[node]], bit & ~DEFINED
        name = found.get(key)
        if name is None:
            name = found[key] = Name(*key)
        if bit & DEFINED:
            name.defined.append(node)
        else:
            name.declared.append(node)
            if node >= graph.first:
                name.own.append(Declaration(node, name))
    return [name for name in found.values() if name.own]
