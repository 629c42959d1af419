"""Relocations as data, what objects read as the scope of a diff, and the proof of `minimize`."""

import cli_inputs
import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.co_re.kinds import ENUMVAL_VALUE
from btfkit.co_re.outcome import Counts
from btfkit.co_re.relocations import Relocated, relocation_lines
from btfkit.judges import answers
from objects import Program


@pytest.fixture
def here(tmp_path):
    cli_inputs.fill(tmp_path)
    return tmp_path


def loaded(here, kernel="vmlinux"):
    return btfkit.load(str(here / kernel)), btfkit.load_objects(str(here / "fields.bpf.o"))


def test_each_relocation_is_a_record(here) -> None:
    vmlinux, objects = loaded(here)
    rows = btfkit.relocations(objects, vmlinux)
    assert len(rows) == len(objects[0].relocations)
    for number, row in enumerate(rows):
        obj, relocation, outcome = row
        assert (obj, relocation, row.number) == (objects[0], obj.relocations[number], number)
        assert (row.status, row.value) == (outcome.status, outcome.value)
        assert row.access == obj.expression(relocation)
        assert row.answer in repr(row)
        assert row.as_json()["access"] == row.access
    assert Counts(row.outcome for row in rows).total == len(rows)
    lines = list(relocation_lines(rows))
    assert len(lines) == 1 + len(rows)
    assert lines[1].endswith(rows[0].answer)
    assert isinstance(rows[0], Relocated)


def test_a_diff_of_what_is_read(here) -> None:
    old, objects = loaded(here)
    new = btfkit.load(str(here / "other"))
    read, everything = (
        {(change.kind, change.name) for change in btfkit.diff(old, new, **options).changed}
        for options in ({"used_by": objects}, {})
    )
    assert read
    assert read < everything


def test_minimize_proves_its_result(here, monkeypatch) -> None:
    vmlinux, objects = loaded(here)
    result = btfkit.minimize(vmlinux, objects)
    assert result.new_ids is not None
    assert result.blobs[vmlinux] == result.btf.to_bytes()
    assert result.ids is result.layers[vmlinux].ids
    assert btfkit.minimize(vmlinux, objects, prove=False).new_ids is None
    monkeypatch.setattr(answers, "_equal", lambda *_: False)
    with pytest.raises(btfkit.VerificationError, match=f"{len(objects[0].relocations)} of .* answered differently"):
        btfkit.minimize(vmlinux, objects)


def test_one_string_is_no_list_of_names(here) -> None:
    vmlinux, _ = loaded(here)
    with pytest.raises(TypeError, match=r"keep_types must be a list of names: \['struct file'\]"):
        btfkit.minimize(vmlinux, keep_types="struct file")


def test_dump_in_one_call(here, capsysbinary) -> None:
    from btfkit.cli import main

    vmlinux, objects = loaded(here)
    whole = btfkit.dump(vmlinux)
    assert main(["dump", str(here / "vmlinux")]) == 0
    assert str(whole).encode() == b"".join(whole) == capsysbinary.readouterr().out
    read = btfkit.dump(vmlinux, "c", read_by=objects)
    assert read.ids
    assert len(read.outcomes) == len(objects[0].relocations)
    assert len(str(read)) < len(str(btfkit.dump(vmlinux, "c")))
    modules = [btfkit.load(str(path), vmlinux) for path in sorted((here / "mods").iterdir())]
    assert f"dump of {len(modules[0].positions)} types" in repr(btfkit.dump(modules[0]))
    assert "struct" in str(btfkit.dump(modules, "c"))
    with pytest.raises(ValueError, match="expected one of raw, c, json"):
        btfkit.dump(vmlinux, "C")
    with pytest.raises(btfkit.NotFoundError):
        btfkit.dump(vmlinux, types=["nowhere"])


def test_verify_in_one_call(here) -> None:
    vmlinux, _ = loaded(here)
    found = btfkit.verify(vmlinux)
    assert found.clean
    assert [finding.as_json()["severity"] for finding in found] == [finding.severity for finding in found.findings]
    assert found.as_json()["types"] == len(vmlinux.positions)
    assert repr(found).startswith(f"<clean: {len(vmlinux.positions):,} types")
    broken = btfkit.Builder()
    broken.struct("s", 4, [("x", broken.int("int", 4), 32)])
    assert not btfkit.verify(broken.build()).clean


def test_arrays_of_arrays_on_a_kernel_with_flat_ones(tmp_path, capsys) -> None:
    """No match, as in libbpf; `relocs` and `check` say why."""
    program = Program()
    local = program.types
    number = local.int("int", 4)
    rows = local.array(local.array(number, number, 3), number, 5)
    program.relo(0, local.struct("grid", 60, [("m", rows, 0)]), "0:0:1:2")
    (tmp_path / "grid.o").write_bytes(program.elf())
    for name, dimensions in {"flat": (15,), "nested": (5, 3)}.items():
        b = btfkit.Builder()
        element = number = b.int("int", 4)
        for count in reversed(dimensions):
            element = b.array(element, number, count)
        b.struct("grid", 60, [("m", element, 0)])
        (tmp_path / name).write_bytes(b.to_bytes())
    (flat,) = btfkit.relocations(btfkit.load_objects(str(tmp_path / "grid.o")), btfkit.load(str(tmp_path / "flat")))
    assert flat.status == "missing"
    assert "pahole before 1.32" in flat.answer
    (nested,) = btfkit.relocations(btfkit.load_objects(str(tmp_path / "grid.o")), btfkit.load(str(tmp_path / "nested")))
    assert nested.value == 20
    assert main(["check", str(tmp_path / "grid.o"), "--kernels", str(tmp_path / "flat")]) == 1
    assert "pahole before 1.32" in capsys.readouterr().out


@pytest.mark.parametrize("size", [4, 8])
def test_an_enumerator_that_pahole_cut(size) -> None:
    program = Program()
    local = program.types.enum("flags", [("LOCAL", 1)])
    program.relo(ENUMVAL_VALUE, local)
    kernel = Builder()
    kernel.enum("flags", [("LOCAL", 2)], size=size)
    (row,) = btfkit.relocations([program.build()], kernel.build())
    warning = "an ENUM of 8 bytes: pahole before 1.24 wrote only 32 bits of its values" if size == 8 else ""
    assert (row.value, row.warning) == (2, warning)
    assert row.answer == (f"2 ({warning})" if warning else "2")
    assert row.as_json().get("warning", "") == warning


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (("m", 1, 32, 4), "a bitfield on the target"),
        (("m", 1, 32), "1 byte on the target, 4 in the program"),
    ],
)
def test_a_member_of_another_size(member, words) -> None:
    program = Program()
    program.relo(0, program.types.struct("s", 8, [("m", program.types.int("int", 4, encoding=1), 32)]), "0:0")
    kernel = Builder()
    kernel.int("signed char", 1, encoding=1)
    kernel.struct("s", 8, [member])
    (row,) = btfkit.relocations([program.build()], kernel.build())
    assert row.value == 4
    assert row.answer.startswith(f"4 ({words}: a load or store is poisoned, a read ")
