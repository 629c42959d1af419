"""Many files, one command: by several processes, with one summary, and a bad file is one line and not the end.

Each process prepares once what all files need (the base, indexed) and takes a few files at a time; it reads and writes them
itself, so that no blob goes through a pipe and memory stays that of a few modules.  Results come back as they are done; what is
printed of them is sorted, so that the same input gives the same text.
"""

from __future__ import annotations

import os
import sys

from btfkit.cli.options import JOBS as JOBS
from btfkit.cli.options import Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.container import Container
    from btfkit.files.rewrite import ModuleFile

    Prepare = Callable[[Any], Any]
    Task = Callable[[Any, Any], "Result"]

SIZE = 4  # files that a process takes at a time
ALONE = 8  # files below which starting processes does not pay

DONE, WITHOUT, SAME, FAILED = "done", "without", "same", "failed"


class Result:
    """What became of one file: `status` is DONE, WITHOUT (nothing in it to work on), SAME (nothing to do any more) or FAILED.

    `text` is what went wrong, without the path where `facts` tell; `facts` are for summaries and JSON.
    """

    __slots__ = ("facts", "path", "status", "text")

    def __init__(self, path: str, status: str, text: str = "", facts: dict[str, Any] | None = None) -> None:
        self.path = path
        self.status = status
        self.text = text
        self.facts = facts or {}


class _Work:
    """`task(prepare(common), job)` for each job, as `btfkit.work` has it."""

    def __init__(self, task: Task, prepare: Prepare, common: Any) -> None:
        self._task = task
        self._prepare = prepare
        self._common = common

    def prepare(self) -> Any:
        return self._prepare(self._common)

    def run(self, state: Any, job: Any) -> Result:
        return self._task(state, job)


def _failed(path: str, error: Exception) -> Result:
    """The result of a file with which something was wrong."""
    from btfkit.cli import in_words
    from btfkit.errors import BtfError

    if isinstance(error, BtfError):
        return Result(path, FAILED, in_words(error.at(path)))
    if isinstance(error, OSError):
        return Result(path, FAILED, f"{_shown(str(error.filename or path))}: {error.strerror or error}")
    return Result(path, FAILED, f"{_shown(path)}: out of memory")


def _shown(text: str) -> str:
    from btfkit.errors import printable

    return printable(text)


# ---- counting ------------------------------------------------------------------------------------------------------


class Tally:
    """What became of all files: `by_status` has the results (those that failed are told on stderr as they come)."""

    def __init__(self, *, silent: bool = False) -> None:
        self.by_status: dict[str, list[Result]] = {status: [] for status in (DONE, WITHOUT, SAME, FAILED)}
        self.silent = silent

    def add(self, result: Result) -> None:
        self.by_status[result.status].append(result)
        if result.status == FAILED and not self.silent:
            print(f"btfkit: {result.text}", file=sys.stderr)

    def of(self, status: str) -> list[Result]:
        """The results of one status, by path."""
        return sorted(self.by_status[status], key=_path)

    def count(self, status: str) -> int:
        return len(self.by_status[status])

    def sum(self, fact: str) -> int:
        """The sum of a number over all that is done."""
        return sum(result.facts.get(fact, 0) for result in self.by_status[DONE])

    @property
    def total(self) -> int:
        return sum(map(len, self.by_status.values()))


def _path(result: Result) -> str:
    return result.path


def collect(
    jobs: Sequence[Any],
    doubles: Sequence[Result],
    task: Task,
    prepare: Prepare,
    common: Any,
    *,
    title: str,
    quiet: bool,
    workers: int | None = None,
    size: int = SIZE,
    alone: int = ALONE,
    silent: bool = False,
) -> Tally:
    """Do `task(prepare(common), job)` for each job (a tuple that begins with its path), report errors and progress on stderr,
    and return what became of them; `doubles` count as results."""
    from btfkit.work.jobs import run
    from btfkit.work.progress import Progress

    tally = Tally(silent=silent)
    if len(jobs) < alone:
        workers = 1
    with Progress(len(jobs), title, wanted=not quiet) as progress:
        for double in doubles:
            tally.add(double)
        for ended in run(_Work(task, prepare, common), jobs, workers=workers, size=size):
            tally.add(ended.value if ended.error is None else _failed(jobs[ended.number][0], ended.error))
            progress.at(tally.total)
    return tally


# ---- modules in, modules out ---------------------------------------------------------------------------------------


class Plan:
    """Which files a command reads and writes: `jobs` are (path, where to, file of the base of raw BTF), `doubles` are files that
    would overwrite another's output, `many` whether it is a batch (a folder, or several files)."""

    __slots__ = ("doubles", "jobs", "many")

    def __init__(self, jobs: list[tuple[str, str, str]], doubles: list[Result], many: bool) -> None:
        self.jobs = jobs
        self.doubles = doubles
        self.many = many


