"""What a package says about itself (the control file of a Debian package, the header of an RPM), and files in it by their name.

Formats: deb-control(5); rpm's docs/manual/format_header.md and tags.md.
"""

from __future__ import annotations

import os
from struct import unpack_from

from btfkit.errors import BtfError, FormatError
from btfkit.files.archives import AR, RPM, ar_members, open_archive, rpm_headers
from btfkit.files.compression import pieces, sniff
from btfkit.files.container import fetch_all, open_data
from btfkit.files.tar import members as tar_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.elf import Data

MOST_BESIDE = 8  # packages of a version that are searched
MAX_CONTROL = 1 << 20  # bytes of a control file
MAX_CONTROL_TAR = 1 << 26  # and of what is beside it: checksums, scripts
NAME, VERSION, RELEASE, DISTRIBUTION, VENDOR, ARCH = 1000, 1001, 1002, 1010, 1011, 1022  # tags of an RPM
_STRINGS = (6, 8, 9)  # types of entries: string, array of strings, translated string
_CONTROL = {"package": "name", "version": "version", "architecture": "arch", "maintainer": "origin"}


class PackageFacts:
    """The `name`, `version` (with the release, "5.14.0-70.el9") and `arch` of a package, and its `origin`: the maintainer of a
    Debian package, distribution and vendor of an RPM.  "" for what it does not say."""

    __slots__ = ("arch", "name", "origin", "version")

    def __init__(self, name: str = "", version: str = "", arch: str = "", origin: str = "") -> None:
        self.name = name
        self.version = version
        self.arch = arch
        self.origin = origin

    def __repr__(self) -> str:
        return f"<PackageFacts {self.name} {self.version} {self.arch}: {self.origin}>"


class PackageFiles:
    """The files called `name` in the package at `path` and, if it has none, in packages beside it whose names have its version:
    they are looked for once, when one is asked for."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self._found: dict[str, bytearray] | None = None

    def read(self, path: str) -> bytearray | None:
        """The content of the file at `path`, as it would be called if the package were installed; None if it is not there."""
        if os.path.basename(path) != self.name:
            return None
        if self._found is None:
            self._found = self._files()
        return self._found.get(os.path.normpath(path).lstrip("/"))

    def _files(self) -> dict[str, bytearray]:
        found = self._files_of(self.path)
        for path in [] if found else self._others():
            try:
                found = self._files_of(path)
            except (BtfError, OSError):  # not what was asked for
                continue
            if found:
                break
        return found

    def _files_of(self, path: str) -> dict[str, bytearray]:
        archive = open_archive(_whole(path), path)[0]
        if archive is None:
            return {}
        return dict(archive.members(lambda name: name.rpartition("/")[2] == self.name))

    def _others(self) -> list[str]:
        if not os.path.isfile(self.path):  # standard input
            return []
        version = package_facts(_whole(self.path), self.path).version.rpartition(":")[2]
        directory, own = os.path.split(self.path)
        suffix = os.path.splitext(own)[1]
        names = [name for name in os.listdir(directory or ".") if name.endswith(suffix) and name != own]
        return [os.path.join(directory, name) for name in sorted(names) if version and version in name][:MOST_BESIDE]


def _whole(path: str) -> Data:
    data = open_data(path)
    fetch_all(data)
    return data


def package_facts(data: Data, source: str) -> PackageFacts:
    """What a .deb or .rpm says about itself; nothing if it is neither.  Raises FormatError if that part of it is damaged."""
    head = bytes(data[:8])
    if head == AR:
        return PackageFacts(**_control(data, source))
    if head[:4] == RPM:
        tags = dict(_tags(data, source))
        version = "-".join(filter(None, (tags.get(VERSION), tags.get(RELEASE))))
        origin = ", ".join(filter(None, (tags.get(DISTRIBUTION), tags.get(VENDOR))))
        return PackageFacts(tags.get(NAME, ""), version, tags.get(ARCH, ""), origin)
    return PackageFacts()


def _control(data: Data, source: str) -> dict[str, str]:
    """The fields of the control file that are facts; none if there is no control file."""
    for name, content, _ in ar_members(data, source):
        if not name.startswith(b"control.tar"):
            continue
        packing = sniff(content)
        stream = pieces(content, source, limit=MAX_CONTROL_TAR, kind=packing) if packing else iter((content,))
        controls = tar_members(stream, source, limit=MAX_CONTROL, wanted=_is_control)
        text = next((bytes(control) for _, control in controls), b"").decode("utf-8", "replace")
        pairs = (line.partition(":") for line in text.splitlines() if not line.startswith((" ", "\t", "#")))
        return {_CONTROL[key.lower()]: value.strip() for key, _, value in pairs if key.lower() in _CONTROL}
    return {}


def _is_control(name: str) -> bool:
    return name.removeprefix("./") == "control"


def _tags(data: Data, source: str) -> Iterator[tuple[int, str]]:
    """The first string of each entry of an RPM's header that has one."""
    view = memoryview(data)
    at, end = rpm_headers(view, source)[1]
    count, size = unpack_from(">II", view, at + 8)
    store = at + 16 + 16 * count
    if end > len(view) or store + size != end:
        raise FormatError("truncated header of an RPM package", source=source, offset=at)
    for entry in range(at + 16, store, 16):
        tag, kind, offset, number = unpack_from(">IIII", view, entry)
        if kind in _STRINGS and number and offset < size:
            text = bytes(view[store + offset : min(end, store + offset + MAX_CONTROL)])
            yield tag, text.partition(b"\0")[0].decode("utf-8", "replace")
