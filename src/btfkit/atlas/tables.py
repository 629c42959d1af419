"""The tables of an atlas: names, definitions and members in ranges of kernels, which SQL can ask for.

They are derived from the packs: `Tables.index` makes them again.  A definition is a record with a name: one row states that the
kernels at the positions from `lo` up to, not including, `hi` have it.  What the last kernel has ends at `schema.OPEN_END`, so
that a kernel after it changes only the rows of what differs.  There may be positions without a kernel in a range: the view
`presence` joins ranges with kernels.
"""

from __future__ import annotations

from btfkit.atlas import schema
from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.btf.spelling import Spelling
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf

KINDS = (
    *(spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF),
    *(spec.FUNC, spec.VAR, spec.INT, spec.FLOAT, spec.DECL_TAG),
)
KFUNC = "bpf_kfunc"  # the only declaration tag that is in the tables, under the name of its function
_SIZED = (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.INT, spec.FLOAT)


class Tables:
    """The tables of an open atlas; all changes are part of the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, last: bool = False) -> None:
        """`last`: each kernel that is added comes after all that are in the tables, whatever else the atlas has."""
        self._last = last
        self._db = connection
        self._names: dict[str, int] = {}
        self._spellings: dict[str, int] = {}

    def create(self) -> None:
        """Make empty tables and their views."""
        for statement in schema.TABLES.split(";"):
            self._db.execute(statement)
        kinds = [(kind.number, kind.word) for kind in spec.KINDS if kind.number in KINDS]
        self._db.executemany("INSERT INTO kinds VALUES (?, ?)", kinds)

    def drop(self) -> None:
        """Remove the tables and views."""
        rows = self._db.execute("SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'table')").fetchall()
        names = set(schema.TABLE_NAMES)
        for kind in ("view", "table"):
            for one, name in rows:
                if one == kind and (kind == "view" or name in names):
                    self._db.execute(f'DROP {kind} "{name}"')

    def add(self, pos: int, btf: Btf | None, numbers: memoryview) -> None:
        """Add the kernel at `pos`: its `btf`, whose records have the `numbers`.

        None stands for a kernel that is kept whole, of which the tables have nothing.
        """
        own = _definitions(btf, numbers) if btf is not None else {}
        left, right = self._neighbours(pos)
        before = self._at(left) if left is not None else {}
        after = self._at(right) if right is not None else None
        end = right if right is not None else schema.OPEN_END
        for number, (name, lo, hi, *rest) in before.items():
            if number in own:
                continue
            self._db.execute(
                "UPDATE definitions SET hi = ? WHERE name_id = ? AND id = ? AND lo = ?", (pos, name, number, lo)
            )
            if after is not None and number in after:
                self._db.execute(
                    "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", (name, number, *rest, right, hi)
                )
        names = Spelling(btf) if btf is not None else None
        for number, type_id in own.items():
            if number in before:
                continue
            if after is not None and number in after:
                name, lo, *_ = after[number]
                self._db.execute(
                    "UPDATE definitions SET lo = ? WHERE name_id = ? AND id = ? AND lo = ?", (pos, name, number, lo)
                )
                continue
            assert btf is not None
            assert names is not None
            self._insert(number, btf, type_id, names, pos, end)

    def _neighbours(self, pos: int) -> tuple[int | None, int | None]:
        """The positions of the kernels in the tables before and after one."""
        (left,) = self._db.execute("SELECT max(pos) FROM kernels WHERE pos < ?", (pos,)).fetchone()
        (right,) = self._db.execute("SELECT min(pos) FROM kernels WHERE pos > ?", (pos,)).fetchone()
        return left, None if self._last else right

    def _at(self, pos: int) -> dict[int, tuple[int, ...]]:
        """By number, the rows of definitions that the kernel at a position has: name, lo, hi, kind, size, type."""
        rows = self._db.execute(
            "SELECT id, name_id, lo, hi, kind, size, type FROM definitions WHERE lo <= ? AND hi > ?", (pos, pos)
        )
        return {row[0]: row[1:] for row in rows}

    def _insert(self, number: int, btf: Btf, type_id: int, names: Spelling, lo: int, hi: int) -> None:
        kind = btf.kind(type_id)
        size = btf.word(type_id, 2) if kind in _SIZED else None
        text = None
        if kind == spec.TYPEDEF:
            text = self._spelling(names[btf.word(type_id, 2)])
        elif kind in (spec.FUNC, spec.VAR):
            text = self._spelling(names.declared(type_id))
        elif kind == spec.DECL_TAG:
            text = self._spelling(btf.name(type_id))
        name = self._name(btf.name(btf.word(type_id, 2) if kind == spec.DECL_TAG else type_id))
        self._db.execute(
            "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", (name, number, kind, size, text, lo, hi)
        )
        if kind not in (*spec.COMPOSITES, *spec.ENUMS):
            return
        if self._db.execute("SELECT 1 FROM members WHERE def = ? LIMIT 1", (number,)).fetchone() is None:
            rows = list(self._members(number, btf, type_id, names))
            self._db.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _members(self, number: int, btf: Btf, type_id: int, names: Spelling) -> Iterable[tuple[int | None, ...]]:
        view = btf[type_id]
        if view.kind in spec.ENUMS:
            for place, one in enumerate(view.enumerators):  # type: ignore[attr-defined]
                value = one.value if one.value < 1 << 63 else one.value - (1 << 64)  # SQLite has 64 bits with a sign
                yield number, self._name(one.name), place, value, 0, None, None
            return
        try:
            for place, member in enumerate(flat_members(btf, type_id)):
                text = self._spelling(names[member.type_id])
                yield (
                    number,
                    self._name(member.path),
                    place,
                    member.bit_offset,
                    member.bits,
                    text,
                    btf.sizeof(member.type_id),
                )
        except FormatError:
            return  # nested deeper than any kernel's: the packs have it, the tables what comes before

    def _name(self, name: str) -> int:
        return self._number("names", "name", name, self._names)

    def _spelling(self, text: str) -> int:
        return self._number("spellings", "text", text, self._spellings)

    def _number(self, table: str, column: str, text: str, known: dict[str, int]) -> int:
        """The id of a text, which is added if it is not there; what is not UTF-8 is escaped."""
        found = known.get(text)
        if found is not None:
            return found
        plain = text.encode("utf-8", "backslashreplace").decode()
        row = self._db.execute(f"SELECT id FROM {table} WHERE {column} = ?", (plain,)).fetchone()
        if row is None:
            row = (self._db.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (plain,)).lastrowid,)
        known[text] = row[0]
        return int(row[0])


def _definitions(btf: Btf, numbers: memoryview) -> dict[int, int]:
    """The ids of the records that are definitions, by number; of equal ones the first."""
    words = btf.words
    wanted = frozenset(KINDS)
    found: dict[int, int] = {}
    for type_id, (number, at) in enumerate(zip(numbers, btf.positions, strict=True), btf.start_id):
        kind = (words[at + 1] >> 24) & 127
        if kind in wanted and words[at] and (kind != spec.DECL_TAG or _is_kfunc(btf, type_id)):
            found.setdefault(number, type_id)
    return found


def _is_kfunc(btf: Btf, tag_id: int) -> bool:
    """Whether a declaration tag states that a function is a kfunc."""
    return btf.name(tag_id) == KFUNC and btf.kind(btf.word(tag_id, 2)) == spec.FUNC
