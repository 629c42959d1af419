"""The compiler judges: the members of dtypes and ctypes classes are where gcc puts them, and have the values that it writes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.errors import NotFoundError, UnsupportedError
from btfkit.files.elf import Elf
from needs import module, needs

SOURCE = Path(__file__).parents[1] / "data" / "values" / "values.bpf.c"
DATA = SOURCE.parent
GCC = shutil.which("gcc")
STRUCTS = ("in", "bits", "packed", "all", "tail")
ORDERS = {"little": "bpfel.o", "big": "bpfeb.o"}


def compiled(folder: Path, *options: str) -> Elf:
    """values.bpf.c by gcc, with the offsets that gcc gives to all members in `offsets` (ints)."""
    btf = btfkit.load(DATA / "bpfel.o")
    places = []
    for name in STRUCTS:
        places.append(f"sizeof(struct {name})")
        members = btf.struct(name).unpack(bytes(4096)).keys()
        plain = [one for one in members if name != "bits"]
        places += [f"__builtin_offsetof(struct {name}, {one})" for one in plain]
    text = SOURCE.read_text() + f"const int offsets[] = {{{', '.join(places)}}};\n"
    (folder / "values.c").write_text(text)
    command = [GCC, "-g", "-O0", "-fno-pic", *options, "-c", "values.c", "-o", "values.o"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Elf((folder / "values.o").read_bytes())


def variable(elf: Elf, name: str) -> bytes:
    found = next(symbol for symbol in elf.symbols() if symbol.name == name)
    return bytes(elf.data(elf.sections[found.section]))[found.value : found.value + found.size]


@pytest.fixture(scope="module")
def gcc(tmp_path_factory) -> tuple[Elf, btfkit.Btf]:
    elf = compiled(tmp_path_factory.mktemp("gcc"))
    return elf, btfkit.encode(elf)


@needs("compiler", GCC is not None)
@needs("platform", sys.byteorder == "little", "little-endian")
def test_offsets_are_those_of_gcc(gcc) -> None:
    elf, btf = gcc
    offsets = memoryview(variable(elf, "offsets")).cast("i").tolist()
    numpy = module("numpy")
    for name in STRUCTS:
        struct = btf.struct(name)
        made, dtype = struct.ctypes(), struct.dtype()
        assert offsets.pop(0) == struct.size == ctypes.sizeof(made) == dtype.itemsize
        for member in struct.unpack(bytes(4096)).keys() if name != "bits" else ():
            offset = offsets.pop(0)
            assert offset == struct.member(member).offset
            if member in dtype.fields:
                assert dtype.fields[member][1] == offset
            else:
                assert struct.member(member).size == 0
            assert _offset(made, member) == offset
        assert isinstance(dtype, numpy.dtype)
    assert not offsets


def _offset(made, name: str) -> int:
    return getattr(made, name).offset


@needs("compiler", GCC is not None)
@needs("platform", sys.byteorder == "little", "little-endian")
def test_values_are_those_of_gcc(gcc) -> None:
    elf, btf = gcc
    data = variable(elf, "all")
    value = btf.struct("all").unpack(data)
    reference = (
        btfkit.load(DATA / "bpfel.o").struct("all").unpack(variable(Elf((DATA / "bpfel.o").read_bytes()), "all"))
    )
    assert value.as_dict() == reference.as_dict()
    check_ctypes(btf, data)
    check_numpy(btf, data)


@pytest.mark.parametrize("order", ORDERS)
def test_values_of_both_byte_orders(order) -> None:
    path = DATA / ORDERS[order]
    data = variable(Elf(path.read_bytes()), "all")
    check_ctypes(btfkit.load(path), data)
    check_numpy(btfkit.load(path), data)


def plain(value):
    """What a ctypes object holds, in dicts and lists."""
    if isinstance(value, ctypes.Array):
        return value.value.decode() if value._type_ is ctypes.c_char else [plain(one) for one in value]
    if isinstance(value, ctypes.Structure | ctypes.Union):
        found = {}
        for name, *_ in value._fields_:
            if name in getattr(value, "_anonymous_", ()):
                found |= plain(getattr(value, name))
            elif not name.startswith(("_pad_", "_bytes")):
                found[name] = plain(getattr(value, name))
        found |= {name: getattr(value, name) for name, one in vars(type(value)).items() if isinstance(one, property)}
        return found
    return value.decode() if isinstance(value, bytes) else value


def check_ctypes(btf: btfkit.Btf, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = btf.struct("all").ctypes()
    record = made.from_buffer_copy(data)
    expected = btf.struct("all").unpack(data).as_dict()
    assert plain(record) == expected
    assert bytes(record) == data
    record.bits.c, record.word, record.bits.e = -16, 7, btf.enum("color")["GREEN"].value
    again = btf.struct("all").unpack(bytes(record))
    assert (again.bits.c, again.word, again.bits.e.name) == (-16, 7, "GREEN")
    record.bits.c, record.word, record.bits.e = expected["bits"]["c"], expected["word"], -3
    assert bytes(record) == data


def check_numpy(btf: btfkit.Btf, data: bytes) -> None:
    numpy = module("numpy")
    struct = btf.struct("all")
    records = numpy.frombuffer(data * 3, struct.dtype())
    expected = struct.unpack(data).as_dict()
    assert len(records) == 3
    first = records[1]
    for name in (
        "c",
        "yes",
        "half",
        "word",
        "wide",
        "top",
        "color",
        "big",
        "flags",
        "inner",
        "either",
        "other",
        "after",
        "null",
    ):
        assert first[name] == expected[name], name
    assert first["text"] == b"hello"
    assert first["full"] == b"full"
    assert first["grid"].tolist() == expected["grid"]
    assert [one["y"].item() for one in first["ins"]] == [2, -4]
    assert {name: first["packed"][name].item() for name in "abcde"} == expected["packed"]
    assert first["number"]["whole"] == expected["number"]["whole"]
    bits = btf.struct("bits")
    for name, value in expected["bits"].items():
        assert bits.bitfield(records["bits"], name).tolist() == [value] * 3, name
        assert bits.bitfield(records["bits"][0], name) == value


def test_numpy_of_other_types() -> None:
    numpy = module("numpy")
    b = Builder(order="little")
    int_, wide, half = b.int("int", 4, encoding=1), b.int("__int128", 16), b.float("_Float16", 2)
    rest = b.array(int_, int_, 0)
    struct = b.struct(
        "s", 32, [("w", wide, 0), ("h", half, 128), ("b", b.int("part", 4, bits=3), 160), ("r", rest, 256)]
    )
    btf = b.build()
    dtype = btf.struct("s").dtype()
    assert dtype.fields["w"][0] == numpy.dtype("V16")
    assert dtype.fields["h"][0] == numpy.dtype("<f2")
    assert dtype.names == ("w", "h")
    assert btf.int("int").dtype() == numpy.dtype("<i4")
    assert btf[rest].dtype().itemsize == 0
    with pytest.raises(NotFoundError, match="struct s has no bitfield 'h'"):
        btf[struct].bitfield(numpy.zeros(1, dtype), "h")
    with pytest.raises(btfkit.FormatError, match="records of 4 bytes, struct s has 32"):
        btf[struct].bitfield(numpy.zeros(1, "<i4"), "b")


def test_ctypes_of_other_types() -> None:
    b = Builder(order="little")
    int_, double, wide = b.int("int", 4, encoding=1), b.float("double", 8), b.int("__int128", 16)
    b.struct("s", 25, [("d", double, 8), ("w", wide, 72)])
    b.struct("on", 4, [("a", int_, 0), ("b", int_, 0)])
    b.union("u", 5, [("a", int_, 0, 0), ("b", int_, 3, 5)])
    btf = b.build()
    made = btf.struct("s").ctypes()
    assert (made.d.offset, made.w.offset, ctypes.sizeof(made)) == (1, 9, 25)
    record = made.from_buffer_copy(btf.struct("s").pack({"d": 1.5, "w": 1 << 100}))
    assert (record.d, int.from_bytes(bytes(record.w), "little")) == (1.5, 1 << 100)
    union = btf.union("u").ctypes()()
    union.b = -3
    assert (union.b, union.a & 0xFF, ctypes.sizeof(union)) == (-3, 0b11101000, 5)
    with pytest.raises(UnsupportedError, match="struct on: member 'b' lies on another one"):
        btf.struct("on").ctypes()
    assert ctypes.sizeof(btf.int("int").ctypes()) == 4
