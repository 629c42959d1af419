"""`bpftool map dump`, `btf list`, `btf dump id` of the running kernel: btfkit's text beside the real bpftool's, byte for byte."""

from __future__ import annotations

import json
import os
import random
import re

import pytest

from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.files.running_kernel import possible_cpus
from kernel_maps import ARRAY, HASH, PERCPU_ARRAY, demand_kernel, kernel_map, kernel_program
from peer_tools import bench
from random_values import RandomTypes


@pytest.fixture(autouse=True)
def _kernel() -> None:
    demand_kernel()


def bpftool(*words) -> tuple[int, str]:
    with bench("bpftool") as b:
        done = b.run([str(word) for word in words])
        return done.returncode, done.stdout.decode("latin-1")


@pytest.fixture
def ours(capfdbinary):
    def ours(*words) -> tuple[int, str]:
        status = main(["bpftool", *map(str, words)])
        return status, capfdbinary.readouterr().out.decode("latin-1")

    return ours


@pytest.mark.parametrize("seed", range(25))
def test_random_values(ours, seed) -> None:
    types = RandomTypes(seed, floats=False)
    btf, ids = types.build()
    rng = random.Random(seed)
    for type_id in rng.sample(ids, 2):
        size = btf.sizeof(type_id)
        if not size:
            continue
        entries = [(number.to_bytes(4, "little"), types.data(size)) for number in range(5)]
        with kernel_map(ARRAY, 4, size, entries, btf=btf, key=types.key, value=type_id) as map_id:
            assert ours("--compat", "map", "dump", "id", map_id) == bpftool("map", "dump", "id", map_id)


def test_maps_of_other_kinds(ours) -> None:
    b = Builder(order="little")
    key = b.int("unsigned int", 4)
    value = b.struct("v", 8, [("a", key, 0), ("b", key, 32)])
    btf = b.build()
    entries = [((7).to_bytes(4, "little"), bytes(range(8)))]
    for kind, types in ((HASH, {"btf": btf, "key": key, "value": value}), (HASH, {})):
        with kernel_map(kind, 4, 8, entries, **types) as map_id:
            assert ours("map", "dump", "id", map_id) == bpftool("map", "dump", "id", map_id)
    for size in (20, 40, 3):
        with kernel_map(HASH, 4, size, [(b"abcd", bytes(range(size)))]) as map_id:
            assert ours("map", "dump", "id", map_id) == bpftool("map", "dump", "id", map_id)
    many = bytes(range(8)) * possible_cpus()
    with kernel_map(PERCPU_ARRAY, 4, 8, [(bytes(4), many)], btf=btf, key=key, value=value) as map_id:
        assert ours("map", "dump", "id", map_id) == bpftool("map", "dump", "id", map_id)
    with kernel_map(PERCPU_ARRAY, 4, 8, [(bytes(4), many)]) as map_id:
        assert ours("map", "dump", "id", map_id) == bpftool("map", "dump", "id", map_id)


def test_btf_by_id(ours) -> None:
    types = RandomTypes(3, floats=False)
    btf, ids = types.build()
    size = btf.sizeof(ids[0])
    with kernel_map(ARRAY, 4, size, [(bytes(4), bytes(size))], btf=btf, key=types.key, value=ids[0]) as map_id:
        status, listing = ours("btf", "list")
        line = next(line for line in listing.splitlines() if re.search(rf"map_ids .*\b{map_id}\b", line))
        theirs = re.sub(r"\n\tpids .*", "", bpftool("btf", "list")[1])
        assert (status, line in theirs.splitlines()) == (0, True)
        found = json.loads(ours("-j", "btf", "show")[1])
        btf_id = int(line.split(":")[0])
        entry = next(one for one in found if one["id"] == btf_id)
        assert (entry["map_ids"], entry["prog_ids"], entry["kernel"]) == ([map_id], [], False)
        for words in (["id", btf_id], ["id", btf_id, "format", "c"], ["map", "id", map_id]):
            assert ours("--compat", "btf", "dump", *words) == bpftool("btf", "dump", *words)


def test_what_does_not_exist(capfd) -> None:
    for words, text in (
        (["btf", "dump", "id", "4294967000"], "Error: the kernel has no btf with id 4294967000"),
        (["map", "dump", "id", "4294967000"], "Error: the kernel has no map with id 4294967000"),
        (["btf", "dump", "prog", "id", "4294967000"], "Error: the kernel has no prog with id 4294967000"),
        (["map", "dump", "name", "x"], "Error: map dump name: not supported by btfkit"),
    ):
        assert main(["bpftool", *words]) >= 161
        assert text in capfd.readouterr().err


def test_without_rights(capfd) -> None:
    if os.geteuid():
        pytest.skip("only root can give up its rights")
    pid = os.fork()
    if not pid:
        os.setresuid(65534, 65534, 65534)
        os._exit(main(["bpftool", "btf", "list"]))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 256 - 95
    assert "only root (CAP_SYS_ADMIN) can ask the kernel for its BPF objects" in capfd.readouterr().err


def test_btf_of_a_loaded_program(ours) -> None:
    """`btf dump prog id N`, also of a program that is gone; `btf list` names the program beside its BTF."""
    b = Builder(order="little")
    number = b.int("int", 4)
    context = b.struct("context", 8, [("a", number, 0), ("b", number, 32)])
    btf_of = b.func("main_prog", b.func_proto(number, [("ctx", b.ptr(context))]), 1)
    with kernel_program(b.build(), btf_of) as id:
        for words in ((), ("format", "c"), ("format", "raw")):
            dumped = ours("btf", "dump", "prog", "id", id, *words)
            assert dumped == bpftool("btf", "dump", "prog", "id", id, *words)
        assert "FUNC 'main_prog'" in dumped[1]
        listed = ours("-j", "btf", "list")[1], bpftool("-j", "btf", "list")[1]
        found, wanted = ([one for one in json.loads(text) if id in one.get("prog_ids", ())] for text in listed)
        assert len(found) == 1
        assert {key: found[0][key] for key in ("id", "size", "prog_ids")} == {
            key: wanted[0][key] for key in ("id", "size", "prog_ids")
        }
    assert ours("btf", "dump", "prog", "id", id)[0] != 0
