"""A diff as plain data, for JSON and for the script of a page (schema 1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NotRequired, TypedDict

    from btfkit.show.diff import Change, Diff, Entry, Facts, TypeChange, TypeFacts

    class ChangeObject(TypedDict):
        """One change within a type."""

        what: str
        path: str
        old: Facts | None
        new: Facts | None
        guess: NotRequired[bool]

    class TypeObject(TypedDict):
        """One changed type."""

        kind: str
        name: str
        old_id: int
        new_id: int
        old: TypeFacts
        new: TypeFacts
        changes: list[ChangeObject]

    class EntryObject(TypedDict):
        """One type that only one side has."""

        kind: str
        name: str
        id: int
        size: NotRequired[int]
        text: NotRequired[str]


SCHEMA = 1


def diff_object(found: Diff) -> dict[str, object]:
    """The whole diff: "counts" by kind, "changed", "added" and "removed" types."""
    return {
        "schema": SCHEMA,
        "old": {"path": found.old.source, "types": len(found.old) - 1},
        "new": {"path": found.new.source, "types": len(found.new) - 1},
        "differs": bool(found),
        "counts": {
            kind: dict(zip(("same", "changed", "added", "removed"), counts, strict=True))
            for kind, counts in found.counts.items()
        },
        "changed": [type_object(change) for change in found.changed],
        "added": [entry_object(entry) for entry in found.added],
        "removed": [entry_object(entry) for entry in found.removed],
    }


def type_object(change: TypeChange) -> TypeObject:
    """One changed type."""
    return {
        "kind": change.kind,
        "name": change.name,
        "old_id": change.old_id,
        "new_id": change.new_id,
        "old": change.old,
        "new": change.new,
        "changes": [_change_object(one) for one in change.changes],
    }


def _change_object(change: Change) -> ChangeObject:
    told: ChangeObject = {"what": change.what, "path": change.path, "old": change.old, "new": change.new}
    return told | ({"guess": True} if change.guess else {})


def entry_object(entry: Entry) -> EntryObject:
    """One type that only one side has."""
    told: EntryObject = {"kind": entry.kind, "name": entry.name, "id": entry.type_id}
    if entry.size is not None:
        told["size"] = entry.size
    return told | ({"text": entry.text} if entry.text else {})
