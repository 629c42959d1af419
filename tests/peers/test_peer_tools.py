"""The harness itself: are the peers called right, and is what they say understood right?"""

from __future__ import annotations

import dataclasses
import os

import pytest
from cases import Case, Expected, cases, manifest, object_bytes, read_cell, target_bytes, write_cell
from libbpf_answers import KIND_NAMES, answers, isolate_relocation, records

import corpus
import peer_tools
from peer_tools import (
    ToolError,
    bench,
    bpftool_dump_raw,
    bpftool_min,
    find_peer,
    oracle,
    oracle_relo_log,
    oracle_relocate,
    pahole,
    require_peer,
)

OBJECTS = sorted(manifest()["objects"])


def target(name: str) -> bytes:
    return target_bytes(name)[0]


# ---- finding tools and running them


def test_absent_peer_skips_with_the_reason() -> None:
    assert find_peer("no-such-peer") is None
    with pytest.raises(pytest.skip.Exception, match=r"^no no-such-peer as a judge: run `make peers` as root$"):
        require_peer("no-such-peer")


def test_environment_names_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    peer_tools._find.cache_clear()
    monkeypatch.setenv("BTFKIT_BPFTOOL", "/bin/true")
    found = find_peer("bpftool")
    monkeypatch.setenv("BTFKIT_BPFTOOL", "/no/such/file")
    peer_tools._find.cache_clear()
    with pytest.raises(pytest.skip.Exception, match="cannot be run"):
        require_peer("bpftool")
    peer_tools._find.cache_clear()
    assert found is not None
    assert (found.path, found.root) == ("/bin/true", "")


def test_bench_is_removed() -> None:
    with bench("bpftool") as b:
        here = b.here
        assert b.put("a/b.btf", b"x").endswith("/a/b.btf")
        assert b.get("a/b.btf") == b"x"
        assert b.get("c") is None
    assert not os.path.exists(here)


def test_bpftool_dumps() -> None:
    base, modules = target_bytes("a.x86_64+modules")
    assert "STRUCT 'item' size=88" in bpftool_dump_raw(base)
    assert "STRUCT 'mod_only'" in bpftool_dump_raw(modules["mod_one"], base)
    assert "struct item {" in bpftool_dump_raw(base, format="c")
    with pytest.raises(ToolError, match="status"):
        bpftool_dump_raw(b"nonsense")


def test_bpftool_minimizes_or_says_why_not() -> None:
    small = bpftool_min(target("a.x86_64"), [object_bytes("fields.el"), object_bytes("bits.el")])
    assert isinstance(small, bytes)
    assert b"became_plain" in small
    refused = bpftool_min(target("dup.x86_64"), [object_bytes("ambiguous.el")])
    assert isinstance(refused, str)
    assert refused.startswith("status 234: ")
    assert "ambiguity" in refused


def test_pahole_prints_a_layout() -> None:
    assert "/* size: 88" in pahole(target("a.x86_64"), "-C", "item")


def test_oracle_on_whole_btfs() -> None:
    files = {"one": target("dup.x86_64"), "two": target("dup.x86_64")}
    events, outputs = oracle("dedup", files, "out", "one", "two", outputs=["out"])
    assert events
    out = outputs["out"]
    assert out is not None
    assert bpftool_dump_raw(out).count("STRUCT 'dup' ") == 2


def test_oracle_relocates() -> None:
    events = oracle_relocate(object_bytes("types.el"), [target("a.x86_64"), target("b.x86_64")])
    by_kind = {}
    for event in events:
        by_kind.setdefault(event["ev"], []).append(event)
    assert [e["ok"] for e in by_kind["prepare"]] == [True, True]
    assert by_kind["compare"][0]["btf"] == 1
    assert not by_kind["compare"][0]["equal"]
    assert len(by_kind["prog"]) == 2 * len(records(object_bytes("types.el")))


def test_relo_log_names_the_btf() -> None:
    events = oracle_relo_log({"x.bpf.o": object_bytes("types.el")}, [target("a.x86_64"), target("b.x86_64")])
    count = len(records(object_bytes("types.el")))
    assert [e["btf"] for e in events if e["ev"] == "relo"] == [0] * count + [1] * count


# ---- records and single relocations


