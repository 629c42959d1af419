"""The files that have a part of another file's DWARF: all of it for a stripped file, the split units (.dwo, .dwp), and what
dwz found to be common to several files.

Sources: GDB manual, "Debugging Information in Separate Files"; DWARF 5, sections 7.3.2 (split units), 7.3.5 (packages) and 7.3.6
(supplementary files); dwz(1).
"""

from __future__ import annotations

import os
from binascii import crc32
from struct import error, unpack_from

from btfkit import log
from btfkit.errors import BtfError, FormatError, NotFoundError
from btfkit.files.container import PACKED_SUFFIXES, fetch_all, open_data
from btfkit.files.elf import Elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.files.elf import Data

DEBUG = "/usr/lib/debug"
NT_GNU_BUILD_ID = 3


def has_dwarf(elf: Elf) -> bool:
    """Whether a file has DWARF of its own: `.debug_info` with content, or that of split units."""
    for name in (".debug_info", ".zdebug_info", ".debug_info.dwo"):
        section = elf.section(name)
        if section is not None and section.size and len(elf.unread(section)):
            return True
    return False


def build_id(elf: Elf) -> str:
    """The build id of a file in hexadecimal digits, "" if it has none."""
    section = elf.section(".note.gnu.build-id")
    if section is None:
        return ""
    note = elf.data(section)
    if len(note) < 16:
        return ""
    name, size, kind = unpack_from(elf.mark + "III", note)
    at = 12 + (name + 3 & ~3)
    return bytes(note[at : at + size]).hex() if kind == NT_GNU_BUILD_ID and name == 4 else ""


class Link:
    """What a file says about its supplementary file: the `name` (relative to the file), and the `identity` that it must have,
    its build id (`.gnu_debugaltlink`) or, if `five`, the checksum in its `.debug_sup` (DWARF 5)."""

    __slots__ = ("five", "identity", "name")

    def __init__(self, name: str, identity: bytes, *, five: bool) -> None:
        self.name = name
        self.identity = identity
        self.five = five


def supplementary_link(elf: Elf) -> Link | None:
    """The supplementary file that a file needs, or None.  Raises FormatError if its section is damaged."""
    section = elf.section(".gnu_debugaltlink")
    if section is not None and section.size:
        name, found, identity = bytes(elf.data(section)).partition(b"\0")
        if not found or not name or not identity:
            raise FormatError("expected a name and a build id", source=elf.source, section=section.name)
        return Link(os.fsdecode(name), identity, five=False)
    found_sup = _sup(elf)
    return None if found_sup is None or found_sup[0] else Link(found_sup[1], found_sup[2], five=True)


def _sup(elf: Elf) -> tuple[bool, str, bytes] | None:
    """What `.debug_sup` says: whether this is a supplementary file itself, the name of one, and the checksum."""
    section = elf.section(".debug_sup")
    if section is None or not section.size:
        return None
    data = bytes(elf.data(section))
    try:
        version, is_supplementary = unpack_from(elf.mark + "HB", data)
        name, found, rest = data[3:].partition(b"\0")
        size = rest[0]
    except (error, IndexError):
        found = b""
    if not found or size > 127 or len(rest) < 1 + size:
        raise FormatError("expected a version, a name and a checksum", source=elf.source, section=section.name)
    if version < 2 or version > 5:
        raise FormatError(f"version {version}", source=elf.source, section=section.name)
    return bool(is_supplementary), os.fsdecode(name), rest[1 : 1 + size]


