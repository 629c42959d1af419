"""An atlas on disk: a SQLite file, opened, read and written, with the errors that this can have.

    with Atlas.open("kernels.atlas") as atlas:
        for entry in atlas.entries: ...
        vmlinux = atlas.get(atlas.entry("debian/12/x86_64/6.1.0-47-amd64"))   # the very bytes

    with Atlas.open("kernels.atlas", write=True) as atlas:
        atlas.add(parts, btf, modules, order)

Each kernel is a transaction of its own: whatever ends a process, an atlas has the kernels before, whole.  A kernel is committed
only after it was read again, and equal.
"""

from __future__ import annotations

import os
import sqlite3
from errno import EACCES, EIO, ENOENT, ENOSPC
from typing import NamedTuple

from btfkit.atlas import schema
from btfkit.atlas.packs import (
    LARGEST,
    MOST,
    NO_SEQUENCES,
    Blaming,
    ModulesRecipe,
    Pack,
    Recipe,
    Shelf,
    modules_names,
    modules_sequences,
    only_whole,
    pack_modules,
    pack_recipe,
    rebuild_kernel,
    rebuild_modules,
    sequences,
    unpack_modules,
    unpack_recipe,
)
from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError, UnsupportedError, printable
from btfkit.files.compression import pack_zstd, unpack_zstd
from btfkit.hot.record_store import zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Self

    from btfkit.atlas.packs import Sequences
    from btfkit.atlas.tables import Tables
    from btfkit.btf.btf import Btf

    Parts = tuple[str, str, str, str]  # distro, release, arch, uname
    SortKey = Callable[[Parts], Any]

VMLINUX, MODULES = 0, 1  # the parts of a kernel
DEEPEST = 32  # parents above each other
SKETCH = 128  # hashes of a kernel
LIKELY = 2  # of these may differ, and another kernel is as good a parent
MOST_TRIES = 4  # to encode modules, with one more kept whole each time
LOCK_SECONDS = 10


class Busy(BtfError):
    """Another process is writing the atlas."""


class Entry(NamedTuple):
    """A kernel of an atlas: its `id`, the parts of its name, its position, the bytes of its BTF, and how many modules the atlas
    has of it (None: none were added)."""

    id: int
    key: str
    distro: str
    release: str
    arch: str
    uname: str
    pos: int
    size: int
    modules: int | None

    @property
    def parts(self) -> Parts:
        """(distro, release, arch, uname)."""
        return self.distro, self.release, self.arch, self.uname


class _Row(NamedTuple):
    """A row of the table of packs, without what only a reader of its BLOBs needs."""

    id: int
    kernel: int
    part: int
    parent: int | None
    depth: int
    whole: int
    size: int
    modules: int
    digest: bytes


