"""Decompression by magic (gzip, bzip2, xz, lzma, zstd, lz4), in pieces and up to a limit; and compression.

`pieces` feeds a decompressor slice by slice and counts the output: a decompression bomb ends in a FormatError, and the only
whole copy is the caller's.  The kernel's build uses all of these formats (scripts/Makefile.lib), lz4 in its legacy form.

A file may hold several streams one after another (pigz, pixz, pzstd, `cat a.xz b.xz`), zeros between and after them, and, for
zstd and lz4, skippable frames (RFC 8878, 3.1.2), which pzstd writes before each frame.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit import log
from btfkit.errors import FormatError, LimitError, UnsupportedError

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


LIMIT = 1 << 30  # bytes of output, unless the caller or the environment sets another limit
ENVIRONMENT = "BTFKIT_UNPACK_LIMIT"  # the variable with the limit: bytes, or a number with K, M, G or T (of 1024)
_HINT = f", the limit: set {ENVIRONMENT} to raise it (Python: limit=)"
MAX_IDLE = 4  # steps in which a decompressor that wants no input returns nothing
LZMA_MEMORY = 512 << 20  # bytes of dictionary; kernels are compressed with 128 MiB at most
MAX_FRAMES = 1 << 17  # consecutive streams in a file
_FIRST_SLICE = 1 << 12  # bytes of input in the first step of a stream; the next steps take twice as much each,
_SLICE = 1 << 18  # up to this many: what follows a short stream is not copied again and again
_PIECE = 1 << 20  # bytes of output per step
_LZ4_BLOCK = 8 << 20  # bytes in a block of legacy lz4, except the last
_LZ4_BOUND = _LZ4_BLOCK + _LZ4_BLOCK // 255 + 16  # bytes of such a block, compressed (lz4.h, LZ4_COMPRESSBOUND)
_LZ4_LEGACY = 0x184C2102  # the magic, which can also stand instead of a block's size

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
_SKIPPABLE = bytes(range(0x50, 0x60)), b"\x2a\x4d\x18"  # the first byte and the others of a skippable frame's magic
_WITH_SKIPPABLE = ("zstd", "lz4", "lz4-legacy")
_MAX_SKIPPABLE = 64  # skippable frames before the first other one


def sniff(data: Data, offset: int = 0) -> str | None:
    """The compression format that begins at byte `offset` of `data`: a key of `MAGICS`, or None.

    A file that begins with skippable frames has the format of the frame that follows them.
    """
    head = bytes(data[offset : offset + 16])
    for kind, magic in MAGICS.items():
        if head.startswith(magic) and _plausible(kind, head):
            return kind
    return _sniff_skippable(data, offset) if _skippable(head) else None


def _sniff_skippable(data: Data, at: int) -> str | None:
    for _ in range(_MAX_SKIPPABLE):
        head = bytes(data[at : at + 8])
        if not _skippable(head):
            return next((kind for kind in _WITH_SKIPPABLE if head.startswith(MAGICS[kind])), None)
        at += 8 + int.from_bytes(head[4:], "little")
    return None


def _skippable(head: bytes | memoryview) -> bool:
    """Whether the first 8 bytes of `head` begin a skippable frame: its magic, and its size."""
    return len(head) >= 8 and head[0] in _SKIPPABLE[0] and head[1:4] == _SKIPPABLE[1]


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


def unpack_limit(limit: int | None = None, default: int | None = None) -> int:
    """The bytes that one file may unpack to: `limit` if given, the number in the environment, or `default` (`LIMIT`).

    Raises UnsupportedError if the environment has something else than a number.
    """
    if limit is not None:
        return limit
    from os import environ

    text = environ.get(ENVIRONMENT, "").strip()
    if not text:
        return LIMIT if default is None else default
    shift = 10 * (1 + "KMGT".find(text[-1:].upper()))
    digits = text[:-1] if shift else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise UnsupportedError(f"{ENVIRONMENT}={text!r}: expected a number of bytes, such as 4294967296 or 4G")
    return int(digits) << shift


def unpack(
    data: Data,
    source: str = "compressed data",
    *,
    limit: int | None = None,
    kind: str | None = None,
    prefix: bool = False,
) -> bytearray:
    """Decompress `data`, which may be several consecutive streams; with `prefix` only the first, whatever follows it.

    `kind` defaults to what `sniff` finds ("zlib" is accepted too), `limit` to `unpack_limit()`.  Raises FormatError if the data
    is damaged, truncated, followed by anything but padding, or larger than `limit` bytes; UnsupportedError if this installation
    lacks the format.
    """
    out = bytearray()
    for piece in pieces(data, source, limit=limit, kind=kind, prefix=prefix):
        out += piece
    return out


class FirstStream:
    """The pieces of the first xz, zstd or gzip stream of `data`, decompressed on demand; raises as `unpack`.

    `end` is the byte of `data` where the stream ends, known after the last piece.
    """

    __slots__ = ("_stream", "end")

    def __init__(self, data: Data, source: str, *, limit: int, kind: str) -> None:
        self.end = 0
        self._stream = _checked(self._run(memoryview(data), source, kind), kind, source, limit)

    def _run(self, view: memoryview, source: str, kind: str) -> Iterator[bytes]:
        self.end = yield from _one_stream(_maker(kind, source)(), view, 0, kind, source)

    def __iter__(self) -> Iterator[bytes]:
        return self._stream


def first_stream(data: Data, source: str, *, limit: int, kind: str | None = None) -> tuple[bytearray, int]:
    """The first xz, zstd or gzip stream of `data`, decompressed, and the byte of `data` where it ends; raises as `unpack`."""
    stream = FirstStream(data, source, limit=limit, kind=kind or sniff(data) or "")
    out = bytearray()
    for piece in stream:
        out += piece
    return out, stream.end


def pieces(
    data: Data,
    source: str = "compressed data",
    *,
    limit: int | None = None,
    kind: str | None = None,
    offset: int = 0,
    prefix: bool = False,
) -> Iterator[bytes]:
    """The output of `unpack` in pieces of a few MiB at most, decompressed on demand; `offset` is where `data` begins."""
    limit = unpack_limit(limit)
    kind = kind or sniff(data, offset)
    if kind is None:
        start = bytes(data[offset : offset + 6]).hex(" ")
        raise FormatError(f"unknown compression format: begins with {start}", source=source)
    view = memoryview(data)[offset:]
    if kind == "lz4-legacy":
        return _checked(_legacy_lz4(view, source, prefix), kind, source, limit, _HINT)
    return _checked(_frames(view, _maker(kind, source), kind, source, prefix), kind, source, limit, _HINT)


def _checked(stream: Iterator[bytes], kind: str, source: str, limit: int, hint: str = "") -> Iterator[bytes]:
    """The pieces of `stream` that are not empty; each decompressor's errors become FormatErrors."""
    total = 0
    try:
        for piece in stream:
            total += len(piece)
            if total > limit:
                raise LimitError(f"the {kind} data decompresses to more than {limit} bytes{hint}", source=source)
            if piece:
                yield piece
    except (FormatError, UnsupportedError):
        raise
    except Exception as error:
        raise FormatError(f"damaged {kind} data: {error}", source=source) from error


