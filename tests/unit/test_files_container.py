"""`btfkit.files.container` and `carve`: files as users have them."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import mmap
import os
import random
import threading
from contextlib import suppress

import pytest
from test_files_inputs import CORPUS, corpus, tar_of, tiny_btf, tiny_elf

from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError
from btfkit.files.carve import bpf_objects, object_name
from btfkit.files.container import open_bytes, open_container, read_objects
from needs import module

OBJECT = tiny_elf([("kprobe/f", b"code"), (".BTF", tiny_btf()), (".BTF.ext", b"ext")])


def test_raw_is_not_copied(tmp_path, monkeypatch):
    blob = tiny_btf()
    found = open_container(blob, "blob")
    assert found.btf is blob
    assert (found.layers, found.elf, found.pointer_size, found.ext, found.base) == (("raw",), None, None, None, None)
    large = tiny_btf(ints=20_000)
    (tmp_path / "v.btf").write_bytes(large)
    found = open_container(tmp_path / "v.btf")
    assert isinstance(found.btf, bytes)  # read once: a mapped file that is cut short meanwhile would end in SIGBUS
    monkeypatch.setattr("btfkit.files.container.SMALL", 4096)
    found = open_container(tmp_path / "v.btf")
    assert isinstance(found.btf, mmap.mmap)
    assert found.btf[:] == large
    assert found.source == str(tmp_path / "v.btf")


@pytest.mark.parametrize("bits", [32, 64])
def test_elf(bits):
    elf = tiny_elf([(".BTF", tiny_btf()), (".BTF.ext", b"ext"), (".BTF.base", b"base")], bits=bits)
    found = open_container(elf)
    assert (found.btf, found.ext, found.base) == (tiny_btf(), b"ext", b"base")
    assert (found.layers, found.pointer_size) == (("elf",), bits // 8)


def test_packed_in_layers():
    blob = tiny_btf("big")
    tar = tar_of(("6.1.btf", blob, b"0"))
    assert open_container(lzma.compress(tar)).layers == ("xz", "tar", "raw")
    assert open_container(tar).layers == ("tar", "raw")
    assert open_container(gzip.compress(OBJECT)).layers == ("gzip", "elf")
    four = gzip.compress(lzma.compress(bz2.compress(gzip.compress(blob))))
    assert open_container(four).btf == blob
    with pytest.raises(FormatError, match="more than 4 layers"):
        open_container(gzip.compress(four))
    with pytest.raises(AmbiguousError):
        open_container(tar_of(("a.btf", blob, b"0"), ("b.btf", blob, b"0")))


def test_limits():
    with pytest.raises(FormatError, match="more than 1000 bytes"):
        open_container(gzip.compress(bytes(100_000)), "bomb.gz", limit=1000)
    bomb = tar_of(("a.btf", tiny_btf(), b"0"), ("b", bytes(100_000), b"0"))
    with pytest.raises(FormatError, match="the limit is 50000"):
        open_container(bomb, "bomb.tar", limit=50_000)
    with pytest.raises(FormatError, match="more than 50000"):
        open_container(lzma.compress(bomb), "bomb.tar.xz", limit=50_000)


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (b"", "file is empty"),
        (b"\x9f", "only one byte"),
        (b"\n<!DOCTYPE html><p>404", "HTML page"),
        (b'{"message": "not found"}', "JSON text"),
        (b'{"types":[]}', "JSON dump of BTF"),
        (b"[1] INT 'int' size=4\n", "text dump of BTF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"#ifndef __VMLINUX_H__\n", "vmlinux.h"),
        (b"PK\x03\x04....", "zip file"),
        (b"Not Found\n", "not BTF but text"),
        (bytes(5000), "only zeros"),
        (b"BC\xc0\xde....", "LLVM bitcode"),
        (b"\x01\x02\x03\x04" * 100, "nothing that contains BTF"),
    ],
)
def test_guesses(data, guess):
    with pytest.raises(FormatError, match=guess) as caught:
        open_container(data, "some.file")
    assert str(caught.value).startswith("some.file")
    with pytest.raises(FormatError):
        read_objects(data, "some.file")


@pytest.mark.parametrize(
    ("sections", "options", "guess"),
    [
        ([(".text", b"x")], {}, "clang -g"),
        ([(".modinfo", b"x")], {"machine": 62}, "CONFIG_DEBUG_INFO_BTF_MODULES"),
        ([(".debug_info", b"x")], {"machine": 62, "kind": 2}, "btfkit encode"),
        ([(".init.text", b"x")], {"machine": 62, "kind": 2}, "CONFIG_DEBUG_INFO_BTF, or stripped"),
        ([(".rodata", OBJECT)], {"machine": 62, "kind": 3}, "1 BPF object"),
        ([(".text", b"x")], {"machine": 62, "kind": 3}, "not a kernel"),
    ],
)
def test_why_there_is_no_btf(sections, options, guess):
    with pytest.raises(NotFoundError, match=guess):
        open_container(tiny_elf(sections, **options), "file")


def test_paths(tmp_path):
    with pytest.raises(FormatError, match="a directory"):
        open_container(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_container(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(tiny_btf(ints=30_000)))
    writer.start()
    assert open_container(tmp_path / "pipe").btf == tiny_btf(ints=30_000)
    writer.join()


def test_standard_input(tmp_path, monkeypatch):
    (tmp_path / "in").write_bytes(tiny_btf())
    with open(tmp_path / "in", "rb") as file:
        saved = os.dup(0)
        try:
            os.dup2(file.fileno(), 0)
            found = open_container("-")
        finally:
            os.dup2(saved, 0)
            os.close(saved)
    assert (found.btf, found.source) == (tiny_btf(), "standard input")


def test_a_file_that_cannot_be_mapped_is_read(tmp_path, monkeypatch):
    (tmp_path / "v").write_bytes(tiny_btf(ints=20_000))

    def refuse(*args, **options):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", refuse)
    assert open_bytes(tmp_path / "v") == tiny_btf(ints=20_000)


def test_an_endless_device_ends(monkeypatch):
    from btfkit.files import compression

    monkeypatch.setattr(compression, "LIMIT", 5 << 20)
    with pytest.raises(FormatError, match="without an end"):
        open_bytes("/dev/zero")


def executable(*objects):
    return tiny_elf(
        [
            (".text", b"t" * 9 + b"\x7fELF\x02\x01\x01"),
            *((f".rodata{i}", o, {"align": 8}) for i, o in enumerate(objects)),
        ],
        machine=62,
        kind=3,
    )


def test_objects():
    (one,) = read_objects(OBJECT, "/x/prog.bpf.o")
    assert (one.name, one.source, one.elf.btf_section(".BTF")) == ("prog", "/x/prog.bpf.o", tiny_btf())
    (one,) = read_objects(gzip.compress(OBJECT), "/x/prog.bpf.o.gz")
    assert one.name == "prog"
    (one,) = read_objects(executable(OBJECT), "/usr/bin/prog")
    assert (one.name, one.elf.view) == ("prog", OBJECT)
    other = tiny_elf([("xdp", b"code2"), (".BTF", tiny_btf("big"))], order="big")
    two = read_objects(executable(OBJECT, other), "/usr/sbin/xdp-bench")
    assert [o.name for o in two] == ["xdp-bench#1", "xdp-bench#2"]
    assert [o.elf.view for o in two] == [OBJECT, other]
    assert "xdp-bench#2 at 0x" in two[1].source


@pytest.mark.parametrize(
    ("data", "error", "guess"),
    [
        (executable(), NotFoundError, "none is embedded"),
        (tiny_elf([(".modinfo", b"")], machine=62), NotFoundError, "kernel module"),
        (tiny_elf([(".BTF", b"")], machine=62, kind=2), NotFoundError, "has BTF"),
        (tiny_elf([(".text", b"x")], machine=62), NotFoundError, "x86-64 object, not BPF: compile with -target bpf"),
        (tiny_elf([(".text", b"x")], machine=183), NotFoundError, "arm64 object, not BPF"),
        (tiny_elf([(".BTF", tiny_btf())], machine=62), NotFoundError, "x86-64 object, not BPF"),
        (tiny_elf([(".text", b"x")], machine=999), NotFoundError, "machine 999 object, not BPF"),
        (executable(b"failed to execute loader prog\0"), NotFoundError, r"light skeleton \(bpftool gen skeleton -L\)"),
        (b"/* SPDX */\n#ifndef X\n#include <bpf/skel_internal.h>\n", FormatError, "a light skeleton .*name the object"),
        (b"/* SPDX */\n#ifndef __PROG_BPF_SKEL_H__\n", FormatError, "a skeleton .*name the object"),
        (b"!<arch>\nx", FormatError, "a package, not a BPF object"),
        (tiny_btf(), FormatError, "got BTF"),
        (b"\x01\x02\x03\x04", FormatError, "not an ELF file"),
    ],
)
def test_no_objects(data, error, guess):
    with pytest.raises(error, match=guess):
        read_objects(data, "file")


def test_carve_names_and_lies():
    assert object_name("a/b/opensnoop.bpf.o") == "opensnoop"
    assert object_name("tool-1.2") == "tool-1.2"
    assert object_name(".o") == ".o"
    with pytest.raises(FormatError):
        bpf_objects(b"no elf")
    broken = bytearray(OBJECT)
    broken[40:48] = b"\xff" * 8  # where its section headers are
    assert bpf_objects(executable(bytes(broken)), "x") == []
    found = bpf_objects(executable(bytes(broken), OBJECT), "x")
    assert [bytes(one.data) for one in found] == [OBJECT]


def test_hostile_carving():
    header = OBJECT[:64]
    data = executable(header * 3000)
    assert bpf_objects(data) == []


def test_mutated_files():
    chance = random.Random(11)
    inputs = [OBJECT, executable(OBJECT), lzma.compress(tar_of(("a.btf", tiny_btf(), b"0"))), gzip.compress(OBJECT)]
    for _ in range(600):
        data = bytearray(chance.choice(inputs))
        data[chance.randrange(len(data))] = chance.randrange(256)
        for reader in (open_container, read_objects):
            with suppress(BtfError):
                reader(bytes(data))


def test_real_skeleton():
    (found,) = read_objects(corpus("objects", "opensnoop-libbpf.elf-with-skeleton"))
    with open(corpus("objects", "opensnoop-libbpf.bpf.o"), "rb") as file:
        assert found.elf.view == file.read()


def test_real_objects():
    corpus("objects")
    for path in sorted(glob.glob(os.path.join(CORPUS, "objects", "*.o"))):
        (one,) = read_objects(path)
        assert one.elf.btf_section(".BTF") is not None, path
        assert len(list(one.elf.functions())) > 0, path


REAL = [
    ("hub/debian/11/x86_64/5.10.0-32-amd64.btf.tar.xz", ("xz", "tar", "raw"), 3576313),
    ("hub/debian/13/s390x/6.12.107+deb13-s390x.btf.tar.xz", ("xz", "tar", "raw"), 3847456),
    ("hub/debian/14/x86_64/7.2.13+deb14-amd64.btf.tar.xz", ("xz", "tar", "raw"), 5440252),
    ("kernel-files/Image-6.12.107+deb13-cloud-arm64.xz", ("xz", "arm64", "search"), 4910460),
    ("kernel-files/nf_conntrack-6.1.0-47-amd64.ko", ("elf",), 28515),
    ("kernel-files/vmlinuz-6.1.0-47-amd64", ("bzimage", "xz", "elf"), 4350808),
    ("kernel-files/vmlinuz-6.1.0-50-cloud-amd64", ("bzimage", "lz4-legacy", "elf"), 4111222),
    ("kernel-files/vmlinuz-6.12.107+deb13-cloud-amd64", ("bzimage", "zstd", "elf"), 4729418),
    ("kernel-files/vmlinuz-6.12.107+deb13-s390x", ("s390", "zstd", "search"), 3847456),
    ("kernel-files/xfs-6.12.107+deb13-amd64.ko.xz", ("xz", "elf"), 382367),
    ("kernel-files/xfs-6.12.107+deb13-s390x.ko.xz", ("xz", "elf"), 381086),
]


@pytest.mark.parametrize(("path", "layers", "size"), REAL, ids=[os.path.basename(r[0]) for r in REAL])
def test_real_files(path, layers, size):
    if "lz4-legacy" in layers:
        module("lz4.block")
    found = open_container(corpus(*path.split("/")))
    assert (found.layers, len(found.btf)) == (layers, size)


def test_the_image_has_the_btf_that_its_package_has():
    image = open_container(corpus("kernel-files", "Image-6.12.107+deb13-cloud-arm64.xz"))
    hub = open_container(corpus("hub", "debian", "13", "arm64", "6.12.107+deb13-cloud-arm64.btf.tar.xz"))
    assert bytes(image.btf) == bytes(hub.btf)
