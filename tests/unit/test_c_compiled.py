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


def wide_unions() -> Builder:
    """Unions larger than their members, as an alignment makes them, alone and where something follows."""
    b = Builder()
    long, number, char = b.int("long int", 8, encoding=1), b.int("int", 4, encoding=1), b.int("char", 1, encoding=1)
    bytes_ = b.array(char, number, 100)
    one = b.union("aligned", 128, [("b", bytes_, 0), ("c", long, 0)])
    two = b.union("few", 16, [("c", char, 0), ("n", number, 0)])
    b.union("bits", 8, [("f", number, 0, 3)])
    b.union("odd", 7, [("c", char, 0)])
    b.union("exactly", 104, [("b", bytes_, 0), ("c", long, 0)])
    unnamed = b.union("", 16, [("x", number, 0), ("y", char, 0)])
    b.struct(
        "around",
        184,
        [("one", one, 0), ("c", char, 1024), ("two", two, 1056), ("", unnamed, 1184), ("end", long, 1344)],
    )
    return b


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("standard", ["c11", "c2x"])
def test_unions_that_are_larger_than_their_members(compiler, standard) -> None:
    btf = wide_unions().build()
    text = header(btf, exact=True)
    asserts = layout_asserts(btf).replace("(struct around, )", "(struct around, x)").splitlines()
    compile_c(compiler, text + "\n".join(line for line in asserts if "(union bits, f)" not in line), f"-std={standard}")
    assert text.count("struct {") == 5
    assert "struct {" not in header(btf)


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


# ---- names that are keywords, in every standard -------------------------------------------------------------------------

STANDARDS = ("gnu89", "c99", "gnu11", "c17", "c2x", "gnu2x", "gnu23")
KEYWORDS = (
    *(
        "int",
        "default",
        "auto",
        "register",
        "inline",
        "asm",
        "typeof",
        "_Generic",
        "_Alignas",
        "__attribute__",
        "__weak",
    ),
    *("bool", "true", "false", "nullptr", "constexpr", "alignas", "alignof", "static_assert", "thread_local"),
    *("typeof_unqual", "linux", "unix", "i386", "_BitInt", "_Float32", "__func__", "__builtin_va_arg"),
)


def keywords() -> Builder:
    """Each keyword as the name of everything that has one."""
    b = Builder()
    number, boolean = b.int("int", 4, encoding=1), b.int("_Bool", 1, encoding=spec.INT_BOOL)
    b.enum("", [("false", 0), ("true", 1)])
    kernel_bool = b.typedef("bool", boolean)
    b.struct("kernel_bools", 2, [("one", kernel_bool, 0), ("two", b.const(kernel_bool), 8)])
    for word in KEYWORDS:
        tag = b.struct(word, 8, [(word, number, 0), ("x", number, 32)])
        alias = b.typedef(word, tag) if word != "bool" else tag
        kind = b.enum(f"{word}_e", [(word, 1)]) if word not in ("true", "false") else b.enum(word, [(word, 2)])
        called = b.func_proto(number, [(word, alias), ("at", b.ptr(kind))])
        b.struct(f"of_{word}", 24, [(word, alias, 0), ("e", kind, 64), ("call", b.ptr(called), 128)])
        b.decl_tag("bpf_kfunc", b.func(f"f_{word}", called))
    b.union("default", 4, [("default", number, 0)])  # a second one of that name
    return b


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_keywords_as_names_compile_in_every_standard(compiler, standard) -> None:
    if not works(compiler, f"-std={standard}"):
        pytest.skip(f"{compiler} does not know -std={standard}: use a newer one")
    compile_c(compiler, header(keywords().build(), exact=True), f"-std={standard}")
    compile_c(compiler, header(keywords().build(), exact=True, unsorted=True), f"-std={standard}")


def test_what_is_a_keyword_everywhere_is_renamed_in_every_form_but_bpftools() -> None:
    b = Builder()
    number = b.int("int", 4, encoding=1)
    b.struct("default", 8, [("int", number, 0), ("bool", number, 32)])
    b.enum("e", [("inline", 1), ("inline", 2), ("constexpr", 3)])
    btf = b.build()
    assert "struct default___c {\n\tint int___c;\n\tint bool;\n};" in header(btf)
    assert "{\n\tinline___c = 1,\n\tinline___2 = 2,\n\tconstexpr = 3,\n}" in header(btf)
    assert "struct default {\n\tint int;\n\tint bool;\n};" in header(btf, compat=True)
    exact = "\tint\n#if __STDC_VERSION__ <= 201710L\nbool\n#else\nbool___c\n#endif\n;\n};"
    assert exact in header(btf, exact=True)


