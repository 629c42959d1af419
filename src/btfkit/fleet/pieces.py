"""Verdicts on their way from a worker to the matrix: a piece for each object, pickled once for all kernels that share it.

A kernel is judged for itself, but most have the verdicts of others, and some are another one with the same bytes.
"""

from __future__ import annotations

import pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.co_re.target import Target
    from btfkit.fleet.matrix import Matrix
    from btfkit.programs.checks import Checks
    from btfkit.programs.registers import Value
    from btfkit.programs.symbol_table import SymbolTable
    from btfkit.programs.verdict import Verdict

SAMPLED = 4096  # one byte of so many tells whether a kernel may be one that was seen before
MOST = 4096  # pieces that are kept


class Judge:
    """The objects in a worker, and what it found for other kernels."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._pieces: dict[tuple[int, ...], tuple[Sequence[Verdict], bytes]] = {}
        self._seen: set[int] = set()
        self._known: dict[tuple[object, ...], list[bytes]] = {}

    def pieces(self, target: Target, version: Value, symbols: SymbolTable | None = None) -> list[bytes]:
        """The verdicts on the programs of each object; parameters as of `Checks.verdicts`."""
        key = self._identity(target, version, symbols)
        found = self._known.get(key) if key else None
        if found is None:
            found = self._judged(target, version, symbols)
            if key:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = found
        return found

    def _identity(self, target: Target, version: Value, symbols: SymbolTable | None) -> tuple[object, ...]:
        """What identifies a kernel that may have been seen before; () for another one, or for one with modules."""
        if target.modules or target.vmlinux.base is not None:
            return ()
        blob = target.vmlinux.blob
        sample = hash((version, symbols, len(blob), bytes(blob[::SAMPLED])))
        if sample not in self._seen:
            self._seen.add(sample)
            return ()
        from hashlib import sha256

        return version, symbols, len(blob), target.vmlinux.pointer_size, sha256(blob).digest()

    def _judged(self, target: Target, version: Value, symbols: SymbolTable | None) -> list[bytes]:
        verdicts = self.checks.verdicts(target, version, symbols)
        pieces = []
        start = 0
        for one in self.checks.objects:
            own = verdicts[start : start + len(one.programs)]
            start += len(one.programs)
            key = tuple(map(id, own))  # of verdicts that are kept with the piece, so that no other one gets their ids
            known = self._pieces.get(key)
            if known is None:
                if len(self._pieces) >= MOST:
                    self._pieces.clear()
                known = self._pieces[key] = own, pickle.dumps(own, pickle.HIGHEST_PROTOCOL)
            pieces.append(known[1])
        return pieces


class Pieces:
    """The pieces that have arrived, each unpickled once."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._numbers: dict[tuple[int, bytes], list[int]] = {}

    def put(self, column: int, pieces: Sequence[bytes]) -> None:
        """Store the verdicts of all programs on a kernel."""
        row = 0
        for number, piece in enumerate(pieces):
            key = number, piece
            numbers = self._numbers.get(key)
            if numbers is None:
                verdicts = pickle.loads(piece)
                numbers = [self._matrix.number(row + at, verdict) for at, verdict in enumerate(verdicts)]
                self._numbers[key] = numbers
            for verdict_number in numbers:
                self._matrix.cells[row][column] = verdict_number
                row += 1
