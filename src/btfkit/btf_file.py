"""A file with BTF: opened, read on its base, and written again with other BTF.

    file = btfkit.open("nf_nat.ko.xz")
    split = file.btf("/sys/kernel/btf/vmlinux")    # a module with a distilled base is reconciled here, and only here
    new = btfkit.sort(split)
    file.write("out/nf_nat.ko.xz", new.btf, new.ids)

The base of a BTF: a module with a distilled base (`.BTF.base`, or btfkit's `.BTF.base_minimal`) is split on that if no base is
given, and otherwise reconciled to the given base by the strict rules.  Any other split BTF is split on the given base.  A module
in /sys/kernel/btf uses the running vmlinux by default.
"""

from __future__ import annotations

from btfkit import log
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.header import SECOND, byte_order
from btfkit.errors import BtfError, ChainError, FormatError, NotFoundError, UnsupportedError
from btfkit.files import sysfs
from btfkit.files.container import Container, open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TypedDict, Unpack

    from btfkit.btf.ext import Ext
    from btfkit.files.elf import Data, Elf
    from btfkit.passes.idmap import IdMap
    from btfkit.passes.rebase import NameIndex
    from btfkit.passes.reconcile import Reconciled

    class BinaryFile(Protocol):
        """An open binary file."""

        def read(self) -> bytes: ...

    class Replacing(TypedDict, total=False):
        """Options of `BtfFile.replace`."""

        base: Btf | None
        base_section: str | None
        ext: Ext | None
        strip_signature: bool
        lost: list[str] | None

    Path = str | os.PathLike[str]
    Source = Path | Data | BinaryFile | Container

BASE_SECTION = ".BTF.base"
MINIMAL_BASE_SECTION = ".BTF.base_minimal"


def open(
    path: Source,
    source: str | None = None,
    *,
    distilled_base: Btf | Source | None = None,
    base_section: str | None = None,
    limit: int | None = None,
    pointer_size: int | None = None,
) -> BtfFile:
    """Open a file with BTF: a path ("-": standard input), bytes, an open binary file, or a Container.

    `source` names bytes in messages.  `distilled_base` is the distilled base of raw BTF, from a separate file;
    `base_section` the section of a module's base, if it is not `.BTF.base` or `.BTF.base_minimal`; `limit` the number of bytes
    that a compressed file may expand to (default: BTFKIT_UNPACK_LIMIT of the environment, or 1 GiB); `pointer_size` the size of
    pointers (bytes), for raw BTF that does not show it, and its base.  Raises what
    `open_container` does: FormatError, NotFoundError, AmbiguousError, UnsupportedError, and OSError if the file cannot be read.
    """
    if not isinstance(path, Container):
        path = _container(path, source, limit)
    base = distilled_base if distilled_base is None or isinstance(distilled_base, Btf) else load(distilled_base)
    return BtfFile(path, base, base_section, pointer_size)


def load(path: Source, base: Btf | SharedBase | Source | None = None, *, pointer_size: int | None = None) -> Btf:
    """The BTF in a file: raw, in an ELF file, in a boot image, compressed; short for `open(path).btf(base)`.

    `path` is a path ("-": standard input), bytes, an open binary file or a Container; `base` the BTF of the vmlinux, or a
    file with it; `pointer_size` (bytes) is for raw BTF that does not show it.  Raises what `open` and `BtfFile.btf` do.
    """
    return open(path, pointer_size=pointer_size).btf(base)


def _container(path: Path | Data | BinaryFile, source: str | None, limit: int | None) -> Container:
    if hasattr(path, "read") and not hasattr(path, "__fspath__") and not hasattr(path, "find"):
        name = getattr(path, "name", None)
        content = path.read()
        if not isinstance(content, bytes):
            raise TypeError("a text file: open it in binary mode, open(path, 'rb')")
        return open_container(content, source or (name if isinstance(name, str) else None), limit=limit)
    return open_container(path, source, limit=limit)  # type: ignore[arg-type]


class SharedBase:
    """A base for many modules: `btf`, and its index by name, made when a module is first reconciled to it."""

    __slots__ = ("_index", "btf")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self._index: NameIndex | None = None

    @property
    def index(self) -> NameIndex:
        """The named types of the base, by name."""
        if self._index is None:
            from btfkit.passes.rebase import NameIndex

            self._index = NameIndex(self.btf)
        return self._index