def test_a_bool_that_is_not_that_of_c_is_renamed() -> None:
    """`typedef int bool` has four bytes; so has an enum of that name."""
    b = Builder()
    number = b.int("int", 4, encoding=1)
    own = b.typedef("bool", number)
    b.struct("s", 8, [("a", own, 0), ("b", own, 32)])
    text = header(b.build(), exact=True)
    assert text.count("bool___c") == 3  # in the typedef, and in each member
    check = '_Static_assert(sizeof(struct s) == 8, "");\n'
    for compiler in COMPILERS:
        for standard in filter(lambda one: works(compiler, f"-std={one}"), ("gnu11", "gnu2x")):
            compile_c(compiler, text + check, f"-std={standard}")


# ---- beside other headers ------------------------------------------------------------------------------------------------


def shared() -> Builder:
    b = Builder()
    number = b.int("int", 4, encoding=1)
    u32 = b.typedef("u32", b.int("unsigned int", 4))
    uapi = b.struct("uapi", 8, [("a", u32, 0), ("b", number, 32)])
    old = b.struct("uapi", 4, [("a", u32, 0)])  # another of that name
    constants = b.enum("", [("UAPI_ONE", 1), ("UAPI_TWO", 2)])
    mode = b.enum("mode", [("OFF", 0), ("ON", 1)])
    b.enum("switch_", [("ON", 2)])
    kept = b.struct(
        "kept", 40, [("u", uapi, 0), ("o", old, 64), ("p", b.ptr(uapi), 128), ("m", mode, 192), ("c", constants, 224)]
    )
    b.decl_tag("bpf_kfunc", b.func("get_uapi", b.func_proto(b.ptr(uapi), [("k", b.ptr(kept))])))
    b.decl_tag("bpf_kfunc", b.func("put_uapi", b.func_proto(0, [("u", b.ptr(uapi))])))
    return b


OTHER = """\
typedef unsigned int u32;
struct uapi { u32 a; int b; };
enum { UAPI_ONE = 1, UAPI_TWO = 2 };
enum mode { OFF, ON };
void put_uapi(const struct uapi *);
"""


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_types_of_another_header_are_omitted(compiler) -> None:
    btf = shared().build()
    names = ["u32", "struct uap?", "UAPI_TWO", "enum mode", "put_uapi"]
    text = header(btf, without=names)
    assert "struct uapi {" not in text
    assert "UAPI_ONE" not in text.replace("enum {\n\t\tUAPI_ONE", "")  # in its member, it is spelled out
    assert "enum mode {" not in text
    assert "ON___2 = 2" in text  # the other header has the first
    assert "typedef unsigned int u32;" not in text
    assert "extern struct uapi *get_uapi(struct kept *k)" in text
    assert "put_uapi" not in text
    assert "\tstruct uapi u;\n\tstruct uapi___2 o;\n" in text
    compile_c(compiler, OTHER + text + '_Static_assert(sizeof(struct kept) == 40, "");')
    slim = header(btf, types=["kept"], without=names)
    assert "struct uapi;" in slim  # it is declared, for pointers
    assert "struct uapi {" not in slim
    compile_c(compiler, OTHER + slim)


@pytest.mark.skipif(not COMPILERS, reason=NONE)
@pytest.mark.parametrize("affix", [{"prefix": "k_"}, {"flavor": "old"}])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_two_headers_of_the_same_types(compiler, affix) -> None:
    for btf in (shared().build(), keywords().build(), rust().build()):
        other = header(btf, exact=True, **affix)
        compile_c(compiler, header(btf, exact=True) + other, "-std=gnu11")
        compile_c(compiler, other, "-std=gnu11")
        compile_c(compiler, other + header(btf, exact=True), "-std=gnu2x")


def test_prefixes_and_flavors() -> None:
    btf = shared().build()
    text = header(btf, prefix="k_")
    assert "struct k_kept {\n\tstruct k_uapi u;\n\tstruct k_uapi___2 o;\n\tstruct k_uapi *p;\n\tenum k_mode m;" in text
    assert "k_UAPI_TWO = 2" in text
    assert "preserve_access_index" not in text  # no kernel has a struct k_kept
    assert text.startswith("#ifndef k___VMLINUX_H__\n#define k___VMLINUX_H__\n")
    text = header(btf, flavor="old")
    assert "struct kept___old {\n\tstruct uapi___old u;\n\tstruct uapi___old_2 o;" in text
    assert "typedef unsigned int u32___old;" in text
    assert "preserve_access_index" in text
    assert "get_uapi" not in text
    for wrong in (
        {"prefix": "1"},
        {"prefix": "a-"},
        {"flavor": "a___b"},
        {"flavor": "_a"},
        {"prefix": "a", "flavor": "b"},
    ):
        with pytest.raises(ValueError, match=r"prefix|flavor"):
            btfkit.dump(btf, "c", **wrong)
    with pytest.raises(ValueError, match="format c only"):
        btfkit.dump(btf, "raw", prefix="k_")


def test_names_that_nothing_has_are_reported() -> None:
    btf = shared().build()
    assert btfkit.dump(btf, "c", without=["uapi", "no_such", "struct u32", "x*"]).unused == [
        "no_such",
        "struct u32",
        "x*",
    ]
    assert btfkit.dump(btf, "c", without=["*"]).unused == []
