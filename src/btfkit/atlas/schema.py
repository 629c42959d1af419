"""The tables of an atlas.  docs/atlas.md describes them for people who query them."""

from __future__ import annotations

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = 0x42544641  # "BTFA", in the header of the file
VERSION = 2  # PRAGMA user_version
PAGE_SIZE = 8192
SPACING = 1 << 10  # between the positions of two kernels, so that others can come between them
OPEN_END = (1 << 31) - 1  # the `hi` of what the last kernel has: above all positions, and four bytes in a row
FAR = 1 << 40  # added to positions while they change, so that they differ from all others

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
# A key of `meta`: the tables state of which definitions only kernels know the members, "opens DEFINITION": those with members of
# a type that has a name and is that of a member without one, and those whose members could not all be read.
MARK = "opens"
TABLE_NAMES = ("kinds", "names", "spellings", "modules", "definitions", "module_definitions", "members")
TABLES = """
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE modules (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE spellings (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX spellings_by_hash ON spellings (hash);
CREATE TABLE definitions (
  name_id INTEGER NOT NULL, id INTEGER NOT NULL,
  kind INTEGER NOT NULL, size INTEGER, type INTEGER,
  lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (name_id, id, lo)
) WITHOUT ROWID;
CREATE TABLE module_definitions (
  name_id INTEGER NOT NULL, id INTEGER NOT NULL, module INTEGER NOT NULL,
  kind INTEGER NOT NULL, size INTEGER, type INTEGER,
  lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (name_id, id, module, lo)
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
  SELECT n.name, replace(s.text, '@', n.name) AS declaration, d.id AS def, d.lo, d.hi
  FROM definitions d JOIN names n ON n.id = d.name_id LEFT JOIN spellings s ON s.id = d.type
  WHERE d.kind = 12;
CREATE VIEW module_types AS
  SELECT m.name AS module, n.name, k.name AS kind, d.size, s.text AS type, d.id AS def, d.lo, d.hi
  FROM module_definitions d JOIN names n ON n.id = d.name_id JOIN modules m ON m.id = d.module
  JOIN kinds k ON k.id = d.kind LEFT JOIN spellings s ON s.id = d.type
  WHERE d.kind NOT IN (12, 14, 17);
CREATE VIEW module_functions AS
  SELECT m.name AS module, n.name, replace(s.text, '@', n.name) AS declaration, d.id AS def, d.lo, d.hi
  FROM module_definitions d JOIN names n ON n.id = d.name_id JOIN modules m ON m.id = d.module
  LEFT JOIN spellings s ON s.id = d.type
  WHERE d.kind = 12;
CREATE VIEW kernels_with_modules AS
  SELECT k.* FROM kernels k WHERE EXISTS (SELECT 1 FROM packs p WHERE p.kernel = k.id AND p.part = 1);
CREATE VIEW presence AS
  SELECT n.name, k.name AS kind, x.key AS kernel, x.pos, d.id AS def, NULL AS module
  FROM definitions d JOIN names n ON n.id = d.name_id JOIN kinds k ON k.id = d.kind
  JOIN kernels x ON x.pos >= d.lo AND x.pos < d.hi
  UNION ALL
  SELECT n.name, k.name, x.key, x.pos, d.id, m.name
  FROM module_definitions d JOIN names n ON n.id = d.name_id JOIN modules m ON m.id = d.module JOIN kinds k ON k.id = d.kind
  JOIN kernels_with_modules x ON x.pos >= d.lo AND x.pos < d.hi;
CREATE VIEW member_history AS
  SELECT n.name, k.name AS kind, m.name AS member, f.off AS bit_offset, f.bits, s.text AS type, f.size, d.id AS def, d.lo, d.hi
  FROM definitions d JOIN names n ON n.id = d.name_id JOIN kinds k ON k.id = d.kind
  JOIN members f ON f.def = d.id JOIN names m ON m.id = f.name_id LEFT JOIN spellings s ON s.id = f.type;
CREATE VIEW module_member_history AS
  SELECT x.name AS module, n.name, k.name AS kind, m.name AS member, f.off AS bit_offset, f.bits, s.text AS type, f.size,
    d.id AS def, d.lo, d.hi
  FROM module_definitions d JOIN names n ON n.id = d.name_id JOIN modules x ON x.id = d.module JOIN kinds k ON k.id = d.kind
  JOIN members f ON f.def = d.id JOIN names m ON m.id = f.name_id LEFT JOIN spellings s ON s.id = f.type
"""


KINDS = (
    *(spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF),
    *(spec.FUNC, spec.VAR, spec.INT, spec.FLOAT, spec.DECL_TAG),
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make empty tables for queries, and their views."""
    for statement in TABLES.split(";"):
        connection.execute(statement)
    kinds = [(kind.number, kind.word) for kind in spec.KINDS if kind.number in KINDS]
    connection.executemany("INSERT INTO kinds VALUES (?, ?)", kinds)
    connection.execute("INSERT INTO meta VALUES (?, 1)", (MARK,))


def is_atlas(path: str) -> bool:
    """Whether a file of this machine begins as an atlas does, of any version."""
    try:
        with open(path, "rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
