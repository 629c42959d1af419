"""The arguments of programs that the kernel types by BTF, and reads of the context that it rejects.

Such a program finds argument n of the function, tracepoint, hook or operation that it attaches to at byte 8 * n of its context.
Rules: the kernel's btf_ctx_access, get_ctx_arg_idx, tracing_prog_is_valid_access and btf_distill_func_proto (6.18), and
bpf_probe_register for raw tracepoints.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.btf.spelling import Spelling
from btfkit.errors import BtfError, counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

WORD = 8  # bytes of the context that an argument takes, or two of these
MOST_ARGUMENTS = 12  # MAX_BPF_FUNC_ARGS
LARGEST_ARGUMENT = 16  # bytes

# By the part of a section's name before "/": whether the result of the function follows the arguments.  From the context of a raw
# tracepoint, any bytes may be read up to the end of the arguments.
RESULT, INT_RESULT, NO_RESULT, RAW = "result", "int result", "no result", "raw"
RULES = {
    **dict.fromkeys(("fexit", "fexit.s", "fsession", "fsession.s", "lsm", "lsm.s", "lsm_cgroup"), RESULT),
    **dict.fromkeys(("fmod_ret", "fmod_ret.s"), INT_RESULT),
    **dict.fromkeys(("fentry", "fentry.s", "tp_btf", "iter", "iter.s", "struct_ops", "struct_ops.s"), NO_RESULT),
    **dict.fromkeys(("raw_tp", "raw_tracepoint", "raw_tp.w", "raw_tracepoint.w"), RAW),
}
_HOLDERS = (*spec.COMPOSITES, spec.INT, *spec.ENUMS)  # kinds of arguments that are numbers to the verifier


class Argument(NamedTuple):
    """An argument, or the result (`is_result`): from byte `start` of the context to `end`; its `name`, and its type by `kind`
    and `of`: the type's name, of a pointer what it leads to, of a number its size."""

    start: int
    end: int
    name: str
    kind: int
    of: str
    is_result: bool

    @property
    def number(self) -> int:
        """The number of its word in the context."""
        return self.start // WORD

    def __str__(self) -> str:
        return "the return value" if self.is_result else self.name or f"argument {self.number}"


class ReadArgument(NamedTuple):
    """An argument that a program reads, and the function in C that has it."""

    argument: Argument
    prototype: str


class Prototype:
    """What a program attaches to: a function of the kernel (`owner` is its FUNC, or what leads to the FUNC_PROTO `type_id`).

    `skipped`: parameters before the first argument (`void *__data` of a tracepoint).  `problem`: why no program can be attached,
    "" if that is possible.
    """

    def __init__(self, btf: Btf, type_id: int, name: str, skipped: int = 0) -> None:
        self.btf = btf
        self.type_id = type_id
        self.name = name
        self.skipped = skipped
        self.problem = ""
        self._text = ""
        self.arguments: list[Argument] = []
        layer, at = btf.locate(type_id)
        words = layer.words
        count = words[at + 1] & spec.MAX_VLEN
        parameters = [(words[n], words[n + 1]) for n in range(at + 3, at + 3 + 2 * count, 2)][skipped:]
        start = 0
        for name_off, parameter in parameters:
            end = start + self._width(parameter)
            self.arguments.append(self._argument(start, end, text(btf.string(name_off)), parameter, False))
            start = end
        result = words[at + 2]
        self.result = self._argument(start, start + self._width(result), "", result, True)
        if parameters and not parameters[-1][1]:
            self.problem = "has variable arguments"
        elif len(parameters) > MOST_ARGUMENTS:
            self.problem = f"has {len(parameters)} arguments, the kernel allows {MOST_ARGUMENTS}"
        else:
            for argument in (*self.arguments, *(() if skipped else (self.result,))):
                self.problem = self.problem or self._unsupported(argument)

    def _width(self, type_id: int) -> int:
        """The bytes of the context that a value takes."""
        kind = self.btf.kind(self.btf.strip(type_id))
        size = self.btf.sizeof(type_id) if kind in spec.COMPOSITES else None
        return max(WORD, (size or 0) + WORD - 1 & ~(WORD - 1))

    def _argument(self, start: int, end: int, name: str, type_id: int, is_result: bool) -> Argument:
        btf = self.btf
        stripped = btf.strip(type_id)
        kind = btf.kind(stripped) if stripped else spec.UNKN
        if kind == spec.PTR:
            pointee = btf.strip(btf.word(stripped, 2))
            of = btf.name(pointee) if pointee else "void"
            if pointee and btf.kind(pointee) in (spec.INT, spec.PTR, spec.FUNC_PROTO):
                of = spec.word(btf.kind(pointee))
        elif kind in spec.COMPOSITES:
            of = btf.name(stripped)
        else:
            of = str(btf.sizeof(stripped)) if kind in (spec.INT, *spec.ENUMS) else ""
            kind = spec.INT if kind in spec.ENUMS else kind
        return Argument(start, end, name, kind, of, is_result)

    def _unsupported(self, argument: Argument) -> str:
        what = "the return value" if argument.is_result else f"argument {argument.name or argument.number}"
        if argument.is_result and argument.kind == spec.UNKN:
            return ""
        if argument.kind not in (*_HOLDERS, spec.PTR):
            return f"has {what} of a type that programs cannot take"
        if argument.is_result and argument.kind in spec.COMPOSITES:
            return "returns a struct or union"
        if argument.end - argument.start > LARGEST_ARGUMENT:
            return f"has {what} of more than {LARGEST_ARGUMENT} bytes"
        return ""

    def at(self, offset: int) -> Argument | None:
        """The argument or result at a byte of the context."""
        for argument in (*self.arguments, self.result):
            if argument.start <= offset < argument.end:
                return argument
        return None

    def __str__(self) -> str:
        if not self._text:
            self._text = self._spelled()
        return self._text

    def _spelled(self) -> str:
        btf = self.btf
        spelling = Spelling(btf)
        if not self.skipped:
            return spelling.declare(self.type_id, printable(self.name))
        layer, at = btf.locate(self.type_id)
        first = at + 3 + 2 * self.skipped
        end = at + 3 + 2 * (layer.words[at + 1] & spec.MAX_VLEN)
        shown = (
            spelling.declare(layer.words[n + 1], printable(text(btf.string(layer.words[n]))))
            for n in range(first, end, 2)
        )
        return f"{printable(self.name)}({', '.join(shown) or 'void'})"


