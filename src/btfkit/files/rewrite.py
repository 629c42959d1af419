"""A kernel module with other BTF in it: the same file, packed the same way, everything else byte for byte as it was.

What has to follow when type ids change is `.BTF_ids`, the numbers by which a module names its kfuncs and some types: the
symbols of that section say which number stands for what (`__BTF_ID__func__NAME__7`; the kernel's include/linux/btf_ids.h
and tools/bpf/resolve_btfids).  A signature covers every byte of the file, so it does not hold for the new one.
"""

from __future__ import annotations

from struct import iter_unpack, pack, pack_into, unpack_from

from btfkit.errors import BtfError, UnsupportedError
from btfkit.files.container import MAX_LAYERS, Container, open_bytes, open_container
from btfkit.files.elf import ET_REL
from btfkit.files.elf_write import replace_sections
from btfkit.files.signature import signature_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from btfkit.files.elf import Data, Elf

    Path = str | os.PathLike[str]
    Translate = Callable[[int, str, str], int]

BASE_SECTIONS = (".BTF.base", ".BTF.base_minimal")
IDS = ".BTF_ids"
_SYMBOL = "__BTF_ID__"
_SETS = {"set": (4, 4), "set8": (8, 8)}  # by kind: bytes in front of the elements, bytes of one
SUFFIXES = {
    "gzip": ".gz",
    "bzip2": ".bz2",
    "xz": ".xz",
    "lzma": ".lzma",
    "zstd": ".zst",
    "lz4": ".lz4",
}
_PLAIN_SUFFIXES = (".ko", ".btf", ".o", ".bin", ".base")


class ModuleFile:
    """A module's file, opened to be written anew.

    `container` is what it holds (`container.elf` is None for raw BTF), `packings` what it is packed in, outermost first,
    `signature` the bytes of its signature (0: it is not signed).
    """

    __slots__ = ("container", "packings", "signature", "source")

    def __init__(self, container: Container, packings: tuple[str, ...]) -> None:
        self.container = container
        self.packings = packings
        self.source = container.source
        try:
            self.signature = signature_length(container.elf.view) if container.elf is not None else 0
        except BtfError as error:
            raise error.at(container.source) from None

    @property
    def elf(self) -> Elf | None:
        """The ELF file, None for raw BTF."""
        return self.container.elf

    def base_section(self) -> tuple[str, memoryview] | None:
        """The section that holds a distilled base, and its content; None where there is none."""
        for name in BASE_SECTIONS:
            found = self.elf.section(name) if self.elf is not None else None
            if found is not None and self.elf is not None:
                return name, self.elf.data(found)
        return None

    def rewritten(
        self,
        contents: Mapping[str, bytes | memoryview | None],
        *,
        strip_signature: bool = False,
        packings: tuple[str, ...] | None = None,
    ) -> bytes:
        """The ELF file with `contents` for its sections (None removes one), packed again.

        `packings` in place of the file's own.  Raises UnsupportedError for a signed module without `strip_signature`, and
        where this installation cannot pack that way.
        """
        if self.elf is None:
            raise UnsupportedError("raw BTF has no sections", source=self.source)
        if self.signature and not strip_signature:
            raise UnsupportedError(
                "a signed module: its signature does not hold for other contents, and a kernel that demands one would refuse "
                "the module; strip it, and sign the result again with the kernel's scripts/sign-file",
                source=self.source,
                remedy="strip_signature",
            )
        return self.packed(replace_sections(self.elf, contents), packings)

    def packed(self, data: bytes, packings: tuple[str, ...] | None = None) -> bytes:
        """`data` packed as the file was, or in `packings`."""
        return packed(data, self.packings if packings is None else packings, self.source)


def open_module(path_or_data: Path | Data, source: str | None = None) -> ModuleFile:
    """Open the module in a file (or in bytes): an ELF file or raw split BTF, packed or not.

    Raises what `open_container` does, and UnsupportedError for what is no module's file: a kernel, a boot image, an archive.
    """
    from btfkit.files.compression import sniff, unpack

    data: Data
    if isinstance(path_or_data, bytes | bytearray | memoryview):
        data, source = path_or_data, source or "module"
    else:
        data, source = open_bytes(path_or_data), source or str(path_or_data)  # type: ignore[arg-type]
    packings: tuple[str, ...] = ()
    while len(packings) < MAX_LAYERS and (kind := sniff(data)) is not None:
        data, packings = bytes(unpack(data, source, kind=kind)), (*packings, kind)
    container = open_container(data, source)
    if container.layers not in (("raw",), ("elf",)):
        raise UnsupportedError(f"a {container.layers[0]}, not the file of a module", source=source)
    if container.elf is not None and container.elf.type != ET_REL:
        raise UnsupportedError("a linked ELF file (a vmlinux?), not a module, which is relocatable", source=source)
    return ModuleFile(container, packings)


