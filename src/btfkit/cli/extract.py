"""`btfkit extract`: the BTF out of any container, of one file or of a whole folder of modules.

A folder is done by several processes, a batch of files each; they write the files themselves, so that no blob goes
through a pipe and memory stays that of a few modules.
"""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED
from btfkit.cli.options import JSON, OUTPUT, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

    from btfkit.cli.options import Args
    from btfkit.files.container import Container

    Data = bytes | memoryview[int]
    Job = tuple[str, str]  # where from, where to
    Result = tuple[str, int, str]  # (path, bytes written, error); neither where the file has no such section

SCHEMA = 1
BATCH = 16  # files that a process takes at a time
ALONE = 2 * BATCH  # files below which starting processes does not pay


def run(args: Args) -> int:
    """Extract from one file, or from every module of a folder."""
    if args.ext and args.section:
        raise UsageError("--ext means --section .BTF.ext: one of them")
    section = ".BTF.ext" if args.ext else args.section or ".BTF"
    path, *more = args.operands
    if more:
        raise UsageError(f"one file or folder at a time, not also {more[0]!r}")
    if not args.output:
        raise UsageError("where to? -o FILE ('-' for standard output), or -o FOLDER for a folder of modules")
    if path != "-" and os.path.isdir(path):
        if args.output == "-":
            raise UsageError(f"{path} is a folder, so -o has to be one")
        return _folder(path, args, section)
    return _file(path, args, section)


# ---- one file ------------------------------------------------------------------------------------------------------


def _file(path: str, args: Args, section: str) -> int:
    from btfkit.files.container import open_container
    from btfkit.files.write import write_atomic

    container = open_container(path)
    data = _content(container, section)
    write_atomic(args.output, data)
    if args.json and args.output != "-":
        report = {"path": container.source, "layers": list(container.layers), "section": section}
        _print_json({"schema": SCHEMA, **report, "output": args.output, "bytes": len(data)})
    return DONE


def _content(container: Container, section: str) -> Data:
    """The bytes of a section; the header of `.BTF` and `.BTF.base` is checked, their types need a base that is not at hand.

    Raises NotFoundError where it is not there, FormatError where it does not begin like BTF.
    """
    from btfkit.errors import BtfError, NotFoundError

    found = _section(container, section)
    if found is None:
        raise NotFoundError(f"no {section} section", source=container.source)
    data = memoryview(found)
    if section in (".BTF", ".BTF.base"):
        from btfkit.btf.header import parse

        try:
            parse(data)
        except BtfError as error:
            raise error.at(container.source) from None
    return data


def _section(container: Container, section: str) -> Data | None:
    if section == ".BTF":
        return memoryview(container.btf)
    elf = container.elf
    return elf.data(section) if elf is not None and elf.section(section) is not None else None


# ---- a folder ------------------------------------------------------------------------------------------------------


class _Tally:
    """What became of the files of a folder."""

    def __init__(self) -> None:
        self.written = self.without = self.bytes = 0
        self.failed: list[dict[str, str]] = []

    def add(self, result: Result) -> None:
        path, size, error = result
        if error:
            self.failed.append({"path": path, "error": error})
            print(f"btfkit: {error}", file=sys.stderr)
        elif size:
            self.written += 1
            self.bytes += size
        else:
            self.without += 1

    @property
    def done(self) -> int:
        return self.written + self.without + len(self.failed)


def _folder(path: str, args: Args, section: str) -> int:
    tally = _Tally()
    os.makedirs(args.output, exist_ok=True)
    jobs, doubles = _jobs(path, args.output)
    with _Progress(len(jobs), wanted=not args.quiet) as progress:
        for double in doubles:
            tally.add(double)
        for results in _results(jobs, section, args.jobs):
            for result in results:
                tally.add(result)
            progress.at(tally.done)
    if args.json:
        report = {
            "written": tally.written,
            "bytes": tally.bytes,
            "without": tally.without,
            "failed": sorted(tally.failed, key=_path),
        }
        _print_json({"schema": SCHEMA, "path": path, "section": section, "output": args.output, **report})
    elif not args.quiet:
        print(_summary(tally, section, args.output), file=sys.stderr)
    return FAILED if tally.failed else DONE


def _path(failed: dict[str, str]) -> str:
    return failed["path"]


