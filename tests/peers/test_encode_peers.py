"""`encode` beside pahole: the same types, functions and tags, but for what docs/differences.md lists."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

import btfkit
from btfkit.encoder.encode import encode
from btfkit.files.elf import Elf
from btfkit.judges.verification import verify
from encode_classes import Classes
from needs import lacks
from peer_tools import bench

DATA = Path(__file__).parents[1] / "data" / "encode"
NAMES = sorted(path.name.removesuffix(".o.xz") for path in DATA.glob("*.o.xz"))
NOT_READ = ("gcc-no-debug", "gcc-split")
TYPE_UNITS = ("gcc-types", "gcc-types4")
UNKNOWN_REGISTERS = ("clang-riscv64", "clang-powerpc64le", "clang-mips64", "clang-sparc64")
MISREAD = ("clang-mips64el",)  # by pahole: test_encode_forms has another judge
CHANGED = {"not_static_at_all", "loses_one"}  # gcc's .isra and .constprop clones


def content(name: str) -> bytes:
    return lzma.decompress((DATA / f"{name}.o.xz").read_bytes())


def pahole(data: bytes) -> bytes | None:
    """What pahole writes, None if it writes nothing; its exit status is 0 either way."""
    with bench("pahole") as b:
        b.run(["-J", "--btf_features=default", f"--btf_encode_detached={b.path('out')}", b.put("in.o", data)])
        return b.get("out")


def theirs_and_ours(data: bytes, judged: bytes | None = None) -> tuple[list[str], list[str]]:
    """What only pahole has of the types of an object, or of `judged`, and what only btfkit has."""
    blob = pahole(judged or data)
    assert blob is not None
    theirs, ours = Classes(blob).texts(), Classes(btfkit.encode(Elf(data, "input")).to_bytes()).texts()
    assert sum(theirs.values()) > 3
    return sorted((theirs - ours).elements()), sorted((ours - theirs).elements())


def functions(texts: list[str]) -> set[str]:
    """The names of the functions among texts of types; the rest has to be prototypes."""
    found = {text.split()[1] for text in texts if text.startswith("func ")}
    assert all(text.startswith(("func ", "(")) for text in texts), texts
    return found


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in (*NOT_READ, *TYPE_UNITS, *UNKNOWN_REGISTERS, *MISREAD)]
)
def test_the_same_types_functions_and_tags(name) -> None:
    """All equal, but the functions whose clones pahole does not recognize in a relocatable file, and its sign of an ENUM64
    that strict DWARF 2 gives no type."""
    only_theirs, only_ours = theirs_and_ours(content(name))
    if name == "gcc-dwarf2":
        assert [text[:11] for text in only_ours] == ["191 negativ"]
        only_theirs.remove(next(text for text in only_theirs if text.startswith("190 negative 8 ")))
        only_ours = []
    assert not only_ours
    found = functions(only_theirs)
    assert found <= CHANGED if name.startswith("gcc") else not found
    assert len(found) == len([text for text in only_theirs if text.startswith("func ")])


@pytest.mark.parametrize("name", TYPE_UNITS)
def test_type_units_lose_nothing(name) -> None:
    """pahole loses the structs; ours are those that pahole finds in the same source without type units."""
    lost = theirs_and_ours(content(name))[1]
    assert any(text.startswith("40 holder ") for text in lost)
    only_theirs, only_ours = theirs_and_ours(content(name), content("gcc-dwarf5"))
    assert not only_ours
    assert functions(only_theirs) <= CHANGED


@pytest.mark.parametrize("name", UNKNOWN_REGISTERS)
def test_registers_with_unknown_numbers_are_not_tested(name) -> None:
    only_theirs, only_ours = theirs_and_ours(content(name))
    assert not only_theirs
    assert functions(only_ours) == {"add", "not_static_at_all", "seven", "uses", "variadic"}


@pytest.mark.parametrize("name", NOT_READ)
def test_where_pahole_writes_nothing_there_is_an_error(name) -> None:
    assert pahole(content(name)) is None
    with pytest.raises(btfkit.BtfError):
        btfkit.encode(Elf(content(name), name))


def compiled(source: str, *options: str, compiler: str = "clang") -> bytes:
    """An object, made by a compiler of the chroot."""
    with bench(compiler) as b:
        done = b.run(["-g", "-O2", *options, "-c", b.put("in.c", source.encode()), "-o", b.path("out.o")])
        if b"unrecognized command-line option" in done.stderr:
            lacks("newer", f"{compiler} does not know {' '.join(options)}")
        assert done.returncode == 0, done.stderr.decode()
        made = b.get("out.o")
        assert made is not None
        return made


CONVERSIONS = """
int convert(short s, long l) { int wide = s; unsigned char narrow = l; long back = narrow; return l; }
"""


def test_base_types_for_conversions_are_omitted() -> None:
    only_theirs, only_ours = theirs_and_ours(compiled(CONVERSIONS, "-gdwarf-5"))
    assert not only_ours
    assert only_theirs
    assert all(" DW_ATE_" in text for text in only_theirs)


HALF = """
struct pair { long a, b; };
__attribute__((noinline)) static int half(struct pair s, int c) { return s.a + c; }
int use(struct pair s, int c) { return half(s, c) + half(s, c + 1); }
"""


def test_half_of_a_structure_is_no_parameter() -> None:
    only_theirs, only_ours = theirs_and_ours(compiled(HALF))
    assert not only_ours
    assert functions(only_theirs) == {"half"}


TAGS = """
#define tag(x) __attribute__((btf_type_tag(x)))
#define mark(x) __attribute__((btf_decl_tag(x)))
struct mark("whole") s { int mark("member") m; int tag("outer") tag("inner") *p; };
int mark("function") f(struct s *p, int mark("second") n) { return p->m + n; }
"""


def test_tags_of_clang() -> None:
    data = compiled(TAGS)
    assert theirs_and_ours(data) == ([], [])
    texts = Classes(btfkit.encode(Elf(data, "input")).to_bytes()).texts()
    assert {text.split()[1] for text in texts if text.startswith("tag ")} == {"whole", "member", "function", "second"}


VARIABLES = """
struct s { int a; };
__attribute__((section(".data..percpu"))) struct s one = { 1 };
__attribute__((section(".data..percpu"))) static long two = 2;
__attribute__((section(".data..percpu"))) int __UNIQUE_ID_three = 3;
int other = 4;
long *use(void) { two++; return &two; }
"""


@pytest.mark.parametrize("compiler", ["clang", "gcc"])
def test_variables(compiler) -> None:
    data = compiled(VARIABLES, compiler=compiler)
    assert theirs_and_ours(data) == ([], [])
    texts = Classes(btfkit.encode(Elf(data, "input")).to_bytes()).texts()
    assert {text.split()[1] for text in texts if text.startswith("var ")} == {"one", "two"}


LAST = "__attribute__((noinline)) static int {name}(int x) {{ return x * {n}; }} int use{n}(int x) {{ return {name}(x); }}\n"


def test_the_last_function_of_the_table_is_tested_too() -> None:
    """Two static functions of one name: both are omitted, whatever the name."""

    def linked(name: str) -> bytes:
        with bench("clang") as b:
            paths = [b.put(f"{n}.c", LAST.format(name=name, n=n).encode()) for n in (3, 5)]
            done = b.run(["-g", "-O1", "-shared", "-nostdlib", "-fPIC", *paths, "-o", b.path("out")])
            assert done.returncode == 0, done.stderr.decode()
            return b.get("out") or b""

    assert theirs_and_ours(linked("alpha")) == ([], [])
    only_theirs, only_ours = theirs_and_ours(linked("zeta"))
    assert not only_ours
    assert functions(only_theirs) == {"zeta"}


LARGE = "struct s { int a : 1; char pad[4 << 20]; int z; } v;"


def test_offsets_of_members_behind_2_mib() -> None:
    """A word of 24 bits is not enough for them: pahole's value overflows into the size of a bit-field."""
    data = compiled(LARGE)
    _, only_ours = theirs_and_ours(data)
    assert any(text.startswith("40 s ") for text in only_ours)
    members = btfkit.encode(Elf(data, "input")).struct("s").members
    assert [(one.name, one.bit_offset) for one in members] == [("a", 0), ("pad", 8), ("z", 8 * (4 + (4 << 20)))]
    assert members[0].bitfield_size or members[0].type.bits == 1


