"""The variables of an object file: the bytes of its sections, and where in them each variable of the BTF is.

A compiler leaves the size of a DATASEC and most offsets 0, for the linker; then the symbol table has them.  Rule: libbpf
1.8-dev, btf_fixup_datasec.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.shapes import shape_of
from btfkit.errors import FormatError, NotFoundError, printable
from btfkit.files.elf import SHT_NOBITS, STT_FUNC
from btfkit.values.shape import Composite, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Elf, Section


def section_variables(elf: Elf, btf: Btf, type_id: int) -> tuple[Composite, bytes]:
    """The shape of a DATASEC with the places of its variables, and the section's bytes: the initial values.

    Pointers have what the file has for them, before relocation.  Raises NotFoundError if the file has no such section, or no
    symbol for a variable, FormatError if a variable is not within its section.
    """
    shape = shape_of(btf, type_id)
    assert isinstance(shape, Composite)
    section = elf.section(shape.name)
    if section is None:
        raise NotFoundError(f"no section {printable(shape.name)}", source=elf.source)
    data = bytes(section.size) if section.type == SHT_NOBITS else bytes(elf.data(section))
    members = shape.members if btf.word(type_id, 2) else _placed(elf, section, shape)
    for field in members:
        if field.offset + field.shape.size > len(data):
            what = f"variable {printable(field.name)!r} ends at byte {field.offset + field.shape.size}"
            raise FormatError(f"{what}, the section has {len(data)}", source=elf.source, section=shape.name)
    return Composite(shape.name, len(data), shape.order, members, is_section=True), data


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
