"""The engine on kernels made by hand, in both byte orders.  tests/peers compares it with libbpf."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.access import SpecError, essential, parse_access
from btfkit.co_re.loaders import LIBBPF
from btfkit.co_re.outcome import Counts
from btfkit.co_re.program import read_object
from btfkit.co_re.relocate import local_value, relocate
from btfkit.co_re.target import Target
from btfkit.errors import FormatError
from objects import Program

ORDERS = ("little", "big")


@pytest.fixture(params=ORDERS)
def order(request):
    return request.param


def answer(program, vmlinux, *modules):
    """(status, value) of each relocation."""
    (outcomes,) = relocate([program.build()], Target(vmlinux, modules))
    return [(outcome.status, outcome.value) for outcome in outcomes]


def one(program, vmlinux, *modules):
    """The only outcome."""
    ((outcome,),) = relocate([program.build()], Target(vmlinux, modules))
    return outcome


# ---- names and access strings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a___b", b"a"),
        (b"a____b", b"a____b"),
        (b"___b", b"___b"),
        (b"a___", b"a___"),
        (b"a___b___c", b"a___b"),
        (b"task_struct", b"task_struct"),
        (b"", b""),
        (b"a__b", b"a__b"),
        (b"x_y___z", b"x_y"),
    ],
)
def test_essential_names(name, expected):
    assert essential(name) == expected


@pytest.mark.parametrize(
    ("string", "numbers"),
    [
        (b"0", [0]),
        (b"0:1:2", [0, 1, 2]),
        (b" 3:+4", [3, 4]),
        (b"2147483647", [2147483647]),
        (b":".join([b"0"] * 64), [0] * 64),
    ],
)
def test_access_strings(string, numbers):
    assert parse_access(string) == numbers


@pytest.mark.parametrize(
    "string",
    [
        b"",
        b":",
        b":0",
        b"0:",
        b"0::1",
        b"-1",
        b"0:-1",
        b"x",
        b"0:x",
        b"0x1",
        b"0 ",
        b"2147483648",
        b"9" * 40,
        b":".join([b"0"] * 65),
    ],
)
def test_malformed_access_strings(string):
    with pytest.raises(SpecError):
        parse_access(string)


def test_a_record_without_a_type():
    from btfkit.btf.build import Builder
    from btfkit.co_re.access import expression, parse

    b = Builder()
    b.int("int", 4)
    local = b.build()
    with pytest.raises(SpecError, match="no local type: its id is 0, GCC left the type out of the record"):
        parse(local, 0, b"0", 0, LIBBPF)
    with pytest.raises(SpecError, match=r"no local type 2 \(ids are 1 to 1\)"):
        parse(local, 2, b"0", 0, LIBBPF)
    assert expression(local, 0, b"0:1", 0) == "type 0, 0:1"


def plain(b):
    """struct s { int x; int y; struct { short z; }; int a[3]; struct s *next; }; returns (int, s)."""
    number, short = b.int("int", 4, encoding=1), b.int("short", 2, encoding=1)
    inner = b.struct("", 2, [("z", short, 0)])
    array = b.array(number, number, 3)
    pointer = b.ptr(b.next_id + 1)
    members = [("x", number, 0), ("y", number, 32), ("", inner, 64), ("a", array, 96), ("next", pointer, 192)]
    return number, b.struct("s", 32, members)


@pytest.mark.parametrize(
    ("access", "kind"),
    [
        ("", 0),
        ("0:", 0),
        ("0:9", 0),
        ("0:0:0", 0),  # into an int
        ("0:3:3", 0),  # beyond an array
        ("0:4:0", 0),  # through a pointer
        ("0", 3),  # the sign of a struct
        ("0:3:1", 4),  # the shift of an array's element
        ("0:0", 8),  # a type has "0"
        ("1", 12),
        ("0", 10),  # a struct has no enumerators
        ("0", 13),
        ("0", 0xFFFFFFFF),
    ],
)
def test_records_that_libbpf_refuses(order, access, kind):
    kernel, program = Builder(order=order), Program(order)
    plain(kernel)
    _, root = plain(program.types)
    program.relo(kind, root, access)
    outcome = one(program, kernel.build())
    assert (outcome.status, outcome.reason) == ("error", "bad-record")
    assert outcome.detail


@pytest.mark.parametrize("root", [0, 99])
def test_roots_that_are_not_there(root):
    program = Program()
    program.types.int("int", 4)
    program.relo(k.BYTE_OFFSET, root, "0")
    assert one(program, Builder().build()).status == "error"


def test_anonymous_roots():
    kernel, program = Builder(), Program()
    for b in (kernel, program.types):
        b.struct("", 4, [("x", b.int("int", 4), 0)])
    program.relo(k.BYTE_OFFSET, 2, "0:0")
    program.relo(k.TYPE_EXISTS, 2)
    assert answer(program, kernel.build()) == [("error", None)] * 2


def test_one_bad_record_does_not_stop_the_others():
    kernel, program = Builder(), Program()
    plain(kernel)
    _, root = plain(program.types)
    program.relo(k.BYTE_OFFSET, root, "0:77")
    program.relo(k.BYTE_OFFSET, root, "0:1")
    assert answer(program, kernel.build()) == [("error", None), ("value", 4)]


# ---- objects -----------------------------------------------------------------------------------------------------


def test_an_object_without_ext():
    """libbpf loads it: one with maps alone has none."""
    obj = read_object("x", Builder().to_bytes(), None)
    assert (obj.relocations, obj.has_ext, len(obj.notes)) == ([], False, 1)
    assert "no .BTF.ext" in obj.notes[0]


def test_an_object_without_relocations():
    assert Program().build().relocations == []


def test_orders_that_differ():
    with pytest.raises(FormatError, match="endian"):
        read_object("x", Builder(order="big").to_bytes(), Program("little").ext())


def test_long_records(order):
    kernel, program = Builder(order=order), Program(order)
    plain(kernel)
    _, root = plain(program.types)
    program.relo(k.BYTE_OFFSET, root, "0:1")
    program.relo(k.BYTE_SIZE, root, "0:2:0")
    (outcomes,) = relocate([program.build(record_size=24)], Target(kernel.build()))
    assert [outcome.value for outcome in outcomes] == [4, 2]


def test_strings_that_are_not_there():
    program = Program()
    program.types.int("int", 4)
    program.records.append((1, 9999, 0))
    with pytest.raises(FormatError, match="string"):
        program.build()


# ---- fields ------------------------------------------------------------------------------------------------------


def test_values_of_all_kinds(order):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4, encoding=1)
    small = kernel.int("unsigned char", 1)
    kernel.struct("s___kernel", 16, [("pad", number, 0), ("u", small, 40), ("x", number, 64)])
    number = program.types.int("int", 4, encoding=1)
    root = program.types.struct("s___mine", 8, [("x", number, 0), ("u", program.types.int("unsigned char", 1), 32)])
    for member in (0, 1):
        for kind in range(6):
            program.relo(kind, root, f"0:{member}")
    expected = [8, 4, 1, 1, 32, 32, 5, 1, 1, 0, 56, 56]
    assert answer(program, kernel.build()) == [("value", value) for value in expected]


def test_bitfields(order):
    """struct { int a:3, b:7, c:20; long d:40 }: offsets and sizes of the smallest aligned load."""
    kernel, program = Builder(order=order), Program(order)
    for b in (kernel, program.types):
        number, wide = b.int("int", 4, encoding=1), b.int("long", 8)
        members = [
            ("a", number, 0, 3),
            ("b", number, 3, 7),
            ("c", number, 10, 20),
            ("d", wide, 64, 40),
            ("e", number, 28, 8),
        ]
        root = b.struct("s", 16, members)
    for member in range(5):
        for kind in (0, 1, 3, 4, 5):
            program.relo(kind, root, f"0:{member}")
    left = (61, 54, 34, 24, 28) if order == "little" else (32, 35, 42, 0, 28)
    got = [value for _, value in answer(program, kernel.build())]
    assert [tuple(got[i : i + 5]) for i in range(0, 25, 5)] == [
        (0, 4, 1, left[0], 61),
        (0, 4, 1, left[1], 57),
        (0, 4, 1, left[2], 44),
        (8, 8, 0, left[3], 24),
        (0, 8, 1, left[4], 56),
    ]


def test_legacy_bitfields():
    """INTs with a bit offset, without kind_flag, match nothing (pahole before 2018)."""
    kernel, program = Builder(), Program()
    kernel.struct("s", 4, [("x", kernel.int("int", 4, bits=3, bit_offset=2), 0)])
    program.relo(k.FIELD_EXISTS, program.types.struct("s", 4, [("x", program.types.int("int", 4), 0)]), "0:0")
    outcome = one(program, kernel.build())
    assert (outcome.status, outcome.value, outcome.reason) == ("value", 0, "kind-differs")


def test_anonymous_members_are_looked_through(order):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    union = kernel.union("", 4, [("z", number, 0), ("x", number, 0)])
    outer = kernel.struct("", 12, [("", union, 64)])
    kernel.struct("s", 28, [("", number, 0), ("", outer, 128)])
    program.relo(k.BYTE_OFFSET, program.types.struct("s", 4, [("x", program.types.int("int", 4), 0)]), "0:0")
    assert answer(program, kernel.build()) == [("value", 24)]


def test_duplicate_member_names():
    """The first of that name decides at its level; libbpf's left-over offset (FORMAT.md 3.4) is not copied."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    pointer = kernel.ptr(0)
    kernel.struct("s", 16, [("x", pointer, 0), ("x", number, 64)])
    inner = kernel.struct("", 16, [("x", pointer, 64)])
    kernel.struct("t", 24, [("", inner, 0), ("x", number, 128)])
    number = program.types.int("int", 4)
    for name in ("s", "t"):
        program.relo(k.BYTE_OFFSET, program.types.struct(name, 4, [("x", number, 0)]), "0:0")
    assert answer(program, kernel.build()) == [("missing", None), ("value", 16)]


