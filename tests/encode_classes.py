"""What two BTFs of one program have in common, up to the ids: each type as a text that says all of it.

Reads BTF by itself (`struct`, no code of btfkit), so it can judge what btfkit wrote.  Two types have the same text if no walk
from them finds a difference; cycles go through the names of structs and unions, whose contents are texts of their own.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter

(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT) = range(1, 12)
(FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64) = range(12, 20)
TAIL = {INT: 1, ARRAY: 3, VAR: 1, DECL_TAG: 1}
ELEMENT = {STRUCT: 3, UNION: 3, ENUM: 2, FUNC_PROTO: 2, DATASEC: 3, ENUM64: 3}
WORDS = {PTR: "*", VOLATILE: "volatile ", CONST: "const ", RESTRICT: "restrict "}
TAGGED = (STRUCT, UNION, ENUM, ENUM64, FWD)


class Classes:
    """The types of a raw BTF: those without base, or the own ones of a BTF that is split on `base`.

    With `on_a_kernel`, what a module's BTF and its kernel's are allowed to say differently is said in one way: an array of
    arrays is the flat array of all elements, as pahole wrote it before 1.32, and a declaration is spelled as what it
    declares.
    """

    def __init__(self, blob: bytes, base: Classes | None = None, *, on_a_kernel: bool = False) -> None:
        mark = "<" if blob[:2] == b"\x9f\xeb" else ">"
        assert struct.unpack_from(mark + "H", blob)[0] == 0xEB9F
        head, types_at, types_size, strings_at, strings_size = struct.unpack_from(mark + "5I", blob, 4)
        words = struct.unpack_from(f"{mark}{types_size // 4}I", blob, head + types_at)
        self.base = base
        self.on_a_kernel = on_a_kernel
        self.start = len(base) if base else 0
        self.strings_start = base.strings_end if base else 0
        self.strings = blob[head + strings_at : head + strings_at + strings_size]
        self.strings_end = self.strings_start + len(self.strings)
        self.own: list[tuple[int, ...]] = [] if base else [(0, 0, 0)]
        self.several: frozenset[tuple[int, str]] = frozenset()  # names whose definitions are to be told apart
        at = 0
        while at < len(words):
            kind, count = words[at + 1] >> 24 & 0x1F, words[at + 1] & 0xFFFF
            size = 3 + TAIL.get(kind, 0) + count * ELEMENT.get(kind, 0)
            self.own.append(words[at : at + size])
            at += size

    def __len__(self) -> int:
        return self.start + len(self.own)

    @property
    def numbers(self) -> range:
        """The ids of the own types."""
        return range(self.start or 1, len(self))

    def words(self, number: int) -> tuple[int, ...]:
        if number >= self.start:
            return self.own[number - self.start]
        assert self.base is not None
        return self.base.words(number)

    def kind(self, number: int) -> int:
        return self.words(number)[1] >> 24 & 0x1F

    def name(self, number: int) -> str:
        return self.string(self.words(number)[0])

    def string(self, at: int) -> str:
        if at < self.strings_start:
            assert self.base is not None
            return self.base.string(at)
        at -= self.strings_start
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def tag(self, number: int) -> int:
        """The kind of a struct, union, enumeration or what declares one; declarations have their own unless `on_a_kernel`."""
        kind = self.kind(number)
        if kind == FWD and self.on_a_kernel:
            return UNION if self.words(number)[1] >> 31 else STRUCT
        return kind

    def is_declaration(self, number: int) -> bool:
        """Whether a struct, union or enumeration is only declared."""
        kind = self.kind(number)
        return kind == FWD or (kind in (ENUM, ENUM64) and not self.words(number)[1] & 0xFFFF)

    def spelled(self, number: int, depth: int = 0) -> str:
        """A reference to a type: a named struct, union or enumeration only by its name, and by a digest of its
        contents where there are `several` of the name."""
        if not number:
            return "void"
        assert depth < 100
        kind = self.kind(number)
        if kind in TAGGED and self.words(number)[0]:
            tag, name = self.tag(number), self.name(number)
            if (tag, name) in self.several and not self.is_declaration(number):
                return f"<{tag} {name} {self.digest(number)}>"
            return f"<{tag} {name}>"
        return self.full(number, depth + 1)

    def digest(self, number: int) -> str:
        """What tells apart definitions of one name: their contents, without those of what they refer to."""
        several, self.several = self.several, frozenset()
        text = self.full(number)
        self.several = several
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def full(self, number: int, depth: int = 0) -> str:
        """All of a type."""
        words = self.words(number)
        kind, flag = self.kind(number), words[1] >> 31
        name = self.name(number)

        def of(target: int) -> str:
            return self.spelled(target, depth)

        if kind in WORDS:
            return f"{WORDS[kind]}({of(words[2])})"
        if kind in (TYPEDEF, TYPE_TAG):
            return f"{kind}{flag} {name}=({of(words[2])})"
        if kind == ARRAY:
            element, count = words[3], words[5]
            while self.on_a_kernel and element and self.kind(element) == ARRAY:
                count *= self.words(element)[5]
                element = self.words(element)[3]
            return f"[{count} by {of(words[4])}]({of(element)})"
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
        """The text of each own type, and how often there is one."""
        return Counter(self.full(number) for number in self.numbers)

    def definitions(self) -> dict[tuple[int, str], set[str]]:
        """The different own definitions of each name."""
        found: dict[tuple[int, str], set[str]] = {}
        for number in self.numbers:
            if self.words(number)[0] and self.kind(number) in TAGGED and not self.is_declaration(number):
                found.setdefault((self.tag(number), self.name(number)), set()).add(self.digest(number))
        return found


class KernelClasses:
    """The types of a kernel, prepared for any number of modules."""

    def __init__(self, blob: bytes) -> None:
        self.classes = Classes(blob, on_a_kernel=True)
        self.definitions = self.classes.definitions()
        self._texts: list[str] = [""]
        self._mentions: dict[tuple[int, str], list[int]] = {}
        for number in self.classes.numbers:
            self._texts.append(self.classes.full(number))
            for tag, name in set(re.findall(r"<(\d+) ([^>]*)>", self._texts[number])):
                self._mentions.setdefault((int(tag), name), []).append(number)

    def texts(self, several: frozenset[tuple[int, str]]) -> set[str]:
        """The texts of all types, where those names have several definitions."""
        found = self._texts[:]
        self.classes.several = several
        for number in {number for name in several for number in self._mentions.get(name, ())}:
            found[number] = self.classes.full(number)
        return set(found)


class Compared:
    """Two BTFs of one module, split on one kernel's: the texts of types that `only_theirs` and `only_ours` have and the kernel
    has not; and those of the own types of each that the kernel has as well (`theirs_again`, `ours_again`)."""

    def __init__(self, kernel: KernelClasses, theirs: bytes, ours: bytes) -> None:
        a, b = (Classes(blob, kernel.classes, on_a_kernel=True) for blob in (theirs, ours))
        self.types = len(a.own), len(b.own)
        definitions = {name: set(found) for name, found in kernel.definitions.items()}
        for one in (a, b):
            for name, found in one.definitions().items():
                definitions.setdefault(name, set()).update(found)
        several = frozenset(name for name, found in definitions.items() if len(found) > 1)
        known = kernel.texts(several)
        a.several = b.several = several
        their_texts, our_texts = set(a.texts()), set(b.texts())
        self.only_theirs = sorted(their_texts - known - our_texts)
        self.only_ours = sorted(our_texts - known - their_texts)
        self.theirs_again = sorted(their_texts & known)
        self.ours_again = sorted(our_texts & known)
