"""Columns of words as bytes: the four bytes of each word in planes of their own, compressed with zstd.

    columns = pack_columns([words, ...], dictionaries)
    reader = ColumnReader(columns, source, most)
    words = reader.take(0, dictionary)

The blob begins with variable-length numbers (LEB128): how many columns there are, and for each its words, its planes (bits 0 to
3; bit 4: compressed with a dictionary) and its compressed bytes.  Then the compressed columns follow.  A dictionary is a column,
too, of which the same planes are taken.
"""

from __future__ import annotations

from btfkit.errors import FormatError
from btfkit.files.compression import pack_zstd, unpack_zstd
from btfkit.hot.record_store import joined_planes, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 19
LEAST_DICTIONARY = 64  # bytes
_WITH_DICTIONARY = 16
_PLACES = (0, 1, 2, 3) if memoryview(b"\1\0\0\0").cast("I")[0] == 1 else (3, 2, 1, 0)  # of the planes, lowest first


def pack_columns(columns: Sequence[memoryview], dictionaries: Sequence[memoryview | None] = ()) -> bytes:
    """The bytes of some columns (u32 each), each with a column as dictionary, or None."""
    head = bytearray(_number(len(columns)))
    bodies = []
    for number, column in enumerate(columns):
        data = bytes(column)
        planes = [data[place::4] for place in _PLACES]
        used = sum(1 << plane for plane in range(4) if planes[plane].strip(b"\0"))
        plain = b"".join(planes[plane] for plane in range(4) if used >> plane & 1)
        body = pack_zstd(plain, LEVEL) if plain else b""
        given = dictionaries[number] if number < len(dictionaries) else None
        if given is not None and plain:
            dictionary = _planes(given, used)
            if len(dictionary) >= LEAST_DICTIONARY:
                other = pack_zstd(plain, LEVEL, dictionary=dictionary)
                if len(other) < len(body):
                    body, used = other, used | _WITH_DICTIONARY
        head += _number(len(column)) + _number(used) + _number(len(body))
        bodies.append(body)
    return bytes(head) + b"".join(bodies)


def _planes(column: memoryview, used: int) -> bytes:
    data = bytes(column)
    return b"".join(data[_PLACES[plane] :: 4] for plane in range(4) if used >> plane & 1)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class ColumnReader:
    """Reads the columns of a blob; together they may have `most` words.

    `source` names the blob in messages.  Raises FormatError if the blob is damaged.
    """

    def __init__(self, blob: bytes, source: str, most: int, expected: int) -> None:
        self._blob = blob
        self._source = source
        self._at = 0
        if self._take() != expected:
            raise self._damaged("another number of columns")
        self._columns: list[tuple[int, int, int, int]] = []  # words, planes, compressed bytes, place
        for _ in range(expected):
            words, used, size = self._take(), self._take(), self._take()
            most -= words
            if most < 0 or used > 31:
                raise self._damaged("columns that are too long")
            self._columns.append((words, used, size, 0))
        at = self._at
        for number, (words, used, size, _) in enumerate(self._columns):
            self._columns[number] = words, used, size, at
            at += size
        if at != len(blob):
            raise self._damaged(f"{len(blob)} bytes, expected {at}")

    def _damaged(self, what: str) -> FormatError:
        return FormatError(f"damaged pack: {what}", source=self._source)

    def _take(self) -> int:
        value = shift = 0
        while True:
            if self._at >= len(self._blob) or shift > 35:
                raise self._damaged("truncated head")
            byte = self._blob[self._at]
            self._at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def length(self, number: int) -> int:
        """The words of a column."""
        return self._columns[number][0]

    def take(self, number: int, given: memoryview | None = None) -> memoryview:
        """The words of a column, which was written with the column `given` as dictionary."""
        words, used, size, at = self._columns[number]
        planes = (used & 15).bit_count()
        if not planes or not words:
            if size:
                raise self._damaged("an empty column with bytes")
            return zeros(words)
        dictionary = b""
        if used & _WITH_DICTIONARY:
            if given is None:
                raise self._damaged("a column with a dictionary that does not exist")
            dictionary = _planes(given, used)
        data = unpack_zstd(memoryview(self._blob)[at : at + size], planes * words, dictionary, source=self._source)
        out = zeros(words)
        joined_planes(data, words, used, out)
        return out
