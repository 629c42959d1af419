"""The tables of an atlas: names, definitions and members in ranges of kernels, which SQL can ask for.

They are derived from the packs: `Atlas.index` makes them again.  A definition is a record with a name: one row states that the
kernels at the positions from `lo` up to, not including, `hi` have it, in vmlinux or in a module.  What the last kernel has ends
at `schema.OPEN_END`, so that a kernel after it changes only the rows of what differs.  There may be positions without a kernel
in a range: the view `presence` joins ranges with kernels.

    index(Tables(connection), database, kernels, pos, row, btf, load)      # what the pack of `row` has
"""

from __future__ import annotations

from btfkit.atlas import schema
from btfkit.atlas.database import VMLINUX
from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.btf.spelling import Spelling
from btfkit.errors import CUT, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from btfkit.atlas.database import Database, Row
    from btfkit.atlas.kernels import Kernels
    from btfkit.btf.btf import Btf
    from btfkit.hot.record_store import RecordStore

KFUNC = "bpf_kfunc"  # the only declaration tag that is in the tables, under the name of its function
_SIZED = (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.INT, spec.FLOAT)
NAME = "@"  # stands for the name of a function in its spelling, so that functions of one type share it


class Records:
    """The records of a store by number, as definitions."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._words = store.words
        self._at = store.at
        self._wanted = frozenset(schema.KINDS)

    def kind(self, number: int) -> int:
        """The kind of a record that is a definition; 0 for another one."""
        at = self._at[number]
        kind = (self._words[at + 1] >> 24) & 127
        if kind not in self._wanted or not self._store.name_length[self._words[at]]:
            return 0
        if kind == spec.DECL_TAG:
            function = self._at[self._words[at + 2]]
            is_kfunc = self._text(at) == KFUNC and (self._words[function + 1] >> 24) & 127 == spec.FUNC
            return kind if is_kfunc else 0
        return int(kind)

    def name(self, number: int) -> str:
        """The name under which a definition is in the tables."""
        at = self._at[number]
        is_tag = (self._words[at + 1] >> 24) & 127 == spec.DECL_TAG
        return self._text(self._at[self._words[at + 2]] if is_tag else at)

    def target(self, number: int) -> int:
        """The label of the type that a record refers to."""
        return int(self._words[self._at[number] + 2])

    def _text(self, at: int) -> str:
        return spec.text(self._store.name(self._words[at]))


class Place:
    """The position of a kernel that is added, and those of its neighbors in the tables (None: there is none)."""

    __slots__ = ("left", "pos", "right")

    def __init__(self, pos: int, left: int | None, right: int | None) -> None:
        self.pos = pos
        self.left = left
        self.right = right


class Ranges:
    """The rows of the definitions of all vmlinux, or of one module: the kernels that have each."""

    def __init__(self, connection: sqlite3.Connection, module: int | None) -> None:
        self._db = connection
        self._table = "definitions" if module is None else "module_definitions"
        self._module = () if module is None else (module,)
        self._key = "name_id = ? AND id = ?" if module is None else "name_id = ? AND id = ? AND module = ?"
        self._places = ", ".join("?" * (7 + len(self._module)))

    def at(self, name: int, number: int, pos: int) -> tuple[int | None, ...]:
        """(kind, size, type, lo, hi) of a definition that the kernel at a position has."""
        found = self._db.execute(
            f"SELECT kind, size, type, lo, hi FROM {self._table} WHERE {self._key} AND lo <= ? AND hi > ?",
            (name, number, *self._module, pos, pos),
        ).fetchone()
        if found is None:
            raise FormatError("damaged: its tables lack a definition: make them again (index)")
        return tuple(found)

    def insert(self, name: int, number: int, *values: int | None) -> None:
        """Add (kind, size, type, lo, hi) of a definition."""
        self._db.execute(f"INSERT INTO {self._table} VALUES ({self._places})", (name, number, *self._module, *values))

    def end(self, name: int, number: int, place: Place, *, comes_back: bool) -> None:
        """End a definition that the kernel before has and this one lacks, unless it `comes_back` in the next one."""
        assert place.left is not None
        *values, lo, hi = self.at(name, number, place.left)
        self._set("hi", place.pos, name, number, lo)
        if comes_back:
            self.insert(name, number, *values, place.right, hi)

    def begin(self, name: int, number: int, place: Place) -> None:
        """Let a definition that the next kernel has, and not the one before, begin here."""
        assert place.right is not None
        *_, lo, _ = self.at(name, number, place.right)
        self._set("lo", place.pos, name, number, lo)

    def _set(self, column: str, value: int, name: int, number: int, lo: int | None) -> None:
        self._db.execute(
            f"UPDATE {self._table} SET {column} = ? WHERE {self._key} AND lo = ?",
            (value, name, number, *self._module, lo),
        )


class Tables:
    """The tables of an open atlas; all changes are part of the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._ids: dict[str, dict[str, int]] = {"names": {}, "spellings": {}, "modules": {}}
        self._targets: dict[int, int] = {}  # of functions: the number of a spelling by the label of the type

    def drop(self) -> None:
        """Remove the tables and views."""
        rows = self._db.execute("SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'table')").fetchall()
        names = set(schema.TABLE_NAMES)
        for kind in ("view", "table"):
            for one, name in rows:
                if one == kind and (kind == "view" or name in names):
                    self._db.execute(f'DROP {kind} "{name}"')
        self._db.execute("DELETE FROM meta WHERE key = ?1 OR key LIKE ?1 || ' %'", (schema.MARK,))

    def move(self, positions: dict[int, int]) -> None:
        """Replace the positions of kernels by others, in the same order."""
        self._db.execute("CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
        self._db.executemany("INSERT INTO moved VALUES (?, ?)", positions.items())
        self._db.execute("INSERT INTO moved VALUES (?1, ?1)", (schema.OPEN_END,))
        far = schema.FAR
        for table in ("definitions", "module_definitions"):
            self._db.execute(f"UPDATE {table} SET lo = lo + ?", (far,))
            self._db.execute(
                f"UPDATE {table} SET lo = (SELECT new FROM moved WHERE old = lo - ?),"
                " hi = (SELECT new FROM moved WHERE old = hi)",
                (far,),
            )
        self._db.execute("DROP TABLE moved")

    def add(
        self,
        place: Place,
        module: str | None,
        load: Callable[[], Btf],
        records: Records,
        numbers: memoryview,
        neighbours: tuple[memoryview, memoryview],
    ) -> None:
        """Add a vmlinux, or a module: its records have the `numbers`, those of the `neighbours` before and after it these."""
        own, left, right = set(numbers), *map(set, neighbours)
        gone, new = _definitions(records, left - own), _definitions(records, own - left)
        if not gone and not new:
            return
        ranges = Ranges(self._db, None if module is None else self._number("modules", module))
        for number in gone:
            name = self._number("names", records.name(number))
            ranges.end(name, number, place, comes_back=number in right)
        begun = [number for number in new if number in right]
        for number in begun:
            ranges.begin(self._number("names", records.name(number)), number, place)
        if len(begun) == len(new):
            return
        btf = load()
        wanted = set(new) - set(begun)
        ids: dict[int, int] = {}
        for type_id, number in enumerate(numbers, btf.start_id):
            if number in wanted:
                ids.setdefault(number, type_id)
        end = place.right if place.right is not None else schema.OPEN_END
        spelling = Spelling(btf)
        for number, type_id in ids.items():
            name = self._number("names", records.name(number))
            values = self._values(number, btf, type_id, records, spelling)
            ranges.insert(name, number, *values, place.pos, end)

    def _values(
        self, number: int, btf: Btf, type_id: int, records: Records, spelling: Spelling
    ) -> tuple[int, int | None, int | None]:
        """(kind, size, type) of a definition, whose members are added."""
        kind = btf.kind(type_id)
        size = btf.word(type_id, 2) if kind in _SIZED else None
        text = None
        if kind == spec.TYPEDEF:
            text = self._spelled(spelling[btf.word(type_id, 2)])
        elif kind == spec.FUNC:
            target = records.target(number)
            text = self._targets.get(target)
            if text is None:
                text = self._targets[target] = self._spelled(_declaration(spelling, btf, type_id))
        elif kind == spec.VAR:
            text = self._spelled(spelling.declared(type_id))
        elif kind == spec.DECL_TAG:
            text = self._spelled(btf.name(type_id))
        elif kind in spec.COMPOSITES or kind in spec.ENUMS:
            self._add_members(number, btf, type_id, spelling)
        return kind, size, text

    def _add_members(self, number: int, btf: Btf, type_id: int, spelling: Spelling) -> None:
        if self._db.execute("SELECT 1 FROM members WHERE def = ? LIMIT 1", (number,)).fetchone() is None:
            rows: list[tuple[int | None, ...]] = []
            try:
                for row in self._members(number, btf, type_id, spelling):
                    rows.append(row)
                is_certain = not _opens_named(btf, type_id)
            except FormatError:  # nested deeper than any kernel's, or in a circle: the packs have the rest
                is_certain = False
            self._db.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            if not is_certain:
                self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, 1)", (f"{schema.MARK} {number}",))

    def _members(self, number: int, btf: Btf, type_id: int, spelling: Spelling) -> Iterable[tuple[int | None, ...]]:
        view = btf[type_id]
        if view.kind in spec.ENUMS:
            for place, one in enumerate(view.enumerators):  # type: ignore[attr-defined]
                value = one.value if one.value < 1 << 63 else one.value - (1 << 64)  # SQLite has 64 bits with a sign
                yield number, self._number("names", one.name), place, value, 0, None, None
            return
        for place, member in enumerate(flat_members(btf, type_id)):
            text, size = self._spelled(spelling[member.type_id]), _size(btf, member.type_id)
            name = self._number("names", member.path)
            yield number, name, place, member.bit_offset, member.bits, text, size

    def _number(self, table: str, name: str) -> int:
        """The id of a name, which is added if it is not there; what is not UTF-8 is escaped."""
        known = self._ids[table]
        found = known.get(name)
        if found is None:
            plain = name.encode("utf-8", "backslashreplace").decode()
            row = self._db.execute(f"SELECT id FROM {table} WHERE name = ?", (plain,)).fetchone()
            if row is None:
                row = (self._db.execute(f"INSERT INTO {table} (name) VALUES (?)", (plain,)).lastrowid,)
            found = known[name] = int(row[0])
        return found

    def _spelled(self, text: str) -> int:
        """The id of a spelling, as `_number`, found by a hash: an index of the texts would be as large as they are."""
        known = self._ids["spellings"]
        found = known.get(text)
        if found is None:
            from zlib import crc32

            plain = text.encode("utf-8", "backslashreplace")
            values = crc32(plain), plain.decode()
            row = self._db.execute("SELECT id FROM spellings WHERE hash = ? AND text = ?", values).fetchone()
            if row is None:
                row = (self._db.execute("INSERT INTO spellings (hash, text) VALUES (?, ?)", values).lastrowid,)
            found = known[text] = int(row[0])
        return found


