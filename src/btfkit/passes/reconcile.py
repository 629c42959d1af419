"""`reconcile`: move a split BTF, distilled on the base of one kernel, to the base of another.

Every type of the distilled base that the split refers to must be found in the new base, by one of two sets of rules:

"upstream" does what the kernel (6.11 to 7.2, btf_relocate.c) and libbpf (1.7) do, defects included, so it predicts their verdict:
FWDs are matched by the wrong bit, a STRUCT or UNION maps to anything of its name, by-value use in variables and
prototypes goes unseen, and a name with several candidates is rejected even if one of them is right.

"strict" is correct:

- Kinds must correspond: STRUCT to STRUCT, UNION to UNION, INT to INT, ENUM to ENUM or ENUM64; a FWD to a FWD or a
  definition of its flavor, and, if it is used through pointers only, a definition to a FWD of its flavor.
- Sizes must be equal for INT, FLOAT and enums, and for a STRUCT or UNION that the split uses by value: as a member, element,
  variable, parameter or return value.
- Of several candidates, one of the same kind is preferred to a FWD or a definition that takes its place, then one of the same
  size, then, if the base states members, one that has not changed; of equivalent candidates, the one with the lowest id.  If
  several remain, the type is ambiguous.
- Members and enumerators that the old base states of a type used by value must be unchanged (`passes/definition_changes.py`).
- An INT of another encoding is another type, except for plain `char`: its name does not state a sign, C leaves the sign to
  the compiler, and kernels have been built with -funsigned-char since 6.2.  Size and layout are equal, so nothing breaks, but
  the code of the module treats it as the module's own BTF states.  Therefore the split keeps its own `char`, as an own type
  after all others, and everything else moves to the new base.  (Rejecting it, as upstream does, excludes nearly every module
  between 6.1 and 6.2 for no reason; mapping it would state the wrong sign.)
"""

from __future__ import annotations

from btfkit import log
from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.flat import Flat
from btfkit.btf.spec import text
from btfkit.btf.spelling import spelled
from btfkit.errors import ChainError, printable, refuse_others
from btfkit.hot import columns as _columns
from btfkit.hot import rebase as _rebase
from btfkit.hot.columns import zeros
from btfkit.passes.definition_changes import (
    Budget,
    CandidatesByElement,
    Change,
    DistinctDefinitions,
    changes,
    equivalent,
    is_plain_char,
)
from btfkit.passes.idmap import IdMap
from btfkit.passes.rebase import NameIndex, rebase, refuse_unknown, unknown_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Rules = Literal["strict", "upstream"]
    Contents = Literal["embedded", "all"]

RULES: tuple[Rules, ...] = ("strict", "upstream")
CONTENTS: tuple[Contents, ...] = ("embedded", "all")

# Reasons of a finding.
NO_BASE = "no-base"  # the input is not a split BTF
NOT_DISTILLED = "not-distilled"  # its base has types that can be found only by id, so it was never distilled
BYTE_ORDER = "byte-order"  # module and new base are of machines of different byte order
POINTER_SIZE = "pointer-size"  # ... of different pointer size
SAME_BASE = "same-base"  # upstream rejects the base that the split is already on
MISSING = "missing"  # no type of that name
KIND = "kind-differs"  # types of that name, but of other kinds
SIZE = "size-differs"
ENCODING = "encoding-differs"  # an INT of that name and size, but of another signedness
AMBIGUOUS = "ambiguous"  # several candidates, and nothing distinguishes them
CONTENT = "content-differs"  # members or enumerators have changed

MOST_CANDIDATES = 16  # kept in a finding
MOST_TOLD = 8  # named in its text
STRING = "string-unknown"  # upstream: a name in the distilled base that belongs to none of its types (ENOENT)

_UPSTREAM_KINDS = frozenset((spec.INT, spec.FLOAT, spec.ENUM, spec.STRUCT, spec.UNION, spec.FWD))
_LEAVES = _UPSTREAM_KINDS | {spec.ENUM64}
_WORDS = {
    spec.STRUCT: "struct ",
    spec.UNION: "union ",
    spec.ENUM: "enum ",
    spec.ENUM64: "enum ",
    spec.FWD: "(declared) ",
}


