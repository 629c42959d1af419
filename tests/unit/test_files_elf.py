"""`btfkit.files.elf`: reading, symbols, functions, signatures, and putting sections in."""

from __future__ import annotations

import mmap
import random
import shutil
import struct
import subprocess
import zlib
from contextlib import suppress

import pytest
from test_files_inputs import FLAVOURS, corpus, signed, symbol, tiny_btf, tiny_elf

from btfkit.errors import BtfError, FormatError, NotFoundError, UnsupportedError
from btfkit.files.elf import Elf
from btfkit.files.elf_write import replace_sections
from btfkit.files.signature import signature_length, strip_signature
from needs import module


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_reads_sections_of_every_flavour(bits, order):
    elf = Elf(tiny_elf([(".text", b"code"), (".BTF", b"btf!", {"align": 8})], bits=bits, order=order, machine=62), "x")
    assert (elf.bits, elf.order, elf.machine, elf.type) == (bits, order, 62, 1)
    assert [s.name for s in elf.sections] == ["", ".text", ".BTF", ".shstrtab"]
    section = elf.section(".BTF")
    assert (section.index, section.type, section.size, section.align) == (2, 1, 4, 8)
    assert bytes(elf.data(section)) == bytes(elf.data(".BTF")) == b"btf!"
    assert elf.section(".BT") is None


def test_nothing_is_copied():
    data = tiny_elf([(".BTF", b"btf!")])
    content = Elf(data).data(".BTF")
    assert content.obj is data
    with mmap.mmap(-1, len(data)) as mapped:
        mapped[:] = data
        content = Elf(mapped).data(".BTF")
        assert content == b"btf!"
        content.release()
        del content


def test_the_last_section_of_a_name_wins():
    elf = Elf(tiny_elf([(".BTF", b"one"), (".BTF", b"two")]))
    assert elf.section(".BTF").index == 2
    assert elf.btf_section(".BTF") == b"two"


def test_a_name_may_be_the_end_of_another():
    data = tiny_elf([(".rel.BTF", b"r", {"type": 9}), (".BTF", b"b", {"name": 5})])
    assert Elf(data).btf_section(".BTF") == b"b"


def test_btf_must_be_progbits():
    with pytest.raises(FormatError, match="PROGBITS"):
        Elf(tiny_elf([(".BTF", b"x", {"type": 7})])).btf_section(".BTF")
    with pytest.raises(FormatError, match="debug information only"):
        Elf(tiny_elf([(".BTF", b"", {"type": 8, "size": 99})])).btf_section(".BTF")
    assert Elf(tiny_elf([])).btf_section(".BTF") is None


def test_nobits_has_no_content():
    elf = Elf(tiny_elf([(".bss", b"", {"type": 8, "size": 1 << 40})]))
    assert elf.data(".bss") == b""


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_extended_numbers(bits, order):
    elf = Elf(tiny_elf([(".BTF", b"x")], bits=bits, order=order, extended=True))
    assert elf.btf_section(".BTF") == b"x"
    assert len(elf.sections) == 3


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_compressed_section(bits, order):
    mark, head = ("<" if order == "little" else ">"), b""
    content = b"abc" * 100
    head = struct.pack(mark + ("IIQQ" if bits == 64 else "III"), *((1, 0, 300, 1) if bits == 64 else (1, 300, 1)))
    elf = Elf(tiny_elf([(".BTF", head + zlib.compress(content), {"flags": 0x800})], bits=bits, order=order))
    assert elf.btf_section(".BTF") == content


def test_compressed_section_that_lies():
    head = struct.pack("<IIQQ", 1, 0, 10, 1)
    with pytest.raises(FormatError, match="more than 10 bytes"):
        Elf(tiny_elf([(".BTF", head + zlib.compress(b"a" * 5000), {"flags": 0x800})])).data(".BTF")
    with pytest.raises(FormatError, match="3 bytes instead of 10"):
        Elf(tiny_elf([(".BTF", head + zlib.compress(b"abc"), {"flags": 0x800})])).data(".BTF")
    with pytest.raises(UnsupportedError, match="method 9"):
        Elf(tiny_elf([(".BTF", struct.pack("<IIQQ", 9, 0, 1, 1), {"flags": 0x800})])).data(".BTF")


def test_zstd_compressed_section():
    zstd = module("backports.zstd")
    head = struct.pack("<IIQQ", 2, 0, 3, 1)
    assert Elf(tiny_elf([(".BTF", head + zstd.compress(b"abc"), {"flags": 0x800})])).data(".BTF") == b"abc"


@pytest.mark.parametrize("field", ["offset", "size"])
def test_a_section_that_reaches_out_of_the_file(field):
    elf = Elf(tiny_elf([(".BTF", b"x", {field: 1 << 60})]), "liar.o")
    with pytest.raises(FormatError, match=r"liar\.o, \.BTF: .*truncated file") as caught:
        elf.btf_section(".BTF")
    assert caught.value.section == ".BTF"