@pytest.mark.parametrize("name", OBJECTS)
def test_records_are_those_that_libbpf_reads(name: str) -> None:
    events, _ = oracle("relos", {"x.bpf.o": object_bytes(name)}, "x.bpf.o")
    theirs = [
        (e["sec"], e["relo"], e["insn_off"], e["type_id"], e["access"], e["kind"])
        for e in events
        if e["ev"] == "record"
    ]
    ours = [
        (r.section, r.in_section, r.insn_off, r.type_id, r.access, KIND_NAMES[r.kind])
        for r in records(object_bytes(name))
    ]
    assert ours == theirs


@pytest.mark.parametrize("name", OBJECTS)
def test_isolated_relocation_is_the_only_one(name: str) -> None:
    data = object_bytes(name)
    for record in records(data):
        alone = isolate_relocation(data, record.number)
        assert len(alone) == len(data)
        (only,) = records(alone)
        assert only._replace(number=record.number, in_section=record.in_section, pos=record.pos) == record


@pytest.mark.parametrize("name", OBJECTS)
def test_libbpf_accepts_isolated_relocations(name: str) -> None:
    data = object_bytes(name)
    copies = {f"{r.number:04}.bpf.o": isolate_relocation(data, r.number) for r in records(data)}
    where = manifest()["objects"][name]["targets"][0]
    for event in oracle_relo_log(copies, [target(where)]):
        if event["ev"] == "summary":
            assert event["records"] == 1
            assert event["relos"] == 1 or "parsing [" in event["reason"]


# ---- the committed cases


def test_cases_cover_core() -> None:
    every = list(cases())
    assert {c.kind for c in every} == set(range(13))
    assert {c.expected.outcome for c in every} == {"value", "missing", "ambiguous", "error"}
    for order in ("el", "eb"):
        by = {(c.expected.by, c.kind) for c in every if c.object.endswith(order)}
        assert by >= {("offsetof", kind) for kind in (0, 1, 2, 3, 7, 8, 9, 10, 11)}
        assert by >= {("sample", kind) for kind in (0, 1, 3, 4, 5)}


@pytest.mark.parametrize("name", OBJECTS)
def test_cases_are_the_records_of_their_objects(name: str) -> None:
    for where in manifest()["objects"][name]["targets"]:
        listed = [(c.number, c.function, c.section, c.insn_off, c.kind, c.access) for c in cases(name, where)]
        assert listed == [
            (r.number, r.function, r.section, r.insn_off, r.kind, r.access) for r in records(object_bytes(name))
        ]


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5 c",
        "missing",
        "ambiguous t",
        "12 unfit",
        "16 c 8>4",
        "0 r libbpf:24",
        "7 c libbpf:error",
        f"{2**64 - 50} c",
    ],
)
def test_cell_round_trip(text: str) -> None:
    assert write_cell(read_cell(text)) == text


def test_cell_reads() -> None:
    assert read_cell("16 c 8>4 libbpf:error") == Expected("value", 16, "offsetof", False, (8, 4), "error")


@pytest.mark.parametrize("name", OBJECTS)
def test_committed_files_are_small(name: str) -> None:
    entry = manifest()["objects"][name]
    assert len(object_bytes(name)) < 20_000
    assert all(len(target(where)) < 20_000 for where in entry["targets"])


# ---- libbpf's answers


def libbpf_said(case: Case) -> Expected:
    """A case as libbpf answers it, errors included."""
    e = case.expected
    if not e.libbpf:
        return e
    value = int(e.libbpf) if e.libbpf.isdigit() else None
    return dataclasses.replace(e, outcome="value" if value is not None else e.libbpf, value=value)


@pytest.mark.parametrize("name", OBJECTS)
def test_libbpf_still_answers_as_recorded(name: str) -> None:
    data = object_bytes(name)
    for where in manifest()["objects"][name]["targets"]:
        btf, modules = target_bytes(where)
        if any(c.expected.by == "twin" for c in cases(name, where)):
            continue
        rows = answers({"x.bpf.o": data}, [btf], modules or None, alone="all")["x.bpf.o", 0]
        for case, row in zip(cases(name, where), rows, strict=True):
            e = libbpf_said(case)
            got = (
                row["outcome"],
                row["value"] if row["outcome"] == "value" else None,
                row["bad_mem_size"],
                row["mem_size"],
            )
            if row["doubt"] and not e.libbpf:
                assert row["value"] == e.value or e.by == "rule"
                continue
            assert got == (e.outcome, e.value, e.unfit, e.mem_size), (where, case)


