"""BPF instructions: decoding, encoding, and what each reads and writes.

An instruction is a tuple (code, dst, src, off, imm) with signed `off` and `imm`.  A 64-bit load of an immediate has two slots,
the second with code 0.  Source: the kernel's Documentation/bpf/standardization/instruction-set.rst and include/uapi/linux/bpf.h.
"""

from __future__ import annotations

from struct import iter_unpack, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.header import ByteOrder

    Insn = tuple[int, int, int, int, int]

SIZE = 8  # bytes of one slot

LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)  # code & 7
CLASS_MASK = 0x07
X = 0x08  # the second operand is a register
OP_MASK = 0xF0

ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR, MOV, ARSH, END = (op << 4 for op in range(14))
JA, JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, CALL, EXIT, JLT, JLE, JSLT, JSLE, JCOND = (op << 4 for op in range(15))

SIZE_MASK, MODE_MASK = 0x18, 0xE0
BYTES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
SIZE_BITS = {size: bits for bits, size in BYTES.items()}
IMM, MEM, MEMSX, ATOMIC = 0x00, 0x60, 0x80, 0xC0

LDIMM64 = LD | IMM | 0x18
PSEUDO_CALL = 1  # src of a call
FETCH, XCHG, CMPXCHG, LOAD_ACQ, STORE_REL = 0x01, 0xE1, 0xF1, 0x100, 0x110  # imm of an atomic operation

CALLER_SAVED = 0b00000111111  # r0 to r5
ARGUMENTS = 0b00000111110


def decode(data: bytes | memoryview[int], order: ByteOrder) -> list[Insn]:
    """The instructions in `data`, one per slot; bytes after the last whole slot are ignored."""
    data = data[: len(data) // SIZE * SIZE]
    if order == "little":
        return [(c, regs & 15, regs >> 4, off, imm) for c, regs, off, imm in iter_unpack("<BBhi", data)]
    return [(c, regs >> 4, regs & 15, off, imm) for c, regs, off, imm in iter_unpack(">BBhi", data)]


def encode(insns: list[Insn], order: ByteOrder) -> bytes:
    """The bytes of `insns`, with immediates modulo 2^32."""
    if order == "little":
        return b"".join(pack("<BBhI", c, src << 4 | dst, off, imm & 0xFFFFFFFF) for c, dst, src, off, imm in insns)
    return b"".join(pack(">BBhI", c, dst << 4 | src, off, imm & 0xFFFFFFFF) for c, dst, src, off, imm in insns)


def is_jump(insn: Insn) -> bool:
    """Whether it is a jump within its function, not a call or exit."""
    return insn[0] & CLASS_MASK in (JMP, JMP32) and insn[0] & OP_MASK not in (CALL, EXIT)


def is_call(insn: Insn) -> bool:
    """Whether it calls a helper, a function of the kernel or a sub-program."""
    return insn[0] & CLASS_MASK == JMP and insn[0] & OP_MASK == CALL


def is_exit(insn: Insn) -> bool:
    """Whether it returns."""
    return insn[0] & CLASS_MASK == JMP and insn[0] & OP_MASK == EXIT


def jump_distance(insn: Insn) -> int:
    """The distance of a jump from the next slot; `gotol` (JMP32 | JA) has it in the immediate."""
    return insn[4] if insn[0] == JMP32 | JA else insn[3]


def successors(insns: list[Insn], at: int) -> tuple[int, ...]:
    """The slots that may follow slot `at` within a function: the next one, the target of a jump, or both."""
    insn = insns[at]
    if is_exit(insn):
        return ()
    if not is_jump(insn):
        return (at + 2,) if insn[0] == LDIMM64 else (at + 1,)
    target = at + 1 + jump_distance(insn)
    return (target,) if insn[0] & OP_MASK == JA else (at + 1, target)


def uses_and_defines(insn: Insn) -> tuple[int, int]:
    """(registers read, registers written) as bit sets."""
    code, dst, src, _, imm = insn
    of_class, op = code & CLASS_MASK, code & OP_MASK
    from_src, to_dst = 1 << src, 1 << dst
    operand = from_src if code & X else 0
    if of_class in (ALU, ALU64):
        if op == MOV:
            return operand, to_dst
        return (to_dst if op in (NEG, END) else to_dst | operand), to_dst
    if of_class == LD:
        return (0, to_dst) if code & MODE_MASK == IMM else (from_src | 1 << 6, CALLER_SAVED)
    if of_class == LDX:
        return from_src, to_dst
    if of_class == ST:
        return to_dst, 0
    if of_class == STX:
        return _atomic(from_src, to_dst, imm) if code & MODE_MASK == ATOMIC else (from_src | to_dst, 0)
    if is_call(insn):
        return ARGUMENTS, CALLER_SAVED
    if is_exit(insn):
        return 1, 0
    if op in (JA, JCOND):
        return (to_dst if code & X else 0), 0
    return to_dst | operand, 0


def _atomic(from_src: int, to_dst: int, imm: int) -> tuple[int, int]:
    if imm == LOAD_ACQ:
        return from_src, to_dst
    if imm == CMPXCHG:
        return from_src | to_dst | 1, 1
    return from_src | to_dst, from_src if imm & FETCH else 0
