"""`btfkit layout`."""

from __future__ import annotations

import json
import os
import pty

import pytest
from cli_inputs import run, start

from btfkit.btf.build import Builder

PICTURE = """struct hole {
	char                       c;                    /*     0     1 */

	/* XXX 7 bytes hole, try to pack */

	long                       l;                    /*     8     8 */

	/* size: 16, cachelines: 1, members: 2 */
	/* sum members: 9, holes: 1, sum holes: 7 */
	/* last cacheline: 16 bytes */
};
"""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    b = Builder()
    b.int("char", 1)
    b.int("long", 8)
    b.struct("hole", 16, [("c", 1, 0), ("l", 2, 64)])
    b.union("both", 8, [("c", 1, 0), ("l", 2, 0)])
    b.struct("both", 1, [("c", 1, 0)])
    b.typedef("nameless_t", b.struct("", 8, [("l", 2, 0)]))
    base = b.build()
    (tmp_path / "vmlinux").write_bytes(base.to_bytes())
    top = Builder(base)
    top.struct("mine", 16, [("h", 3, 0)])
    (tmp_path / "module").write_bytes(top.to_bytes())
    monkeypatch.chdir(tmp_path)


def test_one(capsys) -> None:
    said = run(capsys, "layout", "vmlinux", "hole")
    assert (said.status, said.out, said.err) == (0, PICTURE + "\n", "")
    assert run(capsys, "layout", "vmlinux", "struct hole").out == PICTURE + "\n"


def test_all(capsys) -> None:
    said = run(capsys, "layout", "vmlinux")
    assert said.out.startswith(PICTURE + "union both {")
    assert "nameless_t" not in said.out
    assert run(capsys, "layout", "vmlinux", "--all").out == said.out
    assert run(capsys, "layout", "module", "-B", "vmlinux").out.startswith("struct mine {\n\tstruct hole ")


def test_names(capsys) -> None:
    assert run(capsys, "layout", "vmlinux", "both").out.count("both {") == 2
    assert run(capsys, "layout", "vmlinux", "union both").out.startswith("union both {")
    assert "typedef struct {" in run(capsys, "layout", "vmlinux", "nameless_t").out
    said = run(capsys, "layout", "vmlinux", "hole", "nobody")
    assert (said.status, said.out) == (3, "")
    assert "'nobody'" in said.err
    said = run(capsys, "layout", "vmlinux", "long")
    assert "long is of kind int" in said.err
    assert "there is a UNION" not in run(capsys, "layout", "vmlinux", "struct both").err


def test_json(capsys) -> None:
    said = run(capsys, "layout", "vmlinux", "hole", "both", "--json")
    data = json.loads(said.out)
    assert (data["schema"], data["cacheline"], [t["name"] for t in data["types"]]) == (1, 64, ["hole", "both", "both"])
    hole = data["types"][0]
    assert (hole["size"], hole["holes"], hole["sum_holes"]) == (16, 1, 7)
    assert hole["members"][0] == {
        "name": "c", "type": "char", "type_id": 1, "offset": 0, "size": 1, "bit_offset": 0, "hole": 7, "bit_hole": 0,
    }  # fmt: skip
    assert json.loads(run(capsys, "layout", "vmlinux", "--json", "-H", "9").out)["types"] == []
    inner = json.loads(run(capsys, "layout", "module", "-B", "vmlinux", "--json", "-E").out)["types"][0]["members"][0]
    assert [m["offset"] for m in inner["members_of"]["members"]] == [0, 8]


def test_sizes_and_holes(capsys) -> None:
    assert run(capsys, "layout", "vmlinux", "--sizes").out == "hole\t16\t1\nboth\t8\t0\nboth\t1\t0\n"
    assert run(capsys, "layout", "vmlinux", "-s", "--holes", "1").out == "hole\t16\t1\n"


def test_output_and_cacheline(capsys, tmp_path) -> None:
    assert run(capsys, "layout", "vmlinux", "hole", "-o", "out", "-c", "8").out == ""
    assert "/* --- cacheline 1 boundary (8 bytes) --- */" in (tmp_path / "out").read_text()


@pytest.mark.parametrize(
    "words", [["--all", "hole"], ["--json", "--sizes"], ["--cacheline", "0"], ["--holes", "x"], ["--color", "blue"]]
)
def test_usage(capsys, words) -> None:
    assert run(capsys, "layout", "vmlinux", *words).status == 2


def test_colour(capsys) -> None:
    assert "\x1b[1;31m/* XXX 7 bytes hole" in run(capsys, "layout", "vmlinux", "hole", "--color", "always").out
    assert "\x1b" not in run(capsys, "layout", "vmlinux", "hole", "--color=never").out


def test_colour_on_a_terminal(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    import subprocess
    import sys

    from cli_inputs import environment

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "btfkit", "layout", "vmlinux", "hole"]
    assert subprocess.run(command, stdout=theirs, env=environment(), timeout=600).returncode == 0
    os.close(theirs)
    assert b"\x1b[1;31m/* XXX" in os.read(ours, 65536)
    os.close(ours)


def test_closed_pipe(tmp_path) -> None:
    b = Builder()
    b.int("char", 1)
    for number in range(5000):
        b.struct(f"s_{number}", 1, [("c", 1, 0)])
    (tmp_path / "big").write_bytes(b.to_bytes())
    process = start(["layout", "big"])
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"struct s_0 {\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()


