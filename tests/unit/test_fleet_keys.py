"""`btfkit.fleet.keys`: what a kernel is called, and the order of kernels."""

from __future__ import annotations

import random

import pytest

from btfkit.fleet.keys import Key, arch_of_uname, canonical_arch, is_arch, key_of, version_order

IN_ORDER = [
    "3.10.0-1062.el7.x86_64",
    "4.15.0-20-generic",
    "4.15.0-101-generic",
    "5.4.0-42-aws",
    "5.4.0-42-generic",
    "5.10",
    "5.10.0-32-amd64",
    "6.1-rc1",
    "6.1-rc10",
    "6.1",
    "6.1.0~bpo1",
    "6.1.0",
    "6.1.0-47-amd64",
    "6.12.94+deb13-amd64",
    "6.12.107+deb13-amd64",
]


def test_versions_sort_as_people_list_them():
    mixed = IN_ORDER[:]
    random.Random(3).shuffle(mixed)
    assert sorted(mixed, key=version_order) == IN_ORDER


def test_any_text_can_be_compared():
    chance = random.Random(7)
    texts = ["".join(chance.choice("1a.-~\nrc9") for _ in range(chance.randrange(8))) for _ in range(300)]
    texts += ["9" * 5000, "", "\udcff"]
    ordered = sorted(texts, key=version_order)
    chance.shuffle(texts)
    assert [version_order(text) for text in sorted(texts, key=version_order)] == [
        version_order(text) for text in ordered
    ]


@pytest.mark.parametrize(
    ("names", "one"),
    [
        (("amd64", "x86_64", "x86", "X86-64", "x64"), "x86_64"),
        (("arm64", "aarch64", "AARCH64"), "arm64"),
        (("ppc64el", "ppc64le", "powerpc64le"), "ppc64le"),
        (("i386", "i686", "686"), "i386"),
        (("loong64", "loongarch64"), "loongarch64"),
    ],
)
def test_spellings_of_an_architecture(names, one):
    assert {canonical_arch(name) for name in names} == {one}
    assert all(map(is_arch, names))


def test_what_is_no_architecture():
    assert canonical_arch("VAX") == "vax"
    assert not is_arch("vax")
    assert not is_arch("generic")


@pytest.mark.parametrize(
    ("uname", "arch"),
    [
        ("6.1.0-47-amd64", "x86_64"),
        ("3.10.0-1062.el7.x86_64", "x86_64"),
        ("6.12.107+deb13-powerpc64le", "ppc64le"),
        ("5.4.0-42-generic", ""),
        ("6.1", ""),
        ("vmlinux", ""),
        ("5.10.386", ""),  # a version, not an architecture
    ],
)
def test_the_architecture_in_a_uname(uname, arch):
    assert arch_of_uname(uname) == arch


@pytest.mark.parametrize(
    ("folders", "above", "parts"),
    [
        (["debian", "12", "x86_64"], [], ("debian", "12", "x86_64", "6.1")),
        (["archive", "debian", "12", "x86_64"], ["home"], ("debian", "12", "x86_64", "6.1")),
        (["12", "amd64"], ["srv", "debian"], ("debian", "12", "amd64", "6.1")),
        (["x86_64"], ["srv", "debian", "12"], ("debian", "12", "x86_64", "6.1")),
        ([], ["srv", "debian", "12", "x86_64"], ("debian", "12", "x86_64", "6.1")),
        (["12", "x86_64"], ["srv", "mine"], ("", "12", "x86_64", "6.1")),
        (["x86_64"], ["tmp", "a", "b"], ("", "", "x86_64", "6.1")),
        (["some", "where"], [], ("", "", "", "6.1")),
        ([], [], ("", "", "", "6.1")),
    ],
)
def test_keys_of_folders(folders, above, parts):
    assert key_of(folders, above, "6.1").parts == parts


def test_keys():
    key = Key("debian", "12", "x86_64", "6.1.0-47-amd64")
    assert str(key) == "debian/12/x86_64/6.1.0-47-amd64"
    assert str(Key("", "", "", "6.1")) == "6.1"
    assert key == Key(*key.parts)
    assert key != Key("debian", "13", "x86_64", "6.1.0-47-amd64")
    assert len({key, Key(*key.parts)}) == 1
    assert Key("debian", "9", "a", "1") < Key("debian", "10", "a", "1")
