"""`btfkit verify`: check a BTF by its structure, by the kernel's rules, and with this machine's kernel."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE
from btfkit.cli.options import BASE, JSON, Command, Option, print_json, warn_of_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.judges.verification import Verification

SCHEMA = 1
SHOWN = 20  # findings without --all


def run(args: Args) -> int:
    """Print the findings and a summary; exit 1 if one of them counts."""
    from btfkit.btf_file import open as open_btf
    from btfkit.judges.verification import verify

    file = open_btf(args.operands[0])
    btf = file.btf(args.base)
    warn_of_second(btf)
    found = verify(btf, ext=file.container.ext, elf=file.elf, kernel=args.kernel, load=args.load)
    if args.json:
        print_json({"schema": SCHEMA, **found.as_json()})
    elif not (args.quiet and found.clean):
        sys.stdout.writelines(
            f"{line}\n" for line in _lines(found, quiet=args.quiet, limit=None if args.all else SHOWN)
        )
    return DONE if found.clean else DIFFERS


def _lines(found: Verification, *, quiet: bool, limit: int | None) -> Iterator[str]:
    from btfkit.errors import printable

    shown = found.errors if quiet else found.findings
    yield from (printable(str(finding)) for finding in shown[:limit])
    if limit is not None and len(shown) > limit:
        yield f"... and {len(shown) - limit:,} more findings (--all prints them)"
    loaded = found.loaded
    if loaded is not None:
        yield f"this kernel: {'accepted' if loaded.ok else 'rejected: ' + loaded.errno}"
        yield from ("    " + printable(line) for line in loaded.log.splitlines()[-3:])
    yield f"{'OK' if found.clean else 'NOT CLEAN'}: {found.summary}"


COMMAND = Command(
    "verify",
    "check a BTF: its structure, then the kernel's rules",
    run,
    operands="FILE",
    options=(
        BASE,
        Option("--kernel", help="treat kernel rejections as errors"),
        Option("--load", help="also load it into this machine's kernel (as root; it is released at once)"),
        Option("--all", help=f"print all findings, not the first {SHOWN}"),
        JSON,
    ),
    details="Exit status: 0 clean, 1 not clean, 3 FILE could not be read.\n"
    "Without --kernel and --load, only structural errors count.",
)
