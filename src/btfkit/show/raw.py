"""Raw text: one record a paragraph, byte for byte what `bpftool btf dump file F format raw` prints.

Source: bpftool 7.8, dump_btf_type.  One difference: bytes of a name that are not printable UTF-8 appear as `\\xNN`, so that a
dump of a hostile file cannot control a terminal.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.hot import text as _text
from btfkit.show.records import BITFIELD, ITEMS, Form, escaped, kind_label, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.show.records import Row

VOID = b"[0] UNKNOWN '(anon)'\n"
_AFTER_ELEMENTS = {spec.DATASEC: b" (%t0)", spec.ENUM64: b"%f0{ULL|LL}"}
_PRINTABLE = bytes((0, *range(0x20, 0x7F)))


def raw_text(btf: Btf, ids: Iterable[int] | None = None, *, compat: bool = False) -> Iterator[bytes]:
    """The raw text of `btf`, in chunks of about 256 KiB: its own types, or those of `ids` (any in the chain, in that order).

    `compat` gives the exact bytes of bpftool: names unescaped.  Raises NotFoundError, before any text, for an id that does
    not exist.
    """
    return records(btf, Form(_row, VOID, _no_escapes if compat else _escapes), ids)


def _row(kind: int) -> Row:
    items, _, element = ITEMS.get(kind, ((), "", ()))
    label = kind_label(kind) + b" '%n0'"
    head = b"[%i0] " + label + b"".join(_item(*item) for item in items)
    if kind == spec.VAR:
        head = head.replace(b" linkage", b", linkage")
    each = b"".join(_item(*item) for item in element)
    return head, b"\n\t" + each[1:] + _AFTER_ELEMENTS.get(kind, b"") if each else b"", label, b"\n"


def _item(key: str, value: bytes) -> bytes:
    if key == BITFIELD:
        return b"%w2{| bitfield_size=}" + value
    return b" '%n0'" if key == "name" else b" %b=%b" % (key.encode(), value.strip(b'"'))


def _no_escapes(strings: bytes) -> bytes:
    return b""


def _escapes(strings: bytes) -> bytes | bytearray:
    """Codes for the bytes that are not part of a printable UTF-8 character (as `str.isprintable` defines it)."""
    return escaped(strings, _PRINTABLE, _text.HEX, lambda c, size: bytes((0 if c.isprintable() else _text.HEX,)) * size)