def index(
    tables: Tables,
    database: Database,
    kernels: Kernels,
    pos: int,
    row: Row,
    load: Callable[[bytes], Btf],
    *,
    last: bool = False,
) -> None:
    """Add what the pack of `row` has, of the kernel at `pos`; `load(name)` returns a module, `load(b"")` vmlinux.

    With `last` the kernel comes after all that are in the tables, whatever else the atlas has.
    """
    left, right = database.neighbours(pos, row.part, last=last)
    places = (None if one is None else database.position(one.kernel) for one in (left, right))
    place = Place(pos, *places)
    if row.part == VMLINUX:
        found = [_numbers(kernels, one) for one in (row, left, right)]
    else:
        found = [_module_numbers(kernels, one) for one in (row, left, right)]
    own, before, after = found
    if left is not None and not left.whole:  # for the names of what is gone
        kernels.shelf.load((*database.pack(left.id, is_whole=False).needs, left.id))
    if not row.whole:
        kernels.shelf.load((*database.pack(row.id, is_whole=False).needs, row.id))
    records = Records(kernels.shelf.store)
    for name in sorted({*own, *before}):
        mine, theirs = own.get(name, _NONE), before.get(name, _NONE)
        if mine == theirs:
            continue
        module = name.decode("utf-8", "surrogateescape") if row.part != VMLINUX else None
        tables.add(place, module, lambda name=name: load(name), records, mine, (theirs, after.get(name, _NONE)))  # type: ignore[misc]


