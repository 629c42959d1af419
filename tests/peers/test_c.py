"""C text against the real bpftool, byte for byte; and through a real compiler, back to BTF with the same layouts."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from test_show_c import body
from test_show_raw_golden import everything

import corpus
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf_file import load
from btfkit.show.c import c_text
from c_cases import CASES
from needs import lacks
from peer_tools import Bench, bench

MODULE_KERNELS = ("6.12.107+deb13-amd64", "7.2.13+deb14-amd64", "6.12.107+deb13-s390x")
MODULES = 4  # of each kernel
TARGETS = {"little": "bpfel", "big": "bpfeb"}
FORMS = ([], ["unsorted"])


def ours(btf: Btf, words=(), ids=None, **options) -> bytes:
    return b"".join(c_text(btf, ids, unsorted="unsorted" in words, **options))


def theirs(b: Bench, btf: Btf, words=(), ids=()) -> bytes:
    """What bpftool prints."""
    layers = [b.put(f"{n}.btf", layer.to_bytes()) for n, layer in enumerate(btf.chain)]
    base = ["-B", layers[-2]] if len(layers) > 1 else []
    roots = [word for type_id in ids for word in ("root_id", str(type_id))]
    done = b.run([*base, "btf", "dump", "file", layers[-1], "format", "c", *words, *roots])
    assert done.returncode == 0, done.stderr
    return done.stdout


def same(one: bytes, other: bytes) -> None:
    """Equality, without pytest's diff of megabytes."""
    if one != other:
        lines = zip(one.split(b"\n"), other.split(b"\n"), strict=False)
        number, (x, y) = next(((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1]), (0, (b"", b"")))
        pytest.fail(f"line {number}: {x!r}, bpftool {y!r}; {len(one)} and {len(other)} bytes")


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_kernel(kernel: str) -> None:
    btf = load(corpus.kernel_path(kernel))
    r = random.Random(kernel)
    with bench("bpftool") as b:
        for words in FORMS:
            same(ours(btf, words, compat=True), theirs(b, btf, words))
        for _ in range(3):
            ids = r.sample(range(len(btf)), r.randrange(1, 16))
            same(ours(btf, ids=ids, compat=True), theirs(b, btf, ids=ids))


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_kernel_without_defects(kernel: str) -> None:
    """All that `compat` takes away is one enum, that which sorts first (or its place, where another type needs it)."""
    btf = load(corpus.kernel_path(kernel))
    assert ours(btf, ["unsorted"]) == ours(btf, ["unsorted"], compat=True)
    right, lossy = (ours(btf, compat=compat).split(b"\n\n") for compat in (False, True))
    lost = Counter(right) - Counter(lossy)
    assert lost.total() <= 1
    assert all(block.startswith(b"enum {") for block in lost)
    assert Counter(lossy) <= Counter(right)


