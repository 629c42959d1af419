"""Hints about a read that some kernels do not have: which kernels have it, and what other kernels have instead.

For each access that is missing on some kernels, the series of kernels (one distribution, one architecture, by version) show the
first and the last that has it.  Where it appears or disappears, the kernels on both sides are compared: a member in the same
place, with the same type or between the same neighbors, is probably the same under another name; a member of that name one
struct further has probably moved there.  These are guesses, and are labeled as such.
"""

from __future__ import annotations

import bisect
import itertools

from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.btf.name_search import NameSearch, names_of_kind
from btfkit.btf.spec import text
from btfkit.btf.spelling import Spelling, spelled
from btfkit.co_re.access import Spec, SpecError
from btfkit.co_re.kinds import ENUMVAL, FIELD, KINDS
from btfkit.co_re.match import Mismatch, enumerator_names, field
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError
from btfkit.fleet.likeness import ENOUGH, Row, likeness, link, marks
from btfkit.fleet.matrix import Hint
from btfkit.programs.attachments import attachment
from btfkit.programs.code import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.match import ElementsByName
    from btfkit.co_re.target import Target
    from btfkit.fleet.check import Work
    from btfkit.fleet.matrix import Matrix
    from btfkit.fleet.tree import Kernel
    from btfkit.programs.checks import Checks

    Question = tuple[int, int, str, int]  # the number of an object, of a relocation; or -1, a name and its kind

MAX_PAIRS = 24  # pairs of kernels that are compared
MAX_NAMES = 50_000  # names and members that are compared for the guesses about a pair of kernels
SHARE = 16  # of so many names of types, one is compared: one of similar length and with the same first or last letters
MAX_RUNS = 4  # changes of one access that are compared
NO_NAME = frozenset(("no-attach-target", "no-extern", "not-in-btf"))  # reasons of findings about a name
NO_READ = frozenset(
    ("no-member", "no-type", "kind-differs", "no-enumerator", "not-array", "not-composite", "out-of-range")
)


_PREFIXES = ("btf_trace_", "bpf_lsm_", "bpf_iter_")


