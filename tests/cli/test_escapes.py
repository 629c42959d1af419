"""No name in an input reaches a terminal with control characters: names of types, members, modules, files and kernels."""

from __future__ import annotations

import pytest
from cli_inputs import run
from test_files_inputs import tiny_elf

from btfkit.btf.build import Builder
from btfkit.fleet.bundle_write import Content, make_bundle
from btfkit.fleet.keys import Key
from objects import Program

HOSTILE = "\x1b[31m\x07\r"


def builder(size=4, extra=""):
    b = Builder()
    number = b.int("int" + HOSTILE, 4)
    enum = b.enum("enum" + HOSTILE, [("value" + HOSTILE, size)])
    struct = b.struct(
        "one" + HOSTILE, size + 8, [("member" + HOSTILE, number, 8 * size), ("second" + HOSTILE, enum, 0)]
    )
    b.union("union" + HOSTILE + extra, 16, [("part" + HOSTILE, struct, 0)])
    typedef = b.typedef("typedef" + HOSTILE, b.ptr(struct))
    b.fwd("forward" + HOSTILE)
    b.func("function" + HOSTILE, b.func_proto(typedef, [("argument" + HOSTILE, typedef)]), 1)
    b.datasec(".data" + HOSTILE, 16, [(b.var("variable" + HOSTILE, struct), 0, 16)])
    b.decl_tag("tag" + HOSTILE, struct)
    return b


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = builder().build()
    module = Builder(base)
    module.struct("own" + HOSTILE, 4, [("inner" + HOSTILE, 1, 0)])
    module.func("kfunc" + HOSTILE, module.func_proto(0, [("z" + HOSTILE, 3)]))
    info = f"vermagic=6.1{HOSTILE}\0name=m{HOSTILE}\0".encode()
    content = Content("tool" + HOSTILE, [("object" + HOSTILE, "00")])
    for number in range(2):
        key = Key("d" + HOSTILE, str(number), "x86" + HOSTILE, "6.1" + HOSTILE)
        content.add(key, base.to_bytes(), [("m" + HOSTILE, base.to_bytes())])
    for name, data in {
        "a.btf": base.to_bytes(),
        "b.btf": builder(8, "x").build().to_bytes(),
        "m.ko": tiny_elf([(".BTF", module.to_bytes()), (".modinfo", info)], machine=62),
        "bad" + HOSTILE: b"nonsense" * 9,
        "x.bundle": make_bundle(content),
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / ("k" + HOSTILE)).write_bytes(base.to_bytes())
    (tmp_path / ("d" + HOSTILE)).mkdir()
    (tmp_path / ("d" + HOSTILE) / f"6.1{HOSTILE}.btf").write_bytes(base.to_bytes())
    program = Program()
    number = program.types.int("int", 4)
    program.relo(0, program.types.struct("one" + HOSTILE, 4, [("member" + HOSTILE, number, 0)]), "0:0")
    program.relo(0, program.types.struct("two" + HOSTILE, 4, [("member" + HOSTILE, number, 0)]), "0:0")
    (tmp_path / f"o{HOSTILE}.o").write_bytes(program.elf())


COMMANDS = [
    "info a.btf",
    "info m.ko -B a.btf",
    "info m.ko -B b.btf",
    "dump a.btf",
    "dump --json a.btf",
    "dump c a.btf",
    "layout a.btf *",
    "diff a.btf b.btf",
    "find a.btf *",
    "find --users a.btf one*",
    f"find a.btf nothing{HOSTILE}",
    f"offset a.btf nothing{HOSTILE}.x",
    f"offset a.btf one{HOSTILE}.x",
    "verify a.btf",
    "verify m.ko -B b.btf",
    "merge a.btf m.ko -o out.btf",
    "sanitize a.btf --for 5.4 -o out.btf",
    "distill m.ko -B a.btf -o out.ko",
    "explain m.ko -B b.btf",
    "reconcile m.ko -B b.btf -o out.ko",
    f"min a.btf out.btf --keep-type nothing{HOSTILE}",
    f"info bad{HOSTILE}",
    f"min a.btf out.btf bad{HOSTILE}",
    f"info --unknown{HOSTILE}",
    f"unknown{HOSTILE}",
    f"bundle unknown{HOSTILE} x",
    "bundle list x.bundle",
    f"bundle get x.bundle 6.1{HOSTILE} -o out.btf",
    f"bundle get x.bundle 6.2{HOSTILE} -o out.btf",
    "bundle lookup x.bundle --uname 6.1 --arch x86",
    "bundle verify x.bundle",
    "bpftool btf dump file a.btf",
    "bpftool btf dump file a.btf format c",
    "bpftool -p btf dump file a.btf",
    f"bpftool unknown{HOSTILE}",
    f"bpftool btf dump file a.btf format {HOSTILE}",
    f"bpftool btf dump file bad{HOSTILE}",
    f"pahole --unknown{HOSTILE} x",
    f"pahole -J bad{HOSTILE}",
    f"pahole -J --btf_features={HOSTILE} bad{HOSTILE}",
    f"find k{HOSTILE} nothing",
    f"layout k{HOSTILE} --html p{HOSTILE}",
    f"diff k{HOSTILE} b.btf --html p{HOSTILE}",
    f"diff k{HOSTILE} b.btf",
    f"info k{HOSTILE}",
    f"sort k{HOSTILE} -o s{HOSTILE}",
    f"dedup k{HOSTILE} -o s{HOSTILE}",
    f"sanitize k{HOSTILE} --for 5.4 -o s{HOSTILE}",
    f"merge k{HOSTILE} m.ko -o s{HOSTILE}",
    f"extract k{HOSTILE} -o s{HOSTILE}",
    f"extract k{HOSTILE} --section .x{HOSTILE} -o s",
    f"distill m.ko -B k{HOSTILE} -o s{HOSTILE}",
    f"distill m.ko -B k{HOSTILE} --section .x{HOSTILE} -o s{HOSTILE}",
    f"explain m.ko -B k{HOSTILE}",
    f"encode k{HOSTILE} -o s{HOSTILE}.btf",
    f"min k{HOSTILE} s{HOSTILE} o{HOSTILE}.o",
    f"min --archive d{HOSTILE} -o s{HOSTILE} o{HOSTILE}.o -j1",
    f"relocs o{HOSTILE}.o -b k{HOSTILE}",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} -j1",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} d{HOSTILE} --markdown -j1",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} --html p{HOSTILE} -j1",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} --allow x{HOSTILE}",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} --require x{HOSTILE} -j1",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} --set x{HOSTILE}",
    f"check o{HOSTILE}.o --kernels k{HOSTILE} --baseline x{HOSTILE} -j1",
    f"bundle create s{HOSTILE} d{HOSTILE}",
    f"sort a.btf -j {HOSTILE} -o s",
    f"sort a.btf -o s --in-place={HOSTILE}",
    f"sanitize a.btf --for {HOSTILE} -o s",
    f"dump a.btf {HOSTILE}",
    f"diff a.btf b.btf --kind {HOSTILE}",
    f"bundle create s{HOSTILE} gone{HOSTILE}",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_printed(capsys, command):
    said = run(capsys, *command.split(" "))
    for text in (said.out, said.err):
        assert not {c for c in text if not c.isprintable()} - {"\n", "\t"}
