"""`dedup`: what merges, what stays apart, and what becomes of declarations, names, ids and `.BTF.ext`."""

from __future__ import annotations

from struct import pack
from time import process_time

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.ext import Ext
from btfkit.errors import FormatError, UnsupportedError
from btfkit.passes import refinement, type_graph
from btfkit.passes.dedup import dedup, dedup_all, dedup_chain
from btfkit.passes.prepared_base import PreparedBase
from reference.plain import encode


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def told(btf, *, own=True):
    """The types as (kind, name, ids referred to)."""
    found = []
    for type_id in btf.own_ids if own else range(1, len(btf)):
        type_ = btf[type_id]
        refs = [m.type_id for m in getattr(type_, "members", ())] or (
            [type_.words[2]] if spec.KINDS[type_.kind].third == "type" else []
        )
        found.append((spec.kind_name(type_.kind), type_.name, *refs))
    return found


def unit(b, size=4, *, fwd=False, other="int"):
    """One compilation unit: int, a list of nodes that refer to each other, and `struct holder` that points at `struct thing`."""
    number = b.int(other, 4)
    first = b.next_id
    b.ptr(first + 1)
    b.struct("node", 16, [("next", first, 0), ("value", number, 64)])
    thing = b.fwd("thing") if fwd else b.struct("thing", size, [("a", number, 0)])
    return b.struct("holder", 8, [("thing", b.ptr(thing), 0)])


def test_two_equal_units(order):
    b = Builder(order=order)
    unit(b)
    one = b.build()
    unit(b)
    done = dedup(b.build())
    assert told(done.btf) == told(one)
    assert done.btf.to_bytes() == dedup(one).btf.to_bytes()
    assert [done.ids[old] for old in range(1, 13)] == [1, 2, 3, 4, 5, 6] * 2
    assert done.report.types == (12, 6)
    assert done.report.before["STRUCT"] == 6
    assert done.report.after["STRUCT"] == 3
    assert done.btf.byte_order == order


def test_one_difference_far_away_keeps_all_that_lead_to_it_apart(order):
    b = Builder(order=order)
    for last in ("int", "long"):
        inner = b.struct("inner", 8, [("x", b.int(last, 4), 0)])
        middle = b.struct("middle", 8, [("inner", b.ptr(inner), 0)])
        b.typedef("outer", b.const(b.ptr(middle)))
    done = dedup(b.build())
    assert done.report.types == (14, 14)


def test_cycles_that_differ_are_not_taken_for_equal():
    b = Builder()
    for size in (8, 16):
        first = b.next_id
        b.struct("a", 8, [("b", first + 1, 0)])
        b.ptr(first + 2)
        b.struct("b", size, [("a", first + 3, 0)])
        b.ptr(first)
    assert dedup(b.build()).report.types == (8, 8)


@pytest.mark.parametrize("kind", [spec.TYPEDEF, spec.PTR, spec.CONST, spec.ARRAY])
def test_loops_of_pure_references_end(kind):
    """libbpf refuses most of these (ELOOP); all are equivalent to their like."""
    b = Builder()
    for _ in range(2):
        here = b.next_id
        if kind == spec.ARRAY:
            b.array(here, here, 3)
        else:
            b.record(kind, "t" if kind == spec.TYPEDEF else "", here)
    done = dedup(b.build())
    assert done.report.types == (2, 1)
    assert done.ids[2] == 1


def test_members_of_an_array_count():
    """libbpf compares an array with itself here: struct S { int f1[2]; float f2[2]; } became two arrays of int."""
    b = Builder()
    integer, index = b.int("int", 4), b.int("idx", 4)
    ints = b.array(integer, index, 2)
    b.struct("S", 16, [("f1", ints, 0), ("f2", ints, 64)])
    floats = b.array(b.float("float", 4), index, 2)
    b.struct("S", 16, [("f1", b.array(integer, index, 2), 0), ("f2", floats, 64)])
    btf = dedup(b.build()).btf
    assert [name for kind, name, *_ in told(btf) if kind == "STRUCT"] == ["S", "S"]


