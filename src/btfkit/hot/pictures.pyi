from array import array
from collections.abc import Callable
from typing import TypeAlias

from btfkit.hot.measures import Measures
from btfkit.hot.picture_comments import Comments

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

class Pictures(Comments):
    def __init__(
        self,
        measures: Measures,
        words: _Words,
        positions: _Words,
        strings: _Bytes,
        shown: Callable[[int], bytes],
        longest: int,
        cacheline: int,
        levels: int,
        deepest: int,
        most_members: int,
        expand: bool,
        hexadecimal: bool,
    ) -> None: ...
    def draw(self, type_id: int, alias: bytes) -> None: ...
    def draw_enum(self, type_id: int, alias: bytes) -> None: ...
    def put_numbers(self, type_id: int, alias: bytes) -> None: ...
