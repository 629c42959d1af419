"""What cannot be read is named, and the exit status is not 0: a file without a suffix, a directory, and one without modules."""

from __future__ import annotations

import builtins
import errno
import os
import shutil

import pytest
from cli_inputs import files, fill, run

from btfkit.files.modules import NO_MODULES
from small_modules import elf, kernel, ko, module

FIELDS = "fields.bpf.o"
# Commands that read modules in a directory, with DIR in place of it.
MODULES = {
    "distill": ["distill", "DIR", "-B", "vmlinux", "-o", "out"],
    "distill in place": ["distill", "DIR", "-B", "vmlinux", "--in-place"],
    "dedup": ["dedup", "DIR", "-B", "vmlinux", "-o", "out"],
    "reconcile": ["reconcile", "DIR", "-B", "vmlinux", "-o", "out"],
    "sort": ["sort", "DIR", "-B", "vmlinux", "-o", "out"],
    "sort -m": ["sort", "vmlinux", "-m", "DIR", "-o", "out"],
    "sanitize": ["sanitize", "DIR", "-B", "vmlinux", "--for", "5.10", "-o", "out"],
    "extract": ["extract", "DIR", "-o", "out"],
}
ON_KERNEL = {
    "min": ["min", "vmlinux", "-m", "DIR", "-o", "out", FIELDS],
    "merge": ["merge", "vmlinux", "DIR", "-o", "out"],
    "relocs": ["relocs", FIELDS, "-b", "vmlinux", "-m", "DIR"],
    "check -m": ["check", FIELDS, "--kernels", "vmlinux", "-m", "DIR"],
}
KERNELS = {
    "check": ["check", FIELDS, "--kernels", "DIR", "-j", "1"],
    "bundle": ["bundle", "create", "out", "DIR"],
    "min --archive": ["min", "--archive", "DIR", "-o", "out", FIELDS, "-j", "1"],
    "explain": ["explain", "m.ko", "--kernels", "DIR", "-j", "1"],
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """`mods` with an unreadable file `secret` and directory `closed`; `k`, kernels with the like; m.ko, nobtf.ko; `empty`."""
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    base = kernel()
    (tmp_path / "m.ko").write_bytes(ko(module(base), base))
    (tmp_path / "nobtf.ko").write_bytes(elf({".text": b"\xcc"}))
    (tmp_path / "empty").mkdir()
    (tmp_path / "mods" / "closed").mkdir()
    (tmp_path / "mods" / "secret").write_bytes((tmp_path / "mods" / "mod_one").read_bytes())
    (tmp_path / "k" / "closed").mkdir(parents=True)
    for name in ("5.1.btf", "5.2.btf"):
        (tmp_path / "k" / name).write_bytes((tmp_path / "vmlinux").read_bytes())
    return tmp_path


@pytest.fixture(params=[errno.EACCES, errno.EIO], ids=["EACCES", "EIO"])
def closed(request, monkeypatch):
    """`closed` and `secret` cannot be read."""

    def closing(function, *names):
        def call(path, *more, **options):
            if isinstance(path, str) and os.path.basename(path) in names:
                raise OSError(request.param, os.strerror(request.param), path)
            return function(path, *more, **options)

        return call

    monkeypatch.setattr(os, "scandir", closing(os.scandir, "closed"))
    monkeypatch.setattr(os, "open", closing(os.open, "secret", "5.2.btf"))
    monkeypatch.setattr(builtins, "open", closing(open, "secret", "5.2.btf"))
    return os.strerror(request.param)


@pytest.mark.parametrize("name", [*MODULES, *ON_KERNEL])
def test_modules_that_cannot_be_read(capsys, closed, name) -> None:
    command = {**MODULES, **ON_KERNEL}[name]
    keeps_going = ["--keep-going"] if name in ("min", "merge") else []
    said = run(capsys, *("mods" if word == "DIR" else word for word in command), *keeps_going)
    assert said.status == 3, said.err
    if name == "relocs":  # the first ends it
        assert said.err == f"btfkit: mods/closed: {closed}\n" or said.err == f"btfkit: mods/secret: {closed}\n"
    else:
        assert f"mods/closed: {closed}" in said.err
        assert f"mods/secret: {closed}" in said.err


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_that_cannot_be_read(capsys, closed, name) -> None:
    said = run(capsys, *("k" if word == "DIR" else word for word in KERNELS[name]))
    assert said.status == 3, said.err
    assert f"k/closed: {closed}" in said.err
    assert f"k/5.2.btf: {closed}" in said.err


@pytest.mark.parametrize("name", MODULES)
def test_a_directory_without_modules(here, capsys, name) -> None:
    said = run(capsys, *("empty" if word == "DIR" else word for word in MODULES[name]))
    assert said.status == 3
    assert f"btfkit: empty: {NO_MODULES}\n" in said.err
    assert name == "sort -m" or not files(here).keys() & {"out", "out/nobtf.ko", "out/nobtf"}


@pytest.mark.parametrize("name", ON_KERNEL)
def test_a_kernel_without_modules(capsys, name) -> None:
    """A kernel may have none: no failure, but it is said."""
    said = run(capsys, *("empty" if word == "DIR" else word for word in ON_KERNEL[name]))
    assert said.status in (0, 1), said.err
    assert f"empty: {NO_MODULES}" in said.err + said.out


@pytest.mark.parametrize("name", MODULES)
def test_a_module_without_btf(here, capsys, name) -> None:
    """A failure that names the file, with an output and in place; `sort -m` takes a kernel with all its modules."""
    said = run(capsys, *("nobtf.ko" if word == "DIR" else word for word in MODULES[name]))
    assert "nobtf.ko: no .BTF section" in said.err or "1 without BTF" in said.err, said.err
    assert said.status == (0 if name == "sort -m" else 3)
    assert name == "sort -m" or not files(here).keys() & {"out", "out/nobtf.ko", "out/nobtf"}


def test_min_says_that_nothing_is_left(here, capsys) -> None:
    said = run(capsys, "min", "vmlinux", "-m", "nobtf.ko", "-o", "out", FIELDS)
    assert said.status == 0
    assert "modules: 0 searched, 0 written, 1 file without BTF skipped: nobtf.ko\n" in said.err
    (here / "v").write_bytes(kernel().to_bytes())
    (here / "m.btf").write_bytes(module(kernel()))
    said = run(capsys, "min", "-B", "v", "m.btf", "small", FIELDS)
    assert said.status == 0
    assert "small: no types, because nothing reads m.btf\n" in said.err


@pytest.mark.parametrize("name", KERNELS)
def test_files_without_a_suffix_among_kernels(here, capsys, closed, name) -> None:
    """One that cannot be read, and BTF that belongs to no kernel, are named; other files are not."""
    (here / "k" / "5.2.btf").unlink()
    (here / "k" / "secret").write_bytes(b"?")
    (here / "k" / "whose").write_bytes((here / "vmlinux").read_bytes())
    (here / "k" / "README").write_bytes(b"text")
    said = run(capsys, *("k" if word == "DIR" else word for word in KERNELS[name]))
    assert said.status == 3, said.err
    assert f"k/secret: {closed}" in said.err
    assert "k/whose: BTF without a suffix" in said.err
    assert "README" not in said.err


@pytest.mark.parametrize("name", [name for name in MODULES if name != "sort -m"])
def test_nothing_has_btf(here, capsys, name) -> None:
    """A directory of modules without BTF is a failure: nothing was done.  So is a named file among others."""
    (here / "none").mkdir()
    for number in range(3):
        shutil.copyfile(here / "nobtf.ko", here / "none" / f"m{number}.ko")
    said = run(capsys, *("none" if word == "DIR" else word for word in MODULES[name]))
    assert said.status == 3
    assert "btfkit: none/m0.ko: no .BTF section" in said.err
    assert "(2 more files likewise)" in said.err
    shutil.copyfile(here / "mods" / "mod_one", here / "none" / "m3.btf")
    said = run(capsys, *("none" if word == "DIR" else word for word in MODULES[name]))
    assert (said.status, "m0.ko: no .BTF" in said.err) == ((3, True) if name.startswith("reconcile") else (0, False))