def _frames(
    view: memoryview, make: Callable[[], Decompressor], kind: str, source: str, prefix: bool
) -> Iterator[bytes]:
    padding = _Padding(view, kind, source)
    at = padding.after(0)
    for _ in range(MAX_FRAMES):
        at = yield from _one_stream(make(), view, at, kind, source)
        if prefix or kind == "zlib":
            return
        at = padding.after(at)
        if at == len(view):
            return
        if sniff(view, at) != kind:
            raise FormatError(f"unexpected data after the {kind} data", source=source, offset=at)
    raise FormatError(f"more than {MAX_FRAMES} {kind} streams in one file", source=source)


def _one_stream(codec: Decompressor, view: memoryview, at: int, kind: str, source: str) -> Generator[bytes, None, int]:
    """The output of the stream at byte `at`, in pieces; returns where the stream ends.

    A decompressor without a use for input may still return nothing, and be at its end only after more input: only the end of
    `view` before the end of the stream means that data is missing.
    """
    step, idle = _FIRST_SLICE, 0
    while not codec.eof:
        hungry = codec.needs_input
        fed = view[at : at + step] if hungry else view[:0]
        at += len(fed)
        piece = codec.decompress(fed, _PIECE)
        yield piece
        if fed:
            step = min(2 * step, _SLICE)
        elif not piece and not codec.eof:
            idle += 1
            if hungry or idle > MAX_IDLE:
                what = "truncated" if hungry else "damaged"
                raise FormatError(f"{what} {kind} data", source=source, offset=at)
            continue
        idle = 0
    return at - len(codec.unused_data or b"")


class _Padding:
    """Finds the end of what may stand between streams and belongs to none: zeros and skippable frames."""

    __slots__ = ("frames", "kind", "source", "view")

    def __init__(self, view: memoryview, kind: str, source: str) -> None:
        self.view = view
        self.kind = kind
        self.source = source
        self.frames = 0

    def after(self, at: int) -> int:
        """The first byte from `at` on that is neither a zero nor part of a skippable frame."""
        while True:
            at = _after_zeros(self.view, at)
            head = self.view[at : at + 8]
            if self.kind not in _WITH_SKIPPABLE or not _skippable(head):
                return at
            end = at + 8 + int.from_bytes(head[4:], "little")
            self.frames += 1
            if end > len(self.view):
                what = f"truncated {self.kind} data: a skippable frame ends at {end:#x}"
                raise FormatError(what, source=self.source, offset=at)
            if self.frames > MAX_FRAMES:
                raise FormatError(f"more than {MAX_FRAMES} skippable frames in one file", source=self.source, offset=at)
            at = end


