"""What a newcomer types: operands in another order, words of bpftool and pahole, a narrow terminal."""

from __future__ import annotations

import lzma

import pytest
from cli_inputs import fill, run

import btfkit
from btfkit.btf.build import Builder
from btfkit.cli.habits import BPFTOOL, PAHOLE


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("btfkit.cli.kernels.RUNNING", str(tmp_path / "no-such-kernel"))
    (tmp_path / "records").write_bytes(bytes(range(16)))
    return tmp_path


@pytest.mark.parametrize(
    "line",
    ["offset --kernels vmlinux item.i", "history --kernels vmlinux item.i", "offset --kernels vmlinux -q item.i"],
)
def test_operands_that_an_option_has_taken(capsys, line) -> None:
    said = run(capsys, *line.split())
    if "-q" in line:  # the option ends there
        assert said.status == 0
        return
    assert said.status == 2
    assert said.err.endswith(
        "got no arguments; --kernels takes all words that follow, 'item.i' too: put operands before it\n"
    )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("dump c vmlinux", "dump: 'c' is not a file: expected FILE... [FORMAT]"),
        ("layout task_struct vmlinux", "layout: 'vmlinux' is a file: expected [FILE] [NAME...]"),
        ("find task_struct vmlinux", "find: 'vmlinux' is a file: expected [FILE] PATTERN"),
        ("offset task_struct.pid vmlinux", "offset: 'vmlinux' is a file: expected [FILE] PATH..."),
        ("decode records vmlinux task_struct", "decode: 'vmlinux' is a file: expected FILE TYPE [DATA]"),
        ("decode vmlinux records task_struct", "decode: 'records' is a file: expected FILE TYPE [DATA]"),
        ("min fields.bpf.o vmlinux nothing", "min: OUTPUT is vmlinux, which exists: expected INPUT OUTPUT OBJECT..."),
    ],
)
def test_operands_in_another_order(capsys, here, line, hint) -> None:
    kept = (here / "vmlinux").read_bytes()
    said = run(capsys, *line.split())
    assert said.status == 3
    error, last = said.err.splitlines()
    assert error.startswith("btfkit: ")
    assert last == f"btfkit {hint}"
    assert (here / "vmlinux").read_bytes() == kept


@pytest.mark.parametrize(
    "line", ["dump vmlinux c --type nothing", "layout vmlinux nothing", "offset vmlinux a.b", "diff vmlinux nothing"]
)
def test_operands_in_order_have_no_hint(capsys, line) -> None:
    said = run(capsys, *line.split())
    assert said.status == 3
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("word", BPFTOOL)
def test_commands_of_bpftool(capsys, word) -> None:
    said = run(capsys, word, "list")
    assert said.status == 2
    assert f"unknown command {word!r}; `btfkit bpftool {word} ...` accepts bpftool's command lines" in said.err


@pytest.mark.parametrize("word", PAHOLE)
@pytest.mark.parametrize("command", [[], ["layout"], ["encode"]])
def test_options_of_pahole(capsys, word, command) -> None:
    said = run(capsys, *command, word, "task_struct", "vmlinux")
    assert said.status == 2
    assert f"; `btfkit pahole {word} ...` accepts pahole's command lines" in said.err


def test_a_directory_of_kernels(capsys) -> None:
    assert run(capsys, "min", "mods", "out.btf", "fields.bpf.o").err.endswith("name a file in it (--archive TREE)\n")
    assert run(capsys, "info", "mods").err.endswith("name a file in it\n")


def test_members_as_pahole_and_c_name_them(capsys, here) -> None:
    b = Builder()
    b.int("int", 4)
    b.struct("inner", 4, [("x", 1, 0)])
    b.struct("outer", 4, [("in", 2, 0)])
    (here / "small").write_bytes(b.to_bytes())
    said = run(capsys, "layout", "small", "outer.in")
    assert "no struct or union called 'outer.in'; that is a member of type struct inner" in said.err
    assert "no struct or union called 'outer.no'" in run(capsys, "layout", "small", "outer.no").err
    assert "'->' is not followed" in run(capsys, "offset", "small", "outer->in").err


# ---- a narrow terminal -------------------------------------------------------------------------------------------


def test_relocations_on_a_narrow_terminal(capsys, monkeypatch) -> None:
    wide = run(capsys, "relocs", "fields.bpf.o", "-b", "vmlinux").out.splitlines()
    longest = max(map(len, wide))
    monkeypatch.setattr("btfkit.cli.kernels.terminal_width", lambda: longest)
    assert run(capsys, "relocs", "fields.bpf.o", "-b", "vmlinux").out.splitlines() == wide
    monkeypatch.setattr("btfkit.cli.kernels.terminal_width", lambda: longest - 1)
    narrow = run(capsys, "relocs", "fields.bpf.o", "-b", "vmlinux").out.splitlines()
    assert max(map(len, narrow)) < longest
    function, again = "", []
    for line in narrow[1:]:
        if line.endswith(":") and not line.startswith("   "):
            function = line.strip()[:-1]
        else:
            again.append((function + line.split()[0], line.split()[1:]))
    assert again == [(line.split()[0], line.split()[1:]) for line in wide[1:]]


def test_an_explanation_on_a_narrow_terminal(capsys, monkeypatch) -> None:
    words = "explain", "mods/mod_one", "-B", "other", "--all"
    wide = run(capsys, *words).out
    assert max(map(len, wide.splitlines())) > 60
    monkeypatch.setattr("btfkit.cli.kernels.terminal_width", lambda: 60)
    narrow = run(capsys, *words).out
    assert narrow.split() == wide.split()
    assert [line for line in narrow.splitlines() if len(line) > 60 and " " in line.strip()] == []


# ---- history -----------------------------------------------------------------------------------------------------


def test_a_renamed_member_comes_before_one_of_the_name_further_on(capsys, here) -> None:
    """As task_struct.state, which is __state since 5.14, while struct vtime has a member `state`, too."""
    for version, name in ("1.0", "state"), ("2.0", "__state"):
        b = Builder()
        b.int("int", 4)
        b.struct("vtime", 8, [("state", 1, 0), ("cpu", 1, 32)])
        b.struct("task", 16, [("flags", 1, 0), (name, 1, 32), ("vtime", 2, 64)])
        folder = here / "kernels" / "debian" / "1" / "x86_64"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{version}.btf.xz").write_bytes(lzma.compress(b.to_bytes()))
    guesses = [
        guess
        for line in btfkit.history("task.state", [here / "kernels"]).lines
        for span in line.spans
        for guess in span.guesses
    ]
    assert guesses == ["renamed to __state (int, same type and offset)", "now vtime.state (struct vtime)"]
