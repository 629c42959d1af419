"""Finding types by name: unsorted, sorted, in chains; and names that share bytes."""

from __future__ import annotations

import sys

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf, name_buckets, references
from btfkit.btf.build import Builder
from btfkit.btf.finders import FEW
from btfkit.btf.spec import text
from btfkit.errors import AmbiguousError, NotFoundError
from btfkit.passes.rebase import NameIndex


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def many(order, names, base=None):
    b = Builder(base, order)
    for name in names:
        b.typedef(name, 0)
    return b.build()


def test_unsorted(order):
    btf = many(order, ["b", "a", "b", "c"])
    assert btf.first_named_id is None
    assert btf.find("b").id == 1
    assert list(btf.find_ids("b")) == [1, 3]
    assert btf.find_id("c") == 4
    assert btf.find_id("d") is None


@pytest.mark.parametrize("anonymous", [0, 2])
def test_sorted(order, anonymous):
    b = Builder(order=order)
    for _ in range(anonymous):
        b.ptr(0)
    names = sorted(["a", "aa", "ab", "b", "b", "b", "bb", "z"])
    ids = [b.typedef(name, 0) for name in names]
    btf = b.build()
    assert btf.first_named_id == anonymous + 1
    for name in set(names):
        assert list(btf.find_ids(name)) == [i for i, n in zip(ids, names, strict=True) if n == name]
    for name in ("0", "A", "a\x01", "aaa", "az", "c", "zz"):
        assert list(btf.find_ids(name)) == []


def test_sorted_finds_what_unsorted_finds(order):
    names = sorted(f"n{i % 37:x}" for i in range(200))
    ordered, reversed_ = many(order, names), many(order, names[::-1])
    assert ordered.first_named_id == 1
    assert reversed_.first_named_id is None
    for name in set(names) | {"n", "nn", "o"}:
        assert len(list(ordered.find_ids(name))) == len(list(reversed_.find_ids(name))) == names.count(name)


@pytest.mark.parametrize("split", [False, True])
def test_many_look_ups_find_what_the_first_ones_find(order, split):
    names = [f"n{i % 37:x}" for i in range(200)][::-1]
    base = many(order, names[:90]) if split else None
    btf = many(order, names[90:] if split else names, base)
    wanted = [*sorted(set(names)), "n", "nn", "o", "n1___x"]
    assert len(wanted) > 2 * FEW
    for name in wanted:
        ids = [number for number, one in enumerate(names, 1) if one == name]
        assert list(btf.find_ids(name)) == list(btf.find_ids(name, "TYPEDEF")) == ids
        assert list(btf.find_ids(name, "STRUCT")) == []
    assert btf.searches == FEW


def test_what_is_kept_does_not_hold_the_btf(order):
    btf = many(order, ["b", "a"])
    before = sys.getrefcount(btf)
    for _ in range(FEW + 1):
        assert btf.find_id("a") == 2
    NameIndex(btf)
    assert sys.getrefcount(btf) == before
    assert NameIndex(btf)._index is NameIndex(btf)._index


@pytest.mark.parametrize("names", [[], ["a"], ["", ""], ["a", ""], ["b", "a"]])
def test_not_sorted(order, names):
    b = Builder(order=order)
    for name in names:
        b.typedef(name, 0) if name else b.ptr(0)
    assert b.build().first_named_id is None


def test_a_split_with_names_in_its_bases(order):
    base = many(order, ["a", "m"])
    split = many(order, ["a", "n"], base)
    top = many(order, ["a", "b", "n", "z"], split)
    assert [layer.first_named_id for layer in top.chain] == [1, 3, 5]
    assert many(order, ["n", "a"], base).first_named_id is None
    assert list(split.find_ids("a")) == [1, 3]
    assert split.find_id("n") == 4
    for name, ids in {"a": [1, 3, 5], "m": [2], "n": [4, 7], "b": [6], "z": [8], "": [], "c": [], "zz": []}.items():
        assert list(top.find_ids(name)) == ids
    assert many(order, ["x", "y"], base).first_named_id == 3


def test_chains(order):
    base = many(order, ["a", "b"])
    middle = many(order, ["c", "a"], base)
    top = many(order, ["a", "c", "e"], middle)
    assert list(top.find_ids("a")) == [1, 4, 5]
    assert list(top.find_ids("c")) == [3, 6]
    assert top.find("e").layer is top
    assert top.find("b").layer is base
    assert list(base.find_ids("e")) == []
    assert [layer.start_id for layer in top.chain] == [1, 3, 5]


