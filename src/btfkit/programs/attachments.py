"""Whether the things that a program attaches to, calls or reads by name exist on a kernel, as far as BTF shows.

Rules: libbpf 1.8-dev, section_defs and libbpf_find_attach_btf_id (how a section's name is read),
bpf_object__resolve_ksym_var_btf_id and _func_btf_id (externs).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.co_re.access import essential
from btfkit.co_re.loaders import EXTERN_WITHOUT_SECTION, LIBBPF, NONE
from btfkit.co_re.relation import TypeRelation
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError
from btfkit.programs.machines import foreign_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.target import Target
    from btfkit.programs.code import Code, Extern, Function
    from btfkit.programs.symbol_table import SymbolTable

FOUND, MISSING, INCOMPATIBLE, UNKNOWN = "found", "missing", "incompatible", "unknown"
UNSUPPORTED = "unsupported"  # by the loader
BREAKS, WARNING, NOTE = "breaks", "warning", "note"

_TRAMPOLINES = ("fentry", "fentry.s", "fexit", "fexit.s", "fmod_ret", "fmod_ret.s", "fsession", "fsession.s")
_KPROBES = ("kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi", "kprobe.session")
_TRACEPOINTS = ("tp_btf", *(f"{name}{end}" for name in ("raw_tp", "raw_tracepoint") for end in ("", ".w", ".s")))
_EVENTS = ("tracepoint", "tracepoint.s", "tp", "tp.s")  # followed by the category and name of an event
_NOT_TRACEPOINTS = (
    "ftrace",
    "kprobes",
    "uprobes",
    "synthetic",
    "eprobes",
)  # categories of events that no tracepoint has
_SYSCALL_EVENTS = ("sys_enter_", "sys_exit_")  # of category syscalls, for each function of a system call
_SYSCALL_PREFIXES = ("__x64_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_", "__se_sys_", "__ia32_sys_", "sys_")

# By the part of a section's name before "/": prefixes of the kernel's names, the kind of their type, the effect if none exists.
_RULES: dict[str, tuple[tuple[str, ...], int, str]] = {
    **dict.fromkeys(_TRAMPOLINES, (("",), spec.FUNC, BREAKS)),
    **dict.fromkeys((*_TRACEPOINTS, *_EVENTS), (("btf_trace_",), spec.TYPEDEF, BREAKS)),
    **dict.fromkeys(("lsm", "lsm.s", "lsm_cgroup"), (("bpf_lsm_",), spec.FUNC, BREAKS)),
    **dict.fromkeys(("iter", "iter.s"), (("bpf_iter_",), spec.FUNC, BREAKS)),
    **dict.fromkeys(("ksyscall", "kretsyscall"), (_SYSCALL_PREFIXES, spec.FUNC, WARNING)),
    **dict.fromkeys(_KPROBES, (("",), spec.FUNC, WARNING)),
}


class Attachment(NamedTuple):
    """What a program attaches to: a type of `type_kind` with one of `names`, in the module `module` or anywhere ("").

    `kind` and `target` are the parts of the section's name; `effect` is what happens if there is no such type.
    """

    kind: str
    target: str
    names: tuple[str, ...]
    type_kind: int
    effect: str
    module: str


class Problem(NamedTuple):
    """Something that a kernel lacks: its `effect` on the program, a `reason` in one word for scripts, and a sentence."""

    effect: str
    reason: str
    detail: str


def attachment(function: Function) -> Attachment | None:
    """What the program attaches to, None if its section names nothing that BTF could describe."""
    return _attachment(function.attach)


@lru_cache(maxsize=4096)
def _attachment(section: str) -> Attachment | None:
    kind, _, target = section.partition("/")
    if not target or kind not in _RULES:
        return None
    prefixes, type_kind, effect = _RULES[kind]
    module, name = "", target
    if kind in _EVENTS:
        category, _, name = target.partition("/")
        if category in _NOT_TRACEPOINTS or not name:
            return None
        if category == "syscalls":
            call = next((name.removeprefix(start) for start in _SYSCALL_EVENTS if name.startswith(start)), "")
            return Attachment(kind, target, tuple(p + call for p in _SYSCALL_PREFIXES), spec.FUNC, WARNING, "")
    elif kind in _TRAMPOLINES:
        module, _, name = target.rpartition(":")
    elif kind in _KPROBES:
        name = target.partition("+")[0].rpartition(":")[2]
        if not name or any(c in name for c in "*?"):
            return None
    return Attachment(kind, target, tuple(prefix + name for prefix in prefixes), type_kind, effect, module)


def attachment_names(code: Code) -> Iterator[tuple[int, bytes]]:
    """(kind, name) of everything that will be looked up here for an object, for `Target.prepare`."""
    for program in code.programs:
        if (found := attachment(program)) is not None:
            yield from ((found.type_kind, raw(name)) for name in found.names)
    for extern in code.externs.values():
        if extern.section == ".ksyms" and extern.type_id:
            kind = code.object.btf.kind(extern.type_id)
            yield from ((each, essential(raw(extern.name))) for each in {kind, spec.FUNC, spec.VAR})


def attached_scope(codes: Iterable[Code]) -> dict[tuple[str, str], None]:
    """(word of the kind, name) of what programs attach to and which functions and variables of the kernel they use.

    That is a scope of `btfkit.diff`, which then compares the prototypes: they have the arguments that programs read by number.
    """
    return {
        (spec.word(kind), text(name)): None
        for code in codes
        for kind, name in attachment_names(code)
        if kind in (spec.FUNC, spec.TYPEDEF, spec.VAR)
    }


def lookup(target: Target, kind: int, name: bytes) -> list[tuple[Btf, int]]:
    """The types of that kind and exact name: first those of vmlinux, then those of the modules."""
    if not name:
        return []
    if _has_no_flavor(name):
        in_vmlinux, in_modules = target.named(kind, name)
        return [(btf, i) for btf, i in (*in_vmlinux, *in_modules) if btf.string(btf.word(i, 0)) == name]
    return [  # `Target` only knows essential names
        (btf, type_id)
        for btf in (target.vmlinux, *target.modules)
        for type_id in btf.find_ids(text(name), kind)
        if btf is target.vmlinux or type_id >= btf.start_id
    ]


@lru_cache(maxsize=4096)
def _has_no_flavor(name: bytes) -> bool:
    return essential(name) == name


def raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


class Scope(NamedTuple):
    """What a kernel's BTF covers: `functions` (none if it was minimized), `tracepoints` (a type for each, since 5.5)."""

    functions: bool = True
    tracepoints: bool = True


