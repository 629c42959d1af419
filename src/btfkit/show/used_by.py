"""The types and members that BPF objects read in a kernel, by name: the scope of a diff."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import FlatMembers
from btfkit.btf.spec import text
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec, innermost
from btfkit.show.identity import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject

    Reads = dict[tuple[str, str], set[str] | None]
    Scope = dict[tuple[str, str], frozenset[str] | None]

SIZE = "<size>"  # in a scope: the program reads the size of the type
_WHOLE = (k.TYPE_ID_TARGET, k.TYPE_MATCHES)


def read_types(objects: Sequence[BpfObject], btfs: Sequence[Btf]) -> Scope:
    """By (kind, name), the paths that CO-RE relocations of `objects` read in each type of any of `btfs`; None: the whole type.

    A missing member counts for the struct in which it was searched.
    """
    found: Reads = {}
    members = [FlatMembers(btf) for btf in btfs]
    for obj in objects:
        for relocation in obj.relocations:
            wanted = obj.spec(relocation)
            if isinstance(wanted, Spec) and wanted.name and relocation.kind != k.TYPE_ID_LOCAL:
                for btf, known in zip(btfs, members, strict=True):
                    _note(found, wanted, relocation.kind, btf, known)
    return {key: None if paths is None else frozenset(paths) for key, paths in found.items()}


def _note(found: Reads, wanted: Spec, kind: int, btf: Btf, members: FlatMembers) -> None:
    group = k.KINDS[kind].group
    for root in _roots(btf, wanted):
        paths = found.setdefault(_key(btf, root), set())
        target = btf.strip(root)
        if target != root and btf.name(target):
            paths = found.setdefault(_key(btf, target), set())
        if kind in _WHOLE:
            found[_key(btf, target if btf.name(target) else root)] = None
        elif paths is not None and group == k.ENUMVAL:
            paths.add(text(wanted.enumerator))
        elif paths is not None and kind == k.TYPE_SIZE:
            paths.add(SIZE)
        elif group == k.FIELD:
            _walk(found, wanted, btf, target, _key(btf, target if btf.name(target) else root), members)


def _roots(btf: Btf, wanted: Spec) -> Iterator[int]:
    """The types that may be the root of a relocation."""
    for type_id in btf.find_ids(text(wanted.name)):
        kind = btf.kind(type_id)
        if (spec.ENUM if kind == spec.ENUM64 else kind) == wanted.root_kind and kind in CLASSES:
            yield type_id


def _key(btf: Btf, type_id: int) -> tuple[str, str]:
    return CLASSES.get(btf.kind(type_id), ""), btf.name(type_id)


def _walk(found: Reads, wanted: Spec, btf: Btf, type_id: int, owner: tuple[str, str], members: FlatMembers) -> None:
    """Follow the names of an access through the types of `btf`."""
    if wanted.index and (paths := found.setdefault(owner, set())) is not None:
        paths.add(SIZE)
    prefix = ""
    for step in wanted.steps:
        if step.__class__ is int:  # an array element: `type_id` is already the element type
            continue
        path = prefix + text(step[0])
        paths = found.setdefault(owner, set())
        if paths is not None:
            paths.add(path)
        inner = members.find(type_id, text(step[0])) if btf.kind(type_id) in spec.COMPOSITES else None
        if inner is None:
            return
        type_id = innermost(btf, inner.type_id)[0]
        if btf.kind(type_id) in spec.COMPOSITES and btf.name(type_id):
            owner, prefix = _key(btf, type_id), ""
        else:
            prefix = path + "."


def prefixes(path: str) -> Iterator[str]:
    """The paths of what contains a member, and its own: "a", "a.b" and "a.b.c" of "a.b.c"."""
    at = path.find(".")
    while at >= 0:
        yield path[:at]
        at = path.find(".", at + 1)
    yield path
