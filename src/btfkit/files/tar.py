"""Tar archives, read member by member in memory; nothing is written to disk.

BTFHub keeps the BTF of each kernel as `NAME.btf.tar.xz`, with one file in it; collections of modules are tars of thousands.
The standard library's tarfile takes longer to import than a small archive takes to read, and follows links; here links,
devices and names with `..` are skipped.  Format: POSIX ustar and pax, GNU long names.
"""

from __future__ import annotations

from btfkit.errors import FormatError, LimitError, UnsupportedError
from btfkit.files.compression import ENVIRONMENT, unpack_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BLOCK = 512
MAX_NAME = 1 << 16  # bytes of a long name or of a pax header
_REGULAR = (b"0", b"\0", b"7")
_EXTRA = (b"x", b"g", b"L", b"K")


def is_tar(head: bytes | bytearray | memoryview) -> bool:
    """Whether `head` (the first 512 bytes of a file) is the header of a tar member."""
    return len(head) >= BLOCK and head[0] != 0 and _checksum_holds(bytes(head[:BLOCK]))


def members(
    stream: Iterable[bytes | memoryview],
    source: str,
    *,
    limit: int | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> Iterator[tuple[str, bytearray]]:
    """The regular files of the tar in the pieces of `stream`: (name, content), in the tar's order, if their names are `wanted`.

    Raises FormatError if the tar is damaged or truncated, LimitError if a file has more than `limit` bytes.
    """
    limit = unpack_limit(limit)
    reader = Reader(stream, source)
    for name, size, regular in _headers(reader):
        regular = regular and (wanted is None or wanted(name))
        if regular and size > limit:
            what = f"member {name!r} has {size} bytes, the limit is {limit}; set {ENVIRONMENT} to raise it (Python: limit=)"
            raise LimitError(what, source=source)
        if regular:
            yield name, reader.read(size)
            reader.skip(-size % BLOCK)
        else:
            reader.skip(size + -size % BLOCK)
    reader.drain()


class Reader:
    """Reads exact counts of bytes from a stream of pieces."""

    __slots__ = ("_piece", "_stream", "at", "source")

    def __init__(self, stream: Iterable[bytes | memoryview], source: str) -> None:
        self._stream = iter(stream)
        self._piece = memoryview(b"")
        self.at = 0
        self.source = source

    def _some(self, count: int) -> memoryview:
        """At least one byte and at most `count`; raises FormatError at the end of the stream."""
        if self.ended():
            raise FormatError("truncated tar", source=self.source, offset=self.at)
        some = self._piece[:count]
        self._piece = self._piece[count:]
        self.at += len(some)
        return some

    def read(self, count: int) -> bytearray:
        out = bytearray()
        while len(out) < count:
            out += self._some(count - len(out))
        return out

    def skip(self, count: int) -> None:
        while count:
            count -= len(self._some(count))

    def ended(self) -> bool:
        """Whether no byte is left."""
        while not self._piece:
            piece = next(self._stream, None)
            if piece is None:
                return True
            self._piece = memoryview(piece)
        return False

    def drain(self) -> None:
        """Read to the end, so that the checksum at the end of a compressed stream is checked."""
        self._piece = memoryview(b"")
        for _ in self._stream:
            pass


def _headers(reader: Reader) -> Iterator[tuple[str, int, bool]]:
    """(name, bytes, whether it is a regular file) of each member; the caller consumes the content after each."""
    path, length = "", -1
    while not reader.ended():
        at = reader.at
        head = bytes(reader.read(BLOCK))
        if not any(head):
            return
        if not _checksum_holds(head):
            raise FormatError("not a tar header", source=reader.source, offset=at)
        kind = head[156:157]
        size = _number(head[124:136], reader.source, at)
        if kind in _EXTRA:
            extra = bytes(_extra(reader, size, at))
            if kind == b"L":
                path = text_of(extra.rstrip(b"\0"))
            elif kind == b"x":
                path, length = _pax(extra, path, length, reader.source)
            continue
        name = path or _name(head)
        size = size if length < 0 else length
        regular = kind in _REGULAR and not name.endswith("/") and ".." not in name.split("/")
        if kind in (b"1", b"2", b"3", b"4", b"5", b"6"):
            size = 0 if kind != b"5" else size
        path, length = "", -1
        yield name, size, regular


def _extra(reader: Reader, size: int, at: int) -> bytearray:
    if size > MAX_NAME:
        raise FormatError(
            f"{size} bytes of attributes before a member, the limit is {MAX_NAME}", source=reader.source, offset=at
        )
    extra = reader.read(size)
    reader.skip(-size % BLOCK)
    return extra


def _pax(extra: bytes, path: str, length: int, source: str) -> tuple[str, int]:
    """The path and the size that a pax header ("LENGTH KEY=VALUE\\n" each) gives to the next member."""
    at = 0
    while at < len(extra):
        blank = extra.find(b" ", at, at + 20)
        count = int(extra[at:blank]) if blank > at and extra[at:blank].isdigit() else 0
        if blank < 0 or not blank - at + 2 <= count <= len(extra) - at:
            raise FormatError("damaged pax header", source=source)
        key, _, value = extra[blank + 1 : at + count - 1].partition(b"=")
        if key == b"path":
            path = text_of(value)
        elif key == b"size":
            length = _digits(value, 10, source)
        elif key.startswith(b"GNU.sparse"):
            raise UnsupportedError("sparse file in a tar: create it without --sparse", source=source)
        at += count
    return path, length


def _digits(text: bytes, base: int, source: str) -> int:
    try:
        number = int(text or b"0", base)
    except ValueError:
        number = -1
    if number < 0 or len(text) > 24:
        raise FormatError(f"not a number in a tar header: {text!r}", source=source)
    return number


def _number(field: bytes, source: str, at: int) -> int:
    """A number of a tar header: octal digits, or GNU's binary form with the top bit set."""
    if field[0] & 0x80:
        number = int.from_bytes(field, "big") & ((1 << 95) - 1)
        if field[0] & 0x40 or number >> 62:
            raise FormatError("impossible size of a member", source=source, offset=at)
        return number
    return _digits(field.strip(b" \0"), 8, source)


def _checksum_holds(head: bytes) -> bool:
    field = head[148:156].strip(b" \0")
    if not field or len(field) > 7 or field.strip(b"01234567"):
        return False
    return sum(head) - sum(head[148:156]) + 8 * 32 == int(field, 8)


def _name(head: bytes) -> str:
    name = head[:100].partition(b"\0")[0]
    prefix = head[345:500].partition(b"\0")[0] if head[257:263] == b"ustar\0" else b""
    return text_of(prefix + b"/" + name if prefix else name)


def text_of(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


# Writing.


def single_member(name: str, content: bytes) -> bytes:
    """A tar with one regular file, without time and owner, so that the bytes are reproducible (POSIX ustar)."""
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > 100:
        raise UnsupportedError("name of a tar member is longer than 100 bytes", source=name)
    head = bytearray(BLOCK)
    head[: len(encoded)] = encoded
    fields = ((100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, b"%011o\0" % len(content)))
    for at, field in (*fields, (136, b"00000000000\0"), (148, b" " * 8), (156, b"0"), (257, b"ustar\00000")):
        head[at : at + len(field)] = field
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + content + bytes(-len(content) % BLOCK + 2 * BLOCK)
