"""What a language has for scalars: one rule for names in source code and for classes of `ctypes`."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from btfkit.values.shape import Address, Enum, Float, Int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.values.shape import Shape

T = TypeVar("T")


class Scalars(NamedTuple, Generic[T]):
    """The types of a language: `floats` by format, the `boolean` of one byte, integers by their size in bytes."""

    floats: dict[str, T]
    boolean: T
    signed: dict[int, T]
    unsigned: dict[int, T]

    def of(self, shape: Shape) -> T | None:
        """The type for a scalar; None if the language has none, or for what is not a scalar.  A pointer is an integer."""
        if isinstance(shape, Float):
            return self.floats.get(shape.format)
        if not isinstance(shape, Int | Enum | Address):
            return None
        if isinstance(shape, Int) and shape.is_bool and shape.size == 1:
            return self.boolean
        return (self.signed if shape.signed else self.unsigned).get(shape.size)
