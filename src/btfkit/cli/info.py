"""`btfkit info`: summarize a file with BTF on one screen."""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED
from btfkit.cli.options import BASE, JSON, Command, UsageError, print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.btf_file import BtfFile
    from btfkit.cli.options import Args
    from btfkit.errors import BtfError
    from btfkit.files.container import Container


def run(args: Args) -> int:
    """Print the summary; exit 3 if the BTF or its .BTF.ext is broken, or not on the given base, but still print its header."""
    from btfkit.btf_file import BASE_SECTION
    from btfkit.btf_file import open as open_btf
    from btfkit.errors import ChainError, printable
    from btfkit.show.info import Summary

    path, *more = args.operands
    if more:
        raise UsageError(f"expected one FILE, got {1 + len(more)}")
    file = open_btf(path)
    container = file.container
    btf = _load(container, args.base)
    info = Summary(
        container.source,
        memoryview(container.btf),
        btf,
        layers=container.layers,
        pointer_size=container.pointer_size,
        ext=container.ext,
        distilled=file.base_data,
        distilled_section=file.base_section or BASE_SECTION,
        needs_base=isinstance(btf, ChainError) and args.base is None,
        ext_problem=_ext_problem(file, btf),
    )
    if args.json:
        print_json(info.as_json())
    else:
        print("\n".join(info.lines()))
    problems = [] if info.problem is None or info.needs_base else [info.problem]
    if info.ext is not None and info.ext.problem is not None:
        problems.append(f"{printable(container.source)}, {info.ext.problem}")
    sys.stdout.flush()
    for problem in problems:
        print(f"btfkit: {problem}", file=sys.stderr)
    return FAILED if problems else DONE


def _ext_problem(file: BtfFile, btf: Btf | BtfError) -> str | None:
    """The first of the errors in the `.BTF.ext`, and the number of others."""
    from btfkit.btf.btf import Btf
    from btfkit.judges.ext import ext_findings

    ext = file.container.ext
    if ext is None or not len(ext) or not isinstance(btf, Btf):
        return None
    errors = [finding.message for finding in ext_findings(ext, btf, file.elf) if finding.severity == "error"]
    more = f" ({len(errors) - 1:,} more: `btfkit verify`)" if len(errors) > 1 else ""
    return errors[0] + more if errors else None


def _load(container: Container, base_path: str | None) -> Btf | BtfError:
    """The BTF of a container, or the error; an error of the base is raised."""
    from btfkit.btf_file import load
    from btfkit.errors import BtfError

    base = load(base_path) if base_path is not None else None
    try:
        return load(container, base)
    except BtfError as error:
        return error


COMMAND = Command(
    "info",
    "show the header, counts by kind and sizes of a BTF",
    run,
    operands="FILE",
    options=(BASE, JSON),
    details="FILE is any file with BTF: raw BTF, vmlinux, a boot image, a module, a BPF object, compressed or not; '-' is stdin.",
)
