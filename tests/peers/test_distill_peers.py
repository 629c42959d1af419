"""libbpf's btf__distill_base as the judge: the same bytes, but for its header of 32 bytes, on every corpus module.

A sample of each kernel by default, all 10,689 modules with BTFKIT_EXHAUSTIVE=1.
"""

from __future__ import annotations

import os
import random

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.passes.distill import distill
from needs import needs
from peer_tools import ToolError, bench, oracle

MODULES = ("6.12.107+deb13-amd64", "6.12.107+deb13-s390x", "7.2.13+deb14-amd64")
SAMPLE = 40


def chosen(kernel: str) -> dict[str, bytes]:
    """The modules to look at: a fixed random sample, or all."""
    modules = corpus.modules(kernel)
    if os.environ.get("BTFKIT_EXHAUSTIVE"):
        return modules
    names = random.Random(kernel).sample(sorted(modules), SAMPLE)
    return {name: modules[name] for name in sorted(names)}


def body(blob: bytes) -> bytes:
    """What follows the header."""
    return blob[max(blob[4], blob[7]) :]


@needs("corpus", corpus.has_corpus())
@pytest.mark.parametrize("kernel", MODULES)
def test_byte_for_byte(kernel):
    base = Btf.from_bytes(corpus.kernel_btf(kernel))
    modules = chosen(kernel)
    with bench("btf-oracle") as b:
        folder = b.put_all("modules", {f"{name}.btf": data for name, data in modules.items()})
        os.mkdir(os.path.join(b.here, "out"))
        done = b.run(["distill-batch", b.put("base.btf", corpus.kernel_path(kernel)), folder, b.path("out")])
        assert done.returncode == 0, done.stderr
        theirs = {name: [b.get(f"out/{name}.btf.{part}") for part in ("base", "split")] for name in modules}
    for name, data in modules.items():
        ours = distill(Btf.from_bytes(data, base))
        assert body(ours.base.to_bytes()) == body(theirs[name][0]), name
        assert body(ours.btf.to_bytes()) == body(theirs[name][1]), name
        assert ours.base.byte_order == base.byte_order
        assert len(ours.base.to_bytes()) <= len(theirs[name][0])


def test_what_libbpf_refuses():
    """FORMAT 6.1: EINVAL for a tag on a function of the base, a section with its variable."""
    b = Builder()
    func = b.func("f", b.func_proto(b.int("int", 4)))
    var = b.var("v", 1)
    for write in (lambda s: s.decl_tag("bpf_kfunc", func), lambda s: s.datasec(".data", 4, [(var, 0, 4)])):
        s = Builder(b.build())
        write(s)
        with pytest.raises(ToolError):
            oracle("distill", {"s": s.to_bytes(), "b": b.to_bytes()}, "s", "b", "ob", "os", outputs=["ob", "os"])
        assert distill(s.build()).report.declarations
