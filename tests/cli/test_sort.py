"""`btfkit sort`: raw BTF, objects, modules, and a kernel with all its modules."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.ext import Ext
from btfkit.cli import main
from btfkit.co_re.target import Target
from btfkit.files.elf import Elf
from btfkit.judges.answers import compare
from btfkit.passes.permute import sort
from small_modules import kernel, ko, module

ORDERS = ("little", "big")
DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
OBJECT = os.path.join(DATA, "opensnoop-libbpf.bpf.o")


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def names(btf):
    return [btf.name(type_id) for type_id in btf.own_ids]


@pytest.mark.parametrize("order", ORDERS)
def test_raw(tmp_path, capsys, order) -> None:
    path = put(tmp_path / "vmlinux.btf.xz", lzma.compress(kernel(order).to_bytes()))
    out = tmp_path / "out.btf"
    assert main(["sort", path, "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"{out}: 10 types sorted by name, 2 anonymous types first\n"
    assert out.read_bytes() == sort(kernel(order)).btf.to_bytes()
    assert names(btfkit.load(str(out))) == sorted(names(kernel(order)))
    assert main(["sort", str(out), "-o", str(tmp_path / "again")]) == 0
    assert "10 types were already sorted" in capsys.readouterr().err
    assert (tmp_path / "again").read_bytes() == out.read_bytes()
    assert main(["sort", path, "--in-place", "-q"]) == 0
    assert btfkit.load(path).first_named_id == 3
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ORDERS)
def test_module(tmp_path, order, bits) -> None:
    """With -B the base stays as it is; `.BTF_ids` follows."""
    base = kernel(order, bits=bits)
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base, order, bits, ids=True))
    assert main(["sort", path, "-B", vmlinux, "-o", str(tmp_path / "out.ko")]) == 0
    btf = btfkit.load(str(tmp_path / "out.ko"), base)
    assert names(btf) == sorted(names(btf))
    assert btf.first_named_id is not None
    check_ids(tmp_path / "out.ko", btf, order)


def check_ids(path, btf, order) -> None:
    ids = Elf(path.read_bytes()).data(".BTF_ids")
    numbers = [int.from_bytes(ids[at : at + 4], order) for at in range(0, len(ids), 4)]
    assert numbers[:4] == [btf.find_id("struct mutex"), btf.find_id("struct module"), 2, 0]
    assert numbers[4::2] == sorted([btf.find_id("my_kfunc"), btf.find_id("my_probe")])


@pytest.mark.parametrize("order", ORDERS)
def test_a_kernel_with_its_modules(tmp_path, capsys, order) -> None:
    base = kernel(order)
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    put(tmp_path / "mods/a/m.ko", ko(module(base), base, order, ids=True))
    put(tmp_path / "mods/n.btf", module(base))
    put(tmp_path / "mods/empty.ko", ko(b"", base, order))
    out = tmp_path / "out"
    assert main(["sort", vmlinux, "-m", str(tmp_path / "mods"), "-o", str(out)]) == 0
    told = capsys.readouterr().err
    assert told.splitlines() == [
        f"{out}/vmlinux: 10 types sorted by name, 2 anonymous types first",
        "2 modules sorted, 1 without BTF",
    ]
    new = btfkit.load(str(out / "vmlinux"))
    assert new.first_named_id == 3
    for path in (out / "a/m.ko", out / "n.btf"):
        btf = btfkit.load(str(path), new)
        assert names(btf) == sorted(names(btf))
        assert [btf.name(m.type_id) for m in btf.find("my_dev").members] == ["mutex", "", ""]
        assert btf[btf.find("my_dev").members[1].type_id].type.name == "file"
    check_ids(out / "a/m.ko", btfkit.load(str(out / "a/m.ko"), new), order)
    assert main(["sort", vmlinux, "-m", str(tmp_path / "mods"), "-o", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    assert report["base"]["output"] == str(out / "vmlinux")
    assert [one["path"] for one in report["files"]] == [str(tmp_path / "mods/a/m.ko"), str(tmp_path / "mods/n.btf")]


def test_a_kernel_with_its_modules_is_not_sorted_in_place(tmp_path, capsys) -> None:
    """A run that is killed would leave modules with the ids of a vmlinux that was never written."""
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "mods/m.btf", module(base))
    assert main(["sort", vmlinux, "-m", path, "--in-place"]) == 2
    assert "-m cannot be combined with --in-place: use -o DIRECTORY" in capsys.readouterr().err
    assert (tmp_path / "vmlinux").read_bytes() == base.to_bytes()
    assert (tmp_path / "mods/m.btf").read_bytes() == module(base)


def test_a_distilled_module_stays_on_its_own_base(tmp_path) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "mods" / "m.ko", ko(module(base), base, ids=True))
    assert main(["distill", path, "-B", vmlinux, "--in-place", "-q"]) == 0
    before = btfkit.load(path)
    assert main(["sort", vmlinux, "-m", str(tmp_path / "mods"), "-o", str(tmp_path / "out"), "-q"]) == 0
    after = btfkit.load(str(tmp_path / "out" / "m.ko"))
    assert after.base.to_bytes() == before.base.to_bytes()
    assert names(after) == sorted(names(before))
    assert btfkit.load(str(tmp_path / "out" / "m.ko"), str(tmp_path / "out" / "vmlinux")).find("my_dev").size == 64


def test_object(tmp_path, capsys) -> None:
    """A BPF object answers as before: its relocations name the same types by other ids."""
    out = str(tmp_path / "sorted.bpf.o")
    assert main(["sort", OBJECT, "-o", out]) == 0
    assert "types sorted by name" in capsys.readouterr().err
    before, after = btfkit.load_objects(OBJECT), btfkit.load_objects(out)
    assert after[0].btf.first_named_id is not None
    assert [r.type_id for r in after[0].relocations] != [r.type_id for r in before[0].relocations]
    target = Target(btfkit.load(os.path.join(DATA, "vmlinux-6.12.107+deb13-amd64.btf.xz")))
    answers = list(btfkit.relocations(before, target.vmlinux))
    assert answers
    outcomes = [[outcome for _, _, outcome in answers]]
    assert not compare(after, outcomes, target, target).differences
    ext = Ext.from_bytes(Elf(Path(out).read_bytes()).data(".BTF.ext"))
    kinds = {after[0].btf[fields[1]].kind_name for _, fields in ext.records("func_info")}
    assert kinds == {"FUNC"}


def test_many(tmp_path, capsys) -> None:
    one, two = kernel(), kernel(filler=3)
    paths = [put(tmp_path / "a.btf", one.to_bytes()), put(tmp_path / "b.btf", two.to_bytes())]
    bad = put(tmp_path / "c.btf", one.to_bytes()[:-5])
    assert main(["sort", *paths, bad, "-o", str(tmp_path / "out")]) == 3
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"btfkit: {bad}")
    assert told[1:] == ["2 files sorted, 1 failed"]
    assert sorted(os.listdir(tmp_path / "out")) == ["a.btf", "b.btf"]


def test_signed(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base, signed=True))
    out = tmp_path / "o.ko"
    assert main(["sort", path, "-B", vmlinux, "-o", str(out)]) == 3
    assert "--strip-signature" in capsys.readouterr().err
    assert not out.exists()
    assert main(["sort", path, "-B", vmlinux, "-o", str(out), "--strip-signature"]) == 0
    assert "signature removed (no longer valid)" in capsys.readouterr().err


def test_standard_streams(tmp_path, monkeypatch, capfdbinary) -> None:
    path = put(tmp_path / "vmlinux", kernel().to_bytes())
    assert main(["sort", path, "-o", "-", "--json"]) == 0
    told = capfdbinary.readouterr()
    assert told.out == sort(kernel()).btf.to_bytes()
    assert json.loads(told.err)["files"][0]["types"] == 10


def test_what_is_refused(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    split = put(tmp_path / "m.btf", module(base))
    assert main(["sort", split, "-o", str(tmp_path / "o")]) == 3
    assert "(-B FILE)" in capsys.readouterr().err
    for words in (
        [vmlinux],
        [vmlinux, "-m", split],
        [vmlinux, vmlinux, "-m", split, "-o", str(tmp_path / "o")],
        [vmlinux, "-B", vmlinux, "-m", split, "-o", str(tmp_path / "o")],
        [vmlinux, "-m", split, "-o", "-"],
    ):
        assert main(["sort", *words]) == 2
        capsys.readouterr()
    assert main(["sort", OBJECT, "-B", vmlinux, "-o", str(tmp_path / "o")]) == 3
    assert main(["sort", put(tmp_path / "no.ko", ko(b"", base)), "-o", str(tmp_path / "o")]) == 3
    assert not (tmp_path / "o").exists()


def test_an_object_that_refers_beyond_its_types(tmp_path, capsys) -> None:
    data = bytearray(Path(OBJECT).read_bytes())
    elf = Elf(bytes(data))
    section = next(s for s in elf.sections if s.name == ".BTF.ext")
    at = bytes(data).index(bytes(elf.data(section)))
    ext = Ext.from_bytes(elf.data(section))
    broken = ext.translated(lambda old: 0xFFFFF).to_bytes()
    data[at : at + len(broken)] = broken
    assert main(["sort", put(tmp_path / "bad.bpf.o", bytes(data)), "-o", str(tmp_path / "o")]) == 3
    assert "refers to type 1048575, which does not exist" in capsys.readouterr().err


def test_nothing_to_sort(tmp_path, capsys) -> None:
    path = put(tmp_path / "none", Builder().to_bytes())
    assert main(["sort", path, "-o", str(tmp_path / "o")]) == 0
    assert (tmp_path / "o").read_bytes() == Btf.from_bytes(Builder().to_bytes()).to_bytes()
