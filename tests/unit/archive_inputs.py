"""Packages made by hand: Debian's ar with a data.tar, RPM's lead and headers with a cpio, and cpio alone."""

from __future__ import annotations

import struct

from test_files_inputs import tar_of

Files = dict[str, bytes]


def ar(members: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, content in members.items():
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode()
        out += head + content + b"\n" * (len(content) % 2)
    return out


def deb(files: Files, pack=bytes, suffix: str = "", control: str = "Package: x\n") -> bytes:
    """A Debian package; `pack` compresses its data.tar, whose name gets the `suffix`, and its control.tar."""
    tar = tar_of(("./", None, b"5"), *((f"./{name}", content, b"0") for name, content in files.items()))
    return ar(
        {
            "debian-binary": b"2.0\n",
            f"control.tar{suffix}": pack(tar_of(("./md5sums", b"0  x\n", b"0"), ("./control", control.encode(), b"0"))),
            f"data.tar{suffix}": pack(tar),
        }
    )


def cpio(files: Files, magic: bytes = b"070701") -> bytes:
    out = b""
    members = [("./dir", b"", 0o40755), ("link", b"/etc/passwd", 0o120777)]
    members += [(name, content, 0o100644) for name, content in files.items()]
    for name, content, mode in (*members, ("TRAILER!!!", b"", 0)):
        raw = name.encode() + b"\0"
        fields = (1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        out += magic + b"".join(b"%08X" % field for field in fields) + raw
        out += bytes(-len(out) % 4)
        out += content + bytes(-len(content) % 4)
    return out


def rpm(files: Files, pack=bytes, tags: dict[int, str] | None = None) -> bytes:
    """An RPM; its header has the strings `tags`."""

    def header(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
        head = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(entries), len(data))
        return head + b"".join(struct.pack(">IIII", *entry) for entry in entries) + data

    signature = header([(1000, 6, 0, 1)] * 3, b"signature..")
    signature += bytes(-len(signature) % 8)
    lead = b"\xed\xab\xee\xdb\3\0" + bytes(90)
    data = b""
    entries = [(5000, 4, 0, 1)]
    for tag, text in (tags or {1000: "kernel"}).items():
        entries.append((tag, 6, len(data), 1))
        data += text.encode() + b"\0"
    cpio_files = cpio({f"./{name}": content for name, content in files.items()})
    return lead + signature + header(entries, data) + pack(cpio_files)
