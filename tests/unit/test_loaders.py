"""What the loaders answer otherwise than libbpf, a test for each rule; tests/peers compares them with the real libraries."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.alike import cilium_outcomes
from btfkit.co_re.loaders import LOADERS, loader_named
from btfkit.co_re.relocate import program_outcomes, relocate
from btfkit.co_re.relocations import relocations
from btfkit.co_re.target import Target
from btfkit.file_ops.minimize import minimize
from objects import Program

LIBBPF, CILIUM, AYA = LOADERS.values()


class Case:
    """A kernel and a program in the making."""

    def __init__(self):
        self.kernel = Builder()
        self.program = Program()
        self.types = self.program.types
        self.int = self.kernel.int("int", 4, encoding=spec.INT_SIGNED)
        self.local_int = self.types.int("int", 4, encoding=spec.INT_SIGNED)

    def answers(self, loader, *modules):
        (outcomes,) = relocate([self.program.build()], Target(self.kernel.build(), modules), loader=loader)
        return [(outcome.status, outcome.value) for outcome in outcomes]

    def all(self, *modules):
        """{name of the loader: the only answer}."""
        return {loader.name: self.answers(loader, *modules)[0] for loader in LOADERS.values()}


@pytest.fixture
def case():
    return Case()


MISSING, ERROR, AMBIGUOUS = ("missing", None), ("error", None), ("ambiguous", None)


def value(number):
    return "value", number


def test_names_of_loaders():
    assert list(LOADERS) == ["libbpf", "cilium", "aya"]
    assert loader_named("aya") is AYA
    with pytest.raises(ValueError, match="loader 'lib': expected one of libbpf, cilium, aya"):
        relocations([], Builder().build(), loader="lib")


@pytest.mark.parametrize(
    ("name", "libbpf", "cilium", "aya"),
    [
        (b"a___b", b"a", b"a", b"a"),
        (b"a___b___c", b"a___b", b"a___b", b"a"),
        (b"a____b", b"a____b", b"a_", b"a"),
        (b"a___", b"a___", b"a", b"a"),
        (b"___b", b"___b", b"___b", b""),
        (b"abc", b"abc", b"abc", b"abc"),
    ],
)
def test_flavors(name, libbpf, cilium, aya):
    assert [loader.essential(name) for loader in LOADERS.values()] == [libbpf, cilium, aya]


def test_candidates_with_odd_flavors(case):
    """`hot` finds names by libbpf's rule; those whose flavor other loaders see are found besides."""
    case.kernel.struct("s____1", 8, [("x", case.int, 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s____2", 4, [("x", case.local_int, 0)]), "0:0")
    assert case.all() == {"libbpf": MISSING, "cilium": value(4), "aya": value(4)}


def test_candidates_of_any_kind(case):
    """For cilium a union, or a typedef of a struct, is a candidate for a struct."""
    struct = case.kernel.struct("", 8, [("x", case.int, 32)])
    case.kernel.typedef("s", struct)
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [("x", case.local_int, 0)]), "0:0")
    assert case.all() == {"libbpf": MISSING, "cilium": value(4), "aya": MISSING}


def test_enums_of_32_and_64_bits(case):
    case.kernel.enum64("e", [("A", 1 << 40)])
    case.program.relo(k.ENUMVAL_VALUE, case.types.enum("e", [("A", 1)]), "0")
    assert case.all() == {"libbpf": value(1 << 40), "cilium": value(1 << 40), "aya": MISSING}


def test_modules(case):
    """libbpf searches modules if vmlinux has no such type, cilium always, aya never."""
    case.kernel.struct("s", 4, [("y", case.int, 0)])
    module = Builder(case.kernel.build())
    module.struct("s", 8, [("x", case.int, 32)])
    module.struct("m", 8, [("x", case.int, 32)])
    for name in ("s", "m"):
        case.program.relo(k.BYTE_OFFSET, case.types.struct(name, 4, [("x", case.local_int, 0)]), "0:0")
    case.program.relo(k.TYPE_ID_TARGET, case.program.records[1][0])
    assert case.answers(LIBBPF, module.build()) == [MISSING, value(4), value(4)]
    assert case.answers(CILIUM, module.build()) == [
        value(4),
        value(4),
        MISSING,
    ]  # the id of a module's type has no place
    assert case.answers(AYA, module.build()) == [MISSING, MISSING, ERROR]


def two_layouts(case, *asked):
    case.kernel.struct("s", 8, [("x", case.int, 0), ("z", case.int, 32)])
    case.kernel.struct("s", 16, [("y", case.int, 64), ("z", case.int, 96)])
    root = case.types.struct("s", 12, [(name, case.local_int, 32 * i) for i, name in enumerate("xyz")])
    for kind, name in asked:
        case.program.relo(kind, root, f"0:{'xyz'.index(name)}")


def test_the_best_of_several_candidates(case):
    """cilium takes the candidate with the most answers, whatever the order; aya asks each for itself."""
    two_layouts(case, (k.BYTE_OFFSET, "x"), (k.BYTE_OFFSET, "y"), (k.BYTE_OFFSET, "z"), (k.FIELD_EXISTS, "y"))
    assert case.answers(LIBBPF) == [value(0), MISSING, value(4), value(0)]
    assert case.answers(CILIUM) == [MISSING, value(8), value(12), value(1)]
    assert case.answers(AYA) == [value(0), value(8), AMBIGUOUS, value(1)]
    (row, *_) = relocations([case.program.build()], case.kernel.build(), loader="cilium")
    assert row.outcome.reason == "not-best"
    assert row.answer == (
        "missing: struct s has no member 'x'; 1 of 2 types of this name matches, but this one has more of what the program reads"
    )


def test_candidates_that_fit_equally(case):
    two_layouts(case, (k.BYTE_OFFSET, "x"), (k.BYTE_OFFSET, "y"))
    assert case.answers(CILIUM) == [AMBIGUOUS, AMBIGUOUS]
    (first, _) = relocations([case.program.build()], case.kernel.build(), loader="cilium")
    assert first.outcome.detail == (
        "types 2, 3 each answer 1 of 2 relocations of this type, but differ in ((struct s *)0)->y"
    )
    assert first.outcome.alone.value == 0


def test_no_answer_equals_zero_of_zero(case):
    """cilium compares (local value, value), and no answer counts as (0, 0): the first of these two unions is not ambiguous."""
    for name in "xy":
        case.kernel.union("u", 4, [(name, case.int, 0)])
    root = case.types.union("u", 4, [(name, case.local_int, 0) for name in "xy"])
    for access in ("0:0", "0:1"):
        case.program.relo(k.BYTE_OFFSET, root, access)
    assert case.answers(CILIUM) == [value(0), MISSING]


def test_programs_have_answers_of_their_own(case):
    """The unit is a program: what two programs read of one local type may have come from different candidates."""
    two_layouts(case, (k.BYTE_OFFSET, "x"), (k.BYTE_OFFSET, "y"), (k.BYTE_OFFSET, "z"))
    obj = case.program.build()
    obj.units = lambda: [("a", frozenset((0, 2))), ("b", frozenset((1, 2)))]
    target = Target(case.kernel.build())
    (outcomes,) = relocate([obj], target, loader=CILIUM)
    assert [(outcome.status, outcome.value) for outcome in outcomes] == [value(0), value(8), AMBIGUOUS]
    assert outcomes[2].detail == "the answer depends on the program (a: 4, b: 12)"
    found = program_outcomes(obj, outcomes, target, CILIUM)
    assert {name: {n: o.value for n, o in rows.items()} for name, rows in found.items()} == {
        "a": {0: 0, 2: 4},
        "b": {1: 8, 2: 12},
    }
    assert program_outcomes(obj, outcomes, target, AYA) == {}


def test_members_by_levels(case):
    """Of two members of one name, libbpf and aya take the first on the way down, cilium the one on the higher level."""
    inner = case.kernel.struct("", 4, [("x", case.int, 0)])
    case.kernel.struct("s", 8, [("", inner, 0), ("x", case.int, 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [("x", case.local_int, 0)]), "0:0")
    assert case.all() == {"libbpf": value(0), "cilium": value(4), "aya": value(0)}


def test_arrays_without_their_elements(case):
    """cilium takes an array of structs for one of integers as long as no element is read."""
    struct = case.kernel.struct("e", 4, [("x", case.int, 0)])
    case.kernel.struct("s", 16, [("a", case.kernel.array(struct, case.int, 4), 32)])
    root = case.types.struct("s", 16, [("a", case.types.array(case.local_int, case.local_int, 4), 0)])
    for access in ("0:0", "0:0:1"):
        case.program.relo(k.BYTE_OFFSET, root, access)
    assert case.answers(LIBBPF) == [MISSING, MISSING]
    assert case.answers(CILIUM) == [value(4), MISSING]
    assert case.answers(AYA) == [MISSING, MISSING]


@pytest.mark.parametrize("kind", [k.BYTE_OFFSET, k.BYTE_SIZE, k.LSHIFT, k.RSHIFT, k.SIGNED])
def test_bitfields(case, kind):
    """Bits 30 to 33 of ints: libbpf widens the load to 8 bytes, cilium stays with the type's alignment."""
    case.kernel.struct("s", 8, [("a", case.int, 0, 30), ("b", case.int, 30, 4)])
    case.program.relo(kind, case.types.struct("s", 4, [("b", case.local_int, 0, 4)]), "0:0")
    wide = {k.BYTE_OFFSET: 0, k.BYTE_SIZE: 8, k.LSHIFT: 30, k.RSHIFT: 60, k.SIGNED: 1}[kind]
    assert case.all() == {
        "libbpf": value(wide),
        "cilium": value(4 if kind == k.BYTE_SIZE else wide),
        "aya": value(wide),
    }


def test_names_of_enumerations(case):
    """A member of an unnamed enumeration fits any for libbpf and cilium, for aya only an unnamed one."""
    case.kernel.struct("s", 8, [("x", case.kernel.enum("e", [("A", 1)]), 32)])
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [("x", case.types.enum("", [("A", 1)]), 0)]), "0:0")
    assert case.all() == {"libbpf": value(4), "cilium": value(4), "aya": MISSING}


