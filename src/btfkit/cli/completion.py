"""`btfkit completion`: let a shell complete command lines of btfkit.

The script of a shell asks `btfkit completion answer -- WORD...`, whose words are those after `btfkit`, up to the one at the
cursor.  The answer is a line of "files" (names of files are welcome as well), "open" (no space follows) and "-" (neither), then
a line for each candidate: the word, a tab, and a description.
"""

from __future__ import annotations

from btfkit.cli import COMMANDS, DONE, command
from btfkit.cli.meanings import FILES, FUNCTIONS, MEANINGS, MEMBERS, NOTHING, SPECIAL, TYPES
from btfkit.cli.options import Command, UsageError, arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args, Option

SHELLS = {"bash": "btfkit.bash", "zsh": "_btfkit", "fish": "btfkit.fish"}  # the files in shell/, by their usual names
GLOBAL = {"--help": "show the commands", "--version": "show the version", "--base": "the base BTF (vmlinux)"}


class Answer:
    """Candidates: `words` with their descriptions; whether names of `files` are welcome; whether a word is `open` to more."""

    __slots__ = ("files", "open", "words")

    def __init__(self, words: dict[str, str] | None = None, *, files: bool = False) -> None:
        self.words = words or {}
        self.files = files
        self.open = any(word.endswith((".", "=", ",")) for word in self.words)

    def add(self, other: Answer) -> None:
        """Take what another answer offers."""
        self.words |= other.words
        self.files |= other.files
        self.open |= other.open

    def lines(self) -> list[str]:
        """The lines of the answer."""
        head = " ".join([*(["files"] if self.files else []), *(["open"] if self.open else [])])
        return [head or "-", *(f"{word}\t{text}" for word, text in self.words.items())]


def run(args: Args) -> int:
    """Print the script of a shell, or the answer to one."""
    shell, *words = args.operands
    if shell == "answer":
        print("\n".join(answer(words).lines()))
        return DONE
    if shell not in SHELLS:
        from btfkit.btf.suggest import did_you_mean

        raise UsageError(f"unknown shell {shell!r} (shells: {', '.join(SHELLS)}){did_you_mean(shell, SHELLS)}")
    if words:
        raise UsageError(f"expected one SHELL, got {arguments(1 + len(words))}")
    print(script(shell), end="")
    return DONE


def script(shell: str) -> str:
    """The completion script of a shell, one of SHELLS."""
    from importlib.resources import files

    return files("btfkit.cli").joinpath("shell", SHELLS[shell]).read_text("utf-8")


def answer(words: list[str]) -> Answer:
    """What may stand in place of the last of `words`, all of which follow `btfkit`."""
    *before, current = _joined(words or [""])
    while before[:1] and before[0].startswith("-"):
        is_base = before[0] in ("-B", "--base")
        if is_base and len(before) == 1:
            return Answer(files=True)
        del before[: 2 if is_base else 1]
    if not before:
        return Answer(_beginning(current, GLOBAL if current.startswith("-") else COMMANDS))
    name, *before = before
    if name == "help" and not before:
        return Answer(_beginning(current, COMMANDS))
    if name not in COMMANDS:
        return Answer()
    return _Line(command(name), before).answer(current)


def _joined(words: list[str]) -> list[str]:
    """`words` with "--option", "=", "value" as one word: bash splits them."""
    result: list[str] = []
    for word in words:
        after_equals = result and result[-1].startswith("--") and result[-1].endswith("=")
        if after_equals or (word == "=" and result and result[-1].startswith("--")):
            result[-1] += word
        else:
            result.append(word)
    return result