class Companions:
    """Finds the files that go with the one at `path`: beside it, where it names them, and below `directories` (debug files of a
    whole system, as in /usr/lib/debug).  A file that is another build's is never taken.  `read` gives the content of a file,
    or None if there is none.
    """

    def __init__(
        self,
        path: str,
        directories: Iterable[str] = (DEBUG,),
        read: Callable[[str], Data | None] | None = None,
    ) -> None:
        self.path = path
        self.directory = os.path.dirname(os.path.abspath(path))
        self.directories = tuple(directories)
        self._read = read or file_content

    def with_dwarf(self, elf: Elf) -> Elf | None:
        """The file with the DWARF of `elf`: that itself, or its separate debug file; None if there is none."""
        return elf if has_dwarf(elf) else self.debug_file(elf)

    def debug_file(self, elf: Elf) -> Elf | None:
        """The separate debug file of the stripped file `elf`, or None: by build id below the directories, else by
        `.gnu_debuglink` beside the file, in `.debug` there, and below the directories."""
        wanted = build_id(elf)
        for path in self._by_build_id(wanted):
            found = self._open(path)
            if found is not None and build_id(found) == wanted and has_dwarf(found):
                log.info("%s: its debug file is %s, by build id", self.path, path)
                return found
        section = elf.section(".gnu_debuglink")
        if section is None:
            return None
        link = bytes(elf.data(section))
        end = link.find(b"\0")
        checksum_at = end + 4 & ~3
        if end <= 0 or checksum_at + 4 > len(link) or b"/" in link[:end]:
            return None
        name = os.fsdecode(link[:end])
        for place in self._places(".debug"):
            file = os.path.join(place, name)
            if os.path.abspath(file) == os.path.abspath(self.path):
                continue
            found = self._open(file)
            if found is None or not has_dwarf(found):
                continue
            if wanted and build_id(found):
                fits = build_id(found) == wanted
            else:
                fits = crc32(found.view) == unpack_from(elf.mark + "I", link, checksum_at)[0]
            if fits:
                log.info("%s: its debug file is %s, by .gnu_debuglink", self.path, file)
                return found
            log.info("skipped %s: a debug file of another build", file)
        return None

    def stripped_file(self, elf: Elf, fits: Callable[[Elf], bool]) -> Elf | None:
        """The file that the separate debug file `elf` was made of, if it `fits`, or None: by its name without `.debug`, also
        compressed, of the same build id: beside it, above its directory `.debug`, and where it would be if the directory of
        debug files that it is below were the root."""
        wanted = build_id(elf)
        if not wanted:
            return None
        name = os.path.basename(self.path).removesuffix(".debug")
        places = [self.directory]
        if os.path.basename(self.directory) == ".debug":
            places.append(os.path.dirname(self.directory))
        for root in map(os.path.abspath, self.directories):
            if self.directory.startswith(f"{root}/"):
                places.append(root.removesuffix(DEBUG) + self.directory.removeprefix(root))
        for path in (
            os.path.join(place, name + suffix) for place in places for suffix in ("", *PACKED_SUFFIXES.values())
        ):
            found = self._open(path)
            if found is not None and build_id(found) == wanted and fits(found):
                return found
        return None

    def missing_debug_file(self, elf: Elf) -> str:
        """Which debug file a stripped file names, for messages: "" if none."""
        section = elf.section(".gnu_debuglink")
        names = []
        if section is not None:
            names.append(bytes(elf.data(section)).partition(b"\0")[0].decode(errors="replace"))
        if identity := build_id(elf):
            names.append(f"build id {identity}")
        return ", ".join(names)

    def supplementary(self, elf: Elf, link: Link) -> Elf:
        """The supplementary file of `elf`.  Raises NotFoundError if it is not there, or only one of another build."""
        name = os.path.basename(link.name)
        wanted = link.identity.hex()
        tried = [os.path.join(self.directory, link.name)]
        tried += [os.path.join(place, name) for place in (self.directory, os.path.join(self.directory, ".dwz"))]
        tried += [os.path.join(root, ".dwz", name) for root in self.directories]
        if not link.five:
            tried += self._by_build_id(wanted)
        others = []
        for path in dict.fromkeys(tried):
            found = self._open(path)
            if found is None or not has_dwarf(found):
                continue
            if link.five:
                known = _sup(found)
                fits = known is not None and known[0] and known[2] == link.identity
            else:
                fits = build_id(found) == wanted
            if fits:
                log.info("%s: its supplementary file is %s", self.path, path)
                return found
            others.append(path)
        what = "checksum" if link.five else "build id"
        text = f"part of its DWARF is in {link.name} (made by dwz -m), {what} {wanted}, which is not there"
        if others:
            text = f"part of its DWARF is in {link.name} (made by dwz -m), {what} {wanted}: {others[0]} is of another build"
        raise NotFoundError(text, source=elf.source)

    def package(self) -> Elf | None:
        """The package of the file's split units, FILE.dwp, or None."""
        return self._open(self.path + ".dwp")

    def split_files(self, name: str, compiled_in: str) -> Iterator[Elf]:
        """The files that may have a split unit: the one called `name` in the directory `compiled_in`, and those of the same name
        beside the file."""
        tried = [os.path.join(self.directory, compiled_in, name), os.path.join(self.directory, name)]
        tried.append(os.path.join(self.directory, os.path.basename(name)))
        for path in dict.fromkeys(map(os.path.normpath, tried)):
            found = self._open(path)
            if found is not None:
                yield found

    def _places(self, below: str) -> list[str]:
        """The directory of the file, `below` in it, and the same directory below the directories of debug files."""
        return [
            self.directory,
            os.path.join(self.directory, below),
            *(root.rstrip("/") + self.directory for root in self.directories),
            *self.directories,
        ]

    def _by_build_id(self, wanted: str) -> list[str]:
        if len(wanted) <= 2:
            return []
        return [os.path.join(root, ".build-id", wanted[:2], wanted[2:] + ".debug") for root in self.directories]

    def _open(self, path: str) -> Elf | None:
        try:
            data = self._read(path)
            if data is not None and path.endswith(tuple(PACKED_SUFFIXES.values())):
                from btfkit.files.compression import unpack

                fetch_all(data)
                data = unpack(data, path)
            elf = None if data is None else Elf(data, path)
        except (BtfError, OSError, ValueError) as error:
            log.info("skipped %s: %s", path, error)
            return None
        log.debug("tried %s: %s", path, "not there" if elf is None else "opened")
        return elf


def file_content(path: str) -> Data | None:
    """The content of a regular file; a device or pipe that a file names could block forever."""
    return open_data(path) if os.path.isfile(path) else None
