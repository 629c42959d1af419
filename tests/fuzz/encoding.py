"""Target of the fuzzer: objects with broken DWARF, abbreviations, strings, lists or relocations.

The laws, besides a result or a `BtfError`: what comes out can be read and judged, and is the same a second time.
"""

from __future__ import annotations

import functools
import glob
import lzma
import os
from random import Random

import mutate
from case import Case

from btfkit.encoder.encode import encode
from btfkit.files.elf import Elf
from btfkit.judges.structure import structure

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "encode")
READ = ("info", "abbrev", "str", "line_str", "str_offsets", "addr", "loclists", "loc", "types")
FEATURES = ("var", "global_var", "float", "decl_tag", "type_tag", "enum64", "consistent_func", "layout", "attributes")


@functools.cache
def objects() -> list[bytes]:
    """The small objects of the tests."""
    found = []
    for path in sorted(glob.glob(os.path.join(DATA, "*.o.xz"))):
        with open(path, "rb") as file:
            found.append(lzma.decompress(file.read()))
    return found


def make_encode(r: Random) -> Case:
    """One or two sections of an object with plain mutations, most of them small; at times the whole file."""
    data = r.choice(objects())
    if r.random() < 0.05:
        data = mutate.elf(r, data)
    else:
        parts = mutate.ElfFile(data)
        names = [f"{start}debug_{name}" for name in READ for start in (".", ".rela.", ".rel.")]
        known = [index for index in map(parts.index, names) if index > 0 and parts.content(index)]
        weights = [4 if place < 3 else 1 for place in range(len(known))]
        broken = r.choices(known or [0], weights or [1], k=r.choice((1, 1, 2)))
        changes = {index: mutate.plain(r, parts.content(index)) for index in broken}
        data = parts.rebuilt(changes)
    features = sorted(r.sample(FEATURES, r.randrange(len(FEATURES) + 1)))
    return Case("encode", [data], features=features, force=r.random() < 0.5)


def run_encode(case: Case) -> None:
    options = {"features": case.options["features"], "force": case.options["force"]}
    elf = Elf(case.parts[0], "input")
    btf = encode(elf, **options).btf
    for finding in structure(btf):  # sizes and offsets may be as wrong as the DWARF says
        str(finding)
    assert encode(Elf(case.parts[0], "input"), **options).btf.blob == btf.blob, "other bytes the second time"


TARGETS = {"encode": (8, make_encode)}
RUN = {"encode": run_encode}
