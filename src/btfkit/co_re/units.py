"""The programs of an object with the relocations of each: its own and those of the functions that it calls or refers to.

A loader that scores candidates answers the relocations of a program together, so those of a shared function may have other
answers in another program.

Rule: elf_reader.go and linker.go (cilium/ebpf 0.22), flattenPrograms: every function outside `.text` is a program.
"""

from __future__ import annotations

from struct import iter_unpack

from btfkit.files.elf import SHF_EXECINSTR, SHT_REL, STT_FUNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.co_re.program import Relocation
    from btfkit.files.elf import Elf, Symbol

    Unit = tuple[str, frozenset[int]]  # the name of a program, the numbers of its relocations
    Start = tuple[int, int]  # section and offset of a function

_CALL, _LOAD, _PSEUDO_CALL = 0x85, 0x18, 1
_INSN = 8  # bytes


def units_of(elf: Elf, relocations: Sequence[Relocation]) -> list[Unit]:
    """The programs in order of their places; raises FormatError for a damaged file."""
    graph = _Calls(elf)
    numbers: dict[Start, list[int]] = {}
    for number, relocation in enumerate(relocations):
        section = elf.index_of(relocation.section)
        owner = graph.owner(section if section is not None else -1, relocation.insn_off)
        if owner is not None:
            numbers.setdefault(owner, []).append(number)
    programs = [start for start in graph.functions if elf.sections[start[0]].name != ".text"]
    return [
        (graph.functions[start].name, frozenset(n for each in graph.reached(start) for n in numbers.get(each, ())))
        for start in programs
    ]


class _Calls:
    """The functions of an object by section and offset, and which ones they refer to."""

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        self._symbols = list(elf.symbols())
        code = {section.index for section in elf.sections if section.flags & SHF_EXECINSTR}
        found = (symbol for symbol in self._symbols if symbol.type == STT_FUNC and symbol.section in code)
        self.functions: dict[Start, Symbol] = {
            (symbol.section, symbol.value): symbol for symbol in sorted(found, key=lambda s: (s.section, s.value))
        }
        self._references: dict[Start, list[Start]] = {}
        for section in sorted({start[0] for start in self.functions}):
            self._read(section, code)

    def owner(self, section: int, offset: int) -> Start | None:
        """The function that holds an instruction."""
        for start, symbol in self.functions.items():
            if start[0] == section and start[1] <= offset < start[1] + symbol.size:
                return start
        return None

    def reached(self, start: Start) -> set[Start]:
        """The function and all that it refers to, also through others."""
        found = {start}
        pending = [start]
        while pending:
            for callee in self._references.get(pending.pop(), ()):
                if callee not in found:
                    found.add(callee)
                    pending.append(callee)
        return found

    def _read(self, section: int, code: set[int]) -> None:
        elf = self._elf
        targets: dict[int, Symbol] = {}
        for each in elf.sections:
            if each.type == SHT_REL and each.info == section:
                data = elf.data(each)
                for offset, info in iter_unpack(elf.mark + "QQ", data[: len(data) // 16 * 16]):
                    if info >> 32 < len(self._symbols):
                        targets[offset] = self._symbols[info >> 32]
        data = elf.data(elf.sections[section])
        rows = iter_unpack(elf.mark + "BBhi", data[: len(data) // _INSN * _INSN])
        for slot, (opcode, registers, _, immediate) in enumerate(rows):
            source = registers >> 4 if elf.mark == "<" else registers & 15
            is_call = opcode == _CALL and source == _PSEUDO_CALL
            target = targets.get(slot * _INSN)
            if not is_call and not (opcode == _LOAD and target is not None and target.section in code):
                continue
            offset = _INSN * (immediate + 1) if is_call else immediate
            place = section, slot * _INSN + offset
            if target is not None:
                place = target.section, target.value + (offset if target.type != STT_FUNC or not is_call else 0)
            caller, callee = self.owner(section, slot * _INSN), self.owner(*place)
            if caller is not None and callee is not None:
                self._references.setdefault(caller, []).append(callee)
