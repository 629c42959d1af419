"""`sanitize` of files: BTF for older kernels and tools."""

from __future__ import annotations

import os

from btfkit.btf_file import BtfFile, SharedBase, as_btf
from btfkit.file_ops.operation import DONE, FileOperation, FileResult, one_file, signature_stripped
from btfkit.file_ops.record import Record
from btfkit.files.write import refuse_overwriting, write_all
from btfkit.passes.features import NAMES, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.passes.sanitize import Sanitized

JUDGED = 20_000  # a BTF with more own types is not judged by the rules of the target kernel


class LostFeature(Record):
    """A `feature` that was removed: how many `types` were replaced, and the names of some."""

    feature: str
    types: int
    examples: list[str]


class SanitizedFile(Record):
    """A file without the features: what was `lost`, whether its base has changed too, and what the target kernel would still
    reject (`refused`)."""

    path: str
    output: str
    types: int
    bytes: int
    lost: list[LostFeature]
    base_changed: bool
    signature_stripped: bool
    unpacked: bool
    base_removed: str | None = None
    refused: list[str]


class _State:
    """The base of all files as given, and sanitized; both None without a base."""

    __slots__ = ("sanitized", "shared")

    def __init__(self, sanitized: Sanitized | None) -> None:
        self.sanitized = sanitized
        self.shared = SharedBase(sanitized.of) if sanitized is not None else None


class SanitizeFiles(FileOperation):
    """Sanitize files; options are those of `sanitize_file`."""

    def __init__(
        self,
        target: str | None = None,
        base: Base | None = None,
        *,
        without: Iterable[str] = (),
        strip_signature: bool = False,
    ) -> None:
        self.target = target
        missing = Target(target).missing() if target else ()
        wanted = [*without]
        self.without = [name for name in NAMES if name in wanted or name in missing]
        self.without += [name for name in wanted if name not in NAMES]  # the pass rejects them
        self.base = base
        self.strip_signature = strip_signature

    def prepare(self) -> _State:
        """Read the base and sanitize it."""
        return _State(self.sanitized_base())

    def sanitized_base(self) -> Sanitized | None:
        """The base without the features, or None."""
        from btfkit.passes.sanitize import sanitize

        return None if self.base is None else sanitize(as_btf(self.base), self.without)

    def work_on(self, state: _State, file: BtfFile, job: FileJob) -> FileResult:
        """Sanitize one file."""
        from btfkit.passes.sanitize import sanitize

        found = file.resolve(state.shared)
        result = sanitize(found.btf, self.without, base=state.sanitized)
        own = file.base is not None and not found.was_reconciled
        moved = result.base is not None and result.base.moves
        contents = file.contents(
            job.output,
            result.btf,
            found.following(result.ids) if moved or found.was_reconciled else None,
            base=result.base.btf if own and result.base is not None else None,
            strip_signature=self.strip_signature,
        )
        write_all(contents)
        record = SanitizedFile(
            path=job.path,
            output=job.output,
            types=len(result.btf.positions),
            bytes=len(result.btf.blob),
            lost=[LostFeature(feature=one.feature, types=one.count, examples=one.examples) for one in result.lost],
            base_changed=result.report.base_changed,
            signature_stripped=signature_stripped(file),
            unpacked=not file.rewritable,
            base_removed=file.base_section if found.was_reconciled else None,
            refused=self._refused(result.btf),
        )
        return FileResult(job.path, DONE, record=record)

    def _refused(self, btf: Btf) -> list[str]:
        """What the target kernel would still reject, for BTF of a program's size."""
        target = Target(self.target) if self.target else None
        if target is None or target.kernel is None or len(btf.positions) > JUDGED or btf.base is not None:
            return []
        from btfkit.judges.kernel import UNSIZED_SECTION, kernel_rules

        found = kernel_rules(btf, release=target.kernel)
        return [str(finding) for finding in found if finding.severity == "error" and finding.rule != UNSIZED_SECTION]


def sanitize_file(
    path: Path,
    target: str | None = None,
    base: Base | None = None,
    output: Path | None = None,
    *,
    in_place: bool = False,
    base_output: str | None = None,
    without: Iterable[str] = (),
    strip_signature: bool = False,
) -> SanitizedFile:
    """Remove from the BTF in `path` (in any container), split on `base` if given, what `target` ("5.10", "libbpf:0.6",
    "bpftool:7.1") does not support and the features `without`, and write the file to `output`, or with `in_place` change the
    file itself.

    The base, sanitized the same way, goes to `base_output`.  Raises UnsupportedError for an unknown target or feature and for a
    signed module without `strip_signature`, ChainError for another base, and what `open` does.
    """
    operation = SanitizeFiles(target, base, without=without, strip_signature=strip_signature)
    if base_output is not None:
        places = [os.fspath(one) for one in (path, base, output) if isinstance(one, str | os.PathLike)]
        refuse_overwriting([base_output], places)
    record: SanitizedFile = one_file(operation, path, output, in_place)
    if base_output is not None and (sanitized := operation.sanitized_base()) is not None:
        write_all({base_output: sanitized.btf.to_bytes()})
    return record
