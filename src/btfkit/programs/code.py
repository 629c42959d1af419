"""The code of a BPF object: its programs and sub-programs, what their instructions refer to, and the source lines.

`Code` reads the ELF file as libbpf does: every function symbol of an executable section is a program, those of `.text` are
sub-programs.  `link` concatenates a program and the sub-programs that it reaches, as libbpf does before it loads them.

Rules: tools/lib/bpf/libbpf.c (1.8-dev), bpf_object__add_programs, bpf_program__record_reloc, bpf_object__reloc_code.
"""

from __future__ import annotations

from bisect import bisect_right
from struct import iter_unpack
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.ext import Ext
from btfkit.btf.platform import architecture
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.co_re.loaders import (
    EXTERN_WITHOUT_SECTION,
    JUMP_TABLE,
    LEGACY_MAPS,
    NO_SYMBOLS,
    PINNING,
    STATIC,
    STRUCT_OPS_SECTION,
)
from btfkit.co_re.program import BpfObject, read_elf_object
from btfkit.errors import FormatError
from btfkit.files.elf import (
    SHF_EXECINSTR,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHT_NOBITS,
    SHT_PROGBITS,
    SHT_REL,
    SHT_SYMTAB,
    STB_LOCAL,
    STB_WEAK,
    STT_FUNC,
    STT_OBJECT,
    STT_SECTION,
)
from btfkit.programs import insns as i
from btfkit.programs.maps import JUMP_TABLES, PINNINGS, maps_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.files.container import ObjectBytes
    from btfkit.files.elf import Elf, Section, Symbol
    from btfkit.programs.insns import Insn
    from btfkit.programs.maps import Map
    from btfkit.programs.struct_ops import StructOps

TEXT = ".text"
STRUCT_OPS = (".struct_ops", "?.struct_ops")  # how sections with variables of struct_ops begin
MAX_INSNS = 1 << 20  # of one linked program, the kernel's limit
STV_INTERNAL, STV_HIDDEN = 1, 2

CALL, KFUNC, EXTERN, DATA, MAP, FUNC = "call", "kfunc", "extern", "data", "map", "func"


class Reference(NamedTuple):
    """What an instruction refers to by an ELF relocation.

    `kind`: CALL (a sub-program), FUNC (its address), KFUNC (a call of an extern), EXTERN (the address of one), DATA (a place in
    the section `name`), MAP (the map `name`).  `value` is an offset in bytes: of the function in `.text`, or into the data.
    """

    kind: str
    name: str
    value: int = 0


class Function:
    """A program or sub-program: `offset` in bytes within its `section` (a name), its instructions, and `references` by slot.

    `is_global`: the kernel verifies it on its own, with any arguments.  `optional`: the section's name begins with "?", so
    it is only loaded if user space asks for it.
    """

    def __init__(self, name: str, section: str, offset: int, insns: list[Insn]) -> None:
        self.name = name
        self.optional = section.startswith("?")
        self.section = section
        self.offset = offset
        self.insns = insns
        self.references: dict[int, Reference] = {}
        self.is_global = False
        self.is_program = False

    @property
    def attach(self) -> str:
        """The section's name without the "?": what the program attaches to."""
        return self.section.removeprefix("?")

    @property
    def end(self) -> int:
        """The byte offset of its end within its section."""
        return self.offset + i.SIZE * len(self.insns)

    def __repr__(self) -> str:
        return f"<Function {self.name!r} of {self.section}: {len(self.insns)} slots>"


NO_PROGRAM = Function("(no programs)", "", 0, [])


class Extern(NamedTuple):
    """A function or variable of the kernel that the object refers to by name: `section` is ".ksyms" or ".kconfig", `type_id`
    the local FUNC or VAR; "" and 0 if the object's BTF does not describe it."""

    name: str
    section: str
    type_id: int
    weak: bool


class Rejection(NamedTuple):
    """Why a loader rejects the object on any kernel: `what` is one of `co_re.loaders.FAULTS`, `detail` a sentence."""

    what: str
    detail: str


class Variable(NamedTuple):
    """A global variable of a data section: `offset` and `size` in bytes; `volatile` ones are meant to be set before loading."""

    name: str
    section: str
    offset: int
    size: int
    volatile: bool


