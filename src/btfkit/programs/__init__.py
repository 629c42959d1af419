"""What becomes of a BPF program on a kernel: its code, patched by what relocations yield, what of it is reached, where it
attaches, and the verdict."""