def test_kinds_and_tags(order):
    b = Builder(order=order)
    ids = {
        "fwd": b.fwd("x"),
        "struct": b.struct("x", 0),
        "union": b.union("x", 0),
        "enum": b.enum("x"),
        "enum64": b.enum64("x"),
        "typedef": b.typedef("x", 0),
    }
    btf = b.build()
    assert list(btf.find_ids("x")) == list(ids.values())
    for kind, type_id in ids.items():
        assert btf.find("x", kind).id == btf.find("x", kind.upper()).id == type_id
        assert btf.find("x", spec.KIND_NAMES.index(kind.upper())).id == type_id
    assert btf.find("struct x").id == ids["struct"]
    assert btf.find("union x").id == ids["union"]
    assert list(btf.find_ids("enum x")) == [ids["enum"], ids["enum64"]]
    assert btf.find_id("struct y") is None
    assert btf.find_id("x", "FLOAT") is None


def test_a_name_that_looks_like_a_tag_but_a_kind_is_given(order):
    b = Builder(order=order)
    b.decl_tag("struct x", b.struct("x", 0))
    btf = b.build()
    assert btf.find("struct x", "DECL_TAG").id == 2
    assert btf.find("struct x").id == 1
    assert btf.find_id("struct") is None
    assert btf.find_id("struct ") is None


def test_not_found(order):
    btf = Btf.from_bytes(many(order, ["a"]).to_bytes(), source="k.btf")
    with pytest.raises(NotFoundError, match=r"k.btf: no struct called 'x\\\\x1by'$") as caught:
        btf.find("x\x1by", "STRUCT")
    assert caught.value.source == "k.btf"
    with pytest.raises(NotFoundError, match="no kind 'class'; kinds are INT"):
        btf.find("a", "class")
    assert list(btf.find_ids("")) == []
    assert list(btf.find_ids("a\0b")) == []


def shared(order, strings, offsets, base=None):
    """A BTF of typedefs whose names lie at the given offsets of `strings`."""
    b = Builder(base, order)
    for _ in offsets:
        b.typedef("", 0)
    data = bytearray(b.to_bytes())
    at = len(b"") + 24
    for i, offset in enumerate(offsets):
        data[at + 12 * i : at + 12 * i + 4] = offset.to_bytes(4, order)
    own = 0 if base is not None else 1
    data = data[: len(data) - own] + strings
    data[20:24] = len(strings).to_bytes(4, order)
    return Btf.from_bytes(bytes(data), base)


def test_names_that_share_the_end_of_a_string(order):
    btf = shared(order, b"\0task_struct\0", [1, 6, 12 - 1])
    assert [btf.name(i) for i in (1, 2, 3)] == ["task_struct", "struct", "t"]
    assert btf.find_id("struct") == 2
    assert btf.find_id("t") == 3
    assert btf.find_id("ask_struct") is None
    assert sorted(btf.string_offsets(b"struct")) == [6]
    assert sorted(btf.string_offsets(b"t")) == [11]


def test_a_split_whose_names_are_ends_of_its_bases_strings(order):
    base = shared(order, b"\0abc\0xbc\0", [1, 5])
    split = shared(order, b"abc\0", [2, 6, 9, 10], base)
    assert [split.name(i) for i in range(3, 7)] == ["bc", "bc", "abc", "bc"]
    assert list(split.find_ids("bc")) == [3, 4, 6]
    assert list(split.find_ids("abc")) == [1, 5]
    assert split.string_offsets(b"bc") == [2, 6, 10]


def test_an_offset_of_an_empty_string_is_an_anonymous_type(order):
    btf = shared(order, b"\0a\0\0", [1, 3])
    assert btf.name(2) == ""
    assert list(btf.find_ids("a")) == [1]


def test_odd_bytes(order):
    raw = b"\xff\xfe\x80"
    btf = shared(order, b"\0" + raw + b"\0", [1])
    assert btf.name(1) == text(raw) == "\udcff\udcfe\udc80"
    assert btf.find(btf.name(1)).id == 1


def test_references(order):
    b = Builder(order=order)
    i = b.int("int", 4)
    b.array(i, i, 3)
    b.struct("s", 4, [("a", i, 0)])
    b.func_proto(i, [("p", i)])
    btf = b.build()
    found = [[(at - start, what) for at, what in references(btf.words, start, btf.table)] for start in btf.positions]
    assert found == [
        [(0, "name")],
        [(0, "name"), (3, "type"), (4, "type")],
        [(0, "name"), (3, "name"), (4, "type")],
        [(0, "name"), (2, "type"), (3, "name"), (4, "type")],
    ]


