"""`reconcile` of files: a distilled module is put on the kernel that will load it."""

from __future__ import annotations

from btfkit.btf_file import BtfFile, as_btf
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, ChainError
from btfkit.file_ops.operation import (
    DONE,
    FAILED,
    SAME,
    WITHOUT,
    FileOperation,
    FileResult,
    one_file,
    signature_stripped,
)
from btfkit.file_ops.record import Record
from btfkit.files.write import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.passes.rebase import NameIndex
    from btfkit.passes.reconcile import Misfit, Reconciled, Rules

RAW_WITHOUT_BASE = "raw BTF without a file for its distilled base"
OTHER: dict[Rules, Rules] = {"strict": "upstream", "upstream": "strict"}


class OtherRules(Record):
    """The judgement by the other rules: whether the module `fits`, and the findings if not."""

    rules: Rules
    fits: bool
    findings: list[dict[str, object]]


class ReconciledFile(Record):
    """A module on another kernel: `carried` are its own ints of another signedness, `notes` are changes that do not matter,
    `ids_lost` are names in `.BTF_ids` that the kernel does not have."""

    path: str
    output: str
    types: int
    bytes: int
    signature_stripped: bool
    other_rules: OtherRules
    carried: list[str] | None = None
    notes: list[dict[str, object]] | None = None
    ids_lost: list[str] | None = None


class RefusedFile(Record):
    """A module that does not fit by the `rules`: the `findings`, and the judgement by the other rules."""

    findings: list[dict[str, object]]
    rules: Rules
    other_rules: OtherRules


class ReconcileFiles(FileOperation):
    """Reconcile files; options are those of `reconcile_file`."""

    base: Base
    rules: Rules = "strict"
    distilled_base: Path | None = None
    section: str | None = None
    strip_signature: bool = False
    prove: bool = True

    def prepare(self) -> NameIndex:
        """Read the new base, and index it."""
        from btfkit.passes.rebase import NameIndex

        return NameIndex(as_btf(self.base))

    def work_on(self, state: NameIndex, file: BtfFile, job: FileJob) -> FileResult:
        """Reconcile one module."""
        from btfkit.errors import printable
        from btfkit.passes.reconcile import ReconcileError, reconcile

        file.demand_rewritable()
        file = self._with_base(file, job)
        if file.base is None:
            has_sections = file.elf is not None
            hint = "no .BTF.base section" if has_sections else RAW_WITHOUT_BASE
            text = f"{file.source}: {hint}; run `btfkit distill` with the vmlinux that the module was built with"
            return FileResult(job.path, WITHOUT, printable(text))
        try:
            split = file.btf()
        except ChainError:
            if not (job.in_place and _is_on(file, state.btf)):
                raise
            return FileResult(job.path, SAME, printable(f"{file.source}: already on this base"))
        try:
            result = reconcile(split, state, self.rules)
        except ReconcileError as error:
            refused = RefusedFile(
                findings=[finding_as_json(finding) for finding in error.findings],
                rules=self.rules,
                other_rules=self._by_other_rules(split, state),
            )
            return FileResult(job.path, FAILED, str(error.at(job.path)), refused, error)
        if self.prove:
            _prove(split, result)
        lost: list[str] = []
        ids = result.ids if file.elf is not None else None  # raw BTF has nothing else that refers to ids
        contents = file.contents(job.output, result.btf, ids, strip_signature=self.strip_signature, lost=lost)
        write_all(contents)
        record = ReconciledFile(
            path=job.path,
            output=job.output,
            types=len(result.btf.positions),
            bytes=len(result.btf.blob),
            signature_stripped=signature_stripped(file),
            other_rules=self._by_other_rules(split, state),
            carried=list(result.report.carried) or None,
            notes=[finding_as_json(finding) for finding in result.report.notes] or None,
            ids_lost=lost or None,
        )
        return FileResult(job.path, DONE, record=record)

    def _with_base(self, file: BtfFile, job: FileJob) -> BtfFile:
        """The file with its distilled base."""
        from os.path import exists

        base = self.distilled_base
        if base is None and file.elf is None and job.base_path and exists(job.base_path):
            base = job.base_path
        return (
            open_btf(file.container, distilled_base=base, base_section=self.section) if base or self.section else file
        )

    def _by_other_rules(self, split: Btf, index: NameIndex) -> OtherRules:
        from btfkit.passes.reconcile import findings

        rules = OTHER[self.rules]
        found = [finding_as_json(finding) for finding in findings(split, index, rules)]
        return OtherRules(rules=rules, fits=not found, findings=found)


def _is_on(file: BtfFile, base: Btf) -> bool:
    """Whether raw BTF was put on the new base before: its distilled base is still beside it."""
    if file.elf is not None:
        return False
    try:
        open_btf(file.container).btf(base)
    except BtfError:
        return False
    return True


def reconcile_file(
    path: Path,
    base: Base,
    output: Path | None = None,
    *,
    in_place: bool = False,
    rules: Rules = "strict",
    distilled_base: Path | None = None,
    section: str | None = None,
    strip_signature: bool = False,
    prove: bool = True,
) -> ReconciledFile:
    """Put the distilled module in `path` (a .ko, packed or not, or raw split BTF) on `base`, the vmlinux of the kernel that will
    load it, and write it to `output`, or with `in_place` change the file itself.

    The distilled base is in a section (`section`; ".BTF.base" or ".BTF.base_minimal" by default), which is removed, or in the
    file `distilled_base` (`path` with ".base" added, for raw BTF).  `rules` are those of `reconcile`.  Raises NotFoundError
    if there is no distilled base, ReconcileError if it does not fit, UnsupportedError for a signed module without
    `strip_signature`, VerificationError if the proof fails, and what `open` does.
    """
    operation = ReconcileFiles(
        base,
        rules=rules,
        distilled_base=distilled_base,
        section=section,
        strip_signature=strip_signature,
        prove=prove,
    )
    from os import fspath

    record: ReconciledFile = one_file(operation, path, output, in_place, fspath(path) + ".base")
    return record


def _prove(split: Btf, result: Reconciled) -> None:
    """Raise VerificationError if the result does not mean what the input did, as checked by other code."""
    from btfkit.errors import VerificationError
    from btfkit.judges.reconciled import compare

    comparison = compare(split, result.btf)
    if comparison:
        return
    why = "a bug in btfkit; please report it"
    if result.report.rules == "upstream":
        why = "the upstream rules accept it anyway; without the proof it is written"
    raise VerificationError(
        f"not written: the result differs in meaning: {comparison.differences[0]} ({why})", source=split.source
    )


def finding_as_json(finding: Misfit) -> dict[str, object]:
    """A finding for JSON."""
    from btfkit.btf.spec import kind_name

    found: dict[str, object] = {
        "reason": finding.reason,
        "type": finding.title,
        "type_id": finding.type_id,
        "message": str(finding),
        "embedded": finding.embedded,
    }
    if finding.type_id:
        found |= {
            "kind": kind_name(finding.kind),
            "held_in": finding.path or None,
            "size": finding.size,
            "sizes_now": list(finding.sizes),
            "kinds_now": [kind_name(kind) for kind in finding.kinds],
            "candidates": list(finding.candidates),
        }
    if finding.changes:
        found["changes"] = [
            {"path": change.path, "what": change.what, "then": change.then, "now": change.now}
            for change in finding.changes
        ]
    return found
