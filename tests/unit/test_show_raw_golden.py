"""The raw text of one BTF with everything in it, and of a split on top, in both byte orders."""

from __future__ import annotations

import pytest

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.show.raw import raw_text


def everything(order) -> Btf:
    b = Builder(order=order)
    i = b.int("int", 4, encoding=1)
    b.int("char", 1, encoding=2)
    b.int("_Bool", 1, encoding=4)
    u = b.int("unsigned int", 4)
    b.int("odd", 4, encoding=3, bits=5, bit_offset=2)
    p = b.ptr(0)
    a = b.array(i, u, 16)
    s = b.struct("s", 32, [("next", p, 0), ("list", a, 64), ("", i, 576)])
    b.struct("bits", 4, [("a", i, 0, 3), ("b", i, 3, 29), ("c", u, 32, 0)])
    b.union("u", 8, [("a", i, 0), ("b", p, 0)])
    b.struct("", 0)
    b.enum("unsigned_enum", [("A", 0), ("B", 0xFFFFFFFF)])
    b.enum("signed_enum", [("C", -1), ("D", 1)])
    b.enum("", [])
    b.enum64("big", [("E", 1 << 40), ("F", (1 << 64) - 1)])
    b.enum64("negative", [("G", -(1 << 40))])
    b.fwd("struct_fwd")
    b.fwd("union_fwd", union=True)
    b.typedef("s_t", s)
    b.volatile(b.const(b.restrict(p)))
    proto = b.func_proto(i, [("a", i), ("", 0)])
    b.func_proto(0)
    for linkage in range(4):
        b.func(f"f{linkage}", proto, linkage)
    variables = [b.var(f"v{linkage}", i, linkage) for linkage in range(4)]
    b.datasec(".data", 16, [(v, 4 * n, 4) for n, v in enumerate(variables)])
    b.float("double", 8)
    b.decl_tag("tag", s)
    b.decl_tag("tag", s, 2)
    b.decl_tag("attribute", s, attribute=True)
    b.type_tag("rcu", i)
    b.type_tag("attribute", i, attribute=True)
    return b.build()


@pytest.mark.parametrize("order", ["little", "big"])
def test_raw(order, golden) -> None:
    golden("raw.txt", b"".join(raw_text(everything(order))).decode())


@pytest.mark.parametrize("order", ["little", "big"])
def test_raw_split(order, golden) -> None:
    base = everything(order)
    b = Builder(base)
    s = base.find("struct s").id
    b.struct("mine", 40, [("s", s, 0), ("next", b.next_id + 1, 256)])
    v = b.var("own", b.ptr(b.next_id - 1))
    b.datasec(".data..percpu", 12, [(v, 0, 8), (base.find("v1").id, 8, 4), (0, 12, 0)])
    golden("raw_split.txt", b"".join(raw_text(b.build())).decode())
