"""`btfkit dump`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cli_inputs import fill

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.cli.dump import FORMATS
from btfkit.show.raw import raw_text


@pytest.fixture
def files(tmp_path):
    """The paths of a base and of a split BTF."""
    b = Builder()
    b.int("int", 4)
    b.struct("twin", 4, [("a", 1, 0)])
    b.union("twin", 4, [("a", 1, 0)])
    base = b.build()
    (tmp_path / "vmlinux.btf").write_bytes(base.to_bytes())
    split = Builder(base)
    split.typedef("mine", 1)
    (tmp_path / "module").write_bytes(split.to_bytes())
    return str(tmp_path / "vmlinux.btf"), str(tmp_path / "module")


INT = "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=(none)\n"
STRUCT = "[2] STRUCT 'twin' size=4 vlen=1\n\t'a' type_id=1 bits_offset=0\n"
UNION = "[3] UNION 'twin' size=4 vlen=1\n\t'a' type_id=1 bits_offset=0\n"
MINE = "[4] TYPEDEF 'mine' type_id=1\n"


def test_whole(files, capsys) -> None:
    for words in ([], ["raw"], ["format", "raw"]):
        assert main(["dump", files[0], *words]) == 0
        assert capsys.readouterr().out == INT + STRUCT + UNION


OBJECT = '{"types":[{"id":4,"kind":"TYPEDEF","name":"mine","type_id":1}]}\n'


def test_json(files, capsys) -> None:
    for words in (["json"], ["format", "json"], ["--json"]):
        assert main(["dump", "-B", files[0], files[1], *words]) == 0
        assert capsys.readouterr().out == OBJECT
    for words in (["json", "-p"], ["--pretty"]):
        assert main(["dump", "-B", files[0], files[1], *words]) == 0
        text = capsys.readouterr().out
        assert text.count("\n") == 9
        assert json.loads(text) == json.loads(OBJECT)
    assert main(["dump", files[0], "json", "--id", "3", "--id", "1"]) == 0
    assert [found["id"] for found in json.loads(capsys.readouterr().out)["types"]] == [3, 1]


def test_split(files, capsys) -> None:
    assert main(["dump", "-B", files[0], files[1]]) == 0
    assert capsys.readouterr().out == MINE
    assert main(["dump", files[1]]) == 3
    assert "-B" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--id", "1"], INT),
        (["--id=4", "--id", "1", "--id", "4"], MINE + INT),
        (["--type", "twin"], STRUCT + UNION),
        (["--type", "union twin", "--id", "2"], STRUCT + UNION),
        (["--type", "mine"], MINE),
    ],
)
def test_some(files, capsys, options, expected) -> None:
    assert main(["dump", files[1], "-B", files[0], *options]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("options", [["--id", "5"], ["--type", "nobody"], ["--id", "1", "--type", "nobody"]])
def test_not_there(files, capsys, options) -> None:
    assert main(["dump", files[1], "-B", files[0], *options]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


DECLARED = """
typedef int mine;

struct twin {
	int a;
};

union twin___2 {
	int a;
};

