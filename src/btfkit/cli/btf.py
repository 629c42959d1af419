"""`btfkit btf`: the BTF that the running kernel has loaded, of itself, its modules, programs and maps."""

from __future__ import annotations

from btfkit.cli import DONE, USAGE
from btfkit.cli.options import Command

HELP = """usage: btfkit btf list
       btfkit btf dump id N | prog id N | map id N [key | value | kv | all] [format raw | c] [root_id N]... [unsorted]

Show the BTF that the running kernel has.  The kernel is asked through bpf(2), as root.  `btfkit bpftool map dump id N` shows the
values of a map.  -j and -p print JSON."""


def run(argv: list[str]) -> int:
    """As `btfkit bpftool btf ...`."""
    from btfkit.cli.bpftool import run as bpftool

    words = [word for word in argv if not word.startswith("-")]
    if {"-h", "--help"} & set(argv) or not words:
        from btfkit.cli.help_text import for_terminal

        print(for_terminal(HELP))
        return DONE if words or argv else USAGE
    at = argv.index(words[0])
    return bpftool([*argv[:at], "btf", *argv[at:]])


COMMAND = Command(
    "btf",
    "show the BTF of the running kernel, its programs and maps",
    run,
    operands="ARGS...?",
    details=HELP,
    own_parser=True,
)
