"""Texts of values: where btfkit shows what libbpf and bpftool lose (docs/differences.md), and with `compat` what libbpf writes.

The texts with `compat` were observed with libbpf 1.7 (`tests/peers/test_values_peers.py` compares random ones).
"""

from __future__ import annotations

from pathlib import Path

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.btf.shapes import shape_of
from btfkit.files.elf import Elf
from btfkit.values.bpftool_text import BpftoolText
from btfkit.values.libbpf_text import LibbpfText
from btfkit.values.shape import NOWHERE

SIGNED = spec.INT_SIGNED


class Types:
    """A BTF with a struct `s` of members, given by names of types."""

    def __init__(self, order: str = "little") -> None:
        b = self.b = Builder(order=order)
        self.ids = {
            "char": b.int("char", 1, encoding=SIGNED),
            "u8": b.typedef("u8", b.int("unsigned char", 1)),
            "int": b.int("int", 4, encoding=SIGNED),
            "u32": b.int("u32", 4),
            "u16": b.int("u16", 2),
            "bool": b.int("_Bool", 1, encoding=spec.INT_BOOL),
            "float": b.float("float", 4),
        }

    def array(self, name: str, length: int) -> int:
        return self.b.array(self.ids[name], self.ids["int"], length)

    def struct(self, size: int, *members) -> int:
        return self.b.struct("s", size, [(name, self.ids.get(kind, kind), *where) for name, kind, *where in members])

    def texts(self, type_id: int, data: bytes, **options) -> tuple[str, str]:
        """The text, and that with `compat`."""
        shape = shape_of(self.b.build(), type_id)
        return tuple(LibbpfText(compact=True, compat=compat, **options).text(shape, data) for compat in (False, True))


@pytest.fixture
def types() -> Types:
    return Types()


def test_a_struct_whose_first_member_is_zero(types) -> None:
    inner = types.b.struct("in", 8, [("a", types.ids["int"], 0), ("b", types.ids["int"], 32)])
    outer = types.struct(12, ("x", "int", 0), ("in", inner, 32))
    ours, theirs = types.texts(outer, bytes((1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0)))
    assert theirs == "(struct s){.x = (int)1,}"
    assert ours == "(struct s){.x = (int)1,.in = (struct in){.b = (int)5,},}"
    assert types.texts(outer, bytes((1, *bytes(11)))) == ("(struct s){.x = (int)1,}",) * 2


def test_bytes_after_an_array_of_bytes(types) -> None:
    name, numbers = types.array("char", 2), types.array("int", 3)
    struct = types.struct(16, ("n", name, 0), ("flag", "u8", 16), ("c", "u8", 24), ("l", numbers, 32))
    data = b"ab\x41\x02" + b"\1\0\0\0\0\0\0\0\2\0\0\0"
    ours, theirs = types.texts(struct, data)
    assert theirs == "(struct s){.n = (char[2])['a','b',],.flag = (u8)'A',.c = (u8)2,.l = (int[3])[1,2,],}"
    assert ours == "(struct s){.n = (char[2])['a','b',],.flag = (u8)65,.c = (u8)2,.l = (int[3])[1,0,2,],}"
    ours, theirs = types.texts(struct, b"ab\0\0" + bytes(12), zeroes=True)
    assert theirs.startswith(r"(struct s){.n = (char[2])['a','b',],.flag = (u8)'\0',.c = (u8).l = ")
    assert ours == "(struct s){.n = (char[2])['a','b',],.flag = (u8)0,.c = (u8)0,.l = (int[3])[0,0,0,],}"


