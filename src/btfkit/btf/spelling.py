"""Types as text: the C spelling on one line, and the short label that messages use.

`spelled` is C: "struct file *", "int (*)(struct sock *, int)", "char [16]".  `label` is for messages about a type of one
BTF: "struct file", "typedef pid_t", or without a name "pointer type 312".
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.errors import CUT, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

LONGEST = 400  # characters; longer text is cut and ends in CUT
NAMELESS = "{" + CUT + "}"  # follows the keyword of a type without a name
DEEPEST = 16  # prototypes within prototypes
SHORT = 32  # pointers and qualifiers in a row, more than programs have
MOST = 200  # parameters in one text, those of parameters included
_QUALIFIERS = frozenset((spec.CONST, spec.VOLATILE, spec.RESTRICT))


def spelled(btf: Btf, type_id: int) -> str:
    """A type in C, printable: "struct file *"; the declaration of a function or variable; for what C cannot express (sections,
    declaration tags), its `label`."""
    kind = btf.kind(type_id)
    if kind in (spec.DATASEC, spec.DECL_TAG) or kind >= len(spec.KINDS):
        return label(btf, type_id)
    spelling = Spelling(btf)
    return spelling.declared(type_id) if kind in (spec.FUNC, spec.VAR) else spelling[type_id]


def label(btf: Btf, type_id: int) -> str:
    """A type as messages name it, printable: "struct file", "typedef pid_t", "pointer type 312", "void"."""
    if type_id == 0:
        return "void"
    return label_of(btf.kind(type_id), btf.name(type_id), type_id, forward_union=btf.word(type_id, 1) >> 31 != 0)


def label_of(kind: int, name: str, type_id: int, *, forward_union: bool = False) -> str:
    """`label` for callers that read records themselves; `forward_union` is the kind_flag of a FWD."""
    word = spec.word(kind)
    if kind == spec.FWD:
        word = f"declaration of {'union' if forward_union else 'struct'}"
    if not name:
        anonymous = "anonymous " if kind in spec.COMPOSITES or kind in spec.ENUMS else ""
        return f"{anonymous}{word} type {type_id}"
    return printable(name) if kind in (spec.INT, spec.FLOAT) else f"{word} {printable(name)}"


def keyword(btf: Btf, type_id: int) -> str:
    """C's keyword for a type: "struct", "union" (also for a declaration), "enum", or ""."""
    kind = btf.kind(type_id)
    if kind == spec.FWD:
        return "union" if btf.word(type_id, 1) >> 31 else "struct"
    return spec.word(kind) if kind in spec.COMPOSITES or kind in spec.ENUMS else ""


class Spelling:
    """The C spelling of the types of one BTF, printable (no control characters), each made once."""

    __slots__ = ("_before", "_names", "_parameters_left", "_spelled", "btf")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self._spelled: dict[int, str] = {}
        self._before: dict[int, str] = {}  # what stands before a name; "" if something follows it, as in arrays
        self._names: dict[int, str] = {}  # of parameters, by offset
        self._parameters_left = 0  # in one text

    def __getitem__(self, type_id: int) -> str:
        """The type without a name to declare: "struct list_head *"."""
        found = self._spelled.get(type_id)
        if found is None:
            found = self._spelled[type_id] = self.declare(type_id, "")
        return found

    def declare(self, type_id: int, name: str, depth: int = 0) -> str:
        """The declaration of `name` (unchanged) with that type: "int (*handler)(int)"."""
        if not depth:
            self._parameters_left = MOST
        btf = self.btf
        declarator = name
        qualifiers = ""  # of the next type
        for _ in range(MAX_CHAIN):
            kind = btf.kind(type_id)
            if kind in _QUALIFIERS:
                qualifiers = f"{qualifiers}{spec.word(kind)} "
                type_id = btf.word(type_id, 2)
            elif kind == spec.TYPE_TAG:
                type_id = btf.word(type_id, 2)
            elif kind == spec.PTR:
                declarator = f"*{qualifiers}{declarator}" if declarator else f"*{qualifiers}".rstrip()
                qualifiers = ""
                type_id = btf.word(type_id, 2)
            elif kind == spec.ARRAY:
                declarator = f"{_enclosed(declarator)}[{btf.word(type_id, 5) or ''}]"
                type_id = btf.word(type_id, 3)
            elif kind == spec.FUNC_PROTO:
                declarator = f"{_enclosed(declarator)}({self._parameters(type_id, depth)})"
                qualifiers = ""
                type_id = btf.word(type_id, 2)
                if before := self._before_name(type_id):
                    return _cut(before + declarator)
            else:
                return _cut(f"{qualifiers}{self._base(type_id, kind)}{_space(declarator)}{declarator}")
        return _cut(f"{CUT}{_space(declarator)}{declarator}")

    def declared(self, type_id: int) -> str:
        """The declaration of a function or variable ("int tcp_close(struct sock *)"), the type of a typedef ("int"), else ""."""
        kind = self.btf.kind(type_id)
        if kind not in (spec.TYPEDEF, spec.VAR, spec.FUNC):
            return ""
        target = self.btf.word(type_id, 2)
        name = "" if kind == spec.TYPEDEF else printable(self.btf.name(type_id))
        return self.declare(target, name) if name else self[target]

    def _base(self, type_id: int, kind: int) -> str:
        if kind == 0:
            return "void"
        tag = keyword(self.btf, type_id)
        name = printable(self.btf.name(type_id))
        if not tag:
            return name or spec.kind_name(kind).lower()
        return f"{tag} {name or NAMELESS}"

    def _parameters(self, type_id: int, depth: int) -> str:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        shown: list[str] = []
        for p in range(at + 3, at + 3 + 2 * (words[at + 1] & spec.MAX_VLEN), 2):
            self._parameters_left -= 1
            if depth >= DEEPEST or self._parameters_left < 0:
                shown.append(CUT)
                break
            name_off, target = words[p], words[p + 1]
            name = self._names.get(name_off)
            if name is None:
                name = self._names[name_off] = printable(text(self.btf.string(name_off)))
            if not target and not name:
                shown.append("...")
                continue
            before = self._before_name(target)
            if not before:
                shown.append(self.declare(target, name, depth + 1))
            elif name:
                shown.append(_cut(before + name))
            else:
                shown.append(self._spelled.get(target) or self.declare(target, "", depth + 1))
        return ", ".join(shown) or "void"

    def _before_name(self, type_id: int) -> str:
        """What stands before the name in every declaration with that type: "struct file *"; "" if something follows the name."""
        before = self._before.get(type_id)
        if before is None:
            before = ""
            btf, inner = self.btf, type_id
            for _ in range(SHORT):
                kind = btf.kind(inner)
                if kind in (spec.ARRAY, spec.FUNC_PROTO):
                    break
                if kind not in _QUALIFIERS and kind not in (spec.TYPE_TAG, spec.PTR):
                    shown = self.declare(type_id, "x", 1)
                    before = shown[:-1] if len(shown) < LONGEST else ""
                    break
                inner = btf.word(inner, 2)
            self._before[type_id] = before
        return before


def _enclosed(declarator: str) -> str:
    """A pointer to an array or function is written in parentheses."""
    return f"({declarator})" if declarator.startswith("*") else declarator


def _space(declarator: str) -> str:
    return " " if declarator else ""


def _cut(shown: str) -> str:
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + CUT
