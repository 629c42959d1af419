"""The struct_ops of an object on a kernel: whether their operations exist, and why libbpf rejects the object if they do not.

Rule: bpf_map__init_kern_struct_ops (libbpf 1.8-dev).
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.co_re.access import essential
from btfkit.programs.arguments import prototype_of
from btfkit.programs.attachments import BREAKS, NOTE, WARNING, Problem, lookup, minimized, raw
from btfkit.programs.code import STRUCT_OPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.target import Target
    from btfkit.programs.arguments import Prototype
    from btfkit.programs.attachments import Scope
    from btfkit.programs.code import Code


class StructOps(NamedTuple):
    """A variable of a `.struct_ops` section: its own name (`variable`), the essential `name` of its struct, the `type_id` of
    that in the object, its programs as {index of the member: name of the program}, and its bytes.

    `optional`: user space has to enable it.
    """

    variable: str
    name: bytes
    type_id: int
    programs: dict[int, str]
    optional: bool
    data: bytes


class Operations(NamedTuple):
    """The struct_ops of an object on a kernel: the problem of each program that has one, why libbpf rejects the object (the
    problem of each such variable), and the prototype of each program's operation."""

    problems: dict[str, Problem]
    refusals: dict[str, Problem]
    prototypes: dict[str, Prototype]


def struct_ops(code: Code) -> Sequence[StructOps]:
    """The struct_ops variables of an object, found once."""
    if code.struct_ops_variables is None:
        code.struct_ops_variables = tuple(_struct_ops(code)) if code.struct_ops_data else ()
    return code.struct_ops_variables


def _struct_ops(code: Code) -> Iterator[StructOps]:
    btf = code.object.btf
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) != spec.DATASEC or not btf.name(type_id).startswith(STRUCT_OPS):
            continue
        section: Any = btf[type_id]
        for entry in section.entries:
            struct_id = btf.strip(btf.word(entry.type_id, 2)) if btf.kind(entry.type_id) == spec.VAR else 0
            if not struct_id or btf.kind(struct_id) != spec.STRUCT:
                continue
            struct: Any = btf[struct_id]
            variable = btf.name(entry.type_id)
            start = code.places.get((section.name, variable), entry.offset)
            names = (code.struct_ops.get((section.name, start + member.bit_offset // 8)) for member in struct.members)
            programs = {index: name for index, name in enumerate(names) if name is not None}
            data = code.struct_ops_data.get(section.name, b"")[start : start + entry.size]
            optional = section.name.startswith("?")
            yield StructOps(variable, essential(raw(struct.name)), struct_id, programs, optional, data)


def struct_ops_names(code: Code) -> Iterator[tuple[int, bytes]]:
    """(kind, name) of everything that will be looked up here for an object, for `Target.prepare`."""
    for variable in struct_ops(code):
        yield spec.STRUCT, variable.name
        yield spec.STRUCT, b"bpf_struct_ops_" + variable.name


def operations(code: Code, target: Target, scope: Scope) -> Operations:
    """The struct_ops of an object on a kernel.  A program of several variables has the problem of the one that must exist."""
    found = Operations({}, {}, {})
    for variable in struct_ops(code):
        name = text(variable.name)
        registered = lookup(target, spec.STRUCT, b"bpf_struct_ops_" + variable.name)
        structs = [c for c in lookup(target, spec.STRUCT, variable.name) if registered and c[0] is registered[0][0]]
        if structs:
            _compare(code, variable, *structs[0], found)
            continue
        if not scope.functions:
            problem = Problem(WARNING, "no-struct-ops", minimized(f"struct_ops {name}"))
        elif variable.optional:
            problem = Problem(
                NOTE, "no-struct-ops", f"the kernel has no struct_ops {name}; user space has to enable it"
            )
        else:
            problem = Problem(BREAKS, "no-struct-ops", f"the kernel has no struct_ops {name}")
            found.refusals[variable.variable] = problem
        for program in variable.programs.values():
            if program not in found.problems or found.problems[program].effect != BREAKS:
                found.problems[program] = problem
    return found


def _compare(code: Code, variable: StructOps, btf: Btf, type_id: int, found: Operations) -> None:
    """Compare the members of a struct_ops variable with the kernel's."""
    local = code.object.btf
    name = text(variable.name)
    kernel_struct: Any = btf[type_id]
    members = {member.name: (index, member) for index, member in enumerate(kernel_struct.members)}
    local_struct: Any = local[variable.type_id]
    for index, member in enumerate(local_struct.members):
        program = variable.programs.get(index, "")
        start = member.bit_offset // 8
        size = local.sizeof(member.type_id) or 0
        _, other = members.get(member.name, (0, None))
        if other is None:
            if not program and not any(variable.data[start : start + size]):
                continue
            detail = f"struct {name} has no {member.name} on this kernel, and the object sets it"
            if program:
                found.problems.setdefault(program, Problem(NOTE if variable.optional else BREAKS, "no-member", detail))
            if not variable.optional:
                found.refusals[variable.variable] = Problem(BREAKS, "no-member", detail)
            continue
        theirs, mine = btf.strip(other.type_id), local.strip(member.type_id)
        kinds = btf.kind(theirs), local.kind(mine)
        if kinds[0] != kinds[1] or (kinds[0] != spec.PTR and btf.sizeof(theirs) != local.sizeof(mine)):
            what = "kind" if kinds[0] != kinds[1] else "size"
            detail = f"{member.name} of struct {name} has a different {what} on this kernel"
            if program:
                found.problems[program] = Problem(BREAKS, "kind-differs", detail)
            if not variable.optional:
                found.refusals[variable.variable] = Problem(BREAKS, "kind-differs", detail)
        elif program and (prototype := prototype_of(btf, other.type_id, f"{name}.{member.name}")) is not None:
            found.prototypes.setdefault(program, prototype)
