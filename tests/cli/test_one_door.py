"""A module that brings a distilled base, with the vmlinux that it was built with: every command that takes a base answers as it
does for the same module without `.BTF.base` on that vmlinux."""

from __future__ import annotations

import json
import lzma
import re
import shutil
from pathlib import Path

import pytest
from cli_inputs import run

import btfkit
from btfkit.cli import COMMANDS, command
from btfkit.files.elf import Elf
from btfkit.fleet.bundle import Bundle
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import reconcile
from objects import Program
from small_modules import elf, kernel, ko, module

DATA = Path(__file__).resolve().parents[1] / "data"
UNAME = "6.12.107+deb13-amd64"
SECTIONS = (".BTF", ".BTF.base", ".BTF.base_minimal", ".BTF.ext", ".BTF_ids")
NAMES = {
    "small": {"STRUCT": "my_dev", "PATH": "my_dev.name"},
    "real": {"STRUCT": "nf_conntrack_tuple_hash", "PATH": "nf_conn.ct_general"},
}

# Each command line is run twice, in two directories that differ in mod.ko alone: "plain" and "distilled".  OUT is a file or a
# directory of outputs, which have to hold the same types.
WORDS = {
    "layout": ["layout", "-B", "vmlinux", "mod.ko"],
    "layout --json": ["layout", "-B", "vmlinux", "mod.ko", "--all", "--json"],
    "diff": ["diff", "other.ko", "mod.ko", "-B", "vmlinux"],
    "diff --base-b": ["diff", "mod.ko", "other.ko", "-B", "vmlinux", "--base-b", "vmlinux"],
    "find": ["find", "-B", "vmlinux", "mod.ko", "STRUCT", "--all", "--json"],
    "find --users": ["find", "-B", "vmlinux", "mod.ko", "STRUCT", "--users"],
    "offset": ["offset", "-B", "vmlinux", "mod.ko", "PATH"],
    "decode": ["decode", "-B", "vmlinux", "mod.ko", "STRUCT", "prog.o", "--count", "1"],
    "verify": ["verify", "-B", "vmlinux", "mod.ko", "--json"],
    "dump": ["dump", "-B", "vmlinux", "mod.ko"],
    "dump c": ["dump", "-B", "vmlinux", "mod.ko", "format", "c"],
    "dump json": ["dump", "-B", "vmlinux", "mod.ko", "--json"],
    "dump of several": ["dump", "-B", "vmlinux", "mod.ko", "other.ko"],
    "bpftool": ["bpftool", "-B", "vmlinux", "btf", "dump", "file", "mod.ko"],
    "info": ["info", "-B", "vmlinux", "mod.ko", "--json"],
    "min -B": ["min", "-B", "vmlinux", "mod.ko", "OUT", "prog.o", "--base-out", "OUT.base"],
    "min -m": ["min", "-m", "mod.ko", "-o", "OUT", "vmlinux", "prog.o", "--all-modules"],
    "min --merge": ["min", "-m", "mod.ko", "--merge", "vmlinux", "OUT", "prog.o"],
    "min --keep-refs-of": ["min", "vmlinux", "OUT", "--keep-refs-of", "mod.ko"],
    "min --archive": ["min", "--archive", "tree", "-o", "OUT", "prog.o"],
    "relocs": ["relocs", "prog.o", "-b", "vmlinux", "-m", "mod.ko"],
    "check": ["check", "prog.o", "--kernels", "tree", "--json"],
    "check -m": ["check", "prog.o", "--kernels", "vmlinux", "-m", "mod.ko", "--json"],
    "bundle": ["bundle", "create", "OUT", "--archive", "tree", "prog.o"],
    "merge": ["merge", "vmlinux", "mod.ko", "-o", "OUT"],
    "dedup": ["dedup", "-B", "vmlinux", "mod.ko", "-o", "OUT"],
    "distill": ["distill", "-B", "vmlinux", "mod.ko", "-o", "OUT", "--policy", "by-value"],
    "sort": ["sort", "-B", "vmlinux", "mod.ko", "-o", "OUT"],
    "sanitize": ["sanitize", "-B", "vmlinux", "mod.ko", "-o", "OUT", "--for", "5.10"],
}

# Names in .BTF_ids are lost when a module is distilled for the first time.
BASE_WAS_THERE = ("reconciled to the base: .BTF.base removed", "it had a distilled base (.BTF.base)", "of .BTF_ids, ")

