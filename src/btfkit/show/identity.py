"""What makes two types of two BTFs the same: exact keys, equal where the types are equivalent, whatever their ids.

A type *as it is referred to* is its kind and name where it has a name, and all that it consists of where it has none
(pointers, arrays, prototypes, nameless structs).  The *definition* of a named type is what it consists of, each
part as it is referred to.  So a change deep inside shows in the definition of the type that was changed, and in those whose
layout it moves, and nowhere else.  Names of parameters and the index types of arrays are no part of it, and a
declaration (FWD) is referred to like the definition.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

MAX_DEPTH = 150  # types without a name within each other
STRUCT, UNION, ENUM, TYPEDEF, FUNC, VAR, INT, FLOAT = (
    "struct", "union", "enum", "typedef", "function", "variable", "int", "float",
)  # fmt: skip
CLASSES = {
    kind: spec.word(kind)
    for kind in (
        spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF, spec.FUNC, spec.VAR, spec.INT, spec.FLOAT,
    )
}  # fmt: skip
_NAMED = frozenset((spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF))


class Interner:
    """Numbers for keys: equal keys, of whichever BTF, get the same number."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def __call__(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


class Identities:
    """The keys of the types of one BTF; compare only those made with one `Interner`.

    Raises FormatError where types without a name are nested without end.
    """

    __slots__ = ("_definitions", "_intern", "_names", "_references", "btf", "tags")

    def __init__(self, btf: Btf, intern: Interner) -> None:
        self.btf = btf
        self._intern = intern
        self._references: dict[int, int] = {}
        self._definitions: dict[int, int] = {}
        self._names: dict[int, bytes] = {0: b""}
        self.tags = self._declaration_tags()

    def _declaration_tags(self) -> dict[int, tuple[tuple[bytes, int], ...]]:
        """The declaration tags (text, component) of each type that has some."""
        found: dict[int, list[tuple[bytes, int]]] = {}
        for layer in self.btf.chain:
            words = layer.words
            for at in layer.positions:
                if words[at + 1] >> 24 & spec.MAX_KIND == spec.DECL_TAG:
                    found.setdefault(words[at + 2], []).append((self.btf.string(words[at]), words[at + 3]))
        return {type_id: tuple(sorted(tags)) for type_id, tags in found.items()}

    def name(self, offset: int) -> bytes:
        """The string at an offset."""
        found = self._names.get(offset)
        if found is None:
            found = self._names[offset] = self.btf.string(offset)
        return found

    def reference(self, type_id: int, depth: int = 0) -> int:
        """The key of a type as it is referred to."""
        found = self._references.get(type_id)
        if found is None:
            found = self._references[type_id] = self._intern(self._reference(type_id, depth))
        return found

    def _reference(self, type_id: int, depth: int) -> object:
        if type_id == 0:
            return ("void",)
        if depth > MAX_DEPTH:
            raise FormatError(
                f"types without a name nested more than {MAX_DEPTH} deep",
                source=self.btf.source,
                section="types",
                type_id=type_id,
            )
        layer, at = self.btf.locate(type_id)
        words = layer.words
        info = words[at + 1]
        kind = info >> 24 & spec.MAX_KIND
        if kind in _NAMED and words[at]:
            return (CLASSES[kind], self.name(words[at]))
        if kind == spec.INT:  # of whatever sign: that is the INT's own business
            return (INT, self.name(words[at]), words[at + 2], words[at + 3] & 0xFFFFFF)
        if kind == spec.FWD:
            return (UNION if info >> 31 else STRUCT, self.name(words[at]))
        return self._content(layer, at, kind, depth)

    def definition(self, type_id: int) -> int:
        """The key of what a type consists of."""
        found = self._definitions.get(type_id)
        if found is None:
            layer, at = self.btf.locate(type_id)
            kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
            content: object = self._content(layer, at, kind, 0)
            if type_id in self.tags:
                content = (content, self.tags[type_id])
            found = self._definitions[type_id] = self._intern(content)
        return found

    def _content(self, layer: Btf, at: int, kind: int, depth: int) -> object:
        words = layer.words
        info = words[at + 1]
        count = info & spec.MAX_VLEN
        refer, known, name = self.reference, self._references, self.name
        if kind == spec.STRUCT or kind == spec.UNION:
            parts: list[object] = [kind, words[at + 2]]
            flag = info >> 31
            for m in range(at + 3, at + 3 + 3 * count, 3):
                target, where = words[m + 1], words[m + 2]
                key = known.get(target)
                if flag:
                    where = (where >> 24) << 32 | (where & 0xFFFFFF)  # bits above, so that no flag is needed to read it
                parts += (name(words[m]), refer(target, depth + 1) if key is None else key, where)
            return tuple(parts)
        if kind == spec.FUNC_PROTO:
            parts = [kind, refer(words[at + 2], depth + 1)]
            for p in range(at + 4, at + 4 + 2 * count, 2):
                target = words[p]
                key = known.get(target)
                parts.append(refer(target, depth + 1) if key is None else key)
            return tuple(parts)
        if kind == spec.ENUM:
            return (kind, words[at + 2], info >> 31, *self._values(layer, at, count, 2))
        if kind == spec.ENUM64:
            return (kind, words[at + 2], info >> 31, *self._values(layer, at, count, 3))
        if kind == spec.ARRAY:
            return (kind, refer(words[at + 3], depth + 1), words[at + 5])
        if kind == spec.INT:
            return (kind, name(words[at]), words[at + 2], words[at + 3])
        if kind == spec.FLOAT:
            return (kind, name(words[at]), words[at + 2])
        if kind == spec.TYPE_TAG:
            return (kind, name(words[at]), refer(words[at + 2], depth + 1))
        if kind == spec.FUNC:
            return (kind, refer(words[at + 2], depth + 1))
        if kind >= len(spec.KINDS) or spec.KINDS[kind].third != "type":
            return (kind, name(words[at]))
        return (kind, refer(words[at + 2], depth + 1))

    def _values(self, layer: Btf, at: int, count: int, width: int) -> list[object]:
        words = layer.words
        found: list[object] = []
        for v in range(at + 3, at + 3 + width * count, width):
            found.append(self.name(words[v]))
            found += words[v + 1 : v + width]
        return found
