"""What a register or a stack slot may hold, as far as the kernel's verifier is sure to know it too.

A value is one of:

- `int`: this number, 64 bits without sign;
- `None`: anything but a pointer into the stack;
- `(RANGE, low, high)`: a number between the two, without sign;
- `(STACK, depth, off)`: a pointer into the stack of the frame `depth`; `off` from its top, None where not known;
- `(PLACE, section, off)`: a pointer into a data section of the object (never NULL);
- `(CODE, slot)`: the address of a sub-program;
- `(ADDRESS,)`: a pointer that is not NULL;
- `MAYBE_STACK`: anything, a pointer into the stack too.

Whatever an operation does that the verifier of some kernel does not follow yields None here: to know less than the kernel
does is safe (a read counts as reached), to know more is not.  Rules: kernel/bpf/verifier.c (5.3 to 6.18),
adjust_scalar_min_max_vals, is_branch_taken, reg_set_min_max."""

from __future__ import annotations

from btfkit.programs import insns as i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Value = Any

RANGE, STACK, PLACE, CODE, ADDRESS, MAYBE = range(1, 7)
MAYBE_STACK: Value = (MAYBE,)
NOT_NULL: Value = (ADDRESS,)

U32 = 0xFFFFFFFF
U64 = 0xFFFFFFFFFFFFFFFF


