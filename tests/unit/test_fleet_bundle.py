"""`btfkit.fleet.bundle` and `bundle_write`: what goes in comes out, and nothing hostile gets far."""

from __future__ import annotations

import hashlib
import lzma
import random

import pytest

from bpf import cases
from btfkit.errors import AmbiguousError, BtfError, FormatError, LimitError, NotFoundError, UnsupportedError
from btfkit.files import compression
from btfkit.fleet import bundle as bundle_module
from btfkit.fleet import bundle_write
from btfkit.fleet.bundle import COMPRESSORS, Bundle, decode, encode, origin_digest
from btfkit.fleet.bundle_write import Content, make_bundle
from btfkit.fleet.keys import Key

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]

KERNELS = [
    (Key("debian", "12", "x86_64", "6.1.0-9-amd64"), A, {}),
    (Key("debian", "12", "x86_64", "6.1.0-10-amd64"), B, {}),
    (Key("ubuntu", "20.04", "arm64", "5.4.0-42-generic"), A, {}),
    (Key("", "", "", "weird name\n\t%\udcff-é"), B, {}),
    (Key("", "", "", "-"), B, {}),
    (Key("mine", "1", "x86_64", "6.2"), A, MODULES),
]


def content(kernels=KERNELS):
    made = Content("btfkit 1", [("b.o", "2" * 64), ("a.o", "1" * 64)], [("closure", "full")])
    for key, vmlinux, modules in kernels:
        made.add(key, vmlinux, modules.items(), hashlib.sha256(str(key).encode("utf-8", "replace")).hexdigest())
    return made


def opened(data):
    return Bundle(data, "x.bundle")


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_what_goes_in_comes_out(compressor):
    data = make_bundle(content(), compressor=compressor)
    bundle = opened(data)
    assert bundle.compressor == compressor
    assert [entry.key for entry in bundle.entries] == sorted(key for key, _, _ in KERNELS)
    by_key = {entry.key: entry for entry in bundle.entries}
    for key, vmlinux, modules in KERNELS:
        entry = by_key[key]
        assert bundle.blob(entry.blob) == vmlinux
        assert {name: bundle.blob(number) for name, number in entry.modules} == modules
    assert len(bundle.sizes) == 2 + len(MODULES)  # equal ones are stored once
    assert (bundle.tool, bundle.options) == ("btfkit 1", [("closure", "full")])
    assert bundle.objects == [("a.o", "1" * 6), ("b.o", "2" * 6)]
    assert bundle.packed_size == len(data)


def test_the_same_content_gives_the_same_bytes():
    expected = make_bundle(content())
    kernels = KERNELS[:]
    for seed in range(5):
        random.Random(seed).shuffle(kernels)
        assert make_bundle(content(kernels)) == expected


def test_provenance():
    digest = hashlib.sha256(b"debian/12/x86_64/6.1.0-9-amd64").hexdigest()
    short, full = opened(make_bundle(content())), opened(make_bundle(content(), full_digests=True))
    assert short.get("6.1.0-9-amd64").source == digest[:6]
    assert full.get("6.1.0-9-amd64").source == digest
    assert full.objects == [("a.o", "1" * 64), ("b.o", "2" * 64)]
    assert short.origin == full.origin == origin_digest(full.objects, ((e.key, e.source) for e in full.entries))
    text = f"object a.o {'1' * 64}\nobject b.o {'2' * 64}\n"
    text += "".join(f"kernel {' '.join(map(encode, e.key.parts))} {e.source}\n" for e in full.entries)
    assert full.origin == hashlib.sha256(text.encode()).hexdigest()


def test_it_is_a_row_of_xz_streams():
    data = make_bundle(content())
    whole = lzma.decompress(data)
    index = whole[: whole.index(b"kernel\t") + 1]
    assert index.startswith(b"btfkit-bundle\t1\ntool\tbtfkit%201\n")
    assert b"\nend\n" + opened(data).blob(0) in whole
    assert whole.endswith(b"".join(opened(data).blob(number) for number in range(len(opened(data).sizes))))


