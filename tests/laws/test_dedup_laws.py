"""Dedup on any input: it ends, once is enough, copies change nothing, hashes decide nothing, and the obvious way agrees."""

from hypothesis import given
from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.build import Builder
from btfkit.judges.deduped import kept, leftovers
from btfkit.judges.structure import structure
from btfkit.passes import type_graph
from btfkit.passes.append import append
from btfkit.passes.dedup import dedup, dedup_all
from btfkit.passes.permute import permute
from btfkit.passes.prepared_base import PreparedBase
from reference.dedup import classes
from reference.plain import Level
from strategies import btfs, chains, orders

NAMES = ("", "a", "b")


@st.composite
def graphs(draw, base=None, most=14, declarations=True):
    """Any graph: ids point anywhere, few names, so that much is equivalent and little is C."""
    builder = Builder(base, draw(orders) if base is None else None)
    first = builder.next_id
    count = draw(st.integers(1, most))
    ids = st.integers(0, first + count - 1)
    kinds = [spec.INT, spec.PTR, spec.CONST, spec.STRUCT, spec.STRUCT, spec.TYPEDEF, spec.ARRAY, spec.FUNC_PROTO]
    kinds += [spec.UNION, spec.ENUM, spec.VAR, spec.DECL_TAG] + [spec.FWD] * 2 * declarations
    for _ in range(count):
        kind, name = draw(st.sampled_from(kinds)), draw(st.sampled_from(NAMES))
        if kind == spec.INT:
            builder.int(name or "int", 4)
        elif kind in (spec.STRUCT, spec.UNION):
            members = [(draw(st.sampled_from(NAMES)), draw(ids), 0) for _ in range(draw(st.integers(0, 2)))]
            builder.struct(name, 8, members, union=kind == spec.UNION)
        elif kind == spec.ENUM:
            builder.enum(name, [("A", 1)] if not declarations or draw(st.booleans()) else [])
        elif kind == spec.FWD:
            builder.fwd(name or "a", union=draw(st.booleans()))
        elif kind == spec.ARRAY:
            builder.array(draw(ids), draw(ids), 2)
        elif kind == spec.FUNC_PROTO:
            builder.func_proto(draw(ids), [(name, draw(ids))])
        elif kind == spec.VAR:
            builder.var(name or "v", draw(ids))
        elif kind == spec.DECL_TAG:
            builder.decl_tag(name or "t", draw(ids))
        else:
            builder.record(kind, (name or "t") if kind == spec.TYPEDEF else "", draw(ids))
    return builder.build()


splits = graphs(most=8).flatmap(lambda base: graphs(base=base, most=8))
anything = st.one_of(graphs(), splits, btfs(), chains())


def level(btf):
    found = None
    for layer in btf.chain:
        found = Level(layer.to_bytes(), found)
    return found


@given(
    st.one_of(
        graphs(declarations=False),
        graphs(most=7, declarations=False).flatmap(lambda b: graphs(base=b, most=7, declarations=False)),
    )
)
def test_as_the_obvious_way_has_it(btf):
    done = dedup(btf)
    expected = classes(level(btf))
    new = {}
    for old in btf.own_ids:
        head = expected[old]
        new.setdefault(head, done.ids[old])
        assert done.ids[old] == new[head]
        if head < btf.start_id:
            assert done.ids[old] == head
    assert len(done.btf.positions) == sum(head >= btf.start_id for head in new)


@given(graphs(declarations=False), st.booleans(), st.data())
def test_as_the_obvious_way_has_runs_in_common(btf, as_inputs, data):
    """What follows a type is tried first: the same types follow in part, in another order, and with others between them."""
    order = data.draw(
        st.one_of(st.permutations(btf.own_ids), st.integers(0, len(btf) - 2).map(lambda n: _rotated(btf, n)))
    )
    inputs = [btf, permute(btf, order)[0], data.draw(graphs(most=4, declarations=False)), btf]
    both = append(inputs[0], *inputs[1:])[0]
    done = dedup_all(inputs)[0] if as_inputs else dedup(both)
    heads = classes(level(both))
    assert {(heads[old], done.ids[old]) for old in both.own_ids} == {
        (heads[old], done.ids[heads[old]]) for old in both.own_ids
    }
    assert len(done.btf.positions) == len({heads[old] for old in both.own_ids})


def _rotated(btf, number):
    ids = list(btf.own_ids)
    return ids[number:] + ids[:number]


@given(anything)
def test_once_is_enough(btf):
    once = dedup(btf)
    again = dedup(once.btf)
    assert again.btf.to_bytes() == once.btf.to_bytes()
    assert all(old == new for old, new in again.ids.items())


@given(anything)
def test_hashes_decide_nothing(btf):
    expected = dedup(btf)
    try:
        type_graph._mask = 0
        collided = dedup(btf)
    finally:
        type_graph._mask = 0xFFFFFFFF
    assert collided.btf.to_bytes() == expected.btf.to_bytes()
    assert dict(collided.ids.items()) == dict(expected.ids.items())


@given(st.one_of(graphs(), btfs()), st.integers(2, 3))
def test_copies_change_nothing(btf, copies):
    """But for variables and sections, which are things: those of each copy stay, and so do the tags on them."""
    once = dedup(btf).btf
    both = append(btf, *[btf] * (copies - 1))[0]
    twice = dedup(both)
    things = {t.id for t in once if t.id and _is_thing(once, t.id)}
    if not things:
        assert twice.btf.to_bytes() == once.to_bytes()
        assert [twice.ids[old] for old in range(1, len(btf))] == [
            twice.ids[old + len(btf) - 1] for old in range(1, len(btf))
        ]
    assert len(twice.btf) <= len(once) + (copies - 1) * len(things)
    assert dedup_all([btf] * copies)[0].btf.to_bytes() == twice.btf.to_bytes()


def _is_thing(btf, type_id):
    """A VAR or DATASEC, or something that leads to one."""
    todo, seen = [type_id], {0}
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        if btf.kind(here) in (spec.VAR, spec.DATASEC):
            return True
        layer, at = btf.locate(here)
        todo += [layer.words[word] for word, what in references(layer.words, at, layer.table) if what == "type"]
    return False


@given(st.one_of(splits, chains(), btfs().flatmap(lambda base: btfs(base=base))))
def test_a_known_base_saves_work_and_changes_nothing(btf):
    expected = dedup(btf)
    prepared = PreparedBase(btf.base)
    for _ in range(2):
        done = dedup(btf, prepared=prepared)
        assert done.btf.to_bytes() == expected.btf.to_bytes()
        assert dict(done.ids.items()) == dict(expected.ids.items())
        assert (done.report.before, done.report.after) == (expected.report.before, expected.report.after)


@given(anything)
def test_the_judge_agrees(btf):
    done = dedup(btf)
    assert kept(btf, done.btf, done.ids.ids) is None
    assert not leftovers(done.btf)


@given(st.one_of(btfs(), chains()))
def test_what_was_sound_stays_sound(btf):
    before = [f for f in structure(btf) if f.severity == "error"]
    after = [f for f in structure(dedup(btf).btf) if f.severity == "error"]
    assert bool(after) <= bool(before)
