"""What a consumer of BTF may trip over although loading it went well.

Loading proves that every record is whole and that every reference leads somewhere, as libbpf does.  libbpf stops there;
the rest (cycles, members beyond their struct, tags on components that are not there) makes dumpers recurse without end and
readers compute wrong offsets.  The judge shares no loop with the loader: it takes the bytes that the BTF encodes to and
walks them anew with `struct`.

Severities: an "error" misleads or hangs a consumer, a "warning" is refused by some consumer or breaks a convention that
compilers keep, a "note" is worth knowing.  All work is linear in the size of the chain, without recursion.
"""

from __future__ import annotations

from functools import lru_cache
from struct import unpack, unpack_from

from btfkit.btf import spec
from btfkit.btf.spelling import label_of
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf

ENDLESS = -2  # the size of a type that contains itself
NO_SIZE = -1  # the size of void, functions and forward declarations
HUGE = 1 << 64  # bytes; where larger sizes are cut off
SHOWN_PATH = 6  # types of a cycle that a message tells

DECLARATIONS = frozenset((spec.FUNC, spec.VAR, spec.DATASEC, spec.DECL_TAG))
TAGGABLE = frozenset((spec.FUNC, spec.STRUCT, spec.UNION, spec.VAR, spec.TYPEDEF))
NAMELESS = frozenset((spec.PTR, spec.ARRAY, spec.VOLATILE, spec.CONST, spec.RESTRICT, spec.FUNC_PROTO))
NAMED = frozenset(
    (
        spec.INT,
        spec.FLOAT,
        spec.FWD,
        spec.TYPEDEF,
        spec.FUNC,
        spec.VAR,
        spec.DATASEC,
        spec.DECL_TAG,
        spec.TYPE_TAG,
    )
)


class Finding:
    """One thing that is wrong, or worth knowing.

    `severity` is "error", "warning" or "note", `type_id` the type that it is about (None: the whole BTF), `rule` a short name
    that does not change, `errno` ("EINVAL") what the kernel would say, "" where it is not asked.
    """

    __slots__ = ("errno", "message", "rule", "severity", "type_id")

    def __init__(self, severity: str, type_id: int | None, message: str, rule: str, errno: str = "") -> None:
        self.severity = severity
        self.type_id = type_id
        self.message = message
        self.rule = rule
        self.errno = errno

    def __str__(self) -> str:
        place = "" if self.type_id is None else f"type {self.type_id}: "
        return f"{self.severity}: {place}{self.message} [{self.rule}]"

    def __repr__(self) -> str:
        return f"<{self}>"

    def as_json(self) -> dict[str, str | int | None]:
        """For JSON."""
        return {
            "severity": self.severity,
            "type_id": self.type_id,
            "rule": self.rule,
            "message": self.message,
            "errno": self.errno or None,
        }


