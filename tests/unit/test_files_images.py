"""`btfkit.files.images`: boot images, and BTF found by its magic."""

from __future__ import annotations

import gzip
import lzma
import random
import struct

import pytest
from test_files_inputs import legacy_lz4, tiny_btf, tiny_elf

from btfkit.errors import FormatError, LimitError, NotFoundError, UnsupportedError
from btfkit.files import images
from btfkit.files.compression import pack
from btfkit.files.container import open_container
from btfkit.files.images import find_btf, sniff_image

NOISE = bytes(random.Random(2).randbytes(20_000))


def flat(btf):
    """A flattened kernel with `btf` in it."""
    return NOISE + b"\0" * 7 + btf + NOISE


def bzimage(payload, *, protocol=0x20F, where=None, size=None):
    image = bytearray(0x1000)
    image[0x1F1] = 3  # sectors of setup code behind the first
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    start = 0x1000 - 4 * 512
    struct.pack_into("<II", image, 0x248, start if where is None else where, len(payload) if size is None else size)
    return bytes(image) + payload + b"code behind it"


VMLINUX = tiny_elf([(".text", b"t"), (".BTF", tiny_btf())], machine=62, kind=2)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, legacy_lz4], ids=["gzip", "xz", "lz4"])
@pytest.mark.parametrize(
    "options",
    [{}, {"protocol": 0x207, "where": 0}, {"where": 77}, {"where": 1 << 31}],
    ids=["declared", "old", "wrong", "far"],
)
def test_bzimage(pack, options):
    found = open_container(bzimage(pack(VMLINUX) + struct.pack("<I", len(VMLINUX)), **options), "vmlinuz")
    assert bytes(found.btf) == tiny_btf()
    assert found.layers[0] == "bzimage"
    assert found.layers[-1] == "elf"
    assert found.pointer_size == 8


def test_bzimage_of_a_kernel_without_sections():
    found = open_container(bzimage(gzip.compress(flat(tiny_btf()))))
    assert found.layers == ("bzimage", "gzip", "search")
    assert bytes(found.btf) == tiny_btf()


def test_a_damaged_or_large_payload_is_not_a_kernel_without_btf():
    payload = bytearray(gzip.compress(VMLINUX))
    payload[-6] ^= 1  # of the checksum
    with pytest.raises(FormatError, match="vmlinuz: damaged gzip data"):
        open_container(bzimage(bytes(payload)), "vmlinuz")
    with pytest.raises(LimitError, match="limit: set BTFKIT_UNPACK_LIMIT to raise it"):
        open_container(bzimage(gzip.compress(VMLINUX + bytes(1 << 20))), "vmlinuz", limit=1 << 19)


@pytest.mark.parametrize("kind", ["zstd", "gzip", "xz", "lzma", "bzip2", "lz4", "lz4-legacy"])
@pytest.mark.parametrize("size_word", [False, True], ids=["", "with its size"])
def test_payloads_of_every_packing(kind, size_word):
    """The kernel's build appends the size to all but gzip (scripts/Makefile.lib, size_append)."""
    if kind.startswith("lz4"):
        pytest.importorskip("lz4.block")
    code = bytes(random.Random(1).choices(b"abcd", (70, 20, 6, 4), k=1_500_000))
    kernel = tiny_elf([(".text", code), (".BTF", tiny_btf())], machine=62, kind=2)
    payload = pack(kernel, kind) + (struct.pack("<I", len(kernel)) if size_word else b"")
    found = open_container(bzimage(payload), "vmlinuz")
    assert (found.layers, bytes(found.btf)) == (("bzimage", kind, "elf"), tiny_btf())
    found = open_container(bzimage(payload, where=77), "vmlinuz")  # found by searching
    assert (found.layers, bytes(found.btf)) == (("bzimage", kind, "elf"), tiny_btf())


def test_zboot():
    payload = gzip.compress(b"MZ".ljust(56, b"\0") + b"ARM\x64" + flat(tiny_btf()))
    image = b"MZ\0\0zimg" + struct.pack("<II", 64, len(payload)) + bytes(8) + b"gzip".ljust(32, b"\0") + bytes(8)
    found = open_container(image[:64] + payload)
    assert found.layers == ("zboot", "gzip", "arm64", "search")
    assert bytes(found.btf) == tiny_btf()


