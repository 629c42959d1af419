"""The tutorials are followed to the letter: each block of shell runs, and prints what the block of text after it shows."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import corpus
import recipes
from needs import needs

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "tutorials"
pytestmark = [needs("platform", os.name != "nt", "a shell"), pytest.mark.slow]


def steps(text):
    """(language, block, what it prints): the fenced blocks of shell and Python, each with the block of text that follows it."""
    fences = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    for (language, block), (following, shown) in zip(fences, [*fences[1:], ("", "")], strict=True):
        if language != "text":
            yield language, block, shown if following == "text" else ""


def matches(shown, printed):
    """Whether a text is printed as it is shown; "..." stands for any text, a line of it for any lines."""
    lines = (
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in shown.rstrip().split("\n")
    )
    return re.fullmatch("".join(lines), printed.rstrip() + "\n")


def follow(page, folder):
    """Do all steps of a page in a folder."""
    env = {**os.environ, "PATH": f"{recipes.shims(folder)}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    names: dict[str, object] = {}
    for language, block, shown in steps(page.read_text()):
        if language == "python":
            exec(compile(block, page.name, "exec"), names)
            continue
        assert language == "sh"
        done = subprocess.run(
            ["sh", "-c", block],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert "Traceback" not in done.stdout
        assert not shown or matches(shown, done.stdout), f"{block}\nprints\n{done.stdout}\nshown is\n{shown}"
        assert done.returncode in (0, 1, 3), done.stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the inputs that the pages name."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests" / "data" / "opensnoop-libbpf.bpf.o", tmp_path / "opensnoop.bpf.o")
    os.symlink(Path(corpus.require_corpus()) / "hub", tmp_path / "kernels")
    for name, release in (
        ("vmlinux", "6.12.107+deb13-amd64"),
        ("vmlinux-6.12.107", "6.12.107+deb13-amd64"),
        ("vmlinux-6.12.94", "6.12.94+deb13-amd64"),
        ("vmlinux-6.1", "6.1.0-47-amd64"),
    ):
        (tmp_path / name).write_bytes(corpus.kernel_btf(release))
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return tmp_path


@pytest.fixture
def modules(folder):
    """The same with modules that have DWARF and no BTF."""
    built_with, found = corpus.debug_modules()
    (folder / "vmlinux-built-with").write_bytes(lzma.decompress(Path(built_with).read_bytes()))
    os.link(folder / "vmlinux", folder / "vmlinux-other")
    for name in ("garp", "romfs"):
        data = lzma.decompress(Path(found[name]).read_bytes())
        assert data.count(b"\0.BTF\0") == 1
        (folder / f"{name}.ko").write_bytes(data.replace(b"\0.BTF\0", b"\0.xyz\0"))
    return folder


@pytest.mark.parametrize("page", sorted({page.name for page in PAGES.glob("*.md")} - {"kernel-module.md"}))
def test_tutorial(page, folder):
    follow(PAGES / page, folder)


def test_kernel_module(modules):
    follow(PAGES / "kernel-module.md", modules)


def test_what_is_compared():
    assert matches("a\n...\nz\n", "a\nb\nc\nz\n")
    assert matches("a...\n", "abc\n")
    assert matches("...\nz\n", "z\n")
    assert not matches("a\nz\n", "a\nb\nz\n")
    assert not matches("a\n...\nz\n", "a\nb\nc\n")
    assert list(steps("```sh\na\n```\n\n```text\nb\n```\n\n```sh\nc\n```\n")) == [
        ("sh", "a\n", "b\n"),
        ("sh", "c\n", ""),
    ]
