"""`encode` of a kernel's modules with DWARF, on their kernel: beside the real pahole, and beside the BTF that the distribution
made of them; and who reads the output."""

from __future__ import annotations

import functools
import lzma
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf_file import load
from btfkit.encoder.encode import DEFAULT_FEATURES, encode
from btfkit.encoder.split import SplitBase, on_base
from btfkit.errors import ChainError, UnsupportedError
from btfkit.file_ops.encode import encode_file
from btfkit.files.elf import STT_FUNC, Elf
from btfkit.judges.reconciled import compare
from btfkit.judges.verification import verify
from btfkit.show.raw import raw_text
from corpus import debug_modules, kernel_arch, kernel_btf, kernels
from encode_classes import ARRAY, FWD, Classes, Compared, KernelClasses
from needs import lacks
from peer_tools import bench, bpftool_dump_raw

MODULES = (
    *("algif_skcipher", "auth_rpcgss", "garp", "iosm", "ip_tables", "nf_conntrack", "nls_cp857", "romfs", "sch_fq"),
    "xt_ecn",
)
SMALL = ("garp", "nls_cp857", "romfs")


def content(name: str) -> bytes:
    modules = debug_modules()[1]
    if name not in modules:
        lacks("debug")
    with lzma.open(modules[name]) as file:
        return file.read()


@functools.cache
def kernel() -> bytes:
    with lzma.open(debug_modules()[0]) as file:
        return file.read()


@functools.cache
def kernel_btf_of_modules() -> SplitBase:
    return SplitBase(Btf.from_bytes(kernel()))


@functools.cache
def kernel_classes() -> KernelClasses:
    return KernelClasses(kernel())


@functools.cache
def ours(name: str) -> bytes:
    return encode(Elf(content(name), name), kernel_btf_of_modules()).btf.to_bytes()


def pahole(name: str) -> bytes:
    with bench("pahole") as b:
        options = [f"--btf_features={','.join(DEFAULT_FEATURES)}", "--lang_exclude=rust"]
        options += [f"--btf_base={b.put('base.btf', kernel())}", f"--btf_encode_detached={b.path('out')}"]
        b.run(["-J", *options, b.put("in.ko", content(name))])
        found = b.get("out")
        assert found is not None
        return found


def clones(name: str) -> set[str]:
    """The functions of a module of which the compiler made no whole: .isra, .constprop or .part behind their names."""
    found: dict[str, set[str]] = {}
    for symbol in Elf(content(name), name).symbols():
        if symbol.type == STT_FUNC and ".cold" not in symbol.name:
            stem, _, suffix = symbol.name.partition(".")
            found.setdefault(stem, set()).add(suffix)
    return {stem for stem, made in found.items() if "" not in made}


class Listed:
    """What only pahole writes, by the row of docs/differences.md that explains it; the rest is `unlisted`."""

    def __init__(self, name: str, blob: bytes, texts: list[str]) -> None:
        classes = Classes(blob, kernel_classes().classes, on_a_kernel=True)
        rows = {  # the rows of arrays of arrays; our base has them flat
            classes.full(classes.words(number)[3])
            for number in classes.numbers
            if classes.kind(number) == ARRAY and classes.kind(classes.words(number)[3]) == ARRAY
        }
        prototypes = {
            classes.full(classes.words(n)[2]): classes.name(n) for n in classes.numbers if classes.kind(n) == 12
        }
        self.count: Counter[str] = Counter()
        self.unlisted: list[str] = []
        cloned = clones(name)
        for text in texts:
            if text in rows:
                self.count["row"] += 1
            elif text.startswith("func ") and text.split()[1] in cloned:
                self.count["clone"] += 1
            elif prototypes.get(text) in cloned:
                self.count["prototype of a clone"] += 1
            elif text.startswith(f"{FWD}0 "):
                self.count["declaration"] += 1
            else:
                self.unlisted.append(text)


@pytest.mark.parametrize("name", MODULES)
def test_types_functions_and_tags_are_those_of_pahole(name) -> None:
    """But for what docs/differences.md lists."""
    theirs = pahole(name)
    compared = Compared(kernel_classes(), theirs, ours(name))
    listed = Listed(name, theirs, compared.only_theirs)
    assert not compared.only_ours
    assert not listed.unlisted
    assert listed.count["declaration"] <= 1
    assert compared.types[1] <= compared.types[0]


@pytest.mark.parametrize("name", MODULES)
def test_sizes_show_the_build_that_a_module_is_for(name) -> None:
    """On its own kernel none of the core structures differs, on any other some do; 6.12.107 and 6.12.94 are the closest."""
    alone = encode(Elf(content(name), name)).btf
    _, sizes = on_base(alone, kernel_btf_of_modules())
    assert sizes.compared > 100
    assert not sizes.core, sizes
    for other in kernels():
        if kernel_arch(other) != "x86_64" or kernel_btf(other) == kernel():
            continue
        with pytest.raises(ChainError, match=r"of \d+ structs that both define differ in size: "):
            on_base(alone, SplitBase(Btf.from_bytes(kernel_btf(other))))


