"""`btfkit encode` of debug packages: the vmlinux in them becomes BTF in BTFHub's layout."""

from __future__ import annotations

import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from archive_inputs import deb, rpm
from cli_inputs import files, run

import btfkit
from btfkit.cli import main
from needs import lacks

DATA = Path(__file__).parents[1] / "data" / "encode"
R = "5.4.0-1-amd64"


def unpacked(name):
    return lzma.decompress((DATA / f"{name}.o.xz").read_bytes())


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kernel = unpacked("gcc-dwarf5")
    modules = {f"usr/lib/debug/lib/modules/{R}/kernel/{name}.ko": unpacked("gcc-types") for name in ("a", "b")}
    debian = {**modules, f"usr/lib/debug/boot/vmlinux-{R}": kernel, f"usr/lib/debug/boot/vmlinux-{R}-gdb.py": b"#"}
    fedora = {f"usr/lib/debug/lib/modules/{R}/vmlinux": kernel, **modules}
    (tmp_path / "dbg.deb").write_bytes(deb(debian, lzma.compress, ".xz"))
    (tmp_path / "dbgsym.ddeb").write_bytes(deb(debian))
    (tmp_path / "debuginfo.rpm").write_bytes(rpm(fedora, lzma.compress))
    (tmp_path / "packed.rpm").write_bytes(rpm({f"usr/lib/debug/boot/vmlinux-{R}.xz": lzma.compress(kernel)}))
    (tmp_path / "modules.deb").write_bytes(deb(modules))
    (tmp_path / "image.deb").write_bytes(deb({f"boot/vmlinuz-{R}": b"MZ" + bytes(600)}))
    (tmp_path / "bare.deb").write_bytes(deb({f"boot/vmlinux-{R}": unpacked("gcc-no-debug")}))
    (tmp_path / "kernel.o").write_bytes(kernel)
    return tmp_path


@pytest.mark.parametrize("package", ["dbg.deb", "dbgsym.ddeb", "debuginfo.rpm", "packed.rpm"])
def test_raw_and_btfhub_s_layout(capsys, here, package):
    before = (here / package).read_bytes()
    assert run(capsys, "encode", "kernel.o", "-o", "own.btf").status == 0
    own = (here / "own.btf").read_bytes()
    assert run(capsys, "encode", package, "-o", "out.btf").status == 0
    assert (here / "out.btf").read_bytes() == own
    said = run(capsys, "encode", package, "-o", f"hub/debian/10/x86_64/{R}.btf.tar.xz")
    assert said.status == 0, said.err
    with tarfile.open(here / f"hub/debian/10/x86_64/{R}.btf.tar.xz") as tar:
        assert tar.getnames() == [f"{R}.btf"]
        assert tar.extractfile(f"{R}.btf").read() == own
    assert btfkit.load(f"hub/debian/10/x86_64/{R}.btf.tar.xz").to_bytes() == own
    assert (here / package).read_bytes() == before
    said = run(capsys, "min", "--archive", "hub", "--keep-type", "bits", "-o", "small")
    assert said.status == 0, said.err
    assert [name for name in files(here / "small") if not name.startswith(".")] == [f"debian/10/x86_64/{R}.btf"]


def test_a_tar_of_a_file_that_is_no_package(capsys, here):
    assert run(capsys, "encode", "kernel.o", "-o", "kernel.btf.tar").status == 0
    with tarfile.open(here / "kernel.btf.tar") as tar:
        assert tar.getnames() == ["kernel.btf"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["dbg.deb"], 3, ".btf.tar.xz"),
        (["dbg.deb", "-o", "out.deb"], 3, ".btf.tar.xz"),
        (["dbg.deb", "kernel.o", "-o", "out"], 2, "both debug packages and other files"),
        (["modules.deb", "-o", "out.btf"], 3, "no kernel"),
        (["image.deb", "-o", "out.btf"], 3, f"image.deb(boot/vmlinuz-{R})"),
        (["image.deb", "-o", "out.btf"], 3, "debug package"),
        (["bare.deb", "-o", "out.btf"], 3, "debug package"),
        (["cut.deb", "-o", "out.btf"], 3, "truncated"),
    ],
)
def test_what_is_refused(capsys, here, words, status, message):
    (here / "cut.deb").write_bytes((here / "dbgsym.ddeb").read_bytes()[:-3000])
    before = files(here)
    said = run(capsys, "encode", *words)
    assert (said.status, said.out) == (status, "")
    assert message in said.err
    assert files(here) == before


def program(*words: str) -> None:
    path = shutil.which(words[0])
    if path is None:
        lacks("program", words[0])
    subprocess.run([path, *words[1:]], check=True, capture_output=True, timeout=60)


VMLINUX, SHARED = f"usr/lib/debug/lib/modules/{R}/vmlinux", "usr/lib/debug/.dwz/kernel.debug"


@pytest.fixture(params=["/usr/lib/debug/.dwz/kernel.debug", "../../../.dwz/kernel.debug"])
def parts(here, request) -> dict[str, bytes]:
    """A kernel a part of whose DWARF dwz has moved, and that part; `whole.btf` is its BTF."""
    types = "#include <stdio.h>\n#include <signal.h>\n#include <netinet/in.h>\n#include <time.h>\n"
    for number in "12":
        (here / f"{number}.c").write_text(
            f"{types} int f{number}(FILE *f, siginfo_t *s, struct sockaddr_in *a) {{ return 0; }}"
        )
        program("gcc", "-g", "-O1", "-shared", "-fPIC", "-Wl,--build-id", f"{number}.c", "-o", f"{number}.so")
    assert main(["encode", "1.so", "-o", "whole.btf", "-q"]) == 0
    program("dwz", "-m", "common", "-M", request.param, "1.so", "2.so")
    return {VMLINUX: (here / "1.so").read_bytes(), SHARED: (here / "common").read_bytes()}


@pytest.mark.parametrize("pack", [deb, rpm])
@pytest.mark.parametrize("where", ["the package", "beside it", "another version", "nowhere"])
def test_a_kernel_that_dwz_compressed(capsys, here, parts, pack, where):
    """Its other part is in the package, or in one of the same version beside it."""
    (here / "p").mkdir()
    version = {"control": "Package: x\nVersion: 1:5.4-1\n"} if pack is deb else {"tags": {1001: "5.4", 1002: "1"}}
    suffix = pack.__name__
    package = here / "p" / f"debuginfo-5.4-1.{suffix}"
    package.write_bytes(pack(parts if where == "the package" else {VMLINUX: parts[VMLINUX]}, **version))
    if where in ("beside it", "another version"):
        name = "shared-5.4-1" if where == "beside it" else "shared-5.5-1"
        (here / "p" / f"{name}.{suffix}").write_bytes(pack({SHARED: parts[SHARED]}))
        (here / "p" / f"bad-5.4-1.{suffix}").write_bytes(package.read_bytes()[:90])
    said = run(capsys, "encode", str(package), "-o", "out.btf")
    if where in ("the package", "beside it"):
        assert said.status == 0, said.err
        whole = btfkit.load("whole.btf")
        out = btfkit.load("out.btf")
        assert sorted((one.kind_name, one.name) for one in out.types()) == sorted(
            (one.kind_name, one.name) for one in whole.types()
        )
    else:
        assert said.status == 3
        assert "kernel.debug (made by dwz -m)" in said.err
        assert "which is not there" in said.err
    made = btfkit.encode_packages([str(package)], "archive")
    assert [one.status for one in made.packages] == ["made" if said.status == 0 else "failed"]
