"""Types of one name and kind that are not equivalent, and the first difference between them."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.spec import text
from btfkit.btf.spelling import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf

STEPS = 20_000  # pairs of types compared at most to find a difference
_NAMED = frozenset((*spec.COMPOSITES, *spec.ENUMS, spec.TYPEDEF, spec.FUNC, spec.INT, spec.FLOAT))
_THINGS = frozenset((spec.VAR, spec.DATASEC))


class Inequivalent:
    """Types `ids` (ascending) of one `name` and kind (`title`: "struct file"); the first two differ in `what`, at `path`."""

    __slots__ = ("ids", "path", "title", "what")

    def __init__(self, title: str, ids: list[int], path: str, what: str) -> None:
        self.title = title
        self.ids = ids
        self.path = path
        self.what = what

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        return f"{self.title} stays {len(self.ids)} times: {self.what}{where}"


def inequivalent_types(btf: Btf, most: int = 20) -> tuple[list[Inequivalent], int]:
    """The names that several own types (or an own type and one of the base) share, those with the most types first, and the
    total number of such names; at most `most` of them are explained."""
    groups: dict[tuple[bytes, int], list[int]] = {}
    for layer in btf.chain:
        if layer is not btf:
            continue
        for index, at in enumerate(layer.positions):
            kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
            if layer.words[at] and kind in _NAMED:
                groups.setdefault((layer.string(layer.words[at]), kind), []).append(layer.start_id + index)
    if btf.base is not None:
        for (name, kind), ids in groups.items():
            ids[:0] = btf.base.find_ids(text(name), kind)
    shared = [(key, ids) for key, ids in groups.items() if len(ids) > 1]
    shared.sort(key=lambda item: (-len(item[1]), item[1][0]))
    found = []
    for (name, kind), ids in shared[:most]:
        path, what = difference(btf, ids[0], ids[1])
        found.append(Inequivalent(f"{spec.word(kind)} {text(name)}", ids, path, what))
    return found, len(shared)


def difference(btf: Btf, a: int, b: int) -> tuple[str, str]:
    """(path, what): the path from two types to the nearest difference between them, and that difference."""
    todo, seen = [(a, b, "", 0)], {(a, b)}  # with the last step, and the place in the list of what comes before it
    for at, (x, y, _, _) in enumerate(todo):  # grows
        if x == y:
            continue
        if (what := _told_apart(btf, x, y)) is not None:
            steps = []
            while at:
                steps.append(todo[at][2])
                at = todo[at][3]
            return "".join(reversed(steps)), what
        for (step, p), (_, q) in zip(_steps(btf, x), _steps(btf, y), strict=True):
            if (p, q) not in seen and len(seen) < STEPS:
                seen.add((p, q))
                todo.append((p, q, step, at))
    return "", "a difference too deep to find"


def _told_apart(btf: Btf, x: int, y: int) -> str | None:
    """How two types differ themselves, references aside; None if they do not."""
    if not x or not y or btf.kind(x) != btf.kind(y) or btf.name(x) != btf.name(y):
        return f"{label(btf, x)} here, {label(btf, y)} there"
    if btf.kind(x) in _THINGS:
        return f"two different {spec.word(btf.kind(x))}s {btf.name(x)}"
    one, other = btf[x], btf[y]
    third = spec.KINDS[one.kind].third
    if third == "size" and one.words[2] != other.words[2]:
        return f"{label(btf, x)} has {one.words[2]} bytes or {other.words[2]}"
    if one.vlen != other.vlen:
        return f"{label(btf, x)} has {one.vlen} {spec.KINDS[one.kind].vlen or 'elements'} or {other.vlen}"
    if one.words[1] != other.words[1]:
        return f"{label(btf, x)} is not the same in kind_flag"
    return _words_apart(btf, x, y)


def _words_apart(btf: Btf, x: int, y: int) -> str | None:
    (one, at), (other, there) = btf.locate(x), btf.locate(y)
    places = {place - at: what for place, what in references(one.words, at, one.table)}
    row = spec.KINDS[btf.kind(x)]
    for slot in range(2, len(btf[x].words)):
        p, q, what = one.words[at + slot], other.words[there + slot], places.get(slot)
        if what == "type" or (what == "name" and one.string(p) == other.string(q)) or (what is None and p == q):
            continue
        if slot < 3 + row.tail_words or not row.elem_words:
            return f"{label(btf, x)} has {p:#x} or {q:#x} in word {slot}"
        number = (slot - 3 - row.tail_words) // row.elem_words
        if what == "name":
            names = " or ".join(text(n) or "no name" for n in (one.string(p), other.string(q)))
            return f"{label(btf, x)} has {names} as number {number + 1}"
        first = 3 + row.tail_words + number * row.elem_words
        name = text(one.string(one.words[at + first])) if row.elem_names else str(number + 1)
        if row.number in spec.COMPOSITES:
            return f"{label(btf, x)} has {name or 'an anonymous member'} at bit {p & 0xFFFFFF} or {q & 0xFFFFFF}"
        return f"{label(btf, x)} has {name} = {p} or {q}"
    return None


def _steps(btf: Btf, type_id: int) -> Iterator[tuple[str, int]]:
    """The types that a type refers to, each with the step to it as C writes it."""
    layer, at = btf.locate(type_id)
    kind = btf.kind(type_id)
    row = spec.KINDS[kind]
    for place, what in references(layer.words, at, layer.table):
        if what != "type":
            continue
        if kind in spec.COMPOSITES:
            yield f".{text(layer.string(layer.words[place - 1])) or '(anonymous)'}", layer.words[place]
        elif kind == spec.FUNC_PROTO and place > at + 2:
            yield f"(parameter {(place - at - 3) // row.elem_words + 1})", layer.words[place]
        else:
            yield _STEP.get(kind, ""), layer.words[place]


_STEP = {spec.PTR: "->", spec.ARRAY: "[]", spec.FUNC_PROTO: "(returned)"}
