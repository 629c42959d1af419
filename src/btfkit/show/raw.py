"""Raw text: one record a paragraph, byte for byte what `bpftool btf dump file F format raw` prints.

`FORMATS` is the whole of it: what each kind prints, in the language of `hot/text.py`, which goes through the words.
Source: bpftool 7.8, dump_btf_type.  One difference: bytes of a name that are no printable UTF-8 come out as `\\xNN`, so
that a dump of a strange file does nothing to a terminal.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.hot import text as _text
from btfkit.show.records import Form, kind_label, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf

VOID = b"[0] UNKNOWN '(anon)'\n"

_REFERENCE = b" type_id=%u2"
_LINKAGE = b"{static|global|extern|(unknown)}"
_MEMBERS = (b" size=%u2 vlen=%v0", b"\n\t'%n0' type_id=%u1 bits_offset=%m2%w2{| bitfield_size=}%z2")

# What follows the kind and the name, and what one element prints.
FORMATS: dict[int, tuple[bytes, bytes]] = {
    spec.INT: (
        b" size=%u2 bits_offset=%o3 nr_bits=%b3 encoding=%h3{(none)|SIGNED|CHAR|UNKN|BOOL|UNKN}",
        b"",
    ),
    spec.PTR: (_REFERENCE, b""),
    spec.ARRAY: (b" type_id=%u3 index_type_id=%u4 nr_elems=%u5", b""),
    spec.STRUCT: _MEMBERS,
    spec.UNION: _MEMBERS,
    spec.ENUM: (b" encoding=%f0{UNSIGNED|SIGNED} size=%u2 vlen=%v0", b"\n\t'%n0' val=%s1"),
    spec.FWD: (b" fwd_kind=%f0{struct|union}", b""),
    spec.TYPEDEF: (_REFERENCE, b""),
    spec.VOLATILE: (_REFERENCE, b""),
    spec.CONST: (_REFERENCE, b""),
    spec.RESTRICT: (_REFERENCE, b""),
    spec.FUNC: (b" type_id=%u2 linkage=%v0" + _LINKAGE, b""),
    spec.FUNC_PROTO: (b" ret_type_id=%u2 vlen=%v0", b"\n\t'%n0' type_id=%u1"),
    spec.VAR: (b" type_id=%u2, linkage=%u3" + _LINKAGE, b""),
    spec.DATASEC: (b" size=%u2 vlen=%v0", b"\n\ttype_id=%u0 offset=%u1 size=%u2 (%t0)"),
    spec.FLOAT: (b" size=%u2", b""),
    spec.DECL_TAG: (b" type_id=%u2 component_idx=%d3", b""),
    spec.TYPE_TAG: (_REFERENCE, b""),
    spec.ENUM64: (b" encoding=%f0{UNSIGNED|SIGNED} size=%u2 vlen=%v0", b"\n\t'%n0' val=%q1%f0{ULL|LL}"),
}


def raw_text(btf: Btf, ids: Iterable[int] | None = None, *, compat: bool = False) -> Iterator[bytes]:
    """The raw text of `btf`, in chunks of some 256 KiB: its own types, or those of `ids` (any of the chain, in that order).

    `compat` gives bpftool's very bytes: names as they are.  Raises NotFoundError, before any text, for an id that is not there.
    """
    return records(btf, Form(_row, VOID, _as_they_are if compat else odd_bytes), ids)


def _row(kind: int) -> tuple[bytes, bytes, bytes, bytes]:
    head, element = FORMATS.get(kind, (b"", b""))
    label = kind_label(kind) + b" '%n0'"
    return b"[%i0] " + label + head, element, label, b"\n"


def _as_they_are(strings: bytes) -> bytes:
    return b""


_PLAIN = bytes((0, *range(0x20, 0x7F)))


def odd_bytes(strings: bytes) -> bytes | bytearray:
    """Which bytes of a string section are not part of a printable UTF-8 character, in the code of `hot/text.py`.

    Empty where all are ASCII.  Characters count as printable as `str.isprintable` has it; NULs are no part of any name.
    """
    if not strings.translate(None, _PLAIN):
        return b""
    import re

    odd = bytearray(len(strings))
    odd[0] = _text.HEX
    for run in re.finditer(rb"[^\0 -~]+", strings):
        at = run.start()
        for c in run[0].decode("utf-8", "surrogateescape"):
            size = len(c.encode("utf-8", "surrogateescape"))
            odd[at : at + size] = bytes((0 if c.isprintable() else _text.HEX,)) * size
            at += size
    return odd
