"""`btfkit encode` of a directory of debug packages: an archive in BTFHub's layout, made once, whatever happens on the way."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from archive_inputs import deb, rpm
from cli_inputs import environment, files, refused, run

import btfkit
from btfkit.fleet import packages
from btfkit.fleet.manifest import JOURNAL, NAME

DATA = Path(__file__).parents[1] / "data" / "encode"
DEBIAN = "Package: linux-image-{0}-dbg\nVersion: {1}\nArchitecture: amd64\nMaintainer: Debian Kernel Team\n"


def unpacked(name):
    return lzma.decompress((DATA / f"{name}.o.xz").read_bytes())


KERNELS = {name: unpacked(name) for name in ("gcc-dwarf5", "gcc-types", "gcc-no-debug")}


def debian(uname, version, kernel="gcc-dwarf5", control=DEBIAN):
    content = {f"usr/lib/debug/boot/vmlinux-{uname}": KERNELS[kernel]}
    return deb(content, control=control.format(uname, version))


def fedora(uname):
    tags = {1000: "kernel-debuginfo", 1001: "6.5.6", 1002: "300.fc39", 1011: "Fedora Project", 1022: "x86_64"}
    return rpm({f"usr/lib/debug/lib/modules/{uname}/vmlinux": KERNELS["gcc-types"]}, lzma.compress, tags)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put("p/linux-image-6.1.0-50-amd64-dbg_6.1.176-1_amd64.deb", debian("6.1.0-50-amd64", "6.1.176-1"))
    put("p/kernel-debuginfo-6.5.6-300.fc39.x86_64.rpm", fedora("6.5.6-300.fc39.x86_64"))
    ubuntu = DEBIAN.replace("Debian", "Ubuntu")
    put("p/dbgsym.ddeb", debian("5.4.0-42-generic", "5.4.0-42.46~18.04.1", "gcc-types", ubuntu))
    put("p/mine/rhel/8/aarch64/kernel.rpm", fedora("4.18.0-372.el8.aarch64"))  # directories decide
    put("p/own.deb", debian("6.9.0", "6.9.0-1", control="Package: x\n"))
    put("p/README", b"no package")
    return tmp_path


LAYOUT = [
    "debian/12/x86_64/6.1.0-50-amd64.btf.tar.xz",
    "fedora/39/x86_64/6.5.6-300.fc39.x86_64.btf.tar.xz",
    "rhel/8/aarch64/4.18.0-372.el8.aarch64.btf.tar.xz",
    "ubuntu/18.04/x86_64/5.4.0-42-generic.btf.tar.xz",
    "x86_64/6.9.0.btf.tar.xz",
]


def put(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def outputs(folder="out"):
    """The files of the archive but the manifest."""
    return {name: data for name, data in files(Path(folder)).items() if name != NAME}


def btf_in(path):
    with tarfile.open(path) as tar:
        (name,) = tar.getnames()
        return name, tar.extractfile(name).read()


def again(capsys, *words):
    return run(capsys, "encode", "p", "-o", "out", *words)


def test_the_layout(capsys):
    said = again(capsys)
    assert said.status == 0, said.err
    assert sorted(outputs()) == LAYOUT
    assert "5 packages: 5 made, 0 unchanged, 0 without a kernel with DWARF, 0 failed; " in said.err
    put("kernel.o", KERNELS["gcc-dwarf5"])
    assert run(capsys, "encode", "kernel.o", "-o", "own.btf").status == 0
    assert btf_in(f"out/{LAYOUT[0]}") == ("6.1.0-50-amd64.btf", Path("own.btf").read_bytes())
    kernels = {str(kernel.key): kernel.load().vmlinux for kernel in btfkit.find_kernels(["out"]).kernels}
    assert sorted(kernels) == sorted(path.removesuffix(".btf.tar.xz") for path in LAYOUT)
    assert kernels["debian/12/x86_64/6.1.0-50-amd64"].to_bytes() == Path("own.btf").read_bytes()
    said = run(capsys, "min", "--archive", "out", "-o", "small", "--keep-type", "struct bits")
    assert "5 kernels" in said.err


def test_one_package_into_a_directory_and_several(capsys):
    package = "p/linux-image-6.1.0-50-amd64-dbg_6.1.176-1_amd64.deb"
    assert run(capsys, "encode", package, "-o", "out/").status == 0
    assert sorted(outputs()) == LAYOUT[:1]
    assert run(capsys, "encode", package, "p/dbgsym.ddeb", "-o", "two").status == 0
    assert sorted(outputs("two")) == [LAYOUT[0], LAYOUT[3]]
    assert outputs("two")[LAYOUT[0]] == outputs()[LAYOUT[0]]


def test_the_result_does_not_depend_on_the_workers(capsys, here):
    again(capsys, "-j1")
    run(capsys, "encode", "p", "-o", "three", "-j3")
    assert files(here / "out") == files(here / "three")


def test_json_and_python(capsys):
    said = again(capsys, "--json")
    report = json.loads(said.out)
    assert (said.status, report["schema"]) == (0, 1)
    (one,) = (package for package in report["packages"] if package["path"].startswith("p/linux-image"))
    assert one["kernel"] == {"distro": "debian", "release": "12", "arch": "x86_64", "uname": "6.1.0-50-amd64"}
    assert one["output"] == LAYOUT[0]
    assert one["functions"] > 0
    assert {package["status"] for package in report["packages"]} == {"made"}
    result = btfkit.encode_packages(["p"], "out")
    assert {package.status for package in result.packages} == {"unchanged"}
    assert [line.count("5 unchanged") for line in result.summary_lines()] == [1]


def test_nothing_is_done_twice(capsys, here, monkeypatch):
    again(capsys)
    first = files(here / "out")
    times = {name: os.stat(f"out/{name}").st_mtime_ns for name in outputs()}
    monkeypatch.setattr(packages, "open_elf", None)  # would fail
    said = again(capsys)
    assert (said.status, "0 made, 5 unchanged" in said.err) == (0, True)
    assert files(here / "out") == first
    assert {name: os.stat(f"out/{name}").st_mtime_ns for name in outputs()} == times
    os.rename("p", "q")  # it is the content that counts
    said = run(capsys, "encode", "q", "-o", "out")
    assert "0 made, 5 unchanged" in said.err


def test_an_archive_grows_and_mends(capsys):
    again(capsys)
    whole = outputs()
    shutil.rmtree("p")
    put("p/next.deb", debian("6.1.0-51-amd64", "6.1.180-1"))
    said = again(capsys)
    assert "1 package: 1 made" in said.err
    assert sorted(outputs()) == sorted([*LAYOUT, "debian/12/x86_64/6.1.0-51-amd64.btf.tar.xz"])
    assert {name: data for name, data in outputs().items() if name in whole} == whole
    put("out/debian/12/x86_64/6.1.0-51-amd64.btf.tar.xz", b"damaged")
    assert "1 made" in again(capsys).err
    assert btf_in("out/debian/12/x86_64/6.1.0-51-amd64.btf.tar.xz")[0] == "6.1.0-51-amd64.btf"


def test_a_package_that_moves_to_the_directory_of_another_release(capsys):
    again(capsys)
    put("q/debian/testing/x86_64/next.deb", Path("p/linux-image-6.1.0-50-amd64-dbg_6.1.176-1_amd64.deb").read_bytes())
    said = run(capsys, "encode", "q", "-o", "out")
    assert "1 made" in said.err
    assert "debian/testing/x86_64/6.1.0-50-amd64.btf.tar.xz" in outputs()


def test_other_options(capsys):
    again(capsys)
    said = again(capsys, "--features", "var")
    assert "the existing output was made with other versions or options: everything is made again" in said.err
    assert "5 made" in said.err
    assert "5 unchanged" in again(capsys, "--features", "var").err


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_one_bad_package_is_one_line(capsys):
    put("p/1-cut.deb", debian("6.2.0", "1")[:-3000])
    put("p/2-nothing.rpm", b"")
    put("p/3-text.deb", b"<!DOCTYPE html>")
    put("p/4-two.deb", deb({f"boot/vmlinux-{n}": KERNELS["gcc-types"] for n in ("5.1", "5.2")}))
    put("p/5-damaged.deb", deb({"boot/vmlinux-5.3": KERNELS["gcc-types"][:200]}))
    put("p/6-nameless.deb", deb({"usr/lib/debug/vmlinux": KERNELS["gcc-types"]}))
    put("p/7-elf.deb", KERNELS["gcc-types"])
    put("p/8\nline.deb", b"!<arch>\n" + bytes(60))
    os.symlink("nowhere", "p/9-link.deb")
    before = files(Path("p"))
    said = again(capsys)
    assert said.status == 3
    lines = [line for line in said.err.splitlines() if line.startswith("btfkit: ")]
    for number in range(1, 10):
        about = [line for line in lines if f"p/{number}-" in line or f"p/{number}\\n" in line]
        assert len(about) == 1, (number, said.err)
    assert len(lines) == 9
    assert "14 packages: 5 made, 0 unchanged, 0 without a kernel with DWARF, 9 failed" in said.err
    assert sorted(outputs()) == LAYOUT
    assert files(Path("p")) == before


def test_packages_without_a_kernel(capsys):
    put("p/headers.deb", deb({"usr/src/linux-headers-6.1/Makefile": b""}))
    put("p/image.deb", deb({"boot/vmlinuz-6.1.0-50-amd64": b"MZ" + bytes(600)}))
    put("p/bare.deb", deb({"boot/vmlinux-6.1": KERNELS["gcc-no-debug"]}))
    said = again(capsys)
    assert (said.status, [line for line in said.err.splitlines() if line.startswith("btfkit: ")]) == (0, [])
    assert "8 packages: 5 made, 0 unchanged, 3 without a kernel with DWARF, 0 failed" in said.err
    assert "8 packages: 0 made, 5 unchanged, 3 without a kernel with DWARF, 0 failed" in again(capsys).err


def test_a_directory_with_nothing_to_do(capsys):
    shutil.rmtree("p")
    put("p/headers.deb", deb({"usr/src/linux-headers-6.1/Makefile": b""}))
    said = again(capsys)
    assert said.status == 3
    assert "btfkit: p/headers.deb: no kernel and no module in this package" in said.err
    assert outputs() == {}
    said = again(capsys)  # what the manifest knows
    assert (said.status, "btfkit: p/headers.deb: no kernel with DWARF" in said.err) == (3, True)


@pytest.mark.parametrize("order", [["-j1"], ["-j2"]])
def test_two_packages_of_one_kernel(capsys, order):
    put("p/linux-image-6.1.0-50-amd64-dbg_6.1.9-1_amd64.deb", debian("6.1.0-50-amd64", "6.1.9-1", "gcc-types"))
    put("p/copy.deb", Path("p/linux-image-6.1.0-50-amd64-dbg_6.1.176-1_amd64.deb").read_bytes())
    first = "p/linux-image-6.1.0-50-amd64-dbg_6.1.9-1_amd64.deb"
    for _ in range(2):
        said = again(capsys, *order)
        assert said.status == 3
        (line,) = (line for line in said.err.splitlines() if line.startswith("btfkit: "))
        assert line.startswith(
            f"btfkit: {first}: has the same kernel (debian/12/x86_64/6.1.0-50-amd64.btf.tar.xz) as p/"
        )
        put("kernel.o", KERNELS["gcc-dwarf5"])
        run(capsys, "encode", "kernel.o", "-o", "own.btf")
        assert btf_in(f"out/{LAYOUT[0]}")[1] == Path("own.btf").read_bytes()


def test_directories_that_another_command_wrote(capsys):
    assert again(capsys).status == 0
    assert run(capsys, "min", "--archive", "out", "-o", "small", "--keep-type", "struct bits").status in (0, 1)
    text = refused(capsys, "encode", "p", "-o", "small")
    assert text.startswith("btfkit: small: it has the output of `btfkit min --archive`")
    assert "the output of `btfkit encode`" in refused(
        capsys, "min", "--archive", "small", "-o", "out", "--keep-type", "struct bits"
    )


def test_a_bundle_of_the_archive(capsys):
    again(capsys)
    said = run(capsys, "bundle", "create", "bundle", "out")
    assert said.status == 0, said.err
    assert run(capsys, "bundle", "get", "bundle", "6.1.0-50-amd64", "-o", "got").status == 0
    assert Path("got").read_bytes() == btf_in(f"out/{LAYOUT[0]}")[1]


@pytest.mark.parametrize("content", [b"{", b'{"schema": 1, "command": "x"}', b'{"schema": 1, "command": ["encode"]}'])
def test_manifests_that_cannot_be_read(capsys, content):
    put(f"out/{NAME}", content)
    said = again(capsys)
    assert said.status == 0
    assert "everything is made again" in said.err
    assert sorted(outputs()) == LAYOUT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["p"], "no output: use -o DIR"),
        (["p", "-o", "-"], "no output: use -o DIR"),
        (["p", "-o", "p/README"], "p/README is a file"),
        (["p", "-o", "out", "-B", "p/README"], "--base does not go with debug packages"),
        (["p", "-o", "out", "--distill"], "--distill does not go with debug packages"),
        (["p", "-o", "out", "--features", "distilled_base"], "distilled_base does not go with debug packages"),
        (["p", "--in-place"], "--in-place does not go with debug packages"),
        (["p", "p/README", "-o", "out"], "p and p/README: both debug packages and other files"),
        (["mixed", "-o", "out"], "mixed: both debug packages and other files"),
    ],
)
def test_usage(capsys, words, said):
    put("mixed/a.deb", b"")
    put("mixed/a.ko", b"")
    assert said in refused(capsys, "encode", *words, status=2)


# ---- interrupted ---------------------------------------------------------------------------------------------------


def test_killed_and_continued(capsys, here):
    """The parent is killed when the first package is done: the next run has only the others to make."""
    again(capsys)
    whole = files(here / "out")
    shutil.rmtree("out")
    code = (
        "import os, signal, sys\n"
        "from btfkit.cli import main\n"
        "from btfkit.fleet import packages\n"
        "put = packages._Places.put\n"
        "def put_one(*words):\n"
        "    put(*words)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "packages._Places.put = put_one\n"
        "main(['encode', 'p', '-o', 'out', '-j2'])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == -9
    left = files(here / "out")
    assert set(left) == {NAME, JOURNAL, *outputs()}
    assert len(outputs()) == 2  # with the journal
    assert all(data == whole[name] for name, data in outputs().items() if name != JOURNAL)
    said = again(capsys)
    assert (said.status, "4 made, 1 unchanged" in said.err) == (0, True)
    assert files(here / "out") == whole


def test_two_runs_into_one_archive(capsys, here):
    again(capsys)
    code = (
        "import subprocess, sys\n"
        "from btfkit.cli import main\n"
        "from btfkit.fleet import packages\n"
        "def find(*words):\n"
        "    print(subprocess.run([sys.executable, '-m', 'btfkit', 'encode', 'p', '-o', 'out']).returncode, flush=True)\n"
        "    return []\n"
        "packages.remove_leftovers = find\n"
        "print(main(['encode', 'p', '-o', 'out', '-q']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), check=False, capture_output=True, text=True)
    assert (done.stdout, "another btfkit is writing there" in done.stderr) == ("3\n0\n", True)


def test_an_output_that_cannot_be_written(capsys, here):
    put("out/debian", b"a file where a directory should be")
    said = again(capsys, "-j1")
    assert said.status == 3
    assert "out/debian/12/x86_64/6.1.0-50-amd64.btf.tar.xz: Not a directory" in said.err
    assert (here / "out/debian").read_bytes() == b"a file where a directory should be"