def compatible_pairs(b, mine):
    """(type of the member in the program or in the kernel): rows of FORMAT.md 3.4."""
    number = b.int("int", 4)
    return {
        "struct": b.struct("p" if mine else "q", 4) if mine else b.union("q", 4),
        "int": b.int("long" if mine else "char", 8 if mine else 1, encoding=0 if mine else 1),
        "pointer": b.ptr(0 if mine else number),
        "float": b.float("double" if mine else "float", 8 if mine else 4),
        "enum": b.enum("e", [("A", 1)]) if mine else b.enum64("e___k", [("B", 1)]),
        "other_enum": b.enum("e1", [("A", 1)]) if mine else b.enum("e2", [("A", 1)]),
        "array": b.array(number, number, 2 if mine else 5),
        "depth": b.array(number, number, 2) if mine else b.array(b.array(number, number, 2), number, 2),
        "pointer_int": b.ptr(0) if mine else number,
        "fwd": b.fwd("f"),
        "fwd_other": b.fwd("f1" if mine else "f2"),
        "const": b.const(number) if mine else b.typedef("t", b.volatile(number)),
        "proto": b.func_proto(0),
    }


def test_compatibility_of_fields():
    kernel, program = Builder(), Program()
    theirs = compatible_pairs(kernel, False)
    mine = compatible_pairs(program.types, True)
    kernel.struct("s", 64, [(name, type_id, 0) for name, type_id in theirs.items()])
    root = program.types.struct("s", 64, [(name, type_id, 0) for name, type_id in mine.items()])
    for index in range(len(mine)):
        program.relo(k.FIELD_EXISTS, root, f"0:{index}")
    found = dict(zip(mine, (value for _, value in answer(program, kernel.build())), strict=True))
    yes = ("struct", "int", "pointer", "float", "enum", "array", "fwd", "const")
    assert found == {name: int(name in yes) for name in mine}


