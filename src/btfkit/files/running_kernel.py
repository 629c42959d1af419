"""The BPF objects of the running kernel, through the bpf(2) system call: BTF, programs and maps by their ids, and the values
of maps.

Everything here needs CAP_SYS_ADMIN (CAP_BPF for some).  Layout of the structs: include/uapi/linux/bpf.h; kernels may know
fewer fields, which then are 0.
"""

from __future__ import annotations

import os
from errno import ENOENT, ENOSYS, EPERM
from struct import pack, pack_into, unpack_from

from btfkit.btf.btf import Btf
from btfkit.errors import NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# enum bpf_cmd
MAP_LOOKUP_ELEM, MAP_GET_NEXT_KEY, OBJ_GET_INFO_BY_FD = 1, 4, 15
NEXT_ID = {"prog": 11, "map": 12, "btf": 23}
FD_BY_ID = {"prog": 13, "map": 14, "btf": 19}
SYSCALLS = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "s390x": 351,
    "ppc64le": 361,
    "ppc64": 361,
}
PERCPU = (5, 6, 10, 21)  # types of maps with a value for each CPU (enum bpf_map_type)
POSSIBLE = "/sys/devices/system/cpu/possible"
INFO_SIZE = 256  # bytes of a struct with information; the kernel has fewer
MAX_BTF = 1 << 26  # bytes; the kernel's own limit is 16 MiB


class KernelBtf:
    """A BTF of the kernel: `id`, `name` ("vmlinux", a module's, or "" for a program's), `size` in bytes, `is_kernel` (not a
    program's)."""

    __slots__ = ("blob", "id", "is_kernel", "name", "size")

    def __init__(self, id: int, name: str, size: int, is_kernel: bool, blob: bytes) -> None:
        self.id = id
        self.name = name
        self.size = size
        self.is_kernel = is_kernel
        self.blob = blob


class KernelMap:
    """A map: `type` (enum bpf_map_type), sizes in bytes, and the ids of its BTF and of the types of keys and values in it
    (0: none)."""

    __slots__ = (
        "btf_id",
        "id",
        "key_size",
        "key_type_id",
        "max_entries",
        "name",
        "type",
        "value_size",
        "value_type_id",
    )

    def __init__(self, info: bytes) -> None:
        self.type, self.id, self.key_size, self.value_size, self.max_entries = unpack_from("=5I", info)
        self.name = _text(info[24:40])
        self.btf_id, self.key_type_id, self.value_type_id = unpack_from("=3I", info, 64)

    @property
    def is_percpu(self) -> bool:
        """Whether it has a value for each CPU."""
        return self.type in PERCPU


