"""`btfkit pahole`: the options that show types, in pahole's spellings."""

from __future__ import annotations

import pytest
from cli_inputs import run

from btfkit.btf.build import Builder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    b = Builder()
    b.int("char", 1)
    b.int("long", 8)
    hole = b.struct("hole", 24, [("c", 1, 0), ("l", 2, 64), ("d", 1, 128)])
    b.union("both", 8, [("c", 1, 0), ("l", 2, 0)])
    b.struct("outer", 32, [("h", hole, 0), ("p", b.ptr(hole), 192)])
    b.typedef("size_type", 2)
    b.enum("colour", [("RED", 0), ("GREEN", 3)])
    b.typedef("nameless_t", b.struct("", 8, [("l", 2, 0)]))
    (tmp_path / "vmlinux").write_bytes(b.build().to_bytes())
    (tmp_path / "list").write_text("hole\n\nboth\n")
    monkeypatch.chdir(tmp_path)


def test_pictures_are_those_of_layout(capsys) -> None:
    everything = run(capsys, "layout", "vmlinux").out
    assert run(capsys, "pahole", "vmlinux").out == everything
    hole = run(capsys, "layout", "vmlinux", "hole").out
    for words in (["-C", "hole"], ["-Chole"], ["--class_name=hole"], ["--class_name", "hole"]):
        assert run(capsys, "pahole", *words, "-F", "btf", "vmlinux").out == hole
    both = run(capsys, "layout", "vmlinux", "hole", "both").out
    assert run(capsys, "pahole", "-C", "hole,both", "vmlinux").out == both
    assert run(capsys, "pahole", "-C", "file://list", "vmlinux").out == both
    assert run(capsys, "pahole", "-EC", "outer", "vmlinux").out == run(capsys, "layout", "-E", "vmlinux", "outer").out
    assert (
        run(capsys, "pahole", "--hex", "-C", "hole", "vmlinux").out
        == run(capsys, "layout", "--hex", "vmlinux", "hole").out
    )
    assert (
        run(capsys, "pahole", "-c", "8", "-C", "hole", "vmlinux").out
        == run(capsys, "layout", "-c8", "vmlinux", "hole").out
    )
    assert (
        run(capsys, "pahole", "-R", "-C", "hole", "vmlinux").out
        == run(capsys, "layout", "-R", "vmlinux", "hole").out[:-1]
    )
    assert (
        run(capsys, "pahole", "--compile", "-C", "hole", "vmlinux").out
        == run(capsys, "layout", "--compile", "vmlinux", "hole").out
    )


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["-s"], "hole\t24\t1\nboth\t8\t0\nouter\t32\t0\n"),
        (["--unio", "-s"], "both\t8\t0\n"),
        (["-s", "-t,", "-C", "hole"], "hole,24,1\n\n"),
        (["-n", "--structs"], "hole\t3\nouter\t2\n"),
        (["-N", "--unions"], "both\t4\n"),
        (["-s", "-H", "1"], "hole\t24\t1\n"),
        (["-s", "-B1"], ""),
        (["-z", "7"], "hole\n"),
        (["--padding_ge=7", "-n"], "hole\t3\n"),
        (["-s", "-y", "o", "-x", "ou"], ""),
        (["-s", "-x", "o"], "hole\t24\t1\nboth\t8\t0\n"),
        (["-i", "hole"], "outer\n"),
        (["-f", "hole"], "outer: p\n"),
        (["-P"], "hole\t24\t16\t8\n"),
        (["-s", "-a"], "hole\t24\t1\nboth\t8\t0\nouter\t32\t0\n(null)\t8\t0\n"),
        (["-C", "size_type"], "typedef long size_type;\n\n"),
        (["-C", "colour"], "enum colour {\n\tRED   = 0,\n\tGREEN = 3,\n};\n\n"),
        (["-C", "colour", "--hex"], "enum colour {\n\tRED   = 0,\n\tGREEN = 0x3,\n};\n\n"),
        (["-C", "nobody", "--skip_missing"], ""),
    ],
)
def test_lines(capsys, words, out) -> None:
    said = run(capsys, "pahole", *words, "vmlinux")
    assert (said.status, said.out, said.err) == (0, out, "")


def test_by_name(capsys) -> None:
    assert run(capsys, "pahole", "--sort", "vmlinux").out.startswith("union both {")
    assert run(capsys, "pahole", "-C", "nameless_t", "vmlinux").out.startswith(
        "typedef struct {\n\tlong               l;"
    )


def test_a_name_alone_is_of_the_running_kernel(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PAHOLE_VMLINUX_BTF_FILENAME", str(tmp_path / "vmlinux"))
    assert run(capsys, "pahole", "hole").out == run(capsys, "layout", "vmlinux", "hole").out
    assert run(capsys, "pahole", "-s", "-C", "hole").out == "hole\t24\t1\n\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["-C", "hol", "vmlinux"], 3, "type 'hol' not found; did you mean 'hole'"),
        (["-F", "dwarf", "vmlinux"], 2, "only BTF is read"),
        (["-I", "vmlinux"], 2, "BTF has no source files"),
        (["--prettify=x", "vmlinux"], 2, "use `btfkit decode`"),
        (["-p", "vmlinux"], 2, "is not done here"),
        (["vmlinux", "hole"], 2, "expected one FILE, got 2"),
        (["-H", "x", "vmlinux"], 2, "option --holes: expected a number"),
        (["-C"], 2, "needs a value"),
    ],
)
def test_what_is_refused(capsys, words, status, message) -> None:
    said = run(capsys, "pahole", *words)
    assert (said.status, said.out) == (status, "")
    assert message in said.err
