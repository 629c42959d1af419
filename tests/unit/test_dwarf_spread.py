"""Small programs whose DWARF is in several files, as gcc, clang, dwp, llvm-dwp and dwz wrote them (data/encode/spread): all of it
is found, and each part that is missing, cut or of another program is named."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest

from btfkit.dwarf.companion import Companions
from btfkit.encoder.encode import encode
from btfkit.errors import BtfError, FormatError, NotFoundError
from btfkit.files.elf import Elf
from btfkit.files.elf_write import replace_sections
from btfkit.judges.verification import verify

DATA = Path(__file__).parents[1] / "data" / "encode" / "spread"
PROGRAMS = sorted(path.name.removesuffix(".tar.xz") for path in DATA.glob("*.tar.xz"))


def files_of(name: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO((DATA / f"{name}.tar.xz").read_bytes())) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}


def encoded(files: dict[str, bytes]):
    companions = Companions("program", (), lambda path: files.get(os.path.basename(path)))
    return encode(Elf(files["program"], "program"), companions=companions).btf


def outcome(files: dict[str, bytes]):
    """The BTF, or the error."""
    try:
        return encoded(files)
    except BtfError as error:
        return error


@pytest.mark.parametrize("version", [4, 5])
def test_partial_units(version):
    """What dwz moved to units of their own in the same file, to which both compile units refer."""
    data = lzma.decompress((DATA.parent / "dwz" / f"partial{version}.o.xz").read_bytes())
    btf = encode(Elf(data, "partial")).btf
    assert verify(btf).clean
    sizes = {one.name: one.size for one in btf.types("struct")}
    assert sizes == {"list": 16, "inner": 48, "shared": 88, "only_one": 96, "only_two": 96}
    assert {one.name: [p.name for p in one.type.parameters] for one in btf.types("func")} == {
        "f_one": ["o", "s", "t"],
        "f_two": ["o", "s", "t"],
    }


def test_there_is_one_of_each_kind():
    assert PROGRAMS == ["dwz4", "dwz5", "package4", "package5", "split4", "split5"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_of_it_is_read(name):
    btf = encoded(files_of(name))
    assert verify(btf).clean
    assert {one.name for one in btf.types("func")} == {"use_outer", "take", "start"}
    assert {one.name: one.size for one in btf.types("struct")} == {"inner": 32, "outer": 64, "declared": 16}
    assert [(m.name, m.bit_offset, m.bitfield_size) for m in btf.struct("outer").members][-2:] == [
        ("bits", 448, 3),
        ("more", 451, 5),
    ]
    assert [(one.name, one.value) for one in btf.enum("color").enumerators] == [("RED", 0), ("GREEN", 5)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_part_that_is_missing_is_named(name):
    files = files_of(name)
    for part in sorted(files.keys() - {"program"}):
        left = {one: content for one, content in files.items() if one != part}
        with pytest.raises(NotFoundError) as caught:
            encoded(left)
        wanted = "one.dwo" if part.endswith(".dwp") else part
        assert wanted in str(caught.value)


@pytest.mark.parametrize(("name", "part"), [("split4", "one.dwo"), ("split5", "two.dwo"), ("dwz4", "common.debug")])
def test_a_part_of_another_program(name, part):
    other = {"split4": "split5", "split5": "split4", "dwz4": "dwz5"}[name]
    with pytest.raises(NotFoundError, match=part):
        encoded({**files_of(name), part: files_of(other)[part]})


@pytest.mark.parametrize(
    ("name", "section"),
    [
        *(("package4", section) for section in (".debug_cu_index", ".debug_tu_index", ".debug_str_offsets.dwo")),
        *(("package5", section) for section in (".debug_cu_index", ".debug_info.dwo", ".debug_abbrev.dwo")),
    ],
)
def test_a_section_of_a_package_that_is_cut(name, section):
    """At any byte: an error that names the package and the section, or a result if the rest was padding."""
    files = files_of(name)
    elf = Elf(files["program.dwp"], "program.dwp")
    content = bytes(elf.data(elf.section(section)))
    found = [
        outcome({**files, "program.dwp": replace_sections(elf, {section: content[:cut]})})
        for cut in range(0, len(content), max(1, len(content) // 60))
    ]
    errors = [one for one in found if isinstance(one, BtfError)]
    assert errors
    assert all(isinstance(one, FormatError | NotFoundError) and "program" in str(one) for one in errors)


def test_an_index_of_a_package_that_leads_elsewhere():
    """Its columns are numbers of sections, its rows offsets: each changed to one that cannot be."""
    files = files_of("package5")
    elf = Elf(files["program.dwp"], "program.dwp")
    content = bytes(elf.data(elf.section(".debug_cu_index")))
    for at in range(0, len(content), 4):
        changed = content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :]
        with_index = replace_sections(elf, {".debug_cu_index": changed})
        found = outcome({**files, "program.dwp": with_index})
        if isinstance(found, BtfError):
            assert "program" in str(found)
        else:
            assert {one.name for one in found.types("struct")} >= {"inner"}, f"types are silently lost at {at}"
