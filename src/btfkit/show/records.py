"""Types as records of text in a format that a table describes: the common part of raw text and JSON.

The loop is in `hot/text.py`.  This module prepares what it needs: packed formats, the strings of the whole chain, and the texts
that the loop cannot make itself.  `ITEMS` describes both formats.  Source: bpftool 7.8, dump_btf_type.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.header import words_of
from btfkit.hot import text as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.btf.btf import Btf

Items = tuple[tuple[str, bytes], ...]
Row = tuple[bytes, bytes, bytes, bytes]

CHUNK = 1 << 18  # bytes of text at a time

NAME = ("name", b'"%n0"')
BITFIELD = "bitfield_size"  # the only key that may be absent
_REFERENCE: Items = (("type_id", b"%u2"),)
_SIZE = ("size", b"%u2")
_VLEN = ("vlen", b"%v0")
_ENCODING = ("encoding", b'"%f0{UNSIGNED|SIGNED}"')
_LINKAGE = b"{static|global|extern|(unknown)}"
_COMPOSITE = (
    (_SIZE, _VLEN),
    "members",
    (NAME, ("type_id", b"%u1"), ("bits_offset", b"%m2"), (BITFIELD, b"%z2")),
)

# For each kind: its items after id, kind and name, each with a format of `hot/text.py`; the key of its list, and the items of
# one element.  Text has quotation marks.
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
    spec.ENUM: ((_ENCODING, _SIZE, _VLEN), "values", (NAME, ("val", b"%s1"))),
    spec.FWD: ((("fwd_kind", b'"%f0{struct|union}"'),), "", ()),
    spec.TYPEDEF: (_REFERENCE, "", ()),
    spec.VOLATILE: (_REFERENCE, "", ()),
    spec.CONST: (_REFERENCE, "", ()),
    spec.RESTRICT: (_REFERENCE, "", ()),
    spec.FUNC: ((*_REFERENCE, ("linkage", b'"%v0' + _LINKAGE + b'"')), "", ()),
    spec.FUNC_PROTO: ((("ret_type_id", b"%u2"), _VLEN), "params", (NAME, ("type_id", b"%u1"))),
    spec.VAR: ((*_REFERENCE, ("linkage", b'"%u3' + _LINKAGE + b'"')), "", ()),
    spec.DATASEC: ((_SIZE, _VLEN), "vars", (("type_id", b"%u0"), ("offset", b"%u1"), _SIZE)),
    spec.FLOAT: ((_SIZE,), "", ()),
    spec.DECL_TAG: ((*_REFERENCE, ("component_idx", b"%d3")), "", ()),
    spec.TYPE_TAG: (_REFERENCE, "", ()),
    spec.ENUM64: ((_ENCODING, _SIZE, _VLEN), "values", (NAME, ("val", b"%q1"))),
}


class Form:
    """The appearance of records: for each kind number the formats (see `hot/text.py`) of head, element, label and end.

    `void` is the text of type 0; `escapes` gives, for a string section, how to print each of its bytes (see `escaped`).
    """

    __slots__ = ("columns", "escapes", "formats", "void")

    def __init__(self, row: Callable[[int], Row], void: bytes, escapes: Callable[[bytes], bytes | bytearray]) -> None:
        formats = bytearray(b"\0")
        columns: list[int] = []
        for number in range(spec.MAX_KIND + 1):
            for text in row(number):
                columns.append(len(formats) if text else 0)
                formats += text + b"\0" if text else b""
        self.columns = words_of(columns)
        self.formats = bytes(formats)
        self.void = void
        self.escapes = escapes


def escaped(
    strings: bytes, printed_as_is: bytes, start_within: int, mark: Callable[[str, int], bytes]
) -> bytes | bytearray:
    """How to print each byte of a string section, in the codes of `hot/text.py`; empty if all are among `printed_as_is`.

    `mark` gives the codes of one other character from its size in bytes (a byte that is not UTF-8 is a surrogate).
    `start_within` is for the bytes of a character in which a name starts.
    """
    if not strings.translate(None, printed_as_is):
        return b""
    import re

    codes = bytearray(len(strings))
    codes[0] = start_within
    for run in re.finditer(b"[^" + re.escape(printed_as_is) + b"]+", strings):
        at = run.start()
        for character in run[0].decode("utf-8", "surrogateescape"):
            size = len(character.encode("utf-8", "surrogateescape"))
            codes[at : at + size] = mark(character, size)
            at += size
    return codes


def records(btf: Btf, form: Form, ids: Iterable[int] | None = None) -> Iterator[bytes]:
    """The records of `btf` in that form, in chunks of about 256 KiB: its own types, or those of `ids` (any in the chain).

    Raises NotFoundError, before any text, for an id that does not exist.
    """
    return _Writer(btf, form).runs([btf.own_ids] if ids is None else _runs(checked(btf, ids), btf))


def checked(btf: Btf, ids: Iterable[int]) -> list[int]:
    """`ids` as a list; raises NotFoundError for one that does not exist."""
    return [btf.existing(type_id) for type_id in ids]


def _runs(ids: list[int], btf: Btf) -> Iterator[range]:
    """`ids` as ranges of consecutive ids, each within one layer."""
    starts = {layer.start_id for layer in btf.chain}
    start = 0
    for i in range(1, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[i - 1] + 1 or ids[i] in starts:
            yield range(ids[start], ids[i - 1] + 1)
            start = i


class _Writer:
    """Text of one BTF: its form, the strings of its chain and the labels of types in its bases."""

    __slots__ = ("btf", "escapes", "form", "labels", "strings")

    def __init__(self, btf: Btf, form: Form) -> None:
        self.btf = btf
        self.form = form
        chain = btf.chain
        self.strings = btf.strings if len(chain) == 1 else b"".join(layer.strings for layer in chain)
        self.escapes = form.escapes(bytes(self.strings))
        self.labels: dict[int, bytes] = {}

    def runs(self, runs: Iterable[range]) -> Iterator[bytes]:
        """The text of each range of ids (each within one layer), in chunks."""
        for ids in runs:
            if ids and ids[0] == 0:
                yield self.form.void
                ids = ids[1:]
            if ids:
                layer, _ = self.btf.locate(ids[0])
                yield from self._records(layer, ids[0] - layer.start_id, ids[-1] + 1 - layer.start_id)

    def _records(self, layer: Btf, index: int, stop: int) -> Iterator[bytes]:
        room = memoryview(bytearray(CHUNK))
        unit = 0
        while index < stop:
            index, unit, size, missing = _text.records(
                layer.words, layer.positions, layer.table, index, unit, stop, layer.start_id,
                self.form.formats, self.form.columns, self.strings, self.escapes, self.labels, room,
            )  # fmt: skip
            if size:
                yield bytes(room[:size])
            elif missing < 0:
                room = memoryview(bytearray(2 * len(room)))
            if missing >= 0:
                self.labels[missing] = self._label(missing)

    def _label(self, type_id: int) -> bytes:
        """The text that an entry of a DATASEC shows for a type in the base."""
        kind = kind_label(self.btf.kind(type_id))
        start = self.btf.word(type_id, 0) if type_id else 0
        if start == 0:
            return kind + b" '(anon)'"
        name = self.btf.string(start)
        if self.escapes:
            codes = self.escapes[start : start + len(name)]
            name = b"".join(b"\\x%02x" % c if code else bytes((c,)) for c, code in zip(name, codes, strict=True))
        return kind + b" '" + name + b"'"


def kind_label(kind: int) -> bytes:
    """The name of a kind in text; void and unknown kinds are UNKNOWN."""
    return spec.kind_name(kind).encode() if kind else b"UNKNOWN"
