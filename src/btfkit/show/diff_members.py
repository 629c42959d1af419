"""What changed within a type: members of structs and unions, enumerators, parameters."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH, MAX_MEMBERS, opened, too_deep
from btfkit.show.diff_leaves import Leaf, previous_members, unique, without_groups
from btfkit.show.diff_values import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    from btfkit.btf.btf import Btf
    from btfkit.btf.spelling import Spelling
    from btfkit.show.diff_values import Facts
    from btfkit.show.identity import Identities
    from btfkit.show.layout import Layouts

    class Side(Protocol):
        """One of the two sides: its BTF and what is derived from it."""

        btf: Btf
        identities: Identities
        names: Spelling

        @property
        def layouts(self) -> Layouts: ...


_TRANSPARENT = frozenset((spec.PTR, spec.CONST, spec.VOLATILE, spec.RESTRICT))


def enum_changes(old: dict[str, int], new: dict[str, int]) -> list[Change]:
    """The changes by name; a removed and an added enumerator with the same value count as renamed (a guess)."""
    added = {value: name for name, value in reversed(new.items()) if name not in old}
    changes = []
    renamed: set[str] = set()
    for name, value in old.items():
        if name in new:
            if new[name] != value:
                changes.append(Change("value", name, {"value": value}, {"value": new[name]}))
        elif value in added and added[value] not in renamed:
            renamed.add(added[value])
            changes.append(Change("renamed", added[value], {"name": name, "value": value}, {"value": value}))
        else:
            changes.append(Change("removed", name, {"value": value}, None))
    changes += [
        Change("added", name, None, {"value": value})
        for name, value in new.items()
        if name not in old and name not in renamed
    ]
    return sorted(changes, key=lambda change: (change.new or change.old or {})["value"])


def prototype_changes(old: Side, old_id: int, new: Side, new_id: int, *, deep: bool = True) -> list[Change]:
    """The changes of what is returned and of the parameters of two FUNC_PROTOs; parameters by position, from both ends.

    `deep` also looks into their types without a name.
    """
    one: Any = old.btf[old_id]
    other: Any = new.btf[new_id]
    mine, theirs = old.identities.reference, new.identities.reference
    changes: list[Change] = []
    if mine(one.type_id) != theirs(other.type_id):
        returned = old.names[one.type_id], new.names[other.type_id]
        changes.append(Change("retyped", "returns", {"type": returned[0]}, {"type": returned[1]}))
        if deep and returned[0] == returned[1]:
            changes[0].within = changes_within(old, one.type_id, new, other.type_id)
    left = [(each.name, each.type_id, mine(each.type_id)) for each in one.parameters]
    right = [(each.name, each.type_id, theirs(each.type_id)) for each in other.parameters]
    head = 0
    while head < min(len(left), len(right)) and left[head][2] == right[head][2]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail][2] == right[-1 - tail][2]:
        tail += 1
    a_mid, b_mid = left[head : len(left) - tail], right[head : len(right) - tail]
    for number in range(max(len(a_mid), len(b_mid))):
        before = a_mid[number] if number < len(a_mid) else None
        after = b_mid[number] if number < len(b_mid) else None
        path = f"parameter {head + number + 1}"
        what = "retyped" if before and after else "removed" if before else "added"
        sides = _parameter(old, before), _parameter(new, after)
        changes.append(Change(what, path, *sides))
        if deep and before and after and sides[0] and sides[1] and sides[0]["type"] == sides[1]["type"]:
            changes[-1].within = changes_within(old, before[1], new, after[1])
    return changes


def _parameter(side: Side, parameter: tuple[str, int, int] | None) -> Facts | None:
    """The facts about a parameter (name, type id, key)."""
    if parameter is None:
        return None
    return {"type": side.names[parameter[1]] if parameter[1] else "...", "name": parameter[0]}


def changes_within(old: Side, old_id: int, new: Side, new_id: int) -> list[Change]:
    """What differs between two types whose text is equal: in an enum, struct, union or prototype without a name that they are,
    point to or are arrays of, or in their type tags.  Empty if they differ in something else."""
    for _ in range(spec.MAX_CHAIN):
        tags, old_id, new_id = _type_tags(old.btf, old_id, new.btf, new_id)
        if tags:
            return tags
        kinds = old.btf.kind(old_id), new.btf.kind(new_id)
        if kinds[0] in spec.ENUMS and kinds[1] in spec.ENUMS and not _is_named(old, old_id, new, new_id):
            one: Any = old.btf[old_id]
            other: Any = new.btf[new_id]
            return enum_changes(one.values, other.values)
        if kinds[0] != kinds[1]:
            return []
        if kinds[0] in spec.COMPOSITES and not _is_named(old, old_id, new, new_id):
            return MemberDiff(old, old_id, new, new_id, deep=False).changes()
        if kinds[0] == spec.FUNC_PROTO:
            return prototype_changes(old, old_id, new, new_id, deep=False)
        if kinds[0] in _TRANSPARENT:
            at = 2
        elif kinds[0] == spec.ARRAY and old.btf.word(old_id, 5) == new.btf.word(new_id, 5):
            at = 3
        else:
            return []
        old_id, new_id = old.btf.word(old_id, at), new.btf.word(new_id, at)
    return []


def _is_named(old: Side, old_id: int, new: Side, new_id: int) -> bool:
    return bool(old.btf.name(old_id) or new.btf.name(new_id))


def _type_tags(old: Btf, old_id: int, new: Btf, new_id: int) -> tuple[list[Change], int, int]:
    """The change of the type tags that two types begin with, and what these tags are on."""
    sides: list[tuple[list[str], int]] = []
    for btf, type_id in ((old, old_id), (new, new_id)):
        tags: list[str] = []
        while btf.kind(type_id) == spec.TYPE_TAG and len(tags) < spec.MAX_CHAIN:
            tags.append(btf.name(type_id))
            type_id = btf.word(type_id, 2)
        sides.append((tags, type_id))
    (before, old_id), (after, new_id) = sides
    changed = [Change("tags", "", {"tags": before}, {"tags": after})] if before != after else []
    return changed, old_id, new_id


def _gather(side: Side, around: tuple[int, ...], path: str, start: int, left: list[int], found: list[Leaf]) -> None:
    """Add the members of a composite, the last of `around`, then those of its members without a named type, of the last of these
    first, as `flat_members` has them with `open_named` and `own_first`.  The composite begins at `start` (bits)."""
    btf, refer = side.btf, side.identities.reference
    owner = around[-1]
    fields = side.layouts[owner].members
    if len(around) > 1:
        left[0] -= len(fields)
        if len(around) > MAX_DEPTH or left[0] < 0:
            raise too_deep(btf, owner)
    first = start // 8
    later: list[tuple[int, str, int]] = []
    for field in fields:
        name, type_id = field.name, field.type_id
        if not name or field.kind in spec.COMPOSITES:
            inner = opened(btf, type_id, name, True)
            if inner:
                if inner not in around:
                    later.append((inner, f"{path}{name}." if name else path, start + field.bit_offset))
                continue
        found.append(
            Leaf(
                path + name,
                type_id,
                refer(type_id),
                first + field.offset,
                field.size,
                start + field.bit_offset,
                field.bits,
            )
        )
    for inner, deeper, place in reversed(later):
        _gather(side, (*around, inner), deeper, place, left, found)


class MemberDiff:
    """The members of one struct or union against those of another; `deep` also looks into their types without a name."""

    def __init__(self, old: Side, old_id: int, new: Side, new_id: int, *, deep: bool = True) -> None:
        self.deep = deep
        self.old = old
        self.new = new
        self.left = without_groups(unique(self._leaves(old, old_id)))
        self.right = without_groups(unique(self._leaves(new, new_id)))

    def _leaves(self, side: Side, type_id: int) -> list[Leaf]:
        found: list[Leaf] = []
        _gather(side, (type_id,), "", 0, [MAX_MEMBERS], found)
        found.sort(key=lambda leaf: leaf.bit_offset)
        return found

    def changes(self) -> list[Change]:
        """All changes, in the order of offsets."""
        changes: list[tuple[int, Change]] = []
        renamed = self._renamed()
        for path, a in self.left.items():
            b = self.right.get(path) or renamed.get(path)
            if b is None:
                changes.append((a.bit_offset, Change("removed", path, self._at(self.old, a), None)))
            else:
                changes += ((b.bit_offset, change) for change in self._pair(a, b))
        added = set(self.right) - set(self.left) - {leaf.path for leaf in renamed.values()}
        for path, b in self.right.items():
            if path in added:
                changes.append((b.bit_offset, Change("added", path, None, self._at(self.new, b))))
        changes.sort(key=lambda change: change[0])
        return [change for _, change in changes]

    def _pair(self, a: Leaf, b: Leaf) -> Iterator[Change]:
        if (
            a.bit_offset == b.bit_offset
            and a.key == b.key
            and a.size == b.size
            and a.bits == b.bits
            and a.path == b.path
        ):
            return
        old, new = self._at(self.old, a), self._at(self.new, b)
        if a.path != b.path:
            yield Change("renamed", b.path, old | {"name": a.path}, new)
        if a.key != b.key:
            retyped = Change("retyped", b.path, old, new)
            if self.deep and old["type"] == new["type"]:
                retyped.within = changes_within(self.old, a.type_id, self.new, b.type_id)
            yield retyped
        elif a.size != b.size:
            yield Change("grown", b.path, old, new)
        if a.bits != b.bits:
            yield Change("width", b.path, old, new)
        if a.bit_offset != b.bit_offset:
            yield Change("moved", b.path, old, new)

    def _renamed(self) -> dict[str, Leaf]:
        """The members that seem to be renamed: same type and width, same place or the same previous member."""
        removed = [leaf for path, leaf in self.left.items() if path not in self.right]
        added = [leaf for path, leaf in self.right.items() if path not in self.left]
        if not removed or not added:
            return {}
        before_old, before_new = previous_members(self.left), previous_members(self.right)
        found: dict[str, Leaf] = {}
        taken: set[str] = set()
        for same_place in (True, False):
            waiting: dict[object, list[Leaf]] = {}
            for b in reversed(added):
                if b.path not in taken:
                    where: object = b.bit_offset if same_place else before_new[b.path]
                    waiting.setdefault((b.key, b.bits, b.size, where), []).append(b)
            for a in removed:
                where = a.bit_offset if same_place else before_old[a.path]
                if a.path not in found and (fit := waiting.get((a.key, a.bits, a.size, where))):
                    found[a.path] = fit.pop()
                    taken.add(found[a.path].path)
        return found

    def _at(self, side: Side, leaf: Leaf) -> Facts:
        facts: Facts = {"type": side.names[leaf.type_id], "offset": leaf.offset, "size": leaf.size}
        if leaf.bits:
            facts |= {"bit_offset": leaf.bit_offset, "bits": leaf.bits}
        return facts
