"""Offsets out of the tables of an atlas: the kernels themselves are the judge, and answer what the tables cannot."""

from __future__ import annotations

import os
import random

import pytest

import corpus
from btfkit import Btf, Builder
from btfkit.atlas import encode
from btfkit.atlas.file import Atlas
from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.fleet import offsets, offsets_atlas
from btfkit.fleet.atlas import add_to_atlas, atlas_order
from btfkit.fleet.history import history
from btfkit.fleet.history_atlas import AtlasNames, atlas_history
from btfkit.fleet.offsets import Cell, Question, kernel_offsets
from btfkit.fleet.offsets_atlas import TableOffsets
from small_modules import kernel as kernel_with_modules
from small_modules import module

COUNT = 4


def kernel(number: int) -> Btf:
    """Kernel `number`: what their equal records refer to differs in all ways that the records do not show."""
    b = Builder()
    pointer = 8 if number < 3 else 4
    integer = b.int("int", 4, encoding=1)
    b.int("long unsigned int", pointer)
    inner_members = [("x", integer, 0)] if number < 2 else [("y", integer, 0), ("x", integer, 32)]
    inner = b.struct("inner", 4 * len(inner_members), inner_members)
    changing = (b.struct if number % 2 else b.union)("changing", 4 + number, [("z", integer, 0)])
    alias = b.typedef("alias_t", inner)
    alias_of_alias = b.typedef("alias2_t", alias)
    mode = b.enum("mode", [("A", 0)], size=4 if number < 2 else 8)
    nameless = b.struct("", 8, [("n", integer, 0), ("m", integer, 32)])
    opened = b.struct("opened", 8 + number, [("o", integer, 8 * number)])
    callback = b.ptr(b.func_proto(integer, [("x", b.ptr(inner))]))
    fields = [
        ("i", integer),
        ("c", b.const(integer)),
        ("inner", inner),
        ("inners", b.array(inner, integer, 3)),
        ("grid", b.array(b.array(inner, integer, 3), integer, 2)),
        ("changing", changing),
        ("to_changing", b.ptr(changing)),
        ("alias", alias),
        ("alias2", alias_of_alias),
        ("aliases", b.array(b.const(alias), integer, 2)),
        ("mode", mode),
        ("nameless", nameless),
        ("", nameless),
        ("callback", callback),
        ("callbacks", b.array(callback, integer, 2)),
        ("pointers", b.array(b.ptr(integer), integer, 2)),
        ("rest", b.array(integer, integer, 0)),
    ]
    b.struct("outer", 4096, [(name, type_id, 256 * at) for at, (name, type_id) in enumerate(fields)])
    b.struct("opening", 64, [("", opened, 0), ("after", integer, 256)])
    b.struct("bits", 4, [("a", integer, 0, 3), ("b", integer, 3, 5)])
    b.struct("twice", 4, [("a", integer, 0)])
    if number == 1:
        b.struct("twice", 8, [("a", integer, 32)])
    b.typedef("only_typedef", nameless)
    b.fwd("only_declared")
    return b.build()


ROOTS = (
    "outer",
    "opening",
    "bits",
    "twice",
    "inner",
    "changing",
    "alias_t",
    "only_typedef",
    "only_declared",
    "nothing",
    "int",
)


def paths_of(btf: Btf) -> list[str]:
    """Paths to everything in the structs of a kernel, one and two members deep, with indexes, and some that lead nowhere."""
    found = [*ROOTS, *(f"{root}.nothing" for root in ROOTS), "struct outer", "struct outer.i", "outer.i,outer.c"]
    for root in ROOTS:
        for type_id in btf.find_ids(root):
            if btf.kind(type_id) in spec.COMPOSITES:
                for member in flat_members(btf, type_id):
                    path = f"{root}.{member.path}"
                    found += [path, f"{path}[0]", f"{path}[1]", f"{path}[1][2]", f"{path}[9]"]
                    found += [
                        f"{path}{index}.{name}" for index in ("", "[1]", "[1][1]") for name in ("x", "y", "n", "z")
                    ]
    return list(dict.fromkeys(found))


