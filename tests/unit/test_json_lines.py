"""The compiled loop for JSON lines beside `json_of`, which is slow and plain."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from btfkit.btf.build import Builder
from btfkit.btf.shapes import shape_of
from btfkit.hot import value_codes
from btfkit.values.json_text import JsonLines, json_of
from random_values import RandomTypes

SOURCE = Path(__file__).parents[2] / "src" / "btfkit" / "hot"


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("seed", range(40))
def test_random_types(seed, order) -> None:
    types = RandomTypes(seed, order)
    btf, ids = types.build()
    for type_id in (*ids, *types.rng.sample(list(types.sizes), 8)):
        shape = shape_of(btf, type_id)
        data = b"x" + b"".join(types.data(shape.size) for _ in range(5))
        written = b"".join(JsonLines(shape).lines(data, 1, shape.size, 5)).decode()
        slow = [json_of(shape, data, 1 + number * shape.size) for number in range(5)]
        assert written.splitlines() == slow
        assert all(json.loads(line) is not None for line in slow)


@pytest.mark.parametrize("order", ["little", "big"])
def test_bit_fields_of_all_widths(order) -> None:
    """Also those that lie in nine bytes."""
    b = Builder(order=order)
    kinds = [b.int("long", 8, encoding=1), b.int("unsigned long", 8), b.enum64("e", [("M", -1), ("Z", 0)], signed=True)]
    members, at = [], 0
    for width in (1, 2, 7, 8, 9, 31, 33, 60, 63, 64, 5, 64, 58, 64):
        for kind in kinds:
            members.append((f"m{len(members)}", kind, at, width))
            at += width
    size = (at + 7) // 8
    struct = b.struct("s", size, members)
    shape = shape_of(b.build(), struct)
    for byte in (0, 0xFF, 0x80, 0x01, 0xA5):
        data = bytes((byte + 17 * place * (byte == 0xA5)) & 0xFF for place in range(size))
        assert b"".join(JsonLines(shape).lines(data, 0, size, 1)).decode() == json_of(shape, data) + "\n"


def test_flexible_arrays_and_long_data() -> None:
    b = Builder(order="little")
    u16, char = b.int("u16", 2), b.int("char", 1)
    inner = b.struct("inner", 2, [("n", u16, 0), ("t", b.array(char, u16, 0), 16)])
    struct = b.struct("s", 4, [("n", u16, 0), ("i", inner, 16)])
    shape = shape_of(b.build(), struct)
    data = b"\1\0\2\0ab\0\3\0\4\0cde"
    assert b"".join(JsonLines(shape).lines(data, 0, 7, 2)).splitlines() == [
        b'{"n":1,"i":{"n":2,"t":"ab"}}',
        b'{"n":3,"i":{"n":4,"t":"cde"}}',
    ]
    assert b"".join(JsonLines(shape).lines(data, 0, 4, 1)) == b'{"n":1,"i":{"n":2,"t":""}}\n'
    many = JsonLines(shape).lines(bytes(4) * 1_000_000, 0, 4, 1_000_000)
    pieces = list(many)
    assert len(pieces) > 3
    assert sum(piece.count(b"\n") for piece in pieces) == 1_000_000


def test_text_that_needs_escapes() -> None:
    b = Builder(order="little")
    array = b.array(b.int("char", 1), 1, 8)
    shape = shape_of(b.build(), array)
    for raw in (b'a"b\\c\n\x1f', "äöü€".encode()[:8], b"\xff\xfeab\0zzz", b"12345678", bytes(8)):
        text = b"".join(JsonLines(shape).lines(raw.ljust(8, b"\0"), 0, 8, 1)).decode()
        assert text == json_of(shape, raw.ljust(8, b"\0")) + "\n"
        assert json.loads(text) == raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def test_codes_have_one_set_of_numbers() -> None:
    names = {name: number for name, number in vars(value_codes).items() if name.isupper()}
    pxd = (SOURCE / "value_codes.pxd").read_text()
    assert {name: int(number) for name, number in re.findall(r"^    (\w+) = (\d+)$", pxd, re.MULTILINE)} == names
