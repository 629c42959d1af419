"""Packs of records, and the recipes of kernels: what an atlas has in its BLOBs, and the BTF again out of them.

A pack has the records and names that some vmlinux, or the modules of a kernel, added to the atlas.  It refers to records in other
packs, `needs`, and to no others.  A recipe states of which records and strings a BTF consists, against those of its parent.

    shelf = Shelf(fetch, records, names)           # fetch(pack id) returns a Pack
    blob = rebuild_kernel(shelf, recipes)          # the recipes of a kernel and its ancestors, the oldest first

What is read is checked against its own lengths, and by the digest of the result: damage is a FormatError, never other bytes.
"""

from __future__ import annotations

from struct import pack as pack_words

from btfkit.atlas.columns import LEAST_DICTIONARY, ColumnReader, pack_columns
from btfkit.btf.header import NATIVE, swap_words
from btfkit.btf.spec import TABLE
from btfkit.errors import FormatError
from btfkit.files.compression import pack_zstd, unpack_zstd
from btfkit.hot.order import Order
from btfkit.hot.rebuild import Ids, place_names, rebuild, unplace_names, write_names
from btfkit.hot.record_store import RecordStore, first_uses, pages, replaced, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RECORD_COLUMNS = 11  # as in hot/record_store.py
ORDER_COLUMNS = 6  # as in hot/order.py
MOST = 1 << 27  # words in a pack or recipe: 512 MiB
LARGEST = 1 << 28  # bytes of a BTF, and of the names of a pack
BY_PARENT, BY_USE = 0, 1  # ... and that of strings: the parent's, or their first use by the records
EMPTY = zeros(0)
HEADER = 6  # words

Damaged = (ValueError, IndexError, OverflowError)  # of the loops


class Blaming:
    """Turns what the loops raise for damaged columns into a FormatError that names the pack."""

    __slots__ = ("_number", "_source")

    def __init__(self, number: int, source: str) -> None:
        self._number = number
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Damaged):
            raise FormatError(f"damaged: pack {self._number}: {error}", source=self._source) from None


class Pack:
    """The records numbered from `first_record` on and the names from `first_name` on; `needs` are the ids of other packs."""

    __slots__ = ("columns", "first_name", "first_record", "id", "names", "needs", "records", "texts")

    def __init__(
        self,
        id: int,
        first_record: int,
        records: int,
        first_name: int,
        names: int,
        needs: tuple[int, ...],
        columns: bytes,
        texts: bytes,
    ) -> None:
        self.id = id
        self.first_record = first_record
        self.records = records
        self.first_name = first_name
        self.names = names
        self.needs = needs
        self.columns = columns
        self.texts = texts


class Shelf:
    """Packs in memory, loaded on demand; `fetch(id)` returns a Pack, `records` and `names` are above all numbers.

    `source` names the atlas in messages.
    """

    def __init__(self, fetch: Callable[[int], Pack], records: int, names: int, source: str = "atlas") -> None:
        self.store = RecordStore(TABLE, records, names)
        self.loaded: dict[int, Pack] = {}
        self.source = source
        self._fetch = fetch
        self.rebuilder: Rebuilder | None = None  # of kernels
        self._aliases: list[int] = []
        self._name_aliases: list[int] = []

    def load(self, ids: Iterable[int]) -> None:
        """Load packs, the needed ones first, unless they are here."""
        for number in sorted(ids):
            if number in self.loaded:
                continue
            found = self._fetch(number)
            if any(need >= number for need in found.needs):
                raise FormatError(f"damaged: pack {number} needs a later one", source=self.source)
            self.load(found.needs)
            with Blaming(number, self.source):
                self._load(found)
            self.loaded[number] = found

    def _load(self, found: Pack) -> None:
        store, source = self.store, f"{self.source}, pack {found.id}"
        if found.first_record + found.records > len(store.at) or found.first_name + found.names > len(store.name_at):
            raise FormatError("damaged: it has more records or names than the atlas", source=source)
        if found.names:
            store.add_names(unpack_text(found.texts, source), found.first_name, found.names)
        if not found.records:
            return
        reader = ColumnReader(found.columns, source, MOST, 1 + RECORD_COLUMNS)
        coded = reader.take(0)
        if len(coded) != found.records:
            raise FormatError(f"damaged: {len(coded)} records, expected {found.records}", source=source)
        before = zeros(found.records)
        store.predecessors(found.first_record, coded, before)
        models = dictionaries(store, before, found.first_record)
        columns = [reader.take(1 + number, models[number] if models else None) for number in range(RECORD_COLUMNS)]
        store.load(found.first_record, before, columns)

    def equate(self, records: Sequence[int], names: Sequence[int]) -> None:
        """Make labels and names stand for others: pairs (number, the one that it equals).  What was equated before is undone."""
        store = self.store
        for number in self._aliases:
            store.same_record[number] = 0
        for number in self._name_aliases:
            store.same_name[number] = 0
        self._aliases = list(records[::2])
        self._name_aliases = list(names[::2])
        for at in range(0, len(records), 2):
            store.same_record[records[at]] = records[at + 1]
        for at in range(0, len(names), 2):
            store.same_name[names[at]] = names[at + 1]


