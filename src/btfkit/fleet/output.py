"""The output of a run over many kernels: what an earlier run left there, whether that is still right, and how files get there.

Used by `minimize_archive` and `encode_packages`; the manifest itself is `manifest`.
"""

from __future__ import annotations

from btfkit import log
from btfkit.errors import FormatError, UnsupportedError
from btfkit.fleet.manifest import read_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from btfkit.files.elf import Data
    from btfkit.fleet.manifest import Journal, Manifest, Record
    from btfkit.fleet.store import Store

PACKINGS = ("none", "xz", "zst", "gz", "tar.xz")
_KINDS = {"xz": "xz", "tar.xz": "xz", "zst": "zstd", "gz": "gzip"}


class OutputError(OSError):
    """The output cannot be written (disk full, no permission), which ends the run."""


def previous(store: Store, manifest: Manifest, notes: list[str], inputs: str) -> dict[str, Record]:
    """The records of an earlier run, which `manifest` adopts; those made with other `inputs` ("objects") or options only to be
    replaced, which `notes` get a sentence about.

    Raises UnsupportedError if the output is that of another command.
    """
    try:
        earlier = read_manifest(store)
    except FormatError as error:
        notes.append(f"{error}; everything is made again, and other existing files stay")
        return {}
    if earlier is None or not earlier.records:
        return {}
    if earlier.head.get("command") != manifest.head.get("command"):
        raise UnsupportedError(
            f"it has the output of `btfkit {earlier.head.get('command', 'min --archive')}`, whose files would be mixed with"
            " others: choose another directory",
            source=store.full(""),
        )
    if earlier.work != manifest.work:
        what = f"with other {inputs} or options"
        if earlier.head.get("tool") != manifest.head["tool"]:
            what = f"by {earlier.head.get('tool')}"
        notes.append(f"the existing output was made {what}: everything is made again")
        for record in earlier.records.values():
            record["inputs"] = {}
    manifest.records.update(earlier.records)
    return earlier.records


def remove_obsolete(store: Store, journal: Journal, made: dict[str, Record], before: dict[str, Record]) -> list[str]:
    """Remove the files that the records `before` have and those `made` now do not, and return their paths."""
    removed: list[str] = []
    current = {path for record in made.values() for path in record["outputs"]}
    for stem in sorted(before):
        for path in sorted(set(before[stem]["outputs"]) - current):
            if store.stamp(path):
                store.remove(path)
                removed.append(path)
        if stem not in made:
            journal.add(stem, None)
    return removed


def is_current(record: Record, paths: Collection[str], inputs: Store, store: Store) -> bool:
    """Whether the files `paths` of `inputs` are those of a record, and its outputs exist in `store`, byte for byte."""
    from hashlib import sha256

    recorded = record["inputs"]
    if set(recorded) != set(paths):
        return False
    try:
        if any(sha256(store.read(path)).hexdigest() != digest for path, digest in record["outputs"].items()):
            return False
        if record.get("etags") and record["etags"] == _etags({path: inputs.stamp(path) for path in recorded}):
            log.info("%s: unchanged by the stamps of the store, not made again", ", ".join(recorded))
            return True
        same = all(sha256(inputs.read(path)).hexdigest() == digest for path, digest in recorded.items())
        log.info("%s: %s", ", ".join(recorded), "unchanged, not made again" if same else "changed")
        return same
    except OSError:
        return False


def _etags(stamps: dict[str, str]) -> dict[str, str]:
    """The stamps of files, if all of them depend on the content: those of object stores, and of some web servers."""
    from btfkit.fleet.store import ETAG

    return stamps if all(stamp.startswith(ETAG) for stamp in stamps.values()) else {}


def packed(kind: str, path: str, blob: bytes) -> bytes:
    """The BTF `blob` compressed as `kind`, one of PACKINGS; in a tar it is the file NAME.btf of PATH/NAME.btf.tar.xz."""
    how = _KINDS.get(kind)
    if how is None:
        return blob
    from btfkit.files.compression import pack
    from btfkit.files.tar import single_member

    if kind == "tar.xz":
        blob = single_member(path.rpartition("/")[2].removesuffix(".tar.xz"), blob)
    return pack(blob, how, path)


def write(store: Store, outputs: dict[str, bytes], before: Iterable[str]) -> None:
    """Write the files `outputs`, and remove others of those `before`, written by an earlier run.  Raises OutputError."""
    try:
        for path, data in outputs.items():
            store.write(path, data)
        for path in set(before) - set(outputs):
            store.remove(path)
    except OSError as error:
        raise OutputError(error.errno, error.strerror or str(error), error.filename) from None


class Reader:
    """Reads files of a store, keeps the SHA-256 of each, and notices if a file changes meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.digests: dict[str, str] = {}
        self._stamps: dict[str, str] = {}

    def read(self, path: str) -> Data:
        """The bytes of a file."""
        from hashlib import sha256

        self._stamps[path] = self._store.stamp(path)
        data = self._store.read(path)
        self.digests[path] = sha256(data).hexdigest()
        return data

    @property
    def etags(self) -> dict[str, str]:
        """The stamps, if all of them depend on the content."""
        return _etags(self._stamps)

    def demand_unchanged(self) -> None:
        """Raise FormatError if a file has changed since it was read."""
        for path, stamp in self._stamps.items():
            if self._store.stamp(path) != stamp:
                raise FormatError("it changed while it was read: run the command again", source=self._store.full(path))
