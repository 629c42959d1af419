"""An operation on many files: which files, where each output goes, and the result for each.

Each process prepares once what all files need (the indexed base) and takes a few files at a time.  It reads and writes them
itself, so that no blob goes through a pipe and memory stays that of a few modules.  A bad file does not end the run.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from btfkit.errors import NotFoundError, error_text, printable
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT, FileJob, FileResult, written_and_read
from btfkit.files.write import real_path, real_path_of_new, refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from btfkit.file_ops.operation import FileOperation
    from btfkit.file_ops.record import Record
    from btfkit.file_ops.sort import SortedFile
    from btfkit.files.write import Directories
    from btfkit.work.job import Work

    R = TypeVar("R", bound=Record)

SIZE = 4  # files that a process takes at a time
ALONE = 8  # fewer files are not worth starting processes


class Tally:
    """The results for all files, by status."""

    def __init__(self, on_result: Callable[[FileResult], None] | None = None) -> None:
        self._by_status: dict[str, list[FileResult]] = {status: [] for status in (DONE, WITHOUT, SAME, FAILED)}
        self._on_result = on_result

    def __repr__(self) -> str:
        return f"<Tally {', '.join(f'{len(results)} {status}' for status, results in self._by_status.items())}>"

    def add(self, result: FileResult) -> None:
        """Count one more file."""
        self._by_status[result.status].append(result)
        if self._on_result is not None:
            self._on_result(result)

    def of(self, *statuses: str) -> list[FileResult]:
        """The results of these statuses, one after the other, each by path."""
        return [result for status in statuses for result in sorted(self._by_status[status], key=_path)]

    def records(self, kind: type[R], *statuses: str) -> list[R]:
        """The records of this kind of the files with these statuses (DONE by default)."""
        return [one.record for one in self.of(*statuses or (DONE,)) if isinstance(one.record, kind)]

    def count(self, status: str) -> int:
        """The number of files with this status."""
        return len(self._by_status[status])

    def sum(self, field: str) -> int:
        """The sum of a numeric field of the records of all files that are done."""
        return sum(getattr(result.record, field, None) or 0 for result in self._by_status[DONE])

    @property
    def total(self) -> int:
        """All files."""
        return sum(map(len, self._by_status.values()))


def _path(result: FileResult) -> str:
    return result.path


class Plan:
    """The files to read and write (`jobs`), those that cannot be read or would overwrite another output (`problems`), and
    whether it is a batch: a directory, or several files (`many`)."""

    __slots__ = ("jobs", "many", "problems")

    def __init__(self, jobs: list[FileJob], problems: list[FileResult], many: bool) -> None:
        self.jobs = jobs
        self.problems = problems
        self.many = many


def plan_files(
    paths: Sequence[str],
    output: str | None,
    *,
    base_path: str | None = None,
    base_beside_output: bool = False,
    taken: Mapping[str, str] | None = None,
) -> Plan:
    """Where the output of each of `paths` (files, and directories of modules) goes: to `output`, a file or for several a
    directory, or (None) in place.

    The files of a directory keep their relative paths below `output`.  The distilled base of raw BTF is `base_path`, or a file
    beside the output or the input with `.base` added to the name.  `taken` are further outputs, with their inputs.
    """
    if taken is None and len(paths) == 1 and (paths[0] == "-" or not os.path.isdir(paths[0])):
        path = paths[0]
        to = path if output is None else output
        if to != "-" and output is not None and (to.endswith("/") or os.path.isdir(to)):
            to = os.path.join(to, os.path.basename(path))
        return Plan([FileJob(path, to, base_path or _beside(to if base_beside_output else path))], [], False)
    jobs: list[FileJob] = []
    problems: list[FileResult] = []
    directories: Directories = {}
    seen = {real_path(to, directories): path for to, path in (taken or {}).items()}
    for path, to in _targets(paths, output, problems):
        new = real_path_of_new(to, directories)
        key = real_path(to, directories) if new is None else new
        if key not in seen:
            seen[key] = path
            known = new is not None and base_beside_output
            jobs.append(FileJob(path, to, to + ".base" if known else _beside(to if base_beside_output else path)))
        elif output is not None:
            text = f"{printable(path)}: same output as {printable(seen[key])}; skipped"
            problems.append(FileResult(path, FAILED, text))
    return Plan(jobs, problems, True)


def _beside(path: str) -> str:
    """The file for the base of raw BTF; "" beside standard input or output, and beside a device or pipe."""
    if path == "-":
        return ""
    try:
        is_file = S_ISREG(os.stat(path).st_mode)
    except OSError:
        is_file = True  # it will be one
    return path + ".base" if is_file else ""


def _targets(paths: Sequence[str], output: str | None, problems: list[FileResult]) -> Iterator[tuple[str, str]]:
    """(path, output) of each file."""
    from btfkit.files.modules import NO_MODULES, module_files

    for root in paths:
        if root == "-" or not os.path.isdir(root):
            yield root, root if output is None else os.path.join(output, os.path.basename(root))
            continue

        def unreadable(error: OSError, root: str = root) -> None:
            problems.append(_failed(root, error))

        before = len(problems)
        none = True
        for _, path in module_files(root, on_error=unreadable):
            none = False
            yield path, path if output is None else os.path.join(output, path[len(root) :].lstrip(os.sep))
        if none and len(problems) == before:
            problems.append(_failed(root, NotFoundError(NO_MODULES, source=root)))


def plan_extraction(directory: str, output: str) -> Plan:
    """Where the sections of a directory's modules go: to files below `output`, named as the kernel names the modules."""
    from btfkit.files.modules import NO_MODULES, module_files

    jobs: list[FileJob] = []
    problems: list[FileResult] = []
    seen: dict[str, str] = {}
    for name, path in module_files(
        directory, underscores=True, on_error=lambda error: problems.append(_failed(directory, error))
    ):
        if name in seen:
            text = f"{printable(path)}: same module name ({name}) as {printable(seen[name])}; skipped"
            problems.append(FileResult(path, FAILED, text))
        else:
            seen[name] = path
            jobs.append(FileJob(path, os.path.join(output, name)))
    if not jobs and not problems:
        problems.append(_failed(directory, NotFoundError(NO_MODULES, source=directory)))
    return Plan(jobs, problems, True)


