"""`btfkit offset --kernels`: a table of many kernels, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess

import pytest
from cli_inputs import run

import kernel_trees
import needs
from btfkit.fleet.offsets import kernel_offsets

PATHS = ("task.pid", "task.__state,task.state", "task.low")


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    kernel_trees.fill(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_ranges(capsys) -> None:
    said = run(capsys, "offset", *PATHS, "--kernels", "hub")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "task.pid\n"
        "  debian arm64\n"
        "    40  4 bytes  int  6.1.0-47-arm64\n"
        "  debian x86_64\n"
        "    24  4 bytes  int  5.10.0-8-amd64\n"
        "    32  4 bytes  int  6.1.0-9-amd64 ... 6.12.0-1-amd64 (3 kernels)\n"
        "  debian x86_64 cloud\n"
        "    48  4 bytes  int  6.1.0-47-cloud-amd64\n"
        "\n"
        "task.__state or task.state\n"
        "  debian arm64\n"
        "    16  4 bytes  int  6.1.0-47-arm64\n"
        "  debian x86_64\n"
        "    16  4 bytes  int (task.state)  5.10.0-8-amd64\n"
        "    16  4 bytes  int               6.1.0-9-amd64 ... 6.12.0-1-amd64 (3 kernels)\n"
        "  debian x86_64 cloud\n"
        "    16  4 bytes  int  6.1.0-47-cloud-amd64\n"
        "\n"
        "task.low\n"
        "  20  3 bits from bit 0  int  all 6 kernels\n"
    )


def test_columns(capsys) -> None:
    """A column a kernel where that fits; one path that no kernel has hides nothing, and makes the exit status 1."""
    two = [f"hub/{place}/{uname}.btf" for place, uname in kernel_trees.KERNELS[::3]]
    said = run(capsys, "offset", "task.pid", "task.cpu", "task.nope", "task.state", "--kernels", *two)
    assert said.status == 1
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0] == ["5.10.0-8-amd64", "6.12.0-1-amd64"]
    assert rows[1:5] == [
        ["task.pid", "24", "32"],
        ["task.cpu", "28", "-"],
        ["task.nope", "-", "-"],
        ["task.state", "16", "-"],
    ]
    assert "task.cpu: task has no member 'cpu'" in said.out
    assert said.err == "btfkit offset: task.nope: on no kernel: task has no member 'nope'\n"
    assert run(capsys, "offset", "task.nope", "-q", "--kernels", *two).err == ""


def test_json_and_csv(capsys) -> None:
    data = json.loads(run(capsys, "offset", *PATHS, "task.cpu", "--kernels", "hub", "--format", "json").out)
    assert json.loads(run(capsys, "offset", *PATHS, "task.cpu", "--kernels", "hub", "--json").out) == data
    assert data["schema"] == 1
    assert [kernel["uname"] for kernel in data["kernels"] if kernel["arch"] == "x86_64"] == [
        *kernel_trees.AMD64[:3],
        "6.1.0-47-cloud-amd64",
        kernel_trees.AMD64[3],
    ]
    assert data["kernels"][0]["distro"] == "debian"
    pid, state, low, cpu = data["rows"]
    assert state["paths"] == ["task.__state", "task.state"]
    assert state["places"][0] == {"path": "task.state", "offset": 16, "size": 4, "type": "int"}
    assert low["places"][0] == {"path": "task.low", "offset": 20, "size": 4, "type": "int", "bit": 0, "bits": 3}
    assert cpu["places"][-1] == {"absent": "task has no member 'cpu'"}
    rows = list(
        csv.reader(io.StringIO(run(capsys, "offset", *PATHS, "task.cpu", "--kernels", "hub", "--format", "csv").out))
    )
    assert rows[0] == ["path", *(kernel["name"] for kernel in data["kernels"])]
    assert rows[1] == ["task.pid", *(str(place["offset"]) for place in pid["places"])]
    assert rows[3] == ["task.low", *["20:0:3"] * 6]
    assert rows[4][-1] == ""


def test_one_file(capsys) -> None:
    path = "hub/debian/13/x86_64/6.12.0-1-amd64.btf"
    assert "task.pid  32" in run(capsys, "offset", path, "task.pid", "--format", "table").out


def test_mistakes(capsys) -> None:
    for words in (
        ["task.pid", "--plain", "--kernels", "hub"],
        ["--kernels", "hub"],
        ["task.pid,", "--kernels", "hub"],
        ["task..pid", "--kernels", "hub"],
        ["task.pid", "--json", "--format", "c", "--kernels", "hub"],
        ["task.pid", "--format", "xml", "--kernels", "hub"],
        ["hub", "task.pid", "-o", "x"],
    ):
        assert run(capsys, "offset", *words).status == 2, words
    assert run(capsys, "offset", "task.pid", "--kernels", "nowhere").status == 3


def test_unreadable_kernel(capsys, tmp_path) -> None:
    """The others are answered; the exit status is 3, and a program's table leaves it out."""
    (tmp_path / "hub/debian/12/x86_64/6.1.0-50-amd64.btf").write_bytes(b"\x9f\xeb\x01\0")
    said = run(capsys, "offset", "task.pid", "--kernels", "hub", "--format", "json")
    assert said.status == 3
    assert "6.1.0-50-amd64.btf" in said.err
    data = json.loads(said.out)
    assert [bool(kernel.get("error")) for kernel in data["kernels"]].count(True) == 1
    assert data["rows"][0]["places"].count(None) == 1
    assert "6.1.0-50" not in run(capsys, "offset", "task.pid", "--kernels", "hub", "--format", "c").out


