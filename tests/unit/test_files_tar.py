"""`btfkit.files.tar`: what counts in a tar and what is passed over."""

from __future__ import annotations

import io
import os
import random
import tarfile
from contextlib import suppress

import pytest
from test_files_inputs import tar_of

from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError, UnsupportedError
from btfkit.files.archives import open_archive, single_file
from btfkit.files.tar import is_tar, members

FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def read(tar, step=None, **options):
    pieces = [tar[at : at + step] for at in range(0, len(tar), step)] if step else [tar]
    return [(name, bytes(content)) for name, content in members(pieces, "x.tar", **options)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", [None, 1, 100, 512, 513])
def test_members(form, step):
    files = [("a.btf", b"x" * 1000, b"0"), ("d/b.btf", b"", b"0"), ("c" * 90 + ".btf", b"y" * 512, b"0")]
    tar = tar_of(*files, form=form)
    assert is_tar(tar[:512])
    assert read(tar, step) == [(name, content) for name, content, _ in files]


@pytest.mark.parametrize("form", FORMS)
def test_long_names(form):
    name = "d" * 90 + "/" + "n" * 90 + ".btf"
    assert read(tar_of((name, b"1", b"0"), ("short", b"2", b"0"), form=form)) == [(name, b"1"), ("short", b"2")]


def single(data, source):
    archive, _ = open_archive(data, source)
    return single_file(archive)


def test_unicode_names():
    for form in FORMS[1:]:
        assert read(tar_of(("kärnel-" + "ü" * 200, b"1", b"0"), form=form)) == [("kärnel-" + "ü" * 200, b"1")]


def test_links_devices_folders_and_dots_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tar = tar_of(
        ("dir", None, b"5"),
        ("hard.btf", b"/etc/passwd", b"1"),
        ("soft.btf", b"../../etc/passwd", b"2"),
        ("null.btf", None, b"3"),
        ("pipe.btf", None, b"6"),
        ("../up.btf", b"evil", b"0"),
        ("a/../../up.btf", b"evil", b"0"),
        ("good.btf", b"good", b"0"),
    )
    assert read(tar) == [("good.btf", b"good")]
    assert single(tar, "x") == ("good.btf", b"good")
    assert os.listdir(tmp_path) == []


def test_the_single_btf():
    assert single(tar_of(("README", b"r", b"0"), ("k.btf", b"b", b"0"), ("z", b"z", b"0")), "x") == (
        "k.btf",
        b"b",
    )
    assert single(tar_of(("vmlinux", b"only", b"0")), "x") == ("vmlinux", b"only")
    with pytest.raises(NotFoundError, match="no regular file"):
        single(tar_of(("l.btf", b"x", b"2")), "x")
    with pytest.raises(AmbiguousError, match=r"x\.tar: .*a\.btf, b\.btf"):
        single(tar_of(("a.btf", b"", b"0"), ("b.btf", b"", b"0")), "x.tar")
    with pytest.raises(AmbiguousError, match="a, b"):
        single(tar_of(("a", b"", b"0"), ("b", b"", b"0")), "x")


def test_member_limit_and_cut():
    tar = tar_of(("a.btf", b"x" * 5000, b"0"))
    with pytest.raises(FormatError, match="the limit is 4999"):
        read(tar, limit=4999)
    with pytest.raises(FormatError, match="truncated tar"):
        read(tar[:3000])


def test_a_size_that_lies():
    head = bytearray(tar_of(("a.btf", b"", b"0"))[:512])
    for size in (b"77777777777\0", b"\x80" + b"\0" * 3 + b"\x7f" * 8, b"\xff" * 12, b"99999999999\0"):
        head[124:136] = size
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        with pytest.raises(FormatError):
            read(bytes(head))


def test_sparse_is_refused():
    info = tarfile.TarInfo("s")
    info.pax_headers = {"GNU.sparse.major": "1"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(UnsupportedError, match="sparse"):
        read(out.getvalue())


def test_mutations():
    chance = random.Random(5)
    good = tar_of(("a.btf", b"x" * 600, b"0"), ("n" * 150, b"y", b"0"), form=tarfile.PAX_FORMAT)
    for _ in range(2000):
        broken = bytearray(good)
        at = chance.randrange(0, 3000)
        broken[at] = chance.randrange(256)
        if chance.random() < 0.7:  # mend the checksum, so that the field itself is looked at
            block = at // 512 * 512
            broken[block + 148 : block + 156] = b" " * 8
            broken[block + 148 : block + 156] = b"%06o\0 " % sum(broken[block : block + 512])
        with suppress(BtfError):
            read(bytes(broken))
