"""`btfkit min --archive` as a user meets it: trees in, trees out, and whatever goes wrong on the way."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest
from cli_inputs import environment, files, fill, put, refused, run
from test_files_inputs import tar_of

import btfkit
from bpf import cases
from btfkit.co_re.kinds import BYTE_OFFSET
from btfkit.fleet import archive
from btfkit.fleet.manifest import JOURNAL, NAME
from needs import lacks
from objects import Program

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]
BIG = cases.target_bytes("a.s390x")[0]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """fields.bpf.o and the like, and `tree` with some kernels."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    put("debian/12/x86_64/6.1.0-9-amd64.btf.tar.xz", lzma.compress(tar_of(("6.1.0-9-amd64.btf", A, b"0"))))
    put("debian/12/x86_64/6.1.0-10-amd64.btf", B)
    put("ubuntu/20.04/s390x/5.4.0-1.btf.xz", lzma.compress(BIG))
    put("mine/6.2/vmlinux", A)
    for name, blob in MODULES.items():
        put(f"mine/6.2/kernel/{name}.ko.xz", lzma.compress(blob))
    return tmp_path


def outputs(folder="out"):
    """The files of an output but the manifest."""
    from pathlib import Path

    return {name: data for name, data in files(Path(folder)).items() if name != NAME}


def minimized(blob, *objects):
    objs = [obj for path in objects for obj in btfkit.load_objects(path)]
    return btfkit.minimize(btfkit.Btf.from_bytes(blob), objs).btf.to_bytes()


def test_the_same_layout_comes_out(capsys):
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o", "module.bpf.o")
    assert said.status == 0, said.err
    assert said.out == ""
    both = "fields.bpf.o", "module.bpf.o"
    assert outputs() == {
        "debian/12/x86_64/6.1.0-9-amd64.btf": minimized(A, *both),
        "debian/12/x86_64/6.1.0-10-amd64.btf": minimized(B, *both),
        "ubuntu/20.04/s390x/5.4.0-1.btf": minimized(BIG, *both),
        **{
            name: outputs()[name]
            for name in ("mine/6.2/vmlinux", "mine/6.2/kernel/mod_one", "mine/6.2/kernel/mod_two")
            if name in outputs()
        },
    }
    assert "4 kernels: 4 made, 0 unchanged, 0 failed" in said.err


def test_modules_are_cut_as_min_cuts_them(capsys):
    run(capsys, "min", "--archive", "tree", "-o", "out", "module.bpf.o")
    run(capsys, "min", "-m", "tree/mine/6.2/kernel", "-o", "alone", "tree/mine/6.2/vmlinux", "module.bpf.o")
    assert {os.path.basename(name): data for name, data in outputs("out/mine/6.2").items()} == outputs("alone")
    assert "mod_one" in outputs("alone")


@pytest.mark.parametrize("words", [["-j1"], ["-j3"]])
def test_the_result_does_not_depend_on_the_workers(capsys, here, words):
    for number in range(30):
        put(f"debian/13/x86_64/6.12.{number}.btf", A if number % 2 else B)
    run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o")
    run(capsys, "min", "--archive", "tree", "-o", "second", *words, "fields.bpf.o")
    assert files(here / "out") == files(here / "second")


@pytest.mark.parametrize("kind", ["xz", "zst", "gz", "tar.xz"])
def test_packed_output(capsys, kind):
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "--pack", kind, "fields.bpf.o", "module.bpf.o")
    assert said.status == 0, said.err
    assert f"debian/12/x86_64/6.1.0-10-amd64.btf.{kind}" in outputs()
    found = {kernel.stem: kernel.load() for kernel in btfkit.find_kernels(["out"]).kernels}
    assert found["debian/12/x86_64/6.1.0-10-amd64"].vmlinux.blob == minimized(B, "fields.bpf.o", "module.bpf.o")
    assert len(found["mine/6.2"].modules) >= 1
    if kind == "tar.xz":
        with tarfile.open("out/debian/12/x86_64/6.1.0-10-amd64.btf.tar.xz") as tar:
            assert tar.getnames() == ["6.1.0-10-amd64.btf"]


