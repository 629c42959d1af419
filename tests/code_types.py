"""Types that no language but C can declare as they are, for tests of source code."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from hostile import NAMES


def hostile_types() -> Btf:
    """Names that no language allows, keywords, names that come again, types of other languages, members on each other."""
    b = Builder()
    byte, word = b.int("u8", 1), b.int("u32", 4)
    wide, odd = b.int("__int128", 16, encoding=1), b.int("three", 3)
    words = [
        *(
            "type",
            "self",
            "Self",
            "super",
            "crate",
            "match",
            "fn",
            "u8",
            "usize",
            "bool",
            "Option",
            "func",
            "range",
            "map",
            "gen",
        ),
        *("_", "int", "string", "error", "9", "init"),
    ]
    for number, name in enumerate([*NAMES, *words]):
        b.struct(name, 8, [(name, word, 0), (name, byte, 32), ("_pad_5", byte, 48)])
        b.union(name, 4, [(name, word, 0), (name, word, 0, 3)]) if number % 3 else b.fwd(name)
        b.typedef(name, b.ptr(b.typedef(name, word)))
        b.enum(name, [(name, number), (name, 1)], signed=number % 2 == 1)
        b.typedef(name, b.struct("", 4, [("", b.struct("", 4, [("x", word, 0)]), 0)]))
    b.enum("", [("type", 1), ("type", 2), ("A B", 3)])
    b.enum("tiny", [("fits", 255), ("not", 256)], size=1)
    b.struct("overlaid", 8, [("a", word, 0), ("b", word, 16), ("c", byte, 56)])
    b.struct("reordered", 8, [("a", byte, 32), ("b", word, 0)])
    b.struct("numbers", 64, [("w", wide, 64), ("o", odd, 192), ("p", b.ptr(wide), 256)])
    b.struct("empty", 0, [])
    b.union("nothing", 0, [])
    b.struct("long_bits", 32, [("a", wide, 0, 100), ("b", wide, 128, 70), ("c", word, 198, 31)])
    proto = b.func_proto(word, [("self", b.ptr(b.const(byte))), ("", word), ("", 0)])
    b.typedef("callback", b.ptr(b.typedef("proto", proto)))
    b.typedef("plain", b.ptr(b.func_proto(0, [])))
    b.struct("calls", 16, [("type", b.next_id - 1, 0), ("fn", b.ptr(proto), 64)])
    b.struct("tail", 4, [("n", word, 0), ("data", b.array(b.ptr(0), word, 0), 32)])
    b.struct("pointed", 8, [("inner", b.ptr(b.struct("", 4, [("x", word, 0)])), 0)])
    return b.build(pointer_size=8)
