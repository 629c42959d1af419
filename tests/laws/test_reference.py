"""The loops of `hot/` against their slow, obvious twins in `tests/reference/`, on random input."""

from array import array
from bisect import bisect_right
from types import SimpleNamespace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from btfkit.btf import evidence, spec
from btfkit.btf.btf import Btf, name_buckets
from btfkit.btf.finders import FEW
from btfkit.btf.flat import Flat
from btfkit.co_re.access import essential
from btfkit.errors import BtfError, FormatError, UnsupportedError
from btfkit.hot import columns, graph, names, scan
from btfkit.hot import rebase as hot_rebase
from btfkit.hot.columns import Columns
from btfkit.hot.identity import Interner
from btfkit.judges import reconciled
from btfkit.judges.candidates import CandidateSearch, bare_name
from btfkit.passes.append import append
from btfkit.passes.compact import compact
from btfkit.passes.distill import distill
from btfkit.passes.permute import by_name, follow, permute, sort
from btfkit.passes.rebase import NameIndex, rebase
from btfkit.passes.select import POLICIES, WHOLE, Selection, by_references_of, close
from btfkit.show.identity import CLASSES, Identities, interner
from reference import append as slow_append
from reference import compact as slow_compact
from reference import distill as slow_distill
from reference import graph as slow_graph
from reference import identity as slow_identity
from reference import match as slow_match
from reference import names as slow_names
from reference import permute as slow_permute
from reference import scan as slow_scan
from reference.inputs import NAMES, chains, named, oddities, sections
from reference.plain import FUNC, SHAPES, STRUCT, UNION, encode, plain, records
from strategies import btfs
from strategies import chains as valid_chains

kinds = st.sets(st.integers(1, 19)) | st.just(set(range(1, 20)))


def many(*strategies):
    """`given`, with more examples than usual: they are small."""
    return lambda test: settings(max_examples=max(120, settings.default.max_examples))(given(*strategies)(test))


def words_of(btf):
    return btf.words, btf.positions


def known(chain):
    """Whether all kinds of a chain are known, so that it can be renumbered."""
    return all(record is None or record.kind in SHAPES for record in chain.types)


# ---- scan ------------------------------------------------------------------------------------------------------


@many(sections(), st.integers(0, 12) | st.just(99), st.integers(1, 12))
def test_scan(section, room, first_id):
    words, layout = section
    positions = array("I", bytes(4 * room))
    count, *rest = scan.scan(array("I", words), spec.packed_table(layout), positions, first_id)
    assert (list(positions[:count]), *rest) == slow_scan.scan(words, layout, room, first_id)


@many(sections(), st.integers(1, 12), st.integers(1, 12), st.integers(1, 40))
def test_check(section, first_id, more, strings):
    words, layout = section
    own, end = records(words, layout)
    positions = array("I", slow_scan.scan(words, layout, len(own), first_id)[0])
    types = first_id + len(own)
    read = array("I", words[:end])
    places = Columns(read, positions, spec.packed_table(layout))
    first = min(columns.first_from(read, places.ids, types), columns.first_from(read, places.names, strings))
    bad = slow_scan.check(own, types, strings)
    assert (bisect_right(positions, first) - 1 if first < end else -1) == bad
    if bad < 0:
        assert scan.functions(read, positions, first_id) == slow_scan.functions(own, first_id)


@many(st.data())
def test_what_cannot_be_resolved_is_not_loaded(data):
    """With limits as they are: what it lets pass is what the twin lets pass, for base and split alike."""
    btf = data.draw(chains())
    level = plain(btf)
    words = level.words
    if words:
        limits = st.sampled_from((0, 1, len(btf) - 1, len(btf), len(level.strings) - 1, len(level.strings), 2**32 - 1))
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(limits)
    own, end = records(words, level.layout)
    bad, below = slow_scan.check(own, level.first_id + len(own), len(level.strings)), []
    if bad < 0:
        bad, below = slow_scan.functions(own, level.first_id)
    below = [own[index].words[2] for index in below]
    sound = end == len(words) and bad < 0 and all(target and level.kind(target) == spec.FUNC_PROTO for target in below)
    blob = encode(words, level.own_strings, btf.layout, btf.byte_order)
    if sound:
        assert list(Btf.from_bytes(blob, btf.base).words) == words
    else:
        with pytest.raises(BtfError):
            Btf.from_bytes(blob, btf.base)


