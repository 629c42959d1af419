"""An atlas as a store of kernels: what `find_kernels` lists for one, and where its kernels are read from."""

from __future__ import annotations

from btfkit.atlas.file import Atlas
from btfkit.errors import NotFoundError, UnsupportedError
from btfkit.fleet.keys import Key
from btfkit.fleet.store import OneFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.atlas.file import Entry
    from btfkit.fleet.store import Problem

MOST_WORDS = 1 << 25  # of records in memory, before what was read is forgotten


def key_of_entry(entry: Entry) -> Key:
    """The key of a kernel in an atlas."""
    return Key(*entry.parts)


class AtlasStore(OneFile):
    """The kernels of the atlas `root`."""

    refusal = "kernels are added to an atlas by `btfkit atlas add`"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._atlas: Atlas | None = None
        self._entries: dict[str, Entry] = {}
        self._modules: tuple[str, dict[str, bytes]] = "", {}  # of the kernel that was asked for last

    @property
    def atlas(self) -> Atlas:
        """The atlas, open.  Raises what `Atlas.open` does."""
        if self._atlas is None:
            self._atlas = Atlas.open(self.root)
            self._entries = {entry.key: entry for entry in self._atlas.entries}
        return self._atlas

    @property
    def entries(self) -> dict[str, Entry]:
        """The kernels by key."""
        _ = self.atlas
        return self._entries

    def walk(self, problem: Problem) -> Iterator[str]:
        for entry in self.entries.values():
            yield from self.paths(entry)

    def paths(self, entry: Entry) -> list[str]:
        """The paths of a kernel, that of the vmlinux first."""
        return [f"{entry.key}/vmlinux", *(f"{entry.key}/{name}" for name in self.atlas.module_names(entry))]

    def read(self, path: str) -> bytes | memoryview:
        key = next((key for key in self._keys_of(path)), None)
        if key is None:
            raise NotFoundError("no such kernel in the atlas", source=self.full(path))
        entry, name = self.entries[key], path[len(key) + 1 :]
        self.atlas.forget_beyond(MOST_WORDS)
        if name == "vmlinux":
            return self.atlas.read(entry)
        if self._modules[0] != key:
            self._modules = key, dict(self.atlas.modules(entry))
        return self._modules[1][name]

    def _keys_of(self, path: str) -> Iterator[str]:
        """The keys of kernels whose files may be at `path`: a module's name may contain a slash."""
        while path:
            path = path.rpartition("/")[0]
            if path in self.entries:
                yield path

    def remove(self, path: str) -> None:
        raise UnsupportedError("an atlas keeps its kernels", source=self.root)
