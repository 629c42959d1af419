"""The loops over all types, members or strings of a BTF: ordinary Python over buffers, compiled by Cython.

Nothing here knows a class of the rest of btfkit; every argument is a buffer of 32-bit words or of bytes, and the table of
kinds comes in as bytes (`btf/spec.py`, `packed_table`).  Each `.py` runs unchanged where nothing was compiled; the `.pxd`
beside it gives Cython the C types.
"""


def compiled() -> bool:
    """Whether the loops of this installation are compiled (all of them: one plain file makes it False)."""
    from importlib import import_module
    from os.path import basename

    names = (  # a line each, so that two that come at once do not collide
        "append",
        "c_layout",
        "c_order",
        "c_sort",
        "c_text",
        "compact",
        "graph",
        "names",
        "odd",
        "pairs",
        "permute",
        "rebase",
        "scan",
        "search",
        "text",
    )
    return all(not basename(import_module(f"btfkit.hot.{n}").__file__ or ".py").endswith(".py") for n in names)
