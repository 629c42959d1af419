"""A matrix for people and programs: text for a terminal, Markdown for a pull request, JSON.

The same matrix always gives the same text.  Findings of a program that differ only in their place are listed together.
"""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.fleet.matrix import BREAKS, GUARDED, MISREADS, STATUSES, WORKS, columns_text, range_text
from btfkit.fleet.object_verdicts import object_grid, object_ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NotRequired, TypedDict

    from btfkit.fleet.matrix import Cell, Column, Matrix, Range, ReadSite
    from btfkit.programs.verdict import ProgramFinding

    class KernelObject(TypedDict):
        """A kernel in JSON."""

        name: str
        distro: str
        release: str
        arch: str
        uname: str
        source: str
        error: NotRequired[str]
        skipped_modules: NotRequired[list[str]]

    class FindingObject(TypedDict, total=False):
        """A finding in JSON, with its place in the program if known."""

        effect: str
        reason: str
        detail: str
        relocation: int
        kind: str
        access: str
        function: str
        section: str
        insn: int
        file: str
        line: int
        column: int
        source: str
        subject: str
        unless: str
        whole: bool
        map: str

    class VerdictObject(TypedDict):
        """A verdict in JSON; `program` is a number."""

        program: int
        status: str
        findings: list[FindingObject]


SCHEMA = 1
PLACES = 4  # places of one finding that are shown
WHOLE = "(the object)"  # in place of a program's name
NAMES = 60  # letters of a line of names
EFFECTS = (BREAKS, MISREADS, GUARDED, "warning", "note")


class Reason:
    """One entry of the report for `programs` of one object: `findings` that differ only in their place, (program, finding)
    each, and the `columns` of the kernels."""

    __slots__ = ("columns", "findings", "programs")

    def __init__(self, program: int, findings: list[tuple[int, ProgramFinding]], columns: list[int]) -> None:
        self.programs = [program]
        self.findings = findings
        self.columns = columns

    @property
    def first(self) -> ProgramFinding:
        """The finding that stands for all."""
        return self.findings[0][1]


def reasons(matrix: Matrix, effects: tuple[str, ...] = EFFECTS) -> list[Reason]:
    """All entries, object by object, the worst first; programs with equal entries are listed together."""
    result: list[Reason] = []
    by_key: dict[tuple[Any, ...], Reason] = {}
    for number, program in enumerate(matrix.programs):
        for reason in _reasons_of(matrix, number, effects):
            first = reason.first
            subject = "" if first.relocation >= 0 else first.subject
            key = (program.object, first.effect, first.detail, first.unless, subject, tuple(reason.columns))
            if key in by_key:
                by_key[key].programs.append(number)
                by_key[key].findings += reason.findings
            else:
                by_key[key] = reason
                result.append(reason)
    numbers = matrix.object_numbers
    return sorted(result, key=lambda r: (numbers[matrix.programs[r.programs[0]].object], *_rank(r)))


def _reasons_of(matrix: Matrix, number: int, effects: tuple[str, ...]) -> list[Reason]:
    """The entries of one program."""
    columns: dict[int, list[int]] = {}
    for column in matrix.series:
        verdict = matrix.cells[number][column]
        if verdict is not None:
            columns.setdefault(verdict, []).append(column)
    groups: dict[tuple[str, ...], tuple[dict[tuple[Any, ...], ProgramFinding], dict[int, None]]] = {}
    for verdict, where in columns.items():
        for finding in matrix.verdicts[verdict].findings:
            if finding.effect in effects:
                key = (finding.effect, finding.reason, finding.detail, finding.unless)
                findings, kernels = groups.setdefault(key, ({}, {}))
                findings.setdefault(_place_key(matrix, number, finding), finding)
                kernels.update(dict.fromkeys(where))
    return [
        Reason(number, [(number, finding) for finding in findings.values()], sorted(kernels))
        for findings, kernels in groups.values()
    ]


