"""`minimize` on kernels made by hand: each case of FORMAT.md 4.6 that makes bpftool's output answer otherwise, or fail.

"The answers stay" always means: of every relocation alone, by `judges/answers.py`, on the bytes that would be written.
"""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.target import Target
from btfkit.errors import ChainError, NotFoundError, UnsupportedError
from btfkit.judges.answers import compare
from btfkit.judges.structure import structure
from btfkit.passes.minimize import minimize
from objects import Program, reread


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


class Case:
    """A kernel and a program in the making, in one byte order."""

    def __init__(self, order):
        self.kernel = Builder(order=order)
        self.program = Program(order)
        self.types = self.program.types

    def cut(self, modules=(), vmlinux=None, **options):
        """Minimize, check the answers; returns the result."""
        vmlinux = vmlinux or self.kernel.build()
        obj = self.program.build()
        result = minimize(vmlinux, [obj], modules, **options)
        small = reread(result.btf)
        again = {result.btf: small}
        for found in (found for module in modules if (found := result.module(module))):
            again[found] = reread(found, again[found.base])
        kept = list(again.values())[1:]
        answers = compare([obj], result.outcomes, result.target, Target(small, kept))
        assert [str(difference) for difference in answers.differences] == []
        assert structure(small) == []
        assert all(structure(module) == [] for module in kept)
        assert result.btf.byte_order == vmlinux.byte_order
        return result

    def values(self, result):
        return [(outcome.status, outcome.value) for outcome in result.outcomes[0]]


@pytest.fixture
def case(order):
    return Case(order)


def shown(btf):
    """A BTF as a list of tuples: kind, name, third word or members."""
    rows = []
    for type_ in btf:
        if type_.id < btf.start_id or not type_.id:
            continue
        if type_.kind in spec.COMPOSITES:
            rows.append((type_.kind_name, type_.name, [(m.name, m.type_id, m.bit_offset) for m in type_.members]))
        elif type_.kind in spec.ENUMS:
            rows.append((type_.kind_name, type_.name, [(e.name, e.value) for e in type_.enumerators]))
        else:
            rows.append((type_.kind_name, type_.name, type_.words[2]))
    return rows


# ---- what is kept ------------------------------------------------------------------------------------------------


def test_only_what_is_read_stays(case):
    number, char = case.kernel.int("int", 4), case.kernel.int("char", 1)
    inner = case.kernel.struct("inner", 8, [("a", number, 0), ("b", number, 32)])
    alias = case.kernel.typedef("inner_t", case.kernel.const(inner))
    case.kernel.struct("unused", 4, [("u", number, 0)])
    case.kernel.struct("s", 24, [("x", char, 0), ("i", alias, 64), ("y", char, 128)])
    case.kernel.func("f", case.kernel.func_proto(0))
    number = case.types.int("int", 4)
    inner = case.types.struct("inner", 8, [("b", number, 0)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 8, [("i", inner, 0)]), "0:0:0")
    result = case.cut()
    # neither the typedef in between nor the other members; sizes and offsets are the old ones
    assert shown(result.btf) == [
        ("INT", "int", 4),
        ("STRUCT", "inner", [("b", 1, 32)]),
        ("STRUCT", "s", [("i", 2, 64)]),
    ]
    assert [type_.size for type_ in result.btf.types("STRUCT")] == [8, 24]
    ids = result.layers[result.target.vmlinux].ids
    assert (ids[1], ids[3], ids[7], ids[2]) == (1, 2, 3, 0)


def test_nothing_asked_nothing_kept(case):
    case.kernel.int("int", 4)
    result = case.cut()
    assert len(result.btf) == 1
    assert result.btf.to_bytes()[-1:] == b"\0"


def test_only_the_enumerators_that_are_asked(case):
    case.kernel.enum("e", [("A", 1), ("B", 2), ("C", 3)])
    e = case.types.enum("e", [("B", 0), ("X", 0)])
    for kind in (k.ENUMVAL_VALUE, k.ENUMVAL_EXISTS):
        for index in "01":
            case.program.relo(kind, e, index)
    assert shown(case.cut().btf) == [("ENUM", "e", [("B", 2)])]


