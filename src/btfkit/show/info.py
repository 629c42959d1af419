"""What a file with BTF is, on one screen: its container, header, sizes and counts.

`summary` computes a JSON-ready dict, `lines` renders it.  A split BTF whose base is not at hand is described as far as its
own bytes go: header, sections and kinds need no base.
"""

from __future__ import annotations

from array import array

from btfkit.btf import header as _header
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.errors import BtfError, ChainError, printable
from btfkit.hot import scan as _scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypedDict

    from btfkit.btf.header import Header

    class Section(TypedDict):
        """A section of the blob: where it lies and its size, in bytes."""

        name: str
        offset: int
        size: int

    class HeaderFields(TypedDict):
        """The header."""

        length: int
        version: int
        flags: int
        sections: list[Section]

    PointerSize = TypedDict("PointerSize", {"bytes": int | None, "from": str | None, "type_id": int | None})

    class Base(TypedDict):
        """What it is split on."""

        path: str | None
        types: int

    class Types(TypedDict):
        """How many types there are, and of which kinds the own ones are."""

        own: int
        total: int | None
        first_id: int | None
        kinds: dict[str, int]

    class Strings(TypedDict):
        """Bytes of strings."""

        own_bytes: int
        total_bytes: int | None

    class ExtCounts(TypedDict):
        """How many records of each sort `.BTF.ext` has."""

        size: int
        func_info: int | None
        line_info: int | None
        core_relo: int | None
        problem: str | None

    class Distilled(TypedDict):
        """The distilled base."""

        size: int
        types: int | None
        problem: str | None

    class Summary(TypedDict):
        """All that `summary` tells."""

        schema: int
        path: str
        layers: list[str]
        size: int
        byte_order: str
        pointer_size: PointerSize
        header: HeaderFields
        split: bool | None
        needs_base: bool
        base: Base | None
        types: Types
        strings: Strings
        sorted: bool | None
        layout: int | None
        ext: ExtCounts | None
        distilled_base: Distilled | None
        problem: str | None


SCHEMA = 1


def summary(
    path: str,
    data: bytes | memoryview[int],
    btf: Btf | BtfError,
    *,
    layers: Iterable[str] = (),
    pointer_size: int | None = None,
    ext: bytes | memoryview[int] | None = None,
    distilled: bytes | memoryview[int] | None = None,
    needs_base: bool = False,
) -> Summary:
    """What can be said of the `.BTF` blob `data` out of the file `path`, as a dict that JSON can hold (schema 1).

    `btf` is the loaded blob, or the error that loading it ended with ("problem" is its text then); `needs_base` says that the
    error is a missing base.  `layers` names the containers around it, `pointer_size` (bytes) is what an ELF class says, `ext`
    and `distilled` are the sections `.BTF.ext` and `.BTF.base`.  Offsets and sizes are in bytes, offsets from the start of
    the blob.  Raises FormatError where not even the header can be read.
    """
    view = memoryview(data)
    h = _parse(view, path)
    loaded = btf if isinstance(btf, Btf) else None
    return {
        "schema": SCHEMA,
        "path": path,
        "layers": list(layers),
        "size": len(view),
        "byte_order": h.order,
        "pointer_size": _pointer_size(loaded, pointer_size),
        "header": _header_fields(h),
        "split": loaded.base is not None if loaded is not None else True if isinstance(btf, ChainError) else None,
        "needs_base": needs_base,
        "base": _base(loaded.base) if loaded is not None and loaded.base is not None else None,
        "types": _types(view, h, loaded),
        "strings": {"own_bytes": h.str_len, "total_bytes": _total_strings(loaded)},
        "sorted": loaded.first_named_id is not None if loaded is not None else None,
        "layout": h.layout_len // 4 if h.layout_len else None,
        "ext": _ext(ext) if ext is not None else None,
        "distilled_base": _distilled(distilled) if distilled is not None else None,
        "problem": str(btf) if isinstance(btf, BtfError) else None,
    }


