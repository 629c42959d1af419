#!/usr/bin/env bash
# CPython (ctypes, `_anonymous_`): an anonymous member whose own anonymous member has the same field name replaces it.
# Versions: CPython 3.11.7.
# Expected: the names in `_anonymous_` are private to a class: {int; struct {struct {int x}; int y}} works whatever they are called.
# Seen: the fields of the inner structure, its placeholder "_0" included, become attributes of the outer class while `_anonymous_` is being
# worked through; a later "_0" of the outer class is then looked up as that attribute, and y, or the class, is lost.
set -euo pipefail
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 - >seen <<'PY'
import ctypes


def made(first, second):
    inner = type("inner", (ctypes.Structure,), {"_fields_": [(second, ctypes.c_ubyte * 0), ("x", ctypes.c_int)]})
    other = type("other", (ctypes.Structure,), {"_fields_": [("y", ctypes.c_int)]})
    body = {"_anonymous_": [first, "_1"], "_fields_": [(first, inner), ("_1", other)]}
    try:
        outer = type("outer", (ctypes.Structure,), body)
        return f"x at {outer.x.offset}, y at {outer.y.offset}"
    except AttributeError as error:
        return f"AttributeError: {error}"


print("different names:", made("_0", "_a"))
print("equal names:", made("_0", "_1"))
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
different names: x at 0, y at 4
equal names: AttributeError: type object 'c_ubyte_Array_0' has no attribute '_fields_'
SEEN
