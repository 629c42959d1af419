"""The kernels of an atlas, rebuilt out of their packs and recipes: the very bytes that were added."""

from __future__ import annotations

from btfkit.atlas.database import MODULES, VMLINUX
from btfkit.atlas.module_packs import modules_names, modules_sequences, rebuild_modules, unpack_modules
from btfkit.atlas.packs import LARGEST, NO_SEQUENCES, Blaming, Shelf, rebuild_kernel, sequences, unpack_recipe
from btfkit.errors import FormatError, printable
from btfkit.files.compression import unpack_zstd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from btfkit.atlas.database import Database, Entry, Row
    from btfkit.atlas.module_packs import ModulesRecipe
    from btfkit.atlas.packs import Pack, Recipe, Sequences

MOST_SEQUENCES = 128  # of kernels, or of their modules, that are kept


class Kernels:
    """Rebuilds the kernels of a `database`; what was read is kept until `forget`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._path = database.path
        self._shelf: Shelf | None = None
        self._sequences: dict[int, Any] = {}  # by pack: the sequences of a kernel, or of its modules and their recipe
        self._last: tuple[int, Recipe] | None = None  # the recipe that was read last, by pack

    @property
    def shelf(self) -> Shelf:
        """The packs that were read so far."""
        if self._shelf is None:
            _, records, names = self._db.numbers()
            self._shelf = Shelf(self._db.pack, records, names, self._path)
        return self._shelf

    def forget(self) -> None:
        """Forget what was read, because the file has changed."""
        self._shelf = None
        self._sequences = {}
        self._last = None

    def forget_beyond(self, words: int) -> None:
        """Forget what was read if the records in memory have more words."""
        if self._shelf is not None and self._shelf.store.used > words:
            self.forget()
        elif len(self._sequences) > MOST_SEQUENCES:
            self._sequences = {}

    # ---- vmlinux -------------------------------------------------------------------------------------------------

    def get(self, entry: Entry) -> bytes | memoryview:
        """The BTF of a kernel.  Raises FormatError if the atlas is damaged."""
        row = self._vmlinux(entry)
        data = self.rebuilt(row)
        if digest_of([(b"", data)]) != row.digest:
            raise FormatError(f"damaged: the BTF of {printable(entry.key)} has another SHA-256", source=self._path)
        return data if isinstance(data, bytes) else data.toreadonly()

    def digest(self, entry: Entry) -> bytes:
        """The SHA-256 of the BTF of a kernel, without reading that."""
        return self._vmlinux(entry).digest

    def _vmlinux(self, entry: Entry) -> Row:
        row = self._db.row(entry.id, VMLINUX)
        if row is None:
            raise FormatError(f"damaged: kernel {printable(entry.key)} has no pack", source=self._path)
        return row

    def rebuilt(self, row: Row) -> bytes | memoryview:
        """The BTF of a vmlinux; its digest is not compared."""
        if row.whole:
            (blob,) = self._db.blobs(row.id, "columns")
            if not 0 <= row.size <= LARGEST:
                raise FormatError(f"damaged: the size of pack {row.id}", source=self._path)
            return bytes(unpack_zstd(blob, row.size, source=self._path))
        found = self.sequences(row)
        return rebuild_kernel(self.shelf, found, self._recipe(row.id), self._extent(row.id))

    def _recipe(self, number: int) -> Recipe:
        if self._last is None or self._last[0] != number:
            blob = self._db.blobs(number, "recipe")[0]
            self._last = number, unpack_recipe(blob, f"{self._path}, pack {number}")
        return self._last[1]

    def _extent(self, number: int) -> Pack:
        """A pack, perhaps without its columns and texts."""
        return self.shelf.loaded.get(number) or self._db.pack(number, is_whole=False)

    def _chain(self, row: Row) -> list[Row]:
        """The pack and its ancestors whose sequences are not known, the oldest first."""
        chain = [row]
        while chain[-1].parent is not None and chain[-1].parent not in self._sequences:
            above = self._db.row_of_pack(chain[-1].parent)
            if above.id >= chain[-1].id or above.part != row.part or above.whole:
                raise FormatError(f"damaged: the parent of pack {chain[-1].id}", source=self._path)
            chain.append(above)
        return chain[::-1]

    def sequences(self, row: Row) -> Sequences:
        """The numbers of the records and strings of a vmlinux that is not kept whole."""
        if row.id not in self._sequences:
            for one in self._chain(row):
                parent = self._sequences[one.parent] if one.parent is not None else NO_SEQUENCES
                with Blaming(one.id, self._path):
                    self._sequences[one.id] = sequences(self.shelf, self._recipe(one.id), parent, self._db.pack(one.id))
        return self._sequences[row.id]  # type: ignore[no-any-return]

    # ---- modules -------------------------------------------------------------------------------------------------

    def modules(self, entry: Entry) -> list[tuple[bytes, bytes]]:
        """(name, BTF) of each module of a kernel, in the order of names; raises as `get`."""
        row = self._db.row(entry.id, MODULES)
        if row is None:
            return []
        found = self.rebuilt_modules(row)
        if digest_of(found) != row.digest:
            raise FormatError(f"damaged: the modules of {printable(entry.key)} have another SHA-256", source=self._path)
        return found

    def module_names(self, entry: Entry) -> list[bytes]:
        """The names of the modules of a kernel."""
        names: list[bytes] = []
        row = self._db.row(entry.id, MODULES) if entry.modules else None
        for one in self._chain(row) if row is not None else ():
            if one.parent in self._sequences:
                names = self._sequences[one.parent][1].names
            names = modules_names(self._db.blobs(one.id, "recipe")[0], names, f"{self._path}, pack {one.id}")
        return names

    def modules_sequences(self, row: Row) -> tuple[dict[bytes, Sequences], ModulesRecipe]:
        """By module, the numbers of the records and strings of those that are not kept whole; and their recipe."""
        if row.id not in self._sequences:
            for one in self._chain(row):
                parents, above = self._sequences[one.parent] if one.parent is not None else ({}, None)
                (blob,) = self._db.blobs(one.id, "recipe")
                recipe = unpack_modules(blob, above.names if above else [], f"{self._path}, pack {one.id}")
                base = self._base(one)
                with Blaming(one.id, self._path):
                    found = modules_sequences(self.shelf, recipe, parents, self._extent(one.id), base)
                self._sequences[one.id] = found, recipe
        return self._sequences[row.id]  # type: ignore[no-any-return]

    def _base(self, row: Row) -> Sequences:
        """The sequences of the vmlinux of some modules."""
        kernel = self._db.row(row.kernel, VMLINUX)
        if kernel is None or kernel.whole:
            raise FormatError(f"damaged: the kernel of pack {row.id}", source=self._path)
        return self.sequences(kernel)

    def rebuilt_modules(self, row: Row) -> list[tuple[bytes, bytes]]:
        """(name, BTF) of some modules; their digest is not compared."""
        if row.whole:
            return self._whole_modules(row)
        found, recipe = self.modules_sequences(row)
        return list(rebuild_modules(self.shelf, recipe, found, self._extent(row.id), self._base(row)))

    def _whole_modules(self, row: Row) -> list[tuple[bytes, bytes]]:
        (blob,) = self._db.blobs(row.id, "recipe")
        recipe = unpack_modules(blob, [], f"{self._path}, pack {row.id}")
        if len(recipe.whole) != len(recipe.names):
            raise FormatError(f"damaged: pack {row.id}", source=self._path)
        return [(name, recipe.whole[name]) for name in recipe.names]


def digest_of(parts: Iterable[tuple[bytes, bytes | memoryview]]) -> bytes:
    """The SHA-256 of a BTF, or of modules with their names and sizes."""
    from hashlib import sha256

    digest = sha256()
    for name, data in parts:
        if name:
            digest.update(name + b"\0" + len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()
