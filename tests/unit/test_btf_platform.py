"""The machine of a BTF: byte order, pointers, and the architecture by `struct pt_regs`."""

from __future__ import annotations

import pytest

import btfkit
import corpus
from btfkit.btf.build import Builder
from btfkit.btf.platform import REGISTERS, architecture, other_platform, platform_of
from needs import lacks


def registers(*members, order="little", pointer_size=8):
    b = Builder(order=order)
    number = b.int("long unsigned int", pointer_size)
    inner = b.struct("", 8 * len(members), [(name, number, 64 * i) for i, name in enumerate(members)])
    union = b.union("", 8 * len(members), [("", inner, 0)])
    b.struct("pt_regs", 8 * len(members), [("", union, 0)])
    return b.build()


@pytest.mark.parametrize(("member", "name"), REGISTERS)
def test_architectures(member, name):
    assert architecture(registers("regs", member)) == name


def test_unknown_ones():
    assert architecture(Builder().build()) == ""
    assert architecture(registers("tnpc")) == ""
    assert architecture(registers("r15", "orig_ax")) == "x86_64"


def test_how_two_differ():
    x86, s390, arm = registers("r15"), registers("orig_gpr2", order="big"), registers("uregs", pointer_size=4)
    assert other_platform(x86, platform_of(x86), "a") == ""
    assert other_platform(s390, platform_of(x86), "a") == (
        "of another machine than a: s390, not x86_64, big-endian, not little-endian"
    )
    assert other_platform(arm, platform_of(x86), "a") == (
        "of another machine than a: arm, not x86_64, pointers of 4 bytes, not 8"
    )
    assert other_platform(Builder().build(), platform_of(x86), "a") == ""  # nothing shows


def test_real_kernels():
    names = corpus.kernels()
    if not names:
        lacks("corpus")
    known = {"amd64": "x86_64", "arm64": "arm64", "powerpc64le": "powerpc", "riscv64": "riscv", "s390x": "s390"}
    found = {name: architecture(btfkit.load(corpus.kernel_path(name))) for name in names}
    assert found == {name: known[name.rpartition("-")[2]] for name in names}
