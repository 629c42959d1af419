"""`btfkit decode`: records and variables in three styles, and what it says about wrong input."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.cli import main

VALUES = Path(__file__).parents[1] / "data" / "values"
LITTLE, BIG = VALUES / "bpfel.o", VALUES / "bpfeb.o"
OPENSNOOP = VALUES.parent / "opensnoop-libbpf.bpf.o"


@pytest.fixture
def run(capfdbinary):
    """Runs the command: (status, output, complaint)."""

    def run(*words) -> tuple[int, str, str]:
        status = main(["decode", *map(str, words)])
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return run


@pytest.fixture
def pairs(tmp_path) -> Path:
    """Five records of `struct in`: int x; short y; two bytes of padding."""
    path = tmp_path / "pairs"
    path.write_bytes(b"".join(struct.pack("<ihxx", number, -number) for number in range(1, 6)))
    return path


def test_styles(run, pairs) -> None:
    libbpf = "(struct in){\n\t.x = (int)1,\n\t.y = (s16)-1,\n}\n"
    assert run(LITTLE, "struct in", pairs, "--count", 1) == (0, libbpf, "")
    assert run(LITTLE, "struct in", pairs, "--count", 1, "--style", "libbpf")[1] == libbpf
    assert run(LITTLE, "in", pairs, "--compact", "--skip-names", "--count", 2)[1] == "{1,-1,}\n{2,-2,}\n"
    bpftool = '[{\n        "x": 4,\n        "y": -4\n    },{\n        "x": 5,\n        "y": -5\n    }\n]\n'
    assert run(LITTLE, "struct in", pairs, "--style", "bpftool", "--skip", 3)[1] == bpftool
    lines = "".join(f'{{"x":{number},"y":{-number}}}\n' for number in range(1, 6))
    assert run(LITTLE, "struct in", pairs, "--json")[1] == lines
    assert run(LITTLE, "struct in", pairs, "--style", "json", "--skip", 9)[1] == ""
    assert run(LITTLE, "struct in", pairs, "--style", "bpftool", "--skip", 9)[1] == "[]\n"
    type_id = btfkit.load(LITTLE).struct("in").id
    assert run(LITTLE, type_id, pairs, "--json", "--count", 1)[1] == '{"x":1,"y":-1}\n'


def test_where_records_are(run, pairs, tmp_path) -> None:
    assert run(LITTLE, "struct in", pairs, "--json", "--seek", 24)[1].count("\n") == 2
    assert run(LITTLE, "struct in", pairs, "--json", "--seek", "0x8", "--size", 8)[1] == '{"x":2,"y":-2}\n'
    out = tmp_path / "out" / "values.json"
    assert run(LITTLE, "struct in", pairs, "--json", "--count", 1, "-o", out) == (0, "", "")
    assert out.read_text() == '{"x":1,"y":-1}\n'


def test_big_endian_records(run, tmp_path) -> None:
    path = tmp_path / "pairs"
    path.write_bytes(struct.pack(">ihxx", 7, -8))
    assert run(BIG, "struct in", path, "--json")[1] == '{"x":7,"y":-8}\n'


def test_the_last_record_is_cut_short(run, pairs) -> None:
    pairs.write_bytes(pairs.read_bytes()[:-3])
    status, out, err = run(LITTLE, "struct in", pairs, "--json")
    assert (status, out.count("\n")) == (3, 4)
    assert err == f"btfkit: {pairs}, byte 0x20: the last record is cut short: expected 8 bytes, found 5\n"


def test_variables_of_an_object(run) -> None:
    for path in (LITTLE, BIG):
        assert run(path, "counter")[1] == "static u64 counter = (u64)1234605616436508552\n"
        assert run(path, "counter", "--json")[1] == "1234605616436508552\n"
        assert run(path, "counter", "--style", "bpftool")[1] == "[1234605616436508552\n]\n"
        tail = {"count": 3, "kind": 1, "items": [10, -20, 30]}  # the size of a variable counts, not that of its type
        assert json.loads(run(path, "tail", "--json")[1]) == tail
        assert json.loads(run(path, ".data", "--json")[1])["tail"] == tail
        assert ".items = (s16[0])[\n\t\t10,\n\t\t-20,\n\t\t30,\n\t],\n" in run(path, "tail")[1]
        assert "items" not in run(path, "tail", "--compat")[1]
        assert run(path, ".rodata")[1] == 'SEC(".rodata") int constant = (int)42;\n'
        assert run(path, ".bss", "--compact")[1] == 'SEC(".bss") int[4] zero = (int[4])[0,0,0,0,];\n'
        assert json.loads(run(path, ".bss", "--json")[1]) == {"zero": [0, 0, 0, 0]}
        data = json.loads(run(path, ".data", "--json")[1])
        assert (data["all"]["text"], data["tail"]["count"], data["counter"]) == ("hello", 3, 1234605616436508552)
        bpftool = '[{\n        ".rodata": [{\n                "constant": 42\n            }\n        ]\n    }\n]\n'
        assert run(path, ".rodata", "--style", "bpftool")[1] == bpftool


def test_definitions_of_maps(run) -> None:
    found = {one.pop("name"): one for one in map(json.loads, run(OPENSNOOP, ".maps")[1].splitlines())}
    assert found["start"] == {"type": 1, "max_entries": 10240, "key": "u32", "value": "struct args_t"}
    assert found["events"] == {"type": 27, "max_entries": 262144}


@pytest.fixture
def perf(tmp_path) -> tuple[Path, Path]:
    """BTF and data in the manner of perf.data: a header with the place of the data, then records of several types and sizes."""
    b = Builder(order="little")
    u16, u32, u64, char = b.int("u16", 2), b.int("u32", 4), b.int("u64", 8), b.int("char", 1)
    section = b.struct("section", 16, [("offset", u64, 0), ("size", u64, 64)])
    b.struct("file_header", 24, [("magic", u64, 0), ("data", section, 64)])
    head = b.struct("event_header", 8, [("type", u32, 0), ("misc", u16, 32), ("size", u16, 48)])
    b.struct("record_comm", 28, [("header", head, 0), ("pid", u32, 64), ("comm", b.array(char, u32, 16), 96)])
    b.struct("record_exit", 12, [("header", head, 0), ("code", u32, 64)])
    b.enum("event_type", [("RECORD_COMM", 3), ("RECORD_EXIT", 4), ("RECORD_OTHER", 5)])
    btf = tmp_path / "perf.btf"
    btf.write_bytes(b.build(pointer_size=8).to_bytes())
    comm = struct.pack("<IHHI4s", 3, 0, 16, 77, b"bash")  # shorter than the struct, as in perf.data
    other, end = struct.pack("<IHHQ", 5, 1, 16, 9), struct.pack("<IHHI", 4, 2, 12, 1)
    body = comm + other + end
    data = tmp_path / "perf.data"
    data.write_bytes(struct.pack("<QQQ", 1, 32, len(body)) + bytes(8) + body + b"trailer")
    return btf, data


def test_records_that_a_header_leads_to(run, perf) -> None:
    btf, data = perf
    words = [btf, "struct event_header", data, "--json", "--header", "struct file_header", "--sizeof-field", "size"]
    plain = [{"type": 3, "misc": 0, "size": 16}, {"type": 5, "misc": 1, "size": 16}, {"type": 4, "misc": 2, "size": 12}]

    def records(*more) -> list[object]:
        status, out, err = run(*words, *more)
        assert (status, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    assert records("--range", "data") == plain
    assert records("--seek", "$header.data.offset", "--size", "$header.data.size") == plain
    kinds = ["--range", "data", "--type-field", "type", "--type-enum", "event_type"]
    comm = {"header": plain[0], "pid": 77, "comm": "bash"}
    assert records(*kinds) == [comm, plain[1], {"header": plain[2], "code": 1}]
    assert records(*kinds, "--only", "RECORD_EXIT") == [{"header": plain[2], "code": 1}]
    assert records(*kinds, "--only", "3", "--only", "RECORD_OTHER") == [comm, plain[1]]
    assert records(*kinds, "--skip", "1", "--count", "1") == [plain[1]]


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["struct in"], 2, "expected DATA: only variables and sections of an object file have bytes in FILE"),
        (["counter", "--skip", "1"], 2, "--skip needs DATA"),
        (["struct in", "DATA", "--json", "--compact"], 2, "--compact is an option of --style libbpf"),
        (["struct in", "DATA", "--json", "--style", "libbpf"], 2, "--json and --style libbpf exclude each other"),
        (["struct in", "DATA", "--range", "data", "--seek", "1"], 2, "--range takes the place of --seek and --size"),
        (["struct in", "DATA", "--range", "data"], 2, "$header and --range need --header"),
        (["struct in", "DATA", "--type-field", "x"], 2, "--type-field and --type-enum need each other"),
        (["struct in", "DATA", "--only", "x"], 2, "--only needs --type-field and --type-enum"),
        (["struct in", "DATA", "--count", "0"], 2, "expected a number of at least 1, got 0"),
        (["struct in", "DATA", "--skip", "-1"], 2, "expected"),
        (["struct inn", "DATA"], 3, "no type called 'struct inn'; did you mean 'in'"),
        (["99999", "DATA"], 3, "no type 99999"),
        (["struct in", "DATA", "--seek", "100"], 3, "byte 100 is after the end of data that has 40"),
        (["struct in", "DATA", "--seek", "soon"], 3, "no value called 'soon', and not a number"),
        (["struct in", "DATA", "--sizeof-field", "z"], 3, "struct in has no member 'z'"),
        (
            ["struct in", "DATA", "--sizeof-field", "x"],
            3,
            "a record that is too short: x is 1, expected at least the size of",
        ),
        (["u32", "DATA", "--sizeof-field", "x"], 3, "u32 has no members, so none that has its size"),
        (["struct in", "DATA", "--header", "struct in", "--seek", "$header.x.y"], 3, "y is not a member of a struct"),
        (
            ["struct in", "DATA", "--header", "struct all", "--seek", "$header.x"],
            3,
            "struct all: expected 184 bytes, found 40",
        ),
        (["struct in", "/does/not/exist"], 3, "/does/not/exist: No such file or directory"),
    ],
)
def test_wrong_input(run, pairs, words, status, complaint) -> None:
    words = [pairs if word == "DATA" else word for word in words]
    found, out, err = run(LITTLE, *words)
    assert (found, out) == (status, "")
    assert complaint in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [[], ["--skip", 3], ["--count", 3], ["--size", 16], ["--seek", 8, "--skip", 1], ["--skip", 9]]
)
@pytest.mark.parametrize("last", [b"", b"\1\2"])
def test_large_files_and_pipes_are_read_part_by_part(run, pairs, tmp_path, monkeypatch, words, last) -> None:
    """The same text, and the same error after the last whole record, as for a small file."""
    pairs.write_bytes(pairs.read_bytes() + last)
    whole = run(LITTLE, "struct in", pairs, "--json", *words)
    monkeypatch.setattr("btfkit.show.values.AT_ONCE", 16)
    monkeypatch.setattr("btfkit.files.parts.PART", 7)
    assert run(LITTLE, "struct in", pairs, "--json", *words) == whole
    monkeypatch.setattr("btfkit.files.container.SMALL", 1)
    assert run(LITTLE, "struct in", pairs, "--json", *words) == whole
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: pipe.write_bytes(pairs.read_bytes()))
    thread.start()
    status, out, complaint = run(LITTLE, "struct in", pipe, "--json", *words)
    thread.join()
    assert (status, out) == whole[:2] or (words == ["--skip", 9] and out == whole[1])
    assert complaint == whole[2].replace(str(pairs), str(pipe)) or words == ["--skip", 9]


def test_an_output_that_ends_in_an_error_is_not_written(run, pairs, tmp_path) -> None:
    pairs.write_bytes(pairs.read_bytes()[:-1])
    out = tmp_path / "out.json"
    assert run(LITTLE, "struct in", pairs, "--json", "-o", out)[0] == 3
    assert not out.exists()
    assert {one.name for one in tmp_path.iterdir()} == {"pairs"}