@pytest.mark.parametrize(
    ("length", "last", "index", "expected"),
    [(3, True, 2, 1), (3, True, 3, 0), (0, True, 9, 1), (0, False, 9, 0), (0, False, 0, 0)],
)
def test_arrays_on_the_target(order, length, last, index, expected):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    more = [] if last else [("end", number, 128)]
    kernel.struct("s", 20, [("x", number, 0), ("a", kernel.array(number, number, length), 32), *more])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 44, [("a", program.types.array(number, number, 10), 0)])
    program.relo(k.FIELD_EXISTS, root, f"0:0:{index}")
    program.relo(k.BYTE_OFFSET, root, f"0:0:{index}")
    assert answer(program, kernel.build()) == [
        ("value", expected),
        ("value", 4 + 4 * index) if expected else ("missing", None),
    ]


def test_pointer_style_index(order):
    kernel, program = Builder(order=order), Program(order)
    plain(kernel)
    _, root = plain(program.types)
    program.relo(k.BYTE_OFFSET, root, "3:1")
    program.relo(k.BYTE_OFFSET, root, "2")
    program.relo(k.BYTE_SIZE, root, "2")
    assert answer(program, kernel.build()) == [("value", 100), ("value", 64), ("value", 32)]


@pytest.mark.parametrize(
    ("local", "target", "expected"),
    [
        (("ptr", 0, 0), ("ptr", 0, 0), 4),
        (("int", 8, 0), ("int", 4, 0), 4),
        (("int", 8, 1), ("int", 4, 0), -1),
        (("int", 8, 0), ("int", 4, 1), -1),
        (("int", 4, 1), ("int", 4, 1), 4),
        (("int", 1, 3), ("int", 2, 0), 2),
        (("enum", 4, 0), ("enum", 1, 0), -1),
    ],
)
def test_sizes_of_loads(local, target, expected):
    """A load may be widened or narrowed for pointers and for INTs not exactly SIGNED."""
    kernel, program = Builder(), Program()
    kernel.int("unsigned long", 4)

    def member(b, what, size, encoding):
        if what == "ptr":
            return b.ptr(0)
        return b.int("i", size, encoding=encoding) if what == "int" else b.enum("e", [("A", 0)], size=size)

    kernel.struct("s", 8, [("x", member(kernel, *target), 0)])
    program.relo(k.BYTE_OFFSET, program.types.struct("s", 8, [("x", member(program.types, *local), 0)]), "0:0")
    assert one(program, kernel.build()).load_size == expected


