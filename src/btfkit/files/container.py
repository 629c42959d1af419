"""From a path to the bytes of BTF, whatever they are wrapped in.

`open_container` peels: packed files, tars, boot images and ELF files, one in the other, until a `.BTF` blob shows.
`read_objects` does the same for BPF objects, which may be embedded in executables.  Files are mapped, not read, and the
views that are handed out keep the mapping alive.  A file that is none of this gets a guess at what it is instead.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from btfkit.errors import FormatError, NotFoundError
from btfkit.files.elf import EM_BPF, ET_REL, Elf, object_name
from btfkit.files.elf import MAGIC as ELF_MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.elf import Data

    Path = str | os.PathLike[str]

MAX_LAYERS = 4  # packings, tars and boot images, one in the other
SMALL = 1 << 26  # bytes; up to it a file is read: a mapped one that another process cuts short ends in SIGBUS
_CARRIERS = ("bzimage", "zboot", "uki", "uimage")  # images that have the kernel as a payload, never flat
MAX_PIPE = 1 << 30  # bytes that are read from what is no regular file
_BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")

_GUESSES = (
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
    (b"<!doctype", "an HTML page: the download went wrong, or wants a login"),
    (b"<html", "an HTML page: the download went wrong, or wants a login"),
    (b"<?xml", "an XML text: the download went wrong"),
    (b"[1] ", "a text dump of BTF (bpftool btf dump): the BTF itself is needed"),
    (b'{"types"', "a JSON dump of BTF (bpftool -j btf dump): the BTF itself is needed"),
    (b"{", "JSON text"),
    (b"#ifndef __vmlinux_h__", "a vmlinux.h: the BTF that it was made from is needed"),
    (b"!<arch>\n", "an ar archive (.a, .deb): unpack it first"),
    (b"\xed\xab\xee\xdb", "an RPM package: unpack it first"),
    (b"pk\x03\x04", "a zip file: unpack it first"),
    (b"070701", "a cpio archive (initramfs): unpack it first"),
    (b"\xde\xc0\x17\x0b", "LLVM bitcode: compile it to an object first (clang -target bpf -g, llc -filetype=obj)"),
    (b"bc\xc0\xde", "LLVM bitcode: compile it to an object first (clang -target bpf -g, llc -filetype=obj)"),
)


class Container:
    """The BTF that was found in a file.

    `btf`, `ext` (`.BTF.ext`) and `base` (`.BTF.base`) are bytes-like, the latter two None where there is none; `elf` the ELF
    file they are sections of, or None; `pointer_size` its pointers' bytes (4, 8), or None; `layers` the names of what was
    peeled, outermost first, ending in "elf", "raw" or "search" (found by its magic in an image).
    """

    __slots__ = ("base", "btf", "elf", "ext", "layers", "pointer_size", "source")

    def __init__(self, source: str, layers: tuple[str, ...], btf: Data, elf: Elf | None = None) -> None:
        self.source = source
        self.layers = layers
        self.btf = btf
        self.elf = elf
        self.pointer_size = elf.bits // 8 if elf is not None else None
        self.ext = elf.btf_section(".BTF.ext") if elf is not None else None
        self.base = elf.btf_section(".BTF.base") if elf is not None else None

    def __repr__(self) -> str:
        return f"<Container {self.source}: {'/'.join(self.layers)}, {len(self.btf)} bytes>"


class ObjectBytes:
    """A BPF object: a short `name`, its `elf`, and `source`, the file (and the place in it) for messages."""

    __slots__ = ("elf", "name", "source")

    def __init__(self, name: str, elf: Elf, source: str) -> None:
        self.name = name
        self.elf = elf
        self.source = source

    def __repr__(self) -> str:
        return f"<ObjectBytes {self.name!r} of {self.source}>"


# Reading.


def open_bytes(path: Path) -> Data:
    """The bytes of the file `path` ("-": standard input), mapped where that can be done and pays, else read.

    Raises OSError as open does, FormatError for a directory and for a pipe or device that gives more than
    MAX_PIPE bytes.
    """
    name = os.fspath(path)
    if name == "-":
        return _read_all(0, "standard input")
    handle = os.open(name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        if S_ISDIR(status.st_mode):
            raise FormatError("a directory, not a file: name a file in it", source=name)
        if S_ISREG(status.st_mode) and status.st_size >= SMALL:
            from mmap import ACCESS_READ, mmap

            try:
                return mmap(handle, 0, access=ACCESS_READ)
            except (OSError, ValueError):
                pass  # sysfs before 6.16 cannot be mapped
        if S_ISREG(status.st_mode) and 0 < status.st_size < SMALL:
            with open(handle, "rb", buffering=0, closefd=False) as file:
                return file.readall()  # one buffer, also for sysfs, which gives a page at a time
        return _read_all(handle, name)
    finally:
        os.close(handle)


def _read_all(handle: int, source: str) -> bytes:
    """Everything up to the end of a pipe, a device or a file that does not tell its size."""
    chunks = []
    total = 0
    while chunk := os.read(handle, 1 << 20):
        chunks.append(chunk)
        total += len(chunk)
        if total > MAX_PIPE:
            raise FormatError(f"more than {MAX_PIPE} bytes, and no end", source=source)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _opened(path_or_data: Path | Data, source: str | None, fallback: str) -> tuple[Data, str]:
    if isinstance(path_or_data, str | os.PathLike):
        name = os.fspath(path_or_data)
        return open_bytes(name), source or ("standard input" if name == "-" else name)
    return path_or_data, source or fallback


# Peeling.


def open_container(path_or_data: Path | Data, source: str | None = None, *, limit: int | None = None) -> Container:
    """The BTF in a file (or in bytes, which `source` then names for messages), out of up to four layers.

    A raw blob is not looked into.  Raises NotFoundError where an ELF file or an image has no `.BTF`, FormatError where the
    bytes are broken or nothing known, AmbiguousError where an archive has several, UnsupportedError where a packing cannot
    be unpacked here, OSError where the file cannot be read.  `limit`: bytes that a layer may unpack to
    (`compression.LIMIT`).  Raw before ELF: libbpf 1.8-dev, btf__parse.
    """
    data, source = _opened(path_or_data, source, "BTF data")
    layers: tuple[str, ...] = ()
    for _ in range(MAX_LAYERS + 1):
        head = bytes(data[:4])
        if head[:2] in _BTF_MAGICS:
            return Container(source, (*layers, "raw"), data)
        if head == ELF_MAGIC:
            return _from_elf(Elf(data, source), layers)
        peeled = _peel(data, source, layers, limit)
        if isinstance(peeled, Container):
            return peeled
        data, layers = peeled
    raise FormatError(f"packed more than {MAX_LAYERS} times: {' in '.join(reversed(layers))}", source=source)


def _peel(
    data: Data, source: str, layers: tuple[str, ...], limit: int | None
) -> Container | tuple[Data, tuple[str, ...]]:
    """`data` without its outermost layer, and the layers with it; or what was found by searching an image."""
    from btfkit.files.compression import LIMIT, sniff
    from btfkit.files.tar import is_tar

    limit = LIMIT if limit is None else limit
    packing = sniff(data)
    if packing is not None or is_tar(data[:512]):
        return _peel_packed(data, source, layers, limit, packing)
    return _peel_image(data, source, layers, limit)


def _peel_packed(
    data: Data, source: str, layers: tuple[str, ...], limit: int, packing: str | None
) -> tuple[Data, tuple[str, ...]]:
    """One packing and the tar in it, if one is: the tar streams through, so that only its one file is kept."""
    from btfkit.files.compression import pieces
    from btfkit.files.tar import BLOCK, is_tar, single_btf

    stream: Iterator[bytes | memoryview] = iter((memoryview(data),))
    if packing is not None:
        stream = pieces(data, source, limit=limit, kind=packing)
        layers = (*layers, packing)
    head = bytearray()
    for piece in stream:
        head += piece
        if len(head) >= BLOCK:
            break
    if is_tar(head):
        return single_btf(_chain(head, stream), source, limit=limit)[1], (*layers, "tar")
    for piece in stream:
        head += piece
    return head, layers


def _peel_image(
    data: Data, source: str, layers: tuple[str, ...], limit: int
) -> Container | tuple[Data, tuple[str, ...]]:
    """What a boot image carries: another layer, or BTF found by its magic.  Unknown files are searched as well."""
    from btfkit.files import images

    image = images.sniff_image(data)
    if image is None:
        _refuse_guessed(data, source)
    layers = (*layers, image or "image")
    if image not in _CARRIERS:
        blob = images.find_btf(data)
        if blob is not None:
            return Container(source, (*layers, "search"), _own(blob, data, layers))
    found = images.payload(data, image or "", source, limit=limit)
    if found is None and image is None:
        raise _unknown(data, source)
    if found is None:
        raise NotFoundError(
            f"no BTF in this {image} image: the kernel was built without CONFIG_DEBUG_INFO_BTF", source=source
        )
    packing, inner = found
    layers = (*layers, packing) if packing else layers
    if _peels(inner):
        return inner, layers
    blob = images.find_btf(inner)
    if blob is None:
        raise NotFoundError(
            f"no BTF in the kernel in this {image} image: it was built without CONFIG_DEBUG_INFO_BTF", source=source
        )
    return Container(source, (*layers, "search"), _own(blob, inner, layers))


def _peels(data: Data) -> bool:
    """Whether `data` says itself what it is."""
    from btfkit.files.compression import sniff
    from btfkit.files.images import sniff_image

    head = bytes(data[:4])
    return head == ELF_MAGIC or head[:2] in _BTF_MAGICS or sniff(data) is not None or sniff_image(data) is not None


def _chain(head: bytearray, stream: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield memoryview(head)
    yield from stream


def _own(blob: memoryview, whole: Data, layers: tuple[str, ...]) -> Data:
    """`blob`, copied where it alone would keep a much larger unpacked image in memory."""
    return bytes(blob) if len(layers) > 1 and 2 * len(blob) < len(whole) else blob


def _from_elf(elf: Elf, layers: tuple[str, ...]) -> Container:
    btf = elf.btf_section(".BTF")
    if btf is not None:
        return Container(elf.source, (*layers, "elf"), btf, elf)
    if any(name in _CARRIERS for name in layers) or (not layers and elf.section(".kernel:vmlinux.strip")):
        from btfkit.files import images

        blob = images.find_btf(elf.view)
        if blob is not None:
            return Container(elf.source, (*layers, "elf", "search"), _own(blob, elf.view, layers))
        found = images.search_payload(elf.view, elf.source) if not layers else None
        if found is not None:
            return open_container(found[1], elf.source)
    why = "kernel built without CONFIG_DEBUG_INFO_BTF" if len(layers) > 1 and elf.type != ET_REL else _why_no_btf(elf)
    raise NotFoundError(f"no .BTF section: {why}", source=elf.source)


def _why_no_btf(elf: Elf) -> str:
    names = {section.name for section in elf.sections}
    if elf.machine == EM_BPF:
        return "compile the object with clang -g"
    if ".modinfo" in names and elf.type == ET_REL:
        return (
            "the module was built without CONFIG_DEBUG_INFO_BTF_MODULES (or where vmlinux was missing), or was stripped"
        )
    from btfkit.files.carve import bpf_objects

    embedded = bpf_objects(elf.view, elf.source)
    if embedded:
        return f"an executable with {len(embedded)} BPF object(s) in it, and no BTF of its own"
    if ".debug_info" in names:
        return "it has DWARF only, of which `pahole -J` makes BTF"
    if ".init.text" in names or "__ksymtab" in names:
        return "kernel built without CONFIG_DEBUG_INFO_BTF, or stripped"
    return "neither a kernel, a module nor a BPF object with BTF, or it was stripped (kernel: CONFIG_DEBUG_INFO_BTF)"


# What else it may be.


def _refuse_guessed(data: Data, source: str) -> None:
    """Raise FormatError where `data` is recognised as something that has no BTF."""
    size = len(data)
    if size < 2:
        raise FormatError("an empty file" if not size else "a file of one byte", source=source)
    head = bytes(data[:4096])
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    for magic, guess in _GUESSES:
        if start.startswith(magic):
            raise FormatError(f"no BTF but {guess}", source=source, offset=0)
    if not head.strip(b"\0") and not any(_sampled(data)):
        raise FormatError("nothing but zeros: the file was not written to its end", source=source, offset=0)
    if not head.translate(None, _TEXT):
        line = start.split(b"\n")[0][:40].decode("ascii", "replace")
        raise FormatError(f"this is text ({line!r}...), not BTF", source=source, offset=0)


_TEXT = bytes(range(32, 127)) + b"\t\r\n\f"


def _sampled(data: Data) -> Iterator[bool]:
    view = memoryview(data)
    return (any(view[at : at + 16]) for at in range(0, len(view), max(4096, len(view) // 1024)))


def _unknown(data: Data, source: str) -> FormatError:
    return FormatError(
        f"neither BTF nor a file that has it: it begins with {bytes(data[:8]).hex(' ')}, where BTF has 9f eb or eb 9f"
        " and ELF 7f 45 4c 46; it may be cut off at its front, or encrypted",
        source=source,
        offset=0,
    )


# BPF objects.


def read_objects(path_or_data: Path | Data, source: str | None = None) -> list[ObjectBytes]:
    """The BPF objects of a file: itself, or those embedded in an executable, packed or not, in the order of their places.

    Raises NotFoundError where there is none, FormatError where the file is no ELF file, OSError where it cannot be read.
    """
    data, source = _opened(path_or_data, source, "BPF object")
    for _ in range(MAX_LAYERS):
        if bytes(data[:4]) == ELF_MAGIC:
            break
        data = _unpacked_object(data, source)
    elf = Elf(data, source)
    if elf.machine == EM_BPF or (elf.machine == 0 and elf.type == ET_REL):
        return [ObjectBytes(object_name(_bare(source)), elf, source)]
    from btfkit.files.carve import bpf_objects

    found = bpf_objects(data, source)
    if not found:
        raise NotFoundError(f"no BPF object: {_why_no_object(elf)}", source=source)
    objects = []
    for one in found:
        name = one.name if len(found) > 1 else object_name(_bare(source))
        where = f"{source}({name} at {one.offset:#x})"
        objects.append(ObjectBytes(name, Elf(one.data, where), where))
    return objects


def _unpacked_object(data: Data, source: str) -> Data:
    from btfkit.files.compression import sniff, unpack

    if sniff(data):
        return unpack(data, source)
    if bytes(data[:2]) in _BTF_MAGICS:
        raise FormatError(
            "this is BTF; a BPF object (an ELF file made by clang -target bpf -g) is needed", source=source
        )
    _refuse_guessed(data, source)
    return data  # and `Elf` says what is wrong with it


def _bare(source: str) -> str:
    """`source` without the suffix of a packing."""
    stem, suffix = os.path.splitext(source)
    return stem if suffix in (".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzma") else source


def _why_no_object(elf: Elf) -> str:
    if elf.section(".modinfo") is not None:
        return "this is a kernel or a kernel module; the relocations that it would answer are in an object (.bpf.o)"
    if elf.section(".BTF") is not None:
        return "this file has BTF, but is no BPF program: it is for the place of a kernel"
    return "none is embedded in this executable: it loads its programs from a file (name that one), or is packed (upx)"
