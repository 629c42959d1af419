"""`sanitize`: rewrite BTF for older kernels and tools.

`passes/features.py` has the table of features.  Types are replaced in place, so ids do not change; strings do not change, and
new names are appended.  `.BTF.ext` and splits therefore stay valid, unless a type or a string had to be added to a base: then
its splits are renumbered, and fit the sanitized base only.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame
from btfkit.errors import refuse_text
from btfkit.hot import columns as _columns
from btfkit.hot import search as _search
from btfkit.hot.columns import Columns
from btfkit.passes.features import features
from btfkit.passes.rebase import refuse_unknown_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfkit.passes.idmap import IdMap

SHOWN = 5  # names that a loss gives as examples
MAX_VLEN = 0xFFFF
MAX_NAME, OLD_MAX_NAME = 511, 127  # bytes; KSYM_NAME_LEN - 1, since Linux 6.1 and before
PLACEHOLDER = b"__enum64_placeholder"  # as libbpf calls it
_OF_ENUMS = {1: b"char", 2: b"short", 8: b"long long"}  # the INTs that bitfields of enums become
_BARE = (spec.PTR, spec.VOLATILE, spec.CONST, spec.RESTRICT, spec.ARRAY, spec.FUNC_PROTO)  # have no names
_IDENTIFIERS = frozenset(
    (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.FWD, spec.TYPEDEF, spec.FUNC, spec.FUNC_PROTO, spec.VAR)
)
_KINDS = {  # features that every type of a kind is looked at for
    "func": (spec.FUNC, spec.FUNC_PROTO),
    "int128": (spec.INT,),
    "datasec": (spec.VAR, spec.DATASEC, spec.DECL_TAG),
    "long-names": (spec.DATASEC,),
    "enum-size": (spec.ENUM,),
    "float": (spec.FLOAT,),
    "decl-tag": (spec.DECL_TAG,),
    "type-tag": (spec.TYPE_TAG,),
    "enum64": (spec.ENUM64,),
    "section-names": (spec.DATASEC,),
    "tag-order": (spec.TYPE_TAG,),
    "extern": (spec.VAR,),
}
_LINKAGES = {"func-linkage": 0, "extern": 1}  # the largest that a function may keep without the feature
_NAMES = {"names", "dots", "long-names"}
_FLAGS = {
    "bitfields": (spec.STRUCT, spec.UNION, spec.FWD),
    "enum-sign": (spec.ENUM,),
    "tag-flag": (spec.DECL_TAG, spec.TYPE_TAG),
}


class Loss:
    """The loss of one `feature`: the `count` of types that were replaced, and the names of some of them in `examples`."""

    __slots__ = ("count", "examples", "feature")

    def __init__(self, feature: str) -> None:
        self.feature = feature
        self.count = 0
        self.examples: list[str] = []

    def add(self, name: str) -> None:
        self.count += 1
        if name and len(self.examples) < SHOWN and name not in self.examples:
            self.examples.append(name)


class SanitizeReport:
    """What sanitizing did: what the own types `lost`, in the order of the table, and whether a base has changed too."""

    __slots__ = ("base_changed", "lost")

    def __init__(self, lost: Sequence[Loss], base: SanitizeReport | None) -> None:
        self.lost = tuple(lost)
        self.base_changed: bool = base is not None and (bool(base.lost) or base.base_changed)

    def __repr__(self) -> str:
        return f"<lost: {', '.join(f'{loss.count:,} x {loss.feature}' for loss in self.lost) or 'nothing'}>"


class Sanitized:
    """The result: `btf`, its `report`, `base` (the result for its base, or None), and whether ids or string offsets of splits on
    it change (`moves`)."""

    __slots__ = ("base", "btf", "lost", "moves", "of")

    def __init__(self, of: Btf, btf: Btf, lost: list[Loss], base: Sanitized | None) -> None:
        self.of = of
        self.btf = btf
        self.lost = tuple(lost)
        self.base = base
        self.moves = len(btf) != len(of) or btf.start_str_off + len(btf.strings) != of.start_str_off + len(of.strings)

    def __repr__(self) -> str:
        return f"<sanitized: {self.btf!r}, {len(self.lost)} features lost>"

    @property
    def report(self) -> SanitizeReport:
        """What the own types lost, and whether a base has changed too."""
        return SanitizeReport(self.lost, self.base.report if self.base is not None else None)

    def board(self) -> array[int]:
        """The new ids of all old ones, for loops."""
        below = self.base.board() if self.base is not None else array("I", (0,))
        return below + array("I", range(self.btf.start_id, self.btf.start_id + len(self.of.positions)))

    def offsets(self) -> array[int]:
        """The new string offsets of all old ones."""
        below = self.base.offsets() if self.base is not None else array("I")
        start = self.btf.start_str_off
        return below + array("I", range(start, start + len(self.of.strings)))

    @property
    def ids(self) -> IdMap:
        """The map of all old ids."""
        from btfkit.passes.idmap import Dense

        return Dense(self.board())


def sanitize(btf: Btf, without: Iterable[str], *, base: Sanitized | None = None) -> Sanitized:
    """`btf`, and the chain below it, without the features `without` (names in `features.NAMES`).

    `base` is the result for its base, where several splits share it.  Raises UnsupportedError for an unknown name, and for a
    kind whose references are unknown.  Rules: libbpf 1.8-dev, bpf_object__sanitize_btf; docs/sanitize.md lists differences.
    """
    demand_btf("btf", btf, file_function="sanitize_file")
    refuse_text(without=without)
    names = features(without)
    if btf.base is not None and (base is None or base.of is not btf.base):
        base = sanitize(btf.base, names)
    return _Layer(btf, frozenset(names), base if btf.base is not None else None).run()


class _Layer:
    """The rewriting of one BTF of a chain."""

    def __init__(self, btf: Btf, without: frozenset[str], base: Sanitized | None) -> None:
        refuse_unknown_in(btf)
        self.btf = btf
        self.without = without
        self.limit = OLD_MAX_NAME if "long-names" in without else MAX_NAME
        self.base = base
        self.new_base = base.btf if base is not None else None
        self.start_str_off = (
            self.new_base.start_str_off + len(self.new_base.strings) if self.new_base is not None else 0
        )
        self.words = self._moved()
        self.added = bytearray()
        self.known: dict[bytes, int] = {}
        self.losses: dict[str, Loss] = {}
        self.placeholder = 0
        self.appended: list[int] = []  # INTs, of four words each
        self.narrow: dict[tuple[bytes, int, int, int], int] = {}
        self.late_tags: set[int] = set()

    def _moved(self) -> array[int]:
        """The own words, on the new base."""
        btf, base = self.btf, self.base
        out = array("I", bytes(btf.words))
        if base is not None and base.moves:
            columns = btf.columns
            _columns.replace(out, columns.ids, 0, base.board(), btf.start_id, len(base.btf))
            _columns.replace(out, columns.names, 0, base.offsets(), btf.start_str_off, self.start_str_off)
        return out

    # ---- the whole -------------------------------------------------------------------------------------------------

    def run(self) -> Sanitized:
        btf = self.btf
        found = self._found()
        if "tag-order" in self.without:
            self._find_late_tags(found)
        changed: dict[int, list[int]] = {}
        for index in found:
            at = btf.positions[index]
            old = list(self.words[at : at + len(btf[btf.start_id + index].words)])
            new = self._record(btf.start_id + index, old)
            if new != old:
                changed[index] = new
        frame = Frame.keeping(btf, self.new_base)
        if "layout" in self.without and btf.header.length > spec.HEADER_LEN:
            self._lose("layout", "")
            frame.drop_layout()
        out = self._joined(changed) + array("I", self.appended)
        new_btf = frame.emit(out, bytes(btf.strings) + bytes(self.added))
        return Sanitized(btf, new_btf, [self.losses[name] for name in features(self.losses)], self.base)

    def _found(self) -> list[int]:
        kinds = {kind for name in self.without for kind in _KINDS.get(name, ())}
        flags = {kind for name in self.without for kind in _FLAGS.get(name, ())}
        vlens = array("I", (0xFFFFFF,)) * 128
        if "wide-vlen" in self.without:
            vlens = array("I", (MAX_VLEN,)) * 128
        vlens[spec.FUNC] = min((_LINKAGES[name] for name in self.without & _LINKAGES.keys()), default=spec.MAX_VLEN)
        odd = self._odd_strings() if _NAMES & self.without else b""
        found = list[int]()
        btf = self.btf
        columns = btf.columns if odd else Columns(array("I"), array("I"), btf.table)  # which are not looked at
        _search.to_rewrite(
            btf.words,
            btf.positions,
            columns.names,
            columns.name_starts,
            spec.kind_set(frozenset(kinds)),
            spec.kind_set(frozenset(flags)),
            spec.kind_set(_BARE if "names" in self.without else ()),
            vlens,
            odd,
            found,
        )
        return found

    def _odd_strings(self) -> bytes:
        """1 for each string offset within a string that is not an identifier; empty if all are identifiers."""
        pattern = self._pattern(rb"(?<![^\0])(?!%s\0)[^\0]+")
        strings = bytes(self.btf.strings_below) + bytes(self.btf.strings)
        odd = bytearray()
        for match in pattern.finditer(strings):
            odd = odd or bytearray(len(strings))
            start, end = match.span()
            odd[start:end] = b"\1" * (end - start)
        return bytes(odd)

    def _pattern(self, text: bytes):  # type: ignore[no-untyped-def]
        import re

        more = rb"" if "dots" in self.without else rb"."
        letters = rb"A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff_" if "names" in self.without else rb"\x01-\x2d\x2f-\xff"
        letters += more
        digits = rb"0-9" if "names" in self.without else rb""
        return re.compile(text % (rb"[%s][%s%s]{0,%d}" % (letters, letters, digits, self.limit - 1)))

    def _find_late_tags(self, found: list[int]) -> None:
        """The own type tags that another modifier or a typedef leads to, then those that follow them."""
        btf = self.btf
        if not any(btf.kind(btf.start_id + index) == spec.TYPE_TAG for index in found):
            return
        others = spec.MODS_AND_TYPEDEFS - {spec.TYPE_TAG}
        todo = [btf.words[at + 2] for at in btf.positions if btf.words[at + 1] >> 24 & spec.MAX_KIND in others]
        while todo:
            type_id = todo.pop()
            if type_id >= btf.start_id and type_id not in self.late_tags and btf.kind(type_id) == spec.TYPE_TAG:
                self.late_tags.add(type_id)
                todo.append(btf.word(type_id, 2))

    def _joined(self, changed: dict[int, list[int]]) -> array[int]:
        """The words with the changed records in their places."""
        if all(len(new) == len(self.btf[self.btf.start_id + index].words) for index, new in changed.items()):
            for index, new in changed.items():
                at = self.btf.positions[index]
                self.words[at : at + len(new)] = array("I", new)
            return self.words
        out, done = array("I"), 0
        for index in sorted(changed):
            at = self.btf.positions[index]
            out += self.words[done:at]
            out.extend(changed[index])
            done = at + len(self.btf[self.btf.start_id + index].words)
        return out + self.words[done:]

    # ---- names -----------------------------------------------------------------------------------------------------

    def _lose(self, feature: str, name: str) -> None:
        self.losses.setdefault(feature, Loss(feature)).add(name)

    def _string(self, offset: int) -> bytes:
        """The string at an offset of the result."""
        if offset >= self.start_str_off + len(self.btf.strings):
            start = offset - self.start_str_off - len(self.btf.strings)
            return bytes(self.added[start : self.added.index(0, start)])
        if offset >= self.start_str_off:
            return self.btf.string(offset - self.start_str_off + self.btf.start_str_off)
        assert self.new_base is not None
        return self.new_base.string(offset)

    def _offset(self, name: bytes) -> int:
        """The offset of a name, which is appended to the strings if it is new."""
        found = self.known.get(name)
        if found is None:
            places = (at for at in self.btf.string_offsets(name) if at == 0 or not self.btf.string(at - 1))
            first = min(places, default=None)
            if first is not None and self.base is not None and self.base.moves:
                first = (
                    self.base.offsets()[first]
                    if first < self.btf.start_str_off
                    else (first - self.btf.start_str_off + self.start_str_off)
                )
            if first is None:
                first = self.start_str_off + len(self.btf.strings) + len(self.added)
                self.added += name + b"\0"
            found = self.known[name] = first
        return found

    def _identifier(self, offset: int) -> int:
        """A name that is an identifier, in place of that at `offset`."""
        name = self._string(offset)
        if not name or self._good(name):
            return offset
        good = name.replace(b".", b"_") if "dots" in self.without else name
        feature = "dots"
        if not self._good(good):
            only_long = "long-names" in self.without and self._good(good[: self.limit])
            feature = "long-names" if only_long else "names"
            good = good[: self.limit]
        if feature == "names":
            good = _as_identifier(good)
        self._lose(feature, spec.text(name))
        return self._offset(good)

    def _good(self, name: bytes) -> bool:
        if {"names", "long-names"} & self.without and len(name) > self.limit:
            return False
        if "names" in self.without and _as_identifier(name) != name:
            return False
        return not ("dots" in self.without and b"." in name)

    # ---- one record ------------------------------------------------------------------------------------------------

    def _record(self, type_id: int, words: list[int]) -> list[int]:
        kind = words[1] >> 24 & spec.MAX_KIND
        if "wide-vlen" in self.without and kind != spec.FUNC and words[1] & spec.MAX_VLEN > MAX_VLEN:
            words = self._cut(kind, words)
        if _NAMES & self.without:
            words = self._with_names(kind, words)
        rewrite = getattr(self, "_" + spec.KIND_NAMES[kind].lower(), None)
        return words if rewrite is None else rewrite(type_id, words)

    def _name(self, words: list[int]) -> str:
        return self._string(words[0]).decode("utf-8", "surrogateescape")

    def _cut(self, kind: int, words: list[int]) -> list[int]:
        self._lose("wide-vlen", self._name(words))
        row = spec.KINDS[kind]
        end = 3 + row.tail_words + row.elem_words * MAX_VLEN
        return [words[0], words[1] & ~spec.MAX_VLEN | MAX_VLEN, *words[2:end]]

    def _with_names(self, kind: int, words: list[int]) -> list[int]:
        words = list(words)
        if kind in _BARE and words[0]:
            if "names" in self.without:
                self._lose("names", self._name(words))
                words[0] = 0
        elif kind in _IDENTIFIERS:
            words[0] = self._identifier(words[0])
        row = spec.KINDS[kind]
        if row.elem_names:
            for at in range(3 + row.tail_words, len(words), row.elem_words):
                words[at] = self._identifier(words[at])
        return words

    def _struct(self, type_id: int, words: list[int]) -> list[int]:
        if "bitfields" not in self.without or not words[1] >> 31:
            return words
        self._lose("bitfields", self._name(words))
        out = [words[0], words[1] & 0x7FFFFFFF, words[2]]
        for at in range(3, len(words), 3):
            name, member, offset = words[at : at + 3]
            if offset >> 24:
                member = self._bits(self.btf.word(type_id, at + 1), offset >> 24, member)
            out += [name, member, offset & 0xFFFFFF]
        return out

    _union = _struct

    def _fwd(self, type_id: int, words: list[int]) -> list[int]:
        if "bitfields" not in self.without or not words[1] >> 31:
            return words
        self._lose("bitfields", self._name(words))
        return [words[0], words[1] & 0x7FFFFFFF, *words[2:]]

    def _int(self, type_id: int, words: list[int]) -> list[int]:
        if "int128" not in self.without or words[3] & 0xFF <= 64:
            return words
        self._lose("int128", self._name(words))
        return [0, spec.STRUCT << 24, words[2]]

    def _func_proto(self, type_id: int, words: list[int]) -> list[int]:
        if "func" not in self.without:
            return words
        self._lose("func", self._name(words))
        return [0, spec.ENUM << 24, 4]

    def _float(self, type_id: int, words: list[int]) -> list[int]:
        if "float" not in self.without:
            return words
        self._lose("float", self._name(words))
        return [0, spec.STRUCT << 24, words[2]]

    def _type_tag(self, type_id: int, words: list[int]) -> list[int]:
        late = type_id in self.late_tags
        if "type-tag" in self.without or late:
            self._lose("type-tag" if "type-tag" in self.without else "tag-order", self._name(words))
            return [0, spec.CONST << 24, words[2]]
        return self._without_flag(words)

    def _without_flag(self, words: list[int]) -> list[int]:
        if "tag-flag" not in self.without or not words[1] >> 31:
            return words
        self._lose("tag-flag", self._name(words))
        return [words[0], words[1] & 0x7FFFFFFF, *words[2:]]

    def _decl_tag(self, type_id: int, words: list[int]) -> list[int]:
        of_variable = "datasec" in self.without and self.btf.kind(self.btf.word(type_id, 2)) == spec.VAR
        if "decl-tag" in self.without or of_variable:
            self._lose("decl-tag" if "decl-tag" in self.without else "datasec", self._name(words))
            return [words[0], spec.INT << 24, 1, 8]
        return self._without_flag(words)

    def _func(self, type_id: int, words: list[int]) -> list[int]:
        linkage = words[1] & spec.MAX_VLEN
        if "func" in self.without:
            self._lose("func", self._name(words))
            return [words[0], spec.TYPEDEF << 24, words[2]]
        if linkage and "func-linkage" in self.without:
            self._lose("func-linkage", self._name(words))
            return [words[0], spec.FUNC << 24, words[2]]
        if linkage > 1 and "extern" in self.without:
            self._lose("extern", self._name(words))
            return [words[0], spec.FUNC << 24 | 1, words[2]]
        return words

    def _var(self, type_id: int, words: list[int]) -> list[int]:
        if "datasec" in self.without:
            self._lose("datasec", self._name(words))
            return [words[0], spec.INT << 24, 1, 8]
        if words[3] > 1 and "extern" in self.without:
            self._lose("extern", self._name(words))
            return [*words[:3], 1]
        return words

    def _datasec(self, type_id: int, words: list[int]) -> list[int]:
        name = self._string(words[0])
        if "datasec" in self.without:
            self._lose("datasec", self._name(words))
            title = _as_identifier(name[: self.limit]).replace(b".", b"_")
            members = []
            for at in range(3, len(words), 3):
                target = self.btf.word(type_id, at)
                member_name, member = self.btf.word(target, 0) if target else 0, words[at]
                if self.base is not None and self.base.moves and member_name:
                    member_name = self._offset(self.btf.string(member_name))
                if self.btf.kind(target) != spec.VAR:
                    member = self._byte()
                if _NAMES & self.without:
                    member_name = self._identifier(member_name)
                members += [member_name, member, words[at + 1] * 8 & 0xFFFFFFFF]
            vlen = words[1] & spec.MAX_VLEN
            return [self._offset(title) if title else 0, spec.STRUCT << 24 | vlen, words[2], *members]
        if "long-names" in self.without and len(name) > self.limit:
            self._lose("long-names", self._name(words))
            words = [self._offset(name[: self.limit]), *words[1:]]
            name = name[: self.limit]
        if "section-names" in self.without:
            title = _as_identifier(name)
            if title != name:
                self._lose("section-names", self._name(words))
                return [self._offset(title[: self.limit]), *words[1:]]
        return words

    def _enum(self, type_id: int, words: list[int]) -> list[int]:
        if "enum-size" in self.without and words[2] != 4:
            self._lose("enum-size", self._name(words))
            return [words[0], spec.INT << 24, words[2], (words[1] >> 31) << 24 | 8 * words[2] & 0xFF]
        if "enum-sign" in self.without and words[1] >> 31:
            self._lose("enum-sign", self._name(words))
            return [words[0], words[1] & 0x7FFFFFFF, *words[2:]]
        return words

    def _enum64(self, type_id: int, words: list[int]) -> list[int]:
        if "enum64" not in self.without:
            return words
        self._lose("enum64", self._name(words))
        signed = words[1] >> 31
        vlen = words[1] & spec.MAX_VLEN
        narrow = all(high == (low >> 31) * 0xFFFFFFFF if signed else high == 0 for low, high in _values(words))
        if narrow and "enum-size" not in self.without:
            flag = signed if "enum-sign" not in self.without else 0
            body = [word for at in range(3, len(words), 3) for word in words[at : at + 2]]
            return [words[0], flag << 31 | spec.ENUM << 24 | vlen, words[2], *body]
        members = [word for at in range(3, len(words), 3) for word in (words[at], self._byte(), 0)]
        return [words[0], spec.UNION << 24 | vlen, words[2], *members]

    # ---- what stands for what is not there -------------------------------------------------------------------------

    def _byte(self) -> int:
        """The id, in the result, of an INT of one byte; one is added where the whole chain has none."""
        if not self.placeholder:
            self.placeholder = next(self._bytes(), 0)
        if not self.placeholder:
            self.placeholder = self._append([self._offset(PLACEHOLDER), spec.INT << 24, 1, 8])
        return self.placeholder

    def _bits(self, old_id: int, bits: int, new_id: int) -> int:
        """The id, in the result, of an INT of so many bits in place of the type of a bitfield."""
        btf = self.btf
        base = btf.strip(old_id)
        kind = btf.kind(base)
        if kind not in (spec.INT, spec.ENUM, spec.ENUM64):
            return new_id
        size = btf.word(base, 2)
        if kind == spec.INT:
            name, encoding = btf.string(btf.word(base, 0)), btf.word(base, 3) >> 24
        else:
            encoding = btf.word(base, 1) >> 31
            name = (b"" if encoding else b"unsigned ") + _OF_ENUMS.get(size, b"int")
        key = (name, size, encoding, bits)
        if key not in self.narrow:
            record = [self._offset(name) if name else 0, spec.INT << 24, size, encoding << 24 | bits]
            self.narrow[key] = self._append(record)
        return self.narrow[key]

    def _append(self, record: list[int]) -> int:
        """Add a record of four words after all others; returns its id in the result."""
        start = len(self.new_base) if self.new_base is not None else 1
        self.appended += record
        return start + len(self.btf.positions) + len(self.appended) // 4 - 1

    def _bytes(self) -> Iterator[int]:
        """The ids of INTs of one whole byte, own ones last."""
        below = self.new_base.chain if self.new_base is not None else ()
        for layer in (*below, self.btf):
            start = layer.start_id if layer is not self.btf else len(self.new_base) if self.new_base is not None else 1
            for index, at in enumerate(layer.positions):
                if (
                    layer.words[at + 1] == spec.INT << 24
                    and layer.words[at + 2] == 1
                    and layer.words[at + 3] & 0xFFFFFF == 8
                ):
                    yield start + index


def _values(words: list[int]) -> Iterator[tuple[int, int]]:
    """(low, high word) of each value of an ENUM64."""
    return ((words[at + 1], words[at + 2]) for at in range(3, len(words), 3))


def _as_identifier(name: bytes) -> bytes:
    """`name` with "_" for each byte that no identifier has there; "." is allowed.  The kernel's table is that of Latin-1."""
    return name[:1].translate(_FIRST) + name[1:].translate(_LATER)


def _letter(c: int) -> bool:
    return 65 <= c <= 90 or 97 <= c <= 122 or c in b"_." or (c >= 0xC0 and c not in (0xD7, 0xF7))


_FIRST = bytes(c if _letter(c) else 95 for c in range(256))
_LATER = bytes(c if _letter(c) or 48 <= c <= 57 else 95 for c in range(256))
