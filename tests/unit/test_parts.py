"""`files.parts`: bytes part by part, of memory, of a large file and of a pipe."""

from __future__ import annotations

import os
import threading

import pytest

from btfkit.files import container, parts
from btfkit.files.parts import FileParts, Parts, PipeParts, open_parts

DATA = bytes(range(256)) * 40


@pytest.fixture(params=["bytes", "file", "pipe"])
def source(request, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PART", 1000)
    if request.param == "pipe":
        reader, writer = os.pipe()
        thread = threading.Thread(target=lambda: (os.write(writer, DATA), os.close(writer)))
        thread.start()
        yield PipeParts(reader, "a pipe")
        thread.join()
        return
    if request.param == "file":
        monkeypatch.setattr(container, "SMALL", 1)
    path = tmp_path / "data"
    path.write_bytes(DATA)
    found = open_parts(str(path))
    assert type(found) is (FileParts if request.param == "file" else Parts)
    assert found.size == len(DATA)
    yield found


def test_parts_in_order(source) -> None:
    for at, size in ((0, 10), (0, 300), (5, 700), (900, 2500), (3399, 1), (7000, 20), (10000, 240)):
        data, place, there = source.part(at, size)
        assert bytes(data[place : place + there]) == DATA[at : at + size], at


def test_the_end(source) -> None:
    data, place, there = source.part(10200, 100)
    assert bytes(data[place : place + there]) == DATA[10200:]
    assert source.part(10240, 5)[2] == 0
    assert source.part(20000, 5)[2] == 0


def test_a_pipe_gives_what_it_has() -> None:
    reader, writer = os.pipe()
    source = PipeParts(reader, "a pipe")
    os.write(writer, b"abcdef")
    data, place, there = source.part(1, 100, 2)
    assert bytes(data[place : place + there]) == b"bcdef"
    os.write(writer, b"gh")
    os.close(writer)
    data, place, there = source.part(6, 100, 2)
    assert bytes(data[place : place + there]) == b"gh"
    assert source.part(8, 1, 1)[2] == 0
