"""What differs between two BTFs: matched by name, compared by content, and told with its effect on layout."""

from __future__ import annotations

import contextlib
import json

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.errors import FormatError
from btfkit.show.diff import SIZE, diff
from btfkit.show.diff_page import diff_page
from btfkit.show.diff_text import coloured, diff_lines
from hostile import NAMES


@pytest.fixture(params=["little", "big"])
def order(request):
    return request.param


def start(order: str) -> Builder:
    """A builder with int (1), char (2), long (3), void * (4)."""
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    b.int("char", 1)
    b.int("long", 8, encoding=1)
    b.ptr(0)
    return b


def two(order: str, old, new, **options):
    """The diff of two builders, each filled by a function."""
    a, b = start(order), start(order)
    old(a)
    new(b)
    return diff(a.build(), b.build(), **options)


def told(found) -> list[tuple[str, str]]:
    return [(one.what, one.path) for one in found.changed[0].changes]


def text(found) -> str:
    return "\n".join(diff_lines(found))


def test_nothing_differs_whatever_the_ids(order) -> None:
    def old(b):
        p = b.ptr(b.next_id + 2)
        b.struct("node", 16, [("next", p, 0), ("", b.union("", 8, [("a", 3, 0), ("b", 4, 0)]), 64)])
        b.func("f", b.func_proto(1, [("n", p)]))

    def new(b):
        b.typedef("unused_before", b.int("short", 2))
        u = b.union("", 8, [("a", 3, 0), ("b", b.ptr(0), 0)])
        s = b.next_id
        b.struct("node", 16, [("next", s + 1, 0), ("", u, 64)])
        b.ptr(s)
        b.func("f", b.func_proto(1, [("another_name", s + 1)]))

    found = two(order, old, new)
    assert not found.changed
    assert [(entry.kind, entry.name) for entry in found.added] == [("typedef", "unused_before"), ("int", "short")]
    assert not two(order, old, old)
    assert "no difference" in text(two(order, old, old))


def test_members(order) -> None:
    def old(b):
        b.struct("s", 40, [("a", 1, 0), ("gone", 4, 64), ("b", 3, 128), ("c", 1, 192), ("d", 1, 224), ("was", 3, 256)])

    def new(b):
        b.struct(
            "s", 56,
            [("a", 3, 0), ("b", 3, 64), ("came", b.array(2, 1, 12), 128), ("c", 1, 256), ("d", 1, 288), ("is", 3, 320),
             ("e", 1, 384)],
        )  # fmt: skip

    found = two(order, old, new)
    assert found.counts["struct"] == (0, 1, 0, 0)
    change = found.changed[0]
    assert (change.old["size"], change.new["size"], change.old["holes"], change.new["holes"]) == (40, 56, 1, 1)
    assert told(found) == [
        ("retyped", "a"), ("removed", "gone"), ("moved", "b"), ("added", "came"), ("moved", "c"), ("moved", "d"),
        ("renamed", "is"), ("moved", "is"), ("added", "e"),
    ]  # fmt: skip
    renamed = change.changes[6]
    assert renamed.guess
    assert renamed.old["name"] == "was"
    shown = text(found)
    assert "struct s: 40 -> 56 bytes" in shown
    assert "  ~ a                            int -> long, 4 -> 8 bytes" in shown
    assert "  - gone                         void *, was at 8, 8 bytes" in shown
    assert "  > 2 members +8 bytes           c, d" in shown
    assert "renamed from was? (a guess: same type, after the same member), moved, 32 -> 40" in shown


def test_growth_of_what_is_inside(order) -> None:
    """The inner struct has changed; of the outer one only its layout."""

    def side(extra):
        def fill(b):
            inner = b.struct("inner", 8 + 8 * extra, [("x", 3, 0), *([("y", 3, 64)] if extra else [])])
            b.struct("outer", 16 + 8 * extra, [("i", inner, 0), ("z", 3, 64 + 64 * extra)])
            b.struct("points", 8, [("p", b.ptr(inner), 0)])

        return fill

    found = two(order, side(0), side(1))
    assert [(c.name, [(one.what, one.path) for one in c.changes]) for c in found.changed] == [
        ("inner", [("added", "y")]),
        ("outer", [("grown", "i"), ("moved", "z")]),
    ]
    assert "struct inner grew: 8 -> 16 bytes" in text(found)
    assert found.counts["struct"] == (1, 2, 0, 0)


