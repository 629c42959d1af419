"""Why a function of a file has a FUNC, or none."""

from __future__ import annotations

from btfkit.btf.suggest import did_you_mean
from btfkit.encoder.functions import OPTIMIZED, REASONS, REORDERED, UNEXPECTED
from btfkit.files.elf import ET_REL
from btfkit.hot import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.dwarf.companion import Companions
    from btfkit.encoder.functions import Choice, Functions
    from btfkit.files.elf import Elf

# Names of registers by machine, in the order of DWARF's numbers.
NAMES = {
    62: ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", *(f"r{number}" for number in range(8, 16))],
    183: [f"x{number}" for number in range(31)],
    40: [f"r{number}" for number in range(16)],
    22: [f"r{number}" for number in range(16)],
}

NO_ORIGIN = 0xFFFFFFFF


def explain_function(
    elf: Elf, name: str, *, symbols: Elf | None = None, companions: Companions | None = None
) -> tuple[list[str], bool]:
    """Lines that explain what became of the function `name`, and whether it has a FUNC; `symbols` and `companions` are those of
    `encode`.  Raises what that does."""
    from btfkit.encoder.encode import DEFAULT_FEATURES, Assembly, read_dwarf

    dwarf, places = read_dwarf(elf, frozenset(DEFAULT_FEATURES), companions=companions)
    assembly = Assembly(dwarf, frozenset(DEFAULT_FEATURES), places, symbols)
    sections = Sections(elf, dwarf.debug.sections.addresses)
    functions = assembly.functions()
    raw = name.encode("utf-8", "surrogateescape")
    number = next((number for number, one in enumerate(functions.symbols.all_names(), 1) if one == raw), 0)
    found = functions.symbols.of(number) if number else []
    choice = functions.choice(number) if number and functions.candidates(number) else None
    lines = [
        f"  symbol {name}{suffix.decode('utf-8', 'replace')}: {sections.place(address)}" for suffix, address in found
    ]
    if choice is None:
        return [f"{name}: no FUNC: {_why_no_candidate(functions, raw, found=bool(found))}", *lines], False
    lines += _candidate_lines(functions, choice, sections)
    if choice.reason:
        return [f"{name}: no FUNC ({choice.reason}): {REASONS[choice.reason]}", *lines], False
    return [f"{name}: FUNC", *lines], True


class Sections:
    """What addresses are called: in a relocatable file, by their section and the offset in it."""

    def __init__(self, elf: Elf, addresses: Sequence[int]) -> None:
        self.starts = sorted(
            (addresses[section.index], section.index, section.name, section.size)
            for section in elf.sections
            if elf.type == ET_REL and section.size and section.index < len(addresses)
        )

    def place(self, address: int) -> str:
        """The section and offset, or the address."""
        for start, _, name, size in self.starts:
            if start <= address < start + size:
                return f"{name}+{address - start:#x}"
        return f"{address:#x}"


def _why_no_candidate(functions: Functions, name: bytes, *, found: bool) -> str:
    """Why no definition of a function counts; `found`: whether the symbol table has it."""
    words, names = functions.functions, functions.resolved.types.names.data
    at, end, unnamed, declared, defined = 0, functions.resolved.types.function_end, False, False, False
    while at < end:
        count, number = words[at + 5], words[at + 1]
        if bytes(names[number : number + len(name) + 1]) == name + b"\0":
            if words[at + 4] & codes.DECLARED:
                declared = True
            else:
                defined = True
                first = at + codes.FUNCTION_WORDS
                unnamed = unnamed or not all(words[first + codes.PARAMETER_WORDS * k] for k in range(count))
        at += codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * count
    if found:
        if unnamed:
            return "a parameter has no name in its definition"
        return "the DWARF has no definition of it (compiled without -g, or written in assembly)"
    if defined:
        return "the symbol table has no function of this name: all of its code was inlined or removed"
    if declared:
        return "it is only declared here"
    known = (one.decode("utf-8", "replace") for one in functions.symbols.all_names())
    return "no function has this name" + did_you_mean(name.decode("utf-8", "replace"), known)


def _candidate_lines(functions: Functions, choice: Choice, sections: Sections) -> Iterator[str]:
    words = functions.functions
    for at in choice.candidates:
        result, address = functions.result(at), functions.address(at)
        notes = [_code(words[at + 3], words[at + 4], sections.place(address) if address is not None else "")]
        if result & OPTIMIZED:
            notes.append("a parameter was optimized away")
        if result & UNEXPECTED:
            notes.append("a parameter is not in its register")
        if result & REORDERED:
            notes.append("parameters in another order")
        if at != choice.candidates[0] and not functions.same(choice.candidates[0], at):
            notes.append("other types than the first")
        if at == choice.function and not choice.reason and len(choice.candidates) > 1:
            notes.append("this is the FUNC")
        yield f"  definition at DIE {words[at]:#x}: {', '.join(notes)}"
        yield from _parameter_lines(functions, at)


def _code(origin: int, flags: int, place: str) -> str:
    """Where the code of a definition is."""
    if place:
        return f"code at {place}"
    if origin != NO_ORIGIN:
        return "code in several parts"
    return "as in the source, no code" if flags & codes.INLINE_FUNCTION else "no address"


def _parameter_lines(functions: Functions, at: int) -> Iterator[str]:
    words = functions.functions
    names = functions.resolved.types.names.data
    registers = NAMES.get(functions.elf.machine, [])
    for k in range(words[at + 5]):
        place = at + codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * k
        name = bytes(names[words[place] : names.index(0, words[place])]).decode("utf-8", "replace")
        flags, packed = words[place + 3], words[place + 5]
        number = packed & 255 or packed >> 8 & 255
        if number:
            known = number <= len(registers)
            where = f"in register {registers[number - 1] if known else number - 1}"
        elif flags & codes.CONSTANT:
            where = "a constant"
        else:
            where = "on the stack or elsewhere" if flags & codes.LOCATED else "no location"
        yield f"    {name}: {functions.sizes[words[place + 1]]} bytes, {where}"
