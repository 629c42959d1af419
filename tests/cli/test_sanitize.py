"""`btfkit sanitize`: who it is for, what it says, and the files around the BTF."""

from __future__ import annotations

import json
import os

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.files.elf import Elf
from btfkit.passes.sanitize import sanitize
from small_modules import kernel, ko, module

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
OBJECT = os.path.join(DATA, "opensnoop-libbpf.bpf.o")


def put(path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def young(*, layout=True):
    b = Builder(layout=layout)
    number = b.int("int", 4)
    b.float("double", 8)
    b.enum64("wide", [("W", 1 << 40)], signed=False)
    b.typedef("t", b.type_tag("user", number))
    b.struct("dev", 16, [("d", 2, 0), ("w", 3, 64)])
    return b.build()


def test_for_a_kernel(tmp_path, capsys) -> None:
    path, out = put(tmp_path / "in.btf", young().to_bytes()), tmp_path / "out.btf"
    assert main(["sanitize", path, "-o", str(out), "--for", "5.10"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert lines[0].startswith(f"{out}: 7 types for 5.10, ")
    assert [line.split(":")[0] for line in lines[1:]] == [
        "  1 x FLOAT (double)",
        "  1 x TYPE_TAG (user)",
        "  1 x ENUM64 (wide)",
        "  1 x a layout section, a header of more than 24 bytes",
    ]
    assert "lost: values of more than 32 bits" in lines[3]
    assert btfkit.load(str(out)).header.length == 24
    assert main(["sanitize", str(out), "-o", str(tmp_path / "again"), "--for", "5.10"]) == 0
    assert "nothing to change" in capsys.readouterr().err
    assert (tmp_path / "again").read_bytes() == out.read_bytes()


def test_by_feature(tmp_path, capsys) -> None:
    path, out = put(tmp_path / "in.btf", young().to_bytes()), tmp_path / "out.btf"
    assert main(["sanitize", path, "-o", str(out), "--no-float", "--no-layout", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["for"], report["without"]) == (1, None, ["float", "layout"])
    assert report["files"][0]["lost"] == [
        {"feature": "float", "types": 1, "examples": ["double"]},
        {"feature": "layout", "types": 1, "examples": []},
    ]
    assert out.read_bytes() == sanitize(young(), ["float", "layout"]).btf.to_bytes()
    assert main(["sanitize", path, "-o", str(out), "--no-float", "--for", "libbpf:1.0", "-q"]) == 0


def test_what_the_kernel_would_still_refuse(tmp_path, capsys) -> None:
    b = Builder()
    b.struct("s", 4, [("a", b.int("int", 4), 64)])
    path = put(tmp_path / "in.btf", b.to_bytes())
    assert main(["sanitize", path, "-o", str(tmp_path / "o"), "--for", "5.10"]) == 1
    assert "5.10 would still reject it: " in capsys.readouterr().err
    assert main(["sanitize", path, "-o", str(tmp_path / "o"), "--for", "libbpf:0.6"]) == 0


def test_object(tmp_path, capsys) -> None:
    """`.BTF.ext` stays as it is; the object answers as before."""
    out = str(tmp_path / "old.bpf.o")
    assert main(["sanitize", OBJECT, "-o", out, "--for", "libbpf:0.3"]) == 0
    before, after = (btfkit.load_objects(path)[0] for path in (OBJECT, out))
    assert [(r.type_id, r.access) for r in after.relocations] == [(r.type_id, r.access) for r in before.relocations]
    assert len(after.btf) == len(before.btf)
    sections = [Elf(open(path, "rb").read()).data(".BTF.ext") for path in (OBJECT, out)]  # noqa: SIM115
    assert bytes(sections[0]) == bytes(sections[1])


@pytest.mark.parametrize("order", ["little", "big"])
def test_modules_and_their_base(tmp_path, capsys, order) -> None:
    b = Builder(order=order)
    b.enum64("wide", [("W", 1 << 40)])
    b.struct("mutex", 8, [("w", 1, 0)])
    base = b.build()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    s = Builder(base)
    mine = s.struct("mine", 8, [("m", 2, 0)])
    s.func("my_kfunc", s.func_proto(0, [("p", s.ptr(mine))]), 1)
    path = put(tmp_path / "m.btf", s.to_bytes())
    out, base_out = tmp_path / "out.btf", tmp_path / "base.btf"
    words = ["sanitize", path, "-B", vmlinux, "-o", str(out), "--base-out", str(base_out), "--for", "5.18"]
    assert main(words) == 0
    assert "it needs the base sanitized in the same way" in capsys.readouterr().err
    split = btfkit.load(str(out), str(base_out))
    assert [m.type.name for m in split.find("mine").members] == ["mutex"]
    assert split.base.find("wide").kind_name == "UNION"
    assert main([*words[:3], vmlinux, "-o", str(tmp_path / "same"), "--no-float"]) == 0
    assert (tmp_path / "same").read_bytes() == s.to_bytes()


def test_module_files(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    for name in ("a.ko", "b.ko"):
        put(tmp_path / name, ko(module(base), base, ids=True))
    files = [str(tmp_path / name) for name in ("a.ko", "b.ko")]
    assert main(["sanitize", *files, "-B", vmlinux, "-o", str(tmp_path / "out"), "--no-func-linkage"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("2 files sanitized\n  2 x FUNC of global or extern linkage: now a static one")
    new = btfkit.load(str(tmp_path / "out" / "a.ko"), sanitize(base, ["func-linkage"]).btf)
    assert new.find("my_kfunc").linkage == "static"
    assert main(["distill", files[0], "-B", vmlinux, "--in-place", "-q"]) == 0
    assert main(["sanitize", files[0], "--in-place", "--no-func-linkage", "-q"]) == 0
    assert btfkit.load(files[0]).find("my_kfunc").linkage == "static"


def test_usage(tmp_path, capsys) -> None:
    path = put(tmp_path / "in.btf", young().to_bytes())
    for words, said in (
        ([path, "-o", "x"], "no target"),
        ([path, "-o", "x", "--for", "4.14"], "older than 4.18"),
        ([path, "-o", "x", "--for", "windows"], "is not a version"),
        ([path, "-o", "x", "--for", "pahole:1.24"], "no version of 'pahole'"),
        ([path, "--for", "5.10"], "no output"),
        ([path, "-o", "x", "--for", "5.10", "--base-out", "y"], "--base-out needs -B"),
    ):
        assert main(["sanitize", *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["sanitize", put(tmp_path / "bad", b"\x9f\xeb"), "-o", str(tmp_path / "x"), "--for", "5.10"]) == 3
    assert not (tmp_path / "x").exists()
