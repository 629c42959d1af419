"""Puts a kernel's answers into a program's instructions, as libbpf does before it loads the program.

Rule: bpf_core_patch_insn (libbpf 1.8-dev, relo_core.c).  An answer goes into the immediate (arithmetic and 64-bit loads) or the
offset (loads and stores) of an instruction.  An instruction without an answer is poisoned: the kernel rejects the program if it
can be reached.  If libbpf cannot write an answer, it rejects the whole object, whether or not the instruction is reached.

cilium/ebpf and aya do likewise (Apply in btf/core.go, apply in src/btf/relocation.rs), with the limits of `Loader`.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec, SpecError
from btfkit.co_re.kinds import KINDS
from btfkit.co_re.loaders import LIBBPF, REJECT
from btfkit.co_re.values import enumerator_value
from btfkit.errors import BtfError
from btfkit.programs import insns as i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.programs.code import Code, Linked
    from btfkit.programs.insns import Insn

    class Answered(Protocol):
        """A kernel's answer to a relocation: `co_re.relocate.Outcome` or `programs.facts.Answer`."""

        @property
        def status(self) -> str: ...
        @property
        def value(self) -> int | None: ...
        @property
        def detail(self) -> str: ...
        @property
        def load_size(self) -> int: ...


POISON = 195896080  # the number of the helper that is called instead, libbpf's 0xbad2310
POISONED: Insn = (i.JMP | i.CALL, 0, 0, 0, POISON)
MAX_OFF = 32767

# Not compared with the local value of a bitfield.
_UNCHECKED_BITFIELD = (k.BYTE_OFFSET, k.BYTE_SIZE, k.LSHIFT)


class Patch(NamedTuple):
    """The change to one instruction: `insns` replace it (one slot, or two); `poison` if there is no answer; or `rejection`, why
    libbpf rejects the object."""

    insns: tuple[Insn, ...] = ()
    poison: bool = False
    rejection: str = ""


def patch(
    code: Code, number: int, outcome: Answered, insn: Insn, following: Insn | None, loader: Loader = LIBBPF
) -> Patch:
    """The change to `insn` by the answer `outcome` to relocation `number`; `following` is the next slot."""
    relocation = code.object.relocations[number]
    if outcome.status in ("error", "ambiguous"):
        return Patch(rejection=outcome.detail)
    of_class = insn[0] & i.CLASS_MASK
    wide = insn[0] == i.LDIMM64
    memory = of_class in (i.LDX, i.ST, i.STX)
    if relocation.insn_off % i.SIZE:
        return Patch(rejection=f"byte offset {relocation.insn_off} is not that of an instruction")
    if memory and outcome.load_size < 0 and loader.load_size == REJECT:
        return Patch(
            rejection="the size of the member differs from that of the program's load, which cannot be adjusted"
        )
    if outcome.value is None or (memory and outcome.load_size < 0):
        return Patch((POISONED, POISONED) if wide else (POISONED,), poison=True)
    value = outcome.value
    if wide:
        return _wide(code, relocation, insn, following, value, loader)
    if of_class in (i.ALU, i.ALU64):
        return _immediate(code, relocation, insn, value, loader)
    if memory:
        return _memory(code, relocation, insn, value, outcome.load_size, loader)
    return Patch(rejection=f"an instruction with code {insn[0]:#04x} cannot be relocated")


def _wide(code: Code, relocation: Relocation, insn: Insn, following: Insn | None, value: int, loader: Loader) -> Patch:
    if following is None or any(insn[2:4]) or any(following[:4]):
        return Patch(rejection="the 64-bit load has fields set that must be 0")
    found = (insn[4] & 0xFFFFFFFF) | (following[4] & 0xFFFFFFFF) << 32
    local = _expected(code, relocation, loader)
    is_narrow = (
        loader is LIBBPF
        and relocation.kind == k.ENUMVAL_VALUE
        and code.object.btf.kind(relocation.type_id) == spec.ENUM
    )
    if local is not None and is_narrow and local >> 31 == 1:
        return Patch(
            rejection=f"{found:#x}, an unsigned enumerator of 32 bits, in a 64-bit load: libbpf expects a signed one"
        )
    if local is not None and found != local:
        return _changed(found, local)
    return Patch(((insn[0], insn[1], 0, 0, _signed(value & 0xFFFFFFFF)), (0, 0, 0, 0, _signed(value >> 32))))


