"""Raw text: one record a paragraph, byte for byte what `bpftool btf dump file F format raw` prints.

`FORMATS` is the whole of it: what each kind prints, in the language of `hot/text.py`, which goes through the words.
Source: bpftool 7.8, dump_btf_type.  One difference: bytes of a name that are no printable UTF-8 come out as `\\xNN`, so
that a dump of a strange file does nothing to a terminal.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.errors import NotFoundError
from btfkit.hot import text as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf

CHUNK = 1 << 18  # bytes of text in one go
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


def raw_text(btf: Btf, ids: Iterable[int] | None = None) -> Iterator[bytes]:
    """The raw text of `btf`, in chunks of some 256 KiB: its own types, or those of `ids` (any of the chain, in that order).

    Raises NotFoundError, before any text, for an id that is not there.
    """
    if ids is None:
        return _Writer(btf).runs([btf.own_ids])
    wanted = list(ids)
    for type_id in wanted:
        if not 0 <= type_id < len(btf):
            raise NotFoundError(f"no type {type_id}: ids end at {len(btf) - 1}", source=btf.source)
    return _Writer(btf).runs(_runs(wanted, btf))


def _runs(ids: list[int], btf: Btf) -> Iterator[range]:
    """`ids` as ranges of consecutive ids that lie in one layer each."""
    starts = {layer.start_id for layer in btf.chain}
    start = 0
    for i in range(1, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[i - 1] + 1 or ids[i] in starts:
            yield range(ids[start], ids[i - 1] + 1)
            start = i


class _Writer:
    """Text of one BTF: its formats, the strings of its chain and the labels of types in its bases."""

    __slots__ = ("btf", "columns", "formats", "labels", "odd", "strings")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.formats, self.columns = _packed_formats()
        chain = btf.chain
        self.strings = btf.strings if len(chain) == 1 else b"".join(layer.strings for layer in chain)
        self.odd = odd_bytes(bytes(self.strings))
        self.labels: dict[int, bytes] = {}

    def runs(self, runs: Iterable[range]) -> Iterator[bytes]:
        """The text of each range of ids (each within one layer), in chunks."""
        for ids in runs:
            if ids and ids[0] == 0:
                yield VOID
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
                self.formats, self.columns, self.strings, self.odd, self.labels, room,
            )  # fmt: skip
            if size:
                yield bytes(room[:size])
            elif missing < 0:
                room = memoryview(bytearray(2 * len(room)))
            if missing >= 0:
                self.labels[missing] = self._label(missing)

    def _label(self, type_id: int) -> bytes:
        """What the entry of a DATASEC says of a type in the base."""
        kind = _kind_name(self.btf.kind(type_id))
        offset = self.btf.word(type_id, 0) if type_id else 0
        if offset == 0:
            return kind + b" '(anon)'"
        return kind + b" '" + self._shown(offset, len(self.btf.string(offset))) + b"'"

    def _shown(self, offset: int, size: int) -> bytes:
        name = bytes(self.strings[offset : offset + size])
        odd = self.odd[offset : offset + size]
        return (
            b"".join(b"\\x%02x" % c if bad else bytes((c,)) for c, bad in zip(name, odd, strict=True)) if odd else name
        )


def _kind_name(kind: int) -> bytes:
    return spec.kind_name(kind).encode() if kind else b"UNKNOWN"


def _packed_formats() -> tuple[bytes, array[int]]:
    """`FORMATS` as `hot.text.records` reads it: the formats, and where the three of each kind begin."""
    formats = bytearray(b"\0")
    columns = array("I")
    for number in range(spec.MAX_KIND + 1):
        head, element = FORMATS.get(number, (b"", b""))
        label = _kind_name(number) + b" '%n0'"
        for text in (b"[%i0] " + label + head, element, label):
            columns.append(len(formats) if text else 0)
            formats += text + b"\0" if text else b""
    return bytes(formats), columns


_PLAIN = bytes((0, *range(0x20, 0x7F)))


def odd_bytes(strings: bytes) -> bytes | bytearray:
    """Which bytes of a string section are not part of a printable UTF-8 character: 1 for each such byte, else 0.

    Empty where there is none.  Characters count as printable as `str.isprintable` has it; NULs are no part of any name.
    """
    if not strings.translate(None, _PLAIN):
        return b""
    import re

    odd = bytearray(len(strings))
    for run in re.finditer(rb"[^\0 -~]+", strings):
        at = run.start()
        for c in run[0].decode("utf-8", "surrogateescape"):
            size = len(c.encode("utf-8", "surrogateescape"))
            odd[at : at + size] = bytes((not c.isprintable(),)) * size
            at += size
    return odd
