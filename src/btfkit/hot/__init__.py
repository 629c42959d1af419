"""The loops over all types, members or strings of a BTF: ordinary Python over buffers, compiled by Cython.

Nothing here uses a class from the rest of btfkit.  Every argument is a buffer of 32-bit words or of bytes, and the table of
kinds is passed as bytes (`btf/spec.py`, `packed_table`).  Each `.py` runs unchanged when it is not compiled; its `.pxd`
gives Cython the C types, its `.pyi` gives callers the Python types.
"""


def compiled() -> bool:
    """Whether the loops of this installation are compiled (False if any file is plain)."""
    from importlib.machinery import EXTENSION_SUFFIXES
    from os import listdir
    from os.path import dirname

    try:
        files = set(listdir(dirname(__file__)))
    except OSError:  # inside an archive, from which compiled modules cannot be loaded
        return False
    loops = [name[:-4] for name in files if name.endswith(".pyi")]
    return bool(loops) and all(any(name + suffix in files for suffix in EXTENSION_SUFFIXES) for name in loops)
