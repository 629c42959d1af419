"""Cut BTFs before libbpf: it has to relocate every program as on the whole ones; and bpftool has not to be smaller."""

from __future__ import annotations

import functools
import os
import random

import pytest
from cases import HERE, manifest, object_bytes, target_bytes
from libbpf_answers import answers
from test_relocations import bounded, corpus_objects, duplicates

import corpus
from btfkit.btf.btf import Btf
from btfkit.co_re import kinds as k
from btfkit.co_re.program import load_objects
from btfkit.passes.minimize import minimize
from objects import Choose, scene
from peer_tools import bpftool_min, oracle_relocate, require_peer

TARGETS = manifest()["targets"]
OBJECTS = manifest()["objects"]
POINTER_SIZE = 12 + 4 + len("long unsigned int") + 1 - 8  # an INT that tells the pointer size, less the shorter header


@functools.cache
def made_object(name):
    return load_objects(os.path.join(HERE, OBJECTS[name]["file"]))[0]


def told(answer):
    """What libbpf said, but for what has to differ: type ids, and candidates that came to nothing."""
    if answer["outcome"] in ("error", "unseen"):
        return (answer["outcome"],)
    is_id = answer["kind"] == k.TYPE_ID_TARGET and answer["value"]
    matches = [(c["name"], c.get("bit_off")) for c in answer["candidates"] if c["match"]]
    value = "id" if is_id else answer["value"]
    return answer["outcome"], value, answer["found"], answer["poisoned"], answer["mem_size"], matches


def changed(files, whole, cut, whole_modules=None, cut_modules=None):
    """The relocations, each alone in its object, to which libbpf answers otherwise on the cut BTF."""
    before = answers(files, [whole], whole_modules, alone="all")
    after = answers(files, [cut], cut_modules, alone="all")
    return [
        (name, one["number"], one["kind_name"], told(one), told(other))
        for name in files
        for one, other in zip(before[name, 0], after[name, 0], strict=True)
        if told(one) != told(other)
    ]


