"""What must follow in a module's file when its BTF changes: its compression, and the ids in `.BTF_ids`.

`.BTF_ids` holds the type ids of a module's kfuncs and of some types.  Its symbols name them (`__BTF_ID__func__NAME__7`; the
kernel's include/linux/btf_ids.h and tools/bpf/resolve_btfids).
"""

from __future__ import annotations

from struct import iter_unpack, pack, pack_into, unpack_from

from btfkit.errors import UnsupportedError
from btfkit.files.container import PACKED_SUFFIXES
from btfkit.files.elf import ET_REL, SHT_NOBITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.btf.ext import Ext
    from btfkit.files.elf import Elf, Section

    Translate = Callable[[int], int]
    LookUp = Callable[[str, str], int]

IDS = ".BTF_ids"
MAP_NEEDED = "pass the id map of the operation as ids"
EXT_NEEDED = "pass the .BTF.ext that the operation returned as ext"
_SYMBOL = "__BTF_ID__"
_SETS = {"set": (4, 4), "set8": (8, 8)}  # by kind: bytes before the elements, bytes of an element
OTHER_BTF = (
    "it was filled in for BTF that the file no longer has, or for BTF on another base, so that the flags of its kfuncs cannot be"
    " told apart: link the module again, or write its BTF alone, to a file that ends in .btf"
)
_PLAIN_SUFFIXES = (".ko", ".btf", ".o", ".bin", ".base")


def packings_for(output: str, packings: tuple[str, ...]) -> tuple[str, ...]:
    """The compression of a file called `output`: by its suffix, or that of the input (`packings`) if that does not decide."""
    if output.endswith(_PLAIN_SUFFIXES):
        return ()
    for kind, suffix in PACKED_SUFFIXES.items():
        if output.endswith(suffix):
            return packings if kind in packings else (kind,)
    return packings


def packed(data: bytes, packings: Sequence[str], source: str) -> bytes:
    """`data` compressed in the formats `packings`, outermost first; raises UnsupportedError if one is not available."""
    for kind in reversed(packings):
        from btfkit.files.compression import pack as pack_as

        data = pack_as(data, kind, source)
    return data


# ---- .BTF_ids ------------------------------------------------------------------------------------------------------


class Ids:
    """A renumbered `.BTF_ids`: the `content` of the section, and `lost`, the names whose id became 0."""

    __slots__ = ("content", "lost")

    def __init__(self, content: bytes, lost: Sequence[str]) -> None:
        self.content = content
        self.lost = tuple(lost)


def translated_ids(
    elf: Elf, translate: Translate, name_of: Callable[[int], str], look_up: LookUp | None = None
) -> Ids | None:
    """The section `.BTF_ids` with each type id `n` replaced by `translate(n)` and its sets sorted again, flags included.

    `name_of` gives the name of a new id.  What `translate` gives as 0 is `look_up(kind, name)`, if given, where `kind` is "func",
    "struct", "union" or "typedef"; a result of 0 stands for an unknown name, as in resolve_btfids.  A set is sorted by id, so
    that its symbols name the set's entries but not which is where: an entry without an id is one of the names that the others
    leave.  If several are left and their flags differ, they stay 0.
    Returns None if the module has no such section.  Raises UnsupportedError if its symbols were stripped.
    """
    section = elf.section(IDS)
    if section is None or not section.size:
        return None
    content = bytearray(elf.data(section))
    places, sets = _places(elf, section, len(content))
    demand_names(elf)
    lost: list[str] = []
    for start, step, entries in _groups(content, places, sets, elf.mark):
        lost += _translate_group(content, elf.mark, start, step, entries, translate, name_of, look_up)
    for place, kind in sets.items():
        _sort(content, place, kind, elf.mark)
    return Ids(bytes(content), lost)


def _groups(
    content: bytearray, places: dict[int, tuple[str, str]], sets: dict[int, str], mark: str
) -> Iterator[tuple[list[int], bool, list[tuple[str, str]]]]:
    """Places of ids whose names belong together, whether flags follow each, and these names: a set, or a single id."""
    left = dict(places)
    for start, kind in sets.items():
        head, width = _SETS[kind]
        end = start + head + unpack_from(mark + "I", content, start)[0] * width
        inside = [place for place in range(start + head, min(end, len(content) - width + 1), width) if place in left]
        if inside:
            yield inside, width > 4, [left.pop(place) for place in inside]
    for place, name in left.items():
        yield [place], False, [name]


