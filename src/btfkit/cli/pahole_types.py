"""What `btfkit pahole` shows about types: the options of pahole that print, in terms of `btfkit layout`."""

from __future__ import annotations

import os

from btfkit.cli import DONE
from btfkit.cli.options import UsageError, positive
from btfkit.files import sysfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.cli.pahole import Call
    from btfkit.show.layout import Layouts

    Wanted = list[tuple[int, str]]

# Options of pahole without a value and with one, and their letters.
FLAGS = {
    "anon_include": "a",
    "class_name_len": "N",
    "compile": "",
    "expand_types": "E",
    "hex": "",
    "nr_members": "n",
    "packable": "P",
    "packed": "",
    "reorganize": "R",
    "show_reorg_steps": "S",
    "sizes": "s",
    "skip_missing": "",
    "sort": "",
    "structs": "",
    "unions": "",
    "with_embedded_flexible_array": "",
    "with_flexible_array": "",
}
VALUES = {
    "bit_holes": "B",
    "cacheline_size": "c",
    "class_name": "C",
    "contains": "i",
    "exclude": "x",
    "find_pointers_to": "f",
    "format_path": "F",
    "hole_size_ge": "z",
    "holes": "H",
    "padding_ge": "",
    "prefix_filter": "y",
    "separator": "t",
}
_NO_LINES = "BTF has no source files and lines: use pahole on a file with DWARF"
_DECODE = "use `btfkit decode`"
# What is not done here, by the long names and letters, and what to use.
INSTEAD = {
    "count": _DECODE,
    "header_type": _DECODE,
    "prettify": _DECODE,
    "range": _DECODE,
    "seek_bytes": _DECODE,
    "size_bytes": _DECODE,
    "skip": _DECODE,
    "contains_enumerator": "use `btfkit find --kind enumerator FILE NAME`",
    "cu_exclude": _NO_LINES,
    "decl_exclude": _NO_LINES,
    "defined_in": _NO_LINES,
    "show_decl_info": _NO_LINES,
    "D": _NO_LINES,
    "I": _NO_LINES,
    "u": _NO_LINES,
    "X": _NO_LINES,
    "expand_pointers": "use `btfkit layout FILE NAME` for what a pointer leads to",
    "p": "use `btfkit layout FILE NAME` for what a pointer leads to",
    "nr_methods": "use `btfkit find --users FILE NAME`",
    "m": "use `btfkit find --users FILE NAME`",
    "recursive": "use `btfkit layout --containers NAME FILE --names`",
    "d": "use `btfkit layout --containers NAME FILE --names`",
    "word_size": "the size of pointers is that of the BTF",
    "w": "the size of pointers is that of the BTF",
}
# The other options of pahole, so that none of them counts as the abbreviation of one that is done.
OTHERS = (
    *("btf_gen_all", "classes_as_structs", "ctf_encode", "devel_version", "features", "first_obj_only", "flat_arrays"),
    *(
        "fixup_silly_bitfields",
        "hashbits",
        "kabi_prefix",
        "lang",
        "nested_anon_include",
        "nr_definitions",
        "ptr_table_stats",
    ),
    *(
        "quiet",
        "rel_offset",
        "running_kernel_vmlinux",
        "show_first_biggest_size_base_type_member",
        "show_only_data_members",
    ),
    *("show_private_classes", "skip_emitting_atomic_typedefs", "suppress_aligned_attribute", "suppress_force_paddings"),
    *("suppress_packed", "usage"),
)


def show(call: Call) -> int:
    """Print types, as the command line asks for them."""
    from btfkit.files.write import write_chunks

    formats = ",".join(call.values.get("format_path", ["btf"])).split(",")
    if "btf" not in formats:
        raise UsageError(f"-F {formats[0]}: only BTF is read (`btfkit encode` makes it of DWARF)")
    path, names = _file_and_names(call)
    from btfkit.btf_file import load
    from btfkit.show.layout import Layouts

    btf = load(path, call.last("btf_base"))
    layouts = Layouts(btf, _number(call, "cacheline_size") or 64)
    write_chunks(_chunks(call, layouts, names))
    return DONE


