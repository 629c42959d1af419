"""`btfkit encode`: in place and beside, raw, with a base of its own, trees; and what it refuses, with nothing half-written."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from cli_inputs import files, refused, run

import btfkit
from btfkit.file_ops.encode import open_elf
from btfkit.files.elf import Elf

DATA = Path(__file__).parents[1] / "data" / "encode"
FUNCTION = "loses_one"


def content(name: str) -> bytes:
    return lzma.decompress((DATA / f"{name}.o.xz").read_bytes())


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an object `a.o`, and a `base` that lacks some of its types."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.o").write_bytes(content("gcc-dwarf5"))
    builder = btfkit.Builder()
    number = builder.int("int", 4, encoding=1)
    long = builder.int("long int", 8, encoding=1)
    builder.struct("by_value", 16, [("a", long, 0), ("b", long, 64)])
    builder.ptr(number)
    (tmp_path / "base").write_bytes(builder.build(pointer_size=8).to_bytes())
    return tmp_path


def test_in_place_beside_and_raw_give_the_same_btf(here, capsys) -> None:
    before = content("gcc-dwarf5")
    assert run(capsys, "encode", "a.o", "-o", "b.o").status == 0
    assert run(capsys, "encode", "a.o", "-o", "a.btf").status == 0
    assert run(capsys, "encode", "a.o", "-o", "a.btf.xz").status == 0
    assert (here / "a.o").read_bytes() == before
    said = run(capsys, "encode", "a.o")
    assert said.status == 0
    assert "types with" in said.out + said.err
    raw = (here / "a.btf").read_bytes()
    assert raw == btfkit.encode(Elf(before, "a.o")).to_bytes()
    assert lzma.decompress((here / "a.btf.xz").read_bytes()) == raw
    assert (here / "a.o").read_bytes() == (here / "b.o").read_bytes()
    assert btfkit.load("a.o").to_bytes() == raw


@pytest.mark.parametrize(
    ("policy", "section"),
    [("distilled", ".BTF.base"), ("by-value", ".BTF.base"), ("full", ".BTF.base_minimal")],
)
def test_a_base_of_its_own(here, capsys, policy, section) -> None:
    words = ["--distill"] if policy == "distilled" else ["--distill", "--policy", policy]
    assert run(capsys, "encode", "a.o", "-B", "base", *words, "-o", "b.o").status == 0
    assert run(capsys, "encode", "a.o", "-B", "base", "-o", "c.o").status == 0
    sections = {one.name for one in Elf((here / "b.o").read_bytes(), "b.o").sections}
    found = {name for name in sections if name.startswith(".BTF")}
    assert found == {".BTF", section}
    assert run(capsys, "distill", "c.o", "-B", "base", *words[1:], "-o", "d.o").status == 0
    for name in found:
        one, two = (Elf((here / file).read_bytes(), file).btf_section(name) for file in ("b.o", "d.o"))
        assert bytes(one) == bytes(two), f"{name}: as distill makes it of the encoded file"


def test_the_feature_distilled_base_is_the_option(here, capsys) -> None:
    assert run(capsys, "encode", "a.o", "-B", "base", "--distill", "-o", "b.o").status == 0
    assert run(capsys, "encode", "a.o", "-B", "base", "--features=+distilled_base", "-o", "c.o").status == 0
    assert (here / "b.o").read_bytes() == (here / "c.o").read_bytes()


def test_a_tree_gives_the_same_bytes_for_every_number_of_jobs(here, capsys) -> None:
    (here / "tree" / "sub").mkdir(parents=True)
    for place, name in (
        ("x.ko", "gcc-dwarf5"),
        ("y.ko", "gcc-dwarf4"),
        ("sub/z.ko", "gcc-zlib"),
        ("n.ko", "gcc-no-debug"),
    ):
        (here / "tree" / place).write_bytes(content(name))
    before = files(here / "tree")
    results = []
    for jobs in (1, 2):
        said = run(capsys, "encode", "tree", "-B", "base", "-o", f"out{jobs}", "-j", jobs)
        assert said.status == 0
        assert "1 without DWARF" in said.out + said.err
        results.append({name: data for name, data in files(here / f"out{jobs}").items() if not name.endswith("n.ko")})
    assert results[0] == results[1]
    assert set(results[0]) == {"x.ko", "y.ko", "sub/z.ko"}
    assert files(here / "tree") == before


def test_explain(here, capsys) -> None:
    said = run(capsys, "encode", "a.o", "--explain", "add")
    assert said.status == 0
    assert "add" in said.out
    said = run(capsys, "encode", "a.o", "--explain", FUNCTION)
    assert said.status == 1
    assert FUNCTION in said.out
    assert "optimized" in said.out
    assert files(here).keys() == {"a.o", "base"}


def broken_relocation(data: bytes) -> bytes:
    """The object with an unknown type in the first relocation of `.debug_info`."""
    section = Elf(data, "a.o").section(".rela.debug_info")
    assert section is not None
    out = bytearray(data)
    out[section.offset + 8 : section.offset + 12] = (199).to_bytes(4, "little")
    return bytes(out)


def with_section(name: str, data: bytes) -> bytes:
    return open_elf("a.o").with_sections({name: data})


def linked(data: bytes) -> bytes:
    """The object as a linked file, as far as its header says."""
    return data[:16] + b"\2\0" + data[18:]


REFUSED = {
    "no DWARF": (lambda: content("gcc-no-debug"), [], "no DWARF"),
    "byte order": (lambda: content("clang-s390x"), ["-B", "base"], "big-endian, but its base base is little-endian"),
    "split DWARF": (lambda: content("gcc-split"), [], "split DWARF: the types are in gcc-split.dwo"),
    "relocation": (
        lambda: broken_relocation(content("gcc-dwarf5")),
        [],
        ".debug_info, byte 0x8: relocation type 199 of machine 62",
    ),
    "linked": (lambda: linked(content("gcc-dwarf5")), [], "a linked file"),
    "altlink": (
        lambda: with_section(".gnu_debugaltlink", b"../common.debug\0" + bytes(20)),
        [],
        "in ../common.debug (made by dwz",
    ),
    "sup": (lambda: with_section(".debug_sup", b"\5\0\0common.sup\0\4abcd"), [], "in common.sup (made by dwz"),
    "no ELF file": (lambda: b"text", [], "expected an ELF file with DWARF"),
    "truncated": (lambda: content("gcc-dwarf5")[:-700], [], "bad.o"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(here, capsys, case) -> None:
    """In place: an error of one line that names the file and the cause, and the file stays as it is."""
    make, words, text = REFUSED[case]
    (here / "bad.o").write_bytes(make())
    said = refused(capsys, "encode", "bad.o", *words)
    assert text in said
    assert "bad.o" in said


def test_a_base_of_another_build(here, capsys) -> None:
    """The size of a module's struct module is not that of the base."""
    builder = btfkit.Builder()
    builder.struct("module", 128, [])
    (here / "kernel").write_bytes(builder.build(pointer_size=8).to_bytes())
    module = open_elf("a.o").with_sections({".gnu.linkonce.this_module": bytes(192)})
    (here / "m.ko").write_bytes(module)
    said = refused(capsys, "encode", "m.ko", "-B", "kernel")
    assert "built for another kernel than" in said
    assert "192 bytes, the kernel's 128" in said


