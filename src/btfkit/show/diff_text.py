"""A diff as text: counts, then each changed type with its members, then the added and removed types."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.show.diff_values import KINDS, Change, Diff, Entry, TypeChange
from btfkit.show.identity import FUNC, INT, STRUCT, TYPEDEF, UNION, VAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.show.diff_values import Facts, TypeFacts

WIDTH = 110  # columns
NAMES = 4  # names shown of members that moved together
COLUMN = 28  # width of a member's name
PLURALS = {"enum": "enums", "typedef": "typedefs", "int": "integers", "float": "floats"}


def diff_lines(found: Diff, *, summary: bool = False) -> Iterator[str]:
    """The lines, without newlines; `summary` gives the counts only."""
    yield from _head(found)
    if summary:
        return
    for kind in KINDS:
        changed = [change for change in found.changed if change.kind == kind]
        if changed:
            yield ""
            yield f"changed {plural(kind)} ({len(changed):,})"
            for change in changed:
                yield ""
                yield from type_lines(change)
    for what, entries in (("added", found.added), ("removed", found.removed)):
        for kind in KINDS:
            some = [entry for entry in entries if entry.kind == kind]
            if some:
                yield ""
                yield f"{what} {plural(kind)} ({len(some):,})"
                yield from _names(some, "+ " if what == "added" else "- ")


def plural(kind: str) -> str:
    """ "structs", "functions"."""
    return PLURALS.get(kind, kind + "s")


def _head(found: Diff) -> Iterator[str]:
    yield f"--- {printable(found.old.source or 'old')}"
    yield f"+++ {printable(found.new.source or 'new')}"
    yield ""
    if not found:
        total = sum(counts[0] for counts in found.counts.values())
        yield f"no differences: {counted(total, 'named type')} compared"
        return
    yield f"{'':12}{'same':>10}{'changed':>10}{'added':>10}{'removed':>10}"
    for kind, counts in found.counts.items():
        yield f"{plural(kind):12}" + "".join(f"{count:10,}" for count in counts)
    effect = effects(found)
    if effect:
        yield ""
        yield "layout: " + ", ".join(effect)


def effects(found: Diff) -> list[str]:
    """The effect on layouts: the number of structs that changed size, and of those with moved, retyped or removed members."""
    composites = [
        change for change in found.changed if change.kind in (STRUCT, UNION, TYPEDEF) and "size" in change.old
    ]
    sizes = sum(change.old["size"] != change.new["size"] for change in composites)
    found_effects = [f"{counted(sizes, 'type')} changed size"] if sizes else []
    for what, words in (
        ("moved", "with moved members"),
        ("retyped", "with retyped members"),
        ("removed", "with removed members"),
        ("renamed", "with apparently renamed members"),
    ):
        count = sum(any(one.what == what for one in change.changes) for change in composites)
        if count:
            found_effects.append(f"{count:,} {words}")
    return found_effects


def type_lines(change: TypeChange) -> Iterator[str]:
    """A changed type: its title ("struct file: 184 -> 192 bytes"), then a line for each change."""
    yield _title(change)
    if change.kind in (FUNC, VAR) or (change.kind == TYPEDEF and "holes" not in change.old and not change.changes):
        yield f"  - {change.old['text']}"
        yield f"  + {change.new['text']}"
        if change.kind == FUNC and change.old["text"] == change.new["text"]:
            yield from _members(change)
        else:
            yield from (f"  ~ {_tags(one)}" for one in change.tags)
        return
    if change.kind == INT:
        yield f"  {change.old['text']} -> {change.new['text']}"
    yield from _members(change)


def _title(change: TypeChange) -> str:
    name = f"{change.kind} {printable(change.name)}"
    old, new = change.old, change.new
    facts = []
    if "size" in old and old["size"] is not None and (old["size"] != new["size"] or "holes" in old):
        facts.append(f"{_arrow(old['size'], new['size'])} bytes")
    if old.get("cachelines") != new.get("cachelines"):
        facts.append(f"{_arrow(old['cachelines'], new['cachelines'])} cache lines")
    if "holes" in old and "holes" in new and (old["holes"], old["sum_holes"]) != (new["holes"], new["sum_holes"]):
        facts.append(f"holes {_holes(old)} -> {_holes(new)}")
    for word in ("padding", "alignment"):
        if old.get(word) != new.get(word):
            facts.append(f"{word} {old.get(word)} -> {new.get(word)}")
    if old.get("signed") != new.get("signed"):
        facts.append("now signed" if new.get("signed") else "now unsigned")
    return name + (f": {', '.join(facts)}" if facts else "")


def _holes(facts: TypeFacts) -> str:
    return f"{facts['holes']} ({counted(facts['sum_holes'], 'byte')})" if facts["holes"] else "none"


def _arrow(old: object, new: object) -> str:
    return f"{old}" if old == new else f"{old} -> {new}"


def _members(change: TypeChange) -> Iterator[str]:
    """A line for each member, and one for consecutive members that only moved, by the same distance."""
    grouped: dict[tuple[str, bool], list[Change]] = {}  # those of the tags apart: a member may be called "" as well
    for one in change.changes:
        grouped.setdefault((one.path, one.what == "tags"), []).append(one)
    run: list[tuple[str, Change]] = []
    for (path, _), changes in grouped.items():
        shift = _shift(changes)
        if run and shift != _shift([run[0][1]]):
            yield _together(run)
            run = []
        if shift:
            run.append((path, changes[0]))
        else:
            yield _one(path, changes)
    if run:
        yield _together(run)


def _shift(changes: list[Change]) -> tuple[str, int] | None:
    """("moved" or "value", distance) if that is the only change."""
    if len(changes) != 1 or changes[0].what not in ("moved", "value"):
        return None
    old, new = changes[0].old or {}, changes[0].new or {}
    if changes[0].what == "value":
        return "value", new["value"] - old["value"]
    return "moved", _bit(new) - _bit(old)


def _bit(facts: Facts) -> int:
    return int(facts["bit_offset"] if "bits" in facts else 8 * facts["offset"])


def _together(run: list[tuple[str, Change]]) -> str:
    """The line for members, or values of enumerators, that moved by the same distance."""
    what, far = _shift([run[0][1]]) or ("moved", 0)
    if len(run) == 1:
        return _one(run[0][0], [run[0][1]])
    if what == "value":
        distance = f"{far:+d}"
    else:
        amount, unit = (far // 8, "byte") if far % 8 == 0 else (far, "bit")
        distance = f"{amount:+d} {unit}{'s' * (abs(amount) != 1)}"
    names = [printable(path) for path, _ in run]
    if len(names) > NAMES:
        names = [*names[: NAMES - 1], "...", names[-1]]
    label = f"{len(run)} {'values' if what == 'value' else 'members'} {distance}"
    return f"  > {label:{COLUMN}} {', '.join(names)}"


def _one(path: str, changes: list[Change]) -> str:
    first = changes[0]
    name = printable(path) or "(unnamed)"
    if first.what == "tags":
        return f"  ~ {_tags(first)}"
    if first.what == "added":
        return f"  + {name:{COLUMN}} {_described(first.new or {}, 'at')}"
    if first.what == "removed":
        return f"  - {name:{COLUMN}} {_described(first.old or {}, 'was at')}"
    return f"  ~ {name:{COLUMN}} {', '.join(map(_change_text, changes))}"


def _described(facts: Facts, at: str) -> str:
    if "value" in facts:
        return f"= {facts['value']}"
    if "offset" not in facts:
        return str(facts["type"])
    bits = (
        f", {counted(facts['bits'], 'bit')} at bit {facts['bit_offset'] - 8 * facts['offset']}"
        if "bits" in facts
        else ""
    )
    return f"{facts['type']}, {at} {facts['offset']}{bits or ', ' + counted(facts['size'], 'byte')}"


def _change_text(change: Change) -> str:
    """One change of a member that both sides have."""
    old, new = change.old or {}, change.new or {}
    if change.what == "renamed":
        where = "same value" if "value" in old else _similarity(old, new)
        return f"renamed from {printable(old['name'])}? (a guess: {where})"
    if change.what == "retyped":
        if old["type"] == new["type"]:
            return f"{new['type']}: {_within(change.within) if change.within else 'its definition changed'}"
        sizes = f", {_arrow(old['size'], new['size'])} bytes" if old.get("size") != new.get("size") else ""
        return f"{old['type']} -> {new['type']}{sizes}"
    if change.what == "grown":
        word = "grew" if new["size"] > old["size"] else "shrank"
        return f"{new['type']} {word}: {_arrow(old['size'], new['size'])} bytes"
    if change.what == "width":
        return f"{old.get('bits', 8 * old['size'])} -> {new.get('bits', 8 * new['size'])} bits"
    if change.what == "value":
        return f"{old['value']} -> {new['value']}"
    if "bits" in old or "bits" in new:
        return f"moved, bit {_bit(old)} -> {_bit(new)}"
    return f"moved, {old['offset']} -> {new['offset']}"


def _within(changes: Sequence[Change]) -> str:
    """What changed in a type without a name, in a few words: "C added (= 2); x: int -> long"."""
    shown = [_part(one) for one in changes[:NAMES]]
    return "; ".join([*shown, f"... ({len(changes):,} changes)"] if len(changes) > NAMES else shown)


def _part(change: Change) -> str:
    name = printable(change.path) or "(unnamed)"
    if change.what == "tags":
        return _tags(change)
    if change.what in ("added", "removed"):
        facts = change.new or change.old or {}
        sign = "=" if change.what == "added" else "was"
        return f"{name} {change.what}" + (f" ({sign} {facts['value']})" if "value" in facts else "")
    return (
        f"{name} {_change_text(change)}" if change.what in ("renamed", "moved") else f"{name}: {_change_text(change)}"
    )


def _similarity(old: Facts, new: Facts) -> str:
    return "same type, same place" if _bit(old) == _bit(new) else "same type, after the same member"


def _tags(change: Change) -> str:
    old, new = (change.old or {})["tags"], (change.new or {})["tags"]
    return f"tags: {printable(' '.join(old)) or 'none'} -> {printable(' '.join(new)) or 'none'}"


def _names(entries: list[Entry], mark: str) -> Iterator[str]:
    """Names, wrapped at WIDTH; structs with their size."""
    line = ""
    for entry in entries:
        word = printable(entry.name)
        if entry.kind in (STRUCT, UNION) and entry.size is not None:
            word += f" ({entry.size})"
        if line and len(line) + len(word) + 4 > WIDTH:
            yield f"  {mark}{line},"
            line = ""
        line += (", " if line else "") + word
    if line:
        yield f"  {mark}{line}"


_COLOURS = {"  + ": "\x1b[32m", "  - ": "\x1b[31m", "  ~ ": "\x1b[33m", "  > ": "\x1b[36m"}


def coloured(line: str) -> str:
    """A line for a terminal."""
    colour = _COLOURS.get(line[:4])
    if colour:
        return f"{colour}{line}\x1b[0m"
    return f"\x1b[1m{line}\x1b[0m" if line and line[0] != " " else line
