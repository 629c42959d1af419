"""Types as records of text, in a form that a table tells: what raw text and JSON have in common.

The loop is `hot/text.py`; here is what it needs: packed formats, the strings of the whole chain, and the texts that it cannot
make itself.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.errors import NotFoundError
from btfkit.hot import text as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.btf.btf import Btf

CHUNK = 1 << 18  # bytes of text in one go


class Form:
    """How records look: for each kind number the formats (see `hot/text.py`) of head, element, label and end.

    `void` is the text of type 0; `odd` tells, from the bytes of a string section, which of them cannot be printed as they are.
    """

    __slots__ = ("columns", "formats", "odd", "void")

    def __init__(
        self,
        row: Callable[[int], tuple[bytes, bytes, bytes, bytes]],
        void: bytes,
        odd: Callable[[bytes], bytes | bytearray],
    ) -> None:
        formats = bytearray(b"\0")
        self.columns = array("I")
        for number in range(spec.MAX_KIND + 1):
            for text in row(number):
                self.columns.append(len(formats) if text else 0)
                formats += text + b"\0" if text else b""
        self.formats = bytes(formats)
        self.void = void
        self.odd = odd


def records(btf: Btf, form: Form, ids: Iterable[int] | None = None) -> Iterator[bytes]:
    """The records of `btf` in that form, in chunks of some 256 KiB: its own types, or those of `ids` (any of the chain).

    Raises NotFoundError, before any text, for an id that is not there.
    """
    if ids is None:
        return _Writer(btf, form).runs([btf.own_ids])
    wanted = list(ids)
    for type_id in wanted:
        if not 0 <= type_id < len(btf):
            raise NotFoundError(f"no type {type_id}: ids end at {len(btf) - 1}", source=btf.source)
    return _Writer(btf, form).runs(_runs(wanted, btf))


def _runs(ids: list[int], btf: Btf) -> Iterator[range]:
    """`ids` as ranges of consecutive ids that lie in one layer each."""
    starts = {layer.start_id for layer in btf.chain}
    start = 0
    for i in range(1, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[i - 1] + 1 or ids[i] in starts:
            yield range(ids[start], ids[i - 1] + 1)
            start = i


class _Writer:
    """Text of one BTF: its form, the strings of its chain and the labels of types in its bases."""

    __slots__ = ("btf", "form", "labels", "odd", "strings")

    def __init__(self, btf: Btf, form: Form) -> None:
        self.btf = btf
        self.form = form
        chain = btf.chain
        self.strings = btf.strings if len(chain) == 1 else b"".join(layer.strings for layer in chain)
        self.odd = form.odd(bytes(self.strings))
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
                self.form.formats, self.form.columns, self.strings, self.odd, self.labels, room,
            )  # fmt: skip
            if size:
                yield bytes(room[:size])
            elif missing < 0:
                room = memoryview(bytearray(2 * len(room)))
            if missing >= 0:
                self.labels[missing] = self._label(missing)

    def _label(self, type_id: int) -> bytes:
        """What the entry of a DATASEC says of a type in the base."""
        kind = kind_label(self.btf.kind(type_id))
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


def kind_label(kind: int) -> bytes:
    """The name of a kind in text; void and kinds without a row are UNKNOWN."""
    return spec.kind_name(kind).encode() if kind else b"UNKNOWN"
