"""The readers of docs/recipes/read-bundle.md, compiled and run: C on zlib, liblzma and libbpf; Go and Rust where they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import btfkit
from bpf import cases
from btfkit.fleet.bundle_write import Content, make_bundle
from btfkit.fleet.keys import Key
from needs import lacks
from peer_tools import bench, oracle_relocate, without_libbpf

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipes" / "read-bundle.md").read_text()
A = cases.target_bytes("a.x86_64")[0]
B = cases.target_bytes("b.x86_64")[0]
UNAMES = {"6.1.0-9-amd64": A, "6.1.0-10-amd64": B, "5.4.0-42-generic": A}
DUMP = r"""
int main(int argc, char **argv)
{
	static unsigned char bundle[1 << 22];
	size_t size, len = fread(bundle, 1, sizeof(bundle), fopen(argv[1], "rb"));
	unsigned char *btf = bundle_find(bundle, len, argv[2], argv[3], &size);
	return argc != 4 || !btf || fwrite(btf, 1, size, stdout) != size;
}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def bundle(compressor: str = "xz") -> bytes:
    content = Content("test")
    for uname, blob in UNAMES.items():
        content.add(Key("debian", "12", "x86_64", uname), blob)
    return make_bundle(content, compressor=compressor)


@pytest.fixture(params=["one group", "several groups"])
def form(request, monkeypatch):
    """Bundles with the group behind the index, and with groups of their own."""
    if request.param == "several groups":
        monkeypatch.setattr("btfkit.fleet.bundle_write.GROUP", 100)
    return request.param


def asked(command: list[str], folder: Path) -> None:
    """Every kernel is found, and nothing where there is none, whatever the bundle looks like."""
    path = str(folder / "bundle")
    for uname, blob in UNAMES.items():
        done = subprocess.run([*command, path, "x86_64", uname], capture_output=True, check=False, timeout=600)
        assert (done.returncode, done.stdout) == (0, blob), done.stderr
    for words in (["arm64", "6.1.0-9-amd64"], ["x86_64", "6.1.0"]):
        done = subprocess.run([*command, path, *words], capture_output=True, check=False, timeout=600)
        assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(("compressor", "flags"), [("xz", ["-llzma"]), ("gzip", ["-DWITH_ZLIB", "-lz"])])
def test_c(tmp_path, form, compressor, flags):
    cc = shutil.which("cc") or shutil.which("gcc")
    if cc is None:
        lacks("compiler")
    header = "zlib.h" if compressor == "gzip" else "lzma.h"
    (tmp_path / "reader.c").write_text(blocks("c")[0] + DUMP)
    command = [
        cc,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-g",
        str(tmp_path / "reader.c"),
        "-o",
        str(tmp_path / "reader"),
        *flags,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and header in done.stderr:
        lacks("header", header)
    assert done.returncode == 0, done.stderr
    (tmp_path / "bundle").write_bytes(bundle(compressor))
    asked([str(tmp_path / "reader")], tmp_path)
    data = bundle(compressor)
    for length in range(0, len(data), max(1, len(data) // 40)):  # damaged ones end, without a crash
        (tmp_path / "cut").write_bytes(data[:length])
        words = [str(tmp_path / "reader"), str(tmp_path / "cut"), "x86_64", "6.1.0-9-amd64"]
        assert subprocess.run(words, capture_output=True, check=False, timeout=600).returncode in (0, 1)


def test_c_with_libbpf(tmp_path):
    """libbpf loads a program with `btf_custom_path` out of a bundle, and relocates as with the whole BTF."""
    running = "/sys/kernel/btf/vmlinux"
    if not os.access(running, os.R_OK):
        lacks("load", "to load programs")
    program = Path(__file__).resolve().parents[1] / "data" / "opensnoop-libbpf.bpf.o"
    small = btfkit.minimize(btfkit.load(running), btfkit.load_objects(str(program))).btf.to_bytes()
    content = Content("test")
    content.add(Key("", "", "x86_64", os.uname().release), small)
    content.add(Key("", "", "x86_64", "6.1"), A)
    with bench("gcc") as b:
        source = b.put("reader.c", "\n".join(blocks("c")).encode())
        flags = ["-DWITH_ZLIB", "-Wall", "-Werror", source, "-o", b.path("reader"), "-lbpf", "-lz"]
        done = b.run(flags)
        without_libbpf(done)
        words = [b.put("bundle", make_bundle(content, compressor="gzip")), b.put("prog.bpf.o", program), "x86_64"]
        enter = ["chroot", b.tool.root] if b.tool.root else []
        done = subprocess.run([*enter, b.path("reader"), *words], capture_output=True, check=False, timeout=600)
        none = subprocess.run([*enter, b.path("reader"), *words, "5.0"], capture_output=True, check=False, timeout=600)
    assert (none.returncode, none.stderr) == (1, b"no BTF for this kernel\n")
    if b"Operation not permitted" in done.stderr:
        lacks("load", "to load programs")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == f"loaded with {len(small)} bytes of BTF\n".encode()
    with open(running, "rb") as file:
        whole = file.read()
    events = oracle_relocate(str(program), [whole, small])
    compared = [event for event in events if event["ev"] == "compare"]
    assert compared
    assert all(event.get("same", event.get("equal", True)) for event in compared), compared


@pytest.mark.slow
def test_go(tmp_path, form):
    go = shutil.which("go")
    if go is None:
        lacks("go")
    (tmp_path / "main.go").write_text(blocks("go")[0])
    for words in (["mod", "init", "reader"], ["mod", "tidy"], ["build", "-o", "reader", "."]):
        done = subprocess.run([go, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode and words[1:] == ["tidy"]:
            lacks("go")
        assert done.returncode == 0, done.stderr
    (tmp_path / "bundle").write_bytes(bundle())
    asked([str(tmp_path / "reader")], tmp_path)


def test_rust(tmp_path, form):
    rustc = shutil.which("rustc")
    if rustc is None:
        lacks("rust")
    (tmp_path / "main.rs").write_text(blocks("rust")[0])
    command = [rustc, "--edition", "2021", "-D", "warnings", "-o", "reader", "main.rs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode and ("lzma" in done.stderr or "linker" in done.stderr):
        lacks("rust")
    assert done.returncode == 0, done.stderr
    (tmp_path / "bundle").write_bytes(bundle())
    asked([str(tmp_path / "reader")], tmp_path)
