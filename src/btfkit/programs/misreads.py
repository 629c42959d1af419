"""Answers that libbpf accepts and with which a program reads something else.

These are bitfields read by their byte offset, probe reads wider than the kernel's member, and enumerators that were cut to
32 bits.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec
from btfkit.co_re.match import size_of
from btfkit.co_re.outcome import Repeated
from btfkit.co_re.program import Relocation
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError, counted
from btfkit.programs import insns as i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject
    from btfkit.co_re.target import Target
    from btfkit.programs.insns import Insn


def bitfield_reads(obj: BpfObject) -> frozenset[tuple[int, bytes]]:
    """(type id, access string) of the members that an object reads as bitfields: it asks for their shifts."""
    return frozenset((r.type_id, r.access) for r in obj.relocations if r.kind == k.LSHIFT)


def misread(
    obj: BpfObject,
    number: int,
    outcome: Outcome,
    target: Target,
    shifted: frozenset[tuple[int, bytes]],
    probe_reads: Mapping[int, int],
) -> str:
    """Why the answer to relocation `number` reads something else, "" if it does not.

    `shifted` are the `bitfield_reads` of the object, `probe_reads` how many bytes a probe read through a relocation reads.
    """
    relocation = obj.relocations[number]
    if outcome.status != "value":
        return ""
    if relocation.kind == k.ENUMVAL_VALUE:
        return _cut(obj, relocation, outcome)
    wanted = obj.spec(relocation)
    if relocation.kind != k.BYTE_OFFSET or not isinstance(wanted, Spec) or wanted.is_bitfield:
        return ""
    size = outcome.read_size
    if not size and (relocation.type_id, relocation.access) not in shifted:
        right, left = (_ask(obj, relocation, kind, target, outcome) for kind in (k.RSHIFT, k.LSHIFT))
        bits = 64 - right if right is not None else 0
        is_whole = left == right and _local_size(obj, relocation) == bits // 8 and not bits % 8
        if bits and not is_whole:
            what = obj.expression(relocation)
            detail = f"{what} is a bitfield of {counted(bits, 'bit')} on this kernel, the program reads whole bytes at its offset"
            return f"{detail} (use BPF_CORE_READ_BITFIELD)"
    read = probe_reads.get(number, 0)
    if size and read > size:
        theirs = _size_of_member(wanted, outcome)
        if theirs is None:
            theirs = _ask(obj, relocation, k.BYTE_SIZE, target, outcome)
        mine = _local_size(obj, relocation) if theirs and theirs < read else None
        if mine is not None and read <= mine:
            what = obj.expression(relocation)
            return f"the program reads {counted(read, 'byte')} of {what}, which has {theirs} on this kernel"
    return ""


def other_size(obj: BpfObject, number: int, size: int, insn: Insn) -> tuple[bool, str]:
    """(whether a load or store reaches beyond its member, how the sizes differ) for a loader that does not adjust loads; "" if
    they do not.  `size` is what a load reads on the kernel."""
    if insn[0] & i.CLASS_MASK not in (i.LDX, i.ST, i.STX):
        return False, ""
    accessed = i.BYTES[insn[0] & i.SIZE_MASK]
    if obj.relocations[number].kind != k.BYTE_OFFSET or not size or size == accessed:
        return False, ""
    what = obj.expression(obj.relocations[number])
    return accessed > size, f"the program reads {counted(accessed, 'byte')} of {what}, which has {size} on this kernel"


def _cut(obj: BpfObject, relocation: Relocation, outcome: Outcome) -> str:
    """pahole before 1.24 wrote enumerations of 8 bytes with values of 32 bits."""
    candidates = outcome.candidates
    btf, root = candidates[0] if len(candidates) == 1 else (outcome.matches[0].btf, outcome.matches[0].type_id)
    type_id = btf.strip(root)
    if btf.kind(type_id) != spec.ENUM or btf.word(type_id, 2) != 8:
        return ""
    what = obj.expression(relocation)
    return f"{what}: the enumeration has 8 bytes, but this BTF has only the lower 32 bits of its values (pahole before 1.24)"


def _as_kind(relocation: Relocation, kind: int) -> Relocation:
    return Relocation(relocation.section, relocation.insn_off, relocation.type_id, relocation.access, kind)


def _ask(obj: BpfObject, relocation: Relocation, kind: int, target: Target, answered: Outcome) -> int | None:
    """The answer to a relocation of another kind for the same access, over the candidates that matched in `answered`."""
    from btfkit.co_re.relocate import outcome

    if isinstance(answered, Repeated):
        answered = answered.asked
    key = (answered, kind)
    if key not in target.memo:
        among = [(match.btf, match.type_id) for match in answered.matches]
        found = outcome(obj, _as_kind(relocation, kind), target, among if answered.alone is not None else None)
        target.memo[key] = found.value if found.status == "value" else None
    value: int | None = target.memo[key]
    return value


def _size_of_member(wanted: Spec, outcome: Outcome) -> int | None:
    """The size in bytes of the member that the only candidate has, None if that takes a question."""
    if len(outcome.candidates) != 1 or not wanted.steps or isinstance(wanted.steps[-1], int):
        return None
    known = outcome.known if isinstance(outcome, Repeated) else None
    if known is not None and known.member_size >= 0:
        return known.member_size
    (match,) = outcome.matches
    composite, member = match.witness.members[-1]
    layer, at = match.btf.locate(composite)
    try:
        found = size_of(match.btf, layer.words[at + 4 + 3 * member], Witness(), wanted.loader)
    except BtfError:
        return None
    if known is not None and found is not None:
        known.member_size = found
    return found


def _local_size(obj: BpfObject, relocation: Relocation) -> int | None:
    from btfkit.co_re.relocate import local_value

    try:
        return local_value(obj, _as_kind(relocation, k.BYTE_SIZE))
    except BtfError:
        return None
