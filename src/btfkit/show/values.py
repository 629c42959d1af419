"""Records in a file of bytes, one after the other, and their texts in three styles.

`Places` states where the records are: by the size of their type, by a member that has the size of each, from an offset on
that a header may have.  A member can state what each record is (`Variants`), as in perf.data.
"""

from __future__ import annotations

from btfkit.btf.decode import type_id_of
from btfkit.btf.shapes import sized_shape
from btfkit.errors import FormatError, NotFoundError, counted, printable
from btfkit.values.shape import NOWHERE, Composite
from btfkit.values.value import Record, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.files.parts import Parts
    from btfkit.values.libbpf_text import LibbpfText
    from btfkit.values.shape import Data, Shape

STYLES = ("libbpf", "bpftool", "json")
AT_ONCE = 1 << 20  # bytes of records that are read together
HEADER = "$header."  # before a path in the header


class Places:
    """Where records are in data.

    `start` and `length` are bytes (None: all that follow), `skip` and `count` numbers of records (None: all), `size_member`
    is a member of each record that has its size in bytes.
    """

    __slots__ = ("count", "length", "size_member", "skip", "start")

    def __init__(
        self,
        *,
        start: int = 0,
        length: int | None = None,
        skip: int = 0,
        count: int | None = None,
        size_member: str = "",
    ) -> None:
        self.start = start
        self.length = length
        self.skip = skip
        self.count = count
        self.size_member = size_member


class Variants:
    """What each record is, by its `member`: the struct that is called as the enumerator of that value, in lower case.

    `shapes` has the struct of each number, `names` the enumerator.  `only` (names or numbers) limits the records to these.
    """

    __slots__ = ("member", "names", "only", "shapes")

    def __init__(self, btf: Btf, member: str, enums: Sequence[str], only: Sequence[str] = ()) -> None:
        self.member = member
        self.names: dict[int, str] = {}
        self.shapes: dict[int, Shape] = {}
        for name in enums:
            found = btf.enum(name.removeprefix("enum "))
            for enumerator in found:
                self.names.setdefault(enumerator.value, enumerator.name)
        for number, name in self.names.items():
            struct = next(btf.find_ids(name.lower(), "STRUCT"), None)
            if struct is not None:
                self.shapes[number] = sized_shape(btf, struct)
        numbers = {name: number for number, name in self.names.items()}
        self.only = {
            numbers[word] if word in numbers else _number(word, f"enumerator of {', '.join(enums)}") for word in only
        }


