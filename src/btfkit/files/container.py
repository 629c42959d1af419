"""Find the bytes of BTF in a file, whatever they are wrapped in.

`open_container` goes through compression, tars, boot images and ELF files, nested in any order, to the `.BTF` blob.
`read_objects` does the same for BPF objects, which may be embedded in executables.  Large files are mapped, and the views
that are returned keep the mapping alive.  For other files the error guesses what they are.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISFIFO, S_ISREG

from btfkit import log
from btfkit.errors import BtfError, FormatError, NotFoundError
from btfkit.files.elf import EM_BPF, ET_CORE, ET_REL, Elf, object_name
from btfkit.files.elf import MAGIC as ELF_MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data
    from btfkit.files.large_file import LargeFile

    Path = str | os.PathLike[str]
    Peeled = tuple[Data, tuple[str, ...], str]

STDIN = "standard input"  # what "-" is called in messages
MAX_LAYERS = 4  # nested compression, tars and boot images
SMALL = 1 << 26  # bytes; of larger files only the parts that are needed are read
TINY = 1 << 16  # bytes; such files are read by one call
MAX_PIPE = 1 << 30  # bytes from a pipe or device
BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")
PACKED_SUFFIXES = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "lzma": ".lzma", "zstd": ".zst", "lz4": ".lz4"}
BANNER = b"Linux version "
_CARRIERS = ("bzimage", "zboot", "uki", "uimage")  # images that have the kernel as a payload, never flat

_HTML = "an HTML page: the download failed, or needs a login"
_BITCODE = "LLVM bitcode: compile it to an object first (clang -target bpf -g, llc -filetype=obj)"
_IMAGE = ": mount it, or extract the kernel or module from it"
_KDUMP = (
    "a kdump-compressed dump (makedumpfile, virsh dump --format kdump-*): convert it with `makedumpfile -E`, or read the BTF of"
    " the kernel's vmlinux"
)
_FAR = (  # (byte, what stands there, guess)
    (0x400, b"\xe2\xe1\xf5\xe0", "an EROFS image" + _IMAGE),
    (0x438, b"\x53\xef", "an ext2, ext3 or ext4 file system" + _IMAGE),
    (0x10040, b"_BHRfS_M", "a Btrfs file system" + _IMAGE),
    (0x400, b"\x10\x20\xf5\xf2", "an F2FS file system" + _IMAGE),
    (0x8001, b"CD001", "an ISO 9660 image" + _IMAGE),
    (0x200, b"EFI PART", "a disk image with partitions" + _IMAGE),
)
_GUESSES = (
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
    (b"<!doctype", _HTML),
    (b"<html", _HTML),
    (b"<?xml", "XML: the download failed"),
    (b"[1] ", "a text dump of BTF (bpftool btf dump): the BTF itself is needed"),
    (b'{"types"', "a JSON dump of BTF (bpftool -j btf dump): the BTF itself is needed"),
    (b"{", "JSON text"),
    (b"#ifndef __vmlinux_h__", "a vmlinux.h: the BTF that it was made from is needed"),
    (b"pk\x03\x04", "a zip file: extract it first"),
    (b"070707", "a cpio archive of the old form: extract it first"),
    (b"hsqs", "a squashfs image" + _IMAGE),
    (b"sqsh", "a squashfs image" + _IMAGE),
    (b"kdump   ", _KDUMP),
    (b"makedumpfile", _KDUMP),
    (b"diskdump", _KDUMP),
    (b"qfi\xfb", "a qcow2 disk image: convert it with `qemu-img convert -O raw`, and mount that"),
    (b"kdmv", "a VMDK disk image: convert it with `qemu-img convert -O raw`, and mount that"),
    (b"xfsb", "an XFS file system" + _IMAGE),
    (b"luks\xba\xbe", "an encrypted disk (LUKS): open and mount it"),
    (b"\xde\xc0\x17\x0b", _BITCODE),
    (b"bc\xc0\xde", _BITCODE),
)


class Container:
    """The BTF in a file.

    `btf`, `ext` (`.BTF.ext`) and `base` (`.BTF.base`) are bytes-like, the last two may be None; `elf` is the ELF file that they
    are sections of, or None; `pointer_size` (bytes) follows its class, or is None; `layers` names what the BTF was wrapped
    in, outermost first, ending in "elf", "raw" or "search" (found by its magic in an image).
    """

    __slots__ = ("_release", "base", "btf", "elf", "ext", "layers", "pointer_size", "source")

    def __init__(
        self, source: str, layers: tuple[str, ...], btf: Data, elf: Elf | None = None, release: str = ""
    ) -> None:
        self.source = source
        self._release = release
        self.layers = layers
        self.btf = btf
        self.elf = elf
        self.pointer_size = elf.bits // 8 if elf is not None else None
        self.ext = elf.btf_section(".BTF.ext") if elf is not None else None
        self.base = elf.btf_section(".BTF.base") if elf is not None else None

    def __repr__(self) -> str:
        return f"<Container {self.source}: {'/'.join(self.layers)}, {len(self.btf)} bytes>"

    @property
    def release(self) -> str:
        """The release of the kernel in a vmlinux or boot image ("6.12.57"), as its banner has it, or ""; raises FormatError."""
        if self._release or self.elf is None:
            return self._release
        section = self.elf.section(".rodata")
        return linux_release(self.elf.data(section)) if section is not None else ""


class ObjectBytes:
    """A BPF object: a short `name`, its `elf`, and for messages `source`, the file and the place in it."""

    __slots__ = ("elf", "name", "source")

    def __init__(self, name: str, elf: Elf, source: str) -> None:
        self.name = name
        self.elf = elf
        self.source = source

    def __repr__(self) -> str:
        return f"<ObjectBytes {self.name!r} of {self.source}>"


# Reading.


def source_name(path: str) -> str:
    """The name of an input in messages: its path, "standard input" for "-"."""
    return STDIN if path == "-" else path


def open_bytes(path: Path) -> bytes:
    """The bytes of the file `path` ("-": standard input).

    A pipe that was read before and has nothing more gives the same bytes again: some commands read an input twice.  Raises
    OSError as `open` does, FormatError for a directory, for a file that becomes shorter meanwhile, and for a pipe or device
    with more than MAX_PIPE bytes.
    """
    data = open_data(path, 1 << 63)
    assert isinstance(data, bytes)
    return data


def open_data(path: Path, large: int = 0) -> bytes | LargeFile:
    """As `open_bytes`; a file of at least `large` bytes (0: SMALL) becomes a `LargeFile`."""
    name = os.fspath(path)
    if name == "-":
        return _read_stdin()
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if _pipes and (again := _pipe_again(name, flags)) is not None:
        return again
    handle = os.open(name, flags)
    try:
        status = os.fstat(handle)
        if S_ISDIR(status.st_mode):
            raise FormatError("a directory, not a file: name a file in it", source=name, remedy="archive")
        if S_ISFIFO(status.st_mode):
            return _read_pipe(handle, name)
        if not S_ISREG(status.st_mode) or not status.st_size:
            return _read_all(handle, name)
        if status.st_size >= (large or SMALL):
            from btfkit.files.large_file import LargeFile

            return LargeFile(handle, status.st_size, name)
        data = os.read(handle, status.st_size + 1) if status.st_size <= TINY else b""
        if len(data) != status.st_size:
            with open(handle, "rb", buffering=0, closefd=False) as file:
                data += file.readall()  # one buffer, also for sysfs, which returns a page at a time
        if len(data) < status.st_size and status.st_size >= SMALL:
            what = f"cut short while it was read: it had {status.st_size} bytes, now {len(data)}"
            raise FormatError(what, source=name, offset=len(data))
        return data
    finally:
        os.close(handle)


_pipes: dict[tuple[int, int], bytes] = {}  # what was read from pipes and standard input, by device and inode


def _read_stdin() -> bytes:
    """Everything on standard input."""
    try:
        return _read_pipe(0, STDIN)
    except OSError as error:
        raise OSError(error.errno, error.strerror, STDIN) from None


def _read_pipe(handle: int, source: str) -> bytes:
    """Everything from a pipe, or what was read before if that was all."""
    data = _read_all(handle, source)
    status = os.fstat(handle)
    key = status.st_dev, status.st_ino
    if data:
        _pipes[key] = data
    return data or _pipes.get(key, data)


def _pipe_again(name: str, flags: int) -> bytes | None:
    """What was read before from the pipe `name`, if nobody writes to it now: opening it would wait for that."""
    try:
        status = os.stat(name)
    except OSError:
        return None
    known = _pipes.get((status.st_dev, status.st_ino)) if S_ISFIFO(status.st_mode) else None
    if known is None:
        return None
    handle = os.open(name, flags | os.O_NONBLOCK)
    try:
        first = os.read(handle, 1 << 16)
        os.set_blocking(handle, True)
        if not first:
            return known
        data = _pipes[status.st_dev, status.st_ino] = first + _read_all(handle, name)
        return data
    except BlockingIOError:  # somebody does
        os.set_blocking(handle, True)
        return _read_pipe(handle, name)
    finally:
        os.close(handle)


def _read_all(handle: int, source: str) -> bytes:
    """Everything up to the end of a pipe, a device or a file without a size."""
    chunks = []
    total = 0
    while chunk := os.read(handle, 1 << 20):
        chunks.append(chunk)
        total += len(chunk)
        if total > MAX_PIPE:
            raise FormatError(f"more than {MAX_PIPE} bytes without an end", source=source)
    return b"".join(chunks)


def _opened(path_or_data: Path | Data, source: str | None, fallback: str) -> tuple[Data, str]:
    if isinstance(path_or_data, str | os.PathLike):
        name = os.fspath(path_or_data)
        return open_data(name), source or source_name(name)
    try:
        memoryview(path_or_data)
    except TypeError:
        raise TypeError(f"expected a path or bytes, got {type(path_or_data).__name__}") from None
    return path_or_data, source or fallback


# Layers.


def open_container(path_or_data: Path | Data, source: str | None = None, *, limit: int | None = None) -> Container:
    """The BTF in a file (or in bytes, which `source` names in messages), in up to MAX_LAYERS layers.

    A raw blob is not checked.  `limit` is the size in bytes of a decompressed layer (default: `unpack_limit()`).  Raises
    NotFoundError if an ELF file or image has no `.BTF`, FormatError if the bytes are damaged or unknown, AmbiguousError if an
    archive has several files, UnsupportedError if this installation lacks a compression format, OSError if the file cannot be
    read.
    Raw before ELF: libbpf 1.8-dev, btf__parse.
    """
    found = _innermost(*_opened(path_or_data, source, "BTF data"), limit)
    log.info("opened %s: %s, %d bytes of BTF", found.source, "/".join(found.layers), len(found.btf))
    return found


def _innermost(data: Data, source: str, limit: int | None) -> Container:
    """The BTF below all layers of `data`."""
    layers: tuple[str, ...] = ()
    for _ in range(MAX_LAYERS + 1):
        head = bytes(data[:4])
        if head[:2] in BTF_MAGICS:
            fetch_all(data)
            return Container(source, (*layers, "raw"), data)
        if head == ELF_MAGIC:
            return _from_elf(Elf(data, source), layers)
        fetch_all(data)
        peeled = _peel(data, source, layers, limit)
        if isinstance(peeled, Container):
            return peeled
        data, layers, source = peeled
    raise FormatError(f"more than {MAX_LAYERS} layers: {' in '.join(reversed(layers))}", source=source)


def fetch_all(data: Data) -> None:
    """Read the rest of a large file."""
    if hasattr(data, "fetch"):
        data.fetch(0, len(data))


def _peel(data: Data, source: str, layers: tuple[str, ...], limit: int | None) -> Container | Peeled:
    """`data` without its outermost layers (compression and an archive in it count as one), `layers` with these, and the name of
    what is left; or the result of searching an image."""
    from btfkit.files.archives import open_archive, single_file
    from btfkit.files.compression import sniff, unpack_limit

    limit = unpack_limit(limit)
    archive, stream = open_archive(data, source, limit=limit)
    if archive is not None:
        layers = (*layers, archive.packing, archive.kind) if archive.packing else (*layers, archive.kind)
        name, content = single_file(archive)
        return content, layers, archive.named(name)
    packing = sniff(data)
    if packing is None:
        return _peel_image(data, source, layers, limit)
    unpacked = bytearray()
    for piece in stream:
        unpacked += piece
    log.debug("%s: %s, %d bytes unpacked to %d", source, packing, len(data), len(unpacked))
    return unpacked, (*layers, packing), source


def _peel_image(data: Data, source: str, layers: tuple[str, ...], limit: int) -> Container | Peeled:
    """The content of a boot image: another layer, or BTF found by its magic.  Of unknown files the readers of other packages are
    asked; then they are searched as well."""
    from btfkit.files import images

    image = images.sniff_image(data)
    if image is None:
        from btfkit.files.readers import read_by_others

        others = read_by_others(data, source, limit)
        if others.content is not None:
            return others.content, (*layers, others.name), source
        try:
            _reject_recognized(data, source)
            return _search_image(data, None, source, layers, limit)
        except BtfError as error:
            raise others.complete(error) from None
    return _search_image(data, image, source, layers, limit)


def _search_image(
    data: Data, image: str | None, source: str, layers: tuple[str, ...], limit: int
) -> Container | Peeled:
    from btfkit.files import images
    from btfkit.files.compression import sniff

    layers = (*layers, image or "image")
    if image not in _CARRIERS:
        blob = images.find_btf(data)
        if blob is not None:
            return Container(source, (*layers, "search"), _own(blob, data, layers), release=linux_release(data))
    found = images.payload(data, image or "", source, limit=limit)
    if found is None and image is None:
        raise FormatError(
            f"not BTF, and nothing that contains BTF: begins with {bytes(data[:8]).hex(' ')}; BTF begins with 9f eb or"
            " eb 9f, ELF with 7f 45 4c 46; the start may be missing, or the file encrypted",
            source=source,
            offset=0,
        )
    if found is not None:
        packing, inner = found
        layers = (*layers, packing) if packing else layers
        head = bytes(inner[:4])
        if head == ELF_MAGIC or head[:2] in BTF_MAGICS or sniff(inner) or images.sniff_image(inner):
            return inner, layers, source
        blob = images.find_btf(inner)
        if blob is not None:
            return Container(source, (*layers, "search"), _own(blob, inner, layers), release=linux_release(inner))
    raise NotFoundError(f"no BTF in this {image} image: kernel built without CONFIG_DEBUG_INFO_BTF", source=source)


def linux_release(data: Data) -> str:
    """The release in the banner of a kernel, "Linux version 6.12.57 (...", or ""."""
    hay = data if hasattr(data, "find") else bytes(data)
    at = hay.find(BANNER)
    while at >= 0:
        word, space, _ = bytes(hay[at + len(BANNER) : at + len(BANNER) + 128]).partition(b" (")
        if space and word[:1].isdigit() and word.isascii() and b" " not in word:
            return word.decode("ascii")
        at = hay.find(BANNER, at + 1)
    return ""


def _own(blob: memoryview, whole: Data, layers: tuple[str, ...]) -> Data:
    """`blob`, copied if it would keep a much larger decompressed image in memory."""
    return bytes(blob) if len(layers) > 1 and 2 * len(blob) < len(whole) else blob


def _from_elf(elf: Elf, layers: tuple[str, ...]) -> Container:
    btf = elf.btf_section(".BTF")
    if btf is not None:
        return Container(elf.source, (*layers, "elf"), btf, elf)
    if elf.type == ET_CORE:
        return _from_core(elf, layers)
    if any(name in _CARRIERS for name in layers) or (not layers and elf.section(".kernel:vmlinux.strip")):
        from btfkit.files import images

        blob = images.find_btf(elf.view)
        if blob is not None:
            own = _own(blob, elf.view, layers)
            return Container(elf.source, (*layers, "elf", "search"), own, release=linux_release(elf.view))
        found = images.search_payload(elf.view, elf.source) if not layers else None
        if found is not None:
            return _innermost(found[1], elf.source, None)
    why = "kernel built without CONFIG_DEBUG_INFO_BTF" if len(layers) > 1 and elf.type != ET_REL else _why_no_btf(elf)
    raise NotFoundError(f"no .BTF section: {why}", source=elf.source)


def _from_core(elf: Elf, layers: tuple[str, ...]) -> Container:
    """The BTF of the kernel in a dump of a machine's memory (`dump-guest-memory`, /proc/vmcore), where it stands as it is."""
    from btfkit.files import images

    blob = images.find_btf(elf.searchable())
    if blob is None:
        what = (
            "no BTF in this core dump: of a process, or of a kernel without CONFIG_DEBUG_INFO_BTF, or without its pages"
        )
        raise NotFoundError(what, source=elf.source)
    return Container(elf.source, (*layers, "core", "search"), bytes(blob))


