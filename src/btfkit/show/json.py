"""JSON: one object `{"types": [...]}`, byte for byte what `bpftool -j btf dump file F` prints, or with `pretty` `bpftool -p`.

`ITEMS` is the whole of it: the keys of each kind and what stands behind them, in the language of `hot/text.py`.  Source: bpftool
7.8, dump_btf_type and json_writer.  Two differences, which `compat` undoes: an unsigned value of a 32-bit enum is printed as
such, and not extended by its sign; and what names hold is always JSON: control characters and what cannot be printed as
`\\uNNNN`, bytes that are no UTF-8 as the text `\\xNN`.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.hot import text as _text
from btfkit.show.records import Form, kind_label, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf

Items = tuple[tuple[str, bytes], ...]

_NAME = ("name", b'"%n0"')
_REFERENCE: Items = (("type_id", b"%u2"),)
_SIZE = ("size", b"%u2")
_VLEN = ("vlen", b"%v0")
_ENCODING = ("encoding", b'"%f0{UNSIGNED|SIGNED}"')
_LINKAGE = b"{static|global|extern|(unknown)}"
_BITFIELD = "bitfield_size"  # the one key that may be absent
_COMPOSITE = (
    (_SIZE, _VLEN),
    "members",
    (_NAME, ("type_id", b"%u1"), ("bits_offset", b"%m2"), (_BITFIELD, b"%z2")),
)

# The items of each kind behind id, kind and name; the key of its list, and the items of one element.
ITEMS: dict[int, tuple[Items, str, Items]] = {
    spec.INT: (
        (
            _SIZE,
            ("bits_offset", b"%o3"),
            ("nr_bits", b"%b3"),
            ("encoding", b'"%h3{(none)|SIGNED|CHAR|UNKN|BOOL|UNKN}"'),
        ),
        "",
        (),
    ),
    spec.PTR: (_REFERENCE, "", ()),
    spec.ARRAY: ((("type_id", b"%u3"), ("index_type_id", b"%u4"), ("nr_elems", b"%u5")), "", ()),
    spec.STRUCT: _COMPOSITE,
    spec.UNION: _COMPOSITE,
    spec.ENUM: ((_ENCODING, _SIZE, _VLEN), "values", (_NAME, ("val", b"%s1"))),
    spec.FWD: ((("fwd_kind", b'"%f0{struct|union}"'),), "", ()),
    spec.TYPEDEF: (_REFERENCE, "", ()),
    spec.VOLATILE: (_REFERENCE, "", ()),
    spec.CONST: (_REFERENCE, "", ()),
    spec.RESTRICT: (_REFERENCE, "", ()),
    spec.FUNC: ((*_REFERENCE, ("linkage", b'"%v0' + _LINKAGE + b'"')), "", ()),
    spec.FUNC_PROTO: ((("ret_type_id", b"%u2"), _VLEN), "params", (_NAME, ("type_id", b"%u1"))),
    spec.VAR: ((*_REFERENCE, ("linkage", b'"%u3' + _LINKAGE + b'"')), "", ()),
    spec.DATASEC: ((_SIZE, _VLEN), "vars", (("type_id", b"%u0"), ("offset", b"%u1"), _SIZE)),
    spec.FLOAT: ((_SIZE,), "", ()),
    spec.DECL_TAG: ((*_REFERENCE, ("component_idx", b"%d3")), "", ()),
    spec.TYPE_TAG: (_REFERENCE, "", ()),
    spec.ENUM64: ((_ENCODING, _SIZE, _VLEN), "values", (_NAME, ("val", b"%q1"))),
}
EXTENDED = b"%x1"  # in place of %s1: what bpftool makes of the value of an ENUM


def json_text(
    btf: Btf, ids: Iterable[int] | None = None, *, pretty: bool = False, compat: bool = False
) -> Iterator[bytes]:
    """The types of `btf` as JSON, in chunks: its own, or those of `ids` (any of the chain, in that order).

    One line, or with `pretty` indented by four blanks.  `compat` gives bpftool's very bytes, its defects included.  Raises
    NotFoundError, before any text, for an id that is not there.
    """
    style = _Style(pretty, compat)
    return _framed(records(btf, Form(style.row, style.void(), style.odd), ids), pretty)


def _framed(chunks: Iterable[bytes], pretty: bool) -> Iterator[bytes]:
    yield b'{\n    "types": [' if pretty else b'{"types":['
    first = True
    for chunk in chunks:
        yield chunk[1:] if first else chunk  # without the comma between two objects
        first = False
    yield (b"]\n}\n" if first else b"\n    ]\n}\n") if pretty else b"]}\n"


class _Style:
    """How objects are laid out: on one line, or each key on its own."""

    __slots__ = ("compat", "pretty")

    def __init__(self, pretty: bool, compat: bool) -> None:
        self.pretty = pretty
        self.compat = compat

    def row(self, kind: int) -> tuple[bytes, bytes, bytes, bytes]:
        """What `Form` wants of each kind."""
        items, key, element = ITEMS.get(kind, ((), "", ()))
        head = b"," + self._object((*_head(kind, b"%i0", b"%n0"), *items), 3)
        end = self._line(2) + b"}"
        if not key:
            return head, b"", b"", end
        head += b"," + self._key(key, 3) + b"["
        end = self._end_of_list() + end
        return head, b"%e0{|,}" + self._object(element, 5) + self._line(4) + b"}", b"", end

    def void(self) -> bytes:
        """Type 0 as an object."""
        return b"," + self._object(_head(0, b"0", b"(anon)"), 3) + self._line(2) + b"}"

    def odd(self, strings: bytes) -> bytes | bytearray:
        return escapes(strings, compat=self.compat)

    def _object(self, items: Items, depth: int) -> bytes:
        """An object without its end."""
        text = b""
        for key, value in items:
            separator = (b"," if text else b"") + self._key(key, depth)
            if key == _BITFIELD:
                separator = b"%w2{|" + separator + b"}"
            text += separator + (EXTENDED if self.compat and value == b"%s1" else value)
        return b"{" + text

    def _key(self, key: str, depth: int) -> bytes:
        return self._line(depth) + (b'"%b": ' if self.pretty else b'"%b":') % key.encode()

    def _line(self, depth: int) -> bytes:
        return b"\n" + b"    " * depth if self.pretty else b""

    def _end_of_list(self) -> bytes:
        return b"%v0{]|" + self._line(3) + b"]}" if self.pretty else b"]"


def _head(kind: int, type_id: bytes, name: bytes) -> Items:
    return ("id", type_id), ("kind", b'"%b"' % kind_label(kind)), ("name", b'"%b"' % name)


_PLAIN = bytes((0, *(c for c in range(0x20, 0x7F) if c not in b'"\\')))
_LETTERS = {0x08: b"b", 0x09: b"t", 0x0A: b"n", 0x0C: b"f", 0x0D: b"r", 0x22: b'"', 0x5C: b"\\"}


def escapes(strings: bytes, *, compat: bool = False) -> bytes | bytearray:
    """For each byte of a string section how JSON has to write it, in the code of `hot/text.py`; empty where all are plain.

    With `compat` only what bpftool's json_writer escapes.
    """
    if not strings.translate(None, _PLAIN):
        return b""
    import re

    odd = bytearray(len(strings))
    odd[0] = 0 if compat else _text.JSON_HEX
    for run in re.finditer(rb"[^\0 !#-[\]-~]+", strings):
        at = run.start()
        for c in run[0].decode("utf-8", "surrogateescape"):
            code = ord(c)
            size = len(c.encode("utf-8", "surrogateescape"))
            if code in _LETTERS:
                odd[at] = _LETTERS[code][0]
            elif not compat and not c.isprintable():
                odd[at : at + size] = _unprintable(code, size)
            at += size
    return odd


def _unprintable(code: int, size: int) -> bytes:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return bytes((_text.JSON_HEX,))
    if size == 1:
        return bytes((_text.JSON_CONTROL,))
    return bytes((_text.JSON_CHARACTER,)) + bytes((_text.SKIPPED,)) * (size - 1)