class Misfit:
    """One type of the distilled base that cannot be reconciled, or has changed.

    `reason` is one of the constants of this module; `type_id` the type's id in the distilled base (0: the finding concerns the
    whole split), `kind` its kind number, `name`; `embedded` whether the split uses it by value; `size` its old size in bytes;
    `candidates` ids of the types of that name in the new base (the first 16), `sizes` theirs in bytes, `kinds` their kind
    numbers; `changes` the changes within it.
    """

    __slots__ = (
        "_path",
        "_uses",
        "candidates",
        "changes",
        "embedded",
        "kind",
        "kinds",
        "name",
        "reason",
        "size",
        "sizes",
        "type_id",
    )

    def __init__(
        self,
        reason: str,
        uses: Uses | None = None,
        type_id: int = 0,
        *,
        embedded: bool = False,
        new: Btf | None = None,
        candidates: Sequence[int] = (),
        changed: Sequence[Change] = (),
    ) -> None:
        self.reason = reason
        self.type_id = type_id
        self.embedded = embedded
        self.candidates = candidates = tuple(candidates[:MOST_CANDIDATES])
        self.changes = tuple(changed)
        split = uses.split if uses is not None else None
        self._uses = uses
        self._path: str | None = None
        self.kind = split.kind(type_id) if split is not None else 0
        self.name = split.name(type_id) if split is not None else ""
        self.size = split.word(type_id, 2) if split is not None and type_id and self.kind != spec.FWD else None
        self.kinds = tuple(new.kind(c) for c in candidates) if new is not None else ()
        self.sizes = tuple(new.word(c, 2) for c in candidates) if new is not None else ()

    @property
    def path(self) -> str:
        """The first place where the split uses it: "struct my_dev.lock", "variable state", "function probe"; a use by value if
        there is one, else one through a pointer."""
        if self._path is None:
            self._path = (
                self._uses.where(self.type_id, self.embedded) if self._uses is not None and self.type_id else ""
            )
        return self._path

    @property
    def title(self) -> str:
        """The type as C spells it: "struct mutex"."""
        return _WORDS.get(self.kind, "") + printable(self.name)

    def __str__(self) -> str:
        if not self.type_id:
            return _WHOLE[self.reason]
        held = f", held by value in {printable(self.path)}" if self.embedded and self.path else ""
        return f"{self.title}: {self._difference()}{held}"

    def _difference(self) -> str:
        if self.reason == SIZE:
            return f"{self.size} bytes then, {' or '.join(str(size) for size in self.sizes)} now"
        if self.reason == KIND:
            return f"a {spec.kind_name(self.kind)} then, {' or '.join(spec.kind_name(kind) for kind in self.kinds)} now"
        if self.reason == AMBIGUOUS:
            others = ", ..." if len(self.candidates) > MOST_TOLD else ""
            return f"several types of that name fit: {', '.join(map(str, self.candidates[:MOST_TOLD]))}{others}"
        if self.reason == CONTENT:
            return "; ".join(str(change) for change in self.changes[:3]) + ("; ..." if len(self.changes) > 3 else "")
        return {MISSING: "not in the new base", ENCODING: "of another signedness"}.get(self.reason, self.reason)

    def __repr__(self) -> str:
        return f"<{self.reason}: {self.title}>"

    def __reduce__(self) -> tuple[object, ...]:
        path = self.path
        state = {name: getattr(self, name) for name in self.__slots__ if name not in ("_uses", "_path")}
        return _finding, (state, path)


def _finding(state: dict[str, object], path: str) -> Misfit:
    self = Misfit(str(state["reason"]))
    for name, value in state.items():
        setattr(self, name, value)
    self._path = path
    return self


_WHOLE = {
    NO_BASE: "no base: expected a split BTF on its distilled base",
    NOT_DISTILLED: "its base is not a distilled one: distill it first, with the vmlinux that it was built with",
    BYTE_ORDER: "the new base is of the other byte order: another machine's kernel",
    POINTER_SIZE: "the new base has pointers of another size: another machine's kernel",
    SAME_BASE: "it is on that base already (upstream: EINVAL)",
    STRING: "a name in the distilled base belongs to none of its types (upstream: ENOENT)",
}


