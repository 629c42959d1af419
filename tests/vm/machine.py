"""A real kernel as a judge: boots one of Debian's under QEMU with files and a script, and gives back what came out.

`make vm` fetches kernels, their headers and the tools into a throw-away chroot ($VM/root; $VM or ~/.cache/btfkit-vm); this
module boots them there.  Software emulation: a boot takes 4 to 6 seconds, so ask one boot many questions.

    def test_something():
        run = boot(require_kernel("now"), "insmod /in/my.ko; cat /sys/kernel/btf/my > /out/my.btf", {"my.ko": data})
        assert run.status == 0, run
        types = btfkit.load(run.out["my.btf"], ...)

The script runs as root under busybox's sh.  What is in `files` lies in /in, what it leaves in /out comes back; `tools` names
programs of the chroot that it needs besides busybox (`bpftool`, with the libraries it wants).  /proc, /sys, /dev, tracefs,
debugfs and the BPF file system are mounted.  Its standard output and error are `text`, the kernel's messages `console`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from btfkit.btf.btf import Btf
from btfkit.btf_file import load
from needs import lacks

TIMEOUT = 300.0  # seconds for one boot; a busy machine is many times slower than an idle one
MEMORY = 768  # megabytes
PATH = "/vm/bin:/usr/sbin:/usr/bin:/sbin:/bin"

INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /out /sbin /usr/bin /usr/sbin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/tools:/bin:/sbin:/usr/bin:/usr/sbin HOME=/tmp
mount -t tracefs trace /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
cd /tmp
sh /script > /dev/ttyS1 2>&1 < /dev/null
echo $? > /status
dmesg > /messages
tar -c -C / -f - status messages out > /dev/ttyS2
sync
poweroff -f
"""


def folder() -> Path:
    """Where `make vm` puts everything: `$VM`, or ~/.cache/btfkit-vm."""
    return Path(os.environ.get("VM") or os.path.expanduser("~/.cache/btfkit-vm"))


def root() -> Path:
    """The chroot with QEMU, the kernels, their headers and the tools."""
    return folder() / "root"


@dataclass(frozen=True, eq=False)
class Kernel:
    """One of Debian's kernels: its part in the tests, its release (`uname -r`) and its files, below `root`."""

    role: str
    release: str

    @property
    def image(self) -> Path:
        """The vmlinuz."""
        found = [self.modules / "vmlinuz", root() / "boot" / f"vmlinuz-{self.release}"]
        return next((path for path in found if path.exists()), found[0])

    @property
    def modules(self) -> Path:
        """The folder of its modules (/lib/modules/RELEASE)."""
        return root() / "usr" / "lib" / "modules" / self.release

    @property
    def headers(self) -> Path:
        """Where modules are built for it; absent where it serves only as a wrong base."""
        return root() / "usr" / "src" / f"linux-headers-{self.release}"

    @functools.cached_property
    def btf(self) -> Btf:
        """Its vmlinux BTF, out of the vmlinuz or, where there is none, what the headers package brings of vmlinux."""
        return load(str(self.image if self.image.exists() else self.headers / "vmlinux"))

    @functools.cached_property
    def strict(self) -> bool:
        """Whether it refuses a module whose BTF it refuses (no CONFIG_MODULE_ALLOW_BTF_MISMATCH)."""
        places = (self.modules / "config", root() / "boot" / f"config-{self.release}")
        text = next(path for path in places if path.exists()).read_text()
        return "CONFIG_MODULE_ALLOW_BTF_MISMATCH=y" not in text

    @property
    def version(self) -> tuple[int, ...]:
        """(6, 12, 117)"""
        return tuple(int(part) for part in re.findall(r"\d+", self.release)[:3])


def _can_boot() -> bool:
    if not (root() / "usr" / "bin" / "qemu-system-x86_64").exists() or not (folder() / "kernels").exists():
        return False
    return os.geteuid() == 0 and shutil.which("unshare") is not None


@functools.cache
def kernels() -> dict[str, Kernel]:
    """The kernels that are there, by their role: `now`, `before`, `old`, ... (tools/vm.sh tells what is what)."""
    try:
        lines = (folder() / "kernels").read_text().splitlines()
    except OSError:
        return {}
    found = [Kernel(*line.split()) for line in lines if line.strip()]
    return {kernel.role: kernel for kernel in found if kernel.image.exists() or (kernel.headers / "vmlinux").exists()}


def require_kernel(role: str) -> Kernel:
    """The kernel with that role; skips the calling test, with the reason, where it cannot be booted."""
    if not _can_boot():
        lacks("vm")
    if role not in kernels():
        lacks("vm-more", role)
    return kernels()[role]


# ---- commands in the chroot ------------------------------------------------------------------------------------


