"""Verdicts on programs that read several types of one name: which are left depends on the programs that are loaded."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.loaders import loader_named
from btfkit.co_re.target import Target
from btfkit.programs.checks import Checks
from btfkit.programs.code import load_code
from objects import Program


def findings(tmp_path, reads):
    """[(effect, reason)] of programs in the sections of `reads`, which read those members of two structs s: one has x, one y."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0)])
    kernel.struct("s", 16, [("y", number, 64)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [("x", number, 0), ("y", number, 32)])
    program.sections, program.starts = [], []
    for section, members in reads.items():
        program.begin(section)
        for member in members:
            program.relo(k.BYTE_OFFSET, root, f"0:{'xy'.index(member)}")
    path = tmp_path / "made.bpf.o"
    path.write_bytes(program.elf())
    verdicts = Checks(load_code(str(path))).verdicts(Target(kernel.build()))
    return [[(finding.effect, finding.reason) for finding in verdict.findings] for verdict in verdicts]


BROKEN = [("breaks", "narrowed")]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ({"socket": "xy"}, [BROKEN]),
        ({"socket": "xx"}, [[]]),
        ({"socket": "x", "xdp": "y"}, [[], BROKEN]),  # libbpf has one list of candidates for an object
        ({"?socket": "x", "xdp": "y"}, [[], []]),  # the first program is not loaded
        ({"socket": "x", "?xdp": "y"}, [[], BROKEN]),
        ({"?socket": "x", "?xdp": "y"}, [[], BROKEN]),  # if both are
    ],
)
def test_candidates_that_are_left(tmp_path, reads, expected):
    assert findings(tmp_path, reads) == expected


# ---- other loaders -------------------------------------------------------------------------------------------------


def judged(tmp_path, loader, kernel, program):
    """[(effect, reason)] of each program by the rules of a loader."""
    path = tmp_path / "made.bpf.o"
    path.write_bytes(program.elf())
    verdicts = Checks(load_code(str(path)), None, loader_named(loader)).verdicts(Target(kernel.build()))
    return [[(finding.effect, finding.reason) for finding in verdict.findings] for verdict in verdicts]


def two_structs(reads):
    """A kernel with two structs s, one with x, and one with y and z; programs that read them by section."""
    kernel, program = Builder(), Program()
    number = kernel.int("int", 4)
    kernel.struct("s", 8, [("x", number, 0)])
    kernel.struct("s", 16, [("y", number, 64), ("z", number, 96)])
    number = program.types.int("int", 4)
    root = program.types.struct("s", 12, [(name, number, 32 * (i + 1)) for i, name in enumerate("xyz")])
    program.sections, program.starts = [], []
    for section, members in reads.items():
        program.begin(section)
        for member in members:
            program.relo(k.BYTE_OFFSET, root, f"0:{'xyz'.index(member)}")
    return kernel, program


@pytest.mark.parametrize(
    ("reads", "libbpf", "cilium", "aya"),
    [
        ({"socket": "x", "xdp": "y"}, [[], BROKEN], [[], []], [[], []]),  # cilium chooses for each program
        ({"socket": "xyz"}, [BROKEN * 2], [[("breaks", "not-best")]], [[]]),
        ({"socket": "xy"}, [BROKEN], [[("breaks", "candidates-differ")] * 2], [[]]),
    ],
)
def test_the_choice_of_each_loader(tmp_path, reads, libbpf, cilium, aya):
    for loader, expected in (("libbpf", libbpf), ("cilium", cilium), ("aya", aya)):
        assert judged(tmp_path, loader, *two_structs(reads)) == expected


@pytest.mark.parametrize(
    ("size", "libbpf", "cilium", "aya"),
    [
        (4, [], [], []),
        (8, [("breaks", "load-size")], [("warning", "load-size")], [("breaks", "load-size")]),
        (2, [("breaks", "load-size")], [("reads something else", "misread")], [("breaks", "load-size")]),
    ],
)
def test_loads_of_another_size(tmp_path, size, libbpf, cilium, aya):
    """The program loads 4 bytes of a signed integer, the kernel's has another size: none of the loaders adjusts that."""
    kernel, program = Builder(), Program()
    kernel.struct("s", 16, [("x", kernel.int("number", size, encoding=1), 64)])
    root = program.types.struct("s", 4, [("x", program.types.int("int", 4, encoding=1), 0)])
    program.relo(k.BYTE_OFFSET, root, "0:0")
    for loader, expected in (("libbpf", libbpf), ("cilium", cilium), ("aya", aya)):
        path = tmp_path / "made.bpf.o"
        path.write_bytes(program.elf(load=True))
        verdicts = Checks(load_code(str(path)), None, loader_named(loader)).verdicts(Target(kernel.build()))
        assert [(finding.effect, finding.reason) for finding in verdicts[0].findings] == expected


def test_ids_of_types_in_instructions(tmp_path):
    """cilium/ebpf compares the id in the instruction with that of the record, libbpf and aya do not."""
    kernel, program = Builder(), Program()
    kernel.struct("s", 4, [("x", kernel.int("int", 4), 0)])
    root = program.types.struct("s", 4, [("x", program.types.int("int", 4), 0)])
    program.relo(k.TYPE_ID_LOCAL, root)
    loaded = b"\x18\0\0\0" + root.to_bytes(4, "little")
    original, renumbered = program.elf(), program.elf().replace(loaded, b"\x18\0\0\0\x09\0\0\0")
    assert original != renumbered
    for data, cilium in ((original, [[]]), (renumbered, [[("breaks", "refused")]])):
        program.elf = lambda data=data: data
        assert judged(tmp_path, "libbpf", kernel, program) == judged(tmp_path, "aya", kernel, program) == [[]]
        assert judged(tmp_path, "cilium", kernel, program) == cilium
