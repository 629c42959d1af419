"""A worker that is killed in the middle of a command: nothing is lost, and the output is that of an undisturbed run."""

from __future__ import annotations

import os
import signal

import pytest
from cli_inputs import HERE, files, fill, run
from test_dedup import redundant

import check_inputs
from btfkit.cli import main
from btfkit.work import processes
from small_modules import kernel, ko, module

COUNT = 40
VICTIMS = (7, 8, 30)  # numbers of jobs: two neighbours of one batch, and one far from them


def put(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def modules(folder: str, content) -> None:
    base = kernel()
    put("vmlinux", base.to_bytes())
    for number in range(COUNT):
        put(f"{folder}/{number % 3}/m{number:02}.ko", ko(content(base), base))


def distilled(folder: str) -> None:
    modules("raw", module)
    assert main(["distill", "-q", "-j1", "raw", "-B", "vmlinux", "-o", folder]) == 0
    put("vmlinux", kernel(filler=5).to_bytes())


def many_kernels() -> None:
    fill(HERE())
    blob = (HERE() / "vmlinux").read_bytes()
    for number in range(COUNT):
        put(f"tree/debian/12/x86_64/6.1.{number}.btf", blob)


def checked_kernels() -> None:
    check_inputs.fill(HERE())
    for number in range(COUNT):
        put(f"hub/{number}/vmlinux", kernel(filler=number).to_bytes())


COMMANDS = {
    "distill": (lambda: modules("in", module), "distill in -B vmlinux -o {out}"),
    "distill --in-place": (lambda: modules("{out}", module), "distill {out} -B vmlinux --in-place"),
    "reconcile": (lambda: distilled("in"), "reconcile in -B vmlinux -o {out}"),
    "reconcile --in-place": (lambda: distilled("{out}"), "reconcile {out} -B vmlinux --in-place"),
    "dedup": (lambda: modules("in", lambda base: redundant(base).to_bytes()), "dedup in -B vmlinux -o {out}"),
    "sort": (lambda: modules("in", module), "sort vmlinux -m in -o {out}"),
    "sanitize": (lambda: modules("in", module), "sanitize in -B vmlinux --for 5.10 -o {out}"),
    "extract": (lambda: modules("in", module), "extract in -o {out}"),
    "min --archive": (many_kernels, "min --archive tree -o {out} fields.bpf.o"),
    "check": (checked_kernels, "check guards.bpf.o --kernels hub"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_worker_that_dies(tmp_path, monkeypatch, capsys, name) -> None:
    prepare, words = COMMANDS[name]
    seen = []
    for out in ("whole", "disturbed"):
        folder = tmp_path / out
        folder.mkdir()
        monkeypatch.chdir(folder)
        prepare()
        if (folder / "{out}").exists():
            (folder / "{out}").rename(folder / "out")
        if out == "disturbed":
            monkeypatch.setattr(processes, "attempt", killer(tmp_path))
        said = run(capsys, *words.format(out="out").split(), "-j2", "--json")
        seen.append((said.status, said.out, said.err, files(folder)))
    assert sorted(path.name for path in tmp_path.glob("killed*")) == [f"killed{number:02}" for number in VICTIMS]
    assert seen[0][0] in (0, 1)
    assert seen[1][0] == seen[0][0]
    assert seen[1][3] == seen[0][3]
    assert seen[1][1:3] == seen[0][1:3]


def killer(place):
    """`attempt`, but each of VICTIMS kills the process that is at it the first time."""
    real = processes.attempt

    def attempt(work, state, number, job):
        mark = place / f"killed{number:02}"
        if number in VICTIMS and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(work, state, number, job)

    return attempt
