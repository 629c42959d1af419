"""Bundles: the BTF of thousands of kernels in one small file, found by distro, release, architecture and `uname -r`.

A bundle is a sequence of .xz streams (or zstd frames, or gzip members), so that `xz -dc` unpacks it.  The first stream holds
the index, lines of text; each of the others holds a group of BTFs.  If there is only one group, it follows the index in the
first stream.  Identical BTFs are stored once, similar ones next to each other, and a reader unpacks the index and one group.
docs/bundle-format.md describes the format; `fleet/bundle_write.py` writes it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from btfkit.errors import BtfError, FormatError, LimitError, NotFoundError, UnsupportedError, counted, printable
from btfkit.fleet.keys import Key, canonical_arch, version_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Data

FORMAT = "btfkit-bundle"
END = "end"
VERSION = 1
MAX_GROUP = 256 << 20  # bytes; a reader rejects more
MAX_INDEX = 64 << 20  # bytes; one of 10,000 kernels has 2 MB
MAX_LINES = 1 << 20  # in the index
MAX_KERNELS = 1 << 18
MAX_BUNDLE = 16 << 30
KEPT_GROUPS = 2  # unpacked in memory: that of a vmlinux, and that of its modules
ROOM = 1 << 20  # bytes; small bundles may be unpacked more often
MAX_ROUNDS = 16  # times that `findings` unpacks what the bundle holds
COMPRESSORS = ("xz", "zstd", "gzip")


class Entry:
    """A kernel of a bundle: its `key`, the number of its vmlinux's `blob`, `modules` (name, number) sorted by name, and
    `source`, the first digits of the SHA-256 of the BTF that it was minimized from ("" if unknown)."""

    __slots__ = ("blob", "key", "modules", "source")

    def __init__(self, key: Key, blob: int, modules: Sequence[tuple[str, int]] = (), source: str = "") -> None:
        self.key = key
        self.blob = blob
        self.modules = tuple(modules)
        self.source = source

    def __repr__(self) -> str:
        return f"<Entry {self.key}>"


def origin_digest(objects: Iterable[tuple[str, str]], kernels: Iterable[tuple[Key, str]]) -> str:
    """SHA-256 over the SHA-256 of each object, by name, and of the BTF that each kernel's was minimized from, in the order of the
    index."""
    from hashlib import sha256

    whole = sha256()
    for name, digest in objects:
        whole.update(f"object {encode(name)} {digest}\n".encode())
    for key, digest in kernels:
        whole.update(f"kernel {' '.join(map(encode, key.parts))} {digest or '-'}\n".encode())
    return whole.hexdigest()


def encode(text: str) -> str:
    """A field of the index: UTF-8 bytes that are not printable ASCII, and "%", as %XX; the empty text as "-", and "-" as %2D."""
    if not text or text == "-":
        return "%2D" if text else "-"
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x25 else f"%{byte:02X}" for byte in raw)


def decode(field: str) -> str:
    """The inverse of `encode`; raises ValueError."""
    if field == "-":
        return ""
    if "%" not in field:
        return field
    head, *rest = field.split("%")
    raw = bytearray(head.encode("ascii"))
    for part in rest:
        raw.append(int(part[:2], 16) if len(part) > 1 and part[0] in _HEX and part[1] in _HEX else 1 << 9)
        raw += part[2:].encode("ascii")
    return raw.decode("utf-8", "surrogateescape")


_HEX = "0123456789ABCDEF"


# ---- reading -----------------------------------------------------------------------------------------------------


class Bundle:
    """An open bundle.

    `entries` are its kernels, sorted by key; `tool`, `objects` (name, digits of its SHA-256), `options` and `origin` (a
    SHA-256 over all digests) describe its origin; `sizes` are the bytes of each BTF, `groups` (packed, unpacked) those of the
    groups.  Only the index is unpacked before a BTF is requested, and every number in it is checked.
    """

    def __init__(self, data: Data, source: str) -> None:
        self.source = source
        self.tool = ""
        self.objects: list[tuple[str, str]] = []
        self.options: list[tuple[str, str]] = []
        self.origin = ""
        self.entries: list[Entry] = []
        self.groups: list[tuple[int, int]] = []
        self.sizes: list[int] = []
        self._view = memoryview(data)
        self._starts: list[int] = []  # of each group: the number of its first blob
        self._ends: list[int] = []  # of each blob: where it ends in its group
        self._unpacked: dict[int, bytearray] = {}  # the groups used last
        self._work = 0  # bytes that were unpacked
        self._inline = memoryview(b"")  # the group that follows the index in its stream
        self._begin = 0  # where the next stream begins
        self.compressor = _compressor(self._view, source)
        self._read_index()

    @classmethod
    def open(cls, path: str) -> Bundle:
        """The bundle in a file or at a URL.  Raises FormatError if it is damaged or not a bundle, and OSError."""
        from btfkit.fleet.store import is_url, open_store, split_url

        if is_url(path):
            directory, name = split_url(path)
            return cls(open_store(directory).read(name), path)
        from btfkit.files.container import open_bytes, source_name

        return cls(open_bytes(path), source_name(path))

    def _read_index(self) -> None:
        """Read the first stream: the index, then the group that it says is in the same stream.  Raises FormatError."""
        from btfkit.files.compression import FirstStream

        name = f"{self.source} (index)"
        stream = FirstStream(self._view, name, limit=MAX_INDEX + MAX_GROUP, kind=self.compressor)
        text, rest = _until_end(stream, self.source)
        index = _Index(self)
        index.read(text)
        expected = self.groups[0][1] if self.groups and not self.groups[0][0] else 0
        for piece in stream:
            rest += piece
            if len(rest) > expected:
                break
        if len(rest) != expected:
            what = (
                "unexpected data follows it" if len(rest) > expected else "the group that should follow it is missing"
            )
            raise FormatError(f"the index: {what}", source=self.source)
        self._inline = memoryview(rest)
        self._begin = stream.end
        index.finish()

    def __repr__(self) -> str:
        return f"<Bundle of {counted(len(self.entries), 'kernel')}>"

    @property
    def packed_size(self) -> int:
        """The bytes of the whole bundle."""
        return len(self._view)

    def blob(self, number: int) -> bytes:
        """The BTF of that number; raises FormatError if its group is damaged."""
        group = self._group_of(number)
        content = self._unpacked.pop(group, None)
        if content is None:
            content = self._unpack(group)
            self._work += len(content)
            while len(self._unpacked) >= KEPT_GROUPS:
                del self._unpacked[next(iter(self._unpacked))]
        self._unpacked[group] = content
        end = self._ends[number]
        return bytes(content[end - self.sizes[number] : end])

    def _group_of(self, number: int) -> int:
        """The group with the BTF of that number."""
        return bisect_right(self._starts, number) - 1

    def _unpack(self, group: int) -> bytearray:
        from btfkit.files.compression import first_stream

        begin = self._begin + sum(packed for packed, _ in self.groups[:group])
        packed, unpacked = self.groups[group]
        if not packed:
            return bytearray(self._inline)
        what = f"{self.source} (group {group})"
        data, end = first_stream(self._view[begin : begin + packed], what, limit=unpacked, kind=self.compressor)
        if len(data) != unpacked or end != packed:
            text = f"{end} bytes unpack to {len(data)}; expected {packed} and {unpacked} by the index"
            raise FormatError(text, source=what)
        return data

    def files(self, entry: Entry) -> dict[str, bytes]:
        """A kernel's BTF by name: "vmlinux", and its modules."""
        return {"vmlinux": self.blob(entry.blob)} | {name: self.blob(number) for name, number in entry.modules}

    def findings(self) -> Iterator[str]:
        """Unpack every group, check every BTF once, and yield what is wrong.

        Raises LimitError if modules are so far from their vmlinux that the groups would have to be unpacked again and again.
        """
        from btfkit.btf.btf import Btf
        from btfkit.judges.structure import structure

        seen: set[tuple[int, int]] = set()  # (number, number of its base)

        most = self._work + MAX_ROUNDS * (sum(unpacked for _, unpacked in self.groups) + ROOM)

        def judged(number: int, base: Btf | None, below: int, source: str) -> tuple[Btf | None, list[str]]:
            if self._work > most:
                what = (
                    f"to verify it, its groups would be unpacked more than {MAX_ROUNDS} times: it is made to take long"
                )
                raise LimitError(what, source=self.source)
            try:
                btf = Btf.from_bytes(self.blob(number), base, source=source)
            except BtfError as error:
                return None, [str(error)]
            new = (number, below) not in seen
            seen.add((number, below))
            errors = [finding for finding in structure(btf) if finding.severity == "error"] if new else []
            return btf, [f"{source}: {finding}" for finding in errors]

        for entry in sorted(self.entries, key=lambda entry: entry.blob):
            if (entry.blob, -1) in seen and not entry.modules:
                continue
            name = printable(str(entry.key))
            base, texts = judged(entry.blob, None, -1, name)
            yield from texts
            modules = sorted(entry.modules, key=lambda one: one[1])
            for module, number in modules if base is not None else ():
                if (number, entry.blob) not in seen:
                    yield from judged(number, base, entry.blob, f"{name}({printable(module)})")[1]
        used = {number for entry in self.entries for number in (entry.blob, *(number for _, number in entry.modules))}
        if unused := len(self.sizes) - len(used):
            yield f"{counted(unused, 'BTF')} that no kernel uses"

    def as_json(self) -> dict[str, object]:
        """For JSON: its origin and its kernels."""
        return {
            "tool": self.tool,
            "compressor": self.compressor,
            "bytes": self.packed_size,
            "groups": [{"packed": packed, "unpacked": unpacked} for packed, unpacked in self.groups],
            "btfs": len(self.sizes),
            "objects": [{"name": name, "sha256": digest} for name, digest in self.objects],
            "options": dict(self.options),
            "origin_sha256": self.origin,
            "kernels": [self.entry_as_json(entry) for entry in self.entries],
        }

    def entry_as_json(self, entry: Entry) -> dict[str, object]:
        """A kernel for JSON."""
        return {
            "key": str(entry.key),
            **dict(zip(("distro", "release", "arch", "uname"), entry.key.parts, strict=True)),
            "bytes": self.sizes[entry.blob],
            "btf": entry.blob,
            "source_sha256": entry.source or None,
            "modules": [{"name": name, "bytes": self.sizes[number], "btf": number} for name, number in entry.modules],
        }

    def get(self, key: str) -> Entry:
        """The kernel with the key "distro/release/arch/uname", or with this `uname -r` if that is unique; raises NotFoundError,
        whose text lists the nearest."""
        found = [entry for entry in self.entries if key in (str(entry.key), entry.key.uname)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(printable(str(entry.key)) for entry in found[:4])
            raise NotFoundError(f"several kernels match {printable(key)}: {names}", source=self.source)
        *_, uname = key.split("/")
        nearest = ", ".join(printable(str(entry.key)) for entry in self.nearest(Key("", "", "", uname)))
        raise NotFoundError(f"no kernel {printable(key)}; the nearest: {nearest or 'none'}", source=self.source)

    def nearest(self, key: Key, count: int = 4) -> list[Entry]:
        """The kernels nearest to `key`: of its architecture, by version and distro."""
        arch = canonical_arch(key.arch)
        wanted = version_order(key.uname)
        same = [entry for entry in self.entries if not arch or canonical_arch(entry.key.arch) in (arch, "")]
        ordered = sorted(same, key=lambda entry: (version_order(entry.key.uname), entry.key.order))
        at = bisect_right([version_order(entry.key.uname) for entry in ordered], wanted)

        def distance(pair: tuple[int, Entry]) -> tuple[int, int, int, int]:
            index, entry = pair
            common = _common(version_order(entry.key.uname), wanted)
            home = (entry.key.distro == key.distro) + (entry.key.parts[:2] == key.parts[:2])
            return -min(common, 2), -home, -common, abs(index - at)

        return [entry for _, entry in sorted(enumerate(ordered), key=distance)[:count]]


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """The number of parts that two versions share before they differ."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _compressor(view: memoryview, source: str) -> str:
    from btfkit.files.compression import sniff

    kind = sniff(view[:16])
    if kind not in COMPRESSORS:
        raise FormatError("not a bundle: it does not begin as .xz, zstd or gzip", source=source)
    return kind


def _until_end(stream: Iterable[bytes], source: str) -> tuple[bytes, bytearray]:
    """The lines of the index, up to the one that ends it, and what follows in the last piece read."""
    text = bytearray()
    mark = f"\n{END}\n".encode()
    start = f"{FORMAT}\t".encode()
    for piece in stream:
        searched = max(0, len(text) - len(mark))
        text += piece
        if not start.startswith(text[: len(start)]):
            break
        end = text.find(mark, searched)
        if end > MAX_INDEX or (end < 0 and len(text) > MAX_INDEX):
            raise LimitError(f"the index unpacks to more than {MAX_INDEX} bytes", source=source)
        if end >= 0:
            return bytes(text[: end + 1]), text[end + len(mark) :]
    raise FormatError("not a bundle: its first stream is not an index", source=source)


class _Index:
    """Reads the lines of an index into a `Bundle`, and checks each number before use."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.line = 0
        self.room = 0  # bytes of the group that its blobs leave
        self.offset = 0
        self.modules: list[tuple[str, int]] = []
        self.words: dict[str, str] = {}  # each different field of the keys, once

    def read(self, text: bytes) -> None:
        """Raises FormatError."""
        lines = text.count(b"\n")
        if lines > MAX_LINES:
            raise LimitError(f"the index has {lines} lines (limit: {MAX_LINES})", source=self.bundle.source)
        if text.translate(None, _PRINTABLE):
            raise self._wrong("it is not printable ASCII text")
        at = 0
        for self.line in range(1, lines + 1):
            end = text.index(b"\n", at)
            line = text[at:end].decode("ascii")
            at = end + 1
            if self.line > 1:
                self._take(*line.split("\t", _MOST))
            elif line != f"{FORMAT}\t{VERSION}":
                what = f"unsupported version of the bundle format: {line[:40]!r}"
                raise UnsupportedError(what, source=self.bundle.source)
        self.line = 0

    def _wrong(self, what: str) -> FormatError:
        place = f"line {self.line} of the index: " if self.line else "the index: "
        return FormatError(place + what, source=self.bundle.source)

    def _take(self, word: str, *fields: str) -> None:
        reader = _LINES.get(word)
        if reader is None and word:
            return  # a later version's
        if reader is None:
            raise self._wrong("a line without a word at its start")
        if len(fields) < reader[0]:
            raise self._wrong(f"{word!r} has {len(fields)} fields, expected {reader[0]}")
        try:
            reader[1](self, *fields[: reader[0]])
        except ValueError as error:
            raise self._wrong(f"{word!r}: {error}") from None

    def _tool(self, name: str) -> None:
        self.bundle.tool = decode(name)

    def _option(self, name: str, value: str) -> None:
        self.bundle.options.append((decode(name), decode(value)))

    def _object(self, name: str, digest: str) -> None:
        self.bundle.objects.append((decode(name), digest))

    def _origin(self, digest: str) -> None:
        self.bundle.origin = digest

    def _group(self, packed: str, unpacked: str) -> None:
        if self.room:
            raise self._wrong("the BTFs of the group before do not fill it")
        self.room = _number(unpacked, MAX_GROUP)
        self.offset = 0
        if packed == "0" and self.bundle.groups:
            raise self._wrong("only the first group can follow the index")
        self.bundle.groups.append((_number(packed, MAX_BUNDLE), self.room))
        self.bundle._starts.append(len(self.bundle.sizes))

    def _blob(self, size: str) -> None:
        count = _number(size, MAX_GROUP)
        if count > self.room:
            raise self._wrong("its BTFs are larger than the group")
        if not count:
            raise self._wrong("an empty BTF")
        self.room -= count
        self.offset += count
        self.bundle.sizes.append(count)
        self.bundle._ends.append(self.offset)

    def _kernel(self, distro: str, release: str, arch: str, uname: str, blob: str, source: str) -> None:
        self._end_modules()
        if len(self.bundle.entries) == MAX_KERNELS:
            raise self._wrong(f"more than {MAX_KERNELS} kernels")
        key = Key(self._shared(distro), self._shared(release), self._shared(arch), decode(uname))
        if not key.uname:
            raise self._wrong("a kernel without a `uname -r`")
        self.bundle.entries.append(Entry(key, self._reference(blob), (), "" if source == "-" else source))

    def _shared(self, field: str) -> str:
        word = decode(field)
        return self.words.setdefault(word, word)

    def _module(self, name: str, blob: str) -> None:
        if not self.bundle.entries:
            raise self._wrong("a module before the first kernel")
        plain = decode(name)
        if not plain or "/" in plain or "\0" in plain or plain in (".", "..", "vmlinux"):
            raise self._wrong(f"a module cannot be called {name[:80]}")
        if self.modules and plain <= self.modules[-1][0]:
            raise self._wrong("modules are not sorted, or one is repeated")
        self.modules.append((plain, self._reference(blob)))

    def _reference(self, text: str) -> int:
        return _number(text, len(self.bundle.sizes) - 1)

    def _end_modules(self) -> None:
        if self.modules:
            self.bundle.entries[-1].modules = tuple(self.modules)
            self.modules = []

    def finish(self) -> None:
        """Check what only the whole index and its stream show; raises FormatError."""
        self._end_modules()
        bundle = self.bundle
        if self.room:
            raise self._wrong("the BTFs do not fill the last group")
        if any(one >= other for one, other in pairwise(entry.key.order for entry in bundle.entries)):
            raise self._wrong("kernels are not sorted, or one is repeated")
        whole = bundle._begin + sum(packed for packed, _ in bundle.groups)
        if whole != len(bundle._view):
            what = "truncated" if whole > len(bundle._view) else "unexpected data at the end"
            raise FormatError(f"{what}: {len(bundle._view)} bytes, expected {whole} by the index", source=bundle.source)


_LINES: dict[str, tuple[int, Callable[..., None]]] = {
    "tool": (1, _Index._tool),
    "option": (2, _Index._option),
    "object": (2, _Index._object),
    "origin": (1, _Index._origin),
    "group": (2, _Index._group),
    "blob": (1, _Index._blob),
    "kernel": (6, _Index._kernel),
    "module": (2, _Index._module),
}
_MOST = 1 + max(count for count, _ in _LINES.values())  # fields that are looked at, and one for what follows
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n"


def _number(text: str, most: int) -> int:
    if not (0 < len(text) < 16 and text.isdigit()) or int(text) > most:
        raise ValueError(f"{text[:20]!r} is not a number up to {most}")
    return int(text)
