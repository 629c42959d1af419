"""Compare a definition in an older BTF with the one in a newer BTF, as far as the older states it.

A change is anything that breaks code built on the old definition: a member that is gone, has moved or has another
type, an enumerator that is gone or has another value, or another size.  New members (in padding), new enumerators,
typedefs and qualifiers are not changes, nor is an array of arrays that was flat, or the reverse
(`passes/array_style.py`).  Members of anonymous structs and unions count as members of the type that
contains them, as in C.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.btf.spelling import spelled
from btfkit.errors import FormatError, printable
from btfkit.passes.array_style import innermost, is_nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from btfkit.btf.btf import Btf

MAX_DEPTH = 100  # of nested types; anything deeper is reported as a change
MAX_CHANGES = 100  # reported at most; one is enough to reject
MAX_MEMBERS = 2_000_000  # compared at most for one module: ten times the members of a whole kernel


class Unclear(Exception):
    """Members that cannot be distinguished, or too many of them."""


class Change:
    """One change: `path` of names within the type ("lock.owner"), `what` ("gone", "moved", "retyped", "value",
    "size", or "unclear" if the members cannot be compared), `then` and `now` (offsets in bits, values, sizes in bytes, or types
    as text)."""

    __slots__ = ("now", "path", "then", "what")

    def __init__(self, path: str, what: str, then: int | str, now: int | str) -> None:
        self.path = path
        self.what = what
        self.then = then
        self.now = now

    def __str__(self) -> str:
        return printable(self._told())

    def _told(self) -> str:
        if self.what == "gone":
            return f"{self.path} is gone"
        if self.what == "unclear":
            return f"{self.path or 'it'}: {self.now}, so it cannot be compared"
        unit = {"moved": " (bits)", "size": " (bytes)"}.get(self.what, "")
        return f"{self.path or 'it'}: {self.what} from {self.then} to {self.now}{unit}"

    def __repr__(self) -> str:
        return f"<{self}>"


class Budget:
    """How many members may still be compared."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_MEMBERS


def changes(
    old: Btf, old_id: int, new: Btf, new_id: int, *, embedded: bool = True, budget: Budget | None = None
) -> list[Change]:
    """What has changed from type `old_id` of `old` to type `new_id` of `new`; sizes count if it is `embedded`.

    Share one `budget` between calls to limit their total work.
    """
    comparison = _Comparison(old, new, budget or Budget())
    comparison.types(old_id, new_id, "", embedded, 0)
    return comparison.found


def equivalent(btf: Btf, one: int, other: int, budget: Budget) -> bool:
    """Whether `changes` finds nothing between two types of a BTF, in either direction."""
    return not changes(btf, one, btf, other, budget=budget) and not changes(btf, other, btf, one, budget=budget)


