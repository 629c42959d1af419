"""Finding types, members, enumerators and functions, who refers to a type, and where members lie."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.members import Among
from btfkit.errors import AmbiguousError, FormatError, NotFoundError, UnsupportedError
from btfkit.show.find import _Describer, find, users, users_of_each
from btfkit.show.offset import offset
from hostile import NAMES


@pytest.fixture(params=["little", "big"])
def b(request):
    """int (1), struct list (2) of two pointers (3), enum color (4), a function, and thing, which holds them."""
    builder = Builder(order=request.param)
    builder.int("int", 4, encoding=1)
    builder.struct("list", 16, [("next", 3, 0), ("prev", 3, 64)])
    builder.ptr(2)
    builder.enum("color", [("RED", 0), ("GREEN", 7)])
    builder.func("list_add", builder.func_proto(0, [("new", 3), ("n", 1)]))
    inner = builder.struct("", 8, [("red", 1, 0), ("blue", 4, 32)])
    either = builder.union("", 16, [("lists", 2, 0), ("", inner, 64)])
    builder.struct(
        "thing", 64,
        [("list", 2, 0), ("", either, 128), ("tail", builder.array(builder.array(2, 1, 2), 1, 1), 256)],
    )  # fmt: skip
    builder.typedef("list_t", 2)
    builder.var("first_list", 3)
    builder.fwd("lost")
    builder.struct("bits", 4, [("low", 1, 0, 3), ("high", 1, 3, 29)])
    return builder


def labels(things) -> list[str]:
    return [f"{one.kind} {one.owner + '.' if one.owner else ''}{one.name}" for one in things]


@pytest.mark.parametrize(
    ("pattern", "kinds", "expected"),
    [
        ("list", (), ["struct list", "member struct thing.list"]),
        ("struct list", (), ["struct list"]),
        ("list", ("struct",), ["struct list"]),
        ("list", ("member",), ["member struct thing.list"]),
        ("RED", (), ["enumerator enum color.RED"]),
        ("red", (), ["member struct thing.red"]),
        ("list_*", (), ["function list_add", "typedef list_t"]),
        ("*_l?st", (), ["variable first_list"]),
        ("/^list/", ("struct", "typedef"), ["struct list", "typedef list_t"]),
        ("/E/", ("enumerator",), ["enumerator enum color.RED", "enumerator enum color.GREEN"]),
        ("lost", (), ["forward lost"]),
        ("nobody", (), []),
        ("", (), []),
        ("*", ("enum",), ["enum color"]),
    ],
)
def test_find(b, pattern, kinds, expected) -> None:
    assert labels(find(b.build(), pattern, kinds)) == expected


def test_what_is_told(b) -> None:
    btf = b.build()
    blue = next(find(btf, "blue"))
    assert (blue.offset, blue.size, blue.text, blue.owner) == (28, 4, "enum color", "struct thing")
    high = next(find(btf, "high"))
    assert (high.bits, high.bit_offset, high.offset) == (29, 3, 0)
    assert next(find(btf, "GREEN")).value == 7
    assert next(find(btf, "list_add")).text == "void list_add(struct list *new, int n)"
    assert next(find(btf, "thing")).size == 64
    assert next(find(btf, "blue")).as_json() == {
        "kind": "member", "name": "blue", "id": btf.find("struct thing").id, "owner": "struct thing",
        "text": "enum color", "offset": 28, "size": 4,
    }  # fmt: skip


def test_find_by_the_order_of_names(b) -> None:
    s = Builder()
    s.int("a", 4)
    s.struct("b", 4, [("x", 1, 0)])
    s.struct("b", 8, [("x", 1, 0)])
    s.typedef("c", 1)
    btf = s.build()
    assert btf.first_named_id == 1
    assert [one.type_id for one in find(btf, "b", ("struct",))] == [2, 3]


def test_split(b) -> None:
    base = b.build()
    top = Builder(base)
    top.struct("mine", 16, [("list", 2, 0)])
    top.typedef("list", 2)
    split = top.build()
    assert labels(find(split, "list", own=True)) == ["member struct mine.list", "typedef list"]
    assert labels(find(split, "list"))[:2] == ["struct list", "member struct thing.list"]
    assert labels(users(split, "struct list", own=True)) == ["member struct mine.list", "typedef list"]
    assert "member struct list.next" in labels(users(split, 2))


@pytest.mark.parametrize("pattern", ["/[/", "/(?P<a>/", "/*/"])
def test_no_expression(b, pattern) -> None:
    with pytest.raises(UnsupportedError, match="regular expression"):
        list(find(b.build(), pattern))


def test_users(b) -> None:
    btf = b.build()
    found = list(users(btf, "struct list"))
    assert labels(found) == [
        "member struct list.next",
        "member struct list.prev",
        "function list_add",
        "member struct thing.list",
        "member struct thing.tail",
        "member struct thing.lists",
        "typedef list_t",
        "variable first_list",
    ]
    assert found[5].offset == 16
    assert labels(users(btf, "color")) == ["member struct thing.blue"]
    for name in ("nobody", 0, 999):
        with pytest.raises(NotFoundError):
            users(btf, name)


class Counting:
    """A sequence that counts how often it is read."""

    def __init__(self, items) -> None:
        self._items = items
        self.reads = 0

    def __getitem__(self, index):
        self.reads += 1
        return self._items[index]


def test_users_of_many_types_in_one_struct() -> None:
    """A struct with a member of each of n types is read once, not once for each type."""
    builder = Builder(order="little")
    last = builder.int("int", 4, encoding=1)
    first = builder.next_id
    for number in range(64):
        last = builder.typedef(f"t{number}", last)
    builder.struct("all", 256, [(f"m{number}", first + number, 32 * number) for number in range(64)])
    btf = builder.build()
    words = Counting(btf.words)
    among = Among(bytearray(len(btf)), btf)
    _, at = btf.locate(first + 64)
    for number in range(64):
        among.marked[:] = [first + number]
        assert list(among.indexes(first + 64, words, at + 3, 64)) == [number]
    assert words.reads == 64
    found = list(users_of_each(btf, range(first, first + 64)))
    assert found[0].name == "t1"
    assert [one.name for one in found if one.kind == "member"] == [f"m{number}" for number in range(64)]


@pytest.mark.parametrize("descending", [False, True])
def test_sizes_of_chains(descending) -> None:
    """Sizes are followed along typedefs and arrays as `Btf.sizeof` does, up to the same limit, whatever is asked first."""
    builder = Builder(order="little")
    last = builder.int("int", 4, encoding=1)
    for number in range(300):
        last = builder.array(last, 1, 2) if number < 9 else builder.typedef(f"t{number}", last)
    builder.typedef("of_void", 0)
    builder.typedef("ring", builder.next_id + 1)
    builder.typedef("ring2", builder.next_id - 1)
    btf = builder.build()

    def expected(type_id):
        try:
            return btf.sizeof(type_id)
        except FormatError:
            return None

    describe = _Describer(btf)
    ids = sorted(range(1, len(btf)), reverse=descending)
    assert [describe.size(type_id) for type_id in ids] == [expected(type_id) for type_id in ids]
    assert describe.size(200) == 4 << 9


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("thing", (0, 64, 0)),
        ("thing.list.prev", (8, 8, 0)),
        ("struct thing.blue", (28, 4, 0)),
        ("thing.lists.next", (16, 8, 0)),
        ("thing.tail[0][1].prev", (56, 8, 0)),
        ("list_t.next", (0, 8, 0)),
        ("bits.high", (0, 4, 29)),
    ],
)
def test_offset(b, path, expected) -> None:
    place = offset(b.build(), path)
    assert (place.offset, place.size, place.bits) == expected


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("nobody.a", NotFoundError, "nobody"),
        ("thing.lst", NotFoundError, "did you mean 'list'"),
        ("int.a", NotFoundError, "int is of kind int"),
        ("thing.blue.a", NotFoundError, "no members"),
        ("thing.list[0]", NotFoundError, "is not an array"),
        ("thing.tail[1]", NotFoundError, r"the last is \[0\]"),
        ("list.next.next", UnsupportedError, "pointer.*use list.next there"),
        ("thing..list", UnsupportedError, "missing name"),
        ("thing.tail[x]", UnsupportedError, "index"),
        ("thing.tail[0", UnsupportedError, "index"),
        ("thing.tail[", UnsupportedError, "index"),
        ("thing.tail[0][", UnsupportedError, "index"),
        ("", UnsupportedError, "missing name"),
    ],
)
def test_no_offset(b, path, error, says) -> None:
    with pytest.raises(error, match=says):
        offset(b.build(), path)


def test_several_of_a_name(b) -> None:
    b.struct("twin", 8, [("x", 1, 0), ("y", 1, 32)])
    second = b.struct("twin", 12, [("x", 1, 0), ("z", 1, 32), ("y", 1, 64)])
    btf = b.build()
    assert offset(btf, "twin.x").offset == 0
    assert offset(btf, "twin.z").offset == 4
    with pytest.raises(AmbiguousError, match=f"type {second}: 8"):
        offset(btf, "twin.y")
    assert offset(btf, "twin.y", type_id=second).offset == 8


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(b, name) -> None:
    s = b.struct(name, 4, [(name, 1, 0)])
    b.func(name, b.func_proto(0, [(name, s)]))
    btf = b.build()
    from btfkit.cli.find import line

    found = list(find(btf, "/./"))
    assert [one.type_id for one in found if one.name == name] == [s, s, btf.find(name, "FUNC").id]
    assert all(line(one).isprintable() for one in found)
    if "." not in name and "[" not in name:
        with pytest.raises((NotFoundError, UnsupportedError)) as caught:
            offset(btf, f"{name}.{name}x")
        assert str(caught.value).isprintable()


def test_damaged(b) -> None:
    here = b.next_id
    b.ptr(here)
    b.struct("s", 8, [("p", here, 0), ("", here + 1, 0), ("", here + 1, 0)])
    btf = b.build()
    assert labels(users(btf, here)) == ["member struct s.p"]
    with pytest.raises(NotFoundError):
        offset(btf, "s.q")
