"""The one writer: a type section and its strings become a `Btf`.

A `Frame` is the rest of a BTF: base, byte order, header, layout section, pointer size and source.  Passes make words and
strings and call `Frame.emit`.  The result is read back and checked like any other input (one millisecond for a vmlinux), so
that a mistake of a pass is an error, never a `Btf` on which loops run out of bounds.
"""

from __future__ import annotations

from io import SEEK_CUR, BytesIO

from btfkit.btf import header as _header
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.header import Buffer, ByteOrder


class Frame:
    """All of a BTF except its types and strings.

    `base` (or None), `header` (byte order, flags and unknown fields), `layout` (the section, in that byte order),
    `pointer_size` (bytes, from a container, or None) and `source`.
    """

    __slots__ = ("base", "header", "layout", "pointer_size", "source")

    def __init__(
        self,
        order: ByteOrder,
        base: Btf | None = None,
        *,
        layout: bytes = b"",
        pointer_size: int | None = None,
        source: str | None = None,
    ) -> None:
        self.base = base
        self.header = _header.new(order, spec.LAYOUT_HEADER_LEN if layout else spec.HEADER_LEN)
        self.layout = layout
        self.pointer_size = pointer_size
        self.source = source

    @classmethod
    def of(cls, btf: Btf, base: Btf | None) -> Frame:
        """A frame like that of `btf`, on `base`, with a new header."""
        return cls(btf.byte_order, base, layout=btf.layout, pointer_size=btf.given_pointer_size, source=btf.source)

    @classmethod
    def keeping(cls, btf: Btf, base: Btf | None) -> Frame:
        """The frame of `btf`, on `base`, its header with flags and unknown fields included."""
        self = cls.of(btf, base)
        self.header = btf.header
        return self

    def drop_layout(self) -> None:
        """Remove the layout section, and the fields of the header that older readers do not know."""
        self.header, self.layout = _header.new(self.header.order), b""

    def to_bytes(self, words: Buffer, strings: Buffer) -> bytes:
        """The `.BTF` blob of `words` (u32 in this machine's byte order) and the section `strings`, unchecked."""
        return _header.encode(self.header, self.header.order, words, self.layout, strings)

    def emit(self, words: Buffer, strings: Buffer) -> Btf:
        """The BTF of `words` and `strings`.  Raises FormatError if these are not valid, or too large."""
        blob = self.to_bytes(words, strings)
        return Btf.from_bytes(blob, self.base, source=self.source, pointer_size=self.pointer_size)


class Room:
    """A BTF being written in place: `words` for the types, in this machine's byte order, and the section `strings`, of which only
    a part may be used.  All bytes are 0 at first."""

    __slots__ = ("_blob", "_frame", "strings", "words")

    def __init__(self, frame: Frame, words: int, strings: int) -> None:
        self._frame = frame
        head = frame.header.length + len(frame.layout)
        self._blob = BytesIO(bytes(head + 4 * words + strings))  # changed in place, as nothing else has these bytes
        view = self._blob.getbuffer()
        self.words = view[frame.header.length :][: 4 * words].cast("I")
        self.strings = view[head + 4 * words :]

    def emit(self, end: int) -> Btf:
        """The BTF with the first `end` bytes of `strings`.  Raises what `Frame.emit` does."""
        frame, size = self._frame, 4 * len(self.words)
        header, order, layout = frame.header, frame.header.order, frame.layout
        if order != _header.NATIVE:
            return frame.emit(self.words, self.strings[:end])
        del self.words, self.strings  # nothing else may refer to these either
        blob = self._blob
        blob.seek(0)
        blob.write(_header.encode_alone(header, order, size, layout, end))
        blob.seek(size, SEEK_CUR)
        blob.write(layout)
        blob.truncate(blob.tell() + end)
        return Btf.from_bytes(blob.getvalue(), frame.base, source=frame.source, pointer_size=frame.pointer_size)


class Strings:
    """Collects a string section: whole strings, each once, in the order of first use.

    A string of the base's chain is not added; its offset there is used, unless it begins within a longer string: libbpf
    never writes such, and `btf.evidence` takes them as signs of a wrong base.
    """

    __slots__ = ("_base", "_offsets", "_size", "_strings", "start")

    def __init__(self, base: Btf | None = None) -> None:
        self._base = base
        self.start = base.start_str_off + len(base.strings) if base is not None else 0
        self._offsets: dict[bytes, int] = {b"": 0}
        self._strings = [b""] if base is None else []
        self._size = 1 if base is None else 0

    def add(self, string: bytes) -> int:
        """The offset of `string` (without NUL), which is added if it is new."""
        offset = self._offsets.get(string)
        if offset is None:
            offset = self._in_base(string)
            if offset is None:
                if b"\0" in string:
                    raise FormatError(f"name contains a NUL: {string!r}", section="strings")
                offset = self.start + self._size
                self._strings.append(string)
                self._size += len(string) + 1
            self._offsets[string] = offset
        return offset

    def _in_base(self, string: bytes) -> int | None:
        if self._base is None:
            return None
        base = self._base
        return min((at for at in base.string_offsets(string) if at == 0 or not base.string(at - 1)), default=None)

    def to_bytes(self) -> bytes:
        """The section."""
        return b"\0".join((*self._strings, b"")) if self._strings else b""
