#!/usr/bin/env bash
# backports.zstd 1.1.0 and lz4 4.4.5 (PyPI): a decompressor with needs_input False may return nothing, and want input after all.
# Expected, when a kernel image or a .ko.zst is unpacked in steps of a bounded size (max_length): needs_input False means that output is
# waiting, so that an empty result is the end of the data or damage.  Readers that stop there call a valid stream cut short.
# Seen: if a step's output ends just where the decoder's buffered output does, needs_input is False, the next call returns b"" and sets it to
# True, and the rest of the stream follows.  Only `eof`, or the end of the input, is the end.
set -euo pipefail
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install backports.zstd==1.1.0 lz4==4.4.5 2>/dev/null
venv/bin/python - >seen <<'PY'
import lz4.frame
from backports import zstd

def steps(decompressor, packed, piece, most):
    at = out = empty = 0
    while not decompressor.eof:
        wanted = decompressor.needs_input
        part = packed[at : at + piece] if wanted else b""
        at += len(part)
        got = len(decompressor.decompress(part, max_length=most))
        out += got
        empty += not wanted and not got and not decompressor.eof and decompressor.needs_input
    return out, empty

random = __import__("random").Random(7)  # noise and runs, as in a kernel image
data = b"".join(random.randbytes(3000) + bytes([n]) * 131_072 for n in range(12))
for name, packed, make in (
    ("zstd", zstd.compress(data), zstd.ZstdDecompressor),
    ("lz4", lz4.frame.compress(data), lz4.frame.LZ4FrameDecompressor),
):
    out, empty = steps(make(), packed, 100, 65536)
    print(f"{name}: all {len(data)} bytes: {out == len(data)}; a step that promised output gave none: {empty > 0}")
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
zstd: all 1608864 bytes: True; a step that promised output gave none: True
lz4: all 1608864 bytes: True; a step that promised output gave none: True
SEEN
