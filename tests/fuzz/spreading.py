"""Targets of the fuzzer: DWARF in several files, and debug packages.

Of a program with split units, a package of them or what dwz moved, one file is broken; of a .deb or .rpm the headers, members or
the kernel.

The laws, besides a result or a `BtfError`: what comes out can be judged, and is the same a second time.
"""

from __future__ import annotations

import bz2
import functools
import glob
import gzip
import io
import lzma
import os
import struct
import tarfile
from random import Random

import encoding
import mutate
from case import Case

from btfkit.btf.btf import Btf
from btfkit.dwarf.companion import Companions
from btfkit.encoder.encode import encode
from btfkit.errors import NotFoundError
from btfkit.file_ops.encode import WithDwarf, open_elf
from btfkit.files.elf import Elf
from btfkit.files.package import package_facts
from btfkit.fleet.distributions import distribution
from btfkit.fleet.keys import uname_of_path
from btfkit.judges.structure import structure

NAMES = ("info", "abbrev", "str", "str_offsets", "line", "line_str", "types", "loc", "loclists", "addr", "rnglists")
SECTIONS = (
    *(".debug_cu_index", ".debug_tu_index", ".gnu_debugaltlink", ".debug_sup", ".note.gnu.build-id", ".gnu_debuglink"),
    *(f".debug_{name}{end}" for name in NAMES for end in (".dwo", "")),
)
INDEXES = 4  # of SECTIONS, which are chosen most


@functools.cache
def programs() -> list[dict[str, bytes]]:
    """The files of each program, by name."""
    found = []
    for path in sorted(glob.glob(os.path.join(encoding.DATA, "spread", "*.tar.xz"))):
        with tarfile.open(path) as tar:
            found.append({one.name: tar.extractfile(one).read() for one in tar.getmembers()})  # type: ignore[union-attr]
    return found


def make_spread(r: Random) -> Case:
    """A program with its files, a section or two of one of them broken; at times a file is gone, or another program's."""
    files = dict(r.choice(programs()))
    name = r.choice([name for name in files if name != "program"] if r.random() < 0.75 else sorted(files))
    if r.random() < 0.04:
        files[name] = r.choice(programs()).get(name, b"")
    elif r.random() < 0.05:
        files[name] = mutate.elf(r, files[name])
    else:
        parts = mutate.ElfFile(files[name])
        known = [index for index in map(parts.index, SECTIONS) if index > 0 and parts.content(index)]
        weights = [3 if place < INDEXES else 1 for place in range(len(known))]
        broken = r.choices(known or [0], weights or [1], k=r.choice((1, 1, 2)))
        files[name] = parts.rebuilt({index: mutate.plain(r, parts.content(index)) for index in broken})
    names = sorted(files)
    return Case("spread", [files[one] for one in names], names=names, alone=r.random() < 0.1)


def run_spread(case: Case) -> None:
    files = dict(zip(case.options["names"], case.parts, strict=True))
    name = next((one for one in files if one.endswith((".dwo", ".dwp"))), "program")
    first = name if case.options["alone"] else "program"
    assert _encoded(files, first).blob == _encoded(files, first).blob, "other bytes the second time"


def _encoded(files: dict[str, bytes], first: str) -> Btf:
    companions = Companions(first, (), lambda path: files.get(os.path.basename(path)))
    elf = Elf(files[first], first)
    found = companions.with_dwarf(elf)
    if found is None:
        raise NotFoundError("no DWARF", source=first)
    btf = encode(found, companions=companions).btf
    for finding in structure(btf):
        str(finding)
    return btf


# ---- debug packages ------------------------------------------------------------------------------------------------

PACKERS = {"": bytes, ".gz": functools.partial(gzip.compress, mtime=0), ".xz": lzma.compress, ".bz2": bz2.compress}
CONTROL = (
    "Package: linux-image-6.1.0-9-amd64-dbg\nVersion: 6.1.27-1\nArchitecture: amd64\nMaintainer: Debian Kernel Team\n"
)
TAGS = {1000: "kernel-debuginfo", 1001: "5.14.0", 1002: "70.el9", 1010: "", 1011: "CentOS", 1022: "x86_64"}


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _debian(r: Random, files: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    suffix = r.choice(list(PACKERS))
    parts = {"control": _tar({"control": CONTROL.encode()}), "data": _tar(files)}
    broken = r.choice(("", "", *parts))
    members = {"debian-binary": b"2.0\n"}
    for name, content in parts.items():
        inner = mutate.plain(r, content) if name == broken and r.random() < 0.7 else content
        members[f"{name}.tar{suffix}"] = PACKERS[suffix](inner)
    for name, content in members.items():
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode()
        out += head + content + b"\n" * (len(content) % 2)
    return out


def _header(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    head = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(entries), len(data))
    return head + b"".join(struct.pack(">IIII", *entry) for entry in entries) + data


def _rpm(r: Random, files: dict[str, bytes]) -> bytes:
    payload = b""
    for name, content in (*files.items(), ("TRAILER!!!", b"")):
        raw = f"./{name}".encode() + b"\0" if content else name.encode() + b"\0"
        fields = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        payload += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        payload += bytes(-len(payload) % 4)
        payload += content + bytes(-len(content) % 4)
    if r.random() < 0.3:
        payload = mutate.plain(r, payload)
    entries, data = [], b""
    for tag, text in TAGS.items():
        entries.append((tag, r.choice((6, 6, 6, 8, 9, 4)), len(data), 1))
        data += text.encode() + b"\0"
    signature = _header([(1000, 6, 0, 1)], b"signature..")
    signature += bytes(-len(signature) % 8)
    header = _header(entries, data)
    if r.random() < 0.4:
        header = mutate.plain(r, header)
    return b"\xed\xab\xee\xdb\3\0" + bytes(90) + signature + header + PACKERS[r.choice(list(PACKERS))](payload)


def make_package(r: Random) -> Case:
    """A .deb or .rpm with a kernel: the whole, a part before it was packed, or the kernel is broken."""
    kernel = r.choice(encoding.objects())
    if r.random() < 0.1:
        kernel = mutate.elf(r, kernel)
    path = r.choice(
        ("usr/lib/debug/boot/vmlinux-6.1.0-9-amd64", "usr/lib/debug/lib/modules/5.14.0-70.el9.x86_64/vmlinux")
    )
    files = {"usr/share/doc/x/copyright": b"x" * r.randrange(1, 2000), path: kernel}
    if r.random() < 0.1:
        files["boot/vmlinux-5.1"] = kernel
    data = (_debian if r.random() < 0.5 else _rpm)(r, files)
    if r.random() < 0.6:
        start = data[:4096]
        data = mutate.plain(r, start) + data[4096:] if r.random() < 0.7 else mutate.plain(r, data)
    return Case("package", [data])


def run_package(case: Case) -> None:
    data = case.parts[0]
    facts = package_facts(data, "p")
    distro, release = distribution(facts)
    assert bool(distro) == bool(release), "a release without a distribution, or none of one"
    file = open_elf("p", data)
    assert file.elf is not None
    uname_of_path(file.elf.source.removeprefix("p(").removesuffix(")"))
    found = WithDwarf(file, "p", ())
    btf = encode(found.elf, symbols=found.symbols, companions=found.companions).btf
    for finding in structure(btf):
        str(finding)


TARGETS = {"spread": (5, make_spread), "package": (3, make_package)}
RUN = {"spread": run_spread, "package": run_package}
