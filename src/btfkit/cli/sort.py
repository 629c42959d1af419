"""`btfkit sort`: sort types by name, as recent kernels do, so that a lookup is a binary search."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import Command, Option, UsageError
from btfkit.errors import counted
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT
from btfkit.file_ops.sort import SortedFile, SortFiles, sort_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Sort one file, or many, or a kernel with its modules, and report the results."""
    if args.modules:
        return _kernel(args)
    operation = SortFiles(args.base, strip_signature=args.strip_signature)
    return file_work.perform(args, operation, "sorting", {"base": args.base}, LISTS, _lines, _summary)


def _kernel(args: Args) -> int:
    """A vmlinux and its modules: the types of the vmlinux get new ids, so every module must follow."""
    from btfkit.work.files import plan_kernel

    if len(args.operands) != 1 or args.base:
        raise UsageError("-m needs exactly one INPUT, the vmlinux that the modules are split on, and no -B")
    if args.in_place:  # a run that was interrupted would leave modules with the ids of a vmlinux that is not there
        raise UsageError("-m cannot be combined with --in-place: use -o DIRECTORY")
    if not args.output or args.output == "-":
        raise UsageError("no output: use -o DIRECTORY")
    path = args.operands[0]
    operation = SortFiles(path, follow=True, strip_signature=args.strip_signature)
    plan, to = plan_kernel(path, args.modules, args.output)
    file_work.refuse_plan(plan, [path], [to])
    tally = file_work.run(args, operation, plan, "sorting")
    kernel = sort_file(path, None, to, strip_signature=args.strip_signature)
    lines = [*_file_lines(kernel), *_summary(tally, operation)]
    if tally.count(FAILED):
        lines.append("those that failed still have the ids of the old vmlinux: do not use them with the sorted one")
    return file_work.report(args, plan, tally, {"base": kernel.as_json()}, LISTS, lines, needs_one=False)


def _lines(tally: Tally, _: SortFiles) -> Iterator[str]:
    for record in tally.records(SortedFile):
        yield from _file_lines(record)


def _file_lines(record: SortedFile) -> Iterator[str]:
    what = "were already sorted" if record.sorted_already else "sorted by name"
    if record.anonymous:
        what += f", {counted(record.anonymous, 'anonymous type')} first"
    yield f"{file_work.where(record.output)}: {counted(record.types, 'type')} {what}"
    yield from file_work.notes(record)


def _summary(tally: Tally, operation: SortFiles) -> Iterator[str]:
    first = f"{counted(tally.count(DONE), 'module' if operation.follow else 'file')} sorted"
    if same := tally.sum("sorted_already"):
        first += f", {same:,} of them already sorted"
    yield file_work.totals(first, tally, {WITHOUT: "without BTF", FAILED: "failed"})


COMMAND = Command(
    "sort",
    "sort types by name, as recent kernels do",
    run,
    operands="INPUT...",
    options=file_work.rewriting(
        Option(
            "-m",
            "--modules",
            value="FILE_OR_DIR",
            many=True,
            help="modules of the vmlinux INPUT: they are sorted too, and refer to its new ids; may be repeated",
        ),
        proves=False,
    ),
    details="""\
INPUT is BTF in any container.  Raw BTF, BPF objects and modules (compressed or not) are rewritten with the new BTF, and .BTF.ext
and .BTF_ids are updated; for a kernel file, the output is raw BTF.  With -B, the INPUTs are split on that base, which does not
change.

  btfkit sort vmlinux.btf -o sorted.btf
  btfkit sort nf_conntrack.ko -B vmlinux -o sorted.ko
  btfkit sort vmlinux -m /lib/modules/R -o out              a kernel with all its modules""",
)
