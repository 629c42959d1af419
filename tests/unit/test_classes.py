"""The loops without bounds checks prove by themselves that their arrays suffice."""

from __future__ import annotations

import random
from array import array

import pytest

from btfkit.hot import classes
from btfkit.passes import refinement


def zeros(count: int) -> array:
    return array("I", bytes(4 * count))


@pytest.mark.parametrize("count", [3, 9, 33, 100])
def test_enough_room(count):
    found, _ = refine(count)
    assert found == count


@pytest.mark.parametrize("depth", range(6))
@pytest.mark.parametrize("mask", [0xFFFFFFFF, 0])
def test_classes_are_those_of_comparing_all(depth, mask):
    """Whatever depth hashes reach, and whichever references are reversed by themselves."""
    for seed in range(40):
        draw = random.Random(seed)
        count = draw.randrange(2, 40)
        widths = [0, *(draw.randrange(4) for _ in range(count - 1))]
        targets = [[draw.randrange(count) for _ in range(width)] for width in widths]
        moving = [[draw.random() < 0.3 for _ in own] for own in targets]
        expected = by_comparing_all([(width,) for width in widths], targets)
        label = list(dict.fromkeys(widths))
        assert same_classes(refined(targets, moving, [label.index(width) for width in widths], depth, mask), expected)


class Shape:
    """A random graph for `passes/refinement.py`; nodes before `circles` refer to anything, later ones only to earlier ones."""

    def __init__(self, seed):
        draw = random.Random(seed)
        count = draw.randrange(2, 60)
        circles = draw.randrange(1, count + 1)
        self.targets = [[]]
        for node in range(1, count):
            most = count if node < circles and seed % 3 else max(1, min(node, circles if seed % 2 else node))
            self.targets.append([draw.randrange(most) for _ in range(draw.randrange(4))])
        first = [(len(own), draw.random() < 0.1 and node) for node, own in enumerate(self.targets)]
        numbers = list(dict.fromkeys(first))
        self.first = [numbers.index(one) for one in first]
        self.prime, self.rounds = 0x9E3779B97F4A7C15, 0
        self.starts = array("I", [sum(map(len, self.targets[:node])) for node in range(count + 1)])
        self.refs = array("I", [target for own in self.targets for target in own])
        self.label, self.size, self.classes = array("I", self.first), zeros(count + 1), len(numbers)
        for one in self.first:
            self.size[one] += 1

    def __len__(self):
        return len(self.targets)


@pytest.mark.parametrize("mask", [0xFFFFFFFF, 0])
def test_classes_of_outer_nodes(mask):
    outer = 0
    for seed in range(150):
        graph = Shape(seed)
        refinement.refine(graph, mask)
        assert same_classes(graph.label, by_comparing_all(graph.first, graph.targets))
        assert graph.classes == len(set(graph.label))
        count = len(graph)
        level = bytearray(count)
        passes, found, references = classes.peel(graph.starts, graph.refs, level, bytearray(count), zeros(count))
        assert found == count - level.count(0)
        assert references == sum(len(own) for own, at in zip(graph.targets, level, strict=True) if at)
        for node, own in enumerate(graph.targets):
            assert own or not level[node]
            assert all(not level[target] or 0 < level[node] < level[target] for target in own)
        order = zeros(found)
        classes.arrange(level, passes, order)
        assert sorted(order, key=lambda node: (-level[node], node)) == list(order)
        outer += found
    assert outer > 500


def test_outer_nodes_need_room():
    graph = Shape(2)
    count, short = len(graph), len(graph) - 1
    for sizes in ((short, count, count), (count, short, count), (count, count, short)):
        with pytest.raises(IndexError):
            classes.peel(graph.starts, graph.refs, bytearray(sizes[0]), bytearray(sizes[1]), zeros(sizes[2]))
    with pytest.raises(IndexError):
        classes.peel(graph.starts, graph.refs[:-1], bytearray(count), bytearray(count), zeros(count))
    with pytest.raises(IndexError):
        classes.arrange(b"\1" * count, 1, zeros(short))
    with pytest.raises(IndexError):
        classes.spread(zeros(count), zeros(short), zeros(count))
    rooms = [count, count, count + 1, len(graph.refs), count, graph.classes]
    for at in range(len(rooms)):
        sizes = [size - (at == place) for place, size in enumerate(rooms)]
        with pytest.raises(IndexError):
            classes.gather(graph.starts, graph.refs, bytes(count), graph.label, *map(zeros, sizes))
    rooms = [count, count, 16 if count < 16 else 64]
    for at in range(len(rooms)):
        sizes = [size - (at == place) for place, size in enumerate(rooms)]
        work = map(zeros, sizes)
        with pytest.raises(IndexError):
            classes.classify(
                graph.starts, graph.refs, zeros(0), graph.label, graph.size, zeros(count), 1, zeros(1), *work, 1, 0
            )


def by_comparing_all(first, targets):
    """The classes by node, split until nothing changes."""
    while True:
        seen = [(first[node], *(first[target] for target in own)) for node, own in enumerate(targets)]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(seen))}
        after = [numbers[key] for key in seen]
        if len(set(after)) == len(set(first)):
            return after
        first = after


def same_classes(one, other):
    return len(set(one)) == len(set(other)) == len({*zip(one, other, strict=True)})


def refined(targets, moving, label, depth, mask):
    count = len(targets)
    refs = array("I", [target for own in targets for target in own])
    starts = array("I", [sum(map(len, targets[:node])) for node in range(count + 1)])
    owners = array("I", [node for node, flags in enumerate(moving) for flag in flags if flag])
    numbers = array("I", [i for i, flag in enumerate(flag for flags in moving for flag in flags) if flag])
    back_starts, back, other_starts, other_back = (
        zeros(count + 2),
        zeros(len(refs)),
        zeros(count + 2),
        zeros(len(numbers)),
    )
    classes.reverse(starts, refs, numbers, back_starts, back)
    classes.reverse_some(starts, refs, owners, numbers, other_starts, other_back)
    label, size = array("I", label), zeros(count + 1)
    for one in label:
        size[one] += 1
    dirty = array("I", [node for node in range(count) if targets[node] and size[label[node]] > 1])
    number = len(dirty)
    dirty.extend(zeros(count - number))
    room = [zeros(count) for _ in range(6)]
    table = zeros(max(16, 2 << (count - 1).bit_length()))
    found = max(label) + 1
    more = other_starts, other_back
    mark = array("B", bytes(count))
    work = (dirty, number, *room, mark, table)
    classes.refine(starts, refs, back_starts, back, *more, label, size, found, *work, 0x9E3779B97F4A7C15, mask, depth)
    assert not any(any(space) for space in (*room[-2:], mark, table))
    return list(label)


def refine(count: int, **shorter: int):
    """Refine `count` nodes of which each refers to the one before; arrays and numbers called in `shorter` have that size."""
    starts = array("I", [max(0, node - 1) for node in range(count + 1)])
    refs = array("I", range(count - 1))
    back_starts, back = zeros(count + 2), zeros(count - 1)
    classes.reverse(starts, refs, zeros(0), back_starts, back)
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
        zeros(0),
        zeros(0),
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
        3,
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