def test_zeros_in_arrays_of_bytes(types) -> None:
    struct = types.struct(8, ("t", types.array("char", 4), 0), ("b", types.array("u8", 4), 32))
    ours, theirs = types.texts(struct, b"a\0z\0\0\1\0\0")
    assert theirs == "(struct s){.t = (char[4])['a','z',],}"
    assert ours == r"(struct s){.t = (char[4])['a',],.b = (u8[4])['\0',1,],}"
    ours, theirs = types.texts(struct, b"\0z\0\0\0\1\0\0", zeroes=True)
    assert theirs == r"(struct s){.t = (char[4])['\0',],.b = (u8[4])['\0',],}"
    assert ours == r"(struct s){.t = (char[4])['\0',],.b = (u8[4])['\0',1,'\0',],}"
    ours, _ = types.texts(struct, b"full\x01AB\xff")
    assert ours == "(struct s){.t = (char[4])['f','u','l','l',],.b = (u8[4])[1,'A','B',255,],}"
    assert types.texts(struct, bytes(8)) == ("(struct s){}",) * 2


def test_strings(types) -> None:
    struct = types.struct(12, ("t", types.array("char", 6), 0), ("b", types.array("u8", 4), 48))
    ours, theirs = types.texts(struct, b'a"\\\x1b\0z' + b"\1\0\2\0" + bytes(2), strings=True)
    assert theirs == r'(struct s){.t = (char[6])"a"\\x1b".b = (u8[4])"\x01"}'
    assert ours == r"""(struct s){.t = (char[6])"a\"\\\x1b",.b = (u8[4])[1,'\0',2,],}"""
    shape = shape_of(types.b.build(), struct)
    assert LibbpfText(strings=True).text(shape, b"ab\0\0\0\0" + b"cd\0\0" + bytes(2)) == (
        '(struct s){\n\t.t = (char[6])"ab",\n\t.b = (u8[4])"cd",\n}'
    )
    assert types.texts(struct, b"sixsix" + b"four" + bytes(2), strings=True)[0] == (
        "(struct s){.t = (char[6])['s','i','x','s','i','x',],.b = (u8[4])['f','o','u','r',],}"
    )


def test_enums(types) -> None:
    b = types.b
    signed = b.enum("e", [("MINUS", -1), ("ONE", 1)])
    high = b.enum("h", [("HIGH", 0x80000000)], signed=False)
    wide = b.enum64("w", [("W", -1)])
    struct = types.struct(
        25, ("a", signed, 0, 0), ("b", high, 32, 0), ("w", wide, 64, 0), ("c", signed, 128, 4), ("x", signed, 168, 0)
    )
    data = b"\7\0\0\0" + b"\0\0\0\x80" + b"\5\0\0\0\0\0\0\0" + b"\x0f\0\0\0\0" + b"\1\0\0\0"
    ours, theirs = types.texts(struct, data)
    assert theirs == "(struct s){.a = (enum e)7.b = (enum h)2147483648,.w = (enum w)5LL.c = (enum e)15}"
    assert ours == (
        "(struct s){.a = (enum e)7,.b = (enum h)HIGH,.w = (enum w)5LL,.c = (enum e)MINUS,.x = (enum e)ONE,}"
    )


def test_numbers_that_libbpf_does_not_know(types) -> None:
    b = types.b
    half, three, part = b.float("_Float16", 2), b.int("u24", 3), b.int("unsigned int", 4, bits=3)
    struct = types.struct(12, ("h", half, 0), ("t", three, 16), ("p", part, 64 + 5))
    assert (
        types.texts(struct, b"\x00\x3e\1\2\3\0\0\0\xe0\0\0\0")[0]
        == "(struct s){.h = (_Float16)1.500000,.t = (u24)197121,.p = (unsigned int)0x7,}"
    )
    large = b.int("__int128", 16, encoding=SIGNED)
    assert types.texts(large, b"\xff" * 16) == ("(__int128)0x" + "f" * 32,) * 2


def test_flexible_arrays(types) -> None:
    struct = types.struct(4, ("n", "u32", 0), ("d", types.array("u16", 0), 32))
    shape = shape_of(types.b.build(), struct)
    data = b"\2\0\0\0\1\0\2\0"
    assert LibbpfText(compact=True).text(shape, data, 0, 8) == "(struct s){.n = (u32)2,.d = (u16[0])[1,2,],}"
    assert LibbpfText(compact=True).text(shape, data) == "(struct s){.n = (u32)2,}"
    assert BpftoolText(0).text(shape, data, 0, 8) == '{\n    "n": 2,\n    "d": [1,2\n    ]\n}'


