"""One distilled type, one way to use it, a new base: what both sets of rules make of it (FORMAT.md 7.2, 7.3, 7.5).

Types are written "KIND size", with "bits" for kind_flag (bitfields), "signed" for an INT, "union" for a FWD; all are
called `foo`. The expected answer is the number of the type in the new base that is picked, or the reason of the refusal.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.build import Builder

MISSING, KIND, SIZE, ENCODING, AMBIGUOUS = "missing", "kind-differs", "size-differs", "encoding-differs", "ambiguous"

# distilled, use, new base, upstream, strict
CASES = (
    ("STRUCT 4", "pointer", ("STRUCT 8",), 0, 0),
    ("STRUCT 4", "member", ("STRUCT 8",), SIZE, SIZE),
    ("STRUCT 4", "array", ("STRUCT 8",), SIZE, SIZE),
    ("STRUCT 4", "typedef", ("STRUCT 8",), SIZE, SIZE),
    ("STRUCT 4", "pointer", ("STRUCT 4",), 0, 0),
    ("STRUCT 4", "member", ("STRUCT 4",), 0, 0),
    ("STRUCT 4", "pointer", ("STRUCT 4", "STRUCT 8"), 0, 0),
    ("STRUCT 4", "pointer", ("STRUCT 8", "STRUCT 4"), 1, 1),
    ("STRUCT 4", "member", ("STRUCT 8", "STRUCT 4"), 1, 1),
    ("STRUCT 4", "pointer", ("STRUCT 8", "STRUCT 12"), SIZE, AMBIGUOUS),
    ("STRUCT 4", "pointer", ("STRUCT 4", "STRUCT 4"), AMBIGUOUS, 0),  # equal to the last bit
    ("STRUCT 4", "pointer", ("STRUCT 4", "STRUCT 4 other"), AMBIGUOUS, AMBIGUOUS),
    ("STRUCT 4", "pointer", ("STRUCT 4", "UNION 4"), AMBIGUOUS, 0),
    ("STRUCT 4", "pointer", ("UNION 4", "STRUCT 4"), AMBIGUOUS, 1),
    ("STRUCT 4", "pointer", ("STRUCT 4", "ENUM 4"), AMBIGUOUS, 0),
    ("STRUCT 4", "pointer", ("FWD", "STRUCT 4"), AMBIGUOUS, 1),
    ("STRUCT 4", "member", ("FWD", "STRUCT 4"), 1, 1),
    ("STRUCT 4", "member", ("STRUCT 4", "FWD"), AMBIGUOUS, 0),
    ("STRUCT 4", "pointer", ("UNION 4",), 0, KIND),
    ("STRUCT 4", "pointer", ("UNION 8",), 0, KIND),
    ("STRUCT 4", "pointer", ("FWD",), 0, 0),
    ("STRUCT 4", "pointer", ("FWD union",), 0, KIND),
    ("STRUCT 4", "pointer", ("ENUM 4",), 0, KIND),
    ("STRUCT 4", "pointer", ("INT 4",), 0, KIND),
    ("STRUCT 4", "pointer", ("FLOAT 4",), 0, KIND),
    ("STRUCT 4", "member", ("FWD",), SIZE, KIND),
    ("STRUCT 4", "member", ("UNION 4",), 0, KIND),
    ("STRUCT 4", "pointer", ("STRUCT 4", "ENUM 8"), 0, 0),
    ("STRUCT 4", "pointer", ("ENUM 8",), SIZE, KIND),
    ("STRUCT 4", "variable", ("STRUCT 8",), 0, SIZE),
    ("STRUCT 4", "parameter", ("STRUCT 8",), 0, SIZE),
    ("STRUCT 4", "returned", ("STRUCT 8",), 0, SIZE),
    ("STRUCT 4", "variable", ("STRUCT 4",), 0, 0),
    ("STRUCT 4", "pointer", (), MISSING, MISSING),
    ("UNION 4", "pointer", ("UNION 8",), 0, 0),
    ("UNION 4", "pointer", ("STRUCT 4",), 0, KIND),
    ("UNION 4", "member", ("UNION 8",), SIZE, SIZE),
    ("UNION 4", "pointer", ("FWD union",), 0, 0),
    ("UNION 4", "pointer", ("FWD",), 0, KIND),
    ("FWD", "pointer", ("FWD",), 0, 0),
    ("FWD", "pointer", ("FWD union",), KIND, KIND),
    ("FWD union", "pointer", ("FWD union",), 0, 0),
    ("FWD", "pointer", ("STRUCT 4",), 0, 0),
    ("FWD", "pointer", ("STRUCT 4 bits",), KIND, 0),
    ("FWD", "pointer", ("UNION 4",), KIND, KIND),
    ("FWD", "pointer", ("UNION 4 bits",), 0, KIND),
    ("FWD union", "pointer", ("UNION 4",), KIND, 0),
    ("FWD union", "pointer", ("UNION 4 bits",), 0, 0),
    ("FWD union", "pointer", ("STRUCT 4",), 0, KIND),
    ("FWD union", "pointer", ("STRUCT 4 bits",), KIND, KIND),
    ("FWD", "pointer", ("FWD", "STRUCT 4"), AMBIGUOUS, 0),
    ("FWD", "pointer", ("STRUCT 4", "STRUCT 8"), KIND, AMBIGUOUS),
    ("INT 4", "member", ("INT 4",), 0, 0),
    ("INT 4", "member", ("INT 8",), SIZE, SIZE),
    ("INT 4", "pointer", ("INT 8",), SIZE, SIZE),
    ("INT 4", "member", ("INT 4 signed",), ENCODING, ENCODING),
    ("INT 4", "member", ("INT 4", "INT 4"), AMBIGUOUS, 0),
    ("INT 4", "member", ("FLOAT 4",), KIND, KIND),
    ("INT 4", "member", ("ENUM 4",), KIND, KIND),
    ("FLOAT 8", "member", ("FLOAT 8",), 0, 0),
    ("FLOAT 8", "member", ("FLOAT 4",), SIZE, SIZE),
    ("FLOAT 8", "member", ("INT 8",), KIND, KIND),
    ("ENUM 4", "member", ("ENUM 4",), 0, 0),
    ("ENUM 4", "member", ("ENUM64 4",), 0, 0),
    ("ENUM 8", "member", ("ENUM64 8",), 0, 0),
    ("ENUM 4", "member", ("ENUM 8",), SIZE, SIZE),
    ("ENUM 4", "pointer", ("ENUM 1",), SIZE, SIZE),
    ("ENUM 4", "member", ("ENUM 4", "ENUM 4"), AMBIGUOUS, 0),
    ("ENUM 4", "member", ("STRUCT 4",), KIND, KIND),
    ("ENUM 4", "member", ("STRUCT 4", "ENUM 4"), 1, 1),
)


def add(builder: Builder, text: str, *, bare: bool = False) -> int:
    """Add a type called `foo`; `bare` without members, as in a distilled base."""
    kind, *rest = text.split()
    size = next((int(word) for word in rest if word.isdigit()), 0)
    if kind == "INT":
        return builder.int("foo", size, encoding=spec.INT_SIGNED * ("signed" in rest))
    if kind == "FLOAT":
        return builder.float("foo", size)
    if kind == "FWD":
        return builder.fwd("foo", union="union" in rest)
    if kind in ("ENUM", "ENUM64"):
        values = [] if bare else [("A", 1)]
        return (builder.enum if kind == "ENUM" or bare else builder.enum64)("foo", values, size=size)
    members = [] if bare else [("b" if "other" in rest else "a", 1, 0, *((3,) if "bits" in rest else ()))]
    return (builder.struct if kind == "STRUCT" else builder.union)("foo", size, members)


def use(builder: Builder, how: str, foo: int) -> None:
    """Add own types that use type `foo`."""
    if how == "pointer":
        builder.struct("user", 8, [("p", builder.ptr(foo), 0)])
    elif how == "member":
        builder.struct("user", 8, [("m", foo, 0)])
    elif how == "array":
        builder.struct("user", 8, [("m", builder.const(builder.array(foo, foo, 1)), 0)])
    elif how == "typedef":
        builder.struct("user", 8, [("m", builder.volatile(builder.typedef("foo_t", foo)), 0)])
    elif how == "variable":
        builder.var("user", foo)
    else:
        proto = builder.func_proto(foo) if how == "returned" else builder.func_proto(0, [("a", foo)])
        builder.func("user", proto)


def case(distilled: str, how: str, new: tuple[str, ...], order: str):
    """(split on its distilled base, new base, ids of the types called foo in the new base)."""
    base = Builder(order=order)
    foo = add(base, distilled, bare=True)
    split = Builder(base.build())
    use(split, how, foo)
    target = Builder(order=order)
    target.int("int", 4, encoding=spec.INT_SIGNED)
    ids = [add(target, text) for text in new]
    return split.build(), target.build(), ids
