"""Layouts of structs and unions: offsets, holes, padding, bitfields, forced alignment, and their picture."""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.spelling import Spelling
from btfkit.errors import FormatError, NotFoundError
from btfkit.show.layout import Layouts, layout
from btfkit.show.layout_data import LayoutData
from btfkit.show.layout_text import LayoutText, coloured
from hostile import NAMES


@pytest.fixture(params=["little", "big"])
def b(request):
    """A builder with int (1), char (2), long (3), void * (4)."""
    builder = Builder(order=request.param)
    builder.int("int", 4, encoding=1)
    builder.int("char", 1)
    builder.int("long", 8, encoding=1)
    builder.ptr(0)
    return builder


def picture(builder: Builder, type_id: int, alias: str = "", **options) -> str:
    return LayoutText(Layouts(builder.build()), **options).picture(type_id, alias)


def test_holes_and_padding(b) -> None:
    s = b.struct("s", 32, [("c", 2, 0), ("i", 1, 32), ("d", 2, 64), ("l", 3, 128), ("e", 2, 192)])
    found = layout(b.build(), s)
    assert [(m.name, m.offset, m.size, m.hole) for m in found.members] == [
        ("c", 0, 1, 3),
        ("i", 4, 4, 0),
        ("d", 8, 1, 7),
        ("l", 16, 8, 0),
        ("e", 24, 1, 0),
    ]
    assert (found.size, found.holes, found.sum_holes, found.padding, found.sum_members) == (32, 2, 10, 7, 15)
    assert (found.alignment, found.natural_alignment, found.packed, found.unaccounted) == (0, 8, False, 0)
    assert (found.cachelines, found.last_cacheline) == (1, 32)
    assert picture(b, s) == (
        "struct s {\n"
        "\tchar                       c;                    /*     0     1 */\n"
        "\n\t/* XXX 3 bytes hole, try to pack */\n\n"
        "\tint                        i;                    /*     4     4 */\n"
        "\tchar                       d;                    /*     8     1 */\n"
        "\n\t/* XXX 7 bytes hole, try to pack */\n\n"
        "\tlong                       l;                    /*    16     8 */\n"
        "\tchar                       e;                    /*    24     1 */\n"
        "\n"
        "\t/* size: 32, cachelines: 1, members: 5 */\n"
        "\t/* sum members: 15, holes: 2, sum holes: 10 */\n"
        "\t/* padding: 7 */\n"
        "\t/* last cacheline: 32 bytes */\n"
        "};\n"
    )


def test_bitfields(b) -> None:
    s = b.struct("s", 12, [("a", 1, 0, 3), ("b", 1, 5, 7), ("c", 1, 32, 30), ("d", 2, 64, 0), ("e", 1, 72, 4)])
    found = layout(b.build(), s)
    assert [(m.name, m.offset, m.first_bit, m.bits, m.bit_hole) for m in found.members] == [
        ("a", 0, 0, 3, 2),
        ("b", 0, 5, 7, 20),
        ("c", 4, 0, 30, 2),
        ("d", 8, 0, 0, 0),
        ("e", 8, 8, 4, 0),
    ]
    assert (found.bit_holes, found.sum_bit_holes, found.bit_padding, found.sum_bits) == (3, 24, 20, 44)
    assert found.unaccounted == 0
    text = picture(b, s)
    assert "int                        b:7;                  /*     0: 5  4 */\n" in text
    assert "\t/* XXX 20 bits hole, try to pack */\n" in text
    assert "\t/* Force alignment to the next boundary: */\n" in text
    assert "sum bitfield members: 44 bits, bit holes: 3, sum bit holes: 24 bits" in text
    assert "bit_padding: 20 bits" in text


def test_bitfields_as_they_were_written_before_kind_flag(b) -> None:
    three = b.int("int", 4, bits=3)
    late = b.int("int", 4, bits=5, bit_offset=3)
    s = b.struct("s", 4, [("a", three, 0), ("b", late, 0)])
    found = layout(b.build(), s)
    assert [(m.bits, m.first_bit, m.bit_offset) for m in found.members] == [(3, 0, 0), (5, 3, 3)]
    assert found.bit_padding == 24


def test_forced_alignment_and_cache_lines(b) -> None:
    s = b.struct("s", 192, [("c", 2, 0), ("i", 1, 512), ("j", 1, 544), ("k", b.array(2, 1, 100), 576)])
    found = layout(b.build(), s)
    assert [m.alignment for m in found.members] == [0, 64, 0, 0]
    assert found.alignment == 64
    text = picture(b, s)
    assert (
        "\t/* --- cacheline 1 boundary (64 bytes) --- */\n\tint                        i __attribute__((__aligned__(64)));"
        in text
    )
    assert "/* forced alignments: 1, forced holes: 1, sum forced holes: 63 */" in text
    assert text.endswith("} __attribute__((__aligned__(64)));\n")


