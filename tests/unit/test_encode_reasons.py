"""Functions that get no FUNC, one for each reason (tests/data/encode/reasons), and what `encode --explain` says of them."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from btfkit.encoder.encode import encode
from btfkit.encoder.explain import explain_function
from btfkit.encoder.functions import REASONS
from btfkit.files.elf import Elf

DATA = Path(__file__).parents[1] / "data" / "encode" / "reasons"


def elf(name: str) -> Elf:
    return Elf(lzma.decompress((DATA / f"{name}.o.xz").read_bytes()), f"{name}.o")


EXPLAINED = {
    "ambiguous": """\
ambiguous: no FUNC (ambiguous): functions of this name are at several addresses
  symbol ambiguous: .text+0x10
  symbol ambiguous: .text+0x110
  definition at DIE 0x2e7: code at .text+0x10
    number: 4 bytes, in register rdi
  definition at DIE 0x48d: code at .text+0x110
    number: 4 bytes, in register rdi
""",
    "optimized": """\
optimized: no FUNC (optimized): the compiler dropped a parameter
  symbol optimized.constprop.0: .text+0x20
  definition at DIE 0x2c0: as in the source, no code, a parameter was optimized away
    number: 4 bytes, in register rdi
    seven: 4 bytes, a constant
  definition at DIE 0x346: code at .text+0x20, a parameter was optimized away
    number: 4 bytes, in register rdi
    seven: 4 bytes, a constant
""",
    "unexpected": """\
unexpected: no FUNC (unexpected): a parameter is not in the register of the calling convention
  symbol unexpected: .text+0x70
  definition at DIE 0x284: code at .text+0x70, a parameter is not in its register
    first: 4 bytes, in register rcx
    second: 4 bytes, in register rdx
""",
    "reordered": """\
reordered: no FUNC (reordered): the compiled function has its parameters in another order
  symbol reordered.isra.0: .text+0x50
  definition at DIE 0x25d: as in the source, no code, a parameter was optimized away, a parameter is not in its register
    unused: 4 bytes, on the stack or elsewhere
    number: 4 bytes, in register rdi
  definition at DIE 0x375: code in several parts, a parameter was optimized away, parameters in another order
    number: 4 bytes, in register rdi
    unused: 4 bytes, on the stack or elsewhere
""",
    "inconsistent": """\
inconsistent: no FUNC (inconsistent): its definitions have different types
  symbol inconsistent: .text+0x80
  definition at DIE 0x22e: code at .text+0x80
    number: 8 bytes, in register rdi
  definition at DIE 0x46f: as in the source, no code, a parameter was optimized away, other types than the first
    text: 8 bytes, no location
""",
    "uncertain": """\
uncertain: no FUNC (uncertain): after the parameters in registers, a packed structure is passed by value
  symbol uncertain: .text+0x90
  definition at DIE 0x1ba: code at .text+0x90
    a: 4 bytes, in register rdi
    b: 4 bytes, in register rsi
    c: 4 bytes, in register rdx
    d: 4 bytes, in register rcx
    e: 4 bytes, in register r8
    f: 4 bytes, in register r9
    last: 13 bytes, on the stack or elsewhere
""",
    "changed": """\
changed: no FUNC (changed): the compiler passes only a part of a structure
  symbol changed: .text+0x30
  definition at DIE 0x71: code at .text+0x30
    pair: 16 bytes, in register rdi
    number: 4 bytes, in register rsi
""",
}
NO_CANDIDATE = {
    "inlined": "the symbol table has no function of this name: all of its code was inlined or removed",
    "unnamed": "a parameter has no name in its definition",
    "assembled": "the DWARF has no definition of it (compiled without -g, or written in assembly)",
    "fail": "it is only declared here",
    "missing": "no function has this name",
    "ambigous": "no function has this name; did you mean 'ambiguous'?",
}


def test_every_reason_is_tested() -> None:
    assert EXPLAINED.keys() == REASONS.keys()


@pytest.mark.parametrize("reason", EXPLAINED)
def test_a_function_with_this_reason(reason) -> None:
    """The function is called like its reason."""
    file = elf("clang" if reason == "changed" else "gcc")
    lines, found = explain_function(file, reason)
    assert not found
    assert "\n".join(lines) + "\n" == EXPLAINED[reason]
    made = encode(file)
    assert made.report.omitted.get(reason) == 1
    assert made.btf.find_id(reason, "func") is None


@pytest.mark.parametrize("name", NO_CANDIDATE)
def test_a_function_without_a_definition_to_judge(name) -> None:
    file = elf("gcc")
    lines, found = explain_function(file, name)
    assert not found
    assert lines[0] == f"{name}: no FUNC: {NO_CANDIDATE[name]}"
    assert [line.split()[1] for line in lines[1:]] == ([f"{name}:"] if name in ("unnamed", "assembled") else [])
    assert encode(file).btf.find_id(name, "func") is None


def test_functions_that_are_written() -> None:
    file = elf("gcc")
    assert explain_function(file, "written") == (
        [
            "written: FUNC",
            "  symbol written: .text+0x60",
            "  definition at DIE 0x317: code at .text+0x60",
            "    number: 4 bytes, in register rdi",
        ],
        True,
    )
    assert {one.name for one in encode(file).btf.types("func")} == {"written", "use_one", "use_two"}
