"""Bad input of `distill`, `reconcile` and `explain`, point by point: a clear line, exit status 3 (explain: an answer), and
nothing written."""

from __future__ import annotations

import os
import struct

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.files.elf import Elf
from btfkit.passes.distill import distill
from small_modules import elf, kernel, ko, module


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def distilled_ko(order="little", bits=64, policy="distilled", **more) -> bytes:
    base = kernel(order, bits=bits)
    small = distill(Btf.from_bytes(module(base), base), policy)
    return elf(
        {".text": b"\xcc" * 13, ".BTF": small.btf.to_bytes(), ".BTF.base": small.base.to_bytes()}, order, bits, **more
    )


def refused(capsys, *argv: str, writes: str) -> str:
    """The one line that a refused command says; checks that it wrote nothing."""
    before = os.path.getsize(argv[1])
    assert main([*argv, "-o", writes]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert not os.path.exists(writes)
    assert os.path.getsize(argv[1]) == before
    first, *_ = err.splitlines()
    assert first.startswith("btfkit: "), err
    return first


@pytest.mark.parametrize(("mine", "theirs"), [("little", "big"), ("big", "little")])
def test_another_byte_order(tmp_path, capsys, mine, theirs) -> None:
    vmlinux, out = put(tmp_path / "vmlinux", kernel(theirs).to_bytes()), str(tmp_path / "out")
    plain = put(tmp_path / "plain.ko", ko(module(kernel(mine)), kernel(mine), mine))
    line = refused(capsys, "distill", plain, "-B", vmlinux, writes=out)
    assert f"{mine}-endian" in line
    assert f"{theirs}-endian" in line
    line = refused(capsys, "reconcile", put(tmp_path / "d.ko", distilled_ko(mine)), "-B", vmlinux, writes=out)
    assert "the new base is of the other byte order: another machine's kernel" in line
    for path in (plain, str(tmp_path / "d.ko")):
        assert main(["explain", path, "-B", vmlinux]) == 1
        assert "another machine" in capsys.readouterr().out


def test_another_pointer_size(tmp_path, capsys) -> None:
    vmlinux = put(tmp_path / "vmlinux", kernel(bits=32).to_bytes())
    path = put(tmp_path / "m.ko", distilled_ko(bits=64))
    line = refused(capsys, "reconcile", path, "-B", vmlinux, writes=str(tmp_path / "out"))
    assert "pointers of another size" in line


NO_BASES = {
    "junk": (b"junk", "not BTF: begins with 6a 75, expected 9f eb or eb 9f"),
    "empty": (b"", "not BTF: begins with nothing"),
    "zeros": (bytes(64), "begins with 00 00"),
    "vmlinux": (kernel().to_bytes(), "not a distilled one"),
    "split": (module(kernel()), "needs its base|split BTF"),
    "truncated": (distill(Btf.from_bytes(module(kernel()), kernel())).base.to_bytes()[:-7], "truncated|end"),
}


@pytest.mark.parametrize("name", NO_BASES)
def test_a_distilled_base_that_is_none(tmp_path, capsys, name) -> None:
    """Messages name the section, so that nobody looks for the mistake in vmlinux."""
    import re

    base = kernel()
    data, said = NO_BASES[name]
    split = distill(Btf.from_bytes(module(base), base)).btf.to_bytes()
    b = Builder(base)
    b.struct("mine", 8, [("p", 3, 0)])  # on a type without a name, so that vmlinux itself is seen not to be distilled
    path = put(tmp_path / "m.ko", elf({".BTF": b.to_bytes() if name == "vmlinux" else split, ".BTF.base": data}))
    vmlinux = put(tmp_path / "vmlinux", kernel(filler=2).to_bytes())
    line = refused(capsys, "reconcile", path, "-B", vmlinux, writes=str(tmp_path / "out"))
    assert re.search(said, line), line
    assert name == "vmlinux" or ".BTF.base" in line
    assert main(["explain", path, "-B", vmlinux]) == 1
    assert "NO" in capsys.readouterr().out


@pytest.mark.parametrize("align", [0, 1, 3, 7, 4096])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["little", "big"])
def test_elf_of_either_class_and_any_alignment(tmp_path, capsys, order, bits, align) -> None:
    """No room between sections, `.BTF` at odd places, alignments that are none: all else stays where it was, to the byte."""
    base = kernel(order, bits=bits)
    data = ko(module(base), base, order, bits, align=align)
    path, vmlinux = put(tmp_path / "m.ko", data), put(tmp_path / "vmlinux", base.to_bytes())
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 0
    then, now = Elf(data), Elf((tmp_path / "m.ko").read_bytes())
    for section in then.sections:
        if section.name not in (".BTF", ".shstrtab", ""):
            other = now.section(section.name)
            assert other is not None
            assert (other.offset, now.data(other)) == (section.offset, then.data(section)), section.name
    assert now.bits == bits
    target = put(tmp_path / "new", kernel(order, bits=bits, filler=3).to_bytes())
    assert main(["reconcile", path, "-B", target, "--in-place"]) == 0
    there = btfkit.load(path, target)
    assert there.find("my_dev").members[0].type.name == "mutex"
    assert Elf((tmp_path / "m.ko").read_bytes()).section(".BTF.base") is None
    capsys.readouterr()