class ReconcileError(ChainError):
    """The split does not fit the new base by the `rules`; `findings` has the reason for each type."""

    def __init__(self, findings: Sequence[Misfit], rules: Rules, *, source: str | None = None) -> None:
        super().__init__("", source=source)
        self.findings = tuple(findings)
        self.rules = rules

    @property
    def message(self) -> str:
        """The first findings as text, made on access: finding the users of a type takes longer than everything else."""
        shown = "; ".join(str(finding) for finding in self.findings[:3])
        more = f"; and {len(self.findings) - 3} more" if len(self.findings) > 3 else ""
        return f"does not fit the new base: {shown}{more}"

    @message.setter
    def message(self, _: str) -> None:
        pass

    def __reduce__(self) -> tuple[object, ...]:
        return _error, (self.findings, self.rules, self.source)


def _error(findings: Sequence[Misfit], rules: Rules, source: str | None) -> ReconcileError:
    return ReconcileError(findings, rules, source=source)


class ReconcileReport:
    """How a split fits its new base.

    `rules` as given; `carried` are the names of types that the split keeps as its own, because those of the new base differ;
    `notes` are findings that the rules accept: types used through pointers whose size or members changed.
    """

    __slots__ = ("_index", "_split", "carried", "notes", "rules", "types")

    def __init__(
        self, rules: Rules, types: int, carried: Sequence[str], notes: Sequence[Misfit], split: Btf, index: NameIndex
    ) -> None:
        self.rules = rules
        self.types = types
        self.carried = tuple(carried)
        self.notes = tuple(notes)
        self._split = split
        self._index = index

    @property
    def verdicts(self) -> Verdicts:
        """The verdicts of both sets of rules on this module (computed on each access)."""
        return verdicts(self._split, self._index)


class Reconciled:
    """The result of `reconcile`: `btf` (the split on the new base), `ids` (old ids to new ones), `report`."""

    __slots__ = ("_ids", "_mapped", "_split", "btf", "report")

    def __init__(self, btf: Btf, split: Btf, mapped: Sequence[int], report: ReconcileReport) -> None:
        self.btf = btf
        self.report = report
        self._split = split
        self._mapped = mapped
        self._ids: IdMap | None = None

    def __repr__(self) -> str:
        return f"<reconciled: {self.btf!r}>"

    @property
    def ids(self) -> IdMap:
        """The new ids of the types of the distilled base that are used, and of all own types."""
        if self._ids is None:
            ids = {old: new for old, new in enumerate(self._mapped) if new}
            first, own = self.btf.start_id, self._split.own_ids
            ids.update(zip(own, range(first, first + len(own)), strict=True))
            self._ids = IdMap(ids)
        return self._ids


class Verdicts:
    """The verdicts of both sets of rules on one module and one kernel: `strict` and `upstream` are tuples of findings, empty if
    the module fits; `differ` states whether only one of them accepts the module."""

    __slots__ = ("strict", "upstream")

    def __init__(self, strict: Sequence[Misfit], upstream: Sequence[Misfit]) -> None:
        self.strict = tuple(strict)
        self.upstream = tuple(upstream)

    @property
    def differ(self) -> bool:
        return bool(self.strict) != bool(self.upstream)

    def __str__(self) -> str:
        both = ("strict", self.strict), ("upstream", self.upstream)
        return ", ".join(f"{name}: {_verdict(findings)}" for name, findings in both)


def _verdict(findings: Sequence[Misfit]) -> str:
    return f"rejected ({findings[0]})" if findings else "fits"


def reconcile(
    split: Btf, new_base: Btf | NameIndex, rules: Rules = "strict", *, contents: Contents = "embedded"
) -> Reconciled:
    """Move `split`, which is split on a distilled base, to `new_base`; the input does not change.

    `new_base` may be a `NameIndex` of it, made once for many modules.  `rules` is "strict" or "upstream" (see the
    module); `contents` selects the types whose changed members and enumerators the strict rules reject, as far as the distilled
    base states them: types used by value ("embedded"; others become notes of the report), or all that the split refers to
    ("all").  Raises ReconcileError with the findings.
    Rule: kernel 7.2, kernel/bpf/btf_relocate.c, for "upstream".
    """
    demand_btf("split", split, file_function="reconcile_file")
    refuse_others("rules", (rules,), RULES)
    refuse_others("contents", (contents,), CONTENTS)
    index = new_base if isinstance(new_base, NameIndex) else NameIndex(new_base)
    plan = _Plan(split, index, rules == "upstream", contents == "all")
    if plan.findings:
        raise ReconcileError(plan.findings, rules, source=split.source)
    rebased = rebase(split, plan.old, plan.mapped, index.flat, plan.carried)
    if rebased.unknown and rules == "upstream":
        raise ReconcileError([Misfit(STRING)], rules, source=split.source)
    log.info("%s: reconciled to %s", split.source, index.btf.source or "a base in memory")
    names = [split.name(type_id) for type_id in plan.carried]
    report = ReconcileReport(rules, len(split.positions), names, plan.notes, split, index)
    return Reconciled(rebased.btf, split, plan.mapped, report)


