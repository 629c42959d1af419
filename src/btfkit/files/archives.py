"""Archives that hold kernels and modules: tar, Debian and RPM packages, cpio (an initramfs), compressed or not.

Members are read one by one in memory; nothing is written to disk, and links, devices and names with `..` are skipped.  The limits
are those of `compression`.  Formats: deb(5), ar(5), and cpio's "newc" (the kernel's buffer-format.rst); RPM's lead, signature
and header (rpm's docs/manual/format.md).

Libraries for these formats exist (python-debian, arpy, rpmfile, libarchive-c), and none of them limits what a member unpacks to;
rpmfile needs another zstd package than the rest of btfkit, and libarchive-c a C library.  What is left to do, beside the
compression and the tar that are here anyway, is to find the place of one stream.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import AmbiguousError, FormatError, LimitError, NotFoundError, UnsupportedError
from btfkit.files.compression import ENVIRONMENT, pieces, sniff, unpack_limit
from btfkit.files.tar import BLOCK, MAX_NAME, Reader, is_tar, text_of
from btfkit.files.tar import members as tar_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.files.elf import Data

    Piece = bytes | memoryview
    Member = tuple[str, bytearray]
    Wanted = Callable[[str], bool]

TIMES = 8  # an archive, which is never in memory at once, may unpack to this many times what one file may
AR = b"!<arch>\n"
RPM = b"\xed\xab\xee\xdb"
RPM_HEADER = b"\x8e\xad\xe8\x01"
CPIO = (b"070701", b"070702")
STRIPPED_CPIO = b"07070X"
PACKAGES = ("deb", "rpm", "cpio")  # kinds whose members are named in messages
KERNELS = ("vmlinux", "vmlinuz", "Image", "bzImage", "zImage", "uImage")
_NO_KERNELS = (".h", ".lds", ".hmac", ".id", ".S", ".c", ".o", ".ko", ".map", ".txt", ".py", ".sig", ".dtb")
_PACKED = (".gz", ".bz2", ".xz", ".lzma", ".zst", ".lz4")
_MAX_AR = 1 << 16  # members of an ar archive
_MAX_HEADER = 256 << 20  # bytes of an RPM's header; rpm's own limit


class Archive:
    """An archive: its `kind` ("tar", "deb", "rpm" or "cpio"), its `packing` if all of it is compressed ("" otherwise), and what
    it holds (`members`), to be read once."""

    __slots__ = ("_members", "kind", "packing", "source")

    def __init__(
        self, kind: str, packing: str, source: str, members: Callable[[Wanted | None], Iterator[Member]]
    ) -> None:
        self.kind = kind
        self.packing = packing
        self.source = source
        self._members = members

    def members(self, wanted: Wanted | None = None) -> Iterator[Member]:
        """(name, content) of the regular files, in the order of the archive, if their names are `wanted`.

        Raises FormatError if the archive is damaged or truncated, LimitError if a file is too large.
        """
        return self._members(wanted)

    def named(self, name: str) -> str:
        """A member for messages; a file in a tar goes by the name of the tar."""
        return f"{self.source}({name})" if self.kind in PACKAGES else self.source


def open_archive(data: Data, source: str, *, limit: int | None = None) -> tuple[Archive | None, Iterator[Piece]]:
    """The archive in `data`, or None; and all of `data` in pieces, decompressed, if it is not one.

    A file in it may have `limit` bytes (default: `unpack_limit()`).  Raises what `pieces` does, and FormatError for a package
    whose start is damaged.
    """
    one = unpack_limit(limit)
    head = bytes(data[:8])
    if head == AR:
        return Archive("deb", "", source, lambda wanted: _deb_members(data, source, one, wanted)), iter(())
    if head[:4] == RPM:
        return Archive("rpm", "", source, lambda wanted: _rpm_members(data, source, one, wanted)), iter(())
    if head[:6] in CPIO:
        return Archive("cpio", "", source, lambda wanted: _initramfs(data, source, one, wanted)), iter(())
    packing = sniff(data)
    if packing is None:
        stream: Iterator[Piece] = iter((memoryview(data),))
        start = bytes(data[:BLOCK])
    else:
        start = _start_of(pieces(data, source, limit=one, kind=packing))
        stream = pieces(data, source, limit=TIMES * one if _is_archive(start) else one, kind=packing)
    if is_tar(start):
        return Archive(
            "tar", packing or "", source, lambda wanted: tar_members(stream, source, limit=one, wanted=wanted)
        ), stream
    if _is_archive(start):
        return Archive(
            "cpio", packing or "", source, lambda wanted: _cpio_members(Reader(stream, source), one, wanted)
        ), stream
    return None, stream


def is_package(data: Data) -> bool:
    """Whether `data` begins like a .deb, an .rpm or a cpio archive."""
    head = bytes(data[:8])
    return head == AR or head[:4] == RPM or head[:6] in CPIO


def _is_archive(start: bytes) -> bool:
    return is_tar(start) or start[:6] in CPIO


def _start_of(stream: Iterator[bytes]) -> bytes:
    """The first bytes of a stream, enough to recognize an archive by."""
    start = b""
    while len(start) < BLOCK and (piece := next(stream, None)) is not None:
        start += piece[:BLOCK]
    return start


# ---- the one that is meant -----------------------------------------------------------------------------------------


def is_kernel(name: str) -> bool:
    """Whether a file of that name is a kernel image ("boot/vmlinuz-6.1.0-47-amd64", "Image.gz", "vmlinux")."""
    base = name.rpartition("/")[2]
    base = base.removesuffix(next((suffix for suffix in _PACKED if base.endswith(suffix)), ""))
    stem = base.partition("-")[0].partition(".")[0]
    return stem in KERNELS and not base.endswith(_NO_KERNELS)


def single_file(archive: Archive, *, kernel: bool = False) -> Member:
    """The file of an archive that is meant, (name, content): its only *.btf, or its only kernel, or its only file (in a package:
    its only module); with `kernel`, not a module.

    Raises NotFoundError if there is none, AmbiguousError if there are several, and what `members` raises.
    """
    names: dict[str, list[str]] = {"btf": [], "kernel": [], "other": []}
    kept: dict[str, Member] = {}

    def wanted(name: str) -> bool:
        kind = _meant(name)
        if kind == "other" and (kernel or (archive.kind in PACKAGES and ".ko" not in name)):
            return False
        names[kind].append(name.removeprefix("./"))
        return len(names[kind]) == 1

    for name, content in archive.members(wanted):
        kept[_meant(name)] = name, content
        if len(names["other"]) > 1:
            kept.pop("other", None)
    for kind in ("btf", "kernel", "other"):
        if len(names[kind]) > 1:
            raise AmbiguousError(_several(names[kind]), source=archive.source)
        if names[kind]:
            return kept[kind]
    what = "archive has no regular file"
    if archive.kind in PACKAGES:
        what = "no kernel and no module in this package: they may be in another, which it depends on"
    raise NotFoundError(what, source=archive.source)


def _meant(name: str) -> str:
    return "btf" if name.endswith(".btf") else "kernel" if is_kernel(name) else "other"


def _several(names: list[str]) -> str:
    modules = sum(".ko" in name for name in names)
    if modules > 1:
        return f"archive of {modules} modules without a kernel: use it for modules, or extract it and name one of them"
    return f"archive of several files ({', '.join(names[:3])}...): extract it and name one of them"


# ---- Debian packages -----------------------------------------------------------------------------------------------


def ar_members(data: Data, source: str) -> Iterator[tuple[bytes, memoryview, int]]:
    """(name, content, offset of the header) of the members of an ar archive, the name padded with spaces.

    Raises FormatError if a header is damaged or a member truncated.
    """
    view = memoryview(data)
    at = len(AR)
    for _ in range(_MAX_AR):
        if at + 60 > len(view):
            return
        name, digits, end = (
            bytes(view[at : at + 16]),
            bytes(view[at + 48 : at + 58]).strip(),
            bytes(view[at + 58 : at + 60]),
        )
        if end != b"`\n" or not digits.isdigit():
            raise FormatError("not the header of a member of an ar archive", source=source, offset=at)
        size = int(digits)
        if at + 60 + size > len(view):
            raise FormatError(f"truncated package: a member ends at {at + 60 + size:#x}", source=source, offset=at)
        yield name, view[at + 60 : at + 60 + size], at
        at += 60 + size + size % 2


def _deb_members(data: Data, source: str, limit: int, wanted: Wanted | None) -> Iterator[Member]:
    for name, inner, at in ar_members(data, source):
        if name.startswith(b"data.tar"):
            packing = sniff(inner)
            if packing is None and len(inner) and not is_tar(inner[:BLOCK]):
                raise UnsupportedError(f"a package with {name.decode('latin-1').strip()}", source=source, offset=at)
            stream = pieces(inner, source, limit=TIMES * limit, kind=packing) if packing else iter((inner,))
            for member, content in tar_members(stream, source, limit=limit, wanted=wanted):
                yield member.removeprefix("./"), content
            return
    raise FormatError("an ar archive without data.tar: not a Debian package (a static library?)", source=source)


# ---- RPM packages --------------------------------------------------------------------------------------------------


def _rpm_members(data: Data, source: str, limit: int, wanted: Wanted | None) -> Iterator[Member]:
    view = memoryview(data)
    at = rpm_headers(view, source)[1][1]
    payload = view[at:]
    packing = sniff(payload)
    if packing is None and not bytes(payload[:6]).startswith(b"0707"):
        raise FormatError("payload of an unknown format", source=source, offset=at)
    stream = pieces(payload, source, limit=TIMES * limit, kind=packing) if packing else iter((payload,))
    yield from _cpio_members(Reader(stream, source), limit, wanted)


def rpm_headers(view: memoryview, source: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """(begin, end) of an RPM's signature, after the lead, and of its header.  Raises FormatError if one is damaged."""
    signature = _after_header(view, 96, source)
    begin = signature + -signature % 8
    return (96, signature), (begin, _after_header(view, begin, source))


