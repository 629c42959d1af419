"""The scripts in docs/examples run, are short, and pass mypy --strict; and so does the first Python of the README."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

import btfkit
from needs import lacks
from small_modules import ko

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
DATA = ROOT / "tests" / "data"
KERNEL, OPENSNOOP = DATA / "vmlinux-6.12.107+deb13-amd64.btf.xz", DATA / "opensnoop-libbpf.bpf.o"
MODULE = DATA / "modules" / "nf_conntrack.btf.xz"


def run(name, *args, status=0):
    """What an example prints."""
    words = [sys.executable, ROOT / "docs" / "examples" / name, *args]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def other_kernel(tmp_path_factory):
    """The kernel as a program of opensnoop's needs it, with one member of struct task_struct moved."""
    small = btfkit.minimize(btfkit.load(str(KERNEL)), btfkit.load_objects(str(OPENSNOOP))).btf
    blob = bytearray(small.to_bytes())
    at = 24 + 4 * (small.struct("task_struct").members[0].at + 2)
    blob[at : at + 4] = (int.from_bytes(blob[at : at + 4], "little") + 64).to_bytes(4, "little")
    path = tmp_path_factory.mktemp("kernel") / "other.btf"
    path.write_bytes(blob)
    return path


def test_there_are_six_short_ones():
    assert len(EXAMPLES) == 6
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 25, path.name


def test_forensic_offsets():
    task = json.loads(run("forensic_offsets.py", KERNEL))["task_struct"]
    assert task["size"] == btfkit.load(str(KERNEL)).struct("task_struct").size
    assert task["offsets"]["comm"] == btfkit.offset(btfkit.load(str(KERNEL)), "task_struct.comm").offset


def test_functions_with_skb():
    lines = run("functions_with_skb.py", KERNEL).splitlines()
    assert (
        "int ip_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt, struct net_device *orig_dev)"
        in lines
    )
    assert len(lines) > 1000
    assert all("struct sk_buff *" in line for line in lines)


def test_minimize_kernels(tmp_path, other_kernel):
    lines = run("minimize_kernels.py", OPENSNOOP, tmp_path / "out", KERNEL, other_kernel).splitlines()
    assert len(lines) == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"vmlinux-6.12.107+deb13-amd64.btf", "other.btf"}
    assert all(path.stat().st_size < 2000 for path in (tmp_path / "out").iterdir())


def test_compare_kernels(other_kernel):
    assert run("compare_kernels.py", OPENSNOOP, KERNEL, KERNEL) == ""
    assert " -> " in run("compare_kernels.py", OPENSNOOP, KERNEL, other_kernel, status=1)


def test_build_by_hand(tmp_path):
    said = run("build_by_hand.py", tmp_path / "hand.btf")
    assert said.splitlines() == [
        "int wake_up(struct task *task)",
        "   0 int pid",
        "   4 char comm[16]",
        "  20 int on_cpu:1",
    ]


def test_distill_and_reconcile(tmp_path):
    kernel = btfkit.load(str(KERNEL))
    module = tmp_path / "nf_conntrack.ko"
    module.write_bytes(ko(btfkit.load(str(MODULE), kernel).to_bytes(), kernel))
    said = run("distill_and_reconcile.py", module, KERNEL, KERNEL, tmp_path / "moved.ko")
    assert re.search(r"moved.ko: \d+ types on ", said)
    assert btfkit.load(str(tmp_path / "moved.ko"), kernel).struct("nf_conntrack_net_ecache").members


@pytest.mark.slow
def test_they_pass_mypy_strict(tmp_path):
    """Against the installed package, as a user's editor sees it."""
    if find_spec("mypy") is None:
        lacks("lint")
    code = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert code is not None
    readme = tmp_path / "readme_example.py"
    readme.write_text(code[1])
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        tmp_path / "cache",
        readme,
        *EXAMPLES,
    ]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_package_has_the_readme_s_example() -> None:
    code = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert code is not None
    assert textwrap.indent(code[1], "    ") in str(btfkit.__doc__)
