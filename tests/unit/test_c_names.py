"""Which strings of a BTF are keywords of C, found in one pass from their ends, against a search for each keyword."""

from __future__ import annotations

import random

import pytest

from btfkit.hot import word_marks
from btfkit.show import c_names


def searched(strings: bytes, exact: bool) -> bytearray:
    """The marks, by a search for each name."""
    found = bytearray(len(strings))
    lists = [(c_names._EVER, c_names.ALWAYS), (c_names._TYPES, c_names.COMPILERS_OWN)]
    if exact:
        lists += [(c_names._C23, c_names.SINCE_C23), (c_names._MACROS, c_names.PREDEFINED)]
    for names, mark in lists:
        for name in names:
            at = strings.find(name + b"\0")
            while at >= 0:
                found[at] = mark
                at = strings.find(name + b"\0", at + 1)
    return found


@pytest.mark.parametrize("exact", [False, True])
def test_marks(exact) -> None:
    r = random.Random(7)
    words = sorted(c_names._EVER | c_names._C23 | c_names._TYPES | c_names._MACROS)
    for _ in range(50):
        strings = b"\0"
        for _ in range(r.randint(0, 60)):
            word = r.choice(words)
            strings += r.choice((word, b"my_" + word, word + b"s", word[1:], word[:-1], b"", b"\xff" + word)) + b"\0"
        assert c_names.marks(strings, exact) == searched(strings, exact)
    assert c_names.marks(memoryview(b"\0my_default\0"), exact)[4] == c_names.ALWAYS
    assert c_names.marks(b"", exact) == b""
    assert not any(c_names.marks(b"default", exact))  # no NUL ends it


def test_a_tree_that_does_not_fit_its_ends() -> None:
    tree, ends = c_names._backwards({b"if": 1})
    with pytest.raises(IndexError):
        word_marks.mark(b"if\0", tree[:-1], ends, bytearray(3))
    with pytest.raises(IndexError):
        word_marks.mark(b"if\0", tree, ends, bytearray(2))