def _after_zeros(view: memoryview, at: int) -> int:
    while at < len(view):
        piece = bytes(view[at : at + _SLICE]) if not any(view[at : at + 16]) else bytes(view[at : at + 16])
        rest = len(piece.lstrip(b"\0"))
        if rest:
            return at + len(piece) - rest
        at += len(piece)
    return at


def _maker(kind: str, source: str) -> Callable[[], Decompressor]:
    """A function that makes a decompressor for one stream of `kind`; raises UnsupportedError."""
    if kind in ("gzip", "zlib"):
        bits = 31 if kind == "gzip" else 15
        return lambda: _Zlib(bits)
    if kind == "bzip2":
        from bz2 import BZ2Decompressor

        return BZ2Decompressor
    if kind in ("xz", "lzma"):
        from lzma import FORMAT_ALONE, FORMAT_XZ

        make = _optional("xz", source).LZMADecompressor
        form = FORMAT_XZ if kind == "xz" else FORMAT_ALONE
        return lambda: make(form, LZMA_MEMORY)
    if kind == "zstd":
        module = _optional(kind, source)
        return (lambda: _Zstandard(module)) if module.__name__ == "zstandard" else module.ZstdDecompressor
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


class _Zstandard:
    """The decompressor of the package zstandard, which has no limit for its output, with the interface of the others."""

    __slots__ = ("_at", "_codec", "_data")
    STEP = 256  # bytes of input: 64 blocks at most (of one byte, repeated), which unpack to 128 KiB each (RFC 8878, 3.1.1.2.4)

    def __init__(self, module: Any) -> None:
        self._codec = module.ZstdDecompressor().decompressobj()
        self._data = b""
        self._at = 0

    @property
    def eof(self) -> bool:
        return bool(self._codec.eof)

    @property
    def needs_input(self) -> bool:
        return self._at == len(self._data)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._codec.unused_data) + self._data[self._at :]

    def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes:
        if len(data):
            self._data, self._at = bytes(data), 0
        out = bytearray()
        while self._at < len(self._data) and not self.eof and len(out) < max_length:
            at, self._at = self._at, min(self._at + self.STEP, len(self._data))
            out += self._codec.decompress(self._data[at : self._at])
        return bytes(out)


_LZ4 = "`pip install btfkit[lz4]`"
_OPTIONAL = {  # by format: modules to try, and what provides one
    "xz": (("lzma_mt", "lzma"), "Python's lzma"),  # the first brings a newer liblzma, which decodes faster
    "zstd": (("compression.zstd", "backports.zstd", "zstandard"), "Python 3.14 or `pip install backports.zstd`"),
    "lz4": (("lz4.frame",), _LZ4),
    "lz4-legacy": (("lz4.block",), _LZ4),
}


def _optional(kind: str, source: str) -> Any:
    """The module for a format that not every installation has; raises UnsupportedError."""
    from importlib import import_module

    names, provider = _OPTIONAL[kind]
    for name in names:
        try:
            module = import_module(name)
        except ImportError:
            continue
        log.debug("%s: %s by the module %s", source, kind, name)
        return module
    raise UnsupportedError(f"compressed with {kind}, which needs {provider}", source=source)


def _legacy_lz4(view: memoryview, source: str, prefix: bool) -> Iterator[bytes]:
    """Blocks of (u32 size, lz4 block), of up to 8 MiB decompressed (lz4's doc/lz4_Frame_format.md), in one or more streams.

    No mark ends a stream.  With `prefix` the first block of less than 8 MiB does, unless another stream's magic follows; the
    kernel's build appends the decompressed size, which looks like the size of a block (scripts/Makefile.lib, size_append).
    """
    decompress = _optional("lz4-legacy", source).decompress
    padding = _Padding(view, "lz4-legacy", source)
    at = padding.after(0) + 4
    last, total, streams = False, 0, 1
    while len(view) - at >= 4:
        size = unpack_from("<I", view, at)[0]
        if size == _LZ4_LEGACY:
            at, last, streams = at + 4, False, streams + 1
            if streams > MAX_FRAMES:
                raise FormatError(f"more than {MAX_FRAMES} lz4 streams in one file", source=source)
        elif len(view) - at == 4:
            return  # the appended size
        elif prefix and (last or size == total & 0xFFFFFFFF or not 0 < size <= _LZ4_BOUND):
            return
        elif not 0 < size <= _LZ4_BOUND:
            after = padding.after(at)
            if after < len(view) and (after == at or view[after : after + 4] != MAGICS["lz4-legacy"]):
                raise FormatError("unexpected data after the lz4 data", source=source, offset=after)
            at = after
        elif at + 4 + size > len(view):
            raise FormatError("truncated lz4 data, or unexpected data after it", source=source, offset=at)
        else:
            piece = decompress(view[at + 4 : at + 4 + size], uncompressed_size=_LZ4_BLOCK)
            last = len(piece) < _LZ4_BLOCK
            total += len(piece)
            at += 4 + size
            yield piece


