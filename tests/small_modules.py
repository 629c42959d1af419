"""Kernels of a dozen types and a module for them, and ELF files of either class and byte order to put it in."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder

SIGNATURE = b"S" * 40 + bytes(8) + (40).to_bytes(4, "big") + b"~Module signature appended~\n"


def kernel(
    order="little",
    *,
    filler: int = 0,
    mutex: int = 32,
    mutex_first: str = "owner",
    signed_char: bool = True,
    knows: bool = True,
    file: bool = True,
    doubled: bool = False,
    bits: int = 64,
) -> Btf:
    """A kernel: `filler` more types in front, a `mutex` of so many bytes, plain char signed or not, a struct module that
    `knows` of .BTF.base, a struct `file`, and a second struct file of the same size (`doubled`)."""
    b = Builder(order=order)
    for number in range(filler):
        b.struct(f"filler_{number}", 4, [])
    char = b.int("char", 1, encoding=spec.INT_SIGNED * signed_char)
    number = b.int("unsigned long", bits // 8)
    pointer = b.ptr(char)
    b.struct("mutex", mutex, [(mutex_first, number, 0), ("wait", pointer, 64)])
    if file:
        b.struct("file", 16, [("f_pos", number, 0)])
    if doubled:
        b.struct("file", 16, [("other", number, 64)])
    b.struct("module", 64, [("btf_data", pointer, 0), *([("btf_base_data", pointer, 64)] if knows else [])])
    proto = b.func_proto(0, [("pos", number)])
    for name in ("vfs_read", "vfs_write", "vfs_sync"):
        b.func(name, proto, 1)
    return b.build(pointer_size=bits // 8)


def module(base: Btf) -> bytes:
    """The BTF of a module on that kernel: it has a mutex by value, a file behind a pointer, and a kfunc."""
    b = Builder(base)
    mutex, char, file = (base.find_id(name) for name in ("struct mutex", "char", "struct file"))
    array = b.array(char, base.find_id("unsigned long"), 16)
    pointer = b.ptr(file)
    dev = b.struct("my_dev", 64, [("lock", mutex, 0), ("file", pointer, 256), ("name", array, 320)])
    proto = b.func_proto(char, [("dev", b.ptr(dev))])
    b.func("my_probe", proto)
    b.func("my_kfunc", proto, 1)
    return b.to_bytes()


def elf(
    sections: dict[str, bytes],
    order="little",
    bits: int = 64,
    *,
    symbols=(),
    align: int = 1,
    kind: int = 1,
    relocated: dict[str, str] | None = None,
    machine: int = 62,
) -> bytes:
    """An ELF file of that class and byte order with `sections`; `symbols` are (name, section, value, size), `relocated` the
    sections that the sections of relocations (SHT_REL, ".rela...": SHT_RELA) are for."""
    word = bits // 8
    strings = b"\0"
    table = bytearray(24 if bits == 64 else 16)
    names = list(sections)
    for name, section, value, size in symbols:
        place = len(strings)
        strings += name.encode() + b"\0"
        index = names.index(section) + 1
        if bits == 64:
            fields = [(place, 4), (1, 1), (0, 1), (index, 2), (value, 8), (size, 8)]
        else:
            fields = [(place, 4), (value, 4), (size, 4), (1, 1), (0, 1), (index, 2)]
        table += b"".join(number.to_bytes(width, order) for number, width in fields)
    if symbols:
        sections = {**sections, ".symtab": bytes(table), ".strtab": strings}
    all_names = [*sections, ".shstrtab"]
    shstrtab = b"\0" + b"".join(name.encode() + b"\0" for name in all_names)
    head = 64 if bits == 64 else 52
    body, headers = b"", bytes(64 if bits == 64 else 40)
    for name, content in [*sections.items(), (".shstrtab", shstrtab)]:
        form = {".shstrtab": 3, ".strtab": 3, ".symtab": 2}.get(name, 1)
        aimed = (relocated or {}).get(name)
        if aimed is not None:
            form = 4 if name.startswith(".rela") else 9
        info = all_names.index(aimed) + 1 if aimed is not None else 0
        link = all_names.index(".strtab") + 1 if name == ".symtab" else 0
        place = shstrtab.index(b"\0" + name.encode() + b"\0") + 1
        fields = [(place, 4), (form, 4), (0, word), (0, word), (head + len(body), word), (len(content), word)]
        fields += [(link, 4), (info, 4), (align, word), (0, word)]
        headers += b"".join(number.to_bytes(width, order) for number, width in fields)
        body += content
    body += bytes(-(head + len(body)) % 8)
    fields = [
        (kind, 2),
        (machine, 2),
        (1, 4),
        (0, word),
        (0, word),
        (head + len(body), word),
        (0, 4),
        (head, 2),
        (0, 2),
        (0, 2),
    ]
    fields += [(64 if bits == 64 else 40, 2), (len(all_names) + 1, 2), (len(all_names), 2)]
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "little" else 2, 1)) + bytes(9)
    return ident + b"".join(number.to_bytes(width, order) for number, width in fields) + body + headers


def ko(
    blob: bytes, base: Btf, order="little", bits: int = 64, *, ids: bool = False, signed: bool = False, **more
) -> bytes:
    """A module's file with `.BTF`; with `ids` a `.BTF_ids` that names its kfunc and two types of the kernel."""
    sections = {".text": b"\xcc" * 13, ".modinfo": b"license=GPL\0", ".BTF": blob, ".data": b"data"}
    symbols = []
    if ids:
        btf = Btf.from_bytes(blob, base)
        kfunc, mutex = btf.find_id("my_kfunc"), btf.find_id("struct mutex")
        unused = btf.find_id("struct module")
        numbers = [mutex, unused, 2, 0, kfunc, 16, btf.find_id("my_probe"), 1]
        sections[".BTF_ids"] = b"".join(number.to_bytes(4, order) for number in numbers)
        symbols = [
            ("__BTF_ID__struct__mutex__1", ".BTF_ids", 0, 4),
            ("__BTF_ID__struct__module__2", ".BTF_ids", 4, 4),
            ("__BTF_ID__set8__my_set", ".BTF_ids", 8, 24),
            ("__BTF_ID__func__my_kfunc__3", ".BTF_ids", 16, 4),
            ("__BTF_ID__func__my_probe__4", ".BTF_ids", 24, 4),
        ]
    return elf(sections, order, bits, symbols=symbols, **more) + (SIGNATURE if signed else b"")
