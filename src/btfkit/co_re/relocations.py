"""Relocations and their answers as data: records, counts, lines and JSON."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import Spec
from btfkit.co_re.kinds import ENUMVAL_VALUE, KINDS, TYPE_ID_LOCAL, TYPE_ID_TARGET, kind_name
from btfkit.co_re.loaders import loader_named
from btfkit.co_re.outcome import STATUSES
from btfkit.co_re.program import objects_list
from btfkit.co_re.relocate import relocate
from btfkit.errors import counted, printable
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Match, Outcome
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.tables import Table

    Document = dict[str, object]  # for JSON; within Relocated, `object` is a property


CUT_ENUM = "an ENUM of 8 bytes: pahole before 1.24 wrote only 32 bits of its values"


def _is_cut_enum(match: Match) -> bool:
    return match.btf.kind(match.type_id) == spec.ENUM and match.btf.word(match.type_id, 2) == 8


class Relocated(tuple["BpfObject", "Relocation", "Outcome"]):
    """A relocation and its outcome: the tuple (`object`, `relocation`, `outcome`), and `number`, its index in the object."""

    number: int

    def __new__(cls, obj: BpfObject, number: int, outcome: Outcome) -> Relocated:
        self = super().__new__(cls, (obj, obj.relocations[number], outcome))
        self.number = number
        return self

    @property
    def object(self) -> BpfObject:
        """The BPF object with the relocation."""
        return self[0]

    @property
    def relocation(self) -> Relocation:
        """The record of the relocation."""
        return self[1]

    @property
    def outcome(self) -> Outcome:
        """The result on the target."""
        return self[2]

    def __repr__(self) -> str:
        return f"<{self.place}: {self.kind} {self.access}: {self.answer}>"

    @property
    def _function(self) -> tuple[str, int]:
        return self.object.function_at(self.relocation.section, self.relocation.insn_off)

    @property
    def function(self) -> str:
        """The function that holds the instruction, "" if unknown."""
        return self._function[0]

    @property
    def place(self) -> str:
        """The function (or section) and the index of the instruction in it: "probe+12"."""
        name, start = self._function
        return f"{name or self.relocation.section}+{(self.relocation.insn_off - start) // 8}"

    @property
    def kind(self) -> str:
        """The kind of the relocation, as bpftool and libbpf write it: "byte_off"."""
        return kind_name(self.relocation.kind)

    @property
    def access(self) -> str:
        """What the program reads, in C."""
        return self.object.expression(self.relocation)

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return self.outcome.status

    @property
    def value(self) -> int | None:
        """What the instruction gets; None if it is poisoned."""
        return self.outcome.value

    @property
    def answer(self) -> str:
        """The result in a few words: "1568", "yes", "missing: ...", "type id 12"."""
        outcome, kind = self.outcome, self.relocation.kind
        if outcome.misread:
            return printable(f"{outcome.value}, wrong: {outcome.misread}")
        if outcome.status != "value":
            zero = " (yields 0)" if outcome.status == "missing" and outcome.value == 0 else ""
            return printable(f"{outcome.status}: {outcome.detail}{zero}")
        if kind < len(KINDS) and KINDS[kind].is_test:
            return "yes" if outcome.value else printable(f"no: {outcome.detail}")
        if kind in (TYPE_ID_LOCAL, TYPE_ID_TARGET):
            return f"type id {outcome.value}"
        if outcome.load_size == -1:
            return f"{outcome.value} ({self._other_size})"
        assert outcome.value is not None
        number = f"{outcome.value:#x}" if outcome.value > 0xFFFFFFFF else str(outcome.value)
        return f"{number} ({self.warning})" if self.warning else number

    @property
    def _other_size(self) -> str:
        """What an answer is worth whose member has another size on the target, or is a bitfield there."""
        size = self.outcome.matches[0].load[2]
        if not size:
            return (
                "a bitfield on the target: a load or store is poisoned, a read of the bytes there gives something else"
            )
        wanted = self.object.spec(self.relocation)
        mine = wanted.leaf[2] if isinstance(wanted, Spec) and wanted.leaf is not None else 0
        sizes = f"{counted(size, 'byte')} on the target, {mine:,} in the program"
        return f"{sizes}: a load or store is poisoned, a read must ask for the size"

    @property
    def warning(self) -> str:
        """Why the answer, which libbpf gives, may be wrong, or ""."""
        if self.relocation.kind == ENUMVAL_VALUE and any(map(_is_cut_enum, self.outcome.matches)):
            return CUT_ENUM
        return ""

    def as_json(self) -> Document:
        """For JSON."""
        relocation, outcome = self.relocation, self.outcome
        found: Document = {
            "object": self.object.name,
            "number": self.number,
            "section": relocation.section,
            "function": self.function or None,
            "insn_off": relocation.insn_off,
            "kind": self.kind,
            "access": self.access,
            "raw_access": relocation.access.decode("utf-8", "replace"),
            "local_type_id": relocation.type_id,
            "status": outcome.status,
            "value": outcome.value,
        }
        if outcome.reason:
            found |= {"reason": outcome.reason, "detail": outcome.detail}
        if outcome.misread:
            found["misread"] = outcome.misread
        if self.warning:
            found["warning"] = self.warning
        if outcome.load_size:
            found["load_size"] = outcome.load_size if outcome.load_size > 0 else None
        if outcome.matches:
            found["candidates"] = [
                {"btf": match.btf.source, "type_id": match.type_id, "value": match.value} for match in outcome.matches
            ]
        return found


class Relocations(list[Relocated], Tabular):
    """Relocations with their outcomes, as a list, which is a table as well."""

    __slots__ = ()

    def table(self) -> Table:
        """A row for each relocation: the `object`'s name, the `function` ("" if unknown), the `place` of the instruction, and the
        attributes `kind`, `access`, `status`, `value` and `answer` of `Relocated`."""
        return table_of(
            ("object", "function", "place", "kind", "access", "status", "value", "answer"),
            (
                (one.object.source, one.function, one.place, one.kind, one.access, one.status, one.value, one.answer)
                for one in self
            ),
        )


def relocations(
    objects: Sequence[BpfObject], vmlinux: Btf, modules: Sequence[Btf] = (), *, loader: str = "libbpf"
) -> Relocations:
    """Every relocation of every object with its outcome on `vmlinux` and, after it, `modules` (split BTFs on it).

    `loader` is whose rules answer: "libbpf", "cilium" or "aya".  Raises ValueError for another one.
    """
    from btfkit.co_re.target import Target

    objects = objects_list("objects", objects)
    outcomes = relocate(objects, Target(vmlinux, modules), loader=loader_named(loader))
    return Relocations(relocated(objects, outcomes))


def relocated(objects: Sequence[BpfObject], outcomes: Iterable[Sequence[Outcome]]) -> Iterator[Relocated]:
    """A record for each relocation of `objects`, with the `outcomes` from `relocate`."""
    for obj, answers in zip(objects, outcomes, strict=True):
        for number, outcome in enumerate(answers):
            yield Relocated(obj, number, outcome)


def relocation_lines(
    rows: Iterable[Relocated], statuses: Collection[str] = STATUSES, width: int | None = None
) -> Iterator[str]:
    """A line for each object with relocations of one of `statuses`, followed by a line for each of them.

    If these are longer than `width` columns, each function has a line of its own before its relocations.
    """
    by_object: dict[BpfObject, list[Relocated]] = {}
    for row in rows:
        if row.status in statuses or row.outcome.misread:
            by_object.setdefault(row.object, []).append(row)
    for obj, found in by_object.items():
        yield printable(obj.source) + ":"
        cells = [(printable(row.place), row.kind, printable(row.access), row.answer) for row in found]
        lines = _aligned(cells)
        if width is None or max(map(len, lines)) <= width:
            yield from lines
            continue
        functions = [place.rpartition("+")[0] for place, *_ in cells]
        parted = [(place[len(function) :], *rest) for function, (place, *rest) in zip(functions, cells, strict=True)]
        shown = ""
        for function, line in zip(functions, _aligned(parted), strict=True):
            if function and function != shown:
                yield f"  {function}:"
                shown = function
            yield "  " + line


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the cells of each row below each other, except for the last ones."""
    widths = [min(48, max(len(row[i]) for row in cells)) for i in range(len(cells[0]) - 1)]
    return [
        "  " + "  ".join(cell.ljust(size) for cell, size in zip(first, widths, strict=True)) + "  " + last
        for *first, last in cells
    ]
