"""`btfkit relocs`: what it prints, its JSON, its exit status."""

from __future__ import annotations

import json

import pytest
from cli_inputs import fill, refused, run

from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.files.elf import EM_BPF, Elf
from objects import SECTION, Program
from small_modules import elf


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_answered(capsys):
    said = run(capsys, "relocs", "enums.bpf.o", "-b", "vmlinux")
    answered = f": {int(said.err.split()[0]):,} answered, 0 missing, 0 ambiguous"
    assert (said.status == 0) == (answered in said.err)


def test_lines(capsys):
    said = run(capsys, "relocs", "ambiguous.bpf.o", "-b", "vmlinux")
    assert said.status == 1
    lines = said.out.splitlines()
    assert lines[0] == "ambiguous.bpf.o:"
    cells = [cell.strip() for cell in lines[1].split("  ") if cell.strip()]
    assert cells == ["dup_b+0", "byte_off", "((struct dup *)0)->b", "missing: no struct dup on the target"]
    assert said.err == "8 relocations: 1 answered, 7 missing, 0 ambiguous\n"


def test_ambiguous(capsys):
    said = run(capsys, "relocs", "ambiguous.bpf.o", "--btf", "dup", "--missing")
    assert said.status == 1
    assert "ambiguous: 2 candidates disagree (type " in said.out
    assert (
        "field_exists    ((struct dup *)0)->b        ambiguous: 2 candidates disagree (type 3: bit 32, type 12: bit 64)"
        in said.out
    )


@pytest.mark.parametrize("words", [["-m", "mods"], ["-m", "mods/mod_one", "--modules", "mods/mod_two"]])
def test_modules(capsys, words):
    alone = run(capsys, "relocs", "module.bpf.o", "-b", "vmlinux")
    assert "13 relocations: 6 answered, 7 missing" in alone.err
    said = run(capsys, "relocs", *words, "module.bpf.o", "-b", "vmlinux")
    assert "0 missing" in said.err


def test_quiet(capsys):
    said = run(capsys, "relocs", "ambiguous.bpf.o", "-q", "-b", "vmlinux")
    assert said.err == ""
    assert said.out


def test_several_objects(capsys):
    said = run(capsys, "relocs", "fields.bpf.o", "-b", "vmlinux", "enums.bpf.o")
    assert [line for line in said.out.splitlines() if line[:1] != " "] == ["fields.bpf.o:", "enums.bpf.o:"]


def test_json(capsys):
    said = run(capsys, "relocs", "module.bpf.o", "ambiguous.bpf.o", "-b", "dup", "--json")
    assert said.status == 1
    assert said.err == ""
    report = json.loads(said.out)
    assert report["schema"] == 1
    assert report["target"] == "dup"
    assert report["counts"]["total"] == len(report["relocations"]) == 21
    always = {"object", "number", "section", "function", "insn_off", "kind", "access", "raw_access"}
    always |= {"local_type_id", "status", "value"}
    for row in report["relocations"]:
        assert always <= set(row)
        assert row["status"] in ("value", "missing", "ambiguous", "error")
        assert ("reason" in row) == ("detail" in row)
        assert row["status"] == "value" or row["reason"]
    ambiguous = [row for row in report["relocations"] if row["status"] == "ambiguous"]
    assert {"btf", "type_id", "value"} == set(ambiguous[0]["candidates"][0])
    few = json.loads(run(capsys, "relocs", "module.bpf.o", "-b", "vmlinux", "--json", "--missing").out)
    assert len(few["relocations"]) == 7
    assert few["counts"]["total"] == 13


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected OBJECT..., got no arguments"),
        (["fields.bpf.o"], "no target: use -b with the vmlinux to relocate against"),
        (["-b", "vmlinux"], "expected OBJECT..., got no arguments"),
    ],
)
def test_usage(capsys, words, said):
    assert said in refused(capsys, "relocs", *words, status=2)


def test_bad_targets(capsys):
    assert refused(capsys, "relocs", "fields.bpf.o", "-b", "none") == "btfkit: none: No such file or directory"
    assert "needs its base" in refused(capsys, "relocs", "fields.bpf.o", "-b", "mods/mod_one")


@pytest.mark.parametrize("option", ["-B", "--base", "--btf"])
def test_spellings_of_the_target(capsys, option):
    said, expected = (run(capsys, "relocs", "module.bpf.o", spelling, "dup") for spelling in (option, "-b"))
    assert (said.status, said.out) == (expected.status, expected.out)


