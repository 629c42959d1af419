"""Decompression by magic (gzip, bzip2, xz, lzma, zstd, lz4), in pieces and up to a limit; and compression.

`pieces` feeds a decompressor slice by slice and counts the output: a decompression bomb ends in a FormatError, and the only
whole copy is the caller's.  The kernel's build uses all of these formats (scripts/Makefile.lib), lz4 in its legacy form.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any, Protocol

    from btfkit.files.elf import Data

    class Decompressor(Protocol):
        """What the decompressors of bz2, lzma, zstd and lz4 have in common; `_Zlib` adapts zlib to it."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes | None: ...
        def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes: ...


LIMIT = 1 << 30  # bytes of output
LZMA_MEMORY = 512 << 20  # bytes of dictionary; kernels are compressed with 128 MiB at most
MAX_FRAMES = 1 << 17  # consecutive streams in a file
_SLICE = 1 << 18  # bytes of input per step
_PIECE = 1 << 20  # bytes of output per step
_LZ4_BLOCK = 8 << 20  # bytes in a block of legacy lz4, except the last

MAGICS = {
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\0",
    "lzma": b"\x5d\0\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
    "lz4-legacy": b"\x02\x21\x4c\x18",
    "lzo": b"\x89LZO",
}


def sniff(data: Data, offset: int = 0) -> str | None:
    """The compression format that begins at byte `offset` of `data`: a key of `MAGICS`, or None."""
    head = bytes(data[offset : offset + 16])
    for kind, magic in MAGICS.items():
        if head.startswith(magic) and _plausible(kind, head):
            return kind
    return None


def _plausible(kind: str, head: bytes) -> bool:
    """Whether the bytes after a short magic are valid for that format."""
    if kind == "gzip":
        return len(head) > 3 and head[3] < 0x20
    if kind == "bzip2":
        return head[3:4] in b"123456789" and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    if kind == "lzma":  # liblzma, is_format_lzma: dictionaries of 2^n or 2^n + 2^(n-1) bytes, sizes below 256 GiB
        if len(head) < 13:
            return False
        dictionary, size = unpack_from("<IQ", head, 1)
        return dictionary.bit_count() in (1, 2, 32) and (size == 0xFFFFFFFFFFFFFFFF or size < 1 << 38)
    return True


def unpack(
    data: Data, source: str = "compressed data", *, limit: int = LIMIT, kind: str | None = None, prefix: bool = False
) -> bytearray:
    """Decompress `data`, which may be several consecutive streams; with `prefix` only the first, whatever follows it.

    `kind` defaults to what `sniff` finds ("zlib" is accepted too).  Raises FormatError if the data is damaged, truncated,
    followed by anything but zeros, or larger than `limit` bytes; UnsupportedError if this installation lacks the format.
    """
    out = bytearray()
    for piece in pieces(data, source, limit=limit, kind=kind, prefix=prefix):
        out += piece
    return out


def first_stream(
    data: Data, source: str = "compressed data", *, limit: int = LIMIT, kind: str | None = None
) -> tuple[bytearray, int]:
    """The first xz, zstd or gzip stream of `data`, decompressed, and the byte of `data` where it ends; raises as `unpack`."""
    kind = kind or sniff(data) or ""
    ends: list[int] = []

    def stream() -> Iterator[bytes]:
        ends.append((yield from _one_stream(_maker(kind, source)(), memoryview(data), 0, kind, source)))

    out = bytearray()
    for piece in _checked(stream(), kind, source, limit):
        out += piece
    return out, ends[0]


def pieces(
    data: Data,
    source: str = "compressed data",
    *,
    limit: int = LIMIT,
    kind: str | None = None,
    offset: int = 0,
    prefix: bool = False,
) -> Iterator[bytes]:
    """The output of `unpack` in pieces of a few MiB at most, decompressed on demand; `offset` is where `data` begins."""
    kind = kind or sniff(data, offset)
    if kind is None:
        start = bytes(data[offset : offset + 6]).hex(" ")
        raise FormatError(f"unknown compression format: begins with {start}", source=source)
    view = memoryview(data)[offset:]
    if kind == "lz4-legacy":
        return _checked(_legacy_lz4(view, source, prefix), kind, source, limit)
    return _checked(_frames(view, _maker(kind, source), kind, source, prefix), kind, source, limit)


