"""Types in C's own words, on one line: "struct file *", "int (*)(struct sock *, int)", "char [16]"."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import MAX_CHAIN, text
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

LONGEST = 400  # characters; what is longer is cut, and ends in CUT
CUT = "\N{HORIZONTAL ELLIPSIS}"
DEEPEST = 16  # prototypes within prototypes
MOST = 200  # parameters in one text, those of parameters included
_TAGS = {spec.STRUCT: "struct ", spec.UNION: "union ", spec.ENUM: "enum ", spec.ENUM64: "enum "}
_QUALIFIERS = {spec.CONST: "const", spec.VOLATILE: "volatile", spec.RESTRICT: "restrict"}


class TypeNames:
    """The names of the types of one BTF, safe to show (no control characters), each made once."""

    __slots__ = ("_known", "_left", "btf")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self._known: dict[int, str] = {}
        self._left = 0  # how many parameters more one text may look into

    def __getitem__(self, type_id: int) -> str:
        """The type without a name to declare: "struct list_head *"."""
        found = self._known.get(type_id)
        if found is None:
            found = self._known[type_id] = self.declare(type_id, "")
        return found

    def declare(self, type_id: int, name: str, depth: int = 0) -> str:
        """The declaration of `name` (which is shown as it is) with that type: "int (*handler)(int)"."""
        if not depth:
            self._left = MOST
        btf = self.btf
        declarator = name
        qualifiers = ""  # of what comes next
        for _ in range(MAX_CHAIN):
            kind = btf.kind(type_id)
            if kind in _QUALIFIERS:
                qualifiers = f"{qualifiers}{_QUALIFIERS[kind]} "
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
            else:
                return _cut(f"{qualifiers}{self._base(type_id, kind)}{_space(declarator)}{declarator}")
        return _cut(f"{CUT}{_space(declarator)}{declarator}")

    def _base(self, type_id: int, kind: int) -> str:
        if kind == 0:
            return "void"
        tag = _TAGS.get(kind, "")
        if kind == spec.FWD:
            tag = "union " if self.btf.word(type_id, 1) >> 31 else "struct "
        name = printable(self.btf.name(type_id))
        if name or not tag:
            return tag + name if name else spec.kind_name(kind).lower()
        return tag + "{" + CUT + "}"

    def _parameters(self, type_id: int, depth: int) -> str:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        shown: list[str] = []
        for p in range(at + 3, at + 3 + 2 * (words[at + 1] & spec.MAX_VLEN), 2):
            name = printable(text(self.btf.string(words[p])))
            self._left -= 1
            if depth >= DEEPEST or self._left < 0:
                shown.append(CUT)
                break
            shown.append(self.declare(words[p + 1], name, depth + 1) if words[p + 1] or name else "...")
        return ", ".join(shown) or "void"


def _enclosed(declarator: str) -> str:
    """A pointer to an array or function is written in parentheses."""
    return f"({declarator})" if declarator.startswith("*") else declarator


def _space(declarator: str) -> str:
    return " " if declarator else ""


def _cut(shown: str) -> str:
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + CUT