def test_a_cache_line_that_began_within_a_member(b) -> None:
    s = b.struct("s", 128, [("k", b.array(2, 1, 70), 0), ("c", 2, 560), ("d", 2, 568)])
    assert (
        "\t/* --- cacheline 1 boundary (64 bytes) was 6 bytes ago --- */\n\tchar                       c;"
        in picture(b, s)
    )
    text = LayoutText(Layouts(b.build(), 32)).picture(s)
    assert "cacheline 2 boundary (64 bytes) was 6 bytes ago" in text
    assert "cachelines: 4, members: 3" in text


def test_packed(b) -> None:
    s = b.struct("s", 5, [("c", 2, 0), ("i", 1, 8)])
    assert layout(b.build(), s).packed
    assert picture(b, s).endswith("} __attribute__((__packed__));\n")


def test_union_and_nameless(b) -> None:
    inner = b.struct("", 8, [("x", 1, 0), ("y", 1, 32)])
    u = b.union("u", 8, [("l", 3, 0), ("", inner, 0), ("p", inner, 0)])
    outer = b.struct("o", 16, [("c", 2, 0), ("", b.union("", 8, [("l", 3, 0), ("", inner, 0)]), 64)])
    found = layout(b.build(), u)
    assert (found.keyword, found.holes, found.padding) == ("union", 0, 0)
    assert picture(b, u) == (
        "union u {\n"
        "\tlong                       l;                  /*     0     8 */\n"
        "\tstruct {\n"
        "\t\tint                x;                  /*     0     4 */\n"
        "\t\tint                y;                  /*     4     4 */\n"
        "\t};                                             /*     0     8 */\n"
        "\tstruct {\n"
        "\t\tint                x;                  /*     0     4 */\n"
        "\t\tint                y;                  /*     4     4 */\n"
        "\t} p;                                           /*     0     8 */\n"
        "};\n"
    )
    assert "\t\t\tint        y;                    /*    12     4 */\n" in picture(b, outer)
    assert picture(b, inner, "alias_t").startswith("typedef struct {\n\tint                x;")
    assert picture(b, inner, "alias_t").endswith("} alias_t;\n")


def test_expanded(b) -> None:
    leaf = b.struct("leaf", 8, [("x", 1, 0), ("y", 1, 32)])
    s = b.struct("s", 12, [("c", 2, 0), ("l", b.typedef("leaf_t", leaf), 32)])
    text = picture(b, s, expand=True)
    assert "\t/* typedef leaf_t */ struct leaf {\n\t\tint                x; " in text
    assert "\t} l; /*     4     8 */\n" in text
    assert "leaf_t                     l;" in picture(b, s)


def test_arrays_and_functions(b) -> None:
    proto = b.func_proto(1, [("", 4), ("", 0)])
    nested = b.array(b.array(1, 1, 3), 1, 2)
    s = b.struct("s", 40, [("f", b.ptr(proto), 0), ("m", nested, 64), ("flex", b.array(2, 1, 0), 256)])
    text = picture(b, s)
    assert "int                        (*f)(void *, ...);" in text
    assert "int                        m[2][3];" in text  # pahole has them the other way round
    assert "char                       flex[];" in text
    b.struct("only", 0, [("flex", b.array(2, 1, 0), 0)])
    assert "flex[0];" in picture(b, b.next_id - 1)


def test_names_are_found_as_one_writes_them(b) -> None:
    b.struct("both", 4, [("a", 1, 0)])
    b.union("both", 4, [("a", 1, 0)])
    nameless = b.struct("", 4, [("a", 1, 0)])
    b.typedef("alias", nameless)
    b.typedef("number", 1)
    layouts = Layouts(b.build())
    assert layouts.find("both") == [5, 6]
    assert layouts.find("union both") == [6]
    assert layouts.find("alias") == [nameless]
    assert list(layouts.all()) == [5, 6]
    for name in ("nobody", "number", "struct alias"):
        with pytest.raises(NotFoundError, match=name):
            layouts.find(name)
    with pytest.raises(NotFoundError, match="did you mean 'both'"):
        layouts.find("bothh")
    with pytest.raises(NotFoundError):
        layouts[1]


def test_split(b) -> None:
    base_struct = b.struct("inner", 8, [("x", 1, 0)])
    base = b.build()
    top = Builder(base)
    s = top.struct("mine", 16, [("i", base_struct, 0), ("c", 2, 64)])
    split = top.build()
    layouts = Layouts(split)
    assert list(layouts.all()) == [s]
    assert [(m.offset, m.size, m.hole) for m in layouts[s].members] == [(0, 8, 0), (8, 1, 0)]
    assert layouts.find("inner") == [base_struct]