@pytest.mark.parametrize(("at", "value"), [(0x28, 1 << 40), (0x28, 3), (0x3A, 7), (0x3C, 0xFFF0), (0x3E, 0xFFF0)])
def test_an_elf_header_that_lies(tmp_path, capsys, at, value) -> None:
    """Section headers beyond the end, within the header, of a wrong size, without number; names that are nowhere."""
    base = kernel()
    data = bytearray(ko(module(base), base))
    struct.pack_into("<Q" if at == 0x28 else "<H", data, at, value)
    path, vmlinux = put(tmp_path / "m.ko", bytes(data)), put(tmp_path / "vmlinux", base.to_bytes())
    assert "m.ko" in refused(capsys, "distill", path, "-B", vmlinux, writes=str(tmp_path / "out"))


def test_dangling_links(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    put(tmp_path / "tree/good.ko", ko(module(base), base))
    os.symlink("nowhere.ko", tmp_path / "tree/dangling.ko")
    os.symlink("loop.ko", tmp_path / "tree/loop.ko")
    os.symlink(".", tmp_path / "tree/round")
    os.symlink("nowhere", tmp_path / "tree/build")
    assert main(["distill", str(tmp_path / "tree"), "-B", vmlinux, "-o", str(tmp_path / "out")]) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["good.ko"]
    capsys.readouterr()
    for command in ("distill", "reconcile", "explain"):
        for name in ("dangling.ko", "loop.ko"):
            argv = [command, str(tmp_path / "tree" / name), "-B", vmlinux]
            assert main(argv if command == "explain" else [*argv, "-o", str(tmp_path / "x")]) == 3
            said = capsys.readouterr().err
            assert name in said
            assert ("No such file" if name == "dangling.ko" else "symbolic link") in said


def odd_module(base: Btf) -> bytes:
    b = Builder(base)
    mutex = base.find_id("struct mutex")
    b.struct("odd\x1b[31m\udcff\nname", 32, [("mem\x07ber", mutex, 0)])
    return b.to_bytes()


def test_names_with_odd_bytes(tmp_path, capsys) -> None:
    """They stay what they are in the files, and come to no terminal."""
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m\x1b\udcff\n.ko", ko(odd_module(base), base))
    assert main(["distill", path, "-B", vmlinux, "--in-place"]) == 0
    assert btfkit.load(path).find("odd\x1b[31m\udcff\nname").members[0].name == "mem\x07ber"
    said = capsys.readouterr().err
    target = put(tmp_path / "new", kernel(mutex=48).to_bytes())
    assert main(["reconcile", path, "-B", target, "--in-place"]) == 3
    said += capsys.readouterr().err
    assert "odd\\x1b[31m\\xff\\nname.mem\\x07ber" in said
    assert main(["explain", path, "-B", target]) == 1
    out, err = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in said + out + err)
    assert main(["explain", path, "-B", target, "--json"]) == 1
    capsys.readouterr().out.encode()
