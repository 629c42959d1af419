"""The kernel's rules, each with BTF that keeps it and BTF that breaks it, and the running kernel's word on the same bytes."""

from __future__ import annotations

import functools
import os
import re
from struct import pack

import pytest
from hypothesis import given, settings

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.header import NATIVE
from btfkit.errors import UnsupportedError
from btfkit.judges import load_kernel
from btfkit.judges.kernel import NEWEST, kernel_rules
from btfkit.judges.load_kernel import KernelVerdict, load_into_kernel
from needs import lacks
from strategies import btfs

OLDEST_TOLD = (6, 12)  # the rules of kernels before are not all told apart


@functools.cache
def running_release():
    """The release of the running kernel; skips where it cannot be asked."""
    b = Builder(order=NATIVE)
    b.int("int", 4)
    try:
        load_into_kernel(b.to_bytes())
    except UnsupportedError:
        lacks("load", "to load BTF")
    match = re.match(r"(\d+)\.(\d+)", os.uname().release)
    release = (int(match[1]), int(match[2]))
    if release < OLDEST_TOLD:
        lacks("load", f"not of {release[0]}.{release[1]}, whose rules are older than those told here")
    return release


def chain(b, make, count, target=1):
    for _ in range(count):
        target = make(target)
    return target


def forward(b, make, count):
    """`count` types, each of the next, the last of the INT."""
    for i in range(count):
        make(b.next_id + 1 if i < count - 1 else 1)


def nested(b, count):
    for i in range(count):
        b.struct("s", 4, [("m", b.next_id + 1 if i < count - 1 else 1, 0)])


def enum_of(size, kind="enum"):
    return lambda b: getattr(b, kind)("e", [("A", 1)], size=size)


def member(*fields, size=8):
    """A struct with one member of the type that comes before it (or of the INT)."""
    return lambda b: b.struct("s", size, [("m", b.next_id - 1, *fields)])


def after(*steps):
    def run(b):
        for step in steps:
            step(b)

    return run


def named(name):
    return lambda b: b.typedef(name, 1)


def tags(b, component, target):
    b.decl_tag("t", target, component)


