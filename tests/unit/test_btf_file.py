"""The one door: what a file holds, on which base its BTF stands, and the same file with other BTF."""

from __future__ import annotations

import io
import os
from struct import unpack_from

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.btf_file import SIGNED, BtfFile, SharedBase
from btfkit.errors import BtfError, ChainError, FormatError, NotFoundError, UnsupportedError
from btfkit.files.compression import pack, unpack
from btfkit.loaded_kernel import load_modules
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import ReconcileError, reconcile
from btfkit.show.raw import raw_text
from small_modules import SIGNATURE, elf, kernel, ko, module


@pytest.fixture
def vmlinux():
    return kernel()


@pytest.fixture
def distilled(vmlinux) -> bytes:
    """A module that brings a distilled base, as kbuild makes one."""
    return distilled_module(vmlinux)


def text(btf) -> list[bytes]:
    """The types, whatever the order of their strings."""
    return list(raw_text(btf, btf.own_ids))


def distilled_module(base) -> bytes:
    plain = btfkit.open(ko(module(base), base), "mod.ko")
    made = distill(plain.btf(base))
    return plain.replace(made.btf, made.ids, base=made.base)


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_what_can_be_opened(tmp_path, vmlinux) -> None:
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(vmlinux.to_bytes())
    wanted = vmlinux.to_bytes()
    with path.open("rb") as file:
        found = btfkit.load(file)
    assert found.source == str(path)
    for source in (path, str(path), os.fspath(path).encode() and wanted, bytearray(wanted), io.BytesIO(wanted)):
        assert btfkit.load(source).to_bytes() == wanted
    assert btfkit.load(btfkit.open(path).container).to_bytes() == wanted
    with pytest.raises(FormatError, match=r"^my file"):
        btfkit.open(io.BytesIO(wanted[-3:]), "my file")
    with pytest.raises(TypeError, match="'rb'"):
        btfkit.load(io.StringIO("text"))


def test_what_it_holds(vmlinux) -> None:
    parts = {".modinfo": b"license=GPL\0vermagic=6.12.57 SMP mod_unload \0", ".BTF": module(vmlinux)}
    file = btfkit.open(pack(elf(parts) + SIGNATURE, "xz"), "mod.ko.xz")
    assert repr(file).startswith("<BtfFile mod.ko.xz: xz/elf, ")
    assert file.packings == ("xz",)
    assert file.signature == len(SIGNATURE)
    assert file.vermagic == "6.12.57 SMP mod_unload "
    assert file.modinfo("author") is None
    assert file.base is None
    assert file.base_section is None
    assert file.ext is None
    assert file.rewritable
    raw = btfkit.open(vmlinux.to_bytes())
    assert (raw.signature, raw.vermagic, raw.packings, raw.rewritable) == (0, None, (), True)


def test_empty(vmlinux) -> None:
    with pytest.raises(NotFoundError, match=r"an empty \.BTF section"):
        btfkit.load(elf({".BTF": b""}), vmlinux)


# ---- on which base -----------------------------------------------------------------------------------------------------


def test_distilled_base(vmlinux, distilled) -> None:
    file = btfkit.open(distilled, "mod.ko")
    assert file.base_section == ".BTF.base"
    assert file.btf().base is file.base
    on_its_own = btfkit.load(ko(module(vmlinux), vmlinux), vmlinux)
    reconciled = file.btf(vmlinux)
    assert reconciled.base is vmlinux
    assert text(reconciled) == text(on_its_own)


@pytest.mark.parametrize("section", [".BTF.base_minimal", ".BTF.mine"])
def test_section_of_the_base(vmlinux, section) -> None:
    plain = btfkit.open(ko(module(vmlinux), vmlinux), "mod.ko")
    made = distill(plain.btf(vmlinux))
    data = plain.replace(made.btf, made.ids, base=made.base, base_section=section)
    file = btfkit.open(data, base_section=section if section == ".BTF.mine" else None)
    assert file.base_section == section
    assert file.btf().base.to_bytes() == made.base.to_bytes()
    if section == ".BTF.mine":
        with pytest.raises(ChainError):
            btfkit.load(data)


def test_base_of_raw_btf(tmp_path, vmlinux) -> None:
    made = distill(btfkit.load(module(vmlinux), vmlinux))
    file = btfkit.open(made.btf.to_bytes(), "mod.btf", distilled_base=made.base.to_bytes())
    assert file.btf().base is file.base
    assert text(file.btf(vmlinux)) == text(btfkit.load(module(vmlinux), vmlinux))
    written = file.contents(str(tmp_path / "new.btf"), made.btf, base=made.base)
    assert list(written) == [str(tmp_path / "new.btf.base"), str(tmp_path / "new.btf")]


