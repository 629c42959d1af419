"""`encode` of every form of DWARF that compilers write, beside pahole: machines, versions, 64-bit DWARF, compressed sections,
type units, link-time optimization, and what dwz puts into other files."""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path

import pytest

import btfkit
from btfkit.dwarf.companion import Companions
from btfkit.encoder.encode import encode
from btfkit.files.elf import Elf
from encode_classes import Classes
from needs import lacks
from peer_tools import bench

DATA = Path(__file__).parents[1] / "data" / "encode"
SOURCE = (DATA / "types.c").read_bytes()
HEADER = (DATA / "dwz" / "shared.h").read_bytes()
UNIT = """
#include "shared.h"
struct only_{0} {{ struct shared s; int x; }};
__attribute__((noinline)) int f_{0}(struct only_{0} *o, struct shared *s, enum state t) {{ return o->x + s->state + t; }}
"""
# Machines of which pahole knows the registers of parameters, or that have none; on the others it omits clang's functions.
KNOWN = ("x86_64", "i386", "armv7", "armebv7", "aarch64", "aarch64_be", "s390x", "loongarch64")
UNKNOWN = ("powerpc", "powerpc64", "powerpc64le", "riscv32", "riscv64", "mips", "mipsel", "mips64", "sparc64")
CLONES = {"not_static_at_all", "loses_one"}  # gcc's .isra and .constprop, which pahole takes for whole functions


def texts_of(blob: bytes | None):
    assert blob is not None
    found = Classes(blob).texts()
    assert sum(found.values()) > 3
    return found


def ours(data: bytes):
    return texts_of(btfkit.encode(Elf(data, "input")).to_bytes())


def pahole(data: bytes, *more: tuple[str, bytes], name: str = "in.o"):
    with bench("pahole") as b:
        for other, content in more:
            b.put(other, content)
        b.run(["-J", "--btf_features=default", f"--btf_encode_detached={b.path('out')}", b.put(name, data)])
        return texts_of(b.get("out"))


def made(compiler: str, *options: str, then: tuple[str, ...] = ()) -> bytes:
    """types.c compiled, and changed by objcopy with the options `then`."""
    with bench(compiler) as b:
        done = b.run([*options, "-O2", "-c", b.put("in.c", SOURCE), "-o", b.path("out.o")])
        demand(done, compiler, options)
        data = b.get("out.o")
    assert data is not None
    if not then:
        return data
    with bench("objcopy") as b:
        done = b.run([*then, b.put("in.o", data), b.path("out.o")])
        demand(done, "objcopy", then)
        changed = b.get("out.o")
    assert changed is not None
    return changed


def demand(done, program: str, options) -> None:
    if done.returncode and any(
        word in done.stderr for word in (b"unrecognized", b"unknown", b"not supported", b"not built")
    ):
        lacks("newer", f"{program} does not know {' '.join(options)}")
    assert done.returncode == 0, done.stderr.decode()


def functions(texts) -> set[str]:
    """The names of the functions among texts of types; the rest has to be prototypes."""
    assert all(text.startswith(("func ", "(")) for text in texts), texts
    return {text.split()[1] for text in texts if text.startswith("func ")}


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("machine", [*KNOWN, *UNKNOWN])
def test_machines(machine, version) -> None:
    """Relocations of each; the types, functions, variables and tags are those of pahole."""
    data = made("clang", f"--target={machine}-linux-gnu", f"-gdwarf-{version}", "-DNO_INT128")
    theirs, found = pahole(data), ours(data)
    assert theirs - found == {}
    assert functions(found - theirs) == (
        {"add", "not_static_at_all", "seven", "uses", "variadic"} if machine in UNKNOWN else set()
    )


@pytest.mark.parametrize("version", [4, 5])
def test_little_endian_mips64(version) -> None:
    """Its relocations are of a layout of their own, by which pahole 1.32 reads names of other places; the same source for
    big-endian MIPS64, where both agree, is the judge."""
    little, big = (
        made("clang", f"--target={machine}-linux-gnu", f"-gdwarf-{version}", "-DNO_INT128")
        for machine in ("mips64el", "mips64")
    )
    assert ours(little) == ours(big)
    assert pahole(little) != ours(little), "pahole reads it now: take it to the other machines"