def add_hints(
    matrix: Matrix,
    kernels: Sequence[Kernel],
    work: Work,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> None:
    """Add hints to the matrix for each access that is missing somewhere."""
    from btfkit.work import jobs

    wanted = _questions(matrix)
    pairs: dict[tuple[int, int], list[tuple[str, str, Question]]] = {}
    absent = matrix.missing()
    ranks = matrix.ranks
    for (obj, access), question in wanted.items():
        missing = absent[obj, access]
        has = [column for column in matrix.series if not matrix.columns[column].error and not missing[column]]
        by_version = sorted(has, key=lambda column: (matrix.columns[column].version, column))
        arches = frozenset(matrix.columns[column].key.arch for column in has)
        hint = Hint(by_version[0], by_version[-1], arches) if by_version else Hint(-1, -1)
        matrix.hints[obj, access] = hint
        for bad, good in itertools.islice(_changes(matrix, ranks, missing, has), MAX_RUNS):
            if (bad, good) in pairs or len(pairs) < MAX_PAIRS:
                pairs.setdefault((bad, good), []).append((obj, access, question))
    order = sorted(pairs)
    sent = [
        (kernels[bad], kernels[good] if good >= 0 else None, [question for _, _, question in pairs[bad, good]])
        for bad, good in order
    ]
    if not sent:
        return
    looks = Look(work)
    ended = jobs.run(looks, sent, executor=executor, workers=workers, observe=observe)
    for job in sorted(ended, key=lambda job: job.number):  # jobs end in any order
        if job.error is not None:
            continue  # no hint; the kernel itself was read before
        bad, good = order[job.number]
        for (obj, access, _), sentence in zip(pairs[bad, good], job.value, strict=True):
            if sentence:
                matrix.hints[obj, access].notes.append((bad, sentence))
    for hint in matrix.hints.values():
        hint.notes = _merged(hint.notes)


def _questions(matrix: Matrix) -> dict[tuple[str, str], Question]:
    """(object, relocation) for each (object's name, access) of a finding."""
    numbers = matrix.object_numbers
    found: dict[tuple[str, str], Question] = {}
    for cell in matrix.verdicts:
        program = matrix.programs[cell.program]
        for finding in cell.findings:
            key = program.object, matrix.access(cell, finding)
            if finding.relocation >= 0 and finding.reason in NO_READ:
                found.setdefault(key, (numbers[program.object], finding.relocation, "", 0))
            elif finding.relocation < 0 and finding.reason in NO_NAME:
                name, kind = _sought(finding.subject)
                if name:
                    found.setdefault(key, (numbers[program.object], -1, name, kind))
    return found


def _sought(subject: str) -> tuple[str, int]:
    """(name, kind) of what a kernel lacks to attach a program of a section or to call an extern; ("", 0) if unknown."""
    if "/" not in subject:
        return subject, spec.FUNC
    wanted = attachment(Function("", subject, 0, []))
    return (wanted.names[0], wanted.type_kind) if wanted is not None and len(wanted.names) == 1 else ("", 0)


def _changes(matrix: Matrix, ranks: list[int], missing: list[bool], has: list[int]) -> Iterator[tuple[int, int]]:
    """(kernel without, nearest kernel with or -1) for each run of kernels without, the runs of all series in turn."""
    runs: list[list[int]] = []
    last: tuple[object, bool] | None = None
    for column in matrix.series:
        if matrix.columns[column].error:
            continue
        now = matrix.columns[column].group, missing[column]
        if missing[column]:
            if now == last:
                runs[-1].append(column)
            else:
                runs.append([column])
        last = now
    seen: set[tuple[Any, ...]] = set()
    place = {column: number for number, column in enumerate(has)}
    by_arch: dict[object, list[tuple[int, int]]] = {}  # (rank, column) of those with it, in the order of versions
    for column in has:
        by_arch.setdefault(matrix.columns[column].key.arch, []).append((ranks[column], column))
    for same_arch in by_arch.values():
        same_arch.sort()
    for run in runs:
        same_arch = by_arch.get(matrix.columns[run[0]].key.arch, [])
        if has and not same_arch:
            continue  # another architecture is not a later version
        near = sorted(_neighbours(same_arch, (ranks[run[0]], ranks[run[-1]])), key=place.__getitem__)
        good = min(near, key=lambda column: _distance(matrix, ranks, run, column), default=-1)
        bad = run[0]
        if good < 0 or matrix.columns[good].version > matrix.columns[run[-1]].version:
            bad = run[-1]  # the nearest to the one that has it, or the newest
        key = (matrix.columns[bad].version[:4], matrix.columns[good].version[:4] if good >= 0 else None)
        if key not in seen:  # the same change in another series
            seen.add(key)
            yield bad, good


def _neighbours(ranked: list[tuple[int, int]], ranks: Iterable[int]) -> set[int]:
    """The columns just before and after some ranks, out of (rank, column) in order."""
    found = set[int]()
    for rank in ranks:
        at = bisect.bisect(ranked, (rank,))
        found.update(column for _, column in ranked[max(at - 1, 0) : at + 1])
    return found


def _distance(matrix: Matrix, ranks: list[int], run: list[int], column: int) -> tuple[int, int]:
    """The distance of a kernel from a run: in the order of all versions, then whether it is of another series."""
    gap = min(abs(ranks[column] - ranks[run[0]]), abs(ranks[column] - ranks[run[-1]]))
    return gap, int(matrix.columns[column].group != matrix.columns[run[0]].group)


def _merged(notes: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Each sentence once."""
    seen: dict[str, int] = {}
    for column, sentence in notes:
        seen.setdefault(sentence, column)
    return [(column, sentence) for sentence, column in seen.items()]


class Look:
    """The work on a pair of kernels (`work.job.Work`): find what one has in place of what the other has."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def prepare(self) -> Checks:
        """The objects."""
        return self.work.prepare().checks

    def run(self, state: Checks, job: tuple[Kernel, Kernel | None, list[Question]]) -> list[str]:
        """A sentence for each question, "" if there is no hint."""
        bad, good, questions = job
        without = self.work.target(bad, state, _ignore)
        having = self.work.target(good, state, _ignore) if good is not None else None
        for target in filter(None, (without, having)):
            state.prepare(target)
        known = Known()
        return [_answer(state, question, without, having, known) for question in questions]


def _ignore(error: Exception) -> None:
    """The first round has reported this module."""


class Known:
    """What is kept for all questions about a pair of kernels: the members of structs, and how many names may be compared."""

    def __init__(self) -> None:
        self.left = MAX_NAMES
        self._rows: dict[tuple[int, int], Rows] = {}
        self._names: dict[tuple[int, int, str], NameSearch] = {}

    def rows(self, btf: Btf, type_id: int) -> Rows:
        """The members of a struct."""
        key = id(btf), type_id
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = Rows(btf, type_id)
        return found

    def may_compare(self, count: int) -> bool:
        """Whether so many more names may be compared: a question that is too much gets no guess."""
        self.left -= count
        return self.left >= 0

    def close_type(self, target: Target, name: str, kind: int, prefix: str = "") -> str:
        """The name of a type of vmlinux of that kind (one that begins with `prefix`) that is almost `name`, or ""."""
        return self.close_name(target.vmlinux, name, kind, prefix)

    def close_name(self, btf: Btf, name: str, kind: int, prefix: str = "") -> str:
        """As `close_type`, of a BTF."""
        names = self._names_of(btf, kind, prefix)
        close = _close(name[len(prefix) :], names) if self.may_compare(len(names) // SHARE) else ""
        return prefix + close if close else ""

    def _names_of(self, btf: Btf, kind: int, prefix: str = "") -> NameSearch:
        key = id(btf), kind, prefix
        found = self._names.get(key)
        if found is None:
            found = self._names_of(btf, kind).with_prefix(prefix) if prefix else names_of_kind(btf, kind)
            self._names[key] = found
        return found

    def close(self, name: str, names: Collection[str]) -> str:
        """The one of `names` that is spelled almost like `name`, or ""."""
        return _close(name, NameSearch(names)) if self.may_compare(len(names)) else ""


def _answer(state: Checks, question: Question, without: Target, having: Target | None, known: Known) -> str:
    number, relocation_number, name, kind = question
    if relocation_number < 0:
        return _other_name(without, name, kind, known)
    obj = state.codes[number].object
    relocation = obj.relocations[relocation_number]
    wanted = obj.spec(relocation)
    if isinstance(wanted, SpecError) or not wanted.name:
        return ""
    try:
        candidates = without.candidates(wanted.root_kind, wanted.name)
        if not candidates:
            return _other_kind(without, wanted) or _other_type(without, wanted, known)
        group = KINDS[relocation.kind].group
        if group == ENUMVAL:
            return _enumerator(candidates[0], wanted, known)
        if group != FIELD:
            return ""
        return _member(candidates[0], wanted, without, having, known)
    except BtfError:
        return ""


def _other_kind(target: Target, wanted: Spec) -> str:
    """A type of that name and another kind."""
    for type_id in target.vmlinux.find_ids(text(wanted.name)):
        kind = spec.word(target.vmlinux.kind(type_id))
        return f"there is a {kind} {text(wanted.name)}, but the program asks for a {spec.word(wanted.root_kind)}"
    return ""


def _other_type(target: Target, wanted: Spec, known: Known) -> str:
    """A type of that kind with a name that is almost the same."""
    close = known.close_type(target, text(wanted.name), wanted.root_kind)
    return f"there is {spec.word(wanted.root_kind)} {close}, which is spelled almost like it" if close else ""


def _other_name(target: Target, name: str, kind: int, known: Known) -> str:
    """A function or tracepoint with a name that is almost the same."""
    prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
    close = known.close_type(target, name, kind, prefix)
    what = {"btf_trace_": "tracepoint", "bpf_lsm_": "hook", "bpf_iter_": "iterator"}.get(prefix, "function")
    return f"there is {what} {close.removeprefix(prefix)}, which is spelled almost like it" if close else ""


def _enumerator(candidate: tuple[Btf, int], wanted: Spec, known: Known) -> str:
    btf, type_id = candidate
    type_id = btf.strip(type_id)
    if btf.kind(type_id) not in spec.ENUMS:
        return ""
    if not known.may_compare(btf.word(type_id, 1) & spec.MAX_VLEN):
        return ""
    close = _close(text(wanted.enumerator), NameSearch(text(name) for name in enumerator_names(btf, type_id)))
    return f"{spelled(btf, type_id)} has {close}, which is spelled almost like it" if close else ""


# ---- members -----------------------------------------------------------------------------------------------------


class Rows:
    """The members of a struct or union in order (`all`), those of anonymous members in their place; and by name, by what
    resembles them, and the members of the structs that they hold or point to."""

    def __init__(self, btf: Btf, type_id: int) -> None:
        self._btf = btf
        spelling = Spelling(btf)
        self.all = [
            Row(member.path, member.bit_offset, member.type_id, spelling[member.type_id])
            for member in flat_members(btf, type_id)
            if member.path
        ]
        link(self.all)
        self.by_name: dict[str, Row] = {}
        self._alike: dict[tuple[str, int | str], list[int]] = {}
        for number, row in enumerate(self.all):
            self.by_name.setdefault(row.name, row)
            for mark in marks(row):
                self._alike.setdefault(mark, []).append(number)
        self._inner: dict[str, str] | None = None

    def alike(self, row: Row) -> list[Row]:
        """The rows at the same offset or beside a member of the same name as `row`, in order."""
        return [self.all[number] for number in sorted({n for mark in marks(row) for n in self._alike.get(mark, ())})]

    def one_further(self, name: str) -> str:
        """A member of that name in a struct that is, or is pointed to by, one of the members."""
        if self._inner is None:
            self._inner = dict(self._inner_names())
        return self._inner.get(name, "")

    def _inner_names(self) -> Iterator[tuple[str, str]]:
        """(name, where it is), the one that counts last."""
        btf = self._btf
        first: dict[int, str] = {}
        for row in self.all:
            inner = btf.strip(row.type_id)
            arrow = "."
            if inner and btf.kind(inner) == spec.PTR:
                inner, arrow = btf.strip(btf.word(inner, 2)), "->"
            if inner and btf.kind(inner) in spec.COMPOSITES:
                first.setdefault(inner, row.name + arrow)
        for inner, way in reversed(first.items()):
            struct = spelled(btf, inner)
            for member in flat_members(btf, inner):
                yield member.path, f"{way}{member.path} ({struct})"


def _member(candidate: tuple[Btf, int], wanted: Spec, without: Target, having: Target | None, known: Known) -> str:
    """What stands in the place of the member."""
    btf, root_id = candidate
    step, struct_id = _failing_step(btf, root_id, wanted, without.elements)
    if step < 0 or struct_id == 0 or btf.kind(struct_id) not in spec.COMPOSITES:
        return ""
    name = text(wanted.steps[step][0])
    rows = known.rows(btf, struct_id)
    struct = spelled(btf, struct_id if btf.name(struct_id) or step else root_id)  # of a typedef if it has no name
    if name in rows.by_name:
        return ""  # it exists with another type, which is in the reason
    if having is not None and (found := _renamed(rows, name, wanted, step, having, known)):
        return f"{struct} has {found} in its place"
    if same := NameSearch(rows.by_name).same(name):
        return f"{struct} has {same}, which is spelled almost like it"
    if further := rows.one_further(name):
        return f"{name} is one struct further: {further}"
    if close := known.close(name, rows.by_name):
        return f"{struct} has {close}, which is spelled almost like it"
    return f"the only member of {struct} is {rows.all[0].name} ({rows.all[0].type_text})" if len(rows.all) == 1 else ""


def _failing_step(btf: Btf, root_id: int, wanted: Spec, elements: ElementsByName) -> tuple[int, int]:
    """(number of the first step that does not match, the type that was searched); (-1, 0) if unknown."""
    current = btf.strip(root_id)
    for count in range(1, len(wanted.steps) + 1):
        place = field(_shorter(wanted, count), btf, root_id, Witness(), elements)
        if isinstance(place, Mismatch):
            return (count - 1, current) if wanted.steps[count - 1].__class__ is tuple else (-1, 0)
        current = place.type_id
    return -1, 0


def _shorter(wanted: Spec, count: int) -> Spec:
    shorter = Spec(wanted.root_id, wanted.root_kind, wanted.name, wanted.loader)
    shorter.index = wanted.index
    shorter.steps = wanted.steps[:count]
    return shorter


def _renamed(rows: Rows, name: str, wanted: Spec, step: int, having: Target, known: Known) -> str:
    """The member in the place that `name` has on the kernel `having`."""
    candidates = having.candidates(wanted.root_kind, wanted.name)
    if not candidates:
        return ""
    btf, root_id = candidates[0]
    before = field(_shorter(wanted, step), btf, root_id, Witness(), having.elements) if step else None
    if isinstance(before, Mismatch):
        return ""
    struct_id = before.type_id if before is not None else btf.strip(root_id)
    if not struct_id or btf.kind(struct_id) not in spec.COMPOSITES:
        return ""
    theirs = known.rows(btf, struct_id)
    there = theirs.by_name.get(name)
    if there is None:
        return ""
    best: tuple[int, str] = (0, "")
    alike = rows.alike(there)
    if not known.may_compare(len(alike)):
        return ""
    if len(rows.all) == len(theirs.all) == 1:  # the only member then and now
        return f"{rows.all[0].name} ({rows.all[0].type_text})"
    for row in alike:
        if row.name not in theirs.by_name:
            score = likeness(row, there)
            if score > best[0]:
                best = score, f"{row.name} ({row.type_text})"
    return best[1] if best[0] >= ENOUGH else ""


def _close(name: str, names: NameSearch) -> str:
    """The name that is almost like `name`: with other underscores in front, continued after one (i_atime_sec), or similar."""
    return names.same(name) or names.continued(name) or next(iter(names.close(name, 1, 0.85)), "")
