"""Unpacking, by magic: gzip, bzip2, xz, lzma, zstd and lz4, in pieces, with a limit to what comes out.

All of it goes through `pieces`, which feeds a decompressor slice by slice and counts what comes out, so that a bomb
ends in a FormatError, and the only whole copy is the one that the caller makes.  Kernels pack with all of these (the
kernel's scripts/Makefile.lib), in lz4's case in its legacy form.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Protocol

    from btfkit.files.elf import Data

    class Decompressor(Protocol):
        """What bz2, lzma, zstd and lz4 have in common, and `_Zlib` makes of zlib."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes | None: ...
        def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes: ...


LIMIT = 1 << 30  # bytes that may come out of one stream
LZMA_MEMORY = 512 << 20  # bytes of dictionary; kernels are packed with 128 MiB at most
MAX_FRAMES = 1 << 17  # streams one behind the other in a file
_SLICE = 1 << 18  # bytes fed at once
_PIECE = 1 << 20  # bytes taken out at once
_LZ4_BLOCK = 8 << 20  # bytes that a block of legacy lz4 unpacks to, the last one excepted

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
    """The packing that begins at byte `offset` of `data`: a key of `MAGICS`, or None."""
    head = bytes(data[offset : offset + 16])
    for kind, magic in MAGICS.items():
        if head.startswith(magic) and _plausible(kind, head):
            return kind
    return None


def _plausible(kind: str, head: bytes) -> bool:
    """Whether what follows a short magic can follow it."""
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


def unpack(data: Data, source: str = "packed data", *, limit: int = LIMIT, kind: str | None = None) -> bytearray:
    """All of the packed `data`, unpacked (bytes); several streams one behind the other give one result.

    `kind` is what `sniff` says if it is not given ("zlib" is possible too).  Raises FormatError where the data is
    broken, cut short, followed by something else than zeros, or gives more than `limit` bytes; UnsupportedError where
    this installation cannot unpack that kind.
    """
    out = bytearray()
    for piece in pieces(data, source, limit=limit, kind=kind):
        out += piece
    return out


def unpack_prefix(
    data: Data, offset: int = 0, source: str = "packed data", *, limit: int = LIMIT, kind: str | None = None
) -> bytearray:
    """The one packed stream that begins at byte `offset` of `data`, unpacked (bytes), whatever follows it.

    Kernel images carry their payload so.  Raises as `unpack` does.
    """
    out = bytearray()
    for piece in pieces(data, source, limit=limit, kind=kind, offset=offset, prefix=True):
        out += piece
    return out


def first_stream(
    data: Data, source: str = "packed data", *, limit: int = LIMIT, kind: str | None = None
) -> tuple[bytearray, int]:
    """The first packed stream of `data`, unpacked, and where it ends in `data` (bytes): others may follow.

    For xz, zstd and gzip.  Raises as `unpack` does.
    """
    kind = kind or sniff(data) or ""
    out = bytearray()
    end = 0
    stream = _one_stream(_maker(kind, source)(), memoryview(data), 0, kind, source)
    while True:
        try:
            out += next(stream)
        except StopIteration as stop:
            end = stop.value
            return out, end
        except (FormatError, UnsupportedError):
            raise
        except Exception as broken:  # each decompressor has errors of its own
            raise FormatError(f"broken {kind} data: {broken}", source=source) from broken
        if len(out) > limit:
            raise FormatError(f"the {kind} data unpacks to more than {limit} bytes", source=source)


def pieces(
    data: Data,
    source: str = "packed data",
    *,
    limit: int = LIMIT,
    kind: str | None = None,
    offset: int = 0,
    prefix: bool = False,
) -> Iterator[bytes]:
    """The unpacked bytes of `data` in pieces of at most some MiB, unpacked as they are asked for.

    With `prefix` only the first stream counts and what follows it does not matter.  Raises as `unpack` does.
    """
    kind = kind or sniff(data, offset)
    if kind is None:
        raise FormatError(
            f"in no known packing: it begins with {bytes(data[offset : offset + 6]).hex(' ')}", source=source
        )
    view = memoryview(data)[offset:]
    make = None if kind == "lz4-legacy" else _maker(kind, source)
    stream = _legacy_lz4(view, source, prefix) if make is None else _frames(view, make, kind, source, prefix)
    total = 0
    while True:
        try:
            piece = next(stream)
        except StopIteration:
            return
        except (FormatError, UnsupportedError):
            raise
        except Exception as broken:  # each decompressor has errors of its own
            raise FormatError(f"broken {kind} data: {broken}", source=source) from broken
        total += len(piece)
        if total > limit:
            raise FormatError(f"the {kind} data unpacks to more than {limit} bytes", source=source)
        if piece:
            yield piece


def _frames(
    view: memoryview, make: Callable[[], Decompressor], kind: str, source: str, prefix: bool
) -> Iterator[bytes]:
    at = 0
    for _ in range(MAX_FRAMES):
        at = yield from _one_stream(make(), view, at, kind, source)
        if prefix or kind == "zlib" or _only_zeros(view, at):
            return
        if sniff(view, at) != kind:
            raise FormatError(f"something else follows the {kind} data", source=source, offset=at)
    raise FormatError(f"more than {MAX_FRAMES} {kind} streams in one file", source=source)