def _rank(reason: Reason) -> tuple[int, int, int]:
    first = reason.first
    return EFFECTS.index(first.effect), reason.programs[0], first.relocation if first.relocation >= 0 else 1 << 30


def _place_key(matrix: Matrix, program: int, finding: ProgramFinding) -> tuple[Any, ...]:
    place = matrix.programs[program].place_of(finding)
    return (finding.subject,) if place is None else (place.where, place.access, place.source)


def names_text(matrix: Matrix, programs: list[int], most: int = 4) -> str:
    """ "one, two and 3 more"."""
    names = [matrix.programs[number].name for number in programs]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def places_of(matrix: Matrix, reason: Reason) -> list[ReadSite]:
    """The places of a reason, each once."""
    places: dict[tuple[Any, ...], ReadSite] = {}
    for program, finding in reason.findings:
        place = matrix.programs[program].place_of(finding)
        if place is not None:
            places.setdefault((place.where, place.access), place)
    return list(places.values())


# ---- a terminal --------------------------------------------------------------------------------------------------


def text_lines(matrix: Matrix, *, every: bool = False) -> Iterator[str]:
    """The table, then the reasons; with `every` also notes."""
    yield from _table(matrix)
    effects = EFFECTS if every else EFFECTS[:-1]
    for reason in reasons(matrix, effects):
        yield ""
        yield from _reason_lines(matrix, reason)
    for obj, warning in matrix.warnings:
        yield ""
        yield printable(f"{obj}: {warning}")


def _table(matrix: Matrix) -> Iterator[str]:
    """The programs of each object, those with the same verdicts together, and a line for each range of kernels."""
    for obj in matrix.objects:
        groups: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
        for number, program in enumerate(matrix.programs):
            if program.object == obj:
                key = program.required, tuple(range_lines(matrix, number))
                groups.setdefault(key, []).append(printable(program.name))
        yield printable(obj)
        if sum(map(len, groups.values())) > 1:
            yield from _group_lines([WHOLE], tuple(_range_lines(matrix, object_ranges(matrix, obj))), True)
        for (required, lines), names in groups.items():
            yield from _group_lines(names, lines, required)
    if not all(program.required for program in matrix.programs):
        yield '  * does not count: optional (SEC("?..."), loaded only if user space asks for it), or not required'


def _group_lines(names: list[str], lines: tuple[str, ...], required: bool) -> Iterator[str]:
    from textwrap import wrap

    shown = wrap(", ".join(names), NAMES, break_long_words=False, break_on_hyphens=False)
    shown[-1] += "" if required else " *"
    if len(lines) == 1 and len(shown) == 1:
        yield f"  {shown[0]:{NAMES}}  {lines[0]}"
        return
    yield from (f"  {line}" for line in shown)
    yield from (f"      {line}" for line in lines)


def range_lines(matrix: Matrix, program: int) -> list[str]:
    """ "5.10 ... 6.1: works", a line for each range; those of whole series with the same verdict in one."""
    return _range_lines(matrix, matrix.ranges(program))


def _range_lines(matrix: Matrix, ranges: list[Range]) -> list[str]:
    statuses = {found.status for found in ranges}
    total = sum(len(found.columns) for found in ranges)
    if len(statuses) == 1:
        return [f"{'all ' if total > 1 else ''}{_kernels(matrix, ranges, total)}: {ranges[0].status}"]
    several = len({column.group for column in matrix.columns}) > 1
    return [f"{_series(found, several)}{range_text(matrix, found)}: {found.status}" for found in ranges]


def _kernels(matrix: Matrix, ranges: list[Range], total: int) -> str:
    return f"{total} kernels" if total > 1 else range_text(matrix, ranges[0])


def _series(found: Range, several: bool) -> str:
    """The series before a range, if there are several."""
    name = " ".join(filter(None, found.group))
    return printable(name) + " " if several and name else ""


