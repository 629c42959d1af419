"""Does what a program attaches to, and what it calls of the kernel, exist there?  As far as BTF can tell.

Rules: libbpf 1.8-dev, section_defs and libbpf_find_attach_btf_id (what a section's name asks for),
bpf_object__resolve_ksym_var_btf_id and _func_btf_id (externs), bpf_map__init_kern_struct_ops (struct_ops)."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import text
from btfkit.co_re.access import essential
from btfkit.co_re.relation import TypeRelation
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.target import Target
    from btfkit.programs.code import Code, Extern, Function

FOUND, MISSING, INCOMPATIBLE, UNKNOWN = "found", "missing", "incompatible", "unknown"
BREAKS, WARNING, NOTE = "breaks", "warning", "note"

# What the part of a section's name before "/" asks for, and by which type of the kernel's BTF.
_TRAMPOLINES = ("fentry", "fentry.s", "fexit", "fexit.s", "fmod_ret", "fmod_ret.s", "fsession", "fsession.s")
_KPROBES = ("kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi", "kprobe.session")
_SYSCALLS = ("ksyscall", "kretsyscall")
_RAW = ("raw_tp", "raw_tracepoint", "raw_tp.w", "raw_tracepoint.w")
_TRACEPOINTS = ("tp_btf",)
_LSM = ("lsm", "lsm.s", "lsm_cgroup")
_ITERATORS = ("iter", "iter.s")
_UNSEEN = ("tracepoint", "tp")
_SYSCALL_PREFIXES = ("__x64_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_", "__se_sys_", "__ia32_sys_", "sys_")


class Attachment:
    """What a program attaches to: `kind` of its section ("fentry", ...), the `names` of which one has to be there, as
    types of `type_kind`, in the module `module` or anywhere ("").  `effect` says what it means if none is."""

    __slots__ = ("effect", "kind", "module", "names", "target", "type_kind")

    def __init__(
        self, kind: str, target: str, names: tuple[str, ...], type_kind: int, effect: str, module: str = ""
    ) -> None:
        self.kind = kind
        self.target = target
        self.names = names
        self.type_kind = type_kind
        self.effect = effect
        self.module = module


def attachment(function: Function) -> Attachment | None:
    """What the program attaches to, None where its section names nothing that BTF could tell of."""
    kind, _, target = function.attach.partition("/")
    if not target:
        return None
    if kind in _TRAMPOLINES:
        module, _, name = target.rpartition(":")
        return Attachment(kind, target, (name,), spec.FUNC, BREAKS, module)
    if kind in _TRACEPOINTS:
        return Attachment(kind, target, ("btf_trace_" + target,), spec.TYPEDEF, BREAKS)
    if kind in _RAW:
        return Attachment(kind, target, ("btf_trace_" + target,), spec.TYPEDEF, BREAKS)
    if kind in _LSM:
        return Attachment(kind, target, ("bpf_lsm_" + target,), spec.FUNC, BREAKS)
    if kind in _ITERATORS:
        return Attachment(kind, target, ("bpf_iter_" + target,), spec.FUNC, BREAKS)
    if kind in _SYSCALLS:
        return Attachment(kind, target, tuple(p + target for p in _SYSCALL_PREFIXES), spec.FUNC, WARNING)
    if kind in _KPROBES:
        name = target.partition("+")[0].rpartition(":")[2]
        if name and not any(c in name for c in "*?"):
            return Attachment(kind, target, (name,), spec.FUNC, WARNING)
    return None


def is_unseen(function: Function) -> bool:
    """Whether the program attaches to a tracepoint by category and name, of which BTF says nothing."""
    kind, _, target = function.attach.partition("/")
    return kind in _UNSEEN and bool(target)


def wanted_names(code: Code) -> Iterator[tuple[int, bytes]]:
    """(kind, name) of all that will be looked up for an object, for `Target.prepare`."""
    for program in code.programs:
        found = attachment(program)
        for name in found.names if found is not None else ():
            yield found.type_kind if found is not None else 0, _raw(name)
    for extern in code.externs.values():
        if extern.section == ".ksyms" and extern.type_id:
            yield code.object.btf.kind(extern.type_id), essential(_raw(extern.name))
    for operations in struct_ops(code):
        yield spec.STRUCT, operations.name
        yield spec.STRUCT, b"bpf_struct_ops_" + operations.name


def lookup(target: Target, kind: int, name: bytes) -> list[tuple[Btf, int]]:
    """The types of that kind and exact name: those of vmlinux, behind them those of the modules."""
    if not name:
        return []
    key = essential(name)
    if key != name:  # `Target` goes by essential names
        chains = (target.vmlinux, *target.modules)
        return [(btf, type_id) for btf in chains for type_id in _own(btf, text(name), kind, target.vmlinux)]
    first, behind = target.named(kind, name)
    return [(btf, type_id) for btf, type_id in (*first, *behind) if btf.string(btf.word(type_id, 0)) == name]


def _own(btf: Btf, name: str, kind: int, vmlinux: Btf) -> Iterator[int]:
    return (type_id for type_id in btf.find_ids(name, kind) if btf is vmlinux or type_id >= btf.start_id)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


# ---- what is said ------------------------------------------------------------------------------------------------


class Scope:
    """What a kernel's BTF tells of at all: `tracepoints` (a type for each, since 5.5), `functions` (not where it was cut
    down)."""

    __slots__ = ("functions", "tracepoints")

    def __init__(self, *, functions: bool = True, tracepoints: bool = True) -> None:
        self.functions = functions
        self.tracepoints = tracepoints


def scope_of(vmlinux: Btf) -> Scope:
    """What the BTF of a kernel tells of: sched_switch is in every kernel, and so is vfs_read."""
    functions = vmlinux.find_id("vfs_read", spec.FUNC) is not None
    functions = functions or any(vmlinux.kind(type_id) == spec.FUNC for type_id in range(1, len(vmlinux)))
    return Scope(functions=functions, tracepoints=vmlinux.find_id("btf_trace_sched_switch", spec.TYPEDEF) is not None)


NO_MODULES = "; a module may have it, none was given"
CUT_DOWN = "cannot be seen: this BTF has no functions at all, it was cut down (btfkit min, bpftool gen min_core_btf)"


def attached(function: Function, target: Target, scope: Scope) -> tuple[str, str, str] | None:
    """(effect, reason, sentence) where what the program attaches to is not there, or cannot be seen; else None."""
    wanted = attachment(function)
    if wanted is None:
        if is_unseen(function):
            return NOTE, "not-in-btf", f"whether {function.attach} exists cannot be seen in BTF"
        return None
    for name in wanted.names:
        found = lookup(target, wanted.type_kind, _raw(name))
        if any(not wanted.module or _is_module(btf, wanted.module, target) for btf, _ in found):
            return None
    what = wanted.names[0] if len(wanted.names) == 1 else f"any of {', '.join(wanted.names)}"
    where = f"in module {wanted.module}" if wanted.module else "in the kernel's BTF"
    more = "" if target.modules else NO_MODULES
    if not scope.functions:
        return WARNING, "not-in-btf", f"whether {wanted.kind}/{wanted.target} exists {CUT_DOWN}"
    if wanted.effect == WARNING:
        return WARNING, "not-in-btf", f"no function {what} {where}, which lists not every function{more}"
    if wanted.type_kind == spec.TYPEDEF:
        if not scope.tracepoints:
            return WARNING, "not-in-btf", f"whether tracepoint {wanted.target} exists cannot be seen in BTF before 5.5"
        return BREAKS, "no-attach-target", f"no tracepoint {wanted.target}: no type {what} {where}{more}"
    return BREAKS, "no-attach-target", f"no function {what} {where} to attach {wanted.kind} to{more}"


def _is_module(btf: Btf, name: str, target: Target) -> bool:
    from btfkit.files.modules import module_name

    if name == "vmlinux":
        return btf is target.vmlinux
    return btf is not target.vmlinux and module_name(btf.source or "", underscores=True) == name.replace("-", "_")


class ExternAnswer:
    """What an extern is on a kernel: `status` FOUND, MISSING, INCOMPATIBLE or UNKNOWN, and a sentence."""

    __slots__ = ("detail", "status")

    def __init__(self, status: str, detail: str = "") -> None:
        self.status = status
        self.detail = detail


def extern_answers(code: Code, target: Target, scope: Scope) -> dict[str, ExternAnswer]:
    """What each extern of `.ksyms` is on a kernel, by name."""
    return {
        name: _extern_answer(code, extern, target, scope)
        for name, extern in code.externs.items()
        if extern.section == ".ksyms"
    }


def _extern_answer(code: Code, extern: Extern, target: Target, scope: Scope) -> ExternAnswer:
    local = code.object.btf
    kind = local.kind(extern.type_id)
    wanted = local.word(extern.type_id, 2)
    if kind == spec.VAR and local.strip(wanted) == 0:
        return ExternAnswer(UNKNOWN, f"{extern.name} is an address that the kernel's symbol table tells, not BTF")
    what = "kernel function" if kind == spec.FUNC else "variable"
    found = lookup(target, kind, essential(_raw(extern.name)))
    if not found and not scope.functions:
        return ExternAnswer(UNKNOWN, f"whether {what} {extern.name} exists {CUT_DOWN}")
    if not found:
        more = "" if target.modules else NO_MODULES
        return ExternAnswer(MISSING, f"no {what} {extern.name} in the kernel's BTF{more}")
    btf, type_id = found[0]
    try:
        same = TypeRelation(local, btf, Witness()).compatible(wanted, btf.word(type_id, 2))
    except BtfError:
        same = False
    if same:
        return ExternAnswer(FOUND)
    return ExternAnswer(
        INCOMPATIBLE, f"{what} {extern.name} has another {'prototype' if kind == spec.FUNC else 'type'} there"
    )


# ---- struct_ops --------------------------------------------------------------------------------------------------


class StructOps:
    """A variable of a `.struct_ops` section: the essential `name` of its struct, `type_id` in the object, and its programs as
    {number of the member: name of the program}."""

    __slots__ = ("name", "optional", "programs", "type_id")

    def __init__(self, name: bytes, type_id: int, programs: dict[int, str], optional: bool) -> None:
        self.name = name
        self.type_id = type_id
        self.programs = programs
        self.optional = optional


def struct_ops(code: Code) -> Iterator[StructOps]:
    """The struct_ops variables of an object."""
    btf = code.object.btf
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) != spec.DATASEC or not btf.name(type_id).lstrip("?").startswith(".struct_ops"):
            continue
        section: Any = btf[type_id]
        for entry in section.entries:
            variable_id, offset = entry.type_id, entry.offset
            struct_id = btf.strip(btf.word(variable_id, 2)) if btf.kind(variable_id) == spec.VAR else 0
            if not struct_id or btf.kind(struct_id) != spec.STRUCT:
                continue
            struct: Any = btf[struct_id]
            offset = code.places.get((section.name, btf.name(variable_id)), offset)
            programs = {}
            for number, member in enumerate(struct.members):
                name = code.struct_ops.get((section.name, offset + member.bit_offset // 8))
                if name is not None:
                    programs[number] = name
            yield StructOps(essential(_raw(struct.name)), struct_id, programs, section.name.startswith("?"))


def operations(code: Code, target: Target, scope: Scope) -> dict[str, tuple[str, str, str]]:
    """{program: (effect, reason, sentence)} for those of struct_ops that a kernel does not have, or has otherwise."""
    said: dict[str, tuple[str, str, str]] = {}
    for ops in struct_ops(code):
        name = text(ops.name)
        registered = lookup(target, spec.STRUCT, b"bpf_struct_ops_" + ops.name)
        kernel = [c for c in lookup(target, spec.STRUCT, ops.name) if registered and c[0] is registered[0][0]]
        if not kernel:
            effect = NOTE if ops.optional else BREAKS if scope.functions else WARNING
            words = (
                f"the kernel has no struct_ops {name}"
                if scope.functions
                else f"whether struct_ops {name} exists {CUT_DOWN}"
            )
            for program in ops.programs.values():
                said[program] = effect, "no-struct-ops", words
            continue
        btf, type_id = kernel[0]
        theirs: Any = btf[type_id]
        members = {member.name: member for member in theirs.members}
        mine: Any = code.object.btf[ops.type_id]
        for number, program in ops.programs.items():
            member = mine.members[number]
            other = members.get(member.name)
            if other is None:
                said[program] = (
                    NOTE,
                    "no-member",
                    f"struct {name} has no {member.name}: libbpf does not load the program there",
                )
            elif btf.kind(btf.strip(other.type_id)) != code.object.btf.kind(code.object.btf.strip(member.type_id)):
                said[program] = BREAKS, "kind-differs", f"{member.name} of struct {name} is of another kind there"
    return said
