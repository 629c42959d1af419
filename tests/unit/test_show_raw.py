"""`show.raw` against a slow, obvious twin that goes through the views, and line by line for each kind."""

from __future__ import annotations

import random

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import NotFoundError
from btfkit.show import records
from btfkit.show.raw import raw_text

ORDERS = ("little", "big")
TAG = [spec.PTR, spec.TYPEDEF, spec.VOLATILE, spec.CONST, spec.RESTRICT, spec.TYPE_TAG]
INT_ENCODINGS = {0: "(none)", 1: "SIGNED", 2: "CHAR", 4: "BOOL"}


def text(btf: Btf, ids=None) -> str:
    return b"".join(raw_text(btf, ids)).decode()


def twin(btf: Btf) -> str:
    """What `raw_text(btf)` has to be, for names without odd characters."""
    return "".join(f"[{i}] {_label(btf, i)}{_rest(btf[i])}\n" for i in btf.own_ids)


def _label(btf: Btf, type_id: int) -> str:
    t = btf[type_id]
    kind = t.kind_name if t.kind else "UNKNOWN"
    return f"{kind} '{_name(btf, btf.word(type_id, 0) if type_id else 0)}'"


def _name(btf: Btf, offset: int) -> str:
    return btf.string(offset).decode() if offset else "(anon)"


def _rest(t) -> str:
    """Everything behind the name."""
    btf, words = t.btf, t.words
    if t.kind == spec.INT:
        encoding = INT_ENCODINGS.get(t.encoding & 15, "UNKN")
        return f" size={t.size} bits_offset={t.bit_offset} nr_bits={t.bits} encoding={encoding}"
    if t.kind in TAG:
        return f" type_id={t.type_id}"
    if t.kind == spec.ARRAY:
        return f" type_id={t.type_id} index_type_id={t.index_type_id} nr_elems={t.length}"
    if t.kind in spec.COMPOSITES:
        parts = [f" size={t.size} vlen={t.vlen}"]
        for i, m in enumerate(t.members):
            bits = f" bitfield_size={m.bitfield_size}" if m.bitfield_size else ""
            name = _name(btf, words[3 + 3 * i])
            parts.append(f"\n\t'{name}' type_id={m.type_id} bits_offset={m.bit_offset}{bits}")
        return "".join(parts)
    if t.kind in spec.ENUMS:
        step, end = (2, "") if t.kind == spec.ENUM else (3, "LL" if t.signed else "ULL")
        head = f" encoding={'SIGNED' if t.signed else 'UNSIGNED'} size={t.size} vlen={t.vlen}"
        values = (f"\n\t'{_name(btf, words[3 + step * i])}' val={e.value}{end}" for i, e in enumerate(t.enumerators))
        return head + "".join(values)
    if t.kind == spec.FWD:
        return f" fwd_kind={t.flavor}"
    if t.kind == spec.FUNC:
        return f" type_id={t.type_id} linkage={t.linkage}"
    if t.kind == spec.FUNC_PROTO:
        params = (f"\n\t'{_name(btf, words[3 + 2 * i])}' type_id={p.type_id}" for i, p in enumerate(t.parameters))
        return f" ret_type_id={t.type_id} vlen={t.vlen}" + "".join(params)
    if t.kind == spec.VAR:
        return f" type_id={t.type_id}, linkage={t.linkage}"
    if t.kind == spec.DATASEC:
        entries = (
            f"\n\ttype_id={e.type_id} offset={e.offset} size={e.size} ({_label(btf, e.type_id)})" for e in t.entries
        )
        return f" size={t.size} vlen={t.vlen}" + "".join(entries)
    if t.kind == spec.FLOAT:
        return f" size={t.size}"
    if t.kind == spec.DECL_TAG:
        return f" type_id={t.type_id} component_idx={t.component}"
    return ""


def random_btf(seed: int, order, base: Btf | None = None) -> Btf:
    """Every kind, with words that are anything."""
    r = random.Random(seed)
    b = Builder(base, order, layout=True)
    first = b.next_id
    count = r.randrange(1, 60)
    words = ("a", "int", "x___y", "", "long unsigned int", "déjà", "n" * 300)
    proto = b.func_proto(0, [("a", 0), ("", 0)])

    def word() -> int:
        return r.choice((0, 1, 9, 10, 99, 2**31 - 1, 2**31, 2**32 - 1, r.getrandbits(32)))

    for _ in range(count):
        row = spec.KINDS[r.choice((*range(1, 20), spec.DATASEC))]
        vlen = r.randrange(5) if row.elem_words else 0
        ids, names = row.elem_ids, row.elem_names

        def element(slots: int, ids=ids, names=names) -> list[int]:
            return [
                r.randrange(first + count) if i in ids else b.name(r.choice(words)) if i in names else word()
                for i in range(slots)
            ]

        third = r.randrange(first + count) if row.third == "type" else word()
        if row.number == spec.FUNC:
            third, vlen = proto, r.randrange(5)
        tail = element(row.tail_words, row.tail_ids, ())
        rest = tail + [w for _ in range(vlen if row.elem_words else 0) for w in element(row.elem_words)]
        b.record(row.number, r.choice(words), third, rest, vlen=vlen, flag=r.random() < 0.5)
    return b.build()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(40))
