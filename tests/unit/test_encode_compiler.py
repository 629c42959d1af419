"""The compiler judges: what BTF says of sizes and offsets holds, by `_Static_assert`, in the source that it was made of."""

from __future__ import annotations

import lzma
import platform
import shutil
import subprocess
from pathlib import Path

import btfkit
from btfkit.files.elf import Elf
from needs import needs

DATA = Path(__file__).parents[1] / "data" / "encode"
GCC = shutil.which("gcc")


def compiled(folder: Path, assertions: list[str]) -> subprocess.CompletedProcess[str]:
    """types.c with assertions behind it, checked by gcc."""
    source = folder / "checked.c"
    text = (DATA / "types.c").read_text() + "#include <stddef.h>\n" + "\n".join(assertions) + "\n"
    source.write_text(text)
    return subprocess.run([GCC, "-w", "-fsyntax-only", source], capture_output=True, text=True, check=False)


def assertions(btf: btfkit.Btf) -> list[str]:
    """sizeof of each named struct and enumeration, offsetof and sizeof of each member that is no bit-field."""
    found = []
    for one in (*btf.types("struct"), *btf.types("enum"), *btf.types("enum64")):
        if not one.name or one.name in ("local", "undefined_enum"):  # of a function, of no definition
            continue
        name = f"{'struct' if one.kind_name == 'STRUCT' else 'enum'} {one.name}"
        found.append(f'_Static_assert(sizeof({name}) == {one.size}, "{name}");')
        for member in getattr(one, "members", ()):
            if member.name and not member.bitfield_size:
                place = f"offsetof({name}, {member.name})"
                found.append(f'_Static_assert({place} == {member.bit_offset // 8}, "{name}.{member.name}");')
    return found


@needs("compiler", GCC is not None)
@needs("platform", platform.machine() == "x86_64", "x86-64")
def test_sizes_and_offsets_are_those_of_the_compiler(tmp_path) -> None:
    data = lzma.decompress((DATA / "gcc-dwarf5.o.xz").read_bytes())
    found = assertions(btfkit.encode(Elf(data, "types.o")))
    assert len(found) > 25
    done = compiled(tmp_path, found)
    assert done.returncode == 0, done.stderr
    wrong = compiled(tmp_path, [*found, '_Static_assert(sizeof(struct bits) == 8, "must fail");'])
    assert "must fail" in wrong.stderr
