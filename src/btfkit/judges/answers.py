"""Proof that a minimized BTF gives the same answers as the original.

Independent of the minimizer: the objects are relocated on the bytes that were written, and the answers are compared with those on
the original: status and value, the size of loads, and the offsets and values of each candidate, also of those that earlier
relocations dropped, so that any order of relocations and any choice of programs gives the same.  Type ids may change; they have
to follow one consistent map, which is collected.  What the objects ask for (`Plan`) depends on no target and is taken over.

The candidates are searched a second time, before and after, by code of the judge's own (`candidates`): otherwise a type that the
look-up does not see would be missing in both answers.

If several BTFs were merged into one, equal candidates may have become one: there the candidates are compared as sets, and two
types of two modules that made a type id ambiguous may have become one.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.co_re.kinds import TYPE_ID_LOCAL, TYPE_ID_TARGET
from btfkit.co_re.loaders import AYA, CILIUM, LIBBPF
from btfkit.co_re.relocate import Plan
from btfkit.co_re.target import Target
from btfkit.errors import VerificationError, counted
from btfkit.judges.candidates import ANY, CandidateSearch, RootsOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.judges.candidates import Candidates, Root


class AnswerDifference:
    """A relocation with another answer: `before` and `after` are its outcomes.  `missed` says in which search candidates differ
    from the judge's, "" if they do not."""

    __slots__ = ("after", "before", "missed", "obj", "relocation")

    def __init__(
        self, obj: BpfObject, relocation: Relocation, before: Outcome, after: Outcome, missed: str = ""
    ) -> None:
        self.obj = obj
        self.relocation = relocation
        self.before = before
        self.after = after
        self.missed = missed

    def __str__(self) -> str:
        place = f"{self.obj.name}, {self.relocation.section}+{self.relocation.insn_off:#x}"
        what = self.missed or f"{self.before!r} before, {self.after!r} after"
        return f"{place}: {self.obj.expression(self.relocation)}: {what}"


class Answers:
    """The result: `total` relocations compared, `differences`, and the new `ids` of the target types whose id is an answer."""

    __slots__ = ("differences", "ids", "total")

    def __init__(self) -> None:
        self.total = 0
        self.differences: list[AnswerDifference] = []
        self.ids: dict[tuple[int, int], int] = {}


def prove(
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    original: Target,
    blobs: Mapping[Btf, bytes],
    loader: Loader = LIBBPF,
    others: Sequence[Sequence[Outcome]] | None = None,
    plan: Plan | None = None,
) -> dict[tuple[int, int], int]:
    """Relocate `objects` on the bytes to be written and compare with the outcomes `before` on `original` by `loader`'s rules.

    `others` are the outcomes by the rules of cilium/ebpf, if these are to be compared as well; `plan` is what the objects ask
    for, if known.
    `blobs` has the new bytes of each BTF of the original that is kept, bases first.  Returns `Answers.ids`.  Raises
    VerificationError if an answer differs.
    """
    written: dict[Btf, Btf] = {}
    for layer, blob in blobs.items():
        base = written[layer.base] if layer.base is not None else None
        written[layer] = Btf.from_bytes(blob, base, source="the output", pointer_size=layer.given_pointer_size)
    after = Target(written[original.vmlinux], [written[module] for module in original.modules if module in written])
    answers = compare(objects, before, original, after, loader=loader, others=others, plan=plan)
    return _demand_same(answers, "  This is a bug in btfkit, please report it")


def prove_merged(
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    original: Target,
    blob: bytes,
    loader: Loader = LIBBPF,
    others: Sequence[Sequence[Outcome]] | None = None,
    plan: Plan | None = None,
) -> dict[tuple[int, int], int]:
    """Like `prove`, for a BTF into which the whole original was merged."""
    after = Target(Btf.from_bytes(blob, source="the output", pointer_size=original.vmlinux.given_pointer_size))
    answers = compare(objects, before, original, after, merged=True, loader=loader, others=others, plan=plan)
    return _demand_same(answers, "")


def _demand_same(answers: Answers, advice: str) -> dict[tuple[int, int], int]:
    if answers.differences:
        shown = "\n  ".join(str(difference) for difference in answers.differences[:10])
        differing = len({(id(difference.obj), id(difference.relocation)) for difference in answers.differences})
        raise VerificationError(
            f"{differing:,} of {counted(answers.total, 'relocation')} would be answered differently; nothing was"
            f" written.{advice}:\n  {shown}"
        )
    return answers.ids


