"""`btfkit.fleet.machine`: which kernel of a bundle is a machine's."""

from __future__ import annotations

import os

import pytest

from bpf import cases
from btfkit.errors import FormatError
from btfkit.fleet.bundle import Bundle
from btfkit.fleet.bundle_write import Content, make_bundle
from btfkit.fleet.keys import Key
from btfkit.fleet.machine import Machine, look_up, machine

A = cases.target_bytes("a.x86_64")[0]
B = cases.target_bytes("b.x86_64")[0]

UBUNTU = (
    'NAME="Ubuntu"\nVERSION_ID="20.04"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=focal\n# comment\nnonsense\n=x\n'
)
MINT = "ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=\"21\"\nUBUNTU_CODENAME=focal\n"
CENTOS = 'ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7.9"\n'


def bundle(*keys):
    """A bundle of kernels; a key with a mark has another BTF."""
    content = Content()
    for key in keys:
        *parts, mark = (*key, "") if len(key) == 4 else key
        content.add(Key(*parts), B if mark else A)
    return Bundle(make_bundle(content), "x")


def wanted(tmp_path, text, uname, arch):
    path = tmp_path / "os-release"
    path.write_text(text)
    return machine(str(path), uname, arch)


def test_os_release(tmp_path):
    found = wanted(tmp_path, UBUNTU, "5.4.0-42-generic", "x86_64")
    assert found.distros == ("ubuntu", "debian")
    assert found.releases == ("20.04", "focal")
    assert found.key.parts == ("ubuntu", "20.04", "x86_64", "5.4.0-42-generic")
    assert wanted(tmp_path, 'ID="broken', "1", "2").distros == ("broken",)
    with pytest.raises(FileNotFoundError):
        machine(str(tmp_path / "absent"))
    (tmp_path / "binary").write_bytes(b"\0ID=x")
    with pytest.raises(FormatError, match="not an os-release file"):
        machine(str(tmp_path / "binary"))


def test_this_machine():
    here = machine()
    assert (here.uname, here.arch) == (os.uname().release, os.uname().machine)


@pytest.mark.parametrize("arch", ["amd64", "x86_64", "x86", "AMD64", "x86-64"])
@pytest.mark.parametrize("stored", ["x86_64", "amd64", "x86"])
def test_spellings_of_an_architecture(tmp_path, arch, stored):
    it = bundle(
        ("ubuntu", "20.04", stored, "5.4.0-42-generic"), ("ubuntu", "20.04", "arm64", "5.4.0-42-generic", "other")
    )
    entry, near = look_up(it, wanted(tmp_path, UBUNTU, "5.4.0-42-generic", arch))
    assert entry is not None
    assert (entry.key.arch, near) == (stored, [])


@pytest.mark.parametrize(
    ("text", "keys", "release"),
    [
        # the same uname in two releases: the one that it is
        (UBUNTU, [("ubuntu", "18.04", "x86_64", "5.4", "other"), ("ubuntu", "20.04", "x86_64", "5.4")], "20.04"),
        (UBUNTU, [("ubuntu", "focal", "x86_64", "5.4"), ("ubuntu", "18.04", "x86_64", "5.4", "other")], "focal"),
        # only another release has it, and it is the same distribution's
        (UBUNTU, [("ubuntu", "18.04", "x86_64", "5.4")], "18.04"),
        # 7.9 is of 7
        (CENTOS, [("centos", "7", "x86_64", "5.4"), ("centos", "8", "x86_64", "5.4", "other")], "7"),
        # a distribution that uses another's kernels
        (MINT, [("ubuntu", "22.04", "x86_64", "5.4"), ("fedora", "33", "x86_64", "5.4", "other")], "22.04"),
        # a kernel of nobody
        (UBUNTU, [("", "", "x86_64", "5.4")], ""),
        (UBUNTU, [("", "", "", "5.4")], ""),
        # two releases with one BTF
        (CENTOS, [("centos", "8", "x86_64", "5.4"), ("centos", "9", "x86_64", "5.4")], "8"),
    ],
)
def test_which_of_several(tmp_path, text, keys, release):
    entry, _ = look_up(bundle(*keys), wanted(tmp_path, text, "5.4", "amd64"))
    assert entry is not None
    assert entry.key.release == release


@pytest.mark.parametrize(
    "keys",
    [
        [("fedora", "33", "x86_64", "5.4")],  # another distribution's of the same number
        [("centos", "8", "x86_64", "5.4"), ("centos", "9", "x86_64", "5.4", "other")],  # which of the two?
        [("centos", "7", "arm64", "5.4")],
        [("centos", "7", "x86_64", "5.4.1")],
        [],
    ],
)
def test_near_misses(tmp_path, keys):
    text = CENTOS.replace(' fedora"', '"')
    entry, near = look_up(bundle(*keys), wanted(tmp_path, text, "5.4", "amd64"))
    assert entry is None
    assert [one.key.parts for one in near] == [key[:4] for key in keys if key[2] == "x86_64"]


def test_without_an_os_release():
    it = bundle(("debian", "12", "x86_64", "6.1"))
    assert look_up(it, Machine((), (), "x86_64", "6.1"))[0] is not None
    both = bundle(("debian", "12", "x86_64", "6.1"), ("ubuntu", "20.04", "x86_64", "6.1", "other"))
    assert look_up(both, Machine((), (), "x86_64", "6.1"))[0] is None
