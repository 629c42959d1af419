"""The compiler judges what `btfkit encode` says of all types of the kernel's headers: sizes, offsets and values hold, by
`_Static_assert`, in the source that they were encoded from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Kernel, inside, require_kernel, run_inside, workroom
from workshop import NAME, SOURCE

import btfkit
from btfkit.btf import spec

pytestmark = pytest.mark.slow
FLAGS = "-w -fno-eliminate-unused-debug-types"  # the DWARF has types that the module does not use, too
UNNAMED = {"__va_list_tag"}  # the compiler's own, which C cannot name
C_TAGS = {spec.STRUCT: "struct", spec.UNION: "union", spec.ENUM: "enum", spec.ENUM64: "enum"}


def compiled(kernel: Kernel, folder: Path, *assertions: str) -> tuple[int, str]:
    """Compile the module's source, with assertions after it, as kbuild does; the status, and what the compiler said."""
    for path in SOURCE.iterdir():
        text = path.read_text()
        if path.suffix == ".c":
            text += "\n".join(("", *assertions, ""))
        (folder / path.name).write_text(text)
    command = ["make", "-C", inside(kernel.headers), f"M={inside(folder)}", f"KCFLAGS={FLAGS}", f"{NAME}.o"]
    done = run_inside(command, folder)
    return done.returncode, done.stdout.decode(errors="replace")


def assertions(btf: btfkit.Btf) -> Iterator[str]:
    """What BTF says of each type with a name: its size, the value of each enumerator, the offset and size of each member but
    bit-fields, also in anonymous ones."""
    for number in btf.own_ids:
        one = btf[number]
        tag = C_TAGS.get(one.kind)
        if tag is None or not one.name or one.name in UNNAMED or (tag == "enum" and not one.values):
            continue
        name = f"{tag} {one.name}"
        yield f'_Static_assert(sizeof({name}) == {one.size}, "{name}");'
        if tag == "enum":
            for word, value in one.values.items():
                yield f'_Static_assert({word} == {value}{"LL" if value < 0 else "ULL"}, "{name}: {word}");'
            continue
        for path, offset, size in members(btf, one, 0):
            yield f'_Static_assert(__builtin_offsetof({name}, {path}) == {offset}, "{name}.{path}");'
            if size:
                yield f'_Static_assert(sizeof((({name} *)0)->{path}) == {size}, "size of {name}.{path}");'


def members(btf: btfkit.Btf, one: btfkit.Type, above: int) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of the members of a struct or union, in bytes; a size of 0 for arrays without a length."""
    for member in one.members:
        if member.bitfield_size:
            continue
        offset = above + member.bit_offset // 8
        if member.name:
            yield member.name, offset, btf.sizeof(member.type_id)
        elif member.type.kind in (spec.STRUCT, spec.UNION):
            yield from members(btf, member.type, offset)


@pytest.mark.parametrize("role", ["now", "new", "old"])
def test_sizes_and_offsets_are_those_of_the_compiler(role) -> None:
    kernel = require_kernel(role)
    with workroom() as room:
        status, said = compiled(kernel, room)
        assert status == 0, said
        btf = btfkit.encode(room / f"{NAME}.o")
        found = list(assertions(btf))
        assert len(found) > 10_000
        status, said = compiled(kernel, room, *found)
        assert status == 0, re.findall(r"error: .*", said)[:20]
        wrong = '_Static_assert(sizeof(struct btfkit_stats) == 23, "must fail");'
        status, said = compiled(kernel, room, *found, wrong)
        assert status != 0
        assert re.findall(r"error: static assertion failed: (.*)", said) == ['"must fail"']
