"""Finding types, members, enumerators and functions by name, and the users of a type.

A pattern is a name, a glob ("tcp_*"), or a regular expression between slashes ("/^sk_.*buf/"), which matches anywhere in a name.
"""

from __future__ import annotations

from array import array
from itertools import accumulate

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.finders import missing
from btfkit.btf.members import MAX_DEPTH, Among, flat_members
from btfkit.btf.refusal import demand_few_overlaps
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.btf.spelling import Spelling, keyword
from btfkit.errors import NotFoundError, UnsupportedError, printable, refuse_others, refuse_text
from btfkit.hot import search as _search
from btfkit.show.identity import CLASSES
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.tables import Table

MEMBER, ENUMERATOR, FORWARD = "member", "enumerator", "forward"
KINDS = (*dict.fromkeys(CLASSES.values()), FORWARD, MEMBER, ENUMERATOR)
FEW = 8  # types whose users are found by a pass for each
COLUMNS = ("kind", "name", "type_id", "owner", "text", "offset", "size", "bit_offset", "bits", "value")
_GLOB = "*?["
_SIZED_AS_TARGET = spec.MODS_AND_TYPEDEFS | {spec.ARRAY, spec.VAR, spec.DECL_TAG}
_NUMBERS: dict[str, tuple[int, ...]] = {
    kind: tuple(number for number, name in CLASSES.items() if name == kind) for kind in dict.fromkeys(CLASSES.values())
} | {FORWARD: (spec.FWD,)}


class Found:
    """A type, member or enumerator: its `kind` (one of KINDS), `name` and `type_id` (for a member or enumerator, its owner's).

    `owner` is the type that contains it ("struct task_struct"), "" for a type.  `text` is its type or declaration in C.
    `offset` and `size` are in bytes, `bit_offset` and `bits` (0: not a bitfield) in bits, from the start of the owner; `value`
    is that of an enumerator.  All are None if they do not apply.
    """

    __slots__ = ("bit_offset", "bits", "kind", "name", "offset", "owner", "size", "text", "type_id", "value")

    def __init__(self, kind: str, name: str, type_id: int, shown: str, *, owner: str = "") -> None:
        self.kind = kind
        self.name = name
        self.type_id = type_id
        self.text = shown
        self.owner = owner
        self.offset: int | None = None
        self.size: int | None = None
        self.bit_offset: int | None = None
        self.bits = 0
        self.value: int | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The JSON document, without what does not apply."""
        document: dict[str, str | int | None] = {"kind": self.kind, "name": self.name, "id": self.type_id}
        document |= {key: value for key in ("owner", "text") if (value := getattr(self, key))}
        document |= {key: value for key in ("offset", "size", "value") if (value := getattr(self, key)) is not None}
        return document | ({"bits": self.bits, "bit_offset": self.bit_offset} if self.bits else {})

    def __repr__(self) -> str:
        return f"<{self.kind} {self.owner + '.' if self.owner else ''}{self.name}>"


class Matches(Tabular):
    """What `find` or `users` finds, one after the other: an iterator, which is a table as well."""

    __slots__ = ("_found",)

    def __init__(self, found: Iterator[Found]) -> None:
        self._found = found

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def __next__(self) -> Found:
        return next(self._found)

    def table(self) -> Table:
        """A row for each of those that are left: the attributes of `Found`."""
        return table_of(COLUMNS, ([getattr(found, name) for name in COLUMNS] for found in self._found))


def find(btf: Btf, pattern: str, kinds: Sequence[str] = (), *, own: bool = False) -> Matches:
    """Find by a name, a glob or a /regular expression/, in order of type ids; `own` excludes the base.

    `kinds` are some of KINDS, all by default; "struct x" in `pattern` is a struct.  The owner of a member of an anonymous struct
    is the enclosing named struct, if there is one.  Raises UnsupportedError for an invalid regular expression,
    while the result is read FormatError if names overlap too much (`demand_few_overlaps`).
    """
    demand_btf("btf", btf)
    refuse_text(kinds=kinds)
    refuse_others("kind", kinds, KINDS)
    tag, _, rest = pattern.partition(" ")
    if rest and tag in ("struct", "union", "enum") and not kinds:
        pattern, kinds = rest, (tag,)
    if is_exact(pattern) and kinds and MEMBER not in kinds and ENUMERATOR not in kinds:
        return Matches(_by_name(btf, pattern, kinds, own))
    return Matches(_by_pattern(btf, pattern, kinds or KINDS, own))


def names_beginning(btf: Btf, start: str, kinds: Sequence[str]) -> list[str]:
    """The names of types of `kinds` that begin with `start`, sorted, each once; of the base's, too."""
    wanted = bytearray(128)
    for kind in kinds:
        for number in _NUMBERS[kind]:
            wanted[number] |= 1
    raw = start.encode("utf-8", "surrogateescape")
    first = bytes(not raw or byte == raw[0] for byte in range(256))
    strings = b"".join(bytes(layer.strings) for layer in btf.chain)
    marks = bytearray(strings.translate(first))
    names: set[bytes] = set()
    for layer in btf.chain:
        found: list[int] = []
        _search.named(layer.words, layer.positions, layer.table, wanted, marks, found)
        offsets = {layer.words[layer.positions[index]] for index in found[::2]}
        names.update(strings[offset : strings.index(0, offset)] for offset in offsets)
    return sorted(text(name) for name in names - {b""} if name.startswith(raw))


