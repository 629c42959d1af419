"""`btfkit extract`: one file, and folders of modules."""

from __future__ import annotations

import json
import lzma
import os
import signal
import subprocess
import sys
import time

import pytest

from btfkit.btf.build import Builder
from btfkit.cli import extract, main
from needs import needs

ORDERS = ("little", "big")


def elf(sections: dict[str, bytes], order: str = "little") -> bytes:
    """A 64-bit ELF file with these sections, and no more."""
    names = b"\0" + b"\0".join(name.encode() for name in (*sections, ".shstrtab")) + b"\0"
    bodies = [*sections.values(), names]
    table = bytearray(64)
    at = 64
    for name, body in zip((*sections, ".shstrtab"), bodies, strict=True):
        fields = [(names.index(b"\0" + name.encode() + b"\0") + 1, 4), (3 if name == ".shstrtab" else 1, 4)]
        fields += [(0, 8), (0, 8), (at, 8), (len(body), 8), (0, 4), (0, 4), (1, 8), (0, 8)]
        table += b"".join(value.to_bytes(size, order) for value, size in fields)
        at += len(body)
    head = b"\x7fELF\2" + (b"\1" if order == "little" else b"\2") + b"\1" + bytes(9)
    fields = [(1, 2), (247, 2), (1, 4), (0, 8), (0, 8), (at, 8), (0, 4), (64, 2), (0, 2), (0, 2), (64, 2)]
    fields += [(len(bodies) + 1, 2), (len(bodies), 2)]
    return head + b"".join(value.to_bytes(size, order) for value, size in fields) + b"".join(bodies) + table


def split(order, name: str = "mine") -> bytes:
    base = Builder(order=order)
    base.int("int", 4)
    b = Builder(base.build())
    b.struct(name, 4, [("a", 1, 0)])
    return b.to_bytes()


