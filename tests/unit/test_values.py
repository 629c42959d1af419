"""Values out of bytes and back: of a compiled object in both byte orders, and of types made by hand."""

from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import btfkit
import strategies
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.btf.shapes import cast, shape_of
from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError
from btfkit.files.elf import Elf
from btfkit.values.json_text import json_of
from btfkit.values.shape import EnumValue, Pointer

DATA = Path(__file__).parents[1] / "data" / "values"
ORDERS = {"little": "bpfel.o", "big": "bpfeb.o"}

ALL = {  # the initializer of `all` in values.bpf.c
    "c": 65,
    "u": 200,
    "s": -100,
    "yes": True,
    "half": -12345,
    "word": 0xDEADBEEF,
    "wide": -1234567890123,
    "top": 0xFEDCBA9876543210,
    "color": -3,
    "big": 0x123456789ABCDEF0,
    "flags": 0x80000000,
    "text": "hello",
    "mac": [0, 1, 2, 0xFD, 0xFE, 0xFF],
    "grid": [[1, -2, 3], [4, 5, 6]],
    "in": {"x": -7, "y": 8},
    "ins": [{"x": 1, "y": 2}, {"x": 3, "y": -4}],
    "inner": 77,
    "either": 0x01020304,
    "bits": {"a": 5, "b": 0x1ABCD, "c": -9, "e": -3, "f": True, "g": 0xABCDEF0123, "h": -64},
    "packed": {"a": 1, "b": 0x02030405, "c": -6, "d": 5, "e": 0x0807060504030201},
    "qualified": 9,
    "null": 0,
    "full": "full",
    "none": [],
    "after": 11,
}
OF_ORDER = {
    "little": {
        "number": {"whole": 0x04030201, "bytes": [1, 2, 3, 4], "first": 0x0201, "second": 0x0403},
        "other": 4,
    },
    "big": {"number": {"whole": 0x01020304, "bytes": [1, 2, 3, 4], "first": 0x0102, "second": 0x0304}, "other": 1},
}


def variable(order: str, name: str, section: str = ".data") -> tuple[btfkit.Btf, bytes]:
    """The BTF of the compiled object, and the bytes of a variable."""
    path = DATA / ORDERS[order]
    elf = Elf(path.read_bytes())
    found = next(symbol for symbol in elf.symbols() if symbol.name == name)
    data = bytes(elf.data(elf.sections[found.section]))
    assert elf.sections[found.section].name == section
    return btfkit.load(path), data[found.value : found.value + found.size]


@pytest.fixture(params=ORDERS)
def order(request) -> str:
    return request.param


def test_every_kind_of_member(order) -> None:
    btf, data = variable(order, "all")
    value = btfkit.decode(btf, "struct all", data)
    assert value.as_dict() == ALL | OF_ORDER[order]
    assert value == ALL | OF_ORDER[order]
    assert list(value) == value.keys() == list(btf.struct("all").unpack(data).as_dict())
    assert dict(value)["in"] == {"x": -7, "y": 8}
    assert bytes(value) == data
    assert btfkit.decode(btf, "all", data) == value  # the variable
    assert (value.color.name, str(value.color), value.big.name, value.flags.name) == ("BLUE", "BLUE", "HUGE", "HIGH")
    assert (value.bits.e.name, value.packed.d.name) == ("BLUE", "GREEN")
    assert (value["in"].x, value.ins[-1].y, value.grid[1][2], value.ins[0:1]) == (-7, -4, 6, [{"x": 1, "y": 2}])
    assert (value.inner, value.either, value["other"]) == (77, 0x01020304, OF_ORDER[order]["other"])
    assert repr(value.null) == "0x0"
    assert isinstance(value.null, Pointer)
    assert (value.raw("text"), value.raw("mac"), bytes(value.mac)) == (
        b"hello\0\0\0",
        bytes(value.mac),
        bytes(ALL["mac"]),
    )


