"""`sort` of files: types by name, with what goes by their ids; and of a kernel, whose modules have to follow."""

from __future__ import annotations

from btfkit.btf_file import BtfFile, SharedBase
from btfkit.file_ops.operation import DONE, FileOperation, FileResult, as_shared, one_file, signature_stripped
from btfkit.file_ops.record import Record
from btfkit.files.write import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.passes.idmap import Dense


class SortedFile(Record):
    """A file with its types by name, the `anonymous` ones first; `unpacked` where it is the BTF alone out of a kernel's file."""

    path: str
    output: str
    types: int
    anonymous: int
    sorted_already: bool
    signature_stripped: bool
    unpacked: bool


class _State:
    """The base of all files, and that sorted, where the files are to follow it."""

    __slots__ = ("ids", "new", "shared")

    def __init__(self, shared: SharedBase | None, follow: bool) -> None:
        from btfkit.passes.permute import by_name, permute

        self.shared = shared
        self.new: Btf | None = None
        self.ids: Dense | None = None
        if follow and shared is not None:
            self.new, self.ids = permute(shared.btf, by_name(shared.btf))

    def sorted(self, btf: Btf) -> tuple[Btf, Dense]:
        """A file's BTF, sorted, and on the sorted base where that is the one that it follows."""
        from btfkit.passes.permute import by_name, permute, sort_on

        if self.shared is not None and self.new is not None and self.ids is not None and btf.base is self.shared.btf:
            return sort_on(btf, self.shared.btf, self.new, self.ids)
        return permute(btf, by_name(btf))


class SortFiles(FileOperation):
    """Sort files; options are those of `sort_file`; with `follow` the base is sorted too, elsewhere, and the files follow it."""

    def __init__(self, base: Base | None = None, *, follow: bool = False, strip_signature: bool = False) -> None:
        self.base = base
        self.follow = follow
        self.strip_signature = strip_signature

    def prepare(self) -> _State:
        """The base, read and sorted."""
        return _State(as_shared(self.base) if self.base is not None else None, self.follow)

    def work_on(self, state: _State, file: BtfFile, job: FileJob) -> FileResult:
        """Sort one file."""
        on_its_own = (
            self.follow and file.base is not None
        )  # a distilled base fits the sorted kernel as it fitted the other
        found = file.resolve(None if on_its_own else state.shared)
        btf = found.btf
        new, ids = state.sorted(btf)
        write_all(file.contents(job.output, new, found.following(ids), strip_signature=self.strip_signature))
        record = SortedFile(
            path=job.path,
            output=job.output,
            types=len(new.positions),
            anonymous=(new.first_named_id or new.start_id) - new.start_id,
            sorted_already=all(ids[old] == old for old in btf.own_ids),
            signature_stripped=signature_stripped(file),
            unpacked=not file.rewritable,
        )
        return FileResult(job.path, DONE, record=record)


def sort_file(
    path: Path,
    base: Base | None = None,
    output: Path | None = None,
    *,
    follow: bool = False,
    strip_signature: bool = False,
) -> SortedFile:
    """Sort the types of the BTF in `path` (in any container), split on `base` where one is given, by name, and write the file to
    `output` (None: in place).

    With `follow` the file is made for `base` sorted.  Raises UnsupportedError for a signed module without
    `strip_signature`, ChainError for another base, and what `open` does.
    """
    record: SortedFile = one_file(SortFiles(base, follow=follow, strip_signature=strip_signature), path, output)
    return record
