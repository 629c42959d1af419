"""DWARF that is spread over several files: split units (.dwo, .dwp), what dwz moved, and separate debug files.

The judge is the compiler: the same source without any of this has the same types, functions and variables.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import btfkit
from btfkit.dwarf.companion import Companions
from btfkit.encoder.encode import encode
from btfkit.errors import FormatError, NotFoundError
from btfkit.file_ops.encode import encode_file
from btfkit.files.elf import Elf
from needs import lacks, needs

GCC = shutil.which("gcc")
ONE = """
struct inner { int a; long b; char name[16]; };
struct declared;
enum color { RED, GREEN = 5 };
typedef struct inner inner_t;
struct outer { inner_t in; struct declared *f; enum color c; struct outer *next; int bits:3, more:5; };
__attribute__((section(".data..percpu"))) int counter = 1;
__attribute__((noinline)) int use_outer(struct outer *o, int n) { return o->in.a + n; }
static __attribute__((noinline)) long local(struct inner *i, long k) { return i->b * k; }
long both(struct outer *o, long z) { return local(&o->in, z) + use_outer(o, 3) + counter; }
"""
TWO = """
struct inner { int a; long b; char name[16]; };
struct declared { unsigned short q; struct inner *i; };
union u { int x; float y; };
__attribute__((noinline)) int take(struct declared *f, union u v, int c) { return f->q + v.x + c; }
int main(int argc, char **argv) { struct declared f = { argc, 0 }; union u v = { argc }; return take(&f, v, argc); }
"""
FUNCTIONS = {"both", "main", "take", "use_outer"}
FORMS = ("-gdwarf-4", "-gdwarf-5", "-gdwarf-4 -fdebug-types-section", "-gdwarf-5 -fdebug-types-section")

pytestmark = needs("compiler", GCC is not None)


def program(*words: str | Path) -> str:
    """Run a program that may not be installed; returns what it says."""
    path = shutil.which(words[0])
    if path is None:
        lacks("program", str(words[0]))
    done = subprocess.run([path, *words[1:]], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def compiled(options: str, name: str = "program", *link: str) -> str:
    """A program of both sources, in the working directory."""
    for source, text in (("one", ONE), ("two", TWO)):
        Path(f"{source}.c").write_text(text)
        program("gcc", "-O2", *options.split(), "-c", f"{source}.c", "-o", f"{source}.o")
    program("gcc", *link, "one.o", "two.o", "-o", name)
    return name


def contents(btf: btfkit.Btf) -> tuple[object, ...]:
    """What a BTF says, without its ids: members, functions with parameters, variables."""

    def spelled(one) -> str:
        return one.kind_name + one.name if one is not None else "void"

    structs = sorted(
        (one.kind_name, one.name, one.size, *((m.name, m.bit_offset, spelled(m.type)) for m in one.members))
        for kind in ("struct", "union")
        for one in btf.types(kind)
    )
    functions = sorted(
        (one.name, *((p.name, spelled(p.type)) for p in one.type.parameters)) for one in btf.types("func")
    )
    others = sorted(spelled(one) for kind in ("var", "fwd", "enum", "typedef", "datasec") for one in btf.types(kind))
    return structs, functions, others


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Of an ordinary build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("plain"))
        found = contents(btfkit.encode(compiled("-gdwarf-5")))
    assert {name for name, *_ in found[1]} == FUNCTIONS
    return found


@pytest.mark.parametrize("form", FORMS)
def test_type_units(form, expected) -> None:
    """Also where the unit has only a signature for a type, without DW_AT_declaration."""
    assert contents(btfkit.encode(compiled(form))) == expected


@pytest.mark.parametrize("form", FORMS)
def test_split_units_beside_the_file_and_where_they_were_compiled(here, form, expected) -> None:
    compiled(f"{form} -gsplit-dwarf")
    assert Path("one.dwo").exists()
    assert contents(btfkit.encode("program")) == expected
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("program", elsewhere)
    assert contents(btfkit.encode(elsewhere / "program")) == expected, "by the directory of compilation"
    for name in ("one.dwo", "two.dwo"):
        shutil.move(name, elsewhere)
    assert contents(btfkit.encode(elsewhere / "program")) == expected, "beside the file"
    with pytest.raises(NotFoundError, match=r"program: split DWARF: the types are in one\.dwo, compiled in /"):
        btfkit.encode("program")


def test_an_object_with_split_units() -> None:
    compiled("-gdwarf-5")
    plain = contents(btfkit.encode("one.o"))
    assert "VARcounter" in plain[2]
    compiled("-gdwarf-5 -gsplit-dwarf")
    assert contents(btfkit.encode("one.o")) == plain


def test_a_split_unit_of_another_build(expected) -> None:
    compiled("-gdwarf-5 -gsplit-dwarf")
    Path("other.c").write_text("struct other { int x; }; int other(struct other *o) { return o->x; }")
    program("gcc", "-gdwarf-5", "-gsplit-dwarf", "-c", "other.c", "-o", "other.o")
    shutil.move("other.dwo", "one.dwo")
    with pytest.raises(NotFoundError, match=r"in one\.dwo.*one\.dwo is of another build"):
        btfkit.encode("program")


@pytest.mark.parametrize("form", [form for form in FORMS if "dwarf-4" in form])
def test_a_package_of_split_units(form, expected) -> None:
    compiled(f"{form} -gsplit-dwarf")
    program("dwp", "-e", "program", "-o", "program.dwp")
    for name in ("one.dwo", "two.dwo"):
        Path(name).unlink()
    assert contents(btfkit.encode("program")) == expected


@pytest.mark.parametrize("name", ["one.dwo", "program.dwp"])
def test_a_split_file_alone_has_types_and_says_so(name, expected) -> None:
    compiled("-gdwarf-4 -gsplit-dwarf")
    if name.endswith("dwp"):
        program("dwp", "-e", "program", "-o", name)
    record = encode_file(name, output="out.btf")
    assert record.warnings == {"split": 1}
    assert record.functions == 0
    btf = btfkit.load("out.btf")
    assert btf.struct("outer").size == 64
    assert not [*btf.types("func")]


def test_a_damaged_index_of_a_package() -> None:
    compiled("-gdwarf-4 -gsplit-dwarf")
    program("dwp", "-e", "program", "-o", "program.dwp")
    data = bytearray(Path("program.dwp").read_bytes())
    section = Elf(bytes(data), "program.dwp").section(".debug_cu_index")
    struct.pack_into("<I", data, section.offset + 8, 1000)
    Path("program.dwp").write_bytes(data)
    with pytest.raises(FormatError, match=r"program\.dwp.*cu_index.*1000 units"):
        btfkit.encode("program")


# ---- dwz ---------------------------------------------------------------------------------------------------------------

HEADERS = """
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
struct shared_one { int a; struct sockaddr_in in; struct tm *t; siginfo_t *s; FILE *f; };
struct shared_two { struct shared_one one[4]; struct shared_two *next; union { int i; double d; } u; };
"""


@pytest.fixture(params=["-gdwarf-4", "-gdwarf-5", "--dwarf-5"])
def shared(request) -> dict[str, tuple[object, ...]]:
    """Two libraries that dwz has compressed, with what they had in them before; "common" has what both have."""
    sup = request.param == "--dwarf-5"
    form = "-gdwarf-5" if sup else request.param
    before = {}
    for number in ("1", "2"):
        for part in ("a", "b"):
            uses = f"int use{part}{number}(struct shared_two *o, struct timespec *t) {{ return o->u.i + t->tv_sec; }}"
            own = f"struct own{number} {{ struct shared_one *o; int n; }};"
            own += f"int f{number}(struct own{number} *o) {{ return o->n; }}"
            Path(f"{part}.c").write_text(HEADERS + uses + (own if part == "a" else ""))
        build = ["-O1", form, "-shared", "-fPIC", "-Wl,--build-id", "a.c", "b.c", "-o", f"lib{number}.so"]
        program("gcc", *build)
        before[f"lib{number}.so"] = contents(btfkit.encode(f"lib{number}.so"))
    program("dwz", *(["--dwarf-5"] if sup else []), "-m", "common", "lib1.so", "lib2.so")
    section = ".debug_sup" if sup else ".gnu_debugaltlink"
    assert Elf(Path("lib1.so").read_bytes(), "lib1.so").section(section) is not None
    return before


def test_supplementary_files(here, shared) -> None:
    """The same as before dwz, and nothing of the other library."""
    for name, before in shared.items():
        btf = btfkit.encode(name)
        assert contents(btf) == before
        assert btf.struct("shared_two").size > 100
    system = here / "system" / ".dwz"
    system.mkdir(parents=True)
    shutil.move("common", system / "common")
    record = encode_file("lib1.so", output="out.btf", debug_dirs=[str(here / "system")])
    assert contents(btfkit.load("out.btf")) == shared["lib1.so"]
    assert record.warnings == {}


def test_supplementary_files_that_are_not_the_right_one(shared) -> None:
    Path("common").rename("moved")
    with pytest.raises(NotFoundError, match=r"lib1\.so: part of its DWARF is in common .*, which is not there"):
        btfkit.encode("lib1.so")
    shutil.copy("lib2.so", "common")
    with pytest.raises(NotFoundError, match=r"common .* is of another build"):
        btfkit.encode("lib1.so")


def test_one_file_that_dwz_compressed() -> None:
    """Partial units, which others import."""
    Path("a.c").write_text(HEADERS + "int f(struct shared_two *o) { return o->u.i; }")
    Path("b.c").write_text(HEADERS + "int g(struct shared_two *o, int n) { return o->u.i + n; }")
    program("gcc", "-O1", "-g", "-shared", "-fPIC", "a.c", "b.c", "-o", "lib.so")
    before = contents(btfkit.encode("lib.so"))
    program("dwz", "lib.so")
    assert "DW_TAG_partial_unit" in program("readelf", "--debug-dump=info", "lib.so")
    assert contents(btfkit.encode("lib.so")) == before


# ---- separate debug files ----------------------------------------------------------------------------------------------


def separated(tool: str) -> None:
    """The program without its DWARF, which goes into program.debug."""
    if tool == "eu-strip":
        program("eu-strip", "-f", "program.debug", "program")
        return
    program("objcopy", "--only-keep-debug", "program", "program.debug")
    program("strip", "--strip-debug" if tool == "strip -g" else "--strip-all", "program")
    program("objcopy", "--add-gnu-debuglink=program.debug", "program")


@pytest.mark.parametrize("tool", ["strip -g", "strip", "eu-strip"])
@pytest.mark.parametrize("place", [".", ".debug", "system", "build-id"])
def test_separate_debug_files(here, tool, place, expected) -> None:
    """Beside the file, in .debug, below a directory of debug files by path or build id; with the symbols of either file."""
    compiled("-gdwarf-5", "program", "-Wl,--build-id")
    separated(tool)
    target = here / place
    if place == "system":
        target = here / "system" / here.relative_to("/")
    elif place == "build-id":
        note = Elf(Path("program").read_bytes(), "program").data(".note.gnu.build-id")
        identity = bytes(note[16:]).hex()
        target = here / "system" / ".build-id" / identity[:2]
    target.mkdir(parents=True, exist_ok=True)
    name = "program.debug" if place != "build-id" else identity[2:] + ".debug"
    if place != ".":
        shutil.move("program.debug", target / name)
    record = encode_file("program", output="out.btf", debug_dirs=[str(here / "system")])
    assert record.debug_file == str(target / name)
    assert contents(btfkit.load("out.btf")) == expected


@pytest.mark.parametrize("identity", [True, False])
def test_a_debug_file_of_another_build_is_not_taken(here, identity) -> None:
    """By its build id, and without one by its checksum; what was looked for is named."""
    compiled("-gdwarf-5", "program", f"-Wl,--build-id={'sha1' if identity else 'none'}")
    separated("strip")
    compiled("-gdwarf-4", "other", "-Wl,--build-id=0x0102" if identity else "-Wl,--build-id=none")
    program("objcopy", "--only-keep-debug", "other", "program.debug")
    with pytest.raises(NotFoundError, match=r"no DWARF.*separate debug file \(program\.debug.*was not found"):
        encode_file("program", output="out.btf")
    assert not (here / "out.btf").exists()


def test_a_file_that_names_a_device_is_not_read() -> None:
    """A link to something that never ends does not block."""
    compiled("-gdwarf-5 -gsplit-dwarf")
    Path("one.dwo").unlink()
    Path("one.dwo").symlink_to("/dev/zero")
    with pytest.raises(NotFoundError, match=r"split DWARF: the types are in one\.dwo"):
        btfkit.encode("program")


def test_files_in_memory(expected) -> None:
    """Whoever has the files elsewhere gives them: a function from path to content."""
    compiled("-gdwarf-5 -gsplit-dwarf")
    known = {name: Path(name).read_bytes() for name in ("program", "one.dwo", "two.dwo")}
    for name in known:
        Path(name).unlink()
    companions = Companions("program", read=lambda path: known.get(Path(path).name))
    assert contents(encode(Elf(known["program"], "program"), companions=companions).btf) == expected
