"""Mutations that know the structure of what they break: BTF, `.BTF.ext`, ELF files, tars, and plain bytes.

Each takes a `random.Random` and bytes, and gives bytes.  Nothing here uses the code under test, so a mutation means the same
whatever that does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

LIMITS = (0, 1, 2, 3, 0x7F, 0xFF, 0xFFFF, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
TAIL = {1: 1, 3: 3, 14: 1, 17: 1}  # words behind the third, by kind
ELEMENT = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}  # words of an element
REFERENCES = (2, 8, 9, 10, 11, 12, 14, 17, 18)  # kinds whose third word is a type


# ---- plain bytes ---------------------------------------------------------------------------------------------------


def flip(r: Random, data: bytes) -> bytes:
    """Some bits the other way."""
    out = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 8))):
        if out:
            out[r.randrange(len(out))] ^= 1 << r.randrange(8)
    return bytes(out)


def limit_bytes(r: Random, data: bytes) -> bytes:
    """A number of 1, 2, 4 or 8 bytes somewhere at a limit."""
    size = r.choice((1, 2, 4, 4, 8))
    if len(data) < size:
        return data
    at = r.randrange(len(data) - size + 1)
    if r.random() < 0.7:
        at -= at % size
    value = r.choice((*LIMITS, len(data), len(data) - at, at, r.getrandbits(64), (1 << 63) - 1, (1 << 64) - 1))
    piece = (value % (1 << 8 * size)).to_bytes(size, r.choice(("little", "big")))
    return data[:at] + piece + data[at + size :]


def truncate(r: Random, data: bytes) -> bytes:
    """The first part."""
    return data[: r.choice((r.randrange(len(data) + 1), max(len(data) - r.randrange(1, 40), 0), r.randrange(80)))]


def extend(r: Random, data: bytes) -> bytes:
    """Something behind it."""
    return data + r.choice((bytes(r.randrange(1, 70)), r.randbytes(r.randrange(1, 70)), data[: r.randrange(2000)]))


def cut(r: Random, data: bytes) -> bytes:
    """A piece less."""
    at = r.randrange(len(data) + 1)
    return data[:at] + data[at + r.choice((1, 4, 12, 64, 512)) :]


def repeat(r: Random, data: bytes) -> bytes:
    """A piece twice, or moved."""
    at, to = r.randrange(len(data) + 1), r.randrange(len(data) + 1)
    size = r.choice((1, 4, 12, 64, 512))
    return data[:to] + data[at : at + size] + data[to + (size if r.random() < 0.5 else 0) :]


def zero(r: Random, data: bytes) -> bytes:
    """A piece of zeros, or of ones."""
    at, size = r.randrange(len(data) + 1), r.choice((4, 16, 100))
    piece = data[at : at + size]
    return data[:at] + r.choice((b"\0", b"\xff")) * len(piece) + data[at + size :]


PLAIN = (flip, flip, limit_bytes, limit_bytes, limit_bytes, truncate, extend, cut, repeat, zero)


def plain(r: Random, data: bytes) -> bytes:
    """Some mutations without a look at the structure."""
    for _ in range(r.choice((1, 1, 1, 2, 4))):
        data = r.choice(PLAIN)(r, data)
    return data


# ---- BTF -----------------------------------------------------------------------------------------------------------


class Blob:
    """A BTF blob in pieces: header, records (lists of words), layout, strings."""

    def __init__(self, data: bytes, first_id: int = 1, first_str: int = 0) -> None:
        self.mark = "<" if data[:2] == b"\x9f\xeb" else ">"
        self.version, self.flags, self.length = struct.unpack_from(self.mark + "BBI", data, 2)
        type_off, type_len, str_off, str_len = struct.unpack_from(self.mark + "4I", data, 8)
        layout_off, layout_len = struct.unpack_from(self.mark + "II", data, 24) if self.length >= 32 else (0, 0)
        self.extra = data[32 : self.length] if self.length >= 32 else data[24 : self.length]
        body = data[self.length :]
        words = list(struct.unpack(f"{self.mark}{type_len // 4}I", body[type_off : type_off + type_len]))
        self.layout = body[layout_off : layout_off + layout_len]
        self.strings = body[str_off : str_off + str_len]
        self.first_id, self.first_str = first_id, first_str
        self.records: list[list[int]] = []
        at = 0
        while at + 3 <= len(words):
            kind = words[at + 1] >> 24 & 0x7F
            size = 3 + TAIL.get(kind, 0) + ELEMENT.get(kind, 0) * (words[at + 1] & 0xFFFFFF)
            self.records.append(words[at : at + size])
            at += size

    @property
    def end_id(self) -> int:
        return self.first_id + len(self.records)

    @property
    def end_str(self) -> int:
        return self.first_str + len(self.strings)

    def to_bytes(self) -> bytes:
        words = [word & 0xFFFFFFFF for record in self.records for word in record]
        types = struct.pack(f"{self.mark}{len(words)}I", *words)
        magic = b"\x9f\xeb" if self.mark == "<" else b"\xeb\x9f"
        ends = (0, len(types), len(types) + len(self.layout), len(self.strings))
        head = magic + struct.pack(self.mark + "BBI4I", self.version, self.flags, self.length, *ends)
        if self.length >= 32:
            head += struct.pack(self.mark + "II", len(types), len(self.layout))
        return head + self.extra + types + self.layout + self.strings


def kind_of(record: list[int]) -> int:
    return record[1] >> 24 & 0x7F


def some_id(r: Random, b: Blob, near: int) -> int:
    """A type id, in range as a rule."""
    return r.choice(
        (
            r.randrange(b.end_id),
            r.randrange(b.end_id),
            near,
            near,
            near + 1,
            near - 1,
            b.end_id - 1,
            b.end_id,
            b.first_id,
            b.first_id - 1,
            0,
            1,
            0x7FFFFFFF,
            0xFFFFFFFF,
        )
    )


def some_string(r: Random, b: Blob) -> int:
    """A string offset, in range as a rule."""
    end = b.end_str
    return r.choice(
        (
            r.randrange(end or 1),
            r.randrange(end or 1),
            end - 1,
            end - 2,
            end,
            b.first_str,
            b.first_str - 1,
            0,
            1,
            2**32 - 1,
        )
    )


def _word(r: Random, b: Blob, index: int) -> None:
    """Any word of a record: a limit, an id, a string."""
    record = b.records[index]
    at = r.randrange(len(record))
    near = b.first_id + index
    choices: list[Callable[[], int]] = [
        lambda: r.choice(LIMITS),
        lambda: some_id(r, b, near),
        lambda: some_string(r, b),
    ]
    choices += [lambda: record[at] ^ 1 << r.randrange(32), lambda: record[at] + r.choice((-1, 1, 8))]
    record[at] = r.choice(choices)()


def _reference(r: Random, b: Blob, index: int) -> None:
    """A type id of a record, most likely still in range: cycles, self references, other kinds."""
    record = b.records[index]
    kind, near = kind_of(record), b.first_id + index
    places = [2] if kind in REFERENCES else []
    places += [3, 4] if kind == 3 else []
    first = 3 + TAIL.get(kind, 0)
    element = ELEMENT.get(kind, 0)
    if element and kind not in (6, 19):
        offset = 0 if kind == 15 else 1
        places += range(first + offset, len(record), element)
    places = [place for place in places if place < len(record)]
    if places:
        record[r.choice(places)] = some_id(r, b, near)


def _name(r: Random, b: Blob, index: int) -> None:
    record = b.records[index]
    first = 3 + TAIL.get(kind_of(record), 0)
    element = ELEMENT.get(kind_of(record), 0)
    places = [0]
    if element and kind_of(record) != 15:
        places += range(first, len(record), element)
    record[r.choice(places)] = r.choice((some_string(r, b), r.choice(b.records)[0]))


def _info(r: Random, b: Blob, index: int) -> None:
    """vlen, kind or kind_flag, with the words that go with it or without."""
    record = b.records[index]
    kind, vlen = kind_of(record), record[1] & 0xFFFFFF
    what = r.randrange(4)
    if what == 0:
        vlen = r.choice((0, 1, vlen + 1, max(vlen - 1, 0), 0xFFFF, 0x10000, 0xFFFFFF, r.randrange(100)))
        record[1] = record[1] & 0xFF000000 | vlen
    elif what == 1:
        kind = r.choice((r.randrange(20), r.randrange(20), r.randrange(128)))
        record[1] = record[1] & 0x80FFFFFF | kind << 24
    elif what == 2:
        record[1] ^= 1 << 31
    else:
        element = ELEMENT.get(kind, 0)
        if element:
            vlen = r.choice((0, 1, max(vlen - 1, 0), vlen + 1, r.choice((2000, 20, 3))))
            record[1] = record[1] & 0xFF000000 | vlen
    if r.random() < 0.7:  # make the length right again
        size = 3 + TAIL.get(kind, 0) + ELEMENT.get(kind, 0) * vlen
        if size < 100_000:
            more = [
                r.choice((some_id(r, b, 1), some_string(r, b), r.choice(LIMITS)))
                for _ in range(max(min(size - len(record), 40), 0))
            ]
            record += more
            record += [r.choice((0, 1, 2))] * (size - len(record))
            del record[size:]


def _ring(r: Random, b: Blob, index: int) -> None:
    """Records that lead into each other: a cycle of pointers, modifiers, typedefs, arrays or structs by value."""
    size = r.choice((1, 2, 3, 5))
    chosen = [r.randrange(len(b.records)) for _ in range(size)]
    kinds = r.choice(((8,), (8, 10), (3,), (4,), (2,), (2, 10), (13,), (8, 3, 4), (18, 8), (12,), (14,), (17,)))
    for place, at in enumerate(chosen):
        to = b.first_id + chosen[(place + 1) % size]
        kind = kinds[place % len(kinds)]
        name = b.records[at][0]
        if kind == 3:
            b.records[at] = [0, 3 << 24, 0, to, 1, r.choice((0, 1, 2, 0xFFFFFFFF))]
        elif kind in (4, 13):
            words = [r.choice((0, name)), to, 0][: ELEMENT[kind]]
            b.records[at] = [name if kind == 4 else 0, kind << 24 | 1, 8 if kind == 4 else to, *words]
        else:
            b.records[at] = [name, kind << 24, to, *([0] * TAIL.get(kind, 0))]


def _chain(r: Random, b: Blob, index: int) -> None:
    """A long chain that ends in `index`, and something at its end."""
    kind = r.choice((8, 10, 2, 3, 4))
    count = r.choice((10, 33, 64, 65, 257, 3000))
    to = b.first_id + index
    name = r.choice(b.records)[0]
    for _ in range(count):
        if kind == 3:
            b.records.append([0, 3 << 24, 0, to, 1, r.choice((1, 2))])
        elif kind == 4:
            b.records.append([0, 4 << 24 | 1, 8, 0, to, 0])
        else:
            b.records.append([name if kind == 8 else 0, kind << 24, to])
        to = b.end_id - 1
    _redirect(r, b, to)


def _bush(r: Random, b: Blob, index: int) -> None:
    """Structs that each have the one before twice, anonymous: 2 to the power of their number by value."""
    to = b.first_id + index
    for _ in range(r.choice((5, 20, 32, 60))):
        members = [0, to, 0, 0, to, 0]
        if r.random() < 0.3:
            members += [r.choice(b.records)[0], to, 0]
        b.records.append([0, r.choice((4, 5)) << 24 | len(members) // 3, 8, *members])
        to = b.end_id - 1
    _redirect(r, b, to)


def _redirect(r: Random, b: Blob, to: int) -> None:
    """Some references go to `to` now."""
    for _ in range(3):
        record = r.choice(b.records)
        kind = kind_of(record)
        if kind in REFERENCES:
            record[2] = to
        elif kind in (4, 5) and len(record) >= 6:
            record[r.randrange(3, len(record), 3)] = r.choice((0, record[0]))
            record[r.randrange(4, len(record), 3)] = to


def _order(r: Random, b: Blob, index: int) -> None:
    """A record less, twice, or elsewhere."""
    what, other = r.randrange(4), r.randrange(len(b.records))
    if what == 0 and len(b.records) > 1:
        del b.records[index]
    elif what == 1:
        b.records.insert(other, list(b.records[index]))
    elif what == 2:
        b.records[index], b.records[other] = b.records[other], b.records[index]
    else:
        b.records[index] = list(b.records[other])


def _strings(r: Random, b: Blob, index: int) -> None:
    strings = bytearray(b.strings)
    if not strings:
        return
    what, at = r.randrange(6), r.randrange(len(strings))
    if what == 0:
        strings[at] = r.choice((0, 0x20, 0xFF, 0x80, 0x5F, 0x1B, 0x0A))
    elif what == 1:
        strings[0] = 65
    elif what == 2:
        strings[-1] = 65
    elif what == 3:
        strings = strings.replace(b"\0", b"x", r.choice((1, 3)))
    elif what == 4:
        strings[at : at + 1] = r.choice((b"___", b"\xc3", b"\0", b"a" * 70_000 if r.random() < 0.05 else b"a" * 600))
    else:
        del strings[at:]
    b.strings = bytes(strings)


def _layout(r: Random, b: Blob, index: int) -> None:
    layout = bytearray(b.layout)
    if len(layout) >= 4 and r.random() < 0.7:
        layout[r.randrange(len(layout))] = r.choice((0, 1, 4, 8, 12, 255))
    else:
        b.length = max(b.length, 32)
        layout += bytes((r.choice((0, 4, 12, 255)), r.choice((0, 4, 8, 252, 3)), 0, 0)) * r.choice(
            (1, 20, 30, 128, 200)
        )
    b.layout = bytes(layout)
    if r.random() < 0.5 and layout:
        kind = r.choice((20, 21, 25, 127))
        b.records.insert(index, [0, kind << 24 | r.randrange(3), 0] + [r.randrange(5)] * r.randrange(6))


RECORDS = (
    _word,
    _word,
    _word,
    _reference,
    _reference,
    _reference,
    _reference,
    _name,
    _info,
    _info,
    _ring,
    _ring,
    _chain,
    _bush,
    _order,
    _order,
    _strings,
    _layout,
)


def _header(r: Random, data: bytes) -> bytes:
    """A field of the header at a limit."""
    at = r.choice((2, 3, 4, 8, 12, 16, 20, 24, 28))
    if at < 4:
        return data[:at] + bytes((r.randrange(256),)) + data[at + 1 :]
    mark = "<" if data[:2] == b"\x9f\xeb" else ">"
    (old,) = struct.unpack_from(mark + "I", data, at)
    value = r.choice((*LIMITS, old + 1, old - 1, old + 4, old - 4, len(data), len(data) - 24, 24, 32, 28)) & 0xFFFFFFFF
    return data[:at] + struct.pack(mark + "I", value) + data[at + 4 :]


def _swap(r: Random, data: bytes) -> bytes:
    """The magic of the other byte order, or all words."""
    if r.random() < 0.5:
        return data[1::-1] + data[2:]
    whole = len(data) // 4 * 4
    return struct.pack(f">{whole // 4}I", *struct.unpack(f"<{whole // 4}I", data[:whole])) + data[whole:]


def btf(r: Random, data: bytes, first_id: int = 1, first_str: int = 0) -> bytes:
    """A broken BTF blob; `first_id` and `first_str` are where a split's ids and string offsets begin."""
    if r.random() < 0.12:
        return plain(r, data)
    try:
        b = Blob(data, first_id, first_str)
    except struct.error:
        return plain(r, data)
    for _ in range(r.choice((1, 1, 2, 3, 8))):
        if b.records:
            r.choice(RECORDS)(r, b, r.randrange(len(b.records)))
    out = b.to_bytes()
    what = r.random()
    if what < 0.06 and len(out) >= 32:
        out = _header(r, out)
    elif what < 0.1:
        out = _swap(r, out)
    elif what < 0.15:
        out = plain(r, out)
    return out


