"""Names of 600 characters, which no kernel has, are not printed whole in messages and tables; JSON and dumps have them."""

from __future__ import annotations

import pytest
from cli_inputs import run

from btfkit.btf.build import Builder
from objects import Program

LONG = "x" * 600
SHOWN = "x" * 60 + "\N{HORIZONTAL ELLIPSIS} (60"  # and two digits: names of 600 to 609 characters


def builder(size: int = 4) -> Builder:
    b = Builder()
    number = b.int("int", 4)
    enum = b.enum("enum_" + LONG, [("v_" + LONG, size)])
    struct = b.struct("one_" + LONG, size + 8, [("m_" + LONG, number, 8 * size), ("e_" + LONG, enum, 0)])
    b.struct("user", 16, [("part", struct, 0)])
    typedef = b.typedef("t_" + LONG, b.ptr(struct))
    b.func("f_" + LONG, b.func_proto(typedef, [("p_" + LONG, typedef)]), 1)
    return b


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.btf").write_bytes(builder().to_bytes())
    (tmp_path / "b.btf").write_bytes(builder(8).to_bytes())
    program = Program()
    number = program.types.int("int", 4)
    for member in ("m_" + LONG, "gone_" + LONG):
        program.relo(0, program.types.struct("one_" + LONG, 4, [(member, number, 0)]), "0:0")
    program.relo(0, program.types.struct("two_" + LONG, 4, [("x", number, 0)]), "0:0")
    (tmp_path / "o.o").write_bytes(program.elf())
    (tmp_path / "d").write_bytes(bytes(12))


COMMANDS = [
    "find a.btf *",
    f"find a.btf nothing_{LONG}",
    "find a.btf one_* --used-by",
    f"offset a.btf one_{LONG}.m_{LONG}",
    f"offset a.btf one_{LONG}.nothing_{LONG}",
    f"layout a.btf one_{LONG}",
    f"layout a.btf nothing_{LONG}",
    "layout a.btf user",
    "diff a.btf b.btf",
    "diff a.btf b.btf --markdown",
    "verify a.btf",
    "sanitize a.btf --for 5.10 -o out.btf",
    "relocs o.o -b a.btf",
    "check o.o --kernels a.btf b.btf -j1",
    f"min a.btf out.btf --keep-type nothing_{LONG}",
    f"dump a.btf c --type nothing_{LONG}",
    f"decode a.btf nothing_{LONG} d",
    f"history one_{LONG}.m_{LONG} --kernels a.btf b.btf",
    f"info nothing_{LONG}",
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words.replace(LONG, "LONG"))
def test_what_is_printed(capsys, command):
    said = run(capsys, *command.split(" "))
    assert said.out + said.err
    assert "x" * 512 not in said.out + said.err


def test_how_it_is_printed(capsys):
    assert (
        run(capsys, "offset", "a.btf", f"nothing_{LONG}.y").err.count("\N{HORIZONTAL ELLIPSIS} (608 characters)") == 1
    )
    assert run(capsys, "layout", "a.btf", f"one_{LONG}").out.startswith(f"struct one_{SHOWN[4:]}4 characters) {{\n")


def test_examples_of_losses_are_cut_once(capsys):
    said = run(capsys, "sanitize", "a.btf", "--for", "5.10", "-o", "out.btf")
    assert f"one_{SHOWN[4:]}4 characters)" in said.out + said.err
    assert "one_" + LONG in run(capsys, "sanitize", "a.btf", "--for", "5.10", "-o", "out.btf", "--json").out


def test_json_and_dumps_have_the_whole_name(capsys):
    for command in (
        "find a.btf one_* --json",
        "dump a.btf",
        "dump a.btf json",
        "dump a.btf c",
        f"layout a.btf one_{LONG} --json",
    ):
        assert "one_" + LONG in run(capsys, *command.split()).out, command
