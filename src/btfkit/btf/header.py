"""The header of a `.BTF` blob: where types, strings and layout lie, and in which byte order.

Fields: include/uapi/linux/btf.h, struct btf_header (24 bytes; 32 with the layout section since 7.1).  Rules for what is
accepted: libbpf 1.8-dev, btf_parse_hdr, and what it does not check (docs/differences.md, "Format").
"""

from __future__ import annotations

import sys
from struct import pack, unpack_from

from btfkit.btf.spec import HEADER_LEN, LAYOUT_HEADER_LEN, MAGIC, VERSION
from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence
    from typing import Literal

    ByteOrder = Literal["little", "big"]
    Buffer = bytes | bytearray | memoryview[int] | array[int]

NATIVE: ByteOrder = "little" if sys.byteorder == "little" else "big"
MAX_SECTION = 0x7FFFFFFF  # bytes; libbpf's limit
_FIELDS: dict[ByteOrder, str] = {"little": "<HBBIIIII", "big": ">HBBIIIII"}


class Header:
    """The fields of a header; offsets and lengths in bytes, offsets relative to the end of the header.

    `extra` is the rest of the header after the known fields, kept as it is.
    """

    __slots__ = (
        "extra",
        "flags",
        "layout_len",
        "layout_off",
        "length",
        "order",
        "str_len",
        "str_off",
        "type_len",
        "type_off",
        "version",
    )

    order: ByteOrder
    version: int
    flags: int
    length: int
    type_off: int
    type_len: int
    str_off: int
    str_len: int
    layout_off: int
    layout_len: int
    extra: bytes


SECOND = (
    "a second BTF follows the first in .BTF: its objects were linked by a linker that does not know BTF (ld), and only the first"
    " is read, as by libbpf; link BPF objects with `bpftool gen object`, combine others with `btfkit dedup A.o B.o -o OUT`"
)


def byte_order(magic: bytes | memoryview) -> ByteOrder | None:
    """The byte order of a BTF blob with the first two bytes `magic`, or None if they are not BTF's."""
    if magic == b"\x9f\xeb":
        return "little"
    if magic == b"\xeb\x9f":
        return "big"
    return None


def parse(data: memoryview) -> Header:
    """Read and check the header of the blob `data`: all its sections lie within `data`.

    Raises FormatError (section "header") for an invalid field.  Gaps between sections and bytes after the last are accepted,
    as by libbpf.
    """
    size = len(data)
    order = byte_order(bytes(data[:2]))
    if order is None:
        raise _bad(f"not BTF: begins with {bytes(data[:2]).hex(' ') or 'nothing'}, expected 9f eb or eb 9f", 0)
    if size < HEADER_LEN:
        raise _bad(f"truncated header: {size} bytes, need {HEADER_LEN}", size)
    h = Header()
    h.order = order
    _, h.version, h.flags, length, type_off, type_len, str_off, str_len = unpack_from(_FIELDS[order], data)
    h.length, h.type_off, h.type_len, h.str_off, h.str_len = length, type_off, type_len, str_off, str_len
    h.layout_off = h.layout_len = 0
    if h.version != VERSION:
        raise UnsupportedError(
            f"unknown BTF version {h.version} (this version knows {VERSION})", section="header", offset=2
        )
    if length < HEADER_LEN or length > size:
        raise _bad(f"header length is {length}, expected {HEADER_LEN} to {size} (the size of the data)", 4)
    if length == HEADER_LEN:
        h.extra = b""
    elif length < LAYOUT_HEADER_LEN:
        h.extra = bytes(data[HEADER_LEN:length])
    else:
        h.layout_off, h.layout_len = unpack_from("<II" if order == "little" else ">II", data, HEADER_LEN)
        h.extra = bytes(data[LAYOUT_HEADER_LEN:length])
    # most are like this; `_check_sections` knows what is wrong with others
    if (
        (type_off | type_len) & 3
        or type_off + type_len > str_off
        or str_off + str_len > size - length
        or h.layout_len
        or type_len > MAX_SECTION
        or str_len > MAX_SECTION
    ):
        _check_sections(h, size - length)
    return h


