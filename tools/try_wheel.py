"""tools/try_wheel.py DATA [FORM]: check that an installed wheel minimizes a kernel's BTF.

DATA is tests/data; FORM is "compiled" (the default) or "plain Python".
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from btfkit.cli import main, version

data, form = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "compiled"
print(version())
assert f"({form} loops" in version(), f"expected {form} loops"
with TemporaryDirectory() as directory:
    kernel = data / "vmlinux-6.12.107+deb13-amd64.btf.xz"
    out = str(Path(directory, "min.btf"))
    assert main(["min", str(kernel), out, str(data / "opensnoop-libbpf.bpf.o")]) == 0
    assert main(["verify", out]) == 0
