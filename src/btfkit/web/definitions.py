"""A definition on all kernels of an atlas, out of its tables: which kernels have it, what changed, and where each member lies.

All kernels with equal records share a `State`, so the work grows with the number of different definitions, not of kernels.
"""

from __future__ import annotations

from bisect import bisect_left

from btfkit.btf import spec
from btfkit.errors import NotFoundError, printable, some_of
from btfkit.fleet.history_atlas import Validity, member_state
from btfkit.fleet.history_values import KINDS, MEMBER, History, State
from btfkit.show.identity import CLASSES, ENUM, FLOAT, FUNC, INT, STRUCT, TYPEDEF, UNION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.fleet.history_atlas import AtlasNames, Row
    from btfkit.fleet.history_values import Part
    from btfkit.web.catalog import Reader

NUMBERS = {
    kind: tuple(number for number, name in CLASSES.items() if name == kind) for kind in dict.fromkeys(CLASSES.values())
}
COMPOSITES = (STRUCT, UNION)
WITH_MEMBERS = (*COMPOSITES, ENUM)
ABSENT = State(absent="nothing has this name")
KEPT_WHOLE = State(absent="not in the tables, because the atlas keeps this BTF whole")


class Definition:
    """The definitions of one `kind` (such as "struct") and `name` in the vmlinux of each kernel, or, if it has none, in modules.

    Raises NotFoundError if no kernel has one.
    """

    def __init__(self, reader: Reader, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.kernels = reader.kernels
        entries = self.kernels.entries
        self.rows: list[tuple[Row, ...]] = [()] * len(entries)  # by kernel: those of vmlinux, or of the first module
        self.modules: list[tuple[str, ...]] = [()] * len(entries)  # by kernel: the modules that have it
        positions = [entry.pos for entry in entries]
        for row in reader.names.rows(name):
            if row.kind in NUMBERS[kind]:
                for number in range(bisect_left(positions, row.lo), bisect_left(positions, row.hi)):
                    self.rows[number] += (row,)
        different = [1] * len(entries)
        if any(entry.modules and not rows for entry, rows in zip(entries, self.rows, strict=True)):
            self._add_modules(reader.names, different)
        self.having = [number for number in range(len(entries)) if self.rows[number]]
        if not self.having:
            raise NotFoundError(f"no kernel has a {kind} called {printable(name[:200])!r}")
        known: dict[tuple[object, ...], State] = {}
        self._states = [self._state(reader.names, number, different[number], known) for number in range(len(entries))]

    def _add_modules(self, names: AtlasNames, different: list[int]) -> None:
        """Take kernels whose vmlinux lacks it from their modules."""
        for number, entry in enumerate(self.kernels.entries):
            if entry.modules and not self.rows[number]:
                found = names.in_modules(self.name, entry.pos, NUMBERS[self.kind])
                if found:
                    self.modules[number] = tuple(found)
                    self.rows[number] = tuple(next(iter(found.values())))
                    different[number] = len({row.number for rows in found.values() for row in rows})

    @property
    def versions(self) -> int:
        """How many different definitions there are; the atlas may have stored equal ones twice."""
        different = {id(state): state for state in self._states if state}
        return len(set(different.values()))

    @property
    def newest(self) -> int:
        """The kernel of the newest version that has it."""
        return next(number for number in self.kernels.newest if self.rows[number])

    def state(self, number: int) -> State:
        """What a kernel has."""
        return self._states[number]

    def _state(self, names: AtlasNames, number: int, different: int, known: dict[tuple[object, ...], State]) -> State:
        rows = self.rows[number]
        if not rows:
            return KEPT_WHOLE if number in self.kernels.whole else ABSENT
        pos = self.kernels.entries[number].pos
        size = rows[0].size
        if self.kind == TYPEDEF:
            size = names.size_of(rows[0].type, None, rows[0].module, Validity(pos))
        kfunc = self.kind == FUNC and self._is_kfunc(names, number, pos)
        module = some_of(self.modules[number])
        key: tuple[object, ...] = (size, kfunc, module, different, *(row.number for row in rows))
        found = known.get(key)
        if found is None:
            parts = names.parts(rows[0], pos) if self.kind in WITH_MEMBERS else ()
            made = State(rows[0].type, size=-1 if size is None else size, parts=parts, kfunc=kfunc, module=module)
            count = max(different, len({row.number for row in rows}))
            found = known[key] = made._replace(definitions=count)
        return found

    def _is_kfunc(self, names: AtlasNames, number: int, pos: int) -> bool:
        tags = (spec.DECL_TAG,)
        if not self.modules[number]:
            return bool(names.at(self.name, pos, tags))
        return self.modules[number][0] in names.in_modules(self.name, pos, tags)

    def history(self) -> History:
        """Its time line, in ranges."""
        kind = TYPEDEF if self.kind in (INT, FLOAT) else self.kind
        assert kind in KINDS
        columns = self.kernels.columns
        return History(self.name, columns, [{kind: self.state(number)} for number in range(len(columns))])

    def member_history(self, names: AtlasNames, member: str) -> History:
        """The time line of a member of a struct or union.  Raises NotFoundError if no kernel has it."""
        known: dict[int, State] = {}
        for number in self.having:
            state = self._states[number]
            if id(state) not in known:
                pos = self.kernels.entries[number].pos
                made = member_state(names, self.rows[number][0], self.name, member, pos)
                known[id(state)] = made._replace(module=state.module, definitions=state.definitions)
        states = [{MEMBER: known.get(id(state), state)} for state in self._states]
        found = History(f"{self.name}.{member}", self.kernels.columns, states)
        if not found:
            raise NotFoundError(
                f"no kernel has a member {printable(member[:200])!r} in {self.kind} {printable(self.name)}"
            )
        return found


class Run:
    """Kernels that follow each other in the order of series, `first` to `last`, with one place of a member, and that."""

    __slots__ = ("first", "last", "part")

    def __init__(self, first: int, last: int, part: Part) -> None:
        self.first = first
        self.last = last
        self.part = part


class Timeline:
    """The time line of one member or enumerator: `runs` of kernels in the order of series."""

    __slots__ = ("name", "runs")

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs: list[Run] = []

    def at(self, place: int) -> Part | None:
        """What the kernel at a place in the order of series has."""
        return next((run.part for run in self.runs if run.first <= place <= run.last), None)

    @property
    def kernels(self) -> int:
        """How many kernels have it."""
        return sum(run.last - run.first + 1 for run in self.runs)

    @property
    def places(self) -> int:
        """At how many offsets it is, or how many values it has."""
        return len({run.part.offset for run in self.runs})

    @property
    def types(self) -> list[str]:
        """Its types, in the order of kernels."""
        return list(dict.fromkeys(run.part.type for run in self.runs))


def timelines(found: Definition, chosen: int) -> list[Timeline]:
    """The time line of each member: those that the kernel `chosen` has in their order, then the others, as they appear."""
    lines: dict[str, Timeline] = {part.name: Timeline(part.name) for part in found.state(chosen).parts if part.name}
    series_of = {column: number for number, one in enumerate(found.kernels.series) for column in one.columns}
    for first, last, state in _spans(found, series_of):
        seen: set[str] = set()
        for part in state.parts:
            if part.name and part.name not in seen:
                seen.add(part.name)
                lines.setdefault(part.name, Timeline(part.name)).runs.append(Run(first, last, part))
    order = found.kernels.order
    for line in lines.values():
        line.runs = list(_joined(line.runs, order, series_of))
    return [line for line in lines.values() if line.runs]


def _joined(runs: list[Run], order: list[int], series_of: dict[int, int]) -> Iterator[Run]:
    """The runs, those joined that follow each other in one series at one place."""
    before: Run | None = None
    for run in runs:
        if (
            before is not None
            and before.last + 1 == run.first
            and series_of[order[before.last]] == series_of[order[run.first]]
            and _place(before.part) == _place(run.part)
        ):
            before.last = run.last
        else:
            if before is not None:
                yield before
            before = run
    if before is not None:
        yield before


def _place(part: Part) -> tuple[Any, ...]:
    return part.offset, part.bits, part.type


def _spans(found: Definition, series_of: dict[int, int]) -> Iterator[tuple[int, int, State]]:
    """(first, last, state) of kernels in the order of series that follow each other and have equal definitions."""
    order = found.kernels.order
    first = 0
    for at in range(1, len(order) + 1):
        if (
            at < len(order)
            and series_of[order[at]] == series_of[order[first]]
            and found.state(order[at]) is found.state(order[first])
        ):
            continue
        state = found.state(order[first])
        if state:
            yield first, at - 1, state
        first = at
