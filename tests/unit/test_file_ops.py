"""Operations on files, from Python: one call each, typed records, and what is raised."""

from __future__ import annotations

import os

import pytest

import btfkit
from btfkit.file_ops.operation import DONE, FAILED
from btfkit.file_ops.record import Record
from small_modules import elf, kernel, ko, module


@pytest.fixture
def here(tmp_path, monkeypatch):
    """`vmlinux`, `other` (another kernel), and a module of the first, `m.ko`."""
    monkeypatch.chdir(tmp_path)
    base = kernel()
    (tmp_path / "vmlinux").write_bytes(base.to_bytes())
    (tmp_path / "other").write_bytes(kernel(filler=3).to_bytes())
    (tmp_path / "m.ko").write_bytes(ko(module(base), base, ids=True))
    return tmp_path


def test_distill_and_reconcile(here) -> None:
    record = btfkit.distill_file("m.ko", "vmlinux", "deep/er/m.ko")
    assert (record.path, record.output, record.base_types, record.signature_stripped) == (
        "m.ko",
        "deep/er/m.ko",
        4,
        False,
    )
    assert record.base_output is None
    assert "base_output" not in record.as_json()
    done = btfkit.reconcile_file("deep/er/m.ko", "other", in_place=True)
    assert done.other_rules.fits
    assert btfkit.open("deep/er/m.ko").base is None
    with pytest.raises(btfkit.NotFoundError, match=r"no \.BTF\.base section"):
        btfkit.reconcile_file("deep/er/m.ko", "other", in_place=True)


def test_distilled_already(here) -> None:
    with pytest.raises(ValueError, match="in_place=True"):
        btfkit.distill_file("m.ko", "vmlinux")
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True) is not None
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True) is None  # in place there is nothing to do
    record = btfkit.distill_file("m.ko", "vmlinux", "o.ko")
    assert record.was_distilled == ".BTF.base"
    assert (here / "o.ko").read_bytes() == (here / "m.ko").read_bytes()


def test_distilled_already_by_another_policy(here) -> None:
    """As after kbuild's distill: the module is put on its vmlinux, and gets the base that was asked for."""
    btfkit.distill_file("m.ko", "vmlinux", "direct.ko", policy="by-value")
    btfkit.distill_file("m.ko", "vmlinux", "full.ko", policy="full")
    btfkit.distill_file("m.ko", "vmlinux", in_place=True)
    small = (here / "m.ko").read_bytes()
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True, policy="by-value") is not None
    assert base_and_types("m.ko") == base_and_types("direct.ko")
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True, policy="by-value") is None
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True, policy="full") is not None
    assert btfkit.open("m.ko").elf.section(".BTF.base") is None  # the other one replaces it
    assert base_and_types("m.ko") == base_and_types("full.ko")
    assert btfkit.distill_file("m.ko", "vmlinux", in_place=True) is not None
    assert base_and_types("m.ko") == base_and_types(small)
    (here / "small").write_bytes(kernel(mutex=24).to_bytes())
    with pytest.raises(btfkit.ReconcileError, match="mutex"):
        btfkit.distill_file("m.ko", "small", "o.ko", policy="by-value")


def base_and_types(path):
    """The section of the base, and the types of the base and of the module as text."""
    file = btfkit.open(path)
    return file.base_section, str(btfkit.dump(file.btf())), str(btfkit.dump(file.base))


def test_a_base_that_is_removed_is_reported(here) -> None:
    """dedup, sort and sanitize with a base put a distilled module on it."""
    btfkit.distill_file("m.ko", "vmlinux", in_place=True)
    for call in (
        btfkit.dedup_file,
        btfkit.sort_file,
        lambda path, base=None, output=None: btfkit.sanitize_file(path, "5.15", base, output),
    ):
        assert call("m.ko", "vmlinux", "o.ko").base_removed == ".BTF.base"
        assert btfkit.open("o.ko").base is None
        assert call("m.ko", output="o.ko").base_removed is None
        assert btfkit.open("o.ko").base is not None
    assert btfkit.dedup_file("m.ko", "vmlinux", "o.ko", distill=True).base_removed is None
    assert btfkit.open("o.ko").base is not None


def test_a_kernel_that_does_not_fit(here) -> None:
    btfkit.distill_file("m.ko", "vmlinux", in_place=True)
    (here / "small").write_bytes(kernel(mutex=24).to_bytes())
    with pytest.raises(btfkit.ReconcileError, match="mutex"):
        btfkit.reconcile_file("m.ko", "small", "o.ko")
    assert not os.path.exists("o.ko")


def test_raw_btf_has_its_base_in_a_file(here) -> None:
    (here / "m.btf").write_bytes(module(kernel()))
    record = btfkit.distill_file("m.btf", "vmlinux", "o.btf")
    assert record.base_output == "o.btf.base"
    assert btfkit.reconcile_file("o.btf", btfkit.load("other"), "there.btf").types == record.types + record.moved
    with pytest.raises(btfkit.UnsupportedError, match="no file name for the base"):
        btfkit.distill_file("m.btf", "vmlinux", "-")