def texts_of(names: Sequence[bytes]) -> bytes:
    """Names one after the other, each followed by a NUL."""
    return b"".join(name + b"\0" for name in names)


def pack_text(names: Sequence[bytes], dictionary: bytes = b"") -> bytes:
    """Names as bytes: their size, then zstd, with a `dictionary`, unless that is short."""
    data = texts_of(names)
    if len(dictionary) < LEAST_DICTIONARY:
        dictionary = b""
    return pack_words("<I", len(data)) + (pack_zstd(data, 19, dictionary=dictionary) if data else b"")


def unpack_text(blob: bytes, source: str, dictionary: bytes = b"") -> bytes | bytearray:
    """What `pack_text` packed, each name followed by a NUL."""
    size = int.from_bytes(blob[:4], "little")
    if len(blob) < 4 or size > LARGEST:
        raise FormatError("damaged: the size of its names", source=source)
    if len(dictionary) < LEAST_DICTIONARY:
        dictionary = b""
    return unpack_zstd(memoryview(blob)[4:], size, dictionary, source=source) if size else b""


def dictionaries(store: RecordStore, before: memoryview, first: int) -> list[memoryview]:
    """The columns of the records that new ones, from number `first` on, replace; none if they replace none."""
    if not bytes(before).strip(b"\0"):
        return []
    known = zeros(len(before))
    known = known[: replaced(before, first, known)]
    return columns_of(store, known, known) if len(known) else []


def columns_of(store: RecordStore, numbers: memoryview, before: memoryview) -> list[memoryview]:
    """The columns of records; see `RecordStore.write`."""
    lengths = zeros(RECORD_COLUMNS)
    store.lengths(numbers, before, lengths)
    columns = [zeros(length) for length in lengths]
    store.write(numbers, before, columns)
    return columns


def coded_predecessors(before: Sequence[int]) -> memoryview:
    """The numbers of replaced records as differences; see `RecordStore.predecessors`."""
    coded, last = zeros(len(before)), 0
    for place, number in enumerate(before):
        if number:
            difference, last = number - last, number
            coded[place] = 1 + (2 * difference if difference >= 0 else -2 * difference - 1)
    return coded


# ---- recipes -----------------------------------------------------------------------------------------------------


class Recipe:
    """Of what a BTF consists: the numbers of its records and strings against those of its parent, the choices, and which labels
    and names are equal although they have several numbers (pairs).

    `big` is 1 if it is big-endian.  `by_name` is how many records are written first, then sorted by name, as the reference of
    all (0: there is no such order), and `strings_by` is BY_PARENT or BY_USE.
    """

    __slots__ = (
        "big",
        "by_name",
        "choices",
        "order",
        "records",
        "same_names",
        "same_records",
        "string_order",
        "strings",
        "strings_by",
    )

    def __init__(
        self,
        big: int,
        records: int,
        strings: int,
        by_name: int,
        strings_by: int,
        order: list[memoryview],
        string_order: list[memoryview],
        choices: memoryview,
        same_records: memoryview,
        same_names: memoryview,
    ) -> None:
        self.big = big
        self.records = records
        self.strings = strings
        self.by_name = by_name
        self.strings_by = strings_by
        self.order = order
        self.string_order = string_order
        self.choices = choices
        self.same_records = same_records
        self.same_names = same_names


PARAMETERS = 5


def pack_recipe(recipe: Recipe) -> bytes:
    """The bytes of a recipe."""
    head = words_of((recipe.big, recipe.records, recipe.strings, recipe.by_name, recipe.strings_by))
    return pack_columns(
        [head, *recipe.order, *recipe.string_order, recipe.choices, recipe.same_records, recipe.same_names]
    )


def unpack_recipe(blob: bytes, source: str) -> Recipe:
    """What `pack_recipe` packed."""
    reader = ColumnReader(blob, source, MOST, 4 + 2 * ORDER_COLUMNS)
    head, *columns = (reader.take(number) for number in range(4 + 2 * ORDER_COLUMNS))
    if len(head) != PARAMETERS or max(head[1:4]) > MOST:
        raise FormatError("damaged: the head of a recipe", source=source)
    order, string_order = columns[:ORDER_COLUMNS], columns[ORDER_COLUMNS : 2 * ORDER_COLUMNS]
    big, records, strings, by_name, strings_by = head
    choices, same_records, same_names = columns[2 * ORDER_COLUMNS :]
    numbers = big, records, strings, by_name, strings_by
    return Recipe(*numbers, order, string_order, choices, same_records, same_names)


def words_of(values: Iterable[int]) -> memoryview:
    """Numbers as words."""
    from array import array

    return memoryview(array("I", values))


class Sequences:
    """The numbers of the records and of the strings of a BTF, and the columns that are left."""

    __slots__ = ("records", "strings")

    def __init__(
        self,
        records: memoryview,
        strings: memoryview,
    ) -> None:
        self.records = records
        self.strings = strings