def test_nameless_members_belong_to_what_is_around(order) -> None:
    def old(b):
        u = b.union("", 8, [("a", 3, 0), ("b", 1, 0)])
        b.struct("s", 16, [("x", 1, 0), ("", u, 64), ("named", b.struct("", 0, []), 128)])

    def new(b):
        u = b.union("", 8, [("a", 3, 0), ("b", 3, 0)])
        b.struct("s", 24, [("", u, 0), ("x", 1, 64), ("named", b.struct("", 8, [("in", 3, 0)]), 128)])

    found = two(order, old, new)
    assert set(told(found)) == {
        ("moved", "a"), ("retyped", "b"), ("moved", "b"), ("moved", "x"), ("added", "named.in"),
    }  # fmt: skip


def test_bitfields(order) -> None:
    found = two(
        order,
        lambda b: b.struct("s", 4, [("a", 1, 0, 3), ("b", 1, 3, 5)]),
        lambda b: b.struct("s", 4, [("a", 1, 0, 4), ("b", 1, 4, 5)]),
    )
    assert told(found) == [("width", "a"), ("moved", "b")]
    assert "3 -> 4 bits" in text(found)
    assert "moved, bit 3 -> 4" in text(found)
    plain = two(order, lambda b: b.struct("s", 4, [("a", 1, 0)]), lambda b: b.struct("s", 4, [("a", 1, 0, 0)]))
    assert not plain  # kind_flag alone is no difference


def test_a_member_that_has_two_names(order) -> None:
    """struct_group: the members are there once nameless and once with a name in front."""

    def side(offset):
        def fill(b):
            members = [("a", 1, offset), ("b", 1, offset + 32)]
            one, other = b.struct("", 16, members), b.struct("", 16, members)
            b.struct("s", 16, [("", b.union("", 16, [("", one, 0), ("group", other, 0)]), 0)])

        return fill

    assert told(two(order, side(0), side(32))) == [("moved", "a"), ("moved", "b")]


def test_enumerators(order) -> None:
    found = two(
        order,
        lambda b: b.enum("e", [("A", 0), ("B", 1), ("C", 2), ("OLD", 9)]),
        lambda b: b.enum("e", [("A", 0), ("NEW", 1), ("B", 2), ("C", 3), ("OTHER", 9), ("MINUS", -1)]),
    )
    assert told(found) == [
        ("added", "MINUS"), ("added", "NEW"), ("value", "B"), ("value", "C"), ("renamed", "OTHER"),
    ]  # fmt: skip
    assert "now signed" in text(found)
    assert "  > 2 values +1                  B, C" in text(found)
    wide = two(order, lambda b: b.enum("e", [("A", 1)]), lambda b: b.enum64("e", [("A", 1 << 40)]))
    assert told(wide) == [("value", "A")]
    assert (wide.changed[0].old["size"], wide.changed[0].new["size"]) == (4, 8)


def test_prototypes(order) -> None:
    found = two(
        order,
        lambda b: b.func("f", b.func_proto(1, [("a", 1), ("b", 3), ("z", 4)])),
        lambda b: b.func("f", b.func_proto(0, [("a", 1), ("n", 2), ("b", 3), ("z", 4), ("", 0)])),
    )
    assert told(found) == [
        ("retyped", "returns"), ("retyped", "parameter 2"), ("retyped", "parameter 3"), ("added", "parameter 4"),
        ("added", "parameter 5"),
    ]  # fmt: skip
    assert "  - int f(int a, long b, void *z)\n  + void f(int a, char n, long b, void *z, ...)" in text(found)
    inserted = two(
        order,
        lambda b: b.func("f", b.func_proto(1, [("a", 1), ("z", 4)])),
        lambda b: b.func("f", b.func_proto(1, [("a", 1), ("n", 3), ("z", 4)])),
    )
    assert told(inserted) == [("added", "parameter 2")]