def plan(args: Args, base_file: str | None, *, base_of_output: bool) -> Plan:
    """Where the output of each of `args.operands` goes, by -o and --in-place; raises UsageError.

    A folder's files keep their places below -o.  The base of raw BTF is `base_file`, or stands beside the output
    (`base_of_output`) or the input, with `.base` added to the name.
    """
    if bool(args.output) == bool(args.in_place):
        raise UsageError("where to? -o FILE (a folder for several modules), or --in-place")
    operands = args.operands
    folders = [path for path in operands if path != "-" and os.path.isdir(path)]
    many = bool(folders) or len(operands) > 1
    if many and args.output == "-":
        raise UsageError("several modules: -o has to be a folder")
    if many and base_file:
        raise UsageError(
            "several modules, each with a base of its own: it is looked for, or written, beside each as FILE.base"
        )
    if args.in_place and "-" in operands:
        raise UsageError("standard input cannot be changed in place")
    if not many:
        path = operands[0]
        to = path if args.in_place else args.output
        if to != "-" and os.path.isdir(to):
            to = os.path.join(to, os.path.basename(path))
        return Plan([(path, to, base_file or _beside(to if base_of_output else path))], [], many)
    jobs, doubles, seen = [], [], dict[str, str]()
    for path, to in _targets(operands, args.output):
        key = os.path.realpath(to)
        if key in seen:
            if not args.in_place:
                text = f"{_shown(path)}: its output is that of {_shown(seen[key])}; left out"
                doubles.append(Result(path, FAILED, text))
            continue
        seen[key] = path
        jobs.append((path, to, _beside(to if base_of_output else path)))
    return Plan(jobs, doubles, many)


def plan_modules(modules: Sequence[str], output: str | None, taken: dict[str, str]) -> Plan:
    """Where the modules in files and folders go that belong to a kernel: below the folder `output`, or (None) into their own
    place.  `taken` are outputs that there are already, with their inputs."""
    jobs, doubles = [], []
    seen = {os.path.realpath(to): path for to, path in taken.items()}
    for path, to in _targets(modules, output):
        key = os.path.realpath(to)
        if key in seen:
            doubles.append(Result(path, FAILED, f"{_shown(path)}: its output is that of {_shown(seen[key])}; left out"))
            continue
        seen[key] = path
        jobs.append((path, to, ""))
    return Plan(jobs, doubles, many=True)


def _beside(path: str) -> str:
    return "" if path == "-" else path + ".base"


def _targets(operands: Sequence[str], output: str | None) -> Iterator[tuple[str, str]]:
    from btfkit.files.modules import module_files

    for operand in operands:
        root = operand if operand != "-" and os.path.isdir(operand) else None
        files = [path for _, path in module_files(operand)] if root else [operand]
        for path in files:
            below = os.path.relpath(path, root) if root else os.path.basename(path)
            yield path, path if output is None else os.path.join(output, below)


def write(contents: dict[str, bytes]) -> None:
    """Write files, all or none, making the folders that they need."""
    from btfkit.files.write import write_all

    for path in contents:
        if path != "-" and (folder := os.path.dirname(path)):
            os.makedirs(folder, exist_ok=True)
    write_all(contents)


MODULES_OUT = Option(
    "-o", "--output", value="OUT", help="the file to write, or the folder for several modules ('-': standard output)"
)
IN_PLACE = Option("--in-place", help="change the files themselves")
STRIP = Option("--strip-signature", help="take off the signature of a signed module, which no longer holds")
NO_VERIFY = Option("--no-verify", help="do not prove the result before it is written")


def open_file(path: str) -> tuple[Container, ModuleFile | None]:
    """What a file holds; and the file, where it can be written anew with other BTF."""
    from btfkit.errors import UnsupportedError
    from btfkit.files.container import open_container
    from btfkit.files.rewrite import open_module

    if path == "-":
        return open_container(path), None
    try:
        module = open_module(path)
        return module.container, module
    except UnsupportedError:  # a kernel, an archive: its BTF comes out of it
        return open_container(path), None


def load_on(container: Container, base: Btf | None) -> Btf:
    """The BTF on its base: the one that the file brings along, or `base` (-B)."""
    from btfkit.btf_file import load
    from btfkit.files.load import from_container
    from btfkit.passes.attach import distilled_base

    own = distilled_base(container)
    if own is not None:
        return from_container(container, own)
    return from_container(container, base) if base is not None else load(container)


def report(
    plan: Plan, tally: Tally, args: Args, as_json: Callable[[Any], None], lines: Callable[[], Iterator[str]]
) -> None:
    """Say what became of the files: as JSON, on standard error where a result goes to standard output, or in `lines`."""
    if not plan.many:
        for result in tally.of(WITHOUT):
            print(f"btfkit: {result.text}", file=sys.stderr)
    if args.json:
        as_json(sys.stderr if any(to == "-" for _, to, _ in plan.jobs) else sys.stdout)
    elif not args.quiet:
        for line in lines():
            print(line, file=sys.stderr)
