"""Reconciling: the matrix of candidates under both sets of rules, the defects of upstream that strict has not, what
errors tell."""

import pickle

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.errors import ChainError
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import NameIndex, ReconcileError, reconcile, verdicts
from reconcile_cases import CASES, case


def answer(split, new, ids, rules):
    try:
        result = reconcile(split, new, rules)
    except ReconcileError as error:
        (finding,) = error.findings
        return finding.reason
    assert result.btf.base is new
    return ids.index(result.ids[1])


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(("distilled", "how", "new", "upstream", "strict"), CASES)
def test_matrix(distilled, how, new, upstream, strict, order):
    split, target, ids = case(distilled, how, new, order)
    before = split.to_bytes()
    assert answer(split, target, ids, "upstream") == upstream
    assert answer(split, target, ids, "strict") == strict
    assert split.to_bytes() == before
    if isinstance(strict, int):
        assert compare(split, reconcile(split, target).btf)
    both = verdicts(split, target)
    assert both.differ == (isinstance(upstream, int) != isinstance(strict, int))


@pytest.fixture(params=["little", "big"])
def order(request):
    return request.param


def device(order, *, size=64, lock=8, extra=(), lock_at=64):
    """A kernel: struct lock within struct device, an enum, char."""
    b = Builder(order=order)
    for name, bytes_ in extra:
        b.struct(name, bytes_)
    integer = b.int("int", 4, encoding=spec.INT_SIGNED)
    inner = b.struct("lock", lock, [("owner", integer, 0)])
    b.struct("device", size, [("id", integer, 0), ("lock", inner, lock_at), ("next", b.ptr(b.next_id + 1), 256)])
    b.enum("state", [("OFF", 0), ("ON", 1)])
    b.int("char", 1)
    return b.build()


def module(base, **kwargs):
    b = Builder(base)
    name = base.find("struct device").id
    holder = b.struct("inner", 72, [("dev", name, 0), ("state", base.find("state").id, 512)])
    b.struct("mine", 160, [("head", base.find("int").id, 0), ("in", b.array(holder, base.find("int").id, 2), 64)])
    b.var("text", b.const(base.find("char").id))
    return b.build()


def test_ids_and_meaning(order):
    base = device(order)
    small = distill(module(base))
    new = device(order, extra=[("added", 4), ("more", 8)])
    result = reconcile(small.btf, new)
    assert result.btf.find("mine").id == len(new) + 2
    whole = small.ids | result.ids
    assert whole[base.find("struct device").id] == new.find("struct device").id
    assert whole[len(base)] == len(new)
    assert compare(module(base), result.btf, contents="none")
    assert not result.report.notes
    assert not result.report.carried


def test_a_finding_tells_where(order):
    small = distill(module(device(order))).btf
    with pytest.raises(ReconcileError) as error:
        reconcile(small, device(order, size=80))
    (finding,) = error.value.findings
    assert (finding.reason, finding.name, finding.size, finding.sizes) == ("size-differs", "device", 64, (80,))
    assert finding.embedded
    assert finding.path == "struct inner.dev"
    assert "64 bytes then, 80 now, held by value in struct inner.dev" in str(error.value)
    assert isinstance(error.value, ChainError)
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value)
    assert again.findings[0].path == finding.path


def test_plain_char_is_taken_along(order):
    base = device(order)
    new = Builder(order=order)
    for type_ in list(base)[1:]:
        if type_.name == "char":
            new.int("char", 1, encoding=spec.INT_SIGNED)
        else:
            words = list(type_.words)
            if type_.kind == spec.INT:
                new.int(type_.name, 4, encoding=spec.INT_SIGNED)
            elif type_.kind == spec.STRUCT:
                members = [(m.name, m.type_id, m.bit_offset) for m in type_.members]
                new.struct(type_.name, type_.size, members)
            elif type_.kind == spec.ENUM:
                new.enum(type_.name, [(e.name, e.value) for e in type_.enumerators])
            else:
                new.record(type_.kind, type_.name, words[2])
    small = distill(module(base)).btf
    target = new.build()
    result = reconcile(small, target)
    assert result.report.carried == ("char",)
    own = result.btf[len(result.btf) - 1]
    assert (own.name, own.encoding) == ("char", 0)
    assert result.btf.find("text", spec.VAR).type.type_id == own.id
    assert compare(module(base), result.btf, contents="none")
    both = result.report.verdicts
    assert both.differ
    assert both.upstream[0].reason == "encoding-differs"
    assert "upstream: rejected (char: of another signedness" in str(both)