def test_what_is_packed_again(order) -> None:
    btf, data = variable(order, "all")
    struct = btf.struct("all")
    value = struct.unpack(data)
    assert struct.pack(value) == data
    assert struct.unpack(struct.pack(value.as_dict())) == value
    names = value.as_dict() | {"color": "BLUE", "packed": {**ALL["packed"], "d": "GREEN"}}
    assert struct.unpack(struct.pack(names)) == value
    assert struct.pack({}) == bytes(struct.size)
    one = struct.pack({"bits": {"g": 0xABCDEF0123}, "number": {"second": 0x0403}})
    assert struct.unpack(one).bits == {**dict.fromkeys("abcefh", 0), "g": 0xABCDEF0123}
    assert struct.unpack(one).number.second == 0x0403


def test_a_flexible_array(order) -> None:
    btf, data = variable(order, "tail")
    struct = btf.struct("tail")
    assert len(data) == 12 > struct.size
    value = struct.unpack(data)
    assert value.as_dict() == {"count": 3, "kind": 1, "items": [10, -20, 30][: (12 - 6) // 2]}
    assert value.raw("items") == data[6:]
    assert struct.unpack(data[:8])["items"] == []
    assert list(struct.unpack(data, size=11)["items"]) == [10, -20]
    assert struct.pack(value) == data
    assert struct.pack({"count": 3, "kind": 1, "items": [10, -20, 30]}) == data
    assert struct.unpack(b"\xff" + data, 1) == value


def test_json_of_every_kind(order) -> None:
    btf, data = variable(order, "all")
    value = json.loads(btf.struct("all").unpack(data).as_json())
    names = {"color": "BLUE", "big": "HUGE", "flags": "HIGH", "null": "0x0"}
    names["bits"] = {**ALL["bits"], "e": "BLUE"}
    names["packed"] = {**ALL["packed"], "d": "GREEN"}
    assert value == ALL | OF_ORDER[order] | names


def made(build, *, order="little", pointer_size=8):
    """The first struct `s` of what `build` adds to a Builder."""
    b = Builder(order=order)
    build(b)
    return b.build(pointer_size=pointer_size)


def test_floats() -> None:
    def build(b):
        half, bf, double = b.float("_Float16", 2), b.float("__bf16", 2), b.float("double", 8)
        wide, odd = b.float("long double", 16), b.float("odd", 3)
        b.struct("s", 48, [("h", half, 0), ("b", bf, 16), ("d", double, 64), ("w", wide, 128), ("o", odd, 256)])
        b.float("_Float128", 16)

    btf = made(build)
    struct = btf.struct("s")
    x87 = (0x3FFF << 64 | 0xC000000000000000).to_bytes(16, "little")  # 1.5
    data = bytes.fromhex("003e c03f 00000000") + b"\0\0\0\0\0\0\xf8\x7f" + x87 + b"abc" + bytes(13)
    value = struct.unpack(data)
    assert (value.h, value.b, math.isnan(value.d), value.w, value.o) == (1.5, 1.5, True, 1.5, b"abc")
    assert json.loads(value.as_json()) == {"h": 1.5, "b": 1.5, "d": "NaN", "w": 1.5, "o": "616263"}
    quad = (0x4000 << 112 | 1 << 111).to_bytes(16, "little")  # 3.0
    assert btf.float("_Float128").unpack(quad) == 3.0
    assert btf.float("_Float128").unpack((0x7FFE << 112).to_bytes(16, "little")) == math.inf
    for number in (3.0, -0.1, 1e300, 5e-324, math.inf, -math.inf, 0.0):
        for name in ("_Float128", "long double"):
            assert btf.float(name).unpack(btf.float(name).pack(number)) == number
    assert btf.float("_Float128").pack(3.0) == quad
    assert btf.float("long double").pack(1.5) == x87
    assert math.isnan(btf.float("long double").unpack(btf.float("long double").pack(math.nan)))
    assert struct.pack({"h": 1.5, "b": 1.5, "d": -2.0, "o": b"abc"})[:16].hex() == "003ec03f0000000000000000000000c0"
    with pytest.raises(TypeError, match=r"struct s\.o: odd cannot be made of a number; give its 3 bytes"):
        struct.pack({"o": 1.0})
    with pytest.raises(ValueError, match="does not fit in 2 bytes"):
        struct.pack({"h": 1e9})


def test_numbers_of_all_sizes(order) -> None:
    def build(b):
        for size in (1, 2, 3, 4, 5, 8, 16):
            b.int(f"u{size}", size)
            b.int(f"s{size}", size, encoding=spec.INT_SIGNED)

    btf = made(build, order=order)
    for size in (1, 2, 3, 4, 5, 8, 16):
        for name, signed in ((f"u{size}", False), (f"s{size}", True)):
            number = -(1 << 8 * size - 1) + 3 if signed else (1 << 8 * size) - 3
            raw = number.to_bytes(size, order, signed=signed)
            assert btf.int(name).unpack(b"x" + raw, 1) == number
            assert btf.int(name).pack(number) == raw


def test_bools_chars_and_addresses(order) -> None:
    def build(b):
        bool_, char, u8 = b.int("bool", 1, encoding=spec.INT_BOOL), b.int("char", 1), b.int("u8", 1)
        ch = b.typedef("ch", b.const(char))
        p = b.ptr(0)
        b.struct("s", 16, [("b", bool_, 0), ("c", b.array(ch, u8, 5), 8), ("u", b.array(u8, u8, 2), 48), ("p", p, 64)])

    struct = made(build, order=order, pointer_size=4).struct("s")
    data = b"\x01" + b"a\xff\0zz" + b"\0\2" + (0xC0001000).to_bytes(4, order) + bytes(4)
    value = struct.unpack(data)
    assert value.as_dict() == {"b": True, "c": "a\udcff", "u": [0, 2], "p": 0xC0001000}
    assert value.as_json() == r'{"b":true,"c":"a\udcff","u":[0,2],"p":"0xc0001000"}'
    assert struct.unpack(b"\xab" + data[1:]).b == 171
    assert struct.unpack(b"\0" + data[1:]).b is False
    assert struct.pack(value.as_dict())[:6] == b"\x01a\xff\0\0\0"
    assert struct.pack({"c": b"12345"})[1:6] == b"12345"


def test_bit_fields_of_old_btf(order) -> None:
    """Before Linux 4.21 an INT of its own had the width of a bit-field, and its place."""

    def build(b):
        part = b.int("unsigned int", 4, bits=5)
        shifted = b.int("int", 4, bits=3, bit_offset=2, encoding=spec.INT_SIGNED)
        b.struct("s", 4, [("a", part, 3), ("b", shifted, 8)])

    btf = made(build, order=order)
    struct = btf.struct("s")
    data = bytes((0b10101_101, 0b00_110_000, 0, 0)) if order == "big" else bytes((0b10101_101, 0b000_110_00, 0, 0))
    value = struct.unpack(data)
    first = 0b10101 if order == "little" else 0b01101
    assert value.as_dict() == {"a": first, "b": -2}
    again = struct.unpack(struct.pack({"a": first, "b": -2}))
    assert again == value
    with pytest.raises(ValueError, match=r"struct s\.b: 4 does not fit: expected -4 to 3"):
        struct.pack({"b": 4})


def test_errors_of_reading() -> None:
    btf, data = variable("little", "all")
    with pytest.raises(FormatError, match=r"byte 0x3: struct in: expected 8 bytes, found 4"):
        btfkit.decode(btf, "struct in", bytes(7), 3)
    with pytest.raises(FormatError, match="expected 100 bytes, found 8"):
        btfkit.decode(btf, "struct in", bytes(8), size=100)
    with pytest.raises(FormatError, match="found 4"):
        btfkit.decode(btf, "struct in", bytes(80), size=4)
    with pytest.raises(ValueError, match="offset -1"):
        btfkit.decode(btf, "struct in", bytes(8), -1)
    with pytest.raises(NotFoundError, match="no type called 'struct inn'; did you mean 'in'"):
        btfkit.decode(btf, "struct inn", bytes(8))
    with pytest.raises(FormatError, match="void has no size, so no values"):
        btfkit.decode(btf, 0, b"")
    with pytest.raises(TypeError, match="expected a Btf"):
        btfkit.decode("vmlinux", "struct in", b"")  # type: ignore[arg-type]
    value = btfkit.decode(btf, "struct all", data)
    with pytest.raises(NotFoundError, match="struct all has no member 'colour'; did you mean 'color'"):
        value["colour"]
    with pytest.raises(AttributeError, match="struct all has no member 'colour'"):
        value.colour  # noqa: B018
    with pytest.raises(IndexError, match=r"int\[2\]\[3\] has 2 elements, there is no number 2"):
        value.grid[2]
    assert not hasattr(value, "__array__")


def test_errors_of_writing() -> None:
    btf, _ = variable("little", "all")
    struct = btf.struct("all")
    for value, error, text in (
        ({"u": 256}, ValueError, "struct all.u: 256 does not fit: expected 0 to 255"),
        ({"s": -129}, ValueError, "expected -128 to 127"),
        ({"bits": {"a": 8}}, ValueError, "struct all.bits.a: 8 does not fit: expected 0 to 7"),
        ({"colour": 1}, ValueError, "struct all has no member 'colour'; did you mean 'color'?"),
        ({"color": "PINK"}, ValueError, "struct all.color: enum color has no enumerator 'PINK'"),
        ({"text": "too long a text"}, ValueError, "struct all.text: expected at most 8 bytes, got 15"),
        ({"grid": [[1], [2], [3]]}, ValueError, "struct all.grid: expected at most 2 elements, got 3"),
        ({"ins": [{"x": "a"}]}, TypeError, "struct all.ins[0].x: expected a number, got str 'a'"),
        ({"in": 5}, TypeError, "struct all.in: expected a dict, got int 5"),
        ({"grid": "ab"}, TypeError, "an array of char takes text"),
        ({"grid": None}, TypeError, "expected a sequence, got nothing (None)"),
        (
            {"number": {"whole": 1, "bytes": [2, 0, 0, 0]}},
            ValueError,
            "another member of the same union has other bytes",
        ),
        ({"number": b"abc"}, ValueError, "expected 4 bytes, got 3"),
        ({"none": [1]}, ValueError, "expected at most 0 elements, got 1"),
    ):
        with pytest.raises(error) as caught:
            struct.pack(value)
        assert text in str(caught.value)


def test_views_are_lazy_and_copied() -> None:
    btf, data = variable("little", "all")
    buffer = bytearray(data)
    value = btf.struct("all").unpack(buffer)
    buffer[0] = 66
    assert value.c == 66
    assert "c" in value
    assert "nothing" not in value
    assert "grid" in dir(value)
    assert repr(value) == f"<struct all: {len(data)} bytes>"
    assert repr(value.grid) == "<int[2][3] of 2>"
    red = EnumValue(0, "RED")
    assert pickle.loads(pickle.dumps(red)).name == copy.copy(red).name == "RED"
    assert (repr(red), repr(EnumValue(4)), red == 0) == ("<RED: 0>", "4", True)


def test_names_that_several_types_have() -> None:
    b = Builder()
    int_ = b.int("int", 4)
    b.typedef("s", b.struct("s", 4, [("a", int_, 0)]))
    b.func("s", b.func_proto(0))
    b.struct("t", 4, [("a", int_, 0)])
    b.struct("t", 4, [("b", int_, 0)])
    btf = b.build()
    assert btfkit.decode(btf, "s", bytes(4)) == {"a": 0}
    with pytest.raises(
        AmbiguousError, match=r"2 types called 't': choose one by its id: \d+ \(struct\), \d+ \(struct\)"
    ):
        btfkit.decode(btf, "t", bytes(4))
    assert btfkit.decode(btf, btf.struct("s"), bytes(4)) == {"a": 0}


def test_anonymous_members_with_one_name() -> None:
    b = Builder()
    int_ = b.int("int", 4)
    one, two = b.struct("", 4, [("a", int_, 0)]), b.struct("", 4, [("a", int_, 0)])
    b.struct("s", 12, [("", one, 0), ("", two, 32), ("", int_, 64)])
    value = b.build().struct("s").unpack(bytes(range(12)))
    assert value.keys() == ["a", "a#2", ""]
    assert json.loads(value.as_json()) == {"a": 0x03020100, "a#2": 0x07060504, "": 0x0B0A0908}


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda b: b.struct("s", 8, [("a", 1, 0)]), "contains itself"),
        (lambda b: b.struct("s", 4, [("a", b.int("long", 8), 0)]), "ends at byte 8, after the end at 4"),
        (lambda b: b.struct("s", 4, [("a", b.ptr(0), 0, 3)]), None),
        (lambda b: b.struct("s", 8, [("a", b.float("f", 4), 0, 3)]), "is a bitfield of a type that cannot be one"),
        (lambda b: b.struct("s", 8, [("a", b.float("f", 4), 3)]), "begins within a byte"),
        (lambda b: b.array(b.struct("e", 0), b.int("int", 4), 1 << 31), "values in 0 bytes"),
        (lambda b: b.enum("e", (), size=0), "an enum of 0 bytes"),
        (lambda b: b.int("i", 1, bits=9), "9 bits from bit 0 on, in 1 byte"),
    ],
)
def test_damaged_types(build, text) -> None:
    b = Builder()
    if text == "contains itself":
        build(b)
        type_id = 1
    else:
        type_id = build(b)
    btf = b.build()
    if text is None:
        assert shape_of(btf, type_id)
        return
    with pytest.raises(FormatError, match=text):
        shape_of(btf, type_id)


