"""`.BTF.ext`: records of known and of larger sizes, both byte orders, and every refusal."""

from __future__ import annotations

from struct import pack

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.ext import MIN_RECORD, SECTIONS, Ext
from btfkit.errors import FormatError, UnsupportedError

MARK = {"little": "<", "big": ">"}
GROUPS = {
    "func_info": [(7, [(0, 3), (8, 4)]), (9, [(0, 5)])],
    "line_info": [(7, [(0, 1, 2, 3 << 10 | 4)])],
    "core_relo": [(9, [(16, 5, 11, 0), (24, 6, 12, 12)])],
}


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def table(order, groups, record_size, width):
    """One table: groups of (section name offset, [record, ...]), records padded with 0xab to `record_size`."""
    mark = MARK[order]
    data = pack(mark + "I", record_size)
    for section, records in groups:
        data += pack(mark + "II", section, len(records))
        for record in records:
            data += pack(f"{mark}{width}I", *record) + b"\xab" * (record_size - 4 * width)
    return data


def tables(order, more=0, groups=GROUPS):
    widths = {"func_info": 2, "line_info": 4, "core_relo": 4}
    sizes = {kind: 4 * width + more for kind, width in widths.items()}
    return [table(order, groups[kind], sizes[kind], widths[kind]) if kind in groups else b"" for kind in SECTIONS]


def blob(order, bodies, *, length=32, extra=b"", gap=0, tail=b"", **fields):
    mark = MARK[order]
    offsets, at = [], 0
    for body in bodies[: 3 if length >= 32 else 2]:
        offsets += [at, len(body)]
        at += len(body) + gap
    for name, value in fields.items():
        if name.startswith("at"):
            offsets[int(name[2:])] = value
    head = pack(mark + "HBBI", 0xEB9F, fields.get("version", 1), fields.get("flags", 0), fields.get("hdr_len", length))
    head += pack(f"{mark}{len(offsets)}I", *offsets)
    return head + extra + bytes(gap).join(bodies) + tail


def flat(groups):
    return [(section, tuple(record)) for section, records in groups for record in records]


@pytest.mark.parametrize("more", [0, 4, 16])
def test_records(order, more):
    data = blob(order, tables(order, more))
    ext = Ext.from_bytes(data)
    assert ext.order == order
    for kind in SECTIONS:
        assert list(ext.records(kind)) == flat(GROUPS[kind])
        assert [len(group) for group in getattr(ext, kind)] == [len(records) for _, records in GROUPS[kind]]
        assert all(group.record_size == MIN_RECORD[kind] + more for group in getattr(ext, kind))
    assert ext.to_bytes() == data


@pytest.mark.parametrize("more", [0, 4])
def test_translated(order, more):
    """Other ids and other strings, each where they stand; instructions, lines and what is not known stay."""
    data = blob(order, tables(order, more), extra=b"")
    ext = Ext.from_bytes(data)
    new = Ext.from_bytes(ext.translated(lambda old: old + 100, lambda old: old + 1000).to_bytes())
    assert list(new.records("func_info")) == [(1007, (0, 103)), (1007, (8, 104)), (1009, (0, 105))]
    assert list(new.records("line_info")) == [(1007, (0, 1001, 1002, 3 << 10 | 4))]
    assert list(new.records("core_relo")) == [(1009, (16, 105, 1011, 0)), (1009, (24, 106, 1012, 12))]
    assert new.to_bytes().count(b"\xab") == data.count(b"\xab")
    assert ext.to_bytes() == ext.translated().to_bytes() == data
    only = ext.translated(types={3: 30, 4: 40, 5: 50, 6: 60}.__getitem__)
    assert [fields[1] for _, fields in only.records("func_info")] == [30, 40, 50]
    assert [section for section, _ in only.records("core_relo")] == [9, 9]


def test_any_buffer(order):
    assert Ext.from_bytes(memoryview(blob(order, tables(order)))).core_relo[0].section == 9


def test_a_header_of_24_bytes_has_no_relocations(order):
    data = blob(order, tables(order)[:2], length=24)
    ext = Ext.from_bytes(data)
    assert ext.core_relo == []
    assert list(ext.records("core_relo")) == []
    assert list(ext.records("func_info")) == flat(GROUPS["func_info"])
    assert ext.to_bytes() == data


@pytest.mark.parametrize("absent", SECTIONS)
def test_absent_tables(order, absent):
    groups = {kind: groups for kind, groups in GROUPS.items() if kind != absent}
    data = blob(order, tables(order, groups=groups))
    ext = Ext.from_bytes(data)
    assert getattr(ext, absent) == []
    assert ext.to_bytes() == data