def _one_stream(codec: Decompressor, view: memoryview, at: int, kind: str, source: str) -> Generator[bytes, None, int]:
    """What one stream that begins at byte `at` unpacks to, in pieces; returns where it ends."""
    while not codec.eof:
        fed = view[at : at + _SLICE] if codec.needs_input else view[:0]
        at += len(fed)
        piece = codec.decompress(fed, _PIECE)
        if not piece and not fed and not codec.eof and codec.needs_input:
            raise FormatError(f"the {kind} data ends in the middle: it is cut short", source=source, offset=at)
        yield piece
    return at - len(codec.unused_data or b"")


def _only_zeros(view: memoryview, at: int) -> bool:
    return not any(view[at : at + 16]) and not bytes(view[at:]).strip(b"\0")


def _maker(kind: str, source: str) -> Callable[[], Decompressor]:
    """What makes a new decompressor for one stream of `kind`; raises UnsupportedError."""
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
        return _zstd(source)
    if kind == "lz4":
        return _lz4_frame(source)
    raise UnsupportedError(f"{kind} cannot be unpacked here: unpack it first, lzo with `lzop -d`", source=source)


class _Zlib:
    """zlib's decompressor with the manners of the others."""

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


def _zstd(source: str) -> Callable[[], Decompressor]:
    try:
        try:
            from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            from backports.zstd import ZstdDecompressor  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise UnsupportedError(
            "packed with zstd, which needs Python 3.14 or `pip install backports.zstd` here", source=source
        ) from None
    return ZstdDecompressor  # type: ignore[no-any-return,unused-ignore]


def _lz4_frame(source: str) -> Callable[[], Decompressor]:
    try:
        from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise _no_lz4(source) from None
    return LZ4FrameDecompressor  # type: ignore[no-any-return,unused-ignore]


def _legacy_lz4(view: memoryview, source: str, prefix: bool) -> Iterator[bytes]:
    """Blocks of (u32 packed size, lz4 block), each of 8 MiB unpacked but the last (lz4's doc/lz4_Frame_format.md)."""
    try:
        from lz4.block import decompress  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise _no_lz4(source) from None
    at, last, streams = 4, False, 1
    while at < len(view):
        size = unpack_from("<I", view, at)[0] if at + 4 <= len(view) else 0
        if size == 0x184C2102:  # the magic again: another stream
            at, last, streams = at + 4, False, streams + 1
            if streams > MAX_FRAMES:
                raise FormatError(f"more than {MAX_FRAMES} lz4 streams in one file", source=source)
            continue
        if last or at + 4 + size > len(view) or size == 0:
            # the kernel's build appends the unpacked size (4 bytes): scripts/Makefile.lib, size_append
            if prefix or len(view) - at <= 4 or _only_zeros(view, at):
                return
            raise FormatError("a broken lz4 block, or something else behind the last one", source=source, offset=at)
        piece = decompress(view[at + 4 : at + 4 + size], uncompressed_size=_LZ4_BLOCK)
        last = len(piece) < _LZ4_BLOCK
        at += 4 + size
        yield piece


def _no_lz4(source: str) -> UnsupportedError:
    return UnsupportedError("packed with lz4, which needs `pip install btfkit[lz4]` here", source=source)


# Packing again.

XZ_DICTIONARY = 1 << 20  # bytes; what the kernel's build gives to xz (scripts/Makefile.modinst)
XZ_LEAST = 4096  # bytes; liblzma takes no smaller dictionary
XZ_NICE = 48  # bytes; on 4,229 modules the output of preset 6 (64), in a little less time
_LEVELS = {"gzip": 9, "zstd": 12, "bzip2": 9}


def pack(data: Data, kind: str, source: str = "packed data") -> bytes:
    """`data` packed as `kind` (a key of `MAGICS`), in one stream that the kernel itself and kmod can unpack.

    Same input, same bytes: no time and no name is in it.  xz gets a CRC32, the only check that the kernel knows, and a
    dictionary of at most 1 MiB (the kernel's scripts/Makefile.modinst).  Raises UnsupportedError where this installation cannot.
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
        return _pack_zstd(view, source)
    if kind in ("lz4", "lz4-legacy"):
        return _pack_lz4(view, kind, source)
    raise UnsupportedError(f"{kind} cannot be packed here: unpack the file first", source=source)


def _pack_xz(view: memoryview, kind: str) -> bytes:
    import lzma

    if kind == "lzma":
        return lzma.compress(view, lzma.FORMAT_ALONE)
    # No larger than the file: the same output, and a fifth less time, for the encoder clears tables of the dictionary's size.
    size = min(max(1 << (len(view) - 1).bit_length(), XZ_LEAST), XZ_DICTIONARY) if len(view) else XZ_LEAST
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size, "nice_len": XZ_NICE}]
    return lzma.compress(view, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def _pack_zstd(view: memoryview, source: str) -> bytes:
    _zstd(source)  # says what is missing
    try:
        from compression.zstd import compress  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports.zstd import compress  # type: ignore[import-not-found,unused-ignore]
    packed: bytes = compress(view, _LEVELS["zstd"])
    return packed


def _pack_lz4(view: memoryview, kind: str, source: str) -> bytes:
    if kind == "lz4":
        _lz4_frame(source)
        from lz4 import frame

        framed: bytes = frame.compress(bytes(view), compression_level=9, content_checksum=True)
        return framed
    try:
        from lz4.block import compress  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise _no_lz4(source) from None
    out = bytearray(MAGICS[kind])
    for at in range(0, len(view), _LZ4_BLOCK):
        block = compress(bytes(view[at : at + _LZ4_BLOCK]), mode="high_compression", store_size=False)
        out += len(block).to_bytes(4, "little") + block
    return bytes(out)