def _parse(view: memoryview[int], path: str) -> Header:
    try:
        return _header.parse(view)
    except BtfError as error:
        raise error.at(path) from None


def _header_fields(h: Header) -> HeaderFields:
    parts = [
        ("types", h.type_off, h.type_len),
        ("layout", h.layout_off, h.layout_len),
        ("strings", h.str_off, h.str_len),
    ]
    return {
        "length": h.length,
        "version": h.version,
        "flags": h.flags,
        "sections": [
            {"name": name, "offset": h.length + at, "size": size}
            for name, at, size in parts
            if size or name != "layout"
        ],
    }


def _pointer_size(btf: Btf | None, given: int | None) -> PointerSize:
    """The size of a pointer and what tells it: "elf" (its class), "base", "type" (an INT, by id) or nothing."""
    if given is not None:
        return {"bytes": given, "from": "elf", "type_id": None}
    if btf is None or btf.pointer_size is None:
        return {"bytes": None, "from": None, "type_id": None}
    if btf.base is not None and btf.base.pointer_size is not None:
        return {"bytes": btf.pointer_size, "from": "base", "type_id": None}
    return {"bytes": btf.pointer_size, "from": "type", "type_id": btf.pointer_size_carrier()}


def _base(base: Btf) -> Base:
    return {"path": base.source, "types": len(base) - 1}


def _total_strings(btf: Btf | None) -> int | None:
    return btf.start_str_off + len(btf.strings) if btf is not None else None


def _types(view: memoryview[int], h: Header, btf: Btf | None) -> Types:
    if btf is not None:
        return {
            "own": len(btf.own_ids),
            "total": len(btf) - 1,
            "first_id": btf.start_id,
            "kinds": _kinds(btf.words, btf.positions),
        }
    words, positions = _records(view, h)
    return {"own": len(positions), "total": None, "first_id": None, "kinds": _kinds(words, positions)}