def test_dedup_sort_and_sanitize(here) -> None:
    first = btfkit.dedup_file("m.ko", "vmlinux", "d.ko", distill=True)
    assert first.base_types == 4
    assert btfkit.open("d.ko").base is not None
    assert btfkit.dedup_file("m.ko", "vmlinux", in_place=True).merged == {}  # and the file stays as it is
    assert btfkit.sort_file("m.ko", "vmlinux", "s.ko").types == len(btfkit.load("m.ko", "vmlinux").positions)
    record = btfkit.sanitize_file("m.ko", "5.10", "vmlinux", "old.ko", base_output="old")
    assert record.refused == []
    assert btfkit.load("old.ko", "old").find("my_dev").size == 64
    with pytest.raises(btfkit.UnsupportedError):
        btfkit.sanitize_file("m.ko", "windows", in_place=True)


def test_several_become_one(here) -> None:
    joined = btfkit.dedup_files(["vmlinux", "other"], "both")
    assert joined.record.inputs == ["vmlinux", "other"]
    assert joined.record.types == len(btfkit.load("both").positions) < joined.record.types_before
    merged = btfkit.merge_files("vmlinux", ["m.ko"], "whole")
    assert (here / "whole").read_bytes() == merged.blob
    assert merged.paths == ["vmlinux", "m.ko"]
    with pytest.raises(btfkit.ChainError, match="vmlinux"):
        btfkit.merge_files("m.ko", [])


def test_extract(here) -> None:
    record = btfkit.extract_file("m.ko", "o.btf")
    assert (record.section, record.bytes) == (".BTF", os.path.getsize("o.btf"))
    with pytest.raises(btfkit.NotFoundError):
        btfkit.extract_file("m.ko", "o.btf", ".BTF.base")


def test_many(here) -> None:
    for number in range(12):
        (here / "in" / str(number)).mkdir(parents=True)
        (here / "in" / str(number) / "m.ko").write_bytes((here / "m.ko").read_bytes())
    (here / "in" / "bad.ko").write_bytes(b"no module")
    seen, steps = [], []
    tally = btfkit.on_files(
        btfkit.DistillFiles("vmlinux"),
        ["in"],
        "out",
        workers=2,
        on_result=seen.append,
        observe=lambda done, total: steps.append((done, total)),
    )
    assert (tally.count(DONE), tally.count(FAILED), tally.sum("base_types")) == (12, 1, 48)
    assert len(seen) == 13
    assert steps[-1] == (13, 13)
    assert [result.path for result in tally.of(FAILED)] == ["in/bad.ko"]
    assert btfkit.open("out/7/m.ko").base is not None
    with pytest.raises(ValueError, match="in place"):
        btfkit.on_files(btfkit.DistillFiles("vmlinux"), ["in"])


def test_a_kernel_with_its_modules(here) -> None:
    tally, record = btfkit.sort_kernel("vmlinux", ["m.ko"], "out")
    assert (tally.count(DONE), record.output) == (1, "out/vmlinux")
    assert btfkit.load("out/m.ko", "out/vmlinux").find("my_dev").size == 64


def test_a_module_without_btf(here, capsys) -> None:
    from btfkit.cli import main

    (here / "none.ko").write_bytes(elf({".text": b"x"}))
    assert main(["distill", "none.ko", "-B", "vmlinux", "-o", "o.ko"]) == 3  # nothing is there afterwards
    assert not os.path.exists("o.ko")
    assert main(["distill", "none.ko", "-B", "vmlinux", "--in-place"]) == 3  # one rule for all commands
    assert capsys.readouterr().err.count("none.ko") == 2


def test_records() -> None:
    class Point(Record):
        x: int
        y: int | None = None
        inner: list[Record] | None = None

    point = Point(x=1, inner=[Point(x=2)])
    assert point.as_json() == {"x": 1, "inner": [{"x": 2}]}
    assert repr(Point(x=3)) == "Point(x=3)"
    assert point == Point(x=1, inner=[Point(x=2)])
    assert point != Point(x=1)


@pytest.mark.parametrize("to", ["vmlinux", "m.ko", "hard"])
def test_an_input_is_not_overwritten(here, to) -> None:
    os.link("vmlinux", "hard")
    (here / "m.btf").write_bytes(module(kernel()))
    before = {path: path.read_bytes() for path in here.iterdir()}
    calls = [
        lambda: btfkit.distill_file("m.ko", "vmlinux", to),
        lambda: btfkit.distill_file("m.btf", "vmlinux", "o", base_output=to if to != "m.ko" else "m.btf"),
        lambda: btfkit.reconcile_file("m.ko", "vmlinux", to),
        lambda: btfkit.dedup_file("m.ko", "vmlinux", to),
        lambda: btfkit.dedup_files(["vmlinux", "m.ko"], to),
        lambda: btfkit.sort_file("m.ko", "vmlinux", to),
        lambda: btfkit.sanitize_file("m.ko", "5.10", "vmlinux", to),
        lambda: btfkit.sanitize_file("m.ko", "5.10", "vmlinux", "o", base_output=to),
        lambda: btfkit.merge_files("vmlinux", ["m.ko"], to),
        lambda: btfkit.extract_file("vmlinux" if to == "hard" else to, to),
        lambda: btfkit.on_files(btfkit.DistillFiles("vmlinux"), ["m.ko"], to),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(btfkit.UnsupportedError, match="would overwrite"):
            call()
        assert {path: path.read_bytes() for path in here.iterdir()} == before, number
