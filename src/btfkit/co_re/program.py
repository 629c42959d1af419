"""A BPF object for CO-RE: its own BTF and the relocation records of its `.BTF.ext`."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.btf.ext import Ext
from btfkit.btf.header import SECOND
from btfkit.btf.spec import text
from btfkit.co_re.access import Spec, SpecError, expression, parse
from btfkit.co_re.loaders import LIBBPF
from btfkit.errors import BtfError, FormatError, counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.units import Unit
    from btfkit.files.container import ObjectBytes
    from btfkit.files.elf import Elf, Functions

    FunctionAt = Callable[[str, int], tuple[str, int]]


WITHOUT_EXT = (
    "no .BTF.ext section: no CO-RE relocations; if it was stripped, programs use the offsets that they were compiled"
    " with"
)


class Relocation:
    """A record: the ELF `section` (name), `insn_off` (bytes within it), the local root `type_id`, the `access` string, and the
    number of its `kind`."""

    __slots__ = ("access", "insn_off", "kind", "section", "type_id")

    def __init__(self, section: str, insn_off: int, type_id: int, access: bytes, kind: int) -> None:
        self.section = section
        self.insn_off = insn_off
        self.type_id = type_id
        self.access = access
        self.kind = kind


class BpfObject:
    """A BPF object: `name`, its `btf`, its `relocations` in the order of the records.

    `function_at(section, insn_off)` is the name of the function that holds an instruction and its offset in the section (bytes),
    ("", 0) if unknown.  `has_ext`: whether it has a `.BTF.ext`.  `units()` are its programs, each with the numbers of its
    relocations; if the code is unknown, one that has all.
    """

    __slots__ = ("_distinct", "_specs", "btf", "function_at", "has_ext", "name", "relocations", "source", "units")

    def __init__(
        self,
        name: str,
        btf: Btf,
        relocations: list[Relocation],
        function_at: FunctionAt | None = None,
        source: str | None = None,
    ) -> None:
        self.name = name
        self.btf = btf
        self.relocations = relocations
        self.function_at: FunctionAt = function_at or (lambda section, insn_off: ("", 0))
        self.source = source or name
        self.units: Callable[[], list[Unit]] = lambda: [("", frozenset(range(len(relocations))))]
        self.has_ext = True
        self._specs: dict[tuple[object, ...], Spec | SpecError] = {}
        self._distinct: tuple[list[Relocation], list[int]] | None = None

    def __repr__(self) -> str:
        return f"<BpfObject {self.name}: {counted(len(self.relocations), 'relocation')}>"

    def distinct(self) -> tuple[list[Relocation], list[int]]:
        """Relocations that differ in type, access or kind, and for each of `relocations` the index of its equal among these."""
        if self._distinct is None or len(self._distinct[1]) != len(self.relocations):
            places: dict[tuple[int, bytes, int], int] = {}
            rows = [places.setdefault((r.type_id, r.access, r.kind), len(places)) for r in self.relocations]
            one_of = dict(zip(rows, self.relocations, strict=True))
            self._distinct = [one_of[place] for place in range(len(places))], rows
        return self._distinct

    def spec(self, relocation: Relocation, loader: Loader = LIBBPF) -> Spec | SpecError:
        """What a relocation asks for by the rules of a loader, or why its record is wrong."""
        asked = (relocation.type_id, relocation.access, relocation.kind)
        key = asked if loader is LIBBPF else (*asked, loader.name)
        found = self._specs.get(key)
        if found is None:
            try:
                found = parse(self.btf, *asked, loader)
            except BtfError as error:
                found = error if isinstance(error, SpecError) else SpecError(error.message)
            self._specs[key] = found
        return found

    @property
    def notes(self) -> list[str]:
        """What must be known about its relocations as a whole: that libbpf does not read all of them, or that there are none."""
        notes = [SECOND] if self.btf.second else []
        return notes if self.has_ext else [*notes, WITHOUT_EXT]

    def expression(self, relocation: Relocation) -> str:
        """The access as C would write it."""
        return expression(self.btf, relocation.type_id, relocation.access, relocation.kind)


def read_object(
    name: str,
    btf_blob: bytes,
    ext_blob: bytes | None,
    *,
    source: str | None = None,
    function_at: FunctionAt | None = None,
    pointer_size: int | None = 8,
) -> BpfObject:
    """A BPF object from its `.BTF` and `.BTF.ext`.

    Without `.BTF.ext` (None: an object with maps alone, or one that was stripped) or CO-RE records in it, the object has no
    relocations.  Raises FormatError if one of the two is damaged.
    """
    btf = Btf.from_bytes(btf_blob, source=source, pointer_size=pointer_size)
    if ext_blob is None:
        without = BpfObject(name, btf, [], function_at, source)
        without.has_ext = False
        return without
    ext = Ext.from_bytes(ext_blob, source=source)
    if ext.order != btf.byte_order:
        raise FormatError(
            f".BTF is {btf.byte_order}-endian, .BTF.ext {ext.order}-endian", source=source, section=".BTF.ext"
        )
    rows = ext.relocations(btf, source)
    sections = {name: text(name) for name in {row[0] for row in rows}}
    relocations = [
        Relocation(sections[section], insn_off, type_id, access, kind)
        for section, insn_off, type_id, access, kind in rows
    ]
    return BpfObject(name, btf, relocations, function_at, source)


def load_objects(path: str) -> list[BpfObject]:
    """The BPF objects of a file: the file itself, or those that an executable embeds (skeletons).

    Raises NotFoundError if it has none, FormatError for a damaged one or one without `.BTF`.
    """
    from btfkit.files.container import read_objects

    objects = []
    for index, found in enumerate(read_objects(path)):
        symbols = _Symbols(path, index)
        obj = read_elf_object(found, symbols)
        if path != "-":
            obj.units = symbols.units_of(obj.relocations)
        objects.append(obj)
    return objects


class _Symbols:
    """The names of functions and what they call, read from the file again when needed: most runs need neither, so the file's
    bytes are not kept."""

    __slots__ = ("_functions", "_index", "_path")

    def __init__(self, path: str, index: int) -> None:
        self._path = path
        self._index = index
        self._functions: Functions | None = None

    def _elf(self) -> Elf:
        from btfkit.files.container import read_objects

        return read_objects(self._path)[self._index].elf

    def units_of(self, relocations: list[Relocation]) -> Callable[[], list[Unit]]:
        """A function for `BpfObject.units`; it raises OSError or BtfError if the file cannot be read again."""

        def units() -> list[Unit]:
            from btfkit.co_re.units import units_of

            return units_of(self._elf(), relocations)

        return units

    def __call__(self, section: str, insn_off: int) -> tuple[str, int]:
        if self._functions is None:
            try:
                self._functions = self._elf().functions()
            except (BtfError, OSError, IndexError):  # the file was replaced
                return "", 0
        try:
            function = self._functions.at(section, insn_off)
        except BtfError:  # a wrong symbol table: do not fail for a name
            return "", 0
        return (function.name, function.offset) if function is not None else ("", 0)


def read_elf_object(found: ObjectBytes, function_at: FunctionAt | None = None) -> BpfObject:
    """A BPF object from its ELF file.  Raises FormatError if it has no `.BTF`."""
    elf = found.elf
    btf, ext = elf.btf_section(".BTF"), elf.btf_section(".BTF.ext")
    if btf is None:
        raise FormatError("no .BTF section: the program was compiled without -g, or stripped", source=found.source)
    return read_object(
        found.name,
        bytes(btf),
        None if ext is None else bytes(ext),
        source=found.source,
        function_at=function_at,
        pointer_size=elf.bits // 8,
    )


def objects_list(parameter: str, objects: Iterable[BpfObject]) -> list[BpfObject]:
    """`objects`, given for `parameter`, as a list; raises TypeError if one is not a BpfObject but, for example, a path."""
    many: list[object] = [objects] if isinstance(objects, str | bytes) else list(objects)
    for one in many:
        if not isinstance(one, BpfObject):
            raise TypeError(
                f"{parameter}: expected a list of BpfObjects, got {one!r:.60}; use btfkit.load_objects(path)"
            )
    return many  # type: ignore[return-value]
