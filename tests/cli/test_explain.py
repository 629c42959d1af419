"""`btfkit explain`: what a kernel makes of a module's BTF, in words and as JSON."""

from __future__ import annotations

import json
import lzma
import os
import random
import re
import sys
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.file_ops.explain import release_of
from btfkit.judges.on_kernel import examine, rules_of
from small_modules import elf, kernel, ko, module


def put(path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def ask(tmp_path, capsys):
    """A function: what `explain` says of a module's file on a kernel: (status, text, JSON's part for the kernel)."""

    def run(path: str, *options: str, **how) -> tuple[int, str, dict]:
        target = put(tmp_path / "new", kernel(**how).to_bytes())
        capsys.readouterr()
        status = main(["explain", path, "-B", target, *options])
        text = capsys.readouterr().out
        assert main(["explain", path, "-B", target, *options, "--json"]) == status
        return status, text, json.loads(capsys.readouterr().out)["kernel"]

    return run


@pytest.fixture
def distilled(tmp_path):
    base = kernel()
    old = put(tmp_path / "old", base.to_bytes())
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["distill", path, "-B", old, "--in-place", "-q"]) == 0
    return path


def test_takes_it(ask, distilled, tmp_path) -> None:
    status, text, told = ask(distilled, filler=4)
    assert status == 0
    assert "YES" in text
    assert (told["verdict"], told["knows"], told["upstream"], told["strict"]) == ("takes", "bases", [], [])
    base = kernel()
    plain = put(tmp_path / "plain.ko", ko(module(base), base))
    status, text, told = ask(plain)
    assert status == 0
    assert told["examination"]["built_on_it"] is True
    assert "fits only the vmlinux" in text


def test_size(ask, distilled, tmp_path) -> None:
    status, text, told = ask(distilled, "--built-with", str(tmp_path / "old"), mutex=40, mutex_first="holder")
    assert status == 1
    assert "NO, this kernel rejects" in text
    assert "struct mutex: 32 bytes then, 40 now, held by value in struct my_dev.lock" in text
    assert "member owner is gone" in text
    assert "Build the module for this kernel" in text
    (finding,) = told["upstream"]
    assert (finding["size"], finding["sizes_now"], finding["held_in"]) == (32, [40], "struct my_dev.lock")
    assert finding["changes"][0]["path"] == "owner"


def test_char(ask, distilled) -> None:
    status, text, told = ask(distilled, signed_char=False)
    assert (status, told["verdict"], told["after_reconcile"]) == (1, "refuses", True)
    assert "The strict rules accept char." in text
    assert "btfkit reconcile" in text


def test_kernel_that_knows_no_base(ask, distilled) -> None:
    status, text, told = ask(distilled, knows=False, filler=40)
    assert (status, told["knows"]) == (1, "modules")
    assert "does not support .BTF.base" in text
    assert "It fits after it is reconciled to this kernel." in text
    assert told["after_reconcile"] is True


def test_ambiguous(ask, distilled) -> None:
    status, text, told = ask(distilled, doubled=True)
    assert status == 1
    assert told["upstream"][0]["reason"] == "ambiguous"
    assert "--policy by-value" in text


def test_other_policies(tmp_path, ask) -> None:
    base = kernel()
    old = put(tmp_path / "old", base.to_bytes())
    for policy, told_of in {"by-value": "names and sizes only", "full": "Kernels ignore .BTF.base_minimal"}.items():
        path = put(tmp_path / "m.ko", ko(module(base), base))
        assert main(["distill", path, "-B", old, "--in-place", "-q", "--policy", policy]) == 0
        status, text, told = ask(path, filler=40)
        assert status == 1
        assert told_of in text
        assert told["after_reconcile"] is True


def test_accepted_in_silence(tmp_path, capsys) -> None:
    """All names are the module's own, all references lead to types that are there: the kernel says yes, and `struct file *`
    has become a pointer to a function."""
    built, other = Builder(), Builder()
    built.int("int", 4)
    file = built.struct("file", 8, [])
    built.ptr(file)
    other.int("int", 4)
    assert other.func("open", 3) == file
    other.func_proto(0)
    base, target = built.build(), other.build()
    assert (len(base), len(base.strings)) == (len(target), len(target.strings))
    b = Builder(base)
    b.func("go", b.func_proto(0, [("f", b.ptr(file))]))
    found = examine(b.to_bytes(), target)
    assert (found.takes, found.right) == (True, False)
    path = put(tmp_path / "s.ko", ko(b.to_bytes(), base))
    assert main(["explain", path, "-B", put(tmp_path / "same", base.to_bytes())]) == 0
    capsys.readouterr()
    assert main(["explain", path, "-B", put(tmp_path / "other", target.to_bytes())]) == 1
    assert "without a message" in capsys.readouterr().out


