"""Laws of appending, sorting and merging: the meaning stays, and so do the answers."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.judges.answers import compare
from btfkit.judges.structure import structure
from btfkit.passes.append import append
from btfkit.passes.dedup import dedup
from btfkit.passes.features import NAMES
from btfkit.passes.merge import BASE, merge
from btfkit.passes.permute import follow, permute, sort
from btfkit.passes.sanitize import sanitize
from objects import Choose, reread, scene
from strategies import btfs, chains, orders


@st.composite
def scenes(draw, **options):
    return scene(Choose.drawn(draw), **options)


def record(btf, type_id, ids=lambda type_id: type_id):
    """One type with names in place of offsets, and its ids as `ids` has them."""
    layer, at = btf.locate(type_id)
    places = dict(references(layer.words, at, layer.table))
    show = {"name": layer.string, "type": ids, None: lambda word: word}
    return [show[places.get(at + slot)](word) for slot, word in enumerate(btf[type_id].words)]


@st.composite
def kernels(draw):
    """A base and up to three splits on it."""
    base = draw(btfs(draw(orders), max_types=12))
    return base, [draw(btfs(base.byte_order, base, max_types=8)) for _ in range(draw(st.integers(0, 3)))]


@given(kernels())
def test_append_then_apart_again(kernel):
    """Each type is in its place, in the base's byte order, and says what it said."""
    base, splits = kernel
    btf, maps = append(base, *splits)
    assert len(btf) == len(base) + sum(len(split.own_ids) for split in splits)
    assert [record(btf, i) for i in range(1, len(base))] == [record(base, i) for i in range(1, len(base))]
    at = len(base)
    for split, ids in zip(splits, maps, strict=True):
        assert [ids[old] for old in split.own_ids] == list(range(at, at + len(split.own_ids)))
        for old in split.own_ids:
            assert record(btf, ids[old]) == record(split, old, ids.translate())
        at += len(split.own_ids)
    assert not [f for f in structure(reread(btf)) if f.severity == "error"]


@given(btfs(max_types=12), st.integers(1, 3))
def test_copies_dedup_to_one(btf, copies):
    many, _ = append(btf, *[btf] * copies)
    once = dedup(btf).btf
    things = sum(1 for type_ in btf.types() if type_.kind in (spec.VAR, spec.DATASEC))
    if not things:
        assert dedup(many).btf.to_bytes() == once.to_bytes()


@given(chains(max_types=10), st.data())
def test_a_permutation_there_and_back(split, data):
    """With the base permuted and the split following, twice, everything is as it was."""
    base = split.base
    new, ids = permute(base, data.draw(st.permutations(base.own_ids)))
    both = sort(new, [reread(follow(split, base, new, ids), new)])
    its = both.split_ids[0]
    for old in range(1, len(base)):
        assert record(both.btf, both.ids[ids[old]]) == record(base, old, lambda i: both.ids[ids[i]])
    whole = lambda old: its[ids[old] if old < len(base) else old]  # noqa: E731
    for old in split.own_ids:
        assert record(both.splits[0], whole(old)) == record(split, old, whole)
    names = [both.splits[0].string(both.splits[0].word(i, 0)) for i in both.splits[0].own_ids]
    assert names == sorted(names)


@given(chains(max_types=10))
def test_sorted_or_not_makes_no_difference(split):
    """Dedup, merge and look-ups give the same up to ids."""
    result = sort(split.base, [split])
    one, other = merge(split.base, [split]), merge(result.btf, result.splits)
    assert sorted(map(str, described(one.btf))) == sorted(map(str, described(other.btf)))
    for type_ in split.types():
        if type_.name:
            found = {result.split_ids[0][i] for i in split.find_ids(type_.name)}
            assert set(result.splits[0].find_ids(type_.name)) == found


def described(btf):
    return [(type_.kind_name, type_.name, type_.vlen) for type_ in btf.types()]


