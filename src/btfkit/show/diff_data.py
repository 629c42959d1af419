"""A diff as plain data, for JSON and for the script of a page (schema 1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.show.diff import Diff, Entry, TypeChange

SCHEMA = 1


def diff_object(found: Diff) -> dict[str, Any]:
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


def type_object(change: TypeChange) -> dict[str, Any]:
    """One changed type."""
    return {
        "kind": change.kind,
        "name": change.name,
        "old_id": change.old_id,
        "new_id": change.new_id,
        "old": change.old,
        "new": change.new,
        "changes": [
            {"what": one.what, "path": one.path, "old": one.old, "new": one.new}
            | ({"guess": True} if one.guess else {})
            for one in change.changes
        ],
    }


def entry_object(entry: Entry) -> dict[str, Any]:
    """One type that only one side has."""
    told: dict[str, Any] = {"kind": entry.kind, "name": entry.name, "id": entry.type_id}
    if entry.size is not None:
        told["size"] = entry.size
    return told | ({"text": entry.text} if entry.text else {})