def is_dense(h: Header, size: int) -> bool:
    """Whether a blob of `size` bytes is as `encode` makes it: types, layout and strings without gaps."""
    types, layout = h.type_len, h.layout_len
    return (
        h.type_off == 0
        and h.layout_off == (types if layout else h.layout_off)
        and h.str_off == types + layout
        and h.length + h.str_off + h.str_len == size
    )


def next_header(data: memoryview | bytes, h: Header) -> int:
    """The offset in `data` of another BTF after the one with the header `h` and at most 7 zero bytes; 0 if there is none.

    A linker that joins sections of one name makes such a file.
    """
    end = h.length + max(h.str_off + h.str_len, h.type_off + h.type_len)
    rest = bytes(data[end : end + 9])
    start = len(rest) - len(rest.lstrip(b"\0"))
    return end + start if byte_order(rest[start : start + 2]) == h.order else 0


def _check_sections(h: Header, size: int) -> None:
    """Check the order, alignment and extents of the sections, as libbpf does; `size` bytes follow the header."""
    if h.type_off % 4 or h.type_len % 4:
        raise _bad(f"types at {h.type_off}, {h.type_len} bytes: both must be multiples of 4", 8)
    if h.type_off + h.type_len > h.str_off:
        raise _bad(f"types end at {h.type_off + h.type_len}, after the start of the strings at {h.str_off}", 8)
    if h.str_off + h.str_len > size:
        raise _bad(f"strings end at {h.str_off + h.str_len}, but {size} bytes follow the header: truncated file", 16)
    if h.layout_len and (
        h.layout_off % 4
        or h.layout_len % 4
        or h.layout_off < h.type_off + h.type_len
        or h.layout_off + h.layout_len > h.str_off
    ):
        raise _bad(
            f"layout section at {h.layout_off}, {h.layout_len} bytes: it must be between types and strings",
            24,
        )
    if h.type_len > MAX_SECTION or h.str_len > MAX_SECTION:
        raise _bad(f"section of more than {MAX_SECTION} bytes", 8)


def _bad(message: str, offset: int) -> FormatError:
    return FormatError(message, section="header", offset=offset)


def words_of(values: Sequence[int]) -> memoryview[int]:
    """`values` as u32 words for a loop, without `array`: importing that takes 2 ms, because it imports `collections`."""
    return memoryview(pack(f"={len(values)}I", *values)).cast("I")


def swap_words(section: memoryview) -> memoryview[int]:
    """The u32 words of a section in the other byte order."""
    from array import array

    words = array("I", section.tobytes())
    words.byteswap()
    return memoryview(words)


def swap_layout(layout: bytes) -> bytes:
    """A layout section in the other byte order: the two sizes of an entry are bytes, its flags 16 bits."""
    return b"".join(layout[i : i + 2] + layout[i + 2 : i + 4][::-1] for i in range(0, len(layout), 4))


def encode(h: Header, order: ByteOrder, words: Buffer, layout: bytes, strings: Buffer) -> bytes:
    """A blob with a header like `h`, but in `order`, then types, layout and strings, without gaps.

    `words` is the type section in this machine's byte order; `layout` is in `order`.
    """
    types = memoryview(words).cast("B")
    if order != NATIVE:
        types = swap_words(types).cast("B")
    return b"".join((encode_alone(h, order, len(types), layout, len(strings)), types, layout, strings))


def encode_alone(h: Header, order: ByteOrder, size: int, layout: bytes, strings: int) -> bytes:
    """The header that `encode` writes for `size` bytes of types and `strings` bytes of strings."""
    head = pack(_FIELDS[order], MAGIC, h.version, h.flags, h.length, 0, size, size + len(layout), strings)
    if h.length >= LAYOUT_HEADER_LEN:
        head += pack("<II" if order == "little" else ">II", size if layout else h.layout_off, len(layout))
    return head + h.extra


def new(order: ByteOrder = NATIVE, length: int = HEADER_LEN) -> Header:
    """A header for a new blob, of 24 bytes or, with a layout section, 32."""
    h = Header()
    h.order, h.version, h.flags, h.length = order, VERSION, 0, length
    h.type_off = h.type_len = h.str_off = h.str_len = h.layout_off = h.layout_len = 0
    h.extra = b""
    return h
