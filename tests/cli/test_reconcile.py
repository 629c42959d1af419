"""`btfkit reconcile`: modules on another kernel, proven, or left as they were."""

from __future__ import annotations

import json
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf_file import load
from btfkit.btf_file import open as open_btf
from btfkit.cli import main
from btfkit.files.compression import sniff
from btfkit.files.elf import Elf
from btfkit.judges.reconciled import compare
from corpus import kernel_path, kernels, require_corpus
from needs import needs
from small_modules import elf, kernel, ko, module

ORDERS = ("little", "big")


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def distilled(tmp_path):
    """A function that makes a distilled module of a kernel: (path of the .ko, the kernel)."""

    def make(name: str = "m.ko", pack=bytes, policy: str = "distilled", **how) -> str:
        base = kernel(**how)
        put(tmp_path / "old", base.to_bytes())
        path = put(
            tmp_path / name, pack(ko(module(base), base, how.get("order", "little"), how.get("bits", 64), ids=True))
        )
        assert main(["distill", path, "-B", str(tmp_path / "old"), "--in-place", "-q", "--policy", policy]) == 0
        return path

    return make


def new(tmp_path, **how) -> str:
    return put(tmp_path / "new", kernel(**how).to_bytes())


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ORDERS)
def test_module(tmp_path, capfd, distilled, order, bits) -> None:
    path = distilled(order=order, bits=bits)
    capfd.readouterr()
    target = new(tmp_path, order=order, bits=bits, filler=7)
    out = str(tmp_path / "out.ko")
    assert main(["reconcile", path, "-B", target, "-o", out]) == 0
    assert "now on" in capfd.readouterr().err
    base = kernel(order, bits=bits, filler=7)
    found = Elf((tmp_path / "out.ko").read_bytes())
    assert found.section(".BTF.base") is None
    split = load(out, base)  # as a kernel without support reads it
    old = kernel(order, bits=bits)
    assert compare(Btf.from_bytes(module(old), old), split)
    dev = split.find("struct my_dev")
    assert next((m.name, m.type.name) for m in dev.members) == ("lock", "mutex")
    ids = found.data(".BTF_ids")
    numbers = [int.from_bytes(ids[at : at + 4], order) for at in range(0, len(ids), 4)]
    assert numbers[0] == split.find_id("struct mutex")
    assert numbers[1] == split.find_id("struct module")  # which the distilled base lacks: found by its name
    assert sorted((numbers[4], numbers[6])) == sorted((split.find_id("my_kfunc"), split.find_id("my_probe")))
    assert numbers[4] < numbers[6]


def test_in_place_and_packed(tmp_path, distilled) -> None:
    path = distilled("m.ko.xz", lzma.compress)
    assert main(["reconcile", path, "-B", new(tmp_path, filler=1), "--in-place", "-q"]) == 0
    data = (tmp_path / "m.ko.xz").read_bytes()
    assert sniff(data) == "xz"
    assert open_btf(data).base_section is None


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"mutex": 40}, "struct mutex: 32 bytes then, 40 now, held by value in struct my_dev.lock"),
        ({"file": False}, "struct file: not in the new base"),
        ({"order": "big"}, "other byte order"),
        ({"bits": 32}, "pointers of another size"),
    ],
)
def test_what_does_not_fit(tmp_path, capsys, distilled, how, told) -> None:
    path = distilled()
    before = (tmp_path / "m.ko").read_bytes()
    target = new(tmp_path, **how)
    capsys.readouterr()
    assert main(["reconcile", path, "-B", target, "--in-place"]) == 3
    assert told in capsys.readouterr().err
    assert (tmp_path / "m.ko").read_bytes() == before
    assert main(["reconcile", path, "-B", target, "-o", str(tmp_path / "out"), "--json"]) == 3
    assert not (tmp_path / "out").exists()
    (failed,) = json.loads(capsys.readouterr().out)["failed"]
    assert failed["findings"]
    assert failed["other_rules"]["rules"] == "upstream"