def _file_and_names(call: Call) -> tuple[str, list[str]]:
    """The file, and the names of -C; a single operand that is no file is a name, of the running kernel."""
    names: list[str] = []
    for word in call.values.get("class_name", []):
        if word.startswith("file://"):
            with open(word.removeprefix("file://"), encoding="utf-8", errors="surrogateescape") as lines:
                names += filter(None, map(str.strip, lines))
        else:
            names += filter(None, word.split(","))
    files = call.files
    if len(files) > 1:
        raise UsageError(f"expected one FILE, got {len(files)}: names are given by -C")
    running = os.environ.get("PAHOLE_VMLINUX_BTF_FILENAME", sysfs.VMLINUX)
    if files and not names and "/" not in files[0] and not os.path.exists(files[0]):
        return running, files[0].split(",")
    return (files[0] if files else running), names


def _number(call: Call, name: str) -> int:
    """The value of an option that is a number, 0 if it was not given."""
    word = call.last(name)
    try:
        return 0 if word is None or word == "0" else positive(word)
    except ValueError as error:
        raise UsageError(f"option --{name}: {error}") from None


def _chunks(call: Call, layouts: Layouts, names: list[str]) -> Iterator[bytes]:
    from btfkit.btf import spec

    if pointee := call.last("find_pointers_to"):
        return _pointers(layouts, pointee)
    if names:
        ids = _named(layouts.btf, names, skip_missing="skip_missing" in call.flags)
    elif "anon_include" in call.flags:
        ids = [one for one in layouts.btf.own_ids if layouts.btf.kind(one) in spec.COMPOSITES]
    else:
        ids = layouts.all()
    wanted = _chosen(call, layouts, ids)
    lines = _lines(call, layouts, wanted)
    if lines is not None:
        separator = (call.last("separator") or "\t").encode("utf-8", "surrogateescape")
        return (line.replace(b"\t", separator) + (b"\n" if names else b"") for line in lines)
    if "sort" in call.flags:
        wanted.sort(key=lambda one: layouts.btf.name(one[0]).encode("utf-8", "surrogateescape"))
    return _pictures(call, layouts, wanted, b"\n" if names else b"")


def _named(btf: Btf, names: Sequence[str], *, skip_missing: bool) -> list[int]:
    """The structs, unions, enums and typedefs of these names, in their order."""
    from btfkit.btf import spec
    from btfkit.btf.suggest import did_you_mean_type
    from btfkit.errors import NotFoundError, printable

    found: list[int] = []
    for name in names:
        ids = [one for one in btf.find_ids(name) if btf.kind(one) in (*spec.COMPOSITES, *spec.ENUMS, spec.TYPEDEF)]
        composites = [one for one in ids if btf.kind(one) in spec.COMPOSITES]
        if not ids and not skip_missing:
            raise NotFoundError(f"type {printable(name)!r} not found{did_you_mean_type(btf, name)}", source=btf.source)
        found += composites or ids[:1]
    return list(dict.fromkeys(found))


