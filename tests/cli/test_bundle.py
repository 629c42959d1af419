"""`btfkit bundle` as a user meets it."""

from __future__ import annotations

import json
import lzma
import os
import tarfile

import pytest
from cli_inputs import fill, put, refused, run

import btfkit
from bpf import cases
from btfkit.fleet.bundle import Bundle

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    put("debian/12/x86_64/6.1.0-9-amd64.btf.xz", lzma.compress(A))
    put("debian/12/x86_64/6.1.0-10-amd64.btf", B)
    put("debian/12/x86_64/6.1.0-11-amd64.btf", B)
    put("mine/1/x86_64/6.2/vmlinux", A)
    for name, blob in MODULES.items():
        put(f"mine/1/x86_64/6.2/{name}.ko.xz", lzma.compress(blob))
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return tmp_path


def bundle(capsys, *words):
    said = run(capsys, "bundle", *words)
    assert said.status == 0, said.err
    return said


def test_both_ways_give_the_same_bytes(capsys, here):
    run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o", "module.bpf.o")
    said = bundle(capsys, "create", "one", "out")
    assert "4 kernels, " in said.err
    bundle(capsys, "create", "two", "--archive", "tree", "fields.bpf.o", "module.bpf.o")
    assert (here / "one").read_bytes() == (here / "two").read_bytes()
    bundle(capsys, "create", "three", "--archive", "tree", "-j1", "fields.bpf.o", "module.bpf.o")
    assert (here / "one").read_bytes() == (here / "three").read_bytes()
    opened = Bundle.open("one")
    assert opened.tool.startswith("btfkit ")
    assert [name for name, _ in opened.objects] == ["fields.bpf.o", "module.bpf.o"]
    assert all(entry.source for entry in opened.entries)
    assert [name for name, _ in opened.get("6.2").modules] == ["mod_one", "mod_two"]


def test_get(capsys, here):
    bundle(capsys, "create", "b", "--archive", "tree", "fields.bpf.o", "module.bpf.o")
    bundle(capsys, "get", "b", "debian/12/x86_64/6.1.0-9-amd64", "-o", "x.btf")
    objects = [obj for name in ("fields.bpf.o", "module.bpf.o") for obj in btfkit.load_objects(name)]
    assert (here / "x.btf").read_bytes() == btfkit.minimize(btfkit.Btf.from_bytes(A), objects).btf.to_bytes()
    bundle(capsys, "get", "b", "6.2", "-o", "folder/")
    run(capsys, "min", "-m", "mods", "-o", "alone", "vmlinux", "fields.bpf.o", "module.bpf.o")
    for name in ("vmlinux", "mod_one"):
        assert (here / "folder" / name).read_bytes() == (here / "alone" / name).read_bytes()
    assert "also has 2 modules" in bundle(capsys, "get", "b", "6.2", "-o", "y.btf").err
    said = run(capsys, "bundle", "get", "b", "6.1.0-12-amd64", "-o", "z.btf")
    assert said.status == 1
    assert "the nearest: debian/12/x86_64/6.1.0-11-amd64" in said.err
    assert not os.path.exists("z.btf")


def test_get_to_standard_output(capsysbinary):
    from btfkit.cli import main

    assert main(["bundle", "create", "b", "-q", "--archive", "tree", "fields.bpf.o"]) == 0
    assert main(["bundle", "get", "b", "6.1.0-9-amd64", "-o", "-"]) == 0
    said = capsysbinary.readouterr().out
    assert said[:2] == b"\x9f\xeb"
    assert len(btfkit.Btf.from_bytes(said).positions) > 0


def test_list_and_verify(capsys):
    bundle(capsys, "create", "b", "--archive", "tree", "fields.bpf.o", "module.bpf.o")
    said = bundle(capsys, "list", "b")
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "debian/12/x86_64/6.1.0-9-amd64",
        "debian/12/x86_64/6.1.0-10-amd64",
        "debian/12/x86_64/6.1.0-11-amd64",
        "mine/1/x86_64/6.2",
    ]
    report = json.loads(bundle(capsys, "list", "b", "--json").out)
    assert report["schema"] == 1
    assert report["btfs"] == 5  # 6.1.0-10 and -11 share one
    assert report["kernels"][3]["modules"][0]["name"] == "mod_one"
    assert "4 kernels, 5 BTFs: clean" in bundle(capsys, "verify", "b").err
    assert json.loads(bundle(capsys, "verify", "b", "--json").out)["clean"]