class Line(NamedTuple):
    """A line of the source: `file`, `line` and `column` from 1 (0: unknown), `source` its text."""

    file: str
    line: int
    column: int
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Linked:
    """A program followed by its sub-programs: `insns`, `functions` as (first slot, Function), and `references` by slot.

    `targets` maps the slot of a call of a sub-program (or of the load of its address) to the slot that it leads to,
    `relocations` a slot to the number of its CO-RE relocation.
    """

    def __init__(self, program: Function) -> None:
        self.program = program
        self.insns: list[Insn] = []
        self.functions: list[tuple[int, Function]] = []
        self.references: dict[int, Reference] = {}
        self.targets: dict[int, int] = {}
        self.relocations: dict[int, int] = {}

    def add(self, function: Function) -> int:
        """Append a function; returns its first slot."""
        start = len(self.insns)
        if start + len(function.insns) > MAX_INSNS:
            raise FormatError(f"more than {MAX_INSNS} instructions", section=self.program.section)
        self.functions.append((start, function))
        self.insns += function.insns
        for slot, reference in function.references.items():
            self.references[start + slot] = reference
        return start

    def function_at(self, slot: int) -> tuple[int, Function]:
        """(first slot, Function) of the function that holds `slot`."""
        return self.functions[bisect_right(self.functions, slot, key=lambda each: each[0]) - 1]