@pytest.fixture
def more(tmp_path):
    """A file with structs to choose from."""
    b = Builder()
    b.int("char", 1)
    b.int("long", 8)
    b.int("int", 4, encoding=1)
    b.struct("tcp_hole", 24, [("c", 1, 0), ("l", 2, 64), ("d", 1, 128)])
    b.union("tcp_both", 8, [("c", 1, 0), ("l", 2, 0)])
    b.struct("packed", 5, [("c", 1, 0), ("i", 3, 8)])
    b.struct("open", 4, [("n", 3, 0), ("data", b.array(1, 3, 0), 32)])
    b.struct("outer", 48, [("h", 4, 0), ("a", b.array(b.typedef("t", 4), 3, 1), 192)])
    b.struct("deep", 48, [("o", 11, 0)])
    (tmp_path / "more").write_bytes(b.build().to_bytes())


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--unions"], "tcp_both"),
        (["--structs", "--prefix", "tcp_"], "tcp_hole"),
        (["--packed"], "packed"),
        (["--flexible"], "open"),
        (["--largest-hole", "7"], "tcp_hole"),
        (["--padding", "8"], ""),
        (["--padding", "7"], "tcp_hole"),
        (["--contains", "tcp_hole"], "outer"),
        (["--containers", "struct tcp_hole"], "outer deep"),
        (["--exclude", "tcp_*", "--exclude", "*e*"], ""),
        (["tcp_*"], "tcp_hole tcp_both"),
        (["struct tcp_*", "/^deep$/"], "tcp_hole deep"),
    ],
)
def test_choices(capsys, words, names) -> None:
    said = run(capsys, "layout", "more", "--names", *words)
    assert (said.status, said.out.split(), said.err) == (0, names.split(), "")


@pytest.mark.usefixtures("more")
def test_lines(capsys) -> None:
    assert run(capsys, "layout", "more", "tcp_*", "--nr-members").out == "tcp_hole\t3\ntcp_both\t2\n"
    assert "/*   0x8   0x8 */" in run(capsys, "layout", "more", "tcp_hole", "--hex").out
    assert "struct tcp_hole {" in run(capsys, "layout", "more", "outer", "--compile").out


@pytest.mark.usefixtures("more")
def test_at_an_offset(capsys) -> None:
    assert run(capsys, "layout", "more", "outer", "--at", "0x20").out == "outer.a[0].l  32  8 bytes  long\n"
    said = run(capsys, "layout", "more", "outer", "--at", "3")
    assert said.out == "outer  3    in a hole of 7 bytes after c of struct tcp_hole\n"
    places = json.loads(run(capsys, "layout", "more", "tcp_both", "--at", "0", "--json").out)["at"][0]["places"]
    assert [place["path"] for place in places] == ["tcp_both.c", "tcp_both.l"]
    said = run(capsys, "layout", "more", "outer", "--at", "48")
    assert (said.status, said.out) == (3, "")
    assert "outer has 48 bytes, the last is 47" in said.err


@pytest.mark.usefixtures("more")
def test_reorganize(capsys) -> None:
    said = run(capsys, "layout", "more", "tcp_hole", "-R")
    assert said.out.startswith("struct tcp_hole {\n\tchar                       c;")
    assert "\t/* size: 16, cachelines: 1, members: 3 */\n" in said.out
    assert said.out.endswith("};   /* saved 8 bytes! */\n\n")
    assert run(capsys, "layout", "more", "-R", "-s").out == "tcp_hole\t24\t16\t8\n"
    steps = run(capsys, "layout", "more", "tcp_hole", "-R", "-S").out
    assert steps.startswith("/* Moving 'd' from after 'l' to after 'c' */\nstruct tcp_hole {\n")
    assert "}\n\n/* Final reorganized struct: */\nstruct tcp_hole {" in steps
    found = json.loads(run(capsys, "layout", "more", "tcp_hole", "packed", "-R", "--json").out)["reorganized"]
    assert [(one["saved"], one["members"]) for one in found] == [(8, ["c", "d", "l"]), (0, ["c", "i"])]


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(
    "words",
    [
        ["--names", "--sizes"],
        ["--html", "x", "--compile"],
        ["--structs", "--unions"],
        ["--steps"],
        ["--at", "3"],
        ["outer", "--at", "-3"],
        ["outer", "--at", "x"],
        ["--json", "--names"],
    ],
)
def test_contradictions(capsys, words) -> None:
    assert run(capsys, "layout", "more", *words).status == 2


@pytest.mark.usefixtures("more")
def test_a_pattern_without_a_match(capsys) -> None:
    said = run(capsys, "layout", "more", "udp_*")
    assert (said.status, said.out) == (3, "")
    assert "no struct or union matches 'udp_*'" in said.err


@pytest.mark.usefixtures("more")
def test_patterns_are_of_the_running_kernel(capsys, monkeypatch) -> None:
    import btfkit.cli.layout as command

    monkeypatch.setattr(command, "demand_running", lambda: "more")
    assert run(capsys, "layout", "tcp_*", "deep", "--names").out == "tcp_hole\ntcp_both\ndeep\n"
    assert run(capsys, "layout", "/^deep/", "--names").out == "deep\n"
    assert run(capsys, "layout", "--names", "--packed").out == "packed\n"
