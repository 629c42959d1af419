"""Find the kernel of a machine in a bundle, by os-release, `uname -r` and architecture.

`uname -r` decides, because the BTF of another kernel is useless, however similar.  Distro and release only choose between
kernels that share it, so that no kernel is mistaken for that of another distribution with the same version.
"""

from __future__ import annotations

import os

from btfkit.errors import FormatError
from btfkit.fleet.keys import Key, canonical_arch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.fleet.bundle import Bundle, Entry

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
MAX_OS_RELEASE = 1 << 20  # bytes

# The names of distributions in os-release, and of their directories in BTFHub if those differ.
_FOLDERS = {
    "almalinux": "alma",
    "rocky": "rocky",
    "ol": "ol",
    "oracle": "ol",
    "amzn": "amzn",
    "amazon": "amzn",
    "suse": "sles",
}


class Machine:
    """A machine: `distros`, its distribution and related ones, canonical; `releases`, the spellings of its release; `arch`;
    `uname`."""

    __slots__ = ("arch", "distros", "releases", "uname")

    def __init__(self, distros: tuple[str, ...], releases: tuple[str, ...], arch: str, uname: str) -> None:
        self.distros = distros
        self.releases = releases
        self.arch = arch
        self.uname = uname

    @property
    def key(self) -> Key:
        """The key that its kernel would have."""
        distro = self.distros[0] if self.distros else ""
        return Key(distro, self.releases[0] if self.releases else "", self.arch, self.uname)


def machine(os_release: str | None = None, uname: str | None = None, arch: str | None = None) -> Machine:
    """This machine, or another by the path of an os-release file, a `uname -r` or an architecture.

    Raises OSError if the file cannot be read, FormatError if it is not an os-release file.
    """
    facts = _os_release(os_release)
    here = os.uname()
    distros = [facts.get("ID", ""), *facts.get("ID_LIKE", "").split()]
    releases = [facts.get("VERSION_ID", ""), facts.get("VERSION_CODENAME", ""), facts.get("UBUNTU_CODENAME", "")]
    return Machine(
        tuple(dict.fromkeys(map(canonical_distro, filter(None, distros)))),
        tuple(dict.fromkeys(filter(None, releases))),
        arch or here.machine,
        uname or here.release,
    )


def _os_release(path: str | None) -> dict[str, str]:
    """The assignments in an os-release file (os-release(5)); empty if none was named and this machine has none."""
    for name in (path,) if path else OS_RELEASE:
        try:
            with open(name, "rb") as file:
                content = file.read(MAX_OS_RELEASE + 1)
        except OSError:
            if path:
                raise
            continue
        if len(content) > MAX_OS_RELEASE or b"\0" in content:
            raise FormatError("not an os-release file", source=name)
        return _assignments(content.decode("utf-8", "replace"))
    return {}


def _assignments(text: str) -> dict[str, str]:
    from shlex import split

    found = {}
    for line in text.splitlines():
        name, mark, value = line.strip().partition("=")
        if mark and name.replace("_", "").isalnum():
            try:
                found[name] = " ".join(split(value))
            except ValueError:  # an unterminated quote
                found[name] = value.strip("'\"")
    return found


def canonical_distro(name: str) -> str:
    """The one name for a distribution."""
    lower = name.lower()
    return _FOLDERS.get(lower, lower)


def look_up(bundle: Bundle, wanted: Machine) -> tuple[Entry | None, list[Entry]]:
    """The kernel of a machine in a bundle, or None and the nearest ones, best first.

    Among kernels with its `uname -r` and architecture, one of its distro and release is preferred, then one of its distro, of a
    related distro, and of an unknown one, if all such have the same BTF.
    """
    arch = canonical_arch(wanted.arch)
    found = [
        entry
        for entry in bundle.entries
        if entry.key.uname == wanted.uname and canonical_arch(entry.key.arch) in (arch, "")
    ]
    for rank in (_of_release, _of_distro, _of_kin, _of_nobody):
        chosen = [entry for entry in found if rank(entry.key, wanted)]
        if chosen and len({(entry.blob, entry.modules) for entry in chosen}) == 1:
            return chosen[0], []
        if chosen:
            return None, chosen
    if found and not wanted.distros and len({(entry.blob, entry.modules) for entry in found}) == 1:
        return found[0], []
    return None, found or bundle.nearest(wanted.key)


def _of_release(key: Key, wanted: Machine) -> bool:
    """The same distro, and its release: "8.6" is of "8"."""
    return _of_distro(key, wanted) and any(
        release == key.release or release.startswith(key.release + ".") for release in wanted.releases if key.release
    )


def _of_distro(key: Key, wanted: Machine) -> bool:
    return canonical_distro(key.distro) in wanted.distros[:1]


def _of_kin(key: Key, wanted: Machine) -> bool:
    return canonical_distro(key.distro) in wanted.distros


def _of_nobody(key: Key, wanted: Machine) -> bool:
    return not key.distro