def run_plan(
    operation: Work,
    plan: Plan,
    *,
    workers: int | None = None,
    size: int = SIZE,
    alone: int = ALONE,
    on_result: Callable[[FileResult], None] | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> Tally:
    """Do an operation on the files of a plan with `workers` processes (None: one per CPU; fewer than `alone` files are done in
    this process), `size` files at a time; calls `on_result` with each result, and `observe(done, total)` after it.

    An error in one file is a result; an error in `prepare` is raised.
    """
    from btfkit.work.jobs import run

    tally = Tally(on_result)
    for problem in plan.problems:
        tally.add(problem)
    if len(plan.jobs) < alone:
        workers = 1
    for ended in run(operation, plan.jobs, workers=workers, size=size):
        tally.add(ended.value if ended.error is None else _failed(plan.jobs[ended.number].path, ended.error))
        if observe is not None:
            observe(tally.total, len(plan.jobs) + len(plan.problems))
    return tally


def sort_kernel(
    vmlinux: str,
    modules: Sequence[str],
    output: str,
    *,
    strip_signature: bool = False,
    workers: int | None = None,
    on_result: Callable[[FileResult], None] | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> tuple[Tally, SortedFile]:
    """Sort a kernel's types, in `vmlinux` and in `modules` (files and directories), which follow the new ids of the vmlinux.

    All go below the directory `output`: in place, an interrupted run would leave files that do not fit each other.  Returns the
    results for the modules, and that for the vmlinux, which is written last.
    """
    from btfkit.file_ops.sort import SortFiles, sort_file

    plan, to = plan_kernel(vmlinux, modules, output)
    operation = SortFiles(vmlinux, follow=True, strip_signature=strip_signature)
    written, read = written_and_read(operation, plan.jobs, in_place=False)
    refuse_overwriting([*written, to], read)
    tally = run_plan(operation, plan, workers=workers, on_result=on_result, observe=observe)
    return tally, sort_file(vmlinux, None, to, strip_signature=strip_signature)


def plan_kernel(vmlinux: str, modules: Sequence[str], output: str) -> tuple[Plan, str]:
    """Where the modules and the vmlinux of a kernel go."""
    from btfkit.files.modules import output_name

    to = os.path.join(output, output_name(vmlinux))
    return plan_files(modules, output, taken={to: vmlinux}), to


def _failed(path: str, error: Exception) -> FileResult:
    if isinstance(error, OSError) and isinstance(error.filename, str):
        path = error.filename
    return FileResult(path, FAILED, error_text(error, path), error=error)


def on_files(
    operation: FileOperation,
    paths: Sequence[str],
    output: str | None = None,
    *,
    in_place: bool = False,
    workers: int | None = None,
    on_result: Callable[[FileResult], None] | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> Tally:
    """Do an operation (`DistillFiles`, `ReconcileFiles`, `DedupFiles`, `SortFiles`, `SanitizeFiles`) on all of `paths`, files and
    directories of modules, with several processes; the output goes below the directory `output`, or in place.

    Returns the results for all files, errors included.  Raises errors that concern all: a missing base, an output that would
    overwrite an input (UnsupportedError).
    """
    if in_place == (output is not None):
        raise ValueError("either an output or in place")
    plan = plan_files(paths, output, base_beside_output=operation.base_beside_output)
    refuse_overwriting(*written_and_read(operation, plan.jobs, in_place))
    return run_plan(operation, plan, workers=workers, on_result=on_result, observe=observe)
