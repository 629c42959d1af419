"""Source code of other languages: what all of them need to declare the types of a BTF.

A subclass for each language (`rust`, `go`, `ctypes_code`) writes the text.  Here: which types it has (`definitions`), and their
names, each an identifier that exists once.  A name that had to change stands in a comment (`note`).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.shapes import shape_of
from btfkit.btf.spec import text
from btfkit.btf.spelling import label
from btfkit.errors import FormatError, printable
from btfkit.show.definitions import TANGLED, Definitions
from btfkit.values.shape import Composite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.errors import BtfError

DEEPEST = 64  # pointers, arrays and prototypes within each other
LONGEST = 1 << 16  # characters of one type
CHUNK = 1 << 18  # characters at a time
_NAMED = spec.COMPOSITES | spec.ENUMS | {spec.FWD, spec.TYPEDEF}
_KEPT = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_ONLY = bytes(c if c in _KEPT else 0x5F for c in range(256))


def identifier(name: bytes) -> str:
    """A name with every byte that C does not allow in names replaced by an underscore."""
    word = name.translate(_ONLY).decode("ascii")
    return f"_{word}" if word[:1].isdigit() else word


class Names:
    """Identifiers that exist once: a second `name` becomes `name___2`, as in C headers."""

    __slots__ = ("_next", "taken")

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._next: dict[str, int] = {}

    def new(self, wanted: str) -> str:
        name = wanted
        while name in self.taken:
            number = self._next[wanted] = self._next.get(wanted, 1) + 1
            name = f"{wanted}___{number}"
        self.taken.add(name)
        return name


class Source:
    """The declarations of all types of a chain, or of those of `ids` with what they need, in one language."""

    language = ""
    reserved: frozenset[str] = frozenset()  # identifiers that no type may have

    def __init__(self, btf: Btf, ids: Iterable[int] | None = None, *, unsorted: bool = False) -> None:
        self.btf = btf
        self.pointer_size = btf.pointer_size or spec.DEFAULT_POINTER_SIZE
        self.definitions = Definitions(btf, language=self.language)
        self.names: dict[int, str] = {}
        self.free = Names(self.reserved)
        self.pending: list[int] = []  # types without a name that were named, to be defined
        self._inner: dict[str, int] = {}
        self._depth = 0
        self.order: list[int] = []
        self.opaque: list[int] = []
        self._choose(self.definitions.plan(ids, unsorted=unsorted))

    # ---- which types, under what names --------------------------------------------------------------------------------

    def _choose(self, plan: memoryview[int]) -> None:
        """Set `order` (the types to define), `opaque` (those of which only the name is known) and `names`."""
        kind = self.btf.kind
        steps = [step for step in plan if kind(step >> 1) in _NAMED]
        declared = dict.fromkeys(step >> 1 for step in steps if step & 1 and kind(step >> 1) != spec.TYPEDEF)
        defined: list[int] = []
        tags: dict[tuple[str, bytes], str] = {}  # the identifier of what C knows by keyword and name
        for type_id in dict.fromkeys(step >> 1 for step in steps if not step & 1 or kind(step >> 1) == spec.TYPEDEF):
            declared.pop(type_id, None)
            if self._is_declaration(type_id):
                declared[type_id] = None
                continue
            defined.append(type_id)
        for kinds in spec.COMPOSITES, spec.ENUMS:
            for type_id in defined:
                raw = self.raw_name(type_id)
                if raw and kind(type_id) in kinds:
                    self.names[type_id] = self.new_name(type_id, raw)
                    tags.setdefault(self._tag(type_id), self.names[type_id])
        for type_id in declared:
            tag = self._tag(type_id)
            if self._is_declaration(type_id) and tag in tags:
                self.names[type_id] = tags[tag]
                continue
            self.names[type_id] = self.new_name(type_id, self.raw_name(type_id))
            tags.setdefault(tag, self.names[type_id])
            (defined if kind(type_id) in spec.ENUMS else self.opaque).append(type_id)
        for type_id in defined:
            found = self._name_typedef(type_id) if kind(type_id) == spec.TYPEDEF else type_id
            if found:
                self.order.append(found)

    def _is_declaration(self, type_id: int) -> bool:
        """Whether a type only states that another one exists."""
        kind = self.btf.kind(type_id)
        is_empty = kind in spec.ENUMS and not self.btf.word(type_id, 1) & spec.MAX_VLEN
        return kind == spec.FWD or (is_empty and self.raw_name(type_id) != b"")

    def _tag(self, type_id: int) -> tuple[str, bytes]:
        """The keyword and name by which C knows a type."""
        kind = self.btf.kind(type_id)
        if kind == spec.FWD:
            kind = spec.UNION if self.btf.word(type_id, 1) >> 31 else spec.STRUCT
        return spec.word(kind), self.raw_name(type_id)

    def _name_typedef(self, type_id: int) -> int:
        """Name a typedef; returns the type to define with that name, or 0 if what it stands for has the name already."""
        raw = self.raw_name(type_id)
        target = self.btf.strip(self.btf.word(type_id, 2), spec.MODIFIERS)
        if self.btf.kind(target) in _NAMED - {spec.TYPEDEF}:
            if target not in self.names and not self.raw_name(target):
                self.names[target] = self.names[type_id] = self.new_name(target, raw)
                return target
            if self.raw_name(target) == raw and target in self.names:
                self.names[type_id] = self.names[target]
                return 0
        self.names[type_id] = self.builtin(type_id)
        if self.names[type_id]:
            return 0
        self.names[type_id] = self.new_name(type_id, raw)
        return type_id

    def new_name(self, type_id: int, raw: bytes) -> str:
        """An identifier for a type that is called `raw`."""
        return self.free.new(self.styled(raw))

    def builtin(self, type_id: int) -> str:
        """The type of the language that has the name of a typedef and is what it stands for; otherwise ""."""
        return ""

    def styled(self, raw: bytes) -> str:
        """The identifier of a type with this name, in the style of the language."""
        return identifier(raw) or "_"

    def raw_name(self, type_id: int) -> bytes:
        return self.btf.string(self.btf.word(type_id, 0))

    def name(self, type_id: int, within: str) -> str:
        """The identifier of a type; one without a name is named after the type `within` that has it, and has to be defined."""
        found = self.names.get(type_id)
        if found is None:
            number = self._inner[within] = self._inner.get(within, 0) + 1
            raw = self.raw_name(type_id) or self.inner_name(within, number)
            found = self.names[type_id] = self.new_name(type_id, raw)
            self.pending.append(type_id)
        return found

    def inner_name(self, within: str, number: int) -> bytes:
        """A name for the `number`-th type without one in the type called `within`."""
        return f"{within}__anon_{number}".encode("utf-8", "surrogateescape")

    def note(self, type_id: int) -> str:
        """What a type is called in BTF if its identifier is another one, for a comment; otherwise ""."""
        raw = self.raw_name(type_id)
        if not raw or raw == self.names.get(type_id, "").encode():
            return ""
        return commented(label(self.btf, type_id))

    # ---- reading types ---------------------------------------------------------------------------------------------------

    def composite(self, type_id: int) -> Composite:
        shape = shape_of(self.btf, type_id)
        assert isinstance(shape, Composite)
        return shape

    def members(self, type_id: int) -> list[tuple[bytes, int]]:
        """(name, type id) of each member, in the order of `Composite.members`."""
        layer, at = self.btf.locate(type_id)
        words, string = layer.words, self.btf.string
        count = words[at + 1] & spec.MAX_VLEN
        return [(string(words[p]), words[p + 1]) for p in range(at + 3, at + 3 + 3 * count, 3)]

    def member_names(self, members: list[tuple[bytes, int]], names: Names) -> list[str]:
        """An identifier for each member: one without a name is `__anon_1` and so on, as the types of such members are."""
        found, number = [], 0
        for raw, _ in members:
            if not raw:
                number += 1
            found.append(names.new(self.styled_member(raw) if raw else f"__anon_{number}"))
        return found

    def styled_member(self, raw: bytes) -> str:
        """The identifier of a member with this name, in the style of the language."""
        raise NotImplementedError

    def enumerators(self, type_id: int) -> Iterator[tuple[bytes, int]]:
        """(name, number) of each enumerator."""
        layer, at = self.btf.locate(type_id)
        words = layer.words
        wide, flag = self.btf.kind(type_id) == spec.ENUM64, words[at + 1] >> 31
        width, bits = (3, 64) if wide else (2, 32)
        for place in range(at + 3, at + 3 + width * (words[at + 1] & spec.MAX_VLEN), width):
            number = words[place + 1] | (words[place + 2] << 32 if wide else 0)
            yield self.btf.string(words[place]), number - (1 << bits) if flag and number >> (bits - 1) else number

    def parameters(self, proto: int) -> tuple[list[tuple[bytes, int]], bool]:
        """(name, type id) of each parameter of a prototype, and whether any number of others may follow."""
        layer, at = self.btf.locate(proto)
        words, string = layer.words, self.btf.string
        count = words[at + 1] & spec.MAX_VLEN
        found = [(string(words[p]), words[p + 1]) for p in range(at + 3, at + 3 + 2 * count, 2)]
        variadic = bool(found) and found[-1] == (b"", 0)
        return found[:-1] if variadic else found, variadic

    # ---- the text ----------------------------------------------------------------------------------------------------------

    def type_text(self, type_id: int, within: str) -> str:
        """A type where a member, parameter or alias states it."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.tangled()
        found = self.type_form(type_id, within)
        self._depth -= 1
        if len(found) > LONGEST:
            raise self.tangled()
        return found

    def tangled(self) -> BtfError:
        return self.definitions.limit_error(TANGLED.format(self.language))

    def damaged(self, type_id: int, message: str) -> FormatError:
        what = f"{label(self.btf, type_id)}: {message}"
        return FormatError(what, source=self.btf.source, section="types", type_id=type_id)

    def type_form(self, type_id: int, within: str) -> str:
        """`type_text` of one kind."""
        raise NotImplementedError

    def head(self) -> str:
        raise NotImplementedError

    def definition(self, type_id: int) -> str:
        """The declaration of a type with its members."""
        raise NotImplementedError

    def opaque_definition(self, type_id: int) -> str:
        """The declaration of a type of which only the name is known."""
        raise NotImplementedError

    def chunks(self) -> Iterator[bytes]:
        """The source code, in pieces."""
        parts = [self.head(), *map(self.opaque_definition, self.opaque)]
        size = 0
        for root in self.order:
            self.pending.append(root)
            while self.pending:
                parts.append(self.definition(self.pending.pop()))
                size += len(parts[-1])
            if size > CHUNK:
                yield "".join(parts).encode()
                parts, size = [], 0
        yield "".join(parts).encode()


def commented(text_: str) -> str:
    """Text for a comment of one line: ASCII, without anything that ends it or changes the direction of the text."""
    return printable(text_).encode("ascii", "backslashreplace").decode()


def member_name(raw: bytes) -> str:
    """A member's name as an error shows it."""
    return printable(text(raw))
