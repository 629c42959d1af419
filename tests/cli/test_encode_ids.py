"""`btfkit encode` and `.BTF_ids`: each kfunc keeps its own flags, whatever was filled in before."""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cli_inputs import files, refused, run

import btfkit
from btfkit.file_ops.encode import open_elf
from btfkit.files.elf import Elf
from needs import lacks

DATA = Path(__file__).parents[1] / "data" / "encode" / "kfuncs"
LINKED = (0, 1, 0, 2, 0, 0, 0, 0x1000, 0)  # the count and the flags of the set, three ids with flags, and a single id
FLAGS = {"with_null": 2, "plain": 0, "fast": 0x1000}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an object `linked.o`, and with `filled.o`, the same with its BTF and ids."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linked.o").write_bytes(lzma.decompress((DATA / "kfuncs.o.xz").read_bytes()))
    btfkit.encode_file("linked.o", output="filled.o", resolve_ids=True)
    return tmp_path


def words(path: str) -> tuple[int, ...]:
    section = Elf(Path(path).read_bytes(), path).btf_section(".BTF_ids")
    assert section is not None
    return struct.unpack("<9I", section)


def flags(path: str) -> dict[str, int]:
    """The flags of each kfunc of a filled section, by the names of the ids."""
    btf, (count, _, *rows) = btfkit.load(path), words(path)
    assert count == 3
    assert rows[0:6:2] == sorted(rows[0:6:2])  # the kernel searches
    assert btf[rows[6]].name == "item"
    return {btf[number].name: flag for number, flag in zip(rows[0:6:2], rows[1:6:2], strict=True)}


def fastcall(btf: btfkit.Btf) -> list[str]:
    return [tag.type.name for tag in btf.types("decl_tag") if tag.name == "bpf_fastcall"]


def test_ids_are_filled_in(here, capsys) -> None:
    assert words("linked.o") == LINKED
    said = run(capsys, "encode", "linked.o", "--resolve-ids")
    assert (said.status, said.out) == (0, "")
    assert ".BTF_ids: 4 ids filled in" in said.err
    assert flags("linked.o") == FLAGS
    assert [row[0] for row in sorted(FLAGS.items())] != list(FLAGS), "ids are not in the order of the symbols"
    assert (here / "linked.o").read_bytes() == (here / "filled.o").read_bytes()


@pytest.mark.parametrize("words_", [(), ("--resolve-ids",)])
def test_filled_ids_are_filled_in_again(here, capsys, words_) -> None:
    """With the ids of the new BTF, and the flags of the function that each had before."""
    before = (here / "filled.o").read_bytes()
    said = run(capsys, "encode", "filled.o", *words_)
    assert ".BTF_ids: 4 ids filled in" in said.err
    assert (here / "filled.o").read_bytes() == before
    skipped = run(capsys, "encode", "filled.o", "--features", "encode_force,var,float", *words_)  # other ids
    assert skipped.status == 0
    assert flags("filled.o") == FLAGS


def test_tags_are_those_of_the_flags(here, capsys) -> None:
    assert fastcall(btfkit.encode("linked.o")) == ["fast"]
    assert fastcall(btfkit.encode("filled.o")) == ["fast"]
    assert fastcall(btfkit.encode(Elf((here / "filled.o").read_bytes(), "filled.o"))) == ["fast"]
    assert run(capsys, "encode", "filled.o", "-o", "filled.btf").status == 0
    assert fastcall(btfkit.load("filled.btf")) == ["fast"]


def test_pahole_leaves_ids_to_resolve_btfids(here, capsys) -> None:
    """kbuild calls that next, which takes the flags to be where they were linked."""
    assert run(capsys, "pahole", "-J", "linked.o").status == 0
    assert run(capsys, "pahole", "-J", "filled.o").status == 0
    assert words("linked.o") == words("filled.o") == LINKED
    assert fastcall(btfkit.encode("filled.o")) == ["fast"]


def test_with_a_base_of_its_own_before_and_after(here, capsys) -> None:
    base = btfkit.Builder()
    base.int("int", 4, encoding=1)
    (here / "base").write_bytes(base.build(pointer_size=8).to_bytes())
    for options in ((), ("--distill",), ("--distill", "--policy", "full"), ()):
        assert run(capsys, "encode", "filled.o", "-B", "base", *options).status == 0
        btf = btfkit.open("filled.o").btf("base" if not options else None)
        count, _, *rows = words("filled.o")
        found = {btf[number].name: flag for number, flag in zip(rows[0:6:2], rows[1:6:2], strict=True)}
        assert (count, found) == (3, FLAGS)


