from typing import TypeAlias

from btfkit.hot.abbreviations import Abbreviations
from btfkit.hot.interning import Interner
from btfkit.hot.leb128 import Leb128

_Bytes: TypeAlias = bytes | bytearray | memoryview

class Attributes(Leb128):
    types: Interner
    info_base: int
    alt_base: int
    reached: list[int]
    seen: bytearray
    split: bool
    placeless: bool
    signatures: dict[int, int]
    place: int

    def __init__(self, types: Interner, big: bool) -> None: ...
    def sections(
        self,
        info: _Bytes,
        strings: _Bytes,
        line_strings: _Bytes,
        alt_strings: _Bytes,
        string_offsets: _Bytes,
        addresses: _Bytes,
        lists: _Bytes,
        old_lists: _Bytes,
    ) -> None: ...
    def unit(self, start: int, end: int, version: int, offset_size: int, address_size: int) -> None: ...
    def bases(self, strings: int, addresses: int, lists: int, list_start: int) -> None: ...
    def root(self, at: int, table: Abbreviations) -> int: ...
    def has(self, slot: int) -> int: ...
    def number(self, slot: int) -> int: ...
    def text(self, slot: int) -> bytes: ...
