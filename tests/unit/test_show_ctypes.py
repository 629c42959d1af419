"""`show.ctypes_code`: the module is executed, and its classes compared with BTF and with those that are made at run time."""

from __future__ import annotations

import ctypes
import warnings
from typing import Any

import pytest

import corpus
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.members import flat_members
from btfkit.btf.types import Composite
from btfkit.btf_file import load
from btfkit.errors import FormatError
from btfkit.show.ctypes_code import ctypes_text
from code_types import hostile_types
from random_values import RandomTypes


def text(btf: Btf, ids=None) -> str:
    return b"".join(ctypes_text(btf, ids)).decode("ascii")


def module(btf: Btf, ids=None) -> dict[str, Any]:
    """The names of the module, executed without a warning."""
    found: dict[str, Any] = {"__name__": "types_of_btf"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(text(btf, ids), "types.py", "exec", dont_inherit=True), found)
    return found


def compare(btf: Btf, found: dict[str, Any]) -> int:
    """Sizes, and the offset of each member that has its own name; returns how many offsets were compared."""
    count = 0
    for own in btf:
        if (
            not isinstance(own, Composite)
            or not own.name
            or len(list(btf.find_ids(own.name, tuple(spec.COMPOSITES)))) > 1
        ):
            continue
        made = found.get(own.name)
        if made is None:
            continue
        assert ctypes.sizeof(made) == own.size, own.name
        for member in flat_members(btf, own.id):
            descriptor = getattr(made, member.path, None) if member.path and not member.bits else None
            if descriptor is not None and not isinstance(descriptor, property):
                assert 8 * descriptor.offset == member.bit_offset, f"{own.name}.{member.path}"
                count += 1
    return count


def test_struct() -> None:
    b = Builder()
    word = b.int("unsigned int", 4)
    inner = b.struct("", 4, [("x", word, 0)])
    own = b.struct("class", 17, [("from", word, 0), ("", inner, 32), ("next", b.ptr(0), 64), ("low", word, 128, 3)])
    shown = text(b.build(pointer_size=8), [own])
    assert shown.endswith(
        """
# BTF: struct class
class class_(ctypes.Structure):
    __slots__ = ()
    _pack_ = 1
    _layout_ = "ms"
    _anonymous_ = ("_anonymous_1",)


class_._fields_ = [
    ("from_", _u32),
    ("_anonymous_1", class___anon_1),
    ("next", _u64),
    ("_pad_16", ctypes.c_ubyte * 1),
]
setattr(class_, "low", _bits(128, 3, False, False))
_placed(class_, 17, {"from_": 0, "_anonymous_1": 4, "next": 8})
"""
    )


@pytest.mark.parametrize("order", ["little", "big"])
def test_random_types(order: str) -> None:
    """Also values: of every member that the class made at run time has."""
    values = 0
    for seed in range(6):
        types = RandomTypes(seed, order)
        btf, ids = types.build(12)
        found = module(btf)
        assert compare(btf, found)
        for type_id in ids:
            name = btf.name(type_id)
            if not name:
                continue
            own, data = btf[type_id], types.data(types.sizes[type_id])
            record, other = found[name].from_buffer_copy(data), own.ctypes().from_buffer_copy(data)
            for member in own.members:
                one, two = getattr(record, member.name), getattr(other, member.name)
                if isinstance(one, int | float | bytes):
                    assert one == two or one != one, f"{name}.{member.name}"
                    values += 1
                if member.bitfield_size:
                    setattr(record, member.name, 0)
                    assert getattr(record, member.name) == 0
                    setattr(record, member.name, one)
                    assert bytes(record) == data
    assert values > 100


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_kernel(kernel: str) -> None:
    btf = load(corpus.kernel_path(kernel))
    assert compare(btf, module(btf)) > 30_000


def test_hostile_types() -> None:
    shown = text(hostile_types())
    assert "\nint x" not in shown
    found = module(hostile_types())
    assert found["calls"].type.offset == 0 if hasattr(found["calls"], "type") else found["calls"].type_.offset == 0
    assert ctypes.sizeof(found["overlaid"]) == 8
    assert found["int"] is int if "int" in found else True


def test_enums() -> None:
    b = Builder()
    own = b.enum("color", [("RED", -1), ("None", 2), ("__x", 3)])
    b.enum("", [("LOOSE", 7)])
    found = module(b.build(), [own, 2])
    assert (found["color"].RED, found["color"].None_, getattr(found["color"], "__x"), found["LOOSE"]) == (-1, 2, 3, 7)


def test_a_wrong_layout_is_an_error() -> None:
    b = Builder()
    b.struct("own", 4, [("a", b.int("u32", 4), 0)])
    shown = text(b.build())
    with pytest.raises(ImportError, match="own"):
        exec(shown.replace("_placed(own, 4,", "_placed(own, 5,"), {"__name__": "x"})
    b.struct("short", 2, [("a", 1, 0)])
    with pytest.raises(FormatError):
        text(b.build())
