"""Modules written anew: either class, either byte order, every packing, signed or not, with `.BTF_ids`."""

from __future__ import annotations

import os
import subprocess

import pytest

from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, FormatError, UnsupportedError
from btfkit.files.compression import MAGICS, pack, sniff, unpack
from btfkit.files.elf import Elf
from btfkit.files.rewrite import packings_for, translated_ids
from corpus import require_corpus
from needs import lacks
from small_modules import SIGNATURE, elf, kernel, ko, module

ORDERS = ("little", "big")
PACKINGS = ("gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "lz4-legacy")


def contents(data: bytes) -> dict[str, bytes]:
    found = Elf(data)
    return {section.name: bytes(found.raw(section)) for section in found.sections if section.name}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("align", [0, 1, 3, 8, 4096, 1 << 20])
def test_sections(order, bits, align) -> None:
    base = kernel(order)
    before = ko(module(base), base, order, bits, ids=True, align=align)
    for size in (0, 5, 4000):
        after = open_btf(before, "m.ko").with_sections({".BTF": b"x" * size, ".BTF.base": b"y" * 7})
        old, new = contents(before), contents(after)
        assert new.pop(".BTF") == b"x" * size
        assert new.pop(".BTF.base") == b"y" * 7
        del old[".BTF"], old[".shstrtab"], new[".shstrtab"]
        assert new == old
        there = {section.name: section for section in Elf(after).sections}
        for section in Elf(before).sections:
            if section.name not in (".BTF", ".shstrtab"):
                assert there[section.name].offset == section.offset
                assert there[section.name].index == section.index
        again = open_btf(after).with_sections({".BTF.base": None})
        assert ".BTF.base" not in contents(again)


@pytest.mark.parametrize("kind", PACKINGS)
def test_packed(kind) -> None:
    base = kernel()
    plain = ko(module(base), base)
    packed = open_btf(pack(plain, kind)).with_sections({".BTF": b"new"})
    assert sniff(packed) == kind
    assert bytes(unpack(packed)) == open_btf(plain).with_sections({".BTF": b"new"})
    assert packed == open_btf(pack(plain, kind)).with_sections({".BTF": b"new"})  # same input, same bytes


@pytest.mark.parametrize("size", [0, 1, 100_000, 9 << 20])
def test_pack_is_undone_by_unpack(size) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    for kind in PACKINGS if size < 1 << 20 else ("lz4-legacy",):
        if size or kind != "lz4-legacy":
            assert bytes(unpack(pack(data, kind), kind=kind)) == data, kind
    with pytest.raises(UnsupportedError, match="lzo"):
        pack(data, "lzo")


def test_xz_as_the_kernel_wants_it() -> None:
    packed = pack(b"content" * 1000, "xz")
    assert packed[7] == 1  # CRC32, the only check that the kernel's decoder knows
    assert packed.count(MAGICS["xz"]) == 1
    assert packed[14] == 0x21  # LZMA2
    for size, code in ((7, 0), (8192, 2), (1 << 20, 16), (9 << 20, 16)):  # dictionaries of 4 KiB to 1 MiB
        assert pack(bytes(size), "xz")[16] == code


@pytest.mark.parametrize(
    ("tool", "kind"), [("gzip", "gzip"), ("xz", "xz"), ("zstd", "zstd"), ("lz4", "lz4"), ("bzip2", "bzip2")]
)
def test_tools_agree(tmp_path, tool, kind) -> None:
    data = os.urandom(1000) * 50
    try:
        done = subprocess.run([tool, "-dc"], input=pack(data, kind), capture_output=True, check=True)
    except FileNotFoundError:
        lacks("program", tool)
    assert done.stdout == data


def test_twice_packed() -> None:
    base = kernel()
    packed = open_btf(pack(pack(ko(module(base), base), "gzip"), "xz")).with_sections({".BTF": b"n"})
    assert sniff(packed) == "xz"
    assert sniff(bytes(unpack(packed))) == "gzip"


@pytest.mark.parametrize("kind", [None, "xz"])
def test_signed(kind) -> None:
    base = kernel()
    plain = ko(module(base), base, signed=True)
    data = pack(plain, kind) if kind else plain
    assert open_btf(data).signature == len(SIGNATURE)
    with pytest.raises(UnsupportedError, match="strip it"):
        open_btf(data, "m.ko").with_sections({".BTF": b"x"})
    new = open_btf(data, "m.ko").with_sections({".BTF": b"x"}, strip_signature=True)
    assert open_btf(new).signature == 0
    broken = SIGNATURE.replace((40).to_bytes(4, "big"), b"\xff" * 4)
    with pytest.raises(FormatError, match=r"module signature.*m\.ko|m\.ko.*module signature"):
        open_btf(ko(module(base), base) + broken, "m.ko").with_sections({})


def test_ids() -> None:
    for order in ORDERS:
        base = kernel(order)
        found = Elf(ko(module(base), base, order, ids=True))
        raw = bytes(found.data(".BTF_ids"))
        old = [int.from_bytes(raw[at : at + 4], order) for at in range(0, len(raw), 4)]
        names = {1000 - old[0]: "mutex", 1000 - old[4]: "my_kfunc", 1000 - old[6]: "my_probe"}
        renumbered = {number: 1000 - number if 1000 - number in names else 0 for number in old}
        ids = translated_ids(found, renumbered.__getitem__, names.__getitem__)
        new = [int.from_bytes(ids.content[at : at + 4], order) for at in range(0, len(raw), 4)]
        assert ids.lost == ("struct module",)
        assert new[:4] == [1000 - old[0], 0, 2, 0]
        assert (
            new[4:] == [1000 - old[4], 16, 1000 - old[6], 1]
            if old[4] > old[6]
            else [1000 - old[6], 1, 1000 - old[4], 16]
        )
        assert new[4] < new[6]


def sorted_set(kind: str, rows: list[tuple[int, int]], names: list[str], order: str) -> Elf:
    """A file with one set of functions: `rows` are (id, flags), in the file's order; `names` those of its symbols."""
    head, width = (8, 8) if kind == "set8" else (4, 4)
    words = [len(rows)] + [0] * (kind == "set8") + [word for row in rows for word in row[: width // 4]]
    symbols = [(f"__BTF_ID__{kind}__s", ".BTF_ids", 0, 4)]
    symbols += [
        (f"__BTF_ID__func__{name}__{number}", ".BTF_ids", head + width * number, 4) for number, name in enumerate(names)
    ]
    data = b"".join(word.to_bytes(4, order) for word in words)
    return Elf(elf({".BTF_ids": data}, order, symbols=symbols))


KERNEL = {"a": 90, "b": 20, "c": 50}


@pytest.mark.parametrize("kind", ["set", "set8"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("rows", "right", "lost"),
    [  # resolve_btfids has sorted the ids: a symbol's place is not that of its function
        ([(2, 7), (5, 8), (9, 6)], [(20, 7), (50, 8), (90, 6)], ()),
        ([(0, 7), (5, 8), (9, 6)], [(20, 7), (50, 8), (90, 6)], ()),  # b is 0, at the place of a
        ([(0, 7), (0, 7), (9, 6)], [(20, 7), (50, 7), (90, 6)], ()),
        ([(0, 7), (0, 8), (9, 6)], [(0, 7), (0, 8), (90, 6)], ()),  # which of b and c has the flags 7?
        ([(2, 7), (5, 8), (4, 6)], [(20, 7), (50, 8), (90, 6)], ()),  # 4: an id that is gone, so that of a
    ],
)
def test_ids_of_a_sorted_set(kind, order, rows, right, lost) -> None:
    found = sorted_set(kind, rows, ["a", "b", "c"], order)
    names = {number: name for name, number in KERNEL.items()}
    new = {2: 20, 5: 50, 9: 90}
    ids = translated_ids(found, lambda old: new.get(old, 0), names.__getitem__, lambda kind, name: KERNEL[name])
    if kind == "set":  # no flags: what is left is told apart by nothing
        right = [(number, 0) for number in (20, 50, 90)]
    assert ids.content == bytes(sorted_set(kind, right, [], order).data(".BTF_ids"))
    assert ids.lost == lost


def test_names_that_a_sorted_set_loses() -> None:
    found = sorted_set("set8", [(2, 7), (5, 8), (9, 6)], ["a", "b", "c"], "little")
    ids = translated_ids(found, {2: 0, 5: 50, 9: 90}.__getitem__, {50: "c", 90: "a"}.__getitem__)
    assert ids.lost == ("func b",)  # 2, at the place of a
    ids = translated_ids(found, {2: 0, 5: 50, 9: 0}.__getitem__, {50: "c"}.__getitem__, lambda kind, name: 0)
    assert ids.lost == ("func a", "func b")


def test_ids_that_nothing_explains() -> None:
    assert translated_ids(Elf(elf({".BTF_ids": bytes(8)})), lambda *_: 1, str).content == bytes(8)
    assert translated_ids(Elf(elf({".BTF": b""})), lambda *_: 1, str) is None
    with pytest.raises(UnsupportedError, match="symbols"):
        translated_ids(Elf(elf({".BTF_ids": b"\1\0\0\0"})), lambda *_: 1, str)
    outside = elf(
        {".BTF_ids": bytes(8)},
        symbols=[("__BTF_ID__set__s", ".BTF_ids", 4, 4), ("__BTF_ID__func__f__1", ".BTF_ids", 6, 4)],
    )
    assert translated_ids(Elf(outside), lambda *_: 7, str).content == bytes(8)
    huge = elf({".BTF_ids": b"\xff" * 8}, symbols=[("__BTF_ID__set__s", ".BTF_ids", 0, 4)])
    with pytest.raises(UnsupportedError):
        translated_ids(Elf(huge), lambda *_: 7, str)


def test_what_is_no_module() -> None:
    base = kernel()
    assert open_btf(module(base)).elf is None
    with pytest.raises(UnsupportedError, match="not a module"):
        open_btf(elf({".BTF": base.to_bytes()}, kind=2)).with_sections({})
    with pytest.raises(UnsupportedError, match="no sections"):
        open_btf(module(base)).with_sections({})
    for data in (b"", b"\x7fELF", b"#!/bin/sh\n", pack(b"text\n", "gzip"), bytes(100)):
        with pytest.raises(BtfError):
            open_btf(data)


def test_packing_by_name() -> None:
    assert packings_for("a.ko", ("xz",)) == ()
    assert packings_for("a.ko.xz", ("xz",)) == ("xz",)
    assert packings_for("a.ko.xz", ("zstd",)) == ("xz",)
    assert packings_for("a.ko.gz", ()) == ("gzip",)
    assert packings_for("-", ("xz",)) == ("xz",)
    assert packings_for("out", ("zstd",)) == ("zstd",)


@pytest.mark.parametrize(
    "name", ["xfs-6.12.107+deb13-amd64.ko.xz", "xfs-6.12.107+deb13-s390x.ko.xz", "nf_conntrack-6.1.0-47-amd64.ko"]
)
def test_real_modules(name) -> None:
    with open(os.path.join(require_corpus(), "kernel-files", name), "rb") as file:
        data = file.read()
    before = bytes(unpack(data)) if name.endswith("xz") else data
    blob = bytes(open_btf(data).container.btf)
    after = open_btf(before, name).with_sections({".BTF": blob + b"tail", ".BTF.base": b"base"}, strip_signature=True)
    old, new = contents(before), contents(after)
    assert new.pop(".BTF.base") == b"base"
    assert new.pop(".BTF") == blob + b"tail"
    for gone in (".shstrtab",):
        assert new.pop(gone).startswith(old.pop(gone))
    del old[".BTF"]
    assert new == old
    back = open_btf(after).with_sections({".BTF": blob, ".BTF.base": None})
    restored = contents(back)
    assert restored.pop(".BTF") == blob
    restored.pop(".shstrtab")
    assert restored == old