def verdicts(split: Btf, new_base: Btf | NameIndex) -> Verdicts:
    """The verdicts of both sets of rules on `split` and `new_base`; does not raise ReconcileError."""
    index = new_base if isinstance(new_base, NameIndex) else NameIndex(new_base)
    return Verdicts(findings(split, index, "strict"), findings(split, index, "upstream"))


def findings(split: Btf, new_base: Btf | NameIndex, rules: Rules) -> Sequence[Misfit]:
    """Why `reconcile` would raise ReconcileError by the `rules`; none if it would not."""
    index = new_base if isinstance(new_base, NameIndex) else NameIndex(new_base)
    plan = _Plan(split, index, rules == "upstream", False)
    if not plan.findings and plan.upstream and unknown_names(split, plan.old, plan.mapped, index.flat):
        return [Misfit(STRING)]
    return plan.findings


class _Plan:
    """The new id of each type of the distilled base, or the findings that prevent it."""

    def __init__(self, split: Btf, index: NameIndex, upstream: bool, all_contents: bool) -> None:
        self.split = split
        self.uses = Uses(split)
        self.index = index
        self.upstream = upstream
        self.budget = Budget()
        self._distinct = DistinctDefinitions(index.btf)
        self.findings: list[Misfit] = []
        self.notes: list[Misfit] = []
        self.carried: dict[int, int] = {}
        self._chosen: dict[tuple[bytes, bool, int], tuple[str, int]] = {}
        self._found: dict[bytes, list[int]] = {}
        self._fit: dict[tuple[bytes, int, int, bool], list[int]] = {}
        self._outlines: dict[tuple[bytes, int, int, bool], dict[object, list[int]]] = {}
        self._elements: dict[tuple[bytes, int, int, bool], CandidatesByElement] = {}
        self._same_kind: dict[tuple[bytes, int], tuple[int, set[int]]] = {}  # by name and kind: the first, all sizes
        if reason := _misfit(split, index.btf, upstream):
            self.findings.append(Misfit(reason))
            return
        base = split.base
        assert base is not None
        if split.table != spec.TABLE:
            refuse_unknown(split)
        self.base = base
        self.old = Flat(base)
        self.marks = split.kept(_marks)
        hard: list[int] = []
        full: list[int] = []
        self.mapped = index.match(self.old, self.marks, upstream, hard, full)
        for type_id in hard:
            if not self._resolve(type_id):
                break
        if not upstream:
            for type_id in full:
                self._compare(type_id, all_contents)

    def held(self, type_id: int) -> bool:
        """Whether the split uses the type by value, as far as the rules detect it."""
        bits = _rebase.EMBEDDED if self.upstream else _rebase.EMBEDDED | _rebase.PASSED
        return bool(self.marks[type_id] & bits)

    def _resolve(self, type_id: int) -> bool:
        """Resolve a type without one clear match; False if there is no point in continuing."""
        base = self.base
        kind, name = base.kind(type_id), base.string(base.word(type_id, 0))
        if not name or kind not in (_UPSTREAM_KINDS if self.upstream else _LEAVES):
            self.findings.append(Misfit(NOT_DISTILLED))
            return False
        if name not in self._found:
            self._found[name] = self.index.find(name)
        candidates = self._found[name]
        if self.upstream:
            reason = AMBIGUOUS if self.mapped[type_id] else self._why_not(type_id, candidates)
        else:
            reason = self._choose(type_id, candidates)
        if reason:
            self._add(reason, type_id, candidates)
        return True

    def _add(self, reason: str, type_id: int, candidates: Sequence[int]) -> None:
        self.findings.append(
            Misfit(reason, self.uses, type_id, embedded=self.held(type_id), new=self.index.btf, candidates=candidates)
        )

    def _choose(self, type_id: int, candidates: list[int]) -> str:
        """By the strict rules, choose one of several candidates, or keep `char`; returns the reason if neither is possible."""
        words, positions = self.old.words, self.old.positions
        end = positions[type_id] if type_id < len(positions) else len(words)
        record = bytes(words[positions[type_id - 1] : end])
        key = record, self.held(type_id), type_id if self.base.kind(type_id) == spec.INT else 0  # `char` may be kept
        if key not in self._chosen:
            self._chosen[key] = self._choice(type_id, candidates)
        reason, self.mapped[type_id] = self._chosen[key]
        return reason

    def _choice(self, type_id: int, candidates: list[int]) -> tuple[str, int]:
        """The reason why none of the candidates can be chosen, or "" and the one that is chosen (0: the type is kept)."""
        fit = self._fitting(type_id, candidates)
        if not fit:
            return self._why_not(type_id, candidates), 0
        if len(fit) > 1 and self.base.word(type_id, 1) & spec.MAX_VLEN:
            fit = self._alike(type_id, fit) or fit
        if any(not equivalent(self.index.btf, fit[0], other, self.budget) for other in fit[1:]):
            return AMBIGUOUS, 0
        return "", fit[0]

    def _alike(self, type_id: int, fit: list[int]) -> list[int]:
        """Those of `fit` whose elements are the same as the type's; if there are none, those that have all of them."""
        base, new = self.base, self.index.btf
        sort = self._sort(type_id)
        if sort not in self._outlines:
            outlines = self._outlines[sort] = {}
            for candidate in fit:
                outlines.setdefault(_outline(new, candidate), []).append(candidate)
        likely = self._outlines[sort].get(_outline(base, type_id), [])
        same = [c for c in likely if not changes(base, type_id, new, c, budget=self.budget)]
        if same or (base.kind(type_id) in spec.COMPOSITES and base.word(type_id, 2) != new.word(fit[0], 2)):
            return same  # or all of them are of another size
        if sort not in self._elements:
            self._elements[sort] = CandidatesByElement(new, fit)
        some = self._elements[sort].that_may_have_all(base, type_id)
        return [c for c in some if not changes(base, type_id, new, c, budget=self.budget)]

    def _sort(self, type_id: int) -> tuple[bytes, int, int, bool]:
        """What decides which candidates fit: name, kind (and that of a declaration), size, and whether it is held."""
        word, base = self.base.word, self.base
        kind = word(type_id, 1) & ~spec.MAX_VLEN
        return base.string(word(type_id, 0)), kind, word(type_id, 2), self.held(type_id)

    def _fitting(self, type_id: int, candidates: list[int]) -> list[int]:
        """The candidates that fit best, the first of each content: those of the kind and of the size, if any; else the next
        best."""
        sort = self._sort(type_id)
        if sort not in self._fit:
            fit = self._find_fitting(type_id, candidates)
            self._fit[sort] = self._distinct.of(fit) if len(fit) > 1 else fit
        return self._fit[sort]

    def _find_fitting(self, type_id: int, candidates: list[int]) -> list[int]:
        base, new = self.base, self.index.btf
        kind, size = base.kind(type_id), base.word(type_id, 2)
        if kind in spec.ENUMS:
            return [c for c in candidates if new.kind(c) in spec.ENUMS and new.word(c, 2) == size]
        if kind == spec.FWD:
            flavor = spec.UNION if base.word(type_id, 1) >> 31 else spec.STRUCT
            return [c for c in candidates if new.kind(c) == flavor]
        if kind in spec.COMPOSITES:
            fit = [c for c in candidates if new.kind(c) == kind]
            return [c for c in fit if new.word(c, 2) == size] or ([] if self.held(type_id) else fit)
        return []

    def _why_not(self, type_id: int, candidates: list[int]) -> str:
        """Why none of the candidates fits."""
        base, new = self.base, self.index.btf
        kind, size = base.kind(type_id), base.word(type_id, 2)
        if not candidates:
            return MISSING
        key = base.string(base.word(type_id, 0)), spec.ENUM if kind in spec.ENUMS else kind
        if key not in self._same_kind:
            enums = spec.ENUMS if kind in spec.ENUMS else (kind,)
            same = [c for c in candidates if new.kind(c) in enums]
            self._same_kind[key] = same[0] if same else 0, {new.word(c, 2) for c in same}
        first, sizes = self._same_kind[key]
        if not first:
            return SIZE if self.upstream and kind in spec.COMPOSITES else KIND
        if kind == spec.INT and size in sizes:
            if not self.upstream and is_plain_char(base, type_id):
                self.carried[type_id] = first
                return ""
            return ENCODING
        return KIND if kind == spec.FWD else SIZE

    def _compare(self, type_id: int, all_contents: bool) -> None:
        """Find the changes within a type whose elements the distilled base states."""
        new_id = self.mapped[type_id]
        if not new_id:
            return
        held = self.held(type_id)
        found = changes(self.base, type_id, self.index.btf, new_id, embedded=held, budget=self.budget)
        if found:
            into = self.findings if held or all_contents else self.notes
            into.append(
                Misfit(
                    CONTENT, self.uses, type_id, embedded=held, new=self.index.btf, candidates=(new_id,), changed=found
                )
            )


