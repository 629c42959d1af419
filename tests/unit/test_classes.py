"""The loops without bounds checks prove by themselves that their arrays suffice."""

from __future__ import annotations

from array import array

import pytest

from btfkit.hot import classes


def zeros(count: int) -> array:
    return array("I", bytes(4 * count))


@pytest.mark.parametrize("count", [3, 9, 33, 100])
def test_enough_room(count):
    found, _ = refine(count)
    assert found == count


def refine(count: int, **shorter: int):
    """Refine `count` nodes of which each refers to the one before; arrays and numbers called in `shorter` have that size."""
    starts = array("I", [max(0, node - 1) for node in range(count + 1)])
    refs = array("I", range(count - 1))
    back_starts, back = zeros(count + 2), zeros(count - 1)
    classes.reverse(starts, refs, back_starts, back)
    label, size = array("I", [0, *[1] * (count - 1)]), zeros(count)
    size[0], size[1] = 1, count - 1
    dirty = array("I", [*range(1, count), 0])
    arrays = {"refs": refs, "back": back, "label": label, "size": size, "dirty": dirty}
    arrays |= {name: zeros(count) for name in ("group", "heads", "counts", "fresh", "touched", "best")}
    arrays["buckets"] = zeros(max(16, 2 << (count - 1).bit_length()))
    arrays["mark"] = array("B", bytes(count))
    numbers = {"classes": 2, "dirty_count": count - 1}
    for name, length in shorter.items():
        if name in numbers:
            numbers[name] = length
        else:
            arrays[name] = arrays[name][:length]
    a = arrays
    return classes.refine(
        starts,
        a["refs"],
        back_starts,
        a["back"],
        a["label"],
        a["size"],
        numbers["classes"],
        a["dirty"],
        numbers["dirty_count"],
        a["group"],
        a["heads"],
        a["counts"],
        a["fresh"],
        a["touched"],
        a["best"],
        a["mark"],
        a["buckets"],
        0x9E3779B97F4A7C15,
        0xFFFFFFFF,
    )


SHORT = ("label", "size", "dirty", "group", "heads", "counts", "fresh", "touched", "best", "mark")


@pytest.mark.parametrize("name", [*SHORT, "refs", "back"])
def test_too_little_room_is_refused(name):
    length = 99 if name in SHORT else 98 if name == "refs" else 96
    with pytest.raises(IndexError, match="room for fewer"):
        refine(100, **{name: length})


@pytest.mark.parametrize("length", [200, 255, 0])
def test_the_table_is_as_large_as_a_round_may_need(length):
    """With 100 nodes a round masks its positions by 255."""
    with pytest.raises(IndexError, match="room for fewer groups"):
        refine(100, buckets=length)
    assert refine(100, buckets=256)[0] == 100


@pytest.mark.parametrize("wrong", [{"classes": 101}, {"dirty_count": 101}])
def test_more_than_there_are_nodes(wrong):
    with pytest.raises(IndexError, match="room for fewer nodes"):
        refine(100, **wrong)


@pytest.mark.parametrize("length", [3, 12, 0])
def test_seed(length):
    """The table must have a length that is a power of two, and a free place."""
    count = 5
    norm = array("I", [0, 1 << 24, 4, 32] * (count - 1))
    place = array("I", [0, *range(0, 4 * count, 4)])
    space = [zeros(count) for _ in range(3)]
    with pytest.raises(IndexError, match="room for fewer classes"):
        classes.seed(norm, place, *space, zeros(length), zeros(count), 0xFFFFFFFF)
    assert classes.seed(norm, place, *space, zeros(8), zeros(count), 0xFFFFFFFF) == 2