def _jobs(path: str, output: str) -> tuple[list[Job], list[Result]]:
    """Each module's file and where its BTF goes; and, as errors, the files whose name another one has already."""
    from btfkit.errors import printable
    from btfkit.files.modules import module_files

    jobs: list[Job] = []
    doubles: list[Result] = []
    seen: dict[str, str] = {}
    for name, file in module_files(path, underscores=True):
        if name in seen:
            doubles.append(
                (file, 0, f"{printable(file)}: its name {name} is that of {printable(seen[name])}; not extracted")
            )
        else:
            seen[name] = file
            jobs.append((file, os.path.join(output, name)))
    return jobs, doubles


def _results(jobs: list[Job], section: str, workers: int | None) -> Iterator[list[Result]]:
    """The results of all jobs, batch by batch, in whatever order they are done."""
    workers = workers or _processors()
    batches = [jobs[at : at + BATCH] for at in range(0, len(jobs), BATCH)]
    if workers == 1 or len(jobs) < ALONE:
        yield from (_batch(batch, section) for batch in batches)
        return
    from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed

    pool = ProcessPoolExecutor(min(workers, len(batches)), initializer=_leave_interrupts_to_parent)
    try:
        futures = {pool.submit(_batch, batch, section): batch for batch in batches}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenExecutor:
                yield [(path, 0, f"{path}: a process died (out of memory?)") for path, _ in futures[future]]
    finally:
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal: the parent cancels what has not begun, a worker ends its batch."""
    from signal import SIG_IGN, SIGINT, signal

    signal(SIGINT, SIG_IGN)


def _batch(jobs: list[Job], section: str) -> list[Result]:
    return [_one(path, to, section) for path, to in jobs]


def _one(path: str, to: str, section: str) -> Result:
    """Extract from one file; whatever is wrong with it is a result."""
    from btfkit.errors import BtfError, NotFoundError, printable
    from btfkit.files.container import open_container
    from btfkit.files.write import write_atomic

    try:
        data = _content(open_container(path), section)
        if len(data):
            write_atomic(to, data)
        return path, len(data), ""
    except NotFoundError:
        return path, 0, ""
    except BtfError as error:
        return path, 0, str(error)
    except OSError as error:
        return path, 0, f"{printable(str(error.filename or path))}: {error.strerror or error}"


def _summary(tally: _Tally, section: str, output: str) -> str:
    from btfkit.errors import printable

    parts = [f"{tally.written:,} written to {printable(output)} ({tally.bytes / 1e6:,.1f} MB)"]
    if tally.without:
        parts.append(f"{tally.without:,} without {section}")
    if tally.failed:
        parts.append(f"{len(tally.failed):,} failed")
    return ", ".join(parts)


def _print_json(report: dict[str, object]) -> None:
    import json

    print(json.dumps(report, indent=2))


# ---- how far it is -------------------------------------------------------------------------------------------------


class _Progress:
    """How far it is: rich's bar on a terminal, a line a second where there is no rich, and nothing elsewhere."""

    def __init__(self, total: int, *, wanted: bool) -> None:
        self._total = total
        self._wanted = wanted and total > ALONE and sys.stderr.isatty()
        self._bar: Progress | None = None
        self._say: Callable[[int], None] | None = None

    def at(self, done: int) -> None:
        """Say that `done` files are.  Nothing starts before the first call: a process is not to be forked beside threads."""
        if self._wanted:
            if self._say is None:
                self._say = self._start()
            self._say(done)

    def _start(self) -> Callable[[int], None]:
        try:
            from rich.console import Console
            from rich.progress import Progress
        except ImportError:
            return self._line()
        bar = self._bar = Progress(console=Console(stderr=True), transient=True)
        task = bar.add_task("extracting", total=self._total)
        bar.start()
        return lambda done: bar.update(task, completed=done)

    def _line(self) -> Callable[[int], None]:
        from time import monotonic

        last = monotonic()

        def say(done: int) -> None:
            nonlocal last
            if monotonic() - last >= 1:
                last = monotonic()
                print(f"extracting: {done:,} of {self._total:,}", file=sys.stderr)

        return say

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _jobs_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


COMMAND = Command(
    "extract",
    "the BTF out of any container",
    run,
    operands="FILE|FOLDER",
    options=(
        OUTPUT,
        JSON,
        Option("--ext", help="the section .BTF.ext instead of .BTF"),
        Option("--section", value="NAME", help="the section NAME of the ELF file instead of .BTF"),
        Option("-j", "--jobs", value="N", help="processes for a folder (as many as processors)", convert=_jobs_number),
    ),
    details="A folder's modules (*.ko and *.btf, packed or not, and raw BTF) go to OUTPUT/NAME, named as in /sys/kernel/btf.",
)