def test_header_fields_of_the_future_are_kept(order):
    data = blob(order, tables(order), length=40, extra=b"12345678")
    assert Ext.from_bytes(data).to_bytes() == data
    data = blob(order, tables(order)[:2], length=28, extra=b"1234")
    assert Ext.from_bytes(data).to_bytes() == data


def test_gaps_and_trailing_bytes_are_let_pass_and_left_out(order):
    ext = Ext.from_bytes(blob(order, tables(order), gap=8, tail=b"more"))
    assert list(ext.records("line_info")) == flat(GROUPS["line_info"])
    assert ext.to_bytes() == blob(order, tables(order))


def refused(data, *parts, error=FormatError):
    with pytest.raises(error) as caught:
        Ext.from_bytes(data, source="x.o")
    assert str(caught.value).startswith("x.o, .BTF.ext")
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb", b"\x7fELF" + bytes(60), bytes(40)])
def test_no_header(data):
    refused(data, "not a .BTF.ext header")


def test_cut_short(order):
    data = blob(order, tables(order))
    for size in range(len(data)):
        refused(data[:size], "")


@pytest.mark.parametrize("fields", [{"version": 2}, {"flags": 1}])
def test_version(order, fields):
    refused(blob(order, tables(order), **fields), "this version knows version 1", error=UnsupportedError)


@pytest.mark.parametrize("hdr_len", [0, 23, 1 << 20])
def test_header_length(order, hdr_len):
    refused(blob(order, tables(order), hdr_len=hdr_len), f"header length is {hdr_len}")


@pytest.mark.parametrize(("kind", "field"), [("func_info", 0), ("line_info", 2), ("core_relo", 4)])
def test_tables_that_do_not_fit(order, kind, field):
    bodies = tables(order)
    refused(blob(order, bodies, **{f"at{field}": 2}), kind, "not within")  # not aligned
    refused(blob(order, bodies, **{f"at{field}": 1 << 20}), kind, "not within")
    refused(blob(order, bodies, **{f"at{field + 1}": 1 << 20}), kind, "not within")
    refused(blob(order, bodies, **{f"at{field + 1}": 3}), kind, "not within")
    refused(blob(order, bodies, **{f"at{field + 1}": 4}), kind, "has no records")


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("change", [-4, 1, 2, -1000])
def test_record_sizes(order, kind, change):
    bodies = tables(order)
    size = max(MIN_RECORD[kind] + change, 0)
    index = SECTIONS.index(kind)
    bodies[index] = pack(MARK[order] + "I", size) + bodies[index][4:]
    refused(blob(order, bodies), f"{kind} records of {size} bytes", f"multiple of 4 of at least {MIN_RECORD[kind]}")


def test_groups(order):
    mark = MARK[order]
    for count, what in ((0, "a group of 0 records"), (4, "a group of 4 records"), (0xFFFFFFFF, "does not fit")):
        body = pack(mark + "III", 8, 7, count) + bytes(24)
        refused(blob(order, [body, b"", b""]), "func_info", what)
    body = table(order, GROUPS["func_info"], 8, 2) + bytes(4)
    refused(blob(order, [body, b"", b""]), "func_info ends within the header of a group")


def test_without_a_source(order):
    with pytest.raises(FormatError, match=r"^\.BTF\.ext, byte 0x0: not a"):
        Ext.from_bytes(b"")


def with_strings(order):
    """A BTF with the strings "one" at 1 and "0:1" at 5; the end of its strings is at 9."""
    b = Builder(order=order)
    assert (b.name("one"), b.name("0:1")) == (1, 5)
    return b.build()


@pytest.mark.parametrize("more", [0, 8])
def test_relocations_with_their_strings(order, more):
    records = [(16, 5, 5, 0), (24, 0xFFFFFFFF, 2, 12)]
    data = blob(order, tables(order, more, {"core_relo": [(1, records), (0, [(0, 1, 8, 3)])]}))
    found = Ext.from_bytes(data).relocations(with_strings(order))
    assert found == [(b"one", 16, 5, b"0:1", 0), (b"one", 24, 0xFFFFFFFF, b"ne", 12), (b"", 0, 1, b"", 3)]
    assert Ext.from_bytes(blob(order, tables(order, groups={}))).relocations(with_strings(order)) == []


@pytest.mark.parametrize(("section", "access", "wrong"), [(9, 1, "0x9"), (1, 9, "0x9"), (10, 0xFFFFFFFF, "0xffffffff")])
def test_strings_of_relocations_that_do_not_exist(order, section, access, wrong):
    data = blob(order, tables(order, groups={"core_relo": [(section, [(0, 1, access, 0)])]}))
    with pytest.raises(FormatError, match=f"a CO-RE record refers to string {wrong}, the strings end at 0x9"):
        Ext.from_bytes(data).relocations(with_strings(order))