def is_exact(pattern: str) -> bool:
    """Whether a pattern is a name: neither a glob nor a regular expression."""
    return not _is_expression(pattern) and not any(c in pattern for c in _GLOB)


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 2 and pattern[0] == pattern[-1] == "/"


def _by_name(btf: Btf, name: str, kinds: Sequence[str], own: bool) -> Iterator[Found]:
    """The types with one name, looked up in sorted BTF by binary search."""
    numbers = {number for kind in kinds for number in _NUMBERS[kind]}
    describe = _Describer(btf)
    for type_id in btf.find_ids(name):
        if btf.kind(type_id) in numbers and (type_id >= btf.start_id or not own):
            yield describe.type(type_id)


def _by_pattern(btf: Btf, pattern: str, kinds: Sequence[str], own: bool) -> Iterator[Found]:
    wanted = bytearray(128)
    for kind in kinds:
        for number in _NUMBERS.get(kind, ()):
            wanted[number] |= 1
    for number in spec.COMPOSITES if MEMBER in kinds else ():
        wanted[number] |= 2
    for number in spec.ENUMS if ENUMERATOR in kinds else ():
        wanted[number] |= 2
    layers = (btf,) if own else btf.chain
    names = _names(btf, layers, pattern, wanted)
    describe = _Describer(btf)
    for layer in layers:
        found: list[int] = []
        _search.named(layer.words, layer.positions, layer.table, wanted, names, found)
        for index, number in zip(found[::2], found[1::2], strict=True):
            type_id = layer.start_id + index
            yield describe.type(type_id) if number < 0 else describe.element(type_id, number)


def _names(btf: Btf, layers: Sequence[Btf], pattern: str, wanted: bytearray) -> bytearray:
    """One byte for each string offset of the chain: 1 if the name there matches the pattern."""
    names = bytearray(btf.start_str_off + len(btf.strings))
    if is_exact(pattern):
        raw = pattern.encode("utf-8", "surrogateescape")
        for offset in btf.string_offsets(raw) if raw and b"\0" not in raw else ():
            names[offset] = 1
        return names
    used = bytearray(len(names))
    for layer in layers:
        demand_few_overlaps(layer)
        _search.used_names(layer.words, layer.positions, layer.table, wanted, used)
    matches = _matcher(pattern)
    at = used.find(1)
    while at >= 0:
        if matches(text(btf.string(at))):
            names[at] = 1
        at = used.find(1, at + 1)
    return names


def _matcher(pattern: str) -> Callable[[str], Any]:
    import re

    if not _is_expression(pattern):
        from fnmatch import translate

        return re.compile(translate(pattern)).match
    try:
        return re.compile(pattern[1:-1]).search
    except (re.error, RecursionError, OverflowError) as error:
        raise UnsupportedError(f"{printable(pattern)} is not a regular expression: {error}") from None


