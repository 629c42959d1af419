"""What packages say about themselves, and the place in BTFHub's layout that follows from it."""

from __future__ import annotations

import lzma

import pytest
from archive_inputs import ar, deb, rpm

from btfkit.errors import FormatError
from btfkit.files.package import package_facts
from btfkit.fleet.distributions import distribution
from btfkit.fleet.keys import arch_of_machine, uname_of_path

CONTROL = """Package: linux-image-6.1.0-50-s390x-dbg
Source: linux
Version: 6.1.176-1
Architecture: s390x
Maintainer: Debian Kernel Team <debian-kernel@lists.debian.org>
Description: Debug symbols
 Version: not this
"""
TAGS = {1000: "kernel-debuginfo", 1001: "5.14.0", 1002: "70.el9", 1010: "", 1011: "CentOS", 1022: "x86_64"}


def facts_of(data):
    facts = package_facts(data, "p")
    return facts.name, facts.version, facts.arch, facts.origin


@pytest.mark.parametrize(("pack", "suffix"), [(bytes, ""), (lzma.compress, ".xz")])
def test_debian(pack, suffix):
    assert facts_of(deb({}, pack, suffix, CONTROL)) == (
        "linux-image-6.1.0-50-s390x-dbg",
        "6.1.176-1",
        "s390x",
        "Debian Kernel Team <debian-kernel@lists.debian.org>",
    )


def test_rpm():
    assert facts_of(rpm({}, tags=TAGS)) == ("kernel-debuginfo", "5.14.0-70.el9", "x86_64", "CentOS")


def test_others_say_nothing():
    assert facts_of(b"\x7fELF" + bytes(100)) == ("", "", "", "")
    assert facts_of(ar({"debian-binary": b"2.0\n", "data.tar": b""})) == ("", "", "", "")


@pytest.mark.parametrize("cut", [97, 120, 150, 175])
def test_a_truncated_header_of_an_rpm(cut):
    with pytest.raises(FormatError, match="header of an RPM"):
        package_facts(rpm({}, tags=TAGS)[:cut], "p")


def test_strings_of_an_rpm_that_point_outside():
    data = bytearray(rpm({}, tags={1000: "kernel"}))
    entry = data.rindex((1000).to_bytes(4, "big") + (6).to_bytes(4, "big"))
    data[entry + 8 : entry + 12] = b"\xff\xff\xff\xff"
    assert facts_of(bytes(data)) == ("", "", "", "")


@pytest.mark.parametrize(
    ("version", "origin", "expected"),
    [
        ("6.1.176-1", "Debian Kernel Team", ("debian", "12")),
        ("5.10.223-1", "Debian Kernel Team", ("debian", "11")),
        ("2.6.32-48squeeze20", "Debian Kernel Team", ("debian", "6")),
        ("4.19.316-1~deb9u1", "Debian Kernel Team", ("debian", "9")),
        ("6.1.55-1~bpo11+1", "Debian Kernel Team", ("debian", "11")),
        ("6.12.9-1+deb13u2", "Debian Kernel Team", ("debian", "13")),
        ("6.5.10-1", "Debian Kernel Team", ("debian", "sid")),
        ("6.12~rc6-1~exp1", "Debian Kernel Team", ("debian", "experimental")),
        ("6.1.20-1kali1", "Debian Kernel Team", ("kali", "rolling")),
        ("5.4.0-42.46", "Ubuntu Kernel Team", ("ubuntu", "20.04")),
        ("5.4.0-42.46~18.04.1", "Ubuntu Kernel Team", ("ubuntu", "18.04")),
        ("9.9.0-1.1", "Ubuntu Kernel Team", ("ubuntu", "unknown")),
        ("6.9.0-1", "root <root@build>", ("", "")),
        ("5.14.0-70.el9", "CentOS", ("centos", "9")),
        ("4.18.0-372.9.1.el8", "Red Hat Enterprise Linux, Red Hat, Inc.", ("rhel", "8")),
        ("4.18.0-372.el8_6", "Oracle America", ("ol", "8")),
        ("4.18.0-372.el8", "Rocky Enterprise Software Foundation", ("rocky", "8")),
        ("4.18.0-372.el8", "AlmaLinux", ("alma", "8")),
        ("4.18.0-372.el8", "somebody", ("el", "8")),
        ("6.5.6-300.fc39", "Fedora Project", ("fedora", "39")),
        ("4.14.355-275.572.amzn2", "Amazon Linux", ("amzn", "2")),
        ("6.1.66-91.160.amzn2023", "Amazon Linux", ("amzn", "2023")),
        ("5.3.18-59.1", "openSUSE Leap 15.3, openSUSE", ("opensuse-leap", "15.3")),
        ("6.5.1-1.1", "openSUSE Tumbleweed, openSUSE", ("opensuse-tumbleweed", "rolling")),
        ("5.14.21-150400.24.100.2", "SUSE Linux Enterprise 15, SUSE LLC <https://www.suse.com/>", ("sles", "15.4")),
        ("4.12.14-122.116.1", "SUSE Linux Enterprise 12 SP5, SUSE LLC", ("sles", "12.5")),
        ("4.12.14-197.1", "SUSE Linux Enterprise 15, SUSE LLC", ("sles", "15")),
        ("6.9.0-1", "", ("", "")),
    ],
)
def test_distributions(version, origin, expected):
    from btfkit.files.package import PackageFacts

    assert distribution(PackageFacts("kernel", version, "x86_64", origin)) == expected


def test_the_mark_of_a_release_in_the_name_of_a_package():
    from btfkit.files.package import PackageFacts

    facts = PackageFacts("linux-image-6.12.117+deb13-amd64-dbg", "6.12.117-1", "amd64", "Debian Kernel Team")
    assert distribution(facts) == ("debian", "13")


@pytest.mark.parametrize(
    ("path", "uname"),
    [
        ("usr/lib/debug/boot/vmlinux-6.1.0-50-s390x", "6.1.0-50-s390x"),
        ("boot/vmlinux-4.12.14-122-default.debug", "4.12.14-122-default"),
        ("usr/lib/debug/lib/modules/5.14.0-70.el9.x86_64/vmlinux", "5.14.0-70.el9.x86_64"),
        ("usr/lib/debug/usr/lib/modules/6.4.0-1-default/vmlinux.debug", "6.4.0-1-default"),
        ("usr/lib/debug/lib/modules/4.19.1-3.ph3/vmlinux-4.19.1-3.ph3.debug", "4.19.1-3.ph3"),
        ("usr/lib/modules/5.10.1/build/vmlinux.xz", "5.10.1"),
        ("usr/lib/debug/boot/vmlinux-5.4.0-1-amd64.xz", "5.4.0-1-amd64"),
        ("boot/vmlinux", ""),
        ("vmlinux", ""),
    ],
)
def test_the_kernel_in_a_path(path, uname):
    assert uname_of_path(path) == uname


def test_the_architecture_of_an_elf_file():
    assert arch_of_machine(62, 64, "little") == "x86_64"
    assert arch_of_machine(21, 64, "little") == "ppc64le"
    assert arch_of_machine(21, 64, "big") == "ppc64"
    assert arch_of_machine(8, 32, "big") == "mips"
    assert arch_of_machine(62, 32, "little") == ""  # x32
    assert arch_of_machine(999, 64, "little") == ""