def test_flexible_arrays(case):
    """aya takes the index of the element for that of the member: the last of n members is flexible for element n - 1 alone."""
    for types, number in ((case.kernel, case.int), (case.types, case.local_int)):
        root = types.struct("s", 4, [("n", number, 0), ("a", types.array(number, number, 0), 32)])
    for access in ("0:1:0", "0:1:1", "0:1:2"):
        case.program.relo(k.BYTE_OFFSET, root, access)
    assert case.answers(LIBBPF) == case.answers(CILIUM) == [value(4), value(8), value(12)]
    assert case.answers(AYA) == [ERROR, value(8), ERROR]


def test_sizes(case):
    """aya counts the innermost dimension of an array alone; for cilium and aya pointers have 8 bytes on any target."""
    rows = case.kernel.array(case.kernel.array(case.int, case.int, 3), case.int, 5)
    case.kernel.struct("s", 68, [("a", rows, 0), ("p", case.kernel.ptr(0), 480)])
    case.kernel.int("long", 4, encoding=spec.INT_SIGNED)
    local = case.types.array(case.types.array(case.local_int, case.local_int, 3), case.local_int, 5)
    root = case.types.struct("s", 68, [("a", local, 0), ("p", case.types.ptr(0), 480)])
    for access in ("0:0", "0:1"):
        case.program.relo(k.BYTE_SIZE, root, access)
    assert case.answers(LIBBPF) == [value(60), value(4)]
    assert case.answers(CILIUM) == [value(60), value(8)]
    assert case.answers(AYA) == [value(12), value(8)]


