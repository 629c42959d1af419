"""What a file with BTF contains, on one screen: its container, header, sizes and counts.

If the base of a split BTF is missing, the summary covers what needs no base: header, sections and kinds.
"""

from __future__ import annotations

from btfkit.btf import header as _header
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.header import SECOND
from btfkit.errors import BtfError, ChainError, counted, printable
from btfkit.hot import scan as _scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.btf.header import Header

    Bytes = bytes | memoryview[int]

SCHEMA = 1
_POINTER_SIZE_SOURCES = {"elf": "ELF class", "base": "as in the base"}


class OtherSection:
    """`.BTF.ext` or `.BTF.base`: its `size` in bytes, the `counts` of its contents (none if it is unreadable), and its `problem`,
    which may be given."""

    __slots__ = ("counts", "names", "problem", "size")

    def __init__(
        self,
        data: Bytes,
        names: tuple[str, ...],
        count: Callable[[Bytes], Iterable[int]],
        problem: str | None = None,
    ) -> None:
        self.size = len(data)
        self.names = names
        self.counts: tuple[int, ...] = ()
        self.problem = problem
        try:
            self.counts = tuple(count(data))
        except BtfError as error:
            self.problem = problem or str(error)

    def as_json(self) -> dict[str, object]:
        """Its part of the document; the counts are null if it cannot be read."""
        counts = self.counts or (None,) * len(self.names)
        return {"size": self.size, **dict(zip(self.names, counts, strict=True)), "problem": self.problem}


class Summary:
    """A summary of the `.BTF` blob `data` from the file `path`: `as_json` is the document (schema 1), `lines` the text.

    `btf` is the loaded blob, or the error that loading it ended with, whose text becomes `problem`; `needs_base` means that
    the error is a missing base.  `layers` names the containers around the blob, `pointer_size` (bytes) is what an ELF class
    implies, `ext` is the section `.BTF.ext` and `ext_problem` what is wrong with it, `distilled` the distilled base in the
    section `distilled_section`.  Offsets and sizes are in bytes, offsets from the start of the blob.  Raises FormatError if not
    even the header can be read.
    """

    def __init__(
        self,
        path: str,
        data: Bytes,
        btf: Btf | BtfError,
        *,
        layers: Iterable[str] = (),
        pointer_size: int | None = None,
        ext: Bytes | None = None,
        distilled: Bytes | None = None,
        distilled_section: str = ".BTF.base",
        needs_base: bool = False,
        ext_problem: str | None = None,
    ) -> None:
        view = memoryview(data)
        try:
            self.header = _header.parse(view)
        except BtfError as error:
            raise error.at(path) from None
        self.path = path
        self.layers = list(layers)
        self.size = len(view)
        self.second = _header.next_header(view, self.header)
        self.needs_base = needs_base
        self.btf = btf if isinstance(btf, Btf) else None
        self.base = btf.base if isinstance(btf, Btf) else None
        self.problem = None if isinstance(btf, Btf) else str(btf)
        self.split = self.base is not None if self.btf is not None else True if isinstance(btf, ChainError) else None
        self.pointer_size = _pointer_size(self.btf, pointer_size)
        words, positions = (btf.words, btf.positions) if isinstance(btf, Btf) else _records(view, self.header)
        self.own_types = len(positions)
        self.kinds = _count_kinds(words, positions)
        names = ("func_info", "line_info", "core_relo")
        self.ext = OtherSection(ext, names, _count_ext, ext_problem) if ext is not None else None
        self.distilled_section = distilled_section
        self.distilled = OtherSection(distilled, ("types",), _count_types) if distilled is not None else None

    @property
    def sections(self) -> list[tuple[str, int, int]]:
        """The name, offset and size of each section of the blob."""
        h = self.header
        sections = [
            ("types", h.length + h.type_off, h.type_len),
            ("layout", h.length + h.layout_off, h.layout_len),
            ("strings", h.length + h.str_off, h.str_len),
        ]
        return [section for section in sections if section[2] or section[0] != "layout"]

    def as_json(self) -> dict[str, object]:
        """The document."""
        h, btf, base = self.header, self.btf, self.base
        size, source, carrier = self.pointer_size
        return {
            "schema": SCHEMA,
            "path": self.path,
            "layers": self.layers,
            "size": self.size,
            "byte_order": h.order,
            "pointer_size": {"bytes": size, "from": source, "type_id": carrier},
            "header": {
                "length": h.length,
                "version": h.version,
                "flags": h.flags,
                "sections": [{"name": name, "offset": at, "size": length} for name, at, length in self.sections],
            },
            "second": self.second or None,
            "split": self.split,
            "needs_base": self.needs_base,
            "base": {"path": base.source, "types": len(base) - 1} if base is not None else None,
            "types": {
                "own": self.own_types,
                "total": len(btf) - 1 if btf is not None else None,
                "first_id": btf.start_id if btf is not None else None,
                "kinds": self.kinds,
            },
            "strings": {
                "own_bytes": h.str_len,
                "total_bytes": btf.start_str_off + len(btf.strings) if btf is not None else None,
            },
            "sorted": btf.first_named_id is not None if btf is not None else None,
            "layout": h.layout_len // 4 if h.layout_len else None,
            "ext": self.ext.as_json() if self.ext is not None else None,
            "distilled_base": {"section": self.distilled_section, **self.distilled.as_json()}
            if self.distilled
            else None,
            "problem": self.problem,
        }

    def lines(self) -> Iterator[str]:
        """Aligned lines without newlines; `problem` is not among them."""
        yield printable(self.path)
        yield ""
        rows = list(self._rows())
        width = max(len(label) for label, _ in rows)
        for label, text in rows:
            yield f"  {label:{width}}  {text}".rstrip()
        if self.kinds:
            yield ""
            width = max(map(len, self.kinds))
            digits = len(f"{self.own_types:,}")
            for kind, count in self.kinds.items():
                yield f"  {kind:{width}}  {count:>{digits},}  {100 * count / self.own_types:5.1f} %"

    def _rows(self) -> Iterator[tuple[str, str]]:
        h, btf = self.header, self.btf
        size, source, carrier = self.pointer_size
        yield "container", " > ".join(self.layers) or "raw"
        yield "size", counted(self.size, "byte")
        yield "byte order", f"{h.order}-endian"
        how = _POINTER_SIZE_SOURCES.get(source or "", f"by type {carrier}")
        yield "pointer size", f"{size} bytes ({how})" if size is not None else "unknown"
        yield "header", f"{h.length} bytes, version {h.version}, flags {h.flags:#x}"
        digits = max(len(f"{length:,}") for _, _, length in self.sections)
        for name, at, length in self.sections:
            yield "  " + name, f"{length:>{digits},} bytes at {at:#x}"
        if self.second:
            yield "after it", f"at {self.second:#x} {SECOND}"
        yield "base", self._base_text()
        yield "types", self._types_text()
        if btf is not None:
            yield "sorted", "by name" if btf.first_named_id is not None else "no"
        yield "layout", f"{h.layout_len // 4} kinds described" if h.layout_len else "none"
        for name, section in ((".BTF.ext", self.ext), (self.distilled_section, self.distilled)):
            if section is None or not section.counts:
                yield name, "none" if section is None else f"unreadable: {section.problem}"
            elif section is self.distilled:
                yield name, f"{counted(section.counts[0], 'type')}, {section.size:,} bytes"
            else:
                nouns = ("function", "line", "CO-RE relocation")
                damage = f"; damaged: {section.problem}" if section.problem else ""
                yield name, ", ".join(map(counted, section.counts, nouns)) + damage

    def _base_text(self) -> str:
        if self.base is not None:
            name = printable(
                self.base.source or (f"its own {self.distilled_section}" if self.distilled is not None else "in memory")
            )
            return f"split on {name}, {counted(len(self.base) - 1, 'type')}"
        if self.needs_base:
            return "split: needs its base, the vmlinux that it was built with"
        if self.split:
            return "split, but not on the given base"
        return "none: stands alone" if self.split is False else "unknown"

    def _types_text(self) -> str:
        own, btf = self.own_types, self.btf
        if btf is None:
            return f"{own:,} own"
        total = len(btf) - 1
        if own == 0:
            return f"none, {total:,} with the base" if total else "none"
        ids = f"ids {btf.start_id} to {total}"
        return f"{own:,} ({ids})" if own == total else f"{own:,} own ({ids}), {total:,} with the base"


