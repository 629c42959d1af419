"""What each policy of `distill` costs, and which changes of a kernel it detects: the tables of docs/distill.md.

python bench/detection.py VMLINUX FOLDER_OF_RAW_MODULE_BTF [STEP]      every STEPth module (1: all)
"""

import glob
import sys
from array import array
from collections import Counter

from btfkit.btf.btf import Btf
from btfkit.files.load import load
from btfkit.passes.distill import distill
from btfkit.passes.rebase import NameIndex, blob
from btfkit.passes.reconcile import ReconcileError, reconcile

old = load(sys.argv[1])


def edit(f):
    words = array("I", bytes(old.words))
    f(words)
    return NameIndex(Btf.from_bytes(blob("little", words.tobytes(), bytes(old.strings)), source="edited"))


dev = old.find_id("device", "STRUCT")
at = old.locate(dev)[1]
names = [m.name for m in old[dev].members]
i = names.index("driver_data")
j = names.index("platform_data")
ulong = old.find_id("long unsigned int", "INT")
en = old.find_id("irqreturn", "ENUM")
eat = old.locate(en)[1]


def moved(w):
    a, b = at + 3 + 3 * i + 2, at + 3 + 3 * j + 2
    w[a], w[b] = w[b], w[a]


def retyped(w):
    w[at + 3 + 3 * i + 1] = ulong


def enum(w):
    w[eat + 3 + 2 * 1 + 1] += 4


def grown(w):
    w[at + 2] += 8


def removed(w):
    w[at] = old.string_offsets(b"kobj")[0]


changes = {
    "member moved": moved,
    "member retyped": retyped,
    "struct grown": grown,
    "struct removed": removed,
    "enum value": enum,
}
idx = {k: edit(f) for k, f in changes.items()}
step = int(sys.argv[3]) if len(sys.argv) > 3 else 1
mods = sorted(glob.glob(sys.argv[2] + "/*.btf"))[::step]
n = 0
uses = 0
euses = 0
held = 0

det = Counter()
types = Counter()
size = Counter()
base = Counter()
for p in mods:
    s = Btf.from_bytes(open(p, "rb").read(), old, source=p)  # noqa: SIM115
    n += 1
    for pol in ("distilled", "by-value", "full"):
        d = distill(s, pol)
        types[pol] += len(d.base) - 1
        size[pol] += len(d.base.to_bytes())
        if pol == "distilled":
            u = d.base.find_id("device", "STRUCT") is not None
            e = d.base.find_id("irqreturn", "ENUM") is not None
            uses += u
            euses += e
        for k, x in idx.items():
            for rules, contents in (("upstream", "embedded"), ("strict", "embedded"), ("strict", "all")):
                try:
                    reconcile(d.btf, x, rules, contents=contents)
                except ReconcileError:
                    det[pol, k, rules, contents] += 1
                    if pol == "distilled" and k == "struct grown" and rules == "strict" and contents == "embedded":
                        held += 1
print("modules", n, "use device", uses, "held", held, "enum", euses)
for pol in ("distilled", "by-value", "full"):
    print(pol, types[pol] / n, size[pol] / n)
for k, v in sorted(det.items()):
    print(k, v)
