"""The rules of cilium/ebpf and aya against the real libraries: real objects on real kernels, and those of tests/bpf.

`REJECTED` lists the objects that a library rejects before it looks at a kernel; docs/differences.md says it to users.
"""

from __future__ import annotations

import functools
import os
import struct
from pathlib import Path

import pytest
from cases import HERE, manifest, target_bytes
from loader_answers import Answer, aya_answers, aya_errors, cilium_answers
from test_relocations import corpus_objects

import corpus
from btfkit import minimize
from btfkit.btf.btf import Btf
from btfkit.co_re import kinds as k
from btfkit.co_re.loaders import AYA, CILIUM, LOADERS
from btfkit.co_re.program import load_objects
from btfkit.co_re.relocate import program_outcomes, relocate
from btfkit.co_re.target import Target
from btfkit.files.elf import SHT_PROGBITS, SHT_SYMTAB
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from peer_tools import require_peer

OBJECTS = manifest()["objects"]
VERDICTS = os.path.join(HERE, "verdicts")
REJECTED = {
    ("cilium", "javagc-libbpf.bpf.o"): 'map "__bpf_usdt_ip_to_spec_id": unsupported binding: STB_WEAK',
    ("aya", "javagc-libbpf.bpf.o"): "invalid program section `usdt`",
    ("aya", "insns.el.bpf.o"): "invalid program section `?xdp`",
}
LITTLE = [name for name in corpus.some_kernels() if corpus.kernel_arch(name) != "s390x"]


def is_rejected(library, name, error):
    """Whether a library rejects an object for the reason that is listed."""
    return bool(error) and (library, name) in REJECTED and REJECTED[library, name] in error


def said(outcome):
    """(status, value) in the words of the judges."""
    if outcome.status in ("error", "ambiguous"):
        return "error", None
    return outcome.status, outcome.value


def in_insn(kind, value):
    """A value as an instruction has it: 64 bits of enumerators, 32 of all else."""
    return value if value is None or kind == k.ENUMVAL_VALUE else value & 0xFFFFFFFF


def same(relocation, outcome, answer):
    status, value = said(outcome)
    kind = relocation.kind
    return (status, in_insn(kind, value)) == (answer.status, in_insn(kind, answer.value))