@many(named() | chains())
def test_is_sorted(btf):
    level = plain(btf)
    assert scan.is_sorted(*words_of(btf), btf.strings_below, btf.strings, btf.start_str_off) == slow_scan.is_sorted(
        level
    )


@many(chains())
def test_misfits(btf):
    assume(btf.base is not None)
    found = evidence.fit(btf)
    assert (found.types, found.wrong, found.names, found.inside) == slow_scan.misfits(plain(btf))


# ---- names -----------------------------------------------------------------------------------------------------

LONGER = st.lists(NAMES | st.sampled_from((b"a", b"___")), max_size=4).map(b"".join)


@many(LONGER | st.binary(max_size=12))
def test_name_hash(name):
    assert names.name_hash(name) == slow_names.name_hash(name)
    if b"\0" not in name:
        assert essential(name) == slow_names.essential(name)


@many(named() | chains(), kinds, st.sets(LONGER | st.sampled_from((b"a", b"task_struct", b"x__y"))))
def test_find_hashes(btf, wanted_kinds, wanted):
    found = []
    below = names.find_hashes(
        *words_of(btf), spec.kind_set(wanted_kinds), btf.strings, btf.start_str_off, name_buckets(wanted), found
    )
    assert (found, below) == slow_names.find_hashes(plain(btf), wanted_kinds, wanted)


@many(named() | chains(), st.sets(st.tuples(st.integers(1, 18), LONGER | st.sampled_from((b"a", b"a___b", b"x__y")))))
def test_candidates(btf, roots):
    roots = {root for root in roots if root[1] and b"\0" not in root[1]}
    base = {root: [] for root in roots} if btf.base is None else slow_names.candidates(plain(btf.base), roots)
    own = slow_names.candidates(plain(btf), roots)
    layers = [plain(layer) for layer in btf.chain]
    whole = {root: [i for level in layers for i in slow_names.candidates(level, roots)[root]] for root in roots}
    assert CandidateSearch(roots).on(btf, ()) == {root: [(btf, i) for i in ids] for root, ids in whole.items()}
    if btf.base is not None and btf.base.base is None:
        found = CandidateSearch(roots).on(btf.base, [btf])
        assert found == {root: [(btf.base, i) for i in base[root]] or [(btf, i) for i in own[root]] for root in roots}


@many(LONGER | st.binary(max_size=12).filter(lambda name: b"\0" not in name))
def test_bare_name(name):
    assert bare_name(name) == slow_names.essential(name)


def some_name(data, level):
    """A name of the BTF, or another."""
    own = [level.name(type_id) for type_id in range(1, len(level.types))]
    return data.draw(st.sampled_from([b"a", *own]) | NAMES) or b"b"


@many(named() | chains(), st.data())
def test_find_name(btf, data):
    level = plain(btf)
    name, kind = some_name(data, level), data.draw(st.sampled_from([0, 5, *(level.kind(i) for i in btf.own_ids)]))
    below = array("I", [at for at in range(btf.start_str_off) if level.text(at) == name])
    for start in range(len(btf.positions) + 1):
        found = names.find_name(*words_of(btf), btf.strings, btf.start_str_off, name, below, kind, start)
        assert found == slow_names.find_name(level, name, kind, start)
    everywhere = [i for i in range(1, len(btf)) if level.name(i) == name and level.kind(i) in (kind or level.kind(i),)]
    assert list(btf.find_ids(name.decode("utf-8", "surrogateescape"), kind)) == everywhere


@many(named() | chains(), st.data(), st.sampled_from([1, 2, 64]))
def test_chain_names_and_next_named(btf, data, size):
    level = plain(btf)
    name = some_name(data, level)
    buckets, following = array("I", [0] * size), array("I", [0] * len(btf.positions))
    where = *words_of(btf), btf.strings_below, btf.strings, btf.start_str_off
    names.chain_names(*where, buckets, following)
    index = -1
    while True:
        expected = slow_names.next_named(level, name, index)
        index = names.next_named(*where, buckets, following, name, index)
        assert index == expected
        if index < 0:
            break
    for _ in range(FEW):
        found = list(btf.find_ids(name.decode("utf-8", "surrogateescape")))
    assert found == list(btf.find_ids(name.decode("utf-8", "surrogateescape")))


@many(named() | chains(), st.data())
def test_first_not_below(btf, data):
    level = plain(btf)
    start = slow_scan.is_sorted(level)
    assume(start >= 0)
    name = some_name(data, level)
    found = names.first_not_below(*words_of(btf), btf.strings_below, btf.strings, btf.start_str_off, name, start)
    assert found == slow_names.first_not_below(level, name, start)


