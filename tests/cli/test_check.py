"""`btfkit check` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import struct
from types import SimpleNamespace

import pytest

import check_inputs
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.co_re import kinds as k
from needs import module
from objects import Program

NAMES = ["5.10.0-1-amd64", "6.1.0-1-amd64", "6.1.0-2-amd64", "6.12.0-1-amd64", "5.15.0-1-generic"]


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """A function that runs the command in a folder with `hub/` and `guards.bpf.o`."""
    check_inputs.fill(tmp_path)
    monkeypatch.chdir(tmp_path)

    def go(*args):
        capsys.readouterr()
        status = main(["check", *args])
        said = capsys.readouterr()
        return SimpleNamespace(status=status, out=said.out, err=said.err)

    return go


def report(run, *args):
    said = run("guards.bpf.o", "--kernels", "hub", "--json", *args)
    return said.status, json.loads(said.out)


def statuses(data, program):
    """{kernel: status} of one program."""
    row = next(number for number, p in enumerate(data["programs"]) if p["program"] == program)
    return {
        kernel["name"]: data["verdicts"][number]["status"]
        for kernel, number in zip(data["kernels"], data["matrix"][row], strict=True)
    }


def test_ranges_and_reasons(run):
    said = run("guards.bpf.o", "--kernels", "hub")
    assert said.status == 1
    flat = re.sub(r"\s+", " ", said.out)
    assert "debian x86_64 6.1.0-1-amd64 ... 6.1.0-2-amd64: works" in flat
    assert "debian x86_64 5.10.0-1-amd64: works, guarded" in flat
    assert "all 5 kernels: works" in flat
    assert "struct task_struct has no member 'btfkit_no_such_member'" in flat
    assert re.search(
        r"guards\.bpf\.c:\d+ in bad_plain: \(\(struct task_struct___missing \*\)0\)->btfkit_no_such_member", said.out
    )
    assert "PROGRAM(bad_plain) { return READ; }" in said.out
    assert "hint: on 6.12.0-1-amd64 struct task_struct has btfkit_new_name (int) in its place" in said.out
    assert "first kernel that has it: 6.1.0-1-amd64, last: 6.1.0-2-amd64" in said.out
    assert "not reached if user space leaves user_flag = 0" in said.out
    assert "programs on 5 kernels" in said.err


def test_json(run):
    status, data = report(run)
    assert status == 1
    assert data["schema"] == 1
    assert [kernel["name"] for kernel in data["kernels"]] == NAMES
    assert data["kernels"][0]["distro"] == "debian"
    assert data["kernels"][0]["release"] == "11"
    assert set(data["counts"]) == {"works", "works, guarded", "breaks"}
    assert statuses(data, "bad_plain") == dict.fromkeys(NAMES, "breaks") | dict.fromkeys(NAMES[1:3], "works")
    assert statuses(data, "ok_field_exists") == dict.fromkeys(NAMES, "works, guarded") | dict.fromkeys(
        NAMES[1:3], "works"
    )
    assert set(statuses(data, "ok_plain").values()) == {"works"}
    row = next(number for number, p in enumerate(data["programs"]) if p["program"] == "bad_plain")
    (finding,) = [f for f in data["verdicts"][data["matrix"][row][0]]["findings"] if f["effect"] == "breaks"]
    assert finding["reason"] == "no-member"
    assert finding["function"] == "bad_plain"
    assert finding["file"].endswith("guards.bpf.c")
    assert finding["line"] > 0
    assert finding["source"] == "PROGRAM(bad_plain) { return READ; }"
    assert finding["kind"] == "byte_off"
    ranges = data["programs"][row]["ranges"]
    assert [(r["first"], r["last"], r["kernels"], r["status"]) for r in ranges] == [
        ("5.10.0-1-amd64", "5.10.0-1-amd64", 1, "breaks"),
        ("6.1.0-1-amd64", "6.1.0-2-amd64", 2, "works"),
        ("6.12.0-1-amd64", "6.12.0-1-amd64", 1, "breaks"),
        ("5.15.0-1-generic", "5.15.0-1-generic", 1, "breaks"),
    ]
    assert len(data["failures"]) == data["counts"]["breaks"] - statuses_of(data, "bad_optional")


def statuses_of(data, program):
    return list(statuses(data, program).values()).count("breaks")


def test_the_number_of_workers_changes_nothing(run):
    one = run("guards.bpf.o", "--kernels", "hub", "--json", "-j", "1")
    assert run("guards.bpf.o", "--kernels", "hub", "--json", "-j", "3").out == one.out


def test_optional_programs_do_not_count(run):
    status, data = report(run, "--require", "ok_plain")
    assert (status, data["failures"]) == (0, [])
    status, data = report(run, "--require", "bad_optional")
    assert status == 1
    assert {failure["program"] for failure in data["failures"]} == {"bad_optional"}
    said = run("guards.bpf.o", "--kernels", "hub", "--require", "nothing_*")
    assert said.status == 2
    assert "no program 'nothing_*'" in said.err
    assert run("guards.bpf.o", "--kernels", "hub", "--require", "guards:ok_plain").status == 0


def test_allowances(run):
    require = ("--require", "bad_plain")
    assert report(run, *require)[0] == 1
    status, data = report(run, *require, "--allow", "bad_plain@5.1*")
    assert status == 1
    assert {failure["kernel"] for failure in data["failures"]} == {"6.12.0-1-amd64"}
    assert report(run, *require, "--allow", "bad_*@5.1*", "--allow", "guards:bad_plain@debian/13/*")[0] == 0
    assert run("guards.bpf.o", "--kernels", "hub", "--allow", "bad_plain").status == 2


def test_a_baseline(run, tmp_path):
    first = run("guards.bpf.o", "--kernels", "hub", "--json")
    (tmp_path / "old.json").write_text(first.out)
    status, data = report(run, "--baseline", "old.json")
    assert (status, data["failures"]) == (0, [])
    (tmp_path / "hub/debian/12/x86_64/6.1.0-2-amd64.btf").write_bytes(check_inputs.kernel())
    status, data = report(run, "--baseline", "old.json")
    assert status == 1
    assert {failure["kernel"] for failure in data["failures"]} == {"6.1.0-2-amd64"}
    (tmp_path / "hub/debian/12/x86_64/6.1.0-2-amd64.btf").write_bytes(check_inputs.kernel(check_inputs.MEMBER))
    (tmp_path / "hub/debian/11/x86_64/5.10.0-1-amd64.btf").write_bytes(check_inputs.kernel(check_inputs.MEMBER))
    said = run("guards.bpf.o", "--kernels", "hub", "--baseline", "old.json")
    assert "that broke before now work" in said.err


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}', "[" * 100_000, "\x9f\xeb"])
def test_what_is_no_baseline(run, tmp_path, text):
    (tmp_path / "old.json").write_text(text)
    said = run("guards.bpf.o", "--kernels", "hub", "--baseline", "old.json")
    assert said.status == 3
    assert said.err.startswith("btfkit: old.json: not a baseline")


def test_values_that_user_space_sets(run):
    kernel = ("--kernels", "hub/debian/11/x86_64/5.10.0-1-amd64.btf", "--json")
    data = json.loads(run("guards.bpf.o", *kernel, "--set", "user_flag=0").out)
    assert set(statuses(data, "open_rodata").values()) == {"works, guarded"}
    data = json.loads(run("guards.bpf.o", *kernel, "--set", "user_flag_on=false").out)
    assert set(statuses(data, "bad_rodata_on").values()) == {"works, guarded"}
    data = json.loads(run("guards.bpf.o", *kernel, "--set", "LINUX_KERNEL_VERSION=0x40000").out)
    assert set(statuses(data, "ok_version").values()) == {"breaks"}
    assert run("guards.bpf.o", *kernel, "--set", "user_flag").status == 2


def test_markdown(run):
    said = run("guards.bpf.o", "--kernels", "hub", "--markdown")
    assert said.out.startswith("**btfkit check**: ")
    assert "| guards | `bad_plain` | debian x86\\_64 5.10.0-1-amd64 | **breaks** |" in said.out
    assert "`PROGRAM(bad_plain) { return READ; }`" in said.out
    assert run("guards.bpf.o", "--kernels", "hub", "--markdown", "--json").status == 2


def test_html(run, tmp_path):
    module("jinja2")
    said = run("guards.bpf.o", "--kernels", "hub", "--html", "out.html")
    page = (tmp_path / "out.html").read_bytes()
    assert page.startswith(b"<!DOCTYPE html>")
    assert b"bad_plain" in page
    assert "bad_plain" in said.out


def test_kernels_that_cannot_be_read(run, tmp_path):
    bad = tmp_path / "hub/debian/13/x86_64/6.13.0-1-amd64.btf"
    bad.write_bytes(b"not BTF at all, but some text")
    said = run("guards.bpf.o", "--kernels", "hub", "--json", "--require", "ok_plain")
    assert said.status == 3
    assert said.err.count("6.13.0-1-amd64.btf") == 1
    data = json.loads(said.out)
    broken = next(kernel for kernel in data["kernels"] if "error" in kernel)
    assert broken["name"] == "6.13.0-1-amd64"
    column = data["kernels"].index(broken)
    assert all(row[column] is None for row in data["matrix"])
    said = run("guards.bpf.o", "--kernels", str(bad))
    assert said.status == 3


def test_markers_are_said(run, tmp_path):
    (tmp_path / "hub/debian/13/x86_64/6.14.0-1-amd64.failed").write_bytes(b"")
    said = run("guards.bpf.o", "--kernels", "hub", "--require", "ok_plain")
    assert said.status == 0
    assert "1 kernel has only a marker" in said.err
    assert "marker" not in run("guards.bpf.o", "--kernels", "hub", "-q").err


def test_one_kernel_with_modules(run, tmp_path):
    kernel = "hub/debian/11/x86_64/5.10.0-1-amd64.btf"
    (tmp_path / "mods").mkdir()
    from btfkit.btf.btf import Btf
    from btfkit.btf.build import Builder

    base = Btf.from_bytes((tmp_path / kernel).read_bytes())
    b = Builder(base)
    b.struct("btfkit_no_such_struct", 4, [("member", 1, 0)])
    (tmp_path / "mods" / "some_module").write_bytes(b.to_bytes())
    data = json.loads(run("guards.bpf.o", "--kernels", kernel, "-m", "mods", "--json").out)
    assert set(statuses(data, "ok_type_exists").values()) == {"works"}
    data = json.loads(run("guards.bpf.o", "--kernels", kernel, "--json").out)
    assert set(statuses(data, "ok_type_exists").values()) == {"works, guarded"}
    (tmp_path / "mods" / "broken.ko").write_bytes(b"damaged")  # costs neither the kernel nor its neighbour
    said = run("guards.bpf.o", "--kernels", kernel, "-m", "mods", "--json")
    assert said.status == 3
    assert "btfkit: module skipped: mods/broken.ko, byte 0x0: " in said.err
    data = json.loads(said.out)
    assert set(statuses(data, "ok_type_exists").values()) == {"works"}
    assert [len(column["skipped_modules"]) for column in data["kernels"]] == [1]
    os.unlink(tmp_path / "mods" / "broken.ko")
    said = run("guards.bpf.o", "--kernels", kernel, "-m", "nowhere")
    assert (said.status, said.err) == (3, "btfkit: nowhere: No such file or directory\n")
    said = run("guards.bpf.o", "--kernels", "hub", "-m", "mods")
    assert said.status == 3
    assert "expected directories named like them" in said.err
    os.rename(tmp_path / "mods", tmp_path / "5.10.0-1-amd64")  # for several kernels: a folder for each
    _, data = report(run, "-m", ".")
    assert statuses(data, "ok_type_exists")["5.10.0-1-amd64"] == "works"
    assert statuses(data, "ok_type_exists")["6.12.0-1-amd64"] == "works, guarded"


def test_what_is_wrong_with_the_command_line(run, tmp_path):
    assert run("guards.bpf.o").status == 2
    assert run("--kernels", "hub").status == 2
    assert run("guards.bpf.o", "--kernels", "nowhere").status == 3
    (tmp_path / "empty").mkdir()
    said = run("guards.bpf.o", "--kernels", "empty")
    assert said.status == 3
    assert "no kernels found" in said.err
    assert run("hub/debian/11/x86_64/5.10.0-1-amd64.btf", "--kernels", "hub").status == 3


def test_inputs_in_any_order(run):
    one, other = (f"hub/debian/{path}.btf" for path in ("11/x86_64/5.10.0-1-amd64", "12/x86_64/6.1.0-1-amd64"))
    said = run("guards.bpf.o", "--kernels", one, other, "--json")
    assert [len(json.loads(said.out)[key]) for key in ("kernels", "objects")] == [2, 1]
    for words in (
        ("--kernels", one, "guards.bpf.o", other),
        ("--kernels", "guards.bpf.o", one, other),
        ("--kernels", one, "--kernels", other, "--json", "--", "guards.bpf.o"),
        ("--kernel", one, other, "guards.bpf.o"),  # abbreviated: argparse reads it
    ):
        assert run(*words, *(() if "--json" in words else ("--json",))).out == said.out, words


def test_objects_in_directories(run, tmp_path):
    whole = run("guards.bpf.o", "--kernels", "hub", "--json").out
    (tmp_path / "build/deep").mkdir(parents=True)
    os.rename(tmp_path / "guards.bpf.o", tmp_path / "build/deep/guards.bpf.o")
    (tmp_path / "build/notes.txt").write_text("not an object")
    (tmp_path / "build/host.o").write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\1\0\x3e\0" + bytes(44))
    for words in (("build", "--kernels", "hub"), ("--kernels", "hub", "build"), ("--kernels", "build", "hub")):
        assert run(*words, "--json").out == whole, words
    (tmp_path / "empty").mkdir()
    said = run("empty", "--kernels", "hub")
    assert said.status == 3
    assert "empty: no BPF objects in this directory" in said.err
    said = run("--kernels", "hub")
    assert said.status == 2
    assert "no objects: expected OBJECT..." in said.err
    said = run("--kernels", "build/deep/guards.bpf.o")
    assert said.status == 2
    assert "no kernels: use --kernels" in said.err


def test_an_object_that_cannot_be_read_costs_no_other(run, tmp_path):
    good = run("guards.bpf.o", "--kernels", "hub", "--json")
    (tmp_path / "bad.bpf.o").write_bytes((tmp_path / "guards.bpf.o").read_bytes()[:4000])
    for words in (("bad.bpf.o", "guards.bpf.o"), ("guards.bpf.o", "bad.bpf.o"), (".",), ("gone.bpf.o", "guards.bpf.o")):
        said = run(*words, "--kernels", "hub", "--json")
        name = "gone.bpf.o" if "gone.bpf.o" in words else "bad.bpf.o"
        data, expected = json.loads(said.out), json.loads(good.out)
        (unread,) = data.pop("unread_objects")
        assert unread["source"].endswith(name)
        assert expected.pop("unread_objects") == []
        assert data == expected, words
        assert said.status == 3
        assert said.err.count(name) == 1
        assert said.err.rpartition("btfkit: ")[2].startswith("skipped: ")
    said = run("bad.bpf.o", "gone.bpf.o", "--kernels", "hub")  # none can be read: there is no report
    assert (said.status, said.out) == (3, "")
    assert said.err.startswith("btfkit: bad.bpf.o")


def test_a_directory_without_modules_is_said(run, tmp_path):
    kernel = "hub/debian/11/x86_64/5.10.0-1-amd64.btf"
    (tmp_path / "mods").mkdir()
    said = run("guards.bpf.o", "--kernels", kernel, "-m", "mods")
    assert "mods: no modules found" in said.out
    (tmp_path / "all/5.10.0-1-amd64").mkdir(parents=True)
    (tmp_path / "all/5.10.0-1-amd64/m.btf").write_bytes(check_inputs.kernel())
    said = run("guards.bpf.o", "--kernels", "hub", "-m", "all", "-m", "mods")
    assert "mods: no modules of these 5 kernels" in said.out
    assert "all: no modules" not in said.out


@pytest.mark.parametrize("command", ["check", "diff", "layout"])
def test_without_jinja2_no_work_is_done(run, monkeypatch, capsys, command):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    words = {"check": ["guards.bpf.o", "--kernels", "hub"], "diff": ["gone", "gone"], "layout": ["gone"]}[command]
    monkeypatch.setattr("btfkit.fleet.check.check", lambda *_, **__: pytest.fail("work was done"))
    assert main([command, *words, "--html", "out.html"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("btfkit: HTML needs jinja2")


def without_symbols(elf):
    """The object as `strip -s` leaves it for a reader: no section is a symbol table."""
    elf = bytearray(elf)
    (table,), (count,) = struct.unpack_from("<Q", elf, 40), struct.unpack_from("<H", elf, 60)
    for place in range(table + 4, table + 64 * count, 64):
        if elf[place] == 2:  # SHT_SYMTAB
            elf[place] = 1
    return bytes(elf)


def test_an_object_without_programs(tmp_path, capsys):
    program = Program()
    number = program.types.int("int", 4)
    program.relo(0, program.types.struct("s", 4, [("m", number, 0)]), "0:0")
    (tmp_path / "stripped.o").write_bytes(without_symbols(program.elf()))
    kernel = Builder()
    kernel.struct("s", 4, [("m", kernel.int("int", 4), 0)])
    (tmp_path / "kernel").write_bytes(kernel.to_bytes())
    words = ["check", str(tmp_path / "stripped.o"), "--kernels", str(tmp_path / "kernel")]
    assert main([*words, "--html", str(tmp_path / "page.html")]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[3:] == [
        "stripped: (no programs): breaks on kernel",
        "    libbpf rejects the object: it has no symbol table (stripped with strip -s or llvm-strip -s)",
        f"      {tmp_path}/stripped.o",
    ]
    assert "1 object without programs on 1 kernel: 0 work, 0 work guarded, 1 break" in said.err
    assert main([*words, "--markdown"]) == 1
    assert f"  - {tmp_path}/stripped.o\n".replace("_", "\\_") in capsys.readouterr().out


@pytest.mark.parametrize("compressor", ["xz", "gzip"])
def test_kernels_in_a_bundle(run, tmp_path, compressor):
    tree = json.loads(run("guards.bpf.o", "--kernels", "hub", "--json").out)
    assert main(["bundle", "create", "-q", "whole.bundle", "hub", "--compressor", compressor]) == 0
    for words in (("guards.bpf.o", "--kernels", "whole.bundle"), ("--kernels", "whole.bundle", "guards.bpf.o")):
        said = run(*words, "--json")
        found = json.loads(said.out)
        sources = [kernel.pop("source") for kernel in found["kernels"]]
        assert sources[0] == "whole.bundle(debian/11/x86_64/5.10.0-1-amd64/vmlinux)"
        assert found == tree | {"kernels": [{k: v for k, v in one.items() if k != "source"} for one in tree["kernels"]]}
    assert run(*words, "--json", "-j", "3").out == said.out
    (tmp_path / "damaged.bundle").write_bytes((tmp_path / "whole.bundle").read_bytes()[:-40])
    said = run("guards.bpf.o", "--kernels", "damaged.bundle")
    assert said.status == 3
    assert "damaged.bundle" in said.err
    said = run("guards.bpf.o", "--kernels", "whole.bundle", "--html", "whole.bundle")
    assert said.status == 2


def test_a_bundle_for_other_objects_is_said(run, tmp_path):
    (tmp_path / "other.bpf.o").write_bytes((tmp_path / "guards.bpf.o").read_bytes() + b"\0")
    archive = ("--archive", "hub", "--keep-type", "task_struct")
    assert main(["bundle", "create", "-q", "own.bundle", *archive, "guards.bpf.o"]) == 0
    assert main(["bundle", "create", "-q", "other.bundle", *archive, "other.bpf.o"]) == 0
    said = "guards.bpf.o: the BTF in other.bundle was minimized for other objects"
    assert said not in run("guards.bpf.o", "--kernels", "own.bundle").out
    assert said in run("guards.bpf.o", "--kernels", "other.bundle").out


def test_colours(run, monkeypatch):
    plain = run("guards.bpf.o", "--kernels", "hub")
    assert "\x1b" not in plain.out
    dyed = run("guards.bpf.o", "--kernels", "hub", "--color", "always")
    assert re.sub(r"\x1b\[\d*m", "", dyed.out) == plain.out
    assert "all 5 kernels: \x1b[32mworks\x1b[0m" in dyed.out
    assert "debian x86_64 5.10.0-1-amd64: \x1b[31mbreaks\x1b[0m" in dyed.out
    assert "all 5 kernels: \x1b[33mworks, guarded\x1b[0m" in dyed.out
    assert run("guards.bpf.o", "--kernels", "hub", "--color", "sometimes").status == 2


def test_lines_on_a_terminal_break_between_words(run, monkeypatch):
    import sys

    plain = run("guards.bpf.o", "--kernels", "hub")
    monkeypatch.setenv("COLUMNS", "50")
    assert run("guards.bpf.o", "--kernels", "hub").out == plain.out  # no terminal
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("btfkit.cli.kernels.terminal_width", lambda: 50)
    narrow = run("guards.bpf.o", "--kernels", "hub")
    assert narrow.out.split() == plain.out.split()
    assert all(len(line) <= 50 or " " not in line.strip() for line in narrow.out.splitlines())


def test_loaders(run, tmp_path):
    """Reads of x and y, which only different structs s have: libbpf drops one, cilium rejects the program, aya reads both."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0)])
    kernel.struct("s", 16, [("y", number, 64)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [("x", number, 32), ("y", number, 64)])
    for member in range(2):
        program.relo(k.BYTE_OFFSET, root, f"0:{member}")
    (tmp_path / "two.btf").write_bytes(kernel.to_bytes())
    (tmp_path / "two.bpf.o").write_bytes(program.elf())
    details = {}
    for loader in ("libbpf", "cilium", "aya"):
        said = run("two.bpf.o", "--kernels", "two.btf", "--loader", loader, "--json")
        data = json.loads(said.out)
        assert data["loader"] == loader
        assert said.status == (0 if loader == "aya" else 1)
        details[loader] = [finding["detail"] for verdict in data["verdicts"] for finding in verdict["findings"]]
        line = "1 program on 1 kernel: " + ("1 work, 0" if loader == "aya" else "0 work, 0")
        assert said.err.startswith(line)
        assert said.err.endswith({"libbpf": "1 break\n"}.get(loader, f"break, loaded by {loader}\n"))
    assert "libbpf dropped it" in details["libbpf"][0]
    assert details["cilium"][0].startswith("cilium rejects the object: types 2, 3 each answer 1 of 2 relocations")
    assert details["aya"] == []
