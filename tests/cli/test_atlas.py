"""`btfkit atlas` as a user meets it."""

from __future__ import annotations

import json
import lzma
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli_inputs import environment, fill, put, refused, run

from bpf import cases
from btfkit import add_to_atlas
from btfkit.atlas import database
from btfkit.atlas.file import Atlas
from needs import needs

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


def test_the_file_does_not_depend_on_the_number_of_workers(capsys, here):
    """Not if a kernel cannot be read, or a module, or has the name of another one."""
    put("mine/1/x86_64/6.2/odd.ko", b"nothing")
    put("mine/1/x86_64/6.1/vmlinux", b"nothing")
    for number in range(5):
        put(f"debian/12/x86_64/6.3.{number}-amd64.btf", B if number % 2 else A)
    said = {}
    for jobs in ("1", "2", "7"):
        said[jobs] = run(capsys, "atlas", "add", "-q", f"{jobs}.atlas", "tree", "-m", "-j", jobs, "--json")
        said[jobs] = (said[jobs].status, said[jobs].out.replace(f"{jobs}.atlas", ""), said[jobs].err)
        assert said[jobs][0] == 3
        assert (here / f"{jobs}.atlas").read_bytes() == (here / "1.atlas").read_bytes()
    assert said["1"] == said["2"] == said["7"]
    assert "6.1" in said["1"][2]
    assert atlas(capsys, "verify", "7.atlas").err == "8 kernels: clean\n"


def test_kernels_are_read_on_an_executor(here):
    with ThreadPoolExecutor(2) as executor:
        added = add_to_atlas("k.atlas", ["tree"], modules=True, executor=executor)
    assert len(added.kernels) == 3
    add_to_atlas("one.atlas", ["tree"], modules=True, workers=1)
    assert (here / "k.atlas").read_bytes() == (here / "one.atlas").read_bytes()


KILLED = """
import os, signal, sys
from btfkit.atlas.file import Atlas
from btfkit.fleet.atlas import add_to_atlas
add = Atlas.add
def dying(self, parts, *rest):
    if parts[-1] == "6.2":
        os.kill(os.getpid(), signal.SIGKILL)
    return add(self, parts, *rest)
Atlas.add = dying
add_to_atlas("k.atlas", ["tree"], modules=True, workers=2)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_in_the_middle_nothing_is_lost(capsys, here):
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment(), check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(atlas(capsys, "list", "k.atlas").out.splitlines()) == 2
    assert "k.atlas: 1 kernel added, 2 present; " in atlas(capsys, "add", "k.atlas", "tree", "-m", "-j2").err
    add_to_atlas("one.atlas", ["tree"], modules=True)
    with Atlas.open("k.atlas") as one, Atlas.open("one.atlas") as other:
        for table in ("kernels", "packs", "definitions", "module_definitions", "members", "names"):
            statement = f"SELECT * FROM {table} ORDER BY 1, 2"
            assert one.query(statement) == other.query(statement)


def test_another_process_is_writing(capsys, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    atlas(capsys, "add", "k.atlas", "tree/debian")
    other = sqlite3.connect("k.atlas", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    said = run(capsys, "atlas", "add", "k.atlas", "tree/mine")
    assert said.status == 3
    assert said.err.splitlines()[-1] == "btfkit: k.atlas: another process is writing the atlas: try again later"
    other.close()
    assert "1 kernel added" in atlas(capsys, "add", "k.atlas", "tree/mine").err


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


def test_offsets_on_the_kernels_of_an_atlas_are_those_of_the_tree(capsys):
    atlas(capsys, "add", "k.atlas", "tree", "-m")
    paths = ["task_struct.pid", "task_struct.nothing", "task_struct.nothing,task_struct.pid"]

    def found(kernels, *words):
        said = run(capsys, "offset", *paths, *words, "--kernels", kernels)
        assert said.status == 1
        return said.out

    for words in ((), ("--format", "csv"), ("--format", "c")):
        assert found("k.atlas", *words) == found("tree", *words)
        assert "6.1.0-10-amd64" in found("k.atlas", *words)
    ours, theirs = (json.loads(found(kernels, "--json")) for kernels in ("k.atlas", "tree"))
    sources = [kernel.pop("source") for kernel in (*ours["kernels"], *theirs["kernels"])]
    assert sources[0] == "k.atlas(debian/12/x86_64/6.1.0-9-amd64/vmlinux)"
    assert ours == theirs


def test_serve_refuses_what_cannot_be_served(capsys):
    atlas(capsys, "add", "k.atlas", "tree")
    for words, status, text in (
        (["none.atlas"], 3, "none.atlas: No such file or directory"),
        (["tree/debian/12/x86_64/6.1.0-10-amd64.btf"], 3, "not an atlas"),
        ([], 2, "FILE is missing"),
        (["k.atlas", "more"], 2, "expected FILE"),
        (["k.atlas", "--port", "70000"], 2, "expected a port of 0 to 65535, got 70000"),
        (["k.atlas", "--port", "http"], 2, "expected a number"),
        (["k.atlas", "--port", "0", "--host", "192.0.2.1"], 3, "192.0.2.1:0: no such address of this machine"),
        (["k.atlas", "-o", "out"], 2, "--output does not go with serve"),
    ):
        said = run(capsys, "atlas", "serve", *words)
        assert said.status == status, words
        assert text in said.err
    for option in ("--host=localhost", "--port=0", "--open"):
        said = run(capsys, "atlas", "list", "k.atlas", option)
        assert said.status == 2
        assert f"{option.partition('=')[0]} does not go with list" in said.err


@needs("platform", sys.platform == "linux", "/proc")
def test_an_atlas_that_cannot_be_made(capsys) -> None:
    said = run(capsys, "atlas", "add", "/proc/new.atlas", "vmlinux")
    assert (said.status, said.out) == (3, "")
    assert said.err == "btfkit: /proc/new.atlas: No such file or directory\n"
