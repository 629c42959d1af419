"""The distribution and release that a package of a kernel is of, in BTFHub's words: "debian" and "12", "ubuntu" and "20.04".

Packages do not state their release.  It is taken from what their versions carry (~deb12u1, +deb13, ~20.04.1, .el8, .fc39,
.amzn2), and otherwise from the series of Linux that a release of Debian or Ubuntu has.  What cannot be told is UNKNOWN.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.package import PackageFacts

UNKNOWN = "unknown"

# Linux in stable releases; what is not there has only been in Debian's unstable.
_DEBIAN = {"2.6.32": "6", "3.2": "7", "3.16": "8", "4.9": "9", "4.19": "10", "5.10": "11", "6.1": "12", "6.12": "13"}
_UBUNTU = {
    "3.2": "12.04",
    "3.13": "14.04",
    "4.4": "16.04",
    "4.8": "16.10",
    "4.10": "17.04",
    "4.13": "17.10",
    "4.15": "18.04",
    "4.18": "18.10",
    "5.0": "19.04",
    "5.3": "19.10",
    "5.4": "20.04",
    "5.8": "20.10",
    "5.11": "21.04",
    "5.13": "21.10",
    "5.15": "22.04",
    "5.19": "22.10",
    "6.2": "23.04",
    "6.5": "23.10",
    "6.8": "24.04",
    "6.11": "24.10",
    "6.14": "25.04",
    "6.17": "25.10",
}
_DEBIAN_MARK = re.compile(r"[~+]deb(\d+)|~bpo(\d+)")
_UBUNTU_MARK = re.compile(r"~(\d\d\.\d\d)\b")
_RPM_MARK = re.compile(r"\.(el|fc|amzn|cm|azl|ph)(\d+)")
_RPM_DISTROS = {"fc": "fedora", "amzn": "amzn", "cm": "mariner", "azl": "azurelinux", "ph": "photon"}
_ENTERPRISE = {  # who makes packages of "el8", by a word of the vendor
    "centos": "centos",
    "red hat": "rhel",
    "oracle": "ol",
    "alma": "alma",
    "rocky": "rocky",
    "scientific": "scientific",
}
_SUSE = re.compile(r"(opensuse leap|suse linux enterprise(?: \w+)*?) (\d+(?:[. ]?(?:sp)?\d+)?)")


def distribution(facts: PackageFacts) -> tuple[str, str]:
    """(distro, release) of a package; ("", "") if it does not say whose it is, UNKNOWN for a release that does not show."""
    origin = facts.origin.lower()
    if "ubuntu" in origin:
        found = _UBUNTU_MARK.search(facts.version)
        return "ubuntu", found[1] if found else _UBUNTU.get(_series(facts.version), UNKNOWN)
    if "kali" in origin or "kali" in facts.version:
        return "kali", "rolling"
    if "debian" in origin:
        found = _DEBIAN_MARK.search(facts.version) or _DEBIAN_MARK.search(facts.name)
        if found:
            return "debian", found[1] or found[2]
        if "~exp" in facts.version:
            return "debian", "experimental"
        return "debian", _DEBIAN.get(_series(facts.version), "sid")
    if "suse" in origin:
        return _suse(facts, origin)
    found = _RPM_MARK.search(facts.version)
    if found is None:
        return "", ""
    kind, release = found.groups()
    if kind != "el":
        return _RPM_DISTROS[kind], release
    return next((distro for word, distro in _ENTERPRISE.items() if word in origin), "el"), release


def _series(version: str) -> str:
    """The series of Linux of a version: "5.10" of "5.10.223-1", "2.6.32" of "2.6.32-48"."""
    found = re.match(r"(?:\d+:)?(2\.6\.\d+|\d+\.\d+)", version)
    return found[1] if found else ""


def _suse(facts: PackageFacts, origin: str) -> tuple[str, str]:
    """openSUSE Leap and SLE: the service pack is in the distribution's name, or at the start of the package's release
    (150400 is 15.4)."""
    if "tumbleweed" in origin:
        return "opensuse-tumbleweed", "rolling"
    found = _SUSE.search(origin)
    if found is None:
        return "", ""
    distro = "opensuse-leap" if found[1].startswith("opensuse") else "sles"
    release = re.sub(r"[ .]?sp", ".", found[2])
    pack = re.match(r"(\d\d)0(\d)00\.", facts.version.rpartition("-")[2])
    if "." not in release and pack and pack[1] == release:
        release = f"{release}.{pack[2]}"
    return distro, release
