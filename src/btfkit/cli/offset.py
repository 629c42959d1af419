"""`btfkit offset`: print the offsets of members."""

from __future__ import annotations

from btfkit.cli import DONE
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError, number, print_json, warn_of_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.show.offset import Place


def run(args: Args) -> int:
    """Print one line per path, all of them or none."""
    from btfkit.btf_file import load
    from btfkit.show.offset import offsets

    path, *wanted = args.operands
    if args.json and args.plain:
        raise UsageError("--json and --plain exclude each other")
    btf = load(path, args.base)
    warn_of_second(btf)
    places = offsets(btf, wanted, type_id=args.id)
    if args.json:
        print_json({"schema": 1, "path": path, "places": [place.as_json() for place in places]})
    elif args.plain:
        print("\n".join(str(place.offset) for place in places))
    else:
        rows = [_row(place) for place in places]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + row[3])
    return DONE


def _row(place: Place) -> tuple[str, str, str, str]:
    from btfkit.errors import counted, printable

    if place.bits:
        size = f"{place.bits} bits from bit {place.bit_offset - 8 * place.offset}"
    else:
        size = "no size" if place.size is None else counted(place.size, "byte")
    return printable(place.path), str(place.offset), size, place.text


COMMAND = Command(
    "offset",
    "print the offset of a member: struct.member.path",
    run,
    operands="FILE PATH...",
    options=(
        BASE,
        JSON,
        Option("--plain", help="print only the offsets in bytes, one per line"),
        Option("--id", value="N", help="the id of the struct, if several have that name", convert=number),
    ),
    details="""PATH is STRUCT.MEMBER.MEMBER[3]; members of anonymous structs are named as in C. Pointers are not followed.

    btfkit offset /sys/kernel/btf/vmlinux task_struct.pid task_struct.comm[0] sock.__sk_common.skc_family""",
)
