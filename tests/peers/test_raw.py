"""Raw text and JSON against the real bpftool, byte for byte."""

from __future__ import annotations

import importlib.util
import os

import pytest

import corpus
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf_file import load
from btfkit.show.json import json_text
from btfkit.show.raw import raw_text
from needs import lacks
from peer_tools import ToolError, bpftool_dump_raw

MODULE_KERNELS = ("6.12.107+deb13-amd64", "7.2.13+deb14-amd64", "6.12.107+deb13-s390x")
MODULES = 20  # of each kernel
EVERYTHING = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "unit", "test_show_raw_golden.py"
)


def ours(btf: Btf) -> str:
    return b"".join(raw_text(btf)).decode(errors="surrogateescape")


def ours_json(btf: Btf) -> str:
    return b"".join(json_text(btf, compat=True)).decode(errors="surrogateescape")


def same(one: str, other: str) -> None:
    """Equality, without pytest's diff of ten megabytes."""
    if one != other:
        lines = zip(one.split("\n"), other.split("\n"), strict=False)
        number, (a, b) = next(((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1]), (0, ("", "")))
        pytest.fail(f"line {number}: {a[:300]!r}, bpftool {b[:300]!r}; {len(one)} and {len(other)} characters")


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_kernel(kernel: str) -> None:
    path = corpus.kernel_path(kernel)
    same(ours(load(path)), bpftool_dump_raw(path))
    same(ours_json(load(path)), bpftool_dump_raw(path, json=True))


@pytest.mark.parametrize("kernel", MODULE_KERNELS)
def test_modules(kernel: str) -> None:
    path = corpus.kernel_path(kernel)
    base = load(path)
    blobs = corpus.modules(kernel)
    for name in list(blobs)[:: len(blobs) // MODULES]:
        btf = Btf.from_bytes(blobs[name], base, source=name)
        same(ours(btf), bpftool_dump_raw(blobs[name], path))
        same(ours_json(btf), bpftool_dump_raw(blobs[name], path, json=True))


def test_objects() -> None:
    for path in corpus.objects().values():
        same(ours(load(path)), bpftool_dump_raw(path))


@pytest.mark.parametrize("order", ["little", "big"])
def test_every_kind(order) -> None:
    found = importlib.util.spec_from_file_location("golden_raw", EVERYTHING)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    btf = module.everything(order)
    same(ours(btf), bpftool_dump_raw(btf.to_bytes()))
    same(ours_json(btf), bpftool_dump_raw(btf.to_bytes(), json=True))
    pretty = b"".join(json_text(btf, pretty=True, compat=True)).decode()
    same(pretty, bpftool_dump_raw(btf.to_bytes(), json=True, pretty=True))


def test_split_with_variables_in_the_base() -> None:
    b = Builder()
    i = b.int("int", 4)
    v = b.var("v", i)
    b.func_proto(0)
    f = b.func("f", 3)
    base = b.build()
    top = Builder(base)
    own = top.var("own", i)
    top.datasec("d", 16, [(v, 0, 4), (own, 4, 4), (f, 8, 4), (0, 12, 4)])
    split = top.build()
    same(ours(split), bpftool_dump_raw(split.to_bytes(), base.to_bytes()))


@pytest.mark.parametrize("encoding", range(8))
@pytest.mark.parametrize("name", ["int", "", "caf\u00e9"])
def test_int(encoding: int, name: str) -> None:
    b = Builder()
    b.int(name, 4, encoding=encoding, bits=7, bit_offset=3)
    btf = b.build()
    same(ours(btf), bpftool_dump_raw(btf.to_bytes()))


def test_unknown_kind() -> None:
    """A kind that only the layout section knows: bpftool, where it reads that, prints UNKNOWN and the name."""
    b = Builder(layout=True)
    b.int("int", 4)
    b.record(spec.UNKN, "x", 7)
    btf = b.build()
    try:
        theirs = bpftool_dump_raw(btf.to_bytes())
    except ToolError:
        lacks("newer", "this bpftool does not read kinds that it does not know")
    same(ours(btf), theirs)