def test_modules(capsys) -> None:
    """A type that vmlinux does not have is looked for in the modules of a kernel's directory."""
    said = run(capsys, "offset", "conn.mark", "other.a", "--kernels", "tree")
    assert said.status == 0
    assert said.out.splitlines()[1].split() == ["conn.mark", *["8", "[conn]"] * 3]
    wide = run(capsys, "offset", "conn.mark,conn.a_long_name_that_does_not_exist", "--kernels", "tree", "hub")
    assert "    8  4 bytes  int [conn]  x86_64/6.1.0-9-amd64 ... x86_64/6.12.0-1-amd64 (3 kernels)\n" in wide.out
    table = kernel_offsets(["conn.mark", "conn.nope"], ["tree"])
    assert [cell.module for cell in table.cells[0]] == ["conn"] * 3
    assert not any(table.cells[1])


def test_workers_do_not_matter() -> None:
    one, two = (kernel_offsets(PATHS, ["hub", "tree"], workers=workers) for workers in (1, 2))
    assert one.cells == two.cells
    assert [column.name for column in one.columns] == [column.name for column in two.columns]


# ---- tables that programs include --------------------------------------------------------------------------------

C = """
#include "offsets.h"
#include <stdio.h>
int main(void) {
    for (int i = 0; i < KERNEL_OFFSETS; i++) {
        const struct kernel_offsets *k = &kernel_offsets[i];
        printf("%s %d %d %d\\n", k->uname, k->task_pid.offset, k->task___state.alternative, k->task_low.bits);
    }
    return 0;
}
"""
GO = """package main
import "fmt"
func main() {
    for _, k := range Kernels {
        fmt.Println(k.Uname, k.TaskPid.Offset, k.TaskState.Alternative, k.TaskLow.Bits)
    }
}
"""
RUST = """
include!("offsets.rs");
fn main() {
    for k in KERNELS.iter() {
        println!("{} {} {} {}", k.uname, k.task_pid.offset, k.task_state.alternative, k.task_low.bits);
    }
}
"""
PRINTED = """5.10.0-8-amd64 24 1 3
6.1.0-9-amd64 32 0 3
6.1.0-47-amd64 32 0 3
6.12.0-1-amd64 32 0 3
"""


def _compiler(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        needs.lacks("program", name)
    return found or ""


def _table(capsys, form: str, output: str) -> None:
    kernels = [f"hub/{place}/{uname}.btf" for place, uname in kernel_trees.KERNELS]
    assert run(capsys, "offset", *PATHS, "--kernels", *kernels, "--format", form, "-o", output).status == 0


def _printed(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_c(capsys, tmp_path) -> None:
    cc = _compiler("gcc")
    _table(capsys, "c", "offsets.h")
    (tmp_path / "main.c").write_text(C)
    subprocess.run([cc, "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"], check=True)
    assert _printed("./main") == PRINTED


def test_go(capsys, tmp_path) -> None:
    go = _compiler("go")
    _table(capsys, "go", "offsets.go")
    text = (tmp_path / "offsets.go").read_text()
    (tmp_path / "offsets.go").write_text(text.replace("package offsets", "package main"))
    (tmp_path / "main.go").write_text(GO)
    assert _printed(go, "run", "main.go", "offsets.go") == PRINTED


def test_rust(capsys, tmp_path) -> None:
    rustc = _compiler("rustc")
    _table(capsys, "rust", "offsets.rs")
    (tmp_path / "main.rs").write_text(RUST)
    subprocess.run([rustc, "-A", "dead_code", "-D", "non_snake_case", "-o", "main", "main.rs"], check=True)
    assert _printed("./main") == PRINTED
