"""Volatility 3 reads the symbol tables that `dump isf` writes: valid by its own schema, with the offsets and values of BTF."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import corpus
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.members import flat_members
from btfkit.btf.types import Composite
from btfkit.btf_file import load
from btfkit.files.kernel_symbols import read_kernel_symbols
from btfkit.show.isf import isf_text
from code_types import hostile_types
from needs import lacks
from random_values import RandomTypes

READER = Path(__file__).with_name("volatility_reads.py")
DATA = bytes(range(1, 256)) * 200
MAP = "ffffffff81000000 T _text\nffffffff82000000 D init_task\nffffffff82000100 D linux_banner\n"
EVERY_TYPE = bool(os.environ.get("BTFKIT_EXHAUSTIVE"))


@pytest.fixture(autouse=True)
def volatility() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("volatility3", "jsonschema")):
        lacks("volatility")


def volatility_reads(
    folder: Path, btf: Btf, structs: list[str], *options: str, ids: list[int] | None = None
) -> dict[str, Any]:
    """What Volatility finds in the table of these types, without any error."""
    (folder / "System.map").write_text(MAP)
    symbols = read_kernel_symbols(folder / "System.map")
    path = folder / "kernel.json"
    path.write_bytes(b"".join(isf_text(btf, symbols, ids=ids, banner=b"Linux version 6")))
    done = subprocess.run(
        [sys.executable, str(READER), str(path), *structs, *options],
        capture_output=True,
        check=False,
        timeout=600,
        env={**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    assert found["banner"] == "Linux version 6\n\0"
    return found


def compare(btf: Btf, name: str, found: dict[str, Any]) -> int:
    """Members and values of a struct; returns how many values were compared."""
    own = btf[next(btf.find_ids(name, (spec.STRUCT, spec.UNION)))]
    assert isinstance(own, Composite)
    assert found["sizes"][name] == own.size
    flat = {member.path: member for member in flat_members(btf, own.id) if member.path}
    offsets = found["members"][name]
    assert flat.keys() <= offsets.keys()
    for path, member in flat.items():
        if not member.bits:
            assert 8 * offsets[path] == member.bit_offset, path
    values = own.unpack(DATA[: own.size])
    count = 0
    for path, number in found["values"][name].items():
        if number is not None and path in flat:
            expected = values[path]
            signed_bits = flat[path].bits and int(expected) < 0
            assert number == (int(expected) & (1 << flat[path].bits) - 1 if signed_bits else int(expected)), path
            count += 1
    return count


@pytest.mark.parametrize("kernel", corpus.some_kernels() or ["none"])
def test_kernel(kernel: str, tmp_path: Path) -> None:
    btf = load(corpus.kernel_path(kernel))
    names = ["task_struct", "sk_buff", "tcp_sock", "mm_struct"]
    named = [
        t.name
        for t in btf
        if t.kind in spec.COMPOSITES and t.name and len(list(btf.find_ids(t.name))) == 1 and t.size < 40000
    ]
    names = list(dict.fromkeys([*names, *random.Random(kernel).sample(named, 40)]))
    ids = [next(btf.find_ids(name)) for name in names]
    found = volatility_reads(tmp_path, btf, names, "--validate", ids=ids)
    assert found["validation"] == "valid"
    assert found["broken"] == []
    assert sum(compare(btf, name, found) for name in names) > 100
    assert found["symbols"]["init_task"] == [0xFFFFFFFF82000000, "task_struct"]


@pytest.mark.parametrize("kernel", corpus.kernels() if EVERY_TYPE else corpus.kernels()[-1:] or ["none"])
def test_whole_kernel(kernel: str, tmp_path: Path) -> None:
    """As the plugins for Linux read it; without the validation of the schema, which takes half a minute."""
    btf = load(corpus.kernel_path(kernel))
    found = volatility_reads(tmp_path, btf, ["task_struct"], "--linux", *["--all", "--validate"] * EVERY_TYPE)
    assert found["validation"] == "valid" * EVERY_TYPE
    assert found["broken"] == []
    assert found["enums"] > 1000
    assert compare(btf, "task_struct", found) > 50


def test_hostile_types(tmp_path: Path) -> None:
    found = volatility_reads(tmp_path, hostile_types(), [], "--validate")
    assert found["validation"] == "valid"
    assert found["broken"] == []


@pytest.mark.parametrize("order", ["little", "big"])
def test_random_types(order: str, tmp_path: Path) -> None:
    count = 0
    for seed in range(3):
        btf, ids = RandomTypes(seed, order).build(40)
        names = [name for type_id in ids if (name := btf.name(type_id))]
        found = volatility_reads(tmp_path, btf, names)
        assert found["broken"] == []
        count += sum(compare(btf, name, found) for name in names)
    assert count > 100
