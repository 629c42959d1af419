"""Which of several candidates fits a program best, for loaders that score them.

All relocations of one local type in a program get their answers from one candidate: the one with the most answers.  If two have
as many and their answers differ, none is chosen, and the loader rejects the program.  Without any answer there is no choice.

Rule: btf/core.go (cilium/ebpf 0.22), coreCalculateFixups.
"""

from __future__ import annotations

from btfkit.co_re.kinds import ENUMVAL_VALUE, KINDS, LSHIFT, RSHIFT, TYPE_ID_LOCAL, TYPE_ID_TARGET, TYPE_SIZE
from btfkit.co_re.levels import level_field, level_value
from btfkit.co_re.loaders import CILIUM
from btfkit.co_re.match import Mismatch
from btfkit.co_re.values import enumerator_value
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError, counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject, Relocation

    Candidate = tuple[Btf, int]
    Ask = Callable[[Relocation, Sequence[Candidate]], Outcome]


def best(obj: BpfObject, outcomes: list[Outcome], ask: Ask) -> list[Outcome]:
    """The outcomes of the relocations of `obj`, from those of each alone; where programs differ, the outcome says so."""
    by_program = best_by_program(obj, outcomes, ask)
    found: dict[int, dict[str, Outcome]] = {}
    for name, chosen in by_program.items():
        for number, outcome in chosen.items():
            found.setdefault(number, {})[name] = outcome
    result = list(outcomes)
    for number, answers in found.items():
        result[number] = next(iter(answers.values()))
        if len({(outcome.status, outcome.value) for outcome in answers.values()}) > 1:
            shown = ", ".join(f"{name}: {_shown(outcome)}" for name, outcome in sorted(answers.items()))
            result[number] = result[number].copy()
            result[number].status, result[number].value = "ambiguous", None
            result[number].reason, result[number].detail = (
                "programs-differ",
                f"the answer depends on the program ({shown})",
            )
    return result


def _shown(outcome: Outcome) -> str:
    return str(outcome.value) if outcome.status == "value" else outcome.status


def best_by_program(obj: BpfObject, outcomes: list[Outcome], ask: Ask) -> dict[str, dict[int, Outcome]]:
    """For each program the outcomes, by number, of its relocations that several candidates could answer.

    `ask` is the outcome of a relocation over some of the candidates.
    """
    groups: dict[int, list[int]] = {}
    for number, relocation in enumerate(obj.relocations):
        if relocation.kind != TYPE_ID_LOCAL:
            groups.setdefault(relocation.type_id, []).append(number)
    open_groups = [numbers for numbers in groups.values() if _has_choice([outcomes[number] for number in numbers])]
    result: dict[str, dict[int, Outcome]] = {}
    for name, members in obj.units() if open_groups else ():
        chosen = result[name] = {}
        for numbers in open_groups:
            mine = [number for number in numbers if number in members]
            if mine:
                chosen.update(zip(mine, _choose(obj, mine, outcomes, ask), strict=True))
    return result


def _has_choice(outcomes: Sequence[Outcome]) -> bool:
    """Whether more than one candidate matches one of the relocations of a local type."""
    return len({(match.btf, match.type_id) for outcome in outcomes for match in outcome.matches}) > 1


def _choose(obj: BpfObject, numbers: Sequence[int], outcomes: list[Outcome], ask: Ask) -> list[Outcome]:
    """The outcomes of the relocations `numbers`, which have one local type and one program."""
    alone = [outcomes[number] for number in numbers]
    relocations = [obj.relocations[number] for number in numbers]
    if len(alone) == 1 or any(outcome.status == "error" for outcome in alone):  # then the loader rejects the program
        return alone
    answers: dict[Candidate, dict[int, int]] = {}  # the values by position in `numbers`
    for position, outcome in enumerate(alone):
        for match in outcome.matches:
            answers.setdefault((match.btf, match.type_id), {})[position] = match.value
    order = [candidate for candidate in alone[0].candidates if candidate in answers]
    if not order:
        return alone
    most = max(len(answers[candidate]) for candidate in order)
    fit = [candidate for candidate in order if len(answers[candidate]) == most]
    for other in fit[1:]:
        differ = _difference(obj, relocations, answers[fit[0]], answers[other])
        if differ >= 0:
            return [_ambiguous(obj, outcome, fit, relocations, most, differ) for outcome in alone]
    return [_from(outcome, ask(relocation, fit[:1])) for outcome, relocation in zip(alone, relocations, strict=True)]


def _difference(obj: BpfObject, relocations: Sequence[Relocation], mine: dict[int, int], theirs: dict[int, int]) -> int:
    """The position of the first relocation that two candidates answer differently, -1 if there is none.

    No answer counts as the pair of local and target value (0, 0).
    """
    for position, relocation in enumerate(relocations):
        first, second = mine.get(position), theirs.get(position)
        if first == second:
            continue
        if first is not None and second is not None:
            return position
        value = first if first is not None else second
        if KINDS[relocation.kind].is_test or value:
            return position
        if relocation.kind not in (LSHIFT, RSHIFT) and _local_value(obj, relocation):
            return position
    return -1


def _local_value(obj: BpfObject, relocation: Relocation) -> int:
    """What a relocation yields by the program's own types."""
    kind = relocation.kind
    try:
        if kind == TYPE_ID_TARGET:
            return relocation.type_id
        if kind == ENUMVAL_VALUE:
            return enumerator_value(obj.btf, obj.btf.strip(relocation.type_id), int(relocation.access))
        if kind == TYPE_SIZE:
            return obj.btf.sizeof(relocation.type_id) or 0
        wanted = obj.spec(relocation, CILIUM)
        place = level_field(wanted, obj.btf, relocation.type_id, Witness())  # type: ignore[arg-type]
        return 0 if isinstance(place, Mismatch) else level_value(kind, place, obj.btf, Witness(), CILIUM)[0]
    except (BtfError, ValueError):
        return 0


def _from(alone: Outcome, found: Outcome) -> Outcome:
    result = found.copy()
    result.alone = alone
    result.candidates = alone.candidates
    if alone.matches and not found.matches:
        others = f"{len(alone.matches)} of {counted(len(alone.candidates), 'type')} of this name"
        verb = "matches" if len(alone.matches) == 1 else "match"
        result.reason = "not-best"
        result.detail = f"{found.detail}; {others} {verb}, but this one has more of what the program reads"
    return result


def _ambiguous(
    obj: BpfObject, alone: Outcome, fit: Sequence[Candidate], relocations: Sequence[Relocation], most: int, differ: int
) -> Outcome:
    result = alone.copy()
    result.alone = alone
    result.status, result.value, result.reason = "ambiguous", None, "candidates-differ"
    shown = ", ".join(str(type_id) for _, type_id in fit)
    what = obj.expression(relocations[differ])
    count = f"{most} of {counted(len(relocations), 'relocation')} of this type"
    result.detail = f"types {shown} each answer {count}, but differ in {what}"
    return result