def _number(word: str, what: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise NotFoundError(f"no {what} called {printable(word)!r}, and not a number") from None


def header_number(btf: Btf, header: str | None, data: Parts, word: str) -> int:
    """A number, or `$header.path` in the type `header` at the beginning of the data; raises NotFoundError and FormatError."""
    if not word.startswith(HEADER):
        return _number(word, "value")
    if header is None:
        raise NotFoundError(f"{word}: there is no header")
    shape = sized_shape(btf, type_id_of(btf, header))
    value: Any = value_of(shape, *data.part(0, shape.size))
    for name in word[len(HEADER) :].split("."):
        if not isinstance(value, Record):
            raise NotFoundError(f"{word}: {printable(name)} is not a member of a struct")
        value = value[name]
    if not isinstance(value, int):
        raise NotFoundError(f"{word}: not a number")
    return int(value)


def records(shape: Shape, data: Parts, places: Places, variants: Variants | None = None) -> Iterator[Found]:
    """The records in `data`, in order.

    After the last complete record, raises FormatError if bytes of another one follow, or if a size makes no sense.
    """
    at, there = places.start, data.size
    end = there if places.length is None else at + places.length
    if at < 0 or (end is not None and at > end) or (there is not None and end is not None and end > there):
        is_after = there is not None and at > there
        what = f"byte {at} is after the end of data" if is_after else f"bytes {at} to {end} of data"
        raise FormatError(f"{what} that has {there}", offset=max(0, min(at, there or 0)))
    reader = _Reader(shape, data, places.size_member, end, together=not places.size_member and variants is None)
    skip, left = places.skip, places.count
    if reader.many > 1 and skip:
        skip = skip if end is None else min(skip, (end - at) // shape.size)
        at += skip * shape.size
        skip = 0
    while left != 0 and (found := reader.next(at, left)) is not None:
        at += found.count * found.size
        if skip:
            skip -= 1
        elif variants is None or found.becomes(variants):
            yield found
            left = None if left is None else left - found.count


class _Reader:
    """Reads records up to the byte `end` (None: of a pipe); `together`: `many` at a time, because all have one size."""

    __slots__ = ("data", "end", "many", "member", "shape")

    def __init__(self, shape: Shape, data: Parts, member: str, end: int | None, *, together: bool) -> None:
        if member and not isinstance(shape, Composite):
            raise NotFoundError(f"{shape.cast} has no members, so none that has its size")
        if not shape.size:
            raise FormatError(f"{shape.cast}: a record of 0 bytes")
        self.shape = shape
        self.data = data
        self.member = member
        self.end = end
        self.many = max(2, AT_ONCE // shape.size) if together else 1

    def _part(self, at: int, size: int, least: int) -> tuple[Data, int, int]:
        most = size if self.end is None else min(size, self.end - at)
        return self.data.part(at, most, min(least, most))

    def next(self, at: int, most: int | None) -> Found | None:
        """The next records, at most so many; None at the end.  Raises FormatError for one that is cut short."""
        if self.end is not None and at >= self.end:
            return None
        size = self.shape.size
        many = self.many if most is None else min(self.many, most)
        data, place, there = self._part(at, size * many, size)
        if not there and self.end is None:
            return None
        if there >= size and self.member:
            assert isinstance(self.shape, Composite)
            size = int(Record(self.shape, data, place)[self.member])
            if size < self.shape.size:
                what = f"{self.member} is {size}, expected at least the size of {self.shape.cast}, {self.shape.size}"
                raise FormatError(f"a record that is too short: {what}", offset=at)
            data, place, there = self._part(at, size, size)
        if there < size:
            what = f"expected {counted(size, 'byte')}, found {there}"
            raise FormatError(f"the last record is cut short: {what}", offset=at)
        return Found(self.shape, data, place, size, there // size)


class Found:
    """A record: its `shape`, and its `size` bytes from `at` on in `data`; or `count` of them, one after the other."""

    __slots__ = ("at", "count", "data", "shape", "size")

    def __init__(self, shape: Shape, data: Data, at: int, size: int, count: int = 1) -> None:
        self.shape = shape
        self.count = count
        self.data = data
        self.at = at
        self.size = size

    def places(self) -> Iterator[tuple[int, int]]:
        """(where it begins, where a flexible array ends or NOWHERE) of each record."""
        has_rest = self.size > self.shape.size
        for at in range(self.at, self.at + self.count * self.size, self.size) if self.size else [self.at] * self.count:
            yield at, at + self.size if has_rest else NOWHERE

    def values(self) -> Iterator[Any]:
        """The value of each record, as `btfkit.decode` returns it."""
        return (value_of(self.shape, self.data, at, self.size) for at, _ in self.places())

    def becomes(self, variants: Variants) -> bool:
        """Make it the struct that its member states; returns whether it is wanted.  What a record lacks of that struct is
        zero."""
        assert isinstance(self.shape, Composite)
        number = int(Record(self.shape, self.data, self.at)[variants.member])
        shape = variants.shapes.get(number)
        if shape is not None:
            if shape.size > self.size:
                self.data = bytes(self.data[self.at : self.at + self.size]).ljust(shape.size, b"\0")
                self.at, self.size = 0, shape.size
            self.shape = shape
        return not variants.only or number in variants.only


def texts(found: Iterable[Found], style: str, libbpf: LibbpfText | None = None) -> Iterator[bytes]:
    """The text of records in one of the STYLES, in parts; `libbpf` has the options of that style."""
    if style == "json":
        return _json(found)
    if style == "bpftool":
        from btfkit.values.bpftool_text import BpftoolText, map_text

        writer = BpftoolText()
        entries = (writer.text(one.shape, one.data, at, end) for one in found for at, end in one.places())
        return (text.encode() for text in map_text(entries))
    from btfkit.values.libbpf_text import LibbpfText

    text = (libbpf or LibbpfText()).text
    return (text(one.shape, one.data, at, end).encode() + b"\n" for one in found for at, end in one.places())


def _json(found: Iterable[Found]) -> Iterator[bytes]:
    from btfkit.values.json_text import JsonLines

    known: dict[int, JsonLines] = {}  # by the identity of a shape, which the records keep
    shapes = []
    for one in found:
        writer = known.get(id(one.shape))
        if writer is None:
            writer = known[id(one.shape)] = JsonLines(one.shape)
            shapes.append(one.shape)
        yield from writer.lines(one.data, one.at, one.size, one.count)
