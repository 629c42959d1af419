"""Which structs and unions are shown, and what lies at an offset of one."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.errors import NotFoundError, UnsupportedError
from btfkit.show.layout import Layouts
from btfkit.show.layout_at import gap_at, members_at
from btfkit.show.layout_choice import Choice


@pytest.fixture
def layouts():
    b = Builder()
    b.int("int", 4, encoding=1)
    b.int("char", 1)
    b.int("long", 8, encoding=1)
    flex = b.array(2, 1, 0)
    b.struct("tcp_hole", 16, [("c", 2, 0), ("l", 3, 64)])
    b.union("tcp_both", 8, [("c", 2, 0), ("l", 3, 0)])
    b.struct("packed", 5, [("c", 2, 0), ("i", 1, 8)])
    b.struct("open", 4, [("n", 1, 0), ("data", flex, 32)])
    hole = b.typedef("hole_t", 5)
    b.struct("outer", 40, [("h", 5, 0), ("a", b.array(hole, 1, 1), 128), ("x", 3, 256)])
    b.struct("deep", 24, [("hs", hole, 0), ("p", 3, 128)])
    b.typedef("tcp_alias", b.struct("", 8, [("l", 3, 0)]))
    b.struct("bits", 8, [("f", 1, 0, 3), ("g", 1, 8, 4), ("l", 1, 32, 0)])
    b.union("either", 8, [("o", 8, 0), ("l", 3, 0)])
    b.struct("holder", 48, [("o", 11, 0), ("z", 3, 320)])
    return Layouts(b.build())


def names(layouts: Layouts, wanted) -> list[str]:
    return [layouts.btf.name(type_id) or alias for type_id, alias in wanted]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"kind": "union"}, ["tcp_both", "either"]),
        ({"packed": True}, ["packed"]),
        ({"flexible": "any"}, ["open", "either"]),
        ({"flexible": "end"}, ["open"]),
        ({"flexible": "within"}, ["either"]),
        ({"holes": 1, "prefixes": ["tcp_"]}, ["tcp_hole"]),
        ({"largest_hole": 7}, ["tcp_hole"]),
        ({"largest_hole": 8}, []),
        ({"bit_holes": 2}, ["bits"]),
        ({"contains": ["tcp_hole"]}, ["outer"]),
        ({"holds": ["tcp_hole"]}, ["outer", "deep", "holder"]),
        ({"prefixes": ["*_both", "pack"]}, ["tcp_both", "packed"]),
        ({"exclude": ["tcp_", "o", "h", "d"]}, ["packed", "bits", "either"]),
    ],
)
def test_choices(layouts, choice, expected) -> None:
    assert names(layouts, Choice(**choice).of(layouts, layouts.named(()))) == expected


def test_patterns(layouts) -> None:
    assert names(layouts, layouts.named(["tcp_*"])) == ["tcp_hole", "tcp_both", "tcp_alias"]
    assert names(layouts, layouts.named(["struct tcp_*"])) == ["tcp_hole"]
    assert names(layouts, layouts.named(["/^.e+p$/", "packed"])) == ["deep", "packed"]
    with pytest.raises(NotFoundError, match="no struct or union matches 'udp_\\*'"):
        layouts.named(["udp_*"])
    with pytest.raises(UnsupportedError):
        layouts.named(["/(/"])


def test_members_at(layouts) -> None:
    outer = layouts.find("outer")[0]
    assert [place.path for place in members_at(layouts, outer, 8)] == ["outer.h.l"]
    assert [(p.path, p.offset) for p in members_at(layouts, outer, 16)] == [("outer.a[0].c", 16)]
    assert [p.path for p in members_at(layouts, layouts.find("tcp_both")[0], 0)] == ["tcp_both.c", "tcp_both.l"]
    assert [p.path for p in members_at(layouts, layouts.find("tcp_both")[0], 7)] == ["tcp_both.l"]
    bits = layouts.find("bits")[0]
    assert [(p.path, p.bits) for p in members_at(layouts, bits, 1)] == [("bits.g", 4)]
    assert [p.path for p in members_at(layouts, layouts.find("open")[0], 9)] == ["open.data[5]"]
    assert [p.path for p in members_at(layouts, layouts.find("tcp_alias")[0], 0, "tcp_alias")] == ["tcp_alias.l"]
    with pytest.raises(NotFoundError, match="outer has 40 bytes, the last is 39"):
        members_at(layouts, outer, 40)


def test_gaps(layouts) -> None:
    hole, outer = layouts.find("tcp_hole")[0], layouts.find("outer")[0]
    assert members_at(layouts, hole, 3) == []
    assert gap_at(layouts, hole, 3) == "in a hole of 7 bytes after c"
    assert gap_at(layouts, outer, 3) == "in a hole of 7 bytes after c of struct tcp_hole"
