from array import array
from typing import Any, TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def groups(
    data: bytes, at: int, end: int, record_size: int, is_little: bool, found: list[tuple[int, int, int]]
) -> int: ...
def relocations(
    data: bytes,
    places: list[tuple[int, int, int]],
    record_size: int,
    is_little: bool,
    strings: _Bytes,
    blob: bytes,
    text_at: int,
    found: list[tuple[bytes, int, int, bytes, int]],
) -> int: ...
def word(data: _Bytes, at: int, is_little: bool) -> int: ...
def text_of(strings: _Bytes, blob: bytes, text_at: int, offset: int) -> bytes: ...

class Fields:
    visits: int
    saw_pointer: bool
    is_plain: bool
    def __init__(
        self,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        blob: bytes,
        text_at: int,
        pointer_size: int,
        is_little: bool,
    ) -> None: ...
    def local(
        self, root: int, access: bytes
    ) -> tuple[int, tuple[Any, ...], int, int, bool, int, tuple[int, int, int] | None, int, bytes] | None: ...
    def answer(
        self,
        root: int,
        index: int,
        steps: tuple[Any, ...],
        kind: int,
        types: list[int],
        members: list[tuple[int, int]],
        pointers: list[tuple[int, int]],
    ) -> tuple[int, int, tuple[int, int, int]] | tuple[int, bytes] | None: ...
    def is_sole_way(self, members: list[tuple[int, int]]) -> bool: ...
    def count(self, type_id: int, name: bytes) -> int: ...
