"""`btfkit info`."""

from __future__ import annotations

import json
import lzma

import pytest

import btfkit
from btfkit.btf.build import Builder
from btfkit.cli import main
from small_modules import kernel, ko, module


@pytest.fixture
def files(tmp_path):
    """The paths of a base, of a split BTF, of the packed base and of a damaged one."""
    b = Builder()
    b.int("long", 8)
    b.ptr(1)
    base = b.build()
    split = Builder(base)
    split.struct("mine", 8, [("a", 1, 0)])
    data = base.to_bytes()
    bad = Builder()
    bad.ptr(99)
    contents = {
        "base": data,
        "split": split.to_bytes(),
        "xz": lzma.compress(data),
        "bad": bad.to_bytes(),
        "cut": data[:-1],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}


def told(capsys):
    out, err = capsys.readouterr()
    return json.loads(out), err


def test_people(files, capsys) -> None:
    assert main(["info", files["base"]]) == 0
    out = capsys.readouterr().out
    assert out.startswith(files["base"] + "\n\n  container ")
    assert "2 (ids 1 to 2)" in out
    assert all(line == line.rstrip() for line in out.split("\n"))


def test_json(files, capsys) -> None:
    assert main(["info", "--json", files["xz"]]) == 0
    info, err = told(capsys)
    assert (info["schema"], info["layers"], info["path"], err) == (1, ["xz", "raw"], files["xz"], "")
    assert main(["info", "--json", files["split"], "-B", files["base"]]) == 0
    info, _ = told(capsys)
    assert info["base"] == {"path": files["base"], "types": 2}


def test_split_without_base(files, capsys) -> None:
    assert main(["info", files["split"]]) == 0
    out, err = capsys.readouterr()
    assert "split: needs its base" in out
    assert "STRUCT" in out
    assert err == ""


def test_damaged(files, capsys) -> None:
    assert main(["info", "--json", files["bad"]]) == 3
    info, err = told(capsys)
    assert info["types"]["kinds"] == {"PTR": 1}
    assert "type 99" in info["problem"]
    assert err == f"btfkit: {info['problem']}\n"
    assert main(["info", files["cut"]]) == 3
    assert files["cut"] in capsys.readouterr().err


def test_bad_base(files, capsys) -> None:
    assert main(["info", files["split"], "-B", files["bad"]]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"btfkit: {files['bad']}, types")
    assert main(["info", files["split"], "-B", files["base"] + "x"]) == 3


def test_usage(files) -> None:
    assert main(["info"]) == 2
    assert main(["info", files["base"], files["base"]]) == 2


def test_a_base_with_definitions(tmp_path, capsys) -> None:
    base = kernel()
    vmlinux, module_path = tmp_path / "vmlinux", tmp_path / "m.ko"
    vmlinux.write_bytes(base.to_bytes())
    for policy, section in (("distilled", ".BTF.base"), ("full", ".BTF.base_minimal")):
        module_path.write_bytes(ko(module(base), base))
        btfkit.distill_file(module_path, vmlinux, in_place=True, policy=policy)
        assert main(["info", str(module_path)]) == 0
        text = capsys.readouterr().out
        assert f"split on {module_path} ({section}), " in text
        assert f"  {section} " in text
        assert main(["info", str(module_path), "--json"]) == 0
        found, _ = told(capsys)
        assert found["distilled_base"]["section"] == section
        assert found["distilled_base"]["types"] == found["base"]["types"] > 0