class _Comparison:
    """A walk over pairs of types that compares each pair once."""

    def __init__(self, old: Btf, new: Btf, budget: Budget) -> None:
        self.old = old
        self.new = new
        self.budget = budget
        self.found: list[Change] = []
        self._seen: set[tuple[int, int, bool]] = set()

    def add(self, path: str, what: str, then: int | str, now: int | str) -> None:
        if len(self.found) < MAX_CHANGES:
            self.found.append(Change(path, what, then, now))

    def types(self, a: int, b: int, path: str, held: bool, depth: int) -> None:
        a, b = self.old.strip(a), self.new.strip(b)
        if (a, b, held) in self._seen:
            return
        self._seen.add((a, b, held))
        one, other = self.old.kind(a), self.new.kind(b)
        if depth > MAX_DEPTH:
            self.add(path, "too deep", spelled(self.old, a), spelled(self.new, b))
        elif one == other == spec.ARRAY and (elements := self._elements_of_styles(a, b)):
            self.types(*elements, path, held, depth + 1)
        elif not self._kinds_fit(a, b, one, other, held):
            self.add(path, "retyped", spelled(self.old, a), spelled(self.new, b))
        elif one in spec.COMPOSITES and other in spec.COMPOSITES:
            self._composites(a, b, path, held, depth)
        elif one in spec.ENUMS:
            self._enums(a, b, path)
        elif one == spec.PTR:
            self.types(self.old.word(a, 2), self.new.word(b, 2), path, False, depth + 1)
        elif one == spec.ARRAY:
            self.types(self.old.word(a, 3), self.new.word(b, 3), path, held, depth + 1)
        elif one == spec.FUNC_PROTO:
            self._prototypes(a, b, path, depth)

    def _elements_of_styles(self, a: int, b: int) -> tuple[int, int] | None:
        """The elements of a flat array and a nested one of the same total; None if they are not such."""
        if is_nested(self.old, a) == is_nested(self.new, b):
            return None
        (then, element), (now, other) = innermost(self.old, a), innermost(self.new, b)
        return (element, other) if then == now else None

    def _kinds_fit(self, a: int, b: int, one: int, other: int, held: bool) -> bool:
        """Whether two stripped types agree in kind, name and their other own properties."""
        old, new = self.old, self.new
        if one == 0 or other == 0:
            return one == other
        if old.string(old.word(a, 0)) != new.string(new.word(b, 0)):
            return False
        if one in spec.ENUMS:
            return other in spec.ENUMS and old.word(a, 2) == new.word(b, 2)
        if spec.FWD in (one, other):
            return not held and _declares(old, a, one) == _declares(new, b, other) != 0
        if one != other:
            return False
        if one == spec.INT:
            return old.word(a, 2) == new.word(b, 2) and (old.word(a, 3) == new.word(b, 3) or is_plain_char(old, a))
        if one == spec.FLOAT:
            return old.word(a, 2) == new.word(b, 2)
        return one != spec.ARRAY or old.word(a, 5) == new.word(b, 5)

    def _composites(self, a: int, b: int, path: str, held: bool, depth: int) -> None:
        then, now = self.old.word(a, 2), self.new.word(b, 2)
        if then != now and held:
            self.add(path, "size", then, now)
        if not self.old.word(a, 1) & spec.MAX_VLEN or (depth and not held and self.old.word(a, 0)):
            return  # the old type states no members, or it is a named type used through a pointer
        try:
            olds, fields = _numbered(self.old, a, self.budget), _numbered(self.new, b, self.budget)
        except Unclear as error:
            self.add(path, "unclear", "", str(error))
            return
        for (name, number), (offset, bits, type_id) in olds.items():
            place = f"{path}.{name}" if path else name
            if (name, number) not in fields:
                self.add(place, "gone", offset, "")
                continue
            new_offset, new_bits, new_type = fields[name, number]
            if offset != new_offset:
                self.add(place, "moved", offset, new_offset)
            if bits != new_bits:
                self.add(place, "retyped", f"{bits} bits", f"{new_bits} bits")
            self.types(type_id, new_type, place, True, depth + 1)

    def _enums(self, a: int, b: int, path: str) -> None:
        if not self.old.word(a, 1) & spec.MAX_VLEN:
            return
        old: Any = self.old[a]
        new: Any = self.new[b]
        values = new.values
        pairs = {(each.name, each.value) for each in new.enumerators}  # C forbids repeated names, BTF does not
        for each in old.enumerators:
            place = f"{path}.{each.name}" if path else each.name
            if each.name not in values:
                self.add(place, "gone", each.value, "")
            elif (each.name, each.value) not in pairs:
                self.add(place, "value", each.value, values[each.name])

    def _prototypes(self, a: int, b: int, path: str, depth: int) -> None:
        one: Any = self.old[a]
        other: Any = self.new[b]
        if one.vlen != other.vlen:
            self.add(path, "retyped", f"{one.vlen} parameters", f"{other.vlen} parameters")
            return
        self.types(self.old.word(a, 2), self.new.word(b, 2), path, False, depth + 1)
        for old, new in zip(one.parameters, other.parameters, strict=True):
            self.types(old.type_id, new.type_id, path, False, depth + 1)


def _numbered(btf: Btf, type_id: int, budget: Budget) -> dict[tuple[str, int], tuple[int, int, int]]:
    """(offset in bits, bitfield size in bits or 0, type id) of each named member, by name and occurrence (C forbids repeated
    names, BTF does not).

    Raises Unclear if an anonymous type with named members occurs twice, which C does not allow.
    """
    found: dict[tuple[str, int], tuple[int, int, int]] = {}
    count: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    try:
        for member in flat_members(btf, type_id):
            name, place = member.path, (member.owner, member.index)
            if not name:
                continue
            if place in seen:
                raise Unclear("the same anonymous members occur twice")
            seen.add(place)
            number = count[name] = count.get(name, -1) + 1
            found[name, number] = (member.bit_offset, member.bits, member.type_id)
            budget.left -= 1
            if budget.left < 0:
                raise Unclear(f"more than {MAX_MEMBERS:,} members in total")
    except FormatError as error:
        raise Unclear(str(error)) from None
    return found


def is_plain_char(btf: Btf, type_id: int) -> bool:
    """Whether the INT is C's plain `char`, whose signedness is the compiler's choice (kernels: unsigned since 6.2,
    -funsigned-char)."""
    return btf.word(type_id, 2) == 1 and btf.string(btf.word(type_id, 0)) == b"char"


