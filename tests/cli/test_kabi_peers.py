"""tools/kabi_peers.py: what it prints of btfkit is what docs/diff.md has; the other columns need tools that may be lacking."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from needs import lacks

ROOT = Path(__file__).resolve().parents[2]
CASES = [
    "a bit-field narrower",
    "enum of a member",
    "used through a union",
    "not exported any more",
    "a parameter renamed",
]


@pytest.mark.slow
def test_the_table_in_the_documents() -> None:
    if not (shutil.which("gcc") and shutil.which("objcopy")):
        lacks("compiler")
    ran = subprocess.run(
        [sys.executable, ROOT / "tools" / "kabi_peers.py", *CASES], capture_output=True, text=True, check=True
    )
    head, _, *rows = ran.stdout.splitlines()
    page = (ROOT / "docs" / "diff.md").read_text().splitlines()
    assert head in page
    known = {line.split(" | ")[0]: line.split(" | ") for line in page if line.startswith("| ")}
    assert len(rows) == len(CASES)
    for row in rows:
        cells = row.split(" | ")
        assert cells[-2:] == known[cells[0]][-2:]
        assert all(cell in ("-", one) for cell, one in zip(cells, known[cells[0]], strict=True))
