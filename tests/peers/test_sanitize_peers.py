"""The real bpftools of Debian 11 (5.10) and 12 (6.1, libbpf 1.1) read what was sanitized for them, and the same types in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

import corpus
from btfkit.btf.btf import Btf
from btfkit.passes.features import Target
from btfkit.passes.sanitize import sanitize
from btfkit.show.raw import raw_text
from needs import needs
from peer_tools import OLD_BPFTOOLS, ToolError, bench, bpftool_dump_raw, require_peer
from strategies import btfs

HEAD = re.compile(r"\[\d+\] .*")
OLD = sorted(OLD_BPFTOOLS)
KERNELS = ("6.12.107+deb13-amd64", "7.2.13+deb14-amd64", "6.12.107+deb13-s390x")


def heads(text: str) -> list[str]:
    """The line of each type as 5.10 has it: the sign of an ENUM is said since 7.0, "global-alloc" was "global"."""
    lines = HEAD.findall(text.replace("linkage=global-alloc", "linkage=global"))
    return [re.sub(r"( ENUM .*) encoding=\w+", r"\1", line) for line in lines]


def ours(btf: Btf) -> list[str]:
    return heads(b"".join(raw_text(btf)).decode(errors="surrogateescape"))


@needs("corpus", corpus.has_corpus())
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("tool", OLD)
def test_a_kernel(tool, kernel):
    require_peer(tool)
    btf = Btf.from_bytes(corpus.kernel_btf(kernel))
    if tool == "bpftool-bullseye":
        with pytest.raises(ToolError):
            bpftool_dump_raw(corpus.kernel_path(kernel), tool=tool)
    result = sanitize(btf, Target(OLD_BPFTOOLS[tool]).missing())
    assert heads(bpftool_dump_raw(result.btf.to_bytes(), tool=tool)) == ours(result.btf)
    assert "struct task_struct {" in bpftool_dump_raw(result.btf.to_bytes(), tool=tool, format="c")


@pytest.mark.parametrize("tool", OLD)
def test_anything(tool):
    """Random BTFs of either byte order, many in one file's lifetime."""
    require_peer(tool)
    missing = Target(OLD_BPFTOOLS[tool]).missing()
    with bench(tool) as b:

        @settings(max_examples=40)
        @given(btfs(max_types=15))
        def check(btf):
            result = sanitize(btf, missing)
            done = b.run(["btf", "dump", "file", b.put("in.btf", result.btf.to_bytes())])
            assert done.returncode == 0, done.stderr
            assert heads(done.stdout.decode(errors="surrogateescape")) == ours(result.btf)

        check()


@needs("corpus", corpus.has_corpus())
def test_modules():
    """bpftool takes a base since 5.11."""
    require_peer("bpftool-bookworm")
    kernel = "7.2.13+deb14-amd64"
    base = sanitize(Btf.from_bytes(corpus.kernel_btf(kernel)), Target("bpftool:7.1").missing())
    modules = corpus.modules(kernel)
    for name in ("ext4", "nf_tables"):
        result = sanitize(Btf.from_bytes(modules[name], base.of), Target("bpftool:7.1").missing(), base=base)
        text = bpftool_dump_raw(result.btf.to_bytes(), base.btf.to_bytes(), tool="bpftool-bookworm")
        assert heads(text) == ours(result.btf)
