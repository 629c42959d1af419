"""Boot images: find the kernel inside, and find BTF in an image that has no sections.

Most bootable kernels are a compressed vmlinux after the code that decompresses it.  Its place is read from the image's
header; if that is missing or wrong, the magics of the compression formats are searched.  A flattened kernel (objcopy -O
binary: arm64, riscv, s390) contains its BTF as it is: of the blobs whose records fill their type section, the largest is
taken, because BPF programs inside the kernel bring small ones.  All searches are limited in tries and bytes.

Headers: the kernel's Documentation/arch/x86/boot.rst, drivers/firmware/efi/libstub/zboot-header.S,
Documentation/arch/arm64/booting.rst, Documentation/arch/riscv/boot-image-header.rst, arch/s390/boot/head.S,
arch/arm/boot/compressed/head.S, u-boot's include/image.h and doc/usage/fit; systemd's ukify for unified images (a PE section
`.linux`); Android's system/tools/mkbootimg (versions 0 to 4 of boot.img).
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import BtfError, FormatError, LimitError, UnsupportedError
from btfkit.files.compression import ENVIRONMENT, MAGICS, pieces, sniff, unpack, unpack_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from mmap import mmap

    from btfkit.files.elf import Data

    Searchable = bytes | bytearray | mmap

MAX_HITS = 100_000  # places of one magic
MAX_TRIES = 24  # places of one compression format
MAX_WALKS = 8  # blobs whose records are walked
MAX_HEADER = 256  # bytes of a plausible BTF header (24 or 32 today)
MAX_TYPES = 1 << 26  # bytes of a plausible type section; the kernel accepts 16 MiB of BTF in all

_AT = (  # (kind, byte, what stands there)
    ("bzimage", 0x202, b"HdrS"),
    ("zboot", 4, b"zimg"),
    ("uimage", 0, b"\x27\x05\x19\x56"),
    ("bootimg", 0, b"ANDROID!"),
    ("fit", 0, b"\xd0\x0d\xfe\xed"),
    ("arm64", 56, b"ARM\x64"),
    ("loong64", 56, b"\xcd\x23\x82\x81"),  # also of zboot images, which come first
    ("riscv", 56, b"RSC\x05"),
    ("riscv", 48, b"RISCV\0\0\0"),
    ("s390", 0x10008, b"S390EP"),
    ("arm", 0x24, b"\x18\x28\x6f\x01"),
    ("arm", 0x24, b"\x01\x6f\x28\x18"),
)


def sniff_image(data: Data) -> str | None:
    """The kind of boot image that `data` is: "bzimage", "zboot", "uki", "uimage", "arm64"..., or None."""
    for kind, at, magic in _AT:
        if data[at : at + len(magic)] == magic and (kind != "zboot" or data[:2] == b"MZ"):
            return kind
    return "uki" if data[:2] == b"MZ" and _linux_section(memoryview(data)) != (0, 0) else None


def payload(data: Data, kind: str, source: str = "image", *, limit: int | None = None) -> tuple[str, Data] | None:
    """The payload of the image `data` of that `kind`: (compression format, bytes decompressed), or None if none is found.

    The format is "" for an inner image that is not compressed.  Raises UnsupportedError if this installation lacks it, and
    FormatError if the payload that the header declares is damaged or too large, and there is no other.
    """
    view = memoryview(data)
    start, size = _declared(view, kind)
    damage: FormatError | None = None
    if start and size:
        inner = view[start : start + size]
        packing = sniff(inner)
        if packing is None and kind in ("uki", "uimage", "bootimg"):
            return "", bytes(inner)
        if packing is not None:
            try:
                return packing, unpack(inner, source, limit=limit, prefix=True)
            except FormatError as error:
                damage = error  # or the header was wrong
    found = search_payload(data, source, limit=limit)
    if found is None and damage is not None:
        raise damage
    return found


def _declared(view: memoryview, kind: str) -> tuple[int, int]:
    """(byte, bytes) of the payload according to the image's header, or (0, 0)."""
    if kind == "bzimage" and len(view) >= 0x250 and unpack_from("<H", view, 0x206)[0] >= 0x208:
        start, size = unpack_from("<II", view, 0x248)
        return (1 + (view[0x1F1] or 4)) * 512 + start, size
    if kind == "zboot" and len(view) >= 16:
        start, size = unpack_from("<II", view, 8)
        return start, size
    if kind == "uimage" and len(view) >= 64:
        return 64, unpack_from(">I", view, 12)[0]
    if kind == "uki":
        return _linux_section(view)
    if kind == "bootimg" and len(view) >= 48:  # the kernel follows the header's page
        size, page, version = unpack_from("<I24xII", view, 8)
        return 4096 if version >= 3 else page, size
    return 0, 0


def _linux_section(view: memoryview) -> tuple[int, int]:
    """(byte, bytes) of the section `.linux` of a PE file, or (0, 0)."""
    if len(view) < 0x40:
        return 0, 0
    header = unpack_from("<I", view, 0x3C)[0]
    if bytes(view[header : header + 4]) != b"PE\0\0" or header + 24 > len(view):
        return 0, 0
    count, optional = unpack_from("<6xH12xH", view, header)
    for index in range(min(count, 96)):  # the PE loader's own limit
        at = header + 24 + optional + 40 * index
        if bytes(view[at : at + 8]) == b".linux\0\0" and at + 40 <= len(view):
            used, _, size, start = unpack_from("<IIII", view, at + 8)
            return start, min(used, size) or size
    return 0, 0


