"""The offsets of members on many kernels: a row for each question, a cell for each kernel.

    table = kernel_offsets(["task_struct.pid", "task_struct.__state,task_struct.state"], ["btfhub-archive/"])
    for question, row in zip(table.questions, table.cells):
        print(question.label, [cell.offset if cell else None for cell in row])

A question is a path, or several with commas between them: the first that exists on a kernel answers.  Each kernel is a job of
its own (`work/jobs.py`), which reads its vmlinux, and its modules for the types that vmlinux does not have.  A source of kernels
is a `Tree`; one that can answer by itself fills an `OffsetTable` through `put`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.errors import (
    AmbiguousError,
    BtfError,
    NotFoundError,
    UnsupportedError,
    counted,
    error_text,
    printable,
    refuse_text,
)
from btfkit.fleet.matrix import LABELS, columns_of
from btfkit.fleet.owners import bare_name, modules_naming
from btfkit.show.offset import Offsets, parsed
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from btfkit.btf.btf import Btf
    from btfkit.fleet.matrix import Column
    from btfkit.fleet.tree import Kernel, Tree
    from btfkit.tables import Table

    Observe = Callable[[int, int], None]

_ROOTS = (*spec.COMPOSITES, spec.TYPEDEF)


class Question(NamedTuple):
    """A row: the `paths` of which the first that exists answers."""

    paths: tuple[str, ...]

    @property
    def label(self) -> str:
        """The first path, which names the row."""
        return self.paths[0]

    def __str__(self) -> str:
        return ",".join(self.paths)


class Cell(NamedTuple):
    """The answer of one kernel: the member at path number `alternative` of the question (-1: none of them exists, for `reason`).

    `offset` and `size` are in bytes (-1: unknown); a bitfield has `bits` bits (0: not a bitfield) from bit `bit` of the byte at
    `offset` on.  `type` is in C, `module` the module that has the type ("": vmlinux).
    """

    alternative: int
    offset: int = -1
    size: int = -1
    bit: int = 0
    bits: int = 0
    type: str = ""
    module: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return self.alternative >= 0

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """What a program needs: cells with one place are one range."""
        return self.alternative, self.offset, self.size, self.bit, self.bits


class OffsetTable(Tabular):
    """The answers: `cells[row][column]` for `questions` and `columns` (kernels, sorted), None for a kernel that was not read."""

    def __init__(self, questions: Sequence[Question], columns: Sequence[Column]) -> None:
        self.questions = list(questions)
        self.columns = list(columns)
        self.cells: list[list[Cell | None]] = [[None] * len(self.columns) for _ in self.questions]

    def __repr__(self) -> str:
        return f"<OffsetTable of {counted(len(self.questions), 'path')} on {counted(len(self.columns), 'kernel')}>"

    def table(self) -> Table:
        """A row for each question on each kernel.

        `path` (the first of the question), the kernel (LABELS), `answer` (the path that exists), `offset`, `size`, `bit`, `bits`,
        `type` and `module` of `Cell`, and `absent`, the reason if there is no answer.
        """
        names = ("path", *LABELS, "answer", "offset", "size", "bit", "bits", "type", "module", "absent")
        return table_of(
            names,
            (
                (question.label, *column.labels, *_row(question, cell, column.error))
                for question, row in zip(self.questions, self.cells, strict=True)
                for column, cell in zip(self.columns, row, strict=True)
            ),
        )

    def put(self, column: int, cells: Sequence[Cell]) -> None:
        """Store the answers of a kernel to all questions."""
        for row, cell in zip(self.cells, cells, strict=True):
            row[column] = cell

    @property
    def usable(self) -> list[int]:
        """The columns of kernels that were read."""
        return [number for number, column in enumerate(self.columns) if not column.error]

    @property
    def missing_everywhere(self) -> list[Question]:
        """The questions that no kernel answers."""
        return [question for question, row in zip(self.questions, self.cells, strict=True) if not any(row)]

    def reason(self, question: Question) -> str:
        """Why the last kernel that was read does not answer; "" if it does."""
        cells = [cell for cell in self.cells[self.questions.index(question)] if cell is not None]
        return cells[-1].reason if cells else ""


def _row(question: Question, cell: Cell | None, error: str) -> tuple[object, ...]:
    """What a table says about a cell, after the path and the kernel."""
    if cell is None or not cell:
        return None, None, None, None, None, "", "", error if cell is None else cell.reason
    size = None if cell.size < 0 else cell.size
    return question.paths[cell.alternative], cell.offset, size, cell.bit, cell.bits, cell.type, cell.module, ""


def parse_question(text: str) -> Question:
    """A question out of "PATH" or "PATH,PATH"; raises UnsupportedError if a path is malformed."""
    paths = tuple(part.strip() for part in text.split(","))
    for path in paths:
        if not path:
            raise UnsupportedError(f"{printable(text)!r}: a path is missing beside a comma")
        parsed(path)
    return Question(paths)


def kernel_offsets(
    paths: Iterable[str],
    kernels: Iterable[str | os.PathLike[str]] | Tree,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
) -> OffsetTable:
    """The places of members on each of `kernels`, by the rules of `offset`.

    `paths` are questions: "task_struct.pid", or alternatives with commas.  `kernels` are BTF files, kernel images, directories,
    trees in BTFHub's layout and bundles, or a result of `find_kernels`.  A kernel that cannot be read is a column with
    an error; a module that cannot is skipped (`Column.skipped`).  `observe(done, total)` is called for each kernel.  Raises
    UnsupportedError for a malformed path, NotFoundError if there are no kernels.
    """
    from btfkit.fleet.tree import Tree, find_kernels
    from btfkit.work import jobs

    refuse_text(paths=paths, kernels=kernels)
    questions = [parse_question(path) for path in paths]
    tree = kernels if isinstance(kernels, Tree) else find_kernels(os.fspath(path) for path in kernels)
    tree.demand_kernels()
    table = OffsetTable(questions, columns_of(tree.kernels))
    rest = _from_tables(table, tree.kernels)
    done, total = len(tree.kernels) - len(rest), len(tree.kernels)
    if done and observe is not None:
        observe(done, total)
    unanswered = [tree.kernels[number] for number in rest]
    counting = (lambda count, _: observe(done + count, total)) if observe is not None else None
    for ended in jobs.run(OffsetWork(questions), unanswered, executor=executor, workers=workers, observe=counting):
        column = table.columns[rest[ended.number]]
        if ended.error is not None:
            column.error = error_text(ended.error, column.source)
        else:
            cells, column.skipped = ended.value
            table.put(rest[ended.number], cells)
    return table


def _from_tables(table: OffsetTable, kernels: Sequence[Kernel]) -> list[int]:
    """Store the answers that the tables of atlases have; returns the numbers of the kernels that have to be read."""
    from btfkit.atlas.schema import is_atlas

    if not any(map(is_atlas, {kernel.store.root for kernel in kernels})):
        return list(range(len(kernels)))
    from btfkit.fleet.offsets_atlas import Entries

    entries = Entries()
    rest: list[int] = []
    for number, kernel in enumerate(kernels):
        cells: list[Cell] = []
        for question in table.questions:
            found = entries.answer(kernel, question.paths)
            if found is None:
                rest.append(number)
                break
            alternative, states = found
            state = states[-1]
            if alternative < 0:
                cells.append(Cell(-1, reason="; ".join(dict.fromkeys(one.absent for one in states))))
            else:
                cells.append(Cell(alternative, state.offset, state.size, state.bit, state.bits, state.text))
        else:
            table.put(number, cells)
    return rest


class OffsetWork:
    """The work on a kernel (`work.job.Work`): answer all questions."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = list(questions)

    def prepare(self) -> None:
        """Nothing is shared."""

    def run(self, state: None, job: Kernel) -> tuple[list[Cell], list[str]]:
        """A cell for each question, and an error for each module that was skipped."""
        skipped: list[str] = []
        vmlinux = job.load_vmlinux()
        cells = answers(vmlinux, self.questions)
        absent = {
            parsed(path)[0]: None
            for question, cell in zip(self.questions, cells, strict=True)
            if not cell
            for path in question.paths
        }
        if absent and job.has_modules:
            names = [name for name in absent if not Offsets(vmlinux).roots(name)]
            modules = modules_naming(
                job,
                vmlinux,
                [bare_name(name) for name in names],
                lambda error: skipped.append(error_text(error)),
                _ROOTS,
            )
            _ask_modules(self.questions, cells, modules)
        return cells, skipped