def _beginning(start: str, words: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    texts = words if isinstance(words, dict) else dict.fromkeys(words, "")
    return {word: text for word, text in texts.items() if word.startswith(start)}


class _Line:
    """The words of a command line before the one to complete."""

    def __init__(self, command: Command, words: list[str]) -> None:
        self.command = command
        self.operands: list[str] = []
        self.base: str | None = None
        self.open: Option | None = None  # takes the next word
        self.only_operands = False
        self.table = {spelling: option for option in command.options for spelling in option.spellings}
        for word in words:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.only_operands or not word.startswith("-") or word == "-":
            if self.open is None:
                self.operands.append(word)
                return
            if "--base" in self.open.spellings:
                self.base = word
            self.open = self.open if self.open.several else None
            return
        self.only_operands = word == "--"
        name, given, value = word.partition("=")
        option = self.table.get(name)
        self.open = option if option is not None and option.value and not given else None
        if given and option is not None and "--base" in option.spellings:
            self.base = value

    def answer(self, current: str) -> Answer:
        """What may stand at the cursor."""
        if self.command.own_parser:
            return Answer(files=True)
        if current.startswith("-") and current != "-" and not self.only_operands:
            option, given, value = current.partition("=")
            if given:
                found = self.table.get(option)
                return self._value(found, value, f"{option}=") if found is not None and found.value else Answer()
            known = {spelling: o.help for spelling, o in self.table.items() if spelling.startswith("--")}
            short = {spelling: o.help for spelling, o in self.table.items() if len(spelling) == len(current) == 2}
            return Answer(_beginning(current, known | short | {"--help": "show the options"}))
        if self.open is not None:
            return self._value(self.open, current)
        result = Answer()
        for wanted in self._operands():
            result.add(self._operand(wanted, current))
        return result

    def _operands(self) -> list[str]:
        """The operands of the command that may stand at the cursor."""
        wanted = self.command.operands
        first = min(len(self.operands), next((at for at, word in enumerate(wanted) if "..." in word), len(wanted)))
        last = first
        while last < len(wanted) and ("..." in wanted[last] or wanted[last].endswith("?")):
            last += 1
        return wanted[first : last + 1]

    def _operand(self, wanted: str, current: str) -> Answer:
        name = wanted.rstrip("?")
        if name in self.command.choices:
            return Answer(_beginning(current, self.command.choices[name]))
        return self._meaning(SPECIAL.get((self.command.name, name)) or MEANINGS.get(name, FILES), current)

    def _value(self, option: Option, current: str, prefix: str = "") -> Answer:
        """A value of an option; candidates get the `prefix`."""
        if option.choices:
            found = Answer(_beginning(current, option.choices))
        else:
            special = SPECIAL.get((self.command.name, option.spellings[-1]))
            meaning = special or ("nothing" if option.value == "NAME" else MEANINGS.get(option.value, FILES))
            listed, comma, last = current.rpartition(",") if "[," in option.value else ("", "", current)
            found = self._meaning(meaning, last)
            prefix += listed + comma
        found.words = {prefix + word: text for word, text in found.words.items()}
        return found

    def _meaning(self, meaning: str, current: str) -> Answer:
        if meaning in (FILES, NOTHING):
            return Answer(files=meaning == FILES)
        from btfkit.show import completions

        functions: dict[str, Callable[[Btf, str], list[str]]] = {
            TYPES: completions.names,
            FUNCTIONS: lambda btf, start: completions.names(btf, start, ("function",)),
            MEMBERS: completions.member_paths,
        }
        btf = self._btf()
        found = functions[meaning](btf, current) if btf is not None else []
        return Answer(dict.fromkeys(found, ""))

    def _btf(self) -> Btf | None:
        """The BTF of the first operand, if that is a file, or of the running kernel; None if it cannot be read."""
        import os

        from btfkit.btf_file import load
        from btfkit.cli import kernels
        from btfkit.errors import BtfError

        path = next(filter(os.path.isfile, self.operands[:1]), f"{kernels.RUNNING}/vmlinux")
        try:
            return load(path, self.base)
        except (BtfError, OSError):
            return None


COMMAND = Command(
    "completion",
    "print a script that lets bash, zsh or fish complete command lines",
    run,
    operands="SHELL WORD...?",
    choices={"SHELL": tuple(SHELLS), "WORD...": ()},
    details="For this session of bash:  source <(btfkit completion bash)\n"
    "For every session:\n"
    "  bash   btfkit completion bash >~/.local/share/bash-completion/completions/btfkit\n"
    "  zsh    btfkit completion zsh >DIR/_btfkit, where DIR is in $fpath\n"
    "  fish   btfkit completion fish >~/.config/fish/completions/btfkit.fish",
)