def search_payload(data: Data, source: str = "image", *, limit: int | None = None) -> tuple[str, Data] | None:
    """The first compressed stream within `data` that contains BTF: (compression format, bytes decompressed), or None.

    Raises UnsupportedError if nothing was found, but a stream has a format that this installation lacks, and FormatError if the
    streams unpack to more than `limit` bytes (default: `unpack_limit()`) altogether.
    """
    failed: BtfError | None = None
    left = limit = unpack_limit(limit)
    for packing, offset in _packed_places(searchable(data)):
        inner = bytearray()
        try:
            for piece in pieces(data, source, limit=left, kind=packing, offset=offset, prefix=True):
                inner += piece
                left -= len(piece)
            if find_btf(inner) is not None:
                return packing, inner
        except UnsupportedError as error:
            failed = error if packing != "lzo" else failed
        except LimitError:
            what = f"no BTF in the first {limit} bytes that its parts decompress to, the limit: set {ENVIRONMENT} to raise it"
            failed = LimitError(what, source=source)
        except FormatError:
            pass
    if failed is not None:
        raise failed
    return None


def _packed_places(hay: Searchable) -> Iterator[tuple[str, int]]:
    for packing, magic in MAGICS.items():
        found = 0
        for offset in _places(hay, magic):
            if sniff(hay, offset) == packing:
                found += 1
                yield packing, offset
            if found == MAX_TRIES:
                break


def _places(hay: Searchable, magic: bytes) -> Iterator[int]:
    at = hay.find(magic)
    for _ in range(MAX_HITS):
        if at < 0:
            return
        yield at
        at = hay.find(magic, at + 1)


def find_btf(data: Data, check: Callable[[memoryview], bool] | None = None) -> memoryview | None:
    """The largest base BTF within `data`, not copied, or None.

    Its header's sections must fill it, its strings must begin and end with NUL, and `check` must accept it (by default: its
    records fill its type section).
    """
    check = check or _records_tile
    hay = searchable(data)
    view = memoryview(hay)
    fetch: Callable[[int, int], None] = getattr(hay, "fetch", _is_there)  # of a LargeFile
    found = []
    for mark, magic in (("<", b"\x9f\xeb\x01\x00"), (">", b"\xeb\x9f\x01\x00")):
        for at in _places(hay, magic):
            size = _extent(view, at, mark, fetch)
            if size:
                found.append((-size, at))
    for size, at in sorted(found)[:MAX_WALKS]:
        try:
            fetch(at, at - size)
            if check(view[at : at - size]):
                return view[at : at - size]
        except BtfError:
            continue
    return None


def _is_there(start: int, end: int) -> None:
    """All bytes are in memory."""


def _extent(view: memoryview, at: int, mark: str, fetch: Callable[[int, int], None]) -> int:
    """The size in bytes of a BTF with its header at `at`, 0 if there is none; `fetch` reads bytes before they are looked at."""
    if at + 24 > len(view):
        return 0
    fetch(at, at + 32)
    head, type_off, type_len, str_off, str_len = unpack_from(mark + "5I", view, at + 4)
    if not 24 <= head <= MAX_HEADER or type_off or not 0 < type_len <= MAX_TYPES or type_len % 4 or not str_len:
        return 0
    end = at + head + str_off + str_len
    if end > len(view):
        return 0
    fetch(end - str_len, end - str_len + 1)
    fetch(end - 1, end)
    if view[end - str_len] or view[end - 1]:
        return 0
    layout = str_off - type_len
    if layout and (head < 32 or unpack_from(mark + "II", view, at + 24) != (type_len, layout)):
        return 0
    return int(end - at)


def _records_tile(blob: memoryview) -> bool:
    """Whether the records of a blob fill its type section exactly."""
    from array import array

    from btfkit.btf.header import NATIVE, parse
    from btfkit.btf.spec import packed_table
    from btfkit.hot.scan import scan

    h = parse(blob)
    words = array("I", bytes(blob[h.length : h.length + h.type_len]))
    if h.order != NATIVE:
        words.byteswap()
    layout = blob[h.length + h.layout_off : h.length + h.layout_off + h.layout_len]
    try:
        table = packed_table(layout)
    except ValueError:
        return False
    positions = array("I", bytes(4 * (len(words) // 3)))
    count, end, *_ = scan(words, table, positions, 1)  # type: ignore[no-untyped-call,unused-ignore]
    return bool(count) and bool(end == len(words))


def searchable(data: Data) -> Searchable:
    """`data` as an object with `find`; a view of a part of something else is copied."""
    if not isinstance(data, memoryview):
        return data
    whole: object = data.obj
    if hasattr(whole, "find") and hasattr(whole, "__len__") and len(whole) == len(data):
        return whole  # type: ignore[return-value]
    return bytes(data)
