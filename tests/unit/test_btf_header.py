"""Headers, layout sections, and where libbpf is lenient: gaps, trailing bytes, header fields of the future."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from btfkit.btf import header, spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.name_search import names_of_kind
from btfkit.btf.types import Unknown
from btfkit.errors import ChainError, FormatError, UnsupportedError
from btfkit.hot import contents, rebase

STRINGS = b"\0int\0"
MARK = {"little": "<", "big": ">"}


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def words(order, *values):
    return pack(f"{MARK[order]}{len(values)}I", *values)


def int_record(order):
    return words(order, 1, spec.INT << 24, 4, 32)


def blob(order, types, strings=STRINGS, *, length=24, extra=b"", type_off=0, gap=0, layout=b"", tail=b"", **fields):
    """A blob written field by field, so that any field can be wrong."""
    str_off = fields.get("str_off", type_off + len(types) + len(layout) + gap)
    head = pack(
        MARK[order] + "HBBIIIII",
        fields.get("magic", 0xEB9F),
        fields.get("version", 1),
        fields.get("flags", 0),
        fields.get("hdr_len", length),
        type_off,
        fields.get("type_len", len(types)),
        str_off,
        fields.get("str_len", len(strings)),
    )
    if length >= 32:
        layout_off = fields.get("layout_off", type_off + len(types))
        head += words(order, layout_off, fields.get("layout_len", len(layout)))
    return head + extra + bytes(type_off) + types + layout + bytes(gap) + strings + tail


def test_24_bytes(order):
    data = blob(order, int_record(order))
    btf = Btf.from_bytes(data)
    assert btf.name(1) == "int"
    assert btf.to_bytes() == data
    assert (btf.header.length, btf.header.version, btf.header.flags, btf.layout) == (24, 1, 0, b"")


def test_32_bytes_without_layout(order):
    data = blob(order, int_record(order), length=32)
    btf = Btf.from_bytes(data)
    assert btf.header.length == 32
    assert btf.to_bytes() == data
    other = Btf.from_bytes(btf.to_bytes("big" if order == "little" else "little"))
    assert other.to_bytes(order) == data


@pytest.mark.parametrize("extra", [bytes(4), bytes(8), b"unknown!"])
def test_longer_headers_keep_what_is_not_known(order, extra):
    data = blob(order, int_record(order), length=32 + len(extra), extra=extra)
    btf = Btf.from_bytes(data)
    assert btf.header.extra == extra
    assert btf.to_bytes() == data


def test_between_24_and_32(order):
    data = blob(order, int_record(order), length=28, extra=b"")
    data = data[:24] + b"\1\2\3\4" + data[24:]
    btf = Btf.from_bytes(data)
    assert btf.header.extra == b"\1\2\3\4"
    assert btf.to_bytes() == data


def test_a_header_length_that_leaves_words_unaligned(order):
    data = blob(order, int_record(order), length=32 + 3, extra=bytes(3))
    btf = Btf.from_bytes(data)
    assert btf.name(1) == "int"
    assert btf.to_bytes() == data


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(order, kind):
    assert Btf.from_bytes(kind(blob(order, int_record(order)))).name(1) == "int"


def test_gaps_and_trailing_bytes_are_let_pass_and_left_out(order):
    data = blob(order, int_record(order), type_off=8, gap=12, tail=b"trailing")
    btf = Btf.from_bytes(data)
    assert btf.blob == data
    assert btf.name(1) == "int"
    assert btf.to_bytes() == blob(order, int_record(order))


def test_flags_are_kept(order):
    data = blob(order, int_record(order), flags=5)
    assert Btf.from_bytes(data).header.flags == 5
    assert Btf.from_bytes(data).to_bytes() == data


def refused(data, *parts, error=FormatError, base=None):
    with pytest.raises(error) as caught:
        Btf.from_bytes(data, base, source="x.btf")
    text = str(caught.value)
    assert text.startswith("x.btf, ")
    for part in parts:
        assert part in text
    return caught.value


@pytest.mark.parametrize("data", [b"", b"\x9f", b"\x7fELF" + bytes(60), b"\0\0" + bytes(60)])
def test_no_magic(data):
    error = refused(data, "not BTF", "9f eb or eb 9f")
    assert (error.section, error.offset) == ("header", 0)


def test_cut_short_in_the_header(order):
    data = blob(order, int_record(order))
    for size in range(2, 24):
        refused(data[:size], f"truncated header: {size} bytes, need 24")


def test_cut_short_behind_it(order):
    data = blob(order, int_record(order))
    for size in range(24, len(data)):
        refused(data[:size], "strings end at", "truncated file")


def test_version(order):
    refused(blob(order, int_record(order), version=2), "unknown BTF version 2", "knows 1", error=UnsupportedError)


@pytest.mark.parametrize("hdr_len", [0, 23, 1000, 0xFFFFFFFF])
def test_header_length(order, hdr_len):
    refused(blob(order, int_record(order), hdr_len=hdr_len), f"header length is {hdr_len}", "24 to 45")


def test_alignment_of_the_types(order):
    refused(blob(order, int_record(order), type_off=2), "types at 2", "multiples of 4")
    refused(blob(order, int_record(order)[:-1], str_off=16, tail=b"\0"), "15 bytes", "multiples of 4")


def test_types_reach_into_the_strings(order):
    refused(blob(order, int_record(order), str_off=8), "types end at 16", "strings at 8")


def test_strings_reach_beyond_the_end(order):
    refused(blob(order, int_record(order), str_len=6), "strings end at 22, but 21 bytes follow", "truncated file")
    refused(blob(order, int_record(order), str_len=0xFFFFFFFF), "truncated file")


def test_strings_without_end(order):
    error = refused(blob(order, int_record(order), b"\0int"), "not terminated (NUL)", "truncated file")
    assert (error.section, error.offset) == ("strings", 3)


@pytest.mark.parametrize("strings", [b"", b"int\0"])
def test_strings_of_a_split_without_its_base(order, strings):
    error = refused(
        blob(order, int_record(order), strings), "split BTF of a module", "needs its base", error=ChainError
    )
    assert error.section == "strings"


def test_a_split_may_have_no_strings(order):
    base = Btf.from_bytes(blob(order, int_record(order)))
    data = blob(order, words(order, 0, spec.PTR << 24, 1), b"")
    btf = Btf.from_bytes(data, base)
    assert btf[2].type.name == "int"
    assert btf.to_bytes() == data
    data = blob(order, words(order, 5, spec.TYPEDEF << 24, 1), b"own\0")
    assert Btf.from_bytes(data, base).name(2) == "own"


def test_records_that_are_not_whole(order):
    error = refused(blob(order, int_record(order) + words(order, 0, 0)), "truncated type: 8 bytes, need 12")
    assert (error.section, error.offset, error.type_id) == ("types", 16, 2)
    refused(blob(order, int_record(order)[:12]), "INT with vlen 0 does not fit into the remaining 12 bytes")
    struct = words(order, 0, spec.STRUCT << 24 | 0xFFFFFF, 4, 0, 1, 0)
    refused(
        blob(order, int_record(order) + struct),
        "STRUCT with vlen 16777215 does not fit into the remaining 24 bytes",
        "type 2",
    )


@pytest.mark.parametrize("kind", [0, 20, 127])
def test_unknown_kinds(order, kind):
    data = blob(order, int_record(order) + words(order, 0, kind << 24, 4))
    refused(data, f"kind {kind}", "knows 1 to 19", "no layout section", "type 2")


def layout(**more):
    """A layout section of 128 entries; `k21=(tail, elem)` tells a kind's extents in bytes."""
    entries = bytearray(spec.layout_section()) + bytearray(4 * 108)
    for kind, (tail, elem) in more.items():
        entries[4 * int(kind[1:]) : 4 * int(kind[1:]) + 2] = bytes((tail, elem))
    return bytes(entries)


