"""One input of the fuzzer, as a file."""

from __future__ import annotations

import json


class Case:
    """One input: the `target` it is for, `parts` (bytes, or the name of a kernel of the corpus), and `options`."""

    def __init__(self, target: str, parts: list, **options) -> None:
        self.target = target
        self.parts = parts
        self.options = options

    def to_bytes(self) -> bytes:
        """A line of JSON, then the parts."""
        sizes = [len(part) if isinstance(part, bytes) else part for part in self.parts]
        head = json.dumps({"target": self.target, "parts": sizes, "options": self.options}).encode()
        return head + b"\n" + b"".join(part for part in self.parts if isinstance(part, bytes))

    @classmethod
    def from_bytes(cls, data: bytes) -> Case:
        """The inverse of `to_bytes`."""
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        parts: list = []
        for size in head["parts"]:
            parts.append(rest[:size] if isinstance(size, int) else size)
            rest = rest[size:] if isinstance(size, int) else rest
        return cls(head["target"], parts, **head["options"])
