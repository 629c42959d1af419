"""Cut the BTF of several kernels down to what a program reads, each with proof that its relocations still get the same answers.

python minimize_kernels.py prog.bpf.o OUTPUT_DIRECTORY KERNEL...
"""

import os
import sys

import btfkit

program, output, *kernels = sys.argv[1:]
objects = btfkit.load_objects(program)
os.makedirs(output, exist_ok=True)
for path in kernels:
    vmlinux = btfkit.load(path)
    small = btfkit.minimize(vmlinux, objects, prove=True)  # raises VerificationError
    target = os.path.join(output, os.path.basename(path).partition(".btf")[0] + ".btf")
    blob = small.btf.to_bytes()
    with open(target, "wb") as file:
        file.write(blob)
    print(f"{target}: {len(small.btf) - 1:,} of {len(vmlinux) - 1:,} types, {len(blob):,} bytes")
