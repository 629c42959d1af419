"""Move the BTF of a module from the kernel that it was built for to another: distill it, then reconcile it there.

python distill_and_reconcile.py MODULE BUILD_KERNEL OTHER_KERNEL OUTPUT
"""

import sys

import btfkit

path, build_kernel, other_kernel, output = sys.argv[1:]
module = btfkit.load(path, btfkit.load(build_kernel))
distilled = btfkit.distill(module)
print(f"distilled base: {len(distilled.base.to_bytes()):,} bytes")
try:
    result = btfkit.reconcile(distilled.btf, btfkit.load(other_kernel))
except btfkit.ReconcileError as error:
    sys.exit(f"{other_kernel} does not fit: {error}")
with open(output, "wb") as file:
    file.write(result.btf.to_bytes())
print(f"{output}: {len(result.btf.own_ids):,} types on {other_kernel}")
