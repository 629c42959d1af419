"""`distill` of files: a module gets a small base of its own, in a section or (raw BTF) in a file."""

from __future__ import annotations

from btfkit.btf_file import MINIMAL_BASE_SECTION, BtfFile, Resolved, SharedBase, as_btf
from btfkit.errors import ChainError, FormatError, UnsupportedError
from btfkit.file_ops.operation import (
    DONE,
    SAME,
    FileOperation,
    FileResult,
    is_on_base_beside,
    one_file,
    signature_stripped,
)
from btfkit.file_ops.record import Record
from btfkit.files.write import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.judges.answers import AnswerDifference
    from btfkit.passes.distill import Distilled, Policy

SECTIONS = {"distilled": ".BTF.base", "by-value": ".BTF.base", "full": ".BTF.base_minimal"}
_DEFINITIONS = {"distilled": "none", "by-value": "by-value", "full": "full"}


class DistilledFile(Record):
    """A module with a base of its own: types and bytes of the base and of the split, before and after; `ids_lost` are names in
    `.BTF_ids` that the new base does not have; `was_distilled` is the section of the base that it had before, if any."""

    path: str
    output: str
    types: int
    moved: int
    base_types: int
    base_bytes: int
    bytes_before: int
    bytes: int
    signature_stripped: bool
    base_output: str | None = None
    was_distilled: str | None = None
    declarations_copied: int | None = None
    ids_lost: list[str] | None = None


class DistillFiles(FileOperation):
    """Distill files; options are those of `distill_file`."""

    base: Base
    policy: Policy = "distilled"
    used_by: Sequence[str | BpfObject] = ()
    only_used: bool = False
    section: str | None = None
    strip_signature: bool = False
    prove: bool = True

    @property
    def base_beside_output(self) -> bool:
        """The base of raw BTF is a file beside the output."""
        return True

    @property
    def base_section(self) -> str:
        """The section of the base: `section`, or that of the policy."""
        return self.section or SECTIONS[self.policy]

    def prepare(self) -> tuple[SharedBase, list[BpfObject]]:
        """Read the base and the objects."""
        from btfkit.co_re.program import load_objects

        shared = SharedBase(as_btf(self.base))
        objects: list[BpfObject] = []
        for one in self.used_by:
            objects += load_objects(one) if isinstance(one, str) else [one]
        return shared, objects

    def work_on(self, state: tuple[SharedBase, list[BpfObject]], file: BtfFile, job: FileJob) -> FileResult:
        """Distill one module."""
        from btfkit.passes.distill import distill

        shared, objects = state
        file.demand_rewritable()
        if job.in_place and file.base is not None and policy_of(file) == self.policy:
            return FileResult(job.path, SAME, f"{file.source}: already distilled ({file.base_section})")
        if file.elf is None and not job.base_path:
            raise UnsupportedError(
                "raw BTF becomes two files, and there is no file name for the base", source=file.source
            )
        try:
            found = file.resolve(shared) if file.base is not None else Resolved(_on_base(file, shared.btf))
        except ChainError:
            if not (job.in_place and is_on_base_beside(file, job)):
                raise
            return FileResult(job.path, SAME, f"{file.source}: already distilled ({job.base_path})")
        split = found.btf
        result = distill(split, self.policy, used_by=objects, keep="used" if self.only_used else "all")
        if self.prove:
            self._prove(split, result, objects)
        lost: list[str] = []
        contents = file.contents(
            job.output,
            result.btf,
            found.following(result.ids)
            if file.elf is not None
            else None,  # raw BTF has nothing else that refers to ids
            base=result.base,
            base_path=job.base_path,
            base_section=self.base_section,
            strip_signature=self.strip_signature,
            lost=lost,
        )
        write_all(contents)
        types, sizes = result.report.types, result.report.bytes
        record = DistilledFile(
            path=job.path,
            output=job.output,
            types=types["split"],
            moved=types["moved"],
            base_types=types["base"],
            base_bytes=sizes["base"],
            bytes_before=sizes["split"],
            bytes=sizes["distilled"],
            signature_stripped=signature_stripped(file),
            base_output=job.base_path if len(contents) > 1 else None,
            was_distilled=file.base_section,
            declarations_copied=len(result.report.declarations) or None,
            ids_lost=lost or None,
        )
        return FileResult(job.path, DONE, record=record)

    def _prove(self, split: Btf, result: Distilled, objects: list[BpfObject]) -> None:
        """Raise VerificationError if the result does not mean or answer what the input did."""
        from btfkit.errors import VerificationError
        from btfkit.judges.reconciled import compare

        wrong: list[object] = []
        if not self.only_used:
            # the kernel's base has all elements; the policy decides which of them the new one needs
            wrong += compare(split, result.btf, contents="none", definitions=_DEFINITIONS[self.policy]).differences
        if objects:
            wrong += _answered_otherwise(split, result, objects)
        if wrong:
            raise VerificationError(
                f"not written: the result differs in meaning: {wrong[0]} (a bug in btfkit; please report it)",
                source=split.source,
            )


