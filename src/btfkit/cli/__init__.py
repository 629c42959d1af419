"""The command line: one file per command, and the code that all commands share (exit status, errors, pipes, Ctrl-C).

Exit status: 0 success; 1 the answer is "differs", "not clean" or "missing on some kernel"; 2 wrong usage; 3 an input could not
be used, part of a batch failed, or the command was interrupted.
"""

from __future__ import annotations

import io
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from btfkit.cli.options import Command

COMMANDS = {
    "min": "minimize vmlinux and module BTF to what CO-RE programs read",
    "check": "find which kernels a program breaks on, and why",
    "relocs": "show the value of each CO-RE relocation of an object on a kernel",
    "dump": "print the types of a BTF as text, JSON or source code",
    "layout": "show offsets, holes and cache lines of structs and unions",
    "decode": "show bytes as values of a type",
    "diff": "compare two kernels or modules, and show the effect on layouts",
    "find": "find types, members, enumerators and functions by name",
    "offset": "print the offset of a member: struct.member.path",
    "history": "show what many kernels have under a name, and when it changed",
    "info": "show the header, counts by kind and sizes of a BTF",
    "extract": "extract BTF from any container",
    "merge": "combine a vmlinux and its modules into one BTF",
    "sanitize": "rewrite BTF for older kernels and tools",
    "sort": "sort types by name, as recent kernels do",
    "distill": "give modules a small base, so that BTF survives kernel updates",
    "reconcile": "rewrite the BTF of distilled modules for another kernel",
    "explain": "explain whether a kernel accepts a module's BTF, and if not, why",
    "bundle": "put the BTF of many kernels into one small file",
    "atlas": "keep the BTF of many kernels in one file, and ask questions of it",
    "dedup": "merge equivalent types",
    "encode": "make BTF of the DWARF of a kernel or module",
    "pahole": "accept pahole's command lines: to show types, and to make BTF",
    "verify": "check a BTF: its structure, then the kernel's rules",
    "btf": "show the BTF of the running kernel, its programs and maps",
    "bpftool": "accept bpftool's command lines",
    "completion": "print a script that lets bash, zsh or fish complete command lines",
}

DONE, DIFFERS, USAGE, FAILED = 0, 1, 2, 3


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (sys.argv[1:] by default) and return the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _quiet_stdout()
        return DONE
    except KeyboardInterrupt:
        print("btfkit: interrupted", file=sys.stderr)
        return FAILED
    except Exception as error:
        return _complain(error)


def entry() -> int:
    """Run the process of the command `btfkit`; returns the exit status unless `_exit_quickly` ends the process.

    The garbage collector does not run while modules are imported (`run_command` starts it), because it would find nothing.
    """
    import gc

    gc.disable()
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_streams()
    _name_output()
    _order_messages()
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or FAILED
        _quiet_stdout()
    _exit_quickly(status)
    return status


class _NamedOutput(io.FileIO):
    """Standard output, whose errors name it."""

    def write(self, data: Any) -> int:
        """Write to it; an error has its name in place of a file's."""
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from None


def _name_output() -> None:
    """Have errors of standard output name it: a disk that is full, for example, says nothing about which file."""
    old = sys.stdout
    if not isinstance(old, io.TextIOWrapper):  # another program's
        return
    raw = _NamedOutput(1, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw),
        old.encoding,
        old.errors,
        line_buffering=old.line_buffering,
        write_through=old.write_through,
    )


class _OrderedErrors(io.FileIO):
    """Standard error that comes after what was printed before it on standard output."""

    def write(self, data: Any) -> int:
        """Write to it, after what standard output still holds."""
        try:  # noqa: SIM105 - contextlib is not imported at start-up
            sys.stdout.flush()
        except OSError:  # the flush at the end meets it, too, and says so
            pass
        return super().write(data)


