"""Inputs for the tests of `btfkit.files`: tiny ELF files, BTF blobs, tars and images; and the corpus, where it is."""

from __future__ import annotations

import io
import os
import struct
import tarfile

from corpus import corpus_dir
from needs import lacks, module

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = corpus_dir()

FLAVOURS = [(bits, order) for bits in (32, 64) for order in ("little", "big")]


def corpus(*parts: str) -> str:
    """The path of a file of the corpus; skips the test if it does not exist."""
    path = os.path.join(CORPUS, *parts)
    if not os.path.exists(path):
        lacks("corpus-more", os.path.join(*parts)) if os.path.isdir(CORPUS) else lacks("corpus")
    return path


def tiny_btf(order: str = "little", ints: int = 1, header: int = 24) -> bytes:
    """A base BTF of some 4-byte INTs called `int`."""
    mark = "<" if order == "little" else ">"
    types = struct.pack(mark + "IIII", 1, 1 << 24, 4, 0x01000020) * ints
    strings = b"\0int\0"
    head = struct.pack(mark + "HBBIIIII", 0xEB9F, 1, 0, header, 0, len(types), len(types), len(strings))
    return head.ljust(header, b"\0") + types + strings


def tiny_elf(
    sections: list[tuple],
    *,
    bits: int = 64,
    order: str = "little",
    machine: int = 247,
    kind: int = 1,
    extended: bool = False,
) -> bytes:
    """An ELF file of `sections`: (name, content) or (name, content, {field: value}); a .shstrtab comes last.

    Fields: type, flags, addr, link, info, align, entsize, and to lie with: offset, size, name.  With `extended` the
    number of sections and the index of their names stand in section 0.
    """
    mark = "<" if order == "little" else ">"
    header, shdr = (64, "IIQQQQIIQQ") if bits == 64 else (52, "IIIIIIIIII")
    names = b"\0" + b"".join(s[0].encode() + b"\0" for s in sections) + b".shstrtab\0"
    body = bytearray(header)
    rows = [[0] * 10]
    at = 1
    for name, content, *more in [*sections, (".shstrtab", names, {"type": 3})]:
        f = more[0] if more else {}
        align = f.get("align", 4)
        body += bytes(-len(body) % min(max(align, 1), 4096))
        rows.append([f.get("name", at), f.get("type", 1), f.get("flags", 0), f.get("addr", 0), f.get("offset", len(body)),
                     f.get("size", len(content)), f.get("link", 0), f.get("info", 0), align, f.get("entsize", 0)])  # fmt: skip
        at += len(name) + 1
        body += content
    body += bytes(-len(body) % 8)
    shoff, count, last = len(body), len(rows), len(rows) - 1
    if extended:
        rows[0][5], rows[0][6], count, last = count, last, 0, 0xFFFF
    body += b"".join(struct.pack(mark + shdr, *row) for row in rows)
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "little" else 2, 1)) + bytes(9)
    form = "HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH"
    size = 64 if bits == 64 else 40
    body[:header] = ident + struct.pack(mark + form, kind, machine, 1, 0, 0, shoff, 0, header, 0, 0, size, count, last)
    return bytes(body)


def symbol(bits: int, order: str, name: int, value: int, size: int, info: int, section: int) -> bytes:
    mark = "<" if order == "little" else ">"
    if bits == 64:
        return struct.pack(mark + "IBBHQQ", name, info, 0, section, value, size)
    return struct.pack(mark + "IIIBBH", name, value, size, info, 0, section)


def tar_of(*members: tuple[str, bytes | None, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of (name, content or link target, type); type b"0" is a file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == b"0":
                info.size = len(content or b"")
                tar.addfile(info, io.BytesIO(content or b""))
            else:
                info.linkname = (content or b"").decode()
                tar.addfile(info)
    return out.getvalue()


def signed(module: bytes, signature: bytes = b"s" * 100) -> bytes:
    """`module` with a signature appended as the kernel's sign-file does."""
    return module + signature + struct.pack(">8xI", len(signature)) + b"~Module signature appended~\n"


def legacy_lz4(data: bytes) -> bytes:
    """`data` in lz4's legacy form, as `lz4 -l` writes it."""
    block = module("lz4.block")
    out = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        packed = block.compress(data[at : at + (8 << 20)], store_size=False)
        out += struct.pack("<I", len(packed)) + packed
    return out
