"""The tables of an atlas.  docs/atlas.md describes them for people who query them."""

from __future__ import annotations

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = 0x42544641  # "BTFA", in the header of the file
VERSION = 1  # PRAGMA user_version
PAGE_SIZE = 8192
SPACING = 1 << 20  # between the positions of two kernels, so that others can come between them
OPEN_END = 1 << 52  # the `hi` of what the last kernel has

STORE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE kernels (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  distro TEXT NOT NULL, release TEXT NOT NULL, arch TEXT NOT NULL, uname TEXT NOT NULL,
  pos INTEGER NOT NULL UNIQUE
);
CREATE TABLE packs (
  id INTEGER PRIMARY KEY,
  kernel INTEGER NOT NULL REFERENCES kernels (id),
  part INTEGER NOT NULL,
  parent INTEGER, depth INTEGER NOT NULL,
  whole INTEGER NOT NULL,
  size INTEGER NOT NULL, modules INTEGER NOT NULL, digest BLOB NOT NULL,
  sketch BLOB NOT NULL,
  first_record INTEGER NOT NULL, records INTEGER NOT NULL,
  first_name INTEGER NOT NULL, names INTEGER NOT NULL,
  needs BLOB NOT NULL, columns BLOB NOT NULL, texts BLOB NOT NULL, recipe BLOB NOT NULL,
  UNIQUE (kernel, part)
);
"""


def is_atlas(path: str) -> bool:
    """Whether a file of this machine begins as an atlas does, of any version."""
    try:
        with open(path, "rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
