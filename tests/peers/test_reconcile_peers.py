"""libbpf's btf__relocate as the judge of the rules "upstream": the matrix, and every corpus module onto other kernels.

A sample by default, all modules of three kernels (10,689) with BTFKIT_EXHAUSTIVE=1.
"""

from __future__ import annotations

import json
import os

import pytest
from test_distill_peers import chosen

import corpus
from btfkit.btf.btf import Btf
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import NameIndex, ReconcileError, reconcile
from needs import needs
from peer_tools import ToolError, bench, oracle
from reconcile_cases import CASES, case

KERNEL = "6.12.107+deb13-amd64"
TOUCHY = ("amdgpu", "cfg80211", "mac80211", "ath6kl_core", "xfs", "nf_conntrack")


@pytest.mark.parametrize(("distilled", "how", "new", "upstream", "strict"), CASES)
def test_the_matrix(distilled, how, new, upstream, strict):
    split, target, ids = case(distilled, how, new, "little")
    files = {"s": split.to_bytes(), "d": split.base.to_bytes(), "n": target.to_bytes()}
    try:
        _, out = oracle("relocate", files, "s", "d", "n", "out", outputs=["out"])
    except ToolError:
        assert isinstance(upstream, str)
        return
    assert isinstance(upstream, int)
    result = reconcile(split, target, "upstream")
    assert result.btf.to_bytes() == out["out"]
    assert result.ids[1] == ids[upstream]


@needs("corpus", corpus.has_corpus())
@pytest.mark.parametrize(
    ("kernel", "onto"),
    [
        (KERNEL, "6.12.94+deb13-amd64"),
        (KERNEL, "6.1.0-47-amd64"),
        (KERNEL, "7.2.13+deb14-amd64"),
        (KERNEL, KERNEL),
        ("7.2.13+deb14-amd64", KERNEL),
        ("7.2.13+deb14-amd64", "7.2.13+deb14-amd64"),
        ("6.12.107+deb13-s390x", "6.12.107+deb13-s390x"),
    ],
)
def test_modules(kernel, onto):
    base = Btf.from_bytes(corpus.kernel_btf(kernel))
    index = NameIndex(Btf.from_bytes(corpus.kernel_btf(onto)))
    modules = chosen(kernel) | {name: data for name, data in corpus.modules(kernel).items() if name in TOUCHY}
    small = {name: distill(Btf.from_bytes(data, base)).btf for name, data in modules.items()}
    with bench("btf-oracle") as b:
        files = {}
        for name, btf in small.items():
            files |= {f"{name}.base": btf.base.to_bytes(), f"{name}.split": btf.to_bytes()}
        folder = b.put_all("distilled", files)
        os.mkdir(os.path.join(b.here, "out"))
        done = b.run(["relocate-batch", folder, b.put("new.btf", corpus.kernel_path(onto)), b.path("out")], 600)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        failed = {event["name"] for event in events if event["ev"] == "relocate-failed"}
        assert events[-1]["ev"] == "relocate-batch"
        theirs = {name: b.get(f"out/{name}") for name in small}
    for name, btf in small.items():
        try:
            ours = reconcile(btf, index, "upstream").btf.to_bytes()
        except ReconcileError:
            assert name in failed
            continue
        assert name not in failed
        assert ours == theirs[name], name
        try:
            strict = reconcile(btf, index)
        except ReconcileError:
            assert kernel != KERNEL  # by-value use in variables and prototypes, which upstream does not see
            continue
        if not strict.report.carried:
            assert strict.btf.to_bytes() == ours, name
        assert compare(btf, strict.btf)
