"""`encode` of files: BTF out of their DWARF, written into a module, or as raw BTF."""

from __future__ import annotations

import os

from btfkit.btf_file import BtfFile, as_btf
from btfkit.btf_file import open as open_btf
from btfkit.dwarf.companion import DEBUG, Companions, file_content, supplementary_link
from btfkit.encoder.encode import DEFAULT_FEATURES
from btfkit.encoder.kfuncs import IDS, has_ids
from btfkit.errors import BtfError, ChainError, FormatError, NotFoundError, UnsupportedError, printable
from btfkit.file_ops.distill import SECTIONS
from btfkit.file_ops.operation import DONE, WITHOUT, FileOperation, FileResult, one_file, signature_stripped
from btfkit.file_ops.record import Record
from btfkit.files import sysfs
from btfkit.files.container import BTF_MAGICS, Container, fetch_all, open_data, source_name
from btfkit.files.elf import ET_REL, Elf
from btfkit.files.elf import MAGIC as ELF_MAGIC
from btfkit.files.write import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.encoder.encode import Encoded, EncodeReport
    from btfkit.encoder.split import SplitBase
    from btfkit.file_ops.operation import Base, FileJob, Path
    from btfkit.files.elf import Data
    from btfkit.passes.distill import Policy

MAX_LAYERS = 3
LARGE = 1 << 22  # bytes: of a larger file, only the sections with DWARF are read, a third of a module
RAW_SUFFIXES = (".btf", ".split", ".raw")
DISTILLED = "distilled_base"
THIS_MODULE = ".gnu.linkonce.this_module"


class EncodedFile(Record):
    """A file whose DWARF became BTF: what was read (`units`, `dies`), and written: `types`, `functions`, `variables`, `bytes`.

    `omitted` counts the functions without a FUNC by reason, `warnings` what was done otherwise than DWARF says; `debug_file`
    is the file that had the DWARF, if it is another; `ids_resolved` the number of ids filled into `.BTF_ids`, and `ids_lost`
    names there that were not found.
    """

    path: str
    output: str
    types: int
    functions: int
    variables: int
    bytes: int
    units: int
    skipped_units: int
    dies: int
    omitted: dict[str, int]
    warnings: dict[str, int]
    base_types: int | None = None
    base_bytes: int | None = None
    base_output: str | None = None
    debug_file: str | None = None
    ids_resolved: int | None = None
    ids_lost: list[str] | None = None
    signature_stripped: bool | None = None
    raw: bool | None = None


