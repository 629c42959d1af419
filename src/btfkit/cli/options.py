"""The options of a command as a table, and two ways to read a command line by it.

Importing argparse takes 8 ms, a third of bpftool's whole run, so a plain, correct command line is read by a few lines here.
Everything else (help, abbreviations, mistakes) goes to argparse, with a parser made from the same table.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from btfkit.btf.btf import Btf


DOCS = "https://github.com/btfkit/btfkit/blob/main/docs/"  # where readers of `--help` find the pages
PAGES = {  # of the commands whose page has another name
    "reconcile": "distill",
    "explain": "distill",
    "decode": "values",
    "find": "query",
    "offset": "query",
    "info": "verify",
    "extract": "verify",
    "pahole": "encode",
    "btf": "dump",
    "bpftool": "dump",
}


class Option:
    """One option: its spellings ("-B", "--base") and its value.

    `value` names the value in the help, "" for a flag; `many` collects the values of repeated uses in a list, `several`
    also all words that follow, up to the next option; `choices` limits the values; `convert` converts the text (and raises
    ValueError); `counts` counts the uses of a flag (-vv)."""

    __slots__ = ("choices", "convert", "counts", "default", "dest", "help", "many", "several", "spellings", "value")

    def __init__(
        self,
        *spellings: str,
        value: str = "",
        help: str,
        many: bool = False,
        several: bool = False,
        choices: Sequence[str] = (),
        convert: Callable[[str], Any] | None = None,
        default: Any = None,
        counts: bool = False,
    ) -> None:
        self.spellings = spellings
        self.counts = counts
        self.value = value
        self.help = help
        self.several = several
        self.many = many = many or several
        self.choices = choices
        self.convert = convert
        self.dest = spellings[-1].lstrip("-").replace("-", "_")
        self.default: Any = [] if many else default if value else 0 if counts else False


class Command:
    """A command: its name, summary, options, and the names of its operands.

    An operand that ends in "..." stands for one or more values, in "...?" for any number, in "?" for at most one.  They arrive
    in the list `Args.operands`; the command checks their number if it depends on the options.  `run(args)` returns the exit
    status.  `choices` has the words that an operand may be, by its name, if these are all.  `collects`: whether Python's garbage
    collector runs; off for a short command.  With `own_parser`, `run` gets the command line as it is.
    """

    __slots__ = ("choices", "collects", "details", "name", "operands", "options", "own_parser", "run", "summary")

    def __init__(
        self,
        name: str,
        summary: str,
        run: Callable[[Any], int],
        operands: str = "",
        options: Sequence[Option] = (),
        details: str = "",
        *,
        choices: dict[str, Sequence[str]] | None = None,
        collects: bool = True,
        own_parser: bool = False,
    ) -> None:
        self.choices = choices or {}
        self.collects = collects
        self.own_parser = own_parser
        self.name = name
        self.summary = summary
        self.run = run
        self.operands = operands.split()
        self.options = (*options, *COMMON)
        self.details = details


class Args:
    """A command line that was read: an attribute for each option, and `operands`."""

    operands: list[str]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class UsageError(Exception):
    """The command line is wrong: exit status 2."""


def refuse_overwriting(outputs: Sequence[str | None], inputs: Sequence[str | None]) -> None:
    """Raise UsageError if an output would overwrite an input, by whatever name, or another output; None and "-" are ignored."""
    from btfkit.files.write import overwriting

    if text := overwriting([path for path in outputs if path], inputs):
        raise UsageError(text)


def refuse_other_actions(action: str, actions: Iterable[str]) -> None:
    """Raise UsageError for an ACTION that is not one of `actions`."""
    actions = tuple(actions)
    if action not in actions:
        from btfkit.btf.suggest import did_you_mean
        from btfkit.errors import printable

        close = did_you_mean(action, actions)
        raise UsageError(f"unknown action {printable(action)!r}: expected one of {', '.join(actions)}{close}")


def files_below(paths: Sequence[str]) -> list[str]:
    """The files in `paths`, and the modules in the directories among them; missing and unreadable ones are omitted."""
    import os

    from btfkit.files.modules import module_files

    def ignore(error: OSError) -> None:
        return

    return [file for path in paths if os.path.exists(path) for _, file in module_files(path, on_error=ignore)]


def warn_without_modules(empty: Sequence[str]) -> None:
    """Name the paths below which there is no module, on standard error."""
    if empty:
        import sys

        from btfkit.errors import printable
        from btfkit.files.modules import NO_MODULES

        for path in empty:
            print(f"btfkit: {printable(path)}: {NO_MODULES}", file=sys.stderr)


def warn_of_second(*btfs: Btf) -> None:
    """Name the files in which a second BTF follows the first, which alone is read, on standard error."""
    for source in {btf.source: None for btf in btfs if btf.second}:
        import sys

        from btfkit.btf.header import SECOND
        from btfkit.errors import printable

        print(f"btfkit: {printable(source or 'BTF')}: {SECOND}", file=sys.stderr)


def has_colours(color: str, output: str | None) -> bool:
    """Whether --color asks for colours: "auto" means on a terminal that shows them, unless NO_COLOR is set."""
    import os
    import sys

    return color == "always" or (
        color == "auto"
        and output in (None, "-")
        and sys.stdout.isatty()
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM") != "dumb"
    )


def number(text: str) -> int:
    """The number that is the value of an option; raises ValueError with a message."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None


