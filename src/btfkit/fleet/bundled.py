"""A bundle as a store of kernels: what `find_kernels` lists for one, and where its kernels are read from."""

from __future__ import annotations

import os

from btfkit.errors import BtfError
from btfkit.fleet.bundle import COMPRESSORS, FORMAT, Bundle
from btfkit.fleet.store import OneFile, is_url, open_store, split_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.fleet.bundle import Entry
    from btfkit.fleet.store import Problem

_HEAD = 1 << 16  # bytes that are read to recognize a bundle


def is_bundle(path: str) -> bool:
    """Whether a regular file of this machine, or any file at a URL, begins as a bundle does."""
    from btfkit.files.compression import FirstStream, sniff

    try:
        if is_url(path):
            directory, name = split_url(path)
            head = bytes(memoryview(open_store(directory).read(name))[:_HEAD])
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                head = file.read(_HEAD)
        else:
            return False
        kind = sniff(head)
        if kind not in COMPRESSORS:
            return False
        first = next(iter(FirstStream(head, path, limit=1 << 24, kind=kind)), b"")
    except (BtfError, OSError):
        return False
    return bytes(first).startswith(FORMAT.encode() + b"\t")


class BundleStore(OneFile):
    """The kernels of the bundle `root`."""

    refusal = "a bundle cannot be changed"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._bundle: Bundle | None = None
        self._entries: dict[str, Entry] = {}

    @property
    def bundle(self) -> Bundle:
        """The bundle, open.  Raises FormatError if it is damaged."""
        if self._bundle is None:
            self._bundle = Bundle.open(self.root)
            self._entries = {str(entry.key): entry for entry in self._bundle.entries}
        return self._bundle

    def is_made_for(self, name: str, digest: str) -> bool:
        """Whether the bundle holds what the object `name` with this SHA-256 reads: its own kernels are whole, or it is listed."""
        objects = self.bundle.objects
        return not objects or any(one == name and digest.startswith(digits) for one, digits in objects)

    def walk(self, problem: Problem) -> Iterator[str]:
        for entry in self.bundle.entries:
            yield from self.paths(entry)

    def paths(self, entry: Entry) -> list[str]:
        """The paths of a kernel, that of the vmlinux first."""
        return [f"{entry.key}/{name}" for name in ("vmlinux", *(name for name, _ in entry.modules))]

    def read(self, path: str) -> bytes:
        key, _, name = path.rpartition("/")
        bundle = self.bundle
        entry = self._entries[key]
        return bundle.blob(entry.blob if name == "vmlinux" else dict(entry.modules)[name])