def _declares(btf: Btf, type_id: int, kind: int) -> int:
    """STRUCT or UNION if the type is one or declares one, else 0."""
    if kind == spec.FWD:
        return spec.UNION if btf.word(type_id, 1) >> 31 else spec.STRUCT
    return kind if kind in spec.COMPOSITES else 0


# ---- many candidates ---------------------------------------------------------------------------------------------


class DistinctDefinitions:
    """All that `changes` reads of the types of a BTF, as numbers: types of equal numbers have equal changes from and to any
    other type, and none between them."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self._numbers: dict[tuple[object, ...], int] = {}
        self._known: dict[tuple[int, bool], int] = {}

    def of(self, types: Sequence[int]) -> list[int]:
        """The first type of each number, in order."""
        found: dict[int, int] = {}
        for type_id in types:
            found.setdefault(self._number(type_id, True, 0), type_id)
        return list(found.values())

    def _number(self, type_id: int, held: bool, depth: int) -> int:
        type_id = self.btf.strip(type_id)
        known = self._known.get((type_id, held))
        if known is None:
            self._known[type_id, held] = self._of((type_id, held))  # if it is reached from itself
            key = (type_id, held) if depth > MAX_DEPTH else self._key(type_id, held, depth)
            known = self._known[type_id, held] = self._of(key)
        return known

    def _of(self, key: tuple[object, ...]) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _key(self, type_id: int, held: bool, depth: int) -> tuple[object, ...]:
        btf = self.btf
        kind = btf.kind(type_id)
        if not kind:
            return (0,)
        name, info = btf.string(btf.word(type_id, 0)), btf.word(type_id, 1)
        if kind in spec.COMPOSITES and (held or not name):
            members: Any = btf[type_id]
            fields = tuple(
                (one.name, one.bit_offset, one.bitfield_size, self._number(one.type_id, True, depth + 1))
                for one in members.members
            )
            return kind, held, name, btf.word(type_id, 2), fields
        if kind in spec.COMPOSITES:
            return kind, name
        if kind in spec.ENUMS:
            enumerators: Any = btf[type_id]
            return kind, name, btf.word(type_id, 2), tuple((one.name, one.value) for one in enumerators.enumerators)
        if kind == spec.PTR:
            return kind, name, self._number(btf.word(type_id, 2), False, depth + 1)
        if kind == spec.ARRAY:
            nested = is_nested(btf, type_id)
            return kind, name, nested, btf.word(type_id, 5), self._number(btf.word(type_id, 3), held, depth + 1)
        if kind == spec.FUNC_PROTO:
            proto: Any = btf[type_id]
            parts = (btf.word(type_id, 2), *(one.type_id for one in proto.parameters))
            return kind, name, *(self._number(part, False, depth + 1) for part in parts)
        if kind in (spec.INT, spec.FLOAT, spec.FWD):
            return kind, name, info, btf.word(type_id, 2), btf.word(type_id, 3) if kind == spec.INT else 0
        return (type_id, held)


class CandidatesByElement:
    """The types of one name, by what a type without `changes` to them must have in common with them."""

    def __init__(self, btf: Btf, candidates: Sequence[int]) -> None:
        self._candidates = candidates
        self._with: dict[object, list[int]] = {}
        for candidate in candidates:
            for element in _elements(btf, candidate) or ():
                self._with.setdefault(element, []).append(candidate)

    def that_may_have_all(self, btf: Btf, type_id: int) -> Sequence[int]:
        """The candidates that may have all elements of a type: those with the element that the fewest have, in order."""
        elements = _elements(btf, type_id)
        if elements is None:
            return ()
        return min((self._with.get(element, ()) for element in elements), key=len, default=self._candidates)


def _elements(btf: Btf, type_id: int) -> set[object] | None:
    """For each member its name, place and what its type is called; the enumerators; None if they cannot be compared."""
    view: Any = btf[type_id]
    if view.kind in spec.ENUMS:
        return {(each.name, each.value) for each in view.enumerators}
    try:
        members = _numbered(btf, type_id, Budget())
    except Unclear:
        return None
    return {(*key, offset, bits, _called(btf, inner)) for key, (offset, bits, inner) in members.items()}


def _called(btf: Btf, type_id: int) -> tuple[str, ...]:
    """What two types have in common if nothing has changed between them: pointers, arrays, and a name at their end."""
    found: list[str] = []
    for _ in range(MAX_DEPTH):
        type_id = btf.strip(type_id)
        kind = btf.kind(type_id)
        if kind == spec.PTR:
            found.append("*")
            type_id = btf.word(type_id, 2)
        elif kind == spec.ARRAY:
            if found[-1:] != ["[]"]:  # a flat array and one of arrays may be the same
                found.append("[]")
            type_id = btf.word(type_id, 3)
        else:
            return *found, btf.name(type_id) if kind else "void"
    return tuple(found)
