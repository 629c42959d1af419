"""The cost of each policy of `distill`, and the changes of a kernel that it detects: the table in docs/distill.md.

    python bench/detection.py VMLINUX RAW_MODULE_BTF_DIRECTORY [STEP]     every STEPth module (1: all, some minutes)

Each change is made to a copy of the kernel, in `struct device` or `enum irqreturn`; the table shows how many modules are
rejected.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections import Counter
from collections.abc import Callable

from btfkit.btf.btf import Btf
from btfkit.btf.emit import Frame
from btfkit.btf_file import load
from btfkit.passes.distill import POLICIES, distill
from btfkit.passes.rebase import NameIndex
from btfkit.passes.reconcile import ReconcileError, reconcile

RULES = {  # rules, and which changed definitions they reject
    "strict": ("strict", "embedded"),
    'strict, contents="all"': ("strict", "all"),
    "upstream": ("upstream", "embedded"),
}


def changes(old: Btf) -> dict[str, NameIndex]:
    """A copy of the kernel for each change."""
    device, irqreturn = old.locate(old.find("struct device").id)[1], old.locate(old.find("enum irqreturn").id)[1]
    names = [member.name for member in old.find("struct device").members]  # type: ignore[attr-defined]
    first, second = (device + 3 + 3 * names.index(name) for name in ("driver_data", "platform_data"))

    def removed(words: array[int]) -> None:
        words[device] = old.string_offsets(b"kobj")[0]

    def grown(words: array[int]) -> None:
        words[device + 2] += 8

    def moved(words: array[int]) -> None:
        words[first + 2], words[second + 2] = words[second + 2], words[first + 2]

    def retyped(words: array[int]) -> None:
        words[first + 1] = old.find("long unsigned int").id

    def valued(words: array[int]) -> None:
        words[irqreturn + 3 + 2 * 1 + 1] += 4

    def edited(edit: Callable[[array[int]], None]) -> NameIndex:
        words = array("I", bytes(old.words))
        edit(words)
        return NameIndex(Frame(old.byte_order, source=edit.__name__).emit(words, old.strings))

    return {
        "struct removed": edited(removed),
        "struct grown by 8 bytes": edited(grown),
        "member moved, size unchanged": edited(moved),
        "member has another type": edited(retyped),
        "value of an enumerator changed": edited(valued),
    }


def main(kernel: str, folder: str, step: int = 1) -> None:
    old = load(kernel)
    kernels = changes(old)
    names = sorted(os.listdir(folder))[::step]
    types, size, refused = Counter[str](), Counter[str](), Counter[tuple[str, str, str]]()
    uses: Counter[str] = Counter()
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            split = Btf.from_bytes(file.read(), old, source=name)
        for policy in POLICIES:
            small = distill(split, policy)
            types[policy] += len(small.base) - 1
            size[policy] += len(small.base.blob)
            if policy == "distilled":
                uses.update(
                    what for what in ("struct device", "enum irqreturn") if small.base.find_id(what) is not None
                )
            for change, index in kernels.items():
                for how, (rules, contents) in RULES.items():
                    try:
                        reconcile(small.btf, index, rules, contents=contents)
                    except ReconcileError:
                        refused[policy, change, how] += 1
    print(f"{len(names):,} modules; " + ", ".join(f"{count:,} refer to {what}" for what, count in uses.items()))
    for how in RULES:
        policies = POLICIES if how != "upstream" else POLICIES[:1]
        print(f"\n{how}\n\n| | {' | '.join(f'`{policy}`' for policy in policies)} |\n|---|{'---|' * len(policies)}")
        for what, count in (("types in the base, on average", types), ("its size in bytes", size)):
            print(f"| {what} | " + " | ".join(f"{count[policy] / len(names):,.1f}" for policy in policies) + " |")
        for change in kernels:
            print(f"| {change} | " + " | ".join(f"{refused[policy, change, how]:,}" for policy in policies) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