def _records(view: memoryview[int], h: Header) -> tuple[memoryview[int], memoryview[int]]:
    """The words of the type section and where its records lie, up to the first that is not whole."""
    body = view[h.length :]
    words = array("I", bytes(body[h.type_off : h.type_off + h.type_len]))
    if h.order != _header.NATIVE:
        words.byteswap()
    try:
        table = spec.packed_table(body[h.layout_off : h.layout_off + h.layout_len] if h.layout_len else b"")
    except ValueError:
        table = spec.TABLE
    room = memoryview(bytearray(4 * (len(words) // 3 + 1))).cast("I")
    count = _scan.scan(words, table, room)[0]
    return memoryview(words), room[:count]


def _kinds(words: memoryview[int], positions: memoryview[int]) -> dict[str, int]:
    """How many records of each kind, the most frequent first; "kind 25" for one that has no name."""
    counts = [0] * (spec.MAX_KIND + 1)
    for at in positions:
        counts[words[at + 1] >> 24 & spec.MAX_KIND] += 1
    present = sorted((-count, kind) for kind, count in enumerate(counts) if count)
    return {_kind_label(kind): -count for count, kind in present}


def _kind_label(kind: int) -> str:
    return spec.kind_name(kind) if 0 < kind < len(spec.KINDS) else f"kind {kind}"


def _ext(data: bytes | memoryview[int]) -> ExtCounts:
    """How many records of each sort `.BTF.ext` has; "problem" says why it could not be read."""
    from btfkit.btf.ext import Ext

    try:
        ext = Ext.from_bytes(data)
    except BtfError as error:
        return {"size": len(data), "func_info": None, "line_info": None, "core_relo": None, "problem": str(error)}
    functions, lines, relocations = (sum(map(len, each)) for each in (ext.func_info, ext.line_info, ext.core_relo))
    return {"size": len(data), "func_info": functions, "line_info": lines, "core_relo": relocations, "problem": None}


def _distilled(data: bytes | memoryview[int]) -> Distilled:
    try:
        return {"size": len(data), "types": len(Btf.from_bytes(data)) - 1, "problem": None}
    except BtfError as error:
        return {"size": len(data), "types": None, "problem": str(error)}


# ---- rendering ---------------------------------------------------------------------------------------------------


def lines(info: Summary) -> Iterator[str]:
    """`summary`'s dict for people: aligned lines without newlines; its "problem" is the caller's to say."""
    yield printable(info["path"])
    yield ""
    rows = list(_rows(info))
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        yield f"  {label:{width}}  {text}".rstrip()
    if info["types"]["kinds"]:
        yield ""
        yield from _table(info["types"]["kinds"])


def _rows(info: Summary) -> Iterator[tuple[str, str]]:
    yield "container", " > ".join(info["layers"]) or "raw"
    yield "size", f"{info['size']:,} bytes"
    yield "byte order", f"{info['byte_order']}-endian"
    yield "pointer size", _pointer_text(info["pointer_size"])
    header = info["header"]
    yield "header", f"{header['length']} bytes, version {header['version']}, flags {header['flags']:#x}"
    wide = max(len(f"{section['size']:,}") for section in header["sections"])
    for section in header["sections"]:
        yield "  " + section["name"], f"{section['size']:>{wide},} bytes at {section['offset']:#x}"
    yield "base", _base_text(info)
    yield "types", _types_text(info["types"])
    if info["sorted"] is not None:
        yield "sorted", "by name" if info["sorted"] else "no"
    yield "layout", f"{info['layout']} kinds described" if info["layout"] else "none"
    yield ".BTF.ext", _ext_text(info["ext"])
    yield ".BTF.base", _distilled_text(info["distilled_base"])


def _pointer_text(pointer: PointerSize) -> str:
    if pointer["bytes"] is None:
        return "unknown"
    sources = {"elf": "ELF class", "base": "as in the base", "type": f"by type {pointer['type_id']}"}
    return f"{pointer['bytes']} bytes ({sources[pointer['from'] or '']})"


def _base_text(info: Summary) -> str:
    if info["base"] is not None:
        name = printable(info["base"]["path"] or ("its own .BTF.base" if info["distilled_base"] else "in memory"))
        return f"split on {name}, {info['base']['types']:,} types"
    if info["needs_base"]:
        return "split: needs its base, the vmlinux that it was built with"
    if info["split"]:
        return "split, but not on the given base"
    return "none: stands alone" if info["split"] is False else "unknown"


def _types_text(types: Types) -> str:
    if types["total"] is None:
        return f"{types['own']:,} own"
    if types["own"] == 0:
        return f"none, {types['total']:,} with the base" if types["total"] else "none"
    first = types["first_id"] or 0
    ids = f"ids {first} to {first + types['own'] - 1}"
    if types["own"] == types["total"]:
        return f"{types['own']:,} ({ids})"
    return f"{types['own']:,} own ({ids}), {types['total']:,} with the base"


def _ext_text(ext: ExtCounts | None) -> str:
    if ext is None:
        return "none"
    if ext["problem"] is not None:
        return f"unreadable: {ext['problem']}"
    counts = ((ext["func_info"], "function"), (ext["line_info"], "line"), (ext["core_relo"], "CO-RE relocation"))
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)


def _distilled_text(distilled: Distilled | None) -> str:
    if distilled is None:
        return "none"
    if distilled["problem"] is not None:
        return f"unreadable: {distilled['problem']}"
    return f"{distilled['types']:,} types, {distilled['size']:,} bytes"


def _table(kinds: dict[str, int]) -> Iterator[str]:
    total = sum(kinds.values())
    name = max(map(len, kinds))
    wide = len(f"{total:,}")
    for kind, count in kinds.items():
        yield f"  {kind:{name}}  {count:>{wide},}  {100 * count / total:5.1f} %"