@pytest.mark.parametrize("how", ["other BTF", "no BTF"])
def test_ids_of_other_btf(here, capsys, how) -> None:
    other = btfkit.Builder().build().to_bytes() if how == "other BTF" else None
    (here / "filled.o").write_bytes(open_elf("filled.o").with_sections({".BTF": other}))
    before = files(here)
    for options in ((), ("--resolve-ids",), ("-o", "out.o")):
        said = refused(capsys, "encode", "filled.o", *options)
        assert "filled.o" in said
        assert ".BTF_ids" in said
        assert "link the module again" in said
        assert "ends in .btf" in said
    assert files(here) == before
    said = run(capsys, "encode", "filled.o", "-o", "out.btf")
    assert (said.status, said.out) == (0, "")
    assert "bpf_fastcall, because .BTF_ids was filled in for other BTF and does not tell their flags: 3" in said.err
    out = btfkit.load("out.btf")
    assert sorted(tag.type.name for tag in out.types("decl_tag") if tag.name == "bpf_kfunc") == sorted(FLAGS)
    assert fastcall(out) == fastcall(btfkit.encode("filled.o")) == []
    assert [type_.name for type_ in out.types("func")] == [
        type_.name for type_ in btfkit.encode("linked.o").types("func")
    ]


def program(*words: str) -> None:
    path = shutil.which(words[0])
    if path is None:
        lacks("program", words[0])
    subprocess.run([path, *words[1:]], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("source", ["linked.o", "filled.o"])
def test_a_separate_debug_file(here, capsys, source) -> None:
    """The stripped file has the flags, the debug file the DWARF: whichever is named, the other one is found."""
    program("ld", "-r", "--build-id=sha1", source, "-o", "whole.o")
    (here / "debug" / ".debug").mkdir(parents=True)
    (here / "root" / "usr" / "lib" / "debug" / "lib").mkdir(parents=True)
    (here / "root" / "lib").mkdir()
    debug = "debug/.debug/it.ko.debug"
    program("objcopy", "--only-keep-debug", "whole.o", debug)
    program("objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}", "whole.o", "debug/it.ko")
    expected = btfkit.encode("whole.o").to_bytes()
    assert fastcall(btfkit.load(expected)) == ["fast"]
    assert run(capsys, "encode", "debug/it.ko", "-o", "out.btf").status == 0
    assert (here / "out.btf").read_bytes() == expected
    said = run(capsys, "encode", debug, "-o", "out.btf")
    assert (said.status, "kfunc" in said.err) == (0, False)
    assert (here / "out.btf").read_bytes() == expected == btfkit.encode(debug).to_bytes()
    assert run(capsys, "encode", "debug/it.ko", "--resolve-ids").status == 0
    assert flags("debug/it.ko") == FLAGS

    elsewhere = here / "root" / "usr" / "lib" / "debug" / "lib" / "it.ko.debug"
    (here / debug).rename(elsewhere)
    said = run(capsys, "encode", str(elsewhere), "-o", "out.btf")
    assert said.status == 0
    assert "no kfunc is marked" in said.err
    assert "bpf_kfunc" not in [tag.name for tag in btfkit.load("out.btf").types("decl_tag")]
    program("objcopy", "--strip-debug", "whole.o", "stripped.o")
    (here / "root" / "lib" / "it.ko.xz").write_bytes(lzma.compress((here / "stripped.o").read_bytes()))
    said = run(capsys, "encode", str(elsewhere), "-o", "out.btf", "--debug-dir", "root/usr/lib/debug")
    assert (said.status, "kfunc" in said.err) == (0, False)
    assert (here / "out.btf").read_bytes() == expected
    (here / "root" / "lib" / "it.ko.xz").write_bytes(lzma.compress((here / "linked.o").read_bytes()))  # no build id
    assert (
        "no kfunc is marked"
        in run(capsys, "encode", str(elsewhere), "-o", "out.btf", "--debug-dir", "root/usr/lib/debug").err
    )