def test_what_cannot_be_read(here, capsys):
    (here / "mods" / "bad.ko").write_bytes(b"damaged")
    words = ("gone.bpf.o", "fields.bpf.o", "vmlinux", "-b", "vmlinux", "-m", "mods")
    assert refused(capsys, "relocs", *words) == "btfkit: gone.bpf.o: No such file or directory"
    alone = run(capsys, "relocs", "fields.bpf.o", "-b", "vmlinux", "-m", "mods", "--keep-going")
    said = run(capsys, "relocs", *words, "--keep-going")
    assert (said.status, said.out) == (3, alone.out)
    skipped = [line.split(",")[0] for line in said.err.splitlines() if line.startswith("btfkit: skipped: ")]
    assert skipped == [
        "btfkit: skipped: gone.bpf.o: No such file or directory",
        skipped[1],
        "btfkit: skipped: mods/bad.ko",
    ]
    assert skipped[1].startswith("btfkit: skipped: vmlinux: ")


def placed(program, functions) -> bytes:
    """An object file with `functions`, (name, first instruction, number of instructions), in one section."""
    sections = {SECTION: bytes(8 * 64), ".BTF": program.types.to_bytes(), ".BTF.ext": program.ext()}
    symbols = [(name, SECTION, 8 * start, 8 * count) for name, start, count in functions]
    content = bytearray(elf(sections, symbols=symbols, machine=EM_BPF))
    table = Elf(bytes(content)).section(".symtab")
    for number in range(len(functions)):
        content[table.offset + 24 * (number + 1) + 4] = 0x12  # a function, not an object
    return bytes(content)


def test_instructions_count_from_the_start_of_their_function(here, capsys):
    """As libbpf counts: records are 16 bytes apart, `second` begins at the second one."""
    program = Program()
    root = program.types.struct("s", 4, [("a", program.types.int("int", 4), 0)])
    for _ in range(4):
        program.relo(k.BYTE_OFFSET, root, "0:0")
    (here / "o.o").write_bytes(placed(program, [("first", 0, 2), ("second", 2, 10)]))
    said = run(capsys, "relocs", "o.o", "-b", "vmlinux", "--json")
    assert [row["function"] for row in json.loads(said.out)["relocations"]] == ["first", "second", "second", "second"]
    said = run(capsys, "relocs", "o.o", "-b", "vmlinux")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["first+0", "second+0", "second+2", "second+4"]


def test_an_object_without_ext(here, capsys):
    """One with maps alone: libbpf loads it."""
    types = Program().types
    types.datasec(".maps", 8, [(types.var("map", types.struct("", 8, [("type", types.int("int", 4), 0)])), 0, 8)])
    sections = {".maps": bytes(8), ".BTF": types.to_bytes()}
    (here / "maps.o").write_bytes(elf(sections, symbols=[("map", ".maps", 0, 8)], machine=EM_BPF))
    for words in ("relocs maps.o -b vmlinux", "min vmlinux out maps.o", "check maps.o --kernels vmlinux"):
        said = run(capsys, *words.split())
        assert said.status == 0, said.err
        assert "no .BTF.ext section: no CO-RE relocations" in said.err + said.out


def test_an_access_that_ends_at_an_anonymous_member(here, capsys):
    program = Program()
    number = program.types.int("int", 4)
    inner = program.types.struct("", 8, [("a", number, 0), ("b", number, 32)])
    root = program.types.struct("outer", 16, [("x", number, 0), ("", inner, 64)])
    program.relo(k.BYTE_OFFSET, root, "0:1")
    (here / "kernel").write_bytes(program.types.to_bytes())
    (here / "gcc.o").write_bytes(program.elf())
    for words in ("relocs gcc.o -b kernel", "min kernel out gcc.o", "check gcc.o --kernels kernel"):
        said = run(capsys, *words.split())
        assert said.status == 1, said.err
        assert "the access ends at an anonymous member (GCC 16" in said.err + said.out


def test_loaders(capsys, here):
    """Reads of x, y and z where one struct s has x and z, another y and z; without the option, by libbpf's rules."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0), ("z", number, 32)])
    kernel.struct("s", 16, [("y", number, 64), ("z", number, 96)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [(name, number, 32 * i) for i, name in enumerate("xyz")])
    for member in range(3):
        program.relo(k.BYTE_OFFSET, root, f"0:{member}")
    (here / "two.btf").write_bytes(kernel.to_bytes())
    (here / "two.bpf.o").write_bytes(program.elf())

    def answers(*options):
        said = run(capsys, "relocs", "two.bpf.o", "-b", "two.btf", "--json", *options)
        return said.status, [row["value"] for row in json.loads(said.out)["relocations"]]

    assert answers() == answers("--loader", "libbpf") == (1, [0, None, 4])
    assert answers("--loader", "cilium") == (1, [None, None, None])  # both answer two of three
    assert answers("--loader", "aya") == (1, [0, 8, None])
    text = run(capsys, "relocs", "two.bpf.o", "-b", "two.btf", "--loader", "cilium").out
    assert text.count("types 2, 3 each answer 2 of 3 relocations of this type, but differ in ((struct s *)0)->y") == 3
    refused(capsys, "relocs", "two.bpf.o", "-b", "two.btf", "--loader", "bcc", status=2)
