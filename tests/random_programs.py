"""Random BPF programs that give the verifier something to think about: numbers, spills, jumps, a sub-program, one missing read.

All registers and stack slots are set at the start, so that the kernel has no other reason to refuse most of them.
"""

from __future__ import annotations

import random

from btfkit.programs import insns as i
from btfkit.programs.patch import POISONED

NUMBERS = (0, 1, 2, 3, 7, -1, 8, 255, 256, 0x7FFFFFFF, -0x80000000, 100)
OPS = (i.ADD, i.SUB, i.MUL, i.OR, i.AND, i.LSH, i.RSH, i.XOR, i.ARSH, i.MOV, i.NEG, i.DIV, i.MOD)
TESTS = (i.JEQ, i.JGT, i.JGE, i.JSET, i.JNE, i.JSGT, i.JSGE, i.JLT, i.JLE, i.JSLT, i.JSLE)
SIZES = (0x18, 0x18, 0x00, 0x08, 0x10)
SLOTS = 4
CALL = i.JMP | i.CALL
SET = i.ALU64 | i.MOV
EXIT = (i.JMP | i.EXIT, 0, 0, 0, 0)
RANDOM, COMM = 7, 16  # get_prandom_u32, get_current_comm
CLOBBERED = [(SET, number, 0, 0, number) for number in range(1, 6)]


class RandomProgram:
    """`insns`, of which those from `start` on are the sub-program; `mark` the slot of the missing read, `targets` the calls."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        with_sub = self.random.random() < 0.5
        prologue = self._prologue()
        main = [*prologue, *self._body(self.random.randrange(4, 30), calls=with_sub), (SET, 0, 0, 0, 0), EXIT]
        self.start = len(main)
        sub = self._sub_program() if any(insn[0] == "sub" for insn in main) else []
        marks = [*range(len(prologue) + 1, len(main) - 2), *range(len(main) + 9, len(main) + len(sub) - 1)]
        self.targets: dict[int, int] = {}
        self.insns = [self._linked(slot, insn) for slot, insn in enumerate([*main, *sub])]
        self.mark = self.random.choice([slot for slot in marks if slot not in self.targets])

    @property
    def poisoned(self) -> bytes:
        """The program as libbpf would hand it to the kernel."""
        return i.encode([POISONED if slot == self.mark else insn for slot, insn in enumerate(self.insns)], "little")

    def _linked(self, slot, insn):
        if insn[0] != "sub":
            return insn
        self.targets[slot] = self.start
        return (CALL, 0, i.PSEUDO_CALL, 0, self.start - slot - 1)

    def _prologue(self):
        choice = self.random.choice
        known = [(SET, number, 0, 0, choice(NUMBERS)) for number in (0, 1, 2, 3, 4, 5, 7, 8)]
        masked = [(SET | i.X, 9, 6, 0, 0), (i.ALU64 | i.AND, 9, 0, 0, choice((1, 7, 255)))]
        spills = [(i.STX | i.MEM | 0x18, 10, choice(range(10)), -8 * n, 0) for n in range(1, SLOTS + 1)]
        return [(CALL, 0, 0, 0, RANDOM), (SET | i.X, 6, 0, 0, 0), *known, *masked, *spills]

    def _sub_program(self):
        arguments = [(SET | i.X, dst, src, 0, 0) for dst, src in ((6, 1), (7, 2), (8, 3), (9, 4), (0, 5))]
        spills = [(i.STX | i.MEM | 0x18, 10, self.random.randrange(1, 6), -8 * n, 0) for n in range(1, SLOTS + 1)]
        return [*arguments, *spills, *self._body(self.random.randrange(3, 14), calls=False), EXIT]

    def _body(self, count: int, *, calls: bool):
        """`count` steps; jumps lead forwards, to the beginning of a step."""
        steps = [self._step(calls) for _ in range(count)]
        starts = [0]
        for step in steps:
            starts.append(starts[-1] + len(step))
        insns = []
        for number, step in enumerate(steps):
            for insn in step:
                if insn[0] == "jump":
                    far = self.random.random() ** 2 * (count - number)
                    off = starts[number + 1 + int(far)] - len(insns) - 1
                    insn = (*insn[1:4], off, insn[4])
                insns.append(insn)
        return insns

    def _step(self, calls: bool):
        r, one = self.random, self.random.choice
        kind, dst, src = r.random(), r.randrange(10), r.randrange(10)
        if kind < 0.30:
            return [self._arithmetic(dst, src)]
        if kind < 0.60:
            return [self._memory(dst, src, load=kind >= 0.45)]
        if kind < 0.66:
            return [(SET, dst, 0, 0, one(NUMBERS))]
        if kind < 0.69:
            keep = [(SET | i.X, dst, 0, 0, 0)]
            return [(CALL, 0, 0, 0, RANDOM), *(insn for insn in CLOBBERED if insn[1] != dst), *keep]
        if kind < 0.72 and calls:
            return [("sub",), *CLOBBERED]
        if kind < 0.74:
            return [
                (SET | i.X, 1, 10, 0, 0),
                (i.ALU64 | i.ADD, 1, 0, 0, -16),
                (SET, 2, 0, 0, 8),
                (CALL, 0, 0, 0, COMM),
                *CLOBBERED,
            ]
        if kind < 0.76:
            return [
                (
                    i.STX | i.ATOMIC | 0x18,
                    10,
                    src,
                    -8 * r.randrange(1, SLOTS + 1),
                    one((i.ADD, i.ADD | i.FETCH, i.XCHG)),
                )
            ]
        code = one((i.JMP, i.JMP32)) | one(TESTS)
        return [("jump", code | i.X, dst, src, 0) if r.random() < 0.3 else ("jump", code, dst, 0, one(NUMBERS))]

    def _arithmetic(self, dst: int, src: int):
        r = self.random
        wide = r.random() < 0.6
        of_class = i.ALU64 if wide else i.ALU
        op = r.choice(OPS)
        if op == i.NEG:
            return (of_class | op, dst, 0, 0, 0)
        if op in (i.LSH, i.RSH, i.ARSH):
            return (of_class | op, dst, 0, 0, r.randrange(64 if wide else 32))
        if op in (i.DIV, i.MOD):
            return (of_class | op, dst, 0, 0, r.choice((1, 2, 3, 7)))
        return (
            (of_class | op | i.X, dst, src, 0, 0) if r.random() < 0.5 else (of_class | op, dst, 0, 0, r.choice(NUMBERS))
        )

    def _memory(self, dst: int, src: int, *, load: bool):
        r = self.random
        size = r.choice(SIZES)
        width = i.BYTES[size]
        off = -8 * r.randrange(1, SLOTS + 1) + (r.randrange(8 // width) * width if r.random() < 0.3 else 0)
        if load:
            return (i.LDX | i.MEM | size, dst, 10, off, 0)
        if r.random() < 0.3:
            return (i.ST | i.MEM | size, 10, 0, off, r.choice(NUMBERS))
        return (i.STX | i.MEM | size, 10, src, off, 0)