class EncodeFiles(FileOperation):
    """Encode files; options are those of `encode_file`."""

    base: Base | None = None
    features: Sequence[str] = DEFAULT_FEATURES
    skip_languages: Sequence[str] = ("rust",)
    force: bool = False
    distill: bool = False
    policy: Policy = "distilled"
    resolve_ids: bool | None = None
    strip_signature: bool = False
    raw: bool = False
    debug_dirs: Sequence[str] = (DEBUG,)

    def __init__(self, *values: Any, **options: Any) -> None:
        super().__init__(*values, **options)
        if DISTILLED in self.features:  # pahole's name for it
            self.features = tuple(feature for feature in self.features if feature != DISTILLED)
            self.distill = True

    @property
    def base_beside_output(self) -> bool:
        """Only `distill` makes a base."""
        return self.distill

    def prepare(self) -> SplitBase | None:
        """Read the base."""
        from btfkit.encoder.split import SplitBase

        return None if self.base is None else SplitBase(as_btf(self.base))

    def run(self, state: SplitBase | None, job: FileJob) -> FileResult:
        """Encode one file.  Raises any error in it."""
        file = open_elf(job.path)
        elf = file.elf
        assert elf is not None
        try:
            dwarf = WithDwarf(file, job.path, self.debug_dirs)
        except NotFoundError as error:
            return FileResult(job.path, WITHOUT, str(error))
        self._demand_base(state, file, job)
        raw = self.raw or is_raw_output(job.output) or elf.type != ET_REL
        result = self.encoded(state, dwarf, alone=raw)
        return self._write(file, result, job, dwarf, raw)

    def work_on(self, state: SplitBase | None, file: BtfFile, job: FileJob) -> FileResult:
        """Not used: `run` opens files without BTF."""
        raise NotImplementedError

    def _demand_base(self, state: SplitBase | None, file: BtfFile, job: FileJob) -> None:
        """Raise an error if the base is missing or of another build, or the output cannot be written."""
        elf = file.elf
        assert elf is not None
        raw = self.raw or is_raw_output(job.output)
        if is_in_package(file) and not raw:
            raise UnsupportedError(
                "of the kernel in a package, the BTF alone is written: the output's name must end in .btf or .btf.tar.xz",
                source=file.source,
                remedy="output",
            )
        if elf.type != ET_REL and not raw and job.output == job.path:
            raise UnsupportedError(
                "a linked file (a vmlinux?) cannot be given BTF in place, because its BTF is a loaded section: write the"
                " BTF to another file",
                source=file.source,
                remedy="output",
            )
        module = elf.section(THIS_MODULE)
        if state is None:
            if elf.section(".modinfo") is not None and elf.type == ET_REL and not raw:
                raise ChainError(
                    "a kernel module needs the BTF of its kernel as base: without it, no kernel accepts its BTF",
                    source=file.source,
                    remedy="base",
                )
            return
        if elf.order != state.btf.byte_order:
            raise ChainError(
                f"{elf.order}-endian, but its base {state.btf.source or ''} is {state.btf.byte_order}-endian: for another"
                " machine",
                source=file.source,
            )
        known = state.btf.find_id("module", "struct")
        if module is not None and known is not None:
            size = state.btf.sizeof(known)
            if size != module.size and not self.force:
                raise ChainError(
                    f"built for another kernel than {state.btf.source or 'its base'}: its struct module has"
                    f" {module.size} bytes, the kernel's {size}",
                    source=file.source,
                )

    def encoded(self, state: SplitBase | None, dwarf: WithDwarf, *, alone: bool) -> Encoded:
        """The BTF of a file's DWARF, with these options; `alone` says that it is not written into the file."""
        from btfkit.encoder.encode import encode

        dwarf.find_linked_ids(None if state is None else state.btf, alone=alone)
        try:
            result = encode(
                dwarf.elf,
                state,
                features=self.features,
                skip_languages=self.skip_languages,
                force=self.force,
                symbols=dwarf.symbols,
                stripped=dwarf.stripped,
                companions=dwarf.companions,
                linked_ids=dwarf.linked_ids,
                any_build=self.force,
            )
        except ChainError as error:
            if state is not None and error.remedy == "any_build":
                error.message += _releases(dwarf.release, state.btf)
            raise
        if dwarf.doubtful:
            result.report.warnings["unknown flags"] = len(dwarf.doubtful)
        return result

    def _write(self, file: BtfFile, result: Encoded, job: FileJob, dwarf: WithDwarf, raw: bool) -> FileResult:
        from btfkit.files.rewrite import packed, packings_for

        btf, elf = result.btf, file.elf
        assert elf is not None
        record = _record(job, result.report, dwarf.elf.source if dwarf.elf is not elf else None)
        sections: dict[str, bytes | None] = {}
        if self.distill:
            btf = self._distilled(btf, record, sections)
        if not raw:
            self._follow_ids(elf, btf, record, sections, dwarf.linked_ids if dwarf.has_ids else None)
        data = btf.to_bytes()
        record.types, record.bytes = len(btf.positions), len(data)
        if raw:
            blob = _in_tar(data, job.output)
            contents = {job.output: packed(blob, packings_for(job.output, ()), file.source)}
            if self.distill and btf.base is not None:
                record.base_output = job.base_path
                contents = {job.base_path: btf.base.to_bytes(), **contents}
        else:
            sections = {**dict.fromkeys(SECTIONS.values()), ".BTF": data, **sections}  # without a stale base
            whole = file.with_sections(
                sections, strip_signature=self.strip_signature, packings=packings_for(job.output, file.packings)
            )
            contents = {job.output: whole}
            record.signature_stripped = signature_stripped(file)
        record.raw = raw
        write_all(contents)
        return FileResult(job.path, DONE, record=record)

    def _distilled(self, btf: Btf, record: EncodedFile, sections: dict[str, bytes | None]) -> Btf:
        from btfkit.passes.distill import distill

        if btf.base is None:
            raise ChainError("to distill needs the BTF of the kernel as base", source=btf.source, remedy="base")
        small = distill(btf, self.policy)
        record.base_types, record.base_bytes = len(small.base) - 1, len(small.base.blob)
        sections[SECTIONS[self.policy]] = small.base.to_bytes()
        return small.btf

    def _follow_ids(
        self, elf: Elf, btf: Btf, record: EncodedFile, sections: dict[str, bytes | None], linked: bytes | None
    ) -> None:
        """Fill in `.BTF_ids`, or bring it back to what was `linked` (None: it is still so)."""
        from btfkit.files.rewrite import demand_names, resolved_ids

        demand_names(elf)
        if self.resolve_ids or (self.resolve_ids is None and linked is not None):
            found = resolved_ids(elf, lambda kind, name: btf.find_id(name, kind) or 0, linked)
            if found is not None:
                sections[IDS] = found.content
                record.ids_lost = list(found.lost)
                record.ids_resolved = found.count
        elif linked is not None:
            sections[IDS] = linked


