"""What `btf_file` does not use any more; the commands on many files still do."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.btf.header import byte_order
from btfkit.errors import ChainError
from btfkit.files.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data


def from_container(container: Container, base: Btf | None = None) -> Btf:
    """The `.BTF` of an opened container, split on `base` where one is given, without looking for any other base.

    Raises ChainError also where everything is in range but the evidence says that it was built on another base.
    """
    _check_order(container, base)
    btf = Btf.from_bytes(_bytes(container.btf), base, source=container.source, pointer_size=container.pointer_size)
    if base is None:
        return btf
    from btfkit.btf.evidence import demand_fit

    return demand_fit(btf)


def _check_order(container: Container, base: Btf | None) -> None:
    order = byte_order(bytes(container.btf[:2]))
    if base is not None and order is not None and order != base.byte_order:
        raise ChainError(
            f"{order}-endian, but its base {base.source or ''} is {base.byte_order}-endian: it is of another machine",
            source=container.source,
        )


def _bytes(blob: Data) -> bytes:
    return blob if isinstance(blob, bytes) else bytes(blob)