class Resolved:
    """A file's BTF on its base: `btf`, and the map from the ids in the file (`following`)."""

    __slots__ = ("_reconciled", "btf")

    def __init__(self, btf: Btf, reconciled: Reconciled | None = None) -> None:
        self.btf = btf
        self._reconciled = reconciled

    @property
    def was_reconciled(self) -> bool:
        """Whether the file's distilled base was replaced by the given base."""
        return self._reconciled is not None

    def following(self, ids: IdMap) -> IdMap:
        """The map of the file's ids, for `BtfFile.replace`, if `ids` is that of `btf`."""
        return ids if self._reconciled is None else self._reconciled.ids | ids


class BtfFile:
    """A file with BTF.

    `container` is its content, `source` the name for messages; `base` is its distilled base, and `base_section` the section of
    that, or None.
    """

    __slots__ = ("_base", "_distilled", "_pointer_size", "_second", "base_section", "container", "source")

    def __init__(
        self,
        container: Container,
        distilled_base: Btf | None = None,
        base_section: str | None = None,
        pointer_size: int | None = None,
    ) -> None:
        self._pointer_size = pointer_size
        self.container = container
        self.source = container.source
        self._distilled = distilled_base
        self._base: Btf | None = None
        self._second: int | None = None  # see `second`
        self.base_section = None if distilled_base is not None else _base_section(container.elf, base_section)

    def __repr__(self) -> str:
        return f"<BtfFile {self.source}: {'/'.join(self.container.layers)}, {len(self.container.btf)} bytes of BTF>"

    # ---- what it holds ---------------------------------------------------------------------------------------------

    @property
    def elf(self) -> Elf | None:
        """The ELF file that the BTF is a section of, or None."""
        return self.container.elf

    @property
    def packings(self) -> tuple[str, ...]:
        """The compression of the file, outermost first: ("xz",)."""
        layers = self.container.layers
        if len(layers) == 1:
            return ()
        from btfkit.files.compression import MAGICS

        return tuple(layer for layer in layers if layer in MAGICS)

    @property
    def signature(self) -> int:
        """Bytes of the module's signature, 0 if it is not signed; raises FormatError if it is broken."""
        from btfkit.files.signature import signature_length

        try:
            return signature_length(self.elf.view) if self.elf is not None else 0
        except BtfError as error:
            raise error.at(self.source) from None

    @property
    def vermagic(self) -> str | None:
        """The kernel that a module is for ("6.12.57 SMP preempt mod_unload modversions"), None if not stated."""
        return self.modinfo("vermagic")

    @property
    def release(self) -> str:
        """The release of a kernel, by its banner, or that which a module is for, by its vermagic ("6.12.57"), or ""."""
        return vermagic.partition(" ")[0] if (vermagic := self.vermagic) else self.container.release

    def modinfo(self, key: str) -> str | None:
        """The first value of `key` in a module's `.modinfo`, or None."""
        if self.elf is None or (section := self.elf.section(".modinfo")) is None:
            return None
        start = key.encode() + b"="
        for line in bytes(self.elf.data(section)).split(b"\0"):
            if line.startswith(start):
                return line[len(start) :].decode("utf-8", "replace")
        return None

    @property
    def ext(self) -> Ext | None:
        """Its `.BTF.ext`, or None; raises FormatError if that is broken."""
        data = self.container.ext
        if data is None or not len(data):
            return None
        from btfkit.btf.ext import Ext

        return Ext.from_bytes(data, source=self.source)

    @property
    def base_data(self) -> bytes | None:
        """The content of `base_section`, or None."""
        if self.base_section is None or self.elf is None:
            return None
        data = self.container.base if self.base_section == BASE_SECTION else self.elf.data(self.base_section)
        assert data is not None  # `_base_section` has seen the section
        return _bytes(data)

    @property
    def base(self) -> Btf | None:
        """Its distilled base, or None; raises FormatError if that is broken."""
        if self._distilled is not None:
            return self._distilled
        if self._base is None and (data := self.base_data) is not None:
            source = f"{self.source} ({self.base_section})"
            self._base = Btf.from_bytes(data, source=source, pointer_size=self.container.pointer_size)
        return self._base

    def btf(self, base: Btf | SharedBase | Source | None = None) -> Btf:
        """Its BTF, on `base` if given: the BTF of the vmlinux, or a file with it.

        A file with a distilled base is split on that if no `base` is given, and otherwise reconciled to `base` by the strict
        rules.  A module in /sys/kernel/btf uses the running vmlinux by default.  Raises NotFoundError if `.BTF` is empty,
        FormatError, ChainError if the BTF was built on another base (ReconcileError if a distilled base does not fit), and what
        `open` does for the base.
        Rules: libbpf 1.8-dev, btf__parse_split.
        """
        return self.resolve(base).btf

    def resolve(self, base: Btf | SharedBase | Source | None = None) -> Resolved:
        """As `btf`, with the map of the file's ids, which change if the BTF was reconciled."""
        own = self.base
        if own is None:
            if base is None and sysfs.has_module(self.source):
                base = sysfs.VMLINUX
            return Resolved(self._split_on(None if base is None else as_btf(base, self._pointer_size)))
        split = self._split_on(own)
        if base is None:
            return Resolved(split)
        from btfkit.passes.reconcile import reconcile

        done = reconcile(split, base.index if isinstance(base, SharedBase) else as_btf(base))
        return Resolved(done.btf, done)

    def _split_on(self, base: Btf | None) -> Btf:
        """The unchanged BTF, split on `base`; raises ChainError if the evidence shows that it was built on another."""
        container = self.container
        if not len(container.btf):
            raise NotFoundError("an empty .BTF section", source=self.source)
        _check_order(container, base)
        btf = Btf.from_bytes(_bytes(container.btf), base, source=self.source, pointer_size=container.pointer_size)
        if self._pointer_size is not None:
            if btf.pointer_size not in (None, self._pointer_size):
                what = f"its pointers have {btf.pointer_size} bytes, not {self._pointer_size}"
                raise UnsupportedError(what, source=self.source)
            btf.given_pointer_size = self._pointer_size
        if base is None:
            return btf
        log.info("%s: its base is %s", self.source, base.source or "in memory")
        from btfkit.btf.evidence import demand_fit

        return demand_fit(btf)

    # ---- the same file with other BTF ------------------------------------------------------------------------------

    @property
    def second(self) -> int:
        """The offset in the `.BTF` section of another BTF, which a linker put after the first; 0 if there is none.

        `btf` reads the first alone, as loaders do, and the file cannot be rewritten.
        """
        if self._second is None:
            self._second = _second_of(memoryview(self.container.btf))
        return self._second

    @property
    def rewritable(self) -> bool:
        """Whether the file can be rewritten with other BTF: a module, a BPF object or raw BTF can; a kernel, an image or an
        archive cannot."""
        return self._why_not_rewritable() is None

    def demand_rewritable(self) -> None:
        """Raise UnsupportedError, with the reason, if the file cannot be rewritten with other BTF."""
        why = self._why_not_rewritable()
        if why is not None:
            raise UnsupportedError(why, source=self.source)

    def _why_not_rewritable(self) -> str | None:
        from btfkit.files.elf import ET_REL

        if self.second:
            return SECOND
        layers = self.container.layers
        if len(layers) != len(self.packings) + 1 or layers[-1] not in ("raw", "elf"):
            return f"{'/'.join(layers)}, not a module: its BTF can be extracted, but the file cannot be rewritten"
        if self.elf is not None and self.elf.type != ET_REL:
            return "a linked ELF file (a vmlinux?), not a module, which would be relocatable"
        return None

    def replace(
        self,
        btf: Btf,
        ids: IdMap | None = None,
        *,
        base: Btf | None = None,
        base_section: str | None = None,
        ext: Ext | None = None,
        strip_signature: bool = False,
        packings: Sequence[str] | None = None,
        lost: list[str] | None = None,
    ) -> bytes:
        """The same file with `btf`, compressed in the same way; everything else stays byte for byte the same.

        `ids` maps old ids to new ones (None: all are unchanged); `.BTF.ext` and `.BTF_ids` are updated by it, unless `ext`
        replaces the former.  `base` becomes the distilled base of the file, in `base_section` (as before, or `.BTF.base`);
        without `base`, the file keeps its own if `btf` is split on it, and otherwise loses it.  `packings` replace the file's
        own.  If a distilled base is removed, a type in `.BTF_ids` that `ids` does not have is looked up by name, as by
        resolve_btfids; the names of those not found are added to `lost`.

        Raises UnsupportedError if the file cannot be rewritten, for a signed module without `strip_signature`, and if this
        installation cannot compress that way; FormatError if `.BTF.ext` refers to a type that does not exist; ValueError if
        `ids` or `ext` is missing although what the file refers to has moved in `btf`.
        """
        from btfkit.files.rewrite import IDS, packed, translated_ids

        demand_btf("btf", btf)
        self.demand_rewritable()
        if self.elf is None:
            return packed(btf.to_bytes(), self.packings if packings is None else packings, self.source)
        sections: dict[str, bytes | None] = {".BTF": btf.to_bytes()}
        self._demand_fitting(btf, ids, ext)
        if ext is None and ids is not None and self.ext is not None:
            ext = self.ext.translated(self._following(ids))
        if ext is not None:
            sections[".BTF.ext"] = ext.to_bytes()
        if ids is not None:
            look_up = (lambda kind, name: _named(btf, kind, name)) if self._loses_base(btf, base) else None
            found = translated_ids(self.elf, ids.translate(), btf.name, look_up)
            if found is not None:
                sections[IDS] = found.content
                if lost is not None:
                    lost += found.lost
        sections |= self._base_sections(btf, base, base_section)
        sections |= self._followers(btf, ids, ext)
        return self.with_sections(sections, strip_signature=strip_signature, packings=packings)

    def _demand_fitting(self, btf: Btf, ids: IdMap | None, ext: Ext | None) -> None:
        """Raise ValueError if `.BTF_ids` or `.BTF.ext`, which are kept, would mean something else in `btf`."""
        from btfkit.files.rewrite import demand_ids, demand_references

        if btf.blob == self.container.btf:
            return
        if ids is None and self.elf is not None:
            demand_ids(self.elf, btf)
        if ext is None and btf.base is None and self.base is None and (kept := self.ext) is not None:
            try:
                own = self.btf()
            except BtfError:  # damaged, or split: nothing to compare with
                return
            demand_references(kept, own, btf, ids=ids is None)

    def with_sections(
        self,
        contents: Mapping[str, bytes | None],
        *,
        strip_signature: bool = False,
        packings: Sequence[str] | None = None,
    ) -> bytes:
        """The same ELF file with `contents` for its sections (None removes one), compressed again; nothing else is updated.

        Raises UnsupportedError as `replace` does, and for raw BTF.
        """
        from btfkit.files.elf_write import replace_sections
        from btfkit.files.rewrite import packed

        self.demand_rewritable()
        if self.elf is None:
            raise UnsupportedError("raw BTF has no sections", source=self.source)
        if self.signature and not strip_signature:
            raise UnsupportedError(SIGNED, source=self.source, remedy="strip_signature")
        return packed(
            replace_sections(self.elf, contents), self.packings if packings is None else packings, self.source
        )

    def _base_sections(self, btf: Btf, base: Btf | None, section: str | None) -> dict[str, bytes | None]:
        """The new content of the section of the distilled base."""
        before = self.base_section
        if base is None:
            return {before: None} if before is not None and self._loses_base(btf, base) else {}
        sections: dict[str, bytes | None] = {} if before is None else {before: None}
        sections[section or before or BASE_SECTION] = base.to_bytes()
        return sections

    def _followers(self, btf: Btf, ids: IdMap | None, ext: Ext | None) -> dict[str, bytes | None]:
        """The sections of a BPF object that follow the types: relocations of `.BTF` and `.BTF.ext`, and code with type ids."""
        from btfkit.files import follow

        elf, old_ext = self.elf, self.ext
        assert elf is not None
        relocated = follow.has_relocations(elf)
        if old_ext is None and not relocated:
            return {}
        old = Btf.from_bytes(_bytes(self.container.btf), source=self.source)
        translate = (lambda old_id: old_id) if ids is None else ids.translate()
        found: dict[str, bytes | None] = {}
        if old_ext is not None:
            found |= follow.followed_instructions(elf, old_ext, old, translate)
        if relocated:
            found |= follow.moved_relocations(elf, ".BTF", follow.word_places(old, btf, translate))
            if ext is not None:
                places = follow.ext_places(_bytes(self.container.ext or b""), ext.to_bytes())
                found |= follow.moved_relocations(elf, ".BTF.ext", places)
        return found

    def _loses_base(self, btf: Btf, base: Btf | None) -> bool:
        """Whether the distilled base is removed: `btf` is no longer split on it, and no other is given."""
        own = self.base
        if own is None or base is not None:
            return False
        return btf.base is None or (btf.base is not own and btf.base.blob != own.blob)

    def _following(self, ids: IdMap) -> Callable[[int], int]:
        translate = ids.translate()

        def follow(old: int) -> int:
            new = translate(old)
            if old and not new:
                raise FormatError(f"refers to type {old}, which does not exist", source=self.source, section=".BTF.ext")
            return new

        return follow

    def contents(
        self, path: str, btf: Btf, ids: IdMap | None = None, *, base_path: str | None = None, **how: Unpack[Replacing]
    ) -> dict[str, bytes]:
        """The files to write for `path`, by path: as `replace` makes it, compressed as the suffix of `path` demands.

        For a file that cannot be rewritten (a kernel, an image), and for raw BTF, it is the BTF alone; then `base` becomes a
        separate file, `base_path` or `path` with ".base" added, and comes first.
        """
        from btfkit.files.rewrite import packed, packings_for

        demand_btf("btf", btf)
        why_not = self._why_not_rewritable()
        if why_not == SECOND:
            raise UnsupportedError(SECOND, source=self.source)
        rewritable = why_not is None
        packings = packings_for(path, self.packings if rewritable else ())
        if self.elf is not None and rewritable:
            return {path: self.replace(btf, ids, packings=packings, **how)}
        files = {path: packed(btf.to_bytes(), packings, self.source)}
        base = how.get("base")
        return files if base is None else {base_path or path + ".base": base.to_bytes(), **files}

    def write(self, path: str, btf: Btf, ids: IdMap | None = None, **how: Unpack[Replacing]) -> None:
        """Write the file with `btf` to `path` ("-": standard output), whole or not at all, as `contents` makes it.

        Options are those of `replace`.  Raises what that does, and OSError.
        """
        from btfkit.files.write import write_all

        write_all(self.contents(path, btf, ids, **how))