class Code:
    """The code of one BPF object.

    `object` has its BTF and relocations; `functions` are all functions by section and offset, `programs` the entry points.
    `data` has the initial bytes of the read-only data sections by name, `variables` what is in them, `externs` what it
    needs from the kernel by name, `owners` the function of each relocation, `architecture` the one that it was compiled for, if
    its `struct pt_regs` shows it.
    """

    def __init__(self, obj: BpfObject, ext: Ext | None, elf: Elf) -> None:
        self.object = obj
        self.order = elf.order
        self.functions: list[Function] = []
        self.data: dict[str, bytes] = {}
        self.struct_ops: dict[tuple[str, int], str] = {}  # (section, offset) -> program
        self.struct_ops_data: dict[str, bytes] = {}  # by section
        self.rejections: list[Rejection] = []  # on any kernel
        self.externs: dict[str, Extern] = {}
        self.variables: list[Variable] = []
        self.maps: list[Map] = list(maps_of(obj.btf))
        self.architecture = architecture(obj.btf)
        self._handlers: dict[str, str] = {}  # program -> its exception handler
        self._lines: dict[str, list[tuple[int, int, int, int]]] = {}
        self._ext = ext
        self._read(elf)
        self.programs = [function for function in self.functions if function.is_program]
        self._by_place: dict[str, list[Function]] = {}
        for function in self.functions:
            self._by_place.setdefault(function.section, []).append(function)
        self._linked: dict[str, Linked] = {}
        self.locals: dict[tuple[int, bytes, int], int | None] = {}  # a cache of programs/patch.py
        self.struct_ops_variables: Sequence[StructOps] | None = None  # ... and of programs/struct_ops.py
        self.owners = [self.owner(relocation.section, relocation.insn_off) for relocation in obj.relocations]

    @property
    def entries(self) -> list[Function]:
        """Its programs; of an object without any (maps alone), one without instructions that stands for the object."""
        return self.programs or [NO_PROGRAM]

    @property
    def name(self) -> str:
        """The object's short name."""
        return self.object.name

    # ---- reading -----------------------------------------------------------------------------------------------

    def _read(self, elf: Elf) -> None:
        symbols = list(elf.symbols())
        code = [s for s in elf.sections if s.type == SHT_PROGBITS and s.flags & SHF_EXECINSTR and s.size]
        if not any(section.type == SHT_SYMTAB for section in elf.sections):
            detail = "it has no symbol table (stripped with strip -s or llvm-strip -s)"
            self.rejections.append(Rejection(NO_SYMBOLS, detail))
        self.rejections += (
            Rejection(STRUCT_OPS_SECTION, f"it has a section {section.name}, expected .struct_ops.link")
            for section in elf.sections
            if section.name == STRUCT_OPS[0]
        )
        if any(section.name == JUMP_TABLES for section in elf.sections):
            self.rejections.append(Rejection(JUMP_TABLE, "it has jump tables, which need a map of type INSN_ARRAY"))
        self.rejections += (
            Rejection(
                LEGACY_MAPS,
                f"section {section.name} has maps of a form that libbpf does not read since 1.0 (struct bpf_map_def)",
            )
            for section in elf.sections
            if section.name == "maps"
        )
        self.rejections += (
            Rejection(PINNING, f"map {each.name} has pinning {each.pinning}, expected 0 (none) or 1 (by name)")
            for each in self.maps
            if each.pinning not in PINNINGS
        )
        by_section = {section.index: list(self._functions_of(elf, section, symbols)) for section in code}
        self.functions = [function for functions in by_section.values() for function in functions]
        lone_text = len(self.functions) == 1  # libbpf treats a single function in .text as a program
        for function in self.functions:
            function.is_program = function.section != TEXT or lone_text
        self._mark_globals(symbols)
        self.places = {  # of variables: clang leaves the offsets of a DATASEC to the linker
            (elf.sections[s.section].name, s.name): s.value
            for s in symbols
            if s.type == STT_OBJECT and s.section < min(len(elf.sections), SHN_LORESERVE)
        }
        self._read_types(symbols)
        for section in elf.sections:
            if section.name.startswith(".rodata") and section.type != SHT_NOBITS:
                self.data[section.name] = bytes(elf.data(section))
            elif section.name.startswith(STRUCT_OPS) and section.type != SHT_NOBITS and section.type != SHT_REL:
                self.struct_ops_data[section.name] = bytes(elf.data(section))
            elif section.type == SHT_REL and section.info in by_section:
                self._read_references(elf, section, by_section[section.info], symbols)
            elif section.type == SHT_REL and section.info < len(elf.sections):
                self._read_struct_ops(elf, section, symbols)

    def _functions_of(self, elf: Elf, section: Section, symbols: list[Symbol]) -> Iterator[Function]:
        data = elf.data(section)
        functions = (s for s in symbols if s.section == section.index and s.type == STT_FUNC)
        for symbol in sorted(functions, key=lambda symbol: symbol.value):
            if symbol.value % i.SIZE or symbol.size % i.SIZE or symbol.value + symbol.size > len(data):
                raise FormatError(
                    f"function {symbol.name!r} of {symbol.size} bytes at {symbol.value:#x} does not fit its section",
                    source=elf.source,
                    section=section.name,
                )
            insns = i.decode(data[symbol.value : symbol.value + symbol.size], elf.order)
            found = Function(symbol.name, section.name, symbol.value, insns)
            found.is_global = symbol.bind != STB_LOCAL and symbol.visibility not in (STV_INTERNAL, STV_HIDDEN)
            if symbol.bind == STB_LOCAL and section.name != TEXT:
                detail = f"function {symbol.name} in section {section.name} is static, outside {TEXT}"
                self.rejections.append(Rejection(STATIC, detail))
            yield found

    def _mark_globals(self, symbols: list[Symbol]) -> None:
        """The kernel goes by the linkage of the FUNC in func_info; libbpf makes hidden functions static."""
        if self._ext is None:
            return
        btf = self.object.btf
        at = {(function.section, function.offset): function for function in self.functions}
        for section_off, (insn_off, type_id) in self._ext.records("func_info"):
            if section_off >= btf.start_str_off + len(btf.strings) or not 0 < type_id < len(btf):
                continue
            function = at.get((text(btf.string(section_off)), insn_off))
            if function is not None and btf.kind(type_id) == spec.FUNC:
                is_global = btf.word(type_id, 1) & spec.MAX_VLEN == 1
                function.is_global = function.is_global and is_global

    def _read_types(self, symbols: list[Symbol]) -> None:
        """Read externs, variables and exception handlers from the object's BTF."""
        btf = self.object.btf
        undefined = {s.name: s for s in symbols if s.section == SHN_UNDEF and s.name and s.bind != STB_LOCAL}
        self.externs = {name: Extern(name, "", 0, s.bind == STB_WEAK) for name, s in undefined.items()}
        for type_id in range(1, len(btf)):
            kind = btf.kind(type_id)
            if kind == spec.DATASEC:
                self._read_datasec(type_id)
            elif kind == spec.DECL_TAG and btf.name(type_id).startswith("exception_callback:"):
                self._handlers[btf.name(btf.word(type_id, 2))] = btf.name(type_id).partition(":")[2]
        self.rejections += (
            Rejection(
                EXTERN_WITHOUT_SECTION,
                f"extern {extern.name} is in no section (.ksyms or .kconfig), or BTF does not describe it",
            )
            for extern in self.externs.values()
            if not extern.section
        )

    def _read_datasec(self, type_id: int) -> None:
        btf = self.object.btf
        section: Any = btf[type_id]
        for entry in section.entries:
            variable_id = entry.type_id
            if btf.kind(variable_id) not in (spec.VAR, spec.FUNC):
                continue
            name = btf.name(variable_id)
            if section.name in (".ksyms", ".kconfig"):
                if name in self.externs:
                    self.externs[name] = self.externs[name]._replace(section=section.name, type_id=variable_id)
            elif btf.kind(variable_id) == spec.VAR:
                offset = self.places.get((section.name, name), entry.offset)
                volatile = _is_volatile(btf, btf.word(variable_id, 2))
                self.variables.append(Variable(name, section.name, offset, entry.size, volatile))

    def _read_references(self, elf: Elf, section: Section, functions: list[Function], symbols: list[Symbol]) -> None:
        for offset, number in _rel_entries(elf, section):
            index = bisect_right(functions, offset, key=_offset) - 1
            if index < 0 or offset >= functions[index].end or offset % i.SIZE or number >= len(symbols):
                continue  # code without a symbol: a weak function that the linker dropped
            function = functions[index]
            slot = (offset - function.offset) // i.SIZE
            function.references[slot] = _reference(function.insns[slot], symbols[number], elf.sections)

    def _read_struct_ops(self, elf: Elf, section: Section, symbols: list[Symbol]) -> None:
        target = elf.sections[section.info].name
        if not target.startswith(STRUCT_OPS):
            return
        for offset, number in _rel_entries(elf, section):
            if number < len(symbols) and symbols[number].type == STT_FUNC:
                self.struct_ops[target, offset] = symbols[number].name

    # ---- looking up --------------------------------------------------------------------------------------------

    def owner(self, section: str, insn_off: int) -> Function | None:
        """The function that holds an instruction, or None."""
        functions = self._by_place.get(section, [])
        index = bisect_right(functions, insn_off, key=_offset) - 1
        return functions[index] if index >= 0 and insn_off < functions[index].end else None

    def line(self, section: str, insn_off: int) -> Line | None:
        """The source line of an instruction, or None if it is unknown."""
        if not self._lines and self._ext is not None:
            self._read_lines(self._ext)
        rows = self._lines.get(section, [])
        index = bisect_right(rows, insn_off, key=lambda row: row[0]) - 1
        if index < 0:
            return None
        _, file_off, line_off, place = rows[index]
        btf = self.object.btf
        limit = btf.start_str_off + len(btf.strings)
        if file_off >= limit or line_off >= limit:
            return None
        return Line(text(btf.string(file_off)), place >> 10, place & 0x3FF, text(btf.string(line_off)).strip())

    def _read_lines(self, ext: Ext) -> None:
        btf = self.object.btf
        limit = btf.start_str_off + len(btf.strings)
        for section_off, record in ext.records("line_info"):
            if section_off < limit:
                rows = self._lines.setdefault(text(btf.string(section_off)), [])
                rows.append((record[0], record[1], record[2], record[3]))
        for rows in self._lines.values():
            rows.sort()

    def link(self, program: Function) -> Linked:
        """The program followed by the sub-programs that it reaches.  Raises FormatError for a call of something that is not a
        function."""
        linked = self._linked.get(program.name)
        if linked is None:
            linked = self._linked[program.name] = self._link(program)
        return linked

    def _link(self, program: Function) -> Linked:
        linked = Linked(program)
        placed = {program: linked.add(program)}
        pending = [(program, iter(range(len(program.insns))))]
        while pending:  # depth first, in the order of libbpf's recursion
            function, slots = pending[-1]
            callee = None
            for slot in slots:
                wanted = self._callee(function, slot)
                if wanted is None:
                    continue
                callee, inside = wanted
                new = callee not in placed
                if new:
                    placed[callee] = linked.add(callee)
                linked.targets[placed[function] + slot] = placed[callee] + inside
                if new:
                    break
                callee = None
            if callee is None:
                pending.pop()
            else:
                pending.append((callee, iter(range(len(callee.insns)))))
        handler = self._handlers.get(program.name)
        for function in self.functions if handler else ():
            if function.name == handler and function.section == TEXT and function not in placed:
                linked.add(function)
        self._place_relocations(linked)
        return linked

    def _callee(self, function: Function, slot: int) -> tuple[Function, int] | None:
        """(sub-program, slot in it) that the instruction calls or whose address it loads; None if it does neither."""
        insn = function.insns[slot]
        reference = function.references.get(slot)
        if reference is not None:
            if reference.kind not in (CALL, FUNC):
                return None
            place = reference.value + (i.SIZE * (insn[4] + 1) if reference.kind == CALL else insn[4])
            section = TEXT
        elif i.is_call(insn) and insn[2] == i.PSEUDO_CALL:
            place = function.offset + i.SIZE * (slot + insn[4] + 1)
            section = function.section
        else:
            return None
        callee = self.owner(section, place)
        if callee is None or place % i.SIZE:
            raise FormatError(
                f"{function.name}+{slot} calls {section}+{place // i.SIZE}, which is not in a function",
                source=self.object.source,
                section=function.section,
            )
        return callee, (place - callee.offset) // i.SIZE

    def _place_relocations(self, linked: Linked) -> None:
        by_function: dict[Function, list[int]] = {}
        for number, owner in enumerate(self.owners):
            if owner is not None:
                by_function.setdefault(owner, []).append(number)
        for start, function in linked.functions:
            for number in by_function.get(function, ()):
                relocation = self.object.relocations[number]
                linked.relocations[start + (relocation.insn_off - function.offset) // i.SIZE] = number


def _is_volatile(btf: Btf, type_id: int) -> bool:
    """Whether a variable, or an element of it, is volatile."""
    for _ in range(MAX_CHAIN):
        kind = btf.kind(type_id)
        if kind == spec.VOLATILE:
            return True
        if kind == spec.ARRAY:
            type_id = btf.word(type_id, 3)
        elif kind in spec.MODS_AND_TYPEDEFS:
            type_id = btf.word(type_id, 2)
        else:
            return False
    return False


def _offset(function: Function) -> int:
    return function.offset


def _rel_entries(elf: Elf, section: Section) -> Iterator[tuple[int, int]]:
    """(offset, index of the symbol) of each entry of an SHT_REL section."""
    data = elf.data(section)
    size, layout, shift = (16, "QQ", 32) if elf.bits == 64 else (8, "II", 8)
    for offset, info in iter_unpack(elf.mark + layout, data[: len(data) // size * size]):
        yield offset, info >> shift


def _reference(insn: Insn, symbol: Symbol, sections: tuple[Section, ...]) -> Reference:
    """What an instruction refers to.  Rule: bpf_program__record_reloc."""
    if symbol.section == SHN_UNDEF:
        return Reference(KFUNC if i.is_call(insn) else EXTERN, symbol.name)
    name = sections[symbol.section].name if symbol.section < min(len(sections), SHN_LORESERVE) else ""
    if i.is_call(insn):
        return Reference(CALL, symbol.name, symbol.value)
    if name and sections[symbol.section].flags & SHF_EXECINSTR:
        return Reference(FUNC, symbol.name, symbol.value)
    if name.startswith((".data", ".bss", ".rodata", ".struct_ops")):
        return Reference(DATA, name, symbol.value + (insn[4] & 0xFFFFFFFF))
    is_unnamed = symbol.type == STT_SECTION or name == JUMP_TABLES
    return Reference(MAP, name if is_unnamed else symbol.name, symbol.value)


def load_code(path: str) -> list[Code]:
    """The code of each BPF object of a file: the file itself, or those that an executable embeds.

    Raises what `load_objects` raises, and FormatError for invalid functions or relocations.
    """
    from btfkit.files.container import read_objects

    return [read_code(found) for found in read_objects(path)]


def read_code(found: ObjectBytes) -> Code:
    """The code of one object."""
    obj = read_elf_object(found)
    ext = found.elf.btf_section(".BTF.ext")
    code = Code(obj, None if ext is None else Ext.from_bytes(bytes(ext), source=found.source), found.elf)
    obj.units = lambda: [
        (program.name, frozenset(code.link(program).relocations.values())) for program in code.programs
    ]
    obj.function_at = lambda *place: (
        (owner.name, owner.offset) if (owner := code.owner(*place)) is not None else ("", 0)
    )
    return code