OK = ""
# What is built after an INT (type 1): the errno that the newest kernel answers with.
CASES = {
    "int": (OK, lambda b: None),
    "int of 16 bytes": (OK, lambda b: b.int("i", 16)),
    "int of 3 bytes": (OK, lambda b: b.int("i", 3)),
    "int without name": (OK, lambda b: b.int("", 4)),
    "int with any name": (OK, lambda b: b.int("long long", 4)),
    "int of 129 bits": ("EINVAL", lambda b: b.int("i", 32, bits=129)),
    "int wider than its bytes": ("EINVAL", lambda b: b.int("i", 1, bits=9)),
    "int shifted beyond its bytes": ("EINVAL", lambda b: b.int("i", 1, bits=8, bit_offset=1)),
    "int of two encodings": ("ENOTSUPP", lambda b: b.int("i", 4, encoding=3)),
    "int of unknown encoding": ("ENOTSUPP", lambda b: b.int("i", 4, encoding=8)),
    "int with high bits": ("EINVAL", lambda b: b.int("i", 4, encoding=16)),
    "int with middle bits": (OK, lambda b: b.record(spec.INT, "i", 4, (0x0100FF20,))),
    "int with kind_flag": ("EINVAL", lambda b: b.record(spec.INT, "i", 4, (32,), flag=True)),
    "int with vlen": ("EINVAL", lambda b: b.record(spec.INT, "i", 4, (32,), vlen=1)),
    "ptr": (OK, lambda b: b.ptr(1)),
    "ptr to void": (OK, lambda b: b.ptr(0)),
    "ptr with a name": ("EINVAL", lambda b: b.record(spec.PTR, "p", 1)),
    "ptr with kind_flag": ("EINVAL", lambda b: b.record(spec.PTR, "", 1, flag=True)),
    "ptr to a func, which was resolved before": (OK, lambda b: b.ptr(b.func("f", b.func_proto(0)))),
    "ptr to a func that comes later": (
        "EINVAL",
        after(lambda b: b.ptr(4), lambda b: b.func_proto(0), lambda b: b.func("f", 3)),
    ),
    "ptr to a var": ("EINVAL", lambda b: b.ptr(b.var("v", 1))),
    "ptr to itself": ("EEXIST", lambda b: b.ptr(2)),
    "ptr and const in a circle": ("EEXIST", after(lambda b: b.ptr(3), lambda b: b.const(2))),
    "ptr and struct in a circle": (OK, after(lambda b: b.ptr(3), lambda b: b.struct("s", 8, [("p", 2, 0)]))),
    "const of itself": ("EEXIST", lambda b: b.const(2)),
    "const with a name": ("EINVAL", lambda b: b.record(spec.CONST, "c", 1)),
    "const of a fwd": (OK, lambda b: b.const(b.fwd("f"))),
    "const of a func that comes later": (
        OK,
        after(lambda b: b.const(4), lambda b: b.func_proto(0), lambda b: b.func("f", 3)),
    ),
    "typedef": (OK, named("t")),
    "typedef of void": (OK, lambda b: b.typedef("t", 0)),
    "typedef without a name": ("EINVAL", named("")),
    "name with a dot": (OK, named(".a.b1")),
    "name with a digit first": ("EINVAL", named("1a")),
    "name with a hyphen": ("EINVAL", named("a-b")),
    "name with a space": ("EINVAL", named("a b")),
    "name of a Latin-1 letter": (OK, named("\udcff")),
    "name of a Latin-1 sign": ("EINVAL", named("\udcf7")),
    "name of UTF-8": ("EINVAL", named("é")),
    "name of 512 bytes": (OK, named("a" * 512)),
    "name of 513 bytes": ("EINVAL", named("a" * 513)),
    "fwd": (OK, lambda b: b.fwd("f", union=True)),
    "fwd without a name": ("EINVAL", lambda b: b.fwd("")),
    "fwd of a type": ("EINVAL", lambda b: b.record(spec.FWD, "f", 1)),
    "array": (OK, lambda b: b.array(1, 1, 5)),
    "array of no elements": (OK, lambda b: b.array(1, 1, 0)),
    "array of arrays": (OK, lambda b: b.array(b.array(1, 1, 5), 1, 5)),
    "array of void": ("EINVAL", lambda b: b.array(0, 1, 5)),
    "array with void as index": ("EINVAL", lambda b: b.array(1, 0, 5)),
    "array with a pointer as index": ("EINVAL", lambda b: b.array(1, b.ptr(1), 5)),
    "array with a typedef as index": (OK, lambda b: b.array(1, b.typedef("t", 1), 5)),
    "array with odd bits as index": ("EINVAL", lambda b: b.array(1, b.int("i", 1, bits=7), 5)),
    "array of odd bits": ("EINVAL", lambda b: b.array(b.int("i", 1, bits=7), 1, 5)),
    "array of fwd": ("EINVAL", lambda b: b.array(b.fwd("f"), 1, 5)),
    "array of func_proto": ("EINVAL", lambda b: b.array(b.func_proto(0), 1, 5)),
    "array of itself": ("EEXIST", lambda b: b.array(2, 1, 5)),
    "array that overflows": ("EINVAL", lambda b: b.array(1, 1, 1 << 30)),
    "array that just does not": (OK, lambda b: b.array(1, 1, (1 << 30) - 1)),
    "array with a third word": ("EINVAL", lambda b: b.record(spec.ARRAY, "", 4, (1, 1, 1))),
    "struct": (OK, lambda b: b.struct("s", 8, [("a", 1, 0), ("", 1, 32)])),
    "struct without anything": (OK, lambda b: b.struct("", 0)),
    "struct with a bad name": ("EINVAL", lambda b: b.struct("a b", 0)),
    "struct in itself": ("EEXIST", lambda b: b.struct("s", 8, [("s", 2, 0)])),
    "member with a bad name": ("EINVAL", lambda b: b.struct("s", 8, [("1", 1, 0)])),
    "member of void": ("EINVAL", lambda b: b.struct("s", 8, [("a", 0, 0)])),
    "member of fwd": ("EINVAL", lambda b: b.struct("s", 8, [("a", b.fwd("f"), 0)])),
    "members out of order": ("EINVAL", lambda b: b.struct("s", 8, [("a", 1, 32), ("b", 1, 0)])),
    "members on top of each other": (OK, lambda b: b.struct("s", 8, [("a", 1, 0), ("b", 1, 0)])),
    "member that begins behind": ("EINVAL", member(72)),
    "member that ends behind": ("EINVAL", member(40)),
    "member of an int within a byte": (OK, member(3)),
    "member of a pointer within a byte": ("EINVAL", after(lambda b: b.ptr(1), member(3, size=16))),
    "flagged member within a byte": ("EINVAL", member(3, 0)),
    "bitfield": (OK, member(3, 29)),
    "bitfield wider than its type": ("EINVAL", member(0, 33)),
    "bitfield that ends behind": ("EINVAL", member(33, 32)),
    "bitfield of a pointer": ("EINVAL", after(lambda b: b.ptr(1), member(0, 3))),
    "bitfield of a typedef": (OK, after(named("t"), member(0, 3))),
    "bitfield of odd bits": ("EINVAL", after(lambda b: b.int("i", 4, bits=7), member(0, 3))),
    "bitfield of an enum": (OK, after(enum_of(4), member(0, 32))),
    "bitfield of 33 bits of an enum": ("EINVAL", after(enum_of(8), member(0, 33))),
    "small enum among bitfields": ("EINVAL", after(enum_of(1), member(0, 0, size=1))),
    "small enum without bitfields": (OK, after(enum_of(1), member(0, size=1))),
    "member of float": (OK, after(lambda b: b.float("f", 8), member(0))),
    "member of float at an odd place": ("EINVAL", after(lambda b: b.float("f", 8), member(32, size=16))),
    "member of float of 12 bytes": (OK, after(lambda b: b.float("f", 12), member(64, size=24))),
    "member of a struct too large": ("EINVAL", after(lambda b: b.struct("s", 9), member(0))),
    "member of an array too large": ("EINVAL", after(lambda b: b.array(1, 1, 3), member(0))),
    "flexible array": (OK, after(lambda b: b.array(1, 1, 0), member(64))),
    "union": (OK, lambda b: b.union("u", 4, [("a", 1, 0), ("b", 1, 0)])),
    "union with an offset": ("EINVAL", lambda b: b.union("u", 8, [("a", 1, 32)])),
    "enum": (OK, enum_of(4)),
    "enum of no values": (OK, lambda b: b.enum("e")),
    "enum of 3 bytes": ("EINVAL", enum_of(3)),
    "enum of 16 bytes": ("EINVAL", enum_of(16)),
    "enum of 0 bytes": ("EINVAL", enum_of(0)),
    "enum64 of 1 byte": (OK, enum_of(1, "enum64")),
    "enum64 of 3 bytes": ("EINVAL", enum_of(3, "enum64")),
    "signed enum": (OK, lambda b: b.enum("e", [("A", -1)])),
    "enumerator without a name": ("EINVAL", lambda b: b.enum("e", [("", 1)])),
    "enumerator with a bad name": ("EINVAL", lambda b: b.enum64("e", [("a-b", 1)])),
    "func": (OK, lambda b: b.func("f", b.func_proto(1, [("a", 1)]), 1)),
    "func without a name": ("EINVAL", lambda b: b.func("", b.func_proto(0))),
    "extern func": ("EINVAL", lambda b: b.func("f", b.func_proto(0), 2)),
    "func with a nameless parameter": ("EINVAL", lambda b: b.func("f", b.func_proto(0, [("", 1)]))),
    "variadic func": (OK, lambda b: b.func("f", b.func_proto(0, [("a", 1), ("", 0)]))),
    "func_proto with a nameless parameter": (OK, lambda b: b.func_proto(0, [("", 1)])),
    "func_proto with a name": ("EINVAL", lambda b: b.record(spec.FUNC_PROTO, "p", 0)),
    "func_proto with a bad name": ("EINVAL", lambda b: b.func_proto(0, [("1", 1)])),
    "func_proto with void in the middle": ("EINVAL", lambda b: b.func_proto(0, [("", 0), ("a", 1)])),
    "func_proto with a named void": ("EINVAL", lambda b: b.func_proto(0, [("a", 0)])),
    "func_proto that returns a func_proto": ("EINVAL", lambda b: b.func_proto(b.func_proto(0))),
    "func_proto that takes a fwd": ("EINVAL", lambda b: b.func_proto(0, [("a", b.fwd("f"))])),
    "func_proto that returns a var": ("EINVAL", lambda b: b.func_proto(b.var("v", 1))),
    "func_proto that returns const void": ("EINVAL", lambda b: b.func_proto(b.const(0))),
    "var": (OK, lambda b: b.var("v", 1)),
    "static var": (OK, lambda b: b.var("v", 1, 0)),
    "extern var": ("EINVAL", lambda b: b.var("v", 1, 2)),
    "var of void": ("EINVAL", lambda b: b.var("v", 0)),
    "var of fwd": ("EINVAL", lambda b: b.var("v", b.fwd("f"))),
    "var without a name": ("EINVAL", lambda b: b.var("", 1)),
    "datasec": (OK, lambda b: b.datasec(".d", 4, [(b.var("v", 1), 0, 4)])),
    "datasec of no bytes": ("EINVAL", lambda b: b.datasec(".d", 0)),
    "datasec of an int": ("EINVAL", lambda b: b.datasec(".d", 4, [(1, 0, 4)])),
    "datasec beyond its size": ("EINVAL", lambda b: b.datasec(".d", 4, [(b.var("v", 1), 1, 4)])),
    "datasec of nothing at an offset": ("EINVAL", lambda b: b.datasec(".d", 4, [(b.var("v", 1), 0, 0)])),
    "datasec with a small entry": ("EINVAL", lambda b: b.datasec(".d", 4, [(b.var("v", 1), 0, 2)])),
    "datasec ahead of its var, with a small entry": (
        OK,  # the kernel forgets to look at the size where it came to the variable through the section
        after(lambda b: b.datasec(".d", 4, [(3, 0, 2)]), lambda b: b.var("v", 1)),
    ),
    "datasec with two on one place": ("EINVAL", lambda b: b.datasec(".d", 8, [(b.var("v", 1), i, 4) for i in (0, 2)])),
    "datasec without a name": ("EINVAL", lambda b: b.datasec("", 4)),
    "datasec with a question mark": (OK, lambda b: b.datasec("?.struct_ops", 4)),
    "datasec with a space and more": (OK, lambda b: b.datasec(" a/b:c", 4)),
    "datasec with a control character": ("EINVAL", lambda b: b.datasec("a\x01", 4)),
    "datasec of 513 characters": ("EINVAL", lambda b: b.datasec("a" * 513, 4)),
    "float": (OK, lambda b: b.float("f", 12)),
    "float of 3 bytes": ("EINVAL", lambda b: b.float("f", 3)),
    "decl_tag on a struct": (OK, lambda b: tags(b, -1, b.struct("s", 0))),
    "decl_tag on a member": (OK, lambda b: tags(b, 0, b.struct("s", 4, [("a", 1, 0)]))),
    "decl_tag beyond the members": ("EINVAL", lambda b: tags(b, 1, b.struct("s", 4, [("a", 1, 0)]))),
    "decl_tag on a parameter": (OK, lambda b: tags(b, 0, b.func("f", b.func_proto(0, [("a", 1)])))),
    "decl_tag beyond the parameters": ("EINVAL", lambda b: tags(b, 1, b.func("f", b.func_proto(0, [("a", 1)])))),
    "decl_tag on a typedef": (OK, lambda b: tags(b, -1, b.typedef("t", 1))),
    "decl_tag on a part of a typedef": ("EINVAL", lambda b: tags(b, 0, b.typedef("t", 1))),
    "decl_tag on a part of a var": ("EINVAL", lambda b: tags(b, 0, b.var("v", 1))),
    "decl_tag on -2": ("EINVAL", lambda b: tags(b, -2, b.struct("s", 0))),
    "decl_tag on an int": ("EINVAL", lambda b: tags(b, -1, 1)),
    "decl_tag without text": ("EINVAL", lambda b: b.decl_tag("", b.struct("s", 0))),
    "decl_tag with kind_flag": (OK, lambda b: b.decl_tag("t", b.struct("s", 0), attribute=True)),
    "type_tag": (OK, lambda b: b.ptr(b.type_tag("any text", 1))),
    "type_tag with kind_flag": (OK, lambda b: b.type_tag("t", 1, attribute=True)),
    "type_tag without text": ("EINVAL", lambda b: b.type_tag("", 1)),
    "type_tag ahead of const": (OK, lambda b: b.type_tag("t", b.const(1))),
    "type_tag behind const": (OK, lambda b: b.const(b.type_tag("t", 1))),
    "type_tag behind typedef": (OK, lambda b: b.typedef("t", b.type_tag("t", 1))),
    "31 consts": (OK, lambda b: chain(b, b.const, 31)),
    "40 consts, each resolved before": (OK, lambda b: chain(b, b.const, 40)),
    "32 consts in advance": (OK, lambda b: forward(b, b.const, 32)),
    "33 consts in advance": ("E2BIG", lambda b: forward(b, b.const, 33)),
    "32 pointers in advance": (OK, lambda b: forward(b, b.ptr, 32)),
    "33 pointers in advance": ("E2BIG", lambda b: forward(b, b.ptr, 33)),
    "32 structs in advance": (OK, lambda b: nested(b, 32)),
    "33 structs in advance": ("E2BIG", lambda b: nested(b, 33)),
    "33 arrays in advance": ("E2BIG", lambda b: forward(b, lambda t: b.array(t, 1, 1), 33)),
}
# Where kernels before a release answer something else.
BEFORE = {
    "decl_tag with kind_flag": ((6, 15), "EINVAL"),
    "type_tag with kind_flag": ((6, 15), "EINVAL"),
    "type_tag behind const": ((7, 2), "EINVAL"),
    "type_tag behind typedef": ((7, 2), "EINVAL"),
}


