"""`btfkit verify`: what it prints and how it ends."""

from __future__ import annotations

import json
import os

import pytest

import btfkit
import corpus
from bpf import cases
from btfkit.btf.build import Builder
from btfkit.btf.ext import record_places
from btfkit.btf.header import NATIVE
from btfkit.cli import main
from btfkit.errors import UnsupportedError
from btfkit.judges import load_kernel
from needs import lacks

OTHER = {"little": "big", "big": "little"}


@pytest.fixture
def write(tmp_path):
    def write(builder, name="x.btf", tail=b""):
        path = tmp_path / name
        path.write_bytes(builder.to_bytes() + tail)
        return str(path)

    return write


def sound(order=NATIVE):
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    b.struct("s", 4, [("a", 1, 0)])
    return b


def broken():
    b = sound()
    b.struct("bad", 1, [("a", 1, 0)])
    return b


def refused():
    """Sound, but not for the kernel."""
    b = sound()
    b.typedef("two words", 1)
    return b


def test_clean(write, capsys):
    assert main(["verify", write(sound())]) == 0
    assert capsys.readouterr().out == "OK: 2 types\n"


def test_one_type(write, capsys):
    b = Builder()
    b.int("int", 4)
    assert main(["verify", write(b)]) == 0
    assert capsys.readouterr().out == "OK: 1 type\n"