def signed(value: int, bits: int) -> int:
    """`value` of `bits` bits, read with its sign."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def span(low: int, high: int) -> Value:
    """The value for what lies between two numbers."""
    return low if low == high else (RANGE, low, high)


def bounds(value: Value) -> tuple[int, int] | None:
    """(least, greatest) of a number, None where nothing is known, or where it is a pointer."""
    if value.__class__ is int:
        return value, value
    if value is not None and value[0] == RANGE:
        return value[1], value[2]
    return None


def may_be_stack(value: Value) -> bool:
    """Whether it may be a pointer into the stack."""
    return value.__class__ is tuple and value[0] in (STACK, MAYBE)


def join(one: Value, other: Value) -> Value:
    """What covers both."""
    if one == other:
        return one
    if may_be_stack(one) or may_be_stack(other):
        if one.__class__ is tuple and other.__class__ is tuple and one[0] == other[0] == STACK and one[1] == other[1]:
            return (STACK, one[1], None)
        return MAYBE_STACK
    return None


def arithmetic(op: int, left: Value, right: Value, *, wide: bool, tracks_xor: bool) -> Value:
    """What `left op right` yields; `wide` for 64 bits.  MOV and END are not here."""
    if may_be_stack(left) or may_be_stack(right):
        return _pointer_arithmetic(op, left, right) if wide else MAYBE_STACK
    if left.__class__ is tuple and left[0] == PLACE:
        return _place_arithmetic(op, left, right) if wide else None
    if right.__class__ is tuple and right[0] == PLACE and op == i.ADD and wide:
        return _place_arithmetic(op, right, left)
    a, b = bounds(left), bounds(right)
    if op == i.XOR and not tracks_xor:
        return None
    if a is None or b is None:
        if op == i.AND:
            return _masked(a, b, wide)
        return None
    limit = U64 if wide else U32
    if not wide:
        if (a[0] != a[1] and a[1] > U32) or (b[0] != b[1] and b[1] > U32):
            return None
        a, b = (a[0] & U32, a[1] & U32), (b[0] & U32, b[1] & U32)
    return _numbers(op, a, b, limit)


def _masked(a: tuple[int, int] | None, b: tuple[int, int] | None, wide: bool) -> Value:
    """Something unknown and a number: between 0 and the number."""
    known = a or b
    if known is None:
        return None
    high = known[1] if wide else known[1] & U32
    return span(0, high) if known[0] == known[1] and (wide or known[1] <= U32) else None


def _numbers(op: int, a: tuple[int, int], b: tuple[int, int], limit: int) -> Value:
    exact = a[0] == a[1] and b[0] == b[1]
    bits = 64 if limit == U64 else 32
    if op == i.ADD:
        if exact:
            return a[0] + b[0] & limit
        return span(a[0] + b[0], a[1] + b[1]) if a[1] + b[1] <= limit else None
    if op == i.SUB:
        if exact:
            return a[0] - b[0] & limit
        return span(a[0] - b[1], a[1] - b[0]) if a[0] >= b[1] else None
    if op == i.AND:
        return a[0] & b[0] if exact else span(0, min(a[1], b[1]))
    if op == i.MUL:
        if exact:
            return a[0] * b[0] & limit
        return span(a[0] * b[0], a[1] * b[1]) if a[1] * b[1] <= U32 else None
    if op in (i.LSH, i.RSH, i.ARSH):
        if b[0] != b[1] or b[0] >= bits:
            return None
        return _shifted(op, a, b[0], bits, limit)
    if not exact or op not in (i.OR, i.XOR):
        return None  # quotients, remainders and negatives are not followed by every kernel's verifier
    return a[0] | b[0] if op == i.OR else a[0] ^ b[0]


def _shifted(op: int, a: tuple[int, int], by: int, bits: int, limit: int) -> Value:
    if op == i.RSH:
        return span(a[0] >> by, a[1] >> by)
    if a[0] == a[1]:
        return a[0] << by & limit if op == i.LSH else signed(a[0], bits) >> by & limit
    if op == i.LSH and a[1] << by <= limit >> 1:
        return span(a[0] << by, a[1] << by)
    return None


def _pointer_arithmetic(op: int, left: Value, right: Value) -> Value:
    if op not in (i.ADD, i.SUB):
        return MAYBE_STACK
    if left.__class__ is tuple and left[0] == STACK and not may_be_stack(right):
        pointer, number = left, right
    elif op == i.ADD and right.__class__ is tuple and right[0] == STACK and not may_be_stack(left):
        pointer, number = right, left
    else:
        return MAYBE_STACK
    if number.__class__ is not int or pointer[2] is None:
        return (STACK, pointer[1], None)
    by = signed(number, 64)
    return (STACK, pointer[1], pointer[2] + by if op == i.ADD else pointer[2] - by)


def _place_arithmetic(op: int, place: Value, number: Value) -> Value:
    if op not in (i.ADD, i.SUB) or place[2] is None or number.__class__ is not int:
        return (PLACE, place[1], None) if op in (i.ADD, i.SUB) else None
    by = signed(number, 64)
    return (PLACE, place[1], place[2] + by if op == i.ADD else place[2] - by)


def low_half(value: Value) -> Value:
    """The lower 32 bits, as a 32-bit move leaves them."""
    known = bounds(value)
    if known is None:
        return MAYBE_STACK if may_be_stack(value) else None
    if known[0] == known[1]:
        return known[0] & U32
    return value if known[1] <= U32 else None


# ---- branches ------------------------------------------------------------------------------------------------------


def decided(op: int, left: Value, right: Value, *, wide: bool, knows_pointers: bool) -> bool | None:
    """Whether a conditional jump is taken; None where that is open."""
    if left.__class__ is tuple and left[0] in (PLACE, ADDRESS):
        if right == 0 and wide and op in (i.JEQ, i.JNE) and (left[0] == PLACE or knows_pointers):
            return op == i.JNE
        return None
    a, b = bounds(left), bounds(right)
    if a is None or b is None or b[0] != b[1]:
        return None
    bits = 64 if wide else 32
    if not wide:
        if a[0] != a[1] and a[1] > U32:
            return None
        a, b = (a[0] & U32, a[1] & U32), (b[0] & U32, b[0] & U32)
    return _compared(op, a, b[0], bits)


def _compared(op: int, a: tuple[int, int], b: int, bits: int) -> bool | None:
    low, high = a
    exact = low == high
    if op in (i.JEQ, i.JNE):
        if not exact and low <= b <= high:
            return None
        return (exact and low == b) == (op == i.JEQ)
    if op == i.JSET:
        return bool(low & b) if exact else None
    if op in (i.JSGT, i.JSGE, i.JSLT, i.JSLE):
        if not exact and high >> (bits - 1):
            return None
        low, high, b = signed(low, bits), signed(high, bits), signed(b, bits)
    if op in (i.JGT, i.JSGT):
        return True if low > b else False if high <= b else None
    if op in (i.JGE, i.JSGE):
        return True if low >= b else False if high < b else None
    if op in (i.JLT, i.JSLT):
        return True if high < b else False if low >= b else None
    if op in (i.JLE, i.JSLE):
        return True if high <= b else False if low > b else None
    return None


def narrowed(op: int, value: Value, number: int, taken: bool) -> Value:
    """What is left of a range in the branch where `value op number` came out as `taken`; the value itself where that says
    nothing."""
    low, high = value[1], value[2]
    if op in (i.JEQ, i.JNE):
        return number if taken == (op == i.JEQ) else value  # "not equal" narrows nothing before 6.8
    if op == i.JGT:
        low, high = (max(low, number + 1), high) if taken else (low, min(high, number))
    elif op == i.JGE:
        low, high = (max(low, number), high) if taken else (low, min(high, number - 1))
    elif op == i.JLT:
        low, high = (low, min(high, number - 1)) if taken else (max(low, number), high)
    elif op == i.JLE:
        low, high = (low, min(high, number)) if taken else (max(low, number + 1), high)
    return span(low, high) if low <= high else value
