"""Twins of `hot.rebase.Index.differing`, and of `void_types` and `void_places` in `hot/assembly.py`."""

from __future__ import annotations

ALIASES = ("CONST", "VOLATILE", "RESTRICT", "TYPEDEF", "TYPE_TAG")


def tag(type_):
    """(tag, whether it is defined) of a type, None for types without."""
    if not type_.name:
        return None
    if type_.kind_name == "FWD":
        return ("UNION" if type_.words[1] >> 31 else "STRUCT"), False
    if type_.kind_name in ("ENUM", "ENUM64"):
        return "ENUM", type_.words[1] & 0xFFFF > 0
    return (type_.kind_name, True) if type_.kind_name in ("STRUCT", "UNION") else None


def groups(btf):
    """The types of each name and tag: the definitions, the declarations."""
    found = {}
    for type_ in btf.types():
        known = tag(type_)
        if known:
            found.setdefault((type_.name, known[0]), ([], []))[0 if known[1] else 1].append(type_)
    return found


def differing(own, base):
    """How many structs and unions both define so that nothing more is to be said of them, and the ids of all types of which more
    is to be said."""
    both, doubtful = 0, []
    theirs = groups(base)
    for key, (defined, declared) in groups(own).items():
        known, only_declared = theirs.get(key, ([], []))
        first = defined[0].words[2] if defined else 0
        fits = key[1] == "ENUM" or first in [type_.words[2] for type_ in known]
        if declared or (known and not fits) or (only_declared and not known):
            doubtful += [type_.id for type_ in defined + declared]
        elif known and key[1] != "ENUM":
            both += 1
    return both, sorted(doubtful)


def void_types(btf):
    """The ids of void, and of all modifiers and typedefs of it."""
    found = {0}
    for type_ in btf.types():
        number, seen = type_.id, set()
        while number and number not in seen and btf[number].kind_name in ALIASES:
            seen.add(number)
            number = btf[number].words[2]
        if not number:
            found.add(type_.id)
    return found