def test_empty_and_broken(ask, tmp_path) -> None:
    base = kernel()
    blob = module(base)
    cases = {
        "none": (elf({".text": b"x", ".modinfo": b""}), "none", "no .BTF section"),
        "empty": (elf({".BTF": b""}), "none", "empty"),
        "cut": (elf({".BTF": blob[:-5]}), "refuses", "truncated file"),
        "head": (elf({".BTF": blob[:10]}), "refuses", ""),
        "zeros": (elf({".BTF": bytes(len(blob))}), "refuses", ""),
        "order": (ko(module(kernel("big")), kernel("big"), "big"), "refuses", "endian"),
        "base": (elf({".BTF": blob, ".BTF.base": blob}), "refuses", ".BTF.base"),
    }
    for name, (data, verdict, told_of) in cases.items():
        status, text, told = ask(put(tmp_path / f"{name}.ko", data))
        assert (status, told["verdict"]) == (1, verdict), name
        assert told_of in text, text


def test_modifiers_of_nothing(ask, tmp_path) -> None:
    base = kernel()
    for make in (Builder.const, Builder.volatile, lambda b, t: b.typedef("t", t), lambda b, t: b.type_tag("user", t)):
        b = Builder(base)
        make(b, 1000)
        status, text, told = ask(put(tmp_path / "m.ko", elf({".BTF": b.to_bytes()})))
        assert (status, told["verdict"]) == (1, "refuses")
        assert "a modifier of a missing type" in text


def test_a_broken_base_on_a_kernel_that_knows_none(ask, tmp_path) -> None:
    """It does not look at it: `.BTF` is all that counts there."""
    base = kernel()
    sections = {".BTF": module(base), ".BTF.base": b"garbage!" * 8}
    path = put(tmp_path / "m.ko", elf(sections))
    assert ask(path)[2]["verdict"] == "refuses"
    old = kernel(knows=False)
    on_old = put(tmp_path / "old.ko", elf({**sections, ".BTF": module(old)}))
    status, text, told = ask(on_old, knows=False)
    assert (status, told["verdict"]) == (0, "takes"), text


def marked(*functions: str, layout: bool = False):
    """A kernel with these functions of its own, and a btf_header with or without a layout."""
    b = Builder(order="little")
    number = b.int("unsigned int", 4)
    members = [("layout_off", number, 0)] if layout else []
    b.struct("btf_header", 32, members)
    proto = b.func_proto(0)
    for name in functions:
        b.func(name, proto)
    return b.build()


def test_rules_are_those_of_the_kernel() -> None:
    """An attribute as a tag, a layout section and a late type tag are taken since 6.15, 7.1 and 7.2."""
    every = ["btf_array_check_meta", "btf_enum64_check_meta", "btf_relocate", "bpf_dynptr_copy"]
    kernels = {
        (6, 0): marked(*every[:2]),
        (6, 12): marked(*every[:3]),
        (6, 15): marked(*every),
        (7, 1): marked(*every, layout=True),
        (7, 2): marked(*every, "btf_check_modifier_chain_length", layout=True),
        None: marked(),
    }
    cases = {
        (6, 15): lambda b: b.decl_tag("bpf_fastcall", b.struct("own", 8), attribute=True),
        (7, 2): lambda b: b.ptr(b.const(b.type_tag("user", 1))),
        (6, 0): lambda b: b.enum64("e", [("A", 1 << 40)]),
        (6, 12): lambda b: b.datasec(".data x", 8, [(1, 0, 4)]),
    }
    for since, make in cases.items():
        for release, base in kernels.items():
            assert rules_of(base) == release
            b = Builder(base)
            make(b)
            assert examine(b.to_bytes(), base).takes == (release is None or release >= since), (since, release)


def test_every_cut_gives_an_answer(tmp_path, capsys) -> None:
    """Any bytes at all: an answer, and never a traceback."""
    base = kernel()
    target = put(tmp_path / "new", base.to_bytes())
    blob = module(base)
    for at in range(0, len(blob), 3):
        for data in (blob[:at], blob[:at] + b"\xff" * 4 + blob[at + 4 :]):
            assert main(["explain", put(tmp_path / "x.ko", elf({".BTF": data})), "-B", target, "--json"]) in (0, 1)
    capsys.readouterr()