def test_bad_input(order):
    base = device(order)
    other = device("big" if order == "little" else "little")
    small = distill(module(base)).btf
    for split, new, rules, reason in (
        (base, base, "strict", "no-base"),
        (base, base, "upstream", "no-base"),
        (module(base), device(order), "strict", "not-distilled"),
        (module(base), device(order), "upstream", "not-distilled"),
        (small, other, "strict", "byte-order"),
        (small, small.base, "upstream", "same-base"),
    ):
        if reason == "not-distilled":
            split = Builder(base)
            split.const(next(t.id for t in base if t.kind == spec.PTR))
            split = split.build()
        with pytest.raises(ReconcileError) as error:
            reconcile(split, new, rules)
        assert error.value.findings[0].reason == reason
    with pytest.raises(ValueError, match="rules"):
        reconcile(small, base, "other")
    assert reconcile(small, small.base).btf.to_bytes() == small.to_bytes()


def test_another_pointer_size(order):
    def kernel(size):
        b = Builder(order=order)
        b.int("long", size)
        return b

    base = kernel(8)
    base.struct("foo", 8)
    base = base.build()
    b = Builder(base)
    b.ptr(2)
    new = kernel(4)
    new.struct("foo", 4)
    with pytest.raises(ReconcileError) as error:
        reconcile(distill(b.build()).btf, new.build())
    assert error.value.findings[0].reason == "pointer-size"


def test_a_name_of_no_type(order):
    """FORMAT 7.4: upstream knows only the names of matched types (and has rewritten ids by then)."""
    b = Builder(order=order)
    b.name("stray")
    foo = b.struct("foo", 4)
    b = Builder(b.build())
    b.struct("stray", 4, [("m", foo, 0)])
    split = b.build()
    assert split.string(split.word(2, 0)) == b"stray"
    assert split.word(2, 0) < split.start_str_off
    new = Builder(order=order)
    new.struct("foo", 4)
    new = new.build()
    with pytest.raises(ReconcileError) as error:
        reconcile(split, new, "upstream")
    assert error.value.findings[0].reason == "string-unknown"
    assert reconcile(split, new).btf.name(2) == "stray"


def test_new_base_of_several_levels(order):
    """FORMAT 7.5: upstream counts with the header of the last level only."""
    lower = device(order)
    b = Builder(lower)
    b.struct("upper", 4, [("x", lower.find("int").id, 0)])
    upper = b.build()
    b = Builder(upper)
    b.struct("mine", 128, [("dev", lower.find("struct device").id, 0), ("u", upper.find("upper").id, 512)])
    split = b.build()
    small = distill(split).btf
    assert small.base.base is None
    for rules in ("strict", "upstream"):
        result = reconcile(small, NameIndex(upper), rules)
        assert result.btf.base is upper
        assert compare(split, result.btf, contents="all")
        assert result.btf.find("mine").members[1].type.name == "upper"


def test_candidates_told_apart_by_content(order):
    def kernel(*names):
        b = Builder(order=order)
        b.int("int", 4)
        for name in names:
            b.struct("foo", 4, [(name, 1, 0)])
        return b.build()

    base = kernel("right")
    b = Builder(base)
    b.struct("mine", 4, [("m", 2, 0)])
    new = kernel("wrong", "right", "other")
    with pytest.raises(ReconcileError) as error:
        reconcile(distill(b.build()).btf, new)
    assert error.value.findings[0].reason == "ambiguous"
    assert error.value.findings[0].candidates == (2, 3, 4)
    assert reconcile(distill(b.build(), "by-value").btf, new).ids[2] == 3
