"""Kernels x programs: the verdict on each program on each kernel, folded into ranges, and the failures among them.

The data of `btfkit check`, without reading or printing.  Verdicts are numbered, because most cells are equal: `Matrix.cells` has
a row for each program, with the number of a `Cell` for each kernel, or None if the kernel could not be read.
"""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from btfkit.fleet.keys import Key
    from btfkit.fleet.tree import Kernel
    from btfkit.programs.verdict import ProgramFinding, Verdict
    from btfkit.tables import Table

WORKS, GUARDED, BREAKS = "works", "works, guarded", "breaks"
MISREADS = "reads something else"
STATUSES = (WORKS, GUARDED, BREAKS)
LABELS = ("kernel", "distro", "release", "arch", "uname")  # columns of tables that say which kernel a row is about


class ReadSite:
    """Where in a program something is read: `function` and `insn` (number within it), `file`, `line`, `column` and
    `source` text ("" and 0 if unknown), the `access` in C, the relocation's `kind`.  An object as a whole has a `file` only."""

    __slots__ = ("access", "column", "file", "function", "insn", "kind", "line", "section", "source")

    def __init__(
        self,
        function: str,
        section: str,
        insn: int,
        access: str,
        kind: str,
        file: str = "",
        line: int = 0,
        column: int = 0,
        source: str = "",
    ) -> None:
        self.function = function
        self.section = section
        self.insn = insn
        self.access = access
        self.kind = kind
        self.file = file
        self.line = line
        self.column = column
        self.source = source

    @property
    def where(self) -> str:
        """ "opensnoop.bpf.c:31", the instruction if the source is unknown, or the file of an object as a whole."""
        if self.line:
            return f"{self.file}:{self.line}"
        place = self.function or self.section
        return f"{place}+{self.insn}" if place else self.file


class Program:
    """A row: the `object` and `name` of a program, the `section` with its attach target, whether it is `optional` (SEC("?..."):
    loaded only if user space asks for it) and `required` (it counts if it breaks).

    `places` are those of its object's relocations, by number; `start` is where it begins, `uses` where it uses an extern,
    by name."""

    __slots__ = ("name", "object", "optional", "places", "required", "section", "start", "uses")

    def __init__(
        self,
        obj: str,
        name: str,
        section: str,
        optional: bool,
        places: Mapping[int, ReadSite],
        start: ReadSite | None = None,
        uses: Mapping[str, ReadSite] | None = None,
    ) -> None:
        self.object = obj
        self.name = name
        self.section = section
        self.optional = optional
        self.places = places
        self.start = start
        self.uses = uses or {}
        self.required = not optional

    def place_of(self, finding: ProgramFinding) -> ReadSite | None:
        """The place in the source that causes a finding; None if unknown."""
        if finding.relocation >= 0:
            return self.places.get(finding.relocation)
        return self.uses.get(finding.subject, self.start)

    def __str__(self) -> str:
        return f"{self.object}: {self.name}"

    def matches(self, pattern: str) -> bool:
        """Whether `pattern` (a name, OBJECT:NAME, or a glob of either) matches it."""
        from fnmatch import fnmatchcase

        return fnmatchcase(self.name, pattern) or fnmatchcase(f"{self.object}:{self.name}", pattern)


class Column:
    """A kernel: its `key`, the `name` that stands for it in text, its `source`, the `error` if it could not be read, and
    `skipped`, an error for each of its modules that could not."""

    __slots__ = ("error", "key", "name", "skipped", "source", "version")

    def __init__(self, key: Key, name: str, source: str, error: str = "") -> None:
        from btfkit.fleet.keys import version_order

        self.key = key
        self.name = name
        self.source = source
        self.error = error
        self.skipped: list[str] = []
        self.version = version_order(key.uname)

    @property
    def labels(self) -> tuple[str, str, str, str, str]:
        """Its cells in a table (LABELS)."""
        return self.name, *self.key.parts

    @property
    def group(self) -> tuple[str, str]:
        """The series, a distribution and an architecture, in which kernels fold into ranges."""
        return self.key.distro, self.key.arch

    def matches(self, pattern: str) -> bool:
        """Whether the glob `pattern` matches it: its `uname -r`, its whole key, or its file."""
        from fnmatch import fnmatchcase

        return any(fnmatchcase(name, pattern) for name in (self.key.uname, str(self.key), self.name, self.source))


def columns_of(kernels: Sequence[Kernel]) -> list[Column]:
    """A column for each kernel, named by `uname -r`, or if that is ambiguous by key or file."""
    unames = [kernel.key.uname for kernel in kernels]
    full = [str(kernel.key) for kernel in kernels]
    names = (
        unames
        if len(set(unames)) == len(unames)
        else full
        if len(set(full)) == len(full)
        else [k.source for k in kernels]
    )
    return [Column(k.key, name, k.source) for k, name in zip(kernels, names, strict=True)]