_NONE = memoryview(b"").cast("I")


def _numbers(kernels: Kernels, row: Row | None) -> dict[bytes, memoryview]:
    return {b"": kernels.sequences(row).records} if row is not None and not row.whole else {}


def _module_numbers(kernels: Kernels, row: Row | None) -> dict[bytes, memoryview]:
    if row is None or row.whole:
        return {}
    return {name: one.records for name, one in kernels.modules_sequences(row)[0].items()}


def _definitions(records: Records, numbers: set[int]) -> list[int]:
    """Those of some records that are definitions, in the order of their numbers."""
    return [number for number in sorted(numbers) if records.kind(number)]


def _size(btf: Btf, type_id: int) -> int | None:
    """The bytes of a type; None also for typedefs and arrays in a circle."""
    try:
        return btf.sizeof(type_id)
    except FormatError:
        return None


def _opens_named(btf: Btf, type_id: int) -> bool:
    """Whether a member without a name has a struct or union with one, whose members are in the rows of the definition: they are
    those of the kernel that was added first."""
    if btf.kind(type_id) not in spec.COMPOSITES:
        return False
    seen = {type_id}
    waiting = [type_id]
    while waiting:
        layer, at = btf.locate(waiting.pop())
        words = layer.words
        for place in range(at + 3, at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN), 3):
            if words[place]:
                continue
            inner = btf.strip(words[place + 1])
            if btf.kind(inner) in spec.COMPOSITES and inner not in seen:
                if btf.word(inner, 0):
                    return True
                seen.add(inner)
                waiting.append(inner)
    return False


def _declaration(spelling: Spelling, btf: Btf, type_id: int) -> str:
    """The declaration of a function, with `NAME` for its name; if that is not the same text, the whole."""
    target = btf.word(type_id, 2)
    text = spelling.declare(target, NAME)
    if text.count(NAME) == 1 and not text.endswith(CUT) and not spelling[target].endswith(CUT):
        return text
    return spelling.declared(type_id).replace(NAME, "\\x40")
