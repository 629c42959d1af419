"""What is put into instructions against libbpf, and what is reached against the verifier of the kernel of this machine."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections import Counter

import pytest
from cases import HERE, manifest, target_bytes

import corpus
from btfkit import load
from btfkit.btf.btf import Btf
from btfkit.co_re import kinds as k
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.files.container import read_objects
from btfkit.programs import insns as i
from btfkit.programs.checks import Checks
from btfkit.programs.code import Function, Linked, load_code, read_code
from btfkit.programs.constants import version_range
from btfkit.programs.patch import POISON, patch_program
from btfkit.programs.reach import Flow, Walk
from btfkit.programs.verdict import BREAKS
from btfkit.programs.verifier import verifier_of
from needs import lacks
from peer_tools import bench, oracle_relocate, require_peer, without_libbpf
from random_programs import RandomProgram

GUARDS = os.path.join(HERE, "guards", "guards.el.bpf.o")
VMLINUX = "/sys/kernel/btf/vmlinux"


def differences(code, program, outcomes, theirs, order):
    """The instructions that differ; what refers to maps, functions and externs is the kernel's own affair."""
    linked = code.link(program)
    done = patch_program(code, linked, outcomes)
    if done.rejections:
        return [done.rejections]
    mine = done.insns
    if len(theirs) != len(mine):
        return [f"{len(mine)} slots, libbpf has {len(theirs)}"]
    found = []
    for slot, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        second = slot and (slot - 1) in linked.references and mine[slot - 1][0] == i.LDIMM64
        if slot in linked.references or second:
            continue
        if slot in linked.targets:
            a = (*a[:4], linked.targets[slot] - slot - 1)
        number = linked.relocations.get(slot)
        shift = number is not None and code.object.relocations[number].kind == k.LSHIFT and order == "big"
        if a != b and not shift:  # libbpf shifts for the byte order of the machine that it runs on
            found.append((slot, a, b))
    return found


def compare(codes, vmlinux):
    """What differs from libbpf on one BTF, and how many programs were compared."""
    # libbpf narrows candidates down from one relocation to the next, so an object that it refuses is none to compare with
    names = {f"{number:03}.bpf.o": code for number, code in enumerate(codes)}
    data = {name: bytes(code.elf_bytes) for name, code in names.items()}
    programs = {}
    for event in oracle_relocate(data, [vmlinux.to_bytes()], options=["--hex"]):
        if event["ev"] == "prog":
            programs[os.path.basename(event["obj"]), event["prog"]] = bytes.fromhex(event["hex"])
    outcomes = relocate([code.object for code in codes], Target(vmlinux))
    wrong, count = [], 0
    for (name, code), answers in zip(names.items(), outcomes, strict=True):
        for program in code.programs:
            if (name, program.name) not in programs:
                continue
            count += 1
            theirs = i.decode(programs[name, program.name], code.order)
            found = differences(code, program, answers, theirs, vmlinux.byte_order)
            wrong += [(code.name, program.name, *found[:3])] if found else []
    return wrong, count


def with_bytes(path):
    """The code of the objects in a file; `elf_bytes` are the object's own."""
    codes = []
    for found in read_objects(path):
        code = read_code(found)
        code.elf_bytes = found.elf.view
        codes.append(code)
    return codes


def test_instructions_of_small_objects():
    require_peer("btf-oracle")
    for name, entry in manifest()["objects"].items():
        if not name.endswith(".el") or name in ("dups.el", "ambiguous.el"):
            continue  # there libbpf's answers depend on the order of relocations: docs/differences.md
        codes = with_bytes(os.path.join(HERE, entry["file"]))
        for target in entry["targets"]:
            blob, modules = target_bytes(target)
            if not modules:
                wrong, _ = compare(codes, Btf.from_bytes(blob))
                assert not wrong, (name, target)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", corpus.kernels() or ["none"])
def test_instructions_of_the_corpus(kernel):
    require_peer("btf-oracle")
    codes = [code for path in corpus.objects().values() for code in with_bytes(path)]
    wrong, count = compare(codes, load(corpus.kernel_path(kernel)))
    assert count > 400
    assert not wrong


# ---- the verifier ------------------------------------------------------------------------------------------------


@functools.cache
def judge():
    """What the kernel of this machine says to each program of the objects in `paths`, with answers from `btf` ("-": its own)."""
    require_peer("gcc")
    if os.geteuid() != 0 or not os.path.exists(VMLINUX):
        lacks("load", "to load programs")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load_programs.c")

    def ask(paths, btf=None):
        with bench("gcc") as b:
            binary = b.path("load_programs")
            built = b.run(["-O2", b.put("load_programs.c", source), "-o", binary, "-lbpf"])
            without_libbpf(built)
            names = [b.put(f"{number:03}/{os.path.basename(path)}", path) for number, path in enumerate(paths)]
            kernel = b.put("kernel.btf", btf) if btf is not None else "-"
            enter = ["chroot", b.tool.root] if b.tool.root else []
            done = subprocess.run([*enter, binary, kernel, *names], capture_output=True, text=True, timeout=600)
            lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            return {(names.index(line["object"]), line["program"]): line for line in lines}

    return ask


