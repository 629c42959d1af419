"""Types in words: C, and the labels of messages."""

from __future__ import annotations

from btfkit.btf.build import Builder
from btfkit.btf.spelling import Spelling, keyword, label, label_of, spelled


def test_c() -> None:
    b = Builder()
    b.int("int", 4)
    b.int("char", 1)
    b.int("long", 8)
    b.ptr(0)
    s = b.struct("s", 4, [])
    callback = b.func_proto(1, [("", b.ptr(s)), ("count", 3), ("", 0)])
    cases = {
        b.ptr(b.const(2)): "const char *",
        b.const(b.ptr(2)): "char *const",
        b.ptr(b.ptr(s)): "struct s **",
        b.array(b.array(1, 1, 3), 1, 2): "int [2][3]",
        b.ptr(b.array(1, 1, 3)): "int (*)[3]",
        b.array(b.ptr(1), 1, 3): "int *[3]",
        b.array(2, 1, 0): "char []",
        b.ptr(callback): "int (*)(struct s *, long count, ...)",
        callback: "int (struct s *, long count, ...)",
        b.ptr(b.func_proto(0)): "void (*)(void)",
        b.ptr(b.func_proto(b.ptr(callback))): "int (*(*)(void))(struct s *, long count, ...)",
        b.ptr(b.volatile(b.const(1))): "volatile const int *",
        b.struct("", 4, []): "struct {…}",
        b.ptr(b.fwd("w", union=True)): "union w *",
        b.typedef("t", 1): "t",
        b.enum("e", [("A", 1)]): "enum e",
        b.ptr(b.type_tag("user", 2)): "char *",
        0: "void",
        4: "void *",
    }
    names = Spelling(b.build())
    assert {type_id: names[type_id] for type_id in cases} == cases
    assert names.declare(b.next_id - 1, "x") == "char *x"


def test_labels_and_declarations() -> None:
    b = Builder()
    i = b.int("int", 4)
    s = b.struct("s", 4, [("a", i, 0)])
    func = b.func("f", b.func_proto(i, [("x", b.ptr(s))]))
    var = b.var("v\n", b.array(i, i, 2))
    cases = {
        0: ("void", "void", ""),
        i: ("int", "int", ""),
        s: ("struct s", "struct s", "struct"),
        func: ("function f", "int f(struct s *x)", ""),
        var: ("variable v\\n", "int v\\n[2]", ""),
        b.ptr(i): ("pointer type {}", "int *", ""),
        b.typedef("t", i): ("typedef t", "t", ""),
        b.union("", 4): ("anonymous union type {}", "union {…}", "union"),
        b.enum("", []): ("anonymous enum type {}", "enum {…}", "enum"),
        b.enum64("e", []): ("enum e", "enum e", "enum"),
        b.fwd("w", union=True): ("declaration of union w", "union w", "union"),
        b.func_proto(0): ("prototype type {}", "void (void)", ""),
        b.datasec(".data", 8, [(var, 0, 8)]): ("section .data", "section .data", ""),
        b.decl_tag("kfunc", func): ("declaration tag kfunc", "declaration tag kfunc", ""),
    }
    btf = b.build()
    for type_id, (short, c, word) in cases.items():
        assert (label(btf, type_id), spelled(btf, type_id), keyword(btf, type_id)) == (short.format(type_id), c, word)


def test_the_label_of_a_very_long_name() -> None:
    """n names that are the ends of one long string would give n * n characters of messages."""
    assert label_of(4, "x" * 511, 1) == "struct " + "x" * 511
    assert label_of(4, "x" * 1601, 1) == "struct " + "x" * 60 + "\N{HORIZONTAL ELLIPSIS} (1,601 characters)"
