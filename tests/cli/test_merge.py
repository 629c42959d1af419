"""`btfkit merge`, and `btfkit min --merge`."""

from __future__ import annotations

import json
import tarfile

import pytest
from cli_inputs import fill, refused, run

from btfkit.btf.build import Builder
from btfkit.btf_file import load
from btfkit.cli import main
from btfkit.co_re.program import load_objects
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.judges.answers import compare
from small_modules import kernel, ko, module


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def split(base, name, field):
    b = Builder(base)
    b.struct(name, 8, [(field, 1, 0)])
    return b.to_bytes()


@pytest.fixture
def doubles(here):
    """A kernel with two modules that have a `file` of their own, and a third that has the kernel's."""
    base = kernel()
    (here / "k").write_bytes(base.to_bytes())
    (here / "m").mkdir()
    for name in ("a-b", "c"):
        (here / "m" / f"{name}.btf").write_bytes(split(base, "file", name[0]))
    (here / "m" / "d.ko").write_bytes(ko(module(base), base))
    return base


def test_a_folder(capsys, doubles):
    said = run(capsys, "merge", "k", "m", "-o", "whole")
    assert (said.status, said.out) == (0, "")
    size = load("whole").blob
    lines = said.err.splitlines()
    assert lines[0] == f"whole: 19 types of vmlinux and 3 modules, {len(size):,} bytes"
    assert lines[1].startswith("1 name with several types (--report lists them), 1 of them names of vmlinux")
    assert load("whole").base is None
    assert len(list(load("whole").find_ids("struct file"))) == 3


def test_report(capsys, doubles):
    said = run(capsys, "merge", "k", "m", "-o", "whole", "--report")
    assert said.err.splitlines()[:4] == [
        "struct file: 3 types",
        "         5  16 bytes, 1 member; vmlinux",
        "        11  8 bytes, 1 member; a_b",
        "        12  8 bytes, 1 member; c",
    ]


def test_prefer(capsys, doubles):
    said = run(capsys, "merge", "k", "m/c.btf", "m/a-b.btf", "-o", "whole", "--prefer", "a-b", "--report")
    assert said.err.splitlines() == [
        "file of vmlinux is now called file__vmlinux",
        "file of c is now called file__c",
        f"whole: 12 types of vmlinux and 2 modules, {len(load('whole').blob):,} bytes",
        "2 types renamed to NAME__MODULE, because a-b has other types of these names",
    ]
    assert load("whole").find("struct file").members[0].name == "a"
    before = load("whole").blob
    assert run(capsys, "merge", "k", "m/c.btf", "m/a-b.btf", "-o", "whole", "--prefer", "m/a-b.btf", "-q").status == 0
    assert load("whole").blob == before
    assert run(capsys, "merge", "k", "m", "-o", "whole", "--prefer", "k", "--report").err.startswith("file of a_b is")
    assert "no input called 'no' to prefer" in refused(capsys, "merge", "k", "m", "-o", "other", "--prefer", "no")


def test_json(capsys, doubles):
    report = json.loads(run(capsys, "merge", "k", "m", "-o", "whole", "--json", "--prefer", "vmlinux").out)
    assert {key: report[key] for key in ("schema", "output", "types", "dedup", "duplicates", "without_btf")} == {
        "schema": 1,
        "output": "whole",
        "types": 19,
        "dedup": True,
        "duplicates": [],
        "without_btf": [],
    }
    assert [one["name"] for one in report["inputs"]] == ["vmlinux", "a_b", "c", "d"]
    assert [one["now"] for one in report["renamed"]] == ["file__a_b", "file__c"]
    report = json.loads(run(capsys, "merge", "k", "m", "-o", "whole", "--json", "--no-dedup").out)
    assert report["duplicates"][0]["types"][2] == {"id": 12, "inputs": ["c"]}
    assert report["dedup"] is False


def test_a_tar_and_standard_output(here, capfdbinary, doubles):
    with tarfile.open(here / "all.tar", "w") as tar:
        for path in sorted((here / "m").iterdir()):
            tar.add(path, f"lib/{path.name}")
    assert main(["merge", "k", "all.tar", "-o", "-", "-q"]) == 0
    data = capfdbinary.readouterr().out
    assert main(["merge", "k", "m", "-o", "whole", "-q"]) == 0
    assert data == (here / "whole").read_bytes()


def test_what_has_no_btf_and_what_is_bad(here, capsys, doubles):
    (here / "m" / "empty.ko").write_bytes(ko(b"", doubles))
    said = run(capsys, "merge", "k", "m", "-o", "whole")
    assert said.status == 0
    assert "1 file without BTF skipped: m/empty.ko\n" in said.err
    (here / "m" / "bad.btf").write_bytes(b"\x9f\xeb\1\0")
    assert "m/bad.btf" in refused(capsys, "merge", "k", "m", "-o", "other")
    assert "No such file" in refused(capsys, "merge", "k", "nowhere", "-o", "other")
    said = run(capsys, "merge", "k", "m", "nowhere", "-o", "other", "--keep-going", "--json")
    assert said.status == 3
    assert len(json.loads(said.out)["left_out"]) == 2
    assert (here / "other").read_bytes() == (here / "whole").read_bytes()


def test_distilled_modules_are_reconciled(here, capsys, doubles):
    assert main(["merge", "k", "m/d.ko", "-o", "before", "-q"]) == 0
    assert main(["distill", "m/d.ko", "-B", "k", "--in-place", "-q"]) == 0
    assert main(["merge", "k", "m/d.ko", "-o", "after", "-q"]) == 0
    assert (here / "after").read_bytes() == (here / "before").read_bytes()


