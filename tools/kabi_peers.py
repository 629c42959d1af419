#!/usr/bin/env python3
"""What kmidiff (libabigail) and stgdiff (STG) report about one small change each, beside `btfkit diff`.

    tools/kabi_peers.py [CASE]...     # prints the table of docs/diff.md

The tools are searched on PATH; KMIDIFF, ABIDIFF and STGDIFF name others.  Each case is C before and after, compiled by gcc into
an executable with the sections of exported symbols that a vmlinux has.  kmidiff reads DWARF, stgdiff DWARF and BTF, btfkit BTF
that it made of this DWARF.  A column whose tool is missing has "-"; without a compiler nothing is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HEAD = """
#define EXPORT(name) \\
  static const char __kstrtab_##name[] __attribute__((section("__ksymtab_strings"), used)) = #name; \\
  const struct { int value, name, space; } __ksymtab_##name __attribute__((section("__ksymtab"), used)) = {0};
"""
S = "int f(struct s *p) { return p != 0; } EXPORT(f)\n"
RESERVED = "unsigned long kabi_reserved1;"


class Case(NamedTuple):
    """A change: C before and after it."""

    change: str
    old: str
    new: str


def members(change: str, old: str, new: str, more: str = "") -> Case:
    """A change of the members of `struct s`, which the symbol f reaches."""
    return Case(change, *(f"{more} struct s {{ {text} }}; {S}" for text in (old, new)))


def prelude(change: str, old: str, new: str, member: str) -> Case:
    """A change of what comes before `struct s`, which has one member of it."""
    return Case(change, *(f"{text} struct s {{ {member} }}; {S}" for text in (old, new)))


def held(change: str, old: str, new: str, old_member: str, new_member: str) -> Case:
    """A change of what `struct s` holds."""
    pairs = (old, old_member), (new, new_member)
    return Case(change, *(f"{text} struct s {{ {member} }}; {S}" for text, member in pairs))


CASES = [
    members("a member added at the end, which makes the struct larger", "int a;", "int a; long b;"),
    prelude("the same, behind two pointers", "struct t { int a; };", "struct t { int a, b; };", "struct t **q;"),
    members("a member added in a hole", "int a; long b;", "int a; int c; long b;"),
    members("a member removed", "int a, b;", "int a;"),
    members("members that change places", "int a; unsigned b;", "unsigned b; int a;"),
    members("a member renamed", "int a, b;", "int a, c;"),
    members("`int` to `unsigned int`", "int a;", "unsigned a;"),
    members("`unsigned char` to `_Bool`", "unsigned char a;", "_Bool a;"),
    members("`int *` to `const int *`", "int *a;", "const int *a;"),
    members("`int` to `volatile int`", "int a;", "volatile int a;"),
    members("an array one longer, in place of padding", "int a[1]; long b;", "int a[2]; long b;"),
    members("an array without a length: `[1]` to `[]`, the struct has room", "long b; int a[1];", "long b; int a[];"),
    members("a bit-field narrower, 5 to 4 bits", "unsigned a : 5; int b;", "unsigned a : 4; int b;"),
    members("a bit-field that moves by a bit", "unsigned a : 5, b : 1;", "unsigned a : 5, : 1, b : 1;"),
    members("`packed`, which moves a member", "char a; int b;", "char a; int b __attribute__((packed));"),
    members("`aligned`, which makes the struct larger", "int a;", "int a __attribute__((aligned(64)));"),
    members("two members put in an anonymous struct", "int a, b;", "struct { int a, b; };"),
    members("a member added to an anonymous union", "union { int a; };", "union { int a; unsigned b; };"),
    members("an enumerator added to the anonymous enum of a member", "enum { A, B } a;", "enum { A, B, C } a;"),
    members("a reserved member used through a union", RESERVED, f"union {{ int *a; struct {{ {RESERVED} }}; }};"),
    members("a reserved member under another name", RESERVED, "unsigned long a;"),
    members("another prototype of a function pointer", "int (*a)(int);", "int (*a)(long);"),
    members("another name of its parameter", "int (*a)(int one);", "int (*a)(int two);"),
    prelude("another type behind a typedef", "typedef int t;", "typedef long t;", "t a;"),
    held("a struct that is a union", "struct t { int a; };", "union t { int a; };", "struct t a;", "union t a;"),
    held("a struct with another name", "struct t { int a; };", "struct u { int a; };", "struct t a;", "struct u a;"),
    prelude("an enumerator added at the end", "enum e { A, B };", "enum e { A, B, C };", "enum e a;"),
    prelude("an enumerator added in the middle", "enum e { A, B };", "enum e { A, C, B };", "enum e a;"),
    prelude("an enumerator removed", "enum e { A, B };", "enum e { A };", "enum e a;"),
    prelude("an enumerator renamed", "enum e { A, B };", "enum e { A, C };", "enum e a;"),
    prelude("an enum of one byte", "enum e { A };", "enum e { A } __attribute__((packed));", "enum e a; int b;"),
    prelude("a declared struct that gets a definition", "struct t;", "struct t { int a; } g;", "struct t *a;"),
    prelude("a struct that is only declared from now on", "struct t { int a; } g;", "struct t;", "struct t *a;"),
    Case(
        "a parameter added", "int f(int a) { return a; } EXPORT(f)", "int f(int a, int b) { return a + b; } EXPORT(f)"
    ),
    Case("a parameter renamed", "int f(int a) { return a; } EXPORT(f)", "int f(int b) { return b; } EXPORT(f)"),
    Case("another type is returned", "int f(int a) { return a; } EXPORT(f)", "long f(int a) { return a; } EXPORT(f)"),
    Case("`...` added", "int f(int a) { return a; } EXPORT(f)", "int f(int a, ...) { return a; } EXPORT(f)"),
    Case(
        "a symbol removed",
        "int f(int a) { return a; } EXPORT(f) int g(int a) { return a; } EXPORT(g)",
        "int f(int a) { return a; } EXPORT(f)",
    ),
    Case(
        "a symbol that is there, and not exported any more",
        "int f(int a) { return a; } EXPORT(f) int g(int a) { return a; } EXPORT(g)",
        "int f(int a) { return a; } EXPORT(f) int g(int a) { return a; }",
    ),
    Case(
        "a symbol added",
        "int f(int a) { return a; } EXPORT(f)",
        "int f(int a) { return a; } EXPORT(f) int g(int a) { return a; } EXPORT(g)",
    ),
    Case("a variable with another type", "int v; EXPORT(v)", "long v; EXPORT(v)"),
    Case(
        "only the CRC of a symbol",
        'int f(int a) { return a; } EXPORT(f) asm(".globl __crc_f; .set __crc_f, 1");',
        'int f(int a) { return a; } EXPORT(f) asm(".globl __crc_f; .set __crc_f, 2");',
    ),
]
COLUMNS = ["kmidiff", "stgdiff, DWARF", "stgdiff, BTF", "btfkit diff", "... --symbols"]


def tool(name: str) -> str | None:
    """The path of a tool, or None."""
    return shutil.which(os.environ.get(name.upper(), name))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A command, whose status says what it found."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def build(folder: Path, text: str) -> None:
    """Make of C: vmlinux (with DWARF), vmlinux.btf, and vmlinux.elf, the former with the BTF as a section."""
    folder.mkdir()
    (folder / "case.c").write_text(HEAD + text)
    flags = ["-g", "-O0", "-nostdlib", "-static", "-Wl,-e,0", "-Wl,--build-id=none"]
    subprocess.run(["gcc", *flags, "-o", folder / "vmlinux", folder / "case.c"], check=True)
    (folder / "case.c").unlink()
    btfkit = [sys.executable, "-m", "btfkit", "encode", "-q"]
    subprocess.run([*btfkit, folder / "vmlinux", "-o", folder / "vmlinux.btf"], check=True)
    parts = [f".BTF={folder / 'vmlinux.btf'}", folder / "vmlinux", folder / "vmlinux.elf"]
    subprocess.run(["objcopy", "--add-section", *parts], check=True)


def libabigail(old: Path, new: Path) -> str:
    """What kmidiff reports; what it hides, abidiff shows."""
    kmidiff, abidiff = tool("kmidiff"), tool("abidiff")
    if kmidiff is None or abidiff is None:
        return "-"
    (old / "dist").mkdir(exist_ok=True)
    (new / "dist").mkdir(exist_ok=True)
    for side in (old, new):
        shutil.copy(side / "vmlinux", side / "dist")
    found = run(kmidiff, old / "dist", new / "dist")
    if found.returncode & 3:
        return "an error"
    if found.returncode:
        return "reported"
    hidden = run(abidiff, "--harmless", old / "vmlinux", new / "vmlinux")
    return "filtered as harmless" if hidden.returncode else "no"


def stg(kind: str, old: Path, new: Path, name: str) -> str:
    """What stgdiff reports of DWARF (--elf) or BTF (--btf)."""
    stgdiff = tool("stgdiff")
    if stgdiff is None:
        return "-"
    report = old / "report"
    found = run(stgdiff, kind, old / name, kind, new / name, "--output", report)
    return "reported" if found.returncode == 4 else "an error" if found.returncode else "no"


def ours(old: Path, new: Path, symbols: Path) -> tuple[str, str]:
    """What `btfkit diff` reports, and with --symbols."""
    command = [sys.executable, "-m", "btfkit", "diff", old / "vmlinux.btf", new / "vmlinux.btf", "--json"]
    plain = json.loads(run(*command).stdout)
    whole = json.loads(run(*command, "--symbols", symbols).stdout)
    if whole["breaks"]:
        judged = "break"
    elif whole["findings"]:
        judged = "without effect: " + whole["findings"][0]["harmless"][0]["why"]
    else:
        judged = "not in BTF" if whole["not_in_btf"] else "no"
    return ("reported" if plain["differs"] else "no"), judged


def row(case: Case, folder: Path) -> list[str]:
    """The answers about a case, by column."""
    old, new, symbols = folder / "old", folder / "new", folder / "symbols"
    build(old, case.old)
    build(new, case.new)
    names = [part.split(")")[0] for part in case.old.split("EXPORT(")[1:]]
    symbols.write_text("".join(f"{name}\n" for name in names))
    return [
        libabigail(old, new),
        stg("--elf", old, new, "vmlinux"),
        stg("--btf", old, new, "vmlinux.elf"),
        *ours(old, new, symbols),
    ]


def main(wanted: list[str]) -> int:
    """Print the table; 0 without a compiler, too."""
    if not (shutil.which("gcc") and shutil.which("objcopy")):
        print("kabi_peers: skipped: no gcc and objcopy", file=sys.stderr)
        return 0
    for name in ("kmidiff", "stgdiff"):
        if tool(name) is None:
            print(f"kabi_peers: no {name}: its column is empty", file=sys.stderr)
    print(f"| change | {' | '.join(COLUMNS)} |")
    print(f"|---|{'---|' * len(COLUMNS)}")
    for case in CASES:
        if not wanted or any(word in case.change for word in wanted):
            with tempfile.TemporaryDirectory() as folder:
                print(f"| {case.change} | {' | '.join(row(case, Path(folder)))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