def test_bases(tmp_path, vmlinux, distilled) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux.to_bytes())
    wanted = btfkit.load(distilled, vmlinux).to_bytes()
    for base in (path, vmlinux.to_bytes(), SharedBase(vmlinux)):
        assert btfkit.load(distilled, base).to_bytes() == wanted


def test_wrong_base(vmlinux, distilled) -> None:
    with pytest.raises(ReconcileError, match=r"^mod\.ko: does not fit the new base: struct mutex"):
        btfkit.open(distilled, "mod.ko").btf(kernel(mutex=40))
    with pytest.raises(ChainError, match=r"not built on|wrong base"):
        btfkit.load(ko(module(vmlinux), vmlinux), kernel(filler=3))
    with pytest.raises(ChainError, match="another machine"):
        btfkit.load(ko(module(vmlinux), vmlinux), kernel("big"))


# ---- many modules ------------------------------------------------------------------------------------------------------


def test_load_modules(tmp_path, vmlinux, distilled) -> None:
    for name, data in {
        "a.ko": ko(module(vmlinux), vmlinux),
        "b.ko.xz": pack(distilled, "xz"),
        "c.ko": elf({".text": b"x"}),
        "d.ko": elf({".BTF": b""}),
        "e.ko": b"damaged",
        "f.ko": ko(module(vmlinux), vmlinux),
    }.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=r"e\.ko"):
        load_modules([str(tmp_path)], vmlinux)
    errors: list[Exception] = []
    found = load_modules([str(tmp_path), str(tmp_path / "no such")], vmlinux, errors.append)
    assert found.names == ["a", "b", "f"]
    wanted = text(btfkit.load(module(vmlinux), vmlinux))
    assert all(text(btf) == wanted for btf in found.modules)
    assert [os.path.basename(path) for path in found.without] == ["c.ko", "d.ko"]
    assert [type(error) for error in errors] == [FormatError, FileNotFoundError]


# ---- the same file with other BTF ----------------------------------------------------------------------------------------


def test_replace_keeps_or_drops_the_base(vmlinux, distilled) -> None:
    file = btfkit.open(distilled, "mod.ko")
    for btf, stays in ((file.btf(), True), (btfkit.open(distilled).btf(), True), (file.btf(vmlinux), False)):
        new = btfkit.sort(btf)
        after = btfkit.open(file.replace(new.btf, new.ids), "mod.ko")
        assert (after.base_section is not None) == stays
        assert after.btf(None if stays else vmlinux).to_bytes() == new.btf.to_bytes()


def test_ids_follow(vmlinux) -> None:
    before = btfkit.open(ko(module(vmlinux), vmlinux, ids=True), "mod.ko")
    split = before.btf(vmlinux)
    made = distill(split)
    lost: list[str] = []
    after = btfkit.open(before.replace(made.btf, made.ids, base=made.base, lost=lost))
    assert text(after.btf(vmlinux)) == text(split)
    assert after.elf.data(".BTF_ids") != before.elf.data(".BTF_ids")
    assert lost == ["struct module"]
    back = reconcile(after.btf(), vmlinux)
    again = btfkit.open(after.replace(back.btf, back.ids))
    assert again.base_section is None
    assert unpack_from("<I", again.elf.data(".BTF_ids"), 0) == (vmlinux.find_id("struct mutex"),)


def test_signed(vmlinux) -> None:
    file = btfkit.open(ko(module(vmlinux), vmlinux) + SIGNATURE, "mod.ko")
    with pytest.raises(UnsupportedError) as caught:
        file.replace(file.btf(vmlinux))
    assert caught.value.message == SIGNED
    assert btfkit.open(file.replace(file.btf(vmlinux), strip_signature=True)).signature == 0


def test_packed_as_before_and_as_named(tmp_path, vmlinux) -> None:
    plain = ko(module(vmlinux), vmlinux)
    file = btfkit.open(pack(pack(plain, "gzip"), "xz"), "mod.ko.gz.xz")
    assert file.packings == ("xz", "gzip")
    new = file.replace(file.btf(vmlinux))
    assert btfkit.open(unpack(unpack(new))).packings == ()
    file.write(str(tmp_path / "mod.ko"), file.btf(vmlinux))
    assert (tmp_path / "mod.ko").read_bytes() == plain
    file.write(str(tmp_path / "mod.ko.zst"), file.btf(vmlinux))
    assert btfkit.open(tmp_path / "mod.ko.zst").packings == ("zstd",)


