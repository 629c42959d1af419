"""Modules to which `btfkit encode` gave BTF: real kernels take it, register the kfuncs, and BPF programs call them."""

from __future__ import annotations

import errno
import lzma
import os
import re
import shutil
from pathlib import Path

import demo
import pytest
from judge import verdicts
from machine import Kernel, boot, require_kernel, run_inside, workroom
from workshop import compiled, resolved_by_the_kernels_tool, stripped

import btfkit
from btfkit.cli import main
from btfkit.files.elf import Elf
from peer_tools import bench

pytestmark = pytest.mark.slow
SOURCE, LOADER = (Path(__file__).parent / name for name in ("kfunc.bpf.c", "btf_load.c"))
DATA = Path(__file__).parents[1] / "data" / "encode"
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


def encoded(data: bytes, base: Kernel, folder: Path, *options: str, status: int = 0) -> bytes:
    """What `btfkit encode` makes of a module with DWARF, when it ends with that status."""
    module, vmlinux = folder / "m.ko", folder / "vmlinux.btf"
    module.write_bytes(data)
    vmlinux.write_bytes(base.btf.to_bytes())
    assert main(["encode", str(module), "-B", str(vmlinux), "-q", *options]) == status
    return module.read_bytes()


def section(file: bytes, name: str) -> bytes:
    found = Elf(file, "module").btf_section(name)
    assert found is not None
    return bytes(found)


def ids(file: bytes) -> bytes:
    return section(file, ".BTF_ids")


def loader() -> bytes:
    """btf_load.c, compiled in the chroot."""
    with workroom() as room:
        shutil.copy(LOADER, room)
        done = run_inside(["gcc-14", "-static", "-O2", "-o", "btf_load", LOADER.name], room)
        assert done.returncode == 0, done.stdout.decode()
        return (room / "btf_load").read_bytes()


@pytest.mark.parametrize("role", ["now", "new", "old"])
def test_kernels_load_raw_btf(role, tmp_path) -> None:
    """BPF_BTF_LOAD, which takes BTF without a base: of the module, of another compiler, of tags, and of a vmlinux if there is one
    with DWARF; and it rejects what is broken."""
    kernel = require_kernel(role)
    (tmp_path / "demo.ko").write_bytes(compiled(kernel))
    for path in sorted(DATA.glob("*-dwarf5.o.xz")):
        (tmp_path / path.name.removesuffix(".xz")).write_bytes(lzma.decompress(path.read_bytes()))
    files = {path.name: btfkit.encode(path).to_bytes() for path in tmp_path.iterdir()}
    if vmlinux := os.environ.get("BTFKIT_DEBUG_VMLINUX"):
        files["vmlinux"] = btfkit.encode(vmlinux).to_bytes()
    files["broken"] = files["demo.ko"][:-1] + b"x"  # its strings end without a zero
    script = "/in/btf_load /in/btf/* > /out/said"
    run = boot(
        kernel,
        f"chmod +x /in/btf_load\n{script}",
        {f"btf/{name}": data for name, data in files.items()} | {"btf_load": loader()},
    )
    assert run.status == 0, run
    said = run.out["said"].decode()
    answers = {name: int(number) for name, number in re.findall(r"^(\S+): (\d+)$", said, re.M) if name in files}
    assert answers == dict.fromkeys(files, 0) | {"broken": errno.EINVAL}, said
    assert len(answers) > 4


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
    if (
        role in ON_OTHERS
    ):  # which is refused, but no harm with a base of its own: what differs is written with the module
        words = ("--distill", "--resolve-ids")
        other = require_kernel(ON_OTHERS[role])
        assert encoded(source, other, tmp_path, *words, status=3) == source
        files["other-base"] = encoded(source, other, tmp_path, *words, "--force")
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