class Records:
    """The records of a whole chain, read anew from the bytes.

    `words` are the type sections of all layers one after the other, behind three zeros that stand for void; `at[type_id]` is
    where a record begins in them and `kinds[type_id]` its kind.  `strings` are all string sections, so that a string
    offset of the chain is an index.  `start_id` is the first own type id, `whole` whether the walk came out even.
    """

    __slots__ = ("_extents", "at", "kinds", "start_id", "strings", "whole", "words")

    words: list[int]
    at: list[int]
    kinds: bytearray
    strings: bytes
    _extents: dict[int, tuple[int, int]]

    def __init__(self, btf: Btf) -> None:
        below = _base_records(btf.base) if btf.base is not None else None
        self.words = below.words.copy() if below is not None else [0, 0, 0]
        self.at = below.at.copy() if below is not None else [0]
        self.kinds = below.kinds[:] if below is not None else bytearray(1)
        self.whole = True
        self._extents = below._extents if below is not None else {}
        self.start_id = len(self.at)
        strings = self._read(btf.to_bytes(), inherit=below is not None)
        self.strings = below.strings + strings if below is not None else strings

    def _read(self, blob: bytes, *, inherit: bool) -> bytes:
        """Take in one layer and return its strings; `inherit` says that a missing layout section is the base's."""
        mark = "<" if blob[:2] == b"\x9f\xeb" else ">"
        length, type_off, type_len, str_off, str_len = unpack_from(mark + "5I", blob, 4)
        layout_off, layout_len = unpack_from(mark + "2I", blob, 24) if length >= 32 else (0, 0)
        if layout_len or not inherit:
            self._take_layout(blob[length + layout_off : length + layout_off + layout_len])
        begin = len(self.words)
        self.words += unpack(f"{mark}{type_len // 4}I", blob[length + type_off : length + type_off + type_len])
        self._walk(begin)
        return blob[length + str_off : length + str_off + str_len]

    def _take_layout(self, layout: bytes) -> None:
        known = {kind.number: (kind.tail_words, kind.elem_words) for kind in spec.KINDS[1:]}
        told = {number: (layout[4 * number] // 4, layout[4 * number + 1] // 4) for number in range(len(layout) // 4)}
        self._extents = told | known

    def _walk(self, position: int) -> None:
        words, extents, end = self.words, self._extents, len(self.words)
        while position + 3 <= end:
            info = words[position + 1]
            kind = info >> 24 & spec.MAX_KIND
            if kind not in extents:
                break
            self.at.append(position)
            self.kinds.append(kind)
            tail, elem = extents[kind]
            position += 3 + tail + (elem and elem * (info & spec.MAX_VLEN))
        if position != end:
            self.whole = False

    @property
    def own_ids(self) -> range:
        """The ids of the types that are judged: those of the topmost layer."""
        return range(self.start_id, len(self.at))

    def string(self, offset: int) -> str:
        """The string at `offset`, fit to be shown."""
        return printable(self.raw(offset))

    def raw(self, offset: int) -> str:
        """The string at `offset` as it is."""
        return self.strings[offset : self.strings.index(0, offset)].decode("utf-8", "surrogateescape")

    def label(self, type_id: int) -> str:
        """The type that a message is about: "struct file", "pointer type 312"."""
        at = self.at[type_id]
        return label_of(
            self.kinds[type_id], self.raw(self.words[at]), type_id, forward_union=self.words[at + 1] >> 31 != 0
        )

    def shown(self, type_id: int) -> str:
        """Another type as messages name it: its label, with the id where that is not part of it."""
        if not type_id:
            return "void"
        label = self.label(type_id)
        return f"{label} (type {type_id})" if self.words[self.at[type_id]] else label

    def elements(self, type_id: int) -> range:
        """The word positions at which the elements of a STRUCT, ENUM, FUNC_PROTO or DATASEC begin."""
        at = self.at[type_id]
        kind = spec.KINDS[self.kinds[type_id]]
        begin, width = at + 3 + kind.tail_words, kind.elem_words
        return range(begin, begin + width * (self.words[at + 1] & spec.MAX_VLEN), width)


@lru_cache(maxsize=1)
def _base_records(base: Btf) -> Records:
    """The records of a base; the last one is kept, as thousands of modules have the same."""
    return Records(base)


def structure(btf: Btf) -> list[Finding]:
    """Everything about the own types of `btf` that a consumer may trip over, by type id, whole-BTF findings first.

    A split BTF is judged with its base, whose own faults are not told again.  Rules: the C language as compilers put it into
    BTF (Documentation/bpf/btf.rst), and what the kernel refuses (`judges.kernel`) where another consumer minds too.
    """
    return _Judge(btf).judge()


class _Judge:
    """One run over one BTF."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.records = Records(btf)
        self.findings: list[Finding] = []
        self.pointer_size = btf.pointer_size or 8
        self.sizes: list[int | None] = [NO_SIZE] + [None] * (len(self.records.at) - 1)
        self.by_kind: dict[int, Callable[[int, int], None]] = {
            spec.INT: self._int,
            spec.PTR: self._reference,
            spec.ARRAY: self._array,
            spec.STRUCT: self._composite,
            spec.UNION: self._composite,
            spec.ENUM: self._enum,
            spec.ENUM64: self._enum,
            spec.TYPEDEF: self._reference,
            spec.VOLATILE: self._reference,
            spec.CONST: self._reference,
            spec.RESTRICT: self._reference,
            spec.TYPE_TAG: self._reference,
            spec.FUNC: self._func,
            spec.FUNC_PROTO: self._func_proto,
            spec.VAR: self._var,
            spec.DATASEC: self._datasec,
            spec.DECL_TAG: self._decl_tag,
        }

    def judge(self) -> list[Finding]:
        whole = self.findings
        self._header()
        self._layout()
        self._strings()
        self.findings = []
        if not self.records.whole:
            self._say("error", None, "the type section is not a row of whole records", "extent")
        self._cycles()
        self._types()
        self.findings.sort(key=lambda finding: finding.type_id or 0)
        return whole + self.findings

    def _say(self, severity: str, type_id: int | None, message: str, rule: str) -> None:
        self.findings.append(Finding(severity, type_id, message, rule))

    # ---- the whole ---------------------------------------------------------------------------------------------

    def _header(self) -> None:
        """Gaps, trailing bytes and fields that are not known: from the bytes as they were read."""
        h, blob = self.btf.header, self.btf.blob
        end = len(blob) - h.length
        sections = [
            (h.type_off, h.type_len, "types"),
            (h.layout_off, h.layout_len, "layout"),
            (h.str_off, h.str_len, "strings"),
        ]
        at = 0
        for offset, length, name in sections:
            if name == "layout" and not length:
                continue
            if offset > at:
                self._say(
                    "warning",
                    None,
                    f"{offset - at} bytes of gap before the {name}, at byte {h.length + at}",
                    "header-gap",
                )
            at = offset + length
        if end > at:
            self._say(
                "warning", None, f"{end - at} bytes follow the strings, at byte {h.length + at}", "trailing-bytes"
            )
        if h.flags:
            self._say("warning", None, f"header flags {h.flags:#x}; none is defined", "header-flags")
        if any(h.extra):
            self._say(
                "warning",
                None,
                f"{len(h.extra)} bytes of a header that is newer than this build are not zero",
                "header-extra",
            )

    def _layout(self) -> None:
        layout = self.btf.layout
        for kind in spec.KINDS[1:]:
            entry = layout[4 * kind.number : 4 * kind.number + 4]
            if entry and entry[:2] != bytes((4 * kind.tail_words, 4 * kind.elem_words)):
                self._say(
                    "warning",
                    None,
                    f"the layout section gives {kind.name} {entry[0]} + vlen * {entry[1]} bytes,"
                    f" it has {4 * kind.tail_words} + vlen * {4 * kind.elem_words}",
                    "layout",
                )

    def _strings(self) -> None:
        own = bytes(self.btf.strings)
        if not own:
            return
        parts = own[:-1].split(b"\0")
        twice = len(parts) - len(set(parts))
        if twice:
            self._say("note", None, f"{twice} of {len(parts)} strings are there more than once", "string-duplicates")
        if self.btf.start_str_off + len(own) > spec.MAX_NAME_OFF + 1:
            self._say(
                "warning", None, f"strings go beyond offset {spec.MAX_NAME_OFF:#x}, the format's limit", "string-limit"
            )
        if len(self.records.at) > spec.MAX_TYPE_ID + 1:
            self._say("warning", None, f"type ids go beyond {spec.MAX_TYPE_ID:#x}, the format's limit", "type-limit")

    # ---- cycles ------------------------------------------------------------------------------------------------

    def _cycles(self) -> None:
        for path, begin in self._back_edges(self._spelled_with):
            self._cycle(path, begin, "a declaration in terms of itself")
            for type_id in path[begin : begin + SHOWN_PATH]:
                self.sizes[type_id] = ENDLESS
        kinds = self.records.kinds
        for path, begin in self._back_edges(self._contained):
            # Without a struct it was told above.  From the top: what is not a struct has one way out, so no step is taken twice.
            if any(kinds[path[at]] in spec.COMPOSITES for at in range(len(path) - 1, begin - 1, -1)):
                self._cycle(path, begin, "a type that contains itself")

    def _cycle(self, path: list[int], begin: int, what: str) -> None:
        shown = [self.records.shown(type_id) for type_id in path[begin : begin + SHOWN_PATH]]
        if len(path) - begin > len(shown):
            shown.append(f"{len(path) - begin - len(shown)} more")
        lowest = min(path[begin : begin + SHOWN_PATH])
        self._say("error", lowest, f"{what}: {' -> '.join((*shown, str(path[begin])))}", "cycle")

    def _spelled_with(self, type_id: int) -> Sequence[int]:
        """The types that have to be spelled out for the declaration of `type_id`: struct, union and enum have names."""
        records = self.records
        kind, at = records.kinds[type_id], records.at[type_id]
        if kind == spec.PTR or kind in spec.MODS_AND_TYPEDEFS:
            return (records.words[at + 2],)
        if kind == spec.ARRAY:
            return (records.words[at + 3],)
        if kind == spec.FUNC_PROTO:
            return [records.words[at + 2]] + [records.words[element + 1] for element in records.elements(type_id)]
        return ()

    def _contained(self, type_id: int) -> Sequence[int]:
        """The types of which a value of type `type_id` has values within."""
        records = self.records
        kind, at = records.kinds[type_id], records.at[type_id]
        if kind in spec.COMPOSITES:
            vlen = records.words[at + 1] & spec.MAX_VLEN
            return records.words[at + 4 : at + 4 + 3 * vlen : 3]
        if kind == spec.ARRAY:
            return (records.words[at + 3],)
        if kind in spec.MODS_AND_TYPEDEFS:
            return (records.words[at + 2],)
        return ()

    def _back_edges(self, edges: Callable[[int], Sequence[int]]) -> Iterator[tuple[list[int], int]]:
        """The cycles of a graph over the own types: a path, and where in it the cycle begins that its end closes."""
        records = self.records
        depth = [-1] * records.start_id + [0] * len(
            records.own_ids
        )  # -1: done, else the depth on the path, counted from 1
        for root in records.own_ids:
            if depth[root]:
                continue
            path, todo = [root], [iter(edges(root))]
            depth[root] = 1
            while path:
                for target in todo[-1]:
                    if depth[target] == 0:
                        path.append(target)
                        todo.append(iter(edges(target)))
                        depth[target] = len(path)
                        break
                    if depth[target] > 0:
                        yield path, depth[target] - 1
                else:
                    depth[path.pop()] = -1
                    todo.pop()

    # ---- sizes -------------------------------------------------------------------------------------------------

    def _size(self, type_id: int) -> int:
        """The size of a type in bytes, NO_SIZE or ENDLESS; each type's is computed once."""
        size = self.sizes[type_id]
        if size is not None:
            return size
        records, chain = self.records, []
        while size is None:
            chain.append(type_id)
            self.sizes[type_id] = ENDLESS  # until it is known
            kind, at = records.kinds[type_id], records.at[type_id]
            if kind in spec.MODS_AND_TYPEDEFS:
                type_id = records.words[at + 2]
                size = self.sizes[type_id]
            elif kind == spec.ARRAY:
                type_id = records.words[at + 3]
                size = self.sizes[type_id]
            elif kind == spec.PTR:
                size = self.pointer_size
            elif kind < len(spec.KINDS) and spec.KINDS[kind].third == "size" and kind != spec.DATASEC:
                size = records.words[at + 2]
            else:
                size = NO_SIZE
        for passed in reversed(chain):
            if records.kinds[passed] == spec.ARRAY and size >= 0:
                size = min(size * records.words[records.at[passed] + 5], HUGE)
            self.sizes[passed] = size
        return size

    def _bare(self, type_id: int) -> int:
        """The kind behind modifiers and typedefs; only for types whose size is known not to be endless."""
        records = self.records
        while records.kinds[type_id] in spec.MODS_AND_TYPEDEFS:
            type_id = records.words[records.at[type_id] + 2]
        return records.kinds[type_id]

    # ---- types -------------------------------------------------------------------------------------------------

    def _types(self) -> None:
        records, by_kind = self.records, self.by_kind
        words, kinds = records.words, records.kinds
        unknown: dict[int, list[int]] = {}
        for type_id in records.own_ids:
            at, kind = records.at[type_id], kinds[type_id]
            if kind >= len(spec.KINDS) or kind == 0:
                unknown.setdefault(kind, []).append(type_id)
                continue
            if words[at]:
                if kind in NAMELESS:
                    self._say("warning", type_id, f"{records.label(type_id)} has a name, its kind has none", "name")
            elif kind in NAMED:
                self._say("warning", type_id, f"{spec.word(kind)} without a name", "name")
            row = spec.KINDS[kind]
            info = words[at + 1]
            if info >> 31 and not row.flag:
                self._say("warning", type_id, f"kind_flag is set, {row.name} has none", "kind-flag")
            if info & spec.MAX_VLEN and not row.vlen:
                self._say("warning", type_id, f"vlen is {info & spec.MAX_VLEN}, {row.name} has none", "vlen")
            if not row.third and words[at + 2]:
                self._say(
                    "warning", type_id, f"the third word of {row.name} is {words[at + 2]:#x}, not 0", "third-word"
                )
            check = by_kind.get(kind)
            if check is not None:
                check(type_id, at)
        for kind, ids in unknown.items():
            self._say("note", ids[0], f"{len(ids)} types are of kind {kind}, which this build does not know", "kind")

    def _int(self, type_id: int, at: int) -> None:
        size, word = self.records.words[at + 2 : at + 4]
        bits = (word & 0xFF) + (word >> 16 & 0xFF)
        if bits > 8 * size or bits > 128:
            self._say("error", type_id, f"INT of {size} bytes has a value that ends at bit {bits}", "int-bits")
        if word & 0xF0000000 or word & 0xFF00 or (word >> 24) & (word >> 24) - 1:
            message = f"INT word {word:#010x} has more than one encoding, or unknown bits"
            self._say("warning", type_id, message, "int-encoding")

    def _enum(self, type_id: int, at: int) -> None:
        size = self.records.words[at + 2]
        if size not in (1, 2, 4, 8):
            self._say(
                "warning", type_id, f"{self.records.label(type_id)} of {size} bytes; 1, 2, 4 and 8 can be", "enum-size"
            )

    def _reference(self, type_id: int, at: int) -> None:
        target = self.records.words[at + 2]
        if self.records.kinds[target] in DECLARATIONS:
            self._say("error", type_id, f"{self._from_to(type_id, target)}, a declaration and no type", "target")

    def _from_to(self, type_id: int, target: int) -> str:
        return f"{spec.word(self.records.kinds[type_id])} refers to {self.records.shown(target)}"

    def _array(self, type_id: int, at: int) -> None:
        element, index = self.records.words[at + 3 : at + 5]
        kind = self.records.kinds[element]
        size = self._size(element)
        if kind in DECLARATIONS or size == NO_SIZE:
            self._say("error", type_id, f"an array of {self.records.shown(element)}, which has no size", "unsized")
        elif self._size(type_id) > 0xFFFFFFFF:
            self._say("warning", type_id, "an array of more than 4294967295 bytes", "array-size")
        if self._size(index) != ENDLESS and self._bare(index) not in (spec.INT, *spec.ENUMS):
            self._say(
                "warning", type_id, f"an array whose index is {self.records.shown(index)}, no integer", "array-index"
            )

    def _composite(self, type_id: int, at: int) -> None:
        words, sizes = self.records.words, self.sizes
        size_bits, flag, is_union = 8 * words[at + 2], words[at + 1] >> 31, self.records.kinds[type_id] == spec.UNION
        last = 0
        for element in self.records.elements(type_id):
            target, offset = words[element + 1], words[element + 2]
            width = 0
            if flag:
                offset, width = offset & 0xFFFFFF, offset >> 24
            size = sizes[target]
            if size is None:
                size = self._size(target)
            if offset < last:
                self._member(
                    type_id, element, "warning", f"begins at bit {offset}, before the one ahead of it", "member-order"
                )
            last = offset
            if is_union and offset:
                self._member(type_id, element, "warning", f"of a union begins at bit {offset}, not 0", "union-offset")
            if size < 0:
                if size == NO_SIZE:
                    self._member(
                        type_id, element, "error", f"is {self.records.shown(target)}, which has no size", "unsized"
                    )
            elif offset + (width or 8 * size) > size_bits:
                self._beyond(type_id, element, offset, width or 8 * size, size_bits)

    def _beyond(self, type_id: int, element: int, offset: int, width: int, size_bits: int) -> None:
        """A member that seems to end behind its struct: it does not where it is an INT of fewer bits (a legacy bitfield)."""
        target = self.records.words[element + 1]
        while self.records.kinds[target] in spec.MODS_AND_TYPEDEFS:
            target = self.records.words[self.records.at[target] + 2]
        if self.records.kinds[target] == spec.INT and not self.records.words[element + 2] >> 24:
            word = self.records.words[self.records.at[target] + 3]
            width = (word & 0xFF) + (word >> 16 & 0xFF)
        if offset + width > size_bits:
            message = f"ends at bit {offset + width}, the {spec.word(self.records.kinds[type_id])} has {size_bits}"
            self._member(type_id, element, "error", message, "member-beyond")

    def _member(self, type_id: int, element: int, severity: str, what: str, rule: str) -> None:
        index = self.records.elements(type_id).index(element)
        name = self.records.string(self.records.words[element])
        label = f"member {index} '{name}'" if name else f"member {index}"
        self._say(severity, type_id, f"{label} of {self.records.label(type_id)} {what}", rule)

    def _func(self, type_id: int, at: int) -> None:
        linkage = self.records.words[at + 1] & spec.MAX_VLEN
        if linkage >= len(spec.LINKAGES):
            self._say(
                "warning", type_id, f"{self.records.label(type_id)} has linkage {linkage}; 0 to 2 can be", "linkage"
            )

    def _func_proto(self, type_id: int, at: int) -> None:
        records = self.records
        elements = records.elements(type_id)
        for index, target in enumerate([records.words[at + 2], *(records.words[element + 1] for element in elements)]):
            what = f"parameter {index - 1}" if index else "the return value"
            kind = records.kinds[target]
            if kind in DECLARATIONS or kind == spec.FUNC_PROTO:
                self._say("error", type_id, f"{what} is {records.shown(target)}, which no value can be", "target")
            elif index and target == 0 and (index < len(elements) or records.words[elements[-1]]):
                self._say("error", type_id, f"{what} is void, which only a last one without a name can be", "parameter")

    def _var(self, type_id: int, at: int) -> None:
        target, linkage = self.records.words[at + 2 : at + 4]
        kind = self.records.kinds[target]
        if kind in DECLARATIONS or kind == spec.FUNC_PROTO:
            self._say("error", type_id, f"{self._from_to(type_id, target)}, which no value can be", "target")
        if linkage >= len(spec.LINKAGES):
            self._say(
                "warning", type_id, f"{self.records.label(type_id)} has linkage {linkage}; 0 to 2 can be", "linkage"
            )

    def _datasec(self, type_id: int, at: int) -> None:
        """Compilers leave size and offsets to the loader: they are judged only where the section has a size."""
        words = self.records.words
        size, end = words[at + 2], 0
        for element in self.records.elements(type_id):
            target, offset, length = words[element : element + 3]
            if self.records.kinds[target] not in (spec.VAR, spec.FUNC):
                self._say(
                    "error", type_id, f"{self._from_to(type_id, target)}, neither variable nor function", "target"
                )
            if size and offset + length > size:
                message = f"{self.records.shown(target)} ends at byte {offset + length} of a section of {size}"
                self._say("error", type_id, message, "variable-beyond")
            elif size and offset < end:
                message = f"{self.records.shown(target)} begins within the variable before it"
                self._say("warning", type_id, message, "variable-order")
            end = offset + length

    def _decl_tag(self, type_id: int, at: int) -> None:
        target, component = self.records.words[at + 2 : at + 4]
        kind = self.records.kinds[target]
        if kind not in TAGGABLE:
            self._say("error", type_id, f"{self._from_to(type_id, target)}, which cannot be tagged", "target")
            return
        if component == 0xFFFFFFFF:
            return
        if kind == spec.FUNC:
            target = self.records.words[self.records.at[target] + 2]
        count = (
            self.records.words[self.records.at[target] + 1] & spec.MAX_VLEN
            if kind not in (spec.VAR, spec.TYPEDEF)
            else 0
        )
        if component >= count:
            number = component - (1 << 32) if component >> 31 else component
            message = f"tags component {number} of {self.records.shown(target)}, which has {count}"
            self._say("error", type_id, message, "component")
