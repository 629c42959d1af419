"""The recipe for DKMS, with Debian's dkms and two of its packages, in the chroot of `make vm`: what it installs is loaded."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from distribution import needed
from host import script_of_btfkit
from judge import verdicts
from machine import PATH, Kernel, folder, inside, kernels, require_kernel, root, run_inside, workroom

import btfkit
from btfkit.btf_file import load
from needs import lacks
from recipes import blocks, put

pytestmark = pytest.mark.slow
MAGIC = b"~Module signature appended~\n"


def packages() -> dict[str, str]:
    """The source packages that tools/vm.sh has fetched, with their versions; skips the test where there are none."""
    try:
        lines = (folder() / "dkms").read_text().split()
    except OSError:
        lines = []
    if not lines:
        lacks("dkms")
    return dict(line.split("/") for line in lines)


class Dkms:
    """DKMS in the chroot, set up as the recipe says, with its folders and the kernels' modules in `room`."""

    def __init__(self, room: Path) -> None:
        self.room = room
        self.tree = room / "tree"
        self.configuration = room / "etc"
        self.modules = room / "modules"
        self.log = ""  # of make, the last time
        self.tree.mkdir()
        self.modules.mkdir()
        (room / "host").mkdir()
        shutil.copytree(root() / "etc" / "dkms", self.configuration)
        self._program("local/sbin/dkms-btf", blocks("dkms.md", "DKMS")[0])
        self._program("local/bin/btfkit", script_of_btfkit(Path(inside(room / "host"))))

    def _program(self, name: str, text: str) -> None:
        path = self.room / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)

    def configure(self, package: str, line: str) -> None:
        """Write a line of the recipe into the file that DKMS reads for that package."""
        (self.configuration / f"{package}.conf").write_text(line)

    def install(self, package: str, version: str, kernel: Kernel, module: str, *, image: bool = True) -> bytes:
        """`dkms install` for a kernel, whose `image` is installed or not; the file that is installed, unpacked."""
        here = self.modules / kernel.release
        if not here.exists():
            self._kernel(kernel, here, image=image)
        binds = {
            self.room / "host": Path("/"),
            root() / "var" / "lib" / "dkms": self.tree,
            root() / "etc" / "dkms": self.configuration,
            root() / "usr" / "local": self.room / "local",
            root() / "usr" / "lib" / "modules": self.modules,
        }
        command = ["dkms", "install", f"{package}/{version}", "-k", kernel.release, "--arch", "x86_64"]
        done = run_inside(command, binds=binds, PATH=f"/usr/local/sbin:/usr/local/bin:{PATH}")
        logs = list((self.tree / package / version).rglob("make.log"))
        log = "".join(path.read_text() for path in logs if kernel.release in path.read_text())
        self.log = log
        print(done.stdout.decode(), log)
        assert done.returncode == 0
        assert "Traceback" not in log
        (path,) = (here / "updates" / "dkms").glob(f"{module}.ko*")
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def _kernel(self, kernel: Kernel, here: Path, *, image: bool) -> None:
        """Its folder as DKMS needs it: the headers, the image where it is kept there, and a module."""
        here.mkdir()
        for path in kernel.modules.iterdir():
            if path.is_symlink():
                (here / path.name).symlink_to(path.readlink())
            elif path.name == "vmlinuz" and image:
                shutil.copy(path, here)
        for path in sorted((kernel.modules / "kernel").rglob("*.ko*"))[:1]:  # DKMS compresses as these are compressed
            (here / "kernel").mkdir()
            shutil.copy(path, here / "kernel")

    def without_signature(self, data: bytes) -> bytes:
        """The module without its signature, after a check that DKMS's key made it for these very bytes."""
        assert data.endswith(MAGIC)
        head, size = data[: -len(MAGIC) - 12], int.from_bytes(data[-len(MAGIC) - 4 : -len(MAGIC)], "big")
        (self.room / "content").write_bytes(head[:-size])
        (self.room / "signature").write_bytes(head[-size:])
        check = ["openssl", "cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in", "signature"]
        check += ["-content", "content", "-certfile", inside(self.tree / "mok.pub"), "-out", "verified"]
        done = run_inside(check, self.room)
        assert done.returncode == 0, done.stdout.decode()
        return head[:-size]


