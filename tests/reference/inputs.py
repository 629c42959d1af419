"""Hypothesis strategies for the twins: what real BTF never looks like, but what may be loaded."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from reference.plain import ENUM64, FUNC, FUNC_PROTO, SHAPES, Level, encode, plain
from strategies import btfs, orders

UNKNOWN = 32  # what is added to a kind to make an unknown one of the same size
LAYOUT = b"".join(
    bytes((4 * len(SHAPES[k][1]), 4 * len(SHAPES[k][2]), 0, 0)) if k in SHAPES else bytes(4)
    for k in (n % UNKNOWN for n in range(UNKNOWN + ENUM64 + 1))
)
NAMES = st.binary(max_size=7).map(lambda noise: bytes(b"ab_"[c % 3] for c in noise))


def zoo(order):
    """A BTF with a type of every kind, so that a split has something to stand on."""
    b = Builder(order=order)
    number, char = b.int("int", 4, encoding=1), b.int("char", 1)
    anonymous = b.struct("", 4, [("a", number, 0)])
    task = b.struct("task_struct", 16, [("pid", number, 0), ("", anonymous, 32), ("next", 5, 64)])
    b.ptr(b.next_id + 1)
    b.const(task)
    old = b.union("task_struct___old", 4, [("a", number, 0), ("b", char, 0)])
    names = b.array(b.typedef("u32", b.volatile(number)), number, 3)
    proto = b.func_proto(number, [("a", b.restrict(5)), ("b", names), ("", 0)])
    b.decl_tag("user", b.func("a", proto, 1), 0)
    b.datasec(".data", 4, [(b.var("state", number), 0, 4)])
    b.enum("flags", [("a_0", -1), ("b_1", 1)])
    b.enum64("", [("a_2", 1 << 40)])
    b.fwd("list_head")
    b.float("b", 8)
    b.typedef("x__y", b.ptr(b.type_tag("rcu", old)))
    return b.build()


@st.composite
def chains(draw, order=None, most=3, max_types=10, unknown=True):
    """The topmost of up to `most` levels: a third of them valid, the others with references that lead anywhere, names that begin
    within strings, and (in some, through a layout section) unknown kinds."""
    btf = zoo(draw(orders) if order is None else order) if draw(st.booleans()) else None
    for _ in range(draw(st.integers(0 if btf else 1, most - (btf is not None)))):
        btf = draw(btfs(order, btf, max_types))
    if draw(st.integers(0, 2)) == 0:
        return btf
    base = None
    for layer in btf.chain:
        base = draw(oddities(layer, base, LAYOUT if unknown and draw(st.booleans()) else b""))
    return base


@st.composite
def oddities(draw, layer, base, layout):
    """`layer` on `base`, with some of its words changed: ids, name offsets, kinds."""
    level = Level(layer.to_bytes(), plain(base) if base else None)
    words = [word for record in level.own for word in record.words]
    places, start = [], 0
    for record in level.own:
        places += [(start + slot, what) for slot, what in enumerate(record.letters) if may_change(record, slot, what)]
        start += len(record.words)
    limits = {"i": len(level.types), "n": len(level.strings)}
    r, share = Random(draw(st.integers(0, 1 << 32))), draw(st.sampled_from((0.05, 0.3, 0.8)))
    for at, what in places:
        if what != "f" and r.random() < share:
            words[at] = r.randrange(limits[what])
        elif what == "f" and (layout or level.layout) and r.random() < share / 2:
            words[at] |= UNKNOWN << 24
    return Btf.from_bytes(encode(words, level.own_strings, layout, layer.byte_order), base)


def may_change(record, slot, what):
    """Whether a word of a record may be another: FUNCs and their prototypes are what loading insists on."""
    if what == "i":
        return record.kind != FUNC
    return what == "n" or (slot == 1 and record.kind != FUNC_PROTO)


@st.composite
def sections(draw):
    """(words, layout): a type section that may be cut short, hold vlens without end and kinds that nobody knows."""
    btf = draw(btfs(max_types=8))
    words = list(btf.words)
    for at in draw(st.lists(st.integers(0, len(words) - 1), max_size=3)):
        kind = draw(st.integers(0, 70)) << 24
        words[at] = draw(
            st.sampled_from((0, 1, 2**32 - 1, kind, kind | 2, kind | 0xFFFFFF, words[at] + 1 & 0xFFFFFFFF))
        )
    return words[: draw(st.integers(0, len(words))) or None], draw(st.sampled_from((b"", LAYOUT)))


@st.composite
def named(draw):
    """A BTF of FWDs whose names may begin anywhere in the strings; in most of them the names are in order."""
    strings = b"\0" + bytes(b"ab_\0\xff"[c % 5] for c in draw(st.binary(max_size=30))) + b"\0"
    base = None
    if draw(st.booleans()):
        base = Btf.from_bytes(encode([1, 0x07000000, 0], b"\0ab\0"))
    start = base.start_str_off + len(base.strings) if base else 0
    low = draw(st.sampled_from((0, start, start)))
    offsets = draw(st.lists(st.integers(low, start + len(strings) - 1), max_size=8))
    if draw(st.integers(0, 3)):
        text = (b"\0ab\0" if base else b"") + strings
        offsets.sort(key=lambda offset: (offset > 0, text[offset:].split(b"\0")[0]))
    words = [word for offset in offsets for word in (offset, 0x07000000, 0)]
    return Btf.from_bytes(encode(words, strings, b"", draw(orders) if base is None else "little"), base)