@given(kernels(), st.booleans())
def test_maps_of_merged_types(kernel, deduped):
    """Every type of every input is there: its record, with the new ids, or what it declares."""
    base, modules = kernel
    done = merge(base, modules, dedup=deduped)
    assert done.btf.base is None
    assert done.before == (len(base) - 1, *(len(module.own_ids) for module in modules))
    for one, ids in zip((base, *modules), done.ids, strict=True):
        for old in range(1, len(one)):
            new = done.btf[ids[old]]
            kinds = {one.kind(old), new.kind}
            if len(kinds) == 1 and not (kinds <= spec.ENUMS and not one[old].vlen):
                assert record(done.btf, new.id) == record(one, old, ids.translate())
            else:
                assert one.kind(old) in (spec.FWD, *spec.ENUMS)
                assert one.name(old) == new.name
    for double in done.doubles:
        assert len(double.types) > 1
        for origin in double.types:
            assert origin.inputs
            for name, ids in zip(done.names, done.ids, strict=True):
                if name in origin.inputs:
                    assert origin.type_id in [new for _, new in ids.items()]


def answered(kernel, objects, done):
    target = Target(kernel.vmlinux, kernel.modules)
    return compare(objects, relocate(objects, target), target, Target(reread(done.btf)), merged=True).differences


def only_the_preferred(kernel, done):
    """Whether no name of INTs or FLOATs, which keep it, is left with several types of which some are the base's."""
    return all(double.is_of_base or BASE not in double.types[0].inputs for double in done.doubles)


@given(scenes())
def test_answers_on_a_merged_file(kernel):
    """With vmlinux preferred, they are those on the chain; without, they are where names are unique."""
    objects = kernel.objects
    done = merge(kernel.vmlinux, kernel.modules, dedup=False, prefer=BASE)
    if only_the_preferred(kernel, done):
        assert answered(kernel, objects, done) == []
    plain = merge(kernel.vmlinux, kernel.modules, dedup=False)
    if all(double.is_of_base for double in plain.doubles):
        assert answered(kernel, objects, plain) == []


@given(scenes())
def test_answers_on_a_merged_and_deduped_file(kernel):
    """The same, where no declaration finds its definition only through the merge."""
    layers = (kernel.vmlinux, *kernel.modules)
    assume(not any(type_.kind == spec.FWD for layer in layers for type_ in layer.types(own=True)))
    assume(not any(type_.kind in spec.ENUMS and not type_.vlen for layer in layers for type_ in layer.types(own=True)))
    done = merge(kernel.vmlinux, kernel.modules, prefer=BASE)
    if only_the_preferred(kernel, done):
        assert answered(kernel, kernel.objects, done) == []


@given(chains(max_types=12), st.sets(st.sampled_from(NAMES)))
def test_sanitized(split, without):
    """It can be read, twice is once, ids stay in their order, and what is meant to go is gone."""
    result = sanitize(split, without)
    new = result.btf
    base = reread(new.base)
    again = reread(new, base)
    assert not [f for f in structure(again) if f.severity == "error" and "component" not in f.message]
    twice = sanitize(again, without)
    assert twice.btf.to_bytes() == new.to_bytes()
    assert twice.btf.base.to_bytes() == new.base.to_bytes()
    assert not twice.lost
    ids = [result.ids[old] for old in range(len(split))]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(split)
    gone = {"float": spec.FLOAT, "decl-tag": spec.DECL_TAG, "type-tag": spec.TYPE_TAG, "enum64": spec.ENUM64}
    gone |= {"datasec": spec.DATASEC}
    for feature, kind in gone.items():
        assert feature not in without or not any(True for _ in new.types(kind))
    if not without & {
        "names",
        "dots",
        "datasec",
        "section-names",
        "decl-tag",
        "float",
        "type-tag",
        "tag-order",
        "int128",
    }:
        for old, now in enumerate(ids):
            assert new.name(now) == split.name(old) if old else True
    for old, now in enumerate(ids):
        if old and split.kind(old) == new.kind(now) == spec.STRUCT:
            for before, after in zip(split[old].members, new[now].members, strict=True):
                becomes_int = (
                    "bitfields" in without and before.bits is not None
                )  # of that many bits, for the member alone
                assert ids[before.type_id] == after.type_id or becomes_int