def unknown(order, kind, vlen=0, rest=()):
    return words(order, 1, kind << 24 | vlen, 7, *rest)


@pytest.mark.parametrize("known", [spec.STRUCT, spec.FUNC])
def test_an_unknown_kind_is_not_the_known_one_with_the_same_low_bits(order, known):
    section = layout(**{f"k{known + 32}": (0, 0)})
    btf = Btf.from_bytes(blob(order, unknown(order, known + 32) + int_record(order), length=32, layout=section))
    assert names_of_kind(btf, known).names == []
    assert names_of_kind(btf, spec.INT).names == ["int"]
    found = []
    rebase.of_kinds(btf.words, btf.positions, 1 << known, found)
    assert found == []
    out = bytearray(64)
    room = memoryview(bytearray(64)).cast("I")
    assert contents.prototype(btf.words, btf.positions, btf.strings, 1, room, out) == 0
    assert contents.composite(btf.words, btf.positions, btf.strings, 1, room, 0, room[8:], out) == 1
    assert out[0] == known + 32


@pytest.mark.parametrize("kind", [20, 127])
def test_a_layout_tells_the_size_of_unknown_kinds(order, kind):
    section = layout(**{f"k{kind}": (8, 4)})
    types = unknown(order, kind, 3, range(5)) + int_record(order)
    data = blob(order, types, length=32, layout=section)
    btf = Btf.from_bytes(data)
    t = btf[1]
    assert isinstance(t, Unknown)
    assert (t.kind, t.kind_name, t.name, t.vlen, len(t.words)) == (kind, "UNKNOWN", "int", 3, 8)
    assert btf.name(2) == "int"
    assert btf.to_bytes() == data
    other = Btf.from_bytes(btf.to_bytes("big" if order == "little" else "little"))
    assert other.to_bytes(order) == data
    assert btf.sizeof(1) is None
    assert btf.alignof(1) is None


