"""The header of a `.BTF` blob: where types, strings and layout lie, and in which byte order.

Layout of the fields: include/uapi/linux/btf.h, struct btf_header (24 bytes; 32 with the layout section since 7.1).
Acceptance rules: libbpf 1.8-dev, btf_parse_hdr, but for what it forgets (docs/differences.md, "Format").
"""

from __future__ import annotations

import sys
from array import array
from struct import pack, unpack_from

from btfkit.btf.spec import HEADER_LEN, LAYOUT_HEADER_LEN, MAGIC, VERSION
from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    ByteOrder = Literal["little", "big"]
    Buffer = bytes | bytearray | memoryview[int] | array[int]

NATIVE: ByteOrder = "little" if sys.byteorder == "little" else "big"
MAX_SECTION = 0x7FFFFFFF  # bytes; libbpf's limit


class Header:
    """The fields of a header; offsets and lengths in bytes, offsets relative to the end of the header.

    `extra` are the header's bytes behind the fields that are known here, kept as they are.
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


def byte_order(magic: bytes | memoryview) -> ByteOrder | None:
    """The byte order that the first two bytes of a BTF blob tell, or None where they are not its magic."""
    if magic == b"\x9f\xeb":
        return "little"
    if magic == b"\xeb\x9f":
        return "big"
    return None


def parse(data: memoryview) -> Header:
    """Read and check the header of the blob `data` (bytes); everything it points at lies inside `data`.

    Raises FormatError (section "header") where a field cannot be.  Bytes behind the last section and gaps between
    sections are let pass, as libbpf does.
    """
    size = len(data)
    order = byte_order(data[:2])
    if order is None:
        raise _bad(f"no BTF: it begins with {bytes(data[:2]).hex(' ') or 'nothing'}, BTF with 9f eb or eb 9f", 0)
    if size < HEADER_LEN:
        raise _bad(f"{size} bytes are no whole BTF header of at least {HEADER_LEN}: the file is cut short", size)
    h = Header()
    h.order = order
    mark = "<" if order == "little" else ">"
    _, h.version, h.flags, h.length, h.type_off, h.type_len, h.str_off, h.str_len = unpack_from(mark + "HBBIIIII", data)
    h.layout_off = h.layout_len = 0
    if h.version != VERSION:
        raise UnsupportedError(
            f"BTF of version {h.version}, this build reads version {VERSION}", section="header", offset=2
        )
    if h.length < HEADER_LEN or h.length > size:
        raise _bad(f"a header length of {h.length}, it has to be {HEADER_LEN} to {size} (the size of the data)", 4)
    known = HEADER_LEN
    if h.length >= LAYOUT_HEADER_LEN:
        h.layout_off, h.layout_len = unpack_from(mark + "II", data, HEADER_LEN)
        known = LAYOUT_HEADER_LEN
    h.extra = bytes(data[known : h.length])
    _check_sections(h, size - h.length)
    return h


def _check_sections(h: Header, size: int) -> None:
    """The order, alignment and extents of the sections, as libbpf wants them; `size` is what follows the header."""
    if h.type_off % 4 or h.type_len % 4:
        raise _bad(f"types at {h.type_off}, {h.type_len} bytes: both must be multiples of 4", 8)
    if h.type_off + h.type_len > h.str_off:
        raise _bad(f"the types end at {h.type_off + h.type_len}, behind the start of the strings at {h.str_off}", 8)
    if h.str_off + h.str_len > size:
        raise _bad(
            f"the strings end at {h.str_off + h.str_len}, but {size} bytes follow the header: the file is cut short", 16
        )
    if h.layout_len and (
        h.layout_off % 4
        or h.layout_len % 4
        or h.layout_off < h.type_off + h.type_len
        or h.layout_off + h.layout_len > h.str_off
    ):
        raise _bad(
            f"a layout section at {h.layout_off} of {h.layout_len} bytes, which has to lie between types and strings",
            24,
        )
    if h.type_len > MAX_SECTION or h.str_len > MAX_SECTION:
        raise _bad(f"a section of more than {MAX_SECTION} bytes", 8)


def _bad(message: str, offset: int) -> FormatError:
    return FormatError(message, section="header", offset=offset)


def swap_layout(layout: bytes) -> bytes:
    """A layout section in the other byte order: the two sizes of an entry are bytes, its flags 16 bits."""
    return b"".join(layout[i : i + 2] + layout[i + 2 : i + 4][::-1] for i in range(0, len(layout), 4))


def encode(h: Header, order: ByteOrder, words: Buffer, layout: bytes, strings: Buffer) -> bytes:
    """A whole blob with a header like `h`, but in `order`: then types, layout and strings, without gaps.

    `words` is the type section in this machine's byte order, `layout` is in `order` already.
    """
    types = memoryview(words).cast("B")
    if order != NATIVE:
        swapped = array("I", types.tobytes())
        swapped.byteswap()
        types = memoryview(swapped).cast("B")
    mark = "<" if order == "little" else ">"
    fields = (MAGIC, h.version, h.flags, h.length, 0, len(types), len(types) + len(layout), len(strings))
    head = pack(mark + "HBBIIIII", *fields)
    if h.length >= LAYOUT_HEADER_LEN:
        head += pack(mark + "II", len(types) if layout else h.layout_off, len(layout))
    return b"".join((head, h.extra, types, layout, strings))


def new(order: ByteOrder = NATIVE, length: int = HEADER_LEN) -> Header:
    """A header for a new blob, of 24 bytes or, for one with a layout section, of 32."""
    h = Header()
    h.order = order
    h.version = VERSION
    h.flags = 0
    h.length = length
    h.type_off = h.type_len = h.str_off = h.str_len = h.layout_off = h.layout_len = 0
    h.extra = b""
    return h