def compare(
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    original: Target,
    after: Target,
    *,
    merged: bool = False,
    loader: Loader = LIBBPF,
    others: Sequence[Sequence[Outcome]] | None = None,
    plan: Plan | None = None,
) -> Answers:
    """Relocate `objects` on `after` by the rules of `loader` and compare with the outcomes `before` on `original`.

    `merged`: `after` is all of it in one BTF.  `others` are the outcomes on `original` by the rules of cilium/ebpf, if these are
    to be compared as well.  `plan` is what the objects ask for by the rules of `loader`, if known: it depends on no target.
    """
    result = Answers()
    numbers = {id(btf): index for index, btf in enumerate((original.vmlinux, *original.modules))}
    if others is not None:
        after.look_widely()
    news = (plan or Plan(objects, loader)).outcomes(after)
    roots = {obj: RootsOf(obj) for obj in objects}
    proofs = _second_searches(roots, others is not None or loader is CILIUM, original, after)
    proved: set[tuple[Root, Outcome, Outcome] | None] = set()
    _compare(result, objects, before, news, proofs, proved, numbers, merged, loader, roots)
    if others is not None:
        from btfkit.co_re.alike import cilium_outcomes

        result.differences += _unseen(objects, before, proofs, (original, after), roots)
        rows = [
            row
            for row, known, new in zip(
                zip(objects, others, cilium_outcomes(objects, news, after), strict=True), before, news, strict=True
            )
            if row[1] is not known or row[2] is not new
        ]
        if rows:
            mine, olds, theirs = zip(*rows, strict=True)
            _compare(result, mine, olds, theirs, proofs, proved, numbers, merged, CILIUM, roots)
    return result


def _unseen(
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    proofs: Sequence[dict[Root, Candidates]],
    targets: Sequence[Target],
    roots: Mapping[BpfObject, RootsOf],
) -> Iterator[AnswerDifference]:
    """Relocations whose outcome by libbpf's rules counts as that of cilium/ebpf, although there are more types of that name."""
    wrong = set()
    for proof, target in zip(proofs, targets, strict=True):
        for (kind, name), found in proof.items():
            others = proof.get((ANY, name), found) if kind != ANY else found
            if len(others) != len(found) and target.is_sole(name, len(found)):
                wrong.add((kind, name))
    for obj, outcomes in zip(objects, before, strict=True) if wrong else ():
        for relocation, outcome in zip(obj.relocations, outcomes, strict=True):
            if _looks_up(relocation, outcome) and roots[obj][relocation.type_id] in wrong:
                yield AnswerDifference(obj, relocation, outcome, outcome, "a second search found types of other kinds")


def _compare(
    result: Answers,
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    after: Sequence[Sequence[Outcome]],
    proofs: Sequence[dict[Root, Candidates]],
    proved: set[tuple[Root, Outcome, Outcome] | None],
    numbers: dict[int, int],
    merged: bool,
    loader: Loader,
    roots: Mapping[BpfObject, RootsOf],
) -> None:
    """Compare outcomes; those `proved` before, by another loader, are the same objects."""
    equal = _equal_when_merged if merged else _equal
    agreed: set[tuple[int, Root, str]] = set()
    counts = not result.total  # each relocation once
    for obj, olds, news in zip(objects, before, after, strict=True):
        result.total += counts * len(obj.relocations)
        for here, relocation in _one_of_each(obj, olds, news).items():
            type_id, old, new = here
            root = roots[obj][type_id] if _looks_up(relocation, old) else None
            pair = (root, old, new) if root is not None else None
            if pair in proved:
                continue
            missed = _missed(root, (old, new), proofs, agreed, loader) if root is not None else ""
            if missed or not (
                equal(relocation, old, new, result.ids, numbers, loader)
                and (old.alone is None or equal(relocation, old.alone, new.alone or new, result.ids, numbers, loader))
            ):
                rows = zip(obj.relocations, olds, news, strict=True)
                wrong = [one for one, *pair in rows if (one.type_id, *pair) == here]
                result.differences += (AnswerDifference(obj, one, old, new, missed) for one in wrong)
            elif pair is not None:
                proved.add(pair)


def _one_of_each(obj: BpfObject, *rows: Sequence[Outcome]) -> dict[tuple[Any, ...], Relocation]:
    """A relocation for each (local type, outcomes) of an object, with its outcome in each of the `rows`: equal relocations share
    outcomes."""
    ids = [relocation.type_id for relocation in obj.relocations]
    return dict(zip(zip(ids, *rows, strict=True), obj.relocations, strict=True))


def _looks_up(relocation: Relocation, outcome: Outcome) -> bool:
    """Whether candidates are searched for a relocation."""
    return relocation.kind != TYPE_ID_LOCAL and outcome.reason not in ("bad-record", "anonymous-root")


