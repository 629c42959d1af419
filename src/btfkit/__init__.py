"""btfkit: BTF, the type information of the Linux kernel, from Python."""