def _reason_lines(matrix: Matrix, reason: Reason) -> Iterator[str]:
    obj = matrix.programs[reason.programs[0]].object
    first = reason.first
    several = len(reason.programs) > 1
    verb = {BREAKS: "breaks", MISREADS: MISREADS, GUARDED: "is guarded", "warning": "warning", "note": "note"}[
        first.effect
    ]
    if several:
        verb = {"breaks": "break", "is guarded": "are guarded"}.get(verb, verb)
    optional = " (optional)" if all(matrix.programs[number].optional for number in reason.programs) else ""
    where = columns_text(matrix, reason.columns)
    yield printable(f"{obj}: {names_text(matrix, reason.programs)}{optional}: {verb} on {where}")
    yield "    " + printable(first.detail)
    places = places_of(matrix, reason)
    for place in places[:PLACES]:
        yield from _place_lines(place)
    if len(places) > PLACES:
        yield f"      and {counted(len(places) - PLACES, 'more place')}"
    if first.unless:
        yield "    " + printable(f"not reached if user space leaves {first.unless}")
    for sentence in hint_sentences(matrix, reason):
        yield "    hint: " + printable(sentence)


def _place_lines(place: ReadSite) -> Iterator[str]:
    inside = f" in {place.function}" if place.function else ""
    access = f": {place.access}" if place.access else ""
    yield printable(f"      {place.where}{inside}{access}")
    if place.source:
        yield printable(f"          {place.source}")


def hint_sentences(matrix: Matrix, reason: Reason) -> list[str]:
    """The hints about the reads of a reason, a sentence each."""
    sentences: dict[str, None] = {}
    here = frozenset(reason.columns)
    for program, finding in reason.findings:
        place = matrix.programs[program].place_of(finding)
        hint = matrix.hints.get((matrix.programs[program].object, place.access)) if place is not None else None
        if hint is None:
            continue
        for column, note in hint.notes:
            if column in here or len(hint.notes) == 1:
                sentences[f"on {matrix.columns[column].name} {note}"] = None
        if hint.first < 0:
            if finding.reason != "not-in-btf":  # it may be there
                sentences["no kernel here has it"] = None
            continue
        arches = {matrix.columns[column].key.arch for column in here}
        if all(arch and arch not in hint.arches for arch in arches):
            sentences[f"no {' or '.join(sorted(arches))} kernel here has it"] = None
        first, last = matrix.columns[hint.first].name, matrix.columns[hint.last].name
        sentences[f"only {first} has it" if first == last else f"first kernel that has it: {first}, last: {last}"] = (
            None
        )
    return list(sentences)[:PLACES]


def summary_line(matrix: Matrix, failures: int) -> str:
    """One line: the number of cells by status, and of those that count."""
    counts = matrix.counts
    lone = matrix.without_programs
    rows = [counted(len(matrix.programs) - lone, "program")] if lone < len(matrix.programs) or not lone else []
    rows += [f"{counted(lone, 'object')} without programs"] if lone else []
    text = f"{' and '.join(rows)} on {counted(len(matrix.usable), 'kernel')}: {counts[WORKS]:,} work"
    text += f", {counts[GUARDED]:,} work guarded, {counts[BREAKS]:,} break"
    text += f", loaded by {matrix.loader}" if matrix.loader != "libbpf" else ""
    if counts[BREAKS] != failures:
        text += f" ({failures:,} of them count)"
    if matrix.baseline is not None and matrix.improved():
        text += f"; {matrix.improved():,} that broke before now work"
    return text


# ---- Markdown ----------------------------------------------------------------------------------------------------


_SIGNS = {WORKS: "works", GUARDED: "works, guarded", BREAKS: "**breaks**"}