def test_lookup(capsys, here):
    bundle(capsys, "create", "b", "--archive", "tree", "fields.bpf.o")
    words = ["lookup", "b", "--os-release", "os-release"]
    for arch in ("amd64", "x86_64", "x86"):
        said = bundle(capsys, *words, "--uname", "6.1.0-10-amd64", "--arch", arch)
        assert said.out == "debian/12/x86_64/6.1.0-10-amd64\n"
    bundle(capsys, *words, "--uname", "6.1.0-10-amd64", "--arch", "amd64", "-o", "x.btf")
    assert (here / "x.btf").stat().st_size > 100
    near = run(capsys, "bundle", *words, "--uname", "6.1.0-12-amd64", "--arch", "amd64")
    assert (near.status, near.out) == (1, "")
    assert near.err.splitlines()[0].endswith("; the nearest:")
    assert near.err.splitlines()[1] == "  debian/12/x86_64/6.1.0-11-amd64"
    other = run(capsys, "bundle", *words, "--uname", "6.1.0-10-amd64", "--arch", "arm64", "--json")
    assert other.status == 1
    assert json.loads(other.out)["found"] is None
    assert "none of this architecture" in other.err
    here_said = run(capsys, "bundle", "lookup", "b")
    assert here_said.status == 1
    assert os.uname().release in here_said.err


def test_this_machine_is_found(capsys):
    put(f"x/1/{os.uname().machine}/{os.uname().release}.btf", A, "running")
    with open("none", "w") as file:
        file.write("ID=x\n")
    bundle(capsys, "create", "b", "running")
    assert (
        bundle(capsys, "lookup", "b", "--os-release", "none").out == f"x/1/{os.uname().machine}/{os.uname().release}\n"
    )


def test_it_is_smaller_than_a_tar_xz(capsys, here):
    run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o", "types.bpf.o")
    (here / "out" / ".btfkit-manifest.json").unlink()
    with tarfile.open("out.tar.xz", "w:xz") as tar:
        tar.add("out")
    bundle(capsys, "create", "b", "out")
    assert (here / "b").stat().st_size < (here / "out.tar.xz").stat().st_size


def test_bad_kernels_are_one_line_each(capsys):
    put("debian/12/x86_64/5.1.btf", b"<html>")
    put("a/5.4.btf", A)
    put("b/5.4.btf", B)
    said = run(capsys, "bundle", "create", "b", "--archive", "tree", "fields.bpf.o")
    assert said.status == 3
    lines = [line for line in said.err.splitlines() if line.startswith("btfkit:")]
    assert len(lines) == 2
    assert "not BTF but an HTML page" in lines[0]
    assert "5.4: two kernels of this name" in lines[1]
    assert len(Bundle.open("b").entries) == 4


def test_unknown_origin(capsys):
    run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o")
    put("debian/12/x86_64/6.1.0-9-amd64.btf", B, "out")  # not what the manifest knows
    put("debian/12/x86_64/4.19.btf", B, "out")
    bundle(capsys, "create", "b", "out")
    known = {entry.key.uname: bool(entry.source) for entry in Bundle.open("b").entries}
    assert known == {"4.19": False, "6.1.0-9-amd64": False, "6.1.0-10-amd64": True, "6.1.0-11-amd64": True, "6.2": True}


def test_damaged(capsys, here):
    bundle(capsys, "create", "b", "--archive", "tree", "fields.bpf.o")
    data = (here / "b").read_bytes()
    (here / "cut").write_bytes(data[:-10])
    assert "truncated" in refused(capsys, "bundle", "list", "cut")
    assert "not a bundle" in refused(capsys, "bundle", "lookup", "vmlinux")
    flipped = bytearray(data)
    flipped[-60] ^= 1
    (here / "flipped").write_bytes(flipped)
    assert "flipped (index)" in refused(capsys, "bundle", "verify", "flipped")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frob", "b"], "unknown action 'frob'"),
        (["create"], "OUT is missing"),
        (["create", "b"], "expected TREE, got no arguments"),
        (["create", "b", "--archive", "tree"], "nothing to keep"),
        (["create", "b", "--archive", "vmlinux", "fields.bpf.o"], "is a file"),
        (["create", "b", "tree", "--closure", "full"], "--closure requires --archive"),
        (["list"], "expected BUNDLE, got no arguments"),
        (["list", "b", "-o", "x"], "--output does not go with list"),
        (["get", "b"], "expected BUNDLE KEY, got 1 argument"),
        (["verify", "b", "--uname", "5"], "--uname does not go with verify"),
        ([], "expected ACTION"),
    ],
)
def test_usage(capsys, words, said):
    assert said in refused(capsys, "bundle", *words, status=2)