class Atlas:
    """An open atlas; see the module.  Made by `open`."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._shelf: Shelf | None = None
        self._sequences: dict[int, Any] = {}  # by pack: the sequences of a kernel, or of its modules and their recipe

    # ---- opening -------------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls, path: str, *, write: bool = False, create: bool = False, tables: bool = True, shared: bool = False
    ) -> Self:
        """Open an atlas to read it; with `write` to add to it, and with `create` a new one if there is no file, with `tables` or
        without.  `shared`: several threads use it, one at a time.

        Raises OSError if there is none or it cannot be read, FormatError if the file is not an atlas or damaged,
        UnsupportedError if it is of another version, and Busy if another process holds it.
        """
        if os.path.exists(f"{path}-journal") and os.access(path, os.W_OK):
            _recover(path)
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        if fresh and not create:
            if os.path.exists(path):
                raise FormatError("not an atlas: an empty file", source=path)
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        if not fresh:
            _demand_atlas(path)
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
            with self._errors():
                if fresh:
                    self._create(tables)
                self._check()
                if write:  # so that others can read until a kernel is committed, however much it changes
                    self._db.execute("PRAGMA cache_spill = OFF")
        except BaseException:
            self.close()
            raise
        return self

    def _create(self, tables: bool) -> None:
        self._db.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for statement in schema.STORE.split(";"):
                self._db.execute(statement)
            if tables:
                from btfkit.atlas.tables import Tables

                Tables(self._db).create()
            self._db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {schema.VERSION}")
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _check(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != schema.VERSION:
            raise UnsupportedError(
                f"an atlas of version {version}, expected {schema.VERSION}: make it again with this btfkit",
                source=self.path,
            )
        pages, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if os.path.getsize(self.path) < pages * size:
            raise FormatError(
                f"cut short: {os.path.getsize(self.path)} bytes, expected {pages * size}", source=self.path
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def _errors(self) -> _Errors:
        return _Errors(self.path)

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of a statement."""
        with self._errors():
            return self._db.execute(statement, values).fetchall()

    # ---- what is in it -------------------------------------------------------------------------------------------

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
        return [Entry._make(row) for row in rows]

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

    # ---- reading -------------------------------------------------------------------------------------------------

    def get(self, entry: Entry) -> bytes:
        """The BTF of a kernel, the very bytes that were added.  Raises FormatError if the atlas is damaged."""
        row = self._row(entry.id, VMLINUX)
        if row is None:
            raise FormatError(f"damaged: kernel {printable(entry.key)} has no pack", source=self.path)
        data = self._rebuilt(row)
        if _digest([(b"", data)]) != row.digest:
            raise FormatError(f"damaged: the BTF of {printable(entry.key)} has another SHA-256", source=self.path)
        return data

    def digest(self, entry: Entry) -> bytes:
        """The SHA-256 of the BTF of a kernel, without reading that."""
        row = self._row(entry.id, VMLINUX)
        if row is None:
            raise FormatError(f"damaged: kernel {printable(entry.key)} has no pack", source=self.path)
        return row.digest

    def modules(self, entry: Entry) -> list[tuple[str, bytes]]:
        """(name, BTF) of each module that was added of a kernel, in the order of names; raises as `get`."""
        row = self._row(entry.id, MODULES)
        if row is None:
            return []
        found = self._rebuilt_modules(row)
        if _digest(found) != row.digest:
            raise FormatError(f"damaged: the modules of {printable(entry.key)} have another SHA-256", source=self.path)
        return [(os.fsdecode(name), data) for name, data in found]

    def module_names(self, entry: Entry) -> list[str]:
        """The names of the modules that were added of a kernel."""
        names: list[bytes] = []
        row = self._row(entry.id, MODULES) if entry.modules else None
        for one in self._chain(row) if row is not None else ():
            if one.parent in self._sequences:
                names = self._sequences[one.parent][1].names
            names = modules_names(self._blobs(one.id, "recipe")[0], names, f"{self.path}, pack {one.id}")
        return [os.fsdecode(name) for name in names]

    def forget_beyond(self, words: int) -> None:
        """Forget what was read if the records in memory have more words."""
        if self._shelf is not None and self._shelf.store.used > words:
            self._forget()

    def _row(self, kernel: int, part: int) -> _Row | None:
        rows = self.query(
            "SELECT id, kernel, part, parent, depth, whole, size, modules, digest FROM packs WHERE kernel = ? AND part = ?",
            (kernel, part),
        )
        return self._checked(rows[0]) if rows else None

    def _row_of_pack(self, number: int) -> _Row:
        rows = self.query(
            "SELECT id, kernel, part, parent, depth, whole, size, modules, digest FROM packs WHERE id = ?", (number,)
        )
        if not rows:
            raise FormatError(f"damaged: no pack {number}", source=self.path)
        return self._checked(rows[0])

    def _checked(self, values: Sequence[Any]) -> _Row:
        *numbers, digest = values
        if not isinstance(digest, bytes) or not all(isinstance(n, int) or n is None for n in numbers):
            raise FormatError(f"damaged: the row of pack {values[0]}", source=self.path)
        return _Row._make([*numbers, digest])

    def _blobs(self, number: int, *names: str) -> list[bytes]:
        rows = self.query(f"SELECT {', '.join(names)} FROM packs WHERE id = ?", (number,))
        if not rows or not all(isinstance(value, bytes) for value in rows[0]):
            raise FormatError(f"damaged: the row of pack {number}", source=self.path)
        return list(rows[0])

    def _pack(self, number: int) -> Pack:
        rows = self.query(
            "SELECT id, first_record, records, first_name, names, needs, columns, texts FROM packs WHERE id = ?",
            (number,),
        )
        row: Sequence[Any] = rows[0] if rows else (None,)
        if not (
            all(isinstance(n, int) and 0 <= n < 1 << 31 for n in row[:5])
            and all(isinstance(blob, bytes) for blob in row[5:])
            and len(row[5]) % 4 == 0
        ):
            raise FormatError(f"damaged: the row of pack {number}", source=self.path)
        needs = tuple(int.from_bytes(row[5][at : at + 4], "little") for at in range(0, len(row[5]), 4))
        return Pack._make([*row[:5], needs, *row[6:]])

    def _numbers(self) -> tuple[int, int, int]:
        """The next number of a pack, of a record and of a name."""
        ((pack, record, name),) = self.query(
            "SELECT coalesce(max(id), 0) + 1, coalesce(max(first_record + records), 1),"
            " coalesce(max(first_name + names), 1) FROM packs"
        )
        if not all(isinstance(n, int) and 0 < n < 1 << 31 for n in (pack, record, name)):
            raise FormatError("damaged: the numbers of its packs", source=self.path)
        return pack, record, name

    @property
    def shelf(self) -> Shelf:
        """The packs that were read so far."""
        if self._shelf is None:
            _, records, names = self._numbers()
            self._shelf = Shelf(self._pack, records, names, self.path)
        return self._shelf

    def _forget(self) -> None:
        """Forget what was read, because the file has changed."""
        self._shelf = None
        self._sequences = {}

    def _rebuilt(self, row: _Row) -> bytes:
        if row.whole:
            (blob,) = self._blobs(row.id, "columns")
            if not 0 <= row.size <= LARGEST:
                raise FormatError(f"damaged: the size of pack {row.id}", source=self.path)
            return unpack_zstd(blob, row.size, source=self.path)
        pack = self._pack(row.id)
        recipe = self._recipe(row.id)
        return rebuild_kernel(self.shelf, self._kernel_sequences(row), recipe, pack)

    def _recipe(self, number: int) -> Recipe:
        return unpack_recipe(self._blobs(number, "recipe")[0], f"{self.path}, pack {number}")

    def _chain(self, row: _Row) -> list[_Row]:
        """The pack and its ancestors whose sequences are not known, the oldest first."""
        chain = [row]
        while chain[-1].parent is not None and chain[-1].parent not in self._sequences:
            above = self._row_of_pack(chain[-1].parent)
            if above.id >= chain[-1].id or above.part != row.part or above.whole:
                raise FormatError(f"damaged: the parent of pack {chain[-1].id}", source=self.path)
            chain.append(above)
        return chain[::-1]

    def _kernel_sequences(self, row: _Row) -> Sequences:
        if row.id not in self._sequences:
            for one in self._chain(row):
                parent = self._sequences[one.parent] if one.parent is not None else NO_SEQUENCES
                with Blaming(one.id, self.path):
                    self._sequences[one.id] = sequences(self.shelf, self._recipe(one.id), parent, self._pack(one.id))
        return self._sequences[row.id]  # type: ignore[no-any-return]

    def _modules_sequences(self, row: _Row) -> tuple[dict[bytes, Sequences], ModulesRecipe]:
        if row.id not in self._sequences:
            for one in self._chain(row):
                parents, above = self._sequences[one.parent] if one.parent is not None else ({}, None)
                (blob,) = self._blobs(one.id, "recipe")
                recipe = unpack_modules(blob, above.names if above else [], f"{self.path}, pack {one.id}")
                kernel = self._row(one.kernel, VMLINUX)
                if kernel is None or kernel.whole:
                    raise FormatError(f"damaged: the kernel of pack {one.id}", source=self.path)
                base = self._kernel_sequences(kernel)
                with Blaming(one.id, self.path):
                    found = modules_sequences(self.shelf, recipe, parents, self._pack(one.id), base)
                self._sequences[one.id] = found, recipe
        return self._sequences[row.id]  # type: ignore[no-any-return]

    def _rebuilt_modules(self, row: _Row) -> list[tuple[bytes, bytes]]:
        if row.whole:
            return self._whole_modules(row)
        found, recipe = self._modules_sequences(row)
        kernel = self._row(row.kernel, VMLINUX)
        if kernel is None or kernel.whole:
            raise FormatError(f"damaged: the kernel of pack {row.id}", source=self.path)
        base = self._kernel_sequences(kernel)
        return list(rebuild_modules(self.shelf, recipe, found, self._pack(row.id), base))

    def _whole_modules(self, row: _Row) -> list[tuple[bytes, bytes]]:
        (blob,) = self._blobs(row.id, "recipe")
        recipe = unpack_modules(blob, [], f"{self.path}, pack {row.id}")
        if len(recipe.whole) != len(recipe.names):
            raise FormatError(f"damaged: pack {row.id}", source=self.path)
        return [(name, recipe.whole[name]) for name in recipe.names]

    # ---- writing -------------------------------------------------------------------------------------------------

    def add(self, parts: Parts, btf: Btf, modules: Sequence[tuple[str, Btf]] | None, order: SortKey) -> bool:
        """Add a kernel, and its modules (split BTF on it, with names that differ) unless they are None.

        `parts` name the kernel, and `order(parts)` sorts names.  Returns whether something was added: not if the atlas has the
        same already.  Raises AmbiguousError if it has a kernel, or modules, of that name with other bytes, Busy if another
        process writes, and OSError if the disk is full; nothing is added then.
        """
        key = "/".join(filter(None, parts))
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                added = self._add(key, parts, btf, modules, order)
                self._db.execute("COMMIT" if added else "ROLLBACK")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._forget()
                raise
        return added

    def _add(self, key: str, parts: Parts, btf: Btf, modules: Sequence[tuple[str, Btf]] | None, order: SortKey) -> bool:
        self._forget()
        rows = self.query("SELECT id FROM kernels WHERE key = ?", (key,))
        digest = _digest([(b"", btf.blob)])
        kernel = self._row(rows[0][0], VMLINUX) if rows else None
        named = sorted((os.fsencode(name), module) for name, module in modules) if modules is not None else []
        if kernel is not None:
            if kernel.digest != digest:
                raise AmbiguousError(
                    f"the atlas has another {printable(key)}, with other bytes: put one of them into another directory",
                    source=self.path,
                )
            if modules is None:
                return False
            known = self._row(kernel.kernel, MODULES)
            if known is not None:
                if known.digest != _digest([(name, module.blob) for name, module in named]):
                    raise AmbiguousError(f"the atlas has other modules of {printable(key)}", source=self.path)
                return False
        else:
            pos = self._position(parts, order)
            (number,) = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM kernels").fetchone()
            self._db.execute("INSERT INTO kernels VALUES (?, ?, ?, ?, ?, ?, ?)", (number, key, *parts, pos))
            kernel = self._add_kernel(number, pos, btf, digest)
            if self.has_tables:
                from btfkit.atlas.tables import Tables

                self._add_to_tables(Tables(self._db), pos, kernel, btf)
        if modules is not None:
            self._add_modules(kernel, btf, named)
        return True

    def _position(self, parts: Parts, order: SortKey) -> int:
        """A position for a kernel, between those that come before and after it."""
        rows = self.query("SELECT pos, distro, release, arch, uname FROM kernels ORDER BY pos")
        key = order(parts)
        before = [pos for pos, *others in rows if order(tuple(others)) < key]
        after = rows[len(before)][0] if len(before) < len(rows) else None
        if not before:
            return schema.SPACING if after is None else after - schema.SPACING
        if after is None:
            return int(before[-1]) + schema.SPACING
        middle = (before[-1] + after) // 2
        if middle == before[-1]:
            raise UnsupportedError(
                "too many kernels between two others: make the atlas again, in order", source=self.path
            )
        return int(middle)

    def _add_kernel(self, kernel: int, pos: int, btf: Btf, digest: bytes) -> _Row:
        from btfkit.atlas.encode import Encoder, Unfit

        number, first_record, first_name = self._numbers()
        hashes = _sketch(btf)
        parent, visible = self._parents(hashes, pos)
        row = _Row(number, kernel, VMLINUX, None, 0, 1, len(btf.blob), 0, digest)
        try:
            above = self._kernel_sequences(parent) if parent is not None else NO_SEQUENCES
            encoder = Encoder(self.shelf, visible)
            coded = encoder.kernel(btf, above, number, first_record, first_name)
            row = row._replace(whole=0)
            if parent is not None:
                row = row._replace(parent=parent.id, depth=parent.depth + 1)
            self._insert(row, hashes, coded.pack, pack_recipe(coded.recipe))
            self._prove(row, [(b"", btf.blob)])
            return row
        except Unfit:
            self._db.execute("DELETE FROM packs WHERE id = ?", (number,))
        self._forget()
        row = row._replace(parent=None, depth=0, whole=1)
        self._insert(row, b"", Pack(number, first_record, 0, first_name, 0, (), pack_zstd(btf.blob, 19), b""), b"")
        self._prove(row, [(b"", btf.blob)])
        return row

    def _insert(self, row: _Row, sketch: bytes, pack: Pack, recipe: bytes) -> None:
        if pack.first_record + pack.records > MOST or pack.first_name + pack.names > MOST:
            raise UnsupportedError(f"an atlas has at most {MOST} records and names", source=self.path)
        needs = b"".join(need.to_bytes(4, "little") for need in pack.needs)
        numbers = pack.first_record, pack.records, pack.first_name, pack.names
        self._db.execute(
            f"INSERT INTO packs VALUES ({', '.join('?' * 18)})",
            (*row, sketch, *numbers, needs, pack.columns, pack.texts, recipe),
        )

    def _prove(self, row: _Row, expected: Iterable[tuple[bytes, bytes]]) -> None:
        """Read what was inserted again; raises Unfit if it differs."""
        from btfkit.atlas.encode import Unfit, UnfitModule

        self._forget()
        found = [(b"", self._rebuilt(row))] if row.part == VMLINUX else self._rebuilt_modules(row)
        for (name, data), (expected_name, wanted) in zip(found, expected, strict=True):
            if name != expected_name or data != wanted:
                raise Unfit("differs") if row.part == VMLINUX else UnfitModule(expected_name, "differs")

    def _parents(self, sketch: bytes, pos: int) -> tuple[_Row | None, list[int]]:
        """The kernel to write another one against, and the packs that may be referred to: of that kernel and of a second."""
        own = frozenset(sketch[at : at + 4] for at in range(0, len(sketch), 4))
        candidates = []
        for number, kernel_pos, other in self.query(
            "SELECT packs.id, pos, sketch FROM packs JOIN kernels ON kernels.id = kernel"
            " WHERE part = 0 AND whole = 0 AND depth < ?",
            (DEEPEST,),
        ):
            theirs = frozenset(other[at : at + 4] for at in range(0, len(other), 4))
            candidates.append((len(own & theirs), -abs(kernel_pos - pos), number, theirs))
        if not candidates:
            return None, []
        most = max(candidates)[0]
        best = max((near, number, theirs) for count, near, number, theirs in candidates if count >= most - LIKELY)
        missing = own - best[2]
        others = [(len(missing & theirs), near, number) for _, near, number, theirs in candidates if number != best[1]]
        visible = {best[1], *self._pack(best[1]).needs}
        if others:
            second = max(others)[2]
            visible |= {second, *self._pack(second).needs}
        return self._row_of_pack(best[1]), sorted(visible)

    def _add_modules(self, kernel: _Row, btf: Btf, named: list[tuple[bytes, Btf]]) -> None:
        from btfkit.atlas.encode import Unfit, UnfitModule, demand_plain

        blobs = [(name, module.blob) for name, module in named]
        row = _Row(
            0, kernel.kernel, MODULES, None, 0, 1, sum(len(blob) for _, blob in blobs), len(named), _digest(blobs)
        )
        whole: dict[bytes, bytes] = {}
        for name, module in named:
            try:
                demand_plain(module)
                if kernel.whole:
                    raise Unfit("so is its kernel")
            except Unfit:
                whole[name] = module.blob
        for _ in range(MOST_TRIES):
            self._forget()
            try:
                self._try_modules(row, kernel, btf, named, whole)
                return
            except UnfitModule as error:
                whole[error.name] = next(blob for name, blob in blobs if name == error.name)
                self._db.execute("DELETE FROM packs WHERE kernel = ? AND part = ?", (row.kernel, row.part))
        self._forget()
        self._try_modules(row, kernel, btf, named, dict(blobs))

    def _try_modules(
        self, row: _Row, kernel: _Row, btf: Btf, named: list[tuple[bytes, Btf]], whole: dict[bytes, bytes]
    ) -> None:
        from btfkit.atlas.encode import Encoder

        number, first_record, first_name = self._numbers()
        blobs = [(name, module.blob) for name, module in named]
        row = row._replace(id=number)
        if len(whole) == len(named):
            pack = Pack(number, first_record, 0, first_name, 0, (), b"", b"")
            recipe = pack_modules(only_whole([name for name, _ in named], whole), [])
            self._insert(row, b"", pack, recipe)
            self._prove(row, blobs)
            return
        found = self._kernel_sequences(kernel)
        above = self._row_of_pack(kernel.parent) if kernel.parent is not None else None
        parent = self._row(above.kernel, MODULES) if above is not None else None
        if parent is not None and parent.whole:
            parent = None
        parents: dict[bytes, Sequences] = {}
        names: list[bytes] = []
        packs: list[int] = []
        if parent is not None:
            parents, recipe_above = self._modules_sequences(parent)
            names, packs = recipe_above.names, [*self._pack(parent.id).needs, parent.id]
        encoder = Encoder(self.shelf, [*self._pack(kernel.id).needs, kernel.id])
        encoder.base(btf, found)
        coded = encoder.modules(named, parents, packs, number, first_record, first_name, whole)
        row = row._replace(whole=0)
        if parent is not None:
            row = row._replace(parent=parent.id, depth=parent.depth + 1)
        self._insert(row, b"", coded.pack, pack_modules(coded.recipe, names))
        self._prove(row, blobs)

    def findings(self) -> list[str]:
        """What SQLite finds wrong with the file: one line each."""
        rows = self.query("PRAGMA quick_check")
        return [f"{self.path}: {row[0]}" for row in rows if row[0] != "ok"]

    # ---- tables ------------------------------------------------------------------------------------------------

    @property
    def has_tables(self) -> bool:
        """Whether it has the tables for queries."""
        return bool(self.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'definitions'"))

    def _add_to_tables(self, tables: Tables, pos: int, row: _Row, btf: Btf) -> None:
        numbers = self._kernel_sequences(row).records if not row.whole else None
        tables.add(pos, btf if numbers is not None else None, numbers if numbers is not None else zeros(0))

    def index(self, *, tables: bool = True, observe: Callable[[int, int], None] | None = None) -> None:
        """Make the tables again, out of the packs; without `tables` only remove them.  The file shrinks to what is left.

        `observe(done, total)` is called after each kernel.  Nothing is changed after an error.
        """
        with self._errors():
            self._db.execute("PRAGMA cache_spill = ON")  # what is written here may be larger than memory
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._index(tables, observe)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("VACUUM")

    def _index(self, tables: bool, observe: Callable[[int, int], None] | None) -> None:
        from btfkit.atlas.tables import Tables
        from btfkit.btf.btf import Btf

        made = Tables(self._db, last=True)
        made.drop()
        if not tables:
            return
        made.create()
        entries = self.entries
        for number, entry in enumerate(entries):
            row = self._row(entry.id, VMLINUX)
            assert row is not None
            btf = Btf.from_bytes(self.get(entry), source=f"{self.path}({entry.key})")
            self._add_to_tables(made, entry.pos, row, btf)
            if observe is not None:
                observe(number + 1, len(entries))

    def verify(self, entry: Entry) -> None:
        """Rebuild a kernel and its modules.  Raises FormatError if they are not what was added."""
        self.get(entry)
        self.modules(entry)


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


def _digest(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The SHA-256 of a BTF, or of modules with their names and sizes."""
    from hashlib import sha256

    digest = sha256()
    for name, data in parts:
        if name:
            digest.update(name + b"\0" + len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()


def _sketch(btf: Btf) -> bytes:
    """The least hashes of a kernel's records; two kernels that share many records share many of them."""
    from btfkit.hot.record_labels import sketch

    least = 1 << 32
    if len(btf.positions) > 64 * SKETCH:
        least = (1 << 32) * 8 * SKETCH // len(btf.positions)
    out = zeros(len(btf.positions))
    count = sketch(btf.words, btf.positions, btf.strings, btf.start_str_off, btf.table, least, out)
    return b"".join(number.to_bytes(4, "big") for number in sorted(set(out[:count]))[:SKETCH])
