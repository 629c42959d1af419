#!/usr/bin/env bash
# zstandard 0.25.0 (PyPI): a stream that starts with a skippable frame, as pzstd writes them, cannot be read in one call, and reads as empty in steps.
# Expected: a skippable frame is part of the format and has no content; kernel modules and images (.ko.zst, vmlinuz) that were packed in parallel
# start with one, so `ZstdDecompressor().decompress(data)` gives what follows.
# Seen: decompress() takes the frame's own length (4 bytes in pzstd's) for the size of the content and raises "decompressed 0 bytes; expected 4";
# decompressobj().decompress(data) returns b"" with eof set, without an error.  stream_reader() and copy_stream() read all of it, as does
# backports.zstd 1.1.0's decompress() on the same bytes.
set -euo pipefail
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install zstandard==0.25.0 backports.zstd==1.1.0 2>/dev/null
venv/bin/python - >seen <<'PY'
import io, struct, zstandard
from backports import zstd
frame = zstandard.ZstdCompressor().compress(b"vmlinux" * 1000)
data = struct.pack("<III", 0x184D2A50, 4, len(frame)) + frame  # magic, length, what pzstd puts into it
new = zstandard.ZstdDecompressor
try:
    print("decompress():", len(new().decompress(data)))
except zstandard.ZstdError as error:
    print("decompress():", error)
steps = new().decompressobj()
print("decompressobj():", len(steps.decompress(data)), "bytes, eof", steps.eof)
print("stream_reader():", len(new().stream_reader(io.BytesIO(data)).read()), "bytes")
print("backports.zstd:", len(zstd.decompress(data)), "bytes")
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
decompress(): decompression error: decompressed 0 bytes; expected 4
decompressobj(): 0 bytes, eof True
stream_reader(): 7000 bytes
backports.zstd: 7000 bytes
SEEN