def test_groups(monkeypatch):
    """Where everything does not fit into one group, only one of them is unpacked for a kernel."""
    monkeypatch.setattr(bundle_write, "GROUP", len(A) + 10)
    data = make_bundle(content())
    bundle = opened(data)
    assert len(bundle.groups) > 1
    for number, size in enumerate(bundle.sizes):
        assert len(bundle.blob(number)) == size
    damaged = bytearray(data)
    damaged[len(data) - bundle.groups[-1][0] // 2] ^= 0xFF  # in the last group
    bundle = opened(bytes(damaged))
    last = len(bundle.sizes) - 1
    with pytest.raises(FormatError, match=r"x\.bundle \(group"):
        bundle.blob(last)
    assert bundle.blob(0)


def test_verifying_costs_no_more_than_the_bundle(monkeypatch):
    """Two groups in turns are unpacked once; an order that needs more and more work is refused."""
    monkeypatch.setattr(bundle_write, "GROUP", len(A) + 10)
    data = make_bundle(content())
    unpacked, unpack = [], Bundle._unpack
    monkeypatch.setattr(Bundle, "_unpack", lambda self, group: unpacked.append(group) or unpack(self, group))
    bundle = opened(data)
    for _ in range(5):
        bundle.blob(0)
        bundle.blob(len(bundle.sizes) - 1)
    assert len(unpacked) == 2
    assert list(opened(data).findings()) == []
    monkeypatch.setattr(bundle_module, "KEPT_GROUPS", 1)
    monkeypatch.setattr(bundle_module, "MAX_ROUNDS", 0)
    monkeypatch.setattr(bundle_module, "ROOM", 0)
    with pytest.raises(LimitError, match="its groups would be unpacked more than 0 times"):
        list(opened(data).findings())


def test_an_empty_bundle():
    bundle = opened(make_bundle(Content()))
    assert (bundle.entries, bundle.groups, bundle.sizes) == ([], [], [])
    assert bundle.nearest(Key("", "", "", "5.4")) == []


def test_one_name_for_two_kernels():
    made = content()
    key = KERNELS[0][0]
    made.add(key, A)  # the same again
    with pytest.raises(AmbiguousError, match="both are skipped"):
        made.add(key, B)
    with pytest.raises(AmbiguousError):
        made.add(key, A)
    assert key not in [entry.key for entry in made.entries]
    with pytest.raises(AmbiguousError, match="two modules called m"):
        made.add(Key("", "", "", "9"), A, [("m", b"1"), ("m", b"2")])


@pytest.mark.parametrize("text", ["", "-", "--", "%", "a b", "\n\t\0", "é", "\udcff", "6.1.0-9-amd64", "%2D"])
def test_fields(text):
    field = encode(text)
    assert decode(field) == text
    assert field.isascii()
    assert field.isprintable()
    assert " " not in field


@pytest.mark.parametrize("field", ["%", "%2", "%GG", "%2d", "a%", "%-1", "% 1"])
def test_fields_that_are_wrong(field):
    with pytest.raises(ValueError):  # noqa: PT011
        decode(field)


def test_get_and_nearest():
    bundle = opened(make_bundle(content()))
    assert bundle.get("debian/12/x86_64/6.1.0-9-amd64") is bundle.get("6.1.0-9-amd64")
    with pytest.raises(NotFoundError, match=r"nearest: debian/12/x86_64/6\.1\.0-10-amd64"):
        bundle.get("debian/12/x86_64/6.1.0-11-amd64")
    two = content()
    two.add(Key("debian", "13", "x86_64", "6.1.0-9-amd64"), B)
    with pytest.raises(NotFoundError, match="several kernels match"):
        opened(make_bundle(two)).get("6.1.0-9-amd64")
    near = bundle.nearest(Key("debian", "12", "amd64", "6.1.0-8-amd64"), 2)
    assert [entry.key.uname for entry in near] == ["6.1.0-9-amd64", "6.1.0-10-amd64"]


# ---- hostile -------------------------------------------------------------------------------------------------------


def made_of(lines, groups=()):
    """A bundle with these lines as its index, and these groups."""
    text = "".join(line + "\n" for line in (*lines, "end")).encode("utf-8", "surrogateescape")
    return b"".join(map(lzma.compress, (text, *groups)))


HEAD = "btfkit-bundle\t1"
PACKED = lzma.compress(A)
GROUP = f"group\t{len(PACKED)}\t{len(A)}"
BLOB = f"blob\t{len(A)}"
KERNEL = "kernel\td\t1\tx86\t5.4\t0\t-"


def test_made_by_hand():
    bundle = opened(made_of([HEAD, "future\tx", GROUP, BLOB, KERNEL + "\tmore"], [A]))
    assert bundle.blob(bundle.get("5.4").blob) == A


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "its first stream is not an index"),
        (["other\t1"], "its first stream is not an index"),
        ([HEAD, GROUP, BLOB, KERNEL.replace("\t0\t", "\t1\t")], "not a number up to 0"),
        ([HEAD, GROUP, BLOB, KERNEL.replace("\t0\t", "\t-1\t")], "not a number"),
        ([HEAD, GROUP, BLOB, KERNEL, KERNEL], "is repeated"),
        ([HEAD, GROUP, BLOB, KERNEL, "kernel\td\t1\tx86\t5.3\t0\t-"], "not sorted"),
        ([HEAD, GROUP, BLOB, BLOB, KERNEL], "larger than the group"),
        ([HEAD, GROUP, "blob\t0", BLOB], "an empty BTF"),
        ([HEAD, GROUP, KERNEL], "not a number up to -1"),
        ([HEAD, GROUP, f"blob\t{len(A) - 1}"], "do not fill the last group"),
        ([HEAD, GROUP, f"blob\t{len(A) - 1}", GROUP], "do not fill it"),
        ([HEAD, BLOB], "larger than the group"),
        ([HEAD, f"group\t{len(PACKED)}\t{1 << 40}"], "not a number up to"),
        ([HEAD, f"group\t{1 << 60}\t1"], "not a number up to"),
        ([HEAD, "group\t1"], "has 1 fields, expected 2"),
        ([HEAD, GROUP, BLOB, "kernel\td\t1\tx86\t-\t0\t-"], "without a `uname -r`"),
        ([HEAD, GROUP, BLOB, "module\tm\t0"], "before the first kernel"),
        ([HEAD, GROUP, BLOB, KERNEL, "module\t..\t0"], "a module cannot be called"),
        ([HEAD, GROUP, BLOB, KERNEL, "module\t%2Fetc%2Fpasswd\t0"], "a module cannot be called"),
        ([HEAD, GROUP, BLOB, KERNEL, "module\ta%00b\t0"], "a module cannot be called"),
        ([HEAD, GROUP, BLOB, KERNEL, "module\tvmlinux\t0"], "a module cannot be called"),
        ([HEAD, GROUP, BLOB, KERNEL, "module\tb\t0", "module\ta\t0"], "not sorted"),
        ([HEAD, GROUP, BLOB, "kernel\td\t1\tx86\t%zz\t0\t-"], "'kernel'"),
        ([HEAD, GROUP, BLOB, "kernel\td\t1\tx86\té\t0\t-"], "not printable ASCII text"),
        ([HEAD, GROUP, BLOB, GROUP, BLOB, KERNEL], "truncated"),
        ([HEAD], "unexpected data at the end"),
        ([HEAD, GROUP, BLOB, KERNEL, "end", "more"], "unexpected data follows it"),
        ([HEAD, f"group\t0\t{len(A)}", BLOB, KERNEL], "should follow it is missing"),
        ([HEAD, GROUP, BLOB, "", KERNEL], "line 4 of the index: a line without a word at its start"),
        ([HEAD, GROUP, BLOB, KERNEL.replace("x86", "\x1b[31m")], "not printable ASCII text"),
        (
            [HEAD, GROUP, BLOB, f"group\t0\t{len(A)}", BLOB, KERNEL, "end", A.decode("utf-8", "surrogateescape")],
            "only the first group can follow the index",
        ),
    ],
)
def test_indexes_that_lie(lines, said):
    with pytest.raises(FormatError, match=said):
        opened(made_of(lines, [A]))