def test_buckets_hold_every_name():
    names = {f"name{i}".encode() for i in range(100)}
    buckets = name_buckets(names)
    assert len(buckets) >= 4 * len(names)
    assert sum(1 for value in buckets[128:] if value) <= len(names)


# ---- finders -----------------------------------------------------------------------------------------------------


FINDERS = {
    "struct": "STRUCT",
    "union": "UNION",
    "enum": "ENUM",
    "fwd": "FWD",
    "typedef": "TYPEDEF",
    "func": "FUNC",
    "var": "VAR",
    "datasec": "DATASEC",
    "int": "INT",
    "float": "FLOAT",
}


@pytest.fixture
def one_of_each():
    b = Builder()
    b.int("int", 4)
    b.func("x", b.func_proto(0))
    b.datasec("x", 4, [(b.var("x", 1), 0, 4)])
    b.float("x", 8)
    b.fwd("x")
    for kind in ("struct", "union"):
        getattr(b, kind)("x", 0)
    b.enum("x")
    b.enum64("long_enum", [("BIG", 1 << 40)])
    b.typedef("x", 1)
    b.struct("twice", 4)
    b.struct("twice", 8)
    b.struct("task_struct", 0)
    return b.build()


@pytest.mark.parametrize("finder", FINDERS)
def test_a_finder_for_each_kind(one_of_each, finder):
    name = "int" if finder == "int" else "x"
    found = getattr(one_of_each, finder)(name)
    assert (found.name, found.kind_name) == (name, FINDERS[finder])
    with pytest.raises(NotFoundError, match=r"called 'nowhere'$"):
        getattr(one_of_each, finder)("nowhere")


def test_finders_take_c_names_and_both_enums(one_of_each):
    assert one_of_each.struct("struct x") == one_of_each["struct x"]
    assert one_of_each.enum("long_enum").values == {"BIG": 1 << 40}
    assert "struct x" in one_of_each
    assert "long_enum" in one_of_each
    assert "struct long_enum" not in one_of_each


def test_a_name_of_several_types_is_ambiguous(one_of_each):
    twice = list(one_of_each.find_ids("twice"))
    with pytest.raises(AmbiguousError, match=rf"2 types called 'twice'.*\({twice[0]}, {twice[1]}\)"):
        one_of_each.struct("twice")
    with pytest.raises(AmbiguousError):
        one_of_each["twice"]
    assert one_of_each.find("twice").id == twice[0]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("task_strct", "; did you mean 'task_struct'?"),
        ("struct task_strct", "; did you mean 'task_struct'?"),
        ("long_enun", "; did you mean 'long_enum'?"),
        ("struct long_enum", " (long_enum is of kind enum)"),
        ("struct long_enun", ""),  # the one that is close is not a struct
        ("unlike_any", ""),
        ("", ""),
    ],
)
def test_close_names_are_suggested(one_of_each, name, hint):
    with pytest.raises(NotFoundError) as caught:
        one_of_each[name]
    assert str(caught.value) == f"no type called {name!r}{hint}"


def test_close_names_among_many():
    b = Builder()
    for number in range(20_000):
        b.typedef(f"name_{number:x}_t", 0)
    b.struct("sk_buff", 0)
    btf = b.build()
    with pytest.raises(NotFoundError, match="did you mean 'sk_buff'"):
        btf.struct("sk_buf")


def test_what_is_in_a_btf(one_of_each):
    split = many("little", ["own"], one_of_each)
    assert 0 in split
    assert len(split) - 1 in split
    assert len(split) not in split
    assert -1 not in split
    assert one_of_each[3] in split
    assert split[len(split) - 1] not in one_of_each
    assert many("little", ["x"])[1] not in split
    assert None not in split


@pytest.mark.parametrize("bad", [-1, 1 << 20])
def test_ids_that_are_not_there(one_of_each, bad):
    split = many("little", ["own"], one_of_each)
    for btf in (one_of_each, split):
        for ask in (btf.kind, btf.name, btf.sizeof, btf.alignof, btf.strip, btf.locate, btf.__getitem__):
            with pytest.raises(NotFoundError, match=f"no type {bad}, ids are 0 to {len(btf) - 1}"):
                ask(bad)
    with pytest.raises(NotFoundError):
        one_of_each.locate(0)


def test_string_offsets_that_are_not_there(one_of_each):
    split = many("little", ["own"], one_of_each)
    for btf in (one_of_each, split):
        end = btf.start_str_off + len(btf.strings)
        assert btf.string(end - 1) == b""
        for bad in (-1, end, 1 << 31):
            with pytest.raises(NotFoundError, match=f"no string at {bad:#x}, the strings end at {end:#x}"):
                btf.string(bad)
