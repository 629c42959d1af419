"""The names of kernels (distro, release, architecture and `uname -r`), and their order.

The layout `distro/release/arch/uname` is BTFHub's (github.com/aquasecurity/btfhub-archive).  The names of an
architecture differ between kernel, Debian, Go and LLVM; `canonical_arch` unifies them.
"""

from __future__ import annotations

import re
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Canonical names are those of `uname -m`; x86 is BTFHub's and the kernel's word for its 64 bits too.
_ARCHES = {
    "x86_64": ("amd64", "x86-64", "x64", "x86"),
    "arm64": ("aarch64", "armv8", "armv8l"),
    "arm": ("armhf", "armel", "armv6l", "armv7", "armv7l", "armv7hl", "armmp"),
    "i386": ("i486", "i586", "i686", "386", "686"),
    "ppc64le": ("ppc64el", "powerpc64le", "powerpc64el"),
    "ppc64": ("powerpc64",),
    "ppc": ("powerpc",),
    "s390x": ("s390",),
    "riscv64": ("riscv64gc",),
    "riscv32": (),
    "loongarch64": ("loong64",),
    "mips64el": ("mips64le", "mips64r2el", "mips64r6el"),
    "mips64": (),
    "mipsel": ("mipsle",),
    "mips": (),
    "sparc64": (),
    "alpha": (),
    "parisc64": ("hppa64",),
    "parisc": ("hppa",),
    "ia64": (),
    "m68k": (),
}
_CANONICAL = {spelling: name for name, others in _ARCHES.items() for spelling in (name, *others)}

# Directories above the root of a tree that count as a distribution: `min --archive .../hub/debian`.
_NAMES = """almalinux alma alpine amazon amzn arch archlinux azurelinux bottlerocket centos centos-stream cos debian fedora
flatcar gentoo kali mariner nixos ol opensuse opensuse-leap opensuse-tumbleweed oracle photon raspbian rhel rocky rockylinux
sled sles suse ubuntu"""
_DISTROS = frozenset(_NAMES.split())

_PARTS = re.compile(r"\d+|[a-z]+|~")


