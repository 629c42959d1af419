from array import array

from btfkit.hot.abbreviations import Abbreviations
from btfkit.hot.attributes import Attributes
from btfkit.hot.interning import Interner

class Reader(Attributes):
    want_floats: bool
    want_enum64: bool
    want_type_tags: bool
    want_decl_tags: bool
    clang: bool
    force: bool
    ranges: array[int]
    variables: list[tuple[int, int, int, int, int, int, int]]
    warnings: dict[str, int]
    dies: int

    def __init__(self, types: Interner, big: bool) -> None: ...
    def walk(self, at: int, table: Abbreviations) -> None: ...
    def settle(self) -> None: ...