@contextlib.contextmanager
def workroom() -> Iterator[Path]:
    """A folder below /vm of the chroot, for one piece of work."""
    above = root() / "vm"
    above.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="work-", dir=above))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def inside(path: Path) -> str:
    """A path of `root` as the chroot sees it."""
    return "/" + path.relative_to(root()).as_posix()


def run_inside(
    command: Sequence[str],
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
    *,
    binds: Mapping[Path, Path] | None = None,
    **env: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the chroot, with a /proc of its own that goes away with it; killed with all it started after `timeout`
    seconds (subprocess.TimeoutExpired).

    `binds`: folders of the chroot (as paths of this machine), each with the folder that is seen there meanwhile.
    """
    there = inside(cwd) if cwd is not None else "/"
    words = [
        "env",
        "-i",
        f"PATH={PATH}",
        "HOME=/tmp",
        "LC_ALL=C.UTF-8",
        *(f"{key}={env[key]}" for key in env),
        *command,
    ]
    mounts = [["mount", "-t", "proc", "proc", str(root() / "proc")]]
    mounts += [["mount", "--rbind", str(source), str(place)] for place, source in (binds or {}).items()]
    script = "".join(f"{shlex.join(mount)} && " for mount in mounts) + f"exec chroot {shlex.quote(str(root()))} sh -c "
    script += shlex.quote(f"cd {shlex.quote(there)} && exec {shlex.join(words)}")
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    process = subprocess.Popen(
        enter,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=timeout)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, b"")


def libraries(program: str) -> list[str]:
    """The shared libraries of a program of the chroot, and the loader."""
    text = run_inside(["ldd", program]).stdout.decode()
    return re.findall(r"(/\S+) \(0x", text)


# ---- booting ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What came out of a boot: the script's exit `status` (-1: it did not come to its end) and `text`, the files it left in
    /out, the kernel's messages (`dmesg`), and the `console` from the first line on."""

    status: int
    text: str
    out: dict[str, bytes]
    messages: str
    console: str

    def __str__(self) -> str:
        tail = "\n".join((self.messages or self.console).splitlines()[-30:])
        return f"status {self.status}\n--- script\n{self.text}\n--- kernel\n{tail}"


def boot(
    kernel: Kernel,
    script: str,
    files: Mapping[str, bytes] | None = None,
    *,
    tools: Sequence[str] = (),
    arguments: str = "",
    memory: int = MEMORY,
    timeout: float = TIMEOUT,
) -> Run:
    """Boot `kernel`, run `script` with `files` in /in and power off.

    `tools`: programs of the chroot that the script needs besides busybox; `arguments`: more of the kernel's command line.
    Raises subprocess.TimeoutExpired where it does not power off within `timeout` seconds.
    """
    with workroom() as room:
        _lay(room / "tree", script, files or {}, tools)
        pack = "find . -mindepth 1 | cpio --quiet -o -H newc > ../initramfs"
        done = run_inside(["sh", "-c", pack], room / "tree")
        assert done.returncode == 0, done.stdout
        line = f"console=ttyS0 panic=-1 rdinit=/init net.ifnames=0 {arguments}".strip()
        qemu = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-cpu", "max", "-smp", "1", "-m", str(memory)]
        qemu += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-kernel", inside(kernel.image)]
        qemu += ["-initrd", "initramfs", "-append", line]
        for name in ("console", "text", "out"):
            (room / name).touch()
            qemu += ["-serial", f"file:{name}"]
        done = run_inside(qemu, room, timeout)
        assert done.returncode == 0, f"{shlex.join(qemu)}: {done.stdout.decode(errors='replace')}"
        return _result(room)


def _lay(tree: Path, script: str, files: Mapping[str, bytes], tools: Sequence[str]) -> None:
    """The file system that the kernel starts with."""
    for name in ("bin", "tools", "in", "out", "dev", "tmp"):
        (tree / name).mkdir(parents=True)
    os.mknod(tree / "dev" / "console", 0o20600, os.makedev(5, 1))
    shutil.copy(root() / "usr" / "bin" / "busybox", tree / "bin" / "busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    (tree / "script").write_text(script)
    for name, data in files.items():
        path = tree / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for tool in tools:
        program = shutil.which(tool, path=os.pathsep.join(str(root()) + place for place in PATH.split(":")))
        assert program is not None, f"no {tool} in {root()}"
        shutil.copy(program, tree / "tools" / tool)
        for library in libraries(inside(Path(program))):
            place = tree / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root() / library.lstrip("/"), place)


def _result(room: Path) -> Run:
    console = (room / "console").read_bytes().decode(errors="replace")
    text = (room / "text").read_bytes().decode(errors="replace")
    out: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO((room / "out").read_bytes())) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    out[member.name] = stream.read()
    except tarfile.ReadError:
        pass  # it did not come that far: the console tells
    status = int(out.pop("status", b"-1"))
    messages = out.pop("messages", b"").decode(errors="replace")
    return Run(status, text, {name.removeprefix("out/"): data for name, data in out.items()}, messages, console)
