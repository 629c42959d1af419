"""Which instructions of a program can be reached, with a kernel's answers in it.

The kernel's verifier walks every path of a program with what it knows about registers and stack slots, and does not
follow a branch that it can decide.  This module walks the same way and knows less: known numbers, ranges, pointers into
the stack and into read-only data (`programs/registers.py`).  So what is not reached here is not reached there; what is reached
here may, rarely, not be reached there.

States are kept for each place where paths meet.  A state that came by before is not followed again; where there are more
than `MAX_STATES`, they are joined into one that covers them all, so that loops end.  Sub-programs are walked for each
call, with the caller's registers; global functions (verified on their own by the kernel) and callbacks are walked with
arguments of which nothing is known."""

from __future__ import annotations

from btfkit.programs import insns as i
from btfkit.programs.registers import (
    CODE,
    MAYBE,
    MAYBE_STACK,
    NOT_NULL,
    PLACE,
    RANGE,
    STACK,
    U64,
    arithmetic,
    bounds,
    decided,
    join,
    low_half,
    may_be_stack,
    narrowed,
    signed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from btfkit.programs.code import Linked
    from btfkit.programs.insns import Insn
    from btfkit.programs.registers import Value
    from btfkit.programs.verifier import Verifier

    Read = Callable[[str, int, int], Value]
    External = Callable[[str], Value]

MAX_STATES = 24  # states that are kept apart at one place
MAX_STEPS = 400_000  # instructions that are walked for one program
MAX_DEPTH = 8  # frames; the kernel's MAX_CALL_FRAMES
STACK_SIZE = 512  # bytes of a frame

# Numbers of helpers (include/uapi/linux/bpf.h) that write nothing to what their arguments point to: look-ups, updates and
# deletes of maps, output to perf and ring buffers, printing, and those that take no pointer.
_READS = frozenset((1, 2, 3, 5, 6, 7, 8, 12, 14, 15, 25, 27, 35, 51, 125, 130, 131, 132, 133, 134, 158, 160, 177))
# ... and of those that fill as many bytes at the first argument as the second says: probe_read and its kin, get_current_comm.
_FILLS_FIRST = frozenset((4, 16, 45, 112, 113, 114, 115, 148))


class Doubt(Exception):
    """The walk was given up: everything counts as reached."""


class Frame:
    """One frame in the making: `registers` (11 values), `stack` as {offset from the top: (bytes, value)}, and where to
    return to."""

    __slots__ = ("back", "registers", "stack")

    def __init__(self, registers: list[Value], stack: dict[int, tuple[int, Value]], back: int) -> None:
        self.registers = registers
        self.stack = stack
        self.back = back

    def copy(self) -> Frame:
        return Frame(self.registers[:], self.stack.copy(), self.back)


class Flow:
    """What does not change from kernel to kernel: which registers are alive at each slot, where paths meet, and whether
    all registers that are named exist (`sane`)."""

    __slots__ = ("alive", "linked", "meets", "sane")

    def __init__(self, linked: Linked) -> None:
        self.linked = linked
        insns = linked.insns
        self.sane = all(dst <= 10 and src <= 10 for _, dst, src, _, _ in insns)
        self.meets = bytearray(len(insns) + 1)
        for start, function in linked.parts:
            self.meets[start] = 1
            end = start + len(function.insns)
            slot = start
            while slot < end:
                after = i.successors(insns, slot)
                if i.is_jump(insns[slot]):
                    for target in after:
                        if start <= target < end:
                            self.meets[target] = 1
                slot += 2 if insns[slot][0] == i.LDIMM64 else 1
        self.alive = [0] * (len(insns) + 1)
        for start, function in linked.parts:
            self._liveness(start, start + len(function.insns))

    def _liveness(self, start: int, end: int) -> None:
        """Registers that may be read later, by walking backwards until nothing changes."""
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

    `insns` are its instructions with the answers in them, `marks` the slots that are asked for, and whether they are
    poisoned: such are noted in `reached` and then passed as if they had been what they were, so that every missing read
    that can be reached is told.  `read(section, off, size)` yields what a load from read-only data gives,
    `external(name)` the value of an extern's address."""

    def __init__(
        self,
        flow: Flow,
        insns: list[Insn],
        marks: dict[int, bool],
        verifier: Verifier,
        read: Read,
        external: External,
    ) -> None:
        self.flow = flow
        self.linked = flow.linked
        self.insns = insns
        self.marks = marks
        self.verifier = verifier
        self.read = read
        self.external = external
        self.reached: set[int] = set()
        self.steps = 0
        self._seen: dict[tuple[int, ...], _Seen] = {}
        self._roots: list[int] = []
        self._entered: set[int] = set()

    def run(self) -> set[int]:
        """The marked slots that can be reached.  Raises Doubt where the walk becomes too long, or leaves the program."""
        if not self.flow.sane:
            raise Doubt("it names registers that there are not")
        self._enter(0, [None, None, None, None, None, None])
        if not self.verifier.lazy:
            for start, function in self.linked.parts[1:]:
                if function.is_global:
                    self._entered.add(start)
                    self._roots.append(start)
        while self._roots:
            self._enter(self._roots.pop(), [None] + [MAYBE_STACK] * 5)
        return self.reached

    def _enter(self, start: int, arguments: list[Value]) -> None:
        registers = [*arguments, None, None, None, None, (STACK, 0, 0)]
        pending = [(start, [Frame(registers, {}, -1)])]
        while pending:
            slot, frames = pending.pop()
            self._path(slot, frames, pending)

    def _path(self, slot: int, frames: list[Frame], pending: list[Any]) -> None:
        """Follow one path to its end; the other side of each open branch goes to `pending`."""
        insns, meets, marks = self.insns, self.flow.meets, self.marks
        size = len(insns)
        while True:
            if not 0 <= slot < size:
                raise Doubt("control runs out of the program")
            if meets[slot] and not self._is_new(slot, frames):
                return
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Doubt(f"more than {MAX_STEPS} instructions were walked")
            poison = False
            if slot in marks:
                self.reached.add(slot)
                poison = marks[slot]
            insn = self.linked.insns[slot] if poison else insns[slot]
            code = insn[0]
            of_class = code & i.CLASS_MASK
            frame = frames[-1]
            if poison:
                self._unanswered(insn, frame, frames)
                slot += 2 if code == i.LDIMM64 else 1
            elif of_class in (i.ALU, i.ALU64):
                self._alu(insn, frame.registers)
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
                self._memory(insn, frame, frames)
                slot += 1

    # ---- where paths meet ------------------------------------------------------------------------------------------

    def _is_new(self, slot: int, frames: list[Frame]) -> bool:
        """Whether this state has to be followed; `frames` may be widened to what covers the others."""
        place = (slot, *(frame.back for frame in frames))
        alive = self.flow.alive[slot]
        registers = frames[-1].registers
        for number in range(10):
            if not alive >> number & 1:
                registers[number] = None
        seen = self._seen.get(place)
        if seen is None:
            seen = self._seen[place] = _Seen()
        return seen.add(frames)

    # ---- instructions ----------------------------------------------------------------------------------------------

    def _unanswered(self, insn: Insn, frame: Frame, frames: list[Frame]) -> None:
        """Pass a read that has no answer: what it yields is not known."""
        _, writes = i.uses_and_defines(insn)
        if insn[0] & i.CLASS_MASK in (i.ST, i.STX):
            self._store(frame.registers[insn[1]], None, insn, frames, any_off=True)
        for number in range(10):
            if writes >> number & 1:
                frame.registers[number] = MAYBE_STACK if may_be_stack(frame.registers[number]) else None

    def _alu(self, insn: Insn, registers: list[Value]) -> None:
        code, dst, src, off, imm = insn
        wide = code & i.CLASS_MASK == i.ALU64
        op = code & i.OP_MASK
        right = registers[src] if code & i.X else imm & (U64 if wide else 0xFFFFFFFF)
        if op == i.MOV:
            if off:  # with sign extension, or a cast of an arena's address
                registers[dst] = MAYBE_STACK if may_be_stack(right) else None
            else:
                registers[dst] = right if wide else low_half(right)
        elif op in (i.END, i.NEG):
            registers[dst] = MAYBE_STACK if may_be_stack(registers[dst]) else None
        else:
            tracks_xor = self.verifier.narrow_spills
            registers[dst] = arithmetic(op, registers[dst], right, wide=wide, tracks_xor=tracks_xor)

    def _load_wide(self, slot: int, insn: Insn, registers: list[Value]) -> None:
        reference = self.linked.references.get(slot)
        value: Value
        if reference is None:
            high = self.insns[slot + 1][4] if slot + 1 < len(self.insns) else 0
            value = None if insn[2] else (insn[4] & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32
        elif reference.kind == "func":
            value = (CODE, self.linked.targets[slot])
        elif reference.kind == "data":
            value = (PLACE, reference.name, reference.value)
        elif reference.kind == "extern":
            value = self.external(reference.name)
        else:
            value = NOT_NULL
        registers[insn[1]] = value

    def _jump(self, slot: int, insn: Insn, frames: list[Frame], pending: list[Any]) -> int:
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
        right = registers[src] if code & i.X else imm & (U64 if wide else 0xFFFFFFFF)
        taken = self._decided(op, code, left, right, wide)
        if taken is not None:
            return target if taken else slot + 1
        other = [frame.copy() for frame in frames]
        self._narrow(op, dst, left, right, wide, other[-1].registers, registers)
        pending.append((target, other))
        return slot + 1

    def _decided(self, op: int, code: int, left: Value, right: Value, wide: bool) -> bool | None:
        if not self.verifier.decides and wide:
            if code & i.X or op not in (i.JEQ, i.JNE) or left.__class__ is not int or left != right:
                return None
            return op == i.JEQ
        return decided(op, left, right, wide=wide, knows_pointers=self.verifier.stores)

    def _narrow(
        self, op: int, dst: int, left: Value, right: Value, wide: bool, taken: list[Value], not_taken: list[Value]
    ) -> None:
        """What a branch tells about a range that is compared with a number."""
        if left.__class__ is not tuple or left[0] != RANGE or right.__class__ is not int:
            return
        if not wide and (left[2] > 0xFFFFFFFF or right > 0xFFFFFFFF):
            return
        taken[dst] = narrowed(op, left, right, True)
        not_taken[dst] = narrowed(op, left, right, False)

    # ---- memory ----------------------------------------------------------------------------------------------------

    def _memory(self, insn: Insn, frame: Frame, frames: list[Frame]) -> None:
        code, dst, src, off, imm = insn
        of_class = code & i.CLASS_MASK
        registers = frame.registers
        mode = code & i.MODE_MASK
        size = i.BYTES[code & i.SIZE_MASK]
        if of_class == i.LD and mode == i.IMM:
            raise Doubt("control leads into the middle of an instruction")
        if of_class == i.LD:  # packet access by ABS and IND
            for number in range(6):
                registers[number] = None
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
        """Note a store, where it may reach the stack."""
        if not may_be_stack(pointer):
            return
        size = i.BYTES[insn[0] & i.SIZE_MASK]
        if pointer[0] == MAYBE or pointer[1] >= len(frames):
            for frame in frames:
                _forget(frame.stack, -STACK_SIZE, STACK_SIZE)
            return
        stack = frames[pointer[1]].stack
        if pointer[2] is None or any_off:
            _forget(stack, -STACK_SIZE, STACK_SIZE)
            return
        at = pointer[2] + insn[3]
        _forget(stack, at, size)
        kept = self._spilled(value, at, size, insn[0] & i.CLASS_MASK == i.ST)
        if kept is not None:
            stack[at] = (size, kept)

    def _spilled(self, value: Value, at: int, size: int, immediate: bool) -> Value:
        """What the verifier keeps of a value that is put on the stack."""
        if may_be_stack(value):
            return value if size == 8 else None
        if immediate:
            value = value & ((1 << 8 * size) - 1) if self.verifier.stores else None
        if value is None or (value == 0 and value.__class__ is int):
            return value  # zeros are known byte by byte
        known = bounds(value)
        if size == 8:
            kept = known is None or self.verifier.narrow_spills or (known[0] == known[1] and self.verifier.decides)
            return value if kept else None
        fits = known is not None and not known[1] >> 8 * size
        return value if fits and at % 8 == 0 and self.verifier.narrow_spills else None

    # ---- calls -----------------------------------------------------------------------------------------------------

    def _call(self, slot: int, insn: Insn, frames: list[Frame]) -> tuple[int, list[Frame]]:
        target = self.linked.targets.get(slot)
        registers = frames[-1].registers
        if target is None:
            self._outside(insn, registers, frames, known=slot not in self.linked.references)
            return slot + 1, frames
        _, function = self.linked.part(target)
        if function.is_global:
            if target not in self._entered:
                self._entered.add(target)
                self._roots.append(target)
            self._outside(insn, registers, frames, known=False)
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
        return done.back + 1, rest

    def _outside(self, insn: Insn, registers: list[Value], frames: list[Frame], *, known: bool) -> None:
        """A helper, a function of the kernel, or a global function: what its arguments point to may change."""
        arguments = registers[1:6]
        callbacks = [value[1] for value in arguments if value.__class__ is tuple and value[0] == CODE]
        for callback in callbacks:
            if callback not in self._entered:
                self._entered.add(callback)
                self._roots.append(callback)
        if callbacks or any(value.__class__ is tuple and value[0] == MAYBE for value in arguments):
            for frame in frames:
                _forget(frame.stack, -STACK_SIZE, STACK_SIZE)
        elif not known or insn[2] or insn[4] not in _READS:
            self._written(insn[4] if known and not insn[2] else -1, arguments, frames)
        registers[:6] = [None] * 6

    def _written(self, helper: int, arguments: list[Value], frames: list[Frame]) -> None:
        if helper in _FILLS_FIRST:
            arguments = arguments[:2]
        for number, value in enumerate(arguments):
            if value.__class__ is not tuple or value[0] != STACK:
                continue
            if value[1] >= len(frames):
                continue
            stack = frames[value[1]].stack
            size = bounds(arguments[number + 1]) if helper in _FILLS_FIRST and number == 0 else None
            if value[2] is None:
                _forget(stack, -STACK_SIZE, STACK_SIZE)
            else:
                _forget(stack, value[2], size[1] if size is not None else STACK_SIZE)


class _Seen:
    """The states that came by one place."""

    __slots__ = ("joined", "keys")

    def __init__(self) -> None:
        self.keys: set[Any] = set()
        self.joined: list[tuple[tuple[Value, ...], dict[int, tuple[int, Value]]]] | None = None

    def add(self, frames: list[Frame]) -> bool:
        """Note a state; whether it has to be followed.  Beyond `MAX_STATES` `frames` become what covers all that come
        later."""
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


def _join_stacks(
    one: dict[int, tuple[int, Value]], other: dict[int, tuple[int, Value]]
) -> dict[int, tuple[int, Value]]:
    """What covers two stacks; pointers into the stack are kept as such."""
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


def _forget(stack: dict[int, tuple[int, Value]], at: int, size: int) -> None:
    """Drop what `size` bytes at `at` overwrite: the whole 8 bytes of each slot that they touch, as the verifier does."""
    low, high = at & ~7, at + size + 7 & ~7
    for start in [start for start in stack if low <= start & ~7 < high]:
        del stack[start]


def _extended(value: Value, size: int) -> Value:
    """A load with sign extension."""
    if value.__class__ is not int:
        return MAYBE_STACK if may_be_stack(value) else None
    return signed(value & ((1 << 8 * size) - 1), 8 * size) & U64
