"""The recipes of docs/recipes with a real module on real kernels: what they leave is loaded, and what they predict comes true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from judge import verdicts
from machine import require_kernel
from workshop import NAME, by_kbuild, encoded

from btfkit.btf_file import load
from recipes import put, run

pytestmark = pytest.mark.slow
PACKAGES = "Distribution packages"


def test_recipes(tmp_path: Path) -> None:
    """The module is built for 6.12, its BTF on an older 6.12; installed for the newer as packages do, and as a vendor does."""
    now, before, old = require_kernel("now"), require_kernel("before"), require_kernel("old")
    data = encoded(now, before)
    inputs = {
        "MODULE": put(tmp_path / "build" / f"{NAME}.ko", data),
        "BUILT_WITH": put(tmp_path / "before.btf", before.btf.to_bytes()),
        "VMLINUX": put(tmp_path / "now.btf", now.btf.to_bytes()),
    }
    installed: dict[str, Path] = {}

    def recipe(page: str, name: str, section: str = "", **more: str) -> str:
        installed[name] = tmp_path / "lib" / name / f"{NAME}.ko"
        return run(page, tmp_path, section, **{**inputs, "DEST": str(installed[name].parent), **more})

    installed["built"] = Path(put(tmp_path / "built.ko", data))
    (tmp_path / "kernels").mkdir()
    for kernel in (now, old):
        put(tmp_path / "kernels" / f"{kernel.release}.btf", kernel.btf.to_bytes())
    (tmp_path / "lib" / "vendor").mkdir(parents=True)
    told = recipe("vendor-module.md", "vendor", KERNELS=str(tmp_path / "kernels"))
    assert told.endswith("0")
    assert f"{now.release}  rejects it         fits" in told
    installed["shipped"] = tmp_path / "shipped.ko"
    assert "BTF rewritten for this kernel" in recipe("dkms.md", "package", PACKAGES)
    installed["distilled"] = Path(inputs["MODULE"])

    kept = put(tmp_path / "field" / f"{NAME}.ko", Path(inputs["MODULE"]).read_bytes())
    told = run("check-update.md", tmp_path, **{**inputs, "MODULE": kept}, MODULES=str(tmp_path / "field"))
    assert "1 fit, 0 do not" in told
    assert "YES, this kernel accepts the module's BTF" in told
    installed["checked"] = tmp_path / "checked" / f"{NAME}.ko"
    on_old = put(tmp_path / "old.btf", old.btf.to_bytes())
    told = run(
        "check-update.md", tmp_path, **{**inputs, "MODULE": kept, "VMLINUX": on_old}, MODULES=str(tmp_path / "field")
    )
    assert "exit status 3" in told
    assert "0 fit, 1 do not" in told
    (failure,) = json.loads((tmp_path / "report.json").read_text())["failed"]
    assert any(finding.get("held_in") for finding in failure["findings"])

    if (now.headers / "vmlinux").exists():
        inputs["MODULE"] = put(tmp_path / "kbuild" / f"{NAME}.ko", by_kbuild(now))
        assert "BTF rewritten for this kernel" in recipe("dkms.md", "kbuild", PACKAGES)
        assert Path(inputs["MODULE"]).read_bytes() == by_kbuild(now)  # it was distilled already

    found = verdicts(now, {name: path.read_bytes() for name, path in installed.items()})
    assert {name for name, verdict in found.items() if verdict.btf is None} == {"built", "shipped"}
    for name, verdict in found.items():
        if verdict.btf is not None:
            btf, said = verdict.on(now.btf), verdict.said()
            assert btf.find("struct btfkit_device").size == said["struct_btfkit_device"], name
            if name != "distilled":
                assert said["id_of_file"] == now.btf.find_id("struct file"), name
                assert load(str(installed[name]), now.btf).to_bytes() == verdict.btf, name