def test_errors(write, capsys):
    assert main(["verify", write(broken())]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "error: type 3: member 0 'a' of struct bad ends at bit 32, the struct has 8 [member-beyond]"
    refusal = "would be rejected by BPF_BTF_LOAD: struct bad: member 0 ends at byte 4 of 1 (EINVAL)"
    assert lines[1] == f"note: type 3: {refusal} [kernel-resolve]"
    assert lines[2:] == ["NOT CLEAN: 3 types, 1 error, 1 note"]


def test_warnings_do_not_count(write, capsys):
    assert main(["verify", write(sound(), tail=b"xx")]) == 0
    out = capsys.readouterr().out
    assert "warning: 2 bytes after the strings" in out
    assert "note: would be rejected by BPF_BTF_LOAD: 2 bytes that belong to no section (EINVAL) [kernel-header]" in out
    assert out.endswith("OK: 2 types, 1 warning, 1 note\n")


def test_the_kernels_rules_count_where_asked(write, capsys):
    path = write(refused())
    assert main(["verify", path]) == 0
    refusal = "would be rejected by BPF_BTF_LOAD: typedef two words: the name is not an identifier"
    assert f"note: type 3: {refusal}" in capsys.readouterr().out
    assert main(["verify", path, "--kernel"]) == 1
    assert capsys.readouterr().out.startswith("error: type 3: would be rejected by BPF_BTF_LOAD")


def test_sections_as_compiled_are_one_note(write, capsys):
    b = sound()
    for name in (".maps", ".data"):
        b.datasec(name, 0, [(b.var("v", 1), 0, 4)])
    assert main(["verify", write(b)]) == 0
    assert "note: type 4: 2 DATASEC without a size: libbpf fills it in" in capsys.readouterr().out
    assert main(["verify", write(b), "--kernel"]) == 1
    assert capsys.readouterr().out.count("[kernel-section-size]") == 2


def test_split(write, capsys):
    base = sound()
    split = Builder(base.build())
    split.struct("t", 4, [("s", 2, 0)])
    split.typedef("two words", 1)
    vmlinux, module = write(base, "vmlinux"), write(split, "module")
    assert main(["verify", module, "-B", vmlinux]) == 0
    out = capsys.readouterr().out
    assert "would be rejected when the module is loaded: typedef two words" in out
    assert "OK: 2 types, 1 note" in out
    assert main(["verify", module, "-B", vmlinux, "--kernel"]) == 1
    capsys.readouterr()
    assert main(["verify", module]) == 3
    assert "-B" in capsys.readouterr().err
    assert main(["verify", module, "-B", vmlinux, "--load"]) == 3
    assert "a kernel only accepts split BTF together with its module" in capsys.readouterr().err


def test_a_long_list_is_cut(write, capsys):
    b = sound()
    for _ in range(30):
        b.struct("bad", 1, [("a", 1, 0)])
    path = write(b)
    assert main(["verify", path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert lines[20] == "... and 40 more findings (--all prints them)"
    assert main(["verify", "--all", path]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 61


def test_quiet(write, capsys):
    assert main(["verify", "-q", write(refused())]) == 0
    assert capsys.readouterr().out == ""
    assert main(["verify", "-q", write(broken())]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["error", "NOT CLEAN"]


def test_json(write, capsys):
    assert main(["verify", "--json", write(broken())]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["clean"], told["types"]) == (1, False, 3)
    first, second = told["findings"]
    assert (first["severity"], first["type_id"], first["rule"], first["errno"]) == ("error", 3, "member-beyond", None)
    assert (second["severity"], second["rule"], second["errno"]) == ("note", "kernel-resolve", "EINVAL")
    assert "load" not in told


def test_names_are_shown_safely(write, capsys):
    b = sound()
    b.struct("\x1b[31m\n", 0, [("a", 1, 0)])
    assert main(["verify", write(b)]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31m\\n" in out


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", b"\x9f\xeb\1\0"])
def test_unreadable(tmp_path, capsys, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    assert main(["verify", str(path)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(path) in captured.err


def test_not_there(capsys):
    assert main(["verify", os.devnull + "/x"]) == 3
    assert main(["verify"]) == 2
    assert main(["verify", "a", "b"]) == 2
    capsys.readouterr()


def test_load(write, capsys):
    try:
        load_kernel.load_into_kernel(sound().to_bytes())
    except UnsupportedError:
        lacks("load", "to load BTF")
    assert main(["verify", "--load", write(sound())]) == 0
    assert capsys.readouterr().out == "this kernel: accepted\nOK: 2 types\n"
    assert main(["verify", "--load", write(refused())]) == 1
    out = capsys.readouterr().out
    assert "this kernel: rejected: EINVAL\n" in out
    assert "Invalid name\nNOT CLEAN" in out
    assert main(["verify", "--load", "--json", write(refused())]) == 1
    told = json.loads(capsys.readouterr().out)["load"]
    assert (told["ok"], told["errno"]) == (False, "EINVAL")


def test_load_of_the_other_byte_order(write, capsys):
    assert main(["verify", "--load", write(sound(OTHER[NATIVE]))]) == 3
    assert f"this machine's kernel accepts {NATIVE}-endian BTF only" in capsys.readouterr().err


def test_kernels_and_objects(capsys):
    corpus.require_corpus()
    assert main(["verify", corpus.kernel_path(corpus.kernels()[0])]) == 0
    assert "types" in capsys.readouterr().out
    assert main(["verify", next(iter(corpus.objects().values()))]) == 0
    assert "DATASEC without a size" in capsys.readouterr().out


def damaged_object(tmp_path):
    """An object whose first CO-RE relocation has the type id 7777; the byte of the id in `.BTF.ext`."""
    data = bytearray(cases.object_bytes("fields.el"))
    ext = bytes(btfkit.open(bytes(data)).container.ext)
    at = record_places(ext)[-1][0] + 4
    data[data.index(ext) + at : data.index(ext) + at + 4] = (7777).to_bytes(4, "little")
    path = tmp_path / "damaged.o"
    path.write_bytes(data)
    return str(path), at


def test_damaged_ext(tmp_path, capsys):
    path, at = damaged_object(tmp_path)
    assert main(["verify", path]) == 1
    out = capsys.readouterr().out
    assert f"error: .BTF.ext, byte {at:#x}: CO-RE relocation " in out
    assert ": type id 7777, the last is " in out
    assert main(["verify", "--json", path]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["rule"] == "ext-type"


def test_info_shows_a_damaged_ext(tmp_path, capsys):
    path, at = damaged_object(tmp_path)
    assert main(["info", path]) == 3
    out, err = capsys.readouterr()
    assert f"CO-RE relocations; damaged: .BTF.ext, byte {at:#x}: CO-RE relocation " in out
    assert err.startswith(f"btfkit: {path}, .BTF.ext, byte {at:#x}: CO-RE relocation ")
    assert main(["info", "--json", path]) == 3
    assert "type id 7777" in json.loads(capsys.readouterr().out)["ext"]["problem"]