def test_char(tmp_path, capsys, distilled) -> None:
    """Plain char of another signedness: upstream rejects it, the strict rules let the module keep its own."""
    path = distilled()
    target = new(tmp_path, signed_char=False)
    capsys.readouterr()
    assert main(["reconcile", path, "-B", target, "-o", str(tmp_path / "out"), "--rules", "upstream"]) == 3
    assert "char: of another signedness" in (err := capsys.readouterr().err)
    assert "the strict rules accept it" in err
    assert main(["reconcile", path, "-B", target, "-o", str(tmp_path / "out.ko")]) == 0
    err = capsys.readouterr().err
    assert "keeps its own char" in err
    assert "would reject it: char" in err
    split = load(str(tmp_path / "out.ko"), target)
    assert split.struct("my_dev").members[2].type.type.encoding == 1
    assert main(["reconcile", path, "-B", target, "-o", str(tmp_path / "o2"), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["modules"]
    assert told["carried"] == ["char"]
    assert told["other_rules"]["fits"] is False


def test_policies_detect(tmp_path, capsys, distilled) -> None:
    """A member that was renamed: only a base that tells members notices."""
    for policy, status in {"distilled": 0, "by-value": 3, "full": 3}.items():
        path = distilled(f"{policy}.ko", policy=policy)
        assert main(["reconcile", path, "-B", new(tmp_path, mutex_first="holder"), "--in-place"]) == status
    assert "owner is gone" in capsys.readouterr().err


def test_full_is_no_section_of_the_kernels(tmp_path, distilled) -> None:
    path = distilled(policy="full")
    assert Elf((tmp_path / "m.ko").read_bytes()).section(".BTF.base_minimal") is not None
    assert main(["reconcile", path, "-B", new(tmp_path, filler=2), "--in-place"]) == 0
    assert Elf((tmp_path / "m.ko").read_bytes()).section(".BTF.base_minimal") is None


def test_raw(tmp_path, capfdbinary) -> None:
    old = put(tmp_path / "old", kernel().to_bytes())
    path = put(tmp_path / "m.btf", module(kernel()))
    target = new(tmp_path, filler=5)
    out = str(tmp_path / "out.btf")
    assert main(["reconcile", path, "-B", target, "-o", out]) == 3
    assert b"--distilled-base" in capfdbinary.readouterr().err
    assert main(["distill", path, "-B", old, "-o", str(tmp_path / "s.btf"), "--base-out", str(tmp_path / "b")]) == 0
    assert (
        main(["reconcile", str(tmp_path / "s.btf"), "-B", target, "-o", out, "--distilled-base", str(tmp_path / "b")])
        == 0
    )
    assert compare(Btf.from_bytes(module(kernel()), kernel()), load(out, target))
    assert main(["distill", path, "-B", old, "--in-place"]) == 0  # and the base beside it is found by itself
    assert main(["reconcile", path, "-B", target, "-o", "-", "-q"]) == 0
    assert capfdbinary.readouterr().out == (tmp_path / "out.btf").read_bytes()


def test_module_without_base(tmp_path, capsys) -> None:
    base = kernel()
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["reconcile", path, "-B", new(tmp_path), "--in-place"]) == 3
    assert "no .BTF.base" in capsys.readouterr().err


def test_base_that_is_none(tmp_path, capsys) -> None:
    base = kernel()
    files = {
        "junk": elf({".BTF": module(base), ".BTF.base": b"junk"}),
        "empty": elf({".BTF": module(base), ".BTF.base": b""}),
        "whole": elf({".BTF": module(base), ".BTF.base": base.to_bytes()}),
        "small": elf({".BTF": module(base), ".BTF.base": kernel(file=False, knows=False).to_bytes()}),
    }
    target = new(tmp_path, filler=1)
    for name, data in files.items():
        path = put(tmp_path / name, data)
        assert main(["reconcile", path, "-B", target, "--in-place"]) in ((0, 3) if name == "whole" else (3,)), name
        err = capsys.readouterr().err
        assert "Traceback" not in err
        assert name in err


def test_folder(tmp_path, capsys, distilled) -> None:
    for name in ("in/a.ko", "in/b/c.ko.xz"):
        distilled(name, lzma.compress if name.endswith("xz") else bytes)
    base = kernel()
    put(tmp_path / "in" / "plain.ko", ko(module(base), base))
    put(tmp_path / "in" / "broken.ko", b"\x7fELF")
    put(tmp_path / "in" / "none.ko", elf({".text": b""}))
    target = new(tmp_path, signed_char=False)
    capsys.readouterr()
    assert main(["reconcile", str(tmp_path / "in"), "-B", target, "-o", str(tmp_path / "out"), "-j2"]) == 3
    *_, summary, char, differ = capsys.readouterr().err.splitlines()
    assert summary == f"2 modules now on {target}, 2 without .BTF.base, unchanged, 1 failed, unchanged"
    assert char == "2 keep their own char, which has another signedness in this kernel"
    assert differ == "2 would be rejected by the upstream rules: char (2)"
    assert sorted(os.listdir(tmp_path / "out")) == ["a.ko", "b"]
    assert main(["reconcile", str(tmp_path / "in"), "-B", new(tmp_path, mutex=48), "--in-place", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert len(report["failed"]) == 3
    assert len(report["without_base"]) == 2


def test_usage(tmp_path) -> None:
    path = put(tmp_path / "m.ko", b"")
    for argv in (
        [path, "--in-place"],
        [path, "-B", "x"],
        [path, path, "-B", "x", "--in-place", "--distilled-base", "y"],
    ):
        assert main(["reconcile", *argv]) == 2


def test_verification_stops(tmp_path, capsys, monkeypatch, distilled) -> None:
    """What the proof refuses is not written; here upstream's rules, which map a struct to a union."""
    path = distilled()
    b = btfkit.Builder()
    b.int("char", 1, encoding=1)
    number = b.int("unsigned long", 8)
    b.struct("mutex", 32, [("owner", number, 0)])
    b.union("file", 24, [("f_pos", number, 0)])
    target = put(tmp_path / "new", b.to_bytes())
    capsys.readouterr()
    assert main(["reconcile", path, "-B", target, "-o", str(tmp_path / "out"), "--rules", "upstream"]) == 3
    assert "--no-verify writes it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert (
        main(["reconcile", path, "-B", target, "-o", str(tmp_path / "out"), "--rules", "upstream", "--no-verify"]) == 0
    )
    assert "warning: the strict rules reject it: struct file" in capsys.readouterr().err


@needs("signals", os.name != "nt")
def test_interrupt_leaves_whole_files(tmp_path, distilled) -> None:
    path = distilled()
    data = Path(path).read_bytes()
    for number in range(600):
        put(tmp_path / "in" / f"{number}.ko", data)
    target, out = new(tmp_path, filler=3), tmp_path / "out"
    command = [sys.executable, "-m", "btfkit", "reconcile", str(tmp_path / "in"), "-B", target, "-o", str(out), "-j2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (out.is_dir() and os.listdir(out)):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode in (3, 0)
    assert b"Traceback" not in err
    names = os.listdir(out)
    assert not [name for name in names if name.startswith(".")]
    assert len({(out / name).read_bytes() for name in names}) == 1


def test_real_module(tmp_path) -> None:
    """xfs of 6.12.107 onto 6.12.94, straight out of the packed files, and what libbpf's rules say of 7.2."""
    path = os.path.join(require_corpus(), "kernel-files", "xfs-6.12.107+deb13-amd64.ko.xz")
    names = {name.partition("+")[0]: name for name in kernels() if name.endswith("amd64") and "cloud" not in name}
    old, near, far = (kernel_path(names[name]) for name in ("6.12.107", "6.12.94", "7.2.13"))
    out, there = str(tmp_path / "xfs.ko.xz"), str(tmp_path / "there.ko")
    assert main(["distill", path, "-B", old, "-o", out, "--strip-signature", "-q"]) == 0
    assert main(["reconcile", out, "-B", near, "-o", there, "-q"]) == 0
    split = load(there, near)
    assert split.find("struct xfs_inode").size == load(path, old).find("struct xfs_inode").size
    assert main(["reconcile", out, "-B", far, "-o", there + "2", "-q"]) == 3
