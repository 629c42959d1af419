"""The resolve stage of the kernel's judgement: whether what records refer to is valid.

The walk is the kernel's: depth first with a stack of 32, in one of three modes that decide what is resolved before the current
type: anything, pointers and modifiers, or what is contained by value.  Which chains are too deep or a loop depends on where
the walk begins, so only the same walk gives the same answers.  `STEPS` has one step a kind, `FITS` and `FITS_FLAGGED` say
where a member of a kind can lie.  Source: as in `judges.kernel`.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.judges.structure import TAGGABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from btfkit.judges.kernel import KernelRules

MAX_DEPTH = 32  # types on the stack
POINTER = 8  # bytes: BPF pointers have 64 bits on every kernel
U32 = 0xFFFFFFFF

MODIFIERS = spec.MODS_AND_TYPEDEFS  # the kernel's word for both
SOURCES = frozenset((spec.VAR, spec.DECL_TAG, spec.DATASEC))  # not types: only special records refer to them
SIZELESS = frozenset((0, spec.FWD, spec.FUNC, spec.FUNC_PROTO, spec.DECL_TAG))
SIZED = frozenset((spec.INT, spec.STRUCT, spec.UNION, spec.ENUM, spec.DATASEC, spec.FLOAT, spec.ENUM64))
VALUES_FIRST = spec.COMPOSITES | {spec.ARRAY}
RESOLVED_KINDS = MODIFIERS | VALUES_FIRST | SOURCES | {spec.PTR, spec.FUNC}


class Rejected(Exception):
    """The rejection of a type, with its errno."""

    def __init__(self, type_id: int, message: str, errno: str = "EINVAL") -> None:
        super().__init__(message)
        self.type_id = type_id
        self.message = message
        self.errno = errno


class _AlreadyRejected(Exception):
    """The walk reached a type that was rejected before."""


NEW, ON_STACK, RESOLVED, REJECTED = range(4)
ANY, POINTERS, VALUES = range(3)  # modes: what has to be resolved before the current type


class Resolve:
    """The resolve stage: depth first, without recursion."""

    def __init__(self, kernel: KernelRules) -> None:
        self.kernel = kernel
        self.words, self.at, self.kinds = kernel.words, kernel.at, kernel.kinds
        self.shown, self.elements = kernel.records.shown, kernel.records.elements
        count = len(self.at)
        self.state = bytearray(count)
        self.target = [0] * count  # the type that a modifier or pointer resolves to
        self.size = [0] * count  # bytes, of arrays
        self.stack: list[list[int]] = []  # type id, next element
        self.mode = ANY

    def run(self) -> None:
        for type_id in self.kernel.records.own_ids:
            kind = self.kinds[type_id]
            try:
                if kind in RESOLVED_KINDS and self.state[type_id] == NEW:
                    self.one(type_id)
                if kind == spec.FUNC_PROTO:
                    self.prototype(type_id)
            except Rejected as rejection:
                label = self.kernel.records.label(rejection.type_id)
                self.kernel.reject(rejection.type_id, f"{label}: {rejection.message}", "resolve", rejection.errno)
                self.give_up()
            except _AlreadyRejected:
                self.give_up()

    def give_up(self) -> None:
        for type_id, _ in self.stack:
            self.state[type_id] = REJECTED
        self.stack.clear()

    def one(self, type_id: int) -> None:
        """Resolve `type_id` and everything that it needs."""
        self.mode = ANY
        self.push(type_id)
        while self.stack:
            top, following = self.stack[-1]
            STEPS[self.kinds[top]](self, top, following)

    def push(self, type_id: int) -> None:
        if self.state[type_id] == REJECTED:
            raise _AlreadyRejected
        if len(self.stack) == MAX_DEPTH:
            raise Rejected(self.stack[0][0], f"more than {MAX_DEPTH} types deep", "E2BIG")
        if self.state[type_id] != NEW:
            raise Rejected(self.stack[0][0], f"a loop, through type {type_id}", "EEXIST")
        self.state[type_id] = ON_STACK
        self.stack.append([type_id, 0])
        if self.mode == ANY:
            kind = self.kinds[type_id]
            if kind == spec.PTR:
                self.mode = POINTERS
            elif kind in VALUES_FIRST:
                self.mode = VALUES

    def pop(self, target: int, size: int = 0) -> None:
        type_id, _ = self.stack.pop()
        self.target[type_id] = target
        self.size[type_id] = size
        self.state[type_id] = RESOLVED

    def waits(self, type_id: int) -> bool:
        """Whether `type_id` has to be resolved first; if so, it is on the stack now."""
        kind = self.kinds[type_id]
        if self.mode == ANY:
            needed = kind in RESOLVED_KINDS
        elif self.mode == POINTERS:
            needed = kind in MODIFIERS or kind == spec.PTR
        else:
            needed = kind in MODIFIERS or kind in VALUES_FIRST
        if not needed or self.state[type_id] == RESOLVED:
            return False
        self.push(type_id)
        return True

    def sized(self, type_id: int) -> tuple[int, int] | None:
        """The type that `type_id` resolves to and its size in bytes; None if it has none."""
        kind = self.kinds[type_id]
        if kind in MODIFIERS or kind == spec.VAR:
            type_id = self.target[type_id]
            kind = self.kinds[type_id]
        if kind in SIZED:
            return type_id, self.words[self.at[type_id] + 2]
        if kind == spec.ARRAY:
            return type_id, self.size[type_id]
        return (type_id, POINTER) if kind == spec.PTR else None

    # ---- a step for each kind: returns after a push, or after popping the top ----------------------------------

    def reference(self, type_id: int, following: int) -> None:
        """PTR and modifiers: anything with a size, void, a forward declaration or a prototype."""
        target = self.words[self.at[type_id] + 2]
        if self.kinds[target] in SOURCES:
            raise Rejected(type_id, f"refers to {self.shown(target)}")
        if self.waits(target) or (self.kinds[type_id] == spec.PTR and self.waits_for_pointer_of(target)):
            return
        found = self.sized(target)
        if found is not None:
            self.pop(found[0])
            return
        if self.state[target] == RESOLVED:
            target = self.target[target]
        if self.kinds[target] not in (0, spec.FWD, spec.FUNC_PROTO):
            raise Rejected(type_id, f"refers to {self.shown(target)}")
        self.pop(target)

    def waits_for_pointer_of(self, target: int) -> bool:
        """Whether a modifier was only resolved down to a pointer that has to be resolved first."""
        if self.kinds[target] not in MODIFIERS:
            return False
        pointer = self.target[target]
        return self.kinds[pointer] == spec.PTR and self.waits(pointer)

    def variable(self, type_id: int, following: int) -> None:
        target = self.words[self.at[type_id] + 2]
        if self.kinds[target] in SOURCES:
            raise Rejected(type_id, f"refers to {self.shown(target)}")
        if self.waits(target) or self.waits_for_pointer_of(target):
            return
        found = self.sized(target)
        if found is None:
            raise Rejected(type_id, f"its type, {self.shown(target)}, has no size")
        self.pop(found[0])

    def array(self, type_id: int, following: int) -> None:
        element, index, length = self.words[self.at[type_id] + 3 : self.at[type_id] + 6]
        found = self.array_operand(type_id, index, "index")
        if found is None:
            return
        if self.kinds[found[0]] != spec.INT or not self.regular(found[0]):
            raise Rejected(type_id, f"its index, {self.shown(index)}, is not a plain integer")
        found = self.array_operand(type_id, element, "element")
        if found is None:
            return
        target, size = found
        if self.kinds[target] == spec.INT and not self.regular(target):
            raise Rejected(type_id, "an array of integers with an unusual number of bits")
        if length and size > U32 // length:
            raise Rejected(type_id, "more than 4294967295 bytes")
        self.pop(target, size * length)

    def array_operand(self, type_id: int, target: int, what: str) -> tuple[int, int] | None:
        """The index or element of an array, None if it has to be resolved first."""
        kind = self.kinds[target]
        if kind in SIZELESS or kind in SOURCES:
            raise Rejected(type_id, f"its {what} is {self.shown(target)}")
        if self.waits(target):
            return None
        found = self.sized(target)
        if found is None:
            raise Rejected(type_id, f"its {what}, {self.shown(target)}, has no size")
        return found

    def regular(self, type_id: int) -> bool:
        """Whether an INT has 8, 16, 32, 64 or 128 bits, without a bit offset."""
        word = self.words[self.at[type_id] + 3]
        return word & 0xFF in (8, 16, 32, 64, 128) and not word >> 16 & 0xFF

    def composite(self, type_id: int, following: int) -> None:
        elements = self.elements(type_id)
        if following:
            self.member(type_id, elements[following - 1])
        for number in range(following, len(elements)):
            target = self.words[elements[number] + 1]
            kind = self.kinds[target]
            if kind in SIZELESS or kind in SOURCES:
                raise Rejected(type_id, f"member {number} is {self.shown(target)}")
            self.stack[-1][1] = number + 1
            if self.waits(target):
                return
            self.member(type_id, elements[number])
        self.pop(0)

    def member(self, type_id: int, element: int) -> None:
        """Reject a member that does not fit, by `FITS` for the kind that it resolves to."""
        at = self.at[type_id]
        target, offset = self.words[element + 1 : element + 3]
        found = self.sized(target) if self.kinds[target] in MODIFIERS else (target, 0)
        what = "has no size"
        if found is not None:
            width = 0
            if self.words[at + 1] >> 31:
                offset, width = offset & 0xFFFFFF, offset >> 24
                fits = FITS_FLAGGED.get(self.kinds[found[0]], _generic)
            else:
                fits = FITS.get(self.kinds[found[0]], _whole)
            what = fits(self, found[0], offset, width, self.words[at + 2]) or ""
        if what:
            number = self.elements(type_id).index(element)
            raise Rejected(type_id, f"member {number} {what}")

    def function(self, type_id: int, following: int) -> None:
        """The parameters of a function have names; one without a name is the end of a variable list."""
        prototype = self.words[self.at[type_id] + 2]
        for number, element in enumerate(self.elements(prototype)):
            if not self.words[element] and self.words[element + 1]:
                raise Rejected(type_id, f"parameter {number} has no name")
        self.pop(prototype)

    def section(self, type_id: int, following: int) -> None:
        self.mode = ANY
        elements = self.elements(type_id)
        for number in range(following, len(elements)):
            target, _, size = self.words[elements[number] : elements[number] + 3]
            if self.kinds[target] != spec.VAR:
                raise Rejected(type_id, f"entry {number} is {self.shown(target)}, which is not a variable")
            self.stack[-1][1] = number + 1
            if self.waits(target):
                return
            found = self.sized(self.words[self.at[target] + 2])
            if found is None or size < found[1]:
                raise Rejected(type_id, f"entry {number} of {size} bytes is smaller than its variable's type")
        self.pop(0)

    def tag(self, type_id: int, following: int) -> None:
        target, component = self.words[self.at[type_id] + 2 : self.at[type_id] + 4]
        kind = self.kinds[target]
        if kind not in TAGGABLE:
            raise Rejected(type_id, f"tags {self.shown(target)}")
        if self.waits(target):
            return
        if component != U32:
            owner = self.words[self.at[target] + 2] if kind == spec.FUNC else target
            count = self.words[self.at[owner] + 1] & spec.MAX_VLEN
            if kind in (spec.VAR, spec.TYPEDEF) or component >= count:
                raise Rejected(type_id, f"tags component {component} of {self.shown(target)}")
        self.pop(target)

    def prototype(self, type_id: int) -> None:
        """A FUNC_PROTO returns a value or void; its parameters are values, or void as the last without a name."""
        elements = list(self.elements(type_id))
        returned = self.words[self.at[type_id] + 2]
        if returned:
            self.value(type_id, returned, "the return value")
        if elements and not self.words[elements[-1] + 1] and self.words[elements.pop()]:
            raise Rejected(type_id, "the last parameter is void and has a name")
        for number, element in enumerate(elements):
            name, target = self.words[element : element + 2]
            if self.kinds[target] in SOURCES:
                raise Rejected(type_id, f"parameter {number} is {self.shown(target)}")
            if name and not self.kernel.identifier(name):
                raise Rejected(type_id, f"parameter {number}: the name is not an identifier, or is too long")
            self.value(type_id, target, f"parameter {number}")

    def value(self, type_id: int, target: int, what: str) -> None:
        kind = self.kinds[target]
        if kind in SOURCES:
            raise Rejected(type_id, f"{what} is {self.shown(target)}")
        if kind in RESOLVED_KINDS and self.state[target] != RESOLVED:
            if self.state[target] == REJECTED:
                raise _AlreadyRejected
            self.one(target)
        if self.sized(target) is None:
            raise Rejected(type_id, f"{what}, {self.shown(target)}, has no size")


def _bits_end(offset: int, bits: int, size: int) -> str | None:
    """Bits `offset` to `offset + bits`, read as whole bytes from that of the first bit."""
    copied = bits + offset % 8
    if copied > 128:
        return f"has {copied} bits"
    return _end(offset // 8 + (copied + 7) // 8, size)


def _end(end: int, size: int) -> str | None:
    return f"ends at byte {end} of {size}" if end > size else None


def _whole(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    """PTR, ARRAY, STRUCT, UNION, ENUM, ENUM64: whole bytes."""
    if offset % 8:
        return f"begins at bit {offset}, within a byte"
    found = resolve.sized(target)
    return _end(offset // 8 + found[1], size) if found is not None else "has no size"


def _int_fits(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    """INT without kind_flag: its own bit offset and size count."""
    word = resolve.words[resolve.at[target] + 3]
    return _bits_end(offset + (word >> 16 & 0xFF), word & 0xFF, size)


def _float_fits(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    length = resolve.words[resolve.at[target] + 2]
    if offset % (8 * min(POINTER, length)):
        return f"begins at bit {offset}, which is not possible for a FLOAT of {length} bytes"
    return _end(offset // 8 + length, size)


def _generic(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    """Kinds that cannot be bitfields."""
    if width:
        return f"is a bitfield of {width} bits, which is not possible for its type"
    return FITS.get(resolve.kinds[target], _whole)(resolve, target, offset, 0, size)


def _int_bitfield(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    bits = resolve.words[resolve.at[target] + 3] & 0xFF
    if not resolve.regular(target):
        return "is an integer with an unusual number of bits"
    if width > bits or (not width and offset % 8):
        return f"is {width} bits wide at bit {offset}, its type {bits}"
    return _bits_end(offset, width or bits, size)


def _enum_bitfield(resolve: Resolve, target: int, offset: int, width: int, size: int) -> str | None:
    """An enum counts 32 bits here, whatever its size."""
    if width > 32 or (not width and offset % 8):
        return f"is {width} bits wide at bit {offset}, an enum 32"
    return _end((offset + (width or 32) + 7) // 8, size)


FITS = {spec.INT: _int_fits, spec.FLOAT: _float_fits}
FITS_FLAGGED = {spec.INT: _int_bitfield, spec.ENUM: _enum_bitfield, spec.ENUM64: _enum_bitfield}
STEPS: dict[int, Callable[[Resolve, int, int], None]] = {
    **dict.fromkeys((spec.PTR, *MODIFIERS), Resolve.reference),
    **dict.fromkeys(spec.COMPOSITES, Resolve.composite),
    spec.ARRAY: Resolve.array,
    spec.FUNC: Resolve.function,
    spec.VAR: Resolve.variable,
    spec.DATASEC: Resolve.section,
    spec.DECL_TAG: Resolve.tag,
}
