from typing import TypeAlias

_Bytes: TypeAlias = bytes | bytearray | memoryview

class NameCounts: ...

class Buffer:
    at: int
    def __init__(
        self,
        strings: _Bytes,
        shown: _Bytes,
        attributed: _Bytes,
        literal: bool,
        most: int,
        long_bits: int = 64,
        marks: _Bytes = b"",
        prefix: bytes = b"",
        suffix: bytes = b"",
    ) -> None: ...
    def take(self) -> bytes: ...
    def put(self, text: bytes) -> None: ...
