"""`btfkit find`: find types, members, enumerators and functions by name, and the users of a type."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.kernels import complain_of_modules, demand_running, is_directory
from btfkit.cli.options import BASE, JSON, POINTER_SIZE, Command, Option, UsageError, warn_of_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.show.find import Found

# those of show/find.py, which is not imported before it is needed
KINDS = (
    "struct", "union", "enum", "typedef", "function", "variable", "int", "float", "forward", "member", "enumerator",
)  # fmt: skip


def run(args: Args) -> int:
    """Print what matches, one per line; exit with 1 if nothing does."""
    from btfkit.btf_file import load
    from btfkit.show.find import find

    if len(args.operands) > 2:
        raise UsageError(f"expected FILE and one PATTERN, got {len(args.operands)} arguments")
    path, pattern = args.operands if len(args.operands) == 2 else (_running(args.operands[0]), args.operands[0])
    if is_directory(path):
        return _run_on_directory(args, path, pattern)
    btf = load(path, args.base, pointer_size=args.pointer_size)
    warn_of_second(btf)
    own = btf.base is not None and not args.all
    things = _users(btf, pattern, args.kind, own) if args.users else find(btf, pattern, args.kind, own=own)
    count = _print_json(things, path, pattern) if args.json else _print(things)
    if not count and not args.quiet:
        sys.stdout.flush()
        from btfkit.errors import printable
        from btfkit.files.container import source_name

        where = " (the base was not searched; use --all)" if own else _hint(btf, pattern)
        name, does = printable(source_name(path)), "refers to" if args.users else "matches"
        print(f"btfkit find: nothing in {name} {does} {printable(pattern)!r}{where}", file=sys.stderr)
    return DONE if count else DIFFERS


def _running(pattern: str) -> str:
    """The directory of the running kernel."""
    import os

    if "/" in pattern.strip("/") and os.path.exists(pattern):
        raise UsageError("no PATTERN: expected FILE PATTERN, or PATTERN (of the running kernel)")
    return demand_running()


def _run_on_directory(args: Args, path: str, pattern: str) -> int:
    """Search a kernel with its modules."""
    if args.base is not None or args.all:
        raise UsageError("-B and --all need a FILE, not a directory")
    from btfkit.errors import printable
    from btfkit.fleet.kernel_diff import kernel_in
    from btfkit.fleet.owners import KernelTypes
    from btfkit.show.find import find

    types = KernelTypes(kernel_in(path))
    results: list[tuple[Found, str]] = []

    def look(module: str, btf: Btf) -> None:
        own = bool(module)
        found = _users(btf, pattern, args.kind, own) if args.users else find(btf, pattern, args.kind, own=own)
        results.extend((one, module) for one in found)

    types.search("*" if args.users else pattern, look)
    if args.json:
        from json import dumps

        shown = [dumps(one.as_json() | ({"module": module} if module else {})) for one, module in results]
        head = dumps({"schema": 1, "path": path, "pattern": pattern, "found": []})[:-2]
        sys.stdout.write(head + ("\n" if shown else "") + ",\n".join(shown) + "\n]}\n")
    else:
        for one, module in results:
            sys.stdout.write(line(one) + (f" [{printable(module)}]" if module else "") + "\n")
    if not results and not args.quiet:
        sys.stdout.flush()
        does, hint = "refers to" if args.users else "matches", _hint(types.vmlinux, pattern)
        print(f"btfkit find: nothing in {printable(path)} {does} {printable(pattern)!r}{hint}", file=sys.stderr)
    if complain_of_modules(types.errors):
        return FAILED
    return DONE if results else DIFFERS


def _hint(btf: Btf, pattern: str) -> str:
    from btfkit.btf.suggest import did_you_mean_type
    from btfkit.show.find import is_exact

    return did_you_mean_type(btf, pattern) if is_exact(pattern) else ""


def _users(btf: Btf, pattern: str, kinds: list[str], own: bool) -> Iterator[Found]:
    """The users of the matching types, which may be those of the base."""
    from btfkit.show.find import find, users_of_each

    yield from users_of_each(
        btf, dict.fromkeys(found.type_id for found in find(btf, pattern, kinds or KINDS[:9])), own=own
    )


def _print(things: Iterator[Found]) -> int:
    count = 0
    out = sys.stdout.buffer
    for found in things:
        out.write(line(found).encode() + b"\n")
        count += 1
    out.flush()
    return count


def line(found: Found) -> str:
    """One line for one result: id, kind, name and details."""
    from btfkit.errors import printable

    name = printable(found.name)
    if found.kind == "member":
        where = f"bit {found.bit_offset}, {found.bits} bits" if found.bits else f"at {found.offset}"
        what = f"{found.owner}.{name}: {found.text}, {where}"
    elif found.kind == "enumerator":
        what = f"{found.owner}: {name} = {found.value}"
    elif found.kind in ("function", "variable"):
        what = found.text
    elif found.kind == "typedef":
        what = f"{name}: {found.text}"
    elif found.kind == "forward":
        what = f"{found.text} {name}"
    else:
        what = name + (f": {found.size} bytes" if found.size is not None else "")
    return f"[{found.type_id}] {found.kind} {what}"


def _print_json(things: Iterator[Found], path: str, pattern: str) -> int:
    """Print one object, with one result per line."""
    from json import dumps

    count = 0
    out = sys.stdout
    head: dict[str, object] = {"schema": 1, "path": path, "pattern": pattern, "found": []}
    out.write(dumps(head)[:-2])
    for count, found in enumerate(things, 1):
        out.write(("\n" if count == 1 else ",\n") + dumps(found.as_json()))
    out.write("\n]}\n")
    out.flush()
    return count


COMMAND = Command(
    "find",
    "find types, members, enumerators and functions by name",
    run,
    operands="FILE? PATTERN",
    options=(
        BASE,
        POINTER_SIZE,
        Option("--kind", value="KIND", many=True, choices=KINDS, help=f"one of {', '.join(KINDS)}; may be repeated"),
        Option("--users", help="list the users of the matching types: members, functions, typedefs, variables"),
        Option("-a", "--all", help="also search the base (-B)"),
        JSON,
    ),
    details="""PATTERN is a name, a glob ('tcp_*'), or a regular expression between slashes ('/^sk_.*buf/').
FILE may be the directory of a kernel with its modules; without FILE, the running kernel is searched.
Exit status 1 if nothing matches.

    btfkit find /sys/kernel/btf/vmlinux '*_sock' --kind struct
    btfkit find /sys/kernel/btf/vmlinux --users 'struct sk_buff'""",
)
