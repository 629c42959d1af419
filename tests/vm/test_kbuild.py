"""Debian's kbuild with btfkit as its pahole builds a module outside the kernel's tree: its BTF is that of the real pahole, the
kernel takes it, and a BPF program calls its kfunc."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo import KFUNCS
from host import script_of_btfkit, script_of_peer
from judge import Verdict, verdicts
from machine import Kernel, require_kernel, root
from workshop import by_kbuild_with, encoded, resolve_btfids

from btfkit.btf import spec
from btfkit.files.elf import Elf
from encode_classes import Classes, Compared, KernelClasses
from peer_tools import require_peer

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "kfunc.bpf.o"


def as_pahole(host: Path) -> str:
    """A program that kbuild can call as its pahole."""
    return script_of_btfkit(host, "pahole")


def judge(kernel: Kernel, files: dict[str, bytes]) -> dict[str, Verdict]:
    """What the kernel makes of the files; it calls a kfunc of each."""
    found = verdicts(kernel, files, program=PROGRAM.read_bytes(), look_at=list(files))
    for name, verdict in found.items():
        assert verdict.loaded, (name, verdict)
        assert verdict.btf is not None, (name, verdict)
        assert verdict.said()["kfuncs"] == 0, name
        assert "Return value: 42" in verdict.call, (name, verdict.call)
        own = verdict.on(kernel.btf)
        assert all(own.find_id(kfunc) >= own.start_id for kfunc in KFUNCS), name
        tags = {own[i].name for i in own.own_ids if own.kind(i) == spec.DECL_TAG}
        assert tags == ({"bpf_kfunc"} if kernel.version >= (6, 9) else set()), name
    return found


def own_base(file: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """The texts of the types of a module's own base, and of its own types on it."""
    elf = Elf(file, "module")
    base, own = (bytes(elf.btf_section(name) or b"") for name in (".BTF.base", ".BTF"))
    classes = Classes(base)
    return classes.texts(), Classes(own, classes).texts()


def test_612() -> None:
    """kbuild has pahole write .BTF and .BTF.base into the module: identical to those of the pahole that wrote the kernel's."""
    kernel = require_kernel("now")
    ours, text = by_kbuild_with(kernel, as_pahole)
    assert "BTF [M]" in text
    assert "warning" not in text
    theirs, _ = by_kbuild_with(kernel, lambda host: script_of_peer(host, root(), "/usr/bin/pahole"))
    assert own_base(ours) == own_base(theirs)
    assert all(own_base(ours))
    judge(kernel, {"ours": ours, "theirs": theirs})


def test_72() -> None:
    """kbuild has pahole write raw BTF, and resolve_btfids sort and distill it.  pahole 1.32 makes copies of many of the kernel's
    types; what the kernel lacks, as it shows the module's BTF itself, is identical."""
    kernel = require_kernel("new")
    peer = require_peer("pahole")
    ours, text = by_kbuild_with(kernel, as_pahole)
    assert "BTF [M]" in text
    assert "pahole version differs" not in text
    theirs, _ = by_kbuild_with(kernel, lambda host: script_of_peer(host, Path(peer.root or "/"), peer.path))
    assert all(own_base(ours))
    found = judge(kernel, {"ours": ours, "theirs": theirs})
    compared = Compared(KernelClasses(kernel.btf.to_bytes()), found["theirs"].btf or b"", found["ours"].btf or b"")
    assert (compared.only_theirs, compared.only_ours) == ([], [])
    assert set(compared.ours_again) <= set(compared.theirs_again)  # those that have no name, so that no base has them
    assert compared.types[1] <= compared.types[0]


def test_61() -> None:
    """Its scripts take the options of older paholes.  Its headers bring neither vmlinux nor resolve_btfids: here they have the
    BTF of the kernel as `vmlinux`, and 6.12's."""
    kernel = require_kernel("old")
    require_kernel("now")
    ours, text = by_kbuild_with(kernel, as_pahole, f"RESOLVE_BTFIDS={resolve_btfids()}", vmlinux=False)
    assert "BTF [M]" in text
    theirs = encoded(kernel, kernel)
    found = judge(kernel, {"ours": ours, "theirs": theirs})
    compared = Compared(KernelClasses(kernel.btf.to_bytes()), found["theirs"].btf or b"", found["ours"].btf or b"")
    assert (compared.only_theirs, compared.only_ours) == ([], [])
    assert compared.ours_again == []


@pytest.mark.parametrize("role", ["now", "new"])
def test_the_command_in_two_words(role) -> None:
    """`PAHOLE="btfkit pahole"` gives the same bytes as a script that adds the word."""
    kernel = require_kernel(role)
    words, _ = by_kbuild_with(kernel, script_of_btfkit, word="pahole")
    script, _ = by_kbuild_with(kernel, as_pahole)
    assert own_base(words) == own_base(script)