def positive(text: str) -> int:
    """As `number`, of at least 1."""
    found = number(text)
    if found < 1:
        raise ValueError(f"expected a number of at least 1, got {found}")
    return found


def print_json(document: object, output: str | None = None) -> None:
    """Print a report as JSON: on standard error if the output itself goes to standard output ("-")."""
    import sys
    from json import dumps

    print(dumps(document, indent=2), file=sys.stderr if output == "-" else sys.stdout)


def print_findings(args: Args, document: dict[str, Any], findings: Sequence[str], checked: str) -> None:
    """Print what a check found: as JSON, or a line each, and on standard error how much was `checked`."""
    if args.json:
        print_json({**document, "clean": not findings, "findings": list(findings)})
        return
    import sys

    from btfkit.errors import counted

    for finding in findings:
        print(finding)
    if not args.quiet:
        print(f"{checked}: {counted(len(findings), 'finding') if findings else 'clean'}", file=sys.stderr)


VERBOSE = Option(
    "-v",
    "--verbose",
    counts=True,
    help="report the files and bases that are used, and what is skipped (-vv: each step)",
)
COMMON = (Option("-q", "--quiet", help="print errors only"), VERBOSE)
JSON = Option("--json", help="print the result as JSON")
BASE = Option("-B", "--base", value="FILE", help="the base BTF (vmlinux) of a split BTF")


def _pointer_size(text: str) -> int:
    if text not in ("4", "8"):
        raise ValueError(f"expected 4 or 8, got {text!r}")
    return int(text)


POINTER_SIZE = Option(
    "--pointer-size",
    value="BYTES",
    help="the size of pointers, 4 or 8, for raw BTF without `long` (default: 8)",
    convert=_pointer_size,
)
JOBS = Option("-j", "--jobs", value="N", help="worker processes (default: one per CPU)", convert=positive)
COLOR = Option(
    "--color", value="WHEN", help="auto, always or never", choices=("auto", "always", "never"), default="auto"
)
LOADER = Option(
    "--loader",
    value="NAME",
    choices=("libbpf", "cilium", "aya"),
    help="whose rules answer: libbpf (the default), cilium (cilium/ebpf) or aya",
)
LOADER_TO_KEEP = Option(
    "--loader",
    value="NAME",
    choices=LOADER.choices,
    help="keep what this loader reads: libbpf (the smallest), cilium or aya (default: what libbpf and cilium read)",
)
OUTPUT = Option("-o", "--output", value="FILE", help="the output file ('-': standard output)")


