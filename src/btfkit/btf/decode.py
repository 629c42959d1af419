"""Read bytes by a type: `btfkit.decode`."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.shapes import sized_shape, target
from btfkit.errors import AmbiguousError, printable
from btfkit.values.value import value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.btf.types import Type
    from btfkit.values.shape import Data

WITH_VALUES = (
    *(spec.INT, spec.FLOAT, spec.ENUM, spec.ENUM64, spec.STRUCT, spec.UNION, spec.TYPEDEF, spec.VAR, spec.DATASEC),
)
VARIABLES = (spec.VAR, spec.DATASEC)


def decode(btf: Btf, type: str | int | Type, data: Data, offset: int = 0, size: int | None = None) -> Any:
    """The value of the bytes of `data` from `offset` on, of a type of `btf`: `decode(vmlinux, "struct list_head", data).next`.

    `type` is a name ("struct x", "pid_t", a variable, a section), an id, or a view.  `size` is the number of bytes that
    belong to it (default: all that follow), which decides how many elements a flexible array at the end has.  Returns a
    number, bool, `EnumValue`, `Pointer`, float or str, or a view that reads on demand: `Record` for structs, unions and
    sections, `Items` for arrays.

    Raises NotFoundError and AmbiguousError for a name, FormatError for a type without a size and for data that ends early.
    """
    demand_btf("btf", btf)
    return value_of(sized_shape(btf, type_id_of(btf, type)), data, offset, size)


def type_id_of(btf: Btf, type: str | int | Type, kinds: tuple[int, ...] = ()) -> int:
    """The id of a type that values can have; raises NotFoundError and AmbiguousError.

    Of what a name stands for, one of `kinds` comes first.
    """
    if isinstance(type, str):
        found = list(btf.find_ids(type, kinds)) if kinds else []
        return found[0] if len(found) == 1 else _named(btf, type)
    type_id = type if isinstance(type, int) else type.id
    return btf.existing(type_id)


def _named(btf: Btf, name: str) -> int:
    tag, _, rest = name.partition(" ")
    kinds = spec.C_TAGS.get(tag) if rest else None
    ids = list(btf.find_ids(rest if kinds else name, kinds or WITH_VALUES))
    if not ids:
        from btfkit.btf.finders import missing

        raise missing(btf, name)
    if len({target(btf, type_id) for type_id in ids}) > 1:
        shown = ", ".join(f"{type_id} ({spec.word(btf.kind(type_id))})" for type_id in ids[:8])
        raise AmbiguousError(
            f"{len(ids)} types called {printable(name)!r}: choose one by its id: {shown}", source=btf.source
        )
    return ids[0]
