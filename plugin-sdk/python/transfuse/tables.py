"""Code tables: local codes and what they mean elsewhere, kept by the hospital and not by the plugin."""

from __future__ import annotations

from typing import Any, Iterable

from . import _host
from .errors import TableError


class Row:
    """One row of a table: `row["loinc"]`, or `row.get("display")` where the column may be missing."""

    __slots__ = ("cells", "columns")

    def __init__(self, columns: list[str], cells: list[str]) -> None:
        self.columns = columns
        """The names of the columns, in the order of the file."""
        self.cells = cells
        """The cells, in the order of the columns."""

    def __getitem__(self, column: str) -> str:
        """The cell of a column; a `TableError` where the table has no such column."""
        if column in self.columns:
            return self.cells[self.columns.index(column)]
        names = ", ".join(self.columns)
        raise TableError("no-such-column", f"the table has no column `{column}`; it has {names}")

    def get(self, column: str, default: str = "") -> str:
        """The cell of a column, and `default` where the table has no such column."""
        return self[column] if column in self.columns else default


class Table:
    """One version of one table, fixed for the whole message: a new version takes effect between messages."""

    __slots__ = ("_columns", "_host")

    def __init__(self, name: str) -> None:
        """Opens a table that the interface grants by this name."""
        host = _host.needed(_host.tables, 'tables = ["' + name + '"]')
        try:
            self._host: Any = host.Table.open(name)
        except _host.Err as error:
            raise _told(error) from None
        self._columns: list[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        if self._columns is None:
            self._columns = self._host.columns()
        return self._columns

    def find(self, column: str, value: str) -> Row | None:
        """The first row whose `column` equals `value` exactly; `None` where no row does."""
        return self.find_many(column, [value])[0]

    def find_many(self, column: str, values: Iterable[str]) -> list[Row | None]:
        """The same for many values in one call, in the order asked."""
        try:
            found = self._host.find_many(column, list(values))
        except _host.Err as error:
            raise _told(error) from None
        return [None if cells is None else Row(self.columns, cells) for cells in found]


def _told(error: Any) -> TableError:
    return TableError(error.value.code, error.value.text)