def _why_no_btf(elf: Elf) -> str:
    names = {section.name for section in elf.sections}
    if elf.machine == EM_BPF:
        return "compile the object with clang -g"
    if ".modinfo" in names and elf.type == ET_REL:
        return "module built without CONFIG_DEBUG_INFO_BTF_MODULES (or without a vmlinux), or stripped"
    from btfkit.files.carve import bpf_objects

    embedded = bpf_objects(elf.view, elf.source)
    if embedded:
        return f"an executable with {len(embedded)} BPF object(s) embedded, but without BTF of its own"
    if ".debug_info" in names:
        return "it has DWARF only: `btfkit encode` makes BTF of it"
    if ".init.text" in names or "__ksymtab" in names:
        return "kernel built without CONFIG_DEBUG_INFO_BTF, or stripped"
    return "not a kernel, a module or a BPF object, or stripped (kernels need CONFIG_DEBUG_INFO_BTF)"


# Other files.


def _reject_recognized(data: Data, source: str) -> None:
    """Raise FormatError if `data` is recognized as something without BTF."""
    size = len(data)
    if size < 2:
        raise FormatError("file is empty" if not size else "file has only one byte", source=source)
    head = bytes(data[:4096])
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    for magic, guess in _GUESSES:
        if start.startswith(magic):
            raise FormatError(f"not BTF but {guess}", source=source, offset=0)
    for at, mark, guess in _FAR:
        if bytes(data[at : at + len(mark)]) == mark:
            raise FormatError(f"not BTF but {guess}", source=source, offset=at)
    view = memoryview(data)
    samples = (view[at : at + 16] for at in range(0, size, max(4096, size // 1024)))
    if not head.strip(b"\0") and not any(any(sample) for sample in samples):
        raise FormatError("file has only zeros: it was not written completely", source=source, offset=0)
    if not head.translate(None, _TEXT):
        for mark, guess in _SKELETONS:
            if mark in head:
                raise FormatError(f"not BTF but {guess}", source=source, offset=0)
        line = start.split(b"\n")[0][:40].decode("ascii", "replace")
        raise FormatError(f"not BTF but text ({line!r}...)", source=source, offset=0)


_SKELETONS = (
    (b"skel_internal.h", "a light skeleton (bpftool gen skeleton -L): name the object that it was made from (.bpf.o)"),
    (b"_BPF_SKEL_H__", "a skeleton (bpftool gen skeleton): name the object that it was made from (.bpf.o)"),
)
_TEXT = bytes(range(32, 127)) + b"\t\r\n\f"


# BPF objects.


def read_objects(path_or_data: Path | Data, source: str | None = None) -> list[ObjectBytes]:
    """The BPF objects of a file, compressed or not: itself, or those embedded in an executable, by place.

    Raises NotFoundError if there is none, FormatError if the file is not an ELF file, OSError if it cannot be read.
    """
    data, source = _opened(path_or_data, source, "BPF object")
    for _ in range(MAX_LAYERS):
        if bytes(data[:4]) == ELF_MAGIC:
            break
        fetch_all(data)
        data = _unpacked_object(data, source)
    elf = Elf(data, source)
    if elf.machine == EM_BPF or (elf.machine == 0 and elf.type == ET_REL):
        log.info("opened the BPF object %s", source)
        return [ObjectBytes(object_name(_bare(source)), elf, source)]
    from btfkit.files.carve import bpf_objects

    fetch_all(data)
    found = bpf_objects(data, source)
    if not found:
        raise NotFoundError(f"no BPF object: {_why_no_object(elf)}", source=source)
    objects = []
    for one in found:
        name = one.name if len(found) > 1 else object_name(_bare(source))
        where = f"{source}({name} at {one.offset:#x})"
        log.info("found the embedded BPF object %s", where)
        objects.append(ObjectBytes(name, Elf(one.data, where), where))
    return objects


def _unpacked_object(data: Data, source: str) -> Data:
    from btfkit.files.compression import sniff, unpack, unpack_limit

    if sniff(data):
        return unpack(data, source)
    if bytes(data[:2]) in BTF_MAGICS:
        raise FormatError("expected a BPF object (an ELF file made by clang -target bpf -g), got BTF", source=source)
    from btfkit.files.archives import is_package

    if is_package(data):
        raise FormatError("a package, not a BPF object: extract the object from it first", source=source, offset=0)
    from btfkit.files.readers import read_by_others

    others = read_by_others(data, source, unpack_limit())
    if others.content is not None:
        return others.content
    try:
        _reject_recognized(data, source)
        Elf(data, source)  # it reports what is wrong
    except BtfError as error:
        raise others.complete(error) from None
    return data


def _bare(source: str) -> str:
    """`source` without the suffix of a compression format."""
    stem, suffix = os.path.splitext(source)
    return stem if suffix in PACKED_SUFFIXES.values() else source


def _why_no_object(elf: Elf) -> str:
    if elf.section(".modinfo") is not None:
        return "this is a kernel or a kernel module; name the object of the program (.bpf.o)"
    if elf.type == ET_REL:
        machine = _MACHINES.get(elf.machine, f"machine {elf.machine}")
        return f"{machine} object, not BPF: compile with -target bpf (clang -target bpf -g -O2 -c, or bpf-gcc)"
    if elf.section(".BTF") is not None:
        return "this file has BTF but is not a BPF program: use it as a kernel"
    from btfkit.files.images import searchable

    if any(searchable(elf.view).find(text) >= 0 for text in _LIGHT_SKELETON):
        return "this executable has a light skeleton (bpftool gen skeleton -L), which does not keep the object: name the .bpf.o"
    return "none is embedded in this executable: it loads its programs from a file (name that file), or is packed (upx)"


_MACHINES = {
    3: "x86",
    8: "MIPS",
    20: "PowerPC",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86-64",
    183: "arm64",
    243: "RISC-V",
    258: "LoongArch",
}
# what the loader in every light skeleton says if it fails (libbpf's skel_internal.h)
_LIGHT_SKELETON = (b"failed to execute loader prog", b"failed to load loader prog")