@pytest.mark.parametrize(("size", "expected"), [(4, 4), (8, 8), (None, 8)])
def test_size_of_pointers(size, expected):
    kernel, program = Builder(), Program()
    if size:
        kernel.int("long unsigned int", size)
    kernel.struct("s", 8, [("p", kernel.ptr(0), 0)])
    program.relo(k.BYTE_SIZE, program.types.struct("s", 8, [("p", program.types.ptr(0), 0)]), "0:0")
    assert answer(program, kernel.build()) == [("value", expected)]


# ---- enumerators ---------------------------------------------------------------------------------------------------


def test_enumerators(order):
    kernel, program = Builder(order=order), Program(order)
    kernel.enum("e", [("A___old", 1), ("B", -2), ("B___x", 5)])
    kernel.enum("u", [("TOP", 0x90000000)], signed=False)
    kernel.enum64("w", [("BIG", 1 << 40), ("NEG", -1)])
    e = program.types.enum64("e___mine", [("A", 0), ("B___z", 0), ("C", 0)])
    u = program.types.typedef("u_t", program.types.enum("u", [("TOP", 0)]))
    w = program.types.enum("w", [("BIG", 0), ("NEG", 0)])
    for index in range(3):
        program.relo(k.ENUMVAL_VALUE, e, str(index))
        program.relo(k.ENUMVAL_EXISTS, e, str(index))
    program.relo(k.ENUMVAL_VALUE, u, "0")
    program.relo(k.ENUMVAL_VALUE, u - 1, "0")
    program.relo(k.ENUMVAL_VALUE, w, "0")
    program.relo(k.ENUMVAL_VALUE, w, "1")
    program.relo(k.ENUMVAL_VALUE, w, "2")
    assert answer(program, kernel.build()) == [
        *(("value", 1), ("value", 1)),
        *(("value", 2**64 - 2), ("value", 1)),
        *(("missing", None), ("value", 0)),
        ("missing", None),  # no typedef of that name
        ("value", 0x90000000),  # libbpf extends the sign of an unsigned one, and then refuses clang's instruction
        ("value", 1 << 40),
        ("value", 2**64 - 1),
        ("error", None),
    ]