# Which types and kernels: `min` and `bundle create`.
SELECTION = (
    Option("--keep-type", value="NAME[,NAME]", many=True, help="keep these types too ('struct file', 'pid_t')"),
    Option("--keep-func", value="NAME[,NAME]", many=True, help="keep these functions with their prototypes"),
    Option(
        "--closure",
        value="POLICY",
        choices=("direct", "by-value", "full"),
        help="what is kept with a type: direct (names and sizes), by-value (everything embedded), full (everything reachable)",
    ),
    Option("--no-verify", help="do not relocate the objects on the output to prove it"),
    Option("--keep-going", help="skip bad objects and modules, and exit with status 3"),
)
ARCHIVE = (
    Option("--archive", value="TREE", help="minimize every kernel below a directory or URL (BTFHub's layout too)"),
    JOBS,
    Option("--scheduler", value="ADDRESS", help="with --archive: run on the Dask cluster at tcp://HOST:8786"),
    Option("--ignore-markers", help="include kernels that are marked .hasbtf or .failed and have a file"),
)


def demand_selection(args: Args, objects: list[str]) -> None:
    """Raise UsageError if there is neither an object nor a type or function to keep."""
    if not (objects or names(args.keep_type) or names(args.keep_func)):
        raise UsageError("nothing to keep: name at least one OBJECT, or use --keep-type or --keep-func")


def names(lists: list[str]) -> list[str]:
    """The names in the values of a repeatable option that takes "NAME,NAME"."""
    return [name.strip() for text in lists for name in text.split(",") if name.strip()]


def arguments(count: int) -> str:
    """ "no arguments", "1 argument", "2 arguments"."""
    from btfkit.errors import counted

    return counted(count, "argument") if count else "no arguments"


def parse(command: Command, argv: list[str]) -> Args:
    """Read the command line `argv` (without the command's name).  Exits, as argparse does, for help and for a mistake."""
    args = _plain(command, argv)
    if args is not None:
        return args
    parser = _argparse(command, argv)
    known = parser.parse_intermixed_args(argv)
    if not _fits(command.operands, len(known.operands)):
        wanted = usage(command).partition("[options]")[2].strip()
        count = len(known.operands)
        from btfkit.cli.habits import taken_by_option

        hint = taken_by_option(command, known)
        parser.error(f"expected {wanted or 'no arguments'}, got {arguments(count)}{hint}")
    args = Args()
    args.__dict__.update(vars(known))
    return args


def _plain(command: Command, argv: list[str]) -> Args | None:
    """The command line, if every option is spelled out and every value is valid; else None."""
    table = {spelling: option for option in command.options for spelling in option.spellings}
    values: dict[str, Any] = {o.dest: list(o.default) if o.many else o.default for o in command.options}
    operands: list[str] = []
    rest = iter(argv)
    open_option: Option | None = None  # takes the words that follow
    for word in rest:
        if word == "--":
            operands += rest
            break
        if len(word) < 2 or word[0] != "-":
            if open_option is None:
                operands.append(word)
            elif not _store(open_option, word, values):
                return None
            continue
        name, given, value = word.partition("=") if word[1] == "-" else (word[:2], word[2:], word[2:])
        option = table.get(name)
        if option is None or (given and not option.value and not option.counts):
            return None
        open_option = None
        if option.counts:
            if given.strip(name[1:]):
                return None
            values[option.dest] += 1 + len(given)
            continue
        if not option.value:
            values[option.dest] = True
            continue
        if not given:
            following = next(rest, None)
            if following is None or (following.startswith("-") and following != "-"):
                return None
            value = following
        if not _store(option, value, values):
            return None
        open_option = option if option.several and not given else None
    values["operands"] = operands
    if not _fits(command.operands, len(operands)):
        return None
    args = Args()
    args.__dict__.update(values)
    return args