@many(chains(), st.data())
def test_next_member(btf, data):
    level = plain(btf)
    name = data.draw(st.sampled_from([b"a", b"pid", b"next", *(level.text(n) for r in level.own for n in r.all("n"))]))
    for at, record in zip(btf.positions, level.own, strict=True):
        if record.kind in (STRUCT, UNION):
            for start in range(len(record.elements) + 1):
                count = len(record.elements)
                found = names.next_member(btf.words, at + 3, count, btf.strings, btf.start_str_off, name, start)
                assert found == slow_names.next_member(level, record, name, start)


@many(chains(), kinds)
def test_named_below(btf, wanted):
    indexes, offsets = [], []
    names.named_below(*words_of(btf), spec.kind_set(wanted), btf.start_str_off, indexes, offsets)
    assert list(zip(indexes, offsets, strict=True)) == slow_names.named_below(plain(btf), wanted)


# ---- columns -------------------------------------------------------------------------------------------------


@many(chains())
def test_columns(btf):
    level, found = plain(btf), btf.columns
    letters = "".join(record.letters for record in level.own)
    assert list(found.ids) == [at for at, what in enumerate(letters) if what == "i"]
    assert list(found.names) == [at for at, what in enumerate(letters) if what == "n"]
    for index, (at, record) in enumerate(zip(btf.positions, level.own, strict=True)):
        ids = list(found.ids[found.id_starts[index] : found.id_starts[index + 1]])
        names_ = found.names[found.name_starts[index] : found.name_starts[index + 1]]
        assert (len(ids), len(names_)) == (len(record.all("i")), len(record.all("n")))
        assert [columns.id_place(btf.words, btf.table, at, number) for number in range(len(ids) + 2)] == [*ids, 0, 0]


@many(st.lists(st.integers(0, 20), max_size=12), st.integers(0, 20), st.integers(0, 20), st.data())
def test_replace_and_mark(values, low, more, data):
    """The loops over a column, beside what they say in words."""
    high, words = low + more, array("I", values)
    places = array("I", data.draw(st.lists(st.sampled_from(range(len(values))), unique=True)) if values else [])
    board = array("I", data.draw(st.lists(st.integers(0, 2), min_size=high + 1, max_size=high + 1)))
    marks = bytearray(more)
    columns.mark(words, places, low, high, marks)
    assert [low + k for k in range(more) if marks[k]] == sorted({values[p] for p in places if low <= values[p] < high})
    replaced = array("I", values)
    columns.replace(replaced, places, low, board, high, 100)
    new = {v: v - high + 100 if v >= high else board[v - low] if v >= low else v for v in values}
    assert list(replaced) == [new[v] if p in places else v for p, v in enumerate(values)]
    found, before = [], list(board)
    columns.missing(words, places, high, board, found)
    assert found == [*dict.fromkeys(values[p] for p in places if 0 < values[p] < high and before[values[p]] == 0)]
    asked = array("I", values)
    columns.look_up(asked, places, {v: v + 1 for v in range(10)}, lambda v: v + 2)
    assert list(asked) == [(v + 1 if v < 10 else v + 2) if v and p in places else v for p, v in enumerate(values)]
    first = columns.first_from(words, places, low)
    assert first == next((p for p in places if values[p] >= low), len(values))


# ---- graph -----------------------------------------------------------------------------------------------------


@many(chains(), st.sampled_from((0, 1, 2)), st.data())
def test_reach(btf, policy, data):
    """One level alone: what its own types reach, in it and below."""
    level = plain(btf)
    ways = data.draw(st.lists(st.integers(0, 3), min_size=len(level.own), max_size=len(level.own)))
    levels, below = bytearray(ways), []
    stack = [index for index, way in enumerate(ways) if way]
    graph.reach(*words_of(btf), btf.table, btf.start_id, levels, stack, below, policy)
    reached = slow_graph.reach(level, dict(zip(level.own_ids, ways, strict=True)), policy, level.own_ids)
    assert stack == []
    assert list(levels) == [reached.get(type_id, 0) for type_id in level.own_ids]
    assert {packed >> 2: packed & 3 for packed in sorted(below)} == {
        type_id: way for type_id, way in reached.items() if type_id < btf.start_id
    }
    kept, bare = [], []
    graph.whole(*words_of(btf), levels, policy, kept, bare)
    assert tuple([btf.start_id + index for index in found] for found in (kept, bare)) == slow_graph.whole(
        level, reached, policy
    )


