"""NumPy's dtypes of shapes: records in a buffer as an array, whose fields are read and written at NumPy's speed.

Members are at their offsets, also if they are packed or share bytes; those of anonymous members are in their place.  What
NumPy has no type for are bytes (V16: integers of 16 bytes).  Bit-fields are not in the dtype: `bitfield` reads them.
"""

from __future__ import annotations

from btfkit.errors import FormatError, NotFoundError, UnsupportedError, printable
from btfkit.values.shape import MARKS, Address, Array, Composite, Enum, Float, Int, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.values.shape import Shape

_FLOATS = {"half": "f2", "single": "f4", "double": "f8"}


def dtype_of(shape: Shape) -> Any:
    """The dtype of a shape, as large as the type; raises UnsupportedError if NumPy is not installed or has no such dtype."""
    numpy = _numpy()
    try:
        return _dtype(numpy, shape)
    except (OverflowError, ValueError) as error:
        raise UnsupportedError(f"{shape.cast}: NumPy has no such dtype: {error}") from None


def _dtype(numpy: Any, shape: Shape) -> Any:
    if isinstance(shape, Composite):
        fields = {name: (field.shape, field.offset) for name, field in shape.fields.items() if not field.bits}
        fields = {name: field for name, field in fields.items() if field[0].size}
        return numpy.dtype(
            {
                "names": list(fields),
                "formats": [_dtype(numpy, inner) for inner, _ in fields.values()],
                "offsets": [offset for _, offset in fields.values()],
                "itemsize": shape.size,
            }
        )
    if isinstance(shape, Array):
        if shape.is_text:
            return numpy.dtype(f"S{shape.length}")
        return numpy.dtype((_dtype(numpy, shape.element), (shape.length,)))
    return numpy.dtype(_code(shape))


def _code(shape: Shape) -> str:
    mark, size = MARKS[shape.order], shape.size
    if isinstance(shape, Float):
        return mark + _FLOATS[shape.format] if shape.format in _FLOATS else f"V{size}"
    if isinstance(shape, Int) and shape.is_bool and size == 1 and not shape.is_part:
        return "?"
    if (
        isinstance(shape, Int | Enum | Address)
        and size in (1, 2, 4, 8)
        and not (isinstance(shape, Int) and shape.is_part)
    ):
        return f"{mark}{'i' if shape.signed else 'u'}{size}"
    return f"V{size}"


def bitfield(shape: Shape, records: Any, name: str) -> Any:
    """The values of a bit-field in an array of records of `dtype_of(shape)`: int64 or uint64, of the same dimensions.

    Raises NotFoundError if there is no such bit-field, FormatError if the array is of records of another size.
    """
    numpy = _numpy()
    field = shape.fields.get(name) if isinstance(shape, Composite) else None
    if field is None or not field.bits:
        raise NotFoundError(f"{shape.cast} has no bitfield {printable(name)!r}")
    if isinstance(records, numpy.void):  # one record
        array = numpy.frombuffer(memoryview(records).cast("B"), f"V{records.dtype.itemsize}").reshape(())
    else:
        array = numpy.asarray(records)
    if array.dtype.itemsize != shape.size:
        raise FormatError(f"records of {array.dtype.itemsize} bytes, {shape.cast} has {shape.size}")
    # As plain bytes: a copy of an array of records lacks what is not in a field, and so the bit-fields.
    array = numpy.ascontiguousarray(array.view(f"V{shape.size}"))
    raw = array.reshape(-1).view(numpy.uint8).reshape(*array.shape, shape.size)
    first, end = field.bit_offset // 8, (field.bit_offset + field.bits + 7) // 8
    is_little = shape.order == "little"
    below = field.bit_offset % 8 if is_little else 8 * end - field.bit_offset - field.bits
    found = numpy.zeros(array.shape, numpy.uint64)
    for place in range(first, end):
        shift = 8 * (place - first if is_little else end - 1 - place) - below
        byte = raw[..., place].astype(numpy.uint64)
        found |= byte << numpy.uint64(shift) if shift >= 0 else byte >> numpy.uint64(-shift)
    found &= numpy.uint64((1 << field.bits) - 1)
    assert isinstance(field.shape, Scalar)
    if not field.shape.signed:
        return found
    sign = numpy.int64(1) << numpy.int64(field.bits - 1)
    signed = found.astype(numpy.int64)
    return (signed ^ sign) - sign


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise UnsupportedError("NumPy is not installed: pip install 'btfkit[numpy]'") from None
    return numpy
