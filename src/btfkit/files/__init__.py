"""Where BTF comes from and where it goes: ELF, packings, boot images, archives, executables, folders of modules.

Everything here works on bytes and knows no types; `container.open_container` peels a file until the `.BTF` blob shows,
`container.read_objects` finds BPF objects, `modules.module_files` walks over modules, `write.write_atomic` writes.
"""
