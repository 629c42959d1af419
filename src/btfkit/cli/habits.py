"""Hints for command lines that failed: operands in another order than the command's, and words of bpftool and pahole."""

from __future__ import annotations

from btfkit.cli.meanings import FILES, MEANINGS, SPECIAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.cli.options import Command

# What bpftool calls the things that it shows; `btf` is a command here, too.
BPFTOOL = ("gen", "prog", "map", "link", "cgroup", "perf", "net", "feature", "struct_ops", "iter", "token")
PAHOLE = ("-C", "--class_name", "-J", "--btf_encode", "--btf_encode_detached")  # options that no command here has


def of_bpftool(word: str) -> str:
    """The end of a message about an unknown command, or ""."""
    return f"; `btfkit bpftool {word} ...` accepts bpftool's command lines" if word in BPFTOOL else ""


def of_pahole(words: Sequence[str]) -> str:
    """The end of a message about options that a command does not have, or ""."""
    for word in words:
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        if name in PAHOLE:
            return f"; `btfkit pahole {name} ...` accepts pahole's command lines"
    return ""


def taken_by_option(command: Command, values: object) -> str:
    """The end of a message about operands that are missing, because an option that takes several words has them; or ""."""
    for option in command.options:
        words: list[str] = getattr(values, option.dest) if option.several else []
        if len(words) > 1:
            return f"; {option.spellings[-1]} takes all words that follow, {words[-1]!r} too: put operands before it"
    return ""


def misplaced(command: Command, operands: Sequence[str], expected: str) -> str:
    """A sentence about operands of a command line that failed, if they seem to be in another order than `expected`; or ""."""
    from os.path import exists, getsize, isfile

    from btfkit.errors import printable

    for wanted, operand in _placed(command.operands, operands):
        meaning = SPECIAL.get((command.name, wanted)) or MEANINGS.get(wanted, FILES)
        known = [word for name, words in command.choices.items() if name != wanted for word in words]
        if operand in known and operand is not operands[-1] and not exists(operand):
            return f"{printable(operand)!r} is not a file: expected {expected}"
        if meaning != FILES and wanted not in command.choices and isfile(operand):
            return f"{printable(operand)!r} is a file: expected {expected}"
    if command.name == "min" and len(operands) > 2:
        _, output, *objects = operands
        if isfile(output) and getsize(output) and not all(map(exists, objects)):
            return f"OUTPUT is {printable(output)}, which exists: expected INPUT OUTPUT OBJECT..."
    return ""


def _placed(names: Sequence[str], operands: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each operand with the name of its place; an optional last place gets its operand after all others have one."""
    for number, operand in enumerate(operands):
        at = min(number, len(names) - 1)
        first = next((place for place in range(at + 1) if "..." in names[place]), at)
        yield names[first].rstrip("?"), operand
