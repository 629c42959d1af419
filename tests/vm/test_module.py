"""A module outside the kernel's tree, its BTF made on the wrong kernel's by the real pahole: what real kernels make of it as it
is, distilled, and reconciled; and that btfkit predicts each time what they do, to the byte."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import demo
import pytest
from judge import Verdict, verdicts
from machine import Kernel, require_kernel, run_inside, workroom
from workshop import by_kbuild, encoded

from btfkit.btf.btf import Btf
from btfkit.cli import main
from btfkit.file_ops.module_on_kernel import REFUSES, TAKES, Answer, judge, read_module
from btfkit.judges.reconciled import compare
from btfkit.passes.reconcile import reconcile

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "kfunc.bpf.o"
ROLES = {
    "now": "before",
    "old": "older",
    "new": "beside",
}  # on whose vmlinux pahole encodes the module for which kernel

LOOK_AT = ("distilled", "reconciled-distilled")  # in the machine, where each look takes seconds
LOOK_AT_ALL = ("right", *LOOK_AT, "kbuild")


@dataclass(frozen=True)
class Case:
    """A kernel, and each form of the module's file with what that kernel made of it."""

    kernel: Kernel
    wrong: Kernel
    files: dict[str, Path]
    verdicts: dict[str, Verdict]
    look_at: tuple[str, ...]

    def predicted(self, form: str) -> Answer:
        return judge(read_module(str(self.files[form])), self.kernel.btf)


@pytest.mark.parametrize("role", ROLES)
def test_module(role, tmp_path) -> None:
    """One boot of each kernel, looked at from all sides."""
    kernel, wrong = require_kernel(role), require_kernel(ROLES[role])
    files = forms(kernel, wrong, tmp_path)
    data = {form: path.read_bytes() for form, path in files.items()}
    look_at = LOOK_AT_ALL if role == "now" or os.environ.get("BTFKIT_EXHAUSTIVE") else LOOK_AT
    case = Case(kernel, wrong, files, verdicts(kernel, data, program=PROGRAM.read_bytes(), look_at=look_at), look_at)
    kernels_do_what_explain_says(case)
    kernels_show_what_reconcile_writes(case)
    types_are_those_of_the_source(case)
    libbpf_reads_what_the_kernel_shows(case)
    the_meaning_is_that_of_the_build(case)
    kfuncs_can_be_called(case)
    other_ids_are_right_once_it_is_reconciled(case)


def forms(kernel: Kernel, wrong: Kernel, folder: Path) -> dict[str, Path]:
    """The files: encoded on the right and on the wrong vmlinux, and made of the latter by btfkit's commands; kbuild's, too."""
    old, new = folder / "old.btf", folder / "new.btf"
    old.write_bytes(wrong.btf.to_bytes())
    new.write_bytes(kernel.btf.to_bytes())
    data = {"right": encoded(kernel, kernel), "wrong": encoded(kernel, wrong)}
    if (kernel.headers / "vmlinux").exists():
        data["kbuild"] = by_kbuild(kernel)
    files = {form: folder / f"{form}.ko" for form in data}
    for form, path in files.items():
        path.write_bytes(data[form])
    for policy in ("distilled", "by-value", "full"):
        files[policy] = folder / f"{policy}.ko"
        command = ["distill", str(files["wrong"]), "-B", str(old), "--policy", policy, "-o", str(files[policy]), "-q"]
        assert main(command) == 0
        files["reconciled-" + policy] = folder / f"reconciled-{policy}.ko"
        target = str(files["reconciled-" + policy])
        assert main(["reconcile", str(files[policy]), "-B", str(new), "-o", target, "-q"]) == 0
    return files


def kernels_do_what_explain_says(case: Case) -> None:
    for form, verdict in case.verdicts.items():
        answer = case.predicted(form)
        assert (answer.verdict == TAKES) == (verdict.btf is not None), (form, answer.reason, verdict)
        assert answer.verdict in (TAKES, REFUSES), form
        assert bool(verdict.reasons) == (verdict.btf is None), (form, verdict)
        # since 7.x (without MODULE_ALLOW_BTF_MISMATCH) such a module is not loaded at all
        assert verdict.loaded == (verdict.btf is not None or not case.kernel.strict), (form, verdict)
    knows = case.kernel.version >= (6, 11)
    taken = {form for form, verdict in case.verdicts.items() if verdict.btf is not None}
    wanted = {"right", "reconciled-distilled", "reconciled-by-value", "reconciled-full"}
    assert taken == wanted | ({"distilled", "kbuild"} if knows else set())