def sequences(shelf: Shelf, recipe: Recipe, parent: Sequences, found: Pack) -> Sequences:
    """The numbers of the records and strings of a recipe, against those of its `parent`; `found` is its own pack, which is loaded
    if the recipe refers to it."""
    store = shelf.store
    records, strings = zeros(recipe.records), zeros(recipe.strings)
    order = Order(recipe.order, found.first_record)
    reference, limit = parent.records, found.first_record + found.records
    if recipe.by_name:
        shelf.load((*found.needs, found.id))
        chosen = zeros(recipe.by_name)
        order.take(chosen, reference, limit)
        store.total(chosen)
        reference = in_order_of_names(store, chosen)
    order.take(records, reference, limit)
    reference = parent.strings
    if recipe.strings_by == BY_USE:
        shelf.load((*found.needs, found.id))
        shelf.equate(recipe.same_records, recipe.same_names)
        reference = used_names(store, records)
    Order(recipe.string_order, found.first_name).take(strings, reference, found.first_name + found.names)
    return Sequences(records, strings)


NO_SEQUENCES = Sequences(EMPTY, EMPTY)


def used_names(store: RecordStore, records: memoryview) -> memoryview:
    """The names that records use, in the order of their first use."""
    out = pages(len(store.name_at))
    return out[: first_uses(store, records, bytearray(len(store.name_at)), out)]


def in_order_of_names(store: RecordStore, numbers: Sequence[int]) -> memoryview:
    """Numbers of records, sorted by name; those without one come first, and equal ones stay in their order."""
    words, at = store.words, store.at
    names = [store.name(words[at[number]]) for number in numbers]
    return words_of(numbers[place] for place in sorted(range(len(numbers)), key=names.__getitem__))


def standard_head(words: int, strings: int, order: str) -> bytes:
    """The header of a BTF of so many words and bytes of strings, as the kernel's build writes it."""
    mark = "<" if order == "little" else ">"
    return pack_words(mark + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, 4 * words, 4 * words, strings)


class Rebuilder:
    """Rebuilds a kernel and then its modules, split BTF on it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.labels = len(shelf.store.at)
        self.ids = Ids(self.labels)
        self.offsets = pages(len(shelf.store.name_at))
        self.end = 0  # of the strings so far
        self.has_base = False

    @property
    def has_room(self) -> bool:
        """Whether there is room for all records and names of the shelf."""
        return self.labels >= len(self.shelf.store.at) and len(self.offsets) >= len(self.shelf.store.name_at)

    def add_base(self, found: Sequences) -> None:
        """Take the types and strings of a kernel as the base of what follows."""
        self.ids.add(self.shelf.store, found.records)
        self.end = place_names(self.shelf.store, found.strings, self.end, self.offsets)
        self.ids.begin_layer()
        self.has_base = True

    def words_and_strings(self, found: Sequences, choices: memoryview, at_choice: int) -> tuple[memoryview, int, int]:
        """The BTF of so many words on the base so far, with room for a header, and the number of the first choice that was not
        used."""
        store, start, first_id = self.shelf.store, self.end, self.ids.end
        size = store.total(found.records) if len(found.records) else 0
        if size > LARGEST // 4:
            raise ValueError(f"more than {LARGEST} bytes")
        self.ids.add(store, found.records)
        end = place_names(store, found.strings, start, self.offsets)
        if end - start > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        room = pages(HEADER + size + (end - start + 3) // 4)
        at_choice = rebuild(
            store, self.ids, self.offsets, found.records, choices, at_choice, room[HEADER : HEADER + size]
        )
        blob = room.cast("B")[: 4 * (HEADER + size) + end - start]
        write_names(store, found.strings, blob[4 * (HEADER + size) :])
        if self.has_base:
            self.ids.restore(first_id)
        else:
            self.ids.clear(store, found.records)
        unplace_names(store, found.strings, start, self.offsets)
        return blob, size, at_choice


def rebuild_kernel(shelf: Shelf, found: Sequences, recipe: Recipe, pack: Pack) -> memoryview:
    """The BTF of a kernel.  Raises FormatError if its pack or recipe is damaged."""
    shelf.load((*pack.needs, pack.id))
    with Blaming(pack.id, shelf.source):
        shelf.equate(recipe.same_records, recipe.same_names)
        if shelf.rebuilder is None or not shelf.rebuilder.has_room:
            shelf.rebuilder = Rebuilder(shelf)
        rebuilder, shelf.rebuilder = shelf.rebuilder, None  # it is of no use after an error
        blob, words, used = rebuilder.words_and_strings(found, recipe.choices, 0)
        shelf.rebuilder = rebuilder
    if used != len(recipe.choices):
        raise FormatError(f"damaged: pack {pack.id} has choices that nothing needs", source=shelf.source)
    finish(blob, words, recipe.big)
    return blob


def finish(blob: memoryview, words: int, big: int) -> None:
    """Write the header of a BTF of so many words, and give them their byte order."""
    order = "big" if big else "little"
    start, end = 4 * HEADER, 4 * (HEADER + words)
    if order != NATIVE:
        blob[start:end] = swap_words(blob[start:end]).cast("B")
    blob[:start] = standard_head(words, len(blob) - end, order)
