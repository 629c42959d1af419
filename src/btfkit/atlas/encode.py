"""A kernel as a pack and a recipe: which of its records an atlas has already, and what is new.

    encoder = Encoder(shelf, visible)              # packs that may be referred to
    coded = encoder.kernel(btf, parent, pack_id, first_record, first_name)

BTF that does not fit the model (another header, names inside of strings, ...) raises Unfit: it is kept whole.  Whether what was
encoded gives the same bytes again is for the caller to prove.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from btfkit.atlas.columns import pack_columns
from btfkit.atlas.module_packs import WHOLE, ModulesRecipe, difference, mark_names, used_by_module
from btfkit.atlas.packs import (
    BY_PARENT,
    BY_USE,
    EMPTY,
    NO_SEQUENCES,
    ORDER_COLUMNS,
    RECORD_COLUMNS,
    Pack,
    Recipe,
    Sequences,
    coded_predecessors,
    columns_of,
    dictionaries,
    in_order_of_names,
    pack_text,
    standard_head,
    used_names,
    words_of,
)
from btfkit.btf.spec import TABLE
from btfkit.hot import scan
from btfkit.hot.identity import Interner
from btfkit.hot.order import Aligner, Order
from btfkit.hot.rebuild import Ids, choices
from btfkit.hot.record_labels import KernelRecords, Known, StoredRecords
from btfkit.hot.record_store import zeros
from btfkit.hot.strings import random_prime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.atlas.packs import Shelf
    from btfkit.btf.btf import Btf
    from btfkit.hot.record_store import RecordStore

LEAST_PIECES = 1024  # of an order, before another one is tried
LEAST_RECORDS = 256  # of a pack: if it would give fewer, they are stored again


class Unfit(Exception):
    """BTF that the records and recipes of an atlas cannot express."""


class Coded(NamedTuple):
    """A kernel's `pack` and `recipe`, and the sequences that they stand for."""

    pack: Pack
    recipe: Recipe
    sequences: Sequences