@pytest.mark.parametrize("kernel", MODULE_KERNELS)
def test_modules(kernel: str) -> None:
    base = load(corpus.kernel_path(kernel))
    blobs = corpus.modules(kernel)
    r = random.Random(kernel)
    with bench("bpftool") as b:
        for name in list(blobs)[:: len(blobs) // MODULES]:
            btf = Btf.from_bytes(blobs[name], base, source=name)
            same(ours(btf, compat=True), theirs(b, btf))
            ids = r.sample(btf.own_ids, min(16, len(btf.own_ids)))
            same(ours(btf, ids=ids, compat=True), theirs(b, btf, ids=ids))


def test_objects() -> None:
    with bench("bpftool") as b:
        for path in list(corpus.objects().values())[::4]:
            btf = load(path)
            for words in FORMS:
                same(ours(btf, words, compat=True), theirs(b, btf, words))


@pytest.mark.parametrize("order", ["little", "big"])
def test_cases(order) -> None:
    with bench("bpftool") as b:
        for build, _ in CASES.values():
            builder = Builder(order=order)
            ids = build(builder)
            btf = builder.build()
            same(ours(btf, ids=ids), theirs(b, btf, ids=ids))
            for words in FORMS:
                same(ours(btf, words, compat=True), theirs(b, btf, words))
        btf = everything(order)
        for words in FORMS:
            same(ours(btf, words, compat=True), theirs(b, btf, words))


def test_kfuncs_and_odd_names() -> None:
    b = Builder()
    i = b.int("int", 4)
    proto = b.func_proto(b.ptr(i), [("a", i), ("a b", b.ptr(b.type_tag('t"t', 0)))])
    b.typedef("x;y", b.ptr(b.func_proto(b.enum("", [("ONLY", 1)]))))
    b.struct("n" * 300, 4, [("a", i, 0)])
    b.struct("n" * 300, 4, [("a", i, 0)])
    b.enum("", [("", 1), ("", 2)])
    for tag in ("bpf_kfunc", "bpf_fastcall", "bpf_kfunc_x"):
        for name in ("f", "g", "h"):
            b.decl_tag(tag, b.func(f"{tag}_{name}", proto), -1 if name != "h" else 0)
    both = b.func("both", proto)
    for tag in ("bpf_fastcall", "bpf_kfunc"):
        b.decl_tag(tag, both)
    btf = b.build()
    with bench("bpftool") as judge:
        for words in FORMS:
            same(ours(btf, words, compat=True), theirs(judge, btf, words))


# ---- through the compiler and back ------------------------------------------------------------------------------------


def compiled(btf: Btf, text: bytes, names: list[str]) -> Btf:
    """The BTF that clang makes of a header, with a variable for each of the named composites so that it is in it."""
    tags = {spec.STRUCT: "struct", spec.UNION: "union"}
    used = [f"{tags[btf.find(name).kind]} {name} *v_{n};\n" for n, name in enumerate(names)]
    with bench("clang") as b:
        source = b.put("h.c", text + "".join(used).encode())
        arguments = ["-target", TARGETS[btf.byte_order], "-g", "-O0", "-Wall", "-Werror", "-Wno-unknown-attributes"]
        done = b.run([*arguments, "-c", source, "-o", b.path("h.o")], timeout=600)
        assert done.returncode == 0, done.stderr.decode()[:3000]
        return load(os.path.join(b.here, "h.o"))


def layout(btf: Btf, type_id: int, start: int = 0, within: str = "") -> list[tuple[str, int, int, int | None]]:
    """(name, bit offset, bitfield size, size) of the members of a composite, those of anonymous ones in their place."""
    found = []
    for member in btf[type_id].members:  # type: ignore[attr-defined]
        inner = btf.strip(member.type_id)
        offset = start + member.bit_offset
        is_composite = btf.kind(inner) in spec.COMPOSITES
        if member.name:
            found.append((within + member.name, offset, member.bitfield_size, btf.sizeof(member.type_id)))
        if is_composite and (not member.name or not btf.word(inner, 0)):
            found += layout(btf, inner, offset, within + (f"{member.name}." if member.name else ""))
    return found


def unique_composites(btf: Btf, ids) -> dict[str, int]:
    """Named composites whose name no other tag has."""
    by_name: dict[str, list[int]] = {}
    for type_id in ids:
        if type_id and btf.kind(type_id) in spec.COMPOSITES | spec.ENUMS and btf.name(type_id):
            by_name.setdefault(btf.name(type_id), []).append(type_id)
    return {name: ids[0] for name, ids in by_name.items() if len(ids) == 1 and btf.kind(ids[0]) in spec.COMPOSITES}


def compare(btf: Btf, new: Btf, composites: dict[str, int]) -> dict[str, object]:
    """What came out otherwise."""
    wrong: dict[str, object] = {}
    for name, type_id in composites.items():
        other = new.find(name, btf.kind(type_id)).id
        a, b = layout(btf, type_id), layout(new, other)
        if a != b or btf.sizeof(type_id) != new.sizeof(other):
            wrong[name] = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), (len(a), len(b)))
    return wrong


@pytest.mark.parametrize("kernel", ["6.12.107+deb13-amd64", "6.12.107+deb13-s390x", "7.2.13+deb14-amd64"])
def test_a_slim_header_through_clang(kernel: str) -> None:
    if kernel not in corpus.kernels():
        lacks("corpus-more", kernel) if corpus.has_corpus() else lacks("corpus")
    btf = load(corpus.kernel_path(kernel))
    names = ["task_struct", "file", "inode", "net_device", "module"]
    text = ours(btf, ids=[btf.find(name, spec.STRUCT).id for name in names], exact=True)
    declared = {line.split()[1] for line in text.decode().split("\n") if line.startswith("struct ") and "{" in line}
    composites = {name: i for name, i in unique_composites(btf, range(len(btf))).items() if name in declared}
    assert set(names) <= set(composites)
    assert len(composites) > 50
    assert compare(btf, compiled(btf, text, list(composites)), composites) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", corpus.kernels() or ["none"])
