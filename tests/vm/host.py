"""Programs of this machine, or of another chroot, as commands in the chroot of `make vm`: the btfkit under test, a newer pahole.

The chroot has another libc and no Python, so such a program is started by its own loader with its own libraries, out of a folder
of the chroot where this machine's root is seen: `run_inside(..., binds={room / "host": Path("/")})`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import btfkit


def script_of_btfkit(host: Path, arguments: str = "") -> str:
    """A script that runs the btfkit under test, with `arguments` before its own, where this machine's root is seen as `host`."""
    python = os.path.realpath(sys.executable)
    loader, found = _libraries(python)
    folders = [f"{sys.base_prefix}/lib", *found]
    source = Path(btfkit.__file__).parents[1]
    modules = ":".join(
        f"{host}{place}" for place in dict.fromkeys([str(source), *sys.path[1:]]) if os.path.isdir(place)
    )
    return (
        f"#!/bin/sh\nexport PYTHONHOME={host}{sys.base_prefix} PYTHONPATH={modules}\n"
        f'{_start(host, loader, folders)} {host}{python} -m btfkit {arguments} "$@"\n'
    )


def script_of_peer(host: Path, root: Path, program: str) -> str:
    """A script that runs `program` of the chroot `root`, where this machine's root is seen as `host`."""
    loader, folders = _libraries(program, root)
    here = Path(f"{host}{root}")
    return f'#!/bin/sh\n{_start(here, loader, folders)} {here}{program} "$@"\n'


def _start(above: Path, loader: str, folders: list[str]) -> str:
    return f"exec {above}{loader} --library-path {':'.join(f'{above}{folder}' for folder in folders)}"


def _libraries(program: str, root: Path | None = None) -> tuple[str, list[str]]:
    """The loader of a program, and the folders of its libraries."""
    enter = ["chroot", str(root)] if root else []
    text = subprocess.run([*enter, "ldd", program], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"(/\S+) \(0x", text)
    (loader,) = (path for path in found if "/ld-" in path)
    below = str(root or "")
    real = os.path.realpath(below + loader).removeprefix(below)
    folders = dict.fromkeys(os.path.dirname(path) for path in found)
    return real, [folder for folder in folders if os.path.isdir(below + folder)]
