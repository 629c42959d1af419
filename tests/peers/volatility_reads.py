"""Run by a Python that has Volatility 3: reads an ISF file as its Linux plugins do, and prints what it found as JSON.

Arguments: the file, names of structs whose members are wanted; --validate by Volatility's schema, --linux as its Linux plugins,
--all types of a large file.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from volatility3 import schemas
from volatility3.framework import contexts, interfaces, objects
from volatility3.framework.layers.physical import BufferDataLayer
from volatility3.framework.symbols import intermed, linux
from volatility3.framework.symbols.linux.extensions import network  # noqa: F401  (a member of linux.extensions from here on)

DATA = bytes(range(1, 256)) * 200


def validated(path: str) -> str:
    """The result of Volatility's own validation, which takes anything without jsonschema."""
    import jsonschema  # noqa: F401

    with open(path, "rb") as file:
        return "valid" if schemas.validate(json.load(file), use_cache=False) else "not valid"


def numbers(value: Any) -> Any:
    """A value of Volatility as JSON, as far as it is a number."""
    if isinstance(value, objects.Pointer):  # without the bits that the layer does not have
        return None
    return int(value) if isinstance(value, objects.Integer | objects.BitField | objects.Boolean) else None


def main() -> None:
    path, *structs = sys.argv[1:]
    context = contexts.Context()
    context.add_layer(BufferDataLayer(context, "configuration", "data", DATA))
    url = pathlib.Path(path).as_uri()
    kind = linux.LinuxKernelIntermedSymbols if "--linux" in structs else intermed.IntermediateSymbolTable
    table = kind(context, "configuration", "kernel", url)
    context.symbol_space.append(table)
    found: dict[str, Any] = {"validation": validated(path) if "--validate" in structs else ""}
    broken = []
    sizes: dict[str, int] = {}
    every = list(table.types)
    for name in every if len(every) < 4000 or "--all" in structs else every[::40]:
        try:
            template = context.symbol_space.get_type(f"kernel!{name}")
            if not hasattr(template.vol, "members"):  # a base type
                continue
            sizes[name] = template.size
            for member in template.vol.members:
                template.relative_child_offset(member)
        except Exception as error:
            broken.append(f"{name}: {error!r}")
    for name in table.enumerations:
        context.symbol_space.get_enumeration(f"kernel!{name}")
    found |= {"broken": broken, "sizes": sizes, "enums": len(list(table.enumerations)), "members": {}, "values": {}}
    for name in structs:
        if name.startswith("--"):
            continue
        template = context.symbol_space.get_type(f"kernel!{name}")
        members = template.vol.members
        sizes[name] = template.size
        found["members"][name] = {member: template.relative_child_offset(member) for member in members}
        value = context.object(f"kernel!{name}", layer_name="data", offset=0)
        found["values"][name] = {member: numbers(getattr(value, member)) for member in members}
    symbols = {}
    for name in table.symbols:
        symbol: interfaces.symbols.SymbolInterface = table.get_symbol(name)
        kind = symbol.type.vol.type_name.rpartition("!")[2] if symbol.type is not None else ""
        symbols[name] = [symbol.address, kind]
    found["symbols"] = symbols
    banner = table.get_symbol("linux_banner") if "linux_banner" in symbols else None
    found["banner"] = banner.constant_data.decode() if banner is not None and banner.constant_data else ""
    json.dump(found, sys.stdout)


main()
