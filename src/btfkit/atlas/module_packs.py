"""The recipes of modules: what an atlas has for all modules of a kernel, and their BTF again out of it.

    recipe = unpack_modules(blob, parent_names, source)
    found = modules_sequences(shelf, recipe, parents, pack, base)
    for name, data in rebuild_modules(shelf, recipe, found, pack, base): ...

Damage is a FormatError, as in packs.py.
"""

from __future__ import annotations

from struct import pack as pack_words
from struct import unpack_from

from btfkit.atlas.columns import ColumnReader, pack_columns
from btfkit.atlas.packs import (
    BY_USE,
    EMPTY,
    LARGEST,
    MOST,
    NO_SEQUENCES,
    ORDER_COLUMNS,
    Blaming,
    Rebuilder,
    Sequences,
    finish,
    pack_text,
    texts_of,
    unpack_text,
    words_of,
)
from btfkit.errors import FormatError
from btfkit.files.compression import pack_zstd, unpack_zstd
from btfkit.hot.order import Order
from btfkit.hot.record_store import first_uses, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.atlas.packs import Pack, Shelf
    from btfkit.hot.record_store import RecordStore


class ModulesRecipe:
    """Of what the modules of a kernel consist, one after another: their `names`, the number of records and strings of each (see
    `difference`), by what their strings are ordered (see `Recipe`), and the columns of all of them.

    `whole` has the bytes of those that do not fit the model, by name; their numbers are 0.
    """

    __slots__ = (
        "big",
        "choices",
        "names",
        "order",
        "records",
        "same_names",
        "same_records",
        "string_order",
        "strings",
        "strings_by",
        "whole",
    )

    def __init__(
        self,
        big: int,
        names: list[bytes],
        records: memoryview,
        strings: memoryview,
        strings_by: memoryview,
        order: list[memoryview],
        string_order: list[memoryview],
        choices: memoryview,
        same_records: memoryview,
        same_names: memoryview,
        whole: dict[bytes, bytes],
    ) -> None:
        self.big = big
        self.names = names
        self.records = records
        self.strings = strings
        self.strings_by = strings_by
        self.order = order
        self.string_order = string_order
        self.choices = choices
        self.same_records = same_records
        self.same_names = same_names
        self.whole = whole


WHOLE = 2  # in `strings_by`: the module is kept whole
_MODULE_COLUMNS = 8 + 2 * ORDER_COLUMNS


def pack_modules(recipe: ModulesRecipe, parent_names: Sequence[bytes]) -> bytes:
    """The bytes of a recipe of modules; those of the parent have the names `parent_names`."""
    whole = [recipe.whole[name] for name in recipe.names if name in recipe.whole]
    blob = pack_columns(
        [
            words_of((recipe.big, len(recipe.names))),
            recipe.records,
            recipe.strings,
            recipe.strings_by,
            *recipe.order,
            *recipe.string_order,
            recipe.choices,
            recipe.same_records,
            recipe.same_names,
            words_of(map(len, whole)),
        ]
    )
    names = pack_text(recipe.names, texts_of(parent_names))
    data = b"".join(whole)
    return b"".join(
        (
            pack_words("<II", len(blob), len(names)),
            blob,
            names,
            pack_zstd(data, 19) if data else b"",
        )
    )


def unpack_modules(blob: bytes, parent_names: Sequence[bytes], source: str) -> ModulesRecipe:
    """What `pack_modules` packed."""
    names = modules_names(blob, parent_names, source)
    at, size = unpack_from("<II", blob)
    reader = ColumnReader(blob[8 : 8 + at], source, MOST, _MODULE_COLUMNS)
    head, records, strings, strings_by, *columns = (reader.take(number) for number in range(_MODULE_COLUMNS))
    lengths = columns.pop()
    count = len(names)
    if len(head) != 2 or {head[1], len(records), len(strings), len(strings_by)} != {count}:
        raise FormatError("damaged: the number of modules of a recipe", source=source)
    if sum(lengths) > LARGEST:
        raise FormatError("damaged: modules that are too large", source=source)
    kept = [name for name, by in zip(names, strings_by, strict=True) if by == WHOLE]
    data = bytes(unpack_zstd(blob[8 + at + size :], sum(lengths), source=source)) if len(lengths) else b""
    if len(kept) != len(lengths):
        raise FormatError("damaged: the number of modules that are kept whole", source=source)
    whole, place = {}, 0
    for name, length in zip(kept, lengths, strict=True):
        whole[name], place = data[place : place + length], place + length
    order, string_order = columns[:ORDER_COLUMNS], columns[ORDER_COLUMNS : 2 * ORDER_COLUMNS]
    choices, same_records, same_names = columns[2 * ORDER_COLUMNS :]
    sizes = head[0], names, records, strings, strings_by
    return ModulesRecipe(*sizes, order, string_order, choices, same_records, same_names, whole)