def _after_header(view: memoryview, at: int, source: str) -> int:
    """The end of the header at `at`: 16 bytes, 16 for each entry, and the entries' data."""
    if at + 16 > len(view) or bytes(view[at : at + 4]) != RPM_HEADER:
        raise FormatError("not the header of an RPM package, or truncated", source=source, offset=at)
    count, size = unpack_from(">II", view, at + 8)
    if 16 * count + size > _MAX_HEADER:
        raise FormatError(f"a header of {16 * count + size} bytes", source=source, offset=at)
    return int(at + 16 + 16 * count + size)


# ---- cpio ----------------------------------------------------------------------------------------------------------


def _initramfs(data: Data, source: str, limit: int, wanted: Wanted | None) -> Iterator[Member]:
    """The members of the archives in a row that make an initramfs; the last one may be compressed."""
    view = memoryview(data)
    at = 0
    while at < len(view):
        packing = sniff(view, at)
        stream = pieces(view, source, limit=TIMES * limit, kind=packing, offset=at) if packing else iter((view[at:],))
        reader = Reader(stream, source)
        yield from _cpio_members(reader, limit, wanted)
        if packing:
            return
        at += reader.at
        while at < len(view) and not view[at]:
            at += 1


def _cpio_members(reader: Reader, limit: int, wanted: Wanted | None) -> Iterator[Member]:
    """The regular files of one cpio archive of the form "newc", up to its trailer."""
    while True:
        at = reader.at
        head = bytes(reader.read(6))
        if head == STRIPPED_CPIO:
            what = "a package with stripped cpio (files above 4 GB): extract it with rpm2archive"
            raise UnsupportedError(what, source=reader.source)
        if head not in CPIO:
            raise FormatError("not the header of a member of a cpio archive", source=reader.source, offset=at)
        try:
            fields = [int(digits, 16) for digits in _chunks(bytes(reader.read(104)))]
        except ValueError:
            raise FormatError("not a number in a cpio header", source=reader.source, offset=at) from None
        mode, size, length = fields[1], fields[6], fields[11]
        if not 0 < length <= MAX_NAME:
            raise FormatError(f"a name of {length} bytes", source=reader.source, offset=at)
        name = text_of(bytes(reader.read(length)).rstrip(b"\0")).removeprefix("./").lstrip("/")
        reader.skip(-(110 + length) % 4)
        if name == "TRAILER!!!":
            return
        regular = mode & 0o170000 == 0o100000 and ".." not in name.split("/")
        if regular and (wanted is None or wanted(name)):
            if size > limit:
                what = f"member {name!r} has {size} bytes, the limit is {limit}; set {ENVIRONMENT} to raise it"
                raise LimitError(what, source=reader.source)
            yield name, reader.read(size)
        else:
            reader.skip(size)
        reader.skip(-size % 4)


def _chunks(digits: bytes) -> Iterable[bytes]:
    return (digits[at : at + 8] for at in range(0, len(digits), 8))
