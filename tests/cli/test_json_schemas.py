"""Every document that a command prints with --json has a schema in docs/schemas, and fits it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from cli_inputs import fill, run

import json_schemas
import kernel_trees
import needs
from btfkit import cli
from small_modules import kernel, ko, module

DATA = Path(__file__).resolve().parents[1] / "data"
OLD, NEW = (f"tree/{uname}" for uname in (kernel_trees.AMD64[2], kernel_trees.AMD64[3]))
# A command line for each schema; those below make files for those that follow.
LINES = {
    "find": "find vmlinux item",
    "offset": "offset vmlinux item.i",
    "offset-kernels": "offset task.pid,task.tgid task.low task.nothing --kernels tree",
    "history": "history task.state --kernels hub",
    "layout": "layout vmlinux item",
    "layout-at": "layout vmlinux item --at 0",
    "layout-reorganize": "layout vmlinux item --reorganize --steps",
    "info": "info vmlinux",
    "verify": "verify vmlinux",
    "diff": "diff vmlinux other",
    "diff-kernels": f"diff {OLD} {NEW}",
    "diff-symbols": f"diff {OLD}/vmlinux {NEW}/vmlinux --symbols symbols",
    "relocs": "relocs fields.bpf.o -b vmlinux",
    "check": "check fields.bpf.o --kernels vmlinux other",
    "min": "min vmlinux small.btf fields.bpf.o",
    "min-archive": "min --archive hub -o minimized fields.bpf.o",
    "bundle-list": "bundle list made.btfb",
    "bundle-lookup": "bundle lookup made.btfb --uname 6.1.0-47-amd64 --arch x86_64 --os-release os-release",
    "bundle-verify": "bundle verify made.btfb",
    "atlas-add": "atlas add made.atlas hub",
    "atlas-list": "atlas list made.atlas",
    "atlas-verify": "atlas verify made.atlas",
    "dedup": "dedup vmlinux -o deduped.btf",
    "merge": f"merge {NEW}/vmlinux {NEW}/conn {NEW}/other -o merged.btf",
    "sort": "sort vmlinux -o sorted.btf",
    "sanitize": "sanitize vmlinux --for 5.4 -o sanitized.btf",
    "distill": "distill my.ko -B built-with -o distilled.ko",
    "explain": "explain distilled.ko -B changed",
    "reconcile": "reconcile distilled.ko -B updated -o reconciled.ko",
    "encode": "encode made.o -o made.btf",
    "extract": "extract my.ko -o extracted.btf",
    "extract-directory": "extract mods -o extracted",
}
ELSEWHERE = {"encode-packages": "tests of packages"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    kernel_trees.fill(tmp_path)
    base = kernel()
    (tmp_path / "my.ko").write_bytes(ko(module(base), base))
    for name, built in (("built-with", base), ("updated", kernel(filler=9)), ("changed", kernel(mutex=40))):
        (tmp_path / name).write_bytes(built.to_bytes())
    (tmp_path / "made.o").write_bytes(lzma.decompress((DATA / "encode" / "gcc-dwarf5.o.xz").read_bytes()))
    (tmp_path / "symbols").write_text("wake\n")
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return tmp_path


def test_each_document_fits_its_schema(here, capsys) -> None:
    for name, line in LINES.items():
        if name == "bundle-list":
            assert run(capsys, "bundle", "create", "made.btfb", "minimized").status == 0
        said = run(capsys, *line.split(), "--json")
        assert said.status in (0, 1), (line, said.err)
        assert json_schemas.check(line.split()[0], said.out) == name


def test_each_schema_is_tested_and_listed() -> None:
    jsonschema = needs.module("jsonschema")
    schemas = {path.stem: json.loads(path.read_text()) for path in json_schemas.SCHEMAS.glob("*.json")}
    assert schemas.keys() == LINES.keys() | ELSEWHERE.keys()
    page = (json_schemas.SCHEMAS.parent / "json.md").read_text()
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert f"| `{schema['title'].removeprefix('btfkit ')}` |" in page
        assert f"(schemas/{name}.json)" in page
    with_json = {name for name in cli.COMMANDS if any("--json" in one.spellings for one in cli.command(name).options)}
    assert with_json - json_schemas.FREE == {line.split()[0] for line in LINES.values()}


def test_what_fits_none_is_found() -> None:
    needs.module("jsonschema")
    good = {"schema": 1, "path": "a", "pattern": "b", "found": []}
    assert json_schemas.check("find", json.dumps(good)) == "find"
    for bad in ({**good, "more": 1}, {**good, "schema": 2}, {"schema": 1}):
        with pytest.raises(AssertionError):
            json_schemas.check("find", json.dumps(bad))
