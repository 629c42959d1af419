"""A package is a container for every command that takes a kernel or modules."""

from __future__ import annotations

import lzma

import pytest
from archive_inputs import deb, rpm
from cli_inputs import files, fill, run

from bpf import cases

BTF, MODULES = cases.target_bytes("a.x86_64+modules")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    inside = {"boot/vmlinuz-6.1": BTF, **{f"lib/modules/6.1/{name}.ko": blob for name, blob in MODULES.items()}}
    (tmp_path / "linux-image-6.1_1_amd64.deb").write_bytes(deb(inside, lzma.compress, ".xz"))
    (tmp_path / "kernel-6.1.rpm").write_bytes(rpm(inside, lzma.compress))
    return tmp_path


@pytest.mark.parametrize("package", ["linux-image-6.1_1_amd64.deb", "kernel-6.1.rpm"])
def test_every_command(capsys, here, package):
    assert run(capsys, "extract", package, "-o", "out.btf").status == 0
    assert (here / "out.btf").read_bytes() == BTF
    said = run(capsys, "info", package)
    assert said.status == 0
    assert f"{package}(boot/vmlinuz-6.1)" in said.out
    assert run(capsys, "min", "-m", "mods", "-o", "ours", "vmlinux", "module.bpf.o").status == 0
    assert run(capsys, "min", "-m", package, "-o", "theirs", package, "module.bpf.o").status == 0
    assert sorted(files(here / "theirs").values()) == sorted(files(here / "ours").values())
    ours = run(capsys, "check", "module.bpf.o", "--kernels", "vmlinux", "-m", "mods", "--all")
    theirs = run(capsys, "check", "module.bpf.o", "--kernels", package, "--all")
    assert theirs.status == ours.status
    for command in ("dump", "verify", "layout"):
        assert run(capsys, command, package).out == run(capsys, command, "vmlinux").out.replace(
            "vmlinux", f"{package}(boot/vmlinuz-6.1)"
        )
    assert (
        run(capsys, "explain", "mods", "-B", package).status == run(capsys, "explain", "mods", "-B", "vmlinux").status
    )


def test_an_archive_of_packages(capsys, here):
    tree = here / "tree"
    tree.mkdir()
    (here / "linux-image-6.1_1_amd64.deb").rename(tree / "linux-image-6.1_1_amd64.deb")
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o", "module.bpf.o")
    assert said.status == 0, said.err
    made = [name for name in files(here / "out") if not name.startswith(".")]
    assert made[0].startswith("6.1/")
    assert "6.1/vmlinux" in made
    assert any("lib/modules/6.1" in name for name in made)
    assert "1 unchanged" in run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o", "module.bpf.o").err


def test_a_directory_with_packages(capsys, here):
    (here / "pool").mkdir()
    (here / "linux-image-6.1_1_amd64.deb").rename(here / "pool" / "linux-image-6.1_1_amd64.deb")
    assert run(capsys, "min", "-m", "mods", "-o", "ours", "vmlinux", "module.bpf.o").status == 0
    said = run(capsys, "min", "-m", "pool", "-o", "theirs", "vmlinux", "module.bpf.o")
    assert said.status == 0
    assert "modules: 2 searched" in said.err
    assert sorted(files(here / "theirs").values()) == sorted(files(here / "ours").values())