def _checked(stream: Iterator[bytes], kind: str, source: str, limit: int) -> Iterator[bytes]:
    """The pieces of `stream` that are not empty; each decompressor's errors become FormatErrors."""
    total = 0
    try:
        for piece in stream:
            total += len(piece)
            if total > limit:
                raise FormatError(f"the {kind} data decompresses to more than {limit} bytes", source=source)
            if piece:
                yield piece
    except (FormatError, UnsupportedError):
        raise
    except Exception as error:
        raise FormatError(f"damaged {kind} data: {error}", source=source) from error


def _frames(
    view: memoryview, make: Callable[[], Decompressor], kind: str, source: str, prefix: bool
) -> Iterator[bytes]:
    at = 0
    for _ in range(MAX_FRAMES):
        at = yield from _one_stream(make(), view, at, kind, source)
        if prefix or kind == "zlib" or _only_zeros(view, at):
            return
        if sniff(view, at) != kind:
            raise FormatError(f"unexpected data after the {kind} data", source=source, offset=at)
    raise FormatError(f"more than {MAX_FRAMES} {kind} streams in one file", source=source)


def _one_stream(codec: Decompressor, view: memoryview, at: int, kind: str, source: str) -> Generator[bytes, None, int]:
    """The output of the stream at byte `at`, in pieces; returns where the stream ends."""
    while not codec.eof:
        fed = view[at : at + _SLICE] if codec.needs_input else view[:0]
        at += len(fed)
        piece = codec.decompress(fed, _PIECE)
        if not piece and not fed and not codec.eof and codec.needs_input:
            raise FormatError(f"truncated {kind} data", source=source, offset=at)
        yield piece
    return at - len(codec.unused_data or b"")


def _only_zeros(view: memoryview, at: int) -> bool:
    return not any(view[at : at + 16]) and not bytes(view[at:]).strip(b"\0")


def _maker(kind: str, source: str) -> Callable[[], Decompressor]:
    """A function that makes a decompressor for one stream of `kind`; raises UnsupportedError."""
    if kind in ("gzip", "zlib"):
        bits = 31 if kind == "gzip" else 15
        return lambda: _Zlib(bits)
    if kind == "bzip2":
        from bz2 import BZ2Decompressor

        return BZ2Decompressor
    if kind in ("xz", "lzma"):
        from lzma import FORMAT_ALONE, FORMAT_XZ, LZMADecompressor

        form = FORMAT_XZ if kind == "xz" else FORMAT_ALONE
        return lambda: LZMADecompressor(form, LZMA_MEMORY)
    if kind == "zstd":
        return _optional(kind, source).ZstdDecompressor  # type: ignore[no-any-return]
    if kind == "lz4":
        return _optional(kind, source).LZ4FrameDecompressor  # type: ignore[no-any-return]
    raise UnsupportedError(f"{kind} is not supported: decompress the file first (lzo: `lzop -d`)", source=source)


class _Zlib:
    """zlib's decompressor with the interface of the others."""

    __slots__ = ("_codec",)

    def __init__(self, bits: int) -> None:
        from zlib import decompressobj

        self._codec = decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._codec.eof

    @property
    def needs_input(self) -> bool:
        return not self._codec.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._codec.unused_data

    def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes:
        return self._codec.decompress(data or self._codec.unconsumed_tail, max_length)


_LZ4 = "`pip install btfkit[lz4]`"
_OPTIONAL = {  # by format: modules to try, and what provides one
    "zstd": (("compression.zstd", "backports.zstd"), "Python 3.14 or `pip install backports.zstd`"),
    "lz4": (("lz4.frame",), _LZ4),
    "lz4-legacy": (("lz4.block",), _LZ4),
}


