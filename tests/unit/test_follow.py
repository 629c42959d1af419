"""What follows in an object when its types get other ids or places: .rel.BTF, .rel.BTF.ext, instructions; a second BTF."""

from __future__ import annotations

from struct import iter_unpack, pack, unpack_from

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf.ext import Ext
from btfkit.cli import main
from btfkit.co_re import kinds as k
from btfkit.files.elf import EM_BPF, Elf
from objects import SECTION, Program
from small_modules import elf, kernel, module


class Made:
    """An object with two variables, a relocation for each entry of their sections and each record of .BTF.ext, and instructions
    that hold local type ids."""

    def __init__(self, order="little", bits=64, rela=False) -> None:
        self.order, self.bits, self.rela = order, bits, rela
        self.mark = "<" if order == "little" else ">"
        program = self.program = Program(order)
        types = program.types
        number = types.int("zint", 4)
        same = types.int("zint", 4)  # dedup merges them
        zeta, alpha = types.struct("zeta", 4, [("a", number, 0)]), types.struct("alpha", 4, [("a", same, 0)])
        one, two = types.var("one", number), types.var("another", same)
        types.datasec("zdata", 8, [(one, 0, 4), (two, 4, 4)])
        types.datasec("bss", 4, [(types.var("c", zeta), 0, 4)])
        for type_id, kind in (
            (zeta, k.TYPE_ID_LOCAL),
            (alpha, k.TYPE_ID_TARGET),
            (alpha, k.TYPE_SIZE),
            (zeta, k.TYPE_ID_LOCAL),
        ):
            program.relo(kind, type_id)
        self.held = [zeta, alpha, 4, 99]  # 99: not the id of its record
        self.blob, self.ext = types.to_bytes(), program.ext()

    def file(self) -> bytes:
        load = self.mark + "BBhIBBhI"
        code = b"".join(pack(load, 0x18, *(0, 0, value), *(0, 0, 0, 0)) for value in self.held)
        sections = {SECTION: code, ".BTF": self.blob, ".BTF.ext": self.ext}
        places = {".BTF": self.entries(self.blob), ".BTF.ext": self.records(self.ext)}
        kind = ".rela" if self.rela else ".rel"
        for name, offsets in places.items():
            sections[kind + name] = b"".join(self.entry(offset, i) for i, offset in enumerate(offsets))
        return elf(sections, self.order, self.bits, relocated={kind + name: name for name in places}, machine=EM_BPF)

    def entry(self, offset, number) -> bytes:
        word = "Q" if self.bits == 64 else "I"
        return pack(
            self.mark + word * (3 if self.rela else 2),
            offset,
            (number + 1) << 32 * (self.bits == 64) | 4,
            *[7] * self.rela,
        )

    @staticmethod
    def entries(blob) -> list[int]:
        """The offsets of the DATASEC words that hold offsets of variables."""
        btf = Btf.from_bytes(blob)
        return [
            btf.header.length + 4 * (btf.positions[section.id - 1] + 3 + 3 * i + 1)
            for section in btf.types("DATASEC")
            for i in range(len(section.entries))
        ]

    def records(self, ext) -> list[int]:
        """The offsets of the words of .BTF.ext that hold offsets of instructions (here: CO-RE records alone)."""
        at, size = unpack_from(self.mark + "II", ext, 24)
        first = 32 + at + 4 + 8
        return list(range(first, 32 + at + size, 16))


def found(made, data):
    """(offsets of .rel.BTF, those of .rel.BTF.ext, the immediates) of a file."""
    file = Elf(data)
    kind = ".rela" if made.rela else ".rel"
    word = made.mark + ("Q" if made.bits == 64 else "I") * (3 if made.rela else 2)
    offsets = [[row[0] for row in iter_unpack(word, file.data(kind + name))] for name in (".BTF", ".BTF.ext")]
    return *offsets, [row[3] for row in iter_unpack(made.mark + "BBhIBBhI", file.data(SECTION))]


