"""Targets of the fuzzer: the usual ways of fields (`hot/fields.py`) in broken BTF.

The law, besides a result or a `BtfError`: an answer of theirs is that of the walks that have all the rules, read from the same.
"""

from __future__ import annotations

import contextlib
from random import Random
from types import SimpleNamespace

import mutate
import seeds
from case import Case

import field_answers
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.co_re import kinds
from btfkit.co_re.access import Spec, parse
from btfkit.co_re.loaders import LIBBPF
from btfkit.errors import BtfError

FIELD_KINDS = [number for number, kind in enumerate(kinds.KINDS) if kind.group == kinds.FIELD]
MOST = 40  # questions for each input


def make_fields(r: Random) -> Case:
    """What a program was compiled with, and a kernel: the same BTF, or two; one of them is broken, or both."""
    firsts = [parts[0] for _, parts in seeds.chains() if isinstance(parts[0], bytes)]
    local = r.choice(firsts)
    kernel = local if r.random() < 0.7 else r.choice(firsts)
    parts = [mutate.btf(r, local) if r.random() < 0.5 else local, mutate.btf(r, kernel) if r.random() < 0.8 else kernel]
    return Case("fields", parts, seed=r.randrange(1 << 32))


def run_fields(case: Case) -> None:
    local = Btf.from_bytes(case.parts[0], source="local")
    kernel = Btf.from_bytes(case.parts[1], source="kernel")
    r = Random(case.options["seed"])
    roots = [one for one in local.own_ids if local.kind(one) in (*spec.COMPOSITES, spec.TYPEDEF, spec.ARRAY)] or [0]
    there = [one for one in kernel.own_ids if kernel.kind(one) in spec.COMPOSITES] or [0]
    for _ in range(MOST):
        root, kind = r.choice(roots), r.choice(FIELD_KINDS)
        access = _access(r, local, root)
        asked = SimpleNamespace(type_id=root, access=access, kind=kind)
        field_answers.local_is_right(SimpleNamespace(btf=local), asked)
        try:
            wanted = parse(local, root, access, kind, LIBBPF)
        except BtfError:
            continue
        if not isinstance(wanted, Spec) or not wanted.name:
            continue
        name = wanted.name.decode("utf-8", "surrogateescape")
        same = [one for one in kernel.find_ids(name) if kernel.kind(one) in spec.COMPOSITES] or [r.choice(there)]
        for type_id in same[:4]:
            with contextlib.suppress(BtfError):
                field_answers.answer_is_right(wanted, kind, kernel, type_id)


def _access(r: Random, btf: Btf, root: int) -> bytes:
    """An access string that mostly leads somewhere."""
    numbers = [0 if r.random() < 0.9 else r.randrange(4)]
    here = root
    for _ in range(r.randrange(6)):
        try:
            here = btf.strip(here)
            kind = btf.kind(here)
            words, at = btf.words, btf.positions[here - btf.start_id] if here else 0
        except BtfError:
            break
        if kind in spec.COMPOSITES and words[at + 1] & spec.MAX_VLEN:
            index = r.randrange(words[at + 1] & spec.MAX_VLEN)
            here = words[at + 4 + 3 * index]
        elif kind == spec.ARRAY:
            index = r.randrange(max(1, min(words[at + 5], 1 << 20)))
            here = words[at + 3]
        else:
            break
        numbers.append(index + (r.random() < 0.03))
    text = ":".join(map(str, numbers))
    return (text if r.random() < 0.97 else text + r.choice((":", "x", ":4294967296", ":-1"))).encode()


TARGETS = {"fields": (8, make_fields)}
RUN = {"fields": run_fields}