REFUSED: dict[str, tuple[str, Callable[[btfkit.Btf], bool]]] = {
    "atomic": (
        "struct s { _Atomic int a; int b; } v;",
        lambda btf: [member.type.name for member in btf.struct("s").members] == ["int", "int"],
    ),
    "complex": ("struct s { _Complex double c; } v;", lambda btf: btf.struct("s").members[0].type.size == 16),
}


@pytest.mark.parametrize("case", REFUSED)
def test_types_that_stop_pahole(case) -> None:
    source, right = REFUSED[case]
    data = compiled(source, "-gdwarf-5")
    assert not pahole(data)
    encoded = encode(Elf(data, "input"))
    assert right(encoded.btf)
    assert encoded.report.warnings == {case: 1}


KFUNCS = r"""
int marked(int a) { return a; }
int unmarked(int a) { return a + 1; }
asm(".pushsection .BTF_ids,\"a\",@progbits\n.balign 4\n"
    ".type __BTF_ID__set8__all, @object\n.size __BTF_ID__set8__all, 16\n__BTF_ID__set8__all:\n.long 1\n.long 1\n"
    ".type __BTF_ID__func__marked__1, @object\n.size __BTF_ID__func__marked__1, 4\n__BTF_ID__func__marked__1:\n"
    ".long 0\n.long 0\n.popsection");
"""


