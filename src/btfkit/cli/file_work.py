"""What the commands on many files share: options, where outputs go, progress, and the report of what became of the files."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import Option, UsageError, refuse_overwriting
from btfkit.errors import BtfError
from btfkit.file_ops import operation as status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.file_ops.operation import FileOperation, FileResult
    from btfkit.work.files import Plan, Tally
    from btfkit.work.job import Work

SCHEMA = 1
MODULES_OUT = Option(
    "-o", "--output", value="OUT", help="the file to write, or the directory for several modules ('-': standard output)"
)
IN_PLACE = Option("--in-place", help="change the files themselves")
STRIP = Option("--strip-signature", help="remove the signature of a signed module, which is no longer valid")
NO_VERIFY = Option("--no-verify", help="do not prove the result before it is written")
SIGNATURE_REMOVED = "signature removed (no longer valid); sign the module again where kernels demand it"


def plan(
    args: Args,
    operation: FileOperation,
    *,
    base_path: str | None = None,
    inputs: Sequence[str | None] = (),
    outputs: Sequence[str | None] = (),
) -> Plan:
    """Where the output of each of `args.operands` goes, by -o and --in-place; raises UsageError, also where it is one of the
    other `inputs`, or of `outputs`."""
    from btfkit.work.files import plan_files

    if bool(args.output) == bool(args.in_place):
        raise UsageError("no output: use -o FILE (a directory for several modules), or --in-place")
    operands = args.operands
    many = len(operands) > 1 or (operands[0] != "-" and os.path.isdir(operands[0]))
    if many and args.output == "-":
        raise UsageError("several modules: -o has to be a directory")
    if many and base_path:
        raise UsageError(
            "several modules, each with a base of its own: it is looked for, or written, beside each as FILE.base"
        )
    if args.in_place and "-" in operands:
        raise UsageError("standard input cannot be changed in place")
    output = None if args.in_place else args.output
    found = plan_files(operands, output, base_path=base_path, base_beside_output=operation.base_beside_output)
    refuse_plan(found, [args.base, *inputs], outputs, in_place=args.in_place)
    return found


def refuse_plan(
    plan: Plan, inputs: Sequence[str | None], outputs: Sequence[str | None] = (), *, in_place: bool = False
) -> None:
    """Raise UsageError where an output of the plan, or one of `outputs`, would take the place of an input; `in_place` the files
    of the plan are meant to be replaced."""
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
    """Do the operation on the files of the plan, with progress and errors on standard error; `wording` gives the text of one
    that failed or had nothing to work on."""
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


def report(
    args: Args,
    plan: Plan,
    tally: Tally,
    as_json: Callable[[], Mapping[str, Any]],
    lines: Iterable[str],
    *,
    without_is_failure: bool = True,
) -> int:
    """Print what became of the files, as JSON (on standard error where a result goes to standard output) or in `lines`.

    Returns the exit status; a single file that has nothing to work on counts as a failure, unless `without_is_failure` is false.
    """
    from btfkit.errors import printable

    alone = not plan.many and tally.count(status.WITHOUT)
    if alone:
        for result in tally.of(status.WITHOUT):
            print(f"btfkit: {result.text}", file=sys.stderr)
    if args.json:
        import json

        to_stdout = any(job.output == "-" for job in plan.jobs)
        print(json.dumps(as_json(), indent=2), file=sys.stderr if to_stdout else sys.stdout)
    elif not args.quiet:
        for line in lines:
            print(printable(line), file=sys.stderr)
    return FAILED if tally.count(status.FAILED) or (alone and without_is_failure) else DONE


def records(tally: Tally, lists: Mapping[str, str]) -> dict[str, list[Any]]:
    """The lists of a report: `lists` names for each the status of its files; those that are done come with their records, of
    others the path; at the end all that failed."""
    found: dict[str, list[Any]] = {}
    for name, which in lists.items():
        results = tally.of(which)
        found[name] = [one.record.as_json() if which == status.DONE and one.record else one.path for one in results]
    found["failed"] = [
        {"path": one.path, "error": one.text, **(one.record.as_json() if one.record is not None else {})}
        for one in tally.of(status.FAILED)
    ]
    return found


def counted(first: str, tally: Tally, others: Mapping[str, str]) -> str:
    """The line of a summary: `first`, signatures that were removed, and how many files came to each of `others`, by status."""
    parts = [first]
    done = tally.of(status.DONE)
    if done and (signed := tally.sum("signature_stripped")):
        parts.append(f"{signed:,} signatures removed")
    parts += [f"{tally.count(which):,} {text}" for which, text in others.items() if tally.count(which)]
    return ", ".join(parts)


def where(output: str) -> str:
    """An output, as messages call it."""
    return "standard output" if output == "-" else output


def notes(record: Any) -> Iterator[str]:
    """What is to be known of any file that was written anew."""
    if getattr(record, "unpacked", False):
        yield f"{where(record.output)} is the BTF alone: what it came in is not written anew"
    if record.signature_stripped:
        yield SIGNATURE_REMOVED