def test_broken_headers():
    good = tiny_elf([(".BTF", b"x")])
    with pytest.raises(FormatError, match="not an ELF file"):
        Elf(b"hello")
    with pytest.raises(FormatError, match="class and byte order"):
        Elf(b"\x7fELF\x03\x01")
    with pytest.raises(FormatError, match=r"truncated ELF header: 40 bytes, need 64"):
        Elf(good[:40])
    with pytest.raises(FormatError, match="truncated file"):
        Elf(good[:-1]).section(".BTF")
    with pytest.raises(FormatError, match="after the end of the file"):
        Elf(good[:100]).section(".BTF")
    with pytest.raises(FormatError, match="sections, the limit is"):
        Elf(tiny_elf([(".BTF", b"x")], extended=True)[:-192] + struct.pack("<IIQQQQIIQQ", *[1 << 30] * 10)).section("x")
    with pytest.raises(NotFoundError, match="no section"):
        Elf(good).data(".BTF.ext")
    with pytest.raises(FormatError, match="names"):
        Elf(good[:62] + b"\x63\0" + good[64:]).section(".BTF")
    with pytest.raises(FormatError, match="name at"):
        _ = Elf(tiny_elf([(".BTF", b"x", {"name": 1 << 30})])).sections


def test_mutations_give_a_result_or_an_error():
    chance = random.Random(7)
    good = with_functions(64, "little")
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(BtfError):
            elf = Elf(bytes(data[: chance.choice((len(data), chance.randrange(len(data))))]))
            for section in elf.sections:
                elf.data(section)
            list(elf.symbols())
            list(elf.functions())
            replace_sections(elf, {".BTF": b"new", ".text": b"1234567" * 9, ".BTF.ext": b"add", ".symtab": None})


def with_functions(bits, order):
    names = b"\0main\0helper\0data\0"
    rows = [
        symbol(bits, order, 0, 0, 0, 0, 0),
        symbol(bits, order, 6, 16, 24, 0x02, 1),
        symbol(bits, order, 1, 0, 16, 0x12, 1),
        symbol(bits, order, 1, 0, 8, 0x12, 2),
        symbol(bits, order, 13, 0, 8, 0x11, 3),
    ]
    return tiny_elf(
        [
            (".text", b"c" * 40, {"flags": 6}),
            ("kprobe/f", b"c" * 8, {"flags": 6}),
            (".symtab", b"".join(rows), {"type": 2, "link": 4}),
            (".strtab", names, {"type": 3}),
            (".BTF", b"old btf"),
            (".rel.BTF", b"r" * 16, {"type": 9, "info": 5, "link": 3}),
        ],
        bits=bits,
        order=order,
    )


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_symbols_and_functions(bits, order):
    elf = Elf(with_functions(bits, order))
    symbols = list(elf.symbols())
    assert [(s.name, s.value, s.size, s.type, s.bind, s.section) for s in symbols[1:3]] == [
        ("helper", 16, 24, 2, 0, 1),
        ("main", 0, 16, 2, 1, 1),
    ]
    functions = elf.functions()
    assert [(f.name, f.section, f.offset) for f in functions] == [
        ("main", ".text", 0),
        ("helper", ".text", 16),
        ("main", "kprobe/f", 0),
    ]
    assert functions.at(1, 15).name == "main"
    assert functions.at(".text", 16).name == "helper"
    assert functions.at(".text", 40) is None
    assert functions.at("kprobe/f", 0).section == "kprobe/f"
    assert functions.at("nowhere", 0) is None
    assert functions.at(9, 0) is None


def test_far_section_indexes():
    rows = symbol(64, "little", 1, 0, 8, 0x12, 0xFFFF)
    elf = Elf(
        tiny_elf(
            [
                (".text", b"c" * 8),
                (".symtab", rows, {"type": 2, "link": 3}),
                (".strtab", b"\0f\0", {"type": 3}),
                (".symtab_shndx", struct.pack("<I", 1), {"type": 18, "link": 2}),
            ]
        )
    )
    assert next(elf.symbols()).section == 1
    assert elf.functions().at(".text", 0).name == "f"


def test_no_symbols():
    elf = Elf(tiny_elf([]))
    assert list(elf.symbols()) == []
    assert elf.functions().at(1, 0) is None


def contents(elf):
    return {s.name: bytes(elf.data(s)) for s in elf.sections if s.name not in ("", ".shstrtab")}


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_replace_in_place_and_moved(bits, order):
    old = Elf(with_functions(bits, order))
    for content in (b"new", b"seven!!", b"a much longer one" * 10, b""):
        new = Elf(replace_sections(old, {".BTF": content}))
        assert contents(new) == {**contents(old), ".BTF": content}
        assert len(new.view) == len(old.view) or len(content) > 7
        for section in old.sections:
            if section.index and section.name != ".BTF":
                assert new.section(section.name).offset == section.offset
    assert replace_sections(old, {}) == old.view


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
@pytest.mark.parametrize("extended", [False, True])
def test_add_sections(bits, order, extended):
    old = Elf(tiny_elf([(".text", b"code")], bits=bits, order=order, extended=extended))
    new = Elf(replace_sections(old, {".BTF": tiny_btf(), ".BTF.base": b"base", "odd": b""}))
    assert contents(new) == {".text": b"code", ".BTF": tiny_btf(), ".BTF.base": b"base", "odd": b""}
    assert new.btf_section(".BTF.base") == b"base"
    assert new.section(".text").offset == old.section(".text").offset
    again = Elf(replace_sections(new, {"odd": None, ".BTF": None}))
    assert contents(again) == {".text": b"code", ".BTF.base": b"base"}
    assert tiny_btf() not in bytes(again.view)


