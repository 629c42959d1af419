"""`btfkit.files.large_file`: parts of large files, files that become shorter meanwhile, and dumps of a machine's memory."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import struct
from pathlib import Path

import pytest
from test_files_inputs import tiny_btf, tiny_elf

import btfkit
from btfkit.dwarf.sections import DebugSections
from btfkit.errors import FormatError, NotFoundError
from btfkit.file_ops import encode
from btfkit.files import container, large_file
from btfkit.files.container import open_bytes, open_container, read_objects
from btfkit.files.elf import Elf
from btfkit.files.large_file import LargeFile, Part

CHUNK = 4096


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small files are large, and are read in small parts."""
    monkeypatch.setattr(container, "SMALL", 5000)
    monkeypatch.setattr(encode, "LARGE", 5000)
    monkeypatch.setattr(large_file, "CHUNK", CHUNK)


def opened(path) -> LargeFile:
    handle = os.open(path, os.O_RDONLY)
    try:
        return LargeFile(handle, os.path.getsize(path), str(path))
    finally:
        os.close(handle)


def put(tmp_path, data, name="large"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_parts_are_those_of_the_file(tmp_path):
    data = random.Random(1).randbytes(10 * CHUNK + 77)
    chance = random.Random(2)
    path = put(tmp_path, data)
    for _ in range(30):
        large = opened(path)
        for _ in range(5):
            start, end = sorted(chance.randrange(len(data) + 9) for _ in range(2))
            assert large[start:end] == data[start:end]
            needle = data[start : start + chance.randrange(1, 6000)]
            assert large.find(needle, chance.choice((0, start))) >= 0
        assert large.find(b"nowhere to be found") == -1
        assert large[-1] == data[-1]
        large.fetch(0, len(data) * 2)
        assert memoryview(large) == data


@pytest.mark.parametrize("at", [0, 1, CHUNK - 3, CHUNK - 1, CHUNK, 3 * CHUNK - 2])
def test_find_across_the_end_of_a_part(tmp_path, at):
    data = bytearray(4 * CHUNK)
    data[at : at + 5] = b"magic"
    large = opened(put(tmp_path, data))
    assert large.find(b"magic") == at
    assert large.find(b"magic", at) == at
    assert large.find(b"magic", at + 1) == -1


def test_only_what_is_needed_is_read(tmp_path, monkeypatch):
    read = []
    real = large_file._read_into
    monkeypatch.setattr(
        large_file, "_read_into", lambda handle, target, at: read.append(at) or real(handle, target, at)
    )
    path = put(tmp_path, tiny_elf([(".debug_info", bytes(100 * CHUNK)), (".BTF", tiny_btf())], machine=62, kind=2))
    found = open_container(path)
    assert bytes(found.btf) == tiny_btf()
    assert len(read) <= 4


@pytest.mark.parametrize(
    "data",
    [
        tiny_elf([(".text", bytes(20_000)), (".BTF", tiny_btf())], machine=62, kind=2),
        tiny_btf(ints=1000),
        gzip.compress(random.Random(1).randbytes(20_000) + tiny_btf(ints=1000)),
        bytes(56) + b"ARM\x64" + bytes(20_000) + tiny_btf(ints=9),
    ],
    ids=["elf", "raw", "gzip", "image"],
)
def test_a_file_that_becomes_shorter(tmp_path, monkeypatch, data):
    """It is cut after the first part was read, at whatever place."""
    whole = open_container(put(tmp_path, data)) if data[:2] != b"\x1f\x8b" else None
    assert whole is None or len(whole.btf)
    real = large_file._read_into
    for kept in (0, 100, CHUNK + 5):
        path = put(tmp_path, data)
        left = [1]

        def cutting(handle, target, at, path=path, kept=kept, left=left):
            if not left[0]:
                os.truncate(path, kept)
            left[0] -= 1
            return real(handle, target, at)

        monkeypatch.setattr(large_file, "_read_into", cutting)
        with pytest.raises(
            FormatError, match=r"large, byte 0x.*: cut short while it was read: it had \d+ bytes, now \d+"
        ):
            open_container(path)


def test_a_file_that_is_read_whole_becomes_shorter(tmp_path, monkeypatch):
    path = put(tmp_path, bytes(9000))
    real = os.fstat

    def cutting(handle):
        status = real(handle)
        os.truncate(path, 10)
        return status

    monkeypatch.setattr("btfkit.files.container.os.fstat", cutting)
    with pytest.raises(FormatError, match="cut short while it was read: it had 9000 bytes, now 10"):
        open_bytes(path)


def test_an_object_in_a_large_executable(tmp_path):
    code = tiny_elf([("xdp", b"code"), (".BTF", tiny_btf())])
    path = put(tmp_path, tiny_elf([(".text", bytes(30_000)), (".rodata", code)], machine=62, kind=2))
    (found,) = read_objects(path)
    assert found.elf.btf_section(".BTF") == tiny_btf()


# ---- core dumps ------------------------------------------------------------------------------------------------------


def core(memory: bytes, bits: int = 64, order: str = "little") -> bytes:
    """An ELF core of one segment, without sections."""
    head = bytearray(tiny_elf([], bits=bits, order=order, machine=62, kind=4)[: 64 if bits == 64 else 52])
    mark = "<" if order == "little" else ">"
    struct.pack_into(mark + ("Q" if bits == 64 else "I"), head, 40 if bits == 64 else 32, 0)  # no section headers
    segment = struct.pack(mark + "IIQQQQQQ", 1, 7, len(head) + 56, 0, 0, len(memory), len(memory), 4096)
    return bytes(head) + segment + memory


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("at", [0, 5 * CHUNK - 70, 5 * CHUNK - 120, 9 * CHUNK])
def test_the_btf_in_a_dump_of_memory(tmp_path, order, bits, at):
    noise = random.Random(3).randbytes(16)
    btf = tiny_btf(order, 500)
    memory = noise * (at // 16) + btf + noise * 3000 + tiny_btf(order, 2) + noise
    data = core(memory, bits, order)
    for source in (data, put(tmp_path, data), put(tmp_path, gzip.compress(data))):
        found = open_container(source)
        assert found.layers[-2:] == ("core", "search")
        assert bytes(found.btf) == btf


def test_a_dump_without_btf(tmp_path):
    with pytest.raises(NotFoundError, match="no BTF in this core dump: of a process, or of a kernel without"):
        open_container(put(tmp_path, core(bytes(50_000))))


def test_released_parts_are_read_again(tmp_path):
    data = random.Random(3).randbytes(6 * CHUNK)
    large = opened(put(tmp_path, data))
    large.fetch(0, len(data))
    left = large.release(CHUNK // 2, 4 * CHUNK + 9)
    assert left == 4 * CHUNK
    whole = memoryview(large)
    assert whole[:CHUNK] == data[:CHUNK], "a chunk that has other bytes too stays"
    assert whole[4 * CHUNK :] == data[4 * CHUNK :]
    large.fetch(0, len(data))
    assert whole == data
    assert large.release(5, CHUNK - 5) == 5, "less than a chunk"


def test_a_part_counts_from_its_start(tmp_path):
    data = random.Random(4).randbytes(6 * CHUNK)
    large = opened(put(tmp_path, data))
    part = Part(large, CHUNK + 7, 3 * CHUNK)
    assert len(part) == 3 * CHUNK
    assert part[5:20] == data[CHUNK + 12 : CHUNK + 27]
    assert part[3 * CHUNK - 4 : 4 * CHUNK] == data[4 * CHUNK + 3 : 4 * CHUNK + 7], "no more than the part"
    part.fetch(CHUNK, 9 * CHUNK)
    assert memoryview(large)[2 * CHUNK + 7 : 4 * CHUNK + 7] == data[2 * CHUNK + 7 : 4 * CHUNK + 7]
    assert part.release(0, 2 * CHUNK + 100) == 2 * CHUNK - 7, "chunks are those of the file"
    part.fetch(0, 3 * CHUNK)
    assert memoryview(large)[CHUNK + 7 : 4 * CHUNK + 7] == data[CHUNK + 7 : 4 * CHUNK + 7]


def linked(units: int) -> bytes:
    """A program with so many units of DWARF 5, all alike."""
    packed = Path(__file__).parent.parent / "data" / "encode" / "gcc-dwarf5.o.xz"
    elf = Elf(lzma.decompress(packed.read_bytes()))
    sections = DebugSections(elf)
    names = [name for name in ("info", "abbrev", "str", "line_str", "loclists", "rnglists") if sections.has(name)]
    contents = [(f".debug_{name}", bytes(sections.get(name)) * (units if name == "info" else 1)) for name in names]
    return tiny_elf(contents, machine=elf.machine, kind=3)


def test_debug_information_is_read_by_the_unit(tmp_path, monkeypatch):
    """With the bytes of the whole file, and of the file in parts, which are given back."""
    data = linked(60)
    resident, most = [0], [0]
    fetch, release = LargeFile.fetch, LargeFile.release

    def noted(self):
        resident[0] = sum(self._read)
        most[0] = max(most[0], resident[0])

    monkeypatch.setattr(LargeFile, "fetch", lambda self, *at: (fetch(self, *at), noted(self))[0])
    monkeypatch.setattr(LargeFile, "release", lambda self, *at: (release(self, *at), noted(self))[0])
    path = put(tmp_path, data)
    assert btfkit.encode(path).blob == btfkit.encode(Elf(data)).blob
    info = Elf(data).section(".debug_info")
    assert info.size > 20 * CHUNK
    assert most[0] * CHUNK < len(data) - info.size * 2 // 3
    assert resident[0] * CHUNK < len(data) - info.size + 2 * CHUNK


def test_debug_information_that_becomes_shorter(tmp_path, monkeypatch):
    path = put(tmp_path, linked(9))
    fetch = Part.fetch

    def cutting(self, start, end):
        if start:
            os.truncate(path, 9000)
        fetch(self, start, end)

    monkeypatch.setattr(Part, "fetch", cutting)
    with pytest.raises(FormatError, match="cut short while it was read"):
        btfkit.encode(path)