def markdown_lines(matrix: Matrix, failures: int) -> Iterator[str]:
    """A table and a list for a pull request."""
    yield f"**btfkit check**: {summary_line(matrix, failures)}"
    yield ""
    yield "| object | program | kernels | |"
    yield "|---|---|---|---|"
    said: set[str] = set()
    several = len({column.group for column in matrix.columns}) > 1
    for number, program in enumerate(matrix.programs):
        ranges = matrix.ranges(number)
        if {found.status for found in ranges} == {WORKS}:
            continue
        if program.object not in said:
            said.add(program.object)
            yield from _object_rows(matrix, program.object, several)
        for found in ranges:
            where = _series(found, several) + range_text(matrix, found)
            name = _code(program.name) + ("" if program.required else " (does not count)")
            yield f"| {_cell(program.object)} | {name} | {_cell(where)} | {_SIGNS[found.status]} |"
    clean = sum({found.status for found in matrix.ranges(n)} == {WORKS} for n in range(len(matrix.programs)))
    if clean:
        kernels = len(matrix.usable)
        where = f"all {kernels:,} kernels" if kernels > 1 else columns_text(matrix, matrix.usable)
        yield f"| | {counted(clean, 'other row' if matrix.without_programs else 'other program')} | {_cell(where)} | works |"
    entries = reasons(matrix, EFFECTS[:3])
    if entries:
        yield ""
        yield "<details><summary>why</summary>"
        for reason in entries:
            yield ""
            yield from _markdown_reason(matrix, reason)
        yield ""
        yield "</details>"


def _object_rows(matrix: Matrix, name: str, several: bool) -> Iterator[str]:
    """The rows of an object with several programs."""
    if sum(program.object == name for program in matrix.programs) > 1:
        for found in object_ranges(matrix, name):
            sign = _SIGNS.get(found.status) or _escaped(found.status)
            yield f"| {_cell(name)} | {WHOLE} | {_cell(_series(found, several) + range_text(matrix, found))} | {sign} |"


def _markdown_reason(matrix: Matrix, reason: Reason) -> Iterator[str]:
    first = reason.first
    obj = matrix.programs[reason.programs[0]].object
    where = columns_text(matrix, reason.columns)
    verb = "guarded" if first.effect == GUARDED else first.effect
    yield f"- {_code(f'{obj}: {names_text(matrix, reason.programs)}')} {verb} on {_escaped(where)}: {_escaped(first.detail)}"
    places = places_of(matrix, reason)
    for place in places[:PLACES]:
        source = f": {_code(place.source)}" if place.source else ""
        access = f", {_code(place.access)}" if place.access else ""
        yield f"  - {_escaped(place.where)}{access}{source}"
    if len(places) > PLACES:
        yield f"  - and {counted(len(places) - PLACES, 'more place')}"
    if first.unless:
        yield f"  - not reached if user space leaves {_code(first.unless)}"
    for sentence in hint_sentences(matrix, reason):
        yield f"  - hint: {_escaped(sentence)}"


def _code(text: str) -> str:
    """A code span that holds any text, also within a table."""
    text = printable(text).replace("|", "\\|")
    if "`" not in text:
        return f"`{text}`"
    return f"`` {text.replace('``', '` `')} ``"


