"""C text against its slow twin in `tests/reference/c.py`, on random types: sound ones, and ones that make no sense at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.spec import DEFAULT_POINTER_SIZE
from btfkit.errors import FormatError, UnsupportedError
from btfkit.show.c import END, HEAD, KFUNCS, c_text
from btfkit.show.definitions import DECLARED
from reference import c as slow
from reference.plain import plain
from strategies import chains as valid_chains

NAMES = ("", "", "a", "b", "ab", "long", "__builtin_va_list", "__gnuc_va_list", "__Poly8_t", "x" * 254)


def body(btf: Btf, ids=None, **options) -> str:
    text = b"".join(c_text(btf, ids, **options)).decode("latin-1")
    return text[len(HEAD) : -len(END)].partition(KFUNCS.decode())[0]


@st.composite
def graphs(draw) -> Btf:
    """Types of every kind that refer to each other in any way, cycles included; on a base or not."""
    btf = None
    for _ in range(draw(st.integers(1, 2))):
        b = Builder(btf, draw(st.sampled_from(("little", "big"))) if btf is None else None)
        first, count = b.next_id, draw(st.integers(1, 12))
        ids = st.integers(0, first + count - 1)
        words = st.sampled_from((0, 1, 2, 3, 4, 8, 16, 24, 32, 40, 64, 100, 1 << 24, 3 << 24 | 5, 0xFFFFFFFF))
        for _ in range(count):
            write(draw, b, spec.KINDS[draw(st.integers(1, 19))], ids, words)
        btf = b.build()
    assert btf is not None
    return btf


def write(draw, b: Builder, row, ids, words) -> None:
    """A type of that kind, of anything; a FUNC needs a prototype, so it comes as one."""
    kind = spec.FUNC_PROTO if row.number == spec.FUNC else row.number
    row = spec.KINDS[kind]
    small = st.sampled_from((0, 1, 2, 4, 8, 12, 16))
    vlen = draw(st.integers(0, 3)) if row.elem_words else 0
    flag = draw(st.booleans())
    offsets = (0, 8, 16, 32, 64, *((3 << 24, 5 << 24 | 3, 8 << 24 | 8) if flag else (100, 3)))
    third = draw(ids if row.third == "type" else small)
    rest = [draw(ids if slot in row.tail_ids else words) for slot in range(row.tail_words)]
    for _ in range(vlen):
        for slot in range(row.elem_words):
            if slot in row.elem_names:
                rest.append(b.name(draw(st.sampled_from(NAMES))))
            elif kind in spec.COMPOSITES and slot == 2:
                rest.append(draw(st.sampled_from(offsets)))
            else:
                rest.append(draw(ids if slot in row.elem_ids else words))
    b.record(kind, draw(st.sampled_from(NAMES)), third, rest, vlen=vlen, flag=flag)


def sound(btf: Btf, ids=None, **options) -> str:
    """`body` of what can be declared: not a nameless struct with a pointer to itself."""
    try:
        return body(btf, ids, **options)
    except FormatError:
        reject()


def expected(btf: Btf, ids=None, unsorted: bool = False) -> str | None:
    """What the twin says; None where a type needs itself."""
    level = plain(btf)
    try:
        wanted = slow.roots(level, unsorted) if ids is None else ids
    except RecursionError:  # references in a circle have no name to sort by
        reject()
    try:
        return slow.text(level, wanted, btf.pointer_size or DEFAULT_POINTER_SIZE)
    except (slow.Loop, RecursionError):
        return None


def check(btf: Btf, ids=None, unsorted: bool = False) -> None:
    try:
        said = body(btf, ids, unsorted=unsorted, compat=True)
    except FormatError:
        said = None
    assert said == expected(btf, ids, unsorted)


def more(test):
    return settings(max_examples=max(100, settings.default.max_examples))(test)


@more
@given(valid_chains(), st.booleans())
def test_sound_types(btf: Btf, unsorted: bool) -> None:
    check(btf, unsorted=unsorted)


@given(graphs(), st.booleans(), st.data())
def test_any_types(btf: Btf, unsorted: bool, data) -> None:
    roots = data.draw(st.none() | st.lists(st.integers(0, len(btf) - 1), max_size=5))
    check(btf, roots, unsorted and roots is None)


@more
@given(valid_chains())
def test_nothing_is_lost_or_printed_twice(btf: Btf) -> None:
    """Every named type of a kind that has one has its declaration, whatever the order, and no other text differs."""
    for options in ({}, {"unsorted": True}):
        text = sound(btf, **options)
        for t in btf:
            if t.kind in spec.COMPOSITES | spec.ENUMS and t.name and "." not in t.name:
                word = {spec.STRUCT: "struct", spec.UNION: "union"}.get(t.kind, "enum")
                assert re.search(rf"^{word} {t.name}(___\d+)?( \{{|;)", text, re.M)
    one, other = (sorted(re.sub(r"___\d+", "", body(btf, unsorted=u)).split("\n\n")) for u in (False, True))
    assert {block for block in one if "{" in block} == {block for block in other if "{" in block}


@more
@given(valid_chains(), st.data())
def test_roots_are_enough_for_themselves(btf: Btf, data) -> None:
    """Every tag that a slim header uses by value is defined before in it."""
    declared = [t.id for t in btf if t.kind in DECLARED]
    ids = data.draw(st.lists(st.sampled_from(declared), min_size=1, max_size=4))
    known: set[str] = set()
    for block in sound(btf, ids).split("\n\n"):
        for line in block.split("\n")[1:]:
            used = re.match(r"\t+(?:const |volatile |restrict )*((?:struct|union) \w+) (?!\()\w", line)
            assert used is None or used[1] in known
        head = re.match(r"((?:struct|union) \w+) \{", block)
        if head:
            known.add(head[1])


@pytest.mark.parametrize("unsorted", [False, True])
def test_unknown_kinds_are_passed_over(unsorted: bool) -> None:
    b = Builder(layout=True)
    b.record(spec.UNKN, "x", 7)
    b.int("int", 4)
    b.ptr(2)
    assert body(b.build(), unsorted=unsorted) == ""
    b.ptr(1)
    with pytest.raises(UnsupportedError):
        body(b.build(), unsorted=unsorted)
