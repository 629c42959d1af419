"""Why the bytes of a BTF cannot be read: the slow twin of the loops that found it out, in words for people."""

from __future__ import annotations

from bisect import bisect_right

from btfkit.btf import spec
from btfkit.errors import BtfError, ChainError, FormatError
from btfkit.hot import columns as _columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf


def unreadable(btf: Btf, count: int, at: int) -> FormatError:
    """Why the record at word `at`, number `count`, could not be stepped over."""
    left = len(btf.words) - at
    if left < 3:
        what = f"{4 * left} bytes are left, a type has at least 12: the section is cut short"
    else:
        kind = btf.words[at + 1] >> 24 & spec.MAX_KIND
        if btf.table[kind * spec.ROW] == spec.NO_SUCH_KIND:
            known = len(spec.KINDS) - 1
            what = f"kind {kind}, this build knows 1 to {known}, and no layout section tells its size"
        else:
            vlen = btf.words[at + 1] & spec.MAX_VLEN
            what = f"{spec.kind_name(kind)} with vlen {vlen} does not fit into the {4 * left} bytes that are left"
    return FormatError(what, section="types", offset=4 * at, type_id=btf.start_id + count)


def leads_nowhere(btf: Btf) -> BtfError:
    """Which is the first reference of `btf` to a type or a string that is not there."""
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
    place = {"section": "types", "offset": 4 * word, "type_id": btf.start_id + index}
    if btf.base is not None:
        base = f"{btf.base.source} " if btf.base.source else ""
        return ChainError(
            f"{record}, but with this base {ends} at {limit}: the base has to be the one that this BTF was built on, "
            f"the same vmlinux of the same build and not a minimized one (base {base}has {len(btf.base)} types)",
            **place,  # type: ignore[arg-type]
        )
    return FormatError(
        f"{record}, but {ends} at {limit}: damaged, or the split BTF of a module, which needs its base",
        remedy="base",
        **place,  # type: ignore[arg-type]
    )


def func_without_prototype(btf: Btf, index: int) -> BtfError:
    """Own record `index` is a FUNC whose type is no prototype."""
    target = btf.words[btf.positions[index] + 2]
    message = f"FUNC has type {target}, a {spec.kind_name(btf.kind(target))}; it has to be a FUNC_PROTO"
    place = {"section": "types", "offset": 4 * btf.positions[index] + 8, "type_id": btf.start_id + index}
    if btf.base is not None:
        return ChainError(
            f"{message}: this is not the base that this BTF was built on, the vmlinux of the same build",
            **place,  # type: ignore[arg-type]
        )
    return FormatError(message, **place)  # type: ignore[arg-type]