def test_loads_of_another_size(case):
    """cilium never adjusts a load; aya rejects the object if it cannot (signed integers, also those of char)."""
    case.kernel.struct("s", 8, [("x", case.kernel.int("u8", 1), 0)])
    local = case.types.int("u64", 8)
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 8, [("x", local, 0)]), "0:0")
    for loader, size in ((LIBBPF, 1), (CILIUM, 0), (AYA, 1)):
        ((outcome,),) = relocate([case.program.build()], Target(case.kernel.build()), loader=loader)
        assert outcome.load_size == size


@pytest.mark.parametrize("kind", [k.TYPE_SIZE, k.TYPE_ID_TARGET])
def test_types_that_do_not_exist(case, kind):
    """libbpf gives zero, cilium poisons, aya rejects the object."""
    case.program.relo(kind, case.types.struct("s", 4, []))
    assert case.all() == {"libbpf": ("missing", 0), "cilium": MISSING, "aya": ERROR}


def test_floating_point(case):
    case.kernel.typedef("f", case.kernel.float("double", 8))
    case.program.relo(k.TYPE_EXISTS, case.types.typedef("f", case.types.float("double", 8)))
    assert case.all() == {"libbpf": value(0), "cilium": ERROR, "aya": value(1)}


def pointing(types, number, name):
    """A struct with a pointer to a struct that has one member of that name."""
    return types.struct("s", 8, [("p", types.ptr(types.struct("t", 4, [(name, number, 0)])), 0)])


