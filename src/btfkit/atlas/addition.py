"""Adding a kernel to an atlas: its place among the others, what it is written against, its packs, and the proof that they give
the same bytes again."""

from __future__ import annotations

import os

from btfkit.atlas import schema
from btfkit.atlas.database import MODULES, VMLINUX, Row
from btfkit.atlas.encode import Encoder, Unfit, UnfitModule, demand_plain
from btfkit.atlas.kernels import digest_of
from btfkit.atlas.module_packs import only_whole, pack_modules
from btfkit.atlas.packs import MOST, NO_SEQUENCES, Pack, pack_recipe
from btfkit.errors import AmbiguousError, UnsupportedError, printable
from btfkit.files.compression import pack_zstd
from btfkit.hot.record_store import zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from btfkit.atlas.database import Database, Parts
    from btfkit.atlas.kernels import Kernels
    from btfkit.atlas.packs import Sequences
    from btfkit.btf.btf import Btf

    SortKey = Callable[[Parts], Any]

DEEPEST = 32  # parents above each other
SKETCH = 128  # hashes of a kernel
LIKELY = 2  # of these may differ, and another kernel is as good a parent
MOST_TRIES = 4  # to encode modules, with one more kept whole each time


class Addition:
    """Adds kernels to a `database` in the caller's transactions; `kernels` reads what is in it."""

    def __init__(self, database: Database, kernels: Kernels) -> None:
        self._db = database
        self._kernels = kernels

    def add(self, parts: Parts, btf: Btf, modules: Sequence[tuple[str, Btf]] | None, order: SortKey) -> bool:
        """Add a kernel; see `Atlas.add`."""
        self._kernels.forget()
        key = "/".join(filter(None, parts))
        rows = self._db.query("SELECT id FROM kernels WHERE key = ?", (key,))
        kernel = self._db.row(rows[0][0], VMLINUX) if rows else None
        named = sorted((os.fsencode(name), module) for name, module in modules) if modules is not None else []
        digest = digest_of([(b"", btf.blob)])
        if kernel is not None:
            if not self._is_new(key, kernel, digest, named if modules is not None else None):
                return False
            pos = self._db.position(kernel.kernel)
        else:
            pos = self._position(parts, order)
            ((number,),) = self._db.query("SELECT coalesce(max(id), 0) + 1 FROM kernels")
            self._db.query("INSERT INTO kernels VALUES (?, ?, ?, ?, ?, ?, ?)", (number, key, *parts, pos))
            kernel = self._add_kernel(number, pos, btf, digest)
            self._index(pos, kernel, btf, [])
        if modules is not None:
            row = self._add_modules(kernel, btf, named)
            self._index(pos, row, btf, named)
        return True

    def _is_new(self, key: str, kernel: Row, digest: bytes, named: list[tuple[bytes, Btf]] | None) -> bool:
        """Whether the atlas, which has the `kernel` called `key`, lacks its modules.  Raises AmbiguousError if it has others."""
        if kernel.digest != digest:
            raise AmbiguousError(
                f"the atlas has another {printable(key)}, with other bytes: put one of them into another directory",
                source=self._db.path,
            )
        known = self._db.row(kernel.kernel, MODULES) if named is not None else None
        if known is None or named is None:
            return named is not None
        if known.digest != digest_of([(name, module.blob) for name, module in named]):
            raise AmbiguousError(f"the atlas has other modules of {printable(key)}", source=self._db.path)
        return False

    def _position(self, parts: Parts, order: SortKey) -> int:
        """A position for a kernel, between those that come before and after it; if there is none, all others are moved apart."""
        for _ in range(2):
            rows = self._db.query("SELECT pos, distro, release, arch, uname FROM kernels ORDER BY pos")
            key = order(parts)
            before = [pos for pos, *others in rows if order(tuple(others)) < key]
            after = rows[len(before)][0] if len(before) < len(rows) else None
            if not before:
                return schema.SPACING if after is None else after - schema.SPACING
            if after is None:
                return int(before[-1]) + schema.SPACING
            middle = (before[-1] + after) // 2
            if middle != before[-1]:
                return int(middle)
            self._move_apart([pos for pos, *_ in rows])
        raise UnsupportedError("too many kernels between two others", source=self._db.path)

    def _move_apart(self, positions: list[int]) -> None:
        """Give the kernels at `positions` others, equally far from each other."""
        new = [schema.SPACING * (place + 1) for place in range(len(positions))]
        if self._db.has_tables:
            from btfkit.atlas.tables import Tables

            Tables(self._db.connection).move(dict(zip(positions, new, strict=True)))
        self._db.query("UPDATE kernels SET pos = pos + ?", (schema.FAR,))
        values = [(there, here + schema.FAR) for here, there in zip(positions, new, strict=True)]
        self._db.connection.executemany("UPDATE kernels SET pos = ? WHERE pos = ?", values)

    def _index(self, pos: int, row: Row, btf: Btf, named: list[tuple[bytes, Btf]]) -> None:
        """Add to the tables, if there are any, what was added to the packs."""
        if self._db.has_tables:
            from btfkit.atlas.tables import Tables, index

            found = {b"": btf, **dict(named)}
            index(Tables(self._db.connection), self._db, self._kernels, pos, row, found.__getitem__)

    # ---- vmlinux -------------------------------------------------------------------------------------------------

    def _add_kernel(self, kernel: int, pos: int, btf: Btf, digest: bytes) -> Row:
        number, first_record, first_name = self._db.numbers()
        hashes = _sketch(btf)
        parent, visible = self._parents(hashes, pos)
        row = Row(number, kernel, VMLINUX, None, 0, 0, len(btf.blob), 0, digest)
        try:
            above = self._kernels.sequences(parent) if parent is not None else NO_SEQUENCES
            encoder = Encoder(self._kernels.shelf, visible)
            coded = encoder.kernel(btf, above, number, first_record, first_name)
            if parent is not None:
                row.parent, row.depth = parent.id, parent.depth + 1
            self._insert(row, hashes, coded.pack, pack_recipe(coded.recipe))
            self.prove(row, [(b"", btf.blob)])
            return row
        except Unfit:
            self._db.query("DELETE FROM packs WHERE id = ?", (number,))
        self._kernels.forget()
        row.parent, row.depth, row.whole = None, 0, 1
        self._insert(row, b"", Pack(number, first_record, 0, first_name, 0, (), pack_zstd(btf.blob, 19), b""), b"")
        self.prove(row, [(b"", btf.blob)])
        return row

    def _insert(self, row: Row, sketch: bytes, pack: Pack, recipe: bytes) -> None:
        if pack.first_record + pack.records > MOST or pack.first_name + pack.names > MOST:
            raise UnsupportedError(f"an atlas has at most {MOST} records and names", source=self._db.path)
        needs = b"".join(need.to_bytes(4, "little") for need in pack.needs)
        numbers = pack.first_record, pack.records, pack.first_name, pack.names
        self._db.query(
            f"INSERT INTO packs VALUES ({', '.join('?' * 18)})",
            (*row.values, sketch, *numbers, needs, pack.columns, pack.texts, recipe),
        )

    def prove(self, row: Row, expected: Iterable[tuple[bytes, bytes]]) -> None:
        """Read what was inserted again; raises Unfit if it differs."""
        self._kernels.forget()
        found = [(b"", self._kernels.rebuilt(row))] if row.part == VMLINUX else self._kernels.rebuilt_modules(row)
        for (name, data), (expected_name, wanted) in zip(found, expected, strict=True):
            if name != expected_name or data != wanted:
                raise Unfit("differs") if row.part == VMLINUX else UnfitModule(expected_name, "differs")

    def _parents(self, sketch: bytes, pos: int) -> tuple[Row | None, list[int]]:
        """The kernel to write another one against, and the packs that may be referred to: of that kernel and of a second."""
        own = frozenset(sketch[at : at + 4] for at in range(0, len(sketch), 4))
        candidates = []
        for number, kernel_pos, other in self._db.query(
            "SELECT packs.id, pos, sketch FROM packs JOIN kernels ON kernels.id = kernel WHERE part = 0 AND whole = 0"
        ):
            theirs = frozenset(other[at : at + 4] for at in range(0, len(other), 4))
            candidates.append((len(own & theirs), -abs(kernel_pos - pos), number, theirs))
        if not candidates:
            return None, []
        most = max(candidates)[0]
        best = max((near, number, theirs) for count, near, number, theirs in candidates if count >= most - LIKELY)
        missing = own - best[2]
        others = [(len(missing & theirs), near, number) for _, near, number, theirs in candidates if number != best[1]]
        visible = {best[1], *self._db.pack(best[1], is_whole=False).needs}
        if others:
            second = max(others)[2]
            visible |= {second, *self._db.pack(second, is_whole=False).needs}
        return self._above(self._db.row_of_pack(best[1])), sorted(visible)

    def _above(self, row: Row) -> Row:
        """A kernel, or, if too many are above it, an ancestor with half as many: what sequences are written against should be
        near, while records may come from anywhere."""
        if row.depth < DEEPEST:
            return row
        while row.depth > DEEPEST // 2 and row.parent is not None:
            row = self._db.row_of_pack(row.parent)
        return row

    # ---- modules -------------------------------------------------------------------------------------------------

    def _add_modules(self, kernel: Row, btf: Btf, named: list[tuple[bytes, Btf]]) -> Row:
        blobs = [(name, module.blob) for name, module in named]
        size, digest = sum(len(blob) for _, blob in blobs), digest_of(blobs)
        row = Row(0, kernel.kernel, MODULES, None, 0, 0, size, len(named), digest)
        whole: dict[bytes, bytes] = {}
        for name, module in named:
            try:
                demand_plain(module)
                if kernel.whole:
                    raise Unfit("so is its kernel")
            except Unfit:
                whole[name] = module.blob
        for _ in range(MOST_TRIES):
            self._kernels.forget()
            try:
                self._try_modules(row, kernel, btf, named, whole)
                return row
            except UnfitModule as error:
                whole[error.name] = next(blob for name, blob in blobs if name == error.name)
                self._db.query("DELETE FROM packs WHERE kernel = ? AND part = ?", (row.kernel, row.part))
        self._kernels.forget()
        self._try_modules(row, kernel, btf, named, dict(blobs))
        return row

    def _try_modules(
        self, row: Row, kernel: Row, btf: Btf, named: list[tuple[bytes, Btf]], whole: dict[bytes, bytes]
    ) -> None:
        number, first_record, first_name = self._db.numbers()
        blobs = [(name, module.blob) for name, module in named]
        row.id, row.parent, row.depth, row.whole = number, None, 0, int(len(whole) == len(named))
        if row.whole:
            pack = Pack(number, first_record, 0, first_name, 0, (), b"", b"")
            recipe = pack_modules(only_whole([name for name, _ in named], whole), [])
            self._insert(row, b"", pack, recipe)
            self.prove(row, blobs)
            return
        found = self._kernels.sequences(kernel)
        above = self._db.row_of_pack(kernel.parent) if kernel.parent is not None else None
        parent = self._db.row(above.kernel, MODULES) if above is not None else None
        parents: dict[bytes, Sequences] = {}
        names: list[bytes] = []
        packs: list[int] = []
        if parent is not None and not parent.whole:
            parents, recipe_above = self._kernels.modules_sequences(parent)
            names, packs = recipe_above.names, [*self._db.pack(parent.id, is_whole=False).needs, parent.id]
            row.parent, row.depth = parent.id, parent.depth + 1
        encoder = Encoder(self._kernels.shelf, [*self._db.pack(kernel.id, is_whole=False).needs, kernel.id])
        encoder.base(btf, found)
        coded = encoder.modules(named, parents, packs, number, first_record, first_name, whole)
        self._insert(row, b"", coded.pack, pack_modules(coded.recipe, names))
        self.prove(row, blobs)


def _sketch(btf: Btf) -> bytes:
    """The least hashes of a kernel's records; two kernels that share many records share many of them."""
    from btfkit.hot.record_labels import sketch

    least = 1 << 32
    if len(btf.positions) > 64 * SKETCH:
        least = (1 << 32) * 8 * SKETCH // len(btf.positions)
    out = zeros(len(btf.positions))
    count = sketch(btf.words, btf.positions, btf.strings, btf.start_str_off, btf.table, least, out)
    return b"".join(number.to_bytes(4, "big") for number in sorted(set(out[:count]))[:SKETCH])