def _store(option: Option, text: str, values: dict[str, Any]) -> bool:
    if not text:  # argparse states that it is wrong
        return False
    if option.choices and text not in option.choices:
        return False
    value: Any = text
    if option.convert is not None:
        try:
            value = option.convert(text)
        except ValueError:
            return False
    if option.many:
        values[option.dest].append(value)
    else:
        values[option.dest] = value
    return True


def _fits(operands: list[str], count: int) -> bool:
    least = sum(1 for name in operands if not name.endswith("?"))
    return count >= least and (count <= len(operands) or any("..." in name for name in operands))


def _suggestion(command: Command, argv: Sequence[str]) -> str:
    """The close name of the first option or choice in `argv` that does not exist: "; did you mean '--keep-type'?", or ""."""
    from btfkit.btf.suggest import did_you_mean

    table = {spelling: option for option in command.options for spelling in option.spellings}
    option: Option | None = None
    for word in argv:
        name, _, value = word.partition("=")
        if word == "--":
            break
        if name.startswith("--") and not any(spelling.startswith(name) for spelling in table):
            return did_you_mean(name, table)
        is_option = word.startswith("-")
        option = table.get(name) if is_option else option
        value = value if is_option else word
        if option is not None and option.choices and value and value not in option.choices:
            return did_you_mean(value, option.choices)
        if value:
            option = None
    return ""


def _argparse(command: Command, argv: Sequence[str] = ()) -> ArgumentParser:
    """The same table as an argparse parser; its complaints about `argv` suggest close names."""
    import argparse

    from btfkit.cli.habits import of_pahole
    from btfkit.cli.help_text import fitted
    from btfkit.errors import printable

    def checked(option: Option) -> Callable[[str], Any]:
        def converted(text: str) -> Any:
            if not text:
                raise argparse.ArgumentTypeError(f"expected {option.value}, got nothing (an empty word)")
            try:
                return text if option.convert is None else option.convert(text)
            except ValueError as error:
                raise argparse.ArgumentTypeError(str(error)) from None

        return converted

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            super().error(printable(message) + (_suggestion(command, argv) or of_pahole(argv)))

        def _print_message(self, message: str, file: Any = None) -> None:
            file.write(message)  # argparse ignores errors

    class Formatter(argparse.HelpFormatter):
        def _fill_text(self, text: str, width: int, indent: str) -> str:
            return fitted(text, width + 2)  # argparse leaves two columns free

        def _split_lines(self, text: str, width: int) -> list[str]:
            return fitted(" ".join(text.split()), width).splitlines()

    parser = Parser(
        prog=f"btfkit {command.name}",
        description=command.summary[:1].upper() + command.summary[1:] + ".",
        epilog=f"{command.details}\n\nDocumentation: {documentation(command)}".strip(),
        usage=usage(command),
        formatter_class=Formatter,
    )
    for option in command.options:
        keywords: dict[str, Any] = {
            "help": option.help.replace("%", "%%"),
            "dest": option.dest,
            "default": option.default,
        }
        if not option.value:
            keywords["action"] = "count" if option.counts else "store_true"
        else:
            keywords["action"] = "extend" if option.several else "append" if option.many else "store"
            keywords["nargs"] = "+" if option.several else None
            keywords["metavar"] = option.value
            keywords["choices"] = option.choices or None
            keywords["type"] = checked(option)
        parser.add_argument(*option.spellings, **keywords)
    parser.add_argument("operands", nargs="*", metavar=" ".join(command.operands) or "nothing", help=argparse.SUPPRESS)
    return parser


def page(command: Command) -> str:
    """The file name of the page about a command."""
    return PAGES.get(command.name, command.name) + ".md"


def documentation(command: Command) -> str:
    """The URL of the page about a command."""
    return DOCS + page(command)


def usage(command: Command) -> str:
    """The usage line."""
    shown = []
    for name in command.operands:
        text = name.rstrip("?")
        shown.append(f"[{text}]" if name.endswith("?") else text)
    return " ".join((f"btfkit {command.name} [options]", *shown))
