"""Faults that may mislead a consumer of BTF although the BTF loads.

Loading proves, as in libbpf, that every record is whole and that every reference leads to a type.  The rest (cycles, members
beyond their struct, tags on missing components) makes dumpers recurse without end and readers compute wrong offsets.  This judge
shares no code with the loader: it encodes the BTF and reads the bytes again with `struct`.

Severities: an "error" misleads or hangs a consumer, a "warning" is rejected by some consumer or breaks a convention of
compilers, a "note" is worth knowing.  All work is linear in the size of the chain, without recursion.
"""

from __future__ import annotations

from functools import lru_cache
from struct import unpack, unpack_from

from btfkit.btf import spec
from btfkit.btf.spelling import label_of
from btfkit.errors import counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf

ENDLESS = -2  # the size of a type that contains itself
NO_SIZE = -1  # the size of void, functions and forward declarations
HUGE = 1 << 64  # bytes; larger sizes are cut off
SHOWN_PATH = 6  # types of a cycle in a message

DECLARATIONS = frozenset((spec.FUNC, spec.VAR, spec.DATASEC, spec.DECL_TAG))
TAGGABLE = frozenset((spec.FUNC, spec.STRUCT, spec.UNION, spec.VAR, spec.TYPEDEF))
NAMELESS = frozenset((spec.PTR, spec.ARRAY, spec.VOLATILE, spec.CONST, spec.RESTRICT, spec.FUNC_PROTO))
NAMED = DECLARATIONS | {spec.INT, spec.FLOAT, spec.FWD, spec.TYPEDEF, spec.TYPE_TAG}


