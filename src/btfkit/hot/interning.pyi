from btfkit.hot.strings import StringTable


class Interner:
    names: StringTable
    prime: int
    force: bool
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
    symbol_name: memoryview
    symbol_tag: memoryview
    symbol_record: memoryview
    symbol_count: int
    others: list[tuple[int, int]]
    occurrences: memoryview
    occurred: int
    starts: list[int]
    functions: memoryview
    function_end: int

    def __init__(self, names: StringTable, prime: int) -> None: ...
    def begin(self) -> int: ...
    def settle(self) -> None: ...