def test_not_rewritable(tmp_path, vmlinux) -> None:
    for data, why in (
        (elf({".BTF": vmlinux.to_bytes()}, kind=2), "a linked ELF file"),
        (b"\0" * 4096 + vmlinux.to_bytes() + b"\1" * 64, "image/search, not a module"),
    ):
        file = btfkit.open(data, "vmlinux")
        assert not file.rewritable
        with pytest.raises(UnsupportedError, match=why):
            file.replace(file.btf())
        file.write(str(tmp_path / "out.btf"), file.btf())
        assert (tmp_path / "out.btf").read_bytes() == vmlinux.to_bytes()


def test_any_file_gives_a_result_or_a_btf_error(vmlinux, distilled) -> None:
    for at in range(0, len(distilled), 7):
        broken = bytearray(distilled)
        broken[at] ^= 0x5A
        try:
            file = BtfFile(btfkit.open(broken, "broken").container)
            file.replace(file.btf(vmlinux))
        except BtfError:
            continue


def test_ext_that_names_what_is_not_there() -> None:
    from objects import Program

    program = Program(types=Builder())
    program.types.int("int", 4)
    program.relo(0, 1, "0")
    file = btfkit.open(program.elf(), "prog.bpf.o")
    assert file.ext is not None
    new = btfkit.sort(file.btf())
    assert btfkit.open(file.replace(new.btf, new.ids)).ext is not None


def test_an_id_map_that_was_forgotten(vmlinux) -> None:
    """.BTF_ids would name other types: nothing is made, rather than a module with wrong kfuncs."""
    file = btfkit.open(ko(module(vmlinux), vmlinux, ids=True), "mod.ko")
    split = file.btf(vmlinux)
    made = btfkit.distill(split)
    for new in (made.btf, vmlinux):
        with pytest.raises(
            ValueError, match=r"^the new BTF has other ids: type \d+ is not one that \.BTF_ids names; pass"
        ):
            file.replace(new)
    assert btfkit.open(file.replace(made.btf, made.ids, base=made.base)).btf().to_bytes() == made.btf.to_bytes()
    for same in (split, btfkit.sanitize(split, ["enum64"]).btf):
        assert btfkit.open(file.replace(same)).btf(vmlinux).to_bytes() == same.to_bytes()


def test_strings_and_ids_of_ext_that_have_moved() -> None:
    from objects import Program

    program = Program(types=Builder())
    number = program.types.int("int", 4)
    program.types.typedef("zz", number)
    program.types.struct("aa", 4, [("x", number, 0)])
    program.types.struct("aa", 4, [("x", number, 0)])
    program.relo(0, 3, "0:0")
    file = btfkit.open(program.elf(), "prog.bpf.o")
    new = btfkit.sort(file.btf())
    with pytest.raises(
        ValueError, match=r"^the new BTF has other ids: type 3 is not 'aa' of \.BTF\.ext; pass the id map"
    ):
        file.replace(new.btf)
    assert file.replace(new.btf, new.ids)
    done = btfkit.dedup(btfkit.sort(file.btf()).btf, ext=file.ext.translated(new.ids.translate()))
    with pytest.raises(
        ValueError, match=r"^the new BTF has other strings: .* of \.BTF\.ext is not at .*; pass the \.BTF\.ext"
    ):
        file.replace(done.btf, new.ids | done.ids)
    assert btfkit.open(file.replace(done.btf, new.ids | done.ids, ext=done.ext)).ext is not None


def test_ids_through_two_steps(vmlinux) -> None:
    """A module that was reconciled and then sorted: its .BTF_ids go the whole way."""
    plain = btfkit.open(ko(module(vmlinux), vmlinux, ids=True), "mod.ko")
    made = distill(plain.btf(vmlinux))
    file = btfkit.open(plain.replace(made.btf, made.ids, base=made.base))
    resolved = file.resolve(vmlinux)
    assert resolved.was_reconciled
    new = btfkit.sort(resolved.btf)
    lost: list[str] = []
    after = btfkit.open(file.replace(new.btf, resolved.following(new.ids), lost=lost))
    ids = unpack_from("<8I", after.elf.data(".BTF_ids"))
    assert new.btf.name(ids[0]) == "mutex"
    assert {new.btf.name(ids[4]), new.btf.name(ids[6])} == {"my_kfunc", "my_probe"}
    assert not lost
