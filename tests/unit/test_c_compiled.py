"""C text as compilers read it: base types of other languages, and the layout of 32-bit kernels (`exact`)."""

from __future__ import annotations

import shutil
import subprocess

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.build import Builder

COMPILERS = [one for one in ("gcc", "clang") if shutil.which(one)]
NONE = "no gcc or clang: install one of them (apt install gcc)"
# Where unsigned long long has an alignment of 4 bytes (x86), and of 8 (arm; here as an option of gcc).
MODES = {"x86": ["-m32"], "like arm": ["-m32", "-malign-double"]}


def compile_c(compiler: str, text: str, *options: str) -> None:
    command = [compiler, "-xc", "-fsyntax-only", "-Wno-unknown-pragmas", "-Wno-attributes", *options, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + text


def works(compiler: str, *options: str) -> bool:
    command = [compiler, "-xc", "-fsyntax-only", *options, "-"]
    return subprocess.run(command, input="int x;", capture_output=True, text=True, timeout=60).returncode == 0


def header(btf, **options) -> str:
    return b"".join(btfkit.dump(btf, "c", **options)).decode()


def rust() -> Builder:
    """BTF as rustc writes it: base types by Rust's names."""
    b = Builder()
    u32, usize, i8, u128 = b.int("u32", 4), b.int("usize", 8), b.int("i8", 1, encoding=1), b.int("u128", 16)
    f32, boolean = b.float("f32", 4), b.int("bool", 1, encoding=spec.INT_BOOL)
    b.struct(
        "Event",
        48,
        [("pid", u32, 0), ("len", usize, 64), ("ratio", f32, 128), ("ok", boolean, 160), ("all", u128, 256)],
    )
    b.struct("Option<u32>", 8, [("0", u32, 0), ("1", u32, 32)])
    b.struct("L", 8, [("ld", b.int("__SANITIZED_FAKE_INT__", 4), 0), ("s", i8, 32)])
    return b


def test_base_types_of_other_languages() -> None:
    text = header(rust().build())
    assert {line for line in text.splitlines() if line.startswith("typedef")} == {
        "typedef unsigned int u32;",
        "typedef unsigned long long usize;",
        "typedef signed char i8;",
        "typedef unsigned __int128 u128;",
        "typedef float f32;",
        "typedef _Bool bool;",
        "typedef unsigned int __SANITIZED_FAKE_INT__;",
    }
    assert "typedef" not in header(rust().build(), compat=True)  # as bpftool


def test_what_c_knows_gets_no_typedef() -> None:
    b = Builder()
    for name in ("char", "long long unsigned int", "_Bool", "__int128", "unsigned", "__ARRAY_SIZE_TYPE__"):
        b.int(name, 16 if "128" in name else 4)
    for name in ("float", "long double", "_Float16", "__bf16", "_Float128"):
        b.float(name, 4)
    assert "typedef" not in header(b.build())


def test_a_typedef_of_the_same_name_is_the_same() -> None:
    """A kernel with Rust has u32 as a typedef and as a base type."""
    b = Builder()
    usize = b.int("usize", 8)
    b.typedef("usize", b.int("long unsigned int", 8))
    b.struct("s", 8, [("a", usize, 0)])
    text = header(b.build())
    assert text.count("typedef long unsigned int usize;") == 2
    for compiler in COMPILERS:
        compile_c(compiler, text)


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("standard", ["c11", "c2x"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_they_compile(compiler, standard) -> None:
    sizes = {"Event": 48, "Option_u32_": 8, "L": 8}
    asserts = "".join(f'_Static_assert(sizeof(struct {name}) == {size}, "");\n' for name, size in sizes.items())
    compile_c(compiler, header(rust().build()) + asserts, f"-std={standard}")


def small() -> Builder:
    """A kernel with pointers of 4 bytes: u64 at multiples of 4 and of 8, alone, in structs, unions and arrays."""
    b = Builder()
    b.int("long unsigned int", 4)  # determines the size of pointers
    u64, number, char = b.int("long long unsigned int", 8), b.int("int", 4, encoding=1), b.int("char", 1, encoding=1)
    wide = b.typedef("u64", u64)
    packed = b.struct("pk", 20, [("s", wide, 0), ("a", number, 64), ("b", number, 96), ("c", number, 128)])
    b.struct("outer", 40, [("x", number, 0), ("it", packed, 32), ("y", number, 192), ("z", wide, 256)])
    b.struct("pk2", 12, [("a", number, 0), ("b", wide, 32)])
    union = b.union("up", 12, [("a", wide, 0), ("b", b.array(number, number, 3), 0)])
    b.struct("ou", 16, [("x", number, 0), ("u", union, 32)])
    fits = b.struct("fits", 16, [("a", number, 0), ("b", wide, 64)])
    b.struct("shifted", 24, [("a", number, 0), ("f", fits, 32), ("c", char, 160)])
    b.struct("tail", 16, [("a", wide, 0), ("f", char, 64)])
    b.struct("byte", 13, [("c", char, 0), ("b", wide, 8), ("d", number, 72)])
    b.struct("several", 28, [("f", b.array(packed, number, 1), 0), ("p", b.ptr(packed), 160), ("q", char, 192)])
    return b


def layout_asserts(btf) -> str:
    lines = []
    for one in btf.types():
        if one.kind in spec.COMPOSITES and one.name:
            tag = f"{'union' if one.kind == spec.UNION else 'struct'} {one.name}"
            lines.append(f'_Static_assert(sizeof({tag}) == {one.size}, "{one.name}");')
            lines += (
                f'_Static_assert(__builtin_offsetof({tag}, {member.name}) == {member.offset}, "{one.name}.{member.name}");'
                for member in one.members
            )
    return "\n".join(lines) + "\n"


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_layout_of_a_32_bit_kernel(compiler, mode) -> None:
    """Whether a compiler aligns u64 to 4 bytes or to 8."""
    if not works(compiler, *MODES[mode]):
        pytest.skip(f"{compiler} does not know {' '.join(MODES[mode])}: use gcc for x86")
    btf = small().build()
    assert btf.pointer_size == 4
    compile_c(compiler, header(btf, exact=True) + layout_asserts(btf), *MODES[mode])
    compile_c(compiler, header(btf, exact=True, unsorted=True) + layout_asserts(btf), *MODES[mode])


def test_what_only_fits_with_u64_aligned_to_4_bytes_says_so() -> None:
    text = header(small().build(), exact=True)
    ends = [line for line in text.splitlines() if line.startswith("}")]
    assert ends.count("} __attribute__((packed, aligned(4)));") == 4  # pk, pk2, up, shifted
    assert "packed, aligned" not in header(small().build())