def modules_names(blob: bytes, parent_names: Sequence[bytes], source: str) -> list[bytes]:
    """The names of the modules of a recipe."""
    at, size = unpack_from("<II", blob) if len(blob) >= 8 else (0, 0)
    if not at or 8 + at + size > len(blob):
        raise FormatError("damaged: the head of a recipe", source=source)
    return bytes(unpack_text(blob[8 + at : 8 + at + size], source, texts_of(parent_names))).split(b"\0")[:-1]


def only_whole(names: list[bytes], whole: dict[bytes, bytes]) -> ModulesRecipe:
    """The recipe of modules that are all kept whole."""
    none = zeros(len(names))
    columns = [EMPTY] * ORDER_COLUMNS
    return ModulesRecipe(
        0, names, none, none, words_of(WHOLE for _ in names), columns, columns, EMPTY, EMPTY, EMPTY, whole
    )


def difference(value: int, parent: int) -> int:
    """A number as its difference to that of the parent, which is never negative: twice it, or, if it is below 0, one less than
    twice its amount."""
    return 2 * (value - parent) if value >= parent else 2 * (parent - value) - 1


def sum_of(coded: int, parent: int) -> int:
    """The number of which `difference` is `coded`."""
    return parent - (coded + 1) // 2 if coded & 1 else parent + coded // 2


def modules_sequences(
    shelf: Shelf, recipe: ModulesRecipe, parents: dict[bytes, Sequences], found: Pack, base: Sequences
) -> dict[bytes, Sequences]:
    """The records and strings of the modules of a recipe, against those of the same names in `parents`; `base` is their kernel.

    If one of them is ordered by first use, packs are loaded, and labels and names equated as the recipe has it.
    """
    result: dict[bytes, Sequences] = {}
    order, string_order = Order(recipe.order, found.first_record), Order(recipe.string_order, found.first_name)
    store = shelf.store
    most = MOST
    seen = None
    if any(by == BY_USE for by in recipe.strings_by):
        shelf.load((*found.needs, found.id))
        shelf.equate(recipe.same_records, recipe.same_names)
        seen = bytearray(len(store.name_at))
        mark_names(store, base.strings, seen)
    for name, records, strings, by in zip(recipe.names, recipe.records, recipe.strings, recipe.strings_by, strict=True):
        if by == WHOLE:
            continue
        parent = parents.get(name, NO_SEQUENCES)
        records, strings = sum_of(records, len(parent.records)), sum_of(strings, len(parent.strings))
        most -= records + strings
        if min(records, strings, most) < 0:
            raise FormatError("damaged: the size of a module", source=shelf.source)
        one = Sequences(zeros(records), zeros(strings))
        order.take(one.records, parent.records, found.first_record + found.records)
        reference = parent.strings
        if by == BY_USE and seen is not None:
            reference = used_by_module(store, one.records, seen)
        string_order.take(one.strings, reference, found.first_name + found.names)
        result[name] = one
    return result


def mark_names(store: RecordStore, strings: memoryview, seen: bytearray) -> None:
    """Set the byte of each of `strings` in `seen`."""
    for number in strings:
        seen[store.same_name[number] or number] = 1


def used_by_module(store: RecordStore, records: memoryview, seen: bytearray) -> memoryview:
    """The names that records use, in the order of first use, without those set in `seen`, which is left as it was."""
    out = zeros(store.total(records) if len(records) else 0)
    used = out[: first_uses(store, records, seen, out)]
    for number in used:
        seen[number] = 0
    return used


def rebuild_modules(
    shelf: Shelf,
    recipe: ModulesRecipe,
    found: dict[bytes, Sequences],
    pack: Pack,
    base: Sequences,
) -> Iterator[tuple[bytes, bytes]]:
    """(name, BTF) of the modules of a kernel, whose records and strings are `base`, in the order of the recipe."""
    shelf.load((*pack.needs, pack.id))
    with Blaming(pack.id, shelf.source):
        shelf.equate(recipe.same_records, recipe.same_names)
        rebuilder = Rebuilder(shelf)
        rebuilder.add_base(base)
        used = 0
        for name in recipe.names:
            if name in recipe.whole:
                yield name, recipe.whole[name]
                continue
            blob, words, used = rebuilder.words_and_strings(found[name], recipe.choices, used)
            finish(blob, words, recipe.big)
            yield name, bytes(blob)