# Those that take a base and mean something else by it.
OTHERS = {
    "atlas": "adds all modules of a kernel, which the store reads again as they were (test_atlas.py)",
    "encode": "reads DWARF, and replaces the BTF and the base that a module has (test_pahole.py)",
    "reconcile": "is for modules that bring a distilled base",
    "explain": "tells what a kernel makes of .BTF.base, which it reads by its own rules",
}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def pair(built: bytes, vmlinux: btfkit.Btf) -> dict[str, bytes]:
    """The module's file with `.BTF` on a distilled base, as kbuild makes it; and without one, on vmlinux.

    Both come out of the distilled one, so that their strings are in the same order.
    """
    file = btfkit.open(built, "mod.ko")
    made = distill(file.btf(vmlinux))
    distilled = file.replace(made.btf, made.ids, base=made.base)
    back = reconcile(made.btf, vmlinux)
    plain = btfkit.open(distilled).replace(back.btf, back.ids)
    assert compare(file.btf(vmlinux), back.btf)
    return {"distilled": distilled, "plain": plain}


def fill(folder: Path, vmlinux: bytes, built: bytes, other: bytes, program: bytes) -> None:
    for name, data in pair(built, btfkit.load(vmlinux)).items():
        files = {"vmlinux": vmlinux, "mod.ko": data, "other.ko": other, "prog.o": program}
        files |= {f"tree/debian/13/x86_64/{UNAME}/vmlinux": vmlinux, f"tree/debian/13/x86_64/{UNAME}/mod.ko": data}
        put(folder / name, files)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A kernel of a dozen types, and a module."""
    folder = tmp_path_factory.mktemp("small")
    base = kernel(filler=3)
    program = Program()
    local = program.types
    number = local.int("unsigned long", 8)
    mutex = local.struct("mutex", 8, [("owner", number, 0)])
    program.relo(0, local.struct("my_dev", 8, [("lock", mutex, 0)]), "0:0:0")
    fill(folder, base.to_bytes(), ko(module(base), base, ids=True), ko(module(base), base), program.elf())
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """nf_conntrack of Debian's 6.12, and a program that reads it."""
    folder = tmp_path_factory.mktemp("real")
    vmlinux = lzma.decompress((DATA / f"vmlinux-{UNAME}.btf.xz").read_bytes())
    modules = {
        name: lzma.decompress((DATA / "modules" / f"{name}.btf.xz").read_bytes()) for name in ("nf_conntrack", "act_ct")
    }
    program = (DATA / "xdp-forward.4.bpf.o").read_bytes()
    conntrack, other = (elf({".modinfo": b"license=GPL\0", ".BTF": blob}) for blob in modules.values())
    fill(folder, vmlinux, conntrack, other, program)
    return folder


def outputs(folder: Path) -> dict[str, object]:
    """What lies in the files that a command made: of an ELF file the sections that hold BTF or speak of it."""
    found: dict[str, object] = {}
    for path in sorted(path for out in folder.glob("out*") for path in (out.rglob("*") if out.is_dir() else [out])):
        data = path.read_bytes() if path.is_file() else b""
        if data[:4] == b"\x7fELF":
            elf = Elf(data)
            found[path.name] = {name: bytes(elf.data(name)) for name in SECTIONS if elf.section(name) is not None}
        elif path.is_file() and path.suffix != ".json":  # a manifest has the digests of the inputs
            found[path.name] = data
    return found


def answer(capsys, folder: Path, monkeypatch, words: list[str], names: dict[str, str]) -> object:
    """What a command says and writes in one of the two directories."""
    monkeypatch.chdir(folder)
    for out in folder.glob("out*"):
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    said = run(capsys, *(names.get(word, word.replace("OUT", "out")) for word in words))
    assert said.status in (0, 1), said.err
    text, told = said.out, said.err
    if words[0] == "info":
        shown = json.loads(text)
        for name in ("size", "layers", "distilled_base"):
            shown.pop(name, None)
        text = json.dumps(shown)
    if words[0] == "bundle":  # has the digests of the inputs
        bundle = Bundle.open("out")
        return said.status, [bundle.blob(number) for number in range(len(bundle.sizes))]
    if words[0] in ("min", "check"):
        text, told = (re.sub(r"[0-9a-f]{64}", "digest", one) for one in (text, told))
    if words[0] in ("dedup", "sort", "sanitize", "distill"):  # they say that a base was there
        told = "".join(line for line in told.splitlines(True) if not line.startswith(BASE_WAS_THERE))
    return said.status, text, told, outputs(folder)


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("inputs", ["small", pytest.param("real", marks=pytest.mark.slow)])
def test_same_answers(request, capsys, monkeypatch, inputs, name) -> None:
    folder = request.getfixturevalue(inputs)
    names = NAMES[inputs]
    assert btfkit.open(folder / "distilled" / "mod.ko").base_section == ".BTF.base"
    assert btfkit.open(folder / "plain" / "mod.ko").base_section is None
    wanted = answer(capsys, folder / "plain", monkeypatch, WORDS[name], names)
    assert answer(capsys, folder / "distilled", monkeypatch, WORDS[name], names) == wanted


def test_every_command_with_a_base_is_here() -> None:
    """A new command that takes a base, or modules, has to be in the table."""
    takes = {name for name in COMMANDS if {"base", "modules"} & {option.dest for option in command(name).options}}
    there = {words[0] for words in WORDS.values()} | set(OTHERS)
    assert takes <= there
