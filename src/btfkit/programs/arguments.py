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
    **{f"{name}{end}": RAW for name in ("raw_tp", "raw_tracepoint") for end in ("", ".w", ".s")},
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


class Prototype(NamedTuple):
    """What a program attaches to: a function of the kernel, as `text` in C.

    `skipped`: parameters before the first argument (`void *__data` of a tracepoint).  `problem`: why no program can be attached,
    "" if that is possible.
    """

    text: str
    skipped: int
    problem: str
    arguments: tuple[Argument, ...]
    result: Argument

    def at(self, offset: int) -> Argument | None:
        """The argument or result at a byte of the context."""
        for argument in (*self.arguments, self.result):
            if argument.start <= offset < argument.end:
                return argument
        return None

    def __str__(self) -> str:
        return self.text


def prototype_of(btf: Btf, type_id: int, name: str) -> Prototype | None:
    """The prototype that a FUNC, the typedef of a tracepoint, or a member of a struct_ops leads to; None if it does not."""
    proto = function_proto(btf, type_id)
    return prototype_at(btf, proto, name, btf.kind(type_id) == spec.TYPEDEF) if proto else None


def prototype_name(btf: Btf, type_id: int, target: str) -> str:
    """The name of what a program with that `target` in its section attaches to: of a FUNC its own."""
    return btf.name(type_id) if btf.kind(type_id) == spec.FUNC else target.rpartition("/")[2]


def function_proto(btf: Btf, type_id: int) -> int:
    """The FUNC_PROTO that a FUNC, the typedef of a tracepoint, or a member of a struct_ops leads to; 0 if it does not."""
    try:
        leaf = btf.word(type_id, 2) if btf.kind(type_id) == spec.FUNC else btf.strip(type_id)
        if leaf and btf.kind(leaf) == spec.PTR:
            leaf = btf.strip(btf.word(leaf, 2))
    except BtfError:  # a cycle of typedefs
        return 0
    return leaf if leaf and btf.kind(leaf) == spec.FUNC_PROTO else 0


def prototype_at(btf: Btf, type_id: int, name: str, is_tracepoint: bool) -> Prototype | None:
    """The prototype of the FUNC_PROTO `type_id` for a function or tracepoint of that name; None if its types are a cycle."""
    try:
        return _prototype(btf, type_id, name, int(is_tracepoint))
    except BtfError:
        return None


def _prototype(btf: Btf, type_id: int, name: str, skipped: int) -> Prototype:
    layer, at = btf.locate(type_id)
    words = layer.words
    count = words[at + 1] & spec.MAX_VLEN
    parameters = [(words[n], words[n + 1]) for n in range(at + 3, at + 3 + 2 * count, 2)]
    arguments = []
    start = 0
    for name_off, parameter in parameters[skipped:]:
        argument = _argument(btf, start, text(btf.string(name_off)), parameter)
        arguments.append(argument)
        start = argument.end
    result = _argument(btf, start, "", words[at + 2], is_result=True)
    problem = ""
    if len(parameters) > skipped and not parameters[-1][1]:
        problem = "has variable arguments"
    elif len(arguments) > MOST_ARGUMENTS:
        problem = f"has {len(arguments)} arguments, the kernel allows {MOST_ARGUMENTS}"
    else:
        for argument in (*arguments, *(() if skipped else (result,))):
            problem = problem or _unsupported(argument)
    shown = _spelled(btf, type_id, name, parameters[1:] if skipped else None)
    return Prototype(shown, skipped, problem, tuple(arguments), result)


def _argument(btf: Btf, start: int, name: str, type_id: int, is_result: bool = False) -> Argument:
    stripped = btf.strip(type_id)
    kind = btf.kind(stripped) if stripped else spec.UNKN
    size = btf.sizeof(type_id) if kind in spec.COMPOSITES else None
    end = start + max(WORD, (size or 0) + WORD - 1 & ~(WORD - 1))
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


def _unsupported(argument: Argument) -> str:
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


def _spelled(btf: Btf, type_id: int, name: str, parameters: list[tuple[int, int]] | None) -> str:
    """A prototype in C; with the `parameters` of a tracepoint, without the result."""
    spelling = Spelling(btf)
    if parameters is None:
        return spelling.declare(type_id, printable(name))
    shown = (spelling.declare(parameter, printable(text(btf.string(each)))) for each, parameter in parameters)
    return f"{printable(name)}({', '.join(shown) or 'void'})"


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
