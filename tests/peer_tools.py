"""The real tools, as judges: bpftool, pahole, clang and libbpf (through btf-oracle), called on bytes in memory.

A tool is looked for in this order: `$BTFKIT_BPFTOOL` (likewise `_BTF_ORACLE`, `_PAHOLE`, ...), the chroot that
`make peers` creates (`$PEERS` or ~/.cache/btfkit-peers), `$PATH`. A test calls `require_peer("bpftool")`, which skips it,
with the reason, if there is none. Inputs are copied to a separate directory below `$PEERS`, which is /lab inside the chroot.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from needs import lacks

Input = bytes | str | os.PathLike[str]
"""What a tool reads: the bytes, or the path of a file that has them (linked or copied)."""

TIMEOUT = 600.0
OLD_BPFTOOLS = {"bpftool-bookworm": "bpftool:7.1", "bpftool-bullseye": "bpftool:5.10"}
"""The bpftools of old releases of Debian, and which version each is."""
BUILT = {"btf-oracle": "oracle", "cilium-answers": "loader", "aya-answers": "loader"}
"""Judges that are built in the chroot, and what a machine without them lacks."""
_PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


class ToolError(Exception):
    """A peer ended with a status that its caller has no use for; the text is its standard error."""


def peers_dir() -> str:
    """The folder with the chroot: `$PEERS`, or ~/.cache/btfkit-peers."""
    return os.environ.get("PEERS") or os.path.expanduser("~/.cache/btfkit-peers")


@dataclass(frozen=True)
class Tool:
    """Where a peer is: `path` as its own file system sees it, `root` the chroot to enter first (or empty)."""

    name: str
    path: str
    root: str = ""

    def command(self, args: Iterable[str]) -> list[str]:
        enter = ["chroot", self.root] if self.root else []
        return [*enter, self.path, *args]


def _chroot_problem(root: str) -> str:
    if not os.path.isdir(os.path.join(root, "usr")):
        return f"no chroot in {root} (make peers creates one)"
    if os.geteuid() != 0:
        return f"the chroot {root} needs root to enter"
    lab = os.path.join(root, "lab")
    if not os.path.isdir(lab) or not os.path.samefile(lab, peers_dir()):
        return f"{lab} is not mounted (run make peers again)"
    return ""


@functools.cache
def _find(name: str) -> tuple[Tool | None, str]:
    variable = "BTFKIT_" + name.upper().replace("-", "_")
    chosen = os.environ.get(variable)
    if chosen:
        return (Tool(name, chosen), "") if os.access(chosen, os.X_OK) else (None, f"{variable}={chosen} cannot be run")
    if name in OLD_BPFTOOLS:
        path = os.path.join(peers_dir(), "bin", name)
        return (Tool(name, path), "") if os.access(path, os.X_OK) else (None, f"no {path} (tools/peers.sh makes it)")
    root = os.path.join(peers_dir(), "root")
    problem = _chroot_problem(root)
    if not problem:
        if name in BUILT and os.access(os.path.join(peers_dir(), "bin", name), os.X_OK):
            return Tool(name, f"/lab/bin/{name}", root), ""
        for place in _PLACES:
            if os.access(root + os.path.join(place, name), os.X_OK):
                return Tool(name, os.path.join(place, name), root), ""
        problem = f"not in the chroot {root}"
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
    return (Tool(name, path), "") if path else (None, problem + "; not in PATH")


def find_peer(name: str) -> Tool | None:
    """The tool, or None where there is none."""
    return _find(name)[0]


def require_peer(name: str) -> Tool:
    """The tool; skips the calling test, with the reason, where there is none."""
    tool, problem = _find(name)
    if problem.startswith("BTFKIT_"):
        lacks("chosen", problem)
    if tool is None:
        lacks(BUILT.get(name, "peers"), name)
    return tool


def without_libbpf(built: subprocess.CompletedProcess[bytes]) -> None:
    """Skip the calling test where its program was not built for want of libbpf, zlib or liblzma; any other failure is one."""
    said = built.stderr.decode(errors="replace")
    header = re.search(r"fatal error: ([\w/.]+): No such file", said)
    library = re.search(r"cannot find -l(\w+)", said)
    if (header and header[1].startswith("bpf/")) or (library and library[1] == "bpf"):
        lacks("libbpf")
    if (header and header[1] in ("zlib.h", "lzma.h")) or (library and library[1] in ("z", "lzma")):
        lacks("header", header[1] if header else f"lib{library[1]}" if library else "")
    assert built.returncode == 0, said


class Bench:
    """A folder that the tool can see, for one run; made by `bench`."""

    def __init__(self, tool: Tool, here: str) -> None:
        self.tool = tool
        self.here = here
        self.there = "/lab/" + os.path.basename(here) if tool.root else here

    def put(self, name: str, data: Input) -> str:
        """Writes an input; returns its path as the tool sees it. `name` may hold folders."""
        path = os.path.join(self.here, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(data, bytes):
            with open(path, "wb") as f:
                f.write(data)
        else:
            source = os.path.realpath(data)
            try:
                os.link(source, path)
            except OSError:
                shutil.copyfile(source, path)
        return self.path(name)

    def put_all(self, folder: str, files: Mapping[str, Input]) -> str:
        """Writes a folder of inputs; returns its path as the tool sees it."""
        os.makedirs(os.path.join(self.here, folder), exist_ok=True)
        for name, data in files.items():
            self.put(os.path.join(folder, name), data)
        return self.path(folder)

    def path(self, name: str) -> str:
        return os.path.join(self.there, name)

    def get(self, name: str) -> bytes | None:
        """What the tool wrote, or None if it did not."""
        try:
            with open(os.path.join(self.here, name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def run(self, args: Sequence[str], timeout: float = TIMEOUT) -> subprocess.CompletedProcess[bytes]:
        """Runs the tool; raises subprocess.TimeoutExpired. A status below zero is the signal that ended it."""
        return subprocess.run(self.tool.command(args), capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def bench(name: str) -> Iterator[Bench]:
    """A temporary folder for one tool (skips the test where the tool is absent), removed afterwards."""
    tool = require_peer(name)
    with tempfile.TemporaryDirectory(prefix="t-", dir=peers_dir() if tool.root else None) as here:
        os.chmod(here, 0o755)
        yield Bench(tool, here)


def _named(objects: Iterable[Input] | Mapping[str, Input]) -> dict[str, Input]:
    if isinstance(objects, Mapping):
        return dict(objects)
    return {f"{i:05}.bpf.o": data for i, data in enumerate(objects)}


def _error_text(done: subprocess.CompletedProcess[bytes]) -> str:
    text = done.stderr.decode(errors="replace").strip()
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
    return f"{how}: {text}"


def bpftool_min(target: Input, objects: Iterable[Input], *, timeout: float = TIMEOUT) -> bytes | str:
    """What `bpftool gen min_core_btf` writes; where it fails, what it says (`status 234: ...`, or `signal 11: ...`)."""
    with bench("bpftool") as b:
        paths = [b.put(name, data) for name, data in _named(objects).items()]
        done = b.run(["gen", "min_core_btf", b.put("in.btf", target), b.path("out.btf"), *paths], timeout)
        out = b.get("out.btf")
        return out if done.returncode == 0 and out is not None else _error_text(done)


def bpftool_dump_raw(
    file: Input,
    base: Input | None = None,
    *,
    format: str = "raw",
    json: bool = False,
    pretty: bool = False,
    tool: str = "bpftool",
) -> str:
    """The text of `bpftool btf dump file` (`format` "raw", "c", "c unsorted"); raises ToolError with what it says.

    `tool` may be one of `OLD_BPFTOOLS`.
    """
    with bench(tool) as b:
        args = ["-p" if pretty else "-j"] if json else []
        args += ["btf", "dump", "file", b.put("in.btf", file)]
        if format != "raw":
            args += ["format", *format.split()]
        if base is not None:
            args[:0] = ["-B", b.put("base.btf", base)]
        done = b.run(args)
        if done.returncode:
            raise ToolError(_error_text(done))
        return done.stdout.decode(errors="surrogateescape")


def pahole(file: Input, *args: str, base: Input | None = None) -> str:
    """pahole's text about a BTF (`pahole(btf, "-C", "task_struct")`); raises ToolError with what it says."""
    with bench("pahole") as b:
        split = ["--btf_base", b.put("base.btf", base)] if base is not None else []
        done = b.run([*split, *args, b.put("in.btf", file)])
        if done.returncode:
            raise ToolError(_error_text(done))
        return done.stdout.decode(errors="replace")


