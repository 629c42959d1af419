"""The engine against its judges: the C compiler's answers in tests/bpf, libbpf on real kernels, on modules and on random ones.

`KNOWN` lists every way in which btfkit differs, with the reason; docs/differences.md says it to users.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import subprocess

import pytest
from cases import HERE, cases, manifest, target_bytes
from libbpf_answers import answers

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.program import load_objects
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from needs import lacks
from objects import Choose, Program, scene
from peer_tools import ToolError, require_peer

MASK = (1 << 64) - 1
TARGETS = manifest()["targets"]
OBJECTS = manifest()["objects"]

KNOWN = {
    "exists_float_t_": "FLOATs are compatible to nothing in libbpf; the program gets 0, and that is what is told",
    "exists_double_t_": "likewise",
    "size_float_t_": "likewise",
    "size_double_t_": "likewise",
    "far_read": "the offset is right, but the instruction has no room: libbpf refuses; the engine sees no instructions",
    "signed_w40": "no load of 8 bytes covers the bitfield: libbpf refuses all five relocations, also those that need no load",
    "rshift_w40": "likewise",
}


@functools.cache
def target(name):
    blob, modules = target_bytes(name)
    vmlinux = Btf.from_bytes(blob)
    return Target(vmlinux, [Btf.from_bytes(module, vmlinux) for module in modules.values()])


def said(outcome):
    """(outcome, value) in the words of the judges: what is not found and not poisoned is the value 0."""
    if outcome.status == "missing" and outcome.value == 0:
        return "value", 0
    return outcome.status, None if outcome.value is None else outcome.value & MASK


@pytest.mark.parametrize(
    ("name", "where"), [(name, where) for name, entry in OBJECTS.items() for where in entry["targets"]]
)
def test_what_the_compiler_says(name, where):
    (obj,) = load_objects(os.path.join(HERE, OBJECTS[name]["file"]))
    (outcomes,) = relocate([obj], target(where))
    wrong = []
    for case in cases(name, where):
        outcome, expected = outcomes[case.number].alone or outcomes[case.number], case.expected
        wanted = (expected.outcome, None if expected.value is None else expected.value & MASK)
        if said(outcome) != wanted and not (
            case.function in KNOWN and (expected.libbpf or case.function == "far_read")
        ):
            wrong.append((case.function, said(outcome), wanted, outcome.detail))
        if expected.unfit and outcome.load_size != -1:
            wrong.append((case.function, "load fits", outcome.load_size, expected))
        if expected.mem_size and outcome.load_size != expected.mem_size[1]:
            wrong.append((case.function, "size of the load", outcome.load_size, expected))
    assert wrong == []


# ---- libbpf ----------------------------------------------------------------------------------------------------------


def differs(answer, outcome):
    """Why an outcome is not libbpf's answer, or None."""
    status, value = said(outcome)
    if answer["doubt"]:
        return None
    if status != answer["outcome"]:
        return f"{status}, libbpf: {answer['outcome']} ({answer['reason'][-200:]})"
    if status == "value" and answer["value"] is not None and value != answer["value"] & MASK:
        return f"{value}, libbpf: {answer['value']}"
    if status != "error" and answer["kind"] != k.TYPE_ID_LOCAL:
        theirs = [candidate["id"] for candidate in answer["candidates"] if candidate["match"]]
        if theirs and theirs != [match.type_id for match in outcome.matches]:
            return f"candidates {[match.type_id for match in outcome.matches]}, libbpf: {theirs}"
    if answer["bad_mem_size"] and outcome.load_size != -1:
        return f"a load of {outcome.load_size}, libbpf cannot adjust it"
    if answer["mem_size"] and outcome.load_size != answer["mem_size"][1]:
        return f"a load of {outcome.load_size}, libbpf: {answer['mem_size']}"
    return None


def differs_alone_and_in_object(answer, outcome):
    """Why an outcome is not libbpf's answer to the relocation alone, or after those before it in its object; or None."""
    whole = answer["in_object"]
    return differs(answer, outcome.alone or outcome) or (
        whole and differs({**whole, "doubt": answer["doubt"]}, outcome)
    )


def compare(objects, theirs, mine):
    """Differences between libbpf's answers and outcomes, as text; `objects` are BpfObjects by file name."""
    found = []
    for (name, obj), outcomes in zip(objects.items(), mine, strict=True):
        for relocation, answer, outcome in zip(obj.relocations, theirs[name, 0], outcomes, strict=True):
            if why := differs_alone_and_in_object(answer, outcome):
                found.append(f"{name} #{answer['number']} {answer['kind_name']} {obj.expression(relocation)}: {why}")
    return found


@functools.cache
def corpus_objects():
    return {name: load_objects(path)[0] for name, path in corpus.objects().items()}


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_real_objects_on_real_kernels(kernel):
    require_peer("btf-oracle")
    objects = corpus_objects()
    theirs = answers({name: corpus.object_bytes(name) for name in objects}, [corpus.kernel_path(kernel)])
    mine = relocate(list(objects.values()), Target(Btf.from_bytes(corpus.kernel_btf(kernel))))
    found = compare(objects, theirs, mine)
    if (
        corpus.kernel_arch(kernel) == "s390x"
    ):  # little-endian programs on a big-endian kernel: the shifts are the kernel's
        found = [text for text in found if " lshift_u64 " not in text]
    assert found == []


