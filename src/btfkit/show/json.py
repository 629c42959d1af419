"""JSON: one object `{"types": [...]}`, byte for byte what `bpftool -j btf dump file F` prints, or with `pretty` `bpftool -p`.

Source: bpftool 7.8, dump_btf_type and json_writer.  Two differences, which `compat` removes: an unsigned value of a 32-bit enum
is printed as such, without sign extension; and names are always valid JSON: control and unprintable characters appear as
`\\uNNNN`, bytes that are not UTF-8 as the text `\\xNN`.
"""

from __future__ import annotations

from btfkit.hot import text as _text
from btfkit.show.records import BITFIELD, ITEMS, Form, escaped, kind_label, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.show.records import Items, Row

EXTENDED = b"%x1"  # instead of %s1: how bpftool prints the value of an ENUM


def json_text(
    btf: Btf, ids: Iterable[int] | None = None, *, pretty: bool = False, compat: bool = False
) -> Iterator[bytes]:
    """The types of `btf` as JSON, in chunks: its own, or those of `ids` (any in the chain, in that order).

    One line, or with `pretty` indented by four spaces.  `compat` gives the exact bytes of bpftool, its defects included.  Raises
    NotFoundError, before any text, for an id that does not exist.
    """
    style = _Style(pretty, compat)
    return _framed(records(btf, Form(style.row, style.void(), style.escapes), ids), pretty)


def _framed(chunks: Iterable[bytes], pretty: bool) -> Iterator[bytes]:
    yield b'{\n    "types": [' if pretty else b'{"types":['
    first = True
    for chunk in chunks:
        yield chunk[1:] if first else chunk  # without the comma between two objects
        first = False
    yield (b"]\n}\n" if first else b"\n    ]\n}\n") if pretty else b"]}\n"


class _Style:
    """The layout of objects: on one line, or a line for each key."""

    __slots__ = ("compat", "pretty")

    def __init__(self, pretty: bool, compat: bool) -> None:
        self.pretty = pretty
        self.compat = compat

    def row(self, kind: int) -> Row:
        """The row of a kind, for `Form`."""
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

    def escapes(self, strings: bytes) -> bytes | bytearray:
        """Codes for the bytes that JSON must escape; with `compat`, those that bpftool's json_writer escapes."""
        if self.compat:
            return escaped(strings, _PLAIN, 0, lambda c, size: bytes((ord(_LETTERS.get(c, "\0")),)).ljust(size, b"\0"))
        return escaped(strings, _PLAIN, _text.JSON_HEX, _codes)

    def _object(self, items: Items, depth: int) -> bytes:
        """An object without its end."""
        text = b""
        for key, value in items:
            separator = (b"," if text else b"") + self._key(key, depth)
            if key == BITFIELD:
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
_LETTERS = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r", '"': '"', "\\": "\\"}  # written after a backslash


def _codes(character: str, size: int) -> bytes:
    """The codes of the bytes of one character."""
    if character in _LETTERS:
        return _LETTERS[character].encode()
    if character.isprintable():
        return bytes(size)
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
        return bytes((_text.JSON_HEX,))
    if size == 1:
        return bytes((_text.JSON_CONTROL,))
    return bytes((_text.JSON_CHARACTER,)) + bytes((_text.SKIPPED,)) * (size - 1)
