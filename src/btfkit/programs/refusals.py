"""Why a loader rejects an object as a whole, whichever of its programs user space loads.

Rules of others: ProgramSection::from_str, relocate_calls and parse_programs (aya-obj 0.2.1), LoadCollectionSpecFromReader,
createWithPin and fixupKfuncs (cilium/ebpf 0.22).  Of libbpf 1.8-dev: bpf_object__check_endianness, bpf_object__add_programs,
bpf_object__collect_externs, bpf_object__resolve_ksyms_btf_id, bpf_object__init_kern_struct_ops_maps and
bpf_object__create_maps.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.co_re.loaders import NONE, OBJECT
from btfkit.programs.abilities import lacking_maps, unknown_flags
from btfkit.programs.attachments import INCOMPATIBLE, MISSING
from btfkit.programs.code import KFUNC
from btfkit.programs.helpers import map_type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.target import Target
    from btfkit.programs.abilities import Abilities
    from btfkit.programs.attachments import ExternAnswer, Problem
    from btfkit.programs.code import Code


class Refusal(NamedTuple):
    """A `reason` in one word, a sentence, the `subject` (the name of an extern, map or variable, or ""), and the `map` without
    which libbpf takes the object (bpf_map__set_autocreate), or ""."""

    reason: str
    detail: str
    subject: str = ""
    map: str = ""


def refusals(
    code: Code,
    target: Target,
    externs: Mapping[str, ExternAnswer],
    struct_ops: Mapping[str, Problem],
    abilities: Abilities,
    loader: Loader,
) -> Iterator[Refusal]:
    """Why a loader rejects an object on a kernel: `externs` are the kernel's answers, `struct_ops` the problems of variables.

    What is not in the table of loaders follows the rules of libbpf.
    """
    if code.order != target.vmlinux.byte_order:
        order = target.vmlinux.byte_order
        yield Refusal("byte-order", f"its byte order is {code.order}-endian, the kernel's {order}-endian")
    for rejection in code.rejections:
        if rejection.what in loader.faults:
            yield Refusal("bad-object", rejection.detail)
    for section in dict.fromkeys(program.section for program in code.programs):
        if not loader.knows(section):
            yield Refusal("no-program-type", f"it has no program type for section {section!r}")
    if loader.externs == NONE:
        called = (reference for function in code.functions for reference in function.references.values())
        for name in dict.fromkeys(reference.name for reference in called if reference.kind == KFUNC):
            yield Refusal("no-extern", f"it does not resolve kernel functions, and {name} is called", name)
    for name, answer in externs.items() if loader.externs == OBJECT else ():
        if answer.status in (MISSING, INCOMPATIBLE) and not (code.externs[name].weak and answer.status == MISSING):
            reason = "no-extern" if answer.status == MISSING else "incompatible"
            yield Refusal(reason, f"{answer.detail} (needed whichever programs are loaded)", name)
    unless = f" (unless {loader.leaves_out})" if loader.leaves_out else ""
    for name, problem in struct_ops.items():
        detail = f"variable {name}: {problem.detail}{unless}"
        yield Refusal(problem.reason, detail, name, name if unless else "")
    for each in lacking_maps(code.maps, abilities):
        what = f"map {each.name} is of type {map_type_name(each.type)}, which the kernel does not have"
        yield Refusal("no-map-type", what + unless, each.name, each.outer if unless else "")
    for each, flags in unknown_flags(code.maps, target):
        what = f"map {each.name} has flags {flags:#x}, which the kernel does not have"
        yield Refusal("no-map-flag", what + unless, each.name, each.outer if unless else "")
