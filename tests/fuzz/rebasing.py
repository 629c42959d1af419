"""Targets of the fuzzer: distill, reconcile and explain, on broken splits, broken bases, and modules broken in their ELF, `.BTF`,
`.BTF.base`, `.BTF_ids`, symbols or signature.

The law, besides a result or a `BtfError`: what the strict rules accept, the proof accepts; and a command leaves nothing
behind where it failed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import lzma
import os
import shutil
import sys
import tempfile
from random import Random

import mutate
import seeds
from case import Case

import small_modules
from btfkit.btf.btf import Btf

POLICIES = ("distilled", "by-value", "full")
DEFINITIONS = {"distilled": "none", "by-value": "by-value", "full": "full"}


def _chain(parts: list) -> Btf:
    btf: Btf | None = None
    for part in parts:
        btf = Btf.from_bytes(part, btf, source="input")
    assert btf is not None
    return btf


@functools.cache
def chains() -> list[list[bytes]]:
    """Bases with splits on them, all in bytes."""
    found = [parts for _, parts in seeds.chains() if len(parts) > 1 and all(isinstance(part, bytes) for part in parts)]
    for order in seeds.ORDERS:
        for base in (small_modules.kernel(order), small_modules.kernel(order, doubled=True, signed_char=False)):
            found.append([base.to_bytes(), small_modules.module(base)])
    return found


def _broken(r: Random, parts: list[bytes]) -> list[bytes]:
    """The last part broken, at times the first, at times none."""
    out = list(parts)
    types, strings = 1, 0
    for part in parts[:-1]:
        more = mutate.counts(part)
        types, strings = types + more[0], strings + more[1]
    if r.random() < 0.8:
        out[-1] = mutate.btf(r, out[-1], types, strings)
    if r.random() < 0.3:
        out[0] = mutate.btf(r, out[0])
    return out


# ---- in memory -----------------------------------------------------------------------------------------------------


def make_distill(r: Random) -> Case:
    """A chain to distill, and a kernel to put the result on: its own, it broken, or any other."""
    parts = r.choice(chains())
    depth = r.randrange(2, len(parts) + 1)
    other = r.choice((parts[0], mutate.btf(r, parts[0]), r.choice(chains())[0]))
    return Case("distill", [*_broken(r, parts[:depth]), other], policy=r.choice(POLICIES))


def run_distill(case: Case) -> None:
    from btfkit.judges.reconciled import compare
    from btfkit.passes.distill import distill

    *parts, other = case.parts
    split, policy = _chain(parts), case.options["policy"]
    done = distill(split, policy)
    str(done.report.kinds), done.report.declarations, dict(done.ids.items())
    again = Btf.from_bytes(done.btf.to_bytes(), Btf.from_bytes(done.base.to_bytes()))
    proof = compare(split, again, contents="none", definitions=DEFINITIONS[policy])
    assert proof, f"distilled to something else: {proof.differences[0]}"
    _onto(again, [split.chain[0], Btf.from_bytes(other, source="other")])


def _onto(small: Btf, kernels: list[Btf]) -> None:
    """Reconcile to each kernel by both rules."""
    from btfkit.judges.reconciled import compare
    from btfkit.passes.reconcile import ReconcileError, reconcile, verdicts

    for new in kernels:
        before = small.to_bytes()
        for rules, contents in (("strict", "embedded"), ("strict", "all"), ("upstream", "embedded")):
            try:
                result = reconcile(small, new, rules, contents=contents)
            except ReconcileError as error:
                told = str(error) and [finding.path for finding in error.findings]
                assert told, "no word on why not"
                continue
            proof = compare(small, result.btf, contents=contents)
            assert rules == "upstream" or proof, f"reconciled to something else: {proof.differences[0]}"
        str(verdicts(small, new))
        assert small.to_bytes() == before, "the input was changed"


def make_reconcile(r: Random) -> Case:
    """A distilled base, a split on it and a kernel, one or two of them broken."""
    from btfkit.passes.distill import distill

    parts = r.choice(chains())
    small = distill(_chain(parts[:2]), r.choice(POLICIES))
    blobs = _broken(r, [small.base.to_bytes(), small.btf.to_bytes()])
    other = r.choice((parts[0], parts[0], r.choice(chains())[0]))
    if r.random() < 0.4:
        other = mutate.btf(r, other)
    return Case("reconcile", [*blobs, other])


def run_reconcile(case: Case) -> None:
    base, split, other = case.parts
    _onto(_chain([base, split]), [Btf.from_bytes(other, source="other")])


# ---- as files ------------------------------------------------------------------------------------------------------


@functools.cache
def modules() -> list[tuple[bytes, bytes]]:
    """(kernel, module's file): of either class and byte order, with and without `.BTF.base`, `.BTF_ids`, a signature."""
    from btfkit.passes.distill import distill

    found = []
    for order in seeds.ORDERS:
        for bits in (32, 64):
            base = small_modules.kernel(order, bits=bits)
            blob = small_modules.module(base)
            for more in ({"ids": True}, {"ids": True, "signed": True}, {"align": 1 << 20}):
                found.append((base.to_bytes(), small_modules.ko(blob, base, order, bits, **more)))
            for policy in POLICIES:
                small = distill(Btf.from_bytes(blob, base), policy)
                sections = {".text": b"\xcc" * 5, ".BTF": small.btf.to_bytes(), ".BTF.base": small.base.to_bytes()}
                found.append((base.to_bytes(), small_modules.elf(sections, order, bits)))
            found.append((base.to_bytes(), blob))
    return found


def _broken_module(r: Random, data: bytes) -> bytes:
    if data[:4] != b"\x7fELF":
        return mutate.btf(r, data, 1, 1)
    what = r.random()
    if what < 0.3:
        return mutate.elf(r, data)
    if what < 0.4:
        return mutate.plain(r, data)
    file = mutate.ElfFile(data)
    changes = {}
    for name in r.sample((".BTF", ".BTF.base", ".BTF_ids", ".symtab", ".strtab"), 2):
        at = file.index(name)
        if at >= 0:
            content = file.content(at)
            break_it = (
                mutate.btf if name.startswith(".BTF") and name != ".BTF_ids" and r.random() < 0.8 else mutate.plain
            )
            changes[at] = break_it(r, content) if content else b""
    signature = data[-r.randrange(1, 80) :] if r.random() < 0.1 else b""
    return file.rebuilt(changes) + signature


def make_module(r: Random) -> Case:
    """A command on a broken module."""
    kernel, data = r.choice(modules())
    if r.random() < 0.85:
        data = _broken_module(r, data)
    if r.random() < 0.1:
        data = lzma.compress(data, preset=0)
    if r.random() < 0.2:
        kernel = r.choice((mutate.btf(r, kernel), r.choice(modules())[0]))
    command = r.choice(("distill", "distill", "reconcile", "explain"))
    flags = [flag for flag in ("--strip-signature", "--json", "--in-place", "--no-verify") if r.random() < 0.4]
    return Case("module", [kernel, data], command=command, flags=flags, policy=r.choice(POLICIES))


def run_module(case: Case) -> None:
    """Exit status, streams and files are as promised."""
    from btfkit.cli import main

    folder = tempfile.mkdtemp(prefix="btfkit-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        paths = [os.path.join(folder, name) for name in ("vmlinux", "m.ko")]
        for path, part in zip(paths, case.parts, strict=True):
            with open(path, "wb") as file:
                file.write(part)
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        old = sys.stdout
        try:
            with contextlib.redirect_stderr(err):
                sys.stdout = out
                status = main(_words(case, folder, *paths))
        finally:
            sys.stdout = old
        _check(case, folder, status, err.getvalue())
    finally:
        shutil.rmtree(folder)


def _words(case: Case, folder: str, kernel: str, module: str) -> list[str]:
    command, flags = case.options["command"], case.options["flags"]
    words = [command, module, "-B", kernel, *(["--json"] if "--json" in flags else [])]
    if command == "explain":
        return words
    words += [flag for flag in flags if flag != "--json"]
    if "--in-place" not in flags:
        words += ["-o", os.path.join(folder, "out.ko")]
    return [*words, "--policy", case.options["policy"]] if command == "distill" else words


def _check(case: Case, folder: str, status: int, said: str) -> None:
    made = set(os.listdir(folder)) - {"vmlinux", "m.ko"}
    with open(os.path.join(folder, "m.ko"), "rb") as file:
        now = file.read()
    assert status in ((0, 1, 3) if case.options["command"] == "explain" else (0, 3)), f"exit status {status}: {said}"
    if status == 3:
        assert "btfkit: " in said, f"no clear line: {said!r}"
        assert not made, f"something was written: {made}"
        assert now == case.parts[1], "the input was changed"
    assert "\x1b" not in said, "an escape sequence on the terminal"
    assert "a bug in btfkit" not in said, said
    assert not [name for name in made if name.endswith(".tmp")], "a temporary file is left"


TARGETS = {"distill": (12, make_distill), "reconcile": (10, make_reconcile), "module": (8, make_module)}
RUN = {"distill": run_distill, "reconcile": run_reconcile, "module": run_module}
