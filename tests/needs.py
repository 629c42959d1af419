"""What a test may need that a machine lacks, and what to run to have it.

A test that lacks something ends with `lacks(NEED)`, or carries the mark `needs(NEED, condition)`. The reason of the skip is one
line, `WHAT IS LACKING: WHAT TO RUN`, the same for every test that lacks it, and the run's summary (conftest.py) counts by it.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NoReturn

import pytest

NEEDS = {
    "corpus": ("no corpus of real kernels, modules and objects", "run `make corpus` (or set BTFKIT_CORPUS)"),
    "corpus-more": ("this corpus does not have everything", "set BTFKIT_CORPUS to one that has {detail}"),
    "debug": ("no modules with DWARF", "run `make corpus`"),
    "packages": (
        "no debug packages of kernels",
        "set BTFKIT_DEBUG_PACKAGES to a directory of Debian's linux-image-*-dbg_*.deb",
    ),
    "exhaustive": ("half a minute a kernel, and a test like it has run on a part", "set BTFKIT_EXHAUSTIVE=1"),
    "peers": ("no {detail} as a judge", "run `make peers` as root"),
    "chosen": ("{detail}", "set it to a program, or unset it"),
    "newer": ("{detail}", "run `make peers` as root, with SUITE=sid"),
    "oracle": ("no btf-oracle as a judge", "run `make peers` with PEERS_SETUP set to a script that builds one"),
    "loader": ("no {detail} as a judge", "run `make peers` as root, with LOADERS=1"),
    "selftests": ("no BPF programs of the kernel's selftests", "run `make selftests` as root"),
    "libbpf": ("no libbpf to build with", "run `make peers` as root, or install libbpf-dev"),
    "vm": ("no kernels to boot in QEMU", "run `make vm` as root"),
    "vm-more": ("a kernel to boot is lacking", "run `make vm` as root where Debian's archive has it ({detail})"),
    "dkms": ("no DKMS in the chroot with kernels", "run `make vm` as root"),
    "browser": ("no chromium or no chromedriver", "run `make browser` as root"),
    "cloud": ("no {detail}", "run `tools/venv.sh .venv test cloudtest`"),
    "volatility": ("no Volatility 3 or no jsonschema", "run `tools/venv.sh .venv test volatilitytest`"),
    "module": ("no Python module {detail}", "run `tools/venv.sh .venv test`"),
    "frames": ("no Python module {detail}", "run `tools/venv.sh .venv test pandas polars`"),
    "docs": ("no Sphinx", "run `tools/venv.sh .venv test docs`"),
    "lint": ("no mypy", "run `make lint`"),
    "installed": ("btfkit is not installed", "run `make test`"),
    "plain": ("this is for the plain form", "run `make test-plain`"),
    "compiler": ("no C compiler", "install gcc and libc6-dev"),
    "header": ("no {detail} for C", "install zlib1g-dev and liblzma-dev"),
    "go": ("no Go, or no network for its modules", "install golang"),
    "rust": ("no Rust, or no liblzma to link with", "install rustc and liblzma-dev"),
    "program": ("no program {detail}", "install {detail}"),
    "mount": ("no file system can be mounted", "run as root, with `mount` installed"),
    "load": ("the running kernel cannot be asked", "run as root on a kernel with BPF and BTF ({detail})"),
    "signals": ("no signals as Unix has them", "run on Linux"),
    "platform": ("not on this machine", "run on Linux with {detail}"),
}
"""A key for each need: what is lacking, and what to run to have it; `{detail}` is the test's own word."""


def reason(need: str, detail: str = "") -> str:
    """The text of the skip."""
    what, remedy = NEEDS[need]
    return f"{what}: {remedy}".format(detail=detail)


def lacks(need: str, detail: str = "") -> NoReturn:
    """Skip the calling test, because the machine lacks what it needs."""
    pytest.skip(reason(need, detail))


def needs(need: str, there: bool, detail: str = "") -> pytest.MarkDecorator:
    """A mark that skips where `there` is false."""
    return pytest.mark.skipif(not there, reason=reason(need, detail))


def module(name: str, need: str = "module") -> ModuleType:
    """The Python module; skips the calling test where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError:
        lacks(need, name.partition(".")[0])
