"""`btfkit pahole`: kbuild's own spelling."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

import pytest
from cli_inputs import files, run

import btfkit
from btfkit.btf import spec

DATA = Path(__file__).parents[1] / "data" / "encode"
FEATURES = "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs"
# PAHOLE_FLAGS: pahole-flags.sh of 5.15 and 6.1, Makefile.btf of 6.12 and 7.2
FLAGS = {
    "5.15": ["--btf_gen_floats", "-j", "--skip_encoding_btf_inconsistent_proto", "--btf_gen_optimized"],
    "6.1": [
        *("--btf_gen_floats", "-j", "--lang_exclude=rust", "--skip_encoding_btf_inconsistent_proto"),
        "--btf_gen_optimized",
    ],
    "6.12": ["-j", f"--btf_features={FEATURES}", "-j", "--lang_exclude=rust"],
    "6.12 reproducible": ["-j", f"--btf_features={FEATURES}", "-j", "--btf_features=+reproducible_build"],
    "7.2": ["-j8", f"--btf_features={FEATURES}", "--btf_features=attributes", "--btf_features=layout", "-j8"],
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, file in ("my.ko", "gcc-dwarf5"), ("types.ko", "gcc-types"), ("tags.ko", "../pahole/tags"):
        (tmp_path / name).write_bytes(lzma.decompress((DATA / f"{file}.o.xz").read_bytes()))
    (tmp_path / "no.ko").write_bytes(lzma.decompress((DATA / "gcc-no-debug.o.xz").read_bytes()))
    (tmp_path / "vmlinux").write_bytes(btfkit.encode("types.ko").to_bytes())
    return tmp_path


@pytest.mark.parametrize("kernel", FLAGS)
def test_kbuild_s_command_lines(capsys, here, kernel):
    before = (here / "my.ko").read_bytes()
    said = run(
        capsys, "pahole", "-J", *FLAGS[kernel], "--btf_base", "vmlinux", "--btf_encode_detached=my.ko.BTF.1", "my.ko"
    )
    assert (said.status, said.out, said.err) == (0, "", "")
    assert (here / "my.ko").read_bytes() == before
    assert run(capsys, "encode", "my.ko", "-B", "vmlinux", "-o", "own.btf").status == 0
    assert (here / "my.ko.BTF.1").read_bytes() == (here / "own.btf").read_bytes()
    assert run(capsys, "pahole", "-J", *FLAGS[kernel], "--btf_base", "vmlinux", "my.ko").status == 0
    assert bytes(btfkit.load("my.ko", "vmlinux").to_bytes()) == (here / "own.btf").read_bytes()


def test_distilled(capsys, here):
    own = (here / "own.ko").write_bytes((here / "my.ko").read_bytes())
    assert own
    words = [
        "pahole",
        "-J",
        f"--btf_features={FEATURES}",
        "--btf_features=distilled_base",
        "--btf_base=vmlinux",
        "my.ko",
    ]
    assert run(capsys, *words).status == 0
    assert run(capsys, "encode", "own.ko", "-B", "vmlinux", "--distill").status == 0
    assert (here / "my.ko").read_bytes() == (here / "own.ko").read_bytes()
    assert (
        run(capsys, "encode", "types.ko", "-B", "vmlinux", "--features", "+distilled_base", "-o", "out.ko").status == 0
    )
    assert run(capsys, "encode", "types.ko", "-B", "vmlinux", "--distill", "-o", "again.ko").status == 0
    assert (here / "out.ko").read_bytes() == (here / "again.ko").read_bytes()


def test_unknown_features_are_ignored_with_a_warning(capsys, here):
    """As pahole does, without the warning: kbuild may name features that an older pahole lacks."""
    known = run(capsys, "pahole", "-J", "--btf_features=var,float", "--btf_encode_detached=known", "my.ko")
    assert (known.status, known.err) == (0, "")
    said = run(capsys, "pahole", "-J", "--btf_features=var,new,float", "--btf_encode_detached=ignored", "my.ko")
    assert (said.status, said.out) == (0, "")
    assert said.err == "btfkit pahole: warning: unknown feature 'new' ignored\n"
    assert (here / "known").read_bytes() == (here / "ignored").read_bytes()
    added = run(capsys, "pahole", "-J", "--btf_features=+new", "--btf_encode_detached=default", "my.ko")
    assert (added.status, added.err) == (0, said.err)
    assert run(capsys, "encode", "my.ko", "-o", "own.btf").status == 0
    assert (here / "default").read_bytes() == (here / "own.btf").read_bytes()
    none = run(capsys, "pahole", "-J", "--btf_features=new", "--btf_encode_detached=none", "my.ko")
    assert (none.status, none.err) == (0, said.err)
    assert not {"FLOAT", "ENUM64"} & kinds("none")


def test_layout(capsys, here):
    """Only BTF without a base gets one."""
    assert (
        run(capsys, "pahole", "-J", "--btf_features=default,layout", "--btf_encode_detached=out", "my.ko").status == 0
    )
    assert btfkit.load("out").layout == spec.layout_section()
    words = ["--btf_features=default,layout", "--btf_base", "vmlinux", "--btf_encode_detached=split", "my.ko"]
    assert run(capsys, "pahole", "-J", *words).status == 0
    assert btfkit.load("split", "vmlinux").layout == b""


def kinds(path):
    return {one.kind_name for one in btfkit.load(path).types()}


@pytest.mark.parametrize(
    ("option", "kind", "file"),
    [
        ("--skip_encoding_btf_enum64", "ENUM64", "my.ko"),
        ("--skip_encoding_btf_decl_tag", "DECL_TAG", "tags.ko"),
        ("--skip_encoding_btf_type_tag", "TYPE_TAG", "tags.ko"),
    ],
)
def test_options_that_remove_kinds(capsys, option, kind, file):
    assert run(capsys, "pahole", "-J", "--btf_encode_detached=with", file).status == 0
    assert run(capsys, "pahole", "-J", option, "--btf_encode_detached=without", file).status == 0
    assert kinds("with") - kinds("without") == {kind}


def test_floats(capsys):
    assert run(capsys, "pahole", "-J", "--btf_encode_detached=without", "my.ko").status == 0
    assert run(capsys, "pahole", "-J", "--btf_gen_floats", "--btf_encode_detached=with", "my.ko").status == 0
    assert "FLOAT" in kinds("with") - kinds("without")


def test_the_version_as_kbuild_reads_it(capsys):
    said = run(capsys, "pahole", "--version")
    assert (said.status, said.err) == (0, "")
    assert (
        re.sub("v([0-9]+)\\.([0-9]+)", "\\1\\2", said.out) == run(capsys, "pahole", "--numeric_version").out == "132\n"
    )
    assert "v1.32" in run(capsys, "pahole", "--help").out
    assert "decl_tag_kfuncs" in run(capsys, "pahole", "--supported_btf_features").out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["-J", "--btf_gen_all", "my.ko"], 2, "--btf_gen_all"),
        (["-J", "--lang=c", "my.ko"], 2, "--lang is not"),
        (["-Q", "my.ko"], 2, "option -Q"),
        (["--prettify", "x", "my.ko"], 2, "use `btfkit decode`"),
        (["-J", "--btf_features_strict=var,true_signature", "my.ko"], 2, "true_signature"),
        (["-J", "--lang_exclude=cobol", "my.ko"], 2, "cobol"),
        (["-J", "-jx", "my.ko"], 2, "-jx"),
        (["-J", "--btf_gen_floats=1", "my.ko"], 2, "takes no value"),
        (["-J", "my.ko", "--btf_base"], 2, "needs a value"),
        (["-J"], 2, "no FILE"),
        (["my.ko"], 3, "it has DWARF only"),
        (["-J", "--btf_encode_detached=out", "my.ko", "types.ko"], 2, "takes one FILE"),
        (["-J", "--btf_encode_detached=my.ko", "my.ko"], 2, "overwrite"),
        (
            ["-J", "--btf_features=distilled_base", "--btf_base=vmlinux", "--btf_encode_detached=out", "my.ko"],
            2,
            "--distill",
        ),
        (["-J", "--btf_features=distilled_base", "my.ko"], 3, "--btf_base FILE"),
        (["-J", "no.ko"], 3, "no DWARF"),
        (["-J", "absent.ko"], 3, "absent.ko"),
        (["-J", "--btf_base=absent", "my.ko"], 3, "absent"),
        (["-J", "vmlinux"], 3, "BTF already"),
    ],
)
def test_what_is_refused(capsys, here, words, status, message):
    before = files(here)
    said = run(capsys, "pahole", *words)
    assert (said.status, said.out) == (status, "")
    assert message in said.err
    assert files(here) == before


@pytest.mark.parametrize("policy", ["distilled", "by-value", "full"])
def test_no_base_of_an_earlier_run_is_left(capsys, here, policy):
    """A module that was distilled and is encoded again is split on the kernel, or has a base by the new policy only."""
    assert run(capsys, "encode", "my.ko", "-B", "vmlinux", "--distill", "--policy", "full").status == 0
    assert run(capsys, "encode", "my.ko", "-B", "vmlinux", "--distill", "--policy", policy).status == 0
    elf = btfkit.open("my.ko").elf
    assert [name for name in (".BTF.base", ".BTF.base_minimal") if elf.section(name) is not None] == [
        ".BTF.base_minimal" if policy == "full" else ".BTF.base"
    ]
    assert run(capsys, "pahole", "-J", "--btf_base=vmlinux", "my.ko").status == 0
    elf = btfkit.open("my.ko").elf
    assert elf.section(".BTF.base") is None
    assert elf.section(".BTF.base_minimal") is None
    assert btfkit.load("my.ko", "vmlinux").struct("bits").size == 7
