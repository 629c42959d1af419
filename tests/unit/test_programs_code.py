"""Instructions, linked programs, and a kernel's answers put into them."""

from __future__ import annotations

import os

import pytest
from cases import HERE, manifest, target_bytes
from hypothesis import given
from hypothesis import strategies as st

from btfkit.btf.btf import Btf
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.programs import insns as i
from btfkit.programs.code import load_code
from btfkit.programs.patch import POISON, patch_program

GUARDS = os.path.join(HERE, "guards", "guards.el.bpf.o")


@given(st.binary(max_size=200), st.sampled_from(("little", "big")))
def test_instructions_survive_decoding(data, order):
    whole = data[: len(data) // 8 * 8]
    assert i.encode(i.decode(data, order), order) == whole


@pytest.mark.parametrize(
    ("insn", "reads", "writes"),
    [
        ((i.ALU64 | i.MOV, 1, 0, 0, 5), 0, 0b10),
        ((i.ALU64 | i.MOV | i.X, 1, 2, 0, 0), 0b100, 0b10),
        ((i.ALU | i.ADD | i.X, 1, 2, 0, 0), 0b110, 0b10),
        ((i.LDX | i.MEM | 0x18, 3, 4, 8, 0), 0b10000, 0b1000),
        ((i.STX | i.MEM | 0x18, 3, 4, 8, 0), 0b11000, 0),
        ((i.ST | i.MEM, 3, 0, 8, 1), 0b1000, 0),
        ((i.STX | i.ATOMIC, 3, 4, 8, i.ADD | i.FETCH), 0b11000, 0b10000),
        ((i.STX | i.ATOMIC, 3, 4, 8, i.CMPXCHG), 0b11001, 1),
        ((i.STX | i.ATOMIC, 3, 4, 8, i.LOAD_ACQ), 0b10000, 0b1000),
        ((i.JMP | i.CALL, 0, 0, 0, 5), 0b111110, 0b111111),
        ((i.JMP | i.EXIT, 0, 0, 0, 0), 1, 0),
        ((i.JMP | i.JEQ | i.X, 1, 2, 3, 0), 0b110, 0),
        ((i.JMP | i.JA, 0, 0, 3, 0), 0, 0),
        ((i.LDIMM64, 7, 1, 0, 0), 0, 1 << 7),
    ],
)
def test_what_instructions_read_and_write(insn, reads, writes):
    assert i.uses_and_defines(insn) == (reads, writes)


def test_where_jumps_lead():
    insns = [
        (i.JMP | i.JEQ, 1, 0, 2, 0),
        (i.JMP32 | i.JA, 0, 0, 0, 2),  # gotol counts in its immediate
        (i.LDIMM64, 1, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (i.JMP | i.EXIT, 0, 0, 0, 0),
        (i.JMP | i.CALL, 0, 0, 0, 5),
    ]
    assert [i.successors(insns, at) for at in (0, 1, 2, 4, 5)] == [(1, 3), (4,), (4,), (), (6,)]


@pytest.mark.parametrize("order", ["el", "eb"])
def test_programs_and_sub_programs(order):
    (code,) = load_code(os.path.join(HERE, "obj", f"insns.{order}.bpf.o"))
    by_name = {program.name: program for program in code.programs}
    assert by_name["optional"].optional
    assert by_name["optional"].attach == "xdp"
    assert "sub_program" not in by_name
    linked = code.link(by_name["with_call"])
    assert [function.name for _, function in linked.functions] == ["with_call", "sub_program"]
    start = linked.functions[1][0]
    assert set(linked.targets.values()) == {start}
    assert len(linked.targets) == 2
    names = {code.object.expression(code.object.relocations[n]) for n in linked.relocations.values()}
    assert "((struct regs *)0)->deep.a" in names


def test_source_lines():
    (code,) = load_code(GUARDS)
    program = next(p for p in code.programs if p.name == "bad_plain")
    number = next(iter(code.link(program).relocations.values()))
    relocation = code.object.relocations[number]
    line = code.line(relocation.section, relocation.insn_off)
    assert line.file.endswith("guards.bpf.c")
    assert "return READ" in line.source
    assert line.line > 0
    assert code.line(".nowhere", 0) is None


def test_linkage_externs_and_variables():
    (code,) = load_code(GUARDS)
    functions = {function.name: function for function in code.functions}
    assert functions["global_reads"].is_global
    assert not functions["reads"].is_global
    assert code.externs["btfkit_no_such_kfunc"].weak
    assert code.externs["btfkit_no_such_kfunc"].section == ".ksyms"
    assert code.externs["LINUX_KERNEL_VERSION"].section == ".kconfig"
    variables = {variable.name: variable for variable in code.variables}
    assert variables["user_flag"].volatile
    assert variables["user_flag"].offset != variables["user_flag_on"].offset
    callback = code.link(next(p for p in code.programs if p.name == "bad_callback"))
    assert [function.name for _, function in callback.functions] == ["bad_callback", "callback_reads"]


def patched(order, name, program, target="a.x86_64"):
    (code,) = load_code(os.path.join(HERE, "obj", f"{name}.{order}.bpf.o"))
    blob, _ = target_bytes(target)
    (outcomes,) = relocate([code.object], Target(Btf.from_bytes(blob)))
    linked = code.link(next(p for p in code.programs if p.name == program))
    return code, linked, patch_program(code, linked, outcomes)


def test_an_offset_without_room_is_refused():
    _, linked, done = patched("el", "insns", "far_read")
    assert list(done.rejections.values()) == [done.rejections[next(iter(linked.relocations.values()))]]
    assert "32767" in next(iter(done.rejections.values()))
    _, _, done = patched("el", "insns", "far_off")
    assert not done.rejections


def test_loads_are_resized():
    _, linked, done = patched("el", "insns", "ldx_ul", "a.i386")
    slot = next(iter(linked.relocations))
    assert i.BYTES[linked.insns[slot][0] & i.SIZE_MASK] == 8
    assert i.BYTES[done.insns[slot][0] & i.SIZE_MASK] == 4
    assert not done.poisoned


def test_poison_takes_both_halves_of_a_wide_load():
    (code,) = load_code(GUARDS)
    program = next(p for p in code.programs if p.name == "bad_enum_value")
    linked = code.link(program)
    empty = Btf.from_bytes(target_bytes("a.x86_64")[0])
    (outcomes,) = relocate([code.object], Target(empty))
    done = patch_program(code, linked, outcomes)
    (slot,) = done.poisoned
    assert [insn[4] for insn in done.insns[slot : slot + 2]] == [POISON, POISON]


def test_an_instruction_that_was_changed_is_refused():
    (code,) = load_code(os.path.join(HERE, "obj", "insns.el.bpf.o"))
    program = next(p for p in code.programs if p.name == "alu")
    linked = code.link(program)
    (outcomes,) = relocate([code.object], Target(Btf.from_bytes(target_bytes("a.x86_64")[0])))
    slot = next(iter(linked.relocations))
    linked.insns[slot] = (*linked.insns[slot][:4], linked.insns[slot][4] + 1)
    assert "changed or is damaged" in next(iter(patch_program(code, linked, outcomes).rejections.values()))


@pytest.mark.parametrize("name", sorted(manifest()["objects"]))
def test_every_object_links(name):
    (code,) = load_code(os.path.join(HERE, manifest()["objects"][name]["file"]))
    placed = {number for program in code.programs for number in code.link(program).relocations.values()}
    assert placed == {n for n, owner in enumerate(code.owners) if owner is not None}
