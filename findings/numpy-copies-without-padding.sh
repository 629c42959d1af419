#!/usr/bin/env bash
# NumPy (`np.ascontiguousarray`, `.copy()`, fancy indexing): a copy of records with a struct dtype lacks the bytes that are in no field.
# Versions: NumPy 2.4.6 (CPython 3.11 and later).
# Expected: a copy has the same bytes, as a memcpy of a C struct has; what no field names, such as the bit-fields of a C struct (which NumPy
# has no dtype for), can then be computed from the bytes of a copy.
# Seen: NumPy copies field by field and leaves the rest as the new memory happens to be, so bit-fields of a selection are garbage without any
# error.  A view with a plain `V8` dtype copies all.
set -euo pipefail
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install numpy==2.4.6 2>/dev/null
venv/bin/python - >seen <<'PY'
import numpy as np

data = bytes.fromhex("01000000 aabbccdd" "02000000 aabbccdd") * 2
dtype = np.dtype({"names": ["a"], "formats": ["<u4"], "offsets": [0], "itemsize": 8})  # bit-fields at 4..7
records = np.frombuffer(data, dtype)


def rest(array):
    return {bytes(array.view(np.uint8).reshape(-1, 8)[i, 4:]).hex() for i in range(len(array))} == {"aabbccdd"}


into = np.zeros(2, dtype)  # known memory, so that the result is the same each time
into[:] = records[::2]
print("as it was read:", rest(records))
print("assigned to records of zeros:", rest(into))
raw = np.ascontiguousarray(records.view("V8")[::2])
print("copied as V8:", rest(raw))
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
as it was read: True
assigned to records of zeros: False
copied as V8: True
SEEN
