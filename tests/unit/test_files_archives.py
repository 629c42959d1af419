"""`btfkit.files.archives`: kernels and modules in packages, and images that hold a kernel; made here and by the real programs."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import shutil
import struct
import subprocess
from contextlib import suppress

import pytest
from archive_inputs import ar, cpio, deb, rpm
from test_files_images import VMLINUX, bzimage, flat
from test_files_inputs import tar_of, tiny_btf, tiny_elf

import btfkit
from btfkit.errors import AmbiguousError, BtfError, FormatError, LimitError, NotFoundError, UnsupportedError
from btfkit.files.archives import is_kernel, open_archive
from btfkit.files.compression import pack
from btfkit.files.container import open_container
from btfkit.files.modules import module_blobs

KERNEL = bzimage(gzip.compress(VMLINUX))
MODULE = tiny_elf([(".modinfo", b"name=m\0"), (".BTF", tiny_btf(ints=3))], machine=62)
FILES = {
    "boot/System.map-6.1": b"text",
    "boot/vmlinuz-6.1": KERNEL,
    "lib/modules/6.1/kernel/one.ko": MODULE,
    "lib/modules/6.1/kernel/two-b.ko.xz": lzma.compress(MODULE),
    "lib/modules/6.1/modules.dep": b"text",
    "usr/share/doc/vmlinux.txt": b"text",
}
PACKINGS = {"": "", "gzip": ".gz", "xz": ".xz", "zstd": ".zst", "bzip2": ".bz2", "lzma": ".lzma"}


def packer(kind):
    return (lambda data: pack(data, kind)) if kind else bytes


def tar(files):
    return tar_of(*((name, content, b"0") for name, content in files.items()))


FORMATS = {
    "deb": lambda files, kind: deb(files, packer(kind), PACKINGS[kind]),
    "rpm": lambda files, kind: rpm(files, packer(kind)),
    "cpio": lambda files, kind: packer(kind)(cpio(files)),
    "tar": lambda files, kind: packer(kind)(tar(files)),
}


@pytest.mark.parametrize("kind", PACKINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_the_kernel_and_the_modules_of_a_package(tmp_path, form, kind):
    data = FORMATS[form](FILES, kind)
    found = open_container(data, "x.pkg")
    assert bytes(found.btf) == tiny_btf()
    assert found.layers[-3:] == ("bzimage", "gzip", "elf")
    assert form in found.layers
    assert found.source == ("x.pkg" if form == "tar" else "x.pkg(boot/vmlinuz-6.1)")
    path = tmp_path / "x.pkg"
    path.write_bytes(data)
    blobs = [(name, source) for name, _, source in module_blobs(path)]
    assert blobs == [
        ("one", f"{path}(lib/modules/6.1/kernel/one.ko)"),
        ("two-b", f"{path}(lib/modules/6.1/kernel/two-b.ko.xz)"),
    ]
    for _, content, source in module_blobs(path):
        assert bytes(btfkit.open(content, source).container.btf) == tiny_btf(ints=3)
    assert not btfkit.open(str(path)).rewritable


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_meant(form):
    make = FORMATS[form]
    one = {"lib/modules/6.1/one.ko": MODULE}
    assert bytes(open_container(make(one, "")).btf) == tiny_btf(ints=3)
    with pytest.raises(AmbiguousError, match="x: archive of 3 modules without a kernel: use it for modules"):
        open_container(make({f"{number}.ko": MODULE for number in range(3)}, "xz"), "x")
    with pytest.raises(AmbiguousError, match=r"several files \(boot/vmlinuz-1, boot/vmlinuz-2"):
        open_container(make({"boot/vmlinuz-1": KERNEL, "boot/vmlinuz-2": KERNEL}, "xz"), "x")
    assert bytes(open_container(make({"a.btf": tiny_btf(ints=2), **FILES}, "xz")).btf) == tiny_btf(ints=2)
    with pytest.raises(
        NotFoundError, match="archive has no regular file" if form == "tar" else "no kernel and no module in this"
    ):
        open_container(make({"dir/": b""} if form == "tar" else {}, ""), "x")


def test_names_of_kernels():
    kernels = (
        "boot/vmlinuz-6.1",
        "vmlinux",
        "Image.gz",
        "lib/modules/6/vmlinuz",
        "vmlinux-6.1.xz",
        "bzImage",
        "vmlinuz-virt.efi",
    )
    assert all(map(is_kernel, kernels))
    others = (
        "vmlinux.h",
        "vmlinux.lds",
        "lib/.vmlinuz.hmac",
        "boot/System.map-6.1",
        "vmlinux.lds.S",
        "linux-image-6.1",
        "vmlinux.id",
        "a.ko",
    )
    assert not any(map(is_kernel, others))


def test_an_initramfs_of_several_archives(tmp_path):
    early = cpio({"kernel/x86/microcode/GenuineIntel.bin": b"code"}) + bytes(512)
    path = tmp_path / "initrd.img"
    for late in (cpio({"lib/modules/6.1/one.ko": MODULE}), pack(cpio({"lib/modules/6.1/one.ko": MODULE}), "zstd")):
        path.write_bytes(early + late + bytes(100))
        assert [name for name, _, _ in module_blobs(path)] == ["one"]
        assert bytes(open_container(path).btf) == tiny_btf(ints=3)


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_packages(form):
    chance = random.Random(5)
    data = FORMATS[form](FILES, "")
    for length in range(600, len(data) - 11_000, 997):
        with pytest.raises(FormatError):
            list(open_archive(data[:length], "x")[0].members())
    for _ in range(200):
        broken = bytearray(data)
        for _ in range(3):
            broken[chance.randrange(8, min(2000, len(broken)))] = chance.randrange(256)
        with suppress(BtfError):
            open_container(bytes(broken), "x")


def test_packages_that_lie():
    with pytest.raises(FormatError, match=r"without data\.tar: not a Debian package \(a static library\?\)"):
        open_container(ar({"a.o/": b"x", "b.o/": b"yy"}), "lib.a")
    with pytest.raises(UnsupportedError, match=r"a package with data\.tar\.br"):
        open_container(ar({"data.tar.br": b"something"}), "x.deb")
    with pytest.raises(FormatError, match="truncated package"):
        open_container(deb(FILES)[:-2000], "x.deb")
    with pytest.raises(FormatError, match="not the header of a member of an ar archive"):
        open_container(b"!<arch>\n" + b"x" * 60, "x.deb")
    with pytest.raises(FormatError, match="not the header of an RPM package"):
        open_container(b"\xed\xab\xee\xdb" + bytes(200), "x.rpm")
    huge = bytearray(rpm(FILES))
    struct.pack_into(">I", huge, 96 + 12, 0xFFFFFFF0)
    with pytest.raises(FormatError, match="a header of 4294967328 bytes"):
        open_container(bytes(huge), "x.rpm")
    with pytest.raises(FormatError, match="payload of an unknown format"):
        open_container(rpm(FILES, lambda data: b"?" + data), "x.rpm")
    with pytest.raises(UnsupportedError, match="rpm2archive"):
        open_container(rpm(FILES, lambda data: data.replace(b"070701", b"07070X")), "x.rpm")
    with pytest.raises(FormatError, match="not a number in a cpio header"):
        open_container(b"070701" + b"g" * 104 + bytes(400), "x")


@pytest.mark.parametrize("form", FORMATS)
def test_a_member_that_is_too_large(form):
    data = FORMATS[form]({"boot/vmlinuz-6.1": bytes(70_000), "modules.dep": bytes(90_000)}, "xz")
    said = r"'(./)?boot/vmlinuz-6.1' has 70000 bytes, the limit is 50000; set|more than 50000 bytes, the limit: set"
    with pytest.raises(LimitError, match=said):
        open_container(data, "x", limit=50_000)


def test_links_and_names_that_lead_outside():
    names = [
        name for name, _ in open_archive(cpio({"../../etc/passwd": b"x", "/a/b": b"y", "./c": b"z"}), "x")[0].members()
    ]
    assert names == ["a/b", "c"]


def test_a_package_that_dpkg_wrote(tmp_path):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not there: apt-get install dpkg")
    root = tmp_path / "root"
    for name, content in {
        "DEBIAN/control": b"Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n",
        **FILES,
    }.items():
        os.makedirs(root / os.path.dirname(name), exist_ok=True)
        (root / name).write_bytes(content)
    for form in ("xz", "gzip", "zstd", "none"):
        out = tmp_path / f"{form}.deb"
        made = subprocess.run(
            ["dpkg-deb", "--root-owner-group", f"-Z{form}", "-b", root, out],
            capture_output=True,
            timeout=60,
            check=False,
        )
        if made.returncode and form == "zstd":
            continue  # a dpkg that does not know it
        assert bytes(open_container(out).btf) == tiny_btf()
        assert len(list(module_blobs(out))) == 2


def test_an_initramfs_that_cpio_wrote(tmp_path, monkeypatch):
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not there: apt-get install cpio")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.ko").write_bytes(MODULE)
    made = subprocess.run(["cpio", "-o", "-H", "newc"], input=b"one.ko\n", capture_output=True, check=True, timeout=60)
    assert bytes(open_container(made.stdout).btf) == tiny_btf(ints=3)


# ---- images that hold a kernel --------------------------------------------------------------------------------------


def pe(*sections: tuple[bytes, bytes]) -> bytes:
    """An EFI program with these sections."""
    head = bytearray(0x400)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, 0x80)
    struct.pack_into("<4s2xH12xH", head, 0x80, b"PE\0\0", len(sections), 0x10)
    body = b""
    for number, (name, content) in enumerate(sections):
        at = 0xA8 + 40 * number
        head[at : at + 24] = struct.pack("<8sIIII", name, len(content), 0, len(content), 0x400 + len(body))
        body += content
    return bytes(head) + body


def test_an_efi_program_without_a_kernel_is_not_a_unified_image():
    with pytest.raises(FormatError, match="not BTF, and nothing that contains BTF"):
        open_container(pe((b".text", b"grub")), "grubx64.efi")
    found = open_container(pe((b".cmdline", b"quiet"), (b".linux", KERNEL)), "linux.efi")
    assert found.layers == ("uki", "bzimage", "gzip", "elf")


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "lzma", "lz4-legacy"])
def test_a_loong64_zboot_image(kind):
    if kind.startswith("lz4"):
        pytest.importorskip("lz4.block")
    inner = bytearray(pe((b".text", flat(tiny_btf()))))
    inner[0x38:0x3C] = b"\xcd\x23\x82\x81"
    payload = pack(inner, kind)
    outer = bytearray(pe((b".text", payload)))
    outer[4:16] = b"zimg" + struct.pack("<II", 0x400, len(payload))
    outer[0x38:0x3C] = b"\xcd\x23\x82\x81"
    found = open_container(bytes(outer) + struct.pack("<I", len(inner)))
    assert found.layers == ("zboot", kind, "loong64", "search")
    assert bytes(found.btf) == tiny_btf()
    bare = bytearray(pe((b".text", b"no types")))
    bare[0x38:0x3C] = b"\xcd\x23\x82\x81"
    with pytest.raises(NotFoundError, match="no BTF in this loong64 image"):
        open_container(bytes(bare))


@pytest.mark.parametrize("version", [0, 2, 4])
@pytest.mark.parametrize("kind", ["", "gzip", "lz4-legacy"])
def test_androids_boot_image(version, kind):
    if kind:
        pytest.importorskip("lz4.block")
    image = bytes(56) + b"ARM\x64" + flat(tiny_btf())
    kernel = pack(image, kind) if kind else image
    page = 4096 if version >= 3 else 2048
    head = b"ANDROID!" + struct.pack("<I24xII", len(kernel), 0 if version >= 3 else page, version)
    found = open_container(head.ljust(page, b"\0") + kernel + bytes(page) + b"ramdisk")
    assert bytes(found.btf) == tiny_btf()
    assert found.layers[0] == "bootimg"


@pytest.mark.parametrize("kind", ["gzip", "lzma", "xz"])
def test_a_fit_image(kind):
    """A flattened device tree whose property `data` of /images/kernel-1 is the kernel."""
    kernel = pack(bytes(56) + b"RSC\x05" + flat(tiny_btf()), kind)
    strings = b"data\0"
    tree = struct.pack(">I8s", 1, b"images") + struct.pack(">I12s", 1, b"kernel-1")
    tree += struct.pack(">III", 3, len(kernel), 0) + kernel + bytes(-len(kernel) % 4) + struct.pack(">III", 2, 2, 9)
    head = struct.pack(
        ">10I", 0xD00DFEED, 56 + len(tree) + len(strings), 56, 56 + len(tree), 40, 17, 16, 0, len(strings), len(tree)
    )
    found = open_container(head + bytes(16) + tree + strings)
    assert found.layers == ("fit", kind, "riscv", "search")
    assert bytes(found.btf) == tiny_btf()


# ---- what is named -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "magic", "said"),
    [
        (0, b"hsqs", "a squashfs image: mount it, or extract"),
        (0, b"sqsh", "a squashfs image"),
        (0, b"KDUMP   ", r"kdump-compressed dump .*: convert it with `makedumpfile -E`"),
        (0, b"makedumpfile\0\0\0\0", "kdump-compressed dump"),
        (0, b"DISKDUMP", "kdump-compressed dump"),
        (0, b"QFI\xfb", "a qcow2 disk image"),
        (0, b"XFSB", "an XFS file system"),
        (0, b"070707", "a cpio archive of the old form"),
        (0x400, b"\xe2\xe1\xf5\xe0", "an EROFS image"),
        (0x438, b"\x53\xef", "an ext2, ext3 or ext4 file system"),
        (0x10040, b"_BHRfS_M", "a Btrfs file system"),
        (0x8001, b"CD001", "an ISO 9660 image"),
        (0x200, b"EFI PART", "a disk image with partitions"),
    ],
)
def test_file_systems_and_dumps_are_named(at, magic, said):
    data = bytearray(b"\1" * 0x12000 if not at else 0x12000)
    data[at : at + len(magic)] = magic
    with pytest.raises(FormatError, match=f"disk, byte {at:#x}: not BTF but .*{said}"):
        open_container(bytes(data), "disk")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("mksquashfs {tree} {out} -noappend -quiet", "squashfs"),
        ("mkfs.erofs {out} {tree}", "EROFS"),
        ("mkfs.ext4 -q -d {tree} {out} 2M", "ext2, ext3 or ext4"),
    ],
)
def test_file_systems_that_the_real_programs_write(tmp_path, command, said):
    program = command.split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not there: apt-get install squashfs-tools erofs-utils e2fsprogs")
    tree, out = tmp_path / "tree", tmp_path / "out"
    tree.mkdir()
    (tree / "one.ko").write_bytes(MODULE)
    subprocess.run(command.format(tree=tree, out=out).split(), capture_output=True, check=True, timeout=60)
    with pytest.raises(FormatError, match=f"not BTF but an? {said}"):
        open_container(out)