def test_keep_types_without_objects(capsys):
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "--keep-type", "struct sample")
    found = run(capsys, "min", "vmlinux", "alone", "--keep-type", "struct sample")
    assert said.status == found.status


def test_json(capsys):
    put("debian/12/x86_64/5.10.hasbtf", b"")
    put("debian/12/x86_64/5.9.btf", b"nothing")
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "--json", "--report", "missing", "fields.bpf.o", "-q")
    report = json.loads(said.out)
    assert said.status == 3
    assert report["schema"] == 1
    assert [kernel["place"] for kernel in report["kernels"]] == [
        "mine/6.2",
        "debian/12/x86_64/6.1.0-9-amd64",
        "debian/12/x86_64/6.1.0-10-amd64",
        "ubuntu/20.04/s390x/5.4.0-1",
    ]
    assert report["kernels"][1]["kernel"] == {
        "distro": "debian",
        "release": "12",
        "arch": "x86_64",
        "uname": "6.1.0-9-amd64",
    }
    for kernel in report["kernels"]:
        assert kernel["status"] == "made"
        assert len(kernel["without_answer"]) == kernel["relocations"] - kernel["answered"]
    assert [one["place"] for one in report["failed"]] == ["debian/12/x86_64/5.9"]
    assert [one["what"] for one in report["marked"]] == ["hasbtf"]


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_one_bad_file_is_one_line(capsys, monkeypatch):
    put("debian/12/x86_64/5.1.btf.tar.xz", b"<!DOCTYPE html><html>")
    put("debian/12/x86_64/5.2.btf", b"")
    put("debian/12/x86_64/5.3.btf.xz", lzma.compress(A)[:-50])
    put("debian/12/x86_64/5.4.btf.tar.xz", lzma.compress(tar_of(("../../../../etc/cron.d/x.btf", A, b"0"))))
    put("debian/12/x86_64/5.5\nname.btf", A[:99])
    head = bytearray(tar_of(("a.btf", A, b"0")))
    head[124:136] = b"77777777777\0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    put("debian/12/x86_64/5.6.btf.tar.xz", lzma.compress(bytes(head)))
    monkeypatch.setattr("btfkit.fleet.tree.LIMIT", 1 << 20)
    put("debian/12/x86_64/5.7.btf.xz", lzma.compress(bytes(2 << 20)))
    put("debian/12/x86_64/5.8.btf", MODULES["mod_one"])
    put("debian/12/x86_64/5.9.btf", A)
    put("debian/12/x86_64/5.9.btf.xz", lzma.compress(B))
    os.symlink("nowhere", "tree/debian/12/x86_64/5.10.btf")
    os.symlink("../..", "tree/debian/12/loop")
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o")
    assert said.status == 3
    lines = [line for line in said.err.splitlines() if line.startswith("btfkit: ")]
    for number in range(1, 11):
        about = [line for line in lines if f"/5.{number}." in line or f"/5.{number}\\n" in line]
        assert len(about) == 1, (number, said.err)
    assert len(lines) == 10
    assert "13 kernels: 4 made, 0 unchanged, 9 failed" in said.err
    assert sorted(outputs())[:2] == ["debian/12/x86_64/6.1.0-10-amd64.btf", "debian/12/x86_64/6.1.0-9-amd64.btf"]


def test_a_bad_module(capsys):
    put("mine/6.2/kernel/broken.ko", MODULES["mod_one"][:-20])
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "module.bpf.o")
    assert said.status == 3
    assert "3 made" in said.err
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "module.bpf.o", "--keep-going")
    assert said.status == 3
    assert "1 made, 3 unchanged" in said.err
    assert "skipped: tree/mine/6.2/kernel/broken.ko" in said.err