FORMS = {
    **{f"gcc -gdwarf-{version}": ("gcc", (f"-gdwarf-{version}",), ()) for version in (2, 3, 4, 5)},
    **{f"gcc -gdwarf-{version} strict": ("gcc", (f"-gdwarf-{version}", "-gstrict-dwarf"), ()) for version in (3, 4, 5)},
    **{f"gcc -gdwarf-{version} -gdwarf64": ("gcc", (f"-gdwarf-{version}", "-gdwarf64"), ()) for version in (3, 4, 5)},
    **{f"clang -gdwarf-{version} -gdwarf64": ("clang", (f"-gdwarf-{version}", "-gdwarf64"), ()) for version in (4, 5)},
    **{f"{cc} -gz={kind}": (cc, ("-g", f"-gz={kind}"), ()) for cc in ("gcc", "clang") for kind in ("zlib", "zstd")},
    **{
        f"objcopy {kind}": ("gcc", ("-g",), (f"--compress-debug-sections={kind}",))
        for kind in ("zlib", "zlib-gnu", "zlib-gabi", "zstd")
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form) -> None:
    """The same types as in the compiler's default form; functions, too, but those of which only clones are left."""
    compiler, options, then = FORMS[form]
    data = made(compiler, *options, then=then)
    if then:
        names = {section.name for section in Elf(data, "input").sections}
        assert (".zdebug_info" in names) == (then[0].endswith("-gnu"))
    found, theirs = ours(data), pahole(data)
    assert found - theirs == {}
    assert functions(theirs - found) <= CLONES
    plain = ours(made(compiler, "-g"))
    if "-gdwarf-2" in options:  # which has no DW_TAG_restrict_type
        plain, found = (
            {text.replace("restrict ", "") for text in one if "restrict" in text or text in both}
            for one, both in ((plain, found), (found, plain))
        )
    assert found == plain


@pytest.mark.parametrize("version", [4, 5])
def test_type_units(version) -> None:
    """pahole loses their structs; the judge is what it finds in the same source without type units."""
    data = made("gcc", f"-gdwarf-{version}", "-fdebug-types-section")
    plain = made("gcc", f"-gdwarf-{version}")
    assert ours(data) == ours(plain)
    assert functions(pahole(plain) - ours(data)) <= CLONES


LINKS = {
    "gcc relocatable": ("gcc", ("-flto",), ("-flto", "-r", "-flinker-output=nolto-rel")),
    "gcc linked": ("gcc", ("-flto", "-fPIC"), ("-flto", "-shared", "-nostdlib")),
    "clang thin, relocatable": ("clang", ("-flto=thin",), ("-flto=thin", "-r", "-nostdlib")),
    "clang thin": ("clang", ("-flto=thin", "-fPIC"), ("-flto=thin", "-shared", "-nostdlib")),
    "clang full": ("clang", ("-flto", "-fPIC"), ("-flto", "-shared", "-nostdlib")),
    "without LTO": ("gcc", (), ("-r", "-nostdlib")),
}


@pytest.mark.parametrize("link", LINKS)
def test_link_time_optimization(link) -> None:
    """Units refer to types of others (DW_FORM_ref_addr)."""
    compiler, options, last = LINKS[link]
    with bench(compiler) as b:
        b.put("shared.h", HEADER)
        objects = []
        for name in ("one", "two"):
            source = b.put(f"{name}.c", UNIT.format(name).encode())
            done = b.run(["-O2", "-g", *options, "-c", source, "-o", b.path(f"{name}.o")])
            demand(done, compiler, options)
            objects.append(b.path(f"{name}.o"))
        done = b.run(["-O2", "-g", *last, *objects, "-o", b.path("linked")])
        if b"plugin" in done.stderr or b"ld.lld" in done.stderr:
            lacks("newer", f"{compiler} cannot link with {' '.join(last)}")
        assert done.returncode == 0, done.stderr.decode()
        data = b.get("linked")
    assert data is not None
    found = ours(data)
    assert found == pahole(data)
    assert {text.split()[1] for text in found if text.startswith(("40 ", "41 "))} == {
        *("list", "inner", "shared", "only_one", "only_two"),
    }
    assert functions([text for text in found if text.startswith("func ")]) == {"f_one", "f_two"}


@pytest.mark.parametrize("version", [4, 5])
def test_partial_units(version) -> None:
    data = lzma.decompress((DATA / "dwz" / f"partial{version}.o.xz").read_bytes())
    found = ours(data)
    assert found == pahole(data)
    assert {text.split()[1] for text in found if text.startswith(("40 ", "41 "))} == {
        *("list", "inner", "shared", "only_one", "only_two"),
    }


def spread(name: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO((DATA / "spread" / f"{name}.tar.xz").read_bytes())) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["dwz4", "dwz5"])
def test_what_dwz_moved_to_another_file(name) -> None:
    """pahole 1.32 makes some types of DWARF 5's supplementary file (.debug_sup) void; what it reads of DWARF 4's is the judge."""
    members = spread(name)
    companions = Companions("program", (), lambda path: members.get(Path(path).name))
    found = texts_of(encode(Elf(members["program"], "program"), companions=companions).btf.to_bytes())
    theirs = {}
    for form in ("dwz4", name):
        files = spread(form)
        theirs[form] = pahole(files.pop("program"), *files.items(), name="program")
    assert found == theirs["dwz4"]
    assert all(":void@" in text for text in theirs[name] - found)