# Compression.

XZ_DICTIONARY = 1 << 20  # bytes; as the kernel's build has it (scripts/Makefile.modinst)
XZ_LEAST = 4096  # bytes; liblzma's minimum
# Beside preset 6 (a binary tree of 4 bytes, matches of 64 bytes are good enough, 48 steps): 0.83 of its time, 0.07 % more bytes.
XZ_NICE, XZ_STEPS = 48, 16
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
        return pack_zstd(view, _LEVELS[kind], source=source)
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


def pack_zstd(
    data: Data,
    level: int,
    *,
    window_log: int = 0,
    checksum: bool = False,
    dictionary: bytes = b"",
    source: str = "compressed data",
) -> bytes:
    """Compress `data` into one zstd frame, with a window of 2**`window_log` bytes (0: as the level has it).

    `dictionary` is raw content that the data refers to (at least 8 bytes, or none).  Raises UnsupportedError if this installation
    has no zstd.
    """
    module = _optional("zstd", source)
    if module.__name__ == "zstandard":
        if dictionary:
            content = module.ZstdCompressionDict(dictionary, dict_type=module.DICT_TYPE_RAWCONTENT)
            return bytes(module.ZstdCompressor(level=level, dict_data=content).compress(data))
        options = {"window_log": window_log} if window_log else {}
        parameters = module.ZstdCompressionParameters.from_level(
            level, source_size=len(data), write_checksum=checksum, **options
        )
        return bytes(module.ZstdCompressor(compression_params=parameters).compress(data))
    names = module.CompressionParameter
    settings = {names.compression_level: level, names.checksum_flag: int(checksum)}
    if window_log:
        settings[names.window_log] = window_log
    content = module.ZstdDict(dictionary, is_raw=True) if dictionary else None
    return bytes(module.compress(data, options=settings, zstd_dict=content))


_PART = 96 << 10  # bytes that are unpacked at once
_zstd: list[Any] = []  # the module that unpack_zstd has found: looking for one takes longer than unpacking a few bytes


def unpack_zstd(data: Data, size: int, dictionary: bytes = b"", *, source: str = "compressed data") -> bytearray:
    """The `size` bytes that `pack_zstd` compressed, with the same `dictionary`.

    Raises FormatError if the data is damaged or has another size, UnsupportedError if this installation has no zstd.
    """
    if not _zstd:
        _zstd.append(_optional("zstd", source))
    (module,) = _zstd
    out, end = bytearray(size), 0
    try:
        if module.__name__ == "zstandard":
            given = (
                module.ZstdCompressionDict(dictionary, dict_type=module.DICT_TYPE_RAWCONTENT) if dictionary else None
            )
            with module.ZstdDecompressor(dict_data=given).stream_reader(bytes(data)) as reader:
                end = reader.readinto(out) if size else 0
                whole = not reader.read(1)
        else:
            given = module.ZstdDict(dictionary, is_raw=True) if dictionary else None
            codec = module.ZstdDecompressor(zstd_dict=given)
            part = codec.decompress(data, min(size, _PART))
            while part:  # parts of this size are memory that was used before
                out[end : end + len(part)] = part
                end += len(part)
                part = b"" if codec.eof else codec.decompress(b"", min(size - end, _PART)) if end < size else b""
            if not codec.eof and end == size:
                codec.decompress(b"", 0)  # the end of the frame
            whole = codec.eof and not codec.unused_data
    except Exception as error:
        raise FormatError(f"damaged zstd data: {error}", source=source) from error
    if end != size or not whole:
        raise FormatError(f"damaged zstd data: {end} bytes, expected {size}", source=source)
    return out


def _pack_xz(view: memoryview, kind: str) -> bytes:
    import lzma

    if kind == "lzma":
        return lzma.compress(view, lzma.FORMAT_ALONE)
    # A dictionary no larger than the file gives the same output in a fifth less time: the encoder clears tables of its size.
    size = min(max(1 << (len(view) - 1).bit_length(), XZ_LEAST), XZ_DICTIONARY) if len(view) else XZ_LEAST
    search = {"mf": lzma.MF_BT3, "nice_len": XZ_NICE, "depth": XZ_STEPS}
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size, **search}]
    return lzma.compress(view, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)