def test_markers_are_honoured(capsys):
    put("debian/12/x86_64/6.1.0-10-amd64.failed", b"")
    put("debian/12/x86_64/5.10.hasbtf", b"")
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o")
    assert said.status == 0, said.err
    assert "skipped: 1 with BTF of their own (.hasbtf), 1 without any (.failed)" in said.err
    assert "6.1.0-10-amd64: skipped because of" in said.err
    assert "debian/12/x86_64/6.1.0-10-amd64.btf" not in outputs()
    run(capsys, "min", "--archive", "tree", "-o", "out", "--ignore-markers", "fields.bpf.o")
    assert "debian/12/x86_64/6.1.0-10-amd64.btf" in outputs()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--archive", "tree", "fields.bpf.o"], "no output: use -o OUT with --archive"),
        (["--archive", "tree", "-o", "-", "fields.bpf.o"], "no output: use -o OUT with --archive"),
        (["--archive", "tree", "-o", "out"], "nothing to keep"),
        (["--archive", "tree", "-o", "tree", "fields.bpf.o"], "the output tree lies in the tree tree"),
        (["--archive", "tree", "-o", "tree/out", "fields.bpf.o"], "lies in the tree"),
        (["--archive", "vmlinux", "-o", "out", "fields.bpf.o"], "vmlinux is a file"),
        (["--archive", "tree", "-o", "out", "-m", "mods", "fields.bpf.o"], "--modules does not go with --archive"),
        (["--archive", "tree", "-o", "out", "-B", "vmlinux", "fields.bpf.o"], "--base does not go with --archive"),
        (["-j", "2", "vmlinux", "out", "fields.bpf.o"], "--jobs requires --archive"),
        (["--archive", "tree", "-o", "out", "-j", "0", "fields.bpf.o"], "-j"),
    ],
)
def test_usage(capsys, words, said):
    assert said in refused(capsys, "min", *words, status=2)


def test_trees_that_cannot_be_used(capsys):
    os.makedirs("empty")
    assert "no kernels found" in refused(capsys, "min", "--archive", "empty", "-o", "out", "fields.bpf.o")
    assert "absent: No such file" in refused(capsys, "min", "--archive", "absent", "-o", "out", "fields.bpf.o")
    assert "vmlinux: expected a BPF object" in refused(capsys, "min", "--archive", "tree", "-o", "out", "vmlinux")


# ---- going on where it ended ---------------------------------------------------------------------------------------


def again(capsys, *words):
    return run(capsys, "min", "--archive", "tree", "-o", "out", *(words or ("fields.bpf.o",)))


def test_nothing_is_done_twice(capsys, monkeypatch):
    again(capsys)
    first = files(__import__("pathlib").Path("out"))
    times = {name: os.stat(f"out/{name}").st_mtime_ns for name in outputs()}
    monkeypatch.setattr(archive.Shrink, "_cut", None)  # would fail
    said = again(capsys)
    assert "4 kernels: 0 made, 4 unchanged, 0 failed" in said.err
    assert said.status == 0
    assert files(__import__("pathlib").Path("out")) == first
    assert {name: os.stat(f"out/{name}").st_mtime_ns for name in outputs()} == times


def test_nothing_stale_survives(capsys):
    again(capsys)
    # another kernel under the same name, with the same size and time
    path = "tree/debian/12/x86_64/6.1.0-10-amd64.btf"
    status = os.stat(path)
    blob = bytearray(B)
    blob[-2] ^= 1
    with open(path, "wb") as file:
        file.write(blob)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.unlink("tree/ubuntu/20.04/s390x/5.4.0-1.btf.xz")  # gone
    with open("out/debian/12/x86_64/6.1.0-9-amd64.btf", "ab") as file:  # tampered with
        file.write(b"x")
    said = again(capsys)
    assert "3 kernels: 2 made, 1 unchanged, 0 failed" in said.err
    assert "removed: 1 file" in said.err
    assert not os.path.exists("out/ubuntu")
    assert outputs()["debian/12/x86_64/6.1.0-9-amd64.btf"] == minimized(A, "fields.bpf.o")


def test_a_kernel_that_fails_now_loses_its_output(capsys):
    again(capsys)
    put("debian/12/x86_64/6.1.0-10-amd64.btf", b"\0" * 100)
    said = again(capsys)
    assert said.status == 3
    assert "debian/12/x86_64/6.1.0-10-amd64.btf" not in outputs()


