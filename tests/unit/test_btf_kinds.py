"""Every kind, written with the builder and read back: both byte orders, alone, split, and split on a split."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest

from btfkit.btf import spec, types
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder, Strings
from btfkit.errors import FormatError, NotFoundError

ORDERS = ("little", "big")
OTHER = {"little": "big", "big": "little"}


def base_of(level, order):
    """A chain of `level` BTFs to split upon, each with an int, a pointer and a name of its own."""
    btf = None
    for depth in range(level):
        b = Builder(btf, order)
        b.ptr(b.int(f"int{depth}", 4, encoding=1))
        btf = b.build()
    return btf


@pytest.fixture(params=ORDERS)
def order(request):
    return request.param


@pytest.fixture(params=(0, 1, 2), ids=("alone", "split", "split on split"))
def builder(request, order):
    return Builder(base_of(request.param, order), order)


def back(builder, type_id):
    """Build, and check what holds for any BTF; the view of `type_id`, after a trip through the other byte order too."""
    btf = builder.build()
    order = btf.byte_order
    blob = builder.to_bytes()
    assert btf.to_bytes() == btf.blob == blob
    swapped_base = None
    for layer in btf.chain[:-1]:
        swapped_base = Btf.from_bytes(layer.to_bytes(OTHER[order]), swapped_base)
    swapped = Btf.from_bytes(btf.to_bytes(OTHER[order]), swapped_base)
    assert swapped.byte_order == OTHER[order]
    assert swapped.to_bytes(order) == blob
    assert list(swapped.words) == list(btf.words)
    again = pickle.loads(pickle.dumps(btf))
    assert again.to_bytes() == blob
    assert len(again) == len(btf)
    assert swapped[type_id].name == btf[type_id].name
    assert type(swapped[type_id]) is type(btf[type_id])
    return btf[type_id]


def test_int(builder):
    t = back(builder, builder.int("odd", 4, encoding=spec.INT_SIGNED | spec.INT_BOOL, bits=7, bit_offset=3))
    assert isinstance(t, types.Int)
    assert (t.kind, t.kind_name, t.name, t.size) == (spec.INT, "INT", "odd", 4)
    assert (t.encoding, t.signed, t.bits, t.bit_offset) == (5, True, 7, 3)
    assert (t.vlen, t.kind_flag) == (0, False)
    assert repr(t) == f"<{t.id}: INT 'odd'>"


def test_int_takes_all_bits_by_default(builder):
    t = back(builder, builder.int("u128", 16))
    assert (t.bits, t.encoding, t.signed) == (128, 0, False)


def test_float(builder):
    t = back(builder, builder.float("long double", 16))
    assert isinstance(t, types.Float)
    assert (t.name, t.size) == ("long double", 16)


@pytest.mark.parametrize("kind", ["ptr", "volatile", "const", "restrict"])
def test_nameless_references(builder, kind):
    target = builder.int("int", 4)
    t = back(builder, getattr(builder, kind)(target))
    assert (t.kind_name, t.name, t.type_id) == (kind.upper(), "", target)
    assert t.type == t.btf[target]
    assert t.type.name == "int"
    assert repr(t) == f"<{t.id}: {kind.upper()}>"


def test_reference_to_void(builder):
    t = back(builder, builder.ptr(0))
    assert (t.type_id, t.type.kind, t.type.kind_name, t.type.name) == (0, 0, "void", "")


def test_typedef(builder):
    t = back(builder, builder.typedef("u32", builder.int("int", 4)))
    assert isinstance(t, types.Typedef)
    assert (t.name, t.type.name) == ("u32", "int")


def test_array(builder):
    element, index = builder.int("char", 1), builder.int("idx", 4)
    t = back(builder, builder.array(element, index, 0xFFFFFFFF))
    assert isinstance(t, types.Array)
    assert (t.type_id, t.index_type_id, t.length, t.type.name, t.name) == (element, index, 0xFFFFFFFF, "char", "")


@pytest.mark.parametrize("kind", ["struct", "union"])
def test_composite(builder, kind):
    i = builder.int("int", 4)
    t = back(builder, getattr(builder, kind)("s", 8, [("a", i, 0), ("", i, 0x80000000)]))
    assert (t.kind_name, t.name, t.size, t.vlen, t.kind_flag) == (kind.upper(), "s", 8, 2, False)
    assert [(m.name, m.type_id, m.bit_offset, m.bitfield_size) for m in t.members] == [
        ("a", i, 0, 0),
        ("", i, 0x80000000, 0),
    ]
    assert [m.index for m in t.members] == [0, 1]
    assert t.members[1].type.name == "int"
    assert repr(t.members[0]) == "<member 0: 'a' at bit 0>"
    with pytest.raises(IndexError):
        t.members[2]


def test_bitfields(builder):
    i = builder.int("int", 4)
    t = back(builder, builder.struct("s", 4, [("a", i, 0, 3), ("b", i, 0xFFFFFF, 255), ("c", i, 32)]))
    assert t.kind_flag
    assert [(m.bit_offset, m.bitfield_size) for m in t.members] == [(0, 3), (0xFFFFFF, 255), (32, 0)]


def test_a_bitfield_size_of_0_sets_kind_flag(builder):
    assert back(builder, builder.struct("s", 4, [("a", builder.int("int", 4), 0, 0)])).kind_flag


def test_empty_composites(builder):
    assert list(back(builder, builder.struct("", 0)).members) == []
    assert list(back(builder, builder.union("u", 0)).members) == []


def test_enum(builder):
    t = back(builder, builder.enum("e", [("A", -1), ("B", 0x7FFFFFFF)]))
    assert isinstance(t, types.Enum)
    assert (t.signed, t.size, list(t.values.items())) == (True, 4, [("A", -1), ("B", 0x7FFFFFFF)])
    t = back(builder, builder.enum("", [("C", 0xFFFFFFFF)], size=1))
    assert (t.signed, t.size, list(t.values.items())) == (False, 1, [("C", 0xFFFFFFFF)])
    assert list(back(builder, builder.enum("e", [("D", 0xFFFFFFFF)], signed=True)).values.items()) == [("D", -1)]


def test_enum64(builder):
    t = back(builder, builder.enum64("e", [("A", -1), ("B", -(1 << 63)), ("C", 1 << 40)]))
    assert isinstance(t, types.Enum64)
    assert (t.signed, t.size, list(t.values.items())) == (True, 8, [("A", -1), ("B", -(1 << 63)), ("C", 1 << 40)])
    t = back(builder, builder.enum64("e", [("A", (1 << 64) - 1)]))
    assert (t.signed, list(t.values.items())) == (False, [("A", (1 << 64) - 1)])


def test_fwd(builder):
    assert back(builder, builder.fwd("s")).flavor == "struct"
    t = back(builder, builder.fwd("u", union=True))
    assert (t.flavor, t.name, t.kind_flag) == ("union", "u", True)


@pytest.mark.parametrize(("linkage", "word"), list(enumerate(("static", "global", "extern", "(unknown)"))))
def test_func(builder, linkage, word):
    proto = builder.func_proto(0)
    t = back(builder, builder.func("f", proto, linkage))
    assert isinstance(t, types.Func)
    assert (t.name, t.type_id, t.linkage, t.vlen) == ("f", proto, word, linkage)
    assert isinstance(t.type, types.FuncProto)
    assert len(t.words) == 3  # vlen counts nothing here


def test_func_proto(builder):
    i = builder.int("int", 4)
    t = back(builder, builder.func_proto(i, [("a", i), ("", 0)]))
    assert isinstance(t, types.FuncProto)
    assert (t.type_id, [(p.name, p.type_id) for p in t.parameters], t.vlen, t.name) == (i, [("a", i), ("", 0)], 2, "")


@pytest.mark.parametrize(("linkage", "word"), list(enumerate(("static", "global", "extern", "(unknown)"))))
def test_var(builder, linkage, word):
    t = back(builder, builder.var("v", builder.int("int", 4), linkage))
    assert isinstance(t, types.Var)
    assert (t.name, t.type.name, t.linkage) == ("v", "int", word)


def test_datasec(builder):
    v = builder.var("v", builder.int("int", 4))
    t = back(builder, builder.datasec(".data..percpu", 16, [(v, 0, 4), (v, 8, 4)]))
    assert isinstance(t, types.Datasec)
    assert (t.name, t.size) == (".data..percpu", 16)
    assert [(e.type_id, e.offset, e.size) for e in t.entries] == [(v, 0, 4), (v, 8, 4)]


def test_decl_tag(builder):
    s = builder.struct("s", 4, [("a", builder.int("int", 4), 0)])
    t = back(builder, builder.decl_tag("text with spaces", s))
    assert isinstance(t, types.DeclTag)
    assert (t.name, t.type_id, t.component, t.kind_flag) == ("text with spaces", s, -1, False)
    t = back(builder, builder.decl_tag("attr", s, 0, attribute=True))
    assert (t.component, t.kind_flag) == (0, True)


def test_type_tag(builder):
    t = back(builder, builder.type_tag("rcu", 0))
    assert isinstance(t, types.TypeTag)
    assert (t.name, t.type_id, t.kind_flag) == ("rcu", 0, False)
    assert back(builder, builder.type_tag("x", 0, attribute=True)).kind_flag


def test_24_bits_of_vlen(builder):
    count = 70_000
    t = back(builder, builder.enum("many", [("A", i) for i in range(count)]))
    assert t.vlen == count
    assert list(t.values.items())[-1] == ("A", count - 1)
    following = builder.int("after", 4)
    assert back(builder, following).name == "after"


def test_every_kind_has_a_view_and_a_row():
    assert len(types.VIEWS) == len(spec.KINDS) == 20
    assert [kind.number for kind in spec.KINDS] == list(range(20))
    assert spec.kind_name(20) == "UNKNOWN"


def test_names_of_odd_bytes(builder):
    raw = b"\xff\x01 weird\xc3\xa9"
    t = back(builder, builder.record(spec.TYPEDEF, raw, 0))
    assert t.name.encode("utf-8", "surrogateescape") == raw
    assert t.btf.string(t.words[0]) == raw
    assert t.btf.find(t.name) == t


def test_a_split_reaches_into_its_bases(order):
    base = base_of(2, order)
    b = Builder(base, order)
    s = b.struct("int0", 12, [("int1", 1, 0), ("own", 3, 32)])
    btf = b.build()
    assert btf.start_id == 5
    assert len(btf.chain) == 3
    assert [m.type.name for m in btf[s].members] == ["int0", "int1"]
    assert btf[s].members[0].name == "int1"
    assert bytes(btf.strings) == b"own\0"  # the other names are the bases'
    assert btf[1].layer is btf.chain[0]
    assert btf[3].layer is btf.chain[1]
    assert btf[s].layer is btf
    assert btf[1] == base[1]
    assert btf[1] != btf[3]
    assert hash(btf[1]) == hash(base[1])
    assert btf.own_ids == range(5, 6)


def test_strings_are_written_once(order):
    b = Builder(order=order)
    b.struct("abc", 0)
    b.typedef("abc", b.fwd("c"))
    assert bytes(b.build().strings) == b"\0abc\0c\0"
    strings = Strings()
    assert [strings.add(s) for s in (b"", b"x", b"y", b"x")] == [0, 1, 3, 1]
    assert strings.to_bytes() == b"\0x\0y\0"


def test_a_split_uses_whole_strings_of_its_bases(order):
    b = Builder(order=order)
    b.typedef("prefix_suffix", 0)
    split = Builder(b.build())
    split.typedef("suffix", 0)
    split.typedef("prefix_suffix", 0)
    middle = split.build()
    assert bytes(middle.strings) == b"suffix\0"
    top = Builder(middle)
    top.typedef("suffix", 0)
    top.typedef("", 0)
    btf = top.build()
    assert bytes(btf.strings) == b""
    assert list(btf.find_ids("suffix")) == [2, 4]
    assert list(btf.find_ids("prefix_suffix")) == [1, 3]


def test_what_cannot_be_written():
    b = Builder()
    with pytest.raises(FormatError, match="NUL"):
        b.typedef("a\0b", 0)
    with pytest.raises(FormatError, match=r"vlen 16777216 .* cannot be written"):
        b.record(spec.INT, vlen=1 << 24)
    with pytest.raises(FormatError, match="kind 128"):
        b.record(128)
    with pytest.raises(TypeError, match="expected a number"):
        b.struct("s", 4, [("a", "b", 0)])


def test_empty_btf(order):
    btf = Builder(order=order).build()
    assert len(btf) == 1
    assert list(btf.own_ids) == []
    assert [t.kind_name for t in btf] == ["void"]
    assert bool(btf)
    split = Builder(btf).build()
    assert len(split) == 1
    assert split.byte_order == order
    assert bytes(split.strings) == b""


def test_iteration_and_length(order):
    base = base_of(1, order)
    b = Builder(base, order)
    b.typedef("t", 1)
    btf = b.build()
    assert len(btf) == 4
    assert [t.id for t in btf] == [0, 1, 2, 3]
    assert [t.kind_name for t in btf] == ["void", "INT", "PTR", "TYPEDEF"]
    assert [t.id for t in btf.types()] == [1, 2, 3]
    assert [t.id for t in btf.types(own=True)] == [3]
    assert [t.id for t in btf.types("ptr")] == [2]
    assert [t.id for t in btf.types(spec.INT)] == [1]
    assert [t.id for t in btf.types("INT", own=True)] == []
    for wrong in (-1, 4, 1 << 40):
        with pytest.raises(NotFoundError, match=f"no type {wrong}, ids are 0 to 3"):
            btf[wrong]
    assert "split on 3 types" in repr(btf)
    assert order in repr(btf)


def test_void(order):
    void = base_of(1, order)[0]
    assert isinstance(void, types.Void)
    assert (void.id, void.kind, void.kind_name, void.name, void.vlen, void.kind_flag) == (0, 0, "void", "", 0, False)
    assert repr(void) == "<0: void>"


def test_pickling_keeps_what_an_elf_told():
    b = Builder()
    b.int("int", 4)
    btf = Btf.from_bytes(b.to_bytes(), source="x.o", pointer_size=4)
    again = pickle.loads(pickle.dumps(btf))
    assert (again.source, again.given_pointer_size, again.pointer_size) == ("x.o", 4, 4)


# ---- elements as sequences, views as C -----------------------------------------------------------------------------


@pytest.fixture
def shapes(builder):
    """struct outer { int a; struct { char b[8]; union { int c; int d:5; }; }; int *e:0; }; and a function that takes it."""
    i = builder.int("int", 4, encoding=1)
    char = builder.int("char", 1)
    b = builder.array(char, i, 8)
    inner = builder.union("", 4, [("c", i, 0, 0), ("d", i, 3, 5)])
    middle = builder.struct("", 12, [("b", b, 0), ("", inner, 64)])
    outer = builder.struct("outer", 24, [("a", i, 0), ("", middle, 32), ("e", builder.ptr(i), 128)])
    proto = builder.func_proto(i, [("it", builder.ptr(outer)), ("", 0)])
    builder.func("take", proto)
    variable = builder.var("here", outer)
    builder.datasec(".data", 32, [(variable, 8, 24)])
    builder.enum("colour", [("RED", 0), ("GREEN", 1), ("BLUE", 2)])
    return builder.build(pointer_size=8)


def test_elements_are_sequences(shapes):
    for elements in (
        shapes.struct("outer").members,
        shapes.enum("colour").enumerators,
        shapes.func("take").parameters,
        shapes.datasec(".data").entries,
    ):
        assert isinstance(elements, Sequence)
        assert len(elements) == len(list(elements))
        assert elements[-1] == elements[len(elements) - 1] == list(elements)[-1]
        assert elements[0] in elements
        assert elements.index(elements[-1]) == elements[-1].index == len(elements) - 1
        assert elements[1:] == tuple(elements)[1:]
        assert elements[::-1] == tuple(reversed(elements))
        assert hash(elements[0]) == hash(elements[0])
        for bad in (len(elements), -1 - len(elements)):
            with pytest.raises(IndexError):
                elements[bad]
        assert f"{len(elements)} elements" in repr(elements)


def test_words_of_a_member(shapes):
    outer = shapes.struct("outer")
    words = {
        name: (m.offset, m.bit_offset, m.size, m.bits, m.type.kind_name)
        for name in "abcde"
        for m in [outer.member(name)]
    }
    assert words == {
        "a": (0, 0, 4, 32, "INT"),
        "b": (4, 32, 8, 64, "ARRAY"),
        "c": (12, 96, 4, 32, "INT"),
        "d": (12, 99, 4, 5, "INT"),
        "e": (16, 128, 8, 64, "PTR"),
    }
    assert outer["d"] == outer.member("d")
    assert ("d" in outer, "f" in outer, "" in outer, 0 in outer) == (True, False, False, False)
    assert [member.name for member in outer] == ["a", "", "e"]
    with pytest.raises(NotFoundError, match=r"struct outer has no member 'f'$"):
        outer["f"]


def test_close_members_are_suggested(builder):
    t = back(builder, builder.struct("s", 4, [("counter", 0, 0), ("other", 0, 0)]))
    with pytest.raises(NotFoundError, match="struct s has no member 'conter'; did you mean 'counter'"):
        t.member("conter")


def test_a_struct_within_itself_ends(builder):
    t = back(builder, builder.struct("", 4, [("", builder.next_id, 0)]))
    assert "a" not in t


def test_the_width_of_an_old_bitfield(builder):
    i = builder.int("unsigned int", 4, bits=3, bit_offset=2)
    member = back(builder, builder.struct("s", 4, [("a", builder.typedef("t", i), 0)])).members[0]
    assert (member.bits, member.bitfield_size, member.size) == (3, 0, 4)


def test_words_of_parameters_and_entries(shapes):
    take, data = shapes.func("take"), shapes.datasec(".data")
    assert [(p.name, str(p.type), p.size) for p in take.parameters] == [("it", "struct outer *", 8), ("", "void", 0)]
    assert take.type.type.name == "int"
    assert [(e.name, str(e), e.type.type.name, e.offset, e.size) for e in data.entries] == [
        ("here", "struct outer here", "outer", 8, 24)
    ]


def test_sizes(shapes):
    kinds = (spec.PTR, spec.ARRAY, spec.FUNC, spec.VAR)
    sizes = {str(t): t.size for t in (shapes[0], *shapes.types(own=True)) if t.kind in kinds or not t.id}
    assert sizes == {
        "void": None,
        "char [8]": 8,
        "int *": 8,
        "struct outer *": 8,
        "int take(struct outer *it, ...)": None,
        "struct outer here": 24,
    }


def test_str_is_c(shapes):
    outer = shapes.struct("outer")
    assert str(outer) == "struct outer"
    assert [str(m) for m in (outer["a"], outer["b"], outer["d"], outer["e"])] == [
        "int a",
        "char b[8]",
        "int d:5",
        "int *e",
    ]
    assert str(shapes.func("take")) == "int take(struct outer *it, ...)"
    assert str(shapes.enum("colour")) == "enum colour"
    assert repr(shapes.enum("colour").enumerators[1]) == "<enumerator 'GREEN' = 1>"


def test_elements_by_name(shapes):
    outer, take, colour = shapes.struct("outer"), shapes.func("take"), shapes.enum("colour")
    assert outer.members["a"] == outer["a"]
    assert take.parameters["it"].type == shapes.func("take").parameters[0].type
    assert colour["GREEN"] == colour.enumerators["GREEN"] == colour.enumerators[1]
    assert [each.name for each in colour] == [each.name for each in colour.enumerators]
    assert "a" in outer.members
    assert outer["a"] in outer.members
    assert "GREEN" in colour
    assert "green" not in colour
    with pytest.raises(NotFoundError, match=r"enum colour has no 'GREN'; did you mean 'GREEN'\?"):
        colour["GREN"]
    with pytest.raises(IndexError, match=r"struct outer has . elements, there is no number 99"):
        outer.members[99]