@many(chains(), st.sampled_from((0, 1, 2)), st.booleans(), st.data())
def test_close(btf, policy, asked, data):
    """The whole chain, as the minimizer goes through it."""
    level = plain(btf)
    roots = data.draw(st.sets(st.integers(1, len(btf) - 1), max_size=3))
    selection = Selection(btf.chain)
    close(selection, [(btf, type_id) for type_id in sorted(roots)], POLICIES[policy], asked=asked)
    reached = slow_graph.reach(level, dict.fromkeys(roots, 3 if asked else 2), policy, range(len(btf)))
    kept = {type_id: elements for layer in btf.chain for type_id, elements in selection.kept[layer].items()}
    whole = {type_id: slow_graph.is_whole(level, type_id, way, policy) for type_id, way in reached.items()}
    assert kept == {type_id: WHOLE if all_ else set() for type_id, all_ in whole.items()}


@many(chains())
def test_references_below(btf):
    assert set(by_references_of(btf)) == slow_graph.references_below(plain(btf)) - {0}


# ---- compact ---------------------------------------------------------------------------------------------------


@many(chains(), st.data())
def test_compact(btf, data):
    level = plain(btf)
    kept = {}
    for type_id in data.draw(st.sets(st.integers(1, len(btf) - 1))):
        record = level.types[type_id]
        if record.kind in (STRUCT, UNION, spec.ENUM, spec.ENUM64, spec.DATASEC) and data.draw(st.booleans()):
            items = list(range(len(record.elements)))
            kept[type_id] = data.draw(st.sets(st.sampled_from(items))) if items else set()
        else:
            kept[type_id] = WHOLE
        if record.kind == FUNC:
            kept.setdefault(record.words[2], WHOLE)
    selection = Selection(btf.chain)
    for type_id, elements in kept.items():
        selection.kept[btf.locate(type_id)[0]][type_id] = elements
    if not all(level.kind(type_id) in SHAPES for type_id in kept):
        with pytest.raises(UnsupportedError):
            compact(selection)
        return
    done = compact(selection)
    expected, ids, _ = slow_compact.compact(level, kept)
    assert [(list(done[layer].btf.words), bytes(done[layer].btf.strings)) for layer in btf.chain] == expected
    assert dict(done[btf].ids.items()) == ids


def test_compact_refuses_kind_0():
    """A layout section can tell the size of kind 0 too; what its words mean is as unknown."""
    btf = Btf.from_bytes(encode([1, 0, 0, 1, 1], b"\0a\0", bytes((8, 0, 0, 0))))
    selection = Selection(btf.chain)
    selection.add(btf, 1)
    with pytest.raises(UnsupportedError):
        compact(selection)


# ---- append ----------------------------------------------------------------------------------------------------


@many(chains(unknown=False, max_types=8), chains(unknown=False, max_types=8), st.data())
def test_append(first, other, data):
    """BTFs without a base, of either byte order, behind one that may be split."""
    other = other.chain[0]
    more = other if data.draw(st.booleans()) else first.chain[0]
    btf, maps = append(first, other, more)
    assert (list(btf.words), bytes(btf.strings)) == slow_append.append(plain(first), plain(other), plain(more))
    assert [maps[0][old] for old in (0, 1, len(other))] == [0, len(first), 0]
    assert dict(maps[1].items()) == {old: len(first) + len(other.positions) + old - 1 for old in range(1, len(more))}


@many(btfs(max_types=8) | valid_chains(max_types=5), st.data())
def test_append_splits(below, data):
    """Splits on one base behind that base, or behind another split on it."""
    splits = [data.draw(oddities(data.draw(btfs(below.byte_order, below, 6)), below, b"")) for _ in range(2)]
    for first, others in ((below, splits), (splits[0], splits)):
        btf, _ = append(first, *others)
        expected = slow_append.append(plain(first), *map(plain, others), shared=len(below))
        assert (list(btf.words), bytes(btf.strings)) == expected


# ---- permute ---------------------------------------------------------------------------------------------------