def cilium_differences(objects, data, vmlinux, modules, target):
    """(number of answers, differences as text)."""
    theirs, errors = cilium_answers(data, vmlinux, modules)
    found = [f"{name}: {text}" for name, text in errors.items() if not is_rejected("cilium", name, text)]
    mine = dict(zip(objects, relocate(list(objects.values()), target, loader=CILIUM), strict=True))
    total = 0
    for (name, program), answers in theirs.items():
        obj, numbers = objects[name], {}
        for number, relocation in enumerate(obj.relocations):
            function, start = obj.function_at(relocation.section, relocation.insn_off)
            numbers[name, function, (relocation.insn_off - start) // 8] = number
        others = program_outcomes(obj, mine[name], target, CILIUM).get(program, {})
        rejected = [
            others.get(numbers[key], mine[name][numbers[key]]) for key, answer in answers.items() if answer.error
        ]
        if rejected and all(said(outcome)[0] != "error" for outcome in rejected):
            found.append(f"{name}, {program}: rejected by cilium alone")
        for key, answer in answers.items():
            number = numbers[key]
            outcome = others.get(number, mine[name][number])
            relocation = obj.relocations[number]
            if relocation.kind == k.TYPE_ID_LOCAL:
                continue
            total += 1
            outcome = (outcome.alone or outcome) if answer.error else outcome
            if not same(relocation, outcome, answer):
                found.append(f"{key} of {program}: {obj.expression(relocation)}: {outcome}, cilium: {answer}")
    return total, found


def aya_differences(objects, data, vmlinux, target):
    """(number of answers, differences as text)."""
    theirs = aya_answers(data, vmlinux)
    mine = relocate(list(objects.values()), target, loader=AYA)
    total, found = 0, []
    for (name, obj), outcomes in zip(objects.items(), mine, strict=True):
        for relocation, outcome, answer in zip(obj.relocations, outcomes, theirs[name], strict=True):
            if is_rejected("aya", name, answer.error):
                continue
            total += 1
            if (
                outcome.load_size == -1 and " has size " in answer.error
            ):  # of a load or store; the engine sees no instructions
                answer = Answer(outcome.status, outcome.value)
            if not same(relocation, outcome, answer):
                found.append(f"{name}: {obj.expression(relocation)}: {outcome}, aya: {answer}")
    return total, found


@functools.cache
def corpus_data():
    return {name: corpus.object_bytes(name) for name in corpus_objects()}


@pytest.mark.parametrize("kernel", LITTLE or ["none"])
def test_cilium_on_real_kernels(kernel):
    require_peer("cilium-answers")
    target = Target(Btf.from_bytes(corpus.kernel_btf(kernel)))
    total, found = cilium_differences(corpus_objects(), corpus_data(), corpus.kernel_path(kernel), None, target)
    assert found == []
    assert total > 500


@pytest.mark.parametrize("kernel", LITTLE or ["none"])
def test_aya_on_real_kernels(kernel):
    require_peer("aya-answers")
    target = Target(Btf.from_bytes(corpus.kernel_btf(kernel)))
    total, found = aya_differences(corpus_objects(), corpus_data(), corpus.kernel_path(kernel), target)
    assert found == []
    assert total > 500


def made(name, where):
    """(objects, data, bytes of vmlinux and of modules, target) of an object of tests/bpf, None for another byte order."""
    path = os.path.join(HERE, OBJECTS[name]["file"])
    objects = {name + ".bpf.o": load_objects(path)[0]}
    blob, modules = target_bytes(where)
    vmlinux = Btf.from_bytes(blob)
    if vmlinux.byte_order != "little" or objects[name + ".bpf.o"].btf.byte_order != "little":
        return None
    with open(path, "rb") as file:
        data = {name + ".bpf.o": file.read()}
    return objects, data, blob, modules, Target(vmlinux, [Btf.from_bytes(each, vmlinux) for each in modules.values()])


PAIRS = [(name, where) for name, entry in OBJECTS.items() if name.endswith(".el") for where in entry["targets"]]


@pytest.mark.parametrize(("name", "where"), PAIRS)
def test_cilium_on_made_kernels(name, where):
    require_peer("cilium-answers")
    case = made(name, where)
    if case is not None:
        total, found = cilium_differences(*case)
        assert found == []
        assert total


@pytest.mark.parametrize(("name", "where"), PAIRS)
def test_aya_on_made_kernels(name, where):
    require_peer("aya-answers")
    case = made(name, where)
    if case is not None:
        objects, data, blob, _, target = case
        total, found = aya_differences(objects, data, blob, target)
        assert found == []
        assert total or ("aya", name + ".bpf.o") in REJECTED


@pytest.mark.parametrize(("name", "where"), PAIRS)
def test_cilium_reads_the_same_from_minimized_btf(name, where):
    """The real library on what `min` writes by default, with modules, gives the answers that it gives on the whole."""
    require_peer("cilium-answers")
    case = made(name, where)
    if case is None:
        return
    objects, data, blob, modules, target = case
    small = minimize(target.vmlinux, list(objects.values()), target.modules)
    kept = {each: small.module(btf) for each, btf in zip(modules, target.modules, strict=True)}
    before, _ = cilium_answers(data, blob, modules)
    after, _ = cilium_answers(
        data, small.btf.to_bytes(), {each: btf.to_bytes() for each, btf in kept.items() if btf is not None}
    )
    (obj,) = objects.values()
    ids = {
        (function, (relocation.insn_off - start) // 8)
        for relocation in obj.relocations
        if relocation.kind in (k.TYPE_ID_LOCAL, k.TYPE_ID_TARGET)
        for function, start in [obj.function_at(relocation.section, relocation.insn_off)]
    }

    def shown(answers):
        return {
            (program, key): (answer.status, None if key[1:] in ids else answer.value, bool(answer.error))
            for program, rows in answers.items()
            for key, answer in rows.items()
        }

    assert shown(after) == shown(before)


def test_objects_that_aya_rejects():
    """For a section that it does not know."""
    require_peer("aya-answers")
    names = [name for name in sorted(os.listdir(VERDICTS)) if name.endswith(".bpf.o")]
    vmlinux, _ = target_bytes("a.x86_64")
    objects = {name: Path(VERDICTS, name).read_bytes() for name in names}
    target = Target(Btf.from_bytes(vmlinux))
    rejected = set()
    for name, error in aya_errors(objects, vmlinux).items():
        checks = Checks(load_code(os.path.join(VERDICTS, name)), None, AYA)
        details = [finding.detail for verdict in checks.verdicts(target) for finding in verdict.findings]
        unknown = any("it has no program type for section" in detail for detail in details)
        assert unknown == ("invalid program section" in error), (name, error)
        rejected.add(unknown)
    assert rejected == {True, False}


FAULTS = {  # objects that libbpf rejects on any kernel, and what is said by the libraries that do, too
    "static.bpf.o": {},
    "no_section.bpf.o": {},
    "flags.bpf.o": {},
    "struct_ops.bpf.o": {"cilium": "got '.struct_ops' section: not supported"},
}


def faults(path, loader):
    """What is wrong with an object by the rules of a loader, on any kernel."""
    (verdict, *_) = Checks(load_code(path), None, loader).verdicts(Target(Btf.from_bytes(target_bytes("a.x86_64")[0])))
    return [finding.detail for finding in verdict.findings if finding.whole and finding.reason == "bad-object"]


@pytest.mark.parametrize("name", FAULTS)
def test_objects_that_not_all_reject(name):
    require_peer("cilium-answers")
    require_peer("aya-answers")
    path = os.path.join(VERDICTS, name)
    data, vmlinux = {name: Path(path).read_bytes()}, target_bytes("a.x86_64")[0]
    _, errors = cilium_answers(data, vmlinux)
    said = errors.get(name, "")
    assert FAULTS[name].get("cilium", "") in said
    assert bool(said) == ("cilium" in FAULTS[name]) == bool(faults(path, CILIUM))
    if name != "struct_ops.bpf.o":  # aya has no program type for its sections
        assert not aya_errors(data, vmlinux)[name]
    assert not faults(path, AYA)


def without_symbols(data):
    """An ELF file (64 bits, little-endian) whose symbol table is not one."""
    data = bytearray(data)
    start, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    for at in range(start, start + size * count, size):
        if struct.unpack_from("<I", data, at + 4)[0] == SHT_SYMTAB:
            struct.pack_into("<I", data, at + 4, SHT_PROGBITS)
    return bytes(data)


def test_an_object_without_symbols_is_rejected_by_all(tmp_path):
    require_peer("cilium-answers")
    require_peer("aya-answers")
    path = tmp_path / "stripped.bpf.o"
    path.write_bytes(without_symbols(Path(VERDICTS, "static.bpf.o").read_bytes()))
    data, vmlinux = {path.name: path.read_bytes()}, target_bytes("a.x86_64")[0]
    assert "no symbol section" in cilium_answers(data, vmlinux)[1][path.name]
    assert "no symbols found in the " in aya_errors(data, vmlinux)[path.name]
    for loader in LOADERS.values():
        assert any("no symbol table" in detail for detail in faults(str(path), loader))
