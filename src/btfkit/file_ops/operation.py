"""An operation on files: each is opened, gets other BTF, and is written again with everything in it that refers to type ids."""

from __future__ import annotations

from btfkit.btf_file import BtfFile, SharedBase, as_btf
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, NotFoundError
from btfkit.file_ops.record import dataclass_transform
from btfkit.files.write import refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.file_ops.record import Record

    Path = str | os.PathLike[str]
    Base = Btf | Path

DONE, WITHOUT, SAME, FAILED = "done", "without", "same", "failed"


class FileJob:
    """A file to work on: its `path`, the `output` ("-": standard output), and the file of the distilled base that raw BTF has or
    gets ("" if there cannot be one)."""

    __slots__ = ("base_path", "output", "path")

    def __init__(self, path: str, output: str, base_path: str = "") -> None:
        self.path = path
        self.output = output
        self.base_path = base_path

    @property
    def in_place(self) -> bool:
        """Whether the file itself is changed."""
        return self.path == self.output


class FileResult:
    """The result for one file: `status` is DONE, WITHOUT (it contains nothing to work on), SAME (nothing to do) or FAILED.

    `record` has the details, if any; `text` states what went wrong or was not done; `error` is the exception that was raised.
    """

    __slots__ = ("error", "path", "record", "status", "text")

    def __init__(
        self, path: str, status: str, text: str = "", record: Record | None = None, error: Exception | None = None
    ) -> None:
        self.path = path
        self.status = status
        self.text = text
        self.record = record
        self.error = error


@dataclass_transform()
class FileOperation:
    """An operation on many files (a pickleable `btfkit.work` Work): a subclass annotates its options as fields, makes what all
    files need (`prepare`), and works on one file (`work_on`)."""

    def __init__(self, *values: Any, **options: Any) -> None:
        fields = type(self).__annotations__
        options |= zip(fields, values, strict=False)
        if unknown := options.keys() - fields:
            raise TypeError(f"{type(self).__name__} has no option {min(unknown)!r}")
        if missing := [name for name in fields if name not in options and not hasattr(self, name)]:
            raise TypeError(f"{type(self).__name__} needs {missing[0]!r}")
        self.__dict__ |= options

    @property
    def base_beside_output(self) -> bool:
        """Whether it makes a distilled base, which for raw BTF is a file beside the output."""
        return False

    def prepare(self) -> Any:
        """Make what all files need, once."""
        raise NotImplementedError

    def work_on(self, state: Any, file: BtfFile, job: FileJob) -> FileResult:
        """Work on one file with BTF, and write the output."""
        raise NotImplementedError

    def run(self, state: Any, job: FileJob) -> FileResult:
        """Open one file and work on it.  Raises any error in it."""
        try:
            file = open_btf(job.path)
        except NotFoundError as error:
            return FileResult(job.path, WITHOUT, str(error))
        if not len(file.container.btf):
            return FileResult(job.path, WITHOUT, f"{file.source}: an empty .BTF section")
        return self.work_on(state, file, job)


def one_file(
    operation: FileOperation, path: Path, output: Path | None, in_place: bool, base_path: Path | None = None
) -> Any:
    """Do an operation on one file, and write `output`, or with `in_place` the file itself; returns its record, or None.

    Raises ValueError unless exactly one of the two is given, UnsupportedError if an output would overwrite an input,
    NotFoundError if the file contains nothing to work on, and what the operation raises.
    """
    from os import fspath

    if (output is None) != in_place:
        raise ValueError("expected either an output, or in_place=True to change the file itself")
    path = fspath(path)
    output = path if output is None else fspath(output)
    beside = fspath(base_path) if base_path is not None else "" if output == "-" else output + ".base"
    job = FileJob(path, output, beside)
    refuse_overwriting(*written_and_read(operation, [job], in_place))
    result = operation.run(operation.prepare(), job)
    if result.error is not None:
        raise result.error
    if result.status == WITHOUT:
        from btfkit.files.container import source_name

        source = source_name(path)
        raise NotFoundError(result.text.removeprefix(f"{source}: "), source=source)
    return result.record


def written_and_read(operation: FileOperation, jobs: Iterable[FileJob], in_place: bool) -> tuple[list[str], list[str]]:
    """The files that an operation writes, and those that it must not overwrite (with `in_place` not the files of `jobs`)."""
    from os import PathLike, fspath

    base = getattr(operation, "base", None)
    written: list[str] = []
    read = [fspath(base)] if isinstance(base, str | PathLike) else []
    for job in jobs:
        written.append(job.output)
        if not in_place:
            read.append(job.path)
        if job.base_path:
            (written if operation.base_beside_output else read).append(job.base_path)
    return written, read


def as_shared(base: Base | None) -> SharedBase | None:
    """The base of many files, loaded if it is a path."""
    return None if base is None else SharedBase(as_btf(base))


def is_on_base_beside(file: BtfFile, job: FileJob) -> bool:
    """Whether raw BTF is split on the distilled base in the file beside it."""
    from os.path import exists

    if file.elf is not None or not job.base_path or not exists(job.base_path):
        return False
    try:
        open_btf(file.container, distilled_base=job.base_path).btf()
    except BtfError:
        return False
    return True


def signature_stripped(file: BtfFile) -> bool:
    """Whether rewriting the file drops its signature."""
    return file.elf is not None and file.rewritable and file.signature > 0