def _pointer_size(btf: Btf | None, elf: int | None) -> tuple[int | None, str | None, int | None]:
    """The size of a pointer, its source ("elf", "base" or "type") and the id of the INT that determines it."""
    if elf is not None:
        return elf, "elf", None
    if btf is None or btf.pointer_size is None:
        return None, None, None
    if btf.base is not None and btf.base.pointer_size is not None:
        return btf.pointer_size, "base", None
    return btf.pointer_size, "type", btf.pointer_size_carrier()


def _records(view: memoryview[int], h: Header) -> tuple[memoryview[int], memoryview[int]]:
    """The words of the type section and the positions of its records, up to the first incomplete one."""
    body = view[h.length :]
    types = memoryview(bytes(body[h.type_off : h.type_off + h.type_len]))
    words = types.cast("I") if h.order == _header.NATIVE else _header.swap_words(types)
    try:
        table = spec.packed_table(body[h.layout_off : h.layout_off + h.layout_len] if h.layout_len else b"")
    except ValueError:
        table = spec.TABLE
    room = memoryview(bytearray(4 * (len(words) // 3 + 1))).cast("I")
    count = _scan.scan(words, table, room, 1)[0]
    return words, room[:count]


def _count_kinds(words: memoryview[int], positions: memoryview[int]) -> dict[str, int]:
    """The number of records of each kind, the most frequent first; "kind 25" for an unknown one."""
    counts = [0] * (spec.MAX_KIND + 1)
    for at in positions:
        counts[words[at + 1] >> 24 & spec.MAX_KIND] += 1
    present = sorted((-count, kind) for kind, count in enumerate(counts) if count)
    named = range(1, len(spec.KINDS))
    return {spec.kind_name(kind) if kind in named else f"kind {kind}": -count for count, kind in present}


def _count_ext(data: Bytes) -> Iterator[int]:
    from btfkit.btf.ext import Ext

    ext = Ext.from_bytes(data)
    return (sum(map(len, groups)) for groups in (ext.func_info, ext.line_info, ext.core_relo))


def _count_types(data: Bytes) -> tuple[int]:
    return (len(Btf.from_bytes(data)) - 1,)
