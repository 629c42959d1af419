"""`btfkit distill`: one module, many, and what cannot be."""

from __future__ import annotations

import json
import lzma
import os
import stat

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf_file import open as open_btf
from btfkit.cli import main
from btfkit.files.compression import sniff, unpack
from btfkit.files.elf import Elf
from btfkit.judges.reconciled import compare
from btfkit.work import files as work_files
from small_modules import elf, kernel, ko, module

ORDERS = ("little", "big")
DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


@pytest.fixture
def vmlinux(tmp_path):
    path = tmp_path / "vmlinux"
    path.write_bytes(kernel().to_bytes())
    return str(path)


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ORDERS)
def test_module(tmp_path, capfd, order, bits) -> None:
    base = kernel(order, bits=bits)
    put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base, order, bits, ids=True))
    out = tmp_path / "out.ko"
    assert main(["distill", path, "-B", str(tmp_path / "vmlinux"), "-o", str(out)]) == 0
    text, err = capfd.readouterr()
    assert text == ""
    assert "its base is now 4 types" in err
    distilled = btfkit.load(str(out))
    assert distilled.base is not None
    assert [t.name for t in distilled.base][1:] == ["char", "unsigned long", "mutex", "file"]
    assert compare(Btf.from_bytes(module(base), base), distilled, contents="none")
    assert btfkit.load(str(out), base).base is base  # reconciled to the kernel that is given
    ids = Elf(out.read_bytes()).data(".BTF_ids")
    numbers = [int.from_bytes(ids[at : at + 4], order) for at in range(0, len(ids), 4)]
    assert numbers[0] == distilled.find_id("struct mutex")
    assert numbers[1] == 0  # struct module: not of the distilled base
    assert numbers[2:4] == [2, 0]
    assert {numbers[4], numbers[6]} == {distilled.find_id("my_kfunc"), distilled.find_id("my_probe")}
    assert "struct module" in err


@pytest.mark.parametrize("policy", ["distilled", "by-value", "full"])
def test_policies(tmp_path, vmlinux, capsys, policy) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["distill", path, "-B", vmlinux, "-o", str(tmp_path / "o"), "--policy", policy, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    section = ".BTF.base_minimal" if policy == "full" else ".BTF.base"
    assert (report["schema"], report["policy"], report["section"]) == (1, policy, section)
    assert Elf((tmp_path / "o").read_bytes()).section(section) is not None
    split = btfkit.load(str(tmp_path / "o"))
    found = {t.name: t.vlen for t in split.base if t.name in ("mutex", "file")}
    assert (
        found
        == {"distilled": {"mutex": 0, "file": 0}, "by-value": {"mutex": 2, "file": 0}, "full": {"mutex": 2, "file": 1}}[
            policy
        ]
    )
    (told,) = report["modules"]
    assert told["base_types"] == len(split.base) - 1
    assert told["path"] == path


def test_section(tmp_path, vmlinux) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["distill", path, "-B", vmlinux, "--in-place", "--section", ".BTF.mine", "-q"]) == 0
    assert Elf((tmp_path / "m.ko").read_bytes()).section(".BTF.mine") is not None
    assert main(["reconcile", path, "-B", vmlinux, "--in-place", "--section", ".BTF.mine"]) == 0
    assert Elf((tmp_path / "m.ko").read_bytes()).section(".BTF.mine") is None


def test_packed_in_place(tmp_path, vmlinux, capsys) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko.xz", lzma.compress(ko(module(base), base)))
    os.chmod(path, 0o640)
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 0
    data = (tmp_path / "m.ko.xz").read_bytes()
    assert sniff(data) == "xz"
    assert open_btf(bytes(unpack(data))).base_section is not None
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 0  # again: nothing to do
    assert "already distilled" in capsys.readouterr().err
    assert (tmp_path / "m.ko.xz").read_bytes() == data
    assert main(["distill", path, "-B", vmlinux, "-o", str(tmp_path / "o"), "--policy", "by-value"]) == 0
    assert "it had a distilled base (.BTF.base)" in capsys.readouterr().err
    assert main(["sort", path, "-B", vmlinux, "-o", str(tmp_path / "s")]) == 0
    assert ".BTF.base removed" in capsys.readouterr().err


