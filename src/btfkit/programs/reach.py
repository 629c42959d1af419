"""Which instructions of a program can be reached, with a kernel's answers in it.

The kernel's verifier walks every path of a program with what it knows about registers and stack slots, and does not follow a
branch that it can decide.  This module walks the same way but knows less: numbers, ranges, pointers into the stack and into
read-only data (`programs/registers.py`).  So what is not reached here is not reached there; what is reached here may, rarely,
not be reached there.

States are kept for each slot where paths meet, and a state that is already known is not followed again.  If there are more than
`MAX_STATES`, they are joined into one that covers them all, so that loops end.  Sub-programs are walked for each call, with the
caller's registers; global functions (which the kernel verifies on their own) and callbacks with unknown arguments.

The offsets of members differ between kernels, but hardly ever matter: they are added to pointers to read the kernel's memory.  A
walk with `fields` takes them as numbers of which nothing is known except that each is the same everywhere, and ends with
`DependsOnField` if something depends on one.  Otherwise, a walk with the numbers would reach the same: it takes the same
branches, and has no more states at a slot, because two states that differ there differ here, too.
"""

from __future__ import annotations

from btfkit.programs import insns as i
from btfkit.programs.registers import (
    ADDRESS,
    CODE,
    FIELD,
    MAYBE,
    MAYBE_STACK,
    NOT_NULL,
    PLACE,
    RANGE,
    STACK,
    U32,
    U64,
    arithmetic,
    bounds,
    decided,
    is_field,
    join,
    low_half,
    may_be_stack,
    narrowed,
    signed,
    unknown_after,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from btfkit.programs.code import Linked
    from btfkit.programs.insns import Insn
    from btfkit.programs.registers import Value
    from btfkit.programs.verifier import Verifier

    Read = Callable[[str, int, int], Value]
    External = Callable[[str], Value]
    Stack = dict[int, tuple[int, Value]]

MAX_STATES = 24  # separate states at one slot
MAX_STEPS = 400_000  # instructions walked for one program
MAX_DEPTH = 8  # frames; the kernel's MAX_CALL_FRAMES
STACK_SIZE = 512  # bytes of a frame

# Helpers (include/uapi/linux/bpf.h) that do not write to what their arguments point to: look-ups, updates and deletes of maps,
# output to perf and ring buffers, printing, and helpers without pointer arguments.
_READS = frozenset((1, 2, 3, 5, 6, 7, 8, 12, 14, 15, 25, 27, 35, 51, 125, 130, 131, 132, 133, 134, 158, 160, 177))
# Helpers that fill the buffer of the first argument, whose size is the second: probe_read and its kin, get_current_comm.
_FILLS_FIRST = frozenset((4, 16, 45, 112, 113, 114, 115, 148))


class Doubt(Exception):
    """The walk ended early: everything counts as reached."""


class DependsOnField(Exception):
    """The walk ended early: what is reached depends on one of its `fields`."""


class Frame:
    """A stack frame: `registers` (11 values), `stack` as {offset from the top: (bytes, value)}, and the slot of the call."""

    __slots__ = ("call_slot", "registers", "stack")

    def __init__(self, registers: list[Value], stack: Stack, call_slot: int) -> None:
        self.registers = registers
        self.stack = stack
        self.call_slot = call_slot

    def copy(self) -> Frame:
        return Frame(self.registers[:], self.stack.copy(), self.call_slot)


class Flow:
    """The same on all kernels: the registers that are `alive` at each slot, where paths meet (`meets`), and whether all named
    registers exist (`valid`)."""

    def __init__(self, linked: Linked) -> None:
        self.linked = linked
        insns = linked.insns
        self.valid = all(dst <= 10 and src <= 10 for _, dst, src, _, _ in insns)
        self.meets = bytearray(len(insns) + 1)
        self.alive = [0] * (len(insns) + 1)
        for start, function in linked.functions:
            self.meets[start] = 1
            end = start + len(function.insns)
            slot = start
            while slot < end:
                if i.is_jump(insns[slot]):
                    for target in i.successors(insns, slot):
                        if start <= target < end:
                            self.meets[target] = 1
                slot += 2 if insns[slot][0] == i.LDIMM64 else 1
            self._find_alive(start, end)

    def _find_alive(self, start: int, end: int) -> None:
        """Find the registers that may be read later, walking backwards until nothing changes."""
        insns, alive = self.linked.insns, self.alive
        effects = [i.uses_and_defines(insn) for insn in insns[start:end]]
        after = [tuple(t for t in i.successors(insns, slot) if start <= t < end) for slot in range(start, end)]
        changed = True
        while changed:
            changed = False
            for slot in range(end - 1, start - 1, -1):
                live = 0
                for target in after[slot - start]:
                    live |= alive[target]
                reads, writes = effects[slot - start]
                live = live & ~writes | reads
                if live != alive[slot]:
                    alive[slot] = live
                    changed = True


class Walk:
    """One walk over a linked program.

    `insns` are its instructions with the answers in them, `marks` the slots to look for and whether they are poisoned.  When a
    poisoned one is reached, the walk continues with the original instruction, so that it finds every missing read.
    `read(section, off, size)` returns the value of a load from read-only data, `external(name)` that of an extern's address.
    `fields` are the slots whose answers count as unknown (and the numbers of their relocations).
    """

    def __init__(
        self,
        flow: Flow,
        insns: list[Insn],
        marks: dict[int, bool],
        verifier: Verifier,
        read: Read,
        external: External,
        fields: Mapping[int, int] | None = None,
    ) -> None:
        self.flow = flow
        self.linked = flow.linked
        self.insns = insns
        self.marks = marks
        self.verifier = verifier
        self.read = read
        self.external = external
        self.fields = fields or {}
        self.reached: set[int] = set()
        self.steps = 0
        self._seen: dict[tuple[int, ...], _States] = {}
        self._roots: list[int] = []
        self._entered: set[int] = set()

    def run(self) -> set[int]:
        """The marked slots that can be reached.

        Raises Doubt if the walk becomes too long or leaves the program, DependsOnField if they depend on one of the `fields`.
        """
        if not self.flow.valid:
            raise Doubt("it names registers that do not exist")
        self._enter(0, [None, None, None, None, None, None])
        if not self.verifier.lazy:
            for start, function in self.linked.functions[1:]:
                if function.is_global:
                    self._enter_later(start)
        while self._roots:
            self._enter(self._roots.pop(), [None] + [MAYBE_STACK] * 5)
        return self.reached

    def _enter_later(self, start: int) -> None:
        if start not in self._entered:
            self._entered.add(start)
            self._roots.append(start)

    def _enter(self, start: int, arguments: list[Value]) -> None:
        registers = [*arguments, None, None, None, None, (STACK, 0, 0)]
        pending = [(start, [Frame(registers, {}, -1)])]
        while pending:
            slot, frames = pending.pop()
            self._path(slot, frames, pending)

    def _path(self, slot: int, frames: list[Frame], pending: list[tuple[int, list[Frame]]]) -> None:
        """Follow one path to its end; the other side of each open branch goes to `pending`."""
        insns, meets, marks = self.insns, self.flow.meets, self.marks
        size = len(insns)
        while True:
            if not 0 <= slot < size:
                raise Doubt("control leaves the program")
            if meets[slot] and not self._is_new(slot, frames):
                return
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Doubt(f"the walk has more than {MAX_STEPS} instructions")
            poison = marks.get(slot, False)
            if slot in marks:
                self.reached.add(slot)
            insn = self.linked.insns[slot] if poison else insns[slot]
            code = insn[0]
            of_class = code & i.CLASS_MASK
            frame = frames[-1]
            if poison:
                self._unanswered(insn, frames)
                slot += 2 if code == i.LDIMM64 else 1
            elif of_class in (i.ALU, i.ALU64):
                self._alu(slot, insn, frame.registers)
                slot += 1
            elif of_class in (i.JMP, i.JMP32):
                op = code & i.OP_MASK
                if op == i.CALL and of_class == i.JMP:
                    slot, frames = self._call(slot, insn, frames)
                elif op == i.EXIT and of_class == i.JMP:
                    if len(frames) == 1:
                        return
                    slot, frames = self._return(frames)
                else:
                    slot = self._jump(slot, insn, frames, pending)
            elif code == i.LDIMM64:
                self._load_wide(slot, insn, frame.registers)
                slot += 2
            else:
                self._memory(slot, insn, frame, frames)
                slot += 1

    def _is_new(self, slot: int, frames: list[Frame]) -> bool:
        """Whether this state has to be followed; `frames` may become a state that covers several."""
        place = (slot, *(frame.call_slot for frame in frames))
        alive = self.flow.alive[slot]
        registers = frames[-1].registers
        for number in range(10):
            if not alive >> number & 1:
                registers[number] = None
        if place not in self._seen:
            self._seen[place] = _States()
        states = self._seen[place]
        is_new = states.add(frames)
        if states.joined is not None and self.fields:
            raise DependsOnField
        return is_new

    # ---- instructions ----------------------------------------------------------------------------------------------

    def _unanswered(self, insn: Insn, frames: list[Frame]) -> None:
        """Step over a read that has no answer: its result is unknown."""
        registers = frames[-1].registers
        _, writes = i.uses_and_defines(insn)
        if insn[0] & i.CLASS_MASK in (i.ST, i.STX):
            self._store(registers[insn[1]], None, insn, frames, any_off=True)
        for number in range(10):
            if writes >> number & 1:
                registers[number] = unknown_after(registers[number])

    def _alu(self, slot: int, insn: Insn, registers: list[Value]) -> None:
        code, dst, src, off, imm = insn
        wide = code & i.CLASS_MASK == i.ALU64
        op = code & i.OP_MASK
        right = registers[src] if code & i.X else imm & (U64 if wide else U32)
        if slot in self.fields:
            right = (FIELD, self.fields[slot])
        if op == i.MOV and off:  # with sign extension, or a cast of an arena's address
            registers[dst] = unknown_after(right)
        elif op == i.MOV:
            registers[dst] = right if wide else low_half(right)
        elif op in (i.END, i.NEG):
            registers[dst] = unknown_after(registers[dst])
        elif is_field(registers[dst]) or is_field(right):
            registers[dst] = _with_field(op, registers[dst], right)
        else:
            tracks_xor = self.verifier.narrow_spills
            registers[dst] = arithmetic(op, registers[dst], right, wide=wide, tracks_xor=tracks_xor)

    def _load_wide(self, slot: int, insn: Insn, registers: list[Value]) -> None:
        reference = self.linked.references.get(slot)
        value: Value
        if slot in self.fields:
            value = (FIELD, self.fields[slot])
        elif reference is None:
            high = self.insns[slot + 1][4] if slot + 1 < len(self.insns) else 0
            value = None if insn[2] else (insn[4] & U32) | (high & U32) << 32
        elif reference.kind == "func":
            value = (CODE, self.linked.targets[slot])
        elif reference.kind == "data":
            value = (PLACE, reference.name, reference.value)
        elif reference.kind == "extern":
            value = self.external(reference.name)
        else:
            value = NOT_NULL
        registers[insn[1]] = value

    def _jump(self, slot: int, insn: Insn, frames: list[Frame], pending: list[tuple[int, list[Frame]]]) -> int:
        code, dst, src, _, imm = insn
        op = code & i.OP_MASK
        target = slot + 1 + i.jump_distance(insn)
        if op == i.JA:
            if code & i.X:
                raise Doubt("an indirect jump")
            return target
        if op == i.JCOND:
            pending.append((target, [frame.copy() for frame in frames]))
            return slot + 1
        wide = code & i.CLASS_MASK == i.JMP
        registers = frames[-1].registers
        left = registers[dst]
        right = registers[src] if code & i.X else imm & (U64 if wide else U32)
        if (is_field(left) and right is not None) or (is_field(right) and left is not None):
            raise DependsOnField
        taken = self._decided(op, code, left, right, wide)
        if taken is not None:
            return target if taken else slot + 1
        other = [frame.copy() for frame in frames]
        pending.append((target, other))
        is_range = left.__class__ is tuple and left[0] == RANGE and right.__class__ is int
        if is_range and (wide or (left[2] <= U32 and right <= U32)):
            other[-1].registers[dst] = narrowed(op, left, right, True)
            registers[dst] = narrowed(op, left, right, False)
        return slot + 1

    def _decided(self, op: int, code: int, left: Value, right: Value, wide: bool) -> bool | None:
        if not self.verifier.decides and wide:
            if code & i.X or op not in (i.JEQ, i.JNE) or left.__class__ is not int or left != right:
                return None
            return op == i.JEQ
        return decided(op, left, right, wide=wide, knows_pointers=self.verifier.stores)

    # ---- memory ----------------------------------------------------------------------------------------------------

    def _memory(self, slot: int, insn: Insn, frame: Frame, frames: list[Frame]) -> None:
        code, dst, src, off, imm = insn
        of_class = code & i.CLASS_MASK
        registers = frame.registers
        if slot in self.fields:
            pointer = registers[src if of_class == i.LDX else dst]
            if pointer.__class__ is tuple and pointer[0] in (STACK, PLACE):
                raise DependsOnField
        mode = code & i.MODE_MASK
        size = i.BYTES[code & i.SIZE_MASK]
        if of_class == i.LD and mode == i.IMM:
            raise Doubt("control enters the middle of an instruction")
        if of_class == i.LD:  # packet access by ABS and IND
            registers[:6] = [None] * 6
        elif of_class == i.LDX:
            value = self._load(registers[src], off, size, frames)
            registers[dst] = value if mode == i.MEM else _extended(value, size) if mode == i.MEMSX else MAYBE_STACK
        elif of_class == i.ST:
            self._store(registers[dst], imm & U64, insn, frames)
        elif mode == i.ATOMIC:
            self._atomic(insn, registers, frames)
        else:
            self._store(registers[dst], registers[src], insn, frames)

    def _atomic(self, insn: Insn, registers: list[Value], frames: list[Frame]) -> None:
        _, dst, src, _, imm = insn
        if imm == i.LOAD_ACQ:
            registers[dst] = MAYBE_STACK
            return
        self._store(registers[dst], None, insn, frames)
        if imm == i.CMPXCHG:
            registers[0] = None
        elif imm & i.FETCH and imm != i.STORE_REL:
            registers[src] = None

    def _load(self, pointer: Value, off: int, size: int, frames: list[Frame]) -> Value:
        if pointer.__class__ is not tuple:
            return None
        if pointer[0] == PLACE:
            return self.read(pointer[1], pointer[2] + off, size) if pointer[2] is not None else None
        if pointer[0] == MAYBE:
            return MAYBE_STACK
        if pointer[0] != STACK:
            return None
        if pointer[1] >= len(frames):
            return MAYBE_STACK
        stack = frames[pointer[1]].stack
        if pointer[2] is None:
            return MAYBE_STACK if any(may_be_stack(value) for _, value in stack.values()) else None
        at = pointer[2] + off
        found = stack.get(at)
        if found is not None and found[0] == size:
            return found[1]
        touched = (entry[1] for start, entry in stack.items() if start < at + size and at < start + entry[0])
        return MAYBE_STACK if any(may_be_stack(value) for value in touched) else None

    def _store(self, pointer: Value, value: Value, insn: Insn, frames: list[Frame], *, any_off: bool = False) -> None:
        """Record a store if it may reach the stack."""
        if not may_be_stack(pointer):
            return
        size = i.BYTES[insn[0] & i.SIZE_MASK]
        if pointer[0] == MAYBE or pointer[1] >= len(frames):
            for frame in frames:
                frame.stack.clear()
            return
        stack = frames[pointer[1]].stack
        if pointer[2] is None or any_off:
            stack.clear()
            return
        at = pointer[2] + insn[3]
        _forget(stack, at, size)
        kept = self._spilled(value, at, size, insn[0] & i.CLASS_MASK == i.ST)
        if kept is not None:
            stack[at] = (size, kept)

    def _spilled(self, value: Value, at: int, size: int, immediate: bool) -> Value:
        """What the verifier knows of a value after it is stored on the stack."""
        if may_be_stack(value):
            return value if size == 8 else None
        if immediate:
            value = value & ((1 << 8 * size) - 1) if self.verifier.stores else None
        if is_field(value):
            if size == 8 and (self.verifier.narrow_spills or self.verifier.decides):
                return value
            raise DependsOnField
        if value is None or (value == 0 and value.__class__ is int):
            return value  # zeros are tracked byte by byte
        number = bounds(value)
        if size == 8:
            kept = number is None or self.verifier.narrow_spills or (number[0] == number[1] and self.verifier.decides)
        else:
            fits = number is not None and not number[1] >> 8 * size
            kept = fits and at % 8 == 0 and self.verifier.narrow_spills
        return value if kept else None

    # ---- calls -----------------------------------------------------------------------------------------------------

    def _call(self, slot: int, insn: Insn, frames: list[Frame]) -> tuple[int, list[Frame]]:
        target = self.linked.targets.get(slot)
        registers = frames[-1].registers
        if target is None:
            is_helper = not insn[2] and slot not in self.linked.references
            self._outside(insn[4] if is_helper else -1, registers, frames)
            return slot + 1, frames
        if self.linked.function_at(target)[1].is_global:
            self._enter_later(target)
            self._outside(-1, registers, frames)
            return slot + 1, frames
        if len(frames) >= MAX_DEPTH:
            raise Doubt(f"calls nested more than {MAX_DEPTH} deep")
        callee = [None, *registers[1:6], None, None, None, None, (STACK, len(frames), 0)]
        return target, [*frames, Frame(callee, {}, slot)]

    def _return(self, frames: list[Frame]) -> tuple[int, list[Frame]]:
        *rest, done = frames
        caller = rest[-1]
        value = done.registers[0]
        if may_be_stack(value) and (value[0] == MAYBE or value[1] >= len(rest)):
            value = MAYBE_STACK
        caller.registers[:6] = [value, None, None, None, None, None]
        return done.call_slot + 1, rest

    def _outside(self, helper: int, registers: list[Value], frames: list[Frame]) -> None:
        """Call a helper, or (-1) a function of the kernel or a global function: what its arguments point to may change."""
        arguments = registers[1:6]
        callbacks = [value[1] for value in arguments if value.__class__ is tuple and value[0] == CODE]
        for callback in callbacks:
            self._enter_later(callback)
        if callbacks or any(value.__class__ is tuple and value[0] == MAYBE for value in arguments):
            for frame in frames:
                frame.stack.clear()
        elif helper not in _READS:
            fills_first = helper in _FILLS_FIRST
            for number, value in enumerate(arguments[:2] if fills_first else arguments):
                if value.__class__ is not tuple or value[0] != STACK or value[1] >= len(frames):
                    continue
                stack = frames[value[1]].stack
                if fills_first and number == 0 and is_field(arguments[1]):
                    raise DependsOnField
                size = bounds(arguments[1]) if fills_first and number == 0 else None
                if value[2] is None:
                    stack.clear()
                else:
                    _forget(stack, value[2], size[1] if size is not None else STACK_SIZE)
        registers[:6] = [None] * 6


class _States:
    """The states at one slot; beyond MAX_STATES they are joined."""

    def __init__(self) -> None:
        self.keys: set[Any] = set()
        self.joined: list[tuple[tuple[Value, ...], Stack]] | None = None

    def add(self, frames: list[Frame]) -> bool:
        """Add a state; whether it has to be followed.  Beyond MAX_STATES, `frames` become a state that covers all."""
        if self.joined is None:
            key = tuple((tuple(f.registers), frozenset(f.stack.items())) for f in frames)
            if key in self.keys:
                return False
            self.keys.add(key)
            if len(self.keys) > MAX_STATES:
                self.joined = [(tuple(f.registers), f.stack.copy()) for f in frames]
            return True
        changed = False
        for number, frame in enumerate(frames):
            registers, stack = self.joined[number]
            merged = tuple(join(a, b) for a, b in zip(registers, frame.registers, strict=True))
            stacked = _join_stacks(stack, frame.stack)
            changed = changed or merged != registers or stacked != stack
            self.joined[number] = (merged, stacked)
            frame.registers, frame.stack = list(merged), stacked.copy()
        return changed


def _join_stacks(one: Stack, other: Stack) -> Stack:
    """A stack that covers both; pointers into the stack are kept."""
    joined = {}
    for at in sorted({*one, *other}):
        a, b = one.get(at), other.get(at)
        if a == b and a is not None:
            joined[at] = a
            continue
        value = join(a[1] if a else None, b[1] if b else None)
        if may_be_stack(value):
            joined[at] = (8, value)
        elif value is not None and a and b and a[0] == b[0]:
            joined[at] = (a[0], value)
    return joined


def _forget(stack: Stack, at: int, size: int) -> None:
    """Drop what `size` bytes at `at` overwrite: all 8 bytes of each slot that they touch, as the verifier does."""
    low, high = at & ~7, at + size + 7 & ~7
    for start in [start for start in stack if low <= start & ~7 < high]:
        del stack[start]


def _with_field(op: int, left: Value, right: Value) -> Value:
    """The result of arithmetic with an answer to a relocation, if it does not depend on that: with a pointer of the kernel, or
    with something unknown."""
    other = right if is_field(left) else left
    if other == MAYBE_STACK:
        return MAYBE_STACK
    if op != i.AND and (other is None or (other.__class__ is tuple and other[0] in (ADDRESS, CODE))):
        return None
    raise DependsOnField


def _extended(value: Value, size: int) -> Value:
    """`value` of a load with sign extension."""
    if is_field(value):
        raise DependsOnField
    if value.__class__ is not int:
        return unknown_after(value)
    return signed(value & ((1 << 8 * size) - 1), 8 * size) & U64
