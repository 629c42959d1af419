"""Distill, then reconcile: the meaning stays on the same base, on a permuted one, on one with additions; an
incompatible change never succeeds in silence."""

from hypothesis import assume, given
from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.btf.btf import references
from btfkit.btf.build import Builder
from btfkit.judges.reconciled import compare
from btfkit.judges.structure import structure
from btfkit.passes.distill import POLICIES, distill
from btfkit.passes.reconcile import ReconcileError, reconcile, verdicts
from strategies import NAMES, btfs, orders

policies = st.sampled_from(POLICIES)
LEAVES = (spec.INT, spec.FLOAT, spec.FWD, *spec.COMPOSITES, *spec.ENUMS)


def rewritten(btf, order_of_ids, *, rename=None, extra=()):
    """`btf` (no base) with its types in another order, behind `extra` new structs; `rename(type)` may give another
    name."""
    place = {old: new for new, old in enumerate(order_of_ids, 1 + len(extra))} | {0: 0}
    builder = Builder(order=btf.byte_order)
    for name in extra:
        builder.struct(name, 1)
    for old in order_of_ids:
        type_ = btf[old]
        words = list(type_.words)
        for word, what in references(btf.words, type_.at, btf.table):
            slot = word - type_.at
            words[slot] = builder.name(btf.string(words[slot])) if what == "name" else place[words[slot]]
        name = (rename and rename(type_)) or type_.name
        builder.record(type_.kind, name, words[2], words[3:], vlen=type_.vlen, flag=type_.kind_flag)
    return builder.build(), place


def unique_names(btf):
    """`btf` with a number behind the name of every named leaf that has a namesake, so that names decide."""
    seen = set()

    def rename(type_):
        if type_.kind not in LEAVES or not type_.name:
            return None
        name = type_.name if type_.name not in seen else f"{type_.name}_{type_.id}"
        seen.add(name)
        return name

    return rewritten(btf, range(1, len(btf)), rename=rename)[0]


@st.composite
def modules(draw):
    base = unique_names(draw(btfs(draw(orders), max_types=25)))
    return draw(btfs(base.byte_order, base, max_types=15))


@given(modules(), policies)
def test_distilling_keeps_the_meaning(split, policy):
    small = distill(split, policy)
    assert compare(split, small.btf, contents="none" if policy == "distilled" else "embedded")
    # a tag on a member of a type of the base stays, though the base tells no members now (so it does with libbpf)
    assert not [f for f in structure(small.btf) if f.severity == "error" and "tags component" not in f.message]
    assert not [f for f in structure(small.base) if f.severity == "error"]
    for old, new in small.ids.items():
        fit = {split.kind(old), small.btf.kind(new)}
        assert len(fit) == 1 or fit == spec.ENUMS
        assert split.name(old) == small.btf.name(new)
    assert distill(split, policy).btf.to_bytes() == small.btf.to_bytes()
    again = distill(small.btf, policy)
    if policy == "distilled":
        assert again.btf.to_bytes()[24:] == small.btf.to_bytes()[24:]
        assert again.base.to_bytes()[24:] == small.base.to_bytes()[24:]


@given(modules(), policies)
def test_back_to_the_same_base(split, policy):
    small = distill(split, policy)
    back = reconcile(small.btf, split.base)
    assert compare(split, back.btf, contents="all")
    assert compare(small.btf, back.btf, contents="all")
    ids = small.ids | back.ids
    for old, new in ids.items():
        if old >= split.start_id or (split.kind(old) in LEAVES and split.name(old)):
            assert old == new


@given(modules(), policies, st.data())
def test_to_a_permuted_base_with_additions(split, policy, data):
    order = data.draw(st.permutations(range(1, len(split.base))))
    new, place = rewritten(split.base, order, extra=data.draw(st.sampled_from(((), ("added",), ("added", "more")))))
    small = distill(split, policy)
    back = reconcile(small.btf, new)
    assert compare(split, back.btf, contents="all")
    assert not back.report.notes
    for old, now in (small.ids | back.ids).items():
        if old < split.start_id and split.kind(old) in LEAVES and split.name(old):
            assert now == place[old]


@given(modules(), policies, st.data())
def test_an_incompatible_change_never_succeeds_in_silence(split, policy, data):
    """Take a leaf that the split uses, and remove it, or give it another kind or size."""
    base = split.base
    small = distill(split, policy)
    used = [old for old in small.ids if old < split.start_id and base.kind(old) in LEAVES and base.name(old)]
    assume(used)
    victim = data.draw(st.sampled_from(used))
    change = data.draw(st.sampled_from(("removed", "kind", "size")))
    kind, flag = base.kind(victim), base[victim].kind_flag
    builder = Builder(order=base.byte_order)
    for type_ in list(base)[1:]:
        words, name = list(type_.words), type_.name
        for word, what in references(base.words, type_.at, base.table):
            if what == "name":
                words[word - type_.at] = builder.name(base.string(base.words[word]))
        if type_.id != victim:
            builder.record(type_.kind, name, words[2], words[3:], vlen=type_.vlen, flag=type_.kind_flag)
        elif change == "removed":
            builder.record(type_.kind, "another", words[2], words[3:], vlen=type_.vlen, flag=type_.kind_flag)
        elif change == "kind":
            other = {spec.STRUCT: spec.UNION, spec.UNION: spec.STRUCT}.get(kind, spec.FLOAT)
            other = (spec.STRUCT if flag else spec.UNION) if kind == spec.FWD else other
            other = spec.STRUCT if kind == spec.FLOAT else other
            builder.record(other, name, words[2])
        else:
            builder.record(type_.kind, name, words[2] + 8, words[3:], vlen=type_.vlen, flag=type_.kind_flag)
    new = builder.build()
    both = verdicts(small.btf, new)
    if not both.strict:
        result = reconcile(small.btf, new)
        assert change == "size"
        assert kind in (*spec.COMPOSITES, spec.FWD)  # a FWD has no size; behind a pointer a size does not matter
        assert compare(small.btf, result.btf)
        assert compare(split, result.btf, contents="none")


@given(
    btfs(max_types=25).flatmap(
        lambda base: st.tuples(btfs(base.byte_order, base, max_types=15), btfs(base.byte_order))
    ),
    policies,
)
def test_success_is_always_proven(pair, policy):
    """Any module, any other kernel, names that several types share: what strict accepts, the proof accepts."""
    split, new = pair
    small = distill(split, policy)
    for target in (new, split.base):
        before = small.btf.to_bytes()
        for rules in ("strict", "upstream"):
            try:
                result = reconcile(small.btf, target, rules)
            except ReconcileError as error:
                told = error.findings and str(error)
                assert told
            else:
                assert rules == "upstream" or compare(small.btf, result.btf)
        assert small.btf.to_bytes() == before


def test_names_of_the_strategy_are_shared():
    assert len(NAMES) < 25  # so that `modules` needs `unique_names`, and `test_success_is_always_proven` has namesakes
