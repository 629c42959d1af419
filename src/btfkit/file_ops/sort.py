"""`sort` of files: types by name, and everything that refers to their ids."""

from __future__ import annotations

from btfkit.btf_file import BtfFile, SharedBase
from btfkit.file_ops.operation import DONE, FileOperation, FileResult, as_shared, one_file, signature_stripped
from btfkit.file_ops.record import Record
from btfkit.files.write import write_all
from btfkit.passes.permute import SortReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.passes.idmap import Dense


class SortedFile(Record):
    """A file with its types by name, `anonymous` ones first; `unpacked` if only the BTF of a kernel file was written."""

    path: str
    output: str
    types: int
    anonymous: int
    sorted_already: bool
    signature_stripped: bool
    unpacked: bool
    base_removed: str | None = None


class _State:
    """The base of all files, and the sorted base if the files follow it."""

    __slots__ = ("ids", "new", "shared")

    def __init__(self, shared: SharedBase | None, follow: bool) -> None:
        from btfkit.passes.permute import by_name, permute

        self.shared = shared
        self.new: Btf | None = None
        self.ids: Dense | None = None
        if follow and shared is not None:
            self.new, self.ids = permute(shared.btf, by_name(shared.btf))

    def sorted(self, btf: Btf) -> tuple[Btf, Dense]:
        """A file's BTF, sorted, on the sorted base if it follows that."""
        from btfkit.passes.permute import by_name, permute, sort_on

        if self.shared is not None and self.new is not None and self.ids is not None and btf.base is self.shared.btf:
            return sort_on(btf, self.shared.btf, self.new, self.ids)
        return permute(btf, by_name(btf))


class SortFiles(FileOperation):
    """Sort files; options are those of `sort_file`."""

    base: Base | None = None
    follow: bool = False
    strip_signature: bool = False

    def prepare(self) -> _State:
        """Read the base, and sort it if the files follow it."""
        return _State(as_shared(self.base), self.follow)

    def work_on(self, state: _State, file: BtfFile, job: FileJob) -> FileResult:
        """Sort one file."""
        # a distilled base fits the sorted kernel as it did the unsorted one
        found = file.resolve(None if self.follow and file.base is not None else state.shared)
        btf = found.btf
        new, ids = state.sorted(btf)
        report = SortReport(new, ids)
        write_all(file.contents(job.output, new, found.following(ids), strip_signature=self.strip_signature))
        record = SortedFile(
            path=job.path,
            output=job.output,
            types=report.types,
            anonymous=report.anonymous,
            sorted_already=report.sorted_already,
            signature_stripped=signature_stripped(file),
            unpacked=not file.rewritable,
            base_removed=file.base_section if found.was_reconciled else None,
        )
        return FileResult(job.path, DONE, record=record)


def sort_file(
    path: Path,
    base: Base | None = None,
    output: Path | None = None,
    *,
    in_place: bool = False,
    follow: bool = False,
    strip_signature: bool = False,
) -> SortedFile:
    """Sort the types of the BTF in `path` (in any container), split on `base` if given, by name, and write the file to
    `output`, or with `in_place` change the file itself.

    With `follow` the result is split on the sorted `base`, which is written elsewhere.  Raises UnsupportedError for a signed
    module without `strip_signature`, ChainError for another base, and what `open` does.
    """
    record: SortedFile = one_file(
        SortFiles(base, follow=follow, strip_signature=strip_signature), path, output, in_place
    )
    return record
