"""`btfkit history`: show what many kernels have under a name, and when that changed."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.kernels import KERNELS
from btfkit.cli.options import COLOR, JOBS, JSON, Command, Option, UsageError, has_colours, refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.fleet.history_values import History


def run(args: Args) -> int:
    """Print the time line of each kind of thing with that name; exit with 1 if no kernel has it."""
    if args.kernels and args.atlas is not None:
        raise UsageError("--kernels and --atlas do not go together")
    from btfkit.errors import UnsupportedError, printable
    from btfkit.fleet.history_values import is_member

    (name,) = args.operands
    try:
        if is_member(name):
            from btfkit.show.offset import parsed

            parsed(name)
    except UnsupportedError as error:
        raise UsageError(error.message) from None
    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    refuse_overwriting([args.html], [args.atlas])
    answered = _from_tables(args.atlas, name, args.html is not None) if args.atlas is not None else None
    if answered is not None:
        _write(args, answered)
        if not answered and not args.quiet:
            sys.stdout.flush()
            print(f"btfkit history: no kernel has {printable(name)}", file=sys.stderr)
        return DONE if answered else DIFFERS
    return _read(args, name)


def _read(args: Args, name: str) -> int:
    """Read the kernels themselves."""
    from btfkit.cli.kernels import complain, demand_running
    from btfkit.errors import printable
    from btfkit.fleet.history import history
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.progress import Progress

    kernels = args.kernels or [args.atlas or demand_running()]
    tree = find_kernels(kernels)
    refuse_overwriting([args.html], [*kernels, *tree.files()])
    with Progress(len(tree.kernels), "reading", wanted=not args.quiet, unit="kernels") as progress:
        found = history(name, tree, guesses=not args.no_guesses, workers=args.jobs, observe=progress.at)
    _write(args, found)
    if not found and not args.quiet and found.usable:
        sys.stdout.flush()
        hint = f": {printable(found.hint)}" if found.hint else ""
        print(f"btfkit history: no kernel has {printable(name)}{hint}", file=sys.stderr)
    if complain(found.columns, tree, quiet=args.quiet):
        return FAILED
    return DONE if found else DIFFERS


def _from_tables(path: str, name: str, parts: bool) -> History | None:
    """The history that the tables of an atlas have; None if its kernels have to be read."""
    from btfkit.atlas.schema import is_atlas
    from btfkit.errors import UnsupportedError
    from btfkit.fleet.history_atlas import atlas_history

    try:
        return atlas_history(path, name, parts=parts)
    except UnsupportedError:
        if not is_atlas(path):
            raise
        return None


def _write(args: Args, found: History) -> None:
    from btfkit.fleet.history_text import as_json, history_lines

    if args.html is not None:
        from btfkit.files.write import write_atomic
        from btfkit.fleet.history_page import history_page

        write_atomic(args.html, history_page(found))
    if args.json:
        from json import dumps

        sys.stdout.write(dumps(as_json(found), indent=1) + "\n")
    elif args.html != "-" and found:
        from btfkit.cli.kernels import terminal_width
        from btfkit.fleet.report_terminal import wrapped

        width, dye = terminal_width(), has_colours(args.color, None)
        for line in history_lines(found):
            for part in [line] if width is None or len(line) <= width else wrapped(line, width):
                sys.stdout.write(f"{_coloured(line, part) if dye else part}\n")


def _coloured(line: str, part: str) -> str:
    """A part of a line with colours by what the line is."""
    depth = len(line) - len(line.lstrip())
    text = line.lstrip()
    if depth in (0, 2):
        return f"\x1b[1m{part}\x1b[0m"
    colours = {"absent: ": "33", "guess: ": "35", "+ ": "32", "- ": "31", "~ ": "33", "> ": "36"}
    colour = next((code for start, code in colours.items() if text.startswith(start)), "")
    return f"\x1b[{colour}m{part}\x1b[0m" if colour else part


COMMAND = Command(
    "history",
    "show what many kernels have under a name, and when it changed",
    run,
    operands="NAME",
    options=(
        KERNELS,
        Option(
            "--atlas",
            value="FILE",
            help="ask the tables of an atlas, without guesses; its kernels if these do not answer",
        ),
        Option("--no-guesses", help="do not compare kernels for what a type or function was called before"),
        JSON,
        Option("--html", value="FILE", help="also write an HTML page with a picture: kernels across, the place down"),
        COLOR,
        JOBS,
    ),
    details="""NAME is a member (STRUCT.MEMBER), a type ('struct file' selects the kind) or a function.
Kernels of one distribution, architecture and flavor are one series, by version. Without --kernels: the running kernel.
Exit status 1 if no kernel has NAME.

    btfkit history task_struct.__state --kernels btfhub-archive/
    btfkit history bpf_xdp_flow_lookup --kernels /lib/modules --html history.html""",
)