def test_a_module_that_is_read_no_more_loses_its_output(capsys):
    again(capsys, "module.bpf.o")
    assert any("mod_one" in name for name in outputs())
    again(capsys, "fields.bpf.o")  # for cilium/ebpf, types of modules count beside those of vmlinux
    assert any("mod_one" in name for name in outputs())
    assert "4 made" in again(capsys, "fields.bpf.o", "--loader", "libbpf").err
    assert not any("mod_one" in name for name in outputs())


def test_other_objects_and_options(capsys):
    again(capsys)
    said = again(capsys, "types.bpf.o")
    assert "the existing output was made with other objects or options" in said.err
    assert "4 made" in said.err
    assert outputs()["debian/12/x86_64/6.1.0-9-amd64.btf"] == minimized(A, "types.bpf.o")
    assert "4 made" in again(capsys, "types.bpf.o", "--closure", "full").err


def test_a_manifest_of_another_version(capsys, monkeypatch):
    again(capsys)
    monkeypatch.setattr("btfkit._version.__version__", "9.9")
    said = again(capsys)
    assert "the existing output was made by btfkit" in said.err
    assert "4 made" in said.err


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema": 99}', b'{"schema": 1, "kernels": []}', b"[" * 100000, b"\xff\xfe", b'"x"'],
)
def test_manifests_that_cannot_be_read(capsys, content):
    again(capsys)
    with open(f"out/{NAME}", "wb") as file:
        file.write(content)
    said = again(capsys)
    assert said.status == 0
    assert "everything is made again" in said.err
    assert "4 made" in said.err
    assert "4 unchanged" in again(capsys).err


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("facts", None, "'facts' is missing"),
        ("key", None, "'key' is missing"),
        ("inputs", None, "'inputs' is missing"),
        ("facts", {"types": 1}, "'facts' is not what it should be"),
        ("facts", [], "'facts' is not what it should be"),
        ("key", ["a"], "'key' is not what it should be"),
        ("key", "abcd", "'key' is not what it should be"),
        ("btf", 7, "'btf' is not what it should be"),
        ("outputs", {"a": 1}, "'outputs' is not what it should be"),
        ("etags", [1], "'etags' is not what it should be"),
        ("", 5, "not a record"),
    ],
)
def test_a_damaged_record(capsys, part, value, said):
    again(capsys)
    with open(f"out/{NAME}") as file:
        manifest = json.load(file)
    stem, record = list(manifest["kernels"].items())[1]
    if not part:
        manifest["kernels"][stem] = value
    elif value is None:
        del record[part]
    else:
        record[part] = value
    with open(f"out/{NAME}", "w") as file:
        json.dump(manifest, file)
    bundled = run(capsys, "bundle", "create", "x.bundle", "out")
    assert f"the manifest is damaged: kernel {stem!r}: {said}" in bundled.err
    made = again(capsys)
    assert made.status == 0
    assert f"the manifest is damaged: kernel {stem!r}: {said}" in made.err
    assert "4 made" in made.err
    assert "4 unchanged" in again(capsys).err


def test_a_hostile_manifest_removes_nothing_outside(capsys):
    again(capsys)
    with open(f"out/{NAME}") as file:
        manifest = json.load(file)
    record = next(iter(manifest["kernels"].values()))
    absolute = os.path.abspath("fields.bpf.o")
    for number, path in enumerate(("../fields.bpf.o", absolute, "debian/../../fields.bpf.o", "")):
        manifest["kernels"][f"gone{number}"] = record | {"outputs": {path: "0" * 64}}
    with open(f"out/{NAME}", "w") as file:
        json.dump(manifest, file)
    assert again(capsys).status == 0
    assert os.path.exists("fields.bpf.o")


def test_a_journal_that_was_cut_short(capsys):
    again(capsys)
    with open(f"out/{NAME}") as file:
        manifest = json.load(file)
    records = list(manifest["kernels"].items())
    with open(f"out/{JOURNAL}", "w") as file:
        file.write(json.dumps(manifest["work"]) + "\n")
        for record in records[:2]:
            file.write(json.dumps(record) + "\n")
        file.write(json.dumps(records[2])[:50])
    manifest["kernels"] = {}
    with open(f"out/{NAME}", "w") as file:
        json.dump(manifest, file)
    assert "2 made, 2 unchanged" in again(capsys).err
    assert not os.path.exists(f"out/{JOURNAL}")