@pytest.fixture
def dkms() -> Iterator[Dkms]:
    packages()
    with workroom() as room:
        yield Dkms(room)


def test_acpi_call(dkms: Dkms, tmp_path: Path) -> None:
    """Signed, compressed as the kernel's modules, and loaded with its BTF: 6.12 and 7.x with a base, 6.1 without."""
    require_kernel("now")
    short, full = blocks("dkms.md", "DKMS", "conf")
    full = full.replace("my/1.0", f"acpi-call/{packages()['acpi-call']}").replace("my.ko", "acpi_call.ko")
    for role in ("now", "new", "old"):
        if role not in kernels():
            continue
        kernel = kernels()[role]
        dkms.configure("acpi-call", short if role != "old" else full)
        data = dkms.install("acpi-call", packages()["acpi-call"], kernel, "acpi_call")
        module = dkms.without_signature(data)
        path = put(tmp_path / "acpi_call.ko", module)
        answer = btfkit.explain(path, kernel.btf)
        assert answer, answer
        assert (b".BTF.base\0" in module) == (role != "old")
        btf = load(path, kernel.btf)
        assert btf.find_id("acpi_proc_write") > len(kernel.btf)
        assert len(btf) - len(kernel.btf) < 100  # 862 on 7.x, as kbuild makes it with another pahole
        verdict = verdicts(kernel, {"acpi_call": data})["acpi_call"]
        assert verdict.loaded, verdict
        assert verdict.on(kernel.btf).find_id("acpi_proc_write") > len(kernel.btf)


def test_a_module_without_dwarf(dkms: Dkms) -> None:
    """The build goes on, and the module keeps the BTF that kbuild made."""
    kernel = require_kernel("now")
    (line,) = blocks("dkms.md", "DKMS", "conf")[0].splitlines()
    dkms.configure("acpi-call", line.replace("&& /usr", "&& objcopy --strip-debug acpi_call.ko && /usr"))
    data = dkms.install("acpi-call", packages()["acpi-call"], kernel, "acpi_call")
    assert "no DWARF" in dkms.log
    assert "dkms-btf: acpi_call.ko stays as it is" in dkms.log
    assert b".BTF.base\0" in dkms.without_signature(data)


def test_v4l2loopback(dkms: Dkms, tmp_path: Path) -> None:
    """For a kernel of which only the headers are installed: the base is their vmlinux."""
    kernel = require_kernel("beside")
    data = v4l2loopback(dkms, kernel, image=False)
    path = put(tmp_path / "v4l2loopback.ko", dkms.without_signature(data))
    assert btfkit.explain(path, kernel.btf)
    btf = load(path, kernel.btf)
    assert btf.find("struct v4l2_loopback_device").size > 0
    assert btf.find_id("v4l2_loopback_write") > len(kernel.btf)
    assert all(
        type_id < len(kernel.btf) for type_id in btf.find_ids("lru_gen_folio")
    )  # no copy, though its arrays differ


def test_v4l2loopback_is_loaded(dkms: Dkms) -> None:
    kernel = require_kernel("beside")
    if not kernel.image.exists():
        lacks("vm-more", f"linux-image-{kernel.release}")
    data = v4l2loopback(dkms, kernel)
    verdict = verdicts(kernel, {"v4l2loopback": data}, before=needed(kernel, data))["v4l2loopback"]
    assert verdict.loaded, verdict
    btf = verdict.on(kernel.btf)
    assert btf.find_id("v4l2_loopback_write") >= btf.start_id
    assert btf.find("struct v4l2_loopback_device").id >= btf.start_id


def v4l2loopback(dkms: Dkms, kernel: Kernel, *, image: bool = True) -> bytes:
    """The package, installed by the recipe for a kernel."""
    if "v4l2loopback" not in packages():
        lacks("vm-more", "v4l2loopback-dkms of sid")
    line = blocks("dkms.md", "DKMS", "conf")[0].replace("acpi_call.ko", "v4l2loopback.ko")
    dkms.configure("v4l2loopback", line)
    return dkms.install("v4l2loopback", packages()["v4l2loopback"], kernel, "v4l2loopback", image=image)
