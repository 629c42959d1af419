"""Makes an archive of COUNT kernels in BTFHub's layout from the kernels of the corpus:

    python bench/archive.py DIRECTORY COUNT [--raw]

Kernel n of a base is that base with some thirty structs that grow by 8 bytes in the middle, twenty changed names and a few
new types, all drawn from a generator seeded with its name: no two are equal, and the same call gives the same bytes.  The
changes are like those between real kernels, and include offsets that programs read (task_struct, sk_buff, ...); structs
embedded in others are not changed. Compressed with xz -1: unpacking 5 MB takes 62 ms (56 ms with BTFHub's -6), and
compressing takes a sixth of the time.
"""

from __future__ import annotations

import io
import lzma
import os
import random
import sys
import tarfile
from array import array
from concurrent.futures import ProcessPoolExecutor
from glob import glob

from btfkit.btf import spec
from btfkit.btf_file import load

VERSION = 1  # of the generated archives; caches of other versions are not used
FAVOURITES = ("task_struct", "sk_buff", "sock", "file", "request", "inode", "dentry", "mm_struct", "bio", "rq", "cred")
PRESET = 1


class Base:
    """A kernel to vary: its types, and the structs that no other type embeds."""

    def __init__(self, path: str) -> None:
        self.distro, self.release, self.arch, name = path.split(os.sep)[-4:]
        self.uname = name.removesuffix(".btf.tar.xz")
        self.btf = load(path)
        self.free = self._free()
        self.named = {self.btf.name(type_id): type_id for type_id in self.free}

    def _free(self) -> list[int]:
        """The named structs with at least four members that no other type holds by value."""
        btf, words = self.btf, self.btf.words
        held, structs = set(), []
        for type_id, at in enumerate(btf.positions, 1):
            kind, vlen = words[at + 1] >> 24 & 31, words[at + 1] & 0xFFFF
            if kind == spec.ARRAY:
                held.add(words[at + 3])
            elif kind in spec.COMPOSITES:
                held.update(words[at + 4 + 3 * index] for index in range(vlen))
                if kind == spec.STRUCT and vlen >= 4 and words[at]:
                    structs.append(type_id)
            elif kind in spec.MODS_AND_TYPEDEFS:
                held.add(words[at + 2])
        return [type_id for type_id in structs if type_id not in held]

    def variant(self, number: int) -> bytes:
        """The bytes of kernel `number` made from this one."""
        btf = self.btf
        chance = random.Random(f"{VERSION} {self.arch} {self.uname} {number}")
        words = array("I", btf.words)
        strings = bytearray(btf.strings)
        favourites = [self.named[name] for name in FAVOURITES if name in self.named and chance.random() < 0.3]
        for type_id in sorted({*chance.sample(self.free, 30), *favourites}):
            _grow(words, btf.positions[type_id - 1], chance)
        for _ in range(20):
            _rename(strings, chance)
        words.extend(self._new_types(strings, number, chance))
        if btf.byte_order != sys.byteorder:
            words.byteswap()
        types = words.tobytes()
        fields = (0, len(types), len(types), len(strings))
        head = b"".join(field.to_bytes(4, btf.byte_order) for field in (24, *fields))
        return spec.MAGIC.to_bytes(2, btf.byte_order) + bytes((1, 0)) + head + types + bytes(strings)

    def _new_types(self, strings: bytearray, number: int, chance: random.Random) -> array[int]:
        """A pointer to some struct, and a few structs of three such pointers."""
        pointer_id = len(self.btf.positions) + 1
        new = array("I", (0, spec.PTR << 24, chance.choice(self.free)))
        for index in range(chance.randrange(3, 30)):
            new.extend((len(strings), spec.STRUCT << 24 | 3, 24))
            strings += f"made_{number}_{index}\0".encode()
            for position, other in enumerate(chance.sample(self.free, 3)):
                new.extend((self.btf.words[self.btf.positions[other - 1]], pointer_id, 64 * position))
        return new


def _grow(words: array[int], at: int, chance: random.Random) -> None:
    """Inserts 8 bytes before one of a struct's members."""
    info = words[at + 1]
    vlen, flagged = info & 0xFFFF, info >> 31
    first = chance.randrange(1, vlen)
    last = words[at + 3 * vlen + 2]  # the offset of the last member, in bits
    if (last & 0xFFFFFF if flagged else last) + 64 >= 1 << 24:
        return
    words[at + 2] += 8
    for index in range(first, vlen):
        words[at + 3 + 3 * index + 2] += 64


def _rename(strings: bytearray, chance: random.Random) -> None:
    """Changes the last letter of a name from the middle, which no other record shares."""
    end = strings.find(0, chance.randrange(1, len(strings) - 1))
    if end > 1 and chr(strings[end - 1]).isalpha():
        strings[end - 1] = ord("a") + (strings[end - 1] + 1) % 26


def packed(data: bytes, name: str) -> bytes:
    """The bytes of a .btf.tar.xz like BTFHub's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return lzma.compress(out.getvalue(), preset=PRESET)


def make_archive(folder: str, corpus: str, count: int, *, raw: bool = False, workers: int | None = None) -> str:
    """Makes an archive of `count` kernels below `folder` (.btf files with `raw`, otherwise .btf.tar.xz); returns its path.

    An existing archive is reused: the same call gives the same bytes.
    """
    place = os.path.join(folder, f"archive-{VERSION}-{count}-{'raw' if raw else 'xz'}")
    done = os.path.join(place, ".done")
    if os.path.exists(done):
        return place
    bases = sorted(glob(os.path.join(corpus, "hub", "*", "*", "*", "*.btf.tar.xz")))
    if not bases:
        raise FileNotFoundError(f"no corpus at {corpus}")
    jobs = [(place, path, list(range(index, count, len(bases))), raw) for index, path in enumerate(bases)]
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        list(pool.map(_make, jobs))
    with open(done, "w", encoding="utf-8"):
        return place


def _make(job: tuple[str, str, list[int], bool]) -> None:
    place, path, numbers, raw = job
    base = Base(path)
    for number in numbers:
        version, _, flavour = base.uname.partition("-")
        uname = f"{version}-{1000 + number}-{flavour}"
        folder = os.path.join(place, base.distro, base.release, base.arch)
        os.makedirs(folder, exist_ok=True)
        target = os.path.join(folder, uname + (".btf" if raw else ".btf.tar.xz"))
        if not os.path.exists(target):
            data = base.variant(number)
            with open(target + ".tmp", "wb") as out:
                out.write(data if raw else packed(data, uname + ".btf"))
            os.replace(target + ".tmp", target)


def main() -> int:
    folder, count, *rest = sys.argv[1:]
    corpus = os.environ.get("BTFKIT_CORPUS") or os.path.expanduser("~/.cache/btfkit-corpus")
    print(make_archive(folder, corpus, int(count), raw="--raw" in rest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
