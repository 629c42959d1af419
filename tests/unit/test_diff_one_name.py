"""Many types of one name: the same pairs as by comparing each with each, in work that grows as the types do."""

import random

import pytest

import growth
from btfkit.btf.build import Builder
from btfkit.show import diff as module
from btfkit.show.diff import _Comparison, diff
from btfkit.show.isf import isf_text


def slow_pairs(self, left, right):
    """Pairs of types with one name, the most similar first: each is compared with each."""
    pairs, used = [], set()
    scored = [(-len(self._features(self.old, a) & self._features(self.new, b)), a, b) for a in left for b in right]
    for _, a, b in sorted(scored):
        if ("a", a) not in used and ("b", b) not in used:
            used |= {("a", a), ("b", b)}
            pairs.append((a, b))
    return pairs


def slow_unequal(self, key, ours, theirs):
    """Both lists without the pairs of identical types, the first identical one for each."""
    left, right = [], list(theirs)
    for a in ours:
        b = next((b for b in right if self.old.identities.definition(a) == self.new.identities.definition(b)), None)
        if b is None:
            left.append(a)
        else:
            right.remove(b)
    return left, right


def some_types(r, count):
    """Structs, enums and functions of one name, which share some members and are sometimes identical."""
    b = Builder(order="little")
    kinds = [b.int("int", 4), b.int("long", 8)]
    for _ in range(count):
        kind = r.randint(0, 4)
        chosen = r.sample("abcde", r.randint(0, 4))
        if kind == 0:
            b.enum("same", [(name, r.randint(0, 2)) for name in chosen])
        elif kind == 1:
            b.func("same", b.func_proto(r.choice(kinds), [(name, r.choice(kinds)) for name in chosen]))
        else:
            b.struct("same", 8 * r.randint(1, 2), [(name, r.choice(kinds), 64 * at) for at, name in enumerate(chosen)])
    return b.build()


def test_the_same_pairs_as_by_comparing_each_with_each(monkeypatch) -> None:
    best, unequal = _Comparison._best_pairs, _Comparison._without_equals
    several = 0

    def pairs(self, left, right):
        nonlocal several
        found = best(self, left, right)
        assert found == slow_pairs(self, left, right)
        several += len(found) > 2
        return found

    def rest(self, key, ours, theirs):
        found = unequal(self, key, ours, theirs)
        assert found == slow_unequal(self, key, ours, theirs)
        return found

    monkeypatch.setattr(_Comparison, "_best_pairs", pairs)
    monkeypatch.setattr(_Comparison, "_without_equals", rest)
    for seed in range(200):
        r = random.Random(seed)
        diff(some_types(r, r.randint(1, 20)), some_types(r, r.randint(1, 20)))
    assert several > 50


def test_features_that_too_many_share_do_not_count(monkeypatch) -> None:
    """Half of the types share a member; the rarer member decides all the same."""
    monkeypatch.setattr(module, "MOST_PAIRS", 0)

    def made(first, size):
        b = Builder(order="little")
        b.int("int", 4)
        for at in range(100):
            number = (first + at) % 100
            b.struct("same", size, [(f"own{number}", 1, 0), ("xy"[number % 2], 1, 32)])
        return b.build()

    found = diff(made(0, 8), made(7, 12))
    assert sorted((one.old_id - 2, one.new_id - 2) for one in found.changed) == [(n, (n - 7) % 100) for n in range(100)]


@pytest.mark.parametrize("change", [0, 8])
@pytest.mark.parametrize("shared", [False, True])
def test_n_types_of_one_name_take_linear_work(change, shared) -> None:
    def made(n, size):
        b = Builder(order="little")
        b.int("int", 4)
        for number in range(n):
            common = [("common", 1, 32)] if shared else []
            b.struct("same", 8 + size, [(f"own{number}", 1, 0), *common])
        return b.build()

    def work(n):
        old, new = made(n, 0), made(n, change)
        return lambda: diff(old, new)

    assert growth.exponent(work, 32) < 1.15


def test_members_of_one_name_take_time_in_proportion() -> None:
    """Members that come again are numbered, and those that seem to be renamed are found without comparing all with all."""

    def work(count):
        sides = []
        for name in ("a", "b"):
            b = Builder()
            int_ = b.int("int", 4)
            b.struct("s", 4 * count, [(name, int_, 32 * index) for index in range(count)])
            sides.append(b.build())
        return lambda: (diff(*sides), b"".join(isf_text(sides[0])))

    assert growth.exponent(work, 64) < 1.15
    (change,) = work(3)()[0].changed
    assert [(one.what, one.old["name"], one.path) for one in change.changes] == [
        ("renamed", "a", "b"), ("renamed", "a#2", "b#2"), ("renamed", "a#3", "b#3"),
    ]  # fmt: skip
