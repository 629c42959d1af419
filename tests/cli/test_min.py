"""`btfkit min`: every form of its command line, on small kernels and modules."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile

import pytest
from cli_inputs import environment, fill, refused, run
from test_extract import elf

from bpf import cases
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf_file import load
from btfkit.co_re import kinds as k
from btfkit.co_re.program import load_objects
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from objects import Program


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(vmlinux, modules, *paths):
    """(status, value or reason) of every relocation, type ids apart."""
    base = load(vmlinux)
    objects = [obj for path in paths for obj in load_objects(path)]
    target = Target(base, [load(module, base) for module in modules])
    return [
        (outcome.status, outcome.value if relocation.kind not in (6, 7) else outcome.value is None)
        for obj, outcomes in zip(objects, relocate(objects, target), strict=True)
        for relocation, outcome in zip(obj.relocations, outcomes, strict=True)
    ]


def test_plain(capsys, here):
    said = run(capsys, "min", "vmlinux", "out.btf", "fields.bpf.o")
    assert said.status == 0
    assert said.out == ""
    first, second = said.err.splitlines()
    size = (here / "out.btf").stat().st_size
    assert (
        first
        == f"out.btf: {len(load('out.btf')) - 1} types, {size:,} bytes (of {len(load('vmlinux')) - 1} types, 5,157 bytes)"
    )
    assert (
        second
        == "64 relocations: 62 answered, 2 missing, 0 ambiguous; every answer identical to that on the input (verified)"
    )
    assert answers("out.btf", [], "fields.bpf.o") == answers("vmlinux", [], "fields.bpf.o")


def test_several_objects_and_the_same_bytes_again(capsys, here):
    words = ["min", "vmlinux", "out.btf", "fields.bpf.o", "types.bpf.o", "enums.bpf.o"]
    assert run(capsys, *words).status == 0
    first = (here / "out.btf").read_bytes()
    assert run(capsys, *words).status == 0
    assert (here / "out.btf").read_bytes() == first
    assert answers("out.btf", [], *words[3:]) == answers("vmlinux", [], *words[3:])


def test_minimizing_twice_changes_nothing(capsys, here):
    run(capsys, "min", "vmlinux", "one", "types.bpf.o")
    run(capsys, "min", "one", "two", "types.bpf.o")
    assert (here / "one").read_bytes() == (here / "two").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["-q", "vmlinux", "out.btf", "fields.bpf.o"],
        ["vmlinux", "-q", "out.btf", "fields.bpf.o"],
        ["vmlinux", "out.btf", "fields.bpf.o", "--quiet"],
        ["vmlinux", "out.btf", "--quie", "fields.bpf.o"],
        ["-q", "--", "vmlinux", "out.btf", "fields.bpf.o"],
    ],
)
def test_options_anywhere(capsys, here, words):
    said = run(capsys, "min", *words)
    assert (said.status, said.out, said.err) == (0, "", "")
    assert (here / "out.btf").exists()


def test_the_base_in_front_of_the_command(capsys, here):
    assert run(capsys, "-B", "vmlinux", "min", "mods/mod_one", "one", "module.bpf.o").status == 0
    assert (here / "one").exists()


@pytest.mark.parametrize("words", [["-", "fields.bpf.o"], ["-o", "-", "fields.bpf.o"]])
def test_standard_output(capfdbinary, here, words):
    """Data on stdout, talk on stderr; JSON moves to stderr as well."""
    from btfkit.cli import main

    assert main(["min", "vmlinux", "file", "fields.bpf.o", "-q"]) == 0
    assert main(["min", "vmlinux", *words, "--json"]) == 0
    said = capfdbinary.readouterr()
    assert said.out == (here / "file").read_bytes()
    assert b'"schema": 1' in said.err
    assert not (here / "-").exists()


def test_standard_input(here):
    command = [sys.executable, "-m", "btfkit", "min", "-", "out.btf", "fields.bpf.o"]
    done = subprocess.run(command, input=(here / "vmlinux").read_bytes(), env=environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    command[4:] = ["vmlinux", "-", "-", "-q"]
    done = subprocess.run(command, input=(here / "fields.bpf.o").read_bytes(), env=environment(), capture_output=True)
    assert done.stdout == (here / "out.btf").read_bytes()


def test_a_folder_gets_one_file_for_each_input(capsys, here):
    said = run(capsys, "min", "-o", "out/deep", "vmlinux", "fields.bpf.o", "-q")
    assert said.status == 0
    assert [path.name for path in (here / "out/deep").iterdir()] == ["vmlinux"]


# ---- modules -------------------------------------------------------------------------------------------------------


def check_modules(here, names=("mod_one", "mod_two")):
    paths = [str(here / "out" / name) for name in names]
    before = answers("vmlinux", ["mods/mod_one", "mods/mod_two"], "module.bpf.o")
    assert answers("out/vmlinux", paths, "module.bpf.o") == before
    assert sorted(path.name for path in (here / "out").iterdir()) == [*names, "vmlinux"]


def test_a_folder_of_modules(capsys, here):
    said = run(capsys, "min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o")
    assert said.status == 0
    assert "modules: 2 searched, 2 written" in said.err
    assert said.err.count("; read by ") == 3
    assert said.err.rstrip().endswith("(verified; 1 new type id)")
    check_modules(here)


def test_modules_one_by_one_in_any_packing(capsys, here):
    one, two = ((here / "mods" / name).read_bytes() for name in ("mod_one", "mod_two"))
    (here / "mod_one.ko.xz").write_bytes(lzma.compress(elf({".BTF": one})))
    (here / "mod_two.ko.gz").write_bytes(gzip.compress(elf({".BTF": two})))
    assert (
        run(capsys, "min", "vmlinux", "-m", "mod_one.ko.xz", "-mmod_two.ko.gz", "module.bpf.o", "-o", "out").status == 0
    )
    check_modules(here)


def test_a_tar_of_modules(capsys, here):
    with tarfile.open(here / "mods.tar.gz", "w:gz") as tar:
        for name in ("mod_one", "mod_two"):
            content = (here / "mods" / name).read_bytes()
            info = tarfile.TarInfo(f"kernel/{name}.btf")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert run(capsys, "min", "vmlinux", "--modules", "mods.tar.gz", "module.bpf.o", "-o", "out").status == 0
    assert sorted(path.name.removesuffix(".btf") for path in (here / "out").iterdir()) == [
        "mod_one",
        "mod_two",
        "vmlinux",
    ]


def test_a_relocation_that_libbpf_refuses(capsys, here):
    """The output is written, the first such relocation is named, and the exit status is 1."""
    program = Program()
    program.types.int("int", 4)
    program.relo(k.BYTE_OFFSET, 99, "0")
    (here / "bad.bpf.o").write_bytes(elf({".BTF": program.types.to_bytes(), ".BTF.ext": program.ext()}))
    said = run(capsys, "min", "vmlinux", "small", "bad.bpf.o")
    assert said.status == 1
    assert "1 relocation: 0 answered, 0 missing, 0 ambiguous, 1 in error" in said.err
    assert "no local type 99 (ids are 1 to 1): libbpf refuses the object\n" in said.err


def test_files_without_btf_are_passed_over(capsys, here):
    (here / "mods" / "plain.ko").write_bytes(elf({".text": b"x"}))
    said = run(capsys, "min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o")
    assert said.status == 0
    assert "modules: 2 searched, 2 written, 1 file without BTF skipped: mods/plain.ko\n" in said.err
    check_modules(here)


def test_only_modules_that_are_read(capsys, here):
    words = ["min", "-m", "mods", "-o", "out", "vmlinux", "fields.bpf.o", "--loader", "libbpf"]
    assert "2 searched, 0 written" in run(capsys, *words).err
    assert [path.name for path in (here / "out").iterdir()] == ["vmlinux"]
    assert (
        "2 searched, 1 written" in run(capsys, *words[:-2]).err
    )  # cilium/ebpf sees types of modules beside those of vmlinux
    assert "2 searched, 2 written" in run(capsys, *words, "--all-modules").err
    assert sorted(path.name for path in (here / "out").iterdir()) == ["mod_one", "mod_two", "vmlinux"]
    assert len(load("out/mod_two", "out/vmlinux").own_ids) == 0


def test_one_module_with_and_without_its_base(capsys, here):
    said = run(capsys, "min", "-B", "vmlinux", "mods/mod_one", "one", "module.bpf.o")
    assert said.status == 0
    assert len(said.err.splitlines()) == 2
    assert run(capsys, "min", "mods/mod_one", "--base", "vmlinux", "-o", "dir", "module.bpf.o").status == 0
    assert run(capsys, "min", "mods/mod_one", "two", "module.bpf.o", "-B", "vmlinux", "--base-out", "base").status == 0
    assert (here / "one").read_bytes() == (here / "two").read_bytes() == (here / "dir/mod_one").read_bytes()
    expected = answers("vmlinux", ["mods/mod_one"], "module.bpf.o")
    assert answers("base", ["two"], "module.bpf.o") == expected


# ---- other criteria ------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(here):
    """k: a kernel with functions, and s, split on it."""
    b = Builder(order="little")
    number = b.int("int", 4, encoding=1)
    inner = b.struct("inner", 4, [("x", number, 0)])
    behind = b.struct("behind", 4, [("x", number, 0)])
    b.struct("outer", 16, [("inner", inner, 0), ("behind", b.ptr(behind), 64)])
    b.func("run", b.func_proto(number, [("o", b.ptr(inner))]))
    b.typedef("number_t", number)
    (here / "k").write_bytes(b.to_bytes())
    s = Builder(b.build())
    s.struct("mine", 4, [("i", inner, 0)])
    (here / "s").write_bytes(s.to_bytes())
    return b.build()


def names(path, base=None):
    return {type_.name for type_ in load(path, base)} - {""}


def test_keep_type(capsys, here, kernel):
    assert run(capsys, "min", "k", "out", "--keep-type", "struct outer,number_t").status == 0
    assert names("out") >= {"outer", "inner", "behind", "number_t", "int"}
    assert "run" not in names("out")
    assert [member.name for member in load("out").find("outer").members] == ["inner", "behind"]
    assert not load("out").find("inner").members
    assert run(capsys, "min", "-o", "dir", "k", "--keep-type", "inner", "--keep-type", "behind").status == 0
    assert names("dir/k") == {"inner", "behind", "int"}


def test_keep_func(capsys, here, kernel):
    assert run(capsys, "min", "k", "out", "--keep-func", "run").status == 0
    found = load("out").find("run", "FUNC").type
    assert [each.name for each in found.parameters] == ["o"]
    assert "outer" not in names("out")


def test_keep_refs_of(capsys, here, kernel):
    assert run(capsys, "min", "k", "out", "--keep-refs-of", "s").status == 0
    assert "inner" in names("out")
    assert "outer" not in names("out")


@pytest.mark.parametrize(
    ("policy", "inner", "behind"), [("direct", [], []), ("by-value", ["x"], []), ("full", ["x"], ["x"])]
)
def test_closure(capsys, here, kernel, policy, inner, behind):
    assert run(capsys, "min", "k", "out", "--keep-type", "outer", "--closure", policy).status == 0
    found = load("out")
    assert [member.name for member in found.find("inner").members] == inner
    assert [member.name for member in found.find("behind").members] == behind


def test_criteria_add_up(capsys, here):
    name = next(type_.name for type_ in load("vmlinux").types("STRUCT") if type_.name)
    assert run(capsys, "min", "vmlinux", "one", "enums.bpf.o", "--keep-type", name).status == 0
    assert name in names("one")
    assert answers("one", [], "enums.bpf.o") == answers("vmlinux", [], "enums.bpf.o")


def test_names_that_are_not_there(capsys, kernel):
    assert refused(capsys, "min", "k", "out", "--keep-type", "nosuch") == "btfkit: k: no type called 'nosuch' to keep"
    assert refused(capsys, "min", "k", "out", "--keep-func", "inner") == (
        "btfkit: k: no function called 'inner' to keep (inner is of kind struct)"
    )


# ---- report --------------------------------------------------------------------------------------------------------


def test_no_verify(capsys):
    assert run(capsys, "min", "vmlinux", "o", "fields.bpf.o", "--no-verify").err.rstrip().endswith("; not verified")


def test_report_missing(capsys):
    said = run(capsys, "min", "vmlinux", "o", "ambiguous.bpf.o", "--report", "missing")
    assert said.status == 0, "a relocation without an answer is no failure of the run"
    assert said.err.startswith("ambiguous.bpf.o:\n")
    assert "((struct dup *)0)->b" in said.err
    assert "missing: no struct dup on the target" in said.err
    assert "dup_b_exists" not in said.err
    assert "dup_b_exists" in run(capsys, "min", "vmlinux", "o", "ambiguous.bpf.o", "--report", "all").err
    ambiguous = run(capsys, "min", "dup", "o", "ambiguous.bpf.o", "--report=missing").err
    assert "ambiguous: 2 candidates disagree" in ambiguous


def test_json(capsys):
    said = run(capsys, "min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o", "--json", "-q")
    assert said.err == ""
    report = json.loads(said.out)
    assert report["schema"] == 1
    assert [output["path"] for output in report["outputs"]] == ["out/vmlinux", "out/mod_one", "out/mod_two"]
    assert {"input", "types", "bytes", "input_types", "input_bytes", "relocations_answered_here"} < set(
        report["outputs"][0]
    )
    counts = report["relocations"]
    assert counts["total"] == sum(counts[status] for status in ("answered", "missing", "ambiguous", "error"))
    assert report["verified"] is True
    assert report["modules_searched"] == 2
    assert report["left_out"] == []
    assert all(row["status"] != "value" for row in report["without_answer"])
    everything = json.loads(run(capsys, "min", "vmlinux", "o", "fields.bpf.o", "--json", "--report", "all").out)
    assert len(everything["all"]) == everything["relocations"]["total"]
    assert (
        json.loads(run(capsys, "min", "vmlinux", "o", "fields.bpf.o", "--json", "--no-verify").out)["verified"] is None
    )


def test_keep_going(capsys, here):
    (here / "bad.bpf.o").write_bytes((here / "fields.bpf.o").read_bytes()[:300])
    (here / "mods" / "bad.btf").write_bytes((here / "mods" / "mod_one").read_bytes()[:60])
    refused(capsys, "min", "vmlinux", "out", "fields.bpf.o", "bad.bpf.o")
    refused(capsys, "min", "-m", "mods", "-o", "out", "vmlinux", "module.bpf.o")
    said = run(capsys, "min", "vmlinux", "out", "bad.bpf.o", "fields.bpf.o", "nosuch.o", "--keep-going")
    assert said.status == 3
    assert said.err.splitlines()[0].startswith("btfkit: skipped: bad.bpf.o, ")
    assert said.err.splitlines()[1] == "btfkit: skipped: nosuch.o: No such file or directory"
    assert "64 relocations" in said.err
    assert answers("out", [], "fields.bpf.o") == answers("vmlinux", [], "fields.bpf.o")
    said = run(capsys, "min", "-m", "mods", "-o", "dir", "vmlinux", "module.bpf.o", "--keep-going", "--json")
    assert said.status == 3
    assert "bad.btf" in json.loads(said.out)["left_out"][0]
    assert sorted(path.name for path in (here / "dir").iterdir()) == ["mod_one", "mod_two", "vmlinux"]


def test_an_executable_as_object(capsys, here):
    content = (here / "fields.bpf.o").read_bytes(), (here / "enums.bpf.o").read_bytes()
    (here / "tool").write_bytes(
        elf({".rodata": b"some text\0" + content[0] + b"between" + content[1]}).replace(b"\xf7\0", b">\0", 1)
    )
    said = run(capsys, "min", "vmlinux", "one", "tool")
    assert said.status == 0
    run(capsys, "min", "vmlinux", "two", "fields.bpf.o", "enums.bpf.o")
    assert (here / "one").read_bytes() == (here / "two").read_bytes()
    said = run(capsys, "min", "vmlinux", "one", "tool", "--report", "all")
    assert "tool(tool#1 at 0x" in said.err
    assert "tool(tool#2 at 0x" in said.err


@pytest.mark.parametrize("target", ["big", "vmlinux"])
def test_byte_order_is_kept(capsys, here, target):
    for program in ("fields.bpf.o", "fields.eb.bpf.o"):
        assert run(capsys, "min", target, "out", program).status == 0
        assert (here / "out").read_bytes()[:2] == (here / target).read_bytes()[:2]


def test_a_layout_section_is_kept(capsys, here):
    b = Builder(order="little", layout=True)
    b.struct("simple", 4, [("x", b.int("int", 4), 0)])
    (here / "k").write_bytes(b.to_bytes())
    assert run(capsys, "min", "k", "out", "--keep-type", "simple").status == 0
    assert load("out").layout == Btf.from_bytes(b.to_bytes()).layout != b""


def test_an_object_without_relocations(capsys, here):
    blob = cases.object_bytes("fields.el")
    from btfkit.files.elf import Elf
    from btfkit.files.elf_write import replace_sections

    ext = bytearray(Elf(blob).data(".BTF.ext"))
    ext[28:32] = bytes(4)
    (here / "none.bpf.o").write_bytes(replace_sections(Elf(blob), {".BTF.ext": bytes(ext)}))
    said = run(capsys, "min", "vmlinux", "out", "none.bpf.o")
    assert said.status == 0
    assert "out: 0 types" in said.err
    assert "0 relocations: 0 answered" in said.err


# ---- usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "INPUT is missing"),
        (["vmlinux"], "OUTPUT is missing (or -o DIR)"),
        (["vmlinux", "out"], "nothing to keep: name at least one OBJECT"),
        (["vmlinux", "out", "fields.bpf.o", "-m", "mods"], "-m gives several outputs: use -o DIR"),
        (["vmlinux", "-o", "-", "fields.bpf.o", "-m", "mods"], "-m gives several outputs: use -o DIR"),
        (["vmlinux", "out", "fields.bpf.o", "--base-out", "b"], "--base-out requires -B"),
        (["vmlinux", "-o", "out", "fields.bpf.o", "-B", "vmlinux", "-m", "mods"], "-B takes one MODULE as INPUT"),
        (["vmlinux", "out", "fields.bpf.o", "--closure", "wide"], "invalid choice: 'wide'"),
        (["vmlinux", "out", "fields.bpf.o", "--report", "some"], "invalid choice: 'some'"),
        (["vmlinux", "out", "fields.bpf.o", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["vmlinux", "out", "fields.bpf.o", "-B"], "expected one argument"),
        (["vmlinux", "out", "fields.bpf.o", "--keep"], "ambiguous option: --keep"),
        (["vmlinux", "fields.bpf.o", "types.bpf.o"], "OUTPUT is fields.bpf.o, an existing ELF file"),
        (["vmlinux", "vmlinux", "fields.bpf.o"], "the output would overwrite the input vmlinux"),
        (["-o", ".", "vmlinux", "fields.bpf.o"], "the output would overwrite the input vmlinux"),
        (["-o", "mods", "-m", "mods", "vmlinux", "module.bpf.o"], "overwrite the input mods/mod_one"),
        (
            ["-o", "out", "-m", "mods", "-m", "mods/mod_one", "vmlinux", "module.bpf.o"],
            "two outputs would be written to out/mod_one",
        ),
        (
            ["-B", "vmlinux", "mods/mod_one", "one", "--base-out", "one", "module.bpf.o"],
            "two outputs would be written to one",
        ),
    ],
)
def test_usage(capsys, words, said):
    assert said in refused(capsys, "min", *words, status=2)


def test_help(capsys):
    said = run(capsys, "min", "--help")
    assert said.status == 0
    assert said.out.startswith("usage: btfkit min [options] [INPUT] [OUTPUT] [OBJECT...]")
    for option in (
        "--modules",
        "--base-out",
        "--all-modules",
        "--keep-refs-of",
        "--closure",
        "--keep-going",
        "--report",
    ):
        assert option in said.out
    assert said.err == ""


def test_what_each_loader_reads(capsys, here):
    """cilium/ebpf compares what pointers lead to: by default that stays, too, and its answer is proved."""
    kernel, program = Builder(), Program()
    kernel.int("long", 8)
    for types in (kernel, program.types):
        number = types.int("int", 4)
        inner = types.struct("t", 8, [("a", number, 0), ("b", number, 32)])
        root = types.struct("s", 8, [("p", types.ptr(inner), 0)])
    program.relo(k.TYPE_MATCHES, root)
    (here / "k.btf").write_bytes(kernel.to_bytes())
    (here / "p.bpf.o").write_bytes(program.elf())

    def answer(path, loader):
        said = run(capsys, "relocs", "p.bpf.o", "-b", path, "--loader", loader, "--json")
        return json.loads(said.out)["relocations"][0]["value"]

    sizes, answers_of = {}, {}
    for loader in ("libbpf", "cilium", ""):
        options = ["--loader", loader] if loader else []
        assert run(capsys, "min", "k.btf", f"out{loader}", "p.bpf.o", *options).status == 0
        sizes[loader] = (here / f"out{loader}").stat().st_size
        answers_of[loader] = [answer(f"out{loader}", one) for one in ("libbpf", "cilium")]
    assert answers_of == {"libbpf": [1, 0], "cilium": [1, 1], "": [1, 1]}
    assert sizes["libbpf"] < sizes[""] == sizes["cilium"]
    refused(capsys, "min", "k.btf", "out", "p.bpf.o", "--loader", "bcc", status=2)
