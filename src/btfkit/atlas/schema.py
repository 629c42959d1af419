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

# What is derived from the packs; see tables.py.
TABLE_NAMES = ("kinds", "names", "spellings", "definitions", "members")
TABLES = """
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE spellings (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE definitions (
  name_id INTEGER NOT NULL, id INTEGER NOT NULL,
  kind INTEGER NOT NULL, size INTEGER, type INTEGER,
  lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (name_id, id, lo)
) WITHOUT ROWID;
CREATE TABLE members (
  def INTEGER NOT NULL, name_id INTEGER NOT NULL, ord INTEGER NOT NULL,
  off INTEGER NOT NULL, bits INTEGER NOT NULL, type INTEGER, size INTEGER,
  PRIMARY KEY (def, name_id, ord)
) WITHOUT ROWID;
CREATE VIEW types AS
  SELECT n.name, k.name AS kind, d.size, s.text AS type, d.id AS def, d.lo, d.hi
  FROM definitions d JOIN names n ON n.id = d.name_id JOIN kinds k ON k.id = d.kind LEFT JOIN spellings s ON s.id = d.type
  WHERE d.kind NOT IN (12, 14, 17);
CREATE VIEW functions AS
  SELECT n.name, s.text AS declaration, d.id AS def, d.lo, d.hi
  FROM definitions d JOIN names n ON n.id = d.name_id LEFT JOIN spellings s ON s.id = d.type
  WHERE d.kind = 12;
CREATE VIEW presence AS
  SELECT n.name, k.name AS kind, x.key AS kernel, x.pos, d.id AS def
  FROM definitions d JOIN names n ON n.id = d.name_id JOIN kinds k ON k.id = d.kind
  JOIN kernels x ON x.pos >= d.lo AND x.pos < d.hi;
CREATE VIEW member_history AS
  SELECT n.name, k.name AS kind, m.name AS member, f.off AS bit_offset, f.bits, s.text AS type, f.size, d.id AS def, d.lo, d.hi
  FROM definitions d JOIN names n ON n.id = d.name_id JOIN kinds k ON k.id = d.kind
  JOIN members f ON f.def = d.id JOIN names m ON m.id = f.name_id LEFT JOIN spellings s ON s.id = f.type
"""


def is_atlas(path: str) -> bool:
    """Whether a file of this machine begins as an atlas does, of any version."""
    try:
        with open(path, "rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
