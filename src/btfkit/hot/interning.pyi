from btfkit.hot.strings import StringTable
from btfkit.hot.symbols import Symbols

class Interner(Symbols):
    names: StringTable
    prime: int
    force: bool
    die_base: int
    group: int
    count: int
    type_tags: list[tuple[int, int, int, int]]
    function_tags: list[tuple[int, int, int]]
    variable_tags: list[tuple[int, int, int]]
    records: memoryview
    record_at: memoryview
    record_die: memoryview
    record_count: int
    record_end: int
    occurrences: memoryview
    occurred: int
    starts: list[int]
    functions: memoryview
    function_end: int

    def __init__(self, names: StringTable, prime: int) -> None: ...
    def begin(self) -> int: ...
    def settle(self) -> None: ...