def test_bitfields_keep_place_and_width(case):
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("a", number, 0, 3), ("b", number, 3, 7), ("c", number, 32, 0)])
    number = case.types.int("int", 4)
    root = case.types.struct("s", 8, [("b", number, 0, 7), ("c", number, 32, 0)])
    for kind in range(6):
        for member in (0, 1):
            case.program.relo(kind, root, f"0:{member}")
    result = case.cut()
    (struct,) = result.btf.types("STRUCT")
    assert [(m.name, m.bit_offset, m.bitfield_size) for m in struct.members] == [("b", 3, 7), ("c", 32, 0)]
    assert struct.kind_flag  # bpftool drops it where no bitfield is kept (4.6, 14)


# ---- FORMAT.md 4.6 -------------------------------------------------------------------------------------------------


def test_1_target_ids_follow_one_map(case):
    case.kernel.int("int", 4)
    case.kernel.struct("pad", 4)
    case.kernel.struct("s", 4)
    root = case.types.struct("s", 4)
    case.program.relo(k.TYPE_ID_TARGET, root)
    case.program.relo(k.TYPE_ID_TARGET, root)
    result = case.cut()
    assert case.values(result) == [("value", 3)] * 2
    assert result.layers[result.target.vmlinux].ids[3] == 1


def test_2_a_typedef_to_a_pointer_does_not_become_one_to_void(case):
    s = case.kernel.struct("s", 4)
    alias = case.kernel.typedef("T", case.kernel.ptr(s))
    case.kernel.struct("holder", 8, [("t", alias, 0)])
    void = case.types.typedef("T", case.types.ptr(0))
    case.program.relo(k.TYPE_EXISTS, void)
    case.program.relo(k.TYPE_SIZE, void)
    case.program.relo(k.TYPE_ID_TARGET, void)
    case.program.relo(k.BYTE_OFFSET, case.types.struct("holder", 8, [("t", void, 0)]), "0:0")
    case.program.relo(k.FIELD_EXISTS, void, "0")
    assert case.values(case.cut())[0] == ("value", 0)


def test_3_void_pointers_do_not_come_to_match(case):
    short = case.kernel.int("unsigned short", 2)
    case.kernel.struct("s", 8, [("p", case.kernel.ptr(short), 0)])
    root = case.types.struct("s", 8, [("p", case.types.ptr(0), 0)])
    case.program.relo(k.TYPE_MATCHES, root)
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    assert case.values(case.cut()) == [("value", 0), ("value", 0)]


@pytest.mark.parametrize("what", ["struct", "union"])
def test_4_zero_length_arrays_do_not_become_flexible(case, what):
    number = case.kernel.int("int", 4)
    marker = case.kernel.array(number, number, 0)
    big = case.kernel.struct("a_name_that_is_long", 64, [("m", number, 0)])
    at = 0 if what == "union" else 32
    members = [("x", number, 0), ("mark", marker, at), ("large", big, at), ("small", number, at and 96)]
    case.kernel.struct("s", 96, members, union=what == "union")
    number = case.types.int("int", 4)
    array = case.types.array(number, number, 8)
    root = case.types.struct("s", 96, [("mark", array, 0), ("x", number, 0)], union=what == "union")
    for access in ("0:0", "0:0:0", "0:0:3", "0:1"):
        case.program.relo(k.FIELD_EXISTS, root, access)
        case.program.relo(k.BYTE_OFFSET, root, access)
    result = case.cut()
    assert case.values(result)[2:6] == [("value", 0), ("missing", None)] * 2
    last = shown(result.btf)[-1][2]
    assert [name for name, *_ in last] == ["x", "mark", "small"]  # the cheapest that follows