def test_type_matches_behind_pointers(case):
    """libbpf compares the name and kind of what a pointer leads to, cilium all of it; aya does not know TYPE_MATCHES."""
    pointing(case.kernel, case.int, "x")
    case.program.relo(k.TYPE_MATCHES, pointing(case.types, case.local_int, "y"))
    assert case.all() == {"libbpf": value(1), "cilium": value(0), "aya": ERROR}


def test_type_matches_of_cycles(case):
    """Pairs that were seen count as equal, so lists end; the depth has no limit."""
    for types, number in ((case.kernel, case.int), (case.types, case.local_int)):
        root = number + 2
        assert types.ptr(root) == number + 1
        assert types.struct("s", 8, [("next", number + 1, 0)]) == root
    case.program.relo(k.TYPE_MATCHES, root)
    assert case.all() == {"libbpf": value(1), "cilium": value(1), "aya": ERROR}


def test_type_matches_takes_the_last_of_a_name(case):
    """Of the target's anonymous members, cilium compares the last one."""
    for types, number in ((case.kernel, case.int), (case.types, case.local_int)):
        first = types.struct("", 4, [("x", number, 0)])
        second = types.struct("", 4, [("y", number, 0)])
        members = [("", first, 0), ("", second, 32)] if types is case.kernel else [("", first, 0)]
        root = types.struct("s", 8, members)
    case.program.relo(k.TYPE_MATCHES, root)
    assert case.all() == {"libbpf": value(1), "cilium": value(0), "aya": ERROR}


def test_min_proves_a_record_that_only_cilium_answers(case):
    """libbpf wants a member for shifts, cilium/ebpf takes an array element: the proof searches the candidates all the same."""
    case.kernel.struct("s", 4, [("x", case.int, 0)])
    case.program.relo(k.LSHIFT, case.types.struct("s", 4, [("x", case.local_int, 0)]), "0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    assert case.all()["libbpf"] == ERROR
    minimized = minimize(vmlinux, [obj]).btf
    assert [relocate([obj], Target(one), loader=CILIUM)[0][0].value for one in (vmlinux, minimized)] == [32, 32]


def test_min_drops_a_type_of_another_kind_that_does_not_match(case):
    """Then one type of that name is left, and libbpf's outcome counts as that of cilium/ebpf, which adjusts no loads."""
    case.kernel.struct("s", 0, [])
    module = Builder(case.kernel.build())
    module.enum("s", [("A", 1)])
    local = case.types.struct("s", 4, [])
    case.program.relo(k.BYTE_OFFSET, local, "1")
    split, obj = module.build(), case.program.build()
    result = minimize(split.base, [obj], [split])
    assert result.used == ()
    assert relocate([obj], Target(result.btf), loader=CILIUM)[0][0].value == 0


@pytest.mark.parametrize("member", ["x", "y"])
@pytest.mark.parametrize("others", [0, 1])
def test_min_proves_that_cilium_rejects_an_anonymous_member_that_is_no_struct(case, member, others):
    """libbpf passes it by.  `min` leaves out the other type of that name: then the outcomes still differ."""
    case.kernel.struct("s", 8, [("", case.int, 0), ("x", case.int, 32)])
    for _ in range(others):
        case.kernel.float("s", 8)
    case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [(member, case.local_int, 0)]), "0:0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    assert case.all() | {"aya": ERROR} == {
        "libbpf": value(4) if member == "x" else MISSING,
        "cilium": ERROR,
        "aya": ERROR,
    }
    minimized = minimize(vmlinux, [obj]).btf
    assert relocate([obj], Target(minimized), loader=CILIUM)[0][0].status == "error"


