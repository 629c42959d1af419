"""Names that are the ends of one long string: a few are read, too many are rejected before they are compared."""

from __future__ import annotations

import struct

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.refusal import OVERLAP, demand_few_overlaps
from btfkit.errors import FormatError
from btfkit.hot import names
from btfkit.passes.permute import by_name
from btfkit.show.diff import diff
from btfkit.show.find import find, users
from btfkit.show.layout import Layouts


def ends(length: int, count: int) -> Btf:
    """Structs whose names are the last `count` ends of a string."""
    b = Builder(order="little")
    b.int("int", 4, encoding=spec.INT_SIGNED)
    start = b.name("a" * length)
    for _ in range(count):
        b.struct("", 4, [])
    blob = bytearray(b.to_bytes())
    at = 24 + 16
    for number in range(count):
        struct.pack_into("<I", blob, at + 12 * number, start + length - count + number)
    return Btf.from_bytes(bytes(blob))


def test_few() -> None:
    btf = ends(300, 300)
    demand_few_overlaps(btf)
    assert by_name(btf) == [1 + 300 - number for number in range(300)] + [1]
    assert not diff(btf, btf)


def test_many() -> None:
    btf = ends(4000, 4000)
    message = f"names longer than {OVERLAP} times the section, as ends of longer strings"
    searches = [lambda one, pattern=pattern: list(find(one, pattern)) for pattern in ("a*", "/b$/")]
    layouts = [lambda one: Layouts(one).all(), lambda one: Layouts(one).named(["a*"])]
    for call in (
        demand_few_overlaps,
        by_name,
        lambda one: diff(one, one),
        *searches,
        *layouts,
        lambda one: list(users(one, 1)),
    ):
        with pytest.raises(FormatError, match=message):
            call(btf)


def test_one_name_of_many_types_counts_once() -> None:
    b = Builder(order="little")
    for _ in range(3000):
        b.struct("a" * 100, 4, [])
    assert len(by_name(b.build())) == 3000


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7])
def test_the_longest_string(limit) -> None:
    for text in (b"", b"\0", b"\0a\0", b"\0\0abc\0", b"abcd\0ab\0\0abc\0", b"\0abcdefgh\0", b"ab\0abcdefg\0a\0"):
        assert names.has_longer(text, limit) == any(len(one) > limit for one in text.split(b"\0"))