def rewrite_btf(
    data: Data, contents: Mapping[str, bytes | memoryview | None], source: str = "module", strip_signature: bool = False
) -> bytes:
    """The module `data` with other sections (".BTF": bytes, ".BTF.base": bytes, or None to remove one), packed as it was.

    ELF files of either class and byte order.  Everything that is not such a section or a section header stays as it was, and
    where it was.  Raises UnsupportedError for a signed module without `strip_signature`.
    """
    return open_module(data, source).rewritten(contents, strip_signature=strip_signature)


def packings_for(output: str, packings: tuple[str, ...]) -> tuple[str, ...]:
    """What a file called `output` is to be packed in: as its suffix says, or as the input where that says nothing."""
    for kind, suffix in SUFFIXES.items():
        if output.endswith(suffix):
            return packings if kind in packings else (kind,)
    return () if output.endswith(_PLAIN_SUFFIXES) else packings


def packed(data: bytes, packings: Sequence[str], source: str) -> bytes:
    """`data` in `packings`, outermost first; raises UnsupportedError where this installation cannot pack that way."""
    for kind in reversed(packings):
        from btfkit.files.compression import pack as pack_as

        data = pack_as(data, kind, source)
    return data


# ---- .BTF_ids ------------------------------------------------------------------------------------------------------


class Ids:
    """`.BTF_ids` with other numbers: `content` of the section, and `lost`, the names whose number became 0."""

    __slots__ = ("content", "lost")

    def __init__(self, content: bytes, lost: Sequence[str]) -> None:
        self.content = content
        self.lost = tuple(lost)


def translated_ids(elf: Elf, translate: Translate) -> Ids | None:
    """The section `.BTF_ids` with each number `n` of a type replaced by `translate(n, kind, name)`, its sets sorted again.

    `kind` is "func", "struct", "union" or "typedef"; a result of 0 means that nothing is known by it, as resolve_btfids
    leaves it.  None where the module has no such section.  Raises UnsupportedError where no symbols tell what is in it.
    """
    section = elf.section(IDS)
    if section is None or not section.size:
        return None
    content = bytearray(elf.data(section))
    places, sets = _places(elf, section.index, len(content))
    if not places and any(content):
        raise UnsupportedError(
            "numbers of types that no symbol explains: the module's symbols were stripped, so its kfuncs cannot be renumbered",
            source=elf.source,
            section=IDS,
        )
    lost = []
    for place, (kind, name) in places.items():
        old = unpack_from(elf.mark + "I", content, place)[0]
        new = translate(old, kind, name)
        pack_into(elf.mark + "I", content, place, new)
        if not new and old:
            lost.append(f"{kind} {name}")
    for place, kind in sets.items():
        _sort(content, place, kind, elf.mark)
    return Ids(bytes(content), lost)


def _places(elf: Elf, index: int, size: int) -> tuple[dict[int, tuple[str, str]], dict[int, str]]:
    """Where numbers stand, and of what (kind, name); and where sets begin, and of which kind."""
    places: dict[int, tuple[str, str]] = {}
    sets: dict[int, str] = {}
    for symbol in elf.symbols():
        if symbol.section != index or not symbol.name.startswith(_SYMBOL) or symbol.value + 4 > size:
            continue
        kind, _, rest = symbol.name[len(_SYMBOL) :].partition("__")
        if kind in _SETS:
            sets[symbol.value] = kind
        elif rest:
            places[symbol.value] = kind, rest.rpartition("__")[0] or rest
    return places, sets


def _sort(content: bytearray, place: int, kind: str, mark: str) -> None:
    """Sort a set by its numbers: the kernel looks them up by halving (btf_id_set_contains)."""
    head, width = _SETS[kind]
    count = unpack_from(mark + "I", content, place)[0]
    start, end = place + head, place + head + count * width
    if end > len(content):
        return
    form = mark + "I" * (width // 4)
    rows = sorted(iter_unpack(form, content[start:end]), key=lambda row: row[0])
    content[start:end] = b"".join(pack(form, *row) for row in rows)
