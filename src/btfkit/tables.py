"""Results as tables: rows of one shape, for data frames (pandas, polars) and for programs that want plain data.

Every result with rows is `Tabular`: it says what its `table` is, and has `records`, `pandas` and `polars` by that.
"""

from __future__ import annotations

from btfkit.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Table = dict[str, list[Any]]


class Tabular:
    """A result that is a table: a list for each column, all of one length; None where a row has no value."""

    __slots__ = ()

    def table(self) -> Table:
        """The columns by name."""
        raise NotImplementedError

    def records(self, *which: Any) -> list[dict[str, Any]]:
        """The rows, each a dictionary with all columns; arguments are those of `table`."""
        table = self.table(*which)
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]

    def pandas(self, *which: Any) -> Any:
        """The table as a pandas DataFrame; raises UnsupportedError without pandas.

        A column of integers in which some are lacking is of pandas' type Int64.
        """
        pandas = _library("pandas")
        return pandas.DataFrame({name: _nullable(pandas, column) for name, column in self.table(*which).items()})

    def polars(self, *which: Any) -> Any:
        """The table as a polars DataFrame; raises UnsupportedError without polars."""
        polars = _library("polars")
        return polars.DataFrame({name: _series(polars, name, column) for name, column in self.table(*which).items()})


def table_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """The columns of that name with the cells of `rows`, each as long as `names`."""
    table: Table = {name: [] for name in names}
    columns = tuple(table.values())
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return table


def _library(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise UnsupportedError(f"{name} is not installed: pip install 'btfkit[{name}]'") from None


_INT64 = range(-(1 << 63), 1 << 63)


def _is_integral(column: Sequence[Any]) -> bool:
    """Whether the values are integers, and None; not all of them None."""
    kinds = set(map(type, column))
    return int in kinds and kinds <= {int, type(None)}


def _nullable(pandas: Any, column: list[Any]) -> Any:
    """A column of integers with None as such: pandas makes floating-point numbers of these."""
    if not _is_integral(column) or None not in column:
        return column
    fits = all(value is None or value in _INT64 for value in column)
    return pandas.array(column, dtype="Int64") if fits else pandas.Series(column, dtype="object")


def _series(polars: Any, name: str, column: list[Any]) -> Any:
    """A column whose type all its values say: polars takes that of the first one, and not every integer fits into it."""
    if _is_integral(column):
        least, most = min(filter(_some, column)), max(filter(_some, column))
        wide = polars.Int64 if least in _INT64 and most in _INT64 else polars.UInt64 if least >= 0 else polars.Int128
        return polars.Series(name, column, dtype=wide)
    return polars.Series(name, column)


def _some(value: Any) -> bool:
    return value is not None