@many(named() | chains(unknown=False), st.data())
def test_permute(btf, data):
    level = plain(btf)
    assert by_name(btf) == slow_permute.by_name(level)
    order = data.draw(st.permutations(btf.own_ids))
    new, ids = permute(btf, order)
    expected = {old: btf.start_id + place for place, old in enumerate(order)}
    assert {old: ids[old] for old in range(len(btf))} == {**{old: old for old in range(btf.start_id)}, **expected}
    whole = [*range(btf.start_id), *(expected[old] for old in btf.own_ids)]
    assert list(new.words) == slow_permute.permuted(level, order, whole)
    back, again = permute(new, [ids[old] for old in btf.own_ids])
    assert back.to_bytes() == btf.to_bytes()
    assert all(again[ids[old]] == old for old in range(len(btf)))
    assert permute(btf, ids)[0].to_bytes() == new.to_bytes()


@many(chains(unknown=False), st.data())
def test_splits_follow(btf, data):
    assume(btf.base is not None)
    base = btf.base
    order = data.draw(st.permutations(base.own_ids))
    new, ids = permute(base, order)
    moved = follow(btf, base, new, ids)
    whole = [ids[old] for old in range(len(base))] + list(btf.own_ids)
    assert list(moved.words) == slow_permute.permuted(plain(btf), btf.own_ids, whole)
    both = sort(base, [btf])
    its = both.split_ids[0]
    assert list(both.splits[0].words) == slow_permute.permuted(
        plain(btf), by_name(btf), [its[i] for i in range(len(btf))]
    )
    assert sorted(its[old] for old in range(len(btf))) == list(range(len(btf)))


# ---- rebase ----------------------------------------------------------------------------------------------------


@many(chains(unknown=False))
def test_distill(btf):
    assume(btf.base is not None)
    small = distill(btf)
    found = [(list(layer.words), bytes(layer.strings)) for layer in small.btf.chain]
    assert found == [*slow_distill.distill(plain(btf))]


@many(chains())
def test_uses(btf):
    marks = bytearray(btf.start_id)
    hot_rebase.uses(*words_of(btf), btf.columns.ids, btf.columns.id_starts, btf.start_id, marks)
    bits = {"referred": hot_rebase.REFERRED, "embedded": hot_rebase.EMBEDDED, "passed": hot_rebase.PASSED}
    expected = slow_distill.uses(plain(btf))
    assert list(marks[1:]) == [sum(bits[way] for way in expected[i]) for i in range(1, btf.start_id)]


@many(named() | chains(), st.data())
def test_name_index(btf, data):
    level = plain(btf)
    name = some_name(data, level)
    expected = [i for i in range(1, len(btf)) if level.kind(i) in slow_distill.LEAVES and level.name(i) == name]
    assert NameIndex(btf).find(name) == expected


@many(st.data())
def test_match_and_rebase(data):
    """A distilled split, or any other, and a new base that shares some of the names."""
    split = data.draw(chains("little", unknown=False))
    assume(split.base is not None)
    if data.draw(st.booleans()):
        split = distill(split).btf
    new = data.draw(chains("little", max_types=14, most=1, unknown=False))
    assume(known(plain(new)))
    level, there = plain(split), plain(new)
    old = SimpleNamespace(types=level.types[: level.first_id], own_ids=range(1, level.first_id), name=level.name)
    index, flat = NameIndex(new), Flat(split.base)
    index.most = data.draw(st.sampled_from((0, 1, index.most)))  # so that the table of crowded names answers too
    uses = slow_distill.uses(level)
    marks = bytearray(split.start_id)
    hot_rebase.uses(*words_of(split), split.columns.ids, split.columns.id_starts, split.start_id, marks)
    held = {i for i, ways in uses.items() if ways & {"embedded", "passed"}}
    wanted = {i for i, ways in uses.items() if ways and i}
    embedded = {i for i, ways in uses.items() if "embedded" in ways}
    for upstream in (True, False):
        hard, full = [], []
        mapped = index.match(flat, marks, upstream, hard, full)
        expected, without = (
            slow_match.upstream(old, there, embedded) if upstream else slow_match.strict(old, there, wanted, held)
        )
        assert dict(enumerate(mapped[1:], 1)) == expected
        assert hard == sorted(without)
        told = {i for i in old.own_ids if slow_distill.is_leaf(level, i) and old.types[i].elements}
        told -= {i for i in told if level.kind(i) == spec.ENUM64} if upstream else told - wanted
        assert full == sorted(told)
    assume(not any(i < level.first_id for r in level.own if r.kind == FUNC for i in r.all("i")))
    moved = rebase(split, flat, mapped, Flat(new)).btf
    after = plain(moved)
    said = slow_distill.rebased(level, {old_id: new_id for old_id, new_id in expected.items() if new_id}, there)
    assert slow_distill.rebased(after, {i: i for i in range(1, after.first_id)}, there) == said


