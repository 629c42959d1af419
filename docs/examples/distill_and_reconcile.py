"""Move a kernel module from the kernel it was built for to another: distill its BTF, then reconcile it there, with proof.

python distill_and_reconcile.py MODULE.ko BUILD_KERNEL OTHER_KERNEL OUTPUT.ko
"""

import sys

import btfkit

module, build_kernel, other_kernel, output = sys.argv[1:]
distilled = btfkit.distill_file(module, build_kernel, output)
print(distilled)
try:
    print(btfkit.reconcile_file(output, other_kernel, in_place=True))
except btfkit.ReconcileError as error:
    sys.exit(f"{other_kernel} does not fit: {error}")
found = btfkit.open(output).btf(btfkit.load(other_kernel))
print(f"{output}: {len(found.own_ids):,} types on {other_kernel}")
