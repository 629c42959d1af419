"""The variables of an object file: the bytes of its sections, and where in them each variable of the BTF is.

A compiler leaves the size of a DATASEC and most offsets 0, for the linker; then the symbol table has them.  Rule: libbpf
1.8-dev, btf_fixup_datasec.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.shapes import shape_of
from btfkit.errors import FormatError, NotFoundError, printable
from btfkit.files.elf import SHT_NOBITS, STT_FUNC
from btfkit.values.shape import Array, Composite, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Elf, Section
    from btfkit.values.shape import Shape


def section_variables(elf: Elf, btf: Btf, type_id: int, *, tails: bool = True) -> tuple[Composite, bytes]:
    """The shape of a DATASEC with the places of its variables, and the section's bytes: the initial values.

    Pointers have what the file has for them, before relocation.  With `tails`, a flexible array at the end of a variable has
    the elements that its size in the DATASEC has room for.  Raises NotFoundError if the file has no such section, or no
    symbol for a variable, FormatError if a variable is not within its section.
    """
    shape = shape_of(btf, type_id)
    assert isinstance(shape, Composite)
    section = elf.section(shape.name)
    if section is None:
        raise NotFoundError(f"no section {printable(shape.name)}", source=elf.source)
    data = bytes(section.size) if section.type == SHT_NOBITS else bytes(elf.data(section))
    members = list(shape.members) if btf.word(type_id, 2) else _placed(elf, section, shape)
    if tails:
        sizes = _sizes(btf, type_id)
        members = [
            Field(one.name, _with_tail(one.shape, size), one.bit_offset, prefix=one.prefix)
            for one, size in zip(members, sizes, strict=True)
        ]
    for field in members:
        if field.offset + field.shape.size > len(data):
            what = f"variable {printable(field.name)!r} ends at byte {field.offset + field.shape.size}"
            raise FormatError(f"{what}, the section has {len(data)}", source=elf.source, section=shape.name)
    return Composite(shape.name, len(data), shape.order, members, is_section=True), data


def _sizes(btf: Btf, type_id: int) -> list[int]:
    """The bytes of each variable of a DATASEC."""
    layer, at = btf.locate(type_id)
    words = layer.words
    places = range(at + 3, at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN), 3)
    return [words[place + 2] for place in places if btf.kind(words[place]) == spec.VAR]


def _with_tail(shape: Shape, size: int) -> Shape:
    """The shape of a variable of `size` bytes: flexible arrays at the end have as many elements as fit in."""
    if size <= shape.size:
        return shape
    if isinstance(shape, Array) and not shape.length and shape.element.size:
        length = size // shape.element.size
        return Array(shape.element, length, shape.order, plain_char=shape.plain_char).with_cast(shape.cast)
    if not isinstance(shape, Composite):
        return shape
    members = [
        Field(one.name, _with_tail(one.shape, size - one.offset), one.bit_offset, one.bits, last=True)
        if one.last
        else one
        for one in shape.members
    ]
    if all(new.shape is old.shape for new, old in zip(members, shape.members, strict=True)):
        return shape
    return Composite(shape.name, size, shape.order, members, is_union=shape.is_union).with_cast(shape.cast)


def variable_section(btf: Btf, var_id: int) -> int:
    """The id of the DATASEC that has a variable; raises NotFoundError if none has it."""
    for section in btf.types(spec.DATASEC):
        layer, at = section.layer, section.at
        if var_id in layer.words[at + 3 : at + 3 + 3 * section.vlen : 3]:
            return section.id
    raise NotFoundError(f"variable {printable(btf.name(var_id))!r} is in no section of the BTF", source=btf.source)


def _placed(elf: Elf, section: Section, shape: Composite) -> list[Field]:
    """The variables at the places of their symbols."""
    places = {
        symbol.name: symbol.value for symbol in elf.symbols_in(section.index) if symbol.name and symbol.type != STT_FUNC
    }
    found = []
    for field in shape.members:
        if field.name not in places:
            raise NotFoundError(
                f"no symbol for variable {printable(field.name)!r}, whose place the BTF does not state",
                source=elf.source,
                section=shape.name,
            )
        found.append(Field(field.name, field.shape, 8 * places[field.name], prefix=field.prefix))
    return found