class _Describer:
    """Makes a `Found` for each id."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.names = Spelling(btf)
        self._sizes: dict[int, tuple[int | None, int]] = {}
        self._owners: dict[int, tuple[int, int]] | None = None

    def type(self, type_id: int) -> Found:
        btf = self.btf
        kind = btf.kind(type_id)
        name = btf.name(type_id)
        shown = keyword(btf, type_id) if kind == spec.FWD else self.names.declared(type_id)
        found = Found(CLASSES.get(kind, FORWARD), name, type_id, shown)
        if kind not in (spec.FUNC, spec.FWD):
            found.size = self.size(type_id)
        return found

    def size(self, type_id: int) -> int | None:
        """As `Btf.sizeof`, None for a cycle; what types have in common is followed once."""
        btf, known = self.btf, self._sizes
        chain: list[int] = []
        end = type_id
        while end not in known and btf.kind(end) in _SIZED_AS_TARGET and len(chain) < MAX_CHAIN:
            chain.append(end)
            end = btf.word(end, 3 if btf.kind(end) == spec.ARRAY else 2)
        if end not in known:
            if len(chain) == MAX_CHAIN:  # too long, or a cycle: that is certain of the first type only
                known[type_id] = None, MAX_CHAIN + 1
                return None
            known[end] = btf.sizeof(end), 1
        size, steps = known[end]
        for one in reversed(chain):
            steps += 1
            if size is not None:
                factor = btf.word(one, 5) if btf.kind(one) == spec.ARRAY else 1
                size = None if steps > MAX_CHAIN else factor * size
            known[one] = size, steps
        return size

    def element(self, type_id: int, number: int) -> Found:
        """Member or enumerator number `number` of a type."""
        view: Any = self.btf[type_id]
        if view.kind in spec.ENUMS:
            enumerator = view.enumerators[number]
            found = Found(ENUMERATOR, enumerator.name, type_id, "", owner=self.names[type_id])
            found.value = enumerator.value
            return found
        member = view.members[number]
        owner, offset = self._around(type_id)
        found = Found(MEMBER, member.name, owner, self.names[member.type_id], owner=self.names[owner])
        bit = 8 * offset + member.bit_offset
        found.offset, found.size = bit // 8, self.size(member.type_id)
        found.bits, found.bit_offset = member.bitfield_size, bit
        return found

    def _around(self, type_id: int) -> tuple[int, int]:
        """The named struct that contains an anonymous one as an anonymous member, and its offset (bytes) there."""
        offset = 0
        for _ in range(MAX_DEPTH):
            if self.btf.word(type_id, 0):
                break
            if self._owners is None:
                self._owners = self._anonymous_members()
            outer, at = self._owners.get(type_id, (0, 0))
            if not outer:
                break
            type_id, offset = outer, offset + at
        return type_id, offset

    def _anonymous_members(self) -> dict[int, tuple[int, int]]:
        """The first place of each anonymous struct or union as an anonymous member: (id of the owner, offset in bytes)."""
        found: dict[int, tuple[int, int]] = {}
        for layer in self.btf.chain:
            words = layer.words
            for index, at in enumerate(layer.positions):
                info = words[at + 1]
                if info >> 24 & spec.MAX_KIND not in spec.COMPOSITES:
                    continue
                for m in range(at + 3, at + 3 + 3 * (info & spec.MAX_VLEN), 3):
                    if not words[m]:
                        where = words[m + 2] & 0xFFFFFF if info >> 31 else words[m + 2]
                        found.setdefault(words[m + 1], (layer.start_id + index, where >> 3))
        return found


# ---- users -------------------------------------------------------------------------------------------------------


def users(btf: Btf, name: str | int, *, own: bool = False) -> Matches:
    """The users of a type, given by id or by name: members that are, contain or point to it, functions that take or return
    it, typedefs and variables of it, in order of ids; `own` excludes the base.

    References through pointers, arrays, qualifiers, prototypes and anonymous structs count; one through a typedef is a
    use of the typedef.  Raises NotFoundError for a name or id that does not exist.
    """
    demand_btf("btf", btf)
    ids = [name] if not isinstance(name, str) else [i for i in btf.find_ids(name) if btf.kind(i) != spec.FUNC]
    if not ids:
        raise missing(btf, str(name))
    for type_id in ids:
        if btf.existing(type_id) == 0:
            raise NotFoundError(f"no type {type_id}, ids are 1 to {len(btf) - 1}", source=btf.source)
    return Matches(_users(btf, ids, own))


def users_of_each(btf: Btf, ids: Iterable[int], *, own: bool = False) -> Iterator[Found]:
    """The users of each of `ids`, as `users` yields them, one after the other: for many, all references are looked at once."""
    many = list(ids)
    if len(many) < FEW:
        for type_id in many:
            yield from users(btf, type_id, own=own)
        return
    ends, referrers = _referrers(btf)
    describe = _Describer(btf)
    marks = bytearray(len(btf))
    among = Among(marks, btf)
    for type_id in many:
        marked, found = among.marked, set[int]()
        marked[:] = [btf.existing(type_id)]
        marks[type_id] = 1
        for one in marked:  # which grows
            for user in referrers[ends[one - 1] if one else 0 : ends[one]] if one else ():
                if not _is_bare(btf, user):
                    found.add(user)
                elif not marks[user]:
                    marks[user] = 1
                    marked.append(user)
        for user in sorted(found):
            if user >= btf.start_id or not own:
                yield from _uses(describe, user, among)
        for one in marked:
            marks[one] = 0


def _is_bare(btf: Btf, type_id: int) -> bool:
    """Whether what refers to the type counts as a user of what the type refers to."""
    kind = btf.kind(type_id)
    if kind in spec.COMPOSITES:
        return not btf.word(type_id, 0)
    return kind in (spec.PTR, spec.ARRAY, spec.FUNC_PROTO) or kind in spec.MODIFIERS


def _referrers(btf: Btf) -> tuple[array[int], array[int]]:
    """Where the referring types of each id end in the second array, which has them all."""
    counts = array("I", bytes(4 * len(btf)))
    for layer in btf.chain:
        columns = layer.columns
        _search.count_referrers(layer.words, layer.positions, columns.ids, columns.id_starts, counts)
    referrers = array("I", bytes(4 * sum(counts)))
    ends = array("I", accumulate(counts[:-1], initial=0))
    for layer in btf.chain:
        columns = layer.columns
        _search.fill_referrers(
            layer.words, layer.positions, columns.ids, columns.id_starts, layer.start_id, ends, referrers
        )
    return ends, referrers


def _users(btf: Btf, ids: Iterable[int], own: bool) -> Iterator[Found]:
    marks = bytearray(len(btf))
    for type_id in ids:
        marks[type_id] = 1
    marks[0] = 0
    chain = btf.chain
    for layer in chain:
        demand_few_overlaps(layer)
    hits = [bytearray(len(layer.positions)) for layer in chain]
    fresh = 1
    while fresh:  # again, as long as types without a name refer backwards
        fresh = 0
        for layer, found in zip(chain, hits, strict=True):
            columns = layer.columns
            fresh += _search.mark_users(
                layer.words, layer.positions, columns.ids, columns.id_starts, layer.start_id, marks, found
            )
    describe = _Describer(btf)
    for layer, found in zip(chain, hits, strict=True):
        if own and layer is not btf:
            continue
        at = found.find(1)
        while at >= 0:
            yield from _uses(describe, layer.start_id + at, Among(marks))
            at = found.find(1, at + 1)


def _uses(describe: _Describer, type_id: int, among: Among) -> Iterator[Found]:
    """The type itself, or each of its members that is a user."""
    btf = describe.btf
    if btf.kind(type_id) not in spec.COMPOSITES:
        yield describe.type(type_id)
        return
    for member in flat_members(btf, type_id, open_named=True, own_first=True, among=among):
        found = Found(MEMBER, member.path, type_id, describe.names[member.type_id], owner=describe.names[type_id])
        bit = member.bit_offset
        found.offset, found.bit_offset, found.size = bit // 8, bit, describe.size(member.type_id)
        yield found
