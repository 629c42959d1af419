"""Types as source code of other languages: their compilers accept it without a warning, put every member where BTF has it,
and read bit-fields as btfkit does."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.shapes import shape_of
from btfkit.btf_file import load
from btfkit.show.go import go_text
from btfkit.show.rust import rust_text
from btfkit.values.shape import Composite, Enum, Field
from code_types import hostile_types
from needs import lacks
from peer_tools import Bench, bench, find_peer
from random_values import RandomTypes

CLOSURES = 34  # of each kernel
EDITION = ["--edition", "2021", "-D", "warnings"]


@pytest.fixture
def rustc() -> Iterator[Bench]:
    if find_peer("rustc") is None:
        lacks("rust")
    with bench("rustc") as b:
        yield b


def rust(btf: Btf, ids: list[int] | None = None) -> str:
    """The code, without the check of the byte order: it is that of the machine with the types, and the layout is judged here."""
    text = b"".join(rust_text(btf, ids)).decode()
    found, count = re.subn(r"#\[cfg\(not\(target_endian.*\)\]\ncompile_error!.*\n", "", text)
    assert count == 1
    return found


def compile_rust(b: Bench, text: str, *options: str) -> str:
    """The errors and warnings of rustc."""
    path = b.put("types.rs", text.encode())
    out = b.path("types.out")
    return b.run([*EDITION, *(options or ("--crate-type=lib", "--emit=metadata")), "-o", out, path]).stderr.decode()


def some_structs(btf: Btf, seed: str, count: int) -> list[int]:
    ids = [t.id for t in btf if t.kind in (4, 5) and t.name]
    return random.Random(seed).sample(ids, min(count, len(ids)))


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_rust_of_kernels(kernel: str, rustc: Bench) -> None:
    """task_struct and random types, each with what it needs: rustc asserts sizes, alignments and offsets of all of them."""
    btf = load(corpus.kernel_path(kernel))
    roots = [btf.struct("task_struct").id, *some_structs(btf, kernel, CLOSURES)]
    modules = [f"pub mod t{number} {{\n{rust(btf, [root])}}}\n" for number, root in enumerate(roots)]
    assert sum(text.count("assert!") for text in modules) > 1000
    assert compile_rust(rustc, "".join(modules)) == ""


def bit_fields(shape: Composite) -> Iterator[tuple[int, Field]]:
    return ((number, field) for number, field in enumerate(shape.members) if field.bits and field.name)


def record_checks(number: int, name: str, btf: Btf, type_id: int, data: bytes) -> list[str]:
    """Statements that compare what the getters read with what btfkit reads, and set what they read into zeros."""
    shape = shape_of(btf, type_id)
    assert isinstance(shape, Composite)
    value = btf[type_id].unpack(data)
    lines = [f"let bytes: [u8; {shape.size}] = {list(data)};"]
    lines.append(f"let record: types::{name} = unsafe {{ core::mem::transmute(bytes) }};")
    for _, field in bit_fields(shape):
        expected = int(value[field.name])
        enum = ".0" if isinstance(field.shape, Enum) else ""
        lines.append(f'assert_eq!(record.{field.name}(){enum} as i128, {expected}, "{number} {name}.{field.name}");')
        lines.append(f"let mut other = types::{name}::default();")
        lines.append(f"other.set_{field.name}(record.{field.name}());")
        lines.append(f"assert_eq!(other.{field.name}(), record.{field.name}());")
        if not shape.is_union:
            packed = btf[type_id].pack({field.name: value[field.name]})
            lines.append(f"let raw: [u8; {shape.size}] = unsafe {{ core::mem::transmute(other) }};")
            lines.append(f"assert_eq!(raw, {list(packed)});")
    return lines


@pytest.mark.parametrize("order", ["little", "big"])
def test_rust_bit_fields(order: str, rustc: Bench) -> None:
    """Getters and setters of random bit-fields, in both byte orders, run."""
    modules, functions = [], []
    for seed in range(8):
        types = RandomTypes(seed, order)
        btf, ids = types.build(10)
        ids = [type_id for type_id in ids if btf.name(type_id)]
        modules.append(f"mod m{seed} {{ pub mod types {{\n{rust(btf, ids)}}}\npub fn check() {{\n")
        for number, type_id in enumerate(ids):
            data = types.data(types.sizes[type_id])
            modules += [f"    {line}\n" for line in record_checks(number, btf.name(type_id), btf, type_id, data)]
        modules.append("}}\n")
        functions.append(f"m{seed}::check();")
    text = "#![allow(unused_variables)]\n" + "".join(modules) + f"fn main() {{ {' '.join(functions)} }}\n"
    assert text.count("assert_eq!") > 50
    assert compile_rust(rustc, text, "-A", "clippy::all") == ""
    assert run_built(rustc) == ""


def run_built(b: Bench) -> str:
    """What the program that was built says on standard error."""
    enter = ["chroot", b.tool.root] if b.tool.root else []
    built = b.path("types.out")
    os.chmod(os.path.join(b.here, "types.out"), 0o755)
    return subprocess.run([*enter, built], capture_output=True, timeout=60, check=False).stderr.decode()


def test_rust_of_hostile_types(rustc: Bench) -> None:
    assert compile_rust(rustc, rust(hostile_types())) == ""


@pytest.mark.parametrize("seed", range(6))
def test_rust_of_random_types(seed: int, rustc: Bench) -> None:
    btf, _ = RandomTypes(seed, "little" if seed % 2 else "big").build(40)
    assert compile_rust(rustc, rust(btf)) == ""


# ---- Go ---------------------------------------------------------------------------------------------------------------

GO = "HOME=/tmp GOTOOLCHAIN=local GOFLAGS=-mod=mod go"


@pytest.fixture
def go() -> Iterator[Bench]:
    if find_peer("go") is None:
        lacks("go")
    with bench("go") as b:
        b.put("go.mod", b"module checked\n\ngo 1.23\n")
        yield b


def go_code(btf: Btf, ids: list[int] | None = None, package: str = "types") -> bytes:
    """The code, without the constraint for the byte order: the layout is judged here."""
    found, count = re.subn(rb"//go:build .*\n\n", b"", b"".join(go_text(btf, ids, package=package)))
    assert count == 1
    return found


def run_go(b: Bench, *commands: str) -> str:
    """What the commands say, each run by a shell in the directory of the module."""
    enter = ["chroot", b.tool.root] if b.tool.root else []
    said = b""
    for command in commands:
        line = f"cd {b.path('.')} && {command}"
        done = subprocess.run([*enter, "sh", "-c", line], capture_output=True, timeout=600, check=False)
        said += done.stdout + done.stderr
    return said.decode()


def judge_go(b: Bench, count: int) -> str:
    """What gofmt, the compiler and vet find in `count` packages."""
    return run_go(
        b, f"test $(ls -d t*/ | wc -l) -eq {count} || echo packages are lacking", "gofmt -d .", f"{GO} vet ./..."
    )


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_go_of_kernels(kernel: str, go: Bench) -> None:
    """task_struct and random types, each with what it needs: Go checks sizes and offsets of all of them."""
    btf = load(corpus.kernel_path(kernel))
    roots = [btf.struct("task_struct").id, *some_structs(btf, kernel, CLOSURES)]
    for number, root in enumerate(roots):
        text = go_code(btf, [root])
        assert b"unsafe.Sizeof" in text
        go.put(f"t{number}/types.go", text)
    assert judge_go(go, len(roots)) == ""


def test_go_of_strange_types(go: Bench) -> None:
    """Hostile names and random types; and the judge does find a wrong offset."""
    go.put("t0/types.go", go_code(hostile_types()))
    for seed in range(6):
        go.put(f"t{seed + 1}/types.go", go_code(RandomTypes(seed, "little" if seed % 2 else "big").build(40)[0]))
    assert judge_go(go, 7) == ""
    wrong = go_code(hostile_types()).replace(b"var _ [8]struct{}", b"var _ [9]struct{}", 1)
    go.put("t0/types.go", wrong)
    assert "as [9]struct{} value" in judge_go(go, 7)


def go_checks(name: str, btf: Btf, type_id: int, data: bytes) -> list[str]:
    """Statements that compare what the getters read with what btfkit reads, and set what they read into zeros."""
    shape = shape_of(btf, type_id)
    assert isinstance(shape, Composite)
    value = btf[type_id].unpack(data)
    kind = name.capitalize()
    lines = [
        f"bytes := [{shape.size}]byte{{{', '.join(map(str, data))}}}",
        f"record := (*types.{kind})(unsafe.Pointer(&bytes))",
    ]
    for _, field in bit_fields(shape):
        member, expected = field.name.capitalize(), int(value[field.name])
        one = isinstance(value[field.name], bool) and field.bits == 1
        lines.append(
            f'check("{name}.{member}", record.{member}() == {str(bool(expected)).lower() if one else expected})'
        )
        if not shape.is_union:
            packed = btf[type_id].pack({field.name: value[field.name]})
            lines.append(f"{{ other := types.{kind}{{}}; other.Set{member}(record.{member}())")
            lines.append(f'check("set {name}.{member}", *(*[{shape.size}]byte)(unsafe.Pointer(&other)) == ')
            lines.append(f"[{shape.size}]byte{{{', '.join(map(str, packed))}}}) }}")
    return ["{", *lines, "_ = record }"]


@pytest.mark.parametrize("order", ["little", "big"])
def test_go_bit_fields(order: str, go: Bench) -> None:
    """Getters and setters of random bit-fields, in both byte orders, run."""
    for seed in range(4):
        types = RandomTypes(seed, order)
        btf, ids = types.build(10)
        ids = [type_id for type_id in ids if btf.name(type_id)]
        checks = [
            line
            for type_id in ids
            for line in go_checks(btf.name(type_id), btf, type_id, types.data(types.sizes[type_id]))
        ]
        go.put(f"m{seed}/types/types.go", go_code(btf, ids))
        imports = f'import "unsafe"; import "fmt"; import "checked/m{seed}/types"; var count int\n'
        check = 'func check(what string, ok bool) { count++; if !ok { fmt.Println("wrong:", what) } }\n'
        lines = "\n".join(checks)
        ending = 'if count == 0 { fmt.Println("nothing checked") }'
        go.put(f"m{seed}/main.go", f"package main\n{imports}{check}func main() {{\n{lines}\n{ending} }}\n".encode())
    assert run_go(go, *(f"{GO} run ./m{seed}" for seed in range(4))) == ""
