"""libbpf's btf__permute into the order of names as the judge: the same types and strings, byte for byte."""

from __future__ import annotations

import os
import random

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.passes.permute import permute, sort
from needs import lacks, needs
from peer_tools import oracle

KERNELS = ("6.12.107+deb13-amd64", "6.1.0-47-amd64")
MODULES = ("6.12.107+deb13-amd64", "7.2.13+deb14-amd64")


def body(blob: bytes) -> bytes:
    """What follows the header."""
    return blob[max(blob[4], blob[7]) :]


@needs("corpus", corpus.has_corpus())
@pytest.mark.parametrize("kernel", corpus.kernels() if os.environ.get("BTFKIT_EXHAUSTIVE") else KERNELS)
def test_a_kernel_byte_for_byte(kernel):
    if kernel not in corpus.kernels():
        lacks("corpus-more", kernel)
    _, files = oracle("permute-sort", {"in": corpus.kernel_path(kernel)}, "out", "in", outputs=["out"])
    ours = sort(Btf.from_bytes(corpus.kernel_btf(kernel))).btf
    assert body(ours.to_bytes("little")) == body(files["out"] or b"")
    assert ours.first_named_id is not None


@needs("corpus", corpus.has_corpus())
@pytest.mark.parametrize("kernel", MODULES)
def test_modules_byte_for_byte(kernel):
    modules = corpus.modules(kernel)
    base = Btf.from_bytes(corpus.kernel_btf(kernel))
    for name in random.Random(1).sample(sorted(modules), 5):
        inputs = {"in": modules[name], "base": corpus.kernel_path(kernel)}
        _, files = oracle("permute-sort", inputs, "out", "in", "base", outputs=["out"])
        split = Btf.from_bytes(modules[name], base)
        assert body(permute(split, sort(split).ids)[0].to_bytes()) == body(files["out"] or b""), name