def _order_messages() -> None:
    """Keep data and messages in order if both streams lead to one file (`2>&1`), as in the log of a CI run."""
    import os

    old = sys.stderr
    if not isinstance(old, io.TextIOWrapper) or not os.path.sameopenfile(1, 2) or sys.stdout.line_buffering:
        return
    raw = io.BufferedWriter(_OrderedErrors(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(raw, old.encoding, old.errors, line_buffering=True)


def _open_streams() -> None:
    """Open the standard streams that are closed (`>&-`), so that no file takes their place: what is written to standard output or
    read from standard input fails with EBADF, what is written to standard error is lost."""
    import os

    for number, name, flags in (0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, flags)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _exit_quickly(status: int) -> None:
    """End the process without finalizing the interpreter, which takes 3 ms of 25.

    Does nothing if other code may still want to run at exit: a tracer, a profiler, a monitoring tool, another thread, a
    registered exit function, or `python -i`.
    """
    import _thread
    import os

    tools = getattr(sys, "monitoring", None)  # since Python 3.12
    watched = sys.gettrace() or sys.getprofile() or (tools and any(tools.get_tool(number) for number in range(6)))
    at_exit = "atexit" in sys.modules and sys.modules["atexit"]._ncallbacks()
    if not (watched or _thread._count() or at_exit or sys.flags.inspect):
        os._exit(status)


def _run(argv: list[str]) -> int:
    leading: list[str] = []
    while argv and argv[0].startswith("-"):
        word = argv.pop(0)
        if word in ("-h", "--help"):
            print(overview())
            return DONE
        if word in ("-V", "--version"):
            print(version())
            return DONE
        leading.append(word)
        if word in ("-B", "--base") and argv:
            leading.append(argv.pop(0))
        elif not word.startswith(("-B", "--base=")) and word not in ("-v", "-vv", "--verbose"):
            from btfkit.btf.suggest import did_you_mean
            from btfkit.cli.habits import of_pahole

            options = ("--help", "--version", "--base", "--verbose")
            hint = of_pahole([word]) or did_you_mean(word, options)
            return _usage(f"unknown option {word} before the command{hint}")
    if not argv:
        print(overview(), file=sys.stderr)
        return USAGE
    name = argv.pop(0)
    if name == "help":
        argv, name = ["--help"], argv[0] if argv else ""
        if not name:
            print(overview())
            return DONE
    if name not in COMMANDS:
        from btfkit.btf.suggest import did_you_mean
        from btfkit.cli.habits import of_bpftool

        return _usage(f"unknown command {name!r}{of_bpftool(name) or did_you_mean(name, COMMANDS)}")
    return run_command(command(name), leading + argv)


def command(name: str) -> Command:
    """The command of that name."""
    module = f"btfkit.cli.{name}"
    __import__(module)  # importing importlib takes 0.3 ms
    found: Command = sys.modules[module].COMMAND
    return found


def run_command(command: Command, argv: list[str]) -> int:
    """Parse `argv` by the command's table and run it."""
    from btfkit.cli.options import UsageError, parse, usage
    from btfkit.errors import BtfError

    _offered.clear()
    _offered.update(spelling for option in command.options for spelling in option.spellings)
    if command.own_parser:
        return command.run(argv)
    try:
        args = parse(command, argv)
        if args.verbose or "btfkit.cli.verbose" in sys.modules:
            from btfkit.cli.verbose import report

            report(args.verbose)
        if command.collects:
            import gc

            gc.enable()
        try:
            return command.run(args)
        except (BtfError, OSError) as error:
            if isinstance(error, BrokenPipeError) or len(args.operands) < 2:
                raise
            from btfkit.cli.habits import misplaced

            status = _complain(error)
            if hint := misplaced(command, args.operands, usage(command).partition("[options]")[2].strip()):
                print(f"btfkit {command.name}: {hint}", file=sys.stderr)
            return status
    except UsageError as error:
        from btfkit.errors import printable_lines

        print(f"usage: {usage(command)}\nbtfkit {command.name}: {printable_lines(str(error))}", file=sys.stderr)
        return USAGE
    except SystemExit as stop:  # argparse: help or wrong usage
        return stop.code if isinstance(stop.code, int) else USAGE


def overview() -> str:
    """The text of `btfkit --help`."""
    lines = [
        "usage: btfkit COMMAND [options] ...",
        "",
        "BTF, the type information of the Linux kernel.",
        "",
        "commands:",
    ]
    lines += [f"  {name:10} {summary}" for name, summary in COMMANDS.items()]
    lines += [
        "",
        "`btfkit COMMAND --help` shows the options; --version shows the version and",
        "whether the loops are compiled.",
    ]
    return "\n".join(lines)


def version() -> str:
    """The text of `btfkit --version`."""
    from btfkit._version import __version__
    from btfkit.hot import compiled

    return (
        f"btfkit {__version__} ({'compiled' if compiled() else 'plain Python'} loops, Python {sys.version.split()[0]})"
    )


def _usage(message: str) -> int:
    from btfkit.errors import printable

    print(f"btfkit: {printable(message)}\n`btfkit --help` lists the commands.", file=sys.stderr)
    return USAGE


def _complain(error: Exception) -> int:
    """Print one line for an expected error; a bug keeps its traceback."""
    from btfkit.errors import BtfError

    if not isinstance(error, BtfError | OSError | MemoryError):
        raise error
    try:
        print(f"btfkit: {in_words(error)}", file=sys.stderr)
    except OSError:  # standard error itself cannot be written
        return FAILED
    return FAILED


def in_words(error: Exception) -> str:
    """The text of an error, with the file that it concerns and the option that would help."""
    from btfkit.errors import error_text

    option = _REMEDIES.get(getattr(error, "remedy", ""), "")
    return f"{error} ({option})" if option.partition(" ")[0] in _offered else error_text(error)


_offered: set[str] = set()  # the options of the command that runs
# The option for a library parameter that an error names.
_REMEDIES = {
    "base": "-B FILE",
    "output": "-o OUT",
    "archive": "--archive TREE",
    "strip_signature": "--strip-signature",
    "any_build": "--force writes it all the same",
    "force": "--force writes a pointer or an empty structure in its place",
}


def _quiet_stdout() -> None:
    """Keep the interpreter from reporting a closed pipe when it flushes at exit."""
    import os

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def progress(*, quiet: bool) -> Callable[[str], None]:
    """A function that prints a line on stderr, or nothing with `quiet`."""
    if quiet:
        return lambda line: None
    return lambda line: print(line, file=sys.stderr)
