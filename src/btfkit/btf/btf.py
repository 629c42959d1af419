"""A loaded BTF: its words, its strings and the positions of its records, read in one pass and never copied.

`Btf` is immutable.  A *split* BTF has a `base`: its type ids and string offsets continue the base's, and look-ups follow the
chain of bases.  Types are seen through light views (`btf/types.py`), made on demand; loops over everything are in `hot/` and
read `words` and `positions`.
"""

from __future__ import annotations

from btfkit.btf import header as _header
from btfkit.btf import spec
from btfkit.btf.finders import Finders, missing, only, own_ids_called
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.errors import BtfError, ChainError, FormatError, NotFoundError, counted, printable
from btfkit.hot import names as _names
from btfkit.hot import scan as _scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Self, TypeVar

    from btfkit.btf.header import ByteOrder, Header
    from btfkit.btf.types import Type
    from btfkit.hot.columns import Columns

    T = TypeVar("T")

LONG_SPELLINGS = frozenset(
    (
        b"long",
        b"long int",
        b"int long",
        b"unsigned long",
        b"long unsigned",
        b"unsigned long int",
        b"unsigned int long",
        b"long unsigned int",
        b"long int unsigned",
        b"int unsigned long",
        b"int long unsigned",
    )
)  # libbpf 1.7, determine_ptr_size