SCOPE_TYPES = (spec.FUNC, b"vfs_read"), (spec.TYPEDEF, b"btf_trace_sched_switch")  # that every kernel has


def scope_of(target: Target) -> Scope:
    """What the BTF of a kernel covers."""
    function, tracepoint = (
        any(btf.string(btf.word(type_id, 0)) == name for btf, type_id in target.named(kind, name)[0])
        for kind, name in SCOPE_TYPES
    )
    return Scope(function or _has_functions(target.vmlinux), tracepoint)


def _has_functions(btf: Btf) -> bool:
    from btfkit.hot import search

    wanted = bytearray(spec.MAX_KIND + 1)
    wanted[spec.FUNC] = 1
    for layer in btf.chain:
        used = bytearray(layer.start_str_off + len(layer.strings))
        search.used_names(layer.words, layer.positions, layer.table, wanted, used)
        if 1 in used:
            return True
    return False


NO_MODULES = "; it may be in a module, but no modules were given"


def minimized(what: str) -> str:
    reason = "this BTF has no functions, it was minimized (btfkit min, bpftool gen min_core_btf)"
    return f"cannot tell whether {what} exists: {reason}"


def attached_types(wanted: Attachment, target: Target) -> list[tuple[Btf, int]]:
    """The types of the kernel that a program with that attachment attaches to: several if they share a name."""
    if wanted not in target.memo:
        target.memo[wanted] = _attached_types(wanted, target)
    found: list[tuple[Btf, int]] = target.memo[wanted]
    return found


def _attached_types(wanted: Attachment, target: Target) -> list[tuple[Btf, int]]:
    for name in wanted.names:
        found = [
            (btf, type_id)
            for btf, type_id in lookup(target, wanted.type_kind, raw(name))
            if not wanted.module or _is_module(btf, wanted.module, target)
        ]
        if found:
            return found
    return []


def attached(function: Function, target: Target, scope: Scope) -> Problem | None:
    """The problem if what the program attaches to does not exist, or BTF does not show it; else None."""
    wanted = attachment(function)
    if wanted is None:
        return None
    if attached_types(wanted, target):
        return None
    what = wanted.names[0] if len(wanted.names) == 1 else f"any of {', '.join(wanted.names)}"
    where = f"in module {wanted.module}" if wanted.module else "in the kernel's BTF"
    more = "" if target.modules else NO_MODULES
    if not scope.functions:
        return Problem(WARNING, "not-in-btf", minimized(f"{wanted.kind}/{wanted.target}"))
    elsewhere = foreign_function(what, target) if wanted.type_kind == spec.FUNC else ""
    if elsewhere and len(wanted.names) == 1:
        return Problem(BREAKS, "no-attach-target", f"no function {what}: {elsewhere}")
    if wanted.effect == WARNING:
        return Problem(WARNING, "not-in-btf", f"no function {what} {where}, which does not list every function{more}")
    if wanted.type_kind == spec.FUNC:
        return Problem(BREAKS, "no-attach-target", f"no function {what} {where} to attach {wanted.kind} to{more}")
    if scope.tracepoints:
        detail = f"no tracepoint {wanted.target}: no type {what} {where}{more}"
        return Problem(BREAKS, "no-attach-target", detail)
    return Problem(WARNING, "not-in-btf", f"BTF before 5.5 does not show whether tracepoint {wanted.target} exists")


