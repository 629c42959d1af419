"""How the relocations of an object narrow the candidates of later ones.

libbpf searches the candidates for a local type once for an object.  Each relocation that matches some of them drops the others,
so the answers of later relocations of that local type depend on the order: a read that only a dropped candidate has is poisoned.
Relocations that match nothing or fail drop none, nor do those of functions that the linker dropped.

Rule: bpf_core_calc_relo_insn, bpf_object__relocate_core (libbpf 1.8-dev).
"""

from __future__ import annotations

from btfkit.errors import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject, Relocation

    Candidate = tuple[Btf, int]
    Ask = Callable[[Relocation, Sequence[Candidate]], Outcome]


class _Left:
    """The `candidates` that are left for a local type, and the relocation `by` which some were dropped."""

    __slots__ = ("_members", "by", "candidates")

    def __init__(self, candidates: Sequence[Candidate], by: Relocation) -> None:
        self.candidates = candidates
        self.by = by
        self._members = frozenset(candidates)

    def changes(self, over_all: Outcome) -> bool:
        """Whether an outcome over all candidates may be another one over these."""
        return over_all.status == "error" or any(
            (match.btf, match.type_id) not in self._members for match in over_all.matches
        )


def narrowed(obj: BpfObject, outcomes: list[Outcome], skipped: Collection[Relocation], ask: Ask) -> list[Outcome]:
    """The outcomes of the relocations of `obj`, in order, from those over all candidates; the relocations `skipped` drop none.

    `ask` is the outcome of a relocation over some of the candidates.
    """
    left: dict[int, _Left] = {}
    result = []
    has_function = _function_known(obj)
    for relocation, over_all in zip(obj.relocations, outcomes, strict=True):
        found, before = over_all, left.get(relocation.type_id)
        if before is not None and before.changes(over_all):
            found = _among(obj, over_all, before, ask(relocation, before.candidates))
        result.append(found)
        count = len(before.candidates if before is not None else over_all.candidates)
        if not 0 < len(found.matches) < count or found.status not in ("value", "missing"):
            continue
        if relocation not in skipped and has_function(relocation):
            matched = [(match.btf, match.type_id) for match in found.matches]
            left[relocation.type_id] = _Left(matched, relocation)
    return result


def _function_known(obj: BpfObject) -> Callable[[Relocation], bool]:
    """Whether the function of a relocation exists; true for all if the object has no names of functions."""
    known: dict[Relocation, bool] = {}

    def has_function(relocation: Relocation) -> bool:
        if not known:
            known.update((each, bool(obj.function_at(each.section, each.insn_off)[0])) for each in obj.relocations)
            if not any(known.values()):
                known.update(dict.fromkeys(known, True))
        return known[relocation]

    return has_function


def _among(obj: BpfObject, over_all: Outcome, left: _Left, found: Outcome) -> Outcome:
    """`found`, an outcome over the candidates that are left, with `over_all`; a copy, because equal questions share outcomes."""
    result = found.copy()
    result.alone = over_all
    result.candidates = over_all.candidates
    if over_all.matches and not found.matches and found.status in ("value", "missing"):
        name, start = obj.function_at(left.by.section, left.by.insn_off)
        place = f"{name or left.by.section}+{(left.by.insn_off - start) // 8}"
        others = f"{len(over_all.matches)} of {counted(len(over_all.candidates), 'type')} of this name"
        verb, them = ("matches", "it") if len(over_all.matches) == 1 else ("match", "them")
        why = f"libbpf dropped {them} at {place}, where {obj.expression(left.by)} did not match"
        result.reason, result.detail = "narrowed", f"{found.detail}; {others} {verb}, but {why}"
    return result
