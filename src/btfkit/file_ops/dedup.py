"""`dedup` of files: equivalent types are merged in each file, or in several files that become one."""

from __future__ import annotations

import os

from btfkit.btf.header import SECOND
from btfkit.btf_file import BtfFile, SharedBase
from btfkit.btf_file import open as open_btf
from btfkit.errors import UnsupportedError, some_of
from btfkit.file_ops.operation import (
    DONE,
    SAME,
    FileOperation,
    FileResult,
    as_shared,
    one_file,
    signature_stripped,
)
from btfkit.file_ops.record import Record
from btfkit.files.write import refuse_overwriting, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.btf.platform import Platform
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.judges.deduped import Below
    from btfkit.passes.array_style import Style
    from btfkit.passes.dedup import Deduped
    from btfkit.passes.distill import Distilled
    from btfkit.passes.prepared_base import PreparedBase

NAMES = 20  # names with several types to describe


class Declaration(Record):
    """Forward declarations of a name that has definitions: how many there were and are `left`, and what they became."""

    name: str
    tag: str
    how: str | None
    declarations: int
    left: int
    definitions: int
    targets: list[int]

    def as_json(self) -> dict[str, object]:
        """All fields; `how` is null if nothing decided."""
        return vars(self)


class NearlyEquivalent(Record):
    """Names of several types: how many there are (`names`), and the differences for the `first` of them."""

    names: int
    first: list[dict[str, object]]


class DedupedFile(Record):
    """A file without equivalent types: types and bytes before and after, how many of each kind were `merged`; `arrays` is "flat"
    or "nested" if the base has arrays of arrays so, the file had them otherwise, and its types were matched all the same."""

    path: str | None = None
    output: str
    types_before: int
    types: int
    bytes_before: int
    bytes: int
    merged: dict[str, int]
    declarations: list[Declaration]
    inputs: list[str] | None = None
    nearly: NearlyEquivalent | None = None
    base_types: int | None = None
    base_bytes: int | None = None
    base_output: str | None = None
    signature_stripped: bool | None = None
    unpacked: bool | None = None
    base_removed: str | None = None
    arrays: str | None = None


class JoinedFiles:
    """Several files that became one: its `record`, the inputs whose `.BTF.ext` was dropped (`without_ext`), and `notes` on
    inputs, (path, sentence) each: of another machine, or with another style of arrays of arrays than the first."""

    __slots__ = ("notes", "record", "without_ext")

    def __init__(self, record: DedupedFile, without_ext: list[str], notes: list[tuple[str, str]]) -> None:
        self.record = record
        self.without_ext = without_ext
        self.notes = notes


class _State:
    """The base of all files, prepared for `dedup` and for the proof."""

    __slots__ = ("_below", "_prepared", "shared")

    def __init__(self, shared: SharedBase | None) -> None:
        self.shared = shared
        self._prepared: PreparedBase | None = None
        self._below: Below | None = None

    def prepared(self, base: Btf | None) -> PreparedBase | None:
        """The base prepared for `dedup`, if it is the one of all files."""
        if base is None or self.shared is None or base is not self.shared.btf:
            return None
        if self._prepared is None:
            from btfkit.passes.prepared_base import PreparedBase

            self._prepared = PreparedBase(base)
        return self._prepared

    def below(self, base: Btf | None) -> Below | None:
        """The base for the proof, if all files share it."""
        if base is None or self.shared is None or base is not self.shared.btf:
            return None
        if self._below is None:
            from btfkit.judges.deduped import Below

            self._below = Below(base)
        return self._below


class DedupFiles(FileOperation):
    """Dedup files; options are those of `dedup_file`."""

    base: Base | None = None
    distill: bool = False
    nearly: bool = False
    strip_signature: bool = False
    prove: bool = True

    @property
    def base_beside_output(self) -> bool:
        """Only `distill` makes a base."""
        return self.distill

    def prepare(self) -> _State:
        """Read the base."""
        return _State(as_shared(self.base))

    def work_on(self, state: _State, file: BtfFile, job: FileJob) -> FileResult:
        """Dedup one file."""
        from btfkit.errors import printable
        from btfkit.passes.dedup import dedup

        found = file.resolve(state.shared)
        btf = found.btf
        done = dedup(btf, ext=None if found.was_reconciled else file.ext, prepared=state.prepared(btf.base))
        if self.prove:
            _prove(btf, done, state.below(btf.base))
        record = _record(done, job.output, len(btf.blob), path=job.path)
        if self.nearly:
            record.nearly = _nearly(done.btf)
        nothing = done.report.types[0] == done.report.types[1] and not found.was_reconciled
        if job.in_place and not self.distill and nothing:
            return FileResult(job.path, SAME, printable(f"{file.source}: nothing to merge"), record)
        new, ids = done.btf, found.following(done.ids)
        small = self._distilled(new, record) if self.distill else None
        if small is not None:
            new, ids = small.btf, ids | small.ids
        contents = file.contents(
            job.output,
            new,
            ids,
            base=small.base if small is not None else None,
            base_path=job.base_path,
            base_section=".BTF.base",
            ext=done.ext,
            strip_signature=self.strip_signature,
        )
        write_all(contents)
        record.base_output = job.base_path if len(contents) > 1 else None
        record.signature_stripped = signature_stripped(file)
        record.unpacked = not file.rewritable
        record.base_removed = file.base_section if found.was_reconciled and small is None else None
        return FileResult(job.path, DONE, record=record)

    def _distilled(self, btf: Btf, record: DedupedFile) -> Distilled:
        """The result on a small base of its own."""
        from btfkit.passes.distill import distill

        if btf.base is None:
            raise UnsupportedError(
                "not the split BTF of a module on its vmlinux, so it cannot be distilled", source=btf.source
            )
        small = distill(btf)
        record.base_types, record.base_bytes = len(small.base) - 1, len(small.base.blob)
        record.types, record.bytes = len(small.btf.positions), len(small.btf.blob)
        return small


