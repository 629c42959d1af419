"""`btfkit distill`: give modules a small base of their own, so that their BTF survives kernel updates."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import Command, Option, UsageError
from btfkit.errors import counted
from btfkit.file_ops.distill import SECTIONS, DistilledFile, DistillFiles
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

NOT_FOR_KERNELS = (
    "kernels accept a base of names and sizes, hardly ever one with definitions: "
    "run `btfkit reconcile` on the module before it is loaded"
)
LISTS = {"modules": DONE, "distilled_already": SAME, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Distill one module, or many, and report the results."""
    if not args.base:
        raise UsageError("no base: use -B with the vmlinux that the modules were built with")
    if args.only_used and not args.used_by:
        raise UsageError("--only-used needs --used-by")
    operation = DistillFiles(
        args.base,
        policy=args.policy or "distilled",
        used_by=args.used_by,
        only_used=args.only_used,
        section=args.section,
        strip_signature=args.strip_signature,
        prove=not args.no_verify,
    )
    return file_work.perform(
        args,
        operation,
        "distilling",
        {"base": args.base, "policy": operation.policy, "section": operation.base_section},
        LISTS,
        _lines,
        _summary,
        base_path=args.base_out,
        inputs=args.used_by,
    )


def _lines(tally: Tally, operation: DistillFiles) -> Iterator[str]:
    for record in tally.records(DistilledFile):
        base_in = record.base_output or operation.base_section
        yield (
            f"{file_work.read_from(record.path)}: {counted(record.types, 'type')}; its base is now"
            f" {counted(record.base_types, 'type')}, {record.base_bytes:,} bytes in {base_in}, in place of {operation.base}"
        )
        if record.was_distilled:
            yield f"it had a distilled base ({record.was_distilled}) and was reconciled to {operation.base} first"
        yield from file_work.notes(record)
        if operation.policy != "distilled":
            yield NOT_FOR_KERNELS
        if lost := record.ids_lost:
            yield (
                f"of .BTF_ids, {', '.join(lost[:3])}{'...' if len(lost) > 3 else ''}: types of the kernel that the module's BTF"
                " does not refer to; 0 until `btfkit reconcile` finds them by name"
            )
    for result in tally.of(SAME):
        yield result.text


def _summary(tally: Tally, operation: DistillFiles) -> Iterator[str]:
    done = tally.count(DONE)
    first = f"{counted(done, 'module')} distilled"
    if done:
        types, size = tally.sum("base_types") / done, tally.sum("base_bytes") / done
        average = f"{types:,.1f} types, {size:,.0f} bytes on average"
        base = (
            average
            if done > 1
            else f"{counted(tally.sum('base_types'), 'type')}, {counted(tally.sum('base_bytes'), 'byte')}"
        )
        first += f" ({operation.policy}; a base of {base})"
    yield file_work.totals(first, tally, {SAME: "already distilled", WITHOUT: "without BTF", FAILED: "failed"})
    lost = sum(1 for record in tally.records(DistilledFile) if record.ids_lost)
    if lost:
        yield f"{lost:,} with types in .BTF_ids that their BTF does not refer to: 0 until `btfkit reconcile` finds them by name"


COMMAND = Command(
    "distill",
    "give modules a small base, so that BTF survives kernel updates",
    run,
    operands="MODULE...",
    options=file_work.rewriting(
        Option("--base-out", value="FILE", help="for raw BTF: the file for the distilled base (default: OUT.base)"),
        Option(
            "--policy",
            value="POLICY",
            choices=tuple(SECTIONS),
            help="what the base contains of the kernel's types: distilled (names and sizes, the default), by-value (also the"
            " definitions of types that the module contains by value), full (of all types that it can reach)",
        ),
        Option(
            "--section", value="NAME", help="the section for the base (default: .BTF.base; full: .BTF.base_minimal)"
        ),
        Option(
            "--used-by",
            value="OBJECT",
            many=True,
            help="also keep what this BPF object reads; may be repeated",
        ),
        Option("--only-used", help="with --used-by: keep only that"),
    ),
    details="""\
MODULE is a .ko (compressed or not), raw split BTF, or a directory of them; -B is the vmlinux that it was built with.

  btfkit distill my.ko -B vmlinux --in-place         as kbuild does for external modules since Linux 6.11
  btfkit distill -B vmlinux /lib/modules/R -o out    a whole directory; files keep their relative paths
  btfkit distill my.btf -B vmlinux -o my.split --base-out my.base

Then `btfkit reconcile` puts the module on any kernel, and `btfkit explain` shows whether a kernel accepts it.""",
)
