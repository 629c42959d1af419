"""Twin of `hot/identity.py`: keys as tuples, numbered in a dict."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.show.identity import CLASSES, INT, MAX_DEPTH, STRUCT, UNION

_NAMED = frozenset((spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF))


class TooDeep(Exception):
    """More than MAX_DEPTH types without a name are nested."""


class Identities:
    """The keys of the types of one BTF, comparable with those of other BTFs made with the same `numbers`.

    Raises TooDeep.
    """

    __slots__ = ("_definitions", "_names", "_numbers", "_references", "btf", "tags")

    def __init__(self, btf, numbers: dict[object, int]) -> None:
        self.btf = btf
        self._numbers = numbers
        self._references: dict[int, int] = {}
        self._definitions: dict[int, int] = {}
        self._names: dict[int, bytes] = {0: b""}
        self.tags = self._declaration_tags()

    def _declaration_tags(self) -> dict[int, tuple[tuple[bytes, int], ...]]:
        """The declaration tags (text, component) of each tagged type."""
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
        """The key of a reference to a type."""
        found = self._references.get(type_id)
        if found is None:
            found = self._references[type_id] = self._number(self._reference(type_id, depth))
        return found

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _reference(self, type_id: int, depth: int) -> object:
        if type_id == 0:
            return ("void",)
        if depth > MAX_DEPTH:
            raise TooDeep
        layer, at = self.btf.locate(type_id)
        words = layer.words
        info = words[at + 1]
        kind = info >> 24 & spec.MAX_KIND
        if kind in _NAMED and words[at]:
            return (CLASSES[kind], self.name(words[at]))
        if kind == spec.INT:  # without the encoding: that belongs to the definition
            return (INT, self.name(words[at]), words[at + 2], words[at + 3] & 0xFFFFFF)
        if kind == spec.FWD:
            return (UNION if info >> 31 else STRUCT, self.name(words[at]))
        return self._body(layer, at, kind, depth)

    def definition(self, type_id: int) -> int:
        """The key of the definition of a type."""
        found = self._definitions.get(type_id)
        if found is None:
            layer, at = self.btf.locate(type_id)
            kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
            body: object = self._body(layer, at, kind, 0)
            if type_id in self.tags:
                body = (body, self.tags[type_id])
            found = self._definitions[type_id] = self._number(body)
        return found

    def _body(self, layer, at: int, kind: int, depth: int) -> object:
        words = layer.words
        info = words[at + 1]
        count = info & spec.MAX_VLEN
        refer, cached, name = self.reference, self._references, self.name
        if kind == spec.STRUCT or kind == spec.UNION:
            parts: list[object] = [kind, words[at + 2]]
            flag = info >> 31
            for m in range(at + 3, at + 3 + 3 * count, 3):
                target, where = words[m + 1], words[m + 2]
                key = cached.get(target)
                if flag:
                    where = (where >> 24) << 32 | (
                        where & 0xFFFFFF
                    )  # the width in the high bits, whatever kind_flag is
                parts += (name(words[m]), refer(target, depth + 1) if key is None else key, where)
            return tuple(parts)
        if kind == spec.FUNC_PROTO:
            parts = [kind, refer(words[at + 2], depth + 1)]
            for p in range(at + 4, at + 4 + 2 * count, 2):
                target = words[p]
                key = cached.get(target)
                parts.append(refer(target, depth + 1) if key is None else key)
            return tuple(parts)
        if kind in spec.ENUMS:
            width = 2 if kind == spec.ENUM else 3
            values = ((name(words[v]), *words[v + 1 : v + width]) for v in range(at + 3, at + 3 + width * count, width))
            return (kind, words[at + 2], info >> 31, *values)
        if kind == spec.ARRAY:
            return (kind, refer(words[at + 3], depth + 1), words[at + 5])
        if kind == spec.INT:
            return (kind, name(words[at]), words[at + 2], words[at + 3])
        if kind == spec.FLOAT:
            return (kind, name(words[at]), words[at + 2])
        if kind == spec.TYPE_TAG:
            return (kind, name(words[at]), refer(words[at + 2], depth + 1))
        if kind >= len(spec.KINDS) or spec.KINDS[kind].third != "type":
            return (kind, name(words[at]))
        return (kind, refer(words[at + 2], depth + 1))
