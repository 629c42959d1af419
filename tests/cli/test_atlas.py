"""`btfkit atlas` as a user meets it."""

from __future__ import annotations

import json
import lzma
import os

import pytest
from cli_inputs import fill, put, refused, run

from bpf import cases

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    put("debian/12/x86_64/6.1.0-9-amd64.btf.xz", lzma.compress(A))
    put("debian/12/x86_64/6.1.0-10-amd64.btf", B)
    put("mine/1/x86_64/6.2/vmlinux", A)
    for name, blob in MODULES.items():
        put(f"mine/1/x86_64/6.2/{name}.ko.xz", lzma.compress(blob))
    return tmp_path


def atlas(capsys, *words):
    said = run(capsys, "atlas", *words)
    assert said.status == 0, said.err
    return said


def test_add_list_get_verify(capsys, here):
    assert "k.atlas: 3 kernels added; " in atlas(capsys, "add", "k.atlas", "tree", "-m").err
    assert "k.atlas: 0 kernels added, 3 present; " in atlas(capsys, "add", "k.atlas", "tree", "-m").err
    said = atlas(capsys, "list", "k.atlas")
    lines = said.out.splitlines()
    assert lines[0] == f"debian/12/x86_64/6.1.0-9-amd64  {len(A):,} bytes"
    assert lines[2] == f"mine/1/x86_64/6.2  {len(A):,} bytes  2 modules"
    assert said.err.startswith("3 kernels of ")
    data = json.loads(atlas(capsys, "list", "k.atlas", "--json").out)
    assert [one["uname"] for one in data["kernels"]] == ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.2"]
    assert [one["modules"] for one in data["kernels"]] == [None, None, 2]
    atlas(capsys, "get", "k.atlas", "6.1.0-10-amd64", "-o", "b.btf")
    assert (here / "b.btf").read_bytes() == B
    assert "also has 2 modules" in atlas(capsys, "get", "k.atlas", "6.2", "-o", "a.btf").err
    atlas(capsys, "get", "k.atlas", "mine/1/x86_64/6.2", "-o", "out/")
    assert {path.name: path.read_bytes() for path in (here / "out").iterdir()} == {"vmlinux": A, **MODULES}
    assert atlas(capsys, "verify", "k.atlas").err == "3 kernels: clean\n"
    said = run(capsys, "atlas", "get", "k.atlas", "6.3", "-o", "c.btf")
    assert said.status == 1
    assert "no kernel 6.3" in said.err
    assert not os.path.exists("c.btf")


def test_modules_can_be_added_later(capsys):
    assert "3 kernels added" in atlas(capsys, "add", "k.atlas", "tree").err
    assert [one["modules"] for one in json.loads(atlas(capsys, "list", "k.atlas", "--json").out)["kernels"]] == [
        None
    ] * 3
    assert "1 kernel added, 2 present" in atlas(capsys, "add", "-m", "k.atlas", "tree").err
    assert "2 modules" in atlas(capsys, "list", "k.atlas").out


def test_a_kernel_that_cannot_be_added(capsys):
    atlas(capsys, "add", "k.atlas", "tree")
    put("debian/12/x86_64/6.1.0-9-amd64.btf", B, "more")
    put("debian/12/x86_64/6.1.0-11-amd64.btf", B[:-3], "more")
    put("debian/12/x86_64/6.1.0-12-amd64.btf", B, "more")
    said = run(capsys, "atlas", "add", "k.atlas", "more")
    assert said.status == 3
    assert "another debian/12/x86_64/6.1.0-9-amd64, with other bytes" in said.err
    assert "1 kernel added, 2 failed" in said.err
    data = json.loads(run(capsys, "atlas", "add", "--json", "k.atlas", "more").out)
    assert data["present"] == 1
    assert data["failed"] == ["debian/12/x86_64/6.1.0-9-amd64", "debian/12/x86_64/6.1.0-11-amd64"]


def test_verify_finds_damage(capsys):
    atlas(capsys, "add", "k.atlas", "tree")
    import sqlite3

    with sqlite3.connect("k.atlas") as db:
        db.execute("UPDATE packs SET digest = zeroblob(32) WHERE id = 2")
    db.close()
    said = run(capsys, "atlas", "verify", "k.atlas")
    assert said.status == 1
    assert "6.1.0-10-amd64: " in said.out
    assert "another SHA-256" in said.out
    assert said.err == "3 kernels: 1 finding\n"
    assert json.loads(run(capsys, "atlas", "verify", "--json", "k.atlas").out)["clean"] is False


def test_an_atlas_is_a_tree_of_kernels(capsys, here):
    """`check` and `min --archive` give the same for the atlas as for the tree."""
    atlas(capsys, "add", "-m", "k.atlas", "tree")
    answers = [
        json.loads(run(capsys, "check", "fields.bpf.o", "module.bpf.o", "--kernels", tree, "--json").out)
        for tree in ("tree", "k.atlas")
    ]
    for answer in answers:
        for column in answer["kernels"]:
            for name in [name for name in column if "k.atlas" in str(column[name]) or "tree" in str(column[name])]:
                del column[name]
    assert answers[0] == answers[1]
    for tree, out in (("tree", "one"), ("k.atlas", "two")):
        said = run(capsys, "min", "--archive", tree, "-o", out, "fields.bpf.o", "module.bpf.o")
        assert said.status == 0, said.err
    found = [
        sorted(path.read_bytes() for path in (here / out).rglob("*") if path.is_file() and path.suffix != ".json")
        for out in ("one", "two")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["ad", "k.atlas"], "unknown action 'ad'"),
        (["add"], "FILE is missing"),
        (["add", "k.atlas"], "no kernels: expected TREE"),
        (["list", "k.atlas", "x"], "expected FILE, got 2 arguments"),
        (["get", "k.atlas", "x"], "no output"),
        (["list", "k.atlas", "-m"], "--modules does not go with list"),
    ],
)
def test_wrong_usage(capsys, words, text):
    assert text in refused(capsys, "atlas", *words, status=2)


def test_files_that_are_not_atlases(capsys):
    assert "no such file" in refused(capsys, "atlas", "list", "k.atlas").lower()
    assert "not an atlas: begins with 9f eb" in refused(capsys, "atlas", "verify", "vmlinux")
    assert "not an atlas" in refused(capsys, "atlas", "add", "vmlinux", "tree")
