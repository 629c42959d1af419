"""Kernels with equal facts share verdicts: whatever other kernels were judged before, a kernel has the verdicts of its own."""

from __future__ import annotations

import os
import random
from glob import glob

import pytest

import btfkit
import corpus
from bpf import cases
from btfkit.btf import spec
from btfkit.co_re.loaders import LOADERS
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from btfkit.programs.constants import version_range
from btfkit.programs.verdict import Check

DATA = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data")
HEADER = 24  # bytes
VERSIONS = ("5.4", "5.10", "6.1", "6.12", "6.13", "")


@pytest.fixture(scope="module")
def vmlinux():
    return btfkit.load(os.path.join(DATA, "vmlinux-6.12.107+deb13-amd64.btf.xz"))


@pytest.fixture(scope="module")
def codes():
    paths = sorted(glob(os.path.join(cases.HERE, "verdicts", "*.o")) + glob(os.path.join(cases.HERE, "guards", "*.o")))
    return [code for path in paths for code in load_code(path)]


def changed(vmlinux, names, chance):
    """A kernel in which some of `names` are called otherwise, and some structs and enumerations have other numbers."""
    data = bytearray(vmlinux.to_bytes())
    strings_at = HEADER + 4 * len(vmlinux.words)
    strings = data[strings_at:]
    for name in chance.sample(names, len(names) // 4):
        at = strings.find(b"\0" + name + b"\0")
        if at >= 0:
            data[strings_at + at + len(name)] = ord("Q")
    for name in chance.sample(names, len(names) // 2):
        for type_id in vmlinux.find_ids(name.decode(), (spec.STRUCT, spec.ENUM)):
            start = vmlinux.positions[type_id - 1]
            count = vmlinux.word(type_id, 1) & 0xFFFF
            if vmlinux.kind(type_id) == spec.STRUCT:
                places, values = [2, *range(5, 3 + 3 * count, 3)], (4, 1 << 20)  # the size, and bits
            else:
                places, values = [*range(4, 3 + 2 * count, 2)], (5,)
            for place in places:
                if chance.random() < 0.5:
                    at = HEADER + 4 * (start + place)
                    data[at : at + 4] = chance.choice(values).to_bytes(4, "little")
    return btfkit.Btf.from_bytes(bytes(data))


def fresh(codes, loader, kernel, version, monkeypatch):
    """The verdicts of a `Checks` that knows no other kernel, and walks programs with the values of all relocations."""
    with monkeypatch.context() as patch:
        patch.setattr(Check, "_fields", lambda self, case: {})
        return Checks(codes, None, loader).verdicts(Target(kernel), version_range(version))


@pytest.mark.parametrize("name", LOADERS)
def test_verdicts_do_not_depend_on_other_kernels(vmlinux, codes, name, monkeypatch):
    chance = random.Random(name)
    found = {text for code in codes for text in bytes(code.object.btf.strings).split(b"\0") if len(text) > 2}
    names = sorted(each for each in found if each.decode().isidentifier())
    kernels = [(vmlinux, version) for version in VERSIONS[:2]]
    kernels += [(changed(vmlinux, names, chance), chance.choice(VERSIONS)) for _ in range(10)]
    shared = Checks(codes, None, LOADERS[name])
    statuses = set()
    for kernel, version in [*kernels, *kernels]:
        verdicts = shared.verdicts(Target(kernel), version_range(version))
        assert verdicts == fresh(codes, LOADERS[name], kernel, version, monkeypatch)
        statuses.add(tuple(verdict.status for verdict in verdicts))
    assert len(statuses) > 2, "the kernels are hardly different"


@pytest.mark.parametrize("kernel", corpus.kernels() or ["none"])
def test_verdicts_on_kernels_that_differ_a_little(kernel, monkeypatch):
    vmlinux = btfkit.load(corpus.kernel_path(kernel))
    objects = corpus.objects()
    codes = [code for each in corpus.some(objects, kernel) for code in load_code(objects[each])]
    chance = random.Random(kernel)
    found = {text for code in codes for text in bytes(code.object.btf.strings).split(b"\0") if len(text) > 2}
    names = sorted(each for each in found if each.decode(errors="replace").isidentifier())
    shared = Checks(codes)
    for one in (vmlinux, changed(vmlinux, names[::9], chance), changed(vmlinux, names[::9], chance), vmlinux):
        verdicts = shared.verdicts(Target(one), version_range(kernel))
        assert verdicts == fresh(codes, LOADERS["libbpf"], one, kernel, monkeypatch)