def test_4_a_marker_that_nobody_asks_keeps_nothing(case):
    number = case.kernel.int("int", 4)
    marker = case.kernel.array(number, number, 0)
    case.kernel.struct("s", 8, [("x", number, 0), ("mark", marker, 32), ("y", number, 32)])
    number = case.types.int("int", 4)
    root = case.types.struct("s", 8, [("mark", case.types.array(number, number, 8), 0), ("x", number, 0)])
    case.program.relo(k.FIELD_EXISTS, root, "0:0:1")
    case.program.relo(k.BYTE_OFFSET, root, "0:1")
    assert [name for name, *_ in shown(case.cut().btf)[-1][2]] == ["x"]


def test_5_every_matching_candidate_is_kept(case):
    """A matches both, B only the second: libbpf's shrinking list has to find the same ones in the same order."""
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("a", number, 0)])
    case.kernel.struct("s", 8, [("a", number, 0), ("b", number, 32)])
    number = case.types.int("int", 4)
    root = case.types.struct("s", 8, [("a", number, 0), ("b", number, 32)])
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    case.program.relo(k.BYTE_OFFSET, root, "0:1")
    result = case.cut()
    assert [row for row in shown(result.btf) if row[0] == "STRUCT"] == [
        ("STRUCT", "s", [("a", 1, 0)]),
        ("STRUCT", "s", [("a", 1, 0), ("b", 1, 32)]),
    ]


def test_6_ambiguity_stays(case):
    number = case.kernel.int("int", 4)
    for offset in (0, 32):
        case.kernel.struct("s", 8, [("a", number, offset)])
    root = case.types.struct("s", 8, [("a", case.types.int("int", 4), 0)])
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    case.program.relo(k.TYPE_ID_TARGET, root)
    assert case.values(case.cut()) == [("ambiguous", None)] * 2


@pytest.mark.parametrize("size", [4, 8])
def test_7_the_pointer_size_stays(case, size):
    """Whoever reads the output on another machine has to know it; the cheapest INT that tells it is kept."""
    case.kernel.int("unsigned long int", size)
    case.kernel.int("long", size)
    case.kernel.struct("s", 8, [("p", case.kernel.ptr(0), 0)])
    root = case.types.struct("s", 8, [("p", case.types.ptr(0), 0)])
    case.program.relo(k.BYTE_SIZE, root, "0:0")
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    result = case.cut()
    assert case.values(result) == [("value", size), ("value", 0)]
    assert [type_.name for type_ in result.btf.types("INT")] == ["long"]
    assert result.btf.pointer_size == size


def test_7_without_pointers_it_need_not(case):
    number = case.kernel.int("int", 4)
    case.kernel.int("long", 8)
    case.kernel.struct("s", 8, [("x", number, 0)])
    case.program.relo(k.BYTE_SIZE, case.types.struct("s", 8, [("x", case.types.int("int", 4), 0)]), "0:0")
    assert [type_.name for type_ in case.cut().btf.types("INT")] == ["int"]


def test_7_contradicting_carriers(case):
    """The first decides; a cheaper one of another size must not come to be the first."""
    case.kernel.int("unsigned long int", 4)
    case.kernel.int("long", 8)
    case.kernel.struct("s", 8, [("p", case.kernel.ptr(0), 0)])
    case.program.relo(k.BYTE_SIZE, case.types.struct("s", 8, [("p", case.types.ptr(0), 0)]), "0:0")
    result = case.cut()
    assert case.values(result) == [("value", 4)]


def test_8_forward_declarations_and_type_tags(case):
    for b in (case.kernel, case.types):
        fwd = b.fwd("f")
        number = b.int("int", 4)
        t1 = b.typedef("t1", b.ptr(fwd))
        t2 = b.typedef("t2", b.ptr(b.func_proto(number, [("p", b.ptr(fwd))])))
        t3 = b.typedef("t3", b.ptr(b.type_tag("rcu", number)))
        s = b.struct("s", 8, [("p", b.ptr(b.type_tag("user", number)), 0)])
    for root in (fwd, t1, t2, t3, s):
        for kind in (k.TYPE_EXISTS, k.TYPE_ID_TARGET, k.TYPE_MATCHES):
            case.program.relo(kind, root)
    result = case.cut()
    assert [value for _, value in case.values(result)[::3]] == [1] * 5
    assert [value for _, value in case.values(result)[2::3]] == [1] * 5