def test_kfuncs_are_marked_where_their_section_has_content() -> None:
    data = compiled(KFUNCS, compiler="gcc")
    assert theirs_and_ours(data) == ([], [])
    texts = Classes(btfkit.encode(Elf(data, "input")).to_bytes()).texts()
    assert [text.split()[1] for text in texts if text.startswith("tag ")] == ["bpf_kfunc"]
    with bench("objcopy") as b:
        done = b.run(["--only-keep-debug", b.put("in.o", data), b.path("out.debug")])
        assert done.returncode == 0, done.stderr.decode()
        debug = b.get("out.debug")
    assert debug is not None
    encoded = encode(Elf(debug, "debug"))
    assert encoded.report.warnings == {"no content of .BTF_ids": 1}
    assert not any(text.startswith("tag ") for text in Classes(encoded.btf.to_bytes()).texts())


NULLPTR = """
int take(typeof(nullptr) first, int second) { return second; }
int (*pointer)(typeof(nullptr), int) = take;
"""


def test_parameters_of_no_type_are_pointers() -> None:
    """C's typeof(nullptr) has no type in DWARF: pahole writes void, which is no parameter for a kernel."""
    data = compiled(NULLPTR, "-std=c23", "-O0", compiler="gcc")
    encoded = encode(Elf(data, "input"))
    assert encoded.report.warnings == {"void": 2}
    only_theirs, only_ours = theirs_and_ours(data)
    assert any(text.startswith("func take 0 (first:void, second:") for text in only_theirs)
    assert any(text.startswith("func take 0 (first:*(void), second:") for text in only_ours)
    assert verify(encoded.btf).clean


NAMED_NULLPTR = """
typedef typeof(nullptr) none;
typedef const none constant_none;
struct holder { none first; constant_none rest[2]; int after; } holder;
int take(none first, int second) { return second + holder.after; }
int (*pointer)(none, int) = take;
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_types_of_no_type_by_another_name_are_pointers(compiler: str) -> None:
    encoded = encode(Elf(compiled(NAMED_NULLPTR, "-std=c23", "-O0", compiler=compiler), "input"))
    assert encoded.report.warnings == {"void": 4}
    texts = Classes(encoded.btf.to_bytes()).texts()
    assert any(text.startswith("func take 0 (first:*(void), second:") for text in texts)
    assert verify(encoded.btf).clean


WIDE = "struct s { unsigned _BitInt(200) u; _BitInt(129) i; _BitInt(17) small; } s; unsigned _BitInt(128) most;"


def test_integers_that_btf_cannot_express_keep_their_sizes() -> None:
    """pahole writes INTs of 4 bytes for those of more than 128 bits."""
    encoded = encode(Elf(compiled(WIDE, "-std=c23", compiler="clang"), "input"))
    assert encoded.report.warnings == {"wide": 2}
    struct = encoded.btf.struct("s")
    assert [(m.name, encoded.btf.sizeof(m.type_id)) for m in struct.members] == [("u", 32), ("i", 24), ("small", 4)]
    assert verify(encoded.btf).clean


REFERENCES = "struct s { int &r; int s::*m; int n; };\ns v(int &&x, s &y) { return s{y.n, nullptr, x}; }"


def test_with_force_references_are_pointers() -> None:
    data = compiled(REFERENCES, "-x", "c++", "-std=c++17")
    with pytest.raises(btfkit.UnsupportedError, match="BTF cannot express") as refused:
        btfkit.encode(Elf(data, "input"))
    assert refused.value.remedy == "force"
    btf = btfkit.encode(Elf(data, "input"), force=True)
    assert [one.type.kind_name for one in btf.struct("s").members] == ["PTR", "STRUCT", "INT"]
    assert verify(btf).clean
