"""The manifest in the output of an archive, which lets the next run continue.

`.btfkit-manifest.json` records for each kernel the SHA-256 of the files that were read and written, and one digest (`work`) of
the objects, the options and the version of btfkit.  A kernel is skipped only if all of these are unchanged.  The `command` in its
head says whose manifest it is; that of `min --archive` has none.  During a run each
result is also appended to a journal, so that work done before a crash counts; on file systems that cannot append, the manifest
itself is written from time to time.
"""

from __future__ import annotations

import os
from errno import ENOTDIR

from btfkit.errors import FormatError
from btfkit.fleet.store import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO, NotRequired, TypedDict

    from btfkit.fleet.store import Store

    class Record(TypedDict):
        """A kernel in the manifest: its key, SHA-256 of its BTF (`btf`) and, by path, of all files, and counts (`facts`)."""

        key: list[str]
        btf: str
        inputs: dict[str, str]
        etags: NotRequired[dict[str, str]]
        outputs: dict[str, str]
        facts: dict[str, int]


SCHEMA = 1
NAME = ".btfkit-manifest.json"
JOURNAL = ".btfkit-manifest.journal"
EVERY = 20  # seconds between two writes of the manifest without a journal
MAX_SIZE = 1 << 30  # bytes of a manifest; BTFHub's takes 3 MB


class Manifest:
    """`work` is the digest of objects, options and version, `head` the same in plain text (for people and for bundles), and
    `records` are those of the kernels, by stem (of `min --archive`) or by the SHA-256 of their package (of `encode`)."""

    __slots__ = ("head", "records", "work")

    def __init__(self, work: str, head: dict[str, object], records: dict[str, Record] | None = None) -> None:
        self.work = work
        self.head = head
        self.records = records or {}

    def to_bytes(self) -> bytes:
        """JSON, a line for each kernel; the same content gives the same bytes."""
        from json import dumps

        lines = [f"{dumps(stem)}: {dumps(self.records[stem], sort_keys=True)}" for stem in sorted(self.records)]
        head = dumps({"schema": SCHEMA, "work": self.work, **self.head}, indent=1, sort_keys=True)
        return (head[:-2] + ',\n "kernels": {\n' + ",\n".join(lines) + "\n }\n}\n").encode()


def read_manifest(store: Store) -> Manifest | None:
    """The manifest of an output, with the journal of an interrupted run; None if there is none.

    Raises FormatError if it is damaged (the text names the kernel and the part) or of another schema.
    """
    if not store.stamp(NAME) and not store.stamp(JOURNAL):
        return None
    manifest = Manifest("", {})
    if store.stamp(NAME):
        manifest = _read(bytes(store.read(NAME)), store.full(NAME))
    if isinstance(store, Folder) and store.stamp(JOURNAL):
        _replay(manifest, bytes(store.read(JOURNAL)))
    return manifest


def _read(data: bytes, source: str) -> Manifest:
    from json import loads

    if len(data) > MAX_SIZE:
        raise FormatError(f"the manifest is too large: {len(data)} bytes (limit: {MAX_SIZE})", source=source)
    try:
        found = loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the manifest is damaged: {error}", source=source) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise FormatError(f"unsupported schema of the manifest: {schema!r}, expected {SCHEMA}", source=source)
    work, records = found.pop("work", ""), found.pop("kernels", {})
    found.pop("schema")
    if not isinstance(work, str) or not isinstance(records, dict):
        part = "kernels" if isinstance(work, str) else "work"
        raise FormatError(f"the manifest is damaged: {part!r} is not what it should be", source=source)
    facts = _facts_of(found)
    if facts is None:
        raise FormatError(f"a manifest of `btfkit {found['command']}`, which this version does not know", source=source)
    for stem, record in records.items():
        wrong = _wrong(record, facts)
        if wrong:
            raise FormatError(f"the manifest is damaged: kernel {stem!r}: {wrong}", source=source)
    return Manifest(work, found, records)


def _replay(manifest: Manifest, journal: bytes) -> None:
    """Apply the lines of a journal; the first has the digest of the work.  A truncated line ends it."""
    from json import loads

    lines = journal.split(b"\n")
    facts = _facts_of(manifest.head) or ()
    try:
        work = loads(lines[0])
        if not isinstance(work, str):
            return
        if work != manifest.work:  # made with other options: the recorded outputs have to be replaced or removed
            manifest.work = work
            for record in manifest.records.values():
                record["inputs"] = {}
        for line in lines[1:]:
            stem, record = loads(line)
            if isinstance(stem, str) and record is not None and not _wrong(record, facts):
                manifest.records[stem] = record
            elif isinstance(stem, str) and record is None:
                manifest.records.pop(stem, None)
    except (ValueError, TypeError, RecursionError):
        return