class WithDwarf:
    """The file with the DWARF of the file `path`: `elf` is that file itself or its separate debug file, `symbols` the file with
    the symbols if that is another, `stripped` the one with the content of `.BTF_ids` if that is another, `companions` what goes
    with `elf`, and `release` that of the kernel which a module is for.  `linked_ids` is the content of `.BTF_ids` as it was
    linked if ids were filled in since, `doubtful` the kfuncs there whose flags cannot be told (`find_linked_ids` sets both), and
    `has_ids` whether `path` itself has it.

    Raises NotFoundError if there is no DWARF.
    """

    def __init__(self, file: BtfFile, path: str, debug_dirs: Sequence[str]) -> None:
        elf = file.elf
        assert elf is not None
        self.file = file
        self.linked_ids: bytes | None = None
        self.doubtful: list[str] = []
        self.companions = _companions_in_package(file, path, debug_dirs) or Companions(path, debug_dirs)
        found = self.companions.with_dwarf(elf)
        if found is None:
            why = "compile it with -g, a kernel with CONFIG_DEBUG_INFO"
            if is_in_package(file):
                why = "that is in the kernel's debug package (-dbg, -dbgsym, -debuginfo)"
            elif missing := self.companions.missing_debug_file(elf):
                why += f"; its separate debug file ({missing}) was not found"
            raise NotFoundError(f"no DWARF: {why}", source=elf.source)
        self.elf = found
        self.release = file.release if elf.section(".modinfo") is not None else ""
        self.symbols: Elf | None = None
        if found is not elf:
            self.companions = Companions(found.source, debug_dirs)
            self.symbols = elf if any(elf.symbol_rows()) else None
        self.stripped: Elf | None = None
        self.has_ids = has_ids(elf)
        if found is not elf:
            self.stripped = elf if self.has_ids else None
        elif not self.has_ids and elf.section(IDS) is not None:
            self.stripped = self.companions.stripped_file(elf, has_ids)

    def find_linked_ids(self, base: Base | None, *, alone: bool) -> None:
        """Set `linked_ids` and `doubtful`.

        The ids are those of the BTF in the file, which is split on its own base, on `base`, or on none.  If they are not, and
        the BTF is not to be written `alone`, UnsupportedError is raised.
        """
        file = self.file if self.stripped in (None, self.file.elf) else _with_btf(self.stripped)
        self.doubtful.clear()
        self.linked_ids = _linked_ids(file, base, self.doubtful if alone or file is not self.file else None)


def _companions_in_package(file: BtfFile, path: str, debug_dirs: Sequence[str]) -> Companions | None:
    """What finds the supplementary file (dwz) of a kernel in a package: there, in a package beside it, or in the file system.
    None if the kernel has none, or is not in a package."""
    elf = file.elf
    assert elf is not None
    link = supplementary_link(elf) if is_in_package(file) else None
    if link is None:
        return None
    from btfkit.files.package import PackageFiles

    package = PackageFiles(path, os.path.basename(link.name))
    member = elf.source.removeprefix(f"{path}(").removesuffix(")")
    return Companions(f"/{member}", (*debug_dirs, DEBUG), lambda name: package.read(name) or file_content(name))


