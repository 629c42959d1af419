"""Where the values of a program's registers come from, on all paths: its context, a relocated offset, or a constant.

This answers "which instructions read the context, and at which offset" and "how many bytes does bpf_probe_read read
through a relocated offset". It is computed once for a program, by joining the states of all paths (`programs/reach.py`
follows paths one by one, on a kernel), so an instruction is only reported if every path agrees.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.co_re.kinds import BYTE_OFFSET
from btfkit.programs import insns as i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.co_re.program import Relocation
    from btfkit.programs.code import Linked
    from btfkit.programs.insns import Insn

    Origin = (
        int | tuple[int, int] | None
    )  # a constant, (CONTEXT, bytes from its start), (FIELD, relocation), or unknown
    State = tuple[
        tuple[Origin, ...], dict[int, Origin]
    ]  # registers, and what is stored on the stack by offset from its top

CONTEXT, FIELD = 1, 2
PROBE_READS = frozenset((4, 112, 113))  # helpers: bpf_probe_read, _user, _kernel
FRAME_POINTER = 10


class Origins(NamedTuple):
    """`context_reads`: for each slot that loads from the context, how far the register is from its start (bytes).

    `probe_reads`: for each relocation whose offset leads to a bpf_probe_read, how many bytes that reads (the most).
    """

    context_reads: dict[int, int]
    probe_reads: dict[int, int]


def find_origins(linked: Linked, relocations: list[Relocation]) -> Origins:
    """The origins in a linked program; `relocations` are those of its object."""
    return _Propagation(linked, relocations).run()


class _Propagation:
    """Propagates the states at the entry of each basic block until nothing changes: a register only ever becomes unknown."""

    def __init__(self, linked: Linked, relocations: list[Relocation]) -> None:
        self.linked = linked
        self.insns = linked.insns
        self.offsets = {
            slot: number for slot, number in linked.relocations.items() if relocations[number].kind == BYTE_OFFSET
        }
        self.states: dict[int, State] = {}
        self.pending: list[int] = []
        self.found = Origins({}, {})

    def run(self) -> Origins:
        unknown: list[Origin] = [None] * 11
        unknown[1] = (CONTEXT, 0)
        leaders = self._leaders()
        self._enter(0, tuple(unknown), {})
        for start, function in self.linked.functions[1:]:
            if function.is_global:
                self._enter(start, (None,) * 11, {})
        while self.pending:
            self._block(self.pending.pop(), leaders, collect=False)
        for slot in sorted(self.states):
            self._block(slot, leaders, collect=True)
        return self.found

    def _leaders(self) -> frozenset[int]:
        """The slots where paths meet or begin."""
        found = {start for start, _ in self.linked.functions}
        for slot, insn in enumerate(self.insns):
            if i.is_jump(insn):
                found.update(i.successors(self.insns, slot))
        return frozenset(found | set(self.linked.targets.values()))

    def _enter(self, slot: int, registers: tuple[Origin, ...], stack: dict[int, Origin]) -> None:
        """Join a state into that at the entry of a block, which is visited again if this changes it."""
        if not 0 <= slot < len(self.insns):
            return
        known = self.states.get(slot)
        if known is not None:
            registers = tuple(a if a == b else None for a, b in zip(known[0], registers, strict=True))
            stack = {at: origin for at, origin in known[1].items() if stack.get(at) == origin}
            if (registers, stack) == known:
                return
        self.states[slot] = registers, stack
        self.pending.append(slot)

    def _block(self, slot: int, leaders: frozenset[int], *, collect: bool) -> None:
        """Follow the instructions from the entry of a block to the next."""
        entry, stored = self.states[slot]
        registers, stack = list(entry), stored.copy()
        first = slot
        while slot < len(self.insns):
            if slot != first and slot in leaders:
                if not collect:
                    self._enter(slot, tuple(registers), stack)
                return
            insn = self.insns[slot]
            if collect:
                self._collect(slot, insn, registers)
            if i.is_exit(insn):
                return
            if i.is_jump(insn):
                for target in i.successors(self.insns, slot) if not collect else ():
                    self._enter(target, tuple(registers), stack)
                return
            if i.is_call(insn):
                target_slot = self.linked.targets.get(slot)
                if target_slot is not None and not collect:
                    self._enter(target_slot, (None, *registers[1:6], *(None,) * 5), {})
                registers[:6] = [None] * 6
            else:
                self._step(slot, insn, registers, stack)
            slot += 2 if insn[0] == i.LDIMM64 else 1

    def _collect(self, slot: int, insn: Insn, registers: list[Origin]) -> None:
        origin = registers[insn[2]] if insn[2] < 11 else None
        if insn[0] & i.CLASS_MASK == i.LDX and origin.__class__ is tuple and origin[0] == CONTEXT:
            self.found.context_reads[slot] = origin[1]
        elif i.is_call(insn) and not insn[2] and insn[4] in PROBE_READS and slot not in self.linked.references:
            size, source = registers[2], registers[3]
            if size.__class__ is int and source.__class__ is tuple and source[0] == FIELD:
                number = source[1]
                self.found.probe_reads[number] = max(size, self.found.probe_reads.get(number, 0))

    def _step(self, slot: int, insn: Insn, registers: list[Origin], stack: dict[int, Origin]) -> None:
        code, dst, src, off, _ = insn
        of_class = code & i.CLASS_MASK
        if dst > FRAME_POINTER or src > FRAME_POINTER:
            return
        if of_class in (i.ALU, i.ALU64):
            registers[dst] = self._computed(slot, insn, registers)
        elif of_class == i.LDX:
            is_reload = src == FRAME_POINTER and code & i.SIZE_MASK == i.SIZE_BITS[8]
            registers[dst] = stack.get(off) if is_reload else None
        elif of_class == i.LD:
            registers[dst] = None
            if code == i.LDIMM64 and not src and slot not in self.linked.references:
                registers[dst] = (FIELD, self.offsets[slot]) if slot in self.offsets else insn[4]
        elif dst == FRAME_POINTER:  # a store
            size = i.BYTES[code & i.SIZE_MASK]
            for at in [at for at in stack if at < off + size and off < at + 8]:
                del stack[at]
            origin = registers[src] if of_class == i.STX and size == 8 else None
            if origin.__class__ is tuple and origin[0] == CONTEXT:
                stack[off] = origin

    def _computed(self, slot: int, insn: Insn, registers: list[Origin]) -> Origin:
        """The origin of the result of an arithmetic instruction."""
        code, dst, src, off, imm = insn
        op = code & i.OP_MASK
        if slot in self.offsets and op in (i.MOV, i.ADD):
            return FIELD, self.offsets[slot]
        if slot in self.linked.relocations:
            return None
        right = registers[src] if code & i.X else imm
        wide = code & i.CLASS_MASK == i.ALU64
        if op == i.MOV and not off:
            return right if wide or right.__class__ is int else None
        if op != i.ADD or not wide:
            return None
        left = registers[dst]
        if left.__class__ is tuple and left[0] == CONTEXT and right.__class__ is int:
            return CONTEXT, left[1] + right
        for one, other in ((left, right), (right, left)):
            if one.__class__ is tuple and one[0] == FIELD and not _is_field_or_number(other):
                return one
        return None


def _is_field_or_number(origin: Origin) -> bool:
    return origin.__class__ is int or (origin.__class__ is tuple and origin[0] == FIELD)
