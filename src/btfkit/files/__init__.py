"""Input and output of BTF: ELF, compression, boot images, archives, executables, directories of modules.

Everything here works on bytes and knows no types.  `container.open_container` finds the `.BTF` blob in a file,
`container.read_objects` finds BPF objects, `modules.module_files` finds modules, `write.write_atomic` writes.
"""