def test_candidates_that_earlier_relocations_left():
    """Members of two structs s, in every order of three reads out of four: libbpf drops a type at the first that only one has."""
    require_peer("btf-oracle")
    kernel, files, objects = Builder(), {}, {}
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0), ("z", number, 32)])
    kernel.struct("s", 16, [("y", number, 64), ("z", number, 32)])
    for reads in itertools.permutations(
        [(k.BYTE_OFFSET, 0), (k.BYTE_OFFSET, 1), (k.FIELD_EXISTS, 0), (k.BYTE_SIZE, 2)], 3
    ):
        program = Program()
        number = program.types.int("int", 4)
        root = program.types.struct("s", 12, [(name, number, 32 * i) for i, name in enumerate("xyz")])
        for kind, member in reads:
            program.relo(kind, root, f"0:{member}")
        name = f"{len(files)}.bpf.o"
        files[name], objects[name] = program.elf(), program.build()
    theirs = answers(files, [kernel.to_bytes()], alone="all")
    assert sum(bool(row["in_object"]) for rows in theirs.values() for row in rows) == 3 * len(files)
    mine = relocate(list(objects.values()), Target(kernel.build()))
    assert sum(outcome.alone is not None for outcomes in mine for outcome in outcomes) > len(files) / 2
    assert compare(objects, theirs, mine) == []


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.12.107+deb13-amd64", "7.2.13+deb14-amd64"])
def test_real_modules(kernel):
    """Types that only modules have, or several of them; libbpf reads more than 4,000 of them for each question."""
    if kernel.startswith("7.") and not os.environ.get("BTFKIT_EXHAUSTIVE"):
        lacks("exhaustive")
    require_peer("btf-oracle")
    modules = corpus.modules(kernel)
    objects = {name: obj for name, obj in corpus_objects().items() if name.startswith("xdp-forward")}
    theirs = answers({name: corpus.object_bytes(name) for name in objects}, [corpus.kernel_path(kernel)], modules)
    vmlinux = Btf.from_bytes(corpus.kernel_btf(kernel))
    chains = [Btf.from_bytes(module, vmlinux) for module in modules.values()]
    mine = relocate(list(objects.values()), Target(vmlinux, chains))
    assert compare(objects, theirs, mine) == []
    assert any(len(outcome.matches) > 1 for outcomes in mine for outcome in outcomes)


def bounded(objects, btfs, modules=None, **options):
    """`answers`, or None where libbpf crashes (it divides by the size of a bitfield's type) or hangs."""
    try:
        return answers(objects, btfs, modules, **options)
    except (ToolError, subprocess.TimeoutExpired):
        return None


def duplicates(btf):
    """Whether any composite has two members of one name, or an anonymous one: libbpf then may carry an offset too much."""
    for type_ in btf.types():
        if type_.kind in (4, 5):
            names = [member.name for member in type_.members]
            if len(set(names)) != len(names) or "" in names:
                return True
    return False


@pytest.mark.parametrize(("start", "module_count"), [(1000, 0), (2000, 0), (3000, 1), (4000, 2)])
def test_random_programs_on_random_kernels(start, module_count):
    require_peer("btf-oracle")
    found = []
    for seed in range(start, start + (40 if module_count else 80)):
        order = "little" if module_count else None  # the oracle's kernel is of this machine's order
        made = scene(Choose(random.Random(seed)), module_count=module_count, order=order)
        files = {f"{number}.bpf.o": program.elf() for number, program in enumerate(made.programs)}
        modules = {f"m{number}": module.to_bytes() for number, module in enumerate(made.modules)}
        theirs = bounded(files, [made.vmlinux.to_bytes()], modules or None, alone="all")
        if theirs is None:
            continue
        objects = dict(zip(files, made.objects, strict=True))
        target = Target(made.vmlinux, made.modules)
        for (name, obj), outcomes in zip(objects.items(), relocate(list(objects.values()), target), strict=True):
            for relocation, answer, outcome in zip(obj.relocations, theirs[name, 0], outcomes, strict=True):
                why = differs_alone_and_in_object(answer, outcome)
                if why and not excused(relocation, answer, outcome, made):
                    found.append(f"seed {seed} {name} #{answer['number']} {obj.expression(relocation)}: {why}")
    assert found == []


def excused(relocation, answer, outcome, made):
    """The differences that random types bring out; each is libbpf's defect."""
    if outcome.status == "value" and relocation.kind == k.ENUMVAL_VALUE:  # unsigned values of 32 bits get a sign
        return outcome.value == (answer["value"] or 0) & 0xFFFFFFFF
    if outcome.status == "value" and k.KINDS[relocation.kind].group == k.FIELD:
        return any(duplicates(btf) for btf in (made.vmlinux, *made.modules))
    # two types of two modules have the same number: libbpf takes them for one
    return relocation.kind == k.TYPE_ID_TARGET and len({match.btf for match in outcome.matches}) > 1
