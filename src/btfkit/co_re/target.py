"""The target of relocations, a vmlinux BTF followed by those of modules, and the search for candidates in it.

A candidate is a type of the same kind (ENUM and ENUM64 count as one) whose essential name equals the local root's.  vmlinux is
searched first; only if it has none, all modules are, each over its own types.  Rule: bpf_core_find_cands (libbpf 1.8-dev).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import btf_list, demand_btf, name_buckets
from btfkit.btf.spec import text
from btfkit.co_re.access import essential
from btfkit.co_re.loaders import CILIUM, LIBBPF
from btfkit.co_re.match import ElementsByName
from btfkit.hot import names as _names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.access import Spec
    from btfkit.co_re.by_element import CandidatesByElement
    from btfkit.co_re.loaders import Loader

    Candidate = tuple[Btf, int]

NAMED = frozenset(
    (spec.INT, spec.STRUCT, spec.UNION, spec.ENUM, spec.FWD, spec.TYPEDEF, spec.FLOAT, spec.ENUM64)
)  # kinds of types that have names and can be compatible with another one
ANY = 0  # in place of a kind
MANY = 32  # candidates of one name; fewer are all asked


class Target:
    """A vmlinux (or any single BTF) and the modules that are searched after it, in the given order.

    `memo` and `elements` are caches of the engine: earlier answers of this target, and names in its types.
    """

    __slots__ = (
        "_by_element",
        "_found",
        "_kinds",
        "_named",
        "_of_any_kind",
        "_others",
        "_widely",
        "elements",
        "memo",
        "modules",
        "vmlinux",
    )

    def __init__(self, vmlinux: Btf, modules: Iterable[Btf] = ()) -> None:
        demand_btf("vmlinux", vmlinux)
        self.vmlinux = vmlinux
        self.modules = tuple(btf_list("modules", modules))
        self._found: dict[bytes, tuple[list[Candidate], list[Candidate]]] = {}
        self._named: dict[tuple[int, bytes], tuple[list[Candidate], list[Candidate]]] = {}
        self._of_any_kind: dict[bytes, list[Candidate]] = {}
        self._by_element: CandidatesByElement | None = None
        self._others: dict[tuple[str, int, bytes], list[Candidate]] = {}
        self._kinds: set[int] = set()
        self._widely = False
        self.memo: dict[Any, Any] = {}
        self.elements = ElementsByName()

    def prepare(self, roots: Iterable[tuple[int, bytes]] | Roots) -> None:
        """Look up many (kind, essential name) roots in one pass over each BTF; optional, much faster than one by one."""
        if isinstance(roots, Roots) and not self._found and not self._widely:
            self._kinds = set(roots.kinds)
            self._find(roots.search)
            return
        wanted, kinds = (set(roots.names), roots.kinds) if isinstance(roots, Roots) else _names_and_kinds(roots)
        if self._widely:
            kinds = kinds | NAMED
            wanted |= {name + b"___" for name in wanted if name[-3:] != b"___"}
        if not kinds <= self._kinds:
            wanted |= set(self._found)
            self._kinds |= kinds
        else:
            wanted -= set(self._found)
        if wanted:
            self._find(_Search(wanted, self._kinds))

    def _find(self, search: _Search) -> None:
        nothing: tuple[list[Candidate], list[Candidate]] = [], []
        found = dict.fromkeys(search.wanted, nothing)
        for where, module in ((0, self.vmlinux), *((1, module) for module in self.modules)):
            for name, type_id in search.own(module) if where else search.whole(module):
                if found[name] is nothing:
                    found[name] = [], []
                found[name][where].append((module, type_id))
        self._found.update(found)
        self._named = {}
        self._of_any_kind = {}
        self._by_element = None

    def candidates(self, kind: int, name: bytes) -> list[Candidate]:
        """The candidates for a root of that kind (ENUM also for ENUM64) and essential name, in libbpf's order."""
        in_vmlinux, in_modules = self.named(kind, name)
        return in_vmlinux or in_modules

    def look_widely(self) -> None:
        """From now on, `prepare` also finds types of other kinds with the names, for `is_sole`."""
        self._widely = True

    def is_sole(self, name: bytes, count: int) -> bool:
        """Whether just `count` types of vmlinux and the modules have that essential name by the rules of cilium/ebpf as well,
        whatever their kind; after `look_widely`."""
        if name.endswith(b"_") or name not in self._found or not self._kinds >= NAMED:
            return False
        others = self._found.get(name + b"___")
        if others is None:
            return False
        in_vmlinux, in_modules = self._found[name]
        return len(in_vmlinux) + len(in_modules) + len(others[0]) + len(others[1]) == count

    def prepare_for(self, loader: Loader, roots: Iterable[tuple[int, bytes]]) -> None:
        """`prepare` for the candidates of `found_by`."""
        if loader is LIBBPF:
            self.prepare(roots)
            return
        roots = list(roots)
        wanted = {(ANY if loader.any_kind else kind, name) for kind, name in roots}
        wanted = {root for root in wanted if (loader.name, *root) not in self._others}
        if not wanted:
            return
        kinds = set(NAMED) if loader.any_kind else set()
        kinds |= {kind for kind, _ in roots}
        for root in wanted:
            self._others[(loader.name, *root)] = []
        search = _Search({name for _, name in wanted if name}, kinds, loader)
        for module in (self.vmlinux, *(self.modules if loader.modules == "with" else ())):
            for name, type_id in search.whole(module) if module is self.vmlinux else search.own(module):
                root = ANY if loader.any_kind else module.kind(type_id), name
                if root in wanted:
                    self._others[(loader.name, *root)].append((module, type_id))

    def found_by(self, loader: Loader, kind: int, name: bytes) -> list[Candidate]:
        """The candidates of a loader for a root of that kind and essential name (by its rules), in its order."""
        if loader is LIBBPF:
            return self.candidates(kind, name)
        if self._widely and loader is CILIUM and name in self._found and not name.endswith(b"_"):
            if name not in self._of_any_kind:
                self._of_any_kind[name] = self._found_for_cilium(name)
            return self._of_any_kind[name]
        key = loader.name, ANY if loader.any_kind else kind, name
        if key not in self._others:
            self.prepare_for(loader, [(kind, name)])
        return self._others[key]

    def _found_for_cilium(self, name: bytes) -> list[Candidate]:
        found: list[Candidate] = []
        for where in (0, 1):
            both = self._found[name][where] + self._found.get(name + b"___", ([], []))[where]
            found += sorted(
                (each for each in both if CILIUM.essential(each[0].string(each[0].word(each[1], 0))) == name),
                key=lambda each: (self.modules.index(each[0]) if where else 0, each[1]),
            )
        return found

    def named(self, kind: int, name: bytes) -> tuple[list[Candidate], list[Candidate]]:
        """All types of that kind and essential name: (those of vmlinux, those of the modules)."""
        if name not in self._found or kind not in self._kinds:
            self.prepare([(kind, name)])
        if not name:
            return [], []
        known = self._named.get((kind, name))
        if known is None:
            in_vmlinux, in_modules = self._found[name]
            kinds = (spec.ENUM, spec.ENUM64) if kind == spec.ENUM else (kind,)
            known = self._named[kind, name] = (
                [c for c in in_vmlinux if c[0].kind(c[1]) in kinds],
                [c for c in in_modules if c[0].kind(c[1]) in kinds],
            )
        return known

    def to_ask(self, local: Btf, wanted: Spec, kind: int, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those of the `candidates` for a relocation of that kind that may match, and the first: `by_element`."""
        if len(candidates) < MANY:
            return candidates
        if self._by_element is None:
            from btfkit.co_re.by_element import CandidatesByElement

            self._by_element = CandidatesByElement(self.elements)
        return self._by_element.to_ask(local, wanted, kind, candidates)


def _names_and_kinds(roots: Iterable[tuple[int, bytes]]) -> tuple[set[bytes], set[int]]:
    names: set[bytes] = set()
    kinds: set[int] = set()
    for kind, name in roots:
        kinds.add(kind)
        if name:
            names.add(name)
    if spec.ENUM in kinds:
        kinds.add(spec.ENUM64)
    return names, kinds


class Roots:
    """The (kind, essential name) roots of some relocations, for `Target.prepare` of many targets, and to find the modules that
    have a candidate."""

    def __init__(self, roots: Iterable[tuple[int, bytes]]) -> None:
        self.names, self.kinds = _names_and_kinds(roots)
        self.search = _Search(self.names, self.kinds)

    def are_in(self, btf: Btf) -> bool:
        """Whether one of the own types of `btf` may be a candidate: if not, a `Target` does not need it."""
        return bool(self.search.own(btf))


class _Search:
    """One pass over a BTF for many essential names at once."""

    __slots__ = ("_buckets", "_kinds", "_loader", "_no_names", "wanted")

    def __init__(self, wanted: set[bytes], kinds: set[int], loader: Loader = LIBBPF) -> None:
        self._loader = loader
        self.wanted = wanted
        self._kinds = spec.kind_set(frozenset(kinds))
        self._buckets = name_buckets(wanted)
        self._no_names: Callable[[Btf], dict[int, bytes | None]] = (
            lambda base: {}
        )  # stands for what a base keeps for this search

    def whole(self, btf: Btf) -> list[tuple[bytes, int]]:
        """(essential name, id) of the matches among all types of a chain, ids ascending."""
        return [match for layer in btf.chain for match in self.own(layer)]

    def own(self, btf: Btf) -> list[tuple[bytes, int]]:
        """(essential name, id) of the matches among a BTF's own types, ids ascending."""
        found: list[int] = []
        below = _names.find_hashes(
            btf.words, btf.positions, self._kinds, btf.strings, btf.start_str_off, self._buckets, found
        )
        result = []
        essential_name = self._loader.essential
        for index in found:
            name = essential_name(btf.string(btf.words[btf.positions[index]]))
            if name in self.wanted:
                result.append((name, btf.start_id + index))
        if self._loader is not LIBBPF:
            result = sorted({*result, *self._odd(btf)}, key=lambda match: match[1])
        if below:
            result += self._named_in_base(btf)
            result.sort(key=lambda match: match[1])
        return result

    def _odd(self, btf: Btf) -> Iterator[tuple[bytes, int]]:
        """(essential name, id) of the own types whose essential name is another one by libbpf's rule, which `hot` knows."""
        strings = bytes(btf.strings)
        at = strings.find(b"___")
        while at >= 0:
            end = strings.index(b"\0", at)
            name = strings[strings.rfind(b"\0", 0, at) + 1 : end]
            found = self._loader.essential(name)
            if found in self.wanted and found != essential(name):
                for type_id in btf.find_ids(text(name)):
                    if type_id >= btf.start_id and self._kinds[btf.kind(type_id)]:
                        yield found, type_id
            at = strings.find(b"___", end)

    def _named_in_base(self, btf: Btf) -> list[tuple[bytes, int]]:
        """The matches among the own types whose names are in the base's strings."""
        assert btf.base is not None
        below = btf.base.kept(self._no_names)
        result = []
        offsets: list[int] = []
        indexes: list[int] = []
        _names.named_below(btf.words, btf.positions, self._kinds, btf.start_str_off, indexes, offsets)
        for index, offset in zip(indexes, offsets, strict=True):
            if offset not in below:
                name = self._loader.essential(btf.string(offset))
                below[offset] = name if name in self.wanted else None
            if match := below[offset]:
                result.append((match, btf.start_id + index))
        return result