def test_kernels(tmp_path, capsys, distilled) -> None:
    tree = tmp_path / "tree"
    put(tree / "debian/12/x86_64/6.1.0.btf.xz", lzma.compress(kernel(knows=False, filler=40).to_bytes()))
    put(tree / "debian/13/x86_64/6.12.1.btf", kernel(filler=2).to_bytes())
    put(tree / "debian/13/x86_64/6.12.9.btf", kernel(filler=3, mutex=48).to_bytes())
    put(tree / "debian/13/s390x/6.12.1.btf", kernel("big").to_bytes())
    put(tree / "vmlinuz-without", b"\0" * 5000)
    put(tree / "my.ko", Path(distilled).read_bytes())
    put(tree / "README", b"text\n")
    assert main(["explain", distilled, "--kernels", str(tree)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == [
        "debian/12/x86_64/6.1.0",
        "debian/13/s390x/6.12.1",
        "debian/13/x86_64/6.12.1",
        "debian/13/x86_64/6.12.9",
    ]
    assert lines[3].split()[1:] == ["accepts", "it", "fits"]
    assert "does not state the architecture" in lines[-1]
    assert lines[-2] == "1 of 4 kernels accept it as it is, 2 after `btfkit reconcile`"
    assert (
        main(["explain", distilled, "--kernels", str(tree), "--json", "-B", str(tree / "debian/13/x86_64/6.12.1.btf")])
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in report["kernels"]] == ["refuses", "refuses", "takes", "refuses"]
    assert [row["after_reconcile"] for row in report["kernels"]] == [True, False, True, False]
    os.makedirs(tmp_path / "bare")
    assert main(["explain", distilled, "--kernels", str(tmp_path / "bare")]) == 3


def test_usage(tmp_path, distilled) -> None:
    assert main(["explain", distilled]) == 2
    assert main(["explain", distilled, "--kernels", str(tmp_path / "nothing")]) == 2
    assert main(["explain", distilled, "-B", str(tmp_path / "nothing")]) == 3
    assert main(["explain", str(tmp_path / "nothing"), "-B", distilled]) == 3


def test_in_one_call(distilled, tmp_path, capsys) -> None:
    """From Python: what the command prints, and more."""
    same = btfkit.load(put(tmp_path / "same", kernel(filler=4).to_bytes()))
    good = btfkit.explain(distilled, same)
    assert good
    assert good.answer.verdict == "takes"
    target = put(tmp_path / "new.btf", kernel(mutex=40).to_bytes())
    found = btfkit.explain(distilled, target, built_with=str(tmp_path / "old"))
    assert not found
    assert repr(found) == f"<{distilled} on {target}: <refuses: {found.answer.reason}>>"
    capsys.readouterr()
    assert main(["explain", distilled, "-B", target, "--built-with", str(tmp_path / "old"), "--all"]) == 1
    assert f"{found}\n" == capsys.readouterr().out
    assert found.as_json()["remedy"] == found.remedy
    rows = btfkit.explain_on_kernels(distilled, str(tmp_path))
    assert {row.path: row.verdict for row in rows}[target] == "refuses"


def test_a_base_that_lacks_names_and_types(tmp_path, capsys) -> None:
    """References and names that lead nowhere are signs, in whatever comes first: no loop relies on them."""
    built, small = Builder(), Builder()
    for number in range(40):
        built.struct(f"a_long_name_{number}", 8, [("x", built.int(f"long_{number}", 8), 0)])
    base = built.build()
    small.int("int", 4)
    target = small.build()
    b = Builder(base)
    name = base.word(base.find_id("a_long_name_39"), 0)
    number = b.int("mine", 8)
    b.struct("holder", 4, [("p", b.ptr(len(base) - 1), 0), ("n", number, 32)])
    blob = bytearray(b.to_bytes())
    at = Btf.from_bytes(blob, base).header.length
    blob[at : at + 4] = name.to_bytes(4, sys.byteorder)  # the INT called like a type of the base
    old, new = put(tmp_path / "old", base.to_bytes()), put(tmp_path / "new", target.to_bytes())
    path = put(tmp_path / "m.ko", ko(bytes(blob), base))
    found = examine(bytes(blob), target)
    assert found.count["name"]
    assert found.count["id"]
    assert not found.takes
    assert main(["explain", path, "-B", new]) == 1
    assert "a name at" in capsys.readouterr().out
    assert main(["distill", path, "-B", new, "-o", str(tmp_path / "out.ko")]) == 3
    assert "not built on" in capsys.readouterr().err
    assert main(["distill", path, "-B", old, "-o", str(tmp_path / "out.ko"), "-q"]) == 0


def test_any_split_on_any_base_is_examined() -> None:
    rng = random.Random(7)
    for _ in range(300):
        _, split = random_split(rng)
        target, _ = random_split(rng)
        found = examine(split.to_bytes(), target)
        assert found.takes == (not found.unreadable and not found.refused)
        assert str(found) or found.right or found.unreadable or found.refused


def random_split(rng: random.Random):
    """A base and a split on it, of a few records each, with references to anything."""
    layers: list[Btf] = []
    for _ in range(2):
        b = Builder(layers[0] if layers else None)
        for _ in range(rng.randrange(1, 12)):
            random_record(rng, b, rng.randrange(b.next_id))
        layers.append(b.build())
    return layers[0], layers[1]


def random_record(rng: random.Random, b: Builder, to: int) -> None:
    name = rng.choice(("a", "long", "much_longer_than_that", "unsigned long"))
    word = rng.choice(("int", "ptr", "const", "typedef", "struct", "var", "array", "func"))
    if word == "int":
        b.int(name, rng.choice((4, 8)))
    elif word in ("ptr", "const"):
        getattr(b, word)(to)
    elif word in ("typedef", "var"):
        getattr(b, word)(name, to)
    elif word == "struct":
        b.struct(name, 8, [("m", to, 0)])
    elif word == "array":
        b.array(to, to, 3)
    else:
        b.func(name, b.func_proto(to, [("p", to)]))


def test_what_is_not_a_module(tmp_path, capsys) -> None:
    """A BTF that needs no base is not a module's, whatever its container; a module's raw BTF is one."""
    base = kernel()
    vmlinux = put(tmp_path / "vmlinux", base.to_bytes())
    for path in (vmlinux, put(tmp_path / "prog.o", elf({".BTF": base.to_bytes(), ".text": b"x"}))):
        assert main(["explain", path, "-B", vmlinux]) == 3
        assert (
            capsys.readouterr().err == f"btfkit: {path}: BTF without a base (a vmlinux or a program?), not a module\n"
        )
    assert main(["explain", put(tmp_path / "m.btf", module(base)), "-B", vmlinux]) == 0
    assert "YES" in capsys.readouterr().out


def for_release(blob: bytes, base: Btf, release: str) -> bytes:
    return elf({".modinfo": f"vermagic={release} SMP mod_unload \0".encode(), ".BTF": blob}, base.byte_order)


def test_releases_and_paths(tmp_path, capsys) -> None:
    """The module's vermagic, the kernel's release by its path, and commands with the paths that were given."""
    base = kernel()
    old = put(tmp_path / "old dir" / "vmlinux", base.to_bytes())
    path = put(tmp_path / "m.ko", for_release(module(base), base, "6.12.57"))
    new = put(tmp_path / "vmlinuz-6.12.117+deb13-amd64", kernel(filler=40).to_bytes())
    assert main(["explain", path, "-B", new]) == 1
    text = capsys.readouterr().out
    assert "built for Linux 6.12.57 (vermagic), this kernel is 6.12.117+deb13-amd64." in text
    assert "Reinstall or rebuild the module for 6.12.117+deb13-amd64, or keep this one and run:" in text
    assert "VMLINUX_IT_WAS_BUILT_WITH" in text
    assert main(["explain", path, "-B", new, "--built-with", old]) == 1
    text = capsys.readouterr().out
    assert f"btfkit distill {path} -B '{old}' --in-place, then" in text
    assert f"btfkit reconcile {path} -B {new} --in-place" in text
    small = put(tmp_path / "6.12.117" / "vmlinux", kernel(mutex=24).to_bytes())
    assert main(["distill", path, "-B", old, "--in-place", "-q"]) == 0
    assert main(["explain", path, "-B", small]) == 1
    assert "Reinstall or rebuild the module for 6.12.117: its code" in capsys.readouterr().out
    assert main(["explain", path, "-B", small, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["kernel"]
    assert (told["built_for"], told["release"]) == ("6.12.57", "6.12.117")
    same = put(tmp_path / "vmlinux-6.12.57", base.to_bytes())
    assert main(["explain", path, "-B", same]) == 0
    assert "(vermagic), as this kernel is." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "release"),
    [
        ("/boot/vmlinuz-6.12.107+deb13-cloud-amd64", "6.12.107+deb13-cloud-amd64"),
        ("hub/6.1.0-47-amd64.btf.tar.xz", "6.1.0-47-amd64"),
        ("/lib/modules/6.12.117/build/vmlinux", "6.12.117"),
        ("vmlinux", ""),
        ("v1.2", ""),
    ],
)
def test_release_of_a_path(path, release) -> None:
    assert release_of(path) == release


def test_copies_by_another_pahole(tmp_path, capsys) -> None:
    """A module with arrays of arrays nested, and kernels with flat ones: only its copies of the kernel's structs do not fit."""

    def fill(b: Builder, mutex: int, *dimensions: int, first: int = 0) -> int:
        element = number = first or b.int("int", 4)
        lock = first + 1 if first else b.struct("mutex", mutex, [("owner", number, 0)])
        for count in reversed(dimensions):
            element = b.array(element, number, count)
        return b.struct("net", 256, [("lock", lock, 0), ("m", element, 512)])

    def kernel_with(mutex: int) -> Btf:
        b = Builder()
        fill(b, mutex, 15)
        return b.build(pointer_size=8)

    base = kernel_with(32)
    b = Builder(base)
    net = fill(b, 32, 5, 3, first=1)
    b.struct("mine", 8, [("net", b.ptr(net), 0)])
    old = put(tmp_path / "old", base.to_bytes())
    new = put(tmp_path / "new", kernel_with(24).to_bytes())
    path = put(tmp_path / "m.ko", ko(b.to_bytes(), base))
    assert main(["distill", path, "-B", old, "--in-place", "-q"]) == 0
    assert main(["explain", path, "-B", new]) == 1
    text = capsys.readouterr().out
    assert "copies of 1 of the kernel's types that contain them (struct net)" in text
    assert f"btfkit dedup {path} -B VMLINUX_IT_WAS_BUILT_WITH --distill --in-place, then" in text
    assert main(["explain", path, "-B", new, "--built-with", old]) == 1
    text = capsys.readouterr().out
    assert "Without these copies it fits." in text
    assert f"btfkit dedup {path} -B {old} --distill --in-place, then" in text
    assert main(["dedup", path, "-B", old, "--distill", "--in-place"]) == 0
    assert "arrays of arrays are now flat" in capsys.readouterr().err
    assert main(["reconcile", path, "-B", new, "--in-place", "-q"]) == 0
    assert main(["explain", path, "-B", new]) == 0


def test_the_release_is_read_from_the_kernel(tmp_path, capsys) -> None:
    """The banner of a vmlinux decides, not its name, which a copy loses."""
    base = kernel()
    module_path = put(tmp_path / "m.ko", for_release(module(base), base, "6.12.57"))
    banner = b"\0Linux version %s\0Linux version 6.12.117+x (builder@host) #1\0"
    vmlinux = put(tmp_path / "6.1.1-name", elf({".rodata": banner, ".BTF": base.to_bytes()}, kind=2))
    main(["explain", module_path, "-B", vmlinux])
    assert "The module was built for Linux 6.12.57 (vermagic), this kernel is 6.12.117+x." in capsys.readouterr().out
    assert btfkit.open(vmlinux).release == "6.12.117+x"
    assert btfkit.open(module_path).release == "6.12.57"
    assert btfkit.open(base.to_bytes()).release == ""


def test_counts_agree_with_each_other(tmp_path, capsys) -> None:
    """No more is wrong than there is."""
    base, other = kernel(), Builder()
    other.int("int", 4)
    path = put(tmp_path / "m.ko", ko(module(base), base))
    assert main(["explain", path, "-B", put(tmp_path / "other", other.to_bytes())]) == 1
    text = capsys.readouterr().out
    types, names = map(int, re.search(r"Of all its (\d+) references? and (\d+) names?, these are wrong", text).groups())
    wrong = [(int(n), noun) for n, noun in re.findall(r"^  (\d+) (reference|name)s? ", text, re.M)]
    assert wrong
    assert sum(n for n, noun in wrong if noun == "reference") <= types
    assert sum(n for n, noun in wrong if noun == "name") <= names
