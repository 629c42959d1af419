"""What the fuzzer starts from: valid inputs of every sort, real ones where the corpus is, made ones anywhere.

A *part* of a case is bytes, or the text "corpus:NAME" for a whole kernel that is only a base: it is read when needed.
"""

from __future__ import annotations

import bz2
import functools
import glob
import gzip
import io
import lzma
import os
import random
import struct
import tarfile

import corpus
import objects
from bpf import cases
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder

ORDERS = ("little", "big")
SPLIT_KERNEL = "6.12.107+deb13-amd64"
LARGEST_OBJECT = 60_000  # bytes


def every_kind(order: str, layout: bool = False) -> bytes:
    """A BTF with every kind, each of them used by another."""
    b = Builder(order=order, layout=layout)
    number, long = b.int("int", 4, encoding=1), b.int("unsigned long", 8)
    char = b.int("char", 1, encoding=3)
    b.float("double", 8)
    node = b.next_id + 1
    pointer = b.ptr(node)
    b.struct("node", 24, [("next", pointer, 0), ("x", number, 64, 3), ("y", number, 67, 5), ("tail", number, 96, 0)])
    array = b.array(char, number, 16)
    union = b.union("", 16, [("name", array, 0), ("long", long, 0)])
    b.struct("outer", 40, [("", union, 0), ("node", node, 128)])
    b.enum("state", [("OFF", 0), ("ON", 1), ("BAD", -1)])
    b.enum64("big", [("ALL", 1 << 63), ("ONE", 1)])
    b.fwd("far")
    typedef = b.typedef("node_t", b.const(b.volatile(node)))
    b.ptr(b.type_tag("user", b.restrict(b.ptr(typedef))))
    proto = b.func_proto(number, [("a", pointer), ("b", long), ("", 0)])
    func = b.func("run", proto, 1)
    var = b.var("state", number)
    b.datasec(".data", 4, [(var, 0, 4)])
    b.decl_tag("kfunc", func)
    b.decl_tag("arg", func, 1)
    b.struct("node___old", 8, [("next", pointer, 0)])
    b.struct("flex", 8, [("n", number, 0), ("of", b.array(node, number, 0), 64)])
    return b.to_bytes()


def splits(base: bytes) -> tuple[bytes, bytes]:
    """A split BTF on `base` (of `every_kind`), and one on top of that."""
    below = Btf.from_bytes(base)
    b = Builder(below)
    mine = b.struct("mine", 48, [("outer", below.find("outer").id, 0), ("node", below.find("node").id, 320)])
    b.ptr(mine)
    b.struct("node", 4, [("x", 1, 0)])
    b.func("go", b.func_proto(0, [("m", mine + 1)]))
    middle = b.build()
    top = Builder(middle)
    top.struct("top", 48, [("mine", mine, 0)])
    top.typedef("mine_t", mine)
    return b.to_bytes(), top.to_bytes()


@functools.cache
def chains() -> list[tuple[str, list]]:
    """(name, parts): a base and up to two splits, one on the other."""
    found: list[tuple[str, list]] = []
    for order in ORDERS:
        for layout in (False, True):
            base = every_kind(order, layout)
            found.append((f"kinds.{order}", [base, *splits(base)]))
    for number in range(24):
        scene = objects.scene(objects.Choose(random.Random(number)), module_count=1)
        found.append((f"scene.{number}", [scene.vmlinux.to_bytes(), scene.modules[0].to_bytes()]))
    for name, entry in cases.manifest()["targets"].items():
        base, modules = cases.target_bytes(name)
        found.append((name, [base, *list(modules.values())[:1]]))
        del entry
    if corpus.has_corpus() and SPLIT_KERNEL in corpus.kernels():
        small = [blob for blob in corpus.modules(SPLIT_KERNEL).values() if len(blob) < 12_000][::40]
        found += [(f"module.{number}", [f"corpus:{SPLIT_KERNEL}", blob]) for number, blob in enumerate(small)]
    return found


@functools.cache
def programs() -> list[tuple[str, bytes]]:
    """(name, ELF file) of BPF objects."""
    found = [(name, cases.object_bytes(name)) for name in cases.manifest()["objects"]]
    if corpus.has_corpus():
        paths = corpus.objects().items()
        found += [(name, corpus.object_bytes(name)) for name, path in paths if os.path.getsize(path) < LARGEST_OBJECT]
    return found


@functools.cache
def scenes() -> list[tuple[list[bytes], bytes]]:
    """([vmlinux, modules...], object): kernels and programs that fit them a little."""
    found = []
    for number in range(60):
        scene = objects.scene(objects.Choose(random.Random(1000 + number)))
        chain = [btf.to_bytes() for btf in (scene.vmlinux, *scene.modules)]
        found += [(chain, program.elf()) for program in scene.programs]
    for name, entry in cases.manifest()["objects"].items():
        for target in entry["targets"]:
            base, modules = cases.target_bytes(target)
            found.append(([base, *modules.values()], cases.object_bytes(name)))
    return found