def _translate_group(
    content: bytearray,
    mark: str,
    places: list[int],
    flagged: bool,
    names: list[tuple[str, str]],
    translate: Translate,
    name_of: Callable[[int], str],
    look_up: LookUp | None,
) -> list[str]:
    """Translate the ids at `places`, which are those of `names` in any order; returns the names that have lost theirs."""
    form, names, empty, newly = mark + "I", names[:], [], False
    for place in places:
        old = unpack_from(form, content, place)[0]
        new = translate(old)
        pack_into(form, content, place, new)
        if not new:
            empty.append(place)
            newly |= old != 0
            continue
        same = [one for one in names if one[1] == name_of(new)]
        if same:
            names.remove(same[0])
    if look_up is not None and len(names) == len(empty):
        flags = {unpack_from(form, content, place + 4)[0] if flagged else 0 for place in empty}
        for place, name in zip(empty, names[:] if len(flags) == 1 else (), strict=False):
            if new := look_up(*name):
                pack_into(form, content, place, new)
                names.remove(name)
    return [" ".join(name) for name in names] if newly else []


def demand_ids(elf: Elf, btf: Btf) -> None:
    """Raise ValueError if an id in `.BTF_ids` is that of a type in `btf` with a name that the section's symbols do not have.

    Only the names as a whole are compared: sets are sorted by id, so that a symbol may be at the place of another id.
    """
    section = elf.section(IDS)
    if section is None or not section.size:
        return
    content = elf.data(section)
    places, _ = _places(elf, section, len(content))
    names = {name for _, name in places.values()}
    for place in places:
        type_id = unpack_from(elf.mark + "I", content, place)[0]
        if type_id and (type_id >= len(btf) or btf.name(type_id) not in names):
            raise ValueError(f"the new BTF has other ids: type {type_id} is not one that {IDS} names; {MAP_NEEDED}")


def demand_references(ext: Ext, old: Btf, new: Btf, *, ids: bool) -> None:
    """Raise ValueError if a string (or, with `ids`, a type) that `ext` refers to in `old` is another one in `new`."""
    types, strings = ext.references()
    for offset in sorted(strings):
        text = _string(old, offset)
        if text is not None and text != _string(new, offset):
            what = repr(text.decode("utf-8", "replace"))
            raise ValueError(f"the new BTF has other strings: {what} of .BTF.ext is not at {offset:#x}; {EXT_NEEDED}")
    for type_id in sorted(types) if ids else ():
        if type_id < len(old) and (type_id >= len(new) or old.name(type_id) != new.name(type_id)):
            name = old.name(type_id)
            raise ValueError(f"the new BTF has other ids: type {type_id} is not {name!r} of .BTF.ext; {MAP_NEEDED}")


def _string(btf: Btf, offset: int) -> bytes | None:
    return btf.string(offset) if offset < btf.start_str_off + len(btf.strings) else None


class ResolvedIds(Ids):
    """A `.BTF_ids` whose ids were found by name: also the `count` of these."""

    __slots__ = ("count",)

    def __init__(self, content: bytes, lost: Sequence[str], count: int) -> None:
        super().__init__(content, lost)
        self.count = count


