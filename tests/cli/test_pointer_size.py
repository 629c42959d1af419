"""`--pointer-size`: raw BTF of a 32-bit machine that has no `long`, in every command where the size of pointers matters."""

from __future__ import annotations

import pytest
from cli_inputs import run

import btfkit
from btfkit.btf.build import Builder
from btfkit.errors import UnsupportedError
from objects import Program


def builder(base=None, name: str = "s") -> Builder:
    b = Builder(base)
    number = b.int("int", 4, encoding=1) if base is None else 1
    pointers = b.array(b.ptr(number), number, 2)
    b.struct(name, 16, [("a", b.ptr(number), 0), ("b", pointers, 32), ("c", number, 96)])
    return b


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = builder().build()
    (tmp_path / "a.btf").write_bytes(base.to_bytes())
    (tmp_path / "m.btf").write_bytes(builder(base, "t").to_bytes())
    other = builder()
    other.ptr(0)
    other.typedef("more", 1)
    (tmp_path / "b.btf").write_bytes(other.to_bytes())
    long = builder()
    long.int("long", 8, encoding=1)
    (tmp_path / "long.btf").write_bytes(long.to_bytes())
    program = Program()
    number = program.types.int("int", 4)
    local = program.types.struct("s", 16, [("b", program.types.array(program.types.ptr(number), number, 2), 0)])
    program.relo(1, local, "0:0:1")  # the size of b[1]
    (tmp_path / "o.o").write_bytes(program.elf())
    (tmp_path / "d").write_bytes(bytes(range(16)))


SAID = [
    ("layout a.btf s", "a;                    /*     0     4 */"),
    ("layout m.btf -B a.btf t", "b[2];                 /*     4     8 */"),
    ("dump a.btf c --exact", "struct s {\n\tint *a;\n\tint *b[2];\n\tint c;\n};"),
    ("dump m.btf c -B a.btf --exact --type t", "struct t {\n\tint *a;\n\tint *b[2];\n\tint c;\n};"),
    ("offset a.btf s.b[1]", "s.b[1]  8  4 bytes  int *"),
    ("find a.btf b --json", '"offset": 4, "size": 8'),
    ("decode a.btf s d --json", '{"a":"0x3020100","b":["0x7060504","0xb0a0908"],"c":252579084}'),
    ("relocs o.o -b a.btf", "byte_sz  ((struct s *)0)->b[1]  4"),
]


@pytest.mark.parametrize(("command", "text"), SAID)
def test_what_is_shown(capsys, command, text):
    said = run(capsys, *command.split(), "--pointer-size", 4)
    assert text in said.out, said.out + said.err
    assert said.status == 0
    assert text not in run(capsys, *command.split()).out


def test_diff(capsys):
    assert "offset" not in run(capsys, "diff", "a.btf", "b.btf", "--pointer-size", 4).out


def test_btf_that_shows_another_size(capsys):
    said = run(capsys, "layout", "long.btf", "s", "--pointer-size", 4)
    assert (said.status, said.err) == (3, "btfkit: long.btf: its pointers have 8 bytes, not 4\n")
    assert run(capsys, "layout", "long.btf", "s", "--pointer-size", 8).status == 0
    assert run(capsys, "layout", "a.btf", "s", "--pointer-size", 5).status == 2
    with pytest.raises(UnsupportedError, match="8 bytes, not 4"):
        btfkit.load("long.btf", pointer_size=4)


def test_in_python():
    assert btfkit.load("a.btf").pointer_size is None
    split = btfkit.load("m.btf", "a.btf", pointer_size=4)
    assert split.base is not None
    assert split.base.pointer_size == split.pointer_size == 4
    assert btfkit.dedup(split).btf.pointer_size == 4
