"""`btfkit decode`: show bytes as values of a type: records of a file, or the variables of an object."""

from __future__ import annotations

from btfkit.cli import DONE
from btfkit.cli.options import (
    BASE,
    JSON,
    OUTPUT,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    number,
    positive,
    refuse_overwriting,
    warn_of_second,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import BtfFile
    from btfkit.cli.options import Args
    from btfkit.show.values import Found

# those of show/values.py, which is not imported before it is needed
STYLES = ("libbpf", "bpftool", "json")


def run(args: Args) -> int:
    """Print the values."""
    from btfkit.btf.decode import VARIABLES, type_id_of
    from btfkit.btf_file import open
    from btfkit.files.write import write_chunks

    if args.json and args.style not in (None, "json"):
        raise UsageError(f"--json and --style {args.style} exclude each other")
    path, name, *rest = args.operands
    refuse_overwriting([args.output], [path, args.base, *rest])
    file = open(path, pointer_size=args.pointer_size)
    btf = file.btf(args.base)
    warn_of_second(btf)
    kinds = () if rest else VARIABLES
    type_id = int(name) if name.isascii() and name.isdigit() else type_id_of(btf, name, kinds)
    if rest:
        chunks = _texts(args, _records(args, btf, type_id, rest[0]))
    elif used := [option for option in _OF_RECORDS if getattr(args, option)]:
        raise UsageError(f"--{used[0].replace('_', '-')} needs DATA")
    else:
        chunks = _variables(args, file, btf, btf.existing(type_id))
    write_chunks(chunks, args.output)
    return DONE


_OF_RECORDS = ("skip", "count", "seek", "size", "sizeof_field", "header", "range", "type_field", "type_enum", "only")


def _texts(args: Args, found: Iterable[Found]) -> Iterator[bytes]:
    from btfkit.show.values import texts
    from btfkit.values.libbpf_text import LibbpfText

    options = {
        name: getattr(args, name)
        for name in ("compact", "skip_names", "zeroes", "strings", "compat")
        if getattr(args, name)
    }
    style = "json" if args.json else args.style or "libbpf"
    if style != "libbpf" and options:
        raise UsageError(f"--{next(iter(options)).replace('_', '-')} is an option of --style libbpf")
    return texts(found, style, LibbpfText(**options))


def _records(args: Args, btf: Btf, type_id: int, path: str) -> Iterator[Found]:
    from btfkit.btf.shapes import sized_shape
    from btfkit.errors import BtfError
    from btfkit.files.container import source_name
    from btfkit.files.parts import open_parts
    from btfkit.show.values import HEADER, Places, Variants, header_number, records

    data = open_parts(path)
    if args.range and (args.seek or args.size):
        raise UsageError("--range takes the place of --seek and --size")
    if bool(args.type_field) != bool(args.type_enum):
        raise UsageError("--type-field and --type-enum need each other")
    if args.only and not args.type_enum:
        raise UsageError("--only needs --type-field and --type-enum")
    if not args.header and (args.range or any((word or "").startswith(HEADER) for word in (args.seek, args.size))):
        raise UsageError("$header and --range need --header")
    try:
        start, length = (f"{HEADER}{args.range}.{part}" if args.range else "" for part in ("offset", "size"))
        start, length = start or args.seek or "0", length or args.size
        places = Places(
            start=header_number(btf, args.header, data, start),
            length=header_number(btf, args.header, data, length) if length else None,
            skip=args.skip or 0,
            count=args.count,
            size_member=args.sizeof_field or "",
        )
        variants = Variants(btf, args.type_field, args.type_enum.split(","), args.only) if args.type_enum else None
        yield from records(sized_shape(btf, btf.existing(type_id)), data, places, variants)
    except BtfError as error:
        raise error.at(source_name(path)) from None


def _variables(args: Args, file: BtfFile, btf: Btf, type_id: int) -> Iterator[bytes]:
    """The initial values of a variable, or of all of a section; of the maps in `.maps` their definitions."""
    from btfkit.btf import spec
    from btfkit.files.variables import section_variables, variable_section
    from btfkit.show.values import Found
    from btfkit.values.libbpf_text import LibbpfText

    kind = btf.kind(type_id)
    if kind not in (spec.VAR, spec.DATASEC) or file.elf is None:
        raise UsageError("expected DATA: only variables and sections of an object file have bytes in FILE")
    section_id = type_id if kind == spec.DATASEC else variable_section(btf, type_id)
    if kind == spec.DATASEC and btf.name(section_id) == ".maps":
        from json import dumps

        from btfkit.btf.map_definitions import map_definitions

        for name, definition in map_definitions(btf, section_id).items():
            yield dumps({"name": name, **definition}).encode() + b"\n"
        return
    shape, data = section_variables(file.elf, btf, section_id, tails=not args.compat)
    if kind == spec.DATASEC:
        yield from _texts(args, [Found(shape, data, 0, len(data))])
        return
    field = next(one for one in shape.members if one.name == btf.name(type_id))
    if (args.json or args.style or "libbpf") != "libbpf":
        yield from _texts(args, [Found(field.shape, data, field.offset, field.shape.size)])
        return
    names = ("compact", "skip_names", "zeroes", "strings", "compat")
    yield LibbpfText(**{name: getattr(args, name) for name in names}).variable(field, data).encode() + b"\n"


def _count(word: str) -> int:
    found = number(word)
    if found < 0:
        raise ValueError(f"expected a number of at least 0, got {found}")
    return found


COMMAND = Command(
    "decode",
    "show bytes as values of a type",
    run,
    operands="FILE TYPE DATA?",
    options=(
        BASE,
        POINTER_SIZE,
        OUTPUT,
        Option(
            "--style",
            value="NAME",
            choices=STYLES,
            help="libbpf (C initializers, the default), bpftool (as `bpftool map dump`) or json (a line for each record)",
        ),
        JSON,
        Option("--skip", value="N", help="skip the first N records", convert=_count),
        Option("--count", value="N", help="show at most N records", convert=positive),
        Option("--seek", value="BYTES", help="begin at this offset, or at that in $header.MEMBER"),
        Option("--size", value="BYTES", help="end after so many bytes, or as many as $header.MEMBER has"),
        Option("--sizeof-field", value="MEMBER", help="the member that has the size of each record"),
        Option("--header", value="TYPE", help="the type of a header at the beginning of DATA"),
        Option(
            "--range",
            value="MEMBER",
            help="the member of the header whose `offset` and `size` state where the records are",
        ),
        Option("--type-field", value="MEMBER", help="the member that states what a record is"),
        Option(
            "--type-enum",
            value="ENUM[,ENUM]",
            help="the enum of these values; a record is the struct called as the enumerator, in lower case",
        ),
        Option("--only", value="NAME", many=True, help="show only records whose --type-field has this value"),
        Option("--compact", help="libbpf: on one line"),
        Option("--skip-names", help="libbpf: without the names of members and types"),
        Option("--zeroes", help="libbpf: also members that are zero"),
        Option("--strings", help="libbpf: arrays of char as text"),
        Option("--compat", help="libbpf: also reproduce libbpf's defects"),
    ),
    details="""DATA is a file of records, one after the other ('-': standard input). Without DATA, TYPE is a
variable or a section of the object FILE (.data, .rodata, .bss: initial values; .maps: the definitions of maps).

    btfkit decode vmlinux 'struct timespec64' times.bin --json
    btfkit decode prog.bpf.o .rodata""",
)