def test_variables_and_sections_stay(order):
    b = Builder(order=order)
    for _ in range(2):
        var = b.var("counter", b.int("int", 4), 0)
        b.datasec(".bss", 4, [(var, 0, 4)])
        b.decl_tag("tag", var)
    done = dedup(b.build())
    assert [kind for kind, *_ in told(done.btf)] == ["INT", "VAR", "DATASEC", "DECL_TAG", "VAR", "DATASEC", "DECL_TAG"]
    assert done.btf[3].words[3] == 2
    assert done.btf[6].words[3] == 5


def test_tags_on_what_merged_merge():
    b = Builder()
    for _ in range(2):
        struct = b.struct("s", 4, [("a", b.int("int", 4), 0)])
        b.decl_tag("here", struct)
        b.decl_tag("member", struct, 0)
        b.func("f", b.func_proto(0, [("s", b.ptr(b.type_tag("user", struct)))]), 1)
    b.decl_tag("member", struct, 0, attribute=True)
    btf = dedup(b.build()).btf
    kinds = [kind for kind, *_ in told(btf)]
    assert kinds == ["INT", "STRUCT", "DECL_TAG", "DECL_TAG", "TYPE_TAG", "PTR", "FUNC_PROTO", "FUNC", "DECL_TAG"]


def test_everything_that_a_type_says_counts():
    b = Builder()
    number = b.int("int", 4)
    b.int("int", 4, encoding=1)
    b.int("int", 4, bits=3)
    b.float("int", 4)
    for members in ([("a", number, 0)], [("b", number, 0)], [("a", number, 32)], [("a", number, 0, 4)], []):
        b.struct("s", 8, members)
    b.union("s", 8, [("a", number, 0)])
    b.struct("s", 16, [("a", number, 0)])
    for values in ([("A", 1)], [("A", 2)], [("B", 1)], [("A", -1)]):
        b.enum("e", values)
    b.enum("e", [("A", 1)], signed=True)
    b.enum("e", [("A", 1)], size=1)
    b.enum64("e", [("A", 1)])
    b.enum64("e", [("A", 1 + (1 << 40))])
    proto = b.func_proto(number, [("x", number)])
    b.func_proto(number, [("y", number)])
    b.func_proto(number, [("x", number), ("", 0)])
    for name, linkage in (("f", 0), ("f", 1), ("g", 0)):
        b.func(name, proto, linkage)
    for length in (2, 3):
        b.array(number, number, length)
    before = b.build()
    assert told(dedup(before).btf) == told(before)


# ---- declarations --------------------------------------------------------------------------------------------------


def test_a_declaration_becomes_the_only_definition(order):
    b = Builder(order=order)
    unit(b, fwd=True)
    unit(b)
    done = dedup(b.build())
    assert done.report.types == (12, 6)
    assert [(d.name, d.tag, d.how) for d in done.report.declarations] == [("thing", "struct", "only")]
    assert done.ids[4] == done.ids[10]
    assert done.report.declarations[0].targets[0] == done.ids[10]
    assert told(done.btf)[-1] == ("STRUCT", "thing", 1)  # the survivor of the definition is where it was


def test_declarations_and_definitions_that_need_each_other():
    """Each unit knows one of two structs that point at each other; only together do they make sense."""
    b = Builder()
    for declared in ("b", "a", None):
        number = b.int("int", 4)
        ids = {name: b.next_id + i for i, name in enumerate("ab")}
        for name, other in (("a", "b"), ("b", "a")):
            if name == declared:
                b.fwd(name)
            else:
                b.struct(name, 16, [("other", ids["a"] + 2 + "ab".index(other), 0), ("n", number, 64)])
        b.ptr(ids["a"])
        b.ptr(ids["b"])
    done = dedup(b.build())
    assert done.report.types[1] == 5


def test_an_ambiguous_declaration_stays():
    b = Builder()
    number = b.int("int", 4)
    b.struct("thing", 4, [("a", number, 0)])
    b.struct("thing", 8, [("b", number, 0)])
    b.ptr(b.fwd("thing"))
    done = dedup(b.build())
    assert done.report.types == (5, 5)
    assert [(d.how, d.targets, d.definitions) for d in done.report.declarations] == [("", (), 2)]


