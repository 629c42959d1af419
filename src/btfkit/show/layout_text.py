"""Layouts as text: pahole's picture of a struct or union, with its wording and columns, by `hot/pictures.py`.

Source: pahole 1.32, dwarves_fprintf.c.  This text differs where pahole's depends on earlier output, is cut at the end of a
buffer or reverses array dimensions (docs/differences.md).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH, MAX_MEMBERS
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.btf.spelling import Spelling
from btfkit.errors import LONGEST_NAME, FormatError, printable
from btfkit.hot.pictures import Pictures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.show.layout import Layouts

CHUNK = 1 << 16  # bytes


class LayoutText:
    """Writes pictures; `expand` shows the members of members (`pahole -E`), `hexadecimal` their offsets and sizes in that base.

    Raises FormatError if a type is damaged, or if the picture would have more than MAX_MEMBERS members.
    """

    __slots__ = ("_pictures", "btf", "layouts")

    def __init__(self, layouts: Layouts, *, expand: bool = False, hexadecimal: bool = False) -> None:
        self.layouts = layouts
        self.btf = layouts.btf
        flat = layouts.flat
        self._pictures = Pictures(
            layouts.measures,
            flat.words,
            flat.positions,
            flat.strings,
            self._shown,
            LONGEST_NAME,
            layouts.cacheline,
            MAX_CHAIN,
            MAX_DEPTH,
            MAX_MEMBERS,
            expand,
            hexadecimal,
        )

    def picture(self, type_id: int, alias: str = "") -> str:
        """The picture of a struct or union, newline included; `alias` is the typedef to show for an anonymous one."""
        return b"".join(self.pictures(((type_id, alias),))).decode()

    def pictures(self, wanted: Iterable[tuple[int, str]], end: bytes = b"") -> Iterator[bytes]:
        """The pictures of many, as (id, alias), each followed by `end`, in pieces."""
        writer = self._pictures
        for type_id, alias in wanted:
            self.layouts.demand_composite(type_id)
            try:
                writer.draw(type_id, b"" if not alias or self.btf.name(type_id) else printable(alias).encode())
            except (ValueError, OverflowError) as error:
                raise self._damaged(error, type_id) from None
            writer.put(end)
            if writer.at >= CHUNK:
                yield writer.take()
        yield writer.take()

    def declaration(self, type_id: int) -> bytes:
        """The definition of an enum, or a typedef in one line, newline included."""
        btf, name = self.btf, printable(self.btf.name(type_id)).encode()
        target = btf.word(type_id, 2) if btf.kind(type_id) == spec.TYPEDEF else 0
        unnamed = btf.kind(target) in spec.ENUMS and not btf.name(target)
        if target and not unnamed:
            return f"typedef {Spelling(btf).declare(target, printable(btf.name(type_id)))};\n".encode()
        self._pictures.draw_enum(target or type_id, name if unnamed else b"")
        return self._pictures.take()

    def sizes(self, wanted: Iterable[tuple[int, str]]) -> Iterator[bytes]:
        """A line for each: the name, the size and the number of holes, separated by tabs (`pahole -s`), in pieces."""
        writer = self._pictures
        for type_id, alias in wanted:
            self.layouts.demand_composite(type_id)
            try:
                writer.put_numbers(type_id, printable(alias).encode() if alias else b"")
            except (ValueError, OverflowError) as error:
                raise self._damaged(error, type_id) from None
            if writer.at >= CHUNK:
                yield writer.take()
        yield writer.take()

    def _shown(self, offset: int) -> bytes:
        return printable(text(self.btf.string(offset))).encode()

    def _damaged(self, error: Exception, type_id: int) -> FormatError:
        self._pictures.take()
        message, damaged = error.args if isinstance(error, ValueError) else ("a picture of more than 256 MiB", type_id)
        return FormatError(message, source=self.btf.source, section="types", type_id=damaged or type_id)


_COLOURS = (
    ("/* XXX ", "\x1b[1;31m"),
    ("/* --- cacheline ", "\x1b[36m"),
    ("/* padding: ", "\x1b[31m"),
    ("/* bit_padding: ", "\x1b[31m"),
)


def coloured(picture: str) -> str:
    """A picture for a terminal: holes and padding red, cache lines cyan, statistics dim."""
    lines = picture.split("\n")
    for number, line in enumerate(lines):
        bare = line.lstrip("\t")
        if bare.startswith("/* "):
            colour = next((colour for start, colour in _COLOURS if bare.startswith(start)), "\x1b[2m")
            lines[number] = f"{line[: len(line) - len(bare)]}{colour}{bare}\x1b[0m"
    return "\n".join(lines)
