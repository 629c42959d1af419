"""Proof that a minimized BTF answers as the original does.

Knows nothing of the minimizer: it takes the objects, the answers on the original, and a target made of the bytes that were
written; it relocates every object on these and compares.  Equal means: the same status and value, the same size of loads, and
candidate by candidate the same offsets and values, so that whatever libbpf's order of relocations leaves of the candidates,
it leaves the same.  Type ids cannot stay; they have to follow one consistent map, which the comparison collects.

Where BTFs were merged into one, equal candidates may have become one: there the candidates are compared as sets, and two types
of two modules that made a type id ambiguous may have become the one that is meant.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.co_re.kinds import TYPE_ID_TARGET
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.errors import VerificationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.co_re.relocate import Outcome


class AnswerDifference:
    """A relocation that is answered otherwise: `before` and `after` are its outcomes."""

    __slots__ = ("after", "before", "obj", "relocation")

    def __init__(self, obj: BpfObject, relocation: Relocation, before: Outcome, after: Outcome) -> None:
        self.obj = obj
        self.relocation = relocation
        self.before = before
        self.after = after

    def __str__(self) -> str:
        place = f"{self.obj.name}, {self.relocation.section}+{self.relocation.insn_off:#x}"
        return f"{place}: {self.obj.expression(self.relocation)}: {self.before!r} before, {self.after!r} after"


class Answers:
    """The result: `total` relocations compared, `differences`, and the target types' new ids where answers are ids."""

    __slots__ = ("differences", "ids", "total")

    def __init__(self) -> None:
        self.total = 0
        self.differences: list[AnswerDifference] = []
        self.ids: dict[tuple[int, int], int] = {}


def prove(
    objects: Sequence[BpfObject], before: Sequence[Sequence[Outcome]], original: Target, blobs: Mapping[Btf, bytes]
) -> dict[tuple[int, int], int]:
    """Relocate `objects` on the bytes that are about to be written and compare with the outcomes `before` on `original`.

    `blobs` has the new bytes of each BTF of the original that is left, bases first.  Returns the new ids of target types where
    answers are ids (`Answers.ids`).  Raises VerificationError where an answer would be another one.
    """
    again: dict[Btf, Btf] = {}
    for layer, blob in blobs.items():
        base = again[layer.base] if layer.base is not None else None
        again[layer] = Btf.from_bytes(blob, base, source="the output", pointer_size=layer.given_pointer_size)
    after = Target(again[original.vmlinux], [again[module] for module in original.modules if module in again])
    return _demand_same(compare(objects, before, original, after), "  This is a bug in btfkit, please report it")


def prove_merged(
    objects: Sequence[BpfObject], before: Sequence[Sequence[Outcome]], original: Target, blob: bytes
) -> dict[tuple[int, int], int]:
    """Like `prove` for a BTF that the whole original was merged into."""
    after = Target(Btf.from_bytes(blob, source="the output", pointer_size=original.vmlinux.given_pointer_size))
    return _demand_same(compare(objects, before, original, after, merged=True), "")


def _demand_same(answers: Answers, advice: str) -> dict[tuple[int, int], int]:
    if answers.differences:
        shown = "\n  ".join(str(difference) for difference in answers.differences[:10])
        raise VerificationError(
            f"{len(answers.differences)} of {answers.total} relocations would be answered differently; nothing was written."
            f"{advice}:\n  {shown}"
        )
    return answers.ids


def compare(
    objects: Sequence[BpfObject],
    before: Sequence[Sequence[Outcome]],
    original: Target,
    after: Target,
    *,
    merged: bool = False,
) -> Answers:
    """Relocate `objects` on `after` and compare with the outcomes `before` on `original` (`merged`: which `after` is in one
    BTF)."""
    result = Answers()
    number = {id(btf): index for index, btf in enumerate((original.vmlinux, *original.modules))}
    for obj, olds, news in zip(objects, before, relocate(objects, after), strict=True):
        for relocation, old, new in zip(obj.relocations, olds, news, strict=True):
            result.total += 1
            if not (_folded if merged else _equal)(relocation, old, new, result.ids, number):
                result.differences.append(AnswerDifference(obj, relocation, old, new))
    return result


def _equal(
    relocation: Relocation, old: Outcome, new: Outcome, ids: dict[tuple[int, int], int], number: dict[int, int]
) -> bool:
    if old.status != new.status or old.load_size != new.load_size or len(old.matches) != len(new.matches):
        return False
    if relocation.kind == TYPE_ID_TARGET:
        return all(
            ids.setdefault((_owner(o.btf, o.type_id, number), o.type_id), n.type_id) == n.type_id
            and _described(o.btf, o.type_id) == _described(n.btf, n.type_id)
            for o, n in zip(old.matches, new.matches, strict=True)
        )
    return old.value == new.value and all(
        (o.value, o.bit_offset, o.load) == (n.value, n.bit_offset, n.load)
        for o, n in zip(old.matches, new.matches, strict=True)
    )


def _folded(
    relocation: Relocation, old: Outcome, new: Outcome, ids: dict[tuple[int, int], int], number: dict[int, int]
) -> bool:
    """Whether an answer is that of before, where equal candidates may have become one."""
    if relocation.kind == TYPE_ID_TARGET:
        found = {match.type_id for match in new.matches}
        if {_described(o.btf, o.type_id) for o in old.matches} != {_described(n.btf, n.type_id) for n in new.matches}:
            return False
        if len(found) == 1:
            return {old.status, new.status} <= {"value", "ambiguous"} and all(
                ids.setdefault((_owner(o.btf, o.type_id, number), o.type_id), n) == n
                for o in old.matches
                for n in found
            )
        return old.status == new.status
    seen = [{(match.value, match.bit_offset, match.load) for match in one.matches} for one in (old, new)]
    return (old.status, old.value, old.load_size) == (new.status, new.value, new.load_size) and seen[0] == seen[1]


def _owner(btf: Btf, type_id: int, number: dict[int, int]) -> int:
    """Which BTF of the original target an id belongs to: ids of modules overlap."""
    return number.get(id(btf), -1) if type_id >= btf.start_id else 0


def _described(btf: Btf, type_id: int) -> tuple[int, str, int]:
    """What tells a type from others whatever its id: kind, name, and the size where its record has one."""
    kind = btf.kind(type_id)
    return kind, btf.name(type_id), btf.word(type_id, 2) if spec.KINDS[kind].third == "size" else 0