class UnfitModule(Unfit):
    """A module that cannot be expressed: its `name`."""

    def __init__(self, name: bytes, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class CodedModules(NamedTuple):
    """The modules of a kernel: their `pack` and `recipe`, and the sequences of each."""

    pack: Pack
    recipe: ModulesRecipe
    sequences: dict[bytes, Sequences]


def _joined(parents: dict[bytes, Sequences]) -> memoryview:
    """The records of all modules."""
    return memoryview(b"".join(bytes(one.records) for one in parents.values())).cast("I")


def demand_plain(btf: Btf) -> None:
    """Raise Unfit unless the BTF is its header, types and strings, and nothing else."""
    header = btf.header
    expected = standard_head(len(btf.words), len(btf.strings), header.order)
    if bytes(btf.blob[:24]) != expected or len(btf.blob) != 24 + 4 * len(btf.words) + len(btf.strings):
        raise Unfit("a header, or sections, other than those of the kernel's build")
    if btf.table != TABLE:
        raise Unfit("kinds that are not known")


class Encoder:
    """Encodes a kernel, and then its modules, against the packs `visible` of `shelf`."""

    def __init__(self, shelf: Shelf, visible: Sequence[int]) -> None:
        shelf.load(visible)
        self.shelf = shelf
        self.visible = sorted(visible)
        self.known = Known(Interner(random_prime() << 32 | random_prime()))
        self.stored = StoredRecords(self.known, shelf.store)
        self.equal_records: list[int] = []
        self.equal_names: list[int] = []
        self._add(self.visible)

    def _add(self, ids: Sequence[int]) -> None:
        for number in ids:
            pack = self.shelf.loaded[number]
            self.equal_names += self.stored.add_names(pack.first_name, pack.names)
            self.equal_records += self.stored.add_records(pack.first_record, pack.records)

    def kernel(self, btf: Btf, parent: Sequences, number: int, first_record: int, first_name: int) -> Coded:
        """Encode a vmlinux as the pack `number`, which begins with the given numbers, on the records and strings of `parent`."""
        demand_plain(btf)
        try:
            return self._kernel(btf, parent, number, first_record, first_name)
        except ValueError as error:
            raise Unfit(str(error)) from None

    def _kernel(self, btf: Btf, parent: Sequences, number: int, first_record: int, first_name: int) -> Coded:
        own = KernelRecords(self.known, btf.words, btf.positions, btf.table, btf.strings, 0, 1, None)
        records, strings = zeros(len(btf.positions)), zeros(bytes(btf.strings).count(0))
        name_end = own.number_names(first_name, strings)
        end = own.number_records(first_record, records)
        fewer = self._needed(records, first_record)
        if fewer != self.visible:
            self.visible, self.equal_records, self.equal_names = fewer, [], []
            self.known.forget()
            self._add(fewer)
            name_end = own.number_names(first_name, strings)
            end = own.number_records(first_record, records)
        shelf, store = self.shelf, self.shelf.store
        store.make_room(end + 1, name_end + 1)
        shelf.equate(self.equal_records, self.equal_names)
        texts = _new_texts(btf, strings, first_name, name_end)
        store.add_names(b"".join(text + b"\0" for text in texts), first_name, len(texts))
        own.store_new(records, first_record, end, store, name_end)
        columns = self._columns(parent.records, first_record, end)
        pack = Pack(
            number,
            first_record,
            end - first_record,
            first_name,
            len(texts),
            tuple(self.visible),
            columns,
            pack_text(texts),
        )
        shelf.loaded[number] = pack
        found = Sequences(records, strings)
        writer = Writer(end + 1, name_end + 1, first_record, first_name)
        is_sorted = scan.is_sorted(btf.words, btf.positions, b"\0", btf.strings, 0) >= 0
        by_name = writer.add_records(records, parent.records, store if is_sorted else None)
        strings_by = writer.add_strings(strings, parent.strings, used_names(store, records))
        ids = Ids(end + 1)
        ids.add(store, records)
        chosen = zeros(len(btf.words))
        chosen = chosen[: choices(store, ids, records, btf.words, btf.positions, chosen)]
        recipe = Recipe(
            int(btf.header.order == "big"),
            len(records),
            len(strings),
            by_name,
            strings_by,
            writer.order.columns(),
            writer.string_order.columns(),
            chosen,
            words_of(self.equal_records),
            words_of(self.equal_names),
        )
        return Coded(pack, recipe, found)

    def base(self, btf: Btf, found: Sequences) -> None:
        """Take the kernel `btf`, of the records and strings `found`, whose pack is visible, as the base of modules."""
        self.btf, self.found = btf, found
        self.own = KernelRecords(self.known, btf.words, btf.positions, btf.table, btf.strings, 0, 1, None)

    def modules(
        self,
        modules: Sequence[tuple[bytes, Btf]],
        parents: dict[bytes, Sequences],
        parent_packs: Sequence[int],
        number: int,
        first_record: int,
        first_name: int,
        whole: dict[bytes, bytes],
    ) -> CodedModules:
        """Encode the modules of the kernel that was given to `base` as the pack `number`, which follows all others.

        `parents` has the records and strings of modules of the same names, in `parent_packs`; `whole` has the bytes of
        modules that do not fit, which are kept whole.  Raises UnfitModule for another one that does not.
        """
        shelf, store = self.shelf, self.shelf.store
        more = sorted({*parent_packs} - {*self.visible})
        shelf.load(more)
        self._add(more)
        shelf.equate(self.equal_records, self.equal_names)
        self.visible = sorted((*self.visible, *more))
        room = sum(len(btf.positions) for _, btf in modules)
        name_room = sum(bytes(btf.strings).count(0) for _, btf in modules)
        store.make_room(first_record + room + 1, first_name + name_room + 1)
        written = ModulesWriter(self, first_record, first_name, room, name_room)
        for name, btf in modules:
            if name in whole:
                written.counts.append((0, 0, WHOLE))
                continue
            try:
                written.add(name, btf, parents.get(name, NO_SEQUENCES))
            except (Unfit, ValueError) as error:
                raise UnfitModule(name, str(error)) from None
        columns = self._columns(_joined(parents), first_record, written.end)
        records, names = written.end - first_record, len(written.texts)
        needs, texts = tuple(self.visible), pack_text(written.texts)
        pack = Pack(number, first_record, records, first_name, names, needs, columns, texts)
        recipe = written.recipe([name for name, _ in modules], whole)
        return CodedModules(pack, recipe, written.sequences)

    def _needed(self, records: memoryview, first: int) -> list[int]:
        """The visible packs that give enough records, and those that they need."""
        packs = [self.shelf.loaded[number] for number in self.visible]
        ordered = sorted(records)
        places = [bisect_left(ordered, begin) for begin in (*(pack.first_record for pack in packs), first)]
        needed: set[int] = set()
        for place in range(len(packs) - 1, -1, -1):
            if packs[place].id in needed or places[place + 1] - places[place] >= LEAST_RECORDS:
                needed |= {packs[place].id, *packs[place].needs}
        return sorted(needed)

    def _columns(self, parent: memoryview, first: int, end: int) -> bytes:
        """The columns of the records from `first` on."""
        store = self.shelf.store
        if first == end:
            return pack_columns([EMPTY] * (1 + RECORD_COLUMNS))
        latest = zeros(end)
        for number in self.visible:
            pack = self.shelf.loaded[number]
            self.stored.newest(words_of(range(pack.first_record, pack.first_record + pack.records)), latest)
        self.stored.newest(parent, latest)
        before = zeros(end - first)
        for number in range(first, end):
            label = store.label[number]
            if label != number:
                before[number - first] = latest[label] or label
            latest[label] = number if label >= first else latest[label]
        columns = columns_of(store, words_of(range(first, end)), before)
        return pack_columns([coded_predecessors(before), *columns], [None, *dictionaries(store, before, first)])


class ModulesWriter:
    """Writes the modules of the kernel that is the base of an `encoder`, one after the other; `room` and `name_room` are the
    records and strings of all of them."""

    def __init__(self, encoder: Encoder, first_record: int, first_name: int, room: int, name_room: int) -> None:
        self._encoder = encoder
        self._store = store = encoder.shelf.store
        self._writer = Writer(first_record + room + 1, first_name + name_room + 1, first_record, first_name)
        self._ids = Ids(first_record + room + 1)
        self._ids.add(store, encoder.found.records)
        self._ids.begin_layer()
        self._base_end = self._ids.end
        self._seen = bytearray(first_name + name_room + 1)
        mark_names(store, encoder.found.strings, self._seen)
        self.end, self._name_end = first_record, first_name
        self.texts: list[bytes] = []
        self.sequences: dict[bytes, Sequences] = {}
        self.counts: list[tuple[int, ...]] = []
        self._choices: list[bytes] = []

    def add(self, name: bytes, btf: Btf, parent: Sequences) -> None:
        """Add a module, of which the parent has the sequences `parent`."""
        demand_plain(btf)
        encoder, store = self._encoder, self._store
        start = btf.start_str_off, btf.start_id
        own = KernelRecords(encoder.known, btf.words, btf.positions, btf.table, btf.strings, *start, encoder.own)
        one = Sequences(zeros(len(btf.positions)), zeros(bytes(btf.strings).count(0)))
        old_name, old = self._name_end, self.end
        self._name_end = own.number_names(old_name, one.strings)
        self.end = own.number_records(old, one.records)
        new = _new_texts(btf, one.strings, old_name, self._name_end)
        store.add_names(b"".join(text + b"\0" for text in new), old_name, len(new))
        own.store_new(one.records, old, self.end, store, self._name_end)
        self.texts += new
        self._writer.add_records(one.records, parent.records)
        by = self._writer.add_strings(one.strings, parent.strings, used_by_module(store, one.records, self._seen))
        self._ids.add(store, one.records)
        chosen = zeros(len(btf.words))
        chosen = chosen[: choices(store, self._ids, one.records, btf.words, btf.positions, chosen)]
        self._ids.restore(self._base_end)
        self._choices.append(bytes(chosen))
        sizes = (len(one.records), len(parent.records)), (len(one.strings), len(parent.strings))
        self.counts.append((*(difference(now, other) for now, other in sizes), by))
        self.sequences[name] = one

    def recipe(self, names: list[bytes], whole: dict[bytes, bytes]) -> ModulesRecipe:
        """The recipe of all modules, those that are kept `whole` among them."""
        records, strings, strings_by = [words_of(column) for column in zip(*self.counts, strict=True)] or [EMPTY] * 3
        return ModulesRecipe(
            int(self._encoder.btf.header.order == "big"),
            names,
            records,
            strings,
            strings_by,
            self._writer.order.columns(),
            self._writer.string_order.columns(),
            memoryview(b"".join(self._choices)).cast("I"),
            words_of(self._encoder.equal_records),
            words_of(self._encoder.equal_names),
            whole,
        )


class Writer:
    """Writes sequences of records and of strings, one BTF after another; numbers are below `records` and `names`."""

    def __init__(self, records: int, names: int, first_record: int, first_name: int) -> None:
        self.order = Order([zeros(0) for _ in range(ORDER_COLUMNS)], first_record)
        self.string_order = Order([zeros(0) for _ in range(ORDER_COLUMNS)], first_name)
        self._records = Aligner(records)
        self._names = Aligner(names)

    def add_records(self, numbers: memoryview, parent: memoryview, store: RecordStore | None = None) -> int:
        """Add the records of a BTF against those of its parent, or, if they are sorted by name (`store` is given), against that
        order, if there are fewer pieces.  Returns the `Recipe.by_name`."""
        match = zeros(len(numbers))
        pieces = self._records.align(numbers, parent, match)
        if store is not None and pieces >= LEAST_PIECES:
            kept = sorted(place for place in match if place)
            words, at = store.words, store.at
            rest = [number for number, place in zip(numbers, match, strict=True) if not place]
            rest = sorted(number for number in rest if store.name_length[words[at[number]]])  # others stay runs
            chosen = words_of([*(parent[place - 1] for place in kept), *rest])
            ordered = in_order_of_names(store, chosen)
            by_parent, by_name = zeros(len(numbers)), zeros(len(numbers))
            both = self._records.align(chosen, parent, by_parent) + self._records.align(numbers, ordered, by_name)
            if both < pieces:
                self.order.add(chosen, parent, by_parent)
                self.order.add(numbers, ordered, by_name)
                return len(chosen)
        self.order.add(numbers, parent, match)
        return 0

    def add_strings(self, numbers: memoryview, parent: memoryview, used: memoryview) -> int:
        """Add the strings of a BTF against those of its parent, or against the order of first `used`, which has fewer pieces."""
        by_parent, by_use = zeros(len(numbers)), zeros(len(numbers))
        if self._names.align(numbers, parent, by_parent) <= self._names.align(numbers, used, by_use):
            self.string_order.add(numbers, parent, by_parent)
            return BY_PARENT
        self.string_order.add(numbers, used, by_use)
        return BY_USE


def _new_texts(btf: Btf, strings: memoryview, first: int, end: int) -> list[bytes]:
    """The strings that were numbered from `first` on."""
    texts: list[bytes] = []
    if first == end:
        return texts
    for text, number in zip(bytes(btf.strings).split(b"\0"), strings, strict=False):
        if number == first + len(texts):
            texts.append(text)
    return texts
