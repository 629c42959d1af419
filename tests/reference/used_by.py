"""The slow, obvious twin of show/used_by.py: each relocation is followed in every type of its name by itself."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import flat_member
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec


def read_types(objects, btfs):
    found = {}
    for obj in objects:
        for relocation in obj.relocations:
            wanted = obj.spec(relocation)
            if isinstance(wanted, Spec) and wanted.name and relocation.kind != k.TYPE_ID_LOCAL:
                for btf in btfs:
                    _note(found, wanted, relocation.kind, btf)
    return {key: None if None in paths else frozenset(paths) for key, paths in found.items()}


def _note(found, wanted, kind, btf):
    for root in btf.find_ids(wanted.name.decode()):
        root_kind = btf.kind(root)
        if (spec.ENUM if root_kind == spec.ENUM64 else root_kind) != wanted.root_kind or not _word(btf, root):
            continue
        found.setdefault((_word(btf, root), btf.name(root)), set())
        target = btf.strip(root)
        owner = target if btf.name(target) else root
        reads = found.setdefault((_word(btf, owner), btf.name(owner)), set())
        if kind in (k.TYPE_ID_TARGET, k.TYPE_MATCHES):
            reads.add(None)
        elif kind in (k.ENUMVAL_EXISTS, k.ENUMVAL_VALUE):
            reads.add(wanted.enumerator.decode())
        elif kind == k.TYPE_SIZE or (k.KINDS[kind].group == k.FIELD and wanted.index):
            reads.add("<size>")
        if k.KINDS[kind].group == k.FIELD:
            _follow(found, [step[0].decode() for step in wanted.steps if isinstance(step, tuple)], btf, target, reads)


def _follow(found, names, btf, type_id, reads):
    path = []
    for name in names:
        path.append(name)
        reads.add(".".join(path))
        member = flat_member(btf, type_id, name) if btf.kind(type_id) in spec.COMPOSITES else None
        if member is None:
            return
        type_id = btf.strip(member.type_id)
        while btf.kind(type_id) == spec.ARRAY:
            type_id = btf.strip(btf[type_id].type_id)
        if btf.kind(type_id) in spec.COMPOSITES and btf.name(type_id):
            reads, path = found.setdefault((_word(btf, type_id), btf.name(type_id)), set()), []


def _word(btf, type_id):
    words = ("struct", "union", "enum", "enum64", "typedef", "func", "var", "int", "float")
    word = btf[type_id].kind_name.lower()
    return ("enum" if word == "enum64" else word) if word in words else ""