def _linked_ids(file: BtfFile, base: Base | None, doubtful: list[str] | None = None) -> bytes | None:
    from btfkit.files.rewrite import are_ids_filled, linked_ids

    elf = file.elf
    if elf is None or not are_ids_filled(elf):
        return None
    if file.base is None and base is not None:
        try:
            return linked_ids(elf, _names(file, base))
        except UnsupportedError:
            pass
    return linked_ids(elf, _names(file, None), doubtful)


def _names(file: BtfFile, base: Base | None) -> Callable[[int], str]:
    """The name of a type by its id, "" if it cannot be told; the BTF is read once it is asked for."""
    found: list[Btf | None] = []

    def name_of(number: int) -> str:
        if not found:
            try:
                found.append(file.btf(base))
            except BtfError:
                found.append(None)
        btf = found[0]
        return btf.name(number) if btf is not None and number < len(btf) else ""

    return name_of


def _releases(module: str, base: Btf) -> str:
    """Which kernels a module and its base are of, as far as they say so, for the end of a message."""
    parts = [f"the module is for {printable(module)}"] if module else []
    try:
        release = open_btf(base.source).release if base.source and os.path.isfile(base.source) else ""
        if base.source and os.path.realpath(base.source) == sysfs.VMLINUX:
            release = os.uname().release
    except (BtfError, OSError):
        release = ""
    if release:
        parts.append(f"that kernel is {printable(release)}")
    return f"; {', '.join(parts)}" if parts else ""


def explain_encoding(path: str, function: str, debug_dirs: Sequence[str] = (DEBUG,)) -> tuple[list[str], bool]:
    """Lines that explain what becomes of a function of the file `path`, and whether it has a FUNC.  Raises what `encode` does."""
    from btfkit.encoder.explain import explain_function

    dwarf = WithDwarf(open_elf(path), path, debug_dirs)
    return explain_function(dwarf.elf, function, symbols=dwarf.symbols, companions=dwarf.companions)


def is_raw_output(output: str) -> bool:
    """Whether an output is raw BTF by its name: standard output, or one that ends in .btf, in a tar or not, compressed or not."""
    return output == "-" or _unpacked_name(output).removesuffix(".tar").endswith(RAW_SUFFIXES)


def is_in_package(file: BtfFile) -> bool:
    """Whether a file is a member of a package."""
    from btfkit.files.archives import PACKAGES

    return any(layer in PACKAGES for layer in file.container.layers)


def _unpacked_name(output: str) -> str:
    """The name of an output without the suffix of its compression."""
    from btfkit.files.container import PACKED_SUFFIXES

    stem, suffix = os.path.splitext(output)
    return stem if suffix in PACKED_SUFFIXES.values() else output


def _in_tar(data: bytes, output: str) -> bytes:
    """`data` as the file of a tar, if the output is called so: NAME.btf in NAME.btf.tar.xz, as in BTFHub's archive."""
    name = os.path.basename(_unpacked_name(output))
    if not name.endswith(".btf.tar"):
        return data
    from btfkit.files.tar import single_member

    return single_member(name.removesuffix(".tar"), data)


def open_elf(path: str, content: Data | None = None) -> BtfFile:
    """The ELF file at `path`, compressed or not, with or without BTF; of a package (.deb, .rpm) its only kernel.

    `content` is that of the file, if it was read.  Raises FormatError for anything else, NotFoundError or AmbiguousError if a
    package has none (or a boot image, without DWARF) or several, UnsupportedError for a compression that this installation
    lacks, OSError.
    """
    data: Data = open_data(path, LARGE) if content is None else content
    layers: tuple[str, ...] = ()
    source = path = source_name(path)
    if data[:4] != ELF_MAGIC:
        from btfkit.files.archives import is_package, open_archive, single_file
        from btfkit.files.compression import sniff, unpack

        fetch_all(data)
        if is_package(data) and (archive := open_archive(data, path)[0]) is not None:
            name, data = single_file(archive, kernel=True)
            layers, source = (archive.kind,), archive.named(name)
        while len(layers) < MAX_LAYERS and (packing := sniff(data)):
            data = unpack(data, source)
            layers = (*layers, packing)
    head = bytes(data[:4])
    if not head:
        raise FormatError("file is empty", source=source)
    if head != ELF_MAGIC:
        what = "is BTF already" if head[:2] in BTF_MAGICS else f"begins with {head.hex(' ')}"
        if source != path:
            raise NotFoundError(
                f"no DWARF: expected an ELF file, found one that {what}; the DWARF is in the kernel's debug package (-dbg,"
                " -dbgsym, -debuginfo)",
                source=source,
            )
        raise FormatError(f"expected an ELF file with DWARF, found one that {what}", source=source, offset=0)
    elf = Elf(data, source)
    return _with_btf(elf, layers, path)


