"""The atlas that is served: read-only connections for many threads, and what they know of its present state.

Each request reads in one transaction, and sees one state of the file, the old or the new one, however much another process adds.
What was computed for a state (the list of kernels, the names) is kept until the file changes; the index of names is then made
again beside the requests, which search the old one until it is there.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import contextmanager

from btfkit.atlas.file import Atlas, Busy
from btfkit.btf.btf import Btf
from btfkit.errors import BtfError, NotFoundError, printable
from btfkit.files.modules import module_name
from btfkit.fleet.history_atlas import AtlasNames, columns_of_entries
from btfkit.fleet.series import series_of
from btfkit.web.name_index import NameIndex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from btfkit.atlas.file import Entry
    from btfkit.fleet.series import Series

    Change = tuple[int, int, int]  # device, inode, and SQLite's counter of changes

IDLE = 4  # connections that wait for the next request
LOADED = 4  # vmlinux that stay in memory
KNOWN = 32  # results that stay in memory
COUNTER = slice(24, 28)  # in the header of a SQLite file (sqlite.org/fileformat.html, 1.3.7)
MOST_WORDS = 1 << 24  # of records in the memory of a connection


class Kernels:
    """The kernels of one state of the atlas: `entries`, a column for each, and their series, newest last."""

    def __init__(self, atlas: Atlas) -> None:
        self.entries = atlas.entries
        self.columns = columns_of_entries(self.entries, atlas.path)
        self.series: list[Series] = series_of(self.columns, range(len(self.entries)))
        self.order = [column for series in self.series for column in series.columns]
        self.by_key = {entry.key: number for number, entry in enumerate(self.entries)}
        whole = atlas.whole()
        self.whole = {number for number, entry in enumerate(self.entries) if entry.id in whole}  # not in the tables
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._by_uname: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            self._by_uname.setdefault(entry.uname, []).append(number)

    def __len__(self) -> int:
        return len(self.entries)

    def cached(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make` gives; some results are kept."""
        found = self._known.get(key)
        if found is None:
            found = make()
            with self._lock:
                self._known[key] = found
                while len(self._known) > KNOWN:
                    self._known.popitem(last=False)
        return found

    def number(self, key: str) -> int:
        """The number of the kernel `key`, or of the only one with that `uname -r`.  Raises NotFoundError."""
        found = self.by_key.get(key, self.by_key.get(key.replace(" ", "+")))  # a plus sign of a query that was typed
        key = key if key in self._by_uname else key.replace(" ", "+")
        if found is None and len(self._by_uname.get(key, ())) == 1:
            (found,) = self._by_uname[key]
        if found is None:
            raise NotFoundError(f"no kernel {printable(key[:200])!r} in the atlas")
        return found

    @property
    def newest(self) -> list[int]:
        """The numbers of all kernels, those of the newest version first."""
        return sorted(range(len(self.entries)), key=lambda n: (self.columns[n].version, -n), reverse=True)


