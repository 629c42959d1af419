"""The slow, obvious twins of hot/search.py, on views."""

from __future__ import annotations

from btfkit.btf import spec


def elements(view):
    """The names of the elements of a type."""
    if view.kind in spec.COMPOSITES:
        return [member.name for member in view.members]
    if view.kind in spec.ENUMS:
        return [each.name for each in view.enumerators]
    return []


def named(btf, wanted, kinds):
    """(type id, element or -1) of what is called one of `wanted`; `kinds` as for hot/search.py."""
    found = []
    for view in btf.types(own=True):
        if kinds[view.kind] & 1 and view.name and view.name in wanted:
            found.append((view.id, -1))
        if kinds[view.kind] & 2:
            found += [(view.id, number) for number, name in enumerate(elements(view)) if name and name in wanted]
    return found


def targets(view):
    """The types that one refers to."""
    if view.kind in spec.COMPOSITES:
        return {member.type_id for member in view.members}
    if view.kind == spec.FUNC_PROTO:
        return {view.type_id, *(parameter.type_id for parameter in view.parameters)}
    if view.kind == spec.ARRAY:
        return {view.type_id, view.index_type_id}
    if view.kind < len(spec.KINDS) and spec.KINDS[view.kind].third == "type":
        return {view.type_id}
    return set()


def users(btf, type_id):
    """The ids of the types with a name that refer to `type_id`, through those without."""
    marked, named_users = {type_id}, set()
    while True:
        before = len(marked)
        for view in btf.types():
            if view.kind in (spec.DATASEC, spec.DECL_TAG) or not (targets(view) - {0}) & marked:
                continue
            bare = view.kind in (
                spec.PTR,
                spec.ARRAY,
                spec.CONST,
                spec.VOLATILE,
                spec.RESTRICT,
                spec.FUNC_PROTO,
                spec.TYPE_TAG,
            )
            if bare or (view.kind in spec.COMPOSITES and not view.name):
                marked.add(view.id)
            else:
                named_users.add(view.id)
        if len(marked) == before:
            return named_users
