"""`btfkit sort`: types by name, as recent kernels have them, so that a look-up is a binary search."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT
from btfkit.file_ops.sort import SortedFile, SortFiles, sort_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Sort one file, or many, or a kernel with its modules, and report what became of them."""
    if args.modules:
        return _kernel(args)
    operation = SortFiles(args.base, strip_signature=args.strip_signature)
    plan = file_work.plan(args, operation)
    tally = file_work.run(args, operation, plan, "sorting")
    head = {"schema": 1, "base": args.base}
    lines = _summary(tally, "files") if plan.many else _lines(tally)
    return file_work.report(args, plan, tally, lambda: head | file_work.records(tally, LISTS), lines)


def _kernel(args: Args) -> int:
    """A vmlinux and its modules: the vmlinux's own types get other ids, so every module has to follow."""
    from btfkit.work.files import plan_kernel

    if len(args.operands) != 1 or args.base:
        raise UsageError("with -m there is one INPUT, the vmlinux that the modules are split on, and no -B")
    if bool(args.output) == bool(args.in_place) or args.output == "-":
        raise UsageError("no output: use -o DIRECTORY, or --in-place")
    path = args.operands[0]
    operation = SortFiles(path, follow=True, strip_signature=args.strip_signature)
    plan, to = plan_kernel(path, args.modules, None if args.in_place else args.output)
    file_work.refuse_plan(plan, [] if args.in_place else [path], [to], in_place=args.in_place)
    tally = file_work.run(args, operation, plan, "sorting")
    kernel = sort_file(path, None, to, strip_signature=args.strip_signature)  # last: it may be in place
    head = {"schema": 1, "base": kernel.as_json()}
    lines = [*_file_lines(kernel), *_summary(tally, "modules")]
    if tally.count(FAILED):
        lines.append("those that failed still have the ids of the old vmlinux: they do not go with the sorted one")
    return file_work.report(args, plan, tally, lambda: head | file_work.records(tally, LISTS), lines)


def _lines(tally: Tally) -> Iterator[str]:
    for result in tally.of(DONE):
        assert isinstance(result.record, SortedFile)
        yield from _file_lines(result.record)


def _file_lines(record: SortedFile) -> Iterator[str]:
    what = "were sorted already" if record.sorted_already else "by name"
    if record.anonymous:
        what += f", {record.anonymous:,} anonymous ones first"
    yield f"{file_work.where(record.output)}: {record.types:,} types {what}"
    yield from file_work.notes(record)


def _summary(tally: Tally, what: str) -> Iterator[str]:
    first = f"{tally.count(DONE):,} {what} sorted"
    if same := tally.sum("sorted_already"):
        first += f", {same:,} of them were so already"
    yield file_work.counted(first, tally, {WITHOUT: "without BTF", FAILED: "failed"})


COMMAND = Command(
    "sort",
    "put types in the order of their names, as recent kernels have them",
    run,
    operands="INPUT...",
    options=(
        BASE,
        Option(
            "-m",
            "--modules",
            value="FILE_OR_DIR",
            many=True,
            help="INPUT is a vmlinux, these are its modules: their references follow it, and they are sorted too",
        ),
        file_work.MODULES_OUT,
        file_work.IN_PLACE,
        file_work.STRIP,
        JOBS,
        JSON,
    ),
    details="""INPUT is BTF in any container.  Raw BTF, BPF objects and modules (packed or not) come out as the same file with
other BTF in it, .BTF.ext and .BTF_ids renumbered; of a kernel's file the raw BTF comes out.  With -B the INPUTs are split on
that base, which stays as it is.

  btfkit sort vmlinux.btf -o sorted.btf
  btfkit sort nf_conntrack.ko -B vmlinux -o sorted.ko
  btfkit sort vmlinux -m /lib/modules/R -o out              the kernel with all its modules""",
)