# ---- types ---------------------------------------------------------------------------------------------------------


def test_types(order):
    kernel, program = Builder(order=order), Program(order)
    for b in (kernel, program.types):
        number, s = plain(b)
        b.typedef("same", b.ptr(s))
        b.typedef("chr", b.int("char", 1))
        b.fwd("f")
    kernel.typedef("fn", kernel.ptr(kernel.func_proto(number, [("a", number), ("b", s)])))
    fn = program.types.typedef("fn", program.types.ptr(program.types.func_proto(number, [("a", number)])))
    gone = program.types.struct("gone", 4)
    b = program.build().btf
    roots = [b.find_id("struct s"), b.find_id("same"), b.find_id("chr"), b.find_id("f"), fn, gone]
    for kind in (8, 7, 12, 6):
        for root in roots:
            program.relo(kind, root)
    got = answer(program, kernel.build())
    ids = [("value", kernel.build().find_id(name)) for name in ("struct s", "same", "chr", "f")]
    yes, no, none = ("value", 1), ("value", 0), ("missing", 0)
    assert got[:6] == [yes, yes, yes, yes, no, no]
    assert got[6:12] == [*ids, none, none]
    assert got[12:18] == [yes, yes, yes, yes, no, no]
    assert got[18:] == [("value", root) for root in roots]


def test_type_size(order):
    kernel, program = Builder(order=order), Program(order)
    for b, size in ((kernel, 12), (program.types, 4)):
        s = b.struct("s", size)
        b.typedef("t", b.const(s))
        b.fwd("f")
        b.float("double", 8)
        b.typedef("d", b.next_id - 1)
    for root in (s, s + 2, s + 3, s + 4, s + 5):
        program.relo(k.TYPE_SIZE, root)
    # FLOATs are compatible to nothing, not even to themselves (FORMAT.md 3.5); a FWD has no size
    assert answer(program, kernel.build()) == [
        ("value", 12),
        ("value", 12),
        ("error", None),
        ("missing", 0),
        ("missing", 0),
    ]


def test_types_do_not_compare_names_behind_pointers():
    kernel, program = Builder(), Program()
    kernel.typedef("t", kernel.ptr(kernel.struct("a", 4)))
    program.relo(k.TYPE_EXISTS, program.types.typedef("t", program.types.ptr(program.types.struct("b", 8))))
    program.relo(k.TYPE_MATCHES, 3)
    assert answer(program, kernel.build()) == [("value", 1), ("value", 0)]


def matching(b, mine):
    """Members that match, or not, by FORMAT.md 3.6: name -> type."""
    number, short = b.int("int", 4, encoding=1), b.int("short", 2)
    return {
        "same": number,
        "sign": b.int("i", 4, encoding=0 if mine else 1),
        "size": b.int("j", 4 if mine else 8),
        "void": b.ptr(0),
        "to_void": b.ptr(0 if mine else number),
        "pointee": b.ptr(b.struct("p" if mine else "q", 4)),
        "behind": b.ptr(b.struct("o", 4 if mine else 8)),
        "fwd": b.ptr(b.fwd("v") if mine else b.struct("v", 8)),
        "to_fwd": b.ptr(b.union("w", 8) if mine else b.fwd("w", union=True)),
        "wrong_fwd": b.ptr(b.union("w2", 8) if mine else b.fwd("w2")),
        "array": b.array(number, number, 3),
        "length": b.array(number, number, 3 if mine else 4),
        "tag": b.ptr(number if mine else b.type_tag("user", number)),
        "float": b.float("float", 4),
        "fewer": b.enum("e", [("A", 1)] if mine else [("B", 2), ("A", 5)]),
        "more": b.enum("e2", [("A", 1), ("B", 2)] if mine else [("A", 1)]),
        "fn": b.ptr(b.func_proto(number, [("x", short)])),
        "arity": b.ptr(b.func_proto(number, [("x", short)] if mine else [])),
        "embedded": b.struct("", 4, [("m", number, 0)] if mine else [("l", short, 0), ("m", number, 16)]),
        "lacks": b.struct("", 4, [("m", number, 0)] if mine else [("l", number, 0)]),
    }