def _with_btf(elf: Elf, layers: tuple[str, ...] = (), path: str = "") -> BtfFile:
    """An ELF file, with BTF or without."""
    return BtfFile(Container(path or elf.source, (*layers, "elf"), elf.btf_section(".BTF") or b"", elf))


def _record(job: FileJob, report: EncodeReport, debug: str | None) -> EncodedFile:
    return EncodedFile(
        path=job.path,
        output=job.output,
        types=0,
        functions=report.functions,
        variables=report.variables,
        bytes=0,
        units=report.units,
        skipped_units=report.skipped,
        dies=report.dies,
        omitted=dict(sorted(report.omitted.items())),
        warnings=report.warnings,
        debug_file=debug,
    )


def encode_file(
    path: Path,
    base: Base | None = None,
    output: Path | None = None,
    *,
    in_place: bool = False,
    features: Sequence[str] = DEFAULT_FEATURES,
    skip_languages: Sequence[str] = ("rust",),
    force: bool = False,
    distill: bool = False,
    policy: Policy = "distilled",
    resolve_ids: bool | None = None,
    strip_signature: bool = False,
    raw: bool = False,
    debug_dirs: Sequence[str] = (DEBUG,),
) -> EncodedFile:
    """Make BTF of the DWARF in `path` and write it to `output`: a name that ends in .btf, or any with `raw`, gets the raw
    BTF, any other the file with the BTF in its `.BTF`; with `in_place` the file itself is changed.

    `base` is the BTF of the kernel that a module was built for.  With `distill` the module also gets a small base of its own
    by `policy`, with `resolve_ids` the ids in `.BTF_ids` are filled in, as resolve_btfids does (None: if they were filled in
    before).  Separate debug files are found beside the file and below `debug_dirs`.  Other options are those of
    `btfkit.encode`.  Raises NotFoundError if there is no DWARF, ChainError for a base of another build, UnsupportedError for a
    signed module without `strip_signature`, for a linked file in place and for ids that were filled in for other BTF, and what
    `btfkit.encode` does.
    """
    operation = EncodeFiles(
        base,
        features=features,
        skip_languages=skip_languages,
        force=force,
        distill=distill,
        policy=policy,
        resolve_ids=resolve_ids,
        strip_signature=strip_signature,
        raw=raw,
        debug_dirs=debug_dirs,
    )
    record: EncodedFile = one_file(operation, path, output, in_place)
    return record


def encode(
    path: Path | Elf,
    base: Base | None = None,
    *,
    features: Sequence[str] = DEFAULT_FEATURES,
    skip_languages: Sequence[str] = ("rust",),
    force: bool = False,
) -> Btf:
    """The BTF of the types, functions and variables that the DWARF of the ELF file `path` describes, split on `base` if given.

    `features` are names of pahole's `--btf_features`; `skip_languages` ("c", "c++", "rust", "asm") omits units; with `force`
    types that BTF cannot express are written, references as pointers, and the base may be of another build.  Raises
    NotFoundError if there is no DWARF, ChainError for a base of another build,
    UnsupportedError for what cannot be read or expressed, FormatError for damaged input, OSError if a file cannot be read.
    """
    from btfkit.encoder.encode import encode as encode_elf

    symbols = companions = stripped = None
    on = None if base is None else as_btf(base)
    if isinstance(path, Elf):
        linked = _linked_ids(_with_btf(path), on, [])
    else:
        file = open_elf(os.fspath(path))
        dwarf = WithDwarf(file, os.fspath(path), (DEBUG,))
        dwarf.find_linked_ids(on, alone=True)
        path, symbols, companions = dwarf.elf, dwarf.symbols, dwarf.companions
        linked, stripped = dwarf.linked_ids, dwarf.stripped
    return encode_elf(
        path,
        on,
        features=features,
        skip_languages=skip_languages,
        force=force,
        symbols=symbols,
        stripped=stripped,
        companions=companions,
        linked_ids=linked,
        any_build=force,
    ).btf