def test_another_version():
    with pytest.raises(UnsupportedError, match="unsupported version"):
        opened(made_of(["btfkit-bundle\t2"]))


def test_sizes_that_lie():
    """A group that unpacks to more, or to less, than the index says ends there, whatever it would unpack to."""
    bomb = lzma.compress(bytes(8 << 20), preset=0)
    for packed, size in ((bomb, 1000), (lzma.compress(A), len(A) + 4), (lzma.compress(A) + lzma.compress(A), len(A))):
        text = "".join(
            line + "\n" for line in (HEAD, f"group\t{len(packed)}\t{size}", f"blob\t{size}", KERNEL, "end")
        ).encode()
        bundle = opened(lzma.compress(text) + packed)
        with pytest.raises(FormatError):
            bundle.blob(0)


def test_a_bomb_for_an_index(monkeypatch):
    monkeypatch.setattr("btfkit.fleet.bundle.MAX_INDEX", 1 << 20)
    with pytest.raises(LimitError, match="the index unpacks to more than 1048576 bytes"):
        opened(lzma.compress(HEAD.encode() + b"\n" * (2 << 20)))
    end = b"\nend\n"
    with pytest.raises(LimitError, match="the index unpacks to more than 1048576 bytes"):
        opened(lzma.compress(HEAD.encode() + b"\n" + b"a" * (2 << 20) + end))
    for unit in (b"\n", b"a\n", b"\t"):
        monkeypatch.setattr("btfkit.fleet.bundle.MAX_LINES", 1000)
        with pytest.raises(FormatError, match=r"the index has \d+ lines|unexpected data at the end|without a word"):
            opened(lzma.compress(HEAD.encode() + b"\n" + unit * 3000 + end) + b"1")