"""


def declarations(text: str) -> str:
    """What is between the head and the tail of a C header."""
    head, tails = "#define __bpf_fastcall\n#endif\n#endif\n", ("\n/* BPF kfuncs */", "#ifndef BPF_NO_PRES")
    text = text.partition(head)[2]
    return text[: min(text.index(tail) for tail in tails if tail in text)]


def test_c(files, capsys) -> None:
    for words in (["c"], ["format", "c"]):
        assert main(["dump", "-B", files[0], files[1], *words]) == 0
        assert declarations(capsys.readouterr().out) == DECLARED
    assert main(["dump", files[0], "c", "--type", "union twin"]) == 0
    assert declarations(capsys.readouterr().out) == "\nunion twin {\n\tint a;\n};\n\n"
    assert main(["dump", "-B", files[0], files[1], "c", "--id", "4", "--id", "3"]) == 0
    assert declarations(capsys.readouterr().out) == "\ntypedef int mine;\n\nunion twin {\n\tint a;\n};\n\n"


def test_c_of_what_has_no_declaration(tmp_path, capsys) -> None:
    b = Builder()
    b.func("f", b.func_proto(0))
    (tmp_path / "f.btf").write_bytes(b.to_bytes())
    assert main(["dump", str(tmp_path / "f.btf"), "c", "--type", "f"]) == 3
    assert "'f' is a FUNC" in capsys.readouterr().err


def test_several_modules(files, tmp_path, capsys) -> None:
    base = Btf.from_bytes((tmp_path / "vmlinux.btf").read_bytes())
    second = Builder(base)
    second.struct("theirs", 8, [("x", 2, 0), ("y", second.next_id + 1, 32)])
    second.typedef("y_t", 1)
    (tmp_path / "second").write_bytes(second.to_bytes())
    paths = [files[1], str(tmp_path / "second")]
    assert main(["dump", *paths, "-B", files[0], "c", "--type", "theirs", "--type", "mine"]) == 0
    text = declarations(capsys.readouterr().out)
    assert text.count("struct twin {") == 1
    assert "struct theirs {\n\tstruct twin x;\n\ty_t y;\n};" in text
    assert "typedef int mine;" in text
    assert main(["dump", *paths, "-B", files[0]]) == 0
    assert [line[:3] for line in capsys.readouterr().out.splitlines() if line[0] == "["] == ["[4]", "[5]", "[6]"]


def test_types_of_a_program(tmp_path, capsys, monkeypatch) -> None:
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["dump", "vmlinux", "c", "--type-of", "fields.bpf.o"]) == 0
    said = capsys.readouterr()
    whole = main(["dump", "vmlinux", "c"]) or capsys.readouterr().out
    text = declarations(said.out)
    assert "struct" in text
    assert len(text) < len(declarations(whole))
    assert all(block in whole for block in text.split("\n\n"))
    assert main(["dump", "mods/mod_one", "mods/mod_two", "-B", "vmlinux", "--type-of", "module.bpf.o", "c", "-q"]) == 0
    said = capsys.readouterr()
    assert "struct" in declarations(said.out)
    assert said.err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["cpp"],
        ["raw", "c"],
        ["raw", "--json"],
        ["raw", "-p"],
        ["c", "-p"],
        ["c", "--exact", "--compat"],
        ["--exact"],
        ["--without", "x"],
        ["raw", "--prefix", "k_"],
        ["c", "--compat", "--flavor", "k"],
        ["c", "--prefix", "a", "--flavor", "b"],
        ["c", "--prefix", "1a"],
        ["c", "--flavor", "a___b"],
        ["format"],
        ["--id", "x"],
        [],
    ],
)
def test_usage(files, words) -> None:
    assert main(["dump", *files[:1], *words] if words else ["dump"]) == 2


def test_beside_other_headers(files, capsys) -> None:
    assert main(["dump", files[0], "c", "--prefix", "k_", "--without", "no such", "--without", "no_*"]) == 0
    said = capsys.readouterr()
    assert "struct k_" in said.out
    assert said.err == "btfkit: --without no such: no type or kfunc has that name\n" + (
        "btfkit: --without no_*: no type or kfunc has that name\n"
    )
    assert main(["dump", files[0], "c", "--without", "*", "-q"]) == 0
    text = declarations(capsys.readouterr().out)
    assert text.strip() == "union twin___2 {\n\tint a;\n};"  # of two of one name, the first is omitted


def test_output(files, tmp_path, capsys) -> None:
    assert main(["dump", files[0], "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_text() == INT + STRUCT + UNION
    assert capsys.readouterr().out == ""


def test_closed_pipe(tmp_path) -> None:
    b = Builder()
    for number in range(20000):
        b.fwd(f"forward_{number}")
    path = tmp_path / "big.btf"
    path.write_bytes(b.to_bytes())
    command = [sys.executable, "-m", "btfkit", "dump", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"[1] FWD")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()
    assert len(b"".join(raw_text(b.build()))) > 1 << 18


BEGINNINGS = {
    "raw": "[1] INT",
    "c": "#ifndef __VMLINUX_H__",
    "json": '{"types":[',
    "rust": "// Types of BTF",
    "go": "// Code generated by btfkit",
    "ctypes": '"""Types of BTF',
    "isf": '{"metadata":{"format":"6.2.0"',
}


def test_every_format_has_its_own_text(files, capsys) -> None:
    from btfkit.file_ops.dump_forms import FORMS

    assert set(BEGINNINGS) == set(FORMATS) == set(FORMS)
    for form, beginning in BEGINNINGS.items():
        assert main(["dump", files[0], form]) == 0
        said = capsys.readouterr().out
        assert said.startswith(beginning)
        assert "twin" in said or "Twin" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rust", "--compat"], "--compat works with the formats of bpftool only: raw, c, json"),
        (["raw", "--exact"], "--exact works with the format c only"),
        (["c", "--exact", "--compat"], "--exact and --compat exclude each other: bpftool has no such text"),
        (["rust", "--without", "u32"], "--without works with the format c only"),
        (["c", "--compat", "--flavor", "v1"], "--flavor and --compat exclude each other"),
        (["c", "--package", "types"], "--package works with the format go only"),
        (["go", "--package", "a b"], "'a b' is not a name for a package of Go"),
        (["raw", "--symbols", "System.map"], "--symbols works with the format isf only"),
        (["isf", "--banner", "Linux"], "--banner needs --symbols"),
        (["c", "--prefix", "1x"], "prefix '1x': expected letters"),
    ],
)
def test_an_option_of_another_format_is_refused(files, capsys, words: list[str], said: str) -> None:
    assert main(["dump", files[0], *words]) == 2
    assert said in capsys.readouterr().err