def _marks(split: Btf) -> bytearray:
    """How the own types use each type of the base (`hot.rebase.uses`)."""
    marks, columns = bytearray(split.start_id), split.columns
    _rebase.uses(split.words, split.positions, columns.ids, columns.id_starts, split.start_id, marks)
    return marks


def _outline(btf: Btf, type_id: int) -> object:
    """What the elements of a type say by themselves: equal for all types that have no changes between them."""
    view = btf[type_id]
    if view.kind in spec.ENUMS:
        return tuple((each.name, each.value) for each in view.enumerators)  # type: ignore[attr-defined]
    return tuple(
        (member.name, member.bit_offset, member.bitfield_size, spelled(btf, member.type_id))
        for member in view.members  # type: ignore[attr-defined]
    )


def _misfit(split: Btf, new: Btf, upstream: bool) -> str:
    """The reason why `split` cannot be judged on `new` at all, or ""."""
    if split.base is None:
        return NO_BASE
    if upstream and split.base is new:
        return SAME_BASE
    if split.byte_order != new.byte_order:
        return BYTE_ORDER
    sizes = split.base.pointer_size, new.pointer_size
    if not upstream and None not in sizes and sizes[0] != sizes[1]:
        return POINTER_SIZE
    return ""


# ---- where -----------------------------------------------------------------------------------------------------