def _events(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    if done.returncode:
        raise ToolError(_error_text(done))
    return [json.loads(line) for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("{")]


def oracle(
    command: str, files: Mapping[str, Input], *args: str, outputs: Sequence[str] = (), timeout: float = TIMEOUT
) -> tuple[list[dict[str, Any]], dict[str, bytes | None]]:
    """Runs `btf-oracle COMMAND ARGS`, each argument that names one of `files` or `outputs` replaced by its path.

    Returns its JSON lines and the outputs' bytes (None where it wrote none). Raises ToolError when it fails.
    Example: oracle("dedup", {"a": one, "b": two}, "out", "a", "b", outputs=["out"]).
    """
    with bench("btf-oracle") as b:
        paths = {name: b.put(name, data) for name, data in files.items()} | {name: b.path(name) for name in outputs}
        done = b.run([command, *(paths.get(arg, arg) for arg in args)], timeout)
        return _events(done), {name: b.get(name) for name in outputs}


def _oracle_relo(
    command: str,
    objects: Input | Iterable[Input] | Mapping[str, Input],
    btfs: Sequence[Input],
    modules: Mapping[str, Input] | None,
    options: Sequence[str],
    timeout: float,
) -> list[dict[str, Any]]:
    if isinstance(objects, bytes | str | os.PathLike):
        objects = [objects]
    with bench("btf-oracle") as b:
        folder = b.put_all("objects", _named(objects))
        args = ["--mode=fake", *options]
        if modules is not None:
            args.append("--modules=" + b.put_all("modules", modules))
        paths = [b.put(f"{i}.btf", data) for i, data in enumerate(btfs)]
        events = _events(b.run([command, *args, folder, *paths], timeout))
    for event in events:
        for key in ("btf", "ref"):
            if key in event:
                event[key] = paths.index(event[key])
    return events


def oracle_relocate(
    objects: Input | Iterable[Input] | Mapping[str, Input],
    btfs: Sequence[Input],
    modules: Mapping[str, Input] | None = None,
    *,
    options: Sequence[str] = (),
    timeout: float = 600.0,
) -> list[dict[str, Any]]:
    """libbpf's relocated instructions (`relocate-insns`): prepare, prog and, from the second BTF on, compare events.

    `objects`: one, several, or {name: data} with names ending in ".bpf.o"; `modules`: {module: split BTF} (libbpf then
    takes the BTF as the running kernel's). In the events "btf" and "ref" are positions in `btfs`. Options: "--hex",
    "--as-is", "--only=P,Q".
    """
    return _oracle_relo("relocate-insns", objects, btfs, modules, options, timeout)


def oracle_relo_log(
    objects: Input | Iterable[Input] | Mapping[str, Input],
    btfs: Sequence[Input],
    modules: Mapping[str, Input] | None = None,
    *,
    options: Sequence[str] = (),
    timeout: float = 600.0,
) -> list[dict[str, Any]]:
    """libbpf's account of each relocation (`relo-log`): relo events, then a summary, for each object and BTF.

    Arguments as for `oracle_relocate`. A relo event has, unlike the oracle's own line, "btf": the position in `btfs`.
    `peers/libbpf_answers.py` makes answers of it.
    """
    events = _oracle_relo("relo-log", objects, btfs, modules, options, timeout)
    pending: list[dict[str, Any]] = []
    for event in events:
        if event["ev"] == "summary":
            for relo in pending:
                relo["btf"] = event["btf"]
            pending = []
        else:
            pending.append(event)
    return events
