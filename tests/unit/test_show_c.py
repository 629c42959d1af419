"""`show.c`: declarations one by one, the order of everything, and what bpftool gets wrong."""

from __future__ import annotations

import pytest
from test_show_raw_golden import everything

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import FormatError, NotFoundError, UnsupportedError
from btfkit.show import c as show_c
from btfkit.show import definitions
from btfkit.show.c import END, HEAD, KFUNCS, c_text
from btfkit.show.definitions import DECLARED
from c_cases import CASES

ORDERS = ("little", "big")


def text(btf: Btf, ids=None, **options) -> str:
    return b"".join(c_text(btf, ids, **options)).decode()


def body(btf: Btf, ids=None, **options) -> str:
    """The declarations alone."""
    whole = text(btf, ids, **options)
    assert whole.startswith(HEAD.decode())
    assert whole.endswith(END.decode())
    return whole[len(HEAD) : -len(END)].partition(KFUNCS.decode())[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, order) -> None:
    build, expected = CASES[name]
    b = Builder(order=order)
    ids = build(b)
    btf = b.build()
    assert body(btf, ids) == body(btf, ids, compat=True) == expected + "\n"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("form", ["sorted", "unsorted", "compat"])
def test_golden(order, form, golden) -> None:
    options = {} if form == "sorted" else {form: True}
    golden(f"c_{form}.txt", text(everything(order), **options))


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_any_chunk_gives_the_same_text(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    btf = everything("little")
    whole = text(btf)
    monkeypatch.setattr(show_c, "CHUNK", size)
    assert text(btf) == whole


# ---- order ---------------------------------------------------------------------------------------------------------


def test_sorted_by_kind_then_name() -> None:
    b = Builder()
    i = b.int("int", 4)
    b.struct("b", 4, [("a", i, 0)])
    b.typedef("z_int", i)
    b.typedef("a_proto", b.func_proto(i))
    b.struct("a", 4, [("a", i, 0)])
    b.enum("e", [("E", 0)])
    b.enum("", [("Z", 0)])
    b.enum("", [("Y", 0)])
    b.fwd("f")
    btf = b.build()
    blocks = [block.split("\n")[0].strip(" {;") for block in body(btf).split("\n\n") if block]
    assert blocks == [
        *(
            "enum",
            "enum",
            "enum e",
            "typedef int z_int",
            "struct a",
            "struct b",
            "typedef int a_proto(void)",
            "struct f",
        )
    ]
    assert body(btf).index("Y = 0") < body(btf).index("Z = 0")
    blocks = [block.split("\n")[0].strip(" {;") for block in body(btf, unsorted=True).split("\n\n") if block]
    assert blocks[:2] == ["struct b", "typedef int z_int"]


def test_types_of_one_name_in_the_order_of_what_they_hold() -> None:
    """The same two types, in both orders of ids, come out in one order."""
    texts = set()
    for first, second in ((("x", 1), ("y", 2)), (("y", 2), ("x", 1))):
        b = Builder()
        i = b.int("int", 4)
        for name, count in (first, second):
            b.struct("s", 4 * count, [(f"{name}{n}", i, 32 * n) for n in range(count)])
        texts.add(body(b.build()))
    assert len(texts) == 1


def test_a_chain_is_printed_whole() -> None:
    b = Builder()
    i = b.int("int", 4)
    s = b.struct("base", 4, [("a", i, 0)])
    base = b.build()
    top = Builder(base)
    top.struct("own", 8, [("b", s, 0), ("e", top.next_id + 1, 32)])
    top.enum("", [("ONE", 1)])
    split = top.build()
    assert body(split) == (
        "struct base {\n\tint a;\n};\n\nstruct own {\n\tstruct base b;\n\tenum {\n\t\tONE = 1,\n\t} e;\n};\n\n"
    )


def test_pointers_of_four_bytes() -> None:
    b = Builder()
    long = b.int("long unsigned int", 4)
    char = b.int("char", 1)
    p = b.ptr(0)
    e = b.enum("e", [("A", 0)], size=8)
    ids = [b.struct("s", 16, [("a", p, 0), ("b", char, 64), ("c", long, 96)]), e]
    assert body(b.build(), ids) == (
        "struct s {\n\tvoid *a;\n\tlong: 32;\n\tchar b;\n\tlong unsigned int c;\n};\n\nenum e {\n\tA = 0,\n};\n\n"
    )


# ---- what bpftool gets wrong ----------------------------------------------------------------------------------------


def test_no_type_is_lost_when_sorted() -> None:
    b = Builder()
    b.enum("lost", [("A", 0)])
    b.struct("kept", 0)
    btf = b.build()
    assert body(btf) == "enum lost {\n\tA = 0,\n};\n\nstruct kept {};\n\n"
    assert body(btf, compat=True) == "struct kept {};\n\n"
    assert body(btf, compat=True, unsorted=True) == body(btf, unsorted=True) == body(btf)


def test_an_enum_that_is_only_returned_is_printed_once() -> None:
    b = Builder()
    e = b.enum("", [("ONE", 1)])
    b.typedef("f_t", b.ptr(b.func_proto(e)))
    b.func("only_a_function", b.func_proto(b.enum("", [("TWO", 2)])))
    btf = b.build()
    top = "enum {\n\tTWO = 2,\n};\n\n"
    inline = "typedef enum {\n\tONE = 1,\n} (*f_t)(void);\n\n"
    assert sorted(body(btf).split("\n\n")) == sorted((top + inline).split("\n\n"))
    twice = body(btf, compat=True, unsorted=True)
    assert "\tONE = 1,\n};" in twice
    assert "ONE___2 = 1" in twice


def test_kfuncs() -> None:
    b = Builder()
    i = b.int("int", 4)
    s = b.struct("s", 4, [("a", i, 0)])
    proto = b.func_proto(b.ptr(s), [("a", i), ("rest", b.ptr(0))])
    second, first, other = (b.func(name, proto) for name in ("k_second", "k_first", "no_kfunc"))
    b.decl_tag("bpf_kfunc", second)
    b.decl_tag("bpf_kfunc", first)
    b.decl_tag("bpf_fastcall", first)
    b.decl_tag("bpf_kfunc_not", other)
    b.decl_tag("bpf_kfunc", other, 0)
    lines = text(b.build()).partition(KFUNCS.decode())[2].split("\n")
    assert lines[:3] == [
        "extern __bpf_fastcall struct s *k_first(int a, void *rest) __weak __ksym;",
        "extern struct s *k_second(int a, void *rest) __weak __ksym;",
        "#endif",
    ]
    assert KFUNCS.decode() not in text(b.build(), [s])


# ---- hostile input ---------------------------------------------------------------------------------------------------

NAMES = {
    "core::option::Option<u32>": "core__option__Option_u32_",
    "a b": "a_b",
    "x;}int y": "x__int_y",
    "1st": "_1st",
    "caf\u00e9": "caf__",
    "a\nb": "a_b",
    "plain": "plain",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_identifiers(name: str) -> None:
    shown = NAMES[name]
    b = Builder()
    i = b.int("int", 4)
    s = b.struct(name, 4, [(name, i, 0)])
    ids = [s, b.typedef(name, s), b.enum("", [(name, 1)]), b.fwd(name, union=True)]
    btf = b.build()
    assert body(btf, ids) == (
        f"struct {shown} {{\n\tint {shown};\n}};\n\ntypedef struct {shown} {shown};\n\n"
        f"enum {{\n\t{shown}___2 = 1,\n}};\n\nunion {shown};\n\n"
    )
    assert name in body(btf, ids, compat=True)


def test_names_that_are_shown_alike_get_numbers() -> None:
    b = Builder()
    ids = [b.struct("a:b", 0), b.struct("a;b", 0), b.struct("a_b", 0)]
    assert body(b.build(), ids) == "struct a_b {};\n\nstruct a_b___2 {};\n\nstruct a_b___3 {};\n\n"


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("user", '__attribute__((btf_type_tag("user")))'),
        ('a"))) int x', '__attribute__((btf_type_tag("a\\042))) int x")))'),
        ("a\\\n", '__attribute__((btf_type_tag("a\\134\\012")))'),
    ],
)
def test_type_tags_stay_in_their_string(tag: str, shown: str) -> None:
    b = Builder()
    t = b.typedef("t", b.ptr(b.type_tag(tag, 0)))
    assert body(b.build(), [t]) == f"typedef void {shown} *t;\n\n"


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("address_space(1)", "address_space(1)"),
        ('section("x")', 'section("x")'),
        ("x)) int y; int z __attribute__((a", "x___int_y__int_z___attribute____a"),
        ('a("', "a__"),
        ("a;/*", "a__*"),
    ],
)
def test_attributes_stay_in_their_parentheses(tag: str, shown: str) -> None:
    b = Builder()
    t = b.typedef("t", b.ptr(b.type_tag(tag, 0, attribute=True)))
    assert body(b.build(), [t]) == f"typedef void __attribute__(({shown})) *t;\n\n"


