"""Writing a bundle (see `fleet/bundle.py`): identical BTFs once, similar ones next to each other, and the same bytes for the same
content."""

from __future__ import annotations

from itertools import pairwise

from btfkit.errors import AmbiguousError, UnsupportedError, printable
from btfkit.fleet.bundle import (
    COMPRESSORS,
    END,
    FORMAT,
    MAX_GROUP,
    MAX_INDEX,
    MAX_KERNELS,
    MAX_LINES,
    VERSION,
    Entry,
    encode,
    origin_digest,
)
from btfkit.fleet.keys import Key, canonical_arch, version_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


GROUP = 8 << 20  # bytes of an unpacked group, unless one BTF alone is larger
SHORT = 6  # hexadecimal digits of a short digest


class Content:
    """The content of a bundle: kernels with their BTF and its origin.

    `tool` made it for `objects` (name, SHA-256) with `options` (name, value), those that are not defaults.
    """

    def __init__(
        self, tool: str = "", objects: Iterable[tuple[str, str]] = (), options: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.tool = tool
        self.objects = list(objects)
        self.options = list(options)
        self.blobs: list[bytes] = []
        self._entries: dict[Key, Entry | None] = {}  # None: two that differ
        self._numbers: dict[bytes, int] = {}

    @property
    def entries(self) -> list[Entry]:
        """The kernels, sorted by key."""
        return sorted(
            (entry for entry in self._entries.values() if entry is not None), key=lambda entry: entry.key.order
        )

    def add(self, key: Key, vmlinux: bytes, modules: Iterable[tuple[str, bytes]] = (), source: str = "") -> None:
        """Add a kernel, the BTF of its modules by name, and the SHA-256 (hexadecimal) of the BTF it was minimized from, if known.

        Raises AmbiguousError if there is a kernel of that name with other BTF; then both are skipped.
        """
        numbers = [(name, self._number(blob)) for name, blob in sorted(modules)]
        for (name, _), (other, _) in pairwise(numbers):
            if name == other:
                raise AmbiguousError(f"two modules called {printable(name)}", source=str(key))
        new = Entry(key, self._number(vmlinux), numbers, source)
        first = self._entries.setdefault(key, new)
        if first is None or (first.blob, first.modules) != (new.blob, new.modules):
            self._entries[key] = None
            raise AmbiguousError("two kernels of this name with different BTF: both are skipped", source=str(key))

    def _number(self, blob: bytes) -> int:
        from hashlib import sha256

        number = self._numbers.setdefault(sha256(blob).digest(), len(self.blobs))
        if number == len(self.blobs):
            if len(blob) > MAX_GROUP:
                raise UnsupportedError(f"a BTF of {len(blob)} bytes is too large for a bundle (limit: {MAX_GROUP})")
            self.blobs.append(blob)
        return number


def make_bundle(content: Content, *, compressor: str = "xz", full_digests: bool = False) -> bytes:
    """The bundle of `content`: always the same bytes for the same content, in whatever order it was added.

    `compressor` is one of COMPRESSORS.  With `full_digests` the whole SHA-256 of each kernel and object is stored, not only the
    first 6 digits; one SHA-256 over all of them is always included.
    """
    entries = content.entries
    order = _storage_order(entries)
    place = {number: position for position, number in enumerate(order)}
    groups = _grouped([content.blobs[number] for number in order])
    inline = len(groups) == 1  # then it follows the index in its stream
    packed = [] if inline else [_pack(b"".join(blobs), compressor) for blobs in groups]
    lines = list(_head_lines(content, entries, full_digests))
    for number, blobs in enumerate(groups):
        lines.append(f"group\t{0 if inline else len(packed[number])}\t{sum(map(len, blobs))}")
        lines += (f"blob\t{len(blob)}" for blob in blobs)
    for entry in entries:
        source = (entry.source if full_digests else entry.source[:SHORT]) or "-"
        parts = "\t".join(map(encode, entry.key.parts))
        lines.append(f"kernel\t{parts}\t{place[entry.blob]}\t{source}")
        lines += (f"module\t{encode(name)}\t{place[number]}" for name, number in entry.modules)
    index = "".join(line + "\n" for line in (*lines, END)).encode("ascii")
    if len(index) > MAX_INDEX or len(lines) > MAX_LINES or len(entries) > MAX_KERNELS:
        limits = f"{MAX_KERNELS:,} kernels, {MAX_LINES:,} lines and {MAX_INDEX:,} bytes in the index"
        raise UnsupportedError(f"{len(entries):,} kernels are too many for one bundle (limits: {limits}): make several")
    return b"".join((_pack(index + b"".join(groups[0]) if inline else index, compressor), *packed))


def _storage_order(entries: Sequence[Entry]) -> list[int]:
    """The numbers of the blobs, those of similar kernels next to each other: by architecture, then by version."""
    similar = sorted(entries, key=_likeness)
    numbers = [number for entry in similar for number in (entry.blob, *(number for _, number in entry.modules))]
    return list(dict.fromkeys(numbers))


def _likeness(entry: Entry) -> tuple[object, ...]:
    return canonical_arch(entry.key.arch), version_order(entry.key.uname), entry.key.order


def _grouped(blobs: Iterable[bytes]) -> list[list[bytes]]:
    groups: list[list[bytes]] = []
    size = GROUP
    for blob in blobs:
        if size + len(blob) > GROUP:
            groups.append([])
            size = 0
        groups[-1].append(blob)
        size += len(blob)
    return groups


def _head_lines(content: Content, entries: Sequence[Entry], full_digests: bool) -> Iterator[str]:
    yield f"{FORMAT}\t{VERSION}"
    yield f"tool\t{encode(content.tool)}"
    for name, value in sorted(content.options):
        yield f"option\t{encode(name)}\t{encode(value)}"
    objects = sorted(content.objects)
    yield f"origin\t{origin_digest(objects, ((entry.key, entry.source) for entry in entries))}"
    for name, digest in objects:
        yield f"object\t{encode(name)}\t{digest if full_digests else digest[:SHORT]}"


def _pack(data: bytes, compressor: str) -> bytes:
    """One stream.

    The window is as small as the data, to save a reader memory; the check is the one that every reader of .xz supports.
    With lc=2 and pb=0 BTF gets 2 % smaller than with xz's defaults.
    """
    if compressor == "xz":
        import lzma

        window = max(4096, len(data))
        options = {"preset": 9 | lzma.PRESET_EXTREME, "lc": 2, "pb": 0, "dict_size": window}
        return lzma.compress(data, check=lzma.CHECK_CRC32, filters=[{"id": lzma.FILTER_LZMA2, **options}])
    if compressor == "zstd":
        from btfkit.files.compression import pack_zstd

        window = max(10, min(27, len(data).bit_length()))
        return pack_zstd(data, 22, window_log=window, checksum=True, source="bundle")
    if compressor == "gzip":
        from zlib import compressobj

        codec = compressobj(9, wbits=31)
        return codec.compress(data) + codec.flush()
    raise ValueError(f"compressor {compressor!r}: expected one of {', '.join(COMPRESSORS)}")
