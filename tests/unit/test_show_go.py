"""`show.go`: definitions one by one. Compilers judge the layout in tests/peers/test_code_compiled.py."""

from __future__ import annotations

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.show.go import go_text
from code_types import hostile_types


def text(btf: Btf, ids=None, **options) -> str:
    return b"".join(go_text(btf, ids, **options)).decode("ascii")


def body(btf: Btf, ids=None) -> str:
    """The definitions alone, without checks."""
    whole = text(btf, ids)
    kept = whole.partition("HostLayout{})]structs.HostLayout{}\n")[2].splitlines()
    return "\n".join(line for line in kept if not line.startswith("var _ [")).strip()


def test_struct() -> None:
    b = Builder()
    word, byte, wide = b.int("unsigned int", 4), b.int("char", 1, encoding=spec.INT_SIGNED), b.int("u64", 8)
    own = b.struct(
        "task_info", 36,
        [("type", byte, 0), ("on_cpu", b.typedef("count_t", word), 32), ("next", b.ptr(0), 64), ("__odd", wide, 224),
         ("tail", b.array(wide, word, 0), 288)],
    )  # fmt: skip
    assert body(b.build(pointer_size=8), [own]) == (
        """
// CountT is typedef count_t.
type CountT = uint32

// TaskInfo is struct task_info.
// Next is uint64, not aligned.
// Odd is uint64, not aligned.
// tail, [0]uint64, begins at byte 36.
type TaskInfo struct {
	_     structs.HostLayout
	Type  int8
	_     [3]byte
	OnCpu CountT
	Next  [8]byte
	_     [12]byte
	Odd   [8]byte
}
""".strip()
    )


def test_checks() -> None:
    b = Builder()
    own = b.struct("own", 8, [("a", b.int("u32", 4), 32)])
    shown = text(b.build(), [own], package="kernel")
    assert "\npackage kernel\n" in shown
    assert "var _ [8]struct{} = [unsafe.Sizeof(Own{})]struct{}{}\n" in shown
    assert "var _ [4]struct{} = [unsafe.Offsetof(Own{}.A)]struct{}{}\n" in shown


def test_enums() -> None:
    b = Builder()
    signed = b.enum("color", [("RED", -1), ("dark_blue", 2)])
    b.enum("", [("LOOSE_END", 7)])
    wide = b.enum64("wide", [("top", (1 << 64) - 1)])
    shown = body(b.build(), [signed, 2, wide])
    assert "type Color int32\n\nconst (\n\tColorRED       Color = -1\n\tColorDark_blue Color = 2\n)" in shown
    assert "\tLOOSE_END uint32 = 7" in shown
    assert "\tWideTop Wide = 18446744073709551615" in shown


def test_union() -> None:
    b = Builder()
    own = b.union("u", 8, [("a", b.int("u64", 8), 0), ("low", b.int("u32", 4), 0, 3)])
    shown = body(b.build(), [own])
    assert "type U struct {\n\t_   structs.HostLayout\n\t_   [0]uint64\n\tRaw [8]byte\n}" in shown
    assert "func (u *U) A() *uint64 {" in shown
    assert "func (s *U) Low() uint32 {\n\treturn uint32(bitsOf(s.Raw[:], 0, 3))\n}" in shown
    assert "func (s *U) SetLow(value uint32) {" in shown


def test_the_byte_order_is_a_constraint() -> None:
    for order, machine in ("little", "amd64"), ("big", "s390x"):
        line = next(one for one in text(Builder(order=order).build()).splitlines() if one.startswith("//go:build"))
        assert machine in line.split()


def test_hostile_names() -> None:
    shown = text(hostile_types())
    assert all(ord(c) < 127 and (c >= " " or c in "\n\t") for c in shown)
    assert "is struct */ int x; /*." in shown


@pytest.mark.parametrize("name", ["9", "func", "a-b", "_", "\u00e9", "a b"])
def test_no_package(name: str, tmp_path) -> None:
    with pytest.raises(ValueError, match="package"):
        btfkit.dump(Builder().build(), "go", package=name)
    (tmp_path / "vmlinux").write_bytes(Builder().to_bytes())
    assert main(["dump", str(tmp_path / "vmlinux"), "go", "--package", name]) == 2
    assert main(["dump", str(tmp_path / "vmlinux"), "rust", "--package", "fine"]) == 2
    assert main(["dump", str(tmp_path / "vmlinux"), "go", "--package", "fine", "-o", str(tmp_path / "out")]) == 0