def test_twin(seed: int, order: str) -> None:
    base = random_btf(seed, order)
    assert text(base) == twin(base)
    split = random_btf(seed + 1000, order, base)
    assert text(split) == twin(split)
    top = random_btf(seed + 2000, order, split)
    assert text(top) == twin(top)


@pytest.mark.parametrize("size", [80, 100, 200, 1000])
def test_any_chunk_gives_the_same_text(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    base = random_btf(1, "little")
    split = random_btf(2, "little", base)
    whole = text(split)
    monkeypatch.setattr(records, "CHUNK", size)
    assert text(split) == whole
    assert all(len(chunk) <= 4096 for chunk in raw_text(split))


@pytest.mark.parametrize("order", ORDERS)
def test_numbers(order) -> None:
    b = Builder(order=order)
    b.enum("u", [("a", 0), ("b", 0xFFFFFFFF), ("c", 0x80000000)], signed=False)
    b.enum("s", [("a", -1), ("b", -0x80000000), ("c", 0x7FFFFFFF)])
    b.enum64("u64", [("a", 0xFFFFFFFFFFFFFFFF), ("b", 1 << 63), ("c", 10**19)], signed=False)
    b.enum64("s64", [("a", -1), ("b", -(1 << 63)), ("c", -(1 << 32)), ("d", (1 << 63) - 1)])
    assert text(b.build()) == (
        "[1] ENUM 'u' encoding=UNSIGNED size=4 vlen=3\n\t'a' val=0\n\t'b' val=4294967295\n\t'c' val=2147483648\n"
        "[2] ENUM 's' encoding=SIGNED size=4 vlen=3\n\t'a' val=-1\n\t'b' val=-2147483648\n\t'c' val=2147483647\n"
        "[3] ENUM64 'u64' encoding=UNSIGNED size=8 vlen=3\n"
        "\t'a' val=18446744073709551615ULL\n\t'b' val=9223372036854775808ULL\n\t'c' val=10000000000000000000ULL\n"
        "[4] ENUM64 's64' encoding=SIGNED size=8 vlen=4\n"
        "\t'a' val=-1LL\n\t'b' val=-9223372036854775808LL\n\t'c' val=-4294967296LL\n\t'd' val=9223372036854775807LL\n"
    )


def test_bitfields() -> None:
    b = Builder()
    i = b.int("int", 4, encoding=1)
    b.struct("s", 8, [("a", i, 3, 5), ("b", i, 32, 0)])
    b.struct("legacy", 8, [("a", i, 0x05000003)])
    assert text(b.build(), [2, 3]) == (
        "[2] STRUCT 's' size=8 vlen=2\n\t'a' type_id=1 bits_offset=3 bitfield_size=5\n\t'b' type_id=1 bits_offset=32\n"
        "[3] STRUCT 'legacy' size=8 vlen=1\n\t'a' type_id=1 bits_offset=83886083\n"
    )


def test_unknown_kind() -> None:
    b = Builder(layout=True)
    b.record(0, "x", 7)
    data = bytearray(b.to_bytes())
    assert text(Btf.from_bytes(bytes(data))) == "[1] UNKNOWN 'x'\n"


def test_ids() -> None:
    base = Builder()
    base.int("int", 4)
    base.ptr(1)
    below = base.build()
    b = Builder(below)
    b.ptr(2)
    split = b.build()
    own = "[3] PTR '(anon)' type_id=2\n"
    assert text(split) == own
    assert text(split, []) == ""
    assert text(split, [3, 0, 1, 2, 3]) == own + (
        "[0] UNKNOWN '(anon)'\n[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=(none)\n"
        "[2] PTR '(anon)' type_id=1\n" + own
    )
    for wrong in (4, -1):
        with pytest.raises(NotFoundError):
            raw_text(split, [1, wrong])


def test_names_that_are_not_printable() -> None:
    b = Builder()
    b.fwd("a\x1b[2J\n\x7f'\\")
    b.fwd(b"caf\xc3\xa9 \xff\xc3".decode("utf-8", "surrogateescape"))
    b.fwd("\x85‮")
    base = b.build()
    assert text(base) == (
        "[1] FWD 'a\\x1b[2J\\x0a\\x7f'\\' fwd_kind=struct\n"
        "[2] FWD 'café \\xff\\xc3' fwd_kind=struct\n"
        "[3] FWD '\\xc2\\x85\\xe2\\x80\\xae' fwd_kind=struct\n"
    )
    split = Builder(base)
    split.datasec("d", 8, [(1, 0, 4), (2, 4, 4)])
    assert text(split.build()) == (
        "[4] DATASEC 'd' size=8 vlen=2\n"
        "\ttype_id=1 offset=0 size=4 (FWD 'a\\x1b[2J\\x0a\\x7f'\\')\n\ttype_id=2 offset=4 size=4 (FWD 'café \\xff\\xc3')\n"
    )


def test_long_names_do_not_fill_memory() -> None:
    name = "n" * 100_000
    b = Builder()
    i = b.int("int", 4)
    b.struct("s", 4, [(name, i, 0)] * 50)
    sizes = [len(chunk) for chunk in raw_text(b.build())]
    assert sum(sizes) > 5_000_000
    assert max(sizes) <= records.CHUNK


def test_empty() -> None:
    assert list(raw_text(Builder().build())) == []


def test_every_kind_has_a_format() -> None:
    assert set(records.ITEMS) == set(range(1, len(spec.KINDS)))
