"""The SQLite file of an atlas: opened, its rows read and checked, with the errors that this can have."""

from __future__ import annotations

import os
import sqlite3
from errno import EACCES, EIO, ENOENT, ENOSPC

from btfkit.atlas import schema
from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError, UnsupportedError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from btfkit.atlas.packs import Pack

    Parts = tuple[str, str, str, str]  # distro, release, arch, uname

VMLINUX, MODULES = 0, 1  # the parts of a kernel
LOCK_SECONDS = 10
_COLUMNS = "id, kernel, part, parent, depth, whole, size, modules, digest"


class Busy(BtfError):
    """Another process is writing the atlas."""


class Entry:
    """A kernel of an atlas: its `id`, the parts of its name, its position, the bytes of its BTF, and how many modules the atlas
    has of it (None: none were added)."""

    __slots__ = ("arch", "distro", "id", "key", "modules", "pos", "release", "size", "uname")

    def __init__(
        self,
        id: int,
        key: str,
        distro: str,
        release: str,
        arch: str,
        uname: str,
        pos: int,
        size: int,
        modules: int | None,
    ) -> None:
        self.id = id
        self.key = key
        self.distro = distro
        self.release = release
        self.arch = arch
        self.uname = uname
        self.pos = pos
        self.size = size
        self.modules = modules

    def __repr__(self) -> str:
        return f"<Entry: {printable(self.key)}>"

    @property
    def parts(self) -> Parts:
        """(distro, release, arch, uname)."""
        return self.distro, self.release, self.arch, self.uname


class Row:
    """A row of the table of packs, without what only a reader of its BLOBs needs."""

    __slots__ = ("depth", "digest", "id", "kernel", "modules", "parent", "part", "size", "whole")

    def __init__(
        self,
        id: int,
        kernel: int,
        part: int,
        parent: int | None,
        depth: int,
        whole: int,
        size: int,
        modules: int,
        digest: bytes,
    ) -> None:
        self.id = id
        self.kernel = kernel
        self.part = part
        self.parent = parent
        self.depth = depth
        self.whole = whole
        self.size = size
        self.modules = modules
        self.digest = digest

    @property
    def values(self) -> tuple[object, ...]:
        """The columns, in the order of the table."""
        numbers = self.id, self.kernel, self.part, self.parent, self.depth, self.whole, self.size, self.modules
        return *numbers, self.digest