def test_only_needed_relocations_are_asked_alone() -> None:
    """Asking only where the order or an early end could matter gives the same as asking each alone."""
    without = {"alone": 0, "in_object": None}  # what tells how it was asked
    for name in ("dups.el", "arrays.el", "enums.el", "insns.el"):
        btfs = [target(where) for where in manifest()["objects"][name]["targets"]]
        some = answers({"x.bpf.o": object_bytes(name)}, btfs)
        every = answers({"x.bpf.o": object_bytes(name)}, btfs, alone="all")
        for key, rows in some.items():
            for a, b in zip(rows, every[key], strict=True):
                assert {**a, **without} == {**b, **without}
            assert not any(row["outcome"] == "unseen" for row in rows)


@pytest.mark.parametrize("name", ["dups.el", "dups.eb"])
def test_order_matters_in_whole_objects(name: str) -> None:
    for where, differ in manifest()["objects"][name]["in_order"].items():
        rows = answers({"x.bpf.o": object_bytes(name)}, [target(where)], alone="never")["x.bpf.o", 0]
        alone = {c.number: c.expected for c in cases(name, where)}
        assert any(rows[int(n)]["outcome"] != alone[int(n)].outcome for n in differ)
        for number, cell in differ.items():
            e = read_cell(cell)
            assert (rows[int(number)]["outcome"], rows[int(number)]["value"]) == (e.outcome, e.value)


def test_libbpf_stops_at_the_first_failure() -> None:
    rows = answers({"x.bpf.o": object_bytes("ambiguous.el")}, [target("dup.x86_64")], alone="never")["x.bpf.o", 0]
    assert [r["outcome"] for r in rows] == ["ambiguous"] + ["unseen"] * (len(rows) - 1)


def test_answers_know_the_module() -> None:
    btf, modules = target_bytes("a.x86_64+modules")
    rows = answers({"x.bpf.o": object_bytes("module.el")}, [btf], modules)["x.bpf.o", 0]
    by_name = {r["function"]: r for r in rows}
    assert [c["in"] for c in by_name["item_i"]["candidates"]] == ["vmlinux"]
    assert [c["in"] for c in by_name["mod_m"]["candidates"]] == ["mod_one"]
    assert [c["in"] for c in by_name["two_a"]["candidates"]] == ["mod_one", "mod_two"]
    assert by_name["two_a"]["outcome"] == "ambiguous"


def test_failed_values_are_read_from_the_warnings() -> None:
    rows = answers({"x.bpf.o": object_bytes("insns.el")}, [target("a.x86_64")])["x.bpf.o", 0]
    far = next(r for r in rows if r["function"] == "far_read")
    assert (far["outcome"], far["value"]) == ("error", 50000)
    rows = answers({"x.bpf.o": object_bytes("enums.el")}, [target("a.x86_64")])["x.bpf.o", 0]
    top = next(r for r in rows if r["function"] == "val_uns_top")
    assert (top["outcome"], top["value"]) == ("error", 0xFFFFFFFF90000002)


# ---- the corpus


def test_absent_corpus_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTFKIT_CORPUS", "/no/such/folder")
    assert not corpus.has_corpus()
    with pytest.raises(pytest.skip.Exception, match=r"^no corpus .*: run `make corpus`"):
        corpus.require_corpus()


def test_corpus_unpacks() -> None:
    corpus.require_corpus()
    assert len(corpus.kernels()) > 3
    assert {corpus.kernel_arch(k) for k in corpus.kernels()} >= {"x86_64", "s390x"}
    little, big = "6.12.107+deb13-amd64", "6.12.107+deb13-s390x"
    assert corpus.kernel_btf(little)[:2] == b"\x9f\xeb"
    assert corpus.kernel_btf(big)[:2] == b"\xeb\x9f"
    assert len(corpus.modules(big)) > 2000
    assert len(corpus.objects()) > 70
    assert corpus.object_bytes("opensnoop-libbpf.bpf.o")[:4] == b"\x7fELF"


def test_libbpf_answers_real_objects() -> None:
    names = ["biosnoop-libbpf.bpf.o", "tcpconnect-libbpf.bpf.o", "runqslower-libbpf.bpf.o"]
    objects = {n: corpus.object_bytes(n) for n in names}
    kernels = [corpus.kernel_path(k) for k in ("6.12.107+deb13-amd64", "6.12.107+deb13-s390x")]
    found = answers(objects, kernels)
    assert set(found) == {(n, i) for n in names for i in range(2)}
    for (name, _), rows in found.items():
        assert [r["number"] for r in rows] == list(range(len(records(objects[name]))))
        assert all(r["outcome"] in ("value", "missing") for r in rows)