def test_tags_beside_a_member_without_a_name(order) -> None:
    """Both have the path ""."""

    def tagged(member: int, tag: int | None):
        def fill(b: Builder) -> None:
            struct = b.struct("s", 16, [("", member, 0), ("b", 1, 64)])
            if tag is not None:
                b.decl_tag("user", struct, tag)

        return fill

    found = two(order, tagged(4, None), tagged(3, 1))
    assert told(found) == [("retyped", ""), ("tags", "")]
    assert "(unnamed)" in text(found)
    assert "tags: none -> user (member 2)" in text(found)
    assert "tags: user (member 1) -> user (member 2)" in text(two(order, tagged(4, 0), tagged(4, 1)))


def test_tags_of_functions(order) -> None:
    def side(tagged):
        def fill(b):
            f = b.func("f", b.func_proto(0))
            if tagged:
                b.decl_tag("bpf_kfunc", f)

        return fill

    found = two(order, side(False), side(True))
    assert told(found) == [("tags", "")]
    assert "tags: none -> bpf_kfunc" in text(found)


def test_typedefs_variables_and_numbers(order) -> None:
    def old(b):
        b.typedef("t", 1)
        b.typedef("body_t", b.struct("", 4, [("a", 1, 0)]))
        b.var("v", 1)
        b.int("flag", 1, encoding=1)
        b.struct("holds", 1, [("f", b.next_id - 1, 0)])

    def new(b):
        b.typedef("t", 3)
        b.typedef("body_t", b.struct("", 8, [("a", 1, 0), ("b", 1, 32)]))
        b.var("v", 3)
        b.int("flag", 1, encoding=4)
        b.struct("holds", 1, [("f", b.next_id - 1, 0)])

    found = two(order, old, new)
    assert [(c.kind, c.name) for c in found.changed] == [
        ("typedef", "body_t"), ("typedef", "t"), ("variable", "v"), ("int", "flag"),
    ]  # fmt: skip
    assert told(found) == [("added", "b")]
    shown = text(found)
    assert "typedef body_t: 4 -> 8 bytes" in shown
    assert "typedef t: 4 -> 8 bytes\n  - int\n  + long" in shown
    assert "  - int v\n  + long v" in shown
    assert "  8 bits signed -> 8 bits bool" in shown


def test_several_of_one_name(order) -> None:
    """Those that are the same leave first, then those with the most in common."""

    def old(b):
        b.struct("twin", 4, [("a", 1, 0)])
        b.struct("twin", 8, [("x", 3, 0)])
        b.struct("twin", 16, [("p", 4, 0), ("q", 4, 64)])

    def new(b):
        b.struct("twin", 24, [("p", 4, 0), ("r", 3, 64), ("q", 4, 128)])
        b.struct("twin", 8, [("x", 3, 0)])

    found = two(order, old, new)
    assert found.counts["struct"] == (1, 1, 0, 1)
    assert (found.changed[0].old["size"], found.changed[0].new["size"], found.removed[0].size) == (16, 24, 4)


def test_declarations_are_the_definition_that_they_stand_for(order) -> None:
    def old(b):
        b.struct("s", 8, [("p", b.ptr(b.fwd("other")), 0)])

    def new(b):
        b.struct("s", 8, [("p", b.ptr(b.struct("other", 4, [("a", 1, 0)])), 0)])

    found = two(order, old, new)
    assert not found.changed
    assert [entry.name for entry in found.added] == ["other"]


