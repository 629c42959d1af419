from array import array
from collections.abc import Callable
from typing import TypeAlias

_Words: TypeAlias = memoryview | array[int]

def forced_alignment(offset: int, natural: int, end: int, cacheline: int) -> int: ...
def named_composites(words: _Words, positions: _Words, first_id: int) -> list[int]: ...

class Field:
    name: str
    type_id: int
    kind: int
    offset: int
    size: int
    bit_offset: int
    bits: int
    first_bit: int
    alignment: int
    hole: int
    bit_hole: int
    def __init__(self, name: str, type_id: int, kind: int) -> None: ...

class Measures:
    targets: memoryview
    sizes: memoryview
    alignments: memoryview
    fields: memoryview
    rows: memoryview
    size: int
    alignment: int
    natural_alignment: int
    forced: int
    packed: bool
    pre_hole: int
    pre_bit_hole: int
    holes: int
    bit_holes: int
    padding: int
    bit_padding: int
    sum_members: int
    sum_bits: int
    sum_holes: int
    sum_bit_holes: int
    def __init__(self, words: _Words, positions: _Words, pointer_size: int, cacheline: int, levels: int) -> None: ...
    def restart(self, words: _Words, positions: _Words, first: int) -> None: ...
    def learn(self, type_id: int, depth: int) -> int: ...
    def measure(self, type_id: int) -> None: ...
    def fields_of(self, type_id: int, names: dict[int, str], spell: Callable[[int], str]) -> list[Field]: ...
