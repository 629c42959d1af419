"""`extract`: the BTF, or another section, from any container."""

from __future__ import annotations

from btfkit.btf.header import SECOND
from btfkit.btf_file import BtfFile
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, NotFoundError
from btfkit.file_ops.operation import DONE, WITHOUT, FileJob, FileOperation, FileResult
from btfkit.file_ops.record import Record
from btfkit.files.write import refuse_overwriting, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data

_CHECKED = (".BTF", ".BTF.base")
_LINKED = (".BTF", ".BTF.ext")  # where `ld -r` joins what it does not know


class ExtractedSection(Record):
    """What was written: the `layers` of the container, the `section`, the `output` and its `bytes`; `note` is what must be known
    about it (that a second BTF follows the first), or None."""

    path: str
    layers: list[str]
    section: str
    output: str
    bytes: int
    note: str | None = None


class ExtractFiles(FileOperation):
    """Extract a section of each file; a missing or empty one is WITHOUT."""

    section: str = ".BTF"

    def prepare(self) -> None:
        """Nothing."""

    def run(self, state: None, job: FileJob) -> FileResult:
        """Extract from one file."""
        try:
            file = open_btf(job.path)
            data = section_of(file, self.section)
        except NotFoundError as error:
            return FileResult(job.path, WITHOUT, str(error))
        if not len(data):
            return FileResult(job.path, WITHOUT, f"{file.source}: an empty {self.section} section")
        return FileResult(job.path, DONE, record=_write(file, data, self.section, job.output))


def extract_file(path: str, output: str, section: str = ".BTF") -> ExtractedSection:
    """Write a section of the ELF file in `path`, or (".BTF") the BTF of any container, to `output`.

    Raises NotFoundError if there is no such section, FormatError if `.BTF` or `.BTF.base` does not begin like BTF,
    UnsupportedError if `output` is the input, and what `open` does.
    """
    refuse_overwriting([output], [path])
    file = open_btf(path)
    return _write(file, section_of(file, section), section, output)


def section_of(file: BtfFile, section: str) -> Data:
    """The bytes of a section; for `.BTF` and `.BTF.base` the header is checked, but not the types, which may need a base.

    Raises NotFoundError if there is no such section, FormatError if it does not begin like BTF.
    """
    elf = file.elf
    if section == ".BTF":
        data = memoryview(file.container.btf)
    elif elf is not None and (found := elf.section(section)) is not None:
        data = memoryview(elf.data(found))
    else:
        raise NotFoundError(f"no {section} section", source=file.source)
    if section in _CHECKED:
        from btfkit.btf.header import parse

        try:
            parse(data)
        except BtfError as error:
            raise error.at(file.source) from None
    return data


def _write(file: BtfFile, data: Data, section: str, output: str) -> ExtractedSection:
    write_all({output: memoryview(data)})
    return ExtractedSection(
        path=file.source,
        layers=list(file.container.layers),
        section=section,
        output=output,
        bytes=len(data),
        note=SECOND if section in _LINKED and file.second else None,
    )