def elf(sections: dict[str, bytes], order: str = "little", machine: int = 247, bits: int = 64) -> bytes:
    """A relocatable ELF file of these sections."""
    mark, wide = ("<" if order == "little" else ">"), bits == 64
    names, body, rows = b"\0", bytearray(64 if wide else 52), [[0] * 10]
    for name, content in {**sections, ".shstrtab": b""}.items():
        at, names = len(names), names + name.encode() + b"\0"
        content = content if name != ".shstrtab" else names
        body += bytes(-len(body) % 8)
        rows.append([at, 3 if name == ".shstrtab" else 1, 0, 0, len(body), len(content), 0, 0, 4, 0])
        body += content
    body += bytes(-len(body) % 8)
    table = len(body)
    for row in rows:
        body += struct.pack(mark + ("IIQQQQIIQQ" if wide else "10I"), *row)
    head = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "little" else 2, 1)) + bytes(9)
    sizes = (64, 0, 0, 64) if wide else (52, 0, 0, 40)
    form = mark + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    head += struct.pack(form, 1, machine, 1, 0, 0, table, 0, *sizes, len(rows), len(rows) - 1)
    body[: len(head)] = head
    return bytes(body)


def _tar(members: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def packings() -> dict[str, object]:
    """Functions that pack, by name; those of this installation."""
    found: dict[str, object] = {
        "gzip": functools.partial(gzip.compress, mtime=0),
        "bzip2": bz2.compress,
        "xz": lzma.compress,
    }
    found["lzma"] = functools.partial(lzma.compress, format=lzma.FORMAT_ALONE)
    try:
        from backports import zstd

        found["zstd"] = zstd.compress
    except ImportError:
        pass
    try:
        import lz4.frame

        found["lz4"] = lz4.frame.compress
        found["lz4-legacy"] = _legacy
    except ImportError:
        pass
    return found


def _legacy(data: bytes) -> bytes:
    import lz4.block

    packed = lz4.block.compress(data, store_size=False)
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(packed)) + packed


def _images(inner: bytes, flat: bytes) -> dict[str, bytes]:
    """Boot images: `inner` is what is packed in them, `flat` a kernel without sections."""
    packed = gzip.compress(inner, mtime=0)
    image = bytearray(0x1000)
    image[0x1F1], image[0x202:0x206] = 3, b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20F)
    struct.pack_into("<II", image, 0x248, 0x1000 - 4 * 512, len(packed))
    zboot = b"MZ\0\0zimg" + struct.pack("<II", 64, len(packed)) + bytes(8) + b"gzip".ljust(32, b"\0") + bytes(8)
    uimage = b"\x27\x05\x19\x56" + bytes(8) + struct.pack(">I", len(packed)) + bytes(48)
    pe = bytearray(0x40) + b"PE\0\0" + struct.pack("<HH12xHH", 0x8664, 1, 0, 0)
    pe[:2] = b"MZ"
    struct.pack_into("<I", pe, 0x3C, 0x40)
    pe += b".linux\0\0" + struct.pack("<IIII16x", len(inner), 0, len(inner), len(pe) + 40)
    return {
        "bzimage": bytes(image) + packed + b"behind",
        "zboot": zboot + packed,
        "uimage": uimage + packed,
        "uki": bytes(pe) + inner,
        "arm64": b"MZ".ljust(56, b"\0") + b"ARM\x64" + flat,
        "riscv": bytes(48) + b"RISCV\0\0\0RSC\x05" + flat,
        "s390": bytes(0x10008) + b"S390EP" + flat,
    }


@functools.cache
def containers() -> list[tuple[str, bytes]]:
    """(name, file): BTF in every container."""
    blob = every_kind("little")
    module = elf({".BTF": splits(blob)[0], ".modinfo": b"name=x"}, machine=62)
    kernel = elf({".BTF": blob, ".text": bytes(100)}, machine=62)
    noise = random.Random(1).randbytes(3000)
    found = {"elf": kernel, "elf.big": elf({".BTF": every_kind("big")}, "big", 22), "ko": module}
    found["elf32"] = elf({".BTF": blob}, bits=32)
    found["with-base"] = elf({".BTF": splits(blob)[0], ".BTF.base": blob})
    found["signed"] = module + b"s" * 40 + struct.pack(">8xI", 40) + b"~Module signature appended~\n"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        found[f"tar.{form}"] = _tar({"x.btf": blob}, form)
    found["tar.long"] = _tar({"d" * 120 + "/x.btf": blob})
    found["tar.pax"] = _tar({"\u00e9" * 120 + "/x.btf": blob}, tarfile.PAX_FORMAT)
    found["tar.modules"] = _tar({"a.ko": module, "b.btf": splits(blob)[0], "note": b"text"})
    for name, pack in packings().items():
        found[name] = pack(blob)  # type: ignore[operator]
        found[f"ko.{name}"] = pack(module)  # type: ignore[operator]
        found[f"tar.{name}"] = pack(found["tar.0"] if "tar.0" in found else found["tar.1"])  # type: ignore[operator]
    found.update(_images(kernel, noise + blob + noise))
    found["raw"] = blob
    program = cases.object_bytes("fields.el")
    found["object"] = program
    found["executable"] = elf({".rodata": noise + program + noise + program}, machine=62)
    found["plain noise"] = noise
    return list(found.items())


def kernel_files() -> list[str]:
    """Paths of boot images and modules as users have them; none without the corpus."""
    return sorted(glob.glob(os.path.join(corpus.corpus_dir(), "kernel-files", "*")))


def resolve(part: object) -> bytes:
    """The bytes of a part."""
    if isinstance(part, bytes):
        return part
    name = str(part).removeprefix("corpus:")
    return corpus.kernel_btf(name)