def test_9_recursive_callbacks(case):
    for b in (case.kernel, case.types):
        b.struct("S", 8, [("fn", 2, 0)])
        b.ptr(3)
        b.func_proto(1, [("s", 1)])
    case.program.relo(k.TYPE_MATCHES, 1)
    result = case.cut()
    assert case.values(result) == [("value", 1)]
    assert len(result.btf) == 4


def test_10_a_failing_relocation_stops_nothing(case):
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 4, [("x", number, 0)])
    root = case.types.struct("s", 4, [("x", case.types.int("int", 4), 0)])
    case.program.relo(99, root, "0")
    case.program.relo(k.BYTE_OFFSET, root, "0:0:7")
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    assert case.values(case.cut()) == [("error", None), ("error", None), ("value", 0)]


def with_modules(case):
    """vmlinux with int and struct both; modules m1 (both, only), m2 (only, alone), m3 on m1 (high)."""
    number = case.kernel.int("int", 4)
    case.kernel.struct("pad", 4, [("x", number, 0)])
    case.kernel.struct("both", 4, [("z", number, 0)])
    vmlinux = case.kernel.build()
    one = Builder(vmlinux)
    one.struct("both", 8, [("x", number, 32)])
    one.struct("only", 8, [("x", number, 32)])
    one = one.build()
    two = Builder(vmlinux)
    two.struct("only", 16, [("x", number, 32), ("y", number, 64)])
    two.struct("alone", 8, [("p", number, 0)])
    two = two.build()
    three = Builder(one)
    three.struct("high", 16, [("o", len(vmlinux) + 1, 0), ("h", len(vmlinux), 64)])
    return vmlinux, [one, two, three.build()]


def ask(case, *names):
    number = case.types.int("int", 4)
    for name in names:
        case.program.relo(k.BYTE_OFFSET, case.types.struct(name, 8, [("x", number, 0)]), "0:0")


def test_12_modules_are_cut_together_with_vmlinux(case):
    vmlinux, modules = with_modules(case)
    ask(case, "only")
    result = case.cut(modules, vmlinux)
    assert case.values(result) == [("value", 4)]
    assert result.used == tuple(modules[:2])
    assert shown(result.btf) == [("INT", "int", 4)]
    assert shown(result.module(modules[0])) == [("STRUCT", "only", [("x", 1, 32)])]
    assert shown(result.module(modules[1])) == [("STRUCT", "only", [("x", 1, 32)])]
    assert result.module(modules[2]) is None
    assert result.module(modules[0]).base is result.btf


def test_12_what_vmlinux_has_hides_modules(case):
    """`both` is in vmlinux without the member: the module's must not come to be asked."""
    vmlinux, modules = with_modules(case)
    ask(case, "both")
    result = case.cut(modules, vmlinux)
    assert case.values(result) == [("missing", None)]
    assert result.used == ()


def test_12_a_hidden_type_of_a_module_that_stays(case):
    vmlinux, modules = with_modules(case)
    ask(case, "both", "only")
    result = case.cut(modules, vmlinux, keep_types=[], closure=None)
    assert result.module(modules[0]).find_id("both") is None
    result = case.cut(modules, vmlinux, keep_refs_of=[modules[2]])
    assert result.module(modules[0]).find_id("struct both") is not None
    assert result.btf.find_id("struct both") is not None  # hides it, as before


