"""What a package says about itself: the control file of a Debian package, the header of an RPM.

Formats: deb-control(5); rpm's docs/manual/format_header.md and tags.md.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError
from btfkit.files.archives import AR, RPM, ar_members, rpm_headers
from btfkit.files.compression import pieces, sniff
from btfkit.files.tar import members as tar_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.elf import Data

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
