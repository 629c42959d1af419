"""Why a function of a file has a FUNC, or none."""

from __future__ import annotations

from btfkit.encoder.functions import OPTIMIZED, REASONS, REORDERED, UNEXPECTED
from btfkit.hot import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.dwarf.companion import Companions
    from btfkit.encoder.functions import Choice, Functions
    from btfkit.files.elf import Elf


def explain_function(
    elf: Elf, name: str, *, symbols: Elf | None = None, companions: Companions | None = None
) -> tuple[list[str], bool]:
    """Lines that explain what became of the function `name`, and whether it has a FUNC; `symbols` and `companions` are those of
    `encode`.  Raises what that does."""
    from btfkit.encoder.encode import DEFAULT_FEATURES, Assembly, read_dwarf

    dwarf, places = read_dwarf(elf, frozenset(DEFAULT_FEATURES), companions=companions)
    assembly = Assembly(dwarf, frozenset(DEFAULT_FEATURES), places, symbols)
    functions = assembly.functions()
    raw = name.encode("utf-8", "surrogateescape")
    found = functions.symbols.by_name.get(raw, [])
    choice = next((one for one in functions.choices() if one.name == raw), None)
    lines = [*_symbol_lines(name, found), *_candidate_lines(functions, choice)]
    if choice is None:
        why = (
            "no definition in the DWARF has this name and names for all of its parameters"
            if found
            else ("the symbol table has no function of this name (inlined everywhere, or not a function)")
        )
        return [f"{name}: no FUNC: {why}", *lines], False
    if choice.reason:
        return [f"{name}: no FUNC ({choice.reason}): {REASONS[choice.reason]}", *lines], False
    return [f"{name}: FUNC", *lines], True


def _symbol_lines(name: str, symbols: list[tuple[bytes, int]]) -> Iterator[str]:
    for suffix, address in symbols:
        yield f"  symbol {name}{suffix.decode('utf-8', 'replace')} at {address:#x}"


def _candidate_lines(functions: Functions, choice: Choice | None) -> Iterator[str]:
    if choice is None:
        return
    words = functions.functions
    for at in choice.candidates:
        notes = []
        result = functions.result(at)
        address = functions.address(at)
        notes.append(f"code at {address:#x}" if address is not None else "no code")
        if at == choice.function:
            notes.append("chosen")
        if result & OPTIMIZED:
            notes.append("a parameter has no location or register")
        if result & UNEXPECTED:
            notes.append("a parameter in an unexpected register")
        if result & REORDERED:
            notes.append("parameters in another order")
        if at != choice.candidates[0] and not functions.same(choice.candidates[0], at):
            notes.append("other types than the first")
        yield f"  definition at DIE {words[at]:#x}: {', '.join(notes)}"
        yield from _parameter_lines(functions, at)


def _parameter_lines(functions: Functions, at: int) -> Iterator[str]:
    words = functions.functions
    names = functions.resolved.types.names.data
    for k in range(words[at + 5]):
        place = at + codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * k
        name = bytes(names[words[place] : names.index(0, words[place])]).decode("utf-8", "replace")
        flags, registers = words[place + 3], words[place + 5]
        register = registers & 255 or registers >> 8 & 255
        where = f"register {register - 1}" if register else "a location" if flags & codes.LOCATED else "no location"
        if flags & codes.CONSTANT:
            where += ", a constant"
        yield f"    {name}: {where}, {functions.sizes[words[place + 1]]} bytes"
