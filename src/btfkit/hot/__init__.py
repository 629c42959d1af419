"""The loops over all types, members or strings of a BTF: ordinary Python over buffers, compiled by Cython.

Nothing here knows a class of the rest of btfkit; every argument is a buffer of 32-bit words or of bytes, and the table of
kinds comes in as bytes (`btf/spec.py`, `packed_table`).  Each `.py` runs unchanged where nothing was compiled; the `.pxd`
beside it gives Cython the C types, the `.pyi` gives callers theirs.
"""


def compiled() -> bool:
    """Whether the loops of this installation are compiled (all of them: one plain file makes it False)."""
    from importlib.machinery import EXTENSION_SUFFIXES
    from os import listdir
    from os.path import dirname

    try:
        files = set(listdir(dirname(__file__)))
    except OSError:  # within an archive, from which nothing compiled can be loaded
        return False
    loops = [name[:-4] for name in files if name.endswith(".pyi")]
    return bool(loops) and all(any(name + suffix in files for suffix in EXTENSION_SUFFIXES) for name in loops)
