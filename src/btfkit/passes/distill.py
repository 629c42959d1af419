"""`distill`: make a small base for a split BTF, with only what the split needs of its own base, to be relocated later.

What the split needs follows from its references and, if objects are given, from their CO-RE relocations.  The split is the
same under each policy: its own types in their order, followed by copies of the derived and anonymous types of the base that
it uses, so that every reference to the base is to a named type.  Policies differ in what the base states of these named types:

- "distilled": name and size, as in libbpf's btf__distill_base (1.7).  `.BTF.base` holds this, and kernels read it since 6.11.
- "by-value": also complete definitions of all types that the split has by value: in members, variables, parameters, arrays.
- "full": complete definitions of all types that can be reached (the proposal of February 2024, `.BTF.base_minimal`).

Differences from libbpf, all of them defects there: a DECL_TAG on a function of the base or a DATASEC with a variable of it is
not an error (the declaration is copied into the split); an anonymous INT or FLOAT, which could not be found by name, is copied
too; a layout section is kept.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame
from btfkit.btf.flat import Flat
from btfkit.errors import ChainError, FormatError, refuse_others
from btfkit.hot import columns as _columns
from btfkit.hot import rebase as _rebase
from btfkit.hot.columns import Columns, zeros
from btfkit.hot.strings import ALL_BITS, StringTable, random_prime
from btfkit.passes.idmap import IdMap
from btfkit.passes.rebase import flattened, frame_below, rebase, refuse_unknown, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from btfkit.co_re.program import BpfObject

    Policy = Literal["distilled", "by-value", "full"]

POLICIES: tuple[Policy, ...] = ("distilled", "by-value", "full")
KEEP = ("all", "used")

_DECLARATIONS = 1 << spec.FUNC | 1 << spec.VAR | 1 << spec.DATASEC | 1 << spec.DECL_TAG
# A board of zeros kept for the next call: clearing all of it would cost more than the rest of the work.
_spare: list[memoryview[int]] = []
_prime: list[int] = []  # of the tables of names, once it was chosen


class DistillReport:
    """What distilling did to a split BTF, in types and bytes.

    `policy` and the input `split` are as given; `btf` is the result; `moved` are the ids (in the input) of the types of the
    base that were copied into it.
    """

    __slots__ = ("btf", "moved", "policy", "split")

    def __init__(self, policy: Policy, split: Btf, btf: Btf, moved: Sequence[int]) -> None:
        self.policy = policy
        self.split = split
        self.btf = btf
        self.moved = moved

    @property
    def types(self) -> dict[str, int]:
        """Numbers of types: "split" (the input), "base", "distilled" (the new split), "moved" (copied from the base)."""
        base = self.btf.base
        assert base is not None
        return {
            "split": len(self.split.positions),
            "base": len(base) - 1,
            "distilled": len(self.btf.positions),
            "moved": len(self.moved),
        }

    @property
    def bytes(self) -> dict[str, int]:
        """Sizes of the blobs in bytes: "split" (the input), "base" and "distilled" (the new split)."""
        assert self.btf.base is not None
        return {
            "split": len(self.split.blob),
            "base": len(self.btf.base.blob),
            "distilled": len(self.btf.blob),
        }

    @property
    def kinds(self) -> dict[str, int]:
        """How many types of each kind the base has, in the order of kind numbers."""
        base = self.btf.base
        assert base is not None
        counts: dict[int, int] = {}
        for type_id in range(1, len(base)):
            kind = base.kind(type_id)
            counts[kind] = counts.get(kind, 0) + 1
        return {spec.kind_name(kind): counts[kind] for kind in sorted(counts)}

    @property
    def declarations(self) -> list[int]:
        """The ids (in the input) of functions, variables, sections and tags of the base that were copied into the split.

        A base of names and sizes cannot state these; libbpf rejects such an input (EINVAL).
        """
        found: list[int] = []
        copies = self.btf.positions[len(self.split.positions) :]  # in the order of `moved`
        _rebase.of_kinds(self.btf.words, copies, _DECLARATIONS, found)
        return [self.moved[index] for index in found]


class Distilled:
    """The result of `distill`: `btf` (the split; its `base` is the distilled base), `ids` (old ids to new ones), `report`."""

    __slots__ = ("_ids", "_leaves", "_moved", "btf", "report")

    def __init__(
        self, btf: Btf, leaves: dict[int, int], moved: Sequence[int], report: DistillReport, ids: IdMap | None = None
    ) -> None:
        self.btf = btf
        self.report = report
        self._leaves = leaves
        self._moved = moved
        self._ids = ids

    def __repr__(self) -> str:
        return f"<distilled: {self.btf!r}>"

    @property
    def base(self) -> Btf:
        """The distilled base."""
        assert self.btf.base is not None
        return self.btf.base

    @property
    def ids(self) -> IdMap:
        """The new id of each type of the input that was kept: named types of the base, moved types, own types."""
        if self._ids is None:
            split, first = self.report.split, self.btf.start_id
            ids = dict(self._leaves)
            ids.update(zip(split.own_ids, range(first, first + len(split.positions)), strict=True))
            ids.update(zip(self._moved, range(first + len(split.positions), len(self.btf)), strict=True))
            self._ids = IdMap(ids)
        return self._ids


def distill(
    split: Btf,
    policy: Policy = "distilled",
    *,
    used_by: Sequence[BpfObject] = (),
    keep: Literal["all", "used"] = "all",
) -> Distilled:
    """Make a small base with what `split` needs of its base, and split `split` on it.

    `policy` is "distilled", "by-value" or "full" (see the module).  With `used_by` the base also keeps what the
    relocations of these objects read, so that they can be resolved without the BTF of the kernel; with `keep` "used"
    only what they read is kept, in both base and split.  A base of several layers becomes one.  The input does not change.
    Raises ChainError for a BTF without a base, UnsupportedError for unknown kinds.
    Rule: libbpf 1.7, btf__distill_base, except for the defects named in the module.
    """
    demand_btf("split", split, file_function="distill_file")
    refuse_others("policy", (policy,), POLICIES)
    if used_by:
        from btfkit.co_re.program import objects_list

        used_by = objects_list("used_by", used_by)
    if keep not in KEEP or (keep == "used" and not used_by):
        raise ValueError(f'keep {keep!r}, expected "all", or "used" together with used_by')
    if split.base is None:
        raise ChainError("expected the split BTF of a module with its base, this BTF has no base", source=split.source)
    if split.table != spec.TABLE or split.base.table != spec.TABLE:
        refuse_unknown(split)
    if keep == "used":
        return _used_only(split, policy, used_by)
    thin = _thin(split, split.base)
    if policy == POLICIES[0] and not used_by:
        return thin
    return _thicken(thin, policy, used_by)


# ---- names and sizes -------------------------------------------------------------------------------------------


def _thin(split: Btf, base: Btf) -> Distilled:
    """The policy "distilled": the new base has names and sizes, everything else moves into the split."""
    below, own = Flat(base), split.columns
    board = _spare.pop() if _spare else zeros(0)
    if len(board) < len(base):
        board = zeros(len(base))
    found: list[int] = []
    moved: list[int] = []
    leaves, extent = _rebase.collect(
        split.words, own.ids, split.table, len(base), below.words, below.positions, below.strings, board, found
    )
    found.sort()
    bare, bare_at = words(4 * leaves), words(leaves)
    others, others_at = words(extent), words(len(found) - leaves)
    size = _rebase.part(
        below.words,
        below.positions,
        split.table,
        found,
        board,
        bare,
        bare_at,
        others,
        moved,
        others_at,
        leaves + 1 + len(split.positions),
    )
    del bare[size:]
    types = array("I")
    types.frombytes(split.words.cast("B"))
    copied = Columns(others, others_at, split.table)
    _columns.replace(types, own.ids, 0, board, len(base), leaves + 1)
    _columns.replace(others, copied.ids, 0, board, len(base), leaves + 1)
    _rebase.clear(board, found)
    _spare[:] = [board]
    names = _Names(split, below, len(bare_at) + len(own.names) + len(copied.names))
    names.give(bare, bare_at)
    between = names.table.end
    names.give(types, own.names)
    names.give(others, copied.names)
    strings = memoryview(names.table.data)[: names.table.end]
    new_base = frame_below(base).emit(bare, strings[:between])
    btf = Frame.of(split, new_base).emit(types + others, strings[between:])
    return _Thin(btf, found, moved, DistillReport(POLICIES[0], split, btf, moved))


class _Thin(Distilled):
    """A `Distilled` that finds its leaves on first use."""

    __slots__ = ("_found",)

    def __init__(self, btf: Btf, found: list[int], moved: list[int], report: DistillReport) -> None:
        super().__init__(btf, {}, moved, report)
        self._found = found

    @property
    def ids(self) -> IdMap:
        self.leaves()
        return super().ids

    def leaves(self) -> dict[int, int]:
        """Old to new ids of the types in the distilled base."""
        if not self._leaves:
            moved = set(self._moved)
            named = (type_id for type_id in self._found if type_id not in moved)
            self._leaves = {old: new for new, old in enumerate(named, 1)}
        return self._leaves


class _Names:
    """The names of a distilled base and its split: each once, in the order of first use.

    Names that add up to more than sixteen times the strings of the input are rejected: overlapping strings would turn a small
    input into a huge output.
    """

    __slots__ = ("_high", "_known", "_low", "table")

    def __init__(self, split: Btf, below: Flat, most: int) -> None:
        self._low, self._high = below.strings, split.strings
        self._known = zeros(2 << most.bit_length())
        limit = min(16 * (len(self._low) + len(self._high)) + 65536, 0x7FFFFFFF)
        if not _prime:
            _prime.append(random_prime())
        self.table = StringTable(bytearray(1), 0, _prime[0], ALL_BITS, limit, None)
        self.table.reserve(most // 2)

    def give(self, types: array[int], places: memoryview[int] | array[int]) -> None:
        """Replace the names at `places` of `types` with their new offsets."""
        try:
            self.table.rename(types, places, self._low, self._high, len(self._low), self._known)
        except OverflowError:
            raise FormatError(
                f"more than {self.table.limit} bytes of names, from overlapping strings", section="strings"
            ) from None


# ---- more than names and sizes ---------------------------------------------------------------------------------


def _thicken(thin: Distilled, policy: Policy, used_by: Sequence[BpfObject]) -> Distilled:
    """`thin` on a base that states more of the same named types, as the policy and the objects require."""
    from btfkit.passes.compact import compact
    from btfkit.passes.select import Selection, Witnesses, close

    assert isinstance(thin, _Thin)
    split = thin.report.split
    base = split.base
    assert base is not None
    selection = Selection(split.chain)
    leaves = thin.leaves()
    if policy != POLICIES[0]:
        roots = leaves if policy == "full" else _by_value(thin.btf, leaves)
        close(selection, [(base, type_id) for type_id in roots], policy, asked=False)
    for type_id in leaves:
        selection.add(base, type_id)
    if used_by:
        _take_answers(Witnesses(selection), split, used_by)
    selection.complete()
    selection.layers = base.chain
    last = compact(selection)[base]
    thick = flattened(last.btf)
    ids = {old: last.ids[old] for old in leaves}
    mapped = array("I", (0, *ids.values()))
    btf = rebase(thin.btf, Flat(thin.base), mapped, Flat(thick)).btf
    return Distilled(btf, ids, thin.report.moved, DistillReport(policy, split, btf, thin.report.moved))


def _by_value(thin: Btf, leaves: dict[int, int]) -> list[int]:
    """The leaves that the split has by value."""
    marks = bytearray(thin.start_id)
    _rebase.uses(thin.words, thin.positions, thin.columns.ids, thin.columns.id_starts, thin.start_id, marks)
    return [old for old, new in leaves.items() if marks[new] & (_rebase.EMBEDDED | _rebase.PASSED)]


def _take_answers(witnesses: object, split: Btf, objects: Sequence[BpfObject]) -> None:
    """Keep what the relocations of `objects` read, in the lowest base of `split` and all layers above it."""
    from btfkit.co_re.loaders import LIBBPF
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target
    from btfkit.passes.select import Witnesses

    assert isinstance(witnesses, Witnesses)
    target = Target(split.chain[0], split.chain[1:])
    witnesses.take_all(objects, relocate(objects, target), target, set(), LIBBPF)
    witnesses.settle()


def _used_only(split: Btf, policy: Policy, objects: Sequence[BpfObject]) -> Distilled:
    """Base and split, minimized to what `objects` relocate against, with the base as one layer."""
    from btfkit.passes.minimize import minimize
    from btfkit.passes.select import POLICIES as CLOSURES

    closure = next((known for known in CLOSURES[1:] if known == policy), None)
    chain = split.chain
    layers = minimize(chain[0], objects, chain[1:], closure=closure, all_modules=True).layers
    last = layers[split]
    assert last.btf.base is not None
    base = flattened(last.btf.base)
    btf = last.btf
    if base is not last.btf.base:
        btf = Btf.from_bytes(last.btf.blob, base, source=split.source, pointer_size=split.given_pointer_size)
    return Distilled(btf, {}, (), DistillReport(policy, split, btf, ()), last.ids)
