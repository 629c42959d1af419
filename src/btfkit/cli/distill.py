"""`btfkit distill`: give modules a small base of their own, so that their BTF outlives the kernel that they were built with."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.file_ops.distill import SECTIONS, DistilledFile, DistillFiles
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

NOT_FOR_KERNELS = (
    "kernels take names and sizes only, hardly ever a base that holds more: "
    "`btfkit reconcile` the module before it is loaded"
)
LISTS = {"modules": DONE, "distilled_already": SAME, "without_btf": WITHOUT}


def run(args: Args) -> int:
    """Distill one module, or many, and report what became of them."""
    if not args.base:
        raise UsageError("no base: use -B with the vmlinux that the modules were built with")
    if args.only_used and not args.used_by:
        raise UsageError("--only-used goes with --used-by")
    operation = DistillFiles(
        args.base,
        policy=args.policy or "distilled",
        used_by=args.used_by,
        only_used=args.only_used,
        section=args.section,
        strip_signature=args.strip_signature,
        prove=not args.no_verify,
    )
    plan = file_work.plan(args, operation, base_path=args.base_out, inputs=args.used_by, outputs=[args.base_out])
    tally = file_work.run(args, operation, plan, "distilling")
    head = {"schema": 1, "base": args.base, "policy": operation.policy, "section": operation.section}
    return file_work.report(
        args,
        plan,
        tally,
        lambda: head | file_work.records(tally, LISTS),
        _summary(tally, operation) if plan.many else _lines(tally, operation),
        without_is_failure=not args.in_place,
    )


def _records(tally: Tally) -> Iterator[DistilledFile]:
    for result in tally.of(DONE):
        assert isinstance(result.record, DistilledFile)
        yield result.record


def _lines(tally: Tally, operation: DistillFiles) -> Iterator[str]:
    for record in _records(tally):
        yield (
            f"{record.path}: {record.types:,} types; its base is now {record.base_types:,} types,"
            f" {record.base_bytes:,} bytes in {record.base_output or operation.section}, in place of {operation.base}"
        )
        yield from file_work.notes(record)
        if operation.policy != "distilled":
            yield NOT_FOR_KERNELS
        if lost := record.ids_lost:
            yield (
                f"of .BTF_ids, {', '.join(lost[:3])}{'...' if len(lost) > 3 else ''}: types of the kernel that the module's BTF"
                " does not refer to, 0 until `btfkit reconcile` finds them by name"
            )
    for result in tally.of(SAME):
        yield result.text


def _summary(tally: Tally, operation: DistillFiles) -> Iterator[str]:
    done = tally.count(DONE)
    first = f"{done:,} modules distilled"
    if done:
        types, size = tally.sum("base_types") / done, tally.sum("base_bytes") / done
        first += f" ({operation.policy}; a base of {types:,.1f} types, {size:,.0f} bytes on average)"
    yield file_work.counted(first, tally, {SAME: "distilled already", WITHOUT: "without BTF", FAILED: "failed"})
    lost = sum(1 for record in _records(tally) if record.ids_lost)
    if lost:
        yield f"{lost:,} with types in .BTF_ids that their BTF does not refer to: 0 until `btfkit reconcile` finds them by name"


COMMAND = Command(
    "distill",
    "give modules a small base, so that their BTF outlives kernel updates",
    run,
    operands="MODULE...",
    options=(
        BASE,
        file_work.MODULES_OUT,
        file_work.IN_PLACE,
        Option("--base-out", value="FILE", help="for raw BTF: where the distilled base goes (else OUT.base)"),
        Option(
            "--policy",
            value="POLICY",
            choices=tuple(SECTIONS),
            help="what the base holds of the kernel's types: distilled (names and sizes, the default), by-value (also"
            " definitions of all that the module holds by value), full (of all that it can reach)",
        ),
        Option("--section", value="NAME", help="the section of the base (.BTF.base; full: .BTF.base_minimal)"),
        Option("--used-by", value="OBJECT", many=True, help="keep also what this BPF object's relocations read"),
        Option("--only-used", help="with --used-by: keep nothing else"),
        file_work.STRIP,
        file_work.NO_VERIFY,
        JOBS,
        JSON,
    ),
    details="""MODULE is a .ko (packed or not), raw split BTF, or a directory of them; -B is the vmlinux that it was built with.

  btfkit distill my.ko -B vmlinux --in-place         as kbuild does it for external modules since Linux 6.11
  btfkit distill -B vmlinux /lib/modules/R -o out    a whole directory; the files keep their places
  btfkit distill my.btf -B vmlinux -o my.split --base-out my.base

Then `btfkit reconcile` puts the module on any kernel, and `btfkit explain` shows what a kernel makes of it.""",
)