def test_an_ambiguous_declaration_that_its_surroundings_explain():
    """Two definitions, but `struct holder` with the declaration is like one of two holders."""
    b = Builder()
    unit(b, fwd=True)
    unit(b, 4)
    number = b.int("other", 4)
    thing = b.struct("thing", 8, [("z", number, 0)])
    b.struct("holder", 24, [("thing", b.ptr(thing), 128)])
    done = dedup(b.build())
    assert [(d.how, d.definitions) for d in done.report.declarations] == [("context", 2)]
    assert done.ids[4] == done.ids[10]
    assert done.ids[6] == done.ids[12]


def test_flavours_are_kept_apart():
    b = Builder()
    b.ptr(b.fwd("thing", union=True))
    b.struct("thing", 4)
    b.fwd("other")
    b.typedef("other", 0)
    done = dedup(b.build())
    assert done.report.types == (5, 5)
    b.union("thing", 4)
    done = dedup(b.build())
    assert done.report.types == (6, 5)
    assert done.btf[1].words[2] == done.ids[6]


def test_enum_declarations():
    b = Builder()
    b.ptr(b.enum("e"))
    b.ptr(b.enum("e", size=8))
    b.ptr(b.enum("f"))
    b.enum64("f", [("A", 1 << 40)])
    b.ptr(b.enum(""))
    b.enum("", [("B", 1)])
    done = dedup(b.build())
    assert [name for kind, name, *_ in told(done.btf) if kind == "ENUM"] == ["e", "", ""]
    assert done.ids[5] == done.ids[7]
    assert done.ids[1] == done.ids[3]


# ---- split -----------------------------------------------------------------------------------------------------------


def base_and_split(order, base_fwd=False, fwd=False, size=4):
    b = Builder(order=order)
    unit(b, fwd=base_fwd)
    base = b.build()
    s = Builder(base)
    unit(s, size, fwd=fwd)
    s.typedef("user", s.ptr(s.next_id - 1))
    return base, s.build()


def test_what_the_base_has_goes(order):
    base, split = base_and_split(order)
    done = dedup(split)
    assert done.btf.base is base
    assert told(done.btf) == [("PTR", "", 6), ("TYPEDEF", "user", 7)]
    assert [done.ids[old] for old in range(15)] == [0, *range(1, 7), *range(1, 7), 7, 8]
    assert bytes(done.btf.strings) == b"user\0"


def test_a_declaration_becomes_the_base_s_definition(order):
    _, split = base_and_split(order, fwd=True)
    assert told(dedup(split).btf) == [("PTR", "", 6), ("TYPEDEF", "user", 7)]


def test_the_base_s_own_declaration_is_what_equal_types_need(order):
    _, split = base_and_split(order, base_fwd=True, fwd=True)
    assert told(dedup(split).btf) == [("PTR", "", 6), ("TYPEDEF", "user", 7)]


def test_a_type_that_completes_the_base_s_declaration_stays(order):
    """As upstream: the base cannot change, so the split keeps its own, and all that refer to it."""
    _, split = base_and_split(order, base_fwd=True)
    assert told(dedup(split).btf) == [
        ("STRUCT", "thing", 1),
        ("PTR", "", 7),
        ("STRUCT", "holder", 8),
        ("PTR", "", 9),
        ("TYPEDEF", "user", 10),
    ]


def test_duplicates_in_the_base_stay_and_the_lowest_is_used():
    b = Builder()
    b.int("int", 4)
    b.int("int", 4)
    base = b.build()
    s = Builder(base)
    s.ptr(s.int("int", 4))
    s.ptr(2)
    done = dedup(s.build())
    assert told(done.btf) == [("PTR", "", 1)]  # a pointer to either is a pointer to both
    assert [done.ids[old] for old in range(6)] == [0, 1, 2, 1, 3, 3]


