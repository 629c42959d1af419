"""Readers of other packages (entry points of the group "btfkit.containers"): a package is laid out as pip installs it."""

from __future__ import annotations

import logging
import lzma
import subprocess
import sys
from pathlib import Path

import pytest
from cli_inputs import environment

import btfkit
from btfkit.errors import FormatError, LimitError
from btfkit.files.container import open_container, read_objects
from small_modules import kernel

OBJECT = Path(__file__).resolve().parents[1] / "data" / "opensnoop-libbpf.bpf.o"
BTF = kernel("little").to_bytes()


def mine(content: bytes) -> bytes:
    """A file of the format that `READER` reads."""
    return b"MINE" + content[::-1]


READER = """
def read(data, *, source, limit):
    return data[:3:-1] if data[:4] == b"MINE" else None  # backwards
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay out a package with one reader; returns the directory that it is installed in."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def lay(code: str = READER, name: str = "mine", package: str = "mine_reader") -> Path:
        site.mkdir(exist_ok=True)
        (site / f"{package}.py").write_text(code)
        info = site / f"{package}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[btfkit.containers]\n{name} = {package}:read\n")
        monkeypatch.delitem(sys.modules, package, raising=False)
        return site

    return lay


def test_it_reads_what_btfkit_does_not_know(install, caplog) -> None:
    with pytest.raises(FormatError, match="begins with 4d 49 4e 45"):
        open_container(mine(lzma.compress(BTF)))
    install()
    caplog.set_level(logging.INFO, "btfkit")
    found = open_container(mine(BTF), "file.mine")
    assert (bytes(found.btf), found.layers, found.source) == (BTF, ("mine", "raw"), "file.mine")
    assert "file.mine: read by the reader 'mine' (package mine_reader 1.5)" in caplog.messages
    packed = open_container(lzma.compress(mine(lzma.compress(BTF))))  # anything may be around it and in it
    assert packed.layers == ("xz", "mine", "xz", "raw")
    assert btfkit.load(mine(BTF)).to_bytes() == BTF
    assert not btfkit.open(mine(BTF)).rewritable


def test_objects(install) -> None:
    install()
    (found,) = read_objects(mine(OBJECT.read_bytes()))
    assert bytes(found.elf.view) == OBJECT.read_bytes()


def test_it_is_not_asked_for_known_files(install) -> None:
    install("def read(data, *, source, limit):\n    raise AssertionError(source)\n")
    for data in (BTF, lzma.compress(BTF)):
        assert bytes(open_container(data).btf) == BTF
    read_objects(OBJECT)


def test_readers_are_asked_by_name(install) -> None:
    asked = "import sys\nsys.asked = getattr(sys, 'asked', [])\n"
    body = "def read(data, *, source, limit):\n    sys.asked.append({0!r})\n    return {1}\n"
    install(asked + body.format("b", "data[:3:-1]"), "b", "one")
    install(asked + body.format("a", "None"), "a", "two")
    install(asked + body.format("c", "data[:3:-1]"), "c", "three")
    try:
        assert open_container(mine(BTF)).layers == ("b", "raw")
        assert sys.asked == ["a", "b"]  # type: ignore[attr-defined]
    finally:
        del sys.asked  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "raise ValueError('bad page 3')",
            "the reader 'mine' (package mine_reader 1.5) failed: ValueError: bad page 3",
        ),
        ("raise KeyError", "the reader 'mine' (package mine_reader 1.5) failed: KeyError"),
        (
            "return 'text'",
            "the reader 'mine' (package mine_reader 1.5) failed: TypeError: memoryview: a bytes-like object",
        ),
        (
            "from btfkit.errors import FormatError\n    raise FormatError('bad page 3', source='inside')",
            "the reader 'mine' (package mine_reader 1.5) failed: bad page 3",
        ),
        (
            "data[0] = 1",
            "the reader 'mine' (package mine_reader 1.5) failed: TypeError: cannot modify read-only memory",
        ),
    ],
)
def test_its_errors_are_its_own(install, body, message) -> None:
    install(f"def read(data, *, source, limit):\n    {body}\n")
    with pytest.raises(FormatError) as caught:
        open_container(mine(BTF), "file.mine")
    assert str(caught.value).startswith(f"file.mine: {message}")
    with pytest.raises(FormatError) as caught:
        read_objects(mine(BTF), "file.mine")
    assert str(caught.value).startswith(f"file.mine: {message}")


def test_a_reader_that_cannot_be_loaded(install) -> None:
    install("import no_such_module_at_all\n", "broken", "broken_reader")
    note = "the reader 'broken' (package broken_reader 1.5) cannot be loaded: ModuleNotFoundError: No module named"
    for call in (open_container, read_objects):
        with pytest.raises(FormatError) as caught:
            call(mine(BTF[4:]))
        assert note in str(caught.value)
        with pytest.raises(FormatError, match="not BTF but a zip file: extract it first; the reader 'broken'"):
            call(b"PK\x03\x04" + b"\1" * 40)
    install()  # another one knows the file
    assert open_container(mine(BTF)).layers == ("mine", "raw")


def test_limits(install) -> None:
    install("def read(data, *, source, limit):\n    return bytes(limit + 1)\n")
    with pytest.raises(LimitError, match=r"the reader 'mine' .* returned 1001 bytes, more than 1000"):
        open_container(mine(BTF), limit=1000)


def test_a_reader_that_returns_its_input_ends(install) -> None:
    install("def read(data, *, source, limit):\n    return data\n")
    with pytest.raises(FormatError, match="more than 4 layers"):
        open_container(mine(BTF))


def test_the_command(install, tmp_path) -> None:
    site = install()
    (tmp_path / "file.mine").write_bytes(mine(BTF))
    command = [sys.executable, "-m", "btfkit", "info", "-v", str(tmp_path / "file.mine")]
    env = environment()
    env["PYTHONPATH"] = f"{site}:{env.get('PYTHONPATH', '')}".rstrip(":")
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    assert done.returncode == 0, done.stderr
    assert "mine > raw" in done.stdout
    assert "btfkit: info: " in done.stderr