def resolved_ids(elf: Elf, find: Callable[[str, str], int], linked: bytes | None = None) -> ResolvedIds | None:
    """The section `.BTF_ids` as resolve_btfids fills it: each place gets `find(kind, name)` (0: unknown), each set its number of
    elements, sorted by id.  `linked` is the content as it was linked, if ids were filled in since (`linked_ids`).

    Returns None if the file has no such section.  Rule: the kernel's tools/bpf/resolve_btfids, 7.2.
    """
    section = _ids_section(elf)
    if section is None:
        return None
    content = bytearray(linked or elf.data(section))
    places, sets = _places(elf, section, len(content))
    lost, count = [], 0
    for place, (kind, name) in places.items():
        found = find(kind, name)
        pack_into(elf.mark + "I", content, place, found)
        if found:
            count += 1
        else:
            lost.append(f"{kind} {name}")
    sizes = {symbol.value: symbol.size for symbol in elf.symbols_in(section.index) if symbol.size}
    start = _start(elf, section)
    for place, kind in sets.items():
        head, width = _SETS[kind]
        size = sizes.get(place + start, head)
        pack_into(elf.mark + "I", content, place, max(0, size - head) // width)
        _sort(content, place, kind, elf.mark)
    return ResolvedIds(bytes(content), lost, count)


def are_ids_filled(elf: Elf) -> bool:
    """Whether ids were filled into `.BTF_ids` after it was linked."""
    section = _ids_section(elf)
    if section is None:
        return False
    content = elf.data(section)
    return any(unpack_from(elf.mark + "I", content, place)[0] for place in _places(elf, section, len(content))[0])


def demand_names(elf: Elf) -> None:
    """Raise UnsupportedError if `.BTF_ids` has content, and no symbols that name its ids."""
    section = _ids_section(elf)
    if section is not None and any(elf.data(section)) and not _places(elf, section, section.size)[0]:
        raise UnsupportedError(
            "the module's symbols were stripped: its kfuncs cannot be renumbered", source=elf.source, section=IDS
        )


def linked_ids(elf: Elf, name_of: Callable[[int], str], doubtful: list[str] | None = None) -> bytes | None:
    """The section `.BTF_ids` as it was linked: without ids, each flag at the place of its symbol.

    Ids are filled into sets in the order of the ids, with the flags, so that the symbols of a set no longer tell which flag
    is whose; the name of an id, `name_of`, does.  Returns None if the file has no such section.  Where the
    flags of a set differ and a name there is not one of its symbols, the names of the set are appended to `doubtful`, and
    each has the flags that all have; without `doubtful`, UnsupportedError is raised.
    """
    section = _ids_section(elf)
    if section is None:
        return None
    content = bytearray(elf.data(section))
    places, sets = _places(elf, section, len(content))
    form = elf.mark + "I"
    for start, flagged, names in _groups(content, places, sets, elf.mark):
        ids = [unpack_from(form, content, place)[0] for place in start]
        flags = [unpack_from(form, content, place + 4)[0] for place in start] if flagged else []
        if any(ids) and len(set(flags)) > 1:
            ordered = _flags_by_name(ids, flags, [name for _, name in names], name_of)
            if ordered is None:
                if doubtful is None:
                    raise UnsupportedError(OTHER_BTF, source=elf.source, section=IDS)
                doubtful += [name for _, name in names]
                ordered = [_in_all(flags)] * len(flags)
            for place, flag in zip(start, ordered, strict=True):
                pack_into(form, content, place + 4, flag)
        for place in start:
            pack_into(form, content, place, 0)
    for place in sets:
        pack_into(form, content, place, 0)
    return bytes(content)


def _in_all(flags: list[int]) -> int:
    common = flags[0]
    for flag in flags:
        common &= flag
    return common


def _flags_by_name(
    ids: list[int], flags: list[int], names: list[str], name_of: Callable[[int], str]
) -> list[int] | None:
    """The flags in the order of `names`, of a set that is in the order of its ids; None if that cannot be told."""
    found: dict[str, list[int]] = {}
    unknown = []
    for number, flag in zip(ids, flags, strict=True):
        if number:
            found.setdefault(name_of(number), []).append(flag)
        else:
            unknown.append(flag)
    ordered: list[int | None] = [found[name].pop(0) if found.get(name) else None for name in names]
    if any(found.values()) or len(set(unknown)) > 1:
        return None
    return [unknown[0] if flag is None else flag for flag in ordered]


def _ids_section(elf: Elf) -> Section | None:
    """The section `.BTF_ids`, if it has content."""
    section = elf.section(IDS)
    return None if section is None or not section.size or section.type == SHT_NOBITS else section


def _start(elf: Elf, section: Section) -> int:
    """What the values of symbols in a section count from."""
    return 0 if elf.type == ET_REL else section.addr


def _places(elf: Elf, section: Section, size: int) -> tuple[dict[int, tuple[str, str]], dict[int, str]]:
    """The (kind, name) of the id at each place, and the kind of the set at each place."""
    places: dict[int, tuple[str, str]] = {}
    sets: dict[int, str] = {}
    start = _start(elf, section)
    for symbol in elf.symbols_in(section.index):
        place = symbol.value - start
        if not symbol.name.startswith(_SYMBOL) or not 0 <= place <= size - 4:
            continue
        kind, _, rest = symbol.name[len(_SYMBOL) :].partition("__")
        if kind in _SETS:
            sets[place] = kind
        elif rest:
            places[place] = kind, rest.rpartition("__")[0] or rest
    return places, sets


def _sort(content: bytearray, place: int, kind: str, mark: str) -> None:
    """Sort a set by its ids: the kernel uses a binary search (btf_id_set_contains)."""
    head, width = _SETS[kind]
    count = unpack_from(mark + "I", content, place)[0]
    start, end = place + head, place + head + count * width
    if end > len(content):
        return
    form = mark + "I" * (width // 4)
    rows = sorted(iter_unpack(form, content[start:end]), key=lambda row: row[0])
    content[start:end] = b"".join(pack(form, *row) for row in rows)
