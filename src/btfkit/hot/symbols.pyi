class Symbols:
    symbol_name: memoryview
    symbol_tag: memoryview
    symbol_record: memoryview
    symbol_count: int
    others: list[tuple[int, int]]