# ---- pairs -----------------------------------------------------------------------------------------------------


@many(st.data())
def test_pairs(data):
    """The loop of the proof and its judge: what one lets pass, so does the other, whatever was done to the result."""
    split = data.draw(chains("little", unknown=False))
    assume(split.base is not None)
    assume(
        not any(
            layer.word(f, 2) < layer.start_id for layer in split.chain for f in layer.own_ids if layer.kind(f) == FUNC
        )
    )
    policy = data.draw(st.sampled_from(("distilled", "by-value", "full")))
    after = distill(split, policy).btf
    if data.draw(st.booleans()):
        split, after = after, split
    if data.draw(st.integers(0, 3)):
        after = data.draw(somewhere_else(after))
    how = {
        "contents": data.draw(st.sampled_from(("none", "embedded", "all"))),
        "definitions": data.draw(st.sampled_from(("none", "by-value", "full"))),
    }
    assert outcome(split, after, how) == outcome(split, after, how, judge=True)


@st.composite
def somewhere_else(draw, split):
    """`split`, with a few words of it or of its base changed."""
    base = split.base
    if draw(st.booleans()):
        return draw(oddities(split, base, b""))
    try:
        return Btf.from_bytes(split.to_bytes(), draw(oddities(base, base.base, b"")))
    except BtfError:
        return split


def outcome(before, after, how, *, judge=False):
    """Whether `after` is proven; with `judge` without the loop."""
    with pytest.MonkeyPatch.context() as patch:
        if judge:
            patch.setattr(reconciled._Walk, "_prove", lambda walk, below, above: walk._judge_all())
        try:
            return bool(reconciled.compare(before, after, **how))
        except BtfError as error:
            return str(error)


@many(chains() | valid_chains(), chains() | valid_chains(), st.booleans())
def test_identity(old, new, same):
    """Keys of the types of two BTFs are equal where the slow ones are; `differing` counts what is alone and equal."""
    new = old if same else new
    numbers, slow_numbers = interner(), {}
    sides = [(Identities(btf, numbers), slow_identity.Identities(btf, slow_numbers)) for btf in (old, new)]
    for question in "reference", "definition":
        keys = []
        for fast, slow in sides:
            assert fast.tags == slow.tags
            for type_id in range(question == "definition", len(fast.btf)):
                keys.append((_key(fast, question, type_id), _key(slow, question, type_id)))
        assert len({fast for fast, _ in keys}) == len({slow for _, slow in keys}) == len(set(keys))
    grouped = [_by_name(slow) for _, slow in sides]
    ids = [sorted(i for key in side for i in side[key]) for side in grouped]
    counts = {}
    for key in grouped[0].keys() & grouped[1].keys():
        (a, *more), (b, *others) = grouped[0][key], grouped[1][key]
        if not more and not others:
            if "deep" in (keys_of := {_key(slow, "definition", i) for (_, slow), i in zip(sides, (a, b), strict=True)}):
                return
            if len(keys_of) == 1:
                counts[key[0]] = counts.get(key[0], 0) + 1
                ids[0].remove(a)
                ids[1].remove(b)
    assert sides[0][0].differing(sides[1][0]) == (counts, *ids)


def _key(side, question, type_id):
    try:
        return getattr(side, question)(type_id)
    except (slow_identity.TooDeep, FormatError):
        return "deep"


def _by_name(side):
    """The own types with a name, by class and name."""
    found = {}
    for type_id in side.btf.own_ids:
        kind = CLASSES.get(side.btf.kind(type_id))
        if kind is not None and side.btf.word(type_id, 0):
            found.setdefault((kind, side.btf.string(side.btf.word(type_id, 0))), []).append(type_id)
    return found


def test_names_of_different_lengths_are_different():
    texts = [b"", b"a", b"a\1", b"abcd", b"abc", b"abcde", b"abcdefgh", b"\x80", b"a" * 5000]
    numbers = Interner(3)
    found = [numbers.text(text + b"\0", 0) for text in texts]
    assert len(set(found)) == len(texts) == numbers.count
    assert [numbers.text(b"x" + text + b"\0", 1) for text in texts] == found
    many = [numbers.text(b"%d\0" % i, 0) for i in range(5000)]
    assert [numbers.text(b"%d\0" % i, 0) for i in range(5000)] == many
    assert len(set(many + found)) == 5000 + len(texts)
