"""Records of a real perf.data, found by its header, as `perf report -D` lists them."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cli_inputs import run

from btfkit.btf.build import Builder
from needs import lacks

LISTED = re.compile(r"^0x([0-9a-f]+)(?:@\S+)? \[0x([0-9a-f]+)\]: event: (\d+)$", re.MULTILINE)
COMM, ROUND = 3, 68


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    if shutil.which("perf") is None:
        lacks("program", "perf (linux-perf)")
    path = tmp_path_factory.mktemp("perf") / "perf.data"
    command = ["perf", "record", "-e", "dummy:u", "-o", str(path), "--", "true"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    if done.returncode or not path.exists():
        lacks("load", "perf record: " + done.stderr.decode(errors="replace").strip()[-80:])
    return path


@pytest.fixture
def types(tmp_path) -> Path:
    """The structs of perf.data (tools/perf/Documentation/perf.data-file-format.txt), which only perf's own DWARF has."""
    b = Builder()
    u16, u32 = b.int("unsigned short", 2), b.int("unsigned int", 4)
    u64, char = b.int("unsigned long", 8), b.int("char", 1, encoding=1)
    section = b.struct("perf_file_section", 16, [("offset", u64, 0), ("size", u64, 64)])
    names = ("attrs", "data", "event_types")
    sections = [(name, section, 64 * (3 + 2 * n)) for n, name in enumerate(names)]
    b.struct("perf_file_header", 104, [("magic", u64, 0), ("size", u64, 64), ("attr_size", u64, 128), *sections])
    head = b.struct("perf_event_header", 8, [("type", u32, 0), ("misc", u16, 32), ("size", u16, 48)])
    b.enum("perf_event_type", [("PERF_RECORD_COMM", COMM)])
    comm = [("header", head, 0), ("pid", u32, 64), ("tid", u32, 96), ("comm", b.array(char, u32, 16), 128)]
    b.struct("perf_record_comm", 32, comm)
    path = tmp_path / "perf.btf"
    path.write_bytes(b.to_bytes())
    return path


WORDS = ("--json", "--header", "perf_file_header", "--range", "data", "--sizeof-field", "size")


def test_every_record_is_found(recorded, types, capsys) -> None:
    said = run(capsys, "decode", types, "perf_event_header", recorded, *WORDS)
    assert (said.status, said.err) == (0, "")
    (at,) = struct.unpack_from("<Q", recorded.read_bytes(), 40)
    found = []
    for line in said.out.splitlines():
        record = json.loads(line)
        found.append((at, record["size"], record["type"]))
        at += record["size"]
    dump = subprocess.run(["perf", "report", "-D", "-i", str(recorded)], capture_output=True, timeout=60)
    listed = [(int(x, 16), int(size, 16), int(kind)) for x, size, kind in LISTED.findall(dump.stdout.decode())]
    assert len(found) > 3
    assert found == sorted(listed)


def test_records_of_one_type(recorded, types, capsys) -> None:
    more = ("--type-field", "type", "--type-enum", "perf_event_type", "--only", "PERF_RECORD_COMM")
    said = run(capsys, "decode", types, "perf_event_header", recorded, *WORDS, *more)
    assert "true" in [json.loads(line)["comm"] for line in said.out.splitlines()]