def test_unified_image():
    kernel = bzimage(gzip.compress(VMLINUX))
    pe = bytearray(0x400)
    pe[:2] = b"MZ"
    struct.pack_into("<I", pe, 0x3C, 0x80)
    struct.pack_into("<4s2xH12xH", pe, 0x80, b"PE\0\0", 2, 0x10)
    pe[0xA8 : 0xA8 + 24] = struct.pack("<8sIIII", b".cmdline", 1, 0, 1, 1)
    pe[0xD0 : 0xD0 + 24] = struct.pack("<8sIIII", b".linux", len(kernel), 0, len(kernel) + 100, 0x400)
    found = open_container(bytes(pe) + kernel + bytes(100))
    assert found.layers == ("uki", "bzimage", "gzip", "elf")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_uimage(pack):
    payload = pack(b"\0" * 56 + b"ARM\x64" + flat(tiny_btf("big")))
    head = struct.pack(">IIIIIIIBBBB32s", 0x27051956, 0, 0, len(payload), 0, 0, 0, 5, 22, 2, 1, b"Linux")
    found = open_container(head + payload)
    assert found.layers[0] == "uimage"
    assert bytes(found.btf) == tiny_btf("big")


@pytest.mark.parametrize(
    ("kind", "at", "magic"), [("arm64", 56, b"ARM\x64"), ("riscv", 56, b"RSC\x05"), ("s390", 0x10008, b"S390EP")]
)
@pytest.mark.parametrize("order", ["little", "big"])
def test_flat_images(kind, at, magic, order):
    image = (bytes(at) + magic).ljust(0x11000, b"\0") + flat(tiny_btf(order, 9))
    assert sniff_image(image) == kind
    found = open_container(gzip.compress(image))
    assert found.layers == ("gzip", kind, "search")
    assert bytes(found.btf) == tiny_btf(order, 9)


def test_self_unpacking_flat_image():
    image = (
        bytes(0x10008) + b"S390EP" + NOISE + b"\x28\xb5\x2f\xfd no frame" + lzma.compress(flat(tiny_btf("big"))) + NOISE
    )
    found = open_container(image)
    assert found.layers == ("s390", "xz", "search")
    assert bytes(found.btf) == tiny_btf("big")


def test_an_image_without_btf():
    with pytest.raises(NotFoundError, match="CONFIG_DEBUG_INFO_BTF"):
        open_container(bzimage(gzip.compress(NOISE)))
    with pytest.raises(NotFoundError, match="CONFIG_DEBUG_INFO_BTF"):
        open_container(bytes(56) + b"ARM\x64" + NOISE)
    with pytest.raises(NotFoundError, match="CONFIG_DEBUG_INFO_BTF"):
        open_container(bzimage(gzip.compress(tiny_elf([(".text", b"x")], kind=2))))


def test_a_packing_that_is_missing_is_named(monkeypatch):
    import sys

    image = bzimage(legacy_lz4(VMLINUX))
    monkeypatch.setitem(sys.modules, "lz4.block", None)
    with pytest.raises(UnsupportedError, match=r"btfkit\[lz4\]"):
        open_container(image)


def test_find_takes_the_largest_that_is_whole():
    assert find_btf(b"") is None
    assert find_btf(NOISE) is None
    small, large = tiny_btf(ints=2), tiny_btf("big", ints=50, header=32)
    cut = tiny_btf(ints=500)[:-4]
    no_records = bytearray(tiny_btf(ints=400))
    no_records[24 + 7] = 0x7F  # a kind that is none
    data = b"".join((NOISE, small, b"\xff", bytes(no_records), NOISE, large, b"\xff\x9f\xeb\x01\0", cut[:-1] + b"\xff"))
    assert bytes(find_btf(data)) == large
    assert bytes(find_btf(data, lambda blob: len(blob) < 100)) == small
    assert find_btf(data).obj is data

    def fails(blob):
        raise FormatError("no")

    assert find_btf(data, fails) is None
    assert bytes(find_btf(memoryview(data)[100:])) == large


def test_find_knows_a_layout_section():
    strings, types = b"\0int\0", struct.pack("<IIII", 1, 1 << 24, 4, 32)
    head = struct.pack("<HBBIIIIIII", 0xEB9F, 1, 0, 32, 0, 16, 24, 5, 16, 8)
    blob = head + types + bytes(8) + strings
    assert bytes(find_btf(NOISE + blob + NOISE)) == blob
    gap = head[:-8] + struct.pack("<II", 16, 4) + types + bytes(8) + strings
    assert find_btf(NOISE + gap) is None


def test_hostile_magics_are_limited(monkeypatch):
    monkeypatch.setattr(images, "MAX_HITS", 100)
    assert find_btf(b"\x9f\xeb\x01\0" * 1000 + tiny_btf()) is None
    assert bytes(find_btf(b"\x9f\xeb\x01\0" * 90 + tiny_btf())) == tiny_btf()
    assert images.search_payload(b"\x1f\x8b\x08\0" * 1000) is None


def test_many_bombs_share_one_limit():
    bomb = gzip.compress(bytes(3 << 20))
    with pytest.raises(LimitError, match=r"no BTF in the first 4194304 bytes .*: set BTFKIT_UNPACK_LIMIT"):
        images.search_payload(bomb * 8 + gzip.compress(flat(tiny_btf())), limit=4 << 20)