class Finding:
    """A fault, or something worth knowing.

    `severity` is "error", "warning" or "note", `type_id` the type that it concerns (None: the whole BTF), `rule` a stable short
    name, `errno` the error of the kernel ("EINVAL"), "" if the kernel's rules are not involved.
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
    """The records of a whole chain, read again from the bytes.

    `words` are three zeros for void and then the type sections of all layers; `at[type_id]` is the start of a record in them,
    `kinds[type_id]` its kind.  `strings` are all string sections, indexed by the string offsets of the chain.  `start_id` is
    the first own type id; `whole` is false if the last record is incomplete.
    """

    __slots__ = ("_extents", "at", "kinds", "start_id", "strings", "whole", "words")

    words: list[int]
    at: list[int]
    kinds: bytearray
    strings: bytes
    _extents: dict[int, tuple[int, int]]

    def __init__(self, btf: Btf) -> None:
        below = _base_records(btf.base) if btf.base is not None else None
        self.words = below.words.copy() if below else [0, 0, 0]
        self.at = below.at.copy() if below else [0]
        self.kinds = below.kinds[:] if below else bytearray(1)
        self.whole = True
        self._extents = below._extents if below else {}
        self.start_id = len(self.at)
        strings = self._read(btf.to_bytes(), inherit=below is not None)
        self.strings = below.strings + strings if below else strings

    def _read(self, blob: bytes, *, inherit: bool) -> bytes:
        """Read one layer and return its strings; with `inherit`, the base's layout section stands in for a missing one."""
        mark = "<" if blob[:2] == b"\x9f\xeb" else ">"
        length, type_off, type_len, str_off, str_len = unpack_from(mark + "5I", blob, 4)
        layout_off, layout_len = unpack_from(mark + "2I", blob, 24) if length >= 32 else (0, 0)
        if layout_len or not inherit:
            layout = blob[length + layout_off : length + layout_off + layout_len]
            given = {
                number: (layout[4 * number] // 4, layout[4 * number + 1] // 4) for number in range(len(layout) // 4)
            }
            self._extents = given | {kind.number: (kind.tail_words, kind.elem_words) for kind in spec.KINDS[1:]}
        begin = len(self.words)
        self.words += unpack(f"{mark}{type_len // 4}I", blob[length + type_off : length + type_off + type_len])
        self._walk(begin)
        return blob[length + str_off : length + str_off + str_len]

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
        self.whole = self.whole and position == end

    @property
    def own_ids(self) -> range:
        """The ids of the topmost layer's types, which are judged."""
        return range(self.start_id, len(self.at))

    def string(self, offset: int) -> str:
        """The string at `offset`, for messages."""
        return printable(self.raw(offset))

    def raw(self, offset: int) -> str:
        """The unescaped string at `offset`."""
        return self.strings[offset : self.strings.index(0, offset)].decode("utf-8", "surrogateescape")

    def label(self, type_id: int) -> str:
        """The subject of a message: "struct file", "pointer type 312"."""
        name_off, info = self.words[self.at[type_id] : self.at[type_id] + 2]
        return label_of(self.kinds[type_id], self.raw(name_off), type_id, forward_union=info >> 31 != 0)

    def shown(self, type_id: int) -> str:
        """Another type in a message: its label, with the id if that is not part of it."""
        if not type_id:
            return "void"
        label = self.label(type_id)
        return f"{label} (type {type_id})" if self.words[self.at[type_id]] else label

    def elements(self, type_id: int) -> range:
        """The word positions of the elements of a STRUCT, ENUM, FUNC_PROTO or DATASEC."""
        at = self.at[type_id]
        kind = spec.KINDS[self.kinds[type_id]]
        begin, width = at + 3 + kind.tail_words, kind.elem_words
        return range(begin, begin + width * (self.words[at + 1] & spec.MAX_VLEN), width)


@lru_cache(maxsize=1)
def _base_records(base: Btf) -> Records:
    """The records of a base; the last ones are cached, because thousands of modules have the same base."""
    return Records(base)


def structure(btf: Btf) -> list[Finding]:
    """All findings about the own types of `btf`, by type id, after those about the whole BTF.

    A split BTF is judged with its base, whose own faults are not reported again.  Rules: the C language as compilers express it
    in BTF (Documentation/bpf/btf.rst), and what the kernel rejects (`judges.kernel`) if it matters to other consumers too.
    """
    return _Judge(btf).judge()


class _Judge:
    """One run over one BTF."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.records = records = Records(btf)
        self.words, self.at, self.kinds, self.shown = records.words, records.at, records.kinds, records.shown
        self.findings: list[Finding] = []
        self.pointer_size = btf.pointer_size or 8
        self.sizes: list[int | None] = [NO_SIZE] + [None] * (len(self.at) - 1)

    def judge(self) -> list[Finding]:
        self._header()
        self._layout()
        self._strings()
        whole, self.findings = self.findings, []
        if not self.records.whole:
            self._error(None, "the type section is not a sequence of whole records", "extent")
        self._cycles()
        self._types()
        return whole + sorted(self.findings, key=lambda finding: finding.type_id or 0)

    def _error(self, type_id: int | None, message: str, rule: str) -> None:
        self.findings.append(Finding("error", type_id, message, rule))

    def _warn(self, type_id: int | None, message: str, rule: str) -> None:
        self.findings.append(Finding("warning", type_id, message, rule))

    # ---- the whole ---------------------------------------------------------------------------------------------

    def _header(self) -> None:
        """Gaps, trailing bytes and unknown fields, from the bytes as they were read."""
        h = self.btf.header
        sections = [(h.type_off, h.type_len, "types"), (h.str_off, h.str_len, "strings")]
        if h.layout_len:
            sections.insert(1, (h.layout_off, h.layout_len, "layout"))
        end = 0
        for offset, length, name in sections:
            if offset > end:
                gap = f"gap of {counted(offset - end, 'byte')} before the {name}, at byte {h.length + end}"
                self._warn(None, gap, "header-gap")
            end = offset + length
        rest = len(self.btf.blob) - h.length - end
        if rest > 0:
            self._warn(None, f"{counted(rest, 'byte')} after the strings, at byte {h.length + end}", "trailing-bytes")
        if h.flags:
            self._warn(None, f"header flags {h.flags:#x}, expected 0", "header-flags")
        if any(h.extra):
            message = f"the header has {len(h.extra)} bytes that are unknown to this version and not zero"
            self._warn(None, message, "header-extra")

    def _layout(self) -> None:
        for kind in spec.KINDS[1:]:
            entry = self.btf.layout[4 * kind.number : 4 * kind.number + 4]
            tail, element = 4 * kind.tail_words, 4 * kind.elem_words
            if entry and entry[:2] != bytes((tail, element)):
                given = f"the layout section gives {kind.name} {entry[0]} + vlen * {entry[1]} bytes"
                self._warn(None, f"{given}, expected {tail} + vlen * {element}", "layout")

    def _strings(self) -> None:
        own = bytes(self.btf.strings)
        if not own:
            return
        strings = own[:-1].split(b"\0")
        repeated = len(strings) - len(set(strings))
        if repeated:
            message = f"{repeated:,} of {counted(len(strings), 'string')} repeat another"
            self.findings.append(Finding("note", None, message, "string-duplicates"))
        if self.btf.start_str_off + len(own) > spec.MAX_NAME_OFF + 1:
            self._warn(None, f"strings exceed offset {spec.MAX_NAME_OFF:#x}, the format's limit", "string-limit")
        if len(self.at) > spec.MAX_TYPE_ID + 1:
            self._warn(None, f"type ids exceed {spec.MAX_TYPE_ID:#x}, the format's limit", "type-limit")

    # ---- cycles ------------------------------------------------------------------------------------------------

    def _cycles(self) -> None:
        for path, begin in self._back_edges(self._spelled_with):
            self._cycle(path, begin, "a declaration in terms of itself")
            for type_id in path[begin : begin + SHOWN_PATH]:
                self.sizes[type_id] = ENDLESS
        for path, begin in self._back_edges(self._contained):
            # A cycle without a struct was reported above.  Anything else has one way out, so going back visits no step twice.
            if any(self.kinds[path[at]] in spec.COMPOSITES for at in range(len(path) - 1, begin - 1, -1)):
                self._cycle(path, begin, "a type that contains itself")

    def _cycle(self, path: list[int], begin: int, what: str) -> None:
        first = path[begin : begin + SHOWN_PATH]
        shown = [self.shown(type_id) for type_id in first]
        if len(path) - begin > len(shown):
            shown.append(f"{len(path) - begin - len(shown)} more")
        self._error(min(first), f"{what}: {' -> '.join((*shown, str(path[begin])))}", "cycle")

    def _spelled_with(self, type_id: int) -> Sequence[int]:
        """The types that the declaration of `type_id` spells out: struct, union and enum have names."""
        kind, at = self.kinds[type_id], self.at[type_id]
        if kind == spec.PTR or kind in spec.MODS_AND_TYPEDEFS:
            return (self.words[at + 2],)
        if kind == spec.ARRAY:
            return (self.words[at + 3],)
        if kind == spec.FUNC_PROTO:
            return [self.words[at + 2]] + [self.words[element + 1] for element in self.records.elements(type_id)]
        return ()

    def _contained(self, type_id: int) -> Sequence[int]:
        """The types that a value of type `type_id` contains."""
        kind, at = self.kinds[type_id], self.at[type_id]
        if kind in spec.COMPOSITES:
            return self.words[at + 4 : at + 4 + 3 * (self.words[at + 1] & spec.MAX_VLEN) : 3]
        if kind == spec.ARRAY:
            return (self.words[at + 3],)
        if kind in spec.MODS_AND_TYPEDEFS:
            return (self.words[at + 2],)
        return ()

    def _back_edges(self, edges: Callable[[int], Sequence[int]]) -> Iterator[tuple[list[int], int]]:
        """The cycles of a graph over the own types: a path whose end leads back to a step in it, and the index of that step."""
        own_ids = self.records.own_ids
        depth = [-1] * self.records.start_id + [0] * len(own_ids)  # on the path, counted from 1; -1: done
        for root in own_ids:
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
        chain: list[int] = []
        while size is None:
            chain.append(type_id)
            self.sizes[type_id] = ENDLESS  # until it is known
            kind, at = self.kinds[type_id], self.at[type_id]
            if kind in spec.MODS_AND_TYPEDEFS or kind == spec.ARRAY:
                type_id = self.words[at + (3 if kind == spec.ARRAY else 2)]
                size = self.sizes[type_id]
            elif kind == spec.PTR:
                size = self.pointer_size
            elif kind < len(spec.KINDS) and spec.KINDS[kind].third == "size" and kind != spec.DATASEC:
                size = self.words[at + 2]
            else:
                size = NO_SIZE
        for passed in reversed(chain):
            if self.kinds[passed] == spec.ARRAY and size >= 0:
                size = min(size * self.words[self.at[passed] + 5], HUGE)
            self.sizes[passed] = size
        return size

    def _stripped(self, type_id: int) -> int:
        """The type without modifiers and typedefs; only for types whose size is known not to be endless."""
        while self.kinds[type_id] in spec.MODS_AND_TYPEDEFS:
            type_id = self.words[self.at[type_id] + 2]
        return type_id

    # ---- types -------------------------------------------------------------------------------------------------

    def _types(self) -> None:
        unknown: dict[int, list[int]] = {}
        for type_id in self.records.own_ids:
            at, kind = self.at[type_id], self.kinds[type_id]
            if kind >= len(spec.KINDS) or kind == 0:
                unknown.setdefault(kind, []).append(type_id)
                continue
            name, info, third = self.words[at : at + 3]
            row = spec.KINDS[kind]
            if name and kind in NAMELESS:
                self._warn(type_id, f"{self.records.label(type_id)} has a name, but {row.name} should not", "name")
            elif not name and kind in NAMED:
                self._warn(type_id, f"{spec.word(kind)} without a name", "name")
            if info >> 31 and not row.flag:
                self._warn(type_id, f"kind_flag is set, but {row.name} has no use for it", "kind-flag")
            if info & spec.MAX_VLEN and not row.vlen:
                self._warn(type_id, f"vlen is {info & spec.MAX_VLEN}, but {row.name} has no use for it", "vlen")
            if third and not row.third:
                self._warn(type_id, f"the third word of {row.name} is {third:#x}, expected 0", "third-word")
            if kind in _CHECKS:
                _CHECKS[kind](self, type_id, at)
        cut = [type_id for type_id in self.records.own_ids if self._is_cut_enum(type_id)]
        if cut:
            message = f"{len(cut)} ENUM of 8 bytes: pahole before 1.24 wrote only 32 bits of the values"
            self.findings.append(Finding("note", cut[0], message, "enum-cut"))
        for kind, ids in unknown.items():
            message = (
                f"{counted(len(ids), 'type')} of unknown kind {kind} (this version knows 1 to {len(spec.KINDS) - 1})"
            )
            self.findings.append(Finding("note", ids[0], message, "kind"))

    def _is_cut_enum(self, type_id: int) -> bool:
        return self.kinds[type_id] == spec.ENUM and self.words[self.at[type_id] + 2] == 8

    def _int(self, type_id: int, at: int) -> None:
        size, word = self.words[at + 2 : at + 4]
        bits = (word & 0xFF) + (word >> 16 & 0xFF)
        if bits > 8 * size or bits > 128:
            self._error(type_id, f"INT of {size} bytes with a value that ends at bit {bits}", "int-bits")
        if word & 0xF0000000 or word & 0xFF00 or (word >> 24) & (word >> 24) - 1:
            self._warn(type_id, f"INT word {word:#010x} has more than one encoding, or unknown bits", "int-encoding")

    def _enum(self, type_id: int, at: int) -> None:
        size = self.words[at + 2]
        if size not in (1, 2, 4, 8):
            self._warn(type_id, f"{self.records.label(type_id)} has {size} bytes, expected 1, 2, 4 or 8", "enum-size")

    def _reference(self, type_id: int, at: int) -> None:
        target = self.words[at + 2]
        if self.kinds[target] in DECLARATIONS:
            self._error(type_id, f"{self._from_to(type_id, target)}, which is not a type", "target")

    def _from_to(self, type_id: int, target: int) -> str:
        return f"{spec.word(self.kinds[type_id])} refers to {self.shown(target)}"

    def _array(self, type_id: int, at: int) -> None:
        element, index = self.words[at + 3 : at + 5]
        if self.kinds[element] in DECLARATIONS or self._size(element) == NO_SIZE:
            self._error(type_id, f"an array of {self.shown(element)}, which has no size", "unsized")
        elif self._size(type_id) > 0xFFFFFFFF:
            self._warn(type_id, "an array of more than 4294967295 bytes", "array-size")
        if self._size(index) != ENDLESS and self.kinds[self._stripped(index)] not in (spec.INT, *spec.ENUMS):
            self._warn(type_id, f"an array indexed by {self.shown(index)}, expected an integer", "array-index")

    def _composite(self, type_id: int, at: int) -> None:
        words, sizes = self.words, self.sizes
        size_bits, flag, is_union = 8 * words[at + 2], words[at + 1] >> 31, self.kinds[type_id] == spec.UNION
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
                message = self._member(type_id, element, f"begins at bit {offset}, before the previous member")
                self._warn(type_id, message, "member-order")
            last = offset
            if is_union and offset:
                message = self._member(type_id, element, f"begins at bit {offset} of the union, expected 0")
                self._warn(type_id, message, "union-offset")
            if size == NO_SIZE:
                message = self._member(type_id, element, f"is {self.shown(target)}, which has no size")
                self._error(type_id, message, "unsized")
            elif size >= 0 and offset + (width or 8 * size) > size_bits:
                self._ends_beyond(type_id, element, offset, width or 8 * size, size_bits)

    def _ends_beyond(self, type_id: int, element: int, offset: int, width: int, size_bits: int) -> None:
        """Report a member that ends beyond its struct, unless it is an INT with fewer bits (a legacy bitfield)."""
        target = self._stripped(self.words[element + 1])
        if self.kinds[target] == spec.INT and not self.words[element + 2] >> 24:
            word = self.words[self.at[target] + 3]
            width = (word & 0xFF) + (word >> 16 & 0xFF)
        if offset + width > size_bits:
            what = f"ends at bit {offset + width}, the {spec.word(self.kinds[type_id])} has {size_bits}"
            self._error(type_id, self._member(type_id, element, what), "member-beyond")

    def _member(self, type_id: int, element: int, what: str) -> str:
        index = self.records.elements(type_id).index(element)
        name = self.records.string(self.words[element])
        label = f"member {index} '{name}'" if name else f"member {index}"
        return f"{label} of {self.records.label(type_id)} {what}"

    def _linkage(self, type_id: int, linkage: int) -> None:
        if linkage >= len(spec.LINKAGES):
            self._warn(type_id, f"{self.records.label(type_id)} has linkage {linkage}, expected 0 to 2", "linkage")

    def _func(self, type_id: int, at: int) -> None:
        self._linkage(type_id, self.words[at + 1] & spec.MAX_VLEN)

    def _func_proto(self, type_id: int, at: int) -> None:
        elements = self.records.elements(type_id)
        for index, target in enumerate([self.words[at + 2], *(self.words[element + 1] for element in elements)]):
            what = f"parameter {index - 1}" if index else "the return value"
            if self.kinds[target] in DECLARATIONS or self.kinds[target] == spec.FUNC_PROTO:
                self._error(type_id, f"{what} is {self.shown(target)}, which cannot be a value", "target")
            elif index and target == 0 and (index < len(elements) or self.words[elements[-1]]):
                self._error(type_id, f"{what} is void, but is not the last one or has a name", "parameter")

    def _var(self, type_id: int, at: int) -> None:
        target, linkage = self.words[at + 2 : at + 4]
        if self.kinds[target] in DECLARATIONS or self.kinds[target] == spec.FUNC_PROTO:
            self._error(type_id, f"{self._from_to(type_id, target)}, which cannot be a value", "target")
        self._linkage(type_id, linkage)

    def _datasec(self, type_id: int, at: int) -> None:
        """Compilers leave size and offsets to the loader: they are only judged if the section has a size."""
        size, end = self.words[at + 2], 0
        for element in self.records.elements(type_id):
            target, offset, length = self.words[element : element + 3]
            if self.kinds[target] not in (spec.VAR, spec.FUNC):
                self._error(type_id, f"{self._from_to(type_id, target)}, which is not a variable or function", "target")
            if size and offset + length > size:
                message = f"{self.shown(target)} ends at byte {offset + length} of a section of {size}"
                self._error(type_id, message, "variable-beyond")
            elif size and offset < end:
                self._warn(type_id, f"{self.shown(target)} begins within the previous variable", "variable-order")
            end = offset + length

    def _decl_tag(self, type_id: int, at: int) -> None:
        target, component = self.words[at + 2 : at + 4]
        kind = self.kinds[target]
        if kind not in TAGGABLE:
            self._error(type_id, f"{self._from_to(type_id, target)}, which cannot be tagged", "target")
            return
        if component == 0xFFFFFFFF:
            return
        owner = self.words[self.at[target] + 2] if kind == spec.FUNC else target
        count = 0 if kind in (spec.VAR, spec.TYPEDEF) else self.words[self.at[owner] + 1] & spec.MAX_VLEN
        if component >= count:
            number = component - (1 << 32) if component >> 31 else component
            self._error(type_id, f"tags component {number} of {self.shown(target)}, which has {count}", "component")


_CHECKS: dict[int, Callable[[_Judge, int, int], None]] = {
    **dict.fromkeys((spec.PTR, *spec.MODS_AND_TYPEDEFS), _Judge._reference),
    **dict.fromkeys(spec.COMPOSITES, _Judge._composite),
    **dict.fromkeys(spec.ENUMS, _Judge._enum),
    spec.INT: _Judge._int,
    spec.ARRAY: _Judge._array,
    spec.FUNC: _Judge._func,
    spec.FUNC_PROTO: _Judge._func_proto,
    spec.VAR: _Judge._var,
    spec.DATASEC: _Judge._datasec,
    spec.DECL_TAG: _Judge._decl_tag,
}