class Cell:
    """A verdict that some program has on some kernels: `status` and `findings`, and the `arguments` that the program reads."""

    __slots__ = ("arguments", "findings", "program", "status")

    def __init__(self, program: int, verdict: Verdict) -> None:
        self.program = program
        self.status = verdict.status
        self.findings: tuple[ProgramFinding, ...] = verdict.findings
        self.arguments = verdict.arguments


class Range:
    """Kernels that follow each other in a series, as numbers of columns, with one `status`."""

    __slots__ = ("columns", "group", "status", "whole")

    def __init__(self, group: tuple[str, str], columns: list[int], status: str, whole: bool) -> None:
        self.group = group
        self.columns = columns
        self.status = status
        self.whole = whole


class Hint:
    """A hint about a missing read: the `first` and `last` kernel that has it (columns, -1: none), the `arches` of
    those that do, and `notes`, (column, sentence) each, of what exists instead."""

    __slots__ = ("arches", "first", "last", "notes")

    def __init__(self, first: int, last: int, arches: frozenset[str] = frozenset()) -> None:
        self.first = first
        self.last = last
        self.arches = arches
        self.notes: list[tuple[int, str]] = []


class Matrix(Tabular):
    """The result: `objects` (names), `programs`, `columns` (kernels), `cells`, and the `verdicts` that these number.

    `hints` are by (object, access).  `warnings` are about the objects (code that the linker dropped, ...), (object,
    sentence) each; `unread` are those that could not be read, (file, error) each."""

    def __init__(self, programs: Sequence[Program], columns: Sequence[Column], objects: Sequence[str]) -> None:
        self.objects = list(objects)
        self.programs = list(programs)
        self.columns = list(columns)
        self.cells: list[list[int | None]] = [[None] * len(columns) for _ in programs]
        self.verdicts: list[Cell] = []
        self.hints: dict[tuple[str, str], Hint] = {}
        self.warnings: list[tuple[str, str]] = []
        self.unread: list[tuple[str, str]] = []
        self.loader = "libbpf"  # whose rules answered
        self.baseline: Mapping[tuple[str, str, str], str] | None = None
        self.allowed: list[tuple[str, str]] = []
        self._numbers: dict[tuple[int, Verdict], int] = {}
        self._order: list[int] | None = None

    def __repr__(self) -> str:
        return f"<Matrix of {counted(len(self.programs), 'program')} on {counted(len(self.columns), 'kernel')}>"

    # ---- filling ---------------------------------------------------------------------------------------------------

    def put(self, column: int, verdicts: Iterable[Verdict]) -> None:
        """Store the verdicts of all programs on a kernel."""
        for program, verdict in enumerate(verdicts):
            self.cells[program][column] = self.number(program, verdict)

    def number(self, program: int, verdict: Verdict) -> int:
        """The number of a verdict on a program, until `settle`."""
        number = self._numbers.setdefault((program, verdict), len(self.verdicts))
        if number == len(self.verdicts):
            self.verdicts.append(Cell(program, verdict))
        return number

    def settle(self) -> None:
        """Number the verdicts by their first place, so that the result does not depend on the order of the work."""
        numbers: dict[int, int] = {}
        for row in self.cells:
            for column, number in enumerate(row):
                if number is not None:
                    row[column] = numbers.setdefault(number, len(numbers))
        self.verdicts = [self.verdicts[number] for number in numbers]
        self._numbers = {}

    # ---- asking ----------------------------------------------------------------------------------------------------

    def status(self, program: int, column: int) -> str | None:
        """The status of a cell, None if the kernel could not be read."""
        number = None if self.columns[column].error else self.cells[program][column]
        return None if number is None else self.verdicts[number].status

    def table(self) -> Table:
        """A row for each program on each kernel: `object`, `program`, `section`, the kernel (LABELS), `status` (None: the kernel
        could not be read, for `error`), and `reasons`, a sentence for each finding, joined by "; "."""
        return table_of(
            ("object", "program", "section", *LABELS, "status", "reasons", "error"),
            (
                (
                    *(program.object, program.name, program.section),
                    *column.labels,
                    self.status(row, number),
                    "; ".join(dict.fromkeys(finding.detail for finding in self.findings(row, number))),
                    column.error,
                )
                for row, program in enumerate(self.programs)
                for number, column in enumerate(self.columns)
            ),
        )

    def findings(self, program: int, column: int) -> tuple[ProgramFinding, ...]:
        """The findings of a cell."""
        number = None if self.columns[column].error else self.cells[program][column]
        return () if number is None else self.verdicts[number].findings

    @property
    def usable(self) -> list[int]:
        """The columns of kernels that were read."""
        return [number for number, column in enumerate(self.columns) if not column.error]

    @property
    def counts(self) -> dict[str, int]:
        """The number of cells of each status."""
        counts = dict.fromkeys(STATUSES, 0)
        for row in self.cells:
            for number in row:
                if number is not None:
                    counts[self.verdicts[number].status] += 1
        return counts

    @property
    def without_programs(self) -> int:
        """The number of rows that stand for an object without programs."""
        from btfkit.programs.code import NO_PROGRAM

        return sum(program.name == NO_PROGRAM.name for program in self.programs)

    @property
    def series(self) -> list[int]:
        """The columns, those of a series together and in the order of their versions."""
        if self._order is None:
            columns = self.columns
            self._order = sorted(range(len(columns)), key=lambda n: (columns[n].group, columns[n].version, n))
        return self._order

    def ranges(self, program: int, columns: Callable[[int], object] | None = None) -> list[Range]:
        """The kernels of a program, folded: in each series those with the same verdict that follow each other."""
        value = columns or (lambda column: self.status(program, column))
        sizes: dict[tuple[str, str], int] = {}
        for column in self.usable:
            sizes[self.columns[column].group] = sizes.get(self.columns[column].group, 0) + 1
        found: list[Range] = []
        last: object = None
        for column in self.series:
            if self.columns[column].error:
                continue
            group, now = self.columns[column].group, value(column)
            if found and found[-1].group == group and now == last:
                found[-1].columns.append(column)
            else:
                found.append(Range(group, [column], str(now), False))
            last = now
        for one in found:
            one.whole = len(one.columns) == sizes[one.group]
        return found

    def missing(self) -> dict[tuple[str, str], list[bool]]:
        """For each (object, access) that some finding is about: whether it has no answer, for each column."""
        absent: dict[tuple[str, str], set[int]] = {}
        for number, cell in enumerate(self.verdicts):
            for finding in cell.findings:
                key = self.programs[cell.program].object, self.access(cell, finding)
                absent.setdefault(key, set()).add(number)
        columns: dict[str, list[set[int | None]]] = {}  # by object: the verdicts of its programs on each kernel
        for row, program in zip(self.cells, self.programs, strict=True):
            sets = columns.setdefault(program.object, [set() for _ in row])
            for verdicts, verdict in zip(sets, row, strict=True):
                verdicts.add(verdict)
        return {
            key: [not numbers.isdisjoint(verdicts) for verdicts in columns[key[0]]] for key, numbers in absent.items()
        }

    def access(self, cell: Cell, finding: ProgramFinding) -> str:
        """The access that a finding is about, in C; "" if it is about something else."""
        place = self.programs[cell.program].place_of(finding)
        return place.access if place is not None else ""

    @property
    def ranks(self) -> list[int]:
        """For each column, its place in the order of all versions, whatever the series."""
        order = sorted(range(len(self.columns)), key=lambda n: (self.columns[n].version, n))
        ranks = [0] * len(order)
        for rank, column in enumerate(order):
            ranks[column] = rank
        return ranks

    @property
    def object_numbers(self) -> dict[str, int]:
        """The number of each object, by its name."""
        return {name: number for number, name in enumerate(self.objects)}

    # ---- what counts -----------------------------------------------------------------------------------------------

    def require(self, patterns: Sequence[str]) -> list[str]:
        """Make only programs that match one of `patterns` required; returns the patterns that match none."""
        if patterns:
            for program in self.programs:
                program.required = any(program.matches(pattern) for pattern in patterns)
        return [pattern for pattern in patterns if not any(p.matches(pattern) for p in self.programs)]

    def failures(self) -> Iterator[tuple[int, int]]:
        """(program, column) of every cell that counts: a required program breaks, without an exception, and did not break in the
        baseline."""
        for number, program in enumerate(self.programs):
            if not program.required:
                continue
            for column in self.series:
                if self.status(number, column) == BREAKS and not self._excused(program, self.columns[column]):
                    yield number, column

    def _excused(self, program: Program, column: Column) -> bool:
        if any(program.matches(which) and column.matches(where) for which, where in self.allowed):
            return True
        return self.baseline is not None and self.baseline.get((program.object, program.name, column.name)) == BREAKS

    def improved(self) -> int:
        """The number of cells that broke in the baseline and no longer do."""
        if self.baseline is None:
            return 0
        names = [column.name for column in self.columns]
        return sum(
            self.baseline.get((program.object, program.name, names[column])) == BREAKS
            and self.status(number, column) not in (BREAKS, None)
            for number, program in enumerate(self.programs)
            for column in range(len(names))
        )


def range_text(matrix: Matrix, found: Range) -> str:
    """ "5.10.0-32-amd64 ... 6.1.0-47-amd64", with the series in front where there are several."""
    first, last = matrix.columns[found.columns[0]], matrix.columns[found.columns[-1]]
    text = first.name if len(found.columns) == 1 else f"{first.name} ... {last.name}"
    return printable(text)


def columns_text(matrix: Matrix, columns: Sequence[int]) -> str:
    """Kernels as text: ranges of those that follow each other in their series, or "all N kernels"."""
    wanted = frozenset(columns)
    if len(wanted) == len(matrix.usable) > 1:
        return f"all {len(wanted)} kernels"
    runs = [r for r in matrix.ranges(0, lambda column: column in wanted) if r.columns[0] in wanted]
    shown = [range_text(matrix, run) for run in runs[:6]]
    rest = sum(len(run.columns) for run in runs[6:])
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
