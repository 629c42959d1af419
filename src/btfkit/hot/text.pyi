from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

ROOM: int
HEX: int
JSON_CONTROL: int
JSON_HEX: int
JSON_CHARACTER: int
SKIPPED: int

def records(
    words: _Words,
    positions: _Words,
    table: _Bytes,
    first: int,
    unit: int,
    stop: int,
    first_id: int,
    formats: _Bytes,
    columns: _Words,
    strings: _Bytes,
    odd: _Bytes,
    below: dict[int, bytes],
    out: bytearray | memoryview,
) -> tuple[int, int, int, int]: ...