def test_values_out_of_proportion() -> None:
    """Members on top of each other, ten levels deep: ten to the tenth values in four bytes."""
    b = Builder()
    inner = b.int("int", 4)
    for level in range(10):
        inner = b.struct(f"s{level}", 4, [(f"m{number}", inner, 0) for number in range(10)])
    with pytest.raises(FormatError, match="members lie on each other"):
        shape_of(b.build(), inner)
    b = Builder()
    inner = b.int("int", 4)
    for level in range(90):
        inner = b.struct(f"s{level}", 4, [("m", inner, 0)])
    with pytest.raises(FormatError, match=r"more than 64 arrays and structs within each other|nested too deeply"):
        shape_of(b.build(), inner)


def test_many_unnamed_members_on_each_other() -> None:
    """The names of 2**16 are found one after the other, and 2**30 are refused before a field is made of each."""
    b = Builder()
    inner = b.int("int", 4)
    levels = []
    for level in range(30):
        of_two = b.union if level % 2 else b.struct
        levels.append(inner := of_two("", 4, [("", inner, 0), ("", inner, 0)]))
    btf = b.build()
    assert len(shape_of(btf, levels[14]).fields) == 1 << 15
    with pytest.raises(FormatError, match="members lie on each other"):
        shape_of(btf, levels[29])