def test_floats_as_c_writes_them(types) -> None:
    b = types.b
    double, wide = b.float("double", 8), b.float("long double", 16)
    for text, kind, data in (
        ("-0.000000", double, bytes(7) + b"\x80"),
        ("-nan", double, b"\1" + bytes(5) + b"\xf0\xff"),
        ("inf", double, bytes(6) + b"\xf0\x7f"),
        ("-0.100000", double, bytes.fromhex("9a9999999999b9bf")),
        ("1.500000", wide, (0x3FFF << 64 | 0xC << 60).to_bytes(16, "little")),
        ("-2.000000", wide, (0xC000 << 64 | 8 << 60).to_bytes(16, "little")),
    ):
        name = "double" if kind == double else "long double"
        assert types.texts(kind, data) == (f"({name}){text}",) * 2


def test_big_endian_texts() -> None:
    data = Path(__file__).parents[1] / "data" / "values"
    found = []
    for name in ("bpfel.o", "bpfeb.o"):
        elf = Elf((data / name).read_bytes())
        place = next(symbol for symbol in elf.symbols() if symbol.name == "all").value
        btf = btfkit.load(data / name)
        raw = bytes(elf.data(".data"))[place:]
        for member in ("bits", "packed", "grid", "in", "ins", "mac"):
            field = btf.struct("all").member(member)
            shape = shape_of(btf, field.type_id)
            found.append(
                (name, LibbpfText().text(shape, raw, field.offset), BpftoolText().text(shape, raw, field.offset))
            )
    assert [texts for name, *texts in found[:6]] == [texts for name, *texts in found[6:]]
    assert ".g = (u64)0xabcdef0123," in found[0][1]
    assert '"g": 0xabcdef0123,' in found[0][2]


def test_bpftool_style(types) -> None:
    b = types.b
    enum = b.enum("h", [("ZERO", 0)], signed=False)
    struct = types.struct(
        36,
        ("i", "int", 0, 0),
        ("f", "float", 32, 0),
        ("e", enum, 64, 0),
        ("z", enum, 96, 0),
        ("b", "bool", 128, 0),
        ("x", "bool", 136, 0),
        ("t", types.array("char", 4), 144, 0),
        ("u", types.array("char", 2), 176, 0),
        ("p", b.ptr(0), 192, 0),
        ("m", "u32", 256, 3),
        ("", b.struct("", 2, [("a", types.ids["u16"], 0)]), 272, 0),
    )
    data = (
        b"\xff\xff\xff\xff" + b"\0\0\xc0\x3f" + b"\xff\xff\xff\xff" + bytes(4) + b"\1\7" + b"a'\0z" + b"\xffb"
        + (0x1000).to_bytes(8, "little") + b"\5\0" + b"\3\0"
    )  # fmt: skip
    assert BpftoolText(0).text(shape_of(b.build(), struct), data) == (
        '{\n    "i": -1,\n    "f": 1.5,\n    "e": 4294967295,\n    "z": "ZERO",\n    "b": true,\n    "x": 7,\n    "t": "a\'",\n'
        '    "u": [-1,98\n    ],\n    "p": "0x1000",\n    "m": 0x5,\n    "": {\n        "a": 3\n    }\n}'
    )
    assert BpftoolText(0).text(shape_of(b.build(), types.ids["int"]), bytes(4), 0, NOWHERE) == "0"


def test_entries_of_a_map(types) -> None:
    struct = types.struct(4, ("i", "int", 0))
    btf = types.b.build()
    entry = BpftoolText().entry((shape_of(btf, types.ids["int"]), b"\1\0\0\0"), shape_of(btf, struct), [bytes(4)])
    assert entry == '{\n        "key": 1,\n        "value": {\n            "i": 0\n        }\n    }'