def _immediate(code: Code, relocation: Relocation, insn: Insn, value: int, loader: Loader) -> Patch:
    if insn[0] & i.X:
        return Patch(rejection="the arithmetic instruction has a register operand, expected an immediate")
    local = _expected(code, relocation, loader)
    if local is not None and insn[4] & 0xFFFFFFFF != local & 0xFFFFFFFF:
        return _changed(insn[4], local)
    return Patch(((*insn[:4], _signed(value & 0xFFFFFFFF)),))


def _memory(code: Code, relocation: Relocation, insn: Insn, value: int, size: int, loader: Loader) -> Patch:
    local = _expected(code, relocation, loader)
    if local is not None and insn[3] != local:
        return _changed(insn[3], local)
    if value > MAX_OFF:
        return Patch(rejection=f"offset {value} is beyond {MAX_OFF}, the limit of a load or store")
    opcode = insn[0]
    wanted = code.object.spec(relocation)
    leaf = wanted.leaf if isinstance(wanted, Spec) and relocation.kind == k.BYTE_OFFSET else None
    if size > 0 and leaf is not None and leaf[2] and size != leaf[2]:
        loaded = i.BYTES[opcode & i.SIZE_MASK]
        if loaded != leaf[2]:
            return Patch(rejection=f"the load has {loaded} bytes, the member {leaf[2]}")
        if size not in i.SIZE_BITS:
            return Patch(rejection=f"the load would need {size} bytes, possible are 1, 2, 4 and 8")
        opcode = opcode & ~i.SIZE_MASK | i.SIZE_BITS[size]
    return Patch(((opcode, insn[1], insn[2], value, insn[4]),))


def _changed(found: int, local: int) -> Patch:
    reason = "the object was changed or is damaged"
    return Patch(rejection=f"the instruction has {found}, the program's own types give {local}: {reason}")


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _expected(code: Code, relocation: Relocation, loader: Loader) -> int | None:
    """The value that the loader expects in the instruction; None if it does not compare it."""
    if not loader.compares:
        return None
    if loader.compares_ids and relocation.kind in (k.TYPE_ID_LOCAL, k.TYPE_ID_TARGET):
        return relocation.type_id
    return _local(code, relocation)


def _local(code: Code, relocation: Relocation) -> int | None:
    """The value in the instruction before the change, by the program's own types; None if libbpf does not compare it."""
    key = (relocation.type_id, relocation.access, relocation.kind)
    if key not in code.locals:
        code.locals[key] = _local_value(code.object, relocation)
    return code.locals[key]


def _local_value(obj: BpfObject, relocation: Relocation) -> int | None:
    from btfkit.co_re.relocate import local_value

    kind = relocation.kind
    wanted = obj.spec(relocation)
    if isinstance(wanted, SpecError) or kind in (k.TYPE_ID_LOCAL, k.TYPE_ID_TARGET):
        return None
    if KINDS[kind].is_test:
        return 1
    if kind == k.ENUMVAL_VALUE:
        type_id = obj.btf.strip(relocation.type_id)
        return enumerator_value(obj.btf, type_id, int(relocation.access))
    if wanted.is_bitfield and kind in _UNCHECKED_BITFIELD:
        return None
    try:
        return local_value(obj, relocation)
    except BtfError:
        return None


class Patched(NamedTuple):
    """A linked program with a kernel's answers in its `insns`; `poisoned` maps a slot to the number of its relocation,
    `rejections` the number of a relocation to why libbpf rejects it."""

    insns: list[Insn]
    poisoned: dict[int, int]
    rejections: dict[int, str]


def patch_program(code: Code, linked: Linked, outcomes: Sequence[Answered], loader: Loader = LIBBPF) -> Patched:
    """Put the answers to all relocations of a linked program into its instructions; `outcomes` are those of the object."""
    insns = list(linked.insns)
    poisoned: dict[int, int] = {}
    rejections: dict[int, str] = {}
    for slot, number in linked.relocations.items():
        following = insns[slot + 1] if slot + 1 < len(insns) else None
        done = patch(code, number, outcomes[number], insns[slot], following, loader)
        if done.rejection:
            rejections[number] = done.rejection
            continue
        insns[slot : slot + len(done.insns)] = done.insns
        if done.poison:
            poisoned[slot] = number
    return Patched(insns, poisoned, rejections)
