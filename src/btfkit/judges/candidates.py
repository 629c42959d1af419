"""The candidates for CO-RE relocations, by a search that shares no code with that of `co_re`.

It proves the look-up that `min` and its judge both rely on: a candidate that neither sees would be dropped in silence.

Rules: bpf_core_find_cands, bpf_core_add_cands and bpf_core_essential_name_len (libbpf 1.8-dev).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.hot import lookup as _lookup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject

    Root = tuple[int, bytes]
    Candidates = list[tuple[Btf, int]]


ANY = 0  # in place of a kind
_OF_TYPES = (spec.INT, spec.STRUCT, spec.UNION, spec.ENUM, spec.FWD, spec.TYPEDEF, spec.FLOAT, spec.ENUM64)


def bare_name(name: bytes) -> bytes:
    """`name` up to its last `___` that has other characters on both sides; all of it if there is none."""
    end = len(name)
    while (end := name.rfind(b"___", 0, end)) > 0:
        if name[end - 1 : end] != b"_" and name[end + 3 : end + 4] not in (b"", b"_"):
            return name[:end]
        end += 2
    return name


class RootsOf(dict[int, "Root"]):
    """What the relocations of an object look for by their local type, each found once: (kind, name without flavor); ENUM64 counts
    as ENUM."""

    def __init__(self, obj: BpfObject) -> None:
        self._btf = obj.btf

    def __missing__(self, type_id: int) -> Root:
        btf = self._btf
        root = self[type_id] = _group(btf.kind(type_id)), bare_name(btf.string(btf.word(type_id, 0)))
        return root


def _group(kind: int) -> int:
    return spec.ENUM if kind == spec.ENUM64 else kind


class CandidateSearch:
    """A search for `roots` on any target; with `any_kind` also for types of any kind of these names, as roots of kind ANY."""

    __slots__ = ("_any_kind", "_heads", "_kinds", "_names", "_roots", "_starts")

    def __init__(self, roots: set[Root], *, any_kind: bool = False) -> None:
        self._any_kind = any_kind
        self._roots = {root for root in roots if root[1]}
        self._names = sorted({name for _, name in self._roots})
        self._kinds = bytearray(128)
        for kind, _ in self._roots:
            self._kinds[kind] = 1
            if kind == spec.ENUM:
                self._kinds[spec.ENUM64] = 1
        for kind in _OF_TYPES if any_kind else ():
            self._kinds[kind] = 1
        self._starts = memoryview(bytearray(4 * len(self._names) + 4)).cast("I")
        self._heads = bytearray(4096)
        for number, name in enumerate(self._names):
            self._starts[number + 1] = self._starts[number] + len(name)
            for second in name[1:2] or b"\0_":  # a name of one letter may have a flavor
                self._heads[(name[0] & 63) << 6 | second & 63] = 1

    def on(self, vmlinux: Btf, modules: Sequence[Btf]) -> dict[Root, Candidates]:
        """The candidates for each root, ids ascending: those of vmlinux, or those of the modules if it has none; of kind ANY,
        both."""
        there: dict[Root, Candidates] = {root: [] for root in self._roots}
        if self._any_kind:
            there |= {(ANY, name): [] for _, name in self._roots}
        for layer in vmlinux.chain:
            self._add(there, layer, vmlinux)
        elsewhere: dict[Root, Candidates] = {root: [] for root, found in there.items() if not found}
        elsewhere |= {root: there[root] for root in there if root[0] == ANY}
        for module in modules if elsewhere else ():
            self._add(elsewhere, module, module)
        return there | elsewhere

    def _add(self, candidates: dict[Root, Candidates], layer: Btf, btf: Btf) -> None:
        """Add the own types of `layer` as types of `btf`."""
        found: list[int] = []
        _lookup.candidates(
            layer.words,
            layer.positions,
            self._kinds,
            layer.strings_below,
            layer.strings,
            layer.start_str_off,
            b"".join(self._names),
            self._starts,
            self._heads,
            found,
        )
        for index, number in zip(found[::2], found[1::2], strict=True):
            kind = layer.words[layer.positions[index] + 1] >> 24 & spec.MAX_KIND
            for root in ((_group(kind), self._names[number]), (ANY, self._names[number])):
                if root in candidates:
                    candidates[root].append((btf, layer.start_id + index))