SIGNED = (
    "a signed module: the signature would no longer be valid, and a kernel that requires one would reject the module; "
    "strip it, and sign the result again with the kernel's scripts/sign-file"
)


def _second_of(data: memoryview) -> int:
    from btfkit.btf.header import next_header, parse

    try:
        return next_header(data, parse(data)) if len(data) else 0
    except BtfError:
        return 0


def _base_section(elf: Elf | None, wanted: str | None) -> str | None:
    if elf is None:
        return None
    names = (wanted,) if wanted else (BASE_SECTION, MINIMAL_BASE_SECTION)
    return next((name for name in names if elf.section(name) is not None), None)


def _named(btf: Btf, kind: str, name: str) -> int:
    """The id of what `.BTF_ids` calls `name`, or 0."""
    return (btf.find_id(name, kind) or 0) if kind in ("func", "struct", "union", "typedef") else 0


def as_btf(base: Btf | SharedBase | Source, pointer_size: int | None = None) -> Btf:
    """The BTF itself, loaded if it is a file, with pointers of that size if it does not show it."""
    if isinstance(base, Btf | SharedBase):
        return base if isinstance(base, Btf) else base.btf
    return load(base, pointer_size=pointer_size)


def _check_order(container: Container, base: Btf | None) -> None:
    order = byte_order(bytes(container.btf[:2]))
    if base is not None and order is not None and order != base.byte_order:
        raise ChainError(
            f"{order}-endian, but its base {base.source or ''} is {base.byte_order}-endian: for another machine",
            source=container.source,
        )


def _bytes(blob: Data) -> bytes:
    return blob if isinstance(blob, bytes) else bytes(blob)