def answers(btf: Btf, questions: Sequence[Question], module: str = "") -> list[Cell]:
    """The answers of one BTF."""
    finder = Offsets(btf, suggests=False)
    return [_answer(finder, question, module) for question in questions]


def _answer(finder: Offsets, question: Question, module: str) -> Cell:
    reasons: list[str] = []
    for number, path in enumerate(question.paths):
        try:
            place = finder.find(path)
        except (NotFoundError, UnsupportedError, AmbiguousError) as error:
            reasons.append(error.message)
            continue
        except BtfError as error:  # damaged
            return Cell(-1, reason=error.message)
        size = -1 if place.size is None else place.size
        return Cell(number, place.offset, size, place.bit_offset % 8, place.bits, place.text, module)
    return Cell(-1, reason="; ".join(dict.fromkeys(reasons)))


def _ask_modules(questions: Sequence[Question], cells: list[Cell], modules: Sequence[tuple[str, Btf]]) -> None:
    """Replace the cells of absent members by the answers of modules, if these agree."""
    found: list[list[Cell]] = [[] for _ in questions]
    for name, btf in modules:
        for number, cell in enumerate(answers(btf, questions, name)):
            if cell and not cells[number]:
                found[number].append(cell)
    for number, some in enumerate(found):
        if len({cell.place for cell in some}) > 1:
            places = ", ".join(f"{cell.module}: {cell.offset}" for cell in some[:8])
            cells[number] = Cell(-1, reason=f"{len(some)} modules disagree ({places})")
        elif some:
            cells[number] = some[0]
