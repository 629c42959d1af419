"""Show what differs between two kernels in what a program uses: exit status 1 if anything does.

python compare_kernels.py prog.bpf.o OLD_KERNEL NEW_KERNEL
"""

import sys

import btfkit

program, *paths = sys.argv[1:]
objects = btfkit.load_objects(program)
old, new = (btfkit.load(path) for path in paths)
for before, after in zip(btfkit.relocations(objects, old), btfkit.relocations(objects, new), strict=True):
    if before.answer != after.answer:
        print(f"{before.place}: {before.access}: {before.answer} -> {after.answer}")
found = btfkit.diff(old, new, used_by=objects)
for change in found.changed:
    print(f"{change.kind} {change.name} changed")
sys.exit(1 if found.changed or found.removed else 0)
