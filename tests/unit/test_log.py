"""The logger "btfkit": silent by default, and what it reports; `logging` is never imported by btfkit itself."""

from __future__ import annotations

import logging
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

import btfkit
from small_modules import kernel, ko, module

INFO_OF_A_MODULE = [
    ("INFO", "opened {kernel}: xz/raw, {size} bytes of BTF"),
    ("INFO", "opened {module}: raw, {own} bytes of BTF"),
    ("INFO", "{module}: its base is {kernel}"),
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, object]:
    base = kernel("little")
    (tmp_path / "vmlinux.xz").write_bytes(lzma.compress(base.to_bytes()))
    split = module(base)
    (tmp_path / "mod").write_bytes(split)
    return {
        "kernel": str(tmp_path / "vmlinux.xz"),
        "module": str(tmp_path / "mod"),
        "size": len(base.to_bytes()),
        "own": len(split),
    }


def test_what_is_opened_and_chosen(files, caplog) -> None:
    caplog.set_level(logging.INFO, "btfkit")
    btfkit.load(files["module"], btfkit.load(files["kernel"]))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [(level, text.format(**files)) for level, text in INFO_OF_A_MODULE]
    assert {record.name for record in caplog.records} == {"btfkit"}
    assert {Path(record.pathname).parent.parent.name for record in caplog.records} >= {"btfkit"}  # who logs, not log.py
    assert "log.py" not in {record.filename for record in caplog.records}


def test_steps_are_for_debug(files, caplog) -> None:
    caplog.set_level(logging.DEBUG, "btfkit")
    btfkit.load(files["module"], btfkit.load(files["kernel"]))
    steps = [record.getMessage() for record in caplog.records if record.levelname == "DEBUG"]
    assert any(text.endswith(f"bytes unpacked to {files['size']}") for text in steps)
    assert any("references into the base" in text for text in steps)


def test_what_is_skipped(files, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO, "btfkit")
    folder = tmp_path / "mods"
    folder.mkdir()
    (folder / "bad.ko").write_bytes(b"not a module at all")
    errors: list[Exception] = []
    btfkit.load_modules([str(folder)], files["kernel"], errors.append)
    assert [f"skipped: {error}" for error in errors] == [text for text in caplog.messages if text.startswith("skipped")]
    assert len(errors) == 1


def test_what_is_written(files, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO, "btfkit")
    base = kernel("little")
    path = tmp_path / "mod.ko"
    path.write_bytes(ko(module(base), base))
    out = str(tmp_path / "out.ko")
    btfkit.distill_file(str(path), files["kernel"], out)
    size = (tmp_path / "out.ko").stat().st_size
    assert f"wrote {out}: {size} bytes" in caplog.messages


STATEMENTS = {
    "never imported": "btfkit.load({module!r}, {kernel!r}); assert 'logging' not in sys.modules",
    "imported": "import logging; btfkit.load({module!r}, {kernel!r}); print(logging.getLogger('btfkit').handlers)",
    # A logger without a handler would print warnings by `logging.lastResort`.
    "a warning": "import logging; btfkit.load({module!r}, {kernel!r}); logging.getLogger('btfkit').warning('quiet')",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_silent_by_default(files, name) -> None:
    statement = STATEMENTS[name].format(**files)
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys, btfkit; {statement}"], capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("[<NullHandler (NOTSET)>]\n" if name == "imported" else "")