@pytest.mark.parametrize("where", [where for where in TARGETS if "s390x+" not in where])
def test_made_objects(where):
    """Each object alone, and all that are meant for a target at once."""
    require_peer("btf-oracle")
    blob, parts = target_bytes(where)
    names = [name for name, entry in OBJECTS.items() if where in entry["targets"]]
    for chosen in [[name] for name in names] + [names]:
        vmlinux = Btf.from_bytes(blob)
        modules = {name: Btf.from_bytes(part, vmlinux) for name, part in parts.items()}
        result = minimize(vmlinux, [made_object(name) for name in chosen], list(modules.values()))
        kept = {name: found.to_bytes() for name, module in modules.items() if (found := result.module(module))}
        files = {name + ".bpf.o": object_bytes(name) for name in chosen}
        cut = result.btf.to_bytes()
        assert changed(files, blob, cut, parts or None, kept if parts else None) == []
        if not parts:
            assert [
                e for e in oracle_relocate(files, [blob, cut]) if e["ev"] == "compare" and not e["equal_noid"]
            ] == []


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_all_real_objects_at_once(kernel):
    """libbpf's instructions are the same, word for word; the file is smaller than bpftool's."""
    require_peer("btf-oracle")
    files = {name: corpus.object_bytes(name) for name in corpus.objects()}
    path = corpus.kernel_path(kernel)
    cut = minimize(Btf.from_bytes(corpus.kernel_btf(kernel)), list(corpus_objects().values())).btf.to_bytes()
    events = oracle_relocate(files, [path, cut])
    compared = [event for event in events if event["ev"] == "compare"]
    assert len(compared) == len(files)
    assert [event["obj"] for event in compared if not event["equal_noid"]] == []
    theirs = bpftool_min(path, list(files.values()))
    assert len(cut) <= len(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", corpus.kernels() or ["none"])
def test_each_real_object(kernel):
    """Likewise; where the answers hang on the size of a pointer, the INT that tells it may make the difference to bpftool."""
    require_peer("btf-oracle")
    vmlinux = Btf.from_bytes(corpus.kernel_btf(kernel))
    path = corpus.kernel_path(kernel)
    wrong, larger = [], []
    objects = corpus_objects()
    for name in corpus.some(objects, kernel):
        obj = objects[name]
        if not obj.relocations:
            continue
        data = {name: corpus.object_bytes(name)}
        result = minimize(vmlinux, [obj])
        cut = result.btf.to_bytes()
        wrong += [e["obj"] for e in oracle_relocate(data, [path, cut]) if e["ev"] == "compare" and not e["equal_noid"]]
        theirs = bpftool_min(path, data.values())
        reads_pointers = any(m.witness.pointer_size for outcome in result.outcomes[0] for m in outcome.matches)
        if len(cut) > len(theirs) + (POINTER_SIZE if reads_pointers else 0):
            larger.append((name, len(cut), len(theirs)))
    assert (wrong, larger) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.12.107+deb13-amd64"])
def test_real_modules(kernel):
    """The function that these programs call is none of CO-RE's: libbpf looks for it first, and it has to be kept by name."""
    require_peer("btf-oracle")
    parts = corpus.modules(kernel)
    blob = corpus.kernel_btf(kernel)
    vmlinux = Btf.from_bytes(blob)
    modules = {name: Btf.from_bytes(part, vmlinux) for name, part in parts.items()}
    chosen = {name: obj for name, obj in corpus_objects().items() if name.startswith("xdp-forward")}
    kfuncs = ["bpf_xdp_flow_lookup"]
    result = minimize(vmlinux, list(chosen.values()), list(modules.values()), keep_funcs=kfuncs)
    kept = {name: found.to_bytes() for name, module in modules.items() if (found := result.module(module))}
    assert 0 < len(kept) < 50
    files = {name: corpus.object_bytes(name) for name in chosen}
    digests = [
        [(e["obj"], e["prog"], e["sha256_noid"]) for e in oracle_relocate(files, [btf], with_) if e["ev"] == "prog"]
        for btf, with_ in ((blob, parts), (result.btf.to_bytes(), kept))
    ]
    assert digests[0] == digests[1]
    assert digests[0]


@pytest.mark.parametrize(("start", "module_count"), [(5000, 0), (6000, 2)])
def test_random_programs_on_random_kernels(start, module_count):
    require_peer("btf-oracle")
    found = []
    for seed in range(start, start + 40):
        made = scene(Choose(random.Random(seed)), module_count=module_count, order="little")
        if any(duplicates(btf) for btf in (made.vmlinux, *made.modules)):
            continue  # libbpf's offsets may be wrong there, and less so where less is left to go wrong
        files = {f"{number}.bpf.o": program.elf() for number, program in enumerate(made.programs)}
        result = minimize(made.vmlinux, made.objects, made.modules)
        whole = {f"m{number}": module.to_bytes() for number, module in enumerate(made.modules)}
        kept = [(f"m{number}", result.module(module)) for number, module in enumerate(made.modules)]
        cut = {name: btf.to_bytes() for name, btf in kept if btf}
        for alone in ("all", "never"):
            before = bounded(files, [made.vmlinux.to_bytes()], whole or None, alone=alone)
            after = bounded(files, [result.btf.to_bytes()], cut if whole else None, alone=alone)
            if before is None or after is None:
                continue
            for name in files:
                pairs = list(zip(before[name, 0], after[name, 0], strict=True))
                if any(a["kind"] == k.TYPE_ID_TARGET and "ambig" in a["outcome"] + b["outcome"] for a, b in pairs):
                    continue  # ids of two modules may or may not be the same number, before and after
                found += [(seed, alone, name, told(a), told(b)) for a, b in pairs if told(a) != told(b)]
    assert found == []