def test_a_base_in_which_structs_have_other_sizes(here, capsys, monkeypatch) -> None:
    monkeypatch.setattr("btfkit.encoder.split.CORE", frozenset((b"by_value", b"bits")))
    builder = btfkit.Builder()
    for name in ("by_value", "bits", "list"):
        builder.struct(name, 400, [])
    (here / "kernel").write_bytes(builder.build(pointer_size=8).to_bytes())
    module = open_elf("a.o").with_sections({".modinfo": b"vermagic=6.1.0-9-amd64 SMP\0"})
    (here / "m.ko").write_bytes(module)
    said = refused(capsys, "encode", "m.ko", "-B", "kernel")
    assert said.startswith(
        "btfkit: m.ko: built for another kernel than kernel: 2 of 2 structs that both define differ in size: "
    )
    assert "by_value (16 bytes, the kernel's 400)" in said
    assert said.endswith("; the module is for 6.1.0-9-amd64 (--force writes it all the same)")
    said = run(capsys, "encode", "m.ko", "-B", "kernel", "--force")
    assert said.status == 0
    assert "the base is of another build (--force): structures that differ in size: 2" in said.err


def test_a_command_line_that_is_wrong(here, capsys) -> None:
    assert "--policy needs --distill" in refused(capsys, "encode", "a.o", "--policy", "full", status=2)
    assert "true_signature" in refused(capsys, "encode", "a.o", "--features=true_signature", status=2)
    assert "one file" in refused(capsys, "encode", "a.o", "base", "--explain", "add", status=2)


def test_a_directory_in_which_nothing_has_dwarf(here, capsys) -> None:
    """pahole ends with exit status 0 there; a directory with one module that has DWARF is fine."""
    (here / "modules").mkdir()
    for number in range(7):
        (here / "modules" / f"{number}.ko").write_bytes(content("gcc-no-debug"))
    said = run(capsys, "encode", "modules", "-B", "base", "-o", "out")
    assert said.status == 3
    assert [line.partition(": no DWARF")[0] for line in said.err.splitlines() if "no DWARF" in line] == [
        "btfkit: modules/0.ko"
    ]
    assert "0 files encoded" in said.err
    assert "7 without DWARF" in said.err
    (here / "modules" / "7.ko").write_bytes(content("gcc-dwarf5"))
    said = run(capsys, "encode", "modules", "-B", "base", "-o", "out")
    assert (said.status, "1 file encoded" in said.err) == (0, True)