def test_kind_0_is_legal_where_a_layout_tells_it(order):
    data = blob(order, words(order, 0, 0, 0) + int_record(order), length=32, layout=layout())
    assert Btf.from_bytes(data).name(2) == "int"


def test_a_layout_does_not_change_known_kinds(order):
    data = blob(order, int_record(order), length=32, layout=layout(k1=(40, 40)))
    assert Btf.from_bytes(data).name(1) == "int"


def test_a_split_inherits_the_layout_of_its_base(order):
    base = Btf.from_bytes(blob(order, int_record(order), length=32, layout=layout(k21=(4, 0))))
    btf = Btf.from_bytes(blob(order, unknown(order, 21, 0, [9]), b""), base)
    assert btf[2].kind == 21
    plain = Btf.from_bytes(blob(order, int_record(order)))
    refused(blob(order, unknown(order, 21, 0, [9]), b""), "kind 21", base=plain)


def test_the_flags_of_a_layout_are_swapped(order):
    section = spec.layout_section()[:-2] + pack(MARK[order] + "H", 0x0102)
    btf = Btf.from_bytes(blob(order, int_record(order), length=32, layout=section))
    other = "big" if order == "little" else "little"
    assert unpack_from(MARK[other] + "H", Btf.from_bytes(btf.to_bytes(other)).layout, len(section) - 2) == (0x0102,)


@pytest.mark.parametrize("entry", [(1, 0), (4, 6)])
def test_a_layout_of_odd_sizes(order, entry):
    data = blob(order, int_record(order), length=32, layout=layout(k30=entry))
    error = refused(data, "kind 30", "multiples of 4")
    assert error.section == "layout"


@pytest.mark.parametrize(
    "fields",
    [{"layout_off": 18}, {"layout_len": 78}, {"layout_off": 12}, {"layout_len": 84}, {"layout_off": 0xFFFFFFFC}],
)
def test_a_layout_that_is_not_between_types_and_strings(order, fields):
    data = blob(order, int_record(order), length=32, layout=spec.layout_section(), **fields)
    refused(data, "layout section at", "between types and strings")


def test_a_layout_of_no_bytes_is_none(order):
    data = blob(order, int_record(order), length=32, layout_off=0xFFFFFFFF)
    btf = Btf.from_bytes(data)
    assert btf.layout == b""
    assert btf.to_bytes() == data


def test_the_builder_writes_a_layout(order):
    b = Builder(order=order, layout=True)
    b.int("int", 4)
    btf = b.build()
    assert btf.layout == spec.layout_section()
    assert len(btf.layout) == 80
    assert btf.header.length == 32
    assert Btf.from_bytes(btf.to_bytes()).to_bytes() == b.to_bytes()


def test_packed_table():
    table = spec.packed_table()
    assert len(table) == 128 * spec.ROW
    assert table[0] == table[20 * spec.ROW] == spec.NO_SUCH_KIND
    row = table[spec.FUNC_PROTO * spec.ROW :]
    assert list(row[:7]) == [0, 2, 1, 0, 2, 1, 1]
    row = table[spec.ARRAY * spec.ROW :]
    assert list(row[:7]) == [3, 0, 0, 3, 0, 0, 1]


def test_byte_order():
    assert header.byte_order(b"\x9f\xeb") == "little"
    assert header.byte_order(b"\xeb\x9f") == "big"
    assert header.byte_order(b"\x7fE") is None
    new = header.new("big", 32)
    assert (new.order, new.length, new.version, new.extra) == ("big", 32, 1, b"")