def test_a_whole_kernel_through_clang(kernel: str) -> None:
    """Every struct and union; but for those with a va_list, which is not what it was on another machine."""
    if not os.environ.get("BTFKIT_EXHAUSTIVE"):
        lacks("exhaustive")
    btf = load(corpus.kernel_path(kernel))
    composites = unique_composites(btf, range(len(btf)))
    new = compiled(btf, ours(btf, exact=True), list(composites))
    assert len(composites) > 5000
    assert set(compare(btf, new, composites)) <= {"warn_args"}


# ---- any compiler, any standard -----------------------------------------------------------------------------------------

STANDARDS = ("gnu11", "gnu23")
SLIM = 600  # random headers
TRIPLES = {"arm64": "aarch64", "powerpc64le": "powerpc64le", "riscv64": "riscv64", "s390x": "s390x", "amd64": "x86_64"}


def accepted(compiler: str, kernel: str, texts: list[bytes]) -> None:
    """Every one of the headers compiles in each standard, for the machine of the kernel if the compiler knows it."""
    machine = next(triple for suffix, triple in TRIPLES.items() if kernel.endswith(suffix))
    options = ["-target", machine] if compiler == "clang" else []
    with bench(compiler) as b:
        sources = [b.put(f"{n}.c", text) for n, text in enumerate(texts)]
        for standard in STANDARDS:
            for first in range(0, len(sources), 50):
                some = sources[first : first + 50]
                done = b.run([*options, f"-std={standard}", "-fsyntax-only", "-w", "-xc", *some])
                assert done.returncode == 0, f"{kernel} {standard}: {done.stderr.decode()[:2000]}"


def compilers(kernel: str) -> list[str]:
    return ["gcc", "clang"] if kernel.endswith("amd64") else ["clang"]


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_exact_text_of_a_kernel_in_every_standard(kernel: str) -> None:
    btf = load(corpus.kernel_path(kernel))
    for compiler in compilers(kernel):
        accepted(compiler, kernel, [ours(btf, exact=True), ours(btf, exact=True, prefix="k_")])


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_slim_headers_in_every_standard(kernel: str) -> None:
    """Random ones: a few, or all with BTFKIT_EXHAUSTIVE=1."""
    kernels = corpus.some_kernels() or ["none"]
    count = -(-SLIM // len(kernels)) if os.environ.get("BTFKIT_EXHAUSTIVE") else 6
    btf = load(corpus.kernel_path(kernel))
    r = random.Random(f"slim {kernel}")
    texts = []
    for _ in range(count):
        ids = r.sample(range(len(btf)), r.randrange(1, 24))
        affix = r.choice([{}, {}, {"prefix": "k_"}, {"flavor": "k"}])
        texts.append(ours(btf, r.choice(FORMS), ids=ids, exact=True, **affix))
    for compiler in compilers(kernel):
        accepted(compiler, kernel, texts)


@pytest.mark.parametrize("order", ["little", "big"])
def test_cases_through_clang(order) -> None:
    """But for what no compiler takes as it stands."""
    for name, (build, _) in CASES.items():
        if name in ("names_twice", "enums", "type_tags", "forwards_and_typedefs"):
            continue
        builder = Builder(order=order)
        ids = build(builder)
        btf = builder.build()
        composites = unique_composites(btf, ids)
        assert compare(btf, compiled(btf, ours(btf, ids=ids, exact=True), list(composites)), composites) == {}, name


def test_what_only_exact_gets_right() -> None:
    b = Builder()
    i = b.int("int", 4, encoding=1)
    c = b.int("char", 1)
    named = b.struct("named", 8, [("x", i, 0), ("y", i, 32)])
    packed = b.union("packed", 5, [("a", i, 0), ("b", b.array(c, i, 5), 0)])
    across = b.struct("across", 8, [("a", i, 0, 24), ("b", i, 24, 24), ("c", c, 48, 0), ("d", c, 56, 0)])
    has = b.struct("has", 16, [("", named, 0), ("p", packed, 64), ("q", c, 104)])
    btf = b.build()
    ids = [named, packed, across, has]
    composites = unique_composites(btf, ids)
    assert compare(btf, compiled(btf, ours(btf, ids=ids, exact=True), list(composites)), composites) == {}
    assert "\tstruct {\n\t\tint x;\n\t\tint y;\n\t};\n" in body(btf, ids, exact=True)
    assert "\tstruct named;\n" in body(btf, ids)