def distill_file(
    path: Path,
    base: Base,
    output: Path | None = None,
    *,
    in_place: bool = False,
    base_output: Path | None = None,
    policy: Policy = "distilled",
    used_by: Sequence[str | BpfObject] = (),
    only_used: bool = False,
    section: str | None = None,
    strip_signature: bool = False,
    prove: bool = True,
) -> DistilledFile | None:
    """Give the module in `path` (a .ko, packed or not, or raw split BTF) a small base, made from its `base`, the vmlinux that it
    was built with, and write it to `output`, or with `in_place` change the file itself.

    `policy`, `used_by` (paths of BPF objects, or the objects) and `only_used` are those of `distill`.  The base goes to a
    section (`section`, ".BTF.base" by default), or for raw BTF to the file `base_output` (`output` with ".base" added).  A module
    that is distilled already is reconciled to `base` first; in place, None is returned and nothing changed if it was distilled
    by the same policy.  Raises UnsupportedError for a signed module without
    `strip_signature`, ChainError for another base, VerificationError if the proof fails, and what `open` does.
    """
    operation = DistillFiles(
        base,
        policy=policy,
        used_by=used_by,
        only_used=only_used,
        section=section,
        strip_signature=strip_signature,
        prove=prove,
    )
    record: DistilledFile | None = one_file(operation, path, output, in_place, base_output)
    return record


def policy_of(file: BtfFile) -> Policy:
    """The policy by which a module was distilled, as far as its base shows it."""
    from btfkit.btf import spec

    if file.base_section == MINIMAL_BASE_SECTION:
        return "full"
    kinds = spec.COMPOSITES | spec.ENUMS
    has_elements = file.base is not None and any(
        file.base.kind(i) in kinds and file.base.word(i, 1) & spec.MAX_VLEN for i in file.base.own_ids
    )
    return "by-value" if has_elements else "distilled"


def _on_base(file: BtfFile, base: Btf) -> Btf:
    """The module's BTF on the kernel's; raises ChainError, with the signs, if it was built with another kernel."""
    from btfkit.judges.on_kernel import examine

    try:
        return file.btf(base)
    except (ChainError, FormatError) as error:
        found = examine(bytes(file.container.btf), base, file.source)
        if found.unreadable or not found.count:
            raise error.at(file.source) from None
        raise ChainError(
            f"not built on {base.source or 'this base'}: {found}; the base must be the vmlinux that the module was built with",
            source=file.source,
        ) from None


def _answered_otherwise(split: Btf, result: Distilled, objects: list[BpfObject]) -> list[AnswerDifference]:
    """The relocations of `objects` whose answers differ from those on the kernel's base."""
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target
    from btfkit.judges.answers import compare

    original = Target(split.chain[0], split.chain[1:])
    return compare(objects, relocate(objects, original), original, Target(result.base, [result.btf])).differences
