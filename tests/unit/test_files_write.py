"""`btfkit.files.write`: whole or not there, and no debris."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from btfkit.files import leftovers, write
from btfkit.files.write import write_all, write_atomic


def test_new_and_existing(tmp_path):
    path = tmp_path / "out"
    old = os.umask(0o027)
    try:
        write_atomic(path, b"one")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    write_atomic(str(path), memoryview(b"two"), fsync=True)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert os.listdir(tmp_path) == ["out"]


def test_attributes_of_the_old_file_stay(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"one")
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.btfkit", b"kept")
    except (OSError, AttributeError):
        pytest.skip("needs a file system with extended attributes; run with --basetemp on ext4")
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    before = path.stat()
    write_atomic(path, b"two")
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(path, "user.btfkit") == b"kept"


def test_other_hard_links_keep_the_old_content(tmp_path):
    (tmp_path / "one").write_bytes(b"old")
    os.link(tmp_path / "one", tmp_path / "two")
    write_atomic(tmp_path / "one", b"new")
    assert (tmp_path / "two").read_bytes() == b"old"


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("name", ["x" * 255, "é" * 127])
def test_the_longest_names(tmp_path, monkeypatch, unnamed, name):
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    for content in (b"one", b"two"):
        write_atomic(tmp_path / name, content)
        assert (tmp_path / name).read_bytes() == content
    assert os.listdir(tmp_path) == [name]


def test_more_files_than_can_be_open(tmp_path):
    contents = {str(tmp_path / f"{number}"): b"x" for number in range(write.MAX_UNNAMED + 5)}
    for _ in range(2):
        write_all(contents)
    assert len(os.listdir(tmp_path)) == len(contents)


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    """Those of a process that is gone, and of another machine after a day; not those that may still be written."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine = leftovers.temporary_name(str(tmp_path))
    dead = mine.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    place = os.path.basename(mine).split("-")[2]
    far, old = (mine.replace(place, word) for word in ("0", "1"))
    other = str(tmp_path / ".another.tmp")
    for path in (mine, dead, far, old, other):
        with open(path, "wb"):
            pass
    os.utime(old, (1, 1))
    write_atomic(tmp_path / "out", b"x")
    assert {str(path) for path in tmp_path.iterdir()} == {mine, far, other, str(tmp_path / "out")}


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomic("out", b"x")
    assert os.listdir(tmp_path) == ["out"]


def test_a_link_stays_and_its_target_is_exchanged(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "real").write_bytes(b"old")
    os.symlink("d/real", tmp_path / "link")
    write_atomic(tmp_path / "link", b"new")
    assert os.readlink(tmp_path / "link") == "d/real"
    assert (tmp_path / "d" / "real").read_bytes() == b"new"
    os.symlink("d/not-yet", tmp_path / "early")
    write_atomic(tmp_path / "early", b"made")
    assert (tmp_path / "d" / "not-yet").read_bytes() == b"made"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["_write_whole", "replace"])
def test_no_debris(tmp_path, monkeypatch, error, call):
    (tmp_path / "out").write_bytes(b"old")

    def fail(*args):
        raise error

    if call == "replace":
        monkeypatch.setattr(write.os, "replace", fail)
    else:
        monkeypatch.setattr(write, "_write_whole", fail)
    with pytest.raises(type(error)):
        write_all({str(tmp_path / "out"): b"new", str(tmp_path / "second"): b"new"})
    assert (tmp_path / "out").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_all_or_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        write_all({str(tmp_path / "a"): b"1", str(tmp_path / "file" / "b"): b"2"})
    assert os.listdir(tmp_path) == ["file"]
    os.unlink(tmp_path / "file")
    write_all({str(tmp_path / "a"): b"1", str(tmp_path / "b"): b"2"})
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path, b"x")


def test_devices_and_pipes(tmp_path):
    write_atomic("/dev/null", b"x")
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    write_atomic(tmp_path / "pipe", b"through")
    assert reader.communicate()[0] == b"through"
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output(tmp_path, name):
    code = f"from btfkit.files.write import write_atomic; print('head', end=''); write_atomic({name!r}, b'\\x9f\\xeb')"
    with open(tmp_path / "out", "wb") as out:
        out.write(b"before ")
        out.flush()
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"before head\x9f\xeb"