class Reader:
    """One transaction on the atlas: its `kernels`, `names` of definitions, and `atlas`."""

    def __init__(self, atlas: Atlas, catalog: Catalog) -> None:
        self.atlas = atlas
        self.catalog = catalog
        self.kernels: Kernels
        self.names: AtlasNames
        self.has_tables = False

    def vmlinux(self, number: int) -> Btf:
        """The BTF of a kernel; its `lock` has to be held by who works with it (`Catalog.working`)."""
        return self.catalog.vmlinux(self.atlas, self.kernels.entries[number])

    def module(self, number: int, name: str) -> Btf:
        """The BTF of a module of a kernel, on its vmlinux; `Catalog.working` has to be held."""
        return self.catalog.module(self.atlas, self.kernels.entries[number], name)

    @property
    def index(self) -> NameIndex | None:
        """The names of the atlas."""
        return self.catalog.index

    def cached(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make` gives, which is kept while the file does not change, and is not asked for again soon."""
        return self.kernels.cached(key, make)


class Catalog:
    """An atlas that is served; see the module."""

    def __init__(self, path: str) -> None:
        """Open it.  Raises what `Atlas.open` raises."""
        self.path = path
        self.working = threading.RLock()  # held while a BTF is loaded or asked: these are not made for several threads
        self._lock = threading.Lock()
        self._idle: list[tuple[Change, Atlas]] = []
        self._state: tuple[Change, Kernels, bool] | None = None
        self._index: tuple[Change, NameIndex] | None = None
        self._indexing = False
        self._loaded: OrderedDict[tuple[str, bytes], Btf] = OrderedDict()
        self._modules: tuple[Btf | None, dict[str, bytes]] = None, {}  # of the kernel that was asked for last
        with self.reading() as reader:
            if reader.has_tables:
                self._make_index(self._change(), reader.atlas)

    def _change(self) -> Change:
        """What changes whenever the file does; meaningful within a transaction."""
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            head = file.read(COUNTER.stop)
        return status.st_dev, status.st_ino, int.from_bytes(head[COUNTER], "big")

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A transaction that sees one state of the file.  Raises what `Atlas.open` raises."""
        atlas, change = self._begin()
        keep = False
        try:
            reader = Reader(atlas, self)
            state = self._state
            if state is None or state[0] != change:
                state = change, Kernels(atlas), atlas.has_tables
                self._state = state
            reader.kernels, reader.has_tables = state[1], state[2]
            reader.names = AtlasNames(atlas)
            yield reader
            atlas.query("ROLLBACK")
            atlas.forget_beyond(MOST_WORDS)
            keep = True
        finally:
            with self._lock:
                keep = keep and len(self._idle) < IDLE
                if keep:
                    self._idle.append((change, atlas))
            if not keep:
                atlas.close()

    def _begin(self) -> tuple[Atlas, Change]:
        """An atlas in a transaction, and the state that it sees."""
        while True:
            with self._lock:
                known = self._idle.pop() if self._idle else None
            atlas = known[1] if known else Atlas.open(self.path, shared=True)
            try:
                atlas.query("BEGIN")
                atlas.query("SELECT count(*) FROM sqlite_schema")  # only now SQLite locks the file for reading
                change = self._change()
            except BaseException as error:
                atlas.close()
                if known and isinstance(error, BtfError | OSError) and not isinstance(error, Busy):
                    continue  # with a new connection: another process may have ended in the middle of writing
                raise
            if known and known[0] != change:  # what the connection has read is of another state
                atlas.close()
                continue
            return atlas, change

    # ---- names ---------------------------------------------------------------------------------------------------

    @property
    def index(self) -> NameIndex | None:
        """The names, those of the present state or of the one before; None for an atlas without tables."""
        try:
            change = self._change()
        except OSError:
            change = None
        with self._lock:
            known = self._index
            stale = change is not None and (known is None or known[0] != change) and not self._indexing
            if stale:
                self._indexing = True
        if stale:
            if known is None:
                self._refresh()
            else:
                threading.Thread(target=self._refresh, daemon=True).start()
        known = self._index
        return known[1] if known else None

    def _refresh(self) -> None:
        try:
            with self.reading() as reader:
                if reader.has_tables:
                    self._make_index(self._change(), reader.atlas)
                else:
                    self._index = None
        except Exception:  # the atlas is being written or damaged: who asks it for a page hears of it
            return
        finally:
            self._indexing = False

    def _make_index(self, change: Change, atlas: Atlas) -> None:
        self._index = change, NameIndex(atlas.query)

    # ---- BTF -----------------------------------------------------------------------------------------------------

    def vmlinux(self, atlas: Atlas, entry: Entry) -> Btf:
        """The BTF of a kernel, which stays in memory for a while; `working` has to be held."""
        key = entry.key, atlas.digest(entry)
        found = self._loaded.get(key)
        if found is None:
            found = Btf.from_bytes(atlas.get(entry), source=f"{self.path}({entry.key}/vmlinux)")
            self._loaded[key] = found
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return found

    def module(self, atlas: Atlas, entry: Entry, name: str) -> Btf:
        """The BTF of a module (its name as the tables have it) on the vmlinux of its kernel; raises NotFoundError."""
        base = self.vmlinux(atlas, entry)
        if self._modules[0] is not base:
            self._modules = base, {module_name(one, underscores=True): data for one, data in atlas.modules(entry)}
        data = self._modules[1].get(name)
        if data is None:
            raise NotFoundError(f"no module {printable(name)!r}", source=f"{self.path}({entry.key})")
        return Btf.from_bytes(data, base, source=f"{self.path}({entry.key}/{name})")

    def close(self) -> None:
        """Close the connections that wait."""
        with self._lock:
            while self._idle:
                self._idle.pop()[1].close()