def test_limits(order) -> None:
    def old(b):
        b.struct("a", 8, [("x", 3, 0), ("y", 1, 64)])
        b.struct("b", 4, [("x", 1, 0)])
        b.enum("a", [("V", 1), ("W", 2)])

    def new(b):
        b.struct("a", 16, [("y", 1, 0), ("x", 1, 64)])
        b.struct("b", 8, [("x", 3, 0)])
        b.enum("a", [("V", 2), ("W", 1)])

    def names(**options):
        return [(c.kind, c.name, [one.path for one in c.changes]) for c in two(order, old, new, **options).changed]

    assert names(names=["a"]) == [("struct", "a", ["y", "x", "x"]), ("enum", "a", ["W", "V"])]
    assert names(names=["struct a"]) == [("struct", "a", ["y", "x", "x"])]
    assert names(kinds=["enum"]) == [("enum", "a", ["W", "V"])]
    assert names(scope={("struct", "a"): frozenset(["y"])}) == [("struct", "a", ["y"])]
    assert names(scope={("struct", "a"): frozenset(["z"]), ("enum", "a"): frozenset(["V"])}) == [("enum", "a", ["V"])]
    assert names(scope={("struct", "b"): None}) == [("struct", "b", ["x"])]
    assert names(scope={("struct", "a"): frozenset([SIZE])}) == [("struct", "a", [])]
    assert names(scope={}) == []


def test_split(order) -> None:
    b = start(order)
    b.struct("shared", 4, [("a", 1, 0)])
    base = b.build()
    one = Builder(base)
    one.struct("mine", 8, [("x", 3, 0)])
    one.struct("moved_out", 4, [("a", 1, 0)])
    c = start(order)
    c.struct("shared", 4, [("a", 1, 0)])
    c.struct("moved_out", 4, [("a", 1, 0)])
    other_base = c.build()
    other = Builder(other_base)
    other.struct("mine", 16, [("x", 3, 0), ("y", 3, 64)])
    found = diff(one.build(), other.build())
    assert [(c.name, c.old["size"], c.new["size"]) for c in found.changed] == [("mine", 8, 16)]
    assert found.counts == {"struct": (1, 1, 0, 0)}