def test_splits_on_splits(case):
    vmlinux, modules = with_modules(case)
    number = case.types.int("int", 4)
    only = case.types.struct("only", 8, [("x", number, 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("high", 8, [("o", only, 0)]), "0:0:0")
    result = case.cut(modules, vmlinux)
    assert case.values(result) == [("value", 4)]
    assert result.module(modules[2]).base is result.module(modules[0])
    assert shown(result.module(modules[2])) == [("STRUCT", "high", [("o", 2, 0)])]


def test_all_modules(case):
    vmlinux, modules = with_modules(case)
    ask(case, "pad")
    result = case.cut(modules, vmlinux, all_modules=True)
    assert [len(result.module(module).own_ids) for module in modules] == [0, 0, 0]
    assert case.cut(modules, vmlinux).used == ()


def test_modules_of_another_kernel(case):
    vmlinux, modules = with_modules(case)
    other = Case(vmlinux.byte_order).kernel
    other.int("int", 4)
    with pytest.raises(ChainError):
        minimize(other.build(), [], modules)


def test_13_anonymous_roots(case):
    for b in (case.kernel, case.types):
        b.struct("", 4, [("x", b.int("int", 4), 0)])
    case.program.relo(k.BYTE_OFFSET, 2, "0:0")
    assert case.values(case.cut()) == [("error", None)]


def test_16_unions_at_offsets_and_legacy_bitfields(case):
    odd = case.kernel.int("int", 4, bits=5, bit_offset=3)
    number = case.kernel.int("int", 4)
    case.kernel.union("u", 8, [("x", number, 32), ("y", number, 0)])
    case.kernel.struct("s", 8, [("b", odd, 3), ("x", number, 32)])
    number = case.types.int("int", 4)
    for name, union in (("u", True), ("s", False)):
        root = case.types.struct(name, 8, [("x", number, 0), ("b", number, 0)], union=union)
        for member in (0, 1):
            case.program.relo(k.BYTE_OFFSET, root, f"0:{member}")
    vmlinux = case.kernel.build()
    obj = case.program.build()
    result = minimize(vmlinux, [obj])
    assert compare([obj], result.outcomes, result.target, Target(reread(result.btf))).differences == []
    assert case.values(result) == [("value", 4), ("missing", None), ("value", 4), ("missing", None)]


def test_17_large_structs_that_match_keep_only_what_was_compared(case):
    number = case.kernel.int("int", 4)
    members = [(f"member_{i}", number, 32 * i) for i in range(200)]
    case.kernel.struct("s", 800, members)
    number = case.types.int("int", 4)
    case.program.relo(k.TYPE_MATCHES, case.types.struct("s", 8, [("member_7", number, 0), ("member_9", number, 32)]))
    assert shown(case.cut().btf) == [("INT", "int", 4), ("STRUCT", "s", [("member_7", 1, 224), ("member_9", 1, 288)])]


def test_counts_that_a_comparison_read(case):
    """A program's struct with two members of one name needs a target with two members, whatever they are."""
    for b, size in ((case.kernel, 12), (case.types, 8)):
        number = b.int("int", 4)
        root = b.struct("s", size, [("x", number, 0), ("x" if size == 8 else "filler", number, 32)])
        e = b.enum("e", [("A", 0), ("A" if size == 8 else "B", 1)])
    case.program.relo(k.TYPE_MATCHES, root)
    case.program.relo(k.TYPE_MATCHES, e)
    assert case.values(case.cut()) == [("value", 1), ("value", 1)]


def test_members_that_hide_others_of_their_name(case):
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 16, [("x", case.kernel.ptr(0), 0), ("x", number, 64), ("y", number, 96)])
    number = case.types.int("int", 4)
    root = case.types.struct("s", 16, [("x", number, 0), ("y", number, 96)])
    case.program.relo(k.BYTE_OFFSET, root, "0:0")
    case.program.relo(k.BYTE_OFFSET, root, "0:1")
    result = case.cut()
    assert case.values(result) == [("missing", None), ("value", 12)]
    assert [name for name, *_ in shown(result.btf)[-1][2]] == ["y"]  # neither stays, so nothing has to be hidden
    case.program.relo(k.TYPE_MATCHES, case.types.struct("s", 4, [("x", number, 0)]))
    result = case.cut()
    assert case.values(result)[0] == ("missing", None)
    assert [name for name, *_ in shown(result.btf)[-1][2]] == ["x", "x", "y"]


# ---- criteria by name, closures -----------------------------------------------------------------------------------


def closures(case):
    """struct deep behind a pointer in struct mid, embedded in struct top."""
    number = case.kernel.int("int", 4)
    deep = case.kernel.struct("deep", 4, [("d", number, 0)])
    pointed = case.kernel.struct("pointed", 8, [("dp", deep, 0)])
    mid = case.kernel.struct("mid", 16, [("p", case.kernel.ptr(pointed), 0), ("m", deep, 64)])
    anon = case.kernel.struct("", 4, [("in_anon", number, 0)])
    case.kernel.struct("top", 24, [("mid", mid, 0), ("", anon, 128), ("e", case.kernel.enum("e", [("A", 1)]), 160)])
    case.kernel.typedef("top_t", case.kernel.next_id - 2)
    return case.kernel.build()


@pytest.mark.parametrize(
    ("closure", "whole", "bare"),
    [
        (None, ["top", ""], ["mid", "e"]),
        ("direct", ["top", ""], ["mid", "e"]),
        ("by-value", ["top", "", "mid", "deep", "e"], ["pointed"]),
        ("full", ["top", "", "mid", "deep", "e", "pointed"], []),
    ],
)
def test_closures_of_a_name(case, closure, whole, bare):
    result = case.cut((), closures(case), keep_types=["struct top"], closure=closure)
    elements = {
        type_.name: type_.vlen for type_ in result.btf if type_.id and type_.kind in spec.COMPOSITES | spec.ENUMS
    }
    assert sorted(name for name, count in elements.items() if count) == sorted(whole)
    assert sorted(name for name, count in elements.items() if not count) == sorted(bare)
    assert result.btf.find("struct top").size == 24


@pytest.mark.parametrize(("closure", "kept"), [(None, 0), ("direct", 0), ("by-value", 2), ("full", 2)])
def test_closures_around_relocations(case, closure, kept):
    vmlinux = closures(case)
    mid = case.types.struct("mid", 8)
    case.program.relo(k.BYTE_OFFSET, case.types.struct("top", 8, [("mid", mid, 0)]), "0:0")
    result = case.cut((), vmlinux, closure=closure)
    assert result.btf.find("struct mid").vlen == kept
    assert [m.name for m in result.btf.find("struct top").members] == ["mid"]
    assert (result.btf.find_id("struct pointed") is not None) == (kept > 0)
    assert (result.btf.find_id("struct pointed") or 0) == 0 or result.btf.find("struct pointed").vlen == (
        closure == "full"
    )


def test_closures_that_are_not_there():
    with pytest.raises(ValueError, match="by-value"):
        minimize(Builder().build(), closure="some")


def test_kept_functions_have_their_prototypes_and_tags(case):
    number = case.kernel.int("int", 4)
    s = case.kernel.struct("s", 4, [("x", number, 0)])
    proto = case.kernel.func_proto(number, [("a", case.kernel.ptr(s)), ("b", number)])
    func = case.kernel.func("kfunc", proto)
    other = case.kernel.func("other", proto)
    case.kernel.decl_tag("bpf_kfunc", func)
    case.kernel.decl_tag("bpf_kfunc", other)
    case.kernel.decl_tag("arg", func, 1)
    case.kernel.typedef("kfunc", number)  # a type of the same name is another matter
    vmlinux = case.kernel.build()
    result = case.cut((), vmlinux, keep_funcs=["kfunc"])
    assert [(f.name, f.type.vlen) for f in result.btf.types("FUNC")] == [("kfunc", 2)]
    assert [(tag.name, tag.component) for tag in result.btf.types("DECL_TAG")] == [("bpf_kfunc", -1), ("arg", 1)]
    assert result.btf.find_id("struct s") is not None
    assert result.btf.find_id("kfunc", "TYPEDEF") is None
    assert [t.kind_name for t in case.cut((), vmlinux, keep_types=["kfunc"]).btf if t.name == "kfunc"] == ["TYPEDEF"]


def test_names_of_modules_are_not_compared_with_those_of_vmlinux(order, monkeypatch):
    """Close names are looked for once, for an error: not in each of thousands of modules that do not have the name."""
    base = Builder(order=order)
    base.int("int", 4)
    vmlinux = base.build()
    modules = []
    for number in range(20):
        b = Builder(vmlinux)
        b.func(f"kfunc{number}", b.func_proto(0))
        modules.append(b.build())
    asked = []
    monkeypatch.setattr("btfkit.btf.suggest.did_you_mean_type", lambda btf, name, kinds: asked.append(name) or "")
    assert minimize(vmlinux, (), modules, keep_funcs=["kfunc19"]).module(modules[19])
    assert asked == []
    with pytest.raises(NotFoundError):
        minimize(vmlinux, (), modules, keep_funcs=["kfunc20"])
    assert asked == ["kfunc20"]


@pytest.mark.parametrize("option", ["keep_types", "keep_funcs"])
def test_names_that_are_not_there(case, option):
    case.kernel.struct("s", 4)
    case.kernel.func("f", case.kernel.func_proto(0))
    vmlinux = case.kernel.build()
    with pytest.raises(NotFoundError, match="nowhere"):
        minimize(vmlinux, **{option: ["nowhere"]})
    with pytest.raises(NotFoundError):
        minimize(vmlinux, **{option: ["f" if option == "keep_types" else "s"]})


def test_names_that_only_modules_have(case):
    vmlinux, modules = with_modules(case)
    result = case.cut(modules, vmlinux, keep_types=["struct only"])
    assert result.used == tuple(modules[:2])
    assert shown(result.btf) == [("INT", "int", 4)]
    result = case.cut(modules, vmlinux, keep_types=["both"])
    assert result.used == ()  # vmlinux has it


def test_what_a_split_refers_to(case):
    vmlinux, modules = with_modules(case)
    result = case.cut((), vmlinux, keep_refs_of=modules[:2])
    assert shown(result.btf) == [("INT", "int", 4)]
    result = case.cut(modules, vmlinux, keep_refs_of=[modules[2]])
    assert result.module(modules[0]).find_id("struct both") is not None


# ---- the file ------------------------------------------------------------------------------------------------------


def test_the_layout_section_stays(order):
    kernel = Builder(order=order, layout=True)
    kernel.struct("s", 4, [("x", kernel.int("int", 4), 0)])
    vmlinux = kernel.build()
    result = minimize(vmlinux, keep_types=["struct s"])
    assert result.btf.layout == vmlinux.layout
    assert reread(result.btf).layout == vmlinux.layout
    assert len(result.btf) == 3


def test_unknown_kinds_matter_only_where_they_are_needed(order):
    from btfkit.btf.emit import Frame

    kernel = Builder(order=order)
    kernel.struct("s", 4, [("x", kernel.int("int", 4), 0)])
    kernel.record(20, "new", 5, (7,))
    kernel.typedef("t", 3)
    layout = b"".join(bytes((4 * kind.tail_words, 4 * kind.elem_words, 0, 0)) for kind in spec.KINDS) + bytes(
        (4, 0, 0, 0)
    )
    vmlinux = Frame(order, layout=layout).emit(kernel._words, kernel._strings.to_bytes())
    assert vmlinux.kind(3) == 20
    result = minimize(vmlinux, keep_types=["struct s"])
    assert len(result.btf) == 3
    assert result.btf.layout == layout
    for name in ("t", "new"):
        with pytest.raises(UnsupportedError, match="kind 20"):
            minimize(vmlinux, keep_types=[name], closure="full")


def test_strings_once_in_order_of_use(case):
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("int", number, 0), ("s", number, 32)])
    result = case.cut(keep_types=["struct s"])
    assert bytes(result.btf.strings) == b"\0int\0s\0"


