"""The file with the DWARF of a stripped one: named by its build id or by `.gnu_debuglink`.

Source: GDB manual, "Debugging Information in Separate Files".
"""

from __future__ import annotations

import os
from binascii import crc32
from struct import unpack_from

from btfkit.errors import BtfError
from btfkit.files.container import open_bytes
from btfkit.files.elf import Elf

DEBUG = "/usr/lib/debug"
NT_GNU_BUILD_ID = 3


def has_dwarf(elf: Elf) -> bool:
    """Whether a file has `.debug_info` with content."""
    for name in (".debug_info", ".zdebug_info"):
        section = elf.section(name)
        if section is not None and section.size and len(elf.raw(section)):
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


def debug_file(elf: Elf, path: str) -> Elf | None:
    """The separate debug file of the file `elf` at `path`, or None: by build id below /usr/lib/debug, else by
    `.gnu_debuglink` beside the file, in `.debug` there, and below /usr/lib/debug.  A file whose build id or checksum differs
    is not taken."""
    wanted = build_id(elf)
    if len(wanted) > 2:
        found = _opened(os.path.join(DEBUG, ".build-id", wanted[:2], wanted[2:] + ".debug"))
        if found is not None and build_id(found) == wanted:
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
    directory = os.path.dirname(os.path.abspath(path))
    for place in (directory, os.path.join(directory, ".debug"), DEBUG + directory):
        file = os.path.join(place, name)
        if os.path.abspath(file) == os.path.abspath(path):
            continue
        found = _opened(file)
        if found is None:
            continue
        if wanted and build_id(found):
            if build_id(found) == wanted:
                return found
        elif crc32(found.view) == unpack_from(elf.mark + "I", link, checksum_at)[0]:
            return found
    return None


def _opened(path: str) -> Elf | None:
    try:
        return Elf(open_bytes(path), path)
    except (BtfError, OSError):
        return None