def test_members_that_overlap_are_told(b) -> None:
    s = b.struct("s", 8, [("l", 3, 0), ("i", 1, 0)])
    assert layout(b.build(), s).unaccounted != 0
    assert "members overlap or lie outside" in picture(b, s)


# ---- hostile ---------------------------------------------------------------------------------------------------


def refuses(b: Builder, type_id: int) -> None:
    layouts = Layouts(b.build())
    for work in (
        lambda: LayoutText(layouts).picture(type_id),
        lambda: LayoutText(layouts, expand=True).picture(type_id),
        lambda: LayoutData(layouts, expand=True).of(type_id),
    ):
        with contextlib.suppress(FormatError):
            assert len(str(work())) < 1 << 24


def test_a_struct_within_itself(b) -> None:
    refuses(b, b.struct("s", 8, [("s", b.next_id, 0)]))


@pytest.mark.parametrize("kind", ["typedef_", "const", "type_tag_", "ptr", "array_"])
def test_circles(b, kind) -> None:
    here = b.next_id
    if kind == "typedef_":
        b.typedef("t", here)
    elif kind == "type_tag_":
        b.type_tag("t", here)
    elif kind == "array_":
        b.array(here, 1, 2)
    else:
        getattr(b, kind)(here)
    refuses(b, b.struct("s", 8, [("s", here, 0), ("p", b.ptr(here), 0)]))
    Spelling(b.build())[here]


def test_what_grows_without_end(b) -> None:
    leaf = b.struct("", 1, [("c", 2, 0)])
    for _ in range(60):
        leaf = b.struct("", 1, [("", leaf, 0), ("", leaf, 0)])
    refuses(b, leaf)
    proto = b.func_proto(0, [("", 1)])
    for _ in range(60):
        proto = b.func_proto(0, [("", b.ptr(proto)), ("", b.ptr(proto))])
    refuses(b, b.struct("s", 8, [("f", b.ptr(proto), 0)]))
    assert len(Spelling(b.build())[proto]) <= 400


def test_deep_nesting(b) -> None:
    deep = 1
    for _ in range(2000):
        deep = b.struct("deep", 4, [("d", deep, 0)])
    refuses(b, deep)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(b, name) -> None:
    inner = b.struct(name, 4, [(name, 1, 0)])
    enum = b.enum(name, [(name, 1)])
    s = b.struct("s", 24, [(name, inner, 0), (name, enum, 64), (name, b.ptr(b.func_proto(1, [(name, inner)])), 128)])
    for expand in (False, True):
        text = picture(b, s, expand=expand)
        assert all(line.replace("\t", " ").isprintable() for line in text.splitlines())
    data = LayoutData(Layouts(b.build())).of(s)
    assert json.loads(json.dumps(data))["members"][0]["name"] == name


def test_colours(b) -> None:
    s = b.struct("s", 16, [("c", 2, 0), ("l", 3, 64)])
    text = picture(b, s)
    assert "\x1b[1;31m/* XXX 7 bytes hole" in coloured(text)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured(text)) == text


def test_an_array_larger_than_memory_is_refused(b) -> None:
    """The kernel refuses arrays of more than 4 GiB; here they have to fit in a number."""
    row = 1
    for _ in range(3):
        row = b.array(row, 1, 0xFFFFFFFF)
    s = b.struct("s", 8, [("rows", row, 0)])
    layouts = Layouts(b.build())
    for ask in (layouts.__getitem__, layouts.gaps):
        with pytest.raises(FormatError, match=r"an array of more than 2\*\*56 bytes"):
            ask(s)


@pytest.mark.parametrize("cacheline", [0, -64, 1 << 21])
def test_a_cache_line_has_a_length(b, cacheline) -> None:
    with pytest.raises(ValueError, match="a cache line of"):
        Layouts(b.build(), cacheline)


def test_gaps_are_those_of_the_layout(b) -> None:
    """Without a layout being made; of a type that has none, the same error."""
    first = b.struct("s", 24, [("c", 2, 0), ("l", 3, 64), ("d", 2, 136)])
    b.struct("u", 8, [("c", 2, 0), ("l", 3, 0)], union=True)
    b.struct("", 8, [("l", 3, 0)])
    layouts = Layouts(b.build())
    assert layouts.all() == [first, first + 1]
    assert [layouts.gaps(i) for i in layouts.all()] == [(24, 2), (8, 0)]
    assert [(layouts[i].size, layouts[i].holes) for i in layouts.all()] == [(24, 2), (8, 0)]
    with pytest.raises(NotFoundError, match="INT has no layout"):
        layouts.gaps(1)
