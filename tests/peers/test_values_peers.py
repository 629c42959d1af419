"""Texts of values beside libbpf's own (`dump_values.c`): byte for byte with `compat`, and without it if nothing is lost."""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from btfkit.btf.shapes import shape_of
from btfkit.values.libbpf_text import LibbpfText
from peer_tools import Bench, find_peer, peers_dir, require_peer, without_libbpf
from random_values import RandomTypes

HERE = Path(__file__).parent
OPTIONS = {"compact": "compact", "skip_names": "skip_names", "zeroes": "emit_zeroes", "strings": "emit_strings"}


@functools.cache
def _program() -> tuple[str, subprocess.CompletedProcess[bytes]]:
    """The built judge, in a directory of its own that the chroot sees."""
    tool = find_peer("gcc")
    assert tool is not None
    folder = tempfile.mkdtemp(prefix="t-values-", dir=peers_dir() if tool.root else None)
    os.chmod(folder, 0o755)
    b = Bench(tool, folder)
    source = b.put("dump_values.c", HERE / "dump_values.c")
    return folder, b.run(["-O1", "-o", b.path("dump_values"), source, "-lbpf"])


@pytest.fixture(scope="module")
def libbpf():
    """The texts that libbpf makes of records: f(btf, type id, records of one size, options) -> [(text, return value)]."""
    require_peer("gcc")
    folder, built = _program()
    without_libbpf(built)
    tool = find_peer("gcc")
    b = Bench(tool, folder)

    def texts(btf, type_id: int, records: list[bytes], words: list[str]) -> list[tuple[str, int]]:
        size = len(records[0])
        args = [b.put("in.btf", btf.to_bytes()), str(type_id), b.put("data", b"".join(records)), str(size), *words]
        command = [b.path("dump_values"), *args]
        enter = ["chroot", tool.root] if tool.root else []
        done = subprocess.run([*enter, *command], capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found, lines = [], []
        for line in done.stdout.decode("latin-1").split("\n"):
            if line.startswith("= "):
                found.append(("\n".join(lines), int(line[2:])))
                lines = []
            else:
                lines.append(line)
        assert len(found) == len(records)
        return found

    yield texts
    shutil.rmtree(folder)
    _program.cache_clear()


def compared(libbpf, seed: int):
    """(libbpf's text, ours with `compat`, ours) of random records, with random options."""
    types = RandomTypes(seed)
    btf, ids = types.build()
    rng = random.Random(seed)
    for type_id in rng.sample(ids, 4):
        options = {name: rng.random() < 0.4 for name in OPTIONS}
        words = [OPTIONS[name] for name, on in options.items() if on]
        indent, level = rng.choice(("\t", "  ", "")), rng.choice((0, 0, 2))
        size = btf.sizeof(type_id)
        if not size:
            continue
        records = [types.data(size) for _ in range(6)]
        both = LibbpfText(indent=indent, level=level, compat=True, **options)
        ours = LibbpfText(indent=indent, level=level, **options)
        shape = shape_of(btf, type_id)
        theirs = libbpf(btf, type_id, records, [*words, f"indent={indent}", f"level={level}"])
        for record, (text, result) in zip(records, theirs, strict=True):
            assert result == size, (text, result)
            yield text, both.text(shape, record), ours.text(shape, record)


@pytest.mark.parametrize("seed", range(60))
def test_libbpf_text(libbpf, seed) -> None:
    for theirs, compat, _ in compared(libbpf, seed):
        assert compat == theirs


def test_libbpf_text_where_nothing_is_lost(libbpf) -> None:
    """Most of these records meet one of libbpf's defects; the others have the same text without `compat`."""
    found = [theirs == ours for seed in range(60, 80) for theirs, _, ours in compared(libbpf, seed)]
    assert len(found) > 400
    assert sum(found) > len(found) // 4