def _is_module(btf: Btf, name: str, target: Target) -> bool:
    from btfkit.files.modules import module_name

    if name == "vmlinux":
        return btf is target.vmlinux
    return btf is not target.vmlinux and module_name(btf.source or "", underscores=True) == name.replace("-", "_")


class ExternAnswer(NamedTuple):
    """Whether a kernel has an extern: `status` is FOUND, MISSING, INCOMPATIBLE, UNKNOWN or UNSUPPORTED, `detail` a sentence."""

    status: str
    detail: str = ""


def extern_answers(
    code: Code, target: Target, scope: Scope, loader: Loader = LIBBPF, symbols: SymbolTable | None = None
) -> dict[str, ExternAnswer]:
    """Whether a kernel has each extern of `.ksyms`, by name; of `.kconfig`, too, if the loader resolves none.

    `symbols` is the kernel's symbol table, if it is known.
    """
    if loader.externs == NONE:
        return {
            name: ExternAnswer(UNSUPPORTED, f"{loader.name} does not resolve {name} ({extern.section})")
            for name, extern in code.externs.items()
            if extern.section
        }
    answers = {
        name: _extern_answer(code, extern, target, scope, loader, symbols)
        for name, extern in code.externs.items()
        if extern.section == ".ksyms"
    }
    if EXTERN_WITHOUT_SECTION not in loader.faults:
        for name, extern in code.externs.items():
            if not extern.section:
                answers[name] = ExternAnswer(
                    UNSUPPORTED, f"{loader.name} does not resolve {name}, which is in no section"
                )
    return answers


def _in_table(extern: Extern, symbols: SymbolTable) -> ExternAnswer:
    """The answer of the kernel's symbol table."""
    if extern.name in symbols.names:
        return ExternAnswer(FOUND)
    more = "" if symbols.has_modules else ", which has no symbols of modules"
    return ExternAnswer(MISSING, f"no symbol {extern.name} in {symbols.source}{more}")


def _address(extern: Extern, target: Target, symbols: SymbolTable | None) -> ExternAnswer:
    """The answer for an extern without a type, whose address libbpf takes from the kernel's symbol table (/proc/kallsyms)."""
    name = raw(extern.name)
    if symbols is not None:
        return _in_table(extern, symbols)
    if lookup(target, spec.FUNC, name) or lookup(target, spec.VAR, name):
        return ExternAnswer(FOUND)
    detail = f"the address of {extern.name} is in the kernel's symbol table (System.map, /proc/kallsyms), not in BTF"
    if not extern.weak:
        detail += "; without it, libbpf rejects the object"
    return ExternAnswer(UNKNOWN, detail)


def _extern_answer(
    code: Code, extern: Extern, target: Target, scope: Scope, loader: Loader, symbols: SymbolTable | None
) -> ExternAnswer:
    local = code.object.btf
    kind = local.kind(extern.type_id)
    wanted = local.word(extern.type_id, 2)
    if kind == spec.VAR and local.strip(wanted) == 0:
        return _address(extern, target, symbols)
    if kind == spec.VAR and not loader.typed_ksyms:
        if symbols is not None:
            return _in_table(extern, symbols)
        detail = f"{loader.name} takes the address of {extern.name} from the kernel's symbol table, without its type"
        return ExternAnswer(UNKNOWN, detail)
    what = f"{'kernel function' if kind == spec.FUNC else 'variable'} {extern.name}"
    name = raw(extern.name)
    found = lookup(target, kind, essential(name) if loader.flavored_functions else name)
    if not found and not scope.functions:
        return ExternAnswer(UNKNOWN, minimized(what))
    if not found:
        return ExternAnswer(MISSING, f"no {what} in the kernel's BTF{'' if target.modules else NO_MODULES}")
    btf, type_id = found[0]
    try:
        compatible = TypeRelation(local, btf, Witness()).compatible(wanted, btf.word(type_id, 2))
    except BtfError:
        compatible = False
    if compatible:
        return ExternAnswer(FOUND)
    changed = "prototype" if kind == spec.FUNC else "type"
    if kind == spec.FUNC and extern.weak and loader.weak_prototypes:
        return ExternAnswer(MISSING, f"{what} has a different prototype on this kernel, so it counts as absent")
    return ExternAnswer(INCOMPATIBLE, f"{what} has a different {changed} on this kernel")