def _chosen(call: Call, layouts: Layouts, ids: Sequence[int]) -> Wanted:
    """Those of `ids` that the options choose, each with the name of a typedef of a struct without a name."""
    from btfkit.btf import spec
    from btfkit.show.layout_choice import Choice

    btf, flags = layouts.btf, call.flags
    wanted: Wanted = []
    for one in ids:
        target = btf.strip(one)
        is_alias = one != target and btf.kind(target) in spec.COMPOSITES and not btf.name(target)
        wanted.append((target, btf.name(one)) if is_alias else (one, ""))
    contained = [name for word in call.values.get("contains", []) for name in word.split(",")]
    choice = Choice(
        kind="union" if "unions" in flags else "struct" if "structs" in flags else "",
        packed="packed" in flags,
        flexible="end"
        if "with_flexible_array" in flags
        else "within"
        if "with_embedded_flexible_array" in flags
        else "",
        holes=_number(call, "holes"),
        bit_holes=_number(call, "bit_holes"),
        largest_hole=_number(call, "hole_size_ge"),
        padding=_number(call, "padding_ge"),
        contains=contained,
        prefixes=[word + "*" for word in call.values.get("prefix_filter", [])],
        exclude=[word + "*" for word in call.values.get("exclude", [])],
    )
    others = {one for one, _ in wanted if btf.kind(one) not in spec.COMPOSITES}
    kept = {one for one, _ in choice.of(layouts, [pair for pair in wanted if pair[0] not in others])}
    return [pair for pair in wanted if pair[0] in kept or pair[0] in others]


def _lines(call: Call, layouts: Layouts, wanted: Wanted) -> Iterator[bytes] | None:
    """A line for each type, if an option asks for lines."""
    from btfkit.btf import spec
    from btfkit.errors import printable
    from btfkit.show.layout_text import LayoutText

    btf, flags = layouts.btf, call.flags
    names = {type_id: printable(btf.name(type_id) or alias or "(null)") for type_id, alias in wanted}
    composites = [pair for pair in wanted if btf.kind(pair[0]) in spec.COMPOSITES]
    if "packable" in flags:
        from btfkit.show.reorganize import reorganized

        results = reorganized(layouts, [type_id for type_id, _ in composites])[1]
        return (
            f"{names[one.before.type_id]}\t{one.before.size}\t{one.after.size}\t{one.saved}\n".encode()
            for one in results
            if one.saved
        )
    if "sizes" in flags:
        return (line for pair in composites for line in LayoutText(layouts).sizes([(pair[0], pair[1] or "(null)")]))
    if "nr_members" in flags:
        return (f"{names[one]}\t{btf.word(one, 1) & spec.MAX_VLEN}\n".encode() for one, _ in composites)
    if "class_name_len" in flags:
        return (f"{names[one]}\t{len(btf.name(one))}\n".encode() for one, _ in composites)
    if "contains" in call.values or "hole_size_ge" in call.values:
        return (f"{names[one]}\n".encode() for one, _ in composites)
    return None


def _pictures(call: Call, layouts: Layouts, wanted: Wanted, end: bytes) -> Iterator[bytes]:
    from btfkit.btf import spec
    from btfkit.cli import layout_output
    from btfkit.show.layout_text import LayoutText
    from btfkit.show.reorganize import reorganized

    flags, btf = call.flags, layouts.btf
    if "compile" in flags:
        yield from layout_output.c_text(layouts, wanted)
        return
    expand, hexadecimal, steps = "expand_types" in flags, "hex" in flags, "show_reorg_steps" in flags
    writer = LayoutText(layouts, expand=expand, hexadecimal=hexadecimal)
    for pair in wanted:
        if btf.kind(pair[0]) not in spec.COMPOSITES:
            yield writer.declaration(pair[0]) + end
        elif "reorganize" in flags:
            new, (found,) = reorganized(layouts, [pair[0]], steps=steps)
            text = LayoutText(new, expand=expand, hexadecimal=hexadecimal)
            yield from layout_output.reorganized_pictures(text, found, pair[1], b"")
        else:
            yield from writer.pictures([pair], end)


def _pointers(layouts: Layouts, name: str) -> Iterator[bytes]:
    """The members that point to a struct or union, as "owner: member"."""
    from btfkit.btf import spec
    from btfkit.errors import printable

    btf = layouts.btf
    targets = set(layouts.find(name))
    for type_id in layouts.all():
        for field in layouts[type_id].members:
            if field.kind == spec.PTR and btf.word(field.type_id, 2) in targets:
                yield f"{printable(btf.name(type_id))}: {printable(field.name)}\n".encode()
