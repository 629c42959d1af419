"""Answers that kernels share: a type that consists of the same on two kernels answers the same questions with the same values.

For objects that are relocated on many kernels.  The bytes of `hot/contents.py` have all that is read to match a field or an
enumerator; they are compared by a cryptographic hash of 16 bytes.
"""

from __future__ import annotations

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.co_re.outcome import KnownAnswer
    from btfkit.co_re.target import Target

MOST_PENDING, LONGEST = 1 << 14, 1 << 18  # members and bytes of a type that kernels share answers about
MOST_TYPES = 1 << 12  # whose answers are kept


class KnownAnswers:
    """The answers by what the type consists of, then by the number of the question."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], dict[int, KnownAnswer]] = {}
        self._pending = array("I", bytes(4 * MOST_PENDING))
        self._out = memoryview(bytearray(LONGEST))
        self._target: Target | None = None
        self._seen = memoryview(b"")
        self._start = 0

    def of(self, target: Target, kind: int, name: bytes) -> dict[int, KnownAnswer] | None:
        """The answers of the only type of a kernel with that kind and essential name, to which others can be added; None if
        there are more than one, none, or it is too large."""
        from hashlib import blake2b

        from btfkit.hot.contents import composite

        candidates = target.candidates(kind, name)
        if len(candidates) != 1 or candidates[0][0].base is not None:
            return None
        btf, type_id = candidates[0]
        if target is not self._target or self._start > 1 << 31:
            self._target = target
            self._seen = memoryview(bytearray(4 * (len(btf) + 1))).cast("I")
            self._start = 0
        if len(self._seen) <= len(btf):
            return None
        length = composite(
            btf.words, btf.positions, btf.strings, type_id, self._seen, self._start, self._pending, self._out
        )
        self._start += max(length, LONGEST if not length else 0)
        if not length:
            return None
        digest = blake2b(self._out[:length], digest_size=16).digest()
        key = (kind, name, btf.byte_order, btf.pointer_size, btf.kind(type_id), digest)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_TYPES:
                self._known.clear()
            found = self._known[key] = {}
        return found
