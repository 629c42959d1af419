"""`btfkit extract`: the BTF out of any container, of one file or of a whole folder of modules.

A folder is done by several processes (`cli/batch.py`).
"""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED
from btfkit.cli.batch import JOBS
from btfkit.cli.options import JSON, OUTPUT, Command, Option, UsageError, refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.batch import Result, Tally
    from btfkit.cli.options import Args
    from btfkit.files.container import Container

    Data = bytes | memoryview[int]
    Job = tuple[str, str]  # where from, where to

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
    refuse_overwriting([args.output], [path])
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


def _folder(path: str, args: Args, section: str) -> int:
    from btfkit.cli import batch

    os.makedirs(args.output, exist_ok=True)
    jobs, doubles = _jobs(path, args.output)
    tally = batch.collect(
        jobs,
        doubles,
        _one,
        str,
        section,
        title="extracting",
        quiet=args.quiet,
        workers=args.jobs,
        size=BATCH,
        alone=ALONE,
    )
    failed = [{"path": result.path, "error": result.text} for result in tally.of(batch.FAILED)]
    if args.json:
        report = {
            "written": tally.count(batch.DONE),
            "bytes": tally.sum("bytes"),
            "without": tally.count(batch.WITHOUT),
            "failed": failed,
        }
        _print_json({"schema": SCHEMA, "path": path, "section": section, "output": args.output, **report})
    elif not args.quiet:
        print(_summary(tally, section, args.output), file=sys.stderr)
    return FAILED if failed else DONE


def _jobs(path: str, output: str) -> tuple[list[Job], list[Result]]:
    """Each module's file and where its BTF goes; and, as errors, the files whose name another one has already."""
    from btfkit.cli.batch import FAILED, Result
    from btfkit.errors import printable
    from btfkit.files.modules import module_files

    jobs: list[Job] = []
    doubles: list[Result] = []
    seen: dict[str, str] = {}
    for name, file in module_files(path, underscores=True):
        if name in seen:
            doubles.append(
                Result(
                    file,
                    FAILED,
                    f"{printable(file)}: its name {name} is that of {printable(seen[name])}; not extracted",
                )
            )
        else:
            seen[name] = file
            jobs.append((file, os.path.join(output, name)))
    return jobs, doubles


def _one(section: str, job: Job) -> Result:
    """Extract from one file."""
    from btfkit.cli.batch import DONE, WITHOUT, Result
    from btfkit.errors import NotFoundError
    from btfkit.files.container import open_container
    from btfkit.files.write import write_atomic

    path, to = job
    try:
        data = _content(open_container(path), section)
    except NotFoundError:
        return Result(path, WITHOUT)
    if not len(data):
        return Result(path, WITHOUT)
    write_atomic(to, data)
    return Result(path, DONE, facts={"bytes": len(data)})


def _summary(tally: Tally, section: str, output: str) -> str:
    from btfkit.cli import batch
    from btfkit.errors import printable

    parts = [f"{tally.count(batch.DONE):,} written to {printable(output)} ({tally.sum('bytes') / 1e6:,.1f} MB)"]
    if tally.count(batch.WITHOUT):
        parts.append(f"{tally.count(batch.WITHOUT):,} without {section}")
    if tally.count(batch.FAILED):
        parts.append(f"{tally.count(batch.FAILED):,} failed")
    return ", ".join(parts)


def _print_json(report: dict[str, object]) -> None:
    import json

    print(json.dumps(report, indent=2))


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
        JOBS,
    ),
    details="A folder's modules (*.ko and *.btf, packed or not, and raw BTF) go to OUTPUT/NAME, named as in /sys/kernel/btf.",
)
