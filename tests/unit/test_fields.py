"""The usual ways of fields (`hot/fields.py`) end where those of `access` and `match`, which have all the rules, end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec, fields_of
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from field_answers import answer_is_right, local_is_right
from objects import Choose, Program, scene


@given(st.composite(lambda draw: scene(Choose.drawn(draw), module_count=0))())
def test_random_programs(scene):
    target = Target(scene.vmlinux)
    for obj in scene.objects:
        for relocation in obj.relocations:
            if k.KINDS[relocation.kind].group != k.FIELD:
                continue
            local_is_right(obj, relocation)
            wanted = obj.spec(relocation)
            if isinstance(wanted, Spec) and wanted.name:
                for btf, type_id in target.candidates(wanted.root_kind, wanted.name):
                    answer_is_right(wanted, relocation.kind, btf, type_id)


@given(st.text("0123456789: +-x", max_size=12), st.integers(1, 6))
def test_random_access_strings(access, root):
    obj = asked(root, access, k.BYTE_OFFSET)
    local_is_right(obj, obj.relocations[0])


def kernel_builder():
    """Types by number: 1 int, 2 inner, 3 array of 4 inner, 4 outer, 5 typedef of it, 6 array without a length, 7 flexible,
    8 not_last, 9 anonymous union, 10 pointer, 11 choice, 12 bits."""
    b = Builder()
    number = b.int("int", 4, encoding=1)
    inner = b.struct("inner", 8, [("a", number, 0), ("b", number, 32)])
    four = b.array(inner, number, 4)
    pointer = 10
    outer = b.struct(
        "outer", 56, [("x", number, 0), ("", 9, 32), ("four", four, 64), ("next", pointer, 320), ("e", 11, 384)]
    )
    assert b.typedef("outer_t", outer) == 5
    none = b.array(inner, number, 0)
    flexible = b.struct("flexible", 4, [("n", number, 0), ("rest", none, 32)])
    assert flexible == 7
    assert b.struct("not_last", 8, [("rest", none, 0), ("n", number, 0)]) == 8
    assert b.union("", 4, [("u", number, 0), ("v", number, 0)]) == 9
    assert b.ptr(outer) == pointer
    assert b.enum("choice", [("A", 1)]) == 11
    assert b.struct("bits", 8, [("p", number, 0, 3), ("q", number, 30, 5), ("c", 11, 40, 2)]) == 12
    return b


def kernel():
    return kernel_builder().build()


USUAL = [  # root, access, kind, value
    (4, "0", k.BYTE_OFFSET, 0),
    (4, "2", k.BYTE_OFFSET, 112),
    (4, "0:0", k.BYTE_OFFSET, 0),
    (4, "0:1:1", k.BYTE_OFFSET, 4),
    (4, "0:2:3:1", k.BYTE_OFFSET, 36),
    (4, "0:3", k.BYTE_SIZE, 8),
    (4, "0:4", k.BYTE_SIZE, 4),
    (5, "0:2", k.BYTE_SIZE, 32),
    (5, "1:2:3", k.FIELD_EXISTS, 1),
    (7, "0:1:9:1", k.BYTE_OFFSET, 80),
    (4, "0:0", k.SIGNED, 1),
    (4, "0:3", k.SIGNED, 0),
    (4, "0:0", k.LSHIFT, 32),
    (4, "0:3", k.RSHIFT, 0),
    (12, "0:0", k.BYTE_OFFSET, 0),
    (12, "0:1", k.BYTE_SIZE, 8),
    (12, "0:1", k.LSHIFT, 29),
    (12, "0:1", k.RSHIFT, 59),
    (12, "0:2", k.SIGNED, 0),
    (12, "0:2", k.LSHIFT, 54),
]
UNUSUAL = [  # for which there is an answer, or an error
    (8, "0:0:1", k.BYTE_OFFSET),
    (4, "0:2:4", k.BYTE_OFFSET),
    (4, "0:5", k.BYTE_OFFSET),
    (4, "+0:0", k.BYTE_OFFSET),
    (4, "00000000000:0", k.BYTE_OFFSET),
    (4, "2147483648:0", k.BYTE_OFFSET),
    (4, ":".join("0" * 65), k.BYTE_OFFSET),
    (4, "0:", k.BYTE_OFFSET),
    (4, "", k.BYTE_OFFSET),
]


def asked(root, access, kind):
    """An object with that relocation."""
    program = Program("little", kernel_builder())
    program.relo(kind, root, access)
    return program.build("one.bpf.o")


@pytest.mark.parametrize(("root", "access", "kind", "value"), USUAL)
def test_usual_ways(root, access, kind, value):
    obj = asked(root, access, kind)
    (relocation,) = obj.relocations
    assert local_is_right(obj, relocation)
    btf = kernel()
    wanted = obj.spec(relocation)
    assert answer_is_right(wanted, kind, btf, root)
    ((found,),) = relocate([obj], Target(btf))
    assert (found.status, found.value) == ("value", value)


@pytest.mark.parametrize("split", [False, True])
def test_an_empty_name_is_none(split):
    """Wherever the empty string of an anonymous member lies, its members count."""
    obj = asked(4, "0:1:1", k.BYTE_OFFSET)
    if split:
        base = Builder().build()
        made = Builder(base)
        number = made.int("int", 4, encoding=1)
        made.struct("outer", 8, [("x", number, 0), ("", made.union("", 4, [("v", number, 0)]), 32)])
        btf = made.build()
    else:
        btf = kernel()
    at = btf.positions[btf.find("outer").id - btf.start_id]
    words = btf.words.tobytes()
    empty = btf.start_str_off + bytes(btf.strings).index(b"int\0") + 3
    data = bytearray(btf.to_bytes())
    begin = bytes(data).index(words) + 4 * (at + 6)
    assert data[begin : begin + 4] == bytes(4)
    data[begin : begin + 4] = empty.to_bytes(4, btf.byte_order)
    broken = Btf.from_bytes(bytes(data), base if split else None)
    ((found,),) = relocate([obj], Target(base, [broken]) if split else Target(broken))
    assert (found.status, found.value) == ("value", 4)
    if not split:
        assert answer_is_right(obj.spec(obj.relocations[0]), k.BYTE_OFFSET, broken, 4)


@pytest.mark.parametrize(
    ("access", "reason"), [("0:0", "no-member"), ("0:2:1:0", "kind-differs"), ("0:4", "no-member")]
)
def test_what_is_not_there(access, reason):
    """On a target whose type of that name has other members, or another type in place of an array."""
    obj = asked(4, access, k.BYTE_OFFSET)
    made = Builder()
    number = made.int("int", 4)
    outer = made.struct("outer", 12, [("y", number, 0), ("four", made.struct("other", 8, []), 32)])
    ((found,),) = relocate([obj], Target(made.build()))
    assert (found.status, found.reason) == ("missing", reason)
    usual = answer_is_right(obj.spec(obj.relocations[0]), k.BYTE_OFFSET, made.build(), outer)
    assert usual == (reason == "no-member")


@pytest.mark.parametrize(("root", "access", "kind"), UNUSUAL)
def test_unusual_ways(root, access, kind):
    obj = asked(root, access, kind)
    (relocation,) = obj.relocations
    wanted = obj.spec(relocation)
    usual = local_is_right(obj, relocation)
    if usual and isinstance(wanted, Spec):
        assert not answer_is_right(wanted, kind, kernel(), root)
    else:
        assert fields_of(obj.btf).local(root, relocation.access) is None