def test_usage(capsys, here, doubles):
    assert "no output" in refused(capsys, "merge", "k", "m", status=2)
    assert "got 1 argument" in refused(capsys, "merge", "k", "-o", "x", status=2)
    assert "overwrite the input" in refused(capsys, "merge", "k", "m", "-o", "k", status=2)
    assert "overwrite the input" in refused(capsys, "merge", "k", "m", "-o", "m/c.btf", status=2)
    assert "needs its base" in refused(capsys, "merge", "m/c.btf", "k", "-o", "x")
    assert "a BTF of its own" in refused(capsys, "merge", "k", "vmlinux", "-o", "x")


# ---- min --merge ---------------------------------------------------------------------------------------------------


def objects_and_chain():
    base = load("vmlinux")
    return load_objects("module.bpf.o"), Target(base, [load(f"mods/{name}", base) for name in ("mod_one", "mod_two")])


def test_min_in_one_file(capsys, here):
    said = run(capsys, "min", "-m", "mods", "--merge", "vmlinux", "min.btf", "module.bpf.o", "fields.bpf.o")
    assert said.status == 0, said.err
    assert "every answer identical to that on the input (verified" in said.err
    assert "merged with it" in said.err
    objects, chain = objects_and_chain()
    small = load("min.btf")
    assert small.base is None
    assert compare(objects, relocate(objects, chain), chain, Target(small), merged=True).differences == []
    said = run(capsys, "min", "-m", "mods", "--merge", "vmlinux", "-o", "out", "module.bpf.o", "fields.bpf.o", "--json")
    report = json.loads(said.out)
    assert [one["path"] for one in report["outputs"]] == ["out/vmlinux"]
    assert report["outputs"][0]["modules_merged"]
    assert report["verified"] is True
    assert (here / "out" / "vmlinux").read_bytes() == (here / "min.btf").read_bytes()
    said = run(capsys, "min", "-m", "mods", "--merge", "vmlinux", "no.btf", "module.bpf.o", "--no-verify")
    assert "not verified" in said.err


def test_min_of_one_module_with_its_base(capsys, here):
    said = run(capsys, "min", "-B", "vmlinux", "--merge", "mods/mod_one", "one.btf", "module.bpf.o")
    assert said.status == 0, said.err
    assert load("one.btf").base is None


def test_min_keeps_vmlinux_first(capsys, here):
    """A name of vmlinux that a module has too, for another type: what is read stays vmlinux's."""
    base = kernel()
    (here / "k").write_bytes(base.to_bytes())
    (here / "mod").write_bytes(split(base, "file", "mine"))
    words = ("-m", "mod", "--keep-type", "struct file", "--all-modules", "k")
    assert run(capsys, "min", *words, "-o", "out").status == 0
    said = run(capsys, "min", "-m", "mod", "--merge", "--keep-type", "struct file", "k", "one.btf")
    assert said.status == 0, said.err
    assert [t.name for t in load("one.btf").types("STRUCT")] == ["file"]


def test_min_usage(capsys, here):
    assert "--merge requires -m MODULE" in refused(capsys, "min", "--merge", "vmlinux", "o", "fields.bpf.o", status=2)
    words = ("min", "-m", "mods", "--merge", "--all-modules", "vmlinux", "o", "fields.bpf.o")
    assert "one file" in refused(capsys, *words, status=2)
    assert "or --merge" in refused(capsys, "min", "-m", "mods", "vmlinux", "o", "fields.bpf.o", status=2)
    assert "not with --archive" in refused(
        capsys, "min", "--archive", "mods", "--merge", "-o", "o", "fields.bpf.o", status=2
    )


def test_modules_of_another_machine_and_second_btfs(here, capsys):
    b = Builder()
    b.int("int", 4)
    b.struct("pt_regs", 4, [("r15", 1, 0)])
    base = b.build()
    (here / "k").write_bytes(base.blob)
    b = Builder(base)
    b.struct("pt_regs", 4, [("uregs", 1, 0)])
    (here / "m.btf").write_bytes(b.to_bytes() + base.blob)
    said = run(capsys, "merge", "k", "m.btf", "-o", "whole", "--json")
    assert "btfkit: m.btf: a second BTF follows the first in .BTF" in said.err
    assert [note["path"] for note in json.loads(said.out)["notes"]] == ["m.btf"]
    (here / "m.btf").write_bytes(b.to_bytes())
    other = Builder()
    other.int("int", 4)
    other.struct("pt_regs", 4, [("uregs", 1, 0)])
    (here / "other").write_bytes(other.to_bytes())
    said = run(capsys, "dedup", "k", "other", "-o", "both")
    assert said.status == 0
    assert "other: of another machine than k: arm, not x86_64\n" in said.err
    said = run(capsys, "dedup", "k", "other", "-o", "both", "--json")
    assert json.loads(said.out)["notes"] == [{"path": "other", "note": "of another machine than k: arm, not x86_64"}]


def test_arrays_of_arrays_by_two_paholes_in_files_that_are_joined(here, capsys):
    for name, flat in (("flat", True), ("nested", False)):
        b = Builder()
        b.int("int", 4)
        b.struct("net", 60, [("grid", b.array(1, 1, 15) if flat else b.array(b.array(1, 1, 3), 1, 5), 0)])
        (here / name).write_bytes(b.to_bytes())
    said = run(capsys, "dedup", "flat", "nested", "-o", "both")
    note = "its arrays of arrays are by another pahole (1.32 and later nest them) than those of flat"
    assert f"nested: {note}: struct net stay apart\n" in said.err
    assert "pahole" not in run(capsys, "dedup", "flat", "flat", "-o", "both").err