def test_type_matches(order):
    kernel, program = Builder(order=order), Program(order)
    theirs, mine = matching(kernel, False), matching(program.types, True)
    for name in mine:
        kernel.struct("in_" + name, 64, [("other", theirs["same"], 0), ("m", theirs[name], 0)])
        program.relo(k.TYPE_MATCHES, program.types.struct("in_" + name, 64, [("m", mine[name], 0)]))
    found = dict(zip(mine, (value for _, value in answer(program, kernel.build())), strict=True))
    no = ("sign", "size", "to_void", "pointee", "wrong_fwd", "length", "float", "more", "arity", "lacks")
    assert found == {name: int(name not in no) for name in mine}


# ---- flavors ---------------------------------------------------------------------------------------------------------


def flavored(order, name):
    """The outcome of a read of `struct NAME { int y; }` on a kernel with a, a___b, a___b___c and a____b."""
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    for place, known in enumerate(("a", "a___b", "a___b___c", "a____b")):
        kernel.struct(known, 32, [("y", number, 32 * place)])
    root = program.types.struct(name, 4, [("y", program.types.int("int", 4), 0)])
    program.relo(k.BYTE_OFFSET, root, "0:0")
    return one(program, kernel.build())


def test_only_the_last_flavor_is_removed(order):
    """libbpf 1.8-dev: the candidates for a___b___x are the types with the essential name a___b."""
    assert [type_id for _, type_id in flavored(order, "a").candidates] == [2, 3]
    assert [type_id for _, type_id in flavored(order, "a___x").candidates] == [2, 3]
    found = flavored(order, "a___b___x")
    assert [type_id for _, type_id in found.candidates] == [4]
    assert (found.status, found.value) == ("value", 8)
    assert flavored(order, "a____b").value == 12


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("q____new", "no struct q____new on the target (four or more underscores do not begin a flavor: write three)"),
        ("q___", "no struct q___ on the target (a flavor has a name after its three underscores)"),
        ("q___a___b", "no struct q___a___b on the target (searched as 'q___a': only the last flavor is removed)"),
        ("q___a", "no struct q___a on the target"),
        ("____q", "no struct ____q on the target"),
    ],
)
def test_a_name_that_looks_like_a_flavor(name, note):
    assert flavored("little", name).detail == note


# ---- accesses that end at an anonymous member -----------------------------------------------------------------------


def test_an_access_that_ends_at_an_anonymous_member(order):
    """GCC 16 writes 0:1 and 0:1:0 for the members below: libbpf 1.8-dev drops anonymous steps on the target, but not by the
    program's own types, so it finds the value in the instruction (8) and replaces it by that of the root (0)."""
    kernel, program = Builder(order=order), Program(order)
    for types in kernel, program.types:
        number = types.int("int", 4)
        inner = types.struct("", 8, [("p", number, 0), ("q", number, 32)])
        union = types.union("", 8, [("", inner, 0), ("r", number, 0)])
        root = types.struct("outer", 24, [("x", number, 0), ("", union, 64), ("in", inner, 128)])
    for access in ("0:1", "0:1:0", "0:1:1", "0:1:0:1", "0:2", "0"):
        program.relo(k.BYTE_OFFSET, root, access)
    (outcomes,) = relocate([obj := program.build()], Target(kernel.build()))
    assert [outcome.value for outcome in outcomes] == [0, 0, 8, 12, 16, 0]
    assert [bool(outcome.misread) for outcome in outcomes] == [True, True, False, False, False, False]
    assert [local_value(obj, relocation) for relocation in obj.relocations] == [8, 8, 8, 12, 16, 0]
    counts = Counts(outcomes)
    assert (counts.misread, counts.all_answered) == (2, False)
    assert str(counts) == "6 relocations: 6 answered, 0 missing, 0 ambiguous, 2 read another member"