def system_call(command: int, attributes: bytearray) -> int:
    """bpf(2) with `attributes`, which it may change; raises OSError, UnsupportedError if it is missing or not permitted."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    found: int = libc.syscall(ctypes.c_long(syscall_number()), command, buffer, len(attributes))
    if found >= 0:
        return found
    error = ctypes.get_errno()
    if error == EPERM:
        raise UnsupportedError("only root (CAP_SYS_ADMIN) can ask the kernel for its BPF objects")
    if error == ENOSYS:
        raise UnsupportedError("this kernel has no bpf(2) system call")
    raise OSError(error, os.strerror(error))


def syscall_number() -> int:
    """The number of bpf(2) on this machine; raises UnsupportedError if there is none."""
    uname = getattr(os, "uname", None)
    system, machine = (uname().sysname, uname().machine) if uname is not None else (os.name, "")
    if system != "Linux":
        raise UnsupportedError(f"only Linux has the bpf system call, this is {system}")
    if machine not in SYSCALLS:
        raise UnsupportedError(f"the number of the bpf system call is unknown for {machine}")
    return SYSCALLS[machine]


def ids(kind: str) -> Iterator[int]:
    """The ids of all objects of a kind ("prog", "map", "btf"), ascending."""
    last = 0
    while True:
        attributes = bytearray(pack("=III", last, 0, 0))
        try:
            system_call(NEXT_ID[kind], attributes)
        except OSError as error:
            if error.errno == ENOENT:
                return
            raise
        last = unpack_from("=I", attributes, 4)[0]
        yield last


class _Handle:
    """A file descriptor of an object, closed at the end of a `with`."""

    def __init__(self, kind: str, id: int) -> None:
        try:
            self.fd = system_call(FD_BY_ID[kind], bytearray(pack("=III", id, 0, 0)))
        except OSError as error:
            if error.errno == ENOENT:
                raise NotFoundError(f"the kernel has no {kind} with id {id}") from None
            raise

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *error: object) -> None:
        os.close(self.fd)


def _information(fd: int, info: bytearray) -> None:
    """Have the kernel fill `info` (BPF_OBJ_GET_INFO_BY_FD)."""
    import ctypes

    buffer = (ctypes.c_char * len(info)).from_buffer(info)
    system_call(OBJ_GET_INFO_BY_FD, bytearray(pack("=IIQ", fd, len(info), ctypes.addressof(buffer))))


def kernel_btf(id: int, *, content: bool = True) -> KernelBtf:
    """A BTF by its id, with its bytes (`blob`) if `content` is wanted; raises NotFoundError."""
    import ctypes

    with _Handle("btf", id) as fd:
        name = bytearray(64)
        names = (ctypes.c_char * len(name)).from_buffer(name)
        info, blob = bytearray(40), bytearray(0)
        for size in (0, MAX_BTF) if content else (0,):
            if size:
                size = min(size, unpack_from("=I", info, 8)[0])
                blob = bytearray(size)
                info = bytearray(40)
                pack_into("=QI", info, 0, ctypes.addressof((ctypes.c_char * size).from_buffer(blob)), size)
            pack_into("=QI", info, 16, ctypes.addressof(names), len(name))
            _information(fd, info)
    size, found, _, _, is_kernel = unpack_from("=IIQII", info, 8)
    return KernelBtf(found, _text(name), size, is_kernel != 0, bytes(blob))


def load_kernel_btf(id: int) -> Btf:
    """The BTF with an id, a module's on that of the kernel; raises NotFoundError."""
    found = kernel_btf(id)
    base = None
    if found.is_kernel and found.name != "vmlinux":
        vmlinux = next((other for other in ids("btf") if kernel_btf(other, content=False).name == "vmlinux"), None)
        if vmlinux is not None:
            base = load_kernel_btf(vmlinux)
    return Btf.from_bytes(found.blob, base, source=f"BTF {id} of the kernel")


def program_btf_id(id: int) -> int:
    """The id of the BTF of a program, 0 if it has none; raises NotFoundError."""
    with _Handle("prog", id) as fd:
        info = bytearray(INFO_SIZE)
        _information(fd, info)
    found: int = unpack_from("=I", info, 128)[0]
    return found


def kernel_map(id: int) -> KernelMap:
    """A map by its id; raises NotFoundError."""
    with _Handle("map", id) as fd:
        info = bytearray(INFO_SIZE)
        _information(fd, info)
    return KernelMap(bytes(info))


def entries(found: KernelMap) -> Iterator[tuple[bytes, list[bytes]]]:
    """The key of each entry of a map, and its value, or that for each CPU; entries that vanish meanwhile are skipped."""
    import ctypes

    size = (found.value_size + 7) // 8 * 8 if found.is_percpu else found.value_size
    count = possible_cpus() if found.is_percpu else 1
    key, following, value = bytearray(found.key_size), bytearray(found.key_size), bytearray(max(1, size * count))
    at_key, at_following, at_value = (
        ctypes.addressof((ctypes.c_char * len(one)).from_buffer(one)) for one in (key, following, value)
    )
    with _Handle("map", found.id) as fd:
        for number in range(2 * found.max_entries + 1024):  # a map that changes meanwhile may begin again and again
            if not _ask(MAP_GET_NEXT_KEY, fd, at_key if number else 0, at_following):
                return
            key[:] = following
            if _ask(MAP_LOOKUP_ELEM, fd, at_key, at_value):
                parts = [bytes(value[size * cpu : size * cpu + found.value_size]) for cpu in range(count)]
                yield bytes(key), parts


def _ask(command: int, fd: int, key: int, result: int) -> bool:
    """Whether there is an answer."""
    try:
        system_call(command, bytearray(pack("=IIQQQ", fd, 0, key, result, 0)))
    except OSError as error:
        if error.errno == ENOENT:
            return False
        raise
    return True


def possible_cpus() -> int:
    """The number of CPUs that the kernel may have: values of per-CPU maps have so many parts."""
    with open(POSSIBLE, encoding="ascii") as file:
        return int(file.read().strip().rpartition("-")[2].rpartition(",")[2]) + 1


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).partition(b"\0")[0].decode("utf-8", "surrogateescape")