def kernels_show_what_reconcile_writes(case: Case) -> None:
    """To the byte: what the kernel makes of a distilled module, btfkit does by its rules and by the right ones."""
    for form in {"distilled", "kbuild"} & set(case.verdicts):
        split = read_module(str(case.files[form])).split
        assert split is not None
        for rules in ("upstream", "strict"):
            there = reconcile(split, case.kernel.btf, rules=rules).btf
            if case.verdicts[form].btf is not None:
                assert there.to_bytes() == case.verdicts[form].btf, (form, rules)
    shown = case.verdicts["reconciled-distilled"].btf
    assert shown == read_module(str(case.files["reconciled-distilled"])).blob


def types_are_those_of_the_source(case: Case) -> None:
    shown = {form: verdict for form, verdict in case.verdicts.items() if verdict.btf is not None}
    for form, verdict in shown.items():
        demo.check(verdict, case.kernel, form, dumped=form in case.look_at)
    assert len(shown) >= 4


def libbpf_reads_what_the_kernel_shows(case: Case) -> None:
    """Through ELF parsing: libbpf finds `.BTF.base`, reconciles by itself, and comes to the very same types."""
    vmlinux = case.kernel.btf.to_bytes()
    for form in {"distilled", "kbuild", "reconciled-distilled"} & set(case.files):
        found = case.verdicts[form].btf
        status, text = bpftool({"vmlinux": vmlinux, "m.ko": case.files[form].read_bytes()})
        if found is not None:
            assert status == 0, (form, text)
            assert (status, text) == bpftool({"vmlinux": vmlinux, "m.ko": found}), form
            assert "STRUCT 'btfkit_device'" in text
    status, text = bpftool({"vmlinux": vmlinux, "m.ko": case.files["by-value"].read_bytes()})
    assert status != 0, text


def bpftool(files: dict[str, bytes]) -> tuple[int, str]:
    """What bpftool says of the file m.ko on the file vmlinux, as raw text."""
    with workroom() as room:
        for name, data in files.items():
            (room / name).write_bytes(data)
        done = run_inside(["bpftool", "-B", "vmlinux", "btf", "dump", "file", "m.ko"], room)
        return done.returncode, done.stdout.decode(errors="replace")


def the_meaning_is_that_of_the_build(case: Case) -> None:
    """Walked side by side, by code that shares nothing with the passes: the module on the vmlinux of its build, and what the
    kernel shows."""
    built = Btf.from_bytes(read_module(str(case.files["wrong"])).blob, case.wrong.btf)
    for form in ("distilled", "reconciled-distilled", "reconciled-by-value", "reconciled-full"):
        verdict = case.verdicts[form]
        if verdict.btf is not None:
            found = compare(built, verdict.on(case.kernel.btf), contents="none")
            assert found, (form, found.differences[:3])


def kfuncs_can_be_called(case: Case) -> None:
    """A BPF program calls one: the numbers in `.BTF_ids` have gone along."""
    for form, verdict in case.verdicts.items():
        if verdict.loaded:
            assert verdict.said()["kfuncs"] == 0, form
        if form in case.look_at and verdict.btf is not None:
            assert "Return value: 42" in verdict.call, (form, verdict.call)


def other_ids_are_right_once_it_is_reconciled(case: Case) -> None:
    """The kernel renumbers the sets that are registered with it, no other list: in a distilled module the numbers of a
    BTF_ID_LIST are those of the distilled base, whatever kernel it is on."""
    file = case.kernel.btf.find_id("struct file")
    for form in ("right", "reconciled-distilled", "reconciled-full"):
        said, btf = case.verdicts[form].said(), case.verdicts[form].on(case.kernel.btf)
        assert (said["id_of_file"], said["id_of_device"]) == (file, btf.find_id("struct btfkit_device")), form
    for form in {"distilled", "kbuild"} & set(case.verdicts):
        said = case.verdicts[form].said()
        assert said["id_of_file"] != file, form
        assert said["id_of_device"] < len(read_module(str(case.files[form])).split or ()), form