def test_a_chain(order):
    _, split = base_and_split(order)
    third = Builder(split)
    unit(third)
    third.typedef("user", third.ptr(third.next_id - 1))
    third.typedef("last", third.next_id - 1)
    done = dedup(third.build())
    assert done.btf.base is split
    assert told(done.btf) == [("TYPEDEF", "last", 14)]


def test_a_known_base(order, monkeypatch):
    """Its classes are made once; where it cannot be used, the result is the same."""
    base, split = base_and_split(order)
    prepared = PreparedBase(base)
    assert prepared.exact
    expected = dedup(split)
    ext = Ext.from_bytes(ext_blob(order, split.start_str_off, 1, 1, 13, split.start_str_off))
    for collide in (False, True):
        if collide:
            monkeypatch.setattr(type_graph, "_mask", 0)
            prepared = PreparedBase(base)
            assert not prepared.exact
        done = dedup(split, prepared=prepared, ext=ext)
        assert done.btf.to_bytes() == expected.btf.to_bytes()
        assert done.ext.to_bytes() == dedup(split, ext=ext).ext.to_bytes()
    other = PreparedBase(base_and_split(order)[0])
    assert dedup(split, prepared=other).btf.to_bytes() == expected.btf.to_bytes()


def test_a_known_base_and_declarations(order):
    for base_fwd, fwd in ((False, True), (True, True), (True, False)):
        base, split = base_and_split(order, base_fwd, fwd)
        assert dedup(split, prepared=PreparedBase(base)).btf.to_bytes() == dedup(split).btf.to_bytes()


# ---- names, bytes, refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forms", [("enum", "enum64"), ("enum64", "enum"), ("enum", "enum")])
def test_a_known_base_and_enum_declarations_of_other_forms(order, forms):
    """An enum without enumerators is one type, whether ENUM or ENUM64."""
    b = Builder(order=order)
    number = b.int("int", 4)
    b.struct("uses", 8, [("x", b.ptr(getattr(b, forms[0])("e", [])), 0)])
    base = b.build()
    s = Builder(base)
    other = getattr(s, forms[1])("e", [])
    s.struct("uses", 8, [("x", s.ptr(other), 0)])
    s.struct("mine", 8, [("p", s.ptr(other), 0), ("n", number, 64)])
    split = s.build()
    done = dedup(split, prepared=PreparedBase(base))
    assert told(done.btf) == [("STRUCT", "mine", 3, 1)]
    assert done.btf.to_bytes() == dedup(split).btf.to_bytes()


def test_strings_are_stored_once_in_order_of_use(order):
    b = Builder(order=order)
    b.name("unused")
    b.int("int", 4)
    b.struct("s", 4, [("b", 1, 0), ("a", 1, 0)])
    data = bytearray(b.build().to_bytes())
    at = data.index(b"\0b\0a\0")
    data[at : at + 5] = b"\0x\0x\0"  # two strings, equal
    done = dedup(btfkit.Btf.from_bytes(bytes(data)))
    assert bytes(done.btf.strings) == b"\0int\0s\0x\0"


def test_names_that_end_longer_ones():
    b = Builder()
    longer = b.name("my_int")
    b.int("int", 4)
    data = bytearray(b.build().to_bytes())
    word = data.index(pack("<I", longer + 7))
    data[word : word + 4] = pack("<I", longer + 3)
    done = dedup(btfkit.Btf.from_bytes(bytes(data)))
    assert bytes(done.btf.strings) == b"\0int\0"


def test_names_that_overlap_without_end_are_refused():
    b = Builder()
    long = "x" * 3000
    at = b.name(long)
    for i in range(3000):
        b.record(spec.FLOAT, "", 4)
        b._words[-3] = at + i
    with pytest.raises(FormatError, match="ends of longer strings"):
        dedup(b.build())


