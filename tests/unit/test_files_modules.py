"""`btfkit.files.modules`: folders, files and tars of modules."""

from __future__ import annotations

import lzma
import os

import pytest
from test_files_inputs import corpus, tar_of, tiny_btf

from btfkit.files.modules import module_blobs, module_files, module_name


def test_names():
    assert module_name("/a/nf-conntrack.ko.xz") == "nf-conntrack"
    assert module_name("/a/nf-conntrack.ko.xz", underscores=True) == "nf_conntrack"
    assert module_name("xfs.btf") == "xfs"
    assert module_name("xfs") == "xfs"
    assert module_name("snd-soc-rt5.1.ko") == "snd-soc-rt5.1"
    assert module_name(".ko") == ".ko"


@pytest.fixture
def tree(tmp_path):
    files = {
        "kernel/fs/xfs.ko.xz": b"x",
        "kernel/net/a-b.ko": b"x",
        "kernel/net/a-b.ko.debug": b"x",
        "updates/xfs.ko": b"x",
        "modules.dep": b"text",
        "README": b"text",
        "bare": tiny_btf(),
        "vmlinux": tiny_btf(),
        "vmlinux.btf": tiny_btf(),
        "more/split.btf": tiny_btf(),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    os.symlink("nowhere", tmp_path / "dangling.ko")
    os.symlink("loop.ko", tmp_path / "loop.ko")
    os.symlink("..", tmp_path / "kernel" / "up")
    os.symlink("kernel/net/a-b.ko", tmp_path / "linked.ko")
    os.mkfifo(tmp_path / "pipe.ko")
    return tmp_path


def test_a_folder(tree):
    found = [(name, os.path.relpath(path, tree)) for name, path in module_files(tree)]
    assert found == [
        ("a-b", "kernel/net/a-b.ko"),
        ("bare", "bare"),
        ("linked", "linked.ko"),
        ("split", "more/split.btf"),
        ("xfs", "kernel/fs/xfs.ko.xz"),
        ("xfs", "updates/xfs.ko"),
    ]
    assert next(module_files(tree, underscores=True))[0] == "a_b"
    assert [(name, bytes(data), source) for name, data, source in module_blobs(tree)][1] == (
        "bare",
        tiny_btf(),
        str(tree / "bare"),
    )


def test_a_file(tree):
    path = str(tree / "updates/xfs.ko")
    assert list(module_files(path)) == [("xfs", path)]
    assert list(module_blobs(path)) == [("xfs", b"x", path)]
    with pytest.raises(FileNotFoundError):
        list(module_files(tree / "none"))


@pytest.mark.parametrize("pack", [bytes, lzma.compress], ids=["plain", "xz"])
def test_a_tar(tmp_path, pack):
    path = str(tmp_path / "modules.tar")
    tar = tar_of(
        ("d/b.btf", b"2", b"0"),
        ("d/a.ko", b"1", b"0"),
        ("vmlinux", tiny_btf(), b"0"),
        ("bare", tiny_btf(), b"0"),
        ("notes.txt", b"", b"0"),
        ("l.ko", b"x", b"2"),
    )
    (tmp_path / "modules.tar").write_bytes(pack(tar))
    assert [(name, bytes(data), source) for name, data, source in module_blobs(path)] == [
        ("b", b"2", f"{path}(d/b.btf)"),
        ("a", b"1", f"{path}(d/a.ko)"),
        ("bare", tiny_btf(), f"{path}(bare)"),
    ]


def test_real_modules():
    blobs = module_blobs(corpus("modules", "6.12.107+deb13-s390x.tar.xz"))
    name, data, source = next(blobs)
    assert (name, len(data)) == ("3w-9xxx", 15715)
    assert source.endswith("s390x.tar.xz(3w-9xxx.btf)")
    assert sum(1 for _ in blobs) == 2243