def _wrong(record: object, facts: Iterable[str]) -> str:
    """What is wrong with a record with these `facts`: a part that is missing or of another kind, or a file outside the output; ""
    if nothing is."""
    if not isinstance(record, dict):
        return "not a record"
    for name, is_valid in _PARTS.items():
        if name not in record:
            return f"{name!r} is missing"
        if not is_valid(record[name]):
            return f"{name!r} is not what it should be"
    if not _are_texts(record.get("etags", {})):
        return "'etags' is not what it should be"
    if any(type(record["facts"].get(name)) is not int for name in facts):
        return "'facts' is not what it should be"
    outside = next((path for path in record["outputs"] if not _is_inside(path)), None)
    return "" if outside is None else f"the output {outside!r} is outside the directory"


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _is_key(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(isinstance(one, str) for one in value)


COMMAND = "encode"  # in the head of its manifests
FACTS: dict[object, tuple[str, ...]] = {
    None: (
        "types",
        "bytes",
        "input_bytes",
        "modules",
        "relocations",
        "answered",
        "missing",
        "ambiguous",
        "error",
        "misread",
    ),
    COMMAND: ("types", "bytes", "functions", "variables"),
}


def _facts_of(head: dict[str, object]) -> tuple[str, ...] | None:
    """The facts that the records of a manifest have, by the command in its head; None if that is unknown."""
    command = head.get("command")
    return FACTS.get(command) if command is None or isinstance(command, str) else None


_PARTS: dict[str, Callable[[object], bool]] = {
    "key": _is_key,
    "btf": lambda value: isinstance(value, str),
    "inputs": _are_texts,
    "outputs": _are_texts,
    "facts": lambda value: isinstance(value, dict),
}


def _is_inside(path: str) -> bool:
    """Whether a path, as written, stays below its root."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


class Journal:
    """Saves the records of a manifest during a run, and locks the output; without a `store` it does neither.

    Worker processes share the lock, as they may still write when their parent is gone, unless `alone`: only the parent writes.
    Raises OSError if another run has the lock, or if it cannot be written.
    """

    def __init__(self, store: Store | None, manifest: Manifest, *, alone: bool = False) -> None:
        self._alone = alone
        self._store = store
        self._manifest = manifest
        self._file: IO[bytes] | None = None
        self._last = 0.0
        if isinstance(store, Folder):
            self._open(store)

    def _open(self, store: Folder) -> None:
        from json import dumps

        try:
            os.makedirs(store.root, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), store.root) from None
        self._file = open(store.full(JOURNAL), "ab", buffering=0)  # noqa: SIM115
        try:
            _lock(self._file, store.root, self._alone)
            # the journal starts again for this work; its earlier content is in `manifest` already
            store.write(NAME, self._manifest.to_bytes())
            self._file.truncate(0)
            self._file.write(dumps(self._manifest.work).encode() + b"\n")
        except BaseException:
            self._file.close()
            raise

    def add(self, stem: str, record: Record | None) -> None:
        """Save a kernel's record; None removes it."""
        if record is None:
            self._manifest.records.pop(stem, None)
        else:
            self._manifest.records[stem] = record
        if self._store is None:
            return
        if self._file is not None:
            from json import dumps

            try:
                self._file.write(dumps([stem, record]).encode() + b"\n")
            except OSError as error:
                raise OSError(error.errno, error.strerror, self._store.full(JOURNAL)) from None
            return
        from time import monotonic

        if monotonic() - self._last > EVERY:
            self._last = monotonic()
            self._store.write(NAME, self._manifest.to_bytes())

    def records(self) -> Iterable[tuple[str, Record]]:
        """(stem, record) of all kernels of the manifest."""
        return self._manifest.records.items()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        """Write the manifest, and remove the journal."""
        if self._store is None:
            return
        try:
            self._store.write(NAME, self._manifest.to_bytes())
            if self._file is not None:
                os.unlink(self._store.full(JOURNAL))
        finally:
            if self._file is not None:
                self._file.close()


def _lock(file: IO[bytes], root: str, alone: bool) -> None:
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock, lockf
    except ImportError:
        return
    try:
        (lockf if alone else flock)(file, LOCK_EX | LOCK_NB)
    except OSError as error:
        raise OSError(error.errno, "another btfkit is writing there", root) from None


def remove_leftovers(store: Store, paths: Iterable[str]) -> None:
    """Remove temporary files that killed workers left in the directories of `paths`."""
    from btfkit.files.leftovers import remove_leftovers

    if isinstance(store, Folder):
        for directory in {os.path.dirname(path) for path in (*paths, NAME)}:
            remove_leftovers(store.full(directory))
