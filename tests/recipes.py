"""The recipes of docs/recipes, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import btfkit

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"


def put(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def blocks(recipe: str, section: str = "", language: str = "sh") -> list[str]:
    """The recipe's blocks in that language, in the section with that heading or, without one, in the whole page."""
    text = (RECIPES / recipe).read_text()
    if section:
        (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    assert found, (recipe, section, language)
    return found


def shims(folder: Path) -> Path:
    """A directory below `folder` with `btfkit` and `python3`, those that run this."""
    shim = folder / "bin" / "btfkit"
    put(shim, f'#!/bin/sh\nexec "{sys.executable}" -m btfkit "$@"\n'.encode())
    shim.chmod(0o755)
    python = folder / "bin" / "python3"
    if not python.exists():
        python.symlink_to(sys.executable)
    return shim.parent


def run(recipe: str, folder: Path, section: str = "", **variables: str) -> str:
    """Run the recipe's blocks in `folder`; what they print, stderr included."""
    path = f"{shims(folder)}{os.pathsep}{os.environ['PATH']}"
    source = str(Path(btfkit.__file__).parents[1])
    env = {**os.environ, "PATH": path, "PYTHONPATH": source, **variables}
    script = "\n".join(blocks(recipe, section))
    done = subprocess.run(["sh", "-euc", script], cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    print(done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return f"{done.stdout}{done.stderr}{done.returncode}"