@pytest.mark.parametrize("how", [("little", 64, False), ("big", 64, False), ("little", 32, False), ("big", 64, True)])
@pytest.mark.parametrize("name", ["sort", "dedup", "sanitize"])
def test_what_follows_the_types(tmp_path, how, name) -> None:
    made = Made(*how)
    (tmp_path / "o.o").write_bytes(made.file())
    path, out = str(tmp_path / "o.o"), str(tmp_path / "new.o")
    calls = {
        "sort": lambda: btfkit.sort_file(path, output=out),
        "dedup": lambda: btfkit.dedup_file(path, output=out),
        "sanitize": lambda: btfkit.sanitize_file(path, "5.10", output=out),
    }
    calls[name]()
    new = (tmp_path / "new.o").read_bytes()
    file = Elf(new)
    btf = btfkit.load(out)
    places, records, held = found(made, new)
    blob = bytes(file.data(".BTF"))
    variables = {}
    for place in places:
        word = (place - btf.header.length) // 4
        variables[btf.name(btf.words[word - 1])] = btf.words[word]
    assert variables == {"one": 0, "another": 4, "c": 0}
    assert sorted(places) == sorted(made.entries(blob))
    assert records == made.records(bytes(file.data(".BTF.ext")))
    assert held == [btf.find_id("zeta"), btf.find_id("alpha"), 4, 99]
    ext = Ext.from_bytes(file.data(".BTF.ext"))
    assert [fields[1] for _, (*fields,) in ext.records("core_relo")][:2] == held[:2]


def test_an_entry_that_is_gone_becomes_none() -> None:
    """R_BPF_NONE, with all bytes 0: linkers skip it."""
    made = Made()
    builder = Program().types
    number = builder.int("zint", 4)
    builder.datasec("zdata", 4, [(builder.var("another", number), 4, 4)])
    new = builder.build()
    file = btfkit.open(made.file())
    old = file.btf()
    numbers = {old.find_id(name): new.find_id(name) for name in ("zint", "another", "zdata")}
    from btfkit.passes.idmap import IdMap

    class Rest(IdMap):
        def translate(self):
            return lambda i: numbers.get(i, 1)

    places, _, _ = found(made, file.replace(new, Rest(numbers), ext=file.ext))
    assert [place and (place - 24) // 4 for place in places] == [0, new.positions[2] + 3 + 1, 0]


@pytest.fixture
def second(tmp_path, monkeypatch):
    """An object of two that were joined by a linker that does not know BTF."""
    monkeypatch.chdir(tmp_path)
    made = Made()
    blob, ext = made.blob, made.ext
    code = bytes(64)
    for padding in (0, 3):
        sections = {SECTION: code, ".BTF": blob + bytes(padding) + blob, ".BTF.ext": ext + bytes(padding) + ext}
        (tmp_path / f"two{padding}.o").write_bytes(elf(sections, machine=EM_BPF))
    (tmp_path / "raw").write_bytes(blob + blob)
    (tmp_path / "v").write_bytes(kernel().to_bytes())
    (tmp_path / "m.btf").write_bytes(module(kernel()) * 2)
    return tmp_path


WRITERS = ["dedup {} -o o", "sort {} -o o", "sanitize {} --for 5.10 -o o", "dedup {} v -o o", "dedup {} --in-place"]


@pytest.mark.parametrize("name", ["two0.o", "two3.o", "raw"])
def test_a_second_btf_is_never_dropped(second, capsys, name) -> None:
    before = (second / name).read_bytes()
    for words in WRITERS:
        assert main(words.format(name).split()) == 3, words
        assert f"{name}: a second BTF follows the first" in capsys.readouterr().err
    assert main(f"extract {name} -o o".split()) == 0  # the whole section
    file = btfkit.open(before)
    assert (second / "o").read_bytes() == bytes(file.container.btf)
    assert file.second == len(Made().blob) + (3 if name == "two3.o" else 0)
    assert file.btf().second == file.second
    assert not file.rewritable
    assert btfkit.open(bytes(file.container.btf)[: len(Made().blob)]).second == 0


def test_a_second_btf_of_a_module(second, capsys) -> None:
    for words in ("distill m.btf -B v -o o", "sort m.btf -B v -o o", "dedup m.btf -B v -o o"):
        assert main(words.split()) == 3
        assert "m.btf: a second BTF follows the first" in capsys.readouterr().err
    assert not (second / "o").exists()


@pytest.mark.parametrize(
    "words",
    [
        "relocs two3.o -b v",
        "min v o two3.o",
        "check two3.o --kernels v",
        "info two3.o",
        "dump two3.o",
        "find two3.o *",
        "layout two3.o",
        "diff two3.o v",
        "diff v two3.o",
        "offset raw sk_buff",
        "verify two3.o",
        "merge v m.btf -o o",
        "relocs two3.o -b raw",
        "min raw o two3.o",
    ],
)
def test_reports_say_that_there_is_a_second_btf(second, capsys, words) -> None:
    main(words.split())
    said = capsys.readouterr()
    assert "a second BTF follows" in said.err + said.out
