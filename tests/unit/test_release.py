"""`tools/release.sh`, dry and real in a clone; `make help` names every target; what packages say agrees with pyproject.toml."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from needs import lacks

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r'__version__ = "(.*)"', (ROOT / "src/btfkit/_version.py").read_text()).group(1)
NEXT = "9.0.0"
ENV = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "SOURCE_DATE_EPOCH": "1800000000",  # 2027-01-15
}


def run(*words: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env=ENV | env, capture_output=True, text=True, timeout=600
    )


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A repository with what a release changes and needs."""
    if not shutil.which("git"):
        lacks("program", "git")
    here = tmp_path / "checkout"
    for name in ("tools/release.sh", "src/btfkit/_version.py", "CHANGELOG.md", "debian/changelog", "pyproject.toml"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, here / name)
    (here / ".gitignore").write_text("/dist/\n")
    assert run("git", "init", "-q", "-b", "main", cwd=here).returncode == 0
    assert run("git", "add", "-A", cwd=here).returncode == 0
    assert run("git", "commit", "-q", "-m", "all", cwd=here).returncode == 0
    return here


def state(here: Path) -> tuple[str, str]:
    return run("git", "show-ref", cwd=here).stdout, run("git", "status", "--porcelain", cwd=here).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "VERSION is missing"),
        (["1.2"], "1.2: expected X.Y.Z"),
        (["v1.2.3"], "v1.2.3: expected X.Y.Z"),
        (["0.0.1"], f"0.0.1 is older than {VERSION}"),
        ([VERSION + "rc1"], f"{VERSION}rc1 is older than {VERSION}"),
        ([NEXT, "--dri"], "unknown option --dri"),
        ([NEXT, NEXT], "one VERSION is expected"),
    ],
)
def test_wrong_usage(checkout, words, message) -> None:
    before = state(checkout)
    done = run("tools/release.sh", *words, cwd=checkout)
    assert done.returncode == 1
    assert done.stderr.startswith(f"release: {message}")
    assert state(checkout) == before


def test_what_is_not_ready(checkout) -> None:
    changelog = checkout / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## Unreleased\n\n## 0.0.1\n\n- Something.\n")
    done = run("tools/release.sh", NEXT, cwd=checkout)
    assert "commit first" in done.stderr
    run("git", "commit", "-q", "-a", "-m", "nothing to release", cwd=checkout)
    done = run("tools/release.sh", NEXT, cwd=checkout)
    assert 'CHANGELOG.md has nothing under "## Unreleased"' in done.stderr
    run("git", "tag", f"v{NEXT}", cwd=checkout)
    assert f"there is a tag v{NEXT} already" in run("tools/release.sh", NEXT, cwd=checkout).stderr


@pytest.mark.slow  # installs the tool that writes the SBOM
@pytest.mark.parametrize("dry", [True, False])
def test_a_release(checkout, tmp_path, dry) -> None:
    """With a wheel in place of those that take minutes to build."""
    built = tmp_path / "built"
    built.mkdir()
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    wheel = run("python3", "-m", "pip", "wheel", "-q", "--no-deps", "-w", built, tree, cwd=tmp_path, BTFKIT_PURE="1")
    assert wheel.returncode == 0, wheel.stderr
    before = state(checkout)
    done = run("tools/release.sh", NEXT, *(["--dry-run"] if dry else []), cwd=checkout, ARTIFACTS=str(built))
    assert done.returncode == 0, done.stderr
    sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", done.stdout, re.M))
    (name,) = (path.name for path in built.iterdir())
    assert sorted(sums.values()) == sorted([name, f"btfkit-{NEXT}.cdx.json"])
    assert f"git push origin HEAD v{NEXT}" in done.stdout
    if dry:
        assert "nothing here has changed" in done.stdout
        assert state(checkout) == before
        assert not (checkout / "dist").exists()
        return
    assert (checkout / "src/btfkit/_version.py").read_text() == f'__version__ = "{NEXT}"\n'
    assert f"## Unreleased\n\n## {NEXT} (2027-01-15)\n" in (checkout / "CHANGELOG.md").read_text()
    assert (checkout / "debian/changelog").read_text().startswith(f"btfkit ({NEXT}) unstable; ")
    assert run("git", "cat-file", "-t", f"v{NEXT}", cwd=checkout).stdout == "tag\n"
    assert state(checkout)[1] == ""
    for digest, file in sums.items():
        assert hashlib.sha256((checkout / "dist" / file).read_bytes()).hexdigest() == digest
    bill = json.loads((checkout / "dist" / f"btfkit-{NEXT}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "btfkit"


def test_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split())
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    assert phony == targets
    done = run("make", "--no-print-directory", "help", cwd=ROOT)  # within `make test` it would name the directory
    helped = {line.split()[0] for line in done.stdout.splitlines()}
    parts = {name for name in targets if name.startswith("lint-")}  # of `lint`, which is named
    assert helped == targets - parts


def test_packages_have_one_version_and_its_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    cython, setuptools = (
        re.search(rf"{name}>=([\d.]+)", " ".join(project["build-system"]["requires"])).group(1)
        for name in ("Cython", "setuptools")
    )
    control = (ROOT / "debian/control").read_text()
    assert f"cython3 (>= {cython})" in control
    assert f"python3-setuptools (>= {setuptools})" in control
    spec = (ROOT / "packaging/btfkit.spec").read_text()
    assert f"python3-Cython >= {cython}" in spec
    assert f"btfkit_version {VERSION}}}" in spec
    assert f"btfkit ({VERSION}) " in (ROOT / "debian/changelog").read_text().splitlines()[0]
