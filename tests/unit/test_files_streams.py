"""`btfkit.files.compression` on everything that a format allows: many streams, padding, skippable frames; by each zstd module.

The inputs are made by the real programs if they are there, and by the Python modules.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import random
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_files_inputs import legacy_lz4

from btfkit.errors import FormatError, LimitError, UnsupportedError
from btfkit.files import compression
from btfkit.files.compression import MAGICS, first_stream, pack, pack_zstd, sniff, unpack

ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")
SKIPPABLE = ("zstd", "lz4", "lz4-legacy")


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        where = "Python 3.14" if name.startswith("compression") else f"pip install {name}"
        pytest.skip(f"{name} is not there: {where}")


@pytest.fixture(params=ZSTD_MODULES)
def zstd_module(request, monkeypatch):
    """Each zstd module in turn, as if it were the only one."""
    module(request.param)
    names, provider = compression._OPTIONAL["zstd"]
    assert set(names) == set(ZSTD_MODULES)
    monkeypatch.setitem(compression._OPTIONAL, "zstd", ((request.param,), provider))
    return request.param


def zstd(data):
    return pack_zstd(data, 3, checksum=True)


PACKERS = {
    "gzip": lambda data: gzip.compress(data, 6),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
    "zstd": zstd,
    "lz4": lambda data: pytest.importorskip("lz4.frame").compress(data, content_checksum=True),
    "lz4-legacy": legacy_lz4,
}
PROGRAMS = {  # command: the format that it writes
    "gzip -c": "gzip",
    "bzip2 -c": "bzip2",
    "xz -c -1": "xz",
    "xz -c -1 -T2 --block-size=65536": "xz",
    "xz -c --format=lzma": "lzma",
    "zstd -c -3": "zstd",
    "zstd -c -1 --no-check --single-thread": "zstd",
    "pzstd -c -p 3": "zstd",
    "lz4 -c": "lz4",
    "lz4 -c -l": "lz4-legacy",
}


def four_letters(count, weights, seed=1):
    return bytes(random.Random(seed).choices(b"abcd", weights, k=count))


def skippable(content, number=0):
    return struct.pack("<II", 0x184D2A50 + number, len(content)) + content


# ---- the end of the input alone is the end -----------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(66, 22, 7, 5), (70, 20, 6, 4), (72, 19, 5, 4), (74, 18, 5, 3)])
def test_a_decompressor_that_returns_nothing_and_then_wants_input(zstd_module, weights):
    """The output is full when a slice of the input ends: the next step has nothing to return, and it is not the end."""
    data = four_letters(1_500_000, weights)
    assert unpack(zstd(data)) == data


class Lazy:
    """A decompressor that has no use for input every other time, and returns nothing then."""

    def __init__(self):
        self.seen = b""
        self.needs_input, self.eof, self.unused_data = True, False, b""

    def decompress(self, data, max_length=-1):
        self.seen += data
        self.needs_input = not self.needs_input
        if self.needs_input:
            return b""
        self.eof = b"." in self.seen
        self.unused_data = self.seen.partition(b".")[2] if self.eof else b""
        return b"x" if data else b""


def stream_of(codec, data):
    out = compression._one_stream(codec, memoryview(data), 0, "test", "file")
    got = []
    try:
        while True:
            got.append(next(out))
    except StopIteration as stop:
        return b"".join(got), stop.value


def test_any_number_of_empty_steps_is_not_the_end(monkeypatch):
    monkeypatch.setattr(compression, "_FIRST_SLICE", 1)
    monkeypatch.setattr(compression, "_SLICE", 1)
    assert stream_of(Lazy(), b"abcdef.rest") == (b"x" * 7, 7)
    with pytest.raises(FormatError, match="file, byte 0x6: truncated test data"):
        stream_of(Lazy(), b"abcdef")


def test_a_decompressor_that_stands_still():
    stuck = Lazy()
    stuck.decompress = lambda data, max_length=-1: b""
    stuck.needs_input = False
    with pytest.raises(FormatError, match="damaged test data"):
        stream_of(stuck, b"abc")


# ---- random streams ----------------------------------------------------------------------------------------------


@st.composite
def contents(draw):
    """Bytes of a size and an entropy that differ much."""
    size = draw(st.one_of(st.integers(0, 300), st.integers(0, 1 << 16), st.integers(0, 3 << 19)))
    weights = draw(st.lists(st.integers(1, 100), min_size=4, max_size=4))
    seed = draw(st.integers(0, 1 << 32))
    if draw(st.booleans()):
        return random.Random(seed).randbytes(min(size, 1 << 19))
    return four_letters(size, weights, seed)


@st.composite
def files(draw, kind):
    """(content, a file of that `kind` with it): the content cut into streams, and what may stand between them."""
    data = draw(contents())
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    between = [st.just(b"")]
    if kind in ("xz", "gzip", "lz4-legacy"):
        between.append(st.builds(lambda count: bytes(4 * count), st.integers(0, 5000)))
    if kind in SKIPPABLE:
        between.append(st.builds(skippable, st.binary(max_size=40), st.integers(0, 15)))
        between.append(st.lists(st.binary(max_size=9), max_size=3).map(lambda many: b"".join(map(skippable, many))))
    gaps = st.one_of(between)
    out = draw(gaps) if kind in ("zstd", "lz4") else b""
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        out += PACKERS[kind](data[start:end]) + draw(gaps)
    return data, out + bytes(draw(st.one_of(st.just(0), st.integers(0, 70_000))))


@pytest.mark.parametrize("kind", PACKERS)
def test_random_streams_and_padding(kind):
    PACKERS[kind](b"")  # skips if the module is not there

    @settings(max_examples=25, deadline=None)
    @given(files(kind))
    def check(made):
        data, packed = made
        assert unpack(packed, kind=kind) == data
        if sniff(packed) is not None:
            assert sniff(packed) == kind
            assert unpack(memoryview(packed)) == data

    check()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_streams_by_each_zstd_module(data):
    content, packed = data.draw(files("zstd"))
    tried = 0
    whole = compression._OPTIONAL["zstd"]
    for name in ZSTD_MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        compression._OPTIONAL["zstd"] = ((name,), whole[1])
        try:
            assert unpack(packed) == content, name
        finally:
            compression._OPTIONAL["zstd"] = whole
        tried += 1
    assert tried


@pytest.mark.parametrize("command", PROGRAMS)
@pytest.mark.parametrize("parts", [1, 3])
def test_what_the_real_programs_write(command, parts):
    program, *options = command.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not there: apt-get install {'zstd' if program == 'pzstd' else program}")
    kind = PROGRAMS[command]
    if kind in SKIPPABLE:
        PACKERS[kind](b"")
    datas = [four_letters(1_300_000 + 7 * part, (70, 20, 6, 4), part) for part in range(parts)]
    datas[-1] += random.Random(2).randbytes(300_000)
    if kind == "lzma":
        datas = datas[:1]  # the format has no other stream
    packed = b""
    for data in datas:
        packed += subprocess.run([program, *options], input=data, capture_output=True, check=True, timeout=60).stdout
    assert sniff(packed) == kind
    assert unpack(packed) == b"".join(datas)
    assert unpack(packed + bytes(512)) == b"".join(datas)


# ---- edges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SKIPPABLE)
def test_skippable_frames(kind):
    packed = PACKERS[kind](b"content")
    whole = (
        skippable(b"", 15) + skippable(b"\x28\xb5\x2f\xfd" * 9) + packed + skippable(b"1234") + packed + skippable(b"")
    )
    assert sniff(whole) == kind
    assert unpack(whole) == b"content" * 2
    assert sniff(skippable(b"x") * 3) is None
    assert sniff(skippable(b"x") * 100 + packed) is None
    assert sniff(skippable(b"x") + b"else") is None
    with pytest.raises(FormatError, match=r"a skippable frame ends at 0x"):
        unpack(packed + skippable(b"content of it")[:-1])


def test_frames_by_each_zstd_module(zstd_module):
    data = four_letters(700_000, (70, 20, 6, 4))
    packed = zstd(data) + skippable(b"abc") + zstd(b"tail") + bytes(17)
    assert unpack(packed) == data + b"tail"
    assert unpack(packed, prefix=True) == data
    assert first_stream(packed, "x", limit=1 << 20) == (bytearray(data), len(zstd(data)))
    assert unpack(pack(data, "zstd")) == data
    assert unpack(pack_zstd(data, 19, window_log=12)) == data
    for length in (3, 30, len(zstd(data)) // 2, len(zstd(data)) - 1):
        with pytest.raises(FormatError):
            unpack(packed[:length], kind="zstd")
    with pytest.raises(FormatError, match="unexpected data after the zstd data"):
        unpack(zstd(data) + b"rubbish that follows")
    broken = bytearray(zstd(data))
    broken[-1] ^= 1  # of the checksum
    with pytest.raises(FormatError, match="damaged zstd data"):
        unpack(broken)


def test_bombs_by_each_zstd_module(zstd_module):
    packed = zstd(bytes(60 << 20))
    with pytest.raises(FormatError, match="more than 1048576 bytes"):
        unpack(packed, limit=1 << 20)
    assert max(map(len, compression.pieces(packed))) <= 10 << 20


@pytest.mark.parametrize("kind", PACKERS)
def test_padding_with_something_after_it(kind):
    with pytest.raises(FormatError, match=f"unexpected data after the {kind.removesuffix('-legacy')} data"):
        unpack(PACKERS[kind](b"content") + bytes(1000) + b"rubbish that follows")


@pytest.mark.parametrize("count", [8 << 20, (8 << 20) + 1, 16 << 20, 5])
def test_the_size_that_the_kernel_appends_to_legacy_lz4(count):
    data = bytes(count)
    packed = legacy_lz4(data) + struct.pack("<I", count)
    assert unpack(packed) == data
    assert unpack(packed, prefix=True) == data
    assert unpack(packed + b"code of the kernel after it", prefix=True) == data


def test_legacy_lz4_with_short_blocks_in_the_middle():
    block = pytest.importorskip("lz4.block").compress(b"block", store_size=False)
    packed = MAGICS["lz4-legacy"] + (struct.pack("<I", len(block)) + block) * 3
    assert unpack(packed) == b"block" * 3
    with pytest.raises(FormatError, match="truncated lz4 data"):
        unpack(packed[:-1])


def test_what_follows_a_short_stream_is_not_copied_for_each(monkeypatch):
    """Work grows with the input, not with its square."""
    fed = 0
    real = compression._Zlib.decompress

    def counting(self, data, max_length=-1):
        nonlocal fed
        fed += len(data)
        return real(self, data, max_length)

    monkeypatch.setattr(compression._Zlib, "decompress", counting)
    packed = gzip.compress(b"x") * 3000
    assert unpack(packed) == b"x" * 3000
    assert fed <= 3000 * compression._FIRST_SLICE


def test_endless_skippable_frames(monkeypatch):
    monkeypatch.setattr(compression, "MAX_FRAMES", 10)
    with pytest.raises(FormatError, match="more than 10 skippable frames"):
        unpack(zstd(b"x") + skippable(b"") * 11)


# ---- the limit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bytes_"), [("1048576", 1 << 20), ("1024k", 1 << 20), ("1M", 1 << 20), ("2G", 2 << 30), ("", 1 << 30)]
)
def test_the_limit_of_the_environment(monkeypatch, text, bytes_):
    monkeypatch.setenv("BTFKIT_UNPACK_LIMIT", text)
    assert compression.unpack_limit() == bytes_
    assert compression.unpack_limit(7) == 7
    assert compression.unpack_limit(default=9) == (bytes_ if text else 9)


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "G", "9" * 20, "\u0661"])
def test_a_limit_that_is_no_number(monkeypatch, text):
    monkeypatch.setenv("BTFKIT_UNPACK_LIMIT", text)
    with pytest.raises(UnsupportedError, match=r"BTFKIT_UNPACK_LIMIT=.*: expected a number of bytes, such as"):
        unpack(gzip.compress(b"x"))


def test_the_error_says_how_to_raise_the_limit(monkeypatch):
    packed = gzip.compress(bytes(100))
    monkeypatch.setenv("BTFKIT_UNPACK_LIMIT", "99")
    with pytest.raises(
        LimitError, match=r"more than 99 bytes, the limit: set BTFKIT_UNPACK_LIMIT to raise it \(Python: limit="
    ):
        unpack(packed)
    assert unpack(packed, limit=100) == bytes(100)
    monkeypatch.setenv("BTFKIT_UNPACK_LIMIT", "100")
    assert unpack(packed) == bytes(100)
