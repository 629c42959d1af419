"""Real kernels, modules and objects: what is decoded encodes to the same bytes, in either byte order, and is sound."""

from __future__ import annotations

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.ext import Ext
from btfkit.btf_file import load
from btfkit.files.elf import Elf
from btfkit.judges.kernel import kernel_rules
from btfkit.judges.structure import structure

OTHER = {"little": "big", "big": "little"}
MODULES = 200  # of each kernel
KERNELS = corpus.kernels() or ["(none)"]


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    corpus.require_corpus()
    return Btf.from_bytes(corpus.kernel_btf(request.param), source=request.param)


def same_bytes(btf, base):
    assert btf.to_bytes() == btf.blob
    swapped = Btf.from_bytes(btf.to_bytes(OTHER[btf.byte_order]), base and swap(base))
    assert swapped.to_bytes(btf.byte_order) == btf.blob


def swap(btf):
    return Btf.from_bytes(btf.to_bytes(OTHER[btf.byte_order]))


def test_kernels(kernel):
    same_bytes(kernel, None)
    assert kernel.pointer_size == 8
    assert kernel.byte_order == ("big" if corpus.kernel_arch(kernel.source) == "s390x" else "little")
    task = kernel.find("struct task_struct")
    assert sum(1 for member in task.members if member.name == "pid") == 1


def test_kernels_are_clean(kernel):
    assert [f for f in structure(kernel) if f.severity != "note"] == []
    assert [f for f in kernel_rules(kernel, program=False) if f.severity == "error"] == []


@pytest.mark.parametrize("name", ["6.12.107+deb13-amd64", "6.12.107+deb13-s390x", "7.2.13+deb14-amd64"])
def test_modules(name):
    modules = corpus.modules(name)
    base = Btf.from_bytes(corpus.kernel_btf(name))
    swapped_base = swap(base)
    chosen = list(modules)[:: max(1, len(modules) // MODULES)]
    for index, module in enumerate(chosen):
        btf = Btf.from_bytes(modules[module], base, source=module)
        assert btf.to_bytes() == modules[module], module
        swapped = Btf.from_bytes(btf.to_bytes(OTHER[btf.byte_order]), swapped_base)
        assert swapped.to_bytes(btf.byte_order) == modules[module], module
        if index % 10 == 0:
            assert [f for f in structure(btf) if f.severity != "note"] == [], module
            assert [f for f in kernel_rules(btf, program=False) if f.severity == "error"] == [], module


def test_objects():
    for name, path in corpus.objects().items():
        btf = load(path)
        same_bytes(btf, None)
        assert btf.given_pointer_size == 8
        assert [f for f in structure(btf) if f.severity != "note"] == [], name
        elf = Elf(corpus.object_bytes(name))
        section = bytes(elf.btf_section(".BTF.ext"))
        ext = Ext.from_bytes(section)
        assert ext.to_bytes() == section, name
        assert all(kind_of(btf, type_id) == "FUNC" for _, (_, type_id) in ext.records("func_info")), name


def kind_of(btf, type_id):
    return btf[type_id].kind_name
