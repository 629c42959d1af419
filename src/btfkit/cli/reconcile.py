"""`btfkit reconcile`: put modules that were distilled on the kernel that is to load them, and prove it."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.errors import VerificationError
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT
from btfkit.file_ops.reconcile import OTHER, RAW_WITHOUT_BASE, OtherRules, ReconciledFile, ReconcileFiles, RefusedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.cli.options import Args
    from btfkit.file_ops.operation import FileResult
    from btfkit.work.files import Tally

LISTS = {"modules": DONE, "without_base": WITHOUT}


def run(args: Args) -> int:
    """Reconcile one module, or many, and report what became of them."""
    if not args.base:
        raise UsageError("no kernel: use -B with its vmlinux")
    operation = ReconcileFiles(
        args.base,
        rules=args.rules or "strict",
        distilled_base=args.distilled_base,
        section=args.section,
        strip_signature=args.strip_signature,
        prove=not args.no_verify,
    )
    plan = file_work.plan(args, operation, base_path=args.distilled_base, inputs=[args.distilled_base])
    tally = file_work.run(args, operation, plan, "reconciling", _wording)
    head = {"schema": 1, "base": args.base, "rules": operation.rules}
    return file_work.report(
        args,
        plan,
        tally,
        lambda: head | file_work.records(tally, LISTS),
        _summary(tally, operation) if plan.many else _lines(tally, operation),
    )


def _wording(result: FileResult) -> str:
    """What went wrong, which option would help, and whether the other rules would take the module."""
    record = result.record
    if result.status == WITHOUT and RAW_WITHOUT_BASE in result.text:
        return result.text.replace(RAW_WITHOUT_BASE, f"{RAW_WITHOUT_BASE} (--distilled-base)")
    if isinstance(result.error, VerificationError):
        return result.text.replace("without the proof it is written", "--no-verify writes it")
    if not isinstance(record, RefusedFile) or not record.other_rules.fits:
        return result.text
    if record.other_rules.rules == "upstream":
        return result.text + " (the kernel's own rules, --rules upstream, would let this pass)"
    return result.text + " (the strict rules take it: these are defects of the kernel's rules)"


def _lines(tally: Tally, operation: ReconcileFiles) -> Iterator[str]:
    for result in tally.of(DONE):
        record = result.record
        assert isinstance(record, ReconciledFile)
        yield f"{result.path}: {record.types:,} types, now on {operation.base}; written to {record.output}"
        yield from file_work.notes(record)
        if record.carried:
            yield f"it keeps its own {', '.join(record.carried)}, which this kernel has with another signedness"
        for note in (record.notes or [])[:5]:
            yield f"note: {note['message']}; only through pointers"
        if record.ids_lost:
            yield f"in .BTF_ids, not in this kernel and now 0: {', '.join(record.ids_lost)}"
        if not record.other_rules.fits:
            yield _difference(record.other_rules, operation.rules)


def _difference(other: OtherRules, rules: str) -> str:
    first = other.findings[0]["message"]
    if other.findings[0]["reason"] == "not-distilled" and rules == "strict":
        first = "it takes names and sizes only there, not definitions (policy by-value or full)"
    more = f" and {len(other.findings) - 1} more" if len(other.findings) > 1 else ""
    if rules == "strict":
        return f"with its .BTF.base the kernel itself (rules upstream) would refuse it: {first}{more}; as written it does not"
    return f"beware: the strict rules refuse it: {first}{more}"


def _summary(tally: Tally, operation: ReconcileFiles) -> Iterator[str]:
    yield file_work.counted(
        f"{tally.count(DONE):,} modules now on {operation.base}",
        tally,
        {WITHOUT: "without .BTF.base, unchanged", FAILED: "failed, unchanged"},
    )
    done = [result.record for result in tally.of(DONE) if isinstance(result.record, ReconciledFile)]
    if carried := sum(1 for record in done if record.carried):
        yield f"{carried:,} keep their own char, which this kernel has with another signedness"
    other = OTHER[operation.rules]
    if refused := [record.other_rules for record in done if not record.other_rules.fits]:
        yield f"{len(refused):,} that the rules {other} would refuse: {_frequent_types(refused)}"
    failed = [result.record for result in tally.of(FAILED) if isinstance(result.record, RefusedFile)]
    if taken := sum(1 for record in failed if record.other_rules.fits):
        yield f"{taken:,} of the failed would pass by the rules {other}"


def _frequent_types(refused: Sequence[OtherRules]) -> str:
    """On what types the findings are, the most frequent first."""
    counts: dict[object, int] = {}
    for other in refused:
        for name in {finding["type"] for finding in other.findings}:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return ", ".join(f"{name} ({count:,})" for name, count in ranked[:4]) + (", ..." if len(ranked) > 4 else "")


COMMAND = Command(
    "reconcile",
    "put distilled modules on another kernel, so that it takes their BTF",
    run,
    operands="MODULE...",
    options=(
        BASE,
        file_work.MODULES_OUT,
        file_work.IN_PLACE,
        Option("--distilled-base", value="FILE", help="the distilled base, where it is not a section (else FILE.base)"),
        Option("--section", value="NAME", help="the section of the distilled base (.BTF.base, .BTF.base_minimal)"),
        Option(
            "--rules",
            value="RULES",
            choices=("strict", "upstream"),
            help="strict (the default): what is right; upstream: what the kernel and libbpf do, defects included",
        ),
        file_work.STRIP,
        file_work.NO_VERIFY,
        JOBS,
        JSON,
    ),
    details="""MODULE is a .ko (packed or not) or raw split BTF that `btfkit distill` (or kbuild, since Linux 6.11) has given a
base, or a directory of them; -B is the vmlinux of the kernel that is to load it, in any container.  The section of the base is
removed: the module then loads on this kernel whether that knows .BTF.base or not.  What does not fit stays as it was, and the
exit status is 3.

  btfkit reconcile my.ko -B /sys/kernel/btf/vmlinux -o /lib/modules/R/updates/my.ko""",
)