class Uses:
    """Where the own types of `split` use a type."""

    __slots__ = ("split",)

    def __init__(self, split: Btf) -> None:
        self.split = split

    def where(self, type_id: int, by_value: bool) -> str:
        """How the own types use `type_id`, the first way found, as text ("" if they do not).

        Goes from user to user, breadth first, until one has a name; with `by_value` not through pointers.
        """
        from bisect import bisect_right

        split = self.split
        starts, users = split.kept(_users)
        seen = {type_id}
        queue: list[tuple[int, str]] = [(type_id, "")]
        fallback = ""
        for target, path in queue:
            for place in users[starts[target] : starts[target + 1]]:
                user = split.start_id - 1 + bisect_right(split.positions, place)
                kind = split.kind(user)
                if user in seen or (by_value and kind in (spec.PTR, spec.DECL_TAG)):
                    continue
                seen.add(user)
                member = text(split.string(split.words[place - 1])) if kind in spec.COMPOSITES else ""
                inner = ".".join(part for part in (member, path) if part)
                name = split.name(user)
                if name and kind in _OWNERS:
                    return _OWNERS[kind] + name + (f".{inner}" if inner and kind in spec.COMPOSITES else "")
                if name and not fallback:
                    fallback = f"typedef {name}"
                queue.append((user, inner))
        return fallback


_OWNERS = {spec.STRUCT: "struct ", spec.UNION: "union ", spec.VAR: "variable ", spec.FUNC: "function "}


def _users(split: Btf) -> tuple[memoryview[int], memoryview[int]]:
    """The places of all references of the own types, by what they refer to (`hot.columns.by_value`)."""
    places = split.columns.ids
    starts, users = zeros(len(split) + 2), zeros(len(places))
    _columns.by_value(split.words, places, starts, users)
    return starts, users