def test_a_name_with_a_number_is_taken() -> None:
    b = Builder()
    int_ = b.int("int", 4)
    names = ["a", "a#2", "a", "a", "a#2"]
    struct = b.struct("s", 20, [(name, int_, 32 * index) for index, name in enumerate(names)])
    assert list(shape_of(b.build(), struct).fields) == ["a", "a#2", "a#3", "a#4", "a#2#2"]


def test_casts() -> None:
    b = Builder()
    int_, char = b.int("int", 4, encoding=1), b.int("char", 1)
    u8 = b.typedef("u8", char)
    proto = b.func_proto(b.ptr(0), [("", int_), ("name", b.ptr(b.const(char))), ("", 0)])
    nothing = b.func_proto(int_)
    types = {
        "int": b.const(int_),
        "u8[4]": b.array(b.volatile(u8), int_, 4),
        "char *": b.ptr(b.const(char)),
        "void *[2]": b.array(b.ptr(0), int_, 2),
        "int(*)[3]": b.ptr(b.array(int_, int_, 3)),
        "char[2][4]": b.array(b.array(char, int_, 4), int_, 2),
        "struct": b.struct("", 4),
        "union": b.union("", 4),
        "enum": b.enum(""),
        "struct x *": b.ptr(b.fwd("x")),
        "void * (*)(int, char *name, ...)": b.ptr(proto),
        "int (*[2])(void)": b.array(b.ptr(nothing), int_, 2),
        "u8": b.type_tag("user", u8),
    }
    btf = b.build()
    assert {cast(btf, type_id): type_id for type_id in types.values()} == types


@settings(deadline=None, max_examples=60)
@given(data=st.data(), order=strategies.orders)
def test_any_bytes_have_values_that_pack_again(data, order) -> None:
    btf = data.draw(strategies.btfs(order))
    for one in btf.types():
        size = one.size
        if size is None or size > 4096:
            continue
        raw = data.draw(st.binary(min_size=size, max_size=size))
        try:
            value = one.unpack(raw)
        except BtfError as error:
            assert "values in" in str(error) or "no size" in str(error)  # noqa: PT017
            continue
        json.loads(json_of(shape_of(btf, one.id), raw))
        assert len(one.pack(value)) == size
