from array import array
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]
_Bytes: TypeAlias = bytes | bytearray | memoryview

def index_users(records: _Words, record_at: _Words, count: int, starts: array[int], users: array[int]) -> None: ...
def index_records(occurrences: _Words, end: int, starts: array[int], places: array[int]) -> None: ...
def reference_at(words: _Words, at: int, step: int) -> int: ...
def references(words: _Words, at: int, found: list[int]) -> int: ...
def used(records: _Words, record_at: _Words, order: _Words, marks: bytearray) -> None: ...
def translate(
    records: _Words,
    record_at: _Words,
    order: _Words,
    ids: _Words,
    symbol_ids: _Words,
    index_type: int,
    out: _Words,
    positions: _Words,
) -> int: ...
def void_types(words: _Words, positions: _Words, longest: int, empty: bytearray) -> None: ...
def void_places(words: _Words, positions: _Words, empty: _Bytes, found: list[int]) -> None: ...
def renumber(words: _Words, id_places: _Words, ids: _Words, name_places: _Words, shift: int) -> None: ...
def measure(words: _Words, positions: _Words, pointer: int, sizes: _Words, flags: bytearray) -> None: ...
def merge_instances(functions: _Words, end: int) -> None: ...
def resolve_types(
    functions: _Words,
    end: int,
    ids: _Words,
    symbol_ids: _Words,
    special: list[tuple[int, int]],
    tainted: _Bytes,
    tainted_symbols: _Bytes,
) -> None: ...
def judge(
    functions: _Words,
    positions: _Words,
    sizes: _Words,
    flags: _Bytes,
    registers: _Bytes,
    address: int,
    single: bool,
) -> None: ...