def test_two_runs_at_once(capsys):
    import fcntl

    os.makedirs("out")
    with open(f"out/{JOURNAL}", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = again(capsys)
    assert said.status == 3
    assert said.err == "btfkit: out: another btfkit is writing there\n"


# ---- what happens under the run ------------------------------------------------------------------------------------


def test_a_worker_that_dies(capsys, monkeypatch):
    for number in range(20):
        put(f"debian/13/x86_64/6.12.{number}.btf", A)
    real = archive.Shrink._cut

    def deadly(self, kernel, chain, objects):
        if kernel.key.uname == "6.12.7":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, kernel, chain, objects)

    monkeypatch.setattr(archive.Shrink, "_cut", deadly)
    said = again(capsys, "-j2", "fields.bpf.o")
    assert said.status == 3
    errors = [line for line in said.err.splitlines() if line.startswith("btfkit:")]
    assert errors == ["btfkit: debian/13/x86_64/6.12.7: the worker process died twice (out of memory?)"]
    assert "24 kernels: 23 made, 0 unchanged, 1 failed" in said.err


def test_an_archive_that_changes_under_the_run(capsys, monkeypatch):
    real = archive.Shrink._cut

    def changing(self, kernel, chain, objects):
        if kernel.key.uname == "6.1.0-10-amd64":
            with open(kernel.source, "ab") as file:
                file.write(b"more")
        if kernel.key.uname == "5.4.0-1":
            os.unlink(kernel.source)
        return real(self, kernel, chain, objects)

    monkeypatch.setattr(archive.Shrink, "_cut", changing)
    said = again(capsys)
    assert said.status == 3
    assert said.err.count("it changed while it was read") == 2
    assert sorted(outputs()) == [name for name in sorted(outputs()) if "6.1.0-10" not in name and "5.4.0-1" not in name]
    assert "2 made" in said.err


def test_files_that_vanish_before_they_are_read(capsys, monkeypatch):
    real = btfkit.find_kernels

    def find(*args, **options):
        tree = real(*args, **options)
        os.unlink("tree/debian/12/x86_64/6.1.0-10-amd64.btf")
        return tree

    monkeypatch.setattr("btfkit.fleet.tree.find_kernels", find)
    said = again(capsys)
    assert said.status == 3
    assert "6.1.0-10-amd64.btf: No such file or directory" in said.err
    assert "3 made" in said.err


def test_a_full_disk_ends_the_run(capsys):
    os.makedirs("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", "disk"]
    if (
        os.geteuid() != 0
        or not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        lacks("mount")
    try:
        for number in range(60):
            put(f"debian/13/x86_64/6.12.{number}.btf", A)
        said = run(capsys, "min", "--archive", "tree", "-o", "disk/out", "fields.bpf.o", "--closure", "full")
        assert said.status == 3
        errors = [line for line in said.err.splitlines() if line.startswith("btfkit:")]
        assert len(errors) == 1, said.err
        assert "No space left on device" in errors[0]
        assert not [name for _, _, names in os.walk("disk") for name in names if name.endswith(".tmp")]
    finally:
        subprocess.run(["umount", "disk"], check=True)


def test_no_permission_to_write(capsys):
    with open("out", "w"):
        pass
    said = again(capsys)
    assert said.status == 3
    assert len(said.err.splitlines()) == 1


def many(count=80):
    packed = lzma.compress(A), lzma.compress(B)
    for number in range(count):
        put(f"debian/13/x86_64/6.12.{number}.btf.xz", packed[number % 2])


SLOWLY = """
import sys, time
from btfkit.cli import entry
from btfkit.fleet import archive
cut = archive.Shrink._cut
archive.Shrink._cut = lambda *args: (time.sleep(0.1), cut(*args))[1]
sys.exit(entry())
"""


def started(*words):
    """A run of its own that takes its time, once it has done some kernels."""
    command = [sys.executable, "-c", SLOWLY, "min", "--archive", "tree", "-o", "out", "-j2", *words, "fields.bpf.o"]
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell ignores for what runs with "&"
    )
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            with open(f"out/{JOURNAL}", "rb") as file:
                if file.read().count(b"\n") > 5:
                    return process
        except FileNotFoundError:
            pass
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)
    raise AssertionError("it does nothing")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(one) for one in file.read().split()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def completed(capsys, here):
    """What the interrupted output becomes, against one that was made in one go."""
    said = again(capsys)
    assert said.status == 0, said.err
    run(capsys, "min", "--archive", "tree", "-o", "whole", "fields.bpf.o")
    assert files(here / "out") == files(here / "whole")
    return said