def _optional(kind: str, source: str) -> Any:
    """The module for a format that not every installation has; raises UnsupportedError."""
    from importlib import import_module

    names, provider = _OPTIONAL[kind]
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UnsupportedError(f"compressed with {kind}, which needs {provider}", source=source)


def _legacy_lz4(view: memoryview, source: str, prefix: bool) -> Iterator[bytes]:
    """Blocks of (u32 size, lz4 block), each of 8 MiB decompressed except the last (lz4's doc/lz4_Frame_format.md)."""
    decompress = _optional("lz4-legacy", source).decompress
    at, last, streams = 4, False, 1
    while at < len(view):
        size = unpack_from("<I", view, at)[0] if at + 4 <= len(view) else 0
        if size == 0x184C2102:  # the magic again: another stream
            at, last, streams = at + 4, False, streams + 1
            if streams > MAX_FRAMES:
                raise FormatError(f"more than {MAX_FRAMES} lz4 streams in one file", source=source)
            continue
        if last or at + 4 + size > len(view) or size == 0:
            # the kernel's build appends the decompressed size (4 bytes): scripts/Makefile.lib, size_append
            if prefix or len(view) - at <= 4 or _only_zeros(view, at):
                return
            raise FormatError("damaged lz4 block, or unexpected data after the last one", source=source, offset=at)
        piece = decompress(view[at + 4 : at + 4 + size], uncompressed_size=_LZ4_BLOCK)
        last = len(piece) < _LZ4_BLOCK
        at += 4 + size
        yield piece


# Compression.

XZ_DICTIONARY = 1 << 20  # bytes; as the kernel's build has it (scripts/Makefile.modinst)
XZ_LEAST = 4096  # bytes; liblzma's minimum
XZ_NICE = 48  # bytes; on 4,229 modules the same output as preset 6 (64), a little faster
_LEVELS = {"gzip": 9, "zstd": 12, "bzip2": 9}


def pack(data: Data, kind: str, source: str = "compressed data") -> bytes:
    """Compress `data` as `kind` (a key of `MAGICS`) into one stream that the kernel and kmod can decompress.

    The same input gives the same bytes: no time, no name.  xz gets a CRC32, the only check that the kernel supports, and a
    dictionary of at most 1 MiB (the kernel's scripts/Makefile.modinst).  Raises UnsupportedError if this installation lacks
    the format.
    """
    view = memoryview(data)
    if kind == "gzip":
        from zlib import compressobj

        codec = compressobj(_LEVELS[kind], wbits=31)
        return codec.compress(view) + codec.flush()
    if kind == "bzip2":
        from bz2 import compress

        return compress(view, _LEVELS[kind])
    if kind in ("xz", "lzma"):
        return _pack_xz(view, kind)
    if kind == "zstd":
        return bytes(_optional(kind, source).compress(view, _LEVELS[kind]))
    if kind == "lz4":
        return bytes(_optional(kind, source).compress(bytes(view), compression_level=9, content_checksum=True))
    if kind == "lz4-legacy":
        out = bytearray(MAGICS[kind])
        for at in range(0, len(view), _LZ4_BLOCK):
            block = bytes(view[at : at + _LZ4_BLOCK])
            block = _optional(kind, source).compress(block, mode="high_compression", store_size=False)
            out += len(block).to_bytes(4, "little") + block
        return bytes(out)
    raise UnsupportedError(f"{kind} compression is not supported: decompress the file first", source=source)


def _pack_xz(view: memoryview, kind: str) -> bytes:
    import lzma

    if kind == "lzma":
        return lzma.compress(view, lzma.FORMAT_ALONE)
    # A dictionary no larger than the file gives the same output in a fifth less time: the encoder clears tables of its size.
    size = min(max(1 << (len(view) - 1).bit_length(), XZ_LEAST), XZ_DICTIONARY) if len(view) else XZ_LEAST
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size, "nice_len": XZ_NICE}]
    return lzma.compress(view, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)