def _second_searches(
    roots: Mapping[BpfObject, RootsOf], any_kind: bool, *targets: Target
) -> list[dict[Root, Candidates]]:
    """The candidates on each target, by the judge's own search, for what the objects look up; with `any_kind` also types of other
    kinds of these names."""
    wanted: set[Root] = set()
    for obj, root_of in roots.items():
        ids = {relocation.type_id for relocation in obj.relocations if relocation.kind != TYPE_ID_LOCAL}
        wanted.update(root_of[type_id] for type_id in ids if 0 < type_id < len(obj.btf))
    search = CandidateSearch(wanted, any_kind=any_kind)
    return [search.on(target.vmlinux, target.modules) for target in targets]


def _missed(
    root: Root,
    outcomes: tuple[Outcome, Outcome],
    proofs: Sequence[dict[Root, Candidates]],
    agreed: set[tuple[int, Root, str]],
    loader: Loader,
) -> str:
    """How the candidates of the outcomes (before, after) for a root differ from those that the judge found, "" if they do not.

    `agreed` remembers which lists of candidates (by `id`: the outcomes keep them) were compared already.  The search knows
    libbpf's flavors: candidates for names that other loaders read otherwise are not compared.
    """
    if loader is AYA:
        return ""
    if loader is CILIUM:
        root = ANY, root[1]
        if b"___" in root[1] or root[1].endswith(b"_"):
            return ""
    for when, outcome, proof in zip(("before", "after"), outcomes, proofs, strict=True):
        key = id(outcome.candidates), root, when
        if key in agreed:
            continue
        candidates = proof.get(root, [])
        found = list(outcome.candidates)
        if loader is CILIUM:
            found = [each for each in found if not each[0].string(each[0].word(each[1], 0)).endswith(b"___")]
        if found != candidates:
            return f"{len(outcome.candidates)} candidates {when}, a second search found {len(candidates)}"
        agreed.add(key)
    return ""


def _equal(
    relocation: Relocation,
    old: Outcome,
    new: Outcome,
    ids: dict[tuple[int, int], int],
    numbers: dict[int, int],
    loader: Loader,
) -> bool:
    if old.status != new.status or not _same_load(old, new) or len(old.matches) != len(new.matches):
        return False
    if old.status == "missing":  # poison or zero: the kind decides, and the loader
        return True
    if relocation.kind == TYPE_ID_TARGET:
        return all(
            ids.setdefault((_owner(o.btf, o.type_id, numbers), o.type_id), n.type_id) == n.type_id
            and _identity(o.btf, o.type_id) == _identity(n.btf, n.type_id)
            for o, n in zip(old.matches, new.matches, strict=True)
        )
    for o, n in zip(old.matches, new.matches, strict=True):
        if o.value != n.value or o.bit_offset != n.bit_offset or (o.load != n.load and loader.load_size):
            return False
    return old.value == new.value


def _same_load(old: Outcome, new: Outcome) -> bool:
    """Whether loads get the same size; an outcome for cilium/ebpf, which adjusts none, has 0, but may be libbpf's."""
    return old.load_size == new.load_size or not (old.load_size and new.load_size)


def _equal_when_merged(
    relocation: Relocation,
    old: Outcome,
    new: Outcome,
    ids: dict[tuple[int, int], int],
    numbers: dict[int, int],
    loader: Loader,
) -> bool:
    """Like `_equal`, but equal candidates may have become one."""
    if relocation.kind == TYPE_ID_TARGET:
        if {_identity(o.btf, o.type_id) for o in old.matches} != {_identity(n.btf, n.type_id) for n in new.matches}:
            return False
        new_ids = {match.type_id for match in new.matches}
        if len(new_ids) != 1:
            return old.status == new.status
        (new_id,) = new_ids
        return {old.status, new.status} <= {"value", "ambiguous"} and all(
            ids.setdefault((_owner(o.btf, o.type_id, numbers), o.type_id), new_id) == new_id for o in old.matches
        )
    candidates = [
        {(match.value, match.bit_offset, match.load if loader.load_size else None) for match in one.matches}
        for one in (old, new)
    ]
    same_answer = (old.status, old.value) == (new.status, new.value) and _same_load(old, new)
    return same_answer and candidates[0] == candidates[1]


def _owner(btf: Btf, type_id: int, numbers: dict[int, int]) -> int:
    """The number of the BTF of the original target that an id belongs to: ids of modules overlap."""
    return numbers.get(id(btf), -1) if type_id >= btf.start_id else 0


def _identity(btf: Btf, type_id: int) -> tuple[int, str, int]:
    """What identifies a type apart from its id: kind, name, and the size if its record has one."""
    kind = btf.kind(type_id)
    return kind, btf.name(type_id), btf.word(type_id, 2) if spec.KINDS[kind].third == "size" else 0