def built(case, order=NATIVE):
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    CASES[case][1](b)
    return b.build()


def answer(btf, **how):
    """The errno that the rules give, "" for none."""
    findings = [finding for finding in kernel_rules(btf, **how) if finding.severity == "error"]
    return findings[0].errno if findings else ""


def expected(case, release):
    since, before = BEFORE.get(case, ((0, 0), ""))
    return before if release < since else CASES[case][0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("release", [(6, 12), (6, 18), NEWEST])
def test_rules(case, release):
    btf = built(case)
    assert answer(btf, release=release) == expected(case, release)
    if release == NEWEST:
        assert answer(btf) == CASES[case][0]


@pytest.mark.parametrize("case", CASES)
def test_rules_of_the_other_byte_order(case):
    assert answer(built(case, "little")) == answer(built(case, "big"))


@pytest.mark.parametrize("case", CASES)
def test_the_running_kernel_agrees(case):
    release = running_release()
    btf = built(case)
    verdict = load_into_kernel(btf.to_bytes())
    assert (verdict.ok, verdict.errno) == (not verdict.errno, answer(btf, release=release)), verdict.log
    assert verdict.errno == expected(case, release)


@settings(max_examples=150)
@given(btfs(NATIVE))
def test_the_running_kernel_takes_random_graphs(btf):
    release = running_release()
    verdict = load_into_kernel(btf.to_bytes())
    assert verdict.errno == answer(btf, release=release), verdict.log
    assert answer(btf) == ""


# ---- header and strings ----------------------------------------------------------------------------------------

TYPES = pack("=4I", 1, spec.INT << 24, 4, 32)
STRINGS = b"\0int\0"


def blob(types=TYPES, strings=STRINGS, *, length=24, extra=b"", type_off=0, gap=0, tail=b"", flags=0):
    head = pack("=HBBIIIII", 0xEB9F, 1, flags, length, type_off, len(types), type_off + len(types) + gap, len(strings))
    return head + extra + bytes(type_off) + types + bytes(gap) + strings + tail


LAYOUT = spec.layout_section()
HEADERS = {
    "plain": (OK, blob()),
    "32 bytes of zeros": (OK, blob(length=32, extra=bytes(8))),
    "64 bytes of zeros": (OK, blob(length=64, extra=bytes(40))),
    "not zero": ("E2BIG", blob(length=64, extra=bytes(8) + b"\1" + bytes(31))),
    "gap ahead": ("EINVAL", blob(type_off=4)),
    "gap within": ("EINVAL", blob(gap=3)),
    "trailing": ("EINVAL", blob(tail=b"x")),
    "flags": ("ENOTSUPP", blob(flags=1)),
    "no types": ("EINVAL", blob(b"", b"\0")),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers(case):
    errno, data = HEADERS[case]
    assert answer(Btf.from_bytes(data)) == errno
    release = running_release()
    assert load_into_kernel(data).errno == answer(Btf.from_bytes(data), release=release)


def test_layout():
    b = Builder(order=NATIVE, layout=True)
    b.int("int", 4)
    btf = b.build()
    findings = kernel_rules(btf)
    assert [(f.severity, f.errno) for f in findings] == [("note", "E2BIG")]
    assert "before 7.1" in findings[0].message
    assert answer(btf, release=(6, 18)) == "E2BIG"
    assert answer(btf, release=(7, 1)) == ""
    assert load_into_kernel(b.to_bytes()).errno == answer(btf, release=running_release())


def test_wide_vlen():
    b = Builder(order=NATIVE)
    b.enum("e", [("A", 1)] * 70_000)
    btf = b.build()
    assert answer(btf) == answer(btf, release=(7, 2)) == ""
    assert answer(btf, release=(7, 1)) == "EINVAL"
    assert load_into_kernel(b.to_bytes()).errno == answer(btf, release=running_release())


def test_unknown_kinds():
    section = LAYOUT + bytes((4, 0, 0, 0))
    words = pack("=4I", 0, 20 << 24, 0, 0)
    head = pack("=HBBIIIIIII", 0xEB9F, 1, 0, 32, 0, 16, 16 + len(section), 1, 16, len(section))
    findings = kernel_rules(Btf.from_bytes(head + words + section + b"\0"))
    assert ("error", 1, "EINVAL") in [(f.severity, f.type_id, f.errno) for f in findings]


def test_size():
    b = Builder()
    b.record(spec.ENUM, "e", 4, (b.name("A"), 1) * 2_200_000, vlen=2_200_000)
    (finding,) = (f for f in kernel_rules(b.build()) if f.severity == "error")
    assert (finding.errno, finding.type_id) == ("E2BIG", None)


# ---- findings --------------------------------------------------------------------------------------------------


def test_split_btf():
    base = built("typedef")
    s = Builder(base)
    s.struct("s", 4, [("a", 2, 0)])
    btf = s.build()
    assert answer(btf, program=True) == "EINVAL"
    assert answer(btf, program=False) == ""
    s.typedef("1", 1)
    assert answer(s.build(), program=False) == "EINVAL"


def test_kernel_btf_has_no_resolve_stage():
    btf = built("struct in itself")
    assert answer(btf) == "EEXIST"
    assert answer(btf, program=False) == ""
    btf = built("33 consts in advance")
    assert answer(btf, program=False) == "ELOOP"


def test_all_refusals_of_a_stage_are_told():
    b = Builder()
    b.int("int", 4)
    b.typedef("", 1)
    b.enum("e", size=3)
    b.const(b.next_id)  # for the next stage
    findings = kernel_rules(b.build())
    assert [(f.type_id, f.rule) for f in findings] == [(2, "meta"), (3, "meta")]


def test_a_refused_type_is_told_once():
    b = Builder()
    b.int("int", 4)
    b.array(1, 3, 1)
    b.ptr(0)
    b.const(2)
    b.struct("s", 4, [("a", 4, 0)])
    b.struct("bad", 1, [("a", 1, 0)])
    findings = kernel_rules(b.build())
    assert [(f.type_id, f.rule) for f in findings] == [(2, "resolve"), (6, "resolve")]
    assert "array type 2: its index, pointer type 3, is not a plain integer" in findings[0].message
    assert "struct bad: member 0 ends at byte 4 of 1" in findings[1].message


def test_sections_without_size_do_not_hold_up_the_stages():
    b = Builder()
    b.int("int", 4)
    b.datasec(".maps", 0, [(b.var("v", 1), 0, 4)])
    b.const(b.next_id)
    assert [(f.type_id, f.rule, f.errno) for f in kernel_rules(b.build())] == [
        (3, "section-size", "EINVAL"),
        (4, "resolve", "EEXIST"),
    ]


@pytest.mark.parametrize(
    ("make", "since"),
    [
        (lambda b: b.float("f", 4), "5.13"),
        (lambda b: b.decl_tag("t", b.struct("s", 0)), "5.16"),
        (lambda b: b.type_tag("t", 1), "5.17"),
        (lambda b: b.enum64("e"), "6.0"),
        (lambda b: b.enum("e", [("A", -1)]), "6.0"),
        (lambda b: b.datasec("a b", 4), "6.12"),
        (lambda b: b.type_tag("t", 1, attribute=True), "6.15"),
        (lambda b: b.const(b.type_tag("t", 1)), "7.2"),
    ],
)
def test_what_older_kernels_do_not_take(make, since):
    b = Builder()
    b.int("int", 4)
    make(b)
    make(b)
    btf = b.build()
    findings = kernel_rules(btf)
    told = [f for f in findings if f"before {since} reject it" in f.message]
    assert len(told) == 1
    assert {f.severity for f in findings} == {"note"}
    major, minor = map(int, since.split("."))
    assert answer(btf, release=(major, minor)) == ""
    assert answer(btf, release=(major, minor - 1) if minor else (major - 1, 19)) == "EINVAL"


# ---- asking the kernel -----------------------------------------------------------------------------------------


def test_the_kernels_log():
    running_release()
    verdict = load_into_kernel(built("ptr to itself").to_bytes())
    assert not verdict.ok
    assert "Loop detected" in verdict.log
    assert repr(verdict) == "<KernelVerdict EEXIST>"
    assert repr(KernelVerdict(True, "", "")) == "<KernelVerdict ok>"


def test_a_log_that_does_not_fit_at_first():
    running_release()
    b = Builder(order=NATIVE)
    b.enum("e", [(f"A{i}", i) for i in range(30_000)])
    b.typedef("", 0)
    verdict = load_into_kernel(b.to_bytes())
    assert verdict.errno == "EINVAL"
    assert len(verdict.log) > 1 << 16


@pytest.mark.parametrize("data", [b"", b"\0", b"\x9f\xeb\1\0"])
def test_anything_can_be_loaded(data):
    running_release()
    assert load_into_kernel(data).errno


def test_no_leak_of_file_descriptors():
    running_release()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert load_into_kernel(built("int").to_bytes()).ok
    assert len(os.listdir("/proc/self/fd")) == before


class _Uname:
    def __init__(self, sysname, machine):
        self.sysname, self.machine = sysname, machine


@pytest.mark.parametrize(
    ("system", "machine", "what"), [("Darwin", "arm64", "only Linux"), ("Linux", "vax", "unknown for vax")]
)
def test_elsewhere(monkeypatch, system, machine, what):
    monkeypatch.setattr(load_kernel.os, "uname", lambda: _Uname(system, machine), raising=False)
    with pytest.raises(UnsupportedError, match=what):
        load_into_kernel(b"")


@pytest.mark.parametrize(("errno", "what"), [("EPERM", "CAP_BPF"), ("ENOSYS", "no bpf")])
def test_where_it_is_not_allowed(monkeypatch, errno, what):
    monkeypatch.setattr(load_kernel, "syscall_number", lambda: 0)
    monkeypatch.setattr(load_kernel, "_load", lambda *a: (errno, ""))
    with pytest.raises(UnsupportedError, match=what):
        load_into_kernel(b"")
