"""A BPF program on a kernel: its code, patched with the answers to its relocations; what is reached; what it attaches to; the
verdict."""