def test_a_struct_that_contains_itself() -> None:
    b = Builder()
    b.int("int", 4)
    b.struct("first", 8, [("a", 3, 0)])
    b.struct("second", 8, [("a", 4, 0)])
    b.array(2, 1, 1)
    btf = b.build()
    with pytest.raises(FormatError, match="struct first > struct second > array type 4 > struct first"):
        c_text(btf)
    assert body(btf, [1]) == ""


def test_a_pointer_to_itself() -> None:
    for build in (
        lambda b: b.ptr(1),
        lambda b: b.const(1),
        lambda b: b.typedef("t", 1),
        lambda b: b.func_proto(1),
        lambda b: b.struct("", 4, [("a", 1, 0)]),
    ):
        b = Builder()
        build(b)
        with pytest.raises(FormatError, match="contains itself"):
            c_text(b.build())


def test_unknown_kinds() -> None:
    b = Builder(layout=True)
    b.record(spec.UNKN, "x", 7)
    b.struct("fine", 0)
    btf = b.build()
    assert body(btf) == "struct fine {};\n\n"
    b.ptr(1)
    with pytest.raises(UnsupportedError):
        c_text(b.build())


def test_no_such_id() -> None:
    with pytest.raises(NotFoundError):
        c_text(everything("little"), [1000])


