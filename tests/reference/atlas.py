"""A twin of what reads an atlas (`hot/record_store.py`, `hot/order.py`, `hot/rebuild.py` and `atlas/`): slow, with lists and
dictionaries, and without any of their code."""

from __future__ import annotations

import sqlite3
import struct
from bisect import bisect_left

from btfkit.btf.spec import FUNC_PROTO, KINDS, STRUCT, UNION
from btfkit.files.compression import unpack_zstd

INFO, NAME, SIZE, TYPE, TAIL_TYPE, TAIL, MEMBER, PARAMETER, ELEMENT_TYPE, OFFSET, VALUE = range(11)
COPY, KNOWN, NEW = range(3)
BY_USE, WHOLE = 1, 2
BASE_PART, MODULES_PART = 0, 1


class Columns:
    """The columns of a blob."""

    def __init__(self, blob):
        self.blob = blob
        self.at = 0
        heads = [(self.number(), self.number(), self.number()) for _ in range(self.number())]
        self.parts = []
        for words, used, size in heads:
            self.parts.append((words, used, blob[self.at : self.at + size]))
            self.at += size
        assert self.at == len(blob)

    def number(self):
        value = shift = 0
        while True:
            byte = self.blob[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def column(self, number, model=()):
        words, used, body = self.parts[number]
        planes = [plane for plane in range(4) if used >> plane & 1]
        if not planes:
            return [0] * words
        given = b"".join(bytes(word >> 8 * plane & 255 for word in model) for plane in planes) if used & 16 else b""
        data = bytes(unpack_zstd(body, len(planes) * words, given))
        return [sum(data[place * words + at] << 8 * plane for place, plane in enumerate(planes)) for at in range(words)]


def column_of(kind, slot):
    """The column of word `slot` of a record of a kind."""
    row = KINDS[kind]
    if slot == 2:
        return TYPE if row.third == "type" else SIZE
    if slot < 3 + row.tail_words:
        return TAIL_TYPE if slot - 3 in row.tail_ids else TAIL
    place = (slot - 3 - row.tail_words) % row.elem_words
    if place in row.elem_ids:
        return ELEMENT_TYPE
    if place in row.elem_names:
        return PARAMETER if kind == FUNC_PROTO else MEMBER
    return OFFSET if kind in (STRUCT, UNION) else VALUE


def extent(info):
    """The words of a record."""
    row = KINDS[info >> 24 & 127]
    return 3 + row.tail_words + row.elem_words * (info & 0xFFFFFF)


class Reading:
    """Numbers that are read one after the other, some with a sign."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def take(self):
        return next(self.numbers)

    def signed(self):
        word = next(self.numbers)
        return -((word + 1) >> 1) if word & 1 else word >> 1


class Order:
    """Sequences that are written as what differs from others."""

    def __init__(self, columns, next_new):
        self.kinds, self.lengths, self.starts, self.gaps, self.kept, self.jumps = map(Reading, columns)
        self.next_new = next_new

    def take(self, size, reference):
        pieces, end = [], 0
        for _ in range(self.kept.take()):
            end += self.gaps.take()
            length = self.kept.take()
            pieces.append(reference[end : end + length])
            end += length
        unused = list(range(len(pieces)))
        found, cursor, last = [], 0, 0
        while len(found) < size:
            kind = self.kinds.take()
            if kind == COPY:
                piece = unused.pop(bisect_left(unused, cursor) + self.jumps.signed())
                cursor = piece + 1
                found += pieces[piece]
            elif kind == NEW:
                length = self.lengths.take()
                found += range(self.next_new, self.next_new + length)
                self.next_new += length
            else:
                length = self.lengths.take()
                first = last + self.starts.signed()
                last = first + length
                found += range(first, last)
        return found


class PlainAtlas:
    """The packs of an atlas; nothing is forgotten."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.records, self.labels, self.names = {}, {}, {}
        self.loaded = set()
        self.equal_records, self.equal_names = {}, {}

    def load(self, number):
        if number in self.loaded:
            return
        self.loaded.add(number)
        first, count, first_name, needs, columns, texts = self.db.execute(
            "SELECT first_record, records, first_name, needs, columns, texts FROM packs WHERE id = ?", (number,)
        ).fetchone()
        for (need,) in struct.iter_unpack("<I", needs):
            self.load(need)
        self.names |= enumerate(unpacked_texts(texts), first_name)
        if count:
            self.load_records(first, Columns(columns))

    def load_records(self, first, columns):
        before, last = [], 0
        for coded in columns.column(0):
            if coded:
                last += -(coded >> 1) if coded - 1 & 1 else coded - 1 >> 1
            before.append(last if coded else 0)
        models = [[] for _ in range(11)]
        for number in before:
            if 0 < number < first:
                for column, word in self.words_by_column(self.records[number]):
                    if column != NAME:
                        models[column].append(word)
        readers = [iter(columns.column(1 + number, models[number])) for number in range(11)]
        for number, replaced in enumerate(before, first):
            info = next(readers[INFO])
            kind = info >> 24 & 127
            name = self.records[replaced][0] if replaced else next(readers[NAME])
            rest = [next(readers[column_of(kind, slot)]) for slot in range(2, extent(info))]
            self.records[number] = [name, info, *rest]
            self.labels[number] = self.labels[replaced] if replaced else number

    @staticmethod
    def words_by_column(record):
        yield NAME, record[0]
        yield INFO, record[1]
        for slot in range(2, len(record)):
            yield column_of(record[1] >> 24 & 127, slot), record[slot]

    # ---- recipes -------------------------------------------------------------------------------------------------

    def row(self, kernel, part):
        return self.db.execute(
            "SELECT id, parent, whole, columns, recipe, first_record, first_name FROM packs WHERE kernel = ? AND part = ?",
            (kernel, part),
        ).fetchone()

    def equate(self, records, names):
        self.equal_records = dict(zip(records[::2], records[1::2], strict=True))
        self.equal_names = dict(zip(names[::2], names[1::2], strict=True))

    def name(self, number):
        return self.equal_names.get(number, number)

    def used(self, records, known=()):
        """The names that records use, in the order of first use, without the `known` ones."""
        found = {}
        for number in records:
            for column, word in self.words_by_column(self.records[number]):
                if column in (NAME, MEMBER, PARAMETER) and self.name(word) not in known:
                    found[self.name(word)] = True
        return list(found)

    def kernel_of(self, pack):
        return self.db.execute("SELECT kernel FROM packs WHERE id = ?", (pack,)).fetchone()[0]

    def sequences(self, kernel):
        """(records, strings, byte order, choices) of a vmlinux."""
        pack, parent, _, _, recipe, first, first_name = self.row(kernel, BASE_PART)
        records, strings = self.sequences(self.kernel_of(parent))[:2] if parent is not None else ([], [])
        self.load(pack)
        columns = Columns(recipe)
        big, count, string_count, by_name, strings_by = columns.column(0)
        order = Order([columns.column(1 + number) for number in range(6)], first)
        string_order = Order([columns.column(7 + number) for number in range(6)], first_name)
        choices, same_records, same_names = (columns.column(13 + number) for number in range(3))
        self.equate(same_records, same_names)
        if by_name:
            chosen = order.take(by_name, records)
            records = sorted(chosen, key=lambda number: self.names[self.records[number][0]])
        records = order.take(count, records)
        reference = self.used(records) if strings_by == BY_USE else strings
        return records, string_order.take(string_count, reference), big, choices

    def get(self, kernel):
        """The BTF of a vmlinux."""
        _, _, whole, blob, *_ = self.row(kernel, BASE_PART)
        if whole:
            size = self.db.execute("SELECT size FROM packs WHERE kernel = ? AND part = 0", (kernel,)).fetchone()[0]
            return bytes(unpack_zstd(blob, size))
        records, strings, big, choices = self.sequences(kernel)
        return self.rebuilt(records, strings, big, iter(choices))

    def modules(self, kernel, names_only=False):
        """{name: BTF} of the modules of a kernel, or of one that is a parent: {name: (records, strings)}."""
        pack, parent, whole, _, recipe, first, first_name = self.row(kernel, MODULES_PART)
        above = self.modules(self.kernel_of(parent), names_only=True) if parent is not None else {}
        sizes = struct.unpack_from("<II", recipe)
        columns = Columns(recipe[8 : 8 + sizes[0]])
        model = b"".join(name + b"\0" for name in above)
        names = unpacked_texts(recipe[8 + sizes[0] : 8 + sum(sizes)], model if len(model) >= 64 else b"")
        (big, _), counts, string_counts, strings_by = (columns.column(number) for number in range(4))
        order = Order([columns.column(4 + number) for number in range(6)], first)
        string_order = Order([columns.column(10 + number) for number in range(6)], first_name)
        choices, same_records, same_names, lengths = (columns.column(16 + number) for number in range(4))
        kept = bytes(unpack_zstd(recipe[8 + sum(sizes) :], sum(lengths))) if lengths else b""
        base = None if whole else self.sequences(kernel)
        if not whole:
            self.load(pack)
            self.equate(same_records, same_names)
            known = {self.name(number) for number in base[1]}
        found, choices, lengths = {}, iter(choices), iter(lengths)
        for name, count, string_count, by in zip(names, counts, string_counts, strings_by, strict=True):
            if by == WHOLE:
                size = next(lengths)
                found[name], kept = kept[:size] if not names_only else ([], []), kept[size:]
                continue
            theirs = above.get(name, ([], []))
            size, string_size = (
                len(numbers) + (-((coded + 1) >> 1) if coded & 1 else coded >> 1)
                for numbers, coded in zip(theirs, (count, string_count), strict=True)
            )
            records = order.take(size, theirs[0])
            strings = string_order.take(string_size, self.used(records, known) if by == BY_USE else theirs[1])
            found[name] = (records, strings) if names_only else self.rebuilt(records, strings, big, choices, base)
        return found

    def rebuilt(self, records, strings, big, choices, base=((), ())):
        """A BTF of records and strings, split if there is a `base`; takes its choices."""
        ids, offsets, at = {}, {}, 0
        for number in base[1]:
            offsets.setdefault(self.name(number), at)
            at += len(self.names[number]) + 1
        start = at
        for number in strings:
            offsets.setdefault(self.name(number), at)
            at += len(self.names[number]) + 1
        for type_id, number in enumerate((*base[0], *records), 1):
            ids.setdefault(self.label(self.labels[number]), []).append(type_id)
        chosen = {}
        for label, types in ids.items():
            own = [type_id for type_id in types if type_id > len(base[0])]
            chosen[label] = own[0] if own else types[0]
        words = []
        for number in records:
            for column, word in self.words_by_column(self.records[number]):
                if column in (NAME, MEMBER, PARAMETER):
                    word = offsets[self.name(word)]
                elif column in (TYPE, TAIL_TYPE, ELEMENT_TYPE) and word:
                    label = self.label(word)
                    if len(ids[label]) > 1 and (choice := next(choices)):
                        chosen[label] = ids[label][choice - 1]
                    word = chosen[label]
                words.append(word)
        mark = ">" if big else "<"
        text = b"".join(self.names[number] + b"\0" for number in strings)
        assert len(text) == at - start
        head = struct.pack(mark + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, 4 * len(words), 4 * len(words), len(text))
        return head + struct.pack(f"{mark}{len(words)}I", *words) + text

    def label(self, number):
        return self.equal_records.get(number, number)


def unpacked_texts(blob, model=b""):
    """Names."""
    size = int.from_bytes(blob[:4], "little") if blob else 0
    return bytes(unpack_zstd(blob[4:], size, model)).split(b"\0")[:-1] if size else []