def test_guards_as_the_kernel_sees_them():
    """The names of the programs say what should be, the kernel says what is, and btfkit has to say the same."""
    said = judge()([GUARDS])
    checks = Checks(load_code(GUARDS))
    verdicts = checks.verdicts(Target(load(VMLINUX)), version_range(os.uname().release))
    for check, verdict in zip(checks.programs, verdicts, strict=True):
        loads = said[0, check.name]["error"] == 0
        assert loads == (not check.name.startswith("bad_")), (check.name, said[0, check.name]["last"])
        assert (verdict.status == BREAKS) == (not check.name.startswith("ok_")), check.name
        if check.name.startswith("open_"):
            assert [f.unless for f in verdict.findings if f.effect == BREAKS] == ["user_flag = 0"]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [name for name in corpus.kernels() if "s390x" not in name] or ["none"])
def test_real_programs_as_the_kernel_sees_them(kernel):
    """Programs as shipped with the answers of other kernels: none that is called guarded may meet a read without an answer."""
    objects = corpus.objects()
    paths = [objects[name] for name in corpus.some(objects, kernel)]
    said = judge()(paths, corpus.kernel_path(kernel))
    checks = Checks([code for path in paths for code in load_code(path)])
    verdicts = checks.verdicts(Target(load(corpus.kernel_path(kernel))), version_range(kernel))
    places = [(number, program.name) for number, code in enumerate(checks.codes) for program in code.programs]
    tally = Counter()
    for place, verdict in zip(places, verdicts, strict=True):
        reads = [f for f in verdict.findings if f.effect == BREAKS and f.relocation >= 0]
        if said[place]["poison"]:
            assert reads, place
        if said[place]["error"] == 0:
            assert not reads, place
        tally[bool(reads), said[place]["poison"], said[place]["error"] == 0] += 1
    assert tally[False, 0, True] > 1.5 * len(paths)


# ---- random programs -----------------------------------------------------------------------------------------------


def kernel_log(code):
    """What the verifier says to a program, "" where it takes it."""
    import ctypes
    from struct import pack

    from btfkit.files.running_kernel import SYSCALLS

    number = SYSCALLS.get(os.uname().machine)
    if number is None or os.geteuid() != 0:
        lacks("load", "to load programs")
    libc = ctypes.CDLL(None, use_errno=True)
    insns, license, log = (
        ctypes.create_string_buffer(data, size) for data, size in ((code, len(code)), (b"GPL", 4), (b"", 1 << 16))
    )
    places = (ctypes.addressof(insns), ctypes.addressof(license), 1, len(log), ctypes.addressof(log))
    attr = pack("=IIQQIIQ", 17, len(code) // 8, *places) + bytes(100)  # a raw tracepoint's
    handle = libc.syscall(ctypes.c_long(number), 5, ctypes.c_char_p(attr), len(attr))
    if handle >= 0:
        os.close(handle)
        return ""
    text = log.value.decode(errors="replace")
    if not text:
        lacks("load", "to load programs")
    return text


def reached_here(program, verifier):
    """Whether btfkit says that the missing read is reached."""
    linked = Linked(Function("prog", "raw_tp", 0, program.insns[: program.start]))
    linked.add(linked.program)
    if len(program.insns) > program.start:
        linked.add(Function("sub", ".text", 0, program.insns[program.start :]))
    linked.targets = program.targets
    walk = Walk(Flow(linked), linked.insns, {program.mark: True}, verifier, lambda *_: None, lambda _: None)
    return bool(walk.run())


def test_random_programs_against_the_verifier():
    """What is not reached by btfkit is not reached by the kernel; the other way round it is rarely so."""
    if not os.path.exists(VMLINUX):
        lacks("load", "to load programs")
    verifier = verifier_of(Target(load(VMLINUX)))
    tally = Counter()
    for seed in range(int(os.environ.get("BTFKIT_RANDOM_PROGRAMS", "600"))):
        program = RandomProgram(seed)
        log = kernel_log(program.poisoned)
        if log and str(POISON) not in log:
            continue  # refused for another reason
        mine = reached_here(program, verifier)
        assert mine or not log, f"seed {seed}: reached by the verifier only"
        tally[mine, bool(log)] += 1
    assert tally[True, True] > 100
    assert tally[False, False] > 50
    assert tally[True, False] <= 0.05 * sum(tally.values())
