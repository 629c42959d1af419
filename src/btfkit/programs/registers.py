"""What a register or a stack slot may hold, as far as every kernel's verifier knows it too.

A value is one of:

- `int`: this number, 64 bits, unsigned;
- `None`: anything except a pointer into the stack;
- `(RANGE, low, high)`: an unsigned number between the two;
- `(STACK, depth, off)`: a pointer into the stack of the frame `depth`; `off` from its top, None if unknown;
- `(PLACE, section, off)`: a pointer into a data section of the object (never NULL);
- `(CODE, slot)`: the address of a sub-program;
- `(ADDRESS,)`: a pointer that is not NULL;
- `(FIELD, number)`: the answer to that relocation, a number below 2^31 that differs between kernels; only in walks that end when
  something depends on it (`programs/reach.py`);
- `MAYBE_STACK`: anything, including a pointer into the stack.

An operation that some kernel's verifier does not track yields None here: to know less than the kernel is safe (a read counts as
reached), to know more is not.  Rules: kernel/bpf/verifier.c (5.3 to 6.18), adjust_scalar_min_max_vals, is_branch_taken,
reg_set_min_max.
"""

from __future__ import annotations

from btfkit.programs import insns as i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Value = Any

RANGE, STACK, PLACE, CODE, ADDRESS, MAYBE, FIELD = range(1, 8)
MAYBE_STACK: Value = (MAYBE,)
NOT_NULL: Value = (ADDRESS,)

U32 = 0xFFFFFFFF
U64 = 0xFFFFFFFFFFFFFFFF


def signed(value: int, bits: int) -> int:
    """`value` of `bits` bits as a signed number."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def span(low: int, high: int) -> Value:
    """The value for a number between two numbers."""
    return low if low == high else (RANGE, low, high)


def bounds(value: Value) -> tuple[int, int] | None:
    """(least, greatest) of a number, None for a pointer or if nothing is known."""
    if value.__class__ is int:
        return value, value
    if value is not None and value[0] == RANGE:
        return value[1], value[2]
    return None


def may_be_stack(value: Value) -> bool:
    """Whether it may be a pointer into the stack."""
    return value.__class__ is tuple and value[0] in (STACK, MAYBE)


def is_field(value: Value) -> bool:
    """Whether it is the answer to a relocation, whatever that is."""
    return value.__class__ is tuple and value[0] == FIELD


def unknown_after(value: Value) -> Value:
    """What is known of `value` after an operation that is not tracked: at most that it may be a pointer into the stack."""
    return MAYBE_STACK if may_be_stack(value) else None


def join(one: Value, other: Value) -> Value:
    """The least value that covers both."""
    if one == other:
        return one
    if may_be_stack(one) or may_be_stack(other):
        if one.__class__ is tuple and other.__class__ is tuple and one[0] == other[0] == STACK and one[1] == other[1]:
            return (STACK, one[1], None)
        return MAYBE_STACK
    return None


def arithmetic(op: int, left: Value, right: Value, *, wide: bool, tracks_xor: bool) -> Value:
    """The result of `left op right`, in 64 bits if `wide`.  MOV and END are handled elsewhere."""
    if may_be_stack(left) or may_be_stack(right):
        return _pointer_arithmetic(op, left, right) if wide else MAYBE_STACK
    if left.__class__ is tuple and left[0] == PLACE:
        return _moved(op, left, right) if wide and op in (i.ADD, i.SUB) else None
    if right.__class__ is tuple and right[0] == PLACE and op == i.ADD and wide:
        return _moved(op, right, left)
    a, b = bounds(left), bounds(right)
    if op == i.XOR and not tracks_xor:
        return None
    if a is None or b is None:
        mask = a or b
        if op != i.AND or mask is None or mask[0] != mask[1] or not (wide or mask[1] <= U32):
            return None
        return span(0, mask[1])  # something unknown, masked with a number
    if wide:
        return _numbers(op, a, b, 64)
    if (a[0] != a[1] and a[1] > U32) or (b[0] != b[1] and b[1] > U32):
        return None
    return _numbers(op, (a[0] & U32, a[1] & U32), (b[0] & U32, b[1] & U32), 32)


def _numbers(op: int, a: tuple[int, int], b: tuple[int, int], bits: int) -> Value:
    exact = a[0] == a[1] and b[0] == b[1]
    limit = (1 << bits) - 1
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
        return _shifted(op, a, b[0], bits) if b[0] == b[1] and b[0] < bits else None
    if not exact or op not in (i.OR, i.XOR):
        return None  # not every kernel's verifier tracks quotients, remainders and negatives
    return a[0] | b[0] if op == i.OR else a[0] ^ b[0]


def _shifted(op: int, a: tuple[int, int], by: int, bits: int) -> Value:
    limit = (1 << bits) - 1
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
    return _moved(op, pointer, number)


def _moved(op: int, pointer: Value, number: Value) -> Value:
    """A STACK or PLACE pointer after ADD or SUB of a number."""
    kind, area, off = pointer
    if number.__class__ is not int or off is None:
        return (kind, area, None)
    by = signed(number, 64)
    return (kind, area, off + by if op == i.ADD else off - by)


def low_half(value: Value) -> Value:
    """The lower 32 bits, the result of a 32-bit move."""
    number = bounds(value)
    if number is None:
        return value if is_field(value) else unknown_after(value)
    if number[0] == number[1]:
        return number[0] & U32
    return value if number[1] <= U32 else None


# ---- branches ------------------------------------------------------------------------------------------------------


def decided(op: int, left: Value, right: Value, *, wide: bool, knows_pointers: bool) -> bool | None:
    """Whether a conditional jump is taken; None if either is possible."""
    if left.__class__ is tuple and left[0] in (PLACE, ADDRESS):
        if right == 0 and wide and op in (i.JEQ, i.JNE) and (left[0] == PLACE or knows_pointers):
            return op == i.JNE
        return None
    a, b = bounds(left), bounds(right)
    if a is None or b is None or b[0] != b[1]:
        return None
    if wide:
        return _compared(op, a, b[0], 64)
    if a[0] != a[1] and a[1] > U32:
        return None
    return _compared(op, (a[0] & U32, a[1] & U32), b[0] & U32, 32)


def _compared(op: int, a: tuple[int, int], b: int, bits: int) -> bool | None:
    low, high = a
    exact = low == high
    if op in (i.JEQ, i.JNE):
        if not exact and low <= b <= high:
            return None
        return (exact and low == b) == (op == i.JEQ)
    if op == i.JSET:
        return bool(low & b) if exact else None
    if op in _SIGNED:
        if not exact and high >> (bits - 1):
            return None
        low, high, b, op = signed(low, bits), signed(high, bits), signed(b, bits), _SIGNED[op]
    if op in (i.JGT, i.JLE):
        greater = True if low > b else False if high <= b else None
        return greater if op == i.JGT or greater is None else not greater
    if op in (i.JGE, i.JLT):
        at_least = True if low >= b else False if high < b else None
        return at_least if op == i.JGE or at_least is None else not at_least
    return None


_SIGNED = {i.JSGT: i.JGT, i.JSGE: i.JGE, i.JSLT: i.JLT, i.JSLE: i.JLE}


def narrowed(op: int, value: Value, number: int, taken: bool) -> Value:
    """What remains of a range in the branch that is entered if `value op number` is `taken`."""
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
