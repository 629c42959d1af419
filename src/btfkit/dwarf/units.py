"""The units of `.debug_info` and `.debug_types`: their headers.  Source: DWARF 5, section 7.5.1, and earlier versions."""

from __future__ import annotations

from struct import error, unpack_from

from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.large_file import Part

    Bytes = bytes | bytearray | memoryview

COMPILE, TYPE, PARTIAL, SKELETON, SPLIT_COMPILE, SPLIT_TYPE = range(1, 7)
LARGEST = 1 << 31  # bytes of a section that can be read
LONGEST = 40  # bytes of a header: 64-bit DWARF 5, a type unit


class Unit:
    """A unit: from `start` to `end` of its section, with its own DIE at `first`.

    `version` is that of DWARF, `kind` COMPILE, TYPE, ...; `abbreviations` the position of its table, `offset_size` 4 or 8,
    `address_size` in bytes.  A type unit has a `signature`, whose type is at `type_at`; a skeleton and its split unit have the
    same `dwo_id` (0: none in the header).
    """

    __slots__ = (
        "abbreviations",
        "address_size",
        "dwo_id",
        "end",
        "first",
        "kind",
        "offset_size",
        "signature",
        "start",
        "type_at",
        "version",
    )

    def __init__(self, start: int, first: int, end: int, version: int, kind: int, sizes: tuple[int, int]) -> None:
        self.start = start
        self.first = first
        self.end = end
        self.version = version
        self.kind = kind
        self.offset_size, self.address_size = sizes
        self.abbreviations = 0
        self.signature = self.type_at = self.dwo_id = 0

    def __repr__(self) -> str:
        return f"<Unit {self.start:#x} to {self.end:#x}: DWARF {self.version}, kind {self.kind}>"


def units(data: Bytes | Part, mark: str, section: str, source: str, *, types: bool = False) -> Iterator[Unit]:
    """The units of a section; `mark` is "<" or ">", the byte order; with `types` those of `.debug_types`.

    Raises FormatError for a damaged header, UnsupportedError for a version after 5.
    """
    if len(data) >= LARGEST:
        raise UnsupportedError(f"{len(data)} bytes; the limit is {LARGEST}", source=source, section=section)
    at = 0
    while at < len(data):
        try:
            unit = _unit(data[at : at + LONGEST], at, mark, types)
        except (error, ValueError) as found:
            what = "truncated unit header" if isinstance(found, error) else str(found)
            raise FormatError(what, source=source, section=section, offset=at) from None
        if unit is not None:
            if not 2 <= unit.version <= 5:
                raise UnsupportedError(
                    f"DWARF version {unit.version}; 2 to 5 are supported", source=source, section=section, offset=at
                )
            if unit.address_size not in (4, 8):
                raise UnsupportedError(
                    f"addresses of {unit.address_size} bytes", source=source, section=section, offset=at
                )
            if unit.end > len(data) or unit.first > unit.end:
                raise FormatError(
                    f"a unit up to {unit.end:#x}, beyond the end at {len(data):#x}",
                    source=source,
                    section=section,
                    offset=at,
                )
            at = unit.end
            yield unit
        else:
            at += 4  # padding


def _unit(head: Bytes, start: int, mark: str, types: bool) -> Unit | None:
    """The unit at `start`, of which `head` are the first bytes; None for padding."""
    (length,) = unpack_from(mark + "I", head)
    at, size = 4, 4
    if length == 0:
        return None
    if length == 0xFFFFFFFF:
        (length,) = unpack_from(mark + "Q", head, at)
        at, size = 12, 8
    elif length >= 0xFFFFFFF0:
        raise ValueError(f"reserved unit length {length:#x}")
    end = start + at + length
    offset = mark + ("Q" if size == 8 else "I")
    (version,) = unpack_from(mark + "H", head, at)
    at += 2
    kind = TYPE if types else COMPILE
    if version >= 5:
        kind, address_size = unpack_from("BB", head, at)
        (abbreviations,) = unpack_from(offset, head, at + 2)
        at += 2 + size
    else:
        (abbreviations,) = unpack_from(offset, head, at)
        address_size = head[at + size] if at + size < len(head) else 0
        at += size + 1
    unit = Unit(start, start + at, end, version, kind, (size, address_size))
    unit.abbreviations = abbreviations
    if kind in (TYPE, SPLIT_TYPE):
        (unit.signature,) = unpack_from(mark + "Q", head, at)
        (type_at,) = unpack_from(offset, head, at + 8)
        unit.type_at = start + type_at
        unit.first += 8 + size
    elif kind in (SKELETON, SPLIT_COMPILE):
        (unit.dwo_id,) = unpack_from(mark + "Q", head, at)
        unit.first += 8
    elif kind not in (COMPILE, PARTIAL):
        raise ValueError(f"unknown type of unit {kind}")
    return unit