def _escaped(text: str) -> str:
    """Text with everything escaped that Markdown or HTML would interpret."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~&" else c for c in printable(text))


def _cell(text: str) -> str:
    return _escaped(text)


# ---- JSON --------------------------------------------------------------------------------------------------------


def as_dict(matrix: Matrix, failures: list[tuple[int, int]]) -> dict[str, object]:
    """The matrix for programs: schema 1, described in docs/check.md."""
    return {
        "schema": SCHEMA,
        "loader": matrix.loader,
        "counts": matrix.counts,
        "objects": matrix.objects,
        "unread_objects": [{"source": path, "error": error} for path, error in matrix.unread],
        "kernels": [_kernel(column) for column in matrix.columns],
        "programs": [
            {
                "object": program.object,
                "program": program.name,
                "section": program.section,
                "optional": program.optional,
                "required": program.required,
                "ranges": [
                    {
                        "series": " ".join(filter(None, found.group)),
                        "first": matrix.columns[found.columns[0]].name,
                        "last": matrix.columns[found.columns[-1]].name,
                        "kernels": len(found.columns),
                        "status": found.status,
                    }
                    for found in matrix.ranges(number)
                ],
            }
            for number, program in enumerate(matrix.programs)
        ],
        **_object_verdicts(matrix),
        "verdicts": [_verdict(matrix, cell) for cell in matrix.verdicts],
        "matrix": matrix.cells,
        "hints": [
            {
                "object": obj,
                "access": access,
                "first": matrix.columns[hint.first].name if hint.first >= 0 else None,
                "last": matrix.columns[hint.last].name if hint.last >= 0 else None,
                "notes": [{"kernel": matrix.columns[column].name, "text": text} for column, text in hint.notes],
            }
            for (obj, access), hint in matrix.hints.items()
        ],
        "warnings": [{"object": obj, "text": text} for obj, text in matrix.warnings],
        "failures": [
            {
                "object": matrix.programs[program].object,
                "program": matrix.programs[program].name,
                "kernel": matrix.columns[column].name,
            }
            for program, column in failures
        ],
    }


def _object_verdicts(matrix: Matrix) -> dict[str, object]:
    verdicts, grid = object_grid(matrix)
    return {
        "object_verdicts": [
            {"status": each.status, "leave_out": {"programs": list(each.programs), "maps": list(each.maps)}}
            for each in verdicts
        ],
        "object_matrix": grid,
    }


def _kernel(column: Column) -> KernelObject:
    key = column.key
    found: KernelObject = {
        "name": column.name,
        "distro": key.distro,
        "release": key.release,
        "arch": key.arch,
        "uname": key.uname,
        "source": column.source,
    }
    if column.error:
        found["error"] = column.error
    if column.skipped:
        found["skipped_modules"] = column.skipped
    return found


def _verdict(matrix: Matrix, cell: Cell) -> VerdictObject:
    return {
        "program": cell.program,
        "status": cell.status,
        "findings": [_finding(matrix, cell, finding) for finding in cell.findings],
    }


def _finding(matrix: Matrix, cell: Cell, finding: ProgramFinding) -> FindingObject:
    found: FindingObject = {"effect": finding.effect, "reason": finding.reason, "detail": finding.detail}
    place = matrix.programs[cell.program].place_of(finding)
    if place is not None:
        if finding.relocation >= 0:
            found |= {"relocation": finding.relocation, "kind": place.kind, "access": place.access}
        found |= {
            "function": place.function,
            "section": place.section,
            "insn": place.insn,
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "source": place.source,
        }
    if finding.subject:
        found["subject"] = finding.subject
    if finding.unless:
        found["unless"] = finding.unless
    if finding.whole:
        found["whole"] = True
    if finding.map:
        found["map"] = finding.map
    return found


def load_baseline(path: str) -> dict[tuple[str, str, str], str]:
    """`read_baseline` of the JSON in a file.  Raises FormatError, OSError."""
    from json import loads

    from btfkit.errors import FormatError
    from btfkit.files.container import open_bytes

    try:
        return read_baseline(loads(bytes(open_bytes(path))))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a baseline: {str(error)[:200]}", source=path) from None


def read_baseline(data: Any) -> dict[tuple[str, str, str], str]:
    """{(object, program, kernel): status} of an earlier `as_dict`.  Raises ValueError if it is something else."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ValueError(f"expected a report of `btfkit check --json` with schema {SCHEMA}")
    try:
        names = [str(kernel["name"]) for kernel in data["kernels"]]
        statuses = [str(verdict["status"]) for verdict in data["verdicts"]]
        found = {}
        for program, row in zip(data["programs"], data["matrix"], strict=True):
            for name, number in zip(names, row, strict=True):
                if number is not None:
                    found[str(program["object"]), str(program["program"]), name] = statuses[number]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"the report is incomplete: {error!r}") from None
    if not set(statuses) <= set(STATUSES):
        raise ValueError("the report has unknown verdicts")
    return found