@pytest.mark.parametrize("name", MODULES)
def test_types_are_those_of_the_distribution(name) -> None:
    """The kernel's own build wrote them with an older pahole, which had other rules for functions."""
    section = Elf(content(name), name).btf_section(".BTF")
    assert section is not None
    compared = Compared(kernel_classes(), bytes(section), ours(name))
    different = compared.only_theirs + compared.only_ours
    assert all(text.startswith(("func ", "(")) for text in different), different
    assert {text.split()[1] for text in compared.only_theirs if text.startswith("func ")} <= clones(name)
    assert len([text for text in compared.only_ours if text.startswith("func ")]) <= 1  # the walk over registers


@pytest.mark.parametrize("name", MODULES)
def test_the_kernels_types_are_not_written_again(name) -> None:
    """But for an array of arrays that nothing of the kernel contains, which keeps its dimensions."""
    blob = ours(name)
    again = Compared(kernel_classes(), blob, blob).ours_again
    assert all(text.startswith("[") for text in again), again


@pytest.mark.parametrize("name", MODULES)
def test_bpftool_and_verify_accept_the_output(name) -> None:
    blob = ours(name)
    assert verify(Btf.from_bytes(blob, kernel_btf_of_modules().btf), kernel=True).clean
    read = b"".join(raw_text(Btf.from_bytes(blob, kernel_btf_of_modules().btf))).decode()
    assert hash(read) == hash(bpftool_dump_raw(blob, kernel()))


@pytest.mark.parametrize("name", MODULES)
def test_this_machines_kernel_loads_the_output(name) -> None:
    """Without its base: a program's BTF. What it makes of split BTF is tested in tests/vm."""
    alone = encode(Elf(content(name), name)).btf
    try:
        found = verify(alone, kernel=True, load=True)
    except UnsupportedError:
        lacks("load", "to load BTF")
    assert found.clean, (found.findings[:5], found.loaded)


@pytest.mark.parametrize("name", SMALL)
def test_a_distilled_module_is_read_and_reconciled(name, tmp_path) -> None:
    """By libbpf, which reconciles it when it is opened, and by btfkit, to the types that were encoded; and so is pahole's."""
    base = tmp_path / "vmlinux.btf"
    base.write_bytes(kernel())
    (tmp_path / "in.ko").write_bytes(content(name))
    record = encode_file(tmp_path / "in.ko", base, tmp_path / "out.ko", distill=True)
    assert record.base_types
    distilled = (tmp_path / "out.ko").read_bytes()
    btfkit.reconcile_file(tmp_path / "out.ko", base, tmp_path / "again.ko")
    again = load(tmp_path / "again.ko", base)
    assert compare(Btf.from_bytes(ours(name), load(base)), again)
    with bench("bpftool") as b:
        done = b.run(["-B", b.put("base.btf", kernel()), "btf", "dump", "file", b.put("out.ko", distilled)])
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode() == bpftool_dump_raw(again.to_bytes(), kernel())
    with bench("pahole") as b:
        features = ",".join((*DEFAULT_FEATURES, "distilled_base"))
        command = ["-J", f"--btf_features={features}", f"--btf_base={b.put('base.btf', kernel())}"]
        b.run([*command, b.put("in.ko", content(name))])
        theirs = b.get("in.ko")
    assert theirs is not None
    (tmp_path / "theirs.ko").write_bytes(theirs)
    btfkit.reconcile_file(tmp_path / "theirs.ko", base, tmp_path / "theirs-again.ko")
    reconciled = load(tmp_path / "theirs-again.ko", base).to_bytes()
    assert not Compared(kernel_classes(), reconciled, again.to_bytes()).only_ours


def encoded_tree(folder: Path, base: Path, out: Path, *options: str, source: Path | None = None) -> dict[str, bytes]:
    """What a process of `btfkit encode` writes of a directory; with `source`, a process of that package."""
    path = str(source or Path(btfkit.__file__).parents[1])
    command = [sys.executable, "-m", "btfkit", "encode", str(folder), "-B", str(base), "-o", str(out), "-q", *options]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.slow
def test_the_same_bytes_for_any_number_of_processes_and_in_both_forms(tmp_path) -> None:
    base, folder = tmp_path / "vmlinux.btf", tmp_path / "in"
    base.write_bytes(kernel())
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.ko").write_bytes(content(name))
    options = ("--distill", "--resolve-ids")
    one, two, four = (encoded_tree(folder, base, tmp_path / f"j{n}", "-j", str(n), *options) for n in (1, 2, 4))
    assert set(one) == {f"{name}.ko" for name in MODULES}
    assert one == two == four
    plain = tmp_path / "plain"
    source = Path(__file__).resolve().parents[2] / "src" / "btfkit"  # an installation has the loops in one form only
    shutil.copytree(source, plain / "btfkit", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    small = tmp_path / "small"
    small.mkdir()
    (small / "nls_cp857.ko").write_bytes(content("nls_cp857"))
    found = encoded_tree(small, base, tmp_path / "slow", *options, source=plain)
    assert found == {"nls_cp857.ko": one["nls_cp857.ko"]}
