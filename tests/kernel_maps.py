"""Maps, programs and BTF in the running kernel, for tests: made through bpf(2), gone when they are closed."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from struct import pack

from btfkit.btf.btf import Btf
from btfkit.errors import BtfError
from btfkit.files import running_kernel
from needs import lacks

MAP_CREATE, MAP_UPDATE_ELEM, PROG_LOAD, BTF_LOAD = 0, 2, 5, 18
SOCKET_FILTER = 1
RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")
HASH, ARRAY, PERCPU_ARRAY = 1, 2, 6


def _call(command: int, attributes: bytes) -> int:
    return running_kernel.system_call(command, bytearray(attributes))


def demand_kernel() -> None:
    """Skip the calling test if the kernel cannot be asked."""
    try:
        list(running_kernel.ids("btf"))
        os.close(_call(MAP_CREATE, pack("=IIIII", ARRAY, 4, 4, 1, 0).ljust(72, b"\0")))
    except (BtfError, OSError) as error:
        lacks("load", str(error))


def load_btf(btf: Btf) -> int:
    """A file descriptor of BTF in the kernel."""
    blob = ctypes.create_string_buffer(btf.to_bytes("little"), len(btf.to_bytes()))
    return _call(BTF_LOAD, pack("=QQIIII", ctypes.addressof(blob), 0, len(blob), 0, 0, 0))


@contextlib.contextmanager
def kernel_map(
    kind: int, key_size: int, value_size: int, entries: list[tuple[bytes, bytes]], *, btf: Btf | None = None,
    key: int = 0, value: int = 0, name: bytes = b"btfkit_test",
) -> Iterator[int]:  # fmt: skip
    """The id of a map with entries; `key` and `value` are types of `btf`."""
    handles = []
    try:
        btf_fd = 0
        if btf is not None:
            handles.append(load_btf(btf))
            btf_fd = handles[0]
        attributes = pack("=IIIII", kind, key_size, value_size, max(1, len(entries)), 0)
        attributes += pack("=II16sIIII", 0, 0, name, 0, btf_fd, key, value)
        fd = _call(MAP_CREATE, attributes.ljust(72, b"\0"))
        handles.append(fd)
        for raw_key, raw_value in entries:
            one, other = (ctypes.create_string_buffer(raw, len(raw)) for raw in (raw_key, raw_value))
            _call(MAP_UPDATE_ELEM, pack("=IIQQQ", fd, 0, ctypes.addressof(one), ctypes.addressof(other), 0))
        info = bytearray(256)
        running_kernel._information(fd, info)
        yield int.from_bytes(info[4:8], "little")
    finally:
        for handle in handles:
            os.close(handle)


@contextlib.contextmanager
def kernel_program(btf: Btf, function: int) -> Iterator[int]:
    """The id of a program that returns 0; `function` is the type of its only function."""
    code, license, functions = (
        ctypes.create_string_buffer(raw, len(raw)) for raw in (RETURN_0, b"GPL\0", pack("=II", 0, function))
    )
    handles = [load_btf(btf)]
    try:
        attributes = pack(
            "=IIQQIIQII", SOCKET_FILTER, 2, ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0, 0, 0
        )
        attributes += pack("=16sIIIIQII", b"btfkit_test", 0, 0, handles[0], 8, ctypes.addressof(functions), 1, 0)
        handles.append(_call(PROG_LOAD, attributes.ljust(144, b"\0")))
        info = bytearray(256)
        running_kernel._information(handles[1], info)
        yield int.from_bytes(info[4:8], "little")
    finally:
        for handle in handles:
            os.close(handle)