@pytest.mark.parametrize("packed", [False, True])
def test_raw(tmp_path, vmlinux, packed) -> None:
    blob = module(kernel())
    name = "m.btf.xz" if packed else "m.btf"
    path = put(tmp_path / name, lzma.compress(blob) if packed else blob)
    split, base = tmp_path / "split", tmp_path / "base"
    assert main(["distill", path, "-B", vmlinux, "-o", str(split), "--base-out", str(base)]) == 0
    assert len(btfkit.load(str(split), str(base)).base) == 5
    assert main(["distill", path, "-B", vmlinux, "-o", "-"]) == 3  # two files do not fit into one pipe
    assert main(["distill", path, "-B", vmlinux, "-o", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other.base").read_bytes() == base.read_bytes()


def test_stdout(tmp_path, vmlinux, capfdbinary) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["distill", path, "-B", vmlinux, "-o", "-", "--json"]) == 0
    out, err = capfdbinary.readouterr()
    assert open_btf(out).base_section is not None
    assert json.loads(err)["modules"][0]["output"] == "-"


def test_signed(tmp_path, vmlinux, capsys) -> None:
    base = kernel()
    data = ko(module(base), base, signed=True)
    path = put(tmp_path / "m.ko", data)
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 3
    assert "--strip-signature" in capsys.readouterr().err
    assert (tmp_path / "m.ko").read_bytes() == data
    assert main(["distill", path, "-B", vmlinux, "--in-place", "--strip-signature"]) == 0
    assert "signature removed (no longer valid)" in capsys.readouterr().err
    assert open_btf(path).signature == 0


def test_wrong_base(tmp_path, capsys) -> None:
    base = kernel(filler=3)
    other = put(tmp_path / "other", kernel().to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["distill", path, "-B", other, "--in-place"]) == 3
    err = capsys.readouterr().err
    assert "not built on" in err
    assert "references to missing types" in err


def test_wrong_byte_order(tmp_path, vmlinux, capsys) -> None:
    base = kernel("big")
    path = put(tmp_path / "m.ko", ko(module(base), base, "big"))
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 3
    assert "endian" in capsys.readouterr().err


def test_usage(tmp_path, vmlinux) -> None:
    path = put(tmp_path / "m.ko", b"")
    for argv in (
        [path],
        [path, "-B", vmlinux],
        [path, "-B", vmlinux, "-o", "x", "--in-place"],
        [path, path, "-B", vmlinux, "-o", "-"],
        [path, path, "-B", vmlinux, "-o", "x", "--base-out", "y"],
        ["-", "-B", vmlinux, "--in-place"],
        [path, "-B", vmlinux, "-o", "x", "--only-used"],
        [path, "-B", vmlinux, "-o", "x", "--policy", "none"],
        [],
    ):
        assert main(["distill", *argv]) == 2, argv
    assert main(["distill", path, "-B", str(tmp_path / "nothing"), "-o", "x"]) == 3


@pytest.fixture
def folder(tmp_path):
    """A modules directory: packed, raw, signed, without BTF, broken, of a wrong base, odd bytes in a name, dangling links."""
    base = kernel()
    wrong = kernel(filler=2)
    good = ko(module(base), base)
    for name, data in {
        "kernel/a.ko": good,
        "kernel/b.ko.xz": lzma.compress(good),
        "kernel/raw.btf": module(base),
        "kernel/none.ko": elf({".text": b"x"}),
        "kernel/text.ko": b"nothing of the kind\n",
        "kernel/cut.ko": elf({".BTF": module(base)[:-3]}),
        "kernel/wrong.ko": ko(module(wrong), wrong),
        "kernel/empty.ko": elf({".BTF": b""}),
        "extra/signed.ko": ko(module(base), base, signed=True),
        "extra/odd\n\udcff.ko": good,
        "modules.dep": b"",
    }.items():
        put(tmp_path / "in" / name, data)
    os.symlink("nowhere", tmp_path / "in" / "dangling.ko")
    os.symlink("..", tmp_path / "in" / "kernel" / "build")
    os.symlink("kernel/a.ko", tmp_path / "in" / "linked.ko")
    return tmp_path / "in"


GOOD = ["extra/odd\n\udcff.ko", "kernel/a.ko", "kernel/b.ko.xz", "kernel/raw.btf", "kernel/raw.btf.base", "linked.ko"]


@pytest.mark.parametrize("alone", [0, 100])
def test_folder(folder, tmp_path, vmlinux, capsys, monkeypatch, alone) -> None:
    defaults = {**work_files.run_plan.__kwdefaults__, "alone": alone, "size": 2}
    monkeypatch.setattr(work_files.run_plan, "__kwdefaults__", defaults)
    out = tmp_path / "out"
    assert main(["distill", str(folder), "-B", vmlinux, "-o", str(out), "-j", "2"]) == 3
    found = sorted(os.path.relpath(os.path.join(d, n), out) for d, _, names in os.walk(out) for n in names)
    assert found == sorted(GOOD)
    *errors, last = capsys.readouterr().err.splitlines()
    assert len(errors) == 4  # each one line
    for name in ("text.ko", "cut.ko", "wrong.ko", "signed.ko"):
        assert sum(name in line for line in errors) == 1
    assert (
        last
        == "5 modules distilled (distilled; a base of 4.0 types, 111 bytes on average), 2 without BTF, 4 failed".replace(
            "111", last.partition("types, ")[2].partition(" ")[0]
        )
    )


def test_folder_in_place(folder, vmlinux, capsys) -> None:
    before = {name: (folder / name).read_bytes() for name in ("kernel/cut.ko", "kernel/wrong.ko", "extra/signed.ko")}
    assert main(["distill", str(folder), "-B", vmlinux, "--in-place", "-j1", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert len(report["modules"]) == 4  # the linked one once
    assert [os.path.basename(failed["path"]) for failed in report["failed"]] == [
        "signed.ko",
        "cut.ko",
        "text.ko",
        "wrong.ko",
    ]
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert os.path.islink(folder / "linked.ko")


def test_same_output_twice(tmp_path, vmlinux, capsys) -> None:
    base = kernel()
    one, two = (put(tmp_path / name / "m.ko", ko(module(base), base)) for name in ("x", "y"))
    assert main(["distill", one, two, "-B", vmlinux, "-o", str(tmp_path / "out")]) == 3
    assert "same output as" in capsys.readouterr().err


def test_same_bytes(tmp_path, vmlinux) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko.xz", lzma.compress(ko(module(base), base, ids=True)))
    for name in ("one.ko.xz", "two.ko.xz"):
        assert main(["distill", path, "-B", vmlinux, "-o", str(tmp_path / name), "-q"]) == 0
    assert (tmp_path / "one.ko.xz").read_bytes() == (tmp_path / "two.ko.xz").read_bytes()


def test_used_by(tmp_path, capsys) -> None:
    vmlinux = os.path.join(DATA, "vmlinux-6.12.107+deb13-amd64.btf.xz")
    path = os.path.join(DATA, "modules", "act_ct.btf.xz")
    program = os.path.join(DATA, "opensnoop-libbpf.bpf.o")
    sizes = {}
    for name, options in {
        "plain": [],
        "more": ["--used-by", program],
        "only": ["--used-by", program, "--only-used"],
    }.items():
        out = tmp_path / f"{name}.btf"
        assert main(["distill", path, "-B", vmlinux, "-o", str(out), *options]) == 0
        sizes[name] = len(btfkit.load(str(out), str(out) + ".base").base)
    assert sizes["plain"] < sizes["more"]
    base = btfkit.load(str(tmp_path / "more.btf.base"))
    assert base.find("struct task_struct").members