def prototype_of(btf: Btf, type_id: int, name: str) -> Prototype | None:
    """The prototype that a FUNC, the typedef of a tracepoint, or a member of a struct_ops leads to; None if it does not."""
    is_tracepoint = btf.kind(type_id) == spec.TYPEDEF
    try:
        leaf = btf.word(type_id, 2) if btf.kind(type_id) == spec.FUNC else btf.strip(type_id)
        if leaf and btf.kind(leaf) == spec.PTR:
            leaf = btf.strip(btf.word(leaf, 2))
        if not leaf or btf.kind(leaf) != spec.FUNC_PROTO:
            return None
        return Prototype(btf, leaf, name, 1 if is_tracepoint else 0)
    except BtfError:  # a cycle of typedefs
        return None


class Rejected(NamedTuple):
    """A read of the context that the kernel rejects: `reason` in one word, and a sentence.

    `in_doubt`: kernels before 6.13 accept it, unless the check was backported.
    """

    reason: str
    detail: str
    in_doubt: bool = False


def rejected(kind: str, prototype: Prototype, offset: int, size: int) -> Rejected | None:
    """Why the kernel rejects a read of `size` bytes at `offset` of the context, or None.

    `kind` is what the section's name begins with.
    """
    rule = RULES[kind]
    what = f"the program reads {counted(size, 'byte')} at byte {offset} of its context"
    count = len(prototype.arguments)
    end = prototype.arguments[-1].end if prototype.arguments else 0
    if rule == RAW:
        if offset + size <= end:
            return None
        return Rejected(
            "no-argument", f"{what}, but {prototype} has {counted(count, 'argument')}: it cannot be attached"
        )
    argument = prototype.at(offset)
    if offset >= WORD * MOST_ARGUMENTS or offset < 0 or offset % WORD or offset % size:
        return Rejected(
            "no-argument", f"{what}: the kernel requires a multiple of {WORD}, below {WORD * MOST_ARGUMENTS}"
        )
    if argument is None or (argument.is_result and rule == NO_RESULT):
        detail = f"the program reads argument {offset // WORD} (counted from 0), but {prototype} has {count}"
        return Rejected("no-argument", detail)
    if argument.is_result and argument.kind == spec.UNKN:
        return Rejected("no-argument", f"the program reads the return value, but {prototype} returns nothing")
    if (
        argument.is_result
        and rule == INT_RESULT
        and (argument.kind != spec.INT or argument.of not in ("1", "2", "4", "8"))
    ):
        return Rejected("no-argument", f"the program reads the return value of {prototype}, which is not an integer")
    if argument.kind not in (*_HOLDERS, spec.PTR):
        return Rejected("no-argument", f"the program reads {argument} of {prototype}, neither an integer nor a pointer")
    if argument.kind == spec.PTR and size != WORD:
        detail = f"the program reads {counted(size, 'byte')} of the pointer {argument} of {prototype}"
        return Rejected("narrow-read", f"{detail}; the kernel requires {WORD}", in_doubt=True)
    return None
