"""The one table of strings, compared with a dict."""

from __future__ import annotations

import random
from array import array

import pytest

from btfkit.hot.strings import ALL_BITS, StringTable, random_prime

WORDS = [b"", b"a", b"int", b"unsigned int", b"long_name_" * 60, b"\xff\x80", *(b"n%d" % i for i in range(3000))]
pytestmark = pytest.mark.parametrize("mask", [ALL_BITS, 0, 7])


def section(strings):
    return b"".join(string + b"\0" for string in strings)


def offsets(strings):
    at, found = 0, []
    for string in strings:
        found.append(at)
        at += len(string) + 1
    return found


def table(data=b"\0", mask=ALL_BITS, *, start=0, limit=1 << 30, below=None, prime=3):
    made = StringTable(bytearray(data), start, prime, mask, limit, below)
    made.index()
    return made


def text(data, at):
    return bytes(data[at : data.index(0, at)])


def some(mask):
    return WORDS if mask == ALL_BITS else WORDS[:40]


def test_marked_strings_get_one_offset_each(mask):
    strings = [random.choice(some(mask)) for _ in range(300)]
    data = section(strings)
    moved = array("I", bytes(4 * len(data)))
    for at in offsets(strings):
        moved[at] = 1
    one = table(mask=mask, prime=random_prime())
    one.settle(data, moved)
    for at, string in zip(offsets(strings), strings, strict=True):
        assert not string or text(one.data, moved[at] - 1) == string
    found = bytes(one.data[: one.end]).split(b"\0")
    assert sorted(found[1:-1]) == sorted(set(strings) - {b""})


def test_names_are_added_in_the_order_of_first_use(mask):
    low = section([b"", *some(mask)])
    high = section([b"own", *reversed(some(mask)[:20])])
    places = array("I", range(200))
    starts = [at for at in offsets([b"", *some(mask)]) if at] + [len(low) + at for at in offsets([b"own"])]
    old = array("I", [random.choice(starts) for _ in range(200)])
    new = old[:]
    one = table(mask=mask)
    one.rename(new, places, low, high, len(low), array("I", bytes(4 * 1024)))
    both = low + high
    assert [text(one.data, at) for at in new] == [text(both, at) for at in old]
    order = list(dict.fromkeys(text(both, at) for at in old if text(both, at)))
    assert bytes(one.data[: one.end]) == section([b"", *order])


def test_sections_that_resemble_each_other(mask):
    """Whatever order the strings have, and whichever table they are found in."""
    known = some(mask)
    below = table(section([b"", *known[:9]]), mask)
    for one in table(mask=mask), table(b"", mask, start=below.end, below=below):
        for _ in range(6):
            start = random.randrange(len(known))
            strings = [*known[start:], *random.sample(known, 20), *known[:start]]
            data = section(strings)
            moved = array("I", bytes(4 * len(data)))
            for at in offsets(strings):
                moved[at] = random.randrange(2)
            wanted = [at for at in offsets(strings) if moved[at] and data[at]]
            one.settle(data, moved)
            for at in wanted:
                offset = moved[at] - 1
                found = text(one.data, offset - one.start) if offset >= one.start else text(below.data, offset)
                assert found == text(data, at)
        found = bytes(one.data[: one.end]).split(b"\0")[:-1]
        assert len(found) == len(set(found))
        one.finish()
        assert bytes(one.data[: one.end]).split(b"\0")[:-1] == found


def test_what_is_below_is_not_added(mask):
    below = table(section([b"", b"a", b"b"]), mask)
    above = table(b"", mask, start=below.end, below=below)
    data = section([b"b", b"c", b"a", b"c"])
    moved = array("I", [1, 0, 1, 0, 1, 0, 1, 0])
    above.settle(data, moved)
    assert list(moved) == [4, 0, 6, 0, 2, 0, 6, 0]
    assert bytes(above.data[: above.end]) == b"c\0"


def test_a_used_end_is_looked_for_and_else_an_end_of_its_string(mask):
    one = table(section([b"", b"end"]), mask)
    data = section([b"the end", b"bend"])
    used, moved = bytearray(len(data)), array("I", bytes(4 * len(data)))
    for at in (4, 10):  # "end", "nd"
        used[at] = 1
    one.add_used(data, used, moved)
    assert (moved[4], text(one.data, moved[10])) == (1, b"nd")
    assert bytes(one.data[: one.end]) == section([b"", b"end", b"bend"])
    assert not any(used)


def test_the_limit_is_kept(mask):
    one = table(mask=mask, limit=8)
    with pytest.raises(OverflowError):
        one.settle(b"too long\0", array("I", [1] + [0] * 8))
    assert one.end == 1