def test_hashes_decide_nothing(monkeypatch, order):
    b = Builder(order=order)
    for i in range(4):
        unit(b, 4 + i // 2 * 4, fwd=i == 3)
    btf = b.build()
    expected = dedup(btf)
    monkeypatch.setattr(type_graph, "_mask", 0)
    collided = dedup(btf)
    assert collided.btf.to_bytes() == expected.btf.to_bytes()
    assert list(collided.ids.items()) == list(expected.ids.items())


def test_room_of_large_graphs(monkeypatch):
    """Work space comes from pages of its own in a large graph; with a base, and for several choices of a declaration."""
    base, one = Builder(), Builder()
    unit(base)
    expected = dedup_all([base.build()] * 3)[0].btf.to_bytes()
    for i in range(4):
        unit(one, 4 + i // 2 * 4, fwd=i == 3)
    split = Builder(base.build())
    unit(split, 8)
    before = [dedup(btf).btf.to_bytes() for btf in (one.build(), split.build())]
    monkeypatch.setattr(refinement, "LARGE", 1)
    assert dedup_all([base.build()] * 3)[0].btf.to_bytes() == expected
    assert [dedup(btf).btf.to_bytes() for btf in (one.build(), split.build())] == before
    room = refinement.pages(5)
    room[4] = 7
    assert list(room) == [0, 0, 0, 0, 7]


def test_twice_is_once(order):
    b = Builder(order=order)
    for i in range(4):
        unit(b, 4 + i // 2 * 4, fwd=i == 3)
    once = dedup(b.build()).btf
    assert dedup(once).btf.to_bytes() == once.to_bytes()


def test_several_inputs_of_either_order():
    one, two = Builder(order="little"), Builder(order="big")
    unit(one)
    unit(two)
    two.typedef("more", 6)
    done, firsts = dedup_all(iter([one.build(), two.build()]))
    assert firsts == [1, 7]
    assert done.btf.byte_order == "little"
    assert told(done.btf)[6:] == [("TYPEDEF", "more", 6)]
    assert [done.ids[6 + old] for old in range(1, 8)] == [1, 2, 3, 4, 5, 6, 7]


def test_layout_and_pointer_size_stay(order):
    b = Builder(order=order, layout=True)
    unit(b)
    unit(b)
    done = dedup(b.build(pointer_size=4))
    assert done.btf.layout
    assert done.btf.pointer_size == 4


def unknown_kind() -> btfkit.Btf:
    """One type, of kind 25, whose size a layout section states."""
    b = Builder(layout=True)
    b.int("int", 4)
    data = bytearray(b.build().to_bytes())
    data[47] = 25  # the kind of the record's info word
    at = 32 + 16
    layout = bytearray(data[at : at + 80]) + bytes(4 * 5) + bytes((4, 0, 0, 0))
    header = bytearray(data[:32])
    header[16:20] = pack("<I", int.from_bytes(header[16:20], "little") + 24)
    header[28:32] = pack("<I", len(layout))
    blob = bytes(header) + bytes(data[32:39]) + b"\x19" + bytes(data[40:48]) + bytes(layout) + bytes(data[at + 80 :])
    return btfkit.Btf.from_bytes(blob)


def test_a_kind_that_nobody_knows_is_refused():
    """Where it is written: a base stays as it is, unless the result has none."""
    with pytest.raises(UnsupportedError, match="kind 25"):
        dedup(unknown_kind())
    base = unknown_kind()
    module = Builder(base)
    module.struct("s", 4, [])
    assert len(dedup(module.build()).btf.own_ids) == 1
    with pytest.raises(UnsupportedError, match="kind 25"):
        btfkit.merge(base, [module.build()])


# ---- .BTF.ext ------------------------------------------------------------------------------------------------------------


def ext_blob(order, section, func, line, root, access):
    mark = "<" if order == "little" else ">"
    funcs = pack(mark + "5I", 8, section, 1, 0, func)
    lines = pack(mark + "7I", 16, section, 1, 0, line, line, 1 << 10)
    relos = pack(mark + "7I", 16, section, 1, 8, root, access, 0)
    bodies = funcs + lines + relos
    head = (0xEB9F).to_bytes(2, order) + b"\1\0" + pack(mark + "7I", 32, 0, 20, 20, 28, 48, 28)
    return head + bodies


def test_ext_goes_along(order):
    b = Builder(order=order)
    unit(b)
    root = unit(b)
    proto = b.func_proto(0)
    func = b.func("prog", proto, 1)
    places = [b.name(text) for text in ("tp/x", "file.c", "0:0")]
    btf = b.build()
    ext = Ext.from_bytes(ext_blob(order, places[0], func, places[1], root, places[2]))
    done = dedup(btf, ext=ext)
    assert done.ext is not None
    ((section, (_, type_id)),) = done.ext.records("func_info")
    assert (done.btf.string(section), done.btf.name(type_id)) == (b"tp/x", "prog")
    ((_, (_, file, line, _)),) = done.ext.records("line_info")
    assert [done.btf.string(at) for at in (file, line)] == [b"file.c", b"file.c"]
    ((_, (_, type_id, access, _)),) = done.ext.records("core_relo")
    assert (type_id, done.btf.string(access)) == (6, b"0:0")
    assert done.ext.to_bytes()[32:] != ext.to_bytes()[32:]
    for bad in (ext_blob(order, 9999, func, 1, 1, 1), ext_blob(order, 1, 9999, 1, 1, 1)):
        with pytest.raises(FormatError, match="9999"):
            dedup(btf, ext=Ext.from_bytes(bad))


def test_names_of_the_base_that_none_of_its_types_has():
    """Whole strings of the base, and ends of them, that only splits use."""
    base = Btf.from_bytes(encode([1, 0x07000000, 0], b"\0used\0unused_name\0"))
    words = [word for at in (6, 13, 1) for word in (at, 0x07000000, 0)]
    splits = [Btf.from_bytes(encode(words, b""), base) for _ in range(2)]
    for done in (dedup(splits[0]), dedup_all(splits)[0], dedup_chain(base, splits)):
        assert [type_.name for type_ in done.btf][1:] == ["used", "unused_name", "name"]


def test_a_chain_in_one():
    b = Builder()
    number = b.int("int", 4)
    b.struct("s", 4, [("x", number, 0)])
    b.fwd("later")
    b.ptr(3)
    base = b.build()
    splits = []
    for name in ("one", "two"):
        s = Builder(base)
        later = s.struct("later", 8, [("p", 4, 0)])
        s.struct(name, 8, [("l", s.ptr(later), 0)])
        splits.append(s.build())
    done = dedup_chain(base, splits)
    assert done.btf.base is None
    assert [(t.kind_name, t.name) for t in done.btf][1:] == [
        ("INT", "int"),
        ("STRUCT", "s"),
        ("PTR", ""),
        ("STRUCT", "later"),
        ("STRUCT", "one"),
        ("STRUCT", "two"),
    ]
    assert done.firsts == [5, 8]
    assert done.heads == [4, 6]
    assert done.declared == [3]
    assert done.btf.find("two").members[0].type_id == 3
    assert done.btf[3].type.name == "later"
    middle = Builder(splits[0])
    middle.const(splits[0].find_id("one"))
    both = dedup_chain(splits[0], [middle.build()])
    assert both.btf.base is None
    assert both.btf[len(both.btf) - 1].type.name == "one"


@pytest.mark.parametrize("definitions", ["one", "two", "many"])
@pytest.mark.parametrize("held", [False, True])
def test_many_declarations_of_one_name(definitions, held):
    """The work is near linear in their number: some thousand of them took minutes."""
    count = 800
    b = Builder()
    number = b.int("int", 4)
    for _ in range(count):
        declaration = b.fwd("x")
        if held:
            b.struct("h", 8, [("p", b.ptr(declaration), 0)])
    for size in range({"one": 1, "two": 2, "many": count}[definitions]):
        definition = b.struct("x", 4 * size + 4, [("a", number, 0)])
        if held:
            b.struct("h", 8, [("p", b.ptr(definition), 0)])
    btf = b.build()
    start = process_time()
    done = dedup(btf)
    assert process_time() - start < 100
    assert done.report.after.get("FWD", 0) == (not held and definitions != "one")
