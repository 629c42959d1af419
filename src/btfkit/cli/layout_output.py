"""What `layout` prints about structs and unions: pictures, lines, JSON, pages, C text, smaller orders."""

from __future__ import annotations

import sys

from btfkit.cli.options import has_colours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.cli.options import Args
    from btfkit.show.layout import Layouts
    from btfkit.show.layout_text import LayoutText
    from btfkit.show.reorganize import Reorganized

    Wanted = list[tuple[int, str]]  # (id, the name to show if it has none)


def text(args: Args, layouts: Layouts, wanted: Wanted, end: bytes) -> Iterator[bytes]:
    """Pictures, each followed by `end`, or with --sizes, --nr-members and --names a line for each."""
    from btfkit.show.layout_text import LayoutText, coloured

    writer = LayoutText(layouts, expand=args.expand, hexadecimal=args.hex)
    if args.sizes:
        return writer.sizes(wanted)
    if args.nr_members or args.names:
        return _names(args, layouts, wanted)
    if not has_colours(args.color, args.output):
        return writer.pictures(wanted, end)
    return (coloured(writer.picture(type_id, name)).encode() + end for type_id, name in wanted)


def _names(args: Args, layouts: Layouts, wanted: Wanted) -> Iterator[bytes]:
    """The name, or the name and the number of members (as `pahole -n` prints them)."""
    from btfkit.btf import spec
    from btfkit.errors import printable

    btf = layouts.btf
    for type_id, name in wanted:
        count = f"\t{btf.word(type_id, 1) & spec.MAX_VLEN}" if args.nr_members else ""
        yield f"{printable(btf.name(type_id) or name)}{count}\n".encode()


def json(args: Args, layouts: Layouts, wanted: Wanted) -> Iterator[bytes]:
    """One object, with one type per line."""
    from btfkit.show.layout_data import LayoutData

    data = LayoutData(layouts, expand=args.expand)
    return _document(layouts, "types", (data.of(type_id) for type_id, _ in wanted))


def _document(layouts: Layouts, key: str, entries: Iterable[dict[str, object]]) -> Iterator[bytes]:
    from json import dumps

    from btfkit.show.layout_data import SCHEMA

    head: dict[str, object] = {"schema": SCHEMA, "path": layouts.btf.source, "cacheline": layouts.cacheline, key: []}
    yield dumps(head)[:-2].encode()
    between = "\n"
    for entry in entries:
        yield (between + dumps(entry)).encode()
        between = ",\n"
    yield b"\n]}\n"


def page(args: Args, layouts: Layouts, wanted: Wanted) -> None:
    """Write the page of --html."""
    from btfkit.errors import counted, printable
    from btfkit.files.write import write_atomic
    from btfkit.show.layout_page import layout_page

    write_atomic(args.html, layout_page(layouts, [type_id for type_id, _ in wanted], names=dict(wanted)))
    if not args.quiet and args.html != "-":
        print(f"{printable(args.html)}: {counted(len(wanted), 'type')}", file=sys.stderr)


def c_text(layouts: Layouts, wanted: Wanted) -> Iterator[bytes]:
    """C definitions of the types with all that they need, in an order that compiles."""
    from btfkit.file_ops.dump import dump

    return iter(dump(layouts.btf, "c", ids=[type_id for type_id, _ in wanted], exact=True))


def at_offset(args: Args, layouts: Layouts, wanted: Wanted) -> Iterator[bytes]:
    """The members at one offset (--at): path, offset, size and type of each, or the gap."""
    from btfkit.cli.offset import row
    from btfkit.errors import printable
    from btfkit.show.layout_at import gap_at, members_at

    found = [(type_id, alias, members_at(layouts, type_id, args.at, alias)) for type_id, alias in wanted]
    if args.json:
        entries = (
            {"root_id": type_id, "places": [place.as_json() for place in places], "gap": not places}
            for type_id, _, places in found
        )
        yield from _document(layouts, "at", entries)
        return
    rows = []
    for type_id, alias, places in found:
        rows += [row(place) for place in places]
        if not places:
            name = printable(layouts.btf.name(type_id) or alias)
            rows.append((name, str(args.at), "", gap_at(layouts, type_id, args.at)))
    widths = [max(len(cells[i]) for cells in rows) for i in range(3)]
    for cells in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        yield f"{line}  {cells[3]}\n".encode()


def smaller(args: Args, layouts: Layouts, wanted: Wanted, end: bytes) -> Iterator[bytes]:
    """The structs in a smaller order (--reorganize), with what is saved; --steps: pahole's steps there."""
    from btfkit.errors import printable
    from btfkit.show.layout_text import LayoutText, coloured
    from btfkit.show.reorganize import reorganized

    new, results = reorganized(layouts, [type_id for type_id, _ in wanted], steps=args.steps)
    if args.json:
        yield from _document(layouts, "reorganized", (one.as_json() for one in results))
        return
    if args.sizes:
        for one, (_, alias) in zip(results, wanted, strict=True):
            if one.saved:
                name = printable(one.before.name or alias)
                yield f"{name}\t{one.before.size}\t{one.after.size}\t{one.saved}\n".encode()
        return
    writer = LayoutText(new, expand=args.expand, hexadecimal=args.hex)
    dye = coloured if has_colours(args.color, args.output) else str
    for one, (_, alias) in zip(results, wanted, strict=True):
        for chunk in reorganized_pictures(writer, one, alias, end):
            yield dye(chunk.decode()).encode()


def reorganized_pictures(writer: LayoutText, found: Reorganized, alias: str, end: bytes) -> Iterator[bytes]:
    """The picture after each step of pahole, without its semicolon, and that of the result with what is saved."""
    for words, picture in zip(found.moves, found.pictures, strict=True):
        yield f"/* {words} */\n{writer.picture(picture.type_id, alias)[:-2]}\n".encode()
    if found.moves:
        yield b"\n/* Final reorganized struct: */\n"
    yield f"{writer.picture(found.after.type_id, alias)[:-1]}{found.comment()}\n".encode() + end
