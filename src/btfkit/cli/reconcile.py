"""`btfkit reconcile`: put distilled modules on the kernel that will load them, and prove it."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.options import Command, Option, UsageError
from btfkit.errors import VerificationError, counted
from btfkit.file_ops.operation import DONE, FAILED, SAME, WITHOUT
from btfkit.file_ops.reconcile import OTHER, RAW_WITHOUT_BASE, OtherRules, ReconciledFile, ReconcileFiles, RefusedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.cli.options import Args
    from btfkit.file_ops.operation import FileResult
    from btfkit.work.files import Tally

LISTS = {"modules": DONE, "on_this_base_already": SAME, "without_base": WITHOUT}


def run(args: Args) -> int:
    """Reconcile one module, or many, and report the results."""
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
    return file_work.perform(
        args,
        operation,
        "reconciling",
        {"base": args.base, "rules": operation.rules},
        LISTS,
        _lines,
        _summary,
        base_path=args.distilled_base,
        inputs=[args.distilled_base],
        wording=_wording,
    )


def _wording(result: FileResult) -> str:
    """The error, the option that would help, and whether the other rules would accept the module."""
    record = result.record
    if result.status == WITHOUT and RAW_WITHOUT_BASE in result.text:
        return result.text.replace(RAW_WITHOUT_BASE, f"{RAW_WITHOUT_BASE} (--distilled-base)")
    if isinstance(result.error, VerificationError):
        return result.text.replace("without the proof it is written", "--no-verify writes it")
    if not isinstance(record, RefusedFile) or not record.other_rules.fits:
        return result.text
    if record.other_rules.rules == "upstream":
        return result.text + " (the kernel's own rules, --rules upstream, would accept it)"
    return result.text + " (the strict rules accept it: these are defects of the kernel's rules)"


def _lines(tally: Tally, operation: ReconcileFiles) -> Iterator[str]:
    for record in tally.records(ReconciledFile):
        where = file_work.where(record.output)
        types = counted(record.types, "type")
        yield f"{file_work.read_from(record.path)}: {types}, now on {operation.base}; written to {where}"
        yield from file_work.notes(record)
        if record.carried:
            yield f"it keeps its own {', '.join(record.carried)}, which has another signedness in this kernel"
        for note in (record.notes or [])[:5]:
            yield f"note: {note['message']}; only through pointers"
        if record.ids_lost:
            yield f".BTF_ids: not in this kernel, now 0: {', '.join(record.ids_lost)}"
        if not record.other_rules.fits:
            yield _difference(record.other_rules, operation.rules)
    for result in tally.of(SAME):
        yield result.text


def _difference(other: OtherRules, rules: str) -> str:
    first = other.findings[0]["message"]
    if other.findings[0]["reason"] == "not-distilled" and rules == "strict":
        first = "they accept names and sizes only, not definitions (policy by-value or full)"
    more = f" and {len(other.findings) - 1} more" if len(other.findings) > 1 else ""
    if rules == "strict":
        return f"with .BTF.base, the kernel's own rules (upstream) would reject it: {first}{more}; as written, they accept it"
    return f"warning: the strict rules reject it: {first}{more}"


def _summary(tally: Tally, operation: ReconcileFiles) -> Iterator[str]:
    yield file_work.totals(
        f"{counted(tally.count(DONE), 'module')} now on {operation.base}",
        tally,
        {SAME: "on it already", WITHOUT: "without .BTF.base, unchanged", FAILED: "failed, unchanged"},
    )
    done = tally.records(ReconciledFile)
    if carried := sum(1 for record in done if record.carried):
        yield f"{carried:,} keep their own char, which has another signedness in this kernel"
    other = OTHER[operation.rules]
    if refused := [record.other_rules for record in done if not record.other_rules.fits]:
        yield f"{len(refused):,} would be rejected by the {other} rules: {_frequent_types(refused)}"
    if accepted := sum(1 for record in tally.records(RefusedFile, FAILED) if record.other_rules.fits):
        yield f"{accepted:,} of those that failed would be accepted by the {other} rules"


def _frequent_types(refused: Sequence[OtherRules]) -> str:
    """The types of the findings, the most frequent first."""
    counts: dict[object, int] = {}
    for other in refused:
        for name in {finding["type"] for finding in other.findings}:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return ", ".join(f"{name} ({count:,})" for name, count in ranked[:4]) + (", ..." if len(ranked) > 4 else "")


COMMAND = Command(
    "reconcile",
    "rewrite the BTF of distilled modules for another kernel",
    run,
    operands="MODULE...",
    options=file_work.rewriting(
        Option(
            "--distilled-base", value="FILE", help="the file with the distilled base of raw BTF (default: FILE.base)"
        ),
        Option(
            "--section",
            value="NAME",
            help="the section of the distilled base (default: .BTF.base or .BTF.base_minimal)",
        ),
        Option(
            "--rules",
            value="RULES",
            choices=("strict", "upstream"),
            help="strict (the default): correct matches only; upstream: as the kernel and libbpf do, defects included",
        ),
    ),
    details="""\
MODULE is a .ko (compressed or not) or raw split BTF with a base made by `btfkit distill` (or by kbuild, since Linux
6.11), or a directory of them; -B is the vmlinux of the kernel that will load it, in any container.  The section of the base is
removed, so the module loads on this kernel whether or not the kernel supports .BTF.base.  Modules that do not fit are left
unchanged, and the exit status is 3.

  btfkit reconcile my.ko -B /sys/kernel/btf/vmlinux -o /lib/modules/R/updates/my.ko""",
)