def cells_of(tables: TableOffsets, questions: list[Question], entry) -> list[Cell | None]:
    """What the tables answer; None where they do not."""
    found: list[Cell | None] = []
    for question in questions:
        answer = tables.answer(question.paths, entry)
        if answer is None:
            found.append(None)
            continue
        number, states = answer
        state = states[-1]
        if state:
            found.append(Cell(number, state.offset, state.size, state.bit, state.bits, state.text))
        else:
            found.append(Cell(-1, reason="; ".join(dict.fromkeys(one.absent for one in states))))
    return found


def make(path, order, **options) -> str:
    for number in order:
        with Atlas.open(str(path), write=True, create=True, **options) as atlas:
            atlas.add(("debian", "12", "x86_64", f"6.{number}"), kernel(number), None, atlas_order)
    return str(path)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)], ids=str)
def test_tables_answer_as_kernels_do(tmp_path, order, monkeypatch):
    monkeypatch.setattr(encode, "LEAST_RECORDS", 1)  # otherwise so few records are stored again
    with Atlas.open(make(tmp_path / "a.atlas", order)) as atlas:
        tables = TableOffsets(atlas)
        for entry in atlas.entries:
            btf = Btf.from_bytes(atlas.get(entry))
            questions = [Question(tuple(path.split(","))) for path in paths_of(btf)]
            truth = offsets.answers(btf, questions)
            found = cells_of(tables, questions, entry)
            answered = {
                question.label: cell for question, cell in zip(questions, found, strict=True) if cell is not None
            }
            assert answered == {
                question.label: cell
                for question, cell in zip(questions, truth, strict=True)
                if question.label in answered
            }
            surely = (
                "outer outer.i outer.inner.x outer.grid[1][1].x outer.mode outer.callback outer.rest outer.n bits.b"
            )
            assert set(surely.split()) <= set(answered)
            assert not {"opening.o", "outer.nameless.n", "alias_t", "struct outer"} & set(answered)


def test_the_table_is_that_of_kernels_that_are_read(tmp_path, monkeypatch):
    """Some questions need no kernel, some need all, and the struct that is there twice one."""
    path = make(tmp_path / "a.atlas", range(COUNT))
    read = []
    load = offsets.OffsetWork.run
    monkeypatch.setattr(
        offsets.OffsetWork, "run", lambda self, state, job: read.append(job.key.uname) or load(self, state, job)
    )
    seen = []
    for paths, kernels in (
        (["outer.i", "outer.inner.y,outer.inner.x", "nothing.x"], []),
        (["outer.i", "twice.a"], ["6.1"]),
        (["outer.i", "alias_t.x"], ["6.0", "6.1", "6.2", "6.3"]),
    ):
        found = kernel_offsets(paths, [path], workers=1, observe=lambda done, total: seen.append((done, total)))
        assert read == kernels
        assert seen[-1] == (COUNT, COUNT)
        with monkeypatch.context() as patch:
            patch.setattr(offsets_atlas.Entries, "answer", lambda *_: None)
            truth = kernel_offsets(paths, [path], workers=1)
        assert found.cells == truth.cells
        assert [column.error for column in found.columns] == [column.error for column in truth.columns]
        read.clear()