def test_min_proves_a_record_that_only_libbpf_answers(case):
    """cilium/ebpf rejects the sign of a struct, also where no type, or no member, of that name is left."""
    case.kernel.struct("s", 4, [("x", case.kernel.struct("inner", 4, []), 0)])
    inner = case.types.struct("inner", 4, [])
    for name, member in (("s", "x"), ("s", "y"), ("gone", "x")):
        case.program.relo(k.SIGNED, case.types.struct(name, 4, [(member, inner, 0)]), "0:0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    for btf in (vmlinux, minimize(vmlinux, [obj]).btf):
        target = Target(btf)
        target.look_widely()
        known = relocate([obj], target)
        assert [outcome.status for outcome in known[0]][1:] == ["missing", "missing"]
        assert {outcome.reason for outcome in cilium_outcomes([obj], known, target)[0]} == {"bad-record"}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("later", ["unnamed int", "again"])
def test_min_keeps_a_member_that_hides_another(case, inside, later):
    """A member of another type ends the search; what comes after it, kept for other reasons, must stay hidden."""
    other = case.kernel.ptr(0)
    rest = (
        [("", case.int, 64), ("z", case.int, 96)]
        if later == "unnamed int"
        else [("x", case.int, 64), ("z", case.int, 96)]
    )
    if inside:
        hidden = case.kernel.struct("", 8, [("x", other, 0)])
        deeper = case.kernel.struct("", 16, rest)
        case.kernel.struct("s", 32, [("", hidden, 0), ("", deeper, 64)])
    else:
        case.kernel.struct("s", 32, [("x", other, 0), *rest])
    for name in ("x", "z"):
        case.program.relo(k.BYTE_OFFSET, case.types.struct("s", 4, [(name, case.local_int, 0)]), "0:0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    before = case.answers(CILIUM)
    after = [(o.status, o.value) for o in relocate([obj], Target(minimize(vmlinux, [obj]).btf), loader=CILIUM)[0]]
    assert after == before
    assert before[0] == MISSING


def test_min_keeps_the_last_of_several_anonymous_members(case):
    """cilium/ebpf compares the last one, which does not match; the first one, kept for a field, would."""
    first = case.kernel.union("", 4, [("x", case.int, 0)])
    last = case.kernel.union("", 4, [("y", case.int, 0)])
    case.kernel.struct("s", 8, [("", first, 0), ("", last, 32)])
    inner = case.types.union("", 4, [("x", case.local_int, 0)])
    local = case.types.struct("s", 4, [("", inner, 0)])
    case.program.relo(k.TYPE_MATCHES, local)
    case.program.relo(k.BYTE_OFFSET, local, "0:0:0")
    vmlinux, obj = case.kernel.build(), case.program.build()
    minimized = Target(minimize(vmlinux, [obj]).btf)
    answers = [(outcome.status, outcome.value) for outcome in relocate([obj], minimized, loader=CILIUM)[0]]
    assert answers == case.answers(CILIUM) == [value(0), value(0)]
