"""An operation on files: each is opened, gets other BTF, and is written again, with everything in it that goes by type ids."""

from __future__ import annotations

from btfkit.btf_file import BtfFile, SharedBase, load
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.file_ops.record import Record

    Path = str | os.PathLike[str]
    Base = Btf | Path

DONE, WITHOUT, SAME, FAILED = "done", "without", "same", "failed"


class FileJob:
    """A file to work on: where it is, where the output goes ("-": standard output), and the file of the distilled base that
    raw BTF has or gets ("" where there is no place for one)."""

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
    """What became of one file: `status` is DONE, WITHOUT (there was nothing in it to work on), SAME (there was nothing to do) or
    FAILED.

    `record` has the details, where there are some; `text` says what went wrong or was not to be done; `error` is what was raised.
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


class FileOperation:
    """What is done with each of many files (a `btfkit.work` that pickles): subclasses say what all of them need (`prepare`), and
    what becomes of one (`work_on`)."""

    base_beside_output = False  # whether it makes a distilled base, which of raw BTF is a file beside the output

    def prepare(self) -> Any:
        """What all files need, made once."""
        raise NotImplementedError

    def work_on(self, state: Any, file: BtfFile, job: FileJob) -> FileResult:
        """Work on one file that holds BTF, and write the output."""
        raise NotImplementedError

    def run(self, state: Any, job: FileJob) -> FileResult:
        """Open one file and work on it.  Raises what is wrong with it."""
        try:
            file = open_btf(job.path)
        except NotFoundError as error:
            return FileResult(job.path, WITHOUT, str(error))
        if not len(file.container.btf):
            return FileResult(job.path, WITHOUT, f"{job.path}: an empty .BTF section")
        return self.work_on(state, file, job)


def one_file(operation: FileOperation, path: Path, output: Path | None, base_path: Path | None = None) -> Any:
    """Do an operation on one file (in place where there is no `output`); returns its record, None where that is all to say.

    Raises NotFoundError where the file holds nothing to work on, and what the operation raises.
    """
    from os import fspath

    path = fspath(path)
    output = path if output is None else fspath(output)
    beside = fspath(base_path) if base_path is not None else "" if output == "-" else output + ".base"
    result = operation.run(operation.prepare(), FileJob(path, output, beside))
    if result.error is not None:
        raise result.error
    if result.status == WITHOUT:
        raise NotFoundError(result.text.removeprefix(f"{path}: "), source=path)
    return result.record


def as_shared(base: Base) -> SharedBase:
    """The base of many files, loaded where it is a path."""
    from btfkit.btf.btf import Btf

    return SharedBase(base if isinstance(base, Btf) else load(base))


def signature_stripped(file: BtfFile) -> bool:
    """Whether the file's signature does not come along, now that the file is written anew."""
    return file.elf is not None and file.rewritable and file.signature > 0


def failure_text(path: str, error: Exception) -> str:
    """What went wrong with a file, in one line that begins with its path."""
    from btfkit.errors import printable

    if isinstance(error, BtfError):
        return str(error.at(path))
    if isinstance(error, OSError):
        return f"{printable(str(error.filename or path))}: {error.strerror or error}"
    return f"{printable(path)}: out of memory"
