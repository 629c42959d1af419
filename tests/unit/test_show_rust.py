"""`show.rust`: definitions one by one. Compilers judge the layout in tests/peers/test_code_compiled.py."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import FormatError, NotFoundError
from btfkit.show import source
from btfkit.show.rust import rust_text
from code_types import hostile_types


def text(btf: Btf, ids=None, **options) -> str:
    return b"".join(rust_text(btf, ids, **options)).decode("ascii")


def body(btf: Btf, ids=None) -> str:
    """The definitions alone, without assertions."""
    lines = text(btf, ids).partition("macro_rules! __zeroed {")[2].splitlines()
    kept = [line for line in lines[10:] if "assert!" not in line and line not in ("const _: () = {", "};")]
    return "\n".join(kept).strip()


def test_struct() -> None:
    b = Builder()
    word, byte = b.int("unsigned int", 4), b.int("char", 1, encoding=spec.INT_SIGNED)
    far = b.struct("far", 4, [("x", word, 0)])
    near = b.typedef("near_t", b.struct("", 4, [("y", word, 0)]))
    own = b.struct("type", 32, [("fn", byte, 0), ("a", near, 32), ("b", b.ptr(b.const(far)), 64), ("", near, 128)])
    assert body(b.build(pointer_size=8), [own]) == (
        """
#[repr(C)]
pub struct far {
    _opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct near_t {
    pub y: u32,
}
__zeroed!(near_t);

/// BTF: struct type
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct r#type {
    pub r#fn: i8,
    pub _pad_1: [u8; 3],
    pub a: near_t,
    pub b: *const far,
    pub __anon_1: near_t,
    pub _pad_20: [u8; 12],
}
__zeroed!(r#type);
""".strip()
    )


def test_assertions() -> None:
    b = Builder()
    own = b.struct("own", 7, [("a", b.int("u16", 2), 8), ("b", 1, 32)])
    shown = text(b.build(), [own])
    assert "#[repr(C, packed)]" in shown
    for fact in (
        "size_of::<own>() == 7",
        "align_of::<own>() == 1",
        "offset_of!(own, a) == 1",
        "offset_of!(own, b) == 4",
    ):
        assert f"    assert!(::core::mem::{fact});\n" in shown


@pytest.mark.parametrize(
    ("size", "members", "expected"),
    [
        (16, [("a", 1, 0), ("b", 2, 64)], "repr(C)"),
        (12, [("a", 1, 0), ("b", 2, 32)], "repr(C, packed(4))"),
        (10, [("a", 1, 0), ("b", 2, 16)], "repr(C, packed(2))"),
        (9, [("b", 2, 0)], "repr(C, packed)"),
        (12, [("b", 2, 0)], "repr(C, packed(4))"),
    ],
)
def test_packed(size: int, members, expected: str) -> None:
    b = Builder()
    b.int("u16", 2)
    b.int("u64", 8)
    own = b.struct("own", size, members)
    assert f"#[{expected}]" in text(b.build(), [own])


def test_enums_are_numbers_with_names() -> None:
    b = Builder()
    signed = b.enum("color", [("red", -1), ("Self", 2), ("red", 3)])
    b.enum("", [("LOOSE", 7)])
    wide = b.enum64("wide", [("top", (1 << 64) - 1)])
    shown = body(b.build(), [signed, 2, wide])
    assert "pub struct color(pub i32);" in shown
    assert (
        "pub const red: Self = Self(-1);\n    pub const Self_: Self = Self(2);\n    pub const red___2: Self = Self(3);"
        in shown
    )
    assert "pub const LOOSE: u32 = 7;" in shown
    assert "pub struct wide(pub u64);" in shown
    assert "pub const top: Self = Self(18446744073709551615);" in shown


def test_typedefs() -> None:
    b = Builder()
    plain = b.int("unsigned char", 1)
    own = b.typedef("u8", b.typedef("__u8", plain))
    wrong = b.typedef("u16", plain)
    tag = b.struct("twin", 1, [("a", own, 0)])
    pointer = b.typedef("twin", b.ptr(tag))
    same = b.typedef("again", tag)
    shown = body(b.build(pointer_size=8), [own, wrong, tag, pointer, same])
    assert "pub type __u8 = u8;" in shown
    assert "pub type u8 " not in shown
    assert "/// BTF: typedef u16\npub type u16_ = u8;" in shown
    assert "/// BTF: typedef twin\npub type twin___2 = *mut twin;" in shown
    assert "pub type again = twin;" in shown


def test_functions() -> None:
    b = Builder()
    word = b.int("int", 4, encoding=spec.INT_SIGNED)
    proto = b.func_proto(word, [("self", b.ptr(0)), ("", b.ptr(b.const(word))), ("", 0)])
    named = b.typedef("proto_t", proto)
    own = b.struct("calls", 16, [("a", b.ptr(proto), 0), ("b", b.ptr(named), 64)])
    shown = body(b.build(pointer_size=8), [own])
    function = 'unsafe extern "C" fn(self_: *mut ::core::ffi::c_void, _: *const i32, ...) -> i32'
    assert f"pub type proto_t = {function};" in shown
    assert f"pub a: ::core::option::Option<{function}>," in shown
    assert "pub b: ::core::option::Option<proto_t>," in shown


def test_a_definition_and_its_declaration_are_one() -> None:
    b = Builder()
    word = b.int("int", 4)
    fwd, own = b.fwd("node"), b.struct("node", 8, [("x", word, 0)])
    user = b.struct("user", 16, [("a", b.ptr(fwd), 0), ("b", b.ptr(own), 64)])
    shown = body(b.build(pointer_size=8), [own, user])
    assert shown.count("pub struct node") == 1
    assert shown.count("*mut node,") == 2


def test_hostile_names_stay_within_their_lines() -> None:
    shown = text(hostile_types())
    assert all(ord(c) < 127 and (c >= " " or c == "\n") for c in shown)
    assert "/// BTF: struct */ int x; /*" in shown
    assert "\nint x" not in shown


def test_members_on_each_other_are_named() -> None:
    b = Builder()
    word = b.int("int", 4)
    own = b.struct("own", 8, [("a", word, 0), ("b", word, 16)])
    assert "    // b: at byte 2, on other members\n" in text(b.build(), [own])


@pytest.mark.parametrize("size", [1, 1000])
def test_any_chunk_gives_the_same_text(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    whole = text(hostile_types())
    monkeypatch.setattr(source, "CHUNK", size)
    assert text(hostile_types()) == whole


def test_what_has_no_definition() -> None:
    b = Builder()
    own = b.struct("own", 4, [("self", 1, 0)])
    with pytest.raises(FormatError, match="contains itself"):
        text(b.build(), [own])
    with pytest.raises(NotFoundError):
        text(b.build(), [99])
    b = Builder()
    b.struct("short", 2, [("a", b.int("int", 4), 0)])
    with pytest.raises(FormatError, match="after the end at 2"):
        text(b.build())
    b = Builder()
    inner = b.int("int", 4)
    for _ in range(5000):
        inner = b.ptr(b.func_proto(inner))
    b.typedef("deep", inner)
    with pytest.raises(FormatError, match="damaged or hostile"):
        text(b.build())