def test_the_pointer_size_of_the_file_stays(order):
    kernel = Builder(order=order)
    kernel.struct("s", 4, [("p", kernel.ptr(0), 0)])
    assert minimize(kernel.build(pointer_size=4), keep_types=["struct s"]).btf.pointer_size == 4


def test_same_input_same_bytes(order):
    """Nor does the order of the objects matter."""
    case, other = Case(order), Case(order)
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 16, [(f"m{i}", number, 32 * i) for i in range(4)])
    for made, members in ((case, "31"), (other, "012")):
        number = made.types.int("int", 4)
        root = made.types.struct("s", 16, [(f"m{i}", number, 0) for i in range(4)])
        for member in members:
            made.program.relo(k.BYTE_OFFSET, root, f"0:{member}")
    objects = [case.program.build(), other.program.build()]
    vmlinux = case.kernel.build()
    blobs = {minimize(vmlinux, order_of).btf.to_bytes() for order_of in (objects, objects[::-1], objects * 2)}
    assert len(blobs) == 1


# ---- several types of one name -------------------------------------------------------------------------------------


def with_two_layouts(case):
    """Reads x, which the first struct s has, then y, which only the second has: libbpf has dropped that by then."""
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("x", number, 0), ("z", number, 32)])
    case.kernel.struct("s", 16, [("y", number, 64), ("z", number, 96)])
    number = case.types.int("int", 4)
    root = case.types.struct("s", 12, [(name, number, 32 * i) for i, name in enumerate("xyz")])
    for member in "012":
        case.program.relo(k.BYTE_OFFSET, root, f"0:{member}")


