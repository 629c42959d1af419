"""An atlas on disk: a SQLite file with the BTF of many kernels.

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

from btfkit.atlas import schema
from btfkit.atlas.database import MODULES, VMLINUX, Busy, Database, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self

    from btfkit.atlas.database import Parts
    from btfkit.atlas.kernels import Kernels
    from btfkit.btf.btf import Btf

    SortKey = Callable[[Parts], Any]

__all__ = ["Atlas", "Busy", "Entry"]
MOST_WORDS = 1 << 25  # of records in memory, before what was read is forgotten


class Atlas:
    """An open atlas; see the module.  Made by `open`."""

    def __init__(self, database: Database) -> None:
        self.path = database.path
        self.database = database
        self._kernels: Kernels | None = None

    @classmethod
    def open(
        cls, path: str, *, write: bool = False, create: bool = False, tables: bool = True, shared: bool = False
    ) -> Self:
        """Open an atlas to read it; with `write` to add to it, and with `create` a new one if there is no file, with `tables` or
        without.  `shared`: several threads use it, one at a time.

        Raises OSError if there is none or it cannot be read, FormatError if the file is not an atlas or damaged,
        UnsupportedError if it is of another version, and Busy if another process holds it.
        """
        return cls(Database.open(path, write=write, create=create, tables=tables, shared=shared))

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of a statement."""
        return self.database.query(statement, values)

    # ---- what is in it -------------------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """The kernels, in the order of their positions."""
        return self.database.entries

    def entry(self, key: str) -> Entry:
        """The kernel `key`, or the only one with that `uname -r`.  Raises NotFoundError, and AmbiguousError for several."""
        return self.database.entry(key)

    @property
    def has_tables(self) -> bool:
        """Whether it has the tables for queries."""
        return self.database.has_tables

    def whole(self, part: int = VMLINUX) -> set[int]:
        """The kernels (`Entry.id`) whose BTF, or that of all of whose MODULES, is kept whole: the tables have nothing of it."""
        rows = self.query("SELECT kernel FROM packs WHERE part = ? AND whole <> 0", (part,))
        return {kernel for (kernel,) in rows}

    # ---- reading -------------------------------------------------------------------------------------------------

    @property
    def kernels(self) -> Kernels:
        """What rebuilds its kernels."""
        if self._kernels is None:
            from btfkit.atlas.kernels import Kernels

            self._kernels = Kernels(self.database)
        return self._kernels

    def get(self, entry: Entry) -> bytes:
        """The BTF of a kernel, the very bytes that were added.  Raises FormatError if the atlas is damaged."""
        return bytes(self.kernels.get(entry))

    def read(self, entry: Entry) -> bytes | memoryview:
        """`get` without a copy: memory that cannot be written to."""
        return self.kernels.get(entry)

    def digest(self, entry: Entry) -> bytes:
        """The SHA-256 of the BTF of a kernel, without reading that."""
        return self.kernels.digest(entry)

    def modules(self, entry: Entry) -> list[tuple[str, bytes]]:
        """(name, BTF) of each module that was added of a kernel, in the order of names; raises as `get`."""
        return [(os.fsdecode(name), data) for name, data in self.kernels.modules(entry)]

    def module_names(self, entry: Entry) -> list[str]:
        """The names of the modules that were added of a kernel."""
        return [os.fsdecode(name) for name in self.kernels.module_names(entry)] if entry.modules else []

    def forget_beyond(self, words: int) -> None:
        """Forget what was read if the records in memory have more words."""
        if self._kernels is not None:
            self._kernels.forget_beyond(words)

    def verify(self, entry: Entry) -> None:
        """Rebuild a kernel and its modules.  Raises FormatError if they are not what was added."""
        self.forget_beyond(MOST_WORDS)
        self.get(entry)
        self.modules(entry)

    def findings(self) -> list[str]:
        """What SQLite finds wrong with the file: one line each."""
        rows = self.query("PRAGMA quick_check")
        return [f"{self.path}: {row[0]}" for row in rows if row[0] != "ok"]

    # ---- writing -------------------------------------------------------------------------------------------------

    def has(self, parts: Parts, *, modules: bool) -> bool:
        """Whether it has a kernel of that name, and, with `modules`, modules of it; with whatever bytes."""
        rows = self.query("SELECT id FROM kernels WHERE key = ?", ("/".join(filter(None, parts)),))
        return bool(rows) and self.database.row(rows[0][0], MODULES if modules else VMLINUX) is not None

    def add(self, parts: Parts, btf: Btf, modules: Sequence[tuple[str, Btf]] | None, order: SortKey) -> bool:
        """Add a kernel, and its modules (split BTF on it, with names that differ) unless they are None.

        `parts` name the kernel, and `order(parts)` sorts names.  Returns whether something was added: not if the atlas has the
        same already.  Raises AmbiguousError if it has a kernel, or modules, of that name with other bytes, Busy if another
        process writes, and OSError if the disk is full; nothing is added then.
        """
        from btfkit.atlas.addition import Addition

        try:
            with self.database.transaction():
                return Addition(self.database, self.kernels).add(parts, btf, modules, order)
        except BaseException:
            self.kernels.forget()
            raise

    def index(self, *, tables: bool = True, observe: Callable[[int, int], None] | None = None) -> None:
        """Make the tables again, out of the packs; without `tables` only remove them.  The file shrinks to what is left.

        `observe(done, total)` is called after each kernel.  Nothing is changed after an error.
        """
        self.query("PRAGMA cache_spill = ON")  # what is written here may be larger than memory
        with self.database.transaction():
            self._index(tables, observe)
        self.query("VACUUM")

    def _index(self, tables: bool, observe: Callable[[int, int], None] | None) -> None:
        from btfkit.atlas.tables import Tables, index
        from btfkit.btf.btf import Btf

        made = Tables(self.database.connection)
        made.drop()
        if not tables:
            return
        schema.create_tables(self.database.connection)
        entries = self.entries
        for number, entry in enumerate(entries):
            self.forget_beyond(MOST_WORDS)
            btf = Btf.from_bytes(self.get(entry), source=f"{self.path}({entry.key})")
            for part in (VMLINUX, MODULES):
                row = self.database.row(entry.id, part)
                if row is not None:
                    blobs = dict(self.kernels.modules(entry)) if part == MODULES else {}
                    index(made, self.database, self.kernels, entry.pos, row, _loader(btf, blobs), last=True)
            if observe is not None:
                observe(number + 1, len(entries))


def _loader(btf: Btf, modules: dict[bytes, bytes]) -> Callable[[bytes], Btf]:
    """A function that returns a module by name, or, for b"", the vmlinux `btf`."""
    from btfkit.btf.btf import Btf

    return lambda name: Btf.from_bytes(modules[name], btf) if name else btf