# ---- several candidates, modules -------------------------------------------------------------------------------------


def test_candidates_have_to_agree(order):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0), ("y", number, 32)])
    kernel.struct("s___2", 8, [("x", number, 0)])
    kernel.struct("s", 8, [("y", number, 0), ("x", number, 0)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 8, [("x", number, 0), ("y", number, 32), ("z", number, 64)])
    for member in range(3):
        program.relo(k.BYTE_OFFSET, root, f"0:{member}")
        program.relo(k.FIELD_EXISTS, root, f"0:{member}")
    assert answer(program, kernel.build()) == [
        *(("value", 0), ("value", 1)),
        *(("ambiguous", None), ("ambiguous", None)),  # by offset, even where only existence is asked
        *(("missing", None), ("value", 0)),
    ]


def two_layouts(order, *asked):
    """A kernel with two structs s, one with x and z, one with y and z elsewhere, and a program that asks for members."""
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0), ("z", number, 32)])
    kernel.struct("s", 16, [("y", number, 64), ("z", number, 96)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [(name, number, 32 * i) for i, name in enumerate("xyz")])
    for kind, name in asked:
        program.relo(kind, root, f"0:{'xyz'.index(name)}")
    return program, kernel.build()


def test_a_match_narrows_the_candidates_of_later_relocations(order):
    """libbpf 1.8-dev: candidates that a relocation did not match are dropped for its local type; the order decides."""
    off, exists = k.BYTE_OFFSET, k.FIELD_EXISTS
    program, vmlinux = two_layouts(order, (off, "z"), (off, "x"), (off, "y"), (exists, "y"), (off, "z"))
    assert answer(program, vmlinux) == [
        ("ambiguous", None),  # libbpf ends here: it drops none
        ("value", 0),
        ("missing", None),
        ("value", 0),
        ("value", 4),
    ]
    program, vmlinux = two_layouts(order, (off, "y"), (exists, "x"), (off, "z"), (off, "x"))
    assert answer(program, vmlinux) == [("value", 8), ("value", 0), ("value", 12), ("missing", None)]
    (outcomes,) = relocate([program.build()], Target(vmlinux))
    assert [outcome.alone and (outcome.alone.status, outcome.alone.value) for outcome in outcomes] == [
        None,
        ("value", 1),
        ("ambiguous", None),
        ("value", 0),
    ]
    assert [len(outcome.candidates) for outcome in outcomes] == [2] * 4
    assert (outcomes[3].reason, outcomes[3].detail) == (
        "narrowed",
        "struct s has no member 'x'; 1 of 2 types of this name matches, but libbpf dropped it at socket+0, where"
        " ((struct s *)0)->y did not match",
    )


def test_what_narrows_no_candidates():
    """Another local type of the name, programs that are not loaded, functions that the linker dropped, no match at all."""
    off = k.BYTE_OFFSET
    program, vmlinux = two_layouts("little", (off, "x"))
    other = program.types.struct("s", 4, [("y", program.types.int("int", 4), 0)])
    program.relo(off, other, "0:0")
    assert answer(program, vmlinux) == [("value", 0), ("value", 8)]

    program, vmlinux = two_layouts("little", (off, "x"), (off, "y"))
    obj = program.build()
    (outcomes,) = relocate([obj], Target(vmlinux), obj.relocations[:1])
    assert [outcome.value for outcome in outcomes] == [0, 8]
    obj.function_at = lambda section, insn_off: ("main", 0) if insn_off else ("", 0)
    (outcomes,) = relocate([obj], Target(vmlinux))
    assert [outcome.value for outcome in outcomes] == [0, 8]

    program, vmlinux = two_layouts("little", (off, "x"), (off, "y"))
    program.relo(k.TYPE_MATCHES, program.records[0][0])  # has x, y and z
    program.records.insert(0, program.records.pop())
    assert answer(program, vmlinux) == [("value", 0), ("value", 0), ("missing", None)]


def test_modules_are_searched_behind_vmlinux(order):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    kernel.struct("both", 4, [("x", number, 0)])
    vmlinux = kernel.build()
    modules = []
    for offset in (32, 32, 64):
        module = Builder(vmlinux)
        module.struct("both", 16, [("y", number, 0)])
        module.struct("three", 16, [("x", number, offset)])
        if offset == 64:
            module.struct("only", 16, [("x", number, 96)])
        modules.append(module.build())
    number = program.types.int("int", 4)
    both = program.types.struct("both", 8, [("y", number, 0)])
    three = program.types.struct("three", 8, [("x", number, 0)])
    only = program.types.struct("only", 8, [("x", number, 0)])
    for root in (both, three, only):
        program.relo(k.BYTE_OFFSET, root, "0:0")
    program.relo(k.TYPE_ID_TARGET, three)
    assert answer(program, vmlinux, *modules[:2]) == [
        ("missing", None),
        ("value", 4),
        ("missing", None),
        ("ambiguous", None),  # two types, though by chance of one number
    ]
    assert answer(program, vmlinux, *modules) == [
        ("missing", None),
        ("ambiguous", None),
        ("value", 12),
        ("ambiguous", None),
    ]
    assert answer(program, vmlinux) == [("missing", None), ("missing", None), ("missing", None), ("missing", 0)]


def test_a_split_as_the_target_is_searched_whole():
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 4, [("x", number, 0)])
    module = Builder(kernel.build())
    module.struct("m", 8, [("x", number, 32)])
    number = program.types.int("int", 4)
    for name in ("s", "m"):
        program.relo(k.BYTE_OFFSET, program.types.struct(name, 8, [("x", number, 0)]), "0:0")
    assert answer(program, module.build()) == [("value", 0), ("value", 4)]