def counts(data: bytes) -> tuple[int, int]:
    """(types, bytes of strings) of a valid blob."""
    b = Blob(data)
    return len(b.records), len(b.strings)


# ---- ELF -----------------------------------------------------------------------------------------------------------


class ElfFile:
    """An ELF file whose sections can be exchanged: they are written anew, one behind the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.mark = "<" if data[5] == 1 else ">"
        self.wide = data[4] == 2
        self.form = self.mark + ("IIQQQQIIQQ" if self.wide else "10I")
        (self.table,) = struct.unpack_from(self.mark + ("Q" if self.wide else "I"), data, 40 if self.wide else 32)
        self.count, self.names = struct.unpack_from(self.mark + "HH", data, 60 if self.wide else 48)
        size = struct.calcsize(self.form)
        self.rows = [list(struct.unpack_from(self.form, data, self.table + i * size)) for i in range(self.count)]

    def content(self, index: int) -> bytes:
        row = self.rows[index]
        return b"" if row[1] in (0, 8) else self.data[row[4] : row[4] + row[5]]

    def index(self, name: str) -> int:
        names = self.content(self.names)
        for index, row in enumerate(self.rows):
            if names[row[0] :].startswith(name.encode() + b"\0"):
                return index
        return -1

    def rebuilt(self, changes: dict[int, bytes]) -> bytes:
        out = bytearray(self.data[: 64 if self.wide else 52])
        rows = [list(row) for row in self.rows]
        for index, row in enumerate(rows):
            body = changes.get(index, self.content(index))
            if row[1] not in (0, 8):
                out += bytes(-len(out) % 8)
                row[4], row[5] = len(out), len(body)
                out += body
        out += bytes(-len(out) % 8)
        struct.pack_into(self.mark + ("Q" if self.wide else "I"), out, 40 if self.wide else 32, len(out))
        return bytes(out) + b"".join(struct.pack(self.form, *row) for row in rows)


def elf(r: Random, data: bytes) -> bytes:
    """A field of the ELF header or of a section header at a limit."""
    try:
        file = ElfFile(data)
    except (struct.error, IndexError):
        return plain(r, data)
    out = bytearray(data)
    values = (*LIMITS, len(data), len(data) - 1, len(data) + 1, (1 << 64) - 1, 1 << 63, file.count, file.table, 0xFF00)
    for _ in range(r.choice((1, 1, 2, 3))):
        if r.random() < 0.3 or not file.rows:
            at, size = r.choice(
                ((4, 1), (5, 1), (16, 2), (18, 2), (32, 4), (40, 8), (48, 2), (50, 2), (58, 2), (60, 2), (62, 2))
            )
        else:
            step = struct.calcsize(file.form)
            field = r.randrange(10)
            sizes = (4, 4, 8, 8, 8, 8, 4, 4, 8, 8) if file.wide else (4,) * 10
            at = file.table + r.randrange(len(file.rows)) * step + sum(sizes[:field])
            size = sizes[field]
        value = r.choice(values) if r.random() < 0.8 else r.randrange(64)
        if at + size <= len(out):
            out[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little" if file.mark == "<" else "big")
    return bytes(out)


ACCESS = (
    b"",
    b"0",
    b"1",
    b"0:0",
    b"0:1",
    b"0:0:0",
    b"0:1:2:3",
    b"0:99",
    b"7:0",
    b":",
    b"0:",
    b"0::1",
    b"-1",
    b"0:-1",
    b"x",
    b"0x1",
    b"00",
    b"4294967295",
    b"4294967296:0",
    b"99999999999999999999",
    b"0:" * 70 + b"0",
    b"0:0" * 3000,
    b" 0",
    b"0 ",
    b"0:+1",
)


def ext(r: Random, data: bytes, strings: int, new: int) -> bytes:
    """A broken `.BTF.ext`: `strings` is the size of the string section, at `new` begin access strings of `ACCESS`."""
    if r.random() < 0.15 or len(data) < 32:
        return plain(r, data)
    mark = "<" if data[:2] == b"\x9f\xeb" else ">"
    out = bytearray(data)
    if r.random() < 0.15:
        at = r.choice((2, 4, 8, 12, 16, 20, 24, 28))
        struct.pack_into(mark + "I", out, at, r.choice((*LIMITS, len(data), 16, 20, 24)))
        return bytes(out)
    length, start, size = struct.unpack_from(mark + "I", data, 4)[0], *struct.unpack_from(mark + "II", data, 24)
    first = length + start
    starts = []
    offset = 0
    for text in ACCESS:
        starts.append(new + offset)
        offset += len(text) + 1
    for _ in range(r.choice((1, 2, 6, 20))):
        at = first + 4 * r.randrange(max(size // 4, 1))
        if at + 4 <= len(out):
            value = r.choice(
                (*starts, *LIMITS, *range(14), strings - 1, strings, r.randrange(strings + 1), r.randrange(64))
            )
            struct.pack_into(mark + "I", out, at, value)
    return bytes(out)


def program(r: Random, data: bytes) -> bytes:
    """A BPF object with a broken `.BTF`, a broken `.BTF.ext`, other access strings, or a broken ELF."""
    if r.random() < 0.15:
        return elf(r, data)
    if r.random() < 0.05:
        return plain(r, data)
    file = ElfFile(data)
    btf_at, ext_at = file.index(".BTF"), file.index(".BTF.ext")
    if min(btf_at, ext_at) < 0:
        return plain(r, data)
    blob, records = file.content(btf_at), file.content(ext_at)
    b = Blob(blob)
    new = len(b.strings)
    b.strings += b"".join(text + b"\0" for text in ACCESS)
    blob = b.to_bytes()
    what = r.random()
    if what < 0.6:
        records = ext(r, records, len(b.strings), new)
    if what > 0.4:
        blob = btf(r, blob)
    return file.rebuilt({btf_at: blob, ext_at: records})


# ---- containers ----------------------------------------------------------------------------------------------------


def tar(r: Random, data: bytes) -> bytes:
    """A tar whose headers say something else, with right checksums as a rule."""
    out = bytearray(data)
    headers = [at for at in range(0, len(out) - 511, 512) if out[at + 257 : at + 262] == b"ustar"]
    for _ in range(r.choice((1, 2))):
        if not headers:
            return plain(r, data)
        at = r.choice(headers)
        what = r.randrange(6)
        if what == 0:
            size = r.choice(
                (
                    b"00000000000\0",
                    b"77777777777\0",
                    b"\x80" + bytes(7) + b"\xff" * 4,
                    b"\xff" * 12,
                    b"           8",
                    b"00000000001\0",
                    b"9" * 12,
                )
            )
            out[at + 124 : at + 136] = size[:12].ljust(12, b"\0")
        elif what == 1:
            out[at + 156] = r.choice(b"0123456789xgLKSMVDN\0")
        elif what == 2:
            name = r.choice(
                (b"../x.btf", b"/etc/x.btf", b"a/../../x.btf", b"", b"\xff\xfe.btf", b"x" * 100, b"d/", b"x.btf")
            )
            out[at : at + 100] = name.ljust(100, b"\0")
        elif what == 3 and at + 520 < len(out):
            text = r.choice(
                (
                    b"99999999999 path=x\n",
                    b"12 size=-1\n",
                    b"30 size=99999999999999999\n",
                    b"x",
                    b"\0",
                    b"0 a=b\n",
                    b"22 GNU.sparse.major=1\n",
                    b"20 path=../../../x\n",
                )
            )
            out[at + 512 : at + 512 + len(text)] = text
        elif what == 4:
            out[at + r.randrange(512)] = r.randrange(256)
        else:
            out[at : at + 512] = out[r.choice(headers) :][:512]
        if r.random() < 0.85:
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)


def container(r: Random, name: str, data: bytes) -> bytes:
    """A broken container."""
    if name.startswith("tar.") and data[257:262] == b"ustar" and r.random() < 0.8:
        return tar(r, data)
    if data[:4] == b"\x7fELF" and r.random() < 0.7:
        return elf(r, data)
    if data[:2] in (b"\x9f\xeb", b"\xeb\x9f"):
        return btf(r, data)
    return plain(r, data)
