"""The history of a name as values: what each kernel has (`State`), folded into ranges (`Span`), with what changed.

A source that knows the states makes a `History` out of them: `history` reads them from kernels.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.errors import printable
from btfkit.fleet.history_changes import add_changes
from btfkit.fleet.matrix import LABELS
from btfkit.fleet.series import series_of
from btfkit.show.identity import ENUM, FUNC, STRUCT, TYPEDEF, UNION, VAR
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.fleet.matrix import Column
    from btfkit.fleet.series import Series
    from btfkit.tables import Table

MEMBER = "member"
KINDS = (MEMBER, STRUCT, UNION, ENUM, TYPEDEF, FUNC, VAR)


class Part(NamedTuple):
    """A member of a struct (`offset` and `size` in bits, `bits` of a bitfield or 0, `type` in C), or an enumerator, whose value
    is its `offset`."""

    name: str
    offset: int
    size: int
    bits: int
    type: str


class State(NamedTuple):
    """What a kernel has under a name, or why it has nothing (`absent`).

    `text` is the type of a member or typedef, the declaration of a function or variable.  A member has a place: `offset` and
    `size` in bytes (-1: none), `bit` and `bits` of a bitfield.  `parts` are the members or enumerators of a type; of a member
    those of `holder`, the struct that has it or should have it, of `holder_size` bytes.  `elsewhere` is a guess where an absent
    member is.  `module` has it ("": vmlinux).  So many `definitions` of the name differ; the first is described.
    """

    text: str = ""
    offset: int = -1
    size: int = -1
    bit: int = 0
    bits: int = 0
    parts: tuple[Part, ...] = ()
    holder: str = ""
    holder_size: int = -1
    module: str = ""
    kfunc: bool = False
    definitions: int = 1
    absent: str = ""
    elsewhere: str = ""

    def __bool__(self) -> bool:
        return not self.absent


def first_state(states: list[State]) -> State:
    """The first of several states of one name, with the number of those that differ."""
    different = dict.fromkeys(states)
    return next(iter(different))._replace(definitions=len(different))


def without_place(state: State) -> State:
    """The state without the modules that have it."""
    return state._replace(module="", definitions=1)


class Span:
    """Kernels of a `series` that follow each other (`columns`) with one `state`, and how it differs from that of the span before:
    `changes`, and `guesses`, which BTF cannot prove."""

    __slots__ = ("changes", "columns", "guesses", "series", "state")

    def __init__(self, series: Series, columns: list[int], state: State) -> None:
        self.series = series
        self.columns = columns
        self.state = state
        self.changes: list[str] = []
        self.guesses: list[str] = []


class Line:
    """The time line of a `name` of one `kind` (KINDS): `states` by column (None: the kernel was not read), and its `spans`,
    series by series."""

    __slots__ = ("kind", "name", "spans", "states")

    def __init__(self, name: str, kind: str, states: list[State | None]) -> None:
        self.name = name
        self.kind = kind
        self.states = states
        self.spans: list[Span] = []

    def key(self, column: int) -> object:
        """What the kernels of a span have in common: of a member its place and type, of a type its members too."""
        state = self.states[column]
        if state is None or not state:
            return False, state.absent if state is not None else ""
        if self.kind == MEMBER:
            return state.text, state.offset, state.size, state.bit, state.bits, state.module, state.definitions
        return state

    def __repr__(self) -> str:
        return f"<Line of a {self.kind}: {len(self.spans)} spans>"


class History(Tabular):
    """The history of `name`: `columns` (kernels), and a `Line` for each kind of thing that has the name on some kernel."""

    __slots__ = ("columns", "hint", "lines", "name")

    def __init__(self, name: str, columns: Sequence[Column], states: Sequence[dict[str, State] | None]) -> None:
        """`states` has what each kernel has, by kind; None for a kernel that was not read."""
        self.name = name
        self.hint = ""  # what the newest kernel has, if no kernel has the name
        self.columns = list(columns)
        self.lines: list[Line] = []
        found = {kind for one in states for kind, state in (one or {}).items() if state}
        kinds = [kind for kind in KINDS if kind in found] or ([MEMBER] if is_member(name) else [])
        nothing = State(absent="nothing has this name")
        for kind in kinds:
            line = Line(name, kind, [None if one is None else one.get(kind, nothing) for one in states])
            for series in series_of(self.columns, self.usable):
                for run in series.runs(line.key):
                    state = line.states[run[0]]
                    assert state is not None
                    line.spans.append(Span(series, run, state))
            add_changes(line)
            self.lines.append(line)

    def __repr__(self) -> str:
        return f"<History of {printable(self.name)} on {len(self.columns)} kernels>"

    def __bool__(self) -> bool:
        """Whether some kernel has it."""
        return any(span.state for line in self.lines for span in line.spans)

    def table(self) -> Table:
        """A row for each kernel that was read, series by series and by version: `name`, `kind`, the kernel (LABELS), `text`,
        `offset`, `size`, `bit`, `bits`, `module` and `absent` of `State`, and what is different from the kernel before:
        `changes` and `guesses`, each joined by "; "."""
        names = ("offset", "size", "bit", "bits", "module", "absent", "changes", "guesses")
        return table_of(("name", "kind", *LABELS, "text", *names), self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for line in self.lines:
            for span in line.spans:
                for number, column in enumerate(span.columns):
                    state = line.states[column]
                    assert state is not None
                    news = (span.changes, span.guesses) if number == 0 else ((), ())
                    yield (
                        *(line.name, line.kind, *self.columns[column].labels, state.text),
                        *(None if value < 0 else value for value in (state.offset, state.size)),
                        *(state.bit, state.bits, state.module, state.absent, *map("; ".join, news)),
                    )

    @property
    def usable(self) -> list[int]:
        """The columns of kernels that were read."""
        return [number for number, column in enumerate(self.columns) if not column.error]


def is_member(name: str) -> bool:
    """Whether a name is a path to a member, not a type or function."""
    return "." in name or "[" in name


def spans_by_series(line: Line) -> Iterator[tuple[Series, list[Span]]]:
    """The spans of each series."""
    found: dict[int, tuple[Series, list[Span]]] = {}
    for span in line.spans:
        found.setdefault(id(span.series), (span.series, []))[1].append(span)
    yield from found.values()