def test_what_is_said_to_people(order):
    kernel, program = Builder(order=order), Program(order)
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", kernel.ptr(0), 0)])
    number = program.types.int("int", 4)
    s = program.types.struct("s", 8, [("x", number, 0), ("y", number, 32)])
    gone = program.types.struct("gone", 8, [("x", number, 0)])
    for root, access in ((s, "0:0"), (s, "0:1"), (gone, "0:0")):
        program.relo(k.BYTE_OFFSET, root, access)
    obj = program.build()
    (outcomes,) = relocate([obj], Target(kernel.build()))
    assert [o.reason for o in outcomes] == ["kind-differs", "no-member", "no-type"]
    assert [obj.expression(r) for r in obj.relocations] == [
        "((struct s *)0)->x",
        "((struct s *)0)->y",
        "((struct gone *)0)->x",
    ]
    assert "'y'" in outcomes[1].detail
    assert "struct gone" in outcomes[2].detail


def test_expressions_never_raise():
    program = Program()
    _, root = plain(program.types)
    for access in ("", "0:", "9:9:9", "0:3:1:1", "x", "0:4:0"):
        for kind in (0, 8, 10, 99):
            program.relo(kind, root, access)
            program.relo(kind, 77, access)
    obj = program.build()
    assert all(isinstance(obj.expression(relocation), str) for relocation in obj.relocations)


def test_kinds_of_roots_count():
    """A union is no candidate for a struct; ENUM and ENUM64 are one."""
    kernel, program = Builder(), Program()
    kernel.union("a", 4)
    kernel.enum64("b", [("X", 1)])
    program.relo(k.TYPE_EXISTS, program.types.struct("a", 4))
    program.relo(k.TYPE_EXISTS, program.types.enum("b", [("X", 1)]))
    assert answer(program, kernel.build()) == [("value", 0), ("value", 1)]
    assert spec.ENUM != spec.ENUM64
