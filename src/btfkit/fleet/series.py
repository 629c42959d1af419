"""Series of kernels: those of one distribution, architecture and flavor, in the order of their versions, and ranges in them.

`check` folds by distribution and architecture; what is asked about members and types is folded by flavor as well, because
flavors are configured differently.
"""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.fleet.keys import flavor_of_uname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfkit.fleet.matrix import Column


class Series:
    """Kernels of one `distro`, `arch` and `flavor` ("" if unknown or none): `columns` by version, those that were read."""

    __slots__ = ("arch", "columns", "distro", "flavor")

    def __init__(self, distro: str, arch: str, flavor: str) -> None:
        self.distro = distro
        self.arch = arch
        self.flavor = flavor
        self.columns: list[int] = []

    @property
    def name(self) -> str:
        """ "debian x86_64 cloud", or "kernels" if nothing is known."""
        return printable(" ".join(filter(None, (self.distro, self.arch, self.flavor)))) or "kernels"

    def runs(self, value: Callable[[int], object]) -> list[list[int]]:
        """The columns, those that follow each other with equal values together."""
        found: list[list[int]] = []
        last: object = None
        for column in self.columns:
            now = value(column)
            if found and now == last:
                found[-1].append(column)
            else:
                found.append([column])
            last = now
        return found


def series_of(columns: Sequence[Column], usable: Iterable[int]) -> list[Series]:
    """The series of some `columns`, by name."""
    found: dict[tuple[str, str, str], Series] = {}
    for number in sorted(usable, key=lambda n: (columns[n].version, n)):
        key = columns[number].key
        parts = key.distro, key.arch, flavor_of_uname(key.uname)
        found.setdefault(parts, Series(*parts)).columns.append(number)
    return [found[parts] for parts in sorted(found)]


def run_text(columns: Sequence[Column], run: Sequence[int]) -> str:
    """ "6.1.0-47-amd64 ... 6.12.107-amd64 (3 kernels)", or the name of the only kernel."""
    first, last = columns[run[0]].name, columns[run[-1]].name
    if len(run) == 1:
        return printable(first)
    return printable(f"{first} ... {last}") + (f" ({counted(len(run), 'kernel')})" if len(run) > 2 else "")
