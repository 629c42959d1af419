"""Errors for BTF that cannot be read: where the loops found a fault, this finds the details for the message."""

from __future__ import annotations

from bisect import bisect_right

from btfkit.btf import spec
from btfkit.errors import BtfError, ChainError, FormatError, counted
from btfkit.hot import columns as _columns
from btfkit.hot import names as _names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

OVERLAP = 16
"""Limit for the total length of the names of a section, as a multiple of its size; ends of longer strings count."""


def demand_few_overlaps(btf: Btf) -> None:
    """Raise FormatError if the own names of `btf` add up to more than `OVERLAP` times its strings: to compare names that are the
    ends of one long string takes time with the square of its length."""
    most = OVERLAP * len(btf.strings) + (1 << 16)
    count = len(btf.positions)
    names = (
        count + (len(btf.words) - 3 * count) // 2
    )  # at most: a record has three words, and two or more for each other name
    if not names or not _names.has_longer(btf.strings, most // names):
        return
    seen = bytearray(len(btf.strings))
    if _names.distinct_length(btf.words, btf.columns.names, btf.strings, btf.start_str_off, seen, most) > most:
        raise overlapping(btf.source)


def overlapping(source: str | None) -> FormatError:
    """The error for names that are ends of longer strings, and too long in total."""
    what = f"names longer than {OVERLAP} times the section, as ends of longer strings"
    return FormatError(what, section="strings", source=source)


def unreadable(btf: Btf, count: int, at: int) -> FormatError:
    """The error for the record at word `at`, number `count`, whose end is unknown."""
    left = len(btf.words) - at
    if left < 3:
        what = f"truncated type: {4 * left} bytes, need 12"
    else:
        kind = btf.words[at + 1] >> 24 & spec.MAX_KIND
        if btf.table[kind * spec.ROW] == spec.NO_SUCH_KIND:
            what = f"unknown kind {kind} (this version knows 1 to {len(spec.KINDS) - 1}), and no layout section has its size"
        else:
            vlen = btf.words[at + 1] & spec.MAX_VLEN
            what = f"{spec.kind_name(kind)} with vlen {vlen} does not fit into the remaining {4 * left} bytes"
    return FormatError(what, section="types", offset=4 * at, type_id=btf.start_id + count)


def leads_nowhere(btf: Btf) -> BtfError:
    """The error for the first reference of `btf` to a type or string that does not exist."""
    types, strings = len(btf), btf.start_str_off + len(btf.strings)
    columns = btf.columns
    word = _columns.first_from(btf.words, columns.ids, types)
    what, ends, limit = "type", "type ids end", str(types - 1)
    word_of_name = _columns.first_from(btf.words, columns.names, strings)
    if word_of_name < word:
        word, what, ends, limit = word_of_name, "string offset", "strings end", f"{strings:#x}"
    index = bisect_right(btf.positions, word) - 1
    value = btf.words[word]
    what = f"{what} {value}" if what == "type" else f"{what} {value:#x}"
    record = f"{spec.kind_name(btf.words[btf.positions[index] + 1] >> 24 & spec.MAX_KIND)} refers to {what}"
    if btf.base is not None:
        base = f"{btf.base.source} " if btf.base.source else ""
        message = (
            f"but with this base {ends} at {limit}: the base must be the vmlinux of the same build, not minimized "
        )
        message += f"(base {base}has {counted(len(btf.base), 'type')})"
    else:
        message = f"but {ends} at {limit}: damaged, or split BTF of a module, which needs its base"
    return _at_word(btf, f"{record}, {message}", word, index, remedy="base" if btf.base is None else "")


def func_without_prototype(btf: Btf, index: int) -> BtfError:
    """The error for own record `index`, a FUNC whose type is not a prototype."""
    target = btf.words[btf.positions[index] + 2]
    message = f"FUNC has type {target}, a {spec.kind_name(btf.kind(target))}; expected a FUNC_PROTO"
    if btf.base is not None:
        message += ": wrong base, it must be the vmlinux of the same build"
    return _at_word(btf, message, btf.positions[index] + 2, index)


def _at_word(btf: Btf, message: str, word: int, index: int, remedy: str = "") -> BtfError:
    """An error about a word of own record `index`: for a split BTF, the base is to blame."""
    error = ChainError if btf.base is not None else FormatError
    return error(message, section="types", offset=4 * word, type_id=btf.start_id + index, remedy=remedy)