def test_add_to_a_file_without_sections():
    bare = bytearray(tiny_elf([]))[:64]
    struct.pack_into("<Q", bare, 40, 0)
    struct.pack_into("<HHH", bare, 58, 0, 0, 0)
    new = Elf(replace_sections(Elf(bytes(bare)), {".BTF": b"btf"}))
    assert contents(new) == {".BTF": b"btf"}


@pytest.mark.parametrize(("bits", "order"), FLAVOURS)
def test_remove_takes_the_relocations_along(bits, order):
    old = Elf(with_functions(bits, order))
    new = Elf(replace_sections(old, {".BTF": None}))
    assert new.section(".BTF") is None
    assert new.section(".rel.BTF") is None
    assert [s.index for s in new.sections if s.name == ".symtab"] == [3]
    assert [(s.name, s.section) for s in new.symbols()] == [(s.name, s.section) for s in old.symbols()]
    assert b"old btf" not in bytes(new.view)
    assert replace_sections(old, {".nothing": None}) == old.view


def test_many_sections_pass_the_16_bit_limit():
    old = Elf(tiny_elf([("s", b"")] * 0xFEFE))
    new = Elf(replace_sections(old, {".BTF": b"1", ".BTF.ext": b"2"}))
    assert new.btf_section(".BTF.ext") == b"2"
    assert len(new.headers()) == 0xFF02


def test_a_shared_place_is_not_written():
    text = tiny_elf([(".text", b"shared bytes")])
    at = text.index(b"shared")
    both = Elf(tiny_elf([(".text", b"shared bytes"), (".BTF", b"", {"offset": at, "size": 6})]))
    new = Elf(replace_sections(both, {".BTF": b"new"}))
    assert contents(new) == {".text": b"shared bytes", ".BTF": b"new"}


def test_a_loaded_section_that_moves_is_no_longer_loaded():
    old = Elf(tiny_elf([(".BTF", b"small", {"flags": 2, "addr": 0x1000})], kind=2))
    moved = Elf(replace_sections(old, {".BTF": b"larger than before"}))
    assert (moved.section(".BTF").flags, moved.section(".BTF").addr) == (0, 0)
    assert b"small" in bytes(moved.view)
    kept = Elf(replace_sections(old, {".BTF": b"tiny"}))
    assert (kept.section(".BTF").flags, kept.section(".BTF").addr) == (2, 0x1000)


def test_signatures():
    module = tiny_elf([(".BTF", b"x")])
    assert signature_length(module) == 0
    assert signature_length(signed(module)) == 100 + 12 + 28
    assert strip_signature(signed(module)) == module
    assert replace_sections(Elf(signed(module)), {".BTF": b"y"}) == replace_sections(Elf(module), {".BTF": b"y"})
    with pytest.raises(FormatError, match="signature"):
        signature_length(signed(b"", b"")[:8] + b"\x7f" + signed(b"", b"")[9:])


def test_real_module_keeps_everything_else(tmp_path):
    with open(corpus("kernel-files", "nf_conntrack-6.1.0-47-amd64.ko"), "rb") as file:
        data = file.read()
    old = Elf(data)
    assert signature_length(data) == 681 + 40
    new = Elf(replace_sections(old, {".BTF": b"n" * 50_000, ".BTF.base": b"b" * 77}))
    before = {s.name: bytes(old.raw(s)) for s in old.sections if s.name != ".shstrtab"}
    after = {s.name: bytes(new.raw(s)) for s in new.sections if s.name != ".shstrtab"}
    assert after == {**before, ".BTF": b"n" * 50_000, ".BTF.base": b"b" * 77}
    if shutil.which("readelf"):
        (tmp_path / "new.ko").write_bytes(new.view)
        run = subprocess.run(["readelf", "-SsrW", tmp_path / "new.ko"], capture_output=True, text=True, check=True)
        assert run.stderr == ""
        assert " .BTF.base " in run.stdout


def test_real_object_says_its_functions():
    with open(corpus("objects", "opensnoop-libbpf.bpf.o"), "rb") as file:
        elf = Elf(file.read())
    functions = elf.functions()
    assert functions.at("tracepoint/syscalls/sys_enter_open", 8).name == "tracepoint__syscalls__sys_enter_open"
    assert len(list(functions)) == 6
