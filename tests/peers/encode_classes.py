"""What two BTFs of one program have in common, up to the ids: each type as a text that says all of it.

Reads BTF by itself (`struct`, no code of btfkit), so it can judge what btfkit wrote.  Two types have the same text if no walk
from them finds a difference; cycles go through the names of structs and unions, whose contents are texts of their own.
"""

from __future__ import annotations

import struct
from collections import Counter

(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT) = range(1, 12)
(FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64) = range(12, 20)
TAIL = {INT: 1, ARRAY: 3, VAR: 1, DECL_TAG: 1}
ELEMENT = {STRUCT: 3, UNION: 3, ENUM: 2, FUNC_PROTO: 2, DATASEC: 3, ENUM64: 3}
WORDS = {PTR: "*", VOLATILE: "volatile ", CONST: "const ", RESTRICT: "restrict "}


class Classes:
    """The types of a raw BTF without base."""

    def __init__(self, blob: bytes) -> None:
        mark = "<" if blob[:2] == b"\x9f\xeb" else ">"
        assert struct.unpack_from(mark + "H", blob)[0] == 0xEB9F
        head, types_at, types_size, strings_at, strings_size = struct.unpack_from(mark + "5I", blob, 4)
        words = struct.unpack_from(f"{mark}{types_size // 4}I", blob, head + types_at)
        self.strings = blob[head + strings_at : head + strings_at + strings_size]
        self.types: list[tuple[int, ...]] = [(0, 0, 0)]
        at = 0
        while at < len(words):
            kind, count = words[at + 1] >> 24 & 0x1F, words[at + 1] & 0xFFFF
            size = 3 + TAIL.get(kind, 0) + count * ELEMENT.get(kind, 0)
            self.types.append(words[at : at + size])
            at += size
        self._texts: dict[int, str] = {}

    def kind(self, number: int) -> int:
        return self.types[number][1] >> 24 & 0x1F

    def name(self, number: int) -> str:
        return self.string(self.types[number][0])

    def string(self, at: int) -> str:
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def spelled(self, number: int, depth: int = 0) -> str:
        """A reference to a type: a named struct, union or enumeration only by its name."""
        if not number:
            return "void"
        assert depth < 200
        kind = self.kind(number)
        if kind in (STRUCT, UNION, ENUM, ENUM64, FWD) and self.types[number][0]:
            return f"<{kind} {self.name(number)}>"
        return self.full(number, depth + 1)

    def full(self, number: int, depth: int = 0) -> str:
        """All of a type."""
        words = self.types[number]
        kind, flag = self.kind(number), words[1] >> 31
        name = self.name(number)

        def of(target: int) -> str:
            return self.spelled(target, depth)

        if kind in WORDS:
            return f"{WORDS[kind]}({of(words[2])})"
        if kind in (TYPEDEF, TYPE_TAG):
            return f"{kind}{flag} {name}=({of(words[2])})"
        if kind == ARRAY:
            return f"[{words[5]} by {of(words[4])}]({of(words[3])})"
        if kind == FUNC:
            return f"func {name} {words[1] & 0xFFFF} {of(words[2])}"
        if kind == VAR:
            return f"var {name} {words[3]} {of(words[2])}"
        if kind == DECL_TAG:
            return f"tag {name} {words[3]:#x} on {of(words[2])}"
        if kind in (STRUCT, UNION):
            parts = [f"{self.string(words[i])}:{of(words[i + 1])}@{words[i + 2]:#x}" for i in range(3, len(words), 3)]
            return f"{kind}{flag} {name} {words[2]} {{{', '.join(parts)}}}"
        if kind in (ENUM, ENUM64):
            step = ELEMENT[kind]
            parts = [f"{self.string(words[i])}={words[i + 1 : i + step]}" for i in range(3, len(words), step)]
            return f"{kind}{flag} {name} {words[2]} {{{', '.join(parts)}}}"
        if kind == FUNC_PROTO:
            parts = [f"{self.string(words[i])}:{of(words[i + 1])}" for i in range(3, len(words), 2)]
            return f"({', '.join(parts)})->{of(words[2])}"
        if kind == DATASEC:
            parts = [f"{of(words[i])}@{words[i + 1]}+{words[i + 2]}" for i in range(3, len(words), 3)]
            return f"section {name} {words[2]} {{{', '.join(parts)}}}"
        return f"{kind}{flag} {name} {words[2:]}"

    def texts(self) -> Counter[str]:
        """The text of each type, and how often there is one."""
        return Counter(self.full(number) for number in range(1, len(self.types)))
