"""`verify` of `.BTF.ext`: every field that is damaged is found, with its byte; sound ones have no finding."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

import btfkit
import corpus
from bpf import cases
from btfkit.btf.ext import SECTIONS, record_places
from btfkit.judges.ext import ext_findings
from needs import lacks


@pytest.fixture(params=("fields.el", "fields.eb"))
def program(request):
    """An object, its `.BTF.ext` and the letter of its byte order."""
    file = btfkit.open(cases.object_bytes(request.param), "fields.o")
    return file, bytes(file.container.ext), "<" if request.param.endswith("el") else ">"


def found(file, ext):
    """The texts of the findings."""
    return [str(finding) for finding in ext_findings(ext, file.btf(), file.elf)]


def starts(ext, mark):
    """The offset of each table, by name."""
    length, *fields = unpack_from(mark + "7I", ext, 4)
    return {name: length + at for name, at in zip(SECTIONS, fields[::2], strict=True)}


def with_word(ext, mark, at, word):
    return ext[:at] + pack(mark + "I", word) + ext[at + 4 :]


def first_records(file, ext):
    """The offset of the first record of each table."""
    places = [at for at, _ in record_places(ext)]
    counts = [len(list(file.ext.records(name))) for name in SECTIONS]
    return dict(zip(SECTIONS, (places[0], places[counts[0]], places[counts[0] + counts[1]]), strict=True))


def test_sound(program):
    file, ext, _ = program
    assert found(file, ext) == []
    assert btfkit.verify(file.btf(), ext=ext, elf=file.elf).clean
    assert found(file, b"") != []  # the judge itself; `verify` takes an empty section for none
    assert btfkit.verify(file.btf(), ext=b"").clean


def test_the_header(program):
    file, ext, mark = program
    size = len(ext)
    for data, text in (
        (ext[:23], "byte 0x0: truncated header: 23 bytes, need 24 [ext-header]"),
        (b"\0\0" + ext[2:], "byte 0x0: magic 0000, expected eb9f or 9feb [ext-header]"),
        (ext[:2] + b"\2" + ext[3:], "byte 0x2: version 2, flags 0, expected version 1 without flags [ext-header]"),
        (
            with_word(ext, mark, 4, 20),
            f"byte 0x4: header length is 20, expected 24 to {size} (the size of the section) [ext-header]",
        ),
    ):
        assert found(file, data) == [f"error: .BTF.ext, {text}"]
    swapped = cases.object_bytes("fields.eb" if mark == "<" else "fields.el")
    (finding,) = found(file, bytes(btfkit.open(swapped).container.ext))
    assert "its byte order is not that of .BTF" in finding


def test_tables(program):
    file, ext, mark = program
    (line,) = unpack_from(mark + "I", ext, 16)
    at = starts(ext, mark)["line_info"]
    for data, text in (
        (with_word(ext, mark, 16, line + 2), "byte 0x10: line_info of "),
        (
            with_word(ext, mark, 20, 1 << 30),
            f"byte 0x10: line_info of 1073741824 bytes at {at:#x}: not within the {len(ext)} bytes",
        ),
        (
            with_word(ext, mark, at, 12),
            f"byte {at:#x}: line_info records of 12 bytes, expected a multiple of 4 of at least 16",
        ),
        (with_word(ext, mark, 20, 4), f"byte {at:#x}: line_info has no records"),
        (with_word(ext, mark, at + 8, 1 << 20), f"byte {at + 8:#x}: line_info: 1,048,576 records of 16 bytes, only "),
        (with_word(ext, mark, 20, 10), f"byte {at + 4:#x}: line_info: 6 bytes at the end, too few for a section"),
    ):
        (finding,) = found(file, data)
        assert finding.startswith(f"error: .BTF.ext, {text}")
        assert finding.endswith("[ext-table]")


def test_records(program):
    file, ext, mark = program
    btf = file.btf()
    last, end = len(btf) - 1, f"beyond the end of the strings at {len(btf.strings):#x}"
    function, line, relocation = first_records(file, ext).values()
    tables = starts(ext, mark)
    integer = btf.find_id("int")
    name = btf.string(unpack_from(mark + "I", ext, tables["core_relo"] + 4)[0]).decode()
    size = len(file.elf.data(name))
    for at, word, text in (
        (function + 4, last + 1, f"function 0 of {name}: type id {last + 1}, the last is {last} [ext-type]"),
        (function + 4, 0, f"function 0 of {name}: no type (0): the compiler left it out [ext-type]"),
        (function + 4, integer, f"function 0 of {name}: type {integer} is INT, expected a FUNC [ext-type]"),
        (function, 4, f"function 0 of {name}: instruction at 0x4, not a multiple of 8 [ext-instruction]"),
        (line + 4, 1 << 20, f"line 0 of {name}: file name at 0x100000, {end} [ext-string]"),
        (line + 8, 1 << 20, f"line 0 of {name}: source line at 0x100000, {end} [ext-string]"),
        (relocation + 4, last + 1, f"CO-RE relocation 0 of {name}: type id {last + 1}, the last is {last} [ext-type]"),
        (relocation + 8, 1 << 20, f"CO-RE relocation 0 of {name}: access string at 0x100000, {end} [ext-string]"),
        (
            relocation + 8,
            0,
            f"CO-RE relocation 0 of {name}: access string '', expected numbers separated by ':' [ext-access]",
        ),
        (relocation + 12, 13, f"CO-RE relocation 0 of {name}: relocation kind 13, known are 0 to 12 [ext-kind]"),
        (
            relocation,
            size,
            f"CO-RE relocation 0 of {name}: instruction at {size:#x}, but the section has {size:,} bytes [ext-instruction]",
        ),
        (tables["core_relo"] + 4, 1 << 20, f"core_relo: a section with a name at 0x100000, {end} [ext-string]"),
        (tables["core_relo"] + 4, 0, "core_relo: a section with a name that is empty [ext-string]"),
    ):
        first = found(file, with_word(ext, mark, at, word))[0]
        assert first == f"error: .BTF.ext, byte {at:#x}: {text}"


def test_what_the_kernel_or_libbpf_only_warns_about(program):
    file, ext, mark = program
    btf = file.btf()
    _, line, _ = first_records(file, ext).values()
    (second,) = unpack_from(mark + "I", ext, line + 16)
    (finding,) = found(file, with_word(ext, mark, line, second))
    assert finding.startswith(f"warning: .BTF.ext, byte {line + 16:#x}: line 1 of ")
    assert finding.endswith("the kernel wants them ascending [ext-order]")
    other = next(at for at in btf.string_offsets(b"int") if at)
    at = starts(ext, mark)["func_info"] + 4
    (finding,) = found(file, with_word(ext, mark, at, other))
    assert finding == f"warning: .BTF.ext, byte {at:#x}: func_info: the file has no section int [ext-section]"
    assert btfkit.verify(btf, ext=with_word(ext, mark, at, other), elf=file.elf).clean


def test_any_damage_gives_findings_and_no_error(program):
    file, ext, mark = program
    for at in range(0, len(ext) - 3, 28):
        found(file, with_word(ext, mark, at, 0xFFFFFFFF))
        found(file, with_word(ext, mark, at + 4, 0))
    for size in range(24, len(ext), 97):
        assert found(file, ext[:size])


def test_real_objects_are_sound():
    paths = corpus.objects()
    if not paths:
        lacks("corpus")
    for path, name in paths.items():
        file = btfkit.open(name)
        if file.container.ext is not None:
            assert ext_findings(file.container.ext, file.btf(), file.elf) == [], path
