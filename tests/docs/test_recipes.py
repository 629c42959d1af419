"""Each recipe's commands run, in their order, on small inputs and on a real kernel with some of its modules."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest

import btfkit
from btfkit.cli import main
from needs import needs
from recipes import put, run
from small_modules import elf, kernel, ko, module

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
pytestmark = needs("platform", os.name != "nt", "a shell")


@pytest.fixture
def inputs(tmp_path):
    """Variables of the recipes: a module, the kernel that it was built with, one that it fits."""
    base = kernel()
    return {
        "MODULE": put(tmp_path / "my.ko", ko(module(base), base, ids=True)),
        "BUILT_WITH": put(tmp_path / "old", base.to_bytes()),
        "VMLINUX": put(tmp_path / "new", kernel(filler=9).to_bytes()),
        "DEST": str(tmp_path / "lib/modules/6.1.0/updates"),
    }


def other(tmp_path: Path) -> str:
    return put(tmp_path / "other", kernel(mutex=40).to_bytes())


def test_dkms(tmp_path, inputs) -> None:
    assert run("dkms.md", tmp_path, "Distribution packages", **inputs).endswith("0")
    split = btfkit.load(os.path.join(inputs["DEST"], "my.ko"), inputs["VMLINUX"])
    assert split.find("struct my_dev").size == 64
    assert btfkit.load(inputs["MODULE"]).base is not None  # the distilled one stays for the next kernel


def test_dkms_by_hand(tmp_path, inputs) -> None:
    dwarf = lzma.decompress((DATA / "encode" / "gcc-dwarf5.o.xz").read_bytes())
    inputs["MODULE"] = put(tmp_path / "made.ko", dwarf)
    assert run("dkms.md", tmp_path, "By hand", **inputs).endswith("0")
    made = btfkit.open(inputs["MODULE"])
    assert made.elf.section(".BTF.base") is not None
    assert made.btf().struct("bits").size == 7


def test_dkms_on_a_kernel_that_it_does_not_fit(tmp_path, inputs) -> None:
    text = run("dkms.md", tmp_path, "Distribution packages", **{**inputs, "VMLINUX": other(tmp_path)})
    assert "must be rebuilt for this kernel" in text
    assert not os.listdir(inputs["DEST"])


def test_vendor_module(tmp_path, inputs) -> None:
    put(tmp_path / "kernels" / "6.1.btf", kernel(knows=False, filler=2).to_bytes())
    put(tmp_path / "kernels" / "6.12.btf", kernel(mutex_first="holder").to_bytes())
    text = run("vendor-module.md", tmp_path, **inputs, KERNELS=str(tmp_path / "kernels"))
    assert "1 after `btfkit reconcile`" in text
    assert text.endswith("0")
    assert os.listdir(inputs["DEST"]) == ["my.ko"]


def test_check_update(tmp_path, inputs) -> None:
    modules = tmp_path / "modules"
    base = kernel()
    for name in ("a.ko", "b.ko"):
        path = put(modules / name, ko(module(base), base))
        assert main(["distill", path, "-B", inputs["BUILT_WITH"], "--in-place", "-q"]) == 0
    put(modules / "none.ko", elf({".text": b""}))
    with open(modules / "b.ko", "ab") as f:  # signed
        f.write(b"signature" + bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 9]) + b"~Module signature appended~\n")
    inputs["MODULE"] = str(modules / "a.ko")
    assert "2 fit, 0 do not" in run("check-update.md", tmp_path, **inputs, MODULES=str(modules))
    text = run("check-update.md", tmp_path, **{**inputs, "VMLINUX": other(tmp_path)}, MODULES=str(modules))
    assert "0 fit, 2 do not" in text
    assert "struct mutex: 32 bytes then, 40 now" in text
    assert "exit status 3" in text
    put(modules / "bad.ko", b"junk")
    text = run("check-update.md", tmp_path, **inputs, MODULES=str(modules))
    assert "bad.ko\n  " in text
    assert "not BTF but text" in text
    assert "2 fit, 1 do not" in text


def test_on_a_real_kernel(tmp_path) -> None:
    """The modules of tests/data, distilled and checked against their own kernel."""
    vmlinux = str(DATA / "vmlinux-6.12.107+deb13-amd64.btf.xz")
    modules = tmp_path / "modules"
    assert main(["distill", str(DATA / "modules"), "-B", vmlinux, "-o", str(modules), "-q"]) == 0
    inputs = {"MODULE": str(modules / "act_ct.btf.xz"), "BUILT_WITH": vmlinux, "VMLINUX": vmlinux}
    assert "5 fit, 0 do not" in run("check-update.md", tmp_path, **inputs, MODULES=str(modules))


def test_ship_btf(tmp_path) -> None:
    import lzma

    from bpf import cases

    blob = cases.target_bytes("a.x86_64")[0]
    put(tmp_path / "hub/debian/12/x86_64/6.1.0-9-amd64.btf.xz", lzma.compress(blob))
    put(tmp_path / "hub/debian/12/x86_64/6.1.0-10-amd64.btf", cases.target_bytes("b.x86_64")[0])
    put(tmp_path / "prog.bpf.o", cases.object_bytes("fields.el"))
    put(tmp_path / "os-release", b'ID=debian\nVERSION_ID="12"\n')
    machine = {"ID": "debian", "UNAME": "6.1.0-9-amd64", "ARCH": "x86_64"}
    text = run("ship-btf.md", tmp_path, HUB="hub", OBJECTS="prog.bpf.o", **machine)
    assert text.endswith("0")
    assert "btf/debian/12/x86_64/6.1.0-9-amd64.btf" in text
    small = (tmp_path / "kernel.btf").read_bytes()
    assert small == (tmp_path / "btf/debian/12/x86_64/6.1.0-9-amd64.btf").read_bytes()
    first = (tmp_path / "layer.tar").read_bytes()
    run("ship-btf.md", tmp_path, HUB="hub", OBJECTS="prog.bpf.o", **machine)
    assert (tmp_path / "layer.tar").read_bytes() == first