@pytest.mark.parametrize("order", ORDERS)
def test_file(tmp_path, capfdbinary, order) -> None:
    blob = split(order)
    for name, content in {
        "a.ko": elf({".BTF": blob}, order),
        "a.ko.xz": lzma.compress(elf({".BTF": blob}, order)),
        "raw": blob,
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert main(["extract", str(path), "-o", str(tmp_path / "out")]) == 0
        assert (tmp_path / "out").read_bytes() == blob
        assert capfdbinary.readouterr().out == b""
        assert main(["extract", str(path), "-o", "-"]) == 0
        assert capfdbinary.readouterr().out == blob


def test_sections(tmp_path, capfdbinary) -> None:
    path = tmp_path / "a.ko"
    path.write_bytes(elf({".BTF": split("little"), ".BTF.ext": b"ext", ".BTF.base": b"junk", "other": b"content"}))
    for options, expected in ((["--ext"], b"ext"), (["--section", "other"], b"content")):
        assert main(["extract", str(path), "-o", "-", *options]) == 0
        assert capfdbinary.readouterr().out == expected
    assert main(["extract", str(path), "-o", "-", "--section", ".BTF.base"]) == 3
    assert main(["extract", str(path), "-o", "-", "--section", "nothing"]) == 3
    assert main(["extract", str(path), "-o", "-", "--section", "other", "--ext"]) == 2
    assert main(["extract", str(path)]) == 2
    assert main(["extract", str(path), str(path), "-o", "-"]) == 2
    assert main(["extract", str(tmp_path), "-o", "-"]) == 2


def test_file_json(tmp_path, capsys) -> None:
    path, out = tmp_path / "a", tmp_path / "out"
    path.write_bytes(split("little"))
    assert main(["extract", str(path), "-o", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "schema": 1,
        "path": str(path),
        "layers": ["raw"],
        "section": ".BTF",
        "output": str(out),
        "bytes": out.stat().st_size,
    }


def test_broken_file_leaves_the_old(tmp_path, capsys) -> None:
    path, out = tmp_path / "a", tmp_path / "out"
    path.write_bytes(split("little")[:-1])
    out.write_bytes(b"old")
    assert main(["extract", str(path), "-o", str(out)]) == 3
    assert out.read_bytes() == b"old"
    assert str(path) in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path):
    """Modules in several packings, one without BTF, two of one name, two broken ones."""
    blob = split("little")
    contents = {
        "kernel/net/nf-conntrack.ko": elf({".BTF": blob}),
        "kernel/fs/xfs.ko.xz": lzma.compress(elf({".BTF": blob})),
        "raw/plain": blob,
        "raw/other.btf": blob,
        "kernel/none.ko": elf({"text": b"x"}),
        "updates/xfs.ko": elf({".BTF": blob}),
        "kernel/text.ko": b"nothing of the kind\n",
        "kernel/cut.ko": elf({".BTF": blob[:-1]}),
        "modules.dep": b"kernel/fs/xfs.ko.xz:\n",
    }
    for name, content in contents.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"


@pytest.mark.parametrize("alone", [0, 100])
def test_folder(folder, tmp_path, capsys, monkeypatch, alone) -> None:
    monkeypatch.setattr(extract, "ALONE", alone)
    monkeypatch.setattr(extract, "BATCH", 2)
    out = tmp_path / "out"
    assert main(["extract", str(folder), "-o", str(out), "-j", "2"]) == 3
    assert sorted(os.listdir(out)) == ["nf_conntrack", "other", "plain", "xfs"]
    assert {path.read_bytes() for path in out.iterdir()} == {split("little")}
    text, err = capsys.readouterr()
    assert text == ""
    *errors, last = err.splitlines()
    assert sorted(error.split(": ")[1].split(",")[0].rsplit("/")[-1] for error in errors) == [
        "cut.ko",
        "text.ko",
        "xfs.ko",
    ]
    assert last == f"4 written to {out} (0.0 MB), 1 without .BTF, 3 failed"


def test_folder_json(folder, tmp_path, capsys) -> None:
    assert main(["extract", str(folder), "-o", str(tmp_path / "out"), "--json", "-q"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["written"], report["without"], report["bytes"]) == (
        1,
        4,
        1,
        4 * len(split("little")),
    )
    assert [os.path.basename(failed["path"]) for failed in report["failed"]] == ["cut.ko", "text.ko", "xfs.ko"]


def test_clean_folder(tmp_path, capsys) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(split("little"))
    assert main(["extract", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.startswith("1 written")
    assert main(["extract", str(tmp_path / "in"), "-q", "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "empty").mkdir()
    assert main(["extract", str(tmp_path / "empty"), "-o", str(tmp_path / "out2")]) == 3
    assert "empty: no modules found" in capsys.readouterr().err


def test_output_is_a_file(tmp_path, capsys) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").write_bytes(b"")
    assert main(["extract", str(tmp_path / "in"), "-o", str(tmp_path / "file")]) == 3
    assert str(tmp_path / "file") in capsys.readouterr().err


@needs("signals", os.name != "nt")
def test_interrupt_leaves_whole_files(tmp_path) -> None:
    blob = split("little", "n" * 100_000)
    (tmp_path / "in").mkdir()
    for number in range(2000):
        os.symlink("0", tmp_path / "in" / str(number)) if number else (tmp_path / "in" / "0").write_bytes(blob)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "btfkit", "extract", str(tmp_path / "in"), "-o", str(out), "-j2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (out.is_dir() and os.listdir(out)):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode in (3, 0)  # 0 where it was done already
    assert b"Traceback" not in err
    assert {path.stat().st_size for path in out.iterdir()} == {len(blob)}
    assert not [name for name in os.listdir(out) if name.startswith(".")]


def test_a_second_btf_is_reported(tmp_path, capfd) -> None:
    blob = split("little")
    (tmp_path / "linked.o").write_bytes(elf({".BTF": blob + blob}))
    assert main(["extract", str(tmp_path / "linked.o"), "-o", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().err.startswith(f"btfkit: {tmp_path}/linked.o: a second BTF follows the first in .BTF")
    assert (tmp_path / "out").read_bytes() == blob + blob
