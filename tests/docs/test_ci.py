"""btfkit in CI: the GitHub Action, the hook for pre-commit and the recipe for GitLab, run as their runners would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import check_inputs
from needs import needs
from recipes import blocks, run, shims

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
pytestmark = needs("platform", os.name != "nt", "a shell")


@pytest.fixture
def here(tmp_path):
    """A directory with a repository: `kernels/` and `bpf/guards.bpf.o`."""
    work = tmp_path / "work"
    work.mkdir()
    check_inputs.fill(work)
    os.rename(work / "hub", work / "kernels")
    (work / "bpf").mkdir()
    os.rename(work / "guards.bpf.o", work / "bpf/guards.bpf.o")
    (work / "bpf/Makefile").write_text("all:\n")
    return work


class Ran:
    """What a step of the action left: its exit `status`, its `log`, `outputs` by name, and the `summary` of the job."""

    def __init__(self, status: int, log: str, outputs: str, summary: str) -> None:
        self.status = status
        self.log = log
        self.outputs = dict(line.split("=", 1) for line in outputs.splitlines())
        self.summary = summary


def step(here: Path, name: str, inputs: dict[str, str], **variables: str) -> Ran:
    """Run a step of the action as a runner does: its variables filled in, its command in the shell that it names."""
    given = {key: str(value.get("default", "")) for key, value in ACTION["inputs"].items()} | inputs
    assert set(inputs) <= set(ACTION["inputs"])
    (found,) = (one for one in ACTION["runs"]["steps"] if one["id"] == name)
    runner = here.parent / "runner"
    runner.mkdir(exist_ok=True)
    files = {"GITHUB_OUTPUT": runner / "output", "GITHUB_STEP_SUMMARY": runner / "summary"}
    for file in files.values():
        file.write_text("")
    env = {
        **os.environ,
        **{key: str(path) for key, path in files.items()},
        **{
            key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: given[match[1]], value)
            for key, value in found["env"].items()
        },
        "GITHUB_ACTION_PATH": str(ROOT),
        "RUNNER_TEMP": str(runner),
        **variables,
    }
    assert found["shell"] == "bash"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True, timeout=600)
    log = done.stdout + done.stderr
    return Ran(done.returncode, log, files["GITHUB_OUTPUT"].read_text(), files["GITHUB_STEP_SUMMARY"].read_text())


def check(here: Path, **inputs: str) -> Ran:
    inputs = {"objects": "bpf", "kernels": "kernels"} | inputs
    return step(here, "check", inputs, BTFKIT=str(shims(here) / "btfkit"))


def test_the_action_is_well_formed() -> None:
    assert ACTION["runs"]["using"] == "composite"
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.(\w+)", text)) == set(ACTION["inputs"])
    ids = {one["id"] for one in ACTION["runs"]["steps"]}
    script = (ROOT / "tools/action.sh").read_text()
    for output, what in ACTION["outputs"].items():
        (where, name) = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", what["value"]).groups()
        assert (where in ids, name) == (True, output)
        assert f'echo "{name}=' in script
    for one in ACTION["runs"]["steps"]:
        assert set(one["env"]) == {f"INPUT_{name.upper()}" for name in re.findall(r"inputs\.(\w+)", str(one["env"]))}


def test_the_action(here) -> None:
    ran = check(here)
    assert (ran.status, ran.outputs["status"]) == (1, "1")
    assert "::error::programs break on some kernels" in ran.log
    assert "| guards | `bad_plain` | debian x86\\_64 5.10.0-1-amd64 | **breaks** |" in ran.summary
    assert Path(ran.outputs["markdown"]).read_text() == ran.summary
    report = json.loads(Path(ran.outputs["report"]).read_text())
    assert report["schema"] == 1
    assert {failure["program"] for failure in report["failures"]} >= {"bad_plain"}
    os.rename(ran.outputs["report"], here / "check.json")
    ran = check(here, baseline="check.json")
    assert (ran.status, ran.outputs["status"]) == (0, "0")
    assert check(here, baseline="gone.json").status == 1
    assert "no baseline at gone.json" in check(here, baseline="gone.json", fail="false").log
    assert check(here, fail="false").status == 0


def test_the_inputs_of_the_action(here) -> None:
    ran = check(
        here, objects="bpf/*.bpf.o\n\n", kernels="  kernels/debian/1[12]\nkernels/debian/13  ", require="ok_plain"
    )
    assert ran.status == 0
    assert len(json.loads(Path(ran.outputs["report"]).read_text())["kernels"]) == 4
    ran = check(here, require="bad_plain\nok_*", allow="bad_plain@*\nok_*@[56].*", html="page of it.html")
    assert ran.status == 0
    assert (here / "page of it.html").read_bytes().startswith(b"<!DOCTYPE html>")
    (here / "with blanks").mkdir()
    os.rename(here / "kernels", here / "with blanks/kernels")
    assert check(here, kernels="with blanks/kernels", require="ok_plain").status == 0
    ran = check(here, kernels="with blanks/kernels\ngone", fail="false")
    assert (ran.status, ran.outputs["status"]) == (3, "3")
    assert "gone: No such file or directory" in ran.log
    assert check(here, objects=" ").status == 2
    hostile = check(here, objects="bpf; touch made", kernels="$(touch made)", fail="false")
    assert hostile.status == 3
    assert not (here / "made").exists()


@pytest.mark.slow
def test_the_action_installs_itself(here) -> None:
    ran = step(here, "install", {"python": sys.executable}, BTFKIT_PURE="1")  # compiling takes a minute
    assert ran.status == 0, ran.log
    assert any(line.startswith("btfkit ") for line in ran.log.splitlines())
    ran = step(here, "check", {"objects": "bpf", "kernels": "kernels", "require": "ok_plain"})
    assert ran.status == 0, ran.log


def test_the_hook_for_pre_commit(here) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert set(hook) <= {"id", "name", "description", "entry", "language", "files", "require_serial"}
    (recipe,) = [text for text in blocks("ci.md", "pre-commit", "yaml") if hook["id"] in text]
    (configured,) = yaml.safe_load(recipe)["repos"][0]["hooks"]
    assert re.search(hook["files"], "bpf/guards.bpf.o")
    assert re.search(configured["files"], "bpf/guards.o")
    env = {**os.environ, "PATH": f"{shims(here)}{os.pathsep}{os.environ['PATH']}"}

    def hooked(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [*hook["entry"].split(), *arguments, "bpf/guards.bpf.o"]  # the files come last
        return subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, timeout=600)

    done = hooked("--kernels", "kernels", "--report", "check.json")
    assert done.returncode == 1
    assert "**breaks**" in done.stdout
    done = hooked(*configured["args"])
    assert (done.returncode, done.stderr) == (0, "")


def test_the_recipe_for_any_machine(here) -> None:
    where = {"OBJECTS": "bpf", "KERNELS": "kernels"}
    said = run("ci.md", here, "On any machine", **where)
    assert "exit status 1" in said
    os.rename(here / "new.json", here / "check.json")
    assert "exit status 0" in run("ci.md", here, "On any machine", **where)


def test_the_recipe_for_gitlab(here) -> None:
    (text,) = blocks("ci.md", "GitLab", "yaml")
    job = yaml.safe_load(text)["btfkit"]
    install, *script = job["script"]
    assert install == "pip install btfkit"
    env = {**os.environ, "PATH": f"{shims(here)}{os.pathsep}{os.environ['PATH']}", **job["variables"], "OBJECTS": "bpf"}

    def ran() -> subprocess.CompletedProcess[str]:
        words = ["sh", "-ec", "\n".join(script)]
        return subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, timeout=600)

    done = ran()
    assert done.returncode == 1
    assert "**breaks**" in done.stdout
    assert all((here / path).exists() for path in job["artifacts"]["paths"])
    os.rename(here / "new.json", here / "check.json")
    assert ran().returncode == 0


def test_the_workflow_of_the_recipe_uses_the_action() -> None:
    (text,) = blocks("ci.md", "GitHub", "yaml")
    steps = yaml.safe_load(text)["jobs"]["check"]["steps"]
    (use,) = (one for one in steps if one.get("id") == "check")
    assert set(use["with"]) <= set(ACTION["inputs"])
    assert {name for name, value in ACTION["inputs"].items() if value.get("required")} <= set(use["with"])
    used = re.findall(r"steps\.check\.outputs\.(\w+)", text)
    assert set(used) <= set(ACTION["outputs"])
