"""What changed between two spans of a time line, and guesses about members that were renamed or moved."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.fleet.likeness import ENOUGH, Row, likeness, link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.fleet.history_values import Line, Part, Span, State
    from btfkit.fleet.series import Series

MEMBER = "member"
MOST = 8  # changes of one span that are listed; more are counted


def add_changes(line: Line) -> None:
    """Fill in the changes and guesses of each span that follows another one of its series."""
    before: Span | None = None
    name = line.name.rpartition(".")[2].partition("[")[0]
    first: list[Span] = []  # of their series, and without the member
    renames: list[tuple[Series, str]] = []
    for span in line.spans:
        if before is None or before.series is not span.series:
            first += [span] if line.kind == MEMBER and not span.state else []
        elif line.kind != MEMBER:
            span.changes, span.guesses = type_changes(before.state, span.state, line.kind)
        else:
            span.changes = list(_member_changes(before.state, span.state))
            renamed = _other_name(before.state, span.state, name)
            span.guesses = list(_member_guesses(before.state, span.state, renamed))
            renames += [(span.series, renamed[0])] if renamed else []
        before = span
    for span in first:
        others = [other for series, other in renames if series is not span.series]
        span.guesses = list(_first_guesses(span.state, others))


def _first_guesses(absent: State, others: Sequence[str]) -> Iterator[str]:
    """What a member may be called on the first kernel of a series, which lacks it: as in another series, or further on."""
    types = {part.name: part.type for part in absent.parts}
    found = next((name for name in others if name in types), "")
    if found:
        yield f"it is {printable(found)} ({types[found]}), as on other kernels"
    elif absent.elsewhere:
        yield f"it is {printable(absent.elsewhere)}"


def _member_changes(old: State, new: State) -> Iterator[str]:
    if not old or not new:
        return
    if (old.offset, old.bit) != (new.offset, new.bit):
        place = [f"{one.offset}" + (f" bit {one.bit}" if one.bits else "") for one in (old, new)]
        yield f"moved, {place[0]} -> {place[1]}"
    if old.text != new.text:
        yield f"{old.text} -> {new.text}"
    if old.bits != new.bits:
        yield f"{old.bits or 8 * old.size} -> {new.bits or 8 * new.size} bits"
    elif old.size != new.size:
        yield f"{old.size} -> {counted(new.size, 'byte')}"
    if old.module != new.module:
        yield f"in {new.module or 'vmlinux'}, was in {old.module or 'vmlinux'}"


def _member_guesses(old: State, new: State, renamed: tuple[str, str] | None) -> Iterator[str]:
    """What a member was called before, or is called now: `renamed` (name, why), or a place further on."""
    if bool(old) == bool(new):
        return
    if renamed:
        yield f"{'renamed from' if new else 'renamed to'} {printable(renamed[0])} ({renamed[1]})"
    other = old if new else new
    if other.elsewhere:
        yield f"{'was' if new else 'now'} {printable(other.elsewhere)}"


def _other_name(old: State, new: State, name: str) -> tuple[str, str] | None:
    """The name on the side that does not have `name`, and why it is that; None if both sides have it, or no name is like it."""
    if bool(old) == bool(new):
        return None
    state, other = (new, old) if new else (old, new)
    found = _renamed(state.parts, other.parts, name)
    return (found[0], f"{found[1]}, {_alike(state, other, name, found[0])}") if found else None


def _alike(state: State, other: State, name: str, found: str) -> str:
    """Why a guess was made."""
    one = next(part for part in state.parts if part.name == name)
    two = next(part for part in other.parts if part.name == found)
    same = [word for word, equal in (("type", one.type == two.type), ("offset", one.offset == two.offset)) if equal]
    return f"same {' and '.join(same)}" if same else "same neighbors"


def rows_of(parts: Sequence[Part]) -> list[Row]:
    """The members as rows that can be compared."""
    rows = [Row(part.name, part.offset, 0, part.type) for part in parts if part.name]
    link(rows)
    return rows


def _renamed(having: Sequence[Part], without: Sequence[Part], name: str) -> tuple[str, str] | None:
    """The member (name, type) of `without` that is most like `name` of `having`, and is not in that; None if none is."""
    theirs = rows_of(having)
    there = next((row for row in theirs if row.name == name), None)
    if there is None:
        return None
    known = {row.name for row in theirs}
    rows = [row for row in rows_of(without) if row.name not in known]
    best = max(rows, key=lambda row: likeness(row, there), default=None)
    if best is None or likeness(best, there) < ENOUGH:
        return None
    return best.name, best.type_text


# ---- types -----------------------------------------------------------------------------------------------------------


def type_changes(old: State, new: State, kind: str, most: int = MOST) -> tuple[list[str], list[str]]:
    """(changes, guesses) between two states of a type, function or variable; of changes of members, `most` are listed."""
    if not old or not new:
        return [], []
    changes: list[str] = []
    if old.size != new.size:
        changes.append(f"{old.size} -> {counted(new.size, 'byte')}")
    if old.text != new.text:
        changes.append(f"was {old.text}")
    if old.module != new.module:
        changes.append(f"in {printable(new.module or 'vmlinux')}, was in {printable(old.module or 'vmlinux')}")
    if old.kfunc != new.kfunc:
        changes.append("now a kfunc" if new.kfunc else "no longer a kfunc")
    if old.definitions != new.definitions:
        changes.append(f"{old.definitions} -> {counted(new.definitions, 'definition')}")
    listed, guesses = _part_changes(old.parts, new.parts, kind == "enum")
    changes += listed if len(listed) <= most + 1 else [*listed[:most], f"{len(listed) - most:,} more changes"]
    return changes, guesses


def _part_changes(old: Sequence[Part], new: Sequence[Part], is_enum: bool) -> tuple[list[str], list[str]]:
    left = {part.name: part for part in old if part.name}
    right = {part.name: part for part in new if part.name}
    renamed = _renamings(old, new, is_enum)
    listed = [
        f"- {printable(name)}{_typed(part)}" for name, part in left.items() if name not in right and name not in renamed
    ]
    added = [name for name in right if name not in left and name not in renamed.values()]
    listed += [f"+ {printable(name)}{_typed(right[name])}" for name in added]
    moved: dict[int, list[str]] = {}
    for name, part in left.items():
        other = right.get(renamed.get(name, name))
        if other is None:
            continue
        if part.type != other.type:
            listed.append(f"~ {printable(other.name)}: {part.type} -> {other.type}")
        elif (part.bits, part.size) != (other.bits, other.size):
            width, unit = [one.bits or one.size for one in (part, other)], "bits"
            if not part.bits and not other.bits and width[0] % 8 == width[1] % 8 == 0:
                width, unit = [bits // 8 for bits in width], "bytes"
            listed.append(f"~ {printable(other.name)}: {width[0]} -> {width[1]} {unit}")
        if part.offset != other.offset:
            moved.setdefault(other.offset - part.offset, []).append(printable(other.name))
    for far, names in moved.items():
        amount, unit = (far, "") if is_enum else (far // 8, " byte") if far % 8 == 0 else (far, " bit")
        unit += "s" * (unit != "" and abs(amount) != 1)
        shown = names[0] if len(names) == 1 else f"{len(names)} {'values' if is_enum else 'members'}"
        listed.append(f"> {shown} {amount:+d}{unit}")
    return listed, [f"{printable(a)} renamed to {printable(b)}" for a, b in renamed.items()]


def _typed(part: Part) -> str:
    return f": {part.type}" if part.type else f" = {part.offset}"


def _renamings(old: Sequence[Part], new: Sequence[Part], is_enum: bool) -> dict[str, str]:
    """Members that seem to be renamed, one to one; for enumerators, the same value."""
    left, right = {part.name for part in old}, {part.name for part in new}
    removed = [row for row in rows_of(old) if row.name not in right]
    added = [row for row in rows_of(new) if row.name not in left]
    scored = [
        (-score, a, b, removed[a].name, added[b].name)
        for a in range(len(removed))
        for b in range(len(added))
        if (score := likeness(removed[a], added[b])) >= ENOUGH and not (is_enum and removed[a].offset != added[b].offset)
    ] if len(removed) * len(added) <= 1 << 16 else []  # fmt: skip
    found: dict[str, str] = {}
    for _, _, _, one, other in sorted(scored):
        if one not in found and other not in found.values():
            found[one] = other
    return found
