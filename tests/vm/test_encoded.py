"""Modules to which `btfkit encode` gave BTF: real kernels take it, register the kfuncs, and BPF programs call them."""

from __future__ import annotations

from pathlib import Path

import demo
import pytest
from judge import verdicts
from machine import Kernel, require_kernel
from workshop import compiled, resolved_by_the_kernels_tool, stripped

from btfkit.cli import main
from btfkit.files.elf import Elf
from peer_tools import bench

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parent / "kfunc.bpf.c"
ON_OTHERS = {"now": "before", "new": "beside"}  # on whose vmlinux it is encoded as well, besides that of its kernel


def program() -> bytes:
    """kfunc.bpf.c, compiled by the peers' clang."""
    with bench("clang") as b:
        source = b.put(SOURCE.name, SOURCE.read_bytes())
        done = b.run(["-O2", "-g", "-target", "bpf", "-c", source, "-o", b.path("out.o")])
        assert done.returncode == 0, done.stderr.decode()
        made = b.get("out.o")
        assert made is not None
        return made


def encoded(data: bytes, base: Kernel, folder: Path, *options: str) -> bytes:
    """What `btfkit encode` makes of a module with DWARF."""
    module, vmlinux = folder / "m.ko", folder / "vmlinux.btf"
    module.write_bytes(data)
    vmlinux.write_bytes(base.btf.to_bytes())
    assert main(["encode", str(module), "-B", str(vmlinux), "-q", *options]) == 0
    return module.read_bytes()


def section(file: bytes, name: str) -> bytes:
    found = Elf(file, "module").btf_section(name)
    assert found is not None
    return bytes(found)


def ids(file: bytes) -> bytes:
    return section(file, ".BTF_ids")


@pytest.mark.parametrize("role", ["now", "new", "old"])
def test_kfuncs_of_an_encoded_module(role, tmp_path) -> None:
    kernel = require_kernel(role)
    source = compiled(kernel)
    assert not any(ids(source)[8:12])
    knows = kernel.version >= (6, 11)
    forms = {"split": [], "distilled": ["--distill"]}
    files = {form: encoded(source, kernel, tmp_path, *words, "--resolve-ids") for form, words in forms.items()}
    for form, words in forms.items():
        unresolved = encoded(source, kernel, tmp_path, *words)
        assert ids(unresolved) == ids(source)
        assert ids(resolved_by_the_kernels_tool(unresolved, kernel)) == ids(files[form]), form
    if role in ON_OTHERS:
        files["other-base"] = encoded(source, require_kernel(ON_OTHERS[role]), tmp_path, "--distill", "--resolve-ids")
    (tmp_path / "distilled.ko").write_bytes(files["distilled"])
    command = ["reconcile", str(tmp_path / "distilled.ko"), "-B", str(tmp_path / "vmlinux.btf")]
    (tmp_path / "vmlinux.btf").write_bytes(kernel.btf.to_bytes())
    assert main([*command, "-o", str(tmp_path / "reconciled.ko"), "-q"]) == 0
    files["reconciled"] = (tmp_path / "reconciled.ko").read_bytes()
    installed = {form: stripped(file) for form, file in files.items()}
    taken = {"split", "reconciled"} | ({"distilled", "other-base"} & set(files) if knows else set())
    found = verdicts(kernel, installed, program=program(), look_at=list(taken))
    for form, verdict in found.items():
        assert (verdict.btf is not None) == (form in taken), (form, verdict)
        assert verdict.loaded, (form, verdict)
        if form not in taken:
            continue
        demo.check(verdict, kernel, form, dumped=True)
        assert verdict.said()["kfuncs"] == 0, (form, verdict)
        assert "Return value: 42" in verdict.call, (form, verdict.call)
    file = kernel.btf.find_id("struct file")
    for form in ("split", "reconciled"):
        said, btf = found[form].said(), found[form].on(kernel.btf)
        assert (said["id_of_file"], said["id_of_device"]) == (file, btf.find_id("struct btfkit_device")), form
        assert found[form].btf == section(files[form], ".BTF")
