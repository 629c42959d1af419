"""What the commands on many files share: options, where outputs go, progress, and reports."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import BASE, JOBS, JSON, Option, UsageError, print_json, refuse_overwriting
from btfkit.errors import BtfError, counted
from btfkit.file_ops import operation as status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from btfkit.cli.options import Args
    from btfkit.file_ops.operation import FileOperation, FileResult
    from btfkit.work.files import Plan, Tally
    from btfkit.work.job import Work

    Op = TypeVar("Op", bound=FileOperation)

SCHEMA = 1
MODULES_OUT = Option(
    "-o", "--output", value="OUT", help="the file to write, or the directory for several modules ('-': standard output)"
)
IN_PLACE = Option("--in-place", help="rewrite the files themselves")
STRIP = Option("--strip-signature", help="remove the signature of a signed module, which is no longer valid")
NO_VERIFY = Option("--no-verify", help="write the result without proving that it is equivalent")

SIGNATURE_REMOVED = "signature removed (no longer valid); sign the module again if your kernel requires it"


def rewriting(*own: Option, output: Option = MODULES_OUT, proves: bool = True) -> tuple[Option, ...]:
    """The options of a command that rewrites files: its `own` and those that all such commands have."""
    proof = (NO_VERIFY,) if proves else ()
    return BASE, output, IN_PLACE, *own, STRIP, *proof, JOBS, JSON


def plan(
    args: Args,
    operation: FileOperation,
    *,
    base_path: str | None = None,
    inputs: Sequence[str | None] = (),
    outputs: Sequence[str | None] = (),
) -> Plan:
    """Where the output of each of `args.operands` goes, by -o and --in-place; raises UsageError, also if it is one of the other
    `inputs` or `outputs`."""
    from btfkit.file_ops.operation import written_and_read
    from btfkit.work.files import plan_files

    if bool(args.output) == bool(args.in_place):
        raise UsageError("no output: use -o FILE (a directory for several modules), or --in-place")
    operands = args.operands
    many = len(operands) > 1 or (operands[0] != "-" and os.path.isdir(operands[0]))
    if many and args.output == "-":
        raise UsageError("several modules: -o must be a directory")
    if many and base_path:
        raise UsageError(
            "several modules, each with its own base: the base of FILE is FILE.base, so name no file for it"
        )
    if "-" in operands:
        if args.in_place:
            raise UsageError("standard input cannot be changed in place")
        if many or args.output.endswith("/") or os.path.isdir(args.output):
            raise UsageError("standard input has no name that its output could have in a directory: use -o FILE")
    if args.in_place:
        for path in operands:
            if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
                raise UsageError(f"{path} is a pipe or device, which cannot be changed in place: use -o FILE")
    output = None if args.in_place else args.output
    found = plan_files(operands, output, base_path=base_path, base_beside_output=operation.base_beside_output)
    written, read = written_and_read(operation, found.jobs, args.in_place)
    refuse_overwriting([*outputs, *written], [args.base, *inputs, *read])
    return found


def refuse_plan(
    plan: Plan, inputs: Sequence[str | None], outputs: Sequence[str | None] = (), *, in_place: bool = False
) -> None:
    """Raise UsageError if an output of the plan, or one of `outputs`, would overwrite an input; with `in_place` the files of the
    plan are meant to be replaced."""
    written = [*outputs, *(job.output for job in plan.jobs)]
    read = [*inputs, *(() if in_place else (job.path for job in plan.jobs))]
    refuse_overwriting(written, read)


def run(
    args: Args,
    operation: Work,
    plan: Plan,
    title: str,
    wording: Callable[[FileResult], str] | None = None,
    **how: int,
) -> Tally:
    """Do the operation on the files of the plan, with progress and errors on standard error; `wording` gives the message for a
    file that failed or contains nothing to work on."""
    from btfkit.work.files import run_plan
    from btfkit.work.progress import Progress

    def on_result(result: FileResult) -> None:
        if result.status not in (status.FAILED, status.WITHOUT):
            return
        if isinstance(result.error, BtfError):
            result.text = in_words(result.error)
        if wording is not None:
            result.text = wording(result)
        if result.status == status.FAILED:
            print(f"btfkit: {result.text}", file=sys.stderr)

    total = len(plan.jobs) + len(plan.problems)
    with Progress(total, title, wanted=not args.quiet) as progress:
        observe = progress.at
        return run_plan(
            operation, plan, workers=args.jobs, on_result=on_result, observe=lambda done, _: observe(done), **how
        )


def perform(
    args: Args,
    operation: Op,
    title: str,
    head: dict[str, object],
    lists: Mapping[str, str],
    lines: Callable[[Tally, Op], Iterable[str]],
    summary: Callable[[Tally, Op], Iterable[str]],
    *,
    base_path: str | None = None,
    inputs: Sequence[str | None] = (),
    outputs: Sequence[str | None] = (),
    wording: Callable[[FileResult], str] | None = None,
) -> int:
    """Do the operation on `args.operands` and report the results: in `lines` for one file, in a `summary` for a batch.

    Returns the exit status.  Options are those of `plan`, `run` and `report`.
    """
    found = plan(args, operation, base_path=base_path, inputs=inputs, outputs=outputs)
    tally = run(args, operation, found, title, wording)
    shown = (summary if found.many else lines)(tally, operation)
    return report(args, found, tally, head, lists, shown)


def report(
    args: Args,
    plan: Plan,
    tally: Tally,
    head: dict[str, object],
    lists: Mapping[str, str],
    lines: Iterable[str],
    *,
    needs_one: bool = True,
) -> int:
    """Print the results as JSON (`head`, then `records` by `lists`; on standard error if an output goes to standard output), or
    as `lines`.

    Returns the exit status.  A file with nothing to work on is a failure if it was named, and (`needs_one`) if all are such.
    """
    from btfkit.errors import printable

    without = tally.of(status.WITHOUT)
    named = [result for result in without if not plan.many or result.path in args.operands]
    for result in named:
        print(f"btfkit: {result.text}", file=sys.stderr)
    nothing = needs_one and bool(without) and len(without) == tally.total
    if nothing and not named:
        more = f" ({counted(len(without) - 1, 'more file')} likewise)" if len(without) > 1 else ""
        print(f"btfkit: {without[0].text}{more}", file=sys.stderr)
    if args.json:
        outputs = [job.output for job in plan.jobs]
        print_json({"schema": SCHEMA} | head | records(tally, lists), "-" if "-" in outputs else None)
    elif not args.quiet:
        for line in lines:
            print(printable(line), file=sys.stderr)
    return FAILED if tally.count(status.FAILED) or named or nothing else DONE


def records(tally: Tally, lists: Mapping[str, str]) -> dict[str, list[Any]]:
    """The lists of a report: `lists` gives the status for each name; files that are done are listed with their records, others
    with the path, and at the end all that failed."""
    found: dict[str, list[Any]] = {}
    for name, which in lists.items():
        results = tally.of(which)
        found[name] = [one.record.as_json() if which == status.DONE and one.record else one.path for one in results]
    found["failed"] = [
        {"path": one.path, "error": one.text, **(one.record.as_json() if one.record is not None else {})}
        for one in tally.of(status.FAILED)
    ]
    return found


def totals(first: str, tally: Tally, others: Mapping[str, str]) -> str:
    """The line of a summary: `first`, the number of signatures removed, and the number of files for each status in `others`."""
    parts = [first]
    done = tally.of(status.DONE)
    if done and (signed := tally.sum("signature_stripped")):
        parts.append(f"{counted(signed, 'signature')} removed")
    parts += [f"{tally.count(which):,} {text}" for which, text in others.items() if tally.count(which)]
    return ", ".join(parts)


def read_from(path: str) -> str:
    """The name of an input in messages."""
    from btfkit.files.container import source_name

    return source_name(path)


def where(output: str) -> str:
    """The name of an output in messages."""
    return "standard output" if output == "-" else output


def arrays_followed(style: str | None) -> Iterator[str]:
    """What was done to arrays of arrays, if the base has them in another `style` ("flat", "nested")."""
    if style == "flat":
        yield "arrays of arrays are now flat, as in the base (pahole before 1.32)"
    elif style == "nested":
        yield "flat arrays were matched with the base's arrays of arrays (pahole 1.32 and later)"


def notes(record: Any) -> Iterator[str]:
    """Notes on a file that was rewritten."""
    if getattr(record, "unpacked", False):
        yield f"{where(record.output)} is raw BTF: the file that contains it is not rewritten"
    if section := getattr(record, "base_removed", None):
        yield f"reconciled to the base: {section} removed, so it fits this kernel only (`btfkit distill` makes a new one)"
    if record.signature_stripped:
        yield SIGNATURE_REMOVED
