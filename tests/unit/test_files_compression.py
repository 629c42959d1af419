"""`btfkit.files.compression`: every packing, bombs, cut and broken data."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
import sys
import types
from contextlib import suppress

import pytest
from test_files_inputs import legacy_lz4

from btfkit.errors import BtfError, FormatError, UnsupportedError
from btfkit.files.compression import MAGICS, pieces, sniff, unpack
from needs import module


def _zstd(data):
    return module("backports.zstd").compress(data)


def _lz4(data):
    return module("lz4.frame").compress(data)


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": _zstd,
    "lz4": _lz4,
    "lz4-legacy": legacy_lz4,
}
SAMPLE = bytes(random.Random(1).choices(b"abcdefgh", k=3000)) * 300


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("data", [b"", b"x", SAMPLE], ids=["empty", "byte", "long"])
def test_round_trip(kind, data):
    packed = PACKERS[kind](data)
    assert sniff(packed) == kind or (kind, data) == ("bzip2", b"")
    assert unpack(packed, kind=kind) == data
    assert unpack(memoryview(packed), kind=kind) == data


@pytest.mark.parametrize("kind", PACKERS)
def test_prefix_with_something_before_and_behind(kind):
    packed = b"front" + PACKERS[kind](SAMPLE) + b"something else"
    assert unpack(packed[5:], prefix=True) == SAMPLE


@pytest.mark.parametrize("kind", [k for k in PACKERS if k != "lzma"])
def test_streams_one_behind_the_other(kind):
    packed = PACKERS[kind](SAMPLE) + PACKERS[kind](b"tail")
    assert unpack(packed) == SAMPLE + b"tail"
    if kind != "lz4-legacy":  # its last stream has no end mark
        assert unpack(packed, prefix=True) == SAMPLE


@pytest.mark.parametrize("kind", PACKERS)
def test_trailing_zeros_are_padding_and_anything_else_is_not(kind):
    packed = PACKERS[kind](SAMPLE)
    assert unpack(packed + bytes(1000)) == SAMPLE
    with pytest.raises(FormatError, match=r"unexpected data after"):
        unpack(packed + b"rubbish")


@pytest.mark.parametrize("kind", PACKERS)
def test_cut_short(kind):
    packed = PACKERS[kind](SAMPLE)
    for length in (len(packed) // 2, len(packed) - 1):
        with pytest.raises(FormatError):
            unpack(packed[:length], "cut.file")


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_ends(kind):
    packed = PACKERS[kind](bytes(40 << 20))
    with pytest.raises(FormatError, match=r"bomb: .* more than 1048576 bytes"):
        unpack(packed, "bomb", limit=1 << 20)
    assert sum(len(p) for p in pieces(packed)) == 40 << 20
    assert max(len(p) for p in pieces(packed)) <= 8 << 20


@pytest.mark.parametrize("kind", PACKERS)
def test_mutations(kind):
    chance = random.Random(3)
    packed = PACKERS[kind](SAMPLE[:20000])
    for _ in range(60):
        broken = bytearray(packed)
        broken[chance.randrange(4, len(broken))] ^= 1 << chance.randrange(8)
        with suppress(BtfError):
            unpack(bytes(broken), kind=kind)


def test_the_size_behind_a_kernel_payload():
    packed = legacy_lz4(SAMPLE) + struct.pack("<I", len(SAMPLE))
    assert unpack(packed) == SAMPLE
    assert unpack(packed, prefix=True) == SAMPLE


def test_legacy_lz4_of_several_blocks():
    data = SAMPLE * 20
    assert len(data) > 2 * (8 << 20)
    assert unpack(legacy_lz4(data)) == data


def test_what_cannot_be_unpacked_says_so(monkeypatch):
    with pytest.raises(UnsupportedError, match=r"lzo is not supported.*`lzop -d`"):
        unpack(MAGICS["lzo"] + b"x" * 100)
    for name in ("lz4", "lz4.frame", "lz4.block", "backports.zstd", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    for kind in ("lz4", "lz4-legacy"):
        with pytest.raises(UnsupportedError, match=r"pip install btfkit\[lz4\]"):
            unpack(MAGICS[kind] + b"x" * 100)
    with pytest.raises(UnsupportedError, match="zstd"):
        unpack(MAGICS["zstd"] + b"x" * 100)


def test_unknown_packing():
    assert sniff(b"") is None
    assert sniff(b"BZhello world") is None
    assert sniff(b"\x5d\0\0 not a header") is None
    with pytest.raises(FormatError, match="unknown compression format"):
        unpack(b"hello")


def test_a_dictionary_that_would_not_fit_memory():
    huge = b"\x5d" + struct.pack("<IQ", 1 << 31, 0xFFFFFFFFFFFFFFFF) + b"\0" * 50
    with pytest.raises(FormatError, match="lzma"):
        unpack(huge)


def test_endless_empty_streams(monkeypatch):
    from btfkit.files import compression

    monkeypatch.setattr(compression, "MAX_FRAMES", 10)
    with pytest.raises(FormatError, match="more than 10 gzip streams"):
        unpack(gzip.compress(b"") * 11)
    with pytest.raises(FormatError, match="more than 10 lz4 streams"):
        unpack(MAGICS["lz4-legacy"] * 11)


def test_a_newer_liblzma_is_used_if_it_is_there(monkeypatch):
    """The package lzma-mt has the interface of Python's lzma."""
    made = []

    def decompressor(form, limit):
        made.append((form, limit))
        return lzma.LZMADecompressor(form, limit)

    monkeypatch.setitem(
        sys.modules, "lzma_mt", types.SimpleNamespace(__name__="lzma_mt", LZMADecompressor=decompressor)
    )
    for form in lzma.FORMAT_XZ, lzma.FORMAT_ALONE:
        assert unpack(lzma.compress(b"types" * 1000, form)) == b"types" * 1000
    monkeypatch.setitem(sys.modules, "lzma_mt", None)  # as if it were not installed
    assert unpack(lzma.compress(b"types" * 1000)) == b"types" * 1000
    assert [form for form, _ in made] == [lzma.FORMAT_XZ, lzma.FORMAT_ALONE]
