"""`btfkit dedup`: one file, several as one, a folder of modules, BPF objects, and what cannot be."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.co_re.program import load_objects
from btfkit.files.elf import Elf
from btfkit.judges.deduped import leftovers
from btfkit.work.files import ALONE
from needs import lacks
from small_modules import elf, kernel, ko, module

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def redundant(base: Btf) -> Btf:
    """A module's BTF that repeats types of its base, as pahole with libbpf 1.7 leaves it."""
    b = Builder(base)
    number = b.int("unsigned long", base.find("unsigned long").size)
    b.typedef("mine", b.ptr(b.ptr(number)))
    return b.build()


def units(*sizes, order="little"):
    b = Builder(order=order)
    for size in sizes:
        number = b.int("int", 4)
        b.struct("s", size, [("a", number, 0), ("deep", b.ptr(b.struct("t", size, [("b", number, 0)])), 64)])
    return b.build().to_bytes()


def test_one_file(tmp_path, capfd) -> None:
    path = put(tmp_path / "in.btf", units(16, 16, 24))
    assert main(["dedup", path, "-o", str(tmp_path / "out.btf")]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "12 types, 5 merged, 7 left" in err
    assert not leftovers(btfkit.load(tmp_path / "out.btf"))
    assert main(["dedup", str(tmp_path / "out.btf"), "--in-place"]) == 0
    assert "nothing to merge" in capfd.readouterr().err


def test_report_says_what_nearly_was_and_why_not(tmp_path, capsys) -> None:
    path = put(tmp_path / "in.btf", units(16, 24))
    assert main(["dedup", path, "-o", str(tmp_path / "out"), "--report"]) == 0
    err = capsys.readouterr().err
    assert "merged: 1 INT" in err
    assert "struct s stays 2 times: struct s has 16 bytes or 24" in err
    b = Builder()
    for size in (4, 8):
        b.typedef("t", b.ptr(b.struct("s", 8, [("x", b.ptr(b.struct("inner", size)), 0)])))
    path = put(tmp_path / "in.btf", b.build().to_bytes())
    assert main(["dedup", path, "-o", str(tmp_path / "out"), "--report", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"]
    assert told["nearly"]["names"] == 3
    by_name = {one["type"]: one for one in told["nearly"]["first"]}
    assert by_name["struct s"]["path"] == ".x->"
    assert by_name["struct s"]["difference"] == "struct inner has 4 bytes or 8"
    assert by_name["typedef t"]["path"] == "->.x->"


def test_several_become_one(tmp_path, capsys) -> None:
    one = put(tmp_path / "one.btf", units(16))
    two = put(tmp_path / "two.btf.xz", lzma.compress(units(16, 24, order="big")))
    out = tmp_path / "both.btf.xz"
    assert main(["dedup", one, two, "-o", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (told,) = report["files"]
    assert (report["schema"], told["types_before"], told["types"]) == (1, 12, 7)
    assert told["inputs"] == [one, two]
    assert out.read_bytes()[:4] == b"\xfd7zX"
    both = btfkit.load(out)
    assert both.byte_order == "little"
    assert len(both) == 8


def test_several_splits_become_one(tmp_path) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    paths = [put(tmp_path / name, redundant(base).to_bytes()) for name in ("a.btf", "b.btf")]
    assert main(["dedup", *paths, "-B", vmlinux, "-o", str(tmp_path / "out.btf"), "-q"]) == 0
    out = btfkit.load(tmp_path / "out.btf", base)
    assert [t.name for t in out.types(own=True) if t.name] == ["mine"]


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_module(tmp_path, order) -> None:
    """Its types go where the base has them, and .BTF_ids follows."""
    base = kernel(order)
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base, order, ids=True))
    before, ids = btfkit.load(path, base), Elf((tmp_path / "m.ko").read_bytes()).data(".BTF_ids")
    assert main(["dedup", path, "-B", vmlinux, "-o", str(tmp_path / "out.ko")]) == 0
    after, now = btfkit.load(tmp_path / "out.ko", base), Elf((tmp_path / "out.ko").read_bytes()).data(".BTF_ids")
    done = btfkit.dedup(before)
    assert after.to_bytes() == done.btf.to_bytes()

    def numbers(data):
        return [int.from_bytes(data[at : at + 4], order) for at in range(0, len(data), 4)]

    assert numbers(now)[0] == done.ids[numbers(ids)[0]]
    assert len(numbers(now)) == len(numbers(ids))


def test_a_folder_in_place(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    mods = tmp_path / "mods"
    for i in range(ALONE + 2):
        put(mods / f"m{i}.btf", redundant(base).to_bytes())
    put(mods / "sub" / "plain.btf", Builder(base).build().to_bytes())
    put(mods / "sub" / "packed.ko.xz", lzma.compress(elf({".BTF": redundant(base).to_bytes()})))
    put(mods / "bad.btf", b"\x9f\xeb\1\0broken")
    assert main(["dedup", str(mods), "-B", vmlinux, "--in-place"]) == 3
    err = capsys.readouterr().err
    assert "11 files deduplicated: 44 types became 33" in err
    assert "1 with nothing to merge" in err
    assert "1 failed" in err
    assert (mods / "bad.btf").read_bytes() == b"\x9f\xeb\1\0broken"
    for path in ("m3.btf", "sub/packed.ko.xz"):
        assert len(btfkit.load(mods / path, base).positions) == 3
    assert main(["dedup", str(mods), "-B", vmlinux, "-o", str(tmp_path / "out"), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert len(report["files"]) == 12
    assert len(report["failed"]) == 1
    assert (tmp_path / "out" / "sub" / "packed.ko.xz").exists()


def test_and_distill(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base, ids=True))
    assert main(["dedup", path, "-B", vmlinux, "--distill", "-o", str(tmp_path / "out.ko")]) == 0
    assert ".BTF.base" in capsys.readouterr().err
    small = btfkit.load(tmp_path / "out.ko")
    expected = btfkit.distill(btfkit.dedup(btfkit.load(path, base)).btf)
    assert small.to_bytes() == expected.btf.to_bytes()
    raw = put(tmp_path / "m.btf", redundant(base).to_bytes())
    assert main(["dedup", raw, "-B", vmlinux, "--distill", "-o", str(tmp_path / "small.btf")]) == 0
    assert len(btfkit.load(tmp_path / "small.btf", str(tmp_path / "small.btf.base")).positions) == 3


def test_a_bpf_object(tmp_path) -> None:
    """Every relocation still says what it said."""
    path = os.path.join(DATA, "opensnoop-libbpf.bpf.o")
    out = tmp_path / "out.bpf.o"
    assert main(["dedup", path, "-o", str(out), "-q"]) == 0
    (before,), (after,) = load_objects(path), load_objects(str(out))
    assert len(after.btf) <= len(before.btf)
    assert [before.expression(r) for r in before.relocations] == [after.expression(r) for r in after.relocations]
    assert not leftovers(after.btf)


def test_a_module_with_a_signature(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(redundant(base).to_bytes(), base, signed=True))
    assert main(["dedup", path, "-B", vmlinux, "--in-place"]) == 3
    assert "--strip-signature" in capsys.readouterr().err
    assert main(["dedup", path, "-B", vmlinux, "--in-place", "--strip-signature"]) == 0
    assert "signature removed (no longer valid)" in capsys.readouterr().err


def test_what_cannot_be(tmp_path, capsys) -> None:
    path = put(tmp_path / "in.btf", units(16))
    for words in (
        ["dedup", path],
        ["dedup", path, "-o", "x", "--in-place"],
        ["dedup", path, path, "-o", str(tmp_path / "x"), "--distill"],
        ["dedup"],
    ):
        assert main(words) == 2
    assert main(["dedup", path, "-o", str(tmp_path / "x"), "--distill"]) == 3
    assert "not the split BTF of a module" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    base = kernel()
    split = put(tmp_path / "m.btf", redundant(base).to_bytes())
    assert main(["dedup", path, split, "-o", str(tmp_path / "x")]) == 3
    assert not (tmp_path / "x").exists()


def test_to_standard_output(tmp_path, capfdbinary) -> None:
    path = put(tmp_path / "in.btf", units(16, 16))
    assert main(["dedup", path, "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert len(Btf.from_bytes(out)) == 5
    assert b"standard output: 8 types" in err


def test_an_executable_linked_from_objects_with_btf_of_gcc(tmp_path, monkeypatch, capfd) -> None:
    """The linker puts their BTF one after the other: the first is read and the rest is reported; the objects can be combined."""
    gcc = shutil.which("gcc")
    if gcc is None:
        lacks("compiler")
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "one.c", b"struct first { int a; }; int one(struct first *p) { return p->a; }")
    put(
        tmp_path / "two.c",
        b"struct second { long b; }; long two(struct second *p) { return p->b; } int main(void) { return 0; }",
    )
    for words in (["-c", "one.c"], ["-c", "two.c"], ["one.o", "two.o", "-o", "program"]):
        if subprocess.run([gcc, "-gbtf", *words], capture_output=True, check=False).returncode:
            lacks("compiler")  # another one by that name, or an old one
    assert main(["info", "program"]) == 0
    assert "a second BTF follows the first in .BTF" in capfd.readouterr().out
    assert main(["dump", "program", "raw"]) == 0
    said = capfd.readouterr()
    assert "'first'" in said.out
    assert "'second'" not in said.out
    assert "btfkit: program: a second BTF follows the first in .BTF" in said.err
    assert "combine others with `btfkit dedup" in said.err
    for words in (["dedup", "program", "-o", "out"], ["sort", "program", "-o", "out"]):
        assert main(words) == 3
    assert not os.path.exists("out")
    assert main(["dedup", "one.o", "two.o", "-o", "out"]) == 0
    assert {type_.name for type_ in Btf.from_bytes((tmp_path / "out").read_bytes()).types("STRUCT")} == {
        "first",
        "second",
    }