class Database:
    """The open file of an atlas; see `open`."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @classmethod
    def open(
        cls, path: str, *, write: bool = False, create: bool = False, tables: bool = True, shared: bool = False
    ) -> Self:
        """Open the file of an atlas; see `Atlas.open`."""
        if os.path.exists(f"{path}-journal") and os.access(path, os.W_OK):
            _recover(path)
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        if fresh and not create:
            if os.path.exists(path):
                raise FormatError("not an atlas: an empty file", source=path)
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        if not fresh:
            _demand_atlas(path)
        if fresh:  # SQLite does not say why it cannot make a file
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
        mode = "rwc" if fresh else "rw" if write else "ro"
        connection = sqlite3.connect(
            f"file:{_quoted(os.path.abspath(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=LOCK_SECONDS,
            check_same_thread=not shared,
        )
        self = cls(path, connection)
        try:
            if fresh:
                self._create(tables)
            with self.errors():
                self._check()
            if write:  # so that others can read until a kernel is committed, however much it changes
                self.query("PRAGMA cache_spill = OFF")
        except BaseException:
            self.close()
            raise
        return self

    def _create(self, tables: bool) -> None:
        self.query(f"PRAGMA page_size = {schema.PAGE_SIZE}")
        with self.transaction():
            for statement in schema.STORE.split(";"):
                self.connection.execute(statement)
            if tables:
                schema.create_tables(self.connection)
            self.connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self.connection.execute(f"PRAGMA user_version = {schema.VERSION}")

    def _check(self) -> None:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version != schema.VERSION:
            raise UnsupportedError(
                f"an atlas of version {version}, expected {schema.VERSION}: make it again with this btfkit",
                source=self.path,
            )
        pages, size = (self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if os.path.getsize(self.path) < pages * size:
            raise FormatError(
                f"cut short: {os.path.getsize(self.path)} bytes, expected {pages * size}", source=self.path
            )

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def errors(self) -> _Errors:
        """A context that turns SQLite's errors into btfkit's, or into an OSError."""
        return _Errors(self.path)

    def transaction(self) -> _Transaction:
        """A context: what is written in it is written as a whole, or, after an exception, not at all."""
        return _Transaction(self)

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of a statement."""
        with self.errors():
            return self.connection.execute(statement, values).fetchall()

    @property
    def has_tables(self) -> bool:
        """Whether it has the tables for queries."""
        return bool(self.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'definitions'"))

    # ---- kernels -------------------------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """The kernels, in the order of their positions."""
        rows = self.query(
            "SELECT k.id, key, distro, release, arch, uname, pos, v.size, m.modules FROM kernels k"
            " JOIN packs v ON v.kernel = k.id AND v.part = 0 LEFT JOIN packs m ON m.kernel = k.id AND m.part = 1 ORDER BY pos"
        )
        for row in rows:
            numbers = row[0], row[6], row[7], 0 if row[8] is None else row[8]
            if not all(isinstance(n, int) for n in numbers) or not all(isinstance(text, str) for text in row[1:6]):
                raise FormatError("damaged: its table of kernels", source=self.path)
        return [Entry(*row) for row in rows]

    def entry(self, key: str) -> Entry:
        """The kernel `key`, or the only one with that `uname -r`.  Raises NotFoundError, and AmbiguousError for several."""
        entries = self.entries
        found = [entry for entry in entries if entry.key == key] or [entry for entry in entries if entry.uname == key]
        if len(found) > 1:
            names = ", ".join(printable(entry.key) for entry in found[:3])
            raise AmbiguousError(f"{len(found)} kernels are called {printable(key)}: {names}", source=self.path)
        if not found:
            raise NotFoundError(f"no kernel {printable(key)} in the atlas", source=self.path)
        return found[0]

    # ---- packs ---------------------------------------------------------------------------------------------------

    def row(self, kernel: int, part: int) -> Row | None:
        """The row of a part of a kernel; None if there is none."""
        rows = self.query(f"SELECT {_COLUMNS} FROM packs WHERE kernel = ? AND part = ?", (kernel, part))
        return self._checked(rows[0]) if rows else None

    def row_of_pack(self, number: int) -> Row:
        """The row of a pack."""
        rows = self.query(f"SELECT {_COLUMNS} FROM packs WHERE id = ?", (number,))
        if not rows:
            raise FormatError(f"damaged: no pack {number}", source=self.path)
        return self._checked(rows[0])

    def _checked(self, values: Sequence[Any]) -> Row:
        *numbers, digest = values
        if not isinstance(digest, bytes) or not all(isinstance(n, int) or n is None for n in numbers):
            raise FormatError(f"damaged: the row of pack {values[0]}", source=self.path)
        return Row(*values)

    def neighbours(self, pos: int, part: int, *, last: bool = False) -> tuple[Row | None, Row | None]:
        """The rows of the nearest kernels before and after a position that have a part; with `last` none after it."""
        found: list[Row | None] = []
        for sign, order in (("<", "DESC"), (">", "ASC"))[: 1 if last else 2]:
            rows = self.query(
                f"SELECT kernels.id FROM kernels JOIN packs ON kernel = kernels.id AND part = ? WHERE pos {sign} ?"
                f" ORDER BY pos {order} LIMIT 1",
                (part, pos),
            )
            found.append(self.row(rows[0][0], part) if rows else None)
        return found[0], None if last else found[1]

    def position(self, kernel: int) -> int:
        """The position of a kernel."""
        rows = self.query("SELECT pos FROM kernels WHERE id = ?", (kernel,))
        if not rows or not isinstance(rows[0][0], int):
            raise FormatError("damaged: its table of kernels", source=self.path)
        return int(rows[0][0])

    def blobs(self, number: int, *names: str) -> list[bytes]:
        """Some BLOBs of a pack."""
        rows = self.query(f"SELECT {', '.join(names)} FROM packs WHERE id = ?", (number,))
        if not rows or not all(isinstance(value, bytes) for value in rows[0]):
            raise FormatError(f"damaged: the row of pack {number}", source=self.path)
        return list(rows[0])

    def pack(self, number: int, *, is_whole: bool = True) -> Pack:
        """A pack; unless `is_whole` without its columns and texts."""
        from btfkit.atlas.packs import Pack

        blobs = "columns, texts" if is_whole else "x'', x''"
        rows = self.query(
            f"SELECT id, first_record, records, first_name, names, needs, {blobs} FROM packs WHERE id = ?", (number,)
        )
        row: Sequence[Any] = rows[0] if rows else (None,)
        if not (
            all(isinstance(n, int) and 0 <= n < 1 << 31 for n in row[:5])
            and all(isinstance(blob, bytes) for blob in row[5:])
            and len(row[5]) % 4 == 0
        ):
            raise FormatError(f"damaged: the row of pack {number}", source=self.path)
        needs = tuple(int.from_bytes(row[5][at : at + 4], "little") for at in range(0, len(row[5]), 4))
        first_record, records, first_name, names = row[1:5]
        return Pack(number, first_record, records, first_name, names, needs, *row[6:])

    def numbers(self) -> tuple[int, int, int]:
        """The next number of a pack, of a record and of a name."""
        ((pack, record, name),) = self.query(
            "SELECT coalesce(max(id), 0) + 1, coalesce(max(first_record + records), 1),"
            " coalesce(max(first_name + names), 1) FROM packs"
        )
        if not all(isinstance(n, int) and 0 < n < 1 << 31 for n in (pack, record, name)):
            raise FormatError("damaged: the numbers of its packs", source=self.path)
        return pack, record, name


class _Transaction:
    """See `Database.transaction`."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.query("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        connection = self._database.connection
        if error is None:
            try:
                self._database.query("COMMIT")
            except BaseException:
                self._undo()
                raise
            return
        self._undo()
        if isinstance(error, (sqlite3.Error, UnicodeDecodeError)):
            with self._database.errors():
                raise error
        assert not connection.in_transaction

    def _undo(self) -> None:
        if self._database.connection.in_transaction:
            self._database.connection.execute("ROLLBACK")


class _Errors:
    """Turns SQLite's errors into btfkit's, or into an OSError."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeDecodeError):  # in a message of SQLite's
            raise FormatError("damaged: names that are not UTF-8", source=self._path) from None
        if not isinstance(error, sqlite3.Error):
            return
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise Busy("another process is writing the atlas: try again later", source=self._path) from None
        if name.startswith("SQLITE_FULL"):
            raise OSError(ENOSPC, os.strerror(ENOSPC), self._path) from None
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise PermissionError(EACCES, f"{os.strerror(EACCES)} ({error})", self._path) from None
        if name.startswith("SQLITE_IOERR"):
            raise OSError(EIO, f"{os.strerror(EIO)} ({error})", self._path) from None
        raise FormatError(f"damaged: {error}", source=self._path) from None


def _quoted(path: str) -> str:
    """A path as part of a URI (sqlite.org/uri.html, 3.1)."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _recover(path: str) -> None:
    """Undo what a process that ended has left unfinished; only a connection that may write can."""
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS)
    try:
        with _Errors(path):
            connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        connection.close()


def _demand_atlas(path: str) -> None:
    """Raise FormatError unless the file is an atlas of some version."""
    with open(path, "rb") as file:
        head = file.read(100)
    if not head.startswith(schema.MAGIC):
        raise FormatError(f"not an atlas: begins with {head[:8].hex(' ')}, expected a SQLite file", source=path)
    if len(head) < 100:
        raise FormatError(f"cut short: {len(head)} bytes", source=path)
    if head[68:72] != schema.APPLICATION_ID.to_bytes(4, "big"):
        raise FormatError("a SQLite file, but not an atlas", source=path)