def test_json_and_page_are_the_same_each_time(order) -> None:
    found = two(order, lambda b: b.struct("s", 4, [("a", 1, 0)]), lambda b: b.struct("s", 8, [("a", 3, 0)]))
    data = found.as_json()
    assert json.loads(json.dumps(data)) == data
    assert (data["schema"], data["differs"], data["counts"]["struct"]["changed"]) == (1, True, 1)
    assert data["changed"][0]["changes"] == [
        {
            "what": "retyped", "path": "a", "old": {"type": "int", "offset": 0, "size": 4},
            "new": {"type": "long", "offset": 0, "size": 8},
        }
    ]  # fmt: skip
    assert diff_page(found) == diff_page(found)
    assert coloured("  + x") == "\x1b[32m  + x\x1b[0m"


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(order, name) -> None:
    def side(size):
        def fill(b):
            s = b.struct(name, size, [(name, 1 if size == 4 else 3, 0), (name, 1, 0)])
            b.enum(name, [(name, size)])
            b.func(name, b.func_proto(0, [(name, s)] * (size // 4)))
            b.typedef(name + str(size), s)

        return fill

    found = two(order, side(4), side(8))
    assert all(line.isprintable() for line in diff_lines(found))
    assert b"<script>window" not in diff_page(found)
    assert json.loads(json.dumps(found.as_json()))["changed"][0]["name"] == name


def test_a_kind_that_only_the_layout_section_knows() -> None:
    """Its third word is anything, not a type."""

    def side(number):
        b = Builder(layout=True)
        b.int("int", 4)
        b.record(spec.UNKN, "odd", 4_000_000)
        b.struct("s", 8, [("o", 2, 0), ("n", 1, 32 * number)])
        return b.build()

    assert not diff(side(0), side(0))
    assert told(diff(side(0), side(1))) == [("moved", "n")]


def test_what_has_no_end(order) -> None:
    def endless(b):
        leaf = b.struct("", 1, [("c", 2, 0)])
        for _ in range(60):
            leaf = b.struct("", 1, [("", leaf, 0), ("", leaf, 0)])
        b.struct("s", 1, [("l", leaf, 0)])

    with pytest.raises(FormatError):
        two(order, endless, lambda b: b.struct("s", 1, [("l", 2, 0)]))

    def circle(b):
        b.ptr(b.next_id)
        b.struct("s", 8, [("p", b.next_id - 1, 0)])

    with pytest.raises(FormatError):
        two(order, circle, circle)

    def itself(b):
        b.struct("s", 8, [("s", b.next_id, 0)])

    with contextlib.suppress(FormatError):
        two(order, itself, lambda b: b.struct("s", 4, [("s", 1, 0)]))


# ---- types without a name ---------------------------------------------------------------------------------------------


def member(make):
    """Fills a builder with a struct that has one member of the type that `make` gives."""
    return lambda b: b.struct("s", 64, [("m", make(b), 0)])


def anonymous(b: Builder, *names: str) -> int:
    return b.struct("", 16, [(name, 1, 32 * number) for number, name in enumerate(names)])


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            lambda b: b.enum("", [("A", 0), ("B", 1), ("C", 7)]),
            lambda b: b.enum("", [("A", 0), ("B", 2), ("D", 7), ("E", 8)]),
            "m                            enum {…}: B: 1 -> 2; D renamed from C? (a guess: same value); E added (= 8)",
        ),
        (
            lambda b: b.array(b.enum("", [("A", 0)]), 1, 4),
            lambda b: b.array(b.enum("", [(f"V{n}", n) for n in range(1, 8)]), 1, 4),
            "m                            enum {…} [4]: A removed (was 0); V1 added (= 1); V2 added (= 2); V3 added (= 3); "
            "... (8 changes)",
        ),
        (
            lambda b: b.ptr(anonymous(b, "x", "y")),
            lambda b: b.ptr(anonymous(b, "y", "x", "z")),
            "m                            struct {…} *: y moved, 4 -> 0; x moved, 0 -> 4; z added",
        ),
        (
            lambda b: b.ptr(b.func_proto(1, [("", b.ptr(anonymous(b, "x"))), ("", 1)])),
            lambda b: b.ptr(b.func_proto(1, [("", b.ptr(anonymous(b, "y"))), ("", 1)])),
            "m                            int (*)(struct {…} *, int): parameter 1: struct {…} *: its definition changed",
        ),
        (
            lambda b: b.ptr(b.type_tag("user", 2)),
            lambda b: b.ptr(b.type_tag("rcu", b.type_tag("user", 2))),
            "m                            char *: tags: user -> rcu user",
        ),
    ],
)
def test_types_of_equal_text(order, old, new, line) -> None:
    found = two(order, member(old), member(new))
    assert told(found) == [("retyped", "m")]
    assert f"  ~ {line}" in text(found).splitlines()
    (document,) = found.as_json()["changed"][0]["changes"]
    assert [one["path"] for one in document["within"]] == [one.path for one in found.changed[0].changes[0].within]


def test_prototypes_of_equal_text(order) -> None:
    found = two(
        order,
        lambda b: b.func("f", b.func_proto(4, [("a", 1), ("p", b.ptr(b.enum("", [("A", 0)])))])),
        lambda b: b.func(
            "f", b.func_proto(b.ptr(b.type_tag("user", 0)), [("a", 1), ("p", b.ptr(b.enum("", [("A", 0), ("B", 1)])))])
        ),
    )
    assert text(found).splitlines()[-4:] == [
        "  - void *f(int a, enum {…} *p)",
        "  + void *f(int a, enum {…} *p)",
        "  ~ returns                      void *: tags: none -> user",
        "  ~ parameter 2                  enum {…} *: B added (= 1)",
    ]


def test_types_of_another_text_are_not_looked_into(order) -> None:
    found = two(
        order,
        member(lambda b: b.array(b.enum("", [("A", 0)]), 1, 4)),
        member(lambda b: b.array(b.enum("", [("B", 0)]), 1, 5)),
    )
    assert "within" not in found.as_json()["changed"][0]["changes"][0]
    assert "enum {…} [4] -> enum {…} [5], 16 -> 20 bytes" in text(found)