class Key:
    """The name of a kernel; unknown parts are "" (`uname` never is).

    Keys sort as people list kernels: numbers as numbers, 6.1-rc1 before 6.1, the kernel's version before its flavor.
    """

    __slots__ = ("arch", "distro", "release", "uname")

    def __init__(self, distro: str, release: str, arch: str, uname: str) -> None:
        self.distro = distro
        self.release = release
        self.arch = arch
        self.uname = uname

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """(distro, release, arch, uname)."""
        return self.distro, self.release, self.arch, self.uname

    def __str__(self) -> str:
        """The known parts, as BTFHub's layout has them: "debian/12/x86_64/6.1.0-47-amd64"."""
        return "/".join(filter(None, self.parts))

    def __repr__(self) -> str:
        return f"<Key {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __lt__(self, other: Key) -> bool:
        return self.order < other.order

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort key: distro, release, architecture, then `uname -r` as a version."""
        return (*map(version_order, self.parts), self.parts)


@lru_cache(4096)  # the same few words of thousands of kernels
def version_order(text: str) -> tuple[tuple[int, Any], ...]:
    """The sort key of version numbers: digits as numbers, "~" and "rc" before the end, everything else after it."""
    found: list[tuple[int, Any]] = []
    for part in _PARTS.findall(text.lower()):
        if part[0].isdigit():
            found.append((3, int(part) if len(part) < 20 else 10**19))
        else:
            found.append((0 if part in ("~", "rc") else 2, part))
    found.append((1, 0))
    return tuple(found)


def canonical_arch(name: str) -> str:
    """The canonical name of an architecture ("amd64", "x86": "x86_64"); unknown ones in lower case."""
    lower = name.lower()
    return _CANONICAL.get(lower, lower)


def is_arch(name: str) -> bool:
    """Whether `name` is some spelling of an architecture."""
    return name.lower() in _CANONICAL


def arch_of_uname(uname: str) -> str:
    """The architecture at the end of a `uname -r` ("6.1.0-47-amd64", "3.10.0-1062.el7.x86_64"), canonical, or ""."""
    for mark in ("-", "."):
        last = uname.rpartition(mark)[2]
        if last != uname and not last.isdigit() and is_arch(last):
            return canonical_arch(last)
    return ""


_RELEASE_CANDIDATE = re.compile(r"rc\d*")


def flavor_of_uname(uname: str) -> str:
    """The flavor in a `uname -r`, without the architecture: "6.1.0-50-cloud-amd64": "cloud", "5.15.0-1-generic": "generic",
    "6.6.9-200.fc39.x86_64+debug": "debug", "6.1.0-47-amd64": ""."""
    rest, plus, added = uname.rpartition("+")
    if plus and "-" in rest and added[:1].isalpha() and "-" not in added:
        return added  # of Fedora and Red Hat: it follows the architecture
    words: list[str] = []
    for part in uname.split("-")[1:]:
        if part[:1].isalpha() and not _RELEASE_CANDIDATE.fullmatch(part):
            words.append(part)
        elif words:
            words.clear()
    while words and is_arch(words[-1]):
        words.pop()
    return "-".join(words)


_KERNEL_PATH = re.compile(
    r"(?:.*/)?(?:vmlinu[xz]-(?P<named>\d[^/]*?)|modules/(?P<home>\d[^/]*)/(?:[^/]+/)*vmlinu[xz])(?:\.debug)?(?:\.(?:gz|xz|zst|bz2))?"
)
_MACHINES = {  # (e_machine, bits, byte order); None: any
    (62, 64, None): "x86_64",
    (3, None, None): "i386",
    (183, None, "little"): "arm64",
    (40, None, None): "arm",
    (21, None, "little"): "ppc64le",
    (21, None, "big"): "ppc64",
    (20, None, None): "ppc",
    (22, 64, None): "s390x",
    (243, 64, None): "riscv64",
    (243, 32, None): "riscv32",
    (258, 64, None): "loongarch64",
    (8, 64, "little"): "mips64el",
    (8, 64, "big"): "mips64",
    (8, 32, "little"): "mipsel",
    (8, 32, "big"): "mips",
    (43, None, None): "sparc64",
    (15, 64, None): "parisc64",
    (15, 32, None): "parisc",
    (0x9026, None, None): "alpha",
    (50, None, None): "ia64",
    (4, None, None): "m68k",
}


def uname_of_path(path: str) -> str:
    """The `uname -r` in the path of a kernel in a package, or "".

    "boot/vmlinux-6.1.0-47-amd64" and "lib/modules/6.1.0-47-amd64/vmlinux" are such paths; either may end in ".debug".
    """
    found = _KERNEL_PATH.fullmatch(path)
    return found["named"] or found["home"] if found else ""


def arch_of_machine(machine: int, bits: int, order: str) -> str:
    """The architecture of an ELF file by its header, canonical, or ""."""
    for known, name in _MACHINES.items():
        if known[0] == machine and known[1] in (None, bits) and known[2] in (None, order):
            return name
    return ""


def key_of(directories: list[str], above: list[str], uname: str) -> Key:
    """The key of the kernel `uname` in `directories` (below the tree's root; `above` are the root's own, outermost first).

    BTFHub's layout is recognized by its innermost directory, which has to be an architecture.
    """
    if not directories or not is_arch(directories[-1]):
        if above and not directories and is_arch(above[-1]) and len(above) > 2 and above[-3].lower() in _DISTROS:
            return Key(above[-3], above[-2], above[-1], uname)
        return Key("", "", arch_of_uname(uname), uname)
    whole = directories
    if len(directories) < 3:
        outer = [*above, *directories]
        known = len(outer) > 2 and outer[-3].lower() in _DISTROS
        whole = outer if known else directories
    padded = ["", "", *whole][-3:]
    return Key(padded[0], padded[1], padded[2], uname)