def test_a_bomb_is_not_unpacked_beyond_the_limit(monkeypatch):
    """What follows the limit is not unpacked, and what does not begin like an index not even up to it."""
    unpacked = 0
    real = compression._checked

    def counting(*args):
        nonlocal unpacked
        for piece in real(*args):
            unpacked += len(piece)
            yield piece

    monkeypatch.setattr(compression, "_checked", counting)
    monkeypatch.setattr("btfkit.fleet.bundle.MAX_INDEX", 4 << 20)
    for start in (HEAD.encode() + b"\n", b"", HEAD.encode() + b"\nend\n"):
        unpacked = 0
        with pytest.raises(FormatError):
            opened(lzma.compress(start + b"x" * (64 << 20), preset=0))
        assert unpacked <= 6 << 20


def test_too_many_kernels_for_one_bundle(monkeypatch):
    monkeypatch.setattr("btfkit.fleet.bundle_write.MAX_KERNELS", 1)
    with pytest.raises(UnsupportedError, match="too many for one bundle"):
        make_bundle(content())
    data = made_of([HEAD, GROUP, BLOB, KERNEL, KERNEL.replace("5.4", "5.5")], [A])
    assert len(opened(data).entries) == 2
    monkeypatch.setattr("btfkit.fleet.bundle.MAX_KERNELS", 1)
    with pytest.raises(FormatError, match="line 5 of the index: more than 1 kernels"):
        opened(data)


def test_messages_have_no_escapes():
    """A key is any text, and none of it reaches a terminal as it is."""
    escaped = content()
    for number in range(2):
        escaped.add(Key("debian", f"{number}\x1b[31m", "x86_64", "5.5\x1b]0;title\x07"), A)
    bundle = opened(make_bundle(escaped))
    for key in ("5.5\x1b]0;title\x07", "5.5\x1b[2J"):
        with pytest.raises(NotFoundError, match=r"5\.5\\x1b\]0;title\\x07") as raised:
            bundle.get(key)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("data", [b"", b"x", b"BZh9", A, b"\xfd7zXZ\0", lzma.compress(A), lzma.compress(b"")])
def test_what_is_no_bundle(data):
    with pytest.raises(FormatError):
        opened(data)


def test_cut_anywhere():
    data = make_bundle(content())
    for length in range(0, len(data), 7):
        with pytest.raises(FormatError):
            opened(data[:length])
    with pytest.raises(FormatError, match="unexpected data at the end"):
        opened(data + b"\0")


def test_mutations():
    chance = random.Random(11)
    text = lzma.decompress(made_of([HEAD, GROUP, BLOB, KERNEL, "module\tm\t0"]))
    for _ in range(3000):
        broken = bytearray(text)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(len(broken))] = chance.choice(b"\0\t\n%-0123456789abcdefx\xff")
        try:
            bundle = opened(lzma.compress(bytes(broken), preset=0) + PACKED)
            for entry in bundle.entries:
                bundle.blob(entry.blob)
        except BtfError:
            pass