class Btf(Finders):
    """One BTF, alone or split on a `base`.

    `len(btf)` is the number of type ids, including void (0) and the base's: valid ids are below it.  `btf[type_id]` is a view of
    a type, and `iter(btf)` yields them all in order; `own_ids` are those that this BTF adds to its base.
    `btf["struct file"]` is the one type of that name, `btf.struct("file")` the same as a `Struct`, and
    `"struct file" in btf` is true if it exists.

    For loops: `words` (u32, the own type section in this machine's byte order), `positions` (u32, the word position of
    each own record), `strings` (bytes, the own string section), `start_id` and `start_str_off` (the first own id and
    string offset), `table` (the packed table of kinds, including those of the layout section).

    `header` and `blob` are as read (with gaps between sections and bytes after the last); `given_pointer_size` (bytes) is
    that of the container (its ELF class), or None.
    """

    __slots__ = (
        "_alignments",
        "_carriers",
        "_chain_strings",
        "_columns",
        "_first_named_id",
        "_kept",
        "_pointer_size",
        "_text_at",
        "base",
        "blob",
        "given_pointer_size",
        "header",
        "layout",
        "positions",
        "searches",
        "source",
        "start_id",
        "start_str_off",
        "strings",
        "table",
        "words",
    )

    _alignments: dict[int, int | None]
    base: Btf | None
    words: memoryview[int]
    positions: memoryview[int]
    strings: memoryview[int]
    layout: bytes
    table: bytes
    start_id: int
    start_str_off: int
    source: str | None
    header: Header
    blob: bytes
    given_pointer_size: int | None
    _text_at: int  # the place in `blob` of string offset 0
    _kept: dict[Callable[[Btf], object], object]  # see `kept`
    searches: int  # look-ups by name that went through all records
    # Computed on first use (None until then; 0 stands for the result None):
    _carriers: tuple[int, ...] | None
    _columns: Columns | None
    _first_named_id: int | None
    _pointer_size: int | None
    _chain_strings: bytes | None

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview[int],
        base: Btf | None = None,
        *,
        source: str | None = None,
        pointer_size: int | None = None,
    ) -> Self:
        """Read a `.BTF` blob in memory, which is split if there is a `base`.

        `source` names the bytes in messages; `pointer_size` (bytes) comes from an ELF header and overrides any guess.  `bytes`
        are read in place, anything else is copied once.  Raises FormatError if the blob is damaged, ChainError if it does not
        fit the base.  Rules: libbpf 1.8-dev, btf_parse_*, and docs/differences.md.
        """
        try:
            return cls._read(data if isinstance(data, bytes) else bytes(data), base, source, pointer_size)
        except BtfError as error:
            if source is None:
                raise
            raise error.at(source) from None

    @classmethod
    def _read(cls, data: bytes, base: Btf | None, source: str | None, pointer_size: int | None) -> Self:
        if base is not None and not isinstance(base, Btf):
            demand_btf("base", base)
        view = memoryview(data)
        self = cls()
        h = self.header = _header.parse(view)
        body = view[h.length :]
        self.source = source
        self.base = base
        self.start_id = len(base) if base is not None else 1
        self.start_str_off = base.start_str_off + len(base.strings) if base is not None else 0
        self.strings = body[h.str_off : h.str_off + h.str_len]
        self.blob = data
        self._text_at = h.length + h.str_off - self.start_str_off
        self.layout = bytes(body[h.layout_off : h.layout_off + h.layout_len]) if h.layout_len else b""
        self.given_pointer_size = pointer_size
        self._alignments, self._kept = {}, {}  # of composites; see `kept`
        self.searches = 0
        self._carriers = self._columns = self._first_named_id = self._pointer_size = self._chain_strings = None
        self._check_strings()
        self.table = self._kind_table()
        self.words = _as_words(body[h.type_off : h.type_off + h.type_len], h.order, h.length % 4 == 0)
        self._scan()
        return self

    # ---- reading -----------------------------------------------------------------------------------------------

    def _check_strings(self) -> None:
        size = len(self.strings)
        first, last = (self.strings[0], self.strings[-1]) if size else (0, 0)
        if self.base is None and (size == 0 or first):
            what = "no strings" if size == 0 else "first string is not empty"
            raise ChainError(
                f"{what}: split BTF of a module, or damaged; a module's BTF needs its base, the vmlinux that it was built with",
                section="strings",
                offset=0,
                remedy="base",
            )
        if last:
            raise FormatError("last string is not terminated (NUL): truncated file", section="strings", offset=size - 1)

    def _kind_table(self) -> bytes:
        layout = self.layout or (self.base.layout if self.base is not None else b"")
        if not layout:
            return spec.TABLE
        try:
            return spec.packed_table(layout)
        except ValueError as error:
            raise FormatError(str(error), section="layout") from None

    def _scan(self) -> None:
        size = len(self.words)
        room = memoryview(bytearray(4 * (size // 6 + 16))).cast("I")  # a record has 7 to 8 words on average
        found = _scan.scan(self.words, self.table, room, self.start_id)
        if found[1] != size and found[0] == len(room):
            room = memoryview(bytearray(4 * (size // 3 + 1))).cast("I")
            found = _scan.scan(self.words, self.table, room, self.start_id)
        count, at, top_id, top_name, unsure = found
        if at != size:
            from btfkit.btf.refusal import unreadable

            raise unreadable(self, count, at)
        self.positions = room.toreadonly()[:count]
        if self.start_id + count > 0x7FFFFFFF:
            raise FormatError("more than 2147483647 types", section="types")
        self._check(top_id, top_name, unsure)

    def _check(self, top_id: int, top_name: int, unsure: int) -> None:
        """Reject references to types and strings that do not exist, of which `top_id` and `top_name` are the largest, and
        functions without a prototype, if some are `unsure`."""
        if top_id >= len(self) or top_name >= self.start_str_off + len(self.strings):
            from btfkit.btf.refusal import leads_nowhere

            raise leads_nowhere(self)
        if not unsure:
            return
        bad, below = _scan.functions(self.words, self.positions, self.start_id)
        if bad < 0 and below:
            bad = next((i for i in below if self.kind(self.words[self.positions[i] + 2]) != spec.FUNC_PROTO), -1)
        if bad >= 0:
            from btfkit.btf.refusal import func_without_prototype

            raise func_without_prototype(self, bad)

    # ---- the whole ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.start_id + len(self.positions)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Type]:
        from btfkit.btf.types import view

        return (view(self, type_id) for type_id in range(len(self)))

    def __getitem__(self, type_id: int | str) -> Type:
        """A view of a type, by its id (0 is void) or name ("struct file").

        Raises NotFoundError if there is none, AmbiguousError if several types have that name.
        """
        from btfkit.btf.types import view

        if isinstance(type_id, str):
            return only(self, type_id)
        return view(self, self.existing(type_id))

    def __contains__(self, wanted: object) -> bool:
        """Whether there is a type with that id or name; for a view, whether its type is in this chain."""
        if isinstance(wanted, str):
            return self.find_id(wanted) is not None
        type_id = getattr(wanted, "id", wanted)
        if not isinstance(type_id, int) or not 0 <= type_id < len(self):
            return False
        return type_id is wanted or self[type_id] == wanted

    def existing(self, type_id: int) -> int:
        """`type_id`, if there is a type with that id (0 is void); raises NotFoundError."""
        if isinstance(type_id, int) and 0 <= type_id < len(self):
            return int(type_id)
        raise self.no_type(type_id)

    def no_type(self, type_id: object) -> NotFoundError:
        """The error for an id that does not exist, or anything else in its place."""
        if not isinstance(type_id, int):
            type_id = printable(repr(type_id))
        return NotFoundError(f"no type {type_id}, ids are 0 to {len(self) - 1}", source=self.source)

    def _no_string(self, offset: int) -> NotFoundError:
        end = self.start_str_off + len(self.strings)
        return NotFoundError(f"no string at {offset:#x}, the strings end at {end:#x}", source=self.source)

    def __repr__(self) -> str:
        split = f" split on {counted(len(self.base), 'type')}" if self.base is not None else ""
        types = counted(len(self.positions), "type")
        return f"<Btf {printable(self.source or 'in memory')}: {types}{split}, {self.byte_order}-endian>"

    def __reduce__(self) -> tuple[Callable[..., Btf], tuple[Any, ...]]:
        return _unpickle, (self.to_bytes(), self.base, self.source, self.given_pointer_size)

    @property
    def second(self) -> int:
        """The offset in `blob` of another BTF, which no loader reads (`header.next_header`); 0 if there is none."""
        return _header.next_header(self.blob, self.header)

    @property
    def own_ids(self) -> range:
        """The ids of the types that this BTF adds to its base."""
        return range(self.start_id, len(self))

    @property
    def chain(self) -> tuple[Btf, ...]:
        """The bases of this BTF, the lowest first, and itself."""
        return (*self.base.chain, self) if self.base is not None else (self,)

    @property
    def byte_order(self) -> ByteOrder:
        """The byte order of the file: "little" or "big"."""
        return self.header.order

    @property
    def pointer_size(self) -> int | None:
        """The size of a pointer (bytes), or None if unknown.

        It is that of the ELF class, else of the base, else of the first INT of 4 or 8 bytes with one of the eleven spellings
        of (unsigned) long.  Rule: libbpf 1.7, determine_ptr_size.
        """
        if self.given_pointer_size is not None:
            return self.given_pointer_size
        if self._pointer_size is None:
            below = self.base.pointer_size if self.base is not None else None
            if below is None and (type_id := self.pointer_size_carrier()) is not None:
                below = self.word(type_id, 2)
            self._pointer_size = below or 0
        return self._pointer_size or None

    def pointer_size_carrier(self) -> int | None:
        """The id of the first own INT that determines the pointer size, or None."""
        return next(iter(self.pointer_size_carriers()), None)

    def pointer_size_carriers(self) -> tuple[int, ...]:
        """The ids of all own INTs of 4 or 8 bytes that are spelled as (unsigned) long, ascending."""
        if self._carriers is None:
            self._carriers = tuple(self._find_carriers())
        return self._carriers

    def _find_carriers(self) -> Iterator[int]:
        found: list[int] = []
        below = _names.find_hashes(
            self.words,
            self.positions,
            spec.kind_set((spec.INT,)),
            self.strings,
            self.start_str_off,
            _long_buckets[0] if _long_buckets else _index_long(),
            found,
        )
        for index in range(len(self.positions)) if below else found:
            at = self.positions[index]
            is_int = self.words[at + 1] >> 24 & spec.MAX_KIND == spec.INT
            if is_int and self.words[at + 2] in (4, 8) and self.string(self.words[at]) in LONG_SPELLINGS:
                yield self.start_id + index

    @property
    def strings_below(self) -> bytes | memoryview[int]:
        """The strings of all bases in one piece, for name offsets below `start_str_off`."""
        base = self.base
        if base is None or base.base is None:
            return base.strings if base is not None else b""
        if base._chain_strings is None:
            base._chain_strings = b"".join(bytes(layer.strings) for layer in base.chain)
        return base._chain_strings

    @property
    def columns(self) -> Columns:
        """The positions of type ids and name offsets in `words`, made on first use and kept."""
        if self._columns is None:
            from btfkit.hot.columns import Columns

            self._columns = Columns(self.words, self.positions, self.table)
        return self._columns

    def kept(self, make: Callable[[Btf], T]) -> T:
        """What `make` derives from this BTF, made on first use and kept with it.

        It must not refer to this BTF: both would then stay until the garbage collector runs.
        """
        if make not in self._kept:
            self._kept[make] = make(self)
        return self._kept[make]  # type: ignore[return-value]

    @property
    def first_named_id(self) -> int | None:
        """The id of the first own type with a name if the own types are sorted by name, else None."""
        if self._first_named_id is None:
            first = _scan.is_sorted(self.words, self.positions, self.strings_below, self.strings, self.start_str_off)
            self._first_named_id = 0 if first < 0 else self.start_id + first
        return self._first_named_id or None

    def to_bytes(self, order: ByteOrder | None = None) -> bytes:
        """The `.BTF` blob in its byte order, or in `order`: header, types, layout, strings, without gaps."""
        h = self.header
        order = order or h.order
        layout = self.layout
        if order == h.order and _header.is_dense(h, len(self.blob)):
            return self.blob
        if layout and order != h.order:
            layout = _header.swap_layout(layout)
        return _header.encode(h, order, self.words, layout, self.strings)

    # ---- one type ----------------------------------------------------------------------------------------------

    def locate(self, type_id: int) -> tuple[Btf, int]:
        """The BTF of the chain that contains type `type_id` (not 0), and the word position of its record there."""
        layer = self
        try:
            while type_id < layer.start_id:
                layer = layer.base  # type: ignore[assignment]
            return layer, layer.positions[type_id - layer.start_id]
        except (AttributeError, IndexError, TypeError):
            raise self.no_type(type_id) from None

    def kind(self, type_id: int) -> int:
        """The kind number of a type; 0 for void."""
        if type_id == 0:
            return 0
        layer = self  # `locate`, without a call: this runs a million times
        try:
            while type_id < layer.start_id:
                layer = layer.base  # type: ignore[assignment]
            return layer.words[layer.positions[type_id - layer.start_id] + 1] >> 24 & 0x7F
        except (AttributeError, IndexError, TypeError):
            raise self.no_type(type_id) from None

    def word(self, type_id: int, position: int) -> int:
        """A word of a type's record: 0 is the name offset, 1 the info, 2 the size or type."""
        layer = self
        try:
            while type_id < layer.start_id:
                layer = layer.base  # type: ignore[assignment]
            return layer.words[layer.positions[type_id - layer.start_id] + position]
        except (AttributeError, IndexError, TypeError):
            raise self.no_type(type_id) from None

    def string(self, offset: int) -> bytes:
        """The string at `offset`, without its NUL, from this BTF or its bases; raises NotFoundError if it has no such offset."""
        layer = self
        try:
            while offset < layer.start_str_off:
                layer = layer.base  # type: ignore[assignment]
        except AttributeError:
            raise self._no_string(offset) from None
        if offset - layer.start_str_off >= len(layer.strings):
            raise self._no_string(offset)
        start = layer._text_at + offset
        return layer.blob[start : layer.blob.index(0, start)]

    def name(self, type_id: int) -> str:
        """The name of a type; "" for void and anonymous ones.  Undecodable bytes become surrogates."""
        return text(self.string(self.word(type_id, 0))) if type_id != 0 else ""

    def strip(self, type_id: int, kinds: frozenset[int] = spec.MODS_AND_TYPEDEFS) -> int:
        """The id of a type without its const, volatile, restrict, type tags and typedefs (or other `kinds`).

        Raises FormatError after MAX_CHAIN steps: they form a cycle.
        """
        for _ in range(MAX_CHAIN):
            if self.kind(type_id) not in kinds:
                return type_id
            type_id = self.word(type_id, 2)
        raise self.cycle(type_id)

    def cycle(self, type_id: int) -> FormatError:
        """The error for modifiers, typedefs or arrays that form a cycle."""
        return FormatError(
            f"more than {MAX_CHAIN} modifiers, typedefs or arrays in a row: they form a cycle",
            source=self.source,
            section="types",
            type_id=type_id,
        )

    def sizeof(self, type_id: int) -> int | None:
        """The size of a type in bytes; None for void, FWD, FUNC and FUNC_PROTO, which have none.

        Pointers have `pointer_size`, or 8 if unknown.  Raises FormatError for a cycle.  Rule: libbpf 1.7, btf__resolve_size.
        """
        from btfkit.btf.sizes import sizeof

        return sizeof(self, type_id)

    def alignof(self, type_id: int) -> int | None:
        """The natural alignment of a type in bytes, None if it has none.

        That of a composite is its widest member's, or 1 if it is packed: a member is not aligned, or the size is not a
        multiple of it.  Rule: libbpf 1.7, btf__align_of.
        """
        from btfkit.btf.sizes import alignof

        return alignof(self, type_id, self._alignments)

    # ---- looking up --------------------------------------------------------------------------------------------

    def find(self, name: str, kind: int | str | None = None) -> Type:
        """A view of the first type called `name`: the one with the lowest id.

        `kind` (a number, or a name such as "STRUCT") restricts the search, and so does C's spelling: `find("struct file")`.
        Raises NotFoundError.  Rule: libbpf 1.7, btf__find_by_name_kind.
        """
        type_id = self.find_id(name, kind)
        if type_id is None:
            raise missing(self, name, _kind_numbers(kind))
        return self[type_id]

    def find_id(self, name: str, kind: int | str | None = None) -> int | None:
        """The id of the type that `find` finds, or None."""
        return next(self.find_ids(name, kind), None)

    def find_ids(self, name: str, kind: int | str | tuple[int, ...] | None = None) -> Iterator[int]:
        """The ids of all types called `name`, ascending; of one kind, or of several."""
        tag, _, rest = name.partition(" ")
        kinds = _kind_numbers(kind)
        if not kinds and rest and tag in spec.C_TAGS:
            kinds, name = spec.C_TAGS[tag], rest
        raw = name.encode("utf-8", "surrogateescape")
        if raw and b"\0" not in raw:
            for layer in self.chain:
                yield from own_ids_called(layer, raw, kinds)

    def string_offsets(self, name: bytes) -> list[int]:
        """Every offset of the string `name` in this BTF or its bases, including ends of longer strings."""
        found = self.base.string_offsets(name) if self.base is not None else []
        end = self._text_at + self.start_str_off + len(self.strings)
        at = self.blob.find(name + b"\0", self._text_at + self.start_str_off, end)
        while at >= 0:
            found.append(at - self._text_at)
            at = self.blob.find(name + b"\0", at + 1, end)
        return found

    def types(self, kind: int | str | None = None, *, own: bool = False) -> Iterator[Type]:
        """Views of all types except void, or of those of one kind; `own` excludes the base's."""
        kinds = _kind_numbers(kind)
        for type_id in self.own_ids if own else range(1, len(self)):
            if not kinds or self.kind(type_id) in kinds:
                yield self[type_id]


def references(words: memoryview[int], at: int, table: bytes) -> Iterator[tuple[int, str]]:
    """The word positions within the record at `at` that hold a name offset ("name") or a type id ("type"), in order."""
    info = words[at + 1]
    row = (info >> 24 & spec.MAX_KIND) * spec.ROW
    yield at, "name"
    if table[row + spec.COL_THIRD_IS_TYPE]:
        yield at + 2, "type"
    tail, elem = table[row + spec.COL_TAIL], table[row + spec.COL_ELEM]
    for slot in range(tail):
        if table[row + spec.COL_TAIL_IDS] >> slot & 1:
            yield at + 3 + slot, "type"
    names, ids = table[row + spec.COL_ELEM_NAMES], table[row + spec.COL_ELEM_IDS]
    if names or ids:
        for start in range(at + 3 + tail, at + 3 + tail + (info & spec.MAX_VLEN) * elem, elem):
            for slot in range(elem):
                if names >> slot & 1:
                    yield start + slot, "name"
                elif ids >> slot & 1:
                    yield start + slot, "type"


_long_buckets: list[memoryview[int]] = []  # of LONG_SPELLINGS, once it was needed


def _index_long() -> memoryview[int]:
    _long_buckets.append(name_buckets(LONG_SPELLINGS))
    return _long_buckets[0]


def name_buckets(names: frozenset[bytes] | set[bytes] | dict[bytes, Any]) -> memoryview[int]:
    """The open-addressed table of the hashes of `names`, whole essential names, for `hot.names.find_hashes`."""
    return _names.buckets_of(names)


def _kind_numbers(kind: int | str | tuple[int, ...] | None) -> tuple[int, ...]:
    """The numbers of kinds given by number or name: () for all."""
    if isinstance(kind, str):
        if kind.upper() not in spec.KIND_NAMES:
            raise NotFoundError(f"no kind {kind!r}; kinds are {', '.join(spec.KIND_NAMES[1:])}")
        kind = spec.KIND_NAMES.index(kind.upper())
    return kind if isinstance(kind, tuple) else (kind,) if kind else ()


def _as_words(section: memoryview[int], order: ByteOrder, aligned: bool) -> memoryview[int]:
    """The u32 words of a section in this machine's byte order, in place if order and alignment allow it."""
    if order == _header.NATIVE:
        return (section if aligned else memoryview(bytes(section))).cast("I")
    return _header.swap_words(section).toreadonly()


def _unpickle(data: bytes, base: Btf | None, source: str | None, pointer_size: int | None) -> Btf:
    return Btf.from_bytes(data, base, source=source, pointer_size=pointer_size)


LOAD = "use btfkit.load(path)"


def demand_btf(parameter: str, *values: object, file_function: str = "") -> None:
    """Raise TypeError if a value given for `parameter` is not a Btf but, for example, a path; `file_function` is the function
    that does the same with a path."""
    for value in values:
        if isinstance(value, Btf):
            continue
        if isinstance(value, str | bytes) or hasattr(value, "__fspath__"):
            what = f"{type(value).__name__} {value!r:.60}"
            remedy = LOAD + (f", or {file_function}(path)" if file_function else "")
        else:
            what = type(value).__name__
            remedy = "use its .btf" + "()" * callable(value.btf) if hasattr(value, "btf") else LOAD
        raise TypeError(f"{parameter}: expected a Btf, got {what}; {remedy}")


def btf_list(parameter: str, btfs: Iterable[Btf]) -> list[Btf]:
    """`btfs`, given for `parameter`, as a list; raises TypeError as `demand_btf` does."""
    many = [btfs] if isinstance(btfs, str | bytes) else list(btfs)
    demand_btf(parameter, *many)
    return many
