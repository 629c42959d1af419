"""The entries of a map of the running kernel as text, as `bpftool map dump` writes them.

With BTF, keys and values by their types; without, their bytes in hexadecimal.
"""

from __future__ import annotations

from btfkit.btf.shapes import sized_shape
from btfkit.errors import BtfError, counted
from btfkit.files.running_kernel import entries, load_kernel_btf
from btfkit.values.bpftool_text import BpftoolText, map_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.running_kernel import KernelMap
    from btfkit.values.shape import Shape

SHORT_LINE, SHORT_PART = 24, 16  # bytes of key and value, and of each of them, that fit on one line


def map_chunks(found: KernelMap, *, compat: bool = False) -> Iterator[str]:
    """The text, in parts, with `compat` with bpftool's defects; raises OSError if entries of such maps cannot be read."""
    shapes = _shapes(found)
    if shapes is not None:
        key, value = shapes
        return map_text(
            BpftoolText(compat=compat).entry((key, raw) if key else None, value, values, percpu=found.is_percpu)
            for raw, values in entries(found)
        )
    return _hexadecimal(found)


def _shapes(found: KernelMap) -> tuple[Shape | None, Shape] | None:
    """The shapes of keys (None: not stated) and values, if the map has BTF that fits."""
    if not found.btf_id or not found.value_type_id:
        return None
    btf = load_kernel_btf(found.btf_id)
    try:
        key = sized_shape(btf, found.key_type_id) if found.key_type_id else None
        value = sized_shape(btf, found.value_type_id)
    except BtfError:
        return None
    fits = value.size <= found.value_size and (key is None or key.size <= found.key_size)
    return (key, value) if fits else None


def _hexadecimal(found: KernelMap) -> Iterator[str]:
    count = 0
    for key, values in entries(found):
        count += 1
        small = len(key) + found.value_size <= SHORT_LINE and max(len(key), found.value_size) <= SHORT_PART
        if found.is_percpu:
            yield "".join(
                ["key:\n", _lines(key), *(f"value (CPU {cpu:02}):{_end(raw)}" for cpu, raw in enumerate(values))]
            )
        elif small:
            yield f"key: {_line(key)}  value: {_line(values[0])}\n"
        else:
            yield f"key:\n{_lines(key)}value:\n{_lines(values[0])}"
    yield f"Found {counted(count, 'element')}\n"


def _end(raw: bytes) -> str:
    return f" {_line(raw)}\n" if len(raw) <= SHORT_PART else f"\n{_lines(raw)}"


def _line(raw: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in raw)


def _lines(raw: bytes) -> str:
    """Lines of 16 bytes, with two spaces after the eighth."""
    rows = (raw[at : at + 16] for at in range(0, len(raw), 16))
    return "".join("  ".join(_line(part) for part in (row[:8], row[8:]) if part) + "\n" for row in rows)