@pytest.mark.parametrize("word", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_interrupted(capsys, here, word):
    many()
    process = started()
    workers = children(process.pid)
    process.send_signal(getattr(signal, word))
    _, err = process.communicate(timeout=600)
    if word == "SIGINT":
        assert process.returncode == 3, f"{len(outputs())} outputs; {err.decode()}"
        assert err.decode().splitlines() == ["btfkit: interrupted"]
        assert not list((here / "out").rglob("*.tmp"))
    else:
        assert process.returncode == -getattr(signal, word)
    deadline = time.monotonic() + 300
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
    done = len(outputs())
    assert done < 84
    said = completed(capsys, here)
    unchanged = int(said.err.split(" unchanged")[0].rpartition(" ")[2])
    assert 5 <= unchanged <= done


def test_from_python_with_any_executor(capsys, here):
    from concurrent.futures import ThreadPoolExecutor

    run(capsys, "min", "--archive", "tree", "-o", "out", "fields.bpf.o")
    seen, wrong = [], []
    put("debian/12/x86_64/5.1.btf", b"junk")
    with ThreadPoolExecutor(2) as executor:
        result = btfkit.minimize_archive(
            "tree",
            None,
            btfkit.load_objects("fields.bpf.o"),
            executor=executor,
            observe=lambda done, total: seen.append((done, total)),
            on_error=lambda kernel, error: wrong.append((kernel.key.uname, type(error).__name__)),
        )
    assert seen == [(number, 5) for number in range(1, 6)]
    assert wrong == [("5.1", "FormatError")]
    assert [kernel.key.uname for kernel, _ in result.failed] == ["5.1"]
    blobs = {path: blob for made in result.made for path, blob in made.blobs.items()}
    assert blobs == outputs()


def test_relocations_that_are_wrong(capsys, here):
    """As `min`: exit status 1 if libbpf refuses the object, or reads another member (GCC 16)."""
    for name, access in (("broken", "x"), ("misread", "0:1")):
        program = Program()
        number = program.types.int("int", 4)
        inner = program.types.union("", 4, [("a", number, 0), ("b", number, 0)])
        outer = program.types.struct("sample", 8, [("first", number, 0), ("", inner, 32)])
        program.relo(BYTE_OFFSET, outer, access)
        (here / f"{name}.o").write_bytes(program.elf())
    kernel = Program()
    number = kernel.types.int("int", 4)
    inner = kernel.types.union("", 4, [("a", number, 0), ("b", number, 0)])
    kernel.types.struct("sample", 8, [("first", number, 0), ("", inner, 32)])
    put("6.1.btf", kernel.types.to_bytes(), "small")
    for name, text in (("broken", "make libbpf refuse their object"), ("misread", "read another member (GCC 16)")):
        alone = run(capsys, "min", "small/6.1.btf", "alone", f"{name}.o")
        said = run(capsys, "min", "--archive", "small", "-o", name, f"{name}.o")
        assert said.status == alone.status == 1, said.err
        assert f"relocations that {text}: at most 1, on 1 kernel" in said.err
        again = run(capsys, "min", "--archive", "small", "-o", name, f"{name}.o", "--json")
        assert (again.status, json.loads(again.out)["kernels"][0]["status"]) == (1, "unchanged")
