"""Time lines as narrow pictures: kernels across, series by series, and a shade that changes whenever the place does."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from btfkit.web.catalog import Kernels
    from btfkit.web.definitions import Timeline

UNIT = 8  # the width of a kernel
GAP = 150  # between two series: one part in so many of the width, but not less than a quarter of a kernel
MOST_RUNS = 6000  # of all strips of a page, which it also has as numbers


class Strips:
    """The pictures: `width` in units, the `places` of kernels in the order of series, and `edges`, where a series
    begins."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        gap = max(UNIT // 4, len(kernels) * UNIT // GAP)
        self.places: list[int] = []
        self.edges: list[tuple[int, int, str]] = []
        at = 0
        for series in kernels.series:
            size = len(series.columns) * UNIT
            self.edges.append((at, size, series.name))
            self.places += range(at, at + size, UNIT)
            at += size + gap
        self.width = max(at - gap, 1)

    def paths(self, line: Timeline) -> tuple[str, str]:
        """Two paths of SVG, one for each shade."""
        found: tuple[list[str], list[str]] = ([], [])
        shade = 1
        known: dict[Any, int] = {}
        before = None
        for run in line.runs:
            place = run.part.offset, run.part.bits, run.part.type
            if place != before:
                shade = known[place] if place in known and known[place] != shade else 1 - shade
                known.setdefault(place, shade)
                before = place
            first, last = self.places[run.first], self.places[run.last]
            found[shade].append(f"M{first} 0h{last - first + UNIT}v1H{first}")
        return "".join(found[0]), "".join(found[1])

    def data(self, lines: Sequence[Timeline]) -> dict[str, Any]:
        """For a script: the names of kernels by place, and the runs of each line as [first, last, bits, type]; without these if
        there are too many."""
        names = [self._kernels.columns[column].name for column in self._kernels.order]
        few = sum(len(line.runs) for line in lines) <= MOST_RUNS
        types: dict[str, int] = {}
        runs = [
            [[run.first, run.last, run.part.offset, types.setdefault(run.part.type, len(types))] for run in line.runs]
            for line in (lines if few else ())
        ]
        return {
            "width": self.width,
            "unit": UNIT,
            "places": self.places,
            "names": names,
            "types": list(types),
            "runs": runs,
        }