def test_functions_and_variables_have_no_declaration() -> None:
    btf = everything("little")
    ids = [t.id for t in btf if t.kind not in DECLARED]
    assert body(btf, ids) == ""


@pytest.mark.parametrize("depth", [5000])
def test_deep_nesting(depth: int) -> None:
    """Every kind that can stand within another, deeper than any stack of Python's or C's would bear."""
    b = Builder()
    inner = b.int("int", 4)
    for number in range(depth):
        inner = b.struct("" if number % 2 else f"s{number}", 4, [("m", inner, 0)])
    top = b.typedef("top", inner)
    for _ in range(depth):
        inner = b.ptr(b.func_proto(inner))
    chain = b.typedef("functions", inner)
    inner = 1
    for _ in range(depth):
        inner = b.array(b.ptr(inner), 1, 2)
    arrays = b.typedef("arrays", inner)
    for number in range(depth):
        inner = b.typedef(f"t{number}", inner)
    said = body(b.build(), [top, chain, arrays, inner])
    assert said.count("struct s") >= depth // 2
    assert said.count("(*") >= depth
    assert said.count("typedef") == depth + 3


def test_what_would_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "STEPS_AT_LEAST", 1 << 14)
    b = Builder()
    inner = b.int("int", 4)
    for _ in range(64):
        inner = b.struct("", 4, [("a", inner, 0), ("b", inner, 0)])
    b.struct("top", 4, [("a", inner, 0)])
    protos = b.func_proto(0)
    for _ in range(64):
        protos = b.func_proto(0, [("a", protos), ("b", protos)])
    with pytest.raises(FormatError, match="C text takes too long"):
        text(b.build(), [b.next_id - 66])
    with pytest.raises(FormatError, match="C text takes too long"):
        text(b.build(), [b.next_id - 1])


def test_a_gap_as_large_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_c, "TEXT_AT_LEAST", 1 << 20)
    b = Builder()
    i = b.int("char", 1)
    b.struct("s", 0xFFFFFFFF, [("a", i, 0xFFFFFFF8)])
    with pytest.raises(FormatError, match="too much C text"):
        text(b.build())
