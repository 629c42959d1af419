"""Relocations for people and programs: counted, a line each, or as JSON objects."""

from __future__ import annotations

from btfkit.co_re.kinds import KINDS, TYPE_ID_LOCAL, TYPE_ID_TARGET
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, TextIO

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.co_re.relocate import Outcome

STATUSES = ("value", "missing", "ambiguous", "error")


class Counts:
    """How many relocations have which status, and how many find a candidate in which BTF (`by_btf`)."""

    __slots__ = ("by_btf", "by_status")

    def __init__(self, outcomes: Iterable[Iterable[Outcome]]) -> None:
        self.by_status = dict.fromkeys(STATUSES, 0)
        self.by_btf: dict[Btf, int] = {}
        for answers in outcomes:
            for outcome in answers:
                self.by_status[outcome.status] += 1
                for btf in {match.btf: None for match in outcome.matches}:
                    self.by_btf[btf] = self.by_btf.get(btf, 0) + 1

    @property
    def total(self) -> int:
        """All relocations."""
        return sum(self.by_status.values())

    @property
    def all_answered(self) -> bool:
        """Whether each has a value."""
        return self.by_status["value"] == self.total

    def here(self, btf: Btf) -> str:
        """How many are answered from `btf`, for a summary line."""
        count = self.by_btf.get(btf, 0)
        return f"{count:,} relocation{'s' * (count != 1)} read{'s' * (count == 1)} it"

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"total": self.total, "answered": self.by_status["value"]} | {s: self.by_status[s] for s in STATUSES[1:]}

    def __str__(self) -> str:
        counts = self.by_status
        text = f"{self.total:,} relocation{'s' * (self.total != 1)}: {counts['value']:,} answered, {counts['missing']:,} missing"
        text += f", {counts['ambiguous']:,} ambiguous"
        return text + (f", {counts['error']:,} in error" if counts["error"] else "")


def answer(relocation: Relocation, outcome: Outcome) -> str:
    """What a relocation yields, in a few words: "1568", "yes", "missing: ...", "type id 12 (target)"."""
    row = KINDS[relocation.kind] if relocation.kind < len(KINDS) else None
    if outcome.status != "value":
        what = (
            f"{outcome.status}: {outcome.detail}"
            if outcome.status == "missing"
            else outcome.status + ": " + outcome.detail
        )
        return printable(what + (" (yields 0)" if outcome.status == "missing" and outcome.value == 0 else ""))
    if row is not None and row.is_test:
        return "yes" if outcome.value else printable(f"no: {outcome.detail}")
    if relocation.kind in (TYPE_ID_LOCAL, TYPE_ID_TARGET):
        return f"type id {outcome.value}"
    if outcome.load_size == -1:
        return f"{outcome.value} (a load of another size than the program's: poisoned in a load or store)"
    assert outcome.value is not None
    return f"{outcome.value:#x}" if outcome.value > 0xFFFFFFFF else str(outcome.value)


def relocation_lines(
    objects: Sequence[BpfObject], outcomes: Sequence[Sequence[Outcome]], statuses: Sequence[str] = ()
) -> Iterator[str]:
    """A line for each relocation (of one of `statuses`, or of all), below a line for each object that has some."""
    for obj, answers in zip(objects, outcomes, strict=True):
        rows = [
            (
                _place(obj, relocation),
                _kind(relocation),
                printable(obj.expression(relocation)),
                answer(relocation, outcome),
            )
            for relocation, outcome in zip(obj.relocations, answers, strict=True)
            if not statuses or outcome.status in statuses
        ]
        if not rows:
            continue
        yield printable(obj.source) + ":"
        widths = [min(48, max(len(row[i]) for row in rows)) for i in range(3)]
        for row in rows:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + row[3]


def _place(obj: BpfObject, relocation: Relocation) -> str:
    """The function (or section) and the number of the instruction."""
    function = obj.function_at(relocation.section, relocation.insn_off)
    return printable(f"{function or relocation.section}+{relocation.insn_off // 8}")


def _kind(relocation: Relocation) -> str:
    return KINDS[relocation.kind].name if relocation.kind < len(KINDS) else f"kind {relocation.kind}"


def relocation_objects(
    objects: Sequence[BpfObject], outcomes: Sequence[Sequence[Outcome]], statuses: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Each relocation (of one of `statuses`, or of all) as a JSON object."""
    for obj, answers in zip(objects, outcomes, strict=True):
        for number, (relocation, outcome) in enumerate(zip(obj.relocations, answers, strict=True)):
            if not statuses or outcome.status in statuses:
                yield _as_object(obj, number, relocation, outcome)


def _as_object(obj: BpfObject, number: int, relocation: Relocation, outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "object": obj.name,
        "number": number,
        "section": relocation.section,
        "function": obj.function_at(relocation.section, relocation.insn_off) or None,
        "insn_off": relocation.insn_off,
        "kind": _kind(relocation),
        "access": obj.expression(relocation),
        "raw_access": relocation.access.decode("utf-8", "replace"),
        "local_type_id": relocation.type_id,
        "status": outcome.status,
        "value": outcome.value,
    }
    if outcome.reason:
        found |= {"reason": outcome.reason, "detail": outcome.detail}
    if outcome.load_size:
        found["load_size"] = outcome.load_size if outcome.load_size > 0 else None
    if outcome.matches:
        found["candidates"] = [
            {"btf": match.btf.source, "type_id": match.type_id, "value": match.value} for match in outcome.matches
        ]
    return found


def print_lines(lines: Iterable[str], *, to: TextIO) -> None:
    """Print `lines` to a stream."""
    for line in lines:
        print(line, file=to)
