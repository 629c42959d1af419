"""Bytes that are looked at, compared or copied together: the plain form; the compiled one is in the loops that call it."""

from __future__ import annotations

from array import array

import pytest

from btfkit.hot import spans
from btfkit.hot.strings import ALL_BITS, StringTable


def test_spans():
    text = b"one\0two\0three"
    assert [spans.end_of(text, at) for at in (0, 3, 4, 8, 13, 20)] == [3, 3, 7, 13, 13, 20]
    assert spans.are_equal(text, 4, b"two\0", 0, 4)
    assert not spans.are_equal(text, 4, b"two!", 0, 4)
    assert not spans.are_equal(text, 8, b"three\0", 0, 6)
    room = bytearray(4)
    spans.copy(room, 1, text, 4, 3)
    assert room == b"\0two"
    for here, start, count in ((2, 4, 3), (0, 12, 2)):
        with pytest.raises(IndexError):
            spans.copy(room, here, text, start, count)


def test_hashes():
    text = bytes(range(256)) * 2
    found = {spans.hash_of(text, start, start + size, 0x9E3779B1) for start in range(200) for size in range(1, 40)}
    assert len(found) == 200 * 39
    assert spans.hash_of(text, 3, 40, 7) == spans.hash_of(text, 259, 296, 7) < 1 << 32


def test_a_section_that_ends_within_a_string():
    table = StringTable(bytearray(b"\0"), 0, 12345, ALL_BITS, 1 << 20, None)
    moved = array("I", [1, 0, 0])
    with pytest.raises(IndexError):
        table.settle(b"abc", moved)