def dedup_file(
    path: Path,
    base: Base | None = None,
    output: Path | None = None,
    *,
    in_place: bool = False,
    distill: bool = False,
    nearly: bool = False,
    strip_signature: bool = False,
    prove: bool = True,
) -> DedupedFile:
    """Merge the equivalent types of the BTF in `path` (in any container), split on `base` if given, and write the file to
    `output`, or with `in_place` change the file itself (a file without equivalent types is not rewritten).

    With `distill` a module then gets a small base of its own, as by `distill_file`; with `nearly` the record lists names of
    several types and how these differ.  Raises UnsupportedError for a signed module without `strip_signature`, ChainError for
    another base, VerificationError if the proof fails, and what `open` does.
    """
    operation = DedupFiles(base, distill=distill, nearly=nearly, strip_signature=strip_signature, prove=prove)
    record: DedupedFile = one_file(operation, path, output, in_place)
    return record


def dedup_files(
    paths: Sequence[str], output: str, base: Base | None = None, *, nearly: bool = False, prove: bool = True
) -> JoinedFiles:
    """Put the BTF of all `paths`, all alone or all split on `base`, into one raw BTF, `output`, and merge equivalent types.

    Raises what `dedup_file` does, and UnsupportedError for a module with its own distilled base if there is no `base`.
    """
    from btfkit.files.rewrite import packed, packings_for
    from btfkit.passes.dedup import dedup_all

    refuse_overwriting([output], [*paths, os.fspath(base) if isinstance(base, str | os.PathLike) else None])
    state = _State(as_shared(base))
    shared = state.shared.btf if state.shared is not None else None
    sizes: list[int] = []
    without_ext: list[str] = []
    notes: list[tuple[str, str]] = []
    compared = _Compared()

    def inputs() -> Iterator[Btf]:
        for path in paths:
            file = open_btf(path)
            if file.second:
                raise UnsupportedError(SECOND, source=file.source)
            if file.ext is not None:
                without_ext.append(path)
            btf = file.btf(state.shared)
            if btf.base is not shared:
                raise UnsupportedError(
                    "has its own distilled base, so it cannot be joined with other files", source=file.source
                )
            sizes.append(len(btf.blob))
            notes.extend((path, note) for note in compared.notes(path, btf))
            yield btf

    done, firsts = dedup_all(inputs(), prepared=state.prepared(shared))
    if prove:
        for path, first in zip(paths, firsts, strict=True):
            if path != "-":
                _prove(open_btf(path).btf(state.shared), done, state.below(shared), first)
    write_all({output: packed(done.btf.to_bytes(), packings_for(output, ()), output)})
    record = _record(done, output, sum(sizes))
    record.inputs = list(paths)
    if nearly:
        record.nearly = _nearly(done.btf)
    return JoinedFiles(record, without_ext, notes)


class _Compared:
    """Compares each input with the first: the machine and, if they have no base, the style of arrays of arrays."""

    def __init__(self) -> None:
        self._path = ""
        self._platform: Platform | None = None
        self._style: Style | None = None

    def notes(self, path: str, btf: Btf) -> Iterator[str]:
        """What is unlike the first input."""
        from btfkit.btf.platform import other_platform, platform_of
        from btfkit.passes.array_style import Style, copies_of

        if self._platform is None:
            self._path, self._platform = path, platform_of(btf)
            self._style = Style(btf) if btf.base is None else None
            return
        if difference := other_platform(btf, self._platform, self._path):
            yield difference
        elif self._style is not None and (names := copies_of(btf, self._style)):
            yield (
                f"its arrays of arrays are by another pahole (1.32 and later nest them) than those of {self._path}:"
                f" {some_of(names)} stay apart"
            )


def _prove(btf: Btf, done: Deduped, below: Below | None, first: int | None = None) -> None:
    """Raise VerificationError if a type has changed its meaning, as checked by other code."""
    from btfkit.errors import VerificationError
    from btfkit.judges.deduped import kept

    wrong = kept(btf, done.btf, done.ids.ids, first, below)
    if wrong is not None:
        raise VerificationError(
            f"not written: the result differs in meaning: {wrong} (a bug in btfkit; please report it)",
            source=btf.source,
        )


def _record(done: Deduped, output: str, bytes_before: int, path: str | None = None) -> DedupedFile:
    report = done.report
    before, after = report.types
    kinds = {kind: count - report.after.get(kind, 0) for kind, count in report.before.items()}
    return DedupedFile(
        path=path,
        output=output,
        types_before=before,
        types=after,
        bytes_before=bytes_before,
        bytes=report.bytes,
        merged={kind: count for kind, count in kinds.items() if count > 0},
        arrays=report.arrays or None,
        declarations=[
            Declaration(
                name=one.name,
                tag=one.tag,
                how=one.how or None,
                declarations=one.declarations,
                left=one.left,
                definitions=one.definitions,
                targets=list(one.targets),
            )
            for one in report.declarations
        ],
    )


def _nearly(btf: Btf) -> NearlyEquivalent:
    from btfkit.passes.inequivalent import inequivalent_types

    found, total = inequivalent_types(btf, NAMES)
    first: list[dict[str, object]] = [
        {"type": n.title, "ids": n.ids, "path": n.path or None, "difference": n.what, "text": str(n)} for n in found
    ]
    return NearlyEquivalent(names=total, first=first)