def test_what_tables_cannot_know(tmp_path, monkeypatch):
    """No tables, tables of an earlier btfkit, kernels that are kept whole, and types that modules may have."""
    answers = []
    answer = offsets_atlas.TableOffsets.answer
    monkeypatch.setattr(
        offsets_atlas.TableOffsets, "answer", lambda *given: answers.append(answer(*given)) or answers[-1]
    )
    bare = make(tmp_path / "bare.atlas", [0], tables=False)
    assert [cell.offset for cell in kernel_offsets(["outer.c"], [bare]).cells[0] if cell] == [32]
    old = make(tmp_path / "old.atlas", [0])
    with Atlas.open(old, write=True) as atlas:
        atlas.query("DELETE FROM meta")
    assert [cell.offset for cell in kernel_offsets(["outer.c"], [old]).cells[0] if cell] == [32]
    assert answers == []
    whole = str(tmp_path / "whole.atlas")
    blob = kernel(0).blob
    longer = blob[:4] + (32).to_bytes(4, "little") + blob[8:24] + bytes(8) + blob[24:]
    with Atlas.open(whole, write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", "6.0"), Btf.from_bytes(longer), None, atlas_order)
    assert [cell.offset for cell in kernel_offsets(["outer.c"], [whole]).cells[0] if cell] == [32]
    assert answers == [None]
    split = str(tmp_path / "split.atlas")
    base = kernel_with_modules()
    with Atlas.open(split, write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", "6.0"), base, [("one", Btf.from_bytes(module(base), base))], atlas_order)
    kernel_offsets(["nothing.x"], [split])
    assert answers == [None, None]


def test_typedefs_that_lead_on_and_on(tmp_path):
    """A typedef of itself, one of an array of itself, and twenty levels with two typedefs of one name each."""
    b = Builder()
    integer = b.int("int", 4, encoding=1)
    loop = b.typedef("loop_t", integer + 1)
    row = b.typedef("row_t", loop + 2)
    b.array(row, integer, 2)
    levels = integer
    for level in range(20):
        levels, _ = (b.typedef(f"level{level}_t", levels) for _ in range(2))
    b.struct("s", 16, [("loop", loop, 0), ("row", row, 0), ("levels", levels, 32), ("last", integer, 64)])
    path = str(tmp_path / "loops.atlas")
    with Atlas.open(path, write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", "6.0"), b.build(), None, atlas_order)
    for name in ("levels", "last"):
        assert [cell.size for cell in kernel_offsets([f"s.{name}"], [path]).cells[0] if cell] == [4]
    with Atlas.open(path) as atlas:
        names = AtlasNames(atlas)
        tables = TableOffsets(atlas)
        (entry,) = atlas.entries
        for text in ("loop_t", "row_t", "loop_t [3]"):
            assert names.size_at(text, 7, "", entry.pos) == 7
        assert names.size_at("level19_t [3]", None, "", entry.pos) == 12
        assert [tables.answer([f"s.{name}"], entry) for name in ("loop", "row")] == [None, None]
        assert tables.answer(["s.last"], entry) is not None


def test_members_of_a_type_with_a_name_in_a_history(tmp_path, monkeypatch):
    """`struct opened;` as a member: its own members are not in the record of what contains it."""
    monkeypatch.setattr(encode, "LEAST_RECORDS", 1)
    path = make(tmp_path / "a.atlas", [0, 1])
    with pytest.raises(offsets.UnsupportedError):
        atlas_history(path, "opening.o")
    assert [
        state.offset for state in history("opening.o", [path], guesses=False, workers=1).lines[0].states if state
    ] == [0, 1]
    with Atlas.open(path, write=True) as atlas:
        atlas.index(tables=False)
        assert atlas.query("SELECT * FROM meta") == []
        atlas.index()
        assert len(atlas.query("SELECT * FROM meta")) == 2


@pytest.mark.slow
def test_on_kernels_of_the_corpus(tmp_path):
    """A part of the structs of some kernels, with the members of their members."""
    hub = os.path.join(corpus.require_corpus(), "hub", "debian", "13")
    path = str(tmp_path / "a.atlas")
    add_to_atlas(path, [hub])
    chance = random.Random(7)
    with Atlas.open(path) as atlas:
        tables = TableOffsets(atlas)
        for entry in atlas.entries[::2]:
            btf = Btf.from_bytes(atlas.get(entry))
            wanted = []
            for type_id in range(1, len(btf)):
                if btf.kind(type_id) in spec.COMPOSITES and (name := btf.name(type_id)) and chance.random() < 0.05:
                    for member in flat_members(btf, type_id):
                        wanted += [f"{name}.{member.path}", f"{name}.{member.path}[1]"] if member.path else []
                        inner = btf.strip(member.type_id)
                        if btf.kind(inner) in spec.COMPOSITES:
                            wanted += [
                                f"{name}.{member.path}.{one.path}" for one in flat_members(btf, inner) if one.path
                            ]
            questions = [Question((one,)) for one in dict.fromkeys(wanted) if ".." not in one]
            found = cells_of(tables, questions, entry)
            truth = offsets.answers(btf, questions)
            assert [cell for cell in found if cell] == [mine for mine, cell in zip(truth, found, strict=True) if cell]
            assert sum(map(bool, found)) > 2_000
