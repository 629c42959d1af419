"""Kernels that do not exist: real ones, varied step by step as updates vary them, for an atlas of hundreds.

Each step moves members of some structs, gives some functions another prototype, and renames a few definitions and members.  The
same kernels come out of the same input.
"""

from __future__ import annotations

import os
import random
import sys
from array import array
from glob import escape, glob

from inputs import Missing

from btfkit import Btf, load
from btfkit.btf import spec

GROWN, RETYPED, RENAMED = 40, 60, 40  # structs, functions and names that a step changes


def varied_atlas(path: str, place: str, count: int) -> None:
    """An atlas of `count` kernels: those of the corpus at `place`, each followed by varied ones."""
    from btfkit.atlas.file import Atlas
    from btfkit.fleet.atlas import atlas_order
    from btfkit.fleet.keys import canonical_arch

    found = sorted(glob(os.path.join(escape(place), "hub", "*", "*", "*", "*.btf.tar.xz")))
    if not found:
        raise Missing("no corpus (run `make corpus`, or set BTFKIT_CORPUS)")
    kernels = []
    for number, source in enumerate(found):
        distro, release, arch, name = source.split(os.sep)[-4:]
        version, dash, rest = name.removesuffix(".btf.tar.xz").partition("-")
        if "+" in version:
            version, plus, more = version.partition("+")
            dash, rest = plus, more + dash + rest
        for step in range((count - number + len(found) - 1) // len(found)):
            uname = f"{version}.{step}{dash}{rest}"
            kernels.append(((distro, release, canonical_arch(arch), uname), source, step))
    kernels.sort(key=lambda kernel: atlas_order(kernel[0]))
    blobs: dict[str, bytes] = {}
    with Atlas.open(path, write=True, create=True) as atlas:
        for parts, source, step in kernels:
            blobs[source] = varied(blobs[source], f"{parts} {step}") if step else load(source).blob
            atlas.add(parts, Btf.from_bytes(blobs[source]), None, atlas_order)


def varied(blob: bytes, seed: str) -> bytes:
    """The BTF after one step."""
    chance = random.Random(seed)
    btf = Btf.from_bytes(blob)
    order = "little" if blob[0] == 0x9F else "big"
    words = array("I", btf.words)
    named = {spec.STRUCT: [], spec.FUNC: []}
    for at in btf.positions:
        kind = words[at + 1] >> 24 & 127
        if kind in named and words[at]:
            named[kind].append(at)
    for at in chance.sample(named[spec.STRUCT], GROWN):
        members = words[at + 1] & 0xFFFF
        first = chance.randrange(members) if members else 0
        for member in range(first, members):
            words[at + 3 + 3 * member + 2] += 64
        words[at + 2] = (words[at + 2] + 8) % (1 << 20)
    protos = [words[at + 2] for at in named[spec.FUNC]]
    for at in chance.sample(named[spec.FUNC], RETYPED):
        words[at + 2] = chance.choice(protos)
    strings = bytearray(btf.strings)
    for at in chance.sample(named[spec.STRUCT] + named[spec.FUNC], RENAMED):
        name = btf.string(words[at]).split(b"__v")[0]
        words[at] = len(strings)
        strings += name + b"__v%d\0" % chance.randrange(1000)
    if order != sys.byteorder:
        words.byteswap()
    types = words.tobytes()
    head = bytearray(blob[:24])
    for place, value in ((8, 0), (12, len(types)), (16, len(types)), (20, len(strings))):
        head[place : place + 4] = value.to_bytes(4, order)
    return bytes(head) + types + bytes(strings)