def test_candidates_that_earlier_relocations_dropped_stay(case):
    """A program that loads only the function with the second read has an answer, before and after."""
    with_two_layouts(case)
    result = case.cut()
    assert case.values(result) == [("value", 0), ("missing", None), ("value", 4)]
    assert [(t.name, [m.name for m in t.members]) for t in result.btf.types(spec.STRUCT)] == [
        ("s", ["x", "z"]),
        ("s", ["y", "z"]),
    ]


def test_the_judge_compares_what_was_dropped(case):
    """If only what was dropped differs, all answers in this order are the same, but not that of the second read alone."""
    with_two_layouts(case)
    result = case.cut()
    kernel = Builder(order=case.kernel.build().byte_order)
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0), ("z", number, 32)])
    kernel.struct("s", 16, [("y", number, 0), ("z", number, 96)])
    (obj,) = [case.program.build()]
    answers = compare([obj], result.outcomes, result.target, Target(kernel.build()))
    assert [difference.relocation for difference in answers.differences] == [obj.relocations[1]]


# ---- the judge's own search ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["before and after", "after"])
def test_a_candidate_that_the_look_up_does_not_see(case, monkeypatch, lost):
    """The judge searches by itself: what `co_re` does not find is a difference, though both answers are the same."""
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("y", number, 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [("y", case.types.int("int", 4), 0)]), "0:0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    if lost == "after":
        result = minimize(vmlinux, [obj])
    monkeypatch.setattr(Target, "named", lambda self, kind, name: ([], []))
    if lost != "after":
        result = minimize(vmlinux, [obj])
    (difference,) = compare([obj], result.outcomes, result.target, Target(reread(result.btf))).differences
    assert f"0 candidates {lost.partition(' ')[0]}, a second search found 1" in str(difference)


def test_a_double_flavor(case):
    """The essential name of s___a___b is s___a, which looks like a flavor itself."""
    number = case.kernel.int("int", 4)
    case.kernel.struct("s", 8, [("y", number, 0)])
    case.kernel.struct("s___a___k", 8, [("y", number, 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s___a___b", 4, [("y", case.types.int("int", 4), 0)]), "0:0")
    result = case.cut()
    assert case.values(result) == [("value", 4)]
    assert [result.btf.name(i) for i in result.btf.own_ids] == ["int", "s___a___k"]
